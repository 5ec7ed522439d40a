package booking

import (
	"time"

	"slotd/internal/calendar"
)

// Level is where a rule stands. The nearer level wins: a greater Level is nearer.
type Level int

// The levels.
const (
	ByDefault Level = iota
	OfBusiness
	OfDepartment
	OfResource
	OfService
)

var levelNames = [...]string{"default", "business", "department", "resource", "service"}

// String returns the level in a word, from a closed set.
func (l Level) String() string {
	if l < 0 || int(l) >= len(levelNames) {
		return "unknown level"
	}
	return levelNames[l]
}

// Rules are what one level says. What it leaves out, nil, is up to the next farther one.
type Rules struct {
	// Hours are the weekly hours, Dates replace them on single dates, and Extra adds to what is open on a date. Those of a
	// service do not replace those of who does it: a service takes place where both are open.
	Hours *Hours
	Dates Dated
	Extra Dated
	// Duration is how long the customer is there. Whole minutes, at least one. It has no default.
	Duration *time.Duration
	// Grid is the distance between two start times, counted in wall time from the opening of each stretch of hours; by
	// default the duration.
	Grid *time.Duration
	// Before and After are kept free of our other claims around the appointment. Foreign events may touch them.
	Before, After *time.Duration
	// Notice is the least and Horizon the greatest time from now to a start.
	Notice, Horizon *time.Duration
	// CancelNotice and MoveNotice are the least time from a cancel or a move to the appointment's start. Staff can
	// override them.
	CancelNotice, MoveNotice *time.Duration
	// PerDay and PerWeek cap how many bookings begin on one local day, and in one local week from Monday on. Those of a
	// service cap that service at each resource, those of the other levels all bookings of a resource. Both caps hold.
	PerDay, PerWeek *int
	// Capacity is how many of our claims may overlap at a resource, at least one. Where several services overlap, the
	// least of their capacities counts. Of a resource that can only be needed beside others, the caps and the capacity of
	// business and department do not count: what is said of doctors is not meant for the room that they share.
	Capacity *int
	// Any is the order in which resources are tried for a customer to whom any is right. Not of a resource.
	Any *Order
	// OneOpen says that a customer with a booking to come cannot make another: at this business, department, resource, or of
	// this service.
	OneOpen *bool
}

// Hours are weekly opening hours, indexed by [time.Weekday]. The spans of one day are sorted and do not overlap.
type Hours [7][]Span

// Dated are opening hours of single dates; no spans means closed. A date of the year zero stands for its day of every year.
// The spans of one date are sorted and do not overlap.
type Dated map[calendar.Date][]Span

// on returns what is said of a date: of that year, or else of every year.
func (m Dated) on(d calendar.Date) (spans []Span, said bool) {
	if len(m) == 0 {
		return nil, false
	}
	if spans, said = m[d]; !said {
		spans, said = m[everyYear(d)]
	}
	return spans, said
}

func everyYear(d calendar.Date) calendar.Date { return calendar.Date{Month: d.Month, Day: d.Day} }

// Span is an opening from one wall time to a later one on the same day, in minutes since midnight. To may be 1440, the
// end of the day; an appointment may go on into hours that begin where others end, also on the next day.
type Span struct {
	From, To int
}

// Holiday is a set of dates on which resources are closed.
type Holiday struct {
	// Title says which holidays these are, to staff.
	Title string
	// Dates are local dates of the resource; those of the year zero stand for their day of every year.
	Dates map[calendar.Date]bool
	// Departments and Resources are the ids of those that it closes; both empty: all.
	Departments, Resources []string
}

// Over reports whether no date of it is today or later; one of every year is never over.
func (h *Holiday) Over(today calendar.Date) bool {
	for d, is := range h.Dates {
		if is && (d.Year == 0 || !d.Before(today)) {
			return false
		}
	}
	return true
}

func (h *Holiday) on(d calendar.Date) bool { return h.Dates[d] || h.Dates[everyYear(d)] }

// Order is how resources are ranked for a customer to whom any is right.
type Order int

// The orders.
const (
	// LeastBusy tries first who has the least booked time on that day.
	LeastBusy Order = iota
	// RoundRobin tries first whose newest booking was made the longest ago.
	RoundRobin
)

var orderNames = [...]string{"least_busy", "round_robin"}

// Orders returns the names of the orders, as configs write them.
func Orders() []string { return orderNames[:] }

// String returns the name of the order, from a closed set.
func (o Order) String() string {
	if o < 0 || int(o) >= len(orderNames) {
		return "unknown order"
	}
	return orderNames[o]
}
