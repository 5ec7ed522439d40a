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
	clarkeKey  = "clarke"
	denizKey   = "deniz"
	ecgRoomKey = "ecg-room"
)

var errNoEvent = errors.New("there is no such event")

// diaries are the calendars that the page shows, from top to bottom.
func (c *clinic) diaries() []page.Calendar {
	return []page.Calendar{
		&googleDiary{c.google, googleCal, page.Info{Key: googleKey, Title: "Dr. Adams", Owner: googleUser}},
		&outlookDiary{c.graph, outlookCal, page.Info{Key: outlookKey, Title: "Dr. Baker", Owner: outlookUser}},
		&googleDiary{c.google, clarkeCal, page.Info{Key: clarkeKey, Title: "Dr. Clarke", Owner: clarkeCal}},
		&outlookDiary{c.graph, denizCal, page.Info{Key: denizKey, Title: "Dr. Deniz", Owner: "deniz@clinic.example"}},
		&outlookDiary{c.graph, ecgRoomCal, page.Info{Key: ecgRoomKey, Title: "ECG room", Owner: "ecg@clinic.example"}},
	}
}

// googleDiary shows and edits a calendar at Google on the page.
type googleDiary struct {
	s    *google.Server
	cal  string
	info page.Info
}

func (g *googleDiary) Info() page.Info {
	info := g.info
	info.Provider, info.Zone = "Google", clinicZone
	return info
}

func (g *googleDiary) Events(from, to time.Time) []page.Event {
	var out []page.Event
	for _, e := range g.s.Occurrences(g.cal, from, to) {
		out = append(out, page.Event{
			ID: e.ID, Title: e.Title, Start: e.Start, End: e.End, AllDay: e.AllDay, Busy: e.Blocks(),
			Ours: e.Private["slotd"] != "",
		})
	}
	return out
}

func (g *googleDiary) Draw(title string, start, end time.Time, busy bool) (string, error) {
	return g.s.Put(g.cal, google.Event{Title: title, Start: start, End: end, Transparent: !busy}), nil
}

func (g *googleDiary) SetBusy(id string, busy bool) error {
	e, ok := g.s.Find(g.cal, id)
	if !ok || e.Status == google.Cancelled {
		return errNoEvent
	}
	e.Transparent = !busy
	g.s.Put(g.cal, e)
	return nil
}

func (g *googleDiary) Erase(id string) error { g.s.Delete(g.cal, id); return nil }

// outlookDiary shows and edits a calendar in Outlook on the page.
type outlookDiary struct {
	s    *graph.Server
	cal  string
	info page.Info
}

func (o *outlookDiary) Info() page.Info {
	info := o.info
	info.Provider, info.Zone = "Outlook", clinicZone
	return info
}

func (o *outlookDiary) Events(from, to time.Time) []page.Event {
	var out []page.Event
	for _, e := range o.s.Occurrences(o.cal, from, to) {
		out = append(out, page.Event{
			ID: e.ID, Title: e.Title, Start: e.Start, End: e.End, AllDay: e.AllDay, Busy: e.Blocks(), Ours: outlookMarker(e) != "",
		})
	}
	return out
}

func (o *outlookDiary) Draw(title string, start, end time.Time, busy bool) (string, error) {
	return o.s.Put(o.cal, graph.Event{Title: title, Start: start, End: end, ShowAs: showAs(busy)}), nil
}

func (o *outlookDiary) SetBusy(id string, busy bool) error {
	e, ok := o.s.Find(o.cal, id)
	if !ok {
		return errNoEvent
	}
	e.ShowAs = showAs(busy)
	o.s.Put(o.cal, e)
	return nil
}

func (o *outlookDiary) Erase(id string) error { o.s.Delete(o.cal, id); return nil }

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
