package graph

import (
	"errors"
	"time"
)

// windowsZones are some of the CLDR names by which Outlook knows zones.
var windowsZones = map[string]string{
	"UTC":                            "UTC",
	"GMT Standard Time":              "Europe/London",
	"W. Europe Standard Time":        "Europe/Berlin",
	"Romance Standard Time":          "Europe/Paris",
	"Central Europe Standard Time":   "Europe/Budapest",
	"GTB Standard Time":              "Europe/Bucharest",
	"FLE Standard Time":              "Europe/Kiev",
	"Russian Standard Time":          "Europe/Moscow",
	"Eastern Standard Time":          "America/New_York",
	"Central Standard Time":          "America/Chicago",
	"Mountain Standard Time":         "America/Denver",
	"Pacific Standard Time":          "America/Los_Angeles",
	"E. South America Standard Time": "America/Sao_Paulo",
	"India Standard Time":            "Asia/Calcutta",
	"Arabian Standard Time":          "Asia/Dubai",
	"Singapore Standard Time":        "Asia/Singapore",
	"Tokyo Standard Time":            "Asia/Tokyo",
	"AUS Eastern Standard Time":      "Australia/Sydney",
	"Lord Howe Standard Time":        "Australia/Lord_Howe",
}

// zoneNamed returns the zone with a Windows or IANA name.
func zoneNamed(name string) (*time.Location, error) {
	if iana, ok := windowsZones[name]; ok {
		name = iana
	}
	if name == "" || name == "Local" {
		return nil, errors.New("no zone name")
	}
	return time.LoadLocation(name)
}
