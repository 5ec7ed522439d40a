package webhook

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/internal/desk"
	"slotd/internal/emulator/whatsapp"
	"slotd/internal/flow"
)

const wednesday = "2026-11-25"

// inBothOrders runs a test with each of the built-in Flows.
func inBothOrders(t *testing.T, c clinic, test func(t *testing.T, r *rig)) {
	t.Helper()
	for name, data := range map[string][]byte{"doctor first": flow.Builtin(), "day first": flow.BuiltinDayFirst()} {
		t.Run(name, func(t *testing.T) {
			c := c
			c.flowJSON = data
			test(t, newRig(t, c))
		})
	}
}

// dayFirst returns a rig whose built-in Flow asks for the day before the doctor.
func dayFirst(t *testing.T, c clinic) *rig {
	t.Helper()
	c.flowJSON = flow.BuiltinDayFirst()
	return newRig(t, c)
}

// away blocks whole days of a doctor.
func (r *rig) away(doctor string, days ...string) {
	r.t.Helper()
	var busy []calendar.Interval
	for _, day := range days {
		busy = append(busy, hours(r.t, day, "00:00", "23:59"))
	}
	r.mirror(calendar.ID("acct/"+doctor), busy...)
}

// everyDay returns all days of the horizon of the rigs.
func everyDay(t *testing.T) []string {
	t.Helper()
	first, err := calendar.ParseDate("2026-11-22")
	check(t, err)
	var days []string
	for n := range 18 {
		days = append(days, first.AddDays(n).String())
	}
	return days
}

// enter opens a built-in Flow with a department, in the day-first one with a service too, and returns on the screen that follows.
func enter(t *testing.T, p *whatsapp.Phone, department, service string) {
	t.Helper()
	ctx := context.Background()
	noComplaint(t, p.Open(ctx))
	noComplaint(t, p.Set(ctx, "department", department))
	if service != "" && p.Options("service") != nil {
		noComplaint(t, p.Set(ctx, "service", service))
	}
	noComplaint(t, p.Tap(ctx))
}

// pick enters one choice and goes on.
func pick(t *testing.T, p *whatsapp.Phone, component, value string) {
	t.Helper()
	noComplaint(t, p.Set(context.Background(), component, value))
	noComplaint(t, p.Tap(context.Background()))
}

func wantScreen(t *testing.T, p *whatsapp.Phone, screen, text string) {
	t.Helper()
	if p.Screen() != screen || !strings.Contains(p.Snackbar(), text) {
		t.Fatalf("on %s with %q, want %s with %q", p.Screen(), p.Snackbar(), screen, text)
	}
}

func TestBothOrdersBook(t *testing.T) {
	for name, test := range map[string]struct {
		clinic   clinic
		plan     whatsapp.Plan
		resource string // empty: any
		service  string
	}{
		"a doctor":          {twoDepartments(), whatsapp.Plan{Department: "cardio", Service: "ecg", Resource: "brown"}, "brown", "ecg"},
		"any doctor":        {twoDepartments(), whatsapp.Plan{Department: "cardio", Service: "ecg", Resource: desk.Any}, "", "ecg"},
		"one service":       {twoDepartments(), whatsapp.Plan{Department: "general"}, "clark", "checkup"},
		"nothing to choose": {single(), whatsapp.Plan{}, "adams", "checkup"},
	} {
		t.Run(name, func(t *testing.T) {
			inBothOrders(t, test.clinic, func(t *testing.T, r *rig) {
				plan := test.plan
				plan.Strict, plan.Date, plan.Slot, plan.Name = true, tuesday, "10:00", "Sam Example"
				result := r.books(r.phone(), plan)
				b := r.bookings()[0]
				if b.Start != wall(t, tuesday, "10:00") || b.Service != test.service ||
					test.resource != "" && b.Resource != test.resource {
					t.Errorf("booked %s at %s with %s", b.Service, b.StartTime(), b.Resource)
				}
				if result.Params["start"] != "2026-11-24T10:00:00+01:00" || result.Params["zone"] != nil {
					t.Errorf("the chat gets %v", result.Params)
				}
				var screens []string
				for _, s := range result.Steps {
					if !slices.Contains(screens, s.Shown) {
						screens = append(screens, s.Shown)
					}
				}
				if len(screens) != 7 || screens[6] != "SUCCESS" {
					t.Errorf("the way is %v", screens)
				}
			})
		})
	}
}

// Days are those of anybody, whatever the config prefers, and the doctors are those of the day.
func TestDayFirstListsWhoIsFree(t *testing.T) {
	c := twoDepartments()
	c.defaults.Resource = "adams"
	r := dayFirst(t, c)
	r.away("adams", "2026-11-23", tuesday)
	r.away("brown", "2026-11-23", "2026-11-26")
	p := r.phone()
	enter(t, p, "cardio", "")
	wantScreen(t, p, "DAY", "")
	if p.Data()["min_date"] != tuesday {
		t.Errorf("days from %v on", p.Data()["min_date"])
	}
	for day, want := range map[string][]string{
		tuesday: {"brown"}, wednesday: {"any", "adams", "brown"}, "2026-11-26": {"adams"},
	} {
		pick(t, p, "date", day)
		wantScreen(t, p, "DOCTOR", "")
		if got := slotIDs(p, "resource"); !slices.Equal(got, want) {
			t.Errorf("on %s there are %v, want %v", day, got, want)
		}
		noComplaint(t, p.Back(context.Background()))
	}
	pick(t, p, "date", tuesday)
	if text := strings.Join(p.Texts(), "\n"); !strings.Contains(text, "Check-up · Tue 24 Nov") {
		t.Errorf("the doctors are headed %q", text)
	}
	if err := p.Tap(context.Background()); err == nil {
		t.Errorf("without a doctor on %s", p.Screen())
	}
	pick(t, p, "resource", "brown")
	wantScreen(t, p, "TIME", "")
}

// The service comes before the day: who gives it, and for how long, decides the days.
func TestDayFirstServiceDecidesTheDays(t *testing.T) {
	c := twoDepartments()
	c.resources[0].Services = []string{"checkup"}
	r := dayFirst(t, c)
	r.away("brown", tuesday)
	ctx := context.Background()
	p := r.phone()
	noComplaint(t, p.Open(ctx))
	if got := slotIDs(p, "service"); len(got) > 0 {
		t.Errorf("services before a department is chosen: %v", got)
	}
	noComplaint(t, p.Set(ctx, "department", "general"))
	if p.Data()["has_services"] != false {
		t.Error("asks for the only service")
	}
	noComplaint(t, p.Set(ctx, "department", "cardio"))
	if got := slotIDs(p, "service"); !slices.Equal(got, []string{"checkup", "ecg"}) {
		t.Errorf("the services are %v", got)
	}
	pick(t, p, "service", "ecg")
	wantScreen(t, p, "DAY", "")
	if err := p.Set(ctx, "date", tuesday); err == nil {
		t.Error("a day can be picked on which nobody gives the service")
	}
	noComplaint(t, p.Back(ctx))
	pick(t, p, "service", "checkup")
	pick(t, p, "date", tuesday)
	if got := slotIDs(p, "resource"); !slices.Equal(got, []string{"adams"}) {
		t.Errorf("the doctors are %v", got)
	}
	// Another department after all.
	noComplaint(t, p.Back(ctx))
	noComplaint(t, p.Back(ctx))
	noComplaint(t, p.Set(ctx, "service", "ecg"))
	noComplaint(t, p.Set(ctx, "department", "general"))
	noComplaint(t, p.Tap(ctx))
	wantScreen(t, p, "DAY", "")
	pick(t, p, "date", tuesday)
	if got := slotIDs(p, "resource"); !slices.Equal(got, []string{"clark"}) || p.Data()["service"] != "checkup" {
		t.Errorf("the doctors are %v for %v", got, p.Data()["service"])
	}
}

// A day that fills up under the customer: on its own screen, at the doctors, and at the times.
func TestDayFirstDayFillsUp(t *testing.T) {
	r := dayFirst(t, twoDepartments())
	ctx := context.Background()
	p := r.phone()
	enter(t, p, "cardio", "checkup")
	noComplaint(t, p.Set(ctx, "date", tuesday))
	r.away("adams", tuesday)
	r.away("brown", tuesday)
	noComplaint(t, p.Tap(ctx))
	wantScreen(t, p, "DAY", textNoTimes)
	if err := p.Set(ctx, "date", tuesday); err == nil {
		t.Error("the full day can still be picked")
	}

	pick(t, p, "date", wednesday)
	noComplaint(t, p.Set(ctx, "resource", "adams"))
	r.away("adams", wednesday)
	noComplaint(t, p.Tap(ctx))
	wantScreen(t, p, "DOCTOR", textNotThatDay)
	if got := slotIDs(p, "resource"); !slices.Equal(got, []string{"brown"}) {
		t.Errorf("the doctors are %v", got)
	}
	noComplaint(t, p.Set(ctx, "resource", "brown"))
	r.away("brown", wednesday)
	noComplaint(t, p.Tap(ctx))
	wantScreen(t, p, "DOCTOR", textNoTimes)
	if p.Data()["has_resources"] != false {
		t.Errorf("the doctors are %v", slotIDs(p, "resource"))
	}
	noComplaint(t, p.Tap(ctx)) // nothing is required any more, so the button works: it must not lead on
	wantScreen(t, p, "DOCTOR", textNoTimes)

	noComplaint(t, p.Back(ctx))
	pick(t, p, "date", "2026-11-26")
	pick(t, p, "resource", "brown")
	wantScreen(t, p, "TIME", "")
	noComplaint(t, p.Set(ctx, "slot", slot(t, "2026-11-26", "10:00")))
	r.away("brown", "2026-11-26")
	noComplaint(t, p.Tap(ctx))
	wantScreen(t, p, "TIME", "just been taken")
	noComplaint(t, p.Tap(ctx))
	wantScreen(t, p, "TIME", textNotThatDay)
	noComplaint(t, p.Back(ctx))
	pick(t, p, "resource", "adams")
	wantScreen(t, p, "TIME", "")
	if len(slotIDs(p, "slot")) == 0 {
		t.Error("another doctor of the day has no times")
	}
}

// The wait between the doctors and a tap: nobody books a doctor who was not listed by sending the id.
func TestDayFirstDoctorIsCheckedAgain(t *testing.T) {
	r := dayFirst(t, twoDepartments())
	r.away("adams", tuesday)
	token := r.token()
	got := r.exchange(token, "DOCTOR", object{"department": "cardio", "service": "ecg", "date": tuesday, "resource": "adams"})
	if got.Screen != "DOCTOR" || got.message() != textNotThatDay || !slices.Equal(got.ids("resources"), []string{"brown"}) {
		t.Errorf("%s %q %v", got.Screen, got.message(), got.ids("resources"))
	}
	got = r.exchange(token, "DOCTOR", object{"department": "cardio", "service": "ecg", "date": tuesday, "resource": "clark"})
	if got.Screen != "DOCTOR" || got.message() == "" || !slices.Equal(got.ids("resources"), []string{"brown"}) {
		t.Errorf("%s %q %v", got.Screen, got.message(), got.ids("resources"))
	}
	for _, bad := range []string{"tomorrow", "9999-12-31", "2026-11-01"} {
		got = r.exchange(token, "DOCTOR", object{"department": "cardio", "service": "ecg", "date": bad, "resource": "brown"})
		if got.Screen != "DOCTOR" || got.message() == "" {
			t.Errorf("%s: %s %q", bad, got.Screen, got.message())
		}
	}
	confirm := object{"department": "cardio", "service": "ecg", "date": tuesday, "slot": slot(t, tuesday, "10:00"),
		"resource": "adams", "name": "Sam Example", "notes": ""}
	if got = r.exchange(token, "CONFIRM", confirm); got.Screen != "CONFIRM" || len(r.bookings()) > 0 {
		t.Errorf("%s %q", got.Screen, got.message())
	}
}

// Lost at the list and at the confirm; the alternative is booked.
func TestLostSlotInBothOrders(t *testing.T) {
	inBothOrders(t, single(), func(t *testing.T, r *rig) {
		ctx := context.Background()
		toTime := func(p *whatsapp.Phone) {
			enter(t, p, "general", "")
			for p.Screen() != "TIME" {
				if p.Screen() == "DAY" {
					pick(t, p, "date", tuesday)
				} else {
					pick(t, p, "resource", "adams")
				}
				wantScreen(t, p, p.Screen(), "")
			}
		}
		p, other := r.phone(), r.phone()
		toTime(p)
		toTime(other)
		choose(t, other, "10:00")
		wantScreen(t, other, "DETAILS", "")
		choose(t, p, "10:00")
		wantScreen(t, p, "TIME", "just been taken")
		choose(t, p, "11:00")
		wantScreen(t, p, "DETAILS", "")
		pick(t, p, "name", "Sam Example")
		wantScreen(t, p, "CONFIRM", "")
		r.away("adams", tuesday)
		noComplaint(t, p.Tap(ctx))
		wantScreen(t, p, "CONFIRM", "taken")
		noComplaint(t, p.Set(ctx, "alternative", slot(t, wednesday, "09:00")))
		noComplaint(t, p.Tap(ctx))
		if params, ok := p.Done(); !ok || params["start"] != "2026-11-25T09:00:00+01:00" {
			t.Errorf("booked %v %q", params, p.Snackbar())
		}
	})
}

func TestDayFirstBackRequest(t *testing.T) {
	c := twoDepartments()
	c.flowJSON = flow.BuiltinDayFirst()
	for _, id := range []string{"DAY", "DOCTOR", "TIME"} {
		c.flowJSON = bytes.Replace(c.flowJSON, []byte(`"id": "`+id+`",`), []byte(`"id": "`+id+`", "refresh_on_back": true,`), 1)
	}
	r := newRig(t, c)
	r.away("adams", tuesday)
	ctx := context.Background()
	p := r.phone()
	enter(t, p, "cardio", "ecg")
	pick(t, p, "date", tuesday)
	pick(t, p, "resource", "brown")
	wantScreen(t, p, "TIME", "")
	r.mirror("acct/adams") // free again
	noComplaint(t, p.Back(ctx))
	wantScreen(t, p, "DOCTOR", "")
	if got := slotIDs(p, "resource"); !slices.Equal(got, []string{"any", "adams", "brown"}) {
		t.Errorf("back at the doctors there are %v", got)
	}
	r.away("brown", tuesday)
	noComplaint(t, p.Back(ctx))
	wantScreen(t, p, "DAY", "")
	if p.Data()["service"] != "ecg" || p.Data()["department"] != "cardio" {
		t.Errorf("back at the days with %v", p.Data())
	}
	pick(t, p, "date", tuesday)
	if got := slotIDs(p, "resource"); !slices.Equal(got, []string{"adams"}) {
		t.Errorf("the doctors are %v", got)
	}
}

// Where no day of the horizon has a time, every screen that would list days or times says so and whom to call.
func TestNoDayInTheHorizon(t *testing.T) {
	const call = "no free times at the moment. Please call " + testPhone
	inBothOrders(t, twoDepartments(), func(t *testing.T, r *rig) {
		ctx := context.Background()
		var waiting []*whatsapp.Phone // on DAY, with a day; on TIME; in the day-first Flow also on DOCTOR
		for _, stop := range []string{"DAY", "DOCTOR", "TIME"} {
			p := r.phone()
			enter(t, p, "cardio", "checkup")
			for p.Screen() != stop {
				if p.Screen() == "DAY" {
					pick(t, p, "date", tuesday)
				} else {
					pick(t, p, "resource", desk.Any)
				}
			}
			waiting = append(waiting, p)
		}
		r.away("adams", everyDay(t)...)
		r.away("brown", everyDay(t)...)

		noComplaint(t, waiting[0].Set(ctx, "date", tuesday))
		noComplaint(t, waiting[0].Tap(ctx))
		wantScreen(t, waiting[0], "DAY", call)
		if p := waiting[1]; p.Data()["date"] != nil { // the day was asked before
			pick(t, p, "resource", "adams")
			wantScreen(t, p, "DOCTOR", call)
		} else {
			pick(t, p, "resource", "adams")
			wantScreen(t, p, "DAY", call)
		}
		choose(t, waiting[2], "10:00")
		wantScreen(t, waiting[2], "TIME", call)

		// Who comes now finds that out at the first list of days, and can take the other department.
		p := r.phone()
		enter(t, p, "cardio", "checkup")
		if p.Screen() == "DOCTOR" {
			pick(t, p, "resource", desk.Any)
		}
		wantScreen(t, p, "DAY", call)
		for _, day := range everyDay(t) {
			if err := p.Set(ctx, "date", day); err == nil {
				t.Errorf("%s can be picked", day)
			}
		}
		r.books(r.phone(), whatsapp.Plan{Department: "general", Name: "Sam Example"})
	})
}

// Meta's template asks for the doctor above the day, on one screen: the day must not keep the customer from another doctor.
func TestDoctorAboveTheDayListsEverybody(t *testing.T) {
	c := twoDepartments()
	c.flowJSON = testdata(t, "appointment.json")
	r := newRig(t, c)
	r.away("brown", tuesday)
	ctx := context.Background()
	p := r.phone()
	noComplaint(t, p.Open(ctx))
	noComplaint(t, p.Set(ctx, "department", "cardio"))
	noComplaint(t, p.Set(ctx, "location", "adams"))
	noComplaint(t, p.Set(ctx, "date", tuesday))
	if got := slotIDs(p, "location"); !slices.Equal(got, []string{"any", "adams", "brown"}) {
		t.Errorf("the doctors are %v", got)
	}
}

// oneScreen asks for the day above the doctor, on one screen.
const oneScreen = `{
  "version": "7.3", "data_api_version": "4.0", "routing_model": {"ALL": []},
  "screens": [{"id": "ALL", "title": "Book", "terminal": true,
    "data": {
      "days": {"type": "array", "items": {"type": "object", "properties": {"id": {"type": "string"}, "title": {"type": "string"}}},
        "__example__": [{"id": "2026-11-24", "title": "Tue"}]},
      "doctors": {"type": "array", "items": {"type": "object", "properties": {"id": {"type": "string"}, "title": {"type": "string"}}},
        "__example__": [{"id": "adams", "title": "Dr. Adams"}]},
      "has_doctors": {"type": "boolean", "__example__": true},
      "times": {"type": "array", "items": {"type": "object", "properties": {"id": {"type": "string"}, "title": {"type": "string"}}},
        "__example__": [{"id": "2026-11-24T13:30:00Z", "title": "13:30"}]},
      "has_slots": {"type": "boolean", "__example__": true}},
    "layout": {"type": "SingleColumnLayout", "children": [
      {"type": "Dropdown", "name": "day", "label": "Day", "data-source": "${data.days}", "required": true,
       "on-select-action": {"name": "data_exchange", "payload": {"day": "${form.day}"}}},
      {"type": "RadioButtonsGroup", "name": "doctor", "label": "Doctor", "data-source": "${data.doctors}",
       "required": "${data.has_doctors}", "visible": "${data.has_doctors}",
       "on-select-action": {"name": "data_exchange", "payload": {"day": "${form.day}", "doctor": "${form.doctor}"}}},
      {"type": "RadioButtonsGroup", "name": "time", "label": "Time", "data-source": "${data.times}",
       "required": "${data.has_slots}", "visible": "${data.has_slots}"},
      {"type": "Footer", "label": "Book", "on-click-action": {"name": "data_exchange",
       "payload": {"day": "${form.day}", "doctor": "${form.doctor}", "time": "${form.time}"}}}]}}]}`

func TestDayAboveTheDoctorOnOneScreen(t *testing.T) {
	c := twoDepartments()
	c.departments, c.resources = c.departments[:1], c.resources[:2]
	c.flowJSON = []byte(oneScreen)
	r := newRig(t, c)
	r.away("adams", tuesday)
	ctx := context.Background()
	p := r.phone()
	noComplaint(t, p.Open(ctx))
	if got := slotIDs(p, "doctor"); len(got) > 0 {
		t.Errorf("doctors before the day: %v", got)
	}
	noComplaint(t, p.Set(ctx, "day", tuesday))
	if got := slotIDs(p, "doctor"); !slices.Equal(got, []string{"brown"}) {
		t.Errorf("the doctors of tuesday are %v", got)
	}
	noComplaint(t, p.Set(ctx, "day", wednesday))
	noComplaint(t, p.Set(ctx, "doctor", "adams"))
	if !slices.Contains(slotIDs(p, "day"), tuesday) {
		t.Error("a chosen doctor hides the days of the others")
	}
	noComplaint(t, p.Set(ctx, "time", slot(t, wednesday, "10:00")))
	noComplaint(t, p.Tap(ctx))
	if _, ok := p.Done(); !ok || r.bookings()[0].Resource != "adams" {
		t.Errorf("not booked: %q", p.Snackbar())
	}
}

// The chosen doctor is full by the time the screen comes back: as long as it lists somebody else, the day is not given up.
func TestDoctorFillsUpOnOneScreen(t *testing.T) {
	c := twoDepartments()
	c.departments, c.resources = c.departments[:1], c.resources[:2]
	c.flowJSON = []byte(oneScreen)
	r := newRig(t, c)
	ctx := context.Background()
	p := r.phone()
	noComplaint(t, p.Open(ctx))
	noComplaint(t, p.Set(ctx, "day", tuesday))
	r.away("adams", tuesday)
	noComplaint(t, p.Set(ctx, "doctor", "adams"))
	wantScreen(t, p, "ALL", textNotThatDay)
	if got := slotIDs(p, "doctor"); !slices.Equal(got, []string{"brown"}) {
		t.Errorf("the doctors are %v", got)
	}
	r.away("brown", tuesday)
	noComplaint(t, p.Set(ctx, "doctor", "brown"))
	wantScreen(t, p, "ALL", textNoTimes)
}

// A day on which no more may be booked loses the time with a reason of its own.
func TestCappedDay(t *testing.T) {
	c := single()
	c.resources[0].Rules.PerDay = new(1)
	r := newRig(t, c)
	p, late := r.phone(), r.phone()
	toTimes(t, p, tuesday)
	toTimes(t, late, tuesday)
	choose(t, p, "10:00")
	r.seen.take()
	choose(t, late, "11:00")
	wantScreen(t, late, "TIME", lostText(booking.Capped))
	all := r.seen.take()
	if len(all) != 1 || all[0].Outcome != LostCapped || !slices.Equal(funnel(all), []string{"lost_slot TIME", "no_slots TIME"}) {
		t.Errorf("observed %+v", all)
	}
	if _, talk := Outcomes(); !slices.Contains(talk, LostCapped) {
		t.Error("the outcome is not in the closed set")
	}
}
