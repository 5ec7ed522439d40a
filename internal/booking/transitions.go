package booking

import (
	"errors"
	"slices"
	"time"

	"slotd/internal/calendar"
)

// Errors of transitions that staff or customers ask for.
var (
	// ErrCancelled means that the booking was cancelled before.
	ErrCancelled = errors.New("the booking is cancelled")
	// ErrPast means that the appointment has begun: what is past is not changed.
	ErrPast = errors.New("the appointment has begun or is over")
)

// Act is who changes a booking, when and why.
type Act struct {
	At  time.Time
	By  Actor
	Why string
	// Told says that the customer knows of the change.
	Told bool
}

func (a Act) change(what What, resource string) Change {
	return Change{At: a.At, By: a.By, What: what, Why: a.Why, Resource: resource}
}

// tell remembers what the customer has not been told.
func (b *Booking) tell(a Act, what What) {
	if a.Told || a.By == ByCustomer {
		b.Untold = ""
		return
	}
	b.Untold = what
}

// Begin makes the booking a new one with a placement on each of the seats, of which the first is the chosen resource.
func (b *Booking) Begin(a Act, seats []Seat) {
	b.Version, b.Status, b.Created, b.Resource = 1, Confirmed, a.At, seats[0].Resource
	for _, s := range seats {
		b.seat(s, a.At)
	}
	b.note(a.change(WasCreated, ""))
}

// ToCome reports whether the booking stands and is still to come, or takes place at now, in Unix seconds.
func (b *Booking) ToCome(now int64) bool { return b.Status == Confirmed && b.End > now }

// Changeable says whether the booking can still be cancelled or moved: ErrCancelled, ErrPast, or nil when it can.
func (b *Booking) Changeable(now time.Time) error {
	switch {
	case b.Status == Cancelled:
		return ErrCancelled
	case b.Start <= now.Unix():
		return ErrPast
	}
	return nil
}

// Cancel frees the booking's time and wants its events gone. It fails with ErrCancelled or ErrPast.
func (b *Booking) Cancel(a Act) error {
	if err := b.Changeable(a.At); err != nil {
		return err
	}
	b.Version++
	for i := range b.Placements {
		if !b.Placements[i].Dropped { // whose event is on its way out, or gone, already
			b.leave(i, a.At)
		}
	}
	b.Status = Cancelled
	b.tell(a, WasCancelled)
	b.note(a.change(WasCancelled, ""))
	return nil
}

// Seat is a resource that a booking moves to, with the calendar that it is written into and how identities are made there.
type Seat struct {
	Resource string
	Calendar calendar.ID
	// Identity returns the provider identity of an attempt.
	Identity func(attempt int) string
}

// Move gives the booking another time, and the given resources, of which the first is the chosen one. Placements on
// resources that stay are moved; others are dropped, and new ones begin. So they do where the event is missing for a reason
// that needs a person: to move it would only find that it is gone, which then would look as if somebody had deleted it just
// now. It fails with ErrCancelled or ErrPast.
func (b *Booking) Move(a Act, to calendar.Interval, seats []Seat) error {
	if err := b.Changeable(a.At); err != nil {
		return err
	}
	b.Version++
	for i := range b.Placements {
		p := &b.Placements[i]
		if p.Dropped {
			continue
		}
		missing := p.Status == Missing && p.Reason != ""
		b.leave(i, a.At)
		p.Dropped = missing || !slices.ContainsFunc(seats, func(s Seat) bool {
			return s.Resource == p.Resource && s.Calendar == p.Calendar
		})
	}
	b.Interval = to
	for _, s := range seats {
		b.seat(s, a.At)
	}
	b.Resource = seats[0].Resource
	b.tell(a, WasMoved)
	b.note(a.change(WasMoved, b.Resource))
	return nil
}

// seat makes sure that the booking has a placement on the resource.
func (b *Booking) seat(s Seat, now time.Time) {
	attempt := 1
	for i, p := range b.Placements {
		if p.Resource != s.Resource {
			continue
		}
		if b.Wanted(i) && p.Calendar == s.Calendar {
			return
		}
		attempt = max(attempt, p.Attempt+1)
	}
	b.Placements = append(b.Placements, Placement{
		Resource: s.Resource, Calendar: s.Calendar, Identity: s.Identity(attempt), Attempt: attempt, Status: Pending,
		Since: now,
	})
}

// leave makes the placement pending and remembers the time that its calendar may still show.
func (b *Booking) leave(placement int, now time.Time) {
	p := &b.Placements[placement]
	if p.Left.Empty() {
		p.Left = b.Interval
		if p.Event.ID != "" {
			p.Left = p.Event.Interval
		}
	}
	p.set(Pending, now, "")
	p.Conflict = false
}

// Retry makes every placement that is stuck or missing pending again. One whose event is not there any more is dropped, and a
// new one takes its place with the next identity that identity returns: a deleted event is never resurrected under its old
// id, and one that turns up after all does not stay beside the new one. One that was set aside keeps its identity: an earlier
// call may still arrive. It reports whether there was anything to do.
func (b *Booking) Retry(a Act, identity func(p Placement, attempt int) string) bool {
	var again, anew []int
	for i, p := range b.Placements {
		switch {
		case p.Status == Missing && b.Wanted(i):
			anew = append(anew, i)
		case p.Status == Stuck, p.Status == Missing:
			again = append(again, i)
		}
	}
	if len(anew) > 0 {
		b.Version++ // by it a copy of the store from before learns which event is the later one
	}
	for _, i := range again {
		b.Placements[i].set(Pending, a.At, "")
		b.note(a.change(WasRetried, b.Placements[i].Resource))
	}
	for _, i := range anew {
		b.leave(i, a.At)
		b.Placements[i].Dropped = true
		old := b.Placements[i]
		b.seat(Seat{Resource: old.Resource, Calendar: old.Calendar, Identity: func(attempt int) string {
			return identity(old, attempt)
		}}, a.At)
		b.note(a.change(WasRetried, old.Resource))
	}
	return len(again)+len(anew) > 0
}

// MarkTold records that the customer knows. It reports whether there was anything to tell.
func (b *Booking) MarkTold(a Act) bool {
	if b.Untold == "" {
		return false
	}
	b.Untold = ""
	b.note(a.change(WasTold, ""))
	return true
}

// Forget empties what a history may say of a person and wants the texts of the events written anew.
func (b *Booking) Forget(a Act) {
	b.Version++
	for i := range b.History {
		b.History[i].Why = ""
	}
	for i := range b.Placements {
		// An event that should be gone and could not be removed still has its text.
		if p := &b.Placements[i]; p.Event.ID != "" && (b.Wanted(i) || p.Status == Stuck) {
			p.set(Pending, a.At, "")
		}
	}
	b.Untold = ""
	b.note(a.change(WasForgotten, ""))
}

// Settled records that the placement's event at the provider shows version. It reports whether the placement is now level
// with the booking, so that its outbox mark can go.
func (b *Booking) Settled(placement int, event calendar.Written, version uint64, now time.Time) (level bool) {
	p := &b.Placements[placement]
	if b.Wanted(placement) || event.ID != "" {
		p.Event = event // of an event that is gone we still know the id, should a person bring it back
	}
	if version != b.Version {
		if !p.Left.Empty() && !event.Interval.Empty() {
			p.Left = event.Interval // it is there by now that the calendar shows the event
		}
		p.set(Pending, now, "")
		return false
	}
	p.Left = calendar.Interval{}
	p.set(Written, now, "")
	p.Since = now // also when it was written before: no read that began earlier tells of this write
	return true
}

// SetAside records that the placement cannot be written and why; a person must look at it.
func (b *Booking) SetAside(placement int, reason string, now time.Time) {
	p := &b.Placements[placement]
	p.set(Stuck, now, reason)
	b.note(Change{At: now, By: BySlotd, What: WasSetAside, Why: reason, Resource: p.Resource})
}

// Lost records that the event of a placement that was to be written is not there any more. It is not put back. Whether
// somebody deleted it is found out as for every event that is missed; one that we never saw can only be asked about by a
// person.
func (b *Booking) Lost(placement int, now time.Time) {
	p := &b.Placements[placement]
	reason := ""
	if p.Event.ID == "" {
		reason = "it was deleted as soon as it was written"
	}
	p.set(Missing, now, reason)
	b.note(Change{At: now, By: BySlotd, What: WasMissed, Resource: p.Resource})
}

// SetConflict records whether somebody else has the time of a placement. It reports whether that is new.
func (b *Booking) SetConflict(placement int, conflict bool, now time.Time) (changed bool) {
	p := &b.Placements[placement]
	if p.Conflict == conflict {
		return false
	}
	p.Conflict = conflict
	what := NoConflict
	if conflict {
		what = InConflict
	}
	b.note(Change{At: now, By: BySlotd, What: what, Resource: p.Resource})
	return true
}

func (p *Placement) set(s PlacementStatus, now time.Time, reason string) {
	if p.Status != s {
		p.Since = now
	}
	p.Status, p.Reason = s, reason
}
