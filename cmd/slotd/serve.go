package main

import (
	"errors"
	"fmt"

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
		Args:  exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.load()
			if err != nil {
				return err
			}
			err = daemon.Run(cmd.Context(), daemon.Options{
				Config: cfg, Providers: providers(), Log: a.logger(cmd.ErrOrStderr()), Version: version(),
			})
			if errors.Is(err, bolt.ErrMissing) {
				return fmt.Errorf("%w (with --config %s)", err, a.configPath)
			}
			return err
		},
	}
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
