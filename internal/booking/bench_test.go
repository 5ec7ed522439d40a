package booking_test

import (
	"fmt"
	"testing"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
)

// ward is a department whose doctors all have eight hours a day, half an hour for a check-up on a grid of a quarter,
// and events of others.
type ward struct {
	catalog *booking.Catalog
	offers  []*booking.Offer
	facts   []booking.Facts
	first   calendar.Date
	days    int
	now     time.Time
}

func newWard(b *testing.B, doctors, days, events int, change func(*booking.Business)) *ward {
	loc := zone(b, "Europe/Berlin")
	c := &ward{first: date(b, "2026-10-10"), days: days} // clocks change within the month
	c.now = c.first.Interval(loc).StartTime()
	var hours booking.Hours
	for i := range hours {
		hours[i] = []booking.Span{{From: 8 * 60, To: 12 * 60}, {From: 13 * 60, To: 17 * 60}}
	}
	business := booking.Business{
		Zone: loc, Rules: booking.Rules{Hours: &hours, Notice: new(time.Duration(0)), Horizon: new(time.Duration(days+1) * 24 * time.Hour)},
		Departments: []booking.Department{{ID: "skin"}},
		Services: []booking.Service{
			{ID: "checkup", Rules: booking.Rules{Duration: new(minutes(30)), Grid: new(minutes(15)), After: new(minutes(5))}},
			{ID: "call", Rules: booking.Rules{Duration: new(minutes(15))}},
		},
	}
	for i := range doctors {
		business.Resources = append(business.Resources, booking.Resource{
			ID: fmt.Sprint("doctor ", i), Zone: loc, Departments: []string{"skin"}, Services: []string{"checkup", "call"},
			Blocks: []calendar.ID{"clinic/a"}, BookInto: "clinic/a",
		})
		c.facts = append(c.facts, c.busyWith(events))
	}
	change(&business)
	c.catalog = booking.NewCatalog(business)
	for _, r := range business.Resources {
		c.offers = append(c.offers, c.catalog.Offer("skin", r.ID, "checkup"))
	}
	return c
}

// busyWith is a calendar with so many events, of which each day has as many: they fill the first third of working hours, so
// that there are slots however many there are. A booking follows the first of a day.
func (c *ward) busyWith(events int) booking.Facts {
	const workingHours = 8
	start := c.now.Unix()
	busy := &calendar.Busy{Window: calendar.Interval{Start: start - day, End: start + int64(c.days+2)*day}}
	f := booking.Facts{Busy: []*calendar.Busy{busy}, Now: start}
	perDay := int64(events / c.days)
	perHour := max(perDay/workingHours, 1)
	apart := max(workingHours/perDay, 1) * hour
	for i := range int64(events) {
		j := i % perDay
		at := start + i/perDay*day + 8*hour + j/perHour*apart + j%perHour*20*minute/perHour
		busy.Foreign = append(busy.Foreign, calendar.Interval{Start: at, End: at + 20*minute/perHour})
		if j == 0 {
			booked := calendar.Interval{Start: at + 30*minute, End: at + hour}
			f.Claims = append(f.Claims, booking.Claim{Interval: booked, Booking: fmt.Sprint(i), Service: "call"})
		}
	}
	return f
}

func (c *ward) state(i int) *booking.State {
	return booking.NewState(c.offers[i], c.offers[i].Bounds(c.now), c.facts[i])
}

// list lists every day of a doctor.
func (c *ward) list(dst []int64, st *booking.State) []int64 {
	for i := range c.days {
		dst = st.Day(dst, c.first.AddDays(i))
	}
	return dst
}

// open counts the days on which some doctor has a slot, and asks all of them, as if each were the last to be asked.
func (c *ward) open(states []*booking.State) (n int) {
	for i := range c.days {
		some := false
		for _, st := range states {
			some = st.HasSlot(c.first.AddDays(i)) || some
		}
		if some {
			n++
		}
	}
	return n
}

func plain(*booking.Business) {}

// capped gives everybody caps, and a capacity that differs by service, which no month of the benchmark reaches.
func capped(b *booking.Business) {
	b.Rules.PerDay, b.Rules.PerWeek, b.Rules.Capacity = new(20), new(80), new(2)
	b.Services[0].Rules.PerDay, b.Services[0].Rules.Capacity = new(20), new(3)
}

const aMonth, usual = 30, 240 // days, and events in them

// BenchmarkDay30 lists a month of one doctor whose facts are prepared.
func BenchmarkDay30(b *testing.B) {
	c := newWard(b, 1, aMonth, usual, plain)
	st := c.state(0)
	var starts []int64
	b.ReportAllocs()
	for b.Loop() {
		starts = c.list(starts[:0], st)
	}
	b.ReportMetric(float64(len(starts)), "slots")
}

// BenchmarkNewState prepares the facts of the same month.
func BenchmarkNewState(b *testing.B) {
	c := newWard(b, 1, aMonth, usual, plain)
	b.ReportAllocs()
	for b.Loop() {
		c.state(0)
	}
}

// BenchmarkMonth does both, which is what a customer waits for; and again with caps and capacities.
func BenchmarkMonth(b *testing.B) {
	for _, rules := range []struct {
		name   string
		change func(*booking.Business)
	}{{"plain", plain}, {"capped", capped}} {
		b.Run("rules="+rules.name, func(b *testing.B) { benchmarkMonth(b, aMonth, usual, rules.change) })
	}
}

// BenchmarkMonthByEvents and the next two show growth, of which none is more than linear.
func BenchmarkMonthByEvents(b *testing.B) {
	for _, events := range []int{60, 240, 960, 3840} {
		b.Run(fmt.Sprint("events=", events), func(b *testing.B) { benchmarkMonth(b, aMonth, events, plain) })
	}
}

// BenchmarkMonthByDays keeps eight events a day.
func BenchmarkMonthByDays(b *testing.B) {
	for _, days := range []int{7, 30, 90, 365} {
		b.Run(fmt.Sprint("days=", days), func(b *testing.B) { benchmarkMonth(b, days, 8*days, plain) })
	}
}

func benchmarkMonth(b *testing.B, days, events int, change func(*booking.Business)) {
	c := newWard(b, 1, days, events, change)
	var starts []int64
	b.ReportAllocs()
	for b.Loop() {
		starts = c.list(starts[:0], c.state(0))
	}
	b.ReportMetric(float64(len(starts)), "slots")
}

// BenchmarkDepartment asks on which days of a month any doctor of a department has a slot: facts prepared, and every doctor
// asked about every day.
func BenchmarkDepartment(b *testing.B) {
	for _, doctors := range []int{1, 10, 50, 200} {
		b.Run(fmt.Sprint("doctors=", doctors), func(b *testing.B) { benchmarkDepartment(b, doctors, plain) })
	}
	b.Run("doctors=50/rules=capped", func(b *testing.B) { benchmarkDepartment(b, 50, capped) })
}

func benchmarkDepartment(b *testing.B, doctors int, change func(*booking.Business)) {
	c := newWard(b, doctors, aMonth, usual, change)
	states := make([]*booking.State, doctors)
	open := 0
	b.ReportAllocs()
	for b.Loop() {
		for i := range states {
			states[i] = c.state(i)
		}
		open = c.open(states)
	}
	b.ReportMetric(float64(open), "days")
}

// BenchmarkNear prepares what one confirm asks about: a single start.
func BenchmarkNear(b *testing.B) {
	c := newWard(b, 1, aMonth, usual, capped)
	o := c.offers[0]
	start := c.list(nil, c.state(0))[100]
	b.ReportAllocs()
	for b.Loop() {
		if why := booking.NewState(o, o.Bounds(c.now), o.Near(c.facts[0], start)).Check(start); why != booking.Free {
			b.Fatal(why)
		}
	}
}

// BenchmarkNewCatalog resolves the rules of a department, as a reload of the config does.
func BenchmarkNewCatalog(b *testing.B) {
	business := *newWard(b, 50, aMonth, usual, plain).catalog.Business()
	b.ReportAllocs()
	for b.Loop() {
		booking.NewCatalog(business)
	}
}
