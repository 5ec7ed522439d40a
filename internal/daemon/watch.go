package daemon

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/robfig/cron/v3"
)

// health is what is known of the things that slotd stands on. It outlives a reload.
type health struct {
	storage *storage
	clocks  *clocks
	backups *backups
	// retention is how the last removal of old records went.
	retention retention

	mu    sync.Mutex // guards known; never held while anything is asked
	known map[string]bool
}

// newHealth is made before the store is opened, whose commits it hears of; the backups come with the store.
func newHealth(storePath string) *health {
	return &health{storage: newStorage(storePath), clocks: newClocks(), known: map[string]bool{}}
}

// watch looks at the daemon's state and logs each problem twice: when it begins and when it is over. Status and metrics
// show what lies between.
func (p *parts) watch(ctx context.Context) {
	p.host.health.backups.look()
	_, problems, err := p.survey(ctx)
	if err != nil {
		if ctx.Err() == nil {
			p.log.Error("looking at the daemon's own state failed", "error", err)
		}
		return
	}
	begun, over := p.host.health.compare(problems)
	for _, problem := range begun {
		p.log.Warn("problem", "about", problem.key, "problem", problem.text)
	}
	for _, key := range over {
		p.log.Info("problem over", "about", key)
	}
}

// compare returns what was not known before and what is no more.
func (h *health) compare(problems []problem) (begun []problem, over []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := map[string]bool{}
	for _, problem := range problems {
		if problem.key == "" || now[problem.key] {
			continue
		}
		now[problem.key] = true
		if !h.known[problem.key] {
			begun = append(begun, problem)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(h.known)) {
		if !now[key] {
			over = append(over, key)
		}
	}
	h.known = now
	return begun, over
}

// startWatch has the daemon look at itself each minute, and makes the scheduled copies; at the start also one that was
// missed.
func (p *parts) startWatch(ctx context.Context, c *cron.Cron) {
	c.Schedule(cron.Every(time.Minute), cron.FuncJob(func() { p.watch(ctx) }))
	copies := p.host.health.backups
	copies.configure(p.cfg)
	if p.cfg.Backup.Directory == "" {
		return
	}
	job := cron.FuncJob(func() {
		made, err := copies.scheduled(ctx)
		switch {
		case err == nil:
			p.log.Info("backup made", "path", made.Path, "bytes", made.Size, "bookings", made.Bookings)
		case ctx.Err() == nil:
			p.log.Error("backup failed", "error", err)
		}
	})
	c.Schedule(dailyOf(p.cfg), job)
	if copies.due(time.Now()) {
		c.Schedule(&once{}, job)
	}
}

// once is the schedule of a job that runs once, right after the start.
type once struct{ asked bool }

// Next implements cron.Schedule; the zero time means never.
func (o *once) Next(now time.Time) time.Time {
	if o.asked {
		return time.Time{}
	}
	o.asked = true
	return now.Add(time.Second)
}
