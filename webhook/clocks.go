package webhook

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"slotd/internal/booking"
	"slotd/internal/desk"
)

// maxOption is how many characters the title of an option takes.
const maxOption = 30

// clocks writes times as one customer reads them: in the zone of the visit. Where that clock differs from one of the others
// who keep the appointment, the zone is named, as each would take the time for one of their own.
type clocks struct {
	zone   *time.Location
	others []*time.Location // of the business and of the resources in question, each once
}

// clocks returns those of a customer and of all that a choice allows.
func (c *conversation) clocks(v desk.Visitor, choice desk.Choice) clocks {
	k := clocks{zone: v.Zone, others: []*time.Location{c.desk.Zone()}}
	if r := c.desk.Resource(choice.Resource); r != nil {
		k.add(r.Zone)
		return k
	}
	for _, r := range c.desk.Resources(choice.Department, choice.Service) {
		k.add(r.Zone)
	}
	return k
}

// clocksOf returns those of a customer and a booking.
func (c *conversation) clocksOf(v desk.Visitor, b *booking.Booking) clocks {
	k := clocks{zone: v.Zone, others: []*time.Location{c.desk.Zone()}}
	for _, id := range shown(b) {
		if r := c.desk.Resource(id); r != nil {
			k.add(r.Zone)
		}
	}
	return k
}

// add adds the clock of a zone, once: each time on a screen is compared with all clocks, and resources mostly share theirs.
func (k *clocks) add(zone *time.Location) {
	if !slices.ContainsFunc(k.others, func(z *time.Location) bool { return z.String() == zone.String() }) {
		k.others = append(k.others, zone)
	}
}

// differ reports whether at an instant (Unix seconds) another clock shows another time than the customer's.
func (k clocks) differ(at int64) bool {
	t := time.Unix(at, 0)
	_, mine := t.In(k.zone).Zone()
	for _, zone := range k.others {
		if _, theirs := t.In(zone).Zone(); theirs != mine {
			return true
		}
	}
	return false
}

// time returns a start time as an option, such as "14:30" or "14:30 (Lisbon)".
func (k clocks) time(start int64) string { return k.option(booking.Label(start, k.zone), start) }

// dayAndTime returns day and start time as an option, such as "Tue 24 Nov · 14:30 (Lisbon)".
func (k clocks) dayAndTime(start int64) string {
	return k.option(booking.LongLabel(start, k.zone), start)
}

// option names the zone behind a label as well as an option can hold it: by its city, otherwise by its offset. A label that
// has no room for that either is of an hour that comes twice, and names the offset itself.
func (k clocks) option(label string, start int64) string {
	if !k.differ(start) {
		return label
	}
	for _, name := range []string{city(k.zone), time.Unix(start, 0).In(k.zone).Format("UTC-07:00")} {
		if named := label + " (" + name + ")"; utf8.RuneCountInString(named) <= maxOption {
			return named
		}
	}
	return label
}

// inSummary returns day and start time for a line of text, where there is room for the city.
func (k clocks) inSummary(start int64) string {
	label := booking.LongLabel(start, k.zone)
	if k.differ(start) {
		label += " (" + city(k.zone) + ")"
	}
	return label
}

// zoneName returns a zone as customers know it, such as "Berlin (CET)".
func zoneName(zone *time.Location, now time.Time) string {
	return city(zone) + now.In(zone).Format(" (MST)")
}

// city is the last part of a zone's name.
func city(zone *time.Location) string {
	name := zone.String()
	return strings.ReplaceAll(name[strings.LastIndexByte(name, '/')+1:], "_", " ")
}
