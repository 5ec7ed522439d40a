package syncer

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/store"
)

// room says whether adams can be booked at a time, as the desk asks it.
func (r *rig) room(tx interface {
	Busy(calendar.ID) (*calendar.Busy, error)
	Claims(string) ([]booking.Claim, error)
}, at calendar.Interval) (booking.Reason, error) {
	busy, err := tx.Busy(cal1)
	if err != nil {
		return 0, err
	}
	claims, err := tx.Claims("adams")
	if err != nil {
		return 0, err
	}
	catalog := booking.NewCatalog(booking.Business{
		Services: []booking.Service{{ID: "check", Rules: booking.Rules{Duration: new(at.Duration())}}},
		Resources: []booking.Resource{
			{ID: "adams", Services: []string{"check"}, Zone: time.UTC, Blocks: []calendar.ID{cal1}, BookInto: cal1},
		},
	})
	facts := booking.Facts{Busy: []*calendar.Busy{busy}, Claims: claims, Now: time.Now().Unix()}
	return booking.NewState(catalog.Offer("", "adams", "check"), booking.Bounds{Latest: 1 << 60}, facts).Room(at.Start), nil
}

var errTaken = errors.New("taken")

// claim books a time if it is free, as a confirm does. It reports whether it was.
func (r *rig) claim(id string, at calendar.Interval) bool {
	r.t.Helper()
	err := r.store.Update(r.t.Context(), func(tx *store.Tx) error {
		why, err := r.room(tx, at)
		if err != nil {
			return err
		}
		if why != booking.Free {
			return errTaken
		}
		b := &booking.Booking{ID: id, Reference: "R-" + id, Service: "check", Interval: at}
		b.Begin(byCustomer(), []booking.Seat{seat(id, "adams", cal1)})
		return tx.InsertBooking(b, booking.Person{}, time.Now())
	})
	if err != nil && !errors.Is(err, errTaken) {
		r.t.Fatal(err)
	}
	return err == nil
}

func (r *rig) free(at calendar.Interval) bool {
	r.t.Helper()
	free := false
	r.view(func(rd *store.Reader) error {
		why, err := r.room(rd, at)
		free = why == booking.Free
		return err
	})
	return free
}

// TestFreedTime lets a read of the calendar and our write of a change overlap in every order. Time that is left is free at
// once, apart from the moments in which a read that is older than our write has the last word. Time that is taken is never
// free.
func TestFreedTime(t *testing.T) {
	old, next := hours(1, 10, 11), hours(2, 12, 13)
	changes := map[string]func(r *rig){
		"cancelled": func(r *rig) { r.cancel("b1") },
		"moved":     func(r *rig) { r.move("b1", next) },
	}
	waits := []time.Duration{0, 4 * time.Second}
	for name, change := range changes {
		for _, claiming := range []bool{false, true} {
			for _, begin := range []time.Duration{0, 2 * time.Second, 5 * time.Second, 9 * time.Second} {
				for _, read := range waits {
					for _, before := range waits {
						for _, after := range waits {
							t.Run(fmt.Sprint(name, ", claiming ", claiming, begin, read, before, after), func(t *testing.T) {
								bubble(t, func(t *testing.T, r *rig) {
									r.start()
									r.book("b1", cal1, old)
									r.wait(20 * time.Minute)
									r.slow(begin, read, before, after)
									change(r)
									if !r.free(old) {
										t.Error("the time that was left is not free at once")
									}
									r.claimAlong(name, old, next, claiming)
									r.provider.hook(nil)
									r.wait(time.Hour)
									r.wantLevel("b1")
									if claiming {
										r.wantLevel("b2")
									} else if !r.free(old) {
										t.Error("the time that was left is not free in the end")
									}
								})
							})
						}
					}
				}
			}
		}
	}
}

// slow makes a read begin after a while, the first read and the first write last, and the write take effect in between.
func (r *rig) slow(begin, read, before, after time.Duration) {
	pause := func(d time.Duration) func() {
		var once atomic.Bool
		return func() {
			if once.CompareAndSwap(false, true) {
				time.Sleep(d)
			}
		}
	}
	steps := map[string]func(){"read done": pause(read), "apply": pause(before), "applied": pause(after)}
	r.provider.hook(func(op, _ string) error {
		if step := steps[op]; step != nil {
			step()
		}
		return nil
	})
	time.AfterFunc(begin, r.ReadAll)
}

// claimAlong looks at both times every half second, and takes the old one at the first moment at which it is free, if asked to.
func (r *rig) claimAlong(name string, old, next calendar.Interval, claiming bool) {
	r.t.Helper()
	claimed := false
	for range 80 {
		r.wait(500 * time.Millisecond)
		if claiming && !claimed {
			claimed = r.claim("b2", old)
			r.Written(cal1)
		} else if claimed && r.free(old) {
			r.t.Error("the time of the next booking is free")
		}
		if name == "moved" && r.free(next) {
			r.t.Error("the new time is free")
		}
	}
	if claiming && !claimed {
		r.t.Error("the time that was left never became free")
	}
}

// TestFreedStaysFree: where no older read comes in between, freed time is free from the change on, before the next read.
func TestFreedStaysFree(t *testing.T) {
	for name, change := range map[string]func(r *rig){
		"cancelled":                 func(r *rig) { r.cancel("b1") },
		"moved":                     func(r *rig) { r.move("b1", hours(2, 12, 13)) },
		"moved to another resource": func(r *rig) { r.move("b1", hours(1, 10, 11), seat("b1", "baker", cal2)) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.start()
				r.book("b1", cal1, hours(1, 10, 11))
				r.wait(20 * time.Minute)
				r.provider.hook(func(op, _ string) error {
					switch op {
					case "changed":
						return fault(calendar.Unclear)
					case "apply", "applied":
						time.Sleep(3 * time.Second)
					}
					return nil
				})
				change(r)
				for i := range 60 {
					if !r.free(hours(1, 10, 11)) {
						t.Fatalf("taken after %v", time.Duration(i)*time.Second)
					}
					r.wait(time.Second)
				}
				r.provider.hook(nil)
				r.wait(10 * time.Minute)
				r.wantLevel("b1")
			}, cal1, cal2)
		})
	}
}

// TestRestoredBehindOurBack: a person brings back the event of a cancelled booking while we record that it is gone. Once a
// snapshot has shown it, its time is never free.
func TestRestoredBehindOurBack(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		r.book("b1", cal1, hours(1, 10, 11))
		r.wait(20 * time.Minute)
		var restored, read atomic.Bool
		r.provider.hook(func(op, _ string) error {
			switch {
			case op == "applied" && restored.CompareAndSwap(false, true):
				r.provider.restore("adams", "identity-b1")
				r.Nudge(cal1)
				time.Sleep(10 * time.Second) // the snapshot is stored before our write is
			case op == "read" && restored.Load() && !read.CompareAndSwap(false, true):
				return fault(calendar.Unclear) // and no other follows
			}
			return nil
		})
		r.cancel("b1")
		r.wait(15 * time.Second)
		if r.free(hours(1, 10, 11)) {
			t.Error("the time is free")
		}
	})
}
