package main

import (
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"slotd/internal/admin"
	"slotd/internal/config"
)

func (a *app) bookingsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "bookings", Short: "The bookings"}
	cmd.AddCommand(a.bookingsListCommand())
	return group(cmd)
}

func (a *app) bookingsListCommand() *cobra.Command {
	var from, until string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List bookings, by default from yesterday on",
		Args:  exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.load()
			if err != nil {
				return err
			}
			query := url.Values{}
			if from != "" {
				query.Set("from", from)
			}
			if until != "" {
				query.Set("until", until)
			}
			var list []admin.Booking
			if err := ask(cmd.Context(), cfg, "/api/bookings", query, &list); err != nil {
				return err
			}
			if a.json {
				return printJSON(cmd.OutOrStdout(), list)
			}
			return printBookings(cmd.OutOrStdout(), cfg, list)
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "first day, 2006-01-02 (UTC)")
	cmd.Flags().StringVar(&until, "until", "", "last day, 2006-01-02 (UTC)")
	cmd.Flags().BoolVar(&a.json, "json", false, "print JSON")
	return cmd
}

func printBookings(out io.Writer, cfg *config.Config, list []admin.Booking) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "REFERENCE\tSTART\tSERVICE\tRESOURCE\tNAME\tSTATUS\tEVENT")
	for _, b := range list {
		for _, p := range b.Placements {
			status := b.Status + ", " + p.Status
			if b.NeedsPerson != "" {
				status += " ! " + b.NeedsPerson
			}
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", b.Reference,
				b.Start.In(cfg.Business.Zone).Format("2006-01-02 15:04"), b.Service, p.Resource, oneLine(b.Name), status, p.Event)
		}
	}
	return w.Flush()
}

// oneLine keeps a text that a customer typed from making lines of its own.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
