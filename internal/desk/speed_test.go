package desk

import (
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/store"
	"slotd/store/kv/bolt"
)

// newSpeedDesk returns a desk of many doctors who are open all day, so that a long run of confirms always finds room.
func newSpeedDesk(b *testing.B, doctors int) *Desk {
	b.Helper()
	path := filepath.Join(b.TempDir(), "slotd.db")
	fail := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	fail(bolt.Create(path))
	db, err := bolt.Open(path, bolt.Options{})
	fail(err)
	b.Cleanup(func() { fail(db.Close()) })
	fail(store.Create(b.Context(), db, time.Now()))
	st, err := store.Open(b.Context(), db)
	fail(err)
	cfg := Config{
		Store: st, ServeWithin: 24 * time.Hour, TokenTTL: time.Hour, AcceptForeignTokens: true,
		Business: booking.Business{
			Zone:        time.UTC,
			Departments: []booking.Department{{ID: "general", Title: "General practice"}},
			Services: []booking.Service{
				{ID: "visit", Title: "Visit", Rules: booking.Rules{Duration: new(30 * time.Minute)}},
			},
		},
		Identity: func(_ calendar.ID, booking, resource string, _ int) string { return booking + resource },
	}
	now := time.Now()
	window := calendar.Between(now.AddDate(0, 0, -1), now.AddDate(0, 0, 33))
	for i := range doctors {
		cal := calendar.ID(fmt.Sprintf("office/doctor-%d", i))
		r := booking.Resource{
			ID: fmt.Sprintf("doctor-%d", i), Departments: []string{"general"}, Services: []string{"visit"}, Zone: time.UTC,
			Blocks: []calendar.ID{cal}, BookInto: cal, Rules: booking.Rules{Hours: &booking.Hours{}},
		}
		for day := range r.Rules.Hours {
			r.Rules.Hours[day] = []booking.Span{{From: 0, To: 24 * 60}}
		}
		cfg.Resources = append(cfg.Resources, r)
		busy := &calendar.Busy{Window: window}
		for n := range 240 { // a well-filled calendar, beyond the horizon so that it never takes a slot
			at := now.AddDate(0, 0, 31).Add(time.Duration(n) * 10 * time.Minute)
			busy.Foreign = append(busy.Foreign, calendar.Between(at, at.Add(5*time.Minute)))
		}
		busy.Foreign = calendar.Union(busy.Foreign)
		fail(st.Update(b.Context(), func(tx *store.Tx) error {
			tx.PutSnapshot(cal, busy, store.Mirror{Window: window, ReadAt: now})
			return nil
		}))
		st.MarkChecked(cal, now)
	}
	d, err := New(cfg)
	fail(err)
	return d
}

// speedConfirm books the ith slot of many doctors.
func speedConfirm(b *testing.B, d *Desk, first int64, i, doctors int) {
	b.Helper()
	_, err := d.Confirm(b.Context(), Confirm{
		Token: fmt.Sprintf("speed-token-%d", i), Request: "r", Start: first + int64(i/doctors)*1800,
		Choice: Choice{Department: "general", Service: "visit", Resource: fmt.Sprintf("doctor-%d", i%doctors)},
		Answer: func(*booking.Booking) []byte { return []byte(`{"reference":"X"}`) },
	})
	if err != nil {
		b.Error(err)
	}
}

// firstSlot returns the first half hour after the notice.
func firstSlot(d *Desk) int64 {
	return (d.cfg.Now().Add(booking.DefaultNotice).Unix()/1800 + 1) * 1800
}

// BenchmarkConfirm is one durable booking after the other. Compare with BenchmarkBareUpdate of store/kv/bolt in the same
// run.
func BenchmarkConfirm(b *testing.B) {
	const doctors = 500
	d := newSpeedDesk(b, doctors)
	first := firstSlot(d)
	b.ResetTimer()
	for i := range b.N {
		speedConfirm(b, d, first, i, doctors)
	}
}

// BenchmarkConfirm64 is the same by 64 callers at once.
func BenchmarkConfirm64(b *testing.B) {
	const doctors = 500
	d := newSpeedDesk(b, doctors)
	first := firstSlot(d)
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range 64 {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
				speedConfirm(b, d, first, int(i), doctors)
			}
		})
	}
	wg.Wait()
}

// BenchmarkDays is what one screen costs: on which of 30 days has one doctor, or any of fifty, a free slot.
func BenchmarkDays(b *testing.B) {
	d := newSpeedDesk(b, 50)
	for name, resource := range map[string]string{"one": "doctor-0", "any-of-50": Any} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.Days(b.Context(), "", Choice{"general", "visit", resource}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
