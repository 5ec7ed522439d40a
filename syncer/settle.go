package syncer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/store"
)

// settle makes the provider equal to one placement: read the mark and the booking, look at the slot before an event takes
// it, record that a call begins, call, record the outcome. A crash between any two steps leads back here.
func (s *Syncer) settle(ctx context.Context, cal calendar.ID, id store.OutboxID) error {
	account, ok := s.cfg.Accounts[cal.Account()]
	if !ok {
		return s.postpone(ctx, id, fmt.Errorf("account %q is not configured any more", cal.Account()))
	}
	gate := s.gates[cal.Account()]
	job, err := s.load(ctx, id)
	if err != nil || job == nil {
		return err
	}
	log := s.cfg.Log.With("calendar", string(cal), "booking", id.Booking)
	if job.nothingThere() {
		return s.settled(ctx, log, cal, job, calendar.Written{})
	}
	if job.taking() {
		taken, err := s.slotTaken(ctx, account.Source, gate, cal, job)
		if err != nil {
			job.mark.Attempts++ // begin counts those that get further; without this the delay would never grow
			return s.again(ctx, log, job, err)
		}
		if err := s.markConflict(ctx, log, job, taken); err != nil {
			return err
		}
	}
	unclear := job.mark.Unclear
	if err := s.begin(ctx, job); err != nil {
		return err
	}
	want := job.desired(s.cfg, unclear)
	var got calendar.Written
	err = gate.doWithin(ctx, s.writer(cal), writeTimeout, func(ctx context.Context) error {
		var err error
		got, err = account.Sink.Apply(ctx, cal.Calendar(), want)
		return err
	})
	if err != nil {
		if k := calendar.KindOf(err); k == calendar.Throttled || k == calendar.NeedsPerson {
			job.mark.Unclear = unclear // the provider refused: this call changed nothing
		}
		return s.failed(ctx, log, cal, job, got, err)
	}
	if want.Removed && unclear && want.Known.ID == "" && !job.mark.Looked {
		return s.lookAgain(ctx, job)
	}
	return s.settled(ctx, log, cal, job, got)
}

// job is one placement on its way to the provider.
type job struct {
	mark    store.Mark
	booking *booking.Booking
	person  booking.Person
	storeID string
}

func (j *job) placement() booking.Placement { return j.booking.Placements[j.mark.Placement] }

// wanted reports whether the event should exist.
func (j *job) wanted() bool { return j.booking.Wanted(j.mark.Placement) }

// nothingThere reports whether an event that should not exist never can have: no call to make it ever began.
func (j *job) nothingThere() bool {
	return !j.wanted() && j.placement().Event.ID == "" && !j.mark.Unclear
}

// inserting reports whether the event does not exist as far as we know, and should.
func (j *job) inserting() bool { return j.wanted() && j.placement().Event.ID == "" }

// taking reports whether the call puts the event where it is not yet.
func (j *job) taking() bool {
	return j.wanted() && (j.inserting() || j.placement().Event.Interval != j.booking.Interval)
}

// desired is the state that the event should have.
func (j *job) desired(cfg Config, unclear bool) calendar.Wanted {
	p := j.placement()
	w := calendar.Wanted{
		Identity: p.Identity, Known: p.Event, Unclear: unclear, Version: j.booking.Version, Removed: !j.wanted(),
		Interval: j.booking.Interval, Zone: cfg.Zone(p.Resource), Marker: marker(j.storeID, j.booking, p),
	}
	w.Title, w.Body = cfg.Describe(j.booking, j.person, p)
	return w
}

// marker is the value of our private property: all that is needed to find a booking that the store has lost.
//
//	store id / booking / resource / attempt / service / reference
func marker(storeID string, b *booking.Booking, p booking.Placement) string {
	return strings.Join([]string{storeID, b.ID, p.Resource, strconv.Itoa(p.Attempt), b.Service, b.Reference}, "/")
}

func (s *Syncer) load(ctx context.Context, id store.OutboxID) (*job, error) {
	var out *job
	err := s.cfg.Store.View(ctx, func(r *store.Reader) error {
		mark, found, err := r.Mark(id)
		if err != nil || !found {
			return err
		}
		b, err := r.Booking(id.Booking)
		if err != nil || b == nil {
			return err
		}
		p, err := r.Person(id.Booking)
		if err != nil {
			return err
		}
		out = &job{mark: mark, booking: b, person: p, storeID: s.cfg.Store.ID()}
		return nil
	})
	return out, err
}

// slotTaken reads the time of the booking at the provider and reports whether somebody else's event is there.
func (s *Syncer) slotTaken(ctx context.Context, src Source, g *gate, cal calendar.ID, j *job) (bool, error) {
	var snap calendar.Snapshot
	err := g.doWithin(ctx, s.writer(cal), writeTimeout, func(ctx context.Context) error {
		var err error
		snap, err = src.Read(ctx, cal.Calendar(), j.booking.Interval)
		return err
	})
	if err != nil {
		return false, err
	}
	var own []store.OwnEvent
	err = s.cfg.Store.View(ctx, func(r *store.Reader) (err error) {
		own, err = r.OwnEvents(cal)
		return err
	})
	if err != nil {
		return false, err
	}
	busy, _ := sort(snap, own, s.cfg.Store.ID())
	return calendar.AnyOverlap(busy.Foreign, j.booking.Interval), nil
}

// markConflict records whether somebody was found in the slot before the booking's event takes it. Where an earlier call may
// have made the event already, the version grows: only then its title is written anew, with the mark.
func (s *Syncer) markConflict(ctx context.Context, log *slog.Logger, j *job, taken bool) error {
	if taken == j.placement().Conflict {
		return nil
	}
	if taken {
		log.Warn("outbox: somebody is in the slot; the booking is written all the same and marked as a conflict")
	}
	return s.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		b, err := tx.Booking(j.booking.ID)
		if err != nil || b == nil {
			return err
		}
		if b.SetConflict(j.mark.Placement, taken, s.cfg.Now()) && j.mark.Unclear {
			b.Version++
		}
		tx.PutBooking(b)
		j.booking = b
		return nil
	})
}

// begin records that a call is about to be made, so that after a crash its outcome is looked up.
func (s *Syncer) begin(ctx context.Context, j *job) error {
	next := j.mark
	next.Attempts++
	next.Unclear = true
	next.Next = s.cfg.Now().Add(delay(next.Attempts, next.String()))
	return s.replaceMark(ctx, j, next)
}

// replaceMark writes the job's mark unless it is gone.
func (s *Syncer) replaceMark(ctx context.Context, j *job, next store.Mark) error {
	err := s.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		old, found, err := tx.Mark(j.mark.OutboxID)
		if err != nil || !found {
			return err
		}
		tx.PutMark(&old, next)
		return nil
	})
	if err != nil {
		return fmt.Errorf("write an outbox mark: %w", err)
	}
	j.mark = next
	return nil
}

// lateArrival is how long a call whose outcome is not known may take to arrive: far longer than we wait for its answer.
const lateArrival = 5 * time.Minute

// lookAgain keeps the mark of an event that should be gone and was not found, as the call that makes it may still be on its
// way.
func (s *Syncer) lookAgain(ctx context.Context, j *job) error {
	next := j.mark
	next.Looked, next.Attempts, next.Next = true, 0, s.cfg.Now().Add(lateArrival)
	return s.replaceMark(ctx, j, next)
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
	if got.ID != "" && !got.Interval.Empty() && got.Interval != j.booking.Interval && j.booking.Version == b.Version {
		// Our write arrived, and by the time that we heard of it a person had moved the event on.
		b.Follow(i, got, booking.Act{At: now, By: booking.ByCalendar})
		level, followed = true, true
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
	if err := ownNow(tx, cal, was, b, i); err != nil {
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

// ownNow brings the mirror level with a write of ours before the next read does: what we know to be gone is not busy.
func ownNow(tx *store.Tx, cal calendar.ID, was, b *booking.Booking, placement int) error {
	busy, err := tx.Busy(cal)
	if err != nil || busy == nil {
		return err
	}
	before, p := was.Placements[placement], b.Placements[placement]
	busy.Own = slices.DeleteFunc(busy.Own, func(o calendar.Own) bool {
		return o.Booking == b.ID && (o.Interval == before.Event.Interval || o.Interval == before.Left)
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

// touched goes on after somebody changed the event that we were about to write. If it is where we knew it, our write builds on
// what they wrote; if they moved it, the booking follows.
func (s *Syncer) touched(
	ctx context.Context, log *slog.Logger, cal calendar.ID, j *job, found calendar.Written,
) error {
	known := j.placement().Event
	if !found.Interval.Empty() && found.Interval != known.Interval && found.Interval != j.booking.Interval && j.wanted() {
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
	if err := s.replaceMark(ctx, j, next); err != nil {
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
