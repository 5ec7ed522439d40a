package syncer

import (
	"context"
	"fmt"
	"slices"
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
	Booking(id string) (*booking.Booking, error)
}

// reconcile records what a snapshot says of each booking in the calendar: one small Update per booking that changes,
// repeatable after a crash. Of an event that is not where it should be, the provider is asked, see askAbout. Index entries of
// bookings that ended before the window are dropped: no snapshot will hold them again. later says that another read is needed
// to tell.
func (m *mirror) reconcile(ctx context.Context, read reading, own []store.OwnEvent) (later bool, err error) {
	first, err := m.observeAll(ctx, read, own)
	if err != nil {
		return false, err
	}
	changed, unlisted, err := m.askAbout(ctx, first)
	if err != nil {
		return false, err
	}
	if changed { // whoever shared their time is, or is not any more, in conflict
		if _, err := m.observeAll(ctx, read, own); err != nil {
			return false, err
		}
	}
	return first.later || unlisted, m.forget(ctx, first.past)
}

// sights are what a snapshot says of all bookings.
type sights struct {
	moved, absent []store.OwnEvent // see booking.Sight
	overdue       []store.OwnEvent // those of absent that are to be asked for
	past          []store.OwnEvent // of bookings that are long over
	deleted       int              // bookings that were cancelled lately because somebody deleted their events here
	later         bool
}

// observeAll records what a snapshot says of each booking, but for what the provider must be asked about first.
func (m *mirror) observeAll(ctx context.Context, read reading, own []store.OwnEvent) (out sights, err error) {
	differ, err := m.compare(ctx, read, own, &out)
	if err != nil {
		return sights{}, fmt.Errorf("compare the bookings with the snapshot: %w", err)
	}
	for _, o := range differ {
		sight, err := m.observe(ctx, read, o)
		if err != nil {
			return sights{}, fmt.Errorf("reconcile a booking: %w", err)
		}
		if sight.Again {
			m.told(m.id)
		}
		if sight.Moved {
			out.moved = append(out.moved, o)
		}
		if sight.Absent {
			out.absent = append(out.absent, o)
		}
		if sight.Absent && !sight.Later && !sight.Answered {
			out.overdue = append(out.overdue, o)
		}
		out.later = out.later || sight.Later
	}
	return out, nil
}

// compare returns the entries whose booking a snapshot may change. Those whose booking is long over, and the number of those
// that were cancelled lately by a deletion, it adds to out.
func (m *mirror) compare(
	ctx context.Context, read reading, own []store.OwnEvent, out *sights,
) (differ []store.OwnEvent, err error) {
	lately := m.cfg.Now().Add(-booking.AtOnce)
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
				out.past = append(out.past, o)
				continue
			}
			if b.DeletedSince(o.Placement, lately) {
				out.deleted++
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
	return differ, err
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

// taken reports whether somebody else has time of the booking: in the calendar, by other claims than the resource takes, or
// by a booking of another resource that shares the calendar.
func (m *mirror) taken(r claimsReader, busy *calendar.Busy, b *booking.Booking, placement int) (bool, error) {
	if calendar.AnyOverlap(busy.Foreign, b.Interval) {
		return true, nil
	}
	resource := b.Placements[placement].Resource
	claims, err := r.Claims(resource)
	if err != nil || b.Crowded(claims, m.cfg.capacityOf(resource), m.cfg.Now().Unix()) {
		return err == nil, err
	}
	for _, o := range busy.Own {
		if o.Booking == b.ID || !o.Overlaps(b.Interval) {
			continue
		}
		other, err := r.Booking(o.Booking)
		if err != nil {
			return false, err
		}
		if other != nil && other.Status == booking.Confirmed && other.Overlaps(b.Interval) &&
			!slices.Contains(other.Active(), resource) {
			return true, nil
		}
	}
	return false, nil
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
		case sight.Again:
			return tx.ChangeBooking(was, b, m.cfg.Now())
		case sight.Changed:
			tx.PutBooking(b)
		}
		return nil
	})
	return sight, err
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

// capacityOf returns how many bookings a resource takes at a time while a service is there.
func (c *Config) capacityOf(resource string) func(service string) int {
	return func(service string) int { return c.Capacity(resource, service) }
}
