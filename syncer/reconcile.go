package syncer

import (
	"context"
	"fmt"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/store"
)

// reading is what one snapshot says, and when its read began.
type reading struct {
	begun   time.Time
	window  calendar.Interval
	busy    *calendar.Busy
	present map[store.OutboxID]calendar.Event // our events that it holds
}

// claimsReader is what a snapshot of the store and a transaction have in common.
type claimsReader interface {
	Claims(resource string) ([]booking.Claim, error)
}

// reconcile records what a snapshot says of each booking in the calendar: one small Update per booking that changes,
// repeatable after a crash. A booking whose event a person moved follows. One whose event is not there is a suspicion, see
// suspect. Index entries of bookings that ended before the window are dropped: no snapshot will hold them again.
func (m *mirror) reconcile(ctx context.Context, read reading, own []store.OwnEvent) error {
	differ, past, err := m.compare(ctx, read, own)
	if err != nil {
		return fmt.Errorf("compare the bookings with the snapshot: %w", err)
	}
	var suspects []store.OwnEvent
	for _, o := range differ {
		sight, err := m.observe(ctx, read, o)
		if err != nil {
			return fmt.Errorf("reconcile a booking: %w", err)
		}
		if sight.Moved || sight.Again {
			m.told(m.id)
		}
		if sight.Suspect {
			suspects = append(suspects, o)
		}
	}
	if err := m.suspect(ctx, suspects); err != nil {
		return err
	}
	return m.forget(ctx, past)
}

// compare returns the entries whose booking a snapshot may change, and those whose booking is long over.
func (m *mirror) compare(ctx context.Context, read reading, own []store.OwnEvent) (differ, past []store.OwnEvent, err error) {
	err = m.cfg.Store.View(ctx, func(r *store.Reader) error {
		for _, o := range own {
			b, err := r.Booking(o.Booking)
			if err != nil {
				return err
			}
			if b == nil || o.Placement >= len(b.Placements) {
				continue
			}
			if b.End <= read.window.Start && b.Placements[o.Placement].Status != booking.Pending {
				past = append(past, o)
				continue
			}
			s, err := m.sighting(r, read, b, o)
			if err != nil {
				return err
			}
			if b.Observe(o.Placement, s, m.cfg.Now()) != (booking.Sight{}) {
				differ = append(differ, o)
			}
		}
		return nil
	})
	return differ, past, err
}

// sighting is what the snapshot says of a booking's event.
func (m *mirror) sighting(r claimsReader, read reading, b *booking.Booking, o store.OwnEvent) (booking.Sighting, error) {
	s := booking.Sighting{Begun: read.begun, Window: read.window}
	e, here := read.present[store.OutboxID{Booking: o.Booking, Placement: o.Placement}]
	if !here {
		return s, nil
	}
	s.Event = calendar.Written{ID: e.ID, ETag: e.ETag, Interval: e.Interval, Version: e.Version}
	taken, err := m.taken(r, read.busy, b, o.Placement)
	s.Taken = taken
	return s, err
}

// taken reports whether somebody else has time of the booking: in the calendar, or by other claims than the resource takes.
func (m *mirror) taken(r claimsReader, busy *calendar.Busy, b *booking.Booking, placement int) (bool, error) {
	if calendar.AnyOverlap(busy.Foreign, b.Interval) {
		return true, nil
	}
	resource := b.Placements[placement].Resource
	claims, err := r.Claims(resource)
	return err == nil && b.Crowded(claims, m.cfg.Capacity(resource), m.cfg.Now().Unix()), err
}

// observe is the transaction in which a booking learns what the snapshot says of it.
func (m *mirror) observe(ctx context.Context, read reading, o store.OwnEvent) (sight booking.Sight, err error) {
	err = m.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		sight = booking.Sight{}
		b, err := tx.Booking(o.Booking)
		if err != nil || b == nil || o.Placement >= len(b.Placements) {
			return err
		}
		s, err := m.sighting(tx, read, b, o)
		if err != nil {
			return err
		}
		was := b.Clone()
		switch sight = b.Observe(o.Placement, s, m.cfg.Now()); {
		case sight.Moved:
			return m.follow(tx, was, b, o.Placement, s.Event, read.busy)
		case sight.Again:
			return tx.ChangeBooking(was, b, m.cfg.Now())
		case sight.Changed:
			tx.PutBooking(b)
		}
		return nil
	})
	return sight, err
}

// follow gives a booking the time that a person gave its event, and marks it where somebody else has that time.
func (m *mirror) follow(
	tx *store.Tx, was, b *booking.Booking, placement int, event calendar.Written, busy *calendar.Busy,
) error {
	now := m.cfg.Now()
	b.Follow(placement, event, booking.Act{At: now, By: booking.ByCalendar})
	taken, err := m.taken(tx, busy, b, placement)
	if err != nil {
		return err
	}
	b.SetConflict(placement, taken, now)
	return tx.ChangeBooking(was, b, now)
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
