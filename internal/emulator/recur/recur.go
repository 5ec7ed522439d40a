// Package recur expands the recurrence rules that the emulated calendars need: RRULE with FREQ=DAILY, WEEKLY, MONTHLY
// or YEARLY, INTERVAL, COUNT, UNTIL, BYDAY and BYMONTHDAY, and EXDATE (RFC 5545 section 3.3.10). Occurrences keep
// their wall time in the zone of the first one, over every change of that zone's offset. Everything else of the RFC is
// refused, so that an emulator never expands a rule wrongly in silence.
package recur

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Freq is the unit of a rule's step.
type Freq string

// The frequencies that are understood.
const (
	Daily   Freq = "DAILY"
	Weekly  Freq = "WEEKLY"
	Monthly Freq = "MONTHLY"
	Yearly  Freq = "YEARLY"
)

// Day is a weekday, in a monthly rule optionally the N-th of the month: 1 the first, -1 the last, 0 every one.
type Day struct {
	N       int
	Weekday time.Weekday
}

// Rule is one RRULE.
type Rule struct {
	Freq     Freq
	Interval int // 1 or more
	Count    int // 0: no limit
	// Until is the last possible start, inclusive; zero: no limit. With UntilDate only its date counts, in the zone of
	// the series.
	Until      time.Time
	UntilDate  bool
	ByDay      []Day
	ByMonthDay []int
}

// Series is a first occurrence with what repeats it.
type Series struct {
	// First is the start of the first occurrence; its location is the zone in which wall time is kept. For all-day
	// series it is midnight UTC of the date.
	First    time.Time
	Rule     Rule
	Excluded []time.Time
}

var weekdays = []string{"SU", "MO", "TU", "WE", "TH", "FR", "SA"}

// lastYear ends the expansion of rules without an end.
const lastYear = 2200

const (
	dayForm  = "20060102"
	timeForm = "20060102T150405"
)

// Parse reads the recurrence lines of an event (RRULE and EXDATE) whose first occurrence starts at first.
func Parse(lines []string, first time.Time) (Series, error) {
	s := Series{First: first}
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return Series{}, errors.New("recurrence line without a colon")
		}
		name, params, _ := strings.Cut(name, ";")
		var err error
		switch strings.ToUpper(name) {
		case "RRULE":
			s.Rule, err = ParseRule(value)
		case "EXDATE":
			err = s.exclude(params, value)
		default:
			err = fmt.Errorf("unsupported recurrence line %q", name)
		}
		if err != nil {
			return Series{}, err
		}
	}
	if s.Rule.Freq == "" {
		return Series{}, errors.New("recurrence without an RRULE")
	}
	return s, nil
}

func (s *Series) exclude(params, value string) error {
	loc := s.First.Location()
	if zone, ok := strings.CutPrefix(params, "TZID="); ok {
		var err error
		if loc, err = time.LoadLocation(zone); err != nil {
			return fmt.Errorf("zone of EXDATE: %w", err)
		}
	}
	for v := range strings.SplitSeq(value, ",") {
		t, _, err := parseTime(v, loc)
		if err != nil {
			return err
		}
		s.Excluded = append(s.Excluded, t)
	}
	return nil
}

func parseTime(v string, loc *time.Location) (t time.Time, date bool, err error) {
	switch {
	case len(v) == len(dayForm):
		t, err = time.ParseInLocation(dayForm, v, loc)
		date = true
	case strings.HasSuffix(v, "Z"):
		t, err = time.Parse(timeForm+"Z", v)
	default:
		t, err = time.ParseInLocation(timeForm, v, loc)
	}
	if err != nil {
		return time.Time{}, false, errors.New("malformed time in a recurrence line")
	}
	return t, date, nil
}

// ParseRule reads the value of an RRULE line, without its name.
func ParseRule(value string) (Rule, error) {
	r := Rule{Interval: 1}
	for part := range strings.SplitSeq(value, ";") {
		key, val, _ := strings.Cut(part, "=")
		if err := r.set(strings.ToUpper(key), val); err != nil {
			return Rule{}, fmt.Errorf("RRULE: %w", err)
		}
	}
	if r.Freq == "" || r.Interval < 1 || r.Interval > 1000 || r.Count < 0 {
		return Rule{}, errors.New("RRULE without a valid FREQ, INTERVAL or COUNT")
	}
	if r.Freq == Yearly && len(r.ByDay)+len(r.ByMonthDay) > 0 || r.Freq != Monthly && len(r.ByMonthDay) > 0 {
		return Rule{}, errors.New("RRULE with parts that its FREQ does not support")
	}
	if r.Freq != Monthly && slices.ContainsFunc(r.ByDay, func(d Day) bool { return d.N != 0 }) {
		return Rule{}, errors.New("RRULE with a numbered day that is not monthly")
	}
	return r, nil
}

func (r *Rule) set(key, val string) (err error) {
	switch key {
	case "FREQ":
		r.Freq = Freq(strings.ToUpper(val))
		if !slices.Contains([]Freq{Daily, Weekly, Monthly, Yearly}, r.Freq) {
			return errors.New("unsupported FREQ")
		}
	case "INTERVAL":
		r.Interval, err = strconv.Atoi(val)
	case "COUNT":
		r.Count, err = strconv.Atoi(val)
	case "UNTIL":
		r.Until, r.UntilDate, err = parseTime(val, time.UTC)
	case "BYDAY":
		r.ByDay, err = parseDays(val)
	case "BYMONTHDAY":
		for v := range strings.SplitSeq(val, ",") {
			n, err := strconv.Atoi(v)
			if err != nil || n < 1 || n > 31 {
				return errors.New("unsupported BYMONTHDAY")
			}
			r.ByMonthDay = append(r.ByMonthDay, n)
		}
	case "WKST":
		if val != "MO" && val != "SU" {
			return errors.New("unsupported WKST")
		}
	default:
		return errors.New("unsupported part")
	}
	return err
}

func parseDays(val string) ([]Day, error) {
	var days []Day
	for v := range strings.SplitSeq(val, ",") {
		if len(v) < 2 {
			return nil, errors.New("malformed BYDAY")
		}
		d := Day{Weekday: time.Weekday(slices.Index(weekdays, strings.ToUpper(v[len(v)-2:])))}
		if d.Weekday < 0 {
			return nil, errors.New("malformed BYDAY")
		}
		if n := v[:len(v)-2]; n != "" {
			var err error
			if d.N, err = strconv.Atoi(n); err != nil || d.N == 0 || d.N < -5 || d.N > 5 {
				return nil, errors.New("malformed BYDAY")
			}
		}
		days = append(days, d)
	}
	return days, nil
}

// String returns the rule as an RRULE line with its name.
func (r Rule) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "RRULE:FREQ=%s", r.Freq)
	if r.Interval > 1 {
		fmt.Fprintf(&b, ";INTERVAL=%d", r.Interval)
	}
	if r.Count > 0 {
		fmt.Fprintf(&b, ";COUNT=%d", r.Count)
	}
	switch {
	case r.Until.IsZero():
	case r.UntilDate:
		b.WriteString(";UNTIL=" + r.Until.Format(dayForm))
	default:
		b.WriteString(";UNTIL=" + r.Until.UTC().Format(timeForm) + "Z")
	}
	for i, d := range r.ByDay {
		b.WriteString([]string{";BYDAY=", ","}[min(i, 1)])
		if d.N != 0 {
			b.WriteString(strconv.Itoa(d.N))
		}
		b.WriteString(weekdays[d.Weekday])
	}
	for i, n := range r.ByMonthDay {
		b.WriteString([]string{";BYMONTHDAY=", ","}[min(i, 1)] + strconv.Itoa(n))
	}
	return b.String()
}

// Starts yields the starts of the series in order, without the excluded ones. It may have no end within a human's
// time: the caller breaks off.
func (s Series) Starts() iter.Seq[time.Time] {
	return func(yield func(time.Time) bool) {
		n := 0
		for t := range s.candidates() {
			if t.Before(s.First) {
				continue
			}
			if s.past(t) || (s.Rule.Count > 0 && n >= s.Rule.Count) {
				return
			}
			n++
			if slices.ContainsFunc(s.Excluded, t.Equal) {
				continue
			}
			if !yield(t) {
				return
			}
		}
	}
}

func (s Series) past(t time.Time) bool {
	switch {
	case s.Rule.Until.IsZero():
		return t.Year() > lastYear
	case s.Rule.UntilDate:
		return t.Format(dayForm) > s.Rule.Until.Format(dayForm)
	}
	return t.After(s.Rule.Until)
}

// at returns the wall time of the series on a date. A time that the clock shows twice is the first of the two, and one
// that it skips is read with the offset before the gap (RFC 5545 section 3.3.5).
func (s Series) at(y int, m time.Month, d int) time.Time {
	f := s.First
	naive := time.Date(y, m, d, f.Hour(), f.Minute(), f.Second(), 0, time.UTC)
	if sameDay(naive, f) {
		return f
	}
	_, offset := naive.AddDate(0, 0, -1).In(f.Location()).Zone()
	before := naive.Add(-time.Duration(offset) * time.Second).In(f.Location())
	after := time.Date(y, m, d, f.Hour(), f.Minute(), f.Second(), 0, f.Location())
	if !sameWall(before, naive) && sameWall(after, naive) {
		return after
	}
	return before
}

func sameDay(a, b time.Time) bool {
	ay, am, ad := a.Date()
	by, bm, bd := b.Date()
	return ay == by && am == bm && ad == bd
}

func sameWall(a, b time.Time) bool {
	return sameDay(a, b) && a.Hour() == b.Hour() && a.Minute() == b.Minute() && a.Second() == b.Second()
}

// candidates yields the days that the rule names, in order, beginning no later than the first occurrence.
func (s Series) candidates() iter.Seq[time.Time] {
	return func(yield func(time.Time) bool) {
		y, m, d := s.First.Date()
		step := s.Rule.Interval
		for i := 0; y <= lastYear; i++ {
			var group []time.Time
			switch s.Rule.Freq {
			case Daily:
				group = s.onWeekdays(s.at(y, m, d+i*step))
			case Weekly:
				group = s.week(y, m, d+7*i*step)
			case Monthly:
				group = s.month(y, m+time.Month(i*step))
			case Yearly:
				if t := s.at(y+i*step, m, d); t.Day() == d {
					group = []time.Time{t}
				}
			}
			for _, t := range group {
				if t.Year() > lastYear || !yield(t) {
					return
				}
			}
			if y+i/366 > lastYear { // a rule that names no day at all
				return
			}
		}
	}
}

func (s Series) onWeekdays(t time.Time) []time.Time {
	if len(s.Rule.ByDay) == 0 || slices.ContainsFunc(s.Rule.ByDay, func(d Day) bool { return d.Weekday == t.Weekday() }) {
		return []time.Time{t}
	}
	return nil
}

// week returns the days of the rule in the week, beginning on Monday, that holds the date.
func (s Series) week(y int, m time.Month, d int) []time.Time {
	t := s.at(y, m, d)
	if len(s.Rule.ByDay) == 0 {
		return []time.Time{t}
	}
	y, m, d = t.Date()
	monday := d - (int(t.Weekday())+6)%7
	var out []time.Time
	for i := range 7 {
		out = append(out, s.onWeekdays(s.at(y, m, monday+i))...)
	}
	return out
}

// month returns the days of the rule in a month; m may lie beyond December.
func (s Series) month(y int, m time.Month) []time.Time {
	first := s.at(y, m, 1)
	y, m, _ = first.Date()
	days := s.Rule.ByMonthDay
	if len(days) == 0 && len(s.Rule.ByDay) == 0 {
		days = []int{s.First.Day()}
	}
	length := time.Date(y, m+1, 0, 0, 0, 0, 0, time.UTC).Day()
	var out []time.Time
	for d := 1; d <= length; d++ {
		t := s.at(y, m, d)
		if slices.Contains(days, d) || slices.ContainsFunc(s.Rule.ByDay, func(day Day) bool { return day.is(t, length) }) {
			out = append(out, t)
		}
	}
	return out
}

// is reports whether t, in a month of the given length, is the day.
func (d Day) is(t time.Time, length int) bool {
	if t.Weekday() != d.Weekday {
		return false
	}
	switch {
	case d.N > 0:
		return (t.Day()-1)/7+1 == d.N
	case d.N < 0:
		return (length-t.Day())/7+1 == -d.N
	}
	return true
}
