package booking

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"slotd/internal/calendar"
)

// Never is something that can never be booked, by the rules alone.
type Never struct {
	// Service is one that nobody can offer, where Resource is "", and Resource one that can be booked for nothing, where
	// Service is "". With both, it is the one at the other; only by way of Department, where that is not "".
	Service, Resource, Department string
	// Why are the reasons, each once.
	Why []string
}

// String says so in one line.
func (n Never) String() string {
	what := fmt.Sprintf("service %q at resource %q", n.Service, n.Resource)
	switch {
	case n.Resource == "":
		what = fmt.Sprintf("service %q", n.Service)
	case n.Service == "":
		what = fmt.Sprintf("resource %q", n.Resource)
	case n.Department != "":
		what += fmt.Sprintf(" by way of department %q", n.Department)
	}
	return what + " can never be booked: " + strings.Join(n.Why, "; ")
}

// Never returns what has no start time within a year from now, whatever the calendars say, as each day comes from the horizon
// up to the notice. A service that nobody can offer is there once, and so is a resource that can be booked for nothing.
func (c *Catalog) Never(now time.Time) []Never {
	var pairs []pair
	for i := range c.business.Resources {
		for _, service := range c.business.Resources[i].Services {
			pairs = append(pairs, c.pair(&c.business.Resources[i], service, now))
		}
	}
	services := dead(pairs, func(p pair) (string, string) { return p.service, p.resource })
	resources := dead(pairs, func(p pair) (string, string) { return p.resource, p.service })
	var out []Never
	for _, s := range c.business.Services {
		if why := services[s.ID]; why != nil {
			out = append(out, Never{Service: s.ID, Why: why})
		}
	}
	for _, r := range c.business.Resources {
		if why := resources[r.ID]; why != nil && slices.ContainsFunc(r.Services, func(id string) bool { return services[id] == nil }) {
			out = append(out, Never{Resource: r.ID, Why: why})
		}
	}
	for _, p := range pairs {
		if services[p.service] == nil && resources[p.resource] == nil {
			out = append(out, p.never...)
		}
	}
	return out
}

// pair is a service at a resource that can be chosen for it.
type pair struct {
	resource, service string
	never             []Never
	always            bool // by way of all departments
}

func (c *Catalog) pair(r *Resource, service string, now time.Time) pair {
	p := pair{resource: r.ID, service: service}
	departments := r.Departments
	if len(departments) == 0 {
		departments = []string{""}
	}
	for _, d := range departments {
		o := c.offers[offerKey{d, r.ID, service}]
		if o == nil {
			continue // the config says what exists
		}
		if why := o.never(now); why != "" {
			p.never = append(p.never, Never{Service: service, Resource: r.ID, Department: d, Why: []string{why}})
		}
	}
	if len(p.never) == len(departments) {
		var why []string
		for _, n := range p.never {
			why = appendNew(why, n.Why[0])
		}
		p.always, p.never = true, []Never{{Service: service, Resource: r.ID, Why: why}}
	}
	return p
}

// dead returns the keys of which all pairs can never be booked, with the reasons. A pair is one of its key, and told apart
// from the others of that key by its other half.
func dead(pairs []pair, halves func(pair) (key, other string)) map[string][]string {
	of, alive := map[string][]pair{}, map[string]bool{}
	for _, p := range pairs {
		key, _ := halves(p)
		of[key] = append(of[key], p)
		alive[key] = alive[key] || !p.always
	}
	out := map[string][]string{}
	for key, all := range of {
		if !alive[key] {
			out[key] = together(all, func(p pair) string { _, other := halves(p); return other })
		}
	}
	return out
}

// together returns why none of the pairs can ever be booked, each reason once. Those that not all have are said to be of the
// ones that do.
func together(pairs []pair, name func(pair) string) (out []string) {
	var order []string
	of := map[string][]string{} // reason → of whom
	for _, p := range pairs {
		for _, n := range p.never {
			for _, why := range n.Why {
				order = appendNew(order, why)
				of[why] = append(of[why], name(p))
			}
		}
	}
	for _, why := range order {
		if len(of[why]) < len(pairs) {
			why = strings.Join(of[why], ", ") + ": " + why
		}
		out = append(out, why)
	}
	return out
}

func appendNew(all []string, s string) []string {
	if slices.Contains(all, s) {
		return all
	}
	return append(all, s)
}

// foreseen is how many days ahead are looked at: within a year, every day of a year comes.
const foreseen = 366

// never says why there is no start time within a year, "" where there is one.
func (o *Offer) never(now time.Time) string {
	if why := tooNarrow(o); why != "" {
		return why
	}
	bounds := Bounds{Earliest: now.Add(o.Notice).Unix(), Latest: now.Add(o.Notice + (foreseen+1)*24*time.Hour).Unix()}
	first := calendar.DateOf(bounds.Earliest, o.Resource.Zone)
	team := o.alone(bounds)
	days := func(yield func(calendar.Date) bool) {
		for n := 0; n <= foreseen && yield(first.AddDays(n)); n++ {
		}
	}
	offered := false
	for d := range days {
		if team.HasSlot(d) {
			return ""
		}
		offered = offered || team.chosen.HasSlot(d)
	}
	if offered {
		return o.lacking(team, days)
	}
	return o.closed(days)
}

// tooNarrow says whether no start can be after the notice and before the horizon.
func tooNarrow(o *Offer) string {
	if o.Notice < o.Horizon {
		return ""
	}
	return fmt.Sprintf("its notice of %s is not shorter than its horizon of %s", Length(o.Notice), Length(o.Horizon))
}

// alone returns the team as it is while nothing is busy or booked.
func (o *Offer) alone(b Bounds) *Team {
	state := func(o *Offer) *State {
		nothing := &calendar.Busy{Window: always}
		return NewState(o, b, Facts{Busy: slices.Repeat([]*calendar.Busy{nothing}, max(1, len(o.Resource.Blocks)))})
	}
	var needs [][]*State
	for _, need := range o.Needs {
		var options []*State
		for _, id := range need {
			if beside := o.Beside(id); beside != nil && tooNarrow(beside) == "" {
				options = append(options, state(beside))
			}
		}
		needs = append(needs, options)
	}
	return NewTeam(state(o), needs...)
}

// closed says why hours and grid allow no start time on any of the days.
func (o *Offer) closed(days func(func(calendar.Date) bool)) string {
	var said, there, both bool
	var longest int64
	for d := range days {
		day := o.On(d)
		said = said || day.Rule == Weekly || day.Rule == OnDate
		there = there || len(day.Theirs) > 0
		both = both || len(day.Spans) > 0
		open := o.plan.day(d).open
		for i := range open {
			longest = max(longest, o.plan.closes(open, i, d)-open[i].Start)
		}
	}
	switch {
	case !there && !said:
		return "no level gives it hours"
	case !there:
		return "it is closed on every day of the coming year"
	case !both:
		return "no opening of the resource meets the hours of the service"
	}
	return fmt.Sprintf("no opening is as long as the service, which takes %s: the longest is %s", Length(o.Duration),
		Length(time.Duration(longest)*time.Second))
}

// lacking says which need nobody can fill at the start times of the days.
func (o *Offer) lacking(t *Team, days func(func(calendar.Date) bool)) string {
	filled := make([]bool, len(t.needs))
	for d := range days {
		for _, start := range t.chosen.Day(nil, d) {
			for i, need := range t.needs {
				filled[i] = filled[i] || slices.ContainsFunc(need, func(st *State) bool { return st.accompany(start) == Free })
			}
		}
	}
	i := slices.Index(filled, false)
	switch {
	case i < 0:
		return "what it needs is never there all at once"
	case len(t.needs[i]) == 0:
		return fmt.Sprintf("it needs %s, whose notice reaches beyond the horizon", oneOf(o.Needs[i]))
	}
	return fmt.Sprintf("it needs %s, never open at its times", oneOf(o.Needs[i]))
}

// oneOf names the resources of a need.
func oneOf(ids []string) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = fmt.Sprintf("%q", id)
	}
	return strings.Join(texts, " or ")
}
