package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/store"
)

// Errors of changes to a booking, beside booking.ErrCancelled and booking.ErrPast.
var (
	// ErrNoBooking means that there is no booking of that id or reference.
	ErrNoBooking = errors.New("there is no such booking")
	// ErrNothing means that there is nothing to change.
	ErrNothing = errors.New("there is nothing to do")
)

// NoticeError says that a booking is too near to be changed, by the rules that are in force for it.
type NoticeError struct {
	// Doing is "cancelled" or "moved", Notice the least time from that to the start.
	Doing  string
	Notice time.Duration
}

func (e *NoticeError) Error() string {
	return fmt.Sprintf("the booking can be %s until %s before its start", e.Doing, booking.Length(e.Notice))
}

// Cancel is a wish to cancel a booking.
type Cancel struct {
	booking.Act        // At is set by the desk
	Booking     string // id or reference
	// Force overrides the notice.
	Force bool
}

// Cancel frees the booking's time at once and has its events removed. It returns the booking as it is then.
// Errors: ErrNoBooking, *NoticeError, booking.ErrCancelled, booking.ErrPast, and those of the store.
func (d *Desk) Cancel(ctx context.Context, c Cancel) (*booking.Booking, error) {
	return d.change(ctx, c.Booking, func(_ *store.Tx, b *booking.Booking, now time.Time) error {
		if o := d.catalog.Offer(b.Department, b.Resource, b.Service); o != nil && !c.Force {
			if err := notice(b, "cancelled", o.CancelNotice, now); err != nil {
				return err
			}
		}
		c.At = now
		return b.Cancel(c.Act)
	})
}

// Move is a wish to give a booking another time, or another resource.
type Move struct {
	booking.Act        // At is set by the desk
	Booking     string // id or reference
	Start       int64  // Unix seconds
	// Resource is the one to move to; empty: where the booking is.
	Resource string
	// Force overrides notice, horizon, hours, grid and caps. Nothing overrides what is busy or booked.
	Force bool
}

// Move gives the booking another time and resource, as one change: whoever looks sees the old time or the new one taken,
// never none and never both for long. The length stays. It returns the booking as it is then.
// Errors: ErrNoBooking, ErrNothing, *NoticeError, *LostError, *UnknownError, booking.ErrCancelled, booking.ErrPast, and
// those of the store.
func (d *Desk) Move(ctx context.Context, m Move) (*booking.Booking, error) {
	return d.change(ctx, m.Booking, func(tx *store.Tx, b *booking.Booking, now time.Time) error {
		if err := b.Changeable(now); err != nil {
			return err
		}
		o, err := d.destination(b, m.Resource)
		if err != nil {
			return err
		}
		if b.Start == m.Start && b.Resource == o.Resource.ID {
			return ErrNothing
		}
		// The rule is of the appointment as it is, wherever it is to go.
		if is := d.catalog.Offer(b.Department, b.Resource, b.Service); is != nil && !m.Force {
			if err := notice(b, "moved", is.MoveNotice, now); err != nil {
				return err
			}
		}
		team, err := d.newView(d.asked(booking.Asker{Booking: b.ID}).about(m.Start)).team(tx, o)
		if err != nil {
			return err
		}
		why, resources := seatsFor(team.Team, m, now)
		if why != booking.Free {
			return &LostError{Reason: why}
		}
		m.At = now
		to := calendar.Interval{Start: m.Start, End: m.Start + b.End - b.Start}
		return b.Move(m.Act, to, d.seats(b.ID, resources))
	})
}

// Destinations returns the at most n times nearest to near, in order, to which a booking could be moved at a resource, "" for
// where it is: by the rules of a move that nothing overrides, but for its notice. Errors: *UnknownError and those of the store.
func (d *Desk) Destinations(
	ctx context.Context, b *booking.Booking, resource string, near int64, n int,
) (found []int64, err error) {
	o, err := d.destination(b, resource)
	if err != nil {
		return nil, fmt.Errorf("list destinations: %w", err)
	}
	err = d.cfg.Store.View(ctx, func(r *store.Reader) error {
		v := d.newView(d.asked(booking.Asker{Booking: b.ID}))
		if err := v.read(r, []*booking.Offer{o}); err != nil {
			return err
		}
		found = v.nearest(near, n)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list destinations: %w", err)
	}
	return found, nil
}

// seatsFor asks a team for the resources of a move.
func seatsFor(team *booking.Team, m Move, now time.Time) (booking.Reason, []*booking.Resource) {
	switch {
	case !m.Force:
		return team.Check(m.Start)
	case m.Start <= now.Unix():
		return booking.TooSoon, nil
	}
	return team.Room(m.Start)
}

// destination returns the offer by which a booking is to be decided at the resource to move to.
func (d *Desk) destination(b *booking.Booking, resource string) (*booking.Offer, error) {
	if resource == "" {
		resource = b.Resource
	}
	if d.catalog.Service(b.Service) == nil {
		return nil, &UnknownError{"service"}
	}
	res := d.catalog.Resource(resource)
	if res == nil || !slices.Contains(res.Services, b.Service) {
		return nil, &UnknownError{"resource"}
	}
	return d.catalog.Offer(b.Department, resource, b.Service).As(b), nil
}

func notice(b *booking.Booking, doing string, least time.Duration, now time.Time) error {
	if b.Status == booking.Confirmed && b.StartTime().After(now) && b.StartTime().Sub(now) < least {
		return &NoticeError{Doing: doing, Notice: least}
	}
	return nil
}

// Retry has the events of a booking that were set aside, or that somebody removed, written again. A removed one begins anew:
// under its old identity it would stay removed. Errors: ErrNoBooking, ErrNothing, and those of the store.
func (d *Desk) Retry(ctx context.Context, id string, a booking.Act) (*booking.Booking, error) {
	return d.change(ctx, id, func(_ *store.Tx, b *booking.Booking, now time.Time) error {
		a.At = now
		again := b.Retry(a, func(p booking.Placement, attempt int) string {
			return d.cfg.Identity(p.Calendar, b.ID, p.Resource, attempt)
		})
		if !again {
			return ErrNothing
		}
		return nil
	})
}

// Told records that the customer knows what happened to a booking. Errors: ErrNoBooking, ErrNothing, and those of the
// store.
func (d *Desk) Told(ctx context.Context, id string, a booking.Act) (*booking.Booking, error) {
	return d.change(ctx, id, func(_ *store.Tx, b *booking.Booking, now time.Time) error {
		a.At = now
		if !b.MarkTold(a) {
			return ErrNothing
		}
		return nil
	})
}

// change changes a booking by fn in one transaction, with all that follows from it, and tells the write-back. fn adds to the
// history. After a commit with an unknown outcome it asks again, and changes nothing if the first try is on disk.
func (d *Desk) change(
	ctx context.Context, idOrReference string, fn func(*store.Tx, *booking.Booking, time.Time) error,
) (*booking.Booking, error) {
	var b *booking.Booking
	var tried booking.Change
	var uncertain error
	for try := 1; ; try++ {
		err := d.cfg.Store.Update(ctx, func(tx *store.Tx) (err error) {
			if b, err = d.find(tx, idOrReference); err != nil {
				return err
			}
			if uncertain != nil && recorded(b, tried) {
				return nil
			}
			was, now := b.Clone(), d.cfg.Now()
			if err := fn(tx, b, now); err != nil {
				return err
			}
			tried = b.History[len(b.History)-1]
			return tx.ChangeBooking(was, b, now)
		})
		switch {
		case err == nil:
			d.announce(b)
			return b, nil
		case errors.Is(err, store.ErrUncertain) && try < uncertainTries:
			uncertain = err
		case decided(err):
			return nil, err // the transaction looked for an earlier try first
		default:
			return nil, errors.Join(uncertain, err)
		}
	}
}

// recorded reports whether the booking's history holds a change. One that is alike in time, version and effect is as good.
func recorded(b *booking.Booking, tried booking.Change) bool {
	return slices.ContainsFunc(b.History, func(c booking.Change) bool {
		same := c.At.Equal(tried.At)
		c.At = tried.At
		return same && c == tried
	})
}

// bookings is what a snapshot and a transaction have in common.
type bookings interface {
	Booking(id string) (*booking.Booking, error)
	BookingByReference(reference string) (string, error)
}

// find returns a booking by its id or its reference.
func (d *Desk) find(r bookings, idOrReference string) (*booking.Booking, error) {
	b, err := r.Booking(idOrReference)
	if err != nil || b != nil {
		return b, err
	}
	id, err := r.BookingByReference(canonical(idOrReference))
	if err != nil {
		return nil, err
	}
	if id != "" {
		b, err = r.Booking(id)
	}
	if err == nil && b == nil {
		err = ErrNoBooking
	}
	return b, err
}

// canonical returns a reference as it is stored, however it was typed.
func canonical(reference string) string {
	r := strings.ToUpper(strings.TrimSpace(reference))
	if len(r) == 6 && !strings.Contains(r, "-") {
		r = r[:3] + "-" + r[3:]
	}
	return r
}

// Booking returns a booking by its id or its reference, and who it is for. Errors: ErrNoBooking and those of the store.
func (d *Desk) Booking(ctx context.Context, idOrReference string) (*booking.Booking, booking.Person, error) {
	var b *booking.Booking
	var p booking.Person
	err := d.cfg.Store.View(ctx, func(r *store.Reader) (err error) {
		if b, err = d.find(r, idOrReference); err == nil {
			p, err = r.Person(b.ID)
		}
		return err
	})
	return b, p, err
}
