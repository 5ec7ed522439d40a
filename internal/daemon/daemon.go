// Package daemon is the whole of slotd as a function: Run wires store, accounts, adapters, syncer, desk and HTTP servers
// together, serves until its context ends, and stops everything in reverse order. It reads no flags, handles no signals and
// keeps no globals, so that tests run it as the binary does.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"slotd/internal/admin"
	"slotd/internal/calendar"
	"slotd/internal/config"
	"slotd/internal/desk"
	"slotd/store"
	"slotd/store/kv/bolt"
	"slotd/syncer"
)

// Client is what an adapter offers to the daemon.
type Client interface {
	syncer.Source
	syncer.Sink
	// Calendars lists the calendars that the account sees.
	Calendars(ctx context.Context) ([]calendar.Info, error)
}

// ClientConfig is what a Provider makes a client of.
type ClientConfig struct {
	// HTTP adds the account's bearer token and never retries.
	HTTP   *http.Client
	APIURL string
	User   string
	// Zone is the IANA zone assumed where a calendar does not say its own.
	Zone string
	// AllDayBusy reports whether an all-day event of the calendar blocks however it is marked.
	AllDayBusy func(calendarID string) bool
}

// Provider makes the clients of one kind of account. It comes in from outside so that this package links no SDK that it
// does not need.
type Provider struct {
	New func(ClientConfig) (Client, error)
	// Identity returns the provider identity of a placement.
	Identity func(storeID, booking, resource string, attempt int) string
}

// Options are what Run needs; Config, Providers and Log are required.
type Options struct {
	Config    *config.Config
	Providers map[string]Provider // by the name in the config
	Log       *slog.Logger
	Version   string
	// Public and Admin are served when they are given, instead of the addresses in the config.
	Public, Admin net.Listener
	// HTTP carries the requests to providers; nil means a client with sensible bounds.
	HTTP *http.Client
	// Ready is called once requests are served.
	Ready func(Running)

	// Each value from Reload asks to take over the config that Load then returns. When anything is wrong with it, the
	// daemon goes on as it is and its status says so. Both may be nil.
	Reload <-chan struct{}
	Load   func() (*config.Config, error)
	// Notify tells the service manager a new state, in the form of sd_notify(3); nil when there is none.
	Notify func(state string)
	// Watchdog is how long the service manager waits for a sign of life before it restarts the daemon; 0 means for ever.
	Watchdog time.Duration

	metrics *admin.Metrics // made by Run
	plain   *http.Client   // HTTP as it was given: of a host that is no provider's no clock is compared
}

// Running is a daemon that serves.
type Running struct {
	Public, Admin net.Addr
	Desk          *desk.Desk
	Syncer        *syncer.Syncer
	// Checked returns when the provider last confirmed the mirror of a calendar.
	Checked func(calendar.ID) time.Time
	// Store is open until Run returns; it stays the same over reloads, as opposed to Desk and Syncer.
	Store *store.Store
}

// Run serves until ctx ends and returns after everything has stopped: first the servers, then the syncer, then the
// accounts, then the store. What does not stop within [StopWithin] is given up. The error says what could not be started,
// what failed, or what did not stop.
func Run(ctx context.Context, o Options) error {
	o.metrics = admin.NewMetrics(o.Version)
	w := newHealth(o.Config.Store.Path)
	o.plain = providerHTTP(o)
	o.HTTP = w.clocks.client(providerHTTP(o))
	db, err := bolt.Open(o.Config.Store.Path, bolt.Options{Committed: func(took time.Duration, callers int, err error) {
		o.metrics.Committed(took, callers, err)
		w.storage.committed(err)
	}})
	if err != nil {
		return fmt.Errorf("open the store: %w", err)
	}
	w.storage.doubt = db.Doubt
	st, err := store.Open(ctx, db)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	w.backups = newBackups(db, st.ID())
	h := newHost(o, st, db, w)
	err = h.run(ctx)
	return errors.Join(err, h.stopping.wait("the store", db.Close))
}
