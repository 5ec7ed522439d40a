// Package calendar is the vocabulary in which the rest of slotd speaks of a provider's calendar: intervals of time, the
// events that a provider reports, the complete snapshot of a window, the cursor that answers "did anything change", the
// state that a placement's event should have, and the kinds of error that a provider can return.
//
// Everything here is a plain value without behaviour over the network. All instants are Unix seconds in UTC; wall time in
// a zone is turned into instants at the edge (see package booking and the adapters). The package imports only the
// standard library, so that both adapters, the syncer and the store can share it.
package calendar

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Interval is the half-open span of time [Start, End) in Unix seconds, UTC. An interval whose End is not after its Start
// is empty.
type Interval struct {
	Start, End int64
}

// Between returns the interval from a to b, rounded outward to whole seconds: time that is partly busy is busy.
func Between(a, b time.Time) Interval {
	end := b.Unix()
	if b.Nanosecond() > 0 {
		end++
	}
	return Interval{Start: a.Unix(), End: end}
}

// Empty reports whether the interval holds no instant.
func (i Interval) Empty() bool { return i.End <= i.Start }

// Overlaps reports whether i and o share an instant. Intervals that only touch do not overlap.
func (i Interval) Overlaps(o Interval) bool {
	return i.Start < o.End && o.Start < i.End && !i.Empty() && !o.Empty()
}

// Covers reports whether every instant of o lies in i.
func (i Interval) Covers(o Interval) bool { return i.Start <= o.Start && o.End <= i.End }

// Pad returns i made longer by before seconds at its start and after seconds at its end.
func (i Interval) Pad(before, after int64) Interval {
	return Interval{Start: i.Start - before, End: i.End + after}
}

// Duration returns the length of i; zero when it is empty.
func (i Interval) Duration() time.Duration {
	if i.Empty() {
		return 0
	}
	return time.Duration(i.End-i.Start) * time.Second
}

// StartTime returns the start of i in UTC.
func (i Interval) StartTime() time.Time { return time.Unix(i.Start, 0).UTC() }

// EndTime returns the end of i in UTC.
func (i Interval) EndTime() time.Time { return time.Unix(i.End, 0).UTC() }

// Union sorts spans and merges those that overlap or touch. Empty intervals vanish. It works in place and returns the
// shortened slice.
func Union(spans []Interval) []Interval {
	slices.SortFunc(spans, func(a, b Interval) int { return cmp.Compare(a.Start, b.Start) })
	out := spans[:0]
	for _, s := range spans {
		if s.Empty() {
			continue
		}
		if n := len(out); n > 0 && s.Start <= out[n-1].End {
			out[n-1].End = max(out[n-1].End, s.End)
			continue
		}
		out = append(out, s)
	}
	return out
}

// ID names a calendar: the account as the config names it, a slash, and the provider's own calendar id, which may itself
// hold slashes.
type ID string

// Account returns the part of the id before the first slash.
func (id ID) Account() string {
	a, _, _ := strings.Cut(string(id), "/")
	return a
}

// Calendar returns the provider's own id: all that follows the first slash, or "" without one.
func (id ID) Calendar() string {
	_, c, _ := strings.Cut(string(id), "/")
	return c
}

// Info is what a provider says of one calendar of an account.
type Info struct {
	ID       string // the provider's own id
	Name     string
	Zone     string // IANA name, "" when the provider does not say
	Writable bool
	Primary  bool
}

// Event is one event of a snapshot, after the provider's busy rules were applied to it. Occurrences of a series are
// events of their own. It carries no title and no people: the mirror stores time only.
type Event struct {
	// ID is the provider's id of this event or occurrence.
	ID string
	// Identity is what the client that created the event called it: at Google the event id, at Graph the transactionId.
	// It is empty when the provider shows none. A copy made by a person has another ID and is never ours.
	Identity string
	ETag     string
	Interval Interval
	// Busy reports whether the event blocks its time.
	Busy bool
	// FreeDay reports an all-day event that does not block for one reason: somebody, or the provider's default, marked it as
	// free. all_day = "busy" in the config makes it Busy.
	FreeDay bool
	// Marker is the value of our private property, "" without one. See [Wanted.Marker].
	Marker string
	// Version is the version of the booking that our last write into the event showed; 0 where the server keeps none of
	// our properties, and in foreign events. It tells a stale list from a person's edit.
	Version uint64
	// Recurring reports an occurrence of a series.
	Recurring bool
	// Odd reports that the provider's times make no sense: they cannot be read, or the end lies before the start. Interval
	// is then what the event may block, the whole window where nothing is known.
	Odd bool
}

// Cursor is a provider's opaque answer to "what have I seen": a sync token, a delta link. The empty cursor means that
// nothing was seen, or that the provider serves none.
type Cursor string

// Change is the answer to "did anything change since this cursor".
type Change struct {
	// Changed is true when something may have changed, when no cursor was given, and always where the provider serves
	// no cursors: then the window is read on the timer.
	Changed bool
	// Cursor replaces the one that was asked with; empty where the provider serves none.
	Cursor Cursor
}

// Snapshot is one complete read of a calendar's window. A read that broke off is an error, never a snapshot.
type Snapshot struct {
	// Window is the interval that was read. Outside it nothing is known.
	Window Interval
	Events []Event
	// Pages is the number of pages that the read took. Between two pages the calendar may have changed.
	Pages int
}

// Wanted is the state that the event of one placement should have at the provider.
type Wanted struct {
	// Identity was persisted before the first call: at Google the client event id (lower-case base32hex), at Graph the
	// transactionId.
	Identity string
	// Known is what the last settled write returned; its zero value means that none settled.
	Known Written
	// Unclear says that an earlier call may have reached the provider although no answer arrived: look the event up
	// by identity before writing.
	Unclear bool
	// Version is the booking's version that this state belongs to. It is written into the event beside the marker, so
	// that a lost reply can be told from a lost request.
	Version uint64
	// Removed asks for the event's absence. The other fields below do not matter then.
	Removed  bool
	Interval Interval
	Zone     string // IANA zone in which people read the event
	Title    string
	Body     string
	// Marker is the value of our private property: store id, booking and resource. With it a lost store can be rebuilt.
	Marker string
}

// Written is what is known of an event after a write settled.
type Written struct {
	ID       string // the provider's event id; empty: no event was ever written
	ETag     string
	Interval Interval
	Version  uint64
	// Recurring reports that the event is a series now; Interval is its first occurrence.
	Recurring bool
}
