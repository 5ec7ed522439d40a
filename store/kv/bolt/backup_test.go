package bolt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"slotd/store/kv"
)

func fill(t *testing.T, db *DB, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		err := db.Update(t.Context(), func(tx kv.Tx) error {
			tx.Put(fmt.Sprintf("key/%06d", i), make([]byte, 500))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func copyTo(ctx context.Context, t *testing.T, db *DB, path string) error {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	n, err := db.Copy(ctx, f, nil)
	if info, statErr := f.Stat(); statErr != nil || err == nil && info.Size() != n {
		t.Errorf("%d bytes reported: %v %v", n, info, statErr)
	}
	return errors.Join(err, f.Close())
}

func TestCopyHoldsAllThatWasAcknowledgedBefore(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.db")
	if err := Create(path); err != nil {
		t.Fatal(err)
	}
	db, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	fill(t, db, 0, 200)
	var wg sync.WaitGroup
	wg.Go(func() { fill(t, db, 200, 400) }) // beside the copy
	err = copyTo(t.Context(), t, db, filepath.Join(dir, "copy.db"))
	wg.Wait()
	if err != nil {
		t.Fatal(err)
	}
	copied, err := Open(filepath.Join(dir, "copy.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = copied.Close() })
	n := 0
	err = copied.View(t.Context(), func(r kv.Reader) error {
		n = 0
		for item, err := range r.Scan("key/", "") {
			if err != nil {
				return err
			}
			if want := fmt.Sprintf("key/%06d", n); item.Key != want {
				t.Errorf("%s, want %s: a later commit without an earlier one", item.Key, want)
			}
			n++
		}
		return nil
	})
	if err != nil || n < 200 {
		t.Errorf("%d keys, %v", n, err)
	}
	if err := errors.Join(copied.Check(t.Context()), db.Check(t.Context())); err != nil {
		t.Error(err)
	}
}

func TestCopyEndsWithItsContextAndWithTheEngine(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.db")
	if err := Create(path); err != nil {
		t.Fatal(err)
	}
	db, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := copyTo(ctx, t, db, filepath.Join(dir, "1")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := copyTo(t.Context(), t, db, filepath.Join(dir, "2")); !errors.Is(err, kv.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if err := db.Check(t.Context()); !errors.Is(err, kv.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

// slowDisk lets a write end only when it is released.
type slowDisk struct {
	once             sync.Once
	writing, release chan struct{}
}

func (s *slowDisk) Write(p []byte) (int, error) {
	s.once.Do(func() { close(s.writing) })
	<-s.release
	return len(p), nil
}

func TestNobodyWaitsForACopyWhileTheFileGrows(t *testing.T) {
	db := openNew(t)
	disk := &slowDisk{writing: make(chan struct{}), release: make(chan struct{})}
	copied := make(chan error, 1)
	go func() {
		_, err := db.Copy(t.Context(), disk, nil)
		copied <- err
	}()
	<-disk.writing
	release := sync.OnceFunc(func() { close(disk.release) })
	defer release()     // Close waits for the copy
	for i := range 90 { // 80 MB
		err := db.Update(t.Context(), func(tx kv.Tx) error {
			for j := range 1 {
				tx.Put(fmt.Sprintf("large/%d/%d", i, j), make([]byte, 900<<10))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if !has(t, db, "large/89/0") {
		t.Error("the last commit is not there")
	}
	release()
	if err := <-copied; err != nil {
		t.Error(err)
	}
}

func TestTheMappingLeavesRoomToGrow(t *testing.T) {
	for size, want := range map[int64]int{0: 1 << 30, 400 << 20: 1 << 30, 3 << 30: 6 << 30} {
		if got := mappingFor(size, 64); got != want {
			t.Errorf("%d bytes are mapped for a file of %d, want %d", got, size, want)
		}
		if got := mappingFor(size, 32); got != 64<<20 {
			t.Errorf("%d bytes are mapped for a file of %d on 32 bits", got, size)
		}
	}
}
