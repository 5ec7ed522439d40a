package desk

import (
	"cmp"
	"context"
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
	desk  *Desk
	zone  *time.Location // of the customer: whose days are meant
	teams []candidate
	known map[*booking.Offer]*booking.State // of resources that could fill a need of several teams
	asked question
	// bounds are the widest of all teams.
	bounds booking.Bounds
}

// candidate is a resource that can be chosen.
type candidate struct {
	*booking.Team
	offer *booking.Offer
	facts booking.Facts
	zoned bool // its zone is the customer's
}

func (d *Desk) view(r reader, c Choice, v *store.Visit, asker booking.Asker) (*view, error) {
	if d.catalog.Service(c.Service) == nil {
		return nil, fmt.Errorf("look up the service: %w", &UnknownError{"service"})
	}
	w := d.newView(d.asked(asker))
	w.zone = d.zoneOf(v)
	for _, o := range d.offers(c) {
		t, err := w.team(r, o)
		if err != nil {
			return nil, err
		}
		t.zoned = o.Resource.Zone.String() == w.zone.String()
		w.teams = append(w.teams, t)
		b := o.Bounds(w.asked.now)
		if len(w.teams) == 1 {
			w.bounds = b
		}
		w.bounds = w.bounds.With(b)
	}
	return w, nil
}

func (d *Desk) newView(q question) *view {
	return &view{desk: d, zone: d.cfg.Zone, known: map[*booking.Offer]*booking.State{}, asked: q}
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
	if st := v.known[o]; st != nil {
		return st, nil
	}
	f, err := v.desk.facts(r, o, v.asked)
	if err != nil {
		return nil, err
	}
	v.known[o] = booking.NewState(o, v.asked.bounds(o), f)
	return v.known[o], nil
}

// horizon returns the first and the last day of the customer's zone on which a team could begin.
func (v *view) horizon() (first, last calendar.Date) {
	return calendar.DateOf(v.bounds.Earliest, v.zone), calendar.DateOf(v.bounds.Latest, v.zone)
}

// day returns the start times of a day in the customer's zone, of all resources together, sorted and without repeats.
func (v *view) day(date calendar.Date) []int64 {
	if first, last := v.horizon(); date.Before(first) || last.Before(date) {
		return nil // also keeps dates from outside, thousands of years away, from the rules of time zones
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
	for n := -1; n <= 1; n++ { // days elsewhere begin up to a day earlier or later
		starts = t.Day(starts, date.AddDays(n))
	}
	theirs := slices.DeleteFunc(starts[before:], func(s int64) bool { return s < span.Start || s >= span.End })
	return starts[:before+len(theirs)]
}

func (v *view) hasSlot(date calendar.Date) bool {
	if first, last := v.horizon(); date.Before(first) || last.Before(date) {
		return false
	}
	elsewhere := false
	for _, t := range v.teams {
		if t.zoned && t.HasSlot(date) {
			return true
		}
		elsewhere = elsewhere || !t.zoned
	}
	return elsewhere && len(v.day(date)) > 0
}

// Days returns the days of the horizon on which the choice has a free slot, in order. What the flow token holds itself
// hides nothing from it; an empty token holds nothing. So it is with all lists.
func (d *Desk) Days(ctx context.Context, token string, c Choice) ([]calendar.Date, error) {
	var days []calendar.Date
	err := d.look(ctx, token, c, func(v *view) {
		days = nil
		first, last := v.horizon()
		for date := first; !last.Before(date); date = date.AddDays(1) {
			if v.hasSlot(date) {
				days = append(days, date)
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("list days: %w", err)
	}
	return days, nil
}

// look gives fn the state of a choice as the flow token sees it.
func (d *Desk) look(ctx context.Context, token string, c Choice, fn func(*view)) error {
	return d.cfg.Store.View(ctx, func(r *store.Reader) error {
		visit, err := r.Visit(store.VisitKey(token))
		if err != nil {
			return err
		}
		v, err := d.view(r, c, visit, asking(token))
		if err == nil {
			fn(v)
		}
		return err
	})
}

// zoneOf returns the zone in which the customer of a visit sees dates and times.
func (d *Desk) zoneOf(v *store.Visit) *time.Location {
	if v == nil || v.Zone == "" {
		return d.cfg.Zone
	}
	if known, ok := d.zones.Load(v.Zone); ok {
		return known.(*time.Location)
	}
	zone, err := time.LoadLocation(v.Zone)
	if err != nil {
		zone = d.cfg.Zone // of another version of the time zone database
	}
	d.zones.Store(v.Zone, zone)
	return zone
}

// asking names the claims of a flow token.
func asking(token string) booking.Asker {
	if token == "" {
		return booking.Asker{}
	}
	return booking.Asker{Visit: store.VisitKey(token)}
}

// Slots returns the start times (Unix seconds) of the choice on a day in the customer's zone, in order.
func (d *Desk) Slots(ctx context.Context, token string, c Choice, date calendar.Date) ([]int64, error) {
	var starts []int64
	if err := d.look(ctx, token, c, func(v *view) { starts = v.day(date) }); err != nil {
		return nil, fmt.Errorf("list slots: %w", err)
	}
	return starts, nil
}

// Alternatives returns the at most n free start times nearest to near, in order.
func (d *Desk) Alternatives(ctx context.Context, token string, c Choice, near int64, n int) ([]int64, error) {
	var found []int64
	if err := d.look(ctx, token, c, func(v *view) { found = v.nearest(near, n) }); err != nil {
		return nil, fmt.Errorf("list alternatives: %w", err)
	}
	return found, nil
}

// nearest looks at the days around near, ever farther away. Once n are found one more day on each side is looked at, as
// what is nearest may lie beyond midnight.
func (v *view) nearest(near int64, n int) []int64 {
	first, last := v.horizon()
	around := calendar.DateOf(near, v.zone)
	if around.Before(first) {
		around = first
	} else if last.Before(around) {
		around = last
	}
	var found []int64
	enough := -1
	for distance := 0; ; distance++ {
		before, after := around.AddDays(-distance), around.AddDays(distance)
		inside := false
		if !before.Before(first) {
			found, inside = append(found, v.day(before)...), true
		}
		if distance > 0 && !last.Before(after) {
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

// Check says whether the choice can begin at start now, and if not, why.
func (d *Desk) Check(ctx context.Context, token string, c Choice, start int64) (booking.Reason, error) {
	reason := booking.NotOffered
	if err := d.look(ctx, token, c, func(v *view) { reason, _ = v.check(start) }); err != nil {
		return reason, fmt.Errorf("check a slot: %w", err)
	}
	return reason, nil
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
	day := calendar.DateOf(start, v.zone).Interval(v.zone)
	slices.SortStableFunc(free, func(a, b candidate) int { return cmp.Compare(load(a.facts, day), load(b.facts, day)) })
}

// load returns the seconds of a day that a resource's claims take.
func load(f booking.Facts, day calendar.Interval) int64 {
	var sum int64
	for _, c := range f.Claims {
		if c.Takes(f.Now) {
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
