// Package adaptertest is the one behaviour suite that every calendar adapter passes, run against an emulated
// provider.
//
// What differs between providers (how they page, how they say that a cursor is lost, what an identity looks like) is
// hidden behind [Harness]; what is asserted is only what the syncer relies on: reads are complete or fail, the dirty
// flag never misses a change, and a write happens exactly once without writing over a person.
package adaptertest

import (
	"context"
	"testing"
	"time"

	"slotd/internal/calendar"
)

// Zone is the IANA zone of every calendar that a Harness adds.
const Zone = "Europe/Berlin"

// PageSize is how many rows the emulated provider puts on a page at most.
const PageSize = 3

// Client is what every calendar adapter offers.
type Client interface {
	Calendars(ctx context.Context) ([]calendar.Info, error)
	Changed(ctx context.Context, cal string, window calendar.Interval, cursor calendar.Cursor) (calendar.Change, error)
	Read(ctx context.Context, cal string, window calendar.Interval) (calendar.Snapshot, error)
	Apply(ctx context.Context, cal string, w calendar.Wanted) (calendar.Written, error)
	Find(ctx context.Context, cal string, w calendar.Wanted) (calendar.Written, error)
}

// Event is an event as a person puts it into a calendar by hand.
type Event struct {
	// ID is empty for a new event; otherwise the event is replaced.
	ID         string
	Title      string
	Start, End time.Time
	// StartDate and EndDate (exclusive), both "2006-01-02", make an all-day event.
	StartDate, EndDate string
	// Weekly is how many times the event takes place, a week apart; 0 is once.
	Weekly int
	// Free, Tentative, Declined are how the event shows, busy when all are false.
	Free, Tentative, Declined bool
}

// Op is a kind of request that a fault can hit.
type Op int

// The kinds of request.
const (
	ListCalendars Op = iota
	LookForChanges
	ReadWindow
	Create
	Update
	Delete
	Watch
)

// Fault is what happens to requests of one kind.
type Fault struct {
	Op Op
	// Skip requests pass first, then the fault hits Times of them; 0 counts as one, -1 has no end.
	Skip, Times int
	// Status refuses the request; RetryAfter is the header of that name.
	Status     int
	RetryAfter string
	// Reset closes the connection without a reply, Truncate cuts the reply's body, Hang never answers.
	Reset, Truncate, Hang bool
	// After does what was asked before failing. Then runs when it is done.
	After bool
	Then  func()
	// Late gets what was asked as a function to call when nobody waits for it any more.
	Late func(act func())
	// Churn gives the events of the calendar new etags before the request is served.
	Churn bool
	// Lag hides what was written from lists, for so many further requests.
	Lag int
	// EmptyPage makes a list begin with a page of no rows. NoCursor makes it end without a cursor.
	EmptyPage, NoCursor bool
	// Hook runs before the request is served, for what people do in that moment.
	Hook func()
}

// Harness is an adapter wired to an emulated provider with one account.
type Harness interface {
	Client() Client
	// Restart puts a new client in the place of the old one.
	Restart()
	// Identity is the adapter's identity for the event of a booking.
	Identity(booking string, attempt int) string
	// AddCalendar adds a calendar that the account owns, in Zone, and returns its id.
	AddCalendar(name string) string
	// Put adds or replaces an event by hand and returns its id.
	Put(cal string, e Event) string
	// Delete deletes an event or a series by hand.
	Delete(cal, id string)
	// DeleteOccurrence deletes by hand the occurrence of a series that starts at start.
	DeleteOccurrence(cal, series string, start time.Time)
	// Copy duplicates an event by hand and returns the id of the copy. Restore takes a deleted one back, MoveTo moves one
	// to another calendar, Single makes one event of a series.
	Copy(cal, id string) string
	Restore(cal, id string)
	MoveTo(cal, id, to string)
	Single(cal, id string)
	// Live returns the events of a calendar as they are, in any order. Of each, ID, Title, Start and End matter, and
	// Weekly is not 0 for a series.
	Live(cal string) []Event
	// ExpireCursors makes the provider forget the cursors that it gave out for a calendar.
	ExpireCursors(cal string)
	// Inject makes requests fail until the returned function is called.
	Inject(f Fault) (remove func())
	// Requests is how many API requests were made so far.
	Requests() int
	// Watched is how many channels a calendar has at the provider. EndChannels ends them before their time.
	Watched(cal string) int
	EndChannels(cal string)
}

// Lacks names what a server does not do although the provider's own does. The promises stay, except where noted.
type Lacks struct {
	// Identity: an event does not show, or does not get, the identity under which it was created. A second create without
	// Unclear then makes a second event.
	Identity bool
	// ETags: events have none. A person's edit in the very moment of a write is not noticed.
	ETags bool
	// Tombstones: the identity of a deleted event is free again, so that a create which arrives after the deletion makes
	// another event. Graph does not say which it is.
	Tombstones bool
}

// Run runs the suite; each case gets a harness of its own from open.
func Run(t *testing.T, open func(t *testing.T) Harness) { RunLacking(t, Lacks{}, open) }

// RunLacking runs the suite against a server that lacks something.
func RunLacking(t *testing.T, lacks Lacks, open func(t *testing.T) Harness) {
	for _, group := range [][]testCase{readCases, changeCases, writeCases, faultCases, lateCases, peopleCases, channelCases} {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) {
				h := open(t)
				c.run(&world{T: t, h: h, cal: h.AddCalendar("Dr. Adams"), lacks: lacks})
			})
		}
	}
}

type testCase struct {
	name string
	run  func(*world)
}

// world is one case's harness with its calendar.
type world struct {
	*testing.T
	h     Harness
	cal   string
	lacks Lacks
}

// at returns a wall time in Zone.
func at(s string) time.Time {
	loc, err := time.LoadLocation(Zone)
	if err != nil {
		panic(err) // a broken installation
	}
	t, err := time.ParseInLocation("2006-01-02 15:04", s, loc)
	if err != nil {
		panic(err) // a mistake in the suite
	}
	return t
}

// span returns the interval between two wall times in Zone.
func span(from, to string) calendar.Interval { return calendar.Between(at(from), at(to)) }

// april is a window without a change of the clocks.
var april = span("2027-04-01 00:00", "2027-05-01 00:00")

// timed returns an event on a day of April 2027.
func timed(title, from, to string) Event {
	return Event{Title: title, Start: at("2027-04-" + from), End: at("2027-04-" + to)}
}

func (w *world) read(window calendar.Interval) calendar.Snapshot {
	w.Helper()
	snap, err := w.h.Client().Read(w.Context(), w.cal, window)
	if err != nil {
		w.Fatalf("Read: %v", err)
	}
	if snap.Window != window {
		w.Fatalf("Read says window %v, asked for %v", snap.Window, window)
	}
	return snap
}

// busy returns the merged busy time of a read.
func (w *world) busy(window calendar.Interval) []calendar.Interval {
	w.Helper()
	var spans []calendar.Interval
	for _, e := range w.read(window).Events {
		if e.Busy {
			spans = append(spans, e.Interval)
		}
	}
	return calendar.Union(spans)
}

func (w *world) wantBusy(window calendar.Interval, want ...calendar.Interval) {
	w.Helper()
	got := w.busy(window)
	if len(got) != len(want) {
		w.Fatalf("busy time %v, want %v", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			w.Errorf("busy time %d is %v to %v, want %v to %v", i,
				got[i].StartTime(), got[i].EndTime(), want[i].StartTime(), want[i].EndTime())
		}
	}
}

func (w *world) wantKind(err error, want calendar.Kind) {
	w.Helper()
	if err == nil || calendar.KindOf(err) != want {
		w.Fatalf("error %v, want kind %v", err, want)
	}
}

func (w *world) wantLive(n int) []Event {
	w.Helper()
	live := w.h.Live(w.cal)
	if len(live) != n {
		w.Fatalf("%d events at the provider, want %d: %+v", len(live), n, live)
	}
	return live
}
