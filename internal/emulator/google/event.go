package google

import (
	"maps"
	"slices"
	"time"
)

// Statuses of an event.
const (
	Confirmed = "confirmed"
	Tentative = "tentative"
	Cancelled = "cancelled"
)

// Event is one event as a person sees and edits it: a single event, the master of a series (Recurrence is set), or one
// occurrence of a series (MasterID is set).
type Event struct {
	// ID is the event's id; Put makes one up when it is empty.
	ID string
	// Title, Body and Location are what a person typed.
	Title, Body, Location string
	// Start and End are instants. Of an all-day event they are output only: the midnights in the calendar's zone.
	Start, End time.Time
	// AllDay makes StartDate and EndDate (exclusive), both "2006-01-02", the event's time.
	AllDay             bool
	StartDate, EndDate string
	// Zone is the IANA zone of the event; empty: not given, which Put fills from the calendar for a series.
	Zone string
	// Transparent is what people call free.
	Transparent bool
	// Response is the account's own answer to an invitation: needsAction, tentative, accepted, declined; empty: none.
	Response string
	// Status is Confirmed (also when empty), Tentative or Cancelled.
	Status string
	// EventType is default (also when empty), focusTime, outOfOffice, workingLocation, birthday or fromGmail.
	EventType string
	// Visibility is empty, default, public, private or confidential.
	Visibility string
	// Recurrence holds the RRULE and EXDATE lines of a series.
	Recurrence []string
	// MasterID and Original say which occurrence of which series this is; Original is the start that the rule gave.
	MasterID string
	Original time.Time
	// Attendees are the invited people besides the account itself.
	Attendees []string
	// AttendeesOmitted hides all attendee rows, and with them the account's own answer.
	AttendeesOmitted bool
	// Private and Shared are the extended properties.
	Private, Shared map[string]string

	// What the service keeps; output only.
	ETag             string
	Sequence         int
	Created, Updated time.Time

	change uint64 // version of the server when it last changed
	born   int    // order of insertion
}

// Blocks reports whether the event makes its time busy: a live event that is neither free, nor declined, nor merely
// informational. Unanswered and tentative events block. A server that omits attendees cannot show that one is
// declined.
func (e Event) Blocks() bool {
	switch {
	case e.Status == Cancelled, e.EventType == "workingLocation", e.EventType == "birthday", e.Transparent:
		return false
	case e.Response == "declined" && !e.AttendeesOmitted:
		return false
	}
	return true
}

// clone returns a copy that shares nothing with e.
func (e *Event) clone() Event {
	c := *e
	c.Recurrence = slices.Clone(e.Recurrence)
	c.Attendees = slices.Clone(e.Attendees)
	c.Private = maps.Clone(e.Private)
	c.Shared = maps.Clone(e.Shared)
	return c
}

func (e *Event) live() bool   { return e.Status != Cancelled }
func (e *Event) master() bool { return len(e.Recurrence) > 0 }

// sameTimes reports whether two versions of an event have the same times and recurrence.
func (e *Event) sameTimes(o *Event) bool {
	return e.AllDay == o.AllDay && e.Start.Equal(o.Start) && e.End.Equal(o.End) && e.Zone == o.Zone &&
		slices.Equal(e.Recurrence, o.Recurrence)
}
