package daemon_test

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"slotd/internal/calendar"
	"slotd/internal/config"
	"slotd/internal/daemon"
	"slotd/internal/desk"
	"slotd/internal/emulator/google"
	"slotd/store"
	"slotd/store/kv/bolt"
)

// The business of the figures of scale: accounts of a hundred calendars with a resource each, all of one department.
const (
	scaleEvents = 300 // of each calendar, over the whole window
	scaleGroup  = 100 // calendars of an account, resources of a department
	scaleEvery  = 150 * time.Minute
	scaleLength = 30 * time.Minute
	scaleAhead  = 30 * 24 * time.Hour
	scaleMemory = "https://memory.example/" // stands for the provider in memory
)

// BenchmarkScale shows with ever more calendars in the store what one change of one calendar costs, from the nudge that
// a message of the provider causes to the commit, and what one list of the free times of a resource costs.
func BenchmarkScale(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			provider := &memory{changes: map[string]int{}}
			begun := time.Now()
			running, stop := runScale(b, n, provider)
			defer stop()
			for _, s := range running.Syncer.Status() { // first looks are not to be measured
				for running.Checked(s.Calendar).Before(begun) {
					time.Sleep(time.Millisecond)
				}
			}
			b.Run("change", func(b *testing.B) { benchChange(b, n, provider, running) })
			b.Run("list", func(b *testing.B) { benchList(b, n, running) })
		})
	}
}

func benchChange(b *testing.B, n int, provider *memory, running daemon.Running) {
	i := 0
	for b.Loop() {
		i = (i + 37) % n
		begun := time.Now()
		provider.change(scaleName(i))
		running.Syncer.Nudge(scaleCalendar(i))
		for running.Checked(scaleCalendar(i)).Before(begun) {
			time.Sleep(20 * time.Microsecond)
		}
	}
}

func benchList(b *testing.B, n int, running daemon.Running) {
	i := 0
	date := calendar.DateOf(time.Now().AddDate(0, 0, 3).Unix(), running.Desk.Zone())
	for b.Loop() {
		i = (i + 37) % n
		choice, err := running.Desk.Resolve(desk.Choice{
			Department: fmt.Sprintf("d%d", i/scaleGroup), Service: "consultation", Resource: fmt.Sprintf("r%d", i),
		})
		if err != nil {
			b.Fatal(err)
		}
		starts, err := running.Desk.Slots(b.Context(), "", choice, date)
		if err != nil || len(starts) == 0 {
			b.Fatalf("%d starts, %v", len(starts), err)
		}
	}
}

// runScale runs a daemon with n calendars of a provider in memory.
func runScale(b *testing.B, n int, provider *memory) (running daemon.Running, stop func()) {
	b.Helper()
	cfg := newScale(b, scale{calendars: n, perMinute: 100_000})
	ctx, cancel := context.WithCancel(b.Context())
	ready, ended := make(chan daemon.Running, 1), make(chan error, 1)
	go func() {
		ended <- daemon.Run(ctx, daemon.Options{
			Config: cfg, Log: slog.New(slog.DiscardHandler), Ready: func(r daemon.Running) { ready <- r },
			Providers: map[string]daemon.Provider{config.Google: {
				New:      func(daemon.ClientConfig) (daemon.Client, error) { return provider, nil },
				Identity: func(string, string, string, int) string { return "identity" },
			}},
		})
	}()
	select {
	case running = <-ready:
	case err := <-ended:
		b.Fatal(err)
	}
	return running, func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	}
}

func scaleName(i int) string { return fmt.Sprintf("calendar%d", i) }

func scaleCalendar(i int) calendar.ID {
	return calendar.ID(fmt.Sprintf("a%d/%s", i/scaleGroup, scaleName(i)))
}

// scale is a business of many calendars.
type scale struct {
	calendars, perMinute int
	// Those of the first accounts, emulated in number, are at an emulator, and not in memory.
	emulated   int
	url        string
	credential google.Credentials
}

// newScale writes the config of a business and fills its store.
func newScale(b *testing.B, sc scale) *config.Config {
	b.Helper()
	dir := b.TempDir()
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	der, err := x509.MarshalPKCS8PrivateKey(flowKey())
	must(err)
	for name, text := range map[string]string{
		"app_secret": appSecret, "client_secret": sc.credential.ClientSecret + "\n",
		"refresh_token": sc.credential.RefreshToken + "\n",
		"flow_key.pem":  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"slotd.toml":    sc.config(),
	} {
		must(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	cfg, err := config.Load(filepath.Join(dir, "slotd.toml"))
	must(err)
	must(bolt.Create(cfg.Store.Path))
	db, err := bolt.Open(cfg.Store.Path, bolt.Options{})
	must(err)
	must(store.Create(b.Context(), db, time.Now()))
	st, err := store.Open(b.Context(), db)
	must(err)
	for i := 0; i < sc.calendars; i += 25 {
		must(st.Update(b.Context(), func(tx *store.Tx) error {
			for j := i; j < min(i+25, sc.calendars); j++ {
				putScale(tx, scaleCalendar(j))
			}
			return nil
		}))
	}
	for i := range sc.calendars {
		st.MarkChecked(scaleCalendar(i), time.Now().Add(-time.Minute)) // so that a look can be told from it
	}
	must(st.FlushChecked(b.Context()))
	must(db.Close())
	return cfg
}

// scaleWindow is the window that a mirror of this config has.
func scaleWindow() calendar.Interval {
	today := time.Now().UTC().Truncate(24 * time.Hour)
	end := time.Now().UTC().Add(scaleAhead + scaleLength).Truncate(24 * time.Hour)
	return calendar.Between(today.AddDate(0, 0, -1), end.AddDate(0, 0, 2))
}

func putScale(tx *store.Tx, id calendar.ID) {
	busy := &calendar.Busy{Window: scaleWindow()}
	for _, e := range scaleList(busy.Window, 0) {
		busy.Foreign = append(busy.Foreign, e.Interval)
	}
	tx.PutSnapshot(id, busy, store.Mirror{
		Cursor: "0", Window: busy.Window, ReadAt: time.Now(), Events: len(busy.Foreign),
	})
}

// scaleList returns a calendar's events after some changes, each of which has moved all of them by a minute.
func scaleList(window calendar.Interval, changes int) []calendar.Event {
	first := window.StartTime().Add(time.Duration(changes%60) * time.Minute)
	events := make([]calendar.Event, 0, scaleEvents)
	for n := range scaleEvents {
		at := first.Add(time.Duration(n) * scaleEvery)
		events = append(events, calendar.Event{
			ID: "event" + strconv.Itoa(n), Interval: calendar.Between(at, at.Add(scaleLength)), Busy: true,
		})
	}
	return events
}

func (sc scale) config() string {
	var text strings.Builder
	text.WriteString(`
[server]
listen = "127.0.0.1:0"
admin = "127.0.0.1:0"

[whatsapp]
app_secret_file = "app_secret"
private_key_files = ["flow_key.pem"]
accept_foreign_tokens = true

[business]
name = "Test Clinic"
zone = "Europe/Berlin"
horizon = "30d"
notice = "0s"

[[service]]
id = "consultation"
title = "Consultation"
duration = "30m"
grid = "15m"
`)
	for i := range sc.calendars / scaleGroup {
		api, token, perMinute := scaleMemory, scaleMemory, sc.perMinute
		if i < sc.emulated {
			api, token, perMinute = sc.url+"/calendar/v3/", sc.url+"/token", 100_000
		}
		fmt.Fprintf(&text, `
[[department]]
id = "d%[1]d"
title = "Department %[1]d"

[[account]]
name = "a%[1]d"
provider = "google"
client_id = %[2]q
client_secret_file = "client_secret"
refresh_token_file = "refresh_token"
api_url = %[3]q
token_url = %[4]q
per_minute = %[5]d
`, i, cmp.Or(sc.credential.ClientID, "client"), api, token, perMinute)
	}
	for i := range sc.calendars {
		fmt.Fprintf(&text, `
[[resource]]
id = "r%[1]d"
title = "Doctor %[1]d"
departments = ["d%[2]d"]
hours = { mon-sun = ["09:00-17:00"] }
book_into = %[3]q
`, i, i/scaleGroup, scaleCalendar(i))
	}
	return text.String()
}

// memory is a provider in memory of as many calendars as it is asked about, which costs nearly nothing.
type memory struct {
	mu      sync.Mutex
	changes map[string]int // by calendar
}

// change changes a calendar.
func (m *memory) change(cal string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changes[cal]++
}

func (m *memory) version(cal string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changes[cal]
}

func (m *memory) Changed(
	_ context.Context, cal string, _ calendar.Interval, cursor calendar.Cursor,
) (calendar.Change, error) {
	now := calendar.Cursor(strconv.Itoa(m.version(cal)))
	return calendar.Change{Changed: cursor != now, Cursor: now}, nil
}

func (m *memory) Read(_ context.Context, cal string, window calendar.Interval) (calendar.Snapshot, error) {
	events := slices.DeleteFunc(scaleList(scaleWindow(), m.version(cal)), func(e calendar.Event) bool {
		return !e.Interval.Overlaps(window)
	})
	return calendar.Snapshot{Window: window, Events: events, Pages: 1}, nil
}

func (m *memory) Find(context.Context, string, calendar.Wanted) (calendar.Written, error) {
	return calendar.Written{}, &calendar.Error{Kind: calendar.Gone, Op: "find"}
}

func (m *memory) Apply(_ context.Context, _ string, w calendar.Wanted) (calendar.Written, error) {
	return calendar.Written{ID: w.Identity, ETag: "1", Interval: w.Interval, Version: w.Version}, nil
}

func (m *memory) Calendars(context.Context) ([]calendar.Info, error) { return nil, nil }
