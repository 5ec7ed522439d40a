package syncer

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"slotd/internal/calendar"
)

// gate lets the calls of one account through: at most so many at once and in a minute, and none before the time that the
// provider asked us to wait for.
type gate struct {
	slots chan struct{}
	// whole holds one for each calendar that is read whole just now, from the first question to the commit.
	whole chan struct{}
	rate  *rate.Limiter
	now   func() time.Time

	mu        sync.Mutex // guards the fields below; never held while waiting
	notBefore time.Time
	refusals  int // consecutive, without a Retry-After
}

func newGate(concurrency, perMinute int, now func() time.Time) *gate {
	concurrency, perMinute = max(concurrency, 1), max(perMinute, 1)
	return &gate{
		slots: make(chan struct{}, concurrency),
		whole: make(chan struct{}, concurrency),
		rate:  rate.NewLimiter(rate.Limit(float64(perMinute)/60), max(concurrency, perMinute/6)),
		now:   now,
	}
}

// Waits after a refusal that named no time.
const (
	firstRefusal = 2 * time.Second
	longestWait  = 2 * time.Minute
)

// errClosed is why a call with a deadline was not made: the provider asked to be left alone for longer.
var errClosed = errors.New("the provider asked to wait longer than the call can")

// do runs call when its turn comes, and returns its error or that of ctx.
func (g *gate) do(ctx context.Context, call func(context.Context) error) error {
	if g.closedFor(ctx) {
		return errClosed
	}
	select {
	case g.slots <- struct{}{}:
		defer func() { <-g.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := g.rate.Wait(ctx); err != nil {
		return err
	}
	for { // last, because another call may have been refused while this one waited for the rate
		if g.closedFor(ctx) {
			return errClosed
		}
		wait := g.wait()
		if wait <= 0 {
			break
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
	err := call(ctx)
	g.learn(err)
	return err
}

// doWithin is do for a call that is broken off after limit. p shows that the loop of the caller moves on.
func (g *gate) doWithin(ctx context.Context, p *pulse, limit time.Duration, call func(context.Context) error) error {
	p.rest()
	defer p.expect(stepWithin)
	return g.do(ctx, func(ctx context.Context) error {
		p.expect(limit + stepWithin)
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		return call(ctx)
	})
}

// enter waits until few enough calendars of the account are read whole: many that are due at once would keep all that
// they have read in memory, and short questions would queue behind them. Who enters must leave.
func (g *gate) enter(ctx context.Context, p *pulse) error {
	p.rest()
	defer p.expect(stepWithin)
	select {
	case g.whole <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *gate) leave() { <-g.whole }

// closedFor reports whether the gate opens only after the deadline of a call.
func (g *gate) closedFor(ctx context.Context) bool {
	deadline, bounded := ctx.Deadline()
	return bounded && g.wait() > time.Until(deadline)
}

func (g *gate) wait() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.notBefore.Sub(g.now())
}

// learn closes the gate for as long as a throttled call asked.
func (g *gate) learn(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err == nil {
		g.refusals = 0
		return
	}
	if calendar.KindOf(err) != calendar.Throttled {
		return
	}
	wait := calendar.RetryAfter(err)
	if wait <= 0 {
		wait = min(firstRefusal<<min(g.refusals, 10), longestWait)
		wait = jitter(wait)
		g.refusals++
	}
	if until := g.now().Add(wait); until.After(g.notBefore) {
		g.notBefore = until
	}
}

// sleep waits for d or the end of ctx, whose error it then returns.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
