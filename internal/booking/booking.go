package booking

import (
	"fmt"
	"time"

	"slotd/internal/calendar"
)

// Status is what a booking is. There are two: a booking exists and occupies its time from the moment of its confirm, and
// only a recorded cancel frees it.
//
//	confirmed ──cancel──► cancelled
type Status string

// The statuses.
const (
	Confirmed Status = "confirmed"
	Cancelled Status = "cancelled"
)

// PlacementStatus says how far a placement's event at the provider is.
//
//	            write settled          seen in a snapshot
//	pending ──────────────────► written ─────────────────► seen ◄──┐
//	   │  ▲                        │                         │     │ back in a snapshot
//	   │  └────── next version ────┴─────────────────────────┘     │
//	   │                                    absent from a snapshot ▼
//	   └── permanent error ──► stuck                            missing
//
// Stuck and missing need a person; both keep their time occupied.
type PlacementStatus string

// The statuses of a placement.
const (
	Pending PlacementStatus = "pending"
	Written PlacementStatus = "written"
	Seen    PlacementStatus = "seen"
	Stuck   PlacementStatus = "stuck"
	Missing PlacementStatus = "missing"
)

// Booking is an appointment that was acknowledged to a customer. It holds no name and no phone number: those live in the
// Person record with the same id.
type Booking struct {
	ID string
	// Reference is the short code that the customer is shown.
	Reference string
	// Version grows with each change of what the calendars should show. The first is 1.
	Version    uint64
	Status     Status
	Conflict   bool // somebody's event was found over it when it was written
	Service    string
	Department string
	calendar.Interval
	// Before and After are the buffers at the time of booking, in seconds.
	Before, After int64
	Placements    []Placement
	Created       time.Time
}

// Placement is the event of a booking in the calendar of one resource.
type Placement struct {
	Resource string
	Calendar calendar.ID
	// Identity is the provider identity, persisted before the first call.
	Identity string
	Status   PlacementStatus
	// Reason says why the placement is stuck.
	Reason string
	// Event is what the last settled write returned.
	Event calendar.Written
}

// Person is who a booking is for. All else refers to it by the booking's id.
type Person struct {
	Name  string
	Phone string // digits, as WhatsApp sends them; empty when unknown
	Email string
	Notes string
	// Answers are further form fields of the Flow, by the name of the field.
	Answers map[string]string
}

// Claim returns the claim that the booking holds on each of its resources.
func (b *Booking) Claim() Claim {
	return Claim{Interval: b.Interval, Before: b.Before, After: b.After, Booking: b.ID}
}

// Settled records that the placement's event at the provider shows version. It reports whether the placement is now level
// with the booking, so that its outbox mark can go.
func (b *Booking) Settled(placement int, event calendar.Written, version uint64) (level bool) {
	p := &b.Placements[placement]
	p.Event = event
	p.Reason = ""
	if version != b.Version {
		p.Status = Pending
		return false
	}
	p.Status = Written
	return true
}

// SetAside records that the placement cannot be written and why; a person must look at it.
func (b *Booking) SetAside(placement int, reason string) {
	p := &b.Placements[placement]
	p.Status, p.Reason = Stuck, reason
}

// Observe records whether a snapshot held the placement's event. It reports whether
// anything changed. An event that was never seen is not missed: providers show a write with delay.
func (b *Booking) Observe(placement int, present bool) (changed bool) {
	p := &b.Placements[placement]
	switch {
	case present && (p.Status == Written || p.Status == Missing):
		p.Status = Seen
	case !present && p.Status == Seen:
		p.Status = Missing
	default:
		return false
	}
	return true
}

// NeedsPerson reports why somebody must look at the booking: a placement that is stuck or missing, or a conflict. Of a
// cancelled booking only an event that could not be removed matters. It is empty when all is well or the booking is past.
func (b *Booking) NeedsPerson(now time.Time) string {
	_, text := b.Need(now)
	return text
}

// Need is the kind of reason for which a booking needs a person.
type Need string

// The kinds.
const (
	NotWritten   Need = "not_written"   // a placement was set aside
	NotRemoved   Need = "not_removed"   // the same, of a cancelled booking
	EventMissing Need = "event_missing" // somebody removed the event
	Overlap      Need = "overlap"       // somebody's event is in the time
)

// Needs returns every kind.
func Needs() []Need { return []Need{NotWritten, NotRemoved, EventMissing, Overlap} }

// Need is NeedsPerson with the kind beside the text; both are empty when nobody needs to look.
func (b *Booking) Need(now time.Time) (Need, string) {
	if b.End <= now.Unix() {
		return "", ""
	}
	cancelled := b.Status == Cancelled
	for _, p := range b.Placements {
		switch {
		case p.Status == Stuck && cancelled:
			return NotRemoved, fmt.Sprintf("not removed from %s: %s", p.Calendar, p.Reason)
		case p.Status == Stuck:
			return NotWritten, fmt.Sprintf("not written to %s: %s", p.Calendar, p.Reason)
		case p.Status == Missing && !cancelled:
			return EventMissing, fmt.Sprintf("its event is missing from %s", p.Calendar)
		}
	}
	if b.Conflict && !cancelled {
		return Overlap, "it overlaps somebody's event"
	}
	return "", ""
}
