package kvtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"slotd/store/kv"
)

// inParallel runs fn in n goroutines that start together, and waits for them.
func inParallel(n int, fn func(g int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for g := range n {
		wg.Go(func() {
			<-start
			fn(g)
		})
	}
	close(start)
	wg.Wait()
}

func testViewSnapshot(t *testing.T, db kv.DB) {
	set := func(n int) {
		update(t, db, func(tx kv.Tx) {
			tx.Put("a", strconv.AppendInt(nil, int64(n), 10))
			tx.Put("b", strconv.AppendInt(nil, int64(n), 10))
		})
	}
	set(0)
	inParallel(8, func(g int) {
		for n := range 25 {
			if g == 0 {
				set(n)
				continue
			}
			viewTwice(t, db)
		}
	})

	looked, changed := make(chan struct{}), make(chan struct{})
	go func() {
		<-looked
		set(1000)
		close(changed)
	}()
	err := db.View(t.Context(), func(r kv.Reader) error {
		before, err := r.Get("a")
		if err != nil {
			return err
		}
		close(looked)
		<-changed
		after, err := r.Get("a")
		if string(before) != string(after) {
			t.Errorf("a View saw %q, then %q", before, after)
		}
		return err
	})
	if err != nil {
		t.Errorf("View: %v", err)
	}
	wantValue(t, db, "a", "1000")
}

// viewTwice checks that the two keys of testViewSnapshot are equal, by Get and by Scan.
func viewTwice(t *testing.T, db kv.DB) {
	err := db.View(t.Context(), func(r kv.Reader) error {
		a, errA := r.Get("a")
		for item, err := range r.Scan("", "") {
			if err != nil {
				return err
			}
			if string(item.Value) != string(a) {
				t.Errorf("a View saw a = %q and %s = %q", a, item.Key, item.Value)
			}
		}
		return errA
	})
	if err != nil {
		t.Errorf("View: %v", err)
	}
}

func testErrorWritesNothing(t *testing.T, db kv.DB) {
	update(t, db, func(tx kv.Tx) { tx.Put("a", []byte("1")) })
	err := db.Update(t.Context(), func(tx kv.Tx) error {
		tx.Put("a", []byte("2"))
		tx.Put("b", []byte("2"))
		tx.Delete("a")
		return errTest
	})
	if err != errTest { //nolint:errorlint // as it is, not wrapped
		t.Errorf("Update = %v, want the error of fn as it is", err)
	}
	wantValue(t, db, "a", "1")
	wantAbsent(t, db, "b")
}

func testPanicWritesNothing(t *testing.T, db kv.DB) {
	if p := panicking(t, db, "a"); p == nil {
		t.Error("Update swallowed a panic")
	}
	wantAbsent(t, db, "a")
	update(t, db, func(tx kv.Tx) { tx.Put("a", []byte("1")) })
	wantValue(t, db, "a", "1")
}

// panicking runs an Update that writes key and panics, and returns what came through.
func panicking(t *testing.T, db kv.DB, key string) (p any) {
	defer func() { p = recover() }()
	_ = db.Update(t.Context(), func(tx kv.Tx) error {
		tx.Put(key, []byte("of a panic"))
		panic("of the test")
	})
	return nil
}

func testNeighbours(t *testing.T, db kv.DB) {
	const callers = 64
	inParallel(callers, func(g int) {
		key := fmt.Sprintf("%02d", g)
		switch g % 4 {
		case 0:
			panicking(t, db, key)
		case 1:
			err := db.Update(t.Context(), func(tx kv.Tx) error { tx.Put(key, nil); return errTest })
			if !errors.Is(err, errTest) {
				t.Errorf("Update %s = %v, want the error of fn", key, err)
			}
		case 2:
			err := db.Update(t.Context(), func(tx kv.Tx) error { tx.Put(key, make([]byte, kv.MaxBytes)); return nil })
			if !errors.Is(err, kv.ErrTooLarge) {
				t.Errorf("Update %s = %v, want %v", key, err, kv.ErrTooLarge)
			}
		default:
			update(t, db, func(tx kv.Tx) { tx.Put(key, []byte("ok")) })
		}
	})
	got := dump(t, db)
	for g := range callers {
		key := fmt.Sprintf("%02d", g)
		if _, ok := got[key]; ok != (g%4 == 3) {
			t.Errorf("key %s is there: %t", key, ok)
		}
	}
}

func testAtomic(t *testing.T, db kv.DB) {
	const keys = 20
	inParallel(16, func(g int) {
		for n := range 10 {
			value := fmt.Appendf(nil, "%d/%d", g, n)
			update(t, db, func(tx kv.Tx) {
				for k := range keys {
					tx.Put(fmt.Sprintf("k%02d", k), value)
				}
			})
			var first string
			for _, v := range dump(t, db) {
				if first == "" {
					first = v
				}
				if v != first {
					t.Errorf("half of a commit is visible: %q and %q", first, v)
				}
			}
		}
	})
}

func testNoLostUpdate(t *testing.T, db kv.DB) {
	const callers, rounds = 64, 10
	inParallel(callers, func(int) {
		for range rounds {
			if err := db.Update(t.Context(), increment); err != nil {
				t.Errorf("Update: %v", err)
			}
		}
	})
	wantValue(t, db, "counter", strconv.Itoa(callers*rounds))
}

func increment(tx kv.Tx) error {
	v, err := tx.Get("counter")
	if err != nil {
		return err
	}
	n, _ := strconv.Atoi(string(v)) // 0 when absent
	tx.Put("counter", strconv.AppendInt(nil, int64(n)+1, 10))
	return nil
}

// claim is an interval of the claims document of testOneWinner.
type claim struct{ Caller, From, To int }

var errTaken = errors.New("taken")

// testOneWinner lets many callers claim overlapping times in one document, the way bookings do.
func testOneWinner(t *testing.T, db kv.DB) {
	const callers, rounds = 64, 10
	for round := range rounds {
		key := fmt.Sprintf("claims/%d", round)
		var winner, winners atomic.Int64
		inParallel(callers, func(g int) {
			mine := claim{Caller: g, From: g, To: g + callers} // all hold the instant callers-1
			err := db.Update(t.Context(), func(tx kv.Tx) error { return book(tx, key, mine) })
			switch {
			case err == nil:
				winners.Add(1)
				winner.Store(int64(g))
			case !errors.Is(err, errTaken):
				t.Errorf("Update: %v", err)
			}
		})
		var got []claim
		if err := json.Unmarshal(read(t, db, key), &got); err != nil {
			t.Fatal(err)
		}
		if winners.Load() != 1 || len(got) != 1 || got[0].Caller != int(winner.Load()) {
			t.Fatalf("%d winners, last %d; claims %v", winners.Load(), winner.Load(), got)
		}
	}
}

// book adds a claim to the document under key unless it overlaps one.
func book(tx kv.Tx, key string, mine claim) error {
	v, err := tx.Get(key)
	if err != nil {
		return err
	}
	var claims []claim
	if v != nil {
		if err := json.Unmarshal(v, &claims); err != nil {
			return err
		}
	}
	for _, c := range claims {
		if c.From < mine.To && mine.From < c.To {
			return errTaken
		}
	}
	doc, err := json.Marshal(append(claims, mine))
	if err != nil {
		return err
	}
	tx.Put(key, doc)
	return nil
}

// testNoDirtyDecision asserts that nobody decides on a write that fails in the end: of each pair one writes and fails,
// the other returns an error if it sees that write.
func testNoDirtyDecision(t *testing.T, db kv.DB) {
	inParallel(64, func(g int) {
		key := strconv.Itoa(g / 2)
		err := db.Update(t.Context(), func(tx kv.Tx) error {
			v, err := tx.Get(key)
			if err != nil {
				return err
			}
			if v != nil {
				return errTaken
			}
			if g%2 == 0 {
				tx.Put(key, []byte("never"))
				return errTest
			}
			return nil
		})
		if errors.Is(err, errTaken) {
			t.Error("an Update saw a write that was never committed")
		}
	})
}
