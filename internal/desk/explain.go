package desk

import (
	"context"
	"fmt"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/store"
)

// Explained says why one resource can, or cannot, be booked.
type Explained struct {
	Offer *booking.Offer
	// Verdicts are what each rule says of a start, in the order in which they are asked; see [booking.Decided].
	Verdicts []booking.Verdict
	// Days are reports of whole days, where days were asked about.
	Days []booking.DayReport
	// Calendars say how well the calendars are known that decide, those of what the service needs included.
	Calendars []Known
}

// Known says how well a calendar is known.
type Known struct {
	Calendar calendar.ID
	// Checked is when the provider last confirmed the mirror, zero: never.
	Checked time.Time
	// Served reports whether slots are offered from the mirror, and Why why not.
	Served bool
	Why    string
	// Asked reports that a confirm would ask the provider about its time first.
	Asked bool
}

// Explain says of every resource that a resolved choice allows what each rule says of a start, as nobody in particular would
// be answered: also holds count. It decides by what lists and confirms decide by.
func (d *Desk) Explain(ctx context.Context, c Choice, start int64) ([]Explained, error) {
	out, err := d.explain(ctx, c, func(t candidate, e *Explained) { e.Verdicts = t.Explain(start) })
	if err != nil {
		return nil, fmt.Errorf("explain a start: %w", err)
	}
	return out, nil
}

// ExplainDays reports on the days from first to last, which are dates of each resource's zone, of every resource that a
// resolved choice allows.
func (d *Desk) ExplainDays(ctx context.Context, c Choice, first, last calendar.Date) ([]Explained, error) {
	out, err := d.explain(ctx, c, func(t candidate, e *Explained) {
		for date := first; !last.Before(date); date = date.AddDays(1) {
			e.Days = append(e.Days, t.ExplainDay(date))
		}
	})
	if err != nil {
		return nil, fmt.Errorf("explain days: %w", err)
	}
	return out, nil
}

// Ahead returns the days, in the zone of the business, from today to the last on which a resolved choice could begin now.
func (d *Desk) Ahead(c Choice) (first, last calendar.Date) {
	now := d.cfg.Now()
	latest := widest(d.offers(c), now).Latest
	return calendar.DateOf(now.Unix(), d.cfg.Zone), calendar.DateOf(latest, d.cfg.Zone)
}

func (d *Desk) explain(ctx context.Context, c Choice, fn func(candidate, *Explained)) (out []Explained, err error) {
	err = d.cfg.Store.View(ctx, func(r *store.Reader) error {
		out = nil
		v, err := d.view(r, c, nil, booking.Asker{})
		if err != nil {
			return err
		}
		for _, t := range v.teams {
			e := Explained{Offer: t.offer}
			for _, cal := range d.deciding(t.offer) {
				e.Calendars = append(e.Calendars, d.howKnown(cal))
			}
			fn(t, &e)
			out = append(out, e)
		}
		return nil
	})
	return out, err
}

// howKnown says how well a calendar is known, by the same rules as Fresh.
func (d *Desk) howKnown(cal calendar.ID) Known {
	k := Known{Calendar: cal, Checked: d.cfg.Store.Checked(cal), Served: d.Fresh(cal)}
	k.Asked = k.Served && d.cfg.VerifyWithin > 0 && !d.within(k.Checked, d.cfg.VerifyWithin)
	switch {
	case k.Served:
	case d.cfg.ClockWrong != nil && d.cfg.ClockWrong():
		k.Why = "the clock of this host is wrong"
	case d.cfg.Store.Restoring() != nil:
		k.Why = "the store was restored from a copy and has not been compared with the calendars yet"
	case k.Checked.IsZero():
		k.Why = "it was never read"
	default:
		k.Why = "its provider has not confirmed it within " + booking.Length(d.cfg.ServeWithin)
	}
	return k
}
