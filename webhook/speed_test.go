package webhook

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/internal/desk"
	"slotd/internal/flow"
	"slotd/store"
	"slotd/store/kv/bolt"
)

// speedEndpoint is a served endpoint with a clinic of ten doctors whose calendars are well filled, for measurements.
type speedEndpoint struct {
	key     *rsa.PrivateKey
	handler http.Handler
	desk    *desk.Desk
}

var speedSecret = []byte("speed-app-secret")

func newSpeedEndpoint(b *testing.B) *speedEndpoint {
	b.Helper()
	ctx := b.Context()
	path := filepath.Join(b.TempDir(), "slotd.db")
	must(b, bolt.Create(path))
	db, err := bolt.Open(path, bolt.Options{})
	must(b, err)
	b.Cleanup(func() { must(b, db.Close()) })
	must(b, store.Create(ctx, db, time.Now()))
	st, err := store.Open(ctx, db)
	must(b, err)
	zone, err := time.LoadLocation("Europe/Berlin")
	must(b, err)
	cfg := desk.Config{
		Store: st, ServeWithin: time.Hour, TokenTTL: time.Hour, AcceptForeignTokens: true, Hold: 5 * time.Minute,
		Business: booking.Business{
			Zone:        zone,
			Departments: []booking.Department{{ID: "general", Title: "General practice"}},
			Services: []booking.Service{
				{ID: "visit", Title: "Visit", Rules: booking.Rules{Duration: new(30 * time.Minute), Grid: new(15 * time.Minute)}},
			},
		},
		Identity: func(_ calendar.ID, booking, _ string, _ int) string { return booking },
	}
	for i := range 10 {
		cfg.Resources = append(cfg.Resources, speedDoctor(b, st, i, zone))
	}
	d, err := desk.New(cfg)
	must(b, err)
	f, err := flow.Parse(flow.Builtin(), nil)
	must(b, err)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(b, err)
	ring, err := flow.NewKeyRing(key)
	must(b, err)
	s, err := New(Config{
		Desk: d, Flow: f, Keys: ring, AppSecrets: [][]byte{speedSecret}, Business: "Clinic", ScreenTTL: time.Hour,
		Log: slog.New(slog.DiscardHandler),
	})
	must(b, err)
	return &speedEndpoint{key: key, handler: s.Handler(), desk: d}
}

// speedDoctor adds a doctor with eight events a day in their calendar.
func speedDoctor(b *testing.B, st *store.Store, i int, zone *time.Location) booking.Resource {
	id := calendar.ID(fmt.Sprintf("office/doctor-%d", i))
	now := time.Now()
	busy := &calendar.Busy{Window: calendar.Between(now.AddDate(0, 0, -1), now.AddDate(0, 0, 33))}
	for day := range 30 {
		for n := range 8 {
			at := now.Truncate(24*time.Hour).AddDate(0, 0, day).Add(time.Duration(7*60+n*75+i) * time.Minute)
			busy.Foreign = append(busy.Foreign, calendar.Between(at, at.Add(20*time.Minute)))
		}
	}
	busy.Foreign = calendar.Union(busy.Foreign)
	must(b, st.Update(b.Context(), func(tx *store.Tx) error {
		tx.PutSnapshot(id, busy, store.Mirror{Window: busy.Window, ReadAt: now})
		return nil
	}))
	st.MarkChecked(id, now)
	r := booking.Resource{
		ID: fmt.Sprintf("doctor-%d", i), Title: fmt.Sprintf("Dr. %d", i), Departments: []string{"general"},
		Services: []string{"visit"}, Zone: zone, Blocks: []calendar.ID{id}, BookInto: id, Rules: booking.Rules{Hours: &booking.Hours{}},
	}
	for day := range r.Rules.Hours {
		r.Rules.Hours[day] = []booking.Span{{From: 9 * 60, To: 12 * 60}, {From: 13 * 60, To: 18 * 60}}
	}
	return r
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// sealed returns n sealed requests of browsing customers, half of them asking for a day's times.
func (e *speedEndpoint) sealed(b *testing.B, n int) [][]byte {
	b.Helper()
	first, _ := e.desk.Horizon(e.desk.Zone())
	out := make([][]byte, n)
	for i := range out {
		plain := fmt.Sprintf(`{"version":"4.0","action":"INIT","flow_token":"speed-token-%d"}`, i)
		if i%2 == 1 {
			plain = fmt.Sprintf(`{"version":"4.0","action":"data_exchange","screen":"DAY","flow_token":"speed-token-%d","data":`+
				`{"department":"general","service":"visit","resource":"doctor-%d","date":%q}}`, i, i%10, first.AddDays(1+i%20))
		}
		body, _, err := flow.SealRequest(&e.key.PublicKey, []byte(plain))
		must(b, err)
		out[i] = body
	}
	return out
}

// choosing returns 2n sealed requests of n customers who choose one time and then another, each their own.
func (e *speedEndpoint) choosing(b *testing.B, n int) [][]byte {
	b.Helper()
	first, _ := e.desk.Horizon(e.desk.Zone())
	out := make([][]byte, 0, 2*n)
	for day := first.AddDays(1); len(out) < 2*n; day = day.AddDays(1) {
		for doctor := range 10 {
			resource := fmt.Sprintf("doctor-%d", doctor)
			starts, err := e.desk.Slots(b.Context(), "", desk.Choice{Service: "visit", Resource: resource}, day)
			must(b, err)
			for i := 0; i+2 < len(starts) && len(out) < 2*n; i += 4 { // what lies between is never half taken
				for _, start := range []int64{starts[i], starts[i+2]} {
					plain := fmt.Sprintf(`{"version":"4.0","action":"data_exchange","screen":"TIME","flow_token":"speed-token-%d","data":`+
						`{"department":"general","service":"visit","resource":%q,"date":%q,"part":"day","slot":%q}}`,
						len(out)/2, resource, day, desk.SlotID(start))
					body, _, err := flow.SealRequest(&e.key.PublicKey, []byte(plain))
					must(b, err)
					out = append(out, body)
				}
			}
		}
	}
	return out
}

func (e *speedEndpoint) post(body []byte) int {
	r := httptest.NewRequest(http.MethodPost, "/flow", bytes.NewReader(body))
	r.Header.Set("X-Hub-Signature-256", flow.Sign(speedSecret, body))
	w := httptest.NewRecorder()
	e.handler.ServeHTTP(w, r)
	return w.Code
}

// BenchmarkRawDecrypt is the floor: RSA-2048 decrypts on all cores. Compare with BenchmarkAnswer of the same run.
func BenchmarkRawDecrypt(b *testing.B) {
	e := newSpeedEndpoint(b)
	sealed, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &e.key.PublicKey, make([]byte, 16), nil)
	must(b, err)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := rsa.DecryptOAEP(sha256.New(), nil, e.key, sealed, nil); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkAnswer is the whole endpoint on all cores: signature, decryption, conversation, slots, encryption.
func BenchmarkAnswer(b *testing.B) {
	e := newSpeedEndpoint(b)
	bodies := e.sealed(b, 256)
	var next atomic.Int64
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if code := e.post(bodies[next.Add(1)%256]); code != http.StatusOK {
				b.Errorf("status %d", code)
			}
		}
	})
}

// BenchmarkPhones measures latency over loopback HTTP with 1, 8 and 64 phones; the load shares the cores.
func BenchmarkPhones(b *testing.B) {
	for _, phones := range []int{1, 8, 64} {
		b.Run(fmt.Sprint(phones), func(b *testing.B) {
			e := newSpeedEndpoint(b)
			srv := httptest.NewServer(e.handler)
			b.Cleanup(srv.Close)
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: phones}}
			bodies := e.sealed(b, 256)
			took := make([]time.Duration, b.N)
			var next atomic.Int64
			b.ResetTimer()
			var wg sync.WaitGroup
			for range phones {
				wg.Go(func() {
					for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
						begun := time.Now()
						if err := speedRequest(b.Context(), client, srv.URL, bodies[i%256]); err != nil {
							b.Error(err)
						}
						took[i] = time.Since(begun)
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
			b.ReportMetric(float64(runtime.GOMAXPROCS(0)), "cores")
		})
	}
}

// BenchmarkChoose measures choosing a slot, which holds it: one commit, shared with whoever chooses at the same time.
func BenchmarkChoose(b *testing.B) {
	for _, phones := range []int{1, 64} {
		b.Run(fmt.Sprint(phones), func(b *testing.B) {
			e := newSpeedEndpoint(b)
			bodies := e.choosing(b, phones)
			var took []time.Duration
			var mu sync.Mutex
			var next atomic.Int64
			b.ResetTimer()
			var wg sync.WaitGroup
			for phone := range phones {
				wg.Go(func() {
					for i := 0; next.Add(1) <= int64(b.N); i++ {
						begun := time.Now()
						if code := e.post(bodies[2*phone+i%2]); code != http.StatusOK {
							b.Errorf("status %d", code)
						}
						mu.Lock()
						took = append(took, time.Since(begun))
						mu.Unlock()
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
		})
	}
}

func speedRequest(ctx context.Context, client *http.Client, url string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/flow", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("X-Hub-Signature-256", flow.Sign(speedSecret, body))
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	_, err = io.Copy(io.Discard, resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d", resp.StatusCode)
	}
	return err
}
