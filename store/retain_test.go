package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/store/kv"
)

const (
	keptBookings = 100 * 24 * time.Hour
	keptVisits   = 10 * 24 * time.Hour
)

func retainAt(now time.Time) Retention {
	return Retention{Now: now, Bookings: keptBookings, Visits: keptVisits, Most: 1000}
}

// retain removes old records, checks that the others agree, and returns what it removed but for claims: when those go is
// nobody's business.
func retain(t *testing.T, s *Store, r Retention) Removed {
	t.Helper()
	removed, err := s.Retain(t.Context(), r)
	removed.Claims = 0
	if err != nil {
		t.Fatal(err)
	}
	report, err := Verify(t.Context(), s.db, VerifyOptions{Now: r.Now})
	if err != nil || len(report.Findings) > 0 {
		t.Errorf("after retention: %v, %v", lines(report), err)
	}
	return removed
}

// settled has all events of a booking written, or removed.
func settled(t *testing.T, s *Store, id string) {
	t.Helper()
	updateErr(t, s, func(tx *Tx) error {
		b, err := tx.Booking(id)
		if err != nil {
			return err
		}
		was := b.Clone()
		for i := range b.Placements {
			event := calendar.Written{}
			if b.Wanted(i) {
				event = calendar.Written{ID: fmt.Sprint("ev-", id, i), Interval: b.Interval, Version: b.Version}
			}
			b.Settled(i, event, b.Version, b.Created)
			if m, found, err := tx.Mark(OutboxID{id, i}); err != nil {
				return err
			} else if found {
				tx.DeleteMark(m)
			}
			p := b.Placements[i]
			tx.PutOwn(OwnEvent{Calendar: p.Calendar, Identity: p.Identity, EventID: p.Event.ID, Booking: id, Placement: i})
		}
		return tx.ChangeBooking(was, b, b.Created)
	})
}

// spent writes the visit of a token that made a booking.
func spent(t *testing.T, s *Store, key, bookingID string, expires time.Time) {
	t.Helper()
	update(t, s, func(tx *Tx) {
		tx.PutVisit(key, &Visit{
			Known: true, Phone: "15550100", Expires: expires,
			Outcome: &Outcome{Request: "r", Answer: []byte("{}"), Booking: bookingID, At: created},
		})
	})
}

func TestRetentionOfBookings(t *testing.T) {
	s := newStore(t)
	start := created.Add(48 * time.Hour)
	for _, id := range []string{"seen", "called-off", "pending", "unremoved", "unwritten", "told"} {
		insertNew(t, s, begun(id, start, created), booking.Person{Name: "Ann Example", Phone: "15550100"})
		settled(t, s, id)
		spent(t, s, "visit-"+id, id, created.Add(time.Hour))
	}
	insertNew(t, s, begun("coming", start.Add(keptBookings), created), booking.Person{})
	settled(t, s, "coming")
	cancel := func(b *booking.Booking) error { return b.Cancel(booking.Act{At: created, By: booking.ByOperator}) }
	change(t, s, "called-off", created, cancel)
	settled(t, s, "called-off")
	change(t, s, "pending", created, cancel)
	change(t, s, "unremoved", created, cancel)
	setAside := func(b *booking.Booking) error { b.SetAside(0, "refused", created); return nil }
	unmark(t, s, "unremoved")
	change(t, s, "unremoved", created, setAside)
	change(t, s, "unwritten", created, setAside)
	update(t, s, func(tx *Tx) {
		tx.PutNotice(Notice{ID: noticeID("told", 0, created), Booking: "told", What: booking.WasCreated, At: created})
		tx.PutNotice(Notice{ID: noticeID("seen", 0, created), Booking: "seen", What: booking.WasCreated, At: created, Aside: true})
	})

	end := start.Add(30 * time.Minute)
	soon := retain(t, s, retainAt(end.Add(keptBookings-time.Second)))
	same(t, "removed before its time", Removed{Visits: 6}, soon)

	now := retainAt(end.Add(keptBookings))
	same(t, "removed", Removed{Bookings: 3, Notices: 1, Waiting: 3}, retain(t, s, now))
	same(t, "bookings", []string{"booking/coming", "booking/pending", "booking/told", "booking/unremoved"}, keys(t, s, prefixBooking))
	for _, id := range []string{"seen", "called-off", "unwritten"} {
		for key, value := range dump(t, s.db) {
			if strings.Contains(key+value, id) {
				t.Errorf("of the booking %q is left: %s = %s", id, key, value)
			}
		}
	}

	settled(t, s, "pending")
	now.Notices = 24 * time.Hour // the webhook left the config
	same(t, "removed the next night", Removed{Bookings: 2, Notices: 1, Waiting: 1}, retain(t, s, now))
}

// unmark drops the mark of a booking's first placement, as giving up does.
func unmark(t *testing.T, s *Store, id string) {
	t.Helper()
	updateErr(t, s, func(tx *Tx) error {
		m, _, err := tx.Mark(OutboxID{id, 0})
		tx.DeleteMark(m)
		return err
	})
}

func TestRetentionOfVisits(t *testing.T) {
	s := newStore(t)
	insertNew(t, s, begun("b1", created.Add(48*time.Hour), created), booking.Person{})
	settled(t, s, "b1")
	spent(t, s, "spent", "b1", created)
	update(t, s, func(tx *Tx) {
		tx.PutVisit("unused", &Visit{Known: true, Expires: created})
		tx.PutVisit("open", &Visit{Known: true, Expires: created.Add(2 * keptVisits)})
	})
	same(t, "removed before its time", Removed{}, retain(t, s, retainAt(created.Add(keptVisits-time.Second))))
	same(t, "removed", Removed{Visits: 2}, retain(t, s, retainAt(created.Add(keptVisits))))
	same(t, "visits", []string{"visit/open"}, keys(t, s, prefixVisit))
	same(t, "bookings", []string{"booking/b1"}, keys(t, s, prefixBooking))
}

// TestVisitGoesBeforeItsBooking: with visits kept longer than bookings, none is left that names a booking that is gone.
func TestVisitGoesBeforeItsBooking(t *testing.T) {
	s := newStore(t)
	insertNew(t, s, begun("b1", created.Add(time.Hour), created), booking.Person{})
	settled(t, s, "b1")
	spent(t, s, "spent", "b1", created.Add(72*time.Hour))
	r := Retention{Now: created.Add(96 * time.Hour), Bookings: 48 * time.Hour, Visits: 1000 * time.Hour, Most: 1000}
	same(t, "removed", Removed{Bookings: 1, Visits: 1}, retain(t, s, r))
}

func TestRetentionOfHoldsThatAreOver(t *testing.T) {
	s := newStore(t)
	over, runs := s.CustomerKey("15550100"), s.CustomerKey("15550101")
	running := Hold{Resources: []string{"baker"}, Service: "check", Start: created.Unix(), Until: created.Add(time.Hour)}
	held := booking.Claim{
		Interval: calendar.Interval{Start: running.Start, End: running.Start + 1800}, Hold: "v2", Until: running.Until.Unix(),
	}
	claim := booking.Claim{
		Interval: calendar.Interval{Start: created.Unix(), End: created.Unix() + 1800}, Hold: "v1", Until: created.Unix() + 300,
	}
	updateErr(t, s, func(tx *Tx) error {
		tx.PutClaims("adams", []booking.Claim{claim})
		tx.PutClaims("baker", []booking.Claim{held})
		tx.PutVisit("v2", &Visit{Known: true, Phone: "15550101", Expires: created.Add(time.Hour), Hold: &running})
		return errors.Join(tx.PutHolding(over, "v1", created.Add(5*time.Minute), created),
			tx.PutHolding(runs, "v2", created.Add(time.Hour), created))
	})
	same(t, "removed", Removed{Holders: 1}, retain(t, s, retainAt(created.Add(10*time.Minute))))
	same(t, "left", []string{"claims/baker", runs}, keys(t, s, prefixHolders, prefixClaims))
}

// TestRetentionIsBoundedAndGoesOn: one run removes no more than it may, over many pages, and the next goes on.
func TestRetentionIsBoundedAndGoesOn(t *testing.T) {
	s := newStore(t)
	const n = 2*retainPage + 7
	for i := 0; i < n; {
		update(t, s, func(tx *Tx) {
			for range 50 {
				tx.PutVisit(fmt.Sprintf("v%05d", i), &Visit{Known: true, Expires: created})
				i++
			}
		})
	}
	all := len(keys(t, s, prefixVisit))
	r := retainAt(created.Add(keptVisits))
	r.Most = retainPage + 3
	first := retain(t, s, r)
	same(t, "the first night", Removed{Visits: r.Most, More: true}, first)
	r.Most = n * 2
	same(t, "the second night", Removed{Visits: all - first.Visits}, retain(t, s, r))
	same(t, "the third night", Removed{}, retain(t, s, r))
}

// interrupted is an engine whose Updates fail from the nth on.
type interrupted struct {
	kv.DB
	left int
}

var errKilled = errors.New("killed")

func (i *interrupted) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if i.left--; i.left < 0 {
		return errKilled
	}
	return i.DB.Update(ctx, fn)
}

// TestRetentionKilledAnywhere: whatever was done before the end, the records agree and the next run does the rest.
func TestRetentionKilledAnywhere(t *testing.T) {
	for after := 0; ; after++ {
		db, _ := newDB(t)
		s := create(t, db)
		for i := range 3 {
			id := fmt.Sprint("b", i)
			insertNew(t, s, begun(id, created.Add(time.Duration(i+1)*time.Hour), created), booking.Person{Name: "Ann"})
			settled(t, s, id)
			spent(t, s, "v"+id, id, created)
		}
		r := Retention{Now: created.Add(20 * 24 * time.Hour), Bookings: 48 * time.Hour, Visits: 1000 * time.Hour, Most: 1000}
		dying := open(t, &interrupted{DB: db, left: after})
		_, err := dying.Retain(t.Context(), r)
		if err != nil && !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
		report, verr := Verify(t.Context(), db, VerifyOptions{Now: r.Now})
		if verr != nil || len(report.Findings) > 0 {
			t.Fatalf("killed after %d updates: %v, %v", after, lines(report), verr)
		}
		retain(t, s, r)
		same(t, fmt.Sprintf("left after a kill after %d updates", after), []string{},
			keys(t, s, prefixBooking, prefixPerson, prefixRef, prefixVisit, prefixDay, prefixOwn, prefixClaims))
		if err == nil {
			return
		}
	}
}

// TestRetentionKeepsTheWeek: where bookings are kept for a day only, their time still counts for the caps of its week.
func TestRetentionKeepsTheWeek(t *testing.T) {
	s := newStore(t)
	start := created.Add(48 * time.Hour)
	insertNew(t, s, begun("seen", start, created), booking.Person{Name: "Ann Example"})
	settled(t, s, "seen")
	const day = 24 * time.Hour
	end := start.Add(30 * time.Minute)
	kept := func() (n int) {
		t.Helper()
		view(t, s, func(r *Reader) error {
			claims, err := r.Claims("adams")
			n = len(claims)
			return err
		})
		return n
	}
	same(t, "removed", Removed{Bookings: 1}, retain(t, s, Retention{Now: end.Add(day), Bookings: day, Visits: day, Most: 1000}))
	if kept() != 1 {
		t.Error("the time of a booking of this week is forgotten")
	}
	retain(t, s, Retention{Now: end.Add(10 * day), Bookings: day, Visits: day, Most: 1000})
	if kept() != 0 {
		t.Error("a claim of the week before is left")
	}
}
