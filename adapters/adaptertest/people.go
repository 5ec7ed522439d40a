package adaptertest

import (
	"errors"

	"slotd/internal/calendar"
)

// What people do to our events, and what Find and Apply say of them.
var peopleCases = []testCase{
	{"people move, stretch, free, decline, restore and rename our events", personEdits},
	{"an all-day event is the day of its calendar, whoever asks", personAllDayAbroad},
	{"a person's series of our event is left to people", personSeries},
	{"a series of the same moment is left to people", personSeriesMeanwhile},
	{"a series that is one event again is ours again", personSeriesUndone},
	{"a lost create that became a series is found", lostCreateSeries},
	{"an event that went to another calendar is gone from this one", personTransferred},
	{"a person's copy is foreign", personCopied},
}

// personEdits checks for each edit that Find tells the time, that a write goes ahead only where the time is as it was,
// and that a removal always does.
func personEdits(w *world) {
	day := span("2027-04-05 00:00", "2027-04-06 00:00")
	for _, c := range []struct {
		name string
		edit func(*Event)
		want calendar.Interval // empty: as it was
		free bool
	}{
		{name: "moved", edit: func(e *Event) { e.Start, e.End = at("2027-04-08 15:00"), at("2027-04-08 16:00") },
			want: span("2027-04-08 15:00", "2027-04-08 16:00")},
		{name: "moved out of the window",
			edit: func(e *Event) { e.Start, e.End = at("2028-04-08 15:00"), at("2028-04-08 16:00") },
			want: span("2028-04-08 15:00", "2028-04-08 16:00")},
		{name: "stretched", edit: func(e *Event) { e.End = at("2027-04-05 11:30") },
			want: span("2027-04-05 09:00", "2027-04-05 11:30")},
		{name: "made all-day", edit: func(e *Event) { e.StartDate, e.EndDate = "2027-04-05", "2027-04-06" }, want: day},
		{name: "renamed", edit: func(e *Event) { e.Title = "Visit, bring the file" }},
		{name: "marked as free", edit: func(e *Event) { e.Free = true }, free: true},
		{name: "declined", edit: func(e *Event) { e.Declined = true }, free: true},
		{name: "deleted and restored"},
	} {
		w.cal = w.h.AddCalendar(c.name)
		want := w.booking(c.name, 1, "05 09:00", "05 10:00")
		want.Known = w.applied(want)
		e := timed(want.Title, "05 09:00", "05 10:00")
		if e.ID = want.Known.ID; c.edit == nil {
			w.h.Delete(w.cal, e.ID)
			w.h.Restore(w.cal, e.ID)
		} else {
			c.edit(&e)
			w.h.Put(w.cal, e)
		}
		there := c.want
		if there.Empty() {
			there = want.Interval
		}
		found, err := w.h.Client().Find(w.Context(), w.cal, want)
		if err != nil || found.ID != e.ID || found.Interval != there || found.Version != 1 || found.Recurring {
			w.Errorf("%s: Find says %+v, %v, want %v", c.name, found, err, there)
		}
		for _, s := range w.read(april).Events {
			if s.ID != e.ID || s.Busy == c.free || s.Interval != there {
				w.Errorf("%s: the snapshot shows %+v", c.name, s)
			}
		}
		next := w.booking(c.name, 2, "06 09:00", "06 10:00")
		next.Known = want.Known
		got, err := w.apply(next)
		if c.want.Empty() != (err == nil) || err != nil && calendar.KindOf(err) != calendar.Conflict {
			w.Errorf("%s: Apply %+v, %v", c.name, got, err)
		}
		if err != nil {
			w.wantAt(e.ID, there)
		}
		if live := w.wantLive(1); live[0].Title != e.Title {
			w.Errorf("%s: the title is %q now, want %q", c.name, live[0].Title, e.Title)
		}
		next.Removed = true
		if _, err := w.apply(next); err != nil {
			w.Errorf("%s: remove: %v", c.name, err)
		}
		w.wantLive(0)
	}
}

// personAllDayAbroad: the booking is read in another zone than the calendar's. Find and a snapshot must agree all the
// same, or each would look like a person's move to the other.
func personAllDayAbroad(w *world) {
	want := w.booking("b1", 1, "05 09:00", "05 10:00")
	want.Zone = "America/New_York"
	want.Known = w.applied(want)
	w.h.Put(w.cal, Event{ID: want.Known.ID, Title: "Visit", StartDate: "2027-04-05", EndDate: "2027-04-06"})
	day := span("2027-04-05 00:00", "2027-04-06 00:00")
	found, err := w.h.Client().Find(w.Context(), w.cal, want)
	if err != nil || found.Interval != day {
		w.Errorf("Find says %+v, %v, want %v", found, err, day)
	}
	w.wantBusy(april, day)
	want.Known, want.Version = found, 2
	w.applied(want)
}

// repeated makes a weekly series of an event by hand.
func (w *world) repeated(id string) {
	e := timed("Visit b1", "05 09:00", "05 10:00")
	e.ID, e.Weekly = id, 3
	w.h.Put(w.cal, e)
}

func (w *world) wantRecurring(got calendar.Written, err error) {
	w.Helper()
	var e *calendar.Error
	if !errors.As(err, &e) || e.Kind != calendar.Conflict || e.Reason != "madeRecurring" || !got.Recurring {
		w.Errorf("%+v, %v, want a conflict: madeRecurring", got, err)
	}
	if live := w.h.Live(w.cal); len(live) != 1 || live[0].Weekly == 0 {
		w.Errorf("in the calendar is %+v, want the person's series", live)
	}
}

func personSeries(w *world) {
	want := w.booking("b1", 1, "05 09:00", "05 10:00")
	want.Known = w.applied(want)
	w.repeated(want.Known.ID)
	found, err := w.h.Client().Find(w.Context(), w.cal, want)
	if err != nil || found.ID != want.Known.ID || found.Interval != want.Interval || !found.Recurring {
		w.Errorf("Find says %+v, %v", found, err)
	}
	for _, known := range []calendar.Written{want.Known, found, {}} {
		next := w.booking("b1", 2, "06 09:00", "06 10:00")
		next.Known, next.Unclear = known, known.ID == ""
		w.wantRecurring(w.apply(next))
		next.Removed = true
		w.wantRecurring(w.apply(next))
	}
	w.wantBusy(april, want.Interval,
		span("2027-04-12 09:00", "2027-04-12 10:00"), span("2027-04-19 09:00", "2027-04-19 10:00"))
	for _, e := range w.read(april).Events {
		if !e.Recurring || e.ID == want.Known.ID || e.Identity != "" || e.Marker != "" || e.Version != 0 {
			w.Errorf("occurrence %+v, want it foreign", e)
		}
	}
}

func personSeriesMeanwhile(w *world) {
	if w.lacks.ETags {
		return // nothing tells the server what the request was meant for
	}
	for op, name := range map[Op]string{Update: "b1", Delete: "b2"} {
		w.cal = w.h.AddCalendar(name)
		known := w.applied(w.booking(name, 1, "05 09:00", "05 10:00"))
		stop := w.h.Inject(Fault{Op: op, Hook: func() { w.repeated(known.ID) }})
		next := w.booking(name, 2, "06 09:00", "06 10:00")
		next.Known, next.Removed = known, op == Delete
		w.wantRecurring(w.apply(next))
		stop()
	}
	// A person who only moves it does not keep a cancelled booking.
	w.cal = w.h.AddCalendar("b3")
	gone := w.booking("b3", 2, "05 09:00", "05 10:00")
	gone.Known, gone.Removed = w.applied(w.booking("b3", 1, "05 09:00", "05 10:00")), true
	defer w.h.Inject(Fault{Op: Delete, Hook: func() { w.byHand(gone.Known.ID, "08 15:00", "08 16:00") }})()
	if _, err := w.apply(gone); err != nil {
		w.Errorf("remove: %v", err)
	}
	w.wantLive(0)
}

func personSeriesUndone(w *world) {
	want := w.booking("b1", 1, "05 09:00", "05 10:00")
	want.Known = w.applied(want)
	w.repeated(want.Known.ID)
	found, err := w.h.Client().Find(w.Context(), w.cal, want)
	if err != nil {
		w.Fatal(err)
	}
	w.h.Single(w.cal, found.ID)
	next := w.booking("b1", 2, "06 09:00", "06 10:00")
	next.Known = found
	if got := w.applied(next); got.Recurring {
		w.Error("it still counts as a series")
	}
	w.wantLive(1)
}

func lostCreateSeries(w *world) {
	want := w.booking("b1", 1, "05 09:00", "05 10:00")
	stop := w.h.Inject(Fault{Op: Create, Reset: true, After: true})
	_, err := w.apply(want)
	stop()
	w.wantKind(err, calendar.Unclear)
	id := w.wantLive(1)[0].ID
	w.repeated(id)
	want.Unclear = true
	got, err := w.apply(want)
	if err != nil || got.ID != id || !got.Recurring || got.Interval != want.Interval {
		w.Errorf("Apply: %+v, %v, want it written, and a series", got, err)
	}
	want.Removed = true
	w.wantRecurring(w.apply(want))
}

func personTransferred(w *world) {
	want := w.booking("b1", 1, "05 09:00", "05 10:00")
	want.Known = w.applied(want)
	other := w.h.AddCalendar("Dr. Baker")
	w.h.MoveTo(w.cal, want.Known.ID, other)
	_, err := w.h.Client().Find(w.Context(), w.cal, want)
	w.wantKind(err, calendar.Gone)
	next := w.booking("b1", 2, "06 09:00", "06 10:00")
	next.Known = want.Known
	_, err = w.apply(next)
	w.wantKind(err, calendar.Gone)
	next.Removed = true
	if _, err = w.apply(next); err != nil {
		w.Errorf("remove: %v", err)
	}
	w.wantLive(0)
	w.cal = other
	w.wantLive(1)
	w.wantBusy(april, want.Interval)
}

func personCopied(w *world) {
	want := w.booking("b1", 1, "05 09:00", "05 10:00")
	want.Known = w.applied(want)
	id := w.h.Copy(w.cal, want.Known.ID)
	for _, e := range w.read(april).Events {
		ours := e.ID == want.Known.ID
		if !ours && e.ID != id || !w.lacks.Identity && ours != (e.Identity == want.Identity) {
			w.Errorf("the snapshot shows %+v", e)
		}
	}
	next := w.booking("b1", 2, "06 09:00", "06 10:00")
	next.Known = want.Known
	known := w.applied(next)
	w.wantAt(id, want.Interval)
	if !w.lacks.Identity { // a caller who never learned the id knows ours by its identity
		next.Known, next.Unclear = calendar.Written{}, true
		if got := w.applied(next); got.ID != known.ID {
			w.Errorf("the copy was taken for ours: %+v", got)
		}
	}
	next.Known, next.Removed = known, true
	for range 2 {
		if _, err := w.apply(next); err != nil {
			w.Errorf("remove: %v", err)
		}
	}
	w.wantLive(1)
	w.wantAt(id, want.Interval)
}
