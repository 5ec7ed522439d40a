package bolt

import (
	"errors"
	"fmt"
	"os"
	"time"

	"go.etcd.io/bbolt"

	"slotd/store/kv"
)

// After a write whose outcome is unknown the engine is in doubt, and settles the matter before anything else is decided.
//
// What is unknown. A commit of bbolt writes its pages where nothing lies that counts and syncs them; then it writes one of
// the two head pages and syncs that. When the first sync fails, nothing happened: whoever uses those pages next writes
// them anew. When the second one fails, readers see the commit, and it may or may not be on the disk. Linux gives no
// second answer: a sync reports a failure once, and the page that could not be written may stay in the cache, as if it
// were clean. A later sync that succeeds then proves nothing about it, nor does reading, nor opening the file again: all
// see the cache. To commit on top would be worse than wrong. The next commit overwrites the other head page, the only one
// that is surely on the disk, and may use pages that it needs; a power cut in between leaves no database at all.
//
// What settles it. Both head pages are read, written back as they are, and synced. Writing makes them dirty, so that this
// sync is about them, and all else that they rely on was synced before they were written. When it succeeds, the disk says
// what the readers saw. Nothing has to be undone, nothing was built upon it, and doing it again, or a crash in the middle,
// does no harm. The same is done by Open: a process that was killed between writing and syncing leaves the same doubt.
//
// Why then open the file again. bbolt's memory of free pages is not to be trusted after a failed commit: it may take pages
// for free that a View still reads, and after a panic its lock is never released. A new bbolt reads everything from the
// file, through a new descriptor that has not swallowed an error yet.
//
// Views go on all the time. Until the disk is well they use the old handle; from then on new ones use the new handle, and
// the first commit waits for the last View of the old one, whose pages the new one does not know to be in use.
const (
	// retryPause is the least time between two attempts: a disk that just failed is given a moment.
	retryPause = 250 * time.Millisecond
	// drainTimeout is how long an attempt waits for Views of the old handle before it lets the callers go.
	drainTimeout = time.Second
)

var (
	errLongView = errors.New("a long read has not ended yet")
	errReplaced = errors.New("there is another file at its path now; restart slotd to use that one")
	errReopened = errors.New("the database had to be opened again; start over")
)

// Doubt returns why no Update is answered at present: a write had an unknown outcome, and the file could not be opened
// anew and synced since. It wraps [kv.ErrUncertain], with the reason in its text only, and is nil when all is well. The
// engine keeps trying by itself.
func (db *DB) Doubt() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.doubt
}

// setDoubt keeps the text of the reason and hides its identity: as long as nobody knows whether a commit happened, no
// caller may be told that nothing was written.
func (db *DB) setDoubt(reason error) {
	doubt := fmt.Errorf("%w: %s", kv.ErrUncertain, reason.Error())
	db.mu.Lock()
	defer db.mu.Unlock()
	db.doubt = doubt
}

// heal ends a doubt when it can. Otherwise it returns a channel that says when to call it again.
func (db *DB) heal() <-chan time.Time {
	if db.doubt == nil {
		return nil
	}
	if wait := retryPause - time.Since(db.tried); !db.tried.IsZero() && wait > 0 {
		return time.After(wait)
	}
	err := db.reopen()
	db.tried = time.Now()
	if err != nil {
		db.setDoubt(fmt.Errorf("reopen %s: %w", db.path, err))
		return time.After(retryPause)
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	db.doubt = nil
	return nil
}

// reopen puts a new handle in the place of the current one. When it fails it goes on from there the next time.
func (db *DB) reopen() error {
	if db.old == nil || db.current == nil {
		if err := db.replace(); err != nil {
			return err
		}
		db.feed.resetAll() // a follower may have seen, at the old handle, what the new one does not have
	}
	if db.old == nil {
		return nil
	}
	return db.closeOld()
}

func (db *DB) replace() error {
	h := db.current
	if h != nil {
		// First under the lock that we hold: as long as the disk is sick nobody else gets near the file.
		if err := db.sameFile(h); err != nil {
			return err
		}
		if err := settle(h.file, db.syncFile); err != nil {
			return err
		}
		if err := h.unlock(); err != nil {
			return err
		}
	}
	o := db.options
	o.Timeout = time.Nanosecond // one try
	next, err := openHandle(db.path, o, db.syncFile)
	if err == nil && h != nil {
		db.swap(next)
		return nil
	}
	if err == nil {
		db.mu.Lock()
		defer db.mu.Unlock()
		db.current = next
		return nil
	}
	if h != nil && h.lock() != nil {
		db.swap(nil) // another process has the file; what we would read is no snapshot any more
	}
	return err
}

// sameFile refuses a path that leads elsewhere by now, where the doubtful commit certainly is not.
func (db *DB) sameFile(h *handle) error {
	mine, err := h.file.Stat()
	if err != nil {
		return err
	}
	there, err := os.Stat(db.path)
	if err != nil {
		return err
	}
	if !os.SameFile(mine, there) {
		return errReplaced
	}
	return nil
}

// settle makes durable what the head pages of a locked file say; see above. Nobody may commit meanwhile.
func settle(f *os.File, sync func(*os.File) error) error {
	m, ok := readMeta(f)
	if !ok {
		return ErrForeign
	}
	head := make([]byte, 2*int64(m.pageSize))
	if _, err := f.ReadAt(head, 0); err != nil {
		return err
	}
	if _, err := f.WriteAt(head, 0); err != nil {
		return err
	}
	return sync(f)
}

// openHandle opens, locks, checks and settles the file.
func openHandle(path string, o bbolt.Options, sync func(*os.File) error) (*handle, error) {
	if err := inspectPath(path); err != nil {
		return nil, err
	}
	file, b, err := openBolt(path, o)
	if err != nil {
		return nil, err
	}
	h := newHandle(file, b)
	if err := checkFormat(b); err != nil {
		_ = h.close()
		return nil, err
	}
	if err := settle(file, sync); err != nil {
		_ = h.close()
		return nil, fmt.Errorf("sync its head: %w", openError(err))
	}
	return h, nil
}
