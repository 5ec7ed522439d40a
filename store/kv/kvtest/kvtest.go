// Package kvtest is the conformance suite of package kv: what every engine must do, and what code above the contract
// may rely on. An engine's own test calls [Run] and [RunReopen].
package kvtest

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slotd/store/kv"
)

// Run tests an engine. open returns a new and empty one; the suite closes it.
func Run(t *testing.T, open func(t *testing.T) kv.DB) {
	tests := []struct {
		name string
		test func(t *testing.T, db kv.DB)
	}{
		{"missing key", testMissing},
		{"empty and nil values", testEmptyValue},
		{"put get delete", testPutGetDelete},
		{"scan", testScan},
		{"scan stops and nests", testScanStopsAndNests},
		{"view error", testViewError},
		{"view keeps its snapshot", testViewSnapshot},
		{"update reads its writes", testReadYourWrites},
		{"caller may reuse the value", testValueIsCopied},
		{"error writes nothing", testErrorWritesNothing},
		{"panic writes nothing", testPanicWritesNothing},
		{"failures spare their neighbours", testNeighbours},
		{"limits", testLimits},
		{"bad keys", testBadKeys},
		{"many keys at once", testAtomic},
		{"no lost update", testNoLostUpdate},
		{"one winner", testOneWinner},
		{"no decision on a rejected write", testNoDirtyDecision},
		{"context", testContext},
		{"context while waiting", testContextWhileWaiting},
		{"follow", testFollow},
		{"follow under load", testFollowUnderLoad},
		{"follow slowly", testFollowSlowly},
		{"follow ends", testFollowEnds},
		{"close", testClose},
		{"close under load", testCloseUnderLoad},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			db := open(t)
			defer closeDB(t, db)
			tt.test(t, db)
		})
	}
}

// RunReopen tests that what was acknowledged outlives the engine. open opens the engine that keeps its bytes in dir,
// and creates it when dir is empty; the suite closes it.
func RunReopen(t *testing.T, open func(t *testing.T, dir string) kv.DB) {
	dir := t.TempDir()
	db := open(t, dir)
	inParallel(64, func(g int) {
		key := fmt.Sprintf("k/%02d", g)
		err := db.Update(t.Context(), func(tx kv.Tx) error {
			tx.Put(key, []byte(key))
			if g%4 == 0 {
				return errTest
			}
			return nil
		})
		if (g%4 == 0) != errors.Is(err, errTest) {
			t.Errorf("Update %d: %v", g, err)
		}
	})
	update(t, db, func(tx kv.Tx) { tx.Put("empty", nil); tx.Delete("k/01") })
	before := dump(t, db)
	closeDB(t, db)
	if len(before) != 48 {
		t.Errorf("%d keys, want 48", len(before))
	}

	db = open(t, dir)
	defer closeDB(t, db)
	if diff := cmp.Diff(before, dump(t, db)); diff != "" {
		t.Errorf("after opening again (-before +after):\n%s", diff)
	}
	update(t, db, func(tx kv.Tx) { tx.Put("more", []byte("1")) })
	wantValue(t, db, "more", "1")
}

var errTest = errors.New("error of the test")

func closeDB(t *testing.T, db kv.DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// update runs an Update that must succeed. It may be called in any goroutine.
func update(t *testing.T, db kv.DB, fn func(kv.Tx)) {
	t.Helper()
	if err := db.Update(t.Context(), func(tx kv.Tx) error { fn(tx); return nil }); err != nil {
		t.Errorf("Update: %v", err)
	}
}

// read returns a copy of the value under key.
func read(t *testing.T, db kv.DB, key string) []byte {
	t.Helper()
	var value []byte
	err := db.View(t.Context(), func(r kv.Reader) error {
		v, err := r.Get(key)
		value = bytes.Clone(v)
		return err
	})
	if err != nil {
		t.Errorf("Get %q: %v", key, err)
	}
	return value
}

func wantValue(t *testing.T, db kv.DB, key, want string) {
	t.Helper()
	if got := read(t, db, key); got == nil || string(got) != want {
		t.Errorf("%q = %q (absent: %t), want %q", key, got, got == nil, want)
	}
}

func wantAbsent(t *testing.T, db kv.DB, key string) {
	t.Helper()
	if got := read(t, db, key); got != nil {
		t.Errorf("%q = %q, want it absent", key, got)
	}
}

// dump returns everything.
func dump(t *testing.T, db kv.DB) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := db.View(t.Context(), func(r kv.Reader) error {
		for item, err := range r.Scan("", "") {
			if err != nil {
				return err
			}
			all[item.Key] = string(item.Value)
		}
		return nil
	})
	if err != nil {
		t.Errorf("View: %v", err)
	}
	return all
}
