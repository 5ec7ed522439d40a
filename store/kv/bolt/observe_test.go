package bolt

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"slotd/store/kv"
)

// TestCommitted: every commit is told of, also one that fails; what writes nothing is none.
func TestCommitted(t *testing.T) {
	type commit struct {
		callers int
		err     error
	}
	var got []commit // by the committer, which has ended when Close returns
	db, err := Open(newFile(t), Options{Committed: func(took time.Duration, callers int, err error) {
		if took <= 0 {
			t.Errorf("a commit took %s", took)
		}
		got = append(got, commit{callers, err})
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(t.Context(), put("a")); err != nil {
		t.Fatal(err)
	}
	if err := db.Update(t.Context(), func(tx kv.Tx) error { _, err := tx.Get("a"); return err }); err != nil {
		t.Fatal(err)
	}
	if err := db.Update(t.Context(), func(kv.Tx) error { return errors.New("no") }); err == nil {
		t.Fatal("an fn that failed was committed")
	}
	db.commitTx = func(*bbolt.Tx) error { return syscall.ENOSPC }
	if err := db.Update(t.Context(), put("b")); !errors.Is(err, kv.ErrFull) {
		t.Fatalf("Update = %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0] != (commit{1, nil}) || got[1].callers != 1 || !errors.Is(got[1].err, kv.ErrFull) {
		t.Errorf("told of %v", got)
	}
}
