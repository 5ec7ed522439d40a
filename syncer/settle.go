package syncer

import (
	"context"
	"fmt"
	"log/slog"
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
	if account.Sink == nil {
		return s.failed(ctx, log, cal, job, calendar.Written{}, errReadOnly)
	}
	if job.taking() {
		taken, there, err := s.slotTaken(ctx, account.Source, gate, cal, job)
		if err != nil {
			job.mark.Attempts++ // begin counts those that get further; without this the delay would never grow
			return s.again(ctx, log, job, err)
		}
		if current, err := s.markConflict(ctx, log, job, taken, there); err != nil || !current {
			return err
		}
	}
	unclear := job.mark.Unclear
	if there, err := s.begin(ctx, job); err != nil || !there {
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

// errReadOnly is why nothing is written through an account without a Sink. A booking comes there only when the config gives the
// name of an account to another kind of provider.
var errReadOnly = &calendar.Error{Kind: calendar.Refused, Op: "write event", Reason: "readOnlyCalendar"}

// job is one placement on its way to the provider.
type job struct {
	mark    store.Mark
	booking *booking.Booking
	person  booking.Person
	storeID string
	began   time.Time // the call
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

// slotTaken reads the time of the booking at the provider and reports whether somebody else's event is there, and whether
// ours is there already, by an earlier call.
func (s *Syncer) slotTaken(
	ctx context.Context, src Source, g *gate, cal calendar.ID, j *job,
) (taken, there bool, err error) {
	var snap calendar.Snapshot
	err = g.doWithin(ctx, s.writer(cal), writeTimeout, func(ctx context.Context) error {
		var err error
		snap, err = src.Read(ctx, cal.Calendar(), j.booking.Interval)
		return err
	})
	if err != nil {
		return false, false, err
	}
	var own []store.OwnEvent
	err = s.cfg.Store.View(ctx, func(r *store.Reader) (err error) {
		own, err = r.OwnEvents(cal)
		return err
	})
	if err != nil {
		return false, false, err
	}
	busy, present := sort(snap, own, s.cfg.Store.ID())
	ours, there := present[j.mark.OutboxID]
	return calendar.AnyOverlap(busy.Foreign, j.booking.Interval), there && ours.Interval == j.booking.Interval, nil
}

// markConflict records whether somebody was found in the slot before the booking's event takes it. Where an earlier call has
// put the event there already, the version grows: only then its title is written anew, with the mark. One that such a call
// has made and that is not there was moved by a person, and must not be written back. current is false when the booking has
// changed since the job was loaded; the mark is due then as it was.
func (s *Syncer) markConflict(
	ctx context.Context, log *slog.Logger, j *job, taken, there bool,
) (current bool, err error) {
	if taken == j.placement().Conflict {
		return true, nil
	}
	var b *booking.Booking
	err = s.cfg.Store.Update(ctx, func(tx *store.Tx) (err error) {
		b, err = tx.Booking(j.booking.ID)
		if err != nil || b == nil || b.Version != j.booking.Version {
			return err
		}
		if b.SetConflict(j.mark.Placement, taken, s.cfg.Now()) && j.mark.Unclear && there {
			b.Version++
		}
		tx.PutBooking(b)
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("record a conflict: %w", err)
	}
	if b == nil || b.Placements[j.mark.Placement].Conflict != taken {
		return false, nil
	}
	if taken {
		log.Warn("outbox: somebody is in the slot; the booking is written all the same and marked as a conflict")
	}
	j.booking = b
	return true, nil
}

// begin records that a call is about to be made, so that after a crash its outcome is looked up. there is false when the mark
// is gone: then nothing is to be done any more.
func (s *Syncer) begin(ctx context.Context, j *job) (there bool, err error) {
	next := j.mark
	next.Attempts++
	next.Unclear = true
	j.began = s.cfg.Now()
	next.Next = j.began.Add(delay(next.Attempts, next.String()))
	return s.replaceMark(ctx, j, next)
}

// replaceMark writes the job's mark unless it is gone.
func (s *Syncer) replaceMark(ctx context.Context, j *job, next store.Mark) (there bool, err error) {
	err = s.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		old, found, err := tx.Mark(j.mark.OutboxID)
		if there = found; err != nil || !found {
			return err
		}
		tx.PutMark(&old, next)
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("write an outbox mark: %w", err)
	}
	j.mark = next
	return there, nil
}
