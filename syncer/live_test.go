package syncer

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"slotd/internal/calendar"
	"slotd/store"
)

// askLive asks about a time, whoever asked before, and returns how long that took.
func (r *rig) askLive(span calendar.Interval) (time.Duration, error) {
	r.t.Helper()
	begun := time.Now()
	err := r.Verify(r.t.Context(), cal1, span, begun)
	return time.Since(begun), err
}

// counted makes the rig count live reads by outcome.
func (r *rig) counted() func() string {
	r.t.Helper()
	var mu sync.Mutex
	var all []string
	r.cfg.LiveRead = func(account, outcome string) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, outcome)
		if account != "g" {
			r.t.Errorf("account %q", account)
		}
	}
	r.make()
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return strings.Join(all, " ")
	}
}

// behind keeps the mirror from looking by itself.
func (r *rig) behind() {
	r.cfg.Poll = 24 * time.Hour
	r.make()
	r.start()
}

func TestLiveReadBlocksAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		outcomes := r.counted()
		r.provider.put("adams", event("seen", hours(1, 9, 10)))
		r.behind()
		r.provider.put("adams", event("new", hours(1, 10, 13))) // of which nothing tells
		for _, tt := range []struct {
			span calendar.Interval
			want []calendar.Interval
		}{
			{hours(1, 14, 15), []calendar.Interval{hours(1, 9, 10)}},
			// The whole event blocks, not only what was asked about. It is there before the mirror looks again.
			{hours(1, 11, 12), []calendar.Interval{hours(1, 9, 13)}},
		} {
			r.provider.hook(func(op, _ string) error {
				if op == "changed" {
					time.Sleep(time.Minute)
				}
				return nil
			})
			asked := time.Now()
			if _, err := r.askLive(tt.span); err != nil {
				t.Fatal(err)
			}
			if got := r.busy(cal1).Foreign; !slices.Equal(got, tt.want) {
				t.Errorf("%v: busy %v, want %v", tt.span, got, tt.want)
			}
			if got := r.Verified(cal1, tt.span); got.Before(asked) {
				t.Errorf("verified at %s", got)
			}
		}
		if got := r.Verified(cal1, hours(1, 11, 13)); !got.IsZero() {
			t.Errorf("more than was asked about is verified at %s", got)
		}
		if got := outcomes(); got != "known behind" {
			t.Errorf("counted %q", got)
		}
		// What the mirror missed makes it look, and the look is right in the end.
		r.provider.hook(nil)
		r.wait(2 * time.Minute)
		if got := r.busy(cal1).Foreign; !slices.Equal(got, []calendar.Interval{hours(1, 9, 13)}) {
			t.Errorf("after the look: %v", got)
		}
	})
}

// TestLiveReadIsShared: however many confirms ask at once, the provider is asked once at a time, and once for one question.
func TestLiveReadIsShared(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.behind()
		before, running, most := r.provider.count("read", ""), 0, 0
		r.provider.hook(func(op, _ string) error {
			switch op {
			case "read":
				running++
				most = max(most, running)
				time.Sleep(100 * time.Millisecond)
			case "read done":
				running--
			}
			return nil
		})
		since := time.Now()
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				if err := r.Verify(t.Context(), cal1, hours(1, 9+i%4, 10+i%4), since); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := r.provider.count("read", "") - before; n != 4 || most != 1 || time.Since(since) > liveTimeout {
			t.Errorf("%d reads, %d at once, %s", n, most, time.Since(since))
		}
		// An older answer is no answer.
		time.Sleep(time.Minute)
		if _, err := r.askLive(hours(1, 9, 10)); err != nil || r.provider.count("read", "")-before != 5 {
			t.Errorf("%v, %d reads", err, r.provider.count("read", "")-before)
		}
	})
}

// TestLiveReadSurvivesSnapshots: a read of the window that began before an event came, and is stored after a live read found
// it, does not free its time, at whatever moment the two meet.
func TestLiveReadSurvivesSnapshots(t *testing.T) {
	found := hours(1, 10, 11)
	for _, moment := range []string{"while the window is read", "while the snapshot is stored"} {
		t.Run(moment, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.behind()
				held, meet := make(chan struct{}), make(chan struct{})
				var first atomic.Bool
				hold := func() error {
					if first.CompareAndSwap(false, true) {
						close(held)
						<-meet
					}
					return nil
				}
				if moment == "while the window is read" {
					r.provider.hook(func(op, _ string) error {
						if op != "read done" {
							return nil
						}
						return hold()
					})
				} else {
					r.db.fail.Store(&hold)
				}
				r.ReadAll()
				<-held
				r.provider.put("adams", event("new", found))
				if _, err := r.askLive(found); err != nil {
					t.Fatal(err)
				}
				close(meet)
				for range 100 { // whatever is committed next, the time is busy
					synctest.Wait()
					if !calendar.AnyOverlap(r.busy(cal1).Foreign, found) {
						t.Fatal("the snapshot freed what the live read had found")
					}
					time.Sleep(10 * time.Millisecond)
				}
				// It frees the time once the event is gone.
				r.provider.delete("adams", "new")
				r.Nudge(cal1)
				r.wait(time.Minute)
				if got := r.busy(cal1).Foreign; len(got) > 0 {
					t.Errorf("after it is gone: %v", got)
				}
			})
		})
	}
}

func TestLiveReadThatFails(t *testing.T) {
	tests := []struct {
		name    string
		trouble func(r *rig)
		want    string // outcomes
		most    time.Duration
	}{
		{"hangs", func(r *rig) {
			r.provider.hook(func(op, _ string) error {
				if op == "read" {
					time.Sleep(time.Second)
				}
				return nil
			})
		}, "late", time.Second},
		{"signs out", func(r *rig) {
			r.provider.hook(func(string, string) error { return fault(calendar.NeedsPerson) })
		}, "failed", 0},
		{"wants to be left alone", func(r *rig) {
			closed := fault(calendar.Throttled)
			closed.RetryAfter = time.Minute
			r.gates["g"].learn(closed)
		}, "not_asked", 0},
		{"is busy with other calls", func(r *rig) {
			for range cap(r.gates["g"].slots) {
				r.gates["g"].slots <- struct{}{}
			}
		}, "late", liveTimeout},
		{"answers in pages", func(r *rig) {
			r.provider.put("adams", event("a", hours(1, 9, 10)))
			r.provider.put("adams", event("b", hours(1, 9, 10)))
			r.provider.set("adams", func(c *fakeCalendar) { c.pageSize = 1 })
		}, "failed", 0},
		{"leaves out the end", func(r *rig) {
			r.provider.set("adams", func(c *fakeCalendar) { c.short = time.Minute })
		}, "failed", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				outcomes := r.counted()
				r.behind()
				tt.trouble(r)
				took, err := r.askLive(hours(1, 9, 10))
				if err == nil || took > tt.most || outcomes() != tt.want {
					t.Errorf("%v after %s, counted %q", err, took, outcomes())
				}
				if got := r.Verified(cal1, hours(1, 9, 10)); !got.IsZero() {
					t.Errorf("verified at %s", got)
				}
			})
		})
	}
}

// TestLiveBreaker: a provider that fails three times in a row is left alone for half a minute, then asked by one.
func TestLiveBreaker(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		outcomes := r.counted()
		r.behind()
		broken := errors.New("broken")
		r.provider.hook(func(op, _ string) error {
			if op == "read" {
				return broken
			}
			return nil
		})
		before := r.provider.count("read", "")
		for range 10 {
			if _, err := r.askLive(hours(1, 9, 10)); err == nil {
				t.Fatal("verified")
			}
		}
		if n := r.provider.count("read", "") - before; n != liveFailures {
			t.Errorf("%d reads", n)
		}
		time.Sleep(liveRest)
		for range 2 {
			_, _ = r.askLive(hours(1, 9, 10))
		}
		if n := r.provider.count("read", "") - before; n != liveFailures+1 {
			t.Errorf("after the rest %d reads", n)
		}
		time.Sleep(liveRest)
		broken = nil
		for range 2 {
			if _, err := r.askLive(hours(1, 9, 10)); err != nil {
				t.Error(err)
			}
		}
		if got := strings.Fields(outcomes()); len(got) != 13 || got[12] != "known" || got[3] != "not_asked" {
			t.Errorf("counted %v", got)
		}
		// A customer who goes away says nothing about the provider.
		time.Sleep(time.Second)
		r.provider.hook(func(string, string) error {
			time.Sleep(100 * time.Millisecond)
			return nil
		})
		for range 2 * liveFailures {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			if err := r.Verify(ctx, cal1, hours(1, 9, 10), time.Now()); err == nil {
				t.Error("the provider answers later")
			}
			cancel()
			time.Sleep(time.Second)
		}
		if _, err := r.askLive(hours(1, 9, 10)); err != nil {
			t.Error(err)
		}
	})
}

// TestLiveReadKnowsOurs: our own event is no foreign one, and where a person moved it, it blocks.
func TestLiveReadKnowsOurs(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.behind()
		r.book("b1", cal1, hours(1, 9, 10))
		r.wait(time.Second)
		if _, err := r.askLive(hours(1, 9, 10)); err != nil {
			t.Fatal(err)
		}
		own := calendar.Own{Interval: hours(1, 9, 10), Booking: "b1"}
		if got := r.busy(cal1); len(got.Foreign) > 0 || !slices.Equal(got.Own, []calendar.Own{own}) {
			t.Errorf("%+v", got)
		}
		time.Sleep(time.Second)
		r.provider.edit("adams", "identity-b1", func(e *fakeEvent) { e.Interval = hours(1, 14, 16) })
		r.provider.hook(func(op, _ string) error {
			if op == "changed" {
				return fault(calendar.Unclear)
			}
			return nil
		})
		if _, err := r.askLive(hours(1, 15, 16)); err != nil {
			t.Fatal(err)
		}
		moved := calendar.Own{Interval: hours(1, 14, 16), Booking: "b1"}
		if got := r.busy(cal1); len(got.Foreign) > 0 || !slices.Equal(got.Own, []calendar.Own{own, moved}) {
			t.Errorf("moved: %+v", got)
		}
		r.provider.hook(nil)
		r.wait(30 * time.Minute)
		if got := r.busy(cal1); len(got.Foreign) > 0 || !slices.Equal(got.Own, []calendar.Own{moved}) {
			t.Errorf("in the end: %+v", got)
		}
		r.verify()
	})
}

// TestNoLiveReadOfTheUnknown: what was never read whole is not known by a look at one time.
func TestNoLiveReadOfTheUnknown(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.make() // and never runs
		if _, err := r.askLive(hours(1, 9, 10)); err == nil {
			t.Error("verified without a mirror")
		}
		if err := r.Verify(t.Context(), "g/other", hours(1, 9, 10), time.Now()); err == nil {
			t.Error("verified a calendar that is not configured")
		}
		r.view(func(rd *store.Reader) error {
			if busy, err := rd.Busy(cal1); busy != nil || err != nil {
				t.Errorf("%v, %v", busy, err)
			}
			return nil
		})
	})
}

// TestDriftIsCounted: a full read that finds what no change had told of counts, and one that only was faster does not.
func TestDriftIsCounted(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		n := 0
		r.cfg.Drifted = func(account string) {
			if n++; account != "g" {
				t.Errorf("account %q", account)
			}
		}
		r.make()
		r.provider.put("adams", event("a", hours(1, 9, 10)))
		r.start()
		for _, tt := range []struct {
			name   string
			silent bool
			want   int
		}{{"told of", false, 0}, {"silent", true, 1}} {
			r.wait(5 * time.Minute)
			r.provider.put("adams", event("a", hours(1, 9+tt.want, 12)))
			if tt.silent {
				r.provider.set("adams", func(c *fakeCalendar) { c.changes-- })
			}
			r.ReadAll()
			r.wait(5 * time.Minute)
			if n != tt.want {
				t.Errorf("%s: %d", tt.name, n)
			}
			if got := r.busy(cal1).Foreign; !slices.Equal(got, []calendar.Interval{hours(1, 9+tt.want, 12)}) {
				t.Errorf("%s: busy %v", tt.name, got)
			}
		}
		// A read that finds what it did find before counts no more, nor does one of which the feed tells later.
		r.ReadAll()
		r.wait(5 * time.Minute)
		late := func(delta int) { r.provider.set("adams", func(c *fakeCalendar) { c.changes += delta }) }
		r.provider.put("adams", event("b", hours(2, 9, 10)))
		late(-1)
		r.ReadAll()
		r.wait(time.Second)
		late(1)
		r.wait(5 * time.Minute)
		r.restart()
		r.ReadAll()
		r.wait(5 * time.Minute)
		if n != 1 {
			t.Errorf("in the end %d", n)
		}
	})
}
