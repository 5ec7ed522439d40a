package booking_test

import (
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"slotd/internal/booking"
	"slotd/internal/calendar"
)

// Random businesses and facts about one day, dense enough that rules meet.

func minutes(n int) time.Duration { return time.Duration(n) * time.Minute }

// drawSpans draws the sorted, disjoint hours of one day, of which some touch.
func drawSpans(t *rapid.T) []booking.Span {
	if rapid.IntRange(0, 3).Draw(t, "open all day") == 0 {
		return []booking.Span{{From: 0, To: 1440}}
	}
	edges := rapid.SliceOfNDistinct(rapid.IntRange(0, 288), 0, 6, rapid.ID[int]).Draw(t, "edges")
	slices.Sort(edges)
	touch := rapid.IntRange(0, 2).Draw(t, "touching") == 0
	var out []booking.Span
	for i := 0; i+1 < len(edges); i++ {
		out = append(out, booking.Span{From: edges[i] * 5, To: edges[i+1] * 5})
		if !touch {
			i++
		}
	}
	return out
}

// drawHours draws weekly hours: those of the day and of its neighbours, for which appointments run on over midnight.
func drawHours(t *rapid.T, d calendar.Date) *booking.Hours {
	var h booking.Hours
	for n := -1; n <= 2; n++ {
		h[d.AddDays(n).Weekday()] = drawSpans(t)
	}
	return &h
}

// drawDated draws hours of single dates near the day, of that year or of every year.
func drawDated(t *rapid.T, d calendar.Date) booking.Dated {
	if !sometimes(t, "dates") {
		return nil
	}
	out := booking.Dated{}
	for range rapid.IntRange(1, 3).Draw(t, "how many dates") {
		out[drawDate(t, d)] = drawSpans(t)
	}
	return out
}

func drawDate(t *rapid.T, d calendar.Date) calendar.Date {
	d = d.AddDays(rapid.IntRange(-1, 1).Draw(t, "date"))
	switch rapid.IntRange(0, 3).Draw(t, "year") {
	case 0:
		d.Year = 0
	case 1:
		d.Year++ // which says nothing of the day
	}
	return d
}

func sometimes(t *rapid.T, what string) bool { return rapid.IntRange(0, 3).Draw(t, what) == 0 }

// maybe draws what a level says, which mostly is nothing.
func maybe[T any](t *rapid.T, what string, values *rapid.Generator[T]) *T {
	if !sometimes(t, what+" is said") {
		return nil
	}
	v := values.Draw(t, what)
	return &v
}

func drawRules(t *rapid.T, d calendar.Date) (r booking.Rules) {
	length := func(from, to int) *rapid.Generator[time.Duration] {
		return rapid.Map(rapid.IntRange(from, to), minutes)
	}
	grids := rapid.Map(rapid.SampledFrom([]int{1, 5, 7, 10, 15, 20, 30, 45, 60, 90}), minutes)
	r = booking.Rules{
		Dates: drawDated(t, d), Extra: drawDated(t, d),
		Duration: maybe(t, "duration", length(1, 180)), Grid: maybe(t, "grid", grids),
		Before: maybe(t, "before", length(0, 20)), After: maybe(t, "after", length(0, 20)),
		Notice: maybe(t, "notice", length(0, 1440)), Horizon: maybe(t, "horizon", length(60, 3*1440)),
		CancelNotice: maybe(t, "cancel notice", length(0, 1440)), MoveNotice: maybe(t, "move notice", length(0, 1440)),
		PerDay: maybe(t, "per day", rapid.IntRange(1, 4)), PerWeek: maybe(t, "per week", rapid.IntRange(1, 6)),
		Capacity: maybe(t, "capacity", rapid.IntRange(1, 3)), OneOpen: maybe(t, "one open", rapid.Bool()),
		Any: maybe(t, "any", rapid.SampledFrom([]booking.Order{booking.LeastBusy, booking.RoundRobin})),
	}
	if sometimes(t, "hours") {
		r.Hours = drawHours(t, d)
	}
	return r
}

// drawBusiness draws departments, services and resources, the first of them in the zone and the others elsewhere. Every resource
// does every service, for which one or two of them may be needed beside it.
func drawBusiness(t *rapid.T, loc, elsewhere *time.Location, d calendar.Date) booking.Business {
	b := booking.Business{Zone: time.UTC, Rules: drawRules(t, d)}
	b.Rules.Hours = drawHours(t, d)
	if rapid.IntRange(0, 9).Draw(t, "open never but by other rules") == 0 {
		b.Rules.Hours = nil
	}
	for i := range rapid.IntRange(0, 2).Draw(t, "departments") {
		b.Departments = append(b.Departments, booking.Department{ID: fmt.Sprint("department ", i), Rules: drawRules(t, d)})
	}
	for i := range rapid.IntRange(1, 3).Draw(t, "services") {
		s := booking.Service{ID: fmt.Sprint("service ", i), Rules: drawRules(t, d)}
		if b.Rules.Duration == nil && s.Rules.Duration == nil {
			s.Rules.Duration = new(minutes(rapid.IntRange(1, 120).Draw(t, "duration")))
			if sometimes(t, "very long") {
				s.Rules.Duration = new(minutes(rapid.IntRange(120, 1800).Draw(t, "duration")))
			}
		}
		b.Services = append(b.Services, s)
	}
	for i := range rapid.IntRange(1, 4).Draw(t, "resources") {
		r := booking.Resource{ID: fmt.Sprint("resource ", i), Zone: elsewhere, Rules: drawRules(t, d), BookInto: "clinic/a"}
		if i == 0 {
			r.Zone = loc
		}
		for _, department := range b.Departments {
			if rapid.Bool().Draw(t, "member") {
				r.Departments = append(r.Departments, department.ID)
			}
		}
		for _, s := range b.Services {
			r.Services = append(r.Services, s.ID)
		}
		r.Blocks = []calendar.ID{"clinic/a", "clinic/b", "clinic/c"}[:rapid.IntRange(1, 3).Draw(t, "calendars")]
		b.Resources = append(b.Resources, r)
	}
	b.Holidays = drawHolidays(t, &b, d)
	return b
}

func drawHolidays(t *rapid.T, b *booking.Business, d calendar.Date) (out []booking.Holiday) {
	for i := range rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, "holidays") {
		h := booking.Holiday{Title: fmt.Sprint("holiday ", i), Dates: map[calendar.Date]bool{drawDate(t, d): true}}
		if rapid.Bool().Draw(t, "of a resource") {
			h.Resources = []string{rapid.SampledFrom(b.Resources).Draw(t, "resource").ID}
		}
		if len(b.Departments) > 0 && rapid.Bool().Draw(t, "of a department") {
			h.Departments = []string{rapid.SampledFrom(b.Departments).Draw(t, "department").ID}
		}
		out = append(out, h)
	}
	return out
}

// drawChoice draws how a customer comes to a resource: by one of the departments, which need not be one of its own, or by none.
func drawChoice(t *rapid.T, b *booking.Business, resource string) choice {
	departments := []string{"", "nowhere"}
	for _, d := range b.Departments {
		departments = append(departments, d.ID)
	}
	return choice{
		rapid.SampledFrom(departments).Draw(t, "chosen department"), resource,
		rapid.SampledFrom(b.Services).Draw(t, "chosen service").ID,
	}
}

// drawInterval draws a stretch of whole minutes on or near the day that begins about noon.
func drawInterval(t *rapid.T, noon int64) calendar.Interval {
	start := noon + minute*rapid.Int64Range(-20*60, 20*60).Draw(t, "start")
	return calendar.Interval{Start: start, End: start + minute*rapid.Int64Range(1, 150).Draw(t, "length")}
}

// drawClaims draws claims of bookings, some of them left, and of holds, some of them over at noon or just then. A few are on
// other days, where they matter to the caps alone. An owner has claims of one service only.
func drawClaims(t *rapid.T, noon int64, ids []string, services map[string]string) []booking.Claim {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) booking.Claim {
		c := booking.Claim{
			Interval: drawInterval(t, noon),
			Before:   minute * rapid.Int64Range(0, 30).Draw(t, "before"),
			After:    minute * rapid.Int64Range(0, 30).Draw(t, "after"),
		}
		if sometimes(t, "on another day") {
			away := day * rapid.Int64Range(-8, 8).Draw(t, "days away")
			c.Start, c.End = c.Start+away, c.End+away
		}
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 0:
			c.Hold = rapid.SampledFrom([]string{"visit 1", "visit 2"}).Draw(t, "visit")
			c.Until = noon + rapid.SampledFrom([]int64{-1, 0, 1, day, day + 1}).Draw(t, "until")
		case 1:
			c.Booking, c.Left = rapid.SampledFrom(ids).Draw(t, "left by"), true
			c.Before, c.After = 0, 0
		default:
			c.Booking = rapid.SampledFrom(ids).Draw(t, "booking")
		}
		c.Service = services[c.Booking+c.Hold]
		return c
	}), 0, 6).Draw(t, "claims")
}

// drawGhosts draws our events that a snapshot shows at times which their bookings have left.
func drawGhosts(t *rapid.T, f *booking.Facts) {
	for _, c := range slices.Concat(f.Claims, f.Others) {
		if !c.Left || !rapid.Bool().Draw(t, "still mirrored") {
			continue
		}
		for _, b := range f.Busy {
			if b == nil {
				continue
			}
			at := calendar.Interval{Start: max(c.Start, b.Window.Start), End: min(c.End, b.Window.End)}
			if !at.Empty() {
				b.Own = append(b.Own, calendar.Own{Interval: at, Booking: c.Booking})
			}
		}
	}
}

func drawBusy(t *rapid.T, noon int64) *calendar.Busy {
	b := &calendar.Busy{Window: calendar.Interval{Start: noon - 20*day, End: noon + 20*day}}
	switch rapid.IntRange(0, 19).Draw(t, "what is known") {
	case 0:
		return nil
	case 1:
		b.Window.Start = drawInterval(t, noon).Start
	case 2:
		b.Window.End = drawInterval(t, noon).End
	}
	for range rapid.IntRange(0, 6).Draw(t, "events") {
		i := drawInterval(t, noon) // a provider's events need not begin on a minute
		b.Foreign = append(b.Foreign, i.Pad(rapid.Int64Range(0, 59).Draw(t, "earlier"), rapid.Int64Range(0, 59).Draw(t, "later")))
	}
	b.Foreign = calendar.Union(b.Foreign)
	for range rapid.IntRange(0, 3).Draw(t, "own events") {
		id := rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(t, "own booking")
		b.Own = append(b.Own, calendar.Own{Interval: drawInterval(t, noon), Booking: id})
	}
	return b
}

var owners = []string{"a", "b", "c", "d", "f", "visit 1", "visit 2"}

func drawFacts(t *rapid.T, b *booking.Business, calendars int, noon int64) booking.Facts {
	known := []string{"", "not offered any more"}
	for _, s := range b.Services {
		known = append(known, s.ID)
	}
	services := map[string]string{}
	for _, id := range owners {
		services[id] = rapid.SampledFrom(known).Draw(t, "service of "+id)
	}
	f := booking.Facts{
		Claims: drawClaims(t, noon, []string{"a", "b", "c"}, services),
		Others: drawClaims(t, noon, []string{"c", "d", "f"}, services),
		Now:    noon,
		Asker: booking.Asker{
			Visit:   rapid.SampledFrom([]string{"", "visit 1"}).Draw(t, "asking visit"),
			Booking: rapid.SampledFrom([]string{"", "a", "c"}).Draw(t, "moving booking"),
		},
	}
	for range calendars {
		f.Busy = append(f.Busy, drawBusy(t, noon))
	}
	drawGhosts(t, &f)
	return f
}

// drawSlow draws a business, one of its services at its first resource, and the facts.
func drawSlow(t *rapid.T, loc *time.Location, d calendar.Date) *slow {
	noon := d.Interval(loc).Start + 12*hour
	c := booking.NewCatalog(drawBusiness(t, loc, loc, d))
	r := &c.Business().Resources[0]
	m := newSlow(c, drawChoice(t, c.Business(), r.ID), booking.Bounds{Earliest: noon - 10*day, Latest: noon + 10*day},
		drawFacts(t, c.Business(), len(r.Blocks), noon), d)
	switch rapid.IntRange(0, 3).Draw(t, "bounds") {
	case 0:
		m.b = booking.Bounds{Earliest: drawInterval(t, noon).Start - 6*hour, Latest: drawInterval(t, noon).End + 6*hour}
	case 1:
		m.bound(t, drawNow(t, noon))
	}
	if sometimes(t, "moving") {
		m.as(t)
	}
	return m
}

func drawNow(t *rapid.T, noon int64) time.Time {
	return time.Unix(drawInterval(t, noon-day).Start, rapid.SampledFrom([]int64{0, 1, 999_999_999}).Draw(t, "nanoseconds"))
}

// bound asks at some moment: not before the notice is over, nor beyond the horizon.
func (m *slow) bound(t *rapid.T, now time.Time) {
	m.b = booking.Bounds{Earliest: now.Add(m.e.notice).Unix(), Latest: now.Add(m.e.horizon).Unix()}
	if now.Nanosecond() > 0 {
		m.b.Earliest++
	}
	if got := m.o.Bounds(now); got != m.b {
		t.Fatalf("bounds at %s are %v, want %v", now.UTC(), got, m.b)
	}
}

// as asks for the time to which a booking can move that was made by other rules: it keeps its length and its buffers.
func (m *slow) as(t *rapid.T) {
	before, after := rapid.Int64Range(0, 20).Draw(t, "buffer before"), rapid.Int64Range(0, 20).Draw(t, "buffer after")
	length := rapid.Int64Range(1, 200).Draw(t, "booked length")
	m.o = m.o.As(&booking.Booking{
		Interval: calendar.Interval{End: length * minute}, Before: before * minute, After: after * minute,
		Status: booking.Confirmed,
	})
	m.e.duration, m.e.before, m.e.after = minutes(int(length)), minutes(int(before)), minutes(int(after))
}
