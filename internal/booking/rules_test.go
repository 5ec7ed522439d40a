package booking_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
)

// Every rule has a test here that is named after it, with times of a doctor in Berlin.

// practice is open from nine to noon on weekdays: Dr. Adams of the skin and the allergy department, for check-ups of an hour.
type practice struct {
	booking.Business
	f   booking.Facts
	now time.Time // what bounds go by
}

func newPractice(t *testing.T) *practice {
	p := &practice{now: time.Unix(unix(t, "2026-06-01T08:00:00+02:00"), 0)}
	p.Zone = zone(t, "Europe/Berlin")
	p.Rules.Hours = weekdays(t, "09:00-12:00")
	p.Departments = []booking.Department{{ID: "skin"}, {ID: "allergy"}}
	p.Services = []booking.Service{
		{ID: "checkup", Rules: booking.Rules{Duration: new(time.Hour)}},
		{ID: "call", Rules: booking.Rules{Duration: new(30 * time.Minute)}},
	}
	p.Resources = []booking.Resource{{
		ID: "adams", Zone: p.Zone, Departments: []string{"skin", "allergy"}, Services: []string{"checkup", "call"},
		Blocks: []calendar.ID{"clinic/a"}, BookInto: "clinic/a",
	}}
	p.f = known(p.now)
	return p
}

// known is a calendar with nothing in it.
func known(now time.Time) booking.Facts {
	window := calendar.Interval{Start: now.Unix() - 400*day, End: now.Unix() + 400*day}
	return booking.Facts{Busy: []*calendar.Busy{{Window: window}}, Now: now.Unix()}
}

// spans reads hours such as "09:00-12:00 13:00-24:00".
func spans(t *testing.T, hours string) []booking.Span {
	t.Helper()
	out := []booking.Span{}
	for span := range strings.FieldsSeq(hours) {
		var h, m, h2, m2 int
		if _, err := fmt.Sscanf(span, "%d:%d-%d:%d", &h, &m, &h2, &m2); err != nil {
			t.Fatal(span, err)
		}
		out = append(out, booking.Span{From: h*60 + m, To: h2*60 + m2})
	}
	return out
}

// weekdays are hours from Monday to Friday.
func weekdays(t *testing.T, hours string) *booking.Hours {
	var h booking.Hours
	for d := time.Monday; d <= time.Friday; d++ {
		h[d] = spans(t, hours)
	}
	return &h
}

// on are the hours of single dates, given in turn as a date and its hours. A date without a year is of every year.
func on(t *testing.T, datesAndHours ...string) booking.Dated {
	out := booking.Dated{}
	for pair := range slices.Chunk(datesAndHours, 2) {
		out[aDate(t, pair[0])] = spans(t, pair[1])
	}
	return out
}

func aDate(t *testing.T, s string) calendar.Date {
	if len(s) == len("12-25") {
		d := date(t, "2024-"+s)
		d.Year = 0
		return d
	}
	return date(t, s)
}

// claim is a booking from a time such as "2026-06-10 09:00" on.
func (p *practice) claim(t *testing.T, at, service, id string) {
	c := booking.NewCatalog(p.Business)
	p.f.Claims = append(p.f.Claims, c.Offer("", "adams", service).Claim(p.at(t, at), id))
}

func (p *practice) at(t *testing.T, at string) int64 {
	t.Helper()
	start, err := time.ParseInLocation("2006-01-02 15:04", at, p.Zone)
	if err != nil {
		t.Fatal(err)
	}
	return start.Unix()
}

// by fails the test unless the times of a day for a customer who comes by way of a department are those given.
func (p *practice) by(t *testing.T, department, service, day string, want ...string) {
	t.Helper()
	o := booking.NewCatalog(p.Business).Offer(department, "adams", service)
	var got []string
	for _, start := range booking.NewState(o, o.Bounds(p.now), p.f).Day(nil, date(t, day)) {
		got = append(got, booking.Label(start, p.Resources[0].Zone))
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s on %s: %v, want %v", service, day, got, want)
	}
	for at := date(t, day).Interval(p.Zone).Start; at < date(t, day).Interval(p.Zone).End; at += 15 * minute {
		all := booking.NewState(o, o.Bounds(p.now), p.f).Check(at)
		if near := booking.NewState(o, o.Bounds(p.now), o.Near(p.f, at)).Check(at); near != all {
			t.Errorf("%s at %v: %s, and by what is near %s", service, inZone([]int64{at}, p.Zone), all, near)
		}
	}
}

// expect is by for a check-up by way of the skin department.
func (p *practice) expect(t *testing.T, day string, want ...string) {
	t.Helper()
	p.by(t, "skin", "checkup", day, want...)
}

func TestRuleHoursOfBusiness(t *testing.T) {
	p := newPractice(t)
	p.expect(t, "2026-06-10", "09:00", "10:00", "11:00")
	p.expect(t, "2026-06-13") // a Saturday
}

func TestRuleHoursOfDepartment(t *testing.T) {
	p := newPractice(t)
	p.Departments[0].Rules.Hours = weekdays(t, "14:00-16:00")
	p.by(t, "skin", "checkup", "2026-06-10", "14:00", "15:00")
	p.by(t, "", "checkup", "2026-06-10", "14:00", "15:00") // it is the first that Dr. Adams belongs to
	p.by(t, "allergy", "checkup", "2026-06-10", "09:00", "10:00", "11:00")
}

func TestRuleHoursOfResource(t *testing.T) {
	p := newPractice(t)
	p.Departments[0].Rules.Hours = weekdays(t, "14:00-16:00")
	p.Resources[0].Rules.Hours = weekdays(t, "18:00-20:00")
	p.expect(t, "2026-06-10", "18:00", "19:00")
	p.Resources[0].Rules.Hours = &booking.Hours{}
	p.expect(t, "2026-06-10")
}

func TestRuleServiceHours(t *testing.T) {
	p := newPractice(t)
	p.Services[0].Rules.Hours = weekdays(t, "08:00-10:00 11:00-14:00") // nobody is there at eight, nor from noon on
	p.expect(t, "2026-06-10", "09:00", "11:00")
	p.by(t, "skin", "call", "2026-06-10", "09:00", "09:30", "10:00", "10:30", "11:00", "11:30")
	p.Services[0].Rules.Dates = on(t, "2026-06-10", "10:00-11:00")
	p.Services[0].Rules.Extra = on(t, "2026-06-11", "10:00-11:00")
	p.expect(t, "2026-06-10", "10:00")
	p.expect(t, "2026-06-11", "09:00", "10:00", "11:00")
}

func TestRuleDates(t *testing.T) {
	p := newPractice(t)
	p.Rules.Dates = on(t, "06-10", "10:00-11:00", "06-11", "10:00-11:00")
	p.expect(t, "2026-06-10", "10:00")
	p.Departments[0].Rules.Dates = on(t, "2026-06-10", "", "06-10", "15:00-16:00") // one year is said more closely than all
	p.expect(t, "2026-06-10")
	p.expect(t, "2026-06-11", "10:00")
	p.Resources[0].Rules.Dates = on(t, "06-10", "20:00-22:00")
	p.expect(t, "2026-06-10", "20:00", "21:00")
	p.Resources[0].Rules.Dates = on(t, "2025-06-10", "20:00-22:00")
	p.expect(t, "2026-06-10")
	p.Rules.Hours, p.Departments[0].Rules.Dates = nil, nil // who says no hours is open on the dates alone
	p.expect(t, "2026-06-10", "10:00")
	p.expect(t, "2026-06-12")
}

func TestRuleHoliday(t *testing.T) {
	p := newPractice(t)
	holiday := booking.Holiday{Title: "Midsummer", Dates: map[calendar.Date]bool{aDate(t, "06-10"): true}}
	p.Holidays = []booking.Holiday{holiday}
	p.expect(t, "2026-06-10")
	p.Holidays[0].Departments = []string{"allergy"}
	p.by(t, "allergy", "checkup", "2026-06-10")
	p.expect(t, "2026-06-10", "09:00", "10:00", "11:00")
	p.Holidays[0].Resources = []string{"adams"}
	p.expect(t, "2026-06-10")
	p.Rules.Dates = on(t, "2026-06-10", "09:00-10:00") // who gives the day hours of its own works on it
	p.expect(t, "2026-06-10", "09:00")
}

func TestRuleExtraOpening(t *testing.T) {
	p := newPractice(t)
	p.Rules.Extra = on(t, "2026-06-10", "18:00-19:00", "2026-06-13", "10:00-12:00")
	p.expect(t, "2026-06-10", "09:00", "10:00", "11:00", "18:00")
	p.expect(t, "2026-06-13", "10:00", "11:00")
	p.Holidays = []booking.Holiday{{Dates: map[calendar.Date]bool{aDate(t, "06-10"): true}}}
	p.expect(t, "2026-06-10", "18:00")
	p.Departments[0].Rules.Extra = on(t, "2026-06-10", "20:00-21:00") // the nearer level's, alone
	p.expect(t, "2026-06-10", "20:00")
	p.Resources[0].Rules.Extra = on(t, "2026-06-10", "")
	p.expect(t, "2026-06-10")
}

func TestRuleExtraOpeningThatOverlapsHours(t *testing.T) {
	p := newPractice(t)
	p.Rules.Extra = on(t, "2026-06-10", "08:30-10:00 12:00-13:30")
	p.expect(t, "2026-06-10", "08:30", "09:30", "10:30", "11:30", "12:00") // from noon on another grid
}

func TestRuleDurationOfResource(t *testing.T) {
	p := newPractice(t)
	p.Rules.Duration, p.Services[0].Rules.Duration = new(time.Hour), nil
	p.Resources[0].Rules.Duration = new(90 * time.Minute)
	p.expect(t, "2026-06-10", "09:00", "10:30")
	p.by(t, "skin", "call", "2026-06-10", "09:00", "09:30", "10:00", "10:30", "11:00", "11:30")
}

func TestRuleGrid(t *testing.T) {
	p := newPractice(t)
	p.Rules.Grid = new(45 * time.Minute)
	p.expect(t, "2026-06-10", "09:00", "09:45", "10:30")
	p.Rules.Hours = weekdays(t, "09:00-11:00 11:20-12:30") // each stretch begins anew
	p.expect(t, "2026-06-10", "09:00", "09:45", "11:20")
	p.Departments[0].Rules.Grid = new(15 * time.Minute)
	p.expect(t, "2026-06-10", "09:00", "09:15", "09:30", "09:45", "10:00", "11:20")
}

func TestRuleOverMidnight(t *testing.T) {
	p := newPractice(t)
	p.Rules.Hours = weekdays(t, "22:30-24:00")
	p.expect(t, "2026-06-10", "22:30")
	p.Rules.Dates = on(t, "2026-06-11", "00:00-00:45")
	p.expect(t, "2026-06-10", "22:30", "23:30")
	p.Rules.Dates = on(t, "2026-06-11", "00:15-00:45")
	p.expect(t, "2026-06-10", "22:30")
}

func TestRuleOverTouchingStretches(t *testing.T) {
	p := newPractice(t)
	p.Rules.Hours = weekdays(t, "09:00-10:30 10:30-12:00")
	p.expect(t, "2026-06-10", "09:00", "10:00", "10:30")
}

func TestRuleBuffersAreAsymmetric(t *testing.T) {
	p := newPractice(t)
	p.Services[0].Rules.Grid = new(15 * time.Minute)
	p.Services[0].Rules.Before, p.Services[0].Rules.After = new(15*time.Minute), new(30*time.Minute)
	p.f.Claims = []booking.Claim{{Interval: calendar.Interval{
		Start: p.at(t, "2026-06-10 10:30"), End: p.at(t, "2026-06-10 10:45"),
	}, Booking: "a"}}
	p.expect(t, "2026-06-10", "09:00", "11:00") // until half an hour before, from a quarter after
	p.f.Busy[0].Foreign, p.f.Claims = []calendar.Interval{p.f.Claims[0].Interval}, nil
	p.expect(t, "2026-06-10", "09:00", "09:15", "09:30", "10:45", "11:00") // which touch events of others
}

func TestRuleBuffersOfClaim(t *testing.T) {
	p := newPractice(t)
	p.Services[0].Rules.Grid = new(15 * time.Minute)
	p.Rules.After = new(15 * time.Minute) // of the call that is there, and of the check-up that is asked for
	p.claim(t, "2026-06-10 10:15", "call", "a")
	p.expect(t, "2026-06-10", "09:00", "11:00")
}

func TestRuleNotice(t *testing.T) {
	p := newPractice(t)
	p.now = time.Unix(p.at(t, "2026-06-10 09:00"), 0)
	p.expect(t, "2026-06-10", "10:00", "11:00") // an hour unless something else is said
	p.now = p.now.Add(time.Nanosecond)
	p.expect(t, "2026-06-10", "11:00")
	p.Rules.Notice, p.Departments[0].Rules.Notice = new(24*time.Hour), new(2*time.Hour)
	p.expect(t, "2026-06-10")
	p.Resources[0].Rules.Notice, p.Services[0].Rules.Notice = new(48*time.Hour), new(time.Duration(0))
	p.expect(t, "2026-06-10", "10:00", "11:00")
}

func TestRuleHorizon(t *testing.T) {
	p := newPractice(t)
	p.now = time.Unix(p.at(t, "2026-06-01 10:00"), 0)
	p.expect(t, "2026-07-01", "09:00", "10:00") // thirty days unless something else is said
	p.expect(t, "2026-07-02")
	p.Rules.Horizon = new(31 * 24 * time.Hour)
	p.expect(t, "2026-07-02", "09:00", "10:00")
	p.Resources[0].Rules.Horizon = new(9*24*time.Hour - time.Second)
	p.expect(t, "2026-06-10", "09:00")
}

func TestRuleMaxPerDay(t *testing.T) {
	p := newPractice(t)
	p.Resources[0].Rules.PerDay = new(2)
	p.claim(t, "2026-06-10 09:00", "call", "a")
	p.expect(t, "2026-06-10", "10:00", "11:00")
	p.claim(t, "2026-06-10 22:30", "call", "b")
	p.expect(t, "2026-06-10")
	p.expect(t, "2026-06-11", "09:00", "10:00", "11:00")
	p.f.Asker.Booking = "b" // a booking can be moved within its day
	p.expect(t, "2026-06-10", "10:00", "11:00")
}

func TestRuleMaxPerDayCountsHolds(t *testing.T) {
	p := newPractice(t)
	p.Rules.PerDay = new(1)
	o := booking.NewCatalog(p.Business).Offer("", "adams", "call")
	p.f.Claims = []booking.Claim{o.Hold(p.at(t, "2026-06-10 09:00"), "visit", p.f.Now+1)}
	p.expect(t, "2026-06-10")
	p.f.Now++
	p.expect(t, "2026-06-10", "09:00", "10:00", "11:00")
}

// TestRuleMaxPerDayWhereMidnightComesTwice: a day of which clocks show the last hour again, after midnight, is one day.
func TestRuleMaxPerDayWhereMidnightComesTwice(t *testing.T) {
	always := []booking.Span{{From: 0, To: 1440}}
	o := offer(
		booking.Resource{ID: "adams", Zone: zone(t, "America/St_Johns"), Rules: booking.Rules{
			Hours: &booking.Hours{always, always, always, always, always, always, always}, PerDay: new(1),
		}},
		booking.Service{ID: "call", Rules: booking.Rules{Duration: new(time.Minute)}})
	f := known(time.Unix(unix(t, "2010-11-01T00:00:00Z"), 0))
	f.Claims = []booking.Claim{o.Claim(unix(t, "2010-11-06T15:00:00Z"), "a")}
	st := booking.NewState(o, booking.Bounds{Latest: 1 << 40}, f)
	for at, want := range map[string]booking.Reason{
		"2010-11-07T02:29:00Z": booking.Capped, // 23:59
		"2010-11-07T02:30:00Z": booking.Free,   // 00:00 of the next day
		"2010-11-07T03:00:00Z": booking.Capped, // 23:30 again
		"2010-11-07T03:30:00Z": booking.Free,   // and 00:00
	} {
		if got := st.Check(unix(t, at)); got != want {
			t.Errorf("%s: %s, want %s", at, got, want)
		}
	}
}

func TestRuleMaxPerDayOfService(t *testing.T) {
	p := newPractice(t)
	p.Rules.PerDay, p.Services[0].Rules.PerDay = new(3), new(1)
	p.claim(t, "2026-06-10 09:00", "call", "a")
	p.expect(t, "2026-06-10", "10:00", "11:00")
	p.claim(t, "2026-06-10 10:00", "checkup", "b")
	p.expect(t, "2026-06-10")
	p.by(t, "skin", "call", "2026-06-10", "09:30", "11:00", "11:30")
	p.claim(t, "2026-06-10 11:30", "call", "c") // and both caps hold
	p.by(t, "skin", "call", "2026-06-10")
}

func TestRuleMaxPerWeek(t *testing.T) {
	p := newPractice(t)
	p.Departments[0].Rules.PerWeek = new(2)
	p.claim(t, "2026-06-08 00:00", "call", "a") // a Monday
	p.claim(t, "2026-06-14 23:30", "call", "b") // and its Sunday
	p.expect(t, "2026-06-10")
	p.expect(t, "2026-06-05", "09:00", "10:00", "11:00")
	p.expect(t, "2026-06-15", "09:00", "10:00", "11:00")
	p.Rules.Extra = on(t, "2026-06-07", "22:00-23:00", "2026-06-14", "22:00-23:00")
	p.expect(t, "2026-06-07", "22:00")
	p.expect(t, "2026-06-14")
	p.by(t, "allergy", "checkup", "2026-06-10", "09:00", "10:00", "11:00")
}

func TestRuleMaxPerWeekOfService(t *testing.T) {
	p := newPractice(t)
	p.Services[0].Rules.PerWeek = new(1)
	p.claim(t, "2026-06-08 09:00", "checkup", "a")
	p.expect(t, "2026-06-12")
	p.by(t, "skin", "call", "2026-06-12", "09:00", "09:30", "10:00", "10:30", "11:00", "11:30")
}

func TestRuleCapacityOfResource(t *testing.T) {
	p := newPractice(t)
	p.claim(t, "2026-06-10 09:00", "checkup", "a")
	p.expect(t, "2026-06-10", "10:00", "11:00")
	p.Resources[0].Rules.Capacity = new(2)
	p.expect(t, "2026-06-10", "09:00", "10:00", "11:00")
	p.claim(t, "2026-06-10 09:30", "call", "b")
	p.expect(t, "2026-06-10", "10:00", "11:00")
}

func TestRuleCapacityOfService(t *testing.T) {
	p := newPractice(t)
	p.Services[0].Rules.Capacity = new(3) // check-ups are in groups, calls are not
	p.claim(t, "2026-06-10 09:00", "checkup", "a")
	p.claim(t, "2026-06-10 09:00", "checkup", "b")
	p.claim(t, "2026-06-10 10:00", "call", "c")
	p.expect(t, "2026-06-10", "09:00", "11:00")
	p.by(t, "skin", "call", "2026-06-10", "10:30", "11:00", "11:30")
	p.Services[1].Rules.Capacity = new(2) // the least of the capacities counts
	p.expect(t, "2026-06-10", "09:00", "10:00", "11:00")
	p.by(t, "skin", "call", "2026-06-10", "10:00", "10:30", "11:00", "11:30")
}

func TestRuleCancelAndMoveNotice(t *testing.T) {
	p := newPractice(t)
	p.Rules.CancelNotice, p.Rules.MoveNotice = new(24*time.Hour), new(48*time.Hour)
	p.Services[0].Rules.MoveNotice, p.Resources[0].Rules.MoveNotice = new(2*time.Hour), new(time.Hour)
	o := booking.NewCatalog(p.Business).Offer("skin", "adams", "checkup")
	if o.CancelNotice != 24*time.Hour || o.MoveNotice != 2*time.Hour {
		t.Errorf("%s and %s", o.CancelNotice, o.MoveNotice)
	}
}

func TestRuleAny(t *testing.T) {
	p := newPractice(t)
	p.Departments[1].Rules.Any = new(booking.RoundRobin)
	c := booking.NewCatalog(p.Business)
	got := []booking.Order{c.Offer("skin", "adams", "call").Any, c.Offer("allergy", "adams", "call").Any}
	same(t, "orders", got, []booking.Order{booking.LeastBusy, booking.RoundRobin})
}

// TestRuleOneOpen: the nearest level that says anything also says of what a customer can have one.
func TestRuleOneOpen(t *testing.T) {
	p := newPractice(t)
	p.Rules.OneOpen, p.Departments[0].Rules.OneOpen, p.Services[1].Rules.OneOpen = new(true), new(false), new(true)
	c := booking.NewCatalog(p.Business)
	got := []booking.Level{
		c.Offer("skin", "adams", "checkup").OneOpen, c.Offer("allergy", "adams", "checkup").OneOpen,
		c.Offer("skin", "adams", "call").OneOpen,
	}
	same(t, "levels", got, []booking.Level{booking.ByDefault, booking.OfBusiness, booking.OfService})
}

// TestRuleNeeds: a check-up takes a room, which has hours, a notice and caps of its own.
func TestRuleNeeds(t *testing.T) {
	p := newPractice(t)
	p.Resources = append(p.Resources, booking.Resource{ID: "room", Zone: p.Zone, Blocks: []calendar.ID{"clinic/r"}})
	p.Services[0].Needs = [][]string{{"room"}}
	room := &p.Resources[1].Rules
	expect := func(claims []booking.Claim, want ...string) {
		t.Helper()
		chosen := booking.NewCatalog(p.Business).Offer("skin", "adams", "checkup")
		beside, f := chosen.Beside("room"), known(p.now)
		f.Claims = claims
		team := booking.NewTeam(booking.NewState(chosen, chosen.Bounds(p.now), p.f),
			[]*booking.State{booking.NewState(beside, beside.Bounds(p.now), f)})
		var got []string
		for _, start := range team.Day(nil, date(t, "2026-06-10")) {
			got = append(got, booking.Label(start, p.Zone))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
	expect(nil, "09:00", "10:00", "11:00")
	taken := booking.Claim{Interval: calendar.Interval{
		Start: p.at(t, "2026-06-10 10:30"), End: p.at(t, "2026-06-10 10:40"),
	}, Booking: "a"}
	expect([]booking.Claim{taken}, "09:00", "11:00")
	p.Services[0].Rules.PerDay, taken.Service = new(1), "checkup" // which caps check-ups at a doctor
	expect([]booking.Claim{taken}, "09:00", "11:00")
	p.Rules.PerDay, p.Rules.Capacity = new(1), new(2) // of who can be chosen
	expect([]booking.Claim{taken}, "09:00", "11:00")
	room.PerDay = new(1)
	expect([]booking.Claim{taken})
	room.Hours = weekdays(t, "09:30-10:15 10:15-12:00") // on no grid, over stretches that touch
	expect(nil, "10:00", "11:00")
	p.now = time.Unix(p.at(t, "2026-06-10 08:00"), 0)
	room.Notice = new(3 * time.Hour)
	expect(nil, "11:00")
	room.Notice = new(time.Minute) // which those of the chosen one exceed
	expect(nil, "10:00", "11:00")
}

// TestRulesOfWhatWasBooked: a booking keeps the length and the buffers that it was made with when it moves.
func TestRulesOfWhatWasBooked(t *testing.T) {
	p := newPractice(t)
	p.Services[0].Needs = [][]string{{"room-1", "room-2"}}
	b := &booking.Booking{Status: booking.Confirmed, Interval: span(0, 2*hour), Before: 60, After: 120,
		Placements: []booking.Placement{{Resource: "adams"}, {Resource: "room-2"}}}
	o := booking.NewCatalog(p.Business).Offer("skin", "adams", "checkup")
	as := o.As(b)
	if as.Duration != 2*time.Hour || as.Before != time.Minute || as.After != 2*time.Minute || o.Duration != time.Hour {
		t.Errorf("as it was booked: %v, %v and %v", as.Duration, as.Before, as.After)
	}
	same(t, "the room that it has comes first", as.Needs, [][]string{{"room-2", "room-1"}})
	list := booking.NewState(as, as.Bounds(p.now), p.f).Day(nil, date(t, "2026-06-10"))
	same(t, "start times", inZone(list, p.Zone), []string{"2026-06-10 09:00 +0200", "2026-06-10 10:00 +0200"})
}

// TestOffers: a customer comes by way of a department or of none; what nobody does cannot be asked for.
func TestOffers(t *testing.T) {
	p := newPractice(t)
	p.Resources = append(p.Resources,
		booking.Resource{ID: "room", Zone: p.Zone}, booking.Resource{ID: "baker", Zone: p.Zone, Services: []string{"call"}})
	p.Services[0].Needs = [][]string{{"room"}}
	c := booking.NewCatalog(p.Business)
	for _, tt := range []struct{ department, resource, service, want string }{
		{"skin", "adams", "checkup", "skin"},
		{"allergy", "adams", "checkup", "allergy"},
		{"", "adams", "checkup", "skin"},
		{"unknown", "adams", "checkup", "skin"},
		{"", "baker", "call", "no department"},
		{"", "baker", "checkup", "no offer"},
		{"", "room", "checkup", "no department"}, // it is needed beside others
		{"", "room", "call", "no offer"},
		{"skin", "unknown", "checkup", "no offer"},
	} {
		got := "no offer"
		if o := c.Offer(tt.department, tt.resource, tt.service); o != nil {
			got = "no department"
			if o.Department != nil {
				got = o.Department.ID
			}
		}
		if got != tt.want {
			t.Errorf("%s at %s by way of %q: %s, want %s", tt.service, tt.resource, tt.department, got, tt.want)
		}
	}
	if b := c.Offer("", "baker", "call").Beside("room"); b != nil {
		t.Errorf("a call needs no room, and has %+v", b)
	}
}

// TestReach: windows of calendars hold every appointment that can be booked, with its buffers.
func TestReach(t *testing.T) {
	p := newPractice(t)
	p.Services[1].Rules.Horizon, p.Services[1].Rules.Before = new(40*24*time.Hour), new(time.Minute)
	p.Resources[0].Rules.After = new(2 * time.Minute)
	if got, want := booking.NewCatalog(p.Business).Reach(), 40*24*time.Hour+33*time.Minute; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestLevelNames: levels and orders have names from a closed set.
func TestLevelNames(t *testing.T) {
	var got []string
	for level := booking.ByDefault - 1; level <= booking.OfService+1; level++ {
		got = append(got, level.String())
	}
	same(t, "levels", got,
		[]string{"unknown level", "default", "business", "department", "resource", "service", "unknown level"})
	same(t, "orders", []string{booking.LeastBusy.String(), booking.RoundRobin.String(), booking.Order(2).String()},
		append(slices.Clone(booking.Orders()), "unknown order"))
}
