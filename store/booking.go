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

// PutClaims replaces the claims on a resource; they must be sorted by start.
func (t *Tx) PutClaims(resource string, claims []booking.Claim) {
	t.tx.Put(keyClaims(resource), packClaims(claims))
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

// ReferenceTaken reports whether a booking has the reference already.
func (g getter) ReferenceTaken(reference string) (bool, error) {
	value, err := g.get(keyRef(reference))
	return value != nil, err
}

// InsertBooking writes a new booking with all that belongs to it: its person, its reference, and for each placement the
// indexes and an outbox mark that is due at once.
func (t *Tx) InsertBooking(b *booking.Booking, p booking.Person, now time.Time) {
	t.put(keyPerson(b.ID), personRecord{
		V: recordVersion, Name: p.Name, Phone: p.Phone, Email: p.Email, Notes: p.Notes, Answers: p.Answers,
	})
	t.tx.Put(keyRef(b.Reference), []byte(b.ID))
	for i, pl := range b.Placements {
		t.PutOwn(OwnEvent{Calendar: pl.Calendar, Identity: pl.Identity, Booking: b.ID, Placement: i})
		t.tx.Put(keyDay(b.Start, pl.Resource, b.ID), []byte{})
		t.PutMark(nil, Mark{OutboxID: OutboxID{b.ID, i}, Since: now, Next: now})
	}
	t.PutBooking(b)
}

// PutBooking writes a changed booking. Its start and its placements' resources must not have changed: the day index
// belongs to them.
func (t *Tx) PutBooking(b *booking.Booking) { t.put(keyBooking(b.ID), toBookingRecord(b)) }

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
