package syncer

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/store"
	"slotd/store/kv"
	"slotd/store/kv/bolt"
)

// countingDB counts commits and lets a test stop in one.
type countingDB struct {
	kv.DB
	updates atomic.Int64
	fail    atomic.Pointer[func() error] // called before an Update, nil for none
	after   atomic.Pointer[func() error] // called after it
}

func (c *countingDB) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if fail := c.fail.Load(); fail != nil {
		if err := (*fail)(); err != nil {
			return err
		}
	}
	c.updates.Add(1)
	err := c.DB.Update(ctx, fn)
	if after := c.after.Load(); after != nil && err == nil {
		err = (*after)()
	}
	return err
}

// rig is a syncer before a provider, to be used inside a synctest bubble: virtual time begins at midnight UTC on
// 1 January 2000.
type rig struct {
	t        *testing.T
	path     string
	db       *countingDB
	store    *store.Store
	provider *provider
	cfg      Config
	*Syncer
	stop func()
}

const (
	cal1 = calendar.ID("g/adams")
	cal2 = calendar.ID("g/baker")
	cal3 = calendar.ID("sick/clark")
)

// bubble runs a test in a bubble with a rig that mirrors the given calendars, cal1 when there are none. The bubble ends
// only when every goroutine of the syncer has.
func bubble(t *testing.T, test func(t *testing.T, r *rig), cals ...calendar.ID) {
	t.Helper()
	if len(cals) == 0 {
		cals = []calendar.ID{cal1}
	}
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, path: filepath.Join(t.TempDir(), "slotd.db"), provider: newProvider(), stop: func() {}}
		if err := bolt.Create(r.path); err != nil {
			t.Fatal(err)
		}
		r.openDB()
		if err := store.Create(t.Context(), r.db, time.Now()); err != nil {
			t.Fatal(err)
		}
		account := Account{Source: r.provider, Sink: r.provider, Concurrency: 4, PerMinute: 600}
		r.cfg = Config{
			Accounts: map[string]Account{"g": account, "sick": account}, Calendars: cals,
			Poll: time.Minute, Ahead: 5 * 24 * time.Hour,
			Describe: func(b *booking.Booking, p booking.Person, _ booking.Placement) (title, body string) {
				return booking.Templates{Title: "{name}"}.Render(b, p, "", "")
			},
			Zone:     func(string) string { return "Europe/Berlin" },
			Capacity: func(_, _ string) int { return 1 },
			Log:      slog.New(slog.DiscardHandler),
		}
		defer func() {
			r.stop()
			_ = r.db.Close()
		}()
		r.make()
		test(t, r)
	})
}

func (r *rig) openDB() {
	r.t.Helper()
	db, err := bolt.Open(r.path, bolt.Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	r.db = &countingDB{DB: db}
}

func (r *rig) make() {
	r.t.Helper()
	var err error
	if r.store, err = store.Open(r.t.Context(), r.db); err != nil {
		r.t.Fatal(err)
	}
	r.cfg.Store = r.store
	if r.Syncer, err = New(r.cfg); err != nil {
		r.t.Fatal(err)
	}
}

// start runs the syncer; r.stop ends it and waits.
func (r *rig) start() {
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Run(ctx)
	}()
	r.stop = func() {
		cancel()
		<-done
		r.stop = func() {}
	}
	r.wait(time.Second)
}

// restart is a crash, or as good as one: what was not committed is lost.
func (r *rig) restart() {
	r.t.Helper()
	r.stop()
	if err := r.db.Close(); err != nil {
		r.t.Fatal(err)
	}
	r.openDB()
	r.make()
	r.start()
}

// wait lets virtual time pass and then everything settle.
func (r *rig) wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (r *rig) view(fn func(*store.Reader) error) {
	r.t.Helper()
	if err := r.store.View(r.t.Context(), fn); err != nil {
		r.t.Fatal(err)
	}
}

// busy returns the busy document of a calendar; an empty one when it was never read.
func (r *rig) busy(cal calendar.ID) calendar.Busy {
	r.t.Helper()
	var out calendar.Busy
	r.view(func(rd *store.Reader) error {
		b, err := rd.Busy(cal)
		if b != nil {
			out = *b
		}
		return err
	})
	return out
}

func (r *rig) booking(id string) *booking.Booking {
	r.t.Helper()
	var out *booking.Booking
	r.view(func(rd *store.Reader) (err error) {
		out, err = rd.Booking(id)
		return err
	})
	return out
}

// mark returns a booking's outbox mark; found is false when the provider is level with us.
func (r *rig) mark(id string) (m store.Mark, found bool) {
	r.t.Helper()
	r.view(func(rd *store.Reader) (err error) {
		m, found, err = rd.Mark(store.OutboxID{Booking: id})
		return err
	})
	return m, found
}

// book does what a confirm does, and tells the write-back.
func (r *rig) book(id string, cal calendar.ID, span calendar.Interval) {
	r.t.Helper()
	r.bookTeam(id, span, seat(id, "adams", cal))
}

func (r *rig) bookTeam(id string, span calendar.Interval, seats ...booking.Seat) {
	r.t.Helper()
	b := &booking.Booking{ID: id, Reference: "R-" + id, Service: "check", Interval: span}
	b.Begin(booking.Act{At: time.Now(), By: booking.ByCustomer}, seats)
	r.update(func(tx *store.Tx) error { return tx.InsertBooking(b, booking.Person{Name: "Erika"}, time.Now()) })
	r.Written("")
}

// seat is a place in a calendar. The first identity at adams is short, as most tests know no other.
func seat(id, resource string, cal calendar.ID) booking.Seat {
	return booking.Seat{Resource: resource, Calendar: cal, Identity: func(attempt int) string {
		if resource == "adams" && attempt == 1 {
			return "identity-" + id
		}
		return fmt.Sprintf("identity-%s-%s-%d", id, resource, attempt)
	}}
}

func (r *rig) update(fn func(*store.Tx) error) {
	r.t.Helper()
	if err := r.store.Update(r.t.Context(), fn); err != nil {
		r.t.Fatal(err)
	}
}

// change changes a booking as the desk does, and tells the write-back.
func (r *rig) change(id string, fn func(*booking.Booking) error) {
	r.t.Helper()
	r.update(func(tx *store.Tx) error {
		b, err := tx.Booking(id)
		if err != nil {
			return err
		}
		was := b.Clone()
		if err := fn(b); err != nil {
			return err
		}
		return tx.ChangeBooking(was, b, time.Now())
	})
	r.Written("")
}

func byCustomer() booking.Act { return booking.Act{At: time.Now(), By: booking.ByCustomer} }

func (r *rig) cancel(id string) {
	r.t.Helper()
	r.change(id, func(b *booking.Booking) error { return b.Cancel(byCustomer()) })
}

// move gives a booking another time, and other seats unless there are none.
func (r *rig) move(id string, to calendar.Interval, seats ...booking.Seat) {
	r.t.Helper()
	r.change(id, func(b *booking.Booking) error {
		if len(seats) == 0 {
			for i, p := range b.Placements {
				if b.Wanted(i) {
					seats = append(seats, seat(id, p.Resource, p.Calendar))
				}
			}
		}
		return b.Move(byCustomer(), to, seats)
	})
}

// verify checks what must hold of the store, and returns what does not.
func (r *rig) verify() {
	r.t.Helper()
	report, err := store.Verify(r.t.Context(), r.db.DB, store.VerifyOptions{Now: time.Now()})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range report.Findings {
		r.t.Errorf("verify: %s", f)
	}
}

// hours is a span on a day after 1 January 2000, in UTC.
func hours(day, from, to int) calendar.Interval {
	start := time.Date(2000, 1, 1+day, 0, 0, 0, 0, time.UTC).Unix()
	return calendar.Interval{Start: start + int64(from)*3600, End: start + int64(to)*3600}
}

func event(id string, span calendar.Interval) calendar.Event {
	return calendar.Event{ID: id, Interval: span, Busy: true}
}

func fault(kind calendar.Kind) *calendar.Error { return &calendar.Error{Kind: kind, Op: "test"} }
