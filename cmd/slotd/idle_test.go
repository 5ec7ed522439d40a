package main

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"slotd/internal/admin"
	"slotd/internal/config"
	"slotd/internal/emulator/google"
	"slotd/internal/emulator/graph"
)

// BenchmarkIdle measures the real binary with twenty calendars of a hundred events each, ten at each provider, at the
// default poll, while nobody books: resident memory and the share of one core. It takes a minute of real time for each
// iteration; run it with -benchtime 1x.
func BenchmarkIdle(b *testing.B) {
	dir, cfg := idleClinic(b)
	cmd := exec.Command(os.Args[0], "serve", "--config", filepath.Join(dir, "slotd.toml"))
	cmd.Env = append(os.Environ(), "SLOTD_TEST_MAIN=1")
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	mirrored := func() (bool, error) {
		var s admin.Status
		_ = ask(b.Context(), cfg, "/api/status", nil, &s) // not yet
		fresh := 0
		for _, c := range s.Calendars {
			if c.Fresh {
				fresh++
			}
		}
		return fresh == 20, nil
	}
	if err := await(b.Context(), "the mirrors", mirrored); err != nil {
		b.Fatal(err)
	}
	pid := cmd.Process.Pid
	for b.Loop() {
		before := cpuTime(b, pid)
		begun := time.Now()
		ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
		<-ctx.Done()
		cancel()
		b.ReportMetric(100*(cpuTime(b, pid)-before).Seconds()/time.Since(begun).Seconds(), "%core")
		b.ReportMetric(residentMiB(b, pid), "MiB")
	}
}

// idleClinic writes the config of a clinic with twenty doctors and fills their calendars at the emulators.
func idleClinic(b *testing.B) (dir string, cfg *config.Config) {
	b.Helper()
	fail := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	g, o := google.New(google.Options{}), graph.New(graph.Options{})
	gs, os2 := httptest.NewServer(g.Handler()), httptest.NewServer(o.Handler())
	b.Cleanup(gs.Close)
	b.Cleanup(os2.Close)
	gc, oc := g.AddAccount(googleUser), o.AddAccount(outlookUser)
	dir = b.TempDir()
	fail(os.Mkdir(filepath.Join(dir, "secrets"), 0o700))
	for name, text := range map[string]string{
		"app_secret": demoSecret, "google_client_secret": gc.ClientSecret, "google_refresh_token": gc.RefreshToken,
		"outlook_client_secret": oc.ClientSecret, "outlook_refresh_token": oc.RefreshToken,
	} {
		fail(os.WriteFile(filepath.Join(dir, "secrets", name), []byte(text), 0o600))
	}
	text, _, _ := strings.Cut(fmt.Sprintf(worldConfig, gc.ClientID, gs.URL, oc.ClientID, os2.URL), "[[resource]]")
	text = strings.Replace(text, `poll = "1s"`, `poll = "60s"`, 1)
	for i := range 20 {
		account, cal := "google", fmt.Sprintf("doctor%d@clinic.example", i)
		if i%2 == 0 {
			g.AddCalendar(googleUser, cal, "Doctor", clinicZone)
		} else {
			account, cal = "outlook", fmt.Sprintf("AAMkDoctor%d=", i)
			o.AddCalendar(outlookUser, cal, "Doctor", clinicZone)
		}
		for n := range 100 {
			at := time.Now().Add(time.Duration(n) * 3 * time.Hour)
			if i%2 == 0 {
				g.Put(cal, google.Event{Title: "Event", Start: at, End: at.Add(time.Hour)})
			} else {
				o.Put(cal, graph.Event{Title: "Event", Start: at, End: at.Add(time.Hour)})
			}
		}
		text += fmt.Sprintf("\n[[resource]]\nid = \"doctor%d\"\ntitle = \"Doctor %[1]d\"\ndepartments = [\"general\"]\n"+
			"hours = { mon-sun = [\"08:00-20:00\"] }\nbook_into = \"%s/%s\"\n", i, account, cal)
	}
	path := filepath.Join(dir, "slotd.toml")
	fail(os.WriteFile(path, []byte(text), 0o600))
	a := &app{configPath: path}
	fail(a.initialize(b.Context(), &strings.Builder{}))
	cfg, err := config.Load(path)
	fail(err)
	return dir, cfg
}

// cpuTime reads what a process used so far, from /proc (proc_pid_stat(5), in ticks of a hundredth of a second).
func cpuTime(b *testing.B, pid int) time.Duration {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+2:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

func residentMiB(b *testing.B, pid int) float64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	kib, _ := strconv.Atoi(strings.Fields(rest)[0])
	return float64(kib) / 1024
}
