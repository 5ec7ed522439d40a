package booking

import (
	"cmp"
	"slices"

	"slotd/internal/calendar"
)

// Facts are the inputs of a State.
type Facts struct {
	// Busy has one entry for each calendar that blocks the resource. A nil entry is a calendar that is not known.
	Busy []*calendar.Busy
	// Claims are those of the resource itself, Others those of resources that share a calendar with it.
	Claims, Others []Claim
	// Now is the moment of the question, in Unix seconds: holds that ended by then take nothing.
	Now int64
	// Asker is who asks: what it has claimed itself hides nothing from it.
	Asker Asker
}

// Asker names the claims of who asks; empty fields name none.
type Asker struct {
	// Visit is the key of the visit whose hold is its own.
	Visit string
	// Booking is the id of the booking that is to be moved.
	Booking string
}

// owns reports whether the claim is the asker's own.
func (a Asker) owns(c Claim) bool {
	return a.Visit != "" && c.Hold == a.Visit || a.Booking != "" && c.Booking == a.Booking
}

// takes reports whether a claim takes time from who asks.
func (f *Facts) takes(c *Claim) bool { return c.Takes(f.Now) && !f.Asker.owns(*c) }

// claimOf returns the claim on the resource itself of an event of ours, nil when there is none that takes time. Claims are
// sorted by start, at which most events still are.
func (f *Facts) claimOf(o calendar.Own) *Claim {
	i, _ := slices.BinarySearchFunc(f.Claims, o.Start, func(c Claim, start int64) int { return cmp.Compare(c.Start, start) })
	for ; i < len(f.Claims) && f.Claims[i].Start == o.Start; i++ {
		if c := &f.Claims[i]; c.Booking == o.Booking && f.takes(c) {
			return c
		}
	}
	for i := range f.Claims {
		if c := &f.Claims[i]; c.Booking == o.Booking && f.takes(c) {
			return c
		}
	}
	return nil
}

// parts receives all that takes time of a resource; n is the index of a calendar.
type parts interface {
	// foreign are events of others, stray is one of ours without a claim: both block whatever the capacity.
	foreign(n int, spans []calendar.Interval)
	stray(n int, o calendar.Own)
	// claim is on the resource, event is of the booking of one: the two count once. beside is a claim on another resource,
	// which shares a calendar, of an owner who has none here.
	claim(*Claim)
	event(n int, o calendar.Own, of *Claim)
	beside(*Claim)
}

// divide tells the parts of the facts: the one place that says what of them takes time from who asks. Claim and event of one
// booking count once, and an event at a time that its booking has left takes nothing.
func (f *Facts) divide(to parts) {
	for i := range f.Claims {
		if c := &f.Claims[i]; f.takes(c) {
			to.claim(c)
		}
	}
	f.divideOthers(to)
	for n, busy := range f.Busy {
		if busy == nil {
			continue
		}
		to.foreign(n, busy.Foreign)
		for _, o := range busy.Own {
			if f.passes(o, busy.Window) {
				continue
			}
			if of := f.claimOf(o); of != nil {
				to.event(n, o, of)
				continue
			}
			to.stray(n, o)
		}
	}
}

func (f *Facts) divideOthers(to parts) {
	if len(f.Others) == 0 {
		return
	}
	here := make(map[owner]bool, len(f.Claims))
	for i := range f.Claims {
		if c := &f.Claims[i]; f.takes(c) {
			here[c.owner()] = true
		}
	}
	for i := range f.Others {
		if c := &f.Others[i]; !here[c.owner()] && f.takes(c) {
			to.beside(c)
		}
	}
}

// passes reports whether an event of ours blocks nothing: it is that of the booking that is to be moved, or mirrored at a
// time that its booking has left.
func (f *Facts) passes(o calendar.Own, window calendar.Interval) bool {
	return o.Booking == f.Asker.Booking && o.Booking != "" || f.left(o, window)
}

// left reports whether our event is mirrored at a time that its booking has left. Mirrored events are cut to the window.
func (f *Facts) left(o calendar.Own, window calendar.Interval) bool {
	gone := func(claims []Claim) bool {
		for i := range claims {
			c := &claims[i]
			if c.Left && c.Booking == o.Booking && max(c.Start, window.Start) == o.Start && min(c.End, window.End) == o.End {
				return true
			}
		}
		return false
	}
	return gone(f.Claims) || gone(f.Others)
}

// busy returns the nth busy document, nil when it is not known.
func (f *Facts) busy(n int) *calendar.Busy {
	if n >= len(f.Busy) {
		return nil
	}
	return f.Busy[n]
}

// Near returns those of the facts that can matter to an appointment from start on: for a question about a single start
// there is no need to prepare the whole horizon. The answers are the same.
func (o *Offer) Near(f Facts, start int64) Facts {
	span := o.Claim(start, "").Padded()
	counted := span
	if o.capped() {
		const week = 8 * 24 * 60 * 60 // more than the local week around any instant
		counted = span.Pad(week, week)
	}
	return f.near(span, counted)
}

// near returns those of the facts that can matter to an appointment within span, its buffers included, and the claims that
// can matter to its caps.
func (f Facts) near(span, counted calendar.Interval) Facts {
	here := map[owner]bool{} // who has an event near, or a claim on another resource: with its claims they count once
	for _, c := range f.Others {
		if c.Padded().Overlaps(span) {
			here[c.owner()] = true
		}
	}
	busy := make([]*calendar.Busy, len(f.Busy))
	for i, b := range f.Busy {
		if b == nil {
			continue
		}
		busy[i] = busyNear(b, span)
		for _, o := range busy[i].Own {
			here[owner{booking: o.Booking}] = true
		}
	}
	matter := func(claims []Claim, span calendar.Interval) []Claim {
		var out []Claim
		for _, c := range claims {
			if c.Padded().Overlaps(span) || here[c.owner()] {
				out = append(out, c)
			}
		}
		return out
	}
	f.Busy, f.Claims, f.Others = busy, matter(f.Claims, counted), matter(f.Others, span)
	return f
}

// busyNear returns what a busy document has within span.
func busyNear(b *calendar.Busy, span calendar.Interval) *calendar.Busy {
	first := calendar.FirstOverlap(b.Foreign, span.Start)
	last := first
	for last < len(b.Foreign) && b.Foreign[last].Start < span.End {
		last++
	}
	out := &calendar.Busy{Window: b.Window, Foreign: b.Foreign[first:last]}
	for _, o := range b.Own {
		if o.Overlaps(span) {
			out.Own = append(out.Own, o)
		}
	}
	return out
}
