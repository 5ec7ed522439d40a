package booking_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"slotd/internal/booking"
	"slotd/internal/calendar"
)

// walker takes a booking along a random way, with a provider for each placement.
type walker struct {
	*booking.Booking
	now    int64
	shown  map[int]calendar.Written // the event of each placement at its provider; none when it is not there
	writes map[int]write            // under way
}

// write is a call that makes the provider equal to what was wanted when it began.
type write struct {
	event   calendar.Written
	removed bool
	version uint64
}

var walks = []struct {
	name string
	step func(*rapid.T, *walker)
}{
	{"cancel", func(t *rapid.T, w *walker) {
		if rapid.IntRange(0, 3).Draw(t, "really") == 0 {
			_ = w.Cancel(w.act(t))
		}
	}},
	{"move", func(t *rapid.T, w *walker) {
		pool := []string{"adams", "baker", "room-1", "room-2", "adams@old"}
		to := rapid.SliceOfNDistinct(rapid.SampledFrom(pool), 1, 3, rapid.ID[string]).Draw(t, "to")
		if slices.Contains(to, "adams") && slices.Contains(to, "adams@old") {
			return // a team has a resource once
		}
		start := w.now + 100*rapid.Int64Range(1, 4).Draw(t, "start")
		_ = w.Move(w.act(t), span(start, start+100), seats(to...))
	}},
	{"retry", func(t *rapid.T, w *walker) {
		w.Retry(w.act(t), func(p booking.Placement, n int) string { return fmt.Sprint(p.Calendar, " ", p.Resource, " ", n) })
	}},
	{"told", func(t *rapid.T, w *walker) { w.MarkTold(w.act(t)) }},
	{"forget", func(t *rapid.T, w *walker) { w.Forget(w.act(t)) }},
	{"begin to write", func(t *rapid.T, w *walker) {
		i := w.placement(t)
		if w.Placements[i].Status != booking.Pending {
			return
		}
		e := calendar.Written{ID: "event of " + w.Placements[i].Identity, Interval: w.Interval, Version: w.Version}
		w.writes[i] = write{event: e, removed: !w.Wanted(i), version: w.Version}
	}},
	{"write arrives", func(t *rapid.T, w *walker) {
		i := w.placement(t)
		write, under := w.writes[i]
		if delete(w.writes, i); !under || w.Placements[i].Status != booking.Pending {
			return
		}
		if write.removed {
			delete(w.shown, i)
			w.Settled(i, calendar.Written{}, write.version, time.Unix(w.now, 0))
			return
		}
		w.shown[i] = write.event
		w.Settled(i, write.event, write.version, time.Unix(w.now, 0))
	}},
	{"set aside", func(t *rapid.T, w *walker) {
		if i := w.placement(t); w.Placements[i].Status == booking.Pending {
			delete(w.writes, i)
			w.SetAside(i, "refused", time.Unix(w.now, 0))
		}
	}},
	{"deleted", func(t *rapid.T, w *walker) {
		i := w.placement(t)
		if _, there := w.shown[i]; there && w.Wanted(i) && w.writes[i].version == 0 {
			delete(w.shown, i)
			w.Lost(i, time.Unix(w.now, 0))
		}
	}},
	{"moved by a person", func(t *rapid.T, w *walker) {
		i := w.placement(t)
		e, there := w.shown[i]
		if s := w.Placements[i].Status; !there || !w.Wanted(i) || s != booking.Written && s != booking.Seen || w.End <= w.now {
			return
		}
		e.Interval.Start += 10
		w.shown[i] = e
		w.Follow(i, e, booking.Act{At: time.Unix(w.now, 0), By: booking.ByCalendar})
	}},
	{"conflict", func(t *rapid.T, w *walker) {
		w.SetConflict(w.placement(t), rapid.Bool().Draw(t, "conflict"), time.Unix(w.now, 0))
	}},
	{"seen", func(t *rapid.T, w *walker) {
		i := w.placement(t)
		s := booking.Sighting{Begun: time.Unix(w.now, 0), Window: span(0, 1e9), Event: w.shown[i], Taken: rapid.Bool().Draw(t, "taken")}
		w.Observe(i, s, time.Unix(w.now, 0))
	}},
	{"time goes by", func(t *rapid.T, w *walker) { w.now += rapid.Int64Range(1, 120).Draw(t, "seconds") }},
}

func (w *walker) act(t *rapid.T) booking.Act {
	by := rapid.SampledFrom([]booking.Actor{booking.ByCustomer, booking.ByOperator}).Draw(t, "by")
	return booking.Act{At: time.Unix(w.now, 0), By: by, Why: "why", Told: rapid.Bool().Draw(t, "told")}
}

func (w *walker) placement(t *rapid.T) int {
	return rapid.IntRange(0, len(w.Placements)-1).Draw(t, "placement")
}

// TestWalk: whatever happens to a booking in whatever order, its claims and its placements follow from what it is.
func TestWalk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &walker{Booking: begun("adams", "room-1"), now: 100, shown: map[int]calendar.Written{}, writes: map[int]write{}}
		w.check(t)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			step := rapid.SampledFrom(walks).Draw(t, "step")
			was, now := w.Clone(), w.now
			unchangeable := w.Changeable(time.Unix(now, 0))
			step.step(t, w)
			w.follows(t, was, step.name)
			if unchangeable != nil && (step.name == "cancel" || step.name == "move") && !cmp.Equal(was, w.Booking) {
				t.Fatalf("%s changed what is over: %+v", step.name, w.Booking)
			}
			w.check(t)
		}
	})
}

// follows checks what a step may change.
func (w *walker) follows(t *rapid.T, was *booking.Booking, step string) {
	if len(w.Placements) < len(was.Placements) {
		t.Fatalf("%s: a placement is gone", step)
	}
	for i, p := range was.Placements {
		now := w.Placements[i]
		if now.Resource != p.Resource || now.Calendar != p.Calendar || p.Dropped && !now.Dropped ||
			now.Identity != p.Identity != (now.Attempt != p.Attempt) || now.Attempt < p.Attempt {
			t.Fatalf("%s: placement %d was %+v and is %+v", step, i, p, now)
		}
	}
	same := w.Interval == was.Interval && w.Status == was.Status && cmp.Equal(w.Active(), was.Active())
	switch {
	case w.Version != was.Version && w.Version != was.Version+1, !same && w.Version == was.Version:
		t.Fatalf("%s: version %d became %d", step, was.Version, w.Version)
	case was.Status == booking.Cancelled && (w.Status != booking.Cancelled || w.Interval != was.Interval):
		t.Fatalf("%s: a cancelled booking changed", step)
	case len(w.History) < len(was.History):
		t.Fatalf("%s: the history got shorter", step)
	case w.Version > was.Version && (last(w.Booking).Version != w.Version ||
		len(w.History) != len(was.History)+1 && step != "retry"): // which tells of each placement
		t.Fatalf("%s: the history does not tell of version %d: %+v", step, w.Version, w.History)
	}
	for i, c := range was.History {
		now := w.History[i]
		if now.Why == "" {
			c.Why = "" // forgotten
		}
		if now != c {
			t.Fatalf("%s: the history was rewritten: %+v became %+v", step, c, now)
		}
	}
}

// check checks what holds of every booking.
func (w *walker) check(t *rapid.T) {
	active, identities := w.Active(), map[string]bool{}
	for _, r := range w.Resources() {
		taking := 0
		for _, c := range w.Claims(r) {
			if c.Takes(w.now) {
				taking++
			}
			if c.Booking != w.ID || !c.Left && c != w.Claim() {
				t.Fatalf("a claim on %s: %+v", r, c)
			}
		}
		if slices.Contains(active, r) != (taking == 1) || taking > 1 {
			t.Fatalf("%d claims take time of %s, active are %v", taking, r, active)
		}
	}
	if (len(active) > 0) != (w.Status == booking.Confirmed) || len(slices.Compact(slices.Sorted(slices.Values(active)))) != len(active) {
		t.Fatalf("%s, and active on %v", w.Status, active)
	}
	if w.Status == booking.Confirmed && !slices.Contains(active, w.Booking.Resource) {
		t.Fatalf("it is at %s, and active on %v", w.Booking.Resource, active)
	}
	for i, p := range w.Placements {
		if identities[p.Identity] {
			t.Fatalf("identity %s twice", p.Identity)
		}
		identities[p.Identity] = true
		w.level(t, i)
	}
}

// level checks that a placement that is level shows what is wanted, and that what one that is not may still show is known.
func (w *walker) level(t *rapid.T, i int) {
	p := w.Placements[i]
	shown, there := w.shown[i]
	switch p.Status {
	case booking.Written, booking.Seen:
		if there != w.Wanted(i) || there && shown.Interval != w.Interval || !p.Left.Empty() {
			t.Fatalf("placement %d is %s, and the calendar shows %+v of %+v", i, p.Status, shown, w.Booking)
		}
	case booking.Pending, booking.Stuck:
		stays := w.Wanted(i) && shown.Interval == w.Interval
		ghost := booking.Claim{Interval: shown.Interval, Booking: w.ID, Left: true}
		if there && !stays && !slices.Contains(w.Claims(p.Resource), ghost) {
			t.Fatalf("the calendar of placement %d still shows %+v, which blocks what is free: %+v", i, shown, w.Booking)
		}
	case booking.Missing:
		if there && w.Wanted(i) {
			t.Fatalf("placement %d is missing, and there", i)
		}
	}
}
