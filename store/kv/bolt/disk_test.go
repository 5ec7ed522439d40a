package bolt

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"go.etcd.io/bbolt"

	"slotd/store/kv"
)

// disk is what would be left of a database after a power cut. Of the head pages only those are left that a sync which
// succeeded was about; of the other pages all, because a commit writes and syncs these first.
type disk struct {
	t    *testing.T
	path string

	mu     sync.Mutex
	head   []byte
	commit func(tx *bbolt.Tx) error // instead of a good one
	sick   bool                     // the head cannot be synced
	syncs  int                      // that were tried
}

// openOnDisk opens a new database on a disk that can fail.
func openOnDisk(t *testing.T) (*DB, *disk) {
	t.Helper()
	db := mustOpen(t, newFile(t))
	d := &disk{t: t, path: db.Path()}
	d.synced()
	db.commitTx = func(tx *bbolt.Tx) error {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.commit != nil {
			return d.commit(tx)
		}
		err := tx.Commit()
		if err == nil {
			d.synced()
		}
		return err
	}
	db.syncFile = func(f *os.File) error {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.syncs++
		if d.sick {
			return syscall.EROFS
		}
		d.synced()
		return f.Sync()
	}
	return db, d
}

// set replaces the commit and says whether the head can be synced.
func (d *disk) set(commit func(*bbolt.Tx) error, sick bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.commit, d.sick = commit, sick
}

// synced takes the head pages as they are now for those on the disk.
func (d *disk) synced() {
	f, err := os.Open(d.path)
	if err != nil {
		d.t.Error(err)
		return
	}
	d.head = make([]byte, 2*os.Getpagesize())
	_, err = f.ReadAt(d.head, 0)
	if err := errors.Join(err, f.Close()); err != nil {
		d.t.Error(err)
	}
}

func (d *disk) read() []byte {
	b, err := os.ReadFile(d.path)
	if err != nil {
		d.t.Error(err)
	}
	return b
}

// powerCut opens what would be left now, and wants its pages in order and these keys in it. d.mu is held or nobody
// commits.
func (d *disk) powerCut(keys ...string) {
	d.t.Helper()
	path := filepath.Join(d.t.TempDir(), "left.db")
	left := d.read()
	copy(left, d.head)
	if err := os.WriteFile(path, left, 0o600); err != nil {
		d.t.Fatal(err)
	}
	db, err := Open(path, Options{})
	if err != nil {
		d.t.Errorf("after a power cut: %v", err)
		return
	}
	defer func() { _ = db.Close() }()
	if err := db.Check(d.t.Context()); err != nil {
		d.t.Errorf("after a power cut: %v", err)
	}
	for _, key := range keys {
		if !has(d.t, db, key) {
			d.t.Errorf("after a power cut %q is not there", key)
		}
	}
}

// failure is a way in which a commit fails with an unknown outcome.
type failure struct {
	name    string
	commit  func(db *DB, d *disk, tx *bbolt.Tx) error
	visible bool // afterwards
}

var errIO = &os.PathError{Op: "write", Path: "slotd.db", Err: syscall.EIO}

func failures() []failure {
	return []failure{
		{"nothing was written", func(*DB, *disk, *bbolt.Tx) error { return errIO }, false},
		{"the sync failed, it is on the disk", func(_ *DB, d *disk, tx *bbolt.Tx) error {
			err := tx.Commit()
			d.synced()
			return errors.Join(err, errIO)
		}, true},
		{"the sync failed, it is in the cache only", cacheOnly, true},
		{"the sync failed, and the cache forgot it", func(_ *DB, d *disk, tx *bbolt.Tx) error {
			err := tx.Commit()
			d.write(d.head, 0)
			return errors.Join(err, errIO)
		}, false},
		{"the head is torn", func(_ *DB, d *disk, tx *bbolt.Tx) error {
			slot := tx.ID() % 2
			err := tx.Commit()
			d.write(make([]byte, 8), slot*os.Getpagesize()+pageHeaderSize+48) // its txid
			return errors.Join(err, errIO)
		}, false},
		{"bbolt panicked before it wrote", func(*DB, *disk, *bbolt.Tx) error { panic("page 7 already freed") }, false},
		{"bbolt panicked after it wrote", func(_ *DB, _ *disk, tx *bbolt.Tx) error {
			tx.OnCommit(func() { panic("page 7 already freed") })
			return tx.Commit()
		}, true},
		{"bbolt's lock is never released", func(db *DB, _ *disk, tx *bbolt.Tx) error {
			db.current.stuck = true
			err := tx.Rollback()
			_, beginErr := db.current.bolt.Begin(true)
			return errors.Join(err, beginErr, errIO)
		}, false},
	}
}

func cacheOnly(_ *DB, _ *disk, tx *bbolt.Tx) error { return errors.Join(tx.Commit(), errIO) }

// fail lets an Update that puts key fail.
func (d *disk) fail(db *DB, f func(*DB, *disk, *bbolt.Tx) error, sick bool, key string) {
	d.t.Helper()
	d.set(func(tx *bbolt.Tx) error { return f(db, d, tx) }, sick)
	if err := db.Update(d.t.Context(), put(key)); !errors.Is(err, kv.ErrUncertain) {
		d.t.Errorf("Update = %v, want %v", err, kv.ErrUncertain)
	}
	d.set(nil, sick)
}

func (d *disk) write(b []byte, at int) {
	f, err := os.OpenFile(d.path, os.O_RDWR, 0)
	if err != nil {
		d.t.Error(err)
		return
	}
	_, err = f.WriteAt(b, int64(at))
	if err := errors.Join(err, f.Close()); err != nil {
		d.t.Error(err)
	}
}

// book puts key unless it is there, as a caller does that asks again.
func book(t *testing.T, db *DB, key string) (found bool, err error) {
	t.Helper()
	err = db.Update(t.Context(), func(tx kv.Tx) error {
		v, err := tx.Get(key)
		if found = v != nil; !found {
			tx.Put(key, []byte("2"))
		}
		return err
	})
	return found, err
}
