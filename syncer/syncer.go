// Package syncer keeps mirror and calendars equal: it reads each provider calendar into the store, and makes the
// provider's events equal to our bookings.
//
// Reading: one loop per calendar asks "did anything change" (a cursor used as a dirty flag) and, when the answer is yes,
// reads the whole window and swaps it in one transaction together with a cursor that was obtained before the read began.
// A read that broke off, or during which the calendar changed, is never stored.
//
// Writing: an outbox mark says that a placement is ahead of its calendar. A worker per calendar reads the booking, makes
// the provider equal to it by an upsert with a persisted identity, and clears the mark if the booking has not changed
// meanwhile.
//
// All calls of an account pass one gate, which limits concurrency and rate and waits where a provider asked to. This is
// the only package that repeats calls to providers.
package syncer

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/store"
)

// Source reads a provider's calendars. Implementations are safe for concurrent use and never retry.
type Source interface {
	// Changed says whether anything may have changed in the window since the cursor; see [calendar.Change].
	Changed(ctx context.Context, cal string, window calendar.Interval, cursor calendar.Cursor) (calendar.Change, error)
	// Read returns every event of the window, or an error.
	Read(ctx context.Context, cal string, window calendar.Interval) (calendar.Snapshot, error)
	// Find returns the present state of the event of one placement, wherever in time it is. An event that was deleted, or
	// never was, is an error of kind Gone; one that is not ours is an error of kind Conflict.
	Find(ctx context.Context, cal string, w calendar.Wanted) (calendar.Written, error)
}

// Sink writes a provider's calendars. Implementations are safe for concurrent use and never retry.
type Sink interface {
	// Apply makes the placement's event equal to what is wanted and returns what it is then. Asked again after an unclear
	// outcome it makes no second event.
	Apply(ctx context.Context, cal string, w calendar.Wanted) (calendar.Written, error)
}

// Account is one OAuth identity with the calls that can be made through it.
type Account struct {
	Source Source
	// Sink is nil where calendars can only be read. What is to be written there is set aside for a person.
	Sink Sink
	// Concurrency is how many calls may run at once, PerMinute how many may begin in a minute.
	Concurrency, PerMinute int
	// Watcher asks for push channels; nil where the provider pushes nothing.
	Watcher Watcher
	// PushURL is where the provider's messages about this account go, unlike those about any other account where the
	// provider lists channels. While it is "" the account has no channels, and those of before are ended; PushOff says why.
	PushURL, PushOff string
}

// Config is what New needs.
type Config struct {
	Store *store.Store
	// Accounts by name.
	Accounts map[string]Account
	// Calendars to mirror; each belongs to one of the accounts.
	Calendars []calendar.ID
	// Booked are those that bookings are written into. A store that was restored from a copy is used again once all of them
	// that are mirrored have been read and compared with it.
	Booked []calendar.ID
	// Poll is the mean time between two looks at a calendar.
	Poll time.Duration
	// Ahead is how far the mirror reaches beyond now; the window is rounded outward to whole days (UTC).
	Ahead time.Duration
	// Describe returns what staff read in the event of a booking. It must be pure.
	Describe func(*booking.Booking, booking.Person, booking.Placement) (title, body string)
	// Zone returns the IANA zone of a resource, Capacity how many bookings it takes at a time while a service is there.
	Zone     func(resource string) string
	Capacity func(resource, service string) int
	// Identity returns the provider identity of a placement, and Terms the buffers of a service and whether a resource can be
	// chosen for it: both are asked about bookings that are recovered from their events after a restore. They may be nil.
	Identity func(cal calendar.ID, booking, resource string, attempt int) string
	Terms    func(service, resource string) (before, after time.Duration, offers bool)
	Log      *slog.Logger
	Now      func() time.Time
	// ReadFailed and WriteFailed are told of every failed look at a calendar and every failed write to one. They may be
	// nil, are called concurrently, and must be quick.
	ReadFailed, WriteFailed func(account string, kind calendar.Kind)
	// LiveRead is told what became of every live read, see [LiveOutcomes]; like those.
	LiveRead func(account, outcome string)
	// Drifted is told of every mirror of an account that a full read found wrong although nothing was said to have changed.
	Drifted func(account string)
	// ChannelFailed is told of every failed call about a push channel, like those.
	ChannelFailed func(account string, kind calendar.Kind)
}

// tell calls one of the funcs of a Config that may be nil.
func tell(failed func(string, calendar.Kind), cal calendar.ID, err error) {
	if failed != nil {
		failed(cal.Account(), calendar.KindOf(err))
	}
}

// Syncer is one business's sync work. Make it with New, then call Run once.
type Syncer struct {
	cfg     Config
	gates   map[string]*gate
	mirrors map[calendar.ID]*mirror
	wake    chan struct{} // nudges the write-back; one slot
	outbox  pulse
	// recovery is idle unless the store was restored from a copy.
	recovery *recovery
	channels *channels

	mu      sync.Mutex // guards the fields below; never held across a call
	writing map[calendar.ID]WriteStatus
	writers map[calendar.ID]*pulse
}

// New returns a Syncer for cfg. It is an error when a calendar's account is not among the accounts.
func New(cfg Config) (*Syncer, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Identity == nil {
		cfg.Identity = func(calendar.ID, string, string, int) string { return "" }
	}
	if cfg.Terms == nil {
		cfg.Terms = func(string, string) (before, after time.Duration, offers bool) { return 0, 0, true }
	}
	s := &Syncer{
		cfg: cfg, gates: map[string]*gate{}, mirrors: map[calendar.ID]*mirror{}, wake: make(chan struct{}, 1),
		writing: map[calendar.ID]WriteStatus{}, writers: map[calendar.ID]*pulse{},
	}
	s.recovery = newRecovery(cfg, s.ReadAll, func() { s.Written("") })
	for name, a := range cfg.Accounts {
		s.gates[name] = newGate(a.Concurrency, a.PerMinute, cfg.Now)
	}
	for _, id := range cfg.Calendars {
		a, ok := cfg.Accounts[id.Account()]
		if !ok {
			return nil, errors.New("syncer: no account for calendar " + string(id))
		}
		s.mirrors[id] = newMirror(id, a.Source, s.gates[id.Account()], cfg, s.Written)
		s.mirrors[id].recovery = s.recovery
		s.mirrors[id].after = time.Duration(rand.Float64() * float64(spread(len(cfg.Calendars))))
	}
	s.channels = newChannels(cfg, s.gates, func(id calendar.ID, full bool) {
		if m := s.mirrors[id]; m != nil {
			m.push(full)
		}
	})
	for _, m := range s.mirrors {
		m.noticed = s.channels.found
	}
	return s, nil
}

// The first looks read whole windows. Those of more than a few calendars are spread, so that customers and other
// calendars' calls find room beside them.
const (
	spreadFrom   = 100
	spreadEach   = 3 * time.Millisecond
	spreadWithin = time.Minute
)

// spread is the time over which the first looks at n calendars are spread.
func spread(n int) time.Duration {
	return min(time.Duration(max(n-spreadFrom, 0))*spreadEach, spreadWithin)
}

// Run works until ctx ends, then waits for the calls that are under way and returns.
func (s *Syncer) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, m := range s.mirrors {
		wg.Go(func() { m.run(ctx) })
	}
	wg.Go(func() { s.runOutbox(ctx) })
	wg.Go(func() { s.channels.run(ctx) })
	wg.Wait()
}

// Nudge asks for a look at a calendar now. A nudge that arrives while a read runs causes another.
func (s *Syncer) Nudge(id calendar.ID) {
	if m := s.mirrors[id]; m != nil {
		m.nudge(false)
	}
}

// ReadAll asks for a full read of every calendar, whatever the cursors say.
func (s *Syncer) ReadAll() {
	for _, m := range s.mirrors {
		m.nudge(true)
	}
}

// Written says that a booking in the calendar waits to be written.
func (s *Syncer) Written(calendar.ID) {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Status is what is known of one calendar's mirror since the start of the process.
type Status struct {
	Calendar calendar.ID
	// Checked is when the provider last confirmed the mirror; zero when never.
	Checked time.Time
	// Failures counts the attempts that failed since the last success.
	Failures int
	// Error is the last error since the last success, nil when there was none. Its text holds no secret and no person.
	Error error
	// Next is when the next look is due.
	Next time.Time
	// Odd counts the busy events of the last snapshot whose times make no sense; see [calendar.Event].
	Odd int
	// FreeDays counts the all-day events of the last snapshot that had not ended when it was read and block nothing because
	// they are marked as free; see [calendar.Event]. Occurrences of a series count each.
	FreeDays int
}

// WriteStatus is what is known of writing to one calendar.
type WriteStatus struct {
	Error error
	At    time.Time
}

// Status returns the status of every mirror, sorted by calendar.
func (s *Syncer) Status() []Status {
	var out []Status
	for _, m := range s.mirrors {
		st := m.status()
		st.Checked = s.cfg.Store.Checked(m.id)
		out = append(out, st)
	}
	slices.SortFunc(out, func(a, b Status) int {
		if a.Calendar < b.Calendar {
			return -1
		}
		return 1
	})
	return out
}
