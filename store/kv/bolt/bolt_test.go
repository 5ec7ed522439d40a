package bolt

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"

	"go.etcd.io/bbolt"

	"slotd/store/kv"
	"slotd/store/kv/kvtest"
)

func TestEngine(t *testing.T) {
	kvtest.Run(t, func(t *testing.T) kv.DB { return openNew(t) })
}

func TestReopen(t *testing.T) {
	kvtest.RunReopen(t, func(t *testing.T, dir string) kv.DB {
		path := filepath.Join(dir, "slotd.db")
		if err := Create(path); err != nil && !errors.Is(err, os.ErrExist) {
			t.Fatal(err)
		}
		return mustOpen(t, path)
	})
}

// newFile creates a database and returns its path.
func newFile(tb testing.TB) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "slotd.db")
	if err := Create(path); err != nil {
		tb.Fatal(err)
	}
	return path
}

func mustOpen(tb testing.TB, path string) *DB {
	tb.Helper()
	db, err := Open(path, Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return db
}

// openNew opens a new database. Closing it twice is fine.
func openNew(tb testing.TB) *DB {
	tb.Helper()
	db := mustOpen(tb, newFile(tb))
	tb.Cleanup(func() { _ = db.Close() })
	return db
}

func put(key string) func(kv.Tx) error {
	return func(tx kv.Tx) error { tx.Put(key, []byte("1")); return nil }
}

func has(t *testing.T, db *DB, key string) bool {
	t.Helper()
	found := false
	err := db.View(t.Context(), func(r kv.Reader) error {
		v, err := r.Get(key)
		found = v != nil
		return err
	})
	if err != nil {
		t.Errorf("View: %v", err)
	}
	return found
}

// TestAcknowledgedIsInTheFile copies the file behind the engine's back, as a crash would leave it.
func TestAcknowledgedIsInTheFile(t *testing.T) {
	db := openNew(t)
	if err := db.Update(t.Context(), put("a")); err != nil {
		t.Fatal(err)
	}
	bytes, err := os.ReadFile(db.Path())
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(bytes)) != db.Size() {
		t.Errorf("Size = %d, want %d", db.Size(), len(bytes))
	}
	path := filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(path, bytes, 0o600); err != nil {
		t.Fatal(err)
	}
	crashed := mustOpen(t, path)
	defer func() { _ = crashed.Close() }()
	if !has(t, crashed, "a") {
		t.Error("an acknowledged write is not in the file")
	}
}

// TestReadOnlyUpdateCostsNoSync: an Update that decides to write nothing must not wait for the disk.
func TestReadOnlyUpdateCostsNoSync(t *testing.T) {
	db := openNew(t)
	commits := 0
	db.commitTx = func(tx *bbolt.Tx) error { commits++; return tx.Commit() }
	failed := errors.New("taken")
	for range 5 {
		if err := db.Update(t.Context(), func(tx kv.Tx) error { _, err := tx.Get("a"); return err }); err != nil {
			t.Error(err)
		}
		err := db.Update(t.Context(), func(tx kv.Tx) error { tx.Put("a", nil); return failed })
		if !errors.Is(err, failed) {
			t.Error(err)
		}
	}
	_ = db.Close()
	if commits != 0 {
		t.Errorf("%d commits, want none", commits)
	}
}

// TestPanicKeepsItsStack: who debugs a panic needs the value as it was, and the frames below it.
func TestPanicKeepsItsStack(t *testing.T) {
	db := openNew(t)
	value := &struct{ n int }{1}
	defer func() {
		if p := recover(); p != value {
			t.Errorf("panic with %v, want the value of fn", p)
		}
	}()
	_ = db.Update(t.Context(), func(kv.Tx) error { panic(value) })
}

// TestGoexitInFn: t.Fatal inside an fn must not take the committer with it.
func TestGoexitInFn(t *testing.T) {
	db := openNew(t)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = db.Update(t.Context(), func(tx kv.Tx) error { tx.Put("a", nil); runtime.Goexit(); return nil })
	}()
	<-ended
	if err := db.Update(t.Context(), put("b")); err != nil {
		t.Fatal(err)
	}
	if has(t, db, "a") {
		t.Error("a goroutine that ended left a write behind")
	}
}

// TestBubble: everything that waits must wait on channels, or virtual time stands still.
func TestBubble(t *testing.T) {
	path := newFile(t)
	synctest.Test(t, func(t *testing.T) {
		db := mustOpen(t, path)
		batches := make(chan kv.Batch, 10)
		var end error
		go func() {
			for b, err := range db.Follow(t.Context(), "") {
				if end = err; err == nil {
					batches <- b
				}
			}
			close(batches)
		}()
		synctest.Wait()
		for range 3 {
			if err := db.Update(t.Context(), put("a")); err != nil {
				t.Error(err)
			}
			synctest.Wait()
		}
		if len(batches) != 4 {
			t.Errorf("%d batches, want a reset and 3 commits", len(batches))
		}
		if _, err := Open(path, Options{}); !errors.Is(err, ErrLocked) {
			t.Errorf("second Open = %v, want %v", err, ErrLocked)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if !errors.Is(end, kv.ErrClosed) {
			t.Errorf("Follow ended with %v", end)
		}
	})
}
