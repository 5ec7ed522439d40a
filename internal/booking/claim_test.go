package booking_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slotd/internal/booking"
	"slotd/internal/calendar"
)

func claim(from, to, after int64, id string) booking.Claim {
	return booking.Claim{Interval: calendar.Interval{Start: from, End: to}, After: after, Booking: id}
}

func hold(from, to int64, visit string, until int64) booking.Claim {
	return booking.Claim{Interval: calendar.Interval{Start: from, End: to}, Hold: visit, Until: until}
}

func TestClaimOfOffer(t *testing.T) {
	o := offer(booking.Resource{ID: "adams", Zone: time.UTC}, booking.Service{ID: "checkup", Rules: booking.Rules{
		Duration: new(time.Hour), Before: new(time.Minute), After: new(2 * time.Minute),
	}})
	if span := o.Span(7200); span != (calendar.Interval{Start: 7200, End: 10800}) {
		t.Errorf("the appointment is from %d to %d", span.Start, span.End)
	}
	want := booking.Claim{Interval: o.Span(7200), Before: 60, After: 120, Booking: "a", Service: "checkup"}
	if c := o.Claim(7200, "a"); c != want || c.Padded() != (calendar.Interval{Start: 7140, End: 10920}) {
		t.Errorf("a new claim is %+v, want %+v", c, want)
	}
	want.Booking, want.Hold, want.Until = "", "visit", 500
	if h := o.Hold(7200, "visit", 500); h != want {
		t.Errorf("a new hold is %+v, want %+v", h, want)
	}
}

func TestTakes(t *testing.T) {
	left := claim(10, 20, 0, "a")
	left.Left = true
	tests := []struct {
		name  string
		claim booking.Claim
		want  bool
	}{
		{"a booking", claim(10, 20, 0, "a"), true},
		{"a booking that is over", claim(1, 2, 0, "a"), true},
		{"a hold, a second before its end", hold(10, 20, "v", 101), true},
		{"a hold at its end", hold(10, 20, "v", 100), false},
		{"a hold that is over", hold(10, 20, "v", 99), false},
		{"time that was left", left, false},
	}
	for _, tt := range tests {
		if got := tt.claim.Takes(100); got != tt.want {
			t.Errorf("%s: %t", tt.name, got)
		}
	}
}

func TestKeepingClaims(t *testing.T) {
	const nineDays = 9 * 24 * 60 * 60
	left := claim(35, 45, 0, "a")
	left.Left = true
	all := func() []booking.Claim {
		return []booking.Claim{claim(10, 20, 0, "a"), claim(10, 20, 5, "b"), hold(30, 40, "v", 25+nineDays), left,
			hold(50, 60, "w", 20+nineDays), claim(50, 60, 0, "c")}
	}
	for name, tt := range map[string]struct{ got, want []booking.Claim }{
		"added in order": {
			booking.AddClaims(all(), claim(40, 45, 0, "d"), claim(0, 5, 0, "e")),
			[]booking.Claim{claim(0, 5, 0, "e"), claim(10, 20, 0, "a"), claim(10, 20, 5, "b"), hold(30, 40, "v", 25+nineDays), left,
				claim(40, 45, 0, "d"), hold(50, 60, "w", 20+nineDays), claim(50, 60, 0, "c")},
		},
		"added to nothing": {booking.AddClaims(nil, claim(1, 2, 0, "a")), []booking.Claim{claim(1, 2, 0, "a")}},
		"without what is nine days past, its buffer included, and holds that ended just now": {
			booking.WithoutPast(all(), 20+nineDays),
			[]booking.Claim{claim(10, 20, 5, "b"), hold(30, 40, "v", 25+nineDays), left, claim(50, 60, 0, "c")},
		},
		"without a booking, and what it has left": {
			booking.WithoutBooking(all(), "a"),
			[]booking.Claim{claim(10, 20, 5, "b"), hold(30, 40, "v", 25+nineDays), hold(50, 60, "w", 20+nineDays), claim(50, 60, 0, "c")},
		},
		"without a hold": {
			booking.WithoutHold(all(), "v"),
			[]booking.Claim{claim(10, 20, 0, "a"), claim(10, 20, 5, "b"), left, hold(50, 60, "w", 20+nineDays), claim(50, 60, 0, "c")},
		},
		"no booking has no id":   {booking.WithoutBooking(all(), ""), all()},
		"no hold has no visit":   {booking.WithoutHold(all(), ""), all()},
		"a hold is no booking":   {booking.WithoutBooking(all(), "v"), all()},
		"a booking is no a hold": {booking.WithoutHold(all(), "a"), all()},
	} {
		if diff := cmp.Diff(tt.want, tt.got); diff != "" {
			t.Errorf("%s: want −, got +:\n%s", name, diff)
		}
	}
}

// TestHoldsAndGhosts shows in lists what claims of each kind hide from whom.
func TestHoldsAndGhosts(t *testing.T) {
	const ten, eleven = 10 * 60, 11 * 60
	all := []string{"09:00", "09:30", "10:00", "10:30", "11:00"}
	around := []string{"09:00", "11:00"}
	held := func(m *morning, visit string, until int64) booking.Claim {
		return booking.Claim{Interval: m.span(ten, eleven), Hold: visit, Until: until}
	}
	left := func(m *morning, id string) booking.Claim {
		return booking.Claim{Interval: m.span(ten, eleven), Booking: id, Left: true}
	}
	mirrored := func(m *morning, from, to int64, id string) []calendar.Own {
		return []calendar.Own{{Interval: m.span(from, to), Booking: id}}
	}
	tests := []struct {
		name   string
		change func(*morning)
		want   []string
	}{
		{"another's hold", func(m *morning) { m.f.Claims = []booking.Claim{held(m, "v", 101)} }, around},
		{"another's hold that ends now", func(m *morning) { m.f.Claims = []booking.Claim{held(m, "v", 100)} }, all},
		{"the asker's own hold", func(m *morning) {
			m.f.Asker.Visit, m.f.Claims = "v", []booking.Claim{held(m, "v", 101)}
		}, all},
		{"the asker's own hold and another's", func(m *morning) {
			m.f.Asker.Visit, m.f.Claims = "v", []booking.Claim{held(m, "v", 101), held(m, "w", 101)}
		}, around},
		{"two fit, a hold and a booking", func(m *morning) {
			m.r.Rules.Capacity, m.f.Claims = new(2), []booking.Claim{held(m, "v", 101), m.claim(ten, eleven, "a")}
		}, around},
		{"two fit, two holds, one of them over", func(m *morning) {
			m.r.Rules.Capacity, m.f.Claims = new(2), []booking.Claim{held(m, "v", 100), held(m, "w", 101)}
		}, all},
		{"two fit, two holds", func(m *morning) {
			m.r.Rules.Capacity, m.f.Claims = new(2), []booking.Claim{held(m, "v", 101), held(m, "w", 101)}
		}, around},
		{"two fit, two holds of which one is the asker's", func(m *morning) {
			m.r.Rules.Capacity, m.f.Claims = new(2), []booking.Claim{held(m, "v", 101), held(m, "w", 101)}
			m.f.Asker.Visit = "w"
		}, all},
		{"a hold on another resource of the calendar", func(m *morning) {
			m.f.Others = []booking.Claim{held(m, "v", 101)}
		}, around},
		{"two fit, a hold on another resource of the calendar", func(m *morning) {
			m.r.Rules.Capacity, m.f.Others = new(2), []booking.Claim{held(m, "v", 101)}
		}, around},
		{"two fit, one hold of both resources of the calendar", func(m *morning) {
			m.r.Rules.Capacity, m.f.Claims, m.f.Others = new(2), []booking.Claim{held(m, "v", 101)}, []booking.Claim{held(m, "v", 101)}
		}, all},
		{"the asker's own hold on another resource of the calendar", func(m *morning) {
			m.f.Asker.Visit, m.f.Others = "v", []booking.Claim{held(m, "v", 101)}
		}, all},
		{"the booking that is to be moved", func(m *morning) {
			m.f.Asker.Booking, m.f.Claims = "a", []booking.Claim{m.claim(ten, eleven, "a")}
		}, all},
		{"and its event", func(m *morning) {
			m.f.Asker.Booking, m.f.Claims = "a", []booking.Claim{m.claim(ten, eleven, "a")}
			m.f.Busy[0].Own = mirrored(m, ten, eleven, "a")
		}, all},
		{"an event without a booking is nobody's", func(m *morning) { m.f.Busy[0].Own = mirrored(m, ten, eleven, "") }, around},
		{"time that was left, and its event", func(m *morning) {
			m.f.Claims, m.f.Busy[0].Own = []booking.Claim{left(m, "a")}, mirrored(m, ten, eleven, "a")
		}, all},
		{"time that was left on another resource of the calendar", func(m *morning) {
			m.f.Others, m.f.Busy[0].Own = []booking.Claim{left(m, "a")}, mirrored(m, ten, eleven, "a")
		}, all},
		{"the event is elsewhere", func(m *morning) {
			m.f.Claims, m.f.Busy[0].Own = []booking.Claim{left(m, "a")}, mirrored(m, ten, eleven+1, "a")
		}, []string{"09:00"}},
		{"the event is another booking's", func(m *morning) {
			m.f.Claims, m.f.Busy[0].Own = []booking.Claim{left(m, "a")}, mirrored(m, ten, eleven, "b")
		}, around},
		{"somebody else has the time that was left", func(m *morning) {
			m.f.Claims, m.f.Busy[0].Own = []booking.Claim{left(m, "a")}, mirrored(m, ten, eleven, "a")
			m.f.Busy[0].Foreign = []calendar.Interval{m.span(ten, eleven)}
		}, around},
		{"moved within the resource: the old time is free, the new one taken", func(m *morning) {
			m.f.Claims = []booking.Claim{left(m, "a"), m.claim(eleven, eleven+60, "a")}
			m.f.Busy[0].Own = mirrored(m, ten, eleven, "a")
		}, []string{"09:00", "09:30", "10:00"}},
		{"the snapshot's window cuts the event at its end", func(m *morning) {
			m.f.Busy[0].Window.End = m.span(0, ten+30).End
			m.f.Claims, m.f.Busy[0].Own = []booking.Claim{left(m, "a")}, mirrored(m, ten, ten+30, "a")
		}, []string{"09:00", "09:30"}},
		{"the snapshot's window cuts the event at its start", func(m *morning) {
			m.f.Busy[0].Window.Start = m.span(ten+30, 0).Start
			m.f.Claims, m.f.Busy[0].Own = []booking.Claim{left(m, "a")}, mirrored(m, ten+30, eleven, "a")
		}, []string{"10:30", "11:00"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMorning(t)
			m.f.Now = 100
			tt.change(m)
			if diff := cmp.Diff(tt.want, m.labels()); diff != "" {
				t.Errorf("want −, got +:\n%s", diff)
			}
		})
	}
}
