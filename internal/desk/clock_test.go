package desk_test

import (
	"errors"
	"testing"

	"slotd/internal/calendar"
	"slotd/internal/desk"
)

// TestHeldWhileTheClockWasAhead: once the clock is right again the slot can be booked by everybody.
func TestHeldWhileTheClockWasAhead(t *testing.T) {
	c := open(t, holding)
	right := c.now
	c.now = right.AddDate(0, 0, 2)
	for _, cal := range c.calendars() {
		c.read(cal)
	}
	held := at(3, 10, 0)
	c.mustHold(c.tokenOf("15550100"), adams, held)
	if c.sees("", adams, held) {
		t.Fatal("the hold hides nothing")
	}
	c.now = right
	for _, cal := range c.calendars() {
		c.read(cal)
	}
	if !c.sees("", adams, held) {
		t.Error("the slot is held for days")
	}
	c.mustConfirm(c.wish(adams, held))
}

// TestBookedBeforeTheReloadIsOver: what the old desk books on a resource that the new config does not have guards its time,
// too.
func TestBookedBeforeTheReloadIsOver(t *testing.T) {
	c := open(t, func(cfg *desk.Config) { cfg.Resources[1].Blocks = append(cfg.Resources[1].Blocks, "g/adams") })
	next := c.cfg
	next.Resources = next.Resources[1:]
	placed := func() map[calendar.ID][]string {
		all, err := desk.Placed(t.Context(), c.store, c.now)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	next.Placed = placed()
	reloaded, err := desk.New(next)
	if err != nil {
		t.Fatal(err)
	}
	c.mustConfirm(c.wish(adams, at(1, 10, 0)))
	reloaded.Place(placed())
	var lost *desk.LostError
	if _, err := reloaded.Confirm(t.Context(), c.wish(baker, at(1, 10, 15))); !errors.As(err, &lost) {
		t.Errorf("sold twice: %v", err)
	}
}
