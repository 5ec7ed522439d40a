package google_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"time"

	"slotd/internal/emulator/google"
)

const (
	user = "adams@clinic.example"
	cal  = "adams@clinic.example"
)

// fixture is a server with one account and one calendar in Berlin, and a client that holds an access token.
type fixture struct {
	*google.Server
	t     *testing.T
	http  *httptest.Server
	creds google.Credentials
	token string
	now   time.Time
}

func setup(t *testing.T, opt google.Options) *fixture {
	t.Helper()
	f := &fixture{t: t, now: time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)}
	opt.Now = func() time.Time { return f.now }
	f.Server = google.New(opt)
	f.http = httptest.NewServer(f.Handler())
	t.Cleanup(f.http.Close)
	f.creds = f.AddAccount(user)
	f.AddCalendar(user, cal, "Dr. Adams", "Europe/Berlin")
	f.token = f.refresh(f.creds.RefreshToken)["access_token"].(string)
	return f
}

func (f *fixture) refresh(token string) map[string]any {
	_, body := f.form("/token", url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {token},
		"client_id": {f.creds.ClientID}, "client_secret": {f.creds.ClientSecret},
	})
	return body
}

func (f *fixture) form(path string, form url.Values) (int, map[string]any) {
	f.t.Helper()
	resp, err := f.http.Client().PostForm(f.http.URL+path, form)
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		f.t.Fatal(err)
	}
	return resp.StatusCode, out
}

// do sends a request below /calendar/v3/ and returns the status and the decoded body.
func (f *fixture) do(method, path string, body any, header ...string) (int, map[string]any) {
	f.t.Helper()
	resp, err := f.try(method, path, body, header...)
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	var out map[string]any
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &out); err != nil {
			f.t.Fatalf("%s %s: %v in %q", method, path, err, raw)
		}
	}
	return resp.StatusCode, out
}

func (f *fixture) try(method, path string, body any, header ...string) (*http.Response, error) {
	f.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		f.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(f.t.Context(), method, f.http.URL+"/calendar/v3/"+path, bytes.NewReader(raw))
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+f.token)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return f.http.Client().Do(r)
}

// list follows all pages of events.list and returns the rows with the last reply.
func (f *fixture) list(params url.Values) (rows []map[string]any, last map[string]any) {
	f.t.Helper()
	params = url.Values(mapClone(params))
	for range 100 {
		status, page := f.do("GET", "calendars/"+cal+"/events?"+params.Encode(), nil)
		if status != http.StatusOK {
			f.t.Fatalf("events.list: %d %v", status, page)
		}
		_, hasPage := page["nextPageToken"]
		_, hasSync := page["nextSyncToken"]
		if hasPage && hasSync {
			f.t.Fatal("a page has both tokens")
		}
		for _, row := range page["items"].([]any) {
			rows = append(rows, row.(map[string]any))
		}
		if !hasPage {
			return rows, page
		}
		params.Set("pageToken", page["nextPageToken"].(string))
	}
	f.t.Fatal("endless paging")
	return nil, nil
}

func mapClone(p url.Values) map[string][]string {
	out := map[string][]string{}
	for k, v := range p {
		out[k] = slices.Clone(v)
	}
	return out
}

func reason(body map[string]any) string {
	e, _ := body["error"].(map[string]any)
	errs, _ := e["errors"].([]any)
	if len(errs) == 0 {
		return ""
	}
	r, _ := errs[0].(map[string]any)["reason"].(string)
	return r
}

func column(rows []map[string]any, name string) []string {
	var out []string
	for _, r := range rows {
		v, _ := r[name].(string)
		out = append(out, v)
	}
	return out
}

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

func march(day, hour int) time.Time { return time.Date(2026, 3, day, hour, 0, 0, 0, time.UTC) }

func window(from, to string) url.Values {
	return url.Values{"singleEvents": {"true"}, "timeMin": {from}, "timeMax": {to}}
}

func booking(id string, day int) map[string]any {
	return map[string]any{
		"id": id, "summary": "Booking",
		"start":              map[string]any{"dateTime": march(day, 9).Format(time.RFC3339), "timeZone": "Europe/Berlin"},
		"end":                map[string]any{"dateTime": march(day, 10).Format(time.RFC3339), "timeZone": "Europe/Berlin"},
		"extendedProperties": map[string]any{"private": map[string]any{"slotd": "b1"}},
	}
}
