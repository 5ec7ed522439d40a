package daemon_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"slotd/internal/admin"
	"slotd/internal/config"
	"slotd/internal/emulator/fault"
)

// wrong returns what the status says is wrong.
func (c *clinic) wrong() string {
	c.t.Helper()
	var s admin.Status
	c.ask("/api/status", &s)
	return strings.Join(s.Problems, "\n")
}

// check returns the doctor's line of that name.
func (c *clinic) check(name string) admin.Check {
	c.t.Helper()
	var checks []admin.Check
	c.ask("/api/doctor", &checks)
	for _, check := range checks {
		if check.Name == name {
			return check
		}
	}
	c.t.Fatalf("no check %q in %+v", name, checks)
	return admin.Check{}
}

func TestAStuckOutboxIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClinic(t)
		c.start()
		defer c.close()
		time.Sleep(time.Minute)
		heal := c.google.Inject(fault.Rule{Op: "events.insert", Status: http.StatusServiceUnavailable, Times: fault.Forever})
		c.buys("adams", 2)
		time.Sleep(4 * time.Minute)
		if got := c.wrong(); strings.Contains(got, "stuck") {
			t.Errorf("after four minutes: %s", got)
		}
		time.Sleep(3 * time.Minute)
		if got := c.wrong(); !strings.Contains(got, "the outbox is stuck: 1 waiting") {
			t.Errorf("status: %q", got)
		}
		if got := c.check("outbox"); got.Status != admin.CheckFailed || !strings.Contains(got.Text, "stuck") {
			t.Errorf("doctor: %+v", got)
		}
		if _, values := c.metrics(); values["slotd_outbox_marks"] != 1 || values["slotd_outbox_oldest_seconds"] < 300 {
			t.Errorf("metrics: %v marks, the oldest for %v s", values["slotd_outbox_marks"], values["slotd_outbox_oldest_seconds"])
		}
		heal()
		time.Sleep(15 * time.Minute)
		if got := c.wrong(); got != "" {
			t.Errorf("when it is over: %s", got)
		}
		if got := c.check("outbox"); got.Status != admin.CheckOK {
			t.Errorf("doctor: %+v", got)
		}
	})
}

func TestTheDoctorAnswersWhileAProviderHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClinic(t)
		c.start()
		defer c.close()
		time.Sleep(time.Minute)
		heal := c.google.Inject(fault.Rule{Delay: time.Hour, Times: fault.Forever})
		for _, name := range []string{"account google", "clock, localhost"} {
			if got := c.check(name); got.Status != admin.CheckFailed {
				t.Errorf("%+v", got)
			}
		}
		heal()
		if got := c.check("account google"); got.Status != admin.CheckOK {
			t.Errorf("healed: %+v", got)
		}
	})
}

func TestCopiesAreMadeEachNight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClinic(t)
		c.cfg.Backup = config.Backup{Directory: t.TempDir(), At: 3*60 + 30, Keep: 2}
		c.start()
		defer c.close()
		var s admin.Status
		for day := range 2 {
			time.Sleep(24 * time.Hour)
			c.ask("/api/status", &s)
			if s.Backup == nil || s.Backup.Last == nil {
				t.Fatalf("day %d: %+v", day, s.Backup)
			}
			last := s.Backup.Last.In(c.zone)
			if last.Hour() != 3 || last.Minute() != 30 || s.Now.Sub(last) > 24*time.Hour || s.Backup.Copies != min(day+2, 2) {
				t.Errorf("day %d: the last copy is of %s, and there are %d", day, last, s.Backup.Copies)
			}
			if next := s.Backup.Next.In(c.zone); next.Sub(last).Round(time.Hour) != 24*time.Hour {
				t.Errorf("the next is due at %s", next)
			}
		}
		if got := c.check("backup"); got.Status != admin.CheckOK || !strings.Contains(got.Text, "2 in ") {
			t.Errorf("doctor: %+v", got)
		}
	})
}
