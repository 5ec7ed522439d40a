package desk_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/internal/desk"
)

// askable is what providers answer about single times. What is in a calendar gets into the mirror when it is asked about.
type askable struct {
	c *clinic

	mu     sync.Mutex
	there  map[calendar.ID][]calendar.Interval
	fails  map[calendar.ID]bool // after all the time that a customer has
	asked  []calendar.ID
	nudged []calendar.ID
	known  map[calendar.ID]time.Time
}

func (a *askable) Verify(ctx context.Context, cal calendar.ID, _ calendar.Interval, _ time.Time) error {
	a.mu.Lock()
	a.asked = append(a.asked, cal)
	there, fails := a.there[cal], a.fails[cal]
	a.mu.Unlock()
	if fails {
		<-ctx.Done()
		return ctx.Err()
	}
	checked := a.c.store.Checked(cal)
	if len(there) > 0 {
		a.c.read(cal, there...)
		a.c.store.MarkChecked(cal, checked)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.known[cal] = a.c.now
	return nil
}

func (a *askable) Verified(cal calendar.ID, _ calendar.Interval) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.known[cal]
}

func (a *askable) Nudge(cal calendar.ID) { a.nudged = append(a.nudged, cal) }

// take returns which calendars were asked since the last call, sorted.
func (a *askable) take() []calendar.ID {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := slices.Sorted(slices.Values(a.asked))
	a.asked = nil
	return out
}

// verifying makes a clinic that asks its providers where the mirror is older than two minutes.
func verifying(t *testing.T, change ...func(*desk.Config)) (*clinic, *askable) {
	a := &askable{there: map[calendar.ID][]calendar.Interval{}, fails: map[calendar.ID]bool{}, known: map[calendar.ID]time.Time{}}
	c := open(t, append(change, func(cfg *desk.Config) { cfg.VerifyWithin, cfg.Live = 2*time.Minute, a })...)
	a.c = c
	return c, a
}

// age makes mirrors three minutes older, which is too old to book from and young enough to offer from.
func (c *clinic) age(of ...calendar.ID) {
	for _, cal := range of {
		c.store.MarkChecked(cal, c.now.Add(-3*time.Minute))
	}
}

func TestConfirmVerifies(t *testing.T) {
	slot := at(1, 10, 0)
	secondCalendar := func(cfg *desk.Config) { cfg.Resources[0].Blocks = append(cfg.Resources[0].Blocks, "feeds/rota") }
	tests := []struct {
		name   string
		change func(*desk.Config)
		choice desk.Choice
		before func(c *clinic, a *askable, w *desk.Confirm)
		asked  []calendar.ID
		want   booking.Reason
	}{
		{"young", nil, adams, func(*clinic, *askable, *desk.Confirm) {}, nil, booking.Free},
		{"old and free", nil, adams, func(c *clinic, _ *askable, _ *desk.Confirm) {
			c.age("g/adams")
		}, []calendar.ID{"g/adams"}, booking.Free},
		{"old and busy", nil, adams, func(c *clinic, a *askable, _ *desk.Confirm) {
			c.age("g/adams")
			a.there["g/adams"] = []calendar.Interval{minutes(slot, 5)}
		}, []calendar.ID{"g/adams"}, booking.Busy},
		{"no answer", nil, adams, func(c *clinic, a *askable, _ *desk.Confirm) {
			c.age("g/adams")
			a.fails["g/adams"] = true
		}, []calendar.ID{"g/adams"}, booking.Unknown},
		{"no answer, and that is accepted", func(cfg *desk.Config) { cfg.AcceptUnverified = true }, adams,
			func(c *clinic, a *askable, _ *desk.Confirm) {
				c.age("g/adams")
				a.fails["g/adams"] = true
			}, []calendar.ID{"g/adams"}, booking.Free},
		{"another resource is old", nil, adams, func(c *clinic, _ *askable, _ *desk.Confirm) {
			c.age("g/baker")
		}, nil, booking.Free},
		{"a second calendar is old", secondCalendar, adams, func(c *clinic, a *askable, _ *desk.Confirm) {
			c.age("feeds/rota")
			a.there["feeds/rota"] = []calendar.Interval{minutes(slot, 5)}
		}, []calendar.ID{"feeds/rota"}, booking.Busy},
		{"one of two answers", secondCalendar, adams, func(c *clinic, a *askable, _ *desk.Confirm) {
			c.age("feeds/rota", "g/adams")
			a.fails["feeds/rota"] = true
		}, []calendar.ID{"feeds/rota", "g/adams"}, booking.Unknown},
		{"too old to be offered", nil, adams, func(c *clinic, _ *askable, _ *desk.Confirm) {
			c.store.MarkChecked("g/adams", c.now.Add(-16*time.Minute))
		}, nil, booking.Unknown},
		{"one is old, the other too old to be offered", secondCalendar, adams, func(c *clinic, _ *askable, _ *desk.Confirm) {
			c.age("g/adams")
			c.store.MarkChecked("feeds/rota", c.now.Add(-16*time.Minute))
		}, nil, booking.Unknown},
		{"seen to be busy", nil, adams, func(c *clinic, _ *askable, _ *desk.Confirm) {
			c.read("g/adams", minutes(slot, 5))
			c.age("g/adams")
		}, nil, booking.Busy},
		{"no time that is offered", nil, adams, func(c *clinic, _ *askable, w *desk.Confirm) {
			w.Start = 1 << 50
			c.age("g/adams")
		}, nil, booking.TooFar},
		{"any, and the first is not sure", nil, anyDoctor, func(c *clinic, a *askable, _ *desk.Confirm) {
			c.age("g/adams")
			a.fails["g/adams"] = true
		}, []calendar.ID{"g/adams"}, booking.Free},
		{"any, and nobody answers", nil, anyDoctor, func(c *clinic, a *askable, _ *desk.Confirm) {
			c.age("g/adams", "g/baker")
			a.fails["g/adams"], a.fails["g/baker"] = true, true
		}, []calendar.ID{"g/adams", "g/baker"}, booking.Unknown},
		{"a room is old", theatre, surgery, func(c *clinic, a *askable, _ *desk.Confirm) {
			c.age("g/room-1")
			a.there["g/room-1"] = []calendar.Interval{minutes(slot, 5)}
		}, []calendar.ID{"g/room-1"}, booking.Free}, // in the other room
		{"all rooms are old", theatre, surgery, func(c *clinic, a *askable, _ *desk.Confirm) {
			c.age("g/room-1", "g/room-2")
			a.fails["g/room-1"] = true
			a.there["g/room-2"] = []calendar.Interval{minutes(slot, 5)}
		}, []calendar.ID{"g/room-1", "g/room-2"}, booking.Busy},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				change := tt.change
				if change == nil {
					change = func(*desk.Config) {}
				}
				c, a := verifying(t, change)
				wish := c.wish(tt.choice, slot)
				tt.before(c, a, &wish)
				begun := time.Now()
				_, err := c.Confirm(t.Context(), wish)
				if took := time.Since(begun); took > 700*time.Millisecond {
					t.Errorf("the customer waited %s", took)
				}
				var lost *desk.LostError
				switch {
				case tt.want == booking.Free && err != nil, tt.want != booking.Free && !errors.As(err, &lost),
					lost != nil && lost.Reason != tt.want:
					t.Errorf("%v, want %v", err, tt.want)
				}
				if n := len(c.bookings()); (n == 1) != (tt.want == booking.Free) {
					t.Errorf("%d bookings", n)
				}
				if got := a.take(); !slices.Equal(got, tt.asked) {
					t.Errorf("asked %v, want %v", got, tt.asked)
				}
				_ = c.db.Close()
			})
		})
	}
}

// TestRepeatsNeverWait: who has booked gets the answer again, and who may not book is told so, whatever the providers do.
func TestRepeatsNeverWait(t *testing.T) {
	c, a := verifying(t)
	wish := c.wish(adams, at(1, 10, 0))
	first := c.mustConfirm(wish)
	c.age("g/adams")
	a.fails["g/adams"] = true
	if again := c.mustConfirm(wish); !again.Repeated || again.Booking != first.Booking {
		t.Errorf("%+v", again)
	}
	for _, change := range []func(*desk.Confirm){
		func(w *desk.Confirm) { w.Request, w.Start = "another", at(1, 14, 0) },
		func(w *desk.Confirm) { w.Token, w.Start = "made up", at(1, 14, 0) },
	} {
		w := wish
		change(&w)
		var token *desk.TokenError
		if _, err := c.Confirm(t.Context(), w); !errors.As(err, &token) {
			t.Error(err)
		}
	}
	if got := a.take(); len(got) > 0 {
		t.Errorf("asked %v", got)
	}
}

// TestChoosingRefreshes: choosing a slot has what decides about it looked at, so that the confirm need not wait.
func TestChoosingRefreshes(t *testing.T) {
	c, a := verifying(t, theatre)
	c.mustHold(c.token(), adams, at(1, 14, 0))
	if len(a.nudged) > 0 {
		t.Errorf("young: nudged %v", a.nudged)
	}
	c.age("g/adams", "g/room-2", "g/baker")
	c.mustHold(c.tokenOf("491700000007"), surgery, at(1, 10, 0))
	if want := []calendar.ID{"g/adams", "g/room-2"}; !slices.Equal(a.nudged, want) {
		t.Errorf("nudged %v, want %v", a.nudged, want)
	}
	if len(a.take()) > 0 {
		t.Error("who chooses waits for nobody")
	}
}
