package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"slotd/internal/admin"
	"slotd/internal/config"
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
				// The daemon goes on with an older version of the file, and says so.
				server, serverErr := config.LoadServer(a.configPath)
				if serverErr != nil {
					return err
				}
				cfg = &config.Config{Path: a.configPath, Server: server}
				cmd.PrintErrln(err)
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
		name := string(c.ID)
		if c.Label != "" && c.Label != name {
			name += " (" + c.Label + ")" // as metrics name it
		}
		p("%s\t%s\t%d\t%s\t%s\n", name, confirmed, c.Events, until, state)
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
	printGround(p, s)
	if len(s.Problems) == 0 {
		p("All is well.\n")
	}
	for _, problem := range s.Problems {
		p("! %s\n", problem)
	}
	return w.Flush()
}

// printGround prints what slotd stands on: disk, clock and copies.
func printGround(p func(string, ...any), s admin.Status) {
	p("Database: %d kB", s.Storage.Size>>10)
	if s.Storage.Total > 0 {
		p(", %d MB free of %d MB", s.Storage.Free>>20, s.Storage.Total>>20)
	}
	p("\n")
	for _, c := range s.Clocks {
		if ahead := c.Ahead().Round(time.Second); ahead != 0 {
			p("Clock: %s ahead of %s\n", ahead, c.Host)
		}
	}
	b := s.Backup
	if b == nil {
		p("Backup: none scheduled\n")
		return
	}
	last := "none yet"
	if b.Last != nil {
		last = fmt.Sprintf("the last at %s, %d kB, %d kept", b.Last.Format(time.RFC3339), b.Size>>10, b.Copies)
	}
	p("Backup: %s; the next at %s in %s\n", last, b.Next.Format(time.RFC3339), b.Directory)
	if b.Failed != nil {
		p("Backup: the last try failed at %s: %s\n", b.Failed.Format(time.RFC3339), b.Error)
	}
}
