package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"slotd/internal/admin"
	"slotd/internal/booking"
	"slotd/internal/desk"
	"slotd/internal/emulator/fault"
	"slotd/internal/emulator/google"
	"slotd/internal/emulator/graph"
)

// appointment is a booking made by phone, with its event.
type appointment struct {
	*world
	doctor, id, reference string
	event                 string // id at the provider
}

// appointment books by phone and waits until slotd has seen the event in the calendar.
func (w *world) appointment(doctor string, start time.Time) *appointment {
	w.Helper()
	params, _ := w.book(fmt.Sprintf("token-%s-%d", doctor, len(w.bookings())), doctor, start)
	a := &appointment{world: w, doctor: doctor, id: text(params, "booking"), reference: text(params, "reference")}
	a.seen()
	events := w.ours(doctor)[a.id]
	if len(events) != 1 {
		w.Fatalf("events %v", events)
	}
	a.event = events[0]
	return a
}

// seen waits until every event of the booking was seen in its calendar as it is now.
func (a *appointment) seen() {
	a.Helper()
	eventually(a.T, "the events to be seen", func() bool {
		return !slices.ContainsFunc(a.show().Placements, func(p admin.Placement) bool { return !p.Gone && p.Status != "seen" })
	})
}

func (a *appointment) show() admin.BookingDetail {
	a.Helper()
	o := a.run("bookings", "show", a.reference, "--json")
	var b admin.BookingDetail
	if err := json.Unmarshal([]byte(o.stdout), &b); err != nil || o.code != exitDone {
		a.Fatalf("show: %d %v\n%s%s", o.code, err, o.stdout, o.stderr)
	}
	return b
}

// drag moves the event as a person does in the calendar.
func (a *appointment) drag(to time.Time) {
	a.Helper()
	var ok bool
	if a.doctor == "adams" {
		ok = a.google.Edit(googleCal, a.event, func(e *google.Event) { e.Start, e.End = to, to.Add(e.End.Sub(e.Start)) })
	} else {
		ok = a.graph.Edit(outlookCal, a.event, func(e *graph.Event) { e.Start, e.End = to, to.Add(e.End.Sub(e.Start)) })
	}
	if !ok {
		a.Fatal("there is no event to drag")
	}
}

// lies returns the start of the event at the provider; found is false when it is gone.
func (a *appointment) lies() (start time.Time, found bool) {
	if a.doctor == "adams" {
		e, ok := a.google.Find(googleCal, a.event)
		return e.Start, ok && e.Status != google.Cancelled
	}
	e, ok := a.graph.Find(outlookCal, a.event)
	return e.Start, ok
}

// offered reports whether a customer can book a service with a doctor at a time of the day now.
func (w *world) offered(service, doctor string, at time.Time) bool {
	w.Helper()
	var s admin.Slots
	query := url.Values{"service": {service}, "resource": {doctor}, "date": {at.Format(time.DateOnly)}}
	if err := ask(w.Context(), w.cfg, "/api/slots", query, &s); err != nil {
		w.Fatal(err)
	}
	return len(s.Days) == 1 && slices.Contains(s.Days[0].Slots, at.Format(time.RFC3339))
}

func (a *appointment) wantOffered(at time.Time, want bool) {
	a.Helper()
	if a.offered("consultation", a.doctor, at) != want {
		a.Errorf("%s is offered: %t, want %t", at.Format(time.TimeOnly), !want, want)
	}
}

// told checks that status asks for the customer to be told, and that the command ends that.
func (a *appointment) told() {
	a.Helper()
	next := "tell the customer, then: slotd bookings told " + a.reference
	a.run("status").expect(a.T, exitFailed, "BOOKINGS THAT NEED A PERSON", a.reference, "has not been told", next)
	a.run("bookings", "list", "--needs-person").expect(a.T, exitDone, a.reference, "has not been told", next)
	a.run("bookings", "told", strings.ToLower(a.reference)).expect(a.T, exitDone, a.reference+" is marked")
	a.run("status").expect(a.T, exitDone, "All is well.")
	a.run("bookings", "list", "--needs-person").expect(a.T, exitDone, "No bookings.")
	a.run("bookings", "told", a.reference).expect(a.T, exitDone, "is left as it is", "nothing that the customer")
}

func TestStaffCancel(t *testing.T) {
	w := newWorld(t)
	w.start()
	for _, doctor := range doctors {
		a := w.appointment(doctor, w.at(10, 0))
		a.wantOffered(w.at(10, 0), false)
		w.run("bookings", "cancel", a.reference, "--reason", "the doctor is ill").expect(t, exitDone,
			a.reference+" is cancelled.", "consultation with "+doctor, "has not been told", "slotd bookings told "+a.reference)
		a.wantOffered(w.at(10, 0), true)
		eventually(t, "the event to go", func() bool { return len(w.ours(doctor)) == 0 })
		w.level()
		a.told()
		w.run("bookings", "cancel", a.id, "--reason", "once more").expect(t, exitDone, a.reference+" is left as it is: it was cancelled before")
		w.run("bookings", "move", a.reference, "--to", w.at(11, 0).Format("2006-01-02T15:04")).expect(t, exitFailed, "is cancelled; only a new booking")
		w.run("bookings", "show", a.reference).expect(t, exitDone, "cancelled, version 2", "the doctor is ill", "operator", plantedName,
			plantedNotes, "none: the booking takes no time", "told")
		if b := a.show(); b.Placements[0].Status != "written" || !b.Placements[0].Gone || len(b.History) < 3 {
			t.Errorf("%+v", b)
		}
		again := w.appointment(doctor, w.at(10, 0))
		w.run("bookings", "cancel", again.reference, "--reason", "they called", "--told").expect(t, exitDone, "is cancelled")
		w.level()
		w.run("status").expect(t, exitDone, "All is well.")
	}
	w.run("bookings", "show", "AAA-AAA").expect(t, exitFailed, `there is no booking "AAA-AAA"`)
	w.run("bookings", "cancel", "AAA-AAA", "--reason", "x").expect(t, exitFailed, `there is no booking "AAA-AAA"`)
	w.run("bookings", "show", "../status").expect(t, exitUsage, "neither a reference")
}

func TestStaffMove(t *testing.T) {
	w := newWorld(t)
	w.start()
	typed := func(hour, minute int) string { return w.at(hour, minute).Format("2006-01-02T15:04") }
	for _, doctor := range doctors {
		a := w.appointment(doctor, w.at(10, 0))
		w.run("bookings", "move", a.reference, "--to", typed(14, 0), "--reason", "surgery takes longer").expect(t, exitDone,
			a.reference+" is moved.", w.at(14, 0).Format(whenLayout), "version 2", "slotd bookings told "+a.reference)
		a.wantOffered(w.at(10, 0), true)
		a.wantOffered(w.at(14, 0), false)
		eventually(t, "the event to move", func() bool { at, ok := a.lies(); return ok && at.Equal(w.at(14, 0)) })
		w.once(doctor, a.id)
		a.told()
		w.run("bookings", "move", a.reference, "--to", typed(14, 0)).expect(t, exitDone, "it is there already")
		w.run("bookings", "show", a.reference).expect(t, exitDone, "surgery takes longer", "moved", "confirmed, version 2")

		other := w.appointment(doctor, w.at(16, 0))
		w.run("bookings", "move", a.reference, "--to", typed(16, 15)).expect(t, exitFailed, "another booking", "nearest free times", typed(16, 30))
		w.run("bookings", "move", a.reference, "--to", typed(16, 15), "--force").expect(t, exitFailed, "another booking")
		w.run("bookings", "move", a.reference, "--to", typed(14, 7)).expect(t, exitFailed, "grid of start times", "--force overrides")
		w.run("bookings", "move", a.reference, "--to", typed(21, 0)).expect(t, exitFailed, "opening hours")
		for _, bad := range []string{"tomorrow", "2026-13-01T10:30", "10:30", w.day.Format(time.DateOnly)} {
			w.run("bookings", "move", a.reference, "--to", bad).expect(t, exitUsage, "is no time", "Europe/Berlin")
		}
		w.run("bookings", "move", a.reference, "--resource", "nobody").expect(t, exitUsage, "adams, baker")
		w.run("bookings", "move", a.reference, "--to", typed(21, 7), "--force", "--told").expect(t, exitDone, "is moved")
		eventually(t, "the event to move", func() bool { at, ok := a.lies(); return ok && at.Equal(w.at(21, 7)) })
		w.run("bookings", "cancel", other.reference, "--reason", "test", "--told").expect(t, exitDone)
		w.run("bookings", "cancel", a.reference, "--reason", "test", "--told").expect(t, exitDone)
		w.level()
	}
}

// A booking that goes to another doctor leaves one provider for the other.
func TestStaffMoveToAnotherDoctor(t *testing.T) {
	w := newWorld(t)
	w.start()
	a := w.appointment("adams", w.at(10, 0))
	w.run("bookings", "move", a.reference, "--resource", "baker", "--told").expect(t, exitDone, "with baker")
	a.wantOffered(w.at(10, 0), true)
	if w.offered("consultation", "baker", w.at(10, 0)) {
		t.Error("the time is sold and offered")
	}
	w.once("baker", a.id)
	eventually(t, "the old event to go", func() bool { return len(w.ours("adams")) == 0 })
	w.run("bookings", "list").expect(t, exitDone, "baker")
	w.configure(`poll = "1s"`, `pol = "1s"`) // the daemon goes on with what it read
	w.run("bookings", "cancel", a.reference, "--reason", "ill").expect(t, exitDone, "is cancelled", `"pol"`)
}

func TestNoticeKeepsStaffUnlessForced(t *testing.T) {
	w := newWorld(t)
	w.configure(`grid = "15m"`, "grid = \"15m\"\ncancel_notice = \"30d\"\nmove_notice = \"100h\"")
	w.start()
	a := w.appointment("adams", w.at(10, 0))
	to := w.at(11, 0).Format("2006-01-02T15:04")
	w.run("bookings", "cancel", a.reference, "--reason", "ill").expect(t, exitFailed, "can be cancelled until 30d before", "--force overrides")
	w.run("bookings", "move", a.reference, "--to", to).expect(t, exitFailed, "can be moved until 100h before", "--force overrides")
	w.run("bookings", "move", a.reference, "--to", to, "--force").expect(t, exitDone, "is moved")
	w.run("bookings", "cancel", a.reference, "--reason", "ill", "--force").expect(t, exitDone, "is cancelled")
}

func TestPersonMovesTheEvent(t *testing.T) {
	w := newWorld(t)
	w.start()
	for _, doctor := range doctors {
		a := w.appointment(doctor, w.at(10, 0))
		a.drag(w.at(15, 0))
		eventually(t, "the booking to follow", func() bool { return a.show().Start.Equal(w.at(15, 0)) })
		a.wantOffered(w.at(10, 0), true)
		a.wantOffered(w.at(15, 0), false)
		w.level()
		if at, ok := a.lies(); !ok || !at.Equal(w.at(15, 0)) {
			t.Errorf("the event lies at %s", at)
		}
		w.run("bookings", "show", a.reference).expect(t, exitDone, "calendar", "moved ("+doctor+")", "version 2")
		a.told()
	}
}

// Until it is clear that somebody meant it, a booking whose event is not there keeps its time. Staff need not wait for that.
func TestPersonDeletesTheEvent(t *testing.T) {
	w := newWorld(t)
	w.start()
	for _, doctor := range doctors {
		a := w.appointment(doctor, w.at(10, 0))
		w.erase(doctor, a.event)
		eventually(t, "the event to be missed", func() bool { return a.show().Placements[0].Status == "missing" })
		a.wantOffered(w.at(10, 0), false)
		w.run("status").expect(t, exitDone, "All is well.") // slotd is finding out itself
		w.run("bookings", "show", a.reference).expect(t, exitDone, "confirmed", "missing ("+doctor+")")
		w.run("bookings", "cancel", a.reference, "--reason", "so it was meant").expect(t, exitDone, "is cancelled")
		a.wantOffered(w.at(10, 0), true)
		w.level()
		a.told()
	}
}

// In virtual time, as slotd waits a minute before it asks what became of an event: then the booking is cancelled, its time
// is offered, and somebody has to tell the customer.
func TestADeletedEventCancelsItsBooking(t *testing.T) {
	w := bubbleWorld(t)
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, w, 1)
		defer b.close()
		time.Sleep(10 * time.Minute) // both mirrors
		for i, doctor := range doctors {
			b.book(doctor, 2+i)
		}
		time.Sleep(30 * time.Minute)
		both := &world{T: t, google: b.google, graph: b.graph}
		for id, doctor := range b.sold {
			both.erase(doctor, both.ours(doctor)[id][0])
		}
		time.Sleep(30 * time.Minute)
		if len(b.sold) != 2 {
			t.Fatalf("%d bookings", len(b.sold))
		}
		for id, doctor := range b.sold {
			booked, _, err := b.running.Desk.Booking(t.Context(), id)
			must(t, err)
			last := booked.History[len(booked.History)-1]
			if booked.Status != booking.Cancelled || booked.Untold != booking.WasCancelled || last.By != booking.ByCalendar {
				t.Errorf("%s: %s, untold %q, last changed by %s", doctor, booked.Status, booked.Untold, last.By)
			}
			choice := desk.Choice{Service: "consultation", Resource: doctor}
			if why, err := b.running.Desk.Check(t.Context(), "", choice, booked.Start); why != booking.Free {
				t.Errorf("%s: the time is not offered again: %v %v", doctor, why, err)
			}
			if _, err := b.running.Desk.Told(t.Context(), booked.Reference, booking.Act{By: booking.ByOperator}); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestRefusedWritesAreRetried(t *testing.T) {
	w := newWorld(t)
	w.start()
	var references []string
	for _, doctor := range doctors {
		w.inject(doctor, fault.Rule{Status: http.StatusBadRequest, Times: fault.Forever})
		for _, hour := range []int{10, 11} {
			params, _ := w.book("token-for-"+doctor+w.at(hour, 0).Format("-1504"), doctor, w.at(hour, 0))
			references = append(references, text(params, "reference"))
		}
	}
	eventually(t, "the events to be set aside", func() bool { return w.status().Outbox.SetAside == 4 })
	first := references[0]
	w.run("status").expect(t, exitFailed, "not written to google/", "mend the cause, then: slotd bookings retry "+first)
	w.run("bookings", "show", first).expect(t, exitDone, "stuck", "NEEDS A PERSON", "set aside (adams)")
	w.run("bookings", "retry", first).expect(t, exitDone, first+" is tried again")
	eventually(t, "the event to be set aside again", func() bool { return w.status().Outbox.SetAside == 4 })
	w.google.ClearFaults()
	w.graph.ClearFaults()
	w.run("bookings", "retry", strings.ToLower(first)).expect(t, exitDone, first+" is tried again")
	w.run("bookings", "retry", "--all").expect(t, exitDone, references[1], references[2], references[3])
	w.level()
	for _, doctor := range doctors {
		if n := len(w.ours(doctor)); n != 2 {
			t.Errorf("%s has %d bookings with events", doctor, n)
		}
	}
	w.run("status").expect(t, exitDone, "All is well.")
	w.run("bookings", "retry", "--all").expect(t, exitDone, "Nothing is set aside.")
	w.run("bookings", "retry", first).expect(t, exitDone, "is left as it is", "none of its events is set aside")
}
