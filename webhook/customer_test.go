package webhook

import (
	"context"
	"strings"
	"testing"

	"slotd/internal/booking"
	"slotd/internal/desk"
	"slotd/internal/emulator/whatsapp"
	"slotd/store/kv"
)

const (
	samsPhone   = "4930555"
	textNotHere = "Sorry, we can't take this booking here. Please call " + testPhone + "."
)

// oneEach is a clinic at which a customer can have one booking to come of each service.
func oneEach() clinic {
	c := twoDepartments()
	for i := range c.services {
		c.services[i].Rules.OneOpen = new(true)
	}
	return c
}

// tokenOf makes a token for a customer.
func (r *rig) tokenOf(phone string) string {
	r.t.Helper()
	token, err := r.desk.NewToken(context.Background(), desk.Invitation{Phone: phone, Name: "Sam Example"})
	check(r.t, err)
	return token
}

// outcomes returns what became of the requests since the last call.
func (r *rig) outcomes() []string {
	var out []string
	for _, o := range r.seen.take() {
		out = append(out, string(o.Outcome))
	}
	return out
}

// hasBooking has a customer book a check-up on tuesday at ten.
func (r *rig) hasBooking() *booking.Booking {
	r.t.Helper()
	r.books(r.phoneWith(r.tokenOf(samsPhone)), whatsapp.Plan{
		Department: "cardio", Service: "checkup", Resource: "adams", Date: tuesday, Slot: "10:00", Strict: true,
	})
	return r.bookings()[0]
}

// A customer with an appointment is told when they open the Flow that it is the only one they can have, and may look at the
// screen all the same.
func TestCustomerWithABookingOpensTheFlow(t *testing.T) {
	c := oneEach()
	c.services = c.services[:1]
	r := newRig(t, c)
	ctx := context.Background()
	b := r.hasBooking()
	r.seen.take()
	token := r.tokenOf(samsPhone)
	before := r.keys()
	p := r.phoneWith(token)
	noComplaint(t, p.Open(ctx))
	want := "You already have an appointment: Tue 24 Nov · 10:00 (" + b.Reference + "). Please call " + testPhone + " to change it."
	if p.Screen() != "DEPARTMENT" || p.Snackbar() != want {
		t.Fatalf("on %s with %q", p.Screen(), p.Snackbar())
	}
	noComplaint(t, p.Set(ctx, "department", "cardio"))
	noComplaint(t, p.Tap(ctx))
	if p.Screen() != "DEPARTMENT" || p.Snackbar() != want {
		t.Errorf("going on: on %s with %q", p.Screen(), p.Snackbar())
	}
	if got := strings.Join(r.outcomes(), " "); got != "customer_has_booking customer_has_booking" {
		t.Errorf("outcomes %s", got)
	}
	unchanged(t, before, r.keys())

	_, err := r.desk.Cancel(ctx, desk.Cancel{Act: booking.Act{By: booking.ByOperator}, Booking: b.ID})
	check(t, err)
	r.books(p, whatsapp.Plan{Department: "cardio"}) // by the same token: it was never spent
}

// What the customer may still book is reached as ever; what not is said on the screen where it is chosen.
func TestCustomerChoosesWhatTheyHave(t *testing.T) {
	r := newRig(t, oneEach())
	ctx := context.Background()
	r.hasBooking()
	p := r.phoneWith(r.tokenOf(samsPhone))
	noComplaint(t, p.Open(ctx))
	if p.Snackbar() != "" {
		t.Errorf("at first: %q", p.Snackbar())
	}
	noComplaint(t, p.Set(ctx, "department", "cardio"))
	noComplaint(t, p.Tap(ctx))
	noComplaint(t, p.Set(ctx, "service", "checkup"))
	noComplaint(t, p.Set(ctx, "resource", "brown"))
	noComplaint(t, p.Tap(ctx))
	if p.Screen() != "DOCTOR" || !strings.HasPrefix(p.Snackbar(), "You already have an appointment: Tue 24 Nov · 10:00 (") {
		t.Fatalf("on %s with %q", p.Screen(), p.Snackbar())
	}
	noComplaint(t, p.Set(ctx, "service", "ecg"))
	noComplaint(t, p.Set(ctx, "resource", "brown"))
	noComplaint(t, p.Tap(ctx))
	if p.Screen() != "DAY" {
		t.Fatalf("on %s with %q", p.Screen(), p.Snackbar())
	}
	r.books(r.phoneWith(r.tokenOf(samsPhone)), whatsapp.Plan{Department: "cardio", Service: "ecg", Resource: "brown"})
}

// Two messages to one customer are on the last screen: the second confirm says what was booked by the first, with the doctor
// that is not theirs left free.
func TestSecondConfirmOfOneCustomer(t *testing.T) {
	c := single()
	c.services[0].Rules.OneOpen = new(true)
	r := newRig(t, c)
	ctx := context.Background()
	first, second := r.tokenOf(samsPhone), r.tokenOf(samsPhone)
	p, q := r.phoneWith(first), r.phoneWith(second)
	toConfirm(t, p, "10:00")
	toConfirm(t, q, "11:00")
	noComplaint(t, p.Tap(ctx))
	if _, ok := p.Done(); !ok {
		t.Fatalf("not booked: %q", p.Snackbar())
	}
	r.seen.take()
	noComplaint(t, q.Tap(ctx))
	if q.Screen() != "CONFIRM" || !strings.HasPrefix(q.Snackbar(), "You already have an appointment: Tue 24 Nov · 10:00") {
		t.Fatalf("on %s with %q", q.Screen(), q.Snackbar())
	}
	if got := strings.Join(r.outcomes(), " "); got != "customer_has_booking" {
		t.Errorf("outcomes %s", got)
	}
	noComplaint(t, p.Resend(ctx)) // the answer was lost
	if _, ok := p.Done(); !ok || len(r.bookings()) != 1 {
		t.Errorf("the repeat: %q, %d bookings", p.Snackbar(), len(r.bookings()))
	}
}

// Who is on the blocklist is told to call, in the same words everywhere and without a reason, holds nothing, and leaves no
// trace in the log.
func TestBlockedCustomer(t *testing.T) {
	c := single()
	var blocked string
	c.blocked = func(digits string) bool { return digits == blocked }
	r := newRig(t, c)
	ctx := context.Background()
	late := r.phoneWith(r.tokenOf(samsPhone))
	toConfirm(t, late, "10:00")
	r.wait(holdFor)
	blocked = samsPhone
	token := r.tokenOf("+49 30 555")
	r.seen.take()
	before := r.keys()
	p := r.phoneWith(token)
	noComplaint(t, p.Open(ctx))
	for range 2 {
		if p.Screen() != "DEPARTMENT" || p.Snackbar() != textNotHere {
			t.Fatalf("on %s with %q", p.Screen(), p.Snackbar())
		}
		noComplaint(t, p.Set(ctx, "department", "general"))
		noComplaint(t, p.Tap(ctx))
	}
	got := r.exchange(token, "TIME", object{"department": "general", "service": "checkup", "resource": "adams",
		"date": tuesday, "slot": slot(t, tuesday, "10:00")})
	if got.status != 200 || got.Screen != "TIME" || got.message() != textNotHere {
		t.Errorf("a slot: %d, on %s with %q", got.status, got.Screen, got.message())
	}
	noComplaint(t, late.Tap(ctx))
	if late.Screen() != "CONFIRM" || late.Snackbar() != textNotHere {
		t.Errorf("the confirm: on %s with %q", late.Screen(), late.Snackbar())
	}
	unchanged(t, before, r.keys())
	for _, outcome := range r.outcomes() {
		if outcome != string(CustomerBlocked) {
			t.Errorf("outcome %s", outcome)
		}
	}
	if strings.Contains(r.logs.String(), samsPhone) {
		t.Error("the log shows the number")
	}
	r.books(r.phone(), whatsapp.Plan{Name: "Sam Example"})
}

// A number that was typed is looked at when it is confirmed. Nobody learns by it what somebody else has booked.
func TestTypedNumberIsRefused(t *testing.T) {
	c := single()
	c.flowJSON, c.foreign = testdata(t, "appointment.json"), true
	c.services[0].Rules.OneOpen = new(true)
	c.blocked = func(digits string) bool { return digits == "4930999" }
	r := newRig(t, c)
	ctx := context.Background()
	confirm := func(phone, at string) *whatsapp.Phone {
		t.Helper()
		p := r.phone()
		noComplaint(t, p.Open(ctx))
		noComplaint(t, p.Set(ctx, "department", "general"))
		noComplaint(t, p.Set(ctx, "location", "adams"))
		noComplaint(t, p.Set(ctx, "date", tuesday))
		noComplaint(t, p.Set(ctx, "time", slot(t, tuesday, at)))
		noComplaint(t, p.Tap(ctx))
		noComplaint(t, p.Set(ctx, "name", "Sam Example"))
		noComplaint(t, p.Set(ctx, "email", "sam@example.com"))
		noComplaint(t, p.Set(ctx, "phone", phone))
		noComplaint(t, p.Tap(ctx))
		noComplaint(t, p.Set(ctx, "terms", true))
		noComplaint(t, p.Tap(ctx))
		return p
	}
	if p := confirm(samsPhone, "09:00"); len(r.bookings()) != 1 {
		t.Fatalf("not booked: %q", p.Snackbar())
	}
	for _, phone := range []string{samsPhone, "004930555", "4930999"} {
		p := confirm(phone, "11:00")
		if p.Screen() != "SUMMARY" || p.Snackbar() != textNotHere {
			t.Errorf("%s: on %s with %q", phone, p.Screen(), p.Snackbar())
		}
		r.wait(holdFor)
	}
	r.books(r.phoneWith(r.tokenOf(samsPhone)), whatsapp.Plan{Date: tuesday, Slot: "10:00", Strict: true, Email: "sam@example.com"})
}

// Without a number to call the sentence ends before it, and trouble with the question keeps nobody from the screens.
func TestRefusalWithoutAPhone(t *testing.T) {
	c := single()
	c.blocked = func(string) bool { return true }
	r := newRig(t, c)
	conv, err := newConversation(Config{Desk: r.desk, Flow: r.server.cfg.Flow})
	check(t, err)
	for _, refused := range []*desk.CustomerError{{Why: desk.Blocked}, {Why: desk.HasBooking}} {
		if text := conv.customerText(&turn{}, refused); text != "Sorry, we can't take this booking here." {
			t.Errorf("%q", text)
		}
	}
}

// While the disk is in trouble nobody can say whose booking is there; customers can still look.
func TestTroubleWithTheQuestion(t *testing.T) {
	c := oneEach()
	c.services = c.services[:1]
	r := newRig(t, c)
	r.hasBooking()
	token := r.tokenOf(samsPhone)
	r.db.set(nil, func(func() error) (error, bool) { return kv.ErrUncertain, true })
	p := r.phoneWith(token)
	noComplaint(t, p.Open(context.Background()))
	if p.Screen() != "DEPARTMENT" || p.Snackbar() != "" {
		t.Errorf("on %s with %q", p.Screen(), p.Snackbar())
	}
	if strings.Contains(r.logs.String(), samsPhone) {
		t.Error("the log shows the number")
	}
}
