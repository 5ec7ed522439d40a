package syncer

import (
	"strings"

	"slotd/internal/calendar"
	"slotd/store"
)

// sort turns a snapshot into a busy document. Ours is only the event whose provider id we wrote, or before that write
// settled, the one that carries our identity; everything else is foreign, copies of ours included.
func sort(
	snap calendar.Snapshot, own []store.OwnEvent, storeID string,
) (*calendar.Busy, map[store.OutboxID]calendar.Event) {
	ours := newMatcher(own, storeID)
	busy := &calendar.Busy{Window: snap.Window}
	present := map[store.OutboxID]calendar.Event{}
	for _, e := range snap.Events {
		o := ours.match(e)
		span := cut(e.Interval, snap.Window)
		switch {
		case o != nil:
			present[store.OutboxID{Booking: o.Booking, Placement: o.Placement}] = e
			if e.Busy && !span.Empty() {
				busy.Own = append(busy.Own, calendar.Own{Interval: span, Booking: o.Booking})
			}
		case e.Busy:
			busy.Foreign = append(busy.Foreign, span)
		}
	}
	busy.Foreign = calendar.Union(busy.Foreign)
	return busy, present
}

// matcher tells our own events in a calendar from foreign ones.
type matcher struct {
	marker     string // what our markers of this store begin with
	byEvent    map[string]*store.OwnEvent
	byIdentity map[string]*store.OwnEvent   // of those whose first write has not settled
	byBooking  map[string][]*store.OwnEvent // the same
}

func newMatcher(own []store.OwnEvent, storeID string) *matcher {
	m := &matcher{
		marker: storeID + "/", byEvent: map[string]*store.OwnEvent{}, byIdentity: map[string]*store.OwnEvent{},
		byBooking: map[string][]*store.OwnEvent{},
	}
	for i := range own {
		if o := &own[i]; o.EventID != "" {
			m.byEvent[o.EventID] = o
		} else {
			m.byIdentity[o.Identity] = o
			m.byBooking[o.Booking] = append(m.byBooking[o.Booking], o)
		}
	}
	return m
}

// match returns the entry of our event that e is, nil for a foreign one. Until our first write has settled its id is not
// known; then the identity tells, or where a server shows none, the first events with our marker.
func (m *matcher) match(e calendar.Event) *store.OwnEvent {
	if o := m.byEvent[e.ID]; o != nil {
		return o
	}
	if e.Identity != "" {
		return m.byIdentity[e.Identity]
	}
	rest, ours := strings.CutPrefix(e.Marker, m.marker)
	if !ours {
		return nil
	}
	id, _, _ := strings.Cut(rest, "/")
	waiting := m.byBooking[id]
	if len(waiting) == 0 {
		return nil
	}
	m.byBooking[id] = waiting[1:]
	return waiting[0]
}

func cut(i, window calendar.Interval) calendar.Interval {
	return calendar.Interval{Start: max(i.Start, window.Start), End: min(i.End, window.End)}
}

func sameEvents(a, b []calendar.Event) bool {
	if len(a) != len(b) {
		return false
	}
	type key struct {
		id   string
		span calendar.Interval
		busy bool
	}
	seen := map[key]int{}
	for _, e := range a {
		seen[key{e.ID, e.Interval, e.Busy}]++
	}
	for _, e := range b {
		k := key{e.ID, e.Interval, e.Busy}
		if seen[k]--; seen[k] < 0 {
			return false
		}
	}
	return true
}
