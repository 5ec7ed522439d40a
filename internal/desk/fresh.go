package desk

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/store"
)

// Live asks providers about single times. Its methods may be called concurrently.
type Live interface {
	// Verify reads a span of a calendar at the provider, within a second, unless that was done since the given time. What it
	// finds is in the mirror then. An error means that nothing new is known.
	Verify(ctx context.Context, cal calendar.ID, span calendar.Interval, since time.Time) error
	// Verified returns when the newest such read began that covers the span; zero when there was none lately.
	Verified(cal calendar.ID, span calendar.Interval) time.Time
	// Nudge asks for a look at the calendar in the background.
	Nudge(cal calendar.ID)
}

// Fresh reports whether the provider confirmed the mirror recently enough to answer from it. Nothing is known while a store
// that was restored from a copy has not been compared with the calendars, nor by a clock that is wrong.
func (d *Desk) Fresh(cal calendar.ID) bool {
	if d.cfg.ClockWrong != nil && d.cfg.ClockWrong() {
		return false
	}
	return d.cfg.Store.Restoring() == nil && d.within(d.cfg.Store.Checked(cal), d.cfg.ServeWithin)
}

// within reports whether an instant is at most so long ago. One in the future means that the clock was set back; then nothing
// is known.
func (d *Desk) within(at time.Time, most time.Duration) bool {
	now := d.cfg.Now()
	// Sub follows the monotonic clock, which an operator cannot set but which stands still while the machine sleeps; the
	// wall clock runs on. The older of the two ages counts.
	age, wall := now.Sub(at), now.Round(0).Sub(at.Round(0))
	return !at.IsZero() && min(age, wall) >= 0 && max(age, wall) <= most
}

// sure reports whether a calendar is known well enough to book a span: its mirror is young, or its provider was asked about
// just that span.
func (d *Desk) sure(cal calendar.ID, span calendar.Interval) bool {
	switch {
	case !d.Fresh(cal):
		return false
	case d.cfg.VerifyWithin == 0, d.cfg.AcceptUnverified, d.within(d.cfg.Store.Checked(cal), d.cfg.VerifyWithin):
		return true
	}
	return d.within(d.cfg.Live.Verified(cal, span), d.cfg.VerifyWithin)
}

// patience is how long a confirm waits for providers, whatever it tries.
const patience = 700 * time.Millisecond

// verify asks the providers of all calendars that decide about an appointment and that were not confirmed lately, all at
// once. It is the one thing that a customer waits for; whether the answers are enough, the transaction decides.
func (d *Desk) verify(ctx context.Context, until time.Time, c Confirm, o *booking.Offer) error {
	if d.cfg.VerifyWithin == 0 {
		return nil
	}
	old := slices.DeleteFunc(d.deciding(o), func(cal calendar.ID) bool {
		return !d.Fresh(cal) || d.within(d.cfg.Store.Checked(cal), d.cfg.VerifyWithin)
	})
	if len(old) == 0 {
		return nil
	}
	if likely, err := d.likely(ctx, c, o); err != nil || !likely {
		return err
	}
	span := o.Span(c.Start)
	since := d.cfg.Now().Add(-d.cfg.VerifyWithin)
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	var wg sync.WaitGroup
	for _, cal := range old {
		wg.Go(func() {
			// A failure is counted where it happens; sure says that nothing is known.
			_ = d.cfg.Live.Verify(ctx, cal, span, since)
		})
	}
	wg.Wait()
	return nil
}

// likely reports whether a confirm would book if the mirror were young: nobody waits, and no provider is asked, for what is
// booked already or can be seen to be impossible.
func (d *Desk) likely(ctx context.Context, c Confirm, o *booking.Offer) (yes bool, err error) {
	key := store.VisitKey(c.Token)
	err = d.cfg.Store.View(ctx, func(r *store.Reader) error {
		visit, err := r.Visit(key)
		if err != nil {
			return err
		}
		if !d.admits(visit, c.Request) {
			return nil
		}
		var refused *CustomerError
		if _, err := d.admitCustomer(r, d.customerOf(visit, c.Person.Phone), o); err != nil {
			if errors.As(err, &refused) {
				return nil
			}
			return err
		}
		why, err := d.seen(r, o, d.confirming(key, visit, o, c.Start))
		yes = why == booking.Free
		return err
	})
	return yes, err
}

// admits reports whether a visit may still book; what it gets otherwise, the transaction says.
func (d *Desk) admits(v *store.Visit, request string) bool {
	done, err := d.admit(v, request)
	return err == nil && done == nil
}

// refresh has the calendars looked at in the background that a coming confirm would have to ask about.
func (d *Desk) refresh(o *booking.Offer) {
	if d.cfg.VerifyWithin == 0 {
		return
	}
	for _, cal := range d.deciding(o) {
		if !d.within(d.cfg.Store.Checked(cal), d.cfg.VerifyWithin/2) {
			d.cfg.Live.Nudge(cal)
		}
	}
}

// deciding returns the calendars that decide about an appointment, each once.
func (d *Desk) deciding(o *booking.Offer) []calendar.ID {
	cals := slices.Clone(o.Resource.Blocks)
	for _, need := range o.Needs {
		for _, id := range need {
			if r := d.catalog.Resource(id); r != nil {
				cals = append(cals, r.Blocks...)
			}
		}
	}
	slices.Sort(cals)
	return slices.Compact(cals)
}

// question is what a team is asked with.
type question struct {
	asker booking.Asker
	now   time.Time
	known func(calendar.ID) bool // which calendars are known well enough
	// single bounds the question to one start; otherwise it is about the whole horizon.
	single bool
	start  int64
	// held is since when the asker holds that start, zero: not at all. It does not become too soon while its customer fills in
	// the form: what was late enough then is so now, whichever of the offers at that start it is.
	held time.Time
}

// about makes it a question about one start.
func (q question) about(start int64) question {
	q.single, q.start = true, start
	return q
}

// bounds are those of an offer for this question.
func (q question) bounds(o *booking.Offer) booking.Bounds {
	b := o.Bounds(q.now)
	if !q.held.IsZero() {
		b.Earliest = min(b.Earliest, max(o.Bounds(q.held).Earliest, q.now.Unix()+1))
	}
	return b
}

// asked is the question of a list.
func (d *Desk) asked(asker booking.Asker) question {
	return question{asker: asker, now: d.cfg.Now(), known: d.Fresh}
}

// confirming is the question of a visit that wants to book.
func (d *Desk) confirming(key string, v *store.Visit, o *booking.Offer, start int64) question {
	q := d.asked(booking.Asker{Visit: key}).about(start)
	span := o.Span(start)
	q.known = func(cal calendar.ID) bool { return d.sure(cal, span) }
	if d.holds(v, o.Service.ID, start) {
		q.held = v.Hold.Since
	}
	return q
}

// seen says whether a start can be booked as far as the mirrors say that are fresh, whether or not that is sure enough.
func (d *Desk) seen(r reader, o *booking.Offer, q question) (booking.Reason, error) {
	q.known = d.Fresh
	team, err := d.newView(q).team(r, o)
	if err != nil {
		return booking.Unknown, err
	}
	why, _ := team.Check(q.start)
	return why, nil
}

// holds reports whether a visit holds the slot now.
func (d *Desk) holds(v *store.Visit, service string, start int64) bool {
	return v != nil && v.Hold != nil && v.Hold.Start == start && v.Hold.Service == service && v.Hold.Until.After(d.cfg.Now())
}
