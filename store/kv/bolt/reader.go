package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"runtime/debug"

	"go.etcd.io/bbolt"

	"slotd/store/kv"
)

// errDamaged means that bbolt found pages that cannot be right.
var errDamaged = errors.New("the database file is damaged; restore a backup")

// guard runs a piece of bbolt that follows pointers in the file. On a damaged file these lead nowhere, and bbolt
// answers with a panic or a memory fault; guard makes an error of both. Never run a caller's fn in it.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w (%v)", errDamaged, p)
		}
	}()
	return f()
}

// reader is a snapshot.
type reader struct {
	id   int // of the last commit in the snapshot
	data *bbolt.Bucket
	err  error // of a scan
}

// Get implements [kv.Reader].
func (r *reader) Get(key string) ([]byte, error) { return get(r.data, key) }

func get(data *bbolt.Bucket, key string) (value []byte, err error) {
	err = guard(func() error {
		value = data.Get([]byte(key))
		return touch(data, value)
	})
	return value, err
}

// touch looks at both ends of what bbolt found, so that a wrong length shows here and not in the hands of the caller.
func touch(data *bbolt.Bucket, b []byte) error {
	if int64(len(b)) > data.Tx().Size() {
		return errDamaged
	}
	if len(b) > 0 {
		_ = b[0] + b[len(b)-1]
	}
	return nil
}

// Scan implements [kv.Reader].
func (r *reader) Scan(prefix, after string) iter.Seq2[kv.Item, error] {
	return func(yield func(kv.Item, error) bool) {
		w := walk{data: r.data, cursor: r.data.Cursor(), prefix: []byte(prefix)}
		item, ok, err := w.seek(max(prefix, after))
		if ok && after != "" && item.Key == after {
			item, ok, err = w.next()
		}
		for ; ok; item, ok, err = w.next() {
			if !yield(item, nil) {
				return
			}
		}
		if err != nil {
			r.err = err
			yield(kv.Item{}, err)
		}
	}
}

// walk is the cursor of one scan. Its steps say false behind the last key with the prefix, and with an error.
type walk struct {
	data   *bbolt.Bucket
	cursor *bbolt.Cursor
	prefix []byte
}

func (w *walk) seek(key string) (kv.Item, bool, error) {
	return w.step(func() ([]byte, []byte) { return w.cursor.Seek([]byte(key)) })
}

func (w *walk) next() (kv.Item, bool, error) { return w.step(w.cursor.Next) }

func (w *walk) step(move func() (k, v []byte)) (item kv.Item, ok bool, err error) {
	err = guard(func() error {
		k, v := move()
		if err := errors.Join(touch(w.data, k), touch(w.data, v)); err != nil {
			return err
		}
		if ok = k != nil && bytes.HasPrefix(k, w.prefix); ok {
			item = kv.Item{Key: string(k), Value: v}
		}
		return nil
	})
	return item, ok && err == nil, err
}
