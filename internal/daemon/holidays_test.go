package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slotd/internal/calendar"
)

// ICS makes an iCalendar file of events, each the lines between BEGIN and END.
func icsFile(t *testing.T, events ...string) string {
	t.Helper()
	text := "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//Office//Holidays//EN\n"
	for i, e := range events {
		text += "BEGIN:VEVENT\nUID:" + string(rune('a'+i)) + "@office.example\nDTSTAMP:20260101T000000Z\n" + e + "\nEND:VEVENT\n"
	}
	path := filepath.Join(t.TempDir(), "holidays.ics")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(text+"END:VCALENDAR\n", "\n", "\r\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestHolidaysInAFile: the days of whole-day events are holidays, as calendar programs and the lists on the web write them.
func TestHolidaysInAFile(t *testing.T) {
	next := time.Now().Year() + 1
	day := func(year int, month time.Month, d int) calendar.Date {
		return calendar.Date{Year: year, Month: month, Day: d}
	}
	stamp := func(d calendar.Date) string { return d.Format("20060102") }
	path := icsFile(t,
		"SUMMARY:May Day\nDTSTART;VALUE=DATE:20200501\nRRULE:FREQ=YEARLY\nTRANSP:TRANSPARENT",
		"SUMMARY:Between the years\nDTSTART;VALUE=DATE:"+stamp(day(next, time.December, 27))+"\nDTEND;VALUE=DATE:"+
			stamp(day(next, time.December, 30)),
		"SUMMARY:Not this time\nSTATUS:CANCELLED\nDTSTART;VALUE=DATE:"+stamp(day(next, time.July, 1)),
	)
	dates, err := holidaysIn(path)
	if err != nil {
		t.Fatal(err)
	}
	got := map[calendar.Date]bool{}
	for _, d := range dates {
		got[d] = true
	}
	for d, want := range map[calendar.Date]bool{
		day(next, time.May, 1): true, day(next+1, time.May, 1): true, day(next+2, time.May, 1): true,
		day(next, time.April, 30): false, day(next, time.May, 2): false,
		day(next, time.December, 26): false, day(next, time.December, 27): true, day(next, time.December, 28): true,
		day(next, time.December, 29): true, day(next, time.December, 30): false, // DTEND is not part of it
		day(next, time.July, 1): false,
	} {
		if got[d] != want {
			t.Errorf("%s: closed is %t, want %t", d, got[d], want)
		}
	}
}

func TestHolidaysThatAreNone(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "broken.ics")
	if err := os.WriteFile(broken, []byte("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20"), 0o600); err != nil {
		t.Fatal(err)
	}
	page := filepath.Join(t.TempDir(), "page.ics")
	if err := os.WriteFile(page, []byte("<html>Sign in</html>"), 0o600); err != nil {
		t.Fatal(err)
	}
	next := time.Now().AddDate(0, 1, 0).Format("20060102")
	for name, c := range map[string]struct{ path, want string }{
		"a file that breaks off":   {broken, "its end is missing"},
		"an afternoon":             {icsFile(t, "DTSTART:"+next+"T120000Z\nDTEND:"+next+"T180000Z"), `provider "ics"`},
		"a page to sign in":        {page, "BEGIN:VCALENDAR"},
		"an afternoon, as free":    {icsFile(t, "DTSTART:"+next+"T120000Z\nDTEND:"+next+"T180000Z\nTRANSP:TRANSPARENT"), `provider "ics"`},
		"a day without its start":  {icsFile(t, "SUMMARY:Some day\nDTEND;VALUE=DATE:"+next), "cannot be understood: no usable start"},
		"a rule that says nothing": {icsFile(t, "DTSTART;VALUE=DATE:"+next+"\nRRULE:FREQ=SOMETIMES"), "cannot be understood: recurrence"},
	} {
		t.Run(name, func(t *testing.T) {
			if dates, err := holidaysIn(c.path); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, %v; want %q", dates, err, c.want)
			}
		})
	}
}
