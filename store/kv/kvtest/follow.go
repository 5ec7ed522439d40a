package kvtest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slotd/store/kv"
)

// replica is what a follower knows.
type replica struct {
	t      *testing.T
	prefix string
	state  map[string]string
	resets int
}

// apply takes a batch over.
func (r *replica) apply(b kv.Batch) {
	if b.Reset {
		r.state = make(map[string]string)
		r.resets++
	}
	if r.state == nil {
		r.t.Error("the first batch is no reset")
		r.state = make(map[string]string)
	}
	for _, c := range b.Changes {
		switch {
		case !strings.HasPrefix(c.Key, r.prefix):
			r.t.Errorf("key %q is not under %q", c.Key, r.prefix)
		case c.Value != nil:
			r.state[c.Key] = string(c.Value)
		case b.Reset:
			r.t.Errorf("a reset deletes %q", c.Key)
		default:
			delete(r.state, c.Key)
		}
	}
}

func testFollow(t *testing.T, db kv.DB) {
	update(t, db, func(tx kv.Tx) { tx.Put("f/old", []byte("1")); tx.Put("f/empty", nil); tx.Put("other", nil) })
	next, stop := iter.Pull2(db.Follow(t.Context(), "f/"))
	defer stop()
	r := replica{t: t, prefix: "f/"}
	step := func(want map[string]string) {
		t.Helper()
		b, err, ok := next()
		if err != nil || !ok {
			t.Fatalf("Follow: %v, ended: %t", err, !ok)
		}
		r.apply(b)
		if diff := cmp.Diff(want, r.state); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	step(map[string]string{"f/old": "1", "f/empty": ""})

	update(t, db, func(tx kv.Tx) { tx.Put("other", []byte("2")) }) // not for us
	update(t, db, func(tx kv.Tx) { tx.Put("f/new", nil); tx.Delete("f/old"); tx.Put("g", nil) })
	step(map[string]string{"f/new": "", "f/empty": ""})
	_ = db.Update(t.Context(), func(tx kv.Tx) error { tx.Put("f/never", nil); return errTest })
	update(t, db, func(tx kv.Tx) { tx.Put("f/new", []byte("3")) })
	step(map[string]string{"f/new": "3", "f/empty": ""})
	if r.resets != 1 {
		t.Errorf("%d resets for a reader that is quick", r.resets)
	}

	for b, err := range db.Follow(t.Context(), "nothing/") {
		if err != nil || !b.Reset || len(b.Changes) != 0 {
			t.Errorf("first batch under an empty prefix: %+v, %v, want an empty reset", b, err)
		}
		break
	}
}

// appendLog adds entry n to a log whose head is n: a follower that knows the head and lacks an entry has a gap.
func appendLog(tx kv.Tx) error {
	v, err := tx.Get("log/head")
	if err != nil {
		return err
	}
	n, _ := strconv.Atoi(string(v)) // 0 when absent
	tx.Put("log/head", strconv.AppendInt(nil, int64(n)+1, 10))
	tx.Put(fmt.Sprintf("log/%d", n+1), nil)
	return nil
}

// checkLog returns the head of the log, after looking for gaps.
func (r *replica) checkLog() int {
	head, _ := strconv.Atoi(r.state["log/head"]) // 0 when absent
	for n := range head {
		if _, ok := r.state[fmt.Sprintf("log/%d", n+1)]; !ok {
			r.t.Errorf("the follower is at %d and lacks %d", head, n+1)
		}
	}
	if want := head + min(head, 1); len(r.state) != want {
		r.t.Errorf("the follower is at %d and has %d keys, want %d", head, len(r.state), want)
	}
	return head
}

func testFollowUnderLoad(t *testing.T, db kv.DB) {
	const followers, writers, rounds = 4, 8, 40
	inParallel(followers+writers, func(g int) {
		if g >= followers {
			for range rounds {
				if err := db.Update(t.Context(), appendLog); err != nil {
					t.Errorf("Update: %v", err)
				}
			}
			return
		}
		r, last := replica{t: t, prefix: "log/"}, 0
		for b, err := range db.Follow(t.Context(), "log/") {
			if err != nil {
				t.Errorf("Follow: %v", err)
				return
			}
			r.apply(b)
			head := r.checkLog()
			if head < last {
				t.Errorf("the follower went back from %d to %d", last, head)
			}
			if last = head; head == writers*rounds {
				return
			}
		}
	})
}

// testFollowSlowly lets a follower sleep through more commits than any engine should keep for it.
func testFollowSlowly(t *testing.T, db kv.DB) {
	const commits = 600
	next, stop := iter.Pull2(db.Follow(t.Context(), "log/"))
	defer stop()
	r := replica{t: t, prefix: "log/"}
	for slept := false; ; slept = true {
		b, err, ok := next()
		if err != nil || !ok {
			t.Fatalf("Follow: %v, ended: %t", err, !ok)
		}
		r.apply(b)
		if r.checkLog() == commits {
			return
		}
		for n := 0; !slept && n < commits; n++ {
			if err := db.Update(t.Context(), appendLog); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func testFollowEnds(t *testing.T, db kv.DB) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	next, stop := iter.Pull2(db.Follow(ctx, ""))
	defer stop()
	if _, err, ok := next(); err != nil || !ok {
		t.Fatalf("Follow: %v", err)
	}
	cancel()
	if _, err, _ := next(); !errors.Is(err, context.Canceled) {
		t.Errorf("Follow ended with %v, want %v", err, context.Canceled)
	}
	if _, err, ok := next(); ok {
		t.Errorf("Follow went on after its end: %v", err)
	}

	ended := make(chan error, 1)
	started := make(chan struct{}, 1)
	go func() {
		var last error
		for _, err := range db.Follow(context.WithoutCancel(ctx), "") {
			last = err
			select {
			case started <- struct{}{}:
			default:
			}
		}
		ended <- last
	}()
	<-started
	closeDB(t, db)
	if err := <-ended; !errors.Is(err, kv.ErrClosed) {
		t.Errorf("Follow of a closed engine ended with %v, want %v", err, kv.ErrClosed)
	}
}
