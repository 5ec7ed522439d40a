package syncer

import (
	"sync"
	"time"

	"slotd/internal/calendar"
)

// stepWithin bounds what a loop does between two calls to a provider. It is far more than that takes: a restart for
// nothing is worse than one that comes late.
const stepWithin = 2 * time.Minute

// pulse shows whether a loop moves on. Before each step the loop says by when it will be over; a loop that is late hangs.
// It uses the process's own clock, so that a host whose wall clock is set does not seem to hang.
type pulse struct {
	mu  sync.Mutex
	due time.Time // zero: the loop does not run, or waits for its turn at the provider, which may take any time
}

// expect says that the loop moves on within d.
func (p *pulse) expect(d time.Duration) { p.set(time.Now().Add(d)) }

// rest says that nothing is expected of the loop.
func (p *pulse) rest() { p.set(time.Time{}) }

func (p *pulse) set(due time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.due = due
}

func (p *pulse) stuck(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.due.IsZero() && now.After(p.due)
}

// Stuck names a loop that does not move on although its calls are bounded: the mirror of a calendar, the write-back as a
// whole or to one calendar. It is "" while all loops move; a provider that fails or hangs stops none.
func (s *Syncer) Stuck() string {
	now := time.Now()
	for id, m := range s.mirrors {
		if m.pulse.stuck(now) {
			return "the mirror of " + string(id)
		}
	}
	if s.outbox.stuck(now) {
		return "the outbox"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for cal, p := range s.writers {
		if p.stuck(now) {
			return "writing to " + string(cal)
		}
	}
	return ""
}

// writer returns the pulse of writing to a calendar. Its worker is the only one at a time.
func (s *Syncer) writer(cal calendar.ID) *pulse {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.writers[cal]
	if p == nil {
		p = &pulse{}
		s.writers[cal] = p
	}
	return p
}
