package main

import (
	"strings"
	"testing"
	"time"

	"slotd/internal/emulator/graph"
	"slotd/internal/emulator/whatsapp"
)

const roomCal = "AAMkRoomCalendar="

// withRoom gives the clinic a surgery, which both doctors offer and which takes the only room beside the doctor.
func (w *world) withRoom() {
	w.Helper()
	w.graph.AddCalendar(outlookUser, roomCal, "Room 1", clinicZone)
	w.configure("[[resource]]\nid = \"adams\"", `[[service]]
id = "surgery"
title = "Surgery"
duration = "60m"
grid = "60m"
needs = ["room"]

[[resource]]
id = "room"
title = "Room 1"
hours = { mon-sun = ["08:00-20:00"] }
book_into = "outlook/`+roomCal+`"

[[resource]]
id = "adams"`)
}

// surgery books by phone, or says what kept it from that.
func (w *world) surgery(token, doctor string, start time.Time) (result whatsapp.Result) {
	w.Helper()
	result, err := whatsapp.Walk(w.Context(), w.customer(token), whatsapp.Plan{
		Department: "general", Service: "surgery", Resource: doctor, Date: start.Format(time.DateOnly), Slot: start.Format("15:04"),
		Name: plantedName, Notes: plantedNotes, Strict: true,
	})
	must(w.T, err)
	return result
}

// TestWhatCannotBeChosen: who asks about a resource that cannot be chosen, or not with the rest, is told why.
func TestWhatCannotBeChosen(t *testing.T) {
	w := newWorld(t)
	w.withRoom()
	w.start()
	for _, command := range []string{"slots", "explain"} {
		w.run(command, "--resource", "room").expect(t, exitUsage, `resource "room" cannot be chosen: services need it beside others`)
		w.run(command, "--service", "surgery", "--department", "nowhere").expect(t, exitUsage, "unknown department; there are: general")
	}
}

// inRoom returns the starts of slotd's events in the room's calendar, by booking.
func (w *world) inRoom() map[string]time.Time {
	out := map[string]time.Time{}
	for _, e := range w.graph.Events(roomCal) {
		if part := strings.Split(outlookMarker(e), "/"); len(part) > 1 {
			out[part[1]] = e.Start
		}
	}
	return out
}

// wantSurgery checks which doctors can operate at a time.
func (w *world) wantSurgery(at time.Time, want bool, of ...string) {
	w.Helper()
	for _, doctor := range of {
		if w.offered("surgery", doctor, at) != want {
			w.Errorf("surgery with %s at %s is offered: %t, want %t", doctor, at.Format("15:04"), !want, want)
		}
	}
}

func TestADoctorAndARoomAreBookedTogether(t *testing.T) {
	w := newWorld(t)
	w.withRoom()
	w.graph.Put(roomCal, graph.Event{Title: plantedTitle, Start: w.at(13, 0), End: w.at(14, 0)})
	w.start()
	w.wantSurgery(w.at(10, 0), true, doctors...)
	w.wantSurgery(w.at(13, 0), false, doctors...) // the room is in use, whoever operates

	result := w.surgery("token-of-the-first-patient", "adams", w.at(10, 0))
	if result.Outcome != whatsapp.Success || result.Params["resource"] != "adams" ||
		!strings.HasPrefix(text(result.Params, "summary"), "Surgery · Dr. Adams · ") {
		t.Fatalf("%s %q %v", result.Outcome, result.Message, result.Params)
	}
	a := &appointment{world: w, doctor: "adams", id: text(result.Params, "booking"), reference: text(result.Params, "reference")}
	a.seen()
	a.event = w.ours("adams")[a.id][0]
	if len(w.inRoom()) != 1 || !w.inRoom()[a.id].Equal(w.at(10, 0)) || len(w.ours("adams")) != 1 {
		t.Errorf("the room has %v, the doctor %v", w.inRoom(), w.ours("adams"))
	}
	w.run("bookings", "list").expect(t, exitDone, "adams + room", "seen")
	w.run("bookings", "show", a.reference).expect(t, exitDone, "google/"+googleCal, "outlook/"+roomCal)

	// The other doctor is free but has no room; none of the two is taken for that.
	w.wantSurgery(w.at(10, 0), false, doctors...)
	if !w.offered("consultation", "baker", w.at(10, 0)) || w.offered("consultation", "adams", w.at(10, 0)) {
		t.Error("a consultation needs no room, only its doctor")
	}
	if other := w.surgery("token-of-the-second-patient", "baker", w.at(10, 0)); other.Outcome != whatsapp.Lost {
		t.Errorf("the second patient: %s", other.Outcome)
	}

	// Staff move both, a person moves one and the other follows, and a cancel frees both.
	w.run("bookings", "move", a.reference, "--to", w.at(15, 0).Format("2006-01-02T15:04"), "--told").expect(t, exitDone, "adams + room")
	w.wantSurgery(w.at(10, 0), true, doctors...)
	w.wantSurgery(w.at(15, 0), false, doctors...)
	a.seen()
	if at, _ := a.lies(); !at.Equal(w.at(15, 0)) || !w.inRoom()[a.id].Equal(w.at(15, 0)) {
		t.Errorf("the doctor's event is at %s, the room's at %s", at, w.inRoom()[a.id])
	}
	a.drag(w.at(17, 0))
	eventually(t, "the room's event to follow", func() bool { return w.inRoom()[a.id].Equal(w.at(17, 0)) })
	a.seen()
	w.run("bookings", "cancel", a.reference, "--reason", "postponed", "--told").expect(t, exitDone, "event in google/", "event in outlook/")
	w.wantSurgery(w.at(17, 0), true, doctors...)
	eventually(t, "both events to go", func() bool { return len(w.inRoom())+len(w.ours("adams")) == 0 })
	w.level()
	w.run("status").expect(t, exitDone, "All is well.")
}

// Whoever is faster by a moment gets doctor and room; the other gets neither, and is told of other times.
func TestTheRoomIsLostBeforeTheConfirm(t *testing.T) {
	w := newWorld(t)
	w.withRoom()
	w.withoutHolds()
	w.start()
	slow := w.customer("token-of-the-slow-patient")
	plan := whatsapp.Plan{
		Department: "general", Service: "surgery", Resource: "baker", Date: w.day.Format(time.DateOnly), Slot: "10:00",
		Name: plantedName, Strict: true,
	}
	taken := false
	plan.Step = func(s whatsapp.Step) {
		if s.Shown == "CONFIRM" && !taken {
			taken = true
			w.surgery("token-of-the-fast-patient", "adams", w.at(10, 0))
		}
	}
	result, err := whatsapp.Walk(t.Context(), slow, plan)
	must(t, err)
	if result.Outcome != whatsapp.Lost || !strings.Contains(result.Message, "just been taken") {
		t.Fatalf("%s %q", result.Outcome, result.Message)
	}
	w.level()
	if len(w.ours("adams")) != 1 || len(w.ours("baker")) != 0 || len(w.inRoom()) != 1 || len(w.bookings()) != 1 {
		t.Errorf("adams %v, baker %v, room %v", w.ours("adams"), w.ours("baker"), w.inRoom())
	}
	if !w.offered("consultation", "baker", w.at(10, 0)) {
		t.Error("the doctor without a room is taken")
	}
}
