package syncer

import (
	"context"
	"fmt"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/store"
)

// deletedAtOnce is how many of our events may be missing from a calendar at a time before it is no longer believed that
// somebody meant each of them: a calendar that was emptied, restored or shared anew cancels nobody's appointment.
const deletedAtOnce = 3

// suspect looks for the events that a snapshot should have held. Absence is not deletion: only what the provider, asked by id,
// says was deleted cancels its booking. Everything else waits for a person.
func (m *mirror) suspect(ctx context.Context, missing []store.OwnEvent) error {
	if len(missing) > deletedAtOnce {
		m.log.Warn("mirror: many of our events are missing at once; nothing is cancelled", "events", len(missing))
		for _, o := range missing {
			why := fmt.Sprintf("%d events vanished at once, so nothing was cancelled", len(missing))
			if err := m.explain(ctx, o, why); err != nil {
				return err
			}
		}
		return nil
	}
	for _, o := range missing {
		if err := m.lookFor(ctx, o); err != nil {
			return fmt.Errorf("look for a missing event: %w", err)
		}
	}
	return nil
}

// lookFor asks for one event by its id and acts on the answer.
func (m *mirror) lookFor(ctx context.Context, o store.OwnEvent) error {
	want, err := m.wantedOf(ctx, o)
	if err != nil || want.Known.ID == "" {
		return err
	}
	var found calendar.Written
	err = m.gate.doWithin(ctx, &m.pulse, callTimeout, func(ctx context.Context) error {
		found, err = m.source.Find(ctx, m.id.Calendar(), want)
		return err
	})
	switch kind := calendar.KindOf(err); {
	case err == nil && found.Recurring:
		return m.explain(ctx, o, "somebody made it a series")
	case err == nil && found.Interval != want.Known.Interval && !found.Interval.Empty():
		return m.wentTo(ctx, o, found)
	case err == nil:
		return m.explain(ctx, o, "it exists, and yet its calendar does not list it")
	case kind == calendar.Gone:
		return m.deleted(ctx, o)
	case kind == calendar.Conflict:
		return m.explain(ctx, o, "another event has its id")
	}
	return err // the next look reads and asks again
}

// wantedOf names the event of a placement.
func (m *mirror) wantedOf(ctx context.Context, o store.OwnEvent) (w calendar.Wanted, err error) {
	err = m.cfg.Store.View(ctx, func(r *store.Reader) error {
		b, err := r.Booking(o.Booking)
		if err != nil || b == nil || o.Placement >= len(b.Placements) {
			return err
		}
		p := b.Placements[o.Placement]
		w = calendar.Wanted{
			Identity: p.Identity, Known: p.Event, Version: b.Version, Interval: b.Interval, Zone: m.cfg.Zone(p.Resource),
			Marker: marker(m.cfg.Store.ID(), b, p),
		}
		return nil
	})
	return w, err
}

// change changes a booking whose event is still missing.
func (m *mirror) change(
	ctx context.Context, o store.OwnEvent, fn func(tx *store.Tx, was, b *booking.Booking) error,
) error {
	return m.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		b, err := tx.Booking(o.Booking)
		if err != nil || b == nil || o.Placement >= len(b.Placements) {
			return err
		}
		if b.Placements[o.Placement].Status != booking.Missing || !b.Wanted(o.Placement) {
			return nil
		}
		return fn(tx, b.Clone(), b)
	})
}

// explain says why an event that is missing needs a person.
func (m *mirror) explain(ctx context.Context, o store.OwnEvent, why string) error {
	return m.change(ctx, o, func(tx *store.Tx, _, b *booking.Booking) error {
		if b.Missed(o.Placement, why) {
			tx.PutBooking(b)
		}
		return nil
	})
}

// deleted cancels the booking of an event that a person deleted, unless the appointment has begun.
func (m *mirror) deleted(ctx context.Context, o store.OwnEvent) error {
	err := m.change(ctx, o, func(tx *store.Tx, was, b *booking.Booking) error {
		now := m.cfg.Now()
		act := booking.Act{At: now, By: booking.ByCalendar, Why: "its event was deleted"}
		if b.Cancel(act) != nil {
			return nil
		}
		return tx.ChangeBooking(was, b, now)
	})
	if err == nil {
		m.log.Info("mirror: a person deleted the event of a booking, which is cancelled", "booking", o.Booking)
		m.told(m.id)
	}
	return err
}

// wentTo lets the booking follow an event that a person moved out of the window.
func (m *mirror) wentTo(ctx context.Context, o store.OwnEvent, found calendar.Written) error {
	err := m.change(ctx, o, func(tx *store.Tx, was, b *booking.Booking) error {
		busy, err := tx.Busy(m.id)
		if err != nil || busy == nil {
			return err
		}
		return m.follow(tx, was, b, o.Placement, found, busy)
	})
	if err == nil {
		m.told(m.id)
	}
	return err
}
