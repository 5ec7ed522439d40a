package booking

import "slotd/internal/calendar"

// Reason says why a start time can or cannot be booked. The zero value means that it can.
type Reason int

// The reasons. Of several resources, or of those that could fill a need, the greatest counts: it came closest.
const (
	Free       Reason = iota
	NotOffered        // not a start time of the resource and the service
	TooSoon           // before the minimum notice, or past
	TooFar            // beyond the booking horizon
	Capped            // so many bookings as may be on that day, or in that week, are there
	Unknown           // a calendar that blocks the resource is unread, too old, or does not cover the time
	Busy              // somebody's event is there
	Claimed           // our own bookings fill it
)

var reasonNames = [...]string{
	"free", "not offered", "too soon", "too far ahead", "as many bookings as may be", "calendar not known well enough", "busy",
	"booked",
}

// String returns the reason in words, from a closed set.
func (r Reason) String() string {
	if r < 0 || int(r) >= len(reasonNames) {
		return "unknown reason"
	}
	return reasonNames[r]
}

var reasonCodes = [...]string{"free", "not_offered", "too_soon", "too_far", "capped", "unknown", "busy", "booked"}

// Code returns the reason as a word for machines, from a closed set.
func (r Reason) Code() string {
	if r < 0 || int(r) >= len(reasonCodes) {
		return "unknown"
	}
	return reasonCodes[r]
}

// State is what one resource's time looks like at one moment: everything that decides whether a service can start at an
// instant. Make it with [NewState]; it may be read concurrently.
type State struct {
	offer   *Offer
	facts   Facts
	bounds  Bounds
	known   calendar.Interval   // covered by every blocking calendar; empty when one of them is not known
	blocked []calendar.Interval // sorted, disjoint: what is busy whatever the capacity
	claimed []calendar.Interval // sorted, disjoint: where our claims leave no room, grown by the service's buffers
	shared  []presence          // our claims beside which there may be room, buffers included
	// full and serviceFull are the days and weeks, sorted and disjoint, in which no more may begin: of anything at the
	// resource, and of the service at it. They bound starts, not the time that is taken.
	full, serviceFull []calendar.Interval
}

// Bounds limit start times: Earliest <= start <= Latest, in Unix seconds.
type Bounds struct {
	Earliest, Latest int64
}

// With returns the bounds between which either allows a start.
func (b Bounds) With(o Bounds) Bounds {
	return Bounds{Earliest: min(b.Earliest, o.Earliest), Latest: max(b.Latest, o.Latest)}
}

// NewState prepares the facts for questions about one service at one resource.
func NewState(o *Offer, b Bounds, f Facts) *State {
	st := &State{offer: o, facts: f, bounds: b, known: coverage(o.Resource, f.Busy)}
	own := map[owner]*owned{} // of bookings, claims with the events that are theirs
	for _, c := range f.Claims {
		if f.takes(c) {
			of := own[c.owner()]
			if of == nil {
				of = &owned{capacity: o.catalog.Capacity(o.Resource.ID, c.Service)}
				own[c.owner()] = of
			}
			of.spans = append(of.spans, c.Padded())
		}
	}
	st.block(own)
	st.take(own)
	if o.capped() {
		st.countCaps()
	}
	return st
}

// owned is the time that one owner takes.
type owned struct {
	spans    []calendar.Interval
	capacity int
}

// block finds the time that is busy whatever the capacity. Our own events join the claims of their bookings: block and
// claim of one booking count once. Those at a time that their booking has left block nothing.
func (st *State) block(own map[owner]*owned) {
	blocks := make([]calendar.Interval, 0, 64)
	for _, busy := range st.facts.Busy {
		if busy == nil {
			continue
		}
		blocks = append(blocks, busy.Foreign...)
		for _, o := range busy.Own {
			claims := own[owner{booking: o.Booking}]
			switch {
			case st.facts.passes(o, busy.Window):
			case claims != nil:
				claims.spans = append(claims.spans, o.Interval)
			default:
				blocks = append(blocks, o.Interval)
			}
		}
	}
	st.blocked = calendar.Union(blocks)
}

// take divides our claims. What leaves room for nobody is claimed, grown by the buffers that the asked service needs around
// itself: claims of other resources, those of a capacity of one, and all where the asked service has that itself. The rest
// is counted.
func (st *State) take(own map[owner]*owned) {
	before, after := seconds(st.offer.Before), seconds(st.offer.After)
	var alone []calendar.Interval
	add := func(t calendar.Interval, capacity int) {
		if min(capacity, st.offer.Capacity) <= 1 {
			// [t) meets [start-before, end+after) exactly when [t.Start-after, t.End+before) meets [start, end).
			alone = append(alone, t.Pad(after, before))
			return
		}
		st.shared = append(st.shared, presence{t, capacity})
	}
	for _, c := range st.facts.Others {
		if own[c.owner()] == nil && st.facts.takes(c) {
			add(c.Padded(), 1)
		}
	}
	for _, of := range own {
		for _, span := range calendar.Union(of.spans) {
			add(span, of.capacity)
		}
	}
	st.claimed = calendar.Union(alone)
}

// always is longer than anything that is asked about.
var always = calendar.Interval{Start: -1 << 62, End: 1 << 62}

// coverage returns the interval that all calendars cover; empty when one of them is not known, or when there are none.
func coverage(r *Resource, busy []*calendar.Busy) calendar.Interval {
	if len(busy) == 0 || len(busy) < len(r.Blocks) {
		return calendar.Interval{}
	}
	all := always
	for _, b := range busy {
		if b == nil {
			return calendar.Interval{}
		}
		all.Start, all.End = max(all.Start, b.Window.Start), min(all.End, b.Window.End)
	}
	return all
}

// Check says whether the service can begin at start, by the same rules that Day lists by. The bounds are asked first: they
// keep instants from outside, thousands of years away, from the rules of time zones.
func (st *State) Check(start int64) Reason {
	switch {
	case start < st.bounds.Earliest:
		return TooSoon
	case start > st.bounds.Latest:
		return TooFar
	case !st.offers(start):
		return NotOffered
	case within(st.full, start), within(st.serviceFull, start):
		return Capped
	}
	return st.Room(start)
}

// offers reports whether hours and grid allow a start time.
func (st *State) offers(start int64) bool {
	return st.offer.plan.day(calendar.DateOf(start, st.offer.Resource.Zone)).has(start)
}

// Room says whether there is room for the service from start on, whatever its hours, grid and bounds say: for staff, who
// may book outside the rules of the business, though never over anything.
func (st *State) Room(start int64) Reason {
	want := st.offer.Span(start)
	switch {
	case !st.known.Covers(want):
		return Unknown
	case calendar.AnyOverlap(st.blocked, want):
		return Busy
	case calendar.AnyOverlap(st.claimed, want), st.crowded(want):
		return Claimed
	}
	return Free
}

// accompany says whether the resource can be there from start on beside the one that was chosen: open, whatever its own
// grid, within the caps of its own, and with room.
func (st *State) accompany(start int64) Reason {
	switch {
	case start < st.bounds.Earliest:
		return TooSoon
	case start > st.bounds.Latest:
		return TooFar
	case !st.offer.plan.covers(st.offer.Span(start)):
		return NotOffered
	case within(st.full, start):
		return Capped
	}
	return st.Room(start)
}

// crowded reports whether one more claim over want would exceed a capacity.
func (st *State) crowded(want calendar.Interval) bool {
	if len(st.shared) == 0 {
		return false
	}
	return crowded(st.shared, want.Pad(seconds(st.offer.Before), seconds(st.offer.After)), st.offer.Capacity)
}

// within reports whether one of the sorted, disjoint spans holds the instant.
func within(spans []calendar.Interval, at int64) bool {
	return calendar.AnyOverlap(spans, calendar.Interval{Start: at, End: at + 1})
}
