package main

import (
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"slotd/internal/admin"
)

func (a *app) webhookCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "webhook",
		Short: "What the webhook could not deliver: retry, drop",
		Long: `The webhook tells another system, such as a CRM, of bookings. What it could not deliver for three days is given up and
shown in 'slotd status' until one of these commands is used.`,
	}
	cmd.AddCommand(
		a.noticesCommand("retry", "Deliver what was given up, and what waits, at once", "to be delivered"),
		a.noticesCommand("drop", "Forget what was given up; without a [webhook] in the config also what waits", "dropped"),
	)
	return group(cmd)
}

func (a *app) noticesCommand(name, short, done string) *cobra.Command {
	return &cobra.Command{
		Use:   name,
		Short: short,
		Args:  exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.load()
			if err != nil {
				return err
			}
			var n admin.Count
			if err := callDaemon(cmd.Context(), cfg, http.MethodPost, "/api/webhook/"+name, struct{}{}, &n); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s %s.\n", counted(n.Count, "notice"), done)
			return err
		},
	}
}
