// Package kv is the contract between slotd and the engine that keeps its bytes: snapshots to read, small optimistic
// transactions to write, and a feed of commits. An engine is a package below this one; package kvtest is the suite that
// every engine passes.
//
// The contract is the largest that is honest on an embedded engine and on a replicated one alike. Its one unusual rule:
// a transaction may Get but not Scan. What must be decided together therefore lives in few documents, and sweeps read
// index keys in a View, page by page, then run one Update per item that reads the record again.
package kv

import (
	"context"
	"errors"
	"iter"
)

// Limits of one Update, checked at commit.
const (
	MaxOps   = 100     // puts and deletes
	MaxBytes = 1 << 20 // keys and values written, in total
)

// Errors that an engine returns. Everything else is the engine's own trouble, wrapped.
var (
	// ErrUncertain means that the commit may or may not be on disk. Call again with an fn that finds its own earlier
	// result. Until the engine itself has found out, every Update ends so, whether it writes or not, and none tells what
	// it read.
	ErrUncertain = errors.New("commit outcome is uncertain")
	// ErrFull means that there was no room. Nothing was written.
	ErrFull = errors.New("store is full")
	// ErrReadOnly means that the medium refuses writes. Nothing was written.
	ErrReadOnly = errors.New("store is read-only")
	// ErrTooLarge means that an Update exceeded MaxOps or MaxBytes. Nothing was written.
	ErrTooLarge = errors.New("transaction is too large")
	// ErrClosed means that the engine was closed.
	ErrClosed = errors.New("store is closed")
)

// DB is an engine. All methods may be called concurrently.
type DB interface {
	// View runs fn on one snapshot that holds every commit acknowledged before the call, and perhaps one whose outcome
	// is uncertain and which a later View does not show any more: what an outsider is told for good, read in an Update.
	// No I/O inside: a long View pins pages.
	View(ctx context.Context, fn func(Reader) error) error

	// Update commits fn's writes atomically and durably. All Gets of a run see one snapshot. The commit, and equally an
	// error from fn, stands only if no key it got has changed meanwhile; otherwise fn runs again. So fn assigns
	// results, never appends, and does no I/O. An error from fn writes nothing and is returned as it is. ctx cannot
	// cancel a commit that has started. Errors of the engine are [ErrUncertain], [ErrFull], [ErrReadOnly],
	// [ErrTooLarge] and [ErrClosed].
	Update(ctx context.Context, fn func(Tx) error) error

	// Follow yields what is under prefix now (Reset is true), then one Batch per commit that touched it. A slow reader
	// gets a new Reset, never a gap. It ends when ctx does, with the error of ctx, or when the engine is closed.
	Follow(ctx context.Context, prefix string) iter.Seq2[Batch, error]

	Close() error
}

// Reader is one snapshot. It must not be used after fn returned.
type Reader interface {
	// Get returns the value under key, nil when it is absent. The bytes are valid until fn returns and must not be
	// changed. A present, zero-length value is empty and not nil.
	Get(key string) ([]byte, error)

	// Scan yields the items whose key begins with prefix and is greater than after, in the order of keys.
	// The values are valid until fn returns. An error of the engine ends the sequence and is returned by View.
	Scan(prefix, after string) iter.Seq2[Item, error]
}

// Tx is one run of an Update. It must not be used after fn returned.
type Tx interface {
	// Get returns the value under key as this run sees it, its own writes included; nil when it is absent.
	Get(key string) ([]byte, error)
	// Put writes value under key at commit. The engine keeps no reference to value after Update returned; fn must not
	// change it before.
	Put(key string, value []byte)
	// Delete removes key at commit; an absent key is fine.
	Delete(key string)
}

// Item is a key and its value.
type Item struct {
	Key   string
	Value []byte
}

// Change is one key of a batch; a nil value means that the key was deleted.
type Change struct {
	Key   string
	Value []byte
}

// Batch is what Follow yields: everything under the prefix (Reset), or the changes of one commit, or of several
// consecutive ones.
type Batch struct {
	Reset   bool
	Changes []Change
}
