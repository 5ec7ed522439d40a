package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
)

// newMetricsFixture is newFixture with metrics that expect a small Flow and one account.
func newMetricsFixture(t *testing.T) (*fixture, *Metrics) {
	t.Helper()
	f := newFixture(t)
	f.metrics.ExpectFlow(smallFlow("DAY", "CONFIRM"))
	f.metrics.ExpectAccounts([]string{"acct"}, nil)
	return f, f.metrics
}

func smallFlow(screens ...string) FlowSets {
	return FlowSets{
		Screens: screens, Bare: []string{"pong"}, Talk: []string{"shown", "booked"}, Actions: []string{"INIT"},
		Steps: []string{"opened", "confirmed"}, ClientErrors: []string{"other"},
	}
}

// scrape returns the samples of slotd by series.
func (f *fixture) scrape() map[string]string {
	f.t.Helper()
	status, kind, body := f.get("/metrics")
	if status != http.StatusOK || !strings.HasPrefix(kind, "text/plain") {
		f.t.Fatalf("%d %s %s", status, kind, body)
	}
	out := map[string]string{}
	for line := range strings.Lines(body) {
		series, value, ok := strings.Cut(strings.TrimSpace(line), "} ")
		series += "}"
		if !ok {
			series, value, _ = strings.Cut(strings.TrimSpace(line), " ")
		}
		if strings.HasPrefix(series, "slotd_") {
			out[series] = value
		}
	}
	return out
}

func (f *fixture) wantSamples(want map[string]string) {
	f.t.Helper()
	got := f.scrape()
	for series, value := range want {
		if got[series] != value {
			f.t.Errorf("%s is %q, want %q", series, got[series], value)
		}
	}
}

func TestCounted(t *testing.T) {
	f, m := newMetricsFixture(t)
	m.Answered("INIT", "", "shown", 3*time.Millisecond)
	m.Answered("INIT", "", "shown", 2*time.Second)
	m.Answered("", "", "pong", 0)
	m.Stepped("CONFIRM", "confirmed")
	m.ClientError("other")
	m.ReadFailed("acct", calendar.Throttled)
	m.WriteFailed("acct", calendar.NeedsPerson)
	m.Committed(2*time.Millisecond, 3, nil)
	m.Committed(time.Second, 1, errors.New("full"))
	f.wantSamples(map[string]string{
		`slotd_flow_requests_total{outcome="shown",screen=""}`:                      "2",
		`slotd_flow_requests_total{outcome="booked",screen="CONFIRM"}`:              "0",
		`slotd_flow_answer_seconds_bucket{action="INIT",le="0.005"}`:                "1",
		`slotd_flow_answer_seconds_bucket{action="INIT",le="1"}`:                    "1",
		`slotd_flow_answer_seconds_bucket{action="INIT",le="5"}`:                    "2",
		`slotd_flow_steps_total{screen="CONFIRM",step="confirmed"}`:                 "1",
		`slotd_flow_client_errors_total{code="other"}`:                              "1",
		`slotd_calendar_read_failures_total{account="acct",kind="throttled"}`:       "1",
		`slotd_calendar_write_failures_total{account="acct",kind="needs_person"}`:   "1",
		`slotd_calendar_write_failures_total{account="acct",kind="expired_cursor"}`: "0",
		`slotd_store_updates_total`:                                                 "4",
		`slotd_store_commit_failures_total`:                                         "1",
		`slotd_store_commit_seconds_count`:                                          "2",
	})
}

// Nothing but what was expected makes a series, whatever is counted.
func TestSeriesAreClosed(t *testing.T) {
	f, m := newMetricsFixture(t)
	before := len(f.scrape())
	for i := range 50 {
		odd := fmt.Sprintf("odd-%d", i)
		m.Answered(odd, "DAY", odd, 0)
		m.Answered("INIT", odd, "shown", 0)
		m.Stepped(odd, "opened")
		m.Stepped("DAY", odd)
		m.ClientError(odd)
		m.ReadFailed(odd, calendar.Gone)
		m.WriteFailed("acct", calendar.Kind(100+i))
	}
	if after := len(f.scrape()); after != before {
		t.Errorf("%d series became %d", before, after)
	}
}

// A reload brings other screens and accounts while answers of the old ones are still counted.
func TestExpectedAnew(t *testing.T) {
	f, m := newMetricsFixture(t)
	m.Answered("INIT", "DAY", "shown", 0)
	var wg sync.WaitGroup
	wg.Go(func() { m.ExpectFlow(smallFlow("DAY", "EXTRA")) })
	wg.Go(func() { m.ExpectAccounts([]string{"acct", "second"}, []string{"known"}) })
	wg.Go(func() { m.Answered("INIT", "DAY", "shown", 0) })
	wg.Wait()
	m.Answered("INIT", "EXTRA", "shown", 0)
	m.Answered("INIT", "CONFIRM", "booked", 0)
	m.ReadFailed("second", calendar.Gone)
	f.wantSamples(map[string]string{
		`slotd_flow_requests_total{outcome="shown",screen="DAY"}`:               "2",
		`slotd_flow_requests_total{outcome="shown",screen="EXTRA"}`:             "1",
		`slotd_flow_requests_total{outcome="booked",screen="CONFIRM"}`:          "1",
		`slotd_calendar_read_failures_total{account="second",kind="gone"}`:      "1",
		`slotd_calendar_read_failures_total{account="acct",kind="unclear"}`:     "0",
		`slotd_calendar_write_failures_total{account="second",kind="conflict"}`: "0",
	})
}

func TestKindsHaveLabels(t *testing.T) {
	if calendar.Kind(len(kindLabels)).String() != "unknown" || calendar.Kind(len(kindLabels)-1).String() == "unknown" {
		t.Errorf("%d labels do not fit the kinds of provider error", len(kindLabels))
	}
}

func TestStateIsTheStatus(t *testing.T) {
	f, _ := newMetricsFixture(t)
	ago := now.Add(-90 * time.Second)
	s := Status{
		Now: now, Problems: []string{"one", "two"},
		Calendars: []Calendar{
			{ID: "acct/adams", Label: "acct/adams", Checked: &ago, AgeS: 90, Fresh: true},
			{ID: "acct/clark@clinic.example", Label: CalendarLabel("store", "acct/clark@clinic.example")},
		},
		Accounts: []Account{
			{Name: "acct", State: "needs_person", Reason: "planted reason"}, {Name: "second", State: "ok", Expires: &ago},
		},
		Outbox:    Outbox{Waiting: 4, Oldest: &ago, SetAside: 2},
		Storage:   Storage{Size: 4096, Free: 1 << 20, Total: 1 << 21, Refuses: "disk full"},
		Attention: []Attention{{Need: booking.Overlap, Why: "planted why"}, {Need: booking.Overlap}, {Need: booking.NotWritten}},
		Backup:    &Backup{},
	}
	f.status = func(context.Context) (Status, error) { return s, nil }
	f.wantSamples(map[string]string{
		`slotd_status_read`: "1", `slotd_problems`: "2",
		`slotd_calendar_confirmed_age_seconds{calendar="acct/adams"}`:                   "90",
		`slotd_calendar_fresh{calendar="acct/adams"}`:                                   "1",
		`slotd_calendar_confirmed_age_seconds{calendar="` + s.Calendars[1].Label + `"}`: "+Inf",
		`slotd_calendar_fresh{calendar="` + s.Calendars[1].Label + `"}`:                 "0",
		`slotd_account_state{account="acct",state="needs_person"}`:                      "1",
		`slotd_account_state{account="acct",state="ok"}`:                                "0",
		`slotd_account_state{account="second",state="ok"}`:                              "1",
		`slotd_account_token_expiry_timestamp_seconds{account="second"}`:                fmt.Sprintf("%.9ge+09", float64(ago.Unix())/1e9),
		`slotd_outbox_marks`:                                 "4",
		`slotd_outbox_oldest_seconds`:                        "90",
		`slotd_placements_set_aside`:                         "2",
		`slotd_bookings_need_person{reason="overlap"}`:       "2",
		`slotd_bookings_need_person{reason="not_written"}`:   "1",
		`slotd_bookings_need_person{reason="event_missing"}`: "0",
		`slotd_bookings_need_person{reason="not_told"}`:      "0",
		`slotd_webhook_notices`:                              "0",
		`slotd_webhook_oldest_seconds`:                       "0",
		`slotd_webhook_set_aside`:                            "0",
		`slotd_store_size_bytes`:                             "4096",
		`slotd_store_free_bytes`:                             "1.048576e+06",
		`slotd_store_refuses`:                                "1",
		`slotd_backup_last_success_timestamp_seconds`:        "0",
	})
	if _, _, body := f.get("/metrics"); strings.Contains(body, "planted") || strings.Contains(body, "clinic.example") {
		t.Error("the metrics hold more than they should")
	}
	s.Backup = nil
	if _, there := f.scrape()["slotd_backup_last_success_timestamp_seconds"]; there {
		t.Error("without scheduled copies there is a time of the last")
	}
}

// What was counted is shown even when the state cannot be read.
func TestStateUnread(t *testing.T) {
	f, m := newMetricsFixture(t)
	f.status = func(context.Context) (Status, error) { return Status{}, errors.New("the disk is on fire") }
	m.ClientError("other")
	f.wantSamples(map[string]string{
		`slotd_status_read`: "0", `slotd_outbox_marks`: "", `slotd_flow_client_errors_total{code="other"}`: "1",
	})
}

func TestCalendarLabel(t *testing.T) {
	if got := CalendarLabel("store", "office/primary"); got != "office/primary" {
		t.Errorf("an id that is no address becomes %q", got)
	}
	adams := CalendarLabel("store", "office/adams@clinic.example")
	if adams != CalendarLabel("store", "office/adams@clinic.example") {
		t.Error("the label changes")
	}
	if !strings.HasPrefix(adams, "office/#") || strings.Contains(adams, "adams") || strings.Contains(adams, "@") {
		t.Errorf("an address becomes %q", adams)
	}
	if adams == CalendarLabel("other store", "office/adams@clinic.example") {
		t.Error("who knows an address can find its label without the store")
	}
	if adams == CalendarLabel("store", "office/clark@clinic.example") {
		t.Error("two calendars have one label")
	}
}

// BenchmarkAnswered is what an answer of the Flow endpoint costs more for being counted.
func BenchmarkAnswered(b *testing.B) {
	m := NewMetrics("test")
	m.ExpectFlow(smallFlow("DAY", "CONFIRM"))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			m.Answered("INIT", "DAY", "shown", 3*time.Millisecond)
			m.Stepped("DAY", "opened")
		}
	})
}
