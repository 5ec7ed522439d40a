package store

import (
	"context"
	"strings"
	"time"

	"slotd/internal/booking"
	"slotd/store/kv"
)

// VerifyComing is the quick form of Verify, for a store in use: it reads the bookings of today and later, what belongs
// to them alone, all claims, marks and mirrors, and leaves out what is past. Its work grows with what is to come, not
// with the years. It ends with the error of ctx.
func (s *Store) VerifyComing(ctx context.Context, o VerifyOptions) (Report, error) {
	v := newVerifier(o)
	err := s.db.View(ctx, func(r kv.Reader) error {
		*v = *newVerifier(o)
		c := coming{verifier: v, get: r.Get}
		// The days come first, and lead to the bookings with which all else is compared.
		day := prefixDay + time.Unix(v.now, 0).UTC().Format(time.DateOnly)
		n := 0
		for item, err := range r.Scan(prefixDay, day) {
			id := item.Key[strings.LastIndexByte(item.Key, '/')+1:]
			if err == nil {
				err = c.load(id)
			}
			if err != nil {
				return err
			}
			if c.bookings[id] == nil {
				v.record(item)
			}
			if n++; n%100 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
		}
		for _, prefix := range []string{prefixClaims, prefixOutbox, prefixDue, prefixBusy, prefixMirror} {
			if err := each(ctx, r, prefix, c.record); err != nil {
				return err
			}
		}
		return c.err
	})
	if err != nil {
		return Report{}, err
	}
	v.finish()
	return v.report, nil
}

// coming reads what belongs to the records that it meets.
type coming struct {
	*verifier
	get func(string) ([]byte, error)
	err error // of the engine
}

// record checks a record, with the bookings and visits that it names.
func (c *coming) record(item kv.Item) {
	kind, rest, _ := strings.Cut(item.Key, "/")
	var err error
	switch kind + "/" {
	case prefixClaims:
		claims, bad := unpackClaims(item.Value) // a damaged one becomes a finding below
		for _, claim := range claims {
			if bad == nil && err == nil {
				err = c.loadOf(claim)
			}
		}
	case prefixOutbox:
		id, _, _ := strings.Cut(rest, "/")
		err = c.load(id)
	case prefixBusy:
		if b, bad := unpackBusy(item.Value); bad == nil {
			for _, o := range b.Own {
				if err == nil {
					err = c.load(o.Booking)
				}
			}
		}
	}
	if err != nil && c.err == nil {
		c.err = err
	}
	c.verifier.record(item)
}

// loadOf loads whose claim it is.
func (c *coming) loadOf(claim booking.Claim) error {
	if claim.Hold != "" {
		return c.check(keyVisit(claim.Hold))
	}
	return c.load(claim.Booking)
}

// load loads a booking, unless it was, and checks what belongs to it alone.
func (c *coming) load(id string) error {
	if _, known := c.bookings[id]; known {
		return nil
	}
	value, err := c.get(keyBooking(id))
	if err != nil || value == nil {
		return err
	}
	c.loadBooking(kv.Item{Key: keyBooking(id), Value: value})
	c.report.Records[kindOf(prefixBooking)]++
	b := c.bookings[id].Booking
	if b == nil {
		return nil
	}
	keys := []string{keyPerson(id), keyRef(b.Reference)}
	for _, p := range b.Placements {
		keys = append(keys, keyOwn(p.Calendar, p.Identity))
	}
	for _, resource := range b.Resources() {
		keys = append(keys, keyDay(b.Start, resource, id))
	}
	for _, key := range keys {
		if err := c.check(key); err != nil {
			return err
		}
	}
	return nil
}

// check checks the record under a key, if there is one.
func (c *coming) check(key string) error {
	value, err := c.get(key)
	if err == nil && value != nil {
		c.verifier.record(kv.Item{Key: key, Value: value})
	}
	return err
}
