package config

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"slotd/internal/booking"
	"slotd/internal/calendar"
)

// dayNames are the keys of hours, by time.Weekday.
var dayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

const minutesPerDay = 24 * 60

// span is an opening and the line where it stands.
type span struct {
	booking.Span
	line int
	text string
}

// hours reads weekly opening hours; nil where the file does not say any.
func (t *table) hours() *booking.Hours {
	v := t.get("hours")
	if v == nil {
		return nil
	}
	var out booking.Hours
	before := len(t.d.faults)
	if v.kind == kindTable {
		out = t.week(v)
	} else {
		t.bad("hours", `must be a table such as { mon-fri = ["09:00-17:00"] }, not %s`, v.kind)
	}
	if len(t.d.faults) > before {
		for i := range out { // whatever was meant, it is open: one slip is one fault
			out[i] = []booking.Span{{To: minutesPerDay}}
		}
	}
	return &out
}

func (t *table) week(v *node) (out booking.Hours) {
	var setBy [7]string
	for _, key := range v.keys {
		days := t.days(key, v.values[key].line)
		if days == nil && v.values[key].kind != kindArray {
			continue // another key that has slipped in here: one slip is one fault
		}
		spans := t.spans("hours", key, v.values[key])
		for _, day := range days {
			if setBy[day] != "" {
				t.d.fault(v.values[key].line, t.place, "hours: %s is set by %s and by %s", dayNames[day], setBy[day], key)
				continue
			}
			setBy[day] = key
			out[day] = slices.Clone(spans)
		}
	}
	return out
}

// dated reads the opening hours of single dates; nil where the file does not say any.
func (t *table) dated(key string) booking.Dated {
	v := t.get(key)
	if v == nil {
		return nil
	}
	out := booking.Dated{}
	before := len(t.d.faults)
	if v.kind != kindTable {
		t.bad(key, `must be a table such as { 2026-12-24 = ["09:00-12:00"] }, not %s`, v.kind)
	}
	seen := map[calendar.Date]string{}
	for _, text := range v.keys {
		days := t.dates(key, text, v.values[text].line, seen)
		if days == nil && v.values[text].kind != kindArray {
			continue // as with hours
		}
		spans := t.spans(key, text, v.values[text])
		for _, d := range days {
			out[d] = spans
		}
	}
	if len(t.d.faults) > before {
		out[calendar.Date{}] = []booking.Span{{To: minutesPerDay}} // as with hours
	}
	return out
}

// dates reads dates of a key and reports those that another text has already said; seen holds which.
func (t *table) dates(key, text string, line int, seen map[calendar.Date]string) []calendar.Date {
	dates, problem := parseDates(text)
	if problem != "" {
		t.d.fault(line, t.place, "%s: %s", key, problem)
	}
	for _, d := range dates {
		before, twice := seen[d]
		switch {
		case twice && before == text:
			t.d.fault(line, t.place, "%s: %q is there twice: name it once", key, text)
			return nil
		case twice:
			t.d.fault(line, t.place, "%s: %s is in %q and in %q: name it once", key, dateText(d), before, text)
			return nil
		}
		seen[d] = text
	}
	return dates
}

// Bounds of what is no slip: the days of a span of dates, of one in every year, which can be the wrong way round and goes over
// the new year then, and the years that anybody plans for.
const (
	mostDates           = 1000
	mostYearly          = 100
	firstYear, lastYear = 2000, 2999
)

const datesForm = `a date such as 2026-12-24, dates such as 2026-12-24/2027-01-01, or without the year for every year: 12-25`

// parseDates reads a date or a span of dates. Those without a year are of every year, and get the year zero.
func parseDates(text string) (out []calendar.Date, problem string) {
	first, last, isSpan := strings.Cut(text, "/")
	if !isSpan {
		last = first
	}
	from, yearly, problem := parseDate(first)
	to, yearlyTo, problemTo := parseDate(last)
	switch {
	case problem != "":
		return nil, problem
	case problemTo != "":
		return nil, problemTo
	case yearly != yearlyTo:
		return nil, fmt.Sprintf("%.40q has a year at one end only: write it at both, or at none", text)
	case to.Before(from) && !yearly:
		return nil, fmt.Sprintf("%s ends before it begins: write %s/%s", text, last, first)
	case to.Before(from):
		to.Year++ // over the new year
	}
	most := mostDates
	if yearly {
		most = mostYearly
	}
	for d := from; !to.Before(d); d = d.AddDays(1) {
		if len(out) == most {
			return nil, fmt.Sprintf("%s is more than %d days: is its end right?", text, most)
		}
		out = append(out, d)
		if yearly {
			out[len(out)-1].Year = 0
		}
	}
	return out, ""
}

// parseDate reads a date with a year or, yearly, without; that one has a leap year.
func parseDate(text string) (d calendar.Date, yearly bool, problem string) {
	const leapYear = "2000-"
	full := text
	if yearly = len(text) == len("12-25"); yearly {
		full = leapYear + text
	}
	d, err := calendar.ParseDate(full)
	switch {
	case err != nil && dateForm.MatchString(full):
		return d, yearly, fmt.Sprintf("%s does not exist: month and day stand as in 2026-12-24 and 12-24", text)
	case err != nil:
		return d, yearly, fmt.Sprintf("%.40q must be %s", text, datesForm)
	case d.Year < firstYear || d.Year > lastYear:
		return d, yearly, fmt.Sprintf("%s is in no year from %d to %d", text, firstYear, lastYear)
	}
	return d, yearly, ""
}

var dateForm = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)

// dateText returns a date as the file writes it.
func dateText(d calendar.Date) string {
	if d.Year == 0 {
		return d.Format("01-02")
	}
	return d.String()
}

// days returns the weekdays of a key: "mon", or "mon-fri". A range may run over the end of the week.
func (t *table) days(key string, line int) []int {
	from, to, isRange := strings.Cut(key, "-")
	first, last := slices.Index(dayNames, from), slices.Index(dayNames, to)
	if !isRange {
		last = first
	}
	if first < 0 || last < 0 {
		wrong := from
		if first >= 0 {
			wrong = to
		}
		t.d.fault(line, t.place, `hours: unknown day %q%s`, key, suggest(closest(wrong, dayNames)))
		return nil
	}
	days := []int{first}
	for day := first; day != last; {
		day = (day + 1) % 7
		days = append(days, day)
	}
	return days
}

// spans reads the openings of one key, sorted.
func (t *table) spans(what, key string, v *node) []booking.Span {
	if v.kind != kindArray {
		t.d.fault(v.line, t.place, `%s: %s must be an array such as ["09:00-12:00", "13:00-17:00"], not %s`, what, key, v.kind)
		return nil
	}
	var spans []span
	for _, item := range v.items {
		s, problem := parseSpan(item)
		if problem != "" {
			t.d.fault(item.line, t.place, "%s: %s: %s", what, key, problem)
			continue
		}
		spans = append(spans, s)
	}
	slices.SortStableFunc(spans, func(a, b span) int { return cmp.Compare(a.From, b.From) })
	var out []booking.Span
	for i, s := range spans {
		if i > 0 && s.From < spans[i-1].To {
			both := booking.Span{From: spans[i-1].From, To: max(s.To, spans[i-1].To)}
			t.d.fault(s.line, t.place, "%s: %s: %s overlaps %s: write %s", what, key, s.text, spans[i-1].text, both)
			continue
		}
		out = append(out, s.Span)
	}
	return out
}

func parseSpan(n *node) (s span, problem string) {
	s.line, s.text = n.line, n.text
	from, to, ok := strings.Cut(n.text, "-")
	if n.kind != kindString {
		return s, fmt.Sprintf(`must hold strings such as "09:00-12:00", not %s`, n.kind)
	}
	var okFrom, okTo bool
	s.From, okFrom = parseClock(from)
	s.To, okTo = parseClock(to)
	switch {
	case !ok || !okFrom || !okTo:
		return s, fmt.Sprintf(`%q must be two times from 00:00 to 24:00, such as "09:00-12:00"`, n.text)
	case s.To == s.From:
		return s, fmt.Sprintf("%s is no time at all: write 00:00-24:00 for the whole day, and [] for closed", n.text)
	case s.To == 0:
		return s, fmt.Sprintf("%s ends before it begins: write %s", n.text, booking.Span{From: s.From, To: minutesPerDay})
	case s.To < s.From:
		return s, fmt.Sprintf("%s ends before it begins: past midnight, write %s, and %s on the next day; "+
			"appointments go on over midnight", n.text, booking.Span{From: s.From, To: minutesPerDay}, booking.Span{To: s.To})
	}
	return s, ""
}

// parseClock reads HH:MM as minutes since midnight.
func parseClock(s string) (int, bool) {
	hh, mm, ok := strings.Cut(strings.TrimSpace(s), ":")
	h, errH := strconv.ParseUint(hh, 10, 8)
	m, errM := strconv.ParseUint(mm, 10, 8)
	if !ok || errH != nil || errM != nil || len(hh) > 2 || len(mm) != 2 || m > 59 {
		return 0, false
	}
	total := int(h)*60 + int(m)
	return total, total <= minutesPerDay
}
