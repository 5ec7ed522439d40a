package bolt

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"slotd/store/kv"
)

// withFileLimit runs f while this process can write no file beyond size, as if the disk ended there.
func withFileLimit(t *testing.T, size int64, f func()) {
	t.Helper()
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	limit := old
	limit.Cur = uint64(size)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
			t.Fatal(err)
		}
	}()
	f()
}

// instead lets the engine's writes go to another file while f runs. What it reads comes from its mapping as before.
func instead(t *testing.T, db *DB, path string, f func()) {
	t.Helper()
	fd := int(db.current.file.Fd())
	saved, err := syscall.Dup(fd)
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Dup3(int(other.Fd()), fd, syscall.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer func() {
		err := syscall.Dup3(saved, fd, syscall.O_CLOEXEC)
		if err := errors.Join(err, syscall.Close(saved), other.Close()); err != nil {
			t.Error(err)
		}
	}()
	f()
}

// TestRoomComesBack lets commits fail at each place where room is needed. When there is room again all is as it was:
// nothing is lost, nothing half there, no page leaked, and what a View reads stays.
func TestRoomComesBack(t *testing.T) {
	db := openNew(t)
	want := map[string]bool{}
	write := func(key string) error {
		return db.Update(t.Context(), func(tx kv.Tx) error { tx.Put(key, make([]byte, 900<<10)); return nil })
	}
	for i := range 60 {
		unchanged := viewUntil(t, db)
		// Some pages can be written, or all but the file cannot grow. What fits still goes. The smallest limit is one
		// that nothing else in this process wants to exceed, as the log of go test.
		for _, limit := range []int64{1 << 20, db.Size() / 2, db.Size()} {
			key := fmt.Sprintf("fits/%d/%d", i, limit)
			withFileLimit(t, max(limit, 1<<20), func() {
				err := write(key)
				if err != nil && !errors.Is(err, kv.ErrFull) || db.Doubt() != nil {
					t.Errorf("write: %v, %v; want %v", err, db.Doubt(), kv.ErrFull)
				}
				want[key] = err == nil
			})
		}
		key := fmt.Sprintf("large/%d", i%20)
		err := db.Update(t.Context(), func(tx kv.Tx) error { tx.Delete(key); return nil })
		if err := errors.Join(err, write(key)); err != nil {
			t.Fatal(err)
		}
		want[key] = true
		unchanged()
	}
	if err := errors.Join(db.Check(t.Context()), db.Close()); err != nil {
		t.Error(err)
	}
	again := mustOpen(t, db.Path())
	defer func() { _ = again.Close() }()
	refusals := 0
	for key, there := range want {
		if has(t, again, key) != there {
			t.Errorf("%s: there %t, want %t", key, !there, there)
		}
		if !there {
			refusals++
		}
	}
	if refusals < 10 || refusals == 3*60 {
		t.Errorf("%d refusals", refusals)
	}
}

// TestWritesThatFail uses files that cannot be written, or not synced, in the place of the database.
func TestWritesThatFail(t *testing.T) {
	for _, tt := range []struct {
		path string
		want error
	}{
		{"/dev/full", kv.ErrFull},      // write: no space left
		{"/dev/null", kv.ErrUncertain}, // the first sync: invalid argument; what was written is lost
	} {
		synctest.Test(t, func(t *testing.T) {
			db := openNew(t)
			if err := db.Update(t.Context(), put("a")); err != nil {
				t.Fatal(err)
			}
			instead(t, db, tt.path, func() {
				for range 3 {
					if _, err := book(t, db, "b"); !errors.Is(err, tt.want) {
						t.Errorf("%s: Update = %v, want %v", tt.path, err, tt.want)
					}
					if !has(t, db, "a") || has(t, db, "b") {
						t.Errorf("%s: reads changed", tt.path)
					}
				}
			})
			time.Sleep(2 * retryPause)
			if found, err := book(t, db, "b"); err != nil || found {
				t.Errorf("after %s: %t, %v", tt.path, found, err)
			}
			if err := errors.Join(db.Check(t.Context()), db.Close()); err != nil {
				t.Error(err)
			}
			again := mustOpen(t, db.Path())
			defer func() { _ = again.Close() }()
			if !has(t, again, "a") || !has(t, again, "b") {
				t.Error("something is lost")
			}
		})
	}
}
