package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/internal/desk"
	"slotd/store"
	"slotd/store/kv"
	"slotd/store/kv/bolt"
)

const cal = calendar.ID("acct/adams")

var now = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC) // a Monday, 09:00 in Berlin

type fixture struct {
	t       *testing.T
	desk    *desk.Desk
	status  func(context.Context) (Status, error)
	db      *bolt.DB
	engine  *refusing
	metrics *Metrics
	url     string
	log     strings.Builder
}

// refusing is an engine that can be told to refuse every commit.
type refusing struct {
	kv.DB
	err error
}

func (r *refusing) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if r.err != nil {
		return r.err
	}
	return r.DB.Update(ctx, fn)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	ctx := context.Background()
	f := &fixture{t: t, metrics: NewMetrics("1.2.3"), status: func(context.Context) (Status, error) { return Status{Version: "1.2.3", Now: now}, nil }}
	path := filepath.Join(t.TempDir(), "slotd.db")
	check(t, bolt.Create(path))
	var err error
	f.db, err = bolt.Open(path, bolt.Options{})
	check(t, err)
	t.Cleanup(func() { _ = f.db.Close() })
	check(t, store.Create(ctx, f.db, now))
	f.engine = &refusing{DB: f.db}
	st, err := store.Open(ctx, f.engine)
	check(t, err)
	berlin, err := time.LoadLocation("Europe/Berlin")
	check(t, err)
	var hours booking.Hours
	for day := range hours {
		hours[day] = []booking.Span{{From: 10 * 60, To: 11 * 60}}
	}
	f.desk, err = desk.New(desk.Config{
		Store: st,
		Business: booking.Business{
			Zone: berlin, Rules: booking.Rules{Hours: &hours, Notice: new(time.Duration(0)), Horizon: new(48 * time.Hour)},
			Departments: []booking.Department{{ID: "general", Title: "General practice"}},
			Services:    []booking.Service{{ID: "checkup", Title: "Check-up", Rules: booking.Rules{Duration: new(30 * time.Minute)}}},
			Resources: []booking.Resource{{ID: "adams", Title: "Dr. Adams", Departments: []string{"general"},
				Services: []string{"checkup"}, Zone: berlin, Blocks: []calendar.ID{cal}, BookInto: cal}},
		},
		ServeWithin: 15 * time.Minute, TokenTTL: time.Hour,
		Identity: func(calendar.ID, string, string, int) string { return "identity" },
		Now:      func() time.Time { return now },
	})
	check(t, err)
	window := calendar.Between(now.Add(-time.Hour), now.Add(96*time.Hour))
	check(t, st.Update(ctx, func(tx *store.Tx) error {
		tx.PutSnapshot(cal, &calendar.Busy{Window: window}, store.Mirror{Window: window})
		return nil
	}))
	st.MarkChecked(cal, now)
	server := httptest.NewServer(Handler(Config{
		Desk: f.desk, Store: st, Status: func(ctx context.Context) (Status, error) { return f.status(ctx) },
		Metrics: f.metrics, Log: slog.New(slog.NewTextHandler(&f.log, nil)), Now: func() time.Time { return now },
	}))
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

func (f *fixture) get(path string) (status int, kind, body string) {
	f.t.Helper()
	resp, err := http.Get(f.url + path)
	check(f.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	check(f.t, err)
	return resp.StatusCode, resp.Header.Get("Content-Type"), string(text)
}

func (f *fixture) read(path string, into any) {
	f.t.Helper()
	status, kind, body := f.get(path)
	if status != http.StatusOK || kind != "application/json" {
		f.t.Fatalf("%s: %d %s %s", path, status, kind, body)
	}
	check(f.t, json.Unmarshal([]byte(body), into))
}

// book makes a booking and returns its reference.
func (f *fixture) book(start, name string) string {
	f.t.Helper()
	ctx := context.Background()
	token, err := f.desk.NewToken(ctx, desk.Invitation{Name: name})
	check(f.t, err)
	choice, err := f.desk.Resolve(desk.Choice{})
	check(f.t, err)
	at, err := desk.Start(start)
	check(f.t, err)
	var reference string
	_, err = f.desk.Confirm(ctx, desk.Confirm{Token: token, Request: start, Choice: choice, Start: at,
		Answer: func(b *booking.Booking) []byte { reference = b.Reference; return nil }})
	check(f.t, err)
	return reference
}

func TestStatus(t *testing.T) {
	f := newFixture(t)
	var got Status
	f.read("/api/status", &got)
	if got.Version != "1.2.3" || !got.Now.Equal(now) {
		t.Errorf("got %+v", got)
	}
}

func TestTroubleIsNotToldToTheCaller(t *testing.T) {
	f := newFixture(t)
	f.status = func(context.Context) (Status, error) { return Status{}, errors.New("the disk is on fire") }
	if status, _, body := f.get("/api/status"); status != 500 || strings.Contains(body, "fire") {
		t.Errorf("%d %s", status, body)
	}
	check(t, f.db.Close())
	for _, path := range []string{"/api/slots", "/api/slots?date=2026-11-24", "/api/bookings"} {
		if status, _, body := f.get(path); status != 500 {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if !strings.Contains(f.log.String(), "fire") {
		t.Error("the log does not say what is wrong")
	}
}

func TestSlots(t *testing.T) {
	f := newFixture(t)
	f.book("2026-11-24T09:30:00Z", "Sam Example")
	var got Slots
	f.read("/api/slots", &got)
	want := Slots{
		Choice: desk.Choice{Department: "general", Service: "checkup", Resource: desk.Any}, Zone: "Europe/Berlin",
		Days: []Day{
			{Date: "2026-11-23", Slots: []string{"2026-11-23T10:00:00+01:00", "2026-11-23T10:30:00+01:00"}},
			{Date: "2026-11-24", Slots: []string{"2026-11-24T10:00:00+01:00"}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got = Slots{}
	f.read("/api/slots?resource=adams&service=checkup&date=2026-11-24", &got)
	want.Choice.Resource, want.Days = "adams", want.Days[1:]
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got = Slots{}
	f.read("/api/slots?date=2030-01-01", &got)
	if diff := cmp.Diff([]Day{{Date: "2030-01-01", Slots: []string{}}}, got.Days); diff != "" {
		t.Error(diff)
	}
}

func TestBookings(t *testing.T) {
	f := newFixture(t)
	if _, _, body := f.get("/api/bookings"); strings.TrimSpace(body) != "[]" {
		t.Errorf("an empty list is %q", body)
	}
	first := f.book("2026-11-23T09:00:00Z", "Sam Example")
	second := f.book("2026-11-24T09:30:00Z", "Kim Example")
	var got []Booking
	f.read("/api/bookings", &got)
	if len(got) != 2 || got[0].Reference != first || got[1].Reference != second {
		t.Fatalf("got %+v", got)
	}
	b := got[1]
	if b.Name != "Kim Example" || b.Status != "confirmed" || b.Service != "checkup" || b.NeedsPerson != "" ||
		!b.Start.Equal(time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC)) || b.End.Sub(b.Start) != 30*time.Minute ||
		len(b.Placements) != 1 || b.Placements[0].Resource != "adams" || b.Placements[0].Calendar != cal || b.Placements[0].Status != "pending" {
		t.Errorf("got %+v", b)
	}
	for query, want := range map[string][]string{
		"from=2026-11-24": {second}, "until=2026-11-23": {first}, "from=2026-11-23&until=2026-11-24": {first, second},
		"from=2026-11-25": nil,
	} {
		got = nil
		f.read("/api/bookings?"+query, &got)
		var references []string
		for _, b := range got {
			references = append(references, b.Reference)
		}
		if diff := cmp.Diff(want, references); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
	}
}

func TestWrongRequests(t *testing.T) {
	f := newFixture(t)
	for path, says := range map[string]string{
		"/api/slots?date=24.11.2026":       "date",
		"/api/slots?date=2026-02-30":       "date",
		"/api/slots?date=2026-11-24T10:00": "date",
		"/api/slots?department=nowhere":    "department",
		"/api/slots?service=nothing":       "service",
		"/api/slots?resource=nobody":       "resource",
		"/api/bookings?until=2026-11-21":   "the last day, 2026-11-21, is before the first, 2026-11-22",
		"/api/bookings?from=yesterday":     "date",
		"/api/bookings?until=2026-13-01":   "date",
	} {
		status, kind, body := f.get(path)
		if status != 400 || !strings.HasPrefix(kind, "text/plain") || !strings.Contains(body, says) {
			t.Errorf("%s: %d %s %q", path, status, kind, body)
		}
	}
	for path, want := range map[string]int{"/": 404, "/api": 404, "/api/status/x": 404} {
		if status, _, _ := f.get(path); status != want {
			t.Errorf("%s: status %d", path, status)
		}
	}
	resp, err := http.Post(f.url+"/api/bookings", "application/json", nil)
	check(t, err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: status %d", resp.StatusCode)
	}
}
