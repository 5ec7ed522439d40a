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

// errPartOfADay means that a file of holidays holds something else than days.
var errPartOfADay = errors.New(`it holds events of part of a day: put those into an account of provider "ics" whose calendar ` +
	`blocks the resources`)

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
		return nil, err
	}
	if odd != "" {
		return nil, fmt.Errorf("one of its events cannot be understood: %s", odd)
	}
	return datesOf(snapshot.Events)
}

// datesOf returns the days of events that last whole ones.
func datesOf(events []calendar.Event) ([]calendar.Date, error) {
	var out []calendar.Date
	const day = 24 * 60 * 60
	for _, e := range events {
		if e.Interval.Start%day != 0 || e.Interval.End%day != 0 {
			return nil, errPartOfADay
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

// Never returns what can never be booked by the rules of a config whose holidays were read.
func Never(cfg *config.Config) []booking.Never {
	return booking.NewCatalog(cfg.Bookable()).Never(time.Now())
}

// warnOfNever logs what can never be booked.
func (p *parts) warnOfNever() {
	for _, n := range p.desk.Catalog().Never(time.Now()) {
		p.log.Warn("this can never be booked", "service", n.Service, "resource", n.Resource, "department", n.Department,
			"why", n.Why)
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
	never := Never(&own)
	for _, n := range never {
		f.warn("rules", "%s", n)
	}
	if len(never) == 0 {
		f.ok("rules", "each service can be booked, and each resource, as far as rules go")
	}
}
