package desk

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
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
	// Answer makes the text that is stored with the booking and returned for it and its repeats. It must be pure.
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

// TokenError says that a flow token cannot be used. Booking is set when that is because it has booked already.
type TokenError struct {
	Why     string // "spent", "expired", "unknown"
	Booking string
}

func (e *TokenError) Error() string { return "the flow token is " + e.Why }

// ErrUncertain means that nobody knows whether a booking was made. The same request, sent again, finds out.
var ErrUncertain = store.ErrUncertain

// errReferenceTaken makes the confirm try another random reference.
var errReferenceTaken = errors.New("reference is taken")

// Confirm books: it repeats the decision whether the slot is free, takes the claim and writes the booking, its person, the
// visit and the outbox marks in one transaction, and returns after the commit is on disk. With the choice of any resource
// it ranks those that are free in a snapshot and tries them one transaction each.
// Errors: *LostError, *TokenError, *UnknownError, and those of the store.
func (d *Desk) Confirm(ctx context.Context, c Confirm) (Confirmed, error) {
	if done, err := d.repeated(ctx, c); err != nil || done != nil {
		return orZero(done), err
	}
	var reason booking.Reason
	var free []*booking.Resource
	err := d.cfg.Store.View(ctx, func(r *store.Reader) error {
		v, err := d.view(r, c.Choice)
		if err != nil {
			return err
		}
		reason, free = v.check(c.Start)
		return nil
	})
	if err != nil {
		return Confirmed{}, fmt.Errorf("confirm: %w", err)
	}
	lost := &LostError{Reason: reason}
	for _, res := range free {
		done, err := d.claim(ctx, c, res)
		if errors.As(err, &lost) {
			continue // somebody was faster at this resource; the next may still be free
		}
		return done, err
	}
	// All candidates were lost. If that was to a twin of this very request, it has the answer.
	if done, err := d.repeated(ctx, c); err != nil || done != nil {
		return orZero(done), err
	}
	return Confirmed{}, lost
}

func orZero(c *Confirmed) Confirmed {
	if c == nil {
		return Confirmed{}
	}
	return *c
}

// repeated returns the first answer when the token made its booking by this very request, a *TokenError when the token
// cannot be used, and nil when it may book.
func (d *Desk) repeated(ctx context.Context, c Confirm) (*Confirmed, error) {
	visit, err := d.visit(ctx, c.Token)
	if err != nil {
		return nil, err
	}
	return d.admit(visit, c.Request)
}

// visit reads the visit of a token. One that has booked is read by an Update: after a commit with an unknown outcome a
// View can see what is not on disk yet, and nobody may be told of such a booking.
func (d *Desk) visit(ctx context.Context, token string) (*store.Visit, error) {
	key := store.VisitKey(token)
	var v *store.Visit
	err := d.cfg.Store.View(ctx, func(r *store.Reader) (err error) {
		v, err = r.Visit(key)
		return err
	})
	if err != nil || v == nil || v.Outcome == nil {
		return v, err
	}
	err = d.cfg.Store.Update(ctx, func(tx *store.Tx) (err error) {
		v, err = tx.Visit(key)
		return err
	})
	return v, err
}

// admit decides whether a visit may book by a request.
func (d *Desk) admit(v *store.Visit, request string) (*Confirmed, error) {
	switch {
	case v == nil && !d.cfg.AcceptForeignTokens:
		return nil, &TokenError{Why: "unknown"}
	case v == nil:
		return nil, nil
	case v.Outcome != nil && v.Outcome.Request == request:
		return &Confirmed{Booking: v.Outcome.Booking, Answer: v.Outcome.Answer, Repeated: true}, nil
	case v.Outcome != nil:
		return nil, &TokenError{Why: "spent", Booking: v.Outcome.Booking}
	case !v.Expires.After(d.cfg.Now()):
		return nil, &TokenError{Why: "expired"}
	}
	return nil, nil
}

// uncertainTries bounds how often a commit with an unknown outcome is asked again. Each try finds the booking if an
// earlier one made it.
const uncertainTries = 3

// claim tries to book one resource.
func (d *Desk) claim(ctx context.Context, c Confirm, res *booking.Resource) (Confirmed, error) {
	svc, err := d.service(c.Choice.Service)
	if err != nil {
		return Confirmed{}, err
	}
	var uncertain error // an earlier try may be on disk
	for try := 1; ; try++ {
		b := d.newBooking(c, res, svc)
		answer := c.Answer(b)
		var done *Confirmed
		err := d.cfg.Store.Update(ctx, func(tx *store.Tx) error {
			var err error
			done, err = d.book(tx, c, b, res, svc, answer)
			return err
		})
		switch {
		case err == nil && done != nil:
			if try > 1 {
				d.announce(b) // an earlier try made the booking, at the same resource, and told nobody
			}
			return *done, nil
		case err == nil:
			d.announce(b)
			return Confirmed{Booking: b.ID, Answer: answer}, nil
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

// decided reports whether a transaction refused a confirm, as opposed to an engine that could not run or commit it.
func decided(err error) bool {
	var lost *LostError
	var token *TokenError
	return errors.As(err, &lost) || errors.As(err, &token)
}

// book is the transaction of a confirm. It may run several times. done is set when the token had booked by this request.
func (d *Desk) book(
	tx *store.Tx, c Confirm, b *booking.Booking, res *booking.Resource, svc *booking.Service, answer []byte,
) (done *Confirmed, err error) {
	key := store.VisitKey(c.Token)
	visit, err := tx.Visit(key)
	if err != nil {
		return nil, err
	}
	if done, err := d.admit(visit, c.Request); err != nil || done != nil {
		return done, err
	}
	if taken, err := tx.ReferenceTaken(b.Reference); err != nil {
		return nil, err
	} else if taken {
		return nil, errReferenceTaken
	}
	f, err := d.facts(tx, res)
	if err != nil {
		return nil, err
	}
	if why := booking.NewState(res, svc, d.bounds(), f).Check(c.Start); why != booking.Free {
		return nil, &LostError{Reason: why}
	}
	now := d.cfg.Now()
	person := c.Person
	if visit == nil {
		visit = &store.Visit{Expires: now.Add(d.cfg.TokenTTL)}
	}
	person = fromToken(person, visit)
	visit.Outcome = &store.Outcome{Request: c.Request, Answer: answer, Booking: b.ID, At: now}
	tx.PutClaims(res.ID, booking.AddClaim(f.Claims, b.Claim(), now.Unix()))
	tx.InsertBooking(b, person, now)
	tx.PutVisit(key, visit)
	return nil, nil
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

func (d *Desk) newBooking(c Confirm, res *booking.Resource, svc *booking.Service) *booking.Booking {
	id := store.NewID()
	claim := booking.NewClaim(svc, c.Start, id)
	return &booking.Booking{
		ID: id, Reference: newReference(), Version: 1, Status: booking.Confirmed,
		Service: svc.ID, Department: c.Choice.Department, Interval: claim.Interval,
		Before: claim.Before, After: claim.After, Created: d.cfg.Now(),
		Placements: []booking.Placement{{
			Resource: res.ID, Calendar: res.BookInto, Status: booking.Pending,
			Identity: d.cfg.Identity(res.BookInto, id, res.ID, 1),
		}},
	}
}

func (d *Desk) announce(b *booking.Booking) {
	if d.cfg.Written == nil {
		return
	}
	for _, p := range b.Placements {
		d.cfg.Written(p.Calendar)
	}
}

// The letters of a reference: none that is mistaken for another when it is read out over a telephone.
const referenceLetters = "23456789ABCDEFGHJKMNPQRSTVWXYZ"

// newReference returns a random code such as "K7M-2QX".
func newReference() string {
	var raw [6]byte
	_, _ = rand.Read(raw[:]) // crypto/rand.Read never fails
	out := make([]byte, 0, 7)
	for i, b := range raw {
		if i == 3 {
			out = append(out, '-')
		}
		out = append(out, referenceLetters[int(b)%len(referenceLetters)])
	}
	return string(out)
}

// NewToken makes a flow token for a customer and returns it. Phone and name may be empty. The token can be used for
// Config.TokenTTL and books once.
func (d *Desk) NewToken(ctx context.Context, phone, name string) (string, error) {
	token := "slotd-" + store.NewID()
	v := &store.Visit{Known: true, Phone: phone, Name: name, Expires: d.cfg.Now().Add(d.cfg.TokenTTL)}
	err := d.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		tx.PutVisit(store.VisitKey(token), v)
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("make a flow token: %w", err)
	}
	return token, nil
}

// Visitor is what the desk knows of a flow token before it books.
type Visitor struct {
	Name string
	// Spent is set when the token has booked: by which request, and what.
	Spent *Spent
}

// Spent is the booking that a token made.
type Spent struct {
	Request string
	Answer  []byte
	Booking *booking.Booking
	At      time.Time
}

// Visitor returns what is known of a flow token. Errors: *TokenError for one that expired, or that slotd did not make when
// foreign tokens are not accepted.
func (d *Desk) Visitor(ctx context.Context, token string) (Visitor, error) {
	v, err := d.visit(ctx, token)
	if err != nil {
		return Visitor{}, err
	}
	if v == nil || v.Outcome == nil {
		if _, err := d.admit(v, ""); err != nil || v == nil {
			return Visitor{}, err
		}
		return Visitor{Name: v.Name}, nil
	}
	spent := &Spent{Request: v.Outcome.Request, Answer: v.Outcome.Answer, At: v.Outcome.At}
	err = d.cfg.Store.View(ctx, func(r *store.Reader) (err error) {
		spent.Booking, err = r.Booking(v.Outcome.Booking)
		return err
	})
	return Visitor{Name: v.Name, Spent: spent}, err
}

// Start parses a slot id, an instant in RFC 3339, as its Unix seconds. Slot ids come from outside.
func Start(slotID string) (int64, error) {
	t, err := time.Parse(time.RFC3339, slotID)
	if err != nil {
		return 0, errors.New("not a slot id")
	}
	return t.Unix(), nil
}

// SlotID is the id of a start time on a screen.
func SlotID(start int64) string {
	return calendar.Interval{Start: start}.StartTime().Format(time.RFC3339)
}
