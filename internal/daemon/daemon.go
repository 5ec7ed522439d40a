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
}

// Running is a daemon that serves.
type Running struct {
	Public, Admin net.Addr
	Desk          *desk.Desk
	Syncer        *syncer.Syncer
	// Checked returns when the provider last confirmed the mirror of a calendar.
	Checked func(calendar.ID) time.Time
}

// Run serves until ctx ends and returns after everything has stopped: first the servers, then the syncer, then the
// accounts, then the store. The error says what could not be started, or what failed.
func Run(ctx context.Context, o Options) (err error) {
	db, err := bolt.Open(o.Config.Store.Path, bolt.Options{})
	if err != nil {
		return fmt.Errorf("open the store: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	st, err := store.Open(ctx, db)
	if err != nil {
		return err
	}
	p, err := assemble(o, st)
	if err != nil {
		return err
	}
	defer p.close()
	defer func() { err = errors.Join(err, st.FlushChecked(context.WithoutCancel(ctx))) }()
	return p.serve(ctx)
}
