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

// facts reads what decides about a resource. A calendar that was never read, or whose mirror is too old, is nil there.
func (d *Desk) facts(r reader, res *booking.Resource) (booking.Facts, error) {
	var f booking.Facts
	for _, cal := range res.Blocks {
		var busy *calendar.Busy
		if d.Fresh(cal) {
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
	for _, other := range d.related[res.ID] {
		claims, err := r.Claims(other)
		if err != nil {
			return f, fmt.Errorf("read the claims on %s: %w", other, err)
		}
		f.Others = append(f.Others, claims...)
	}
	return f, nil
}

// Fresh reports whether the provider confirmed the mirror recently enough to answer from it. A confirmation in the future
// means that the clock was set back; then nothing is known.
func (d *Desk) Fresh(cal calendar.ID) bool {
	at, now := d.cfg.Store.Checked(cal), d.cfg.Now()
	// Sub follows the monotonic clock, which an operator cannot set but which stands still while the machine sleeps; the
	// wall clock runs on. The older of the two ages counts.
	age, wall := now.Sub(at), now.Round(0).Sub(at.Round(0))
	return !at.IsZero() && min(age, wall) >= 0 && max(age, wall) <= d.cfg.ServeWithin
}

// view is the state of all resources that a choice allows, from one snapshot.
type view struct {
	desk   *Desk
	states []*booking.State
	zoned  []bool // the resource's zone is the business's
	res    []*booking.Resource
	facts  []booking.Facts
}

func (d *Desk) view(r reader, c Choice) (*view, error) {
	svc, err := d.service(c.Service)
	if err != nil {
		return nil, err
	}
	v := &view{desk: d}
	bounds := d.bounds()
	for _, res := range d.candidates(c) {
		f, err := d.facts(r, res)
		if err != nil {
			return nil, err
		}
		v.states = append(v.states, booking.NewState(res, svc, bounds, f))
		v.zoned = append(v.zoned, res.Zone.String() == d.cfg.Zone.String())
		v.res = append(v.res, res)
		v.facts = append(v.facts, f)
	}
	return v, nil
}

// day returns the start times of a day in the business's zone, of all resources together, sorted and without repeats.
func (v *view) day(date calendar.Date) []int64 {
	if first, last := v.desk.Horizon(); date.Before(first) || last.Before(date) {
		return nil // also keeps dates from outside, thousands of years away, from the rules of time zones
	}
	var starts []int64
	for i, st := range v.states {
		if v.zoned[i] {
			starts = st.Day(starts, date)
			continue
		}
		span := date.Interval(v.desk.cfg.Zone)
		var theirs []int64
		for n := -1; n <= 1; n++ { // days elsewhere begin up to a day earlier or later
			theirs = st.Day(theirs, date.AddDays(n))
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
	for i, st := range v.states {
		if v.zoned[i] && st.HasSlot(date) {
			return true
		}
	}
	return slices.Contains(v.zoned, false) && len(v.day(date)) > 0
}

// Days returns the days of the horizon on which the choice has a free slot, in order.
func (d *Desk) Days(ctx context.Context, c Choice) ([]calendar.Date, error) {
	var days []calendar.Date
	err := d.cfg.Store.View(ctx, func(r *store.Reader) error {
		v, err := d.view(r, c)
		if err != nil {
			return err
		}
		days = nil
		first, last := d.Horizon()
		for date := first; !last.Before(date); date = date.AddDays(1) {
			if v.hasSlot(date) {
				days = append(days, date)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list days: %w", err)
	}
	return days, nil
}

// Slots returns the start times (Unix seconds) of the choice on a day in the business's zone, in order.
func (d *Desk) Slots(ctx context.Context, c Choice, date calendar.Date) ([]int64, error) {
	var starts []int64
	err := d.cfg.Store.View(ctx, func(r *store.Reader) error {
		v, err := d.view(r, c)
		if err != nil {
			return err
		}
		starts = v.day(date)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list slots: %w", err)
	}
	return starts, nil
}

// Alternatives returns the at most n free start times nearest to near, in order.
func (d *Desk) Alternatives(ctx context.Context, c Choice, near int64, n int) ([]int64, error) {
	var found []int64
	err := d.cfg.Store.View(ctx, func(r *store.Reader) error {
		v, err := d.view(r, c)
		if err != nil {
			return err
		}
		found = v.nearest(near, n)
		return nil
	})
	if err != nil {
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

// Check says whether the choice can begin at start now, and by which resources.
func (d *Desk) Check(ctx context.Context, c Choice, start int64) (booking.Reason, error) {
	reason := booking.NotOffered
	err := d.cfg.Store.View(ctx, func(r *store.Reader) error {
		v, err := d.view(r, c)
		if err != nil {
			return err
		}
		reason, _ = v.check(start)
		return nil
	})
	if err != nil {
		return reason, fmt.Errorf("check a slot: %w", err)
	}
	return reason, nil
}

// check returns Free and the resources that are free at start, the least busy of that day first; or the reason of the
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
	for i, st := range v.states {
		why := st.Check(start)
		if why == booking.Free {
			free = append(free, ranked{v.res[i], load(v.facts[i].Claims, date)})
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

// load returns the seconds of a day that claims take.
func load(claims []booking.Claim, day calendar.Interval) int64 {
	var sum int64
	for _, c := range claims {
		sum += max(0, min(c.End, day.End)-max(c.Start, day.Start))
	}
	return sum
}
