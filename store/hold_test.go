package store

import (
	"strings"
	"testing"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
)

// holdOf returns what a visit holds and the claim of it, beginning minutes after a day from created.
func holdOf(visit string, minutes int, until time.Time, resources ...string) (*Hold, booking.Claim) {
	start := created.AddDate(0, 0, 1).Unix() + int64(minutes)*60
	h := &Hold{Resources: resources, Service: "check", Start: start, Since: created, Until: until}
	return h, booking.Claim{Interval: calendar.Interval{Start: start, End: start + 1800}, Hold: visit, Until: until.Unix()}
}

// putHold has the visit hold h, nil for nothing.
func putHold(t *testing.T, s *Store, key string, h *Hold, c booking.Claim) {
	t.Helper()
	updateErr(t, s, func(tx *Tx) error {
		v, err := tx.Visit(key)
		if err != nil {
			return err
		}
		if v == nil {
			v = &Visit{Expires: created.Add(time.Hour)}
		}
		if err := tx.PutHold(key, v, h, c, created); err != nil {
			return err
		}
		tx.PutVisit(key, v)
		return nil
	})
}

// TestHold: a visit holds one time, on all of its resources or on none.
func TestHold(t *testing.T) {
	db, s := newClinic(t)
	before := len(claimsOf(t, s, "adams"))
	until := created.Add(5 * time.Minute)
	h, c := holdOf("v", 120, until, "adams", "baker")
	putHold(t, s, "v", h, c)
	for _, r := range []string{"adams", "baker"} {
		if got := claimsOf(t, s, r); got[len(got)-1] != c {
			t.Errorf("%s: %v", r, got)
		}
	}
	same(t, "findings", []string{}, lines(verifyAll(t, db, verifyResources)))

	h, c = holdOf("v", 180, until, "baker", "clark") // another choice
	putHold(t, s, "v", h, c)
	if got := claimsOf(t, s, "adams"); len(got) != before {
		t.Errorf("adams is still held: %v", got)
	}
	if got := claimsOf(t, s, "baker"); len(got) != 2 || got[1] != c {
		t.Errorf("baker: %v", got)
	}
	same(t, "clark", []booking.Claim{c}, claimsOf(t, s, "clark"))
	same(t, "findings", []string{}, lines(verifyAll(t, db, verifyResources)))

	other, oc := holdOf("w", 180, until, "baker") // somebody else's stays
	putHold(t, s, "w", other, oc)
	putHold(t, s, "v", nil, booking.Claim{})
	if got := claimsOf(t, s, "baker"); len(got) != 2 || got[1] != oc {
		t.Errorf("baker: %v", got)
	}
	if got := claimsOf(t, s, "clark"); len(got) != 0 {
		t.Errorf("clark: %v", got)
	}
	same(t, "findings", []string{}, lines(verifyAll(t, db, verifyResources)))
}

// TestEndedHold: what is over goes with the next change of the document, and is nothing before.
func TestEndedHold(t *testing.T) {
	db, s := newClinic(t)
	h, c := holdOf("v", 0, created, "adams") // where b1 is: it must not count
	putHold(t, s, "v", h, c)
	h, c = holdOf("w", 120, created, "clark")
	updateErr(t, s, func(tx *Tx) error {
		tx.PutClaims("clark", []booking.Claim{c})
		tx.PutVisit("w", &Visit{Expires: created, Hold: h})
		return nil
	})
	same(t, "findings", []string{}, lines(verifyAll(t, db, verifyResources)))
	insert(t, s, sold("b3", "clark", 300))
	same(t, "clark", []booking.Claim{sold("b3", "clark", 300).Claim()}, claimsOf(t, s, "clark"))
	same(t, "findings", []string{}, lines(verifyAll(t, db, verifyResources)))
}

// TestHolding counts the holds of one customer.
func TestHolding(t *testing.T) {
	s := newStore(t)
	customer := s.CustomerKey("491700000001")
	elsewhere := newStore(t).CustomerKey("491700000001")
	if strings.Contains(customer, "4917") || customer == s.CustomerKey("491700000002") || customer == elsewhere {
		t.Errorf("key %s", customer)
	}
	holding := func(visit string, now time.Time) (n int) {
		t.Helper()
		view(t, s, func(r *Reader) (err error) {
			n, err = r.Holding(customer, visit, now)
			return err
		})
		return n
	}
	for i, visit := range []string{"v1", "v2", "v3", "v1"} {
		updateErr(t, s, func(tx *Tx) error {
			return tx.PutHolding(customer, visit, created.Add(time.Duration(i+1)*time.Minute), created)
		})
	}
	for _, c := range []struct {
		visit string
		after time.Duration
		want  int
	}{
		{"", 0, 3}, {"v1", 0, 2}, {"v9", 0, 3}, {"", 2 * time.Minute, 2}, {"v1", 3 * time.Minute, 0},
		{"", 4 * time.Minute, 0},
	} {
		if got := holding(c.visit, created.Add(c.after)); got != c.want {
			t.Errorf("%q after %s: %d, want %d", c.visit, c.after, got, c.want)
		}
	}
	// What is over is forgotten with the next.
	updateErr(t, s, func(tx *Tx) error {
		return tx.PutHolding(customer, "v5", created.Add(time.Hour), created.Add(30*time.Minute))
	})
	if text := dump(t, s.db)[customer]; strings.Contains(text, "v1") || !strings.Contains(text, "v5") {
		t.Errorf("record %s", text)
	}
}
