package booking

import (
	"slices"
	"sync/atomic"

	"slotd/internal/calendar"
)

// DayRule is the kind of rule that decides about the hours of a day.
type DayRule string

// The kinds, the strongest first.
const (
	OnDate    DayRule = "date"    // the date has hours of its own
	OnHoliday DayRule = "holiday" // a holiday closes it
	Weekly    DayRule = "weekly"
	NoHours   DayRule = "none" // no level says anything
)

// Day is what the rules say of one local date.
type Day struct {
	// Spans are open, sorted and disjoint.
	Spans []Span
	// Rule decided about the hours of the resource, and By is its level. Holiday is the title of one that closed the day.
	Rule    DayRule
	By      Level
	Holiday string
	// Extra is the level whose extra opening was added; ByDefault: none was.
	Extra Level
	// Theirs are the hours of the resource, whatever the service says; Narrowed: the service has hours of its own.
	Theirs   []Span
	Narrowed bool
}

// On returns what the rules say of a date of the resource's zone.
//
// Of the levels resource, department and business a date of its own beats a holiday, which beats weekly hours; within each
// of these the nearer level wins. An extra opening is added to that, also on a holiday. A service that has hours is offered
// at those of them at which the resource is open: no service makes anybody be there.
func (o *Offer) On(d calendar.Date) Day {
	day := o.theirs(d)
	for level := OfResource; level >= OfBusiness; level-- {
		if extra, said := o.rules[level].Extra.on(d); said {
			day.Spans, day.Extra = unionSpans(day.Spans, extra), level
			break
		}
	}
	day.Theirs = day.Spans
	if spans, said := o.offered(d); said {
		day.Narrowed = true
		day.Spans = overlap(day.Spans, spans)
	}
	return day
}

// theirs returns when the resource is there.
func (o *Offer) theirs(d calendar.Date) Day {
	for level := OfResource; level >= OfBusiness; level-- {
		if spans, said := o.rules[level].Dates.on(d); said {
			return Day{Spans: spans, Rule: OnDate, By: level}
		}
	}
	for _, h := range o.holidays {
		if h.on(d) {
			return Day{Rule: OnHoliday, By: OfBusiness, Holiday: h.Title}
		}
	}
	for level := OfResource; level >= OfBusiness; level-- {
		if hours := o.rules[level].Hours; hours != nil {
			return Day{Spans: hours[d.Weekday()], Rule: Weekly, By: level}
		}
	}
	return Day{Rule: NoHours}
}

// offered returns when the service is offered, if it says so.
func (o *Offer) offered(d calendar.Date) (spans []Span, said bool) {
	r := o.rules[OfService]
	spans, said = r.Dates.on(d)
	if !said && r.Hours != nil {
		spans, said = r.Hours[d.Weekday()], true
	}
	if extra, more := r.Extra.on(d); more && said {
		spans = unionSpans(spans, extra)
	}
	return spans, said
}

// narrows reports whether the service has hours of its own.
func (o *Offer) narrows() bool {
	r := o.rules[OfService]
	return r.Hours != nil || r.Dates != nil
}

// unnarrowed returns the offer without the hours of the service.
func (o *Offer) unnarrowed() *Offer {
	if !o.narrows() {
		return o
	}
	return o.openBy(func(rules *ruleLevels) { rules[OfService] = &Rules{} })
}

// unattended returns the offer with the hours of the service alone, as if the resource were always there.
func (o *Offer) unattended() *Offer {
	var always Hours
	for day := range always {
		always[day] = []Span{{To: wholeDay}}
	}
	out := o.openBy(func(rules *ruleLevels) {
		rules[OfBusiness], rules[OfDepartment], rules[OfResource] = &Rules{Hours: &always}, &Rules{}, &Rules{}
	})
	out.holidays = nil
	return out
}

// wholeDay is the end of a day in minutes since midnight.
const wholeDay = 24 * 60

// openBy returns the offer as it is open by other rules.
func (o *Offer) openBy(change func(*ruleLevels)) *Offer {
	out := *o
	change(&out.rules)
	out.plan = &plan{offer: &out, days: make([]atomic.Pointer[openDay], fewestDays)}
	return &out
}

// unionSpans returns what is in either, sorted and disjoint. Spans that only touch stay apart: each begins a grid of its own.
func unionSpans(a, b []Span) []Span {
	all := slices.Concat(a, b)
	slices.SortFunc(all, func(x, y Span) int { return x.From - y.From })
	out := all[:0]
	for _, s := range all {
		if n := len(out); n > 0 && s.From < out[n-1].To {
			out[n-1].To = max(out[n-1].To, s.To)
			continue
		}
		out = append(out, s)
	}
	return out
}

// overlap returns what is in both, sorted and disjoint.
func overlap(a, b []Span) []Span {
	var out []Span
	for _, x := range a {
		for _, y := range b {
			if both := (Span{max(x.From, y.From), min(x.To, y.To)}); both.From < both.To {
				out = append(out, both)
			}
		}
	}
	return out
}
