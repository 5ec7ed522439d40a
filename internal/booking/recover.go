package booking

import (
	"slices"

	"slotd/internal/calendar"
)

// What a store that was put back from a copy learns from the events that it wrote after the copy was made.

// Trace is an event of ours that was found by what we wrote into it.
type Trace struct {
	Resource string
	Calendar calendar.ID
	// Identity and Attempt are those under which the event was made.
	Identity string
	Attempt  int
	// Event is the event as it was found; its Version is that of the booking when we wrote it.
	Event calendar.Written
}

// Recover makes the booking, of which nothing but its events is known, one with a placement for each of the traces. The
// first one says when it is and which resource was chosen; events elsewhere in time are to follow. Who it is for is not
// known, so a person has to look.
func (b *Booking) Recover(a Act, traces []Trace) {
	first := traces[0]
	b.Version, b.Status, b.Created, b.Resource = 1, Confirmed, a.At, first.Resource
	b.Interval = first.Event.Interval
	for _, t := range traces {
		b.Version = max(b.Version, t.Event.Version)
		b.Placements = append(b.Placements, placementOf(t))
		b.showAt(len(b.Placements)-1, a)
	}
	b.Untold = WasRecovered
	b.note(a.change(WasRecovered, ""))
}

// CatchUp gives a confirmed booking the state that its events tell of, when one of them was written from a later
// version than the store knows. The traces are of this booking, the newest first; an event on a resource that the
// booking did not have means that it moved there, from those where it has no event of that version. It reports whether
// there was anything to do.
func (b *Booking) CatchUp(a Act, traces []Trace) bool {
	newest := traces[0].Event
	if b.Status != Confirmed || newest.Version <= b.Version {
		return false
	}
	if newest.Interval != b.Interval {
		b.tell(a, WasMoved) // perhaps the customer knows; the copy does not say
	}
	b.Version, b.Interval = newest.Version, newest.Interval
	var level []int // placements whose events are of that version
	added := ""
	for _, t := range traces {
		i := b.placed(t)
		switch {
		case i >= 0:
			b.Placements[i].Event = t.Event
		case t.Event.Version == newest.Version:
			b.Placements = append(b.Placements, placementOf(t))
			i = len(b.Placements) - 1
			if added == "" {
				added = t.Resource
			}
		default:
			continue // a copy that a person made, or an attempt that was given up
		}
		if t.Event.Version == newest.Version {
			level = append(level, i)
		}
		if !b.Placements[i].Dropped {
			b.showAt(i, a)
		}
	}
	if added != "" {
		b.dropOthers(level, a)
	}
	if !slices.Contains(b.Active(), b.Resource) {
		b.Resource = added
	}
	b.note(a.change(WasRecovered, ""))
	return true
}

// dropOthers leaves the resources of all placements but those given.
func (b *Booking) dropOthers(stay []int, a Act) {
	for i := range b.Placements {
		if p := &b.Placements[i]; !p.Dropped && !slices.Contains(stay, i) {
			b.leave(i, a.At)
			p.Dropped = true
		}
	}
}

// placed returns the index of the placement whose event a trace is of, -1 when there is none.
func (b *Booking) placed(t Trace) int {
	return slices.IndexFunc(b.Placements, func(p Placement) bool {
		if p.Resource != t.Resource || p.Calendar != t.Calendar {
			return false
		}
		if p.Event.ID != "" {
			return p.Event.ID == t.Event.ID
		}
		return p.Identity == t.Identity
	})
}

func placementOf(t Trace) Placement {
	return Placement{Resource: t.Resource, Calendar: t.Calendar, Identity: t.Identity, Attempt: t.Attempt, Event: t.Event}
}

// showAt says of a placement whose event was just found whether it is where the booking is, or has to follow.
func (b *Booking) showAt(i int, a Act) {
	p := &b.Placements[i]
	p.Left = calendar.Interval{}
	if p.Event.Interval == b.Interval {
		p.set(Seen, a.At, "")
		return
	}
	p.Left = p.Event.Interval
	p.set(Pending, a.At, "")
}
