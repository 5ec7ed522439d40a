package desk

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/store"
)

// reader is what a snapshot and a transaction have in common.
type reader interface {
	Busy(calendar.ID) (*calendar.Busy, error)
	Claims(resource string) ([]booking.Claim, error)
}

// facts reads what decides about a resource. A calendar that was never read, or that is not known well enough, is nil there.
func (d *Desk) facts(r reader, res *booking.Resource, q question) (booking.Facts, error) {
	f := booking.Facts{Now: d.cfg.Now().Unix(), Asker: q.asker}
	for _, cal := range res.Blocks {
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
	if f.Claims, err = r.Claims(res.ID); err != nil {
		return f, fmt.Errorf("read the claims on %s: %w", res.ID, err)
	}
	for _, other := range (*d.related.Load())[res.ID] {
		claims, err := r.Claims(other)
		if err != nil {
			return f, fmt.Errorf("read the claims on %s: %w", other, err)
		}
		f.Others = append(f.Others, claims...)
	}
	if !q.near.Empty() {
		f = f.Near(q.near)
	}
	return f, nil
}

// view is what a choice allows, from one snapshot: the team of each resource that can be chosen.
type view struct {
	desk  *Desk
	teams []candidate
	known map[string]*booking.State // of resources that could fill a need of several teams
	asked question
}

// candidate is a resource that can be chosen.
type candidate struct {
	*booking.Team
	res   *booking.Resource
	facts booking.Facts
	zoned bool // its zone is the business's
}

func (d *Desk) view(r reader, c Choice, asker booking.Asker) (*view, error) {
	svc, err := d.service(c.Service)
	if err != nil {
		return nil, err
	}
	v := &view{desk: d, known: map[string]*booking.State{}, asked: d.asked(asker)}
	for _, res := range d.candidates(c) {
		f, err := d.facts(r, res, v.asked)
		if err != nil {
			return nil, err
		}
		needs, err := v.needs(r, svc)
		if err != nil {
			return nil, err
		}
		v.teams = append(v.teams, candidate{
			Team: booking.NewTeam(booking.NewState(res, svc, v.asked.bounds, f), needs...), res: res, facts: f,
			zoned: res.Zone.String() == d.cfg.Zone.String(),
		})
	}
	return v, nil
}

// needs returns the states of what could fill each need of the service.
func (v *view) needs(r reader, svc *booking.Service) ([][]*booking.State, error) {
	var out [][]*booking.State
	for _, need := range svc.Needs {
		var options []*booking.State
		for _, id := range need {
			res := v.desk.resources[id]
			if res == nil {
				continue // the config says which exist; a need that nobody can fill fills no slot
			}
			if v.known[id] == nil {
				f, err := v.desk.facts(r, res, v.asked)
				if err != nil {
					return nil, err
				}
				v.known[id] = booking.NewState(res, svc, v.asked.bounds, f)
			}
			options = append(options, v.known[id])
		}
		out = append(out, options)
	}
	return out, nil
}

// day returns the start times of a day in the business's zone, of all resources together, sorted and without repeats.
func (v *view) day(date calendar.Date) []int64 {
	if first, last := v.desk.Horizon(); date.Before(first) || last.Before(date) {
		return nil // also keeps dates from outside, thousands of years away, from the rules of time zones
	}
	var starts []int64
	for _, t := range v.teams {
		if t.zoned {
			starts = t.Day(starts, date)
			continue
		}
		span := date.Interval(v.desk.cfg.Zone)
		var theirs []int64
		for n := -1; n <= 1; n++ { // days elsewhere begin up to a day earlier or later
			theirs = t.Day(theirs, date.AddDays(n))
		}
		for _, s := range theirs {
			if span.Start <= s && s < span.End {
				starts = append(starts, s)
			}
		}
	}
	slices.Sort(starts)
	return slices.Compact(starts)
}

func (v *view) hasSlot(date calendar.Date) bool {
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
		first, last := d.Horizon()
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
		v, err := d.view(r, c, asking(token))
		if err == nil {
			fn(v)
		}
		return err
	})
}

// asking names the claims of a flow token.
func asking(token string) booking.Asker {
	if token == "" {
		return booking.Asker{}
	}
	return booking.Asker{Visit: store.VisitKey(token)}
}

// Slots returns the start times (Unix seconds) of the choice on a day in the business's zone, in order.
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
	first, last := v.desk.Horizon()
	around := calendar.DateOf(near, v.desk.cfg.Zone)
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

// check returns Free and the resources that can be chosen at start, the least busy of that day first; or the reason of the
// resource that came closest.
func (v *view) check(start int64) (booking.Reason, []*booking.Resource) {
	type ranked struct {
		res  *booking.Resource
		load int64
	}
	var free []ranked
	reason := booking.NotOffered
	if b := v.desk.bounds(); start < b.Earliest {
		return booking.TooSoon, nil
	} else if start > b.Latest {
		return booking.TooFar, nil
	}
	date := calendar.DateOf(start, v.desk.cfg.Zone).Interval(v.desk.cfg.Zone)
	for _, t := range v.teams {
		why, _ := t.Check(start)
		if why == booking.Free {
			free = append(free, ranked{t.res, load(t.facts, date)})
		}
		reason = max(reason, why)
	}
	if len(free) == 0 {
		return reason, nil
	}
	slices.SortStableFunc(free, func(a, b ranked) int { return cmp.Compare(a.load, b.load) })
	out := make([]*booking.Resource, len(free))
	for i, f := range free {
		out[i] = f.res
	}
	return booking.Free, out
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
