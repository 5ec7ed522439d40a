package outlook

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"slotd/internal/calendar"
)

// window is a day in April 2027.
var window = calendar.Interval{Start: 1807228800, End: 1807315200}

// open returns a client of a server that answers as handler does.
func open(t *testing.T, handler http.HandlerFunc, change ...func(*Config)) *Client {
	t.Helper()
	web := httptest.NewServer(handler)
	t.Cleanup(web.Close)
	cfg := Config{HTTP: web.Client(), APIURL: web.URL + "/v1.0/"}
	for _, c := range change {
		c(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func write(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json; odata.metadata=minimal")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

// reply answers every request with one JSON text.
func reply(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { write(w, status, body) }
}

// TestChangedOnAnyPage: the last page of a round may be the empty one. The links are followed as they are.
func TestChangedOnAnyPage(t *testing.T) {
	c := open(t, func(w http.ResponseWriter, r *http.Request) {
		link := "http://" + r.Host + r.URL.Path
		switch r.URL.RawQuery {
		case "$deltatoken=old":
			write(w, 200, `{"value":[{"id":"e","@removed":{"reason":"deleted"}}],
				"@odata.nextLink":"`+link+`?$skiptoken=2"}`)
		case "$skiptoken=2":
			write(w, 200, `{"value":[],"@odata.deltaLink":"`+link+`?$deltatoken=new"}`)
		default:
			t.Errorf("query %s", r.URL.RawQuery)
			write(w, 400, `{}`)
		}
		if !strings.Contains(r.Header.Get("Prefer"), "odata.maxpagesize=") {
			t.Errorf("Prefer: %s", r.Header.Get("Prefer"))
		}
	})
	link := c.base.String() + "/me/calendars/c/calendarView/delta?$deltatoken="
	got, err := c.Changed(t.Context(), "c", window, calendar.Cursor(link+"old"))
	if want := (calendar.Change{Changed: true, Cursor: calendar.Cursor(link + "new")}); err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("a request went elsewhere: %v", r.Header.Get("Authorization"))
	}))
	defer elsewhere.Close()
	c := open(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) })
	if _, err := c.Read(t.Context(), "c", window); err == nil {
		t.Error("a redirect was taken for an answer")
	}
	_, err := c.Changed(t.Context(), "c", window, calendar.Cursor(elsewhere.URL+"/v1.0/me/delta?secret"))
	if calendar.KindOf(err) != calendar.Expired {
		t.Errorf("a cursor of another host: %v, want it expired", err)
	}
	says(t, "cursor", err)
}

// TestRequests checks what leaves for Graph: the path of the mailbox, ids that last, times in UTC, and that the
// property is dropped where it cannot be asked for.
func TestRequests(t *testing.T) {
	for _, c := range []struct{ user, want string }{
		{"", "/v1.0/me/calendars/a%2Fb%3D/calendarView"},
		{"adams@clinic.example", "/v1.0/users/adams%40clinic.example/calendars/a%2Fb%3D/calendarView"},
	} {
		asked := 0
		client := open(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.EscapedPath() != c.want {
				t.Errorf("path %s, want %s", r.URL.EscapedPath(), c.want)
			}
			prefer := r.Header.Get("Prefer")
			if !strings.Contains(prefer, `IdType="ImmutableId"`) || !strings.Contains(prefer, `outlook.timezone="UTC"`) {
				t.Errorf("Prefer: %s", prefer)
			}
			q := r.URL.Query()
			if q.Get("startDateTime") != "2027-04-09T00:00:00Z" || q.Get("endDateTime") != "2027-04-10T00:00:00Z" ||
				strings.Contains(q.Get("$select"), "subject") {
				t.Errorf("query %v", q)
			}
			if asked++; q.Get("$expand") != "" {
				write(w, 400, `{"error":{"code":"RequestBroker--ParseUri"}}`)
				return
			}
			write(w, 200, `{"value":[]}`)
		}, func(cfg *Config) { cfg.User = c.user })
		if _, err := client.Read(t.Context(), "a/b=", window); err != nil || asked != 2 {
			t.Errorf("%v after %d requests", err, asked)
		}
	}
}

// TestSharedCalendarWithoutDelta: delta answers 404 or 403 for some calendars that can be read.
func TestSharedCalendarWithoutDelta(t *testing.T) {
	for _, status := range []int{400, 403, 404, 405, 501} {
		c := open(t, func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "delta") {
				write(w, status, `{"error":{"code":"ErrorAccessDenied"}}`)
				return
			}
			write(w, 200, `{"value":[]}`)
		})
		got, err := c.Changed(t.Context(), "c", window, "")
		if err != nil || got != (calendar.Change{Changed: true}) {
			t.Errorf("%d: %+v, %v", status, got, err)
		}
		// A cursor that stops being served is given up first.
		link := c.base.String() + "/me/calendars/c/calendarView/delta?$deltatoken=x"
		_, err = c.Changed(t.Context(), "c", window, calendar.Cursor(link))
		if calendar.KindOf(err) != calendar.Expired {
			t.Errorf("%d with a cursor: %v, want it expired", status, err)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, cfg := range []Config{
		{}, {HTTP: http.DefaultClient, APIURL: "graph.microsoft.com"}, {HTTP: http.DefaultClient, APIURL: "::"},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("New with API %q succeeded", cfg.APIURL)
		}
	}
}
