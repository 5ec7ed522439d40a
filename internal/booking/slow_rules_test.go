package booking_test

import (
	"slices"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
)

// slowRules answers which rules are in force by asking one level after the other.
type slowRules struct {
	business   *booking.Business
	department *booking.Department // by which the customer comes; nil: by none
	r          *booking.Resource
	s          *booking.Service
	e          inForce
}

// inForce are the rules of which one value holds.
type inForce struct {
	duration, grid, before, after, notice, horizon, cancel, move time.Duration
	capacity, perDay, perWeek, servicePerDay, servicePerWeek     int
	any                                                          booking.Order
	oneOpen                                                      booking.Level
}

// inForceBy is what the engine says.
func inForceBy(o *booking.Offer) inForce {
	return inForce{
		duration: o.Duration, grid: o.Grid, before: o.Before, after: o.After, notice: o.Notice, horizon: o.Horizon,
		cancel: o.CancelNotice, move: o.MoveNotice, capacity: o.Capacity, perDay: o.PerDay, perWeek: o.PerWeek,
		servicePerDay: o.ServicePerDay, servicePerWeek: o.ServicePerWeek, any: o.Any, oneOpen: o.OneOpen,
	}
}

func newSlowRules(b *booking.Business, of choice) slowRules {
	m := slowRules{business: b}
	m.r = &b.Resources[slices.IndexFunc(b.Resources, func(r booking.Resource) bool { return r.ID == of.resource })]
	m.s = &b.Services[slices.IndexFunc(b.Services, func(s booking.Service) bool { return s.ID == of.service })]
	m.department = departmentOf(b, m.r, of.department)
	theirs, all := m.counting(), append([]*booking.Rules{&m.s.Rules}, m.theirs()...)
	m.e = inForce{
		duration: said(all, 0, func(r *booking.Rules) *time.Duration { return r.Duration }),
		before:   said(all, 0, func(r *booking.Rules) *time.Duration { return r.Before }),
		after:    said(all, 0, func(r *booking.Rules) *time.Duration { return r.After }),
		notice:   said(all, time.Hour, func(r *booking.Rules) *time.Duration { return r.Notice }),
		horizon:  said(all, 30*24*time.Hour, func(r *booking.Rules) *time.Duration { return r.Horizon }),
		cancel:   said(all, 0, func(r *booking.Rules) *time.Duration { return r.CancelNotice }),
		move:     said(all, 0, func(r *booking.Rules) *time.Duration { return r.MoveNotice }),
		capacity: m.capacityOf(m.s.ID),
		perDay:   said(theirs, 0, func(r *booking.Rules) *int { return r.PerDay }),
		perWeek:  said(theirs, 0, func(r *booking.Rules) *int { return r.PerWeek }),
		any:      said(all, booking.LeastBusy, func(r *booking.Rules) *booking.Order { return r.Any }),

		servicePerDay:  said(all[:1], 0, func(r *booking.Rules) *int { return r.PerDay }),
		servicePerWeek: said(all[:1], 0, func(r *booking.Rules) *int { return r.PerWeek }),
	}
	m.e.grid = said(all, m.e.duration, func(r *booking.Rules) *time.Duration { return r.Grid })
	for i, rules := range all {
		if one := rules.OneOpen; one != nil {
			if *one {
				m.e.oneOpen = []booking.Level{booking.OfService, booking.OfResource, booking.OfDepartment, booking.OfBusiness}[i]
			}
			break
		}
	}
	return m
}

// departmentOf is the one that was chosen, if the resource belongs to it, or else the first that it belongs to.
func departmentOf(b *booking.Business, r *booking.Resource, chosen string) *booking.Department {
	if len(r.Departments) == 0 {
		return nil
	}
	if !slices.Contains(r.Departments, chosen) {
		chosen = r.Departments[0]
	}
	return &b.Departments[slices.IndexFunc(b.Departments, func(d booking.Department) bool { return d.ID == chosen })]
}

// theirs are the levels that speak of the resource, the nearest first. A department that there is not says nothing.
func (m *slowRules) theirs() []*booking.Rules {
	department := &booking.Rules{}
	if m.department != nil {
		department = &m.department.Rules
	}
	return []*booking.Rules{&m.r.Rules, department, &m.business.Rules}
}

// counting are the levels that say how many bookings the resource takes: of one that nobody can choose, only its own.
func (m *slowRules) counting() []*booking.Rules {
	if len(m.r.Services) == 0 {
		return []*booking.Rules{&m.r.Rules}
	}
	return m.theirs()
}

// said returns what the first of the levels says that says anything.
func said[T any](levels []*booking.Rules, otherwise T, what func(*booking.Rules) *T) T {
	for _, rules := range levels {
		if v := what(rules); v != nil {
			return *v
		}
	}
	return otherwise
}

// capacityOf is that of the resource while somebody is there for a service. Claims do not say by which department they came.
func (m *slowRules) capacityOf(service string) int {
	for _, s := range m.business.Services {
		if s.ID == service && s.Rules.Capacity != nil {
			return *s.Rules.Capacity
		}
	}
	r := slowRules{business: m.business, r: m.r, department: departmentOf(m.business, m.r, "")}
	return said(r.counting(), 1, func(r *booking.Rules) *int { return r.Capacity })
}

// wall is what the rules say of one date, for each minute of the clock: whether it is open, and whether it belongs to the same
// stretch of hours as the minute before.
type wall struct{ open, joined [1440]bool }

func wallOf(spans []booking.Span) (w wall) {
	for _, s := range spans {
		for m := s.From; m < s.To; m++ {
			w.open[m] = true
			w.joined[m] = w.joined[m] || m > s.From
		}
	}
	return w
}

func (w wall) or(o wall) wall {
	for m := range 1440 {
		w.open[m], w.joined[m] = w.open[m] || o.open[m], w.joined[m] || o.joined[m]
	}
	return w
}

func (w wall) and(o wall) wall {
	for m := range 1440 {
		w.open[m], w.joined[m] = w.open[m] && o.open[m], w.joined[m] && o.joined[m]
	}
	return w
}

// spans are the stretches, of which each has a grid of its own.
func (w wall) spans() (out []booking.Span) {
	for m := range 1440 {
		switch {
		case w.open[m] && !w.joined[m]:
			out = append(out, booking.Span{From: m, To: m + 1})
		case w.open[m]:
			out[len(out)-1].To = m + 1
		}
	}
	return out
}

// hours returns when the service can be had on a date: where the resource is there, or is so beside its hours, and where the
// service is offered.
func (m *slowRules) hours(d calendar.Date) wall {
	w, _, _ := m.there(d)
	extra, _ := m.extra(d)
	w = w.or(extra)
	if offered, narrows := m.offered(d); narrows {
		w = w.and(offered)
	}
	return w
}

var levelsOfTheirs = []booking.Level{booking.OfResource, booking.OfDepartment, booking.OfBusiness}

// there returns the hours of the resource by the first rule that says something, the kind of that rule and its level.
func (m *slowRules) there(d calendar.Date) (wall, booking.DayRule, booking.Level) {
	for i, rules := range m.theirs() {
		if spans, is := ofDate(rules.Dates, d); is {
			return wallOf(spans), booking.OnDate, levelsOfTheirs[i]
		}
	}
	if m.holiday(d) != "" {
		return wall{}, booking.OnHoliday, booking.OfBusiness
	}
	for i, rules := range m.theirs() {
		if rules.Hours != nil {
			return wallOf(rules.Hours[d.Weekday()]), booking.Weekly, levelsOfTheirs[i]
		}
	}
	return wall{}, booking.NoHours, booking.ByDefault
}

// extra returns when the resource is there beside its hours, and whose rule that is.
func (m *slowRules) extra(d calendar.Date) (wall, booking.Level) {
	for i, rules := range m.theirs() {
		if spans, is := ofDate(rules.Extra, d); is {
			return wallOf(spans), levelsOfTheirs[i]
		}
	}
	return wall{}, booking.ByDefault
}

// offered returns when the service is offered, and whether it says that at all.
func (m *slowRules) offered(d calendar.Date) (wall, bool) {
	spans, is := ofDate(m.s.Rules.Dates, d)
	if !is {
		if m.s.Rules.Hours == nil {
			return wall{}, false
		}
		spans = m.s.Rules.Hours[d.Weekday()]
	}
	extra, _ := ofDate(m.s.Rules.Extra, d)
	return wallOf(spans).or(wallOf(extra)), true
}

// ofDate returns what is said of just that date, or else of that day of every year.
func ofDate(dates booking.Dated, d calendar.Date) (spans []booking.Span, is bool) {
	for _, year := range []int{0, d.Year} {
		if s, found := dates[calendar.Date{Year: year, Month: d.Month, Day: d.Day}]; found {
			spans, is = s, true
		}
	}
	return spans, is
}

// holiday returns the title of the first holiday that closes the resource on a date, "" when none does.
func (m *slowRules) holiday(d calendar.Date) string {
	for _, h := range m.business.Holidays {
		all := len(h.Departments)+len(h.Resources) == 0
		theirs := m.department != nil && slices.Contains(h.Departments, m.department.ID)
		for on := range h.Dates {
			then := on.Month == d.Month && on.Day == d.Day && (on.Year == d.Year || on.Year == 0)
			if then && (all || theirs || slices.Contains(h.Resources, m.r.ID)) {
				return h.Title
			}
		}
	}
	return ""
}

// agreeOnRules fails the test unless the offer has the same rules in force, and the same hours on the day for the same reason.
func (m *slow) agreeOnRules(t fataler) {
	t.Helper()
	if got := inForceBy(m.o); got != m.e {
		t.Fatalf("in force are %+v, want %+v", got, m.e)
	}
	got := m.o.On(m.date)
	if want := m.hours(m.date).spans(); !slices.Equal(got.Spans, want) {
		t.Fatalf("open on %s are %v, want %v", m.date, got.Spans, want)
	}
	theirs, rule, by := m.there(m.date)
	extra, of := m.extra(m.date)
	if got.Rule != rule || got.By != by || got.Extra != of {
		t.Fatalf("%s goes by a rule %q of %s with extra hours of %s, want %q, %s, %s",
			m.date, got.Rule, got.By, got.Extra, rule, by, of)
	}
	if closed := rule == booking.OnHoliday; (got.Holiday != "") != closed || closed && got.Holiday != m.holiday(m.date) {
		t.Fatalf("%s is holiday %q, want %q", m.date, got.Holiday, m.holiday(m.date))
	}
	_, narrowed := m.offered(m.date)
	if got.Narrowed != narrowed || narrowed && !slices.Equal(got.Theirs, theirs.or(extra).spans()) {
		t.Fatalf("on %s hours are narrowed %t from %v, want %t from %v",
			m.date, got.Narrowed, got.Theirs, narrowed, theirs.or(extra).spans())
	}
}
