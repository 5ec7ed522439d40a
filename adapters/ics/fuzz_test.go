package ics

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"slotd/internal/calendar"
	emulator "slotd/internal/emulator/ics"
)

// FuzzFeed reads any bytes as a feed. Whatever they are, reading ends without a panic, all that comes out lies in the
// window, the digest does not depend on the order of components, and a feed that is cut anywhere is no feed.
func FuzzFeed(f *testing.F) {
	for _, s := range emulator.Samples() {
		f.Add([]byte(s.Text))
	}
	for _, lines := range []string{
		"DTSTART;TZID=\"A;B:C\":20260324T080000Z\r\nDURATION:P1W2DT3H4M5S\r\nRDATE;VALUE=PERIOD:20260325T080000Z/-PT1H",
		"DTSTART:00010101T000000\r\nDTEND:99991231T235959\r\nRRULE:FREQ=YEARLY;BYYEARDAY=-1,366;BYSETPOS=-366;WKST=SU",
		"DTSTART:20260324\r\nRRULE:FREQ=WEEKLY;COUNT=99999;BYDAY=-1MO;BYHOUR=0,23;BYSECOND=59;UNTIL=20260101\r\nEXDATE:20260325",
		"RECURRENCE-ID;RANGE=THISANDFUTURE:19000101\r\nDTSTART:20260324T080000\r\nSTATUS:CANCELLED",
	} {
		f.Add([]byte("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\n" + lines + "\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"))
	}
	window := calendar.Interval{
		Start: time.Date(2026, 3, 23, 0, 0, 0, 0, time.UTC).Unix(), End: time.Date(2026, 4, 13, 0, 0, 0, 0, time.UTC).Unix(),
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := parse(text)
		if err != nil {
			if got != nil {
				t.Fatal("a feed beside an error")
			}
			return
		}
		digest := got.digest()
		rand.Shuffle(len(got.events), func(i, j int) { got.events[i], got.events[j] = got.events[j], got.events[i] })
		if got.digest() != digest {
			t.Error("the digest depends on the order of events")
		}
		odd := oddities{}
		x := expansion{window: window, odd: odd, zones: newZones(got, nil, time.UTC, window, odd)}
		events, err := x.events(t.Context(), got)
		if err != nil {
			return
		}
		for _, e := range events {
			if e.ID == "" || !e.Interval.Overlaps(window) {
				t.Errorf("event %+v", e)
			}
		}
		if end := strings.TrimSpace(string(text)); strings.Count(strings.ToUpper(end), "VCALENDAR") == 2 {
			if _, err := parse([]byte(end[:len(end)-1])); err == nil {
				t.Error("a text without its last letter is a feed")
			}
		}
	})
}

// BenchmarkFeed reads and expands a year of a busy practice: 5,000 single appointments and 200 old weekly series.
func BenchmarkFeed(b *testing.B) {
	var text strings.Builder
	text.WriteString("BEGIN:VCALENDAR\r\nX-WR-TIMEZONE:Europe/Berlin\r\n")
	start := time.Date(2026, 1, 1, 8, 0, 0, 0, time.UTC)
	for i := range 5000 {
		at := start.Add(time.Duration(i) * 100 * time.Minute)
		text.WriteString("BEGIN:VEVENT\r\nUID:" + at.String() + "\r\nSUMMARY:Appointment of somebody\r\nDTSTART:" + at.Format(layouts[0]) +
			"\r\nDTEND:" + at.Add(20*time.Minute).Format(layouts[0]) + "\r\nEND:VEVENT\r\n")
	}
	for i := range 200 {
		at := time.Date(2010, 1, i, 8, 0, 0, 0, time.UTC)
		text.WriteString("BEGIN:VEVENT\r\nUID:" + at.String() + "\r\nDTSTART;TZID=Europe/Berlin:" + at.Format(layouts[0]) +
			"\r\nDURATION:PT1H\r\nRRULE:FREQ=WEEKLY;BYDAY=MO,WE\r\nEND:VEVENT\r\n")
	}
	text.WriteString("END:VCALENDAR\r\n")
	window := calendar.Interval{Start: start.Unix(), End: start.AddDate(0, 3, 0).Unix()}
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		got, err := parse([]byte(text.String()))
		if err != nil {
			b.Fatal(err)
		}
		got.digest()
		x := expansion{window: window, odd: oddities{}, zones: newZones(got, nil, time.UTC, window, oddities{})}
		if _, err := x.events(b.Context(), got); err != nil {
			b.Fatal(err)
		}
	}
}
