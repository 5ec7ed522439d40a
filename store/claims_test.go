package store

import (
	"errors"
	"testing"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
)

// claimsOf returns the claims on a resource.
func claimsOf(t *testing.T, s *Store, resource string) (out []booking.Claim) {
	t.Helper()
	view(t, s, func(r *Reader) (err error) {
		out, err = r.Claims(resource)
		return err
	})
	return out
}

// changed changes a stored booking as the desk does.
func changed(t *testing.T, s *Store, id string, fn func(*booking.Booking)) *booking.Booking {
	t.Helper()
	var b *booking.Booking
	updateErr(t, s, func(tx *Tx) (err error) {
		if b, err = tx.Booking(id); err != nil {
			return err
		}
		was := b.Clone()
		fn(b)
		return tx.ChangeBooking(was, b, created)
	})
	return b
}

// appointment returns a booking of the resources, as a confirm makes it, that begins minutes after a day from created.
func appointment(id string, minutes int, resources ...string) *booking.Booking {
	b := sold(id, resources[0], minutes)
	b.Placements, b.History = nil, nil
	b.Begin(booking.Act{At: created, By: booking.ByCustomer}, seats(id, resources...))
	return b
}

func seats(id string, resources ...string) []booking.Seat {
	var out []booking.Seat
	for _, r := range resources {
		out = append(out, booking.Seat{Resource: r, Calendar: calendar.ID("g/" + r), Identity: func(attempt int) string {
			return id + "-" + r + "-" + string(rune('0'+attempt))
		}})
	}
	return out
}

func act(by booking.Actor) booking.Act { return booking.Act{At: created, By: by} }

// TestChangesOfOneTransaction: several changes of one document build on each other, and all or none is written.
func TestChangesOfOneTransaction(t *testing.T) {
	s := newStore(t)
	b1, b2 := appointment("b1", 60, "adams"), appointment("b2", 0, "adams")
	updateErr(t, s, func(tx *Tx) error {
		v := &Visit{Expires: created}
		h := &Hold{Resources: []string{"adams"}, Start: 7, Since: created, Until: created.Add(time.Hour)}
		hold := booking.Claim{Interval: calendar.Interval{Start: created.Unix(), End: created.Unix() + 60}, Hold: "v",
			Until: h.Until.Unix()}
		err := errors.Join(
			tx.InsertBooking(b1.Clone(), booking.Person{}, created), tx.PutHold("v", v, h, hold, created),
			tx.InsertBooking(b2.Clone(), booking.Person{}, created),
		)
		claims, err1 := tx.Claims("adams")
		same(t, "what the run sees", []booking.Claim{hold, b2.Claim(), b1.Claim()}, claims)
		return errors.Join(err, err1, tx.PutHold("v", v, nil, booking.Claim{}, created))
	})
	same(t, "claims", []booking.Claim{b2.Claim(), b1.Claim()}, claimsOf(t, s, "adams"))

	boom := errors.New("boom")
	err := s.Update(t.Context(), func(tx *Tx) error {
		return errors.Join(tx.InsertBooking(appointment("b3", 300, "adams"), booking.Person{}, created), boom)
	})
	if !errors.Is(err, boom) || len(claimsOf(t, s, "adams")) != 2 {
		t.Errorf("%v, %v", err, claimsOf(t, s, "adams"))
	}
}

// TestReadingClaimsWritesNothing: only a document that changed is written.
func TestReadingClaimsWritesNothing(t *testing.T) {
	s := newStore(t)
	insertNew(t, s, appointment("b1", 0, "adams"), booking.Person{})
	before := dump(t, s.db)
	updateErr(t, s, func(tx *Tx) error {
		_, err := tx.Claims("adams")
		_, err1 := tx.Claims("baker")
		return errors.Join(err, err1)
	})
	same(t, "store", before, dump(t, s.db))
}

// TestPastClaimsGo: a document does not grow with the years. What may be of a week that is not over stays.
func TestPastClaimsGo(t *testing.T) {
	s := newStore(t)
	old, late := appointment("old", -11*24*60, "adams"), appointment("late", -9*24*60, "adams")
	insertNew(t, s, old, booking.Person{})
	insertNew(t, s, late, booking.Person{})
	insertNew(t, s, appointment("b1", 0, "adams"), booking.Person{})
	got := claimsOf(t, s, "adams")
	if len(got) != 2 || got[0].Booking != "late" || got[1].Booking != "b1" {
		t.Errorf("claims %v", got)
	}
	same(t, "findings", []string{}, lines(verifyAll(t, s.db, nil)))
}

// TestCancelFollows: a cancel frees the time at once, remembers where the calendar still shows the event, and has it
// removed.
func TestCancelFollows(t *testing.T) {
	db, s := newClinic(t)
	b := changed(t, s, "b2", func(b *booking.Booking) {
		if err := b.Cancel(act(booking.ByCustomer)); err != nil {
			t.Fatal(err)
		}
	})
	same(t, "claims", []booking.Claim{{Interval: b.Interval, Booking: "b2", Service: "check", Left: true}}, claimsOf(t, s, "baker"))
	same(t, "keys", []string{
		"outbox/b2/0", "day/2026-06-02/baker/b2", "own/g%2Fbaker/identity-b2",
	}, []string{
		keys(t, s, "outbox/b2")[0], keys(t, s, "day/2026-06-02/baker")[0], keys(t, s, "own/g%2Fbaker")[0],
	})
	same(t, "findings", []string{}, lines(verifyAll(t, db, verifyResources)))

	// Its event is gone: nothing is left but the record.
	updateErr(t, s, func(tx *Tx) error {
		b, err := tx.Booking("b2")
		if err != nil {
			return err
		}
		was := b.Clone()
		b.Settled(0, calendar.Written{}, b.Version, created)
		mark, _, err := tx.Mark(OutboxID{"b2", 0})
		tx.DeleteMark(mark)
		return errors.Join(err, tx.ChangeBooking(was, b, created))
	})
	if left := claimsOf(t, s, "baker"); len(left) != 0 {
		t.Errorf("claims %v", left)
	}
	same(t, "findings", []string{}, lines(verifyAll(t, db, verifyResources)))
}

// TestMoveFollows: a move to another day and another doctor is one change of all that belongs to a booking.
func TestMoveFollows(t *testing.T) {
	db, s := newClinic(t)
	insertNew(t, s, appointment("b3", 120, "adams", "room"), booking.Person{Name: "Erika Musterfrau"})
	move := func(minutes int, resources ...string) *booking.Booking {
		return changed(t, s, "b3", func(b *booking.Booking) {
			start := created.AddDate(0, 0, 1).Unix() + int64(minutes)*60
			err := b.Move(act(booking.ByOperator), calendar.Interval{Start: start, End: start + 1800}, seats("b3", resources...))
			if err != nil {
				t.Fatal(err)
			}
		})
	}
	from := appointment("b3", 120, "adams").Interval
	b := move(24*60, "clark", "room")
	left := booking.Claim{Interval: from, Booking: "b3", Service: "check", Left: true}
	same(t, "claims on the room", []booking.Claim{left, b.Claim()}, claimsOf(t, s, "room"))
	same(t, "claims on clark", []booking.Claim{b.Claim()}, claimsOf(t, s, "clark"))
	if got := claimsOf(t, s, "adams"); len(got) != 2 || got[1] != left {
		t.Errorf("claims on adams %v", got)
	}
	same(t, "days", []string{"day/2026-06-03/adams/b3", "day/2026-06-03/clark/b3", "day/2026-06-03/room/b3"},
		keys(t, s, "day/2026-06-03/"))
	same(t, "marks", []string{"outbox/b3/0", "outbox/b3/1", "outbox/b3/2"}, keys(t, s, "outbox/b3/"))
	same(t, "findings", []string{}, lines(verifyAll(t, db, verifyResources)))

	b = move(120, "adams", "room") // and back, as a new attempt
	if last := b.Placements[3]; last.Resource != "adams" || last.Identity != "b3-adams-2" || !b.Placements[0].Dropped {
		t.Errorf("placements %+v", b.Placements)
	}
	same(t, "days", []string{}, keys(t, s, "day/2026-06-03/"))
	same(t, "our events", []string{"own/g%2Fadams/b3-adams-1", "own/g%2Fadams/b3-adams-2", "own/g%2Fadams/identity-b1"},
		keys(t, s, "own/g%2Fadams/"))
	same(t, "findings", []string{}, lines(verifyAll(t, db, verifyResources)))
}

// TestRetryBeginsAnew: what turns up of the old attempt is still ours, and a call to make it may still arrive.
func TestRetryBeginsAnew(t *testing.T) {
	db, s := newClinic(t)
	insertNew(t, s, appointment("b3", 120, "baker"), booking.Person{})
	updateErr(t, s, func(tx *Tx) error {
		b, err := tx.Booking("b3")
		if err != nil {
			return err
		}
		b.Lost(0, created)
		tx.PutBooking(b)
		tx.DeleteMark(Mark{OutboxID: OutboxID{"b3", 0}, Next: created})
		return nil
	})
	same(t, "findings", []string{}, lines(verifyAll(t, db, verifyResources)))
	changed(t, s, "b3", func(b *booking.Booking) {
		b.Retry(act(booking.ByOperator), func(p booking.Placement, attempt int) string { return "b3-again" })
	})
	same(t, "our events", []string{"own/g%2Fbaker/b3-again", "own/g%2Fbaker/b3-baker-1", "own/g%2Fbaker/identity-b2"},
		keys(t, s, "own/g%2Fbaker/"))
	view(t, s, func(r *Reader) error {
		m, found, err := r.Mark(OutboxID{"b3", 0})
		if !found || !m.Unclear || !m.Next.Equal(created) {
			t.Errorf("mark %+v", m) // what was given up may have arrived all the same
		}
		return err
	})
	same(t, "findings", []string{}, lines(verifyAll(t, db, verifyResources)))
}

// TestMarkOfAChange: a change while a call is under way keeps what is known of the call, and is due at once.
func TestMarkOfAChange(t *testing.T) {
	_, s := newClinic(t)
	first := Mark{OutboxID: OutboxID{"b1", 0}, Since: created, Next: created}
	busy := first
	busy.Attempts, busy.Unclear, busy.Looked, busy.LastError, busy.Next = 3, true, true, "unclear", created.Add(time.Hour)
	update(t, s, func(tx *Tx) { tx.PutMark(&first, busy) })
	changed(t, s, "b1", func(b *booking.Booking) {
		if err := b.Cancel(act(booking.ByCustomer)); err != nil {
			t.Fatal(err)
		}
	})
	view(t, s, func(r *Reader) error {
		m, _, err := r.Mark(first.OutboxID)
		same(t, "mark", Mark{OutboxID: first.OutboxID, Unclear: true, Since: created, Next: created}, m)
		due, err1 := r.DueMarks(10)
		if len(due) != 1 {
			t.Errorf("due %v", due)
		}
		return errors.Join(err, err1)
	})
}

func TestHistoryIsKept(t *testing.T) {
	s := newStore(t)
	b := appointment("b1", 0, "adams")
	insertNew(t, s, b, booking.Person{})
	b = changed(t, s, "b1", func(b *booking.Booking) {
		a := act(booking.ByOperator)
		a.Why = "the doctor is ill"
		if err := b.Cancel(a); err != nil {
			t.Fatal(err)
		}
	})
	view(t, s, func(r *Reader) error {
		got, err := r.Booking("b1")
		same(t, "booking", b, got)
		want := []booking.Change{
			{At: created, By: booking.ByCustomer, What: booking.WasCreated, Version: 1, Interval: b.Interval},
			{
				At: created, By: booking.ByOperator, What: booking.WasCancelled, Why: "the doctor is ill", Version: 2,
				Interval: b.Interval,
			},
		}
		same(t, "history", want, got.History)
		if got.Untold != booking.WasCancelled || got.Stored != 2 {
			t.Errorf("untold %q, %d stored", got.Untold, got.Stored)
		}
		return err
	})
}
