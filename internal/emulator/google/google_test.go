package google_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"

	"slotd/internal/emulator/fault"
	"slotd/internal/emulator/google"
)

func TestSeriesKeepsWallTimeOverZoneTransition(t *testing.T) {
	f := setup(t, google.Options{})
	// Germany puts its clocks forward on 29 March 2026.
	id := f.Put(cal, google.Event{
		Title: "Ward round", Start: at("2026-03-27T08:00:00Z"), End: at("2026-03-27T09:00:00Z"),
		Recurrence: []string{"RRULE:FREQ=DAILY;COUNT=5", "EXDATE;TZID=Europe/Berlin:20260328T090000"},
	})
	rows, last := f.list(window("2026-03-01T00:00:00Z", "2026-05-01T00:00:00Z"))
	var starts []string
	for _, r := range rows {
		starts = append(starts, r["start"].(map[string]any)["dateTime"].(string))
	}
	want := []string{
		"2026-03-27T09:00:00+01:00", "2026-03-29T09:00:00+02:00", "2026-03-30T09:00:00+02:00", "2026-03-31T09:00:00+02:00",
	}
	if !slices.Equal(starts, want) {
		t.Errorf("starts %v, want %v", starts, want)
	}
	if got := column(rows, "id")[1]; got != id+"_20260329T070000Z" {
		t.Errorf("instance id %q", got)
	}
	if last["timeZone"] != "Europe/Berlin" {
		t.Errorf("zone of the calendar: %v", last["timeZone"])
	}
	if n := len(f.Occurrences(cal, march(1, 0), march(31, 23))); n != 4 {
		t.Errorf("%d occurrences in truth, want 4", n)
	}
}

func TestWindowBoundsAreExclusiveAndIncludeRunningEvents(t *testing.T) {
	f := setup(t, google.Options{})
	for _, e := range []struct {
		id         string
		start, end int
	}{{"ended", 7, 9}, {"running", 8, 10}, {"inside", 10, 11}, {"late", 11, 13}, {"after", 12, 13}} {
		f.Put(cal, google.Event{ID: e.id, Start: march(3, e.start), End: march(3, e.end)})
	}
	p := window("2026-03-03T09:00:00Z", "2026-03-03T12:00:00Z")
	p.Set("orderBy", "startTime")
	rows, last := f.list(p)
	if got := column(rows, "id"); !slices.Equal(got, []string{"running", "inside", "late"}) {
		t.Errorf("rows %v", got)
	}
	if _, ok := last["nextSyncToken"]; ok {
		t.Error("orderBy must suppress the sync token")
	}
}

func TestPaging(t *testing.T) {
	f := setup(t, google.Options{PageSize: 2})
	for _, id := range []string{"e1", "e2", "e3", "e4", "e5"} {
		f.Put(cal, google.Event{ID: id, Start: march(3, 9), End: march(3, 10)})
	}
	f.Inject(fault.Rule{Op: "events.list", Skip: 1, EmptyPage: true})
	rows, _ := f.list(url.Values{})
	if got := column(rows, "id"); !slices.Equal(got, []string{"e1", "e2", "e3", "e4", "e5"}) {
		t.Errorf("rows %v", got)
	}
	if n := f.Requests("events.list"); n != 4 {
		t.Errorf("%d pages, want 3 and an empty one", n)
	}
	_, page := f.do("GET", "calendars/"+cal+"/events", nil)
	status, body := f.do("GET", "calendars/"+cal+"/events?showDeleted=true&pageToken="+page["nextPageToken"].(string), nil)
	if status != http.StatusBadRequest {
		t.Errorf("page token with other parameters: %d %v", status, body)
	}
}

func TestEditBetweenPagesHidesARow(t *testing.T) {
	f := setup(t, google.Options{PageSize: 2})
	for _, id := range []string{"e1", "e2", "e3", "e4"} {
		f.Put(cal, google.Event{ID: id, Start: march(3, 9), End: march(3, 10)})
	}
	f.Inject(fault.Rule{Op: "events.list", Skip: 1, Hook: func(*http.Request) { f.Delete(cal, "e1") }})
	rows, last := f.list(url.Values{})
	if got := column(rows, "id"); !slices.Equal(got, []string{"e1", "e2", "e4"}) {
		t.Errorf("rows %v: the read was to be torn", got)
	}
	// The token is that of the first page, so the change in between is not lost.
	rows, _ = f.list(url.Values{"syncToken": {last["nextSyncToken"].(string)}})
	if got := column(rows, "id"); !slices.Equal(got, []string{"e1"}) {
		t.Errorf("changes since %v", got)
	}
}

func TestSyncToken(t *testing.T) {
	f := setup(t, google.Options{})
	f.Put(cal, google.Event{ID: "near", Start: march(3, 9), End: march(3, 10)})
	_, last := f.list(window("2026-03-03T00:00:00Z", "2026-03-04T00:00:00Z"))
	token := last["nextSyncToken"].(string)

	rows, last := f.list(url.Values{"syncToken": {token}})
	if len(rows) != 0 {
		t.Errorf("nothing changed, got %v", rows)
	}
	f.Put(cal, google.Event{ID: "far", Start: at("2031-01-01T09:00:00Z"), End: at("2031-01-01T10:00:00Z")})
	f.Delete(cal, "near")
	rows, _ = f.list(url.Values{"syncToken": {last["nextSyncToken"].(string)}, "singleEvents": {"true"}})
	if got := column(rows, "id"); !slices.Equal(got, []string{"near", "far"}) {
		t.Errorf("changed rows %v: the token knows no window", got)
	}
	if _, ok := rows[0]["start"]; ok || rows[0]["status"] != "cancelled" {
		t.Errorf("a deleted row must be bare: %v", rows[0])
	}
	for _, param := range []string{"timeMin=2026-03-03T00:00:00Z", "orderBy=startTime", "showDeleted=false"} {
		if status, _ := f.do("GET", "calendars/"+cal+"/events?syncToken="+token+"&"+param, nil); status != 400 {
			t.Errorf("syncToken with %s: %d", param, status)
		}
	}
	f.ExpireSyncTokens(cal)
	status, body := f.do("GET", "calendars/"+cal+"/events?syncToken="+token, nil)
	if status != http.StatusGone || reason(body) != "fullSyncRequired" {
		t.Errorf("expired token: %d %v", status, body)
	}
}

func TestSyncTokenFloodsWithSeriesAndForgetsDeletedOnes(t *testing.T) {
	f := setup(t, google.Options{PageSize: 2500})
	_, last := f.list(url.Values{"singleEvents": {"true"}, "maxResults": {"2500"}})
	p := url.Values{"singleEvents": {"true"}, "maxResults": {"2500"}, "syncToken": {last["nextSyncToken"].(string)}}
	id := f.Put(cal, google.Event{Start: march(3, 9), End: march(3, 10), Recurrence: []string{"RRULE:FREQ=WEEKLY"}})
	rows, last := f.list(p)
	if len(rows) < 500 {
		t.Errorf("%d rows for a weekly series without an end", len(rows))
	}
	f.Delete(cal, id)
	p.Set("syncToken", last["nextSyncToken"].(string))
	if rows, _ = f.list(p); len(rows) == 0 || len(rows) > 30 {
		t.Errorf("%d tombstones for a deleted series, want half a year's", len(rows))
	}
}

func TestCancelledAndMovedOccurrences(t *testing.T) {
	f := setup(t, google.Options{})
	id := f.Put(cal, google.Event{Start: march(3, 9), End: march(3, 10), Recurrence: []string{"RRULE:FREQ=DAILY;COUNT=3"}})
	if !f.DeleteOccurrence(cal, id, march(4, 9)) {
		t.Fatal("no such occurrence")
	}
	f.Put(cal, google.Event{ID: id + "_20260305T090000Z", Start: march(9, 9), End: march(9, 10)})
	rows, _ := f.list(window("2026-03-01T00:00:00Z", "2026-03-31T00:00:00Z"))
	if got := column(rows, "id"); !slices.Equal(got, []string{id + "_20260303T090000Z", id + "_20260305T090000Z"}) {
		t.Errorf("instances %v", got)
	}
	if o := rows[1]["originalStartTime"].(map[string]any)["dateTime"]; o != "2026-03-05T10:00:00+01:00" {
		t.Errorf("original start %v", o)
	}
	// Without expansion a cancelled occurrence comes although deleted rows were not asked for.
	rows, _ = f.list(url.Values{})
	if got := column(rows, "status"); !slices.Equal(got, []string{"confirmed", "cancelled", "confirmed"}) {
		t.Errorf("statuses %v", got)
	}
}
