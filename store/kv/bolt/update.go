package bolt

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"slotd/store/kv"
)

var errEmptyKey = errors.New("a key must not be empty")

// call is a caller that waits for its turn. It gets the group that it belongs to.
type call chan *group

// group is the Updates that share one commit. Its fns run one after another, each in the goroutine of its caller, so
// that a panic stays there with its value and stack. Until done is closed the group belongs to whoever has the turn.
type group struct {
	tx     *bbolt.Tx // nil when err is set
	data   *bbolt.Bucket
	err    error            // why no fn can run
	writes map[string]write // of the fns that succeeded, the last one of each key
	bytes  int              // written so far

	ran    chan struct{} // the caller hands the turn back
	done   chan struct{} // closed when result is set
	result error         // of the commit
}

type write struct {
	value   []byte // never nil, except for a delete
	deleted bool
}

// Update implements [kv.DB]. fn runs once, in the goroutine of the caller, but while other callers wait: it must not
// block. A panic in it writes nothing, goes through to the caller, and does not harm other Updates.
func (db *DB) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if db.isClosing() {
		return kv.ErrClosed
	}
	c := make(call)
	select {
	case db.queue <- c:
	case <-ctx.Done():
		return ctx.Err()
	case <-db.closing:
		return kv.ErrClosed
	}
	g := <-c
	r := &run{group: g}
	err := r.do(ctx, fn)
	if !r.bound {
		return err
	}
	// What fn decided rests on writes that become true with the commit: its own, or those of a neighbour that it read.
	<-g.done
	if g.result != nil {
		return g.result
	}
	return err
}

// run is one fn with its own writes. It implements [kv.Tx].
type run struct {
	group  *group
	writes map[string]write
	bound  bool // the result depends on the commit of the group
}

// do takes the turn and hands it back, also when fn panics or ends its goroutine.
func (r *run) do(ctx context.Context, fn func(kv.Tx) error) error {
	g := r.group
	defer func() { g.ran <- struct{}{} }()
	if g.err != nil {
		return g.err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := fn(r); err != nil {
		return err
	}
	return r.merge()
}

// merge adds the writes of a run that succeeded to those of its group.
func (r *run) merge() error {
	size := 0
	for key, w := range r.writes {
		if key == "" {
			return errEmptyKey
		}
		if len(key) > bbolt.MaxKeySize {
			return fmt.Errorf("key of %d bytes: %w", len(key), kv.ErrTooLarge)
		}
		size += len(key) + len(w.value)
	}
	if len(r.writes) > kv.MaxOps || size > kv.MaxBytes {
		return fmt.Errorf("%d operations, %d bytes: %w", len(r.writes), size, kv.ErrTooLarge)
	}
	for key, w := range r.writes {
		r.group.writes[key] = w
		r.bound = true
	}
	r.group.bytes += size
	return nil
}

// Get implements [kv.Tx].
func (r *run) Get(key string) ([]byte, error) {
	if w, ok := r.writes[key]; ok {
		return w.value, nil
	}
	if w, ok := r.group.writes[key]; ok {
		r.bound = true
		return w.value, nil
	}
	return get(r.group.data, key)
}

// Put implements [kv.Tx].
func (r *run) Put(key string, value []byte) {
	if value == nil {
		value = []byte{}
	}
	r.set(key, write{value: value})
}

// Delete implements [kv.Tx].
func (r *run) Delete(key string) { r.set(key, write{deleted: true}) }

func (r *run) set(key string, w write) {
	if r.writes == nil {
		r.writes = make(map[string]write)
	}
	r.writes[key] = w
}
