package webhook

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"slotd/internal/desk"
	"slotd/internal/emulator/whatsapp"
	"slotd/store/kv"
)

// toConfirm brings a phone to the last screen of the built-in Flow with a slot of tuesday.
func toConfirm(t *testing.T, p *whatsapp.Phone, at string) {
	t.Helper()
	ctx := context.Background()
	toTimes(t, p, tuesday)
	noComplaint(t, p.Set(ctx, "slot", slot(t, tuesday, at)))
	noComplaint(t, p.Tap(ctx))
	noComplaint(t, p.Set(ctx, "name", "Sam Example"))
	noComplaint(t, p.Tap(ctx))
	if p.Screen() != "CONFIRM" {
		t.Fatalf("on %s with %q", p.Screen(), p.Snackbar())
	}
}

func TestLoserIsOfferedOtherTimes(t *testing.T) {
	r := newRig(t, single())
	ctx := context.Background()
	winner, loser := r.phone(), r.phone()
	toConfirm(t, loser, "10:00")
	r.wait(holdFor)
	toConfirm(t, winner, "10:00")
	noComplaint(t, winner.Tap(ctx))
	if _, ok := winner.Done(); !ok {
		t.Fatalf("the first did not get the slot: %q", winner.Snackbar())
	}
	noComplaint(t, loser.Tap(ctx))
	if loser.Screen() != "CONFIRM" || !strings.Contains(loser.Snackbar(), "taken") || loser.Data()["has_slots"] != true {
		t.Fatalf("the loser is on %s with %q", loser.Screen(), loser.Snackbar())
	}
	if text := strings.Join(loser.Texts(), "\n"); strings.Contains(text, "10:00") || !strings.Contains(text, "Dr. Adams") {
		t.Errorf("the screen still names the lost time, or not what for: %q", text)
	}
	options := loser.Options("alternative")
	if len(options) < 2 || len(options) > 10 {
		t.Fatalf("%d other times", len(options))
	}
	for _, o := range options {
		if len([]rune(o.Title)) > 30 || !strings.Contains(o.Title, " Nov · ") {
			t.Errorf("title %q", o.Title)
		}
		if o.ID == slot(t, tuesday, "10:00") {
			t.Error("the lost slot is offered again")
		}
	}
	if !slices.ContainsFunc(options, func(o whatsapp.Option) bool { return o.ID == slot(t, tuesday, "09:30") }) {
		t.Errorf("the time just before is not among %v", options)
	}
	noComplaint(t, loser.Set(ctx, "alternative", slot(t, tuesday, "10:30")))
	noComplaint(t, loser.Tap(ctx))
	params, ok := loser.Done()
	if !ok || params["start"] != "2026-11-24T10:30:00+01:00" {
		t.Errorf("the loser got %v %q", params, loser.Snackbar())
	}
	if p := r.person(r.bookings()[1].ID); p.Name != "Sam Example" {
		t.Errorf("booked for %+v", p)
	}
}

// What cannot be booked now is the time that the screen names and that its button sends: the alternative, not what was lost
// before it.
func TestAlternativeMeetsTrouble(t *testing.T) {
	r := newRig(t, single())
	ctx := context.Background()
	p := r.phone()
	toConfirm(t, p, "10:00")
	r.mirror("acct/adams", hours(t, tuesday, "10:00", "10:30"))
	noComplaint(t, p.Tap(ctx))
	noComplaint(t, p.Set(ctx, "alternative", slot(t, "2026-11-23", "11:30")))
	r.db.set(nil, func(func() error) (error, bool) { return kv.ErrFull, true })
	noComplaint(t, p.Tap(ctx))
	if text := strings.Join(p.Texts(), "\n"); p.Snackbar() != textTrouble || !strings.Contains(text, "Mon 23 Nov · 11:30") {
		t.Fatalf("%q on a screen that says %q", p.Snackbar(), text)
	}
	r.db.set(nil, nil)
	r.mirror("acct/adams") // what was lost at first is free again
	noComplaint(t, p.Tap(ctx))
	if params, ok := p.Done(); !ok || params["start"] != "2026-11-23T11:30:00+01:00" {
		t.Errorf("booked %v %q", params, p.Snackbar())
	}
}

// The same when the screen was open for too long.
func TestAlternativeOnAScreenThatIsTooOld(t *testing.T) {
	r := newRig(t, single())
	ctx := context.Background()
	p := r.phone()
	toConfirm(t, p, "10:00")
	r.mirror("acct/adams", hours(t, tuesday, "10:00", "10:30"))
	noComplaint(t, p.Tap(ctx))
	noComplaint(t, p.Set(ctx, "alternative", slot(t, tuesday, "10:30")))
	r.wait(21 * time.Minute)
	r.mirror("acct/adams")
	noComplaint(t, p.Tap(ctx))
	if text := strings.Join(p.Texts(), "\n"); p.Snackbar() != textTooOld || !strings.Contains(text, "Tue 24 Nov · 10:30") {
		t.Fatalf("%q on a screen that says %q", p.Snackbar(), text)
	}
	noComplaint(t, p.Tap(ctx))
	if params, ok := p.Done(); !ok || params["start"] != "2026-11-24T10:30:00+01:00" {
		t.Errorf("booked %v %q", params, p.Snackbar())
	}
}

// An alternative can be lost too, and may lie on another day.
func TestAlternativeIsLost(t *testing.T) {
	r := newRig(t, single())
	ctx := context.Background()
	p := r.phone()
	toConfirm(t, p, "10:00")
	r.mirror("acct/adams", hours(t, tuesday, "09:00", "12:00"))
	noComplaint(t, p.Tap(ctx))
	next := p.Options("alternative")[0].ID
	start, err := desk.Start(next)
	check(t, err)
	noComplaint(t, p.Set(ctx, "alternative", next))
	busy := hours(t, tuesday, "09:00", "12:00")
	taken := busy
	taken.Start, taken.End = start, start+60
	r.mirror("acct/adams", busy, taken)
	noComplaint(t, p.Tap(ctx))
	if p.Screen() != "CONFIRM" || p.Snackbar() == "" || slices.Contains(slotIDs(p, "alternative"), next) {
		t.Fatalf("on %s with %q", p.Screen(), p.Snackbar())
	}
	noComplaint(t, p.Set(ctx, "alternative", p.Options("alternative")[0].ID))
	noComplaint(t, p.Tap(ctx))
	if _, ok := p.Done(); !ok {
		t.Errorf("not booked: %q", p.Snackbar())
	}
}

func TestNoAlternativeIsLeft(t *testing.T) {
	r := newRig(t, single())
	ctx := context.Background()
	p := r.phone()
	toConfirm(t, p, "10:00")
	all := hours(t, "2026-11-20", "00:00", "23:00")
	all.End += 60 * 24 * 3600
	r.mirror("acct/adams", all)
	before := r.keys()
	noComplaint(t, p.Tap(ctx))
	if p.Screen() != "CONFIRM" || p.Data()["has_slots"] != false || !strings.Contains(p.Snackbar(), testPhone) ||
		strings.Contains(p.Snackbar(), "choose another") {
		t.Errorf("on %s with %q", p.Screen(), p.Snackbar())
	}
	unchanged(t, before, r.keys())
	r.mirror("acct/adams")
	noComplaint(t, p.Tap(ctx)) // it was freed again
	if _, ok := p.Done(); !ok {
		t.Errorf("not booked: %q", p.Snackbar())
	}
}

// Many phones want one slot at the same moment: one gets it, and nobody sees an error.
func TestManyWantOneSlot(t *testing.T) {
	r := newRig(t, single())
	const phones = 8
	var group sync.WaitGroup
	results := make([]whatsapp.Result, phones)
	errs := make([]error, phones)
	for i := range phones {
		p := r.phone()
		group.Go(func() {
			results[i], errs[i] = whatsapp.Walk(context.Background(), p,
				whatsapp.Plan{Date: tuesday, Slot: "10:00", Name: "Sam Example", TakeAlternative: true, Today: r.clock.now()})
		})
	}
	group.Wait()
	starts := map[any]bool{}
	for i, result := range results {
		noComplaint(t, errs[i])
		if result.Outcome == whatsapp.Success {
			if starts[result.Params["start"]] {
				t.Errorf("%v was sold twice", result.Params["start"])
			}
			starts[result.Params["start"]] = true
		}
	}
	if len(starts) != len(r.bookings()) || !starts["2026-11-24T10:00:00+01:00"] {
		t.Errorf("%d customers have a time, %d bookings", len(starts), len(r.bookings()))
	}
}

// One token on two devices books once.
func TestOneTokenOnTwoDevices(t *testing.T) {
	r := newRig(t, single())
	token := r.token()
	first, second := r.phoneWith(token), r.phoneWith(token)
	ctx := context.Background()
	toConfirm(t, first, "10:00")
	toConfirm(t, second, "11:00")
	noComplaint(t, first.Tap(ctx))
	err := second.Tap(ctx)
	if text, closed := second.Closed(); !closed || !strings.Contains(text, "10:00") {
		t.Errorf("the second device: %v %q", err, text)
	}
	if n := len(r.bookings()); n != 1 {
		t.Errorf("%d bookings", n)
	}
}

func TestScreenThatWasOpenTooLong(t *testing.T) {
	r := newRig(t, single())
	ctx := context.Background()
	p := r.phone()
	toTimes(t, p, tuesday)
	noComplaint(t, p.Set(ctx, "slot", slot(t, tuesday, "10:00")))
	r.wait(21 * time.Minute)
	r.mirror("acct/adams", hours(t, tuesday, "09:00", "10:00"))
	noComplaint(t, p.Tap(ctx))
	if p.Screen() != "TIME" || p.Snackbar() != textTooOld {
		t.Fatalf("on %s with %q", p.Screen(), p.Snackbar())
	}
	if got := slotIDs(p, "slot"); got[0] != slot(t, tuesday, "10:00") {
		t.Errorf("the list is not fresh: %v", got)
	}
	noComplaint(t, p.Tap(ctx))
	noComplaint(t, p.Set(ctx, "name", "Sam Example"))
	noComplaint(t, p.Tap(ctx))
	r.wait(21 * time.Minute)
	noComplaint(t, p.Tap(ctx))
	if p.Screen() != "CONFIRM" || p.Snackbar() != textTooOld {
		t.Fatalf("on %s with %q", p.Screen(), p.Snackbar())
	}
	noComplaint(t, p.Tap(ctx))
	if _, ok := p.Done(); !ok {
		t.Errorf("not booked: %q", p.Snackbar())
	}
}

// The single screen keeps the day that was chosen when it is refreshed for its age.
func TestSeedScreenThatWasOpenTooLong(t *testing.T) {
	for name, data := range seeds(t) {
		t.Run(name, func(t *testing.T) {
			c := single()
			c.flowJSON = data
			r := newRig(t, c)
			ctx := context.Background()
			p := r.phone()
			noComplaint(t, p.Open(ctx))
			noComplaint(t, p.Set(ctx, "date", tuesday))
			noComplaint(t, p.Set(ctx, "slot", slot(t, tuesday, "10:00")))
			r.wait(21 * time.Minute)
			noComplaint(t, p.Tap(ctx))
			if p.Snackbar() != textTooOld || !slices.Contains(slotIDs(p, "slot"), slot(t, tuesday, "10:00")) {
				t.Fatalf("%q with %v", p.Snackbar(), slotIDs(p, "slot"))
			}
			noComplaint(t, p.Tap(ctx))
			if _, ok := p.Done(); !ok {
				t.Errorf("not booked: %q", p.Snackbar())
			}
		})
	}
}

// Opened again, a message starts anew, however old its last screen is.
func TestReopenedMessageIsNotTooOld(t *testing.T) {
	r := newRig(t, single())
	p := r.phone()
	toTimes(t, p, tuesday)
	r.wait(3 * time.Hour)
	r.books(p, whatsapp.Plan{Date: tuesday, Slot: "10:00", Strict: true, Name: "Sam Example"})
}
