package webhook

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"slotd/internal/emulator/whatsapp"
)

func replaced(t *testing.T, data []byte, old, new string) []byte {
	t.Helper()
	if !bytes.Contains(data, []byte(old)) {
		t.Fatalf("the Flow has no %s", old)
	}
	return bytes.ReplaceAll(data, []byte(old), []byte(new))
}

// bareSeed is the single-screen Flow as people draw it first: without has_slots and error_message.
func bareSeed(t *testing.T) []byte {
	t.Helper()
	data := testdata(t, "seed.json")
	data = replaced(t, data, `"has_slots": {"type": "boolean", "__example__": true},`, "")
	data = replaced(t, data, `"error_message": {"type": "string", "__example__": ""}`, "")
	data = replaced(t, data, `"__example__": [{"id": "2026-11-24T13:30:00Z", "title": "13:30"}]
        },`, `"__example__": [{"id": "2026-11-24T13:30:00Z", "title": "13:30"}]
        }`)
	data = replaced(t, data, `"required": "${data.has_slots}",`, `"required": true`)
	return replaced(t, data, `"visible": "${data.has_slots}"`, "")
}

func seeds(t *testing.T) map[string][]byte {
	t.Helper()
	return map[string][]byte{"seed": testdata(t, "seed.json"), "bare": bareSeed(t)}
}

// documented returns the Flow that docs/flow.md shows.
func documented(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile("../docs/flow.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```json\n")
	block, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("docs/flow.md shows no Flow")
	}
	return []byte(block)
}

func TestSeedFlowBooks(t *testing.T) {
	files := seeds(t)
	files["docs"] = documented(t)
	for name, data := range files {
		t.Run(name, func(t *testing.T) {
			c := twoDepartments()
			c.flowJSON = data
			r := newRig(t, c)
			r.books(r.phone(), whatsapp.Plan{Date: tuesday, Slot: "10:00", Strict: true})
			if b := r.bookings(); len(b) != 1 || b[0].Start != wall(t, tuesday, "10:00") {
				t.Errorf("booked %v", b)
			}
		})
	}
}

func TestSeedFlowPagesThroughLongDays(t *testing.T) {
	for name, data := range seeds(t) {
		for _, n := range []int{20, 21, 60, 200} {
			t.Run(name, func(t *testing.T) { pageThrough(t, data, n) })
		}
	}
}

func pageThrough(t *testing.T, data []byte, n int) {
	c := dense(n)
	c.flowJSON = data
	r := newRig(t, c)
	ctx := context.Background()
	p := r.phone()
	noComplaint(t, p.Open(ctx))
	noComplaint(t, p.Set(ctx, "date", tuesday))
	var seen []string
	for more := true; more; {
		more = false
		var later string
		for _, o := range p.Options("slot") {
			switch {
			case strings.HasPrefix(o.Title, "Later"):
				later, more = o.ID, true
			case !strings.HasPrefix(o.Title, "Earlier"):
				seen = append(seen, o.ID)
			}
		}
		if more {
			noComplaint(t, p.Set(ctx, "slot", later))
			noComplaint(t, p.Tap(ctx))
		}
	}
	if want := r.deskSlots(tuesday); !slices.Equal(seen, want) {
		t.Fatalf("%d slots can be chosen, the desk has %d", len(seen), len(want))
	}
	noComplaint(t, p.Set(ctx, "slot", seen[len(seen)-1]))
	noComplaint(t, p.Tap(ctx))
	if _, ok := p.Done(); !ok {
		t.Errorf("the last slot was not booked: %q", p.Snackbar())
	}
}

func TestSeedFlowEmptyDay(t *testing.T) {
	for name, data := range seeds(t) {
		t.Run(name, func(t *testing.T) {
			c := single()
			c.flowJSON = data
			r := newRig(t, c)
			r.mirror("acct/adams", hours(t, tuesday, "00:00", "23:00"))
			ctx := context.Background()
			p := r.phone()
			noComplaint(t, p.Open(ctx))
			before := r.keys()
			noComplaint(t, p.Set(ctx, "date", tuesday))
			if p.Snackbar() != textNoTimes {
				t.Errorf("an empty day is answered with %q", p.Snackbar())
			}
			for _, o := range p.Options("slot") { // where the file cannot hide its list
				noComplaint(t, p.Set(ctx, "slot", o.ID))
				noComplaint(t, p.Tap(ctx))
				if p.Snackbar() == "" || p.Terminal() == false {
					t.Errorf("choosing %q is answered with %q", o.Title, p.Snackbar())
				}
			}
			unchanged(t, before, r.keys())
			noComplaint(t, p.Set(ctx, "date", "2026-11-25"))
			noComplaint(t, p.Set(ctx, "slot", slot(t, "2026-11-25", "09:00")))
			noComplaint(t, p.Tap(ctx))
			if _, ok := p.Done(); !ok {
				t.Errorf("another day cannot be booked: %q", p.Snackbar())
			}
		})
	}
}

func TestSlotMustLieOnItsDate(t *testing.T) {
	c := single()
	c.flowJSON = testdata(t, "seed.json")
	r := newRig(t, c)
	token := r.token()
	before := r.keys()
	got := r.exchange(token, "SCHEDULE_SCREEN",
		object{"selected_date": tuesday, "selected_slot": slot(t, "2026-11-25", "09:00")})
	if got.status != 200 || got.Screen != "SCHEDULE_SCREEN" || got.message() == "" {
		t.Errorf("%d %s", got.status, got.plain)
	}
	if ids := got.ids("available_slots"); !slices.Contains(ids, slot(t, tuesday, "09:00")) {
		t.Errorf("the date's own times are not offered: %v", ids)
	}
	unchanged(t, before, r.keys())
}

func TestSeedFlowLosesASlot(t *testing.T) {
	for name, data := range seeds(t) {
		t.Run(name, func(t *testing.T) {
			c := single()
			c.flowJSON = data
			r := newRig(t, c)
			ctx := context.Background()
			loser := r.phone()
			noComplaint(t, loser.Open(ctx))
			noComplaint(t, loser.Set(ctx, "date", tuesday))
			noComplaint(t, loser.Set(ctx, "slot", slot(t, tuesday, "10:00")))
			r.books(r.phone(), whatsapp.Plan{Date: tuesday, Slot: "10:00", Strict: true})
			noComplaint(t, loser.Tap(ctx))
			if loser.Screen() != "SCHEDULE_SCREEN" || !strings.Contains(loser.Snackbar(), "taken") {
				t.Fatalf("the loser is on %s with %q", loser.Screen(), loser.Snackbar())
			}
			if slices.Contains(slotIDs(loser, "slot"), slot(t, tuesday, "10:00")) {
				t.Error("the lost slot is still offered")
			}
			noComplaint(t, loser.Set(ctx, "slot", slot(t, tuesday, "10:30")))
			noComplaint(t, loser.Tap(ctx))
			if _, ok := loser.Done(); !ok {
				t.Errorf("another time cannot be booked: %q", loser.Snackbar())
			}
		})
	}
}

// Meta's own appointment template: the days and times are lists, and its last screen shows no other times.
func TestAppointmentTemplateBooks(t *testing.T) {
	c := twoDepartments()
	c.flowJSON = testdata(t, "appointment.json")
	r := newRig(t, c)
	r.books(r.phone(), whatsapp.Plan{Department: "cardio", Resource: "Dr. Adams", Date: tuesday, Slot: "10:00",
		Strict: true, Name: "Sam Example", Email: "sam@example.com", Phone: "4930555", Notes: "more"})
	b := r.bookings()[0]
	p := r.person(b.ID)
	if b.Start != wall(t, tuesday, "10:00") || b.Placements[0].Resource != "adams" {
		t.Errorf("booked %s with %s", b.StartTime(), b.Placements[0].Resource)
	}
	if p.Name != "Sam Example" || p.Email != "sam@example.com" || p.Answers["more_details"]+p.Notes != "more" {
		t.Errorf("booked for %+v", p)
	}
}

// Dropdowns hold 200 options, so the template needs no pages below that; beyond it has them too.
func TestAppointmentTemplateLongDay(t *testing.T) {
	c := dense(216)
	c.flowJSON = testdata(t, "appointment.json")
	r := newRig(t, c)
	ctx := context.Background()
	p := r.phone()
	noComplaint(t, p.Open(ctx))
	noComplaint(t, p.Set(ctx, "department", "general"))
	noComplaint(t, p.Set(ctx, "location", "adams"))
	noComplaint(t, p.Set(ctx, "date", tuesday))
	if n := len(p.Options("time")); n < 190 {
		t.Errorf("%d times are offered", n)
	}
}
