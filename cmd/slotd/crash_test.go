package main

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"slotd/internal/emulator/fault"
	"slotd/internal/emulator/whatsapp"
)

// writeOps are the operations by which the emulators create an event.
var writeOps = map[string]string{"adams": "events.insert", "baker": "events.create"}

func (w *world) inject(doctor string, r fault.Rule) {
	r.Op = writeOps[doctor]
	if doctor == "adams" {
		w.google.Inject(r)
	} else {
		w.graph.Inject(r)
	}
}

func (w *world) requests(doctor string) int {
	if doctor == "adams" {
		return w.google.Requests(writeOps[doctor])
	}
	return w.graph.Requests(writeOps[doctor])
}

func TestKilledBetweenSuccessAndTheCalendar(t *testing.T) {
	long := time.Hour // until the killed process hangs up
	for _, c := range []struct {
		name string
		rule fault.Rule
		// happened says that the provider has the event although nobody was told.
		happened bool
	}{
		{"the provider fails", fault.Rule{Status: http.StatusServiceUnavailable, Times: fault.Forever}, false},
		{"the provider hangs", fault.Rule{Delay: long, Times: fault.Forever}, false},
		{"done, and the reply hangs", fault.Rule{After: true, Delay: long}, true},
		{"done, and the reply is lost", fault.Rule{After: true, Reset: true}, true},
		{"done, and called a failure", fault.Rule{After: true, Status: http.StatusBadGateway}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.start()
			booked := map[string]string{}
			for _, doctor := range doctors {
				before := w.requests(doctor)
				w.inject(doctor, c.rule)
				params, _ := w.book("token-of-a-customer-of-"+doctor, doctor, w.at(15, 0))
				booked[doctor] = text(params, "booking")
				eventually(t, "a write to begin", func() bool { return w.requests(doctor) > before })
				if c.happened {
					eventually(t, "the event", func() bool { return len(w.ours(doctor)) == 1 })
				}
			}
			w.daemon.kill()
			w.google.ClearFaults()
			w.graph.ClearFaults()
			w.start()
			for doctor, booking := range booked {
				w.once(doctor, booking)
			}
			for _, b := range w.bookings() {
				if b.Conflict || b.NeedsPerson != "" || b.Status != "confirmed" {
					t.Errorf("booking %+v", b)
				}
			}
		})
	}
}

func TestStopsWhileAProviderHangs(t *testing.T) {
	w := newWorld(t)
	w.start()
	for _, doctor := range doctors {
		w.inject(doctor, fault.Rule{Delay: time.Hour, Times: fault.Forever})
		w.book("token-of-a-customer-of-"+doctor, doctor, w.at(15, 0))
		eventually(t, "a write to begin", func() bool { return w.requests(doctor) > 0 })
	}
	if code := w.daemon.stop(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}

func TestARotatedRefreshTokenSurvivesRestarts(t *testing.T) {
	w := newWorld(t)
	w.start()
	// The emulator lets a rotated token be used once more, as for a lost reply. Whoever came with the first one at each
	// start would be refused from the third on.
	for range 3 {
		w.restart()
	}
	if code := w.daemon.stop(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
	w.start()
	w.run("status").expect(t, exitDone, "All is well.")
}

func TestARevokedTokenNeedsAPerson(t *testing.T) {
	for _, c := range []struct {
		account string
		revoke  func(*world)
	}{
		{"google", func(w *world) { w.google.RevokeRefresh(googleUser) }},
		{"outlook", func(w *world) { w.graph.RevokeRefresh(outlookUser) }},
	} {
		t.Run(c.account, func(t *testing.T) {
			w := newWorld(t)
			w.start()
			c.revoke(w)
			eventually(t, "the account to need a person", func() bool {
				for _, a := range w.status().Accounts {
					if a.Name == c.account && a.State == "needs_person" {
						return true
					}
				}
				return false
			})
			w.run("status").expect(t, exitFailed, "needs_person", "account "+c.account+" needs a person")
			w.run("status", "--json").expect(t, exitFailed, "needs_person")
			w.run("slots").expect(t, exitDone)
		})
	}
}

// TestKilledInTheRush kills the daemon while many customers tap, each for a time of their own. Whoever got no answer asks
// again afterwards; then every customer has one booking, and every booking one event.
func TestKilledInTheRush(t *testing.T) {
	const each = 20 // customers of each doctor
	w := newWorld(t)
	w.start()
	var phones []*whatsapp.Phone
	for _, doctor := range doctors {
		var starts []time.Time
		for i := range each {
			starts = append(starts, w.at(8, 30*i))
		}
		phones = append(phones, w.ready(doctor, starts)...)
	}
	for round := range 2 {
		first := w.daemon
		var answered atomic.Int64
		var wg sync.WaitGroup
		for _, p := range phones {
			if _, ok := p.Done(); ok {
				continue
			}
			wg.Go(func() {
				var err error
				if round == 0 {
					err = p.Tap(t.Context())
				} else {
					err = p.Resend(t.Context())
				}
				if err == nil && answered.Add(1) == each/4 {
					_ = first.cmd.Process.Kill() // its exit is waited for below
				}
			})
		}
		wg.Wait()
		first.kill()
		w.start()
	}
	told := map[string]bool{}
	for _, p := range phones {
		params, ok := p.Done()
		if !ok {
			must(t, p.Resend(t.Context()))
			params, ok = p.Done()
		}
		if !ok {
			t.Fatalf("a customer has no booking: %s %s", p.Screen(), p.Snackbar())
		}
		told[text(params, "booking")] = true
	}
	w.level()
	list := w.bookings()
	if len(told) != len(phones) || len(list) != len(phones) {
		t.Errorf("%d customers were told of %d bookings, and %d are listed", len(phones), len(told), len(list))
	}
	for _, b := range list {
		if events := w.ours(b.Placements[0].Resource)[b.ID]; !told[b.ID] || len(events) != 1 {
			t.Errorf("booking %s: told %v, events %v", b.ID, told[b.ID], events)
		}
	}
}
