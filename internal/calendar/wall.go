package calendar

import (
	"fmt"
	"time"
)

// Date is a calendar day without a zone.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// DateOf returns the day that clocks in loc show at the instant.
func DateOf(unix int64, loc *time.Location) Date {
	y, m, d := time.Unix(unix, 0).In(loc).Date()
	return Date{y, m, d}
}

// ParseDate reads a day written as 2006-01-02.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Date{}, fmt.Errorf("%.20q is not a date such as 2006-01-31", s)
	}
	y, m, d := t.Date()
	return Date{y, m, d}, nil
}

// String returns the day as 2006-01-02.
func (d Date) String() string { return d.utc().Format(time.DateOnly) }

// Format formats the day by a layout of package time.
func (d Date) Format(layout string) string { return d.utc().Format(layout) }

// AddDays returns the day n days later.
func (d Date) AddDays(n int) Date {
	y, m, day := d.utc().AddDate(0, 0, n).Date()
	return Date{y, m, day}
}

// Before reports whether d comes before o.
func (d Date) Before(o Date) bool { return d.utc().Before(o.utc()) }

// Weekday returns the day of the week.
func (d Date) Weekday() time.Weekday { return d.utc().Weekday() }

func (d Date) utc() time.Time { return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC) }

// Interval returns the day in loc: from its first existing instant to that of the next day. It is empty for a day that a
// zone skipped.
func (d Date) Interval(loc *time.Location) Interval {
	start, _, _ := Wall(d, 0, loc)
	end, _, _ := Wall(d, minutesPerDay, loc)
	return Interval{Start: start, End: end}
}

const minutesPerDay = 24 * 60

// wallReach is farther than any offset from UTC in the time zone database, local mean times included.
const wallReach = 16 * 60 * 60

// Wall turns wall time, minutes after midnight of a day in loc, into instants. A wall time that exists once gives
// first == last; one that exists twice, because clocks go back over it, gives its two instants; one that does not exist,
// because clocks go forward over it, gives the instant at which the gap ends, and exists is false.
// Minute 1440 is midnight of the next day.
func Wall(d Date, minute int, loc *time.Location) (first, last int64, exists bool) {
	wall := d.utc().Unix() + int64(minute)*60
	var gapEnd int64
	for s := segmentAt(wall-wallReach, loc); ; s = segmentAt(s.end, loc) {
		if t := wall - s.offset; s.start <= t && t < s.end {
			if !exists {
				first, exists = t, true
			}
			last = t
		} else if gapEnd == 0 && t < s.start {
			// Not reached before this segment, already past within it: either a gap ends here or an earlier segment
			// held the time; in the latter case exists is set and gapEnd is not used.
			gapEnd = s.start
		}
		if s.end >= wall+wallReach {
			break
		}
	}
	if !exists {
		return gapEnd, gapEnd, false
	}
	return first, last, true
}

// segment is a span of instants, [start, end), in which loc has one offset, in seconds east of UTC.
type segment struct {
	start, end, offset int64
}

const (
	beginningOfTime = -1 << 62
	endOfTime       = 1 << 62
)

func segmentAt(unix int64, loc *time.Location) segment {
	t := time.Unix(unix, 0).In(loc)
	_, offset := t.Zone()
	s := segment{start: beginningOfTime, end: endOfTime, offset: int64(offset)}
	start, end := t.ZoneBounds()
	if !start.IsZero() {
		s.start = start.Unix()
	}
	if !end.IsZero() {
		s.end = end.Unix()
	}
	if s.end <= unix {
		// Beyond the table of a zone, ZoneBounds ends the last day of some leap years, from 2040 on, before its own hours.
		// Without progress a walk over segments would not end.
		s.end = unix + 60*60
	}
	return s
}

// Segments calls yield for the parts of i, in order, in which loc has one offset from UTC (seconds, east positive), until
// yield returns false.
func Segments(i Interval, loc *time.Location, yield func(part Interval, offset int64) bool) {
	for at := i.Start; at < i.End; {
		s := segmentAt(at, loc)
		end := min(s.end, i.End)
		if !yield(Interval{at, end}, s.offset) {
			return
		}
		at = end
	}
}
