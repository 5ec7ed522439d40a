package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"slotd/internal/admin"
)

func (a *app) bookingsForgetCommand() *cobra.Command {
	var who admin.PersonQuery
	cmd := &cobra.Command{
		Use:   "forget PHONE | --booking REFERENCE",
		Short: "Erase a person: name, number and all that was typed, also from the events in the calendars",
		Long: `Forget erases from the database all that is known of the person with a phone number, in every past or cancelled
booking, and has the texts of their events written anew without it. The bookings stay as times that were taken. It erases
nothing while a booking under the number is still to come: cancel that first.

PHONE is compared digit by digit: with the country code where the number came from WhatsApp, as it was typed where it came
from a form. Signs such as + and spaces do not matter, nor does 00 at the beginning. With - in its place the number is read
from the standard input, so that it stays out of the shell's history.

--booking erases the person of that one past or cancelled booking, and of the flow token that made it: for a booking
without a number, such as one by a token of another tool. What else is known of the same person stays.

What this command cannot erase it says: backups, the chat in WhatsApp, what the calendars' providers keep as history, what
staff wrote into an event themselves, and what another system was told by the webhook.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if (who.Booking == "") == (len(args) == 0) || len(args) > 1 {
				return usageError{fmt.Errorf("give one phone number, or --booking with a reference\nUsage: %s", cmd.UseLine())}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.load()
			if err != nil {
				return err
			}
			if who.Booking == "" {
				if who.Phone, err = phoneArgument(cmd, args[0]); err != nil {
					return err
				}
			}
			var done admin.Forgotten
			err = callDaemon(cmd.Context(), cfg, http.MethodPost, "/api/bookings/forget", who, &done)
			if err := needsDaemon(err); err != nil {
				return err
			}
			if a.json {
				return printJSON(cmd.OutOrStdout(), done)
			}
			return printForgotten(cmd.OutOrStdout(), who, done)
		},
	}
	cmd.Flags().StringVar(&who.Booking, "booking", "", "the reference of one booking, whose person is erased")
	cmd.Flags().BoolVar(&a.json, "json", false, "print JSON")
	return cmd
}

// phoneArgument returns the number as it was given, for - the first line of the standard input.
func phoneArgument(cmd *cobra.Command, arg string) (string, error) {
	if arg == "-" {
		line, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
		if err != nil && line == "" {
			return "", usageError{fmt.Errorf("read the number from the standard input: %w", err)}
		}
		arg = line
	}
	return strings.TrimSpace(arg), nil
}

// printForgotten does not repeat the number: a terminal keeps what it showed.
func printForgotten(out io.Writer, who admin.PersonQuery, f admin.Forgotten) error {
	var b strings.Builder
	switch {
	case f.Bookings+f.Visits == 0 && who.Booking != "":
		b.WriteString("The person of this booking was erased before.\n")
	case f.Bookings+f.Visits == 0:
		b.WriteString("Nothing is known under this number.\n")
	default:
		fmt.Fprintf(&b, "Erased: the person of %s and of %s.\n", counted(f.Bookings, "booking"),
			counted(f.Visits, "flow token"))
	}
	if f.Notices > 0 {
		fmt.Fprintf(&b, "Withdrawn: %s that the webhook had not delivered yet.\n", counted(f.Notices, "notice"))
	}
	if f.Rewritten > 0 {
		fmt.Fprintf(&b, "Rewritten: the text of %s.\n", counted(f.Rewritten, "event"))
	}
	for _, t := range f.Waiting {
		fmt.Fprintf(&b, "Not yet rewritten: the event of %s in %s%s; slotd goes on, 'slotd bookings show %s' tells.\n",
			t.Reference, t.Calendar, because(t.Why), t.Reference)
	}
	for _, t := range f.Failed {
		fmt.Fprintf(&b, "! NOT REWRITTEN: the event of %s in %s%s. Remove the name there by hand.\n",
			t.Reference, t.Calendar, because(t.Why))
	}
	b.WriteString("\nStill there, if the person was ever known:\n")
	if f.Backups != "" {
		fmt.Fprintf(&b, "- in backups made before: %s in %s, and those made by hand\n", counted(f.Copies, "scheduled copy"), f.Backups)
	} else {
		b.WriteString("- in backups made before, wherever they were put\n")
	}
	b.WriteString("  (whoever restores one brings the person back, and must run this command again)\n" +
		"- in the database file itself for a while, in pages that are free and not yet written over\n" +
		"- in the chat in WhatsApp, on both phones\n" +
		"- in the calendars: what staff wrote there themselves, in the trash, in mails and on devices\n")
	if f.Webhook {
		b.WriteString("- where the webhook has told of the bookings; booking.forgotten tells to erase it there too\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return " (" + why + ")"
}

// counted writes a number of things.
func counted(n int, what string) string {
	switch {
	case n == 1:
		return "1 " + what
	case strings.HasSuffix(what, "y"):
		what = strings.TrimSuffix(what, "y") + "ie"
	}
	return fmt.Sprintf("%d %ss", n, what)
}
