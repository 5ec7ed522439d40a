package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"slotd/internal/admin"
	"slotd/store"
	"slotd/store/kv/bolt"
)

// inCopy opens a copy and returns the bookings in it.
func inCopy(t *testing.T, path string, ids []string) map[string]bool {
	t.Helper()
	db, err := bolt.Open(path, bolt.Options{})
	must(t, err)
	defer func() { must(t, db.Close()) }()
	st, err := store.Open(t.Context(), db)
	must(t, err)
	out := map[string]bool{}
	must(t, st.View(t.Context(), func(r *store.Reader) error {
		for _, id := range ids {
			b, err := r.Booking(id)
			if err != nil {
				return err
			}
			out[id] = b != nil
		}
		return nil
	}))
	return out
}

func TestBackupWhilePhonesBook(t *testing.T) {
	w := newWorld(t)
	w.start()
	var before []string
	for i, doctor := range doctors {
		params, _ := w.book("token-of-an-early-customer-of-"+doctor, doctor, w.at(8, 30*i))
		before = append(before, text(params, "booking"))
	}
	phones := w.ready("adams", []time.Time{w.at(10, 0), w.at(10, 30), w.at(11, 0), w.at(11, 30), w.at(12, 0), w.at(12, 30)})
	var wg sync.WaitGroup
	for _, p := range phones {
		wg.Go(func() {
			if err := p.Tap(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	path := filepath.Join(w.dir, "copies", "now.db")
	must(t, os.Mkdir(filepath.Dir(path), 0o700))
	o := w.run("backup", path, "--json")
	wg.Wait()
	o.expect(t, exitDone)
	var made admin.BackupMade
	must(t, json.Unmarshal([]byte(o.stdout), &made))
	info, err := os.Stat(path)
	must(t, err)
	if made.Path != path || made.Size != info.Size() || made.Bookings < len(before) || info.Mode().Perm() != 0o600 {
		t.Errorf("%+v; mode %o, %d bytes", made, info.Mode().Perm(), info.Size())
	}
	for id, there := range inCopy(t, path, before) {
		if !there {
			t.Errorf("booking %s was acknowledged before the copy began and is not in it", id)
		}
	}
	w.run("backup", path).expect(t, exitFailed, path, "there is a file already")
	w.run("backup", filepath.Join(w.dir, "missing", "now.db")).expect(t, exitFailed, "there is no directory")
	w.run("backup", "/sys/kernel/slotd.db").expect(t, exitFailed, "slotd may not write in /sys/kernel")
	w.run("backup", filepath.Dir(path)).expect(t, exitDone, "-manual-", "8 bookings, read back and found good")
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 2 {
		t.Errorf("two copies, and this is there: %v %v", entries, err)
	}
}

func TestBackupWithoutADaemon(t *testing.T) {
	w := newWorld(t)
	w.run("backup", "copy.db").expect(t, exitDone, filepath.Join(w.dir, "copy.db"), "0 bookings")
	w.run("backup", "copy.db").expect(t, exitFailed, "there is a file already")
	w.run("backup").expect(t, exitDone, "-manual-")
	w.run("backup", "a", "b").expect(t, exitUsage, "backup [PATH]")
}

func TestScheduledBackup(t *testing.T) {
	w := newWorld(t)
	w.append("[backup]\ndirectory = \"copies\"\nat = \"03:30\"\nkeep = 2\n")
	must(t, os.Mkdir(filepath.Join(w.dir, "copies"), 0o700))
	w.start()
	// None was ever made, so one is made at the start.
	eventually(t, "the copy that was missed", func() bool { b := w.status().Backup; return b != nil && b.Last != nil })
	before := w.status().Backup
	w.restart()
	after := w.status().Backup
	if after == nil || after.Last == nil || !after.Last.Equal(*before.Last) || after.Size != before.Size || after.Copies != 1 {
		t.Errorf("after a restart: %+v, before: %+v", after, before)
	}
	w.run("status").expect(t, exitDone, "Backup: the last at "+before.Last.Format(time.RFC3339), "All is well.")

	// Without its directory the next start cannot make one.
	w.daemon.kill()
	must(t, os.RemoveAll(filepath.Join(w.dir, "copies")))
	w.start()
	eventually(t, "the failure", func() bool { return w.status().Backup.Error != "" })
	w.run("status").expect(t, exitFailed, "the scheduled backup failed", "there is no directory")
	w.run("doctor").expect(t, exitFailed, "FAIL  backup")
}

// append adds to the config.
func (w *world) append(text string) {
	w.Helper()
	old, err := os.ReadFile(filepath.Join(w.dir, "slotd.toml"))
	must(w.T, err)
	w.write("slotd.toml", string(old)+"\n"+text)
}
