package notify_test

import (
	"testing"
	"testing/synctest"
	"time"

	"slotd/store"
	"slotd/store/kv"
)

// TestDoubt: while nobody knows whether the last commit is on disk, nobody is told of what a View shows.
func TestDoubt(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.stop()
		r.book("b1")
		r.db.failWith(kv.ErrUncertain)
		r.run()
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if got := r.types(); len(got) != 0 {
			t.Errorf("told %v of what may not be", got)
		}
		r.db.failWith(nil)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if got := r.types(); len(got) != 1 || len(r.waiting()) != 0 {
			t.Errorf("told %v, waiting %v", got, r.waiting())
		}
	})
}

// TestClockWasAhead: a notice that was put off while the clock was ahead is delivered once it is right again.
func TestClockWasAhead(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.stop()
		r.book("b1")
		n := r.waiting()[0]
		n.Attempts, n.Next = 1, time.Now().AddDate(1, 0, 0)
		r.must(r.store.Update(r.t.Context(), func(tx *store.Tx) error {
			tx.PutNotice(n)
			return nil
		}))
		r.run()
		synctest.Wait()
		if got := r.types(); len(got) != 1 {
			t.Errorf("told %v", got)
		}
	})
}
