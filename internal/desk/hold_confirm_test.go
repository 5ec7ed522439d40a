package desk_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"slotd/internal/booking"
	"slotd/internal/desk"
)

// TestConfirmWithHold: a hold becomes the booking's claim, and none is needed.
func TestConfirmWithHold(t *testing.T) {
	slot := at(1, 10, 0)
	tests := []struct {
		name   string
		before func(c *clinic, w *desk.Confirm)
		want   booking.Reason
		holds  int // of others, afterwards
	}{
		{"held", func(c *clinic, w *desk.Confirm) { c.mustHold(w.Token, adams, slot) }, booking.Free, 0},
		{"not held", func(*clinic, *desk.Confirm) {}, booking.Free, 0},
		{"the hold is over", func(c *clinic, w *desk.Confirm) {
			c.mustHold(w.Token, adams, slot)
			c.later(time.Hour)
		}, booking.Free, 0},
		{"the hold is over and another has the time", func(c *clinic, w *desk.Confirm) {
			c.mustHold(w.Token, adams, slot)
			c.later(5 * time.Minute)
			c.mustHold(c.tokenOf("491700000002"), adams, slot+15*60)
		}, booking.Claimed, 1},
		{"the hold is over and another's too", func(c *clinic, w *desk.Confirm) {
			c.mustHold(w.Token, adams, slot)
			c.later(5 * time.Minute)
			c.mustHold(c.tokenOf("491700000002"), adams, slot)
			c.later(5 * time.Minute)
		}, booking.Free, 0},
		{"another slot is held", func(c *clinic, w *desk.Confirm) { c.mustHold(w.Token, adams, slot+3600) }, booking.Free, 0},
		{"another doctor is held", func(c *clinic, w *desk.Confirm) { c.mustHold(w.Token, baker, slot) }, booking.Free, 0},
		{"another holds it", func(c *clinic, _ *desk.Confirm) { c.mustHold(c.token(), adams, slot) }, booking.Claimed, 1},
		{"another holds it, and this one something else", func(c *clinic, w *desk.Confirm) {
			c.mustHold(w.Token, adams, slot+3600)
			c.mustHold(c.token(), adams, slot-15*60)
		}, booking.Claimed, 2},
		{"held, and somebody's event came", func(c *clinic, w *desk.Confirm) {
			c.mustHold(w.Token, adams, slot)
			c.read("g/adams", minutes(slot, 5))
		}, booking.Busy, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := open(t, holding)
			wish := c.wish(adams, slot)
			tt.before(c, &wish)
			before := c.dump()
			done, err := c.Confirm(t.Context(), wish)
			if tt.want != booking.Free {
				c.lost(err, tt.want, before)
			} else if err != nil {
				t.Fatal(err)
			}
			if n := c.holds("adams") + c.holds("baker"); n != tt.holds {
				t.Errorf("%d holds are left, want %d", n, tt.holds)
			}
			if err != nil {
				return
			}
			want := []booking.Claim{{Interval: minutes(slot, 30), Booking: done.Booking, Service: "check"}}
			got := slices.DeleteFunc(c.claims("adams"), func(claim booking.Claim) bool { return !claim.Takes(c.now.Unix()) })
			if !slices.Equal(got, want) {
				t.Errorf("claims %v, want %v", got, want)
			}
			if again := c.mustConfirm(wish); !again.Repeated || again.Booking != done.Booking {
				t.Errorf("again: %+v", again)
			}
		})
	}
}

// TestHoldAnyDoctor: a hold of any takes one who is free, and the customer gets that one.
func TestHoldAnyDoctor(t *testing.T) {
	c := open(t, holding)
	slot := at(1, 10, 0)
	first, second := c.wish(anyDoctor, slot), c.wish(anyDoctor, slot)
	c.mustHold(first.Token, anyDoctor, slot)
	if c.holds("adams") != 1 || c.holds("baker") != 0 || !c.sees("", anyDoctor, slot) {
		t.Error("any of two is not one of two")
	}
	c.mustHold(second.Token, anyDoctor, slot)
	if c.holds("baker") != 1 || c.sees("", anyDoctor, slot) || !c.sees(first.Token, anyDoctor, slot) {
		t.Error("the second did not get the other")
	}
	third := c.wish(anyDoctor, slot)
	third.Token = c.tokenOf("491700000003")
	before := c.dump()
	c.lost(c.Hold(t.Context(), third.Token, anyDoctor, slot), booking.Claimed, before)
	_, err := c.Confirm(t.Context(), third)
	c.lost(err, booking.Claimed, before)
	// Adams has work that day now, and still is the one whom the first customer holds.
	c.mustConfirm(c.wish(adams, at(1, 15, 0)))
	for wish, want := range map[*desk.Confirm]string{&first: "adams", &second: "baker"} {
		done := c.mustConfirm(*wish)
		if b := c.get(done.Booking); b.Resource != want {
			t.Errorf("booked at %s, held was %s", b.Resource, want)
		}
	}
	if c.holds("adams")+c.holds("baker") != 0 {
		t.Error("holds are left")
	}
}

func (c *clinic) get(id string) *booking.Booking {
	c.t.Helper()
	b, _, err := c.Booking(context.Background(), id)
	if err != nil {
		c.t.Fatal(err)
	}
	return b
}

// TestTwoDevices: one token on two phones holds one slot and books once.
func TestTwoDevices(t *testing.T) {
	c := open(t, holding)
	first := c.wish(adams, at(1, 10, 0))
	second := first
	second.Start, second.Request = at(1, 14, 0), "from the other phone"
	c.mustHold(first.Token, adams, first.Start)
	c.mustHold(second.Token, adams, second.Start)
	if c.holds("adams") != 1 || !c.sees("", adams, first.Start) {
		t.Error("the phones hold two slots")
	}
	done, errs := c.race([]desk.Confirm{first, second, first, second})
	var answers []string
	for i := range done {
		var token *desk.TokenError
		if errs[i] == nil {
			answers = append(answers, string(done[i].Answer))
		} else if !errors.As(errs[i], &token) || token.Why != "spent" || token.Booking != c.bookings()[0].ID {
			t.Error(errs[i])
		}
	}
	if len(answers) != 2 || answers[0] != answers[1] || len(c.bookings()) != 1 || c.holds("adams") != 0 {
		t.Errorf("%d bookings, answers %v, %d holds", len(c.bookings()), answers, c.holds("adams"))
	}
}

// TestCapacityAndHolds: holds and bookings count alike.
func TestCapacityAndHolds(t *testing.T) {
	c := open(t, holding, func(cfg *desk.Config) { cfg.Resources[0].Rules.Capacity = new(2) })
	me, slot := c.tokenOf("491700000009"), at(1, 10, 0)
	c.mustConfirm(c.wish(adams, slot))
	if !c.sees("", adams, slot) {
		t.Error("one of two is no room")
	}
	c.mustHold(me, adams, slot)
	if c.sees("", adams, slot) || !c.sees(me, adams, slot) {
		t.Error("a booking and a hold are not two")
	}
	c.later(5 * time.Minute)
	if !c.sees("", adams, slot) {
		t.Error("the hold is over, and there is no room")
	}
}

// TestHoldsRace: many customers hold and confirm at once; nobody gets what another holds.
func TestHoldsRace(t *testing.T) {
	c := open(t, holding)
	var wishes []desk.Confirm
	for i := range 32 {
		w := c.wish(adams, at(1, 10, 15*(i%2)))
		w.Token = c.tokenOf(fmt.Sprint("49170", i))
		wishes = append(wishes, w)
	}
	c.mustHold(wishes[7].Token, adams, wishes[7].Start)
	_, errs := c.race(wishes)
	if n := c.winners(errs, booking.Claimed); n != 1 || errs[7] != nil {
		t.Errorf("%d won; who holds the slot: %v", n, errs[7])
	}
}

// TestHeldByAnotherChoice: a hold lends its slot nothing that the choice of the confirm does not allow: neither a doctor of
// another department, nor one who asks for a longer notice.
func TestHeldByAnotherChoice(t *testing.T) {
	slot := at(1, 10, 0)
	t.Run("a department", func(t *testing.T) {
		c := open(t, holding, func(cfg *desk.Config) {
			cfg.Resources = append(cfg.Resources, resource("drew", cfg.Zone, []string{"skin"}, []string{"check"}))
		})
		anySkin := desk.Choice{Department: "skin", Service: "check", Resource: desk.Any}
		wish := c.wish(anySkin, slot)
		c.mustHold(wish.Token, adams, slot)
		c.mustHold(wish.Token, anySkin, slot)
		if c.holds("adams") != 0 {
			t.Error("adams is held, who is not of the department")
		}
		c.mustHold(wish.Token, adams, slot)
		if b := c.get(c.mustConfirm(wish).Booking); b.Resource == "adams" {
			t.Error("booked at adams, who is not of the department")
		}
	})
	t.Run("a notice", func(t *testing.T) {
		c := open(t, holding, func(cfg *desk.Config) { cfg.Resources[1].Rules.Notice = new(3 * 24 * time.Hour) })
		wish := c.wish(baker, slot)
		c.mustHold(wish.Token, adams, slot)
		before := c.dump()
		_, err := c.Confirm(t.Context(), wish)
		c.lost(err, booking.TooSoon, before)
	})
	t.Run("the notice of a room", func(t *testing.T) {
		c := open(t, theatre, func(cfg *desk.Config) { cfg.Resources[4].Rules.Notice = new(3 * 24 * time.Hour) })
		wish := c.wish(surgery, slot)
		c.mustHold(wish.Token, surgery, slot)
		c.read("g/room-1", minutes(slot, 10))
		before := c.dump()
		_, err := c.Confirm(t.Context(), wish)
		c.lost(err, booking.Busy, before)
	})
}
