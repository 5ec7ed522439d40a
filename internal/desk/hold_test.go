package desk_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/internal/desk"
	"slotd/store"
	"slotd/store/kv"
)

// holding is a business that holds a chosen slot for five minutes, and two at once for one customer.
func holding(cfg *desk.Config) { cfg.Hold, cfg.HoldsPerCustomer = 5*time.Minute, 2 }

var (
	baker     = desk.Choice{Department: "heart", Service: "check", Resource: "baker"}
	anyDoctor = desk.Choice{Department: "heart", Service: "check", Resource: desk.Any}
)

// tokenOf makes a token for a customer.
func (c *clinic) tokenOf(phone string) string {
	c.t.Helper()
	token, err := c.NewToken(c.t.Context(), desk.Invitation{Phone: phone})
	if err != nil {
		c.t.Fatal(err)
	}
	return token
}

func (c *clinic) mustHold(token string, choice desk.Choice, start int64) {
	c.t.Helper()
	if err := c.Hold(c.t.Context(), token, choice, start); err != nil {
		c.t.Fatal(err)
	}
}

// sees reports whether a token is offered a start, by every list alike.
func (c *clinic) sees(token string, choice desk.Choice, start int64) bool {
	c.t.Helper()
	ctx, day := c.t.Context(), calendar.DateOf(start, c.Zone())
	why, err1 := c.Check(ctx, token, choice, start)
	slots, err2 := c.Slots(ctx, token, choice, day)
	near, err3 := c.Alternatives(ctx, token, choice, start, 1)
	days, err4 := c.Days(ctx, token, choice)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		c.t.Fatal(err)
	}
	free := why == booking.Free
	if slices.Contains(slots, start) != free || slices.Contains(near, start) != free || slices.Contains(days, day) != (len(slots) > 0) {
		c.t.Errorf("%s: Check says %v, Slots %v, Alternatives %v, Days %v", desk.SlotID(start), why, slots, near, days)
	}
	return free
}

// claims returns what is claimed on a resource, whether or not it takes time.
func (c *clinic) claims(resource string) []booking.Claim {
	c.t.Helper()
	var claims []booking.Claim
	err := c.store.View(context.Background(), func(r *store.Reader) (err error) {
		claims, err = r.Claims(resource)
		return err
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return claims
}

// holds counts the holds that take time of a resource.
func (c *clinic) holds(resource string) int {
	n := 0
	for _, claim := range c.claims(resource) {
		if claim.Hold != "" && claim.Takes(c.now.Unix()) {
			n++
		}
	}
	return n
}

// lost fails unless err says that the slot was lost for the reason and nothing was written since before.
func (c *clinic) lost(err error, want booking.Reason, before map[string]string) {
	c.t.Helper()
	var lost *desk.LostError
	if !errors.As(err, &lost) || lost.Reason != want {
		c.t.Errorf("%v, want %v", err, want)
	}
	if !maps.Equal(before, c.dump()) {
		c.t.Error("something was written")
	}
}

// later lets time pass; the calendars stay fresh.
func (c *clinic) later(d time.Duration) {
	c.now = c.now.Add(d)
	for _, cal := range c.calendars() {
		c.store.MarkChecked(cal, c.now)
	}
}

// TestHoldHidesFromOthers: in every list, until another choice or its end, and never from who holds.
func TestHoldHidesFromOthers(t *testing.T) {
	c := open(t, holding)
	me, other, slot, next := c.token(), c.token(), at(1, 10, 0), at(1, 14, 0)
	views := func(when string, mine, theirs, nobodys bool) {
		t.Helper()
		if c.sees(me, adams, slot) != mine || c.sees(other, adams, slot) != theirs || c.sees("", adams, slot) != nobodys {
			t.Errorf("%s: I see %t, another %t, nobody %t", when, c.sees(me, adams, slot), c.sees(other, adams, slot),
				c.sees("", adams, slot))
		}
	}
	views("at first", true, true, true)
	c.mustHold(me, adams, slot)
	views("held", true, false, false)
	if c.sees(other, adams, slot+15*60) || !c.sees(me, adams, slot+15*60) || !c.sees(other, adams, slot+30*60) {
		t.Error("a hold takes just the time of its appointment")
	}
	if !c.sees(other, baker, slot) || !c.sees(other, anyDoctor, slot) {
		t.Error("it takes more than its resource")
	}
	c.reopen()
	views("after a restart", true, false, false)
	c.mustHold(me, adams, next)
	views("after another choice", true, true, true)
	if c.sees(other, adams, next) || c.holds("adams") != 1 {
		t.Error("the other choice is not held, or both are")
	}
	c.mustHold(me, baker, slot)
	if !c.sees(other, adams, next) || c.holds("adams") != 0 || c.sees(other, baker, slot) {
		t.Error("a choice at another resource did not release the first")
	}
	c.later(5*time.Minute - time.Second)
	if c.sees(other, baker, slot) {
		t.Error("the hold ended early")
	}
	c.later(time.Second)
	if !c.sees(other, baker, slot) {
		t.Error("the hold did not end")
	}
	c.mustConfirm(c.wish(baker, slot))
	if claims := c.claims("baker"); len(claims) != 1 {
		t.Errorf("what is over stays in the document: %v", claims)
	}
}

// TestHoldOfWhatIsTaken: an error says why, nothing is written, and what the token holds it keeps.
func TestHoldOfWhatIsTaken(t *testing.T) {
	c := open(t, holding)
	me, other := c.token(), c.tokenOf("491700000002")
	c.mustHold(other, adams, at(1, 10, 0))
	c.mustConfirm(c.wish(adams, at(1, 11, 0)))
	c.read("g/adams", minutes(at(1, 14, 0), 30))
	c.mustHold(me, adams, at(1, 9, 0))
	for start, want := range map[int64]booking.Reason{
		at(1, 10, 15): booking.Claimed, at(1, 11, 0): booking.Claimed, at(1, 14, 15): booking.Busy, at(1, 9, 5): booking.NotOffered,
		at(0, 10, 0): booking.TooSoon, at(30, 10, 0): booking.TooFar, 253402300799: booking.TooFar,
	} {
		before := c.dump()
		c.lost(c.Hold(t.Context(), me, adams, start), want, before)
	}
	if c.holds("adams") != 2 {
		t.Error("the token lost what it held")
	}
	var unknown *desk.UnknownError
	if err := c.Hold(t.Context(), me, desk.Choice{Service: "x", Resource: desk.Any}, at(1, 9, 0)); !errors.As(err, &unknown) {
		t.Error(err)
	}
}

func TestHoldNeedsAToken(t *testing.T) {
	c := open(t, holding)
	spent := c.wish(adams, at(1, 10, 0))
	c.mustConfirm(spent)
	expired := c.token()
	c.later(25 * time.Hour)
	for token, want := range map[string]string{spent.Token: "spent", expired: "expired", "made elsewhere": "unknown"} {
		before := c.dump()
		var refused *desk.TokenError
		if err := c.Hold(t.Context(), token, adams, at(2, 14, 0)); !errors.As(err, &refused) || refused.Why != want {
			t.Errorf("%v, want %s", err, want)
		}
		if !maps.Equal(before, c.dump()) {
			t.Errorf("%s: something was written", want)
		}
	}
	c.cfg.AcceptForeignTokens = true
	c.openDesk()
	c.later(0)
	c.mustHold("made elsewhere", adams, at(2, 14, 0))
	if c.sees("", adams, at(2, 14, 0)) || !c.sees("made elsewhere", adams, at(2, 14, 0)) {
		t.Error("a foreign token does not hold")
	}
	wish := c.wish(adams, at(2, 14, 0))
	wish.Token = "made elsewhere"
	c.mustConfirm(wish)
}

// TestHoldIsBounded: choosing a slot again and again does not keep it for ever, yet costs the customer nothing.
func TestHoldIsBounded(t *testing.T) {
	c := open(t, holding)
	me, slot := c.token(), at(1, 10, 0)
	held := 0
	for range 60 {
		c.mustHold(me, adams, slot)
		if !c.sees("", adams, slot) {
			held++
		}
		if !c.sees(me, adams, slot) {
			t.Fatal("hidden from who chose it")
		}
		c.later(time.Minute)
	}
	if held != 15 {
		t.Errorf("held for %d minutes, want 15", held)
	}
	wish := c.wish(adams, slot)
	wish.Token = me
	c.mustConfirm(wish)
}

// TestHoldsPerCustomer: nobody can hold a whole calendar by many tokens.
func TestHoldsPerCustomer(t *testing.T) {
	c := open(t, holding)
	slots := []int64{at(1, 9, 0), at(1, 10, 0), at(1, 11, 0), at(1, 14, 0)}
	var mine []string
	for _, slot := range slots {
		mine = append(mine, c.token())
		c.mustHold(mine[len(mine)-1], adams, slot)
	}
	if n := c.holds("adams"); n != 2 {
		t.Errorf("one customer holds %d, want 2", n)
	}
	if !c.sees(mine[3], adams, slots[3]) || !c.sees("", adams, slots[3]) {
		t.Error("what is not held is not free")
	}
	other := c.tokenOf("491700000002")
	c.mustHold(other, adams, slots[2])
	if c.sees("", adams, slots[2]) {
		t.Error("another customer may not hold")
	}
	c.mustHold(mine[0], adams, slots[0]) // its own hold does not count against it
	c.mustHold(mine[1], adams, slots[3])
	if c.holds("adams") != 3 || c.sees("", adams, slots[0]) || c.sees("", adams, slots[3]) || !c.sees("", adams, slots[1]) {
		t.Errorf("%d holds", c.holds("adams"))
	}
	c.later(5 * time.Minute)
	c.mustHold(mine[2], adams, slots[2])
	if c.sees("", adams, slots[2]) {
		t.Error("holds that are over count still")
	}
	booked := c.wish(adams, slots[2])
	booked.Token = mine[2]
	c.mustConfirm(booked)
	for i, slot := range slots[:2] {
		c.mustHold(mine[i], baker, slot)
		if c.sees("", baker, slot) {
			t.Error("a slot that was booked counts as held")
		}
	}
	for _, key := range slices.Collect(maps.Keys(c.dump())) {
		if key == "holders/491700000001" || key == "holders/491700000002" {
			t.Error("a phone number is a key")
		}
	}
}

func TestNoHolds(t *testing.T) {
	c := open(t)
	token := c.token()
	before := c.dump()
	c.mustHold(token, adams, at(1, 10, 0))
	if !maps.Equal(before, c.dump()) || !c.sees("", adams, at(1, 10, 0)) {
		t.Error("a business without holds holds")
	}
	c.mustConfirm(c.wish(adams, at(1, 11, 0)))
	c.lost(c.Hold(t.Context(), token, adams, at(1, 11, 0)), booking.Claimed, c.dump())
}

// TestHoldAndEngine: a hold that cannot be written is an error, writes nothing, and is not needed.
func TestHoldAndEngine(t *testing.T) {
	for name, o := range map[string]outcome{
		"full": {lost: true, err: kv.ErrFull}, "read-only": {lost: true, err: kv.ErrReadOnly},
		"uncertain, lost": {lost: true, err: kv.ErrUncertain},
	} {
		t.Run(name, func(t *testing.T) {
			c := open(t, holding)
			wish := c.wish(adams, at(1, 10, 0))
			before := c.dump()
			c.db.fail(func(int64) outcome { return o })
			if err := c.Hold(t.Context(), wish.Token, adams, at(1, 10, 0)); !errors.Is(err, o.err) {
				t.Errorf("%v, want %v", err, o.err)
			}
			c.db.fail(nil)
			if !maps.Equal(before, c.dump()) || !c.sees("", adams, at(1, 10, 0)) {
				t.Error("something was written")
			}
			c.mustConfirm(wish)
		})
	}
	t.Run("uncertain, on disk, and asked again; runs twice", func(t *testing.T) {
		c := open(t, holding)
		me := c.token()
		c.db.fail(func(n int64) outcome {
			return map[int64]outcome{1: {err: kv.ErrUncertain}, 2: {race: func() {}}}[n]
		})
		if err := c.Hold(t.Context(), me, adams, at(1, 10, 0)); !errors.Is(err, kv.ErrUncertain) {
			t.Error(err)
		}
		c.mustHold(me, adams, at(1, 10, 0))
		if n := c.holds("adams"); n != 1 {
			t.Errorf("%d holds", n)
		}
	})
	t.Run("another takes the slot between two runs", func(t *testing.T) {
		c := open(t, holding)
		me, rival := c.token(), c.wish(adams, at(1, 10, 15))
		c.db.fail(func(n int64) outcome {
			if n > 1 {
				return outcome{}
			}
			return outcome{race: func() { c.mustConfirm(rival) }}
		})
		var lost *desk.LostError
		if err := c.Hold(t.Context(), me, adams, at(1, 10, 0)); !errors.As(err, &lost) || c.holds("adams") != 0 {
			t.Errorf("%v, %d holds", err, c.holds("adams"))
		}
	})
}
