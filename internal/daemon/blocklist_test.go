package daemon_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slotd/internal/config"
	"slotd/internal/daemon"
	"slotd/internal/emulator/whatsapp"
)

// blocklist writes a list and loads it.
func blocklist(t *testing.T, text string) (daemon.Blocklist, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "blocked.txt")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return daemon.LoadBlocklist(&config.Config{Business: config.Business{Blocklist: path}})
}

func TestBlocklist(t *testing.T) {
	list, err := blocklist(t, "\ufeff# from the front desk\r\n\r\n+49 170 0000001 # twice no show\r\n0049-170-0000002\n"+
		"  491700000003\n\u202a+49\u00a0170\u20110000004\u202c\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, digits := range []string{"491700000001", "491700000002", "491700000003", "491700000004"} {
		if !list.Has(digits) {
			t.Errorf("%s is not on it", digits)
		}
	}
	if len(list) != 4 || list.Has("") || list.Has("491700000009") {
		t.Errorf("%d numbers", len(list))
	}
	if none, err := daemon.LoadBlocklist(&config.Config{}); none != nil || err != nil {
		t.Errorf("without a file: %v, %v", none, err)
	}
	if empty, err := blocklist(t, ""); err != nil || len(empty) != 0 {
		t.Errorf("an empty one: %v, %v", empty, err)
	}
}

// TestBlocklistFaults: each is told by file and line, and none by what stands there.
func TestBlocklistFaults(t *testing.T) {
	_, err := blocklist(t, "491700000001\nMr. Example 491700000002\n\n1234\n49+1700000003\n4917000000041234567\n+\n")
	if err == nil {
		t.Fatal("taken")
	}
	lines := strings.Split(err.Error(), "\n")
	for i, at := range []string{"blocked.txt:2: ", "blocked.txt:4: ", "blocked.txt:5: ", "blocked.txt:6: ", "blocked.txt:7: "} {
		if i >= len(lines) || !strings.Contains(lines[i], at) || !strings.Contains(lines[i], "no phone number") {
			t.Errorf("no fault at %q in\n%v", at, err)
		}
	}
	for _, private := range []string{"Example", "00000002", "1234", "00000003"} {
		if strings.Contains(err.Error(), private) {
			t.Errorf("the fault shows %q", private)
		}
	}
	_, err = blocklist(t, strings.Repeat("?\n", 100))
	if lines := strings.Split(err.Error(), "\n"); len(lines) != 21 || !strings.Contains(lines[20], "80 more lines") {
		t.Errorf("a hundred faults: %v", err)
	}
	gone := &config.Config{Business: config.Business{Blocklist: filepath.Join(t.TempDir(), "none")}}
	if _, err := daemon.LoadBlocklist(gone); err == nil || !strings.Contains(err.Error(), "blocklist_file") {
		t.Errorf("a file that is not there: %v", err)
	}
}

// in writes a key into the section of the business.
func in(key string) func(string) string {
	return func(s string) string { return strings.Replace(s, "[business]\n", "[business]\n"+key+"\n", 1) }
}

// TestReloadReadsTheBlocklist: a number on it books no more; a list that cannot be read changes nothing.
func TestReloadReadsTheBlocklist(t *testing.T) {
	served(t, func(t *testing.T, c *clinic) {
		path := filepath.Join(filepath.Dir(c.cfg.Path), "blocked.txt")
		c.buys("adams", 2)
		c.must(os.WriteFile(path, []byte("+49 0000000000\n"), 0o600)) // of all customers here
		c.rewrite(in(`blocklist_file = "blocked.txt"`))
		c.reloads()
		if problems := c.wrong(); problems != "" {
			t.Errorf("problems: %s", problems)
		}
		refused := func() {
			t.Helper()
			if r := c.walk(whatsapp.Plan{}); r.Outcome == whatsapp.Success || !strings.Contains(r.Message, "we can't take this booking") {
				t.Errorf("%s %q", r.Outcome, r.Message)
			}
		}
		refused()
		if text := c.check("blocklist").Text; !strings.Contains(text, "blocked.txt can be read; phone numbers: 1") {
			t.Errorf("doctor says %q", text)
		}
		c.must(os.WriteFile(path, []byte("# nobody\nSam, 490000000000\n"), 0o600))
		c.reloads()
		if problems := c.wrong(); !strings.Contains(problems, "blocked.txt:2: ") || strings.Contains(problems, "0000000") {
			t.Errorf("problems: %s", problems)
		}
		refused()
		c.quit()
		c.failures.Reset() // a refusal is logged as an error, and was wanted here
		c.must(os.WriteFile(path, []byte("# nobody\n"), 0o600))
		c.reconfigure()
		c.start()
		time.Sleep(time.Minute)
		c.buys("adams", 2)
	})
}

// TestReloadSwitchesARuleOn: what was booked before counts, after a reload and after a restart.
func TestReloadSwitchesARuleOn(t *testing.T) {
	served(t, func(t *testing.T, c *clinic) {
		c.buys("adams", 2)
		c.rewrite(in(`one_open_booking = true`))
		c.reloads()
		refused := func() {
			t.Helper()
			if r := c.walk(whatsapp.Plan{}); r.Outcome == whatsapp.Success || !strings.Contains(r.Message, "already have an appointment") {
				t.Errorf("%s %q", r.Outcome, r.Message)
			}
		}
		refused()
		if problems := c.wrong(); problems != "" {
			t.Errorf("problems: %s", problems)
		}
		c.quit()
		c.reconfigure()
		c.start()
		time.Sleep(time.Minute)
		refused()
	})
}
