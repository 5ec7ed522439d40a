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
	return "bookings under this number are still to come: " + strings.Join(e.References, ", ") +
		"; cancel them first, or wait until they are over"
}

// Forgotten is what Forget erased.
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
	var out Forgotten
	digits, err := typedDigits(phone)
	if err != nil {
		return out, err
	}
	who := &forgetting{desk: d, digits: digits}
	if err := who.find(ctx); err != nil {
		return out, fmt.Errorf("look for the person: %w", err)
	}
	if len(who.standing) > 0 {
		return out, &StandsError{who.standing}
	}
	for _, id := range who.bookings {
		notices, err := who.booking(ctx, id)
		if err != nil {
			return out, fmt.Errorf("forget a person: %w", err)
		}
		out.Bookings, out.Notices = append(out.Bookings, id), out.Notices+notices
	}
	for _, key := range who.visits {
		if err := who.visit(ctx, key); err != nil {
			return out, fmt.Errorf("forget a person: %w", err)
		}
		out.Visits++
	}
	err = d.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		tx.DeleteHolding(d.cfg.Store.CustomerKey(digits))
		return nil
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
	out := digitsOf(phone)
	if len(out) < least {
		return "", ErrPhone
	}
	return out, nil
}

// digitsOf returns the digits of a phone number, in the form that WhatsApp gives it where it is an international one.
func digitsOf(phone string) string {
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, phone)
	return strings.TrimPrefix(digits, "00")
}

// forgetting is one run of Forget.
type forgetting struct {
	desk             *Desk
	digits           string
	bookings, visits []string // ids and keys
	standing         []string // references
	notices          map[string][]string
}

// stands reports whether the booking is still to come or takes place now.
func (f *forgetting) stands(b *booking.Booking) bool {
	return b.Status == booking.Confirmed && b.End > f.desk.cfg.Now().Unix()
}

// find gathers all that belongs to the person.
func (f *forgetting) find(ctx context.Context) error {
	mine := map[string]bool{}
	err := pages(ctx, f.desk.cfg.Store, func(r *store.Reader, after string) (string, int, error) {
		all, err := r.Persons(after, forgetPage)
		for _, p := range all {
			after = p.Booking
			if digitsOf(p.Phone) != f.digits {
				continue
			}
			b, err := r.Booking(p.Booking)
			if err != nil || b == nil {
				return after, 0, err
			}
			if f.stands(b) {
				f.standing = append(f.standing, b.Reference)
			}
			mine[p.Booking] = true
			f.bookings = append(f.bookings, p.Booking)
		}
		return after, len(all), err
	})
	if err != nil {
		return err
	}
	err = pages(ctx, f.desk.cfg.Store, func(r *store.Reader, after string) (string, int, error) {
		all, err := r.Visits(after, forgetPage)
		for _, v := range all {
			after = v.Key
			if digitsOf(v.Phone) == f.digits || v.Outcome != nil && mine[v.Outcome.Booking] {
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
			if mine[n.Booking] {
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
		v.Phone, v.Name = "", ""
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
