package bolt

import (
	"context"
	"iter"
	"strings"
	"sync"

	"slotd/store/kv"
)

// What a follower may leave unread before it is given a new snapshot instead.
const (
	maxPending      = 256
	maxPendingBytes = 4 << 20
)

// Follow implements [kv.DB]. Commits that were made while the loop body ran come as one Batch. When the engine is
// closed the sequence ends with [kv.ErrClosed].
func (db *DB) Follow(ctx context.Context, prefix string) iter.Seq2[kv.Batch, error] {
	return func(yield func(kv.Batch, error) bool) {
		f := db.feed.add(prefix)
		defer db.feed.remove(f)
		for {
			if err := ctx.Err(); err != nil {
				yield(kv.Batch{}, err)
				return
			}
			// In this order: what is committed from here on is either in the snapshot or kept for us, or both.
			f.restart()
			batch, last, err := db.snapshot(prefix)
			if err != nil {
				yield(kv.Batch{}, err)
				return
			}
			if !yield(batch, nil) || !db.forward(ctx, f, last, yield) {
				return
			}
		}
	}
}

// snapshot copies what is under prefix, and says which commit is the last that it holds.
func (db *DB) snapshot(prefix string) (kv.Batch, int, error) {
	batch, last := kv.Batch{Reset: true}, 0
	err := db.view(func(r *reader) error {
		last = r.id
		for item, err := range r.Scan(prefix, "") {
			if err != nil {
				return err
			}
			batch.Changes = append(batch.Changes, kv.Change{Key: item.Key, Value: copyOf(item.Value)})
		}
		return nil
	})
	return batch, last, err
}

// forward yields the commits after last, until the follower needs a new snapshot (true) or is at its end (false).
func (db *DB) forward(ctx context.Context, f *follower, last int, yield func(kv.Batch, error) bool) bool {
	for {
		select {
		case <-f.wake:
		case <-ctx.Done():
			yield(kv.Batch{}, ctx.Err())
			return false
		case <-db.closing:
			yield(kv.Batch{}, kv.ErrClosed)
			return false
		}
		commits, complete := f.take()
		if !complete {
			return true
		}
		var batch kv.Batch
		for _, c := range commits {
			if c.id > last {
				batch.Changes = append(batch.Changes, c.changes...)
			}
		}
		if len(batch.Changes) > 0 && !yield(batch, nil) {
			return false
		}
	}
}

// feed is the set of followers. The zero value is ready.
type feed struct {
	mu   sync.Mutex
	list map[*follower]struct{}
}

func (fd *feed) add(prefix string) *follower {
	f := &follower{prefix: prefix, wake: make(chan struct{}, 1)}
	fd.mu.Lock()
	defer fd.mu.Unlock()
	if fd.list == nil {
		fd.list = make(map[*follower]struct{})
	}
	fd.list[f] = struct{}{}
	return f
}

func (fd *feed) remove(f *follower) {
	fd.mu.Lock()
	defer fd.mu.Unlock()
	delete(fd.list, f)
}

// publish hands commit id to those whose prefix it touched. keys are sorted.
func (fd *feed) publish(id int, keys []string, writes map[string]write) {
	fd.mu.Lock()
	defer fd.mu.Unlock()
	for f := range fd.list {
		if changes := changesUnder(f.prefix, keys, writes); len(changes) > 0 {
			f.push(commit{id: id, changes: changes})
		}
	}
}

// resetAll makes every follower start from a new snapshot.
func (fd *feed) resetAll() {
	fd.mu.Lock()
	defer fd.mu.Unlock()
	for f := range fd.list {
		f.overflow()
	}
}

func changesUnder(prefix string, keys []string, writes map[string]write) []kv.Change {
	var changes []kv.Change
	for _, key := range keys {
		if !strings.HasPrefix(key, prefix) {
			continue
		}
		w := writes[key]
		c := kv.Change{Key: key}
		if !w.deleted {
			c.Value = copyOf(w.value)
		}
		changes = append(changes, c)
	}
	return changes
}

// copyOf returns a copy that is not nil: nil means deleted.
func copyOf(b []byte) []byte { return append(make([]byte, 0, len(b)), b...) }

// commit is what one group wrote under the prefix of a follower.
type commit struct {
	id      int
	changes []kv.Change
}

// follower keeps what its reader has not taken yet.
type follower struct {
	prefix string
	wake   chan struct{} // one slot: there is something to take

	mu      sync.Mutex
	pending []commit
	bytes   int
	gap     bool // pending is not complete
}

// restart forgets what is pending.
func (f *follower) restart() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pending, f.bytes, f.gap = nil, 0, false
}

func (f *follower) push(c commit) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gap {
		return
	}
	for _, ch := range c.changes {
		f.bytes += len(ch.Key) + len(ch.Value)
	}
	f.pending = append(f.pending, c)
	if len(f.pending) > maxPending || f.bytes > maxPendingBytes {
		f.pending, f.gap = nil, true
	}
	f.notify()
}

func (f *follower) overflow() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pending, f.gap = nil, true
	f.notify()
}

// take returns what is pending; false means that something is missing.
func (f *follower) take() ([]commit, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	commits := f.pending
	f.pending, f.bytes = nil, 0
	return commits, !f.gap
}

func (f *follower) notify() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}
