package main

import (
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestSimulateBooksOnce(t *testing.T) {
	w := newWorld(t)
	w.start()
	endpoint := "http://" + w.daemon.public + "/flow"
	w.run("simulate", endpoint, "--resource", "baker", "--name", plantedName).expect(t, exitDone, "success")
	w.run("simulate", endpoint, "--resource", "adams", "--name", plantedName, "--json").
		expect(t, exitDone, `"outcome": "success"`)
	w.level()
	for _, doctor := range doctors {
		if n := len(w.ours(doctor)); n != 1 {
			t.Errorf("%s: %d events, want 1", doctor, n)
		}
	}
}

func TestSimulateMeasuresAndBooksNothing(t *testing.T) {
	w := newWorld(t)
	w.start()
	endpoint := "http://" + w.daemon.public + "/flow"
	w.run("simulate", endpoint, "--load", "4", "--duration", "1s").expect(t, exitDone, "4 phones", "p99")
	if n := len(w.bookings()); n != 0 {
		t.Errorf("%d bookings", n)
	}
	w.daemon.kill()
	w.run("simulate", endpoint).expect(t, exitFailed, "no answer")
}

func TestDemoOnce(t *testing.T) {
	slotd(t, t.TempDir(), "demo", "--once").expect(t, exitDone, "SUCCESS", "All bookings are in their calendars, once.")
}

func TestDemoServesItsPageUntilItIsStopped(t *testing.T) {
	stdout := &lineBuffer{mark: "The demo is at ", lines: make(chan []byte, 1)}
	cmd := command(t.Context(), t.TempDir(), "demo", "--listen", "127.0.0.1:0")
	cmd.Stdout = stdout
	must(t, cmd.Start())
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait() // ProcessState tells
		close(exited)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-exited
	})
	var url string
	select {
	case line := <-stdout.lines:
		url = strings.TrimSpace(strings.TrimPrefix(string(line), stdout.mark))
	case <-exited:
		t.Fatal("the demo ended")
	}
	// The page's stream of changes is still open when the demo is stopped.
	for _, path := range []string{"", "api/stream"} {
		resp, err := http.Get(url + path)
		must(t, err)
		t.Cleanup(func() { _ = resp.Body.Close() })
		if path == "" && resp.StatusCode != http.StatusOK {
			t.Errorf("the page: %s", resp.Status)
		}
	}
	must(t, cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-exited:
	case <-time.After(patience):
		t.Fatal("the demo does not stop")
	}
	if code := cmd.ProcessState.ExitCode(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}
