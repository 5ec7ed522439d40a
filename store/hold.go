package store

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"time"

	"slotd/internal/booking"
)

// Hold is the time that a visit holds until its customer confirms: one claim on each of its resources.
type Hold struct {
	// Resources that are held; the first is the one that the customer gets.
	Resources []string
	Service   string
	Start     int64 // Unix seconds
	// Since is when the visit began to hold this time, Until when the hold ends.
	Since, Until time.Time
}

type holdRecord struct {
	Resources []string  `json:"resources"`
	Service   string    `json:"service"`
	Start     int64     `json:"start"`
	Since     time.Time `json:"since"`
	Until     time.Time `json:"until"`
}

// PutHold makes the visit under key hold h, which is one claim on each of its resources; nil releases what it held. It changes
// v, and the caller writes it by PutVisit.
func (t *Tx) PutHold(key string, v *Visit, h *Hold, claim booking.Claim, now time.Time) error {
	resources := []string{}
	if v.Hold != nil {
		resources = v.Hold.Resources
	}
	if h != nil {
		resources = append(slices.Clone(resources), h.Resources...)
	}
	for _, r := range slices.Compact(slices.Sorted(slices.Values(resources))) {
		err := t.changeClaims(r, now.Unix(), func(claims []booking.Claim) []booking.Claim {
			claims = booking.WithoutHold(claims, key)
			if h != nil && slices.Contains(h.Resources, r) {
				claims = booking.AddClaims(claims, claim)
			}
			return claims
		})
		if err != nil {
			return err
		}
	}
	v.Hold = h
	return nil
}

// holders counts the holds of one customer, so that nobody can hold a whole calendar.
type holdersRecord struct {
	V     int              `json:"v"`
	Until map[string]int64 `json:"until"` // key of the visit → when its hold ends, in Unix seconds
}

func (r *holdersRecord) version() int { return r.V }

// Holding returns how many visits of the customer other than the given one hold time at now.
func (g getter) Holding(customer, visit string, now time.Time) (int, error) {
	var r holdersRecord
	if _, err := g.record(customer, &r); err != nil {
		return 0, err
	}
	n := 0
	for key, until := range r.Until {
		if key != visit && booking.Holds(until, now.Unix()) {
			n++
		}
	}
	return n, nil
}

// PutHolding counts the visit's hold for the customer until the given time, and forgets those that are over: also the visit's
// own when until is now.
func (t *Tx) PutHolding(customer, visit string, until, now time.Time) error {
	var r holdersRecord
	if _, err := t.record(customer, &r); err != nil {
		return err
	}
	if r.Until == nil {
		r.Until = map[string]int64{}
	}
	r.Until[visit] = until.Unix()
	next := holdersRecord{V: recordVersion, Until: map[string]int64{}}
	for key, u := range r.Until {
		if booking.Holds(u, now.Unix()) {
			next.Until[key] = u
		}
	}
	t.put(customer, next)
	return nil
}

// CustomerKey returns the name under which the holds of a customer are counted. It does not show the phone number.
func (s *Store) CustomerKey(phone string) string {
	sum := sha256.Sum256([]byte(s.id + "/" + phone))
	return prefixHolders + base64.RawURLEncoding.EncodeToString(sum[:])
}
