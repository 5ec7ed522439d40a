// Package bolt is the embedded engine: package kv on one bbolt file, for one process.
//
// Every commit is on disk before Update returns. One goroutine owns the writes: while one group of callers waits for
// the disk the next group gathers, and each group, of whatever size, costs one bbolt transaction. Nothing waits for a
// group to fill. Readers use bbolt's own snapshots and never wait for writers.
//
// A file that is damaged, or that never was one of ours, leads to an error and not to a panic. When a disk is full or
// refuses writes, Updates fail and Views go on; with the cause ends the failure. After a write with an unknown outcome no
// Update is answered before the file has been opened anew and synced; see reopen.go.
package bolt

import (
	"context"
	"os"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"slotd/store/kv"
)

var (
	bucketMeta = []byte("slotd") // what the file is
	bucketData = []byte("data")  // every key of kv
	keyFormat  = []byte("format")
)

// DB is an open database. It implements [kv.DB]; all methods may be called concurrently.
//
// View and Update must not be called from within an fn of either: a writer may have to wait for readers, and readers
// for it.
type DB struct {
	path    string
	options bbolt.Options // of Open
	feed    feed

	mu      sync.Mutex // guards what follows; held for moments only
	current *handle    // nil while there is nothing to read; see reopen
	doubt   error      // see Doubt

	queue    chan call     // a caller that got in has its fn run in the current group
	closing  chan struct{} // closed when Close was called
	closed   chan struct{} // closed when the committer has ended; closeErr is set then
	once     sync.Once
	closeErr error

	committed func(took time.Duration, callers int, err error) // see Options; may be nil

	// Owned by the committer, which alone changes current and doubt, and so reads them without the mutex.
	old   *handle   // retired and not yet closed
	tried time.Time // when it last tried to reopen

	// The writing calls, except in tests of failing disks.
	commitTx func(*bbolt.Tx) error
	syncFile func(*os.File) error
}

var _ kv.DB = (*DB)(nil)

func newDB(path string, o bbolt.Options, h *handle) *DB {
	db := &DB{
		path:     path,
		options:  o,
		current:  h,
		queue:    make(chan call),
		closing:  make(chan struct{}),
		closed:   make(chan struct{}),
		commitTx: (*bbolt.Tx).Commit,
		syncFile: (*os.File).Sync,
	}
	go db.serve()
	return db
}

// Path returns the path that the database was opened with.
func (db *DB) Path() string { return db.path }

// Size returns the size of the file in bytes, and 0 after Close. The file never shrinks: space that deletes freed is
// used again.
func (db *DB) Size() int64 {
	db.mu.Lock()
	h := db.current
	db.mu.Unlock()
	if h == nil {
		return 0
	}
	info, err := h.file.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}

// Close ends the engine: the group that is being committed is finished, callers still waiting for a place in one get
// [kv.ErrClosed], and so does every later call and every follower. It waits for Views that are running. Calling it
// again is fine and returns the same result.
func (db *DB) Close() error {
	db.once.Do(func() { close(db.closing) })
	<-db.closed
	return db.closeErr
}

// View implements [kv.DB].
func (db *DB) View(ctx context.Context, fn func(kv.Reader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return db.view(func(r *reader) error { return fn(r) })
}

// view runs fn on a snapshot. The reader knows the id of the last commit that the snapshot holds.
func (db *DB) view(fn func(*reader) error) error {
	tx, err := db.read()
	if err != nil {
		return err
	}
	defer tx.end()
	r := &reader{id: tx.ID()}
	if err := guard(func() error { r.data = tx.Bucket(bucketData); return nil }); err != nil {
		return err
	}
	if r.data == nil {
		return errDamaged
	}
	if err := fn(r); err != nil {
		return err
	}
	return r.err
}

func (db *DB) isClosing() bool {
	select {
	case <-db.closing:
		return true
	default:
		return false
	}
}
