package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"slotd/internal/calendar"
	"slotd/store/kv"
)

// Mirror says how a calendar's busy document came to be.
type Mirror struct {
	Cursor calendar.Cursor
	Window calendar.Interval
	ReadAt time.Time // when the request for the snapshot's first page began
	Events int
}

// OwnEvent is our event in a calendar, from the index that is written with the booking.
type OwnEvent struct {
	Calendar  calendar.ID
	Identity  string
	EventID   string // the provider's id; empty until a write settled
	Booking   string
	Placement int
}

type ownRecord struct {
	V         int    `json:"v"`
	EventID   string `json:"event,omitempty"`
	Booking   string `json:"booking"`
	Placement int    `json:"placement"`
}

func (r *ownRecord) version() int { return r.V }

// Busy returns the busy document of a calendar; nil when it was never read.
func (g getter) Busy(c calendar.ID) (*calendar.Busy, error) {
	value, err := g.get(keyBusy(c))
	if err != nil || value == nil {
		return nil, err
	}
	return unpackBusy(value)
}

// Mirror returns how the calendar's busy document came to be. found is false when it was never read.
func (g getter) Mirror(c calendar.ID) (m Mirror, found bool, err error) {
	var r mirrorRecord
	if found, err = g.record(keyMirror(c), &r); err != nil || !found {
		return m, found, err
	}
	return Mirror{
		Cursor: calendar.Cursor(r.Cursor), Window: calendar.Interval{Start: r.Start, End: r.End},
		ReadAt: r.ReadAt, Events: r.Events,
	}, true, nil
}

// PutSnapshot replaces the mirror of a calendar: its busy document and the cursor that was obtained before the read began.
func (t *Tx) PutSnapshot(c calendar.ID, b *calendar.Busy, m Mirror) {
	t.tx.Put(keyBusy(c), packBusy(b))
	t.PutMirror(c, m)
}

// PutBusy replaces the busy document of a calendar, as when we know of a change of our own before the next read does.
func (t *Tx) PutBusy(c calendar.ID, b *calendar.Busy) { t.tx.Put(keyBusy(c), packBusy(b)) }

// PutMirror replaces only what is known of the read, as when a new cursor came without a change.
func (t *Tx) PutMirror(c calendar.ID, m Mirror) {
	t.put(keyMirror(c), mirrorRecord{
		V: recordVersion, Cursor: string(m.Cursor), Start: m.Window.Start, End: m.Window.End,
		ReadAt: m.ReadAt.UTC(), Events: m.Events,
	})
}

// PutOwn writes the index entry of our event.
func (t *Tx) PutOwn(o OwnEvent) {
	t.put(keyOwn(o.Calendar, o.Identity), ownRecord{
		V: recordVersion, EventID: o.EventID, Booking: o.Booking, Placement: o.Placement,
	})
}

// DeleteOwn removes the index entry of an event that no snapshot will hold again.
func (t *Tx) DeleteOwn(o OwnEvent) { t.tx.Delete(keyOwn(o.Calendar, o.Identity)) }

// OwnEvents returns our events in a calendar.
func (r *Reader) OwnEvents(c calendar.ID) ([]OwnEvent, error) {
	var out []OwnEvent
	prefix := prefixOwnOf(c)
	for item, err := range r.scan(prefix, "") {
		if err != nil {
			return nil, err
		}
		identity, err := calendarOf(strings.TrimPrefix(item.Key, prefix))
		if err != nil {
			return nil, fmt.Errorf("read own: %w", err)
		}
		var rec ownRecord
		if err := decode(item.Value, &rec, rec.version); err != nil {
			return nil, fmt.Errorf("read own: %w", err)
		}
		out = append(out, OwnEvent{
			Calendar: c, Identity: string(identity), EventID: rec.EventID, Booking: rec.Booking, Placement: rec.Placement,
		})
	}
	return out, nil
}

// freshness is when the provider last confirmed the mirror of a calendar. It is kept in memory and flushed in groups, so
// that an idle poll commits nothing; a crash only makes a mirror look older than it is.
type freshness struct {
	at    time.Time
	dirty bool
}

type checkedRecord struct {
	V  int       `json:"v"`
	At time.Time `json:"at"`
}

func (r *checkedRecord) version() int { return r.V }

func (s *Store) loadChecked(r kv.Reader) error {
	for item, err := range r.Scan(prefixChecked, "") {
		if err != nil {
			return err
		}
		id, err := calendarOf(strings.TrimPrefix(item.Key, prefixChecked))
		if err != nil {
			return fmt.Errorf("read checked: %w", err)
		}
		var rec checkedRecord
		if err := decode(item.Value, &rec, rec.version); err != nil {
			return fmt.Errorf("read checked: %w", err)
		}
		s.checked[id] = freshness{at: rec.At}
	}
	return nil
}

// Checked returns when the provider last confirmed the mirror of the calendar: the start of the request of a complete
// snapshot or of a complete "nothing changed". It is the zero time when it never did.
func (s *Store) Checked(c calendar.ID) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.checked[c].at
}

// MarkChecked records that the provider confirmed the mirror by a request that began at the given time. It reaches the
// disk with the next FlushChecked.
func (s *Store) MarkChecked(c calendar.ID, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checked[c] = freshness{at: at, dirty: true} // also when the clock was set back: the last word counts
}

// FlushChecked writes what MarkChecked recorded since the last flush, in as few commits as the engine's limits allow.
func (s *Store) FlushChecked(ctx context.Context) error {
	left := s.takeChecked()
	// In order, so that a commit writes the few pages on which neighbours lie.
	for batch := range slices.Chunk(slices.Sorted(maps.Keys(left)), kv.MaxOps) {
		err := s.db.Update(ctx, func(tx kv.Tx) error {
			for _, id := range batch {
				value, err := json.Marshal(checkedRecord{V: recordVersion, At: left[id].UTC()})
				if err != nil {
					return err
				}
				tx.Put(keyChecked(id), value)
			}
			return nil
		})
		if err != nil {
			s.restoreChecked(left)
			return fmt.Errorf("flush the freshness of %d calendars: %w", len(left), err)
		}
		for _, id := range batch {
			delete(left, id)
		}
	}
	return nil
}

func (s *Store) takeChecked() map[calendar.ID]time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	dirty := map[calendar.ID]time.Time{}
	for id, f := range s.checked {
		if f.dirty {
			dirty[id] = f.at
			s.checked[id] = freshness{at: f.at}
		}
	}
	return dirty
}

func (s *Store) restoreChecked(left map[calendar.ID]time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range left {
		s.checked[id] = freshness{at: s.checked[id].at, dirty: true}
	}
}
