package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/store/kv"
	"slotd/store/kv/bolt"
)

var created = time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)

// newDB returns an empty engine, and the path of its file.
func newDB(t *testing.T) (*bolt.DB, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "slotd.db")
	if err := bolt.Create(path); err != nil {
		t.Fatal(err)
	}
	return openDB(t, path), path
}

func openDB(t *testing.T, path string) *bolt.DB {
	t.Helper()
	db, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func newStore(t *testing.T) *Store {
	t.Helper()
	db, _ := newDB(t)
	return create(t, db)
}

func create(t *testing.T, db kv.DB) *Store {
	t.Helper()
	if err := Create(t.Context(), db, created); err != nil {
		t.Fatal(err)
	}
	return open(t, db)
}

func open(t *testing.T, db kv.DB) *Store {
	t.Helper()
	s, err := Open(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func update(t *testing.T, s *Store, fn func(*Tx)) {
	t.Helper()
	if err := s.Update(t.Context(), func(tx *Tx) error { fn(tx); return nil }); err != nil {
		t.Fatal(err)
	}
}

func view(t *testing.T, s *Store, fn func(*Reader) error) {
	t.Helper()
	if err := s.View(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// put writes raw bytes, as another version of slotd might have.
func put(t *testing.T, db kv.DB, key, value string) {
	t.Helper()
	err := db.Update(t.Context(), func(tx kv.Tx) error { tx.Put(key, []byte(value)); return nil })
	if err != nil {
		t.Fatal(err)
	}
}

// dump returns every key and value of the engine.
func dump(t *testing.T, db kv.DB) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := db.View(t.Context(), func(r kv.Reader) error {
		for item, err := range r.Scan("", "") {
			if err != nil {
				return err
			}
			out[item.Key] = string(item.Value)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// keys returns the sorted keys below the prefixes.
func keys(t *testing.T, s *Store, prefixes ...string) []string {
	t.Helper()
	out := []string{}
	for key := range dump(t, s.db) {
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(key, p) }) {
			out = append(out, key)
		}
	}
	slices.Sort(out)
	return out
}

func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: want −, got +:\n%s", what, diff)
	}
}

func TestCreateAndOpen(t *testing.T) {
	db, _ := newDB(t)
	if _, err := Open(t.Context(), db); !errors.Is(err, ErrNotInitialized) {
		t.Fatalf("opening an empty engine: %v", err)
	}
	s := create(t, db)
	if len(s.ID()) != 26 || s.ID() != strings.ToLower(s.ID()) {
		t.Errorf("id %q", s.ID())
	}
	if err := Create(t.Context(), db, created); err == nil {
		t.Error("a store was created over another")
	}
	if again := open(t, db); again.ID() != s.ID() {
		t.Errorf("the id changed from %s to %s", s.ID(), again.ID())
	}
}

func TestNewIDIsUnique(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		seen[NewID()] = true
	}
	if len(seen) != 1000 {
		t.Errorf("%d different ids of 1000", len(seen))
	}
}

// TestNewerForms: what a newer slotd wrote is refused as such, also where a field has become something else.
func TestNewerForms(t *testing.T) {
	read := map[string]func(*Reader) error{
		"booking/b":     func(r *Reader) error { _, err := r.Booking("b"); return err },
		"person/b":      func(r *Reader) error { _, err := r.Person("b"); return err },
		"mirror/clinic": func(r *Reader) error { _, _, err := r.Mirror("clinic"); return err },
		"visit/v":       func(r *Reader) error { _, err := r.Visit("v"); return err },
		"outbox/b/0":    func(r *Reader) error { _, _, err := r.Mark(OutboxID{"b", 0}); return err },
		"own/clinic/i":  func(r *Reader) error { _, err := r.OwnEvents("clinic"); return err },
	}
	newer := []string{
		`{"v":2}`,
		`{"v":2,"reference":{"code":"x"},"name":["a","b"],"cursor":7,"phone":{},"since":1,"booking":{}}`,
		`{"v":2,"since":"tomorrow","expires":"tomorrow","read_at":"tomorrow","created":"tomorrow"}`,
	}
	for key, fn := range read {
		for _, value := range newer {
			s := newStore(t)
			put(t, s.db, key, value)
			if err := s.View(t.Context(), fn); !errors.Is(err, ErrNewer) {
				t.Errorf("%s = %s: %v", key, value, err)
			}
		}
		for _, value := range []string{"", "{", "null", "{}", `{"v":0}`, `{"v":"1"}`} {
			s := newStore(t)
			put(t, s.db, key, value)
			if err := s.View(t.Context(), fn); !errors.Is(err, errCorrupt) {
				t.Errorf("%s = %q: %v", key, value, err)
			}
		}
	}
	packed := map[string]func(*Reader) error{
		"busy/clinic":  func(r *Reader) error { _, err := r.Busy("clinic"); return err },
		"claims/adams": func(r *Reader) error { _, err := r.Claims("adams"); return err },
	}
	for key, fn := range packed {
		s := newStore(t)
		put(t, s.db, key, "\x09anything")
		if err := s.View(t.Context(), fn); !errors.Is(err, ErrNewer) {
			t.Errorf("%s: %v", key, err)
		}
		put(t, s.db, key, "")
		if err := s.View(t.Context(), fn); !errors.Is(err, errCorrupt) {
			t.Errorf("%s, empty: %v", key, err)
		}
	}
	for _, key := range []string{"meta", "checked/clinic"} {
		s := newStore(t)
		put(t, s.db, key, `{"v":2,"id":7,"at":"tomorrow"}`)
		if _, err := Open(t.Context(), s.db); !errors.Is(err, ErrNewer) {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// TestErrorsNameNobody: an error about a record tells its kind and nothing that is in it.
func TestErrorsNameNobody(t *testing.T) {
	s := newStore(t)
	put(t, s.db, "person/b", `{"v":1,"name":15550100,"phone":15550100}`)
	err := s.View(t.Context(), func(r *Reader) error { _, err := r.Person("b"); return err })
	if err == nil || !strings.Contains(err.Error(), "person") || strings.Contains(err.Error(), "15550100") {
		t.Errorf("got %v", err)
	}
}

func TestUpdateErrorWritesNothing(t *testing.T) {
	s := newStore(t)
	before := dump(t, s.db)
	boom := errors.New("boom")
	err := s.Update(t.Context(), func(tx *Tx) error {
		return errors.Join(tx.InsertBooking(newBooking("b1"), booking.Person{Name: "Ann Example"}, created), boom)
	})
	if !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
	// A record that cannot be encoded fails the Update, too, and never writes half of it.
	err = s.Update(t.Context(), func(tx *Tx) error {
		b := newBooking("b2")
		b.Created = time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)
		return tx.InsertBooking(b, booking.Person{}, created)
	})
	if err == nil || !strings.Contains(err.Error(), "encode booking") {
		t.Errorf("got %v", err)
	}
	same(t, "store", before, dump(t, s.db))
}

// insertNew writes a new booking.
func insertNew(t *testing.T, s *Store, b *booking.Booking, p booking.Person) {
	t.Helper()
	updateErr(t, s, func(tx *Tx) error { return tx.InsertBooking(b, p, created) })
}

// updateErr is update for what can fail.
func updateErr(t *testing.T, s *Store, fn func(*Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// newBooking returns a booking with a doctor, which is to be written, and a room, which was seen.
func newBooking(id string) *booking.Booking {
	start := time.Date(2026, 6, 10, 9, 0, 0, 0, time.UTC).Unix()
	return &booking.Booking{
		ID: id, Reference: "REF-" + id, Version: 1, Status: booking.Confirmed, Service: "checkup", Department: "d",
		Resource: "adams",
		Interval: calendar.Interval{Start: start, End: start + 1800}, Before: 300, After: 600, Created: created,
		Placements: []booking.Placement{
			{Resource: "adams", Calendar: "clinic/adams@example.com", Identity: id + "-0", Attempt: 1, Status: booking.Pending},
			{
				Resource: "room", Calendar: "clinic/AAMk/ro%om=", Identity: id + "/1", Attempt: 2, Status: booking.Seen, Reason: "r",
				Event: calendar.Written{ID: "e/1", ETag: `W/"1"`, Interval: calendar.Interval{Start: 1, End: 2}, Version: 1},
			},
		},
	}
}

func TestInsertBooking(t *testing.T) {
	s := newStore(t)
	before := dump(t, s.db)
	b := newBooking("b1")
	person := booking.Person{
		Name: "Ann Example", Phone: "15550100", Email: "ann@example.com", Notes: "second floor",
		Answers: map[string]string{"birthday": "yes"},
	}
	insertNew(t, s, b, person)
	after := dump(t, s.db)
	maps.DeleteFunc(after, func(key, _ string) bool { _, old := before[key]; return old })
	due := fmt.Sprintf("due/%012d/outbox/b1/", created.Unix())
	same(t, "keys", []string{
		"booking/b1", "claims/adams", "claims/room",
		"day/2026-06-10/adams/b1", "day/2026-06-10/room/b1",
		due + "0",
		"outbox/b1/0",
		"own/clinic%2FAAMk%2Fro%25om=/b1%2F1", "own/clinic%2Fadams@example.com/b1-0",
		"person/b1", "ref/REF-b1",
	}, slices.Sorted(maps.Keys(after)))

	view(t, s, func(r *Reader) error {
		got, err := r.Booking("b1")
		same(t, "booking", b, got)
		p, err1 := r.Person("b1")
		same(t, "person", person, p)
		taken, err2 := r.BookingByReference("REF-b1")
		free, err3 := r.BookingByReference("REF-b2")
		if taken != "b1" || free != "" {
			t.Errorf("the reference is of %q, another of %q", taken, free)
		}
		claims, err4 := r.Claims("adams")
		same(t, "claims", []booking.Claim{b.Claim()}, claims)
		return errors.Join(err, err1, err2, err3, err4)
	})
	verify(t, s)

	b.SetConflict(0, true, created)
	b.SetAside(0, "no room", created)
	update(t, s, func(tx *Tx) { tx.PutBooking(b) })
	view(t, s, func(r *Reader) error {
		got, err := r.Booking("b1")
		same(t, "changed booking", b, got)
		return err
	})
}

// verify checks the indexes both ways: what the records ask for is there, and nothing else is.
func verify(t *testing.T, s *Store) {
	t.Helper()
	all := dump(t, s.db)
	want := map[string]bool{}
	view(t, s, func(r *Reader) error {
		for key := range all {
			if id, ok := strings.CutPrefix(key, prefixBooking); ok {
				b, err := r.Booking(id)
				if err != nil {
					return err
				}
				want[keyRef(b.Reference)] = true
				for _, p := range b.Placements {
					want[keyDay(b.Start, p.Resource, id)] = true
					want[keyOwn(p.Calendar, p.Identity)] = true
				}
				for i := range b.Placements {
					m, found, err := r.Mark(OutboxID{id, i})
					if err != nil {
						return err
					}
					if found {
						want[dueKeyOf(m)] = true
					}
				}
			}
		}
		return nil
	})
	same(t, "index keys", slices.Sorted(maps.Keys(want)), keys(t, s, prefixRef, prefixDay, prefixOwn, prefixDue))
}

func TestAbsent(t *testing.T) {
	s := newStore(t)
	view(t, s, func(r *Reader) error {
		b, err := r.Booking("x")
		p, err1 := r.Person("x")
		c, err2 := r.Claims("x")
		busy, err3 := r.Busy("x/y")
		_, mirrored, err4 := r.Mirror("x/y")
		_, marked, err5 := r.Mark(OutboxID{"x", 0})
		v, err6 := r.Visit("x")
		own, err7 := r.OwnEvents("x/y")
		due, err8 := r.DueMarks(10)
		if b != nil || p.Name != "" || c != nil || busy != nil || mirrored || marked || v != nil || own != nil || due != nil {
			t.Error("something is there that nobody wrote")
		}
		return errors.Join(err, err1, err2, err3, err4, err5, err6, err7, err8)
	})
	if !s.Checked("x/y").IsZero() {
		t.Error("a calendar that was never read is fresh")
	}
}

func TestBookingIDs(t *testing.T) {
	s := newStore(t)
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 6, day, hour, minute, 0, 0, time.UTC) }
	for id, start := range map[string]time.Time{
		"first": at(9, 23, 59), "second": at(10, 0, 0), "third": at(10, 23, 59), "last": at(12, 12, 0),
	} {
		b := newBooking(id)
		b.Interval = calendar.Interval{Start: start.Unix(), End: start.Unix() + 1800}
		insertNew(t, s, b, booking.Person{})
	}
	east := time.FixedZone("east", 14*60*60)
	tests := []struct {
		from, until time.Time
		limit       int
		want        []string
	}{
		{at(9, 0, 0), at(12, 0, 0), 10, []string{"first", "second", "third", "last"}},
		{at(10, 23, 0), at(10, 0, 0), 10, []string{"second", "third"}}, // whole days
		{at(11, 0, 0), at(11, 0, 0), 10, nil},
		{at(11, 0, 0), at(30, 0, 0), 10, []string{"last"}},
		{at(9, 0, 0), at(12, 0, 0), 2, []string{"first", "second"}},
		{at(9, 0, 0), at(12, 0, 0), 0, nil},
		{at(10, 9, 0).In(east), at(10, 9, 0).In(east), 10, []string{"second", "third"}},
		{at(13, 0, 0), at(8, 0, 0), 10, nil},
	}
	for _, tt := range tests {
		view(t, s, func(r *Reader) error {
			got, err := r.BookingIDs(tt.from, tt.until, tt.limit)
			same(t, fmt.Sprintf("from %s until %s", tt.from, tt.until), tt.want, got)
			return err
		})
	}
	verify(t, s)
}

// TestReopen: all that was acknowledged is there when the file is opened again.
func TestReopen(t *testing.T) {
	db, path := newDB(t)
	s := create(t, db)
	insertNew(t, s, newBooking("b1"), booking.Person{Name: "Ann Example"})
	s.MarkChecked("clinic/a", created)
	if err := s.FlushChecked(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.MarkChecked("clinic/a", created.Add(time.Hour)) // and is not flushed
	if err := s.SaveToken(t.Context(), "clinic", []byte("sealed")); err != nil {
		t.Fatal(err)
	}
	before := dump(t, db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Update(t.Context(), func(*Tx) error { return nil }); !errors.Is(err, kv.ErrClosed) {
		t.Errorf("an Update after Close: %v", err)
	}
	again := open(t, openDB(t, path))
	same(t, "store", before, dump(t, again.db))
	if again.ID() != s.ID() || !again.Checked("clinic/a").Equal(created) {
		t.Errorf("id %s, checked %s", again.ID(), again.Checked("clinic/a"))
	}
	token, err := again.LoadToken(t.Context(), "clinic")
	if string(token) != "sealed" || err != nil {
		t.Errorf("token %q, %v", token, err)
	}
	verify(t, again)
}

func TestCancelledContext(t *testing.T) {
	s := newStore(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.SaveToken(ctx, "clinic", []byte("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if token, err := s.LoadToken(t.Context(), "clinic"); token != nil || err != nil {
		t.Errorf("token %q, %v", token, err)
	}
}
