package adaptertest

import (
	"net/http"

	"slotd/internal/calendar"
)

var writeCases = []testCase{
	{"an event is created once", createOnce},
	{"a lost create is found again", lostCreate},
	{"a lost create that was rescheduled is moved", lostCreateMoved},
	{"a create that never arrived is made", createNeverArrived},
	{"a booking is moved", move},
	{"a lost move is found again", lostMove},
	{"a person's move is not written over", personMoved},
	{"a person's move in the same moment is not written over", personMovedMeanwhile},
	{"a person's deletion in the same moment is noticed", personDeletedMeanwhile},
	{"a person's move after a lost reply stays", personMovedAfterLostReply},
	{"an event that a person deleted stays deleted", personDeleted},
	{"another attempt is another event", anotherAttempt},
	{"a booking is removed", remove},
	{"what may or may not exist is removed", removeUnclear},
	{"an event that is not ours is never removed", foreignNotRemoved},
	{"an all-day event of a person becomes a visit again", allDayBack},
}

// booking is the wanted state of a booking's event on a day of April 2027.
func (w *world) booking(id string, version uint64, from, to string) calendar.Wanted {
	return calendar.Wanted{
		Identity: w.h.Identity(id, 0), Version: version, Interval: span("2027-04-"+from, "2027-04-"+to), Zone: Zone,
		Title: "Visit " + id, Body: "booked by message", Marker: "store1/" + id + "/adams",
	}
}

func (w *world) apply(want calendar.Wanted) (calendar.Written, error) {
	return w.h.Client().Apply(w.Context(), w.cal, want)
}

// applied applies want and checks that the reply and the provider say the same.
func (w *world) applied(want calendar.Wanted) calendar.Written {
	w.Helper()
	got, err := w.apply(want)
	if err != nil {
		w.Fatalf("Apply: %v", err)
	}
	if got.ID == "" || (got.ETag == "") != w.lacks.ETags || got.Interval != want.Interval || got.Version != want.Version {
		w.Fatalf("Apply returned %+v, want interval %v of version %d", got, want.Interval, want.Version)
	}
	w.wantAt(got.ID, want.Interval)
	return got
}

// wantAt checks where the event is at the provider.
func (w *world) wantAt(id string, want calendar.Interval) {
	w.Helper()
	for _, e := range w.h.Live(w.cal) {
		if e.ID == id {
			if got := calendar.Between(e.Start, e.End); got != want {
				w.Fatalf("the event is at %v, want %v", got.StartTime(), want.StartTime())
			}
			return
		}
	}
	w.Fatal("the event is not at the provider")
}

func createOnce(w *world) {
	want := w.booking("b1", 1, "05 09:00", "05 10:00")
	first := w.applied(want)
	want.Unclear = w.lacks.Identity
	again := w.applied(want)
	if again.ID != first.ID {
		w.Errorf("the same identity made event %q after %q", again.ID, first.ID)
	}
	if live := w.wantLive(1); live[0].Title != want.Title {
		w.Errorf("title %q, want %q", live[0].Title, want.Title)
	}
	snap := w.read(april)
	if len(snap.Events) != 1 {
		w.Fatalf("%d events, want ours", len(snap.Events))
	}
	e := snap.Events[0]
	if e.ID != first.ID || e.Marker != want.Marker || e.Version != 1 || !e.Busy || e.Interval != want.Interval ||
		(e.Identity == want.Identity) == w.lacks.Identity {
		w.Errorf("our event in the snapshot: %+v", e)
	}
	found, err := w.h.Client().Find(w.Context(), w.cal, want)
	if err != nil || found.ID != first.ID || found.Version != 1 {
		w.Errorf("Find by identity: %+v, %v", found, err)
	}
	// The booking as version 2, by a caller who forgot the first reply.
	want.Version, want.Interval = 2, span("2027-04-06 09:00", "2027-04-06 10:00")
	if got := w.applied(want); got.ID != first.ID {
		w.Errorf("version 2 went to event %q, not %q", got.ID, first.ID)
	}
	w.wantLive(1)
}

func lostCreate(w *world) {
	for name, f := range map[string]Fault{
		"b1": {Reset: true}, "b2": {Status: http.StatusGatewayTimeout}, "b3": {Truncate: true},
	} {
		w.cal = w.h.AddCalendar("Calendar " + name)
		want := w.booking(name, 1, "05 09:00", "05 10:00")
		f.Op, f.After = Create, true
		stop := w.h.Inject(f)
		_, err := w.apply(want)
		stop()
		w.wantKind(err, calendar.Unclear)
		want.Unclear = true
		w.applied(want)
		w.wantLive(1)
	}
}

func lostCreateMoved(w *world) {
	want := w.booking("b1", 1, "05 09:00", "05 10:00")
	defer w.h.Inject(Fault{Op: Create, Reset: true, After: true})()
	_, err := w.apply(want)
	w.wantKind(err, calendar.Unclear)
	next := w.booking("b1", 2, "25 11:00", "25 12:00")
	next.Unclear = true
	w.applied(next)
	w.wantLive(1)
}

func createNeverArrived(w *world) {
	want := w.booking("b1", 1, "05 09:00", "05 10:00")
	stop := w.h.Inject(Fault{Op: Create, Reset: true})
	_, err := w.apply(want)
	stop()
	w.wantKind(err, calendar.Unclear)
	w.wantLive(0)
	want.Unclear = true
	w.applied(want)
	w.wantLive(1)
}

func move(w *world) {
	known := w.applied(w.booking("b1", 1, "05 09:00", "05 10:00"))
	for i, to := range []string{"06", "07"} {
		next := w.booking("b1", uint64(i)+2, to+" 09:00", to+" 10:00")
		next.Known = known
		known = w.applied(next)
		w.applied(next) // and once more, by a caller whose commit failed
	}
	w.wantLive(1)
}

func lostMove(w *world) {
	known := w.applied(w.booking("b1", 1, "05 09:00", "05 10:00"))
	next := w.booking("b1", 2, "06 09:00", "06 10:00")
	next.Known = known
	stop := w.h.Inject(Fault{Op: Update, Reset: true, After: true})
	_, err := w.apply(next)
	stop()
	w.wantKind(err, calendar.Unclear)
	next.Unclear = true
	if got := w.applied(next); got.ETag == known.ETag && !w.lacks.ETags {
		w.Error("the found event has the etag of before the move")
	}
	w.wantLive(1)
}

// byHand moves the event as a person would.
func (w *world) byHand(id, from, to string) calendar.Interval {
	e := timed("Visit, moved", from, to)
	e.ID = id
	w.h.Put(w.cal, e)
	return calendar.Between(e.Start, e.End)
}

func personMoved(w *world) {
	known := w.applied(w.booking("b1", 1, "05 09:00", "05 10:00"))
	there := w.byHand(known.ID, "08 15:00", "08 16:00")
	next := w.booking("b1", 2, "06 09:00", "06 10:00")
	next.Known = known
	got, err := w.apply(next)
	w.wantKind(err, calendar.Conflict)
	if got.ID != known.ID || got.Interval != there || (got.ETag == "" || got.ETag == known.ETag) && !w.lacks.ETags {
		w.Errorf("the state found is %+v, want interval %v and its etag", got, there)
	}
	w.wantAt(known.ID, there)
	// The caller has taken note of the person's move and now moves the booking again.
	next.Known = got
	w.applied(next)
	w.wantLive(1)
}

func personMovedMeanwhile(w *world) {
	if w.lacks.ETags {
		return // nothing tells the server what the write was meant for
	}
	known := w.applied(w.booking("b1", 1, "05 09:00", "05 10:00"))
	var there calendar.Interval
	defer w.h.Inject(Fault{Op: Update, Hook: func() { there = w.byHand(known.ID, "08 15:00", "08 16:00") }})()
	next := w.booking("b1", 2, "06 09:00", "06 10:00")
	next.Known = known
	got, err := w.apply(next)
	w.wantKind(err, calendar.Conflict)
	if got.ID != known.ID || got.Interval != there || got.ETag == known.ETag {
		w.Errorf("the state found is %+v, want interval %v and its etag", got, there)
	}
	w.wantAt(known.ID, there)
}

func personDeletedMeanwhile(w *world) {
	known := w.applied(w.booking("b1", 1, "05 09:00", "05 10:00"))
	defer w.h.Inject(Fault{Op: Update, Hook: func() { w.h.Delete(w.cal, known.ID) }})()
	next := w.booking("b1", 2, "06 09:00", "06 10:00")
	next.Known = known
	_, err := w.apply(next)
	w.wantKind(err, calendar.Gone)
	w.wantLive(0)
}

func personMovedAfterLostReply(w *world) {
	want := w.booking("b1", 1, "05 09:00", "05 10:00")
	stop := w.h.Inject(Fault{Op: Create, Reset: true, After: true})
	_, err := w.apply(want)
	stop()
	w.wantKind(err, calendar.Unclear)
	id := w.wantLive(1)[0].ID
	there := w.byHand(id, "05 15:00", "05 16:00")
	want.Unclear = true
	got, err := w.apply(want)
	if err != nil || got.ID != id || got.Interval != there {
		w.Errorf("Apply returned %+v, %v; want success and the person's time", got, err)
	}
	w.wantAt(id, there)
}

func personDeleted(w *world) {
	want := w.booking("b1", 1, "05 09:00", "05 10:00")
	known := w.applied(want)
	w.h.Delete(w.cal, known.ID)
	next := w.booking("b1", 2, "06 09:00", "06 10:00")
	next.Known = known
	_, err := w.apply(next)
	w.wantKind(err, calendar.Gone)
	want.Known = known
	_, err = w.h.Client().Find(w.Context(), w.cal, want)
	w.wantKind(err, calendar.Gone)
	w.wantLive(0)
}

func anotherAttempt(w *world) {
	want := w.booking("b1", 1, "05 09:00", "05 10:00")
	first := w.applied(want)
	w.h.Delete(w.cal, first.ID)
	want.Identity = w.h.Identity("b1", 1)
	if got := w.applied(want); got.ID == first.ID {
		w.Error("the new attempt has the id of the deleted event")
	}
	w.wantLive(1)
}

func remove(w *world) {
	want := w.booking("b1", 1, "05 09:00", "05 10:00")
	gone := calendar.Wanted{Identity: want.Identity, Known: w.applied(want), Version: 2, Removed: true}
	w.byHand(gone.Known.ID, "05 15:00", "05 16:00") // a person's move does not keep a cancelled booking
	for range 2 {
		if _, err := w.apply(gone); err != nil {
			w.Fatalf("remove: %v", err)
		}
		w.wantLive(0)
	}
	stop := w.h.Inject(Fault{Op: Delete, Reset: true, After: true})
	defer stop()
	want = w.booking("b2", 1, "05 09:00", "05 10:00")
	gone = calendar.Wanted{Identity: want.Identity, Known: w.applied(want), Version: 2, Removed: true}
	_, err := w.apply(gone)
	w.wantKind(err, calendar.Unclear)
	gone.Unclear = true
	if _, err := w.apply(gone); err != nil {
		w.Fatalf("remove after a lost reply: %v", err)
	}
	w.wantLive(0)
}

func removeUnclear(w *world) {
	want := w.booking("b1", 1, "05 09:00", "05 10:00")
	never := calendar.Wanted{Identity: want.Identity, Marker: want.Marker, Unclear: true, Removed: true}
	if _, err := w.apply(never); err != nil {
		w.Fatalf("remove of what never was: %v", err)
	}
	defer w.h.Inject(Fault{Op: Create, Reset: true, After: true})()
	_, err := w.apply(want)
	w.wantKind(err, calendar.Unclear)
	w.wantLive(1)
	if _, err := w.apply(never); err != nil {
		w.Fatalf("remove by identity: %v", err)
	}
	w.wantLive(0)
}

func foreignNotRemoved(w *world) {
	id := w.h.Put(w.cal, timed("private", "05 09:00", "05 10:00"))
	_, err := w.apply(calendar.Wanted{
		Identity: w.h.Identity("b1", 0), Known: calendar.Written{ID: id, ETag: "x"}, Removed: true,
	})
	w.wantKind(err, calendar.Conflict)
	w.wantLive(1)
}

func allDayBack(w *world) {
	known := w.applied(w.booking("b1", 1, "05 09:00", "05 10:00"))
	w.h.Put(w.cal, Event{ID: known.ID, Title: "Visit", StartDate: "2027-04-06", EndDate: "2027-04-07"})
	next := w.booking("b1", 2, "07 09:00", "07 10:00")
	next.Known = known
	got, err := w.apply(next)
	w.wantKind(err, calendar.Conflict)
	if day := span("2027-04-06 00:00", "2027-04-07 00:00"); got.Interval != day {
		w.Errorf("the state found is %v, want the day %v", got.Interval, day)
	}
	next.Known = got
	w.applied(next)
}
