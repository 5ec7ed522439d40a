package config

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"slotd/internal/booking"
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

// hours reads the opening hours of a resource.
func (t *table) hours() booking.Hours {
	var out booking.Hours
	v := t.typed("hours", kindTable)
	if v == nil {
		if t.node.values["hours"] == nil {
			t.d.fault(t.node.line, t.place, `hours is missing: write hours = { mon-fri = ["09:00-17:00"] }`)
		}
		return out
	}
	before := len(t.d.faults)
	var setBy [7]string
	open := false
	for _, key := range v.keys {
		days := t.days(key, v.values[key].line)
		spans := t.spans(key, v.values[key])
		open = open || len(spans) > 0
		for _, day := range days {
			if setBy[day] != "" {
				t.d.fault(v.values[key].line, t.place, "hours: %s is set by %s and by %s", dayNames[day], setBy[day], key)
				continue
			}
			setBy[day] = key
			out[day] = slices.Clone(spans)
		}
	}
	if !open && len(t.d.faults) == before {
		t.bad("hours", `are empty: write hours = { mon-fri = ["09:00-17:00"] }`)
	}
	return out
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
func (t *table) spans(key string, v *node) []booking.Span {
	if v.kind != kindArray {
		t.d.fault(v.line, t.place, `hours: %s must be an array such as ["09:00-12:00", "13:00-17:00"], not %s`, key, v.kind)
		return nil
	}
	var spans []span
	for _, item := range v.items {
		s, problem := parseSpan(item)
		if problem != "" {
			t.d.fault(item.line, t.place, "hours: %s: %s", key, problem)
			continue
		}
		spans = append(spans, s)
	}
	slices.SortStableFunc(spans, func(a, b span) int { return cmp.Compare(a.From, b.From) })
	var out []booking.Span
	for i, s := range spans {
		if i > 0 && s.From < spans[i-1].To {
			t.d.fault(s.line, t.place, "hours: %s: %s overlaps %s", key, s.text, spans[i-1].text)
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
	case s.To <= s.From:
		return s, fmt.Sprintf("%s ends before it begins: hours past midnight are two openings, up to 24:00 and from 00:00", n.text)
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
