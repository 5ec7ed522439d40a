package syncer

import (
	"testing"
	"time"

	"slotd/internal/calendar"
)

// TestForgedMessages: what does not come from a channel of ours, and what was seen before, causes nothing.
func TestForgedMessages(t *testing.T) {
	pushing(t, func(t *testing.T, r *rig, x *exchange) {
		if v := r.Pushed(calendar.Push{Channel: "x"}); v != calendar.PushNotReady {
			t.Errorf("before the start: %s", v)
		}
		r.cfg.Poll = time.Hour
		r.make()
		r.start()
		l := x.open("adams")[0]
		good := x.push(l, calendar.PushChanged)
		if v := r.Pushed(good); v != calendar.PushAccepted {
			t.Fatalf("a good message: %s", v)
		}
		r.tick(time.Minute)
		before := len(r.provider.made("changed", "adams"))
		forged, unknown, later := good, good, good
		forged.Secret, unknown.Channel, later.Number = l.Secret+"x", "nobody", good.Number-1
		empty := calendar.Push{Channel: l.ID, Number: 1000}
		for _, tt := range []struct {
			push calendar.Push
			want calendar.PushVerdict
		}{
			{forged, calendar.PushForged}, {empty, calendar.PushForged}, {unknown, calendar.PushUnknown},
			{calendar.Push{}, calendar.PushUnknown}, {good, calendar.PushReplayed}, {later, calendar.PushReplayed},
		} {
			if v := r.Pushed(tt.push); v != tt.want {
				t.Errorf("%+v: %s, want %s", tt.push, v, tt.want)
			}
		}
		r.tick(time.Minute)
		if n := len(r.provider.made("changed", "adams")) - before; n != 0 {
			t.Errorf("%d looks were caused by nothing", n)
		}
	})
}

// TestStorm: a thousand messages within ten seconds are about ten looks, the first at once and the last after the last message.
func TestStorm(t *testing.T) {
	pushing(t, func(t *testing.T, r *rig, x *exchange) {
		r.cfg.Poll = time.Hour
		r.make()
		r.start()
		r.tick(time.Minute)
		l := x.open("adams")[0]
		before := len(r.provider.made("changed", "adams"))
		var last time.Time
		for i := range 1000 {
			r.Pushed(x.push(l, calendar.PushChanged))
			last = time.Now()
			r.tick(0)
			if i == 0 && len(r.provider.made("changed", "adams")) != before+1 {
				t.Error("the first message caused no look at once")
			}
			time.Sleep(10 * time.Millisecond)
		}
		r.tick(5 * time.Second)
		looks := r.provider.made("changed", "adams")[before:]
		if len(looks) < 9 || len(looks) > 12 {
			t.Errorf("%d looks", len(looks))
		}
		if looks[len(looks)-1].at.Before(last) {
			t.Error("no look after the last message")
		}
	})
}

// TestMessageDuringRead: messages that come while a read runs cause exactly one more.
func TestMessageDuringRead(t *testing.T) {
	pushing(t, func(t *testing.T, r *rig, x *exchange) {
		r.cfg.Poll = time.Hour
		r.make()
		r.start()
		r.tick(time.Minute)
		l := x.open("adams")[0]
		before := len(r.provider.made("changed", "adams"))
		blocked := true
		r.provider.hook(func(op, _ string) error {
			if op == "changed" && blocked {
				blocked = false
				for range 5 {
					r.Pushed(x.push(l, calendar.PushChanged))
				}
				time.Sleep(5 * time.Second)
			}
			return nil
		})
		r.Nudge(cal1)
		r.tick(8 * time.Second)
		if n := len(r.provider.made("changed", "adams")) - before; n != 2 {
			t.Errorf("%d looks, want two", n)
		}
	})
}

// TestPushedChange: a change of which we are told is in the mirror long before the next poll, also where what tells of
// changes lags behind the message.
func TestPushedChange(t *testing.T) {
	pushing(t, func(t *testing.T, r *rig, x *exchange) {
		r.cfg.Poll = time.Hour
		r.make()
		r.start()
		l := x.open("adams")[0]
		r.tick(time.Minute)
		r.provider.put("adams", event("one", hours(1, 9, 10)))
		r.Pushed(x.push(l, calendar.PushChanged))
		r.tick(time.Millisecond)
		if n := len(r.busy(cal1).Foreign); n != 1 {
			t.Fatalf("%d busy spans at once, want 1", n)
		}
		r.tick(time.Minute)
		r.Pushed(x.push(l, calendar.PushChanged)) // the message is there before the change
		r.tick(5 * time.Second)
		r.provider.put("adams", event("two", hours(1, 12, 13)))
		r.tick(10 * time.Second)
		if n := len(r.busy(cal1).Foreign); n != 2 {
			t.Errorf("%d busy spans after a message that came early, want 2", n)
		}
	})
}

// TestLifecycle: what a provider says of a channel itself.
func TestLifecycle(t *testing.T) {
	pushing(t, func(t *testing.T, r *rig, x *exchange) {
		r.cfg.Poll = time.Hour
		r.make()
		r.start()
		first := x.open("adams")[0]
		r.tick(time.Hour)
		reads := func() int { return len(r.provider.made("read", "adams")) }
		before := reads()
		r.Pushed(x.push(first, calendar.PushMissed))
		r.tick(time.Second)
		if reads() <= before {
			t.Error("missed: the window was not read")
		}
		r.Pushed(x.push(first, calendar.PushReauthorize))
		r.tick(time.Minute)
		if now := r.live(x, "adams"); len(now) != 1 || !now[0].expires.After(first.expires) {
			t.Errorf("reauthorize: %+v", now)
		}
		before = reads()
		last := r.live(x, "adams")[0]
		x.mu.Lock()
		delete(x.lines, last.handle)
		x.mu.Unlock()
		r.Pushed(calendar.Push{Channel: last.ID, Secret: last.Secret, Event: calendar.PushRemoved})
		r.tick(time.Minute)
		if now := r.live(x, "adams"); len(now) != 1 || now[0].ID == last.ID {
			t.Errorf("removed: %+v", now)
		}
		if reads() <= before {
			t.Error("removed: the window was not read")
		}
	})
}
