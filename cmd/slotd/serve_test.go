package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slotd/internal/admin"
	"slotd/internal/emulator/google"
	"slotd/internal/emulator/graph"
	"slotd/internal/flow"
)

// doctors are the resources of the world: one at each provider.
var doctors = []string{"adams", "baker"}

// draw draws a busy event into a doctor's calendar.
func (w *world) draw(resource string, from, to time.Time) {
	if resource == "adams" {
		w.google.Put(googleCal, google.Event{Title: plantedTitle, Start: from, End: to})
	} else {
		w.graph.Put(outlookCal, graph.Event{Title: plantedTitle, Start: from, End: to})
	}
}

func (w *world) erase(resource, id string) {
	if resource == "adams" {
		w.google.Delete(googleCal, id)
	} else {
		w.graph.Delete(outlookCal, id)
	}
}

// free returns the wall times that "slotd slots" shows for a doctor on the day of the tests.
func (w *world) free(resource string) map[string]bool {
	w.Helper()
	day := w.day.Format(time.DateOnly)
	o := w.run("slots", "--service", "consultation", "--resource", resource, "--date", day, "--json")
	o.expect(w.T, exitDone)
	var s admin.Slots
	if err := json.Unmarshal([]byte(o.stdout), &s); err != nil || len(s.Days) != 1 {
		w.Fatalf("slots: %v\n%s", err, o.stdout)
	}
	out := map[string]bool{}
	for _, slot := range s.Days[0].Slots {
		start, err := time.Parse(time.RFC3339, slot)
		must(w.T, err)
		out[start.Format("15:04")] = true
	}
	return out
}

func TestServeMirrorsAndBooksAtBothProviders(t *testing.T) {
	w := newWorld(t)
	for _, doctor := range doctors {
		w.draw(doctor, w.at(9, 0), w.at(10, 0))
	}
	w.start()
	for _, doctor := range doctors {
		free := w.free(doctor)
		for slot, want := range map[string]bool{
			"08:00": true, "08:30": true, "08:45": false, "09:00": false, "09:45": false, "10:00": true, "19:30": true,
			"19:45": false,
		} {
			if free[slot] != want {
				t.Errorf("%s at %s: free is %v, want %v", doctor, slot, free[slot], want)
			}
		}
		params, _ := w.book("token-of-a-customer-of-"+doctor, doctor, w.at(14, 0))
		w.once(doctor, text(params, "booking"))
		w.run("bookings", "list").expect(t, exitDone, text(params, "reference"), plantedName, "14:00", "confirmed")
	}
	eventually(t, "both events seen in a snapshot", func() bool {
		for _, b := range w.bookings() {
			if b.Placements[0].Status != "seen" {
				return false
			}
		}
		return true
	})
	w.run("slots", "--resource", "adams").expect(t, exitDone, "Europe/Berlin",
		w.day.Format(time.DateOnly)+"  08:00 08:15 08:30 10:00")
	w.run("status").expect(t, exitDone, "google/"+googleCal, "outlook/"+outlookCal, "fresh", "Outbox: 0 waiting",
		"All is well.")
	var s admin.Status
	err := json.Unmarshal([]byte(w.run("status", "--json").stdout), &s)
	if err != nil || len(s.Accounts) != 2 || len(s.Problems) != 0 {
		t.Errorf("status --json: %v %+v", err, s)
	}
	var list []admin.Booking
	if err := json.Unmarshal([]byte(w.run("bookings", "list", "--json").stdout), &list); err != nil || len(list) != 2 {
		t.Errorf("bookings --json: %v, %d bookings", err, len(list))
	}
	w.run("bookings", "list", "--from", "yesterday").expect(t, exitUsage, "yesterday")
	w.run("slots", "--resource", "frankenstein").expect(t, exitUsage, "unknown resource")
	socket := filepath.Join(w.dir, "admin.sock")
	info, err := os.Stat(socket)
	must(t, err)
	if mode := info.Mode().Perm(); mode != 0o600 {
		t.Errorf("the admin socket has mode %o, want 600", mode)
	}
	if code := w.daemon.stop(); code != exitDone {
		t.Errorf("exit code %d after SIGTERM", code)
	}
	if _, err := os.Stat(socket); !os.IsNotExist(err) {
		t.Errorf("the admin socket is still there: %v", err)
	}
}

func TestSlotsFollowTheCalendar(t *testing.T) {
	w := newWorld(t)
	w.start()
	for _, doctor := range doctors {
		if !w.free(doctor)["16:00"] {
			t.Fatalf("%s has no slot at 16:00", doctor)
		}
		w.draw(doctor, w.at(16, 0), w.at(17, 0))
		eventually(t, "the slot to vanish", func() bool { return !w.free(doctor)["16:00"] })
	}
}

// A calendar that was emptied at once was hardly emptied to cancel appointments: a person is asked.
func TestManyDeletedEventsCancelNothing(t *testing.T) {
	const many = 5
	w := newWorld(t)
	w.start()
	var all []*appointment
	for _, doctor := range doctors {
		for i := range many {
			all = append(all, w.appointment(doctor, w.at(9+i, 0)))
		}
	}
	w.daemon.kill()
	for _, a := range all {
		w.erase(a.doctor, a.event)
	}
	w.start()
	eventually(t, "the events to be missed", func() bool {
		n := 0
		for _, b := range w.bookings() {
			if b.Status == "confirmed" && b.Placements[0].Status == "missing" && b.Placements[0].Reason != "" {
				n++
			}
		}
		return n == len(all)
	})
	for _, doctor := range doctors {
		if w.free(doctor)["11:00"] {
			t.Errorf("%s: the slot of a booking without an event is sold again", doctor)
		}
	}
	o := w.run("status")
	o.expect(t, exitFailed, "its event is missing from", "write it again: slotd bookings retry "+all[0].reference)
	if n := strings.Count(o.stdout, "its event is missing"); n != len(all) {
		t.Errorf("%d bookings are missed, want %d", n, len(all))
	}
	w.run("bookings", "retry", "--all").expect(t, exitDone, "Nothing is set aside.")
	for _, a := range all {
		w.run("bookings", "retry", a.reference).expect(t, exitDone, "is tried again")
	}
	w.level()
	for _, a := range all {
		if n := len(w.ours(a.doctor)[a.id]); n != 1 {
			t.Errorf("%s has %d events", a.reference, n)
		}
	}
	w.run("status").expect(t, exitDone, "All is well.")
}

func TestEndpointSurvivesBadInput(t *testing.T) {
	w := newWorld(t)
	w.start()
	sign := func(body string) string { return flow.Sign([]byte(plantedSecret), []byte(body)) }
	sealed := func(plain string) string {
		body, _, err := flow.SealRequest(w.key, []byte(plain))
		must(t, err)
		return string(body)
	}
	big := strings.Repeat("a", 300<<10)
	for _, c := range []struct {
		name, method, body, signature string
		status                        int
	}{
		{"no signature", "POST", "{}", "", 432},
		{"wrong signature", "POST", "{}", sign("{} "), 432},
		{"signature without its scheme", "POST", "{}", strings.TrimPrefix(sign("{}"), "sha256="), 432},
		{"empty body", "POST", "", sign(""), 400},
		{"not JSON", "POST", "\x00\xff", sign("\x00\xff"), 400},
		{"no envelope", "POST", "{}", sign("{}"), 400},
		{"another key", "POST", `{"encrypted_flow_data":"AAAA","encrypted_aes_key":"AAAA","initial_vector":"AAAA"}`, "", 432},
		{"oversized", "POST", big, sign(big), 413},
		{"not a POST", "GET", "", "", 405},
		{"sealed garbage", "POST", sealed("garbage"), "+", 400},
		{"sealed list", "POST", sealed("[[[]]]"), "+", 400},
		{"sealed number", "POST", sealed(`{"action":7}`), "+", 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.signature == "+" {
				c.signature = sign(c.body)
			}
			if got := w.post(c.method, c.body, c.signature); got != c.status {
				t.Errorf("status %d, want %d", got, c.status)
			}
		})
	}
	garbled := `{"encrypted_flow_data":"AAAA","encrypted_aes_key":"AAAA","initial_vector":"AAAA"}`
	if got := w.post("POST", garbled, sign(garbled)); got < 400 || got >= 500 {
		t.Errorf("an envelope that no key opens: status %d", got)
	}
	p := w.customer("token-after-the-garbage")
	must(t, p.Ping(t.Context()))
	must(t, toConfirm(t.Context(), p, "adams", w.at(9, 0)))
}

// post sends a request to the Flow endpoint and returns the status.
func (w *world) post(method, body, signature string) int {
	w.Helper()
	url := "http://" + w.daemon.public + "/flow"
	req, err := http.NewRequestWithContext(w.Context(), method, url, strings.NewReader(body))
	must(w.T, err)
	if signature != "" {
		req.Header.Set("X-Hub-Signature-256", signature)
	}
	resp, err := http.DefaultClient.Do(req)
	must(w.T, err)
	must(w.T, resp.Body.Close())
	return resp.StatusCode
}
