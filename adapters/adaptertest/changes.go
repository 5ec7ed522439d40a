package adaptertest

import (
	"fmt"
	"net/http"

	"slotd/internal/calendar"
)

var changeCases = []testCase{
	{"the dirty flag follows the calendar", dirtyFlag},
	{"a lost cursor says so", lostCursor},
	{"without cursors everything may have changed", noCursors},
	{"a round that breaks off is an error", brokenRound},
}

func (w *world) changed(cursor calendar.Cursor) calendar.Change {
	w.Helper()
	c, err := w.h.Client().Changed(w.Context(), w.cal, april, cursor)
	if err != nil {
		w.Fatalf("Changed: %v", err)
	}
	return c
}

func dirtyFlag(w *world) {
	for i := range 2 * PageSize {
		day := fmt.Sprintf("%02d ", i+2)
		w.h.Put(w.cal, timed("visit", day+"09:00", day+"10:00"))
	}
	rounds := timed("rounds", "05 14:00", "05 15:00")
	rounds.Weekly = 3
	series := w.h.Put(w.cal, rounds)
	first := w.changed("")
	if !first.Changed || first.Cursor == "" {
		w.Fatalf("a new cursor: %+v", first)
	}
	cursor := first.Cursor
	still := func(when string) {
		w.Helper()
		c := w.changed(cursor)
		if c.Changed || c.Cursor == "" {
			w.Fatalf("%s: %+v, want no change", when, c)
		}
		cursor = c.Cursor
	}
	var id string
	still("at first")
	for _, step := range []struct {
		name string
		do   func()
	}{
		{"add", func() { id = w.h.Put(w.cal, timed("visit", "20 09:00", "20 10:00")) }},
		{"move", func() {
			e := timed("visit", "21 09:00", "21 10:00")
			e.ID = id
			w.h.Put(w.cal, e)
		}},
		{"delete", func() { w.h.Delete(w.cal, id) }},
		{"delete one occurrence", func() { w.h.DeleteOccurrence(w.cal, series, at("2027-04-12 14:00")) }},
		{"delete a series", func() { w.h.Delete(w.cal, series) }},
	} {
		step.do()
		c := w.changed(cursor)
		if !c.Changed || c.Cursor == "" {
			w.Fatalf("%s: %+v, want a change", step.name, c)
		}
		cursor = c.Cursor
		still("after " + step.name)
	}
}

func lostCursor(w *world) {
	c := w.changed("")
	w.h.ExpireCursors(w.cal)
	_, err := w.h.Client().Changed(w.Context(), w.cal, april, c.Cursor)
	w.wantKind(err, calendar.Expired)
	if c = w.changed(""); c.Cursor == "" {
		w.Error("no new cursor after the old one was lost")
	}
}

func noCursors(w *world) {
	for name, f := range map[string]Fault{
		"the round ends without one": {NoCursor: true},
		"not served":                 {Status: http.StatusNotImplemented},
		"parameters refused":         {Status: http.StatusBadRequest},
	} {
		w.cal = w.h.AddCalendar(name)
		f.Op, f.Times = LookForChanges, -1
		remove := w.h.Inject(f)
		if c := w.changed(""); !c.Changed || c.Cursor != "" {
			w.Errorf("%s: %+v, want changed without a cursor", name, c)
		}
		before := w.h.Requests()
		if c := w.changed(""); !c.Changed || c.Cursor != "" {
			w.Errorf("%s, again: %+v, want changed without a cursor", name, c)
		}
		if n := w.h.Requests() - before; n != 0 {
			w.Errorf("%s: asked again at the next poll, in %d requests", name, n)
		}
		remove()
	}
}

func brokenRound(w *world) {
	c := w.changed("")
	for i := range 2 * PageSize {
		day := fmt.Sprintf("%02d ", i+2)
		w.h.Put(w.cal, timed("visit", day+"09:00", day+"10:00"))
	}
	remove := w.h.Inject(Fault{Op: LookForChanges, Skip: 1, Status: http.StatusServiceUnavailable, RetryAfter: "5"})
	_, err := w.h.Client().Changed(w.Context(), w.cal, april, c.Cursor)
	remove()
	w.wantKind(err, calendar.Unclear)
	if c = w.changed(c.Cursor); !c.Changed {
		w.Error("the changes were forgotten with the broken round")
	}
}
