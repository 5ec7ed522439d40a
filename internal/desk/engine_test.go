package desk_test

import (
	"context"
	"errors"
	"sync/atomic"

	"slotd/store/kv"
)

// outcome says what becomes of one Update.
type outcome struct {
	lost bool   // fn runs and nothing of it is written
	err  error  // what the caller is told; with lost unset the commit is on disk all the same
	race func() // fn first runs on a snapshot, then this happens, then fn runs again: what an optimistic engine does
}

// faultDB is a real engine whose Updates fail by a plan. Plans are set while no Update runs.
type faultDB struct {
	kv.DB
	plan    func(n int64) outcome // n counts the Updates since the plan was set, from 1
	updates atomic.Int64
	// lie answers a Get of a run in place of the engine; nil for none.
	lie func(key string) []byte
}

// commits counts the Updates under its context that are on disk and wrote something, whatever the caller was told.
type commits struct{ n int }

type commitsKey struct{}

// counting returns a context under which a faultDB counts.
func counting(ctx context.Context) (context.Context, *commits) {
	c := &commits{}
	return context.WithValue(ctx, commitsKey{}, c), c
}

var errNotWritten = errors.New("nothing is written")

func (f *faultDB) fail(plan func(n int64) outcome) {
	f.updates.Store(0)
	f.plan = plan
}

func (f *faultDB) Update(ctx context.Context, fn func(kv.Tx) error) error {
	n := f.updates.Add(1)
	var o outcome
	if f.plan != nil {
		o = f.plan(n)
	}
	if o.race != nil {
		_ = f.DB.View(ctx, func(r kv.Reader) error { return fn(discard{r}) })
		o.race()
	}
	writes := 0
	err := f.DB.Update(ctx, func(tx kv.Tx) error {
		writes = 0
		if err := fn(lying{tx, f.lie, &writes}); err != nil {
			return err
		}
		if o.lost {
			return errNotWritten
		}
		return nil
	})
	if c, ok := ctx.Value(commitsKey{}).(*commits); ok && err == nil && writes > 0 {
		c.n++
	}
	switch {
	case errors.Is(err, errNotWritten):
		return o.err
	case err != nil:
		return err
	}
	return o.err
}

type lying struct {
	kv.Tx
	lie    func(key string) []byte
	writes *int
}

func (l lying) Put(key string, value []byte) {
	*l.writes++
	l.Tx.Put(key, value)
}

func (l lying) Delete(key string) {
	*l.writes++
	l.Tx.Delete(key)
}

func (l lying) Get(key string) ([]byte, error) {
	if l.lie != nil {
		if value := l.lie(key); value != nil {
			return value, nil
		}
	}
	return l.Tx.Get(key)
}

// discard is a run whose commit failed because of a conflict.
type discard struct{ kv.Reader }

func (discard) Put(string, []byte) {}
func (discard) Delete(string)      {}
