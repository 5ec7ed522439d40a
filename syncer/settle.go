package syncer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/store"
)

// settle makes the provider equal to one placement: read the mark and the booking, look at the slot before the first
// insert, record that a call begins, call, record the outcome. A crash between any two steps leads back here.
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
	if job.inserting() {
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
	want := job.wanted(s.cfg, unclear)
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
		return s.failed(ctx, log, job, err)
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

// inserting reports whether the event does not exist as far as we know, and should.
func (j *job) inserting() bool {
	return j.placement().Event.ID == "" && j.booking.Status != booking.Cancelled
}

func (j *job) wanted(cfg Config, unclear bool) calendar.Wanted {
	p := j.placement()
	w := calendar.Wanted{
		Identity: p.Identity, Known: p.Event, Unclear: unclear, Version: j.booking.Version,
		Removed:  j.booking.Status == booking.Cancelled,
		Interval: j.booking.Interval, Zone: cfg.Zone(p.Resource),
		Marker: j.storeID + "/" + j.booking.ID + "/" + p.Resource,
	}
	w.Title, w.Body = cfg.Describe(j.booking, j.person, p)
	return w
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

// markConflict records whether somebody was found in the slot before the booking's event was inserted.
func (s *Syncer) markConflict(ctx context.Context, log *slog.Logger, j *job, taken bool) error {
	if !taken || j.booking.Conflict {
		return nil
	}
	log.Warn("outbox: somebody is in the slot; the booking is written all the same and marked as a conflict")
	return s.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		b, err := tx.Booking(j.booking.ID)
		if err != nil || b == nil {
			return err
		}
		b.Conflict = true
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

// settled records that the provider's event shows the version that was wanted.
func (s *Syncer) settled(
	ctx context.Context, log *slog.Logger, cal calendar.ID, j *job, got calendar.Written,
) error {
	level := false
	err := s.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		b, err := tx.Booking(j.booking.ID)
		if err != nil || b == nil {
			return err
		}
		mark, found, err := tx.Mark(j.mark.OutboxID)
		if err != nil {
			return err
		}
		level = b.Settled(j.mark.Placement, got, j.booking.Version)
		tx.PutBooking(b)
		tx.PutOwn(store.OwnEvent{
			Calendar: cal, Identity: j.placement().Identity, EventID: got.ID, Booking: b.ID, Placement: j.mark.Placement,
		})
		switch {
		case !found:
		case level:
			tx.DeleteMark(mark)
		default: // the booking changed meanwhile: write again, at once
			next := mark
			next.Attempts, next.Unclear, next.LastError, next.Next = 0, false, "", s.cfg.Now()
			tx.PutMark(&mark, next)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("record a write: %w", err)
	}
	log.Info("outbox: written", "version", j.booking.Version, "level", level, "attempts", j.mark.Attempts)
	// A snapshot that showed the event before this commit did not count as seeing it, and nothing may change any more.
	if m := s.mirrors[cal]; m != nil {
		m.nudge(true)
	}
	return nil
}

// permanent are the kinds of error that no repetition mends.
var permanent = []calendar.Kind{calendar.Refused, calendar.Gone, calendar.Conflict}

// failed records an error of a write: a permanent one sets the placement aside, any other is tried again later. It returns
// the error when other writes to the calendar would meet it too.
func (s *Syncer) failed(ctx context.Context, log *slog.Logger, j *job, cause error) error {
	if ctx.Err() != nil {
		return ctx.Err() // we are stopping; the mark stands
	}
	kind := calendar.KindOf(cause)
	if slices.Contains(permanent, kind) && !(j.inserting() && calendarGone(cause)) {
		log.Error("outbox: set aside, a person must look", "kind", kind.String(), "error", cause)
		tell(s.cfg.WriteFailed, j.placement().Calendar, cause)
		return s.setAside(ctx, j, cause)
	}
	return s.again(ctx, log, j, cause)
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

// setAside takes the mark away and leaves the placement to a person.
func (s *Syncer) setAside(ctx context.Context, j *job, cause error) error {
	err := s.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		b, err := tx.Booking(j.booking.ID)
		if err != nil || b == nil {
			return err
		}
		mark, found, err := tx.Mark(j.mark.OutboxID)
		if err != nil {
			return err
		}
		b.SetAside(j.mark.Placement, cause.Error())
		tx.PutBooking(b)
		if found {
			tx.DeleteMark(mark)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("set a placement aside: %w", err)
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
