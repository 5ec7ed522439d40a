package desk_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"slotd/internal/booking"
	"slotd/internal/desk"
	"slotd/store"
	"slotd/store/kv"
)

const (
	samsPhone   = "491700000002"
	clarasPhone = "491700000003"
)

var (
	heartScan = desk.Choice{Department: "heart", Service: "scan", Resource: "baker"}
	skinScan  = desk.Choice{Department: "skin", Service: "scan", Resource: "baker"}
	clarkScan = desk.Choice{Department: "skin", Service: "scan", Resource: "clark"}
)

// oneOpen allows a customer one booking to come, by the rule of the business.
func oneOpen(cfg *desk.Config) { cfg.Rules.OneOpen = new(true) }

// wishOf is a confirm by a customer with a number, known by a new token.
func (c *clinic) wishOf(phone string, choice desk.Choice, start int64) desk.Confirm {
	c.t.Helper()
	w := c.wish(choice, start)
	w.Token = c.tokenOf(phone)
	return w
}

// typing is a confirm by a customer who typed a number and whose token another tool made.
func (c *clinic) typing(phone string, choice desk.Choice, start int64) desk.Confirm {
	c.t.Helper()
	w := c.wish(choice, start)
	w.Token, w.Person = "of-another-tool-"+store.NewID(), booking.Person{Phone: phone}
	return w
}

// refused fails unless err says that the customer cannot book because of a booking, nil for one that is not told, and nothing
// was written since before, where that is given.
func (c *clinic) refused(err error, because *booking.Booking, before map[string]string) {
	c.t.Helper()
	var refused *desk.CustomerError
	switch {
	case !errors.As(err, &refused) || refused.Why != desk.HasBooking:
		c.t.Errorf("%v, want a customer who has a booking", err)
	case (because == nil) != (refused.Booking == nil) || because != nil && refused.Booking.ID != because.ID:
		c.t.Errorf("because of %+v, want %+v", refused.Booking, because)
	}
	if before != nil && !maps.Equal(before, c.dump()) {
		c.t.Error("something was written")
	}
}

// startOf is a start time of a choice.
func startOf(day int, choice desk.Choice) int64 {
	if choice == clarkScan {
		return at(day, 15, 45)
	}
	return at(day, 16, 0)
}

func (c *clinic) confirms(w desk.Confirm) error {
	_, err := c.Confirm(c.t.Context(), w)
	return err
}

// TestOneOpenBooking: what counts by the rule of each level. Hold, confirm and May are of one mind.
func TestOneOpenBooking(t *testing.T) {
	department := func(cfg *desk.Config, one bool) { cfg.Departments[0].Rules.OneOpen = &one }
	for _, tt := range []struct {
		name  string
		rule  func(*desk.Config)
		first desk.Choice
		then  desk.Choice
		free  bool
	}{
		{"business: another department", oneOpen, baker, clarkScan, false},
		{"business: any", oneOpen, baker, anyDoctor, false},
		{"department: another doctor", func(cfg *desk.Config) { department(cfg, true) }, baker, adams, false},
		{"department: another service", func(cfg *desk.Config) { department(cfg, true) }, adams, heartScan, false},
		{"department: by way of another", func(cfg *desk.Config) { department(cfg, true) }, baker, skinScan, true},
		{"department: booked by way of another", func(cfg *desk.Config) { department(cfg, true) }, skinScan, adams, true},
		{"department: booked without one", func(cfg *desk.Config) { department(cfg, true) },
			desk.Choice{Service: "check", Resource: "adams"}, baker, false},
		{"resource: another service", func(cfg *desk.Config) { cfg.Resources[1].Rules.OneOpen = new(true) }, baker, skinScan, false},
		{"resource: another doctor", func(cfg *desk.Config) { cfg.Resources[1].Rules.OneOpen = new(true) }, baker, adams, true},
		{"resource: any other doctor", func(cfg *desk.Config) { cfg.Resources[0].Rules.OneOpen = new(true) }, adams, anyDoctor, true},
		{"service: another doctor", func(cfg *desk.Config) { cfg.Services[0].Rules.OneOpen = new(true) }, baker, adams, false},
		{"service: another service", func(cfg *desk.Config) { cfg.Services[0].Rules.OneOpen = new(true) }, baker, skinScan, true},
		{"the service says no, and is nearer", func(cfg *desk.Config) {
			oneOpen(cfg)
			cfg.Services[1].Rules.OneOpen = new(false)
		}, baker, skinScan, true},
		{"what may be many counts for what may not", func(cfg *desk.Config) {
			oneOpen(cfg)
			cfg.Services[1].Rules.OneOpen = new(false)
		}, skinScan, baker, false},
		{"the resource says yes where the business says no", func(cfg *desk.Config) {
			cfg.Rules.OneOpen = new(false)
			cfg.Resources[0].Rules.OneOpen = new(true)
		}, adams, adams, false},
		{"no rule", nil, baker, baker, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := open(t, holding, func(cfg *desk.Config) {
				if tt.rule != nil {
					tt.rule(cfg)
				}
			})
			first := c.get(c.mustConfirm(c.wishOf(samsPhone, tt.first, startOf(1, tt.first))).Booking)
			second := c.wishOf(samsPhone, tt.then, startOf(2, tt.then))
			if tt.free {
				if err := c.May(t.Context(), second.Token, tt.then); err != nil {
					t.Errorf("May: %v", err)
				}
				c.mustHold(second.Token, tt.then, second.Start)
				c.mustConfirm(second)
				c.agrees("after the second")
				return
			}
			before := c.dump()
			c.refused(c.May(t.Context(), second.Token, tt.then), first, before)
			c.refused(c.Hold(t.Context(), second.Token, tt.then, second.Start), first, before)
			c.refused(c.confirms(second), first, before)
			if err := c.confirms(c.wishOf(clarasPhone, tt.then, second.Start)); err != nil {
				t.Errorf("somebody else: %v", err)
			}
			c.agrees("after the refusals")
		})
	}
}

// TestMayAsksForAnything: a customer is told early only where nothing at all of a choice is left to them.
func TestMayAsksForAnything(t *testing.T) {
	c := open(t, func(cfg *desk.Config) { cfg.Departments[0].Rules.OneOpen = new(true) })
	token := c.tokenOf(samsPhone)
	b := c.get(c.mustConfirm(c.wishOf(samsPhone, baker, at(1, 10, 0))).Booking)
	before := c.dump()
	for _, choice := range []desk.Choice{{}, {Department: "skin"}, {Resource: "baker"}, {Service: "scan"}} {
		if err := c.May(t.Context(), token, choice); err != nil {
			t.Errorf("%+v: %v", choice, err)
		}
	}
	c.refused(c.May(t.Context(), token, desk.Choice{Department: "heart"}), b, before)
	c.refused(c.May(t.Context(), token, anyDoctor), b, before)
	if err := c.May(t.Context(), "made-by-another-tool", anyDoctor); err != nil {
		t.Errorf("nobody knows whose token it is: %v", err)
	}
}

// TestOpenBookingEnds: what was cancelled, is over or was removed does not count any more; what was moved does.
func TestOpenBookingEnds(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(c *clinic, b *booking.Booking)
		free bool
	}{
		{"cancelled", func(c *clinic, b *booking.Booking) { c.must(c.cancel(b.ID)) }, true},
		{"going on", func(c *clinic, b *booking.Booking) { c.now = b.EndTime().Add(-time.Second) }, false},
		{"over", func(c *clinic, b *booking.Booking) { c.now = b.EndTime() }, true},
		{"moved", func(c *clinic, b *booking.Booking) { c.must(c.move(b.ID, at(3, 10, 0), "")) }, false},
		{"moved, and past where it was", func(c *clinic, b *booking.Booking) {
			c.must(c.move(b.ID, at(3, 10, 0), ""))
			c.now = b.EndTime()
		}, false},
		{"moved to another doctor", func(c *clinic, b *booking.Booking) { c.must(c.move(b.ID, b.Start, "baker")) }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := open(t, oneOpen)
			b := c.get(c.mustConfirm(c.wishOf(samsPhone, adams, at(1, 10, 0))).Booking)
			tt.do(c, b)
			for _, cal := range c.calendars() {
				c.read(cal)
			}
			second := c.wishOf(samsPhone, adams, at(4, 10, 0))
			if !tt.free {
				c.refused(c.confirms(second), b, nil)
				return
			}
			c.mustConfirm(second)
			c.agrees("after the second")
			if list := c.lists(); len(list) != 1 || strings.Contains(list[0], b.ID) {
				t.Errorf("listed: %q", list)
			}
		})
	}
}

// lists returns what is listed for customers.
func (c *clinic) lists() []string {
	var out []string
	for key, value := range c.dump() {
		if strings.HasPrefix(key, "open/") {
			out = append(out, value)
		}
	}
	slices.Sort(out)
	return out
}

// TestOneCustomerAtOnce: several messages to one number, confirmed at the same moment, make one booking.
func TestOneCustomerAtOnce(t *testing.T) {
	c := open(t, oneOpen)
	var wishes []desk.Confirm
	for i := range 12 {
		choice := []desk.Choice{adams, baker, anyDoctor}[i%3]
		wishes = append(wishes, c.wishOf(samsPhone, choice, at(1+i/6, 9+i%3, 0)))
	}
	_, errs := c.race(wishes)
	booked := 0
	for _, err := range errs {
		var refused *desk.CustomerError
		var lost *desk.LostError
		if err == nil {
			booked++
		} else if !errors.As(err, &refused) && !errors.As(err, &lost) {
			t.Error(err)
		}
	}
	if n := len(c.bookings()); booked != 1 || n != 1 {
		t.Errorf("%d booked, %d bookings", booked, n)
	}
	c.agrees("after the race")
}

// TestOneCustomerOvertaken: the other booking is made while the transaction of this one runs, as on an optimistic engine.
func TestOneCustomerOvertaken(t *testing.T) {
	c := open(t, oneOpen)
	mine, rival := c.wishOf(samsPhone, adams, at(1, 10, 0)), c.wishOf(samsPhone, baker, at(2, 10, 0))
	c.db.fail(func(n int64) outcome {
		if n != 1 {
			return outcome{}
		}
		return outcome{race: func() { c.mustConfirm(rival) }}
	})
	err := c.confirms(mine)
	c.refused(err, c.bookings()[0], nil)
}

// TestRepeatOfTheOnlyBooking: the confirm that made it gets its answer, however often it is sent and whatever became of the
// commit.
func TestRepeatOfTheOnlyBooking(t *testing.T) {
	onDisk := outcome{err: kv.ErrUncertain}
	for name, plan := range map[string]func(int64) outcome{
		"answered": nil,
		"uncertain, on disk": func(n int64) outcome {
			if n == 1 {
				return onDisk
			}
			return outcome{}
		},
		"uncertain, lost": func(n int64) outcome {
			if n == 1 {
				return outcome{err: kv.ErrUncertain, lost: true}
			}
			return outcome{}
		},
		"nobody knows": func(int64) outcome { return onDisk },
	} {
		t.Run(name, func(t *testing.T) {
			for _, choice := range []desk.Choice{adams, anyDoctor} {
				c := open(t, oneOpen)
				w := c.wishOf(samsPhone, choice, at(1, 10, 0))
				c.db.fail(plan)
				first, err := c.Confirm(t.Context(), w)
				if err != nil && !errors.Is(err, desk.ErrUncertain) {
					t.Fatal(err)
				}
				c.db.fail(nil)
				again := c.mustConfirm(w)
				if !again.Repeated || err == nil && string(again.Answer) != string(first.Answer) || len(c.bookings()) != 1 {
					t.Errorf("%+v after %+v, %d bookings", again, first, len(c.bookings()))
				}
				c.refused(c.confirms(c.wishOf(samsPhone, choice, at(2, 10, 0))), c.bookings()[0], nil)
			}
		})
	}
}

// TestMayTellsOnlyWhatIsOnDisk: of a booking whose commit nobody knows the outcome of, nobody is told.
func TestMayTellsOnlyWhatIsOnDisk(t *testing.T) {
	c := open(t, oneOpen)
	c.mustConfirm(c.wishOf(samsPhone, adams, at(1, 10, 0)))
	token := c.tokenOf(samsPhone)
	c.db.fail(func(int64) outcome { return outcome{err: kv.ErrUncertain} })
	var refused *desk.CustomerError
	if err := c.May(t.Context(), token, desk.Choice{}); errors.As(err, &refused) || !errors.Is(err, desk.ErrUncertain) {
		t.Errorf("%v", err)
	}
}

// TestTypedNumbers: a number that anybody can type neither locks the customer who is known by it nor tells of their
// appointment, and counts by its digits.
func TestTypedNumbers(t *testing.T) {
	c := open(t, oneOpen, func(cfg *desk.Config) { cfg.AcceptForeignTokens = true })
	c.mustConfirm(c.typing(samsPhone, adams, at(1, 10, 0)))
	known := c.wishOf(samsPhone, adams, at(1, 11, 0))
	if err := c.May(t.Context(), known.Token, desk.Choice{}); err != nil {
		t.Errorf("somebody typed the number of a customer: %v", err)
	}
	c.mustConfirm(known)
	for _, spelt := range []string{samsPhone, "+49 170 0000002", "0049 (170) 000-0002"} {
		c.refused(c.confirms(c.typing(spelt, adams, at(2, 10, 0))), nil, nil)
	}
	for i, nobody := range []string{"", "", "none", "none", "491700000009"} {
		c.mustConfirm(c.typing(nobody, adams, at(2, 13, 30*i)))
	}
	// What the token knows counts, whatever is typed.
	w := c.wishOf(clarasPhone, adams, at(3, 10, 0))
	w.Person.Phone = samsPhone
	c.mustConfirm(w)
	c.agrees("in the end")
	for _, text := range c.lists() {
		if strings.Contains(text, "4917") {
			t.Errorf("a list shows a number: %s", text)
		}
	}
}

// TestNumbersCompareByDigits: also those that tokens know.
func TestNumbersCompareByDigits(t *testing.T) {
	c := open(t, oneOpen)
	b := c.get(c.mustConfirm(c.wishOf("+49 170 0000002", adams, at(1, 10, 0))).Booking)
	c.refused(c.confirms(c.wishOf(samsPhone, adams, at(2, 10, 0))), b, nil)
	for range 2 { // of these nobody knows who they are
		c.mustConfirm(c.wishOf("", adams, at(3, 9+len(c.bookings()), 0)))
	}
}

// TestBlocked: neither a known nor a typed number can book or hold; a repeat still gets its answer.
func TestBlocked(t *testing.T) {
	var list map[string]bool
	c := open(t, holding, func(cfg *desk.Config) {
		cfg.AcceptForeignTokens = true
		cfg.Blocked = func(digits string) bool { return list[digits] }
	})
	done := c.wishOf(samsPhone, adams, at(1, 9, 0))
	first := c.mustConfirm(done)
	list = map[string]bool{samsPhone: true}
	if again := c.mustConfirm(done); !again.Repeated || string(again.Answer) != string(first.Answer) {
		t.Errorf("the repeat got %+v", again)
	}
	wants := func(err error) {
		t.Helper()
		var refused *desk.CustomerError
		if !errors.As(err, &refused) || refused.Why != desk.Blocked || refused.Booking != nil {
			t.Errorf("%v", err)
		} else if strings.Contains(fmt.Sprintf("%v %+v", err, refused), samsPhone) {
			t.Errorf("the error shows the number: %v", err)
		}
	}
	w := c.wishOf("+49 170 0000002", anyDoctor, at(1, 10, 0))
	typed := c.typing("0049 170-0000002", adams, at(1, 10, 0))
	before := c.dump()
	wants(c.May(t.Context(), w.Token, desk.Choice{}))
	wants(c.Hold(t.Context(), w.Token, anyDoctor, w.Start))
	wants(c.confirms(w))
	wants(c.confirms(typed))
	if !maps.Equal(before, c.dump()) {
		t.Error("something was written")
	}
	c.mustConfirm(c.wishOf(clarasPhone, adams, at(1, 10, 0)))
	c.mustConfirm(c.typing("", adams, at(1, 11, 0)))
	if len(c.lists()) != 0 {
		t.Error("customers are listed though no rule counts their bookings")
	}
}

// TestRefusedCustomersWaitForNobody: no provider is asked about a time that its customer cannot have.
func TestRefusedCustomersWaitForNobody(t *testing.T) {
	c, providers := verifying(t, oneOpen)
	c.mustConfirm(c.wishOf(samsPhone, adams, at(1, 10, 0)))
	c.age("g/adams")
	c.refused(c.confirms(c.wishOf(samsPhone, adams, at(2, 10, 0))), c.bookings()[0], nil)
	if asked := providers.take(); len(asked) > 0 {
		t.Errorf("asked: %v", asked)
	}
}

// TestCountingCostsNothingWithoutARule: a confirm reads and writes what it did before.
func TestCountingCostsNothingWithoutARule(t *testing.T) {
	c := open(t)
	var read []string
	c.db.lie = func(key string) []byte {
		read = append(read, key)
		return nil
	}
	c.mustConfirm(c.wishOf(samsPhone, adams, at(1, 10, 0)))
	c.mustConfirm(c.wishOf(samsPhone, adams, at(1, 11, 0)))
	for _, key := range read {
		if strings.HasPrefix(key, "open/") || strings.HasPrefix(key, "booking/") {
			t.Errorf("read %s", key)
		}
	}
	if len(c.lists()) != 0 {
		t.Error("something is listed")
	}
}

// TestRuleIsSwitchedOn: bookings made before count once they are listed, under the customer who made them, and that is done
// once.
func TestRuleIsSwitchedOn(t *testing.T) {
	c := open(t, func(cfg *desk.Config) { cfg.AcceptForeignTokens = true })
	sam := c.get(c.mustConfirm(c.wishOf(samsPhone, adams, at(1, 10, 0))).Booking)
	c.mustConfirm(c.typing(clarasPhone, adams, at(1, 11, 0)))
	c.mustConfirm(c.typing("", adams, at(1, 13, 0)))
	c.must(c.cancel(c.mustConfirm(c.wishOf("491700000004", adams, at(1, 9, 0))).Booking))
	for i := range 60 { // more than one step
		start := at([]int{1, 2, 3, 4, 7}[i/14], []int{9, 10, 11, 13, 14, 15, 16}[i%14/2], 30*(i%2))
		c.mustConfirm(c.wishOf(fmt.Sprint("4917100000", 10+i), baker, start))
	}
	lists := func() {
		t.Helper()
		if err := c.ListBookings(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	lists()
	if len(c.lists()) != 0 {
		t.Error("listed without a rule")
	}

	oneOpen(&c.cfg)
	c.reopen()
	for n := int64(0); ; n++ { // broken off anywhere
		c.db.fail(func(i int64) outcome {
			if i > n {
				return outcome{lost: true, err: kv.ErrFull}
			}
			return outcome{}
		})
		err := c.ListBookings(t.Context())
		c.db.fail(nil)
		c.agrees("broken off")
		if err == nil {
			break
		}
	}
	if n := len(c.lists()); n != 62 {
		t.Errorf("%d lists", n)
	}
	before := c.dump()
	c.db.fail(func(int64) outcome { return outcome{lost: true, err: kv.ErrFull} })
	lists() // which was done
	c.db.fail(nil)
	if !maps.Equal(before, c.dump()) {
		t.Error("listed once more")
	}
	w := c.wishOf(samsPhone, adams, at(3, 10, 0))
	c.refused(c.confirms(w), sam, nil)
	c.refused(c.confirms(c.typing(clarasPhone, adams, at(3, 10, 0))), nil, nil)
	c.mustConfirm(c.wishOf(clarasPhone, adams, at(3, 10, 0)))
	c.agrees("with the rule")
}

// TestRuleIsSwitchedOffAndOn: what was booked in between counts, too.
func TestRuleIsSwitchedOffAndOn(t *testing.T) {
	c := open(t, oneOpen)
	with := func(one bool) {
		t.Helper()
		c.cfg.Rules.OneOpen = &one
		c.reopen()
		if err := errors.Join(c.UnlistBookings(t.Context()), c.ListBookings(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	with(true)
	c.mustConfirm(c.wishOf(clarasPhone, adams, at(1, 10, 0)))
	with(false)
	b := c.get(c.mustConfirm(c.wishOf(samsPhone, adams, at(1, 11, 0))).Booking)
	c.agrees("switched off")
	with(true)
	c.agrees("switched on again")
	w := c.wishOf(samsPhone, adams, at(2, 10, 0))
	c.refused(c.confirms(w), b, nil)
}

// list lists bookings for a customer.
func (c *clinic) list(phone string, ids ...string) {
	c.t.Helper()
	err := c.store.Update(c.t.Context(), func(tx *store.Tx) error {
		tx.PutOpenBookings(c.store.OpenKey(phone, false), ids)
		return nil
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

// TestForgetListedCustomer: nothing is left that tells which bookings were of one customer.
func TestForgetListedCustomer(t *testing.T) {
	for _, byBooking := range []bool{false, true} {
		c := open(t, oneOpen, func(cfg *desk.Config) { cfg.AcceptForeignTokens = true })
		if err := c.ListBookings(t.Context()); err != nil {
			t.Fatal(err)
		}
		known := c.get(c.mustConfirm(c.wishOf(samsPhone, adams, at(1, 10, 0))).Booking)
		typed := c.get(c.mustConfirm(c.typing("+49 170 0000002", adams, at(1, 11, 0))).Booking)
		other := c.get(c.mustConfirm(c.wishOf(clarasPhone, adams, at(1, 9, 0))).Booking)
		if _, err := c.Forget(t.Context(), samsPhone); err == nil || len(c.lists()) != 3 {
			t.Errorf("while they are to come: %v", err)
		}
		c.must(c.cancel(known.ID))
		c.must(c.cancel(typed.ID))
		if !byBooking { // whatever else is listed
			c.list(samsPhone, known.ID, "of-long-ago")
		}
		forget := []func() error{func() error { _, err := c.Forget(t.Context(), samsPhone); return err }}
		if byBooking {
			forget = nil
			for _, id := range []string{known.ID, typed.ID} {
				forget = append(forget, func() error { _, err := c.ForgetBooking(t.Context(), id); return err })
			}
		}
		for _, f := range forget {
			if err := f(); err != nil {
				t.Fatal(err)
			}
		}
		if list := c.lists(); len(list) != 1 || !strings.Contains(list[0], other.ID) {
			t.Errorf("listed: %q", list)
		}
		c.agrees("forgotten")
		c.mustConfirm(c.wishOf(samsPhone, adams, at(2, 10, 0)))
	}
}

// TestAnyOfWhomOneMayNot: who may not see one doctor again gets another, if there is one; who loses that one is offered
// other times.
func TestAnyOfWhomOneMayNot(t *testing.T) {
	c := open(t, holding, func(cfg *desk.Config) { cfg.Resources[0].Rules.OneOpen = new(true) })
	b := c.get(c.mustConfirm(c.wishOf(samsPhone, adams, at(1, 10, 0))).Booking)
	w := c.wishOf(samsPhone, anyDoctor, at(2, 10, 0))
	rival := c.wishOf(clarasPhone, baker, w.Start)
	c.db.fail(func(n int64) outcome { // baker is free in the look before, and taken when his turn comes
		if n != 2 {
			return outcome{}
		}
		return outcome{race: func() { c.mustConfirm(rival) }}
	})
	var lost *desk.LostError
	if err := c.confirms(w); !errors.As(err, &lost) || lost.Reason != booking.Claimed {
		t.Errorf("%v", err)
	}
	c.db.fail(nil)
	before := c.dump()
	c.refused(c.Hold(t.Context(), w.Token, anyDoctor, w.Start), b, before)
	c.refused(c.confirms(w), b, before)
	c.mustHold(w.Token, anyDoctor, at(2, 11, 0))
	w.Start = at(2, 11, 0)
	if got := c.get(c.mustConfirm(w).Booking); got.Resource != "baker" {
		t.Errorf("booked at %s", got.Resource)
	}
}

// TestForgottenWhileBooking: who books again just when they are forgotten has that one booking, as any other customer.
func TestForgottenWhileBooking(t *testing.T) {
	c := open(t, oneOpen)
	if err := c.ListBookings(t.Context()); err != nil {
		t.Fatal(err)
	}
	var b *booking.Booking
	c.db.fail(func(n int64) outcome { // the first Update is that of what is kept under the number
		if n != 1 {
			return outcome{}
		}
		return outcome{race: func() { b = c.get(c.mustConfirm(c.wishOf(samsPhone, adams, at(1, 10, 0))).Booking) }}
	})
	_, err := c.Forget(t.Context(), samsPhone)
	c.db.fail(nil)
	if err != nil {
		t.Fatal(err)
	}
	c.agrees("after the booking")
	c.refused(c.confirms(c.wishOf(samsPhone, adams, at(2, 10, 0))), b, nil)
}
