package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"slotd/internal/booking"
	"slotd/store/kv"
)

// Retention says what Retain removes. All is judged by Now, so that one run is of one mind.
type Retention struct {
	Now time.Time
	// Bookings is how long a booking is kept after its end, Visits how long a visit is after it has expired.
	Bookings, Visits time.Duration
	// Notices is how long a notice is kept that nobody delivers; 0: for ever.
	Notices time.Duration
	// Most bounds the records that one run removes; what is left over is for the next.
	Most int
}

// Removed counts what a run of Retain removed.
type Removed struct {
	Bookings, Visits, Holders, Claims, Notices int
	// Customers counts lists of a customer's bookings to come of which none is.
	Customers int
	// Waiting counts the finished bookings that were kept because something of theirs still has to reach a calendar or
	// another system.
	Waiting int
	// More says that Most was reached.
	More bool
}

// Any reports whether anything was removed.
func (r Removed) Any() bool {
	return r.Bookings+r.Visits+r.Holders+r.Claims+r.Notices+r.Customers > 0
}

// Bounds of a run.
const (
	retainPage  = 500 // records looked at in one View
	retainBatch = 40  // small records removed in one Update
)

// Retain removes what need not be kept any longer: visits, finished bookings with all that belongs to them, and what
// is left of holds and claims that are over. It reads page by page and decides again in each Update, so that it may
// run beside everything else and be broken off anywhere. No booking is removed whose end is less than
// Retention.Bookings ago, nor one of which a calendar does not show yet what it should. A visit goes before its
// booking.
func (s *Store) Retain(ctx context.Context, r Retention) (Removed, error) {
	run := &retention{store: s, Retention: r}
	for _, step := range []func(context.Context) error{
		run.notices, run.customers, run.visits, run.bookings, run.holders, run.claims,
	} {
		if err := step(ctx); err != nil {
			return run.removed, fmt.Errorf("remove old records: %w", err)
		}
	}
	return run.removed, nil
}

// retention is one run of Retain.
type retention struct {
	Retention
	store   *Store
	removed Removed
	noticed map[string][]Notice // by booking
}

// room returns how many of n records may still be removed.
func (r *retention) room(n int) int {
	done := r.removed
	left := max(r.Most-done.Bookings-done.Visits-done.Holders-done.Notices-done.Customers, 0)
	if n > left {
		r.removed.More = true
	}
	return min(n, left)
}

// sweep looks at the keys below prefix and before until, "" for all, page by page, and gives those that old says are
// to go to remove, in batches. old runs in a View; remove decides again.
func (r *retention) sweep(
	ctx context.Context, prefix, until string, old func(rd *Reader, item kv.Item) (bool, error),
	remove func(ctx context.Context, keys []string) error,
) error {
	after, end := prefix, false
	for !end {
		var found []string
		err := r.store.View(ctx, func(rd *Reader) error {
			n := 0
			for item, err := range rd.scan(prefix, after) {
				if err != nil {
					return err
				}
				if until != "" && item.Key >= until {
					break
				}
				if n++; n > retainPage {
					return nil
				}
				after = item.Key
				goes, err := old(rd, item)
				if err != nil {
					return fmt.Errorf("read %s: %w", kindOf(item.Key), err)
				}
				if goes {
					found = append(found, item.Key)
				}
			}
			end = true
			return nil
		})
		if err != nil {
			return err
		}
		found = found[:r.room(len(found))]
		for batch := range slices.Chunk(found, retainBatch) {
			if err := remove(ctx, batch); err != nil {
				return err
			}
		}
		if r.removed.More || ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// removeIf removes those of the keys of which still says, within the transaction, that they are to go.
func (r *retention) removeIf(
	ctx context.Context, keys []string, still func(tx *Tx, key string) (bool, error),
) (n int, err error) {
	err = r.store.Update(ctx, func(tx *Tx) error {
		n = 0
		for _, key := range keys {
			goes, err := still(tx, key)
			if err != nil {
				return err
			}
			if goes {
				tx.tx.Delete(key)
				n++
			}
		}
		return nil
	})
	return n, err
}

// notices finds the notices of each booking, and removes those that nobody delivers.
func (r *retention) notices(ctx context.Context) error {
	r.noticed = map[string][]Notice{}
	old := func(_ *Reader, item kv.Item) (bool, error) {
		var rec noticeRecord
		if err := decode(item.Value, &rec, rec.version); err != nil {
			return false, err
		}
		n := rec.notice(strings.TrimPrefix(item.Key, prefixNotice))
		if r.Notices > 0 && !n.At.Add(r.Notices).After(r.Now) {
			return true, nil
		}
		r.noticed[n.Booking] = append(r.noticed[n.Booking], n)
		return false, nil
	}
	return r.sweep(ctx, prefixNotice, "", old, func(ctx context.Context, keys []string) error {
		n, err := r.removeIf(ctx, keys, func(*Tx, string) (bool, error) { return true, nil })
		r.removed.Notices += n
		return err
	})
}

// visits removes visits that have long expired, and those of the bookings that are about to go.
func (r *retention) visits(ctx context.Context) error {
	goes := func(g getter, key string) (bool, error) {
		v, err := g.Visit(strings.TrimPrefix(key, prefixVisit))
		switch {
		case err != nil || v == nil || v.Expires.After(r.Now):
			return false, err
		case !v.Expires.Add(r.Visits).After(r.Now):
			return true, nil
		case v.Outcome == nil:
			return false, nil
		}
		b, err := g.Booking(v.Outcome.Booking)
		return err == nil && (b == nil || r.over(b)), err
	}
	old := func(rd *Reader, item kv.Item) (bool, error) { return goes(rd.getter, item.Key) }
	return r.sweep(ctx, prefixVisit, "", old, func(ctx context.Context, keys []string) error {
		n, err := r.removeIf(ctx, keys, func(tx *Tx, key string) (bool, error) { return goes(tx.getter, key) })
		r.removed.Visits += n
		return err
	})
}

// over reports whether the booking has been over for so long that it need not be kept.
func (r *retention) over(b *booking.Booking) bool {
	return !b.EndTime().Add(r.Bookings).After(r.Now)
}

// level reports whether the calendars show of the booking what they should. Of an event that should be there, is past
// and could not be written nothing is expected any more.
func level(b *booking.Booking) bool {
	for i, p := range b.Placements {
		if p.Status == booking.Pending || p.Status == booking.Stuck && !b.Wanted(i) {
			return false
		}
	}
	return true
}

// bookings removes finished bookings, one Update each. The index by day has the oldest first.
func (r *retention) bookings(ctx context.Context) error {
	if r.removed.More {
		return nil // their visits go first
	}
	until := prefixDay + r.Now.Add(-r.Bookings).UTC().AddDate(0, 0, 1).Format(time.DateOnly)
	seen := map[string]bool{}
	old := func(rd *Reader, item kv.Item) (bool, error) {
		id := item.Key[strings.LastIndexByte(item.Key, '/')+1:]
		if seen[id] {
			return false, nil
		}
		seen[id] = true
		b, err := rd.Booking(id)
		if err != nil || b == nil || !r.over(b) {
			return false, err
		}
		if !level(b) || r.untold(id) {
			r.removed.Waiting++
			return false, nil
		}
		return true, nil
	}
	return r.sweep(ctx, prefixDay, until, old, func(ctx context.Context, keys []string) error {
		for _, key := range keys {
			if err := r.booking(ctx, key[strings.LastIndexByte(key, '/')+1:]); err != nil {
				return err
			}
		}
		return nil
	})
}

// untold reports whether a notice of the booking may still be delivered.
func (r *retention) untold(id string) bool {
	return slices.ContainsFunc(r.noticed[id], func(n Notice) bool { return !n.Aside })
}

// booking removes a booking with all that belongs to it.
func (r *retention) booking(ctx context.Context, id string) error {
	gone := false
	err := r.store.Update(ctx, func(tx *Tx) error {
		gone = false
		b, err := tx.Booking(id)
		if err != nil || b == nil || !r.over(b) || !level(b) {
			return err
		}
		for i := range b.Placements {
			if _, found, err := tx.Mark(OutboxID{id, i}); err != nil || found {
				return err
			}
		}
		gone = true
		return tx.deleteBooking(b, r.Now)
	})
	if !gone || err != nil {
		return err
	}
	r.removed.Bookings++
	for batch := range slices.Chunk(r.noticed[id], retainBatch) { // one that a crash leaves behind finds no booking to tell of
		err := r.store.Update(ctx, func(tx *Tx) error {
			for _, n := range batch {
				tx.DeleteNotice(n.ID)
			}
			return nil
		})
		if err != nil {
			return err
		}
		r.removed.Notices += len(batch)
	}
	return nil
}

// deleteBooking removes a booking that nothing waits for. The time that it took outlives it for a few days, as every claim
// does: the caps of a week still count it.
func (t *Tx) deleteBooking(b *booking.Booking, now time.Time) error {
	for _, resource := range b.Resources() {
		err := t.changeClaims(resource, now.Unix(), func(claims []booking.Claim) []booking.Claim {
			return slices.DeleteFunc(claims, func(c booking.Claim) bool { return c.Left && c.Booking == b.ID })
		})
		if err != nil {
			return err
		}
		t.tx.Delete(keyDay(b.Start, resource, b.ID))
	}
	for _, p := range b.Placements {
		own := OwnEvent{Calendar: p.Calendar, Identity: p.Identity}
		// As a rule the syncer has dropped the entry long ago; a booking that was moved very often has many placements.
		if value, err := t.get(keyOwn(own.Calendar, own.Identity)); err != nil {
			return err
		} else if value != nil {
			t.DeleteOwn(own)
		}
	}
	for _, key := range []string{keyRef(b.Reference), keyPerson(b.ID), keyBooking(b.ID)} {
		t.tx.Delete(key)
	}
	return nil
}

// holders removes what counts holds that are all over.
func (r *retention) holders(ctx context.Context) error {
	goes := func(g getter, key string) (bool, error) {
		var rec holdersRecord
		if found, err := g.record(key, &rec); err != nil || !found {
			return false, err
		}
		for _, until := range rec.Until {
			if booking.Holds(until, r.Now.Unix()) {
				return false, nil
			}
		}
		return true, nil
	}
	old := func(rd *Reader, item kv.Item) (bool, error) { return goes(rd.getter, item.Key) }
	return r.sweep(ctx, prefixHolders, "", old, func(ctx context.Context, keys []string) error {
		n, err := r.removeIf(ctx, keys, func(tx *Tx, key string) (bool, error) { return goes(tx.getter, key) })
		r.removed.Holders += n
		return err
	})
}

// claims takes claims that cannot matter any more out of the documents of resources where nothing happens, and
// removes documents without a claim.
func (r *retention) claims(ctx context.Context) error {
	var resources []string
	err := r.store.View(ctx, func(rd *Reader) error {
		for item, err := range rd.scan(prefixClaims, "") {
			if err != nil {
				return err
			}
			resources = append(resources, strings.TrimPrefix(item.Key, prefixClaims))
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, resource := range resources {
		n := 0
		err := r.store.Update(ctx, func(tx *Tx) (err error) {
			n, err = tx.tidyClaims(resource, r.Now)
			return err
		})
		if err != nil {
			return err
		}
		r.removed.Claims += n
	}
	return nil
}

// tidyClaims writes nothing when there is nothing to take out.
func (t *Tx) tidyClaims(resource string, now time.Time) (gone int, err error) {
	all, err := t.getter.Claims(resource)
	if err != nil {
		return 0, err
	}
	left := booking.WithoutPast(slices.Clone(all), now.Unix())
	switch {
	case len(left) == 0:
		t.tx.Delete(keyClaims(resource))
	case len(left) < len(all):
		t.PutClaims(resource, left)
	}
	return len(all) - len(left), nil
}
