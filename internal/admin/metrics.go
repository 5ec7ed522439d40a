package admin

import (
	"maps"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"slotd/internal/calendar"
)

// Metrics counts what happens in a running daemon, for GET /metrics. Every label value is from a set that is known before
// the first request: nothing that comes from outside makes a series. What is a state and no event is not kept here but
// read from the Status when somebody asks. All methods may be called concurrently.
type Metrics struct {
	registry *prometheus.Registry

	requests     *prometheus.CounterVec   // screen, outcome
	seconds      *prometheus.HistogramVec // action
	steps        *prometheus.CounterVec   // screen, step
	clientErrors *prometheus.CounterVec   // code
	readFails    *prometheus.CounterVec   // account, kind
	writeFails   *prometheus.CounterVec   // account, kind
	oddities     *prometheus.CounterVec   // kind
	pushes       *prometheus.CounterVec   // provider, outcome
	channelFails *prometheus.CounterVec   // account, kind
	liveReads    *prometheus.CounterVec   // account, outcome
	drifts       *prometheus.CounterVec   // account
	commits      prometheus.Histogram
	updates      prometheus.Counter
	commitFails  prometheus.Counter

	expecting sync.Mutex // held by those who replace known
	known     atomic.Pointer[children]
}

// pair is a pair of label values.
type pair struct{ a, b string }

// children are the series, resolved beforehand so that counting is one look-up. A children is never changed once it is
// known.
type children struct {
	requests     map[pair]prometheus.Counter
	seconds      map[string]prometheus.Observer
	steps        map[pair]prometheus.Counter
	clientErrors map[string]prometheus.Counter
	readFails    map[pair]prometheus.Counter
	writeFails   map[pair]prometheus.Counter
	oddities     map[string]prometheus.Counter
	pushes       map[pair]prometheus.Counter
	channelFails map[pair]prometheus.Counter
	liveReads    map[pair]prometheus.Counter
	drifts       map[string]prometheus.Counter
}

// Bounds of the histograms in seconds. The second half of those of an answer are Meta's: it warns when the 90th percentile
// exceeds 1, 5 and 7 seconds, and gives up after 10.
var (
	answerBounds = []float64{0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 7, 10}
	commitBounds = []float64{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5}
)

// NewMetrics returns metrics in a registry of their own. Until something is expected nothing of a Flow or an account is
// counted.
func NewMetrics(version string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		m.registry.MustRegister(v)
		return v
	}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		m.registry.MustRegister(c)
		return c
	}
	m.requests = counters("slotd_flow_requests_total",
		"Requests of the Flow endpoint, by the screen that they came from and what became of them.", "screen", "outcome")
	m.steps = counters("slotd_flow_steps_total",
		"Steps of customers towards a booking, by the screen on which they were made.", "screen", "step")
	m.clientErrors = counters("slotd_flow_client_errors_total",
		"Answers that the customer's phone refused, by the code that it reported.", "code")
	m.readFails = counters("slotd_calendar_read_failures_total",
		"Looks at a calendar that failed, by kind of provider error.", "account", "kind")
	m.writeFails = counters("slotd_calendar_write_failures_total",
		"Writes to a calendar that failed, by kind of provider error.", "account", "kind")
	m.oddities = counters("slotd_feed_oddities_total",
		"Events of feeds that could not be understood as they were meant, counted when they appear, by kind.", "kind")
	m.pushes = counters("slotd_push_messages_total",
		"Messages of calendar providers, by what became of them.", "provider", "outcome")
	m.channelFails = counters("slotd_push_channel_failures_total",
		"Calls about push channels that failed, by kind of provider error.", "account", "kind")
	m.liveReads = counters("slotd_calendar_live_reads_total",
		"Reads of one time that a confirm waited for, by what became of them.", "account", "outcome")
	m.drifts = counters("slotd_mirror_drift_total",
		"Full reads that found other busy time than was mirrored, although nothing was said to have changed.", "account")
	m.updates = counter("slotd_store_updates_total", "Transactions that wrote; several may share one commit.")
	m.commitFails = counter("slotd_store_commit_failures_total", "Commits that failed or may have.")
	m.seconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "slotd_flow_answer_seconds", Buckets: answerBounds,
		Help: "Time from a request of the Flow endpoint to its answer within slotd, by action.",
	}, []string{"action"})
	m.commits = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "slotd_store_commit_seconds", Buckets: commitBounds, Help: "Time that a commit took to be on disk.",
	})
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "slotd_build_info", Help: "Always 1; the labels say what runs.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	})
	build.Set(1)
	m.registry.MustRegister(m.seconds, m.commits, build, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.known.Store(&children{})
	return m
}

// FlowSets are the closed sets of what a Flow endpoint can tell.
type FlowSets struct {
	Screens []string // of the Flow
	// Bare are the outcomes of requests without a screen, Talk those of all others.
	Bare, Talk []string
	// Actions, with "" for requests that could not be opened added to them.
	Actions             []string
	Steps, ClientErrors []string
}

// ExpectFlow makes the series of a Flow, beside those of a Flow that was expected before and may still be answered.
func (m *Metrics) ExpectFlow(s FlowSets) {
	m.expecting.Lock()
	defer m.expecting.Unlock()
	c := *m.known.Load()
	c.requests, c.steps = grown(c.requests), grown(c.steps)
	c.seconds, c.clientErrors = grown(c.seconds), grown(c.clientErrors)
	for _, outcome := range s.Bare {
		c.requests[pair{"", outcome}] = m.requests.WithLabelValues("", outcome)
	}
	for _, screen := range append([]string{""}, s.Screens...) {
		for _, outcome := range s.Talk {
			c.requests[pair{screen, outcome}] = m.requests.WithLabelValues(screen, outcome)
		}
		for _, step := range s.Steps {
			c.steps[pair{screen, step}] = m.steps.WithLabelValues(screen, step)
		}
	}
	for _, action := range append([]string{""}, s.Actions...) {
		c.seconds[action] = m.seconds.WithLabelValues(action)
	}
	for _, code := range s.ClientErrors {
		c.clientErrors[code] = m.clientErrors.WithLabelValues(code)
	}
	m.known.Store(&c)
}

// ExpectAccounts makes the series of accounts, by their names in the config, beside those that were expected before, with the
// outcomes that live reads can have.
func (m *Metrics) ExpectAccounts(names, live []string) {
	m.expecting.Lock()
	defer m.expecting.Unlock()
	c := *m.known.Load()
	c.readFails, c.writeFails, c.channelFails = grown(c.readFails), grown(c.writeFails), grown(c.channelFails)
	c.liveReads, c.drifts = grown(c.liveReads), grown(c.drifts)
	for _, name := range names {
		c.drifts[name] = m.drifts.WithLabelValues(name)
		for _, outcome := range live {
			c.liveReads[pair{name, outcome}] = m.liveReads.WithLabelValues(name, outcome)
		}
		for kind := calendar.Unclear; kind <= calendar.Conflict; kind++ {
			c.readFails[pair{name, kindLabel(kind)}] = m.readFails.WithLabelValues(name, kindLabel(kind))
			c.writeFails[pair{name, kindLabel(kind)}] = m.writeFails.WithLabelValues(name, kindLabel(kind))
			c.channelFails[pair{name, kindLabel(kind)}] = m.channelFails.WithLabelValues(name, kindLabel(kind))
		}
	}
	m.known.Store(&c)
}

// ExpectOddities makes the series of what can be odd about a feed.
func (m *Metrics) ExpectOddities(kinds []string) {
	m.expecting.Lock()
	defer m.expecting.Unlock()
	c := *m.known.Load()
	c.oddities = grown(c.oddities)
	for _, kind := range kinds {
		c.oddities[kind] = m.oddities.WithLabelValues(kind)
	}
	m.known.Store(&c)
}

// Answered counts an answer of the Flow endpoint. What was not expected is not counted, here and below.
func (m *Metrics) Answered(action, screen, outcome string, took time.Duration) {
	known := m.known.Load()
	count(known.requests, pair{screen, outcome})
	if h := known.seconds[action]; h != nil {
		h.Observe(took.Seconds())
	}
}

// Stepped counts a customer's step.
func (m *Metrics) Stepped(screen, step string) { count(m.known.Load().steps, pair{screen, step}) }

// ClientError counts an answer that a phone refused.
func (m *Metrics) ClientError(code string) { count(m.known.Load().clientErrors, code) }

// ReadFailed counts a look at a calendar that failed.
func (m *Metrics) ReadFailed(account string, kind calendar.Kind) {
	count(m.known.Load().readFails, pair{account, kindLabel(kind)})
}

// WriteFailed counts a write to a calendar that failed.
func (m *Metrics) WriteFailed(account string, kind calendar.Kind) {
	count(m.known.Load().writeFails, pair{account, kindLabel(kind)})
}

// LiveRead counts a read of one time that a confirm waited for.
func (m *Metrics) LiveRead(account, outcome string) {
	count(m.known.Load().liveReads, pair{account, outcome})
}

// Drifted counts a mirror that a full read found wrong although nothing was said to have changed.
func (m *Metrics) Drifted(account string) { count(m.known.Load().drifts, account) }

// Oddities counts events of feeds in which something odd has appeared; n may be negative, which counts nothing.
func (m *Metrics) Oddities(kind string, n int) {
	if c := m.known.Load().oddities[kind]; c != nil {
		c.Add(float64(max(n, 0)))
	}
}

// Committed counts a commit of the store that so many callers shared.
func (m *Metrics) Committed(took time.Duration, callers int, err error) {
	m.commits.Observe(took.Seconds())
	m.updates.Add(float64(callers))
	if err != nil {
		m.commitFails.Inc()
	}
}

// grown returns a copy of a map that can take more.
func grown[K comparable, V any](m map[K]V) map[K]V {
	if m == nil {
		return map[K]V{}
	}
	return maps.Clone(m)
}

func count[K comparable](series map[K]prometheus.Counter, key K) {
	if c := series[key]; c != nil {
		c.Inc()
	}
}

// kindLabel is the kind of a provider error as a label value: its words joined.
func kindLabel(k calendar.Kind) string { return kindLabels[min(max(int(k), 0), len(kindLabels)-1)] }

var kindLabels = []string{
	"unclear", "throttled", "expired_cursor", "needs_person", "gone", "refused", "conflict",
}
