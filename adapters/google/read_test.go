package google

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"slotd/internal/calendar"

	"github.com/google/go-cmp/cmp"
	gcal "google.golang.org/api/calendar/v3"
)

func TestBusyRules(t *testing.T) {
	self := func(status string) []*gcal.EventAttendee {
		return []*gcal.EventAttendee{nil, {ResponseStatus: "declined"}, {Self: true, ResponseStatus: status}}
	}
	day := &gcal.EventDateTime{Date: "2027-04-08"}
	for name, c := range map[string]struct {
		ev         gcal.Event
		allDayBusy bool
		want       bool
	}{
		"plain":              {ev: gcal.Event{}, want: true},
		"opaque":             {ev: gcal.Event{Transparency: "opaque"}, want: true},
		"free":               {ev: gcal.Event{Transparency: "transparent"}},
		"declined":           {ev: gcal.Event{Attendees: self("declined")}},
		"unanswered":         {ev: gcal.Event{Attendees: self("needsAction")}, want: true},
		"maybe":              {ev: gcal.Event{Attendees: self("tentative"), Status: "tentative"}, want: true},
		"attendees omitted":  {ev: gcal.Event{AttendeesOmitted: true}, want: true},
		"out of office":      {ev: gcal.Event{EventType: "outOfOffice"}, want: true},
		"focus time":         {ev: gcal.Event{EventType: "focusTime"}, want: true},
		"from mail":          {ev: gcal.Event{EventType: "fromGmail"}, want: true},
		"a type of tomorrow": {ev: gcal.Event{EventType: "sabbatical"}, want: true},
		"working location":   {ev: gcal.Event{EventType: "workingLocation", Start: day}, allDayBusy: true},
		"birthday":           {ev: gcal.Event{EventType: "birthday", Start: day}, allDayBusy: true},
		"free day":           {ev: gcal.Event{Transparency: "transparent", Start: day}},
		"free day that blocks": {
			ev: gcal.Event{Transparency: "transparent", Start: day}, allDayBusy: true, want: true,
		},
		"free hour where days block":  {ev: gcal.Event{Transparency: "transparent"}, allDayBusy: true},
		"declined day that would not": {ev: gcal.Event{Start: day, Attendees: self("declined")}, allDayBusy: true},
	} {
		if got := blocks(&c.ev, c.allDayBusy); got != c.want {
			t.Errorf("%s: busy %v, want %v", name, got, c.want)
		}
	}
}

func TestReadOddRows(t *testing.T) {
	row := func(start, end string) string {
		const list = `{"kind":"calendar#events","timeZone":"America/Havana","items":[{"id":"e","start":%s,"end":%s}]}`
		return fmt.Sprintf(list, start, end)
	}
	timed := func(s string) string { return `{"dateTime":"` + s + `"}` }
	date := func(s string) string { return `{"date":"` + s + `"}` }
	noon := time.Date(2027, 4, 8, 12, 0, 0, 0, time.UTC).Unix()
	havana, err := time.LoadLocation("America/Havana")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		body string
		want calendar.Interval
		busy bool
		odd  bool
	}{
		"seconds are rounded outward": {row(timed("2027-04-08T12:00:00.5Z"), timed("2027-04-08T12:00:01.5Z")),
			calendar.Interval{Start: noon, End: noon + 2}, true, false},
		"zero length": {row(timed("2027-04-08T12:00:00Z"), timed("2027-04-08T12:00:00Z")),
			calendar.Interval{Start: noon, End: noon}, false, false},
		"end before start": {row(timed("2027-04-08T12:00:00Z"), timed("2027-04-08T11:00:00Z")),
			calendar.Interval{Start: noon, End: noon + 60}, true, true},
		"until the year 9999": {row(timed("2027-04-08T12:00:00Z"), timed("9999-12-31T23:59:59Z")),
			calendar.Interval{Start: noon, End: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix()}, true, false},
		"no times":          {row("null", "null"), window, true, true},
		"half a time":       {row(timed("2027-04-08T12:00:00Z"), "{}"), window, true, true},
		"a year too late":   {row(timed("2027-04-08T12:00:00Z"), timed("10000-01-01T00:00:00Z")), window, true, true},
		"a date of nowhere": {row(date("2027-02-30"), date("2027-03-31")), window, true, true},
		// In Havana clocks jump from midnight to one o'clock on 14 March 2027.
		"a day without midnight": {row(date("2027-03-14"), date("2027-03-15")), calendar.Between(
			time.Date(2027, 3, 14, 1, 0, 0, 0, havana), time.Date(2027, 3, 15, 0, 0, 0, 0, havana)), true, false},
	} {
		snap, err := open(t, reply(200, nil, c.body)).Read(t.Context(), "c", window)
		if err != nil || len(snap.Events) != 1 {
			t.Errorf("%s: %d events, %v", name, len(snap.Events), err)
			continue
		}
		want := calendar.Event{ID: "e", Identity: "e", Interval: c.want, Busy: c.busy, Odd: c.odd}
		if diff := cmp.Diff(want, snap.Events[0]); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
}

// TestReadPolicy: rows of deleted events are dropped, and all_day = "busy" is a matter of each calendar.
func TestReadPolicy(t *testing.T) {
	body := `{"timeZone":"UTC","items":[{"id":"gone","status":"cancelled"},
		{"id":"day","transparency":"transparent","start":{"date":"2027-04-08"},"end":{"date":"2027-04-09"}}]}`
	c := open(t, reply(200, nil, body), func(cfg *Config) {
		cfg.AllDayBusy = func(cal string) bool { return cal == "strict" }
	})
	for cal, want := range map[string]bool{"strict": true, "lax": false} {
		snap, err := c.Read(t.Context(), cal, window)
		if err != nil || len(snap.Events) != 1 || snap.Events[0].Busy != want {
			t.Errorf("%s: %+v, %v, want the day alone with busy %v", cal, snap.Events, err, want)
		}
	}
}

func TestReadRefusesWhatIsNoAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want calendar.Kind
	}{
		"other JSON": {`{}`, calendar.Unclear},
		"no JSON":    {`<html>`, calendar.Unclear},
		"cut":        {`{"kind":"calendar#events","items":[{"id":"e"`, calendar.Unclear},
		"empty":      {``, calendar.Unclear},
		"endless":    {`{"kind":"calendar#events","nextPageToken":"again"}`, calendar.Unclear},
		"day in no zone": {
			`{"kind":"calendar#events","items":[{"start":{"date":"2027-04-08"},"end":{"date":"2027-04-09"}}]}`,
			calendar.Refused,
		},
		"day in an unknown zone": {
			`{"timeZone":"Mars/Olympus","items":[{"start":{"date":"2027-04-08"},"end":{"date":"2027-04-09"}}]}`,
			calendar.Refused,
		},
	} {
		snap, err := open(t, reply(200, nil, c.body)).Read(t.Context(), "c", window)
		if err == nil || calendar.KindOf(err) != c.want || snap.Events != nil {
			t.Errorf("%s: %+v, %v, want an error of kind %v", name, snap, err, c.want)
		}
	}
}

// FuzzRead: whatever the server says, a read ends in a snapshot or an error, and no busy event is empty.
func FuzzRead(f *testing.F) {
	f.Add(`{"kind":"calendar#events","timeZone":"UTC",
		"items":[null,{"id":"e","start":{"date":"2027-04-08"},"end":{"date":"2027-04-09"}}]}`)
	f.Add(`{"timeZone":"Local","items":[{"start":{"dateTime":"2027-04-08T12:00:00Z"},"end":{"date":"0000-00-00"}}]}`)
	f.Add(`{"timeZone":"../x","items":[{"attendees":[null],"extendedProperties":{"private":null}}]}`)
	f.Fuzz(func(t *testing.T, body string) {
		var list gcal.Events
		if json.Unmarshal([]byte(body), &list) != nil {
			return
		}
		r := reader{window: window, zone: list.TimeZone}
		for _, ev := range list.Items {
			e, keep, err := r.event(ev)
			if err == nil && keep && e.Busy && e.Interval.Empty() {
				t.Errorf("busy, but empty: %+v", e)
			}
		}
	})
}

// TestFreeDays: told are whole days that all_day = "busy" would block, and no others.
func TestFreeDays(t *testing.T) {
	const free = `"transparency":"transparent","start":{"date":"2027-04-08"},"end":{"date":"2027-04-09"}`
	body := `{"timeZone":"UTC","items":[{"id":"away",` + free + `},
		{"id":"each week","recurringEventId":"r",` + free + `},
		{"id":"busy","start":{"date":"2027-04-08"},"end":{"date":"2027-04-09"}},
		{"id":"declined","attendees":[{"self":true,"responseStatus":"declined"}],` + free + `},
		{"id":"home","eventType":"workingLocation",` + free + `},
		{"id":"born","eventType":"birthday",` + free + `},
		{"id":"hour","transparency":"transparent","start":{"dateTime":"2027-04-08T09:00:00Z"},
			"end":{"dateTime":"2027-04-08T10:00:00Z"}}]}`
	c := open(t, reply(200, nil, body), func(cfg *Config) {
		cfg.AllDayBusy = func(cal string) bool { return cal == "strict" }
	})
	for cal, want := range map[string][]string{"strict": nil, "lax": {"away", "each week"}} {
		snap, err := c.Read(t.Context(), cal, window)
		var got []string
		for _, e := range snap.Events {
			if e.FreeDay {
				got = append(got, e.ID)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil || len(snap.Events) != 7 {
			t.Errorf("%s: %v, free days (-want +got)\n%s", cal, err, diff)
		}
	}
}
