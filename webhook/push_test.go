package webhook

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slotd/internal/calendar"
)

// pushDesk is a server that only takes pushes, and what it was told.
type pushDesk struct {
	http.Handler
	verdict calendar.PushVerdict

	mu   sync.Mutex
	got  []calendar.Push
	seen []string
}

func newPushDesk() *pushDesk {
	d := &pushDesk{verdict: calendar.PushAccepted}
	s := &Server{cfg: Config{
		Pushed: func(p calendar.Push) calendar.PushVerdict {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.got = append(d.got, p)
			return d.verdict
		},
		ObservePush: func(provider, outcome string) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.seen = append(d.seen, provider+" "+outcome)
		},
	}}
	mux := http.NewServeMux()
	s.pushRoutes(mux)
	d.Handler = mux
	return d
}

// post posts headers, "name: value" each, and a body.
func (d *pushDesk) post(t *testing.T, path, body string, headers ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Result()
}

// want compares what was handed on and what was counted.
func (d *pushDesk) want(t *testing.T, seen []string, got ...calendar.Push) {
	t.Helper()
	if diff := cmp.Diff(seen, d.seen); diff != "" {
		t.Errorf("counted (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(got, d.got); diff != "" {
		t.Errorf("handed on (-want +got):\n%s", diff)
	}
}

func googleHeaders(state, number string) []string {
	return []string{
		"X-Goog-Channel-ID: channel1", "X-Goog-Channel-Token: secret1", "X-Goog-Resource-ID: res1",
		"X-Goog-Message-Number: " + number, "X-Goog-Resource-State: " + state,
		"X-Goog-Resource-URI: https://www.googleapis.com/calendar/v3/calendars/x/events",
	}
}

// TestGooglePush: what Google posts, and how it is answered so that it is not sent again without need.
func TestGooglePush(t *testing.T) {
	good := calendar.Push{Channel: "channel1", Secret: "secret1", Handle: "res1", Number: 7}
	opened := good
	opened.Number, opened.Event = 1, calendar.PushOpened
	for _, tt := range []struct {
		name    string
		headers []string
		verdict calendar.PushVerdict
		status  int
		seen    string
		got     []calendar.Push
	}{
		{"changed", googleHeaders("exists", "7"), calendar.PushAccepted, 200, "google accepted", []calendar.Push{good}},
		{"gone", googleHeaders("not_exists", "7"), calendar.PushAccepted, 200, "google accepted", []calendar.Push{good}},
		{"opened", googleHeaders("sync", "1"), calendar.PushAccepted, 200, "google accepted", []calendar.Push{opened}},
		{"unknown", googleHeaders("exists", "7"), calendar.PushUnknown, 200, "google unknown_channel", []calendar.Push{good}},
		{"forged", googleHeaders("exists", "7"), calendar.PushForged, 200, "google wrong_secret", []calendar.Push{good}},
		{"replayed", googleHeaders("exists", "7"), calendar.PushReplayed, 200, "google replayed", []calendar.Push{good}},
		{"too early", googleHeaders("exists", "7"), calendar.PushNotReady, 503, "google not_ready", []calendar.Push{good}},
		{"no headers", nil, calendar.PushAccepted, 400, "google malformed", nil},
		{"no number", googleHeaders("exists", ""), calendar.PushAccepted, 400, "google malformed", nil},
		{"negative number", googleHeaders("exists", "-1"), calendar.PushAccepted, 400, "google malformed", nil},
		{"long token", append(googleHeaders("exists", "7"), "X-Goog-Channel-Token: "+strings.Repeat("x", 600)),
			calendar.PushAccepted, 400, "google malformed", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newPushDesk()
			d.verdict = tt.verdict
			if resp := d.post(t, "/push/google", "", tt.headers...); resp.StatusCode != tt.status {
				t.Errorf("status %d, want %d", resp.StatusCode, tt.status)
			}
			d.want(t, []string{tt.seen}, tt.got...)
		})
	}
}

func note(subscription, state, lifecycle string) string {
	kind := `"changeType":"updated"`
	if lifecycle != "" {
		kind = fmt.Sprintf(`"lifecycleEvent":%q`, lifecycle)
	}
	return fmt.Sprintf(`{"subscriptionId":%q,"subscriptionExpirationDateTime":"2026-11-30T00:00:00Z","clientState":%q,`+
		`"resource":"Users/x/Events/y","tenantId":"z","resourceData":{"id":"y"},%s}`, subscription, state, kind)
}

func batch(notes ...string) string { return `{"value":[` + strings.Join(notes, ",") + `]}` }

// TestOutlookPush: each message of a batch is judged by itself; equal ones once.
func TestOutlookPush(t *testing.T) {
	changed := calendar.Push{Channel: "c1", Secret: "s1", Handle: "sub1"}
	event := func(e calendar.PushEvent) calendar.Push {
		p := changed
		p.Event = e
		return p
	}
	other := calendar.Push{Channel: "c2", Secret: "s.2", Handle: "sub2"}
	for _, tt := range []struct {
		name, body string
		verdict    calendar.PushVerdict
		status     int
		seen       []string
		got        []calendar.Push
	}{
		{"one change", batch(note("sub1", "c1.s1", "")), calendar.PushAccepted, 202, []string{"accepted"},
			[]calendar.Push{changed}},
		{"a batch of two subscriptions, one of them twice",
			batch(note("sub1", "c1.s1", ""), note("sub2", "c2.s.2", ""), note("sub1", "c1.s1", "")), calendar.PushAccepted, 202,
			[]string{"accepted", "accepted"}, []calendar.Push{changed, other}},
		{"missed", batch(note("sub1", "c1.s1", "missed")), calendar.PushAccepted, 202, []string{"accepted"},
			[]calendar.Push{event(calendar.PushMissed)}},
		{"removed", batch(note("sub1", "c1.s1", "subscriptionRemoved")), calendar.PushAccepted, 202, []string{"accepted"},
			[]calendar.Push{event(calendar.PushRemoved)}},
		{"to be authorized", batch(note("sub1", "c1.s1", "reauthorizationRequired")), calendar.PushAccepted, 202,
			[]string{"accepted"}, []calendar.Push{event(calendar.PushReauthorize)}},
		{"forged", batch(note("sub1", "c1.s1", "")), calendar.PushForged, 202, []string{"wrong_secret"},
			[]calendar.Push{changed}},
		{"too early", batch(note("sub1", "c1.s1", "")), calendar.PushNotReady, 503, []string{"not_ready"},
			[]calendar.Push{changed}},
		{"without a state, beside a good one", batch(note("sub1", "", ""), note("sub1", "c1.s1", "")), calendar.PushAccepted,
			202, []string{"malformed", "accepted"}, []calendar.Push{changed}},
		{"an event of a later version", batch(note("sub1", "c1.s1", "sunset")), calendar.PushAccepted, 202,
			[]string{"malformed"}, nil},
		{"no JSON", "value=1", calendar.PushAccepted, 202, []string{"malformed"}, nil},
		{"wrong types", `{"value":[{"subscriptionId":7}]}`, calendar.PushAccepted, 202, []string{"malformed"}, nil},
		{"nothing", `{"value":[]}`, calendar.PushAccepted, 202, []string{"malformed"}, nil},
		{"empty", ``, calendar.PushAccepted, 202, []string{"malformed"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newPushDesk()
			d.verdict = tt.verdict
			if resp := d.post(t, "/push/outlook?account=desk", tt.body); resp.StatusCode != tt.status {
				t.Errorf("status %d, want %d", resp.StatusCode, tt.status)
			}
			var seen []string
			for _, s := range tt.seen {
				seen = append(seen, "outlook "+s)
			}
			d.want(t, seen, tt.got...)
		})
	}
}

// TestOversizedPush: what is larger than any message is refused before it is read, or as soon as it is seen to be.
func TestOversizedPush(t *testing.T) {
	for _, path := range []string{"/push/google", "/push/outlook"} {
		d := newPushDesk()
		if resp := d.post(t, path, strings.Repeat("x", MaxPush+1), googleHeaders("exists", "1")...); resp.StatusCode != 413 {
			t.Errorf("%s: status %d", path, resp.StatusCode)
		}
		if len(d.got) > 0 || len(d.seen) != 1 || !strings.HasSuffix(d.seen[0], pushTooLarge) {
			t.Errorf("%s: handed on %v, counted %v", path, d.got, d.seen)
		}
	}
	d := newPushDesk() // of a length that it does not tell
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/push/outlook", strings.NewReader(strings.Repeat("x", MaxPush+1)))
	r.ContentLength = -1
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	if w.Code != 413 || len(d.got) > 0 {
		t.Errorf("status %d, handed on %v", w.Code, d.got)
	}
	r = httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/push/outlook?validationToken=x", nil)
	w = httptest.NewRecorder()
	if d.ServeHTTP(w, r); w.Code != http.StatusMethodNotAllowed || w.Body.Len() > 0 {
		t.Errorf("GET: status %d, body %q", w.Code, w.Body)
	}
}

// TestHandshake: the token of a handshake comes back decoded, as plain text that no browser takes for anything else; what
// can be no token does not.
func TestHandshake(t *testing.T) {
	for token, status := range map[string]int{
		"Validation: Testing client application reachability for subscription Request-Id: 5f6c": 200,
		"a+b/c=%20&<script>alert(1)</script>":                                                   200, "Prüfung": 200, "": 400, "a\r\nSet-Cookie: x": 400, "a\x00b": 400,
		strings.Repeat("x", maxEcho+1): 400, "\xff\xfe": 400, "a\u202eb": 400,
	} {
		d := newPushDesk()
		resp := d.post(t, "/push/outlook?account=desk&validationToken="+url.QueryEscape(token), "")
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		want := token
		if status != 200 {
			want = ""
		}
		if resp.StatusCode != status || string(body) != want {
			t.Errorf("%q: status %d, body %q", token, resp.StatusCode, body)
		}
		if status == 200 && resp.Header.Get("Content-Type") != "text/plain; charset=utf-8" ||
			resp.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%q: header %v", token, resp.Header)
		}
		if len(d.got) > 0 {
			t.Errorf("%q: handed on %v", token, d.got)
		}
	}
}

// FuzzOutlookPush: whatever arrives, nothing longer than ours could be is handed on, and nothing without a channel's id.
func FuzzOutlookPush(f *testing.F) {
	f.Add([]byte(batch(note("sub1", "c1.s1", ""))))
	f.Add([]byte(batch(note("sub1", "c1.s1", "missed"), note("sub2", "", "x"))))
	f.Add([]byte(`{"value":[null,{},{"clientState":"."}]}`))
	f.Add([]byte(`{"validationTokens":["x"],"value":[{"clientState":"a.b","encryptedContent":{"data":"x"}}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		messages, malformed := outlookPushes(body)
		if len(messages) == 0 && !malformed {
			t.Error("nothing in it, and yet well formed")
		}
		seen := map[calendar.Push]bool{}
		for _, m := range messages {
			if !short(m.Channel, m.Secret, m.Handle) || seen[m] || m.Number != 0 {
				t.Errorf("handed on %+v", m)
			}
			seen[m] = true
		}
	})
}

// FuzzGooglePush: the same of headers.
func FuzzGooglePush(f *testing.F) {
	f.Add("channel1", "secret1", "res1", "7", "exists")
	f.Add("", "", "", "0", "sync")
	f.Fuzz(func(t *testing.T, id, token, resource, number, state string) {
		h := http.Header{}
		for k, v := range map[string]string{
			"X-Goog-Channel-ID": id, "X-Goog-Channel-Token": token, "X-Goog-Resource-ID": resource,
			"X-Goog-Message-Number": number, "X-Goog-Resource-State": state,
		} {
			h.Set(k, v)
		}
		if p, ok := googlePush(h); ok && (p.Channel == "" || p.Number == 0 || !short(p.Channel, p.Secret, p.Handle)) {
			t.Errorf("handed on %+v", p)
		}
	})
}
