package syncer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/store"
)

// wantLevel checks how every story must end: one event at the booking's time for each placement that is wanted, none for any
// other, nothing left to do, and a store that agrees with itself.
func (r *rig) wantLevel(id string) {
	r.t.Helper()
	b := r.booking(id)
	for i, p := range b.Placements {
		found, want := 0, 0
		if b.Wanted(i) {
			want = 1
		}
		for _, e := range r.provider.events(p.Calendar.Calendar()) {
			if e.Identity != p.Identity {
				continue
			}
			found++
			if b.Wanted(i) && e.Interval != b.Interval {
				r.t.Errorf("placement %d: event at %v, booking at %v", i, e.Interval, b.Interval)
			}
		}
		if found != want {
			r.t.Errorf("placement %d: %d events, want %d", i, found, want)
		}
		if p.Status != booking.Written && p.Status != booking.Seen {
			r.t.Errorf("placement %d is %s: %s", i, p.Status, p.Reason)
		}
		if !p.Left.Empty() || p.Conflict {
			r.t.Errorf("placement %d has left %v, conflict %v", i, p.Left, p.Conflict)
		}
		r.view(func(rd *store.Reader) error {
			m, there, err := rd.Mark(store.OutboxID{Booking: id, Placement: i})
			if there {
				r.t.Errorf("placement %d still has the mark %+v", i, m)
			}
			return err
		})
	}
	r.verify()
	if r.t.Failed() {
		r.t.Logf("history %+v", b.History)
	}
}

// write is one kind of change that reaches a calendar.
type write struct {
	name   string
	before func(r *rig) // what was written without trouble
	do     func(r *rig)
}

func writes() []write {
	booked := func(r *rig) { r.book("b1", cal1, hours(1, 10, 11)) }
	return []write{
		{"create", func(*rig) {}, booked},
		{"move", booked, func(r *rig) { r.move("b1", hours(2, 12, 13)) }},
		{"move to another resource", booked, func(r *rig) {
			r.move("b1", hours(2, 12, 13), seat("b1", "baker", cal2))
		}},
		{"cancel", booked, func(r *rig) { r.cancel("b1") }},
		{"text only", booked, func(r *rig) {
			r.change("b1", func(b *booking.Booking) error { b.Forget(byCustomer()); return nil })
		}},
	}
}

// outcomes are what can become of a call. The error of a hook that ends at "applied" comes after the effect.
func outcomes() map[string]struct {
	step string
	err  error
} {
	type o = struct {
		step string
		err  error
	}
	return map[string]o{
		"throttled":            {"apply", &calendar.Error{Kind: calendar.Throttled, Status: 429, RetryAfter: 20 * time.Second}},
		"needs a person":       {"apply", fault(calendar.NeedsPerson)},
		"timed out, absent":    {"apply", fault(calendar.Unclear)},
		"timed out, present":   {"applied", fault(calendar.Unclear)},
		"reset, absent":        {"apply", errors.New("connection reset")},
		"reset, present":       {"applied", errors.New("connection reset")},
		"409, not to be found": {"apply", &calendar.Error{Status: 409, Reason: "takenButNotFound"}},
		"503, absent":          {"apply", &calendar.Error{Status: 503}},
		"503, present":         {"applied", &calendar.Error{Status: 503}},
		"late":                 {"apply", late{90 * time.Second}},
		"very late":            {"apply", late{8 * time.Minute}},
	}
}

// TestFailedButHappened crosses each kind of write with each outcome, once and thrice in a row, with and without a restart
// while the outcome is unclear.
func TestFailedButHappened(t *testing.T) {
	for _, w := range writes() {
		for name, o := range outcomes() {
			for _, times := range []int64{1, 3} {
				for _, restart := range []bool{false, true} {
					if times == 3 && restart {
						continue
					}
					t.Run(fmt.Sprintf("%s, %s, %d times, restart %v", w.name, name, times, restart), func(t *testing.T) {
						bubble(t, func(t *testing.T, r *rig) {
							r.start()
							w.before(r)
							r.wait(20 * time.Minute)
							var n atomic.Int64
							r.provider.hook(func(op, _ string) error {
								if op == o.step && n.Add(1) <= times {
									return o.err
								}
								return nil
							})
							w.do(r)
							if restart {
								r.wait(100 * time.Millisecond)
								r.restart()
							}
							r.wait(2 * time.Hour)
							if n.Load() < times {
								t.Fatalf("only %d calls", n.Load())
							}
							r.wantLevel("b1")
							if len(r.WriteErrors()) != 0 {
								t.Errorf("still reported: %v", r.WriteErrors())
							}
						}, cal1, cal2)
					})
				}
			}
		}
	}
}

// TestDiedAtEachCommit: the process dies before or after each of the first commits that follow a change, with and without
// the reply of the provider.
func TestDiedAtEachCommit(t *testing.T) {
	for _, w := range writes() {
		for at := range int64(5) {
			for _, committed := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, commit %d, on disk %v", w.name, at, committed), func(t *testing.T) {
					bubble(t, func(t *testing.T, r *rig) {
						r.start()
						w.before(r)
						r.wait(20 * time.Minute)
						r.stop()
						w.do(r)
						var commits atomic.Int64
						dead := func() error {
							if commits.Add(1) > at {
								return errors.New("dead")
							}
							return nil
						}
						if committed {
							r.db.after.Store(&dead)
						} else {
							r.db.fail.Store(&dead)
						}
						r.start()
						r.wait(time.Second)
						r.restart()
						r.wait(time.Hour)
						r.wantLevel("b1")
					}, cal1, cal2)
				})
			}
		}
	}
}

// TestRefusedForGood: what is refused is set aside, and comes right when a person has it tried again.
func TestRefusedForGood(t *testing.T) {
	for _, w := range writes() {
		t.Run(w.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.start()
				w.before(r)
				r.wait(20 * time.Minute)
				r.provider.hook(failAt("apply", &calendar.Error{Kind: calendar.Refused, Status: 403, Reason: "because"})(r))
				w.do(r)
				r.wait(time.Hour)
				if b := r.booking("b1"); !strings.Contains(b.NeedsPerson(time.Now()), "because") {
					t.Errorf("a person is told %q", b.NeedsPerson(time.Now()))
				}
				r.verify()
				r.provider.hook(nil)
				r.retry("b1")
				r.wait(20 * time.Minute)
				r.wantLevel("b1")
			}, cal1, cal2)
		})
	}
}

func (r *rig) retry(id string) {
	r.t.Helper()
	r.change(id, func(b *booking.Booking) error {
		again := func(p booking.Placement, attempt int) string {
			return seat(id, p.Resource, p.Calendar).Identity(attempt)
		}
		if !b.Retry(booking.Act{At: time.Now(), By: booking.ByOperator}, again) {
			r.t.Error("there was nothing to try again")
		}
		return nil
	})
}

// TestOvertaken: a booking changes while a call of the version before is under way, on either side of the effect and with
// every outcome of that call.
func TestOvertaken(t *testing.T) {
	first := []struct {
		name   string
		before func(r *rig)
		do     func(r *rig)
	}{
		{"create", func(*rig) {}, func(r *rig) { r.book("b1", cal1, hours(1, 10, 11)) }},
		{"move", func(r *rig) { r.book("b1", cal1, hours(1, 10, 11)) }, func(r *rig) { r.move("b1", hours(1, 14, 15)) }},
	}
	then := map[string]func(r *rig){
		"cancel":    func(r *rig) { r.cancel("b1") },
		"move":      func(r *rig) { r.move("b1", hours(2, 12, 13)) },
		"move back": func(r *rig) { r.move("b1", hours(1, 10, 11)) },
		"two moves": func(r *rig) { r.move("b1", hours(2, 12, 13)); r.move("b1", hours(2, 16, 17)) },
		"leave":     func(r *rig) { r.move("b1", hours(2, 12, 13), seat("b1", "baker", cal2)) },
		"leave and come back": func(r *rig) {
			r.move("b1", hours(2, 12, 13), seat("b1", "baker", cal2))
			r.move("b1", hours(2, 16, 17), seat("b1", "adams", cal1))
		},
	}
	ends := outcomes()
	ends["well"] = struct {
		step string
		err  error
	}{}
	for _, f := range first {
		for overtaking, change := range then {
			for _, step := range []string{"apply", "applied"} {
				for end, o := range ends {
					if f.name == "create" && overtaking == "move back" || step == "applied" && o.step == "apply" {
						continue
					}
					t.Run(fmt.Sprintf("%s at %q of a %s, %s", overtaking, step, f.name, end), func(t *testing.T) {
						bubble(t, func(t *testing.T, r *rig) {
							r.start()
							f.before(r)
							r.wait(20 * time.Minute)
							var changed, failed atomic.Bool
							r.provider.hook(func(op, _ string) error {
								if op == step && changed.CompareAndSwap(false, true) {
									change(r)
								}
								if op == o.step && failed.CompareAndSwap(false, true) {
									return o.err
								}
								return nil
							})
							f.do(r)
							r.wait(2 * time.Hour)
							r.wantLevel("b1")
						}, cal1, cal2)
					})
				}
			}
		}
	}
}

// TestLateCreateWithoutLists: a create that arrives after its booking was cancelled is removed, also while the calendar cannot
// be listed.
func TestLateCreateWithoutLists(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		var once atomic.Bool
		r.provider.hook(func(op, _ string) error {
			switch {
			case op == "apply" && once.CompareAndSwap(false, true):
				return late{90 * time.Second}
			case op == "changed":
				return fault(calendar.Unclear)
			}
			return nil
		})
		r.book("b1", cal1, hours(1, 10, 11))
		r.wait(100 * time.Millisecond)
		r.cancel("b1")
		r.wait(time.Minute)
		if len(r.provider.events("adams")) != 0 {
			t.Fatal("the create is not late")
		}
		r.wait(9 * time.Minute)
		r.wantLevel("b1")
	})
}

// TestLateOverLater: a move that arrives after a later one, at a server that writes over whatever is there, is put right. It
// is not a person's.
func TestLateOverLater(t *testing.T) {
	for _, after := range []time.Duration{30 * time.Second, 5 * time.Minute, 30 * time.Minute} {
		t.Run(after.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.provider.set("adams", func(c *fakeCalendar) { c.noIfMatch = true })
				r.start()
				r.book("b1", cal1, hours(1, 10, 11))
				r.wait(20 * time.Minute)
				var once atomic.Bool
				r.provider.hook(func(op, _ string) error {
					if op == "apply" && once.CompareAndSwap(false, true) {
						return late{after}
					}
					return nil
				})
				r.move("b1", hours(1, 14, 15))
				r.wait(5 * time.Second)
				r.move("b1", hours(2, 12, 13))
				r.wait(2 * time.Hour)
				r.wantLevel("b1")
				if b := r.booking("b1"); b.Interval != hours(2, 12, 13) {
					t.Errorf("the booking is at %v", b.Interval)
				}
			})
		})
	}
}

// TestOldReplyIsNoPerson: a write whose reply was lost, found when the booking has moved on, is not taken for a person's.
func TestOldReplyIsNoPerson(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		r.book("b1", cal1, hours(1, 10, 11))
		r.wait(20 * time.Minute)
		r.provider.hook(failAt("applied", fault(calendar.Unclear))(r))
		r.move("b1", hours(1, 14, 15))
		r.wait(100 * time.Millisecond)
		r.move("b1", hours(2, 12, 13))
		r.wait(100 * time.Millisecond)
		r.provider.hook(nil)
		r.wait(time.Hour)
		r.wantLevel("b1")
		b := r.booking("b1")
		if b.Interval != hours(2, 12, 13) || slices.ContainsFunc(b.History, byCalendar) {
			t.Errorf("the booking is at %v, history %+v", b.Interval, b.History)
		}
	})
}

func byCalendar(c booking.Change) bool { return c.By == booking.ByCalendar }
