package outlook

import (
	"time"

	"slotd/internal/calendar"
)

// location loads a zone by its Windows or IANA name: a mailbox shows whichever it was set with. The error names the
// zone, because a person has to choose another.
func location(op, name string) (*time.Location, error) {
	if iana, ok := calendar.WindowsZone(name); ok {
		name = iana
	}
	if name == "" || name == "Local" { // to package time these two are zones
		return nil, &calendar.Error{Kind: calendar.Refused, Op: op, Reason: "noTimeZone"}
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, &calendar.Error{Kind: calendar.Refused, Op: op, Reason: "unknownTimeZone:" + calendar.Code(name)}
	}
	return loc, nil
}
