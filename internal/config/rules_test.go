package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slotd/internal/booking"
	"slotd/internal/calendar"
)

// clinic is a file with every level; tests put rules into it.
const clinic = `
[whatsapp]
app_secret_env = "APP"
private_key_env = "KEY"
[business]
name = "Example Clinic"
zone = "Europe/Berlin"
#business
[[account]]
name = "office"
provider = "google"
client_id = "id"
[[department]]
id = "skin"
title = "Skin"
#department
[[service]]
id = "check"
title = "Check"
needs = ["room"]
#service
[[resource]]
id = "adams"
title = "Dr. Adams"
book_into = "office/adams"
#resource
[[resource]]
id = "bell"
title = "Dr. Bell"
book_into = "office/bell"
[[resource]]
id = "room"
title = "Room"
hours = { mon-sun = ["00:00-24:00"] }
book_into = "office/room"
`

// usual are the rules of a business that the clinic needs.
const usual = "hours = { mon-fri = [\"09:00-17:00\"] }\nduration = \"30m\"\n"

// ruled returns the clinic with settings at its levels: "business", "department", "service" and "resource".
func ruled(t *testing.T, at map[string]string) booking.Business {
	t.Helper()
	file := clinic
	for level, text := range at {
		file = strings.Replace(file, "#"+level, text, 1)
	}
	cfg, err := Parse("t.toml", []byte(file))
	if err != nil {
		t.Fatalf("%v in\n%s", err, file)
	}
	return cfg.Bookable()
}

// Every rule can be written at every level, and what the file says is what the level says.
func TestEveryRuleAtEveryLevel(t *testing.T) {
	const all = `
hours = { mon = ["09:00-12:00"] }
dates = { 2026-12-24 = [], "12-31/01-01" = ["10:00-11:00"] }
extra = { "2026-12-05/2026-12-06" = ["08:00-09:00"] }
duration = "40m"
grid = "20m"
buffer_before = "5m"
buffer_after = "10m"
notice = "2h"
horizon = 60
cancel_notice = "24h"
move_notice = "2d"
max_per_day = 3
max_per_week = 9
capacity = 2
one_open_booking = true
`
	short := []booking.Span{{From: 600, To: 660}}
	early := []booking.Span{{From: 480, To: 540}}
	want := booking.Rules{
		Hours: &booking.Hours{time.Monday: {{From: 540, To: 720}}},
		Dates: booking.Dated{{Year: 2026, Month: 12, Day: 24}: nil, {Month: 12, Day: 31}: short, {Month: 1, Day: 1}: short},
		Extra: booking.Dated{{Year: 2026, Month: 12, Day: 5}: early, {Year: 2026, Month: 12, Day: 6}: early},

		Duration: new(40 * time.Minute), Grid: new(20 * time.Minute), Before: new(5 * time.Minute), After: new(10 * time.Minute),
		Notice: new(2 * time.Hour), Horizon: new(60 * day), CancelNotice: new(day), MoveNotice: new(2 * day),
		PerDay: new(3), PerWeek: new(9), Capacity: new(2), OneOpen: new(true),
	}
	rules := map[string]func(booking.Business) booking.Rules{
		"business":   func(b booking.Business) booking.Rules { return b.Rules },
		"department": func(b booking.Business) booking.Rules { return b.Departments[0].Rules },
		"service":    func(b booking.Business) booking.Rules { return b.Services[0].Rules },
		"resource":   func(b booking.Business) booking.Rules { return b.Resources[0].Rules },
	}
	for level, of := range rules {
		t.Run(level, func(t *testing.T) {
			text, want := all, want
			if level != "resource" {
				text += "any = \"round_robin\"\n"
				want.Any = new(booking.RoundRobin)
			}
			at := map[string]string{"business": usual}
			at[level] = text
			if diff := cmp.Diff(want, of(ruled(t, at))); diff != "" {
				t.Errorf("rules (-want +got):\n%s", diff)
			}
		})
	}
}

// What the file says at several levels is in force by the nearest of them.
func TestTheNearerLevelWins(t *testing.T) {
	b := ruled(t, map[string]string{
		"business":   usual + "notice = \"3h\"\nhorizon = \"20d\"\ncapacity = 2\nmax_per_day = 20\none_open_booking = true",
		"department": "notice = \"2h\"\nmax_per_day = 10\nany = \"round_robin\"",
		"resource":   "horizon = \"10d\"\nhours = { sat = [\"09:00-12:00\"] }\nduration = \"20m\"",
		"service":    "capacity = 1\nmax_per_day = 4\nhours = { fri-sat = [\"10:00-20:00\"] }\ndates = { 2026-12-05 = [] }\nduration = \"45m\"",
	})
	o := booking.NewCatalog(b).Offer("skin", "adams", "check")
	if o.Notice != 2*time.Hour || o.Horizon != 10*day || o.Duration != 45*time.Minute || o.Capacity != 1 || o.PerDay != 10 ||
		o.ServicePerDay != 4 || o.Any != booking.RoundRobin || o.OneOpen != booking.OfBusiness {
		t.Errorf("%+v", o)
	}
	for date, want := range map[calendar.Date][]booking.Span{
		{Year: 2026, Month: 11, Day: 28}: {{From: 600, To: 720}}, // a Saturday: both
		{Year: 2026, Month: 12, Day: 5}:  nil,                    // the service is not offered
		{Year: 2026, Month: 12, Day: 4}:  nil,                    // a Friday: hers are on Saturdays
	} {
		if diff := cmp.Diff(want, o.On(date).Spans); diff != "" {
			t.Errorf("%v (-want +got):\n%s", date, diff)
		}
	}
}

// Calendars that block a department or the business block each of its resources once, and those that are only needed too.
func TestCalendarsThatBlockMany(t *testing.T) {
	b := ruled(t, map[string]string{
		"business":   usual + `blocked_by = ["office/closed"]`,
		"department": `blocked_by = ["office/skin", "office/closed"]`,
		"resource":   `blocked_by = ["office/closed"]`,
	})
	want := map[string][]calendar.ID{
		"adams": {"office/closed", "office/adams", "office/skin"},
		"bell":  {"office/bell", "office/skin", "office/closed"},
		"room":  {"office/room", "office/closed"},
	}
	for _, r := range b.Resources {
		if diff := cmp.Diff(want[r.ID], r.Blocks); diff != "" {
			t.Errorf("%s (-want +got):\n%s", r.ID, diff)
		}
	}
}

// A doctor who comes on a few days needs no weekly hours, and a service that is offered on a few days has empty ones.
func TestOnlyOnSingleDays(t *testing.T) {
	b := ruled(t, map[string]string{
		"business": "duration = \"30m\"\nextra = { 2026-12-05 = [\"09:00-12:00\"] }",
		"resource": `hours = { sat = ["13:00-15:00"] }`,
		"service":  "hours = {}\nextra = { 2026-12-05 = [\"10:00-14:00\"] }",
	})
	catalog := booking.NewCatalog(b)
	december5, week := calendar.Date{Year: 2026, Month: 12, Day: 5}, calendar.Date{Year: 2026, Month: 12, Day: 12}
	want := map[string][]booking.Span{
		"adams": {{From: 600, To: 720}, {From: 780, To: 840}},
		"bell":  {{From: 600, To: 720}},
	}
	for id, want := range want {
		o := catalog.Offer("skin", id, "check")
		if diff := cmp.Diff(want, o.On(december5).Spans); diff != "" {
			t.Errorf("%s (-want +got):\n%s", id, diff)
		}
		if later := o.On(week).Spans; len(later) > 0 {
			t.Errorf("%s: open a week later: %v", id, later)
		}
	}
}

// Hours past midnight are two openings, over which appointments go on.
func TestAppointmentsOverMidnight(t *testing.T) {
	b := ruled(t, map[string]string{
		"business":   `duration = "3h"`,
		"department": `hours = { sat = ["22:00-24:00"], sun = ["00:00-02:00"] }`,
	})
	never := booking.NewCatalog(b).Never(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	if len(never) > 0 {
		t.Error(never)
	}
}

func TestOrderOfTheFlow(t *testing.T) {
	for order, dayFirst := range map[string]bool{
		"": false,
		`order = ["department", "service", "resource", "date"]`: false,
		`order = ["department", "service", "date", "resource"]`: true,
	} {
		cfg, err := Parse("t.toml", []byte(minimal+"[flow]\n"+order+"\n"))
		if err != nil || cfg.Flow.DayFirst != dayFirst {
			t.Errorf("%s: %v, %v", order, cfg, err)
		}
	}
}

func TestBlocklistIsAPath(t *testing.T) {
	cfg, err := Parse("etc/slotd.toml", []byte(change(`name = "Example Clinic"`, "name = \"x\"\nblocklist_file = \"blocked.txt\"")))
	if err != nil || cfg.Business.Blocklist != "etc/blocked.txt" {
		t.Errorf("%+v, %v", cfg, err)
	}
}
