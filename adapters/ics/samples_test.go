package ics_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"slotd/adapters/ics"
	"slotd/internal/calendar"
	emulator "slotd/internal/emulator/ics"

	"github.com/google/go-cmp/cmp"
)

// TestSamples reads what known programs export, over HTTP.
func TestSamples(t *testing.T) {
	odd := map[string]map[string]int{
		"practice": {ics.EndBeforeStart: 1, ics.UnknownZone: 1, ics.VeryLong: 1},
	}
	for _, sample := range emulator.Samples() {
		t.Run(sample.Name, func(t *testing.T) {
			r := reading{odd: map[string]int{}}
			w := serve(t, emulator.Feed{Text: sample.Text}, func(o *ics.Options) {
				o.Zone = location(t, sample.Zone)
				o.Report = r.report
			})
			window := calendar.Interval{Start: at(t, sample.From), End: at(t, sample.To)}
			r.snap, r.err = w.client.Read(t.Context(), "adams", window)
			wantBusy(t, r, sample.Busy, odd[sample.Name])
			if r.snap.Window != window {
				t.Errorf("the snapshot's window is %v", r.snap.Window)
			}
		})
	}
}

// TestNothingButTime: no title, note or name of the feed gets out of the adapter, UIDs included: some are addresses.
func TestNothingButTime(t *testing.T) {
	for _, sample := range emulator.Samples() {
		r := readText(t, sample.Text, sample.Zone, spring(t))
		out := fmt.Sprint(r.snap, r.odd)
		for _, private := range []string{"google.com", "Rounds", "Check-up", "1F6C0A3E", "Pluto", "practice"} {
			if strings.Contains(out, private) {
				t.Errorf("%s: %q is in the snapshot or in the report", sample.Name, private)
			}
		}
	}
}

// TestOccurrencesHaveTheirOwnID: and keep it when another part of the feed changes.
func TestOccurrencesHaveTheirOwnID(t *testing.T) {
	series := "DTSTART:20260324T080000Z\nDTEND:20260324T090000Z\nRRULE:FREQ=DAILY;COUNT=4"
	before := readText(t, vevent(series), "UTC", spring(t))
	after := readText(t, vevent(series+"\nEXDATE:20260325T080000Z"), "UTC", spring(t))
	ids := func(r reading) map[string]calendar.Interval {
		out := map[string]calendar.Interval{}
		for _, e := range r.snap.Events {
			if !e.Recurring {
				t.Error("an occurrence of a series does not say so")
			}
			out[e.ID] = e.Interval
		}
		return out
	}
	all := ids(before)
	if len(all) != 4 {
		t.Fatalf("%d ids for 4 occurrences", len(all))
	}
	left := ids(after)
	maps.DeleteFunc(all, func(_ string, i calendar.Interval) bool { return i.Start == at(t, "2026-03-25T08:00:00Z") })
	if d := cmp.Diff(slices.Sorted(maps.Keys(all)), slices.Sorted(maps.Keys(left))); d != "" {
		t.Error(d)
	}
}
