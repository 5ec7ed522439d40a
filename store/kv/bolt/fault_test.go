package bolt

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
	"testing/synctest"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"slotd/store/kv"
)

// failing returns a commit that does nothing and reports err.
func failing(err error) func(*bbolt.Tx) error {
	return func(*bbolt.Tx) error { return err }
}

func TestCommitErrors(t *testing.T) {
	wrap := func(errno syscall.Errno) error { return &os.PathError{Op: "write", Path: "slotd.db", Err: errno} }
	tests := []struct {
		err  error
		want error
	}{
		{wrap(syscall.ENOSPC), kv.ErrFull},
		{wrap(syscall.EDQUOT), kv.ErrFull},
		{wrap(syscall.EFBIG), kv.ErrFull},
		{errors.New("file resize error: " + wrap(syscall.ENOSPC).Error()), kv.ErrFull}, // as bbolt does it
		{berrors.ErrMaxSizeReached, kv.ErrFull},
		{wrap(syscall.EROFS), kv.ErrReadOnly},
		{wrap(syscall.EACCES), kv.ErrReadOnly},
		{wrap(syscall.EPERM), kv.ErrReadOnly},
		{wrap(syscall.EIO), kv.ErrUncertain},
		{errors.New("anything"), kv.ErrUncertain},
	}
	for _, tt := range tests {
		db := openNew(t)
		db.commitTx = failing(tt.err)
		if err := db.Update(t.Context(), put("a")); !errors.Is(err, tt.want) || !errors.Is(err, tt.err) {
			t.Errorf("%v: Update = %v, want %v", tt.err, err, tt.want)
		}
		if has(t, db, "a") {
			t.Errorf("%v: the write is there", tt.err)
		}
		db.commitTx = (*bbolt.Tx).Commit
		if err := db.Update(t.Context(), put("b")); err != nil { // after an uncertain one it is reopened
			t.Errorf("%v: the next Update = %v", tt.err, err)
		}
	}
}

// TestFull fills a file that may not grow.
func TestFull(t *testing.T) {
	db, err := open(newFile(t), bbolt.Options{MaxSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	n := 0
	for ; err == nil && n < 100; n++ {
		err = db.Update(t.Context(), func(tx kv.Tx) error { tx.Put(fmt.Sprint(n), make([]byte, 100_000)); return nil })
	}
	if !errors.Is(err, kv.ErrFull) {
		t.Fatalf("Update %d = %v, want %v", n, err, kv.ErrFull)
	}
	if has(t, db, fmt.Sprint(n-1)) {
		t.Error("the write that did not fit is there")
	}
	if !has(t, db, "0") {
		t.Error("a full store lost what it had")
	}
}

// TestDecisionOnFailedNeighbour: an fn that says "taken" because of a neighbour's write must not be believed when that
// write then fails. One that did not look at it is not concerned.
func TestDecisionOnFailedNeighbour(t *testing.T) {
	errTaken, errOther := errors.New("taken"), errors.New("other")
	path := newFile(t)
	synctest.Test(t, func(t *testing.T) {
		db := mustOpen(t, path)
		defer func() { _ = db.Close() }()
		db.commitTx = failing(syscall.ENOSPC)
		first, second, third := make(chan error, 1), make(chan error, 1), make(chan error, 1)
		go func() {
			first <- db.Update(t.Context(), func(tx kv.Tx) error {
				// The others come to wait while this one has the turn.
				go func() {
					second <- db.Update(t.Context(), func(tx kv.Tx) error {
						if v, _ := tx.Get("slot"); v != nil {
							return errTaken
						}
						return nil
					})
				}()
				go func() {
					third <- db.Update(t.Context(), func(kv.Tx) error { return errOther })
				}()
				hold := make(chan struct{})
				go func() { synctest.Wait(); close(hold) }()
				<-hold
				tx.Put("slot", nil)
				return nil
			})
		}()
		if err := <-first; !errors.Is(err, kv.ErrFull) {
			t.Errorf("the writer: %v, want %v", err, kv.ErrFull)
		}
		if err := <-second; !errors.Is(err, kv.ErrFull) || errors.Is(err, errTaken) {
			t.Errorf("who read the write: %v, want %v", err, kv.ErrFull)
		}
		if err := <-third; !errors.Is(err, errOther) {
			t.Errorf("who read nothing: %v, want its own error", err)
		}
	})
}
