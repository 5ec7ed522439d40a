package syncer_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"slotd/adapters/google"
	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/internal/emulator/fault"
	emulator "slotd/internal/emulator/google"
	"slotd/store"
	"slotd/store/kv/bolt"
	"slotd/syncer"
)

// memory is a listener without sockets, which a synctest bubble understands.
type memory struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (m *memory) Accept() (net.Conn, error) {
	select {
	case c := <-m.conns:
		return c, nil
	case <-m.done:
		return nil, net.ErrClosed
	}
}

func (m *memory) Close() error   { m.once.Do(func() { close(m.done) }); return nil }
func (m *memory) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }

func (m *memory) dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case m.conns <- there:
		return here, nil
	case <-m.done:
		return nil, net.ErrClosed
	}
}

// bearer adds a token to each request.
type bearer struct {
	token string
	next  http.RoundTripper
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return b.next.RoundTrip(r)
}

// connect returns a real adapter before an emulated Google with one calendar.
func connect(t *testing.T, server *emulator.Server) *google.Client {
	t.Helper()
	listener := &memory{conns: make(chan net.Conn), done: make(chan struct{})}
	web := &http.Server{Handler: server.Handler()}
	go func() { _ = web.Serve(listener) }()
	transport := &http.Transport{DialContext: listener.dial}
	t.Cleanup(func() { transport.CloseIdleConnections(); _ = web.Close() })
	c := server.AddAccount("adams@clinic.example")
	server.AddCalendar("adams@clinic.example", "adams", "Dr. Adams", "Europe/Berlin")
	reply, err := (&http.Client{Transport: transport}).PostForm("http://google.example/token", url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {c.RefreshToken},
		"client_id": {c.ClientID}, "client_secret": {c.ClientSecret},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reply.Body.Close() }()
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(reply.Body).Decode(&token); err != nil {
		t.Fatal(err)
	}
	client, err := google.New(google.Config{
		HTTP:   &http.Client{Transport: bearer{token.AccessToken, transport}},
		APIURL: "http://google.example/calendar/v3",
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// TestWithGoogle: mirror and write-back with the real adapter, over requests that fail and requests that happen all the
// same.
func TestWithGoogle(t *testing.T) {
	tests := []struct {
		name string
		rule *fault.Rule
	}{
		{"all well", nil},
		{"insert refused", &fault.Rule{Op: "events.insert", Status: 503, Times: 2}},
		{"insert happened, the reply is lost", &fault.Rule{Op: "events.insert", After: true, Reset: true}},
		{"insert happened, and said it failed", &fault.Rule{Op: "events.insert", After: true, Status: 500}},
		{"insert happened, the reply is cut", &fault.Rule{Op: "events.insert", After: true, Truncate: true}},
		{"throttled", &fault.Rule{Op: "events.", Status: 429, RetryAfter: "30", Times: 3}},
		{"insert disputed", &fault.Rule{Op: "events.insert", Status: 409, Times: 2}},
		{"lists fail", &fault.Rule{Op: "events.list", Reset: true, Times: 3}},
		{"lists lag", &fault.Rule{Method: "POST", LagFor: 4 * time.Minute}},
		{"etags churn", &fault.Rule{Churn: true, Times: 40}},
		{"patch refused", &fault.Rule{Op: "events.patch", Status: 503, Times: 2}},
		{"patch disputed", &fault.Rule{Op: "events.patch", Status: 412, Times: 4}},
		{"patch happened, the reply is lost", &fault.Rule{Op: "events.patch", After: true, Reset: true}},
		{"patch happened, and said it failed", &fault.Rule{Op: "events.patch", After: true, Status: 500, Times: 2}},
		{"delete refused", &fault.Rule{Op: "events.delete", Status: 503, Times: 2}},
		{"delete disputed", &fault.Rule{Op: "events.delete", Status: 412, Times: 4}},
		{"delete happened, the reply is lost", &fault.Rule{Op: "events.delete", After: true, Reset: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { withGoogle(t, tt.rule) }) })
	}
}

func withGoogle(t *testing.T, rule *fault.Rule) {
	path := filepath.Join(t.TempDir(), "slotd.db")
	if err := bolt.Create(path); err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := store.Create(t.Context(), db, time.Now()); err != nil {
		t.Fatal(err)
	}
	st, err := store.Open(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	server := emulator.New(emulator.Options{PageSize: 3})
	client := connect(t, server)
	start := time.Now().Add(30 * time.Hour).Truncate(time.Hour)
	for i := range 7 {
		server.Put("adams", emulator.Event{Start: start.Add(time.Duration(i) * time.Hour), End: start.Add(time.Duration(i)*time.Hour + 30*time.Minute)})
	}
	s, err := syncer.New(syncer.Config{
		Store: st, Calendars: []calendar.ID{"g/adams"}, Poll: time.Minute, Ahead: 5 * 24 * time.Hour,
		Accounts: map[string]syncer.Account{"g": {Source: client, Sink: client, Concurrency: 4, PerMinute: 600}},
		Describe: func(*booking.Booking, booking.Person, booking.Placement) (string, string) { return "Check-up", "" },
		Zone:     func(string) string { return "Europe/Berlin" }, Capacity: func(_, _ string) int { return 1 },
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if rule != nil {
		server.Inject(*rule)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { s.Run(ctx) })
	defer wg.Wait()
	defer cancel()
	b := &booking.Booking{
		ID: "b1", Reference: "K7M-2QX", Service: "check",
		Interval: calendar.Between(start.Add(30*time.Minute), start.Add(time.Hour)),
	}
	b.Begin(booking.Act{At: time.Now(), By: booking.ByCustomer}, []booking.Seat{{
		Resource: "adams", Calendar: "g/adams",
		Identity: func(attempt int) string { return google.Identity(st.ID(), "b1", "adams", attempt) },
	}})
	err = st.Update(ctx, func(tx *store.Tx) error { return tx.InsertBooking(b, booking.Person{}, time.Now()) })
	if err != nil {
		t.Fatal(err)
	}
	s.Written("g/adams")
	time.Sleep(15 * time.Minute)
	synctest.Wait()
	wantAtGoogle(t, st, server, b.Interval, booking.Seen)
	change := func(fn func(b *booking.Booking, a booking.Act) error) {
		t.Helper()
		err := st.Update(ctx, func(tx *store.Tx) error {
			b, err := tx.Booking("b1")
			if err != nil {
				return err
			}
			was := b.Clone()
			if err := fn(b, booking.Act{At: time.Now(), By: booking.ByCustomer}); err != nil {
				return err
			}
			return tx.ChangeBooking(was, b, time.Now())
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Written("g/adams")
		time.Sleep(15 * time.Minute)
		synctest.Wait()
	}
	later := calendar.Between(start.Add(90*time.Minute), start.Add(2*time.Hour))
	change(func(b *booking.Booking, a booking.Act) error {
		return b.Move(a, later, []booking.Seat{{Resource: "adams", Calendar: "g/adams"}})
	})
	wantAtGoogle(t, st, server, later, booking.Seen)
	change(func(b *booking.Booking, a booking.Act) error { return b.Cancel(a) })
	wantAtGoogle(t, st, server, calendar.Interval{}, booking.Written)
	if time.Since(st.Checked("g/adams")) > 2*time.Minute {
		t.Errorf("confirmed at %v", st.Checked("g/adams"))
	}
}

// wantAtGoogle checks that the booking has its one event at Google, none when at is empty, and that the mirror shows it.
func wantAtGoogle(
	t *testing.T, st *store.Store, server *emulator.Server, at calendar.Interval, status booking.PlacementStatus,
) {
	t.Helper()
	var ours []calendar.Interval
	for _, e := range server.Events("adams") {
		if strings.HasPrefix(e.Title, "Check-up") {
			ours = append(ours, calendar.Between(e.Start, e.End))
		}
	}
	err := st.View(t.Context(), func(r *store.Reader) error {
		b, err := r.Booking("b1")
		if err != nil {
			return err
		}
		busy, err := r.Busy("g/adams")
		if err != nil {
			return err
		}
		if p := b.Placements[0]; p.Status != status || b.Conflict() || !p.Left.Empty() {
			t.Errorf("booking %+v", b)
		}
		var own []calendar.Interval
		for _, o := range busy.Own {
			own = append(own, o.Interval)
		}
		var want []calendar.Interval
		if !at.Empty() {
			want = []calendar.Interval{at}
		}
		if !slices.Equal(ours, want) || !slices.Equal(own, want) || len(busy.Foreign) != 7 {
			t.Errorf("at Google %v, in the mirror %+v, want %v", ours, busy, want)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
