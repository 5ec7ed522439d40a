package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"slotd/internal/admin"
	"slotd/internal/config"
)

// whenLayout is how the commands write a time, in the business's zone.
const whenLayout = "Mon 2006-01-02 15:04"

func (a *app) bookingsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bookings",
		Short: "The bookings: list, show, cancel, move, retry, told, forget",
		Long: `These commands ask the running daemon, which alone reads and changes bookings. A booking is named by its
reference, such as K7M-2QX, or its id. None asks you to confirm it. A command whose wish is fulfilled already changes
nothing, says so and exits 0, so that it can be repeated.

Exit codes: 0 done, or nothing to do; 1 refused or failed, with the reason and what helps; 2 wrong usage or config.`,
	}
	cmd.AddCommand(
		a.bookingsListCommand(), a.bookingsShowCommand(), a.bookingsCancelCommand(), a.bookingsMoveCommand(),
		a.bookingsRetryCommand(), a.bookingsToldCommand(),
		a.bookingsForgetCommand(),
	)
	return group(cmd)
}

func (a *app) bookingsListCommand() *cobra.Command {
	var from, until string
	var needy bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List bookings by their start, by default from yesterday on",
		Args:  exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.loadAdmin(cmd)
			if err != nil {
				return err
			}
			query := url.Values{}
			for key, value := range map[string]string{"from": from, "until": until} {
				if value != "" {
					query.Set(key, value)
				}
			}
			if needy {
				query.Set("needs_person", "true")
			}
			list := []admin.Booking{}
			if err := needsDaemon(ask(cmd.Context(), cfg, "/api/bookings", query, &list)); err != nil {
				return err
			}
			if a.json {
				return printJSON(cmd.OutOrStdout(), list)
			}
			return printBookings(cmd.OutOrStdout(), list)
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "first day, 2006-01-02, in the business's zone")
	cmd.Flags().StringVar(&until, "until", "", "last day, 2006-01-02")
	cmd.Flags().BoolVar(&needy, "needs-person", false, "only those that somebody must look at")
	cmd.Flags().BoolVar(&a.json, "json", false, "print JSON")
	return cmd
}

func printBookings(out io.Writer, list []admin.Booking) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(out, "No bookings.")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "REFERENCE\tSTART\tSERVICE\tRESOURCE\tNAME\tSTATUS\tEVENTS")
	needy := 0
	for _, b := range list {
		mark := ""
		if b.Need != "" {
			mark, needy = " !", needy+1
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", b.Reference, b.Start.Format(whenLayout), b.Service,
			withOthers(b), oneLine(b.Name), b.Status+mark, eventsText(b))
	}
	if err := w.Flush(); err != nil || needy == 0 {
		return err
	}
	_, err := fmt.Fprintf(out, "\nNeed a person (!): %d\n", needy)
	for _, b := range list {
		if b.Need != "" && err == nil {
			_, err = fmt.Fprintf(out, "%s  %s\n    %s\n", b.Reference, b.NeedsPerson, admin.Next(b.Need, b.Reference))
		}
	}
	return err
}

// withOthers names the chosen resource and those that the service takes beside it.
func withOthers(b admin.Booking) string {
	names := []string{b.Resource}
	for _, p := range b.Placements {
		if !p.Gone && !slices.Contains(names, p.Resource) {
			names = append(names, p.Resource)
		}
	}
	return strings.Join(names, " + ")
}

// eventsText says how far the events of a booking are, in one word where all are the same.
func eventsText(b admin.Booking) string {
	var states, each []string
	for _, p := range b.Placements {
		state := placementText(p)
		if state == "" {
			continue
		}
		states, each = append(states, state), append(each, p.Resource+" "+state)
	}
	if slices.Sort(states); len(slices.Compact(states)) == 1 {
		return states[0]
	}
	return cmp.Or(strings.Join(each, "; "), "gone")
}

// placementText says how far the event of a placement is; "" when it is gone as it should be.
func placementText(p admin.Placement) string {
	switch {
	case p.Gone && p.Status == "pending":
		return "removing"
	case p.Gone && p.Status == "stuck":
		return "not removed"
	case p.Gone:
		return ""
	case p.Conflict:
		return p.Status + ", overlap"
	}
	return p.Status
}

// callBooking sends a wish about a booking to the daemon, or asks for one when in is nil.
func callBooking(ctx context.Context, cfg *config.Config, reference, what string, in, out any) error {
	named := reference != "" && !strings.ContainsFunc(reference, func(r rune) bool {
		return (r < '0' || '9' < r) && (r < 'A' || 'Z' < r) && (r < 'a' || 'z' < r) && r != '-' && r != '_'
	})
	if !named {
		return usageError{fmt.Errorf("%q is neither a reference such as K7M-2QX nor an id", reference)}
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	method := http.MethodGet
	if in != nil {
		method = http.MethodPost
	}
	return needsDaemon(callDaemon(ctx, cfg, method, "/api/bookings/"+reference+what, in, out))
}

// needsDaemon completes the error of a command that cannot work without the daemon.
func needsDaemon(err error) error {
	if errors.Is(err, errUnreachable) {
		return fmt.Errorf("%w Bookings are shown and changed by the daemon alone", err)
	}
	return err
}

// oneLine keeps a text that a customer typed from making lines of its own, and from steering the terminal.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// spanText writes an interval, with the day once.
func spanText(start, end time.Time) string {
	layout := "15:04"
	if y, d := start.Year(), start.YearDay(); y != end.Year() || d != end.YearDay() {
		layout = whenLayout
	}
	return start.Format(whenLayout) + "–" + end.Format(layout)
}
