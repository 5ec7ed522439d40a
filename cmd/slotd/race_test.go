package main

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

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

// withoutHolds lets many customers come to the last button with one slot.
func (w *world) withoutHolds() { w.configure("[freshness]", "[flow]\nhold = \"0s\"\n\n[freshness]") }

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
	w.withoutHolds()
	w.start()
	for _, doctor := range doctors {
		phones := w.ready(doctor, slices.Repeat([]time.Time{w.at(10, 0)}, crowd))
		w.together(phones, w.tap)
		winner, params := w.oneWins(phones)
		w.once(doctor, text(params, "booking"))
		w.winnerAsksAgain(doctor, winner, params)
		w.loserTakesAnAlternative(doctor, phones)
	}
}

func TestOneCustomerOnManyDevicesBooksOnce(t *testing.T) {
	w := newWorld(t)
	w.start()
	for _, doctor := range doctors {
		p := w.ready(doctor, []time.Time{w.at(10, 0)})[0]
		devices := make([]*whatsapp.Phone, 8)
		for i := range devices {
			twin := *p
			devices[i] = &twin
		}
		w.together(devices, w.tap)
		first, _ := devices[0].Done()
		for _, d := range devices {
			if params, ok := d.Done(); !ok || !maps.Equal(params, first) {
				t.Errorf("one device is told %v, another %v", first, params)
			}
		}
		w.once(doctor, text(first, "booking"))
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
	w.withoutHolds()
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
