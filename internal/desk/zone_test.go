package desk_test

import (
	"errors"
	"testing"

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
	// Nine in Berlin is the evening before.
	sunday := calendar.Date{Year: 2027, Month: 2, Day: 28}
	starts, err := c.Slots(t.Context(), token, adams, sunday)
	if err != nil || len(starts) == 0 || calendar.DateOf(starts[0], c.Zone()) == sunday {
		t.Errorf("on the customer's sunday: %v, %v", starts, err)
	}
	w := c.wish(adams, starts[0])
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
