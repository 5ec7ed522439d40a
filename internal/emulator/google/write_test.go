package google_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"slotd/internal/emulator/fault"
	"slotd/internal/emulator/google"
)

func TestWriting(t *testing.T) {
	f := setup(t, google.Options{})
	events := "calendars/" + cal + "/events"
	for _, id := range []string{"no-dashes", "abc", "Upper", "wxyz9"} {
		if status, _ := f.do("POST", events, booking(id, 3)); status != 400 {
			t.Errorf("id %q: %d", id, status)
		}
	}
	status, first := f.do("POST", events, booking("b0001", 3))
	if status != http.StatusOK || first["etag"] == "" || first["sequence"] != 0.0 {
		t.Fatalf("insert: %d %v", status, first)
	}
	if status, _ = f.do("POST", events, booking("b0002", 3)); status != http.StatusOK {
		t.Errorf("an overlap must be accepted: %d", status)
	}
	status, body := f.do("POST", events, booking("b0001", 4))
	if status != http.StatusConflict || reason(body) != "duplicate" {
		t.Errorf("same id again: %d %v", status, body)
	}
	status, moved := f.do("PATCH", events+"/b0001", map[string]any{
		"start": map[string]any{"dateTime": "2026-03-05T09:00:00Z"},
		"end":   map[string]any{"dateTime": "2026-03-05T10:00:00Z"},
	}, "If-Match", first["etag"].(string))
	props := moved["extendedProperties"].(map[string]any)["private"].(map[string]any)
	if status != 200 || moved["sequence"] != 1.0 || moved["summary"] != "Booking" || props["slotd"] != "b1" {
		t.Errorf("patch: %d %v", status, moved)
	}
	status, body = f.do("DELETE", events+"/b0001", nil, "If-Match", first["etag"].(string))
	if status != http.StatusPreconditionFailed || reason(body) != "conditionNotMet" {
		t.Errorf("stale etag: %d %v", status, body)
	}
	if status, _ = f.do("DELETE", events+"/b0001", nil, "If-Match", moved["etag"].(string)); status != 204 {
		t.Errorf("delete: %d", status)
	}
	if status, body = f.do("GET", events+"/b0001", nil); status != 200 || body["status"] != "cancelled" {
		t.Errorf("get of a deleted event: %d %v", status, body)
	}
	if status, body = f.do("POST", events, booking("b0001", 6)); status != 409 {
		t.Errorf("the id of a deleted event is taken: %d %v", status, body)
	}
	if status, body = f.do("DELETE", events+"/b0001", nil); status != 410 || reason(body) != "deleted" {
		t.Errorf("delete again: %d %v", status, body)
	}
	if status, _ = f.do("PATCH", events+"/b0001", map[string]any{}); status != 403 {
		t.Errorf("patch of a deleted event: %d", status)
	}
	if status, _ = f.do("GET", events+"/unknown", nil); status != 404 {
		t.Errorf("unknown event: %d", status)
	}
	if status, _ = f.do("GET", "calendars/other@clinic.example/events", nil); status != 404 {
		t.Errorf("unknown calendar: %d", status)
	}
}

func TestAllDayFieldsAndRoles(t *testing.T) {
	f := setup(t, google.Options{})
	f.Put(cal, google.Event{
		ID: "holiday", Title: "Away", AllDay: true, StartDate: "2026-03-28", EndDate: "2026-03-30", Response: "declined",
	})
	rows, _ := f.list(window("2026-03-29T21:00:00Z", "2026-03-31T00:00:00Z"))
	if len(rows) != 1 || rows[0]["end"].(map[string]any)["date"] != "2026-03-30" {
		t.Fatalf("rows %v", rows)
	}
	truth := f.Occurrences(cal, march(28, 0), march(31, 0))
	if !truth[0].End.Equal(at("2026-03-29T22:00:00Z")) || truth[0].Blocks() {
		t.Errorf("truth %+v: to end at midnight summer time, declined", truth[0])
	}
	rows, _ = f.list(url.Values{"fields": {"nextPageToken,nextSyncToken,items(id,start/date)"}})
	if len(rows[0]) != 2 || rows[0]["id"] != "holiday" {
		t.Errorf("masked row %v", rows[0])
	}
	f.Share(user, cal, google.RoleFreeBusy)
	rows, last := f.list(url.Values{})
	if rows[0]["summary"] != nil || rows[0]["start"] == nil || last["accessRole"] != google.RoleFreeBusy {
		t.Errorf("row of a freeBusyReader %v", rows[0])
	}
	if status, _ := f.do("POST", "calendars/"+cal+"/events", booking("b0001", 3)); status != 403 {
		t.Errorf("write as a freeBusyReader: %d", status)
	}
	f.Share(user, cal, "")
	if status, _ := f.do("GET", "calendars/"+cal+"/events", nil); status != 404 {
		t.Errorf("access lost: %d", status)
	}
}

func TestFreeBusyReportsUnreadableCalendarsInsideOK(t *testing.T) {
	f := setup(t, google.Options{})
	f.Put(cal, google.Event{Start: march(3, 9), End: march(3, 10)})
	f.Put(cal, google.Event{Start: march(3, 10), End: march(3, 11)})
	f.Put(cal, google.Event{Start: march(3, 12), End: march(3, 13), Transparent: true})
	status, body := f.do("POST", "freeBusy", map[string]any{
		"timeMin": "2026-03-03T09:30:00Z", "timeMax": "2026-03-04T00:00:00Z",
		"items": []map[string]any{{"id": cal}, {"id": "gone@clinic.example"}},
	})
	raw, _ := json.Marshal(body["calendars"])
	want := `{"adams@clinic.example":{"busy":[{"end":"2026-03-03T11:00:00Z","start":"2026-03-03T09:30:00Z"}]},` +
		`"gone@clinic.example":{"busy":[],"errors":[{"domain":"global","reason":"notFound"}]}}`
	if status != 200 || string(raw) != want {
		t.Errorf("%d %s", status, raw)
	}
}

func TestCalendarList(t *testing.T) {
	f := setup(t, google.Options{PageSize: 1})
	f.AddCalendar(user, "room@group.example", "Room 1", "UTC")
	_, page := f.do("GET", "users/me/calendarList", nil)
	_, next := f.do("GET", "users/me/calendarList?pageToken="+page["nextPageToken"].(string), nil)
	row := next["items"].([]any)[0].(map[string]any)
	if row["id"] != "room@group.example" || row["accessRole"] != "owner" || next["nextPageToken"] != nil {
		t.Errorf("second page %v", next)
	}
}

func TestTokens(t *testing.T) {
	f := setup(t, google.Options{})
	if again := f.refresh(f.creds.RefreshToken); again["refresh_token"] != nil {
		t.Error("a refresh must not return a new refresh token")
	}
	f.now = f.now.Add(time.Hour)
	status, body := f.do("GET", "users/me/calendarList", nil)
	if status != 401 || reason(body) != "authError" {
		t.Errorf("expired access token: %d %v", status, body)
	}
	f.token = f.refresh(f.creds.RefreshToken)["access_token"].(string)
	if status, _ = f.do("GET", "users/me/calendarList", nil); status != 200 {
		t.Errorf("refreshed: %d", status)
	}
	f.RevokeRefresh(user)
	if body = f.refresh(f.creds.RefreshToken); body["error"] != "invalid_grant" {
		t.Errorf("revoked: %v", body)
	}
	if status, _ = f.do("GET", "users/me/calendarList", nil); status != 401 {
		t.Errorf("access token of a revoked grant: %d", status)
	}
}

func TestUntickedScope(t *testing.T) {
	f := setup(t, google.Options{})
	f.DenyScopes("https://www.googleapis.com/auth/calendar.events")
	q := url.Values{
		"client_id": {f.creds.ClientID}, "redirect_uri": {"http://127.0.0.1:1/cb"}, "response_type": {"code"},
		"scope": {"https://www.googleapis.com/auth/calendar.events https://www.googleapis.com/auth/calendar.readonly"},
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Get(f.http.URL + "/o/oauth2/v2/auth?" + q.Encode())
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	back, err := resp.Location()
	if err != nil {
		t.Fatal(err)
	}
	_, body := f.form("/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {back.Query().Get("code")}, "redirect_uri": {"http://127.0.0.1:1/cb"},
		"client_id": {f.creds.ClientID}, "client_secret": {f.creds.ClientSecret},
	})
	if body["scope"] != "https://www.googleapis.com/auth/calendar.readonly" {
		t.Fatalf("granted %v", body)
	}
	f.token = body["access_token"].(string)
	status, body := f.do("POST", "calendars/"+cal+"/events", booking("b0001", 3))
	if status != 403 || reason(body) != "insufficientPermissions" {
		t.Errorf("write without the scope: %d %v", status, body)
	}
}

func TestFaults(t *testing.T) {
	f := setup(t, google.Options{})
	events := "calendars/" + cal + "/events"
	f.Inject(fault.Rule{Op: "events.list", Status: 403, RetryAfter: "7"})
	status, body := f.do("GET", events, nil)
	if status != 403 || reason(body) != "rateLimitExceeded" {
		t.Errorf("%d %v", status, body)
	}
	if status, _ = f.do("GET", events, nil); status != 200 {
		t.Errorf("a fault without Times holds once: %d", status)
	}
	f.Inject(fault.Rule{Op: "events.insert", Reset: true, After: true})
	if resp, err := f.try("POST", events, booking("b0001", 3)); err == nil {
		t.Errorf("the reply was to be lost: %v", resp.Status)
	}
	if _, ok := f.Find(cal, "b0001"); !ok {
		t.Error("failed but happened: the event must exist")
	}
	f.Inject(fault.Rule{Op: "events.list", Truncate: true})
	resp, err := f.try("GET", events, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || json.Valid(raw) || len(raw) == 0 {
		t.Errorf("cut JSON: %v %q", err, raw)
	}
	f.Inject(fault.Rule{Op: "events.list", NoCursor: true})
	if _, last := f.list(url.Values{}); last["nextSyncToken"] != nil {
		t.Error("no sync token was to be served")
	}
}

func TestChangedWakesFollowers(t *testing.T) {
	f := setup(t, google.Options{})
	changed, before := f.Changed(), f.Version()
	if status, body := f.do("POST", "calendars/"+cal+"/events", booking("b0001", 3)); status != 200 {
		t.Fatal(status, body)
	}
	<-changed
	if f.Version() <= before {
		t.Error("version stood still")
	}
}

func TestMalformedRequestsAreRefused(t *testing.T) {
	f := setup(t, google.Options{})
	for _, path := range []string{
		"events?timeMin=2026-03-03", "events?orderBy=startTime",
		"events?timeMin=2026-03-03T00:00:00Z&timeMax=2026-03-03T00:00:00Z",
		"events?maxResults=x", "events?pageToken=x", "events?syncToken=x", "events?timeZone=Mars", "events?fields=items(",
		"events?fields=" + strings.Repeat("a(", 200),
	} {
		if status, body := f.do("GET", "calendars/"+cal+"/"+path, nil); status != 400 {
			t.Errorf("%.60s: %d %v", path, status, body)
		}
	}
	if status, _ := f.do("GET", "nothing/here", nil); status != 404 {
		t.Errorf("unknown path: %d", status)
	}
}
