package ics

import (
	"embed"
	"strings"
)

//go:embed testdata/*.ics
var files embed.FS

// Sample is a feed as a known program exports it, shortened, and what it means.
type Sample struct {
	Name string
	// Text has the line ends of RFC 5545.
	Text string
	// Zone is where the business is, IANA: for dates and times without a zone.
	Zone string
	// From and To bound the window, RFC 3339.
	From, To string
	// Busy is the union of the busy time in the window, start and end by turns, RFC 3339.
	Busy []string
}

// Samples returns all samples. The window of each holds the night of 29 March 2026, when clocks go forward in Europe.
func Samples() []Sample {
	all := []Sample{
		{Name: "google", Zone: "UTC", Busy: []string{ // the feed says Europe/Berlin itself
			"2026-03-23T08:00:00Z", "2026-03-23T09:00:00Z", // Monday of the weekly series, 9:00 CET
			"2026-03-24T08:00:00Z", "2026-03-24T08:30:00Z",
			"2026-03-27T12:00:00Z", "2026-03-27T13:00:00Z", // tentative
			"2026-03-31T12:00:00Z", "2026-03-31T12:45:00Z", // the series' 30 March, moved
			"2026-04-01T07:00:00Z", "2026-04-01T08:00:00Z", // Wednesday, 9:00 CEST
			"2026-04-02T22:00:00Z", "2026-04-06T22:00:00Z", // four days off
		}},
		{Name: "outlook", Zone: "Europe/Berlin", Busy: []string{
			"2026-03-26T07:00:00Z", "2026-03-26T07:30:00Z", // Thursday series
			"2026-03-27T12:00:00Z", "2026-03-27T13:00:00Z",
			"2026-03-30T07:30:00Z", "2026-03-30T08:30:00Z", // a Windows zone that is not defined
			"2026-04-01T22:00:00Z", "2026-04-02T22:00:00Z", // out of office; the series' 2 April lies within
			"2026-04-08T09:00:00Z", "2026-04-08T09:30:00Z", // a zone of its own making, UTC+3
			"2026-04-09T06:00:00Z", "2026-04-09T06:30:00Z", // the last of the series: UNTIL is inclusive
		}},
		{Name: "apple", Zone: "America/New_York", Busy: []string{
			"2026-03-24T13:00:00Z", "2026-03-24T13:45:00Z", // by DURATION
			"2026-03-27T20:00:00Z", "2026-03-27T21:00:00Z", // last Friday of the month
			"2026-04-01T14:00:00Z", "2026-04-01T14:30:00Z",
			"2026-04-02T14:00:00Z", "2026-04-02T14:30:00Z",
			"2026-04-03T19:00:00Z", "2026-04-03T20:00:00Z", // this and all future ones were moved
			"2026-04-04T19:00:00Z", "2026-04-04T20:00:00Z",
			"2026-04-05T19:00:00Z", "2026-04-05T20:00:00Z",
			"2026-04-07T12:00:00Z", "2026-04-07T12:15:00Z",
			"2026-04-09T12:00:00Z", "2026-04-09T12:15:00Z", // RDATE; 8 April is an exception
		}},
		{Name: "practice", Zone: "Europe/London", Busy: []string{
			"2026-03-27T09:15:00Z", "2026-03-27T09:30:00Z", // GMT
			"2026-03-30T08:15:00Z", "2026-03-30T08:30:00Z", // BST
			"2026-03-31T09:00:00Z", "2026-03-31T09:10:00Z", // behind a note with a raw line break
			"2026-04-01T12:30:00Z", "2026-04-02T13:00:00Z", // ends before it starts: a day
			"2026-04-05T22:00:00Z", "2026-04-07T01:00:00Z", // noon somewhere
			"2026-04-10T11:00:00Z", "2026-04-13T00:00:00Z", // until the year 9999
		}},
		{Name: "freebusy", Zone: "UTC", Busy: []string{
			"2026-03-24T08:00:00Z", "2026-03-24T09:00:00Z",
			"2026-03-25T08:00:00Z", "2026-03-25T09:30:00Z",
			"2026-04-06T00:00:00Z", "2026-04-13T00:00:00Z", // not covered
		}},
	}
	for i := range all {
		all[i].From, all[i].To = "2026-03-23T00:00:00Z", "2026-04-13T00:00:00Z"
		text, err := files.ReadFile("testdata/" + all[i].Name + ".ics")
		if err != nil {
			panic(err) // embedded: a file is missing in the source
		}
		all[i].Text = strings.ReplaceAll(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n", "\r\n")
	}
	return all
}
