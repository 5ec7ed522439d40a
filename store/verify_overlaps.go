package store

import (
	"cmp"
	"fmt"
	"slices"

	"slotd/internal/booking"
	"slotd/internal/calendar"
)

// overlaps looks for time that was sold too often. What people do in their calendars may overlap, but is marked.
func (v *verifier) overlaps() {
	if v.catalog == nil {
		v.report.NotChecked = append(v.report.NotChecked,
			"overlaps of claims: without a config it is not known how many a resource takes, nor who shares a calendar")
		return
	}
	known, before := map[string]bool{}, sharing{}
	resources := v.catalog.Business().Resources
	for i := range resources {
		a := &resources[i]
		known[a.ID] = true
		v.crowded(a)
		for _, b := range before.with(a) {
			v.shared(b, a.ID)
		}
		before.add(a)
	}
	for resource, claims := range v.claimsOn {
		if !known[resource] && len(claims) > 0 {
			v.report.NotChecked = append(v.report.NotChecked, fmt.Sprintf(
				"overlaps of the claims on %s: the config has no such resource", printable(resource)))
		}
	}
}

// sharing says which resources have to do with a calendar.
type sharing map[calendar.ID]*sharers

// sharers are the resources that book into a calendar, and those that its events block.
type sharers struct{ into, blocked []string }

func (s sharing) of(cal calendar.ID) *sharers {
	if s[cal] == nil {
		s[cal] = &sharers{}
	}
	return s[cal]
}

func (s sharing) add(r *booking.Resource) {
	s.of(r.BookInto).into = append(s.of(r.BookInto).into, r.ID)
	for _, cal := range r.Blocks {
		s.of(cal).blocked = append(s.of(cal).blocked, r.ID)
	}
}

// with returns the resources of which an event blocks r, or that an event of r blocks. The desk has this rule too; the
// check of its work does not borrow it.
func (s sharing) with(r *booking.Resource) []string {
	all := slices.Clone(s.of(r.BookInto).blocked)
	for _, cal := range r.Blocks {
		all = append(all, s.of(cal).into...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// claimOn is a claim and the resource that it is on.
type claimOn struct {
	booking.Claim
	resource string
}

// name says whose the claim is.
func (c claimOn) name() string {
	if c.Hold != "" {
		return "a hold"
	}
	return "booking " + printable(c.Booking)
}

// timeline returns the claims on resources that take their time, in the order in which their buffers begin.
func (v *verifier) timeline(resources ...string) []claimOn {
	var all []claimOn
	for _, resource := range resources {
		for _, c := range v.claimsOn[resource] {
			if c.Takes(v.now) && !c.Padded().Empty() {
				all = append(all, claimOn{c, resource})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b claimOn) int { return cmp.Compare(a.Padded().Start, b.Padded().Start) })
	return all
}

// running returns those of the claims that are not over when c begins; it reuses claims.
func running(claims []claimOn, c claimOn) []claimOn {
	return slices.DeleteFunc(claims, func(o claimOn) bool { return o.Padded().End <= c.Padded().Start })
}

// crowded finds each claim that begins when the resource is full already.
func (v *verifier) crowded(r *booking.Resource) {
	capacity := func(service string) int { return max(v.catalog.Capacity(r.ID, service), 1) }
	var now []claimOn
	for _, c := range v.timeline(r.ID) {
		now = append(running(now, c), c)
		most := capacity(c.Service)
		for _, o := range now {
			most = min(most, capacity(o.Service))
		}
		if len(now) <= most {
			continue
		}
		other := now[len(now)-2].name()
		switch {
		case !v.byPeople(now):
			v.foundOf(c.Booking, kindOf(prefixClaims), r.ID,
				"the claim overlaps that of %s, and the resource takes %d at a time", other, most)
		case v.unmarked(now, r.ID, capacity):
			v.foundOf(c.Booking, kindOf(prefixClaims), r.ID,
				"the claim overlaps that of %s by a person's doing, and neither is marked as a conflict", other)
		}
	}
}

// byPeople reports whether a person put one of the bookings where it is.
func (v *verifier) byPeople(claims []claimOn) bool {
	return slices.ContainsFunc(claims, func(c claimOn) bool { return v.bookings[c.Booking].byPerson() })
}

// unmarked reports whether a booking that a person put where others are was seen there, and none of them says so.
// Buffers that meet are no conflict.
func (v *verifier) unmarked(claims []claimOn, resource string, capacity func(string) int) bool {
	told, alone := false, false
	for _, c := range claims {
		e := v.bookings[c.Booking]
		if e == nil || e.Booking == nil {
			continue
		}
		told = told || e.Conflict()
		for i, p := range e.Placements {
			if p.Resource == resource && e.Wanted(i) && p.Status == booking.Seen && e.byPerson() {
				alone = alone || e.Crowded(v.claimsOn[resource], capacity, v.now)
			}
		}
	}
	return alone && !told
}

// shared finds claims on two resources with a calendar in common that overlap. One booking, or one hold, may be on
// both.
func (v *verifier) shared(a, b string) {
	var now []claimOn
	for _, c := range v.timeline(a, b) {
		now = running(now, c)
		i := slices.IndexFunc(now, func(o claimOn) bool {
			return o.resource != c.resource && claimantOf(o.Claim) != claimantOf(c.Claim) && !v.byPeople([]claimOn{o, c})
		})
		if i >= 0 {
			v.foundOf(c.Booking, kindOf(prefixClaims), c.resource,
				"the claim overlaps that of %s on %s, which shares a calendar", now[i].name(), printable(now[i].resource))
		}
		now = append(now, c)
	}
}
