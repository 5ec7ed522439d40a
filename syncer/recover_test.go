package syncer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/store"
	"slotd/store/kv/bolt"
)

// restorable makes the rig one that can be restored: bookings go into both calendars, and a room is no choice.
func (r *rig) restorable() {
	r.t.Helper()
	r.cfg.Booked = r.cfg.Calendars
	r.cfg.Identity = func(cal calendar.ID, id, resource string, attempt int) string {
		return seat(id, resource, cal).Identity(attempt)
	}
	r.cfg.Terms = func(service, resource string) (before, after time.Duration, offers bool) {
		return 5 * time.Minute, 10 * time.Minute, resource != "room"
	}
	r.make()
}

// copied makes a copy of the database.
func (r *rig) copied() string {
	r.t.Helper()
	path := filepath.Join(r.t.TempDir(), "copy.db")
	f, err := os.Create(path)
	if err == nil {
		_, err = r.db.DB.(*bolt.DB).Copy(r.t.Context(), f, nil)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		r.t.Fatal(err)
	}
	return path
}

// lose puts a copy in the place of the database. The syncer does not run yet.
func (r *rig) lose(path string) {
	r.t.Helper()
	r.stop()
	err := errors.Join(r.db.Close(), os.Remove(r.path), os.Rename(path, r.path))
	if err != nil {
		r.t.Fatal(err)
	}
	r.openDB()
	if _, err := store.PrepareRestore(r.t.Context(), r.db, time.Now()); err != nil {
		r.t.Fatal(err)
	}
	r.make()
}

// over checks that the restore is, and that nothing in the store contradicts itself.
func (r *rig) over() {
	r.t.Helper()
	if r.store.Restoring() != nil || len(r.Restoring()) > 0 {
		r.t.Fatalf("the restore waits for %v", r.Restoring())
	}
	catalog := booking.NewCatalog(booking.Business{Resources: []booking.Resource{
		{ID: "adams", BookInto: cal1, Blocks: []calendar.ID{cal1}},
		{ID: "baker", BookInto: cal2, Blocks: []calendar.ID{cal2}},
		{ID: "room", BookInto: cal2, Blocks: []calendar.ID{cal2}, Rules: booking.Rules{Capacity: new(9)}},
	}})
	report, err := store.Verify(r.t.Context(), r.db.DB, store.VerifyOptions{Now: time.Now(), Catalog: catalog})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range report.Findings {
		r.t.Errorf("verify: %s", f)
	}
}

// eachOnce checks that each event of ours is that of one placement, and each active placement has one.
func (r *rig) eachOnce(ids ...string) {
	r.t.Helper()
	want := map[string]bool{}
	for _, id := range ids {
		b := r.booking(id)
		if b == nil {
			r.t.Errorf("there is no booking %s", id)
			continue
		}
		for i, p := range b.Placements {
			if b.Wanted(i) {
				want[string(p.Calendar)+" "+p.Event.ID] = true
			}
		}
	}
	got := map[string]bool{}
	for _, cal := range r.cfg.Calendars {
		for _, e := range r.provider.events(cal.Calendar()) {
			if e.Marker != "" {
				got[string(cal)+" "+e.ID] = true
			}
		}
	}
	if fmt.Sprint(want) != fmt.Sprint(got) {
		r.t.Errorf("events %v, and the bookings have %v", got, want)
	}
}

// day1 is what happens around a copy: kept stays as it is, moved and elsewhere are moved, gone is cancelled, waits
// waits for its write; new and team are booked after it.
func (r *rig) day1() (path string) {
	r.t.Helper()
	r.start()
	r.book("kept", cal1, hours(1, 8, 9))
	r.book("moved", cal1, hours(1, 9, 10))
	r.book("gone", cal1, hours(1, 10, 11))
	r.book("elsewhere", cal1, hours(1, 11, 12))
	r.wait(time.Minute)
	r.provider.hook(func(op, _ string) error { // the provider is away while this one is booked
		if op == "apply" {
			return fault(calendar.Throttled)
		}
		return nil
	})
	r.book("waits", cal1, hours(1, 12, 13))
	r.wait(time.Minute)
	path = r.copied()
	r.provider.hook(nil)
	r.wait(5 * time.Minute)
	r.bookTeam("team", hours(2, 8, 9), seat("team", "baker", cal2), seat("team", "room", cal2))
	r.book("new", cal1, hours(2, 9, 10))
	r.move("moved", hours(2, 10, 11))
	r.move("elsewhere", hours(1, 11, 12), seat("elsewhere", "baker", cal2))
	r.cancel("gone")
	r.wait(5 * time.Minute)
	r.eachOnce("kept", "moved", "elsewhere", "waits", "team", "new")
	return path
}

// restoredDay1 checks what a restore of the copy of day1 leads to.
func (r *rig) restoredDay1() {
	r.t.Helper()
	r.over()
	r.eachOnce("kept", "moved", "elsewhere", "waits", "team", "new")
	for _, c := range []struct {
		id        string
		at        calendar.Interval
		resources []string
		version   uint64
		untold    booking.What
	}{
		{"kept", hours(1, 8, 9), []string{"adams"}, 1, ""},
		{"moved", hours(2, 10, 11), []string{"adams"}, 2, booking.WasMoved},
		{"elsewhere", hours(1, 11, 12), []string{"baker"}, 2, ""},
		{"waits", hours(1, 12, 13), []string{"adams"}, 1, ""},
		{"team", hours(2, 8, 9), []string{"baker", "room"}, 1, booking.WasRecovered},
		{"new", hours(2, 9, 10), []string{"adams"}, 1, booking.WasRecovered},
	} {
		b := r.booking(c.id)
		if b.Interval != c.at || !slices.Equal(b.Active(), c.resources) || b.Resource != c.resources[0] || b.Conflict() ||
			b.Version != c.version || b.Untold != c.untold {
			r.t.Errorf("%s: %v on %v, chosen %s, conflict %v, version %d, untold %q", c.id, b.Interval, b.Active(), b.Resource,
				b.Conflict(), b.Version, b.Untold)
		}
		for i, p := range b.Placements {
			if b.Wanted(i) && p.Status != booking.Seen {
				r.t.Errorf("%s: placement %d is %s", c.id, i, p.Status)
			}
		}
	}
	if b := r.booking("gone"); b.Status != booking.Cancelled || b.Untold != booking.WasCancelled {
		r.t.Errorf("gone: %s, untold %q", b.Status, b.Untold)
	}
	b := r.booking("team")
	if b.Reference != "R-team" || b.Service != "check" || b.Before != 300 || b.After != 600 || b.Created.IsZero() ||
		b.History[0].What != booking.WasRecovered || b.NeedsPerson(time.Now()) == "" {
		r.t.Errorf("team: %+v", b)
	}
	for _, cal := range r.cfg.Calendars {
		if busy := r.busy(cal); len(busy.Foreign) > 0 {
			r.t.Errorf("%s: events of ours are foreign: %v", cal, busy.Foreign)
		}
	}
}

// TestRestore: nothing is concluded and nothing written before all calendars were read; then each event has its
// booking.
func TestRestore(t *testing.T) {
	bubble(t, func(_ *testing.T, r *rig) {
		r.restorable()
		r.lose(r.day1())
		calls := r.provider.count("apply", "")
		r.provider.hook(func(op, cal string) error {
			if cal == cal2.Calendar() {
				return fault(calendar.Unclear)
			}
			return nil
		})
		r.start()
		r.wait(time.Hour)
		if r.store.Restoring() == nil || !slices.Equal(r.Restoring(), []calendar.ID{cal2}) {
			t.Errorf("waits for %v", r.Restoring())
		}
		if r.booking("new") != nil || r.booking("gone").Status != booking.Confirmed {
			t.Error("something was concluded from one calendar")
		}
		r.restart() // and once more from the beginning
		r.wait(time.Hour)
		if n := r.provider.count("apply", "") - calls; n > 0 {
			t.Errorf("%d writes before the calendars were compared", n)
		}
		r.provider.hook(nil)
		r.wait(10 * time.Minute)
		r.restoredDay1()
	}, cal1, cal2)
}

// TestRestoreAndCrash: killed after any commit, a restore ends as if it had not been.
func TestRestoreAndCrash(t *testing.T) {
	for _, when := range []string{"before", "after"} {
		for n, done := int64(1), false; !done; n++ {
			bubble(t, func(t *testing.T, r *rig) {
				r.restorable()
				r.lose(r.day1())
				var left atomic.Int64
				left.Store(n)
				dead := errors.New("killed")
				stop := func() error {
					if left.Add(-1) <= 0 {
						return dead
					}
					return nil
				}
				point := &r.db.fail
				if when == "after" {
					point = &r.db.after
				}
				point.Store(&stop)
				r.start()
				r.wait(time.Second)
				done = left.Load() > 0
				r.restart()
				r.wait(10 * time.Minute)
				r.restoredDay1()
				if t.Failed() {
					t.Logf("killed %s commit %d", when, n)
				}
			}, cal1, cal2)
			if n > 100 {
				t.Fatal("the restore does not come to an end")
			}
			if t.Failed() {
				return
			}
		}
	}
}

// TestRestoreAmongCopies: a copy that a person made of an event is not another placement, and where it is all that is
// left it is the booking's.
func TestRestoreAmongCopies(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.restorable()
		r.start()
		path := r.copied()
		r.book("a", cal1, hours(1, 8, 9))
		r.book("b", cal1, hours(1, 10, 11))
		r.wait(time.Minute)
		for _, e := range r.provider.events(cal1.Calendar()) {
			dup := e.Event
			dup.ID, dup.Identity = "0-copy-of-"+e.ID, "0-copy-of-"+e.ID
			dup.Interval = calendar.Interval{Start: e.Interval.Start - 1800, End: e.Interval.End - 1800}
			r.provider.put(cal1.Calendar(), dup)
			dup.ID += "-there"
			r.provider.put(cal2.Calendar(), dup)
		}
		r.provider.delete(cal1.Calendar(), "identity-b")
		r.lose(path)
		r.start()
		r.wait(10 * time.Minute)
		r.over()
		a, b := r.booking("a"), r.booking("b")
		if len(a.Placements) != 1 || a.Placements[0].Event.ID != "identity-a" || a.Interval != hours(1, 8, 9) {
			t.Errorf("a: %+v", a)
		}
		if len(b.Placements) != 1 || b.Placements[0].Event.ID != "0-copy-of-identity-b" {
			t.Errorf("b: %+v", b)
		}
		if len(r.busy(cal1).Foreign) != 1 || len(r.busy(cal2).Foreign) != 2 {
			t.Errorf("the copies do not block: %v, %v", r.busy(cal1).Foreign, r.busy(cal2).Foreign)
		}
	}, cal1, cal2)
}

// TestRestoreIntoTakenTime: what is recovered is never left out, but marked where it overlaps.
func TestRestoreIntoTakenTime(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.restorable()
		r.start()
		r.book("known", cal1, hours(1, 8, 10))
		r.wait(time.Minute)
		path := r.copied()
		r.book("later", cal1, hours(1, 12, 13))
		r.wait(time.Minute)
		r.provider.edit(cal1.Calendar(), "identity-later", func(e *fakeEvent) { e.Interval = hours(1, 9, 10) })
		r.wait(2 * time.Minute)
		r.lose(path)
		r.update(func(tx *store.Tx) error { // somebody else has its reference by now
			other := &booking.Booking{ID: "other", Reference: "R-later", Service: "check", Interval: hours(3, 8, 9)}
			other.Begin(byCustomer(), []booking.Seat{seat("other", "adams", cal1)})
			return tx.InsertBooking(other, booking.Person{}, time.Now())
		})
		r.start()
		r.wait(10 * time.Minute)
		r.over()
		b := r.booking("later")
		if b == nil || b.Interval != hours(1, 9, 10) || !b.Conflict() || b.Reference != "R-later-2" {
			t.Errorf("later: %+v", b)
		}
		if b, p := r.booking("other"), r.provider.events(cal1.Calendar()); b.Conflict() || len(p) != 3 {
			t.Errorf("other: %+v, %d events", b, len(p))
		}
		var claims []booking.Claim
		r.view(func(rd *store.Reader) (err error) {
			claims, err = rd.Claims("adams")
			return err
		})
		if len(claims) != 3 {
			t.Errorf("claims %v", claims)
		}
	}, cal1)
}

// TestForeignMarkers: another store's events, and what only looks like ours, are busy time and nothing else.
func TestForeignMarkers(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.restorable()
		id := r.store.ID()
		markers := []string{
			"anotherstore/x/adams/1/check/R", id + "x/x/adams/1/check/R", id, id + "/x/adams", id + "/x/adams/1/check",
			id + "/x/adams/0/check/R", id + "/x/adams/one/check/R", id + "//adams/1/check/R", id + "/x/adams/1/check/",
			id + "/x/adams/1/check/R/more", id + "/x y/adams/1/check/R", id + "/x/ad%2Fams/1/check/R",
		}
		for i, m := range markers {
			r.provider.put(cal1.Calendar(), calendar.Event{
				ID: fmt.Sprint("e", i), Identity: fmt.Sprint("e", i), Marker: m, Busy: true, Interval: hours(1, i, i+1), Version: 1,
			})
		}
		r.lose(r.copied())
		r.start()
		r.wait(10 * time.Minute)
		r.over()
		r.view(func(rd *store.Reader) error {
			ids, err := rd.BookingIDs(time.Now(), time.Now().AddDate(1, 0, 0), 10)
			if len(ids) > 0 {
				t.Errorf("bookings %v", ids)
			}
			return err
		})
		if busy := r.busy(cal1); !slices.Equal(busy.Foreign, []calendar.Interval{hours(1, 0, len(markers))}) {
			t.Errorf("busy %v", busy.Foreign)
		}
	})
}

// TestUnknownBookingsOutsideARestore: an event of a booking that we do not know is busy time, and stays.
func TestUnknownBookingsOutsideARestore(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.restorable()
		r.provider.put(cal1.Calendar(), calendar.Event{
			ID: "e", Identity: "e", Marker: r.store.ID() + "/unknown/adams/1/check/R", Busy: true, Interval: hours(1, 8, 9),
			Version: 1,
		})
		r.start()
		r.wait(time.Hour)
		r.restart()
		r.wait(time.Hour)
		if r.booking("unknown") != nil || len(r.provider.events(cal1.Calendar())) != 1 || r.provider.count("apply", "") > 0 {
			t.Error("somebody touched it")
		}
		if busy := r.busy(cal1); len(busy.Foreign) != 1 || len(busy.Own) != 0 {
			t.Errorf("busy %+v", busy)
		}
	})
}
