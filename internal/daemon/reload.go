package daemon

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"slotd/internal/config"
	"slotd/internal/desk"
	"slotd/store"
)

// stepWithin bounds the waits of a reload for the old syncer and for requests on the old parts.
const stepWithin = 10 * time.Second

// refusedConfig is why the config on disk is not the one that is used.
type refusedConfig struct {
	at  time.Time
	err error
}

func (h *host) reloads(ctx context.Context) {
	for {
		select {
		case <-h.o.Reload: // nil: never
			h.reload(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// reload puts new parts in the place of those that serve, or leaves everything as it is.
func (h *host) reload(ctx context.Context) {
	// MONOTONIC_USEC is for units of Type=notify-reload; it comes with a line end.
	h.notify(daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec() + "STATUS=Reloading the config")
	defer h.tellReady(ctx)
	old := h.now()
	next, err := h.prepare(ctx, old.cfg)
	h.note(err)
	if err != nil {
		h.log.Error("reload: the config on disk was refused, the old one stays", "error", err)
		return
	}
	h.replace(ctx, old, next)
	h.log.Info("reloaded", "calendars", len(calendars(next.cfg.Resources)), "resources", len(next.cfg.Resources))
}

// prepare makes parts of the config on disk, or says all that is wrong with it.
func (h *host) prepare(ctx context.Context, old *config.Config) (*parts, error) {
	if h.o.Load == nil {
		return nil, errors.New("this daemon has no config on disk")
	}
	cfg, err := h.o.Load()
	if err != nil {
		return nil, err
	}
	p, err := assemble(h, cfg)
	if err = errors.Join(needsRestart(old, cfg), h.accountSecrets(ctx, cfg), err); err != nil && p != nil {
		p.close()
	}
	return p, err
}

// replace lets next take over from old. Two syncers never run at once, nor two that refresh one account's token.
func (h *host) replace(ctx context.Context, old, next *parts) {
	left := func(what string, d time.Duration, stop func()) {
		if !within(ctx, d, stop) && ctx.Err() == nil {
			// It was cancelled, so it writes nothing any more.
			h.log.Warn("reload: left behind", "what", what)
		}
	}
	left("the old syncer", stepWithin, old.stop)
	next.holdAccounts()
	next.placeAgain(ctx)
	h.swap(next)
	left("requests that began before", stepWithin, old.run.requests.Wait)
	next.placeAgain(ctx) // for what these have booked
	takeOver := sync.OnceFunc(func() { next.takeOver(old) })
	left("a refresh of an old account's access token", old.closeWithin(), func() { old.close(); takeOver() })
	if ctx.Err() == nil { // else we stop, and the old account may still save what it gets
		takeOver()
	}
	next.start(ctx)
}

// placeAgain tells the desk of what was booked since these parts were made: a resource that left the config, or that books
// into another calendar now, guards the time of its bookings by its claims until their events are mirrored.
func (p *parts) placeAgain(ctx context.Context) {
	placed, err := desk.Placed(ctx, p.store, time.Now())
	if err != nil {
		p.log.Error("reload: finding the bookings to come failed", "error", err)
		return
	}
	p.desk.Place(placed)
}

// within runs f and reports whether it returned before d or ctx ended; f goes on if not.
func within(ctx context.Context, d time.Duration, f func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-t.C:
	case <-ctx.Done():
	}
	return false
}

// needsRestart says which changes a running process cannot take over.
func needsRestart(old, next *config.Config) error {
	var errs []error
	for _, c := range []struct{ key, old, next string }{
		{"[store] path", old.Store.Path, next.Store.Path},
		{"[server] listen", old.Server.Listen, next.Server.Listen},
		{"[server] admin", old.Server.Admin, next.Server.Admin},
	} {
		if c.old != c.next {
			errs = append(errs, fmt.Errorf("%s changed from %q to %q: this needs a restart", c.key, c.old, c.next))
		}
	}
	return errors.Join(errs...)
}

// accountSecrets says which secrets of accounts cannot be read. A daemon that starts shows them as accounts that need a
// person; one that runs had better go on with what it has.
func (h *host) accountSecrets(ctx context.Context, cfg *config.Config) error {
	var errs []error
	for _, a := range cfg.Accounts {
		if err := feedSecrets(&a); err != nil {
			errs = append(errs, err)
		}
		if a.ClientSecret.Set() {
			if _, err := a.ClientSecret.Read(); err != nil {
				errs = append(errs, fmt.Errorf("account %s: client secret: %w", a.Name, err))
			}
		}
		if !a.RefreshToken.Set() {
			continue
		}
		if _, err := a.RefreshToken.Read(); err != nil && !hasToken(ctx, h.store, a.Name) {
			errs = append(errs, fmt.Errorf("account %s: refresh token: %w", a.Name, err))
		}
	}
	return errors.Join(errs...)
}

func hasToken(ctx context.Context, st *store.Store, account string) bool {
	doc, err := st.LoadToken(ctx, account)
	return err == nil && doc != nil
}

// note remembers how the last reload ended.
func (h *host) note(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refused = refusedConfig{at: time.Now(), err: err}
}

// problem says why the config on disk was refused, "" when it is the one that is used.
func (h *host) problem() string {
	h.mu.Lock()
	r, p := h.refused, h.current
	h.mu.Unlock()
	if r.err == nil {
		return ""
	}
	at := r.at.In(p.cfg.Business.Zone).Format("2006-01-02 15:04:05 MST")
	return fmt.Sprintf("the config on disk was refused at %s: %s", at, strings.ReplaceAll(r.err.Error(), "\n", "\n  "))
}
