package daemon_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"slotd/internal/admin"
	"slotd/internal/emulator/fault"
	"slotd/internal/emulator/whatsapp"
	"slotd/internal/flow"
	"slotd/store"
)

// watchdog is how long the service manager of these tests waits for a sign of life.
const watchdog = time.Minute

// manager is the service manager: it hears what the daemon says of itself.
type manager struct {
	mu    sync.Mutex
	heard []string
}

func (m *manager) notify(state string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.heard = append(m.heard, state)
}

// take returns what was said since the last call, and forgets it.
func (m *manager) take() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	heard := m.heard
	m.heard = nil
	return heard
}

// count returns how often a state is among those heard.
func count(heard []string, state string) (n int) {
	for _, h := range heard {
		if strings.HasPrefix(h, state) {
			n++
		}
	}
	return n
}

// served runs test in a bubble with a daemon that serves and has read its calendars.
func served(t *testing.T, test func(t *testing.T, c *clinic)) {
	t.Helper()
	servedBy(t, func(*clinic) {}, test)
}

// servedBy is served with a change before the daemon starts.
func servedBy(t *testing.T, change func(c *clinic), test func(t *testing.T, c *clinic)) {
	t.Helper()
	flowKey()
	synctest.Test(t, func(t *testing.T) {
		c := newClinic(t)
		change(c)
		c.start()
		defer c.close()
		time.Sleep(time.Second)
		test(t, c)
	})
}

// rewrite changes the config on disk.
func (c *clinic) rewrite(change func(string) string) {
	c.t.Helper()
	text, err := os.ReadFile(c.cfg.Path)
	c.must(err)
	c.must(os.WriteFile(c.cfg.Path, []byte(change(string(text))), 0o600))
}

// reloads asks for a reload and returns once it has ended.
func (c *clinic) reloads() {
	c.t.Helper()
	c.reload <- struct{}{}
	time.Sleep(time.Second)
}

// free returns how many slots a doctor has in the coming days.
func (c *clinic) free(doctor string) int {
	c.t.Helper()
	var s admin.Slots
	c.ask("/api/slots?service=consultation&resource="+doctor, &s)
	n := 0
	for _, d := range s.Days {
		n += len(d.Slots)
	}
	return n
}

// buys lets a customer book with a doctor, "" for any, on the nth day from now. It may be called by several goroutines.
func (c *clinic) buys(doctor string, day int) {
	p, err := c.phone()
	if err != nil {
		c.t.Error(err)
		return
	}
	r, err := whatsapp.Walk(c.t.Context(), p, whatsapp.Plan{
		Resource: doctor, Date: time.Now().AddDate(0, 0, day).Format(time.DateOnly), Strict: doctor != "",
	})
	if err != nil || r.Outcome != whatsapp.Success {
		c.t.Errorf("a customer cannot book: %v %+v", err, r)
	}
}

const bakerConfig = `
[[resource]]
id = "baker"
title = "Dr. Baker"
departments = ["general"]
hours = { mon-sun = ["09:00-17:00"] }
book_into = "google/baker"
`

func TestReloadTakesOverANewDoctor(t *testing.T) {
	served(t, func(t *testing.T, c *clinic) {
		before := c.free("adams")
		c.google.AddCalendar(owner, "baker", "baker", "Europe/Berlin")
		c.rewrite(func(s string) string { return s + bakerConfig })
		c.manager.take()
		c.reloads()
		heard := c.manager.take()
		if len(heard) < 2 || !strings.HasPrefix(heard[0], "RELOADING=1\nMONOTONIC_USEC=") || count(heard[1:], "READY=1") != 1 {
			t.Errorf("the service manager heard %q", heard)
		}
		if n := c.free("baker"); n == 0 || n != before {
			t.Errorf("the new doctor has %d slots, want %d as the others", n, before)
		}
		if n := c.free("adams"); n != before {
			t.Errorf("the old doctor has %d slots, before it were %d", n, before)
		}
		if problems := c.wrong(); problems != "" {
			t.Errorf("problems: %s", problems)
		}
		c.buys("baker", 2)
		time.Sleep(time.Minute)
		if n := len(c.google.Occurrences("baker", time.Now(), time.Now().AddDate(0, 1, 0))); n != 1 {
			t.Errorf("%d events in the new doctor's calendar, want 1", n)
		}
	})
}

// TestReloadRefusesABadConfig goes through what can be wrong with a config. Each time the old one stays, the status says all
// that is wrong, and the next good config ends that.
func TestReloadRefusesABadConfig(t *testing.T) {
	for _, test := range []struct {
		name   string
		spoil  func(dir, config string) (string, error)
		faults []string
	}{
		{"faults of the file", func(_, s string) (string, error) {
			return strings.Replace(s, `poll = "5m"`, "poll = \"soon\"\nfrobnicate = 1", 1), nil
		}, []string{"poll", "frobnicate"}},
		{"several parts", func(dir, s string) (string, error) {
			return s, errors.Join(os.Remove(filepath.Join(dir, "client_secret")), os.Remove(filepath.Join(dir, "app_secret")),
				os.WriteFile(filepath.Join(dir, "flow_key.pem"), []byte("no key"), 0o600))
		}, []string{"client secret", "app_secret", "private key"}},
		{"another store", func(_, s string) (string, error) { return s + "[store]\npath = \"other.db\"\n", nil },
			[]string{"[store] path", "needs a restart"}},
		{"other addresses", func(_, s string) (string, error) {
			return s + "[server]\nlisten = \"127.0.0.1:9090\"\nadmin = \"unix:admin.sock\"\n", nil
		}, []string{"[server] listen", "[server] admin", "needs a restart"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			flowKey()
			synctest.Test(t, func(t *testing.T) {
				c := newClinic(t)
				c.start()
				defer c.close()
				time.Sleep(time.Second)
				dir := filepath.Dir(c.cfg.Path)
				good := map[string][]byte{}
				for _, name := range []string{"slotd.toml", "client_secret", "app_secret", "flow_key.pem"} {
					text, err := os.ReadFile(filepath.Join(dir, name))
					c.must(err)
					good[name] = text
				}
				spoilt, err := test.spoil(dir, string(good["slotd.toml"]))
				c.must(err)
				c.must(os.WriteFile(c.cfg.Path, []byte(spoilt), 0o600))
				c.reloads()
				problems := c.wrong()
				for _, want := range append(test.faults, "the config on disk was refused at 2000-01-01") {
					if !strings.Contains(problems, want) {
						t.Errorf("the status lacks %q:\n%s", want, problems)
					}
				}
				c.buys("adams", 2)
				for name, text := range good {
					c.must(os.WriteFile(filepath.Join(dir, name), text, 0o600))
				}
				c.reloads()
				if problems := c.wrong(); problems != "" {
					t.Errorf("after a good reload: %s", problems)
				}
				c.quit()
				c.failures.Reset() // a refusal is logged as an error, and was wanted here
			})
		})
	}
}

func TestAResourceThatLeftTheConfigKeepsItsBookings(t *testing.T) {
	served(t, func(t *testing.T, c *clinic) {
		c.buys("clark", 2)
		time.Sleep(time.Minute)
		c.rewrite(func(s string) string { return s[:strings.LastIndex(s, "[[resource]]")] })
		c.reloads()
		list := c.bookings()
		if len(list) != 1 || list[0].Status != "confirmed" || list[0].Placements[0].Resource != "clark" {
			t.Errorf("bookings: %+v", list)
		}
		if n := len(c.google.Occurrences("clark", time.Now(), time.Now().AddDate(0, 1, 0))); n != 1 {
			t.Errorf("%d events in the calendar, want 1", n)
		}
		if problems := c.wrong(); problems != "" {
			t.Errorf("problems: %s", problems)
		}
	})
}

// TestReloadWhileRequestsRun: a request that has begun before a reload is answered, and so is one that comes in the middle.
func TestReloadWhileRequestsRun(t *testing.T) {
	served(t, func(t *testing.T, c *clinic) {
		body, _, err := flow.SealRequest(&flowKey().PublicKey, []byte(`{"version":"3.0","action":"ping"}`))
		c.must(err)
		slow, rest := io.Pipe()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://public/flow", slow)
		c.must(err)
		req.Header.Set("X-Hub-Signature-256", flow.Sign([]byte(appSecret), body))
		req.ContentLength = int64(len(body))
		status := make(chan int)
		go func() {
			resp, err := c.outside.Do(req)
			if err != nil {
				t.Error(err)
				close(status)
				return
			}
			_ = resp.Body.Close()
			status <- resp.StatusCode
		}()
		_, err = rest.Write(body[:10])
		c.must(err)
		synctest.Wait()

		c.manager.take()
		c.reload <- struct{}{}
		var phones sync.WaitGroup
		for day := range 5 {
			phones.Go(func() {
				for range 3 {
					c.buys("", day+2)
					time.Sleep(time.Second)
				}
			})
		}
		time.Sleep(time.Second)
		if count(c.manager.take(), "READY=1") != 0 {
			t.Error("the reload did not wait for the request on the old parts")
		}
		_, err = io.Copy(rest, bytes.NewReader(body[10:]))
		c.must(errors.Join(err, rest.Close()))
		if got := <-status; got != http.StatusOK {
			t.Errorf("the request that began before the reload: status %d", got)
		}
		phones.Wait()
		if count(c.manager.take(), "READY=1") != 1 {
			t.Error("the reload did not end")
		}
		time.Sleep(time.Minute)
		if n := len(c.bookings()); n != 15 {
			t.Errorf("%d bookings, want 15", n)
		}
	})
}

// TestStopWhileTheTokenEndpointHangs: a refresh may take half a minute, and nobody waits that long for a daemon to stop.
func TestStopWhileTheTokenEndpointHangs(t *testing.T) {
	served(t, func(t *testing.T, c *clinic) {
		c.google.Inject(fault.Rule{Op: "token", Delay: time.Hour, Times: fault.Forever})
		c.google.ExpireAccess(owner)
		requests := c.google.Requests("token")
		for c.google.Requests("token") == requests {
			time.Sleep(time.Second)
		}
		begun := time.Now()
		c.quit()
		if took := time.Since(begun); took > 25*time.Second {
			t.Errorf("the stop took %s", took)
		}
		time.Sleep(time.Hour) // the refresh is given up
	})
}

// TestWatchdog: signs of life come as long as all is well or only a provider fails, and end with a store that hangs.
func TestWatchdog(t *testing.T) {
	served(t, func(t *testing.T, c *clinic) {
		heard := c.manager.take()
		if len(heard) == 0 || !strings.HasPrefix(heard[0], "READY=1\nSTATUS=") {
			t.Errorf("at the start: %q", heard)
		}
		time.Sleep(10 * watchdog)
		heard = c.manager.take()
		if n := count(heard, "WATCHDOG=1\nSTATUS=2 calendars fresh, outbox empty"); n < 29 {
			t.Errorf("%d signs of life in ten minutes, want 30: %q", n, heard)
		}
		c.google.Inject(fault.Rule{Status: http.StatusServiceUnavailable, Times: fault.Forever})
		time.Sleep(40 * watchdog)
		heard = c.manager.take()
		if n := count(heard, "WATCHDOG=1"); n < 118 || !strings.Contains(heard[len(heard)-1], "0 of 2 calendars fresh") {
			t.Errorf("%d signs of life with a provider that fails, want 120; the last: %q", n, heard[len(heard)-1])
		}

		release := make(chan struct{})
		ended := make(chan error)
		go func() {
			ended <- c.running.Store.Update(t.Context(), func(*store.Tx) error { <-release; return nil })
		}()
		synctest.Wait()
		time.Sleep(watchdog / 2) // a look that had begun may still end well
		c.manager.take()
		time.Sleep(2 * watchdog)
		if heard := c.manager.take(); count(heard, "WATCHDOG=1") != 0 {
			t.Errorf("signs of life from a daemon with a store that hangs: %q", heard)
		}
		close(release)
		c.must(<-ended)
		time.Sleep(watchdog)
		if heard := c.manager.take(); count(heard, "WATCHDOG=1") == 0 {
			t.Errorf("no sign of life since the store works again: %q", heard)
		}
		c.quit()
		c.failures.Reset() // that we hanged is an error, and was wanted here
		heard = c.manager.take()
		if len(heard) == 0 || !strings.HasPrefix(heard[len(heard)-1], "STOPPING=1") {
			t.Errorf("at the end: %q", heard)
		}
	})
}

// quit stops the daemon of a test that is about the stop.
func (c *clinic) quit() {
	c.t.Helper()
	stop := c.stop
	c.stop = func() {}
	stop()
}
