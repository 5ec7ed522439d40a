package store

import (
	"cmp"
	"fmt"
	"slices"

	"slotd/internal/booking"
)

func (v *verifier) claimsDocument(resource string, value []byte) error {
	v.claimsOn[resource] = nil
	claims, err := unpackClaims(value)
	if err != nil {
		return err
	}
	kind := kindOf(prefixClaims)
	byStart := func(a, b booking.Claim) int { return cmp.Compare(a.Start, b.Start) }
	if !slices.IsSortedFunc(claims, byStart) {
		v.found(Finding{Kind: kind, Place: printable(resource), Text: "the claims are not sorted"})
	}
	seen := make(map[string]bool, len(claims))
	once := make([]booking.Claim, 0, len(claims))
	for _, c := range claims {
		if seen[c.Booking] {
			v.foundOf(c.Booking, kind, resource, "the booking has more than one claim on the resource")
			continue
		}
		seen[c.Booking] = true
		once = append(once, c)
		v.claim(resource, c)
	}
	v.claimsOn[resource] = once
	return nil
}

// claim compares a claim that can still matter with its booking. Older ones may outlive theirs.
func (v *verifier) claim(resource string, c booking.Claim) {
	e, kind := v.bookings[c.Booking], kindOf(prefixClaims)
	if c.End <= v.now && (e == nil || !v.coming(e)) {
		return
	}
	switch {
	case e == nil:
		v.foundOf(c.Booking, kind, resource, "a claim of a booking that does not exist")
		return
	case e.Booking == nil:
		return
	case e.Status == booking.Cancelled:
		v.foundOf(c.Booking, kind, resource, "a claim of a booking that is cancelled")
		return
	case !e.on(resource):
		v.foundOf(c.Booking, kind, resource, "a claim of a booking that is not on the resource")
		return
	case c != e.Claim():
		v.foundOf(c.Booking, kind, resource, "the claim and its booking differ in their time or buffers")
	}
	for i, p := range e.Placements {
		if p.Resource == resource {
			e.placements[i].claim = true
		}
	}
}

// overlaps looks for time that was sold too often.
func (v *verifier) overlaps() {
	if v.resources == nil {
		v.report.NotChecked = append(v.report.NotChecked,
			"overlaps of claims: without a config it is not known how many a resource takes, nor who shares a calendar")
		return
	}
	known := map[string]bool{}
	for i := range v.resources {
		a := &v.resources[i]
		known[a.ID] = true
		v.crowded(a)
		for j := range i {
			if b := &v.resources[j]; blocksOther(a, b) || blocksOther(b, a) {
				v.shared(b.ID, a.ID)
			}
		}
	}
	for resource, claims := range v.claimsOn {
		if !known[resource] && len(claims) > 0 {
			v.report.NotChecked = append(v.report.NotChecked, fmt.Sprintf(
				"overlaps of the claims on %s: the config has no such resource", printable(resource)))
		}
	}
}

// blocksOther reports whether an event of one resource blocks the other. The desk has this rule too; the check of its work
// does not borrow it.
func blocksOther(of, other *booking.Resource) bool { return slices.Contains(other.Blocks, of.BookInto) }

// claimOn is a claim and the resource that it is on.
type claimOn struct {
	booking.Claim
	resource string
}

// timeline returns the claims on resources in the order in which their buffers begin.
func (v *verifier) timeline(resources ...string) []claimOn {
	var all []claimOn
	for _, resource := range resources {
		for _, c := range v.claimsOn[resource] {
			if !c.Padded().Empty() {
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
	var now []claimOn
	for _, c := range v.timeline(r.ID) {
		now = running(now, c)
		if capacity := max(r.Capacity, 1); len(now) >= capacity {
			v.foundOf(c.Booking, kindOf(prefixClaims), r.ID, "the claim overlaps that of booking %s, and the resource takes %d at a time",
				printable(now[len(now)-1].Booking), capacity)
		}
		now = append(now, c)
	}
}

// shared finds claims on two resources with a calendar in common that overlap. One booking may be on both.
func (v *verifier) shared(a, b string) {
	var now []claimOn
	for _, c := range v.timeline(a, b) {
		now = running(now, c)
		i := slices.IndexFunc(now, func(o claimOn) bool { return o.resource != c.resource && o.Booking != c.Booking })
		if i >= 0 {
			v.foundOf(c.Booking, kindOf(prefixClaims), c.resource, "the claim overlaps that of booking %s on %s, which shares a calendar",
				printable(now[i].Booking), printable(now[i].resource))
		}
		now = append(now, c)
	}
}
