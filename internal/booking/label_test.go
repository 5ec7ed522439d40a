package booking_test

import (
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"slotd/internal/booking"
)

func TestLabel(t *testing.T) {
	tests := []struct{ zone, at, want string }{
		{"Europe/Berlin", "2026-06-10T12:30:00Z", "14:30"},
		{"Europe/Berlin", "2026-10-25T00:30:00Z", "02:30 (UTC+2)"},
		{"Europe/Berlin", "2026-10-25T01:30:00Z", "02:30 (UTC+1)"},
		{"Europe/Berlin", "2026-10-25T02:00:00Z", "03:00"},
		{"Europe/Berlin", "2026-03-29T01:00:00Z", "03:00"},
		{"America/New_York", "2026-11-01T05:00:00Z", "01:00 (UTC-4)"},
		{"America/St_Johns", "2026-11-01T03:30:00Z", "01:00 (UTC-2:30)"},
		{"America/St_Johns", "2026-11-01T04:30:00Z", "01:00 (UTC-3:30)"},
		{"Australia/Lord_Howe", "2026-04-04T14:30:00Z", "01:30 (UTC+11)"},
		{"Australia/Lord_Howe", "2026-04-04T15:00:00Z", "01:30 (UTC+10:30)"},
		{"Europe/London", "2026-10-25T01:00:00Z", "01:00 (UTC+0)"},
		{"Asia/Kathmandu", "2026-10-25T00:00:00Z", "05:45"},
	}
	for _, tt := range tests {
		if got := booking.Label(unix(t, tt.at), zone(t, tt.zone)); got != tt.want {
			t.Errorf("%s at %s: %q, want %q", tt.zone, tt.at, got, tt.want)
		}
	}
	if got := booking.LongLabel(unix(t, "2026-11-24T13:30:00Z"), zone(t, "Europe/Berlin")); got != "Tue 24 Nov · 14:30" {
		t.Errorf("long label: %q", got)
	}
}

func TestParts(t *testing.T) {
	every := func(from string, n int, step int64) []int64 {
		var out []int64
		for i := range n {
			out = append(out, unix(t, from)+int64(i)*step)
		}
		return out
	}
	tests := []struct {
		name   string
		starts []int64
		want   []string
	}{
		{"nothing", nil, []string{"day All day 0"}},
		{"fits", every("2026-06-10T07:00:00Z", 20, 15*minute), []string{"day All day 20"}},
		{"one too many", every("2026-06-10T07:00:00Z", 21, 30*minute), []string{
			"morning Morning 6", "afternoon Afternoon 10", "evening Evening 5",
		}},
		{"only a long afternoon", every("2026-06-10T10:00:00Z", 30, 10*minute), []string{
			"afternoon-1 Afternoon 12:00–14:20 15", "afternoon-2 Afternoon 14:30–16:50 15",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, p := range booking.Parts(tt.starts, zone(t, "Europe/Berlin"), 20) {
				got = append(got, p.ID+" "+p.Title+" "+strconv.Itoa(len(p.Starts)))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("want −, got +:\n%s", diff)
			}
		})
	}
}

// TestPartsLoseNothing: whatever the day, each start time is on exactly one screen, and no screen holds too many.
func TestPartsLoseNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		o := rapid.SampledFrom(odd).Draw(rt, "day")
		loc := zone(t, o.zone)
		whole := date(t, o.date).Interval(loc)
		grid := rapid.Int64Range(1, 60).Draw(rt, "grid") * minute
		var starts []int64
		for at := whole.Start; at < whole.End; at += grid {
			if rapid.IntRange(0, 3).Draw(rt, "taken") > 0 {
				starts = append(starts, at)
			}
		}
		limit := rapid.IntRange(1, 30).Draw(rt, "limit")
		var all []int64
		ids := map[string]bool{}
		for _, p := range booking.Parts(starts, loc, limit) {
			if len(p.Starts) > limit || ids[p.ID] || p.Title == "" || len(p.Starts) == 0 && len(starts) > 0 {
				rt.Fatalf("part %q %q holds %d, at most %d fit", p.ID, p.Title, len(p.Starts), limit)
			}
			ids[p.ID] = true
			all = append(all, p.Starts...)
		}
		if !slices.Equal(all, starts) {
			rt.Fatalf("the parts hold %v, the day %v", all, starts)
		}
	})
}
