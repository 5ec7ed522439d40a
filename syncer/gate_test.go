package syncer

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"slotd/internal/calendar"
)

func TestGateBoundsConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(3, 6000, time.Now)
		var running, most atomic.Int64
		var wg sync.WaitGroup
		for range 30 {
			wg.Go(func() {
				_ = g.do(t.Context(), func(context.Context) error {
					most.Store(max(most.Load(), running.Add(1)))
					time.Sleep(time.Second)
					running.Add(-1)
					return nil
				})
			})
		}
		wg.Wait()
		if most.Load() != 3 {
			t.Errorf("%d at once, want 3", most.Load())
		}
	})
}

func TestGateBoundsTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(2, 60, time.Now)
		var calls []time.Time
		for range 300 {
			_ = g.do(t.Context(), func(context.Context) error { calls = append(calls, time.Now()); return nil })
		}
		for i := range calls {
			n := 0
			for _, at := range calls[i:] {
				if at.Sub(calls[i]) < time.Minute {
					n++
				}
			}
			if n > 60+10 { // the burst comes once
				t.Fatalf("%d calls in a minute", n)
			}
		}
		if took := calls[299].Sub(calls[0]); took > 5*time.Minute {
			t.Errorf("300 calls took %v", took)
		}
	})
}

// TestGateNotBefore: whoever waits for a turn, or for the rate, when the provider asks for a pause, takes the pause too.
func TestGateNotBefore(t *testing.T) {
	for _, perMinute := range []int{1, 6000} {
		synctest.Test(t, func(t *testing.T) {
			g := newGate(4, perMinute, time.Now)
			start := time.Now()
			refusal := &calendar.Error{Kind: calendar.Throttled, RetryAfter: 10 * time.Minute}
			var wg sync.WaitGroup
			for i := range 12 {
				wg.Go(func() {
					time.Sleep(time.Duration(i) * time.Millisecond)
					_ = g.do(t.Context(), func(context.Context) error {
						at := time.Since(start)
						if at > time.Second && at < 10*time.Minute {
							t.Errorf("a call after %v", at)
						}
						time.Sleep(100 * time.Millisecond)
						if at < time.Second {
							return refusal
						}
						return nil
					})
				})
			}
			wg.Wait()
		})
	}
}

// TestGateWithoutRetryAfter: refusals that name no time close the gate for longer and longer, until one succeeds.
func TestGateWithoutRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, 6000, time.Now)
		refused := error(&calendar.Error{Kind: calendar.Throttled})
		gap := func(err error) time.Duration {
			before := time.Now()
			_ = g.do(t.Context(), func(context.Context) error { return err })
			return time.Since(before)
		}
		gap(refused)
		var last time.Duration
		for range 20 {
			last = gap(refused)
			if last < firstRefusal*8/10 || last > longestWait*12/10 {
				t.Fatalf("waited %v", last)
			}
		}
		if last < longestWait*8/10 {
			t.Errorf("waited %v after 20 refusals", last)
		}
		gap(nil)
		gap(refused)
		if again := gap(nil); again > firstRefusal*12/10 {
			t.Errorf("waited %v after a success in between", again)
		}
	})
}

// TestGateEndsWithItsContext, at each of the three places where it waits, and lets the next through afterwards.
func TestGateEndsWithItsContext(t *testing.T) {
	tests := []struct {
		name  string
		close func(g *gate) (open func())
	}{
		{"turn", func(g *gate) func() { g.slots <- struct{}{}; return func() { <-g.slots } }},
		{"pause", func(g *gate) func() {
			g.learn(&calendar.Error{Kind: calendar.Throttled, RetryAfter: time.Hour})
			return func() { time.Sleep(time.Hour) }
		}},
		{"rate", func(g *gate) func() {
			g.rate.AllowN(time.Now(), g.rate.Burst())
			return func() { time.Sleep(time.Hour) }
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGate(1, 1, time.Now)
				reopen := tt.close(g)
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Second, cancel)
				err := g.do(ctx, func(context.Context) error { t.Error("called"); return nil })
				if !errors.Is(err, context.Canceled) {
					t.Errorf("error %v", err)
				}
				reopen()
				called := false
				if err := g.do(t.Context(), func(context.Context) error { called = true; return nil }); err != nil || !called {
					t.Errorf("afterwards: %v, called %v", err, called)
				}
			})
		})
	}
}

// TestGatePauseWhileWaitingForTheRate: the pause is asked for after a call took its turn and before the rate let it go.
func TestGatePauseWhileWaitingForTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(2, 1, time.Now) // bursts of two, then one a minute
		start := time.Now()
		g.rate.AllowN(start, 1)
		var wg sync.WaitGroup
		wg.Go(func() {
			_ = g.do(t.Context(), func(context.Context) error {
				time.Sleep(time.Second)
				return &calendar.Error{Kind: calendar.Throttled, RetryAfter: time.Hour}
			})
		})
		synctest.Wait()
		wg.Go(func() {
			_ = g.do(t.Context(), func(context.Context) error {
				if at := time.Since(start); at < time.Hour {
					t.Errorf("a call after %v", at)
				}
				return nil
			})
		})
		wg.Wait()
	})
}
