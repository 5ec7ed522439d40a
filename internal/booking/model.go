// Package booking holds the rules of a business as pure functions: who and what can be booked (departments, services,
// resources), the slot engine that turns opening hours, busy time and claims into the start times that can be sold, and
// the transitions of a booking and its placements.
//
// Nothing here does I/O or reads a clock: the caller brings the time. Instants are Unix seconds in UTC; opening hours
// and dates are wall time in the resource's IANA zone. All functions may be called concurrently.
//
// # Rules
//
// A business, its departments, its resources and its services each say what they have to say as [Rules]. A [Catalog] puts
// them together: for a service at a resource, chosen by way of a department, its [Offer] holds what is in force. The nearer
// level wins, a service being the nearest and the business the farthest. Three rules are of two sides, and there both count:
// hours (who is there, and when the service is offered), caps (of all bookings of a resource, and of a service at it), and the
// capacities of services that overlap.
//
// A [State] decides whether an offer can begin at an instant, and [Team] so for several resources together. Lists, checks,
// days and explanations all come from them.
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

// Business is all that can be booked, and by which rules.
type Business struct {
	// Zone is the IANA zone in which customers see dates and times when nothing else is known of them.
	Zone        *time.Location
	Rules       Rules
	Holidays    []Holiday
	Departments []Department
	Services    []Service
	Resources   []Resource
}

// Department groups resources for the customer's first choice.
type Department struct {
	ID    string
	Title string
	Rules Rules
}

// Service is what is offered.
type Service struct {
	ID    string
	Title string
	// Needs are further resources that the service takes beside the chosen one, such as a room: of each entry one of the
	// resources with these ids. They are open, free and claimed for the whole time, or the service cannot begin.
	Needs [][]string
	Rules Rules
}

// Resource is what is booked: a doctor, a room, a device.
type Resource struct {
	ID          string
	Title       string
	Departments []string
	// Services are the ids of what the resource can do.
	Services []string
	// Zone is the IANA zone of its hours and dates, never nil.
	Zone *time.Location
	// Blocks are the calendars whose busy time blocks the resource. It always holds BookInto.
	Blocks []calendar.ID
	// BookInto is the calendar that its bookings are written to.
	BookInto calendar.ID
	Rules    Rules
}
