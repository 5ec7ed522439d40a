package ics

import (
	"strings"
	"time"

	"slotd/internal/calendar"
)

// zones finds the zones that a feed names. It is for one read.
type zones struct {
	utc, own *zone // own is that of dates and floating times
	until    int64 // the zones that the feed defines are good until then
	defined  map[string]*component
	found    map[string]*zone
	odd      oddities
}

// newZones takes the zone of floating times from the feed's config, from its text, or from the account's config.
func newZones(f *feed, configured, fallback *time.Location, window calendar.Interval, odd oddities) *zones {
	z := &zones{
		utc: &zone{time.UTC}, until: window.End + 366*day, odd: odd,
		defined: map[string]*component{}, found: map[string]*zone{},
	}
	for i := range f.zones {
		if id, ok, _ := f.zones[i].one("TZID"); ok {
			z.defined[strings.TrimSpace(id.value)] = &f.zones[i]
		}
	}
	switch {
	case configured != nil:
		z.own = &zone{configured}
	case f.zone != "":
		z.own = z.named(f.zone)
	default:
		z.own = &zone{fallback}
	}
	return z
}

// named returns the zone of a TZID. An IANA or Windows name goes before the feed's own definition, which often holds
// the rules of a single year.
func (z *zones) named(id string) *zone {
	if known := z.found[id]; known != nil {
		return known
	}
	loc := standard(id)
	if def := z.defined[id]; loc == nil && def != nil {
		if at, ok, _ := def.one("X-LIC-LOCATION"); ok {
			loc = standard(strings.TrimSpace(at.value))
		}
		if loc == nil {
			loc = define(def, z.until)
		}
	}
	if loc == nil {
		z.odd.add(UnknownZone)
	}
	found := &zone{loc}
	z.found[id] = found
	return found
}

// standard returns the zone with an IANA or Windows name, nil without one. Some programs put a path before the name:
// /freeassociation.sourceforge.net/Europe/Berlin.
func standard(id string) *time.Location {
	if iana, ok := calendar.WindowsZone(id); ok {
		id = iana
	}
	if len(id) > 128 {
		return nil
	}
	switch strings.ToUpper(id) {
	case "Z", "UTC", "GMT", "TZONE://MICROSOFT/UTC":
		return time.UTC
	}
	parts := strings.Split(strings.Trim(id, "/"), "/")
	for n := min(len(parts), 3); n >= 1; n-- {
		name := strings.Join(parts[len(parts)-n:], "/")
		if name == "" || name == "Local" || n < len(parts) && n < 2 {
			continue
		}
		if loc, err := time.LoadLocation(name); err == nil {
			return loc
		}
	}
	return nil
}
