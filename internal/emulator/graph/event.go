package graph

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Event types.
const (
	typeSingle     = "singleInstance"
	typeMaster     = "seriesMaster"
	typeOccurrence = "occurrence"
	typeException  = "exception"
)

// Event is one event as a person sees and edits it: a single event, the master of a series (Recurrence is set), or one
// occurrence of a series (MasterID is set).
type Event struct {
	// ID is the event's immutable id; Put makes one up when it is empty.
	ID string
	// Title, Body and Location are what a person typed.
	Title, Body, Location string
	// Start and End are instants. Of an all-day event they are output only: the midnights in the mailbox's zone.
	Start, End time.Time
	// AllDay makes StartDate and EndDate (exclusive), both "2006-01-02", the event's time.
	AllDay             bool
	StartDate, EndDate string
	// Zone is the zone in which the event was made, an IANA or Windows name; empty: that of the mailbox.
	Zone string
	// ShowAs is free, tentative, busy (also when empty), oof, workingElsewhere or unknown.
	ShowAs string
	// Response is the mailbox's answer: organizer (also when empty), none, tentativelyAccepted, accepted, declined or
	// notResponded.
	Response string
	// Cancelled is set when the organizer called the event off; it stays in the calendar until it is deleted.
	Cancelled bool
	// Sensitivity is normal (also when empty), personal, private or confidential.
	Sensitivity string
	// Recurrence holds the RRULE and EXDATE lines of a series.
	Recurrence []string
	// MasterID and Original say which occurrence of which series this is; Original is the start that the rule gave.
	MasterID string
	Original time.Time
	// TransactionID is what the client that created the event called it, "" when none did.
	TransactionID string
	// Properties are the single-value extended properties, by their id.
	Properties map[string]string

	// What the service keeps; output only.
	ETag             string
	Created, Updated time.Time

	exception bool   // an occurrence that was edited
	gone      bool   // deleted: kept for the delta feed
	change    uint64 // version of the server when it last changed
	born      int    // order of insertion
}

// Blocks reports whether the event makes its time busy: it is not cancelled, not declined, and shown as busy,
// tentative, out of office or unknown. Working elsewhere does not block.
func (e Event) Blocks() bool {
	return !e.Cancelled && e.Response != "declined" && e.ShowAs != "free" && e.ShowAs != "workingElsewhere"
}

// clone returns a copy that shares nothing with e.
func (e *Event) clone() Event {
	c := *e
	c.Recurrence = slices.Clone(e.Recurrence)
	c.Properties = maps.Clone(e.Properties)
	return c
}

func (e *Event) master() bool { return len(e.Recurrence) > 0 }

func (e *Event) kind() string {
	switch {
	case e.master():
		return typeMaster
	case e.exception:
		return typeException
	case e.MasterID != "":
		return typeOccurrence
	}
	return typeSingle
}

// sameTimes reports whether two versions of an event have the same times and recurrence.
func (e *Event) sameTimes(o *Event) bool {
	return e.AllDay == o.AllDay && e.Start.Equal(o.Start) && e.End.Equal(o.End) && e.Zone == o.Zone &&
		slices.Equal(e.Recurrence, o.Recurrence)
}

func (e *Event) changeKey() string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "slotd-change-key-%06d", e.change))
}

// Immutable ids begin with one prefix, the ordinary ones of the same items with another; both are accepted in a path.
const (
	immutablePrefix = "AAkALgAA"
	ordinaryPrefix  = "AAMkAGIA"
)

func immutable(id string) string {
	if rest, ok := strings.CutPrefix(id, ordinaryPrefix); ok {
		return immutablePrefix + rest
	}
	return id
}

func ordinary(id string) string {
	if rest, ok := strings.CutPrefix(id, immutablePrefix); ok {
		return ordinaryPrefix + rest
	}
	return id
}
