package syncer

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"slotd/internal/calendar"
)

func manyCalendars(n int) (out []calendar.ID) {
	for i := range n {
		out = append(out, calendar.ID(fmt.Sprintf("g/doctor%d", i)))
	}
	return out
}

// TestFewWindowsAtOnce has many calendars due at the same moment and a store that is slower than the provider: what was
// read and is not stored yet must not pile up.
func TestFewWindowsAtOnce(t *testing.T) {
	cals := manyCalendars(40)
	bubble(t, func(t *testing.T, r *rig) {
		var waiting, most atomic.Int64
		slow := func() error {
			most.Store(max(most.Load(), waiting.Add(1)))
			time.Sleep(time.Second)
			waiting.Add(-1)
			return nil
		}
		r.db.fail.Store(&slow)
		r.start()
		r.wait(time.Minute)
		if most.Load() != 4 { // the account's Concurrency
			t.Errorf("%d snapshots waited for the store at once, want 4", most.Load())
		}
		for _, cal := range cals {
			if r.store.Checked(cal).IsZero() {
				t.Errorf("%s was never read", cal)
			}
		}
	}, cals...)
}

// TestFirstLooksAreSpread starts with more calendars than can be read in a moment: their first looks do not all come at
// once, and one that is asked for does not wait.
func TestFirstLooksAreSpread(t *testing.T) {
	cals := manyCalendars(600)
	bubble(t, func(t *testing.T, r *rig) {
		account := r.cfg.Accounts["g"]
		account.PerMinute = 100_000
		r.cfg.Accounts["g"] = account
		r.make()
		r.Nudge(cals[7])
		begun := time.Now()
		r.start() // which waits for a second
		if at := r.store.Checked(cals[7]); !at.Equal(begun) {
			t.Errorf("the calendar that was asked for was read at %v, want at once", at)
		}
		if n := r.confirmed(cals); n < 300 || n > 500 {
			t.Errorf("%d calendars read in the first of 1.5 seconds", n)
		}
		r.wait(time.Second)
		if n := r.confirmed(cals); n != len(cals) {
			t.Errorf("%d calendars read in the end, want all", n)
		}
	}, cals...)
}

func (r *rig) confirmed(cals []calendar.ID) (n int) {
	for _, cal := range cals {
		if !r.store.Checked(cal).IsZero() {
			n++
		}
	}
	return n
}
