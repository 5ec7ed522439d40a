package bolt

import (
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"

	"slotd/store/kv"
)

// TestUncertainCommit: whatever became of a commit, the caller who asks again gets an answer, and it stays true after a
// power cut, also one between the two syncs of a later commit. As long as the disk is sick nobody gets an answer, and
// reads go on.
func TestUncertainCommit(t *testing.T) {
	for _, f := range failures() {
		for _, sick := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, sick %t", f.name, sick), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { testUncertainCommit(t, f, sick) })
			})
		}
	}
}

func testUncertainCommit(t *testing.T, f failure, sick bool) {
	db, d := openOnDisk(t)
	defer func() { _ = db.Close() }()
	if _, err := book(t, db, "a"); err != nil {
		t.Fatal(err)
	}
	d.fail(db, f.commit, sick, "b")
	if sick {
		d.wantDoubt(db)
		d.set(nil, false)
		time.Sleep(2 * retryPause) // it heals by itself
		if err := db.Doubt(); err != nil {
			t.Errorf("on a disk that is well again: %v", err)
		}
	}
	found, err := book(t, db, "b")
	if err != nil || found != f.visible {
		t.Errorf("asked again: %t, %v; want %t", found, err, f.visible)
	}
	d.powerCut("a", "b")
	for _, key := range []string{"c", "d", "e"} {
		d.set(func(tx *bbolt.Tx) error {
			err := tx.Commit()
			d.powerCut("a", "b")
			d.synced()
			return err
		}, false)
		if err := db.Update(t.Context(), put(key)); err != nil {
			t.Error(err)
		}
	}
	if err := errors.Join(db.Check(t.Context()), db.Doubt(), db.Close()); err != nil {
		t.Error(err)
	}
	d.powerCut("a", "b", "c", "d", "e")
}

// wantDoubt wants a store that says why it decides nothing, and can be read.
func (d *disk) wantDoubt(db *DB) {
	d.t.Helper()
	for range 10 {
		_, err := book(d.t, db, "b")
		if !errors.Is(err, kv.ErrUncertain) || errors.Is(err, kv.ErrReadOnly) || errors.Is(err, syscall.EROFS) {
			d.t.Errorf("on a sick disk: %v, want %v and nothing else", err, kv.ErrUncertain)
		}
		if err := db.Doubt(); err == nil || !strings.Contains(err.Error(), "read-only") {
			d.t.Errorf("Doubt = %v, want the reason", err)
		}
		if !has(d.t, db, "a") {
			d.t.Error("a reader lost what was there")
		}
		if _, err := Open(d.path, Options{LockTimeout: 1}); !errors.Is(err, ErrLocked) {
			d.t.Errorf("another process opened the file: %v", err)
		}
		time.Sleep(retryPause / 5)
	}
	d.powerCut("a")
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.syncs < 2 || d.syncs > 4 {
		d.t.Errorf("%d tries in %s, want one in %s", d.syncs, 2*retryPause, retryPause)
	}
}

// TestViewsDuringReopen: a View that began before keeps its snapshot to the end, new ones do not wait for it, and no
// commit reuses its pages.
func TestViewsDuringReopen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, d := openOnDisk(t)
		defer func() { _ = db.Close() }()
		fill(t, db, 0, 50)
		unchanged := viewUntil(t, db)
		d.fail(db, cacheOnly, false, "b")
		if !has(t, db, "b") { // after the handles were changed, before the long View has ended
			t.Error("a new View does not see what is in the file")
		}
		if _, err := book(t, db, "b"); !errors.Is(err, kv.ErrUncertain) {
			t.Errorf("while a View of the old handle runs: %v, want %v", err, kv.ErrUncertain)
		}
		unchanged()
		time.Sleep(retryPause)
		if found, err := book(t, db, "b"); err != nil || !found {
			t.Errorf("after the View: %t, %v", found, err)
		}
		fill(t, db, 0, 50)
		if err := errors.Join(db.Check(t.Context()), db.Close()); err != nil {
			t.Error(err)
		}
		d.powerCut("b", "key/000049")
	})
}

// viewUntil begins a View that goes on until the returned function is called, and reads the same at both ends.
func viewUntil(t *testing.T, db *DB) (end func()) {
	t.Helper()
	begun, ended, read := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		read <- db.View(t.Context(), func(r kv.Reader) error {
			before := keys(r)
			close(begun)
			<-ended
			if after := keys(r); before != after {
				return fmt.Errorf("a View read %d bytes, then %d others", len(before), len(after))
			}
			return nil
		})
	}()
	<-begun
	return func() {
		t.Helper()
		close(ended)
		if err := <-read; err != nil {
			t.Error(err)
		}
	}
}

// keys returns what a snapshot holds, as a text.
func keys(r kv.Reader) string {
	var all strings.Builder
	for item, err := range r.Scan("", "") {
		if err != nil {
			return err.Error()
		}
		fmt.Fprintf(&all, "%s=%x ", item.Key, crc32.ChecksumIEEE(item.Value))
	}
	return all.String()
}

// TestCopyEndsWithReopen: a copy is long, and commits do not wait for it.
func TestCopyEndsWithReopen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, d := openOnDisk(t)
		defer func() { _ = db.Close() }()
		out := &slowDisk{writing: make(chan struct{}), release: make(chan struct{})}
		copied := make(chan error, 1)
		go func() {
			_, err := db.Copy(t.Context(), out, nil)
			copied <- err
		}()
		<-out.writing
		d.fail(db, cacheOnly, false, "b")
		synctest.Wait() // for the reopening, which waits for the copy
		close(out.release)
		if err := <-copied; !errors.Is(err, errReopened) {
			t.Errorf("Copy = %v, want %v", err, errReopened)
		}
		if found, err := book(t, db, "b"); err != nil || !found {
			t.Errorf("%t, %v", found, err)
		}
	})
}

// TestFollowOverReopen: followers learn how a doubtful commit ended when that is known. One that saw what was lost
// misses nothing of what is then committed under the same id.
func TestFollowOverReopen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, d := openOnDisk(t)
		defer func() { _ = db.Close() }()
		follow := func() chan kv.Batch {
			seen := make(chan kv.Batch, 10)
			go func() {
				for b, err := range db.Follow(t.Context(), "") {
					if err == nil {
						seen <- b
					}
				}
			}()
			synctest.Wait()
			return seen
		}
		want := func(seen chan kv.Batch, reset bool, keys string) {
			t.Helper()
			synctest.Wait()
			if len(seen) == 0 {
				t.Fatal("a follower got nothing")
			}
			got := ""
			b := <-seen
			for _, c := range b.Changes {
				got += c.Key
			}
			if b.Reset != reset || got != keys || len(seen) > 0 {
				t.Errorf("a follower got reset %t, %q, and %d more; want %t, %q", b.Reset, got, len(seen), reset, keys)
			}
		}
		early := follow()
		want(early, true, "")
		d.fail(db, cacheOnly, true, "b")
		synctest.Wait()
		if len(early) > 0 {
			t.Errorf("a follower was told of a commit whose end nobody knows: %+v", <-early)
		}
		late := follow()
		want(late, true, "b")
		d.mu.Lock()
		d.write(d.head, 0) // the cache forgets
		d.mu.Unlock()
		d.set(nil, false)
		time.Sleep(2 * retryPause)
		want(early, true, "")
		want(late, true, "")
		if err := db.Update(t.Context(), put("c")); err != nil {
			t.Error(err)
		}
		want(early, false, "c")
		want(late, false, "c")
	})
}

// TestCloseInDoubt: Close says that something is left open, and the next Open settles it.
func TestCloseInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, d := openOnDisk(t)
		d.fail(db, cacheOnly, true, "b")
		if err := db.Close(); !errors.Is(err, kv.ErrUncertain) {
			t.Errorf("Close = %v, want %v", err, kv.ErrUncertain)
		}
		again := mustOpen(t, d.path)
		d.synced() // unless Open had done it, which TestOpenSettles shows
		if found, err := book(t, again, "b"); err != nil || !found {
			t.Errorf("%t, %v", found, err)
		}
		if err := again.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestCloseDuringReopen: Close ends the waiting for a View, waits for it itself, and has nothing to complain of.
func TestCloseDuringReopen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, d := openOnDisk(t)
		release := make(chan struct{})
		go func() { _ = db.View(t.Context(), func(kv.Reader) error { <-release; return nil }) }()
		synctest.Wait()
		d.fail(db, cacheOnly, false, "b")
		synctest.Wait()
		begun := time.Now()
		go func() { time.Sleep(time.Millisecond); close(release) }()
		if err := db.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
		if took := time.Since(begun); took > time.Millisecond {
			t.Errorf("Close took %s", took)
		}
		d.powerCut("b")
	})
}

// TestOpenSettles: a process that was killed between writing a head page and syncing it leaves what the next one reads
// and a power cut takes away. So Open syncs before it shows anything.
func TestOpenSettles(t *testing.T) {
	path := newFile(t)
	synced := 0
	sync := func(f *os.File) error { synced++; return f.Sync() }
	h, err := openHandle(path, bbolt.Options{}, sync)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.close(); err != nil || synced != 1 {
		t.Errorf("%d syncs, %v", synced, err)
	}
	if _, err := openHandle(path, bbolt.Options{}, func(*os.File) error { return errIO }); !errors.Is(err, syscall.EIO) {
		t.Errorf("open without a sync = %v, want %v", err, errIO)
	}
	if err := mustOpen(t, path).Close(); err != nil {
		t.Error(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if err := settle(f, (*os.File).Sync); !errors.Is(err, syscall.EBADF) {
		t.Errorf("a sync of what was not written again = %v, want a failure to write", err)
	}
}

// TestReopenFails: when the file cannot be opened again, reads go on with what is open, and writes as soon as it can.
func TestReopenFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, d := openOnDisk(t)
		defer func() { _ = db.Close() }()
		if err := db.Update(t.Context(), put("a")); err != nil {
			t.Fatal(err)
		}
		away := d.path + ".away"
		steps := []struct {
			name string
			do   func() error
		}{
			{"the file was renamed", func() error { return os.Rename(d.path, away) }},
			{"there is another database", func() error { return Create(d.path) }},
		}
		d.fail(db, func(*DB, *disk, *bbolt.Tx) error { return errors.Join(steps[0].do(), errIO) }, false, "b")
		for i, step := range steps {
			if i > 0 {
				if err := step.do(); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(2 * retryPause)
			if _, err := book(t, db, "b"); !errors.Is(err, kv.ErrUncertain) || !has(t, db, "a") {
				t.Errorf("%s: %v, want %v and the reads to go on", step.name, err, kv.ErrUncertain)
			}
		}
		if err := os.Rename(away, d.path); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * retryPause)
		if found, err := book(t, db, "b"); err != nil || found {
			t.Errorf("with the file in its place: %t, %v", found, err)
		}
	})
}

// TestLockInReopen: when the new handle fails, the file is locked again and reads go on. Should another process get hold
// of it in that moment, nothing is read from it until that process has ended.
func TestLockInReopen(t *testing.T) {
	for _, lost := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			db, d := openOnDisk(t)
			defer func() { _ = db.Close() }()
			other, err := os.Open(d.path)
			if err != nil {
				t.Fatal(err)
			}
			calls := 0
			db.syncFile = func(f *os.File) error {
				if calls++; calls != 2 { // that of the new handle
					return f.Sync()
				}
				if lost {
					err = errors.Join(syscall.Flock(int(f.Fd()), syscall.LOCK_UN),
						syscall.Flock(int(other.Fd()), syscall.LOCK_EX|syscall.LOCK_NB))
				}
				return errors.Join(err, errIO)
			}
			if err := db.Update(t.Context(), put("a")); err != nil {
				t.Fatal(err)
			}
			d.fail(db, cacheOnly, false, "b")
			synctest.Wait()
			err = db.View(t.Context(), func(kv.Reader) error { return nil })
			if lost != errors.Is(err, kv.ErrUncertain) || !lost && err != nil || lost != (db.Size() == 0) {
				t.Errorf("lock lost %t: View = %v, Size = %d", lost, err, db.Size())
			}
			if _, err := book(t, db, "b"); !errors.Is(err, kv.ErrUncertain) {
				t.Errorf("Update = %v, want %v", err, kv.ErrUncertain)
			}
			if _, err := Open(d.path, Options{LockTimeout: 1}); !errors.Is(err, ErrLocked) {
				t.Errorf("yet another process opened the file: %v", err)
			}
			if err := other.Close(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * retryPause)
			if found, err := book(t, db, "b"); err != nil || !found || !has(t, db, "a") {
				t.Errorf("after it has ended: %t, %v", found, err)
			}
		})
	}
}
