package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/store"
)

// Confirm is a customer's wish to book.
type Confirm struct {
	// Token is the flow token that the request came with.
	Token string
	// Request is a fingerprint of the request. The same token with the same fingerprint gets the first answer again.
	Request string
	Choice  Choice // resolved
	Start   int64  // Unix seconds
	Person  booking.Person
	// Answer makes the text that is stored with the booking and returned for it and its repeats. It must be pure, and is
	// called within the transaction, perhaps more than once.
	Answer func(*booking.Booking) []byte
}

// Confirmed is the result of a confirm.
type Confirmed struct {
	Booking string
	Answer  []byte
	// Repeated is true when the token had made this booking before.
	Repeated bool
}

// LostError says that the slot cannot be booked (any more) and why.
type LostError struct {
	Reason booking.Reason
}

func (e *LostError) Error() string { return "the slot cannot be booked: " + e.Reason.String() }

// ErrUncertain means that nobody knows whether a booking was made. The same request, sent again, finds out.
var ErrUncertain = store.ErrUncertain

// errReferenceTaken makes the confirm try another random reference.
var errReferenceTaken = errors.New("reference is taken")

// Confirm books: it repeats the decision whether the slot is free, takes the claims and writes the booking, its person, the
// visit and the outbox marks in one transaction, and returns after the commit is on disk. A hold of the token becomes the
// booking's claim; one that is over makes no difference as long as the slot is free. With the choice of any resource it
// ranks those that are free in a snapshot and tries them one transaction each.
// Errors: *LostError, *TokenError, *CustomerError, *UnknownError, and those of the store.
func (d *Desk) Confirm(ctx context.Context, c Confirm) (Confirmed, error) {
	chosen, reason, err := d.rank(ctx, c.Token, c.Choice, c.Start)
	if err != nil {
		return Confirmed{}, fmt.Errorf("confirm: %w", err)
	}
	var missed misses
	until := time.Now().Add(patience)
	for _, o := range chosen {
		if err := d.verify(ctx, until, c, o); err != nil {
			return Confirmed{}, fmt.Errorf("confirm: %w", err)
		}
		done, err := d.claim(ctx, c, o)
		if missed.next(err) {
			continue
		}
		return done, err
	}
	// All candidates were lost. If that was to a twin of this very request, or the token has booked before, it has the answer.
	visit, err := d.visit(ctx, c.Token)
	if err != nil {
		return Confirmed{}, err
	}
	if done, err := d.admit(visit, c.Request); err != nil || done != nil {
		return orZero(done), err
	}
	return Confirmed{}, missed.err(reason)
}

func orZero(c *Confirmed) Confirmed {
	if c == nil {
		return Confirmed{}
	}
	return *c
}

// rank returns the offers that a choice leaves to be tried for a start, in order, or the reason why there is none. A choice
// of one resource needs no look: the transaction decides.
func (d *Desk) rank(ctx context.Context, token string, c Choice, start int64) ([]*booking.Offer, booking.Reason, error) {
	if d.catalog.Service(c.Service) == nil {
		return nil, booking.NotOffered, &UnknownError{"service"}
	}
	all := d.offers(c)
	if len(all) == 1 {
		return all, booking.Free, nil
	}
	var free []*booking.Offer
	reason := booking.NotOffered
	err := d.cfg.Store.View(ctx, func(r *store.Reader) error {
		visit, err := r.Visit(store.VisitKey(token))
		if err != nil {
			return err
		}
		v, err := d.view(r, c, visit, asking(token))
		if err != nil {
			return err
		}
		reason, free = v.check(start)
		if d.holds(visit, c.Service, start) {
			free = heldFirst(free, all, visit.Hold.Resources[0])
		}
		return nil
	})
	return free, reason, err
}

// heldFirst puts the resource that a customer holds before the others, whatever a look has said of it: the transaction
// decides. allowed are all that the choice allows: the hold may be of another choice, such as of another department.
func heldFirst(free, allowed []*booking.Offer, held string) []*booking.Offer {
	i := slices.IndexFunc(allowed, func(o *booking.Offer) bool { return o.Resource.ID == held })
	if i < 0 {
		return free
	}
	others := slices.DeleteFunc(free, func(o *booking.Offer) bool { return o == allowed[i] })
	return slices.Insert(others, 0, allowed[i])
}

// uncertainTries bounds how often a commit with an unknown outcome is asked again. Each try finds the booking if an
// earlier one made it.
const uncertainTries = 3

// claim tries to book one resource.
func (d *Desk) claim(ctx context.Context, c Confirm, o *booking.Offer) (Confirmed, error) {
	var uncertain error       // an earlier try may be on disk
	var made *booking.Booking // by the last try that made one
	for try := 1; ; try++ {
		var done Confirmed
		id, reference := store.NewBookingID(d.cfg.Now()), newReference()
		err := d.cfg.Store.Update(ctx, func(tx *store.Tx) (err error) {
			b := newBooking(c, o, id, reference)
			if done, err = d.book(tx, c, b, o); err == nil && !done.Repeated {
				made = b
			}
			return err
		})
		switch {
		case err == nil:
			if made != nil && (!done.Repeated || uncertain != nil) { // an earlier try told nobody
				d.announce(made)
			}
			return done, nil
		case errors.Is(err, errReferenceTaken):
		case errors.Is(err, store.ErrUncertain) && try < uncertainTries:
			uncertain = err
		case decided(err):
			return Confirmed{}, err // the transaction looked for an earlier try first
		default:
			return Confirmed{}, errors.Join(uncertain, err)
		}
	}
}

// decided reports whether a transaction refused what it was asked, as opposed to an engine that could not run or commit it.
func decided(err error) bool {
	var lost *LostError
	var token *TokenError
	var late *NoticeError
	var unknown *UnknownError
	var customer *CustomerError
	return errors.As(err, &lost) || errors.As(err, &token) || errors.As(err, &late) || errors.As(err, &unknown) ||
		errors.As(err, &customer) ||
		errors.Is(err, ErrNothing) || errors.Is(err, booking.ErrCancelled) || errors.Is(err, booking.ErrPast)
}

// book is the transaction of a confirm. It may run several times.
func (d *Desk) book(tx *store.Tx, c Confirm, b *booking.Booking, o *booking.Offer) (Confirmed, error) {
	key := store.VisitKey(c.Token)
	visit, err := tx.Visit(key)
	if err != nil {
		return Confirmed{}, err
	}
	if done, err := d.admit(visit, c.Request); err != nil || done != nil {
		return orZero(done), err
	}
	who := d.customerOf(visit, c.Person.Phone)
	coming, err := d.admitCustomer(tx, who, o)
	if err != nil {
		return Confirmed{}, err
	}
	if taken, err := tx.BookingByReference(b.Reference); err != nil {
		return Confirmed{}, err
	} else if taken != "" {
		return Confirmed{}, errReferenceTaken
	}
	resources, err := d.decide(tx, o, d.confirming(key, visit, o, c.Start))
	if err != nil {
		return Confirmed{}, err
	}
	now := d.cfg.Now()
	if visit == nil {
		visit = &store.Visit{Expires: now.Add(d.cfg.TokenTTL)}
	}
	b.Begin(booking.Act{At: now, By: booking.ByCustomer}, d.seats(b.ID, resources))
	answer := c.Answer(b)
	visit.Outcome = &store.Outcome{Request: c.Request, Answer: answer, Booking: b.ID, At: now}
	if err := d.release(tx, key, visit, now); err != nil {
		return Confirmed{}, err
	}
	if err := tx.InsertBooking(b, fromToken(c.Person, visit), now); err != nil {
		return Confirmed{}, err
	}
	d.listBooking(tx, who, coming, b.ID)
	tx.PutVisit(key, visit)
	return Confirmed{Booking: b.ID, Answer: answer}, nil
}

// decide returns the resources that a confirm takes, the chosen one first. The error is a *LostError or of the store.
func (d *Desk) decide(tx *store.Tx, o *booking.Offer, q question) ([]*booking.Resource, error) {
	team, err := d.newView(q).team(tx, o)
	if err != nil {
		return nil, err
	}
	why, resources := team.Check(q.start)
	if why == booking.Unknown {
		// What can be seen to be there says more than that there may be something.
		if seen, err := d.seen(tx, o, q); err != nil {
			return nil, err
		} else if seen != booking.Free {
			why = seen
		}
	}
	if why != booking.Free {
		return nil, &LostError{Reason: why}
	}
	return resources, nil
}

// seats says where a booking is written for each of its resources.
func (d *Desk) seats(id string, resources []*booking.Resource) []booking.Seat {
	var out []booking.Seat
	for _, r := range resources {
		out = append(out, booking.Seat{Resource: r.ID, Calendar: r.BookInto, Identity: func(attempt int) string {
			return d.cfg.Identity(r.BookInto, id, r.ID, attempt)
		}})
	}
	return out
}

// fromToken completes a person by what the token knows. What the token knows of the phone number counts: nothing that is
// typed into a form can book in another's name.
func fromToken(p booking.Person, v *store.Visit) booking.Person {
	if v.Phone != "" {
		p.Phone = v.Phone
	}
	if p.Name == "" {
		p.Name = v.Name
	}
	return p
}

// newBooking returns a booking without placements.
func newBooking(c Confirm, o *booking.Offer, id, reference string) *booking.Booking {
	claim := o.Claim(c.Start, id)
	return &booking.Booking{
		ID: id, Reference: reference, Service: o.Service.ID, Department: c.Choice.Department, Interval: claim.Interval,
		Before: claim.Before, After: claim.After,
	}
}

// announce tells the write-back of a booking that was made or changed.
func (d *Desk) announce(b *booking.Booking) {
	if d.cfg.Written == nil {
		return
	}
	told := map[calendar.ID]bool{}
	for _, p := range b.Placements {
		if !told[p.Calendar] {
			told[p.Calendar] = true
			d.cfg.Written(p.Calendar)
		}
	}
}
