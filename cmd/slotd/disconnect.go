package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"slotd/internal/admin"
	"slotd/internal/config"
)

func (a *app) disconnectCommand() *cobra.Command {
	var local bool
	cmd := &cobra.Command{
		Use:   "disconnect ACCOUNT",
		Short: "Take back an account's sign-in at the provider and forget its token",
		Long: `Disconnect revokes the sign-in at the provider, as far as the provider offers that, and removes the stored token.
The resources of its calendars are hidden as soon as what was last read is older than serve_within. What is booked
stays booked; what was not written to the calendar yet is written after the next 'slotd connect'.`,
		Args: exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.load()
			if err != nil {
				return err
			}
			acc, err := accountOf(cfg, args[0])
			if err != nil {
				return err
			}
			if err := signsIn(&acc); err != nil {
				return err
			}
			var done admin.Disconnection
			err = a.withAccount(cmd.Context(), cfg, acc.Name, func(as admin.Accounts) (err error) {
				done, err = as.Disconnect(cmd.Context(), acc.Name, local)
				return err
			})
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), disconnectText(&acc, done))
			return err
		},
	}
	cmd.Flags().BoolVar(&local, "local", false, "only forget the token here; the provider is not asked")
	return cmd
}

func disconnectText(acc *config.Account, done admin.Disconnection) string {
	text := fmt.Sprintf("Account %q is disconnected: its token is removed", acc.Name)
	switch {
	case done.Revoked:
		text += " and the provider has revoked it.\n"
	case acc.Provider == config.Outlook:
		text += ".\nMicrosoft offers no way to revoke a single sign-in: take slotd's access away at " +
			"https://myapps.microsoft.com,\nor have an administrator remove it from the enterprise application.\n"
	default:
		text += ".\nThe provider was not asked to revoke it: take slotd's access away at " +
			"https://myaccount.google.com/connections.\n"
	}
	if done.Configured != "" {
		text += fmt.Sprintf("The configuration still refers to a refresh token (%s): remove it; until it changes it is not used.\n",
			done.Configured)
	}
	return text
}
