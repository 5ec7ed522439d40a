package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"slotd/internal/admin"
)

func (a *app) statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show calendars with their freshness, accounts, the outbox, and bookings that need a person",
		Long:  "Status asks the running daemon. Exit code 0: all is well; 1: something needs a person.",
		Args:  exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.load()
			if err != nil {
				return err
			}
			var s admin.Status
			if err := ask(cmd.Context(), cfg, "/api/status", nil, &s); err != nil {
				return err
			}
			if a.json {
				err = printJSON(cmd.OutOrStdout(), s)
			} else {
				err = printStatus(cmd.OutOrStdout(), s)
			}
			if err == nil && len(s.Problems) > 0 {
				err = errors.New("not all is well")
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&a.json, "json", false, "print JSON")
	return cmd
}

func printStatus(out io.Writer, s admin.Status) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
	p("slotd %s, up %s\n\n", s.Version, s.Now.Sub(s.Started).Round(time.Second))
	p("CALENDAR\tCONFIRMED\tEVENTS\tUNTIL\tSTATE\n")
	for _, c := range s.Calendars {
		confirmed, until := "never", "-"
		if c.Checked != nil {
			confirmed = time.Duration(c.AgeS*float64(time.Second)).Round(time.Second).String() + " ago"
		}
		if c.Until != nil {
			until = c.Until.Format(time.DateOnly)
		}
		state := "fresh"
		if !c.Fresh {
			state = "HIDDEN"
		}
		if c.Error != "" {
			state += ": " + c.Error
		}
		p("%s\t%s\t%d\t%s\t%s\n", c.ID, confirmed, c.Events, until, state)
	}
	p("\nACCOUNT\tPROVIDER\tSTATE\n")
	for _, acc := range s.Accounts {
		state := acc.State
		if acc.Reason != "" {
			state += ": " + acc.Reason
		}
		p("%s\t%s\t%s\n", acc.Name, acc.Provider, state)
	}
	p("\nOutbox: %d waiting", s.Outbox.Waiting)
	if s.Outbox.Oldest != nil {
		p(", the oldest for %s", s.Now.Sub(*s.Outbox.Oldest).Round(time.Second))
	}
	p("\n")
	if len(s.Problems) == 0 {
		p("All is well.\n")
	}
	for _, problem := range s.Problems {
		p("! %s\n", problem)
	}
	return w.Flush()
}
