package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"slotd/internal/daemon"
	"slotd/webhook"
)

func (a *app) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Check the configuration: every fault in one run, with its line",
		Long: `Check reads the configuration, the Flow, the holidays and the blocklist that it names and the secrets that it
refers to, and reports every fault in one run. It warns of services and resources that can never be booked by the rules as
they are. It talks to nobody. Exit code 0: all is well; 2: something must be mended.`,
		Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.load()
			if err != nil {
				return err
			}
			f, flowErr := daemon.LoadFlow(cfg)
			if flowErr == nil {
				flowErr = webhook.CheckFlow(f)
			}
			_, blocklistErr := daemon.LoadBlocklist(cfg)
			secretErr := cfg.CheckSecrets()
			var keyErr error
			if secretErr == nil {
				_, keyErr = daemon.LoadKeys(cfg)
				_, tokenErr := daemon.LoadTokenKeys(cfg)
				keyErr = errors.Join(keyErr, tokenErr)
			}
			if err := errors.Join(flowErr, daemon.LoadHolidays(cfg), blocklistErr, secretErr, keyErr); err != nil {
				return usageError{err}
			}
			out := cmd.OutOrStdout()
			_, err = fmt.Fprintf(out, "%s is fine: %s, %s, %s, %s.\n", a.configPath,
				counted(len(cfg.Accounts), "account"), counted(len(cfg.Departments), "department"),
				counted(len(cfg.Services), "service"), counted(len(cfg.Resources), "resource"))
			for _, w := range daemon.Warnings(cfg) {
				_, _ = fmt.Fprintf(out, "warning: %s\n", w)
			}
			return err
		},
	}
}
