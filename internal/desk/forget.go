package desk

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/store"
)

// ErrPhone means that a text is no phone number.
var ErrPhone = errors.New("this is no phone number: write digits, perhaps with + or 00 before them and spaces between")

// StandsError lists the bookings because of which a person cannot be forgotten.
type StandsError struct {
	References []string
}

func (e *StandsError) Error() string {
	return "bookings of this person are still to come: " + strings.Join(e.References, ", ") +
		"; cancel them first, or wait until they are over"
}

// Forgotten is what Forget or ForgetBooking erased.
type Forgotten struct {
	// Bookings are the ids of those that do not say any more who they were for.
	Bookings []string
	// Visits counts the flow tokens that do not any more, and Notices those of a booking that were not delivered yet.
	Visits, Notices int
}

const forgetPage = 500

// Forget erases all that the store knows of the person with a phone number: in every past or cancelled booking the
// name, the number, what was typed into the form and the reasons of changes, and the person's flow tokens. The
// bookings stay, as times that were taken, and the texts of their events are written anew. While one is still to come
// nothing is erased. It may be broken off and repeated. Errors: ErrPhone, *StandsError, and those of the store; none
// of them holds the number.
func (d *Desk) Forget(ctx context.Context, phone string) (Forgotten, error) {
	digits, err := typedDigits(phone)
	if err != nil {
		return Forgotten{}, err
	}
	who := &forgetting{desk: d, digits: digits, mine: map[string]bool{}}
	return who.run(ctx, who.byPhone)
}

// ForgetBooking erases, as Forget does, the person of one booking by its id or its reference, and of the flow token
// that made it. What else the store knows of them stays. Errors: ErrNoBooking, *StandsError, and those of the store.
func (d *Desk) ForgetBooking(ctx context.Context, idOrReference string) (Forgotten, error) {
	who := &forgetting{desk: d, mine: map[string]bool{}}
	return who.run(ctx, func(ctx context.Context) error { return who.byReference(ctx, idOrReference) })
}

// run erases what belongs to the bookings that selection finds.
func (f *forgetting) run(ctx context.Context, selection func(context.Context) error) (Forgotten, error) {
	var out Forgotten
	err := selection(ctx)
	if errors.Is(err, ErrNoBooking) {
		return out, ErrNoBooking
	}
	if err == nil {
		err = f.related(ctx)
	}
	if err != nil {
		return out, fmt.Errorf("look for the person: %w", err)
	}
	if len(f.standing) > 0 {
		return out, &StandsError{f.standing}
	}
	for _, id := range f.bookings {
		notices, err := f.booking(ctx, id)
		if err != nil {
			return out, fmt.Errorf("forget a person: %w", err)
		}
		out.Bookings, out.Notices = append(out.Bookings, id), out.Notices+notices
	}
	for _, key := range f.visits {
		if err := f.visit(ctx, key); err != nil {
			return out, fmt.Errorf("forget a person: %w", err)
		}
		out.Visits++
	}
	if f.digits == "" {
		return out, nil
	}
	err = f.desk.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		tx.DeleteHolding(f.desk.cfg.Store.CustomerKey(f.digits))
		return f.desk.clearLists(tx, f.digits)
	})
	if err != nil {
		return out, fmt.Errorf("forget a person: %w", err)
	}
	return out, nil
}

// typedDigits returns the digits of a phone number as somebody types it.
func typedDigits(phone string) (string, error) {
	for _, r := range phone {
		if !unicode.IsSpace(r) && (r < '0' || r > '9') && !strings.ContainsRune("+-./()", r) {
			return "", ErrPhone
		}
	}
	const least = 5 // fewer are a slip of the hand, and would find nobody or the wrong ones
	out := booking.PhoneDigits(phone)
	if len(out) < least {
		return "", ErrPhone
	}
	return out, nil
}

// forgetting is one run of Forget or ForgetBooking.
type forgetting struct {
	desk             *Desk
	digits           string          // of the person's number; empty when one booking was named
	mine             map[string]bool // ids of the person's bookings
	bookings, visits []string        // ids and keys of those to be emptied
	standing         []string        // references
	notices          map[string][]string
}

// stands reports whether the booking is still to come or takes place now.
func (f *forgetting) stands(b *booking.Booking) bool {
	return f.desk.toCome(b)
}

// add takes a booking as one of the person's.
func (f *forgetting) add(b *booking.Booking) {
	if f.stands(b) {
		f.standing = append(f.standing, b.Reference)
	}
	f.mine[b.ID] = true
	f.bookings = append(f.bookings, b.ID)
}

// byReference selects one booking. One that was emptied before stays as it is; its flow token may be left to do.
func (f *forgetting) byReference(ctx context.Context, idOrReference string) error {
	return f.desk.cfg.Store.View(ctx, func(r *store.Reader) error {
		b, err := f.desk.find(r, idOrReference)
		if err != nil {
			return err
		}
		if n := len(b.History); n > 0 && b.History[n-1].What == booking.WasForgotten {
			f.mine[b.ID] = true
			return nil
		}
		f.add(b)
		return nil
	})
}

// byPhone selects the bookings under the number.
func (f *forgetting) byPhone(ctx context.Context) error {
	return pages(ctx, f.desk.cfg.Store, func(r *store.Reader, after string) (string, int, error) {
		all, err := r.Persons(after, forgetPage)
		for _, p := range all {
			after = p.Booking
			if booking.PhoneDigits(p.Phone) != f.digits {
				continue
			}
			b, err := r.Booking(p.Booking)
			if err != nil || b == nil {
				return after, 0, err
			}
			f.add(b)
		}
		return after, len(all), err
	})
}

// related gathers what belongs to the person beside the selected bookings.
func (f *forgetting) related(ctx context.Context) error {
	err := pages(ctx, f.desk.cfg.Store, func(r *store.Reader, after string) (string, int, error) {
		all, err := r.Visits(after, forgetPage)
		for _, v := range all {
			after = v.Key
			if v.Phone == "" && v.Name == "" {
				continue // it says nothing of anybody
			}
			if f.digits != "" && booking.PhoneDigits(v.Phone) == f.digits || v.Outcome != nil && f.mine[v.Outcome.Booking] {
				f.visits = append(f.visits, v.Key)
			}
		}
		return after, len(all), err
	})
	if err != nil {
		return err
	}
	f.notices = map[string][]string{}
	return pages(ctx, f.desk.cfg.Store, func(r *store.Reader, after string) (string, int, error) {
		all, err := r.Notices(after, forgetPage)
		for _, n := range all {
			after = n.ID
			if f.mine[n.Booking] {
				f.notices[n.Booking] = append(f.notices[n.Booking], n.ID)
			}
		}
		return after, len(all), err
	})
}

// pages calls read until a page is not full, each time in a View of its own. read returns the last key and the size
// of the page after a key.
func pages(ctx context.Context, st *store.Store, read func(r *store.Reader, after string) (string, int, error)) error {
	for after, n := "", forgetPage; n == forgetPage; {
		err := st.View(ctx, func(r *store.Reader) (err error) {
			after, n, err = read(r, after)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// maxNotices bounds the notices that go with a booking in one transaction. One that is left tells nothing of a
// person.
const maxNotices = 30

// booking empties one booking and has its events written anew.
func (f *forgetting) booking(ctx context.Context, id string) (notices int, err error) {
	var b *booking.Booking
	waiting := f.notices[id]
	waiting = waiting[:min(len(waiting), maxNotices)]
	err = f.desk.cfg.Store.Update(ctx, func(tx *store.Tx) (err error) {
		if b, err = tx.Booking(id); err != nil || b == nil {
			return err
		}
		if f.stands(b) {
			return &StandsError{[]string{b.Reference}} // somebody moved its event meanwhile
		}
		if err := f.unlist(tx, id); err != nil {
			return err
		}
		was, now := b.Clone(), f.desk.cfg.Now()
		b.Forget(booking.Act{At: now, By: booking.ByOperator})
		tx.PutPerson(id, booking.Person{})
		for _, n := range waiting {
			tx.DeleteNotice(n)
		}
		for i, p := range b.Placements {
			if p.Status == booking.Pending { // the syncer drops the entries of what is past
				tx.PutOwn(store.OwnEvent{
					Calendar: p.Calendar, Identity: p.Identity, EventID: p.Event.ID, Booking: id, Placement: i,
				})
			}
		}
		return tx.ChangeBooking(was, b, now)
	})
	if err == nil && b != nil {
		f.desk.announce(b)
	}
	return len(waiting), err
}

// unlist takes a booking off the lists of whoever it was for. Of a person who is forgotten by number these go anyway.
func (f *forgetting) unlist(tx *store.Tx, id string) error {
	person, err := tx.Person(id)
	if err != nil {
		return err
	}
	for _, customer := range f.desk.listsOf(booking.PhoneDigits(person.Phone)) {
		if err := tx.DropOpenBooking(customer, id); err != nil {
			return err
		}
	}
	return nil
}

// visit empties one visit. A token that has not booked yet does not any more, and holds nothing.
func (f *forgetting) visit(ctx context.Context, key string) error {
	return f.desk.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		v, err := tx.Visit(key)
		if err != nil || v == nil {
			return err
		}
		now := f.desk.cfg.Now()
		if v.Phone != "" {
			tx.DeleteHolding(f.desk.cfg.Store.CustomerKey(v.Phone))
		}
		v.Phone, v.Name, v.Zone = "", "", ""
		if v.Outcome == nil && v.Expires.After(now) {
			v.Expires = now
		}
		if v.Hold != nil {
			if err := tx.PutHold(key, v, nil, booking.Claim{}, now); err != nil {
				return err
			}
		}
		tx.PutVisit(key, v)
		return nil
	})
}

// Text is an event whose text may still name somebody who was forgotten, and why.
type Text struct {
	Reference string
	Calendar  calendar.ID
	Why       string // empty while nothing went wrong
}

// Texts says how far the events of forgotten bookings are.
type Texts struct {
	// Rewritten counts those that name nobody any more.
	Rewritten int
	// Waiting are still to be written, or removed; Failed needs a person.
	Waiting, Failed []Text
}

// Texts looks at the events of bookings, by their ids.
func (d *Desk) Texts(ctx context.Context, ids []string) (out Texts, err error) {
	err = d.cfg.Store.View(ctx, func(r *store.Reader) error {
		for _, id := range ids {
			b, err := r.Booking(id)
			if err != nil {
				return err
			}
			if b == nil {
				continue
			}
			for i, p := range b.Placements {
				t := Text{Reference: b.Reference, Calendar: p.Calendar, Why: p.Reason}
				switch {
				case p.Status == booking.Pending:
					m, _, err := r.Mark(store.OutboxID{Booking: id, Placement: i})
					if err != nil {
						return err
					}
					t.Why = m.LastError
					out.Waiting = append(out.Waiting, t)
				case (p.Status == booking.Stuck || p.Status == booking.Missing && p.Reason != "") && p.Event.ID != "":
					out.Failed = append(out.Failed, t)
				case b.Wanted(i) && p.Status != booking.Missing && p.Event.ID != "":
					out.Rewritten++
				}
			}
		}
		return nil
	})
	return out, err
}
