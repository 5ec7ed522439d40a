package kvtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"slotd/store/kv"
)

func testContext(t *testing.T, db kv.DB) {
	ctx, cancel := context.WithCancel(t.Context())
	err := db.Update(ctx, func(tx kv.Tx) error { tx.Put("started", nil); cancel(); return nil })
	if err != nil {
		t.Errorf("Update that was cancelled after its start: %v", err)
	}
	wantValue(t, db, "started", "")

	err = db.Update(ctx, func(tx kv.Tx) error { tx.Put("late", nil); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Update = %v, want %v", err, context.Canceled)
	}
	if err := db.View(ctx, func(kv.Reader) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("View = %v, want %v", err, context.Canceled)
	}
	wantAbsent(t, db, "late")
	for _, err := range db.Follow(ctx, "") {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Follow = %v, want %v", err, context.Canceled)
		}
	}
}

// testContextWhileWaiting cancels callers at any moment: one that gets the error of its context has written nothing.
func testContextWhileWaiting(t *testing.T, db kv.DB) {
	const callers, rounds = 32, 10
	for round := range rounds {
		var mu sync.Mutex
		results := make(map[string]error)
		ctx, cancel := context.WithCancel(t.Context())
		inParallel(callers, func(g int) {
			key := fmt.Sprintf("%d/%d", round, g)
			if g == callers/2 {
				cancel()
			}
			err := db.Update(ctx, func(tx kv.Tx) error { tx.Put(key, nil); return nil })
			mu.Lock()
			defer mu.Unlock()
			results[key] = err
		})
		cancel()
		got := dump(t, db)
		for key, err := range results {
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("Update: %v", err)
			}
			if _, ok := got[key]; ok != (err == nil) {
				t.Errorf("Update = %v, and its key is there: %t", err, ok)
			}
		}
	}
}

func testClose(t *testing.T, db kv.DB) {
	closeDB(t, db)
	closeDB(t, db)
	noop := func(kv.Reader) error { return nil }
	if err := db.View(t.Context(), noop); !errors.Is(err, kv.ErrClosed) {
		t.Errorf("View = %v, want %v", err, kv.ErrClosed)
	}
	if err := db.Update(t.Context(), increment); !errors.Is(err, kv.ErrClosed) {
		t.Errorf("Update = %v, want %v", err, kv.ErrClosed)
	}
	var last error
	for _, last = range db.Follow(t.Context(), "") {
		if last == nil {
			t.Error("Follow yields from a closed engine")
		}
	}
	if !errors.Is(last, kv.ErrClosed) {
		t.Errorf("Follow = %v, want %v", last, kv.ErrClosed)
	}
}

// testCloseUnderLoad closes the engine while all methods are in use. None may hang, and each works or says ErrClosed.
func testCloseUnderLoad(t *testing.T, db kv.DB) {
	inParallel(24, func(g int) {
		for n := 0; ; n++ {
			var err error
			switch g % 4 {
			case 0:
				err = db.Update(t.Context(), increment)
			case 1:
				err = db.View(t.Context(), func(r kv.Reader) error { _, err := r.Get("counter"); return err })
			case 2:
				for _, err = range db.Follow(t.Context(), "") {
					if err != nil {
						break
					}
				}
			default:
				for range 20 {
					if err = db.Update(t.Context(), increment); err != nil {
						break
					}
				}
				closeDB(t, db)
			}
			if errors.Is(err, kv.ErrClosed) {
				return
			}
			if err != nil {
				t.Errorf("caller %d: %v", g, err)
				return
			}
		}
	})
}
