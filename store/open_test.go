package store

import (
	"context"
	"strings"
	"testing"
	"time"

	"slotd/internal/booking"
)

// listFor lists bookings for a customer.
func listFor(t *testing.T, s *Store, customer string, ids ...string) {
	t.Helper()
	update(t, s, func(tx *Tx) { tx.PutOpenBookings(customer, ids) })
}

// listedFor returns what is listed for a customer.
func listedFor(t *testing.T, s *Store, customer string) (ids []string) {
	t.Helper()
	view(t, s, func(r *Reader) (err error) {
		ids, err = r.OpenBookings(customer)
		return err
	})
	return ids
}

// TestOpenKey: it shows nothing of the number, and a typed number is another customer than a known one.
func TestOpenKey(t *testing.T) {
	s, other := newStore(t), newStore(t)
	known, typed := s.OpenKey("491700000001", false), s.OpenKey("491700000001", true)
	if known == typed || known == other.OpenKey("491700000001", false) || known == s.OpenKey("491700000002", false) {
		t.Error("two customers have one key")
	}
	if known != s.OpenKey("491700000001", false) || strings.Contains(known+typed, "49170") || !strings.HasPrefix(known, prefixOpen) {
		t.Errorf("keys %s, %s", known, typed)
	}
}

func TestOpenBookings(t *testing.T) {
	s := newStore(t)
	anna := s.OpenKey("491700000001", false)
	same(t, "nothing yet", 0, len(listedFor(t, s, anna)))
	listFor(t, s, anna, "b1", "b2")
	same(t, "listed", []string{"b1", "b2"}, listedFor(t, s, anna))
	for _, id := range []string{"b1", "b1", "b9"} {
		updateErr(t, s, func(tx *Tx) error { return tx.DropOpenBooking(anna, id) })
	}
	same(t, "one is dropped", []string{"b2"}, listedFor(t, s, anna))
	updateErr(t, s, func(tx *Tx) error { return tx.DropOpenBooking(anna, "b2") })
	same(t, "records", []string{}, keys(t, s, prefixOpen))
}

func TestVerifyListsOfCustomers(t *testing.T) {
	listed := func(t *testing.T, s *Store, ids ...string) {
		listFor(t, s, s.OpenKey("491700000001", false), ids...)
	}
	kept := func(t *testing.T, s *Store) { update(t, s, func(tx *Tx) { tx.PutOpenListed(created) }) }
	for _, c := range []struct {
		name  string
		plant func(*testing.T, *Store)
		want  []string
	}{
		{"listed", func(t *testing.T, s *Store) { kept(t, s); listed(t, s, "b1", "b2", "old") }, []string{}},
		{"nobody lists them", func(t *testing.T, s *Store) { listed(t, s, "b1") }, []string{}},
		{"not listed", func(t *testing.T, s *Store) { kept(t, s); listed(t, s, "b1") },
			[]string{"open, booking b2 (REF-B2): the booking is not listed under its customer"}},
		{"without a number", func(t *testing.T, s *Store) {
			kept(t, s)
			listed(t, s, "b1")
			update(t, s, func(tx *Tx) { tx.PutPerson("b2", booking.Person{Name: "Erika", Phone: "unknown"}) })
		}, []string{}},
		{"twice", func(t *testing.T, s *Store) { listed(t, s, "b1", "b1") },
			[]string{"open, booking b1 (REF-B1): a customer's list has the booking twice"}},
		{"gone", func(t *testing.T, s *Store) { listed(t, s, "b9") },
			[]string{"open, booking b9: a customer's list has a booking that does not exist"}},
		{"undecodable", func(t *testing.T, s *Store) { kept(t, s); put(t, s.db, "open/x", "{") },
			[]string{"open: the record cannot be decoded"}},
		{"newer", func(t *testing.T, s *Store) { put(t, s.db, "open/x", `{"v":9}`); put(t, s.db, keyListed, `{"v":9}`) },
			[]string{"listed: the record was written by a newer slotd than this one",
				"open: the record was written by a newer slotd than this one"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			db, s := newClinic(t)
			c.plant(t, s)
			report := verifyAll(t, db, verifyResources)
			same(t, "findings", c.want, lines(report))
			coming, err := s.VerifyComing(t.Context(), VerifyOptions{Catalog: catalogOf(verifyResources), Now: created})
			if err != nil {
				t.Fatal(err)
			}
			same(t, "findings of the quick form, which reads no lists", []string{}, lines(coming))
			_, err = CheckReadable(t.Context(), db)
			if readable := !strings.Contains(strings.Join(c.want, ""), "the record"); (err == nil) != readable {
				t.Errorf("readable: %v", err)
			}
		})
	}
}

// TestRetentionOfLists: what is over goes from the lists, before the bookings themselves go, and with it lists of nothing.
func TestRetentionOfLists(t *testing.T) {
	for _, most := range []int{1000, 1} { // removed at once, or one by one in several nights
		retainLists(t, most)
	}
}

func retainLists(t *testing.T, most int) {
	t.Helper()
	s := newStore(t)
	start := created.Add(48 * time.Hour)
	for id, begins := range map[string]time.Time{
		"over": start, "coming": start.Add(keptBookings + 24*time.Hour), "called-off": start.Add(keptBookings + 25*time.Hour),
	} {
		insertNew(t, s, begun(id, begins, created), booking.Person{Phone: "15550100"})
		settled(t, s, id)
	}
	change(t, s, "called-off", created, func(b *booking.Booking) error {
		return b.Cancel(booking.Act{At: created, By: booking.ByOperator})
	})
	settled(t, s, "called-off")
	anna, bert, cora := s.OpenKey("1", false), s.OpenKey("2", false), s.OpenKey("3", true)
	listFor(t, s, anna, "over", "coming")
	listFor(t, s, bert, "over", "called-off")
	listFor(t, s, cora, "coming")
	update(t, s, func(tx *Tx) { tx.PutOpenListed(created) })

	night, sum := retainAt(start.Add(30*time.Minute+keptBookings)), Removed{More: true}
	for night.Most = most; sum.More; {
		removed := retain(t, s, night)
		sum.Bookings, sum.Customers, sum.More = sum.Bookings+removed.Bookings, sum.Customers+removed.Customers, removed.More
	}
	same(t, "removed", Removed{Bookings: 1, Customers: 1}, sum)
	same(t, "lists", [][]string{{"coming"}, nil, {"coming"}},
		[][]string{listedFor(t, s, anna), listedFor(t, s, bert), listedFor(t, s, cora)})
	if n := len(keys(t, s, prefixOpen)); n != 2 {
		t.Errorf("%d lists", n)
	}
	before := dump(t, s.db)
	retain(t, s, retainAt(start.Add(31*time.Minute+keptBookings)))
	same(t, "records after the next night", before, dump(t, s.db))
}

// TestRestoreKeepsLists: a copy has the lists of just its bookings.
func TestRestoreKeepsLists(t *testing.T) {
	db, s := newClinic(t)
	anna := s.OpenKey("491700000001", false)
	listFor(t, s, anna, "b1", "b2")
	update(t, s, func(tx *Tx) { tx.PutOpenListed(created) })
	if _, err := PrepareRestore(context.Background(), db, created.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	same(t, "listed", []string{"b1", "b2"}, listedFor(t, s, anna))
	same(t, "findings", []string{}, lines(verifyAll(t, db, nil)))
}
