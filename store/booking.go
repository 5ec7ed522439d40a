package store

import (
	"fmt"
	"strings"
	"time"

	"slotd/internal/booking"
)

// Claims returns the claims on a resource, sorted by start.
func (g getter) Claims(resource string) ([]booking.Claim, error) {
	value, err := g.get(keyClaims(resource))
	if err != nil {
		return nil, err
	}
	return unpackClaims(value)
}

// Booking returns a booking; nil when there is none with the id.
func (g getter) Booking(id string) (*booking.Booking, error) {
	var r bookingRecord
	if found, err := g.record(keyBooking(id), &r); err != nil || !found {
		return nil, err
	}
	return r.booking(id), nil
}

// Person returns who a booking is for; the zero Person when nothing is known.
func (g getter) Person(bookingID string) (booking.Person, error) {
	var r personRecord
	if found, err := g.record(keyPerson(bookingID), &r); err != nil || !found {
		return booking.Person{}, err
	}
	return booking.Person{Name: r.Name, Phone: r.Phone, Email: r.Email, Notes: r.Notes, Answers: r.Answers}, nil
}

// BookingByReference returns the id of the booking that has the reference; "" when none has.
func (g getter) BookingByReference(reference string) (string, error) {
	value, err := g.get(keyRef(reference))
	return string(value), err
}

// InsertBooking writes a new booking with all that belongs to it: its person, its reference, its claims, and for each
// placement the indexes and an outbox mark that is due at once.
func (t *Tx) InsertBooking(b *booking.Booking, p booking.Person, now time.Time) error {
	t.PutPerson(b.ID, p)
	t.tx.Put(keyRef(b.Reference), []byte(b.ID))
	return t.ChangeBooking(nil, b, now)
}

// ChangeBooking writes a booking whose wanted state has changed, with all that follows from it: the claims on its resources,
// the index by day, for each new placement the index of our events, for each pending placement an outbox mark that is due at
// once, and the notices of what happened. was is the booking before the change, nil for a new one.
func (t *Tx) ChangeBooking(was, b *booking.Booking, now time.Time) error {
	for _, r := range b.Resources() {
		if err := t.claim(r, b, now.Unix()); err != nil {
			return err
		}
		if was != nil && keyDay(was.Start, r, b.ID) != keyDay(b.Start, r, b.ID) {
			t.tx.Delete(keyDay(was.Start, r, b.ID))
		}
		t.tx.Put(keyDay(b.Start, r, b.ID), []byte{})
	}
	for i, p := range b.Placements {
		if was == nil || i >= len(was.Placements) {
			t.PutOwn(OwnEvent{Calendar: p.Calendar, Identity: p.Identity, EventID: p.Event.ID, Booking: b.ID, Placement: i})
		}
		if p.Status != booking.Pending {
			continue
		}
		if err := t.markNow(was, b, i, now); err != nil {
			return err
		}
	}
	t.PutBooking(b)
	return nil
}

// PutBooking writes a booking of which only what is known of its events has changed, and the notices of what is new in its
// history. See ChangeBooking for all else.
func (t *Tx) PutBooking(b *booking.Booking) {
	for entry := b.Stored; entry < len(b.History); entry++ {
		t.notify(b, entry)
	}
	b.Stored = len(b.History)
	t.put(keyBooking(b.ID), toBookingRecord(b))
}

// PutPerson writes who a booking is for.
func (t *Tx) PutPerson(bookingID string, p booking.Person) {
	t.put(keyPerson(bookingID), personRecord{
		V: recordVersion, Name: p.Name, Phone: p.Phone, Email: p.Email, Notes: p.Notes, Answers: p.Answers,
	})
}

// BookingIDs returns the ids of the bookings that start on the UTC days from the one of from to the one of until, in order
// of day, at most limit. They come from an index: read each booking to be sure.
func (r *Reader) BookingIDs(from, until time.Time, limit int) ([]string, error) {
	var ids []string
	seen := map[string]bool{}
	last := until.UTC().Format(time.DateOnly)
	after := prefixDay + from.UTC().Format(time.DateOnly) // sorts before every key of its own day
	for item, err := range r.scan(prefixDay, after) {
		if err != nil {
			return nil, err
		}
		parts := strings.Split(strings.TrimPrefix(item.Key, prefixDay), "/")
		if len(parts) != 3 {
			return nil, fmt.Errorf("read day: %w", errCorrupt)
		}
		if parts[0] > last || len(ids) == limit {
			break
		}
		if id := parts[2]; !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	return ids, nil
}
