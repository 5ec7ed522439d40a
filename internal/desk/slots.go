package desk

import (
	"context"
	"fmt"
	"slices"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/store"
)

// Days returns the days of the horizon on which the choice has a free slot, in order. What the flow token holds itself
// hides nothing from it; an empty token holds nothing. So it is with all lists.
func (d *Desk) Days(ctx context.Context, token string, c Choice) ([]calendar.Date, error) {
	var days []calendar.Date
	err := d.look(ctx, token, c, func(v *view) {
		days = nil
		for date := v.first; !v.last.Before(date); date = date.AddDays(1) {
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

// ResourcesOn returns those of [Desk.Resources] that have a free slot on a day of the customer's zone.
func (d *Desk) ResourcesOn(ctx context.Context, token string, c Choice, date calendar.Date) ([]booking.Resource, error) {
	var out []booking.Resource
	c.Resource = Any
	err := d.look(ctx, token, c, func(v *view) {
		out = nil
		for _, t := range v.teams {
			if v.opens(t, date) {
				out = append(out, *t.offer.Resource)
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("list resources of a day: %w", err)
	}
	return slices.Clip(out), nil
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

// Check says whether the choice can begin at start now, and if not, why.
func (d *Desk) Check(ctx context.Context, token string, c Choice, start int64) (booking.Reason, error) {
	reason := booking.NotOffered
	if err := d.look(ctx, token, c, func(v *view) { reason, _ = v.check(start) }); err != nil {
		return reason, fmt.Errorf("check a slot: %w", err)
	}
	return reason, nil
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

// asking names the claims of a flow token.
func asking(token string) booking.Asker {
	if token == "" {
		return booking.Asker{}
	}
	return booking.Asker{Visit: store.VisitKey(token)}
}
