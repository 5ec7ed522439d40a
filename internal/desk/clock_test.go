package desk_test

import "testing"

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
