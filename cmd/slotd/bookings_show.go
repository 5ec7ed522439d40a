package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"slotd/internal/admin"
)

func (a *app) bookingsShowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show REFERENCE",
		Short: "Show all that is known of a booking: events, claims, customer, history, what to do",
		Args:  exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.loadAdmin(cmd)
			if err != nil {
				return err
			}
			var b admin.BookingDetail
			if err := callBooking(cmd.Context(), cfg, args[0], "", nil, &b); err != nil {
				return err
			}
			if a.json {
				return printJSON(cmd.OutOrStdout(), b)
			}
			return printBooking(cmd.OutOrStdout(), b)
		},
	}
	cmd.Flags().BoolVar(&a.json, "json", false, "print JSON")
	return cmd
}

// rows writes tables and lines.
type rows struct {
	w *tabwriter.Writer
}

// line writes cells side by side with those of its neighbours; what people typed makes no lines of its own.
func (r rows) line(cells ...string) {
	for i, c := range cells {
		cells[i] = oneLine(c)
	}
	_, _ = fmt.Fprintln(r.w, strings.Join(cells, "\t")) // Flush tells
}

// field writes a named text, unless it is empty.
func (r rows) field(name, text string) {
	if text != "" {
		_, _ = fmt.Fprintf(r.w, "%s\t%s\n", name, oneLine(text))
	}
}

// heading begins a part: its columns stand apart from those before.
func (r rows) heading(text string) { _, _ = fmt.Fprintf(r.w, "\n%s\n", text) }

func printBooking(out io.Writer, b admin.BookingDetail) error {
	var text strings.Builder
	r := rows{tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)}
	r.field("Reference", b.Reference)
	r.field("Status", statusText(b.Booking))
	r.field("Time", spanText(b.Start, b.End)+" ("+b.Zone+")")
	r.field("Service", b.Service)
	r.field("Resource", withOthers(b.Booking))
	r.field("Department", b.Department)
	r.field("Customer", b.Name)
	r.field("Phone", b.Phone)
	r.field("Email", b.Email)
	r.field("Notes", b.Notes)
	for _, answer := range b.Answers {
		r.field(oneLine(answer.Question), answer.Answer)
	}
	r.field("Booked", b.Created.Format(whenLayout))
	r.field("Id", b.ID)
	printEvents(r, b)
	printClaims(r, b)
	r.heading("HISTORY")
	r.line("WHEN", "WHO", "WHAT", "VERSION", "TIME AFTERWARDS", "WHY")
	for _, c := range b.History {
		what := strings.ReplaceAll(c.What, "_", " ")
		if c.Resource != "" {
			what += " (" + c.Resource + ")"
		}
		r.line(c.At.Format(time.DateTime), c.By, what, fmt.Sprint(c.Version), spanText(c.Start, c.End), c.Why)
	}
	if len(b.Needs) > 0 {
		r.heading("NEEDS A PERSON")
		printNeeds(r.w, b.Needs)
	}
	if err := r.w.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(text.String()) {
		if _, err := fmt.Fprintln(out, strings.TrimRight(line, " \n")); err != nil { // empty cells are spaces
			return err
		}
	}
	return nil
}

// printNeeds says why somebody must look at a booking, and what to do.
func printNeeds(out io.Writer, needs []admin.Attention) {
	for _, n := range needs {
		_, _ = fmt.Fprintf(out, "! %s\n    %s\n", n.Why, n.Next)
	}
}

func statusText(b admin.Booking) string {
	text := fmt.Sprintf("%s, version %d", b.Status, b.Version)
	if b.Conflict {
		text += ", overlaps somebody's event or another booking"
	}
	if b.Untold != "" {
		text += ", customer not told that it was " + b.Untold
	}
	return text
}

func printEvents(r rows, b admin.BookingDetail) {
	r.heading("EVENTS")
	r.line("RESOURCE", "CALENDAR", "STATUS", "SINCE", "EVENT", "")
	for _, p := range b.Placements {
		state := placementText(p)
		if state == "" {
			state = "gone"
		}
		var notes []string
		if p.Reason != "" {
			notes = append(notes, p.Reason)
		}
		if !p.Next.IsZero() {
			try := "to be written"
			if p.Attempts > 0 {
				try = fmt.Sprintf("tried %d times, the next at %s", p.Attempts, p.Next.Format(time.TimeOnly))
			}
			if p.Error != "" {
				try += ", last error: " + p.Error
			}
			notes = append(notes, try)
		}
		r.line(p.Resource, string(p.Calendar), state, p.Since.Format(time.DateTime), orDash(p.Event),
			strings.Join(notes, "; "))
	}
}

func printClaims(r rows, b admin.BookingDetail) {
	r.heading("CLAIMS")
	if len(b.Claims) == 0 {
		r.line("none: the booking takes no time")
		return
	}
	r.line("RESOURCE", "TIME WITH BUFFERS", "")
	for _, c := range b.Claims {
		note := ""
		if c.Left {
			note = "left: free again, though the calendar may still show it"
		}
		r.line(c.Resource, spanText(c.Start, c.End), note)
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
