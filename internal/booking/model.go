// Package booking holds the rules of a business as pure functions: who and what can be booked (departments, services,
// resources), the slot engine that turns opening hours, busy time and claims into the start times that can be sold, and
// the transitions of a booking and its placements.
//
// Nothing here does I/O or reads a clock: the caller brings the time. Instants are Unix seconds in UTC; opening hours
// and dates are wall time in the resource's IANA zone. All functions may be called concurrently.
//
// # Wall time and daylight saving
//
// One written rule turns wall time into instants, see [calendar.Wall]:
//
//   - A wall time that exists once is that instant.
//   - A wall time in a gap (clocks go forward) means the instant at which the gap ends. A start time is never invented
//     there: labels that do not exist are not offered.
//   - A wall time that exists twice (clocks go back) opens at its first and closes at its last instant, so hours that
//     span the repeated hour are open during all of it. Start times inside it are offered twice, and their labels then
//     show the offset.
//   - A day lasts from its first existing instant to that of the next day; an all-day event covers exactly that.
package booking

import (
	"time"

	"slotd/internal/calendar"
)

// Department groups resources for the customer's first choice.
type Department struct {
	ID    string
	Title string
}

// Service is what is offered.
type Service struct {
	ID    string
	Title string
	// Duration is how long the customer is there. Whole minutes, at least one.
	Duration time.Duration
	// Grid is the distance between two start times, counted in wall time from the opening of each stretch of hours.
	Grid time.Duration
	// Before and After are kept free of our other claims around the appointment. Foreign events may touch them.
	Before, After time.Duration
	// Needs are further resources that the service takes beside the chosen one, such as a room: of each entry one of the
	// resources with these ids. They are open, free and claimed for the whole time, or the service cannot begin.
	Needs [][]string
	// CancelNotice and MoveNotice are the least time from a cancel or a move to the appointment's start. Staff can
	// override them.
	CancelNotice, MoveNotice time.Duration
}

// Resource is what is booked: a doctor, a room, a device.
type Resource struct {
	ID          string
	Title       string
	Departments []string
	// Services are the ids of what the resource can do.
	Services []string
	// Zone is the IANA zone of Hours, never nil.
	Zone  *time.Location
	Hours Hours
	// Blocks are the calendars whose busy time blocks the resource. It always holds BookInto.
	Blocks []calendar.ID
	// BookInto is the calendar that its bookings are written to.
	BookInto calendar.ID
	// Capacity is how many of our claims may overlap; at least one.
	Capacity int
}

// Hours are the weekly opening hours, indexed by [time.Weekday]. The spans of one day are sorted and do not overlap.
type Hours [7][]Span

// Span is an opening from one wall time to a later one on the same day, in minutes since midnight. To may be 1440, the
// end of the day.
type Span struct {
	From, To int
}
