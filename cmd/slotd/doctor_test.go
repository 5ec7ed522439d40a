package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"slotd/internal/admin"
	"slotd/internal/emulator/google"
	"slotd/internal/emulator/graph"
)

// get asks the daemon's public address.
func (w *world) get(route string) (status int, body string) {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), http.MethodGet, "http://"+w.daemon.public+route, nil)
	must(w.T, err)
	resp, err := http.DefaultClient.Do(req)
	must(w.T, err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	must(w.T, err)
	return resp.StatusCode, string(text)
}

// behind serves both emulators as if this host's clock were so far ahead of theirs.
func (w *world) behind(d time.Duration) {
	w.Helper()
	for i, h := range []http.Handler{w.google.Handler(), w.graph.Handler()} {
		shifted := w.listen(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Date", time.Now().Add(-d).UTC().Format(http.TimeFormat))
			h.ServeHTTP(rw, r)
		}))
		api, err := url.Parse(w.cfg.Accounts[i].APIURL)
		must(w.T, err)
		w.configure("http://"+api.Host, shifted)
	}
}

func TestDoctorFindsNothingInAHealthyWorld(t *testing.T) {
	w := newWorld(t)
	must(t, os.Mkdir(filepath.Join(w.dir, "copies"), 0o700))
	w.append("[backup]\ndirectory = \"copies\"\n")
	w.start()
	eventually(t, "the first copy", func() bool { return w.status().Backup.Last != nil })
	o := w.run("doctor")
	o.expect(t, exitDone, "ok    ping", "ok    account google", "ok    account outlook", "fresh, and can be written",
		"ok    private key", "sha256:", "ok    backup", "ok    disk write", "not checked: [server] public_url is not set")
	if strings.Contains(o.stdout, "FAIL") {
		t.Errorf("healthy, and yet:\n%s", o.stdout)
	}
	o = w.run("doctor", "--json")
	o.expect(t, exitDone)
	var e examination
	must(t, json.Unmarshal([]byte(o.stdout), &e))
	if !e.Healthy || len(e.Checks) < 15 {
		t.Errorf("%+v", e)
	}
}

func TestDoctorAsksThroughThePublicAddress(t *testing.T) {
	w := newWorld(t)
	var broken atomic.Bool
	public := w.listen(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if broken.Load() {
			http.Error(rw, "bad gateway", http.StatusBadGateway)
			return
		}
		httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: w.daemon.public}).ServeHTTP(rw, r)
	}))
	replaceInFile(t, filepath.Join(w.dir, "slotd.toml"), "[server]\n", "[server]\npublic_url = \""+public+"\"\n")
	w.start()
	w.run("doctor").expect(t, exitDone, "ok    public ping", "ok    clock, "+strings.TrimPrefix(public, "http://"))
	broken.Store(true)
	w.run("doctor").expect(t, exitFailed, "FAIL  public ping", "status 502")
}

func TestDoctorFindsEachSickness(t *testing.T) {
	for _, c := range []struct {
		name     string
		sicken   func(*world)
		before   bool // the daemon starts
		problems []string
	}{
		{"the clock is ten minutes off", func(w *world) { w.behind(10 * time.Minute) }, true,
			[]string{"FAIL  clock, 127.0.0.1", "ahead of that of 127.0.0.1"}},
		{"the clock is a minute off", func(w *world) { w.behind(time.Minute + 10*time.Second) }, true,
			[]string{"WARN  clock, 127.0.0.1"}},
		{"a token was revoked", func(w *world) {
			w.google.RevokeRefresh(googleUser)
			eventually(w.T, "the refusal", func() bool { return len(w.status().Problems) > 0 })
		}, false, []string{"FAIL  account google", "needs_person"}},
		{"a secret is open to all", func(w *world) {
			must(w.T, os.Chmod(filepath.Join(w.dir, "secrets/app_secret"), 0o644))
		}, false, []string{"FAIL  secrets", "chmod 600"}},
		{"another key", func(w *world) {
			path := filepath.Join(w.dir, exampleKey)
			must(w.T, os.Remove(path))
			must(w.T, createKey(path+".new"))
			must(w.T, os.Rename(path+".new", path))
		}, false, []string{"FAIL  private key", "another private key", "FAIL  ping", "421"}},
		{"another app secret", func(w *world) { w.write("secrets/app_secret", plantedSecret+"-new") }, false,
			[]string{"FAIL  ping", "432"}},
		{"a calendar that may only be read", func(w *world) { w.google.Share(googleUser, googleCal, "reader") }, false,
			[]string{"FAIL  calendar google/" + googleCal, "may only read it"}},
		{"a broken Flow file", func(w *world) {
			w.append("[flow]\nfile = \"flow.json\"\n")
			w.write("flow.json", "{}")
			w.daemon.kill()
		}, false, []string{"FAIL  flow", "FAIL  daemon"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			if c.before {
				c.sicken(w)
			}
			w.start()
			if !c.before {
				c.sicken(w)
			}
			code := exitFailed
			if strings.HasPrefix(c.problems[0], "WARN") {
				code = exitDone
			}
			w.run("doctor").expect(t, code, c.problems...)
		})
	}
}

// TestDoctorTellsOfDaysMarkedFree: who enters a vacation and leaves it free, as calendar programs do, is offered all the same.
func TestDoctorTellsOfDaysMarkedFree(t *testing.T) {
	w := newWorld(t)
	from, until := w.day.Format(time.DateOnly), w.day.AddDate(0, 0, 2).Format(time.DateOnly)
	w.google.Put(googleCal, google.Event{
		Title: plantedTitle, AllDay: true, StartDate: from, EndDate: until, Transparent: true,
	})
	w.graph.Put(outlookCal, graph.Event{Title: plantedTitle, AllDay: true, StartDate: from, EndDate: until, ShowAs: "free"})
	const inGoogle, inOutlook = "WARN  calendar google/" + googleCal, "WARN  calendar outlook/" + outlookCal
	const text = `that are marked as free and block nothing: 1; where one says that somebody is away, mark it as busy there, or set ` +
		`all_day = "busy" for this calendar in [[account.calendar]]`
	w.start()
	w.run("doctor").expect(t, exitDone, inGoogle, inOutlook, text)
	w.run("status", "--json").expect(t, exitDone, `"free_all_day_events": 1`)
	if !w.offered("consultation", "adams", w.at(9, 0)) {
		t.Error("a day that is marked as free is not offered")
	}
	const second = "[[account]]\nname = \"outlook\""
	w.configure(second, "[[account.calendar]]\nid = \""+googleCal+"\"\nall_day = \"busy\"\n\n"+second)
	w.restart()
	eventually(t, "the day to be taken", func() bool { return !w.offered("consultation", "adams", w.at(9, 0)) })
	eventually(t, "the warning of the other calendar alone", func() bool {
		o := w.run("doctor")
		return o.code == exitDone && !strings.Contains(o.stdout, inGoogle) && strings.Contains(o.stdout, inOutlook)
	})
}

func TestAWrongClockIsAProblemInTheStatus(t *testing.T) {
	w := newWorld(t)
	w.behind(10 * time.Minute)
	w.start()
	w.run("status").expect(t, exitFailed, "ahead of that of 127.0.0.1", "Clock: ")
	for _, c := range w.status().Clocks {
		if off := c.Ahead(); off != 0 && (off < 9*time.Minute || off > 10*time.Minute) {
			t.Errorf("%+v", c)
		}
	}
}

// TestAClockThatIsFarOffSellsNothing: what is "now" decides what is past, too soon and held.
func TestAClockThatIsFarOffSellsNothing(t *testing.T) {
	w := newWorld(t)
	w.start()
	if len(w.free("adams")) == 0 {
		t.Fatal("nothing is offered")
	}
	w.daemon.kill()
	w.behind(2 * time.Hour)
	w.daemon = serve(t, w.dir)
	eventually(t, "the wrong clock to be noticed", func() bool {
		o := w.run("status")
		return o.code == exitFailed && strings.Contains(o.stdout, "the clock of this host is wrong")
	})
	if free := w.free("adams"); len(free) != 0 {
		t.Errorf("offered all the same: %v", free)
	}
}

func TestDoctorWithoutADaemon(t *testing.T) {
	w := newWorld(t)
	o := w.run("doctor")
	o.expect(t, exitFailed, "FAIL  daemon", "is 'slotd serve' running", "ok    secrets", "ok    disk write", "ok    clock",
		"not checked: the daemon does not run")
	o = w.run("doctor", "--json")
	var e examination
	must(t, json.Unmarshal([]byte(o.stdout), &e))
	skipped := 0
	for _, c := range e.Checks {
		if c.Status == admin.CheckSkipped {
			skipped++
		}
	}
	if o.code != exitFailed || e.Healthy || skipped < 7 {
		t.Errorf("exit code %d, %+v", o.code, e)
	}
}

func TestDoctorWithAWrongConfig(t *testing.T) {
	w := newWorld(t)
	replaceInFile(t, filepath.Join(w.dir, "slotd.toml"), `poll = "1s"`, `pol = "1s"`)
	w.run("doctor").expect(t, exitUsage, "FAIL  config", `"pol"`)
	var e examination
	must(t, json.Unmarshal([]byte(w.run("doctor", "--json").stdout), &e))
	if e.Healthy || len(e.Checks) != 1 {
		t.Errorf("%+v", e)
	}
}
