package ics

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// dayRule is a rule as a person would check it, one day after the other.
type dayRule struct {
	freq         string
	interval     int
	months, days []int // of the month; negative ones count from its end
	weekdays     []time.Weekday
	nth          int // of weekdays, in the month or the year; 0: all of them
	wkst         time.Weekday
	start        time.Time
	sunday       bool
}

func (r dayRule) String() string {
	parts := []string{"FREQ=" + r.freq, fmt.Sprintf("INTERVAL=%d", r.interval)}
	list := func(name string, values []int) {
		if len(values) > 0 {
			parts = append(parts, name+"="+strings.Trim(strings.ReplaceAll(fmt.Sprint(values), " ", ","), "[]"))
		}
	}
	list("BYMONTH", r.months)
	list("BYMONTHDAY", r.days)
	var names []string
	for _, d := range r.weekdays {
		name := strings.ToUpper(d.String()[:2])
		if r.nth != 0 {
			name = fmt.Sprint(r.nth) + name
		}
		names = append(names, name)
	}
	if len(names) > 0 {
		parts = append(parts, "BYDAY="+strings.Join(names, ","))
	}
	if r.sunday {
		parts = append(parts, "WKST=SU")
	}
	return strings.Join(parts, ";")
}

// on reports whether the series occurs on the day d (RFC 5545 §3.3.10).
func (r dayRule) on(d time.Time) bool {
	if d.Before(r.start) || !r.inPeriod(d) {
		return false
	}
	if len(r.months) > 0 && !slices.Contains(r.months, int(d.Month())) {
		return false
	}
	last := time.Date(d.Year(), d.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
	if len(r.days) > 0 && !slices.Contains(r.days, d.Day()) && !slices.Contains(r.days, d.Day()-last-1) {
		return false
	}
	if len(r.weekdays) > 0 {
		return slices.Contains(r.weekdays, d.Weekday()) && r.isNth(d, last)
	}
	if len(r.days) > 0 {
		return true
	}
	switch r.freq {
	case "WEEKLY":
		return d.Weekday() == r.start.Weekday()
	case "MONTHLY":
		return d.Day() == r.start.Day()
	case "YEARLY":
		return d.Day() == r.start.Day() && (len(r.months) > 0 || d.Month() == r.start.Month())
	}
	return true
}

func (r dayRule) inPeriod(d time.Time) bool {
	var gone int
	switch r.freq {
	case "DAILY":
		gone = int(d.Sub(r.start).Hours()) / 24
	case "WEEKLY":
		monday := func(t time.Time) time.Time { return t.AddDate(0, 0, -(int(t.Weekday()-r.wkst+7) % 7)) }
		gone = int(monday(d).Sub(monday(r.start)).Hours()) / 24 / 7
	case "MONTHLY":
		gone = (d.Year()-r.start.Year())*12 + int(d.Month()-r.start.Month())
	case "YEARLY":
		gone = d.Year() - r.start.Year()
	}
	return gone%r.interval == 0
}

func (r dayRule) isNth(d time.Time, last int) bool {
	if r.nth == 0 || r.freq == "DAILY" || r.freq == "WEEKLY" {
		return true
	}
	day := d.Day()
	if r.freq == "YEARLY" && len(r.months) == 0 {
		day, last = d.YearDay(), time.Date(d.Year(), 12, 31, 0, 0, 0, 0, time.UTC).YearDay()
	}
	if r.nth > 0 {
		return (day-1)/7+1 == r.nth
	}
	return (last-day)/7+1 == -r.nth
}

func drawRule(t *rapid.T) dayRule {
	r := dayRule{
		freq:     rapid.SampledFrom([]string{"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}).Draw(t, "freq"),
		interval: rapid.IntRange(1, 5).Draw(t, "interval"),
		start:    time.Date(rapid.IntRange(1990, 2026).Draw(t, "year"), 1, rapid.IntRange(1, 365).Draw(t, "day"), 0, 0, 0, 0, time.UTC),
		sunday:   rapid.Bool().Draw(t, "sunday"), wkst: time.Monday,
	}
	if r.sunday {
		r.wkst = time.Sunday
	}
	if rapid.Bool().Draw(t, "by month") {
		r.months = rapid.SliceOfNDistinct(rapid.IntRange(1, 12), 1, 3, rapid.ID).Draw(t, "months")
	}
	if r.freq != "WEEKLY" && rapid.Bool().Draw(t, "by day of the month") {
		r.days = rapid.SliceOfNDistinct(rapid.IntRange(1, 31), 1, 4, rapid.ID).Draw(t, "days")
		if rapid.Bool().Draw(t, "from the end") {
			r.days[0] = -r.days[0]
		}
	}
	if rapid.Bool().Draw(t, "by weekday") {
		r.weekdays = rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) time.Weekday {
			return time.Weekday(rapid.IntRange(0, 6).Draw(t, "weekday"))
		}), 1, 4, rapid.ID).Draw(t, "weekdays")
		if r.freq == "MONTHLY" || r.freq == "YEARLY" {
			r.nth = rapid.IntRange(-5, 5).Draw(t, "nth")
		}
	}
	return r
}

// TestRulesAgainstCalendarPages compares what the library makes of rules with a look at every day of two years.
func TestRulesAgainstCalendarPages(t *testing.T) {
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	to := from.AddDate(2, 0, 0)
	rapid.Check(t, func(t *rapid.T) {
		r := drawRule(t)
		parsed, err := parseRule(r.String())
		if err != nil {
			t.Fatal(err)
		}
		got, err := parsed.walls(t.Context(), r.start.Unix(), from.Unix(), to.Unix()-1, 10_000)
		if err != nil {
			t.Fatal(err)
		}
		var want []int64
		for d := from; d.Before(to); d = d.AddDate(0, 0, 1) {
			if r.on(d) {
				want = append(want, d.Unix())
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s from %s (-want +got):\n%s", r, r.start.Format(time.DateOnly), d)
		}
	})
}
