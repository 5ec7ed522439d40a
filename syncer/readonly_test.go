package syncer

import (
	"strings"
	"testing"
	"time"

	"slotd/internal/booking"
)

// TestReadOnlyCalendar: a calendar without a Sink is mirrored as any other, and what would have to be written there waits
// for a person at once, whether the event was never written or is to go again.
func TestReadOnlyCalendar(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		r.book("b1", cal1, hours(1, 9, 10))
		r.wait(time.Minute)
		r.wantLevel("b1")
		r.stop()

		account := r.cfg.Accounts["g"]
		account.Sink = nil // the config gives the name to an account of feeds
		r.cfg.Accounts["g"] = account
		r.make()
		r.start()
		r.provider.put("adams", event("e1", hours(2, 9, 10)))
		r.book("b2", cal1, hours(1, 11, 12))
		r.cancel("b1")
		r.book("b3", cal1, hours(1, 14, 15))
		r.cancel("b3") // nothing of it was ever written
		r.wait(2 * time.Minute)
		if got := r.busy(cal1).Foreign; len(got) != 1 || got[0] != hours(2, 9, 10) {
			t.Errorf("foreign busy time %v", got)
		}
		for _, id := range []string{"b1", "b2"} {
			p := r.booking(id).Placements[0]
			if p.Status != booking.Stuck || !strings.Contains(p.Reason, "readOnlyCalendar") {
				t.Errorf("%s: the placement is %s: %s", id, p.Status, p.Reason)
			}
		}
		for _, id := range []string{"b1", "b2", "b3"} {
			if m, found := r.mark(id); found {
				t.Errorf("%s: there is still a mark, %+v", id, m)
			}
		}
		if r.booking("b2").Status == booking.Cancelled {
			t.Error("a booking that cannot be written was cancelled")
		}
		r.verify()
	})
}
