package ics_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"slotd/adapters/ics"
	"slotd/internal/calendar"
	"slotd/internal/emulator/fault"
	emulator "slotd/internal/emulator/ics"

	"github.com/google/go-cmp/cmp"
)

const oneEvent = "BEGIN:VEVENT\nUID:1\nDTSTAMP:20260101T000000Z\nSUMMARY:Check-up\nDTSTART:20260324T080000Z\nDTEND:20260324T090000Z\nEND:VEVENT"

// TestUnchanged: the ways in which a server shows that nothing happened, and the ways in which it shows that something did.
func TestUnchanged(t *testing.T) {
	long := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name          string
		before, after emulator.Feed
		changed       bool
		replies       []int // to the first look, and to the second
	}{
		{"ETag", emulator.Feed{ETag: true}, emulator.Feed{ETag: true}, false, []int{200, 304}},
		{"Last-Modified", emulator.Feed{Changed: long}, emulator.Feed{Changed: long}, false, []int{200, 304}},
		{"no validators", emulator.Feed{}, emulator.Feed{}, false, []int{200, 200}},
		{"stamped anew", emulator.Feed{Stamp: true}, emulator.Feed{Stamp: true}, false, []int{200, 200}},
		{"another ETag, another title", emulator.Feed{ETag: true}, emulator.Feed{ETag: true, Text: wrap(strings.Replace(oneEvent, "Check-up", "X-ray", 1))},
			false, []int{200, 200}},
		{"another UID", emulator.Feed{}, emulator.Feed{Text: wrap(strings.Replace(oneEvent, "UID:1", "UID:2", 1))}, false, []int{200, 200}},
		{"another time", emulator.Feed{ETag: true}, emulator.Feed{ETag: true, Text: wrap(strings.Replace(oneEvent, "T09", "T10", 1))}, true, []int{200, 200}},
		{"another zone", emulator.Feed{}, emulator.Feed{Text: wrap("X-WR-TIMEZONE:Asia/Tokyo\n" + oneEvent)}, true, []int{200, 200}},
		{"free now", emulator.Feed{}, emulator.Feed{Text: wrap(strings.Replace(oneEvent, "END:V", "TRANSP:TRANSPARENT\nEND:V", 1))}, true, []int{200, 200}},
		{"one more", emulator.Feed{}, emulator.Feed{Text: wrap(oneEvent + "\n" + oneEvent)}, true, []int{200, 200}},
		{"empty now", emulator.Feed{}, emulator.Feed{Text: wrap("")}, true, []int{200, 200}},
		{"changed, with Last-Modified", emulator.Feed{Changed: long},
			emulator.Feed{Changed: long.Add(time.Second), Text: wrap(strings.Replace(oneEvent, "T09", "T10", 1))}, true, []int{200, 200}},
		// of two changes in one second the second would not show
		{"modified just now", emulator.Feed{Changed: time.Now()}, emulator.Feed{Changed: time.Now()}, false, []int{200, 200}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.before.Text = wrap(oneEvent)
			if tt.after.Text == "" {
				tt.after.Text = wrap(oneEvent)
			}
			w := serve(t, tt.before, nil)
			first := w.changed(t, "")
			if !first.Changed || first.Cursor == "" {
				t.Errorf("without a cursor: %+v", first)
			}
			w.Put("adams", tt.after)
			if second := w.changed(t, first.Cursor); second.Changed != tt.changed || second.Cursor == "" {
				t.Errorf("changed %t, want %t (cursor %q)", second.Changed, tt.changed, second.Cursor)
			}
			if d := cmp.Diff(tt.replies, w.Replies("adams")); d != "" {
				t.Errorf("replies (-want +got):\n%s", d)
			}
		})
	}
}

// TestCursorSurvives: a cursor is all that is needed, and one of another form only costs a read.
func TestCursorSurvives(t *testing.T) {
	w := serve(t, emulator.Feed{Text: wrap(oneEvent), ETag: true}, nil)
	cursor := w.changed(t, "").Cursor
	w.client = open(t, ics.Options{Feeds: map[string]ics.Feed{"adams": {URL: w.url + "/adams.ics"}}, Networks: loopback})
	if w.changed(t, cursor).Changed {
		t.Error("another client sees a change with the same cursor")
	}
	for _, other := range []calendar.Cursor{"x", "2\na\nb\nc", "\n\n\n"} {
		if !w.changed(t, other).Changed {
			t.Errorf("the cursor %q is understood", other)
		}
	}
}

// TestReadIgnoresValidators: a server that always says "not modified" is found out by the next read.
func TestReadIgnoresValidators(t *testing.T) {
	w := serve(t, emulator.Feed{Text: wrap(oneEvent), ETag: true}, nil)
	w.changed(t, "")
	if _, err := w.client.Read(t.Context(), "adams", spring(t)); err != nil {
		t.Fatal(err)
	}
	requests := w.Requests("adams")
	if h := requests[len(requests)-1]; h.Get("If-None-Match") != "" || h.Get("If-Modified-Since") != "" || h.Get("Cache-Control") != "no-cache" {
		t.Errorf("the read was conditional, or content with a copy: %v", h)
	}
	w.Inject(fault.Rule{Status: http.StatusNotModified, Times: fault.Forever})
	_, err := w.client.Read(t.Context(), "adams", spring(t))
	wantError(t, err, calendar.Unclear, "304")
	_, err = w.client.Changed(t.Context(), "adams", spring(t), "")
	wantError(t, err, calendar.Unclear, "304")
}

func TestRefusals(t *testing.T) {
	for _, tt := range []struct {
		rule  fault.Rule
		kind  calendar.Kind
		after time.Duration
	}{
		{fault.Rule{Status: 429, RetryAfter: "90"}, calendar.Throttled, 90 * time.Second},
		{fault.Rule{Status: 503, RetryAfter: "5"}, calendar.Throttled, 5 * time.Second},
		{fault.Rule{Status: 503}, calendar.Throttled, 0},
		{fault.Rule{Status: 401}, calendar.NeedsPerson, 0},
		{fault.Rule{Status: 403}, calendar.NeedsPerson, 0},
		{fault.Rule{Status: 404}, calendar.Gone, 0},
		{fault.Rule{Status: 410}, calendar.Gone, 0},
		{fault.Rule{Status: 400}, calendar.Unclear, 0},
		{fault.Rule{Status: 500}, calendar.Unclear, 0},
		{fault.Rule{Status: 204}, calendar.Unclear, 0},
		{fault.Rule{Status: 206}, calendar.Unclear, 0},
		{fault.Rule{Reset: true}, calendar.Unclear, 0},
		{fault.Rule{Truncate: true}, calendar.Unclear, 0},
	} {
		w := serve(t, emulator.Feed{Text: wrap(oneEvent)}, nil)
		tt.rule.Times = fault.Forever
		w.Inject(tt.rule)
		_, err1 := w.client.Changed(t.Context(), "adams", spring(t), "")
		_, err2 := w.client.Read(t.Context(), "adams", spring(t))
		for _, err := range []error{err1, err2} {
			wantError(t, err, tt.kind, "")
			if got := calendar.RetryAfter(err); got != tt.after {
				t.Errorf("%+v: retry after %s, want %s", tt.rule, got, tt.after)
			}
		}
	}
}

// TestNotACalendar: what is no whole calendar is an error, not an empty one.
func TestNotACalendar(t *testing.T) {
	event := "BEGIN:VEVENT\r\nDTSTART:20260324T080000Z\r\nEND:VEVENT\r\n"
	for _, tt := range []struct {
		name, text string
		kind       calendar.Kind
		reason     string
	}{
		{"HTML", "<!DOCTYPE html><html><body>Please sign in</body></html>", calendar.Unclear, "notACalendar"},
		{"nothing", "", calendar.Unclear, "notACalendar"},
		{"blank lines", "\r\n\r\n", calendar.Unclear, "notACalendar"},
		{"JSON", `{"error": "BEGIN:VCALENDAR"}`, calendar.Unclear, "notACalendar"},
		{"UTF-16", "\xff\xfeB\x00E\x00G\x00", calendar.Unclear, "notACalendar"},
		{"an event alone", event, calendar.Unclear, "notACalendar"},
		{"cut off in a line", "BEGIN:VCALENDAR\r\n" + event + "END:VCAL", calendar.Unclear, "malformedCalendar"},
		{"cut off in an event", "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:20260324", calendar.Unclear, "truncated"},
		{"cut off between events", "BEGIN:VCALENDAR\r\n" + event, calendar.Unclear, "truncated"},
		{"a second one cut off", wrap(event) + "BEGIN:VCALENDAR\r\n", calendar.Unclear, "truncated"},
		{"a warning behind it", wrap(event) + "<b>Warning</b>: out of memory", calendar.Unclear, "notACalendar"},
		{"wrong nesting", "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nEND:VCALENDAR\r\n", calendar.Unclear, "malformedCalendar"},
		{"deep nesting", strings.Repeat("BEGIN:VCALENDAR\r\n", 1000), calendar.Unclear, "malformedCalendar"},
		{"availability", wrap("BEGIN:VAVAILABILITY\nBUSYTYPE:BUSY\nEND:VAVAILABILITY"), calendar.Refused, "unsupportedComponent"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := serveText(t, tt.text, nil)
			_, err := w.client.Changed(t.Context(), "adams", spring(t), "")
			wantError(t, err, tt.kind, tt.reason)
			_, err = w.client.Read(t.Context(), "adams", spring(t))
			wantError(t, err, tt.kind, tt.reason)
		})
	}
}

// TestForms: what is allowed, or harmless.
func TestForms(t *testing.T) {
	text := wrap(oneEvent)
	for name, variant := range map[string]string{
		"line feeds":     strings.ReplaceAll(text, "\r\n", "\n"),
		"byte order":     "\xef\xbb\xbf" + text,
		"folded":         strings.ReplaceAll(strings.ReplaceAll(text, "0324T", "03\r\n 24T"), "UID", "U\r\n\tID"),
		"no last end":    strings.TrimSuffix(text, "\r\n"),
		"two calendars":  wrap("") + text,
		"lower case":     strings.ToLower(text),
		"blanks":         strings.ReplaceAll(text, "\r\n", "\r\n\r\n"),
		"to-dos":         wrap("BEGIN:VTODO\nDTSTART:20260325T080000Z\nDUE:20260326T080000Z\nEND:VTODO\n" + oneEvent),
		"an alarm":       strings.Replace(text, "END:VEVENT", "BEGIN:VALARM\r\nTRIGGER:-PT15M\r\nDURATION:PT9H\r\nEND:VALARM\r\nEND:VEVENT", 1),
		"an X-component": wrap("BEGIN:X-THING\nBEGIN:VEVENT\nDTSTART:20260325T080000Z\nDURATION:PT1H\nEND:VEVENT\nEND:X-THING\n" + oneEvent),
	} {
		t.Run(name, func(t *testing.T) {
			wantBusy(t, readText(t, variant, "UTC", spring(t)), eight, nil)
		})
	}
	t.Run("empty", func(t *testing.T) {
		wantBusy(t, readText(t, wrap(""), "UTC", spring(t)), nil, map[string]int{ics.NoEvents: 1})
	})
}

func TestSizeLimit(t *testing.T) {
	chunk := strings.Repeat("X-PADDING:"+strings.Repeat("x", 1000)+"\r\n", 1000)
	for name, f := range map[string]emulator.Feed{
		"plain":     {Text: chunk, Repeat: 3},
		"gzip bomb": {Text: chunk, Repeat: 100, Gzip: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := serve(t, f, func(o *ics.Options) { o.MaxBytes = 1 << 20 })
			_, err := w.client.Read(t.Context(), "adams", spring(t))
			wantError(t, err, calendar.Refused, "tooLarge")
		})
	}
	t.Run("gzip", func(t *testing.T) {
		w := serve(t, emulator.Feed{Text: wrap(oneEvent), Gzip: true}, nil)
		snap, err := w.client.Read(t.Context(), "adams", spring(t))
		wantBusy(t, reading{snap, map[string]int{}, err}, eight, nil)
	})
}

// TestTooManyEvents: a window that cannot be held is an error after bounded work.
func TestTooManyEvents(t *testing.T) {
	series := strings.Repeat("BEGIN:VEVENT\nDTSTART:20260101T000000Z\nDURATION:PT1M\nRRULE:FREQ=DAILY;BYHOUR="+upTo(24)+"\nEND:VEVENT\n", 500)
	r := readText(t, wrap(series), "UTC", spring(t))
	wantError(t, r.err, calendar.Refused, "tooManyEvents")
	// 10,000 days of 24 occurrences each are too many for one series
	window := calendar.Interval{Start: at(t, "2026-01-01T00:00:00Z"), End: at(t, "2053-01-01T00:00:00Z")}
	r = readText(t, vevent("DTSTART:20260101T000000Z\nDURATION:PT1M\nRRULE:FREQ=DAILY;BYHOUR="+upTo(24)), "UTC", window)
	wantBusy(t, r, []string{"2026-01-01T00:00:00Z", "2053-01-01T00:00:00Z"}, map[string]int{ics.TooFrequent: 1})
}

func TestPassword(t *testing.T) {
	w := serve(t, emulator.Feed{Text: wrap(oneEvent), User: "slotd", Password: "SECRET"}, func(o *ics.Options) {
		f := o.Feeds["adams"]
		f.Auth = func(r *http.Request) error { r.SetBasicAuth("slotd", "SECRET"); return nil }
		o.Feeds["adams"] = f
		o.Feeds["nobody"] = ics.Feed{URL: f.URL}
		o.Feeds["unread"] = ics.Feed{URL: f.URL, Auth: func(*http.Request) error { return errors.New("no file SECRET") }}
	})
	if _, err := w.client.Read(t.Context(), "adams", spring(t)); err != nil {
		t.Error(err)
	}
	_, err := w.client.Read(t.Context(), "nobody", spring(t))
	wantError(t, err, calendar.NeedsPerson, "401")
	_, err = w.client.Read(t.Context(), "unread", spring(t))
	wantError(t, err, calendar.NeedsPerson, "credentialsNotRead")
}

// TestSecretAddress: an address that is a secret is read for each request, so that a new one takes effect at once.
func TestSecretAddress(t *testing.T) {
	w := serve(t, emulator.Feed{Text: wrap(oneEvent)}, nil)
	var secret string
	var unread error
	client := open(t, ics.Options{Networks: loopback, Feeds: map[string]ics.Feed{"adams": {
		Address: func() (string, error) { return secret, unread },
	}}})
	for _, c := range []struct {
		secret string
		unread error
		kind   calendar.Kind
		want   string
	}{
		{unread: errors.New("no file SECRET"), kind: calendar.NeedsPerson, want: "cannot be read"},
		{secret: "SECRET", kind: calendar.NeedsPerson, want: "the url cannot be read"},
		{secret: "ftp://host/SECRET", kind: calendar.NeedsPerson, want: "must begin with https"},
		{secret: w.url + "/SECRET.ics", kind: calendar.Gone, want: "404"},
	} {
		secret, unread = c.secret, c.unread
		_, err := client.Read(t.Context(), "adams", spring(t))
		wantError(t, err, c.kind, c.want)
	}
	secret = w.url + "/adams.ics"
	if snap, err := client.Read(t.Context(), "adams", spring(t)); err != nil || len(snap.Events) != 1 {
		t.Errorf("%d events, %v", len(snap.Events), err)
	}
}

func TestPrivateAddresses(t *testing.T) {
	w := serve(t, emulator.Feed{Text: wrap(oneEvent)}, nil)
	port := w.url[strings.LastIndex(w.url, ":"):]
	for name, to := range map[string]string{
		"another address of this machine": "http://127.0.0.2" + port + "/adams.ics",
		"all addresses of this machine":   "http://0.0.0.0" + port + "/adams.ics",
		"the cloud's metadata":            "http://169.254.169.254/latest/meta-data/",
		"the network of the host":         "http://10.0.0.1/adams.ics",
		"an IPv4 address in IPv6":         "http://[::ffff:127.0.0.2]" + port + "/adams.ics",
	} {
		t.Run(name, func(t *testing.T) {
			w.Put("adams", emulator.Feed{RedirectTo: to})
			_, err := w.client.Read(t.Context(), "adams", spring(t))
			wantError(t, err, calendar.Refused, "not public")
		})
	}
	w.Put("adams", emulator.Feed{Text: wrap(oneEvent)})
	feeds := map[string]ics.Feed{"adams": {URL: w.url + "/adams.ics"}, "name": {URL: "http://localhost" + port + "/adams.ics"}}
	for name := range feeds {
		_, err := open(t, ics.Options{Feeds: feeds}).Read(t.Context(), name, spring(t))
		wantError(t, err, calendar.Refused, "not public")
	}
	if _, err := open(t, ics.Options{Feeds: feeds, AllowPrivate: true}).Read(t.Context(), "adams", spring(t)); err != nil {
		t.Error(err)
	}
}

// TestRedirects: they are followed, but carry no credentials to another host, nor the address that they came from.
func TestRedirects(t *testing.T) {
	other := serve(t, emulator.Feed{Text: wrap(oneEvent)}, nil)
	w := serve(t, emulator.Feed{RedirectTo: other.url + "/adams.ics"}, func(o *ics.Options) {
		f := o.Feeds["adams"]
		f.Auth = func(r *http.Request) error {
			r.SetBasicAuth("slotd", "SECRET")
			r.Header.Set("X-Api-Key", "SECRET")
			return nil
		}
		o.Feeds["adams"] = f
	})
	snap, err := w.client.Read(t.Context(), "adams", spring(t))
	wantBusy(t, reading{snap, map[string]int{}, err}, eight, nil)
	if h := w.Requests("adams")[0]; h.Get("X-Api-Key") == "" || h.Get("Authorization") == "" {
		t.Errorf("no credentials for the feed's own host: %v", h)
	}
	for name, values := range other.Requests("adams")[0] {
		if name == "Referer" || strings.Contains(strings.Join(values, " "), "SECRET") || name == "Authorization" {
			t.Errorf("the other host was sent %s", name)
		}
	}
	w.Put("adams", emulator.Feed{RedirectTo: "/adams.ics"})
	_, err = w.client.Read(t.Context(), "adams", spring(t))
	wantError(t, err, calendar.Refused, "redirect")
	if n := len(w.Requests("adams")); n != 7 { // the first read, and six of an endless round
		t.Errorf("%d requests", n)
	}
	w.Put("adams", emulator.Feed{RedirectTo: "file:///etc/passwd"})
	_, err = w.client.Read(t.Context(), "adams", spring(t))
	wantError(t, err, calendar.Refused, "redirect")
}

func TestTLS(t *testing.T) {
	server := emulator.New(nil)
	server.Put("adams", emulator.Feed{Text: wrap(oneEvent)})
	ts := httptest.NewUnstartedServer(server.Handler())
	ts.Config.ErrorLog = log.New(io.Discard, "", 0) // it tells of the handshake that fails on purpose
	ts.StartTLS()
	defer ts.Close()
	feeds := map[string]ics.Feed{"adams": {URL: strings.Replace(ts.URL, "https", "webcal", 1) + "/adams.ics"}}
	client := open(t, ics.Options{Feeds: feeds, Transport: ts.Client().Transport})
	if _, err := client.Read(t.Context(), "adams", spring(t)); err != nil {
		t.Error(err)
	}
	_, err := open(t, ics.Options{Feeds: feeds, AllowPrivate: true}).Read(t.Context(), "adams", spring(t))
	wantError(t, err, calendar.Unclear, "certificate")
	plain := serveText(t, wrap(oneEvent), nil)
	server.Put("adams", emulator.Feed{RedirectTo: plain.url + "/adams.ics"})
	_, err = client.Read(t.Context(), "adams", spring(t))
	wantError(t, err, calendar.Refused, "redirect")
}

// pipe is a network in memory for one server, so that time can be virtual.
type pipe chan net.Conn

func (p pipe) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (p pipe) Close() error   { close(p); return nil }
func (p pipe) Addr() net.Addr { return &net.TCPAddr{} }

func (p pipe) dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	p <- there
	return here, nil
}

// TestSlowServer: neither a server that does not answer nor one that never ends holds a look longer than it may take.
func TestSlowServer(t *testing.T) {
	for name, slow := range map[string]func(*emulator.Server){
		"no answer":  func(s *emulator.Server) { s.Inject(fault.Rule{Delay: time.Hour, Times: fault.Forever}) },
		"half a day": func(s *emulator.Server) { s.Put("adams", emulator.Feed{Text: wrap(oneEvent), Stall: true}) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := emulator.New(nil)
				server.Put("adams", emulator.Feed{Text: wrap(oneEvent)})
				slow(server)
				network := make(pipe)
				hs := &http.Server{Handler: server.Handler()}
				go hs.Serve(network)
				defer hs.Close()
				client := open(t, ics.Options{
					Feeds:     map[string]ics.Feed{"adams": {URL: "http://pms.example/adams.ics"}},
					Transport: &http.Transport{DialContext: network.dial, DisableKeepAlives: true},
				})
				begun := time.Now()
				_, err := client.Read(t.Context(), "adams", spring(t))
				wantError(t, err, calendar.Unclear, "deadline")
				if took := time.Since(begun); took != 20*time.Second {
					t.Errorf("it took %s", took)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
				defer cancel()
				_, err = client.Changed(ctx, "adams", spring(t), "")
				wantError(t, err, calendar.Unclear, "deadline")
			})
		})
	}
}
