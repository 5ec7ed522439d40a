package booking_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slotd/internal/booking"
	"slotd/internal/calendar"
)

func span(from, to int64) calendar.Interval { return calendar.Interval{Start: from, End: to} }

// seats are those of resources, of which "adams@old" books into the calendar clinic/old and "adams" into clinic/adams.
func seats(resources ...string) []booking.Seat {
	var out []booking.Seat
	for _, r := range resources {
		cal := "clinic/" + r
		if name, found := strings.CutSuffix(r, "@old"); found {
			r, cal = name, "clinic/old"
		}
		out = append(out, booking.Seat{Resource: r, Calendar: calendar.ID(cal), Identity: func(attempt int) string {
			return fmt.Sprintf("%s %s %d", cal, r, attempt)
		}})
	}
	return out
}

// begun is a new booking from 1000 to 2000, made at 100.
func begun(resources ...string) *booking.Booking {
	b := &booking.Booking{ID: "b1", Reference: "K7Q2", Interval: span(1000, 2000), Before: 60, After: 120}
	b.Begin(booking.Act{At: early, By: booking.ByCustomer}, seats(resources...))
	return b
}

// settle lets the write of each pending placement of the booking arrive.
func settle(b *booking.Booking) *booking.Booking {
	for i, p := range b.Placements {
		if p.Status != booking.Pending {
			continue
		}
		event := calendar.Written{}
		if b.Wanted(i) {
			event = calendar.Written{ID: "event of " + p.Identity, Interval: b.Interval, Version: b.Version}
		}
		b.Settled(i, event, b.Version, early)
	}
	return b
}

var (
	byStaff    = booking.Act{At: later, By: booking.ByOperator, Why: "ill"}
	byCustomer = booking.Act{At: later, By: booking.ByCustomer, Why: "no time"}
)

func statuses(b *booking.Booking) []string {
	var out []string
	for i, p := range b.Placements {
		s := fmt.Sprintf("%s %d %s", p.Resource, p.Attempt, p.Status)
		if !b.Wanted(i) {
			s += " unwanted"
		}
		if !p.Left.Empty() {
			s += fmt.Sprintf(" left %d", p.Left.Start)
		}
		out = append(out, s)
	}
	return out
}

func last(b *booking.Booking) booking.Change { return b.History[len(b.History)-1] }

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: want −, got +:\n%s", what, diff)
	}
}

func TestBegin(t *testing.T) {
	b := begun("adams", "room")
	if b.Version != 1 || b.Status != booking.Confirmed || b.Resource != "adams" || !b.Created.Equal(early) || b.Untold != "" {
		t.Errorf("%+v", b)
	}
	same(t, "placements", statuses(b), []string{"adams 1 pending", "room 1 pending"})
	same(t, "identity", b.Placements[1].Identity, "clinic/room room 1")
	same(t, "history", b.History, []booking.Change{{
		At: early, By: booking.ByCustomer, What: booking.WasCreated, Version: 1, Interval: span(1000, 2000),
	}})
	want := booking.Claim{Interval: span(1000, 2000), Before: 60, After: 120, Booking: "b1"}
	for _, r := range b.Active() {
		same(t, "claims on "+r, b.Claims(r), []booking.Claim{want})
	}
	if got := b.Claims("elsewhere"); got != nil {
		t.Errorf("claims on a resource that it is not on: %v", got)
	}
}

func TestCancel(t *testing.T) {
	b := settle(begun("adams", "room"))
	if err := b.Cancel(byStaff); err != nil {
		t.Fatal(err)
	}
	if b.Status != booking.Cancelled || b.Version != 2 || b.Untold != booking.WasCancelled || len(b.Active()) > 0 {
		t.Errorf("%+v", b)
	}
	same(t, "placements", statuses(b), []string{"adams 1 pending unwanted left 1000", "room 1 pending unwanted left 1000"})
	same(t, "history", last(b), booking.Change{
		At: later, By: booking.ByOperator, What: booking.WasCancelled, Why: "ill", Version: 2, Interval: span(1000, 2000),
	})
	same(t, "claims", b.Claims("room"), []booking.Claim{{Interval: span(1000, 2000), Booking: "b1", Left: true}})
	settle(b)
	same(t, "removed", statuses(b), []string{"adams 1 written unwanted", "room 1 written unwanted"})
	if got := b.Claims("room"); got != nil {
		t.Errorf("claims after the event is gone: %v", got)
	}
	if b.Placements[0].Event.ID == "" {
		t.Error("the id of the event is forgotten: a person may bring it back")
	}
}

// TestUnchangeable: nothing that is past or cancelled is changed by a wish.
func TestUnchangeable(t *testing.T) {
	cancelled := begun("adams")
	_ = cancelled.Cancel(byCustomer)
	tests := []struct {
		name string
		b    *booking.Booking
		at   int64
		want error
	}{
		{"just before its start", begun("adams"), 999, nil},
		{"at its start", begun("adams"), 1000, booking.ErrPast},
		{"while it runs", begun("adams"), 1500, booking.ErrPast},
		{"past", begun("adams"), 5000, booking.ErrPast},
		{"cancelled", cancelled, 500, booking.ErrCancelled},
		{"cancelled and past", cancelled, 5000, booking.ErrCancelled},
	}
	for _, tt := range tests {
		a := booking.Act{At: time.Unix(tt.at, 0), By: booking.ByOperator}
		for what, change := range map[string]func(*booking.Booking) error{
			"cancel": func(b *booking.Booking) error { return b.Cancel(a) },
			"move":   func(b *booking.Booking) error { return b.Move(a, span(8000, 9000), seats("baker")) },
		} {
			b := tt.b.Clone()
			if err := change(b); !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
				t.Errorf("%s %s: %v, want %v", what, tt.name, err, tt.want)
			} else if err != nil {
				same(t, what+" "+tt.name, b, tt.b)
			}
		}
	}
}

func TestMove(t *testing.T) {
	b := settle(begun("adams", "room"))
	if err := b.Move(byStaff, span(3000, 4000), seats("adams", "room")); err != nil {
		t.Fatal(err)
	}
	if b.Version != 2 || b.Interval != span(3000, 4000) || b.Untold != booking.WasMoved {
		t.Errorf("%+v", b)
	}
	same(t, "moved in time", statuses(b), []string{"adams 1 pending left 1000", "room 1 pending left 1000"})
	same(t, "claims", b.Claims("adams"), []booking.Claim{b.Claim(), {Interval: span(1000, 2000), Booking: "b1", Left: true}})

	if err := b.Move(byCustomer, span(5000, 6000), seats("baker", "room")); err != nil {
		t.Fatal(err)
	}
	same(t, "moved on before it was written", statuses(b),
		[]string{"adams 1 pending unwanted left 1000", "room 1 pending left 1000", "baker 1 pending"})
	if b.Resource != "baker" || b.Untold != "" {
		t.Errorf("%+v", b)
	}
	same(t, "history", last(b), booking.Change{
		At: later, By: booking.ByCustomer, What: booking.WasMoved, Why: "no time", Version: 3, Interval: span(5000, 6000),
		Resource: "baker",
	})

	if err := b.Move(byStaff, span(1000, 2000), seats("adams", "room")); err != nil {
		t.Fatal(err)
	}
	same(t, "and back", statuses(b), []string{"adams 1 pending unwanted left 1000", "room 1 pending left 1000",
		"baker 1 pending unwanted left 5000", "adams 2 pending"})
	same(t, "claims", b.Claims("adams"), []booking.Claim{{Interval: span(1000, 2000), Booking: "b1", Left: true}, b.Claim()})
	same(t, "active", b.Active(), []string{"room", "adams"})
	same(t, "resources", b.Resources(), []string{"adams", "room", "baker"})
	settle(b)
	same(t, "written", statuses(b), []string{"adams 1 written unwanted", "room 1 written", "baker 1 written unwanted", "adams 2 written"})

	if err := b.Cancel(byStaff); err != nil {
		t.Fatal(err)
	}
	same(t, "cancelled: what is gone is not removed again", statuses(b), []string{"adams 1 written unwanted",
		"room 1 pending unwanted left 1000", "baker 1 written unwanted", "adams 2 pending unwanted left 1000"})
}

// TestMoveToAnotherCalendar: a resource that books into another calendar since gets an event there.
func TestMoveToAnotherCalendar(t *testing.T) {
	b := settle(begun("adams@old"))
	if err := b.Move(byStaff, span(3000, 4000), seats("adams")); err != nil {
		t.Fatal(err)
	}
	same(t, "placements", statuses(b), []string{"adams 1 pending unwanted left 1000", "adams 2 pending"})
	same(t, "active", b.Active(), []string{"adams"})
	same(t, "claims", b.Claims("adams"), []booking.Claim{{Interval: span(1000, 2000), Booking: "b1", Left: true}, b.Claim()})
}

// TestSettledLate: a write that settles when the booking has moved on tells where the calendar shows it now.
func TestSettledLate(t *testing.T) {
	b := settle(begun("adams"))
	_ = b.Move(byStaff, span(3000, 4000), seats("adams"))
	_ = b.Move(byStaff, span(5000, 6000), seats("adams"))
	event := calendar.Written{ID: "event", Interval: span(3000, 4000), Version: 2}
	if b.Settled(0, event, 2, later) {
		t.Error("level with a version that is not wanted any more")
	}
	same(t, "placements", statuses(b), []string{"adams 1 pending left 3000"})

	b = begun("adams") // a cancel overtakes the create
	_ = b.Cancel(byStaff)
	if b.Settled(0, calendar.Written{ID: "event", Interval: span(1000, 2000), Version: 1}, 1, later) {
		t.Error("level with a version that is not wanted any more")
	}
	same(t, "placements", statuses(b), []string{"adams 1 pending unwanted left 1000"})
	if b.Placements[0].Event.ID != "event" {
		t.Error("the event that has to go is forgotten")
	}
}

func TestRetry(t *testing.T) {
	anew := func(p booking.Placement, attempt int) string { return fmt.Sprint(p.Calendar, " again ", attempt) }
	tests := []struct {
		name     string
		b        *booking.Booking
		change   func(*booking.Booking)
		again    bool
		want     []string
		identity string // of the last placement
	}{
		{"all is well", settle(begun("adams")), func(*booking.Booking) {}, false, []string{"adams 1 written"}, "clinic/adams adams 1"},
		{"on its way", begun("adams"), func(*booking.Booking) {}, false, []string{"adams 1 pending"}, "clinic/adams adams 1"},
		{"set aside, its event is there", settle(begun("adams")), func(b *booking.Booking) { b.SetAside(0, "x", later) }, true,
			[]string{"adams 1 pending"}, "clinic/adams adams 1"},
		{"missing", settle(begun("adams")), func(b *booking.Booking) { b.Lost(0, later) }, true,
			[]string{"adams 1 pending unwanted left 1000", "adams 2 pending"}, "clinic/adams again 2"},
		{"not removed", settle(begun("adams")), func(b *booking.Booking) {
			_ = b.Cancel(byStaff)
			b.SetAside(0, "x", later)
		}, true, []string{"adams 1 pending unwanted left 1000"}, "clinic/adams adams 1"},
	}
	for _, tt := range tests {
		tt.change(tt.b)
		n, version := len(tt.b.History), tt.b.Version
		if again := tt.b.Retry(byStaff, anew); again != tt.again {
			t.Errorf("%s: again %t", tt.name, again)
		}
		same(t, tt.name, statuses(tt.b), tt.want)
		p := tt.b.Placements[len(tt.b.Placements)-1]
		if p.Identity != tt.identity || p.Attempt > 1 && p.Event.ID != "" || tt.b.Version > version != (p.Attempt > 1) {
			t.Errorf("%s: %+v", tt.name, p)
		}
		if tt.again && (len(tt.b.History) != n+1 || last(tt.b).What != booking.WasRetried || last(tt.b).Resource != "adams") {
			t.Errorf("%s: history %+v", tt.name, tt.b.History)
		}
	}
}

func TestTold(t *testing.T) {
	b := begun("adams")
	if b.MarkTold(byStaff) || len(b.History) != 1 {
		t.Error("nothing to tell, and told")
	}
	_ = b.Move(byStaff, span(3000, 4000), seats("adams"))
	if !b.MarkTold(byStaff) || b.Untold != "" || last(b).What != booking.WasTold || b.MarkTold(byStaff) {
		t.Errorf("%+v", b)
	}
	known := byStaff
	known.Told = true
	_ = b.Move(known, span(5000, 6000), seats("adams"))
	if b.Untold != "" {
		t.Error("the operator said that the customer knows")
	}
	_ = b.Move(byStaff, span(3000, 4000), seats("adams"))
	_ = b.Cancel(byCustomer)
	if b.Untold != "" {
		t.Error("who cancels knows")
	}
}

func TestForget(t *testing.T) {
	b := settle(begun("adams", "room"))
	_ = b.Move(byStaff, span(3000, 4000), seats("adams", "room"))
	settle(b)
	b.SetAside(1, "refused (403)", later)
	b.Forget(byStaff)
	if b.Version != 3 || b.Untold != "" || last(b).What != booking.WasForgotten {
		t.Errorf("%+v", b)
	}
	for _, c := range b.History[:len(b.History)-1] {
		if c.Why != "" {
			t.Errorf("a reason is kept: %+v", c)
		}
	}
	same(t, "the texts are written anew", statuses(b), []string{"adams 1 pending", "room 1 pending"})

	b = settle(begun("adams", "room"))
	_ = b.Cancel(byStaff)
	b.Settled(0, calendar.Written{}, b.Version, later)
	b.SetAside(1, "refused (403)", later)
	b.Forget(byStaff)
	same(t, "an event that could not be removed has its text still", statuses(b),
		[]string{"adams 1 written unwanted", "room 1 pending unwanted left 1000"})
}

func TestSetConflict(t *testing.T) {
	b := settle(begun("adams", "room"))
	if !b.SetConflict(1, true, later) || b.SetConflict(1, true, later) || !b.Conflict() {
		t.Errorf("%+v", b)
	}
	same(t, "history", last(b), booking.Change{
		At: later, By: booking.BySlotd, What: booking.InConflict, Version: 1, Interval: span(1000, 2000), Resource: "room",
	})
	if !b.SetConflict(1, false, later) || b.Conflict() || last(b).What != booking.NoConflict || b.Version != 1 {
		t.Errorf("%+v", b)
	}
	b.SetConflict(1, true, later)
	_ = b.Move(byStaff, span(3000, 4000), seats("adams", "room"))
	if b.Conflict() {
		t.Error("the conflict was about the time that it left")
	}
}

// TestHistoryIsBounded: what is kept is the creation and the latest, and what the store has is counted right.
func TestHistoryIsBounded(t *testing.T) {
	b := settle(begun("adams"))
	for i := range 1200 {
		b.Stored = len(b.History)
		b.SetConflict(0, i%2 == 0, time.Unix(int64(i), 0))
		if fresh := b.History[b.Stored:]; len(fresh) != 1 || fresh[0].At.Unix() != int64(i) {
			t.Fatalf("change %d: the store would be given %+v", i, fresh)
		}
	}
	if n := len(b.History); n != 500 || b.History[0].What != booking.WasCreated || last(b).At.Unix() != 1199 {
		t.Errorf("%d changes are kept, the first is %q, the last of %v", n, b.History[0].What, last(b).At)
	}
	if !slices.IsSortedFunc(b.History[1:], func(x, y booking.Change) int { return x.At.Compare(y.At) }) {
		t.Error("not in order")
	}
}

func TestClone(t *testing.T) {
	b := begun("adams", "room")
	was, kept := b.Clone(), b.Clone()
	_ = b.Cancel(byStaff)
	b.Forget(byStaff)
	same(t, "the copy changed with the booking", was, kept)
}
