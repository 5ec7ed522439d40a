package desk_test

import (
	"slices"
	"testing"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/internal/desk"
)

// TestExplainAgreesWithLists: of every start time of a day an explanation says what lists and checks say, holds and bookings of
// others included.
func TestExplainAgreesWithLists(t *testing.T) {
	c := open(t)
	c.read("g/adams", calendar.Between(monday.Add(24*time.Hour), monday.Add(26*time.Hour)))
	choice, err := c.Resolve(desk.Choice{Department: "heart", Service: "check", Resource: "adams"})
	if err != nil {
		t.Fatal(err)
	}
	tuesday := calendar.DateOf(monday.Add(24*time.Hour).Unix(), c.Zone())
	listed, err := c.Slots(t.Context(), "", choice, tuesday)
	if err != nil {
		t.Fatal(err)
	}
	for start := tuesday.Interval(c.Zone()).Start; start < tuesday.Interval(c.Zone()).End; start += 15 * 60 {
		got, err := c.Explain(t.Context(), choice, start)
		if err != nil || len(got) != 1 {
			t.Fatal(got, err)
		}
		free := booking.Decided(got[0].Verdicts) == nil
		if free != slices.Contains(listed, start) {
			t.Errorf("%s: explained as free: %t", time.Unix(start, 0).In(c.Zone()), free)
		}
	}
	days, err := c.ExplainDays(t.Context(), choice, tuesday, tuesday.AddDays(4))
	if err != nil || len(days) != 1 || len(days[0].Days) != 5 {
		t.Fatal(days, err)
	}
	if d := days[0].Days[0]; d.Free != len(listed) || d.Barred[booking.RuleBusy] != d.Starts-d.Free || d.Starts == d.Free {
		t.Errorf("%+v of a day with %d slots", d, len(listed))
	}
	if first, last := c.Ahead(choice); first != tuesday.AddDays(-1) || last != tuesday.AddDays(8) {
		t.Errorf("from %s to %s", first, last)
	}
}

// TestExplainSaysHowWellCalendarsAreKnown: those of needs included, and of a calendar that offers nothing, why.
func TestExplainSaysHowWellCalendarsAreKnown(t *testing.T) {
	c := open(t, func(cfg *desk.Config) {
		cfg.Services[0].Needs = [][]string{{"room"}}
		room := resource("room", cfg.Zone, nil, nil)
		room.Services = nil
		cfg.Resources = append(cfg.Resources, room)
	})
	c.now = c.now.Add(10 * time.Minute)
	c.store.MarkChecked("g/room", c.now)
	c.now = c.now.Add(10 * time.Minute)
	choice, err := c.Resolve(desk.Choice{Department: "heart", Service: "check", Resource: "adams"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Explain(t.Context(), choice, monday.Add(24*time.Hour).Unix())
	if err != nil || len(got) != 1 {
		t.Fatal(got, err)
	}
	want := []desk.Known{
		{Calendar: "g/adams", Checked: monday, Why: "its provider has not confirmed it within 15m"},
		{Calendar: "g/room", Checked: monday.Add(10 * time.Minute), Served: true},
	}
	if !slices.Equal(got[0].Calendars, want) {
		t.Errorf("got %+v", got[0].Calendars)
	}
	if v := booking.Decided(got[0].Verdicts); v == nil || v.Rule != booking.RuleCalendars ||
		!slices.Equal(v.Unknown, []calendar.ID{"g/adams"}) {
		t.Errorf("decided by %+v", v)
	}
}
