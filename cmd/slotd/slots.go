package main

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"slotd/internal/admin"
)

func (a *app) slotsCommand() *cobra.Command {
	var department, service, resource, date string
	cmd := &cobra.Command{
		Use:   "slots",
		Short: "Show what can be booked now",
		Args:  exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.load()
			if err != nil {
				return err
			}
			query := url.Values{}
			for key, value := range map[string]string{
				"department": department, "service": service, "resource": resource, "date": date,
			} {
				if value != "" {
					query.Set(key, value)
				}
			}
			var s admin.Slots
			if err := ask(cmd.Context(), cfg, "/api/slots", query, &s); err != nil {
				return err
			}
			if a.json {
				return printJSON(cmd.OutOrStdout(), s)
			}
			return printSlots(cmd, s)
		},
	}
	cmd.Flags().StringVar(&department, "department", "", "department id")
	cmd.Flags().StringVar(&service, "service", "", "service id (default: the first that is offered)")
	cmd.Flags().StringVar(&resource, "resource", "", "resource id (default: any)")
	cmd.Flags().StringVar(&date, "date", "", "only this day, 2006-01-02")
	cmd.Flags().BoolVar(&a.json, "json", false, "print JSON")
	return cmd
}

func printSlots(cmd *cobra.Command, s admin.Slots) error {
	out := cmd.OutOrStdout()
	_, err := fmt.Fprintf(out, "%s at %s, times in %s\n", s.Choice.Service, s.Choice.Resource, s.Zone)
	found := false
	for _, d := range s.Days {
		if len(d.Slots) == 0 {
			continue
		}
		found = true
		times := make([]string, len(d.Slots))
		for i, slot := range d.Slots {
			times[i] = slot
			if t, err := time.Parse(time.RFC3339, slot); err == nil {
				times[i] = t.Format("15:04")
			}
		}
		if _, err := fmt.Fprintf(out, "%s  %s\n", d.Date, strings.Join(times, " ")); err != nil {
			return err
		}
	}
	if err == nil && !found {
		_, err = fmt.Fprintln(out, "No free slot then, or within the horizon. 'slotd explain' with the same flags says why.")
	}
	return err
}
