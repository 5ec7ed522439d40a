package booking_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slotd/internal/booking"
	"slotd/internal/calendar"
)

// morning is a doctor who works from nine to noon on 2026-06-10 in Berlin, summer time: 07:00 to 10:00 UTC.
type morning struct {
	r booking.Resource
	s booking.Service
	b booking.Bounds
	f booking.Facts
	d calendar.Date
}

func newMorning(t *testing.T) *morning {
	m := &morning{d: date(t, "2026-06-10")}
	whole := m.d.Interval(zone(t, "Europe/Berlin"))
	m.r = booking.Resource{
		ID: "adams", Zone: zone(t, "Europe/Berlin"), Blocks: []calendar.ID{"clinic/a"}, BookInto: "clinic/a",
	}
	m.r.Rules.Hours = &booking.Hours{time.Wednesday: {{From: 9 * 60, To: 12 * 60}}}
	m.s = booking.Service{ID: "checkup", Rules: booking.Rules{Duration: new(time.Hour), Grid: new(30 * time.Minute)}}
	m.b = booking.Bounds{Earliest: whole.Start, Latest: whole.End}
	m.f.Busy = []*calendar.Busy{{Window: whole}}
	return m
}

// business has nothing but a service at a resource.
func business(r booking.Resource, s booking.Service) booking.Business {
	r.Services = []string{s.ID}
	return booking.Business{Zone: r.Zone, Services: []booking.Service{s}, Resources: []booking.Resource{r}}
}

// offer returns the service at the resource of a business that has nothing else.
func offer(r booking.Resource, s booking.Service) *booking.Offer {
	return booking.NewCatalog(business(r, s)).Offer("", r.ID, s.ID)
}

func (m *morning) state() *booking.State { return booking.NewState(offer(m.r, m.s), m.b, m.f) }

func (m *morning) labels() []string {
	var out []string
	for _, start := range m.state().Day(nil, m.d) {
		out = append(out, booking.Label(start, m.r.Zone))
	}
	return out
}

// span is an interval of the morning, in minutes of the day in Berlin.
func (m *morning) span(from, to int64) calendar.Interval {
	start := m.d.Interval(m.r.Zone).Start
	return calendar.Interval{Start: start + from*minute, End: start + to*minute}
}

func (m *morning) claim(from, to int64, id string) booking.Claim {
	return booking.Claim{Interval: m.span(from, to), Booking: id}
}

func TestDay(t *testing.T) {
	const ten, eleven = 10 * 60, 11 * 60
	all := []string{"09:00", "09:30", "10:00", "10:30", "11:00"}
	around := []string{"09:00", "11:00"} // what is left when ten to eleven is taken
	tests := []struct {
		name   string
		change func(*morning)
		want   []string
	}{
		{"nothing there", func(*morning) {}, all},
		{"somebody's event", func(m *morning) {
			m.f.Busy[0].Foreign = []calendar.Interval{m.span(ten, eleven)}
		}, around},
		{"a minute of it is enough", func(m *morning) {
			m.f.Busy[0].Foreign = []calendar.Interval{m.span(ten, ten+1)}
		}, []string{"09:00", "10:30", "11:00"}},
		{"a claim", func(m *morning) { m.f.Claims = []booking.Claim{m.claim(ten, eleven, "a")} }, around},
		{"a claim with a buffer", func(m *morning) {
			m.f.Claims = []booking.Claim{{Interval: m.span(ten, eleven), After: 5 * minute, Booking: "a"}}
		}, []string{"09:00"}},
		{"the asked service has the buffer", func(m *morning) {
			m.s.Rules.Before = new(5 * time.Minute)
			m.f.Claims = []booking.Claim{m.claim(ten, eleven, "a")}
		}, []string{"09:00"}},
		{"buffers may touch somebody's event", func(m *morning) {
			m.s.Rules.Before, m.s.Rules.After = new(5*time.Minute), new(5*time.Minute)
			m.f.Busy[0].Foreign = []calendar.Interval{m.span(ten, eleven)}
		}, around},
		{"two fit, one is there", func(m *morning) {
			m.r.Rules.Capacity = new(2)
			m.f.Claims = []booking.Claim{m.claim(ten, eleven, "a")}
		}, all},
		{"two fit, two are there", func(m *morning) {
			m.r.Rules.Capacity = new(2)
			m.f.Claims = []booking.Claim{m.claim(ten, eleven, "a"), m.claim(ten+15, ten+45, "b")}
		}, []string{"09:00", "11:00"}},
		{"two fit, two are there one after the other", func(m *morning) {
			m.r.Rules.Capacity = new(2)
			m.f.Claims = []booking.Claim{m.claim(ten, ten+30, "a"), m.claim(ten+30, eleven, "b")}
		}, all},
		{"two fit, two begin where it ends", func(m *morning) {
			m.r.Rules.Capacity = new(2)
			m.f.Claims = []booking.Claim{m.claim(eleven, eleven+60, "a"), m.claim(eleven, eleven+60, "b")}
		}, []string{"09:00", "09:30", "10:00"}},
		{"two fit, block and claim of one booking count once", func(m *morning) {
			m.r.Rules.Capacity = new(2)
			m.f.Claims = []booking.Claim{m.claim(ten, eleven, "a")}
			m.f.Busy[0].Own = []calendar.Own{{Interval: m.span(ten, eleven), Booking: "a"}}
		}, all},
		{"block and claim that were moved apart take both times", func(m *morning) {
			m.f.Claims = []booking.Claim{m.claim(9*60, 9*60+30, "a")}
			m.f.Busy[0].Own = []calendar.Own{{Interval: m.span(eleven, eleven+30), Booking: "a"}}
		}, []string{"09:30", "10:00"}},
		{"two fit, the block of a booking that has no claim here blocks", func(m *morning) {
			m.r.Rules.Capacity = new(2)
			m.f.Busy[0].Own = []calendar.Own{{Interval: m.span(ten, eleven), Booking: "x"}}
		}, around},
		{"two fit, another resource of the calendar is booked", func(m *morning) {
			m.r.Rules.Capacity = new(2)
			m.f.Others = []booking.Claim{m.claim(ten, eleven, "x")}
		}, around},
		{"two fit, one booking has this and another resource of the calendar", func(m *morning) {
			m.r.Rules.Capacity = new(2)
			m.f.Claims = []booking.Claim{m.claim(ten, eleven, "a")}
			m.f.Others = []booking.Claim{m.claim(ten, eleven, "a")}
			m.f.Busy[0].Own = []calendar.Own{{Interval: m.span(ten, eleven), Booking: "a"}}
		}, all},
		{"a calendar was never read", func(m *morning) { m.f.Busy = []*calendar.Busy{nil} }, nil},
		{"one of two calendars was never read", func(m *morning) {
			m.r.Blocks = append(m.r.Blocks, "clinic/b")
			m.f.Busy = append(m.f.Busy, nil)
		}, nil},
		{"one of two calendars is missing", func(m *morning) { m.r.Blocks = append(m.r.Blocks, "clinic/b") }, nil},
		{"no calendar at all", func(m *morning) { m.r.Blocks, m.f.Busy = nil, nil }, nil},
		{"the window ends at half past ten", func(m *morning) { m.f.Busy[0].Window.End = m.span(0, ten+30).End },
			[]string{"09:00", "09:30"}},
		{"the window begins a second after ten", func(m *morning) {
			m.f.Busy[0].Window.Start = m.span(ten, ten).Start + 1
		}, []string{"10:30", "11:00"}},
		{"windows that share nothing", func(m *morning) {
			m.r.Blocks = append(m.r.Blocks, "clinic/b")
			m.f.Busy[0].Window = m.span(0, ten)
			m.f.Busy = append(m.f.Busy, &calendar.Busy{Window: m.span(ten, 1440)})
		}, nil},
		{"bounds are inclusive", func(m *morning) {
			m.b = booking.Bounds{Earliest: m.span(9*60+30, 0).Start, Latest: m.span(10*60+30, 0).Start}
		}, []string{"09:30", "10:00", "10:30"}},
		{"too long for the hours", func(m *morning) { m.s.Rules.Duration = new(3*time.Hour + time.Minute) }, nil},
		{"exactly as long as the hours", func(m *morning) { m.s.Rules.Duration = new(3 * time.Hour) }, []string{"09:00"}},
		{"closed", func(m *morning) { m.r.Rules.Hours = &booking.Hours{} }, nil},
		{"two stretches have their own grid, and what begins in one may end in the other", func(m *morning) {
			m.r.Rules.Hours[time.Wednesday] = []booking.Span{{From: 9 * 60, To: 10*60 + 10}, {From: 10*60 + 10, To: 11*60 + 15}}
		}, []string{"09:00", "09:30", "10:00", "10:10"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMorning(t)
			tt.change(m)
			if diff := cmp.Diff(tt.want, m.labels()); diff != "" {
				t.Errorf("want −, got +:\n%s", diff)
			}
			newSlow(booking.NewCatalog(business(m.r, m.s)), choice{"", m.r.ID, m.s.ID}, m.b, m.f, m.d).agree(t)
		})
	}
}

func TestDayAppends(t *testing.T) {
	m := newMorning(t)
	const theirs = 1 << 60 // what is in the slice already stays where it is, also when it is later
	if got := m.state().Day([]int64{theirs}, m.d); len(got) != 6 || got[0] != theirs {
		t.Errorf("got %v", got)
	}
}

// TestWallTimeRule shows the rule of the package comment on days of 2026 in Berlin.
func TestWallTimeRule(t *testing.T) {
	tests := []struct {
		name, date string
		span       booking.Span
		want       []string
	}{
		{"a gap offers nothing inside of it", "2026-03-29", booking.Span{From: 60, To: 240},
			[]string{"01:00", "01:30", "03:00", "03:30"}},
		{"hours that open in a gap open at its end", "2026-03-29", booking.Span{From: 150, To: 240},
			[]string{"03:00", "03:30"}},
		{"hours that close in a gap close at its end", "2026-03-29", booking.Span{From: 60, To: 150},
			[]string{"01:00", "01:30"}},
		{"hours inside of a gap are none", "2026-03-29", booking.Span{From: 125, To: 175}, nil},
		{"a repeated hour is offered twice", "2026-10-25", booking.Span{From: 60, To: 240}, []string{
			"01:00", "01:30", "02:00 (UTC+2)", "02:30 (UTC+2)", "02:00 (UTC+1)", "02:30 (UTC+1)", "03:00", "03:30",
		}},
		{"hours open at the first and close at the last of a repeated time", "2026-10-25", booking.Span{From: 120, To: 150},
			[]string{"02:00 (UTC+2)", "02:00 (UTC+1)"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMorning(t)
			m.d = date(t, tt.date)
			m.s.Rules.Duration = new(30 * time.Minute)
			whole := m.d.Interval(m.r.Zone)
			m.f.Busy[0].Window, m.b = whole, booking.Bounds{Earliest: whole.Start, Latest: whole.End}
			m.r.Rules.Hours[time.Sunday] = []booking.Span{tt.span}
			if diff := cmp.Diff(tt.want, m.labels()); diff != "" {
				t.Errorf("want −, got +:\n%s", diff)
			}
		})
	}
}

// TestReasonOrder: where several reasons hold, the one that is asked first is given.
func TestReasonOrder(t *testing.T) {
	m := newMorning(t)
	at := m.span(10*60, 0).Start
	m.f.Claims = []booking.Claim{m.claim(10*60, 11*60, "a")}
	check := func(want booking.Reason) {
		t.Helper()
		if got := m.state().Check(at); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	check(booking.Claimed)
	m.f.Busy[0].Foreign = []calendar.Interval{m.span(10*60, 11*60)}
	check(booking.Busy)
	m.f.Busy[0].Window.End = at
	check(booking.Unknown)
	m.r.Rules.PerDay = new(1)
	check(booking.Capped)
	at++
	check(booking.NotOffered)
	m.b.Latest = at - 1
	check(booking.TooFar)
	m.b = booking.Bounds{Earliest: at + 1, Latest: at - 1}
	check(booking.TooSoon)
}

func TestReasonNames(t *testing.T) {
	seen := map[string]bool{}
	for r := booking.Free; r <= booking.Claimed; r++ {
		if name := r.String(); name == "" || name == "unknown reason" || seen[name] {
			t.Errorf("reason %d is called %q", r, name)
		} else {
			seen[name] = true
		}
	}
	for _, r := range []booking.Reason{-1, booking.Claimed + 1} {
		if r.String() != "unknown reason" {
			t.Errorf("reason %d is called %q", r, r)
		}
	}
}
