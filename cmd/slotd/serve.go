package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"
	systemd "github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"slotd/adapters/google"
	"slotd/adapters/outlook"
	"slotd/internal/config"
	"slotd/internal/daemon"
	"slotd/store/kv/bolt"
)

func (a *app) serveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Run the daemon",
		Long: `Serve runs until SIGTERM or an interrupt, and then finishes what it has begun. SIGHUP reloads the config without
dropping a request; what is wrong with it shows in the log and in 'slotd status', and the old config stays. Under systemd
it takes the sockets named "public" and "admin", reports its state and answers the watchdog: see deploy/.`,
		Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.load()
			if err != nil {
				return err
			}
			return a.serve(cmd.Context(), cfg, a.logger(cmd.ErrOrStderr()))
		},
	}
}

func (a *app) serve(ctx context.Context, cfg *config.Config, log *slog.Logger) error {
	public, private, err := inherited(log, cfg)
	if err != nil {
		return err
	}
	watchdog, err := systemd.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("the service manager's watchdog is not understood and not answered", "error", err)
	}
	reload, stop := reloads()
	defer stop()
	o := daemon.Options{
		Config: cfg, Providers: providers(), Log: log, Version: version(), Public: public, Admin: private,
		Reload: reload, Load: a.load, Watchdog: watchdog,
	}
	if os.Getenv("NOTIFY_SOCKET") != "" {
		o.Notify = func(state string) {
			if _, err := systemd.SdNotify(false, state); err != nil {
				log.Warn("the service manager cannot be told", "error", err)
			}
		}
	}
	err = daemon.Run(ctx, o)
	if errors.Is(err, bolt.ErrMissing) {
		return fmt.Errorf("%w (with --config %s)", err, a.configPath)
	}
	return err
}

// reloads passes on each SIGHUP. One that arrives while a reload waits for its turn is the same wish.
func reloads() (reload <-chan struct{}, stop func()) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	out, done := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-hangups:
			case <-done:
				return
			}
			select {
			case out <- struct{}{}:
			case <-done:
				return
			}
		}
	})
	return out, func() {
		signal.Stop(hangups)
		close(done)
		wg.Wait()
	}
}

// inherited returns the sockets that the service manager has opened for us and keeps over our restarts; nil for one that
// we open ourselves. They go by their names (FileDescriptorName= in the unit); others are an error, because whoever
// connects to them would wait for ever.
func inherited(log *slog.Logger, cfg *config.Config) (public, private net.Listener, err error) {
	given, err := activation.ListenersWithNames()
	if err != nil {
		return nil, nil, fmt.Errorf("take the sockets of the service manager: %w", err)
	}
	for name, list := range given {
		switch {
		case name == "public" && len(list) == 1:
			public = list[0]
			log.Info("the socket of the service manager is used, not [server] listen", "socket", public.Addr().String(),
				"listen", cfg.Server.Listen)
		case name == "admin" && len(list) == 1:
			private = list[0]
			log.Info("the socket of the service manager is used, not [server] admin", "socket", private.Addr().String(),
				"admin", cfg.Server.Admin)
		default:
			return nil, nil, fmt.Errorf("the service manager gave %d sockets named %q: one \"public\" and one \"admin\" can be used",
				len(list), name)
		}
	}
	return public, private, nil
}

// providers are the kinds of account that this binary can talk to.
func providers() map[string]daemon.Provider {
	return map[string]daemon.Provider{
		config.Google: {
			New: func(c daemon.ClientConfig) (daemon.Client, error) {
				return google.New(google.Config{HTTP: c.HTTP, APIURL: c.APIURL, Zone: c.Zone, AllDayBusy: c.AllDayBusy})
			},
			Identity: google.Identity,
		},
		config.Outlook: {
			New: func(c daemon.ClientConfig) (daemon.Client, error) {
				return outlook.New(outlook.Config{
					HTTP: c.HTTP, APIURL: c.APIURL, User: c.User, Zone: c.Zone, AllDayBusy: c.AllDayBusy,
				})
			},
			Identity: outlook.Identity,
		},
	}
}
