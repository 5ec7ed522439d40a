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
)

// team is a booking of a doctor and a room that both calendars have shown.
func (r *rig) team(id string, span calendar.Interval) {
	r.t.Helper()
	r.bookTeam(id, span, seat(id, "adams", cal1), seat(id, "room", cal2))
	r.wait(20 * time.Minute)
	for i, p := range r.booking(id).Placements {
		if p.Status != booking.Seen {
			r.t.Fatalf("placement %d is %s", i, p.Status)
		}
	}
}

func (r *rig) wantAt(id string, at calendar.Interval) {
	r.t.Helper()
	b := r.booking(id)
	if b.Status != booking.Confirmed || b.Interval != at {
		r.t.Errorf("%s is %s at %v, want confirmed at %v; history %+v", id, b.Status, b.Interval, at, b.History)
	}
}

func (r *rig) wantStatus(id string, status booking.Status) {
	r.t.Helper()
	if b := r.booking(id); b.Status != status {
		r.t.Errorf("%s is %s, want %s; history %+v", id, b.Status, status, b.History)
	}
}

func (r *rig) wantPerson(id, why string) {
	r.t.Helper()
	text := r.booking(id).NeedsPerson(time.Now())
	if why == "" && text != "" || !strings.Contains(text, why) {
		r.t.Errorf("a person is told %q of %s, want %q", text, id, why)
	}
}

func moveTo(at calendar.Interval) func(*fakeEvent) { return func(e *fakeEvent) { e.Interval = at } }

// TestPeopleMove: a booking follows its event wherever a person puts it, with its other events, and is not written back.
func TestPeopleMove(t *testing.T) {
	tests := []struct {
		name string
		edit func(*fakeEvent)
		at   calendar.Interval
	}{
		{"later", moveTo(hours(1, 15, 16)), hours(1, 15, 16)},
		{"another day", moveTo(hours(3, 9, 10)), hours(3, 9, 10)},
		{"longer", moveTo(hours(1, 10, 12)), hours(1, 10, 12)},
		{"shorter", moveTo(calendar.Interval{Start: hours(1, 10, 11).Start, End: hours(1, 10, 11).Start + 600}),
			calendar.Interval{Start: hours(1, 10, 11).Start, End: hours(1, 10, 11).Start + 600}},
		{"all day", func(e *fakeEvent) { e.Interval, e.Busy = hours(1, 0, 24), false }, hours(1, 0, 24)},
		{"out of the window", moveTo(hours(90, 9, 10)), hours(90, 9, 10)},
		{"marked free", func(e *fakeEvent) { e.Busy = false }, hours(1, 10, 11)},
		{"retitled", func(e *fakeEvent) { e.title = "Erika, fasting" }, hours(1, 10, 11)},
	}
	for _, tt := range tests {
		for _, doctor := range []bool{true, false} {
			for _, down := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, doctor %v, daemon down %v", tt.name, doctor, down), func(t *testing.T) {
					bubble(t, func(t *testing.T, r *rig) {
						r.start()
						r.team("b1", hours(1, 10, 11))
						writes := r.provider.count("apply", "")
						if down {
							r.stop()
						}
						if doctor {
							r.provider.edit("adams", "identity-b1", tt.edit)
						} else {
							r.provider.edit("baker", "identity-b1-room-1", tt.edit)
						}
						if down {
							r.restart()
						}
						r.wait(20 * time.Minute)
						r.wantAt("b1", tt.at)
						r.wantLevel("b1")
						moved := tt.at != hours(1, 10, 11)
						if got := r.provider.count("apply", "") - writes; moved && got != 1 || !moved && got != 0 {
							t.Errorf("%d writes", got)
						}
						if moved {
							r.wantPerson("b1", "has not been told that it was moved")
						} else {
							r.wantPerson("b1", "")
						}
						if !moved || tt.at == hours(90, 9, 10) {
							return
						}
						back := moveTo(hours(1, 10, 11))
						r.provider.edit("adams", "identity-b1", back)
						r.wait(20 * time.Minute)
						r.wantAt("b1", hours(1, 10, 11))
						r.wantLevel("b1")
					}, cal1, cal2)
				})
			}
		}
	}
}

// TestOutOfTheWindowAndBack: where no snapshot shows it the event is asked for; back again the booking is, too.
func TestOutOfTheWindowAndBack(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		r.team("b1", hours(1, 10, 11))
		r.provider.edit("adams", "identity-b1", moveTo(hours(90, 9, 10)))
		r.wait(20 * time.Minute)
		r.wantAt("b1", hours(90, 9, 10))
		r.provider.edit("adams", "identity-b1", moveTo(hours(2, 9, 10)))
		r.wait(20 * time.Minute)
		r.wantAt("b1", hours(2, 9, 10))
		r.wantLevel("b1")
	}, cal1, cal2)
}

// TestIntoThePastAndBack: a slip of the mouse ends no booking.
func TestIntoThePastAndBack(t *testing.T) {
	for _, day := range []int{0, -20} {
		t.Run(fmt.Sprint("day ", day), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.start()
				r.wait(12 * time.Hour)
				r.team("b1", hours(1, 10, 11))
				r.provider.edit("adams", "identity-b1", moveTo(hours(day, 9, 10)))
				r.wait(3 * time.Hour)
				r.wantAt("b1", hours(1, 10, 11))
				r.wantPerson("b1", "into the past")
				r.verify()
				r.provider.edit("adams", "identity-b1", moveTo(hours(1, 13, 14)))
				r.wait(20 * time.Minute)
				r.wantAt("b1", hours(1, 13, 14))
				r.wantLevel("b1")
			}, cal1, cal2)
		})
	}
}

// TestPeopleDelete: the event of the doctor or of the room is deleted, and the booking is cancelled with the other.
func TestPeopleDelete(t *testing.T) {
	for _, doctor := range []bool{true, false} {
		for _, down := range []bool{false, true} {
			t.Run(fmt.Sprintf("doctor %v, daemon down %v", doctor, down), func(t *testing.T) {
				bubble(t, func(t *testing.T, r *rig) {
					r.start()
					r.team("b1", hours(1, 10, 11))
					if down {
						r.stop()
					}
					cal, event := "adams", "identity-b1"
					if !doctor {
						cal, event = "baker", "identity-b1-room-1"
					}
					writes := r.provider.count("apply", cal)
					r.provider.delete(cal, event)
					if down {
						r.restart()
					}
					r.wait(20 * time.Minute)
					r.wantStatus("b1", booking.Cancelled)
					r.wantLevel("b1")
					r.wantPerson("b1", "has not been told that it was cancelled")
					if n := r.provider.count("apply", cal) - writes; n != 0 {
						t.Errorf("%d writes where a person deleted: what they restore meanwhile would be removed", n)
					}
					// Restored too late, it is a person's event: it blocks its time, stays, and books nothing.
					r.provider.restore(cal, event)
					r.wait(20 * time.Minute)
					r.wantStatus("b1", booking.Cancelled)
					if n := len(r.provider.events(cal)); n != 1 {
						t.Errorf("%d events: what a person restored was removed again", n)
					}
					if busy := r.busy(calendar.ID("g/" + cal)); len(busy.Own) != 1 {
						t.Errorf("busy %+v", busy)
					}
				}, cal1, cal2)
			})
		}
	}
}

// TestDeletedSoonAfterWeWrote: within the time for which lists may lag nothing is believed; after it the deletion is noticed,
// though nothing changes any more.
func TestDeletedSoonAfterWeWrote(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.cfg.Poll = time.Hour
		r.make()
		r.start()
		r.provider.hook(failAt("changed", fault(calendar.Unclear))(r)) // so that no snapshot shows it
		r.book("b1", cal1, hours(1, 10, 11))
		r.wait(time.Second)
		r.wantLevel("b1")
		r.provider.delete("adams", "identity-b1")
		r.provider.hook(nil)
		r.wait(5 * time.Minute)
		r.wantAt("b1", hours(1, 10, 11))
		r.wait(10 * time.Minute)
		r.wantStatus("b1", booking.Cancelled)
		r.wantLevel("b1")
	})
}

// TestRestoredBeforeWeAsked: what is there when it is asked for was not deleted.
func TestRestoredBeforeWeAsked(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		r.team("b1", hours(1, 10, 11))
		var once atomic.Bool
		r.provider.hook(func(op, _ string) error {
			if op == "find" && once.CompareAndSwap(false, true) {
				r.provider.restore("adams", "identity-b1")
			}
			return nil
		})
		r.provider.delete("adams", "identity-b1")
		r.wait(20 * time.Minute)
		r.wantAt("b1", hours(1, 10, 11))
		r.wantLevel("b1")
		if !once.Load() {
			t.Error("nobody asked")
		}
	}, cal1, cal2)
}

// TestChangedWhileWeAsk: the booking changes between the question and what follows from its answer.
func TestChangedWhileWeAsk(t *testing.T) {
	for name, change := range map[string]func(r *rig){
		"moved": func(r *rig) { r.move("b1", hours(2, 12, 13)) }, "cancelled": func(r *rig) { r.cancel("b1") },
	} {
		for _, edit := range []string{"moved", "deleted"} {
			t.Run(edit+" by a person, "+name+" by the customer", func(t *testing.T) {
				bubble(t, func(t *testing.T, r *rig) {
					r.start()
					r.team("b1", hours(1, 10, 11))
					var once atomic.Bool
					r.provider.hook(func(op, _ string) error {
						if op == "found" && once.CompareAndSwap(false, true) {
							change(r)
						}
						return nil
					})
					if edit == "moved" {
						r.provider.edit("adams", "identity-b1", moveTo(hours(3, 8, 9)))
					} else {
						r.provider.delete("adams", "identity-b1")
					}
					r.wait(time.Hour)
					if !once.Load() {
						t.Error("nobody asked")
					}
					if edit == "moved" && name == "moved" {
						r.wantAt("b1", hours(3, 8, 9)) // people win
					} else {
						r.wantStatus("b1", booking.Cancelled)
					}
					r.wantLevel("b1")
				}, cal1, cal2)
			})
		}
	}
}

// TestPeopleDuringOurWrite: the person's hand is on the event while our move is under way.
func TestPeopleDuringOurWrite(t *testing.T) {
	type edit struct {
		name string
		do   func(r *rig)
		at   calendar.Interval // empty: cancelled
	}
	edits := []edit{
		{"moved", func(r *rig) { r.provider.edit("adams", "identity-b1", moveTo(hours(3, 8, 9))) }, hours(3, 8, 9)},
		{"moved to where we want it", func(r *rig) { r.provider.edit("adams", "identity-b1", moveTo(hours(2, 12, 13))) },
			hours(2, 12, 13)},
		{"retitled", func(r *rig) { r.provider.edit("adams", "identity-b1", func(e *fakeEvent) { e.title = "fasting" }) },
			hours(2, 12, 13)},
		{"deleted", func(r *rig) { r.provider.delete("adams", "identity-b1") }, calendar.Interval{}},
	}
	for _, e := range edits {
		for _, step := range []string{"read", "apply", "applied"} {
			for _, lost := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s at %s, reply lost %v", e.name, step, lost), func(t *testing.T) {
					bubble(t, func(t *testing.T, r *rig) {
						r.start()
						r.team("b1", hours(1, 10, 11))
						var once, failed atomic.Bool
						r.provider.hook(func(op, cal string) error {
							if cal == "adams" && op == step && once.CompareAndSwap(false, true) {
								e.do(r)
							}
							if cal == "adams" && lost && op == "applied" && failed.CompareAndSwap(false, true) {
								return errors.New("connection reset")
							}
							return nil
						})
						r.move("b1", hours(2, 12, 13))
						r.wait(2 * time.Hour)
						if e.at.Empty() {
							r.wantStatus("b1", booking.Cancelled)
						} else {
							r.wantAt("b1", e.at)
						}
						r.wantLevel("b1")
					}, cal1, cal2)
				})
			}
		}
	}
}

// TestPeopleWinOverTwoMoves: a person moves the event while our move is under way, and the customer moves the booking again
// before we hear of it.
func TestPeopleWinOverTwoMoves(t *testing.T) {
	for _, step := range []string{"apply", "applied"} {
		for _, first := range []bool{true, false} {
			t.Run(fmt.Sprintf("at %s, the person first %v", step, first), func(t *testing.T) {
				bubble(t, func(t *testing.T, r *rig) {
					r.start()
					r.team("b1", hours(1, 10, 11))
					var once, failed atomic.Bool
					person := func() { r.provider.edit("adams", "identity-b1", moveTo(hours(3, 8, 9))) }
					r.provider.hook(func(op, cal string) error {
						if cal != "adams" || op != step || !once.CompareAndSwap(false, true) {
							if cal == "adams" && op == "applied" && failed.CompareAndSwap(false, true) {
								return errors.New("connection reset")
							}
							return nil
						}
						if first {
							person()
						}
						r.move("b1", hours(2, 15, 16))
						if !first {
							person()
						}
						return nil
					})
					r.move("b1", hours(2, 12, 13))
					r.wait(2 * time.Hour)
					r.wantAt("b1", hours(3, 8, 9))
					r.wantLevel("b1")
				}, cal1, cal2)
			})
		}
	}
}

// TestDeletedWhilePending: the person deletes while our move cannot be written.
func TestDeletedWhilePending(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		r.team("b1", hours(1, 10, 11))
		r.provider.hook(failAt("apply", fault(calendar.Unclear))(r))
		r.move("b1", hours(2, 12, 13))
		r.wait(time.Minute)
		r.provider.delete("adams", "identity-b1")
		r.wait(time.Hour)
		r.wantAt("b1", hours(2, 12, 13))
		r.provider.hook(nil)
		r.wait(time.Hour)
		r.wantStatus("b1", booking.Cancelled)
		r.wantLevel("b1")
	}, cal1, cal2)
}

// TestAccessLost: a calendar that nobody may read any more cancels nothing, and a move that met it is made when it is back.
func TestAccessLost(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		r.team("b1", hours(1, 10, 11))
		r.team("b2", hours(1, 14, 15))
		gone := &calendar.Error{Kind: calendar.Gone, Status: 404, Reason: "notFound"}
		r.provider.hook(func(_, cal string) error {
			if cal == "adams" {
				return gone
			}
			return nil
		})
		r.move("b1", hours(2, 12, 13))
		r.wait(24 * time.Hour)
		r.provider.hook(nil)
		r.wait(time.Hour)
		r.wantAt("b1", hours(2, 12, 13))
		r.wantLevel("b1")
		r.wantAt("b2", hours(1, 14, 15))
		r.wantLevel("b2")
	}, cal1, cal2)
}

// TestUpdateMetNothing: an update is told that the event is not there, which it is. It is moved all the same.
func TestUpdateMetNothing(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		r.team("b1", hours(1, 10, 11))
		var once atomic.Bool
		r.provider.hook(func(op, _ string) error {
			if op == "apply" && once.CompareAndSwap(false, true) {
				return &calendar.Error{Kind: calendar.Gone, Status: 404}
			}
			return nil
		})
		r.move("b1", hours(2, 12, 13))
		r.wait(time.Hour)
		r.wantAt("b1", hours(2, 12, 13))
		r.wantLevel("b1")
	}, cal1, cal2)
}

// TestManyVanish: more than a person deletes in a moment. Nothing is cancelled; a person has each written again or cancels it.
func TestManyVanish(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		for i := range 5 {
			r.team(fmt.Sprint("b", i), hours(1, 8+2*i, 9+2*i))
		}
		for i := range 5 {
			r.provider.delete("adams", fmt.Sprint("identity-b", i))
		}
		r.wait(24 * time.Hour / 4)
		finds := r.provider.count("find", "adams")
		for i := range 5 {
			r.wantStatus(fmt.Sprint("b", i), booking.Confirmed)
			r.wantPerson(fmt.Sprint("b", i), "vanished at once")
		}
		if finds != 0 {
			t.Errorf("%d questions", finds)
		}
		r.retry("b0")
		r.cancel("b1")
		r.provider.restore("adams", "identity-b2")
		r.wait(time.Hour)
		for _, id := range []string{"b0", "b2"} {
			r.wantStatus(id, booking.Confirmed)
			r.wantPerson(id, "")
			r.wantLevel(id)
		}
		r.wantStatus("b1", booking.Cancelled)
		r.wantLevel("b1")
		r.wantPerson("b3", "vanished at once")
	}, cal1, cal2)
}

// TestManyVanishOneByOne: a push after each deletion makes no difference.
func TestManyVanishOneByOne(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		for i := range 5 {
			r.team(fmt.Sprint("b", i), hours(1, 8+2*i, 9+2*i))
		}
		for i := range 5 {
			r.provider.delete("adams", fmt.Sprint("identity-b", i))
			r.Nudge(cal1)
			r.wait(5 * time.Second)
		}
		r.wait(time.Hour)
		for i := range 5 {
			r.wantStatus(fmt.Sprint("b", i), booking.Confirmed)
		}
		r.wantPerson("b0", "vanished at once")
	}, cal1, cal2)
}

// TestUndone: who takes a deletion back at once has cancelled nothing.
func TestUndone(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		r.team("b1", hours(1, 10, 11))
		r.provider.delete("adams", "identity-b1")
		r.Nudge(cal1)
		r.wait(30 * time.Second)
		r.provider.restore("adams", "identity-b1")
		r.Nudge(cal1)
		r.wait(20 * time.Minute)
		r.wantAt("b1", hours(1, 10, 11))
		r.wantLevel("b1")
		r.wantPerson("b1", "")
	}, cal1, cal2)
}

// TestMadeRecurring: a series is nobody's appointment. The booking stands, its occurrences block, a person is called; the
// series is not removed either.
func TestMadeRecurring(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		r.team("b1", hours(1, 10, 11))
		r.provider.edit("adams", "identity-b1", func(e *fakeEvent) { e.series = true })
		r.wait(20 * time.Minute)
		r.wantAt("b1", hours(1, 10, 11))
		r.wantPerson("b1", "series")
		if busy := r.busy(cal1); len(busy.Foreign) != 1 {
			t.Errorf("busy %+v", busy)
		}
		r.provider.edit("adams", "identity-b1", func(e *fakeEvent) { e.series = false })
		r.wait(20 * time.Minute)
		r.wantPerson("b1", "")
		r.wantLevel("b1")
		r.provider.edit("adams", "identity-b1", func(e *fakeEvent) { e.series = true })
		r.cancel("b1")
		r.wait(time.Hour)
		r.wantPerson("b1", "not removed")
		if len(r.provider.events("adams")) != 1 {
			t.Error("the series was removed")
		}
	}, cal1, cal2)
}

// TestPeopleOverlap: what a person moves over somebody is a conflict until it is resolved, on both sides.
func TestPeopleOverlap(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		r.provider.put("adams", event("private", hours(1, 16, 17)))
		r.team("b1", hours(1, 10, 11))
		r.team("b2", hours(1, 12, 13))
		move := func(at calendar.Interval) {
			r.provider.edit("adams", "identity-b1", moveTo(at))
			r.wait(20 * time.Minute)
			r.wantAt("b1", at)
		}
		conflicts := func(first, second bool) {
			t.Helper()
			if a, b := r.booking("b1").Conflict(), r.booking("b2").Conflict(); a != first || b != second {
				t.Errorf("conflicts %v and %v, want %v and %v", a, b, first, second)
			}
		}
		move(calendar.Interval{Start: hours(1, 12, 13).Start - 1800, End: hours(1, 12, 13).Start + 1800})
		conflicts(true, true)
		r.wantPerson("b1", "overlaps")
		move(calendar.Interval{Start: hours(1, 16, 17).Start - 1800, End: hours(1, 16, 17).Start + 1800})
		conflicts(true, false)
		move(hours(1, 14, 15))
		conflicts(false, false)
		r.wantLevel("b1")
		r.wantLevel("b2")
		r.provider.put("adams", event("holiday", hours(1, 0, 24)))
		r.wait(20 * time.Minute)
		conflicts(true, true)
		r.provider.delete("adams", "holiday")
		move(hours(1, 12, 13))
		conflicts(true, true)
		r.cancel("b2")
		r.wait(20 * time.Minute)
		conflicts(false, false)
		r.wantLevel("b1")
	}, cal1, cal2)
}

// TestDuplicated: the copy is somebody's event.
func TestDuplicated(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		r.team("b1", hours(1, 10, 11))
		copied := r.provider.events("adams")[0].Event
		copied.ID, copied.Identity, copied.Interval = "copy", "copy", hours(1, 14, 15)
		r.provider.put("adams", copied)
		r.wait(20 * time.Minute)
		r.wantForeign(hours(1, 14, 15))
		r.wantLevel("b1")
		r.cancel("b1")
		r.wait(20 * time.Minute)
		r.wantLevel("b1")
		if left := r.provider.events("adams"); len(left) != 1 || left[0].ID != "copy" {
			t.Errorf("left in the calendar: %+v", left)
		}
	}, cal1, cal2)
}

// TestPastIsPast: neither a running nor a past booking is cancelled or missed.
func TestPastIsPast(t *testing.T) {
	for name, at := range map[string]int{"running": 0, "past": 2} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.start()
				r.team("b1", hours(0, 1, 3))
				r.wait(time.Duration(at)*time.Hour + 90*time.Minute)
				r.provider.delete("adams", "identity-b1")
				r.wait(48 * time.Hour)
				r.wantAt("b1", hours(0, 1, 3))
				r.wantPerson("b1", "")
				for _, p := range r.booking("b1").Placements {
					if p.Status != booking.Seen {
						t.Errorf("placement is %s", p.Status)
					}
				}
				r.verify()
			}, cal1, cal2)
		})
	}
}

// TestListsLag: lists that show older states for a while, with other etags each time, are no person's doing. What people do
// is noticed nevertheless.
func TestListsLag(t *testing.T) {
	for _, lag := range []time.Duration{5 * time.Second, 2 * time.Minute, 9 * time.Minute} {
		t.Run(lag.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				for _, cal := range []string{"adams", "baker"} {
					r.provider.set(cal, func(c *fakeCalendar) { c.lag, c.churn = lag, true })
				}
				r.start()
				r.bookTeam("b1", hours(1, 10, 11), seat("b1", "adams", cal1), seat("b1", "room", cal2))
				r.wait(time.Second)
				for i := range 4 {
					r.move("b1", hours(2, 8+i, 9+i))
					r.wait(time.Duration(i) * 40 * time.Second)
					r.wantAt("b1", hours(2, 8+i, 9+i))
				}
				r.wait(time.Hour)
				r.wantAt("b1", hours(2, 11, 12))
				r.wantLevel("b1")
				if b := r.booking("b1"); slices.ContainsFunc(b.History, byCalendar) || len(b.History) != 5 {
					t.Errorf("history %+v", b.History)
				}
				r.provider.edit("adams", "identity-b1", moveTo(hours(3, 8, 9)))
				r.wait(time.Second)
				r.move("b1", hours(3, 12, 13)) // meets the person's move, which no list shows yet
				r.wait(time.Hour)
				r.wantAt("b1", hours(3, 8, 9))
				r.wantLevel("b1")
				if n := slices.IndexFunc(r.booking("b1").History, byCalendar); n != len(r.booking("b1").History)-1 {
					t.Errorf("followed more than once: %+v", r.booking("b1").History)
				}
				r.provider.delete("baker", "identity-b1-room-1")
				r.wait(10 * time.Minute)
				r.ReadAll() // as each night: a list that lagged behind its own cursor has shown nothing new
				r.wait(time.Hour)
				r.wantStatus("b1", booking.Cancelled)
				r.wantLevel("b1")
			}, cal1, cal2)
		})
	}
}

// TestStaleRead: a read that began before our write settled, or before the booking followed a person, says nothing of it.
func TestStaleRead(t *testing.T) {
	for name, between := range map[string]func(r *rig){
		"our move": func(r *rig) { r.move("b1", hours(2, 12, 13)) },
		"a person's move that our write met": func(r *rig) {
			r.provider.edit("adams", "identity-b1", moveTo(hours(2, 12, 13)))
			r.move("b1", hours(3, 8, 9))
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.start()
				r.team("b1", hours(1, 10, 11))
				var once atomic.Bool
				reading := make(chan struct{})
				r.provider.hook(func(op, cal string) error {
					if op == "read done" && cal == "adams" && once.CompareAndSwap(false, true) {
						close(reading)
						time.Sleep(30 * time.Second)
					}
					return nil
				})
				r.ReadAll()
				<-reading
				r.wait(time.Second)
				between(r)
				r.wait(time.Hour)
				r.wantAt("b1", hours(2, 12, 13))
				r.wantLevel("b1")
				moves := 0
				for _, c := range r.booking("b1").History {
					if c.Interval == hours(1, 10, 11) && c.What == booking.WasMoved {
						t.Errorf("followed the stale read: %+v", c)
					}
					if c.What == booking.WasMoved {
						moves++
					}
				}
				if moves > 2 {
					t.Errorf("%d moves", moves)
				}
				if n := r.provider.count("find", ""); n != 0 {
					t.Errorf("%d questions", n)
				}
			}, cal1, cal2)
		})
	}
}

// TestStaffsText is kept, and does not make our later moves stick.
func TestStaffsText(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		r.team("b1", hours(1, 10, 11))
		r.provider.edit("adams", "identity-b1", func(e *fakeEvent) { e.title = "Erika, fasting" })
		r.wait(20 * time.Minute)
		r.move("b1", hours(2, 12, 13))
		r.wait(20 * time.Minute)
		r.wantLevel("b1")
		if e := r.provider.events("adams")[0]; e.title != "Erika, fasting" {
			t.Errorf("title %q", e.title)
		}
	}, cal1, cal2)
}
