package daemon_test

import (
	"slices"
	"strings"
	"time"

	"slotd/internal/admin"
	"slotd/internal/calendar"
	"slotd/internal/desk"
	"slotd/internal/emulator/google"
)

// settle lets the provider recover and slotd catch up.
func (w *weeks) settle() {
	w.t.Helper()
	w.google.ClearFaults()
	time.Sleep(time.Hour)
	var s admin.Status
	w.ask("/api/status", &s)
	if s.Outbox.Waiting != 0 || len(s.Outbox.Errors) != 0 {
		w.t.Errorf("the outbox is not empty after an hour: %+v", s.Outbox)
	}
	for _, c := range s.Calendars {
		if !c.Fresh || c.Error != "" {
			w.t.Errorf("calendar %+v", c)
		}
	}
}

// checkEvents compares the bookings that customers know of with the events at the provider, both ways.
func (w *weeks) checkEvents() {
	w.t.Helper()
	events := map[string][]google.Event{}
	for _, cal := range []string{"adams", "clark"} {
		for _, e := range w.google.Events(cal) {
			if part := strings.Split(e.Private["slotd"], "/"); w.ours(e) {
				events[part[1]] = append(events[part[1]], e)
			}
		}
	}
	listed := w.bookings()
	if len(listed) != len(w.sold) {
		w.t.Errorf("%d bookings, but %d customers know of one", len(listed), len(w.sold))
	}
	for _, b := range listed {
		mine, want := events[b.ID], 1
		if w.erased[b.ID] {
			want = 0
		}
		if len(mine) != want {
			w.t.Errorf("booking %s of %s has %d events, want %d (%s)", b.ID, b.Start, len(mine), want, b.NeedsPerson)
		}
		for _, e := range mine {
			if !e.Start.Equal(b.Start) || !e.End.Equal(b.End) || e.ID != b.Placements[0].Event {
				w.t.Errorf("booking %s of %s has an event at %s", b.ID, b.Start, e.Start)
			}
		}
		met := slices.ContainsFunc(w.spans, func(s span) bool {
			return s.cal == b.Placements[0].Calendar.Calendar() && s.start.Before(b.End) && b.Start.Before(s.end)
		})
		if b.Conflict && !met {
			w.t.Errorf("booking %s of %s is called a conflict, but nobody was ever there", b.ID, b.Start)
		}
		delete(events, b.ID)
	}
	for id := range events {
		w.t.Errorf("an event of a booking %s that does not exist", id)
	}
	if len(w.sold) < 4**daysFlag {
		w.t.Errorf("only %d bookings in %d days: the simulation shows little", len(w.sold), *daysFlag)
	}
	w.t.Logf("%d bookings, %d events of people, %d requests to the provider", len(w.sold), len(w.drawn),
		w.google.Requests(""))
}

// checkSlots compares what is offered with a slow and obvious reference made from the provider's own occurrences.
func (w *weeks) checkSlots() {
	w.t.Helper()
	booked := w.bookings()
	for _, doctor := range []string{"adams", "clark"} {
		for n := range horizon + 1 {
			y, m, d := time.Now().In(w.zone).AddDate(0, 0, n).Date()
			choice := desk.Choice{Department: "general", Service: "consultation", Resource: doctor}
			got, err := w.running.Desk.Slots(w.t.Context(), "", choice, calendar.Date{Year: y, Month: m, Day: d})
			w.must(err)
			var want []int64
			last := time.Date(y, m, d, closes, 0, 0, 0, w.zone).Add(-duration)
			for at := time.Date(y, m, d, opens, 0, 0, 0, w.zone); !at.After(last); at = at.Add(grid) {
				if w.free(booked, doctor, at) {
					want = append(want, at.Unix())
				}
			}
			if !slices.Equal(got, want) {
				w.t.Errorf("%s on %d-%d: offered %v, want %v", doctor, m, d, labels(got, w.zone), labels(want, w.zone))
			}
		}
	}
}

func (w *weeks) free(booked []admin.Booking, doctor string, start time.Time) bool {
	now, end := time.Now(), start.Add(duration)
	if start.Before(now) || start.After(now.Add(horizon*24*time.Hour)) {
		return false
	}
	for _, e := range w.google.Occurrences(doctor, start, end) {
		if e.Blocks() && e.Start.Before(end) && start.Before(e.End) {
			return false
		}
	}
	for _, b := range booked {
		if b.Placements[0].Resource == doctor && b.Status != "cancelled" && b.Start.Before(end) && start.Before(b.End) {
			return false
		}
	}
	return true
}

func labels(starts []int64, zone *time.Location) []string {
	var out []string
	for _, s := range starts {
		out = append(out, time.Unix(s, 0).In(zone).Format("15:04"))
	}
	return out
}
