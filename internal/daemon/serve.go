package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"slotd/internal/admin"
)

// Bounds of the HTTP servers.
const (
	readHeaderWithin = 5 * time.Second
	readWithin       = 10 * time.Second
	writeWithin      = 15 * time.Second
	idleWithin       = 2 * time.Minute
	drainWithin      = time.Second      // for connections that may still bring a request
	stopWithin       = 10 * time.Second // for requests that run
	maxHeader        = 16 << 10
)

// startClock starts what is bound to the clock: the flush of the freshness, and the nightly full read of all calendars.
func (p *parts) startClock(ctx context.Context) *cron.Cron {
	logger := cronLog{p.log}
	// Recover comes last, which is innermost: a panic must not leave the job marked as running.
	c := cron.New(cron.WithLocation(p.cfg.Business.Zone), cron.WithLogger(logger),
		cron.WithChain(cron.SkipIfStillRunning(logger), cron.Recover(logger)))
	c.Schedule(cron.Every(time.Minute), cron.FuncJob(func() {
		if err := p.store.FlushChecked(ctx); err != nil && ctx.Err() == nil {
			p.log.Error("flushing the freshness failed", "error", err)
		}
	}))
	// Not at the full hour, when everybody asks, and not between 1 and 3, when clocks change.
	night, err := cron.ParseStandard("17 4 * * *")
	if err == nil {
		c.Schedule(night, cron.FuncJob(p.syncer.ReadAll))
	}
	p.startChannels(c)
	p.startWatch(ctx, c)
	p.startRetention(ctx, c)
	c.Start()
	return c
}

// cronLog gives cron's messages to our log; its routine ones are noise.
type cronLog struct{ log *slog.Logger }

func (l cronLog) Info(msg string, kv ...any) { l.log.Debug("cron", append(kv, "did", msg)...) }

func (l cronLog) Error(err error, msg string, kv ...any) {
	l.log.Error("cron", append(kv, "did", msg, "error", err)...)
}

// listen opens an address of the config, host:port or "unix:" and a path, unless a listener was given.
func listen(ctx context.Context, given net.Listener, address string) (net.Listener, error) {
	var open net.ListenConfig
	if given != nil {
		return given, nil
	}
	path, ok := strings.CutPrefix(address, "unix:")
	if !ok {
		l, err := open.Listen(ctx, "tcp", address)
		if err != nil {
			return nil, fmt.Errorf("listen on %s (is another slotd running?): %w", address, err)
		}
		return l, nil
	}
	// A socket that a killed process left behind would be in the way. The store's lock says that nobody uses it.
	if info, err := os.Stat(path); err == nil && info.Mode()&os.ModeSocket != 0 {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("remove the old socket: %w", err)
		}
	}
	l, err := open.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("protect the admin socket: %w", err), l.Close())
	}
	return l, nil
}

func (p *parts) adminHandler() http.Handler {
	return admin.Handler(admin.Config{
		Desk: p.desk, Store: p.store, Status: p.status, Metrics: p.o.metrics, Log: p.log, Now: time.Now,
		Accounts: p.commands, SignIns: signIns{&p.host.signIns},
		Backup: p.host.health.backups.make, Doctor: p.doctor,
		Forget: p.forget, Notices: notices{p},
	})
}
