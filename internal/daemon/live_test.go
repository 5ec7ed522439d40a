package daemon_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/internal/desk"
	"slotd/internal/emulator/fault"
	"slotd/internal/emulator/google"
	"slotd/internal/emulator/whatsapp"
)

// old runs a daemon whose mirror of Adams is offered from, and too old to book from.
func old(t *testing.T, accept bool, play func(c *clinic)) {
	t.Helper()
	flowKey()
	synctest.Test(t, func(t *testing.T) {
		c := newClinic(t)
		c.cfg.Freshness.AcceptUnverified = accept
		c.start()
		defer c.close()
		time.Sleep(time.Second)
		for time.Since(c.checked("adams")) < 3*time.Minute {
			time.Sleep(time.Second)
		}
		play(c)
	})
}

// slot is the time of a plan, two days from now.
func (c *clinic) slot(hour int) time.Time {
	y, m, d := time.Now().In(c.zone).AddDate(0, 0, 2).Date()
	return time.Date(y, m, d, hour, 0, 0, 0, c.zone)
}

// confirm books without choosing first.
func (c *clinic) confirm(at time.Time) (desk.Confirmed, error) {
	token, err := c.running.Desk.NewToken(c.t.Context(), desk.Invitation{Phone: "490000000000"})
	if err != nil {
		return desk.Confirmed{}, err
	}
	return c.running.Desk.Confirm(c.t.Context(), desk.Confirm{
		Token: token, Request: token, Start: at.Unix(),
		Choice: desk.Choice{Department: "general", Service: "consultation", Resource: "adams"},
		Answer: func(b *booking.Booking) []byte { return []byte(b.Reference) },
	})
}

// TestOneReadForManyConfirms: whoever wants an old time at once shares one look at the provider, and what it finds blocks for
// everybody.
func TestOneReadForManyConfirms(t *testing.T) {
	old(t, false, func(c *clinic) {
		c.google.Put("adams", google.Event{Title: "Private", Start: c.slot(10), End: c.slot(11)})
		for _, tt := range []struct {
			hour int
			want booking.Reason
		}{{12, booking.Free}, {10, booking.Busy}} {
			hour, want, won := tt.hour, tt.want, 0
			heal := c.google.Inject(fault.Rule{Op: "events.list", Delay: 300 * time.Millisecond, Times: fault.Forever})
			errs := make([]error, 20)
			var wg sync.WaitGroup
			for i := range errs {
				wg.Go(func() { _, errs[i] = c.confirm(c.slot(hour)) })
			}
			wg.Wait()
			heal()
			for _, err := range errs {
				var lost *desk.LostError
				switch {
				case err == nil:
					won++
				case !errors.As(err, &lost), want == booking.Busy && lost.Reason != booking.Busy:
					c.t.Errorf("at %d: %v", hour, err)
				}
			}
			if (won == 1) != (want == booking.Free) || won > 1 {
				c.t.Errorf("at %d: %d of %d have booked", hour, won, len(errs))
			}
		}
		c.wantMetrics(map[string]float64{
			`slotd_calendar_live_reads_total{account="google",outcome="known"}`:  1,
			`slotd_calendar_live_reads_total{account="google",outcome="behind"}`: 1,
			`slotd_calendar_live_reads_total{account="google",outcome="late"}`:   0,
		})
	})
}

// TestUnverified: where the provider cannot be asked, the policy decides.
func TestUnverified(t *testing.T) {
	troubles := map[string]fault.Rule{
		"hangs":     {Delay: time.Hour},
		"throttled": {Status: http.StatusTooManyRequests, RetryAfter: "600"},
		"signs out": {Status: http.StatusUnauthorized},
		"broken":    {Status: http.StatusInternalServerError},
		"resets":    {Reset: true},
		"nonsense":  {Truncate: true},
	}
	for name, rule := range troubles {
		rule.Op, rule.Times = "events.list", fault.Forever
		t.Run(name+", refused", func(t *testing.T) {
			old(t, false, func(c *clinic) {
				heal := c.google.Inject(rule)
				before := c.google.Requests("events.list")
				r := c.walk(c.plan("10:00"))
				if r.Outcome != whatsapp.Lost || !strings.Contains(r.Message, "we can't be sure") || len(c.bookings()) > 0 {
					c.t.Errorf("%s %q, %d bookings", r.Outcome, r.Message, len(c.bookings()))
				}
				if n := c.google.Requests("events.list") - before; n > 8 { // a reset connection is tried once more by net/http
					c.t.Errorf("%d lists for one customer", n)
				}
				heal()
				time.Sleep(15 * time.Minute)
				if r := c.walk(c.plan("10:00")); r.Outcome != whatsapp.Success {
					c.t.Errorf("when it is over: %s %q", r.Outcome, r.Message)
				}
			})
		})
		t.Run(name+", accepted", func(t *testing.T) {
			old(t, true, func(c *clinic) {
				// Somebody is there already, which nobody can know.
				c.google.Put("adams", google.Event{Title: "Private", Start: c.slot(10), End: c.slot(11)})
				heal := c.google.Inject(rule)
				begun := time.Now()
				done, err := c.confirm(c.slot(10))
				if took := time.Since(begun); err != nil || took > 700*time.Millisecond {
					c.t.Fatalf("%v after %s", err, took)
				}
				heal()
				time.Sleep(15 * time.Minute)
				listed := c.bookings()
				if len(listed) != 1 || listed[0].ID != done.Booking || !listed[0].Conflict {
					c.t.Errorf("%+v", listed)
				}
			})
		})
	}
}

// TestChoosingSparesTheWait: choosing has the calendar looked at, so that the confirm that follows asks nobody.
func TestChoosingSparesTheWait(t *testing.T) {
	old(t, false, func(c *clinic) {
		if r := c.walk(c.plan("10:00")); r.Outcome != whatsapp.Success {
			c.t.Fatalf("%s %q", r.Outcome, r.Message)
		}
		_, got := c.metrics()
		for series, n := range got {
			if strings.HasPrefix(series, "slotd_calendar_live_reads_total") && n > 0 {
				c.t.Errorf("%s: %v", series, n)
			}
		}
		if age := time.Since(c.running.Checked(calendar.ID("google/adams"))); age > time.Second {
			c.t.Errorf("the mirror is %s old", age)
		}
	})
}
