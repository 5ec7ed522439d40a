package adaptertest

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"slotd/internal/calendar"
)

// life is one booking, its caller, the person in whose calendar it is, and the requests that are still on their way.
type life struct {
	*caller
	rng     *rand.Rand
	want    calendar.Wanted
	late    chan func()
	deleted bool // by the person
}

// anyOrder leads bookings through lives of mishaps, changes, a person's moves and deletions, and requests that arrive
// late. However one went, there is one event in the end, where the booking is; or none, if it was cancelled or a person
// deleted it.
func anyOrder(w *world) {
	if w.lacks.Identity || w.lacks.ETags {
		return // what arrives late needs an etag or an identity to be told from what it should be
	}
	for seed := range uint64(100) {
		name := fmt.Sprintf("life %d", seed)
		w.cal = w.h.AddCalendar(name)
		foreign := timed("a person's", "05 09:00", "05 10:00")
		foreign.ID = w.h.Put(w.cal, foreign)
		l := &life{
			caller: &caller{world: w, booking: name, keeps: true}, rng: rand.New(rand.NewPCG(seed, 1)),
			want: w.booking(name, 1, "05 09:00", "05 10:00"), late: make(chan func(), 100),
		}
		for range 12 {
			l.step()
		}
		l.rest()
		if l.deleted {
			l.want.Removed = true // that is for the caller to find out; here the event only has to stay away
		}
		if !w.wantOne(foreign, l.want, l.caller) {
			w.Errorf("%s: see above", name)
		}
	}
}

// step is one thing that happens.
func (l *life) step() {
	switch n := l.rng.IntN(10); {
	case n < 6:
		op := Update
		if l.want.Removed {
			op = Delete
		} else if l.known.ID == "" {
			op = Create
		}
		m := mishaps[l.rng.IntN(len(mishaps))]
		if l.rng.IntN(4) == 0 {
			m = mishap{Fault: Fault{Late: func(act func()) { l.late <- act }}}
		}
		l.heard(l.strike(op, m, l.want))
	case n < 7:
		l.h.Restart()
	case n < 8:
		l.change()
	case n < 9:
		l.person()
	case len(l.late) > 0:
		(<-l.late)()
	}
}

// change is a change of the booking.
func (l *life) change() {
	if l.want.Removed {
		return
	}
	l.want.Version++
	switch n := l.rng.IntN(7); {
	case n == 0:
		l.forgotten()
		l.want.Removed = true
	case n < 3:
		l.want.Title = fmt.Sprintf("Visit, version %d", l.want.Version)
	default:
		day := int64(l.rng.IntN(20)) * 24 * 3600
		l.want.Interval = calendar.Between(at("2027-04-06 09:00"), at("2027-04-06 10:00"))
		l.want.Interval.Start += day
		l.want.Interval.End += day
	}
}

// person moves the event that the caller knows, if it is there, and seldom deletes it.
func (l *life) person() {
	for _, e := range l.h.Live(l.cal) {
		if e.ID != l.known.ID {
			continue
		}
		if l.rng.IntN(5) == 0 {
			l.forgotten()
			l.h.Delete(l.cal, e.ID)
			l.deleted = true
			return
		}
		e.Weekly = 0
		e.Start, e.End = e.Start.Add(3600e9), e.End.Add(3600e9)
		l.h.Put(l.cal, e)
	}
}

// forgotten lets everything arrive before a deletion that the server would forget.
func (l *life) forgotten() {
	if l.lacks.Tombstones {
		l.arrive()
	}
}

func (l *life) arrive() {
	for len(l.late) > 0 {
		(<-l.late)()
	}
}

// heard takes note of an answer as the syncer does: a booking follows the event that a person moved.
func (l *life) heard(err error) {
	var e *calendar.Error
	moved := err == nil && l.known.ID != "" && l.known.Interval != l.want.Interval
	if errors.As(err, &e) && e.Kind == calendar.Conflict && e.Reason == "changedMeanwhile" {
		found, err := l.h.Client().Find(l.Context(), l.cal, l.asKnown())
		if err != nil {
			l.Errorf("after a conflict: %v", err)
			return
		}
		l.known, moved = found, true
	}
	if moved && !l.want.Removed {
		l.want.Version++
		l.want.Interval = l.known.Interval
	}
}

func (l *life) asKnown() calendar.Wanted {
	w := l.want
	w.Known, w.Identity = l.known, l.h.Identity(l.booking, l.attempt)
	return w
}

// rest lets everything arrive and the caller finish; what it removed without knowing its id it looks for once more.
func (l *life) rest() {
	finish := func() {
		for range 4 {
			err := l.call(l.Context(), l.want)
			l.heard(err)
			if err == nil && (l.want.Removed || l.known.Version == l.want.Version) || l.deleted {
				return
			}
		}
	}
	finish()
	l.arrive()
	l.unclear = true
	finish()
}
