package outlook

import (
	"cmp"
	"time"

	"slotd/internal/calendar"
)

//go:generate go run zones_gen.go package/supplemental/windowsZones.json

// location loads a zone by its Windows or IANA name: a mailbox shows whichever it was set with. The error names the
// zone, because a person has to choose another.
func location(op, name string) (*time.Location, error) {
	if iana := cmp.Or(ownZones[name], cldrZones[name]); iana != "" {
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

// ownZones goes before cldrZones: zones that Windows had once and mailboxes still show, and the present names of zones that
// CLDR lists by an old one.
var ownZones = map[string]string{
	"UTC":                        "UTC", // not Etc/UTC: this one needs no file, and every time of Graph names it
	"Coordinated Universal Time": "Etc/UTC",
	"Kamchatka Standard Time":    "Asia/Kamchatka",
	"Mid-Atlantic Standard Time": "Etc/GMT+2",
	"Argentina Standard Time":    "America/Argentina/Buenos_Aires",
	"Greenland Standard Time":    "America/Nuuk",
	"India Standard Time":        "Asia/Kolkata",
	"Myanmar Standard Time":      "Asia/Yangon",
	"Nepal Standard Time":        "Asia/Kathmandu",
	"US Eastern Standard Time":   "America/Indiana/Indianapolis",
}
