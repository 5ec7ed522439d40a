package booking_test

import (
	"testing"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
)

// month is one resource with eight hours on each of 30 days, 240 events of others and a few claims.
func month(b *testing.B) (*booking.Resource, *booking.Service, booking.Bounds, booking.Facts, calendar.Date) {
	loc, d := zone(b, "Europe/Berlin"), date(b, "2026-10-10") // clocks change within the month
	start := d.Interval(loc).Start
	r := &booking.Resource{ID: "adams", Zone: loc, Blocks: []calendar.ID{"clinic/a"}, BookInto: "clinic/a", Capacity: 1}
	for i := range r.Hours {
		r.Hours[i] = []booking.Span{{From: 8 * 60, To: 12 * 60}, {From: 13 * 60, To: 17 * 60}}
	}
	s := &booking.Service{ID: "checkup", Duration: 30 * time.Minute, Grid: 15 * time.Minute, After: 5 * time.Minute}
	window := calendar.Interval{Start: start - day, End: start + 32*day}
	busy := &calendar.Busy{Window: window}
	var claims []booking.Claim
	for i := range int64(240) {
		at := start + i/8*day + (8+i%8)*hour
		busy.Foreign = append(busy.Foreign, calendar.Interval{Start: at, End: at + 20*minute})
		if i%8 == 0 {
			claims = append(claims, booking.Claim{Interval: calendar.Interval{Start: at + 30*minute, End: at + hour}, Booking: "a"})
		}
	}
	facts := booking.Facts{Busy: []*calendar.Busy{busy}, Claims: claims}
	return r, s, booking.Bounds{Earliest: window.Start, Latest: window.End}, facts, d
}

// BenchmarkDay30 lists a month of one resource.
func BenchmarkDay30(b *testing.B) {
	r, s, bounds, facts, first := month(b)
	st := booking.NewState(r, s, bounds, facts)
	var starts []int64
	b.ReportAllocs()
	for b.Loop() {
		starts = starts[:0]
		for i := range 30 {
			starts = st.Day(starts, first.AddDays(i))
		}
	}
	b.ReportMetric(float64(len(starts)), "slots")
}

// BenchmarkNewState prepares the facts of the same month.
func BenchmarkNewState(b *testing.B) {
	r, s, bounds, facts, _ := month(b)
	b.ReportAllocs()
	for b.Loop() {
		booking.NewState(r, s, bounds, facts)
	}
}
