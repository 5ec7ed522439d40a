package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"slotd/internal/admin"
	"slotd/internal/booking"
	"slotd/internal/daemon"
	"slotd/internal/emulator/fault"
	"slotd/store/kv/bolt"
)

// backedUp books around a copy: of what is in the copy one stays, one is moved, one is moved to the other doctor and
// one is cancelled, and two are booked after it.
func (w *world) backedUp() (copied string, lost []*appointment) {
	w.Helper()
	w.appointment("adams", w.at(8, 0))
	moved, elsewhere := w.appointment("baker", w.at(9, 0)), w.appointment("adams", w.at(10, 0))
	gone := w.appointment("adams", w.at(11, 0))
	copied = filepath.Join(w.dir, "copy.db")
	w.run("backup", copied).expect(w.T, exitDone)
	lost = append(lost, w.appointment("adams", w.at(12, 0)), w.appointment("baker", w.at(12, 0)))
	for _, move := range [][]string{
		{moved.reference, "--to", w.at(16, 0).Format("2006-01-02T15:04")},
		{elsewhere.reference, "--to", w.at(17, 0).Format("2006-01-02T15:04"), "--resource", "baker"},
	} {
		w.run(append([]string{"bookings", "move", "--told"}, move...)...).expect(w.T, exitDone)
	}
	w.run("bookings", "cancel", gone.reference, "--reason", "a test", "--told").expect(w.T, exitDone)
	w.level()
	return copied, lost
}

// eventsOnce checks that each confirmed booking has one event at its doctor, where the booking is, and that no other
// event is ours.
func (w *world) eventsOnce() {
	w.Helper()
	want, got := map[string]int{}, map[string]int{}
	for _, b := range w.bookings() {
		if b.Status == "confirmed" {
			o := w.run("bookings", "show", b.Reference, "--json")
			var detail admin.BookingDetail
			must(w.T, json.Unmarshal([]byte(o.stdout), &detail))
			for _, p := range detail.Placements {
				if !p.Gone && p.Status != "missing" { // a deleted event can be put back for a while
					want[p.Resource+" "+b.ID]++
				}
			}
		}
	}
	for _, doctor := range doctors {
		for id, events := range w.ours(doctor) {
			got[doctor+" "+id] += len(events)
		}
	}
	for key, n := range got {
		if n != 1 || want[key] != 1 {
			w.Errorf("%s: %d events, %d placements", key, n, want[key])
		}
	}
	if len(want) != len(got) {
		w.Errorf("placements %v, events %v", want, got)
	}
}

func TestRestore(t *testing.T) {
	w := newWorld(t)
	live := w.cfg.Store.Path
	w.start()
	copied, lost := w.backedUp()
	before, err := os.ReadFile(copied)
	must(t, err)
	w.run("restore", copied).expect(t, exitFailed, "a daemon answers", "stop it first")
	w.daemon.kill()

	w.run("restore").expect(t, exitUsage, "restore COPY")
	w.run("restore", copied).expect(t, exitFailed, "there is a database already", "--replace")
	w.run("restore", "missing.db").expect(t, exitFailed, "there is no such file")
	w.run("restore", "missing.db", "--replace").expect(t, exitFailed, "there is no such file")
	w.run("restore", "slotd.toml", "--replace").expect(t, exitFailed, "not a slotd database")
	w.run("restore", live, "--replace").expect(t, exitFailed, "is the database itself")
	must(t, os.WriteFile(filepath.Join(w.dir, "half.db"), before[:len(before)/2], 0o600))
	w.run("restore", "half.db", "--replace").expect(t, exitFailed, "damaged")
	w.run("verify").expect(t, exitDone, "6 bookings", "Clean")

	o := w.run("restore", copied, "--replace", "--json")
	var done daemon.Restored
	must(t, json.Unmarshal([]byte(o.stdout), &done))
	if o.code != exitDone || done.Bookings != 4 || done.Waiting != 0 || done.Path != live || len(done.Report.Findings) > 0 {
		t.Errorf("exit code %d, %+v", o.code, done)
	}
	w.run("verify", done.Kept).expect(t, exitDone, "6 bookings", "Clean")
	w.run("verify").expect(t, exitDone, "4 bookings", "Clean")
	must(t, os.Remove(live)) // the database is lost, as a whole this time
	w.run("restore", copied).expect(t, exitDone, "with 4 bookings, the newest record of", "Start slotd now")
	if info, err := os.Stat(live); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if after, err := os.ReadFile(copied); err != nil || !slices.Equal(before, after) {
		t.Errorf("the copy was changed: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(live), ".slotd-copy-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}

	w.pausedUntilRead()
	w.restored(lost)
}

// pausedUntilRead starts the daemon while one provider is away.
func (w *world) pausedUntilRead() {
	w.Helper()
	w.graph.Inject(fault.Rule{Status: 503, Times: fault.Forever})
	w.daemon = serve(w.T, w.dir)
	eventually(w.T, "the other provider's calendar", func() bool {
		r := w.status().Restoring
		return r != nil && len(r.Calendars) == 1 && r.Calendars[0] == "outlook/"+outlookCal
	})
	w.run("status").expect(w.T, exitFailed, "the database was restored at", "nothing can be booked", "outlook/"+outlookCal)
	o := w.run("doctor")
	if o.expect(w.T, exitFailed, "the database was restored and is being compared"); strings.Contains(o.stdout, "are hidden") {
		w.Errorf("doctor:\n%s", o.stdout)
	}
	if code, body := w.get("/readyz"); code != 503 || !strings.Contains(body, "was restored") {
		w.Errorf("readyz: %d %s", code, body)
	}
	if n := len(w.bookings()); n != 4 {
		w.Errorf("%d bookings before all calendars were read", n)
	}
	w.run("slots", "--resource", "adams").expect(w.T, exitDone)
	if o := w.run("slots", "--resource", "adams"); strings.Contains(o.stdout, ":30") {
		w.Errorf("slots are offered:\n%s", o.stdout)
	}
	to := w.at(18, 0).Format("2006-01-02T15:04")
	for _, b := range w.bookings() {
		for _, force := range []string{"--force=false", "--force"} {
			w.run("bookings", "move", b.Reference, "--to", to, force).expect(w.T, exitFailed, "calendar")
		}
	}
	if err := toConfirm(w.Context(), w.customer("token-of-a-customer-in-the-pause"), "adams", w.at(15, 0)); err == nil {
		w.Error("a customer came to the last screen")
	}
	w.graph.ClearFaults()
	eventually(w.T, "the end of the restore", func() bool { return w.status().Restoring == nil })
}

// restored checks what backedUp and a restore have led to.
func (w *world) restored(lost []*appointment) {
	w.Helper()
	w.level()
	w.eventsOnce()
	confirmed := 0
	for _, b := range w.bookings() {
		if b.Status == "confirmed" && b.Placements[0].Status != string(booking.Missing) {
			confirmed++
		}
		if b.Conflict {
			w.Errorf("a conflict: %+v", b)
		}
	}
	if confirmed != 5 {
		w.Errorf("%d confirmed bookings, want 5: %+v", confirmed, w.bookings())
	}
	for _, a := range lost {
		b := a.show()
		if b.ID != a.id || b.Status != "confirmed" || b.Placements[0].Event != a.event {
			w.Errorf("a recovered booking: %+v", b)
		}
		w.run("status").expect(w.T, exitFailed, a.reference, "only the event tells who it is for")
		w.run("bookings", "told", a.reference).expect(w.T, exitDone)
	}
	copied := filepath.Join(w.dir, "after.db")
	w.run("backup", copied).expect(w.T, exitDone)
	w.run("verify", copied).expect(w.T, exitDone, "6 bookings", "Clean")
	w.appointment("adams", w.at(14, 0)) // and on it goes
	w.restart()
	w.eventsOnce()
}

// TestRestoreOverADamagedDatabase: what cannot be opened any more is nobody's, and is kept all the same.
func TestRestoreOverADamagedDatabase(t *testing.T) {
	w := newWorld(t)
	live := w.cfg.Store.Path
	copied := filepath.Join(w.dir, "copy.db")
	w.run("backup", copied).expect(t, exitDone)
	for path, says := range map[string]string{live: live + " is in use", copied: "a process is using it"} {
		db, err := bolt.Open(path, bolt.Options{})
		must(t, err)
		w.run("restore", copied, "--replace").expect(t, exitFailed, says)
		must(t, db.Close())
	}
	must(t, os.WriteFile(live, []byte("not a database any more"), 0o600))
	w.run("restore", copied).expect(t, exitFailed, "there is a database already")
	o := w.run("restore", copied, "--replace")
	o.expect(t, exitDone, "with 0 bookings", "The database that was there is now "+live+".replaced-")
	kept, err := filepath.Glob(live + ".replaced-*")
	must(t, err)
	if text, err := os.ReadFile(kept[0]); err != nil || string(text) != "not a database any more" {
		t.Errorf("kept: %q, %v", text, err)
	}
	w.start() // with nothing to recover the pause is short
	w.run("status").expect(t, exitDone, "All is well.")
}
