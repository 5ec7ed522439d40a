package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"slotd/internal/booking"
	"slotd/store"
)

// CustomerError says that a customer cannot book what they ask for, whoever else could. Its text tells nothing of them.
type CustomerError struct {
	Why string // one of those below
	// Booking is the one to come that stands in the way. It is nil for a customer who is known by a number that they typed
	// into the form: anybody can type it, and must not learn of somebody else's appointment.
	Booking *booking.Booking
}

// Why a customer cannot book.
const (
	Blocked    = "blocked"
	HasBooking = "has_booking"
)

func (e *CustomerError) Error() string {
	if e.Why == HasBooking {
		return "the customer has a booking to come"
	}
	return "the customer cannot book"
}

// hasOneOpen reports whether some rule allows a customer only one booking to come.
func hasOneOpen(b booking.Business) bool {
	all := []*booking.Rules{&b.Rules}
	for i := range b.Departments {
		all = append(all, &b.Departments[i].Rules)
	}
	for i := range b.Resources {
		all = append(all, &b.Resources[i].Rules)
	}
	for i := range b.Services {
		all = append(all, &b.Services[i].Rules)
	}
	return slices.ContainsFunc(all, func(r *booking.Rules) bool { return r.OneOpen != nil && *r.OneOpen })
}

// customer is who asks, as far as that is known.
type customer struct {
	digits string // of the phone number; "" when nobody knows it
	typed  bool   // into a form: nobody vouches for it
}

// takesAnybody reports whether it makes no difference to any rule who books.
func (d *Desk) takesAnybody() bool { return d.cfg.Blocked == nil && !d.oneOpen }

// customerOf returns the customer of a visit; nil is one that slotd did not make. typed is the number in the form, which
// counts where the token knows none.
func (d *Desk) customerOf(v *store.Visit, typed string) customer {
	switch {
	case d.takesAnybody():
		return customer{} // nobody asks
	case v != nil && v.Phone != "":
		return customer{digits: booking.PhoneDigits(v.Phone)}
	}
	return customer{digits: booking.PhoneDigits(typed), typed: true}
}

// customers is what a snapshot and a transaction have in common.
type customers interface {
	Visit(key string) (*store.Visit, error)
	Booking(id string) (*booking.Booking, error)
	OpenBookings(customer string) ([]string, error)
}

// admitCustomer decides whether a customer may take an offer, and returns their bookings to come where a rule counts those.
// The error is a *CustomerError or of the store.
func (d *Desk) admitCustomer(r customers, who customer, o *booking.Offer) ([]*booking.Booking, error) {
	if d.blocks(who) {
		return nil, &CustomerError{Why: Blocked}
	}
	coming, err := d.coming(r, who)
	if err != nil {
		return nil, err
	}
	return coming, d.admitOffer(who, o, coming)
}

func (d *Desk) blocks(who customer) bool {
	return who.digits != "" && d.cfg.Blocked != nil && d.cfg.Blocked(who.digits)
}

// coming returns the bookings of a customer that are to come, where a rule counts them.
func (d *Desk) coming(r customers, who customer) ([]*booking.Booking, error) {
	if !d.oneOpen || who.digits == "" {
		return nil, nil
	}
	ids, err := r.OpenBookings(d.openKey(who))
	if err != nil {
		return nil, err
	}
	var out []*booking.Booking
	for _, id := range ids {
		b, err := r.Booking(id)
		if err != nil {
			return nil, err
		}
		if b != nil && d.toCome(b) {
			out = append(out, b)
		}
	}
	return out, nil
}

func (d *Desk) openKey(who customer) string { return d.cfg.Store.OpenKey(who.digits, who.typed) }

// listsOf returns the names of the lists on which bookings under a phone number can be.
func (d *Desk) listsOf(digits string) []string {
	return []string{d.cfg.Store.OpenKey(digits, false), d.cfg.Store.OpenKey(digits, true)}
}

// clearLists empties the lists of bookings under a phone number, but for those that are to come: of a booking that was made
// just now.
func (d *Desk) clearLists(tx *store.Tx, digits string) error {
	for _, typed := range []bool{false, true} {
		who := customer{digits: digits, typed: typed}
		coming, err := d.coming(tx, who)
		if err != nil {
			return err
		}
		tx.PutOpenBookings(d.openKey(who), idsOf(coming))
	}
	return nil
}

func idsOf(bookings []*booking.Booking) []string {
	ids := make([]string, 0, len(bookings)+1)
	for _, b := range bookings {
		ids = append(ids, b.ID)
	}
	return ids
}

// toCome reports whether a booking is still to come or takes place now.
func (d *Desk) toCome(b *booking.Booking) bool {
	return b.ToCome(d.cfg.Now().Unix())
}

// admitOffer refuses an offer of which the customer has one too many. It names the booking that is next.
func (d *Desk) admitOffer(who customer, o *booking.Offer, coming []*booking.Booking) error {
	var next *booking.Booking
	for _, b := range coming {
		if d.inScope(o, b) && (next == nil || b.Start < next.Start) {
			next = b
		}
	}
	switch {
	case next == nil:
		return nil
	case who.typed:
		return &CustomerError{Why: HasBooking}
	}
	return &CustomerError{Why: HasBooking, Booking: next}
}

// inScope reports whether a booking counts by the rule of an offer.
func (d *Desk) inScope(o *booking.Offer, b *booking.Booking) bool {
	switch o.OneOpen {
	case booking.OfBusiness:
		return true
	case booking.OfDepartment:
		return d.departmentOf(b) == o.Department.ID
	case booking.OfResource:
		return b.Resource == o.Resource.ID
	case booking.OfService:
		return b.Service == o.Service.ID
	}
	return false
}

// departmentOf returns the department of a booking; for a customer who chose none, the one by whose rules it was made.
func (d *Desk) departmentOf(b *booking.Booking) string {
	if b.Department != "" {
		return b.Department
	}
	if o := d.catalog.Offer("", b.Resource, b.Service); o != nil && o.Department != nil {
		return o.Department.ID
	}
	return ""
}

// listBooking writes a new booking beside those of its customer that are to come, where a rule counts them.
func (d *Desk) listBooking(tx *store.Tx, who customer, coming []*booking.Booking, id string) {
	if !d.oneOpen || who.digits == "" {
		return
	}
	tx.PutOpenBookings(d.openKey(who), append(idsOf(coming), id))
}

// May says early whether the customer of a token may book at all what a choice allows; empty fields allow all. It is nil
// where any offer of the choice is allowed, and for a token that knows no phone number: what is typed later, the confirm
// looks at. The error is a *CustomerError or of the store.
func (d *Desk) May(ctx context.Context, token string, c Choice) error {
	if d.takesAnybody() {
		return nil
	}
	key := store.VisitKey(token)
	var refused error
	err := d.cfg.Store.View(ctx, func(r *store.Reader) (err error) {
		refused, err = d.may(r, key, c)
		return err
	})
	var has *CustomerError
	if err == nil && errors.As(refused, &has) && has.Why == HasBooking {
		// After a commit with an unknown outcome a View can see what is not on disk yet; nobody may be told of that.
		err = d.cfg.Store.Update(ctx, func(tx *store.Tx) (err error) {
			refused, err = d.may(tx, key, c)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("look at the customer: %w", err)
	}
	return refused
}

// may returns why the customer of a visit is refused all that a choice allows; nil when they are not.
func (d *Desk) may(r customers, key string, c Choice) (refused, err error) {
	v, err := r.Visit(key)
	if err != nil {
		return nil, err
	}
	who := d.customerOf(v, "")
	if d.blocks(who) {
		return &CustomerError{Why: Blocked}, nil
	}
	coming, err := d.coming(r, who)
	if err != nil || len(coming) == 0 {
		return nil, err
	}
	for _, department := range d.departments(c) {
		c.Department = department
		for _, o := range d.offers(c) {
			if refused = d.admitOffer(who, o, coming); refused == nil {
				return nil, nil
			}
		}
	}
	return refused, nil
}

// departments returns those by which a choice may lead to an offer. By which it does can matter to the rules.
func (d *Desk) departments(c Choice) []string {
	out := []string{c.Department}
	if c.Department == "" {
		for _, dep := range d.cfg.Departments {
			out = append(out, dep.ID)
		}
	}
	return out
}

// misses gathers why offers could not be taken, one after the other.
type misses struct {
	lost     *LostError
	customer *CustomerError
}

// next takes an error and reports whether the next offer may still be had.
func (m *misses) next(err error) bool {
	var customer *CustomerError
	if errors.As(err, &m.lost) {
		return true // somebody was faster at this resource
	}
	if errors.As(err, &customer) && customer.Why == HasBooking {
		m.customer = customer // which may hold for this resource alone
		return true
	}
	return false
}

// err says why nothing could be had, when there was nothing else to try. Who lost a slot is offered others.
func (m *misses) err(reason booking.Reason) error {
	switch {
	case m.lost != nil:
		return m.lost
	case m.customer != nil:
		return m.customer
	}
	return &LostError{Reason: reason}
}
