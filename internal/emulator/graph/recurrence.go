package graph

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"slotd/internal/emulator/recur"
)

// patternedRecurrence is the resource of that name.
type patternedRecurrence struct {
	Pattern struct {
		Type       string   `json:"type"`
		Interval   int      `json:"interval"`
		DaysOfWeek []string `json:"daysOfWeek"`
		DayOfMonth int      `json:"dayOfMonth"`
		Index      string   `json:"index"`
	} `json:"pattern"`
	Range struct {
		Type                string `json:"type"`
		StartDate           string `json:"startDate"`
		EndDate             string `json:"endDate"`
		NumberOfOccurrences int    `json:"numberOfOccurrences"`
	} `json:"range"`
}

var indexes = []string{"first", "second", "third", "fourth", "last"}

// rule turns the resource into an RRULE line.
func (p *patternedRecurrence) rule() (string, error) {
	r := recur.Rule{Interval: max(p.Pattern.Interval, 1)}
	n := 0
	switch p.Pattern.Type {
	case "daily":
		r.Freq = recur.Daily
	case "weekly":
		r.Freq = recur.Weekly
	case "absoluteMonthly":
		r.Freq, r.ByMonthDay = recur.Monthly, []int{p.Pattern.DayOfMonth}
	case "relativeMonthly":
		r.Freq = recur.Monthly
		if n = slices.Index(indexes, p.Pattern.Index) + 1; n == len(indexes) {
			n = -1
		}
	case "absoluteYearly":
		r.Freq = recur.Yearly
	default:
		return "", errors.New("unsupported pattern")
	}
	if r.Freq == recur.Weekly || p.Pattern.Type == "relativeMonthly" {
		for _, name := range p.Pattern.DaysOfWeek {
			i := slices.IndexFunc(days(), func(d string) bool { return strings.EqualFold(d, name) })
			if i < 0 {
				return "", errors.New("unknown day of the week")
			}
			r.ByDay = append(r.ByDay, recur.Day{N: n, Weekday: time.Weekday(i)})
		}
	}
	switch p.Range.Type {
	case "numbered":
		r.Count = p.Range.NumberOfOccurrences
	case "endDate":
		until, err := time.Parse(dateForm, p.Range.EndDate)
		if err != nil {
			return "", fmt.Errorf("endDate: %w", err)
		}
		r.Until, r.UntilDate = until, true
	}
	return r.String(), nil
}

// wireRecurrence renders the rule of a master. Excluded dates are not part of it.
func wireRecurrence(e *Event) any {
	var rule recur.Rule
	for _, line := range e.Recurrence {
		if value, ok := strings.CutPrefix(line, "RRULE:"); ok {
			rule, _ = recur.ParseRule(value) // was checked by normalize
		}
	}
	loc, err := zoneNamed(e.Zone)
	if err != nil {
		loc = time.UTC
	}
	first := e.Start.In(loc).Format(dateForm)
	if e.AllDay {
		first = e.StartDate
	}
	pattern := object{"interval": rule.Interval, "firstDayOfWeek": "sunday"}
	for _, d := range rule.ByDay {
		names, _ := pattern["daysOfWeek"].([]string)
		pattern["daysOfWeek"] = append(names, days()[d.Weekday])
		switch {
		case d.N > 0:
			pattern["index"] = indexes[d.N-1]
		case d.N < 0:
			pattern["index"] = "last"
		}
	}
	switch {
	case rule.Freq == recur.Daily:
		pattern["type"] = "daily"
	case rule.Freq == recur.Weekly:
		pattern["type"] = "weekly"
	case rule.Freq == recur.Yearly:
		pattern["type"] = "absoluteYearly"
	case len(rule.ByDay) > 0:
		pattern["type"] = "relativeMonthly"
	default:
		pattern["type"], pattern["dayOfMonth"] = "absoluteMonthly", append(rule.ByMonthDay, e.Start.In(loc).Day())[0]
	}
	span := object{"type": "noEnd", "startDate": first, "endDate": "0001-01-01", "recurrenceTimeZone": e.Zone,
		"numberOfOccurrences": rule.Count}
	switch {
	case rule.Count > 0:
		span["type"] = "numbered"
	case !rule.Until.IsZero():
		span["type"], span["endDate"] = "endDate", rule.Until.Format(dateForm)
	}
	return object{"pattern": pattern, "range": span}
}

func days() []string {
	return []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}
}
