package main

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"slotd/internal/admin"
	"slotd/internal/config"
)

func (a *app) bookingsCancelCommand() *cobra.Command {
	var in admin.CancelBooking
	cmd := &cobra.Command{
		Use:   "cancel REFERENCE --reason TEXT",
		Short: "Cancel a booking: its time is offered again at once, its events are removed",
		Long: `Cancel frees the booking's time at once and has its events removed from the calendars. slotd sends nothing to
the customer: with --told they know already, otherwise the booking stays in 'slotd status' until 'slotd bookings told'.
A booking that was cancelled before stays as it is, exit code 0.`,
		Args: exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if in.Reason == "" {
				return usageError{errors.New("--reason is required: it is kept in the booking's history")}
			}
			return a.changeBooking(cmd, args[0], "/cancel", in, "is cancelled")
		},
	}
	cmd.Flags().StringVar(&in.Reason, "reason", "", "why, for the history; no names")
	cmd.Flags().BoolVar(&in.Told, "told", false, "the customer knows already")
	cmd.Flags().BoolVar(&in.Force, "force", false, "also within the cancel_notice of the service")
	cmd.Flags().BoolVar(&a.json, "json", false, "print JSON")
	return cmd
}

func (a *app) bookingsMoveCommand() *cobra.Command {
	var in admin.MoveBooking
	cmd := &cobra.Command{
		Use:   "move REFERENCE --to TIME [--resource ID]",
		Short: "Move a booking to another time or resource; its length stays",
		Long: `Move gives the booking another time, another resource, or both, as one change, and has its events follow. TIME
is in the business's zone, as 2026-12-01T10:30, or with an offset. Never over anything: somebody's event or another
booking refuses the move, with the nearest free times. slotd sends nothing to the customer: with --told they know already,
otherwise the booking stays in 'slotd status' until 'slotd bookings told'. A booking that is there already stays as it
is, exit code 0.`,
		Args: exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if in.To == "" && in.Resource == "" {
				return usageError{errors.New("where to? Give --to TIME, --resource ID, or both")}
			}
			return a.changeBooking(cmd, args[0], "/move", in, "is moved")
		},
	}
	cmd.Flags().StringVar(&in.To, "to", "", "the new start, 2026-12-01T10:30")
	cmd.Flags().StringVar(&in.Resource, "resource", "", "the resource to move to")
	cmd.Flags().StringVar(&in.Reason, "reason", "", "why, for the history; no names")
	cmd.Flags().BoolVar(&in.Told, "told", false, "the customer knows already")
	cmd.Flags().BoolVar(&in.Force, "force", false, "whatever notice, hours, grid, horizon and caps say")
	cmd.Flags().BoolVar(&a.json, "json", false, "print JSON")
	return cmd
}

func (a *app) bookingsToldCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "told REFERENCE",
		Short: "Record that the customer knows what happened to a booking",
		Args:  exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.changeBooking(cmd, args[0], "/told", struct{}{}, "is marked: the customer knows")
		},
	}
	cmd.Flags().BoolVar(&a.json, "json", false, "print JSON")
	return cmd
}

func (a *app) bookingsRetryCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "retry REFERENCE | --all",
		Short: "Write events again that a calendar refused, or that somebody deleted",
		Long: `Retry has the events of a booking written, or removed, that were set aside because a calendar refused them, and
has missing ones written anew. --all does that for every coming booking with an event that was set aside; a booking with
one that is missing is left out of it, because somebody may have deleted that on purpose.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if all == (len(args) == 1) || len(args) > 1 {
				return usageError{fmt.Errorf("give one reference, or --all\nUsage: %s", cmd.UseLine())}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if !all {
				return a.changeBooking(cmd, args[0], "/retry", struct{}{}, "is tried again")
			}
			cfg, err := a.loadAdmin(cmd)
			if err != nil {
				return err
			}
			return a.retryAll(cmd, cfg)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "every booking with an event that was set aside")
	cmd.Flags().BoolVar(&a.json, "json", false, "print JSON")
	return cmd
}

// retryAll retries one booking after the other; what fails does not keep the others from it.
func (a *app) retryAll(cmd *cobra.Command, cfg *config.Config) error {
	var list []admin.Booking
	query := url.Values{"needs_person": {"true"}}
	if err := needsDaemon(ask(cmd.Context(), cfg, "/api/bookings", query, &list)); err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	done := []admin.BookingChange{}
	var failed error
	for _, b := range list {
		stuck, missing := setAside(b)
		if !stuck {
			continue
		}
		if missing {
			cmd.PrintErrf("%s is left out: one of its events is missing; 'slotd bookings show %[1]s'\n", b.Reference)
			continue
		}
		var c admin.BookingChange
		if err := callBooking(cmd.Context(), cfg, b.ID, "/retry", struct{}{}, &c); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", b.Reference, err))
			continue
		}
		done = append(done, c)
		if a.json {
			continue
		}
		if err := printChange(out, c, "is tried again"); err != nil {
			return err
		}
	}
	if a.json {
		return errors.Join(printJSON(out, done), failed)
	}
	if len(done) == 0 && failed == nil {
		_, err := fmt.Fprintln(out, "Nothing is set aside.")
		return err
	}
	return failed
}

// setAside reports whether a booking has events that were set aside, and some that are missing.
func setAside(b admin.Booking) (stuck, missing bool) {
	for _, p := range b.Placements {
		stuck = stuck || p.Status == "stuck"
		missing = missing || p.Status == "missing" && !p.Gone
	}
	return stuck, missing
}

// changeBooking sends a wish and prints what became of it.
func (a *app) changeBooking(cmd *cobra.Command, reference, what string, in any, done string) error {
	cfg, err := a.loadAdmin(cmd)
	if err != nil {
		return err
	}
	var c admin.BookingChange
	if err := callBooking(cmd.Context(), cfg, reference, what, in, &c); err != nil {
		return err
	}
	if a.json {
		return printJSON(cmd.OutOrStdout(), c)
	}
	return printChange(cmd.OutOrStdout(), c, done)
}

// printChange says what is now, and what is left to be done.
func printChange(out io.Writer, c admin.BookingChange, done string) error {
	b := c.Booking
	if !c.Changed {
		done = "is left as it is: " + c.Why
	}
	var text strings.Builder
	_, _ = fmt.Fprintf(&text, "%s %s.\n  %s, %s with %s, %s (version %d)\n", b.Reference, done,
		spanText(b.Start, b.End), b.Service, withOthers(b.Booking), b.Status, b.Version)
	for _, p := range b.Placements {
		if state := placementText(p); state != "" {
			_, _ = fmt.Fprintf(&text, "  event in %s: %s\n", p.Calendar, state)
		}
	}
	printNeeds(&text, b.Needs)
	_, err := io.WriteString(out, text.String())
	return err
}
