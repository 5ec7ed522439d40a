package booking

import (
	"cmp"
	"math"
	"slices"
	"time"

	"slotd/internal/calendar"
)

// Explain returns what every rule says of a start, in the order in which they are asked. The first that does not allow it is
// what [Team.Check] answers. Where the start lies out of all bounds, no more is asked.
func (t *Team) Explain(start int64) []Verdict {
	all := t.chosen.Explain(start)
	if len(t.needs) == 0 || beyond(all) {
		return all
	}
	v := Verdict{Rule: RuleNeeds, Level: OfService}
	v.Reason, _ = t.complete(start, (*State).accompany)
	for _, need := range t.needs {
		var options []Option
		for _, st := range need {
			options = append(options, Option{st.offer, st.accompanied(start, t.chosen.offer)})
		}
		v.Needs = append(v.Needs, options)
	}
	return append(all, v)
}

// beyond reports whether the bounds have said no.
func beyond(all []Verdict) bool {
	return slices.ContainsFunc(all, func(v Verdict) bool { return v.Reason == TooSoon || v.Reason == TooFar })
}

// Explain is [Team.Explain] without needs.
func (st *State) Explain(start int64) []Verdict {
	all := st.explainBounds(start)
	if beyond(all) {
		return all
	}
	all = append(all, st.explainHours(start)...)
	all = append(all, st.explainGrid(start)...)
	all = append(all, st.explainCaps(start)...)
	return append(all, st.explainRoom(start)...)
}

// accompanied explains what accompany says of a resource beside the chosen one.
func (st *State) accompanied(start int64, chosen *Offer) []Verdict {
	all := st.explainBounds(start)
	// Notice and horizon are those of the chosen one, unless the resource itself is stricter.
	if own := st.offer.Resource.Rules.Notice; own == nil || *own != st.offer.Notice {
		_, all[0].Level = nearest(chosen.rules, func(r *Rules) *time.Duration { return r.Notice })
	}
	if own := st.offer.Resource.Rules.Horizon; own == nil || *own != st.offer.Horizon {
		_, all[1].Level = nearest(chosen.rules, func(r *Rules) *time.Duration { return r.Horizon })
	}
	if beyond(all) {
		return all
	}
	all = append(all, st.explainHours(start)...)
	for _, v := range st.explainCaps(start) {
		if v.Level != OfService {
			all = append(all, v)
		}
	}
	return append(all, st.explainRoom(start)...)
}

func (st *State) explainBounds(start int64) []Verdict {
	_, notice := nearest(st.offer.rules, func(r *Rules) *time.Duration { return r.Notice })
	_, horizon := nearest(st.offer.rules, func(r *Rules) *time.Duration { return r.Horizon })
	soon := Verdict{Rule: RuleNotice, Level: notice, Limit: st.offer.Notice, Bound: st.bounds.Earliest}
	far := Verdict{Rule: RuleHorizon, Level: horizon, Limit: st.offer.Horizon, Bound: st.bounds.Latest}
	if start < st.bounds.Earliest {
		soon.Reason = TooSoon
	}
	if start > st.bounds.Latest {
		far.Reason = TooFar
	}
	return []Verdict{soon, far}
}

// explainHours says whether somebody is there, and whether the service is offered then.
func (st *State) explainHours(start int64) []Verdict {
	o := st.offer
	day := o.On(calendar.DateOf(start, o.Resource.Zone))
	hours := Verdict{Rule: RuleHours, Level: day.By, Day: &day}
	if !o.unnarrowed().plan.covers(o.Span(start)) {
		hours.Reason = NotOffered
	}
	out := []Verdict{hours}
	if o.narrows() {
		offered := Verdict{Rule: RuleServiceHours, Level: OfService, Day: &day}
		// Where the resource is not there, the service says no only by its own hours.
		if together := o.plan.covers(o.Span(start)); !together && (hours.Reason == Free || !o.unattended().plan.covers(o.Span(start))) {
			offered.Reason = NotOffered
		}
		out = append(out, offered)
	}
	return out
}

// explainGrid says whether the start lies on the grid of its opening. Where there is none, nothing is said.
func (st *State) explainGrid(start int64) []Verdict {
	o := st.offer
	if !o.plan.covers(o.Span(start)) {
		return nil
	}
	grid := Verdict{Rule: RuleGrid, Level: o.gridLevel(), Limit: o.Grid}
	if !st.offers(start) {
		grid.Reason = NotOffered
	}
	return []Verdict{grid}
}

func (st *State) explainCaps(start int64) (out []Verdict) {
	for _, c := range st.offer.caps() {
		v := Verdict{Rule: c.rule, Level: c.level, Most: c.most, Count: st.counted(start, c)}
		if v.Count >= v.Most {
			v.Reason = Capped
		}
		out = append(out, v)
	}
	return out
}

// counted returns how many claims that a cap counts begin on the day, or in the week, of a start.
func (st *State) counted(start int64, by capRule) (n int) {
	zone := st.offer.Resource.Zone
	asked := calendar.DateOf(start, zone)
	for _, c := range st.facts.Claims {
		if !st.facts.takes(&c) || by.service && c.Service != st.offer.Service.ID {
			continue
		}
		d := calendar.DateOf(c.Start, zone)
		if d == asked || by.week && monday(d) == monday(asked) {
			n++
		}
	}
	return n
}

func (st *State) explainRoom(start int64) []Verdict {
	want := st.offer.Span(start)
	known := Verdict{Rule: RuleCalendars}
	for i, id := range st.offer.Resource.Blocks {
		if b := st.facts.busy(i); b == nil || !b.Window.Covers(want) {
			known.Unknown = append(known.Unknown, id)
		}
	}
	if !st.known.Covers(want) {
		known.Reason = Unknown
	}
	all := blockers{offer: st.offer}
	st.facts.divide(&all)
	busy := Verdict{Rule: RuleBusy}
	if calendar.AnyOverlap(st.blocked, want) {
		busy.Reason, busy.Blocker = Busy, earliest(all.busy, want)
	}
	return []Verdict{known, busy, st.explainClaims(want, all.ours)}
}

// earliest returns the blocker that meets want and begins first; nil when none does.
func earliest(all []Blocker, want calendar.Interval) (out *Blocker) {
	for i, b := range all {
		if b.Padded().Overlaps(want) && (out == nil || b.Start < out.Start) {
			out = &all[i]
		}
	}
	return out
}

// taker is something of ours that takes time of the resource, and beside how many.
type taker struct {
	Blocker
	owner    owner
	capacity int
}

// blockers gathers what blocks whatever the capacity, and what is ours: of these parts blocked, claimed and shared are made.
type blockers struct {
	offer *Offer
	busy  []Blocker
	ours  []taker
}

func (b *blockers) at(n int) calendar.ID {
	if n >= len(b.offer.Resource.Blocks) {
		return ""
	}
	return b.offer.Resource.Blocks[n]
}

func (b *blockers) foreign(n int, spans []calendar.Interval) {
	for _, span := range spans {
		b.busy = append(b.busy, Blocker{Interval: span, Calendar: b.at(n)})
	}
}

func (b *blockers) stray(n int, o calendar.Own) { b.busy = append(b.busy, b.own(n, o)) }

func (b *blockers) own(n int, o calendar.Own) Blocker {
	return Blocker{Interval: o.Interval, Calendar: b.at(n), Booking: o.Booking}
}

func (b *blockers) claim(c *Claim) {
	b.ours = append(b.ours, taker{claimed(c), c.owner(), b.offer.capacityWith(c)})
}

func (b *blockers) event(n int, o calendar.Own, of *Claim) {
	b.ours = append(b.ours, taker{b.own(n, o), of.owner(), b.offer.capacityWith(of)})
}

func (b *blockers) beside(c *Claim) {
	t := taker{claimed(c), c.owner(), 1}
	t.Beside = true
	b.ours = append(b.ours, t)
}

// claimed returns a claim as a blocker.
func claimed(c *Claim) Blocker {
	return Blocker{Interval: c.Interval, Booking: c.Booking, Hold: c.Hold != "", Before: c.Before, After: c.After}
}

// explainClaims says how many of ours are there at the instant that has the least room, and what takes it.
func (st *State) explainClaims(want calendar.Interval, ours []taker) Verdict {
	out := Verdict{Rule: RuleBookings, Level: st.offer.capacityLevel, Most: st.offer.Capacity}
	padded := want.Pad(seconds(st.offer.Before), seconds(st.offer.After))
	ours = slices.DeleteFunc(ours, func(t taker) bool { return !t.Padded().Overlaps(padded) })
	slices.SortStableFunc(ours, func(a, b taker) int { return cmp.Compare(a.Start, b.Start) })
	var blocker *Blocker
	for _, at := range ours {
		n, most, of := st.presentAt(max(at.Padded().Start, padded.Start), ours)
		if n-most > out.Count-out.Most || blocker == nil {
			out.Count, out.Most, blocker = n, most, of
		}
	}
	if calendar.AnyOverlap(st.claimed, want) || st.crowded(want) {
		out.Reason, out.Blocker = Claimed, blocker
	}
	return out
}

// presentAt returns how many are there at an instant, how many may be, and of these the first that allows the fewest.
func (st *State) presentAt(instant int64, ours []taker) (n, most int, of *Blocker) {
	owners := map[owner]bool{}
	most, least := st.offer.Capacity, math.MaxInt
	for i, t := range ours {
		if p := t.Padded(); instant < p.Start || p.End <= instant {
			continue
		}
		owners[t.owner] = true
		if t.capacity < least {
			least, of = t.capacity, &ours[i].Blocker
		}
	}
	return len(owners), min(most, least), of
}

// DayReport says why a day has the start times that it has.
type DayReport struct {
	Date calendar.Date
	Day  Day
	// Starts is how many start times hours and grid allow, Free how many of them can be booked, and Barred by which rules
	// the others cannot.
	Starts, Free int
	Barred       map[Rule]int
}

// ExplainDay explains a date of the resource's zone. Out of bounds it says which bound each start time misses.
func (t *Team) ExplainDay(d calendar.Date) DayReport {
	o := t.chosen.offer
	out := DayReport{Date: d, Day: o.On(d), Barred: map[Rule]int{}}
	for _, r := range o.plan.day(d).runs {
		for start := r.first; start <= r.last; start += r.step {
			out.Starts++
			if rule := t.barring(start); rule != "" {
				out.Barred[rule]++
				continue
			}
			out.Free++
		}
	}
	return out
}

// barring returns the rule that decides about a start time, as [Team.Explain] has it; "" where none bars it. It is quick
// enough for all start times of a year.
func (t *Team) barring(start int64) Rule {
	switch why := t.chosen.Check(start); why {
	case Free:
		if why, _ = t.complete(start, (*State).accompany); why != Free {
			return RuleNeeds
		}
		return ""
	case TooSoon:
		return RuleNotice
	case TooFar:
		return RuleHorizon
	case Capped:
		return Decided(t.chosen.explainCaps(start)).Rule
	case Unknown:
		return RuleCalendars
	case Busy:
		return RuleBusy
	case Claimed:
		return RuleBookings
	}
	return RuleHours
}
