package store

import (
	"context"
	"maps"
	"slices"
	"time"

	"slotd/internal/booking"
)

// claimsCache are the claims documents that one run of an Update works on. Several changes of one transaction can concern one
// document, and a transaction does not see its own writes; so each is read once and written once, at the end.
type claimsCache map[string]*claimsEntry

type claimsEntry struct {
	claims  []booking.Claim
	changed bool
}

// Claims returns the claims on a resource, sorted by start, with what this run has changed. The caller must not change them.
func (t *Tx) Claims(resource string) ([]booking.Claim, error) {
	e, err := t.claimsOn(resource)
	if err != nil {
		return nil, err
	}
	return e.claims, nil
}

func (t *Tx) claimsOn(resource string) (*claimsEntry, error) {
	if e := t.claims[resource]; e != nil {
		return e, nil
	}
	claims, err := t.getter.Claims(resource)
	if err != nil {
		return nil, err
	}
	if t.claims == nil {
		t.claims = claimsCache{}
	}
	e := &claimsEntry{claims: claims}
	t.claims[resource] = e
	return e, nil
}

// changeClaims replaces the claims on a resource by what change makes of a copy of them, without those that cannot matter
// any more at now, in Unix seconds.
func (t *Tx) changeClaims(resource string, now int64, change func([]booking.Claim) []booking.Claim) error {
	e, err := t.claimsOn(resource)
	if err != nil {
		return err
	}
	e.claims = booking.WithoutPast(change(slices.Clone(e.claims)), now)
	e.changed = true
	return nil
}

// PutClaims replaces the claims on a resource; they must be sorted by start. It is for repairs and tests: InsertBooking,
// ChangeBooking and the holds keep claims themselves.
func (t *Tx) PutClaims(resource string, claims []booking.Claim) {
	if t.claims == nil {
		t.claims = claimsCache{}
	}
	t.claims[resource] = &claimsEntry{claims: claims, changed: true}
}

// Reclaim gives a booking the claims that follow from it: while the host's clock was far ahead, they could look past and go,
// and those of an older form do not say their service. It changes nothing else.
func (s *Store) Reclaim(ctx context.Context, id string, now time.Time) error {
	return s.Update(ctx, func(tx *Tx) error {
		b, err := tx.Booking(id)
		if err != nil || b == nil {
			return err
		}
		for _, r := range b.Resources() {
			if err := tx.claim(r, b, now.Unix()); err != nil {
				return err
			}
		}
		return nil
	})
}

// flushClaims writes the documents that changed, in a fixed order.
func (t *Tx) flushClaims() {
	for _, resource := range slices.Sorted(maps.Keys(t.claims)) {
		if e := t.claims[resource]; e.changed {
			t.tx.Put(keyClaims(resource), packClaims(e.claims))
		}
	}
}

// claim makes the claims on a resource those that the booking has there now. Only the claims of a booking can be changed by
// this, so that they always follow from it.
func (t *Tx) claim(resource string, b *booking.Booking, now int64) error {
	return t.changeClaims(resource, now, func(claims []booking.Claim) []booking.Claim {
		return booking.AddClaims(booking.WithoutBooking(claims, b.ID), b.Claims(resource)...)
	})
}
