package store

import (
	"errors"
	"testing"
	"time"

	"slotd/internal/booking"
)

func TestMarkLifecycle(t *testing.T) {
	s := newStore(t)
	insertNew(t, s, newBooking("b1"), booking.Person{})
	update(t, s, func(tx *Tx) { tx.PutMark(nil, Mark{OutboxID: OutboxID{"b1", 1}, Since: created, Next: created}) })
	id := OutboxID{"b1", 0}
	mark := func() Mark {
		t.Helper()
		var m Mark
		view(t, s, func(r *Reader) error {
			var found bool
			var err error
			m, found, err = r.Mark(id)
			if !found {
				t.Error("the mark is gone")
			}
			return err
		})
		return m
	}
	first := mark()
	same(t, "new mark", Mark{OutboxID: id, Since: created, Next: created}, first)

	second := first
	second.Attempts, second.Unclear, second.Looked, second.LastError = 1, true, true, "unclear"
	second.Next = created.Add(90*time.Second + 500*time.Millisecond)
	update(t, s, func(tx *Tx) { tx.PutMark(&first, second) })
	same(t, "after an attempt", second, mark())
	verify(t, s) // the old due key is gone

	third := second // the same second again: the one due key must stay
	third.Attempts = 2
	update(t, s, func(tx *Tx) { tx.PutMark(&second, third) })
	same(t, "after another", third, mark())
	verify(t, s)

	update(t, s, func(tx *Tx) { tx.DeleteMark(third) })
	view(t, s, func(r *Reader) error {
		_, found, err := r.Mark(id)
		if found {
			t.Error("the mark is still there")
		}
		due, err1 := r.DueMarks(10)
		same(t, "due", []Due{{OutboxID: OutboxID{"b1", 1}, At: time.Unix(created.Unix(), 0)}}, due)
		return errors.Join(err, err1)
	})
	verify(t, s)
}

func TestDueMarks(t *testing.T) {
	s := newStore(t)
	put(t, s.db, keyDue(0, "reminder", "b1"), "") // what later versions keep in the same index
	at := []time.Time{
		created.Add(time.Hour), created, created.Add(-time.Second), time.Unix(999_999_999, 0), time.Unix(-5, 0),
		time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	update(t, s, func(tx *Tx) {
		for i, next := range at {
			tx.PutMark(nil, Mark{OutboxID: OutboxID{"b1", i}, Since: created, Next: next})
		}
	})
	order := []int{4, 3, 2, 1, 0, 5}
	for limit := range 8 {
		view(t, s, func(r *Reader) error {
			due, err := r.DueMarks(limit)
			var got []int
			for _, d := range due {
				got = append(got, d.Placement)
				if want := max(at[d.Placement].Unix(), 0); d.At.Unix() != want {
					t.Errorf("mark %d is due at %s", d.Placement, d.At)
				}
			}
			same(t, "order", append([]int(nil), order[:min(limit, 6)]...), got)
			return err
		})
	}
	put(t, s.db, "due/000000000000/outbox/b1/x", "")
	if err := s.View(t.Context(), func(r *Reader) error { _, err := r.DueMarks(10); return err }); !errors.Is(err, errCorrupt) {
		t.Errorf("a damaged key: %v", err)
	}
}
