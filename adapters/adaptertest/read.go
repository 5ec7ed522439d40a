package adaptertest

import (
	"fmt"
	"net/http"

	"slotd/internal/calendar"
)

var readCases = []testCase{
	{"calendars are listed over pages", calendarsOverPages},
	{"a window is read over pages", readOverPages},
	{"an empty page is not the end", emptyPage},
	{"a running event is part of the window", runningEvent},
	{"only what blocks is busy", busyRules},
	{"all-day events are days of the zone", allDay},
	{"an all-day event that is marked as free is told", freeDays},
	{"a weekly series keeps its wall time", weekly},
	{"a deleted occurrence is not busy", deletedOccurrence},
	{"a read that breaks off is an error", partialRead},
	{"a list of calendars that breaks off is an error", partialCalendars},
	{"throttling says how long to wait", throttled},
	{"a calendar that is gone is gone", calendarGone},
}

func calendarsOverPages(w *world) {
	want := map[string]string{w.cal: "Dr. Adams"}
	for i := range 2*PageSize + 1 {
		name := fmt.Sprintf("Room %d", i)
		want[w.h.AddCalendar(name)] = name
	}
	list, err := w.h.Client().Calendars(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	for _, info := range list {
		if name, ok := want[info.ID]; ok && info.Name == name && info.Writable && info.Zone == Zone {
			delete(want, info.ID)
		}
	}
	if len(want) > 0 {
		w.Errorf("not listed as a writable calendar with its name and zone: %v, in %+v", want, list)
	}
}

func readOverPages(w *world) {
	const n = 2*PageSize + 1
	want := map[string]bool{}
	for i := range n {
		day := fmt.Sprintf("%02d ", i+2)
		want[w.h.Put(w.cal, timed("visit", day+"09:00", day+"10:00"))] = true
	}
	snap := w.read(april)
	if len(snap.Events) != n || snap.Pages < 3 {
		w.Fatalf("%d events on %d pages, want %d on several", len(snap.Events), snap.Pages, n)
	}
	for _, e := range snap.Events {
		if !want[e.ID] || (e.ETag == "") != w.lacks.ETags || e.Recurring || !e.Busy || e.Marker != "" {
			w.Errorf("unexpected event %+v", e)
		}
		delete(want, e.ID)
	}
}

func emptyPage(w *world) {
	w.h.Put(w.cal, timed("visit", "05 09:00", "05 10:00"))
	defer w.h.Inject(Fault{Op: ReadWindow, EmptyPage: true})()
	w.wantBusy(april, span("2027-04-05 09:00", "2027-04-05 10:00"))
}

func runningEvent(w *world) {
	w.h.Put(w.cal, timed("over the start", "05 08:00", "05 10:00"))
	w.h.Put(w.cal, timed("over the end", "05 11:30", "05 13:00"))
	w.h.Put(w.cal, timed("before", "05 06:00", "05 07:00"))
	w.h.Put(w.cal, timed("after", "05 14:00", "05 15:00"))
	w.wantBusy(span("2027-04-05 09:00", "2027-04-05 12:00"),
		span("2027-04-05 08:00", "2027-04-05 10:00"), span("2027-04-05 11:30", "2027-04-05 13:00"))
}

func busyRules(w *world) {
	put := func(hour string, change func(*Event)) string {
		e := timed("visit", "05 "+hour+":00", "05 "+hour+":30")
		change(&e)
		return w.h.Put(w.cal, e)
	}
	put("08", func(e *Event) { e.Free = true })
	put("09", func(e *Event) { e.Declined = true })
	put("10", func(e *Event) { e.Tentative = true })
	put("11", func(e *Event) { e.End = e.Start }) // a reminder, it takes no time
	put("12", func(e *Event) {})
	w.h.Delete(w.cal, put("13", func(e *Event) {}))
	w.h.Put(w.cal, Event{Title: "birthday", StartDate: "2027-04-05", EndDate: "2027-04-06", Free: true})
	w.wantBusy(april,
		span("2027-04-05 10:00", "2027-04-05 10:30"), span("2027-04-05 12:00", "2027-04-05 12:30"))
}

// allDay includes the day of 23 hours and the day of 25.
func allDay(w *world) {
	for _, day := range [][2]string{
		{"2027-03-28", "2027-03-29"}, {"2027-06-01", "2027-06-03"}, {"2027-10-31", "2027-11-01"},
	} {
		w.h.Put(w.cal, Event{Title: "away", StartDate: day[0], EndDate: day[1]})
	}
	year := span("2027-01-01 00:00", "2028-01-01 00:00")
	w.wantBusy(year,
		span("2027-03-28 00:00", "2027-03-29 00:00"),
		span("2027-06-01 00:00", "2027-06-03 00:00"),
		span("2027-10-31 00:00", "2027-11-01 00:00"))
	if got := w.busy(year); got[0].Duration().Hours() != 23 || got[2].Duration().Hours() != 25 {
		w.Errorf("the days last %v and %v, want 23 and 25 hours", got[0].Duration(), got[2].Duration())
	}
}

// freeDays: somebody who is away may have forgotten to say so. What is free for another reason is none of that.
func freeDays(w *world) {
	put := func(date, next string, change func(*Event)) string {
		e := Event{Title: "away", StartDate: "2027-04-" + date, EndDate: "2027-04-" + next}
		change(&e)
		return w.h.Put(w.cal, e)
	}
	want := map[string]bool{
		put("05", "08", func(e *Event) { e.Free = true }):                                             true,
		put("09", "10", func(e *Event) {}):                                                            false,
		put("10", "11", func(e *Event) { e.Declined = true }):                                         false,
		put("11", "12", func(e *Event) { e.Free, e.Declined = true, true }):                           false,
		w.h.Put(w.cal, Event{Start: at("2027-04-12 00:00"), End: at("2027-04-13 00:00"), Free: true}): false,
	}
	for _, e := range w.read(april).Events {
		free, ok := want[e.ID]
		if !ok || e.FreeDay != free || e.FreeDay && e.Busy {
			w.Errorf("event %+v, want it told as a free day: %v", e, free)
		}
		delete(want, e.ID)
	}
	if len(want) > 0 {
		w.Errorf("not read: %v", want)
	}
}

func weekly(w *world) {
	w.h.Put(w.cal, Event{Title: "rounds", Start: at("2027-03-22 09:00"), End: at("2027-03-22 10:00"), Weekly: 3})
	w.wantBusy(span("2027-03-01 00:00", "2027-05-01 00:00"),
		span("2027-03-22 09:00", "2027-03-22 10:00"),
		span("2027-03-29 09:00", "2027-03-29 10:00"),
		span("2027-04-05 09:00", "2027-04-05 10:00"))
	for _, e := range w.read(april).Events {
		if !e.Recurring {
			w.Errorf("occurrence %+v is not recurring", e)
		}
	}
}

func deletedOccurrence(w *world) {
	id := w.h.Put(w.cal, Event{Title: "rounds", Start: at("2027-04-05 09:00"), End: at("2027-04-05 10:00"), Weekly: 3})
	w.h.DeleteOccurrence(w.cal, id, at("2027-04-12 09:00"))
	w.wantBusy(april,
		span("2027-04-05 09:00", "2027-04-05 10:00"), span("2027-04-19 09:00", "2027-04-19 10:00"))
}

func partialRead(w *world) {
	for i := range 2 * PageSize {
		day := fmt.Sprintf("%02d ", i+2)
		w.h.Put(w.cal, timed("visit", day+"09:00", day+"10:00"))
	}
	for name, c := range map[string]struct {
		fault Fault
		want  calendar.Kind
	}{
		"token refused": {Fault{Status: http.StatusUnauthorized}, calendar.NeedsPerson},
		"server error":  {Fault{Status: http.StatusInternalServerError}, calendar.Unclear},
		"connection":    {Fault{Reset: true}, calendar.Unclear},
		"cut reply":     {Fault{Truncate: true}, calendar.Unclear},
	} {
		c.fault.Op, c.fault.Skip, c.fault.Times = ReadWindow, 1, -1
		remove := w.h.Inject(c.fault)
		snap, err := w.h.Client().Read(w.Context(), w.cal, april)
		remove()
		if calendar.KindOf(err) != c.want || err == nil || len(snap.Events) != 0 {
			w.Errorf("%s on the second page: %d events and error %v, want kind %v", name, len(snap.Events), err, c.want)
		}
	}
}

func partialCalendars(w *world) {
	for i := range 2 * PageSize {
		w.h.AddCalendar(fmt.Sprintf("Room %d", i))
	}
	defer w.h.Inject(Fault{Op: ListCalendars, Skip: 1, Status: http.StatusBadGateway})()
	list, err := w.h.Client().Calendars(w.Context())
	w.wantKind(err, calendar.Unclear)
	if len(list) != 0 {
		w.Errorf("%d calendars beside the error", len(list))
	}
}

func throttled(w *world) {
	remove := w.h.Inject(Fault{Op: ReadWindow, Status: http.StatusTooManyRequests, RetryAfter: "17", Times: -1})
	_, err := w.h.Client().Read(w.Context(), w.cal, april)
	remove()
	w.wantKind(err, calendar.Throttled)
	if got := calendar.RetryAfter(err).Seconds(); got != 17 {
		w.Errorf("wait %v s, want 17", got)
	}
	defer w.h.Inject(Fault{Op: Create, Status: http.StatusTooManyRequests, RetryAfter: "17"})()
	_, err = w.apply(w.booking("b1", 1, "05 09:00", "05 10:00"))
	w.wantKind(err, calendar.Throttled)
	w.wantLive(0)
}

func calendarGone(w *world) {
	_, err := w.h.Client().Read(w.Context(), "nosuchcalendar", april)
	w.wantKind(err, calendar.Gone)
	_, err = w.h.Client().Changed(w.Context(), "nosuchcalendar", april, "")
	w.wantKind(err, calendar.Gone)
}
