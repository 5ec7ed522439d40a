package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"slotd/internal/admin"
	"slotd/internal/config"
)

func (a *app) calendarsCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "calendars ACCOUNT",
		Short: "List the calendars of an account, ready to paste into the config",
		Long: `Calendars asks the running daemon or, where none runs, uses the account's token itself. Each calendar comes as the
line that a [[resource]] needs.`,
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
			var list []admin.CalendarChoice
			err = a.withAccount(cmd.Context(), cfg, acc.Name, func(as admin.Accounts) (err error) {
				list, err = as.Calendars(cmd.Context(), acc.Name)
				return err
			})
			switch {
			case err != nil:
				return err
			case asJSON:
				return printJSON(cmd.OutOrStdout(), list)
			}
			return printCalendars(cmd.OutOrStdout(), &acc, list)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// printCalendars prints TOML, with what people want to know of a calendar as its comment.
func printCalendars(out io.Writer, acc *config.Account, list []admin.CalendarChoice) error {
	var b strings.Builder
	if len(list) == 0 {
		fmt.Fprintf(&b, "Account %q sees no calendar.\n", acc.Name)
		if acc.Grant == config.ServiceAccount && acc.Subject == "" {
			fmt.Fprintf(&b, "A service account has a list of its own, which stays empty. Share a calendar with the address "+
				"client_email\nof its key file (\"Make changes to events\") and name it by the calendar's id: book_into = \"%s/ID\"\n",
				acc.Name)
		}
		_, err := io.WriteString(out, b.String())
		return err
	}
	fmt.Fprintf(&b, "Calendars of account %q, for a [[resource]]:\n", acc.Name)
	for _, c := range list {
		facts := []string{plainLine(c.Name)}
		if c.Zone != "" {
			facts = append(facts, c.Zone)
		}
		line := fmt.Sprintf("book_into = %s", tomlString(c.Calendar))
		if c.Primary {
			facts = append(facts, "primary")
		}
		if c.Writable {
			facts = append(facts, "writable")
		} else {
			facts = append(facts, "read only")
			line = fmt.Sprintf("blocked_by = [%s]", tomlString(c.Calendar))
		}
		fmt.Fprintf(&b, "\n# %s\n%s\n", strings.Join(facts, ", "), line)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// plainLine keeps a calendar's name from ending its comment, or from commanding the terminal.
func plainLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
}

// tomlString writes a basic string of TOML.
func tomlString(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(plainLine(s)) + `"`
}
