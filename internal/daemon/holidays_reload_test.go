package daemon_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slotd/internal/admin"
)

// TestReloadWithHolidaysOfAFile: a reload closes the days of a file, and one that cannot be read leaves everything as it was.
func TestReloadWithHolidaysOfAFile(t *testing.T) {
	served(t, func(t *testing.T, c *clinic) {
		const outing = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Outing\r\nDTSTART;VALUE=DATE:20000104\r\n" +
			"TRANSP:TRANSPARENT\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
		path := filepath.Join(filepath.Dir(c.cfg.Path), "holidays.ics")
		c.must(os.WriteFile(path, []byte(outing), 0o600))
		free := func() int {
			var e admin.Explanation
			c.ask("/api/explain?resource=adams&date=2000-01-04", &e)
			return e.Resources[0].Days[0].Free
		}
		if free() == 0 {
			t.Fatal("nothing can be booked before")
		}
		c.rewrite(func(s string) string { return s + "\n[[holiday]]\ntitle = \"Outing\"\nfile = \"holidays.ics\"\n" })
		c.reloads()
		if n := free(); n != 0 || c.wrong() != "" {
			t.Errorf("%d slots on a holiday; problems %q", n, c.wrong())
		}
		c.must(os.WriteFile(path, []byte(outing[:60]), 0o600))
		c.reloads()
		problems := c.wrong()
		for _, want := range []string{"the config on disk was refused", `holiday "Outing"`, "holidays.ics is no calendar of holidays"} {
			if !strings.Contains(problems, want) {
				t.Errorf("the status lacks %q:\n%s", want, problems)
			}
		}
		if n := free(); n != 0 {
			t.Errorf("%d slots on a holiday while its file cannot be read", n)
		}
		c.must(os.WriteFile(path, []byte(strings.Replace(outing, "20000104", "20000105", 1)), 0o600))
		c.reloads()
		if free() == 0 || c.wrong() != "" {
			t.Errorf("%d slots after the file was mended; problems %q", free(), c.wrong())
		}
		c.failures.Reset() // a refusal is logged as an error, and was wanted here
	})
}
