package ics

import (
	"strconv"
	"strings"
	"time"

	"slotd/internal/calendar"
)

const (
	minute = 60
	hour   = 60 * minute
	day    = 24 * hour
)

// moment is a time as a feed writes it: what a clock shows, and where the clock hangs.
type moment struct {
	wall     int64 // Unix seconds, as if the clock showed UTC
	zone     *zone
	floating bool // no zone was named; zone is the feed's own then
	date     bool // a day, not a time of day
}

func (m moment) first() int64 { return m.zone.first(m.wall) }
func (m moment) last() int64  { return m.zone.last(m.wall) }

// in returns what a clock in z shows at m. A floating time is one of z: exceptions often lack the zone of their series.
func (m moment) in(z *zone) (wall int64, ok bool) {
	switch {
	case m.zone == nil: // not understood
		return 0, false
	case m.zone == z || m.floating || m.date:
		return m.wall, true
	case m.zone.loc == nil || z.loc == nil:
		return 0, false
	}
	at := m.first()
	_, offset := time.Unix(at, 0).In(z.loc).Zone()
	return at + int64(offset), true
}

// zone is where a clock hangs. Without loc nobody knows where that is; then first and last are as far apart as the
// offsets from UTC there are: +14 and -12 hours.
type zone struct{ loc *time.Location }

// first returns the earliest instant that the wall time can mean: the first of two, or the end of a gap.
func (z *zone) first(wall int64) int64 {
	if z.loc == nil {
		return wall - 14*hour
	}
	date, min, sec := split(wall)
	at, _, exists := calendar.Wall(date, min, z.loc)
	if !exists {
		return at
	}
	return at + sec
}

// last returns the latest one: the second of two, and for a time in a gap what a clock would mean that had not been put
// forward yet (RFC 5545 §3.3.5).
func (z *zone) last(wall int64) int64 {
	if z.loc == nil {
		return wall + 12*hour
	}
	date, min, sec := split(wall)
	_, at, exists := calendar.Wall(date, min, z.loc)
	if !exists {
		_, before := time.Unix(at-1, 0).In(z.loc).Zone()
		return wall - int64(before)
	}
	return at + sec
}

func split(wall int64) (date calendar.Date, min int, sec int64) {
	rest := ((wall % day) + day) % day
	return calendar.DateOf(wall-rest, time.UTC), int(rest / minute), rest % minute
}

// layouts are the forms of a time: those of RFC 5545 §3.3.5, and what is seen although it is none.
var layouts = []string{
	"20060102T150405", "20060102T1504", "2006-01-02T15:04:05",
	"20060102T150405Z0700", "20060102T150405Z07:00", time.RFC3339,
}

const dateLayout = "20060102"

// moment reads the value of a property, or one of its values, in the zone that the property names.
func (z *zones) moment(p property, value string) (m moment, ok bool) {
	value = strings.ToUpper(strings.TrimSpace(value))
	if len(value) == len(dateLayout) {
		t, err := time.Parse(dateLayout, value)
		m = moment{wall: t.Unix(), zone: z.own, floating: true, date: true}
		if p.tzid != "" && z.named(p.tzid).loc != nil {
			m.zone, m.floating = z.named(p.tzid), false
		}
		return m, err == nil
	}
	for i, layout := range layouts {
		t, err := time.Parse(layout, value)
		switch {
		case err != nil:
			continue
		case i > 2: // it has its own offset
			return moment{wall: t.Unix(), zone: z.utc}, true
		case p.tzid != "":
			return moment{wall: t.Unix(), zone: z.named(p.tzid)}, true
		}
		return moment{wall: t.Unix(), zone: z.own, floating: true}, true
	}
	return moment{}, false
}

// duration reads RFC 5545 §3.3.6, such as "P1DT2H" or "PT30M", in seconds; a day is 24 hours of wall time.
func duration(s string) (seconds int64, ok bool) {
	s = strings.ToUpper(strings.TrimSpace(s))
	negative := strings.HasPrefix(s, "-")
	s = strings.TrimLeft(s, "+-")
	s, ok = strings.CutPrefix(s, "P")
	if !ok || s == "" {
		return 0, false
	}
	units := map[byte]int64{'W': 7 * day, 'D': day}
	for s != "" {
		if s[0] == 'T' {
			units, s = map[byte]int64{'H': hour, 'M': minute, 'S': 1}, s[1:]
			continue
		}
		i := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
		if i <= 0 || i > 9 {
			return 0, false
		}
		n, err := strconv.ParseInt(s[:i], 10, 64)
		unit, known := units[s[i]]
		if err != nil || !known {
			return 0, false
		}
		seconds += n * unit
		s = s[i+1:]
	}
	if negative {
		seconds = -seconds
	}
	return seconds, seconds > -1e12 && seconds < 1e12
}
