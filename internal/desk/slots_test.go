package desk_test

import (
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/internal/desk"
	"slotd/store"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestCatalog(t *testing.T) {
	c := open(t)
	departments := ids(c.Departments(), func(d booking.Department) string { return d.ID })
	if want := []string{"heart", "skin"}; !slices.Equal(departments, want) {
		t.Errorf("departments %v, want %v: one without a resource is not shown", departments, want)
	}
	tests := []struct {
		department, service string
		services, resources []string
	}{
		{"", "", []string{"check", "scan"}, []string{"adams", "baker", "clark"}},
		{"heart", "", []string{"check", "scan"}, []string{"adams", "baker"}},
		{"heart", "scan", []string{"check", "scan"}, []string{"baker"}},
		{"skin", "", []string{"check", "scan"}, []string{"baker", "clark"}},
		{"empty", "", nil, nil},
		{"nonsense", "check", nil, nil},
	}
	for _, tt := range tests {
		services := ids(c.Services(tt.department), func(s booking.Service) string { return s.ID })
		resources := ids(c.Resources(tt.department, tt.service), func(r booking.Resource) string { return r.ID })
		if !slices.Equal(services, tt.services) || !slices.Equal(resources, tt.resources) {
			t.Errorf("%q %q: services %v, resources %v, want %v, %v",
				tt.department, tt.service, services, resources, tt.services, tt.resources)
		}
	}
}

func TestResolve(t *testing.T) {
	type choice = desk.Choice
	tests := []struct {
		name     string
		defaults choice
		in, want choice
		unknown  string
	}{
		{name: "complete", in: adams, want: adams},
		{name: "nothing chosen", want: choice{"", "check", desk.Any}},
		{name: "any", in: choice{"skin", "scan", desk.Any}, want: choice{"skin", "scan", desk.Any}},
		{name: "defaults fill", defaults: choice{"skin", "scan", "clark"}, want: choice{"skin", "scan", "clark"}},
		{name: "a choice wins over a default", defaults: choice{"skin", "scan", ""}, in: choice{"heart", "check", ""},
			want: choice{"heart", "check", desk.Any}},
		{name: "first service of the department", in: choice{Department: "skin"}, want: choice{"skin", "check", desk.Any}},
		{name: "unknown department", in: choice{"x", "check", ""}, unknown: "department"},
		{name: "department without resources", in: choice{"empty", "check", ""}, unknown: "department"},
		{name: "unknown service", in: choice{"heart", "x", ""}, unknown: "service"},
		{name: "service nobody offers", in: choice{"heart", "nobody", ""}, unknown: "service"},
		{name: "unknown resource", in: choice{"heart", "check", "x"}, unknown: "resource"},
		{name: "resource of another department", in: choice{"heart", "scan", "clark"}, unknown: "resource"},
		{name: "resource without the service", in: choice{"heart", "scan", "adams"}, unknown: "resource"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := open(t, func(cfg *desk.Config) { cfg.Defaults = tt.defaults })
			got, err := c.Resolve(tt.in)
			var unknown *desk.UnknownError
			if tt.unknown != "" {
				if !errors.As(err, &unknown) || unknown.What != tt.unknown {
					t.Fatalf("error %v, want unknown %s", err, tt.unknown)
				}
				return
			}
			if err != nil || got != tt.want {
				t.Fatalf("%+v, %v, want %+v", got, err, tt.want)
			}
		})
	}
}

var choices = []desk.Choice{
	adams,
	{Department: "heart", Service: "check", Resource: desk.Any},
	{Department: "skin", Service: "scan", Resource: "clark"}, // hours in New York
	{Department: "skin", Service: "scan", Resource: desk.Any},
	{Service: "check", Resource: desk.Any},
}

// TestViewsAgree: what is listed by day, by slot and as an alternative is what Check says, and the other way round.
func TestViewsAgree(t *testing.T) {
	c := open(t)
	random := rand.New(rand.NewPCG(1, 2))
	for _, cal := range c.calendars() {
		var busy []calendar.Interval
		for range 12 {
			busy = append(busy, minutes(at(random.IntN(9), random.IntN(24), random.IntN(60)), int64(20+random.IntN(240))))
		}
		c.read(cal, calendar.Union(busy)...)
	}
	for range 12 { // and some bookings of ours
		choice := choices[random.IntN(len(choices))]
		day := calendar.DateOf(at(random.IntN(9), 12, 0), c.Zone())
		if starts := c.mustSlots(choice, day); len(starts) > 0 {
			c.mustConfirm(c.wish(choice, starts[random.IntN(len(starts))]))
		}
	}
	for _, choice := range choices {
		var days []calendar.Date
		var all []int64
		for n := -1; n <= 11; n++ {
			day := calendar.DateOf(at(n, 12, 0), c.Zone())
			starts := c.mustSlots(choice, day)
			var checked []int64
			for s := day.Interval(c.Zone()).Start; s < day.Interval(c.Zone()).End; s += 5 * 60 {
				if c.mustCheck(choice, s) == booking.Free {
					checked = append(checked, s)
				}
			}
			if diff := cmp.Diff(checked, starts, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%+v %v: Check and Slots differ (-check +slots)\n%s", choice, day, diff)
			}
			if len(starts) > 0 {
				days = append(days, day)
			}
			all = append(all, starts...)
		}
		if len(all) == 0 {
			t.Fatalf("%+v: no slot at all: the test shows nothing", choice)
		}
		if got, err := c.Days(t.Context(), "", choice); err != nil || !slices.Equal(got, days) {
			t.Errorf("%+v: Days %v, %v, want %v", choice, got, err, days)
		}
		if got, err := c.Alternatives(t.Context(), "", choice, at(3, 12, 0), 10_000); err != nil || !slices.Equal(got, all) {
			t.Errorf("%+v: Alternatives has %d, %v, Slots have %d", choice, len(got), err, len(all))
		}
	}
}

// TestZones: a doctor works by the clocks of New York, the customer sees days and times of Berlin.
func TestZones(t *testing.T) {
	c := open(t)
	clark := desk.Choice{Department: "skin", Service: "scan", Resource: "clark"}
	tuesday := c.mustSlots(clark, calendar.Date{Year: 2027, Month: 3, Day: 2})
	if len(tuesday) == 0 || tuesday[0] != at(1, 15, 0) {
		t.Fatalf("first slot of Tuesday %v, want 15:00, which is 09:00 in New York", tuesday)
	}
	// Saturday 21:00 to 24:00 in New York is Sunday 03:00 to 06:00 in Berlin.
	if got := c.mustSlots(clark, calendar.Date{Year: 2027, Month: 3, Day: 6}); len(got) != 0 {
		t.Errorf("Saturday in Berlin has %v", got)
	}
	sunday := c.mustSlots(clark, calendar.Date{Year: 2027, Month: 3, Day: 7})
	if want := []int64{at(6, 3, 0), at(6, 3, 45), at(6, 4, 30), at(6, 5, 15)}; !slices.Equal(sunday, want) {
		t.Errorf("Sunday %v, want %v", sunday, want)
	}
}

// TestUnknownIsNotFree: a calendar that is not known well enough makes no slot appear, whatever its document says.
func TestUnknownIsNotFree(t *testing.T) {
	tests := []struct {
		name string
		do   func(c *clinic)
	}{
		{"over-age", func(c *clinic) { c.now = c.now.Add(15*time.Minute + time.Second) }},
		{"clock set back by a little", func(c *clinic) { c.now = c.now.Add(-time.Minute) }},
		{"clock set back by a lot", func(c *clinic) { c.now = c.now.Add(-24 * time.Hour) }},
		{"clock set back over a restart", func(c *clinic) { c.reopen(); c.now = c.now.Add(-10 * time.Minute) }},
		{"never read, as a restored store says", func(c *clinic) { c.store.MarkChecked("g/adams", time.Time{}) }},
		{"window too short", func(c *clinic) {
			c.snapshot("g/adams", &calendar.Busy{Window: calendar.Between(monday, time.Unix(at(1, 10, 29), 0))})
		}},
		{"window begins too late", func(c *clinic) {
			c.snapshot("g/adams", &calendar.Busy{Window: calendar.Between(time.Unix(at(1, 10, 1), 0), monday.AddDate(0, 1, 0))})
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := open(t)
			slot := at(1, 10, 0)
			wish := c.wish(adams, slot)
			if why := c.mustCheck(adams, slot); why != booking.Free {
				t.Fatalf("%v at first", why)
			}
			tt.do(c)
			if why := c.mustCheck(adams, slot); why != booking.Unknown {
				t.Errorf("Check says %v", why)
			}
			if slices.Contains(c.mustSlots(adams, calendar.DateOf(slot, c.Zone())), slot) {
				t.Error("the slot is listed")
			}
			before := c.dump()
			var lost *desk.LostError
			if _, err := c.Confirm(t.Context(), wish); !errors.As(err, &lost) || lost.Reason != booking.Unknown {
				t.Errorf("confirm: %v", err)
			}
			if !maps.Equal(before, c.dump()) {
				t.Error("something was written")
			}
		})
	}
}

// TestEveryBlockingCalendarCounts: one of two calendars that is not known, or is busy, blocks.
func TestEveryBlockingCalendarCounts(t *testing.T) {
	second := func(cfg *desk.Config) { cfg.Resources[0].Blocks = append(cfg.Resources[0].Blocks, "g/private") }
	slot := at(1, 10, 0)
	tests := []struct {
		name string
		do   func(c *clinic)
		want booking.Reason
	}{
		{"both known", func(*clinic) {}, booking.Free},
		{"second busy", func(c *clinic) { c.read("g/private", minutes(at(1, 10, 29), 5)) }, booking.Busy},
		{"second too old", func(c *clinic) { c.now = c.now.Add(20 * time.Minute); c.read("g/adams") }, booking.Unknown},
		{"first too old", func(c *clinic) { c.now = c.now.Add(20 * time.Minute); c.read("g/private") }, booking.Unknown},
		{"second covers less", func(c *clinic) {
			c.snapshot("g/private", &calendar.Busy{Window: calendar.Between(monday, monday.Add(time.Hour))})
		}, booking.Unknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := open(t, second)
			tt.do(c)
			if why := c.mustCheck(adams, slot); why != tt.want {
				t.Errorf("%v, want %v", why, tt.want)
			}
		})
	}
	t.Run("second never read", func(t *testing.T) {
		c := open(t)
		c.cfg.Resources[0].Blocks = append(c.cfg.Resources[0].Blocks, "g/new")
		c.openDesk()
		c.read("g/adams")
		if why := c.mustCheck(adams, slot); why != booking.Unknown {
			t.Errorf("%v", why)
		}
	})
	t.Run("marked as checked without a document", func(t *testing.T) {
		c := open(t)
		c.cfg.Resources[0].Blocks = append(c.cfg.Resources[0].Blocks, "g/new")
		c.openDesk()
		c.read("g/adams")
		c.store.MarkChecked("g/new", c.now)
		if why := c.mustCheck(adams, slot); why != booking.Unknown {
			t.Errorf("%v", why)
		}
	})
}

// TestSharedCalendar: the claim of one resource blocks the other before its event is in their calendar.
func TestSharedCalendar(t *testing.T) {
	baker := desk.Choice{Department: "heart", Service: "check", Resource: "baker"}
	tests := []struct {
		name  string
		share func(cfg *desk.Config)
	}{
		{"both book into one", func(cfg *desk.Config) {
			cfg.Resources[1].BookInto, cfg.Resources[1].Blocks = "g/adams", []calendar.ID{"g/adams"}
		}},
		{"one watches the other's", func(cfg *desk.Config) {
			cfg.Resources[1].Blocks = append(cfg.Resources[1].Blocks, "g/adams")
		}},
		{"the other way round", func(cfg *desk.Config) {
			cfg.Resources[0].Blocks = append(cfg.Resources[0].Blocks, "g/baker")
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := open(t, tt.share)
			done := c.mustConfirm(c.wish(adams, at(1, 10, 0)))
			for start, want := range map[int64]booking.Reason{
				at(1, 9, 30): booking.Free, at(1, 9, 45): booking.Claimed, at(1, 10, 15): booking.Claimed, at(1, 10, 30): booking.Free,
			} {
				if why := c.mustCheck(baker, start); why != want {
					t.Errorf("baker at %s: %v, want %v", desk.SlotID(start), why, want)
				}
			}
			// Seen in the calendar it is still one thing, and still not free.
			c.snapshot("g/adams", &calendar.Busy{
				Window: calendar.Between(monday, monday.AddDate(0, 0, 14)),
				Own:    []calendar.Own{{Interval: minutes(at(1, 10, 0), 30), Booking: done.Booking}},
			})
			if why := c.mustCheck(baker, at(1, 10, 15)); why == booking.Free {
				t.Error("sold twice once the event was seen")
			}
		})
	}
}

func TestAlternatives(t *testing.T) {
	c := open(t)
	// Adams has 10:00 on Tuesday, 9:00 and 16:30 on Thursday, and the whole of the last day of the horizon but no other day.
	var busy []calendar.Interval
	for day := range 9 {
		busy = append(busy, minutes(at(day, 0, 0), 24*60))
	}
	busy = free(busy, minutes(at(1, 10, 0), 30), minutes(at(3, 9, 0), 30), minutes(at(3, 16, 30), 30))
	c.read("g/adams", busy...)
	tuesday, early, late := at(1, 10, 0), at(3, 9, 0), at(3, 16, 30)
	last := []int64{at(9, 9, 0)} // Wednesday of next week; 9 days from now is 09:00 on it
	tests := []struct {
		name string
		near int64
		n    int
		want []int64
	}{
		{"one", at(1, 10, 15), 1, []int64{tuesday}},
		{"two days away", at(1, 10, 15), 2, []int64{tuesday, early}},
		{"nearest wins over the same week", at(3, 12, 0), 2, []int64{early, late}},
		{"from the other side", at(3, 23, 0), 3, []int64{tuesday, early, late}},
		{"long past", at(-30, 10, 0), 2, []int64{tuesday, early}},
		{"far beyond the horizon", at(300, 10, 0), 2, append([]int64{late}, last...)},
		{"all there are", at(2, 0, 0), 99, append([]int64{tuesday, early, late}, last...)},
		{"none asked for", at(2, 0, 0), 0, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := c.Alternatives(t.Context(), "", adams, tt.near, tt.n)
			if err != nil || len(got) != len(tt.want) || !slices.Equal(got, tt.want) {
				t.Errorf("%v, %v, want %v", got, err, tt.want)
			}
		})
	}
}

// TestAlternativesOverMidnight: what is nearest may lie on the next day though this one has enough.
func TestAlternativesOverMidnight(t *testing.T) {
	allDay := func(cfg *desk.Config) {
		for day := range cfg.Resources[0].Rules.Hours {
			cfg.Resources[0].Rules.Hours[day] = []booking.Span{{From: 0, To: 1440}}
		}
	}
	c := open(t, allDay)
	c.read("g/adams", minutes(at(2, 22, 0), 120))
	got, err := c.Alternatives(t.Context(), "", adams, at(2, 23, 30), 2)
	if want := []int64{at(3, 0, 0), at(3, 0, 15)}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
}

// free cuts holes into busy time.
func free(busy []calendar.Interval, holes ...calendar.Interval) []calendar.Interval {
	var out []calendar.Interval
	for _, b := range calendar.Union(busy) {
		for _, h := range holes {
			if b.Covers(h) {
				out = append(out, calendar.Interval{Start: b.Start, End: h.Start})
				b.Start = h.End
			}
		}
		out = append(out, b)
	}
	return out
}

// TestCorruptMirrorIsAnError: a document that cannot be read is neither free nor a panic.
func TestCorruptMirrorIsAnError(t *testing.T) {
	c := open(t)
	err := c.store.Update(t.Context(), func(tx *store.Tx) error {
		tx.PutClaims("adams", []booking.Claim{{Interval: minutes(at(1, 10, 0), 30), Booking: "b"}})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	c.db.lie = func(string) []byte { return nil }
	wish := c.wish(adams, at(1, 11, 0))
	c.db.lie = func(key string) []byte {
		if key == "claims/adams" {
			return []byte{1, 200}
		}
		return nil
	}
	before := c.dump()
	if _, err := c.Confirm(t.Context(), wish); err == nil {
		t.Error("a booking over claims that cannot be read")
	}
	if !maps.Equal(before, c.dump()) {
		t.Error("something was written")
	}
}

// A resource that left the config keeps its bookings: until their events are mirrored, its claims guard the calendar that
// another resource still uses.
func TestClaimsOutliveTheirResource(t *testing.T) {
	c := open(t, func(cfg *desk.Config) { cfg.Resources[1].Blocks = append(cfg.Resources[1].Blocks, "g/adams") })
	c.mustConfirm(c.wish(desk.Choice{Department: "heart", Service: "check", Resource: "adams"}, at(1, 10, 0)))
	var err error
	c.cfg.Resources = c.cfg.Resources[1:]
	if c.cfg.Placed, err = desk.Placed(t.Context(), c.store, c.now); err != nil {
		t.Fatal(err)
	}
	c.openDesk()
	for _, cal := range c.calendars() {
		c.read(cal)
	}
	baker := desk.Choice{Department: "heart", Service: "check", Resource: "baker"}
	if why := c.mustCheck(baker, at(1, 10, 15)); why != booking.Claimed {
		t.Errorf("the time of a removed resource's booking is %v", why)
	}
	if why := c.mustCheck(baker, at(1, 11, 0)); why != booking.Free {
		t.Errorf("other time is %v", why)
	}
}
