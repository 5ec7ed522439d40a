package graph_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"slotd/internal/emulator/fault"
	"slotd/internal/emulator/graph"
)

func TestViewExpandsSeriesOverZoneTransition(t *testing.T) {
	f := setup(t, graph.Options{})
	// Germany puts its clocks forward on 29 March 2026. The weekly series is created through the API.
	status, master := f.do("POST", calendarPath("/events"), map[string]any{
		"subject": "Ward round",
		"start":   map[string]any{"dateTime": "2026-03-23T09:00:00", "timeZone": "W. Europe Standard Time"},
		"end":     map[string]any{"dateTime": "2026-03-23T10:00:00", "timeZone": "W. Europe Standard Time"},
		"recurrence": map[string]any{
			"pattern": map[string]any{"type": "weekly", "interval": 1, "daysOfWeek": []string{"monday", "thursday"}},
			"range":   map[string]any{"type": "endDate", "startDate": "2026-03-23", "endDate": "2026-04-02"},
		},
	})
	if status != http.StatusCreated || master["type"] != "seriesMaster" {
		t.Fatalf("%d %v", status, master)
	}
	rows, _ := f.list(view("/calendarView", "2026-03-01", "2026-05-01"))
	var starts []string
	for _, r := range rows {
		starts = append(starts, r["start"].(map[string]any)["dateTime"].(string))
	}
	want := []string{
		"2026-03-23T08:00:00.0000000", "2026-03-26T08:00:00.0000000",
		"2026-03-30T07:00:00.0000000", "2026-04-02T07:00:00.0000000",
	}
	if !slices.Equal(starts, want) {
		t.Errorf("starts %v, want %v", starts, want)
	}
	if rows[0]["type"] != "occurrence" || rows[0]["showAs"] != "busy" || rows[0]["seriesMasterId"] != master["id"] {
		t.Errorf("a view has full bodies: %v", rows[0])
	}
	status, got := f.do("GET", "me/events/"+url.PathEscape(rows[1]["id"].(string)), nil)
	if status != 200 || got["id"] != rows[1]["id"] {
		t.Errorf("get of an occurrence: %d %v", status, got)
	}
}

func TestAllDayEventsFloat(t *testing.T) {
	f := setup(t, graph.Options{})
	f.Put(cal, graph.Event{Title: "Away", AllDay: true, StartDate: "2026-03-28", EndDate: "2026-03-30", ShowAs: "oof"})
	for _, zone := range []string{"UTC", "Tokyo Standard Time", "America/New_York"} {
		rows, _ := f.list(view("/calendarView", "2026-03-01", "2026-04-01"), "Prefer", `outlook.timezone="`+zone+`"`)
		start := rows[0]["start"].(map[string]any)
		if start["dateTime"] != "2026-03-28T00:00:00.0000000" || start["timeZone"] != zone {
			t.Errorf("asked for %s: %v", zone, start)
		}
	}
	truth := f.Occurrences(cal, march(1, 0), march(31, 0))
	if !truth[0].Start.Equal(march(27, 23)) || !truth[0].End.Equal(march(29, 22)) || !truth[0].Blocks() {
		t.Errorf("truth %v to %v: midnights of the mailbox", truth[0].Start, truth[0].End)
	}
	status, body := f.do("POST", calendarPath("/events"), map[string]any{
		"isAllDay": true, "start": map[string]any{"dateTime": "2026-03-03T01:00:00", "timeZone": "UTC"},
		"end": map[string]any{"dateTime": "2026-03-04T00:00:00", "timeZone": "UTC"},
	})
	if status != 400 {
		t.Errorf("all-day without midnight: %d %v", status, body)
	}
}

func TestPagesAndIds(t *testing.T) {
	f := setup(t, graph.Options{})
	for range 12 {
		f.Put(cal, graph.Event{Start: march(3, 9), End: march(3, 10)})
	}
	rows, page := f.list(view("/calendarView", "2026-03-03", "2026-03-04"), "Prefer", "")
	if n := f.Requests("calendarView.list"); n != 2 || len(rows) != 12 {
		t.Errorf("%d pages of %d rows, want ten rows on a page when nobody asks", n, len(rows))
	}
	if page["@odata.deltaLink"] != nil {
		t.Error("a plain view has no delta link")
	}
	stable, _ := f.list(view("/calendarView", "2026-03-03", "2026-03-04"))
	id := stable[0]["id"].(string)
	if id == rows[0]["id"] || !strings.Contains(id, "=") {
		t.Errorf("ids %v and %v: ordinary ids are not the immutable ones", rows[0]["id"], id)
	}
	for _, form := range []string{id, rows[0]["id"].(string)} {
		if status, _ := f.do("GET", "me/events/"+url.PathEscape(form), nil); status != 200 {
			t.Errorf("get by %q: %d", form, status)
		}
	}
	if status, _ := f.do("GET", "me/events/"+url.PathEscape(strings.ToLower(id)), nil); status != 404 {
		t.Error("ids are case-sensitive")
	}
	f.Inject(fault.Rule{Op: "calendarView.list", EmptyPage: true})
	if rows, _ = f.list(view("/calendarView", "2026-03-03", "2026-03-04")); len(rows) != 12 {
		t.Errorf("%d rows after an empty page", len(rows))
	}
}

func TestDeltaFeed(t *testing.T) {
	f := setup(t, graph.Options{})
	single := f.Put(cal, graph.Event{Start: march(3, 9), End: march(3, 10)})
	master := f.Put(cal, graph.Event{
		Start: march(2, 12), End: march(2, 13), Recurrence: []string{"RRULE:FREQ=DAILY;COUNT=10"},
	})
	rows, last := f.list(view("/calendarView/delta()", "2026-03-03", "2026-03-06"))
	if got, want := column(rows, "type"), []string{
		"singleInstance", "seriesMaster", "occurrence", "occurrence", "occurrence",
	}; !slices.Equal(got, want) {
		t.Fatalf("types %v, want %v", got, want)
	}
	if len(rows[2]) != 6 || rows[2]["showAs"] != nil || rows[2]["seriesMasterId"] != master {
		t.Errorf("occurrences are stubs: %v", rows[2])
	}
	if rows[1]["start"].(map[string]any)["dateTime"] != "2026-03-02T12:00:00.0000000" {
		t.Errorf("a master has the times of its first occurrence: %v", rows[1]["start"])
	}

	// One deleted occurrence: no tombstone, the series comes again without it.
	f.DeleteOccurrence(cal, master, march(4, 12))
	rows, last = f.list(last["@odata.deltaLink"].(string))
	if got := column(rows, "type"); !slices.Equal(got, []string{"seriesMaster", "occurrence", "occurrence"}) {
		t.Errorf("after a deleted occurrence: %v", got)
	}

	// A deletion, and a change outside of the window to what was never in it: the same row.
	f.Delete(cal, single)
	far := f.Put(cal, graph.Event{Start: march(20, 9), End: march(20, 10)})
	wider := "&startDateTime=2026-03-01T00:00:00Z&endDateTime=2026-04-01T00:00:00Z"
	rows, last = f.list(last["@odata.deltaLink"].(string) + wider)
	if got := column(rows, "id"); !slices.Equal(got, []string{single, far}) {
		t.Errorf("removed %v", got)
	}
	for _, r := range rows {
		if r["@removed"].(map[string]any)["reason"] != "deleted" || len(r) != 2 {
			t.Errorf("removed row %v", r)
		}
	}
	if rows, _ = f.list(last["@odata.deltaLink"].(string)); len(rows) != 0 {
		t.Errorf("nothing changed, got %v", rows)
	}
}

func TestDeltaPagesMayBeEmptyAndTokensExpire(t *testing.T) {
	f := setup(t, graph.Options{PageSize: 1})
	f.Put(cal, graph.Event{Start: march(3, 9), End: march(3, 10)})
	f.Put(cal, graph.Event{Start: march(3, 9), End: march(3, 10)})
	f.Inject(fault.Rule{Op: "calendarView.delta", EmptyPage: true})
	rows, last := f.list(view("/calendarView/microsoft.graph.delta()", "2026-03-03", "2026-03-06"))
	if n := f.Requests("calendarView.delta"); n != 3 || len(rows) != 2 {
		t.Errorf("%d pages, %d rows", n, len(rows))
	}
	link := last["@odata.deltaLink"].(string)
	if status, body := f.do("GET", link+"&$select=id", nil); status != 400 {
		t.Errorf("$select on delta: %d %v", status, body)
	}
	f.ExpireDelta(cal)
	if status, body := f.do("GET", link, nil); status != 410 || !strings.EqualFold(code(body), "syncStateNotFound") {
		t.Errorf("%d %v", status, body)
	}
	f.InvalidateDelta(cal)
	if status, body := f.do("GET", link, nil); status != 400 || code(body) != "InvalidDeltaToken" {
		t.Errorf("%d %v", status, body)
	}
	remove := f.Inject(fault.Rule{Op: "calendarView.delta", Times: fault.Forever, Status: 404})
	if status, _ := f.do("GET", view("/calendarView/delta", "2026-03-03", "2026-03-06"), nil); status != 404 {
		t.Errorf("delta is not served: %d", status)
	}
	remove()
	if status, _ := f.do("GET", view("/calendarView/delta", "2026-03-03", "2026-03-06"), nil); status != 200 {
		t.Errorf("delta is served again: %d", status)
	}
}

func TestDeltaMayLagBehindTheView(t *testing.T) {
	f := setup(t, graph.Options{DeltaLag: time.Minute})
	f.now = f.now.Add(30 * time.Minute)
	_, last := f.list(view("/calendarView/delta", "2026-03-03", "2026-03-06"))
	f.Put(cal, graph.Event{Start: march(3, 9), End: march(3, 10)})
	if rows, _ := f.list(view("/calendarView", "2026-03-03", "2026-03-06")); len(rows) != 1 {
		t.Errorf("the view shows %d rows", len(rows))
	}
	rows, last := f.list(last["@odata.deltaLink"].(string))
	if len(rows) != 0 {
		t.Errorf("too early: %v", rows)
	}
	f.now = f.now.Add(time.Minute)
	if rows, _ = f.list(last["@odata.deltaLink"].(string)); len(rows) != 1 {
		t.Errorf("%d rows after the lag", len(rows))
	}
}
