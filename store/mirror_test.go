package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"slotd/internal/calendar"
	"slotd/store/kv"
)

// awkward are calendar ids and identities that a careless key would confuse.
var awkward = []string{"clinic/a", "clinic/a/b", "clinic/a%2Fb", "clinic/ä/日本 %", "clinic/", "clinic/a?b#c"}

func TestPutSnapshot(t *testing.T) {
	s := newStore(t)
	busyOf := func(n int64) *calendar.Busy {
		return &calendar.Busy{
			Window:  calendar.Interval{Start: n, End: n + 1000},
			Foreign: []calendar.Interval{{Start: n + 10, End: n + 20}, {Start: n + 30, End: n + 40}},
			Own:     []calendar.Own{{Interval: calendar.Interval{Start: n + 5, End: n + 15}, Booking: fmt.Sprint("b", n)}},
		}
	}
	mirrorOf := func(n int64) Mirror {
		return Mirror{
			Cursor: calendar.Cursor(fmt.Sprint("cursor/", n)), Window: busyOf(n).Window,
			ReadAt: created.Add(time.Duration(n)), Events: int(n),
		}
	}
	for round := range int64(2) { // the second replaces the first
		for i, id := range awkward {
			n := 100*round + int64(i)
			update(t, s, func(tx *Tx) { tx.PutSnapshot(calendar.ID(id), busyOf(n), mirrorOf(n)) })
		}
		for i, id := range awkward {
			n := 100*round + int64(i)
			view(t, s, func(r *Reader) error {
				busy, err := r.Busy(calendar.ID(id))
				same(t, id, busyOf(n), busy)
				m, found, err1 := r.Mirror(calendar.ID(id))
				same(t, id, mirrorOf(n), m)
				if !found {
					t.Errorf("%s: no mirror", id)
				}
				return errors.Join(err, err1)
			})
		}
	}
	m := mirrorOf(500)
	update(t, s, func(tx *Tx) { tx.PutMirror("clinic/a", m) })
	view(t, s, func(r *Reader) error {
		busy, err := r.Busy("clinic/a")
		same(t, "busy time stays when only the cursor is new", busyOf(100), busy)
		got, _, err1 := r.Mirror("clinic/a")
		same(t, "mirror", m, got)
		return errors.Join(err, err1)
	})
}

// TestSnapshotSwapIsAtomic: a reader sees the busy time and the cursor of one snapshot, never of two.
func TestSnapshotSwapIsAtomic(t *testing.T) {
	s := newStore(t)
	swap := func(n int64) {
		err := s.Update(t.Context(), func(tx *Tx) error {
			window := calendar.Interval{Start: n, End: n + 1}
			tx.PutSnapshot("clinic/a", &calendar.Busy{Window: window}, Mirror{Window: window, ReadAt: created})
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	swap(0)
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := range int64(50) {
			swap(n)
		}
	})
	for range 50 {
		view(t, s, func(r *Reader) error {
			busy, err := r.Busy("clinic/a")
			m, _, err1 := r.Mirror("clinic/a")
			if err == nil && err1 == nil && busy.Window != m.Window {
				t.Errorf("busy time of %v with the cursor of %v", busy.Window, m.Window)
			}
			return errors.Join(err, err1)
		})
	}
	wg.Wait()
}

func TestOwnEvents(t *testing.T) {
	s := newStore(t)
	identities := []string{"plain", "a/b", "a%2Fb", "ä 日本", "x?y#z", "+ +"}
	var want []OwnEvent
	for c, id := range awkward {
		for i, identity := range identities {
			want = append(want, OwnEvent{
				Calendar: calendar.ID(id), Identity: identity, EventID: "e/" + identity, Booking: fmt.Sprint("b", c), Placement: i,
			})
		}
	}
	for chunk := range slices.Chunk(want, kv.MaxOps) {
		update(t, s, func(tx *Tx) {
			for _, o := range chunk {
				tx.PutOwn(o)
			}
		})
	}
	for i, id := range awkward {
		view(t, s, func(r *Reader) error {
			got, err := r.OwnEvents(calendar.ID(id))
			slices.SortFunc(got, func(a, b OwnEvent) int { return a.Placement - b.Placement })
			same(t, id, want[i*len(identities):(i+1)*len(identities)], got)
			return err
		})
	}
	changed := want[0]
	changed.EventID = "another"
	update(t, s, func(tx *Tx) { tx.PutOwn(changed) })
	view(t, s, func(r *Reader) error {
		got, err := r.OwnEvents(changed.Calendar)
		if len(got) != len(identities) || !slices.Contains(got, changed) {
			t.Errorf("after a change: %+v", got)
		}
		return err
	})
}

func TestFreshness(t *testing.T) {
	s := newStore(t)
	want := map[calendar.ID]time.Time{}
	for i := range 2*kv.MaxOps + 50 { // more than one Update may hold
		id := calendar.ID(fmt.Sprintf("clinic/%d/ä%%", i))
		want[id] = created.Add(time.Duration(i) * time.Nanosecond)
		s.MarkChecked(id, want[id])
	}
	if got := open(t, s.db).Checked("clinic/0/ä%"); !got.IsZero() {
		t.Errorf("on disk before the flush: %s", got)
	}
	if err := s.FlushChecked(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := open(t, s.db)
	for id, at := range want {
		if !s.Checked(id).Equal(at) || !again.Checked(id).Equal(at) {
			t.Fatalf("%s: %s, after opening again %s, want %s", id, s.Checked(id), again.Checked(id), at)
		}
	}
	if err := s.FlushChecked(cancelled(t)); err != nil {
		t.Errorf("a flush with nothing to write does write: %v", err)
	}
	s.MarkChecked("clinic/0/ä%", created.Add(-time.Hour))
	if got := s.Checked("clinic/0/ä%"); !got.Equal(created.Add(-time.Hour)) {
		t.Errorf("the clock was set back, and the last word does not count: %s", got)
	}
}

func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// failing is an engine whose next Updates fail.
type failing struct {
	kv.DB
	during func() // runs while the Update fails
	left   int
}

func (f *failing) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if f.left > 0 {
		f.left--
		f.during()
		return kv.ErrFull
	}
	return f.DB.Update(ctx, fn)
}

func TestFreshnessSurvivesAFailedFlush(t *testing.T) {
	db, _ := newDB(t)
	create(t, db)
	f := &failing{DB: db, left: 1}
	s := open(t, f)
	later := created.Add(time.Minute)
	f.during = func() { s.MarkChecked("clinic/b", later) }
	s.MarkChecked("clinic/a", created)
	s.MarkChecked("clinic/b", created)
	if err := s.FlushChecked(t.Context()); !errors.Is(err, kv.ErrFull) {
		t.Fatalf("got %v", err)
	}
	if !s.Checked("clinic/a").Equal(created) || !s.Checked("clinic/b").Equal(later) {
		t.Errorf("in memory: %s and %s", s.Checked("clinic/a"), s.Checked("clinic/b"))
	}
	if err := s.FlushChecked(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := open(t, db)
	if !again.Checked("clinic/a").Equal(created) || !again.Checked("clinic/b").Equal(later) {
		t.Errorf("on disk: %s and %s", again.Checked("clinic/a"), again.Checked("clinic/b"))
	}
}

func TestFreshnessConcurrently(t *testing.T) {
	s := newStore(t)
	var wg sync.WaitGroup
	for g := range 4 {
		id := calendar.ID(fmt.Sprintf("clinic/%d", g))
		wg.Go(func() {
			for i := range 50 {
				s.MarkChecked(id, created.Add(time.Duration(i)*time.Second))
				if i%10 == 0 {
					if err := s.FlushChecked(t.Context()); err != nil {
						t.Error(err)
					}
				}
				_ = s.Checked(id)
			}
		})
	}
	wg.Wait()
	if err := s.FlushChecked(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := open(t, s.db)
	for g := range 4 {
		if got := again.Checked(calendar.ID(fmt.Sprintf("clinic/%d", g))); !got.Equal(created.Add(49 * time.Second)) {
			t.Errorf("calendar %d: %s", g, got)
		}
	}
}
