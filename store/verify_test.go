package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/store/kv"
	"slotd/store/kv/bolt"
)

// The clinic of these tests: Adams and Clark share a calendar, Baker takes two at a time, and a class three wherever it is.
var verifyResources = []booking.Resource{
	{ID: "adams", BookInto: "g/adams", Blocks: []calendar.ID{"g/adams"}},
	{ID: "baker", BookInto: "g/baker", Blocks: []calendar.ID{"g/baker"}, Rules: booking.Rules{Capacity: new(2)}},
	{ID: "clark", BookInto: "g/clark", Blocks: []calendar.ID{"g/clark", "g/adams"}},
}

// sold returns a booking of half an hour with buffers of ten minutes, that begins minutes after a day from created.
func sold(id, resource string, minutes int) *booking.Booking {
	start := created.AddDate(0, 0, 1).Unix() + int64(minutes)*60
	return &booking.Booking{
		ID: id, Reference: "REF-" + strings.ToUpper(id), Version: 1, Status: booking.Confirmed, Service: "check",
		Interval: calendar.Interval{Start: start, End: start + 1800}, Before: 600, After: 600, Created: created,
		Placements: []booking.Placement{{
			Resource: resource, Calendar: calendar.ID("g/" + resource), Identity: "identity-" + id, Status: booking.Pending,
		}},
		History: []booking.Change{{At: created, By: booking.ByCustomer, What: booking.WasCreated, Version: 1}},
	}
}

// insert books as the desk does, without asking whether there is room.
func insert(t *testing.T, s *Store, b *booking.Booking) {
	t.Helper()
	updateErr(t, s, func(tx *Tx) error {
		tx.PutVisit("visit-"+b.ID, &Visit{Expires: created, Outcome: &Outcome{Booking: b.ID, At: created}})
		return tx.InsertBooking(b, booking.Person{Name: "Erika Musterfrau", Phone: "491700000001"}, created)
	})
}

// write settles the only placement of a booking.
func write(t *testing.T, s *Store, b *booking.Booking) {
	t.Helper()
	update(t, s, func(tx *Tx) {
		b.Settled(0, calendar.Written{ID: "event-" + b.ID, Interval: b.Interval, Version: 1}, 1, created)
		tx.PutBooking(b)
		tx.PutOwn(ownOf(b))
		tx.DeleteMark(Mark{OutboxID: OutboxID{b.ID, 0}, Next: created})
	})
}

func ownOf(b *booking.Booking) OwnEvent {
	p := b.Placements[0]
	return OwnEvent{Calendar: p.Calendar, Identity: p.Identity, EventID: p.Event.ID, Booking: b.ID}
}

// newClinic returns a store with three bookings: b1 of Adams, which waits for its write, b2 of Baker, which is written, and
// old of Adams, which ended before the window and is no longer in the index of events.
func newClinic(t *testing.T) (kv.DB, *Store) {
	t.Helper()
	db, _ := newDB(t)
	s := create(t, db)
	b1, b2, old := sold("b1", "adams", 0), sold("b2", "baker", 0), sold("old", "adams", -11*24*60)
	for _, b := range []*booking.Booking{b1, b2, old} {
		insert(t, s, b)
	}
	write(t, s, b2)
	write(t, s, old)
	update(t, s, func(tx *Tx) {
		tx.DeleteOwn(ownOf(old))
		tx.PutVisit("unused", &Visit{Known: true, Expires: created})
		for _, r := range verifyResources {
			b := readOf(created.AddDate(0, 0, -1))
			if r.ID == "baker" {
				b.Own = []calendar.Own{{Interval: b2.Interval, Booking: "b2"}}
			}
			tx.PutSnapshot(r.BookInto, b, Mirror{Window: b.Window, ReadAt: created})
		}
	})
	s.MarkChecked("g/adams", created)
	if err := s.FlushChecked(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.SaveToken(t.Context(), "g", []byte("sealed")); err != nil {
		t.Fatal(err)
	}
	return db, s
}

// readOf returns a busy document whose window begins at start.
func readOf(start time.Time) *calendar.Busy {
	at := start.Unix()
	return &calendar.Busy{
		Window:  calendar.Interval{Start: at, End: at + 10*86400},
		Foreign: []calendar.Interval{{Start: at, End: at + 60}, {Start: at + 600, End: at + 660}},
	}
}

// catalogOf returns the rules of the clinic with some resources; nil without any.
func catalogOf(resources []booking.Resource) *booking.Catalog {
	if resources == nil {
		return nil
	}
	class := booking.Service{ID: "class", Rules: booking.Rules{Capacity: new(3)}}
	return booking.NewCatalog(booking.Business{Services: []booking.Service{class}, Resources: resources})
}

func verifyAll(t *testing.T, db kv.DB, resources []booking.Resource) Report {
	t.Helper()
	report, err := Verify(t.Context(), db, VerifyOptions{Catalog: catalogOf(resources), Now: created})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func lines(r Report) []string {
	out := []string{}
	for _, f := range r.Findings {
		out = append(out, f.String())
	}
	return out
}

func TestVerifyCleanStore(t *testing.T) {
	db, s := newClinic(t)
	// A second one of Baker at the same time, one of two resources that share a calendar, and one that is cancelled.
	insert(t, s, sold("b3", "baker", 0))
	both := sold("both", "adams", 60)
	both.Placements = append(both.Placements, sold("clark", "clark", 60).Placements...)
	insert(t, s, both)
	gone := sold("gone", "baker", 10)
	gone.Status = booking.Cancelled // a recorded cancel frees the time
	insert(t, s, gone)
	report := verifyAll(t, db, verifyResources)
	if diff := cmp.Diff([]string{}, lines(report)); diff != "" {
		t.Error(diff)
	}
	want := map[string]int{
		"meta": 1, "booking": 6, "person": 6, "ref": 6, "visit": 7, "claims": 3, "own": 6, "day": 7, "outbox": 5, "due": 5,
		"busy": 3, "mirror": 3, "checked": 1, "token": 1,
	}
	if diff := cmp.Diff(want, report.Records); diff != "" || len(report.NotChecked) != 0 {
		t.Error(report.NotChecked, diff)
	}
}

func TestVerifySaysWhatItDoesNotCheck(t *testing.T) {
	db, s := newClinic(t)
	insert(t, s, sold("b3", "adams", 10))
	for _, c := range []struct {
		name      string
		resources []booking.Resource
		want      string
	}{
		{"no config", nil, "overlaps of claims: without a config"},
		{"a resource that left the config", verifyResources[1:], "overlaps of the claims on adams"},
	} {
		report := verifyAll(t, db, c.resources)
		if len(report.Findings) != 0 || len(report.NotChecked) != 1 || !strings.HasPrefix(report.NotChecked[0], c.want) {
			t.Errorf("%s: %v; not checked: %q", c.name, lines(report), report.NotChecked)
		}
	}
}

func TestVerifyErrors(t *testing.T) {
	db, _ := newDB(t)
	if _, err := Verify(t.Context(), db, VerifyOptions{}); !errors.Is(err, ErrNotInitialized) {
		t.Error(err)
	}
}

// TestVerifyFindsDamage plants one fault at a time: each is found, once, in the right words.
func TestVerifyFindsDamage(t *testing.T) {
	due := func(at time.Time, id string) string { return keyDue(at.Unix(), dueOutbox, id) }
	claims := func(cs ...booking.Claim) string { return string(packClaims(cs)) }
	busy := func(change func(*calendar.Busy)) string {
		b := readOf(created.AddDate(0, 0, -1))
		change(b)
		return string(packBusy(b))
	}
	c1, old := sold("b1", "adams", 0).Claim(), sold("old", "adams", -11*24*60).Claim()
	late, other := c1, c1
	late.After, other.Service = 0, "class"
	for _, c := range []struct{ name, key, value, want string }{
		// value "-" deletes the key
		{"undecodable", keyBooking("b1"), "{", "booking b1: the record cannot be decoded"},
		{"a newer booking", keyBooking("b1"), `{"v":9,"start":"noon"}`,
			"booking b1: the record was written by a newer slotd than this one"},
		{"a newer person", keyPerson("b1"), `{"v":9}`,
			"person, booking b1 (REF-B1): the record was written by a newer slotd than this one"},
		{"a newer mark", keyOutbox(OutboxID{"b1", 0}), `{"v":9}`,
			"outbox, booking b1 (REF-B1): the record was written by a newer slotd than this one"},
		{"newer claims", keyClaims("adams"), "\x09", "claims adams: the record was written by a newer slotd than this one"},
		{"newer busy time", keyBusy("g/adams"), "\x09", "busy g/adams: the record was written by a newer slotd than this one"},
		{"newer mirror", keyMirror("g/adams"), `{"v":9}`, "mirror g/adams: the record was written by a newer slotd than this one"},
		{"a newer index entry", keyOwn("g/adams", "identity-b1"), `{"v":9}`,
			"own g/adams: the record was written by a newer slotd than this one"},
		{"a newer visit", keyVisit("visit-b1"), `{"v":9}`, "visit: the record was written by a newer slotd than this one"},
		{"a newer store", keyMeta, `{"v":9}`, "meta: the record was written by a newer slotd than this one"},
		{"empty reference", keyRef("REF-B1"), "", "ref, booking (REF-B1): the record cannot be decoded"},
		{"checked", keyChecked("g/adams"), "7", "checked g/adams: the record cannot be decoded"},
		{"unknown kind", "phones/491700000001", "x", `unknown: 1 keys of a kind "phones", which this version does not know`},
		{"unprintable kind", "+491700000001", "x", `unknown: 1 keys of a kind "?", which this version does not know`},

		{"no person", keyPerson("b1"), "-", "person, booking b1 (REF-B1): the booking has no person record"},
		{"person of nobody", keyPerson("b9"), `{"v":1}`, "person, booking b9: the booking does not exist"},
		{"no reference", keyRef("REF-B1"), "-", "ref, booking b1 (REF-B1): no reference record points to the booking"},
		{"reference to nothing", keyRef("REF-B9"), "b9", "ref, booking b9 (REF-B9): the booking does not exist"},
		{"reference to another", keyRef("REF-B1"), "b2", "ref, booking b2 (REF-B2): the reference REF-B1 points to the booking too"},
		{"visit of nothing", keyVisit("x"), `{"v":1,"outcome":{"booking":"b9"}}`,
			"visit, booking b9: a flow token made the booking, which does not exist"},
		{"two tokens", keyVisit("x"), `{"v":1,"outcome":{"booking":"b1"}}`,
			"visit, booking b1 (REF-B1): more than one flow token made the booking"},

		{"no claim", keyClaims("adams"), claims(old), "claims adams, booking b1 (REF-B1): the booking has no claim on its resource"},
		{"no claims at all", keyClaims("adams"), "-", "claims adams, booking b1 (REF-B1): the booking has no claim on its resource"},
		{"two claims", keyClaims("adams"), claims(old, c1, c1),
			"claims adams, booking b1 (REF-B1): the booking has more than one claim on the resource"},
		{"other buffers", keyClaims("adams"), claims(old, late),
			"claims adams, booking b1 (REF-B1): the claim and its booking differ in their time, buffers or service"},
		{"another service", keyClaims("adams"), claims(old, other),
			"claims adams, booking b1 (REF-B1): the claim and its booking differ in their time, buffers or service"},
		{"claim of nothing", keyClaims("adams"), claims(old, c1, sold("b9", "adams", 90).Claim()),
			"claims adams, booking b9: a claim of a booking that does not exist"},
		{"claim elsewhere", keyClaims("clark"), claims(sold("b2", "baker", 90).Claim()),
			"claims clark, booking b2 (REF-B2): a claim of a booking that is not on the resource"},
		{"not sorted", keyClaims("adams"), claims(c1, old), "claims adams: the claims are not sorted"},

		{"no index entry", keyOwn("g/adams", "identity-b1"), "-",
			"own g/adams, booking b1 (REF-B1): the event of placement 0 is not in the index of our events"},
		{"index entry of nothing", keyOwn("g/adams", "x"), `{"v":1,"booking":"b9"}`,
			"own g/adams, booking b9: an index entry of a booking that does not exist"},
		{"index entry too many", keyOwn("g/adams", "x"), `{"v":1,"booking":"b1"}`,
			"own g/adams, booking b1 (REF-B1): an index entry of an event that placement 0 of the booking does not have"},
		{"index entry of another", keyOwn("g/adams", "identity-b1"), `{"v":1,"booking":"b2"}`,
			"own g/adams, booking b2 (REF-B2): an index entry of an event that placement 0 of the booking does not have"},
		{"another event", keyOwn("g/baker", "identity-b2"), `{"v":1,"booking":"b2","event":"x"}`,
			"own g/baker, booking b2 (REF-B2): the index and placement 0 name different events"},

		{"no day", keyDay(c1.Start, "adams", "b1"), "-", "day adams, booking b1 (REF-B1): the booking is not in the index by day"},
		{"day of nothing", keyDay(c1.Start, "adams", "b9"), "", "day adams, booking b9: an index entry of a booking that does not exist"},
		{"another day", keyDay(c1.Start+86400, "adams", "b1"), "",
			"day adams, booking b1 (REF-B1): the index has the booking on 2026-06-03, where it is not"},
		{"day elsewhere", keyDay(c1.Start, "clark", "b1"), "",
			"day clark, booking b1 (REF-B1): the index has the booking on 2026-06-02, where it is not"},
		{"malformed day", "day/tomorrow", "", "day: the key is malformed"},

		{"mark of nothing", keyOutbox(OutboxID{"b1", 7}), "-+",
			"outbox, booking b1 (REF-B1): a mark of placement 7, which the booking does not have"},
		{"mark of a written one", keyOutbox(OutboxID{"b2", 0}), "-+",
			"outbox g/baker, booking b2 (REF-B2): placement 0 has a mark and is not pending"},
		{"mark of no booking", keyOutbox(OutboxID{"b9", 0}), "-+", "outbox, booking b9: a mark of a booking that does not exist"},
		{"malformed mark", "outbox/b1/x", "{}", "outbox, booking b1 (REF-B1): the key is malformed"},
		{"no due key", due(created, "b1/0"), "-",
			"outbox, booking b1 (REF-B1): the mark of placement 0 has no due key: it never comes up"},
		{"due twice", due(created.Add(time.Hour), "b1/0"), "",
			"due, booking b1 (REF-B1): a due key without a mark of placement 0 that is due then"},
		{"due and no mark", due(created, "b2/0"), "",
			"due, booking b2 (REF-B2): a due key without a mark of placement 0 that is due then"},
		{"due of another kind", keyDue(7, "party", "x"), "", `due: a due key for "party", which this version does not know`},
		{"malformed due", "due/7/outbox/b1/0", "", "due: the key is malformed"},

		{"busy unsorted", keyBusy("g/adams"), busy(func(b *calendar.Busy) { b.Foreign[0], b.Foreign[1] = b.Foreign[1], b.Foreign[0] }),
			"busy g/adams: its busy time is not sorted, or overlaps"},
		{"busy overlaps", keyBusy("g/adams"), busy(func(b *calendar.Busy) { b.Foreign[0].End += 1000 }),
			"busy g/adams: its busy time is not sorted, or overlaps"},
		{"busy outside", keyBusy("g/adams"), busy(func(b *calendar.Busy) { b.Foreign[1].End = b.Window.End + 1 }),
			"busy g/adams: it has busy time outside its window"},
		{"busy nothing", keyBusy("g/adams"), busy(func(b *calendar.Busy) { b.Foreign[1].End = b.Foreign[1].Start }),
			"busy g/adams: it has busy time without a length"},
		{"no window", keyBusy("g/adams"), string(packBusy(&calendar.Busy{})),
			"busy g/adams: its window is empty\nmirror g/adams: its window is not that of the busy document"},
		{"own outside", keyBusy("g/adams"), busy(func(b *calendar.Busy) {
			b.Own = []calendar.Own{{Interval: calendar.Interval{Start: 1, End: 2}, Booking: "b1"}}
		}), "busy g/adams: it has an event of ours outside its window, or without a length"},
		{"own of nothing", keyBusy("g/adams"), busy(func(b *calendar.Busy) {
			b.Own = []calendar.Own{{Interval: b.Foreign[0], Booking: "b9"}}
		}), "busy g/adams, booking b9: it has an event of a booking that does not exist"},
		{"another window", keyBusy("g/adams"), busy(func(b *calendar.Busy) { b.Window.End++ }),
			"mirror g/adams: its window is not that of the busy document"},
		{"no busy document", keyBusy("g/adams"), "-", "mirror g/adams: it has no busy document"},
		{"no mirror", keyMirror("g/adams"), "-", "busy g/adams: it has no mirror record: nobody knows when it was read\n" + // nor what may be forgotten
			"own g/adams, booking old (REF-OLD): the event of placement 0 is not in the index of our events"},
	} {
		t.Run(c.name, func(t *testing.T) {
			db, _ := newClinic(t)
			damage(t, db, c.key, c.value)
			report := verifyAll(t, db, verifyResources)
			if diff := cmp.Diff(strings.Split(c.want, "\n"), lines(report)); diff != "" {
				t.Error(diff)
			}
			if text := strings.Join(lines(report), "\n"); strings.Contains(text, "4917") || strings.Contains(text, "Erika") {
				t.Errorf("a customer is named: %s", text)
			}
		})
	}
}

// TestVerifyClaimsWithoutService: claims that were written before they had a service agree with their bookings.
func TestVerifyClaimsWithoutService(t *testing.T) {
	db, s := newClinic(t)
	changed(t, s, "b2", func(b *booking.Booking) {
		if err := b.Cancel(act(booking.ByCustomer)); err != nil {
			t.Fatal(err)
		}
	})
	for _, r := range []string{"adams", "baker"} { // of Baker it is time that was left
		claims := claimsOf(t, s, r)
		for i := range claims {
			claims[i].Service = ""
		}
		updateErr(t, s, func(tx *Tx) error { tx.PutClaims(r, claims); return nil })
	}
	report := verifyAll(t, db, verifyResources)
	same(t, "findings", []string{}, lines(report))
	same(t, "outdated", []string{"b1", "b2"}, report.Outdated)
	for _, id := range report.Outdated {
		if err := s.Reclaim(t.Context(), id, created); err != nil {
			t.Fatal(err)
		}
	}
	report = verifyAll(t, db, verifyResources)
	same(t, "findings after renewal", []string{}, lines(report))
	same(t, "outdated after renewal", []string(nil), report.Outdated)
}

// TestClaimsWithoutServiceTake: such claims take their time all the same.
func TestClaimsWithoutServiceTake(t *testing.T) {
	db, s := newClinic(t)
	claims := claimsOf(t, s, "adams")
	for i := range claims {
		claims[i].Service = ""
	}
	updateErr(t, s, func(tx *Tx) error { tx.PutClaims("adams", claims); return nil })
	insert(t, s, sold("b3", "adams", 10))
	same(t, "findings", []string{
		"claims adams, booking b3 (REF-B3): the claim overlaps that of booking b1, and the resource takes 1 at a time",
	}, lines(verifyAll(t, db, verifyResources)))
}

// damage writes a raw key, "-" deletes it, and "-+" writes a mark with its due key.
func damage(t *testing.T, db kv.DB, key, value string) {
	t.Helper()
	err := db.Update(t.Context(), func(tx kv.Tx) error {
		switch value {
		case "-":
			tx.Delete(key)
		case "-+":
			tx.Put(key, []byte(`{"v":1,"next":"`+created.Format(time.RFC3339)+`"}`))
			tx.Put(keyDue(created.Unix(), dueOutbox, strings.TrimPrefix(key, prefixOutbox)), []byte{})
		default:
			tx.Put(key, []byte(value))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestVerifyFindsWrongBookings has faults that need whole bookings.
func TestVerifyFindsWrongBookings(t *testing.T) {
	changed := func(b *booking.Booking, change func(*booking.Booking)) func(*testing.T, *Store) {
		return func(t *testing.T, s *Store) {
			insert(t, s, b)
			change(b)
			update(t, s, func(tx *Tx) { tx.PutBooking(b) })
		}
	}
	inserted := func(bs ...*booking.Booking) func(*testing.T, *Store) {
		return func(t *testing.T, s *Store) {
			for _, b := range bs {
				insert(t, s, b)
			}
		}
	}
	class := func(id string, minutes int) *booking.Booking {
		b := sold(id, "adams", minutes)
		b.Service = "class"
		return b
	}
	same := sold("b3", "clark", 300)
	same.Placements[0].Identity = "identity-b1"
	for _, c := range []struct {
		name  string
		plant func(*testing.T, *Store)
		want  []string
	}{
		{"sold twice", inserted(sold("b3", "adams", 15)), []string{
			"claims adams, booking b3 (REF-B3): the claim overlaps that of booking b1, and the resource takes 1 at a time"}},
		{"only the buffers meet", inserted(sold("b3", "adams", 49)), []string{
			"claims adams, booking b3 (REF-B3): the claim overlaps that of booking b1, and the resource takes 1 at a time"}},
		{"they only touch", inserted(sold("b3", "adams", 50)), []string{}},
		{"one too many", inserted(sold("b3", "baker", 10), sold("b4", "baker", 20), sold("b5", "baker", 60)), []string{
			"claims baker, booking b4 (REF-B4): the claim overlaps that of booking b3, and the resource takes 2 at a time"}},
		{"a class of three", inserted(class("b3", 300), class("b4", 300), class("b5", 310)), []string{}},
		{"a class of four", inserted(class("b3", 300), class("b4", 300), class("b5", 300), class("b6", 310)), []string{
			"claims adams, booking b6 (REF-B6): the claim overlaps that of booking b5, and the resource takes 3 at a time"}},
		{"a class and another service", inserted(class("b3", 300), sold("b4", "adams", 310)), []string{
			"claims adams, booking b4 (REF-B4): the claim overlaps that of booking b3, and the resource takes 1 at a time"}},
		{"a class over another service", inserted(sold("b3", "adams", 300), class("b4", 310)), []string{
			"claims adams, booking b4 (REF-B4): the claim overlaps that of booking b3, and the resource takes 1 at a time"}},
		{"a shared calendar", inserted(sold("b3", "clark", 10)), []string{
			"claims clark, booking b3 (REF-B3): the claim overlaps that of booking b1 on adams, which shares a calendar"}},
		{"a claim of a cancelled one", changed(sold("b3", "adams", 90), func(b *booking.Booking) { b.Status = booking.Cancelled }),
			[]string{"claims adams, booking b3 (REF-B3): a claim of a booking that is cancelled"}},
		{"an unknown status", changed(sold("b3", "baker", 90), func(b *booking.Booking) { b.Status = "" }),
			[]string{"booking b3 (REF-B3): its status is none that exists"}},
		{"an unknown placement", changed(sold("b3", "baker", 90), func(b *booking.Booking) { b.Placements[0].Status = "lost" }),
			[]string{"booking b3 (REF-B3): the status of its placement 0 is none that exists",
				"outbox g/baker, booking b3 (REF-B3): placement 0 has a mark and is not pending"}},
		{"no identity", func(t *testing.T, s *Store) {
			b := sold("b3", "baker", 90)
			insert(t, s, b)
			update(t, s, func(tx *Tx) {
				tx.DeleteOwn(ownOf(b))
				b.Placements[0].Identity = ""
				tx.PutBooking(b)
			})
		}, []string{"booking b3 (REF-B3): its placement 0 has no identity"}},
		{"one identity twice", inserted(same), []string{
			"booking b3 (REF-B3): its placement 0 has the same identity as one of booking b1"}},
		{"pending without a mark", func(t *testing.T, s *Store) {
			update(t, s, func(tx *Tx) { tx.DeleteMark(Mark{OutboxID: OutboxID{"b1", 0}, Next: created}) })
		}, []string{"outbox g/adams, booking b1 (REF-B1): placement 0 is pending and has no mark: nobody will write it"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			db, s := newClinic(t)
			c.plant(t, s)
			if diff := cmp.Diff(c.want, lines(verifyAll(t, db, verifyResources))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// BenchmarkVerify reads a store of 100,000 bookings, of which 2,000 are to come.
func BenchmarkVerify(b *testing.B) {
	const bookings, doctors, perUpdate = 100_000, 50, 10
	path := filepath.Join(b.TempDir(), "slotd.db")
	if err := bolt.Create(path); err != nil {
		b.Fatal(err)
	}
	db, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := Create(b.Context(), db, created); err != nil {
		b.Fatal(err)
	}
	s, err := Open(b.Context(), db)
	if err != nil {
		b.Fatal(err)
	}
	var resources []booking.Resource
	var wg sync.WaitGroup
	for doctor := range doctors { // at once: the engine then commits many in one go
		resources = append(resources, booking.Resource{ID: fmt.Sprintf("doctor%d", doctor)})
		wg.Go(func() {
			for i := 0; i < bookings/doctors; i += perUpdate {
				if err := s.Update(b.Context(), func(tx *Tx) error { return insertMany(tx, doctor, i, perUpdate) }); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	o := VerifyOptions{Catalog: catalogOf(resources), Now: created}
	for _, form := range []struct {
		name  string
		check func() (Report, error)
	}{
		{"whole", func() (Report, error) { return Verify(b.Context(), db, o) }},
		{"coming", func() (Report, error) { return s.VerifyComing(b.Context(), o) }},
	} {
		b.Run(form.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				report, err := form.check()
				if err != nil || len(report.Findings) != 0 {
					b.Fatal(err, len(report.Findings), report.Findings[:min(3, len(report.Findings))])
				}
			}
		})
	}
}

// insertMany books n hours of a doctor from the given one on, of which the first 1,960 are past.
func insertMany(tx *Tx, doctor, hour, n int) error {
	for i := hour; i < hour+n; i++ {
		b := sold(NewID(), fmt.Sprintf("doctor%d", doctor), (i-1960-24)*60)
		if b.End < created.Unix() { // its event was written long ago
			b.Placements[0].Status, b.Placements[0].Event.ID = booking.Seen, "event-"+b.ID
		}
		tx.PutVisit(VisitKey(b.ID), &Visit{Expires: created, Outcome: &Outcome{Booking: b.ID, Answer: make([]byte, 300)}})
		err := tx.InsertBooking(b, booking.Person{Name: "Erika Musterfrau", Phone: "491700000001"}, created)
		if err != nil {
			return err
		}
	}
	return nil
}
