package main

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"slotd/internal/emulator/fault"
	"slotd/internal/emulator/whatsapp"
)

// crowd is how many customers tap at the same moment.
const crowd = 64

// ready returns phones of a doctor's customers that have only the last button left, each at the start that it was given.
func (w *world) ready(doctor string, starts []time.Time) []*whatsapp.Phone {
	w.Helper()
	phones := make([]*whatsapp.Phone, len(starts))
	errs := make([]error, len(starts))
	var wg sync.WaitGroup
	for i, start := range starts {
		p := w.customer(fmt.Sprintf("token-%s-%d-%d", doctor, start.Unix(), i))
		phones[i] = p
		wg.Go(func() { errs[i] = toConfirm(w.Context(), p, doctor, start) })
	}
	wg.Wait()
	for _, err := range errs {
		must(w.T, err)
	}
	return phones
}

// together lets all phones tap at once.
func (w *world) together(phones []*whatsapp.Phone, tap func(*whatsapp.Phone) error) {
	w.Helper()
	errs := make([]error, len(phones))
	gun := make(chan struct{})
	var wg sync.WaitGroup
	for i, p := range phones {
		wg.Go(func() {
			<-gun
			errs[i] = tap(p)
		})
	}
	close(gun)
	wg.Wait()
	for _, err := range errs {
		must(w.T, err)
	}
}

func (w *world) tap(p *whatsapp.Phone) error { return p.Tap(w.Context()) }

func (w *world) resend(p *whatsapp.Phone) error { return p.Resend(w.Context()) }

// oneWins checks that one phone has booked and every other was told why not and offered other times.
func (w *world) oneWins(phones []*whatsapp.Phone) (winner *whatsapp.Phone, params map[string]any) {
	w.Helper()
	winners := 0
	for _, p := range phones {
		if done, ok := p.Done(); ok {
			winner, params = p, done
			winners++
			continue
		}
		if p.Screen() != "CONFIRM" || p.Snackbar() == "" || len(p.Options("alternative")) == 0 {
			w.Errorf("a loser sees %s, %q and %d alternatives", p.Screen(), p.Snackbar(), len(p.Options("alternative")))
		}
	}
	if winners != 1 {
		w.Fatalf("%d of %d phones have booked, want 1", winners, len(phones))
	}
	return winner, params
}

func TestOneSlotIsSoldOnce(t *testing.T) {
	w := newWorld(t)
	w.start()
	for _, doctor := range doctors {
		t.Run(doctor, func(t *testing.T) {
			same := slices.Repeat([]time.Time{w.at(10, 0)}, crowd)
			phones := w.ready(doctor, same)
			w.together(phones, w.tap)
			winner, params := w.oneWins(phones)
			w.once(doctor, text(params, "booking"))
			w.winnerAsksAgain(doctor, winner, params)
			w.loserTakesAnAlternative(doctor, phones)
		})
	}
}

// winnerAsksAgain sends the confirm that has booked again: at once, twice at the same time, and to another process.
func (w *world) winnerAsksAgain(doctor string, winner *whatsapp.Phone, first map[string]any) {
	w.Helper()
	same := func(p *whatsapp.Phone) {
		w.Helper()
		if again, ok := p.Done(); !ok || !maps.Equal(again, first) {
			w.Errorf("the same request is answered with %v, first with %v", again, first)
		}
	}
	must(w.T, winner.Resend(w.Context()))
	same(winner)
	twin := *winner // the same message on the same screen: a phone that lost its patience twice
	w.together([]*whatsapp.Phone{winner, &twin}, w.resend)
	same(winner)
	same(&twin)
	w.restart()
	must(w.T, winner.Resend(w.Context()))
	same(winner)
	w.once(doctor, text(first, "booking"))
	if n := len(w.bookings()); n > 2*len(doctors) {
		w.Errorf("%d bookings", n)
	}
}

func (w *world) loserTakesAnAlternative(doctor string, phones []*whatsapp.Phone) {
	w.Helper()
	for _, p := range phones {
		if _, ok := p.Done(); ok {
			continue
		}
		must(w.T, p.Set(w.Context(), "alternative", p.Options("alternative")[0].ID))
		must(w.T, p.Tap(w.Context()))
		if _, ok := p.Done(); !ok {
			w.Errorf("an alternative is not to be had: %s", p.Snackbar())
		}
		break
	}
	w.level()
	for booking, events := range w.ours(doctor) {
		if len(events) != 1 {
			w.Errorf("booking %s has %d events", booking, len(events))
		}
	}
	if n := len(w.ours(doctor)); n != 2 {
		w.Errorf("%d bookings have events, want 2", n)
	}
}

func TestOverlappingStartsAreSoldOnce(t *testing.T) {
	w := newWorld(t)
	w.start()
	for _, doctor := range doctors {
		var starts []time.Time
		for i := range crowd {
			starts = append(starts, w.at(10, 15*(i%2))) // 10:00 until 10:30 against 10:15 until 10:45
		}
		phones := w.ready(doctor, starts)
		w.together(phones, w.tap)
		_, params := w.oneWins(phones)
		w.once(doctor, text(params, "booking"))
	}
}

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
