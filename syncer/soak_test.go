package syncer

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/store"
)

// TestEverythingAtOnce plays days of customers, people and a provider in its worst mood, with restarts, from a seed. In the end
// each booking is level, or a person is called.
func TestEverythingAtOnce(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				w := &worst{rig: r, dice: rand.New(rand.NewPCG(seed, 1))}
				r.start()
				for step := range 60 {
					w.step(step)
					r.wait(time.Duration(w.n(180)) * time.Second)
				}
				r.provider.hook(nil)
				for _, cal := range []string{"adams", "baker"} {
					r.provider.set(cal, func(c *fakeCalendar) { c.lag = 0 })
				}
				r.ReadAll()
				r.wait(3 * time.Hour)
				for _, id := range w.ids {
					w.wantSettled(id)
				}
				r.verify()
			}, cal1, cal2)
		})
	}
}

type worst struct {
	*rig
	mu   sync.Mutex // guards dice within hooks
	dice *rand.Rand
	ids  []string
}

func (w *worst) n(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dice.IntN(n)
}

func (w *worst) at() calendar.Interval {
	from := w.n(22)
	return hours(1+w.n(4), from, from+1)
}

// step is one act of somebody.
func (w *worst) step(step int) {
	if len(w.ids) < 3 {
		id := fmt.Sprint("b", step)
		w.bookTeam(id, w.at(), seat(id, "adams", cal1), seat(id, "room", cal2))
		w.ids = append(w.ids, id)
		return
	}
	id := w.ids[w.n(len(w.ids))]
	b := w.booking(id)
	p := b.Placements[w.n(len(b.Placements))]
	cal := p.Calendar.Calendar()
	live := b.Status == booking.Confirmed
	switch w.n(12) {
	case 0, 1, 2:
		if live {
			w.move(id, w.at())
		}
	case 3:
		if live {
			w.move(id, w.at(), seat(id, []string{"adams", "clark"}[w.n(2)], cal1))
		}
	case 4:
		if live && w.n(3) == 0 {
			w.cancel(id)
		}
	case 5, 6:
		w.provider.edit(cal, p.Identity, moveTo(w.at()))
	case 7:
		if w.n(3) == 0 {
			w.provider.set(cal, func(c *fakeCalendar) { c.lag = time.Duration(w.n(240)) * time.Second })
		}
	case 8:
		w.provider.edit(cal, p.Identity, func(e *fakeEvent) { e.title = "fasting" })
	case 9:
		there := slices.ContainsFunc(w.provider.events(cal), func(e fakeEvent) bool { return e.ID == p.Identity })
		if there && w.n(3) == 0 {
			w.provider.delete(cal, p.Identity)
		}
	case 10:
		w.restart()
	default:
		w.provider.hook(w.mood())
	}
}

// mood makes calls fail now and then, in every way.
func (w *worst) mood() func(op, cal string) error {
	faults := []error{
		fault(calendar.Unclear), errors.New("reset"), &calendar.Error{Kind: calendar.Throttled, RetryAfter: 30 * time.Second},
	}
	return func(op, _ string) error {
		dice := w.n(12)
		switch {
		case op == "apply" && dice < 2:
			return late{time.Duration(w.n(500)) * time.Second}
		case op == "applied" && dice < 4:
			return faults[w.n(2)]
		case dice < 2 && op != "applied":
			return faults[w.n(3)]
		case dice == 2:
			time.Sleep(time.Duration(w.n(20)) * time.Second)
		}
		return nil
	}
}

// wantSettled is wantLevel where people may have left what only people can mend.
func (w *worst) wantSettled(id string) {
	w.t.Helper()
	b := w.booking(id)
	for i, p := range b.Placements {
		found := 0
		for _, e := range w.provider.events(p.Calendar.Calendar()) {
			if e.Identity == p.Identity {
				found++
				if b.Wanted(i) && e.Interval != b.Interval && p.Status != booking.Missing {
					w.t.Errorf("%s/%d: event at %v, booking at %v", id, i, e.Interval, b.Interval)
				}
			}
		}
		switch {
		case p.Status == booking.Missing && p.Reason != "":
		case p.Status != booking.Written && p.Status != booking.Seen:
			w.t.Errorf("%s/%d is %s %q", id, i, p.Status, p.Reason)
		case b.Wanted(i) && found != 1, !b.Wanted(i) && found != 0:
			w.t.Errorf("%s/%d: %d events, wanted %v", id, i, found, b.Wanted(i))
		case !p.Left.Empty():
			w.t.Errorf("%s/%d has left %v", id, i, p.Left)
		}
		w.view(func(rd *store.Reader) error {
			m, there, err := rd.Mark(store.OutboxID{Booking: id, Placement: i})
			if there {
				w.t.Errorf("%s/%d still has the mark %+v", id, i, m)
			}
			return err
		})
	}
	if w.t.Failed() {
		for _, c := range b.History {
			w.t.Logf("%s: %s %s by %s, version %d at %v", id, c.At.Format(time.TimeOnly), c.What, c.By, c.Version, c.Interval)
		}
	}
}
