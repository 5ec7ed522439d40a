package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"slotd/internal/admin"
	"slotd/internal/booking"
	"slotd/internal/daemon"
	"slotd/store"
)

func (a *app) restoreCommand() *cobra.Command {
	var replace bool
	cmd := &cobra.Command{
		Use:   "restore COPY",
		Short: "Put a backup in the place of the database",
		Long: `Restore reads all of COPY, says what does not agree in it, and puts it in the place of the config's database.
COPY stays as it is. A database that is there is replaced only with --replace, and is then kept beside it under a name
with the time.

The daemon must not run, here or on another host. Its next start is a paused one: nothing can be booked and nothing is
written until every calendar that bookings are written into was read and compared with the copy. Bookings that were made
after the copy are recovered from their events; who they are for stands only there. Then the daemon goes on by itself.
'slotd status' says what it waits for.`,
		Args: exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.load()
			if err != nil {
				return err
			}
			var s admin.Status
			if err := ask(cmd.Context(), cfg, "/api/status", nil, &s); !errors.Is(err, errUnreachable) {
				return fmt.Errorf("a daemon answers at %s: stop it first", cfg.Server.Admin)
			}
			path, err := filepath.Abs(cfg.Store.Path)
			if err != nil {
				return err
			}
			done, err := daemon.Restore(cmd.Context(), daemon.RestoreOptions{
				Copy: args[0], Path: path, Replace: replace, Progress: progressTo(cmd.ErrOrStderr()),
				Verify: store.VerifyOptions{Catalog: booking.NewCatalog(cfg.Bookable()), Now: time.Now()},
			})
			if errors.Is(err, daemon.ErrExists) {
				return fmt.Errorf("%w: %s. With --replace the copy takes its place, and it is kept beside under another name", err,
					path)
			}
			if err != nil {
				return err
			}
			if a.json {
				return printJSON(cmd.OutOrStdout(), done)
			}
			return printRestored(cmd.OutOrStdout(), done)
		},
	}
	cmd.Flags().BoolVar(&replace, "replace", false, "take the place of a database that is there")
	cmd.Flags().BoolVar(&a.json, "json", false, "print JSON")
	return cmd
}

func printRestored(out io.Writer, r daemon.Restored) error {
	var b strings.Builder
	for _, f := range r.Report.Findings {
		fmt.Fprintf(&b, "! %s\n", f)
	}
	for _, what := range r.Report.NotChecked {
		fmt.Fprintf(&b, "not checked: %s\n", what)
	}
	if n := len(r.Report.Findings); n > 0 {
		fmt.Fprintf(&b, "! The copy can be read, and %d of its records do not agree. They were so when it was made.\n", n)
	}
	newest := ""
	if !r.Newest.IsZero() {
		newest = ", the newest record of " + r.Newest.Format(time.RFC3339)
	}
	fmt.Fprintf(&b, "%s: restored from %s, with %d bookings%s\n", r.Path, r.Copy, r.Bookings, newest)
	if r.Kept != "" {
		fmt.Fprintf(&b, "The database that was there is now %s\n", r.Kept)
	}
	fmt.Fprintf(&b, `Start slotd now. Until all calendars of bookings were read and compared with the copy, nothing can
be booked and nothing is written; 'slotd status' says what it waits for.
- Bookings that were made after the copy are recovered from their events. Who they are for stands only there:
  'slotd status' lists them.
- Bookings that were moved or cancelled after the copy follow their events, as when a person had changed these.
- %d writes to calendars that the copy has as not made yet are looked up first.
- Held slots are free again, and customers who repeat an old confirm are not recognised.
`, r.Waiting)
	_, err := io.WriteString(out, b.String())
	return err
}
