package ics

import (
	"strings"

	"slotd/internal/calendar"
)

// event is one VEVENT, read as far as it can be.
type event struct {
	uid    string
	start  moment
	length length
	span   calendar.Interval // of the event itself, before recurrence
	placed bool              // the start is known
	gone   bool              // cancelled
	shows
	rules  []property
	extra  []property // RDATE
	except []property // EXDATE
	// of says which occurrence of the series with the same UID this one replaces; following: it and all later ones.
	of        moment
	replaces  bool
	following bool
}

// shows is how an event shows: free when neither is true.
type shows struct {
	busy bool
	// freeDay: an all-day event that is free only because it is marked so.
	freeDay bool
}

// length is how long the occurrences of a series last. Where clocks change in between, an end by the clock and one by
// the hours gone by differ, and programs differ about which counts; the later one is kept busy.
type length struct {
	exact   int64 // seconds
	nominal int64 // seconds of wall time; of no use where start and end hang in different zones
	same    bool  // they hang in the same zone
	days    bool  // of an all-day event: only nominal counts
}

// span returns the time of an occurrence that starts when the clock in z shows wall.
func (l length) span(z *zone, wall int64) calendar.Interval {
	i := calendar.Interval{Start: z.first(wall), End: z.last(wall)}
	if !l.days {
		i.End += l.exact
	}
	if l.same {
		i.End = max(i.End, z.last(wall+l.nominal))
	}
	return i
}

// reader turns components into events.
type reader struct {
	zones      *zones
	odd        oddities
	allDayBusy bool
}

func (r *reader) event(c *component) event {
	uid, _, _ := c.one("UID")
	e := event{
		uid: strings.TrimSpace(uid.value), gone: r.says(c, "STATUS", "CANCELLED"),
		rules: c.all("RRULE"), extra: c.all("RDATE"), except: c.all("EXDATE"),
	}
	if e.gone {
		r.replaced(c, &e)
		return e
	}
	start, found, clear := c.one("DTSTART")
	if found && clear {
		e.start, e.placed = r.zones.moment(start, start.value)
	}
	e.shows = r.shows(c, e.placed && e.start.date)
	if e.placed {
		r.measure(c, &e)
	} else if e.busy {
		r.odd.add(NoStart)
	}
	r.replaced(c, &e)
	return e
}

// replaced reads RECURRENCE-ID.
func (r *reader) replaced(c *component, e *event) {
	id, found, clear := c.one("RECURRENCE-ID")
	if !found {
		return
	}
	e.replaces = true
	e.following = id.param == "THISANDFUTURE"
	var ok bool
	if e.of, ok = r.zones.moment(id, id.value); !ok || !clear {
		e.of = moment{}
		r.odd.add(BadException)
	}
}

// says reports whether the property has the value, and no other beside it.
func (r *reader) says(c *component, name, value string) bool {
	p, found, clear := c.one(name)
	if !clear {
		r.odd.add(Contradiction)
		return false
	}
	return found && strings.EqualFold(strings.TrimSpace(p.value), value)
}

// shows applies the rules of adapters/outlook: free and working elsewhere do not block; tentative, unknown and missing
// states do. Where Microsoft's property is there it counts, otherwise TRANSP.
func (r *reader) shows(c *component, allDay bool) shows {
	const status = "X-MICROSOFT-CDO-BUSYSTATUS"
	if r.says(c, status, "WORKINGELSEWHERE") {
		return shows{}
	}
	free := r.says(c, status, "FREE")
	if _, found, _ := c.one(status); !found {
		free = r.says(c, "TRANSP", "TRANSPARENT")
	}
	busy := !free || allDay && r.allDayBusy
	return shows{busy: busy, freeDay: allDay && !busy}
}

// measure reads the end of an event whose start is known.
func (r *reader) measure(c *component, e *event) {
	end, hasEnd, clear1 := c.one("DTEND")
	lasts, hasDuration, clear2 := c.one("DURATION")
	ok := clear1 && clear2
	switch {
	case !ok:
	case hasEnd:
		ok = r.until(end, e)
	case hasDuration:
		var seconds int64
		if seconds, ok = duration(lasts.value); ok {
			e.setLength(moment{wall: e.start.wall + seconds, zone: e.start.zone, date: e.start.date})
		}
	case e.start.date:
		e.setLength(moment{wall: e.start.wall + day, zone: e.start.zone, date: true})
	default:
		e.setLength(e.start)
		if e.busy {
			r.odd.add(NoLength)
		}
	}
	if !ok {
		r.oddEnd(e, NoEnd, e.start.wall)
	}
	r.settle(e)
}

// until reads DTEND.
func (r *reader) until(p property, e *event) bool {
	end, ok := r.zones.moment(p, p.value)
	if !ok {
		return false
	}
	if end.floating && !end.date {
		end.zone = e.start.zone // many write the zone of the start only
	}
	if e.start.date && end.date && end.wall == e.start.wall {
		end.wall += day // a day that ends on itself
	}
	e.setLength(end)
	return true
}

// setLength sets span and length from the end. It keeps an end before the start; settle mends it.
func (e *event) setLength(end moment) {
	e.span = calendar.Interval{Start: e.start.first(), End: end.last()}
	e.length = length{same: end.zone == e.start.zone, nominal: end.wall - e.start.wall, days: e.start.date && end.date}
	switch {
	case end.zone.loc != nil && e.start.zone.loc != nil:
		e.length.exact = max(end.last()-e.start.last(), end.first()-e.start.first())
	case e.length.same:
		e.length.exact = e.length.nominal
	default:
		e.length.exact = e.span.End - e.span.Start
	}
}

// oddEnd gives an event without a usable end a day, from the wall time on.
func (r *reader) oddEnd(e *event, kind string, from int64) {
	e.setLength(moment{wall: e.start.wall + day, zone: e.start.zone})
	e.span.Start = min(e.span.Start, e.start.zone.first(from))
	if e.busy {
		r.odd.add(kind)
	}
}

// settle mends an end that lies before the start, and drops the claim on time of an event that takes none.
func (r *reader) settle(e *event) {
	l := e.length
	switch {
	case l.same && l.nominal < 0 || l.exact < 0 || e.span.End < e.span.Start:
		from := e.start.wall
		if l.same && -day <= l.nominal && l.nominal < 0 {
			from += l.nominal // start and end may have changed places
		}
		r.oddEnd(e, EndBeforeStart, from)
	case l.exact == 0 && (l.nominal == 0 || !l.same):
		e.busy = false
	case e.busy && e.span.End-e.span.Start > 366*day:
		r.odd.add(VeryLong)
	}
}
