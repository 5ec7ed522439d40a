package graph_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"slotd/internal/emulator/graph"
)

const (
	user   = "adams@clinic.example"
	cal    = "AAMkCal-1="
	prefer = `IdType="ImmutableId", outlook.timezone="UTC", odata.maxpagesize=100`
)

// fixture is a server with one mailbox in Berlin with one calendar, and a client that holds an access token.
type fixture struct {
	*graph.Server
	t     *testing.T
	http  *httptest.Server
	creds graph.Credentials
	token string
	now   time.Time
}

func setup(t *testing.T, opt graph.Options) *fixture {
	t.Helper()
	f := &fixture{t: t, now: time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)}
	opt.Now = func() time.Time { return f.now }
	f.Server = graph.New(opt)
	f.http = httptest.NewServer(f.Handler())
	t.Cleanup(f.http.Close)
	f.creds = f.AddAccount(user)
	f.AddCalendar(user, cal, "Calendar", "Europe/Berlin")
	f.token = f.grant("grant_type", "refresh_token", "refresh_token", f.creds.RefreshToken)["access_token"].(string)
	return f
}

// grant asks the token endpoint with a form of key and value pairs.
func (f *fixture) grant(pairs ...string) map[string]any {
	f.t.Helper()
	form := url.Values{"client_id": {f.creds.ClientID}}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return f.post("/common/oauth2/v2.0/token", form)
}

func (f *fixture) post(path string, form url.Values) map[string]any {
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
	return out
}

// do sends a request to an absolute link or below /v1.0/ and returns the status and the decoded body.
func (f *fixture) do(method, path string, body any, header ...string) (int, map[string]any) {
	f.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		f.t.Fatal(err)
	}
	return f.raw(method, path, raw, header...)
}

func (f *fixture) raw(method, path string, body []byte, header ...string) (int, map[string]any) {
	f.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = f.http.URL + "/v1.0/" + path
	}
	r, err := http.NewRequestWithContext(f.t.Context(), method, path, bytes.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+f.token)
	r.Header.Set("Prefer", prefer)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := f.http.Client().Do(r)
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

// list follows all pages and returns the rows with the last page.
func (f *fixture) list(path string, header ...string) (rows []map[string]any, last map[string]any) {
	f.t.Helper()
	for range 100 {
		status, page := f.do("GET", path, nil, header...)
		if status != http.StatusOK {
			f.t.Fatalf("%s: %d %v", path, status, page)
		}
		for _, row := range page["value"].([]any) {
			rows = append(rows, row.(map[string]any))
		}
		next, ok := page["@odata.nextLink"].(string)
		if !ok {
			return rows, page
		}
		path = next
	}
	f.t.Fatal("endless paging")
	return nil, nil
}

func calendarPath(rest string) string { return "me/calendars/" + url.PathEscape(cal) + rest }

func view(kind, from, to string) string {
	return calendarPath(kind + "?startDateTime=" + from + "T00:00:00Z&endDateTime=" + to + "T00:00:00Z")
}

func column(rows []map[string]any, name string) []string {
	var out []string
	for _, r := range rows {
		v, _ := r[name].(string)
		out = append(out, v)
	}
	return out
}

func code(body map[string]any) string {
	e, _ := body["error"].(map[string]any)
	c, _ := e["code"].(string)
	return c
}

func march(day, hour int) time.Time { return time.Date(2026, 3, day, hour, 0, 0, 0, time.UTC) }

func booking(transaction string, day int) map[string]any {
	const form = "2006-01-02T15:04:05"
	return map[string]any{
		"subject": "Booking", "transactionId": transaction,
		"start": map[string]any{"dateTime": march(day, 9).Format(form), "timeZone": "UTC"},
		"end":   map[string]any{"dateTime": march(day, 10).Format(form), "timeZone": "UTC"},
		"singleValueExtendedProperties": []map[string]any{
			{"id": "String {66f5a359-4659-4830-9070-00047ec6ac6e} Name slotd", "value": "Booking's-1"},
		},
	}
}
