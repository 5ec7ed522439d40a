package booking

import (
	"slices"
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
	// Again: the placement is pending again, as the calendar is not level with the booking.
	Again bool
	// Moved: the event was read at another time than is known. Asked for by its id it tells whether a person moved it.
	Moved bool
	// Absent: the event was not read, and should have been. Asked for by its id it tells whether a person deleted it.
	Absent bool
	// Answered: that the event is absent was asked about before.
	Answered bool
	// Later: it is too early to act on it, as lists may still lag behind our last write, or the event has only just gone.
	Later bool
}

// Grace is how long lists may lag behind a write: a written event that is invisible in them means nothing for that time.
const Grace = 10 * time.Minute

// Undo is how long an event must be missing before somebody asks for it: people take back what they did by mistake, and many
// events that go one by one are seen to be many.
const Undo = time.Minute

// AtOnce is the time within which events that vanish count as having vanished together.
const AtOnce = time.Hour

// Observe records what a snapshot says of a placement. It says nothing of a booking that is over, nor of a placement with a
// write under way, nor by a read that began before the placement became what it is.
func (b *Booking) Observe(placement int, s Sighting, now time.Time) (out Sight) {
	p := &b.Placements[placement]
	switch {
	case !b.Wanted(placement):
		return b.lingering(p, s, now)
	case b.End <= now.Unix(), p.Event.ID == "", p.Status == Pending, s.Begun.Before(p.Since):
		return Sight{}
	case s.Event.ID == "":
		return b.absent(p, s, now)
	case p.recent(s) && s.Event.Version != 0 && s.Event.Version < p.Event.Version:
		return Sight{Later: true}
	case !s.Event.Interval.Empty() && s.Event.Interval != p.Event.Interval:
		return Sight{Moved: true}
	}
	switch p.Status {
	case Missing:
		b.note(Change{At: now, By: BySlotd, What: WasFound, Resource: p.Resource})
		if p.Event.Interval != b.Interval { // it was to be moved when it was missed
			p.set(Pending, now, "")
			return Sight{Changed: true, Again: true}
		}
		p.set(Seen, now, "")
		out.Changed = true
	case Written:
		p.set(Seen, now, "")
		out.Changed = true
	}
	out.Changed = b.SetConflict(placement, s.Taken, now) || out.Changed
	return out
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

// recent reports whether the read may have been served from before the placement's last write.
func (p *Placement) recent(s Sighting) bool {
	return p.Status == Written && s.Begun.Sub(p.Since) < Grace
}

// absent is Observe of an event that the read did not hold.
func (b *Booking) absent(p *Placement, s Sighting, now time.Time) Sight {
	switch {
	case b.Start <= now.Unix(), !s.Window.Covers(p.Event.Interval):
		return Sight{} // neither what is past or running, nor what lies outside can be missed
	case p.recent(s):
		return Sight{Later: true}
	case p.Status == Stuck:
		return Sight{}
	case p.Status == Missing && p.Reason != "": // which is the answer that the suspicion got; only its number counts
		recent := s.Begun.Sub(p.Since) < AtOnce
		return Sight{Absent: recent, Answered: recent}
	case p.Status == Missing:
		return Sight{Absent: true, Later: s.Begun.Sub(p.Since) < Undo}
	}
	p.set(Missing, now, "")
	b.note(Change{At: now, By: BySlotd, What: WasMissed, Resource: p.Resource})
	return Sight{Changed: true, Absent: true, Later: true}
}

// MovedBy reports whose work it is that the event of a placement was found at another time than the one that is known: a
// person's, or a write of ours, of which the answer was lost or which arrived after a later one. Both are false when it is
// where it should be.
func (b *Booking) MovedBy(placement int, found calendar.Written) (person, us bool) {
	known := b.Placements[placement].Event
	switch {
	case found.Interval.Empty() || found.Interval == known.Interval && found.Version == known.Version:
		return false, false
	case found.Version == known.Version && found.Version != 0:
		return true, false
	case found.Version == 0: // the server keeps no version: compare with all that we may have written since
		for _, c := range b.History {
			us = us || c.Version > known.Version && c.Interval == found.Interval
		}
		return !us && found.Interval != known.Interval, us
	case found.Version < known.Version:
		return false, true
	}
	us = found.Interval == b.intervalAt(found.Version)
	return !us, us
}

// intervalAt returns the time that the booking had at a version.
func (b *Booking) intervalAt(version uint64) (at calendar.Interval) {
	for _, c := range b.History {
		if c.Version <= version {
			at = c.Interval
		}
	}
	return at
}

// Again makes a placement pending whose event does not show the last write any more, because an older one arrived late.
func (b *Booking) Again(placement int, found calendar.Written, now time.Time) {
	p := &b.Placements[placement]
	p.Event = found
	p.set(Pending, now, "")
}

// Follow gives the booking the time that a person gave the event of a placement: people win in the calendar. The event stays
// as it is; those of the other placements are to follow. An event that went into the past is only missed: that was hardly
// meant, and a booking that is past could not follow it back.
func (b *Booking) Follow(placement int, event calendar.Written, a Act) {
	if event.Interval.End <= a.At.Unix() {
		if p := &b.Placements[placement]; p.Event.ID == "" { // our first write: the event must stay ours, to be followed back
			p.Event = event
			p.Event.Interval = b.Interval
		}
		b.Missed(placement, "somebody moved it into the past", a.At)
		return
	}
	b.Version++
	p := &b.Placements[placement]
	for i := range b.Placements {
		if o := &b.Placements[i]; i != placement && !o.Dropped && o.Status != Missing {
			b.leave(i, a.At)
		}
	}
	b.Interval = event.Interval
	p.Event, p.Left = event, calendar.Interval{}
	p.set(Seen, a.At, "")
	if b.forgottenSince(event.Version) {
		p.set(Pending, a.At, "") // its text still names somebody
	}
	b.tell(a, WasMoved)
	b.note(a.change(WasMoved, p.Resource))
}

// forgottenSince reports whether the person was forgotten after a version.
func (b *Booking) forgottenSince(version uint64) bool {
	return slices.ContainsFunc(b.History, func(c Change) bool { return c.What == WasForgotten && c.Version > version })
}

// Missed says why the event of a placement needs a person: it is not where it should be, and it was not simply moved or
// deleted. It reports whether that is new.
func (b *Booking) Missed(placement int, reason string, now time.Time) (changed bool) {
	p := &b.Placements[placement]
	if p.Status == Missing && p.Reason == reason {
		return false
	}
	if p.Status != Missing {
		b.note(Change{At: now, By: BySlotd, What: WasMissed, Why: reason, Resource: p.Resource})
	}
	p.set(Missing, now, reason)
	return true
}

// Deleted cancels the booking because a person deleted the event of a placement, which needs no removing then. It reports
// whether it did: what has begun is not cancelled.
func (b *Booking) Deleted(placement int, a Act) bool {
	if b.Cancel(a) != nil {
		return false
	}
	b.History[len(b.History)-1].Resource = b.Placements[placement].Resource
	b.Settled(placement, calendar.Written{}, b.Version, a.At)
	return true
}

// DeletedSince reports whether the booking was cancelled after an instant because a person deleted the event of a placement.
func (b *Booking) DeletedSince(placement int, at time.Time) bool {
	return b.Status == Cancelled && slices.ContainsFunc(b.History, func(c Change) bool {
		return c.What == WasCancelled && c.By == ByCalendar && c.Resource == b.Placements[placement].Resource && c.At.After(at)
	})
}

// Crowded reports whether somebody else's claims leave the booking no place on a resource: a person moved it there, or
// another. Buffers do not count. The capacity is that of a resource while a service is there.
func (b *Booking) Crowded(claims []Claim, capacity func(service string) int, now int64) bool {
	var others []presence
	for _, c := range claims {
		if c.Booking != "" && c.Booking != b.ID && c.Takes(now) {
			others = append(others, presence{c.Interval, capacity(c.Service), c.owner()})
		}
	}
	return crowded(others, b.Interval, capacity(b.Service))
}
