package calendar_test

import (
	"strings"
	"testing"
	"time"

	"slotd/internal/calendar"
)

func date(t testing.TB, s string) calendar.Date {
	t.Helper()
	d, err := calendar.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func unix(t testing.TB, rfc3339 string) int64 {
	t.Helper()
	at, err := time.Parse(time.RFC3339, rfc3339)
	if err != nil {
		t.Fatal(err)
	}
	return at.Unix()
}

func TestWall(t *testing.T) {
	const once, gap, twice = "once", "gap", "twice"
	tests := []struct {
		zone, date  string
		minute      int
		kind        string
		first, last string // RFC 3339; last "": the same
	}{
		{"Europe/Berlin", "2026-06-10", 9 * 60, once, "2026-06-10T07:00:00Z", ""},
		{"Europe/Berlin", "2026-06-10", 1440, once, "2026-06-10T22:00:00Z", ""},
		{"Europe/Berlin", "2026-03-29", 119, once, "2026-03-29T00:59:00Z", ""},
		{"Europe/Berlin", "2026-03-29", 120, gap, "2026-03-29T01:00:00Z", ""},
		{"Europe/Berlin", "2026-03-29", 179, gap, "2026-03-29T01:00:00Z", ""},
		{"Europe/Berlin", "2026-03-29", 180, once, "2026-03-29T01:00:00Z", ""},
		{"Europe/Berlin", "2026-10-25", 119, once, "2026-10-24T23:59:00Z", ""},
		{"Europe/Berlin", "2026-10-25", 120, twice, "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z"},
		{"Europe/Berlin", "2026-10-25", 179, twice, "2026-10-25T00:59:00Z", "2026-10-25T01:59:00Z"},
		{"Europe/Berlin", "2026-10-25", 180, once, "2026-10-25T02:00:00Z", ""},
		{"America/New_York", "2026-03-08", 150, gap, "2026-03-08T07:00:00Z", ""},
		{"America/New_York", "2026-11-01", 90, twice, "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"},
		// Until 2011 clocks in Newfoundland changed at 00:01: midnight itself was repeated.
		{"America/St_Johns", "2010-11-07", 0, twice, "2010-11-07T02:30:00Z", "2010-11-07T03:30:00Z"},
		{"America/St_Johns", "2010-11-07", 1, once, "2010-11-07T03:31:00Z", ""},
		{"America/St_Johns", "2010-11-06", 1440, twice, "2010-11-07T02:30:00Z", "2010-11-07T03:30:00Z"},
		{"America/St_Johns", "2010-11-06", 23*60 + 1, twice, "2010-11-07T01:31:00Z", "2010-11-07T02:31:00Z"},
		{"America/St_Johns", "2010-03-14", 30, gap, "2010-03-14T03:31:00Z", ""},
		// Where midnight does not exist the day begins at one o'clock.
		{"Africa/Cairo", "2026-04-24", 0, gap, "2026-04-23T22:00:00Z", ""},
		{"Africa/Cairo", "2026-04-23", 1440, gap, "2026-04-23T22:00:00Z", ""},
		{"Africa/Cairo", "2026-10-29", 23 * 60, twice, "2026-10-29T20:00:00Z", "2026-10-29T21:00:00Z"},
		{"Africa/Cairo", "2026-10-30", 0, once, "2026-10-29T22:00:00Z", ""},
		{"America/Santiago", "2026-09-06", 0, gap, "2026-09-06T04:00:00Z", ""},
		{"America/Santiago", "2026-04-04", 23*60 + 30, twice, "2026-04-05T02:30:00Z", "2026-04-05T03:30:00Z"},
		{"Asia/Beirut", "2026-03-29", 59, gap, "2026-03-28T22:00:00Z", ""},
		{"Asia/Beirut", "2026-10-24", 23 * 60, twice, "2026-10-24T20:00:00Z", "2026-10-24T21:00:00Z"},
		// Samoa went from one side of the date line to the other.
		{"Pacific/Apia", "2011-12-29", 1440, gap, "2011-12-30T10:00:00Z", ""},
		{"Pacific/Apia", "2011-12-30", 12 * 60, gap, "2011-12-30T10:00:00Z", ""},
		{"Pacific/Apia", "2011-12-31", 0, once, "2011-12-30T10:00:00Z", ""},
		// By half an hour, and by two.
		{"Australia/Lord_Howe", "2026-10-04", 120, gap, "2026-10-03T15:30:00Z", ""},
		{"Australia/Lord_Howe", "2026-10-04", 150, once, "2026-10-03T15:30:00Z", ""},
		{"Australia/Lord_Howe", "2026-04-05", 90, twice, "2026-04-04T14:30:00Z", "2026-04-04T15:00:00Z"},
		{"Australia/Lord_Howe", "2026-04-05", 120, once, "2026-04-04T15:30:00Z", ""},
		{"Antarctica/Troll", "2026-03-29", 60, gap, "2026-03-29T01:00:00Z", ""},
		{"Antarctica/Troll", "2026-03-29", 179, gap, "2026-03-29T01:00:00Z", ""},
		{"Antarctica/Troll", "2026-10-25", 60, twice, "2026-10-24T23:00:00Z", "2026-10-25T01:00:00Z"},
		{"Asia/Kathmandu", "2026-10-25", 9 * 60, once, "2026-10-25T03:15:00Z", ""},
		{"UTC", "2026-10-25", 0, once, "2026-10-25T00:00:00Z", ""},
	}
	for _, tt := range tests {
		first, last, exists := calendar.Wall(date(t, tt.date), tt.minute, zone(t, tt.zone))
		if tt.last == "" {
			tt.last = tt.first
		}
		if first != unix(t, tt.first) || last != unix(t, tt.last) || exists != (tt.kind != gap) {
			t.Errorf("%s %s minute %d (%s): %s, %s, exists %t, want %s, %s", tt.zone, tt.date, tt.minute, tt.kind,
				time.Unix(first, 0).UTC(), time.Unix(last, 0).UTC(), exists, tt.first, tt.last)
		}
	}
}

func TestDateInterval(t *testing.T) {
	tests := []struct {
		zone, date string
		start      string // RFC 3339
		length     time.Duration
	}{
		{"Europe/Berlin", "2026-06-10", "2026-06-09T22:00:00Z", 24 * time.Hour},
		{"Europe/Berlin", "2026-03-29", "2026-03-28T23:00:00Z", 23 * time.Hour},
		{"Europe/Berlin", "2026-10-25", "2026-10-24T22:00:00Z", 25 * time.Hour},
		{"Africa/Cairo", "2026-04-23", "2026-04-22T22:00:00Z", 24 * time.Hour},
		{"Africa/Cairo", "2026-04-24", "2026-04-23T22:00:00Z", 23 * time.Hour},
		{"Africa/Cairo", "2026-10-29", "2026-10-28T21:00:00Z", 25 * time.Hour},
		{"America/St_Johns", "2010-11-06", "2010-11-06T02:30:00Z", 24 * time.Hour},
		{"America/St_Johns", "2010-11-07", "2010-11-07T02:30:00Z", 25 * time.Hour},
		{"Pacific/Apia", "2011-12-29", "2011-12-29T10:00:00Z", 24 * time.Hour},
		{"Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z", 0},
		{"Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z", 24 * time.Hour},
		{"Australia/Lord_Howe", "2026-10-04", "2026-10-03T13:30:00Z", 23*time.Hour + 30*time.Minute},
		{"Antarctica/Troll", "2026-10-25", "2026-10-24T22:00:00Z", 26 * time.Hour},
	}
	for _, tt := range tests {
		got := date(t, tt.date).Interval(zone(t, tt.zone))
		if got.Start != unix(t, tt.start) || got.Duration() != tt.length {
			t.Errorf("%s %s: from %s for %s, want from %s for %s",
				tt.zone, tt.date, got.StartTime(), got.Duration(), tt.start, tt.length)
		}
	}
}

func TestDate(t *testing.T) {
	d := date(t, "2028-02-28")
	if got := d.AddDays(2).String(); got != "2028-03-01" {
		t.Errorf("two days later: %s", got)
	}
	if d.Weekday() != time.Monday || !d.Before(d.AddDays(1)) || d.Before(d) {
		t.Error("weekday or order is wrong")
	}
	for _, bad := range []string{"", "2026-02-30", "2026-2-3", "26-02-03", "2026-02-03T00:00:00Z", strings.Repeat("9", 99)} {
		if _, err := calendar.ParseDate(bad); err == nil || len(err.Error()) > 99 {
			t.Errorf("ParseDate(%.20q): %v", bad, err)
		}
	}
	at := unix(t, "2026-06-10T22:30:00Z")
	if got := calendar.DateOf(at, zone(t, "Europe/Berlin")).String(); got != "2026-06-11" {
		t.Errorf("after midnight in Berlin: %s", got)
	}
}

func TestSegmentsStops(t *testing.T) {
	year := calendar.Interval{Start: unix(t, "2026-01-01T00:00:00Z"), End: unix(t, "2027-01-01T00:00:00Z")}
	calls := 0
	calendar.Segments(year, zone(t, "Europe/Berlin"), func(calendar.Interval, int64) bool { calls++; return calls < 2 })
	if calls != 2 {
		t.Errorf("%d parts after the second was refused", calls)
	}
	calendar.Segments(calendar.Interval{Start: 5, End: 5}, time.UTC, func(calendar.Interval, int64) bool {
		t.Error("an empty interval has a part")
		return false
	})
}
