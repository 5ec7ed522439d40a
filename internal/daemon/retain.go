package daemon

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/robfig/cron/v3"

	"slotd/internal/notify"
	"slotd/store"
)

// retainMost bounds the records that one night removes, so that the first one after a long time does not take the
// disk for itself.
const retainMost = 20_000

// retention is how the last removal of old records went. It outlives a reload.
type retention struct {
	mu     sync.Mutex // guards what follows
	failed time.Time
	err    error
}

func (r *retention) ended(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err = err; err != nil {
		r.failed = time.Now()
	}
}

// trouble says why the last removal failed, "" when it did not.
func (r *retention) trouble() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		return ""
	}
	return fmt.Sprintf("old records were not removed at %s: %v", r.failed.UTC().Format(time.RFC3339), r.err)
}

// startRetention has old records removed each night, after the copy and beside the full read.
func (p *parts) startRetention(ctx context.Context, c *cron.Cron) {
	night, err := cron.ParseStandard("43 4 * * *")
	if err != nil {
		p.log.Error("scheduling the removal of old records failed", "error", err)
		return
	}
	c.Schedule(night, cron.FuncJob(func() { p.retain(ctx) }))
}

func (p *parts) retain(ctx context.Context) {
	p.listBookings(ctx) // which as a rule was done at the start
	plan := store.Retention{
		Now: time.Now(), Bookings: p.cfg.Store.KeepBookings, Visits: p.cfg.Store.KeepVisits, Most: retainMost,
	}
	if p.notifier == nil {
		plan.Notices = notify.GiveUp // nobody will ever take them
	}
	removed, err := p.store.Retain(ctx, plan)
	if ctx.Err() != nil {
		return // the next night goes on
	}
	p.host.health.retention.ended(err)
	if err != nil {
		p.log.Error("removing old records failed", "error", err)
	}
	if removed.Any() || removed.Waiting > 0 {
		p.log.Info("old records removed", "bookings", removed.Bookings, "visits", removed.Visits, "holds", removed.Holders,
			"claims", removed.Claims, "customers", removed.Customers, "notices", removed.Notices,
			"kept_unwritten", removed.Waiting, "more", removed.More)
	}
}
