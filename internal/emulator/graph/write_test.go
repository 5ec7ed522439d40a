package graph_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"slotd/internal/emulator/fault"
	"slotd/internal/emulator/graph"
)

func TestWriting(t *testing.T) {
	f := setup(t, graph.Options{})
	status, first := f.do("POST", calendarPath("/events"), booking("t-1", 3))
	if status != http.StatusCreated || first["transactionId"] != "t-1" {
		t.Fatalf("create: %d %v", status, first)
	}
	status, again := f.do("POST", "me/events", booking("t-1", 4))
	if status != http.StatusCreated || again["id"] != first["id"] || len(f.Events(cal)) != 1 {
		t.Errorf("same transactionId: %d %v", status, again["id"])
	}
	if status, _ = f.do("POST", "me/calendar/events", booking("t-2", 3)); status != http.StatusCreated {
		t.Errorf("an overlap must be accepted: %d", status)
	}
	event := "me/events/" + url.PathEscape(first["id"].(string))
	move := map[string]any{
		"start": map[string]any{"dateTime": "2026-03-05T09:00:00.0000000", "timeZone": "Europe/Berlin"},
		"end":   map[string]any{"dateTime": "2026-03-05T10:00:00.0000000", "timeZone": "Europe/Berlin"},
	}
	status, moved := f.do("PATCH", event, move, "If-Match", first["@odata.etag"].(string))
	start := moved["start"].(map[string]any)["dateTime"]
	if status != 200 || start != "2026-03-05T08:00:00.0000000" || moved["subject"] != "Booking" {
		t.Errorf("patch: %d %v", status, moved)
	}
	status, body := f.do("PATCH", event, move, "If-Match", first["@odata.etag"].(string))
	if status != http.StatusPreconditionFailed || code(body) != "ErrorIrresolvableConflict" {
		t.Errorf("stale etag: %d %v", status, body)
	}
	if status, _ = f.do("PATCH", event, map[string]any{"transactionId": "t-9"}); status != 400 {
		t.Errorf("transactionId is immutable: %d", status)
	}
	if status, _ = f.do("DELETE", calendarPath("/events/"+url.PathEscape(first["id"].(string))), nil); status != 204 {
		t.Errorf("delete: %d", status)
	}
	for _, method := range []string{"GET", "DELETE", "PATCH"} {
		if status, body = f.do(method, event, map[string]any{}); status != 404 || code(body) != "ErrorItemNotFound" {
			t.Errorf("%s of a deleted event: %d %v", method, status, body)
		}
	}
	human := f.Put(cal, graph.Event{Start: march(6, 9), End: march(6, 10)})
	if _, body = f.do("GET", "me/events/"+url.PathEscape(human), nil); body["transactionId"] != nil {
		t.Errorf("a person's event has no transactionId: %v", body["transactionId"])
	}
}

func TestExtendedProperties(t *testing.T) {
	f := setup(t, graph.Options{})
	const id = "String {66f5a359-4659-4830-9070-00047ec6ac6e} Name slotd"
	f.do("POST", calendarPath("/events"), booking("t-1", 3))
	f.do("POST", calendarPath("/events"), map[string]any{
		"start": map[string]any{"dateTime": "2026-03-05T09:00:00", "timeZone": "UTC"},
		"end":   map[string]any{"dateTime": "2026-03-05T10:00:00", "timeZone": "UTC"},
	})
	filter := "singleValueExtendedProperties/Any(ep: ep/id eq '" + id + "' and ep/value eq 'booking''s-1')"
	rows, _ := f.list(calendarPath("/events?$filter=" + url.QueryEscape(filter)))
	if len(rows) != 1 || rows[0]["singleValueExtendedProperties"] != nil {
		t.Fatalf("found by property, and without it in the reply: %v", rows)
	}
	expand := url.QueryEscape("singleValueExtendedProperties($filter=id eq '" + id + "')")
	rows, _ = f.list(view("/calendarView", "2026-03-01", "2026-04-01") + "&$select=id,start&$expand=" + expand)
	props, _ := rows[0]["singleValueExtendedProperties"].([]any)
	if len(props) != 1 || rows[0]["subject"] != nil || rows[1]["singleValueExtendedProperties"] != nil {
		t.Errorf("expanded rows %v", rows)
	}
	status, _ := f.do("GET", calendarPath("/events?$filter="+url.QueryEscape("transactionId eq 't-1'")), nil)
	if status != 400 {
		t.Errorf("transactionId cannot be filtered by: %d", status)
	}
}

func TestCompressedBodies(t *testing.T) {
	f := setup(t, graph.Options{})
	plain, err := json.Marshal(booking("t-1", 3))
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	zw := gzip.NewWriter(&packed)
	zw.Write(plain)
	zw.Close()
	if status, body := f.raw("POST", calendarPath("/events"), packed.Bytes(), "Content-Encoding", "gzip"); status != 201 {
		t.Errorf("gzip: %d %v", status, body)
	}
	if status, _ := f.raw("POST", calendarPath("/events"), plain, "Content-Encoding", "gzip"); status != 400 {
		t.Errorf("plain JSON that claims to be gzip: %d", status)
	}
}

func TestRefreshTokensRotate(t *testing.T) {
	f := setup(t, graph.Options{})
	next := f.grant("grant_type", "refresh_token", "refresh_token", f.creds.RefreshToken)
	if next["refresh_token"] == nil || next["refresh_token"] == f.creds.RefreshToken {
		t.Fatalf("no new refresh token: %v", next)
	}
	// The first one was used in setup and just now: that was its grace.
	got := f.grant("grant_type", "refresh_token", "refresh_token", f.creds.RefreshToken)
	if got["error"] != "invalid_grant" {
		t.Errorf("third use of a rotated token: %v", got)
	}
	f.RevokeRefresh(user)
	token := next["refresh_token"].(string)
	if got := f.grant("grant_type", "refresh_token", "refresh_token", token); got["error"] != "invalid_grant" {
		t.Errorf("revoked: %v", got)
	}
	status, body := f.do("GET", "me/calendars", nil)
	if status != 401 || code(body) != "InvalidAuthenticationToken" {
		t.Errorf("%d %v", status, body)
	}
}

func TestApplicationsAndDelegates(t *testing.T) {
	f := setup(t, graph.Options{})
	f.AddAccount("baker@clinic.example")
	f.AddCalendar("baker@clinic.example", "AAMkBaker=", "Calendar", "UTC")
	status, body := f.do("GET", "users/baker@clinic.example/calendars", nil)
	if status != 403 || code(body) != "ErrorAccessDenied" {
		t.Errorf("another mailbox: %d %v", status, body)
	}
	dates := "users/" + user + "/calendarView?startDateTime=2026-03-01&endDateTime=2026-03-02"
	if status, _ := f.do("GET", dates, nil); status != 400 {
		t.Errorf("bounds without a time: %d", status)
	}
	app := f.grant("grant_type", "client_credentials", "client_secret", f.creds.ClientSecret,
		"scope", "https://graph.microsoft.com/.default")
	f.token = app["access_token"].(string)
	if status, _ := f.do("GET", "users/baker@clinic.example/calendars", nil); status != 200 {
		t.Errorf("application: %d", status)
	}
	if status, _ := f.do("GET", "me/calendars", nil); status != 400 {
		t.Errorf("an application has no me: %d", status)
	}
	if status, body := f.do("GET", "users/baker@clinic.example/calendars/gone/events", nil); status != 404 {
		t.Errorf("unknown calendar: %d %v", status, body)
	}
	if got := f.grant("grant_type", "client_credentials"); got["error"] != "invalid_client" {
		t.Errorf("client credentials without a secret: %v", got)
	}
}

func TestDeviceCode(t *testing.T) {
	f := setup(t, graph.Options{})
	dev := f.post("/oauth2/v2.0/devicecode", url.Values{
		"client_id": {f.creds.ClientID}, "scope": {"Calendars.ReadWrite offline_access"},
	})
	ask := func() map[string]any {
		return f.grant("grant_type", "urn:ietf:params:oauth:grant-type:device_code",
			"device_code", dev["device_code"].(string))
	}
	if got := ask(); got["error"] != "authorization_pending" {
		t.Errorf("before the person answers: %v", got)
	}
	f.ApproveDevices(user)
	if got := ask(); got["access_token"] == nil || got["refresh_token"] == nil {
		t.Errorf("after: %v", got)
	}
}

func TestSettingsAndSchedule(t *testing.T) {
	f := setup(t, graph.Options{})
	f.SetMailboxZone(user, "Tokyo Standard Time")
	if _, body := f.do("GET", "me/mailboxSettings", nil); body["timeZone"] != "Tokyo Standard Time" {
		t.Errorf("settings %v", body)
	}
	f.Put(cal, graph.Event{Start: march(3, 9), End: march(3, 10), ShowAs: "tentative"})
	ask := map[string]any{
		"schedules": []string{user, "nobody@clinic.example"}, "availabilityViewInterval": 60,
		"startTime": map[string]any{"dateTime": "2026-03-03T08:00:00", "timeZone": "UTC"},
		"endTime":   map[string]any{"dateTime": "2026-03-03T11:00:00", "timeZone": "UTC"},
	}
	status, body := f.do("POST", "me/calendar/getSchedule", ask)
	if status != 200 {
		t.Fatal(status, body)
	}
	rows := body["value"].([]any)
	if rows[0].(map[string]any)["availabilityView"] != "010" || rows[1].(map[string]any)["error"] == nil {
		t.Errorf("schedules %v", rows)
	}
	ask["endTime"] = map[string]any{"dateTime": "2026-06-03T11:00:00", "timeZone": "UTC"}
	if status, _ = f.do("POST", "me/calendar/getSchedule", ask); status != 400 {
		t.Errorf("more than 62 days: %d", status)
	}
}

func TestRefusalsHaveTheVendorsShape(t *testing.T) {
	f := setup(t, graph.Options{})
	f.Inject(fault.Rule{Op: "calendars.list", Status: 429, RetryAfter: "12"})
	if status, body := f.do("GET", "me/calendars", nil); status != 429 || code(body) != "ApplicationThrottled" {
		t.Errorf("%d %v", status, body)
	}
	f.Inject(fault.Rule{Op: "events.create", Status: 504, After: true})
	if status, _ := f.do("POST", calendarPath("/events"), booking("t-1", 3)); status != 504 || len(f.Events(cal)) != 1 {
		t.Errorf("failed but happened: %d, %d events", status, len(f.Events(cal)))
	}
	for _, path := range []string{"me/nothing", "nothing", "users/me-token-to-replace/calendars", "me/calendars/%zz"} {
		r := httptest.NewRequest("GET", "http://graph.example/", nil)
		r.URL = &url.URL{Path: "/v1.0/" + path}
		r.Header.Set("Authorization", "Bearer "+f.token)
		w := httptest.NewRecorder()
		f.Handler().ServeHTTP(w, r)
		if w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}
