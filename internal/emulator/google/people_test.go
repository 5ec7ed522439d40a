package google_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"slotd/internal/emulator/fault"
	"slotd/internal/emulator/google"
)

// insert makes the booking b0001 through the API and returns it.
func (f *fixture) insert() map[string]any {
	f.t.Helper()
	status, body := f.do("POST", "calendars/"+cal+"/events", booking("b0001", 3))
	if status != http.StatusOK {
		f.t.Fatal(status, body)
	}
	return body
}

func TestWhatPeopleDo(t *testing.T) {
	f := setup(t, google.Options{})
	f.AddCalendar(user, "room@group.example", "Room 1", "UTC")
	was := f.insert()
	copied := f.Duplicate(cal, "b0001")
	if e, ok := f.Find(cal, copied); !ok || copied == "b0001" || e.Private["slotd"] != "b1" || e.Title != "Booking" {
		t.Errorf("the copy %q: %+v", copied, e)
	}
	f.Delete(cal, "b0001")
	if f.Edit(cal, "b0001", func(e *google.Event) { e.Title = "x" }) {
		t.Error("a deleted event was edited")
	}
	f.Restore(cal, "b0001")
	if e, _ := f.Find(cal, "b0001"); e.Status != google.Confirmed || e.ETag == was["etag"] {
		t.Errorf("restored: %+v", e)
	}
	f.Edit(cal, "b0001", func(e *google.Event) { e.Recurrence = []string{"RRULE:FREQ=DAILY;COUNT=2"} })
	rows, _ := f.list(window("2026-03-03T00:00:00Z", "2026-03-05T00:00:00Z"))
	if ids := column(rows, "id"); !slices.Equal(ids, []string{"b0001_20260303T090000Z", "b0001_20260304T090000Z", copied}) {
		t.Errorf("rows %v", ids)
	}
	if props := rows[0]["extendedProperties"]; props == nil {
		t.Error("an occurrence inherits the properties of its series")
	}
	f.Transfer(cal, copied, "room@group.example")
	here, _ := f.Find(cal, copied)
	there, ok := f.Find("room@group.example", copied)
	if here.Status != google.Cancelled || !ok || there.Status != google.Confirmed {
		t.Errorf("moved: here %+v, there %+v", here, there)
	}
}

// TestListsLagBehind: for two requests, lists, searches and the token feed show a write as if it had not been.
func TestListsLagBehind(t *testing.T) {
	f := setup(t, google.Options{})
	days := window("2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z")
	search := url.Values{"privateExtendedProperty": {"slotd=b1"}}
	_, last := f.list(url.Values{})
	since := url.Values{"syncToken": {last["nextSyncToken"].(string)}}
	f.Inject(fault.Rule{Op: "events.insert", LagRequests: 4, LagFor: time.Minute, PathContains: url.PathEscape(cal)})
	f.insert()
	if status, _ := f.do("GET", "calendars/"+cal+"/events/b0001", nil); status != 200 {
		t.Errorf("the event itself: %d", status)
	}
	for _, params := range []url.Values{days, search, since} {
		rows, page := f.list(params)
		if len(rows) != 0 {
			t.Errorf("%v shows %v at once", params, rows)
		}
		if params.Has("syncToken") {
			since = url.Values{"syncToken": {page["nextSyncToken"].(string)}}
		}
	}
	if rows, _ := f.list(days); len(rows) != 0 {
		t.Error("the requests were served, but the minute is not over")
	}
	f.now = f.now.Add(time.Minute)
	for _, params := range []url.Values{days, search, since} {
		if rows, _ := f.list(params); len(rows) != 1 {
			t.Errorf("%v shows %v in the end", params, rows)
		}
	}
	// A change and a deletion that lag show what was before.
	f.Inject(fault.Rule{Op: "events.delete", LagRequests: 1})
	f.do("DELETE", "calendars/"+cal+"/events/b0001", nil)
	for i := range 2 {
		if rows, _ := f.list(days); len(rows) != 1-i {
			t.Errorf("list %d after the deletion: %v", i+1, rows)
		}
	}
}

func TestChurn(t *testing.T) {
	f := setup(t, google.Options{})
	was := f.insert()
	f.Inject(fault.Rule{Op: "events.get", Churn: true})
	for range 2 {
		status, now := f.do("GET", "calendars/"+cal+"/events/b0001", nil)
		if status != 200 || now["etag"] == was["etag"] || now["sequence"] != was["sequence"] {
			t.Errorf("%d %v, want another etag only", status, now)
		}
	}
}

func TestPropertyLimits(t *testing.T) {
	f := setup(t, google.Options{})
	write := func(id string, private map[string]string) (int, map[string]any) {
		body := booking(id, 3)
		body["extendedProperties"] = map[string]any{"private": private}
		return f.do("POST", "calendars/"+cal+"/events", body)
	}
	long := strings.Repeat("ü", 1025)
	status, _ := write("b0001", map[string]string{"k": long, strings.Repeat("k", 44): "v", strings.Repeat("k", 45): "v"})
	e, _ := f.Find(cal, "b0001")
	if status != 200 || len(e.Private) != 2 || e.Private["k"] != strings.Repeat("ü", 1024) {
		t.Errorf("%d, %d properties, a value of %d bytes", status, len(e.Private), len(e.Private["k"]))
	}
	many := map[string]string{}
	for i := range 40 {
		many[strings.Repeat("k", i+1)] = strings.Repeat("v", 1000)
	}
	if status, body := write("b0002", many); status != 400 {
		t.Errorf("40 kB: %d %v", status, body)
	}
}

func TestUndelete(t *testing.T) {
	f := setup(t, google.Options{Undelete: true})
	was := f.insert()
	f.Delete(cal, "b0001")
	event := "calendars/" + cal + "/events/b0001"
	if status, _ := f.do("PUT", event, booking("", 4), "If-Match", was["etag"].(string)); status != 412 {
		t.Errorf("with the etag of before: %d", status)
	}
	if status, body := f.do("PATCH", event, map[string]any{"summary": "x"}); status != 200 || body["status"] != "cancelled" {
		t.Errorf("patch: %d %v", status, body)
	}
	if status, body := f.do("PUT", event, booking("", 4)); status != 200 || body["status"] != "confirmed" {
		t.Errorf("put: %d %v", status, body)
	}
}
