package graph_test

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"slotd/internal/emulator/graph"
)

func FuzzRequest(f *testing.F) {
	const bounds = "startDateTime=2026-03-01T00:00:00Z&endDateTime=2026-04-01T00:00:00Z"
	f.Add("GET", "/v1.0/me/calendarView", bounds+"&$top=1&$skip=1&$select=id", prefer, "")
	f.Add("GET", "/v1.0/me/calendarView/delta()", bounds, `outlook.timezone="Tokyo Standard Time"`, "")
	f.Add("GET", "/v1.0/me/calendarView/delta", "$skiptoken=e30", "odata.maxpagesize=0", "")
	f.Add("POST", "/v1.0/me/events", "", "", `{"start":{"dateTime":"2026-03-01T00:00:00","timeZone":"UTC"},"isAllDay":true}`)
	f.Add("PATCH", "/v1.0/me/events/series-O20260303T090000=", "", "", `{"recurrence":{"pattern":{"type":"relativeMonthly"}}}`)
	f.Add("GET", "/v1.0/users/adams@clinic.example/events", "$filter=singleValueExtendedProperties/Any(ep:", "", "")
	f.Add("POST", "/v1.0/me/calendar/getSchedule", "", "", `{"schedules":["adams@clinic.example"]}`)
	f.Fuzz(func(t *testing.T, method, path, query, prefer, body string) {
		s := graph.New(graph.Options{PageSize: 2})
		creds := s.AddAccount(user)
		s.AddCalendar(user, cal, "Calendar", "Europe/Berlin")
		s.Put(cal, graph.Event{ID: "series=", Start: march(3, 9), End: march(3, 10), Recurrence: []string{"RRULE:FREQ=DAILY"}})
		form := url.Values{
			"grant_type": {"refresh_token"}, "refresh_token": {creds.RefreshToken}, "client_id": {creds.ClientID},
		}
		r := httptest.NewRequest("POST", "/oauth2/v2.0/token", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		_, token, _ := strings.Cut(w.Body.String(), `"access_token":"`)
		token, _, _ = strings.Cut(token, `"`)

		r = httptest.NewRequest("GET", "/", strings.NewReader(body))
		r.Method, r.URL = method, &url.URL{Path: path, RawQuery: query}
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Prefer", prefer)
		w = httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code >= 500 || w.Code == 401 && strings.HasPrefix(path, "/v1.0") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
