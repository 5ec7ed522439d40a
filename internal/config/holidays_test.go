package config

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slotd/internal/booking"
	"slotd/internal/calendar"
)

// set returns dates written as 2026-12-24, of every year as 0000-12-24.
func set(t *testing.T, texts ...string) map[calendar.Date]bool {
	t.Helper()
	out := map[calendar.Date]bool{}
	for _, text := range texts {
		d, err := calendar.ParseDate(text)
		if err != nil {
			t.Fatal(err)
		}
		out[d] = true
	}
	return out
}

func TestHolidays(t *testing.T) {
	cfg, err := Parse("t.toml", []byte(minimal+`
[[holiday]]
title = "Christmas"
dates = ["2026-12-31/2027-01-01", 2026-05-14, "12-25", "02-28/03-01"]
[[holiday]]
title = "Congress"
dates = ["2026-09-10"]
resources = ["adams"]
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []booking.Holiday{
		{Title: "Christmas", Dates: set(t, "2026-12-31", "2027-01-01", "2026-05-14", "0000-12-25", "0000-02-28", "0000-02-29", "0000-03-01")},
		{Title: "Congress", Dates: set(t, "2026-09-10"), Resources: []string{"adams"}},
	}
	if diff := cmp.Diff(want, cfg.Bookable().Holidays); diff != "" {
		t.Errorf("holidays (-want +got):\n%s", diff)
	}
	if err := cfg.ReadHolidays(nil); err != nil { // there is nothing to read
		t.Error(err)
	}
}

// withHolidays returns the minimal file, in a directory with the given files, with a holiday for each of names.
func withHolidays(t *testing.T, files map[string]string, names ...string) *Config {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := minimal
	for _, name := range names {
		file += "[[holiday]]\ntitle = \"" + name + "\"\ndates = [\"12-24\"]\nfile = \"" + name + "\"\n"
	}
	cfg, err := Parse(filepath.Join(dir, "slotd.toml"), []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// The dates of files are added to those of the config, each time anew, and what was made of the earlier ones stays as it is.
func TestReadHolidays(t *testing.T) {
	cfg := withHolidays(t, map[string]string{
		"list.txt": "\ufeff# public holidays\r\n2026-12-25 Christmas Day # all day\r\n\r\n 12-26\tBoxing Day\r\n2027-01-01/2027-01-02",
		"feed.ICS": "BEGIN:VCALENDAR",
	}, "list.txt", "feed.ICS")
	feed := []calendar.Date{{Year: 2026, Month: 12, Day: 31}}
	ics := func(path string) ([]calendar.Date, error) {
		if filepath.Base(path) != "feed.ICS" {
			t.Errorf("asked for %s", path)
		}
		return feed, nil
	}
	for range 2 {
		if err := cfg.ReadHolidays(ics); err != nil {
			t.Fatal(err)
		}
		want := []map[calendar.Date]bool{
			set(t, "0000-12-24", "2026-12-25", "0000-12-26", "2027-01-01", "2027-01-02"), set(t, "0000-12-24", "2026-12-31"),
		}
		for i, h := range cfg.Holidays {
			if diff := cmp.Diff(want[i], h.Dates); diff != "" {
				t.Errorf("%s (-want +got):\n%s", h.Title, diff)
			}
		}
	}
	before := cfg.Bookable()
	feed[0].Day = 30
	if err := cfg.ReadHolidays(ics); err != nil || !maps.Equal(cfg.Holidays[1].Dates, set(t, "0000-12-24", "2026-12-30")) {
		t.Errorf("%v, %v", cfg.Holidays[1].Dates, err)
	}
	if !before.Holidays[1].Dates[calendar.Date{Year: 2026, Month: 12, Day: 31}] {
		t.Error("a business that is in use was changed")
	}
}

// What is wrong with a file is said with the line of the config that names it, and of a list also with its own.
func TestReadHolidaysNamesWhatIsWrong(t *testing.T) {
	cfg := withHolidays(t, map[string]string{
		"bad.txt":   "2026-12-25 fine\n25.12.2026\n2026-02-30\n" + strings.Repeat("x\n", 20),
		"empty.txt": "# nothing\n", "long.txt": strings.Repeat("\n", 1<<20+1), "feed.ics": "x", "free.ics": "x",
		"endless.txt": strings.Repeat("2026-01-01/2028-01-01\n", 100),
		"spaced.txt":  "2026-12-28 / 2026-12-31 Between the years\n2027-03-29 to 2027-04-02\n2026-12-24 Shift 2 of 24\n12-25 12-26",
	}, "missing.txt", "bad.txt", "empty.txt", "long.txt", "feed.ics", "free.ics", ".", "endless.txt", "spaced.txt")
	err := cfg.ReadHolidays(func(path string) ([]calendar.Date, error) {
		if filepath.Base(path) == "free.ics" {
			return nil, nil
		}
		return nil, errors.New("line 1: no calendar")
	})
	var faults Faults
	if !errors.As(err, &faults) {
		t.Fatalf("got %v, want Faults", err)
	}
	golden(t, "testdata/holidays.golden", strings.ReplaceAll(err.Error(), filepath.Dir(cfg.Path), "/etc/slotd")+"\n")
	for _, h := range cfg.Holidays {
		if diff := cmp.Diff(set(t, "0000-12-24"), h.Dates); diff != "" {
			t.Errorf("%s (-want +got):\n%s", h.Title, diff)
		}
	}
}

func FuzzHolidayList(f *testing.F) {
	f.Add([]byte("2026-12-25 Christmas Day\n12-26/01-01 # over the new year\n2026-01-01/2029-01-01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		dates, problems := parseList(data)
		if len(problems) > holidaysWrong+1 || len(problems) == 0 && len(dates) > holidaysDates {
			t.Errorf("%d dates, %d problems", len(dates), len(problems))
		}
		for _, d := range dates {
			if d.Year != 0 && (d.Year < firstYear || d.Year > lastYear+3) {
				t.Errorf("date %v", d)
			}
		}
	})
}
