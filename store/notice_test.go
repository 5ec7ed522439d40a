package store

import (
	"slices"
	"strings"
	"testing"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
)

// begun returns a new booking as the desk makes it: one placement, one entry in its history.
func begun(id string, start, at time.Time) *booking.Booking {
	b := &booking.Booking{ID: id, Reference: "REF-" + id, Service: "check"}
	b.Interval = calendar.Interval{Start: start.Unix(), End: start.Add(30 * time.Minute).Unix()}
	b.Begin(booking.Act{At: at, By: booking.ByCustomer}, []booking.Seat{seatOn(id, "adams")})
	return b
}

func seatOn(id, resource string) booking.Seat {
	return booking.Seat{Resource: resource, Calendar: calendar.ID("clinic/" + resource), Identity: func(attempt int) string {
		return id + "-" + resource + strings.Repeat("'", attempt-1)
	}}
}

// change changes a booking by fn and writes it with all that follows.
func change(t *testing.T, s *Store, id string, at time.Time, fn func(b *booking.Booking) error) {
	t.Helper()
	updateErr(t, s, func(tx *Tx) error {
		b, err := tx.Booking(id)
		if err != nil {
			return err
		}
		was := b.Clone()
		if err := fn(b); err != nil {
			return err
		}
		return tx.ChangeBooking(was, b, at)
	})
}

func noticesOf(t *testing.T, s *Store) []Notice {
	t.Helper()
	var all []Notice
	view(t, s, func(r *Reader) (err error) {
		all, err = r.Notices("", 100)
		return err
	})
	return all
}

func whats(all []Notice) []booking.What {
	out := []booking.What{}
	for _, n := range all {
		out = append(out, n.What)
	}
	return out
}

func TestNoNoticesUnlessWanted(t *testing.T) {
	s := newStore(t)
	insertNew(t, s, begun("b1", created.Add(48*time.Hour), created), booking.Person{})
	same(t, "notices before any are wanted", []Notice(nil), noticesOf(t, s))

	woken := 0
	s.SetNotices([]booking.What{booking.WasCancelled}, func() { woken++ })
	insertNew(t, s, begun("b2", created.Add(49*time.Hour), created), booking.Person{})
	same(t, "notices of a kind that is not wanted", []Notice(nil), noticesOf(t, s))
	change(t, s, "b2", created, func(b *booking.Booking) error { return b.Cancel(booking.Act{At: created}) })
	same(t, "notices", []booking.What{booking.WasCancelled}, whats(noticesOf(t, s)))
	if woken != 1 {
		t.Errorf("woken %d times for one commit with a notice", woken)
	}

	s.SetNotices(nil, nil)
	change(t, s, "b1", created, func(b *booking.Booking) error { return b.Cancel(booking.Act{At: created}) })
	same(t, "notices after they were switched off", []booking.What{booking.WasCancelled}, whats(noticesOf(t, s)))
}

// TestNoticesOfABooking: each change leaves one notice, in order, also two of one transaction, and none twice.
func TestNoticesOfABooking(t *testing.T) {
	s := newStore(t)
	s.SetNotices([]booking.What{booking.WasCreated, booking.WasMoved, booking.InConflict, booking.WasCancelled}, func() {})
	start := created.Add(48 * time.Hour)
	insertNew(t, s, begun("b1", start, created), booking.Person{Name: "Ann Example", Phone: "15550100", Notes: "knee"})
	before := begun("b1", start, created).Interval
	moved := created.Add(time.Minute)
	change(t, s, "b1", moved, func(b *booking.Booking) error {
		to := calendar.Interval{Start: b.Start + 3600, End: b.End + 3600}
		err := b.Move(booking.Act{At: moved, By: booking.ByOperator, Why: "she called from 15550100"}, to, []booking.Seat{seatOn("b1", "adams")})
		b.SetConflict(0, true, moved)
		return err
	})
	change(t, s, "b1", moved, func(*booking.Booking) error { return nil }) // written again, with nothing new
	cancelled := moved.Add(time.Minute)
	change(t, s, "b1", cancelled, func(b *booking.Booking) error {
		return b.Cancel(booking.Act{At: cancelled, By: booking.ByCalendar})
	})

	all := noticesOf(t, s)
	same(t, "kinds", []booking.What{booking.WasCreated, booking.WasMoved, booking.InConflict, booking.WasCancelled}, whats(all))
	first := Notice{ID: all[0].ID, Booking: "b1", What: booking.WasCreated, Version: 1, At: created, By: booking.ByCustomer}
	same(t, "created", first, all[0])
	second := Notice{
		ID: all[1].ID, Booking: "b1", What: booking.WasMoved, Version: 2, At: moved, By: booking.ByOperator, Before: before,
	}
	same(t, "moved", second, all[1])
	for key, value := range dump(t, s.db) {
		if !strings.HasPrefix(key, prefixNotice) {
			continue
		}
		for _, private := range []string{"Ann", "15550100", "knee", "called"} {
			if strings.Contains(key+value, private) {
				t.Errorf("a notice holds %q: %s", private, value)
			}
		}
	}
	same(t, "findings", []string{}, lines(verifyAll(t, s.db, nil)))
}

func TestNoticePages(t *testing.T) {
	s := newStore(t)
	var want []string
	update(t, s, func(tx *Tx) {
		for i := range 5 {
			n := Notice{ID: noticeID("b", i, created), Booking: "b", What: booking.WasMoved, At: created}
			tx.PutNotice(n)
			want = append(want, n.ID)
		}
	})
	var got []string
	view(t, s, func(r *Reader) error {
		for after := ""; ; {
			page, err := r.Notices(after, 2)
			if err != nil || len(page) == 0 {
				return err
			}
			for _, n := range page {
				got = append(got, n.ID)
			}
			after = page[len(page)-1].ID
		}
	})
	if !slices.Equal(want, got) {
		t.Errorf("notices by pages: %v, want %v", got, want)
	}
}
