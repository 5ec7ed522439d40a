package booking

import (
	"slices"
	"time"

	"slotd/internal/calendar"
)

// The defaults of rules that no level gives.
const (
	DefaultNotice  = time.Hour
	DefaultHorizon = 30 * 24 * time.Hour
)

// Offer is a service at a resource with the rules that are in force for it. It may be read concurrently.
type Offer struct {
	// Department is the one by whose rules the offer goes; nil: none.
	Department *Department
	Resource   *Resource
	Service    *Service
	// Needs are those of the service.
	Needs [][]string

	// What is in force, see [Rules].
	Duration, Grid, Before, After             time.Duration
	Notice, Horizon, CancelNotice, MoveNotice time.Duration
	Capacity                                  int
	// PerDay and PerWeek cap all bookings of the resource, ServicePerDay and ServicePerWeek those of the service at the
	// resource; 0: no cap.
	PerDay, PerWeek, ServicePerDay, ServicePerWeek int
	Any                                            Order
	// OneOpen is the level at which a customer can have only one booking to come; ByDefault: at none.
	OneOpen Level

	catalog       *Catalog
	beside        map[string]*Offer // see Beside
	rules         ruleLevels
	capacityLevel Level // where Capacity stands
	holidays      []*Holiday
	plan          *plan
}

// ruleLevels are the rules that could hold, by level. That of ByDefault says nothing, as does one that is missing.
type ruleLevels [OfService + 1]*Rules

func levels(b *Business, d *Department, r *Resource, s *Service) ruleLevels {
	none := &Rules{}
	out := ruleLevels{none, &b.Rules, none, &r.Rules, none}
	if d != nil {
		out[OfDepartment] = &d.Rules
	}
	if s != nil {
		out[OfService] = &s.Rules
	}
	return out
}

// counting returns the levels that say how many bookings a resource takes. Of one that customers cannot choose, such as a room
// that many doctors share, only its own does: what a business says of its doctors is not meant for it.
func (l ruleLevels) counting(r *Resource) ruleLevels {
	l[OfService] = l[ByDefault]
	if len(r.Services) == 0 {
		l[OfBusiness], l[OfDepartment] = l[ByDefault], l[ByDefault]
	}
	return l
}

// nearest returns what the nearest level says that says anything.
func nearest[T any](rules ruleLevels, field func(*Rules) *T) (*T, Level) {
	for level := OfService; level > ByDefault; level-- {
		if v := field(rules[level]); v != nil {
			return v, level
		}
	}
	return nil, ByDefault
}

func value[T any](rules ruleLevels, def T, field func(*Rules) *T) T {
	if v, _ := nearest(rules, field); v != nil {
		return *v
	}
	return def
}

func newOffer(c *Catalog, d *Department, r *Resource, s *Service) *Offer {
	all := levels(&c.business, d, r, s)
	o := &Offer{Department: d, Resource: r, Service: s, Needs: s.Needs, catalog: c, rules: all}
	o.Duration = value(all, 0, func(r *Rules) *time.Duration { return r.Duration })
	o.Grid = value(all, o.Duration, func(r *Rules) *time.Duration { return r.Grid })
	o.Before = value(all, 0, func(r *Rules) *time.Duration { return r.Before })
	o.After = value(all, 0, func(r *Rules) *time.Duration { return r.After })
	o.Notice = value(all, DefaultNotice, func(r *Rules) *time.Duration { return r.Notice })
	o.Horizon = value(all, DefaultHorizon, func(r *Rules) *time.Duration { return r.Horizon })
	o.CancelNotice = value(all, 0, func(r *Rules) *time.Duration { return r.CancelNotice })
	o.MoveNotice = value(all, 0, func(r *Rules) *time.Duration { return r.MoveNotice })
	o.Capacity, o.capacityLevel = c.capacity(r.ID, s.ID)
	o.Any = value(all, LeastBusy, func(r *Rules) *Order { return r.Any })
	if one, level := nearest(all, func(r *Rules) *bool { return r.OneOpen }); one != nil && *one {
		o.OneOpen = level
	}
	theirs := all.counting(r)
	o.PerDay = value(theirs, 0, func(r *Rules) *int { return r.PerDay })
	o.PerWeek = value(theirs, 0, func(r *Rules) *int { return r.PerWeek })
	if p := s.Rules.PerDay; p != nil {
		o.ServicePerDay = *p
	}
	if p := s.Rules.PerWeek; p != nil {
		o.ServicePerWeek = *p
	}
	for i := range c.business.Holidays {
		if h := &c.business.Holidays[i]; h.closes(d, r) {
			o.holidays = append(o.holidays, h)
		}
	}
	return o
}

// closes reports whether the holiday is one of a resource that is chosen by way of a department.
func (h *Holiday) closes(d *Department, r *Resource) bool {
	if len(h.Departments) == 0 && len(h.Resources) == 0 {
		return true
	}
	return d != nil && slices.Contains(h.Departments, d.ID) || slices.Contains(h.Resources, r.ID)
}

// Bounds returns between which instants the offer can begin: not before its notice is over, nor beyond its horizon.
func (o *Offer) Bounds(now time.Time) Bounds {
	earliest := now.Add(o.Notice)
	unix := earliest.Unix()
	if earliest.Nanosecond() > 0 {
		unix++ // a start time is never before now
	}
	return Bounds{Earliest: unix, Latest: now.Add(o.Horizon).Unix()}
}

// Span returns the time of an appointment that begins at start.
func (o *Offer) Span(start int64) calendar.Interval {
	return calendar.Interval{Start: start, End: start + seconds(o.Duration)}
}

// Claim returns the claim that a booking makes from start on.
func (o *Offer) Claim(start int64, booking string) Claim {
	return Claim{
		Interval: o.Span(start), Before: seconds(o.Before), After: seconds(o.After), Booking: booking, Service: o.Service.ID,
	}
}

// Hold returns the claim by which a visit holds the time from start on, until the Unix second until.
func (o *Offer) Hold(start int64, visit string, until int64) Claim {
	c := o.Claim(start, "")
	c.Hold, c.Until = visit, until
	return c
}

// As returns the offer with the length and the buffers of a booking that was made by it, and with the resources first that
// the booking has: what a move is to be decided by.
func (o *Offer) As(b *Booking) *Offer {
	out := *o
	out.Duration = b.Duration()
	out.Before, out.After = time.Duration(b.Before)*time.Second, time.Duration(b.After)*time.Second
	out.plan, out.beside = newPlan(&out), nil
	active := b.Active()
	out.Needs = nil
	for _, need := range o.Needs {
		first := slices.Clone(need)
		slices.SortStableFunc(first, func(x, y string) int {
			return rank(slices.Contains(active, x)) - rank(slices.Contains(active, y))
		})
		out.Needs = append(out.Needs, first)
	}
	return &out
}

func rank(first bool) int {
	if first {
		return 0
	}
	return 1
}

// Beside returns the offer by which a resource of a need accompanies the chosen one: as long, with the same buffers and
// between the same bounds, unless the needed resource itself has a longer notice or a nearer horizon. It is nil for an id that
// the service does not need.
func (o *Offer) Beside(resource string) *Offer {
	if known := o.beside[resource]; known != nil {
		return known
	}
	base := o.catalog.Offer("", resource, o.Service.ID)
	if base == nil {
		return nil
	}
	out := *base
	out.Duration, out.Before, out.After, out.Notice, out.Horizon = o.Duration, o.Before, o.After, o.Notice, o.Horizon
	if own := out.Resource.Rules.Notice; own != nil {
		out.Notice = max(out.Notice, *own)
	}
	if own := out.Resource.Rules.Horizon; own != nil {
		out.Horizon = min(out.Horizon, *own)
	}
	return &out
}

// besideKey tells offers apart by which one resource accompanies others.
type besideKey struct {
	base                                     *Offer
	duration, before, after, notice, horizon time.Duration
}

// accompany prepares the offers of the needs, of which those that are alike are one: their states can be shared.
func (o *Offer) accompany(shared map[besideKey]*Offer) {
	for _, need := range o.Needs {
		for _, id := range need {
			b := o.Beside(id)
			if b == nil {
				continue
			}
			key := besideKey{o.catalog.Offer("", id, o.Service.ID), b.Duration, b.Before, b.After, b.Notice, b.Horizon}
			if shared[key] == nil {
				shared[key] = b
			}
			if o.beside == nil {
				o.beside = map[string]*Offer{}
			}
			o.beside[id] = shared[key]
		}
	}
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }
