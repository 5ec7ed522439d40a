package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"slotd/internal/booking"
	"slotd/internal/config"
	"slotd/store"
	"slotd/store/kv/bolt"
)

// verification is what "slotd verify --json" prints.
type verification struct {
	Path string `json:"path"`
	// Clean: there is no finding.
	Clean bool `json:"clean"`
	store.Report
}

func (a *app) verifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify [PATH]",
		Short: "Check that all records of the database agree, or those of a backup",
		Long: `Verify reads every record of the config's database, or of the copy at PATH, and compares them: nothing sold twice,
each booking with its claims, its person, its history, its reference and its place in every index, each hold with its
flow token, each write that is still to be made with its mark, each mirror sorted and inside its window. It changes nothing,
and names no customer. Overlaps that people made in their calendars are no findings, as long as they are marked.

A daemon that starts checks what is to come in the same way, and shows what it finds in 'slotd status'.

The database must not be in use. While the daemon serves, make a copy with 'slotd backup' and verify that.

The config says how many bookings a resource takes at a time and which resources share a calendar. A copy can be verified
without a config too; then overlaps are not looked for, and the report says so.

Exit code 0: no finding; 1: findings, a line each, or the check could not be made; 2: wrong usage or config.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cobra.MaximumNArgs(1)(cmd, args); err != nil {
				return usageError{fmt.Errorf("%w\nUsage: %s", err, cmd.UseLine())}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.verifyConfig(cmd, len(args) == 1)
			if err != nil {
				return err
			}
			found := verification{}
			opts := store.VerifyOptions{Now: time.Now()}
			if cfg != nil {
				found.Path, opts.Catalog = cfg.Store.Path, booking.NewCatalog(cfg.Bookable())
			}
			if len(args) == 1 {
				found.Path = args[0]
			}
			found.Report, err = verify(cmd.Context(), found.Path, opts)
			if len(args) == 1 && errors.Is(err, bolt.ErrMissing) {
				return fmt.Errorf("there is no file %s", found.Path) // a copy is not what init would create
			}
			if err != nil {
				return err
			}
			found.Clean = len(found.Findings) == 0
			if err := a.printVerification(cmd.OutOrStdout(), found); err != nil {
				return err
			}
			if !found.Clean {
				return fmt.Errorf("%s is not clean; findings: %d", found.Path, len(found.Findings))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&a.json, "json", false, "print JSON")
	return cmd
}

// verifyConfig reads the config. It is nil where a copy is to be verified, and no config was named and none is there.
func (a *app) verifyConfig(cmd *cobra.Command, copied bool) (*config.Config, error) {
	if copied && !cmd.Flags().Changed("config") {
		if _, err := os.Stat(a.configPath); errors.Is(err, os.ErrNotExist) {
			return nil, nil
		}
	}
	return a.load()
}

// verify checks the database at path: first the engine's own pages, then what slotd keeps in them.
func verify(ctx context.Context, path string, o store.VerifyOptions) (report store.Report, err error) {
	db, err := bolt.Open(path, bolt.Options{})
	switch {
	case errors.Is(err, bolt.ErrLocked):
		return report, fmt.Errorf("%s is in use, probably by 'slotd serve'. Make a copy with 'slotd backup COPY', then check it with "+
			"'slotd verify COPY'", path)
	case errors.Is(err, store.ErrReadOnly):
		return report, fmt.Errorf("%w; a copy can be verified only by who may write to it, though nothing is written", err)
	case err != nil:
		return report, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.Check(ctx); err != nil {
		return report, fmt.Errorf("check the pages of %s: %w", path, err)
	}
	report, err = store.Verify(ctx, db, o)
	if err != nil {
		return report, fmt.Errorf("verify %s: %w", path, err)
	}
	return report, nil
}

func (a *app) printVerification(out io.Writer, v verification) error {
	if a.json {
		return printJSON(out, v)
	}
	var b strings.Builder
	for _, f := range v.Findings {
		fmt.Fprintln(&b, f)
	}
	for _, what := range v.NotChecked {
		fmt.Fprintf(&b, "not checked: %s\n", what)
	}
	records := 0
	for _, n := range v.Records {
		records += n
	}
	fmt.Fprintf(&b, "%s: %d bookings, %d records read, findings: %d\n", v.Path, v.Records["booking"], records, len(v.Findings))
	if v.Clean {
		fmt.Fprintln(&b, "Clean: all records agree.")
	}
	_, err := io.WriteString(out, b.String())
	return err
}
