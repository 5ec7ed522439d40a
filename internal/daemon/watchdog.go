package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"slotd/internal/account"
	"slotd/store"
)

// statusEvery is the time between two status texts where there is no watchdog.
const statusEvery = 30 * time.Second

// notify tells the service manager.
func (h *host) notify(state string) {
	if h.o.Notify != nil {
		h.o.Notify(state)
	}
}

// tellReady ends a start or a reload.
func (h *host) tellReady(ctx context.Context) {
	if h.o.Notify == nil {
		return
	}
	// With a bound, because a store that hangs must not hold up a start without a word.
	summary := make(chan string, 1)
	if within(ctx, time.Second, func() { summary <- h.summary(ctx) }) {
		h.notify(daemon.SdNotifyReady + "\nSTATUS=" + <-summary)
		return
	}
	h.notify(daemon.SdNotifyReady)
}

// watch tells the service manager again and again how we are, and that we live while all that matters does.
func (h *host) watch(ctx context.Context) {
	if h.o.Notify == nil {
		return
	}
	every := statusEvery
	if h.o.Watchdog > 0 {
		every = h.o.Watchdog / 3
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	looks := make(chan look, 1)
	looking := false
	for {
		select {
		case <-ctx.Done():
			return
		case l := <-looks:
			looking = false
			h.report(ctx, l)
		case <-tick.C:
			if looking {
				h.log.Error("watchdog: we hang; no sign of life is given", "error", "the look at our own health does not end")
				continue
			}
			looking = true
			go func() { looks <- h.look(ctx, every) }() // its end is not waited for: what it looks at may hang
		}
	}
}

// look is one look at our own health.
type look struct {
	err     error
	summary string
}

func (h *host) look(ctx context.Context, limit time.Duration) look {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	l := look{err: h.healthy(ctx)}
	if l.err == nil {
		l.summary = h.summary(ctx)
		l.err = ctx.Err() // right, and too late
	}
	return l
}

func (h *host) report(ctx context.Context, l look) {
	switch {
	case ctx.Err() != nil:
	case l.err != nil:
		h.log.Error("watchdog: we hang; no sign of life is given", "error", l.err)
	case h.o.Watchdog > 0:
		h.notify(daemon.SdNotifyWatchdog + "\nSTATUS=" + l.summary)
	default:
		h.notify("STATUS=" + l.summary)
	}
}

// healthy asks everything without which there is no point in going on. A provider that fails, an account that needs a
// person or a full disk is none of that: a restart would not mend it.
func (h *host) healthy(ctx context.Context) error {
	if err := h.store.View(ctx, func(*store.Reader) error { return nil }); err != nil {
		return fmt.Errorf("read the store: %w", err)
	}
	if err := h.store.Update(ctx, func(*store.Tx) error { return nil }); err != nil {
		return fmt.Errorf("update the store: %w", err)
	}
	for _, s := range h.servers {
		// The admin address has no such route; any answer will do.
		status, err := s.listener.probe(ctx)
		if err == nil && s == h.servers[0] && status != http.StatusOK {
			err = fmt.Errorf("status %d", status)
		}
		if err != nil {
			return fmt.Errorf("ask ourselves at %s: %w", s.listener.Addr(), err)
		}
	}
	if loop := h.now().syncer.Stuck(); loop != "" {
		return errors.New("the loop of " + loop + " does not move")
	}
	return nil
}

// summary is one line about how we are, such as "2 calendars fresh, outbox empty".
func (h *host) summary(ctx context.Context) string {
	p := h.now()
	all, fresh := 0, 0
	for _, m := range p.syncer.Status() {
		all++
		if p.desk.Fresh(m.Calendar) {
			fresh++
		}
	}
	text := fmt.Sprintf("%d calendars fresh", all)
	if fresh < all {
		text = fmt.Sprintf("%d of %d calendars fresh", fresh, all)
	}
	waiting := 0
	err := h.store.View(ctx, func(r *store.Reader) error {
		due, err := r.DueMarks(outboxShown)
		waiting = len(due)
		return err
	})
	switch {
	case err != nil:
		text += ", outbox unknown"
	case waiting == 0:
		text += ", outbox empty"
	default:
		text += fmt.Sprintf(", outbox: %d waiting", waiting)
	}
	for _, a := range p.accounts {
		if a.Status().State == account.StateNeedsPerson {
			text += ", account " + a.Name() + " needs a person"
		}
	}
	if h.problem() != "" {
		text += ", the config on disk was refused"
	}
	return text
}
