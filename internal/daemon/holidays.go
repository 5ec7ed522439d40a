package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"slotd/adapters/ics"
	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/internal/config"
)

// The days around now of which the holidays in an iCalendar file are known.
const (
	holidaysBefore = 400 * 24 * time.Hour
	holidaysAhead  = 4 * 366 * 24 * time.Hour
)

// LoadHolidays reads the files of holidays that the config names; until then it has only the dates that it lists itself. The
// error, if any, is a config.Faults.
func LoadHolidays(cfg *config.Config) error { return cfg.ReadHolidays(holidaysIn) }

// holidaysIn returns the days on which events of an iCalendar file lie, whether they are marked as busy or as free: programs
// mark holidays as free.
func holidaysIn(path string) ([]calendar.Date, error) {
	const name = "holidays"
	odd := ""
	client, err := ics.New(ics.Options{
		Feeds: map[string]ics.Feed{name: {File: path, Zone: time.UTC}}, AllDayBusy: func(string) bool { return true },
		Report: func(_ string, _ calendar.Interval, found []ics.Oddity) {
			for _, o := range found {
				if o.Kind != ics.NoEvents {
					odd = o.Kind
				}
			}
		},
	})
	if err != nil {
		return nil, err
	}
	now := time.Now()
	window := calendar.Interval{
		Start: calendar.DateOf(now.Add(-holidaysBefore).Unix(), time.UTC).Interval(time.UTC).Start,
		End:   calendar.DateOf(now.Add(holidaysAhead).Unix(), time.UTC).Interval(time.UTC).Start,
	}
	snapshot, err := client.Read(context.Background(), name, window)
	if err != nil {
		return nil, unreadable(err)
	}
	if odd != "" {
		return nil, fmt.Errorf("one of its events cannot be understood: %s", odd)
	}
	return datesOf(snapshot.Events)
}

// unreadable says in words why the text of a file is no calendar.
func unreadable(err error) error {
	var e *calendar.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Reason {
	case "notACalendar":
		return errors.New("it does not begin with BEGIN:VCALENDAR")
	case "truncated":
		return errors.New("its end is missing: get it anew")
	}
	return err
}

// datesOf returns the days of events that last whole ones.
func datesOf(events []calendar.Event) ([]calendar.Date, error) {
	var out []calendar.Date
	const day = 24 * 60 * 60
	for _, e := range events {
		if e.Interval.Start%day != 0 || e.Interval.End%day != 0 {
			return nil, fmt.Errorf(`it holds an event of part of a day, at %s: put such events into an account of provider "ics" `+
				`whose calendar blocks the resources`, time.Unix(e.Interval.Start, 0).UTC().Format("2006-01-02 15:04 MST"))
		}
		if !e.Busy {
			continue // people work then, elsewhere
		}
		for at := e.Interval.Start; at < e.Interval.End; at += day {
			out = append(out, calendar.DateOf(at, time.UTC))
		}
	}
	return out, nil
}

// Warnings says what is surely not meant in a config that has no fault and whose holidays were read: what can never be booked
// by its rules, and holidays that are all over.
func Warnings(cfg *config.Config) []string {
	return warnings(booking.NewCatalog(cfg.Bookable()), time.Now())
}

// mostNever bounds how many of what can never be booked are named.
const mostNever = 50

func warnings(c *booking.Catalog, now time.Time) (out []string) {
	never := c.Never(now)
	for _, n := range never[:min(len(never), mostNever)] {
		out = append(out, n.String())
	}
	if more := len(never) - mostNever; more > 0 {
		out = append(out, fmt.Sprintf("and %d more can never be booked", more))
	}
	today := calendar.DateOf(now.Unix(), c.Business().Zone)
	for _, h := range c.Business().Holidays {
		if h.Over(today) {
			out = append(out, fmt.Sprintf("holiday %q: all of its dates are past", h.Title))
		}
	}
	return out
}

// warn logs what is surely not meant.
func (p *parts) warn() {
	for _, w := range warnings(p.catalog, time.Now()) {
		p.log.Warn("the rules of the config", "warning", w)
	}
}

// rules says what can never be booked.
func (f *findings) rules(cfg *config.Config) {
	own := *cfg // a daemon uses cfg meanwhile
	own.Holidays = slices.Clone(cfg.Holidays)
	if err := LoadHolidays(&own); err != nil {
		f.fail("rules", "%v", err)
		return
	}
	all := Warnings(&own)
	for _, w := range all {
		f.warn("rules", "%s", w)
	}
	if len(all) == 0 {
		f.ok("rules", "each service can be booked, and each resource, as far as rules go")
	}
}
