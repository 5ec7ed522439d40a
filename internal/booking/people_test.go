package booking_test

import (
	"testing"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
)

// sighted is what a read that began at a second says of the event of the booking.
func sighted(at int64, event calendar.Written) booking.Sighting {
	return booking.Sighting{Begun: time.Unix(at, 0), Window: span(0, 100_000), Event: event}
}

// far is a booking far in the future, written at 500.
func far(status booking.PlacementStatus) *booking.Booking {
	b := &booking.Booking{ID: "b1", Interval: span(10_000, 20_000)}
	b.Begin(booking.Act{At: early, By: booking.ByCustomer}, seats("adams", "room"))
	for i := range b.Placements {
		b.Settled(i, calendar.Written{ID: "e", ETag: "v", Interval: b.Interval, Version: 1}, 1, later)
	}
	b.Placements[0].Status = status
	if status == booking.Stuck {
		b.Placements[0].Reason = "refused"
	}
	return b
}

func TestObserve(t *testing.T) {
	event := calendar.Written{ID: "e", ETag: "v", Interval: span(10_000, 20_000), Version: 1}
	none := calendar.Written{}
	const soon, late = 501, 500 + 601 // within and after the time for which lists may lag behind
	tests := []struct {
		name   string
		before booking.PlacementStatus
		read   booking.Sighting
		after  booking.PlacementStatus
	}{
		{"a write is under way, there", booking.Pending, sighted(late, event), booking.Pending},
		{"a write is under way, absent", booking.Pending, sighted(late, none), booking.Pending},
		{"written and there", booking.Written, sighted(soon, event), booking.Seen},
		{"written, by a read that began before", booking.Written, sighted(499, event), booking.Written},
		{"written, not shown yet", booking.Written, sighted(soon, none), booking.Written},
		{"written, absent for too long", booking.Written, sighted(late, none), booking.Missing},
		{"seen and there", booking.Seen, sighted(soon, event), booking.Seen},
		{"seen and absent", booking.Seen, sighted(soon, none), booking.Missing},
		{"seen and absent from a window that does not hold it", booking.Seen,
			booking.Sighting{Begun: time.Unix(soon, 0), Window: span(0, 19_999)}, booking.Seen},
		{"missing and there", booking.Missing, sighted(late, event), booking.Seen},
		{"missing and absent", booking.Missing, sighted(late, none), booking.Missing},
		{"set aside and there", booking.Stuck, sighted(late, event), booking.Stuck},
		{"set aside and absent", booking.Stuck, sighted(late, none), booking.Stuck},
	}
	for _, tt := range tests {
		b := far(tt.before)
		n := len(b.History)
		sight := b.Observe(0, tt.read, time.Unix(2000, 0))
		if got := b.Placements[0].Status; got != tt.after || sight.Changed != (tt.before != tt.after) || sight.Moved {
			t.Errorf("%s: %s, %+v, want %s", tt.name, got, sight, tt.after)
		}
		if b.Status != booking.Confirmed || b.Version != 1 {
			t.Errorf("%s: a snapshot changed the booking", tt.name)
		}
		if told := tt.before != tt.after && (tt.after == booking.Missing || tt.before == booking.Missing); told != (len(b.History) > n) {
			t.Errorf("%s: history %+v", tt.name, b.History)
		}
	}
}

// TestObserveOver: nothing is missed that is running or past, whatever a read says.
func TestObserveOver(t *testing.T) {
	for _, now := range []int64{10_000, 15_000, 20_000, 90_000} {
		b := far(booking.Seen)
		if sight := b.Observe(0, sighted(now, calendar.Written{}), time.Unix(now, 0)); sight != (booking.Sight{}) {
			t.Errorf("at %d: %+v", now, sight)
		}
	}
	b := far(booking.Seen)
	moved := calendar.Written{ID: "e", Interval: span(30_000, 40_000), Version: 1}
	if sight := b.Observe(0, sighted(20_000, moved), time.Unix(20_000, 0)); sight != (booking.Sight{}) {
		t.Errorf("an appointment that is over was moved: %+v", sight)
	}
}

// TestObserveConflict: whether somebody else has the time is what the latest read says.
func TestObserveConflict(t *testing.T) {
	b := far(booking.Seen)
	read := sighted(501, calendar.Written{ID: "e", ETag: "v", Interval: b.Interval, Version: 1})
	read.Taken = true
	if sight := b.Observe(0, read, time.Unix(2000, 0)); !sight.Changed || !b.Conflict() {
		t.Errorf("%+v", sight)
	}
	if sight := b.Observe(0, read, time.Unix(2000, 0)); sight.Changed {
		t.Error("stored twice")
	}
	read.Taken = false
	if sight := b.Observe(0, read, time.Unix(2000, 0)); !sight.Changed || b.Conflict() {
		t.Errorf("%+v", sight)
	}
}

// TestLingering: of events that should be gone only a create that came late is removed again.
func TestLingering(t *testing.T) {
	late := calendar.Written{ID: "late", Interval: span(10_000, 20_000), Version: 1}
	never := &booking.Booking{ID: "b1", Interval: span(10_000, 20_000)}
	never.Begin(booking.Act{At: early, By: booking.ByCustomer}, seats("adams"))
	_ = never.Cancel(booking.Act{At: early, By: booking.ByCustomer})
	never.Settled(0, calendar.Written{}, never.Version, later)
	if sight := never.Clone().Observe(0, sighted(499, late), later); sight != (booking.Sight{}) {
		t.Errorf("a read that began before we looked: %+v", sight)
	}
	if sight := never.Observe(0, sighted(600, late), later); !sight.Changed || !sight.Again || never.Placements[0].Status != booking.Pending {
		t.Errorf("%+v %+v", sight, never.Placements[0])
	}
	restored := far(booking.Seen)
	_ = restored.Cancel(booking.Act{At: early, By: booking.ByCustomer})
	restored.Settled(0, calendar.Written{}, restored.Version, later)
	if sight := restored.Observe(0, sighted(600, late), later); sight != (booking.Sight{}) {
		t.Errorf("what a person brought back is theirs: %+v", sight)
	}
}

func TestFollow(t *testing.T) {
	b := far(booking.Seen)
	b.Observe(0, sighted(501, calendar.Written{ID: "e", ETag: "w", Interval: span(30_000, 41_000), Version: 1}), later)
	b.Follow(0, calendar.Written{ID: "e", ETag: "w", Interval: span(30_000, 41_000), Version: 1},
		booking.Act{At: later, By: booking.ByCalendar})
	if b.Version != 2 || b.Interval != span(30_000, 41_000) || b.Untold != booking.WasMoved || b.Status != booking.Confirmed {
		t.Errorf("%+v", b)
	}
	same(t, "only the others are to follow", statuses(b), []string{"adams 1 seen", "room 1 pending left 10000"})
	same(t, "history", last(b), booking.Change{
		At: later, By: booking.ByCalendar, What: booking.WasMoved, Version: 2, Interval: span(30_000, 41_000), Resource: "adams",
	})
	same(t, "claims", b.Claims("adams"), []booking.Claim{b.Claim()})
}

// TestFirstWriteInThePast: the answer to our first write shows that somebody has moved the event into the past already. It
// stays ours, so that it can be followed back or removed.
func TestFirstWriteInThePast(t *testing.T) {
	b := begun("adams")
	was := b.Interval
	now := time.Unix(900, 0)
	act := booking.Act{At: now, By: booking.ByCalendar}
	b.Follow(0, calendar.Written{ID: "e", ETag: "w", Interval: span(100, 200), Version: 1}, act)
	p := b.Placements[0]
	if b.Interval != was || p.Status != booking.Missing || p.Event.ID != "e" || p.Event.Interval != was {
		t.Errorf("%+v", p)
	}
	b.Follow(0, calendar.Written{ID: "e", ETag: "x", Interval: span(5000, 6000), Version: 1}, act)
	if b.Interval != span(5000, 6000) || b.Placements[0].Status != booking.Seen {
		t.Errorf("%+v", b)
	}
}

func TestCrowded(t *testing.T) {
	b := &booking.Booking{ID: "b1", Interval: span(100, 200)}
	left := claim(100, 200, 0, "x")
	left.Left = true
	tests := []struct {
		name     string
		claims   []booking.Claim
		capacity int
		want     bool
	}{
		{"alone", []booking.Claim{claim(100, 200, 0, "b1")}, 1, false},
		{"another", []booking.Claim{claim(100, 200, 0, "b1"), claim(199, 300, 0, "x")}, 1, true},
		{"another that touches", []booking.Claim{claim(100, 200, 0, "b1"), claim(200, 300, 0, "x")}, 1, false},
		{"only its buffer", []booking.Claim{claim(0, 100, 50, "x")}, 1, false},
		{"a hold is nobody yet", []booking.Claim{hold(100, 200, "v", 1000)}, 1, false},
		{"time that another has left", []booking.Claim{left}, 1, false},
		{"two fit", []booking.Claim{claim(100, 200, 0, "x")}, 2, false},
		{"two fit, two are there at once", []booking.Claim{claim(50, 150, 0, "x"), claim(149, 300, 0, "y")}, 2, true},
		{"two fit, two are there one after the other", []booking.Claim{claim(50, 150, 0, "x"), claim(150, 300, 0, "y")}, 2, false},
		{"a capacity of none is one", []booking.Claim{claim(100, 200, 0, "x")}, 0, true},
	}
	for _, tt := range tests {
		if got := b.Crowded(tt.claims, func(string) int { return tt.capacity }, 50); got != tt.want {
			t.Errorf("%s: %t", tt.name, got)
		}
	}
}

// TestCrowdedByService: where several services are, the least of their capacities counts.
func TestCrowdedByService(t *testing.T) {
	capacity := func(service string) int { return map[string]int{"group": 3, "talk": 2}[service] }
	of := func(service, id string) booking.Claim {
		c := claim(100, 200, 0, id)
		c.Service = service
		return c
	}
	b := &booking.Booking{ID: "b1", Service: "group", Interval: span(100, 200)}
	for name, c := range map[string]struct {
		others []booking.Claim
		want   bool
	}{
		"three of the group":             {[]booking.Claim{of("group", "x"), of("group", "y")}, false},
		"four of the group":              {[]booking.Claim{of("group", "x"), of("group", "y"), of("group", "z")}, true},
		"a group of two, and a talk":     {[]booking.Claim{of("group", "x"), of("talk", "y")}, true},
		"a talk beside one of the group": {[]booking.Claim{of("talk", "y")}, false},
	} {
		if got := b.Crowded(c.others, capacity, 50); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
