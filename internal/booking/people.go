package booking

import (
	"time"

	"slotd/internal/calendar"
)

// What people do to our events in their calendars, as snapshots tell of it.

// Sighting is what a complete read of a calendar says of the event of a placement.
type Sighting struct {
	// Begun is when the read began.
	Begun time.Time
	// Window is the interval that was read.
	Window calendar.Interval
	// Event is the event as it was read; its ID is empty when it was not there.
	Event calendar.Written
	// Taken reports whether somebody else has some of the booking's time.
	Taken bool
}

// Sight is what is to be done about a sighting.
type Sight struct {
	// Changed: the booking is to be stored.
	Changed bool
	// Again: an event that should be gone came late, and is to be removed.
	Again bool
	// Moved: a person gave the event another time; see Follow.
	Moved bool
	// Suspect: the event is not where it should be. Only a look at it by its id can tell why.
	Suspect bool
}

// Grace is how long a written event may be invisible in lists before its absence means anything: providers show a write
// with delay.
const Grace = 10 * time.Minute

// Observe records what a snapshot says of a placement. It says nothing of a booking that is over, nor of a placement with a
// write under way, nor by a read that began before the last write settled or that is older than that write.
func (b *Booking) Observe(placement int, s Sighting, now time.Time) (out Sight) {
	p := &b.Placements[placement]
	if !b.Wanted(placement) {
		return b.lingering(p, s, now)
	}
	if b.End <= now.Unix() || p.Event.ID == "" || p.Status == Pending || p.Status == Written && s.Begun.Before(p.Since) {
		return out
	}
	if s.Event.ID == "" {
		return b.absent(p, s, now)
	}
	if b.stale(p, s) {
		return out
	}
	if !s.Event.Interval.Empty() && s.Event.Interval != p.Event.Interval {
		return Sight{Moved: true}
	}
	if p.Event.ETag != s.Event.ETag && s.Event.ETag != "" {
		p.Event.ETag = s.Event.ETag // people may write what they like into the event; our next write builds on it
		out.Changed = true
	}
	switch p.Status {
	case Missing:
		b.note(Change{At: now, By: BySlotd, What: WasFound, Resource: p.Resource})
		p.set(Seen, now, "")
		out.Changed = true
	case Written:
		p.set(Seen, now, "")
		out.Changed = true
	}
	return Sight{Changed: b.SetConflict(placement, s.Taken, now) || out.Changed}
}

// lingering is Observe of an event that should be gone. Only a create that arrived late, after we had looked for it in vain,
// is removed again; one that we removed and that is back was brought back by a person, and blocks its time.
func (b *Booking) lingering(p *Placement, s Sighting, now time.Time) Sight {
	if p.Status != Written || p.Event.ID != "" || s.Event.ID == "" || s.Begun.Before(p.Since) {
		return Sight{}
	}
	p.set(Pending, now, "")
	return Sight{Changed: true, Again: true}
}

// stale reports whether the event was read as it was before our last write: lists may lag behind.
func (b *Booking) stale(p *Placement, s Sighting) bool {
	if s.Event.Version != 0 {
		return s.Event.Version < p.Event.Version
	}
	// A server that keeps no private properties: only time can tell.
	return p.Status == Written && s.Begun.Sub(p.Since) < Grace && s.Event.Interval != p.Event.Interval
}

// absent is Observe of an event that the read did not hold.
func (b *Booking) absent(p *Placement, s Sighting, now time.Time) Sight {
	switch {
	case b.Start <= now.Unix(), !s.Window.Covers(p.Event.Interval):
		return Sight{} // neither what is past or running, nor what lies outside can be missed
	case p.Status == Written && s.Begun.Sub(p.Since) < Grace:
		return Sight{}
	case p.Status == Missing:
		return Sight{Suspect: p.Reason == ""} // a reason is the answer that the suspicion got
	case p.Status == Stuck:
		return Sight{}
	}
	p.set(Missing, now, "")
	b.note(Change{At: now, By: BySlotd, What: WasMissed, Resource: p.Resource})
	return Sight{Changed: true, Suspect: true}
}

// Follow gives the booking the time that a person gave the event of a placement: people win in the calendar. The event stays
// as it is; those of the other placements are to follow.
func (b *Booking) Follow(placement int, event calendar.Written, a Act) {
	b.Version++
	p := &b.Placements[placement]
	for i := range b.Placements {
		if i != placement && !b.Placements[i].Dropped {
			b.leave(i, a.At)
		}
	}
	b.Interval = event.Interval
	p.Event, p.Left = event, calendar.Interval{}
	p.set(Seen, a.At, "")
	b.tell(a, WasMoved)
	b.note(a.change(WasMoved, p.Resource))
}

// Missed gives the reason why a missing event needs a person. It reports whether that is new.
func (b *Booking) Missed(placement int, reason string) (changed bool) {
	p := &b.Placements[placement]
	changed = p.Status == Missing && p.Reason != reason
	if changed {
		p.Reason = reason
	}
	return changed
}

// Crowded reports whether somebody else's claims leave the booking no place on a resource of a capacity: a person moved it
// there, or another. Buffers do not count.
func (b *Booking) Crowded(claims []Claim, capacity int, now int64) bool {
	var others []calendar.Interval
	for _, c := range claims {
		if c.Booking != "" && c.Booking != b.ID && c.Takes(now) {
			others = append(others, c.Interval)
		}
	}
	return crowd(others, b.Interval) >= max(capacity, 1)
}
