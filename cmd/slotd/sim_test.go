package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"fmt"
	"hash"
	"hash/fnv"
	"log/slog"
	mathrand "math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/internal/config"
	"slotd/internal/daemon"
	"slotd/internal/emulator/google"
	"slotd/internal/emulator/graph"
	"slotd/store"
	"slotd/store/kv/bolt"
)

// The simulation of TestSimulation. The short form is what every run of the tests gets; the long one is
//
//	go test ./cmd/slotd -run TestSimulation -timeout 2h -args -sim.calendars=40 -sim.days=28 -sim.seed=1
var (
	simSeed      = flag.Uint64("sim.seed", 0, "seed of the simulation; 0 makes one up")
	simCalendars = flag.Int("sim.calendars", 6, "calendars of the simulation, half of them at each provider")
	simDays      = flag.Int("sim.days", 3, "simulated days")
)

const (
	simVerify   = 3 * time.Minute
	simServe    = 30 * time.Minute
	simDuration = 30 * time.Minute
	simHorizon  = 14  // days
	simAccounts = 2   // at each provider
	simBusyDay  = 9.0 // what happens to a calendar on a day
)

// TestSimulation lets people edit many calendars of both providers in every way that they have, customers and staff book,
// cancel and move, and the providers fail, over the night in which clocks go forward. At every moment nothing is offered or
// sold over what the mirror must have known; in the end the mirror and the bookings are what the calendars hold.
//
// The seed decides what people do, and when, and which faults come. It does so from streams of their own, so that the same
// seed gives the same edits and faults whatever slotd does. What customers do follows from what they are offered, and which of
// two wins a race is up to the scheduler.
func TestSimulation(t *testing.T) {
	seed := *simSeed
	if seed == 0 {
		seed = mathrand.Uint64()
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	defer func() {
		if t.Failed() {
			t.Logf("repeat with: go test ./cmd/slotd -run TestSimulation -args -sim.calendars=%d -sim.days=%d -sim.seed=%d",
				*simCalendars, *simDays, seed)
		}
	}()
	synctest.Test(t, func(t *testing.T) {
		// Clocks go forward on 26 March 2000: inside the horizon from the start, and lived through in the long form.
		time.Sleep(time.Until(time.Date(2000, 3, 13, 6, 0, 0, 0, time.UTC)))
		s := newSim(t, seed, *simCalendars, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
		defer s.end()
		s.start()
		s.live(time.Duration(*simDays) * 24 * time.Hour)
		s.settle()
		s.compareMirrors()
		s.compareEvents()
		s.stop()
		s.verifyStore()
		s.report()
	})
}

// sim is one simulation. Its methods are called by one goroutine, but for what customers do at once.
type sim struct {
	*testing.T
	key     *world // for its files only
	zone    *time.Location
	diaries []diary // by provider
	rooms   []*room
	at      time.Time      // when the present step is due; customers may make it late, which changes no edit
	people  *mathrand.Rand // who edits, and what
	trouble *mathrand.Rand // faults
	guests  *mathrand.Rand // customers, staff, and those who touch our events
	network pipes
	client  *http.Client
	cfg     *config.Config
	closing []func()

	running daemon.Running
	stop    func()
	errors  *simLog

	mu     sync.Mutex
	print  hash.Hash64 // of all edits and faults
	counts map[string]int
	foul   map[string]bool // bookings that may lack their event, or have a person's instead
	copies map[string]bool // events that a person copied from ours
	moved  map[string]bool // events of ours that a person moved
}

// room is a calendar with the resource that is booked into it.
type room struct {
	diary    diary
	resource string
	cal      string // at the provider
	id       calendar.ID
	drawn    []string // ids of what people drew, deleted or not
}

func newSim(t *testing.T, seed uint64, calendars int, key []byte) *sim {
	t.Helper()
	stream := func(n uint64) *mathrand.Rand { return mathrand.New(mathrand.NewPCG(seed, n)) }
	s := &sim{
		T: t, key: &world{T: t, dir: t.TempDir()}, people: stream(1), trouble: stream(2), guests: stream(3), network: pipes{},
		print: fnv.New64a(), counts: map[string]int{}, foul: map[string]bool{}, copies: map[string]bool{}, moved: map[string]bool{}, stop: func() {},
	}
	s.zone, _ = time.LoadLocation(clinicZone)
	g := &simGoogle{google.New(google.Options{PageSize: 9})}
	o := &simGraph{graph.New(graph.Options{PageSize: 9, DeltaLag: simLag})}
	s.diaries = []diary{g, o}
	for host, h := range map[string]http.Handler{"localhost": g.Handler(), "127.0.0.1": o.Handler()} {
		srv, l := &http.Server{Handler: h}, s.network.listen(host) //nolint:gosec // nobody is slow here
		go func() { _ = srv.Serve(l) }()                           // ends with the simulation
		s.closing = append(s.closing, func() { _ = srv.Close() })
	}
	transport := &http.Transport{DialContext: s.network.dial, MaxIdleConnsPerHost: 8}
	s.client = &http.Client{Transport: transport}
	s.closing = append([]func(){transport.CloseIdleConnections}, s.closing...)
	s.key.write("app_secret", plantedSecret)
	s.key.write("flow_key.pem", string(key))
	must(t, createTokenKey(filepath.Join(s.key.dir, "token_key")))
	s.configure(g, o, calendars)
	return s
}

const simConfig = `
[store]
token_key_file = "token_key"

[whatsapp]
app_secret_file = "app_secret"
private_key_files = ["flow_key.pem"]

[business]
name = "Simulated Clinic"
zone = "Europe/Berlin"
horizon = "14d"
notice = "0s"

[freshness]
poll = "5m"
serve_within = "30m"
verify_within = "3m"

[[department]]
id = "general"
title = "General practice"

[[service]]
id = "consultation"
title = "Consultation"
duration = "30m"
grid = "15m"
`

// configure makes accounts, calendars and resources, and the store.
func (s *sim) configure(g *simGoogle, o *simGraph, calendars int) {
	s.Helper()
	var text strings.Builder
	text.WriteString(simConfig)
	account := func(name, provider, id, refresh, secret, urls string) {
		s.key.write(name+"_refresh", refresh)
		s.key.write(name+"_secret", secret)
		fmt.Fprintf(&text, "\n[[account]]\nname = %q\nprovider = %q\nclient_id = %q\nclient_secret_file = %q\n"+
			"refresh_token_file = %q\n%s", name, provider, id, name+"_secret", name+"_refresh", urls)
	}
	for i := range simAccounts {
		a := g.AddAccount(simUser(i))
		account(fmt.Sprint("google", i), "google", a.ClientID, a.RefreshToken, a.ClientSecret, `api_url = "http://localhost/calendar/v3/"
auth_url = "http://localhost/o/oauth2/v2/auth"
token_url = "http://localhost/token"
`)
		b := o.AddAccount(simUser(i))
		account(fmt.Sprint("outlook", i), "outlook", b.ClientID, b.RefreshToken, b.ClientSecret, `api_url = "http://127.0.0.1/v1.0"
auth_url = "http://127.0.0.1/oauth2/v2.0/authorize"
token_url = "http://127.0.0.1/oauth2/v2.0/token"
`)
	}
	for i := range calendars {
		r := &room{diary: s.diaries[i%2], resource: fmt.Sprintf("doctor%02d", i), cal: fmt.Sprintf("cal%02d", i)}
		user := i / 2 % simAccounts
		r.diary.add(simUser(user), r.cal)
		r.id = calendar.ID(fmt.Sprintf("%s%d/%s", r.diary.name(), user, r.cal))
		s.rooms = append(s.rooms, r)
		fmt.Fprintf(&text, "\n[[resource]]\nid = %q\ntitle = %q\ndepartments = [\"general\"]\n"+
			"hours = { mon-sun = [\"08:00-20:00\"] }\nbook_into = %q\n", r.resource, r.resource, string(r.id))
	}
	s.key.write("slotd.toml", text.String())
	var err error
	s.cfg, err = config.Load(filepath.Join(s.key.dir, "slotd.toml"))
	must(s.T, err)
	must(s.T, bolt.Create(s.cfg.Store.Path))
	db, err := bolt.Open(s.cfg.Store.Path, bolt.Options{})
	must(s.T, err)
	must(s.T, store.Create(s.Context(), db, time.Now()))
	must(s.T, db.Close())
}

func simUser(i int) string { return fmt.Sprintf("desk%d@clinic.example", i) }

// start runs the daemon until stop is called.
func (s *sim) start() {
	s.Helper()
	if s.errors == nil {
		s.errors = &simLog{Handler: slog.DiscardHandler}
	}
	ctx, cancel := context.WithCancel(s.Context())
	ready, ended := make(chan daemon.Running, 1), make(chan error, 1)
	public, private := s.network.listen("public"), s.network.listen("admin")
	go func() {
		ended <- daemon.Run(ctx, daemon.Options{
			Config: s.cfg, Providers: providers(), Log: slog.New(s.errors), Version: "test",
			HTTP: s.client, Public: public, Admin: private, Ready: func(r daemon.Running) { ready <- r },
		})
	}()
	select {
	case s.running = <-ready:
	case err := <-ended:
		s.Fatal(err)
	}
	s.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			s.Errorf("run: %v", err)
		}
		s.stop = func() {}
	}
}

func (s *sim) end() {
	s.stop()
	for _, end := range s.closing {
		end()
	}
}

// simLog keeps what the daemon must never say, whatever people and providers do: that something of its own went wrong, and that
// a mirror had drifted.
type simLog struct {
	slog.Handler
	mu   sync.Mutex
	said []string
}

// Enabled implements slog.Handler.
func (l *simLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

// WithAttrs implements slog.Handler.
func (l *simLog) WithAttrs([]slog.Attr) slog.Handler { return l }

// Handle implements slog.Handler.
func (l *simLog) Handle(_ context.Context, r slog.Record) error {
	if r.Level < slog.LevelError && !strings.Contains(r.Message, "a full read found other busy time") {
		return nil
	}
	text := fmt.Sprint(r.Time, " ", r.Message)
	r.Attrs(func(a slog.Attr) bool {
		text += " " + a.String()
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.said = append(l.said, text)
	return nil
}

// live lets days pass.
func (s *sim) live(d time.Duration) {
	s.Helper()
	end := time.Now().Add(d)
	mean := 24 * time.Hour / time.Duration(simBusyDay*float64(len(s.rooms)))
	for s.at = time.Now(); s.at.Before(end); s.at = s.at.Add(time.Duration(s.people.ExpFloat64() * float64(mean))) {
		time.Sleep(time.Until(s.at))
		s.step(s.people.IntN(1000))
	}
}

func (s *sim) step(n int) {
	s.Helper()
	r := s.rooms[s.people.IntN(len(s.rooms))]
	s.list(s.rooms[s.guests.IntN(len(s.rooms))])
	switch {
	case n < 480:
		s.edit(r)
	case n < 580:
		s.fail(s.diaries[s.trouble.IntN(2)])
	case n < 600:
		s.diaries[s.trouble.IntN(2)].ClearFaults()
	case n < 640:
		s.touch(r)
	case n < 720:
		s.ambush(r)
	case n < 920:
		s.book(r)
	case n < 960:
		s.change(r)
	case n < 961:
		s.stop()
		s.start()
	case n < 970:
		s.outage(r)
	}
}

// settle lets the providers recover and slotd catch up.
func (s *sim) settle() {
	for _, d := range s.diaries {
		d.ClearFaults()
	}
	time.Sleep(2 * time.Hour)
}

func (s *sim) count(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[what]++
}

func (s *sim) report() {
	for _, text := range s.errors.said {
		s.Errorf("the daemon said: %s", text)
	}
	s.Logf("%d calendars, %d days: %v; requests: %d and %d; the edits and faults of this seed: %x", len(s.rooms), *simDays,
		s.counts, s.diaries[0].Requests(""), s.diaries[1].Requests(""), s.print.Sum64())
}

// verifyStore checks all records; the daemon has stopped.
func (s *sim) verifyStore() {
	s.Helper()
	db, err := bolt.Open(s.cfg.Store.Path, bolt.Options{})
	must(s.T, err)
	defer func() { _ = db.Close() }()
	catalog := booking.NewCatalog(s.cfg.Bookable())
	report, err := store.Verify(s.Context(), db, store.VerifyOptions{Catalog: catalog, Now: time.Now()})
	must(s.T, err)
	for _, f := range report.Findings {
		s.Errorf("verify: %s", f)
	}
}

// all returns every booking.
func (s *sim) all() (out []*booking.Booking) {
	s.Helper()
	must(s.T, s.running.Store.View(s.Context(), func(r *store.Reader) error {
		ids, err := r.BookingIDs(time.Now().AddDate(-1, 0, 0), time.Now().AddDate(1, 0, 0), 1<<30)
		if err != nil {
			return err
		}
		for _, id := range ids {
			b, err := r.Booking(id)
			if err != nil {
				return err
			}
			out = append(out, b)
		}
		return nil
	}))
	return out
}
