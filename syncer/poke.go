package syncer

import (
	"context"
	"sync"
	"time"

	"slotd/internal/calendar"
)

// pokeEvery is the least time between two looks at a calendar that messages cause. The first comes at once.
const pokeEvery = time.Second

// pokes turns messages about calendars into looks: a storm of messages is few looks, and the last message is followed by
// one.
type pokes struct {
	now   func() time.Time
	nudge func(cal calendar.ID, full bool)
	wake  chan struct{} // one slot

	mu      sync.Mutex // guards the fields below; never held across a call
	last    map[calendar.ID]time.Time
	pending map[calendar.ID]bool // → whether the window is to be read whatever the cursor says
}

func newPokes(now func() time.Time, nudge func(calendar.ID, bool)) *pokes {
	return &pokes{
		now: now, nudge: nudge, wake: make(chan struct{}, 1), last: map[calendar.ID]time.Time{},
		pending: map[calendar.ID]bool{},
	}
}

// poke asks for a look at a calendar, now or as soon as the last one is long enough ago. It never blocks.
func (p *pokes) poke(cal calendar.ID, full bool) {
	if p.early(cal, full) {
		return
	}
	p.nudge(cal, full)
}

// early puts a look off when it would come too early, and reports that.
func (p *pokes) early(cal calendar.ID, full bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if since := now.Sub(p.last[cal]); since >= pokeEvery || since < 0 { // below 0: the clock was set back
		p.last[cal] = now
		return false
	}
	p.pending[cal] = p.pending[cal] || full
	select {
	case p.wake <- struct{}{}:
	default:
	}
	return true
}

// run makes the looks that were put off, until ctx ends.
func (p *pokes) run(ctx context.Context) {
	for {
		wait, any := p.due()
		if !any {
			select {
			case <-p.wake:
				continue
			case <-ctx.Done():
				return
			}
		}
		if sleep(ctx, wait) != nil {
			return
		}
	}
}

// due makes the looks whose time has come, and returns the time until the next.
func (p *pokes) due() (wait time.Duration, any bool) {
	p.mu.Lock()
	now := p.now()
	ready := map[calendar.ID]bool{}
	wait = pokeEvery
	for cal, full := range p.pending {
		left := p.last[cal].Add(pokeEvery).Sub(now)
		if left <= 0 || left > pokeEvery {
			ready[cal] = full
			p.last[cal] = now
			delete(p.pending, cal)
			continue
		}
		wait, any = min(wait, left), true
	}
	p.mu.Unlock()
	for cal, full := range ready {
		p.nudge(cal, full)
	}
	return wait, any
}
