package booking

import (
	"slices"
	"time"

	"slotd/internal/calendar"
)

// Rule names a rule that is asked about a start. The values are from a closed set.
type Rule string

// The rules, in the order in which they are asked.
const (
	RuleNotice         Rule = "notice"
	RuleHorizon        Rule = "horizon"
	RuleHours          Rule = "hours"
	RuleServiceHours   Rule = "service_hours"
	RuleGrid           Rule = "grid"
	RulePerDay         Rule = "max_per_day"
	RulePerWeek        Rule = "max_per_week"
	RuleServicePerDay  Rule = "service_max_per_day"
	RuleServicePerWeek Rule = "service_max_per_week"
	RuleCalendars      Rule = "calendars" // known well enough
	RuleBusy           Rule = "busy"
	RuleBookings       Rule = "bookings" // ours, with buffers and capacity
	RuleNeeds          Rule = "needs"
)

// AllRules returns the names of all rules, in the order in which they are asked.
func AllRules() []Rule {
	return []Rule{
		RuleNotice, RuleHorizon, RuleHours, RuleServiceHours, RuleGrid, RulePerDay, RulePerWeek, RuleServicePerDay,
		RuleServicePerWeek, RuleCalendars, RuleBusy, RuleBookings, RuleNeeds,
	}
}

// Verdict is what one rule says of a start, and why.
type Verdict struct {
	Rule Rule
	// Level is where the rule stands; ByDefault where it is no level's.
	Level Level
	// Reason is Free where the rule allows the start.
	Reason Reason
	// Limit is the notice or the horizon, or the grid. Bound is the first or the last start that a notice or a horizon
	// allows, in Unix seconds.
	Limit time.Duration
	Bound int64
	// Day says which hours hold on the date; of RuleHours and RuleServiceHours.
	Day *Day
	// Count is how many bookings and holds there are, and Most how many there may be; of caps, and of RuleBookings: there at
	// the instant that has the least room.
	Count, Most int
	// Blocker is what takes the time; nil where nothing does.
	Blocker *Blocker
	// Unknown are the calendars that are not known well enough.
	Unknown []calendar.ID
	// Needs say of each need which resources could fill it; of RuleNeeds.
	Needs [][]Option
}

// Blocker is an interval that takes time: somebody's event, of which nothing else is known, or what is ours.
type Blocker struct {
	calendar.Interval
	// Calendar is that of an event, "" for a claim.
	Calendar calendar.ID
	// Booking is the id of a claim's booking, or of an event of ours; Hold says that a customer holds the time.
	Booking string
	Hold    bool
	// Before and After are the buffers of a claim in seconds; they, or those of what was asked for, may be all that meets.
	Before, After int64
	// Beside says that the claim is on another resource, which shares a calendar.
	Beside bool
}

// Padded returns the interval with the buffers.
func (b Blocker) Padded() calendar.Interval { return b.Pad(b.Before, b.After) }

// Option is a resource that could fill a need, by the offer by which it would, and what its rules say.
type Option struct {
	Offer    *Offer
	Verdicts []Verdict
}

// Decided returns the verdict that decides: the first that does not allow the start, nil when all do.
func Decided(all []Verdict) *Verdict {
	i := slices.IndexFunc(all, func(v Verdict) bool { return v.Reason != Free })
	if i < 0 {
		return nil
	}
	return &all[i]
}
