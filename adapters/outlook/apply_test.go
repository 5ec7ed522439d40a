package outlook

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"slotd/internal/calendar"

	"github.com/google/go-cmp/cmp"
)

// TestCreateBody checks what is posted: nobody is invited, no reminder is set or taken away.
func TestCreateBody(t *testing.T) {
	var sent map[string]any
	c := open(t, func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength <= 0 || r.Header.Get("Content-Encoding") != "" {
			t.Errorf("body of length %d in encoding %q", r.ContentLength, r.Header.Get("Content-Encoding"))
		}
		if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
			t.Error(err)
		}
		got := map[string]any{
			"id": "e", "@odata.etag": "1", "transactionId": sent["transactionId"], "start": sent["start"], "end": sent["end"],
		}
		body, _ := json.Marshal(got)
		write(w, 201, string(body))
	})
	w := calendar.Wanted{
		Identity: Identity("s", "b", "r", 0), Version: 3, Zone: "Europe/Berlin", Title: "Visit", Marker: "m",
		Interval: calendar.Interval{Start: window.Start, End: window.Start + 3600},
	}
	got, err := c.Apply(t.Context(), "c", w)
	if err != nil {
		t.Fatal(err)
	}
	if want := (calendar.Written{ID: "e", ETag: "1", Interval: w.Interval, Version: 3}); got != want {
		t.Errorf("written %+v, want %+v", got, want)
	}
	want := map[string]any{
		"@odata.type":   "#microsoft.graph.event",
		"transactionId": w.Identity, "subject": "Visit", "showAs": "busy", "isAllDay": false,
		"body":  map[string]any{"content": "", "contentType": "text"},
		"start": map[string]any{"dateTime": "2027-04-09T00:00:00", "timeZone": "UTC"},
		"end":   map[string]any{"dateTime": "2027-04-09T01:00:00", "timeZone": "UTC"},
		"singleValueExtendedProperties": []any{
			map[string]any{"id": markerProperty, "value": "m v3 " + digest("Visit") + "." + digest("")},
			map[string]any{"id": identityProperty, "value": w.Identity},
		},
	}
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Errorf("body (-want +got)\n%s", diff)
	}
}

func TestMarkerRoundTrip(t *testing.T) {
	for _, marker := range []string{"", "s/b/r", "s v2/b v3", "s v2 1.2", "ends in v"} {
		if m, v, text := splitMarker(joinMarker(marker, 7, "1.2")); m != marker || v != 7 || text != "1.2" {
			t.Errorf("%q became %q version %d text %q", marker, m, v, text)
		}
	}
	for value, version := range map[string]uint64{"no version": 0, "no v7x": 0, "an old one v7": 7} {
		m, v, text := splitMarker(value)
		if v != version || text != "" || v == 0 && m != value {
			t.Errorf("%q became %q version %d text %q", value, m, v, text)
		}
	}
}

func TestIdentity(t *testing.T) {
	seen := map[string]bool{}
	for _, args := range [][3]string{{"s", "b", "r"}, {"sb", "", "r"}, {"s", "", "br"}, {"s\" \"b", "", "r"}} {
		for attempt := range 3 {
			id := Identity(args[0], args[1], args[2], attempt)
			if !regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`).MatchString(id) {
				t.Errorf("%q is not shaped like a UUID", id)
			}
			if seen[id] {
				t.Errorf("%q was made twice", id)
			}
			seen[id] = true
		}
	}
	// Stored identities must keep their meaning over releases.
	if got := Identity("store1", "booking1", "adams", 0); got != "305dad19-9aca-8045-99dd-352b9696247f" {
		t.Errorf("the identity changed to %q", got)
	}
}

// TestApplyOddAnswers: what Graph is not documented to do, but may.
func TestApplyOddAnswers(t *testing.T) {
	w := calendar.Wanted{
		Identity: "11111111-2222-8333-8444-555555555555", Version: 2, Marker: "m",
		Interval: calendar.Interval{Start: window.Start, End: window.Start + 3600},
	}
	event := func(identity string, version int) string {
		return fmt.Sprintf(`{"id":"e","@odata.etag":"%d","transactionId":%q,
			"start":{"dateTime":"2027-04-09T00:00:00","timeZone":"UTC"},
			"end":{"dateTime":"2027-04-09T01:00:00","timeZone":"UTC"},
			"singleValueExtendedProperties":[{"id":%q,"value":"m v%d"}]}`, version, identity, markerProperty, version)
	}
	const none = `{"value":[]}`
	list := func(ev string) string { return `{"value":[` + ev + `]}` }
	unclear := w
	unclear.Unclear = true
	known := w
	known.Known = calendar.Written{ID: "e", ETag: "1", Interval: w.Interval, Version: 1}
	removed := unclear
	removed.Removed, removed.Interval = true, calendar.Interval{}
	for _, c := range []struct {
		name                    string
		wanted                  calendar.Wanted
		view, get, post, search string // "" is refused with 400, a number is a status
		patch                   string
		want                    calendar.Kind
		ok                      bool
	}{
		{name: "the answer shows no identity", wanted: w, post: event("", 2), ok: true},
		{name: "the answer shows another", wanted: w, post: event("other", 2), want: calendar.Unclear},
		{name: "taken, and found", wanted: w, post: "409", view: list(event(w.Identity, 2)),
			get: event(w.Identity, 2), ok: true},
		{name: "taken, and not found", wanted: w, post: "409", view: none, search: none, want: calendar.Unclear},
		{name: "found by search", wanted: unclear, view: none, search: list(`{"id":"e"}`),
			get: event(w.Identity, 2), ok: true},
		{name: "search not served", wanted: unclear, view: none, post: event(w.Identity, 2),
			get: event(w.Identity, 2), ok: true},
		{name: "look-up failed", wanted: unclear, view: "503", post: event(w.Identity, 2), want: calendar.Unclear},
		{name: "search failed", wanted: unclear, view: none, search: "503",
			post: event(w.Identity, 2), want: calendar.Unclear},
		{name: "lost and rewritten", wanted: unclear, view: list(event(w.Identity, 1)), get: event(w.Identity, 1),
			patch: event(w.Identity, 2), ok: true},
		{name: "moved back by ourselves", wanted: known, get: event(w.Identity, 2), ok: true},
		{name: "refused as changed, and not changed", wanted: known, get: event(w.Identity, 1), patch: "412",
			want: calendar.Unclear},
		{name: "not ours", wanted: known, get: strings.ReplaceAll(event("", 1), "m v1", "other v1"),
			want: calendar.Conflict},
		{name: "removal without any look-up", wanted: removed, view: none, want: calendar.Refused},
	} {
		client := open(t, func(rw http.ResponseWriter, r *http.Request) {
			body := map[string]string{"POST": c.post, "PATCH": c.patch}[r.Method]
			if r.Method == http.MethodGet {
				switch last := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]; last {
				case "calendarView":
					body = c.view
				case "events":
					body = c.search
				default:
					body = c.get
				}
			}
			status := map[string]int{"": 400, "409": 409, "412": 412, "503": 503}[body]
			if status == 0 {
				status = 200
			}
			write(rw, status, body)
		})
		got, err := client.Apply(t.Context(), "c", c.wanted)
		if c.ok {
			if err != nil || got.ID != "e" || got.Version != 2 || got.Interval != w.Interval {
				t.Errorf("%s: %+v, %v", c.name, got, err)
			}
			continue
		}
		if err == nil || calendar.KindOf(err) != c.want {
			t.Errorf("%s: %+v, %v, want kind %v", c.name, got, err, c.want)
		}
	}
}
