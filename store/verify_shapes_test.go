package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/store/kv"
)

// putRaw writes a booking as it is, without what follows from it.
func putRaw(t *testing.T, s *Store, id string, fn func(*booking.Booking)) {
	t.Helper()
	updateErr(t, s, func(tx *Tx) error {
		b, err := tx.Booking(id)
		if err != nil {
			return err
		}
		fn(b)
		tx.PutBooking(b)
		return nil
	})
}

// addClaims adds to the claims on a resource what nothing else tells of.
func addClaims(t *testing.T, s *Store, resource string, more ...booking.Claim) {
	t.Helper()
	updateErr(t, s, func(tx *Tx) error {
		claims, err := tx.Claims(resource)
		tx.PutClaims(resource, booking.AddClaims(append([]booking.Claim{}, claims...), more...))
		return err
	})
}

// TestVerifyFindsWrongShapes has faults of holds, of time that was left, and of histories.
func TestVerifyFindsWrongShapes(t *testing.T) {
	later := created.Add(5 * time.Minute)
	hold, held := holdOf("v", 300, later, "adams", "clark")
	wrong := held
	wrong.Until++
	left := booking.Claim{Interval: appointment("b3", 300, "adams").Interval, Booking: "b3", Left: true}
	cancelled := func(t *testing.T, s *Store) {
		insertNew(t, s, appointment("b3", 300, "baker"), booking.Person{})
		changed(t, s, "b3", func(b *booking.Booking) {
			if err := b.Cancel(act(booking.ByCustomer)); err != nil {
				t.Fatal(err)
			}
		})
	}
	history := func(change func(*booking.Booking)) func(*testing.T, *Store) {
		return func(t *testing.T, s *Store) {
			insertNew(t, s, appointment("b3", 300, "baker"), booking.Person{})
			putRaw(t, s, "b3", change)
		}
	}
	for _, c := range []struct {
		name  string
		plant func(*testing.T, *Store)
		want  []string
	}{
		{"held by nobody", func(t *testing.T, s *Store) { addClaims(t, s, "clark", held) },
			[]string{"claims clark: time is held that no flow token holds"}},
		{"held for longer", func(t *testing.T, s *Store) {
			putHold(t, s, "v", hold, held)
			updateErr(t, s, func(tx *Tx) error { tx.PutClaims("clark", []booking.Claim{wrong}); return nil })
		}, []string{"claims clark: time is held that no flow token holds"}},
		{"not claimed", func(t *testing.T, s *Store) {
			putHold(t, s, "v", hold, held)
			updateErr(t, s, func(tx *Tx) error { tx.PutClaims("clark", nil); return nil })
		}, []string{"claims clark: a flow token holds time that is not in the claims"}},
		{"held twice", func(t *testing.T, s *Store) {
			putHold(t, s, "v", hold, held)
			addClaims(t, s, "clark", held)
		}, []string{"claims clark: a hold has more than one claim on the resource"}},
		{"held and sold", func(t *testing.T, s *Store) {
			h, c := holdOf("v", 0, later, "adams")
			putHold(t, s, "v", h, c)
		}, []string{"claims adams: the claim overlaps that of booking b1, and the resource takes 1 at a time"}},
		{"two holds of a shared calendar", func(t *testing.T, s *Store) {
			h, c := holdOf("v", 300, later, "adams")
			putHold(t, s, "v", h, c)
			h, c = holdOf("w", 310, later, "clark")
			putHold(t, s, "w", h, c)
		}, []string{"claims clark: the claim overlaps that of a hold on adams, which shares a calendar"}},
		{"holders", func(t *testing.T, s *Store) { put(t, s.db, "holders/x", `{"v":9}`) },
			[]string{"holders: the record was written by a newer slotd than this one"}},

		{"left and not known to be", func(t *testing.T, s *Store) {
			cancelled(t, s)
			updateErr(t, s, func(tx *Tx) error {
				tx.PutClaims("baker", []booking.Claim{sold("b2", "baker", 0).Claim()})
				return nil
			})
		}, []string{"claims baker, booking b3 (REF-B3): the time that the booking has left is not in the claims"}},
		{"never left", func(t *testing.T, s *Store) {
			insertNew(t, s, appointment("b3", 300, "baker"), booking.Person{})
			addClaims(t, s, "baker", left)
		}, []string{"claims baker, booking b3 (REF-B3): the claims say that the booking has left a time, and it has not"}},
		{"left by nobody", func(t *testing.T, s *Store) { addClaims(t, s, "baker", left) },
			[]string{"claims baker, booking b3: a claim of a booking that does not exist"}},
		{"takes what it has left", func(t *testing.T, s *Store) {
			cancelled(t, s)
			addClaims(t, s, "baker", appointment("b3", 300, "baker").Claim())
		}, []string{"claims baker, booking b3 (REF-B3): a claim of a booking that is cancelled"}},
		{"takes a resource that it has left", func(t *testing.T, s *Store) {
			insertNew(t, s, appointment("b3", 300, "baker"), booking.Person{})
			b := changed(t, s, "b3", func(b *booking.Booking) {
				if err := b.Move(act(booking.ByOperator), b.Interval, seats("b3", "clark")); err != nil {
					t.Fatal(err)
				}
			})
			addClaims(t, s, "baker", b.Claim())
		}, []string{"claims baker, booking b3 (REF-B3): a claim of a booking that is not on the resource"}},

		{"history without a beginning", history(func(b *booking.Booking) { b.History[0].What = booking.WasMoved }),
			[]string{"booking b3 (REF-B3): its history does not begin with its creation"}},
		{"history that falls", history(func(b *booking.Booking) {
			b.Version = 3
			b.History = append(b.History, b.History[0], b.History[0])
			b.History[1].Version, b.Stored = 2, 3
		}), []string{"booking b3 (REF-B3): the versions in its history fall"}},
		{"history that is ahead", history(func(b *booking.Booking) { b.History[0].Version = 2 }),
			[]string{"booking b3 (REF-B3): its history is ahead of it"}},
		{"not on its resource", history(func(b *booking.Booking) { b.Resource = "adams" }),
			[]string{"booking b3 (REF-B3): it has no placement on the resource that was chosen"}},
		{"nowhere", history(func(b *booking.Booking) { b.Placements[0].Dropped = true }), []string{
			"booking b3 (REF-B3): it is confirmed and has left all its resources",
			"claims baker, booking b3 (REF-B3): a claim of a booking that is not on the resource"}},
		{"a restore of a newer slotd", func(t *testing.T, s *Store) { put(t, s.db, keyRestore, `{"v":9}`) },
			[]string{"restore: the record was written by a newer slotd than this one"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			db, s := newClinic(t)
			c.plant(t, s)
			report := verifyAll(t, db, verifyResources)
			if diff := cmp.Diff(c.want, lines(report)); diff != "" {
				t.Error(diff)
			}
			coming, err := s.VerifyComing(t.Context(), VerifyOptions{Catalog: catalogOf(verifyResources), Now: created})
			if err != nil {
				t.Fatal(err)
			}
			// The quick form reads only what is to come; of the rest it sees no less.
			if got := lines(coming); !strings.HasPrefix(c.name, "holders") && !strings.HasPrefix(c.name, "a restore") {
				if diff := cmp.Diff(c.want, got); diff != "" && c.name != "not claimed" {
					t.Error("the quick form: ", diff)
				}
			}
			if text := strings.Join(lines(report), "\n"); strings.Contains(text, "visit-") {
				t.Errorf("a visit is named: %s", text)
			}
		})
	}
}

// TestVerifyToleratesPeople: what people do in a calendar may overlap, as long as it is marked.
func TestVerifyToleratesPeople(t *testing.T) {
	moved := func(t *testing.T, s *Store, minutes int, conflict bool) {
		insertNew(t, s, appointment("b3", 300, "adams"), booking.Person{})
		b := changed(t, s, "b3", func(b *booking.Booking) {
			to := appointment("b3", minutes, "adams").Interval
			b.Follow(0, calendar.Written{ID: "e", Interval: to, Version: 1}, act(booking.ByCalendar))
			b.SetConflict(0, conflict, created)
		})
		update(t, s, func(tx *Tx) {
			tx.PutOwn(OwnEvent{Calendar: "g/adams", Identity: b.Placements[0].Identity, EventID: "e", Booking: "b3"})
			tx.DeleteMark(Mark{OutboxID: OutboxID{"b3", 0}, Next: created})
		})
	}
	for _, c := range []struct {
		name     string
		minutes  int
		conflict bool
		want     []string
	}{
		{"marked", 10, true, []string{}},
		{"only the buffers meet", 35, false, []string{}},
		{"not marked", 10, false, []string{"claims adams, booking b3 (REF-B3): the claim overlaps that of booking b1 by a " +
			"person's doing, and neither is marked as a conflict"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			db, s := newClinic(t)
			moved(t, s, c.minutes, c.conflict)
			same(t, "findings", c.want, lines(verifyAll(t, db, verifyResources)))
		})
	}
	t.Run("sold again afterwards", func(t *testing.T) {
		db, s := newClinic(t)
		moved(t, s, 600, false)
		insert(t, s, sold("b4", "baker", 600)) // elsewhere
		insert(t, s, sold("b5", "adams", 0))   // twice, and no person did that
		same(t, "findings", []string{
			"claims adams, booking b5 (REF-B5): the claim overlaps that of booking b1, and the resource takes 1 at a time",
		}, lines(verifyAll(t, db, verifyResources)))
	})
}

// TestVerifyComing: the quick form finds the damage of what is to come, and reads nothing of what is past.
// TestReclaim: claims that went by mistake come back as they follow from their booking, and nothing else changes.
func TestReclaim(t *testing.T) {
	db, s := newClinic(t)
	before := dump(t, db)
	damage(t, db, keyClaims("adams"), "-")
	for range 2 {
		if err := s.Reclaim(t.Context(), "b1", created); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Reclaim(t.Context(), "nobody", created); err != nil {
		t.Fatal(err)
	}
	same(t, "records", before, dump(t, db))
	f := Finding{Kind: "claims", Text: missingClaim}
	if !f.MissesClaim() || (Finding{Kind: "claims", Text: "x"}).MissesClaim() {
		t.Error("the finding is not known")
	}
}

func TestVerifyComing(t *testing.T) {
	look := func(t *testing.T, s *Store) Report {
		t.Helper()
		report, err := s.VerifyComing(t.Context(), VerifyOptions{Catalog: catalogOf(verifyResources), Now: created})
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	_, s := newClinic(t)
	report := look(t, s)
	same(t, "findings", []string{}, lines(report))
	if report.Records["booking"] != 2 || report.Records["claims"] != 2 || report.Records["visit"] != 0 {
		t.Errorf("records %v", report.Records)
	}
	for _, c := range []struct{ name, key, value, want string }{
		{"no person", keyPerson("b1"), "-", "person, booking b1 (REF-B1): the booking has no person record"},
		{"no reference", keyRef("REF-B1"), "-", "ref, booking b1 (REF-B1): no reference record points to the booking"},
		{"no claims", keyClaims("adams"), "-", "claims adams, booking b1 (REF-B1): the booking has no claim on its resource"},
		{"damaged claims", keyClaims("adams"), "\x02\xff", "claims adams: the record cannot be decoded"},
		{"claim of nothing", keyClaims("clark"), string(packClaims([]booking.Claim{sold("b9", "clark", 90).Claim()})),
			"claims clark, booking b9: a claim of a booking that does not exist"},
		{"damaged booking", keyBooking("b1"), "{", "booking b1: the record cannot be decoded"},
		{"no booking", keyBooking("b1"), "-", "claims adams, booking b1: a claim of a booking that does not exist\n" +
			"day adams, booking b1: an index entry of a booking that does not exist\n" +
			"outbox, booking b1: a mark of a booking that does not exist"},
		{"no day", keyDay(sold("b1", "adams", 0).Start, "adams", "b1"), "-",
			"day adams, booking b1 (REF-B1): the booking is not in the index by day"},
		{"no due key", keyDue(created.Unix(), dueOutbox, "b1/0"), "-",
			"outbox, booking b1 (REF-B1): the mark of placement 0 has no due key: it never comes up"},
		{"no index of events", keyOwn("g/adams", "identity-b1"), "-",
			"own g/adams, booking b1 (REF-B1): the event of placement 0 is not in the index of our events"},
		{"what is past", keyBooking("old"), "{", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			db, s := newClinic(t)
			damage(t, db, c.key, c.value)
			if got := strings.Join(lines(look(t, s)), "\n"); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.VerifyComing(ctx, VerifyOptions{Now: created}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled look: %v", err)
	}
}

// TestPrepareRestore: of a copy stays what was acknowledged; what is too old to be believed goes.
func TestPrepareRestore(t *testing.T) {
	db, s := newClinic(t)
	for i := range 60 { // more than one step of each kind
		h, c := holdOf(fmt.Sprintf("v%d", i), 300+60*i, created.Add(5*time.Minute), "room", fmt.Sprintf("room%d", i))
		putHold(t, s, c.Hold, h, c)
		insert(t, s, sold(fmt.Sprintf("w%d", i), fmt.Sprintf("room%d", i), 0))
	}
	updateErr(t, s, func(tx *Tx) error {
		return tx.PutHolding(s.CustomerKey("491700000001"), "v1", created.Add(time.Hour), created)
	})
	old := Mark{OutboxID: OutboxID{"b1", 0}, Since: created, Next: created}
	late := old
	late.Attempts, late.Looked, late.Next, late.LastError = 7, true, created.Add(10*time.Hour), "unclear"
	update(t, s, func(tx *Tx) { tx.PutMark(&old, late) })
	if s.Restoring() != nil {
		t.Error("a store that nobody restored is restoring")
	}

	at := created.Add(48 * time.Hour)
	done, err := PrepareRestore(t.Context(), db, at)
	if err != nil {
		t.Fatal(err)
	}
	want := Restore{At: at, Newest: created}
	same(t, "restore", want, done)
	s = open(t, db)
	if r := s.Restoring(); r == nil || !r.At.Equal(at) || !r.Newest.Equal(created) || !s.Checked("g/adams").IsZero() {
		t.Errorf("opened: %+v", r)
	}
	same(t, "what is gone", []string{}, keys(t, s, prefixBusy, prefixMirror, prefixChecked, prefixHolders))
	for _, r := range []string{"room", "room7"} {
		for _, c := range claimsOf(t, s, r) {
			if c.Hold != "" {
				t.Fatalf("a hold stays on %s", r)
			}
		}
	}
	view(t, s, func(r *Reader) error {
		v, err := r.Visit("v7")
		if v.Hold != nil {
			t.Error("a visit holds")
		}
		m, _, err1 := r.Mark(old.OutboxID)
		same(t, "mark", Mark{OutboxID: old.OutboxID, Unclear: true, Since: created, Next: at, LastError: "unclear"}, m)
		due, err2 := r.DueMarks(1000)
		if len(due) != 61 || due[60].At.Unix() != at.Unix() {
			t.Errorf("%d due", len(due))
		}
		return errors.Join(err, err1, err2)
	})
	if n := len(keys(t, s, prefixBooking, prefixPerson, prefixRef)); n != 3*63 {
		t.Errorf("%d records of bookings", n)
	}
	report, err := Verify(t.Context(), db, VerifyOptions{Now: created})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "findings", []string{}, lines(report))

	if err := s.EndRestore(t.Context()); err != nil || s.Restoring() != nil {
		t.Errorf("the end: %v", err)
	}
	if again := open(t, db); again.Restoring() != nil {
		t.Error("the end of the restore was not durable")
	}
}

func TestPrepareRestoreOfNothing(t *testing.T) {
	db, _ := newDB(t)
	if _, err := PrepareRestore(t.Context(), db, created); !errors.Is(err, ErrNotInitialized) {
		t.Errorf("an empty engine: %v", err)
	}
	s := create(t, db)
	done, err := PrepareRestore(t.Context(), db, created)
	if err != nil || !done.Newest.IsZero() {
		t.Errorf("%+v, %v", done, err)
	}
	put(t, s.db, keyOutbox(OutboxID{"b1", 0}), `{"v":9}`)
	if _, err := PrepareRestore(t.Context(), kv.DB(db), created); !errors.Is(err, ErrNewer) {
		t.Errorf("a mark of a newer slotd: %v", err)
	}
}
