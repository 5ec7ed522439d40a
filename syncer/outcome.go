package syncer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/store"
)

// What follows from the outcome of a call of settle.

// lateArrival is how long a call whose outcome is not known may take to arrive: far longer than we wait for its answer.
const lateArrival = 5 * time.Minute

// lookAgain keeps the mark of an event that should be gone and was not found, as the call that makes it may still be on its
// way.
func (s *Syncer) lookAgain(ctx context.Context, j *job) error {
	next := j.mark
	next.Looked, next.Attempts, next.Next = true, 0, s.cfg.Now().Add(lateArrival)
	_, err := s.replaceMark(ctx, j, next)
	return err
}

// settled records that the provider's event shows the version that was wanted.
func (s *Syncer) settled(
	ctx context.Context, log *slog.Logger, cal calendar.ID, j *job, got calendar.Written,
) error {
	level, followed := false, false
	err := s.cfg.Store.Update(ctx, func(tx *store.Tx) (err error) {
		level, followed, err = s.recordWrite(tx, cal, j, got)
		return err
	})
	if err != nil {
		return fmt.Errorf("record a write: %w", err)
	}
	log.Info("outbox: written", "version", j.booking.Version, "level", level, "attempts", j.mark.Attempts)
	if followed {
		s.Written(cal)
	}
	// A snapshot that showed the event before this commit did not count as seeing it, and nothing may change any more.
	if m := s.mirrors[cal]; m != nil {
		m.nudge(true)
	}
	return nil
}

// recordWrite is the transaction of settled.
func (s *Syncer) recordWrite(
	tx *store.Tx, cal calendar.ID, j *job, got calendar.Written,
) (level, followed bool, err error) {
	b, err := tx.Booking(j.booking.ID)
	if err != nil || b == nil {
		return false, false, err
	}
	mark, found, err := tx.Mark(j.mark.OutboxID)
	if err != nil {
		return false, false, err
	}
	i, now, was := j.mark.Placement, s.cfg.Now(), b.Clone()
	if b.Wanted(i) && got.ID != "" && !got.Interval.Empty() && got.Interval != j.booking.Interval {
		// Our write arrived, and by the time that we heard of it a person had moved the event on.
		b.Follow(i, got, booking.Act{At: now, By: booking.ByCalendar})
		level, followed = b.Placements[i].Status != booking.Pending, true
	} else {
		level = b.Settled(i, got, j.booking.Version, now)
	}
	if followed || !was.Placements[i].Left.Empty() {
		err = tx.ChangeBooking(was, b, now)
	} else {
		tx.PutBooking(b)
	}
	if err != nil {
		return false, false, err
	}
	if err := ownNow(tx, cal, j.began, was, b, i); err != nil {
		return false, false, err
	}
	tx.PutOwn(store.OwnEvent{
		Calendar: cal, Identity: j.placement().Identity, EventID: b.Placements[i].Event.ID, Booking: b.ID, Placement: i,
	})
	if found && level {
		tx.DeleteMark(mark)
	} else if found { // the booking changed meanwhile: write again, at once
		next := mark
		next.Attempts, next.Unclear, next.Looked, next.LastError, next.Next = 0, false, false, "", now
		tx.PutMark(&mark, next)
	}
	return level, followed, nil
}

// ownNow brings the mirror level with a write of ours before the next read does: what we know to be gone is not busy. A mirror
// of a read that began after the call may know better: a person may have put the event back.
func ownNow(tx *store.Tx, cal calendar.ID, began time.Time, was, b *booking.Booking, placement int) error {
	before, p := was.Placements[placement], b.Placements[placement]
	if before.Event.ID == "" && before.Left.Empty() {
		return nil
	}
	busy, err := tx.Busy(cal)
	if err != nil || busy == nil {
		return err
	}
	mirror, _, err := tx.Mirror(cal)
	if err != nil || !mirror.ReadAt.Before(began) {
		return err
	}
	busy.Own = slices.DeleteFunc(busy.Own, func(o calendar.Own) bool {
		return o.Booking == b.ID &&
			(o.Interval == cut(before.Event.Interval, busy.Window) || o.Interval == cut(before.Left, busy.Window))
	})
	if span := cut(p.Event.Interval, busy.Window); b.Wanted(placement) && !span.Empty() {
		busy.Own = append(busy.Own, calendar.Own{Interval: span, Booking: b.ID})
	}
	tx.PutBusy(cal, busy)
	return nil
}

// permanent are the kinds of error that no repetition mends.
var permanent = []calendar.Kind{calendar.Refused, calendar.Gone, calendar.Conflict}

// failed records an error of a write: an event that somebody changed or deleted is that person's decision, another permanent
// error sets the placement aside, and any other is tried again later. It returns the error when other writes to the calendar
// would meet it too. found is what the provider says of an event that is not the one we know.
func (s *Syncer) failed(
	ctx context.Context, log *slog.Logger, cal calendar.ID, j *job, found calendar.Written, cause error,
) error {
	if ctx.Err() != nil {
		return ctx.Err() // we are stopping; the mark stands
	}
	kind := calendar.KindOf(cause)
	switch {
	case !slices.Contains(permanent, kind), j.inserting() && calendarGone(cause):
		return s.again(ctx, log, j, cause)
	case kind == calendar.Gone && j.wanted():
		return s.lost(ctx, log, cal, j)
	case kind == calendar.Conflict && found.ID != "" && touched(cause):
		return s.touched(ctx, log, cal, j, found)
	}
	log.Error("outbox: set aside, a person must look", "kind", kind.String(), "error", cause)
	tell(s.cfg.WriteFailed, j.placement().Calendar, cause)
	return s.giveUp(ctx, j, func(b *booking.Booking, i int) { b.SetAside(i, cause.Error(), s.cfg.Now()) })
}

// touched reports whether a write met our own event as somebody has changed it since.
func touched(err error) bool {
	var e *calendar.Error
	return errors.As(err, &e) && (e.Reason == "changedMeanwhile" || e.Status == http.StatusPreconditionFailed)
}

// lost leaves an event that somebody deleted deleted.
func (s *Syncer) lost(ctx context.Context, log *slog.Logger, cal calendar.ID, j *job) error {
	log.Warn("outbox: the event is not there any more; it is not put back")
	err := s.giveUp(ctx, j, func(b *booking.Booking, i int) { b.Lost(i, s.cfg.Now()) })
	if m := s.mirrors[cal]; err == nil && m != nil {
		m.nudge(true) // the next read finds out whether it was deleted
	}
	return err
}

// touched goes on after the event that we were about to write was not where we knew it. If a person moved it, the booking
// follows. If that was a write of ours, whose answer we never got or which was late, ours builds on what was found.
func (s *Syncer) touched(
	ctx context.Context, log *slog.Logger, cal calendar.ID, j *job, found calendar.Written,
) error {
	person, _ := j.booking.MovedBy(j.mark.Placement, found)
	if person && found.Interval != j.booking.Interval && j.wanted() {
		log.Info("outbox: a person has moved the event; the booking follows")
		return s.settled(ctx, log, cal, j, found)
	}
	err := s.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		b, err := tx.Booking(j.booking.ID)
		if err != nil || b == nil {
			return err
		}
		mark, there, err := tx.Mark(j.mark.OutboxID)
		if err != nil || !there {
			return err
		}
		b.Placements[j.mark.Placement].Event = found
		tx.PutBooking(b)
		next := j.mark
		next.Next = s.cfg.Now().Add(delay(max(next.Attempts, 1), next.String()))
		tx.PutMark(&mark, next)
		return nil
	})
	if err != nil {
		return fmt.Errorf("record what somebody changed: %w", err)
	}
	return nil
}

// calendarGone reports whether an insert failed because its calendar is not there. That is a person's matter, but one that
// mends itself when the access comes back; the error shows in the status until then.
func calendarGone(err error) bool {
	var e *calendar.Error
	return errors.As(err, &e) && e.Kind == calendar.Gone && e.Status == http.StatusNotFound
}

// again postpones a write that failed, ever longer, and returns its error.
func (s *Syncer) again(ctx context.Context, log *slog.Logger, j *job, cause error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	kind := calendar.KindOf(cause)
	tell(s.cfg.WriteFailed, j.placement().Calendar, cause)
	log.Warn("outbox: write failed, will be tried again", "kind", kind.String(), "attempts", j.mark.Attempts, "error", cause)
	next := j.mark
	next.LastError = kind.String()
	wait := max(delay(max(next.Attempts, 1), next.String()), calendar.RetryAfter(cause))
	next.Next = s.cfg.Now().Add(wait)
	if _, err := s.replaceMark(ctx, j, next); err != nil {
		return err
	}
	return cause
}

// giveUp takes the mark away after change has said why, and leaves the placement to a person.
func (s *Syncer) giveUp(ctx context.Context, j *job, change func(b *booking.Booking, placement int)) error {
	err := s.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		b, err := tx.Booking(j.booking.ID)
		if err != nil || b == nil {
			return err
		}
		mark, found, err := tx.Mark(j.mark.OutboxID)
		if err != nil {
			return err
		}
		if b.Version != j.booking.Version {
			return nil // what was refused is not wanted any more
		}
		change(b, j.mark.Placement)
		tx.PutBooking(b)
		if found {
			tx.DeleteMark(mark)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("give up a write: %w", err)
	}
	return nil
}

// postpone moves a mark that cannot be worked on now.
func (s *Syncer) postpone(ctx context.Context, id store.OutboxID, cause error) error {
	err := s.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		mark, found, err := tx.Mark(id)
		if err != nil || !found {
			return err
		}
		next := mark
		next.LastError = "no account"
		next.Next = s.cfg.Now().Add(longestDelay)
		tx.PutMark(&mark, next)
		return nil
	})
	if err != nil {
		return err
	}
	return cause
}
