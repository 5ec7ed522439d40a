package desk_test

import (
	"errors"
	"slices"
	"testing"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/internal/desk"
)

// The zone that an invitation names is the one in which the customer's days are told, through every look until the booking.
func TestInvitationKnowsTheZone(t *testing.T) {
	c := open(t)
	token, err := c.NewToken(t.Context(), desk.Invitation{Zone: "Pacific/Honolulu"})
	if err != nil {
		t.Fatal(err)
	}
	zone := func() string {
		t.Helper()
		v, err := c.Visitor(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		return v.Zone.String()
	}
	if got := zone(); got != "Pacific/Honolulu" {
		t.Errorf("the customer's zone is %s", got)
	}
	// The evening of the customer's monday is nine in Berlin, on tuesday.
	day := calendar.Date{Year: 2027, Month: 3, Day: 1}
	starts, err := c.Slots(t.Context(), token, adams, day)
	if err != nil || !slices.Contains(starts, at(1, 9, 0)) || slices.Contains(starts, at(1, 11, 0)) {
		t.Fatalf("on the customer's monday: %v, %v", starts, err)
	}
	w := c.wish(adams, at(1, 9, 0))
	w.Token = token
	c.mustConfirm(w)
	if got := zone(); got != "Pacific/Honolulu" {
		t.Errorf("after the booking the zone is %s", got)
	}
}

// Of whom nothing is known the zone is that of the business, with an error too.
func TestVisitorWithoutAZone(t *testing.T) {
	c := open(t)
	for _, token := range []string{c.token(), "a-token-of-another-tool"} {
		if v, err := c.Visitor(t.Context(), token); v.Zone == nil || v.Zone.String() != c.Zone().String() {
			t.Errorf("%v, %v", v.Zone, err)
		}
	}
}

func TestInvitationWithAnUnknownZone(t *testing.T) {
	c := open(t)
	before := len(c.dump())
	for _, zone := range []string{"Europe/Atlantis", "Local", "../etc/passwd", "UTC+1"} {
		var unknown *desk.UnknownError
		if _, err := c.NewToken(t.Context(), desk.Invitation{Zone: zone}); !errors.As(err, &unknown) || unknown.What != "zone" {
			t.Errorf("%s: %v", zone, err)
		}
	}
	if len(c.dump()) != before {
		t.Error("a refused invitation was stored")
	}
}

// TestZonesMoreThanADayApart: where clocks are up to 26 hours apart, no time of the customer's day is left out.
func TestZonesMoreThanADayApart(t *testing.T) {
	east, west := "Pacific/Kiritimati", "Pacific/Pago_Pago"
	for _, tt := range []struct{ doctor, customer string }{{east, west}, {west, east}} {
		c := open(t, func(cfg *desk.Config) {
			var always booking.Hours
			for day := range always {
				always[day] = []booking.Span{{From: 0, To: 24 * 60}}
			}
			cfg.Resources[0].Zone, cfg.Resources[0].Rules.Hours = zone(t, tt.doctor), &always
		})
		token, err := c.NewToken(t.Context(), desk.Invitation{Zone: tt.customer})
		if err != nil {
			t.Fatal(err)
		}
		starts, err := c.Slots(t.Context(), token, adams, calendar.Date{Year: 2027, Month: 3, Day: 4})
		if err != nil || len(starts) != 24*4 {
			t.Errorf("a doctor in %s, a customer in %s: %d start times, %v", tt.doctor, tt.customer, len(starts), err)
		}
	}
}

// TestLeastBusyOnTheDoctorsDay: who has the least work is judged by the day of whoever works, not by that of the customer.
func TestLeastBusyOnTheDoctorsDay(t *testing.T) {
	c := open(t)
	token, err := c.NewToken(t.Context(), desk.Invitation{Zone: "Pacific/Auckland"})
	if err != nil {
		t.Fatal(err)
	}
	c.book(adams, at(2, 15, 0))                                                                      // Wednesday in Berlin, and Thursday in Auckland
	c.book(baker, at(1, 15, 0))                                                                      // Tuesday in Berlin, and Wednesday in Auckland
	w := c.wish(desk.Choice{Department: "heart", Service: "check", Resource: desk.Any}, at(2, 9, 0)) // Wednesday in both
	w.Token = token
	if b := c.get(c.mustConfirm(w).Booking); b.Resource != "baker" {
		t.Errorf("%s was taken, who has an appointment on that day", b.Resource)
	}
}
