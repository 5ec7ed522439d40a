package booking

import (
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"slotd/internal/calendar"
)

// plan is when an offer is open, prepared day by day as it is asked for: wall time becomes instants once, and not for
// each question. It may be read concurrently.
type plan struct {
	offer *Offer // any of those that share the plan: their hours, zone, duration and grid are alike
	days  []atomic.Pointer[openDay]
}

// openDay is one local date.
type openDay struct {
	number int // see dayNumber
	open   []calendar.Interval
	runs   []run
	// ordered: each run begins after the one before has ended. It is not so where clocks go back.
	ordered bool
}

// run are start times at the distance of step, all of which the hours allow: first, first+step … last.
type run struct{ first, last, step int64 }

// planKey tells plans apart. Rules are told apart by where they are.
type planKey struct {
	zone                          *time.Location
	department, resource, service *Rules
	holidays                      string // the numbers of those that close it
	duration, grid, horizon       time.Duration
}

// planOf returns the plan of an offer, which many resources share in a business that opens for all at once.
func planOf(o *Offer, plans map[planKey]*plan) *plan {
	opens := func(level Level) *Rules {
		if r := o.rules[level]; r.Hours != nil || r.Dates != nil || r.Extra != nil {
			return r
		}
		return nil
	}
	key := planKey{
		zone: o.Resource.Zone, department: opens(OfDepartment), resource: opens(OfResource), service: opens(OfService),
		duration: o.Duration, grid: o.Grid, horizon: o.Horizon,
	}
	holidays := o.catalog.business.Holidays
	for i := range holidays {
		if slices.Contains(o.holidays, &holidays[i]) {
			key.holidays += strconv.Itoa(i) + ","
		}
	}
	if plans[key] == nil {
		plans[key] = newPlan(o)
	}
	return plans[key]
}

// Days that a plan keeps prepared: those of the horizon, and not more than a year.
const (
	fewestDays = 8
	mostDays   = 370
)

func newPlan(o *Offer) *plan {
	n := int(o.Horizon/(24*time.Hour)) + fewestDays
	return &plan{offer: o, days: make([]atomic.Pointer[openDay], min(n, mostDays))}
}

// dayNumber counts days without regard to zones: one for each date.
func dayNumber(d calendar.Date) int { return int(midnightUTC(d) / (24 * 60 * 60)) }

// day returns a prepared day. Days a whole round apart share a place, so that days that have passed make room.
func (p *plan) day(d calendar.Date) *openDay {
	number := dayNumber(d)
	place := &p.days[((number%len(p.days))+len(p.days))%len(p.days)]
	if day := place.Load(); day != nil && day.number == number {
		return day
	}
	day := p.prepare(d)
	place.Store(day)
	return day
}

func (p *plan) prepare(d calendar.Date) *openDay {
	spans := p.offer.On(d).Spans
	day := &openDay{number: dayNumber(d), ordered: true, open: p.opened(spans, d)}
	for i, open := range day.open {
		day.add(p, d, spans[i], open, p.closes(day.open, i, d))
	}
	for i := 1; i < len(day.runs); i++ {
		day.ordered = day.ordered && day.runs[i-1].last < day.runs[i].first
	}
	return day
}

func (p *plan) opened(spans []Span, d calendar.Date) []calendar.Interval {
	out := make([]calendar.Interval, len(spans))
	for i, s := range spans {
		out[i] = openInterval(d, s, p.offer.Resource.Zone)
	}
	return out
}

// closes returns until when an appointment may last that begins in the nth opening of a day: hours that begin where others
// end go on, also over midnight. A week is farther than any appointment reaches.
func (p *plan) closes(open []calendar.Interval, n int, d calendar.Date) int64 {
	end := open[n].End
	rest := open[n+1:]
	for range 8 {
		for _, next := range rest {
			if next.Start > end {
				return end
			}
			end = max(end, next.End)
		}
		if end < d.Interval(p.offer.Resource.Zone).End {
			return end
		}
		d = d.AddDays(1)
		rest = p.opened(p.offer.On(d).Spans, d)
	}
	return end
}

// add adds the start times that hours and grid allow in one span of a day. They lie on the grid in wall time, counted
// from the opening; see the package comment for days on which clocks change.
func (day *openDay) add(p *plan, d calendar.Date, span Span, open calendar.Interval, closes int64) {
	length, grid := seconds(p.offer.Duration), seconds(p.offer.Grid)
	if length <= 0 || grid <= 0 {
		return
	}
	midnight := midnightUTC(d)
	from, to := int64(span.From)*60, int64(span.To)*60
	calendar.Segments(open, p.offer.Resource.Zone, func(part calendar.Interval, offset int64) bool {
		wall := part.Start + offset - midnight // seconds after midnight that clocks show when the part begins
		label := from
		if wall > from {
			label += (wall - from + grid - 1) / grid * grid
		}
		first := midnight + label - offset
		last := min(part.End-1, midnight+to-1-offset, closes-length)
		if first <= last {
			day.runs = append(day.runs, run{first, first + (last-first)/grid*grid, grid})
		}
		return true
	})
}

// has reports whether start is one of the day's start times.
func (day *openDay) has(start int64) bool {
	return slices.ContainsFunc(day.runs, func(r run) bool {
		return r.first <= start && start <= r.last && (start-r.first)%r.step == 0
	})
}

// covers reports whether the hours cover want, over the end of a span or a day where the next begins at once.
func (p *plan) covers(want calendar.Interval) bool {
	// Where clocks go back at midnight, the date that they show is not the day that an instant belongs to; so a day more on
	// each side.
	zone := p.offer.Resource.Zone
	at, last := want.Start, calendar.DateOf(want.End, zone).AddDays(1)
	for d := calendar.DateOf(want.Start, zone).AddDays(-1); !last.Before(d); d = d.AddDays(1) {
		for _, open := range p.day(d).open {
			if open.Start <= at && at < open.End {
				at = open.End
			}
		}
		if at >= want.End {
			return true
		}
	}
	return false
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
