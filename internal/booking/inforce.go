package booking

import (
	"slices"
	"time"
)

// InForce is one rule as it holds for an offer.
type InForce struct {
	// Name is the key by which configs give the rule; caps of the service begin with "service_".
	Name string
	// Level is where it stands.
	Level Level
	// Of these one is set: Length of rules about time, Count of rules about numbers, Text of others.
	Length *time.Duration
	Count  *int
	Text   string
}

// InForce returns the rules that hold for the offer, but for its hours; those that do not limit anything are left out.
func (o *Offer) InForce() []InForce {
	length := func(name string, value time.Duration, field func(*Rules) *time.Duration) InForce {
		_, level := nearest(o.rules, field)
		return InForce{Name: name, Level: level, Length: &value}
	}
	grid := length("grid", o.Grid, func(r *Rules) *time.Duration { return r.Grid })
	grid.Level = o.gridLevel()
	_, order := nearest(o.rules, func(r *Rules) *Order { return r.Any })
	out := []InForce{
		length("duration", o.Duration, func(r *Rules) *time.Duration { return r.Duration }),
		grid,
		length("buffer_before", o.Before, func(r *Rules) *time.Duration { return r.Before }),
		length("buffer_after", o.After, func(r *Rules) *time.Duration { return r.After }),
		length("notice", o.Notice, func(r *Rules) *time.Duration { return r.Notice }),
		length("horizon", o.Horizon, func(r *Rules) *time.Duration { return r.Horizon }),
		length("cancel_notice", o.CancelNotice, func(r *Rules) *time.Duration { return r.CancelNotice }),
		length("move_notice", o.MoveNotice, func(r *Rules) *time.Duration { return r.MoveNotice }),
		{Name: "capacity", Level: o.capacityLevel, Count: &o.Capacity},
		{Name: "any", Level: order, Text: o.Any.String()},
	}
	for _, c := range o.caps() {
		out = append(out, InForce{Name: string(c.rule), Level: c.level, Count: &c.most})
	}
	if o.OneOpen != ByDefault {
		out = append(out, InForce{Name: "one_open_booking", Level: o.OneOpen, Text: "true"})
	}
	return out
}

// Unasked returns the rules of the offer that [Team.Explain] did not ask, because the start lies out of all bounds. all is
// what it returned.
func (o *Offer) Unasked(all []Verdict) []Rule {
	if !beyond(all) {
		return nil
	}
	return o.asked()[len(all):]
}

// asked returns the rules that are asked about a start of the offer, in order.
func (o *Offer) asked() []Rule {
	caps := o.caps()
	return slices.DeleteFunc(AllRules(), func(rule Rule) bool {
		switch rule {
		case RuleServiceHours:
			return !o.narrows()
		case RulePerDay, RulePerWeek, RuleServicePerDay, RuleServicePerWeek:
			return !slices.ContainsFunc(caps, func(c capRule) bool { return c.rule == rule })
		case RuleNeeds:
			return len(o.Needs) == 0
		}
		return false
	})
}

// gridLevel returns where the grid stands: by default the duration gives it.
func (o *Offer) gridLevel() Level {
	_, level := nearest(o.rules, func(r *Rules) *time.Duration { return r.Grid })
	if level == ByDefault {
		_, level = nearest(o.rules, func(r *Rules) *time.Duration { return r.Duration })
	}
	return level
}
