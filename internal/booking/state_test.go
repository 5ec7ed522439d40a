package booking_test

import (
	"flag"
	"slices"
	"testing"

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

// TestStateAgainstSlow: list, question and check agree with the slow way on every minute of a day, whatever the facts.
func TestStateAgainstSlow(t *testing.T) {
	for days := range slices.Chunk(odd, 4) {
		rapid.Check(t, func(rt *rapid.T) {
			o := rapid.SampledFrom(days).Draw(rt, "day")
			drawSlow(rt, zone(t, o.zone), date(t, o.date)).agree(rt)
		})
	}
}

// TestStateInRandomZones does the same in any zone: on a day on which its clocks change, or on any day.
func TestStateInRandomZones(t *testing.T) {
	names := zoneNames(t)
	rapid.Check(t, func(rt *rapid.T) {
		loc := zone(t, rapid.SampledFrom(names).Draw(rt, "zone"))
		d := date(t, "2015-01-01").AddDays(rapid.IntRange(0, 20*365).Draw(rt, "day"))
		if all := changes(loc, 2015, 2035); len(all) > 0 && rapid.IntRange(0, 3).Draw(rt, "an ordinary day") > 0 {
			d = rapid.SampledFrom(all).Draw(rt, "change").date().AddDays(rapid.IntRange(-1, 1).Draw(rt, "days after"))
		}
		drawSlow(rt, loc, d).agree(rt)
	})
}

// TestStateInEveryZone does the same on the days around each kind of change of clocks in twenty years, with hours that touch it.
func TestStateInEveryZone(t *testing.T) {
	seen := map[transition]bool{}
	for _, name := range zoneNames(t) {
		for _, c := range changes(zone(t, name), 2015, 2035) {
			if seen[c.kind()] {
				continue
			}
			seen[c.kind()] = true
			for _, m := range c.aroundIt() {
				m.agree(t)
			}
		}
	}
	if len(seen) < 20 {
		t.Errorf("only %d kinds of change found: is the time zone database complete?", len(seen))
	}
}

var zoneYears = flag.Int("zones.years", 1, "how many years up to 2026 TestListInEveryZone looks at")

// TestListInEveryZone lists the days around each change of clocks of every name of the time zone database, also of those whose
// clocks change together. It is bounded to the changes of 2026, which are those of 201 names and take some seconds; for twenty
// years, and minutes:
//
//	go test ./internal/booking -run ListInEveryZone -args -zones.years=20
func TestListInEveryZone(t *testing.T) {
	zones := 0
	for _, name := range zoneNames(t) {
		all := changes(zone(t, name), 2027-*zoneYears, 2027)
		for _, c := range all {
			for _, m := range c.aroundIt() {
				m.agreeOnList(t)
			}
		}
		if len(all) > 0 {
			zones++
		}
	}
	if zones < 200 {
		t.Errorf("clocks change in only %d zones: is the time zone database complete?", zones)
	}
}

// aroundIt are the day of the change and its neighbours, with hours that touch it or midnight, end and begin inside of gaps and
// repeated hours, or last on; and with a little busy time.
func (c transition) aroundIt() (out []*slow) {
	d := c.date()
	start := d.Interval(c.loc).Start
	f := booking.Facts{
		Busy: []*calendar.Busy{{
			Window:  calendar.Interval{Start: start - 4*day, End: start + 4*day},
			Foreign: []calendar.Interval{{Start: start + 5*hour, End: start + 6*hour}},
		}},
		Claims: []booking.Claim{{Interval: calendar.Interval{Start: start + hour, End: start + 2*hour}, Before: 600, Booking: "a"}},
	}
	services := []booking.Rules{
		{Duration: new(minutes(30)), Grid: new(minutes(20)), Before: new(minutes(5))},
		{Duration: new(minutes(90)), Grid: new(minutes(45)), After: new(minutes(10))},
		{Duration: new(minutes(7 * 60)), Grid: new(minutes(60))},
	}
	for i, spans := range c.hours() {
		r := booking.Resource{ID: "adams", Zone: c.loc, Blocks: []calendar.ID{"clinic/a"}}
		r.Rules.Hours = &booking.Hours{spans, spans, spans, spans, spans, spans, spans}
		catalog := booking.NewCatalog(business(r, booking.Service{ID: "checkup", Rules: services[i%len(services)]}))
		for n := -1; n <= 1; n++ {
			b := booking.Bounds{Earliest: start - 3*day, Latest: start + 3*day}
			out = append(out, newSlow(catalog, choice{"", "adams", "checkup"}, b, f, d.AddDays(n)))
		}
	}
	return out
}

// hours are weeks of which each day has the same hours.
func (c transition) hours() [][]booking.Span {
	then, now := int(c.at+int64(c.before))/minute%1440, int(c.at+int64(c.after))/minute%1440 // what clocks show at the change
	edges := slices.Compact(slices.Sorted(slices.Values([]int{0, then, now, 1440})))
	var touching []booking.Span
	for i := range len(edges) - 1 {
		touching = append(touching, booking.Span{From: edges[i], To: edges[i+1]})
	}
	return [][]booking.Span{
		touching,
		{{From: 0, To: 140}, {From: 150, To: 200}, {From: 23 * 60, To: 1440}},
		{{From: 0, To: 1440}},
		{{From: 30, To: 90}, {From: 130, To: 165}, {From: 170, To: 23*60 + 30}},
	}
}
