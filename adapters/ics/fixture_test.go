package ics_test

import (
	"context"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the same zones on every machine that has none of its own

	"slotd/adapters/ics"
	"slotd/internal/calendar"
	emulator "slotd/internal/emulator/ics"

	"github.com/google/go-cmp/cmp"
)

// loopback lets tests reach the emulator, and nothing else that is not public.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("::1/128")}

func at(t testing.TB, rfc3339 string) int64 {
	t.Helper()
	v, err := time.Parse(time.RFC3339, rfc3339)
	if err != nil {
		t.Fatal(err)
	}
	return v.Unix()
}

func location(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// spring is a window around the night of 29 March 2026, when clocks go forward in Europe, autumn one around 25 October.
func spring(t testing.TB) calendar.Interval {
	return calendar.Interval{Start: at(t, "2026-03-23T00:00:00Z"), End: at(t, "2026-04-13T00:00:00Z")}
}

func autumn(t testing.TB) calendar.Interval {
	return calendar.Interval{Start: at(t, "2026-10-19T00:00:00Z"), End: at(t, "2026-11-09T00:00:00Z")}
}

// busy is the union of the busy time of a snapshot, cut to its window, start and end by turns.
func busy(snap calendar.Snapshot) []string {
	var spans []calendar.Interval
	for _, e := range snap.Events {
		if e.Busy {
			spans = append(spans, calendar.Interval{
				Start: max(e.Interval.Start, snap.Window.Start), End: min(e.Interval.End, snap.Window.End),
			})
		}
	}
	var out []string
	for _, s := range calendar.Union(spans) {
		out = append(out, s.StartTime().Format(time.RFC3339), s.EndTime().Format(time.RFC3339))
	}
	return out
}

// wrap makes a calendar of content lines.
func wrap(lines string) string {
	all := "BEGIN:VCALENDAR\nVERSION:2.0\n" + strings.TrimSpace(lines) + "\nEND:VCALENDAR\n"
	return strings.ReplaceAll(all, "\n", "\r\n")
}

// vevent makes a calendar of one event.
func vevent(lines string) string {
	return wrap("BEGIN:VEVENT\nUID:1\n" + strings.TrimSpace(lines) + "\nEND:VEVENT")
}

// reading is what a read of a text gives.
type reading struct {
	snap calendar.Snapshot
	odd  map[string]int
	err  error
}

func (r *reading) report(_ string, _ calendar.Interval, odd []ics.Oddity) {
	for _, o := range odd {
		r.odd[o.Kind] = o.Count
	}
}

// readText reads a text through a file, as the only feed of a business in zone.
func readText(t testing.TB, text, zone string, window calendar.Interval) reading {
	t.Helper()
	name := filepath.Join(t.TempDir(), "feed.ics")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r := reading{odd: map[string]int{}}
	client := open(t, ics.Options{
		Feeds: map[string]ics.Feed{"feed": {File: name}}, Zone: location(t, zone),
		Report: r.report,
	})
	r.snap, r.err = client.Read(t.Context(), "feed", window)
	return r
}

func open(t testing.TB, opt ics.Options) *ics.Client {
	t.Helper()
	client, err := ics.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// wantBusy checks the busy time, and what was reported.
func wantBusy(t *testing.T, r reading, want []string, odd map[string]int) {
	t.Helper()
	if r.err != nil {
		t.Fatal(r.err)
	}
	if d := cmp.Diff(want, busy(r.snap)); d != "" {
		t.Errorf("busy (-want +got):\n%s", d)
	}
	if odd == nil {
		odd = map[string]int{}
	}
	if d := cmp.Diff(odd, r.odd); d != "" {
		t.Errorf("oddities (-want +got):\n%s", d)
	}
}

// web is an emulated server with a client of its feeds.
type web struct {
	*emulator.Server
	url    string
	client *ics.Client
}

// serve starts an emulator whose feed "adams" is f. change adjusts the client's options.
func serve(t *testing.T, f emulator.Feed, change func(*ics.Options)) *web {
	t.Helper()
	w := &web{Server: emulator.New(nil)}
	w.Put("adams", f)
	ts := httptest.NewServer(w.Handler())
	t.Cleanup(ts.Close)
	w.url = ts.URL
	opt := ics.Options{Feeds: map[string]ics.Feed{"adams": {URL: ts.URL + "/adams.ics?token=SECRET"}}, Networks: loopback}
	if change != nil {
		change(&opt)
	}
	w.client = open(t, opt)
	return w
}

func (w *web) changed(t *testing.T, cursor calendar.Cursor) calendar.Change {
	t.Helper()
	change, err := w.client.Changed(context.Background(), "adams", spring(t), cursor)
	if err != nil {
		t.Fatal(err)
	}
	return change
}

// wantError checks the kind of an error and that it gives nothing away.
func wantError(t *testing.T, err error, kind calendar.Kind, contains string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if got := calendar.KindOf(err); got != kind {
		t.Errorf("kind %s, want %s: %v", got, kind, err)
	}
	if !strings.Contains(err.Error(), contains) {
		t.Errorf("error %q does not say %q", err, contains)
	}
	for _, secret := range []string{"SECRET", "127.0.0.1", "adams.ics", "/tmp", "Check-up", "private words"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("error %q holds %q", err, secret)
		}
	}
}

func serveText(t *testing.T, text string, change func(*ics.Options)) *web {
	t.Helper()
	return serve(t, emulator.Feed{Text: text}, change)
}
