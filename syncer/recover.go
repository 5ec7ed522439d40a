package syncer

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/store"
)

// recovery leads a store that was put back from a copy to where the calendars are. First every calendar that bookings
// are written into is read as a whole; nothing is concluded before, because a booking may have events in several. Then
// what the events tell of bookings that the copy does not have, or has as they were before, is recorded. Then all are
// read again and reconciled as ever, and with that the restore ends. Nothing is written to the calendars meanwhile. All
// of it can be begun again after a crash.
type recovery struct {
	cfg       Config
	calendars []calendar.ID // that have to be read
	again     func()        // has every calendar read as a whole
	over      func()        // wakes the write-back

	mu       sync.Mutex // guards the fields below; never held across a transaction
	traces   map[calendar.ID][]trace
	deciding bool // one mirror's loop records what all have found
	decided  bool
	compared map[calendar.ID]bool
}

// trace is an event that carries our marker.
type trace struct {
	booking.Trace
	booking, service, reference string
	exact                       bool // it goes by the identity that we gave it, so that it is no copy
}

func newRecovery(cfg Config, again, over func()) *recovery {
	r := &recovery{
		cfg: cfg, again: again, over: over, traces: map[calendar.ID][]trace{}, compared: map[calendar.ID]bool{},
	}
	for _, cal := range cfg.Booked {
		if slices.Contains(cfg.Calendars, cal) && !slices.Contains(r.calendars, cal) {
			r.calendars = append(r.calendars, cal)
		}
	}
	slices.Sort(r.calendars)
	return r
}

// Restoring returns the calendars that a restore still waits for, sorted; nothing when there is none.
func (s *Syncer) Restoring() []calendar.ID {
	if s.cfg.Store.Restoring() == nil {
		return nil
	}
	return s.recovery.waiting()
}

func (r *recovery) waiting() []calendar.ID {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.calendars), func(cal calendar.ID) bool {
		if r.decided {
			return r.compared[cal]
		}
		return r.traces[cal] != nil
	})
}

// read takes a complete snapshot of a calendar. It returns true while a restore keeps it from being reconciled.
func (r *recovery) read(ctx context.Context, cal calendar.ID, snap calendar.Snapshot) (gathering bool, err error) {
	if r.cfg.Store.Restoring() == nil || !slices.Contains(r.calendars, cal) {
		return false, nil
	}
	all, gathering := r.gather(cal, r.tracesIn(cal, snap))
	if all == nil {
		return gathering, nil
	}
	err = r.record(ctx, all)
	r.mu.Lock()
	r.deciding, r.decided = false, err == nil
	r.mu.Unlock()
	if err != nil {
		return true, fmt.Errorf("recover bookings from their events: %w", err)
	}
	r.again()
	return true, nil
}

// gather adds the traces of a calendar. all is set for the caller that brought the last: it is to record them.
func (r *recovery) gather(cal calendar.ID, found []trace) (all []trace, gathering bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.decided {
		return nil, false
	}
	r.traces[cal] = found
	if len(r.traces) < len(r.calendars) || r.deciding {
		return nil, true
	}
	r.deciding = true
	all = []trace{}
	for _, cal := range r.calendars {
		all = append(all, r.traces[cal]...)
	}
	return all, true
}

// reconciled records that a calendar was read and reconciled. After the last, the restore is over.
func (r *recovery) reconciled(ctx context.Context, cal calendar.ID) error {
	if r.cfg.Store.Restoring() == nil || !r.reconciledAll(cal) {
		return nil
	}
	if err := r.cfg.Store.EndRestore(ctx); err != nil {
		return err
	}
	r.cfg.Log.Info("restore: all calendars were read and compared with the copy; going on as ever")
	r.over()
	return nil
}

func (r *recovery) reconciledAll(cal calendar.ID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.compared[cal] = r.decided
	return !slices.ContainsFunc(r.calendars, func(cal calendar.ID) bool { return !r.compared[cal] })
}

// tracesIn returns our events in a snapshot, by their markers. Markers of another store are nothing to us. The result
// is not nil.
func (r *recovery) tracesIn(cal calendar.ID, snap calendar.Snapshot) []trace {
	out := []trace{}
	for _, e := range snap.Events {
		t, ours := parseMarker(e.Marker, r.cfg.Store.ID())
		if !ours || e.Interval.Empty() {
			continue
		}
		t.Calendar = cal
		t.Event = calendar.Written{ID: e.ID, ETag: e.ETag, Interval: e.Interval, Version: e.Version}
		t.Identity = r.cfg.Identity(cal, t.booking, t.Resource, t.Attempt)
		t.exact = t.Identity != "" && (e.ID == t.Identity || e.Identity == t.Identity)
		out = append(out, t)
	}
	return out
}

// parseMarker undoes marker. ours is false for another store's, and for what we never wrote.
func parseMarker(value, storeID string) (t trace, ours bool) {
	parts := strings.Split(value, "/")
	if len(parts) != 6 || parts[0] != storeID || slices.ContainsFunc(parts, func(p string) bool { return !plain(p) }) {
		return t, false
	}
	attempt, err := strconv.Atoi(parts[3])
	if err != nil || attempt < 1 {
		return t, false
	}
	t.booking, t.Resource, t.Attempt, t.service, t.reference = parts[1], parts[2], attempt, parts[4], parts[5]
	return t, true
}

// plain reports whether a part of a marker is one of our ids, which may become a part of a key.
func plain(s string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
	return s != "" && len(s) <= 64 && strings.Trim(s, letters) == ""
}

// record makes the bookings equal to what their events tell, one small Update each.
func (r *recovery) record(ctx context.Context, all []trace) error {
	found := r.byBooking(all)
	var behind []string
	err := r.cfg.Store.View(ctx, func(rd *store.Reader) error {
		behind = nil
		for _, id := range slices.Sorted(maps.Keys(found)) {
			b, err := rd.Booking(id)
			if err != nil {
				return err
			}
			if b == nil || b.CatchUp(booking.Act{}, plainTraces(found[id])) {
				behind = append(behind, id)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	recovered := 0
	for _, id := range behind {
		known := false
		err := r.cfg.Store.Update(ctx, func(tx *store.Tx) (err error) {
			known, err = r.recoverOne(tx, id, found[id])
			return err
		})
		if err != nil {
			return err
		}
		if !known {
			recovered++
			r.cfg.Log.Warn("restore: a booking was recovered from its events; only they tell who it is for", "booking", id)
		}
	}
	r.cfg.Log.Info("restore: all calendars of bookings were read", "events", len(all), "recovered", recovered,
		"newer", len(behind)-recovered)
	return nil
}

// recoverOne is the transaction of one booking. known is false for one that the copy did not have.
func (r *recovery) recoverOne(tx *store.Tx, id string, found []trace) (known bool, err error) {
	now := r.cfg.Now()
	b, err := tx.Booking(id)
	if err != nil {
		return false, err
	}
	if b == nil {
		return false, r.insert(tx, id, found)
	}
	was := b.Clone()
	act := booking.Act{At: now, By: booking.BySlotd, Why: "its events are newer than the copy that was restored"}
	if !b.CatchUp(act, plainTraces(found)) {
		return true, nil
	}
	if err := r.markConflicts(tx, b); err != nil {
		return true, err
	}
	if err := tx.ChangeBooking(was, b, now); err != nil {
		return true, err
	}
	for i, p := range b.Placements {
		tx.PutOwn(store.OwnEvent{Calendar: p.Calendar, Identity: p.Identity, EventID: p.Event.ID, Booking: id, Placement: i})
		if p.Status == booking.Pending {
			continue
		}
		mark, there, err := tx.Mark(store.OutboxID{Booking: id, Placement: i})
		if err != nil {
			return true, err
		}
		if there {
			tx.DeleteMark(mark) // what it asked for was written after the copy
		}
	}
	return true, nil
}

// insert writes a booking that is known from its events alone.
func (r *recovery) insert(tx *store.Tx, id string, found []trace) error {
	now, first := r.cfg.Now(), found[0]
	b := &booking.Booking{ID: id, Service: first.service}
	before, after, _ := r.cfg.Terms(first.service, first.Resource)
	b.Before, b.After = int64(before.Seconds()), int64(after.Seconds())
	b.Recover(booking.Act{At: now, By: booking.BySlotd, Why: "found in the calendar after a restore"}, plainTraces(found))
	var err error
	if b.Reference, err = freeReference(tx, first.reference); err != nil {
		return err
	}
	if err := r.markConflicts(tx, b); err != nil {
		return err
	}
	return tx.InsertBooking(b, booking.Person{}, now)
}

// freeReference returns the reference, or one made of it when another booking has it by now: the customer still tells
// the first part.
func freeReference(tx *store.Tx, reference string) (string, error) {
	for n := 1; ; n++ {
		try := reference
		if n > 1 {
			try = fmt.Sprintf("%s-%d", reference, n)
		}
		if taken, err := tx.BookingByReference(try); err != nil || taken == "" {
			return try, err
		}
	}
}

// markConflicts marks where other bookings have the time of one that nobody asked whether there is room for.
func (r *recovery) markConflicts(tx *store.Tx, b *booking.Booking) error {
	now := r.cfg.Now()
	for i, p := range b.Placements {
		if !b.Wanted(i) {
			continue
		}
		claims, err := tx.Claims(p.Resource)
		if err != nil {
			return err
		}
		if b.Crowded(claims, r.cfg.capacityOf(p.Resource), now.Unix()) {
			b.SetConflict(i, true, now)
		}
	}
	return nil
}

// byBooking returns the traces of each booking, one for each resource, the newest first and among equals that of the
// resource that was chosen.
func (r *recovery) byBooking(all []trace) map[string][]trace {
	type seat struct{ booking, resource string }
	best := map[seat]trace{}
	for _, t := range all {
		at := seat{t.booking, t.Resource}
		if old, there := best[at]; !there || better(t, old) < 0 {
			best[at] = t
		}
	}
	out := map[string][]trace{}
	for at, t := range best {
		out[at.booking] = append(out[at.booking], t)
	}
	for _, list := range out {
		slices.SortFunc(list, func(a, b trace) int {
			return cmp.Or(cmp.Compare(b.Event.Version, a.Event.Version), first(r.offers(a), r.offers(b)), better(a, b),
				cmp.Compare(a.Resource, b.Resource))
		})
	}
	return out
}

// offers reports whether the resource of a trace can be chosen for its service, as opposed to being needed beside
// another.
func (r *recovery) offers(t trace) bool {
	_, _, offers := r.cfg.Terms(t.service, t.Resource)
	return offers
}

// better orders the events of one booking on one resource: an original before copies of it, then the last write of
// ours.
func better(a, b trace) int {
	return cmp.Or(first(a.exact, b.exact), cmp.Compare(b.Event.Version, a.Event.Version),
		cmp.Compare(b.Attempt, a.Attempt), cmp.Compare(a.Event.Interval.Start, b.Event.Interval.Start),
		cmp.Compare(a.Calendar, b.Calendar), cmp.Compare(a.Event.ID, b.Event.ID))
}

// first orders what is before what is not.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

func plainTraces(found []trace) []booking.Trace {
	out := make([]booking.Trace, len(found))
	for i, t := range found {
		out[i] = t.Trace
	}
	return out
}
