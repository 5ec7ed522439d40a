package google

import (
	"net/http"
	"net/http/httptest"
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
	cfg := Config{HTTP: web.Client(), APIURL: web.URL}
	for _, c := range change {
		c(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// reply answers every request with one JSON text.
func reply(status int, header http.Header, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for k, v := range header {
			w.Header()[k] = v
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// TestChangedOnAnyPage: the last page of a round may be the empty one.
func TestChangedOnAnyPage(t *testing.T) {
	c := open(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if q.Get("syncToken") != "old" || q.Has("timeMin") {
			t.Errorf("query %v", q)
		}
		if q.Get("pageToken") == "" {
			_, _ = w.Write([]byte(`{"items":[{"id":"e"}],"nextPageToken":"2"}`))
			return
		}
		_, _ = w.Write([]byte(`{"items":[],"nextSyncToken":"new"}`))
	})
	got, err := c.Changed(t.Context(), "c", window, "old")
	if want := (calendar.Change{Changed: true, Cursor: "new"}); err != nil || got != want {
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
}

func TestNewRefuses(t *testing.T) {
	for _, cfg := range []Config{{}, {HTTP: http.DefaultClient, APIURL: "www.googleapis.com"}} {
		if _, err := New(cfg); err == nil {
			t.Errorf("New(%+v) succeeded", cfg)
		}
	}
}
