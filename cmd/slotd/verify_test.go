package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/internal/desk"
	"slotd/store"
	"slotd/store/kv"
	"slotd/store/kv/bolt"
)

// raw changes the bytes of a database.
func raw(t *testing.T, path string, fn func(kv.Tx)) {
	t.Helper()
	db, err := bolt.Open(path, bolt.Options{})
	must(t, err)
	must(t, db.Update(t.Context(), func(tx kv.Tx) error { fn(tx); return nil }))
	must(t, db.Close())
}

func TestVerify(t *testing.T) {
	w := newWorld(t)
	live := w.cfg.Store.Path
	w.run("verify").expect(t, exitDone, "0 bookings", "Clean")
	w.start()
	params, _ := w.book("token-of-a-customer-of-adams", "adams", w.at(9, 0))
	w.book("token-of-a-customer-of-baker", "baker", w.at(9, 0))
	w.run("verify").expect(t, exitFailed, "is in use", "slotd backup COPY", "slotd verify COPY")
	w.level()

	copied := filepath.Join(w.dir, "copy.db")
	w.run("backup", copied).expect(t, exitDone)
	before, err := os.ReadFile(copied)
	must(t, err)
	w.run("verify", copied).expect(t, exitDone, "2 bookings", "findings: 0", "Clean")
	if after, err := os.ReadFile(copied); err != nil || !slices.Equal(before, after) {
		t.Errorf("verify changed the copy: %v", err)
	}
	if code := w.daemon.stop(); code != exitDone {
		t.Fatalf("the daemon stopped with %d", code)
	}
	w.run("verify").expect(t, exitDone, "2 bookings", "Clean")

	id := text(params, "booking")
	raw(t, live, func(tx kv.Tx) { tx.Delete("person/" + id) })
	w.run("verify").expect(t, exitFailed, "person, booking "+id, "the booking has no person record", "findings: 1")
	o := w.run("verify", "--json")
	var got verification
	must(t, json.Unmarshal([]byte(o.stdout), &got))
	if o.code != exitFailed || got.Clean || len(got.Findings) != 1 || got.Findings[0].Booking != id || got.Records["booking"] != 2 {
		t.Errorf("exit code %d, %+v", o.code, got)
	}

	// The daemon looks at its start, says what it found, and serves all the same.
	w.start()
	eventually(t, "the finding", func() bool { return len(w.status().Problems) > 0 })
	w.run("status").expect(t, exitFailed, "findings at the start: 1", "person, booking "+id, "the booking has no person record")
	w.book("token-of-another-customer-of-adams", "adams", w.at(11, 0))
	if code := w.daemon.stop(); code != exitDone {
		t.Fatalf("the daemon stopped with %d", code)
	}

	// A copy alone can be verified too, as far as that goes.
	alone := slotd(t, t.TempDir(), "verify", copied)
	alone.expect(t, exitDone, "not checked: overlaps of claims", "Clean")
	slotd(t, t.TempDir(), "verify").expect(t, exitUsage, "there is no slotd.toml")
	slotd(t, t.TempDir(), "verify", copied, "--config", "none.toml").expect(t, exitUsage, "there is no none.toml")
	o = w.run("verify", "missing.db")
	if o.expect(t, exitFailed, "there is no file missing.db"); strings.Contains(o.stderr, "init") {
		t.Errorf("a missing copy is nothing to create: %s", o.stderr)
	}
	w.run("verify", "slotd.toml").expect(t, exitFailed, "not a slotd database")
	w.run("verify", "a", "b").expect(t, exitUsage, "verify [PATH]")
	must(t, os.WriteFile(copied, before[:len(before)/2], 0o600))
	w.run("verify", copied).expect(t, exitFailed, "damaged")
}

// TestVerifyAfterManyConfirms has customers of the desk fill two resources that share a calendar.
func TestVerifyAfterManyConfirms(t *testing.T) {
	path := filepath.Join(t.TempDir(), "slotd.db")
	must(t, bolt.Create(path))
	db, err := bolt.Open(path, bolt.Options{})
	must(t, err)
	defer func() { must(t, db.Close()) }()
	now := time.Date(2027, 3, 1, 6, 0, 0, 0, time.UTC)
	must(t, store.Create(t.Context(), db, now))
	st, err := store.Open(t.Context(), db)
	must(t, err)

	hours := booking.Hours{}
	for day := range hours {
		hours[day] = []booking.Span{{From: 480, To: 720}}
	}
	resource := func(id string, capacity int, blocks ...calendar.ID) booking.Resource {
		return booking.Resource{ID: id, Departments: []string{"d"}, Services: []string{"s"}, Zone: time.UTC,
			BookInto: blocks[0], Blocks: blocks, Rules: booking.Rules{Capacity: &capacity}}
	}
	resources := []booking.Resource{
		resource("adams", 1, "g/adams"), resource("class", 3, "g/class"), resource("clark", 1, "g/clark", "g/adams"),
	}
	for _, cal := range []calendar.ID{"g/adams", "g/class", "g/clark"} {
		window := calendar.Between(now.Add(-time.Hour), now.Add(96*time.Hour))
		must(t, st.Update(t.Context(), func(tx *store.Tx) error {
			tx.PutSnapshot(cal, &calendar.Busy{Window: window}, store.Mirror{Window: window, ReadAt: now})
			return nil
		}))
		st.MarkChecked(cal, now)
	}
	business := booking.Business{
		Zone: time.UTC, Rules: booking.Rules{Hours: &hours, Notice: new(time.Duration(0)), Horizon: new(48 * time.Hour)},
		Departments: []booking.Department{{ID: "d"}}, Resources: resources,
		Services: []booking.Service{{ID: "s", Rules: booking.Rules{
			Duration: new(30 * time.Minute), Grid: new(15 * time.Minute), Before: new(10 * time.Minute),
		}}},
	}
	d, err := desk.New(desk.Config{
		Store: st, Business: business, ServeWithin: time.Hour, TokenTTL: time.Hour, AcceptForeignTokens: true,
		Identity: func(_ calendar.ID, booking, resource string, _ int) string { return booking + resource },
		Now:      func() time.Time { return now },
	})
	must(t, err)
	booked := 0
	for i := range 150 {
		choice := desk.Choice{Department: "d", Service: "s", Resource: resources[i%3].ID}
		_, err := d.Confirm(context.Background(), desk.Confirm{
			Token: "token-" + store.NewID(), Request: "r", Choice: choice, Start: now.Add(2*time.Hour + time.Duration(i/3%16)*15*time.Minute).Unix(),
			Answer: func(*booking.Booking) []byte { return []byte("booked") },
		})
		if err == nil {
			booked++
		}
	}
	report, err := store.Verify(t.Context(), db, store.VerifyOptions{Catalog: booking.NewCatalog(business), Now: now})
	must(t, err)
	if booked < 20 || report.Records["booking"] != booked || len(report.Findings) != 0 {
		t.Errorf("%d booked, %+v", booked, report)
	}
}

// TestMissingClaimsComeBack: a booking whose claim went, as when the clock was far ahead, has it again after a start.
func TestMissingClaimsComeBack(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.book("token-of-a-customer", "adams", w.at(15, 0))
	w.level()
	w.claims("adams", func([]booking.Claim) []booking.Claim { return nil })
	w.run("verify").expect(t, exitFailed, "the booking has no claim on its resource")
	w.start()
	eventually(t, "the claim", func() bool { return strings.Contains(w.daemon.log.String(), "is put back") })
	w.run("status").expect(t, exitDone, "All is well.")
	if code := w.daemon.stop(); code != exitDone {
		t.Fatalf("exit code %d", code)
	}
	w.run("verify").expect(t, exitDone, "Clean")
}

// TestClaimsOfAnOlderForm: those that do not say their service are no fault, and say it after a start.
func TestClaimsOfAnOlderForm(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.book("token-of-a-customer", "adams", w.at(15, 0))
	w.level()
	w.claims("adams", func(claims []booking.Claim) []booking.Claim {
		for i := range claims {
			claims[i].Service = ""
		}
		return claims
	})
	w.run("verify").expect(t, exitDone, "Clean")
	w.start()
	eventually(t, "the look at the database", func() bool { return strings.Contains(w.daemon.log.String(), "were compared") })
	w.claims("adams", func(claims []booking.Claim) []booking.Claim {
		if len(claims) != 1 || claims[0].Service != "consultation" {
			t.Errorf("%+v", claims)
		}
		return claims
	})
}

// claims stops the daemon and changes the claims on a resource.
func (w *world) claims(resource string, change func([]booking.Claim) []booking.Claim) {
	w.Helper()
	if code := w.daemon.stop(); code != exitDone {
		w.Fatalf("exit code %d", code)
	}
	db, err := bolt.Open(filepath.Join(w.dir, "slotd.db"), bolt.Options{})
	must(w.T, err)
	st, err := store.Open(w.Context(), db)
	must(w.T, err)
	must(w.T, st.Update(w.Context(), func(tx *store.Tx) error {
		claims, err := tx.Claims(resource)
		tx.PutClaims(resource, change(slices.Clone(claims)))
		return err
	}))
	must(w.T, db.Close())
}
