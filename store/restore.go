package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"slotd/internal/booking"
	"slotd/store/kv"
)

// Restore says that the store is a copy that was put in the place of a lost one. What happened after the copy is not in
// it, so nothing may be offered from it, and nothing be written to the calendars, until they were read and compared
// with it.
type Restore struct {
	// At is when the copy was put in place.
	At time.Time
	// Newest is the time of the newest record in the copy; zero when it holds none with a time.
	Newest time.Time
}

type restoreRecord struct {
	V      int       `json:"v"`
	At     time.Time `json:"at"`
	Newest time.Time `json:"newest,omitzero"`
}

func (r *restoreRecord) version() int { return r.V }

// Restoring returns the restore that is not finished; nil when there is none. It is asked often and reads nothing.
func (s *Store) Restoring() *Restore { return s.restore.Load() }

// EndRestore records that the calendars were compared with the copy. It returns once that is on disk.
func (s *Store) EndRestore(ctx context.Context) error {
	err := s.Update(ctx, func(tx *Tx) error {
		tx.tx.Delete(keyRestore)
		return nil
	})
	if err != nil {
		return fmt.Errorf("end the restore: %w", err)
	}
	s.restore.Store(nil)
	return nil
}

func (s *Store) loadRestore(r kv.Reader) error {
	var rec restoreRecord
	found, err := getter{r.Get}.record(keyRestore, &rec)
	if found {
		s.restore.Store(&Restore{At: rec.At, Newest: rec.Newest})
	}
	return err
}

// PrepareRestore makes the store in db, a copy that nobody uses yet, one that is being restored: what it knows of the
// calendars is too old and goes, with all holds, and each write that it says is still to be made may have been made
// since.
func PrepareRestore(ctx context.Context, db kv.DB, at time.Time) (Restore, error) {
	s, err := Open(ctx, db)
	if err != nil {
		return Restore{}, err
	}
	p := preparation{store: s, at: at.UTC()}
	out := Restore{At: p.at}
	if out.Newest, err = p.newest(ctx); err != nil {
		return out, err
	}
	// First of all changes: a copy that was prepared by half must not look like a store that can be used.
	err = s.Update(ctx, func(tx *Tx) error {
		tx.put(keyRestore, restoreRecord{V: recordVersion, At: out.At, Newest: out.Newest})
		return nil
	})
	if err == nil {
		err = p.dropAll(ctx, prefixBusy, prefixMirror, prefixChecked, prefixHolders)
	}
	if err == nil {
		err = p.sweep(ctx, prefixVisit, (*Tx).dropVisitHold)
	}
	if err == nil {
		err = p.sweep(ctx, prefixClaims, (*Tx).dropHolds)
	}
	if err == nil {
		err = p.sweep(ctx, prefixOutbox, p.doubt)
	}
	if err != nil {
		return out, fmt.Errorf("prepare the copy: %w", err)
	}
	return out, nil
}

// preparation is the work of PrepareRestore.
type preparation struct {
	store *Store
	at    time.Time
}

// prepareAtOnce bounds one Update of a preparation: a mark takes three operations, and the engine takes a hundred.
const prepareAtOnce = 25

// keys returns the next keys under prefix after a key, without the prefix.
func (p *preparation) keys(ctx context.Context, prefix, after string) (keys []string, last string, err error) {
	err = p.store.View(ctx, func(r *Reader) error {
		for item, err := range r.scan(prefix, after) {
			if err != nil {
				return err
			}
			keys, last = append(keys, strings.TrimPrefix(item.Key, prefix)), item.Key
			if len(keys) == prepareAtOnce {
				break
			}
		}
		return nil
	})
	return keys, last, err
}

// sweep runs fn for each key under prefix.
func (p *preparation) sweep(ctx context.Context, prefix string, fn func(tx *Tx, rest string) error) error {
	for after := ""; ; {
		keys, last, err := p.keys(ctx, prefix, after)
		if err != nil || len(keys) == 0 {
			return err
		}
		after = last
		err = p.store.Update(ctx, func(tx *Tx) error {
			for _, rest := range keys {
				if err := fn(tx, rest); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}

func (p *preparation) dropAll(ctx context.Context, prefixes ...string) error {
	for _, prefix := range prefixes {
		err := p.sweep(ctx, prefix, func(tx *Tx, rest string) error {
			tx.tx.Delete(prefix + rest)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// dropVisitHold makes a visit hold nothing.
func (t *Tx) dropVisitHold(key string) error {
	v, err := t.Visit(key)
	if err != nil || v == nil || v.Hold == nil {
		return err
	}
	v.Hold = nil
	t.PutVisit(key, v)
	return nil
}

// dropHolds takes the holds out of the claims on a resource.
func (t *Tx) dropHolds(resource string) error {
	e, err := t.claimsOn(resource)
	if err != nil {
		return err
	}
	var kept []booking.Claim
	for _, c := range e.claims {
		if c.Hold == "" {
			kept = append(kept, c)
		}
	}
	if len(kept) < len(e.claims) {
		t.PutClaims(resource, kept)
	}
	return nil
}

// doubt makes a mark one whose write may have been made, and that is due at once.
func (p *preparation) doubt(tx *Tx, rest string) error {
	id, number, _ := strings.Cut(rest, "/")
	placement, err := strconv.Atoi(number)
	if err != nil {
		return errCorrupt
	}
	old, found, err := tx.Mark(OutboxID{id, placement})
	if err != nil || !found {
		return err
	}
	next := old
	next.Attempts, next.Unclear, next.Looked, next.Next = 0, true, false, p.at
	tx.PutMark(&old, next)
	return nil
}

// newest returns the time of the newest record.
func (p *preparation) newest(ctx context.Context) (at time.Time, err error) {
	later := func(t time.Time) {
		if t.After(at) {
			at = t
		}
	}
	err = p.store.View(ctx, func(r *Reader) error {
		for item, err := range r.scan("", "") {
			if err != nil {
				return err
			}
			if err := eachTime(item, later); err != nil {
				return fmt.Errorf("read %s: %w", kindOf(item.Key), err)
			}
		}
		return ctx.Err()
	})
	return at.UTC(), err
}

// eachTime calls fn with the times at which a record says that something was done.
func eachTime(item kv.Item, fn func(time.Time)) error {
	switch kindOf(item.Key) + "/" {
	case prefixBooking:
		var r bookingRecord
		if err := decode(item.Value, &r, r.version); err != nil {
			return err
		}
		fn(r.Created)
		for _, c := range r.History {
			fn(c.At)
		}
	case prefixVisit:
		var r visitRecord
		if err := decode(item.Value, &r, r.version); err != nil {
			return err
		}
		if r.Outcome != nil {
			fn(r.Outcome.At)
		}
	case prefixMirror:
		var r mirrorRecord
		if err := decode(item.Value, &r, r.version); err != nil {
			return err
		}
		fn(r.ReadAt)
	case prefixChecked:
		var r checkedRecord
		if err := decode(item.Value, &r, r.version); err != nil {
			return err
		}
		fn(r.At)
	}
	return nil
}
