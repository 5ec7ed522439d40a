package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"slotd/internal/admin"
	"slotd/internal/config"
	"slotd/store"
	"slotd/store/kv"
	"slotd/store/kv/bolt"
)

func TestAheadOf(t *testing.T) {
	sent := time.Date(2026, 11, 22, 12, 0, 0, 500_000_000, time.UTC)
	received := sent.Add(2 * time.Second)
	for _, c := range []struct {
		name, date, age string
		want            time.Duration
		ok              bool
	}{
		{"the same", "Sun, 22 Nov 2026 12:00:01 GMT", "", 0, true},
		{"in the second of the request", "Sun, 22 Nov 2026 12:00:00 GMT", "", 0, true},
		{"ahead", "Sun, 22 Nov 2026 11:50:00 GMT", "", 10*time.Minute - 500*time.Millisecond, true},
		{"behind", "Sun, 22 Nov 2026 12:10:02 GMT", "0", -10*time.Minute + 500*time.Millisecond, true},
		{"out of a cache", "Sun, 22 Nov 2026 11:50:00 GMT", "600", 0, false},
		{"no date", "", "", 0, false},
		{"no such date", "yesterday", "", 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := http.Header{"Date": {c.date}, "Age": {c.age}}
			if got, ok := aheadOf(h, sent, received); got != c.want || ok != c.ok {
				t.Errorf("%v %v, want %v %v", got, ok, c.want, c.ok)
			}
		})
	}
}

func TestDailyRunsOncePerDay(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		at   int
		from time.Time
		want []string
	}{
		{"an ordinary day", 210, time.Date(2026, 6, 1, 4, 0, 0, 0, berlin),
			[]string{"2026-06-02T03:30:00+02:00", "2026-06-03T03:30:00+02:00"}},
		{"clocks go forward over it", 150, time.Date(2026, 3, 28, 12, 0, 0, 0, berlin),
			[]string{"2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"}},
		{"clocks go back over it", 150, time.Date(2026, 10, 24, 12, 0, 0, 0, berlin),
			[]string{"2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, now := daily{c.at, berlin}, c.from
			for _, want := range c.want {
				now = d.Next(now)
				if got := now.Format(time.RFC3339); got != want {
					t.Errorf("%s, want %s", got, want)
				}
			}
		})
	}
}

func TestStorageRemembersARefusalUntilACommitSucceeds(t *testing.T) {
	s := newStorage(filepath.Join(t.TempDir(), "slotd.db"))
	for _, c := range []struct {
		err     error
		refuses string
	}{
		{nil, ""},
		{fmt.Errorf("commit: %w", kv.ErrFull), "store is full"},
		{kv.ErrUncertain, "store is full"},
		{kv.ErrReadOnly, "store is read-only"},
		{nil, ""},
	} {
		s.committed(c.err)
		got := s.status()
		if got.Refuses != c.refuses || (got.RefusesSince != nil) != (c.refuses != "") || got.Total == 0 {
			t.Errorf("after %v: %+v", c.err, got)
		}
	}
}

func TestAProblemIsToldWhenItBeginsAndWhenItIsOver(t *testing.T) {
	h := newHealth(t.TempDir())
	step := func(problems []problem, begun, over int) {
		t.Helper()
		if b, o := h.compare(problems); len(b) != begun || len(o) != over {
			t.Errorf("%v began and %v is over; want %d and %d", b, o, begun, over)
		}
	}
	step([]problem{{"disk", "1 kB left"}, {"", "logged elsewhere"}}, 1, 0)
	step([]problem{{"disk", "0 kB left"}}, 0, 0)
	step([]problem{{"disk", "0 kB left"}, {"outbox", "stuck"}}, 1, 0)
	step(nil, 0, 2)
	step([]problem{{"disk", "0 kB left"}}, 1, 0)
}

// shelf is a store with a directory for its copies.
type shelf struct {
	*backups
	t   *testing.T
	dir string
	id  string
}

func newShelf(t *testing.T, keep int) *shelf {
	t.Helper()
	path, dir := filepath.Join(t.TempDir(), "slotd.db"), t.TempDir()
	check(t, bolt.Create(path))
	db, err := bolt.Open(path, bolt.Options{})
	check(t, err)
	t.Cleanup(func() { _ = db.Close() })
	check(t, store.Create(t.Context(), db, time.Now()))
	st, err := store.Open(t.Context(), db)
	check(t, err)
	s := &shelf{backups: newBackups(db, st.ID()), t: t, dir: dir, id: st.ID()}
	s.configure(&config.Config{
		Business: config.Business{Zone: time.UTC}, Backup: config.Backup{Directory: dir, At: 210, Keep: keep},
	})
	return s
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *shelf) touch(name string) {
	s.t.Helper()
	check(s.t, os.WriteFile(filepath.Join(s.dir, name), []byte("x"), 0o600))
}

func (s *shelf) names() []string {
	s.t.Helper()
	entries, err := os.ReadDir(s.dir)
	check(s.t, err)
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func TestRetentionRemovesOnlyItsOwnOldCopies(t *testing.T) {
	s := newShelf(t, 2)
	now := time.Now()
	others := []string{
		"slotd.db", "notes.txt", backupName(s.id, "manual-", now.AddDate(0, 0, -9)),
		backupName("anotherstore", "", now.AddDate(0, 0, -9)), backupPrefix(s.id) + "before-the-upgrade.db",
		tempPrefix + "of-a-copy-that-runs",
	}
	for _, name := range others {
		s.touch(name)
	}
	for day := range 5 {
		s.touch(backupName(s.id, "", now.AddDate(0, 0, -day-1)))
	}
	old := tempPrefix + "of-a-killed-process"
	s.touch(old)
	check(t, os.Chtimes(filepath.Join(s.dir, old), now, now.AddDate(0, 0, -2)))
	s.look()
	if s.due(now) {
		t.Error("a copy of yesterday is not old")
	}

	made, err := s.scheduled(t.Context())
	check(t, err)
	want := append(slices.Clone(others), filepath.Base(made.Path), backupName(s.id, "", now.AddDate(0, 0, -1)))
	slices.Sort(want)
	if got := s.names(); !slices.Equal(got, want) {
		t.Errorf("left:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	st := s.status(now)
	if st.Copies != 2 || st.Size != made.Size || st.Last == nil || now.Sub(*st.Last) > time.Minute || st.Error != "" {
		t.Errorf("status %+v", st)
	}
	info, err := os.Stat(made.Path)
	check(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the copy has mode %o", info.Mode().Perm())
	}
}

func TestAFailedBackupIsAProblemUntilOneSucceeds(t *testing.T) {
	s := newShelf(t, 2)
	long := time.Now().Add(-time.Hour)
	if got := backupTrouble(s.status(time.Now()), time.Now(), long); !strings.Contains(got, "there is no backup") {
		t.Errorf("none yet: %q", got)
	}
	if got := backupTrouble(s.status(time.Now()), time.Now(), time.Now()); got != "" {
		t.Errorf("just started: %q", got)
	}
	check(t, os.Rename(s.dir, s.dir+".away"))
	if _, err := s.scheduled(t.Context()); err == nil || !strings.Contains(err.Error(), "there is no directory") {
		t.Errorf("error %v", err)
	}
	if got := backupTrouble(s.status(time.Now()), time.Now(), long); !strings.Contains(got, "failed") {
		t.Errorf("failed: %q", got)
	}
	check(t, os.Rename(s.dir+".away", s.dir))
	_, err := s.scheduled(t.Context())
	check(t, err)
	if got := backupTrouble(s.status(time.Now()), time.Now(), long); got != "" {
		t.Errorf("made: %q", got)
	}
	tomorrow := time.Now().Add(27 * time.Hour)
	if got := backupTrouble(s.status(tomorrow), tomorrow, long); !strings.Contains(got, "old") || !s.due(tomorrow) {
		t.Errorf("too old: %q", got)
	}
}

func TestABackupReplacesNothingAndLeavesNothingHalf(t *testing.T) {
	s := newShelf(t, 2)
	s.touch("taken.db")
	check(t, os.Symlink("nowhere", filepath.Join(s.dir, "link.db")))
	cancelled, cancel := context.WithCancel(t.Context())
	for _, c := range []struct{ name, path, want string }{
		{"a file", filepath.Join(s.dir, "taken.db"), "there is a file already"},
		{"a dangling link", filepath.Join(s.dir, "link.db"), "there is a file already"},
		{"the database itself", s.db.Path(), "there is a file already"},
		{"no directory", filepath.Join(s.dir, "missing", "copy.db"), "there is no directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := s.make(t.Context(), c.path, nil); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %s", err, c.want)
			}
		})
	}
	_, err := s.make(cancelled, filepath.Join(s.dir, "copy.db"), func(int64, int64) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if got := s.names(); !slices.Equal(got, []string{"link.db", "taken.db"}) {
		t.Errorf("left: %v", got)
	}
}

func TestPublishNeverReplaces(t *testing.T) {
	dir := t.TempDir()
	temp, path := filepath.Join(dir, "temp"), filepath.Join(dir, "there")
	check(t, os.WriteFile(temp, []byte("new"), 0o600))
	check(t, os.WriteFile(path, []byte("old"), 0o600))
	if err := publish(temp, path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("error %v", err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "old" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestExamineFindsWhatIsWrongHere(t *testing.T) {
	f := &findings{}
	for address, want := range map[string]admin.CheckStatus{
		"127.0.0.1:8081": admin.CheckOK, "[::1]:8081": admin.CheckOK, "localhost:8081": admin.CheckOK,
		"unix:/run/slotd.sock": admin.CheckOK, "0.0.0.0:8081": admin.CheckWarning, ":8081": admin.CheckWarning,
		"192.0.2.7:8081": admin.CheckWarning,
	} {
		f.checks = nil
		f.adminAddress(address)
		if f.checks[0].Status != want {
			t.Errorf("%s: %+v", address, f.checks[0])
		}
	}
	for ahead, want := range map[time.Duration]admin.CheckStatus{
		0: admin.CheckOK, 20 * time.Second: admin.CheckOK, -time.Minute: admin.CheckWarning,
		10 * time.Minute: admin.CheckFailed, -10 * time.Minute: admin.CheckFailed,
	} {
		f.checks = nil
		f.clockOf("provider.example", dated{ahead: ahead, ok: true})
		if f.checks[0].Status != want {
			t.Errorf("%s: %+v", ahead, f.checks[0])
		}
	}
}
