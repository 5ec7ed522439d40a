package daemon_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gadapter "slotd/adapters/google"
	"slotd/internal/config"
	"slotd/internal/daemon"
	"slotd/internal/emulator/google"
	"slotd/store"
	"slotd/store/kv/bolt"
)

// stopwatch times requests: when the last message left the provider, and how long the daemon waited for the provider.
type stopwatch struct {
	mu      sync.Mutex
	pushed  time.Time
	waiting time.Duration
}

// timed is a transport that tells a stopwatch of its requests.
type timed struct {
	*stopwatch
	next http.RoundTripper
	push bool
}

func (t timed) RoundTrip(r *http.Request) (*http.Response, error) {
	begun := time.Now()
	if t.push {
		t.mu.Lock()
		t.pushed = begun
		t.mu.Unlock()
		return t.next.RoundTrip(r)
	}
	resp, err := t.next.RoundTrip(r)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiting += time.Since(begun)
	return resp, err
}

func (s *stopwatch) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pushed, s.waiting = time.Time{}, 0
}

func (s *stopwatch) read() (pushed time.Time, waiting time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pushed, s.waiting
}

// BenchmarkPush measures the time from a message of the provider to the commit of the new busy time, over sockets, with
// 300 events in the calendar: all of it, and the part that is not waiting for the provider.
func BenchmarkPush(b *testing.B) {
	watch := &stopwatch{}
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	server := google.New(google.Options{Push: &http.Client{Transport: timed{watch, http.DefaultTransport, true}}})
	b.Cleanup(server.Close)
	web := httptest.NewServer(server.Handler())
	b.Cleanup(web.Close)
	cred := server.AddAccount(owner)
	for _, doctor := range []string{"adams", "clark"} {
		server.AddCalendar(owner, doctor, doctor, "Europe/Berlin")
	}
	day := time.Now().Truncate(time.Hour)
	for n := range 300 {
		at := day.Add(time.Duration(n) * time.Hour)
		server.Put("adams", google.Event{Title: "Event", Start: at, End: at.Add(30 * time.Minute)})
	}
	public, err := (&net.ListenConfig{}).Listen(b.Context(), "tcp", "127.0.0.1:0")
	must(err)
	admin, err := (&net.ListenConfig{}).Listen(b.Context(), "tcp", "127.0.0.1:0")
	must(err)
	cfg := benchConfig(b, web.URL, public.Addr().String(), cred)
	ctx, cancel := context.WithCancel(b.Context())
	ready, ended := make(chan daemon.Running, 1), make(chan error, 1)
	go func() {
		ended <- daemon.Run(ctx, daemon.Options{
			Config: cfg, Log: slog.New(slog.DiscardHandler), Public: public, Admin: admin,
			HTTP:  &http.Client{Transport: timed{watch, &http.Transport{}, false}},
			Ready: func(r daemon.Running) { ready <- r },
			Providers: map[string]daemon.Provider{config.Google: {
				New: func(cc daemon.ClientConfig) (daemon.Client, error) {
					return gadapter.New(gadapter.Config{HTTP: cc.HTTP, APIURL: cc.APIURL, Zone: cc.Zone, AllDayBusy: cc.AllDayBusy})
				},
				Identity: gadapter.Identity,
			}},
		})
	}()
	running := <-ready
	defer func() { cancel(); must(<-ended) }()
	events := func() (n int) {
		must(running.Store.View(ctx, func(r *store.Reader) error {
			m, _, err := r.Mirror("google/adams")
			n = m.Events
			return err
		}))
		return n
	}
	until := func(done func() bool) {
		for !done() {
			time.Sleep(50 * time.Microsecond)
		}
	}
	until(func() bool { return events() == 300 && running.Syncer.Channels()[0].Live })
	var all, ours []time.Duration
	n := 300
	for b.Loop() {
		b.StopTimer()
		time.Sleep(1100 * time.Millisecond) // messages that follow each other faster share a look
		watch.reset()
		b.StartTimer()
		n++
		server.Put("adams", google.Event{Title: "Event", Start: day.Add(240 * time.Hour), End: day.Add(241 * time.Hour)})
		until(func() bool { return events() == n })
		pushed, waiting := watch.read()
		took := time.Since(pushed)
		all, ours = append(all, took), append(ours, took-waiting)
	}
	for name, list := range map[string][]time.Duration{"total": all, "ours": ours} {
		slices.Sort(list)
		b.ReportMetric(float64(list[len(list)/2].Microseconds())/1000, name+"-p50-ms")
		b.ReportMetric(float64(list[len(list)*99/100].Microseconds())/1000, name+"-p99-ms")
	}
}

// benchConfig is the clinic's config with real addresses.
func benchConfig(b *testing.B, provider, public string, cred google.Credentials) *config.Config {
	b.Helper()
	dir := b.TempDir()
	der, err := x509.MarshalPKCS8PrivateKey(flowKey())
	if err != nil {
		b.Fatal(err)
	}
	text := strings.ReplaceAll(fmt.Sprintf(clinicConfig, cred.ClientID), "http://localhost", provider)
	for name, text := range map[string]string{
		"app_secret": appSecret, "client_secret": cred.ClientSecret, "refresh_token": cred.RefreshToken,
		"flow_key.pem": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"slotd.toml":   "[server]\npublic_url = \"http://" + public + "\"\n" + text,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	cfg, err := config.Load(filepath.Join(dir, "slotd.toml"))
	if err != nil {
		b.Fatal(err)
	}
	if err := bolt.Create(cfg.Store.Path); err != nil {
		b.Fatal(err)
	}
	db, err := bolt.Open(cfg.Store.Path, bolt.Options{})
	if err == nil {
		err = store.Create(b.Context(), db, time.Now())
	}
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		b.Fatal(err)
	}
	return cfg
}
