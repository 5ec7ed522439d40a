package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/internal/desk"
	"slotd/store"
)

// simLag is how long Graph's delta feed lags behind: what it does not tell of, the mirror cannot know.
const simLag = 20 * time.Second

// known returns when each mirror was last confirmed.
func (s *sim) known() map[calendar.ID]time.Time {
	out := map[calendar.ID]time.Time{}
	for _, r := range s.rooms {
		out[r.id] = s.running.Checked(r.id)
	}
	return out
}

// foreign returns what blocks the room and is not ours. Where a person moved an event of ours it is theirs until we know it.
func (s *sim) foreign(r *room, from, to time.Time) []note {
	return slices.DeleteFunc(r.diary.on(r.cal, from, to), func(n note) bool {
		return !n.blocks || n.marker != "" && !s.copies[n.id] && !s.moved[n.id]
	})
}

// over returns what was in the calendar at a time since before an instant, "" for nothing.
func (s *sim) over(events []note, start, end, before time.Time) string {
	for _, n := range events {
		if n.start.Before(end) && start.Before(n.end) && n.updated.Before(before.Add(-simLag)) {
			return fmt.Sprintf("an event of %s to %s that is so since %s", n.start, n.end, n.updated)
		}
	}
	return ""
}

// list looks at what is offered on a day, and judges it by what is in the calendar and was there when the mirror was last
// confirmed.
func (s *sim) list(r *room) (starts []int64) {
	s.Helper()
	s.count("lists")
	day := calendar.DateOf(time.Now().AddDate(0, 0, s.guests.IntN(simHorizon)).Unix(), s.zone)
	choice := desk.Choice{Department: "general", Service: "consultation", Resource: r.resource}
	checked := s.running.Checked(r.id)
	starts, err := s.running.Desk.Slots(s.Context(), "", choice, day)
	must(s.T, err)
	if age := time.Since(checked); len(starts) > 0 && age > simServe {
		s.Errorf("%s: %s: offered from a mirror that is %s old", time.Now(), r.id, age)
	}
	span := day.Interval(s.zone)
	events := s.foreign(r, time.Unix(span.Start, 0), time.Unix(span.End, 0))
	claims := s.claims(r)
	for _, at := range starts {
		slot := calendar.Interval{Start: at, End: at + int64(simDuration/time.Second)}
		if what := s.over(events, time.Unix(slot.Start, 0), time.Unix(slot.End, 0), checked); what != "" {
			s.Errorf("%s: %s: offered %s over %s; the mirror is of %s", time.Now(), r.id, time.Unix(at, 0), what, checked)
		}
		for _, c := range claims {
			if c.Takes(time.Now().Unix()) && c.Overlaps(slot) {
				s.Errorf("%s: %s: offered %s over booking %s", time.Now(), r.id, time.Unix(at, 0), c.Booking)
			}
		}
	}
	return starts
}

func (s *sim) claims(r *room) (out []booking.Claim) {
	s.Helper()
	must(s.T, s.running.Store.View(s.Context(), func(rd *store.Reader) (err error) {
		out, err = rd.Claims(r.resource)
		return err
	}))
	return out
}

// book lets customers want a slot that is offered.
func (s *sim) book(r *room) {
	s.Helper()
	starts := s.list(r)
	if len(starts) == 0 {
		return
	}
	n := 1
	if s.guests.IntN(4) == 0 {
		n = 3
	}
	s.customers(r, starts[s.guests.IntN(len(starts))], n)
}

// ambush lets a person take a time while a provider is in trouble, and a customer ask for that very time soon after.
func (s *sim) ambush(r *room) {
	s.Helper()
	n := s.draw()
	n.start = n.start.Truncate(15 * time.Minute)
	n.end = n.start.Add(simDuration)
	r.drawn = append(r.drawn, r.diary.put(r.cal, n))
	wait := time.Duration(s.people.IntN(720)) * time.Second
	switch s.people.IntN(4) {
	case 0:
		r.diary.expire(r.cal)
	case 1:
		s.fail(r.diary)
	case 2:
		s.outage(r)
		wait *= 4
	}
	time.Sleep(wait)
	s.list(r)
	s.customers(r, n.start.Unix(), 1)
}

// customers let n phones hold and confirm one slot at once.
func (s *sim) customers(r *room, start int64, n int) {
	s.Helper()
	choice := desk.Choice{Department: "general", Service: "consultation", Resource: r.resource}
	if s.guests.IntN(4) == 0 {
		choice.Resource = desk.Any
	}
	holds, pause := s.guests.IntN(2) == 0, time.Duration(s.guests.IntN(300))*time.Second
	d, known := s.running.Desk, s.known()
	made, errs := make([]desk.Confirmed, n), make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			token, err := d.NewToken(s.Context(), desk.Invitation{Phone: fmt.Sprint("49000000", i), Name: plantedName})
			if err != nil {
				errs[i] = err
				return
			}
			if holds {
				_ = d.Hold(s.Context(), token, choice, start) // who does not get it confirms all the same
				time.Sleep(pause)
			}
			begun := time.Now()
			made[i], errs[i] = d.Confirm(s.Context(), desk.Confirm{
				Token: token, Request: token, Choice: choice, Start: start,
				Answer: func(b *booking.Booking) []byte { return []byte(b.Reference) },
			})
			if took := time.Since(begun); took > 700*time.Millisecond {
				s.Errorf("%s: a confirm took %s", time.Now(), took)
			}
		})
	}
	wg.Wait()
	for i := range made {
		var lost *desk.LostError
		switch {
		case errs[i] == nil:
			s.sold(made[i].Booking, known, true)
		case errors.As(errs[i], &lost):
			s.count("lost: " + lost.Reason.String())
		default:
			s.Errorf("%s: confirm: %v", time.Now(), errs[i])
		}
	}
}

// sold judges what was booked at this moment. Where sure is set the mirror was young, or the provider was asked.
func (s *sim) sold(id string, known map[calendar.ID]time.Time, sure bool) {
	s.Helper()
	s.count("sold")
	b, _, err := s.running.Desk.Booking(s.Context(), id)
	must(s.T, err)
	r := s.rooms[slices.IndexFunc(s.rooms, func(r *room) bool { return r.resource == b.Resource })]
	asked := s.running.Syncer.Verified(r.id, b.Interval)
	start, end := time.Unix(b.Start, 0), time.Unix(b.End, 0)
	before := known[r.id]
	if asked.After(before) {
		s.count("asked live")
		before = asked.Add(simLag) // what lists a time lags behind nothing
	}
	if what := s.over(s.foreign(r, start, end), start, end, before); what != "" {
		s.Errorf("%s: %s: sold %s over %s; the mirror is of %s, asked at %s", time.Now(), r.id, start, what, known[r.id], asked)
	}
	newest := s.running.Checked(r.id)
	if asked.After(newest) {
		newest = asked
	}
	if age := time.Since(newest); sure && age > simVerify {
		s.Errorf("%s: %s: sold %s with a mirror that is %s old", time.Now(), r.id, start, age)
	}
	n := 0
	for _, c := range s.claims(r) {
		if c.Takes(time.Now().Unix()) && c.Overlaps(b.Interval) {
			n++
		}
	}
	if n != 1 {
		s.Errorf("%s: %s: %d bookings at %s", time.Now(), r.id, n, start)
	}
}

// change lets a customer or the staff cancel or move a booking.
func (s *sim) change(r *room) {
	s.Helper()
	b := s.pick(r)
	if b == nil {
		return
	}
	act := booking.Act{By: booking.ByCustomer}
	if s.guests.IntN(2) == 0 {
		act.By = booking.ByOperator
	}
	known := s.known()
	if s.guests.IntN(2) == 0 {
		s.count("cancelled")
		_, err := s.running.Desk.Cancel(s.Context(), desk.Cancel{Act: act, Booking: b.ID})
		must(s.T, err)
		return
	}
	to := s.rooms[s.guests.IntN(len(s.rooms))]
	starts := s.list(to)
	if len(starts) == 0 {
		return
	}
	_, err := s.running.Desk.Move(s.Context(), desk.Move{
		Act: act, Booking: b.ID, Start: starts[s.guests.IntN(len(starts))], Resource: to.resource,
	})
	var lost *desk.LostError
	if errors.As(err, &lost) || errors.Is(err, desk.ErrNothing) {
		return
	}
	must(s.T, err)
	s.count("moved")
	s.sold(b.ID, known, false)
}

// compareMirrors compares each busy document with what the provider's calendar holds.
func (s *sim) compareMirrors() {
	s.Helper()
	for _, r := range s.rooms {
		var got *calendar.Busy
		must(s.T, s.running.Store.View(s.Context(), func(rd *store.Reader) (err error) {
			got, err = rd.Busy(r.id)
			return err
		}))
		if got == nil || !s.running.Desk.Fresh(r.id) {
			s.Errorf("%s: %s: not mirrored, or not fresh", time.Now(), r.id)
			continue
		}
		want := calendar.Busy{Window: got.Window}
		for _, n := range r.diary.on(r.cal, time.Unix(got.Window.Start, 0), time.Unix(got.Window.End, 0)) {
			span := calendar.Interval{
				Start: max(n.start.Unix(), got.Window.Start), End: min(n.end.Unix(), got.Window.End),
			}
			if !n.blocks || span.Empty() {
				continue
			}
			if n.marker != "" && !s.copies[n.id] {
				want.Own = append(want.Own, calendar.Own{Interval: span, Booking: strings.Split(n.marker, "/")[1]})
				continue
			}
			want.Foreign = append(want.Foreign, span)
		}
		want.Foreign = calendar.Union(want.Foreign)
		order := func(a, b calendar.Own) int {
			return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Booking, b.Booking))
		}
		slices.SortFunc(got.Own, order)
		slices.SortFunc(want.Own, order)
		if !slices.Equal(got.Foreign, want.Foreign) || !slices.Equal(got.Own, want.Own) {
			s.Errorf("%s: the mirror is\n%+v, the calendar\n%+v", r.id, *got, want)
		}
	}
}

// compareEvents compares the bookings with the events of all calendars, both ways.
func (s *sim) compareEvents() {
	s.Helper()
	type at struct {
		room *room
		note
	}
	events := map[string][]at{}
	for _, r := range s.rooms {
		for _, n := range r.diary.on(r.cal, time.Now().AddDate(0, -3, 0), time.Now().AddDate(0, 3, 0)) {
			if n.marker != "" && !s.copies[n.id] {
				id := strings.Split(n.marker, "/")[1]
				events[id] = append(events[id], at{r, n})
			}
		}
	}
	for _, b := range s.all() {
		mine, want := events[b.ID], 0
		delete(events, b.ID)
		i := active(b)
		if i >= 0 {
			want = 1
		}
		if s.foul[b.ID] && i >= 0 && len(mine) == 0 {
			missing := b.Placements[i].Status == booking.Missing
			if !missing && b.StartTime().After(time.Now()) {
				s.Errorf("booking %s: a person deleted its event, and it is %s, %s", b.ID, b.Status, b.Placements[i].Status)
			}
			continue
		}
		if len(mine) != want {
			s.Errorf("booking %s of %s, %s, has %d events: %+v\n%+v", b.ID, b.StartTime(), b.Status, len(mine), mine, b)
			continue
		}
		for _, e := range mine {
			if p := b.Placements[i]; e.room.id != p.Calendar || e.id != p.Event.ID || e.start.Unix() != b.Start || e.end.Unix() != b.End {
				s.Errorf("booking %s of %s at %s has an event of %s at %s\n%+v", b.ID, b.StartTime(), p.Calendar, e.start, e.room.id, b)
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(events)) {
		s.Errorf("an event of a booking %s that does not exist", id)
	}
}
