package outlook

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"slotd/internal/calendar"

	"github.com/google/go-cmp/cmp"
)

func TestBusyRules(t *testing.T) {
	for name, c := range map[string]struct {
		row        row
		allDayBusy bool
		want       bool
	}{
		"busy":                        {row: row{showAs: "busy"}, want: true},
		"out of office":               {row: row{showAs: "oof"}, want: true},
		"tentative":                   {row: row{showAs: "tentative"}, want: true},
		"unknown":                     {row: row{showAs: "unknown"}, want: true},
		"missing":                     {row: row{}, want: true},
		"free":                        {row: row{showAs: "free"}},
		"working elsewhere":           {row: row{showAs: "workingElsewhere"}},
		"declined":                    {row: row{showAs: "busy", declined: true}},
		"free day":                    {row: row{showAs: "free", allDay: true}},
		"free day that blocks":        {row: row{showAs: "free", allDay: true}, allDayBusy: true, want: true},
		"free hour where days block":  {row: row{showAs: "free"}, allDayBusy: true},
		"declined day that would not": {row: row{showAs: "free", allDay: true, declined: true}, allDayBusy: true},
	} {
		if got := c.row.busy(c.allDayBusy); got != c.want {
			t.Errorf("%s: busy %v, want %v", name, got, c.want)
		}
	}
}

// mailbox serves a window of rows, single events by id, and the mailbox's settings.
type mailbox struct {
	rows     string
	events   map[string]string
	settings string // empty: access denied
}

func (m mailbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	switch {
	case strings.HasSuffix(path, "/calendarView"):
		write(w, 200, `{"value":[`+m.rows+`]}`)
	case strings.HasSuffix(path, "/mailboxSettings") && m.settings != "":
		write(w, 200, m.settings)
	case strings.HasSuffix(path, "/mailboxSettings"):
		write(w, 403, `{"error":{"code":"ErrorAccessDenied"}}`)
	default:
		if ev, ok := m.events[path[strings.LastIndexByte(path, '/')+1:]]; ok {
			write(w, 200, ev)
			return
		}
		write(w, 404, `{"error":{"code":"ErrorItemNotFound"}}`)
	}
}

func (m mailbox) read(t *testing.T, change ...func(*Config)) (calendar.Snapshot, error) {
	t.Helper()
	return open(t, m.ServeHTTP, change...).Read(t.Context(), "c", window)
}

func TestReadOddRows(t *testing.T) {
	row := func(extra, start, end string) string {
		return fmt.Sprintf(`{"id":"e","@odata.etag":"W/\"1\"","showAs":"busy"%s,"start":%s,"end":%s}`, extra, start, end)
	}
	in := func(zone, s string) string { return `{"dateTime":"` + s + `","timeZone":"` + zone + `"}` }
	utc := func(s string) string { return in("UTC", s) }
	noon := time.Date(2027, 4, 8, 12, 0, 0, 0, time.UTC).Unix()
	havana, err := time.LoadLocation("America/Havana")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		row  string
		want calendar.Interval
		busy bool
		odd  bool
	}{
		"seconds are rounded outward": {row("", utc("2027-04-08T12:00:00.5000000"), utc("2027-04-08T12:00:01.5000000")),
			calendar.Interval{Start: noon, End: noon + 2}, true, false},
		"zero length": {row("", utc("2027-04-08T12:00:00.0000000"), utc("2027-04-08T12:00:00.0000000")),
			calendar.Interval{Start: noon, End: noon}, false, false},
		"end before start": {row("", utc("2027-04-08T12:00:00"), utc("2027-04-08T11:00:00")),
			calendar.Interval{Start: noon, End: noon + 60}, true, true},
		"a zone that was not asked for": {
			row("", in("Tokyo Standard Time", "2027-04-08T21:00:00"), in("Asia/Tokyo", "2027-04-08T22:00:00")),
			calendar.Interval{Start: noon, End: noon + 3600}, true, false},
		"an unknown zone": {
			row("", in("tzone://Microsoft/Custom", "2027-04-08T21:00:00"), utc("2027-04-08T22:00:00")), window, true, true},
		"until the year 9999": {row("", utc("2027-04-08T12:00:00"), utc("9999-12-31T23:59:59")),
			calendar.Interval{Start: noon, End: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix()}, true, false},
		"no times":        {row("", "null", "null"), window, true, true},
		"half a time":     {row("", utc("2027-04-08T12:00:00"), "{}"), window, true, true},
		"a year too late": {row("", utc("2027-04-08T12:00:00"), utc("10000-01-01T00:00:00")), window, true, true},
		// In Havana clocks jump from midnight to one o'clock on 14 March 2027.
		"a day without midnight": {
			row(`,"isAllDay":true`, utc("2027-03-14T00:00:00.0000000"), utc("2027-03-15T00:00:00.0000000")),
			calendar.Between(time.Date(2027, 3, 14, 1, 0, 0, 0, havana), time.Date(2027, 3, 15, 0, 0, 0, 0, havana)), true, false},
		"a date of nowhere": {
			row(`,"isAllDay":true`, utc("2027-02-30T00:00:00"), utc("2027-03-01T00:00:00")), window, true, true},
	} {
		snap, err := mailbox{rows: c.row, settings: `{"timeZone":"Cuba Standard Time"}`}.read(t)
		if err != nil || len(snap.Events) != 1 {
			t.Errorf("%s: %d events, %v", name, len(snap.Events), err)
			continue
		}
		want := calendar.Event{ID: "e", ETag: `W/"1"`, Interval: c.want, Busy: c.busy, Odd: c.odd}
		if diff := cmp.Diff(want, snap.Events[0]); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
}

// TestFreeDays: told are whole days that all_day = "busy" would block, and no others.
func TestFreeDays(t *testing.T) {
	day := func(id, more string) string {
		return fmt.Sprintf(`{"id":%q,%s,"start":{"dateTime":"2027-04-08T00:00:00","timeZone":"UTC"},
			"end":{"dateTime":"2027-04-09T00:00:00","timeZone":"UTC"}}`, id, more)
	}
	m := mailbox{
		rows: strings.Join([]string{
			day("away", `"isAllDay":true,"showAs":"free"`),
			day("busy", `"isAllDay":true,"showAs":"oof"`),
			day("elsewhere", `"isAllDay":true,"showAs":"workingElsewhere"`),
			day("declined", `"isAllDay":true,"showAs":"free","responseStatus":{"response":"declined"}`),
			day("hours", `"showAs":"free"`),
			day("each week", `"type":"occurrence","seriesMasterId":"series"`),
		}, ","),
		events:   map[string]string{"series": `{"id":"series","type":"seriesMaster","isAllDay":true,"showAs":"free"}`},
		settings: `{"timeZone":"UTC"}`,
	}
	for allDayBusy, want := range map[bool][]string{true: nil, false: {"away", "each week"}} {
		snap, err := m.read(t, func(cfg *Config) { cfg.AllDayBusy = func(string) bool { return allDayBusy } })
		var got []string
		for _, e := range snap.Events {
			if e.FreeDay {
				got = append(got, e.ID)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil || len(snap.Events) != 6 {
			t.Errorf("all-day events block %v: %v, free days (-want +got)\n%s", allDayBusy, err, diff)
		}
	}
}

// TestReadStubs: a server may send occurrences without anything but their time.
func TestReadStubs(t *testing.T) {
	stub := func(id, master string, hour int) string {
		return fmt.Sprintf(`{"id":%q,"type":"occurrence","seriesMasterId":%q,
			"start":{"dateTime":"2027-04-08T%02d:00:00","timeZone":"UTC"},
			"end":{"dateTime":"2027-04-08T%02d:30:00","timeZone":"UTC"}}`, id, master, hour, hour)
	}
	m := mailbox{
		rows: strings.Join([]string{
			stub("a", "busy", 8), stub("b", "busy", 9), stub("c", "free", 10), stub("d", "gone", 11),
			stub("e", "cancelled", 12), `{"id":"busy","type":"seriesMaster","showAs":"busy"}`, `null`,
			`{"id":"f","type":"singleInstance","showAs":"busy","isCancelled":true}`}, ","),
		events: map[string]string{
			"busy":      `{"id":"busy","type":"seriesMaster","showAs":"oof"}`,
			"free":      `{"id":"free","type":"seriesMaster","showAs":"free"}`,
			"cancelled": `{"id":"cancelled","type":"seriesMaster","showAs":"busy","isCancelled":true}`,
		},
	}
	snap, err := m.read(t)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, e := range snap.Events {
		got[e.ID] = e.Busy
		if !e.Recurring || e.Interval.Duration() != 30*time.Minute {
			t.Errorf("occurrence %+v", e)
		}
	}
	if diff := cmp.Diff(map[string]bool{"a": true, "b": true, "c": false, "d": true}, got); diff != "" {
		t.Errorf("busy by id (-want +got)\n%s", diff)
	}
	m.events = nil
	m.rows += ",{}"
	if snap, err := m.read(t); err != nil || len(snap.Events) != 6 || snap.Events[5].Interval != window {
		t.Errorf("series gone, and a row without anything: %+v, %v", snap.Events, err)
	}
}

func TestMailboxZone(t *testing.T) {
	day := `{"id":"e","isAllDay":true,"start":{"dateTime":"2027-04-08T00:00:00","timeZone":"UTC"},
		"end":{"dateTime":"2027-04-09T00:00:00","timeZone":"UTC"}}`
	start := func(zone string) int64 {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		return time.Date(2027, 4, 8, 0, 0, 0, 0, loc).Unix()
	}
	for _, c := range []struct {
		name, settings, config string
		want                   int64 // 0: refused
	}{
		{"Windows name", `{"timeZone":"W. Europe Standard Time"}`, "", start("Europe/Berlin")},
		{"IANA name", `{"timeZone":"Asia/Tokyo"}`, "Europe/Berlin", start("Asia/Tokyo")},
		{"not readable", ``, "Europe/Berlin", start("Europe/Berlin")},
		{"not set", `{}`, "Europe/Berlin", start("Europe/Berlin")},
		{"not readable, no other", ``, "", 0},
		{"unknown", `{"timeZone":"tzone://Microsoft/Custom"}`, "Europe/Berlin", start("Europe/Berlin")},
		{"unknown, no other", `{"timeZone":"tzone://Microsoft/Custom"}`, "", 0},
	} {
		snap, err := mailbox{rows: day, settings: c.settings}.read(t, func(cfg *Config) { cfg.Zone = c.config })
		if c.want == 0 {
			if err == nil || calendar.KindOf(err) != calendar.Refused {
				t.Errorf("%s: %v, want it refused", c.name, err)
			}
			continue
		}
		if err != nil || snap.Events[0].Interval.Start != c.want {
			t.Errorf("%s: %+v, %v, want it to start at %d", c.name, snap.Events, err, c.want)
		}
	}
}

// TestReadPolicy: all_day = "busy" is a matter of each calendar.
func TestReadPolicy(t *testing.T) {
	m := mailbox{
		rows: `{"id":"day","isAllDay":true,"showAs":"free","start":{"dateTime":"2027-04-08T00:00:00","timeZone":"UTC"},
			"end":{"dateTime":"2027-04-09T00:00:00","timeZone":"UTC"}}`,
		settings: `{"timeZone":"UTC"}`,
	}
	c := open(t, m.ServeHTTP, func(cfg *Config) { cfg.AllDayBusy = func(cal string) bool { return cal == "strict" } })
	for cal, want := range map[string]bool{"strict": true, "lax": false} {
		snap, err := c.Read(t.Context(), cal, window)
		if err != nil || len(snap.Events) != 1 || snap.Events[0].Busy != want {
			t.Errorf("%s: %+v, %v, want the day with busy %v", cal, snap.Events, err, want)
		}
	}
}

func TestReadRefusesWhatIsNoAnswer(t *testing.T) {
	for name, body := range map[string]string{
		"other JSON": `{}`, "no JSON": `<html>`, "cut": `{"value":[{"id":"e"`, "empty": ``,
		"null": `null`, "a list": `[]`, "wrong types": `{"value":[{"id":7}]}`,
		"rows that are none": `{"value":[1,"x",[]]}`, "value is no list": `{"value":{}}`,
		"link elsewhere": `{"value":[],"@odata.nextLink":"https://elsewhere.example/v1.0/me"}`,
		"link of sorts":  `{"value":[],"@odata.nextLink":"::"}`,
	} {
		snap, err := open(t, reply(200, body)).Read(t.Context(), "c", window)
		if name == "rows that are none" && err == nil {
			// The SDK reads them as events without anything; they block the whole window.
			for _, e := range snap.Events {
				if !e.Busy || e.Interval != window {
					t.Errorf("%s: %+v", name, e)
				}
			}
			continue
		}
		if err == nil || calendar.KindOf(err) != calendar.Unclear || snap.Events != nil {
			t.Errorf("%s: %+v, %v, want an unclear error", name, snap, err)
		}
	}
	if snap, err := open(t, reply(200, `{"value":[]}`)).Read(t.Context(), "c", window); err != nil || snap.Pages != 1 {
		t.Errorf("an empty calendar: %+v, %v", snap, err)
	}
}

func TestPagesEnd(t *testing.T) {
	c := open(t, func(w http.ResponseWriter, r *http.Request) {
		write(w, 200, `{"value":[],"@odata.nextLink":"http://`+r.Host+r.URL.Path+`?again"}`)
	})
	if _, err := c.Read(t.Context(), "c", window); err == nil {
		t.Error("a window without an end was read")
	}
}

// fixed answers every request with one body.
type fixed string

func (f fixed) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, ContentLength: int64(len(f)),
		Body: io.NopCloser(strings.NewReader(string(f))), Request: r,
	}, nil
}

// FuzzReply: whatever the server says, nothing panics, a read is a snapshot or an error, and no busy event is empty.
func FuzzReply(f *testing.F) {
	f.Add(`{"value":[{"id":"e","type":"occurrence","seriesMasterId":"m","isAllDay":true,
		"start":{"dateTime":"2027-04-08"}}]}`)
	f.Add(`{"value":[null,{"showAs":"oof","singleValueExtendedProperties":[null,{"id":"x"}]}],
		"@odata.nextLink":"http://api.example/x"}`)
	f.Add(`{"value":{"a":1},"timeZone":7,"@odata.deltaLink":"http://api.example/y"}`)
	f.Fuzz(func(t *testing.T, body string) {
		if strings.Contains(body, "nextLink") && len(body) > 200 {
			return // paging to the cap costs time and shows nothing new
		}
		c, err := New(Config{HTTP: &http.Client{Transport: fixed(body)}, APIURL: "http://api.example/v1.0", Zone: "UTC"})
		if err != nil {
			t.Fatal(err)
		}
		snap, err := c.Read(context.Background(), "c", window)
		if err != nil && len(snap.Events) > 0 {
			t.Error("events beside an error")
		}
		for _, e := range snap.Events {
			if e.Busy && e.Interval.Empty() {
				t.Errorf("busy, but empty: %+v", e)
			}
		}
		_, _ = c.Changed(context.Background(), "c", window, "")
		_, _ = c.Calendars(context.Background())
		_, _ = c.Apply(context.Background(), "c", calendar.Wanted{Identity: "x", Unclear: true, Interval: window})
	})
}

// FuzzMoment: whatever a time says, it is an instant or it is not.
func FuzzMoment(f *testing.F) {
	f.Add("2027-04-08T12:00:00.0000000", "UTC")
	f.Add("2027-04-08", "Tokyo Standard Time")
	f.Add("9999-12-31T23:59:59", "../../etc")
	f.Add("0000-00-00T00:00:00Z", "Local")
	f.Fuzz(func(t *testing.T, dateTime, zone string) {
		r := row{start: moment{dateTime, zone}, end: moment{dateTime, zone}}
		for _, r.allDay = range []bool{false, true} {
			if e, keep := r.event(window, time.UTC, false); !keep || e.Busy && e.Interval.Empty() {
				t.Errorf("%+v", e)
			}
		}
	})
}
