package notify_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/internal/notify"
	"slotd/store"
	"slotd/store/kv"
	"slotd/store/kv/bolt"
)

const (
	secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	url    = "http://crm.example/hooks/planted-path"
)

// rig is a store whose notices are delivered to a receiver, in a bubble.
type rig struct {
	t     *testing.T
	path  string
	db    *faulty
	store *store.Store
	*receiver
	keys   [][]byte
	log    bytes.Buffer // to be read when nothing runs
	stop   func()
	hook   *notify.Notifier
	events []booking.What
}

// faulty is a real engine whose Updates can be made to fail.
type faulty struct {
	kv.DB
	mu   sync.Mutex
	fail error
}

func (f *faulty) Update(ctx context.Context, fn func(kv.Tx) error) error {
	f.mu.Lock()
	err := f.fail
	f.mu.Unlock()
	if err != nil {
		return err
	}
	return f.DB.Update(ctx, fn)
}

func (f *faulty) failWith(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = err
}

// inBubble runs fn with a rig that delivers.
func inBubble(t *testing.T, fn func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, path: filepath.Join(t.TempDir(), "slotd.db"), receiver: newReceiver(t, secret)}
		r.events = []booking.What{booking.WasCreated, booking.WasMoved, booking.WasCancelled, booking.InConflict}
		key, err := notify.ParseKey([]byte(secret))
		r.must(err)
		r.keys = [][]byte{key}
		r.must(bolt.Create(r.path))
		db, err := bolt.Open(r.path, bolt.Options{})
		r.must(err)
		r.db = &faulty{DB: db}
		r.must(store.Create(t.Context(), r.db, time.Now()))
		r.open()
		r.run()
		fn(r)
		r.stop()
		r.receiver.close()
		r.must(db.Close())
		for _, private := range []string{"Ann", "15550100", "knee", "planted-path", strings.TrimPrefix(secret, "whsec_")} {
			if strings.Contains(r.log.String(), private) {
				t.Errorf("the log holds %q:\n%s", private, &r.log)
			}
		}
	})
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) open() {
	r.t.Helper()
	var err error
	r.store, err = store.Open(r.t.Context(), r.db)
	r.must(err)
}

// run delivers until stop is called, which waits for the end.
func (r *rig) run() {
	r.t.Helper()
	berlin, err := time.LoadLocation("Europe/Berlin")
	r.must(err)
	title := func(titles map[string]string) func(string) string {
		return func(id string) string { return titles[id] }
	}
	r.hook, err = notify.New(notify.Config{
		Store: r.store, URL: url, Keys: r.keys, Zone: berlin, HTTP: r.client,
		Service:    title(map[string]string{"check": "Check-up"}),
		Resource:   title(map[string]string{"adams": "Dr. Adams", "laser": "Laser"}),
		Department: title(map[string]string{"skin": "Skin"}),
		Log:        slog.New(slog.NewTextHandler(&r.log, nil)),
	})
	r.must(err)
	r.store.SetNotices(r.events, r.hook.Wake)
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan struct{})
	hook := r.hook
	go func() { hook.Run(ctx); close(done) }()
	r.stop = func() { cancel(); <-done }
}

func seats(id string, resources ...string) (out []booking.Seat) {
	for _, resource := range resources {
		out = append(out, booking.Seat{Resource: resource, Calendar: calendar.ID("c/" + resource), Identity: func(n int) string {
			return fmt.Sprint(id, resource, n)
		}})
	}
	return out
}

// book makes a booking for tomorrow.
func (r *rig) book(id string) *booking.Booking {
	r.t.Helper()
	now := time.Now()
	start := now.Add(24 * time.Hour).Unix()
	b := &booking.Booking{
		ID: id, Reference: "R-" + id, Service: "check", Department: "skin",
		Interval: calendar.Interval{Start: start, End: start + 1800},
	}
	b.Begin(booking.Act{At: now, By: booking.ByCustomer}, seats(id, "adams", "laser"))
	p := booking.Person{
		Name: "Ann Example", Phone: "15550100", Email: "ann@example.com", Notes: "knee", Answers: map[string]string{"insured": "yes"},
	}
	r.must(r.store.Update(r.t.Context(), func(tx *store.Tx) error { return tx.InsertBooking(b, p, now) }))
	return b
}

func (r *rig) change(id string, fn func(b *booking.Booking, now time.Time) error) {
	r.t.Helper()
	now := time.Now()
	r.must(r.store.Update(r.t.Context(), func(tx *store.Tx) error {
		b, err := tx.Booking(id)
		if err != nil {
			return err
		}
		was := b.Clone()
		if err := fn(b, now); err != nil {
			return err
		}
		return tx.ChangeBooking(was, b, now)
	}))
}

func (r *rig) move(id string) {
	r.t.Helper()
	r.change(id, func(b *booking.Booking, now time.Time) error {
		to := calendar.Interval{Start: b.Start + 3600, End: b.End + 3600}
		return b.Move(booking.Act{At: now, By: booking.ByOperator, Why: "the doctor is late"}, to, seats(id, "adams", "laser"))
	})
}

func (r *rig) waiting() (all []store.Notice) {
	r.t.Helper()
	r.must(r.store.View(r.t.Context(), func(rd *store.Reader) (err error) {
		all, err = rd.Notices("", 10_000)
		return err
	}))
	return all
}

// types returns what was received, as "type booking".
func (r *rig) types() (out []string) {
	for _, m := range r.calls() {
		out = append(out, m.Type+" "+m.booking())
	}
	return out
}

func TestDeliveredAtOnce(t *testing.T) {
	inBubble(t, func(r *rig) {
		began := time.Now()
		b := r.book("b1")
		synctest.Wait()
		calls := r.calls()
		if len(calls) != 1 || len(r.waiting()) != 0 || !calls[0].At.Equal(began) {
			t.Fatalf("received %v, waiting %v", calls, r.waiting())
		}
		zone, _ := time.LoadLocation("Europe/Berlin")
		wall := func(unix int64) string { return time.Unix(unix, 0).In(zone).Format(time.RFC3339) }
		want := map[string]any{
			"type": "booking.created", "timestamp": began.UTC().Format(time.RFC3339Nano),
			"data": map[string]any{
				"booking": "b1", "reference": "R-b1", "version": 1.0, "status": "confirmed",
				"service":           map[string]any{"id": "check", "title": "Check-up"},
				"resource":          map[string]any{"id": "adams", "title": "Dr. Adams"},
				"further_resources": []any{map[string]any{"id": "laser", "title": "Laser"}},
				"department":        map[string]any{"id": "skin", "title": "Skin"},
				"start":             wall(b.Start), "end": wall(b.End), "conflict": false, "by": "customer",
				"customer": map[string]any{
					"name": "Ann Example", "phone": "15550100", "email": "ann@example.com", "notes": "knee",
					"answers": map[string]any{"insured": "yes"},
				},
			},
		}
		if diff := cmp.Diff(want, calls[0].Body); diff != "" {
			t.Errorf("body (-want +got):\n%s", diff)
		}
	})
}

func TestWhatAMoveTells(t *testing.T) {
	inBubble(t, func(r *rig) {
		before := r.book("b1")
		r.move("b1")
		r.change("b1", func(b *booking.Booking, now time.Time) error { b.SetConflict(0, true, now); return nil })
		synctest.Wait()
		if got, want := r.types(), []string{"booking.created b1", "booking.moved b1", "booking.conflict b1"}; !slices.Equal(got, want) {
			t.Fatalf("received %v, want %v", got, want)
		}
		data, _ := r.calls()[1].Body["data"].(map[string]any)
		start, _ := data["start"].(string)
		previous, _ := data["previous_start"].(string)
		from, err1 := time.Parse(time.RFC3339, previous)
		to, err2 := time.Parse(time.RFC3339, start)
		if err := errors.Join(err1, err2); err != nil || from.Unix() != before.Start || to.Unix() != before.Start+3600 {
			t.Errorf("moved from %q to %q: %v", previous, start, err)
		}
		if data["why"] != "the doctor is late" || data["by"] != "operator" || data["version"] != 2.0 {
			t.Errorf("moved: %v", data)
		}
		if data, _ := r.calls()[2].Body["data"].(map[string]any); data["conflict"] != true || data["by"] != "slotd" {
			t.Errorf("conflict: %v", data)
		}
	})
}

// TestMoods: whatever the receiver does to the first call, the second carries the same id, and then nothing waits.
func TestMoods(t *testing.T) {
	for name, c := range map[string]struct {
		mood  func(int, received, http.ResponseWriter)
		least time.Duration // until the second call
		most  time.Duration
		why   string // in the log
	}{
		"500":                  {answers(500), 4 * time.Second, 5 * time.Second, "answered 500"},
		"400":                  {answers(400), 4 * time.Second, 5 * time.Second, "answered 400"},
		"the answer is lost":   {loses, 4 * time.Second, 5 * time.Second, "no answer"},
		"it takes too long":    {sleeps(time.Minute), 14 * time.Second, 15 * time.Second, "no answer"},
		"redirect":             {redirects, 4 * time.Second, 5 * time.Second, "redirects are not followed"},
		"Retry-After":          {asksToWait(429, "120"), 120 * time.Second, 121 * time.Second, "answered 429"},
		"Retry-After nonsense": {asksToWait(503, "tomorrow"), 4 * time.Second, 5 * time.Second, "answered 503"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.reacts(once(c.mood))
				r.book("b1")
				time.Sleep(5 * time.Minute)
				synctest.Wait()
				calls := r.calls()
				if len(calls) != 2 || calls[0].ID != calls[1].ID || len(r.waiting()) != 0 {
					t.Fatalf("received %v, waiting %v", calls, r.waiting())
				}
				if d := calls[1].At.Sub(calls[0].At); d < c.least || d > c.most {
					t.Errorf("tried again after %s", d)
				}
				r.stop()
				if !strings.Contains(r.log.String(), c.why) {
					t.Errorf("the log does not say %q:\n%s", c.why, &r.log)
				}
			})
		})
	}
}

// TestInOrderPerBooking: what happened later to a booking waits for what happened before; other bookings do not.
func TestInOrderPerBooking(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.reacts(func(n int, m received, w http.ResponseWriter) {
			if m.booking() == "b1" && n < 5 {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			w.WriteHeader(http.StatusOK)
		})
		r.book("b1")
		synctest.Wait()
		r.move("b1")
		r.book("b2")
		r.move("b2")
		time.Sleep(time.Hour)
		synctest.Wait()
		var first []string
		for _, what := range r.types() {
			if strings.HasSuffix(what, "b1") {
				first = append(first, strings.Fields(what)[0])
			}
		}
		last := slices.Compact(slices.Clone(first))
		if !slices.Equal(last, []string{"booking.created", "booking.moved"}) || len(first) < 3 {
			t.Errorf("of b1 was told: %v", first)
		}
		if got := r.types()[1:3]; !slices.Equal(got, []string{"booking.created b2", "booking.moved b2"}) {
			t.Errorf("b2 waited for b1: %v", r.types())
		}
	})
}

// TestRetryAfterHoldsForAll: a receiver that asks to be left alone is, also with what it has not seen yet.
func TestRetryAfterHoldsForAll(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.reacts(once(asksToWait(503, "600")))
		r.book("b1")
		synctest.Wait()
		r.book("b2")
		time.Sleep(599 * time.Second)
		synctest.Wait()
		if got := r.types(); len(got) != 1 {
			t.Errorf("received within the time: %v", got)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := r.types(); len(got) != 3 || len(r.waiting()) != 0 {
			t.Errorf("received: %v", got)
		}
	})
}

func TestGoneStopsUntilItIsRetried(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.reacts(answers(http.StatusGone))
		r.book("b1")
		synctest.Wait()
		r.book("b2")
		time.Sleep(4 * notify.GiveUp)
		synctest.Wait()
		if got := r.types(); len(got) != 1 || !r.hook.Gone() {
			t.Errorf("received after 410: %v", got)
		}
		for _, n := range r.waiting() {
			if n.Aside {
				t.Error("a notice was given up while nobody tried")
			}
		}
		r.reacts(nil)
		r.hook.Retry()
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(r.waiting()) != 0 || r.hook.Gone() {
			t.Errorf("waiting after a retry: %v", r.waiting())
		}
	})
}

// TestGivenUpIsKept: after three days of failures a notice is set aside, and those of its booking that came later go on.
func TestGivenUpIsKept(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.reacts(func(_ int, m received, w http.ResponseWriter) {
			if m.Type == "booking.created" {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			w.WriteHeader(http.StatusOK)
		})
		r.book("b1")
		r.move("b1")
		time.Sleep(notify.GiveUp - 2*time.Hour)
		synctest.Wait()
		if w := r.waiting(); len(w) != 2 || w[0].Aside || w[0].LastError != "answered 500" {
			t.Fatalf("before three days: %+v", w)
		}
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		w := r.waiting()
		if len(w) != 1 || !w[0].Aside || w[0].What != booking.WasCreated {
			t.Fatalf("after three days: %+v", w)
		}
		if n := w[0].Attempts; n < 72 || n > 100 {
			t.Errorf("tried %d times in three days", n)
		}
		tried := len(r.calls())
		time.Sleep(24 * time.Hour)
		if len(r.calls()) != tried {
			t.Error("what was given up is tried again")
		}
	})
}

// TestKilledBeforeTheRecord: the receiver has taken it, and we die before we know: it comes again, with the same id.
func TestKilledBeforeTheRecord(t *testing.T) {
	inBubble(t, func(r *rig) {
		stopped := make(chan struct{})
		r.reacts(func(n int, _ received, w http.ResponseWriter) {
			if n == 0 {
				go func() { r.stop(); close(stopped) }()
				time.Sleep(time.Second) // the answer comes too late
			}
			w.WriteHeader(http.StatusOK)
		})
		r.book("b1")
		<-stopped
		if n := len(r.waiting()); n != 1 {
			t.Fatalf("%d notices wait after the end", n)
		}
		r.open() // another process
		r.run()
		time.Sleep(time.Minute)
		calls := r.calls()
		if len(calls) != 2 || calls[0].ID != calls[1].ID || len(r.waiting()) != 0 {
			t.Errorf("received %v, waiting %v", calls, r.waiting())
		}
	})
}

// TestStoreFailsAtTheRecord: as above, but it is the disk that fails after the receiver has taken it.
func TestStoreFailsAtTheRecord(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.reacts(once(func(_ int, _ received, w http.ResponseWriter) {
			r.db.failWith(kv.ErrFull)
			w.WriteHeader(http.StatusOK)
		}))
		r.book("b1")
		time.Sleep(time.Second)
		r.db.failWith(nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		calls := r.calls()
		if len(calls) != 2 || calls[0].ID != calls[1].ID || len(r.waiting()) != 0 {
			t.Errorf("received %v, waiting %v", calls, r.waiting())
		}
	})
}

// TestForgottenMeanwhile: what is told is what is known when it is told.
func TestForgottenMeanwhile(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.reacts(once(answers(500)))
		r.book("b1")
		synctest.Wait()
		r.must(r.store.Update(r.t.Context(), func(tx *store.Tx) error { tx.PutPerson("b1", booking.Person{}); return nil }))
		time.Sleep(time.Minute)
		synctest.Wait()
		calls := r.calls()
		if len(calls) != 2 {
			t.Fatalf("received %v", calls)
		}
		data, _ := calls[1].Body["data"].(map[string]any)
		if diff := cmp.Diff(map[string]any{}, data["customer"]); diff != "" {
			t.Errorf("customer (-want +got):\n%s", diff)
		}
	})
}

func TestNoticeWithoutABooking(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.must(r.store.Update(r.t.Context(), func(tx *store.Tx) error {
			tx.PutNotice(store.Notice{ID: "0-0-gone", Booking: "gone", What: booking.WasCreated, At: time.Now()})
			return nil
		}))
		r.hook.Wake()
		synctest.Wait()
		if len(r.calls()) != 0 || len(r.waiting()) != 0 {
			t.Errorf("received %v, waiting %v", r.calls(), r.waiting())
		}
	})
}

// TestMany: a backlog goes through, each once, a few at a time.
func TestMany(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.stop()
		const n = 250
		for i := range n {
			r.book(fmt.Sprintf("b%03d", i))
		}
		r.reacts(sleeps(time.Second))
		r.run()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		ids := map[string]bool{}
		for _, m := range r.calls() {
			ids[m.ID] = true
		}
		if len(ids) != n || len(r.calls()) != n || len(r.waiting()) != 0 || r.most < 2 || r.most > 4 {
			t.Errorf("%d calls of %d notices, at most %d at once, %d wait", len(r.calls()), len(ids), r.most, len(r.waiting()))
		}
	})
}

// TestKeyIsChanged: while both keys sign, a receiver with either accepts.
func TestKeyIsChanged(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.stop()
		r.keys = append([][]byte{bytes.Repeat([]byte{7}, 32)}, r.keys...)
		r.run()
		r.book("b1") // the receiver has the old key
		synctest.Wait()
		if len(r.calls()) != 1 || len(r.waiting()) != 0 {
			t.Errorf("received %v", r.calls())
		}
	})
}
