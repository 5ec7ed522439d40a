package syncer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"slotd/internal/calendar"
	"slotd/store"
)

// Bounds of a live read.
const (
	liveTimeout  = 700 * time.Millisecond // a customer waits for it
	liveRemember = 10 * time.Minute       // longer than a read of the window takes
	liveFailures = 3                      // in a row, before a calendar is not asked for a while
	liveRest     = 30 * time.Second
)

// Errors of a live read, beside those of the provider.
var (
	errResting = errors.New("the last live reads failed; the calendar is not asked for a while")
	errNoLive  = errors.New("the calendar is not mirrored")
	errPages   = errors.New("the answer has several pages, which need not be of one moment")
)

// Outcomes of live reads, as they are counted. A question that another read answers is none.
const (
	LiveKnown    = "known"     // the mirror knew all that is there
	LiveBehind   = "behind"    // something is there that the mirror did not know
	LiveFailed   = "failed"    // the provider refused, or its answer was no use
	LiveLate     = "late"      // no answer in time
	LiveNotAsked = "not_asked" // after failures, or while the provider wants to be left alone
)

// LiveOutcomes returns all outcomes of live reads.
func LiveOutcomes() []string {
	return []string{LiveKnown, LiveBehind, LiveFailed, LiveLate, LiveNotAsked}
}

// live are the reads of single times that confirms asked for. What one finds blocks at once; that it finds nothing says only
// that nothing was there, and frees nothing.
type live struct {
	turn chan struct{} // one slot: one read at a time

	mu       sync.Mutex // guards the fields below; never held across a call
	reads    []*liveRead
	failures int
	rest     time.Time // no read before
}

// liveRead is what one read found.
type liveRead struct {
	span   calendar.Interval
	begun  time.Time
	found  *calendar.Busy
	stored bool // what it found is in the busy document; only then it is an answer
}

func newLive() *live { return &live{turn: make(chan struct{}, 1)} }

// Verify reads a time of a calendar at the provider, at most for 700 ms, unless that was done since the given time. What is
// there blocks from now on. After it returned nil, Verified says so. It is the only call to a provider that a customer waits
// for. An error means that nothing new is known.
func (s *Syncer) Verify(ctx context.Context, id calendar.ID, span calendar.Interval, since time.Time) error {
	m := s.mirrors[id]
	if m == nil {
		return fmt.Errorf("read %s live: %w", id, errNoLive)
	}
	ctx, cancel := context.WithTimeout(ctx, liveTimeout)
	defer cancel()
	select {
	case m.live.turn <- struct{}{}:
		defer func() { <-m.live.turn }()
	case <-ctx.Done():
		return fmt.Errorf("wait to read %s live: %w", id, ctx.Err())
	}
	if at := m.live.verified(span); !at.IsZero() && !at.Before(since) {
		return nil // somebody else asked the same while we waited
	}
	outcome, err := m.readLive(ctx, span)
	if s.cfg.LiveRead != nil {
		s.cfg.LiveRead(id.Account(), outcome)
	}
	if err != nil {
		return fmt.Errorf("read %s live: %w", id, err)
	}
	return nil
}

// Verified returns when the newest live read of a calendar began that covers the span; zero when there was none lately.
func (s *Syncer) Verified(id calendar.ID, span calendar.Interval) time.Time {
	if m := s.mirrors[id]; m != nil {
		return m.live.verified(span)
	}
	return time.Time{}
}

// readLive reads a span, adds what it finds to the busy document, and returns what is to be counted.
func (m *mirror) readLive(ctx context.Context, span calendar.Interval) (outcome string, err error) {
	begun := m.cfg.Now()
	if m.live.resting(begun) {
		return LiveNotAsked, errResting
	}
	snap, err := m.askLive(ctx, span)
	switch took := m.cfg.Now().Sub(begun); {
	case errors.Is(err, errClosed):
		return LiveNotAsked, err // which says nothing about the calendar
	case err != nil && ctx.Err() != nil && took < liveTimeout/2:
		return LiveLate, err // the customer had no more time left, or has gone: nor does this
	}
	m.live.learn(err, m.cfg.Now())
	if err != nil {
		tell(m.cfg.ReadFailed, m.id, err)
		if ctx.Err() != nil {
			return LiveLate, err
		}
		return LiveFailed, err
	}
	found, err := m.sortLive(ctx, snap)
	if err != nil {
		return LiveFailed, err
	}
	// First it is remembered, then stored: a snapshot that is being stored takes what is remembered along, or is stored again.
	read := &liveRead{span: span, begun: begun, found: found}
	m.live.add(read, m.cfg.Now())
	behind, err := m.block(ctx, found)
	if err != nil {
		return LiveFailed, err
	}
	m.live.answer(read)
	if behind {
		m.nudge(false) // the next look reads it whole
		return LiveBehind, nil
	}
	return LiveKnown, nil
}

// askLive asks the provider.
func (m *mirror) askLive(ctx context.Context, span calendar.Interval) (snap calendar.Snapshot, err error) {
	err = m.gate.do(ctx, func(ctx context.Context) (err error) {
		snap, err = m.source.Read(ctx, m.id.Calendar(), span)
		return err
	})
	switch {
	case err != nil:
		return snap, err
	case !snap.Window.Covers(span):
		return snap, errShort
	case snap.Pages > 1:
		return snap, errPages
	}
	return snap, nil
}

// sortLive tells foreign events from ours in what was read. They are cut to the window of the mirror, as a snapshot cuts
// them, not to the span that was asked about.
func (m *mirror) sortLive(ctx context.Context, snap calendar.Snapshot) (found *calendar.Busy, err error) {
	err = m.cfg.Store.View(ctx, func(r *store.Reader) error {
		own, err := r.OwnEvents(m.id)
		if err != nil {
			return err
		}
		busy, err := r.Busy(m.id)
		if err != nil {
			return err
		}
		if busy == nil {
			return errNoLive
		}
		snap.Window = busy.Window
		found, _ = sort(snap, own, m.cfg.Store.ID())
		return nil
	})
	return found, err
}

// block adds busy time to the busy document, unless it is there. It never takes any away: that is for complete reads.
func (m *mirror) block(ctx context.Context, found *calendar.Busy) (added bool, err error) {
	if len(found.Foreign)+len(found.Own) == 0 {
		return false, nil
	}
	err = m.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		busy, err := tx.Busy(m.id)
		if err != nil || busy == nil {
			return err
		}
		if added = addBusy(busy, found); added {
			tx.PutBusy(m.id, busy)
		}
		return nil
	})
	return added, err
}

// addBusy adds what is missing of more to a busy document, cut to its window, and reports whether that changed anything.
func addBusy(busy, more *calendar.Busy) (added bool) {
	for _, s := range more.Foreign {
		s = cut(s, busy.Window)
		i := calendar.FirstOverlap(busy.Foreign, s.Start)
		if s.Empty() || i < len(busy.Foreign) && busy.Foreign[i].Covers(s) {
			continue
		}
		busy.Foreign = calendar.Union(append(slices.Clone(busy.Foreign), s))
		added = true
	}
	for _, o := range more.Own {
		o.Interval = cut(o.Interval, busy.Window)
		known := slices.ContainsFunc(busy.Own, func(k calendar.Own) bool {
			return k.Booking == o.Booking && k.Covers(o.Interval)
		})
		if o.Empty() || known {
			continue
		}
		busy.Own = append(slices.Clone(busy.Own), o)
		added = true
	}
	return added
}

// verified returns when the newest read began that covers the span.
func (l *live) verified(span calendar.Interval) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	var at time.Time
	for _, r := range l.reads {
		if r.stored && r.span.Covers(span) && r.begun.After(at) {
			at = r.begun
		}
	}
	return at
}

func (l *live) add(r *liveRead, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reads = append(slices.DeleteFunc(l.reads, func(old *liveRead) bool {
		return now.Sub(old.begun) >= liveRemember
	}), r)
}

// answer makes a read an answer: what it found is stored.
func (l *live) answer(r *liveRead) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.stored = true
}

// since returns what reads found that began no earlier than a snapshot: it may be newer than what the snapshot saw.
func (l *live) since(begun time.Time) []*calendar.Busy {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []*calendar.Busy
	for _, r := range l.reads {
		if !r.begun.Before(begun) {
			out = append(out, r.found)
		}
	}
	return out
}

func (l *live) resting(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return now.Before(l.rest)
}

// learn opens the breaker after several failures in a row: a provider that does not answer is not asked by each customer.
// After the rest one failure opens it again.
func (l *live) learn(err error, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		l.failures = 0
		return
	}
	if l.failures++; l.failures >= liveFailures {
		l.rest = now.Add(liveRest)
	}
}
