package booking

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"slotd/internal/calendar"
)

// Words tell in plain English what rules say, for staff. Times are those of the resource's zone. They never hold more of an
// event than its time, nor more of a booking than what Name makes of its id.
type Words struct {
	// Offer is what is explained; of an [Option] its own.
	Offer *Offer
	// Start is the start that was asked about.
	Start int64
	// Name returns what staff call a booking of an id. Nil: its id.
	Name func(id string) string
}

// Verdict returns what a rule says in one line: "notice 2h (service): not before Mon 23 Nov · 11:00".
func (w Words) Verdict(v *Verdict) string {
	switch v.Rule {
	case RuleNotice:
		return fmt.Sprintf("%s %s (%s): not before %s", v.Rule, Length(v.Limit), v.Level, w.at(v.Bound))
	case RuleHorizon:
		return fmt.Sprintf("%s %s (%s): not after %s", v.Rule, Length(v.Limit), v.Level, w.at(v.Bound))
	case RuleHours:
		return w.hours(v)
	case RuleServiceHours:
		return w.serviceHours(v)
	case RuleGrid:
		return w.grid(v)
	case RulePerDay, RuleServicePerDay:
		return fmt.Sprintf("%s (%s): %d of %s on %s", v.Rule, v.Level, v.Count, count(v.Most, "booking"), DayLabel(w.date()))
	case RulePerWeek, RuleServicePerWeek:
		return fmt.Sprintf("%s (%s): %d of %s in the week from %s", v.Rule, v.Level, v.Count, count(v.Most, "booking"),
			DayLabel(monday(w.date())))
	case RuleCalendars:
		return w.calendars(v)
	case RuleBusy:
		return w.busy(v)
	case RuleBookings:
		return w.bookings(v)
	case RuleNeeds:
		return w.needs(v)
	}
	return string(v.Rule) + ": " + v.Reason.String()
}

func (w Words) hours(v *Verdict) string {
	rule := fmt.Sprintf("%s (%s)", v.Rule, v.Level)
	if v.Day.Rule == NoHours || v.Day.Rule == OnHoliday {
		rule = string(v.Rule) // no level's
	}
	return rule + ": " + v.Day.sentence(on(w.date())) + w.misses(v)
}

// on names a date in a sentence.
func on(d calendar.Date) string { return " on " + DayLabel(d) }

// sentence says when the resource is there, and by which rule: closed on Fri 25 Dec by the holiday "Christmas".
func (d *Day) sentence(on string) string {
	by := ""
	switch d.Rule {
	case OnDate:
		by = ", by the hours of that date"
	case OnHoliday:
		by = fmt.Sprintf(" by the holiday %q", d.Holiday)
	case NoHours:
		by = ", as no level gives any hours"
	}
	if d.Extra != ByDefault && len(d.Theirs) > 0 {
		if d.Rule == OnHoliday || d.Rule == NoHours {
			by = ", otherwise closed" + strings.TrimPrefix(by, ",")
		}
		by = fmt.Sprintf(" with an extra opening (%s)%s", d.Extra, by)
	}
	return opening("open", d.Theirs, on) + by
}

// Day returns what the rules about hours say of a day in one line, without its date. Start does not matter.
func (w Words) Day(r *DayReport) string {
	text := r.Day.sentence("")
	if r.Day.Rule == OnDate || r.Day.Rule == Weekly {
		text += fmt.Sprintf(" (%s)", r.Day.By)
	}
	if r.Day.Narrowed && (len(r.Day.Theirs) > 0 || len(r.Day.Spans) > 0) {
		spans, _ := w.Offer.offered(r.Date)
		text += "; the service is " + opening("offered", spans, "")
	}
	if r.Starts == 0 && len(r.Day.Spans) > 0 {
		text += fmt.Sprintf("; that is not long enough for the %s of the service", Length(w.Offer.Duration))
	}
	return text
}

// opening says when something is open, or offered.
func opening(is string, spans []Span, on string) string {
	if len(spans) == 0 && is == "open" {
		return "closed" + on
	} else if len(spans) == 0 {
		return "not " + is + on
	}
	texts := make([]string, len(spans))
	for i, s := range spans {
		texts[i] = s.String()
	}
	return is + " " + strings.Join(texts, ", ") + on
}

// String returns the span as configs write it: "09:00-12:00".
func (s Span) String() string {
	return fmt.Sprintf("%02d:%02d-%02d:%02d", s.From/60, s.From%60, s.To/60, s.To%60)
}

func (w Words) serviceHours(v *Verdict) string {
	return fmt.Sprintf("%s (%s): %s%s", v.Rule, v.Level, opening("offered", w.Open(v), on(w.date())), w.misses(v))
}

// Open returns the hours that a verdict of RuleHours or RuleServiceHours goes by.
func (w Words) Open(v *Verdict) []Span {
	if v.Rule == RuleServiceHours {
		if spans, said := w.Offer.offered(w.date()); said {
			return spans
		}
		return []Span{{To: wholeDay}}
	}
	return v.Day.Theirs
}

// misses names the time of the appointment where some hours do not cover it.
func (w Words) misses(v *Verdict) string {
	if v.Reason == Free || len(w.Open(v)) == 0 {
		return ""
	}
	return "; the appointment is " + w.between(w.Offer.Span(w.Start))
}

func (w Words) grid(v *Verdict) string {
	text := fmt.Sprintf("%s %s (%s): ", v.Rule, Length(v.Limit), v.Level)
	if v.Reason == Free {
		return text + Label(w.Start, w.Offer.Resource.Zone) + " is a start time"
	}
	return fmt.Sprintf("%s%s is no start time; they are %s apart from each opening", text,
		Label(w.Start, w.Offer.Resource.Zone), Length(v.Limit))
}

func (w Words) calendars(v *Verdict) string {
	if v.Reason == Free {
		return string(v.Rule) + ": known well enough"
	}
	names := make([]string, len(v.Unknown))
	for i, id := range v.Unknown {
		names[i] = string(id)
	}
	return fmt.Sprintf("%s: not known well enough then: %s", v.Rule, cmp.Or(strings.Join(names, ", "), "there are none"))
}

func (w Words) busy(v *Verdict) string {
	if b := v.Blocker; b != nil {
		return fmt.Sprintf("%s: %s", v.Rule, w.blocker(b))
	}
	return string(v.Rule) + ": no event in the calendars as far as they are known"
}

func (w Words) bookings(v *Verdict) string {
	text := string(v.Rule)
	if v.Most > 1 {
		text = fmt.Sprintf("%s (%s)", v.Rule, v.Level)
	}
	if v.Count == 0 {
		return text + ": none at that time"
	}
	if v.Most > 1 {
		text += fmt.Sprintf(": %d of %s at once", v.Count, count(v.Most, "booking"))
	}
	if b := v.Blocker; b != nil {
		text += ": " + w.blocker(b) + w.buffers(b)
	}
	return text
}

// blocker says what takes the time, and from when to when.
func (w Words) blocker(b *Blocker) string {
	what := "an event in " + string(b.Calendar)
	switch {
	case b.Hold:
		what = "a customer's hold"
	case b.Booking != "" && b.Calendar != "":
		what = fmt.Sprintf("the event of booking %s in %s", w.name(b.Booking), b.Calendar)
	case b.Booking != "":
		what = "booking " + w.name(b.Booking)
	}
	if b.Beside {
		what += " at a resource that shares a calendar,"
	}
	return what + " " + w.between(b.Interval)
}

// buffers says what is to be kept free where a claim and an appointment do not meet themselves.
func (w Words) buffers(b *Blocker) string {
	want := w.Offer.Span(w.Start)
	if b.Overlaps(want) {
		return ""
	}
	theirs, ours := b.After, w.Offer.Before
	sides := [2]string{"after", "before"}
	if b.Start >= want.End {
		theirs, ours = b.Before, w.Offer.After
		sides = [2]string{"before", "after"}
	}
	var parts []string
	if theirs > 0 {
		parts = append(parts, fmt.Sprintf("%s %s it", Length(time.Duration(theirs)*time.Second), sides[0]))
	}
	if ours > 0 {
		parts = append(parts, fmt.Sprintf("%s %s the appointment", Length(ours), sides[1]))
	}
	return "; to be kept free: " + strings.Join(parts, ", ")
}

// needs says of each need who fills it, or of all who could why not.
func (w Words) needs(v *Verdict) string {
	texts := make([]string, len(v.Needs))
	filled := true
	for i, options := range v.Needs {
		var free, why []string
		for _, o := range options {
			id := o.Offer.Resource.ID
			if no := Decided(o.Verdicts); no == nil {
				free = append(free, id)
			} else {
				why = append(why, fmt.Sprintf("%s (%s)", id, Words{o.Offer, w.Start, w.Name}.Verdict(no)))
			}
		}
		switch {
		case len(free) > 0:
			texts[i] = strings.Join(free, " or ") + " can be there"
		case len(why) == 1:
			texts[i] = strings.Replace(why[0], " ", " cannot be there ", 1)
		default:
			texts[i] = "none can be there of " + cmp.Or(strings.Join(why, ", "), "nobody")
		}
		filled = filled && len(free) > 0
	}
	text := fmt.Sprintf("%s (%s): %s", v.Rule, v.Level, strings.Join(texts, "; "))
	if filled && v.Reason != Free {
		text += "; but nobody can be in two places at once"
	}
	return text
}

func (w Words) name(id string) string {
	if w.Name == nil {
		return id
	}
	return w.Name(id)
}

func (w Words) date() calendar.Date { return calendar.DateOf(w.Start, w.Offer.Resource.Zone) }

// between names an interval, by the day only where it is another one than that of the start.
func (w Words) between(i calendar.Interval) string {
	zone := w.Offer.Resource.Zone
	if d := w.date().Interval(zone); d.Covers(i) && i.End < d.End {
		return fmt.Sprintf("from %s to %s", Label(i.Start, zone), Label(i.End, zone))
	}
	return fmt.Sprintf("from %s to %s", w.at(i.Start), w.at(i.End))
}

// at names an instant, with its year only where that is another one than that of the start.
func (w Words) at(unix int64) string {
	zone := w.Offer.Resource.Zone
	d := calendar.DateOf(unix, zone)
	if d.Year == w.date().Year {
		return LongLabel(unix, zone)
	}
	return d.Format("Mon 2 Jan 2006") + " · " + Label(unix, zone)
}

// Length returns a length of time as configs write it: "30m", "1h30m", "14d".
func Length(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= day && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	text := d.String()
	if d%time.Minute == 0 && d > 0 {
		text = strings.TrimSuffix(text, "0s")
	}
	if d%time.Hour == 0 && d > 0 {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// count returns a number of things: "1 booking", "2 bookings".
func count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}
