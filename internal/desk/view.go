package desk

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/store"
)

// reader is what a snapshot and a transaction have in common.
type reader interface {
	Busy(calendar.ID) (*calendar.Busy, error)
	Claims(resource string) ([]booking.Claim, error)
}

// facts reads what decides about an offer. A calendar that was never read, or that is not known well enough, is nil there.
func (d *Desk) facts(r reader, o *booking.Offer, q question) (booking.Facts, error) {
	f := booking.Facts{Now: q.now.Unix(), Asker: q.asker}
	for _, cal := range o.Resource.Blocks {
		var busy *calendar.Busy
		if q.known(cal) {
			var err error
			if busy, err = r.Busy(cal); err != nil {
				return f, fmt.Errorf("read the mirror of %s: %w", cal, err)
			}
		}
		f.Busy = append(f.Busy, busy)
	}
	var err error
	if f.Claims, err = r.Claims(o.Resource.ID); err != nil {
		return f, fmt.Errorf("read the claims on %s: %w", o.Resource.ID, err)
	}
	for _, other := range (*d.related.Load())[o.Resource.ID] {
		claims, err := r.Claims(other)
		if err != nil {
			return f, fmt.Errorf("read the claims on %s: %w", other, err)
		}
		f.Others = append(f.Others, claims...)
	}
	if q.single {
		f = o.Near(f, q.start)
	}
	return f, nil
}

// view is what a choice allows, from one snapshot: the team of each resource that can be chosen.
type view struct {
	desk   *Desk
	zone   *time.Location // of the customer: whose days are meant
	teams  []candidate
	beside map[*booking.Offer]*booking.State // of resources that could fill a need, perhaps of several teams
	asked  question
	// first and last are the days of the customer's zone on which a team could begin.
	first, last calendar.Date
}

// candidate is a resource that can be chosen.
type candidate struct {
	*booking.Team
	offer *booking.Offer
	facts booking.Facts
	zoned bool // its zone is the customer's
}

// view reads what a choice allows, as the customer of a visit sees it; nil is one of whom nothing is known.
func (d *Desk) view(r reader, c Choice, v *store.Visit, asker booking.Asker) (*view, error) {
	if d.catalog.Service(c.Service) == nil {
		return nil, fmt.Errorf("look up the service: %w", &UnknownError{"service"})
	}
	w := d.newView(d.asked(asker))
	w.zone = d.zoneOf(v)
	return w, w.read(r, d.offers(c))
}

// read reads what decides about offers, which the view is of then.
func (v *view) read(r reader, offers []*booking.Offer) error {
	for _, o := range offers {
		t, err := v.team(r, o)
		if err != nil {
			return err
		}
		t.zoned = o.Resource.Zone.String() == v.zone.String()
		v.teams = append(v.teams, t)
	}
	bounds := widest(offers, v.asked.now)
	v.first, v.last = calendar.DateOf(bounds.Earliest, v.zone), calendar.DateOf(bounds.Latest, v.zone)
	return nil
}

func (d *Desk) newView(q question) *view {
	return &view{desk: d, zone: d.cfg.Zone, beside: map[*booking.Offer]*booking.State{}, asked: q}
}

// team reads what decides about an offer and its needs.
func (v *view) team(r reader, o *booking.Offer) (candidate, error) {
	f, err := v.desk.facts(r, o, v.asked)
	if err != nil {
		return candidate{}, err
	}
	needs, err := v.needs(r, o)
	if err != nil {
		return candidate{}, err
	}
	team := booking.NewTeam(booking.NewState(o, v.asked.bounds(o), f), needs...)
	return candidate{Team: team, offer: o, facts: f}, nil
}

// needs returns the states of what could fill each need of an offer.
func (v *view) needs(r reader, o *booking.Offer) ([][]*booking.State, error) {
	var out [][]*booking.State
	for _, need := range o.Needs {
		var options []*booking.State
		for _, id := range need {
			beside := o.Beside(id)
			if beside == nil {
				continue // the config says which exist; a need that nobody can fill fills no slot
			}
			st, err := v.state(r, beside)
			if err != nil {
				return nil, err
			}
			options = append(options, st)
		}
		out = append(out, options)
	}
	return out, nil
}

// state returns the state of a needed resource, which several teams may share.
func (v *view) state(r reader, o *booking.Offer) (*booking.State, error) {
	if st := v.beside[o]; st != nil {
		return st, nil
	}
	f, err := v.desk.facts(r, o, v.asked)
	if err != nil {
		return nil, err
	}
	v.beside[o] = booking.NewState(o, v.asked.bounds(o), f)
	return v.beside[o], nil
}

// reaches reports whether a day is of the horizon. It keeps dates from outside, thousands of years away, from the rules of
// time zones.
func (v *view) reaches(date calendar.Date) bool {
	return !date.Before(v.first) && !v.last.Before(date)
}

// day returns the start times of a day in the customer's zone, of all resources together, sorted and without repeats.
func (v *view) day(date calendar.Date) []int64 {
	if !v.reaches(date) {
		return nil
	}
	var starts []int64
	for _, t := range v.teams {
		starts = v.dayOf(starts, t, date)
	}
	slices.Sort(starts)
	return slices.Compact(starts)
}

// dayOf appends the start times of one team on a day of the customer's zone.
func (v *view) dayOf(starts []int64, t candidate, date calendar.Date) []int64 {
	if t.zoned {
		return t.Day(starts, date)
	}
	span, before := date.Interval(v.zone), len(starts)
	theirs, last := calendar.DateOf(span.Start, t.offer.Resource.Zone), calendar.DateOf(span.End-1, t.offer.Resource.Zone)
	for ; !last.Before(theirs); theirs = theirs.AddDays(1) {
		starts = t.Day(starts, theirs)
	}
	within := slices.DeleteFunc(starts[before:], func(s int64) bool { return s < span.Start || s >= span.End })
	return starts[:before+len(within)]
}

// hasSlot reports whether any team can begin on a day of the customer's zone.
func (v *view) hasSlot(date calendar.Date) bool {
	return slices.ContainsFunc(v.teams, func(t candidate) bool { return v.opens(t, date) })
}

// opens reports whether one team can begin on a day of the customer's zone.
func (v *view) opens(t candidate, date calendar.Date) bool {
	if !v.reaches(date) {
		return false
	}
	if t.zoned {
		return t.HasSlot(date)
	}
	return len(v.dayOf(nil, t, date)) > 0
}

// check returns Free and the offers that can be taken at start, in the order in which they are tried; or the reason of the
// resource that came closest.
func (v *view) check(start int64) (booking.Reason, []*booking.Offer) {
	var free []candidate
	reason := booking.NotOffered
	for _, t := range v.teams {
		why, _ := t.Check(start)
		if why == booking.Free {
			free = append(free, t)
		}
		reason = max(reason, why)
	}
	if len(free) == 0 {
		return reason, nil
	}
	v.order(free, start)
	out := make([]*booking.Offer, len(free))
	for i, t := range free {
		out[i] = t.offer
	}
	return booking.Free, out
}

// order sorts those that are free by whose turn it is; the order of the config where that says nothing.
func (v *view) order(free []candidate, start int64) {
	// The order is a rule of departments and services, not of resources: only a Flow that lets nobody choose among several
	// departments can mix orders, and then that of the first counts.
	if free[0].offer.Any == booking.RoundRobin {
		slices.SortStableFunc(free, func(a, b candidate) int { return cmp.Compare(newest(a.facts), newest(b.facts)) })
		return
	}
	slices.SortStableFunc(free, func(a, b candidate) int { return cmp.Compare(a.load(start), b.load(start)) })
}

// load returns the seconds that the resource's claims take of its day on which a start lies.
func (t candidate) load(start int64) int64 {
	zone := t.offer.Resource.Zone
	day := calendar.DateOf(start, zone).Interval(zone)
	var sum int64
	for _, c := range t.facts.Claims {
		if c.Takes(t.facts.Now) {
			sum += max(0, min(c.End, day.End)-max(c.Start, day.Start))
		}
	}
	return sum
}

// newest returns the id of the resource's newest booking, "" for none. Ids grow with the time at which a booking was made.
// So nobody keeps count of whose turn it is: what was cancelled was no turn, and no crash loses one.
func newest(f booking.Facts) string {
	id := ""
	for _, c := range f.Claims {
		if !c.Left {
			id = max(id, c.Booking)
		}
	}
	return id
}

// nearest looks at the days around near, ever farther away. Once n are found one more day on each side is looked at, as
// what is nearest may lie beyond midnight.
func (v *view) nearest(near int64, n int) []int64 {
	around := calendar.DateOf(near, v.zone)
	if around.Before(v.first) {
		around = v.first
	} else if v.last.Before(around) {
		around = v.last
	}
	var found []int64
	enough := -1
	for distance := 0; ; distance++ {
		before, after := around.AddDays(-distance), around.AddDays(distance)
		inside := false
		if !before.Before(v.first) {
			found, inside = append(found, v.day(before)...), true
		}
		if distance > 0 && !v.last.Before(after) {
			found, inside = append(found, v.day(after)...), true
		}
		if enough >= 0 || !inside {
			break
		}
		if len(found) >= n {
			enough = distance
		}
	}
	slices.SortFunc(found, func(a, b int64) int { return cmp.Compare(abs(a-near), abs(b-near)) })
	found = found[:min(n, len(found))]
	slices.Sort(found)
	return found
}

func abs(n int64) int64 { return max(n, -n) }
