package booking_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"slotd/internal/booking"
	"slotd/internal/calendar"
)

// odd are days on which clocks do something, in one zone each.
var odd = []struct{ zone, date string }{
	{"UTC", "2026-06-10"},
	{"Europe/Berlin", "2026-06-10"},
	{"Europe/Berlin", "2026-03-29"},
	{"Europe/Berlin", "2026-10-25"},
	{"America/New_York", "2026-11-01"},
	{"America/St_Johns", "2010-11-06"},
	{"America/St_Johns", "2010-11-07"},
	{"America/St_Johns", "2010-03-14"},
	{"Africa/Cairo", "2026-04-24"},
	{"Africa/Cairo", "2026-10-29"},
	{"America/Santiago", "2026-09-06"},
	{"America/Santiago", "2026-04-04"},
	{"Asia/Beirut", "2026-03-29"},
	{"Pacific/Apia", "2011-12-30"},
	{"Pacific/Apia", "2011-12-29"},
	{"Australia/Lord_Howe", "2026-10-04"},
	{"Australia/Lord_Howe", "2026-04-05"},
	{"Antarctica/Troll", "2026-03-29"},
	{"Antarctica/Troll", "2026-10-25"},
	{"Asia/Kathmandu", "2026-10-25"},
}

func minutes(n int) time.Duration { return time.Duration(n) * time.Minute }

// drawSpans draws the sorted, disjoint hours of one day.
func drawSpans(t *rapid.T) []booking.Span {
	edges := rapid.SliceOfNDistinct(rapid.IntRange(0, 288), 0, 6, rapid.ID[int]).Draw(t, "edges")
	slices.Sort(edges)
	var out []booking.Span
	for i := 0; i+1 < len(edges); i += 2 {
		out = append(out, booking.Span{From: edges[i] * 5, To: edges[i+1] * 5})
	}
	return out
}

// drawInterval draws a stretch of whole minutes on or near the day that begins about noon.
func drawInterval(t *rapid.T, noon int64) calendar.Interval {
	start := noon + minute*rapid.Int64Range(-20*60, 20*60).Draw(t, "start")
	return calendar.Interval{Start: start, End: start + minute*rapid.Int64Range(1, 150).Draw(t, "length")}
}

// drawClaims draws claims of bookings, some of them left, and of holds, some of them over at noon or just then.
func drawClaims(t *rapid.T, noon int64, ids []string) []booking.Claim {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) booking.Claim {
		c := booking.Claim{
			Interval: drawInterval(t, noon),
			Before:   minute * rapid.Int64Range(0, 30).Draw(t, "before"),
			After:    minute * rapid.Int64Range(0, 30).Draw(t, "after"),
		}
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			c.Hold = rapid.SampledFrom([]string{"visit 1", "visit 2"}).Draw(t, "visit")
			c.Until = noon + rapid.Int64Range(-1, 1).Draw(t, "until")
		case 1:
			c.Booking, c.Left = rapid.SampledFrom(ids).Draw(t, "left by"), true
			c.Before, c.After = 0, 0
		default:
			c.Booking = rapid.SampledFrom(ids).Draw(t, "booking")
		}
		return c
	}), 0, 5).Draw(t, "claims")
}

// drawGhosts draws our events that a snapshot shows at times which their bookings have left.
func drawGhosts(t *rapid.T, f *booking.Facts) {
	for _, c := range slices.Concat(f.Claims, f.Others) {
		if !c.Left || !rapid.Bool().Draw(t, "still mirrored") {
			continue
		}
		for _, b := range f.Busy {
			if b == nil {
				continue
			}
			at := calendar.Interval{Start: max(c.Start, b.Window.Start), End: min(c.End, b.Window.End)}
			if !at.Empty() {
				b.Own = append(b.Own, calendar.Own{Interval: at, Booking: c.Booking})
			}
		}
	}
}

func drawBusy(t *rapid.T, noon int64) *calendar.Busy {
	b := &calendar.Busy{Window: calendar.Interval{Start: noon - 10*day, End: noon + 10*day}}
	switch rapid.IntRange(0, 19).Draw(t, "what is known") {
	case 0:
		return nil
	case 1:
		b.Window.Start = drawInterval(t, noon).Start
	case 2:
		b.Window.End = drawInterval(t, noon).End
	}
	for range rapid.IntRange(0, 6).Draw(t, "events") {
		i := drawInterval(t, noon) // a provider's events need not begin on a minute
		b.Foreign = append(b.Foreign, i.Pad(rapid.Int64Range(0, 59).Draw(t, "earlier"), rapid.Int64Range(0, 59).Draw(t, "later")))
	}
	b.Foreign = calendar.Union(b.Foreign)
	for range rapid.IntRange(0, 3).Draw(t, "own events") {
		id := rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(t, "own booking")
		b.Own = append(b.Own, calendar.Own{Interval: drawInterval(t, noon), Booking: id})
	}
	return b
}

func drawSlow(t *rapid.T, loc *time.Location, d calendar.Date) *slow {
	noon := d.Interval(loc).Start + 12*hour
	r := &booking.Resource{
		ID: "adams", Zone: loc, Blocks: []calendar.ID{"clinic/a"}, BookInto: "clinic/a",
		Capacity: rapid.IntRange(1, 3).Draw(t, "capacity"),
	}
	r.Hours[d.Weekday()] = drawSpans(t)
	r.Hours[d.AddDays(1).Weekday()] = []booking.Span{{From: 0, To: 1440}}
	s := &booking.Service{
		ID:       "checkup",
		Duration: minutes(rapid.IntRange(1, 180).Draw(t, "duration")),
		Grid:     minutes(rapid.SampledFrom([]int{1, 5, 7, 10, 15, 20, 30, 45, 60, 90}).Draw(t, "grid")),
		Before:   minutes(rapid.IntRange(0, 20).Draw(t, "buffer before")),
		After:    minutes(rapid.IntRange(0, 20).Draw(t, "buffer after")),
	}
	b := booking.Bounds{Earliest: noon - 10*day, Latest: noon + 10*day}
	if rapid.Bool().Draw(t, "bounded") {
		b = booking.Bounds{Earliest: drawInterval(t, noon).Start - 6*hour, Latest: drawInterval(t, noon).End + 6*hour}
	}
	f := booking.Facts{
		Busy:   []*calendar.Busy{drawBusy(t, noon)},
		Claims: drawClaims(t, noon, []string{"a", "b", "c"}),
		Others: drawClaims(t, noon, []string{"c", "d", "f"}),
		Now:    noon,
		Asker: booking.Asker{
			Visit:   rapid.SampledFrom([]string{"", "visit 1"}).Draw(t, "asking visit"),
			Booking: rapid.SampledFrom([]string{"", "a", "c"}).Draw(t, "moving booking"),
		},
	}
	if rapid.Bool().Draw(t, "two calendars") {
		r.Blocks = append(r.Blocks, "clinic/b")
		f.Busy = append(f.Busy, drawBusy(t, noon))
	}
	drawGhosts(t, &f)
	return newSlow(r, s, b, f, d)
}

// TestStateAgainstSlow: list, question and check agree with the slow way on every minute of a day, whatever the facts.
func TestStateAgainstSlow(t *testing.T) {
	for days := range slices.Chunk(odd, 4) {
		rapid.Check(t, func(rt *rapid.T) {
			o := rapid.SampledFrom(days).Draw(rt, "day")
			drawSlow(rt, zone(t, o.zone), date(t, o.date)).agree(rt)
		})
	}
}

// TestStateInEveryZone does the same on the days around each change of clocks, with hours that end and begin inside of gaps and
// repeated hours, and a little busy time.
func TestStateInEveryZone(t *testing.T) {
	weeks := [][]booking.Span{
		{{From: 0, To: 1440}},
		{{From: 30, To: 90}, {From: 130, To: 165}, {From: 170, To: 23*60 + 30}},
		{{From: 0, To: 140}, {From: 150, To: 200}, {From: 23 * 60, To: 1440}},
	}
	services := []*booking.Service{
		{Duration: minutes(30), Grid: minutes(20), Before: minutes(5)},
		{Duration: minutes(90), Grid: minutes(45), After: minutes(10)},
	}
	kinds := 0
	changes(t, func(loc *time.Location, d calendar.Date) {
		kinds++
		start := d.Interval(loc).Start
		f := booking.Facts{
			Busy: []*calendar.Busy{{
				Window:  calendar.Interval{Start: start - 3*day, End: start + 3*day},
				Foreign: []calendar.Interval{{Start: start + 5*hour, End: start + 6*hour}},
			}},
			Claims: []booking.Claim{{Interval: calendar.Interval{Start: start + hour, End: start + 2*hour}, Before: 600, Booking: "a"}},
		}
		for i, spans := range weeks {
			r := &booking.Resource{Zone: loc, Blocks: []calendar.ID{"clinic/a"}, Capacity: 1}
			for w := range r.Hours {
				r.Hours[w] = spans
			}
			for n := -1; n <= 1; n++ {
				b := booking.Bounds{Earliest: start - 3*day, Latest: start + 3*day}
				newSlow(r, services[i%2], b, f, d.AddDays(n)).agree(t)
			}
		}
	})
	if kinds < 20 {
		t.Errorf("only %d kinds of change found: is the time zone database complete?", kinds)
	}
}
