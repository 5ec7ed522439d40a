package calendar_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the same zones on every machine that has none of its own

	"slotd/internal/calendar"
)

// The years over which every zone is examined.
var (
	zonesFrom  = time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	zonesUntil = time.Date(2035, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// zones returns one zone for each set of rules in the time zone database: names whose clocks agree in all of the years
// examined count once. The list holds every name of the database.
func zones(t *testing.T) []*time.Location {
	t.Helper()
	names, err := os.ReadFile("testdata/zones.txt")
	if err != nil {
		t.Fatal(err)
	}
	rules := map[string]*time.Location{}
	for name := range strings.Lines(string(names)) {
		loc := zone(t, strings.TrimSpace(name))
		_, offset := time.Unix(zonesFrom, 0).In(loc).Zone()
		rule := fmt.Sprint(offset)
		for _, at := range transitions(loc) {
			_, offset := time.Unix(at, 0).In(loc).Zone()
			rule += fmt.Sprintf(" %d:%d", at, offset)
		}
		if _, known := rules[rule]; !known {
			rules[rule] = loc
		}
	}
	return slices.Collect(maps.Values(rules))
}

// transitions returns the instants in the years examined at which loc changes its offset or its abbreviation.
func transitions(loc *time.Location) []int64 {
	var out []int64
	for at := zonesFrom; ; {
		_, end := time.Unix(at, 0).In(loc).ZoneBounds()
		if end.IsZero() || end.Unix() >= zonesUntil {
			return out
		}
		at = end.Unix()
		out = append(out, at)
	}
}

// clocks is what clocks in a zone show at each minute of some days: the slow and obvious way to read wall time.
type clocks struct {
	first, last map[int64]int64 // by minutes since 1970 on the clock: the instants at which it shows that
	gapEnd      map[int64]int64 // and for what it never shows: the instant at which it has passed over it
}

func watch(loc *time.Location, from, until int64) clocks {
	c := clocks{first: map[int64]int64{}, last: map[int64]int64{}, gapEnd: map[int64]int64{}}
	previous := int64(-1)
	for at := from - from%60; at < until; at += 60 {
		t := time.Unix(at, 0).In(loc)
		y, m, d := t.Date()
		shown := time.Date(y, m, d, t.Hour(), t.Minute(), 0, 0, time.UTC).Unix() / 60
		if _, again := c.first[shown]; !again {
			c.first[shown] = at
		}
		c.last[shown] = at
		for skipped := previous + 1; previous >= 0 && skipped < shown; skipped++ {
			c.gapEnd[skipped] = at
		}
		previous = shown
	}
	return c
}

func (c clocks) wall(d calendar.Date, minute int) (first, last int64, exists bool) {
	shown := time.Date(d.Year, d.Month, d.Day, 0, minute, 0, 0, time.UTC).Unix() / 60
	if first, exists = c.first[shown]; exists {
		return first, c.last[shown], true
	}
	return c.gapEnd[shown], c.gapEnd[shown], false
}

// TestWallInEveryZone compares each minute of the days around each change of clocks with the slow way.
func TestWallInEveryZone(t *testing.T) {
	const day = 24 * 60 * 60
	type shape struct{ before, after, clock int }
	seen := map[shape]bool{}
	for _, loc := range zones(t) {
		for _, at := range transitions(loc) {
			_, before := time.Unix(at-1, 0).In(loc).Zone()
			_, after := time.Unix(at, 0).In(loc).Zone()
			s := shape{before, after, (int(at) + before) % day}
			if before == after || seen[s] {
				continue // clocks do not change, or have been seen to change like this
			}
			seen[s] = true
			c := watch(loc, at-4*day, at+5*day)
			d := calendar.DateOf(at, loc).AddDays(-2)
			for range 4 {
				for minute := range 1441 {
					f, l, e := calendar.Wall(d, minute, loc)
					wantF, wantL, wantE := c.wall(d, minute)
					if f != wantF || l != wantL || e != wantE {
						t.Fatalf("%s: Wall(%s, %d) = %d, %d, %t, want %d, %d, %t",
							loc, d, minute, f, l, e, wantF, wantL, wantE)
					}
				}
				d = d.AddDays(1)
			}
		}
	}
	if len(seen) < 20 {
		t.Errorf("only %d kinds of transition found: is the time zone database complete?", len(seen))
	}
}

// TestDaysTileEveryZone: no instant lies outside of every day, or in two.
func TestDaysTileEveryZone(t *testing.T) {
	for _, loc := range zones(t) {
		d := calendar.DateOf(zonesFrom, loc)
		end := d.Interval(loc).Start
		for end < zonesUntil {
			day := d.Interval(loc)
			if day.Start != end || day.End < day.Start || day.Duration() > 27*time.Hour {
				t.Fatalf("%s: %s lasts from %d to %d, the day before until %d", loc, d, day.Start, day.End, end)
			}
			if !day.Empty() && calendar.DateOf(day.Start, loc) != d {
				t.Fatalf("%s: %s begins when clocks show %s", loc, d, calendar.DateOf(day.Start, loc))
			}
			end, d = day.End, d.AddDays(1)
		}
	}
}

func TestSegmentsInEveryZone(t *testing.T) {
	for _, loc := range zones(t) {
		at, parts := zonesFrom, 0
		calendar.Segments(calendar.Interval{Start: zonesFrom, End: zonesUntil}, loc,
			func(p calendar.Interval, offset int64) bool {
				if p.Start != at || p.Empty() {
					t.Fatalf("%s: a part from %d to %d follows one until %d", loc, p.Start, p.End, at)
				}
				for _, instant := range []int64{p.Start, p.Start + (p.End-p.Start)/2, p.End - 1} {
					if _, o := time.Unix(instant, 0).In(loc).Zone(); int64(o) != offset {
						t.Fatalf("%s: offset %d in a part of %d", loc, o, offset)
					}
				}
				at, parts = p.End, parts+1
				return true
			})
		if at != zonesUntil || parts != len(transitions(loc))+1 {
			t.Fatalf("%s: %d parts until %d", loc, parts, at)
		}
	}
}
