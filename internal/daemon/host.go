package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sync/errgroup"

	"slotd/internal/account"
	"slotd/store"
	"slotd/store/kv/bolt"
)

// StopWithin bounds a whole stop, from the end of the context to the return of Run, give or take a second for each thing
// that does not stop. A service manager should wait longer before it kills.
const StopWithin = 20 * time.Second

// host is what outlives a reload: the store, the listeners, and which parts serve now.
type host struct {
	o        Options
	store    *store.Store
	db       *bolt.DB
	log      *slog.Logger
	started  time.Time
	servers  []*server // the public one first
	health   *health
	stopping deadline
	signIns  account.Callbacks

	mu      sync.Mutex // guards the fields below; never held across a call
	current *parts
	refused refusedConfig
	unsound string // what the look at the database found at the start, "" for nothing
}

func newHost(o Options, st *store.Store, db *bolt.DB, w *health) *host {
	return &host{o: o, store: st, db: db, health: w, log: o.Log, started: time.Now()}
}

// run serves until ctx ends or a server fails.
func (h *host) run(ctx context.Context) error {
	p, err := assemble(h, h.o.Config)
	if err != nil {
		return errors.Join(err, h.o.Config.CheckAccountSecrets()) // which are mended in the same go
	}
	if err := h.listen(ctx); err != nil {
		p.close()
		return err
	}
	h.swap(p)
	p.start(ctx)
	servers, serving := errgroup.WithContext(ctx)
	for _, s := range h.servers {
		servers.Go(func() error { return s.run(serving) })
	}
	public, private := h.servers[0].listener.Addr(), h.servers[1].listener.Addr()
	h.log.Info("serving", "public", public.String(), "admin", private.String(), "version", h.o.Version)
	if h.o.Ready != nil {
		h.o.Ready(Running{Public: public, Admin: private, Desk: p.desk, Syncer: p.syncer, Checked: h.store.Checked, Store: h.store})
	}
	h.tellReady(serving)
	var loops sync.WaitGroup
	loops.Go(func() { h.reloads(serving) })
	loops.Go(func() { h.watch(serving) })
	loops.Go(func() { h.verify(serving) })

	<-serving.Done()
	h.notify(daemon.SdNotifyStopping + "\nSTATUS=Stopping")
	h.stopping.begin()
	err = servers.Wait()
	return errors.Join(err, h.stop(ctx, &loops))
}

// listen opens both listeners and makes the servers on them.
func (h *host) listen(ctx context.Context) error {
	public, err := listen(ctx, h.o.Public, h.o.Config.Server.Listen)
	if err != nil {
		return err
	}
	private, err := listen(ctx, h.o.Admin, h.o.Config.Server.Admin)
	if err != nil {
		return errors.Join(err, public.Close())
	}
	h.servers = []*server{
		newServer(public, http.HandlerFunc(h.servePublic), h.log), newServer(private, http.HandlerFunc(h.serveAdmin), h.log),
	}
	return nil
}

// stop stops what the servers have used. What hangs is left behind: every step of its work can be taken up again.
func (h *host) stop(ctx context.Context, loops *sync.WaitGroup) error {
	left := func(what string, stop func()) {
		if err := h.stopping.wait(what, func() error { stop(); return nil }); err != nil {
			h.log.Warn("stopping: left behind", "error", err)
		}
	}
	left("a reload or a look at our own health", loops.Wait)
	// The syncer outlives the servers: what they acknowledged last is still written, as far as time allows.
	p := h.now()
	left("the syncer", p.stop)
	left("a refresh of an access token", p.close)
	err := h.stopping.wait("the flush of the freshness", func() error {
		return h.store.FlushChecked(context.WithoutCancel(ctx))
	})
	h.log.Info("stopped")
	return err
}

// now returns the parts that serve; nil before the first do.
func (h *host) now() *parts {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.current
}

// swap lets p serve from the next request on. Requests that run finish on the parts that they began on.
func (h *host) swap(p *parts) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.current = p
}

func (h *host) servePublic(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	p := h.current
	p.run.requests.Add(1) // with the lock: nobody waits for them before a swap, and none is added after it
	h.mu.Unlock()
	defer p.run.requests.Done()
	p.run.public.ServeHTTP(w, r)
}

func (h *host) serveAdmin(w http.ResponseWriter, r *http.Request) { h.now().run.admin.ServeHTTP(w, r) }

// deadline bounds a stop of several steps.
type deadline struct{ at time.Time }

// begin sets the deadline unless it is set.
func (d *deadline) begin() {
	if d.at.IsZero() {
		d.at = time.Now().Add(StopWithin)
	}
}

// wait runs stop and returns its error, or one that says what did not stop in time; stop goes on then.
func (d *deadline) wait(what string, stop func() error) error {
	d.begin()
	done := make(chan error, 1)
	go func() { done <- stop() }()
	t := time.NewTimer(max(time.Until(d.at), time.Second))
	defer t.Stop()
	select {
	case err := <-done:
		return err
	case <-t.C:
		return fmt.Errorf("%s did not stop within %s", what, StopWithin)
	}
}
