package webhook

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"slotd/internal/booking"
	"slotd/internal/desk"
	"slotd/internal/emulator/whatsapp"
)

func TestUnusableTokens(t *testing.T) {
	r := newRig(t, single())
	for name, token := range map[string]string{
		"default": "unused", "default in capitals": "UNUSED", "empty": "", "short": "abc1234", "foreign": "made-by-another-tool",
	} {
		for _, action := range []string{"INIT", "data_exchange", "BACK", "other"} {
			got := r.send(object{"version": "4.0", "action": action, "screen": "CONFIRM", "flow_token": token,
				"data": object{"slot": slot(t, tuesday, "09:00")}})
			if got.status != 427 || got.Closed == "" {
				t.Errorf("%s token, %s: %d %s", name, action, got.status, got.plain)
			}
		}
	}
	if n := len(r.bookings()); n != 0 {
		t.Errorf("%d bookings were made", n)
	}
	p := r.phoneWith("made-by-another-tool")
	if result := r.walk(p, whatsapp.Plan{}); result.Outcome != whatsapp.Closed || result.Message == "" {
		t.Errorf("the phone got %s %q", result.Outcome, result.Message)
	}
}

func TestForeignTokensBookWhenAccepted(t *testing.T) {
	c := single()
	c.foreign = true
	r := newRig(t, c)
	r.books(r.phoneWith("made-by-another-tool"), whatsapp.Plan{Name: "Sam Example"})
	if result := r.walk(r.phoneWith("made-by-another-tool"), whatsapp.Plan{}); result.Outcome != whatsapp.Closed {
		t.Errorf("the token booked twice: %s", result.Outcome)
	}
}

func TestTokenExpires(t *testing.T) {
	r := newRig(t, single())
	p := r.phone()
	r.wait(73 * time.Hour)
	if result := r.walk(p, whatsapp.Plan{}); result.Outcome != whatsapp.Closed {
		t.Errorf("an expired token: %s, want closed", result.Outcome)
	}
}

func TestSpentTokenNamesTheBooking(t *testing.T) {
	r := newRig(t, single())
	token := r.token()
	result := r.books(r.phoneWith(token), whatsapp.Plan{Date: tuesday, Slot: "10:00", Name: "Sam Example"})
	reference, _ := result.Params["reference"].(string)
	if reference == "" {
		t.Fatalf("no reference in %v", result.Params)
	}
	again := r.walk(r.phoneWith(token), whatsapp.Plan{})
	if again.Outcome != whatsapp.Closed {
		t.Fatalf("the token opens again: %s", again.Outcome)
	}
	for _, want := range []string{"Check-up", "Dr. Adams", "Tue 24 Nov", "10:00", reference} {
		if !strings.Contains(again.Message, want) {
			t.Errorf("%q does not name %q", again.Message, want)
		}
	}
	other := r.exchange(token, "CONFIRM", object{"service": "checkup", "slot": slot(t, tuesday, "11:00")})
	if other.status != 427 || len(r.bookings()) != 1 {
		t.Errorf("another confirm: status %d, %d bookings", other.status, len(r.bookings()))
	}
}

// What the token's booking has become since is said, not what it was.
func TestSpentTokenTellsWhatBecameOfTheBooking(t *testing.T) {
	r := newRig(t, single())
	ctx := context.Background()
	token := r.token()
	result := r.books(r.phoneWith(token), whatsapp.Plan{Date: tuesday, Slot: "10:00", Strict: true, Name: "Sam Example"})
	reference, _ := result.Params["reference"].(string)
	staff := booking.Act{By: booking.ByOperator}

	_, err := r.desk.Move(ctx, desk.Move{Act: staff, Booking: reference, Start: wall(t, "2026-11-25", "09:30")})
	check(t, err)
	text := r.walk(r.phoneWith(token), whatsapp.Plan{}).Message
	for _, want := range []string{"was moved", "Check-up · Dr. Adams · Wed 25 Nov · 09:30", reference, "Send us a message"} {
		if !strings.Contains(text, want) {
			t.Errorf("moved: %q lacks %q", text, want)
		}
	}
	if strings.Contains(text, "10:00") {
		t.Errorf("%q names the time before the move", text)
	}

	_, err = r.desk.Cancel(ctx, desk.Cancel{Act: staff, Booking: reference})
	check(t, err)
	text = r.walk(r.phoneWith(token), whatsapp.Plan{}).Message
	for _, want := range []string{"was cancelled", "Dr. Adams", "Wed 25 Nov · 09:30", reference, "Send us a message to book"} {
		if !strings.Contains(text, want) {
			t.Errorf("cancelled: %q lacks %q", text, want)
		}
	}
	if strings.Contains(text, "You have booked") {
		t.Errorf("%q of a cancelled booking", text)
	}
}

func TestRepeatedConfirmGetsTheFirstAnswer(t *testing.T) {
	r := newRig(t, single())
	token := r.token()
	confirm := object{"department": "general", "service": "checkup", "resource": "adams", "date": tuesday,
		"slot": slot(t, tuesday, "10:00"), "name": "Sam Example"}
	first := r.exchange(token, "CONFIRM", confirm)
	if first.Screen != "SUCCESS" {
		t.Fatalf("not booked: %s", first.plain)
	}
	second := r.exchange(token, "CONFIRM", confirm)
	r.reopen()
	r.clock.advance(100 * time.Hour) // the token has expired and the calendars are stale
	third := r.exchange(token, "CONFIRM", confirm)
	for _, repeat := range []reply{second, third} {
		if !bytes.Equal(repeat.plain, first.plain) {
			t.Errorf("the repeat differs:\n%s\n%s", repeat.plain, first.plain)
		}
		if bytes.Equal(repeat.sealed, first.sealed) {
			t.Error("the repeat was not encrypted anew")
		}
	}
	if n := len(r.bookings()); n != 1 {
		t.Errorf("%d bookings, want 1", n)
	}
}

// A phone that lost the answer taps "try again".
func TestPhoneResendsTheConfirm(t *testing.T) {
	r := newRig(t, twoDepartments())
	p := r.phone()
	first := r.books(p, whatsapp.Plan{Name: "Sam Example"})
	noComplaint(t, p.Resend(context.Background()))
	params, ok := p.Done()
	if !ok || params["reference"] != first.Params["reference"] {
		t.Errorf("the second answer is %v, the first %v", params, first.Params)
	}
}

func TestOwnTokenKnowsItsCustomer(t *testing.T) {
	r := newRig(t, single())
	ctx := context.Background()
	token, err := r.desk.NewToken(ctx, desk.Invitation{Phone: "4930555", Name: "Sam Example"})
	check(t, err)
	p := r.phoneWith(token)
	r.books(p, whatsapp.Plan{}) // the name field is filled already
	b := r.bookings()[0]
	person := r.person(b.ID)
	if person.Phone != "4930555" || person.Name != "Sam Example" {
		t.Errorf("booked for %+v", person)
	}
}
