package ics_test

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"slotd/adapters/ics"
	"slotd/internal/calendar"

	"github.com/google/go-cmp/cmp"
)

func TestFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "adams.ics")
	client := open(t, ics.Options{Feeds: map[string]ics.Feed{"adams": {File: name}}, MaxBytes: 10_000})
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(name+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(name+".new", name); err != nil {
			t.Fatal(err)
		}
	}
	look := func(cursor calendar.Cursor) calendar.Change {
		t.Helper()
		change, err := client.Changed(t.Context(), "adams", spring(t), cursor)
		if err != nil {
			t.Fatal(err)
		}
		return change
	}
	_, err := client.Read(t.Context(), "adams", spring(t))
	wantError(t, err, calendar.Gone, "noSuchFile")

	write(wrap(oneEvent))
	first := look("")
	snap, err := client.Read(t.Context(), "adams", spring(t))
	wantBusy(t, reading{snap, map[string]int{}, err}, eight, nil)
	if look(first.Cursor).Changed {
		t.Error("changed, though nobody wrote")
	}
	write(strings.Replace(wrap(oneEvent), "Check-up", "Appendix", 1))
	if look(first.Cursor).Changed {
		t.Error("changed by a title")
	}
	write(strings.Replace(wrap(oneEvent), "T09", "T10", 1)) // as long as before, and perhaps in the same tick
	if !look(first.Cursor).Changed {
		t.Error("a change is not seen")
	}

	write(wrap(oneEvent)[:100])
	_, err = client.Changed(t.Context(), "adams", spring(t), first.Cursor)
	wantError(t, err, calendar.Unclear, "truncated")
	write(wrap(strings.Repeat(oneEvent+"\n", 200)))
	_, err = client.Read(t.Context(), "adams", spring(t))
	wantError(t, err, calendar.Refused, "tooLarge")
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	_, err = client.Changed(t.Context(), "adams", spring(t), first.Cursor)
	wantError(t, err, calendar.Gone, "noSuchFile")
}

// TestNotAFile: a directory, and a pipe that nobody writes to, which must not be waited for.
func TestNotAFile(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "adams.ics")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	client := open(t, ics.Options{Feeds: map[string]ics.Feed{"pipe": {File: fifo}, "dir": {File: dir}}})
	for _, feed := range []string{"pipe", "dir"} {
		_, err := client.Read(t.Context(), feed, spring(t))
		wantError(t, err, calendar.Refused, "notARegularFile")
	}
	_, err := client.Read(t.Context(), "other", spring(t))
	wantError(t, err, calendar.Gone, "noSuchFeed")
}

func TestOptions(t *testing.T) {
	for _, f := range []ics.Feed{
		{}, {URL: "https://pms.example/SECRET.ics", File: "/x"}, {URL: "ftp://pms.example/SECRET"}, {URL: "pms.example/SECRET"},
		{URL: "https:///SECRET"}, {URL: "https://[SECRET"}, {URL: "file:///SECRET"},
	} {
		_, err := ics.New(ics.Options{Feeds: map[string]ics.Feed{"adams": f}})
		if err == nil || strings.Contains(err.Error(), "SECRET") || !strings.Contains(err.Error(), `"adams"`) {
			t.Errorf("%+v: %v", f, err)
		}
	}
	var none *calendar.Error
	if _, err := ics.New(ics.Options{}); err != nil || errors.As(err, &none) {
		t.Error(err)
	}
	client := open(t, ics.Options{Feeds: map[string]ics.Feed{
		"b": {File: "/b"}, "a": {URL: "webcal://pms.example/a", Zone: location(t, "Asia/Tokyo")},
	}, Networks: []netip.Prefix{}})
	got, err := client.Calendars(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []calendar.Info{{ID: "a", Name: "a", Zone: "Asia/Tokyo"}, {ID: "b", Name: "b"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
