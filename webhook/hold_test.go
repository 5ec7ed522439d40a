package webhook

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"slotd/internal/booking"
	"slotd/internal/desk"
	"slotd/internal/emulator/whatsapp"
	"slotd/store"
)

// claims returns the claims on a resource that take time now, as "hold HH:MM" or "booking HH:MM" in Berlin.
func (r *rig) claims(resource string) []string {
	r.t.Helper()
	var out []string
	check(r.t, r.store.View(context.Background(), func(tx *store.Reader) error {
		out = nil
		claims, err := tx.Claims(resource)
		for _, c := range claims {
			if !c.Takes(r.clock.now().Unix()) {
				continue
			}
			kind := "booking "
			if c.Hold != "" {
				kind = "hold "
			}
			out = append(out, kind+c.StartTime().In(berlin).Format("15:04"))
		}
		return err
	}))
	return out
}

func (r *rig) wantClaims(when string, want ...string) {
	r.t.Helper()
	if got := r.claims("adams"); !slices.Equal(got, want) {
		r.t.Errorf("%s the claims are %q, want %q", when, got, want)
	}
}

// offered reports whether the screen of a phone lists a time of tuesday.
func offered(t *testing.T, p *whatsapp.Phone, at string) bool {
	t.Helper()
	return slices.Contains(slotIDs(p, "slot"), slot(t, tuesday, at))
}

// choose picks a time of the list and goes on.
func choose(t *testing.T, p *whatsapp.Phone, at string) {
	t.Helper()
	noComplaint(t, p.Set(context.Background(), "slot", slot(t, tuesday, at)))
	noComplaint(t, p.Tap(context.Background()))
}

func TestChoosingHoldsTheSlot(t *testing.T) {
	r := newRig(t, single())
	ctx := context.Background()
	token := r.token()
	p, late, other := r.phoneWith(token), r.phone(), r.phone()
	toTimes(t, p, tuesday)
	toTimes(t, late, tuesday) // shows the slot until it is refreshed
	r.wantClaims("while looking")
	choose(t, p, "10:00")
	r.wantClaims("after choosing", "hold 10:00")

	toTimes(t, other, tuesday)
	if offered(t, other, "10:00") || !offered(t, other, "09:30") || !offered(t, other, "10:30") {
		t.Errorf("another customer is offered %v", slotIDs(other, "slot"))
	}
	choose(t, late, "10:00")
	if late.Screen() != "TIME" || !strings.Contains(late.Snackbar(), "just been taken") || offered(t, late, "10:00") {
		t.Errorf("on %s with %q and %v", late.Screen(), late.Snackbar(), slotIDs(late, "slot"))
	}
	if text := strings.Join(late.Texts(), "\n"); strings.Contains(text, "10:00") || !strings.Contains(text, "Tue 24 Nov") {
		t.Errorf("the times are headed %q", text)
	}
	r.wantClaims("after a vain choice", "hold 10:00")

	// The customer's own phone, and another that opened the same message.
	noComplaint(t, p.Back(ctx))
	r.wantClaims("after going back", "hold 10:00")
	second := r.phoneWith(token)
	toTimes(t, second, tuesday)
	if !offered(t, second, "10:00") {
		t.Errorf("who holds the slot is not offered it: %v", slotIDs(second, "slot"))
	}
	r.wantClaims("after opening again", "hold 10:00")
	choose(t, second, "11:00")
	r.wantClaims("after another choice", "hold 11:00")
	noComplaint(t, other.Open(ctx))
	toTimes(t, other, tuesday)
	if !offered(t, other, "10:00") || offered(t, other, "11:00") {
		t.Errorf("after another choice others are offered %v", slotIDs(other, "slot"))
	}
	noComplaint(t, second.Set(ctx, "name", "Sam Example"))
	noComplaint(t, second.Tap(ctx))
	noComplaint(t, second.Tap(ctx))
	if _, ok := second.Done(); !ok {
		t.Fatalf("not booked: %q", second.Snackbar())
	}
	r.wantClaims("after the confirm", "booking 11:00")
}

// A choice that cannot be had leaves the customer what was held before.
func TestVainChoiceKeepsTheHold(t *testing.T) {
	r := newRig(t, single())
	p := r.phone()
	toTimes(t, p, tuesday)
	choose(t, p, "10:00")
	noComplaint(t, p.Back(context.Background()))
	r.mirror("acct/adams", hours(t, tuesday, "11:00", "11:30"))
	choose(t, p, "11:00")
	if p.Screen() != "TIME" || p.Snackbar() == "" {
		t.Fatalf("on %s with %q", p.Screen(), p.Snackbar())
	}
	r.wantClaims("after a vain choice", "hold 10:00")
}

func TestHoldEnds(t *testing.T) {
	r := newRig(t, single())
	ctx := context.Background()
	p, other := r.phone(), r.phone()
	toConfirm(t, p, "10:00")
	r.wait(holdFor - time.Second)
	toTimes(t, other, tuesday)
	if offered(t, other, "10:00") {
		t.Error("the slot is offered to others before its hold ends")
	}
	r.wait(time.Second)
	r.wantClaims("after the hold")
	toTimes(t, other, tuesday)
	if !offered(t, other, "10:00") {
		t.Error("the slot is not offered again")
	}
	noComplaint(t, p.Tap(ctx)) // nobody wanted it meanwhile
	if _, ok := p.Done(); !ok {
		t.Errorf("not booked after the hold: %q", p.Snackbar())
	}
	r.wantClaims("after the confirm", "booking 10:00")
}

func TestHoldSurvivesARestart(t *testing.T) {
	r := newRig(t, single())
	token := r.token()
	p := r.phoneWith(token)
	toTimes(t, p, tuesday)
	choose(t, p, "10:00")
	r.reopen()
	r.wantClaims("after the restart", "hold 10:00")
	other := r.phone()
	toTimes(t, other, tuesday)
	if offered(t, other, "10:00") {
		t.Error("the held slot is offered to others")
	}
	r.books(r.phoneWith(token), whatsapp.Plan{Date: tuesday, Slot: "10:00", Strict: true, Name: "Sam Example"})
}

// The details take their time: going on holds the slot anew, but nobody keeps it from others for ever.
func TestHoldIsRenewedForAWhile(t *testing.T) {
	r := newRig(t, single())
	ctx := context.Background()
	p := r.phone()
	toTimes(t, p, tuesday)
	choose(t, p, "10:00")
	noComplaint(t, p.Set(ctx, "name", "Sam Example"))
	r.wait(holdFor - time.Minute)
	noComplaint(t, p.Tap(ctx))
	r.wait(holdFor - time.Minute)
	r.wantClaims("after the details", "hold 10:00")
	for range 10 {
		noComplaint(t, p.Back(ctx))
		noComplaint(t, p.Tap(ctx))
		r.wait(holdFor - time.Minute)
	}
	r.wantClaims("after playing around")
	if p.Screen() != "CONFIRM" {
		t.Errorf("on %s with %q", p.Screen(), p.Snackbar())
	}
}

// Who has several messages cannot hold a whole day, but can still choose and book.
func TestHoldsOfOneCustomer(t *testing.T) {
	r := newRig(t, single())
	ctx := context.Background()
	var last *whatsapp.Phone
	for _, at := range []string{"09:00", "09:30", "10:00"} {
		token, err := r.desk.NewToken(ctx, desk.Invitation{Phone: "4930555", Name: "Sam Example"})
		check(t, err)
		last = r.phoneWith(token)
		toTimes(t, last, tuesday)
		choose(t, last, at)
		if last.Screen() != "DETAILS" {
			t.Fatalf("on %s with %q", last.Screen(), last.Snackbar())
		}
	}
	r.wantClaims("of one customer", "hold 09:00", "hold 09:30")
	noComplaint(t, last.Tap(ctx))
	noComplaint(t, last.Tap(ctx))
	if _, ok := last.Done(); !ok {
		t.Errorf("not booked without a hold: %q", last.Snackbar())
	}
	r.wantClaims("in the end", "hold 09:00", "hold 09:30", "booking 10:00")
}

// Of a Flow with one screen choosing and booking are one.
func TestSingleScreenHoldsNothing(t *testing.T) {
	c := single()
	c.flowJSON = testdata(t, "seed.json")
	r := newRig(t, c)
	ctx := context.Background()
	p := r.phone()
	noComplaint(t, p.Open(ctx))
	noComplaint(t, p.Set(ctx, "date", tuesday))
	noComplaint(t, p.Set(ctx, "slot", slot(t, tuesday, "10:00")))
	r.wantClaims("before the confirm")
	noComplaint(t, p.Tap(ctx))
	r.wantClaims("after the confirm", "booking 10:00")
}

// Meta's template tells of the slot only when its second screen is left, and its last one confirms it.
func TestAppointmentTemplateHolds(t *testing.T) {
	c := single()
	c.flowJSON = testdata(t, "appointment.json")
	r := newRig(t, c)
	ctx := context.Background()
	fill := func(p *whatsapp.Phone, at string) {
		t.Helper()
		noComplaint(t, p.Open(ctx))
		noComplaint(t, p.Set(ctx, "department", "general"))
		noComplaint(t, p.Set(ctx, "location", "adams"))
		noComplaint(t, p.Set(ctx, "date", tuesday))
		noComplaint(t, p.Set(ctx, "time", slot(t, tuesday, at)))
		noComplaint(t, p.Tap(ctx))
		noComplaint(t, p.Set(ctx, "name", "Sam Example"))
		noComplaint(t, p.Set(ctx, "email", "sam@example.com"))
		noComplaint(t, p.Set(ctx, "phone", "4930555"))
	}
	p, late := r.phone(), r.phone()
	fill(p, "10:00")
	r.wantClaims("before the details are sent")
	fill(late, "10:00")
	noComplaint(t, p.Tap(ctx))
	r.wantClaims("on the summary", "hold 10:00")
	noComplaint(t, late.Tap(ctx))
	if late.Screen() != "DETAILS" || !strings.Contains(late.Snackbar(), "just been taken") {
		t.Errorf("the late one is on %s with %q", late.Screen(), late.Snackbar())
	}
	noComplaint(t, p.Set(ctx, "terms", true))
	noComplaint(t, p.Tap(ctx))
	if _, ok := p.Done(); !ok {
		t.Fatalf("not booked: %q", p.Snackbar())
	}
	r.wantClaims("after the confirm", "booking 10:00")
}

// A business that wants no holds has none.
func TestNoHolds(t *testing.T) {
	c := single()
	c.noHolds = true
	r := newRig(t, c)
	p := r.phone()
	before := r.keys()
	toConfirm(t, p, "10:00")
	unchanged(t, before, r.keys())
}

// A hold is the token's own: a confirm by another does not get the time, and learns what is free.
func TestConfirmOfWhatAnotherHolds(t *testing.T) {
	r := newRig(t, single())
	holder, other := r.phone(), r.token()
	toConfirm(t, holder, "10:00")
	before := r.keys()
	got := r.exchange(other, "CONFIRM", object{"department": "general", "service": "checkup", "resource": "adams",
		"date": tuesday, "slot": slot(t, tuesday, "10:00"), "name": "Sam Example"})
	if got.Screen != "CONFIRM" || got.message() != lostText(booking.Claimed) {
		t.Errorf("on %s with %q", got.Screen, got.message())
	}
	if ids := got.ids("slots"); slices.Contains(ids, slot(t, tuesday, "10:00")) || len(ids) == 0 {
		t.Errorf("other times: %v", ids)
	}
	unchanged(t, before, r.keys())
}

// A doctor and a room: the customer is told of the doctor, and a second doctor would be named as well.
func TestSummaryNamesTheChosenResource(t *testing.T) {
	c := single()
	c.services[0].Needs = [][]string{{"room"}, {"brown"}}
	c.services = append(c.services, service("ecg", "ECG", time.Hour))
	c.resources = append(c.resources, doctor("brown", "Dr. Brown", []string{"ecg"}, "general"), doctor("room", "Room 2", nil))
	r := newRig(t, c)
	result := r.books(r.phone(), whatsapp.Plan{Service: "checkup", Resource: "adams", Date: tuesday, Slot: "10:00",
		Strict: true, Name: "Sam Example"})
	if result.Params["resource"] != "adams" ||
		result.Params["summary"] != "Check-up · Dr. Adams · Dr. Brown · Tue 24 Nov · 10:00" {
		t.Errorf("the chat gets %v", result.Params)
	}
	if n := len(r.bookings()[0].Placements); n != 3 {
		t.Errorf("%d placements", n)
	}
}
