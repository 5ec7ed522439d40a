package main

import "testing"

func TestSimulateBooksOnce(t *testing.T) {
	w := newWorld(t)
	w.start()
	endpoint := "http://" + w.daemon.public + "/flow"
	w.run("simulate", endpoint, "--resource", "baker", "--name", plantedName).expect(t, exitDone, "success")
	w.run("simulate", endpoint, "--resource", "adams", "--name", plantedName, "--json").expect(t, exitDone, `"outcome": "success"`)
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
	slotd(t, t.TempDir(), "demo", "--once").expect(t, exitDone, "SUCCESS", "Both bookings are in their calendars, once.")
}
