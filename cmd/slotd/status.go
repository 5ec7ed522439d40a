package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
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
			cfg, err := a.loadAdmin(cmd)
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

// loadAdmin reads the config of a command that only needs to find the daemon. One with faults does as long as it says where:
// the daemon goes on with an older version of the file.
func (a *app) loadAdmin(cmd *cobra.Command) (*config.Config, error) {
	cfg, err := a.load()
	if err == nil {
		return cfg, nil
	}
	server, serverErr := config.LoadServer(a.configPath)
	if serverErr != nil {
		return nil, err
	}
	cmd.PrintErrln(err)
	return &config.Config{Path: a.configPath, Server: server}, nil
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
	printChannels(p, s.Channels)
	p("\nOutbox: %d waiting", s.Outbox.Waiting)
	if s.Outbox.Oldest != nil {
		p(", the oldest for %s", s.Now.Sub(*s.Outbox.Oldest).Round(time.Second))
	}
	p("\n")
	printGround(p, s)
	if len(s.Problems) == 0 {
		p("All is well.\n")
	}
	shown := map[string]bool{} // below, with what to do
	for _, a := range s.Attention {
		shown[a.Problem()] = true
	}
	for _, problem := range s.Problems {
		if !shown[problem] {
			p("! %s\n", problem)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return printAttention(out, s)
}

// printChannels prints how changes of the calendars reach us beside polling: one line where it is the same for all.
func printChannels(p func(string, ...any), list []admin.Channel) {
	if len(list) == 0 {
		return
	}
	same := true
	for _, c := range list {
		same = same && !c.Wanted && !c.Live && c.Why == list[0].Why && c.Left == 0
	}
	if same {
		p("\nPush: none, all calendars are only polled: %s\n", list[0].Why)
		return
	}
	p("\nPUSH\tSTATE\tENDS\tWHY\n")
	for _, c := range list {
		state, ends := "polling only", "-"
		if c.Live {
			state, ends = "live", c.Expires.Format(whenLayout)
		}
		if c.Late {
			state = "NOT RENEWED"
		}
		why := c.Why
		if c.Left > 0 {
			why = strings.TrimPrefix(fmt.Sprintf("%s; %d older channels still to be ended", why, c.Left), "; ")
		}
		p("%s\t%s\t%s\t%s\n", c.Calendar, state, ends, why)
	}
}

// printAttention prints the bookings that need a person, each with what to do.
func printAttention(out io.Writer, s admin.Status) error {
	if len(s.Attention) == 0 {
		return nil
	}
	_, err := fmt.Fprintln(out, "\nBOOKINGS THAT NEED A PERSON")
	for _, a := range s.Attention {
		if err == nil {
			_, err = fmt.Fprintf(out, "! %s  %s  %s\n    %s\n", a.Start.Format(whenLayout), a.Reference, a.Why, a.Next)
		}
	}
	return err
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
	if h := s.Webhook; h != nil {
		printWebhook(p, h, s.Now)
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

// printWebhook prints how far the other system is behind that is told of bookings.
func printWebhook(p func(string, ...any), h *admin.Webhook, now time.Time) {
	p("Webhook: %d waiting", h.Waiting)
	if h.Oldest != nil {
		p(", the oldest for %s", now.Sub(*h.Oldest).Round(time.Second))
	}
	if h.SetAside > 0 {
		p(", %d given up", h.SetAside)
	}
	if !h.Configured {
		p("; the config has no [webhook], so they go after three days, or by 'slotd webhook drop'")
	}
	p("\n")
}
