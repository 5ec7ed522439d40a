package desk_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/internal/desk"
	"slotd/store/kv"
)

// book makes a booking that is in its calendars: each shows its event.
func (c *clinic) book(choice desk.Choice, start int64) *booking.Booking {
	c.t.Helper()
	b := c.get(c.mustConfirm(c.wish(choice, start)).Booking)
	for _, p := range b.Placements {
		c.mirror(p.Calendar, calendar.Own{Interval: b.Interval, Booking: b.ID})
	}
	return b
}

// mirror stores a snapshot that holds only the given events of ours.
func (c *clinic) mirror(cal calendar.ID, own ...calendar.Own) {
	c.t.Helper()
	window := calendar.Between(c.now.Add(-24*time.Hour), c.now.Add(14*24*time.Hour))
	c.snapshot(cal, &calendar.Busy{Window: window, Own: own})
}

var staff = booking.Act{By: booking.ByOperator, Why: "the doctor is ill"}

func (c *clinic) cancel(id string) (*booking.Booking, error) {
	return c.Cancel(c.t.Context(), desk.Cancel{Act: staff, Booking: id})
}

func (c *clinic) move(id string, start int64, resource string) (*booking.Booking, error) {
	return c.Move(c.t.Context(), desk.Move{Act: staff, Booking: id, Start: start, Resource: resource})
}

func (c *clinic) must(b *booking.Booking, err error) *booking.Booking {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
	return b
}

// unchanged fails unless err is want and nothing was written since before.
func (c *clinic) unchanged(err, want error, before map[string]string) {
	c.t.Helper()
	if !errors.Is(err, want) {
		c.t.Errorf("%v, want %v", err, want)
	}
	if !maps.Equal(before, c.dump()) {
		c.t.Error("something was written")
	}
}

// TestCancelFreesAtOnce: also while the calendar still shows the event.
func TestCancelFreesAtOnce(t *testing.T) {
	told := map[calendar.ID]int{}
	c := open(t, theatre, func(cfg *desk.Config) { cfg.Written = func(cal calendar.ID) { told[cal]++ } })
	slot := at(1, 10, 0)
	b := c.book(surgery, slot)
	clear(told)
	if c.sees("", surgery, slot) || c.sees("", adams, slot) {
		t.Fatal("booked, and free")
	}
	got := c.must(c.cancel(strings.ToLower(b.Reference)))
	if got.Status != booking.Cancelled || got.Version != 2 || got.Untold != booking.WasCancelled {
		t.Errorf("%+v", got)
	}
	if stored := c.get(b.ID); stored.Status != booking.Cancelled || len(stored.History) != 2 ||
		stored.History[1].Why != staff.Why || stored.History[1].By != booking.ByOperator || !stored.History[1].At.Equal(c.now) {
		t.Errorf("stored: %+v", stored)
	}
	if !c.sees("", surgery, slot) || !c.sees("", adams, slot) {
		t.Error("the time is not free")
	}
	if !maps.Equal(told, map[calendar.ID]int{"g/adams": 1, "g/room-1": 1}) || !slices.Equal(c.marks(), []string{"0", "1"}) {
		t.Errorf("told %v, marks %v", told, c.marks())
	}
	c.reopen()
	second := c.mustConfirm(c.wish(surgery, slot))
	// The event moved by a person meanwhile is somebody's wish.
	c.mirror("g/adams", calendar.Own{Interval: minutes(at(1, 14, 0), 60), Booking: b.ID})
	if c.sees("", adams, at(1, 14, 0)) {
		t.Error("the event of a cancelled booking, found elsewhere, does not block")
	}
	if second.Repeated || len(c.bookings()) != 2 {
		t.Error("not booked again")
	}
}

func TestUnchangeable(t *testing.T) {
	c := open(t, func(cfg *desk.Config) {
		cfg.Services[0].Rules.CancelNotice, cfg.Services[0].Rules.MoveNotice = new(24*time.Hour), new(48*time.Hour)
	})
	soon, far, gone := c.book(adams, at(1, 10, 0)), c.book(adams, at(4, 10, 0)), c.book(baker, at(4, 10, 0))
	c.must(c.cancel(gone.ID))
	var late *desk.NoticeError
	try := func(name string, id string, cancel, move error) {
		t.Helper()
		before := c.dump()
		if cancel != nil {
			_, err := c.cancel(id)
			if errors.As(cancel, &late) {
				if !errors.As(err, &late) || late.Doing != "cancelled" || late.Notice != 24*time.Hour {
					t.Errorf("%s: %v", name, err)
				}
				cancel = err
			}
			c.unchanged(err, cancel, before)
		}
		_, err := c.move(id, at(4, 14, 0), "")
		if errors.As(move, &late) {
			if !errors.As(err, &late) || late.Doing != "moved" || late.Notice != 48*time.Hour {
				t.Errorf("%s: %v", name, err)
			}
			move = err
		}
		c.unchanged(err, move, before)
	}
	try("unknown", "XXX-XXX", desk.ErrNoBooking, desk.ErrNoBooking)
	try("no id", "", desk.ErrNoBooking, desk.ErrNoBooking)
	try("cancelled", gone.ID, booking.ErrCancelled, booking.ErrCancelled)
	try("a day and an hour ahead", soon.ID, nil, &desk.NoticeError{})
	c.later(time.Hour + time.Second)
	try("less than a day ahead", soon.ID, &desk.NoticeError{}, &desk.NoticeError{})
	c.must(c.Move(t.Context(), desk.Move{Act: staff, Booking: soon.ID, Start: at(1, 11, 0), Force: true}))
	c.must(c.Cancel(t.Context(), desk.Cancel{Act: staff, Booking: soon.ID, Force: true}))
	c.now = time.Unix(at(3, 10, 0), 0)
	c.later(0)
	if _, err := c.cancel(far.ID); err != nil {
		t.Errorf("exactly a day ahead: %v", err)
	}
	begun := c.book(adams, at(3, 14, 0))
	c.now = time.Unix(at(3, 14, 0), 0)
	c.later(0)
	try("begun", begun.ID, booking.ErrPast, booking.ErrPast)
	before := c.dump()
	_, err := c.Cancel(t.Context(), desk.Cancel{Act: staff, Booking: begun.ID, Force: true})
	c.unchanged(err, booking.ErrPast, before)
	_, err = c.Move(t.Context(), desk.Move{Act: staff, Booking: begun.ID, Start: at(4, 14, 0), Force: true})
	c.unchanged(err, booking.ErrPast, before)
}

// TestMove: the new time is taken and the old one free at once, also while the calendar shows the old event.
func TestMove(t *testing.T) {
	c := open(t)
	b := c.book(adams, at(1, 10, 0))
	got := c.must(c.move(b.ID, at(1, 14, 0), ""))
	if got.Interval != minutes(at(1, 14, 0), 30) || got.Version != 2 || got.Resource != "adams" || got.Untold != booking.WasMoved {
		t.Errorf("%+v", got)
	}
	if !c.sees("", adams, at(1, 10, 0)) || c.sees("", adams, at(1, 14, 0)) || c.sees("", adams, at(1, 13, 45)) {
		t.Error("not just the new time is taken")
	}
	c.must(c.move(b.ID, at(1, 14, 15), "")) // over its own time
	if c.sees("", adams, at(1, 14, 30)) || !c.sees("", adams, at(1, 13, 45)) || !c.sees("", adams, at(1, 10, 0)) {
		t.Error("not just the new time is taken")
	}
	c.must(c.move(b.ID, at(2, 9, 0), "")) // to another day: the index follows
	if list := c.bookings(); len(list) != 1 || list[0].Start != at(2, 9, 0) {
		t.Errorf("%+v", list)
	}
	before := c.dump()
	_, err := c.move(b.ID, at(2, 9, 0), "adams")
	c.unchanged(err, desk.ErrNothing, before)
}

// TestMoveAndBack: to another doctor and back, before any write arrived and after.
func TestMoveAndBack(t *testing.T) {
	c := open(t)
	slot := at(1, 10, 0)
	b := c.book(adams, slot)
	for range 3 {
		c.must(c.move(b.ID, slot, "baker"))
		if !c.sees("", adams, slot) || c.sees("", baker, slot) {
			t.Error("the booking is not where it was moved to")
		}
		c.must(c.move(b.ID, slot, "adams"))
		if c.sees("", adams, slot) || !c.sees("", baker, slot) {
			t.Error("the booking is not back")
		}
	}
	got := c.get(b.ID)
	seen := map[string]bool{}
	for _, p := range got.Placements {
		if seen[p.Identity] {
			t.Error("two events have one identity")
		}
		seen[p.Identity] = true
	}
	if got.Version != 7 || len(got.Placements) != 7 || !slices.Equal(got.Active(), []string{"adams"}) {
		t.Errorf("%+v", got)
	}
	c.must(c.cancel(b.ID))
	if !c.sees("", adams, slot) || !c.sees("", baker, slot) {
		t.Error("cancelled, and not free")
	}
}

// TestMoveIsRefused: whatever the force, nothing is moved over anything, nor where nothing is known.
func TestMoveIsRefused(t *testing.T) {
	const never = booking.Free // is what force makes of a reason
	tests := []struct {
		name     string
		start    int64
		resource string
		want     booking.Reason
		forced   booking.Reason
	}{
		{"busy", at(1, 15, 0), "", booking.Busy, booking.Busy},
		{"booked", at(1, 11, 0), "", booking.Claimed, booking.Claimed},
		{"booked, in part and off the grid", at(1, 11, 20), "", booking.NotOffered, booking.Claimed},
		{"held", at(1, 9, 0), "", booking.Claimed, booking.Claimed},
		{"another doctor, who is booked", at(1, 10, 0), "baker", booking.Claimed, booking.Claimed},
		{"not known", at(14, 9, 0), "", booking.TooFar, booking.Unknown},
		{"past", at(-1, 10, 0), "", booking.TooSoon, booking.TooSoon},
		{"now", monday.Unix(), "", booking.TooSoon, booking.TooSoon},
		{"within the notice of any slot", at(0, 10, 0), "", booking.TooSoon, never},
		{"beyond the horizon", at(10, 10, 0), "", booking.TooFar, never},
		{"off the grid", at(1, 13, 20), "", booking.NotOffered, never},
		{"at night", at(1, 3, 0), "", booking.NotOffered, never},
		{"year 9999", 253402300799, "", booking.TooFar, booking.Unknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := open(t, holding)
			b := c.book(adams, at(1, 10, 0))
			c.mustConfirm(c.wish(adams, at(1, 11, 0)))
			c.mustConfirm(c.wish(baker, at(1, 10, 15)))
			c.mustHold(c.token(), adams, at(1, 9, 0))
			c.read("g/adams", minutes(at(1, 15, 10), 5))
			m := desk.Move{Act: staff, Booking: b.ID, Start: tt.start, Resource: tt.resource}
			before := c.dump()
			_, err := c.Move(t.Context(), m)
			c.lost(err, tt.want, before)
			m.Force = true
			got, err := c.Move(t.Context(), m)
			if tt.forced != never {
				c.lost(err, tt.forced, before)
			} else if err != nil || got.Start != tt.start {
				t.Errorf("forced: %v", err)
			}
		})
	}
}

func TestMoveToNowhere(t *testing.T) {
	c := open(t, theatre)
	b := c.book(surgery, at(1, 10, 0))
	for resource, what := range map[string]string{"x": "resource", "room-1": "resource", "clark": "resource"} {
		before := c.dump()
		var unknown *desk.UnknownError
		if _, err := c.move(b.ID, at(1, 14, 0), resource); !errors.As(err, &unknown) || unknown.What != what {
			t.Errorf("to %s: %v", resource, err)
		}
		c.unchanged(nil, nil, before)
	}
	c.cfg.Services = c.cfg.Services[:3]
	c.openDesk()
	c.later(0)
	var unknown *desk.UnknownError
	if _, err := c.move(b.ID, at(1, 14, 0), ""); !errors.As(err, &unknown) || unknown.What != "service" {
		t.Errorf("a service that left the config: %v", err)
	}
	if _, err := c.Confirm(t.Context(), c.wish(surgery, at(2, 10, 0))); !errors.As(err, &unknown) {
		t.Errorf("a service that left the config is booked: %v", err)
	}
	c.must(c.cancel(b.ID)) // which needs no service
}

// TestMoveKeepsWhatWasBooked: its length, its buffers, and its room while that is free.
func TestMoveKeepsWhatWasBooked(t *testing.T) {
	c := open(t, theatre)
	c.mustConfirm(c.wish(baker1, at(1, 10, 0)))
	b := c.book(surgery, at(1, 10, 0))
	if !slices.Equal(b.Active(), []string{"adams", "room-2"}) {
		t.Fatalf("active on %v", b.Active())
	}
	c.cfg.Services[3].Rules = booking.Rules{Duration: new(30 * time.Minute)}
	c.openDesk()
	c.later(0)
	got := c.must(c.move(b.ID, at(1, 14, 0), ""))
	if got.Interval != minutes(at(1, 14, 0), 60) || got.After != 15*60 || !slices.Equal(got.Active(), []string{"adams", "room-2"}) {
		t.Errorf("%+v", got)
	}
	c.read("g/room-2", minutes(at(1, 16, 0), 5))
	got = c.must(c.move(b.ID, at(1, 15, 30), ""))
	if !slices.Equal(got.Active(), []string{"adams", "room-1"}) {
		t.Errorf("active on %v", got.Active())
	}
	if n := len(c.claims("room-2")); n != 1 || c.claims("room-2")[0].Takes(c.now.Unix()) {
		t.Errorf("the room that it left: %v", c.claims("room-2"))
	}
}

// TestChangeAndEngine: whatever the engine does, a change is made once.
func TestChangeAndEngine(t *testing.T) {
	onDisk, lost := outcome{err: kv.ErrUncertain}, outcome{err: kv.ErrUncertain, lost: true}
	full := outcome{err: kv.ErrFull, lost: true}
	tests := []struct {
		name     string
		outcomes []outcome
		err      error
		version  uint64
	}{
		{"on disk though uncertain", []outcome{onDisk}, nil, 2},
		{"on disk, twice", []outcome{onDisk, onDisk}, nil, 2},
		{"lost, then on disk", []outcome{lost, onDisk}, nil, 2},
		{"runs again", []outcome{{race: func() {}}}, nil, 2},
		{"on disk, never sure", []outcome{onDisk, onDisk, onDisk}, kv.ErrUncertain, 2},
		{"lost, never sure", []outcome{lost, lost, lost}, kv.ErrUncertain, 1},
		{"uncertain, then full", []outcome{onDisk, full}, kv.ErrUncertain, 2},
		{"full", []outcome{full}, kv.ErrFull, 1},
	}
	changes := map[string]func(c *clinic, id string) (*booking.Booking, error){
		"cancel": func(c *clinic, id string) (*booking.Booking, error) { return c.cancel(id) },
		"move":   func(c *clinic, id string) (*booking.Booking, error) { return c.move(id, at(1, 14, 0), "baker") },
	}
	for _, tt := range tests {
		for what, change := range changes {
			t.Run(what+", "+tt.name, func(t *testing.T) {
				c := open(t)
				b := c.book(adams, at(1, 10, 0))
				c.db.fail(func(n int64) outcome {
					if n > int64(len(tt.outcomes)) {
						return outcome{}
					}
					return tt.outcomes[n-1]
				})
				got, err := change(c, b.ID)
				c.db.fail(nil)
				if !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) {
					t.Errorf("%v, want %v", err, tt.err)
				}
				stored := c.get(b.ID)
				if stored.Version != tt.version || len(stored.History) != int(tt.version) || err == nil && got.Version != 2 {
					t.Errorf("version %d, history %+v", stored.Version, stored.History)
				}
			})
		}
	}
}

// TestUncertainThenOvertaken: a change of unknown outcome was not made, and somebody else's came meanwhile.
func TestUncertainThenOvertaken(t *testing.T) {
	c := open(t)
	b := c.book(adams, at(1, 10, 0))
	c.db.fail(func(n int64) outcome {
		switch n {
		case 1:
			return outcome{err: kv.ErrUncertain, lost: true}
		case 2:
			return outcome{race: func() { c.must(c.cancel(b.ID)) }}
		}
		return outcome{}
	})
	if got, err := c.move(b.ID, at(1, 14, 0), ""); !errors.Is(err, booking.ErrCancelled) {
		t.Errorf("moved, it is said: %+v, %v", got, err)
	}

	c = open(t) // or it was made, and somebody moved the booking on
	b = c.book(adams, at(1, 10, 0))
	c.db.fail(func(n int64) outcome {
		switch n {
		case 1:
			return outcome{err: kv.ErrUncertain}
		case 2:
			return outcome{race: func() { c.must(c.move(b.ID, at(1, 15, 0), "")) }}
		}
		return outcome{}
	})
	c.must(c.move(b.ID, at(1, 14, 0), ""))
	if got := c.get(b.ID); got.Start != at(1, 15, 0) || got.Version != 3 {
		t.Errorf("the later change is undone: %+v", got)
	}
}

// TestMovesRace: many bookings are moved to one slot at once, which others confirm and hold; one gets it.
func TestMovesRace(t *testing.T) {
	c := open(t, holding)
	var ids []string
	for day := 1; day <= 4; day++ {
		for _, choice := range []desk.Choice{adams, baker} {
			ids = append(ids, c.book(choice, at(day, 10, 0)).ID)
		}
	}
	var wishes []desk.Confirm
	for range 8 {
		wishes = append(wishes, c.wish(adams, at(4, 14, 15)))
	}
	errs := make([]error, len(ids))
	var confirmed []error
	var wg sync.WaitGroup
	for i, id := range ids {
		wg.Go(func() { _, errs[i] = c.move(id, at(4, 14, 0), "adams") })
	}
	wg.Go(func() { _, confirmed = c.race(wishes) })
	wg.Wait()
	if n := c.winners(slices.Concat(errs, confirmed), booking.Claimed); n != 1 {
		t.Errorf("%d got the slot", n)
	}
	taking := 0
	for _, claim := range c.claims("adams") {
		if claim.Takes(c.now.Unix()) && claim.Overlaps(minutes(at(4, 14, 0), 45)) {
			taking++
		}
	}
	if taking != 1 {
		t.Errorf("%d claims take the slot", taking)
	}
}

func TestRetryAndTold(t *testing.T) {
	c := open(t)
	b := c.book(adams, at(1, 10, 0))
	before := c.dump()
	_, err := c.Retry(t.Context(), b.ID, staff)
	c.unchanged(err, desk.ErrNothing, before)
	_, err = c.Told(t.Context(), b.ID, staff)
	c.unchanged(err, desk.ErrNothing, before)
	for _, change := range []func() (*booking.Booking, error){
		func() (*booking.Booking, error) { return c.Retry(t.Context(), "XXX-XXX", staff) },
		func() (*booking.Booking, error) { return c.Told(t.Context(), "XXX-XXX", staff) },
	} {
		_, err := change()
		c.unchanged(err, desk.ErrNoBooking, before)
	}
	c.must(c.move(b.Reference, at(1, 14, 0), ""))
	told := c.must(c.Told(t.Context(), b.Reference, staff))
	if told.Untold != "" || told.Version != 2 || told.History[len(told.History)-1].What != booking.WasTold {
		t.Errorf("%+v", told)
	}
	_, _, err = c.Booking(t.Context(), "XXX-XXX")
	if !errors.Is(err, desk.ErrNoBooking) {
		t.Error(err)
	}
	if got, who, err := c.Booking(t.Context(), b.Reference); err != nil || got.ID != b.ID || who.Phone != "491700000001" {
		t.Errorf("%v %v %v", got, who, err)
	}
}

// TestHistoryTellsAll: who, what, when and why, of each version.
func TestHistoryTellsAll(t *testing.T) {
	c := open(t)
	b := c.book(adams, at(1, 10, 0))
	c.later(time.Minute)
	c.must(c.move(b.ID, at(1, 14, 0), "baker"))
	c.later(time.Minute)
	c.must(c.Cancel(t.Context(), desk.Cancel{Act: booking.Act{By: booking.ByCustomer, Why: "well again"}, Booking: b.ID}))
	c.reopen()
	var got []string
	for _, h := range c.get(b.ID).History {
		got = append(got, fmt.Sprint(h.Version, " ", h.By, " ", h.What, " ", h.Why, " ", h.Resource, " ", h.At.Sub(monday)))
	}
	want := []string{"1 customer created   0s", "2 operator moved the doctor is ill baker 1m0s", "3 customer cancelled well again  2m0s"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
