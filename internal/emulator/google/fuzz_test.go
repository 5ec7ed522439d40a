package google_test

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"slotd/internal/emulator/google"
)

func FuzzRequest(f *testing.F) {
	const events = "/calendar/v3/calendars/primary/events"
	f.Add("GET", events, "singleEvents=true&timeMin=2026-03-01T00:00:00Z&fields=items(id,start/date)", "")
	f.Add("GET", events, "syncToken=e30&pageToken=e30&maxResults=1", "")
	f.Add("POST", events, "", `{"id":"abcde","start":{"date":"2026-03-01"},"end":{"date":"2026-03-02"}}`)
	f.Add("PATCH", events+"/series_20260303T090000Z", "", `{"start":{"dateTime":"2026-03-01T00:00:00Z"},"summary":null}`)
	f.Add("PUT", events+"/series", "", `{"start":{},"end":{},"recurrence":["RRULE:FREQ=DAILY"]}`)
	f.Add("POST", "/calendar/v3/freeBusy", "", `{"timeMin":"2026-03-01T00:00:00Z","items":[{"id":"primary"}]}`)
	f.Fuzz(func(t *testing.T, method, path, query, body string) {
		if _, err := url.ParseRequestURI(path); err != nil || strings.ContainsAny(method, " \r\n\t") || method == "" {
			return
		}
		s := google.New(google.Options{PageSize: 2})
		creds := s.AddAccount(user)
		s.AddCalendar(user, cal, "Dr. Adams", "Europe/Berlin")
		s.Put(cal, google.Event{ID: "series", Start: march(3, 9), End: march(3, 10), Recurrence: []string{"RRULE:FREQ=DAILY"}})
		form := url.Values{
			"grant_type": {"refresh_token"}, "refresh_token": {creds.RefreshToken},
			"client_id": {creds.ClientID}, "client_secret": {creds.ClientSecret},
		}
		r := httptest.NewRequest("POST", "/token", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		_, token, _ := strings.Cut(w.Body.String(), `"access_token":"`)
		token, _, _ = strings.Cut(token, `"`)

		r = httptest.NewRequest("GET", "/", strings.NewReader(body))
		r.Method, r.URL = method, &url.URL{Path: path, RawQuery: query}
		r.Header.Set("Authorization", "Bearer "+token)
		w = httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code >= 500 || w.Code == 401 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
