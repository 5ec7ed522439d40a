package daemon_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"slotd/internal/admin"
	"slotd/internal/booking"
	"slotd/internal/emulator/google"
	"slotd/store"
	"slotd/store/kv/bolt"
)

const webhookConfig = `
[webhook]
url = "http://127.0.0.1/hooks/slotd"
secret_file = "webhook_secret"
`

// crm is another system that is told of bookings. How it verifies them is tested in package notify.
type crm struct {
	mu     sync.Mutex
	answer int
	got    []string // "type status name", of what it accepted
}

// tells puts a crm on the clinic's network.
func (c *clinic) tells() *crm {
	c.t.Helper()
	c.must(os.WriteFile(filepath.Join(filepath.Dir(c.cfg.Path), "webhook_secret"), []byte("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), 0o600))
	other := &crm{answer: http.StatusOK}
	server := &http.Server{Handler: other} //nolint:gosec // nobody is slow here
	l := c.net.listen("127.0.0.1")
	go func() { _ = server.Serve(l) }() // ends with the daemon's connections
	c.also = append(c.also, server.Close)
	return other
}

func (o *crm) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var m struct {
		Type string
		Data struct {
			Status   string
			Customer struct{ Name string }
		}
	}
	_ = json.Unmarshal(body, &m)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.answer == http.StatusOK {
		o.got = append(o.got, strings.TrimSpace(m.Type+" "+m.Data.Status+" "+m.Data.Customer.Name))
	}
	w.WriteHeader(o.answer)
}

func (o *crm) answers(code int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answer = code
}

// take returns what was accepted since the last call, and forgets it.
func (o *crm) take() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	got := o.got
	o.got = nil
	return got
}

func (c *clinic) status() (s admin.Status) {
	c.t.Helper()
	c.ask("/api/status", &s)
	return s
}

// asks sends JSON to the admin address and returns the answer.
func (c *clinic) asks(route string, in, out any) (status int, text string) {
	c.t.Helper()
	body, err := json.Marshal(in)
	c.must(err)
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, "http://admin"+route, bytes.NewReader(body))
	c.must(err)
	req.Host = admin.UnixHost
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.outside.Do(req)
	c.must(err)
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	c.must(err)
	if resp.StatusCode == http.StatusOK {
		c.must(json.Unmarshal(answer, out))
	}
	return resp.StatusCode, string(answer)
}

// TestWebhookComesAndGoesByReload: bookings are told from the reload on that brings the section, until the one that takes it
// away; a config that is refused changes nothing.
func TestWebhookComesAndGoesByReload(t *testing.T) {
	served(t, func(t *testing.T, c *clinic) {
		other := c.tells()
		c.buys("adams", 1)
		c.rewrite(func(s string) string { return s + webhookConfig })
		c.reloads()
		c.buys("clark", 1)
		time.Sleep(time.Second)
		if got := other.take(); !slices.Equal(got, []string{"booking.created confirmed Sam Rivers"}) {
			t.Errorf("told: %q", got)
		}

		c.rewrite(func(s string) string { return strings.Replace(s, `"webhook_secret"`, `"app_secret"`, 1) })
		c.reloads()
		if text := strings.Join(c.status().Problems, "\n"); !strings.Contains(text, "must be base64") || strings.Contains(text, appSecret) {
			t.Errorf("a secret that is none: %s", text)
		}
		c.failures.Reset() // the refusal was logged, as it should be
		c.buys("clark", 2)
		time.Sleep(time.Second)
		if got := other.take(); len(got) != 1 {
			t.Errorf("told by the old config: %q", got)
		}

		c.rewrite(func(s string) string { return strings.Split(s, "[webhook]")[0] })
		c.reloads()
		c.buys("clark", 3)
		time.Sleep(time.Hour)
		if got := other.take(); len(got) != 0 || c.status().Webhook != nil {
			t.Errorf("told although nobody is to be: %q, %+v", got, c.status().Webhook)
		}
	})
}

// TestWebhookThatIsDown: what waits is shown, survives a restart and a reload, and is delivered in the end.
func TestWebhookThatIsDown(t *testing.T) {
	servedBy(t, func(c *clinic) { c.rewrite(func(s string) string { return s + webhookConfig }) }, func(t *testing.T, c *clinic) {
		other := c.tells()
		c.reloads()
		other.answers(http.StatusBadGateway)
		c.buys("adams", 1)
		time.Sleep(10 * time.Minute)
		s := c.status()
		if w := s.Webhook; w == nil || w.Waiting != 1 || w.Oldest == nil || w.Error != "answered 502" || len(s.Problems) > 0 {
			t.Errorf("after ten minutes: %+v, %q", w, s.Problems)
		}
		time.Sleep(10 * time.Minute)
		if text := strings.Join(c.status().Problems, "\n"); !strings.Contains(text, "the webhook is behind: 1 notices wait") {
			t.Errorf("after twenty minutes: %q", text)
		}
		c.stop()
		c.start()
		c.reloads()
		other.answers(http.StatusOK)
		time.Sleep(2 * time.Hour)
		s = c.status()
		if got := other.take(); len(got) != 1 || s.Webhook == nil || s.Webhook.Waiting != 0 || len(s.Problems) > 0 {
			t.Errorf("told %q, %+v, %q", got, s.Webhook, s.Problems)
		}
	})
}

// seldom asks the provider seldom: for tests in which days pass.
func seldom(s string) string {
	return strings.NewReplacer(`poll = "5m"`, `poll = "6h"`, `serve_within = "30m"`, `serve_within = "24h"`).Replace(s)
}

// TestWebhookGivesUp: what was given up stays in the status until somebody decides.
func TestWebhookGivesUp(t *testing.T) {
	servedBy(t, func(c *clinic) { c.rewrite(func(s string) string { return seldom(s) + webhookConfig }) }, func(t *testing.T, c *clinic) {
		other := c.tells()
		c.reloads()
		other.answers(http.StatusBadGateway)
		c.buys("adams", 10)
		c.buys("clark", 10)
		time.Sleep(74 * time.Hour)
		s := c.status()
		if text := strings.Join(s.Problems, "\n"); s.Webhook == nil || s.Webhook.SetAside != 2 || !strings.Contains(text, "slotd webhook retry") {
			t.Fatalf("after three days: %+v, %q", s.Webhook, text)
		}
		c.failures.Reset() // giving up is an error in the log, as it should be
		other.answers(http.StatusOK)
		var n admin.Count
		if code, text := c.asks("/api/webhook/retry", struct{}{}, &n); code != http.StatusOK || n.Count != 2 {
			t.Errorf("retry: %d %s", code, text)
		}
		time.Sleep(time.Minute)
		if got := other.take(); len(got) != 2 || len(c.status().Problems) > 0 {
			t.Errorf("told %q; %q", got, c.status().Problems)
		}
	})
}

// TestOldRecordsGoAtNight: what is kept as long as the config says is gone in the night after, and the rest agrees.
func TestOldRecordsGoAtNight(t *testing.T) {
	keep := func(c *clinic) {
		c.rewrite(func(s string) string { return "[store]\nkeep_bookings = \"4d\"\nkeep_visits = \"1d\"\n" + seldom(s) })
		c.reconfigure()
	}
	servedBy(t, keep, func(t *testing.T, c *clinic) {
		c.buys("adams", 1)
		c.buys("clark", 12)
		time.Sleep(4 * 24 * time.Hour)
		if n := len(c.bookings()); n != 2 {
			t.Errorf("%d bookings are kept within their time", n)
		}
		time.Sleep(3 * 24 * time.Hour)
		if left := c.bookings(); len(left) != 1 || left[0].Placements[0].Resource != "clark" {
			t.Errorf("left: %+v", left)
		}
		if problems := c.status().Problems; len(problems) > 0 {
			t.Errorf("problems: %q", problems)
		}
		c.stop()
		db, err := bolt.Open(c.cfg.Store.Path, bolt.Options{})
		c.must(err)
		catalog := booking.NewCatalog(c.cfg.Bookable())
		report, err := store.Verify(t.Context(), db, store.VerifyOptions{Now: time.Now(), Catalog: catalog})
		c.must(err)
		if len(report.Findings) > 0 || report.Records["booking"] != 1 || report.Records["visit"] != 0 {
			t.Errorf("the records: %v, findings: %v", report.Records, report.Findings)
		}
		c.must(db.Close())
		c.start()
	})
}

// TestForgetReachesTheCalendar: the event of a past booking does not name the person any more.
func TestForgetReachesTheCalendar(t *testing.T) {
	servedBy(t, func(c *clinic) { c.rewrite(func(s string) string { return seldom(s) + webhookConfig }) }, func(t *testing.T, c *clinic) {
		other := c.tells()
		c.reloads()
		c.buys("adams", 1)
		time.Sleep(time.Minute)
		coming := c.bookings()[0].Reference
		var done admin.Forgotten
		if code, text := c.asks("/api/bookings/forget", admin.PersonQuery{Phone: "490000000000"}, &done); code != http.StatusConflict ||
			!strings.Contains(text, coming) || strings.Contains(text, "490000000000") {
			t.Errorf("while a booking is to come: %d %s", code, text)
		}
		time.Sleep(2 * 24 * time.Hour)
		if e := c.google.Events("adams"); len(e) != 1 || !strings.Contains(e[0].Title, "Sam Rivers") || !strings.Contains(e[0].Body, "490000000000") {
			t.Fatalf("before: %+v", e)
		}
		if code, text := c.asks("/api/bookings/forget", admin.PersonQuery{Phone: "+49 000 0000000"}, &done); code != http.StatusOK {
			t.Fatalf("forget: %d %s", code, text)
		}
		if done.Bookings != 1 || done.Visits == 0 || done.Rewritten != 1 || len(done.Waiting)+len(done.Failed) != 0 || !done.Webhook {
			t.Errorf("forgotten: %+v", done)
		}
		e := c.google.Events("adams")
		if len(e) != 1 || e[0].Title != "Consultation" || e[0].Body != coming {
			t.Errorf("after: %+v", e)
		}
		if list := c.bookings(); len(list) != 1 || list[0].Name != "" {
			t.Errorf("bookings: %+v", list)
		}
		time.Sleep(time.Minute)
		if got := other.take(); !slices.Equal(got, []string{"booking.created confirmed Sam Rivers", "booking.forgotten confirmed"}) {
			t.Errorf("the other system was told %q", got)
		}
		if code, text := c.asks("/api/bookings/forget", admin.PersonQuery{Phone: "Sam Rivers"}, &done); code != http.StatusBadRequest {
			t.Errorf("a name for a number: %d %s", code, text)
		}
	})
}

// TestForgetOfAnEventThatMoved: a person has moved the event of a past booking meanwhile. It stays there, and names nobody.
func TestForgetOfAnEventThatMoved(t *testing.T) {
	servedBy(t, func(c *clinic) { c.rewrite(seldom); c.reconfigure() }, func(t *testing.T, c *clinic) {
		c.buys("adams", 1)
		time.Sleep(2 * 24 * time.Hour)
		event := c.google.Events("adams")[0]
		to := event.Start.Add(5 * 24 * time.Hour)
		c.google.Edit("adams", event.ID, func(e *google.Event) { e.Start, e.End = to, to.Add(duration) })
		var done admin.Forgotten
		if code, text := c.asks("/api/bookings/forget", admin.PersonQuery{Phone: "490000000000"}, &done); code != http.StatusOK {
			t.Fatalf("forget: %d %s", code, text)
		}
		if done.Bookings != 1 || done.Rewritten != 1 || len(done.Waiting)+len(done.Failed) != 0 {
			t.Errorf("forgotten: %+v", done)
		}
		e := c.google.Events("adams")
		if len(e) != 1 || e[0].Title != "Consultation" || !e[0].Start.Equal(to) {
			t.Errorf("after: %+v", e)
		}
		if list := c.bookings(); len(list) != 1 || list[0].Name != "" || !list[0].Start.Equal(to) {
			t.Errorf("bookings: %+v", list)
		}
	})
}
