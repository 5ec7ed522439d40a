package main

import (
	"errors"
	"strings"
	"time"

	"slotd/internal/emulator/google"
	"slotd/internal/emulator/graph"
	"slotd/internal/emulator/page"
)

// The keys of the calendars on the page.
const (
	googleKey  = "adams"
	outlookKey = "baker"
)

var errNoEvent = errors.New("there is no such event")

// googleDiary shows and edits Dr. Adams's calendar on the page.
type googleDiary struct{ s *google.Server }

func (g *googleDiary) Info() page.Info {
	return page.Info{Key: googleKey, Provider: "Google", Title: "Dr. Adams", Owner: googleUser, Zone: clinicZone}
}

func (g *googleDiary) Events(from, to time.Time) []page.Event {
	var out []page.Event
	for _, e := range g.s.Occurrences(googleCal, from, to) {
		out = append(out, page.Event{
			ID: e.ID, Title: e.Title, Start: e.Start, End: e.End, AllDay: e.AllDay, Busy: e.Blocks(),
			Ours: e.Private["slotd"] != "",
		})
	}
	return out
}

func (g *googleDiary) Draw(title string, start, end time.Time, busy bool) (string, error) {
	return g.s.Put(googleCal, google.Event{Title: title, Start: start, End: end, Transparent: !busy}), nil
}

func (g *googleDiary) SetBusy(id string, busy bool) error {
	e, ok := g.s.Find(googleCal, id)
	if !ok || e.Status == google.Cancelled {
		return errNoEvent
	}
	e.Transparent = !busy
	g.s.Put(googleCal, e)
	return nil
}

func (g *googleDiary) Erase(id string) error { g.s.Delete(googleCal, id); return nil }

// outlookDiary shows and edits Dr. Baker's calendar on the page.
type outlookDiary struct{ s *graph.Server }

func (o *outlookDiary) Info() page.Info {
	return page.Info{Key: outlookKey, Provider: "Outlook", Title: "Dr. Baker", Owner: outlookUser, Zone: clinicZone}
}

func (o *outlookDiary) Events(from, to time.Time) []page.Event {
	var out []page.Event
	for _, e := range o.s.Occurrences(outlookCal, from, to) {
		out = append(out, page.Event{
			ID: e.ID, Title: e.Title, Start: e.Start, End: e.End, AllDay: e.AllDay, Busy: e.Blocks(), Ours: outlookMarker(e) != "",
		})
	}
	return out
}

func (o *outlookDiary) Draw(title string, start, end time.Time, busy bool) (string, error) {
	return o.s.Put(outlookCal, graph.Event{Title: title, Start: start, End: end, ShowAs: showAs(busy)}), nil
}

func (o *outlookDiary) SetBusy(id string, busy bool) error {
	e, ok := o.s.Find(outlookCal, id)
	if !ok {
		return errNoEvent
	}
	e.ShowAs = showAs(busy)
	o.s.Put(outlookCal, e)
	return nil
}

func (o *outlookDiary) Erase(id string) error { o.s.Delete(outlookCal, id); return nil }

func showAs(busy bool) string {
	if busy {
		return "busy"
	}
	return "free"
}

// outlookMarker returns the value of slotd's extended property of an event, "" without one.
func outlookMarker(e graph.Event) string {
	for id, value := range e.Properties {
		if strings.HasSuffix(id, "Name slotd") {
			return value
		}
	}
	return ""
}
