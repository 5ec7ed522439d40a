package recur_test

import (
	"slices"
	"testing"
	"time"

	"slotd/internal/emulator/recur"
)

const form = "2006-01-02 15:04 -0700"

// starts returns at most max starts, in the zone of the series.
func starts(s recur.Series, most int) []string {
	var out []string
	for t := range s.Starts() {
		if len(out) == most {
			break
		}
		out = append(out, t.Format(form))
	}
	return out
}

func TestStarts(t *testing.T) {
	tests := []struct {
		name, zone, first string
		lines             []string
		want              []string
	}{
		{"daily over the change to summer time", "Europe/Berlin", "2026-03-28 09:00", []string{"RRULE:FREQ=DAILY;COUNT=3"},
			[]string{"2026-03-28 09:00 +0100", "2026-03-29 09:00 +0200", "2026-03-30 09:00 +0200"}},
		{"daily over the change to winter time", "America/New_York", "2026-10-31 09:00",
			[]string{"RRULE:FREQ=DAILY;UNTIL=20261102T140000Z"},
			[]string{"2026-10-31 09:00 -0400", "2026-11-01 09:00 -0500", "2026-11-02 09:00 -0500"}},
		{"until is inclusive to the second", "UTC", "2026-01-01 09:00", []string{"RRULE:FREQ=DAILY;UNTIL=20260102T085959Z"},
			[]string{"2026-01-01 09:00 +0000"}},
		{"until a date", "Asia/Tokyo", "2026-01-01 09:00", []string{"RRULE:FREQ=DAILY;INTERVAL=2;UNTIL=20260103"},
			[]string{"2026-01-01 09:00 +0900", "2026-01-03 09:00 +0900"}},
		{"half-hour transition", "Australia/Lord_Howe", "2026-04-04 10:00", []string{"RRULE:FREQ=DAILY;COUNT=2"},
			[]string{"2026-04-04 10:00 +1100", "2026-04-05 10:00 +1030"}},
		{"a time that is skipped", "Europe/Berlin", "2026-03-28 02:30", []string{"RRULE:FREQ=DAILY;COUNT=3"},
			[]string{"2026-03-28 02:30 +0100", "2026-03-29 03:30 +0200", "2026-03-30 02:30 +0200"}},
		{"a time that comes twice", "Europe/Berlin", "2026-10-24 02:30", []string{"RRULE:FREQ=DAILY;COUNT=3"},
			[]string{"2026-10-24 02:30 +0200", "2026-10-25 02:30 +0200", "2026-10-26 02:30 +0100"}},
		{"every second week on two days", "UTC", "2026-03-05 08:00",
			[]string{"RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH;COUNT=4"},
			[]string{"2026-03-05 08:00 +0000", "2026-03-16 08:00 +0000", "2026-03-19 08:00 +0000", "2026-03-30 08:00 +0000"}},
		{"working days", "UTC", "2026-03-05 08:00", []string{"RRULE:FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR;COUNT=3"},
			[]string{"2026-03-05 08:00 +0000", "2026-03-06 08:00 +0000", "2026-03-09 08:00 +0000"}},
		{"months without the day are left out", "UTC", "2026-01-31 08:00", []string{"RRULE:FREQ=MONTHLY;COUNT=3"},
			[]string{"2026-01-31 08:00 +0000", "2026-03-31 08:00 +0000", "2026-05-31 08:00 +0000"}},
		{"last friday", "UTC", "2026-01-30 08:00", []string{"RRULE:FREQ=MONTHLY;BYDAY=-1FR;COUNT=2"},
			[]string{"2026-01-30 08:00 +0000", "2026-02-27 08:00 +0000"}},
		{"excluded occurrences count", "Europe/Berlin", "2026-03-28 09:00",
			[]string{"RRULE:FREQ=DAILY;COUNT=4", "EXDATE;TZID=Europe/Berlin:20260329T090000", "EXDATE:20260330T070000Z"},
			[]string{"2026-03-28 09:00 +0100", "2026-03-31 09:00 +0200"}},
		{"leap day", "UTC", "2024-02-29 08:00", []string{"RRULE:FREQ=YEARLY;COUNT=2"},
			[]string{"2024-02-29 08:00 +0000", "2028-02-29 08:00 +0000"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			loc, err := time.LoadLocation(tt.zone)
			if err != nil {
				t.Fatal(err)
			}
			first, err := time.ParseInLocation("2006-01-02 15:04", tt.first, loc)
			if err != nil {
				t.Fatal(err)
			}
			s, err := recur.Parse(tt.lines, first)
			if err != nil {
				t.Fatal(err)
			}
			if got := starts(s, 10); !slices.Equal(got, tt.want) {
				t.Errorf("starts %q, want %q", got, tt.want)
			}
		})
	}
}

func TestUnsupportedRulesAreRefused(t *testing.T) {
	for _, line := range []string{
		"RRULE", "RRULE:", "RRULE:FREQ=HOURLY", "RRULE:FREQ=DAILY;BYSETPOS=1",
		"RRULE:FREQ=DAILY;INTERVAL=0", "RDATE:20260101",
		"RRULE:FREQ=WEEKLY;BYDAY=XX", "RRULE:FREQ=DAILY;UNTIL=soon", "EXDATE:20260101",
		"RRULE:FREQ=YEARLY;BYDAY=MO", "RRULE:FREQ=WEEKLY;BYMONTHDAY=3", "RRULE:FREQ=DAILY;BYDAY=1MO",
	} {
		if _, err := recur.Parse([]string{line}, time.Unix(0, 0).UTC()); err == nil {
			t.Errorf("%s was accepted", line)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH;COUNT=4;UNTIL=20301231T000000Z")
	f.Add("RRULE:FREQ=MONTHLY;BYMONTHDAY=31;UNTIL=20301231")
	f.Add("EXDATE;TZID=Europe/Berlin:20260329T090000")
	f.Fuzz(func(t *testing.T, line string) {
		s, err := recur.Parse([]string{line}, time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC))
		if err != nil {
			return
		}
		again, err := recur.Parse([]string{s.Rule.String()}, s.First)
		if err != nil {
			t.Fatalf("%q became %q: %v", line, s.Rule.String(), err)
		}
		if a, b := starts(s, 20), starts(again, 20); !slices.Equal(a, b) {
			t.Fatalf("%q: %v, as %q: %v", line, a, s.Rule.String(), b)
		}
	})
}
