package main

import (
	"context"
	"encoding/json"
	"flag"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"slotd/internal/admin"
	"slotd/internal/calendar"
	"slotd/internal/config"
	"slotd/internal/daemon"
	"slotd/internal/desk"
	"slotd/internal/emulator/fault"
	"slotd/internal/emulator/google"
	"slotd/internal/emulator/graph"
	"slotd/internal/emulator/whatsapp"
	"slotd/internal/flow"
)

// pipes is a network in memory, by host: unlike sockets, it lets the virtual time of a bubble pass.
type pipes map[string]*pipeListener

type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

// listen must be called before anything is dialled.
func (n pipes) listen(host string) *pipeListener {
	n[host] = &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	return n[host]
}

func (n pipes) dial(ctx context.Context, _, address string) (net.Conn, error) {
	host, _, _ := strings.Cut(address, ":")
	here, there := net.Pipe()
	select {
	case n[host].conns <- there:
		return here, nil
	case <-n[host].closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	select {
	case <-l.closed:
	default:
		close(l.closed)
	}
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "unix"} }

var seedFlag = flag.Uint64("seed", 0, "seed of the simulated week; 0 makes one up")

// bubbleWorld makes what a bubble needs outside of it, as that runs a process: a world whose config names the bubble's hosts.
func bubbleWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	text, err := os.ReadFile(filepath.Join(w.dir, "slotd.toml"))
	must(t, err)
	for _, a := range []struct{ old, host string }{
		{w.cfg.Accounts[0].TokenURL, "localhost"}, {w.cfg.Accounts[1].TokenURL, "127.0.0.1"},
	} {
		authority, _, _ := strings.Cut(strings.TrimPrefix(a.old, "http://"), "/")
		text = []byte(strings.ReplaceAll(string(text), authority, a.host))
	}
	w.write("slotd.toml", strings.Replace(string(text), `poll = "1s"`, `poll = "5m"`, 1))
	w.cfg, err = config.Load(filepath.Join(w.dir, "slotd.toml"))
	must(t, err)
	return w
}

// TestWeekAtBothProviders runs the daemon for a week of virtual time over both vendors' SDKs. Customers book through the
// Flow while people draw events and both providers fail in every way that leaves open what happened; afterwards every
// booking has one event, every event its booking, and what is offered is what the calendars leave free.
func TestWeekAtBothProviders(t *testing.T) {
	w := bubbleWorld(t)
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, w, seed)
		defer b.close()
		for day := range 7 {
			for range 6 {
				time.Sleep(time.Duration(1+b.rng.IntN(7*60)) * time.Minute)
				b.disturb()
				b.book(doctors[b.rng.IntN(2)], day+1)
			}
			b.google.ClearFaults()
			b.graph.ClearFaults()
		}
		time.Sleep(time.Hour)
		b.compare()
	})
	if t.Failed() {
		t.Logf("repeat with: go test ./cmd/slotd -run TestWeekAtBothProviders -args -seed=%d", seed)
	}
}

type bubble struct {
	t       *testing.T
	rng     *rand.Rand
	google  *google.Server
	graph   *graph.Server
	zone    *time.Location
	key     *world
	client  *http.Client
	running daemon.Running
	sold    map[string]string // booking → doctor
	close   func()
}

func newBubble(t *testing.T, w *world, seed uint64) *bubble {
	t.Helper()
	b := &bubble{t: t, rng: rand.New(rand.NewPCG(seed, 1)), google: google.New(google.Options{PageSize: 5}),
		graph: graph.New(graph.Options{PageSize: 5}), zone: w.zone, key: w, sold: map[string]string{}}
	g, o := b.google.AddAccount(googleUser), b.graph.AddAccount(outlookUser)
	b.google.AddCalendar(googleUser, googleCal, "Dr. Adams", clinicZone)
	b.graph.AddCalendar(outlookUser, outlookCal, "Calendar", clinicZone)
	w.write("secrets/google_refresh_token", g.RefreshToken)
	w.write("secrets/outlook_refresh_token", o.RefreshToken)

	network := pipes{}
	servers := map[string]*http.Server{ //nolint:gosec // nobody is slow here
		"localhost": {Handler: b.google.Handler()}, "127.0.0.1": {Handler: b.graph.Handler()},
	}
	for host, srv := range servers {
		l := network.listen(host)
		go func() { _ = srv.Serve(l) }() // ends with close
	}
	transport := &http.Transport{DialContext: network.dial}
	b.client = &http.Client{Transport: transport}
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan daemon.Running, 1), make(chan error, 1)
	public, private := network.listen("public"), network.listen("admin")
	go func() {
		ended <- daemon.Run(ctx, daemon.Options{
			Config: w.cfg, Providers: providers(), Log: slog.New(slog.DiscardHandler), Version: "test",
			HTTP: b.client, Public: public, Admin: private, Ready: func(r daemon.Running) { ready <- r },
		})
	}()
	select {
	case b.running = <-ready:
	case err := <-ended:
		t.Fatal(err)
	}
	b.close = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
		transport.CloseIdleConnections()
		for _, srv := range servers {
			_ = srv.Close()
		}
	}
	return b
}

// disturb lets a person draw an event, and a provider fail.
func (b *bubble) disturb() {
	b.t.Helper()
	y, m, d := time.Now().In(b.zone).AddDate(0, 0, b.rng.IntN(14)).Date()
	start := time.Date(y, m, d, 8+b.rng.IntN(11), 5*b.rng.IntN(12), 0, 0, b.zone)
	end := start.Add(time.Duration(1+b.rng.IntN(12)) * 10 * time.Minute)
	rule := []fault.Rule{
		{Status: http.StatusTooManyRequests, RetryAfter: "60"},
		{Status: http.StatusInternalServerError, After: b.rng.IntN(2) == 0},
		{Reset: true, After: b.rng.IntN(2) == 0},
		{Truncate: true},
		{Delay: 2 * time.Minute, After: b.rng.IntN(2) == 0},
	}[b.rng.IntN(5)]
	rule.Times = 1 + b.rng.IntN(3)
	if b.rng.IntN(2) == 0 {
		b.google.Put(googleCal, google.Event{Title: plantedTitle, Start: start, End: end})
		rule.Op = []string{"events.insert", "events.list", "token", ""}[b.rng.IntN(4)]
		b.google.Inject(rule)
		b.google.ExpireAccess(googleUser)
		return
	}
	b.graph.Put(outlookCal, graph.Event{Title: plantedTitle, Start: start, End: end})
	rule.Op = []string{"events.create", "calendarView.list", "calendarView.delta", ""}[b.rng.IntN(4)]
	// Two lost replies of the token endpoint in a row end a rotated token: that would need a person, not time.
	rule.Match = func(r *http.Request) bool { return !strings.Contains(r.URL.Path, "/oauth2/") }
	b.graph.Inject(rule)
	b.graph.ExpireAccess(outlookUser)
}

// book plays a customer. That nothing can be booked is an answer, too: the mirror may be too old.
func (b *bubble) book(doctor string, day int) {
	b.t.Helper()
	token, err := b.running.Desk.NewToken(b.t.Context(), desk.Invitation{Phone: demoPhone, Name: plantedName})
	must(b.t, err)
	proxy := &whatsapp.Proxy{Endpoint: "http://public/flow", AppSecret: []byte(plantedSecret), HTTP: b.client}
	p, err := whatsapp.NewPhone(whatsapp.Options{
		FlowJSON: flow.Builtin(), PublicKey: b.key.key, Send: proxy.Forward, FlowToken: token,
		FlowTokenSignature: proxy.SignToken(token),
	})
	must(b.t, err)
	r, err := whatsapp.Walk(b.t.Context(), p, whatsapp.Plan{
		Resource: doctor, Date: time.Now().AddDate(0, 0, day).Format(time.DateOnly), Today: time.Now(),
	})
	must(b.t, err)
	if id, _ := r.Params["booking"].(string); r.Outcome == whatsapp.Success {
		b.sold[id] = doctor
	}
}

// compare compares the bookings with the events of both providers, and what is offered with what these leave free.
func (b *bubble) compare() {
	b.t.Helper()
	if len(b.sold) < 20 {
		b.t.Errorf("only %d bookings: the week shows little", len(b.sold))
	}
	b.wellAgain()
	both := &world{google: b.google, graph: b.graph}
	for _, doctor := range doctors {
		events := both.ours(doctor)
		for booking, of := range b.sold {
			if n := len(events[booking]); of == doctor && n != 1 {
				b.t.Errorf("%s: booking %s has %d events", doctor, booking, n)
			}
			delete(events, booking)
		}
		if len(events) > 0 {
			b.t.Errorf("%s: events without a booking: %v", doctor, events)
		}
		for n := 1; n < 14; n++ {
			b.compareDay(doctor, calendar.DateOf(time.Now().Unix(), b.zone).AddDays(n))
		}
	}
}

// wellAgain checks that the daemon itself says that all has recovered.
func (b *bubble) wellAgain() {
	b.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://admin/api/status", nil)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Host = admin.UnixHost
	resp, err := b.client.Do(req)
	must(b.t, err)
	defer func() { _ = resp.Body.Close() }()
	var s admin.Status
	must(b.t, json.NewDecoder(resp.Body).Decode(&s))
	for _, a := range s.Accounts {
		if a.State != "ok" {
			b.t.Errorf("account %s is %s: %s", a.Name, a.State, a.Reason)
		}
	}
	for _, c := range s.Calendars {
		if !c.Fresh || c.Error != "" {
			b.t.Errorf("calendar %s: fresh %v, %d failures, %s", c.ID, c.Fresh, c.Failures, c.Error)
		}
	}
	if s.Outbox.Waiting > 0 {
		b.t.Errorf("outbox: %d wait, %v", s.Outbox.Waiting, s.Outbox.Errors)
	}
}

func (b *bubble) compareDay(doctor string, day calendar.Date) {
	b.t.Helper()
	starts, err := b.running.Desk.Slots(b.t.Context(), "", desk.Choice{Service: "consultation", Resource: doctor}, day)
	must(b.t, err)
	offered := map[int64]bool{}
	for _, s := range starts {
		offered[s] = true
	}
	for minute := 8 * 60; minute+30 <= 20*60; minute += 15 {
		start := time.Date(day.Year, day.Month, day.Day, 0, minute, 0, 0, b.zone)
		if free := b.free(doctor, start, start.Add(30*time.Minute)); offered[start.Unix()] != free {
			b.t.Errorf("%s at %s: offered %v, but free is %v", doctor, start, offered[start.Unix()], free)
		}
	}
}

// free asks the provider itself. Nobody takes events of ours away here, so the claims are all among them.
func (b *bubble) free(doctor string, from, to time.Time) bool {
	if doctor == "adams" {
		return len(b.google.Occurrences(googleCal, from, to)) == 0
	}
	return len(b.graph.Occurrences(outlookCal, from, to)) == 0
}
