package store

import (
	"strings"

	"slotd/internal/booking"
)

// PersonOf is who a booking is for.
type PersonOf struct {
	Booking string
	booking.Person
}

// Persons returns who bookings are for, in order of the ids of the bookings, after the one with the id after, at most
// limit.
func (r *Reader) Persons(after string, limit int) ([]PersonOf, error) {
	var out []PersonOf
	for item, err := range r.scan(prefixPerson, keyPerson(after)) {
		if err != nil {
			return nil, err
		}
		if len(out) == limit {
			break
		}
		id := strings.TrimPrefix(item.Key, prefixPerson)
		p, err := r.Person(id)
		if err != nil {
			return nil, err
		}
		out = append(out, PersonOf{id, p})
	}
	return out, nil
}

// VisitOf is a visit and its key.
type VisitOf struct {
	Key string
	Visit
}

// Visits returns visits in order of their keys, after the one with the key after, at most limit.
func (r *Reader) Visits(after string, limit int) ([]VisitOf, error) {
	var out []VisitOf
	for item, err := range r.scan(prefixVisit, keyVisit(after)) {
		if err != nil {
			return nil, err
		}
		if len(out) == limit {
			break
		}
		key := strings.TrimPrefix(item.Key, prefixVisit)
		v, err := r.Visit(key)
		if err != nil {
			return nil, err
		}
		out = append(out, VisitOf{key, *v})
	}
	return out, nil
}

// DeleteHolding forgets which visits of a customer hold time.
func (t *Tx) DeleteHolding(customer string) { t.tx.Delete(customer) }
