package admin

import (
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"math"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"slotd/internal/booking"
	"slotd/internal/calendar"
)

// CalendarLabel returns how metrics name a calendar: as the config does, unless its id is an address. Then a hash stands
// for the id, which stays the same as long as the store does and tells nobody without the store whose calendar it is.
// The status shows it beside the name.
func CalendarLabel(storeID string, id calendar.ID) string {
	if !strings.Contains(id.Calendar(), "@") {
		return string(id)
	}
	sum := sha256.Sum256([]byte(storeID + "\x00" + string(id)))
	return id.Account() + "/#" + hex.EncodeToString(sum[:6])
}

// What is read from the Status.
var (
	descRead = describe("slotd_status_read",
		"1 when the state of the daemon could be read; at 0 the metrics that come from it are missing.")
	descProblems = describe("slotd_problems", "Sentences under which slotd status says what is wrong.")
	descAge      = describe("slotd_calendar_confirmed_age_seconds",
		"Time since the provider last confirmed the mirror of a calendar; +Inf when it never did.", "calendar")
	descFresh = describe("slotd_calendar_fresh",
		"1 when the mirror of a calendar is young enough to be answered from, 0 when it hides its resources.", "calendar")
	descAccount = describe("slotd_account_state",
		"1 for the state that an account is in, 0 for the others.", "account", "state")
	descExpiry = describe("slotd_account_token_expiry_timestamp_seconds",
		"When the access token of an account ends; absent without one. It is renewed when it is needed.", "account")
	descMarks = describe("slotd_outbox_marks", "Placements whose calendar is behind the booking.")
	descOld   = describe("slotd_outbox_oldest_seconds", "How long the oldest of them has been; 0 without any.")
	descAside = describe("slotd_placements_set_aside",
		"Placements of coming bookings that cannot be written to their calendar and wait for a person.")
	descNeeds = describe("slotd_bookings_need_person",
		"Coming bookings that somebody must look at, by reason.", "reason")
	descSize    = describe("slotd_store_size_bytes", "Size of the database file.")
	descFree    = describe("slotd_store_free_bytes", "What slotd can still use of the file system of the database.")
	descRefuses = describe("slotd_store_refuses",
		"1 while commits fail because the disk is full or cannot be written: nothing can be booked.")
	descClock = describe("slotd_clock_ahead_seconds",
		"How far this host's clock is ahead of that of a provider's server, negative when it is behind.", "host")
	descBackup = describe("slotd_backup_last_success_timestamp_seconds",
		"When the newest scheduled copy of the database was made, 0 before the first; absent when none are scheduled.")
	descNotices = describe("slotd_webhook_notices",
		"Notices of bookings that are still to be delivered to the other system.")
	descNoticeOld = describe("slotd_webhook_oldest_seconds",
		"How long ago happened what the oldest of them tells of; 0 without any.")
	descNoticeAside = describe("slotd_webhook_set_aside", "Notices that were given up and wait for a person.")
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// accountStates are the states of package account; another one is shown as it is.
var accountStates = []string{"ok", "needs_person", "unknown"}

// state is a Status as metrics, so that both say the same.
type state struct {
	status Status
	err    error
}

// Describe implements [prometheus.Collector]. It names nothing: what there is depends on the status.
func (state) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (s state) Collect(out chan<- prometheus.Metric) {
	put := func(d *prometheus.Desc, value float64, labels ...string) {
		for i, l := range labels {
			labels[i] = strings.ToValidUTF8(l, "?")
		}
		m, err := prometheus.NewConstMetric(d, prometheus.GaugeValue, value, labels...)
		if err != nil {
			m = prometheus.NewInvalidMetric(d, err)
		}
		out <- m
	}
	put(descRead, number(s.err == nil))
	if s.err != nil {
		return
	}
	put(descProblems, float64(len(s.status.Problems)))
	s.calendars(put)
	s.accounts(put)
	s.bookings(put)
	s.webhook(put)
	s.channels(put)
	for _, c := range s.status.Clocks {
		put(descClock, c.AheadS, c.Host)
	}
	put(descSize, float64(s.status.Storage.Size))
	put(descRefuses, number(s.status.Storage.Refuses != ""))
	if s.status.Storage.Total > 0 {
		put(descFree, float64(s.status.Storage.Free))
	}
	if b := s.status.Backup; b != nil {
		last := 0.0
		if b.Last != nil {
			last = float64(b.Last.Unix())
		}
		put(descBackup, last)
	}
}

func (s state) webhook(put putter) {
	w := s.status.Webhook
	if w == nil {
		w = &Webhook{}
	}
	put(descNotices, float64(w.Waiting))
	old := 0.0
	if w.Oldest != nil {
		old = max(s.status.Now.Sub(*w.Oldest).Seconds(), 0)
	}
	put(descNoticeOld, old)
	put(descNoticeAside, float64(w.SetAside))
}

// putter gives away one value.
type putter func(d *prometheus.Desc, value float64, labels ...string)

func (s state) calendars(put putter) {
	for _, c := range s.status.Calendars {
		age := math.Inf(1)
		if c.Checked != nil {
			age = max(c.AgeS, 0)
		}
		put(descAge, age, c.Label)
		put(descFresh, number(c.Fresh), c.Label)
	}
}

func (s state) accounts(put putter) {
	for _, a := range s.status.Accounts {
		found := false
		for _, name := range accountStates {
			found = found || name == a.State
			put(descAccount, number(name == a.State), a.Name, name)
		}
		if !found {
			put(descAccount, 1, a.Name, a.State)
		}
		if a.Expires != nil {
			put(descExpiry, float64(a.Expires.Unix()), a.Name)
		}
	}
}

func (s state) bookings(put putter) {
	o := s.status.Outbox
	put(descMarks, float64(o.Waiting))
	old := 0.0
	if o.Oldest != nil {
		old = max(s.status.Now.Sub(*o.Oldest).Seconds(), 0)
	}
	put(descOld, old)
	put(descAside, float64(o.SetAside))
	needs := map[booking.Need]int{}
	for _, a := range s.status.Attention {
		needs[a.Need]++
	}
	for _, need := range booking.Needs() {
		put(descNeeds, float64(needs[need]), string(need))
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// metrics answers GET /metrics: what was counted, and the state of this moment.
func (a *api) metrics(w http.ResponseWriter, r *http.Request) {
	status, err := a.cfg.Status(r.Context())
	if err != nil {
		a.cfg.Log.Error("admin request failed", "path", r.URL.Path, "error", err)
	}
	now := prometheus.NewRegistry()
	now.MustRegister(state{status, err})
	promhttp.HandlerFor(prometheus.Gatherers{a.cfg.Metrics.registry, now}, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, ErrorLog: slog.NewLogLogger(a.cfg.Log.Handler(), slog.LevelError),
	}).ServeHTTP(w, r)
}
