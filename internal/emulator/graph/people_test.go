package graph_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"slotd/internal/emulator/fault"
	"slotd/internal/emulator/graph"
)

const propertyID = "String {66f5a359-4659-4830-9070-00047ec6ac6e} Name slotd"

// create makes a booking through the API and returns it.
func (f *fixture) create() map[string]any {
	f.t.Helper()
	status, body := f.do("POST", calendarPath("/events"), booking("t-1", 3))
	if status != http.StatusCreated {
		f.t.Fatal(status, body)
	}
	return body
}

func eventPath(id string) string { return calendarPath("/events/" + url.PathEscape(id)) }

func TestWhatPeopleDo(t *testing.T) {
	f := setup(t, graph.Options{})
	f.AddCalendar(user, "AAMkRoom=", "Room 1", "UTC")
	was := f.create()
	id := was["id"].(string)
	copied := f.Duplicate(cal, id)
	e, ok := f.Find(cal, copied)
	if !ok || copied == id || e.Properties[propertyID] != "Booking's-1" || e.TransactionID == "t-1" || e.TransactionID == "" {
		t.Errorf("the copy %q: %+v", copied, e)
	}
	f.Delete(cal, id)
	if f.Edit(cal, id, func(e *graph.Event) { e.Title = "x" }) {
		t.Error("a deleted event was edited")
	}
	f.Restore(cal, id)
	if e, ok = f.Find(cal, id); !ok || e.ETag == was["@odata.etag"] || e.TransactionID != "t-1" {
		t.Errorf("restored: %+v", e)
	}
	f.Edit(cal, id, func(e *graph.Event) { e.Recurrence = []string{"RRULE:FREQ=DAILY;COUNT=2"} })
	_, master := f.do("GET", eventPath(id), nil)
	rows, _ := f.list(view("/calendarView", "2026-03-01", "2026-04-01"))
	if master["type"] != "seriesMaster" || len(rows) != 3 || rows[0]["seriesMasterId"] != id {
		t.Errorf("master %v, rows %v", master["type"], column(rows, "id"))
	}
	f.Transfer(cal, copied, "AAMkRoom=")
	if status, _ := f.do("GET", eventPath(copied), nil); status != 404 {
		t.Errorf("moved away: %d", status)
	}
	if status, _ := f.do("GET", "me/events/"+url.PathEscape(copied), nil); status != 200 {
		t.Errorf("in the mailbox: %d", status)
	}
}

// TestListsLagBehind: for some requests, lists, searches and the delta feed show a write as if it had not been.
func TestListsLagBehind(t *testing.T) {
	f := setup(t, graph.Options{})
	days := view("/calendarView", "2026-03-01", "2026-04-01")
	search := calendarPath("/events?$filter=" + url.QueryEscape(
		"singleValueExtendedProperties/Any(ep: ep/id eq '"+propertyID+"' and ep/value eq 'Booking''s-1')"))
	_, last := f.list(view("/calendarView/delta", "2026-03-01", "2026-04-01"))
	since := last["@odata.deltaLink"].(string)
	f.Inject(fault.Rule{Op: "events.create", LagRequests: 4, LagFor: time.Minute, PathContains: url.PathEscape(cal)})
	id := f.create()["id"].(string)
	if status, _ := f.do("GET", eventPath(id), nil); status != 200 {
		t.Errorf("the event itself: %d", status)
	}
	for _, path := range []string{days, search, since} {
		rows, page := f.list(path)
		if len(rows) != 0 {
			t.Errorf("%s shows %v at once", path, rows)
		}
		if link, ok := page["@odata.deltaLink"].(string); ok {
			since = link
		}
	}
	if rows, _ := f.list(days); len(rows) != 0 {
		t.Error("the requests were served, but the minute is not over")
	}
	f.now = f.now.Add(time.Minute)
	for _, path := range []string{days, search, since} {
		if rows, _ := f.list(path); len(rows) != 1 {
			t.Errorf("%s shows %v in the end", path, rows)
		}
	}
	f.Inject(fault.Rule{Op: "events.delete", LagRequests: 1})
	f.do("DELETE", eventPath(id), nil)
	for i := range 2 {
		if rows, _ := f.list(days); len(rows) != 1-i {
			t.Errorf("list %d after the deletion: %v", i+1, rows)
		}
	}
}

func TestChurn(t *testing.T) {
	f := setup(t, graph.Options{})
	was := f.create()
	f.Inject(fault.Rule{Op: "events.get", Churn: true})
	for range 2 {
		status, now := f.do("GET", eventPath(was["id"].(string)), nil)
		if status != 200 || now["@odata.etag"] == was["@odata.etag"] || now["subject"] != was["subject"] {
			t.Errorf("%d %v, want another etag only", status, now)
		}
	}
}

// TestListsCutProperties: a list shows 255 characters of a property, the event itself all.
func TestListsCutProperties(t *testing.T) {
	f := setup(t, graph.Options{})
	body := booking("t-1", 3)
	long := strings.Repeat("ü", 300)
	body["singleValueExtendedProperties"] = []map[string]any{{"id": propertyID, "value": long}}
	_, event := f.do("POST", calendarPath("/events"), body)
	expand := "$expand=" + url.QueryEscape("singleValueExtendedProperties($filter=id eq '"+propertyID+"')")
	value := func(row map[string]any) string {
		props, _ := row["singleValueExtendedProperties"].([]any)
		if len(props) != 1 {
			t.Fatalf("properties %v", props)
		}
		return props[0].(map[string]any)["value"].(string)
	}
	rows, _ := f.list(view("/calendarView", "2026-03-01", "2026-04-01") + "&" + expand)
	_, one := f.do("GET", eventPath(event["id"].(string))+"?"+expand, nil)
	if value(rows[0]) != strings.Repeat("ü", 255) || value(one) != long {
		t.Errorf("in a list %d bytes, by itself %d", len(value(rows[0])), len(value(one)))
	}
}
