package main

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"slotd/internal/admin"
	"slotd/internal/booking"
)

func (a *app) explainCommand() *cobra.Command {
	flags := map[string]*string{}
	cmd := &cobra.Command{
		Use:   "explain",
		Short: "Say why a time can, or cannot, be booked: every rule that was asked, and which one decided",
		Long: `Explain asks the running daemon what each rule says, by the same functions that answer customers.

With --at it lists every rule that was asked about that start, in order: the first that says no decides. With --date it
counts the start times of that day by the rules that bar them, and without both it does so for each day of the horizon.

Exit code 0: it answered, whatever the answer is.`,
		Example: `  slotd explain --service checkup --resource adams --at 2026-12-01T10:00
  slotd explain --service checkup --date 2026-12-01
  slotd explain --resource adams`,
		Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if *flags["at"] != "" && *flags["date"] != "" {
				return usageError{errors.New("ask about a time (--at) or about a day (--date), not both")}
			}
			cfg, err := a.loadAdmin(cmd)
			if err != nil {
				return err
			}
			query := url.Values{}
			for key, value := range flags {
				if *value != "" {
					query.Set(key, *value)
				}
			}
			var e admin.Explanation
			if err := ask(cmd.Context(), cfg, "/api/explain", query, &e); err != nil {
				return err
			}
			if a.json {
				return printJSON(cmd.OutOrStdout(), e)
			}
			return printExplanation(cmd.OutOrStdout(), e)
		},
	}
	for name, usage := range map[string]string{
		"department": "department id",
		"service":    "service id (default: the first that is offered)",
		"resource":   "resource id (default: any)",
		"at":         "a start, 2006-01-02T15:04 in the zone of the business or RFC 3339",
		"date":       "a day, 2006-01-02 (default: all days of the horizon)",
	} {
		flags[name] = cmd.Flags().String(name, "", usage)
	}
	cmd.Flags().BoolVar(&a.json, "json", false, "print JSON")
	return cmd
}

func printExplanation(out io.Writer, e admin.Explanation) error {
	for i, r := range e.Resources {
		if i > 0 {
			_, _ = fmt.Fprintln(out)
		}
		what := fmt.Sprintf("%s at %s", e.Choice.Service, r.Resource)
		if r.Department != "" {
			what += ", department " + r.Department
		}
		switch {
		case e.Start != nil:
			printStart(out, what, zoned(*e.Start, r.Zone), r)
		case len(r.Days) == 1:
			printDay(out, what, r)
		default:
			printDays(out, what, r)
		}
		if err := printKnown(out, r.Calendars); err != nil {
			return err
		}
	}
	return nil
}

// zoned returns the time as clocks show it in a zone; in its own where this host does not know the zone.
func zoned(t time.Time, zone string) time.Time {
	if loc, err := time.LoadLocation(zone); err == nil {
		return t.In(loc)
	}
	return t
}

// printStart prints what each rule says of a start.
func printStart(out io.Writer, what string, start time.Time, r admin.Explained) {
	answer := "can be booked"
	if r.Decided != "" {
		answer = fmt.Sprintf("cannot be booked: %s", r.Decided)
	}
	_, _ = fmt.Fprintf(out, "%s, %s (%s)\n%s\n\n", what, start.Format(whenLayout), r.Zone, answer)
	for i, v := range r.Verdicts {
		mark := "✓"
		if v.Decided {
			mark = "✗ decides"
		} else if !v.Passed {
			mark = "✗ also"
		}
		_, _ = fmt.Fprintf(out, "%3d. %s%s  %s\n", i+1, mark, strings.Repeat(" ", len("x decides")-len([]rune(mark))), v.Sentence)
	}
	if len(r.Unasked) > 0 {
		rules := make([]string, len(r.Unasked))
		for i, rule := range r.Unasked {
			rules[i] = string(rule)
		}
		_, _ = fmt.Fprintf(out, "     not asked, as the time is out of bounds: %s\n", strings.Join(rules, ", "))
	}
}

// printDay prints what is said of one day.
func printDay(out io.Writer, what string, r admin.Explained) {
	d := r.Days[0]
	_, _ = fmt.Fprintf(out, "%s, %s (%s)\n%s\n", what, dayText(d.Date), r.Zone, d.Sentence)
	if d.Starts == 0 {
		_, _ = fmt.Fprintln(out, "no start times")
		return
	}
	_, _ = fmt.Fprintf(out, "%s, %d free%s\n", counted(d.Starts, "start time"), d.Free, barredText("; barred: ", d.Barred))
}

// printDays prints a line for each day and the sum of all.
func printDays(out io.Writer, what string, r admin.Explained) {
	if len(r.Days) == 0 {
		_, _ = fmt.Fprintf(out, "%s: no days\n", what)
		return
	}
	_, _ = fmt.Fprintf(out, "%s, from %s on (%s)\n\n", what, dayText(r.Days[0].Date), r.Zone)
	var lines strings.Builder
	w := tabwriter.NewWriter(&lines, 0, 0, 2, ' ', 0)
	sum, closed := admin.ExplainedDay{Barred: map[booking.Rule]int{}}, 0
	for _, d := range r.Days {
		if d.Starts == 0 {
			closed++
			_, _ = fmt.Fprintf(w, "%s\t-\t%s\n", dayText(d.Date), d.Sentence)
			continue
		}
		_, _ = fmt.Fprintf(w, "%s\t%d of %d\t%s\n", dayText(d.Date), d.Free, d.Starts, barredText("", d.Barred))
		sum.Starts, sum.Free = sum.Starts+d.Starts, sum.Free+d.Free
		for rule, n := range d.Barred {
			sum.Barred[rule] += n
		}
	}
	_ = w.Flush()
	for line := range strings.Lines(lines.String()) {
		_, _ = fmt.Fprintln(out, strings.TrimRight(line, " \n"))
	}
	_, _ = fmt.Fprintf(out, "\n%d days, %d without start times; %s, %d free%s\n", len(r.Days), closed,
		counted(sum.Starts, "start time"), sum.Free, barredText("; barred: ", sum.Barred))
}

// barredText says how many start times which rules bar, in the order in which they are asked.
func barredText(before string, barred map[booking.Rule]int) string {
	var parts []string
	for _, rule := range booking.AllRules() {
		if n := barred[rule]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", rule, n))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return before + strings.Join(parts, ", ")
}

// dayText returns a date with its weekday.
func dayText(date string) string {
	d, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return date
	}
	return d.Format("Mon " + time.DateOnly)
}

// printKnown prints how well the calendars are known.
func printKnown(out io.Writer, calendars []admin.KnownCalendar) error {
	if _, err := fmt.Fprintln(out); err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, c := range calendars {
		confirmed := "never confirmed"
		if c.Checked != nil {
			confirmed = "confirmed " + time.Duration(c.AgeS*float64(time.Second)).Round(time.Second).String() + " ago"
		}
		state := "fresh"
		if !c.Served {
			state = "HIDDEN: " + c.Why
		} else if c.Asked {
			state = "fresh; a confirm asks the provider first"
		}
		_, _ = fmt.Fprintf(w, "calendar %s\t%s\t%s\n", c.ID, confirmed, state)
	}
	return w.Flush()
}
