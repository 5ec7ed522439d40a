package adaptertest

import (
	"context"
	"net/http"
	"slices"

	"slotd/internal/calendar"
)

var faultCases = []testCase{
	{"a create that fails, whatever happened", func(w *world) { w.everyFault(deed{op: Create}) }},
	{"a move that fails, whatever happened", func(w *world) { w.everyFault(deed{op: Update, to: "06 09:00"}) }},
	{"a new text that fails, whatever happened", func(w *world) { w.everyFault(deed{op: Update, to: "05 09:00"}) }},
	{"a removal that fails, whatever happened", func(w *world) { w.everyFault(deed{op: Delete}) }},
	{"whatever fails in whatever order, there is one event in the end", anyOrder},
	{"etags that change by themselves are no edit", etagChurn},
	{"lists that lag behind make no second event", lag},
	{"a long marker comes back unchanged", longMarker},
	{"a calendar that cannot be read says nothing of its events", unreadable},
}

// deed is one write to the provider: a create, a change of version 1 that begins at to, or a removal.
type deed struct {
	op Op
	to string
}

// mishap is how a write fails.
type mishap struct {
	name string
	Fault
	timeout bool
	// want is the kind of the error, unless some is true: then the write may also be found to have happened.
	want calendar.Kind
	some bool
}

var mishaps = []mishap{
	{name: "refused with 400", Fault: Fault{Status: http.StatusBadRequest}, want: calendar.Refused},
	{name: "refused with 403", Fault: Fault{Status: http.StatusForbidden}, want: calendar.Refused},
	{name: "throttled", Fault: Fault{Status: http.StatusTooManyRequests, RetryAfter: "17"}, want: calendar.Throttled},
	{name: "timed out, absent", Fault: Fault{Hang: true}, timeout: true},
	{name: "timed out, present", Fault: Fault{Hang: true, After: true}, timeout: true},
	{name: "reset before", Fault: Fault{Reset: true}},
	{name: "reset after", Fault: Fault{Reset: true, After: true}},
	{name: "409 before", Fault: Fault{Status: http.StatusConflict}, some: true},
	{name: "409 after", Fault: Fault{Status: http.StatusConflict, After: true}, some: true},
	{name: "412 before", Fault: Fault{Status: http.StatusPreconditionFailed}, some: true},
	{name: "412 after", Fault: Fault{Status: http.StatusPreconditionFailed, After: true}, some: true},
	{name: "500 before", Fault: Fault{Status: http.StatusInternalServerError}},
	{name: "500 after", Fault: Fault{Status: http.StatusInternalServerError, After: true}},
	{name: "502 after", Fault: Fault{Status: http.StatusBadGateway, After: true}},
	{name: "503 after", Fault: Fault{Status: http.StatusServiceUnavailable, After: true, RetryAfter: "1"}},
	{name: "truncated", Fault: Fault{Truncate: true, After: true}, some: true}, // a removal has nothing to cut
}

// permanent are the kinds of error that the syncer leaves to a person.
var permanent = []calendar.Kind{calendar.Refused, calendar.Gone, calendar.Conflict}

// caller calls as the syncer does for one placement, and keeps between the calls what its outbox would.
type caller struct {
	*world
	booking string
	attempt int
	known   calendar.Written
	unclear bool
	// keeps makes a person's repetition of a refused create use the same identity. Another one is safe only if no
	// earlier create is still on its way.
	keeps bool
}

// call makes one call. After an error of a permanent kind it does what a person does: try again, a create with another
// attempt.
func (c *caller) call(ctx context.Context, want calendar.Wanted) error {
	before := c.unclear
	c.unclear = true
	want.Known, want.Unclear, want.Identity = c.known, before, c.h.Identity(c.booking, c.attempt)
	got, err := c.h.Client().Apply(ctx, c.cal, want)
	switch kind := calendar.KindOf(err); {
	case err == nil:
		c.known, c.unclear = got, false
	case kind == calendar.Throttled, kind == calendar.NeedsPerson:
		c.unclear = before
	case slices.Contains(permanent, kind):
		c.unclear = false
		if c.known.ID == "" && !want.Removed && !c.keeps {
			c.attempt++
		}
	}
	return err
}

// everyFault meets the deed with every mishap, with and without a restart before the next call. In the end there is one
// event of the booking in the wanted state, or none, and what others put into the calendar is as it was.
func (w *world) everyFault(d deed) {
	for _, restart := range []bool{false, true} {
		for _, m := range mishaps {
			name := m.name
			if restart {
				name += ", and a restart"
			}
			w.cal = w.h.AddCalendar(name)
			if !w.meets(d, m, restart, name) {
				w.Errorf("%s: see above", name)
			}
		}
	}
}

func (w *world) meets(d deed, m mishap, restart bool, booking string) bool {
	foreign := timed("a person's", "05 09:00", "05 10:00")
	foreign.ID = w.h.Put(w.cal, foreign)
	c := &caller{world: w, booking: booking}
	want := w.booking(booking, 1, "05 09:00", "05 10:00")
	if d.op != Create {
		if err := c.call(w.Context(), want); err != nil {
			w.Errorf("prepare: %v", err)
			return false
		}
		want = w.booking(booking, 2, "05 09:00", "05 10:00")
		want.Title, want.Removed = "Visit, changed", d.op == Delete
	}
	if d.to != "" {
		at := at("2027-04-" + d.to)
		want.Interval = calendar.Between(at, at.Add(want.Interval.Duration()))
	}
	err := c.strike(d.op, m, want)
	ok := err == nil && m.some || err != nil && calendar.KindOf(err) == m.want
	if !ok {
		w.Errorf("%v, want kind %v", err, m.want)
	}
	if m.want == calendar.Throttled && calendar.RetryAfter(err).Seconds() != 17 {
		w.Errorf("%v: wait %v, want 17 s", err, calendar.RetryAfter(err))
	}
	for range 3 {
		if restart {
			w.h.Restart()
		}
		if err = c.call(w.Context(), want); err == nil {
			break
		}
	}
	if err != nil {
		w.Errorf("the next calls: %v", err)
		return false
	}
	return w.wantOne(foreign, want, c) && ok
}

// strike makes one call that meets the mishap.
func (c *caller) strike(op Op, m mishap, want calendar.Wanted) error {
	ctx, cancel := context.WithCancel(c.Context())
	defer cancel()
	f := m.Fault
	f.Op = op
	switch {
	case m.timeout && f.After:
		f.Then = cancel
	case m.timeout:
		f.Hook = cancel
	}
	defer c.h.Inject(f)()
	return c.call(ctx, want)
}

// wantOne checks that the calendar holds the foreign event as it was, and besides it the one that is wanted.
func (w *world) wantOne(foreign Event, want calendar.Wanted, c *caller) bool {
	n := 0
	for _, e := range w.h.Live(w.cal) {
		switch {
		case e.ID == foreign.ID:
			if e.Title != foreign.Title || !e.Start.Equal(foreign.Start) || !e.End.Equal(foreign.End) {
				w.Errorf("a person's event changed: %+v", e)
				return false
			}
		case want.Removed || calendar.Between(e.Start, e.End) != want.Interval || e.Title != want.Title:
			w.Errorf("in the end there is %+v, want %v %q, removed %v", e, want.Interval, want.Title, want.Removed)
			return false
		}
		n++
	}
	if n != 2 && !want.Removed || n != 1 && want.Removed {
		w.Errorf("in the end there are %d events with the foreign one, removed %v", n, want.Removed)
		return false
	}
	if want.Removed {
		return true
	}
	want.Known, want.Identity = c.known, c.h.Identity(c.booking, c.attempt)
	found, err := w.h.Client().Find(w.Context(), w.cal, want)
	if err != nil || found.Version != want.Version || found.Interval != want.Interval || found.ID != c.known.ID {
		w.Errorf("Find: %+v, %v", found, err)
		return false
	}
	return true
}

func etagChurn(w *world) {
	known := w.applied(w.booking("b1", 1, "05 09:00", "05 10:00"))
	// Between two writes, and in the moment of one.
	for i, op := range []Op{ReadWindow, Update} {
		stop := w.h.Inject(Fault{Op: op, Churn: true})
		w.read(april)
		next := w.booking("b1", uint64(i)+2, "06 09:00", "06 10:00")
		next.Known = known
		known = w.applied(next)
		stop()
	}
	defer w.h.Inject(Fault{Op: Delete, Churn: true})()
	gone := w.booking("b1", 9, "06 09:00", "06 10:00")
	gone.Known, gone.Removed = known, true
	if _, err := w.apply(gone); err != nil {
		w.Errorf("remove: %v", err)
	}
	w.wantLive(0)
}

func lag(w *world) {
	if w.lacks.Identity {
		return // where nothing but a list tells of an event, a list that lags hides it
	}
	want := w.booking("b1", 1, "05 09:00", "05 10:00")
	stop := w.h.Inject(Fault{Op: Create, Reset: true, After: true, Lag: 8})
	_, err := w.apply(want)
	stop()
	w.wantKind(err, calendar.Unclear)
	w.wantBusy(april)
	want.Unclear = true
	known := w.applied(want)
	w.wantLive(1)
	for range 8 {
		w.read(april)
	}
	w.wantBusy(april, want.Interval)
	stop = w.h.Inject(Fault{Op: Update, Lag: 2})
	next := w.booking("b1", 2, "06 09:00", "06 10:00")
	next.Known = known
	next.Known = w.applied(next)
	stop()
	for _, version := range []uint64{1, 1, 2} { // what a list says may be older than what we wrote; it tells so
		e := w.read(april).Events
		if len(e) != 1 || e[0].Version != version || (e[0].Interval == next.Interval) != (version == 2) {
			w.Errorf("the list shows %+v, want version %d", e, version)
		}
	}
}

func longMarker(w *world) {
	want := w.booking("b1", 1, "05 09:00", "05 10:00")
	const part = `store/böoking "1"=a&b v12/`
	for len(want.Marker) < 200-len(part) {
		want.Marker += part
	}
	known := w.applied(want)
	next := want
	next.Version, next.Known, next.Interval = 2, known, span("2027-04-06 09:00", "2027-04-06 10:00")
	w.applied(next)
	for _, e := range w.read(april).Events {
		if e.Marker != want.Marker {
			w.Errorf("marker %q, want %q", e.Marker, want.Marker)
		}
	}
	next.Known = calendar.Written{}
	if found, err := w.h.Client().Find(w.Context(), w.cal, next); err != nil || found.ID != known.ID {
		w.Errorf("Find: %+v, %v", found, err)
	}
	for len(want.Marker) < 2000 {
		want.Marker += part
	}
	_, err := w.apply(want)
	w.wantKind(err, calendar.Refused)
	w.wantLive(1)
}

func unreadable(w *world) {
	want := w.booking("b1", 1, "05 09:00", "05 10:00")
	want.Known = w.applied(want)
	w.cal = "nosuchcalendar"
	_, err := w.h.Client().Find(w.Context(), w.cal, want)
	w.wantKind(err, calendar.Unclear)
	want.Version = 2
	_, err = w.apply(want)
	w.wantKind(err, calendar.Unclear)
	want.Removed = true
	_, err = w.apply(want)
	w.wantKind(err, calendar.Unclear)
	want.Known = calendar.Written{}
	_, err = w.apply(want)
	w.wantKind(err, calendar.Unclear)
}
