package store

import (
	"strings"
	"testing"
	"time"

	"slotd/internal/booking"
)

func TestVisit(t *testing.T) {
	s := newStore(t)
	const token = "Flow-Token-7d0c1c52a1"
	key := VisitKey(token)
	if key != VisitKey(token) || key == VisitKey(token+" ") || strings.ContainsAny(key, "/%") {
		t.Errorf("key %q", key)
	}
	v := &Visit{Known: true, Phone: "15550100", Name: "Ann Example", Zone: "Asia/Tokyo", Expires: created.Add(time.Hour)}
	update(t, s, func(tx *Tx) { tx.PutVisit(key, v) })
	visit := func() (got *Visit) {
		view(t, s, func(r *Reader) error {
			var err error
			got, err = r.Visit(key)
			return err
		})
		return got
	}
	same(t, "visit", v, visit())

	v.Hold = &Hold{
		Resources: []string{"adams", "room"}, Service: "checkup", Start: 7, Since: created, Until: created.Add(5 * time.Minute),
	}
	update(t, s, func(tx *Tx) { tx.PutVisit(key, v) })
	same(t, "visit that holds", v, visit())

	v.Hold = nil
	v.Outcome = &Outcome{Request: "print", Answer: []byte("{\"screen\":\"SUCCESS\"}\x00\xff"), Booking: "b1", At: created}
	updateErr(t, s, func(tx *Tx) error {
		tx.PutVisit(key, v)
		return tx.InsertBooking(newBooking("b1"), booking.Person{Phone: "15550100"}, created)
	})
	same(t, "spent visit", v, visit())
	for k, value := range dump(t, s.db) {
		if strings.Contains(k, token) || strings.Contains(value, token) {
			t.Errorf("the token can be read under %q", k)
		}
	}
}

func TestToken(t *testing.T) {
	s := newStore(t)
	load := func(account string) []byte {
		t.Helper()
		token, err := s.LoadToken(t.Context(), account)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	if load("clinic") != nil {
		t.Error("a token that nobody saved")
	}
	for _, want := range []string{"first", "second\x00", ""} {
		token := []byte(want)
		if err := s.SaveToken(t.Context(), "clinic", token); err != nil {
			t.Fatal(err)
		}
		clear(token) // the caller may use its bytes again
		if got := load("clinic"); string(got) != want || got == nil {
			t.Errorf("token %q, want %q", got, want)
		}
	}
	if load("clini") != nil || load("clinic2") != nil {
		t.Error("another account has the token")
	}
	first := load("clinic")
	if err := s.SaveToken(t.Context(), "clinic", []byte("x")); err != nil || len(first) != 0 {
		t.Errorf("a loaded token changed to %q, %v", first, err)
	}
}
