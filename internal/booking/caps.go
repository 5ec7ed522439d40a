package booking

import (
	"time"

	"slotd/internal/calendar"
)

// capRule is a cap that is in force.
type capRule struct {
	rule  Rule
	level Level
	most  int
	// week: of a week, otherwise of a day; service: of that alone, otherwise of all bookings of the resource.
	week, service bool
}

// capped reports whether the number of bookings on a day or in a week matters.
func (o *Offer) capped() bool {
	return o.PerDay+o.PerWeek+o.ServicePerDay+o.ServicePerWeek > 0
}

// caps returns the caps that there are.
func (o *Offer) caps() (out []capRule) {
	theirs := o.rules.counting(o.Resource)
	_, day := nearest(theirs, func(r *Rules) *int { return r.PerDay })
	_, week := nearest(theirs, func(r *Rules) *int { return r.PerWeek })
	for _, c := range []capRule{
		{RulePerDay, day, o.PerDay, false, false}, {RulePerWeek, week, o.PerWeek, true, false},
		{RuleServicePerDay, OfService, o.ServicePerDay, false, true}, {RuleServicePerWeek, OfService, o.ServicePerWeek, true, true},
	} {
		if c.most > 0 {
			out = append(out, c)
		}
	}
	return out
}

// countCaps finds the days and weeks in which no more bookings may begin. Holds count as bookings; what the asker has claimed
// itself does not, so that a booking can be moved within a day that is full. Claims of other resources do not count, nor
// time that was left.
func (st *State) countCaps() {
	o := st.offer
	var all, same []int64
	for _, c := range st.facts.Claims {
		if !st.facts.takes(&c) {
			continue
		}
		all = append(all, c.Start)
		if c.Service == o.Service.ID {
			same = append(same, c.Start)
		}
	}
	st.full = calendar.Union(append(o.days(all, o.PerDay), o.weeks(all, o.PerWeek)...))
	st.serviceFull = calendar.Union(append(o.days(same, o.ServicePerDay), o.weeks(same, o.ServicePerWeek)...))
}

// days returns the local days on which at least n of the starts lie.
func (o *Offer) days(starts []int64, n int) []calendar.Interval {
	return o.periods(starts, n, 1, func(d calendar.Date) calendar.Date { return d })
}

// weeks returns the local weeks in which at least n of the starts lie.
func (o *Offer) weeks(starts []int64, n int) []calendar.Interval {
	return o.periods(starts, n, 7, monday)
}

// monday returns the first day of the week of a date.
func monday(d calendar.Date) calendar.Date { return d.AddDays(-(int(d.Weekday()) + 6) % 7) }

// periods returns the periods, a number of days each from their first, in which at least n of the starts lie, in no order; n
// is 0 for no cap.
func (o *Offer) periods(starts []int64, n, length int, first func(calendar.Date) calendar.Date) (out []calendar.Interval) {
	if n == 0 {
		return nil
	}
	zone := o.Resource.Zone
	counts := map[calendar.Date]int{}
	for _, s := range starts {
		from := first(calendar.DateOf(s, zone))
		if counts[from]++; counts[from] == n {
			out = append(out, shown(from, from.AddDays(length), zone)...)
		}
	}
	return out
}

// shown returns when clocks show the dates from one up to another: mostly one interval. Where they go back over midnight, a
// date is shown twice.
func shown(from, until calendar.Date, zone *time.Location) (out []calendar.Interval) {
	first, _, _ := calendar.Wall(from, 0, zone)
	_, last, _ := calendar.Wall(until, 0, zone)
	calendar.Segments(calendar.Interval{Start: first, End: last}, zone, func(part calendar.Interval, offset int64) bool {
		part.Start, part.End = max(part.Start, midnightUTC(from)-offset), min(part.End, midnightUTC(until)-offset)
		if !part.Empty() {
			out = append(out, part)
		}
		return true
	})
	return out
}
