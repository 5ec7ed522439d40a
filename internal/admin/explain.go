package admin

import (
	"errors"
	"net/http"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/internal/desk"
	"slotd/store"
)

// Explanation says why a choice can or cannot be booked: at one start, or on one or more days. It names no customer and no
// event. All words that it uses are listed in docs/explain.md.
type Explanation struct {
	Choice desk.Choice `json:"choice"`
	Zone   string      `json:"zone"` // IANA, of the business
	Now    time.Time   `json:"now"`
	// Start is the start that was asked about; absent where days were.
	Start     *time.Time  `json:"start,omitempty"`
	Resources []Explained `json:"resources"`
}

// Explained is what an [Explanation] says of one resource.
type Explained struct {
	Resource string `json:"resource"`
	// Department is the one by whose rules the offer goes.
	Department string `json:"department,omitempty"`
	Zone       string `json:"zone"` // IANA; dates and times below are of this zone
	// Bookable says that the start can be booked, and Decided names the rule that does not allow it; only with a start.
	Bookable *bool        `json:"bookable,omitempty"`
	Decided  booking.Rule `json:"decided,omitempty"`
	// Rules are in force whatever the time.
	Rules     []RuleInForce   `json:"rules"`
	Verdicts  []Verdict       `json:"verdicts,omitempty"`
	Days      []ExplainedDay  `json:"days,omitempty"`
	Calendars []KnownCalendar `json:"calendars"`
	Unasked   []booking.Rule  `json:"not_asked,omitempty"` // nobody asks these once the start is out of bounds
}

// RuleInForce is a rule that limits an offer. One of Seconds, Count and Text is there.
type RuleInForce struct {
	Rule    string `json:"rule"`
	Level   string `json:"level"`
	Seconds *int64 `json:"seconds,omitempty"`
	Count   *int   `json:"count,omitempty"`
	Text    string `json:"text,omitempty"`
}

// Verdict is what one rule says of the start.
type Verdict struct {
	Rule booking.Rule `json:"rule"`
	// Level is absent for what is no level's: calendars, busy.
	Level  string `json:"level,omitempty"`
	Passed bool   `json:"passed"`
	// Decided marks the first that did not pass: it is the answer.
	Decided  bool   `json:"decided"`
	Reason   string `json:"reason"` // free, where it passed
	Sentence string `json:"sentence"`
	// Limit is the notice, the horizon or the grid, Bound the first or last start that a notice or a horizon allows.
	Limit *int64     `json:"limit_seconds,omitempty"`
	Bound *time.Time `json:"bound,omitempty"`
	// Count of Most bookings and holds are there; of caps and of bookings.
	Count *int `json:"count,omitempty"`
	Most  *int `json:"most,omitempty"`
	// Hours are open, or offered, on that date; of hours and service_hours.
	Hours   []string `json:"hours,omitempty"`
	Holiday string   `json:"holiday,omitempty"`
	Blocker *Blocker `json:"blocker,omitempty"`
	// Unknown are the calendars that are not known well enough.
	Unknown []calendar.ID `json:"unknown_calendars,omitempty"`
	// Needs has a list for each need, of those that could fill it.
	Needs [][]Option `json:"needs,omitempty"`
}

// Blocker is what takes the time.
type Blocker struct {
	Kind  string    `json:"kind"` // event, booking or hold
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
	// Before and After are the buffers of a booking or a hold.
	Before int64 `json:"before_seconds,omitempty"`
	After  int64 `json:"after_seconds,omitempty"`
	// Calendar is that of an event; Booking is the id of a booking, or of that whose event it is, Reference what staff call it.
	Calendar  calendar.ID `json:"calendar,omitempty"`
	Booking   string      `json:"booking,omitempty"`
	Reference string      `json:"reference,omitempty"`
	// Beside says that it is at another resource, which shares a calendar.
	Beside bool `json:"beside,omitempty"`
}

// Option is a resource that could fill a need.
type Option struct {
	Resource string       `json:"resource"`
	Free     bool         `json:"free"`
	Decided  booking.Rule `json:"decided,omitempty"`
	Verdicts []Verdict    `json:"verdicts"`
}

// ExplainedDay says why a day has the start times that it has.
type ExplainedDay struct {
	Date string `json:"date"`
	// Hours are open for the service; Rule, Level and Holiday decided about those of the resource, and Extra is the level
	// of an extra opening.
	Hours   []string        `json:"hours"`
	Rule    booking.DayRule `json:"rule"`
	Level   string          `json:"level,omitempty"`
	Holiday string          `json:"holiday,omitempty"`
	Extra   string          `json:"extra,omitempty"`
	// Starts are allowed by hours and grid; of these some are free, and others barred, by the rule that decides.
	Starts   int                  `json:"starts"`
	Free     int                  `json:"free"`
	Barred   map[booking.Rule]int `json:"barred"`
	Sentence string               `json:"sentence"` // about the hours
}

// KnownCalendar says how well a calendar that decides is known.
type KnownCalendar struct {
	ID      calendar.ID `json:"id"`
	Checked *time.Time  `json:"checked,omitempty"` // absent: never
	AgeS    float64     `json:"age_seconds"`
	// Served reports whether slots are offered from it, and Why why not.
	Served bool   `json:"served"`
	Why    string `json:"why,omitempty"`
	// Asked reports that a confirm would ask the provider about its time first.
	Asked bool `json:"asked_at_confirm"`
}

// explanation answers for a start (at), a day (date), or every day of the horizon.
func (a *api) explanation(r *http.Request) (Explanation, error) {
	q := r.URL.Query()
	choice, err := a.choice(r)
	if err != nil {
		return Explanation{}, err
	}
	now := a.cfg.Now()
	out := Explanation{Choice: choice, Zone: a.cfg.Desk.Zone().String(), Now: now.In(a.cfg.Desk.Zone()), Resources: []Explained{}}
	tell := teller{api: a, r: r, now: now, references: map[string]string{}}
	var all []desk.Explained
	if at := q.Get("at"); at != "" {
		if q.Has("date") {
			return Explanation{}, badRequest{errors.New("ask about a time or about a date, not both")}
		}
		if tell.start, err = a.start(at); err != nil {
			return Explanation{}, err
		}
		start := time.Unix(tell.start, 0).In(a.cfg.Desk.Zone())
		out.Start = &start
		all, err = a.cfg.Desk.Explain(r.Context(), choice, tell.start)
	} else {
		first, last := a.cfg.Desk.Ahead(choice)
		if date := q.Get("date"); date != "" {
			if first, err = calendar.ParseDate(date); err != nil {
				return Explanation{}, badRequest{err}
			}
			last = first
		}
		all, err = a.cfg.Desk.ExplainDays(r.Context(), choice, first, last)
	}
	if err != nil {
		return Explanation{}, err
	}
	for _, e := range all {
		out.Resources = append(out.Resources, tell.resource(e, out.Start != nil))
	}
	return out, nil
}

// teller turns what the desk explains into data.
type teller struct {
	api        *api
	r          *http.Request
	now        time.Time
	start      int64
	references map[string]string // by id, of bookings
}

func (t *teller) resource(e desk.Explained, at bool) Explained {
	o := e.Offer
	out := Explained{Resource: o.Resource.ID, Zone: o.Resource.Zone.String()}
	if o.Department != nil {
		out.Department = o.Department.ID
	}
	for _, in := range o.InForce() {
		rule := RuleInForce{Rule: in.Name, Level: in.Level.String(), Count: in.Count, Text: in.Text}
		if in.Length != nil {
			rule.Seconds = new(int64(*in.Length / time.Second))
		}
		out.Rules = append(out.Rules, rule)
	}
	if at {
		decided := booking.Decided(e.Verdicts)
		out.Bookable = new(decided == nil)
		if decided != nil {
			out.Decided = decided.Rule
		}
		out.Verdicts, out.Unasked = t.verdicts(o, e.Verdicts), o.Unasked(e.Verdicts)
	}
	for _, d := range e.Days {
		out.Days = append(out.Days, t.day(o, d))
	}
	for _, k := range e.Calendars {
		out.Calendars = append(out.Calendars, t.calendar(k))
	}
	return out
}

func (t *teller) calendar(k desk.Known) KnownCalendar {
	out := KnownCalendar{ID: k.Calendar, Served: k.Served, Why: k.Why, Asked: k.Asked}
	if !k.Checked.IsZero() {
		out.Checked, out.AgeS = new(k.Checked.In(t.api.cfg.Desk.Zone())), t.now.Sub(k.Checked).Seconds()
	}
	return out
}

func (t *teller) day(o *booking.Offer, d booking.DayReport) ExplainedDay {
	words := booking.Words{Offer: o}
	out := ExplainedDay{
		Date: d.Date.String(), Hours: spans(d.Day.Spans), Rule: d.Day.Rule, Holiday: d.Day.Holiday, Starts: d.Starts,
		Free: d.Free, Barred: d.Barred, Sentence: words.Day(&d),
	}
	if d.Day.Rule != booking.NoHours {
		out.Level = d.Day.By.String()
	}
	if d.Day.Extra != booking.ByDefault {
		out.Extra = d.Day.Extra.String()
	}
	return out
}

func spans(all []booking.Span) []string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = s.String()
	}
	return out
}

func (t *teller) verdicts(o *booking.Offer, all []booking.Verdict) []Verdict {
	words := booking.Words{Offer: o, Start: t.start, Name: t.reference}
	decided := booking.Decided(all)
	out := make([]Verdict, len(all))
	for i := range all {
		v := &all[i]
		out[i] = Verdict{
			Rule: v.Rule, Level: v.Level.String(), Passed: v.Reason == booking.Free, Decided: v == decided,
			Reason: v.Reason.Code(), Sentence: words.Verdict(v), Unknown: v.Unknown, Blocker: t.blocker(o, v.Blocker),
		}
		switch v.Rule {
		case booking.RuleCalendars, booking.RuleBusy:
			out[i].Level = ""
		case booking.RuleNotice, booking.RuleHorizon:
			out[i].Bound = new(time.Unix(v.Bound, 0).In(o.Resource.Zone))
		case booking.RuleHours, booking.RuleServiceHours:
			out[i].Hours, out[i].Holiday = spans(words.Open(v)), v.Day.Holiday
		}
		if v.Limit > 0 || v.Rule == booking.RuleNotice {
			out[i].Limit = new(int64(v.Limit / time.Second))
		}
		if v.Most > 0 {
			out[i].Count, out[i].Most = new(v.Count), new(v.Most)
		}
		for _, need := range v.Needs {
			out[i].Needs = append(out[i].Needs, t.options(need))
		}
	}
	return out
}

func (t *teller) options(need []booking.Option) []Option {
	out := []Option{}
	for _, o := range need {
		option := Option{Resource: o.Offer.Resource.ID, Free: true, Verdicts: t.verdicts(o.Offer, o.Verdicts)}
		if decided := booking.Decided(o.Verdicts); decided != nil {
			option.Free, option.Decided = false, decided.Rule
		}
		out = append(out, option)
	}
	return out
}

func (t *teller) blocker(o *booking.Offer, b *booking.Blocker) *Blocker {
	if b == nil {
		return nil
	}
	zone := o.Resource.Zone
	out := &Blocker{
		Kind: "booking", Start: b.StartTime().In(zone), End: b.EndTime().In(zone), Before: b.Before, After: b.After,
		Calendar: b.Calendar, Booking: b.Booking, Beside: b.Beside,
	}
	if b.Booking != "" {
		out.Reference = t.reference(b.Booking)
	}
	if b.Hold {
		out.Kind = "hold"
	} else if b.Calendar != "" {
		out.Kind = "event"
	}
	return out
}

// reference returns what staff call a booking; its id where there is no record of it.
func (t *teller) reference(id string) string {
	if known, ok := t.references[id]; ok {
		return known
	}
	t.references[id] = id
	err := t.api.cfg.Store.View(t.r.Context(), func(r *store.Reader) error {
		b, err := r.Booking(id)
		if err == nil && b != nil {
			t.references[id] = b.Reference
		}
		return err
	})
	if err != nil {
		t.api.cfg.Log.Warn("looking up the reference of a booking failed", "booking", id, "error", err)
	}
	return t.references[id]
}
