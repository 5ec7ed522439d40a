package syncer

import (
	"context"
	"fmt"
	"strings"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/store"
)

// sort turns a snapshot into a busy document. Ours is only the event whose provider id we wrote, or before that write
// settled, the one that carries our identity; everything else is foreign, copies of ours included.
func sort(snap calendar.Snapshot, own []store.OwnEvent, storeID string) (*calendar.Busy, map[store.OutboxID]bool) {
	ours := newMatcher(own, storeID)
	busy := &calendar.Busy{Window: snap.Window}
	present := map[store.OutboxID]bool{}
	for _, e := range snap.Events {
		o := ours.match(e)
		span := cut(e.Interval, snap.Window)
		switch {
		case o != nil:
			present[store.OutboxID{Booking: o.Booking, Placement: o.Placement}] = true
			if e.Busy && !span.Empty() {
				busy.Own = append(busy.Own, calendar.Own{Interval: span, Booking: o.Booking})
			}
		case e.Busy:
			busy.Foreign = append(busy.Foreign, span)
		}
	}
	busy.Foreign = calendar.Union(busy.Foreign)
	return busy, present
}

// matcher tells our own events in a calendar from foreign ones.
type matcher struct {
	marker     string // what our markers of this store begin with
	byEvent    map[string]*store.OwnEvent
	byIdentity map[string]*store.OwnEvent // of those whose first write has not settled
	byBooking  map[string]*store.OwnEvent // the same
}

func newMatcher(own []store.OwnEvent, storeID string) *matcher {
	m := &matcher{
		marker: storeID + "/", byEvent: map[string]*store.OwnEvent{}, byIdentity: map[string]*store.OwnEvent{},
		byBooking: map[string]*store.OwnEvent{},
	}
	for i := range own {
		if o := &own[i]; o.EventID != "" {
			m.byEvent[o.EventID] = o
		} else {
			m.byIdentity[o.Identity], m.byBooking[o.Booking] = o, o
		}
	}
	return m
}

// match returns the entry of our event that e is, nil for a foreign one. Until our first write has settled its id is not
// known; then the identity tells, or where a server shows none, the first event with our marker.
func (m *matcher) match(e calendar.Event) *store.OwnEvent {
	if o := m.byEvent[e.ID]; o != nil {
		return o
	}
	if e.Identity != "" {
		return m.byIdentity[e.Identity]
	}
	rest, ours := strings.CutPrefix(e.Marker, m.marker)
	if !ours {
		return nil
	}
	id, _, _ := strings.Cut(rest, "/")
	o := m.byBooking[id]
	delete(m.byBooking, id)
	return o
}

func cut(i, window calendar.Interval) calendar.Interval {
	return calendar.Interval{Start: max(i.Start, window.Start), End: min(i.End, window.End)}
}

func sameEvents(a, b []calendar.Event) bool {
	if len(a) != len(b) {
		return false
	}
	type key struct {
		id   string
		span calendar.Interval
		busy bool
	}
	seen := map[key]int{}
	for _, e := range a {
		seen[key{e.ID, e.Interval, e.Busy}]++
	}
	for _, e := range b {
		k := key{e.ID, e.Interval, e.Busy}
		if seen[k]--; seen[k] < 0 {
			return false
		}
	}
	return true
}

// reconcile records for each booking in the calendar whether the snapshot held its event: one small Update per booking
// that changes, repeatable after a crash. Index entries of bookings that ended before the window are dropped: no snapshot
// will hold them again.
func (m *mirror) reconcile(
	ctx context.Context, window calendar.Interval, own []store.OwnEvent, present map[store.OutboxID]bool,
) error {
	differ, past, err := m.compare(ctx, window, own, present)
	if err != nil {
		return fmt.Errorf("compare the bookings with the snapshot: %w", err)
	}
	for _, o := range differ {
		here := present[store.OutboxID{Booking: o.Booking, Placement: o.Placement}]
		err := m.cfg.Store.Update(ctx, func(tx *store.Tx) error {
			b, err := tx.Booking(o.Booking)
			if err != nil || !m.watches(b, o, window) {
				return err
			}
			if b.Observe(o.Placement, here) {
				tx.PutBooking(b)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("reconcile a booking: %w", err)
		}
	}
	return m.forget(ctx, past)
}

// compare returns the entries whose booking a snapshot changes, and those whose booking is long over.
func (m *mirror) compare(
	ctx context.Context, window calendar.Interval, own []store.OwnEvent, present map[store.OutboxID]bool,
) (differ, past []store.OwnEvent, err error) {
	err = m.cfg.Store.View(ctx, func(r *store.Reader) error {
		for _, o := range own {
			b, err := r.Booking(o.Booking)
			switch {
			case err != nil:
				return err
			case b != nil && b.End <= window.Start && level(b, o):
				past = append(past, o)
			case m.watches(b, o, window) && b.Observe(o.Placement, present[store.OutboxID{Booking: o.Booking, Placement: o.Placement}]):
				differ = append(differ, o)
			}
		}
		return nil
	})
	return differ, past, err
}

// watches reports whether a snapshot of window says something of the booking: it is to come and lies inside.
func (m *mirror) watches(b *booking.Booking, o store.OwnEvent, window calendar.Interval) bool {
	return b != nil && b.End > m.cfg.Now().Unix() && window.Covers(b.Interval) && o.Placement < len(b.Placements)
}

// level reports whether nothing more will be written for the placement.
func level(b *booking.Booking, o store.OwnEvent) bool {
	return o.Placement < len(b.Placements) && b.Placements[o.Placement].Status != booking.Pending
}

// forgetAtOnce bounds one Update of forget; the engine takes a hundred operations.
const forgetAtOnce = 50

func (m *mirror) forget(ctx context.Context, past []store.OwnEvent) error {
	for len(past) > 0 {
		batch := past[:min(len(past), forgetAtOnce)]
		past = past[len(batch):]
		err := m.cfg.Store.Update(ctx, func(tx *store.Tx) error {
			for _, o := range batch {
				tx.DeleteOwn(o)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("drop index entries of past bookings: %w", err)
		}
	}
	return nil
}
