package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"slotd/internal/calendar"
	"slotd/internal/emulator/whatsapp"
)

// onceWithin bounds how long demo --once waits for a mirror or an event.
const onceWithin = 30 * time.Second

// visit is a booking that demo --once plays, and the calendars in which its events must be.
type visit struct {
	title                         string
	department, service, resource string
	calendars                     []calendar.ID
}

func visits() []visit {
	const adams, clarke, deniz = "google/" + googleCal, "google/" + clarkeCal, "outlook/" + denizCal
	return []visit{
		{"Dr. Adams, who lives in Google Calendar", "general", "consultation", "adams", []calendar.ID{adams}},
		{"Dr. Baker, who lives in Outlook", "general", "consultation", "baker", []calendar.ID{"outlook/" + outlookCal}},
		{"A service that needs a room beside the doctor: one booking, two events", "cardiology", "checkup", "clarke",
			[]calendar.ID{clarke, "outlook/" + ecgRoomCal}},
		{"The same room, wanted by another doctor", "cardiology", "checkup", "deniz",
			[]calendar.ID{deniz, "outlook/" + ecgRoomCal}},
	}
}

// playOnce books each visit and reads the events back.
func playOnce(ctx context.Context, d *demo, out io.Writer) error {
	say := func(step, format string, args ...any) {
		_, _ = fmt.Fprintln(out, strings.TrimRight(fmt.Sprintf("%-9s %s", step, fmt.Sprintf(format, args...)), " "))
	}
	for _, v := range visits() {
		_, _ = fmt.Fprintf(out, "%s\n", v.title)
		if err := d.play(ctx, v, say); err != nil {
			return err
		}
		_, _ = fmt.Fprintln(out)
	}
	_, err := fmt.Fprintln(out, "All bookings are in their calendars, once.")
	return err
}

func (d *demo) play(ctx context.Context, v visit, say func(string, string, ...any)) error {
	for _, cal := range v.calendars {
		if err := d.awaitMirror(ctx, cal); err != nil {
			return err
		}
		say("mirror", "%s, confirmed by the provider %s", cal, d.running.Checked(cal).Format(time.RFC3339))
	}
	booked, err := d.book(ctx, v, say)
	if err != nil {
		return err
	}
	for _, cal := range v.calendars {
		event, err := d.awaitEvent(ctx, booked, cal)
		if err != nil {
			return err
		}
		say("event", "%s", event)
	}
	return nil
}

// book plays a customer and returns the booking's id.
func (d *demo) book(ctx context.Context, v visit, say func(string, string, ...any)) (string, error) {
	phone, err := d.phone(ctx)
	if err != nil {
		return "", err
	}
	result, err := whatsapp.Walk(ctx, phone, whatsapp.Plan{
		Department: v.department, Service: v.service, Resource: v.resource, Name: demoCustomer, Strict: true,
		Step: func(s whatsapp.Step) {
			var chosen []string
			for _, c := range s.Chosen {
				chosen = append(chosen, c.Title)
			}
			say(stepName(s), "%-12s → %-12s %3d ms  %s", s.Screen, s.Shown, s.Duration.Milliseconds(), strings.Join(chosen, ", "))
		},
	})
	if err != nil {
		return "", fmt.Errorf("the phone: %w", err)
	}
	if result.Outcome != whatsapp.Success {
		return "", fmt.Errorf("no booking was made: %s: %s", result.Outcome, result.Message)
	}
	say("SUCCESS", "%v (%v)", result.Params["summary"], result.Params["reference"])
	id, _ := result.Params["booking"].(string)
	return id, nil
}

// stepName names a step by what was chosen in it.
func stepName(s whatsapp.Step) string {
	switch {
	case s.Action == "open":
		return "INIT"
	case s.Screen == "DAY":
		return "day"
	case s.Screen == "TIME":
		return "slot"
	case s.Screen == "CONFIRM":
		return "confirm"
	}
	return s.Action
}

// awaitMirror waits until the calendar was read.
func (d *demo) awaitMirror(ctx context.Context, cal calendar.ID) error {
	return await(ctx, "the mirror of "+string(cal), func() (bool, error) { return !d.running.Checked(cal).IsZero(), nil })
}

// awaitEvent waits for the booking's event at the provider and checks that there is one and no more.
func (d *demo) awaitEvent(ctx context.Context, booking string, cal calendar.ID) (string, error) {
	var found []string
	err := await(ctx, "the event at the provider", func() (bool, error) {
		found = found[:0]
		for _, e := range d.events(cal) {
			if strings.Contains(e, booking) {
				found = append(found, e)
			}
		}
		return len(found) > 0, nil
	})
	if err != nil {
		return "", err
	}
	if len(found) > 1 {
		return "", fmt.Errorf("there are %d events for one booking", len(found))
	}
	return found[0], nil
}

func await(ctx context.Context, what string, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, onceWithin)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := done(); err != nil || ok {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.New("waited in vain for " + what)
		}
	}
}

// events returns what an emulator holds of a calendar, a line each with id, time and slotd's marker.
func (d *demo) events(cal calendar.ID) []string {
	var out []string
	if cal.Account() == "google" {
		for _, e := range d.clinic.google.Events(cal.Calendar()) {
			out = append(out, eventLine(e.ID, e.Title, e.Start, e.Private["slotd"]))
		}
		return out
	}
	for _, e := range d.clinic.graph.Events(cal.Calendar()) {
		out = append(out, eventLine(e.ID, e.Title, e.Start, outlookMarker(e)))
	}
	return out
}

func eventLine(id, title string, start time.Time, marker string) string {
	return fmt.Sprintf("%q at %s, id %s, marker %s", title, start.UTC().Format(time.RFC3339), id, marker)
}
