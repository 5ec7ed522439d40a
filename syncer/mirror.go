package syncer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"slotd/internal/calendar"
	"slotd/store"
)

// mirror keeps the local copy of one calendar. Its loop is the only writer of the calendar's busy document.
type mirror struct {
	id     calendar.ID
	source Source
	gate   *gate
	cfg    Config
	log    *slog.Logger
	wake   chan struct{} // one slot
	pulse  pulse
	live   *live // the reads of single times
	// told is told that a person's change left something to be written.
	told func(calendar.ID)
	// recovery takes what is read while a restore is not over.
	recovery *recovery
	// after is how long the first look waits.
	after time.Duration
	// noticed is told of a change that was found without a message.
	noticed func(cal calendar.ID, at time.Time)

	// Owned by the loop.
	loaded bool
	state  store.Mirror // what is stored, with the newest cursor
	read   bool         // a snapshot is stored
	swept  bool         // one that this process has read
	doubt  *doubt       // a full read that found what nothing had told of
	// quiet is set while the window is read although the cursor says that nothing changed since the last snapshot.
	quiet bool
	// recheck is when the window is read once more because the last list seemed to lag behind; zero when it did not.
	recheck time.Time

	mu     sync.Mutex // guards the fields below; never held across a call
	full   bool       // the next look reads the window whatever the cursor says
	pushed bool       // a message of the provider asked for the next look
	last   Status
}

func newMirror(id calendar.ID, source Source, g *gate, cfg Config, told func(calendar.ID)) *mirror {
	return &mirror{
		id: id, source: source, gate: g, cfg: cfg, told: told, wake: make(chan struct{}, 1), live: newLive(),
		log: cfg.Log.With("calendar", string(id)), last: Status{Calendar: id},
		// The first look reads: since the snapshot on disk the config may have changed what is busy, and a crash may have
		// come before what it said of our own events was recorded.
		full: true,
	}
}

func (m *mirror) nudge(full bool) {
	m.mu.Lock()
	m.full = m.full || full
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// push is nudge for a message of the provider.
func (m *mirror) push(full bool) {
	m.mu.Lock()
	m.pushed = true
	m.mu.Unlock()
	m.nudge(full)
}

func (m *mirror) takePushed() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	pushed := m.pushed
	m.pushed = false
	return pushed
}

func (m *mirror) takeFull() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	full := m.full
	m.full = false
	return full
}

func (m *mirror) status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last
}

// Bounds of a mirror's work.
const (
	readTries   = 4               // reads of a calendar that changes while it is read
	callTimeout = 2 * time.Minute // one question to the provider, all pages
	slowestLook = 3 * time.Minute // between two looks that fail, where the poll time is not longer anyway
	lagCheck    = 1 * time.Minute // until the next read after one that seemed to lag behind
	// pushLag is the time until the window is read after a message that no change was found for: what tells of changes can
	// lag behind the messages.
	pushLag = 10 * time.Second
)

// run looks at the calendar until ctx ends.
func (m *mirror) run(ctx context.Context) {
	defer m.pulse.rest()
	m.rest(ctx, m.after)
	for ctx.Err() == nil {
		m.pulse.expect(stepWithin)
		err := m.look(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			tell(m.cfg.ReadFailed, m.id, err)
		}
		m.rest(ctx, m.note(err))
	}
}

// rest waits until it is time for a look, or somebody asks for one, or ctx ends.
func (m *mirror) rest(ctx context.Context, wait time.Duration) {
	if wait <= 0 {
		return
	}
	m.pulse.expect(wait + stepWithin)
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
	case <-m.wake:
	case <-ctx.Done():
	}
}

// note records the outcome of a look and returns how long to wait for the next. What failed is tried again soon, then ever
// more slowly, but always often enough that an outage hides resources for little longer than it lasts. A change of the
// error is logged, not each repetition.
func (m *mirror) note(err error) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	wait := m.cfg.Poll
	switch {
	case err != nil:
		wait = min(firstDelay<<min(m.last.Failures, 20), max(slowestLook, m.cfg.Poll))
		wait = max(wait, min(calendar.RetryAfter(err), longestDelay))
		if m.last.Error == nil || calendar.KindOf(m.last.Error) != calendar.KindOf(err) {
			m.log.Warn("mirror: reading failed", "kind", calendar.KindOf(err).String(), "error", err)
		}
		m.last.Failures++
		m.last.Error = err
	case m.last.Error != nil:
		m.log.Info("mirror: reading works again", "failures", m.last.Failures)
		m.last.Failures, m.last.Error = 0, nil
	}
	wait = jitter(wait)
	if err == nil && !m.recheck.IsZero() {
		wait = min(wait, max(m.recheck.Sub(m.cfg.Now()), 0))
	}
	m.last.Next = m.cfg.Now().Add(wait)
	return wait
}

// noteOdd counts the busy events whose times make no sense, and logs when their number changes: only a person can mend them.
func (m *mirror) noteOdd(events []calendar.Event) {
	n := 0
	for _, e := range events {
		if e.Odd && e.Busy {
			n++
		}
	}
	m.mu.Lock()
	changed := m.last.Odd != n
	m.last.Odd = n
	m.mu.Unlock()
	if changed {
		m.log.Warn("mirror: events whose times make no sense; they block what they may", "events", n)
	}
}

// noteFreeDays counts the all-day events that are not over and block nothing because they are marked as free. That is
// often right, and then nobody wants to read of it in a log.
func (m *mirror) noteFreeDays(events []calendar.Event, now time.Time) {
	n := 0
	for _, e := range events {
		if e.FreeDay && e.Interval.End > now.Unix() {
			n++
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last.FreeDays = n
}

// window returns what the mirror should cover now: whole UTC days, so that it moves once a day.
func (m *mirror) window() calendar.Interval {
	now := m.cfg.Now().UTC()
	day := 24 * time.Hour
	start := now.Truncate(day).Add(-day)
	end := now.Add(m.cfg.Ahead).Truncate(day).Add(2 * day)
	return calendar.Between(start, end)
}

// look asks whether the calendar changed and reads it if so.
func (m *mirror) look(ctx context.Context) error {
	if !m.loaded {
		if err := m.load(ctx); err != nil {
			return err
		}
	}
	window := m.window()
	begun := m.cfg.Now()
	asked := m.takeFull()
	full := asked || !m.read || m.state.Window != window
	if !m.recheck.IsZero() && !begun.Before(m.recheck) {
		full, m.recheck = true, time.Time{}
	}
	if full {
		if err := m.gate.enter(ctx, &m.pulse); err != nil {
			return err
		}
		defer m.gate.leave()
	}
	pushed := m.takePushed()
	cursor := m.state.Cursor
	if m.state.Window != window {
		cursor = "" // a cursor may belong to its window
	}
	change, err := m.changed(ctx, window, cursor)
	if err == nil {
		m.judgeDrift(change, begun)
	}
	if err == nil && !change.Changed && !full {
		m.state.Cursor = change.Cursor
		m.cfg.Store.MarkChecked(m.id, begun)
		if pushed && m.recheck.IsZero() {
			m.recheck = begun.Add(pushLag)
		}
		return nil
	}
	if err == nil && !pushed && !full {
		m.noticed(m.id, begun)
	}
	m.quiet = asked && m.swept && cursor != "" && !change.Changed
	if err == nil && !full {
		if err := m.gate.enter(ctx, &m.pulse); err != nil {
			return err
		}
		defer m.gate.leave()
	}
	if err == nil {
		err = m.readWhole(ctx, window, change.Cursor)
	}
	if err != nil && full {
		m.nudgeLater()
	}
	return err
}

// nudgeLater makes the next look a full read.
func (m *mirror) nudgeLater() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.full = true
}

func (m *mirror) load(ctx context.Context) error {
	return m.cfg.Store.View(ctx, func(r *store.Reader) error {
		state, found, err := r.Mirror(m.id)
		if err != nil {
			return fmt.Errorf("load the mirror: %w", err)
		}
		m.state, m.read, m.loaded = state, found, true
		return nil
	})
}

// changed asks the provider; a cursor that expired is replaced by a new one, which counts as changed.
func (m *mirror) changed(ctx context.Context, w calendar.Interval, cursor calendar.Cursor) (calendar.Change, error) {
	change, err := m.ask(ctx, w, cursor)
	if cursor != "" && err != nil && calendar.KindOf(err) == calendar.Expired {
		m.state.Cursor = ""
		change, err = m.ask(ctx, w, "")
		change.Changed = true
	}
	return change, err
}

func (m *mirror) ask(ctx context.Context, w calendar.Interval, cursor calendar.Cursor) (change calendar.Change, err error) {
	err = m.gate.doWithin(ctx, &m.pulse, callTimeout, func(ctx context.Context) error {
		change, err = m.source.Changed(ctx, m.id.Calendar(), w, cursor)
		return err
	})
	return change, err
}

// readWhole reads the window until a read is known to be of one moment, and stores it with cursor, which is older than
// the read: what changes in between is seen again, never missed.
func (m *mirror) readWhole(ctx context.Context, window calendar.Interval, cursor calendar.Cursor) error {
	var previous []calendar.Event
	for try := range readTries {
		begun := m.cfg.Now()
		snap, err := m.readOnce(ctx, window)
		if err != nil {
			return err
		}
		steady := snap.Pages <= 1
		switch {
		case steady:
		case cursor != "":
			// Between two pages an event can move from one to the other and be seen in neither; twice in a row, when it
			// moves to and fro. So equal reads prove nothing where there is a cursor to ask.
			change, err := m.changed(ctx, window, cursor)
			if err != nil {
				return err
			}
			steady, cursor = !change.Changed, change.Cursor
			m.quiet = m.quiet && steady
		default:
			// Without a cursor, two equal reads in a row are the best there is.
			steady = try > 0 && sameEvents(previous, snap.Events)
			previous = snap.Events
		}
		if steady {
			return m.commit(ctx, snap, cursor, begun)
		}
	}
	return fmt.Errorf("read the window: %w", errRestless)
}

var errRestless = errors.New("the calendar kept changing while it was read")

func (m *mirror) readOnce(ctx context.Context, window calendar.Interval) (snap calendar.Snapshot, err error) {
	err = m.gate.doWithin(ctx, &m.pulse, callTimeout, func(ctx context.Context) error {
		snap, err = m.source.Read(ctx, m.id.Calendar(), window)
		return err
	})
	if err == nil && !snap.Window.Covers(window) {
		err = errShort
	}
	return snap, err
}

// errShort is an answer that leaves a part of what was asked about open.
var errShort = &calendar.Error{Kind: calendar.Unclear, Op: "read window", Reason: "the snapshot does not cover the window"}

// commit swaps the mirror and reconciles our own events with it.
func (m *mirror) commit(ctx context.Context, snap calendar.Snapshot, cursor calendar.Cursor, begun time.Time) error {
	var own []store.OwnEvent
	var was *calendar.Busy
	err := m.cfg.Store.View(ctx, func(r *store.Reader) (err error) {
		// The index is newer than the read, so whatever of ours the read can have seen is in it.
		if own, err = r.OwnEvents(m.id); err != nil {
			return err
		}
		was, err = r.Busy(m.id)
		return err
	})
	if err != nil {
		return fmt.Errorf("store the snapshot: %w", err)
	}
	busy, present := sort(snap, own, m.cfg.Store.ID())
	m.noteOdd(snap.Events)
	m.noteFreeDays(snap.Events, begun)
	state := store.Mirror{Cursor: cursor, Window: snap.Window, ReadAt: begun, Events: len(snap.Events)}
	if err = m.swap(ctx, busy, state); err != nil {
		return fmt.Errorf("store the snapshot: %w", err)
	}
	if m.quiet {
		m.compareDrift(was, busy)
	}
	m.swept = true
	if !m.read {
		m.log.Info("mirror: first snapshot", "events", len(snap.Events), "busy", len(busy.Foreign))
	}
	m.state, m.read = state, true
	m.cfg.Store.MarkChecked(m.id, begun)
	if gathering, err := m.recovery.read(ctx, m.id, snap); gathering {
		if err != nil {
			m.nudgeLater()
		}
		return err
	}
	later, err := m.reconcile(ctx, reading{begun: begun, window: snap.Window, busy: busy, present: present}, own)
	if later {
		m.recheck = m.cfg.Now().Add(lagCheck)
	}
	if err == nil {
		err = m.recovery.reconciled(ctx, m.id)
	}
	if err != nil {
		m.nudgeLater() // the cursor says "nothing changed" from here on, and yet this snapshot is needed again
		return err
	}
	return nil
}

// swap stores a snapshot, with what live reads found since it was begun.
func (m *mirror) swap(ctx context.Context, busy *calendar.Busy, state store.Mirror) error {
	return m.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		// Who gets the document conflicts with a live read that adds to it meanwhile, and then sees what that found.
		if _, err := tx.Busy(m.id); err != nil {
			return err
		}
		all := *busy
		for _, found := range m.live.since(state.ReadAt) {
			addBusy(&all, found)
		}
		tx.PutSnapshot(m.id, &all, state)
		return nil
	})
}
