package adaptertest

import "slotd/internal/calendar"

// Requests that the server acts on when nobody waits for them any more, and those that overtake them.
var lateCases = []testCase{
	{"a removal finds a create that its list does not show yet", removeBeforeList},
	{"a create that arrives after the removal is found by the next look", lateCreateAfterRemove},
	{"a create that arrives after its repetition makes no second event", lateCreateAfterRetry},
	{"a move that arrives after a newer one changes nothing", lateMove},
	{"a move that arrives after the removal brings nothing back", lateMoveAfterRemove},
	{"a removal that arrives twice is one", lateRemove},
}

// late makes a call whose request is held up, and returns what lets it arrive.
func (w *world) late(op Op, want calendar.Wanted) (arrive func()) {
	w.Helper()
	held := make(chan func(), 1)
	stop := w.h.Inject(Fault{Op: op, Late: func(act func()) { held <- act }})
	defer stop()
	_, err := w.apply(want)
	w.wantKind(err, calendar.Unclear)
	return <-held
}

// removed removes the event of want, as a caller does that never learned its id.
func (w *world) removed(want calendar.Wanted) {
	w.Helper()
	want.Known, want.Removed, want.Unclear, want.Version = calendar.Written{}, true, true, want.Version+1
	if _, err := w.apply(want); err != nil {
		w.Fatalf("remove: %v", err)
	}
}

func removeBeforeList(w *world) {
	want := w.booking("b1", 1, "05 09:00", "05 10:00")
	stop := w.h.Inject(Fault{Op: Create, Reset: true, After: true, Lag: 6})
	_, err := w.apply(want)
	stop()
	w.wantKind(err, calendar.Unclear)
	// Where only a list tells of the event, the first looks may find nothing.
	for range 4 {
		w.removed(want)
	}
	w.wantLive(0)
}

// lateCreateAfterRemove shows why a removal without a known id is to be repeated after a while: nothing at the provider
// remembers what was never there. The event carries all that tells whose it is.
func lateCreateAfterRemove(w *world) {
	want := w.booking("b1", 1, "05 09:00", "05 10:00")
	arrive := w.late(Create, want)
	w.removed(want)
	w.wantLive(0)
	arrive()
	w.wantLive(1)
	events := w.read(april).Events
	if len(events) != 1 || events[0].Marker != want.Marker ||
		(events[0].Identity == want.Identity) == w.lacks.Identity {
		w.Errorf("the snapshot shows %+v, want our marker and identity", events)
	}
	w.removed(want)
	w.wantLive(0)
}

func lateCreateAfterRetry(w *world) {
	if w.lacks.Identity {
		return // nothing tells the server that both are one
	}
	want := w.booking("b1", 1, "05 09:00", "05 10:00")
	arrive := w.late(Create, want)
	want.Unclear = true
	known := w.applied(want)
	arrive()
	w.wantLive(1)
	w.wantAt(known.ID, want.Interval)
}

func lateMove(w *world) {
	if w.lacks.ETags {
		return // nothing tells the server what the write was meant for
	}
	known := w.applied(w.booking("b1", 1, "05 09:00", "05 10:00"))
	second := w.booking("b1", 2, "06 09:00", "06 10:00")
	second.Known = known
	arrive := w.late(Update, second)
	second.Unclear = true
	third := w.booking("b1", 3, "07 09:00", "07 10:00")
	third.Known = w.applied(second)
	known = w.applied(third)
	arrive()
	w.wantLive(1)
	w.wantAt(known.ID, third.Interval)
}

func lateMoveAfterRemove(w *world) {
	want := w.booking("b1", 1, "05 09:00", "05 10:00")
	next := w.booking("b1", 2, "06 09:00", "06 10:00")
	next.Known = w.applied(want)
	arrive := w.late(Update, next)
	gone := next
	gone.Version, gone.Removed, gone.Unclear = 3, true, true
	if _, err := w.apply(gone); err != nil {
		w.Fatalf("remove: %v", err)
	}
	arrive()
	w.wantLive(0)
}

func lateRemove(w *world) {
	gone := w.booking("b1", 2, "05 09:00", "05 10:00")
	gone.Known = w.applied(w.booking("b1", 1, "05 09:00", "05 10:00"))
	gone.Removed = true
	arrive := w.late(Delete, gone)
	gone.Unclear = true
	if _, err := w.apply(gone); err != nil {
		w.Fatalf("remove: %v", err)
	}
	arrive()
	w.wantLive(0)
}
