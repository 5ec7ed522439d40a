package syncer

import (
	"errors"
	"slices"
	"testing"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/store"

	"github.com/google/go-cmp/cmp"
)

func (r *rig) wantForeign(want ...calendar.Interval) {
	r.t.Helper()
	if diff := cmp.Diff(want, r.busy(cal1).Foreign); diff != "" {
		r.t.Errorf("busy time (-want +got)\n%s", diff)
	}
}

// age is how long ago the provider confirmed the mirror.
func (r *rig) age(cal calendar.ID) time.Duration { return time.Since(r.store.Checked(cal)) }

func TestReadThenQuiet(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.provider.put("adams", event("a", hours(1, 10, 11)))
		r.provider.put("adams", calendar.Event{ID: "free", Interval: hours(1, 14, 15)})
		r.start()
		r.wantForeign(hours(1, 10, 11))
		if !r.store.Checked(cal1).Equal(time.Now().Add(-time.Second)) {
			t.Errorf("checked at %v", r.store.Checked(cal1))
		}
		commits, reads := r.db.updates.Load(), r.provider.count("read", "")
		r.wait(30 * time.Minute)
		if n := r.db.updates.Load() - commits; n != 0 {
			t.Errorf("%d commits though nothing changed", n)
		}
		if n := r.provider.count("read", "") - reads; n != 0 {
			t.Errorf("%d reads though nothing changed", n)
		}
		if r.age(cal1) > 72*time.Second {
			t.Errorf("confirmed %v ago, polls are 60 s ± 20 %% apart", r.age(cal1))
		}
		r.provider.put("adams", event("b", hours(2, 10, 11)))
		r.provider.delete("adams", "a")
		r.wait(72 * time.Second)
		r.wantForeign(hours(2, 10, 11))
		r.provider.put("adams", event("c", hours(2, 12, 13)))
		r.Nudge(cal1)
		r.wait(0)
		r.wantForeign(hours(2, 10, 11), hours(2, 12, 13))
		if st := r.Status(); len(st) != 1 || st[0].Error != nil || st[0].Failures != 0 || st[0].Checked.IsZero() {
			t.Errorf("status %+v", st)
		}
	})
}

// TestCursorIsOlderThanTheRead: what changes after the page was served and before the reply arrives is not missed.
func TestCursorIsOlderThanTheRead(t *testing.T) {
	for _, at := range []string{"changed", "read", "read done"} {
		t.Run(at, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				edits := 0
				r.provider.hook(func(op, _ string) error {
					if op == at && edits == 0 {
						edits++
						r.provider.put("adams", event("late", hours(1, 10, 11)))
					}
					return nil
				})
				r.start()
				r.wait(72 * time.Second)
				r.wantForeign(hours(1, 10, 11))
			})
		})
	}
}

// TestNudgeDuringARead causes another.
func TestNudgeDuringARead(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		edits := 0
		r.provider.hook(func(op, _ string) error {
			if op == "read done" && edits == 0 {
				edits++
				r.provider.put("adams", event("second", hours(1, 12, 13)))
				r.Nudge(cal1)
			}
			return nil
		})
		r.provider.put("adams", event("first", hours(1, 10, 11)))
		r.Nudge(cal1)
		r.wait(0)
		r.wantForeign(hours(1, 10, 11), hours(1, 12, 13))
	})
}

func TestExpiredCursor(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		r.provider.put("adams", event("a", hours(1, 10, 11)))
		r.provider.set("adams", func(c *fakeCalendar) { c.epoch++ })
		r.wait(72 * time.Second)
		r.wantForeign(hours(1, 10, 11))
		reads := r.provider.count("read", "")
		r.wait(10 * time.Minute)
		if n := r.provider.count("read", "") - reads; n != 0 {
			t.Errorf("%d more reads: the new cursor is not used", n)
		}
	})
}

// TestExpiredThenUnreachable: the expired cursor is not asked with again, and the change behind it is not lost.
func TestExpiredThenUnreachable(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		r.provider.put("adams", event("a", hours(1, 10, 11)))
		r.provider.set("adams", func(c *fakeCalendar) { c.epoch++ })
		asked := 0
		r.provider.hook(func(op, _ string) error {
			if asked++; op == "changed" && asked == 2 {
				return fault(calendar.Unclear)
			}
			return nil
		})
		r.wait(3 * time.Minute)
		r.wantForeign(hours(1, 10, 11))
	})
}

func TestWithoutCursorsEveryPollReads(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.provider.set("adams", func(c *fakeCalendar) { c.noCursor, c.pageSize = true, 2 })
		for i := range 5 {
			r.provider.put("adams", event(string(rune('a'+i)), hours(1, 2*i, 2*i+1)))
		}
		r.start()
		if n := len(r.busy(cal1).Foreign); n != 5 {
			t.Errorf("%d busy spans", n)
		}
		if n := r.provider.count("read", ""); n != 2 {
			t.Errorf("%d reads: without a cursor two equal ones make one moment of several pages", n)
		}
		r.provider.delete("adams", "a")
		r.wait(72 * time.Second)
		if n := len(r.busy(cal1).Foreign); n != 4 {
			t.Errorf("%d busy spans after a deletion", n)
		}
	})
}

// TestEditBetweenPages: an event that moves from the page not yet read to the one already read would be seen in neither.
func TestEditBetweenPages(t *testing.T) {
	for name, noCursor := range map[string]bool{"with cursor": false, "without": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.provider.set("adams", func(c *fakeCalendar) { c.noCursor, c.pageSize = noCursor, 2 })
				for i := range 4 {
					r.provider.put("adams", event(string(rune('a'+i)), hours(1, 2*i+4, 2*i+5)))
				}
				edits := 0
				r.provider.hook(func(op, _ string) error {
					if op == "page" && edits < 2 {
						edits++
						r.provider.put("adams", event("d", hours(1, 2-edits, 3-edits))) // from last to first
					}
					return nil
				})
				r.start()
				r.wantForeign(hours(1, 0, 1), hours(1, 4, 5), hours(1, 6, 7), hours(1, 8, 9))
				r.wait(2 * time.Minute)
				r.wantForeign(hours(1, 0, 1), hours(1, 4, 5), hours(1, 6, 7), hours(1, 8, 9))
			})
		})
	}
}

// TestFailedReadsKeepTheOldMirror, its freshness, and their wish to read.
func TestFailedReadsKeepTheOldMirror(t *testing.T) {
	tests := []struct {
		name string
		on   func(r *rig) func(op, cal string) error
		set  func(c *fakeCalendar)
	}{
		{name: "question fails", on: failAt("changed", fault(calendar.Unclear))},
		{name: "first page fails", on: failAt("read", fault(calendar.Unclear))},
		{name: "second page fails", on: failAt("page", fault(calendar.Unclear))},
		{name: "reply is lost", on: failAt("read done", errors.New("connection reset"))},
		{name: "calendar gone", on: failAt("changed", fault(calendar.Gone))},
		{name: "account needs a person", on: failAt("read", fault(calendar.NeedsPerson))},
		{name: "restless", on: func(r *rig) func(op, cal string) error {
			return func(op, _ string) error {
				if op == "page" {
					r.provider.put("adams", event("z", hours(1, 20, 21)))
				}
				return nil
			}
		}},
		{name: "snapshot ends early", set: func(c *fakeCalendar) { c.short = time.Second }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.provider.set("adams", func(c *fakeCalendar) { c.pageSize = 2 })
				for i := range 3 {
					r.provider.put("adams", event(string(rune('a'+i)), hours(1, 2*i, 2*i+1)))
				}
				r.start()
				checked, old := r.store.Checked(cal1), r.busy(cal1)
				r.provider.put("adams", event("new", hours(2, 10, 11)))
				r.provider.put("adams", event("a", hours(2, 8, 9)))
				if tt.on != nil {
					r.provider.hook(tt.on(r))
				}
				if tt.set != nil {
					r.provider.set("adams", tt.set)
				}
				r.wait(20 * time.Minute)
				if diff := cmp.Diff(old, r.busy(cal1)); diff != "" {
					t.Errorf("the mirror changed:\n%s", diff)
				}
				if !r.store.Checked(cal1).Equal(checked) {
					t.Errorf("the mirror was called fresh after %v", r.store.Checked(cal1).Sub(checked))
				}
				if st := r.Status()[0]; st.Error == nil || st.Failures < 3 {
					t.Errorf("status %+v", st)
				}
				r.provider.hook(nil)
				r.provider.set("adams", func(c *fakeCalendar) { c.short = 0 })
				r.wait(slowestLook * 3 / 2)
				if want := hours(2, 10, 11); !slices.Contains(r.busy(cal1).Foreign, want) || r.age(cal1) > 2*time.Minute {
					t.Errorf("not mended: %v, %v old", r.busy(cal1).Foreign, r.age(cal1))
				}
			})
		})
	}
}

func failAt(step string, err error) func(*rig) func(op, cal string) error {
	return func(*rig) func(op, cal string) error {
		return func(op, _ string) error {
			if op == step {
				return err
			}
			return nil
		}
	}
}

// TestNeverReadIsNeverFresh: a first read that fails leaves neither a document nor freshness.
func TestNeverReadIsNeverFresh(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.provider.hook(failAt("read", fault(calendar.Unclear))(r))
		r.start()
		r.wait(30 * time.Minute)
		if !r.store.Checked(cal1).IsZero() || !r.busy(cal1).Window.Empty() {
			t.Errorf("checked %v, window %v", r.store.Checked(cal1), r.busy(cal1).Window)
		}
	})
}

// TestTheWindowMoves once a day, long before a booking horizon of cfg.Ahead leaves it, with all that is in the new day.
func TestTheWindowMoves(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		for day := range 20 {
			r.provider.put("adams", event(time.Unix(hours(day, 0, 1).Start, 0).Format(time.DateOnly), hours(day, 10, 11)))
		}
		r.start()
		reads := r.provider.count("read", "")
		for step := range 3*24*4 + 1 {
			r.wait(15 * time.Minute)
			covered := r.busy(cal1).Window
			if need := calendar.Between(time.Now(), time.Now().Add(r.cfg.Ahead+23*time.Hour)); !covered.Covers(need) {
				t.Fatalf("step %d: the mirror covers %v, customers may ask for %v", step, covered, need)
			}
			for day := range 20 {
				if span := hours(day, 10, 11); covered.Covers(span) && !calendar.AnyOverlap(r.busy(cal1).Foreign, span) {
					t.Fatalf("step %d: day %d is covered and free", step, day)
				}
			}
		}
		if n := r.provider.count("read", "") - reads; n != 3 {
			t.Errorf("%d reads in three days without a change", n)
		}
	})
}

// TestTheWindowDoesNotMoveUnread: while the provider is away at midnight the old window stands and is not confirmed.
func TestTheWindowDoesNotMoveUnread(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		r.wait(23*time.Hour + 50*time.Minute)
		old := r.busy(cal1).Window
		r.provider.hook(failAt("read", fault(calendar.Unclear))(r)) // questions still answer "nothing changed"
		r.wait(time.Hour)
		if r.busy(cal1).Window != old || r.age(cal1) < 45*time.Minute {
			t.Errorf("window %v, was %v; confirmed %v ago", r.busy(cal1).Window, old, r.age(cal1))
		}
	})
}

// TestAfterARestart the window is read again, because the config may say something else of what is busy and because a
// crash may have come between a snapshot and what follows from it.
func TestAfterARestart(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		if err := r.store.FlushChecked(t.Context()); err != nil {
			t.Fatal(err)
		}
		checked := r.store.Checked(cal1)
		r.provider.hook(failAt("changed", fault(calendar.Unclear))(r))
		r.restart()
		if !r.store.Checked(cal1).Equal(checked) {
			t.Errorf("freshness %v, want %v from before the restart", r.store.Checked(cal1), checked)
		}
		r.provider.hook(nil)
		reads := r.provider.count("read", "")
		r.wait(3 * time.Minute)
		if n := r.provider.count("read", "") - reads; n != 1 {
			t.Errorf("%d reads after a restart, want 1", n)
		}
	})
}

func TestReadAll(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		r.provider.hook(failAt("read", fault(calendar.Unclear))(r))
		r.ReadAll()
		r.wait(10 * time.Second)
		r.provider.hook(nil)
		reads := r.provider.count("read", "")
		r.wait(3 * time.Minute)
		if n := r.provider.count("read", "") - reads; n != 1 {
			t.Errorf("%d reads after a full read failed, want 1", n)
		}
	})
}

// TestOddEvents: events whose times make no sense are counted while they are there; a free one harms nobody.
func TestOddEvents(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		span := hours(1, 0, 24)
		r.provider.put("adams", calendar.Event{ID: "odd", Interval: span, Busy: true, Odd: true})
		r.provider.put("adams", calendar.Event{ID: "free", Interval: span, Odd: true})
		r.wait(2 * time.Minute)
		if n := r.Status()[0].Odd; n != 1 || !calendar.AnyOverlap(r.busy(cal1).Foreign, span) {
			t.Errorf("%d odd events, busy %v", n, r.busy(cal1).Foreign)
		}
		r.provider.delete("adams", "odd")
		r.wait(2 * time.Minute)
		if n := r.Status()[0].Odd; n != 0 {
			t.Errorf("%d odd events are left", n)
		}
	})
}

// TestFreeDays: all-day events that are marked as free block nothing, and are counted while they are not over.
func TestFreeDays(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		r.provider.put("adams", calendar.Event{ID: "away", Interval: hours(1, 0, 24), FreeDay: true})
		r.provider.put("adams", calendar.Event{ID: "over", Interval: hours(-1, 0, 24), FreeDay: true})
		r.provider.put("adams", calendar.Event{ID: "hour", Interval: hours(1, 9, 10)})
		r.wait(2 * time.Minute)
		if n := r.Status()[0].FreeDays; n != 1 || len(r.busy(cal1).Foreign) > 0 {
			t.Errorf("%d free days, busy %v", n, r.busy(cal1).Foreign)
		}
		r.provider.put("adams", calendar.Event{ID: "away", Interval: hours(1, 0, 24), Busy: true})
		r.wait(2 * time.Minute)
		if n := r.Status()[0].FreeDays; n != 0 || len(r.busy(cal1).Foreign) != 1 {
			t.Errorf("%d free days are left, busy %v", n, r.busy(cal1).Foreign)
		}
	})
}

// TestOurs: ours is the event with the provider id that we wrote, and before that is known, the one with our identity.
func TestOurs(t *testing.T) {
	window := hours(0, 0, 24)
	settled := store.OwnEvent{Identity: "i1", EventID: "e1", Booking: "b1"}
	pending := store.OwnEvent{Identity: "i2", Booking: "b2"}
	at := hours(0, 10, 11)
	tests := []struct {
		name    string
		event   calendar.Event
		own     string // booking
		foreign bool
		present bool
	}{
		{name: "written", event: calendar.Event{ID: "e1", Interval: at, Busy: true}, own: "b1", present: true},
		{name: "written, marked as free by a person", event: calendar.Event{ID: "e1", Interval: at}, present: true},
		{name: "copy with our identity", event: calendar.Event{ID: "e9", Identity: "i1", Interval: at, Busy: true}, foreign: true},
		{name: "copy with our marker", event: calendar.Event{ID: "e9", Marker: "s/b1/adams", Interval: at, Busy: true}, foreign: true},
		{name: "reply lost", event: calendar.Event{ID: "e2", Identity: "i2", Interval: at, Busy: true}, own: "b2", present: true},
		{name: "reply lost, no identity shown", event: calendar.Event{ID: "e2", Marker: "s/b2/adams", Interval: at, Busy: true},
			own: "b2", present: true},
		{name: "marker of another store", event: calendar.Event{ID: "e2", Marker: "z/b2/adams", Interval: at, Busy: true},
			foreign: true},
		{name: "somebody's", event: calendar.Event{ID: "e3", Interval: at, Busy: true}, foreign: true},
		{name: "somebody's without identity", event: calendar.Event{ID: "i2", Interval: at, Busy: true}, foreign: true},
		{name: "somebody's, free", event: calendar.Event{ID: "e3", Interval: at}},
		{name: "ours outside the window", event: calendar.Event{ID: "e1", Interval: hours(3, 1, 2), Busy: true}, present: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			snap := calendar.Snapshot{Window: window, Events: []calendar.Event{tt.event}}
			busy, present := sort(snap, []store.OwnEvent{settled, pending}, "s")
			own := ""
			if len(busy.Own) == 1 {
				own = busy.Own[0].Booking
			}
			if own != tt.own || (len(busy.Foreign) == 1) != tt.foreign || (len(present) == 1) != tt.present {
				t.Errorf("own %q, foreign %v, present %v", own, busy.Foreign, present)
			}
		})
	}
}

// TestReconcileIsRepeated: what a snapshot says of a booking is not lost when recording it fails, or a crash comes first.
func TestReconcileIsRepeated(t *testing.T) {
	for name, crash := range map[string]bool{"failed": false, "crashed": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.start()
				r.book("b1", cal1, hours(1, 10, 11))
				r.Nudge(cal1)
				r.wait(2 * time.Minute)
				if s := r.booking("b1").Placements[0].Status; s != booking.Seen {
					t.Fatalf("placement is %s", s)
				}
				r.provider.delete("adams", "identity-b1")
				commits := 0
				broken := errors.New("disk trouble")
				fail := func() error {
					if commits++; commits == 2 || crash && commits > 1 {
						return broken // the snapshot is stored, what follows from it is not
					}
					return nil
				}
				r.db.fail.Store(&fail)
				r.Nudge(cal1)
				r.wait(100 * time.Millisecond)
				if s := r.booking("b1").Placements[0].Status; s != booking.Seen {
					t.Fatalf("placement is %s: the fault came at the wrong place", s)
				}
				if crash {
					r.restart()
				}
				r.wait(3 * time.Minute)
				r.wantStatus("b1", booking.Cancelled)
				r.wantLevel("b1")
			})
		})
	}
}

func TestNewWantsAnAccountForEachCalendar(t *testing.T) {
	if _, err := New(Config{Calendars: []calendar.ID{"nobody/x"}}); err == nil {
		t.Error("no error")
	}
}
