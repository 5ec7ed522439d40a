package main

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"slotd/internal/admin"
	"slotd/internal/booking"
)

// explained runs the command and returns what it prints, with the days of the test and what else differs from run to run
// replaced.
func (w *world) explained(reference string, args ...string) string {
	w.Helper()
	o := w.run(append([]string{"explain"}, args...)...)
	o.expect(w.T, exitDone)
	ago := regexp.MustCompile(`confirmed \S+ ago`).ReplaceAllString(o.stdout, "confirmed just now")
	bound := regexp.MustCompile(`(not before|not after) .*`).ReplaceAllString(ago, "$1 some day")
	return strings.NewReplacer(w.day.Format("Mon 2006-01-02"), "DATE", w.day.Format("Mon 2 Jan"), "DAY",
		w.day.AddDate(0, 0, 1).Format("Mon 2006-01-02"), "NEXT DATE", reference, "REFERENCE").Replace(bound)
}

func TestExplainSaysWhichRuleDecides(t *testing.T) {
	w := newWorld(t)
	w.configure("[[department]]", "[[holiday]]\ntitle = \"Works outing\"\ndates = [\""+
		w.day.AddDate(0, 0, 1).Format(time.DateOnly)+"\"]\n\n[[department]]")
	w.configure("grid = \"15m\"", "grid = \"15m\"\nbuffer_after = \"10m\"\nnotice = \"1h\"")
	w.draw("adams", w.at(9, 0), w.at(10, 0))
	w.start()
	params, _ := w.book("token-of-a-customer", "adams", w.at(14, 0))
	reference := text(params, "reference")
	w.once("adams", text(params, "booking"))

	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--resource", "adams", "--at", w.at(9, 30).Format("2006-01-02T15:04")}, `
consultation at adams, department general, DATE 09:30 (Europe/Berlin)
cannot be booked: busy

  1. ✓          notice 1h (service): not before some day
  2. ✓          horizon 14d (business): not after some day
  3. ✓          hours (resource): open 08:00-20:00 on DAY
  4. ✓          grid 15m (service): 09:30 is a start time
  5. ✓          calendars: known well enough
  6. ✗ decides  busy: an event in google/adams@clinic.example from 09:00 to 10:00
  7. ✓          bookings: none at that time

calendar google/adams@clinic.example  confirmed just now  fresh
`},
		{[]string{"--resource", "adams", "--at", w.at(14, 37).Format(time.RFC3339)}, `
consultation at adams, department general, DATE 14:37 (Europe/Berlin)
cannot be booked: grid

  1. ✓          notice 1h (service): not before some day
  2. ✓          horizon 14d (business): not after some day
  3. ✓          hours (resource): open 08:00-20:00 on DAY
  4. ✗ decides  grid 15m (service): 14:37 is no start time; they are 15m apart from each opening
  5. ✓          calendars: known well enough
  6. ✓          busy: no event in the calendars as far as they are known
  7. ✗ also     bookings: booking REFERENCE from 14:00 to 14:30; to be kept free: 10m after it

calendar google/adams@clinic.example  confirmed just now  fresh
`},
		{[]string{"--resource", "baker", "--at", "2020-02-03T10:00"}, `
consultation at baker, department general, Mon 2020-02-03 10:00 (Europe/Berlin)
cannot be booked: notice

  1. ✗ decides  notice 1h (service): not before some day
  2. ✓          horizon 14d (business): not after some day
     not asked, as the time is out of bounds: hours, grid, calendars, busy, bookings

calendar outlook/AAMkAGBakerCalendar=  confirmed just now  fresh
`},
		{[]string{"--resource", "adams", "--date", w.day.Format(time.DateOnly)}, `
consultation at adams, department general, DATE (Europe/Berlin)
open 08:00-20:00 (resource)
47 start times, 37 free; barred: busy 5, bookings 5

calendar google/adams@clinic.example  confirmed just now  fresh
`},
	} {
		if got := "\n" + w.explained(reference, c.args...); got != c.want {
			t.Errorf("%v: got%s\nwant%s", c.args, got, c.want)
		}
	}

	all := w.explained(reference)
	for _, want := range []string{
		"consultation at adams, department general, from ", "consultation at baker, department general, from ",
		"DATE  37 of 47  busy 5, bookings 5\n", `NEXT DATE  -         closed by the holiday "Works outing"`, " days, 1 without start times; ",
		"calendar outlook/AAMkAGBakerCalendar=  confirmed just now  fresh\n",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in\n%s", want, all)
		}
	}

	var e admin.Explanation
	o := w.run("explain", "--resource", "adams", "--at", w.at(14, 0).Format("2006-01-02T15:04"), "--json")
	if err := json.Unmarshal([]byte(o.stdout), &e); err != nil || len(e.Resources) != 1 || e.Resources[0].Decided != booking.RuleBookings {
		t.Errorf("--json: %v\n%s", err, o.stdout)
	}
	w.run("explain", "--resource", "frankenstein").expect(t, exitUsage, "unknown resource", "there are: adams, baker")
	w.run("explain", "--service", "haircut").expect(t, exitUsage, "unknown service", "consultation")
	w.run("explain", "--at", "noon").expect(t, exitUsage, `"noon" is no time: write it as`)
	w.run("explain", "--date", "someday").expect(t, exitUsage, `"someday" is not a date`)
	w.run("explain", "--at", "2026-12-01T10:00", "--date", "2026-12-01").expect(t, exitUsage, "not both")
	w.run("explain", "--date", "9999-12-31").expect(t, exitDone, "0 free; barred: horizon")
	w.run("explain", "--date", "0001-01-01").expect(t, exitDone, "0 free; barred: notice")
	w.run("explain", "--at", "9999-12-31T10:00").expect(t, exitDone, "cannot be booked: horizon")
}

// TestCheckWarnsOfWhatCanNeverBeBooked: rules that are valid, and by which nothing can be booked, are no fault of the file.
func TestCheckWarnsOfWhatCanNeverBeBooked(t *testing.T) {
	w := newWorld(t)
	w.run("check").expect(t, exitDone, "is fine")
	w.configure("[[resource]]\nid = \"adams\"", `[[service]]
id = "operation"
title = "Operation"
duration = "13h"

[[resource]]
id = "adams"`)
	const warning = `service "operation" can never be booked: no opening is as long as the service, which takes 13h: the longest is 12h`
	w.run("check").expect(t, exitDone, "is fine: ", "\nwarning: "+warning+"\n")
	if o := w.run("doctor"); !strings.Contains(o.stdout, "WARN  rules") || !strings.Contains(o.stdout, warning) {
		t.Errorf("the doctor does not warn:\n%s", o.stdout)
	}
	w.start()
	if log := w.daemon.log.String(); strings.Count(log, "can never be booked") != 1 || !strings.Contains(log, `service \"operation\"`) {
		t.Errorf("the log:\n%s", log)
	}
}

// TestExplainPageListsEveryWord: programs may rely on the words of the data.
func TestExplainPageListsEveryWord(t *testing.T) {
	page := pages(t)["docs/explain.md"]
	var words []string
	for _, r := range booking.AllRules() {
		words = append(words, string(r))
	}
	for r := booking.Free; r <= booking.Claimed; r++ {
		words = append(words, r.Code())
	}
	for l := booking.ByDefault; l <= booking.OfService; l++ {
		words = append(words, l.String())
	}
	for _, r := range []booking.DayRule{booking.OnDate, booking.OnHoliday, booking.Weekly, booking.NoHours} {
		words = append(words, string(r))
	}
	for _, word := range words {
		if !strings.Contains(page, "`"+word+"`") {
			t.Errorf("docs/explain.md does not list `%s`", word)
		}
	}
}
