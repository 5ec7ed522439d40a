package webhook

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"slotd/internal/calendar"
	"slotd/internal/desk"
	"slotd/internal/emulator/whatsapp"
)

func TestWalkBooks(t *testing.T) {
	for name, test := range map[string]struct {
		clinic   clinic
		plan     whatsapp.Plan
		resource string // empty: any
		service  string
	}{
		"a doctor":         {twoDepartments(), whatsapp.Plan{Department: "cardio", Service: "ecg", Resource: "brown"}, "brown", "ecg"},
		"any doctor":       {twoDepartments(), whatsapp.Plan{Department: "cardio", Service: "checkup", Resource: desk.Any}, "", "checkup"},
		"one service":      {twoDepartments(), whatsapp.Plan{Department: "general"}, "clark", "checkup"},
		"nothing to chose": {single(), whatsapp.Plan{}, "adams", "checkup"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, test.clinic)
			test.plan.Strict, test.plan.Date, test.plan.Slot = true, tuesday, "10:00"
			test.plan.Name, test.plan.Notes = "Sam Example", "please call first"
			result := r.books(r.phone(), test.plan)
			all := r.bookings()
			if len(all) != 1 {
				t.Fatalf("%d bookings", len(all))
			}
			b := all[0]
			if b.Start != wall(t, tuesday, "10:00") || b.Service != test.service ||
				test.resource != "" && b.Placements[0].Resource != test.resource {
				t.Errorf("booked %s at %s with %s", b.Service, b.StartTime(), b.Placements[0].Resource)
			}
			if p := r.person(b.ID); p.Name != "Sam Example" || p.Notes != "please call first" || len(p.Answers) != 0 {
				t.Errorf("booked for %+v", p)
			}
			if result.Params["reference"] != b.Reference || result.Params["start"] != "2026-11-24T10:00:00+01:00" {
				t.Errorf("the chat gets %v", result.Params)
			}
		})
	}
}

// "Any doctor" is booked until nobody is free any more.
func TestAnyDoctorTakesAllOfThem(t *testing.T) {
	r := newRig(t, twoDepartments())
	plan := whatsapp.Plan{Department: "cardio", Resource: desk.Any, Date: tuesday, Slot: "09:00", Strict: true, Name: "Sam"}
	var with []string
	for range 2 {
		r.books(r.phone(), plan)
	}
	for _, b := range r.bookings() {
		with = append(with, b.Placements[0].Resource)
	}
	slices.Sort(with)
	if !slices.Equal(with, []string{"adams", "brown"}) {
		t.Errorf("booked with %v", with)
	}
	if result := r.walk(r.phone(), plan); result.Outcome != whatsapp.Lost {
		t.Errorf("a third booking: %s", result.Outcome)
	}
}

// dense is a clinic whose doctor has exactly n slots, five minutes apart, on any day.
func dense(n int) clinic {
	c := single()
	c.services[0] = service("checkup", "Check-up", 5*time.Minute)
	c.resources[0].Rules.Hours = weekly(6*60, 6*60+5*n)
	return c
}

// toTimes brings a phone to the built-in Flow's list of times.
func toTimes(t *testing.T, p *whatsapp.Phone, day string) {
	t.Helper()
	ctx := context.Background()
	noComplaint(t, p.Open(ctx))
	noComplaint(t, p.Set(ctx, "department", "general"))
	noComplaint(t, p.Tap(ctx))
	noComplaint(t, p.Set(ctx, "resource", "adams"))
	noComplaint(t, p.Tap(ctx))
	noComplaint(t, p.Set(ctx, "date", day))
	noComplaint(t, p.Tap(ctx))
}

func slotIDs(p *whatsapp.Phone, component string) []string {
	var ids []string
	for _, o := range p.Options(component) {
		ids = append(ids, o.ID)
	}
	return ids
}

func (r *rig) deskSlots(day string) []string {
	r.t.Helper()
	choice, err := r.desk.Resolve(desk.Choice{})
	check(r.t, err)
	date, err := calendar.ParseDate(day)
	check(r.t, err)
	starts, err := r.desk.Slots(context.Background(), "", choice, date)
	check(r.t, err)
	var ids []string
	for _, s := range starts {
		ids = append(ids, desk.SlotID(s))
	}
	return ids
}

func TestEverySlotCanBeReached(t *testing.T) {
	for _, n := range []int{1, 20, 21, 60, 200, 216} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			r := newRig(t, dense(n))
			ctx := context.Background()
			p := r.phone()
			toTimes(t, p, tuesday)
			seen := slotIDs(p, "slot")
			for i, part := range p.Options("part") {
				noComplaint(t, p.Set(ctx, "part", part.ID))
				if i == 0 {
					continue // was shown already
				}
				seen = append(seen, slotIDs(p, "slot")...)
			}
			if want := r.deskSlots(tuesday); len(want) != n || !slices.Equal(seen, want) {
				t.Fatalf("%d slots can be chosen, the desk has %d, the test wants %d", len(seen), len(want), n)
			}
			noComplaint(t, p.Set(ctx, "slot", seen[len(seen)-1]))
			noComplaint(t, p.Tap(ctx))
			if p.Screen() != "DETAILS" {
				t.Errorf("the last slot leads to %s %q", p.Screen(), p.Snackbar())
			}
		})
	}
}

// A day that fills up while it is looked at cannot be chosen, and the screen says so.
func TestDayFillsUp(t *testing.T) {
	r := newRig(t, single())
	ctx := context.Background()
	p := r.phone()
	noComplaint(t, p.Open(ctx))
	noComplaint(t, p.Set(ctx, "department", "general"))
	noComplaint(t, p.Tap(ctx))
	noComplaint(t, p.Set(ctx, "resource", "adams"))
	noComplaint(t, p.Tap(ctx))
	noComplaint(t, p.Set(ctx, "date", tuesday))
	r.mirror("acct/adams", hours(t, tuesday, "09:00", "12:00"))
	noComplaint(t, p.Tap(ctx))
	if p.Screen() != "DAY" || p.Snackbar() != textNoTimes {
		t.Errorf("on %s with %q", p.Screen(), p.Snackbar())
	}
	if err := p.Set(ctx, "date", tuesday); err == nil {
		t.Error("the full day can still be picked")
	}
}

// The same while the times are shown: the list goes, and the customer finds another day by going back.
func TestTimesFillUp(t *testing.T) {
	r := newRig(t, single())
	ctx := context.Background()
	p := r.phone()
	toTimes(t, p, tuesday)
	noComplaint(t, p.Set(ctx, "slot", slot(t, tuesday, "10:00")))
	r.mirror("acct/adams", hours(t, tuesday, "09:00", "12:00"))
	noComplaint(t, p.Tap(ctx))
	if p.Screen() != "TIME" || p.Snackbar() == "" || p.Data()["has_slots"] != false {
		t.Fatalf("on %s with %q and %v", p.Screen(), p.Snackbar(), p.Data()["has_slots"])
	}
	r.mirror("acct/adams")
	noComplaint(t, p.Tap(ctx)) // nothing is required any more, so the button works: it must not lead on without a time
	if p.Screen() != "TIME" || p.Data()["has_slots"] != true {
		t.Errorf("without a time on %s with %q", p.Screen(), p.Snackbar())
	}
}

func TestScreensSayWhatWasChosen(t *testing.T) {
	r := newRig(t, twoDepartments())
	ctx := context.Background()
	p := r.phone()
	noComplaint(t, p.Open(ctx))
	if text := strings.Join(p.Texts(), "\n"); !strings.Contains(text, "Example Clinic") {
		t.Errorf("the first screen says %q", text)
	}
	noComplaint(t, p.Set(ctx, "department", "cardio"))
	noComplaint(t, p.Tap(ctx))
	noComplaint(t, p.Set(ctx, "service", "ecg"))
	noComplaint(t, p.Set(ctx, "resource", "brown"))
	noComplaint(t, p.Tap(ctx))
	noComplaint(t, p.Set(ctx, "date", tuesday))
	noComplaint(t, p.Tap(ctx))
	if text := strings.Join(p.Texts(), "\n"); !strings.Contains(text, "ECG · Dr. Brown · Tue 24 Nov") ||
		!strings.Contains(text, "Berlin") || strings.Count(text, "local time") != 1 {
		t.Errorf("the times are headed %q", text)
	}
	noComplaint(t, p.Set(ctx, "slot", slot(t, tuesday, "10:00")))
	noComplaint(t, p.Tap(ctx))
	noComplaint(t, p.Set(ctx, "name", "Sam Example"))
	noComplaint(t, p.Set(ctx, "notes", "line one\nline two"))
	noComplaint(t, p.Tap(ctx))
	text := strings.Join(p.Texts(), "\n")
	for _, want := range []string{"ECG · Dr. Brown · Tue 24 Nov · 10:00", "Sam Example", "line one\nline two"} {
		if !strings.Contains(text, want) {
			t.Errorf("the confirm screen %q lacks %q", text, want)
		}
	}
	if p.Data()["has_slots"] != false {
		t.Error("the confirm screen offers other times before any was lost")
	}
}

// The longest titles that the config takes still fit into the components.
func TestLongTitlesFit(t *testing.T) {
	c := twoDepartments()
	for i := range c.services {
		c.services[i].Title += strings.Repeat("ß", 30-len(c.services[i].Title))
	}
	for i := range c.resources {
		c.resources[i].Title += strings.Repeat("Ü", 30-len(c.resources[i].Title))
	}
	r := newRig(t, c)
	r.books(r.phone(), whatsapp.Plan{Department: "cardio", Resource: "adams", Name: "Sam Example"})
}

func TestCustomerGoesBack(t *testing.T) {
	r := newRig(t, twoDepartments())
	ctx := context.Background()
	p := r.phone()
	noComplaint(t, p.Open(ctx))
	noComplaint(t, p.Set(ctx, "department", "cardio"))
	noComplaint(t, p.Tap(ctx))
	noComplaint(t, p.Set(ctx, "resource", "adams"))
	noComplaint(t, p.Tap(ctx))
	noComplaint(t, p.Back(ctx))
	noComplaint(t, p.Back(ctx))
	noComplaint(t, p.Set(ctx, "department", "general"))
	noComplaint(t, p.Tap(ctx))
	if got := slotIDs(p, "resource"); !slices.Equal(got, []string{"clark"}) {
		t.Errorf("after another department was chosen: %v", got)
	}
	noComplaint(t, p.Set(ctx, "resource", "clark"))
	noComplaint(t, p.Tap(ctx))
	if p.Screen() != "DAY" {
		t.Errorf("on %s with %q", p.Screen(), p.Snackbar())
	}
}

// A Flow that asks the endpoint on BACK gets the screen before, as it was: the request itself carries nothing.
func TestBackRequest(t *testing.T) {
	c := twoDepartments()
	r := newRig(t, c)
	r.appflow = bytes.Replace(r.appflow, []byte(`"id": "DAY",`), []byte(`"id": "DAY", "refresh_on_back": true,`), 1)
	r.appflow = bytes.Replace(r.appflow, []byte(`"id": "TIME",`), []byte(`"id": "TIME", "refresh_on_back": true,`), 1)
	r.reopen()
	ctx := context.Background()
	p := r.phone()
	noComplaint(t, p.Open(ctx))
	noComplaint(t, p.Set(ctx, "department", "cardio"))
	noComplaint(t, p.Tap(ctx))
	noComplaint(t, p.Set(ctx, "service", "ecg"))
	noComplaint(t, p.Set(ctx, "resource", "brown"))
	noComplaint(t, p.Tap(ctx))
	noComplaint(t, p.Set(ctx, "date", tuesday))
	noComplaint(t, p.Tap(ctx))
	noComplaint(t, p.Back(ctx))
	if p.Screen() != "DAY" || p.Data()["service"] != "ecg" || p.Data()["resource"] != "brown" {
		t.Fatalf("back on %s with %v", p.Screen(), p.Data())
	}
	noComplaint(t, p.Back(ctx))
	if p.Screen() != "DOCTOR" || p.Data()["department"] != "cardio" || p.Data()["service"] != "ecg" {
		t.Errorf("back on %s with %v", p.Screen(), p.Data())
	}
	if got := slotIDs(p, "resource"); !slices.Equal(got, []string{"any", "adams", "brown"}) {
		t.Errorf("the doctors are %v", got)
	}
}
