package daemon_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	gadapter "slotd/adapters/google"
	"slotd/internal/admin"
	"slotd/internal/calendar"
	"slotd/internal/config"
	"slotd/internal/daemon"
	"slotd/internal/desk"
	"slotd/internal/emulator/google"
	"slotd/internal/emulator/whatsapp"
	"slotd/internal/flow"
	"slotd/store"
	"slotd/store/kv/bolt"
)

const (
	owner     = "desk@clinic.example"
	appSecret = "clinic-app-secret"
	poll      = 5 * time.Minute
	duration  = 30 * time.Minute
	grid      = 15 * time.Minute
	opens     = 9 // o'clock
	closes    = 17
	horizon   = 14 // days
)

const clinicConfig = `
[whatsapp]
app_secret_file = "app_secret"
private_key_files = ["flow_key.pem"]

[business]
name = "Test Clinic"
zone = "Europe/Berlin"
horizon = "14d"
notice = "0s"

[freshness]
poll = "5m"
serve_within = "30m"

[[account]]
name = "google"
provider = "google"
client_id = %q
client_secret_file = "client_secret"
refresh_token_file = "refresh_token"
api_url = "http://localhost/calendar/v3/"
auth_url = "http://localhost/o/oauth2/v2/auth"
token_url = "http://localhost/token"

[[department]]
id = "general"
title = "General practice"

[[service]]
id = "consultation"
title = "Consultation"
duration = "30m"
grid = "15m"

[[resource]]
id = "adams"
title = "Dr. Adams"
departments = ["general"]
hours = { mon-sun = ["09:00-17:00"] }
book_into = "google/adams"

[[resource]]
id = "clark"
title = "Dr. Clark"
departments = ["general"]
hours = { mon-sun = ["09:00-17:00"] }
book_into = "google/clark"
`

// flowKey makes one key for all tests: it takes long, and its making needs no bubble.
var flowKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// clinic is a daemon with its provider and its customers on a network in memory. A doctor's calendar has the doctor's id.
type clinic struct {
	t        *testing.T
	google   *google.Server
	zone     *time.Location
	cfg      *config.Config
	net      *network
	provider *http.Server
	inside   *http.Client // of the daemon
	outside  *http.Client // of the customers and the operator
	idle     []*http.Transport
	also     []func() error // what else ends with it
	running  daemon.Running
	stop     func()
	reload   chan struct{}
	manager  *manager
	failures bytes.Buffer // what the daemon logged as an error; to be read once it has stopped
}

// newClinic must be called inside a bubble; close ends all that it started.
func newClinic(t *testing.T) *clinic {
	t.Helper()
	c := &clinic{t: t, net: newNetwork()}
	c.google = google.New(google.Options{PageSize: 7, Push: c.pusher()})
	c.also = append(c.also, func() error { c.google.Close(); return nil })
	var err error
	if c.zone, err = time.LoadLocation("Europe/Berlin"); err != nil {
		t.Fatal(err)
	}
	cred := c.google.AddAccount(owner)
	for _, doctor := range []string{"adams", "clark"} {
		c.google.AddCalendar(owner, doctor, doctor, "Europe/Berlin")
	}
	c.configure(cred)
	c.provider = &http.Server{Handler: c.google.Handler()} //nolint:gosec // nobody is slow here
	l := c.net.listen("localhost")
	go func() { _ = c.provider.Serve(l) }() // ends with close
	for _, client := range []**http.Client{&c.inside, &c.outside} {
		hc, transport := c.net.client()
		*client = hc
		c.idle = append(c.idle, transport)
	}
	return c
}

func (c *clinic) configure(cred google.Credentials) {
	c.t.Helper()
	dir := c.t.TempDir()
	der, err := x509.MarshalPKCS8PrivateKey(flowKey())
	c.must(err)
	for name, text := range map[string]string{
		"app_secret": appSecret, "client_secret": cred.ClientSecret, "refresh_token": cred.RefreshToken,
		"flow_key.pem": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"slotd.toml":   fmt.Sprintf(clinicConfig, cred.ClientID),
	} {
		c.must(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	c.cfg, err = config.Load(filepath.Join(dir, "slotd.toml"))
	c.must(err)
	c.must(bolt.Create(c.cfg.Store.Path))
	db, err := bolt.Open(c.cfg.Store.Path, bolt.Options{})
	c.must(err)
	c.must(store.Create(c.t.Context(), db, time.Now()))
	c.must(db.Close())
}

// reconfigure takes over the config on disk; no daemon runs.
func (c *clinic) reconfigure() {
	c.t.Helper()
	cfg, err := config.Load(c.cfg.Path)
	c.must(err)
	c.cfg = cfg
}

func (c *clinic) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// start runs the daemon until stop is called.
func (c *clinic) start() {
	c.t.Helper()
	c.reload, c.manager = make(chan struct{}), &manager{}
	ctx, cancel := context.WithCancel(c.t.Context())
	ready, ended := make(chan daemon.Running, 1), make(chan error, 1)
	go func() {
		ended <- daemon.Run(ctx, daemon.Options{
			Config: c.cfg, Log: c.logger(), Version: "test", HTTP: c.inside,
			Reload: c.reload, Load: func() (*config.Config, error) { return config.Load(c.cfg.Path) },
			Notify: c.manager.notify, Watchdog: watchdog,
			Public: c.net.listen("public"), Admin: c.net.listen("admin"), Ready: func(r daemon.Running) { ready <- r },
			Providers: map[string]daemon.Provider{config.Google: {
				New: func(cc daemon.ClientConfig) (daemon.Client, error) {
					return gadapter.New(gadapter.Config{
						HTTP: cc.HTTP, APIURL: cc.APIURL, Zone: cc.Zone, AllDayBusy: cc.AllDayBusy,
					})
				},
				Identity: gadapter.Identity,
			}},
		})
	}()
	select {
	case c.running = <-ready:
	case err := <-ended:
		c.t.Fatalf("run: %v", err)
	}
	c.stop = func() {
		c.t.Helper()
		cancel()
		c.must(<-ended)
	}
}

// logger keeps the errors: whatever the provider does, none is the daemon's own.
func (c *clinic) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(&c.failures, &slog.HandlerOptions{Level: slog.LevelError}))
}

func (c *clinic) close() {
	c.stop()
	if c.failures.Len() > 0 {
		c.t.Errorf("the daemon logged errors:\n%s", &c.failures)
	}
	for _, t := range c.idle {
		t.CloseIdleConnections()
	}
	_ = c.provider.Close()
	for _, end := range c.also {
		_ = end()
	}
}

// phone returns a customer with a message of the daemon's.
func (c *clinic) phone() (*whatsapp.Phone, error) {
	token, err := c.running.Desk.NewToken(c.t.Context(), desk.Invitation{Phone: "490000000000", Name: "Sam Rivers"})
	if err != nil {
		return nil, err
	}
	proxy := &whatsapp.Proxy{Endpoint: "http://public/flow", AppSecret: []byte(appSecret), HTTP: c.outside}
	return whatsapp.NewPhone(whatsapp.Options{
		FlowJSON: flow.Builtin(), PublicKey: &flowKey().PublicKey, Send: proxy.Forward, FlowToken: token,
		FlowTokenSignature: proxy.SignToken(token),
	})
}

// ask gets JSON from the admin address.
func (c *clinic) ask(route string, out any) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, "http://admin"+route, nil)
	c.must(err)
	req.Host = admin.UnixHost // "admin" is a name, as a foreign page has one
	resp, err := c.outside.Do(req)
	c.must(err)
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		c.t.Fatalf("%s: %s", route, resp.Status)
	}
	c.must(json.NewDecoder(resp.Body).Decode(out))
}

func (c *clinic) bookings() []admin.Booking {
	c.t.Helper()
	var list []admin.Booking
	c.ask("/api/bookings?from=2000-01-01", &list)
	return list
}

func (c *clinic) checked(doctor string) time.Time {
	return c.running.Checked(calendar.ID("google/" + doctor))
}
