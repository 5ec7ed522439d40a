package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"slotd/internal/booking"
	"slotd/internal/calendar"
)

// maxHoliday is the length of a holiday's title, in characters. Only staff see it.
const maxHoliday = 60

func (d *decoder) holidays(records []*table, refs *references) []Holiday {
	var out []Holiday
	for _, t := range records {
		out = append(out, t.holiday(refs))
		t.done()
	}
	return out
}

func (t *table) holiday(refs *references) Holiday {
	title := t.oneLine("title", "Christmas")
	if n := utf8.RuneCountInString(title); n > maxHoliday {
		t.bad("title", "has %d characters: %d at most", n, maxHoliday)
	} else {
		t.named("holiday", title)
	}
	h := Holiday{
		Holiday: booking.Holiday{
			Title:       title,
			Departments: t.mentioned("departments", "department", &refs.departments),
			Resources:   t.mentioned("resources", "resource", &refs.resources),
		},
		File: t.path("file", ""), listed: t.closedDates("dates"), place: t.place, line: t.line("file"),
	}
	if t.has("dates") == "" && t.has("file") == "" {
		t.d.fault(t.node.line, t.place, `dates is missing: write dates = ["2026-12-24", "12-25"], or file = "holidays.ics"`)
	}
	h.Dates = maps.Clone(h.listed)
	return h
}

// closedDates reads a list of dates, written as strings or as TOML's own.
func (t *table) closedDates(key string) map[calendar.Date]bool {
	out := map[calendar.Date]bool{}
	v := t.typed(key, kindArray)
	if v == nil {
		return out
	}
	if len(v.items) == 0 {
		t.bad(key, `is empty: write %s = ["2026-12-24", "12-25"], or remove it`, key)
	}
	seen := map[calendar.Date]string{}
	for _, item := range v.items {
		if item.kind != kindString && item.kind != kindDate {
			t.d.fault(item.line, t.place, `%s must hold dates such as "2026-12-24", not %s`, key, item.kind)
			continue
		}
		for _, d := range t.dates(key, item.text, item.line, seen) {
			out[d] = true
		}
	}
	return out
}

// Bounds of a file of holidays: its size, its dates, and after how many wrong lines the others are left alone.
const (
	holidaysSize  = 1 << 20
	holidaysDates = 10_000
	holidaysWrong = 5
)

// ReadHolidays adds the dates of the files that the config names to Holidays: lists of dates, and, by way of ics, files whose
// name ends with .ics. Every call reads all files anew and forgets what the last one read. The error, if any, is a [Faults];
// the dates of files with a fault stay as they are. Not to be called concurrently with anything that reads Holidays.
func (c *Config) ReadHolidays(ics func(path string) ([]calendar.Date, error)) error {
	var faults Faults
	for i := range c.Holidays {
		h := &c.Holidays[i]
		if h.File == "" {
			continue
		}
		dates, problems := h.read(ics)
		for _, problem := range problems {
			faults = append(faults, Fault{Path: c.Path, Line: h.line, Place: h.place, Problem: problem})
		}
		if len(problems) > 0 {
			continue
		}
		h.Dates = maps.Clone(h.listed) // a Bookable of before keeps its own
		for _, d := range dates {
			h.Dates[d] = true
		}
	}
	if len(faults) > 0 {
		return faults.sorted()
	}
	return nil
}

// read returns the dates of the file, or what is wrong with it.
func (h *Holiday) read(ics func(path string) ([]calendar.Date, error)) (dates []calendar.Date, problems []string) {
	data, err := readBounded(h.File, holidaysSize)
	if err != nil {
		return nil, []string{fmt.Sprintf("file cannot be read: %v", err)}
	}
	if strings.EqualFold(filepath.Ext(h.File), ".ics") {
		if dates, err = ics(h.File); err != nil {
			return nil, []string{fmt.Sprintf("file %s is no calendar of holidays: %v", h.File, err)}
		}
	} else {
		dates, problems = parseList(data)
		for i, p := range problems {
			problems[i] = fmt.Sprintf("file %s, %s", h.File, p)
		}
	}
	if len(dates) == 0 && len(problems) == 0 {
		problems = []string{fmt.Sprintf("file %s holds no dates: give it some, or remove the key", h.File)}
	}
	return dates, problems
}

// readBounded reads a regular file of up to limit bytes.
func readBounded(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path) // opening a pipe would wait
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if int64(len(data)) > limit {
		return nil, errors.New(path + " is longer than 1 MiB")
	}
	return data, nil
}

// parseList reads a list of dates, a line each: "2026-12-25 Christmas Day", where what follows the date is for people.
func parseList(data []byte) (dates []calendar.Date, problems []string) {
	n := 0
	for line := range bytes.Lines(bytes.TrimPrefix(data, []byte("\ufeff"))) {
		n++
		text, _, _ := strings.Cut(string(line), "#")
		fields := strings.Fields(text)
		if len(fields) == 0 {
			continue
		}
		more, problem := parseDates(fields[0])
		if problem == "" {
			problem = spaced(fields)
		}
		dates = append(dates, more...)
		if len(dates) > holidaysDates {
			return nil, append(problems, fmt.Sprintf("line %d: more than %d dates: are the years right?", n, holidaysDates))
		}
		if problem != "" {
			problems = append(problems, fmt.Sprintf("line %d: %s", n, problem))
		}
		if len(problems) == holidaysWrong {
			return nil, append(problems, fmt.Sprintf("line %d: what follows was not read", n+1))
		}
	}
	return dates, problems
}

// spaced says what is wrong with a line whose date is followed by another: a span that was written with spaces would
// otherwise be its first day alone.
func spaced(fields []string) string {
	for i := 1; i < min(3, len(fields)); i++ {
		if _, problem := parseDates(strings.Trim(fields[i], "/-–—,;")); problem == "" {
			return fmt.Sprintf("%.60q has two dates: write a span without spaces, 2026-12-24/2027-01-01, and other dates on lines "+
				"of their own", strings.Join(fields[:i+1], " "))
		}
	}
	return ""
}
