package booking_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"slotd/internal/booking"
	"slotd/internal/calendar"
)

// TestExplainDecides: whatever the facts, the first rule that an explanation says no by is the reason that customers get, what
// is said to block overlaps what it blocks, and the counts of a day are those of its list.
func TestExplainDecides(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		o := rapid.SampledFrom(odd).Draw(rt, "day")
		m, team := drawTeam(rt, zone(t, o.zone), zone(t, rapid.SampledFrom([]string{o.zone, "America/New_York"}).Draw(rt, "elsewhere")),
			date(t, o.date))
		day := m.chosen.date.Interval(m.chosen.o.Resource.Zone)
		for start := day.Start - hour; start <= day.End+hour; start += 5 * minute {
			explains(rt, team, m.chosen.o, start)
		}
		for _, start := range team.Day(nil, m.chosen.date) {
			explains(rt, team, m.chosen.o, start)
		}
		explainsDay(rt, team, m.chosen.o, m.chosen.date)
	})
}

// explains compares the explanation of a start with the answer.
func explains(t *rapid.T, team *booking.Team, o *booking.Offer, start int64) {
	all := team.Explain(start)
	want, _ := team.Check(start)
	got := booking.Free
	if v := booking.Decided(all); v != nil {
		got = v.Reason
	}
	if got != want {
		t.Fatalf("%s: explained as %q, answered by %q: %+v", time.Unix(start, 0).UTC(), got, want, all)
	}
	blocks(t, booking.Words{Offer: o, Start: start}, all)
}

// blocks checks that what takes the time takes it, and that each verdict can be told.
func blocks(t *rapid.T, w booking.Words, all []booking.Verdict) {
	want := w.Offer.Span(w.Start)
	for _, v := range all {
		text := w.Verdict(&v)
		if !strings.HasPrefix(text, string(v.Rule)) || strings.Contains(text, "\n") || strings.Contains(text, "%!") {
			t.Fatalf("%q tells of %+v", text, v)
		}
		switch asked := (booking.Blocker{Interval: want, Before: seconds(w.Offer.Before), After: seconds(w.Offer.After)}); {
		case v.Rule != booking.RuleBusy && v.Rule != booking.RuleBookings:
			if v.Blocker != nil {
				t.Fatalf("%+v has a blocker", v)
			}
		case (v.Reason == booking.Free) != (v.Blocker == nil):
			t.Fatalf("%+v: a blocker, and only then something that blocks", v)
		case v.Rule == booking.RuleBusy && v.Blocker != nil && !v.Blocker.Overlaps(want):
			t.Fatalf("%+v does not overlap %v", v.Blocker, want)
		case v.Rule == booking.RuleBookings && v.Blocker != nil && !v.Blocker.Padded().Overlaps(asked.Padded()):
			t.Fatalf("%+v and its buffers do not overlap %v", v.Blocker, want)
		case v.Rule == booking.RuleBookings && (v.Count >= v.Most) != (v.Reason != booking.Free):
			t.Fatalf("%d of %d, and that is %s", v.Count, v.Most, v.Reason)
		}
		for _, need := range v.Needs {
			for _, option := range need {
				blocks(t, booking.Words{Offer: option.Offer, Start: w.Start}, option.Verdicts)
			}
		}
	}
}

// explainsDay compares the report of a day with its list, and with what is said of each start time.
func explainsDay(t *rapid.T, team *booking.Team, o *booking.Offer, d calendar.Date) {
	r := team.ExplainDay(d)
	sum := 0
	for _, n := range r.Barred {
		sum += n
	}
	if free := len(team.Day(nil, d)); r.Free != free || r.Starts != free+sum {
		t.Fatalf("%+v of a day with %d slots", r, free)
	}
	decides := map[booking.Rule]int{}
	day := d.Interval(o.Resource.Zone)
	for start := day.Start - 2*hour; start < day.End+2*hour; start += minute { // clocks may show the day a little longer
		if v := booking.Decided(team.Explain(start)); v != nil {
			decides[v.Rule]++
		}
	}
	for rule, n := range r.Barred {
		if decides[rule] < n {
			t.Fatalf("%+v: only %d starts are said to be barred by %s", r, decides[rule], rule)
		}
	}
}

// clinic is a business with a rule at each level: Dr. Adams is there on Mondays, and needs a room for a surgery.
func clinic(t *testing.T) booking.Business {
	weekdays := func(spans ...booking.Span) *booking.Hours {
		return &booking.Hours{time.Monday: spans, time.Tuesday: spans}
	}
	berlin := zone(t, "Europe/Berlin")
	return booking.Business{
		Zone: berlin,
		Rules: booking.Rules{
			Hours: weekdays(booking.Span{From: 9 * 60, To: 12 * 60}), Notice: new(2 * time.Hour), Horizon: new(60 * 24 * time.Hour),
			Extra: booking.Dated{date(t, "2026-12-25"): {{From: 600, To: 660}}},
		},
		Holidays: []booking.Holiday{
			{Title: "Christmas", Dates: map[calendar.Date]bool{date(t, "2026-12-24"): true, date(t, "2026-12-25"): true}},
		},
		Departments: []booking.Department{{ID: "general", Rules: booking.Rules{PerDay: new(2)}}},
		Services: []booking.Service{
			{ID: "checkup", Rules: booking.Rules{Duration: new(minutes(30)), Grid: new(minutes(15)), Before: new(minutes(10)), PerWeek: new(5)}},
			{ID: "surgery", Needs: [][]string{{"room-1", "room-2"}}, Rules: booking.Rules{
				Duration: new(minutes(60)), Hours: weekdays(booking.Span{From: 10 * 60, To: 18 * 60})}},
		},
		Resources: []booking.Resource{
			{ID: "adams", Zone: berlin, Departments: []string{"general"}, Services: []string{"checkup", "surgery"},
				Blocks: []calendar.ID{"google/adams"}, BookInto: "google/adams",
				Rules: booking.Rules{Dates: booking.Dated{date(t, "2026-11-30"): {{From: 600, To: 720}}}}},
			{ID: "room-1", Zone: berlin, Blocks: []calendar.ID{"google/room-1"}, BookInto: "google/room-1"},
			{ID: "room-2", Zone: berlin, Blocks: []calendar.ID{"google/room-2"}, BookInto: "google/room-2",
				Rules: booking.Rules{Hours: weekdays(booking.Span{From: 9 * 60, To: 10 * 60})}},
		},
	}
}

// told returns the sentences about a start, those of rules that do not allow it marked.
func told(t *testing.T, service, start string, change func(b *booking.Business, facts map[string]*booking.Facts)) []string {
	t.Helper()
	b, facts := clinic(t), map[string]*booking.Facts{}
	window := calendar.Interval{Start: unix(t, "2026-11-01T00:00:00Z"), End: unix(t, "2027-02-01T00:00:00Z")}
	now := time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC) // a Monday, 08:00 in Berlin
	for _, r := range b.Resources {
		facts[r.ID] = &booking.Facts{Now: now.Unix(), Busy: []*calendar.Busy{{Window: window}}}
	}
	if change != nil {
		change(&b, facts)
	}
	o := booking.NewCatalog(b).Offer("general", "adams", service)
	state := func(o *booking.Offer) *booking.State {
		return booking.NewState(o, o.Bounds(now), *facts[o.Resource.ID])
	}
	var needs [][]*booking.State
	for _, need := range o.Needs {
		var options []*booking.State
		for _, id := range need {
			options = append(options, state(o.Beside(id)))
		}
		needs = append(needs, options)
	}
	var out []string
	words := booking.Words{Offer: o, Start: unix(t, start), Name: func(id string) string { return "reference of " + id }}
	for _, v := range booking.NewTeam(state(o), needs...).Explain(words.Start) {
		mark := "+ "
		if v.Reason != booking.Free {
			mark = "- "
		}
		out = append(out, mark+words.Verdict(&v))
	}
	return out
}

func TestExplainEveryRule(t *testing.T) {
	const tuesday = "2026-11-24T09:00:00Z" // 10:00 in Berlin
	at := func(clock string) int64 { return unix(t, "2026-11-24T"+clock+":00Z") }
	booked := func(from, to string, id string) booking.Claim {
		return booking.Claim{Interval: calendar.Interval{Start: at(from), End: at(to)}, Booking: id, Service: "checkup"}
	}
	type facts = map[string]*booking.Facts
	for _, tt := range []struct {
		name, service, start string
		change               func(b *booking.Business, f facts)
		want                 []string // a part of each sentence that matters, in order
	}{
		{"nothing there", "checkup", tuesday, nil, []string{
			"+ notice 2h (business): not before Mon 23 Nov · 10:00", "+ horizon 60d (business): not after Fri 22 Jan 2027 · 08:00",
			"+ hours (business): open 09:00-12:00 on Tue 24 Nov", "+ grid 15m (service): 10:00 is a start time",
			"+ max_per_day (department): 0 of 2 bookings on Tue 24 Nov",
			"+ service_max_per_week (service): 0 of 5 bookings in the week from Mon 23 Nov",
			"+ calendars: known well enough", "+ busy: no event in the calendars as far as they are known",
			"+ bookings: none at that time",
		}},
		{"too soon", "checkup", "2026-11-23T08:45:00Z", nil, []string{
			"- notice 2h (business): not before Mon 23 Nov · 10:00", "+ horizon 60d (business): not after Fri 22 Jan 2027 · 08:00",
		}},
		{"off the grid", "checkup", "2026-11-24T09:07:00Z", nil, []string{
			"- grid 15m (service): 10:07 is no start time; they are 15m apart from each opening"}},
		{"over the end", "checkup", "2026-11-24T10:45:00Z", nil, []string{
			"- hours (business): open 09:00-12:00 on Tue 24 Nov; the appointment is from 11:45 to 12:15"}},
		{"a holiday", "checkup", "2026-12-24T09:00:00Z", nil, []string{`- hours: closed on Thu 24 Dec by the holiday "Christmas"`}},
		{"an extra opening on a holiday", "checkup", "2026-12-25T09:00:00Z", nil, []string{
			`+ hours: open 10:00-11:00 on Fri 25 Dec with an extra opening (business), otherwise closed by the holiday "Christmas"`}},
		{"a day without hours", "checkup", "2026-11-25T09:00:00Z", nil, []string{"- hours (business): closed on Wed 25 Nov"}},
		{"a date of its own", "checkup", "2026-11-30T08:00:00Z", nil, []string{
			"- hours (resource): open 10:00-12:00 on Mon 30 Nov, by the hours of that date; the appointment is from 09:00 to 09:30"}},
		{"no hours at all", "checkup", tuesday, func(b *booking.Business, _ facts) { b.Rules.Hours = nil }, []string{
			"- hours: closed on Tue 24 Nov, as no level gives any hours"}},
		{"the hours of the service", "surgery", "2026-11-24T08:00:00Z", nil, []string{
			"- service_hours (service): offered 10:00-18:00 on Tue 24 Nov; the appointment is from 09:00 to 10:00",
			"- needs (service): none can be there of " +
				"room-1 (service_hours (service): offered 10:00-18:00 on Tue 24 Nov; the appointment is from 09:00 to 10:00), " +
				"room-2 (service_hours (service): offered 10:00-18:00 on Tue 24 Nov; the appointment is from 09:00 to 10:00)"}},
		{"within the hours of the service alone", "surgery", "2026-11-24T13:00:00Z", nil, []string{
			"- hours (business): open 09:00-12:00 on Tue 24 Nov; the appointment is from 14:00 to 15:00",
			"+ service_hours (service): offered 10:00-18:00 on Tue 24 Nov",
			"- needs (service): none can be there of " +
				"room-1 (hours (business): open 09:00-12:00 on Tue 24 Nov; the appointment is from 14:00 to 15:00), " +
				"room-2 (hours (resource): open 09:00-10:00 on Tue 24 Nov; the appointment is from 14:00 to 15:00)"}},
		{"a date of which the service says nothing", "checkup", tuesday, func(b *booking.Business, _ facts) {
			b.Services[0].Rules.Dates = booking.Dated{date(t, "2026-12-24"): nil}
		}, []string{"+ service_hours (service): offered 00:00-24:00 on Tue 24 Nov"}},
		{"a full day", "checkup", tuesday, func(_ *booking.Business, f facts) {
			f["adams"].Claims = []booking.Claim{booked("08:00", "08:30", "a"), booked("10:30", "11:00", "b")}
		}, []string{"- max_per_day (department): 2 of 2 bookings on Tue 24 Nov"}},
		{"an unread calendar", "checkup", tuesday, func(_ *booking.Business, f facts) { f["adams"].Busy[0] = nil }, []string{
			"- calendars: not known well enough then: google/adams"}},
		{"an event", "checkup", tuesday, func(_ *booking.Business, f facts) {
			f["adams"].Busy[0].Foreign = []calendar.Interval{{Start: at("09:15"), End: at("10:00")}}
		}, []string{"- busy: an event in google/adams from 10:15 to 11:00"}},
		{"an event of some days", "checkup", tuesday, func(_ *booking.Business, f facts) {
			f["adams"].Busy[0].Foreign = []calendar.Interval{{Start: at("09:15"), End: at("09:15") + 60*day}}
		}, []string{"- busy: an event in google/adams from Tue 24 Nov · 10:15 to Sat 23 Jan 2027 · 10:15"}},
		{"an event of a booking that is not there", "checkup", tuesday, func(_ *booking.Business, f facts) {
			f["adams"].Busy[0].Own = []calendar.Own{{Interval: booked("09:00", "09:30", "").Interval, Booking: "a"}}
		}, []string{"- busy: the event of booking reference of a in google/adams from 10:00 to 10:30"}},
		{"a booking", "checkup", tuesday, func(_ *booking.Business, f facts) {
			f["adams"].Claims = []booking.Claim{booked("09:15", "09:45", "a")}
		}, []string{"- bookings: booking reference of a from 10:15 to 10:45"}},
		{"buffers", "checkup", tuesday, func(_ *booking.Business, f facts) {
			c := booked("08:30", "08:55", "a")
			c.After = 300
			f["adams"].Claims = []booking.Claim{c}
		}, []string{"- bookings: booking reference of a from 09:30 to 09:55; to be kept free: 5m after it, 10m before the appointment"}},
		{"a hold", "checkup", tuesday, func(_ *booking.Business, f facts) {
			f["adams"].Claims = []booking.Claim{{Interval: booked("09:00", "09:30", "").Interval, Hold: "x", Until: f["adams"].Now + 60}}
		}, []string{"- bookings: a customer's hold from 10:00 to 10:30"}},
		{"a booking beside", "checkup", tuesday, func(_ *booking.Business, f facts) {
			f["adams"].Others = []booking.Claim{booked("09:00", "09:30", "a")}
		}, []string{"- bookings: booking reference of a at a resource that shares a calendar, from 10:00 to 10:30"}},
		{"a class with room", "checkup", tuesday, func(b *booking.Business, f facts) {
			b.Services[0].Rules.Capacity = new(2)
			f["adams"].Claims = []booking.Claim{booked("09:00", "09:15", "a")}
		}, []string{"+ bookings (service): 1 of 2 bookings at once"}},
		{"a full class", "checkup", tuesday, func(b *booking.Business, f facts) {
			b.Services[0].Rules.Capacity, b.Departments[0].Rules.PerDay = new(2), nil
			f["adams"].Claims = []booking.Claim{booked("09:00", "09:15", "a"), booked("09:00", "09:15", "b")}
		}, []string{"- bookings (service): 2 of 2 bookings at once: booking reference of a from 10:00 to 10:15"}},
		{"a room", "surgery", tuesday, nil, []string{"+ needs (service): room-1 can be there"}},
		{"no room", "surgery", tuesday, func(_ *booking.Business, f facts) {
			f["room-1"].Busy[0].Foreign = []calendar.Interval{{Start: at("09:15"), End: at("10:00")}}
		}, []string{"- needs (service): none can be there of room-1 (busy: an event in google/room-1 from 10:15 to 11:00), " +
			"room-2 (hours (resource): open 09:00-10:00 on Tue 24 Nov; the appointment is from 10:00 to 11:00)"}},
		{"one room for two", "surgery", tuesday, func(b *booking.Business, _ facts) {
			b.Services[1].Needs = [][]string{{"room-1"}, {"room-1"}}
		}, []string{"- needs (service): room-1 can be there; room-1 can be there; but nobody can be in two places at once"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := told(t, tt.service, tt.start, tt.change)
			rest := got
			for _, want := range tt.want {
				i := slices.Index(rest, want)
				if i < 0 {
					t.Fatalf("not there, or not in its place: %s\n%s", want, strings.Join(got, "\n"))
				}
				rest = rest[i+1:]
			}
			for _, line := range got {
				if strings.HasPrefix(line, "- ") && !slices.Contains(tt.want, line) {
					t.Errorf("not expected: %s", line)
				}
			}
		})
	}
}

// TestNever: what can never be booked by the rules alone is named once, with the reason; what can, on a single day of the year, is
// not named.
func TestNever(t *testing.T) {
	monday := func(from, to int) *booking.Hours { return &booking.Hours{time.Monday: {{From: from, To: to}}} }
	for _, tt := range []struct {
		name   string
		change func(b *booking.Business)
		want   []string
	}{
		{"all is well", func(*booking.Business) {}, nil},
		{"no hours", func(b *booking.Business) { b.Rules, b.Resources[0].Rules = booking.Rules{}, booking.Rules{} }, []string{
			`service "checkup" can never be booked: no level gives it hours`, `service "surgery" can never be booked: no level gives it hours`}},
		{"a resource that is always closed", func(b *booking.Business) {
			b.Resources = append(b.Resources, b.Resources[0])
			b.Resources[3].ID, b.Resources[3].Rules = "baker", booking.Rules{Hours: &booking.Hours{}, Extra: booking.Dated{date(t, "2026-12-25"): {}}}
		}, []string{`resource "baker" can never be booked: it is closed on every day of the coming year`}},
		{"hours that do not meet", func(b *booking.Business) { b.Services[1].Rules.Hours = monday(13*60, 18*60) }, []string{
			`service "surgery" can never be booked: no opening of the resource meets the hours of the service`}},
		{"one day of the year", func(b *booking.Business) {
			b.Rules.Hours, b.Rules.Extra = nil, booking.Dated{{Month: time.February, Day: 3}: {{From: 600, To: 660}}}
			b.Services[1].Rules.Hours = nil
			b.Resources[0].Rules.Dates = nil
			b.Resources[2].Rules.Hours = nil
		}, nil},
		{"openings too short", func(b *booking.Business) {
			b.Rules.Hours, b.Services[1].Rules.Duration = monday(600, 660), new(minutes(150))
		}, []string{
			`service "surgery" can never be booked: no opening is as long as the service, which takes 2h30m: the longest is 2h`}},
		{"a notice beyond the horizon", func(b *booking.Business) {
			b.Services[0].Rules.Notice = new(90 * 24 * time.Hour)
		}, []string{`service "checkup" can never be booked: its notice of 90d is not shorter than its horizon of 60d`}},
		{"a need that is closed then", func(b *booking.Business) { b.Services[1].Needs = [][]string{{"room-2"}} }, []string{
			`service "surgery" can never be booked: it needs "room-2", never open at its times`}},
		{"a need that wants more notice than there is", func(b *booking.Business) {
			b.Services[1].Needs, b.Resources[1].Rules.Notice = [][]string{{"room-1"}}, new(61*24*time.Hour)
		}, []string{`service "surgery" can never be booked: it needs "room-1", whose notice reaches beyond the horizon`}},
		{"needs that are never open together", func(b *booking.Business) {
			b.Services[1].Needs = [][]string{{"room-1"}, {"room-1"}}
		}, []string{`service "surgery" can never be booked: what it needs is never there all at once`}},
		{"by way of one department", func(b *booking.Business) {
			b.Departments = append(b.Departments, booking.Department{ID: "emergency", Rules: booking.Rules{Dates: booking.Dated{}, Hours: &booking.Hours{}}})
			b.Resources[0].Departments = []string{"general", "emergency"}
			b.Resources[0].Rules, b.Rules.Extra = booking.Rules{}, nil
			b.Services = b.Services[:1]
			b.Resources[0].Services = []string{"checkup"}
		}, []string{`service "checkup" at resource "adams" by way of department "emergency" can never be booked: ` +
			`it is closed on every day of the coming year`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := clinic(t)
			tt.change(&b)
			var got []string
			for _, n := range booking.NewCatalog(b).Never(time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC)) {
				got = append(got, n.String())
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}
