package webhook

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"slotd/internal/desk"
	"slotd/internal/emulator/whatsapp"
	"slotd/internal/flow"
)

// phoneIn returns a phone with a message for a customer of a zone.
func (r *rig) phoneIn(zone string) *whatsapp.Phone {
	r.t.Helper()
	token, err := r.desk.NewToken(context.Background(), desk.Invitation{Zone: zone})
	check(r.t, err)
	return r.phoneWith(token)
}

// titles returns what the options of a list say, by id.
func titles(p *whatsapp.Phone, component string) map[string]string {
	out := map[string]string{}
	for _, o := range p.Options(component) {
		out[o.ID] = o.Title
	}
	return out
}

func wantText(t *testing.T, p *whatsapp.Phone, want string) {
	t.Helper()
	if text := strings.Join(p.Texts(), "\n"); !strings.Contains(text, want) {
		t.Errorf("%s says %q, which lacks %q", p.Screen(), text, want)
	}
}

// Tuesday morning in Berlin is Monday night in Honolulu: the customer chooses and reads Monday, the doctor has Tuesday.
func TestCustomerInAnotherZone(t *testing.T) {
	for _, data := range [][]byte{flow.Builtin(), flow.BuiltinDayFirst()} {
		c := single()
		c.flowJSON = data
		r := newRig(t, c)
		ctx := context.Background()
		p := r.phoneIn("Pacific/Honolulu")
		enter(t, p, "general", "")
		for p.Screen() != "TIME" {
			if p.Screen() == "DAY" {
				if p.Data()["min_date"] != "2026-11-22" { // the same opening is Sunday night there
					t.Errorf("days from %v on", p.Data()["min_date"])
				}
				pick(t, p, "date", "2026-11-23")
			} else {
				pick(t, p, "resource", "adams")
			}
		}
		// Of Monday there: the end of Berlin's Monday morning and the begin of its Tuesday morning.
		want := map[string]string{
			slot(t, "2026-11-23", "11:00"): "00:00 (Honolulu)", slot(t, "2026-11-23", "11:30"): "00:30 (Honolulu)",
			slot(t, tuesday, "09:00"): "22:00 (Honolulu)", slot(t, tuesday, "09:30"): "22:30 (Honolulu)",
			slot(t, tuesday, "10:00"): "23:00 (Honolulu)", slot(t, tuesday, "10:30"): "23:30 (Honolulu)",
		}
		if got := titles(p, "slot"); !maps.Equal(got, want) {
			t.Errorf("the times are %v, want %v", got, want)
		}
		wantText(t, p, "Mon 23 Nov")
		wantText(t, p, "Honolulu (HST)")
		choose(t, p, "09:30")
		wantText(t, p, "Mon 23 Nov · 22:30 (Honolulu)")
		pick(t, p, "name", "Sam Example")
		wantText(t, p, "Mon 23 Nov · 22:30 (Honolulu)")
		r.mirror("acct/adams", hours(t, tuesday, "09:30", "10:00"))
		noComplaint(t, p.Tap(ctx))
		wantScreen(t, p, "CONFIRM", "taken")
		if got := titles(p, "alternative")[slot(t, tuesday, "10:00")]; got != "Mon 23 Nov · 23:00 (Honolulu)" {
			t.Errorf("instead there is %q", got)
		}
		noComplaint(t, p.Set(ctx, "alternative", slot(t, tuesday, "11:00"))) // on another day there
		noComplaint(t, p.Tap(ctx))
		params, ok := p.Done()
		if !ok || r.bookings()[0].Start != wall(t, tuesday, "11:00") {
			t.Fatalf("not booked: %q", p.Snackbar())
		}
		for key, want := range map[string]string{
			"start": "2026-11-24T00:00:00-10:00", "date": tuesday, "time": "00:00", "zone": "Pacific/Honolulu",
			"summary": "Check-up · Dr. Adams · Tue 24 Nov · 00:00 (Honolulu)",
		} {
			if params[key] != want {
				t.Errorf("the chat gets %s %q, want %q", key, params[key], want)
			}
		}
	}
}

// A slot has to lie on the day that came with it, which is one of the customer's.
func TestSlotLiesOnTheCustomersDay(t *testing.T) {
	r := newRig(t, single())
	token, err := r.desk.NewToken(context.Background(), desk.Invitation{Zone: "Pacific/Honolulu"})
	check(t, err)
	send := func(date string) reply {
		return r.exchange(token, "TIME", object{"department": "general", "service": "checkup", "resource": "adams",
			"date": date, "part": "day", "slot": slot(t, tuesday, "09:00")})
	}
	if got := send(tuesday); got.Screen != "TIME" || got.message() != textNotOffered {
		t.Errorf("on Berlin's day: %s %q", got.Screen, got.message())
	}
	if got := send("2026-11-23"); got.Screen != "DETAILS" {
		t.Errorf("on Honolulu's day: %s %q", got.Screen, got.message())
	}
}

// A spent button tells of the booking in the customer's clock.
func TestSpentButtonInAnotherZone(t *testing.T) {
	r := newRig(t, single())
	token, err := r.desk.NewToken(context.Background(), desk.Invitation{Zone: "Europe/Lisbon"})
	check(t, err)
	r.books(r.phoneWith(token), whatsapp.Plan{Date: tuesday, Slot: "09:00", Strict: true, Name: "Sam Example"})
	if r.bookings()[0].Start != wall(t, tuesday, "10:00") {
		t.Fatalf("booked %v", r.bookings()[0].StartTime())
	}
	got := r.send(object{"version": "4.0", "action": "INIT", "flow_token": token})
	if got.status != statusTokenInvalid || !strings.Contains(got.Closed, "Tue 24 Nov · 09:00 (Lisbon)") {
		t.Errorf("%d %q", got.status, got.Closed)
	}
}

// Where all clocks agree nobody is bothered with zones.
func TestAgreeingClocksNameNoZone(t *testing.T) {
	r := newRig(t, single())
	p := r.phoneIn("Europe/Paris")
	toTimes(t, p, tuesday)
	if got := titles(p, "slot")[slot(t, tuesday, "10:00")]; got != "10:00" {
		t.Errorf("the option is %q", got)
	}
	wantText(t, p, "Paris (CET)")
	result := r.books(r.phoneIn("Europe/Paris"), whatsapp.Plan{Date: tuesday, Slot: "10:00", Strict: true, Name: "Sam Example"})
	if result.Params["zone"] != nil || result.Params["start"] != "2026-11-24T10:00:00+01:00" ||
		result.Params["summary"] != "Check-up · Dr. Adams · Tue 24 Nov · 10:00" {
		t.Errorf("the chat gets %v", result.Params)
	}
}

// A doctor in another zone than the business: also a customer without a zone is told whose time it is.
func TestResourceInAnotherZone(t *testing.T) {
	c := twoDepartments()
	c.resources[1].Zone = mustZone("Europe/Lisbon")
	r := newRig(t, c)
	times := func(resource string) map[string]string {
		p := r.phone()
		enter(t, p, "cardio", "")
		pick(t, p, "resource", resource)
		pick(t, p, "date", tuesday)
		return titles(p, "slot")
	}
	at := slot(t, tuesday, "10:00")
	for resource, want := range map[string]string{"adams": "10:00", "brown": "10:00 (Berlin)", desk.Any: "10:00 (Berlin)"} {
		if got := times(resource)[at]; got != want {
			t.Errorf("%s: %q, want %q", resource, got, want)
		}
	}
	if _, ok := times("brown")[slot(t, tuesday, "12:30")]; !ok {
		t.Error("the last time of the doctor's morning is not offered")
	}
	result := r.books(r.phone(), whatsapp.Plan{Department: "cardio", Resource: "brown", Date: tuesday, Slot: "12:30", Strict: true, Name: "Sam"})
	if result.Params["start"] != "2026-11-24T12:30:00+01:00" || result.Params["zone"] != "Europe/Berlin" {
		t.Errorf("the chat gets %v", result.Params)
	}
}

// Many times of a day are split at the customer's noon, with the clock of the customer.
func TestPartsOfTheCustomersDay(t *testing.T) {
	r := newRig(t, dense(60)) // 06:00 to 11:00 in Berlin
	p := r.phoneIn("Asia/Tokyo")
	toTimes(t, p, tuesday)
	var parts []string
	for _, o := range p.Options("part") {
		parts = append(parts, o.Title)
	}
	if want := []string{"Afternoon 14:00–15:25", "Afternoon 15:30–16:55", "Evening 17:00–17:55", "Evening 18:00–18:55"}; !slices.Equal(parts, want) {
		t.Errorf("the parts are %q, want %q", parts, want)
	}
}

// Whatever the zone, an option fits and is unambiguous.
func TestOptionsFitWithTheirZone(t *testing.T) {
	la, ny, tunis := mustZone("America/Los_Angeles"), mustZone("America/New_York"), mustZone("Africa/Tunis")
	buenos := mustZone("America/Argentina/Buenos_Aires")
	winter := time.Date(2026, 11, 25, 13, 30, 0, 0, time.UTC).Unix()
	summer := time.Date(2027, 7, 7, 13, 30, 0, 0, time.UTC).Unix()
	twice := time.Date(2026, 11, 1, 9, 30, 0, 0, time.UTC).Unix() // 01:30 for the second time in Los Angeles
	for _, test := range []struct {
		zone  *time.Location
		at    int64
		short string
		long  string
	}{
		{berlin, winter, "14:30", "Wed 25 Nov · 14:30"},
		{tunis, winter, "14:30", "Wed 25 Nov · 14:30"},
		{tunis, summer, "14:30 (Tunis)", "Wed 7 Jul · 14:30 (Tunis)"},
		{ny, winter, "08:30 (New York)", "Wed 25 Nov · 08:30 (New York)"},
		{la, winter, "05:30 (Los Angeles)", "Wed 25 Nov · 05:30 (UTC-08:00)"},
		{buenos, winter, "10:30 (Buenos Aires)", "Wed 25 Nov · 10:30 (UTC-03:00)"},
		{la, twice, "01:30 (UTC-8) (Los Angeles)", "Sun 1 Nov · 01:30 (UTC-8)"},
	} {
		k := clocks{zone: test.zone, others: []*time.Location{berlin, berlin}}
		short, long := k.time(test.at), k.dayAndTime(test.at)
		if short != test.short || long != test.long {
			t.Errorf("%s: %q and %q, want %q and %q", test.zone, short, long, test.short, test.long)
		}
		if utf8.RuneCountInString(long) > maxOption {
			t.Errorf("%q is too long", long)
		}
		if named := k.differ(test.at); named != strings.Contains(k.inSummary(test.at), city(test.zone)) {
			t.Errorf("%s: the summary says %q", test.zone, k.inSummary(test.at))
		}
	}
	if lisbon := mustZone("Europe/Lisbon"); !(clocks{zone: berlin, others: []*time.Location{berlin, lisbon}}).differ(winter) {
		t.Error("one of several clocks that differs is overlooked")
	}
}
