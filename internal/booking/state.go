package booking

import (
	"cmp"
	"slices"

	"slotd/internal/calendar"
)

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
	shared  []presence          // sorted by start: our claims beside which there may be room, buffers included
	longest int64               // of shared, in seconds
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
	m := merger{offer: o}
	m.make(&f)
	f.divide(&m)
	st.blocked, st.claimed, st.shared = calendar.Union(m.blocked), calendar.Union(m.alone), union(m.shared)
	for _, p := range st.shared {
		st.longest = max(st.longest, p.End-p.Start)
	}
	if o.capped() {
		st.countCaps()
	}
	return st
}

// merger gathers the time that is taken. What leaves room for nobody stands alone, grown by the buffers that the asked service
// needs around itself: claims of other resources, those of a capacity of one, and all where the asked service has that itself.
// The rest is shared, and counted.
type merger struct {
	offer          *Offer
	blocked, alone []calendar.Interval
	shared         []presence
}

// make makes room for all that can come.
func (m *merger) make(f *Facts) {
	n := 0
	for _, busy := range f.Busy {
		if busy != nil {
			n += len(busy.Foreign) + len(busy.Own)
		}
	}
	m.blocked = make([]calendar.Interval, 0, n)
	m.alone = make([]calendar.Interval, 0, len(f.Claims)+len(f.Others))
}

func (m *merger) foreign(_ int, spans []calendar.Interval) { m.blocked = append(m.blocked, spans...) }

func (m *merger) stray(_ int, o calendar.Own) { m.blocked = append(m.blocked, o.Interval) }

func (m *merger) claim(c *Claim) { m.add(c, c.Padded()) }

func (m *merger) event(_ int, o calendar.Own, of *Claim) { m.add(of, o.Interval) }

func (m *merger) beside(c *Claim) { m.addAlone(c.Padded()) }

func (m *merger) add(c *Claim, span calendar.Interval) {
	if capacity := m.offer.capacityWith(c); capacity > 1 {
		m.shared = append(m.shared, presence{span, capacity, c.owner()})
		return
	}
	m.addAlone(span)
}

func (m *merger) addAlone(span calendar.Interval) {
	// [t) meets [start-before, end+after) exactly when [t.Start-after, t.End+before) meets [start, end).
	m.alone = append(m.alone, span.Pad(seconds(m.offer.After), seconds(m.offer.Before)))
}

// capacityWith returns how many may be at the resource while a claim is there and the offer too.
func (o *Offer) capacityWith(c *Claim) int {
	if o.Capacity <= 1 {
		return 1
	}
	return min(o.Capacity, o.catalog.Capacity(o.Resource.ID, c.Service))
}

// union merges what each owner takes: a claim and the events of its booking count once. The result is sorted by start.
func union(there []presence) []presence {
	slices.SortFunc(there, func(a, b presence) int {
		return cmp.Or(cmp.Compare(a.of.booking, b.of.booking), cmp.Compare(a.of.hold, b.of.hold), cmp.Compare(a.Start, b.Start))
	})
	out := there[:0]
	for _, p := range there {
		if n := len(out); n > 0 && out[n-1].of == p.of && p.Start <= out[n-1].End {
			out[n-1].End = max(out[n-1].End, p.End)
			continue
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b presence) int { return cmp.Compare(a.Start, b.Start) })
	return out
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
	want = want.Pad(seconds(st.offer.Before), seconds(st.offer.After))
	from := func(start int64) int {
		i, _ := slices.BinarySearchFunc(st.shared, start, func(p presence, start int64) int { return cmp.Compare(p.Start, start) })
		return i
	}
	near := st.shared[from(want.Start-st.longest):from(want.End)]
	return crowded(near, want, st.offer.Capacity)
}

// within reports whether one of the sorted, disjoint spans holds the instant.
func within(spans []calendar.Interval, at int64) bool {
	return calendar.AnyOverlap(spans, calendar.Interval{Start: at, End: at + 1})
}
