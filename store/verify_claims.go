package store

import (
	"cmp"
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
	seen := map[claimant]bool{}
	once := make([]booking.Claim, 0, len(claims))
	for _, c := range claims {
		who := claimantOf(c)
		if seen[who] && !c.Left {
			v.foundOf(c.Booking, kind, resource, "%s has more than one claim on the resource", who.noun())
			continue
		}
		once = append(once, c)
		switch {
		case c.Hold != "":
			if c.Takes(v.now) { // one that has ended may stay until the document changes
				v.holds[seat{resource, c.Hold}] = c
			}
		case c.Left:
			v.leftClaim(resource, c)
			continue
		default:
			v.claim(resource, c)
		}
		seen[who] = true
	}
	v.claimsOn[resource] = once
	return nil
}

// claimant is who a claim is of.
type claimant struct{ booking, hold string }

func claimantOf(c booking.Claim) claimant { return claimant{c.Booking, c.Hold} }

func (c claimant) noun() string {
	if c.hold != "" {
		return "a hold"
	}
	return "the booking"
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
	case e.Booking == nil, e.Status != booking.Confirmed && e.Status != booking.Cancelled:
		return
	case e.Status == booking.Cancelled:
		v.foundOf(c.Booking, kind, resource, "a claim of a booking that is cancelled")
		return
	case !slices.Contains(e.Active(), resource):
		v.foundOf(c.Booking, kind, resource, "a claim of a booking that is not on the resource")
		return
	case v.agreed(c, e.Booking) != e.Claim():
		v.foundOf(c.Booking, kind, resource, "the claim and its booking differ in their time, buffers or service")
	}
	for i, p := range e.Placements {
		if p.Resource == resource && e.Wanted(i) {
			e.placements[i].claim = true
		}
	}
}

// agreed returns a claim with the service of its booking where it was written before claims had one, and notes that.
func (v *verifier) agreed(c booking.Claim, b *booking.Booking) booking.Claim {
	if c.Service == "" && b.Service != "" {
		c.Service = b.Service
		if !slices.Contains(v.report.Outdated, b.ID) {
			v.report.Outdated = append(v.report.Outdated, b.ID)
		}
	}
	return c
}

// leftClaim compares a claim on time that its booking has left with the booking.
func (v *verifier) leftClaim(resource string, c booking.Claim) {
	e, kind := v.bookings[c.Booking], kindOf(prefixClaims)
	switch {
	case e == nil && c.End > v.now:
		v.foundOf(c.Booking, kind, resource, "a claim of a booking that does not exist")
		return
	case e == nil || e.Booking == nil:
		return
	case c.End > v.now && !slices.Contains(e.Claims(resource), v.agreed(c, e.Booking)):
		v.foundOf(c.Booking, kind, resource, "the claims say that the booking has left a time, and it has not")
		return
	}
	for i, p := range e.Placements {
		if p.Resource == resource && p.Left == c.Interval {
			e.placements[i].left = true
		}
	}
}

// seat is a resource and the visit that holds time on it.
type seat struct{ resource, visit string }

// compareHolds finds claims that no visit holds, and visits that hold what they did not claim. Neither names the visit:
// its key is made of the flow token.
func (v *verifier) compareHolds() {
	claims := kindOf(prefixClaims)
	for at, c := range v.holds {
		h := v.visits[at.visit]
		if h == nil || h.Start != c.Start || h.Until.Unix() != c.Until || !slices.Contains(h.Resources, at.resource) {
			v.found(Finding{Kind: claims, Place: printable(at.resource), Text: "time is held that no flow token holds"})
		}
	}
	for visit, h := range v.visits {
		if len(h.Resources) == 0 {
			v.found(Finding{Kind: kindOf(prefixVisit), Text: "a flow token holds time on no resource"})
		}
		for _, resource := range h.Resources {
			list, there := v.claimsOn[resource]
			if _, claimed := v.holds[seat{resource, visit}]; !claimed && (!there || list != nil) {
				text := "a flow token holds time that is not in the claims"
				v.found(Finding{Kind: claims, Place: printable(resource), Text: text})
			}
		}
	}
}
