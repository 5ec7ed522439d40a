package syncer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"slotd/internal/calendar"
)

// TestChannelsLiveOn: over four weeks there is always a channel, and never more than one but while one takes the place of
// another.
func TestChannelsLiveOn(t *testing.T) {
	pushing(t, func(t *testing.T, r *rig, x *exchange) {
		x.life = 3 * 24 * time.Hour
		r.start()
		for hour := range 4 * 7 * 24 {
			r.tick(time.Hour)
			if n := len(r.live(x, "adams")); n != 1 {
				t.Fatalf("after %d hours: %d live channels", hour, n)
			}
			if n := len(x.open("adams")); n != 1 {
				t.Fatalf("after %d hours: %d channels", hour, n)
			}
		}
		if st := r.channelStatus(cal1); !st.Live || st.Late || st.Why != "" || !st.Expires.After(time.Now()) {
			t.Errorf("status %+v", st)
		}
		if r.listing() && x.asked != 1 {
			t.Errorf("%d channels were opened where one is renewed", x.asked)
		}
		if x.asked > 14 {
			t.Errorf("%d channels in four weeks of three days each", x.asked)
		}
	})
}

// TestChannelsOutliveRestarts: a restart goes on with the channel that is there.
func TestChannelsOutliveRestarts(t *testing.T) {
	pushing(t, func(t *testing.T, r *rig, x *exchange) {
		r.start()
		first := r.live(x, "adams")
		for range 5 {
			r.restart()
			r.tick(10 * time.Minute)
		}
		if got := r.live(x, "adams"); len(got) != 1 || got[0].ID != first[0].ID || x.asked != 1 {
			t.Errorf("%d live, %d were asked for; want the one", len(got), x.asked)
		}
	})
}

// TestChannelCrashes: whatever step a crash follows, there is one live channel afterwards, and no other in the end.
func TestChannelCrashes(t *testing.T) {
	for _, step := range []string{"watch", "watched", "renew", "renewed", "unwatch", "unwatched", "list"} {
		t.Run(step, func(t *testing.T) {
			pushing(t, func(t *testing.T, r *rig, x *exchange) {
				x.life = 24 * time.Hour
				crash := make(chan struct{}, 1)
				var armed atomic.Bool
				r.provider.hook(func(op, _ string) error {
					if op == step && armed.CompareAndSwap(true, false) {
						// From here on nothing reaches the disk.
						dead := func() error { return errors.New("crashed") }
						r.db.fail.Store(&dead)
						crash <- struct{}{}
					}
					return nil
				})
				if step != "renew" && step != "renewed" && step != "unwatch" && step != "unwatched" {
					armed.Store(true)
				}
				r.start()
				for range 30 {
					r.tick(time.Hour)
					select {
					case <-crash:
						armed.Store(false)
						r.restart()
					default:
						armed.Store(true)
						continue
					}
					break
				}
				r.provider.hook(nil)
				r.tick(10 * time.Minute)
				if n := len(r.live(x, "adams")); n != 1 {
					t.Errorf("%d live channels after the crash", n)
				}
				r.tick(8 * 24 * time.Hour)
				if live, open := len(r.live(x, "adams")), len(x.open("adams")); live != 1 || open != 1 {
					t.Errorf("in the end %d live of %d channels; %+v", live, open, r.channelStatus(cal1))
				}
				if n := len(r.stored()[cal1]); n != 1 {
					t.Errorf("%d channels are remembered", n)
				}
			})
		})
	}
}

// TestChannelLostReply: a channel whose answer was lost is ended at once where channels are listed, otherwise as soon as it
// tells its handle.
func TestChannelLostReply(t *testing.T) {
	pushing(t, func(t *testing.T, r *rig, x *exchange) {
		lost := 0
		r.provider.hook(func(op, _ string) error {
			if op == "watched" && lost < 2 {
				lost++
				return fault(calendar.Unclear)
			}
			return nil
		})
		r.start()
		r.tick(20 * time.Minute)
		if n := len(r.live(x, "adams")); n != 1 {
			t.Fatalf("%d live channels", n)
		}
		want := 3
		if r.listing() {
			want = 1
		}
		if n := len(x.open("adams")); n != want {
			t.Errorf("%d channels, want %d", n, want)
		}
		for _, l := range x.open("adams") {
			r.Pushed(x.push(l, calendar.PushChanged))
		}
		r.tick(5 * time.Minute)
		if n := len(x.open("adams")); n != 1 {
			t.Errorf("%d channels after each told its handle", n)
		}
		if st := r.channelStatus(cal1); !st.Live || st.Left != 0 {
			t.Errorf("status %+v", st)
		}
	})
}

// TestEarlyMessage: a message that is faster than the answer is believed.
func TestEarlyMessage(t *testing.T) {
	pushing(t, func(t *testing.T, r *rig, x *exchange) {
		var early calendar.PushVerdict
		r.provider.hook(func(op, _ string) error {
			if op == "watched" {
				early = r.Pushed(x.push(x.open("adams")[0], calendar.PushChanged))
			}
			return nil
		})
		r.start()
		r.tick(time.Minute)
		if early != calendar.PushAccepted {
			t.Errorf("an early message: %s", early)
		}
	})
}

// TestLeftovers: channels end when their calendar leaves the config, when push is switched off and when our address
// changes; those of an account that is gone are remembered until they have expired.
func TestLeftovers(t *testing.T) {
	other := Account{PushURL: "https://new.example/push"}
	for _, tt := range []struct {
		name   string
		change func(*rig)
		adams  int // channels afterwards
		known  int
	}{
		{"the calendar leaves", func(r *rig) { r.cfg.Calendars = []calendar.ID{cal2} }, 0, 0},
		{"push is switched off", func(r *rig) {
			a := r.cfg.Accounts["g"]
			a.PushURL, a.PushOff = "", "off"
			r.cfg.Accounts["g"] = a
		}, 0, 0},
		{"another address", func(r *rig) {
			a := r.cfg.Accounts["g"]
			a.PushURL = other.PushURL
			r.cfg.Accounts["g"] = a
		}, 1, 1},
		{"the account leaves", func(r *rig) {
			delete(r.cfg.Accounts, "g")
			r.cfg.Calendars = []calendar.ID{cal3}
		}, 1, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pushing(t, func(t *testing.T, r *rig, x *exchange) {
				r.start()
				r.stop()
				tt.change(r)
				r.make()
				r.start()
				r.tick(5 * time.Minute)
				if n := len(x.open("adams")); n != tt.adams {
					t.Errorf("%d channels at the provider, want %d", n, tt.adams)
				}
				if n := len(r.stored()[cal1]); n != tt.known {
					t.Errorf("%d channels are remembered, want %d", n, tt.known)
				}
				if tt.name == "another address" {
					if l := x.open("adams"); l[0].URL != other.PushURL {
						t.Errorf("the channel leads to %s", l[0].URL)
					}
					return
				}
				for _, l := range x.open("adams") {
					if v := r.Pushed(x.push(l, calendar.PushChanged)); v != calendar.PushEnded {
						t.Errorf("a message of a leftover: %s", v)
					}
				}
				r.tick(8 * 24 * time.Hour)
				if n := len(r.stored()[cal1]); n != 0 {
					t.Errorf("%d channels are remembered after they have expired", n)
				}
			}, cal1, cal2)
		})
	}
}

// TestChannelRefused: where the provider allows no push, it is asked once, the calendar is polled, and status says why.
// Who signs in again is asked for it again.
func TestChannelRefused(t *testing.T) {
	pushing(t, func(t *testing.T, r *rig, x *exchange) {
		asked := 0
		r.provider.hook(func(op, cal string) error {
			if op == "watch" && cal == "adams" {
				asked++
				return &calendar.Error{Kind: calendar.Refused, Op: "watch calendar", Status: 403}
			}
			return nil
		})
		r.start()
		r.tick(7 * 24 * time.Hour)
		if asked != 1 {
			t.Errorf("asked %d times for what is forbidden", asked)
		}
		st := r.channelStatus(cal1)
		if st.Live || !st.Wrong || !strings.Contains(st.Why, "403") {
			t.Errorf("status %+v", st)
		}
		if age := time.Since(r.store.Checked(cal1)); age > 20*time.Minute {
			t.Errorf("the calendar was not polled for %v", age)
		}
		if st := r.channelStatus(cal2); !st.Live {
			t.Errorf("the other calendar: %+v", st)
		}
		r.provider.hook(nil)
		r.ResumeChannels("g")
		r.tick(time.Minute)
		if st := r.channelStatus(cal1); !st.Live || st.Why != "" {
			t.Errorf("status after a new sign-in %+v", st)
		}
	}, cal1, cal2)
}

// TestChannelTrouble: what fails for other reasons is tried again, ever more rarely, and status says what it is.
func TestChannelTrouble(t *testing.T) {
	for _, err := range []*calendar.Error{
		{Kind: calendar.Throttled, Op: "watch calendar", Status: 429, RetryAfter: 30 * time.Minute},
		{Kind: calendar.Unclear, Op: "watch calendar", Status: 503}, {Kind: calendar.NeedsPerson, Op: "watch calendar"},
		{Kind: calendar.Refused, Op: "watch calendar", Status: 400}, {Kind: calendar.Gone, Op: "watch calendar", Status: 404},
	} {
		t.Run(err.Kind.String(), func(t *testing.T) {
			pushing(t, func(t *testing.T, r *rig, x *exchange) {
				asked := 0
				r.provider.hook(func(op, _ string) error {
					if op == "watch" {
						asked++
						return err
					}
					return nil
				})
				r.start()
				r.tick(24 * time.Hour)
				if asked < 4 || asked > 200 {
					t.Errorf("asked %d times in a day", asked)
				}
				if err.RetryAfter > 0 && asked > 49 {
					t.Errorf("asked %d times, although every half hour was asked for", asked)
				}
				if st := r.channelStatus(cal1); st.Live || !st.Wrong {
					t.Errorf("status %+v", st)
				}
				r.provider.hook(nil)
				r.tick(7 * time.Hour)
				if st := r.channelStatus(cal1); !st.Live || st.Why != "" {
					t.Errorf("status afterwards %+v", st)
				}
			})
		})
	}
}

// TestLateRenewal: a channel that could not be renewed is late before it ends, and its calendar is polled after.
func TestLateRenewal(t *testing.T) {
	pushing(t, func(t *testing.T, r *rig, x *exchange) {
		x.life = 24 * time.Hour
		r.start()
		r.provider.hook(func(op, _ string) error {
			if op == "watch" || op == "renew" {
				return fault(calendar.Unclear)
			}
			return nil
		})
		r.tick(21 * time.Hour)
		if st := r.channelStatus(cal1); !st.Live || st.Late || !st.Wrong {
			t.Errorf("when renewing fails: %+v", st)
		}
		r.tick(90 * time.Minute)
		if st := r.channelStatus(cal1); !st.Live || !st.Late {
			t.Errorf("shortly before the end: %+v", st)
		}
		r.tick(2 * time.Hour)
		if st := r.channelStatus(cal1); st.Live || st.Why == "" {
			t.Errorf("after the end: %+v", st)
		}
		r.provider.hook(nil)
		r.tick(time.Hour)
		if st := r.channelStatus(cal1); !st.Live || st.Late {
			t.Errorf("when it works again: %+v", st)
		}
	})
}

// TestSilentChannel: a channel that tells nothing of changes is replaced, not too often, and status asks whether we can be
// reached.
func TestSilentChannel(t *testing.T) {
	pushing(t, func(t *testing.T, r *rig, x *exchange) {
		r.start()
		first := x.open("adams")[0]
		for i := range 24 {
			r.tick(time.Hour)
			r.provider.put("adams", event(fmt.Sprint("e", i), hours(1, 9, 10)))
		}
		st := r.channelStatus(cal1)
		if x.asked < 3 || x.asked > 8 || !st.Wrong || !strings.Contains(st.Why, "slotd.example") {
			t.Errorf("%d channels in a day without a message; status %+v", x.asked, st)
		}
		live := r.live(x, "adams")
		if len(live) != 1 || live[0].ID == first.ID {
			t.Fatalf("live: %+v", live)
		}
		r.Pushed(x.push(live[0], calendar.PushChanged))
		if st := r.channelStatus(cal1); !st.Live || st.Why != "" {
			t.Errorf("status after a message %+v", st)
		}
	})
}

// TestStopChannels: before a sign-in is given up its channels end, and none are opened until somebody signs in.
func TestStopChannels(t *testing.T) {
	pushing(t, func(t *testing.T, r *rig, x *exchange) {
		r.start()
		if err := r.StopChannels(t.Context(), "g"); err != nil {
			t.Fatal(err)
		}
		if n := len(x.open("")); n != 0 {
			t.Errorf("%d channels after the stop", n)
		}
		r.tick(24 * time.Hour)
		if st := r.channelStatus(cal1); len(x.open("")) != 0 || st.Live || st.Wrong || st.Why == "" {
			t.Errorf("a day after the stop: %+v", st)
		}
		r.ResumeChannels("g")
		r.tick(time.Minute)
		if len(r.live(x, "adams")) != 1 || len(r.live(x, "baker")) != 1 {
			t.Error("no channels after a new sign-in")
		}
	}, cal1, cal2)
}

// TestChannelsDelayNobody: an account whose provider hangs delays no other, and channels take no call that a read needs.
func TestChannelsDelayNobody(t *testing.T) {
	pushing(t, func(t *testing.T, r *rig, x *exchange) {
		r.provider.hook(func(op, cal string) error {
			if op == "watch" && cal == "clark" {
				time.Sleep(time.Hour)
				return fault(calendar.Unclear)
			}
			return nil
		})
		r.cfg.Poll = time.Minute
		r.make()
		r.start()
		if st := r.channelStatus(cal1); !st.Live {
			t.Errorf("the well account waits: %+v", st)
		}
		r.tick(10 * time.Minute)
		if age := time.Since(r.store.Checked(cal3)); age > 2*time.Minute {
			t.Errorf("the sick account's calendar was not read for %v", age)
		}
	}, cal1, cal3)
}

// TestSpare: calls about channels leave one slot to the others, and wait while the account is told to wait.
func TestSpare(t *testing.T) {
	bubble(t, func(t *testing.T, _ *rig) {
		g := newGate(2, 600, time.Now)
		if !g.spare() || g.spare() {
			t.Error("one of two slots is spare, not both")
		}
		<-g.slots
		g.learn(&calendar.Error{Kind: calendar.Throttled, RetryAfter: time.Minute})
		began := time.Now()
		if err := g.doSpare(t.Context(), time.Second, func(context.Context) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < time.Minute || took > 62*time.Second {
			t.Errorf("waited %v, want a minute", took)
		}
		g.learn(&calendar.Error{Kind: calendar.Throttled, RetryAfter: time.Hour})
		err := g.doSpare(t.Context(), time.Second, func(context.Context) error { return nil })
		if !errors.Is(err, errNoRoom) {
			t.Errorf("error %v while there was no room", err)
		}
	})
}
