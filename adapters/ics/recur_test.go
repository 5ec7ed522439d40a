package ics_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"slotd/adapters/ics"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// hours lists hours of the day in UTC: "24T08" is an hour that begins on 24 March at 8; days beyond 31 are in April.
func hours(starts ...string) []string {
	var out []string
	for _, s := range starts {
		var d, h int
		if _, err := fmt.Sscanf(s, "%dT%d", &d, &h); err != nil {
			panic(err)
		}
		at := time.Date(2026, time.March, d, h, 0, 0, 0, time.UTC)
		out = append(out, at.Format(time.RFC3339), at.Add(time.Hour).Format(time.RFC3339))
	}
	return out
}

func TestRecurrence(t *testing.T) {
	// nine o'clock in Berlin: 8:00 UTC until 28 March, then 7:00
	const nine = "DTSTART;TZID=Europe/Berlin:20260105T090000\nDTEND;TZID=Europe/Berlin:20260105T100000\n"
	const late = "DTSTART;TZID=Europe/Berlin:20260327T090000\nDTEND;TZID=Europe/Berlin:20260327T100000\n"
	runEvents(t, []eventTest{
		{name: "weekly", lines: nine + "RRULE:FREQ=WEEKLY", want: hours("23T08", "30T07", "37T07")},
		{name: "every other week", lines: nine + "RRULE:FREQ=WEEKLY;INTERVAL=2", want: hours("30T07")},
		{name: "first Tuesday", lines: nine + "RRULE:FREQ=MONTHLY;BYDAY=1TU", want: hours("38T07")},
		{name: "last weekday", lines: nine + "RRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", want: hours("31T07")},
		{name: "day 31 skips short months", lines: "DTSTART:20260131T080000Z\nDURATION:PT1H\nRRULE:FREQ=MONTHLY", want: hours("31T08")},
		{name: "yearly", lines: "DTSTART:20200324T080000Z\nDURATION:PT1H\nRRULE:FREQ=YEARLY", want: hours("24T08")},
		{name: "29 February", lines: "DTSTART:20240229T080000Z\nDURATION:PT1H\nRRULE:FREQ=YEARLY"},
		{name: "COUNT", lines: late + "RRULE:FREQ=DAILY;COUNT=3", want: hours("27T08", "28T08", "29T07")},
		{name: "UNTIL in UTC", lines: late + "RRULE:FREQ=DAILY;UNTIL=20260329T070000Z", want: hours("27T08", "28T08", "29T07")},
		{name: "UNTIL in UTC, a second less", lines: late + "RRULE:FREQ=DAILY;UNTIL=20260329T065959Z", want: hours("27T08", "28T08")},
		{name: "UNTIL by the clock", lines: late + "RRULE:FREQ=DAILY;UNTIL=20260329T090000", want: hours("27T08", "28T08", "29T07")},
		{name: "UNTIL a day", lines: late + "RRULE:FREQ=DAILY;UNTIL=20260329", want: hours("27T08", "28T08", "29T07")},
		{name: "UNTIL before the start", lines: late + "RRULE:FREQ=DAILY;UNTIL=20200101", want: hours("27T08")},
		{name: "the start counts though the rule leaves it out", lines: late + "RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=2", want: hours("27T08", "30T07", "37T07")},
		{name: "EXDATE", lines: late + "RRULE:FREQ=DAILY;COUNT=3\nEXDATE;TZID=Europe/Berlin:20260327T090000,20260329T090000", want: hours("28T08")},
		{name: "EXDATE in UTC", lines: late + "RRULE:FREQ=DAILY;COUNT=3\nEXDATE:20260329T070000Z", want: hours("27T08", "28T08")},
		{name: "EXDATE without a zone", lines: late + "RRULE:FREQ=DAILY;COUNT=3\nEXDATE:20260328T090000", want: hours("27T08", "29T07")},
		{name: "EXDATE as a day", lines: late + "RRULE:FREQ=DAILY;COUNT=3\nEXDATE;VALUE=DATE:20260328", want: hours("27T08", "29T07")},
		{name: "EXDATE at another time", lines: late + "RRULE:FREQ=DAILY;COUNT=2\nEXDATE:20260328T073000Z", want: hours("27T08", "28T08")},
		{name: "RDATE", lines: late + "RDATE;TZID=Europe/Berlin:20260329T090000", want: hours("27T08", "29T07")},
		{name: "RDATE with its own length", lines: "DTSTART:20260324T080000Z\nDURATION:PT15M\nRDATE;VALUE=PERIOD:20260325T080000Z/PT1H\nEXDATE:20260324T080000Z",
			want: hours("25T08")},
		{name: "two rules", lines: late + "RRULE:FREQ=DAILY;COUNT=2\nRRULE:FREQ=WEEKLY;COUNT=2", want: hours("27T08", "28T08", "34T07")},
		{name: "semicolon at the end, lower case", lines: late + "RRULE:freq=daily;count=2;", want: hours("27T08", "28T08")},
		{name: "free", lines: nine + "RRULE:FREQ=WEEKLY\nTRANSP:TRANSPARENT"},
		{name: "since the year 1", lines: "DTSTART:00010101T080000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;INTERVAL=7\nEXDATE:20260406T080000Z", want: hours("23T08", "30T08")},
		{name: "all-day UNTIL its last midnight in UTC", zone: "America/New_York", lines: "DTSTART;VALUE=DATE:20260324\nRRULE:FREQ=DAILY;UNTIL=20260325T000000Z",
			want: []string{"2026-03-24T04:00:00Z", "2026-03-26T04:00:00Z"}},
		{name: "begun long before the window", lines: "DTSTART:20260301T000000Z\nDURATION:P10D\nRRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=2",
			want: []string{"2026-03-23T00:00:00Z", "2026-03-25T00:00:00Z"}},
		{name: "a day of 23 hours", lines: "DTSTART;VALUE=DATE:20260315\nRRULE:FREQ=WEEKLY;COUNT=3",
			want: []string{"2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"}},
		{name: "begun before the window", lines: "DTSTART:20260316T220000Z\nDURATION:P1DT4H\nRRULE:FREQ=WEEKLY;COUNT=2;BYDAY=SU",
			want: []string{"2026-03-23T00:00:00Z", "2026-03-24T02:00:00Z", "2026-03-29T22:00:00Z", "2026-03-31T02:00:00Z"}},
		{name: "daily through a night without 2:30", lines: "DTSTART;TZID=Europe/Berlin:20260328T023000\nDURATION:PT30M\nRRULE:FREQ=DAILY;COUNT=3",
			want: []string{"2026-03-28T01:30:00Z", "2026-03-28T02:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z",
				"2026-03-30T00:30:00Z", "2026-03-30T01:00:00Z"}},
		{name: "over the change: eight hours, and until six", lines: "DTSTART;TZID=Europe/Berlin:20260327T220000\nDTEND;TZID=Europe/Berlin:20260328T060000\nRRULE:FREQ=DAILY;COUNT=2",
			want: []string{"2026-03-27T21:00:00Z", "2026-03-28T05:00:00Z", "2026-03-28T21:00:00Z", "2026-03-29T05:00:00Z"}},
	})
}

// TestRecurrenceNotExpanded: such a series is one event, from its start on.
func TestRecurrenceNotExpanded(t *testing.T) {
	const start = "DTSTART:20260324T080000Z\nDURATION:PT1H\n"
	onward := []string{"2026-03-24T08:00:00Z", "2026-04-13T00:00:00Z"}
	for _, tt := range []struct{ rule, kind string }{
		{"", ics.BadRecurrence},
		{"FREQ=FORTNIGHTLY", ics.BadRecurrence},
		{"FREQ=DAILY;BYMOON=FULL", ics.BadRecurrence},
		{"FREQ=DAILY;UNTIL=later", ics.BadRecurrence},
		{"FREQ=DAILY;INTERVAL=99999999999999999999", ics.BadRecurrence},
		{"FREQ=DAILY;INTERVAL=4611686018427387904", ics.BadRecurrence},
		{"FREQ=MONTHLY;BYDAY=53MO", ics.BadRecurrence},
		{"FREQ=MONTHLY;BYDAY=-53MO", ics.BadRecurrence},
		{"FREQ=DAILY;BYHOUR=99", ics.BadRecurrence},
		{"FREQ=MONTHLY;BYDAY=1MO,WE", ics.BadRecurrence},
		{"FREQ=YEARLY;BYWEEKNO=1;BYDAY=MO", ics.BadRecurrence},
		{"FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=3", ics.BadRecurrence},
		{"RSCALE=HEBREW;FREQ=YEARLY", ics.BadRecurrence},
		{"FREQ=DAILY;" + strings.Repeat("BYMONTHDAY=1;", 100), ics.BadRecurrence},
		{"FREQ=HOURLY", ics.TooFrequent},
		{"FREQ=SECONDLY", ics.TooFrequent},
		{"FREQ=MINUTELY;BYMONTH=2;BYMONTHDAY=30", ics.TooFrequent},
		{"FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR=" + upTo(24) + ";BYMINUTE=" + upTo(60), ics.TooFrequent},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			r := readText(t, vevent(start+"RRULE:"+tt.rule), "UTC", spring(t))
			wantBusy(t, r, onward, map[string]int{tt.kind: 1})
			free := readText(t, vevent(start+"TRANSP:TRANSPARENT\nRRULE:"+tt.rule), "UTC", spring(t))
			wantBusy(t, free, nil, nil)
		})
	}
	t.Run("RDATE", func(t *testing.T) {
		r := readText(t, vevent(start+"RDATE:someday"), "UTC", spring(t))
		wantBusy(t, r, onward, map[string]int{ics.BadRecurrence: 1})
	})
	t.Run("exceptions", func(t *testing.T) {
		r := readText(t, vevent(start+"RRULE:FREQ=DAILY;COUNT=2\nEXDATE:someday\nEXDATE;TZID=Nowhere:20260325T080000"), "UTC", spring(t))
		wantBusy(t, r, hours("24T08", "25T08"), map[string]int{ics.BadException: 2, ics.UnknownZone: 1})
	})
}

func upTo(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprint(i))
	}
	return strings.Join(all, ",")
}

func TestReplacedOccurrences(t *testing.T) {
	const series = "BEGIN:VEVENT\nUID:1\nDTSTART:20260324T080000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=4\nEND:VEVENT\n"
	other := func(lines string) string { return "BEGIN:VEVENT\nUID:1\n" + lines + "\nEND:VEVENT\n" }
	for _, tt := range []struct {
		name, text string
		want       []string
		odd        map[string]int
	}{
		{name: "moved", text: series + other("RECURRENCE-ID:20260325T080000Z\nDTSTART:20260325T150000Z\nDURATION:PT1H"),
			want: hours("24T08", "25T15", "26T08", "27T08")},
		{name: "moved, and listed before its series", text: other("RECURRENCE-ID:20260325T080000Z\nDTSTART:20260325T150000Z\nDURATION:PT1H") + series,
			want: hours("24T08", "25T15", "26T08", "27T08")},
		{name: "named in another zone", text: series + other("RECURRENCE-ID;TZID=Europe/Berlin:20260325T090000\nDTSTART:20260325T150000Z\nDURATION:PT1H"),
			want: hours("24T08", "25T15", "26T08", "27T08")},
		{name: "named by its day", text: series + other("RECURRENCE-ID;VALUE=DATE:20260325\nDTSTART:20260325T150000Z\nDURATION:PT1H"),
			want: hours("24T08", "25T15", "26T08", "27T08")},
		{name: "moved out of the window", text: series + other("RECURRENCE-ID:20260325T080000Z\nDTSTART:20270325T150000Z\nDURATION:PT1H"),
			want: hours("24T08", "26T08", "27T08")},
		{name: "cancelled", text: series + other("RECURRENCE-ID:20260325T080000Z\nDTSTART:20260325T080000Z\nSTATUS:CANCELLED"),
			want: hours("24T08", "26T08", "27T08")},
		{name: "made free", text: series + other("RECURRENCE-ID:20260325T080000Z\nDTSTART:20260325T080000Z\nDURATION:PT1H\nTRANSP:TRANSPARENT"),
			want: hours("24T08", "26T08", "27T08")},
		{name: "this and future moved", text: series + other("RECURRENCE-ID;RANGE=THISANDFUTURE:20260325T080000Z\nDTSTART:20260325T100000Z\nDURATION:PT1H"),
			want: hours("24T08", "25T10", "26T10", "27T10")},
		{name: "this and future moved, one cancelled", text: series +
			other("RECURRENCE-ID;RANGE=THISANDFUTURE:20260325T080000Z\nDTSTART:20260325T100000Z\nDURATION:PT1H") +
			other("RECURRENCE-ID:20260326T080000Z\nSTATUS:CANCELLED"),
			want: hours("24T08", "25T10", "27T10")},
		{name: "moved twice", text: series +
			other("RECURRENCE-ID;RANGE=THISANDFUTURE:20260326T080000Z\nDTSTART:20260326T120000Z\nDURATION:PT1H") +
			other("RECURRENCE-ID;RANGE=THISANDFUTURE:20260325T080000Z\nDTSTART:20260325T100000Z\nDURATION:PT1H"),
			want: hours("24T08", "25T10", "26T12", "27T12")},
		{name: "this and future cancelled", text: series + other("RECURRENCE-ID;RANGE=THISANDFUTURE:20260326T080000Z\nSTATUS:CANCELLED"),
			want: hours("24T08", "25T08")},
		{name: "moved into the window from far away",
			text: "BEGIN:VEVENT\nUID:1\nDTSTART:20260601T080000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=3\nEND:VEVENT\n" +
				other("RECURRENCE-ID;RANGE=THISANDFUTURE:20260601T080000Z\nDTSTART:20260324T080000Z\nDURATION:PT1H"),
			want: hours("24T08", "25T08", "26T08")},
		{name: "without its series", text: other("RECURRENCE-ID:20260325T080000Z\nDTSTART:20260325T150000Z\nDURATION:PT1H"), want: hours("25T15")},
		{name: "the series cancelled, one left", text: "BEGIN:VEVENT\nUID:1\nDTSTART:20260324T080000Z\nSTATUS:CANCELLED\nRRULE:FREQ=DAILY\nEND:VEVENT\n" +
			other("RECURRENCE-ID:20260325T080000Z\nDTSTART:20260325T150000Z\nDURATION:PT1H"), want: hours("25T15")},
		{name: "of a time that is none", text: series + other("RECURRENCE-ID:then\nDTSTART:20260325T150000Z\nDURATION:PT1H"),
			want: hours("24T08", "25T08", "25T15", "26T08", "27T08"), odd: map[string]int{ics.BadException: 1}},
		{name: "moved to a time that is none", text: series + other("RECURRENCE-ID;RANGE=THISANDFUTURE:20260325T080000Z\nDTSTART:then"),
			want: whole, odd: map[string]int{ics.NoStart: 1}},
		// whose exception is it? Neither series loses an occurrence by it.
		{name: "two series with one UID", text: series + strings.ReplaceAll(series, "T08", "T10") + other("RECURRENCE-ID:20260325T080000Z\nSTATUS:CANCELLED"),
			want: hours("24T08", "24T10", "25T08", "25T10", "26T08", "26T10", "27T08", "27T10"), odd: map[string]int{ics.SharedUID: 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantBusy(t, readText(t, wrap(tt.text), "UTC", spring(t)), tt.want, tt.odd)
		})
	}
}

// TestSeriesAgainstPlainCounting compares series of days and weeks, in wall time, with what counting days gives.
func TestSeriesAgainstPlainCounting(t *testing.T) {
	berlin := location(t, "Europe/Berlin")
	window := autumn(t)
	rapid.Check(t, func(rt *rapid.T) {
		first := time.Date(rapid.IntRange(1970, 2026).Draw(rt, "year"), 1, rapid.IntRange(1, 365).Draw(rt, "day"),
			rapid.IntRange(4, 22).Draw(rt, "hour"), 0, 0, 0, berlin)
		interval := rapid.IntRange(1, 40).Draw(rt, "interval")
		freq, step := "DAILY", interval
		if rapid.Bool().Draw(rt, "weekly") {
			freq, step = "WEEKLY", 7*interval
		}
		rule := fmt.Sprintf("FREQ=%s;INTERVAL=%d", freq, interval)
		last := window.EndTime()
		if rapid.Bool().Draw(rt, "ends") {
			last = time.Date(2026, 10, rapid.IntRange(1, 40).Draw(rt, "until"), 12, 0, 0, 0, time.UTC)
			rule += ";UNTIL=" + last.Format("20060102T150405Z")
		}
		var want []string
		for n := 0; ; n++ {
			at := time.Date(first.Year(), first.Month(), first.Day()+n*step, first.Hour(), 0, 0, 0, berlin)
			if at.After(last) || !at.Before(window.EndTime()) {
				break
			}
			if !at.Before(window.StartTime()) {
				want = append(want, at.UTC().Format(time.RFC3339), at.Add(time.Hour).UTC().Format(time.RFC3339))
			}
		}
		text := vevent(fmt.Sprintf("DTSTART;TZID=Europe/Berlin:%s\nDURATION:PT1H\nRRULE:%s", first.Format("20060102T150405"), rule))
		r := readText(t, text, "UTC", window)
		if r.err != nil {
			rt.Fatal(r.err)
		}
		if first.After(last) {
			return // the start alone, which the table above has
		}
		if d := cmp.Diff(want, busy(r.snap)); d != "" {
			rt.Errorf("%s: busy (-want +got):\n%s", text, d)
		}
	})
}
