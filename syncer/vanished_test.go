package syncer

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"slotd/internal/booking"
)

// TestMoveAfterVanish: a booking of which somebody must look because its event vanished with many others is not cancelled
// when that person gives it another time; it gets an event there.
func TestMoveAfterVanish(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		for i := range 5 {
			r.book(fmt.Sprint("b", i), cal1, hours(2, 8+i, 9+i))
		}
		r.wait(20 * time.Minute)
		for i := range 5 {
			r.provider.delete("adams", fmt.Sprint("identity-b", i))
		}
		r.wait(2 * time.Hour)
		r.wantPerson("b0", "vanished at once")
		r.move("b0", hours(3, 10, 11))
		r.wait(time.Hour)
		r.wantAt("b0", hours(3, 10, 11))
		r.wantLevel("b0")
		r.verify()
		if n := len(r.provider.listed("adams")); n != 1 {
			t.Errorf("%d events", n)
		}
	})
}

// TestFollowAfterVanish: the same when a person moves the other event of the booking.
func TestFollowAfterVanish(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		for i := range 5 {
			r.team(fmt.Sprint("b", i), hours(2, 8+i, 9+i))
		}
		for i := range 5 {
			r.provider.delete("baker", fmt.Sprintf("identity-b%d-room-1", i))
		}
		r.wait(2 * time.Hour)
		r.wantPerson("b0", "vanished at once")
		r.provider.edit("adams", "identity-b0", moveTo(hours(3, 10, 11)))
		r.wait(time.Hour)
		r.wantAt("b0", hours(3, 10, 11))
		r.wantPerson("b0", "vanished at once")
		r.verify()
	}, cal1, cal2)
}

// TestRestoreAfterRetry: a copy from before an event was written anew knows nothing of it, and takes it over.
func TestRestoreAfterRetry(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.restorable()
		r.start()
		for i := range 5 {
			r.book(fmt.Sprint("b", i), cal1, hours(2, 8+i, 9+i))
		}
		r.wait(20 * time.Minute)
		path := r.copied()
		for i := range 5 {
			r.provider.delete("adams", fmt.Sprint("identity-b", i))
		}
		r.wait(2 * time.Hour)
		for i := range 5 {
			r.retry(fmt.Sprint("b", i))
		}
		r.wait(20 * time.Minute)
		ids := []string{"b0", "b1", "b2", "b3", "b4"}
		r.eachOnce(ids...)
		r.lose(path)
		r.start()
		r.wait(2 * time.Hour)
		r.over()
		for i, id := range ids {
			r.wantAt(id, hours(2, 8+i, 9+i))
			r.wantPerson(id, "")
		}
		r.eachOnce(ids...)
	}, cal1, cal2)
}

// TestClockAheadForAWhile: what failed while the clock was wrong is not put off until that time comes.
func TestClockAheadForAWhile(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		ahead := time.Duration(0)
		r.cfg.Now = func() time.Time { return time.Now().Add(ahead) }
		r.make()
		ahead = 400 * 24 * time.Hour
		r.provider.hook(func(string, string) error { return fault(0) })
		r.start()
		r.book("b1", cal1, hours(2, 8, 9))
		r.wait(10 * time.Minute)
		r.stop()
		ahead = 0
		r.provider.hook(nil)
		r.start()
		r.wait(30 * time.Minute)
		r.wantLevel("b1")
	})
}

// TestRetryWhileItIsThere: an event that no list shows, and that is there, does not stay beside the one that takes its place.
func TestRetryWhileItIsThere(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		var ids []string
		for i := range 5 {
			ids = append(ids, fmt.Sprint("b", i))
			r.book(ids[i], cal1, hours(2, 8+i, 9+i))
		}
		r.wait(20 * time.Minute)
		for _, id := range ids {
			r.provider.delete("adams", "identity-"+id)
		}
		r.wait(2 * time.Hour)
		r.provider.set("adams", func(c *fakeCalendar) { c.lag = 10 * time.Minute })
		for _, id := range ids { // somebody brings them back, and does not know that somebody else has them written again
			r.provider.restore("adams", "identity-"+id)
		}
		for _, id := range ids {
			r.retry(id)
		}
		r.wait(2 * time.Hour)
		r.eachOnce(ids...)
		for _, id := range ids {
			r.wantPerson(id, "")
			r.wantLevel(id)
		}
		r.verify()
	})
}

// TestPeopleOverlapInASharedCalendar: whoever shares the calendar has the time, too.
func TestPeopleOverlapInASharedCalendar(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		r.bookTeam("b1", hours(1, 10, 11), seat("b1", "adams", cal1))
		r.bookTeam("b2", hours(1, 12, 13), seat("b2", "baker", cal1))
		r.wait(20 * time.Minute)
		r.provider.edit("adams", "identity-b1", moveTo(hours(1, 12, 13)))
		r.wait(20 * time.Minute)
		r.wantAt("b1", hours(1, 12, 13))
		if !r.booking("b1").Conflict() || !r.booking("b2").Conflict() {
			t.Error("a person's overlap is not marked")
		}
		r.move("b2", hours(1, 14, 15))
		r.wait(20 * time.Minute)
		if r.booking("b1").Conflict() || r.booking("b2").Conflict() {
			t.Error("the overlap is over, and still marked")
		}
	})
}

// TestManyVanishSlowly: a tool that empties a calendar one event at a time is no decision about each appointment either. A
// few are.
func TestManyVanishSlowly(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		for i := range 12 {
			r.book(fmt.Sprint("b", i), cal1, hours(2, 8+i, 9+i))
		}
		r.wait(20 * time.Minute)
		for i := range 12 {
			r.provider.delete("adams", fmt.Sprint("identity-b", i))
			r.wait(4 * time.Minute)
		}
		r.wait(2 * time.Hour)
		for i := range 12 {
			id := fmt.Sprint("b", i)
			if i < 3 {
				r.wantStatus(id, booking.Cancelled)
				continue
			}
			r.wantStatus(id, booking.Confirmed)
			r.wantPerson(id, "vanished within an hour")
		}
		r.book("next", cal1, hours(3, 8, 9))
		r.wait(20 * time.Minute)
		r.provider.delete("adams", "identity-next") // another day's decision
		r.wait(20 * time.Minute)
		r.wantStatus("next", booking.Cancelled)
	})
}

// TestMovedOutOfAConflict: the answer to our create is lost, and a person sees that somebody else has the time and moves our
// event away. It stays where they put it.
func TestMovedOutOfAConflict(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		first := true
		r.provider.hook(func(op, _ string) error {
			if op != "applied" || !first {
				return nil
			}
			first = false
			r.provider.put("adams", event("private", hours(2, 8, 9)))
			r.provider.edit("adams", "identity-b1", moveTo(hours(2, 10, 11)))
			return errors.New("connection reset")
		})
		r.book("b1", cal1, hours(2, 8, 9))
		r.wait(2 * time.Hour)
		r.wantAt("b1", hours(2, 10, 11))
		r.wantLevel("b1")
		if r.booking("b1").Conflict() {
			t.Error("nobody is there, and it is marked as a conflict")
		}
	})
}
