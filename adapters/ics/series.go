package ics

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"

	"slotd/internal/calendar"
)

// maxEvents is how many occurrences a whole feed may have in a window.
const maxEvents = 200_000

var errTooManyEvents = errors.New("tooManyEvents")

// expansion makes the events of a window out of a feed.
type expansion struct {
	window     calendar.Interval
	zones      *zones
	odd        oddities
	allDayBusy bool
	out        []calendar.Event
}

// occurrence is one of a series.
type occurrence struct {
	wall   int64
	length length
	shows
}

func (x *expansion) events(ctx context.Context, f *feed) ([]calendar.Event, error) {
	if len(f.events) == 0 && len(f.freeBusy) == 0 {
		x.odd.add(NoEvents)
	}
	r := &reader{zones: x.zones, odd: x.odd, allDayBusy: x.allDayBusy}
	series := map[string]int{} // how many there are with a UID
	replacing := map[string][]event{}
	all := make([]event, len(f.events))
	for i := range f.events {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		all[i] = r.event(&f.events[i])
		e := &all[i]
		switch {
		case e.replaces:
			replacing[e.uid] = append(replacing[e.uid], *e)
		case e.repeats():
			series[e.uid]++
		}
	}
	for i := range all {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		e := &all[i]
		others := replacing[e.uid]
		if e.repeats() && len(others) > 0 && (series[e.uid] > 1 || e.uid == "") {
			x.odd.add(SharedUID)
			others = nil
		}
		if err := x.add(ctx, e, others); err != nil {
			return nil, err
		}
		if len(x.out) > maxEvents {
			return nil, errTooManyEvents
		}
	}
	x.freeBusy(f)
	return x.out, nil
}

func (e *event) repeats() bool { return !e.replaces && len(e.rules)+len(e.extra) > 0 }

// add adds an event, or the occurrences of a series without those that others replace.
func (x *expansion) add(ctx context.Context, e *event, others []event) error {
	switch {
	case e.gone:
		return nil
	case !e.placed:
		x.put(e, x.window, e.shows, 0)
		return nil
	case !e.repeats():
		x.put(e, e.span, e.shows, e.start.wall)
		return nil
	}
	found, err := x.occurrences(ctx, e, x.reach(e, others))
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		if e.busy {
			x.odd.add(kindOfRule(err))
		}
		whole := calendar.Interval{Start: e.span.Start, End: max(e.span.End, x.window.End)}
		x.put(e, whole, e.shows, e.start.wall)
		return nil
	}
	for id, o := range x.replace(e, found, others) {
		x.put(e, o.length.span(e.start.zone, o.wall), o.shows, id)
	}
	return x.periods(e)
}

func kindOfRule(err error) string {
	if errors.Is(err, errTooFrequent) {
		return TooFrequent
	}
	return BadRecurrence
}

// reach is the span of wall times at which an occurrence, as it is or as others move it, may touch the window.
func (x *expansion) reach(e *event, others []event) calendar.Interval {
	before, after := max(e.length.exact, e.length.nominal), int64(0)
	for i := range others {
		o := &others[i]
		if !o.following || !o.placed {
			continue
		}
		if shift, ok := o.shift(e.start.zone); ok {
			before = max(before, shift+max(o.length.exact, o.length.nominal))
			after = max(after, -shift)
		}
	}
	return x.window.Pad(before+2*day, after+2*day)
}

// shift is by how much an event moves the occurrence that it replaces, in wall time of the series.
func (e *event) shift(z *zone) (int64, bool) {
	from, ok1 := e.of.in(z)
	to, ok2 := e.start.in(z)
	return to - from, ok1 && ok2
}

// occurrences returns the sorted wall times within reach at which a series occurs, exceptions taken away.
func (x *expansion) occurrences(ctx context.Context, e *event, reach calendar.Interval) ([]int64, error) {
	var walls []int64
	if reach.Start <= e.start.wall && e.start.wall < reach.End {
		walls = append(walls, e.start.wall)
	}
	for _, p := range e.rules {
		r, err := parseRule(p.value)
		if err != nil {
			return nil, err
		}
		more, err := r.walls(ctx, e.start.wall, reach.Start, reach.End, maxPerSeries)
		if err != nil {
			return nil, err
		}
		if r.untilUTC {
			more = slices.DeleteFunc(more, func(w int64) bool {
				// of an all-day series it is often the last day's midnight in UTC
				return e.start.zone.first(w) > r.until && !(e.start.date && w <= r.until)
			})
		}
		walls = append(walls, more...)
	}
	for _, p := range e.extra {
		for v := range strings.SplitSeq(p.value, ",") {
			if strings.Contains(v, "/") {
				continue // a period, which has its own length
			}
			m, ok := x.zones.moment(p, v)
			if !ok {
				return nil, errRule
			}
			w, ok := m.in(e.start.zone)
			if !ok {
				return nil, errRule
			}
			walls = append(walls, w)
		}
	}
	slices.Sort(walls)
	return x.without(e, slices.Compact(walls)), nil
}

// without takes the exceptions (EXDATE) of a series away. A date takes away what begins on it.
func (x *expansion) without(e *event, walls []int64) []int64 {
	gone, days := map[int64]bool{}, map[int64]bool{}
	for _, p := range e.except {
		for v := range strings.SplitSeq(p.value, ",") {
			m, ok := x.zones.moment(p, v)
			w, inZone := int64(0), false
			if ok {
				w, inZone = m.in(e.start.zone)
			}
			switch {
			case !inZone:
				x.odd.add(BadException)
			case m.date:
				days[w] = true
			default:
				gone[w] = true
			}
		}
	}
	return slices.DeleteFunc(walls, func(w int64) bool { return gone[w] || days[dayOf(w)] })
}

func dayOf(wall int64) int64 { return wall - ((wall%day)+day)%day }

// replace takes away the occurrences that others replace, and changes those that follow one with RANGE=THISANDFUTURE as
// it says (RFC 5545 §3.8.4.4). The keys are the original wall times.
func (x *expansion) replace(e *event, walls []int64, others []event) map[int64]occurrence {
	out := map[int64]occurrence{}
	for _, w := range walls {
		out[w] = occurrence{wall: w, length: e.length, shows: e.shows}
	}
	var changes []change
	gone, days := map[int64]bool{}, map[int64]bool{}
	for i := range others {
		o := &others[i]
		from, ok := o.of.in(e.start.zone)
		if !ok {
			continue // it was reported, or its zone was
		}
		gone[from] = true
		if o.of.date {
			days[from] = true
		}
		if o.following {
			changes = append(changes, change{from, o})
		}
	}
	slices.SortFunc(changes, func(a, b change) int { return cmp.Compare(a.from, b.from) })
	next := 0
	for _, w := range walls {
		for next < len(changes) && changes[next].from < w {
			next++
		}
		if next > 0 {
			out[w] = changes[next-1].by.follow(e, w)
		}
		if gone[w] || days[dayOf(w)] || out[w].length == (length{}) {
			delete(out, w)
		}
	}
	return out
}

// change is what becomes of all occurrences of a series after the one at the wall time from.
type change struct {
	from int64
	by   *event
}

// follow returns what becomes of the occurrence of s at wall; without length nothing is left of it.
func (e *event) follow(s *event, wall int64) occurrence {
	shift, ok := e.shift(s.start.zone)
	switch {
	case e.gone:
		return occurrence{}
	case !e.placed || !ok:
		return occurrence{wall: wall, length: s.length, shows: shows{busy: s.busy || e.busy}}
	}
	return occurrence{wall: wall + shift, length: e.length, shows: e.shows}
}

// periods adds the RDATEs of a series that have their own length.
func (x *expansion) periods(e *event) error {
	for _, p := range e.extra {
		for v := range strings.SplitSeq(p.value, ",") {
			if !strings.Contains(v, "/") {
				continue
			}
			span, ok := x.zones.period(p, v)
			if !ok {
				span = x.window
				x.odd.add(BadRecurrence)
			}
			x.put(e, span, e.shows, span.Start)
		}
	}
	return nil
}

// put adds one event of the window. The id is a digest, because a UID may name a person. Occurrences of one series
// differ by their original start.
func (x *expansion) put(e *event, span calendar.Interval, as shows, original int64) {
	if !span.Overlaps(x.window) {
		return
	}
	id := e.uid + "\n" + strconv.FormatInt(original, 10)
	if e.replaces {
		id += "\nreplaces " + strconv.FormatInt(e.of.wall, 10)
	}
	sum := sha256.Sum256([]byte(id))
	x.out = append(x.out, calendar.Event{
		ID: hex.EncodeToString(sum[:16]), Interval: span, Busy: as.busy, FreeDay: as.freeDay,
		Recurring: e.replaces || e.repeats(),
	})
}
