package booking

import (
	"fmt"
	"time"

	"slotd/internal/calendar"
)

// Label returns the wall time of an instant as "14:30". Where clocks go back and the label occurs twice that day, the
// offset tells the two apart: "02:30 (UTC+2)".
func Label(start int64, zone *time.Location) string {
	t := time.Unix(start, 0).In(zone)
	d := calendar.DateOf(start, zone)
	first, last, _ := calendar.Wall(d, t.Hour()*60+t.Minute(), zone)
	label := t.Format("15:04")
	if first == last {
		return label
	}
	_, offset := t.Zone()
	return fmt.Sprintf("%s (%s)", label, offsetName(offset))
}

func offsetName(seconds int) string {
	sign := '+'
	if seconds < 0 {
		sign, seconds = '-', -seconds
	}
	if minutes := seconds / 60 % 60; minutes != 0 {
		return fmt.Sprintf("UTC%c%d:%02d", sign, seconds/3600, minutes)
	}
	return fmt.Sprintf("UTC%c%d", sign, seconds/3600)
}

// DayLabel returns a short name of a day, such as "Tue 24 Nov".
func DayLabel(d calendar.Date) string { return d.Format("Mon 2 Jan") }

// LongLabel returns day and time of an instant, such as "Tue 24 Nov · 14:30".
func LongLabel(start int64, zone *time.Location) string {
	return DayLabel(calendar.DateOf(start, zone)) + " · " + Label(start, zone)
}

// Part is a stretch of a day whose slots fit on one screen.
type Part struct {
	ID     string
	Title  string
	Starts []int64
}

// The parts of a day and the hours at which they end.
var dayParts = []struct {
	id, title string
	until     int // hour
}{
	{"morning", "Morning", 12},
	{"afternoon", "Afternoon", 17},
	{"evening", "Evening", 24},
}

// Parts splits the sorted start times of one day into parts of at most limit each, so that none is unreachable: morning,
// afternoon and evening, and where one of these holds more, into stretches named by their first and last start.
// Times that fit on one screen are a single part.
func Parts(starts []int64, zone *time.Location, limit int) []Part {
	if len(starts) <= limit {
		return []Part{{ID: "day", Title: "All day", Starts: starts}}
	}
	var parts []Part
	rest := starts
	for _, p := range dayParts {
		n := 0
		for n < len(rest) && time.Unix(rest[n], 0).In(zone).Hour() < p.until {
			n++
		}
		parts = append(parts, split(Part{p.id, p.title, rest[:n]}, zone, limit)...)
		rest = rest[n:]
	}
	return parts
}

// split cuts a part into as few even stretches as fit the limit; an empty part vanishes.
func split(p Part, zone *time.Location, limit int) []Part {
	n := len(p.Starts)
	if n == 0 {
		return nil
	}
	pieces := (n + limit - 1) / limit
	if pieces == 1 {
		return []Part{p}
	}
	out := make([]Part, 0, pieces)
	for i := range pieces {
		starts := p.Starts[i*n/pieces : (i+1)*n/pieces]
		out = append(out, Part{
			ID:     fmt.Sprintf("%s-%d", p.ID, i+1),
			Title:  fmt.Sprintf("%s %s–%s", p.Title, clock(starts[0], zone), clock(starts[len(starts)-1], zone)),
			Starts: starts,
		})
	}
	return out
}

func clock(start int64, zone *time.Location) string {
	return time.Unix(start, 0).In(zone).Format("15:04")
}
