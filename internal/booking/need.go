package booking

import (
	"fmt"
	"time"
)

// Need is the kind of reason for which a booking needs a person.
type Need string

// The kinds, the most urgent first.
const (
	NotWritten   Need = "not_written"   // a placement was set aside
	NotRemoved   Need = "not_removed"   // the same, of an event that should go
	EventMissing Need = "event_missing" // somebody removed the event
	Overlap      Need = "overlap"       // somebody else has the time
	NotTold      Need = "not_told"      // the customer does not know of a change
	Nameless     Need = "nameless"      // it was recovered from its event, which alone tells who it is for
)

// settling is how long slotd takes to find out by itself why an event is missing.
const settling = Undo + 2*time.Minute

// Needs returns every kind.
func Needs() []Need { return []Need{NotWritten, NotRemoved, EventMissing, Overlap, Nameless, NotTold} }

// NeedsPerson says why somebody must look at the booking. It is empty when all is well or the booking is past.
func (b *Booking) NeedsPerson(now time.Time) string {
	_, text := b.Need(now)
	return text
}

// Need is NeedsPerson with the kind beside the text; both are empty when nobody needs to look. Of an event that should go
// only that it could not be removed matters.
func (b *Booking) Need(now time.Time) (Need, string) {
	if b.End <= now.Unix() {
		return "", ""
	}
	for i, p := range b.Placements {
		switch wanted := b.Wanted(i); {
		case p.Status == Stuck && !wanted:
			return NotRemoved, fmt.Sprintf("not removed from %s: %s", p.Calendar, p.Reason)
		case p.Status == Stuck:
			return NotWritten, fmt.Sprintf("not written to %s: %s", p.Calendar, p.Reason)
		case p.Status == Missing && wanted && p.Reason != "":
			return EventMissing, fmt.Sprintf("its event is missing from %s: %s", p.Calendar, p.Reason)
		case p.Status == Missing && wanted && now.Sub(p.Since) >= settling:
			return EventMissing, fmt.Sprintf("its event is missing from %s", p.Calendar)
		}
	}
	if b.Conflict() {
		return Overlap, "it overlaps somebody's event or another booking"
	}
	if b.Untold == WasRecovered {
		return Nameless, "it was recovered from its event after a restore: only the event tells who it is for"
	}
	if b.Untold != "" {
		return NotTold, fmt.Sprintf("the customer has not been told that it was %s", b.Untold)
	}
	return "", ""
}
