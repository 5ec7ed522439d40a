package booking

import (
	"slices"

	"slotd/internal/calendar"
)

// Day appends to dst the start times, in order, at which the service can begin on the day, and returns it.
// On a day in which clocks go back a label may occur twice; see [Label].
func (st *State) Day(dst []int64, d calendar.Date) []int64 {
	day, before := st.offer.plan.day(d), len(dst)
	for _, r := range day.runs {
		s := st.sweep(r)
		for start, ok := s.next(); ok; start, ok = s.next() {
			dst = append(dst, start)
		}
	}
	if !day.ordered {
		slices.Sort(dst[before:])
	}
	return dst
}

// HasSlot reports whether the service can begin at some time of the day.
func (st *State) HasSlot(d calendar.Date) bool {
	for _, r := range st.offer.plan.day(d).runs {
		s := st.sweep(r)
		if _, ok := s.next(); ok {
			return true
		}
	}
	return false
}

// sweep goes through the start times of a run once, and through all that could bar them beside it.
type sweep struct {
	state                               *State
	at, last, step                      int64
	blocked, claimed, full, serviceFull cursor
}

func (st *State) sweep(r run) sweep {
	length := seconds(st.offer.Duration)
	s := sweep{state: st, at: r.first, last: min(r.last, st.bounds.Latest, st.known.End-length), step: r.step}
	s.skip(max(st.bounds.Earliest, st.known.Start))
	s.blocked, s.claimed = newCursor(st.blocked, s.at), newCursor(st.claimed, s.at)
	s.full, s.serviceFull = newCursor(st.full, s.at), newCursor(st.serviceFull, s.at)
	return s
}

// skip goes on to the first start time of the run that is not before an instant.
func (s *sweep) skip(to int64) {
	if to > s.at {
		s.at += (to - s.at + s.step - 1) / s.step * s.step
	}
}

// next returns the next start time at which the service can begin.
func (s *sweep) next() (start int64, ok bool) {
	length := seconds(s.state.offer.Duration)
	for s.at <= s.last {
		start, end := s.at, s.at+length
		until := max(s.blocked.meets(start, end), s.claimed.meets(start, end),
			s.full.meets(start, start+1), s.serviceFull.meets(start, start+1))
		if until > start {
			s.skip(until)
			continue
		}
		s.at += s.step
		if !s.state.crowded(calendar.Interval{Start: start, End: end}) {
			return start, true
		}
	}
	return 0, false
}

// cursor goes through sorted, disjoint spans beside questions that come in order.
type cursor struct{ rest []calendar.Interval }

func newCursor(spans []calendar.Interval, from int64) cursor {
	return cursor{spans[calendar.FirstOverlap(spans, from):]}
}

// meets returns the end of the first span that overlaps start to end; 0: none does.
func (c *cursor) meets(start, end int64) (until int64) {
	for len(c.rest) > 0 && c.rest[0].End <= start {
		c.rest = c.rest[1:]
	}
	if len(c.rest) > 0 && c.rest[0].Start < end {
		return c.rest[0].End
	}
	return 0
}
