package syncer

import (
	"context"
	"math"
	"sync"
	"time"

	"slotd/internal/calendar"
	"slotd/store"
)

// Bounds of the write-back.
const (
	outboxPage   = 1000            // marks of one calendar handed to its worker at once
	outboxIdle   = time.Minute     // longest wait between two rounds
	writeTimeout = 1 * time.Minute // one call
	// furthest is more than any time for which a mark is put off, the day that a provider may ask for included. What is due
	// later was put off while the clock was ahead.
	furthest = 25 * time.Hour
)

// runOutbox hands due marks to one worker per calendar until ctx ends, then waits for the workers.
func (s *Syncer) runOutbox(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	lanes := map[calendar.ID]*lane{}
	done := make(chan outcome)
	defer s.outbox.rest()
	for {
		s.outbox.expect(stepWithin)
		wait := s.startDue(ctx, lanes, func(cal calendar.ID, marks []store.OutboxID) {
			wg.Go(func() {
				err := s.write(ctx, cal, marks)
				select {
				case done <- outcome{cal, err}:
				case <-ctx.Done():
				}
			})
		})
		s.outbox.expect(wait + stepWithin)
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-s.wake:
		case o := <-done:
			lanes[o.cal].finished(o.err, s.cfg.Now())
		case <-ctx.Done():
			t.Stop()
			return
		}
		t.Stop()
	}
}

// lane is the write-back of one calendar: one worker at a time, and a rest after a failure, also after one of our own
// store that could not even postpone the mark.
type lane struct {
	busy     bool
	failures int
	rest     time.Time // no worker before
}

type outcome struct {
	cal calendar.ID
	err error
}

func (l *lane) finished(err error, now time.Time) {
	l.busy = false
	if err == nil {
		l.failures = 0
		return
	}
	l.rest = now.Add(min(firstDelay<<min(l.failures, 10), outboxIdle))
	l.failures++
}

// startDue calls start for each calendar that has due marks and no worker, and returns how long until more can be due.
func (s *Syncer) startDue(
	ctx context.Context, lanes map[calendar.ID]*lane, start func(calendar.ID, []store.OutboxID),
) time.Duration {
	if s.cfg.Store.Restoring() != nil {
		return outboxIdle // a copy is not told to calendars that know better; see recovery
	}
	now := s.cfg.Now()
	wait := outboxIdle
	due := map[calendar.ID][]store.OutboxID{}
	err := s.cfg.Store.View(ctx, func(r *store.Reader) error {
		// All of them: with a limit, the marks of one sick calendar could hide those of the others.
		marks, err := r.DueMarks(math.MaxInt)
		if err != nil {
			return err
		}
		for _, m := range marks {
			if left := m.At.Sub(now); left > 0 && left <= furthest {
				wait = min(wait, left)
				continue
			}
			b, err := r.Booking(m.Booking)
			if err != nil {
				return err
			}
			if b == nil || m.Placement >= len(b.Placements) {
				s.cfg.Log.Error("outbox: a mark without its booking", "booking", m.Booking)
				continue
			}
			cal := b.Placements[m.Placement].Calendar
			l := lanes[cal]
			if l == nil {
				l = &lane{}
				lanes[cal] = l
			}
			switch left := l.rest.Sub(now); {
			case l.busy:
			case left > 0:
				wait = min(wait, left)
			case len(due[cal]) < outboxPage:
				due[cal] = append(due[cal], m.OutboxID)
			}
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		s.cfg.Log.Error("outbox: reading the marks failed", "error", err)
		return firstDelay
	}
	for cal, marks := range due {
		lanes[cal].busy = true
		start(cal, marks)
	}
	return wait
}

// write settles the given marks of one calendar, one after the other. It stops at the first that shows that the provider
// cannot be reached now: the others would meet the same.
func (s *Syncer) write(ctx context.Context, cal calendar.ID, marks []store.OutboxID) error {
	p := s.writer(cal)
	defer p.rest()
	for _, id := range marks {
		p.expect(stepWithin)
		if stopping := ctx.Err(); stopping != nil {
			return stopping
		}
		err := s.settle(ctx, cal, id)
		s.noteWrite(cal, err)
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Syncer) noteWrite(cal calendar.ID, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing[cal] = WriteStatus{Error: err, At: s.cfg.Now()}
}

// WriteErrors returns the calendars whose last write failed.
func (s *Syncer) WriteErrors() map[calendar.ID]WriteStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[calendar.ID]WriteStatus{}
	for cal, st := range s.writing {
		if st.Error != nil {
			out[cal] = st
		}
	}
	return out
}
