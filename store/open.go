package store

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"time"
)

// openRecord lists the bookings of one customer that are to come. It is kept where a rule asks who has one, and written by
// the confirm alone: what was cancelled or is over since may still be in it, so each booking is read.
type openRecord struct {
	V        int      `json:"v"`
	Bookings []string `json:"bookings"`
}

func (r *openRecord) version() int { return r.V }

// listedRecord says that all bookings to come are listed under their customers.
type listedRecord struct {
	V  int       `json:"v"`
	At time.Time `json:"at"`
}

func (r *listedRecord) version() int { return r.V }

// OpenKey returns the name under which the bookings to come of a customer are listed, made of the digits of the phone number.
// It does not show them. A number that was only typed into a form names another customer than one that the token knows:
// nobody can take a place in somebody else's name.
func (s *Store) OpenKey(digits string, typed bool) string {
	of := "/known/"
	if typed {
		of = "/typed/"
	}
	sum := sha256.Sum256([]byte(s.id + of + digits))
	return prefixOpen + base64.RawURLEncoding.EncodeToString(sum[:])
}

// OpenBookings returns the ids that are listed for a customer. Some may be of bookings that are over, cancelled or gone.
func (g getter) OpenBookings(customer string) ([]string, error) {
	var r openRecord
	if _, err := g.record(customer, &r); err != nil {
		return nil, err
	}
	return r.Bookings, nil
}

// PutOpenBookings lists bookings for a customer in place of those that were.
func (t *Tx) PutOpenBookings(customer string, ids []string) {
	if len(ids) == 0 {
		t.tx.Delete(customer)
		return
	}
	t.put(customer, openRecord{V: recordVersion, Bookings: ids})
}

// DropOpenBooking takes a booking off the list of a customer, if it is on it.
func (t *Tx) DropOpenBooking(customer, booking string) error {
	ids, err := t.OpenBookings(customer)
	if err != nil || !slices.Contains(ids, booking) {
		return err
	}
	t.PutOpenBookings(customer, slices.DeleteFunc(ids, func(id string) bool { return id == booking }))
	return nil
}

// OpenListed reports whether all bookings to come are listed under their customers.
func (g getter) OpenListed() (bool, error) {
	var r listedRecord
	return g.record(keyListed, &r)
}

// PutOpenListed records that they are, since at.
func (t *Tx) PutOpenListed(at time.Time) {
	t.put(keyListed, listedRecord{V: recordVersion, At: at.UTC()})
}

// DeleteOpenListed records that nobody lists them any more.
func (t *Tx) DeleteOpenListed() { t.tx.Delete(keyListed) }
