package syncer

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/store"
)

// wantOneEvent checks the outcome of every path that ends well: one event at the booking's time, no mark, level.
func (r *rig) wantOneEvent(id string) {
	r.t.Helper()
	b := r.booking(id)
	found := 0
	for _, e := range r.provider.events(b.Placements[0].Calendar.Calendar()) {
		if e.Identity != b.Placements[0].Identity {
			continue
		}
		found++
		if e.Interval != b.Interval || e.Version != b.Version {
			r.t.Errorf("event at %v version %d, booking at %v version %d", e.Interval, e.Version, b.Interval, b.Version)
		}
	}
	if found != 1 {
		r.t.Errorf("%d events of the booking", found)
	}
	if m, found := r.mark(id); found {
		r.t.Errorf("the mark is still there: %+v", m)
	}
	if p := b.Placements[0]; p.Status != booking.Written && p.Status != booking.Seen || p.Event.ID == "" {
		r.t.Errorf("placement %+v", p)
	}
}

func TestWriteOnce(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		r.book("b1", cal1, hours(1, 10, 11))
		r.wait(0) // at once, not with the timer
		r.wantOneEvent("b1")
		r.wait(time.Hour)
		r.wantOneEvent("b1")
		if n := r.provider.count("apply", ""); n != 1 {
			t.Errorf("%d writes", n)
		}
		w := r.provider.made("apply", "")[0].want
		if w.Unclear || w.Zone != "Europe/Berlin" || w.Title != "Erika" || w.Marker != r.store.ID()+"/b1/adams/1/check/R-b1" {
			t.Errorf("wanted %+v", w)
		}
		if b := r.booking("b1"); b.Conflict() || len(r.busy(cal1).Foreign) != 0 {
			t.Errorf("our own event is a conflict: %v, %v", b.Conflict(), r.busy(cal1).Foreign)
		}
	})
}

// TestFailedOrHappened: the call fails at any point, or its reply is lost, once or several times, with and without a
// restart in between. There is one event in the end.
func TestFailedOrHappened(t *testing.T) {
	kinds := map[string]error{
		"timeout": fault(calendar.Unclear), "plain": errors.New("connection reset"), "throttled": fault(calendar.Throttled),
		"needs a person": fault(calendar.NeedsPerson),
	}
	for _, step := range []string{"read", "read done", "apply", "applied"} {
		for kind, cause := range kinds {
			if step == "applied" && (kind == "throttled" || kind == "needs a person") {
				continue // what was refused did not happen
			}
			for _, restart := range []bool{false, true} {
				t.Run(fmt.Sprint(step, ", ", kind, ", restart ", restart), func(t *testing.T) {
					bubble(t, func(t *testing.T, r *rig) {
						r.start()
						var failures atomic.Int64
						r.provider.hook(func(op, _ string) error {
							if op == step && failures.Add(1) <= 3 {
								return cause
							}
							return nil
						})
						r.book("b1", cal1, hours(1, 10, 11))
						if restart {
							r.wait(100 * time.Millisecond)
							r.restart()
						}
						r.wait(time.Hour)
						r.wantOneEvent("b1")
						if r.booking("b1").Conflict() {
							t.Error("in conflict with itself")
						}
						if len(r.WriteErrors()) != 0 {
							t.Errorf("still reported: %v", r.WriteErrors())
						}
					})
				})
			}
		}
	}
}

// TestCrashDuringAWrite: the process dies at each commit of the write-back in turn, and the syncer is stopped in the middle
// of a call.
func TestCrashDuringAWrite(t *testing.T) {
	for at := range int64(4) {
		t.Run(fmt.Sprint("commit ", at), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.start()
				r.book("b1", cal1, hours(1, 10, 11)) // the write-back has not run yet
				var commits atomic.Int64
				dead := func() error {
					if commits.Add(1) > at {
						return errors.New("dead")
					}
					return nil
				}
				r.db.fail.Store(&dead)
				r.wait(time.Second)
				r.restart()
				r.wait(30 * time.Minute)
				r.wantOneEvent("b1")
			})
		})
	}
	for _, step := range []string{"apply", "applied"} {
		t.Run("stopped at "+step, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.start()
				var once atomic.Bool
				r.provider.hook(func(op, _ string) error {
					if op == step && once.CompareAndSwap(false, true) {
						time.Sleep(10 * time.Second)
						return errors.New("context canceled")
					}
					return nil
				})
				r.book("b1", cal1, hours(1, 10, 11))
				r.wait(time.Second)
				before := time.Now()
				r.restart() // waits for the call
				if time.Since(before) < 9*time.Second {
					t.Error("Run returned while a write was under way")
				}
				if m, found := r.mark("b1"); found && !m.Unclear {
					t.Errorf("mark %+v: the call may have arrived", m)
				}
				r.wait(30 * time.Minute)
				r.wantOneEvent("b1")
			})
		})
	}
}

// TestUnclearIsRemembered: only a call that may have arrived is looked up; one that was refused is not.
func TestUnclearIsRemembered(t *testing.T) {
	tests := []struct {
		name string
		errs []error
		want []bool // Unclear of each call
	}{
		{"refused", []error{fault(calendar.Throttled), fault(calendar.NeedsPerson)}, []bool{false, false, false}},
		{"unclear", []error{fault(calendar.Unclear)}, []bool{false, true}},
		{"unclear, then refused", []error{fault(calendar.Unclear), fault(calendar.Throttled)}, []bool{false, true, true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.start()
				var n atomic.Int64
				r.provider.hook(func(op, _ string) error {
					if op == "apply" {
						if i := n.Add(1); int(i) <= len(tt.errs) {
							return tt.errs[i-1]
						}
					}
					return nil
				})
				r.book("b1", cal1, hours(1, 10, 11))
				r.wait(time.Hour)
				var got []bool
				for _, c := range r.provider.made("apply", "") {
					got = append(got, c.want.Unclear)
				}
				if fmt.Sprint(got) != fmt.Sprint(tt.want) {
					t.Errorf("%v, want %v", got, tt.want)
				}
				r.wantOneEvent("b1")
			})
		})
	}
}

// TestChangedWhileWriting: the booking gets its next version during the call; that is written too.
func TestChangedWhileWriting(t *testing.T) {
	tests := []struct {
		name   string
		change func(r *rig)
		gone   bool
	}{
		{"moved", func(r *rig) { r.move("b1", hours(2, 12, 13)) }, false},
		{"cancelled", func(r *rig) { r.cancel("b1") }, true},
	}
	for _, tt := range tests {
		for _, step := range []string{"apply", "applied"} {
			t.Run(tt.name+" at "+step, func(t *testing.T) {
				bubble(t, func(t *testing.T, r *rig) {
					r.start()
					var once atomic.Bool
					r.provider.hook(func(op, _ string) error {
						if op == step && once.CompareAndSwap(false, true) {
							tt.change(r)
						}
						return nil
					})
					r.book("b1", cal1, hours(1, 10, 11))
					r.wait(10 * time.Minute)
					if !tt.gone {
						r.wantOneEvent("b1")
					} else if n := len(r.provider.events("adams")); n != 0 {
						t.Errorf("%d events of a cancelled booking", n)
					}
					if m, found := r.mark("b1"); found {
						t.Errorf("mark %+v", m)
					}
				})
			})
		}
	}
}

func TestPermanentErrorsAreSetAside(t *testing.T) {
	for _, kind := range permanent {
		t.Run(kind.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.start()
				r.provider.hook(failAt("apply", &calendar.Error{Kind: kind, Op: "insert event", Status: 400, Reason: "because"})(r))
				r.book("b1", cal1, hours(1, 10, 11))
				r.book("b2", cal1, hours(1, 12, 13))
				r.wait(time.Hour)
				for _, id := range []string{"b1", "b2"} {
					b, want, reason := r.booking(id), booking.Stuck, "because"
					if kind == calendar.Gone { // it was made, by a call whose reply was lost, and a person deleted it
						want, reason = booking.Missing, "deleted"
					}
					if p := b.Placements[0]; p.Status != want || !strings.Contains(p.Reason, reason) {
						t.Errorf("%s: %+v", id, p)
					}
					if b.Status != booking.Confirmed || b.NeedsPerson(time.Now()) == "" {
						t.Errorf("%s is %s; a person is told %q", id, b.Status, b.NeedsPerson(time.Now()))
					}
					if _, found := r.mark(id); found {
						t.Errorf("%s is still tried", id)
					}
				}
				if n := r.provider.count("apply", ""); n != 2 {
					t.Errorf("%d calls for two bookings", n)
				}
			})
		})
	}
}

// TestRetryAfter: nothing of the account is called before the time that the provider named.
func TestRetryAfter(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		var once atomic.Bool
		r.provider.hook(func(op, _ string) error {
			if op == "apply" && once.CompareAndSwap(false, true) {
				return &calendar.Error{Kind: calendar.Throttled, RetryAfter: 5 * time.Minute}
			}
			return nil
		})
		r.book("b1", cal1, hours(1, 10, 11))
		r.wait(time.Second)
		refused := r.provider.made("apply", "")[0].at
		r.wait(20 * time.Minute)
		r.wantOneEvent("b1")
		for _, op := range []string{"apply", "read", "changed"} {
			for _, c := range r.provider.made(op, "") {
				if gap := c.at.Sub(refused); gap > 0 && gap < 5*time.Minute {
					t.Errorf("%s after %v", op, gap)
				}
			}
		}
	})
}

// TestNeedsPersonKeepsTheMark: the write waits for the person, and happens once they came.
func TestNeedsPersonKeepsTheMark(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		for _, step := range []string{"read", "apply"} {
			r.provider.hook(failAt(step, fault(calendar.NeedsPerson))(r))
			r.book("at-"+step, cal1, hours(1, 10, 11))
			r.wait(3 * 24 * time.Hour)
			m, found := r.mark("at-" + step)
			if !found || m.Unclear || m.LastError != "needs a person" {
				t.Errorf("mark %+v, %v", m, found)
			}
			if s := r.booking("at-" + step).Placements[0].Status; s != booking.Pending {
				t.Errorf("placement is %s", s)
			}
			if _, told := r.WriteErrors()[cal1]; !told {
				t.Error("the error is not reported")
			}
			r.provider.hook(nil)
			r.wait(2 * longestDelay)
			r.wantOneEvent("at-" + step)
			r.provider.delete("adams", "identity-at-"+step)
		}
	})
}

// TestRetriesSlowDown: also where it is the look at the slot that fails.
func TestRetriesSlowDown(t *testing.T) {
	for _, step := range []string{"read", "apply"} {
		t.Run(step, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.start()
				r.provider.hook(failAt(step, fault(calendar.Unclear))(r))
				before := r.provider.count(step, "")
				r.book("b1", cal1, hours(1, 10, 11))
				r.wait(6 * time.Hour)
				// Ten doublings, then one each ten minutes, and what the mirror reads.
				if n := r.provider.count(step, "") - before; n > 120 {
					t.Errorf("%d calls in six hours", n)
				}
				if m, _ := r.mark("b1"); m.Attempts < 10 {
					t.Errorf("mark %+v", m)
				}
				r.provider.hook(nil)
				r.wait(2 * longestDelay)
				r.wantOneEvent("b1")
			})
		})
	}
}

func TestDelayIsPure(t *testing.T) {
	for attempts := range 40 {
		for _, key := range []string{"a", "b", "long key/0"} {
			d := delay(attempts, key)
			if d != delay(attempts, key) {
				t.Errorf("delay(%d, %q) differs", attempts, key)
			}
			if d < firstDelay/2 || d > longestDelay*5/4 {
				t.Errorf("delay(%d, %q) = %v", attempts, key, d)
			}
			if next := delay(attempts+1, key); next < d {
				t.Errorf("delay(%d, %q) = %v, the next is %v", attempts, key, d, next)
			}
		}
	}
	if delay(3, "a") == delay(3, "b") {
		t.Error("the work of one outage is not spread")
	}
}

// TestTheSlotWasTaken before our event was inserted: it is written all the same, marked for people.
func TestTheSlotWasTaken(t *testing.T) {
	tests := []struct {
		name     string
		event    calendar.Event
		conflict bool
	}{
		{"over it", event("x", hours(1, 9, 12)), true},
		{"by a second", event("x", calendar.Interval{Start: hours(1, 11, 12).Start - 1, End: hours(1, 12, 13).Start}), true},
		{"before it", event("x", hours(1, 9, 10)), false},
		{"after it", event("x", hours(1, 11, 12)), false},
		{"free", calendar.Event{ID: "x", Interval: hours(1, 9, 12)}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.start()
				r.provider.put("adams", tt.event) // not in the mirror yet
				r.book("b1", cal1, hours(1, 10, 11))
				r.wait(time.Second)
				r.wantOneEvent("b1")
				title := r.provider.events("adams")
				marked := false
				for _, e := range title {
					marked = marked || strings.Contains(e.title, "CONFLICT")
				}
				if b := r.booking("b1"); b.Conflict() != tt.conflict || marked != tt.conflict {
					t.Errorf("conflict %v, title marked %v, want %v", b.Conflict(), marked, tt.conflict)
				}
				if b := r.booking("b1"); (b.NeedsPerson(time.Now()) != "") != tt.conflict {
					t.Errorf("a person is told %q", b.NeedsPerson(time.Now()))
				}
			})
		})
	}
}

// TestNeighboursAreNoConflict: our other bookings are not somebody, whether written or not.
func TestNeighboursAreNoConflict(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.cfg.Capacity = func(_, service string) int { return map[string]int{"check": 8}[service] }
		r.make()
		r.start()
		for i := range 8 {
			r.book(fmt.Sprint("b", i), cal1, hours(1, 10, 12)) // a resource of capacity 8
		}
		r.wait(time.Minute)
		for i := range 8 {
			r.wantOneEvent(fmt.Sprint("b", i))
			if r.booking(fmt.Sprint("b", i)).Conflict() {
				t.Errorf("b%d is in conflict with our own", i)
			}
		}
	})
}

// TestSerialPerCalendar: one write at a time in a calendar, several calendars at once.
func TestSerialPerCalendar(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		var running, most [2]atomic.Int64
		var both atomic.Int64
		r.provider.hook(func(op, cal string) error {
			i := map[string]int{"adams": 0, "baker": 1}[cal]
			if op == "apply" {
				most[i].Store(max(most[i].Load(), running[i].Add(1)))
				time.Sleep(time.Second)
				if running[1-i].Load() > 0 {
					both.Add(1)
				}
				running[i].Add(-1)
			}
			return nil
		})
		for i := range 6 {
			r.book(fmt.Sprint("a", i), cal1, hours(1, i, i+1))
			r.book(fmt.Sprint("b", i), cal2, hours(1, i, i+1))
		}
		r.wait(30 * time.Second)
		for i := range 6 {
			r.wantOneEvent(fmt.Sprint("a", i))
			r.wantOneEvent(fmt.Sprint("b", i))
		}
		if most[0].Load() != 1 || most[1].Load() != 1 || both.Load() == 0 {
			t.Errorf("at once: %d and %d; %d with the other calendar", most[0].Load(), most[1].Load(), both.Load())
		}
	}, cal1, cal2)
}

// TestASickAccountDelaysNoOther, neither in reading nor in writing, nor does a calendar that is not configured any more.
func TestASickAccountDelaysNoOther(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		r.provider.hook(func(op, cal string) error {
			if cal == "clark" {
				time.Sleep(50 * time.Second) // nearly as long as a call may take
				return &calendar.Error{Kind: calendar.Throttled, RetryAfter: time.Hour}
			}
			return nil
		})
		for i := range 40 {
			r.book(fmt.Sprint("s", i), cal3, hours(1, 10, 11))
		}
		r.book("lost", "removed/calendar", hours(1, 10, 11))
		r.wait(2 * time.Hour)
		for i := range 10 {
			id := fmt.Sprint("b", i)
			r.book(id, cal1, hours(1, i, i+1))
			r.wait(10 * time.Second)
			r.wantOneEvent(id)
			r.wait(20 * time.Minute)
		}
		if r.age(cal1) > 2*time.Minute {
			t.Errorf("the healthy calendar was confirmed %v ago", r.age(cal1))
		}
		if r.age(cal3) < 2*time.Hour {
			t.Errorf("the sick calendar counts as confirmed %v ago", r.age(cal3))
		}
		if _, told := r.WriteErrors()["removed/calendar"]; !told {
			t.Error("nobody is told of the account that is missing")
		}
	}, cal1, cal3)
}

// TestManyMarksOfOneCalendarDelayNoOther: more than one round can look at.
func TestManyMarksOfOneCalendarDelayNoOther(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		for from := 0; from < outboxPage+100; from += 10 {
			r.update(func(tx *store.Tx) error {
				for i := range 10 {
					id := fmt.Sprintf("s%04d", from+i)
					b := &booking.Booking{ID: id, Reference: id, Interval: hours(1, 10, 11)}
					b.Begin(byCustomer(), []booking.Seat{seat(id, "clark", cal3)})
					if err := tx.InsertBooking(b, booking.Person{}, time.Now()); err != nil {
						return err
					}
				}
				return nil
			})
		}
		r.provider.hook(func(op, cal string) error {
			if cal == "clark" {
				return &calendar.Error{Kind: calendar.Throttled, RetryAfter: 12 * time.Hour}
			}
			return nil
		})
		r.start()
		r.wait(time.Minute)
		r.book("b1", cal1, hours(1, 10, 11))
		r.wait(5 * time.Minute)
		r.wantOneEvent("b1")
	}, cal1, cal3)
}

// TestMarksOfTheLastRun are found at the start.
func TestMarksOfTheLastRun(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.book("b1", cal1, hours(1, 10, 11))
		r.start()
		r.wantOneEvent("b1")
	})
}

// TestSeenBeforeSettled: the mirror shows the event while its write is still unclear; later nothing changes any more.
func TestSeenBeforeSettled(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		var once atomic.Bool
		r.provider.hook(func(op, _ string) error {
			if op == "applied" && once.CompareAndSwap(false, true) {
				r.Nudge(cal1)
				time.Sleep(time.Second)
				return errors.New("connection reset")
			}
			return nil
		})
		r.book("b1", cal1, hours(1, 10, 11))
		r.wait(10 * time.Minute)
		r.wantOneEvent("b1")
		if s := r.booking("b1").Placements[0].Status; s != booking.Seen {
			t.Errorf("placement is %s: its deletion would go unnoticed", s)
		}
	})
}
