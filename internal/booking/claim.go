package booking

import (
	"slices"

	"slotd/internal/calendar"
)

// Claim is time that we have taken on a resource. Its buffers belong to it: no more claims than the resource's capacity
// overlap at any instant, buffers included.
type Claim struct {
	calendar.Interval
	// Before and After are the buffers, in seconds.
	Before, After int64
	// Booking is the id of the booking that took the time.
	Booking string
}

// Padded returns the interval of the claim with its buffers.
func (c Claim) Padded() calendar.Interval { return c.Pad(c.Before, c.After) }

// NewClaim returns the claim that booking makes for service from start on.
func NewClaim(s *Service, start int64, booking string) Claim {
	return Claim{
		Interval: calendar.Interval{Start: start, End: start + int64(s.Duration.Seconds())},
		Before:   int64(s.Before.Seconds()),
		After:    int64(s.After.Seconds()),
		Booking:  booking,
	}
}

// crowd returns the greatest number of spans that overlap at one instant of want.
func crowd(spans []calendar.Interval, want calendar.Interval) int {
	// The number only rises where a span begins, so it is enough to count at those instants and at the start of want.
	most := 0
	at := func(instant int64) {
		n := 0
		for _, s := range spans {
			if s.Start <= instant && instant < s.End {
				n++
			}
		}
		most = max(most, n)
	}
	at(want.Start)
	for _, s := range spans {
		if s.Start > want.Start && s.Start < want.End {
			at(s.Start)
		}
	}
	return most
}

// withoutPast returns the claims that ended less than a day before now; it may reuse claims. The day is more than any
// buffer in which a coming appointment could still meet them.
func withoutPast(claims []Claim, now int64) []Claim {
	const day = 24 * 60 * 60
	return slices.DeleteFunc(claims, func(c Claim) bool { return c.Padded().End+day <= now })
}

// AddClaim returns claims with c added and those of days before now dropped: a claim only guards time that can still be
// sold, the booking itself is kept elsewhere.
func AddClaim(claims []Claim, c Claim, now int64) []Claim {
	out := append(withoutPast(claims, now), c)
	slices.SortFunc(out, func(a, b Claim) int {
		if a.Start != b.Start {
			if a.Start < b.Start {
				return -1
			}
			return 1
		}
		return 0
	})
	return out
}
