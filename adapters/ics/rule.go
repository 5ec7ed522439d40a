package ics

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/teambition/rrule-go"
)

const (
	// maxPerSeries is how many occurrences of one series are looked for in a window, maxSteps how many are gone
	// through on the way there. Beyond, the series is one long event.
	maxPerSeries = 20_000
	maxSteps     = 200_000
	// maxADay is how many times a day a rule may occur.
	maxADay     = 48
	maxInterval = 10_000

	cycle      = 146_097 * day // 400 years of the Gregorian calendar, a whole number of weeks
	endOfYears = 253_402_300_799
)

var (
	errRule        = errors.New("recurrence rule not understood")
	errTooFrequent = errors.New("recurrence too frequent")
)

// rule is an RRULE (RFC 5545 §3.3.10), in wall time.
type rule struct {
	opt      rrule.ROption
	until    int64 // inclusive; wall time, or an instant when untilUTC. 0: for ever
	untilUTC bool
}

// parts are what a rule may consist of. RSCALE and SKIP (RFC 7529) are only taken where they change nothing; BYWEEKNO
// is not, because the library leaves out some days around the turn of the year.
var parts = []string{"FREQ", "INTERVAL", "COUNT", "WKST", "BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYDAY", "BYHOUR",
	"BYMINUTE", "BYSECOND", "BYSETPOS"}

// parseRule reads a rule that repeats at most every day: more often is errTooFrequent, and anything else that is not
// understood errRule.
func parseRule(value string) (r rule, err error) {
	if len(value) > 1000 {
		return rule{}, errRule
	}
	var clean []string
	for part := range strings.SplitSeq(strings.ToUpper(strings.TrimSpace(value)), ";") {
		name, v, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch {
		case part == "", part == "RSCALE=GREGORIAN", part == "SKIP=OMIT":
		case name == "UNTIL":
			if err := r.parseUntil(v); err != nil {
				return rule{}, err
			}
		case slices.Contains(parts, name):
			clean = append(clean, name+"="+v)
		default:
			return rule{}, errRule
		}
	}
	opt, err := rrule.StrToROption(strings.Join(clean, ";"))
	if err != nil {
		return rule{}, errRule
	}
	r.opt = *opt
	return r, r.check()
}

func (r *rule) parseUntil(v string) error {
	for _, layout := range []string{"20060102T150405Z", "20060102T150405", dateLayout} {
		t, err := time.Parse(layout, v)
		if err != nil {
			continue
		}
		r.until, r.untilUTC = t.Unix(), strings.HasSuffix(v, "Z")
		if layout == dateLayout {
			r.until += day - 1
		}
		return nil
	}
	return errRule
}

// check refuses what the library cannot do in reasonable time, or where it may leave something out.
func (r *rule) check() error {
	o := &r.opt
	for _, list := range []*[]int{&o.Byhour, &o.Byminute, &o.Bysecond, &o.Bysetpos, &o.Bymonth, &o.Bymonthday,
		&o.Byyearday} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	if o.Freq > rrule.DAILY || max(len(o.Byhour), 1)*max(len(o.Byminute), 1)*max(len(o.Bysecond), 1) > maxADay {
		return errTooFrequent
	}
	if o.Interval < 0 || o.Interval > maxInterval || o.Count < 0 {
		return errRule
	}
	if o.Freq == rrule.WEEKLY && len(o.Bysetpos) > 0 {
		return errRule // the library counts the days of the first week from the start of the series
	}
	return r.checkWeekdays()
}

// checkWeekdays looks at BYDAY of months and years. In other periods its numbers mean nothing.
func (r *rule) checkWeekdays() error {
	o := &r.opt
	if o.Freq > rrule.MONTHLY {
		return nil
	}
	most := 53
	if o.Freq == rrule.MONTHLY || len(o.Bymonth) > 0 {
		most = 5 // beyond, the library would look outside its tables
	}
	numbered := 0
	for _, d := range o.Byweekday {
		if n := d.N(); n != 0 {
			numbered++
			if n > most || n < -most {
				return errRule
			}
		}
	}
	if numbered > 0 && numbered < len(o.Byweekday) {
		return errRule // of 1MO,WE the library takes what is both, not what is either
	}
	return nil
}

// walls returns the wall times in [from, to] at which a series that begins at start occurs by the rule; its start only
// if the rule says so. An UNTIL in UTC is not applied exactly: the caller knows the zone.
func (r rule) walls(ctx context.Context, start, from, to int64, most int) (out []int64, err error) {
	defer func() {
		// The library indexes its tables by what a feed says. A rule that leads it astray is not understood.
		if p := recover(); p != nil {
			out, err = nil, fmt.Errorf("%w: %v", errRule, p)
		}
	}()
	end := to
	if r.until != 0 && r.untilUTC {
		end = min(end, r.until+day)
	} else if r.until != 0 {
		end = min(end, r.until)
	}
	if end < start {
		return nil, nil
	}
	// The library looks for a rule that never occurs again until the year 9999. The calendar repeats every 400 years,
	// weekdays included, so the search is moved to where at most that many are left.
	later := max((endOfYears-end)/cycle, 0) * cycle
	opt := r.opt
	opt.Dtstart = time.Unix(r.skip(start, from)+later, 0).UTC()
	opt.Until = time.Unix(end+later, 0).UTC()
	built, err := rrule.NewRRule(opt)
	if err != nil {
		return nil, errRule
	}
	next := built.Iterator()
	for step := 0; ; step++ {
		if step%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		t, ok := next()
		switch {
		case !ok:
			return out, nil
		case step == maxSteps || len(out) == most:
			return nil, errTooFrequent
		case t.Unix()-later >= from:
			out = append(out, t.Unix()-later)
		}
	}
}

// skip returns a later start for an endless series that began long before from. Only for days and weeks: there the
// occurrences repeat exactly.
func (r rule) skip(start, from int64) int64 {
	period := int64(max(r.opt.Interval, 1)) * day
	switch {
	case r.opt.Count > 0 || from <= start:
		return start
	case r.opt.Freq == rrule.WEEKLY:
		period *= 7
	case r.opt.Freq != rrule.DAILY:
		return start
	}
	return start + max((from-start)/period-2, 0)*period
}
