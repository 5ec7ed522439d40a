package desk

import (
	"context"
	"fmt"
	"time"

	"slotd/internal/booking"
	"slotd/store"
)

// TokenError says that a flow token cannot be used. Booking is set when that is because it has booked already.
type TokenError struct {
	Why     string // "spent", "expired", "unknown"
	Booking string
}

func (e *TokenError) Error() string { return "the flow token is " + e.Why }

// Invitation is what is known of a customer who is sent a flow token. Every field may be empty.
type Invitation struct {
	Phone, Name string
	// Zone is the IANA name of the zone in which the customer is to see dates and times; "": that of the business.
	Zone string
}

// NewToken makes a flow token for a customer and returns it. The token can be used for Config.TokenTTL and books once.
// Errors: an *UnknownError for a zone that there is not, and those of the store.
func (d *Desk) NewToken(ctx context.Context, i Invitation) (string, error) {
	if _, err := time.LoadLocation(i.Zone); err != nil || i.Zone == "Local" { // which is no zone of a customer
		return "", fmt.Errorf("make a flow token: %w", &UnknownError{"zone"})
	}
	token := "slotd-" + store.NewID()
	v := &store.Visit{
		Known: true, Phone: i.Phone, Name: i.Name, Zone: i.Zone, Expires: d.cfg.Now().Add(d.cfg.TokenTTL),
	}
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
	// Zone is the one in which the customer sees dates and times: the customer's, or that of the business. Never nil.
	Zone *time.Location
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
// foreign tokens are not accepted. The zone is told also with an error.
func (d *Desk) Visitor(ctx context.Context, token string) (Visitor, error) {
	v, err := d.visit(ctx, token)
	known := Visitor{Zone: d.zoneOf(v)}
	if err != nil {
		return known, err
	}
	if v == nil || v.Outcome == nil {
		if _, err := d.admit(v, ""); err != nil || v == nil {
			return known, err
		}
		known.Name = v.Name
		return known, nil
	}
	known.Name = v.Name
	known.Spent = &Spent{Request: v.Outcome.Request, Answer: v.Outcome.Answer, At: v.Outcome.At}
	err = d.cfg.Store.View(ctx, func(r *store.Reader) (err error) {
		known.Spent.Booking, err = r.Booking(v.Outcome.Booking)
		return err
	})
	return known, err
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
