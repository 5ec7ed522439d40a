package ics

import (
	"strings"

	"slotd/internal/calendar"
)

// freeBusy adds the times of VFREEBUSY components. Where a feed has only those, the time that none of them covers is
// unknown, and unknown is not free.
func (x *expansion) freeBusy(f *feed) {
	var covered []calendar.Interval
	for i := range f.freeBusy {
		c := &f.freeBusy[i]
		covered = append(covered, x.coverage(c))
		for _, p := range c.all("FREEBUSY") {
			if p.param == "FREE" {
				continue
			}
			for v := range strings.SplitSeq(p.value, ",") {
				span, ok := x.zones.period(p, strings.TrimSpace(v))
				if !ok {
					x.odd.add(BadPeriod)
					span = x.window
				}
				x.put(&event{uid: "free/busy"}, span, shows{busy: true}, span.Start)
			}
		}
	}
	if len(covered) == 0 || len(f.events) > 0 {
		return
	}
	at := x.window.Start
	for _, c := range append(calendar.Union(covered), calendar.Interval{Start: x.window.End, End: x.window.End}) {
		x.put(&event{uid: "not covered"}, calendar.Interval{Start: at, End: c.Start}, shows{busy: true}, at)
		at = c.End
	}
}

// coverage is the time that a VFREEBUSY speaks of: its bounds, and where it has none, for ever.
func (x *expansion) coverage(c *component) calendar.Interval {
	span := x.window
	if p, found, _ := c.one("DTSTART"); found {
		m, ok := x.zones.moment(p, p.value)
		if !ok {
			x.odd.add(BadPeriod)
			return calendar.Interval{}
		}
		span.Start = m.last()
	}
	if p, found, _ := c.one("DTEND"); found {
		m, ok := x.zones.moment(p, p.value)
		if !ok {
			x.odd.add(BadPeriod)
			return calendar.Interval{}
		}
		span.End = m.first()
	}
	return span
}

// period reads start/end or start/duration (RFC 5545 §3.3.9).
func (z *zones) period(p property, value string) (span calendar.Interval, ok bool) {
	from, to, _ := strings.Cut(value, "/")
	start, ok := z.moment(p, from)
	if !ok {
		return span, false
	}
	if seconds, isDuration := duration(to); isDuration {
		span = calendar.Interval{Start: start.first(), End: start.last() + seconds}
	} else {
		end, ok := z.moment(p, to)
		if !ok {
			return span, false
		}
		span = calendar.Interval{Start: start.first(), End: end.last()}
	}
	return span, span.Start <= span.End
}
