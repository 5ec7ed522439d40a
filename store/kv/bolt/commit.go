package bolt

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"slotd/store/kv"
)

// Limits of one group. More callers than that wait for the next; the bytes bound the memory.
const (
	maxGroup      = 128
	maxGroupBytes = 8 << 20
)

// serve is the committer: the only goroutine that begins write transactions. It ends after Close was called.
func (db *DB) serve() {
	defer close(db.closed)
	for {
		again := db.heal()
		select {
		case c := <-db.queue:
			db.runGroup(c)
		case <-again:
		case <-db.closing:
			db.closeErr = db.release()
			return
		}
	}
}

// runGroup gives the turn to first and to all who wait behind it, then commits what they wrote.
func (db *DB) runGroup(first call) {
	g := db.begin()
	n := 0
	for c := first; c != nil; c = db.waiting(g, n) {
		c <- g
		<-g.ran
		n++
	}
	writes, begun := g.tx != nil && len(g.writes) > 0, time.Now()
	g.result = db.commit(g)
	took := time.Since(begun)
	close(g.done)
	if writes && db.committed != nil {
		db.committed(took, n, g.result)
	}
}

// waiting returns the next caller for the group, nil when nobody waits: a commit is never delayed for company.
func (db *DB) waiting(g *group, n int) call {
	if n >= maxGroup || g.bytes >= maxGroupBytes {
		return nil
	}
	select {
	case c := <-db.queue:
		return c
	default:
		return nil
	}
}

func (db *DB) begin() *group {
	g := &group{
		writes: make(map[string]write),
		ran:    make(chan struct{}),
		done:   make(chan struct{}),
	}
	if db.doubt != nil {
		g.err = db.doubt
		return g
	}
	tx, err := db.current.bolt.Begin(true)
	if err != nil { // bbolt lost its mapping: it could not make a larger one
		db.setDoubt(fmt.Errorf("begin to write: %w", err))
		g.err = db.doubt
		return g
	}
	err = guard(func() error { g.data = tx.Bucket(bucketData); return nil })
	if err == nil && g.data == nil {
		err = errDamaged
	}
	if err != nil {
		_ = tx.Rollback()
		g.err = err
		return g
	}
	g.tx = tx
	return g
}

// commit makes the writes of the group durable and tells the followers. The error it returns is one of package kv.
func (db *DB) commit(g *group) error {
	if g.tx == nil {
		return g.err
	}
	if len(g.writes) == 0 {
		_ = g.tx.Rollback()
		return nil
	}
	id := g.tx.ID()
	keys := slices.Sorted(maps.Keys(g.writes))
	if err := db.writeOut(g, keys); err != nil {
		return db.failed(id, err)
	}
	db.feed.publish(id, keys, g.writes)
	return nil
}

func (db *DB) writeOut(g *group, keys []string) error {
	err := guard(func() error {
		for _, key := range keys {
			if err := apply(g.data, key, g.writes[key]); err != nil {
				return err
			}
		}
		return db.commitTx(g.tx)
	})
	if err != nil {
		// When Commit itself reported the error it has rolled back already.
		if rollbackErr := guard(g.tx.Rollback); errors.Is(rollbackErr, errDamaged) {
			db.current.stuck = true
		}
	}
	return err
}

func apply(data *bbolt.Bucket, key string, w write) error {
	if w.deleted {
		return data.Delete([]byte(key))
	}
	return data.Put([]byte(key), w.value)
}

// failed says what the failure of commit id means for its callers.
func (db *DB) failed(id int, err error) error {
	kind := kindOf(err)
	if db.current.stuck || errors.Is(err, errDamaged) || db.visible(id) {
		kind = kv.ErrUncertain
	}
	if errors.Is(kind, kv.ErrUncertain) {
		db.setDoubt(fmt.Errorf("commit: %w", err)) // followers learn how it ended when it has
	}
	return fmt.Errorf("%w: commit: %w", kind, err)
}

// visible reports whether readers see commit id: its meta page was written, and only the sync behind it failed.
func (db *DB) visible(id int) bool {
	tx, err := db.current.bolt.Begin(false)
	if err != nil {
		return true
	}
	defer func() { _ = tx.Rollback() }()
	return tx.ID() >= id
}

// kindOf maps the error of a commit whose meta page was not written.
func kindOf(err error) error {
	switch {
	case errors.Is(err, berrors.ErrMaxSizeReached), isErrno(err, syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG):
		return kv.ErrFull
	case isErrno(err, syscall.EROFS, syscall.EACCES, syscall.EPERM):
		return kv.ErrReadOnly
	default:
		return kv.ErrUncertain
	}
}

// isErrno also looks at the text, because bbolt formats the errors of growing a file without wrapping them.
func isErrno(err error, list ...syscall.Errno) bool {
	return slices.ContainsFunc(list, func(e syscall.Errno) bool {
		return errors.Is(err, e) || strings.HasSuffix(err.Error(), ": "+e.Error())
	})
}

// release gives the file back. A doubt that remains is an error; the next Open settles it.
func (db *DB) release() error {
	var errs []error
	if db.doubt != nil && (db.old == nil || db.current == nil) { // else only a long View was waited for
		errs = append(errs, db.doubt)
	}
	for db.old != nil || db.current != nil {
		if db.old == nil {
			db.swap(nil)
		}
		<-db.old.idle
		errs = append(errs, db.old.close())
		db.old = nil
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close %s: %w", db.path, err)
	}
	return nil
}
