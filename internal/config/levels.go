package config

import (
	"slices"
	"time"

	"slotd/internal/booking"
)

// standing names a level of the file: a record by its id, or the business.
type standing struct {
	level booking.Level
	id    string
}

// said is what one level says, and where it stands.
type said struct {
	*booking.Rules
	at *table
}

// stack are the levels that could hold for a service at a resource, by level.
type stack [booking.OfService + 1]said

// says remembers what a level says.
func (r *references) says(level booking.Level, id string, rules *booking.Rules, t *table) {
	if r.levels == nil {
		r.levels = map[standing]said{}
	}
	r.levels[standing{level, id}] = said{rules, t}
}

// nearest returns what the nearest level says that says anything.
func nearest[T any](s *stack, field func(*booking.Rules) *T) (*T, booking.Level) {
	for level := booking.OfService; level > booking.ByDefault; level-- {
		if rules := s[level].Rules; rules != nil {
			if v := field(rules); v != nil {
				return v, level
			}
		}
	}
	return nil, booking.ByDefault
}

// offers checks what the levels say together: of each resource by way of each of its departments, and of each of its
// services there. What the file does not define, such as a mistyped department, is passed over: that was said. What can never be
// booked for other reasons is no fault of the file, see [booking.Catalog.Never].
func offers(c *Config, refs *references) {
	found := durations{lacking: map[string][]string{}, timed: map[string]bool{}}
	for i := range c.Resources {
		r := &c.Resources[i]
		departments := r.Departments
		if len(departments) == 0 {
			departments = []string{""}
		}
		for _, department := range departments {
			s := stack{
				booking.OfBusiness:   refs.levels[standing{booking.OfBusiness, ""}],
				booking.OfDepartment: refs.levels[standing{booking.OfDepartment, department}],
				booking.OfResource:   refs.levels[standing{booking.OfResource, r.ID}],
			}
			if department != "" && s[booking.OfDepartment].at == nil {
				continue
			}
			s.open(r, department)
			for _, service := range c.Services {
				if slices.Contains(r.Services, service.ID) {
					s[booking.OfService] = refs.levels[standing{booking.OfService, service.ID}]
					s.bounded(service.Needs, refs)
					found.look(&s, r.ID, service.ID)
				}
			}
		}
	}
	found.report(c, refs)
}

// durations are, by service, the resources at which it has no duration, and whether it has one at any other.
type durations struct {
	lacking map[string][]string
	timed   map[string]bool
}

func (f *durations) look(s *stack, resource, service string) {
	duration, _ := nearest(s, func(r *booking.Rules) *time.Duration { return r.Duration })
	switch {
	case duration != nil:
		f.timed[service] = true
	case !slices.Contains(f.lacking[service], resource):
		f.lacking[service] = append(f.lacking[service], resource)
	}
}

func (f *durations) report(c *Config, refs *references) {
	for _, s := range c.Services {
		t := refs.levels[standing{booking.OfService, s.ID}].at
		for i, resource := range f.lacking[s.ID] {
			switch {
			case f.timed[s.ID]:
				t.d.fault(t.node.line, t.place, `duration is missing for resource %q: write duration = "30m" here, or there`, resource)
			case i == 0:
				t.d.fault(t.node.line, t.place, `duration is missing: write duration = "30m" here, or in [business] for all services`)
			}
		}
	}
}

// open checks that the resource is ever open. The service has no say in that.
func (s *stack) open(r *booking.Resource, department string) {
	hours, _ := nearest(s, func(r *booking.Rules) *booking.Hours { return r.Hours })
	some, any := hours != nil && opens(hours[:]), hours != nil
	for _, level := range s[:booking.OfService] {
		if level.Rules != nil {
			any = any || level.Dates != nil || level.Extra != nil
			some = some || opensOn(level.Dates) || opensOn(level.Extra)
		}
	}
	const mend = `: write hours = { mon-fri = ["09:00-17:00"] } here, or in [business] for all`
	t, by := s[booking.OfResource].at, ""
	if len(r.Departments) > 1 {
		by = " by way of " + quotedPlace("department", department)
	}
	switch {
	case some:
	case any:
		t.bad("hours", "are empty%s%s", by, mend)
	default:
		t.bad("hours", "is missing%s%s", by, mend)
	}
}

// bound is a notice or a horizon, and where it comes from.
type bound struct {
	time.Duration
	level booking.Level
	at    *table // nil: the default
}

func (s *stack) bound(def time.Duration, field func(*booking.Rules) *time.Duration) bound {
	v, level := nearest(s, field)
	if v == nil {
		return bound{Duration: def}
	}
	return bound{*v, level, s[level].at}
}

// bounded checks that there is a time between the notice and the horizon of an offer, and of those that its service needs:
// these can ask for a longer notice, or a nearer horizon.
func (s *stack) bounded(needs [][]string, refs *references) {
	notice := s.bound(booking.DefaultNotice, func(r *booking.Rules) *time.Duration { return r.Notice })
	horizon := s.bound(booking.DefaultHorizon, func(r *booking.Rules) *time.Duration { return r.Horizon })
	apart(notice, horizon)
	for _, id := range slices.Concat(needs...) {
		own, n, h := refs.levels[standing{booking.OfResource, id}], notice, horizon
		if own.at != nil && own.Notice != nil && *own.Notice > n.Duration {
			n = bound{*own.Notice, booking.OfResource, own.at}
		}
		if own.at != nil && own.Horizon != nil && *own.Horizon < h.Duration {
			h = bound{*own.Horizon, booking.OfResource, own.at}
		}
		if n != notice || h != horizon {
			apart(n, h)
		}
	}
}

// apart reports a notice that reaches the horizon, at the one that stands nearer.
func apart(notice, horizon bound) {
	const mend = "otherwise nothing can be booked"
	switch {
	case notice.Duration < horizon.Duration:
	case horizon.level > notice.level:
		horizon.at.bad("horizon", "must be longer than notice (%s): %s", notice.from(horizon.at), mend)
	default:
		notice.at.bad("notice", "must be shorter than horizon (%s): %s", horizon.from(notice.at), mend)
	}
}

// from returns the bound as a fault at t names it.
func (b bound) from(t *table) string {
	switch b.at {
	case nil:
		return short(b.Duration) + " by default"
	case t:
		return short(b.Duration)
	}
	return short(b.Duration) + " of " + b.at.place
}
