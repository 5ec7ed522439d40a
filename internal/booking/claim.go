package booking

import (
	"cmp"
	"slices"

	"slotd/internal/calendar"
)

// Claim is time that we have taken on a resource: by a booking, or for a while by the hold of a visit. Its buffers belong
// to it: no more claims than the resource's capacity overlap at any instant, buffers included.
type Claim struct {
	calendar.Interval
	// Before and After are the buffers, in seconds.
	Before, After int64
	// Booking is the id of the booking that took the time, "" for a hold.
	Booking string
	// Service is the id of what was booked or is held: caps and capacities can be those of a service. It is "" in claims of
	// stores that were written before there were such rules.
	Service string
	// Hold is the key of the visit that holds the time, "" for a booking, and Until the Unix second at which the hold ends.
	Hold  string
	Until int64
	// Left marks time that the booking has left, by a cancel or a move, before its calendar shows it. Such a claim takes
	// nothing: it says that an event of the booking that is still mirrored at exactly this time blocks nothing.
	Left bool
}

// Padded returns the interval of the claim with its buffers.
func (c Claim) Padded() calendar.Interval { return c.Pad(c.Before, c.After) }

// LongestHold is more than any hold lasts, in seconds.
const LongestHold = 24 * 60 * 60

// Takes reports whether the claim takes its time at an instant: a hold that has ended does not, nor does time that was left.
func (c Claim) Takes(now int64) bool { return !c.Left && (c.Hold == "" || Holds(c.Until, now)) }

// Holds reports whether a hold that ends at until lasts at now. One that would last for too long was made while the clock
// was ahead; it must not keep the time from everybody until that day.
func Holds(until, now int64) bool { return now < until && until-now <= LongestHold }

// owner is who a claim is of. One owner's claims and events count once, also over several resources.
type owner struct{ booking, hold string }

func (c Claim) owner() owner { return owner{c.Booking, c.Hold} }

// presence is the time of claims of one owner, and how many claims may be there at the same time as they are.
type presence struct {
	calendar.Interval
	capacity int
	of       owner
}

// crowded reports whether one more claim, of a capacity, would be too many at some instant of want.
func crowded(there []presence, want calendar.Interval, capacity int) bool {
	// The number only rises where somebody comes, so it is enough to count at those instants and at the start of want.
	at := func(instant int64) bool {
		n, most := 1, capacity
		for _, p := range there {
			if p.Start <= instant && instant < p.End {
				n, most = n+1, min(most, p.capacity)
			}
		}
		return n > most
	}
	if at(want.Start) {
		return true
	}
	for _, p := range there {
		if p.Start > want.Start && p.Start < want.End && at(p.Start) {
			return true
		}
	}
	return false
}

// WithoutPast returns the claims that can still matter at now, in Unix seconds: not those that ended more than nine days
// ago, nor holds that are over. It may reuse claims. Nine days are more than what is left of a local week when one of its
// appointments ends, in any zone: caps count them; and more than any buffer.
func WithoutPast(claims []Claim, now int64) []Claim {
	const nineDays = 9 * 24 * 60 * 60
	return slices.DeleteFunc(claims, func(c Claim) bool {
		return c.Padded().End+nineDays <= now || c.Hold != "" && !Holds(c.Until, now)
	})
}

// WithoutBooking returns the claims that are not of the booking. It may reuse claims.
func WithoutBooking(claims []Claim, id string) []Claim {
	return slices.DeleteFunc(claims, func(c Claim) bool { return c.Booking == id && c.Hold == "" })
}

// WithoutHold returns the claims that are not held by the visit. It may reuse claims.
func WithoutHold(claims []Claim, visit string) []Claim {
	return slices.DeleteFunc(claims, func(c Claim) bool { return c.Hold == visit && c.Booking == "" })
}

// AddClaims returns claims, which are sorted by start, with more in their places. It may reuse claims.
func AddClaims(claims []Claim, more ...Claim) []Claim {
	for _, c := range more {
		i, _ := slices.BinarySearchFunc(claims, c.Start+1, func(a Claim, start int64) int { return cmp.Compare(a.Start, start) })
		claims = slices.Insert(claims, i, c) // behind those that begin at the same time
	}
	return claims
}
