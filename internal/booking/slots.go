package booking

import (
	"slices"
	"time"

	"slotd/internal/calendar"
)

// Reason says why a start time can or cannot be booked. The zero value means that it can.
type Reason int

// The reasons, in the order in which they are asked.
const (
	Free       Reason = iota
	NotOffered        // not a start time of the resource and the service
	TooSoon           // before the minimum notice, or past
	TooFar            // beyond the booking horizon
	Unknown           // a calendar that blocks the resource is unread, too old, or does not cover the time
	Busy              // somebody's event is there
	Claimed           // our own bookings fill it
)

var reasonNames = [...]string{
	"free", "not offered", "too soon", "too far ahead", "calendar not known well enough", "busy", "booked",
}

// String returns the reason in words, from a closed set.
func (r Reason) String() string {
	if r < 0 || int(r) >= len(reasonNames) {
		return "unknown reason"
	}
	return reasonNames[r]
}

// State is what one resource's time looks like at one moment: everything that decides whether a service can start at an
// instant. Make it with [NewState]; it may be read concurrently.
type State struct {
	resource *Resource
	service  *Service
	bounds   Bounds
	known    calendar.Interval   // covered by every blocking calendar; empty when one of them is not known
	blocked  []calendar.Interval // sorted, disjoint: what is busy whatever the capacity
	claimed  []calendar.Interval // sorted, disjoint: where our claims leave no room, grown by the service's buffers
	taken    []calendar.Interval // our claims that count against a capacity above one, buffers included
}

// Bounds limit start times: Earliest <= start <= Latest, in Unix seconds.
type Bounds struct {
	Earliest, Latest int64
}

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

// NewState prepares the facts for questions about one service at one resource.
func NewState(r *Resource, s *Service, b Bounds, f Facts) *State {
	st := &State{resource: r, service: s, bounds: b, known: coverage(r, f.Busy)}
	own := map[owner][]calendar.Interval{} // of bookings, claims with the events that are theirs
	for _, c := range f.Claims {
		if c.Takes(f.Now) && !f.Asker.owns(c) {
			own[c.owner()] = append(own[c.owner()], c.Padded())
		}
	}
	st.blocked = st.block(f, own)
	for _, c := range f.Others {
		if _, both := own[c.owner()]; !both && c.Takes(f.Now) && !f.Asker.owns(c) {
			st.taken = append(st.taken, c.Padded())
		}
	}
	others := len(st.taken)
	for _, spans := range own {
		st.taken = append(st.taken, calendar.Union(spans)...)
	}
	st.fold(others)
	return st
}

// block returns the time that is busy whatever the capacity. Our own events join the claims of their bookings: block and
// claim of one booking count once. Those at a time that their booking has left block nothing.
func (st *State) block(f Facts, own map[owner][]calendar.Interval) []calendar.Interval {
	blocks := make([]calendar.Interval, 0, 64)
	for _, busy := range f.Busy {
		if busy == nil {
			continue
		}
		blocks = append(blocks, busy.Foreign...)
		for _, o := range busy.Own {
			spans, claimed := own[owner{booking: o.Booking}]
			switch {
			case o.Booking == f.Asker.Booking && o.Booking != "", f.left(o, busy.Window):
			case claimed:
				own[owner{booking: o.Booking}] = append(spans, o.Interval)
			default:
				blocks = append(blocks, o.Interval)
			}
		}
	}
	return calendar.Union(blocks)
}

// Near returns those of the facts that can matter to an appointment within span, its buffers included: for a question about a
// single start there is no need to prepare the whole horizon. The answers are the same.
func (f Facts) Near(span calendar.Interval) Facts {
	events := map[string]bool{} // bookings of ours with an event near
	busy := make([]*calendar.Busy, len(f.Busy))
	for i, b := range f.Busy {
		if b == nil {
			continue
		}
		first := calendar.FirstOverlap(b.Foreign, span.Start)
		last := first
		for last < len(b.Foreign) && b.Foreign[last].Start < span.End {
			last++
		}
		busy[i] = &calendar.Busy{Window: b.Window, Foreign: b.Foreign[first:last]}
		for _, o := range b.Own {
			if o.Overlaps(span) {
				busy[i].Own, events[o.Booking] = append(busy[i].Own, o), true
			}
		}
	}
	matter := func(claims []Claim) []Claim {
		var out []Claim
		for _, c := range claims {
			if c.Padded().Overlaps(span) || events[c.Booking] {
				out = append(out, c)
			}
		}
		return out
	}
	f.Busy, f.Claims, f.Others = busy, matter(f.Claims), matter(f.Others)
	return f
}

// left reports whether our event is mirrored at a time that its booking has left. Mirrored events are cut to the window.
func (f *Facts) left(o calendar.Own, window calendar.Interval) bool {
	gone := func(c Claim) bool {
		return c.Left && c.Booking == o.Booking &&
			max(c.Start, window.Start) == o.Start && min(c.End, window.End) == o.End
	}
	return slices.ContainsFunc(f.Claims, gone) || slices.ContainsFunc(f.Others, gone)
}

// fold moves what no capacity can share from taken into claimed: the claims of other resources, which come first, and with
// a capacity of one all claims. They are grown by the buffers that the asked service needs around itself.
func (st *State) fold(others int) {
	if st.resource.Capacity <= 1 {
		others = len(st.taken)
	}
	before, after := seconds(st.service.Before), seconds(st.service.After)
	grown := make([]calendar.Interval, 0, others)
	for _, t := range st.taken[:others] {
		// [t) meets [start-before, end+after) exactly when [t.Start-after, t.End+before) meets [start, end).
		grown = append(grown, t.Pad(after, before))
	}
	st.taken = append([]calendar.Interval(nil), st.taken[others:]...)
	st.claimed = calendar.Union(grown)
}

// coverage returns the interval that all calendars cover; empty when one of them is not known, or when there are none.
func coverage(r *Resource, busy []*calendar.Busy) calendar.Interval {
	if len(busy) == 0 || len(busy) < len(r.Blocks) {
		return calendar.Interval{}
	}
	all := calendar.Interval{Start: -1 << 62, End: 1 << 62}
	for _, b := range busy {
		if b == nil {
			return calendar.Interval{}
		}
		all.Start, all.End = max(all.Start, b.Window.Start), min(all.End, b.Window.End)
	}
	return all
}

// Day appends to dst the start times, in order, at which the service can begin on the day, and returns it.
// On a day in which clocks go back a label may occur twice; see [Label].
func (st *State) Day(dst []int64, d calendar.Date) []int64 {
	before := len(dst)
	for _, span := range st.resource.Hours[d.Weekday()] {
		st.candidates(d, span, func(start int64) bool {
			if st.reason(start) == Free {
				dst = append(dst, start)
			}
			return true
		})
	}
	slices.Sort(dst[before:]) // the hours of a day overlap where clocks go back
	return dst
}

// HasSlot reports whether the service can begin at some time of the day.
func (st *State) HasSlot(d calendar.Date) bool {
	found := false
	for _, span := range st.resource.Hours[d.Weekday()] {
		st.candidates(d, span, func(start int64) bool {
			found = st.reason(start) == Free
			return !found
		})
		if found {
			return true
		}
	}
	return false
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
	}
	return st.Room(start)
}

// offers reports whether start is one of the candidates of its day.
func (st *State) offers(start int64) bool {
	d := calendar.DateOf(start, st.resource.Zone)
	found := false
	for _, span := range st.resource.Hours[d.Weekday()] {
		st.candidates(d, span, func(s int64) bool {
			found = found || s == start
			return !found
		})
	}
	return found
}

// reason decides about a candidate.
func (st *State) reason(start int64) Reason {
	switch {
	case start < st.bounds.Earliest:
		return TooSoon
	case start > st.bounds.Latest:
		return TooFar
	}
	return st.Room(start)
}

// Room says whether the service has room at start, whatever the hours, the grid and the bounds say. It is for staff, who
// may book outside the rules of the business, though never over anything.
func (st *State) Room(start int64) Reason {
	want := st.span(start)
	switch {
	case !st.known.Covers(want):
		return Unknown
	case calendar.AnyOverlap(st.blocked, want):
		return Busy
	case calendar.AnyOverlap(st.claimed, want):
		return Claimed
	case st.full(want):
		return Claimed
	}
	return Free
}

// accompany says whether the resource can be there from start on beside the one that was chosen: open, whatever its own
// grid, and with room.
func (st *State) accompany(start int64) Reason {
	if !st.open(st.span(start)) {
		return NotOffered
	}
	return st.reason(start)
}

// open reports whether the hours cover want, over the end of a span or a day where the next begins at once.
func (st *State) open(want calendar.Interval) bool {
	var spans []calendar.Interval
	// Where clocks go back at midnight, the date that they show is not the day that an instant belongs to; so a day more on
	// each side.
	last := calendar.DateOf(want.End, st.resource.Zone).AddDays(1)
	for d := calendar.DateOf(want.Start, st.resource.Zone).AddDays(-1); !last.Before(d); d = d.AddDays(1) {
		for _, span := range st.resource.Hours[d.Weekday()] {
			spans = append(spans, openInterval(d, span, st.resource.Zone))
		}
	}
	return slices.ContainsFunc(calendar.Union(spans), func(open calendar.Interval) bool { return open.Covers(want) })
}

// span returns the time of an appointment that begins at start.
func (st *State) span(start int64) calendar.Interval {
	return calendar.Interval{Start: start, End: start + seconds(st.service.Duration)}
}

// full reports whether one more claim over want would exceed the capacity.
func (st *State) full(want calendar.Interval) bool {
	if len(st.taken) == 0 {
		return false
	}
	padded := want.Pad(seconds(st.service.Before), seconds(st.service.After))
	return crowd(st.taken, padded) >= st.resource.Capacity
}

// candidates calls yield for each start time that hours and grid allow in one span of a day, until it returns false. Start
// times lie on the grid in wall time, counted from the opening; see the package comment for days on which clocks change.
func (st *State) candidates(d calendar.Date, span Span, yield func(start int64) bool) {
	open := openInterval(d, span, st.resource.Zone)
	length, grid := seconds(st.service.Duration), seconds(st.service.Grid)
	midnight := midnightUTC(d)
	from, to := int64(span.From)*60, int64(span.To)*60
	calendar.Segments(open, st.resource.Zone, func(part calendar.Interval, offset int64) bool {
		wall := part.Start + offset - midnight // seconds after midnight that clocks show when the part begins
		label := from
		if wall > from {
			label += (wall - from + grid - 1) / grid * grid
		}
		for ; label < to; label += grid {
			start := midnight + label - offset
			if start >= part.End || start+length > open.End {
				break
			}
			if !yield(start) {
				return false
			}
		}
		return true
	})
}

// openInterval returns the instants of a span of hours: from its first opening to its last closing.
func openInterval(d calendar.Date, span Span, zone *time.Location) calendar.Interval {
	start, _, _ := calendar.Wall(d, span.From, zone)
	_, end, _ := calendar.Wall(d, span.To, zone)
	return calendar.Interval{Start: start, End: end}
}

// midnightUTC returns the day's midnight as if its zone were UTC: the origin of wall seconds.
func midnightUTC(d calendar.Date) int64 {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC).Unix()
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }
