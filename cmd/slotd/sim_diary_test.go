package main

import (
	"time"

	"slotd/internal/emulator/fault"
	"slotd/internal/emulator/google"
	"slotd/internal/emulator/graph"
)

// note is an event as people see it, at either provider.
type note struct {
	id, master, marker   string
	start, end, original time.Time
	allDay               bool
	from, to             string // dates of an all-day event
	free, declined       bool
	recurrence           []string
	blocks               bool // output only
	updated              time.Time
}

// diary is a provider as people and faults see it.
type diary interface {
	name() string
	add(user, cal string)
	put(cal string, n note) string
	edit(cal, id string, change func(*note)) bool
	on(cal string, from, to time.Time) []note
	expire(cal string)
	Delete(cal, id string)
	Duplicate(cal, id string) string
	Restore(cal, id string)
	Inject(rule fault.Rule) (remove func())
	ClearFaults()
	ExpireAccess(user string)
	Requests(op string) int
}

type simGoogle struct{ *google.Server }

func (d *simGoogle) name() string         { return "google" }
func (d *simGoogle) add(user, cal string) { d.AddCalendar(user, cal, cal, clinicZone) }
func (d *simGoogle) expire(cal string)    { d.ExpireSyncTokens(cal) }

func (d *simGoogle) put(cal string, n note) string {
	var e google.Event
	toGoogle(n, &e)
	return d.Put(cal, e)
}

func (d *simGoogle) edit(cal, id string, change func(*note)) bool {
	return d.Edit(cal, id, func(e *google.Event) {
		n := fromGoogle(*e)
		change(&n)
		toGoogle(n, e)
	})
}

func (d *simGoogle) on(cal string, from, to time.Time) (out []note) {
	for _, e := range d.Occurrences(cal, from, to) {
		out = append(out, fromGoogle(e))
	}
	return out
}

func fromGoogle(e google.Event) note {
	return note{
		id: e.ID, master: e.MasterID, marker: e.Private["slotd"], start: e.Start, end: e.End, original: e.Original,
		allDay: e.AllDay, from: e.StartDate, to: e.EndDate, free: e.Transparent, declined: e.Response == "declined",
		recurrence: e.Recurrence, blocks: e.Blocks(), updated: e.Updated,
	}
}

func toGoogle(n note, e *google.Event) {
	e.Title, e.Start, e.End, e.AllDay, e.StartDate, e.EndDate = "Private", n.start, n.end, n.allDay, n.from, n.to
	e.Transparent, e.Recurrence = n.free, n.recurrence
	if was := e.Response == "declined"; n.declined {
		e.Response = "declined"
	} else if was {
		e.Response = "accepted"
	}
}

type simGraph struct{ *graph.Server }

func (d *simGraph) name() string         { return "outlook" }
func (d *simGraph) add(user, cal string) { d.AddCalendar(user, cal, cal, clinicZone) }
func (d *simGraph) expire(cal string)    { d.ExpireDelta(cal) }

func (d *simGraph) put(cal string, n note) string {
	var e graph.Event
	toGraph(n, &e)
	return d.Put(cal, e)
}

func (d *simGraph) edit(cal, id string, change func(*note)) bool {
	return d.Edit(cal, id, func(e *graph.Event) {
		n := fromGraph(*e)
		change(&n)
		toGraph(n, e)
	})
}

func (d *simGraph) on(cal string, from, to time.Time) (out []note) {
	for _, e := range d.Occurrences(cal, from, to) {
		out = append(out, fromGraph(e))
	}
	return out
}

func fromGraph(e graph.Event) note {
	return note{
		id: e.ID, master: e.MasterID, marker: outlookMarker(e), start: e.Start, end: e.End, original: e.Original,
		allDay: e.AllDay, from: e.StartDate, to: e.EndDate, free: e.ShowAs == "free", declined: e.Response == "declined",
		recurrence: e.Recurrence, blocks: e.Blocks(), updated: e.Updated,
	}
}

func toGraph(n note, e *graph.Event) {
	e.Title, e.Start, e.End, e.AllDay, e.StartDate, e.EndDate = "Private", n.start, n.end, n.allDay, n.from, n.to
	e.Recurrence = n.recurrence
	if n.free != (e.ShowAs == "free") {
		e.ShowAs = map[bool]string{true: "free", false: "busy"}[n.free]
	}
	if was := e.Response == "declined"; n.declined {
		e.Response = "declined"
	} else if was {
		e.Response = "accepted"
	}
}
