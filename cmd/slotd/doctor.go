package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"slotd/internal/admin"
	"slotd/internal/config"
	"slotd/internal/daemon"
)

// examination is what "slotd doctor --json" prints.
type examination struct {
	// Healthy: nothing failed.
	Healthy bool          `json:"healthy"`
	Checks  []admin.Check `json:"checks"`
}

func (a *app) doctorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check everything: secrets, keys, clock, disk, accounts, calendars, and an encrypted ping",
		Long: `Doctor checks all that a working slotd stands on, one line each. What only a running daemon can tell is asked of
it; when none runs, the rest is checked.

Exit code 0: nothing failed, at most warnings; 1: something failed; 2: the config is wrong.`,
		Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, loadErr := a.load()
			var e examination
			if loadErr != nil {
				e.Checks = configFaults(loadErr)
			} else {
				var err error
				if e.Checks, err = examine(cmd.Context(), cfg); err != nil {
					return err
				}
			}
			failed := 0
			for _, c := range e.Checks {
				if c.Status == admin.CheckFailed {
					failed++
				}
			}
			e.Healthy = failed == 0
			if err := a.printExamination(cmd.OutOrStdout(), e); err != nil {
				return err
			}
			switch {
			case loadErr != nil:
				return usageError{fmt.Errorf("%s cannot be used", a.configPath)}
			case failed > 0:
				return fmt.Errorf("%d of %d checks failed", failed, len(e.Checks))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&a.json, "json", false, "print JSON")
	return cmd
}

// configFaults makes a line of each fault.
func configFaults(err error) []admin.Check {
	var faults config.Faults
	if !errors.As(err, &faults) {
		return []admin.Check{{Name: "config", Status: admin.CheckFailed, Text: err.Error()}}
	}
	var out []admin.Check
	for _, f := range faults {
		out = append(out, admin.Check{Name: "config", Status: admin.CheckFailed, Text: f.String()})
	}
	return out
}

// examine has the daemon examine itself, or makes the checks that need none.
func examine(ctx context.Context, cfg *config.Config) ([]admin.Check, error) {
	var checks []admin.Check
	err := ask(ctx, cfg, "/api/doctor", nil, &checks)
	if err == nil {
		return append([]admin.Check{{Name: "daemon", Status: admin.CheckOK, Text: "runs and answers at " + cfg.Server.Admin}},
			checks...), nil
	}
	if !errors.Is(err, errUnreachable) {
		return nil, err
	}
	client := &http.Client{
		Timeout:       30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	checks = []admin.Check{{Name: "daemon", Status: admin.CheckFailed, Text: err.Error()}}
	checks = append(checks, daemon.Examine(ctx, cfg, client)...)
	for _, name := range []string{"ping", "public ping", "accounts", "calendars", "outbox", "bookings", "backup"} {
		checks = append(checks, admin.Check{Name: name, Status: admin.CheckSkipped, Text: "the daemon does not run"})
	}
	return checks, nil
}

// marks are what stands before a line.
var marks = map[admin.CheckStatus]string{
	admin.CheckOK: "ok", admin.CheckWarning: "WARN", admin.CheckFailed: "FAIL", admin.CheckSkipped: "-",
}

func (a *app) printExamination(out io.Writer, e examination) error {
	if a.json {
		return printJSON(out, e)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, c := range e.Checks {
		text := c.Text
		if c.Status == admin.CheckSkipped {
			text = "not checked: " + text
		}
		_, _ = fmt.Fprintf(w, "%-4s\t%s\t%s\n", marks[c.Status], c.Name, text)
	}
	return w.Flush()
}
