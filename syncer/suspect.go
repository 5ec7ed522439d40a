package syncer

import (
	"context"
	"fmt"
	"slices"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/store"
)

// deletedAtOnce is how many of our events may vanish from a calendar within booking.AtOnce before it is no longer believed
// that somebody meant each of them: a calendar that was emptied, restored or shared anew, or that a tool empties slowly,
// cancels nobody's appointment.
const deletedAtOnce = 3

// askAbout looks for the events that a snapshot did not show where they should be. Lists lag behind and absence is not
// deletion: only what the provider says of an event that is asked for by its id moves or cancels a booking. Everything else
// waits for a person. changed says that a booking has another time now, or none, and later that a list does not show yet what
// is known.
func (m *mirror) askAbout(ctx context.Context, s sights) (changed, later bool, err error) {
	if n := len(s.absent) + s.deleted; len(s.absent) > 0 && n > deletedAtOnce {
		m.log.Warn("mirror: many of our events vanished at once; no more bookings are cancelled", "events", n)
		why := fmt.Sprintf("%d events vanished at once, so nothing was cancelled", n)
		if s.deleted > 0 {
			why = fmt.Sprintf("%d events vanished within an hour, so this booking was not cancelled", n)
		}
		for _, o := range s.absent {
			if _, err := m.change(ctx, suspicion{own: o, absent: true}, m.explain(o, why)); err != nil {
				return false, false, err
			}
		}
		s.overdue = nil
	}
	for i, o := range slices.Concat(s.moved, s.overdue) {
		did, lags, err := m.lookFor(ctx, o, i >= len(s.moved))
		if err != nil {
			return false, false, fmt.Errorf("look for an event: %w", err)
		}
		if did {
			m.told(m.id)
		}
		changed, later = changed || did, later || lags
	}
	return changed, later, nil
}

// suspicion is an event that is asked for.
type suspicion struct {
	own store.OwnEvent
	// absent says that the snapshot did not hold the event, otherwise it held it at another time.
	absent bool
	// asked is what was known when the provider was asked; without an identity it was not asked.
	asked calendar.Wanted
}

// lookFor asks for one event by its id and acts on the answer; see askAbout for what it returns.
func (m *mirror) lookFor(ctx context.Context, o store.OwnEvent, absent bool) (changed, lags bool, err error) {
	want, err := m.wantedOf(ctx, o)
	if err != nil || want.Known.ID == "" {
		return false, false, err
	}
	var found calendar.Written
	err = m.gate.doWithin(ctx, &m.pulse, callTimeout, func(ctx context.Context) error {
		found, err = m.source.Find(ctx, m.id.Calendar(), want)
		return err
	})
	s := suspicion{own: o, absent: absent, asked: want}
	var why string
	switch kind := calendar.KindOf(err); {
	case err == nil && found.Recurring:
		why = "somebody made it a series"
	case err == nil:
		return m.exists(ctx, s, found)
	case kind == calendar.Gone && absent:
		changed, err = m.deleted(ctx, s)
		return changed, false, err
	case kind == calendar.Gone:
		return false, true, nil // deleted since the list was made
	case kind == calendar.Conflict:
		why = "another event has its id"
	case kind == calendar.Refused:
		why = "its calendar does not say what became of it"
	default:
		return false, false, err // the next look reads and asks again
	}
	_, err = m.change(ctx, s, m.explain(o, why))
	return false, false, err
}

// exists acts on an event that was found. If a person moved it, the booking follows. If it shows an older write of ours, which
// arrived late, it is written again.
func (m *mirror) exists(ctx context.Context, s suspicion, found calendar.Written) (changed, lags bool, err error) {
	changed, err = m.change(ctx, s, func(tx *store.Tx, was, b *booking.Booking) (bool, error) {
		now, o := m.cfg.Now(), s.own
		person, us := b.MovedBy(o.Placement, found)
		p := b.Placements[o.Placement]
		lags = !person && !us && now.Sub(p.Since) < booking.Grace
		switch {
		case person:
			return true, m.follow(tx, was, b, o.Placement, found)
		case us && p.Status == booking.Stuck:
			return false, nil
		case us:
			b.Again(o.Placement, found, now)
			return true, tx.ChangeBooking(was, b, now)
		case s.absent && !lags:
			return m.explain(o, "it exists, and yet its calendar does not list it")(tx, was, b)
		}
		return false, nil
	})
	return changed, lags, err
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

// change changes a booking about whose event the suspicion still stands. It returns what fn does.
func (m *mirror) change(
	ctx context.Context, s suspicion, fn func(tx *store.Tx, was, b *booking.Booking) (bool, error),
) (changed bool, err error) {
	err = m.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		changed = false
		b, err := tx.Booking(s.own.Booking)
		if err != nil || b == nil || s.own.Placement >= len(b.Placements) {
			return err
		}
		p := b.Placements[s.own.Placement]
		switch {
		case !b.Wanted(s.own.Placement), p.Status == booking.Pending, s.absent && p.Status != booking.Missing:
			return nil
		case s.asked.Identity != "" && (s.asked.Version != b.Version || s.asked.Known != p.Event):
			return nil // it has changed while the provider was asked
		}
		changed, err = fn(tx, b.Clone(), b)
		return err
	})
	return changed, err
}

// explain says why an event needs a person, unless that was said before.
func (m *mirror) explain(o store.OwnEvent, why string) func(tx *store.Tx, was, b *booking.Booking) (bool, error) {
	return func(tx *store.Tx, _, b *booking.Booking) (bool, error) {
		if b.Placements[o.Placement].Reason == "" && b.Missed(o.Placement, why, m.cfg.Now()) {
			tx.PutBooking(b)
		}
		return false, nil
	}
}

// deleted cancels the booking of an event that a person deleted, unless the appointment has begun.
func (m *mirror) deleted(ctx context.Context, s suspicion) (cancelled bool, err error) {
	cancelled, err = m.change(ctx, s, func(tx *store.Tx, was, b *booking.Booking) (bool, error) {
		now := m.cfg.Now()
		act := booking.Act{At: now, By: booking.ByCalendar, Why: "its event was deleted"}
		if !b.Deleted(s.own.Placement, act) {
			return false, nil
		}
		return true, tx.ChangeBooking(was, b, now)
	})
	if err == nil && cancelled {
		m.log.Info("mirror: a person deleted the event of a booking, which is cancelled", "booking", s.own.Booking)
	}
	return cancelled, err
}

// follow gives a booking the time that a person gave its event, and marks it where somebody else has that time.
func (m *mirror) follow(tx *store.Tx, was, b *booking.Booking, placement int, event calendar.Written) error {
	now := m.cfg.Now()
	b.Follow(placement, event, booking.Act{At: now, By: booking.ByCalendar})
	busy, err := tx.Busy(m.id)
	if err != nil {
		return err
	}
	if busy != nil {
		taken, err := m.taken(tx, busy, b, placement)
		if err != nil {
			return err
		}
		b.SetConflict(placement, taken, now)
	}
	return tx.ChangeBooking(was, b, now)
}
