package booking

import (
	"slices"

	"slotd/internal/calendar"
)

// Team is a resource that can be chosen for a service, with those that could fill the service's further needs. The service
// can begin when the chosen one is free and each need is filled by another free resource. Make it with [NewTeam]; it may be
// read concurrently.
type Team struct {
	chosen *State
	needs  [][]*State // of each need, those that could fill it, in the order of preference
}

// NewTeam returns the team of a chosen resource. Each need lists the states, for the same service, of the resources of which
// one is needed.
func NewTeam(chosen *State, needs ...[]*State) *Team { return &Team{chosen: chosen, needs: needs} }

// Day appends to dst the start times, in order, at which the service can begin on the day of the chosen resource's zone,
// and returns it. On a day in which clocks go back a label may occur twice; see [Label].
func (t *Team) Day(dst []int64, d calendar.Date) []int64 {
	before := len(dst)
	dst = t.chosen.Day(dst, d)
	if len(t.needs) == 0 {
		return dst
	}
	var found lineup
	kept := slices.DeleteFunc(dst[before:], func(start int64) bool { return !t.fill(start, (*State).accompany, &found) })
	return dst[:before+len(kept)]
}

// HasSlot reports whether the service can begin at some time of the day.
func (t *Team) HasSlot(d calendar.Date) bool {
	if len(t.needs) == 0 {
		return t.chosen.HasSlot(d)
	}
	var found lineup
	for _, r := range t.chosen.offer.plan.day(d).runs {
		s := t.chosen.sweep(r)
		for start, ok := s.next(); ok; start, ok = s.next() {
			if t.fill(start, (*State).accompany, &found) {
				return true
			}
		}
	}
	return false
}

// Check says whether the service can begin at start, by the same rules that Day lists by, and with which resources: the
// chosen one first, then one for each need.
func (t *Team) Check(start int64) (Reason, []*Resource) {
	if why := t.chosen.Check(start); why != Free {
		return why, nil
	}
	return t.complete(start, (*State).accompany)
}

// Room is Check without the rules that staff may override, see [State.Room].
func (t *Team) Room(start int64) (Reason, []*Resource) {
	if why := t.chosen.Room(start); why != Free {
		return why, nil
	}
	return t.complete(start, (*State).Room)
}

// complete fills the needs by those that ask says are free.
func (t *Team) complete(start int64, ask func(*State, int64) Reason) (Reason, []*Resource) {
	var found lineup
	if !t.fill(start, ask, &found) {
		return t.lacking(start, ask), nil
	}
	out := make([]*Resource, 1+len(t.needs))
	for i := range out {
		out[i] = found[i].offer.Resource
	}
	return Free, out
}

// MostNeeds is how many needs a service can have.
const MostNeeds = 8

// lineup is the chosen state and one for each need.
type lineup [1 + MostNeeds]*State

// fill finds the chosen state and one for each need, all of different resources, and reports whether there is such a choice.
// ask says whether one is free.
func (t *Team) fill(start int64, ask func(*State, int64) Reason, found *lineup) bool {
	found[0] = t.chosen
	return len(t.needs) <= MostNeeds && t.fillNeed(0, start, ask, found)
}

// fillNeed tries the resources of the nth need with all that is left for the others. Needs are few.
func (t *Team) fillNeed(n int, start int64, ask func(*State, int64) Reason, found *lineup) bool {
	if n == len(t.needs) {
		return true
	}
	for _, st := range t.needs[n] {
		taken := slices.ContainsFunc(found[:n+1], func(c *State) bool { return c.offer.Resource.ID == st.offer.Resource.ID })
		if taken || ask(st, start) != Free {
			continue
		}
		found[n+1] = st
		if t.fillNeed(n+1, start, ask, found) {
			return true
		}
	}
	return false
}

// lacking returns why the needs cannot be filled: of the first need that nobody can fill, what came closest. Where only
// their combination fails, others are where they are needed.
func (t *Team) lacking(start int64, ask func(*State, int64) Reason) Reason {
	for _, need := range t.needs {
		best, some := NotOffered, false
		for _, st := range need {
			why := ask(st, start)
			some = some || why == Free
			best = max(best, why)
		}
		if !some {
			return best
		}
	}
	return Claimed
}
