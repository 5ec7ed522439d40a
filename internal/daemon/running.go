package daemon

import (
	"context"
	"net/http"
	"sync"

	"github.com/robfig/cron/v3"
)

// running is what runs of the parts.
type running struct {
	public, admin http.Handler
	requests      sync.WaitGroup // public ones that are being answered
	cancel        context.CancelFunc
	syncer        sync.WaitGroup
	clock         *cron.Cron
}

// start starts the syncer and the clock. They run until stop is called, also when ctx has ended.
func (p *parts) start(ctx context.Context) {
	ctx, p.run.cancel = context.WithCancel(context.WithoutCancel(ctx))
	p.listBookings(ctx)
	p.run.syncer.Go(func() { p.syncer.Run(ctx) })
	p.startNotifier(ctx)
	p.run.syncer.Go(p.warn) // nobody waits for it
	p.run.clock = p.startClock(ctx)
}

// stop breaks off the calls that are under way and returns when nothing of start runs any more.
func (p *parts) stop() {
	p.run.cancel()
	<-p.run.clock.Stop().Done()
	p.run.syncer.Wait()
}
