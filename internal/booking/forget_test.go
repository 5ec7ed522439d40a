package booking_test

import (
	"testing"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
)

// TestForgottenBookingThatFollows: an event that a person moved before its text was written anew still names somebody, so that
// it is written; one whose text is new is left alone.
func TestForgottenBookingThatFollows(t *testing.T) {
	now := time.Unix(500, 0)
	for name, c := range map[string]struct {
		rewritten bool
		want      booking.PlacementStatus
	}{"still with the name": {false, booking.Pending}, "without": {true, booking.Seen}} {
		b := newBooking()
		b.Placements = b.Placements[:1]
		old := b.Version
		b.Settled(0, calendar.Written{ID: "e", Interval: b.Interval, Version: old}, old, now)
		b.Forget(booking.Act{At: now, By: booking.ByOperator})
		event := calendar.Written{ID: "e", Interval: calendar.Interval{Start: 5000, End: 6000}, Version: old}
		if c.rewritten {
			event.Version = b.Version
		}
		b.Follow(0, event, booking.Act{At: now, By: booking.ByCalendar})
		if got := b.Placements[0].Status; got != c.want || b.Interval != event.Interval {
			t.Errorf("%s: the placement is %s, want %s; the booking is at %v", name, got, c.want, b.Interval)
		}
	}
}
