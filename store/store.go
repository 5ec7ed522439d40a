// Package store keeps everything that slotd knows, as typed transactions over an engine of package kv: the mirror of each
// calendar, the claims on each resource, bookings and who they are for, the outbox of writes to the providers, visits of
// the Flow, and the accounts' tokens.
//
// The store is the only place that knows keys (keys.go) and record forms (records.go, packed.go). Its users see the types
// of packages calendar and booking. A record carries the version of its form; a form written by a newer slotd is an error,
// never a guess.
//
// Two records are decided together only when one Update writes them, and an Update cannot scan: see package kv. Index keys
// (due/, day/, own/) are written with their record and are hints: whoever follows one reads the record again.
package store

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"slotd/internal/calendar"
	"slotd/store/kv"
)

// Errors of this package; those of the engine pass through.
var (
	// ErrNotInitialized means that the engine holds no slotd store.
	ErrNotInitialized = errors.New("not a slotd store: run slotd init")
	// ErrNewer means that a record was written by a newer slotd than this one.
	ErrNewer = errors.New("written by a newer slotd: upgrade this one")

	// ErrUncertain, ErrFull and ErrReadOnly are the engine's, see package kv.
	ErrUncertain = kv.ErrUncertain
	ErrFull      = kv.ErrFull
	ErrReadOnly  = kv.ErrReadOnly
)

// Store is an open store. All methods may be called concurrently.
type Store struct {
	db kv.DB
	id string

	notices atomic.Pointer[notices] // nil: none are written

	restore atomic.Pointer[Restore] // nil: not restoring

	mu      sync.Mutex // guards the freshness below; never held across a transaction
	checked map[calendar.ID]freshness
}

// Create writes the first record of a new store. An engine that already holds a store keeps it and returns an error.
func Create(ctx context.Context, db kv.DB, now time.Time) error {
	m := metaRecord{V: 1, ID: NewID(), Created: now.UTC()}
	value, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return db.Update(ctx, func(tx kv.Tx) error {
		old, err := tx.Get(keyMeta)
		if err != nil {
			return err
		}
		if old != nil {
			return errors.New("the store exists already")
		}
		tx.Put(keyMeta, value)
		return nil
	})
}

// Open reads the store's own record, whether it was restored, and the freshness of its calendars from db. The caller closes
// db after the store's last use. Errors: [ErrNotInitialized], [ErrNewer].
func Open(ctx context.Context, db kv.DB) (*Store, error) {
	s := &Store{db: db, checked: map[calendar.ID]freshness{}}
	err := db.View(ctx, func(r kv.Reader) error {
		value, err := r.Get(keyMeta)
		if err != nil {
			return err
		}
		if value == nil {
			return ErrNotInitialized
		}
		var m metaRecord
		if err := decode(value, &m, m.version); err != nil {
			return err
		}
		s.id = m.ID
		return errors.Join(s.loadChecked(r), s.loadRestore(r))
	})
	if err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	return s, nil
}

// ID returns the store's random id. It is part of every provider identity and marker, so that two stores never take each
// other's events for their own.
func (s *Store) ID() string { return s.id }

// View runs fn on one snapshot that holds every commit acknowledged before the call. No I/O inside.
func (s *Store) View(ctx context.Context, fn func(*Reader) error) error {
	return s.db.View(ctx, func(r kv.Reader) error {
		return fn(&Reader{getter: getter{r.Get}, scan: r.Scan})
	})
}

// Update runs fn and commits what it wrote, atomically and durably. fn may run more than once: it assigns results, never
// appends, and does no I/O. See [kv.DB] for the errors.
func (s *Store) Update(ctx context.Context, fn func(*Tx) error) error {
	wanted, noticed := s.notices.Load(), false
	err := s.db.Update(ctx, func(tx kv.Tx) error {
		t := &Tx{getter: getter{tx.Get}, tx: tx, notices: wanted}
		if err := fn(t); err != nil {
			return err
		}
		t.flushClaims()
		noticed = t.noticed
		return t.err
	})
	if err == nil && noticed {
		wanted.wake()
	}
	return err
}

// Reader is one snapshot of the store, valid until the function it was given to returns.
type Reader struct {
	getter
	scan scanFunc
}

// Tx is one run of an Update.
type Tx struct {
	getter
	tx     kv.Tx
	claims claimsCache
	// notices are those that are wanted, nil for none, and noticed says that this run wrote one.
	notices *notices
	noticed bool
	err     error // the first record that could not be encoded; it fails the Update
}

func (t *Tx) put(key string, record any) {
	value, err := json.Marshal(record)
	if err != nil {
		t.err = errors.Join(t.err, fmt.Errorf("encode %s: %w", kindOf(key), err))
		return
	}
	t.tx.Put(key, value)
}

// NewBookingID returns an id for a booking that is made at now: 26 lower-case letters and digits, of which the first ten are
// the time in milliseconds, so that the records of bookings that are made together lie together, and the others are random.
func NewBookingID(now time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(now.UnixMilli())<<16)
	_, _ = rand.Read(b[6:]) // crypto/rand.Read never fails
	return strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))
}

// NewID returns a random id of 26 lower-case letters and digits.
func NewID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))
}
