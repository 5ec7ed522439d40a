package config

import (
	"strings"

	"slotd/internal/calendar"
)

// calendarUse is where the file names a calendar.
type calendarUse struct {
	id    calendar.ID
	line  int
	place string
}

// twins reports provider calendars that the file knows by two names, as far as that can be seen without asking: under each
// name slotd would take the bookings of the other for somebody else's events, and could sell a time under both.
func (d *decoder) twins(accounts []Account, refs *references) {
	first := map[string]calendar.ID{}
	told := map[calendar.ID]bool{}
	for _, use := range refs.uses {
		name := canonical(accounts, use.id)
		id, known := first[name]
		switch {
		case name == "" || told[use.id]:
		case !known:
			first[name] = use.id
		case id != use.id:
			told[use.id] = true
			d.fault(use.line, use.place, "calendar %q is the same as %q: name it in one way everywhere", use.id, id)
		}
	}
}

// canonical returns what identifies a calendar at its provider, "" when the file does not say enough. The ids of Google are
// global, and "primary" is the address of whoever signed in; those of Microsoft belong to one mailbox and are never equal in
// two.
func canonical(accounts []Account, id calendar.ID) string {
	for i := range accounts {
		a := &accounts[i]
		if a.Name != id.Account() || a.Provider == ICS {
			continue
		}
		cal := id.Calendar()
		if a.Provider == Google && cal == "primary" {
			cal = a.Subject
		}
		if cal == "" {
			return ""
		}
		if a.Provider == Google {
			cal = strings.ToLower(cal) // an address
		}
		return a.Provider + " " + a.APIURL + " " + cal
	}
	return ""
}
