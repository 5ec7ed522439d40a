package booking

import (
	"slices"
	"time"

	"slotd/internal/calendar"
)

// Status is what a booking is. There are two: a booking exists and occupies its time from the moment of its confirm, and
// only a recorded cancel frees it.
//
//	confirmed ──Cancel──► cancelled
//
// A confirmed booking moves by Move (we decided) and by Follow (a person moved its event).
type Status string

// The statuses.
const (
	Confirmed Status = "confirmed"
	Cancelled Status = "cancelled"
)

// Booking is an appointment that was acknowledged to a customer. It holds no name and no phone number: those live in the
// Person record with the same id. It is changed by the transitions in transitions.go and people.go alone.
type Booking struct {
	ID string
	// Reference is the short code that the customer is shown.
	Reference string
	// Version grows with each change of what the calendars should show. The first is 1.
	Version uint64
	Status  Status
	Service string
	// Resource is the one that was chosen; the service's further needs have placements too.
	Resource   string
	Department string
	calendar.Interval
	// Before and After are the buffers at the time of booking, in seconds.
	Before, After int64
	// Placements are only ever added: outbox marks name them by their index.
	Placements []Placement
	Created    time.Time
	// Untold is the change that the customer has not been told of, "" when there is none.
	Untold What
	// History says what happened to the booking, the oldest first. Of it the store holds the first Stored entries.
	History []Change
	Stored  int
}

// PlacementStatus says how far a placement's event at the provider is.
//
//	            write settled          seen in a snapshot
//	pending ──────────────────► written ─────────────────► seen ◄──┐
//	 ▲ │  ▲                        │                         │     │ back in a snapshot
//	 │ │  └────── next version ────┴─────────────────────────┘     │
//	 │ │                                    absent from a snapshot ▼
//	 │ └── permanent error ──► stuck                            missing
//	 └───────── Retry ───────────┴─────────────────────────────────┘
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

// Placement is the event of a booking in the calendar of one resource.
type Placement struct {
	Resource string
	Calendar calendar.ID
	// Identity is the provider identity, persisted before the first call, of the Attempt at this resource; the first is 1.
	Identity string
	Attempt  int
	Status   PlacementStatus
	// Since is when the status was set.
	Since time.Time
	// Reason says why the placement is stuck or missing.
	Reason string
	// Event is what is known of the event: what the last settled write returned, or a person has made of it since.
	Event calendar.Written
	// Dropped is set when the booking has left the resource: the event is to go.
	Dropped bool
	// Conflict is set while somebody else has the time: in the calendar, or another booking on the resource.
	Conflict bool
	// Left is the time that the booking has left and the calendar may still show; empty when the calendar is level.
	Left calendar.Interval
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

// What is the kind of a change.
type What string

// The kinds of changes.
const (
	WasCreated   What = "created"
	WasMoved     What = "moved"
	WasCancelled What = "cancelled"
	InConflict   What = "conflict" // somebody else has the time
	NoConflict   What = "resolved" // no longer
	WasSetAside  What = "set_aside"
	WasMissed    What = "missing" // an event of the booking is not in its calendar
	WasFound     What = "found"   // it is again
	WasRetried   What = "retried"
	WasTold      What = "told" // somebody has told the customer
	WasRecovered What = "recovered"
	WasForgotten What = "forgotten"
)

// Actor is who made a change.
type Actor string

// The actors.
const (
	ByCustomer Actor = "customer"
	ByOperator Actor = "operator" // staff, by the command line
	ByCalendar Actor = "calendar" // a person in the provider's calendar
	BySlotd    Actor = "slotd"
)

// Change is one entry of a booking's history: who did what, when and why, and what the booking was afterwards.
type Change struct {
	At      time.Time
	By      Actor
	What    What
	Why     string
	Version uint64
	// Interval is the booking's time after the change.
	Interval calendar.Interval
	// Resource is set where the change concerns one placement; of a move by us it is the chosen resource afterwards.
	Resource string
}

// maxHistory bounds a history. A calendar that changes back and forth for ever must not make a record that cannot be
// stored; of what is too much, the oldest changes after the creation go.
const maxHistory = 500

// note appends to the history.
func (b *Booking) note(c Change) {
	c.Version, c.Interval = b.Version, b.Interval
	b.History = append(b.History, c)
	if len(b.History) > maxHistory {
		n := len(b.History) - maxHistory
		b.History, b.Stored = slices.Delete(b.History, 1, 1+n), max(b.Stored-n, 1)
	}
}

// Clone returns a copy that shares nothing with b.
func (b *Booking) Clone() *Booking {
	out := *b
	out.Placements, out.History = slices.Clone(b.Placements), slices.Clone(b.History)
	return &out
}

// Wanted reports whether the event of a placement should exist.
func (b *Booking) Wanted(placement int) bool {
	return b.Status == Confirmed && !b.Placements[placement].Dropped
}

// Conflict reports whether somebody else has time of the booking.
func (b *Booking) Conflict() bool {
	for i := range b.Placements {
		if b.Placements[i].Conflict && b.Wanted(i) {
			return true
		}
	}
	return false
}

// Claim returns the claim that the booking holds on each of its resources while it is confirmed.
func (b *Booking) Claim() Claim {
	return Claim{Interval: b.Interval, Before: b.Before, After: b.After, Booking: b.ID, Service: b.Service}
}

// Claims returns all claims of the booking on a resource: its time, and the time that it has left while a calendar may
// still show it.
func (b *Booking) Claims(resource string) []Claim {
	var out []Claim
	for i := range b.Placements {
		p := &b.Placements[i]
		if p.Resource != resource {
			continue
		}
		if b.Wanted(i) {
			out = append(out, b.Claim())
		}
		if !p.Left.Empty() {
			out = append(out, Claim{Interval: p.Left, Booking: b.ID, Service: b.Service, Left: true})
		}
	}
	return out
}

// Resources returns the resources of all placements, also those that the booking has left, each once.
func (b *Booking) Resources() []string {
	var out []string
	for _, p := range b.Placements {
		if !slices.Contains(out, p.Resource) {
			out = append(out, p.Resource)
		}
	}
	return out
}

// Active returns the resources whose time the booking takes.
func (b *Booking) Active() []string {
	var out []string
	for i, p := range b.Placements {
		if b.Wanted(i) {
			out = append(out, p.Resource)
		}
	}
	return out
}
