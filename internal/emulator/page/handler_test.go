package page

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// testConfig is a page over two diaries, with a proxy that repeats what it was sent.
func testConfig(b *bell) (Config, *diary) {
	adams, baker := twoDiaries(b)
	return Config{
		Business: "Harbour Clinic", FlowJSON: []byte(`{"version":"7.3"}`),
		PublicKey: func() []byte { return []byte("the key") },
		Proxy: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				fail(w, http.StatusRequestEntityTooLarge, "too large")
				return
			}
			reply(w, http.StatusOK, map[string]any{"status": 200, "body": string(body)})
		}),
		NewToken:  func(context.Context) (string, error) { return "token-000001", nil },
		Calendars: []Calendar{adams, baker}, Changed: b.listen,
		Now: func() time.Time { return monday },
	}, adams
}

func mustNew(t *testing.T, cfg Config) http.Handler {
	t.Helper()
	handler, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return handler
}

// call asks the handler as the page would.
func call(handler http.Handler, method, target, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = "127.0.0.1:8080"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
			continue
		}
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func TestGuards(t *testing.T) {
	cfg, _ := testConfig(newBell())
	handler := mustNew(t, cfg)
	const draw = "/api/calendars/adams/events"
	const event = `{"title":"x","start":"2026-11-24T09:00:00Z","end":"2026-11-24T10:00:00Z"}`
	tests := []struct {
		name, method, target, body string
		header                     []string
		want                       int
	}{
		{"the page", "GET", "/", "", nil, 200},
		{"a name of this machine", "GET", "/", "", []string{"Host", "localhost:80"}, 200},
		{"IPv6", "GET", "/", "", []string{"Host", "[::1]:8080"}, 200},
		{"IPv6 without a port", "GET", "/", "", []string{"Host", "[::1]"}, 200},
		{"a rebound name", "GET", "/api/session", "", []string{"Host", "evil.example:8080"}, 403},
		{"a name that begins well", "GET", "/", "", []string{"Host", "127.0.0.1.evil.example"}, 403},
		{"no name", "GET", "/", "", []string{"Host", ""}, 403},
		{"a session for a foreign page", "GET", "/api/session", "", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"a write", "POST", draw, event, []string{"Sec-Fetch-Site", "same-origin"}, 201},
		{"a write from another site", "POST", draw, event, []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"a write from another port", "POST", draw, event, []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"a write from another origin", "POST", draw, event, []string{"Origin", "http://evil.example"}, 403},
		{"a delete from another site", "DELETE", draw + "/adams-1=", "", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"a form", "POST", draw, event, []string{"Content-Type", "text/plain"}, 415},
		{"another method", "PUT", draw, event, nil, 405},
		{"another path", "GET", "/etc/passwd", "", nil, 404},
		{"a body without end", "POST", "/api/flow", strings.Repeat("a", maxBody+1), nil, 413},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := call(handler, tt.method, tt.target, tt.body, tt.header...)
			if w.Code != tt.want {
				t.Errorf("status %d, want %d: %s", w.Code, tt.want, w.Body)
			}
			h := w.Header()
			if h.Get("Content-Security-Policy") != policy || h.Get("Cache-Control") != "no-store" ||
				h.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("headers lack a policy: %v", h)
			}
		})
	}
}

func TestPageIsSelfContained(t *testing.T) {
	cfg, _ := testConfig(newBell())
	handler := mustNew(t, cfg)
	index := call(handler, "GET", "/", "").Body.String()
	for _, foreign := range []string{"<style", "style=", "onclick", "http://", "https://"} {
		if strings.Contains(index, foreign) {
			t.Errorf("index.html holds %q, which its policy forbids", foreign)
		}
	}
	kinds := map[string]string{"app.js": "text/javascript", "style.css": "text/css", "icon.svg": "image/svg+xml"}
	for name, kind := range kinds {
		w := call(handler, "GET", "/static/"+name, "")
		if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), kind) {
			t.Errorf("%s: status %d, type %q", name, w.Code, w.Header().Get("Content-Type"))
		}
	}
}

func TestSession(t *testing.T) {
	cfg, _ := testConfig(newBell())
	var got struct {
		Business, Token string
		PublicKey       string `json:"public_key"`
		Flow            struct{ Version string }
		Calendars       []Info
		Now             time.Time
	}
	w := call(mustNew(t, cfg), "GET", "/api/session", "")
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Business != "Harbour Clinic" || got.Token != "token-000001" || got.PublicKey != "the key" ||
		got.Flow.Version != "7.3" || len(got.Calendars) != 2 || !got.Now.Equal(monday) {
		t.Errorf("session is %+v", got)
	}
	cfg.NewToken = func(context.Context) (string, error) { return "", errors.New("no entropy today") }
	w = call(mustNew(t, cfg), "GET", "/api/session", "")
	if w.Code != 503 || strings.Contains(w.Body.String(), "entropy") {
		t.Errorf("without a token: status %d, %s", w.Code, w.Body)
	}
}

func TestEvents(t *testing.T) {
	cfg, adams := testConfig(newBell())
	handler := mustNew(t, cfg)
	const path = "/api/calendars/adams/events"

	w := call(handler, "POST", path,
		`{"title":" Lunch ","start":"2026-11-27T12:00:00Z","end":"2026-11-27T13:00:00Z","busy":true}`)
	var made struct{ ID string }
	if err := json.Unmarshal(w.Body.Bytes(), &made); err != nil || w.Code != 201 {
		t.Fatalf("draw: status %d, %s", w.Code, w.Body)
	}
	id := strings.ReplaceAll(made.ID, "=", "%3D")
	if w := call(handler, "PATCH", path+"/"+id, `{"busy":false}`); w.Code != 204 {
		t.Errorf("make free: status %d, %s", w.Code, w.Body)
	}
	w = call(handler, "GET", "/api/events?from=2026-11-27T11:00:00Z&to=2026-11-27T14:00:00Z", "")
	var got struct{ Calendars map[string][]Event }
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	noon := time.Date(2026, time.November, 27, 12, 0, 0, 0, time.UTC)
	want := []Event{{ID: made.ID, Title: "Lunch", Start: noon, End: noon.Add(time.Hour)}}
	if diff := cmp.Diff(want, got.Calendars["adams"]); diff != "" {
		t.Errorf("events differ (-want +got):\n%s", diff)
	}
	if got.Calendars["baker"] == nil {
		t.Error("a calendar is missing")
	}
	if w := call(handler, "DELETE", path+"/"+id, ""); w.Code != 204 {
		t.Errorf("delete: status %d, %s", w.Code, w.Body)
	}
	if _, there := adams.find("Lunch"); there {
		t.Error("the event is still there")
	}
}

func TestEventsRefused(t *testing.T) {
	cfg, _ := testConfig(newBell())
	handler := mustNew(t, cfg)
	const path = "/api/calendars/adams/events"
	event := func(title, end string) string {
		return `{"title":"` + title + `","start":"2026-11-27T12:00:00Z","end":"` + end + `"}`
	}
	tests := []struct {
		name, method, target, body string
		want                       int
	}{
		{"no such calendar", "POST", "/api/calendars/nobody/events", event("x", "2026-11-27T13:00:00Z"), 404},
		{"no title", "POST", path, event("  ", "2026-11-27T13:00:00Z"), 400},
		{"a title without end", "POST", path, event(strings.Repeat("x", 201), "2026-11-27T13:00:00Z"), 400},
		{"ends before it starts", "POST", path, event("x", "2026-11-27T11:00:00Z"), 400},
		{"no time at all", "POST", path, `{"title":"x"}`, 400},
		{"a year long", "POST", path, event("x", "2027-11-27T12:00:00Z"), 400},
		{"not JSON", "POST", path, `{`, 400},
		{"a key that nobody knows", "POST", path, `{"colour":"red"}`, 400},
		{"no such event", "PATCH", path + "/none", `{"busy":true}`, 409},
		{"neither busy nor free", "PATCH", path + "/none", `{}`, 400},
		{"no such event to delete", "DELETE", path + "/none", "", 409},
		{"no span", "GET", "/api/events", "", 400},
		{"a span of years", "GET", "/api/events?from=2026-01-01T00:00:00Z&to=2029-01-01T00:00:00Z", "", 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if w := call(handler, tt.method, tt.target, tt.body); w.Code != tt.want {
				t.Errorf("status %d, want %d: %s", w.Code, tt.want, w.Body)
			}
		})
	}
}

func TestStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBell()
		cfg, adams := testConfig(b)
		mirrored := monday
		cfg.Freshness = func() map[string]time.Time { return map[string]time.Time{"adams": mirrored} }
		ctx, stop := context.WithCancel(t.Context())
		in, out := io.Pipe()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			r := httptest.NewRequest("GET", "/api/stream", nil).WithContext(ctx)
			r.Host = "localhost"
			mustNew(t, cfg).ServeHTTP(&streamWriter{ResponseRecorder: httptest.NewRecorder(), out: out}, r)
			out.Close()
		}()
		lines := bufio.NewScanner(in)
		expect := func(want ...string) {
			t.Helper()
			for _, line := range append(want, "") {
				if !lines.Scan() || lines.Text() != line {
					t.Fatalf("the stream says %q, want %q", lines.Text(), line)
				}
			}
		}
		expect("event: freshness", `data: {"mirrored":{"adams":"2026-11-23T10:20:00Z"},"now":"2026-11-23T10:20:00Z"}`)
		synctest.Wait()
		adams.add(Event{Title: "x", Start: monday, End: monday.Add(time.Hour)})
		expect("event: changed", "data: {}")
		began := time.Now()
		expect(": still here")
		if quiet := time.Since(began); quiet != beatEvery*lookEvery {
			t.Errorf("the stream was silent for %v", quiet)
		}
		synctest.Wait()
		stop()
		if lines.Scan() {
			t.Errorf("after its end the stream says %q", lines.Text())
		}
		<-ended
	})
}

// streamWriter passes on what a handler writes.
type streamWriter struct {
	*httptest.ResponseRecorder
	out io.Writer
}

func (w *streamWriter) Write(p []byte) (int, error) { return w.out.Write(p) }

func TestNewRefuses(t *testing.T) {
	tests := map[string]func(*Config){
		"no key":                 func(c *Config) { c.PublicKey = nil },
		"no proxy":               func(c *Config) { c.Proxy = nil },
		"no tokens":              func(c *Config) { c.NewToken = nil },
		"a Flow that is no JSON": func(c *Config) { c.FlowJSON = []byte("{") },
		"a calendar twice":       func(c *Config) { c.Calendars = append(c.Calendars, c.Calendars[0]) },
		"a calendar without key": func(c *Config) { c.Calendars = []Calendar{&diary{}} },
		"a zone that is none": func(c *Config) {
			c.Calendars = []Calendar{&diary{info: Info{Key: "x", Zone: "Mars/Base"}}}
		},
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			cfg, _ := testConfig(newBell())
			spoil(&cfg)
			if _, err := New(cfg); err == nil {
				t.Error("New took it")
			}
		})
	}
}
