package bolt

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"go.etcd.io/bbolt"

	"slotd/store/kv"
)

// handle is the file, opened and locked once, and bbolt's idea of it. After a failure a new one takes over; what still
// reads through the old one ends there. So no method of bbolt may be called without one of the two: being the committer,
// or being counted in readers.
type handle struct {
	file  *os.File
	bolt  *bbolt.DB
	stuck bool // owned by the committer: bbolt stopped half way, and its write transaction cannot be ended

	readers int           // guarded by the mutex of DB
	retired chan struct{} // closed when no more readers come: a long one should end
	idle    chan struct{} // closed when it is retired and the last reader has left
}

func newHandle(file *os.File, b *bbolt.DB) *handle {
	return &handle{file: file, bolt: b, retired: make(chan struct{}), idle: make(chan struct{})}
}

func (h *handle) isRetired() bool {
	select {
	case <-h.retired:
		return true
	default:
		return false
	}
}

// lock takes the lock on the file again that unlock gave up; bbolt took it first.
func (h *handle) lock() error {
	return syscall.Flock(int(h.file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

func (h *handle) unlock() error { return syscall.Flock(int(h.file.Fd()), syscall.LOCK_UN) }

// close gives the file back, after the last reader has left.
func (h *handle) close() error {
	if !h.stuck {
		return h.bolt.Close()
	}
	// bbolt would wait for its own lock. The mapping stays until the process ends, and with it, unless given up first, the
	// lock on the file.
	return errors.Join(h.unlock(), h.file.Close())
}

// snapshot is a read transaction.
type snapshot struct {
	*bbolt.Tx
	db     *DB
	handle *handle
}

// read begins a snapshot, which the caller must end.
func (db *DB) read() (*snapshot, error) {
	if db.isClosing() {
		return nil, kv.ErrClosed
	}
	h, err := db.enter()
	if err != nil {
		return nil, err
	}
	tx, err := h.bolt.Begin(false)
	if err != nil {
		db.leave(h)
		return nil, fmt.Errorf("begin to read: %w", err)
	}
	return &snapshot{Tx: tx, db: db, handle: h}, nil
}

func (s *snapshot) end() {
	_ = s.Rollback() // of a read it only releases the pages
	s.db.leave(s.handle)
}

func (db *DB) enter() (*handle, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	switch {
	case db.current != nil:
	case db.doubt != nil && !db.isClosing():
		return nil, fmt.Errorf("begin to read: %w", db.doubt)
	default:
		return nil, kv.ErrClosed
	}
	db.current.readers++
	return db.current, nil
}

func (db *DB) leave(h *handle) {
	db.mu.Lock()
	defer db.mu.Unlock()
	h.readers--
	if h.readers == 0 && h.isRetired() {
		close(h.idle)
	}
}

// swap sends readers to next from here on, which is nil when there is nothing to read. The handle before it is retired
// and kept in db.old until it is closed.
func (db *DB) swap(next *handle) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.old, db.current = db.current, next
	close(db.old.retired)
	if db.old.readers == 0 {
		close(db.old.idle)
	}
}

// closeOld closes the retired handle when its last reader has left, and gives up when that takes long.
func (db *DB) closeOld() error {
	timer := time.NewTimer(drainTimeout)
	defer timer.Stop()
	select {
	case <-db.old.idle:
	case <-db.closing:
		return kv.ErrClosed
	case <-timer.C:
		return errLongView
	}
	err := db.old.close()
	db.old = nil
	return err
}
