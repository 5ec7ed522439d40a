package admin

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/internal/desk"
	"slotd/store"
)

// event puts somebody's event into the mirror.
func (f *fixture) event(start, end string) {
	f.t.Helper()
	from, err := desk.Start(start)
	check(f.t, err)
	until, err := desk.Start(end)
	check(f.t, err)
	st, err := store.Open(context.Background(), f.engine)
	check(f.t, err)
	window := calendar.Between(now.Add(-time.Hour), now.Add(96*time.Hour))
	check(f.t, st.Update(context.Background(), func(tx *store.Tx) error {
		busy := &calendar.Busy{Window: window, Foreign: []calendar.Interval{{Start: from, End: until}}}
		tx.PutSnapshot(cal, busy, store.Mirror{Window: window})
		return nil
	}))
}

// rulesOf lists the rules of verdicts: those that did not pass with a minus, the one that decided with two.
func rulesOf(all []Verdict) []string {
	var out []string
	for _, v := range all {
		rule := string(v.Rule)
		if !v.Passed {
			rule = "-" + rule
		}
		if v.Decided {
			rule = "-" + rule
		}
		out = append(out, rule)
	}
	return out
}

func TestExplainAStart(t *testing.T) {
	f := newFixture(t)
	reference := f.book("2026-11-24T09:30:00Z", "Sam Example")
	f.event("2026-11-24T09:15:00Z", "2026-11-24T09:45:00Z")
	var got Explanation
	f.read("/api/explain?resource=adams&at=2026-11-24T10:30", &got)
	if got.Zone != "Europe/Berlin" || !got.Start.Equal(time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC)) || !got.Now.Equal(now) ||
		got.Choice != (desk.Choice{Department: "general", Service: "checkup", Resource: "adams"}) || len(got.Resources) != 1 {
		t.Fatalf("got %+v", got)
	}
	r := got.Resources[0]
	if r.Resource != "adams" || r.Department != "general" || r.Zone != "Europe/Berlin" || *r.Bookable || r.Decided != booking.RuleBusy {
		t.Errorf("got %+v", r)
	}
	want := []string{"notice", "horizon", "hours", "grid", "calendars", "--busy", "-bookings"}
	if diff := cmp.Diff(want, rulesOf(r.Verdicts)); diff != "" {
		t.Fatal(diff)
	}
	busy, ours := r.Verdicts[5], r.Verdicts[6]
	berlin := r.Verdicts[5].Blocker.Start.Location()
	at := func(hour, minute int) time.Time { return time.Date(2026, 11, 24, hour, minute, 0, 0, berlin) }
	id := ours.Blocker.Booking
	for _, c := range []struct{ got, want *Blocker }{
		{busy.Blocker, &Blocker{Kind: "event", Start: at(10, 15), End: at(10, 45), Calendar: cal}},
		{ours.Blocker, &Blocker{Kind: "booking", Start: at(10, 30), End: at(11, 0), Booking: id, Reference: reference}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Error(diff)
		}
	}
	if id == "" || ours.Reason != "booked" || busy.Reason != "busy" || *ours.Count != 1 || *ours.Most != 1 || busy.Level != "" ||
		ours.Sentence != "bookings: booking "+reference+" from 10:30 to 11:00" {
		t.Errorf("got %+v, %+v", busy, ours)
	}
	hours := r.Verdicts[2]
	if hours.Level != "business" || !slices.Equal(hours.Hours, []string{"10:00-11:00"}) || hours.Reason != "free" {
		t.Errorf("got %+v", hours)
	}
	if diff := cmp.Diff([]KnownCalendar{{ID: cal, Checked: r.Calendars[0].Checked, Served: true}}, r.Calendars); diff != "" {
		t.Error(diff)
	}
	var rules []string
	for _, in := range r.Rules {
		rules = append(rules, in.Rule+" "+in.Level)
	}
	wantRules := []string{"duration service", "grid service", "buffer_before default", "buffer_after default", "notice business",
		"horizon business", "cancel_notice default", "move_notice default", "capacity default", "any default"}
	if diff := cmp.Diff(wantRules, rules); diff != "" {
		t.Error(diff)
	}

	got = Explanation{}
	f.read("/api/explain?at=2026-11-23T09:00:00Z", &got)
	if r := got.Resources[0]; !*r.Bookable || r.Decided != "" || len(r.Unasked) > 0 {
		t.Errorf("got %+v", r)
	}
	got = Explanation{}
	f.read("/api/explain?at=2027-11-24T09:00:00Z", &got)
	wantUnasked := []booking.Rule{"hours", "grid", "calendars", "busy", "bookings"}
	if r := got.Resources[0]; r.Decided != booking.RuleHorizon || !slices.Equal(r.Unasked, wantUnasked) {
		t.Errorf("got %+v", r)
	}
}

func TestExplainDays(t *testing.T) {
	f := newFixture(t)
	f.book("2026-11-24T09:30:00Z", "Sam Example")
	f.event("2026-11-23T09:00:00Z", "2026-11-23T10:00:00Z")
	day := func(date string, free int, barred map[booking.Rule]int) ExplainedDay {
		return ExplainedDay{
			Date: date, Hours: []string{"10:00-11:00"}, Rule: booking.Weekly, Level: "business", Starts: 2, Free: free, Barred: barred,
			Sentence: "open 10:00-11:00 (business)",
		}
	}
	all := []ExplainedDay{
		day("2026-11-23", 0, map[booking.Rule]int{booking.RuleBusy: 2}),
		day("2026-11-24", 1, map[booking.Rule]int{booking.RuleBookings: 1}),
		day("2026-11-25", 0, map[booking.Rule]int{booking.RuleHorizon: 2}),
	}
	for query, want := range map[string][]ExplainedDay{"": all, "?date=2026-11-24&resource=adams": all[1:2]} {
		var got Explanation
		f.read("/api/explain"+query, &got)
		if diff := cmp.Diff(want, got.Resources[0].Days); diff != "" || got.Start != nil || got.Resources[0].Bookable != nil {
			t.Errorf("%q: %s", query, diff)
		}
	}
	for path, says := range map[string]string{
		"?at=soon": "is no time", "?date=24.11.2026": "date", "?at=2026-11-24T10:00&date=2026-11-24": "not both",
		"?resource=nobody": "there are: adams", "?service=nothing": "there are: checkup",
		"?at=2026-03-29T02:30": "does not exist in Europe/Berlin",
	} {
		if status, _, body := f.get("/api/explain" + path); status != http.StatusBadRequest || !strings.Contains(body, says) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}
