package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"slotd/internal/booking"
	"slotd/internal/emulator/fault"
)

// clocks is the night in which clocks go forward in Berlin.
var clocks = time.Date(2000, 3, 26, 0, 0, 0, 0, time.UTC)

// draw makes up a time near the horizon; one in ten is around the night in which clocks change.
func (s *sim) draw() note {
	day := s.at.In(s.zone).AddDate(0, 0, s.people.IntN(simHorizon+3)-1)
	hour, minutes := 7+s.people.IntN(13), 10*(1+s.people.IntN(24))
	if s.people.IntN(10) == 0 {
		day, hour = clocks.AddDate(0, 0, s.people.IntN(3)-1), s.people.IntN(5)
	}
	y, m, d := day.Date()
	start := time.Date(y, m, d, hour, 5*s.people.IntN(12), 0, 0, s.zone)
	return note{start: start, end: start.Add(time.Duration(minutes) * time.Minute)}
}

func (n *note) days(count int, zone *time.Location) {
	first := n.start.In(zone)
	n.allDay, n.from, n.to = true, first.Format(time.DateOnly), first.AddDate(0, 0, count).Format(time.DateOnly)
}

var rules = []string{
	"RRULE:FREQ=WEEKLY;COUNT=5", "RRULE:FREQ=DAILY;COUNT=9", "RRULE:FREQ=WEEKLY;BYDAY=MO,WE,FR;COUNT=12",
	"RRULE:FREQ=DAILY;INTERVAL=3", "RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=TU",
}

// edit is a person's work on a calendar: half of it new, half of it changes.
func (s *sim) edit(r *room) {
	n := s.draw()
	kind := s.people.IntN(20)
	if len(r.drawn) == 0 {
		kind %= 10
	}
	switch {
	case kind < 4:
	case kind < 7:
		n.recurrence = []string{rules[s.people.IntN(len(rules))]}
		if s.people.IntN(5) == 0 {
			n.days(1, s.zone)
		}
	case kind < 8:
		n.days(1+s.people.IntN(3), s.zone)
		n.free = s.people.IntN(3) > 0 // a day that is busy as a whole leaves little to sell
	case kind < 9:
		n.declined = true
	case kind < 10:
		n.free = true
	default:
		s.rework(r, n)
		return
	}
	s.count("drawn")
	_, _ = fmt.Fprintln(s.print, r.cal, n.start.Unix(), n.end.Unix(), kind, n.recurrence, n.from, n.to)
	r.drawn = append(r.drawn, r.diary.put(r.cal, n))
}

// rework changes something that a person had drawn.
func (s *sim) rework(r *room, like note) {
	which := s.people.IntN(len(r.drawn))
	id := r.drawn[which]
	kind, pick, days := s.people.IntN(12), s.people.IntN(1000), 1+s.people.IntN(2)
	s.count("reworked")
	_, _ = fmt.Fprintln(s.print, r.cal, which, like.start.Unix(), like.end.Unix(), kind, pick, days)
	one := id // an occurrence, where it is a series
	found := slices.DeleteFunc(r.diary.on(r.cal, s.at, s.at.AddDate(0, 0, 20)), func(o note) bool { return o.master != id })
	if len(found) > 0 {
		one = found[pick%len(found)].id
	}
	switch kind {
	case 0, 1:
		r.diary.Delete(r.cal, one)
	case 2:
		r.diary.Delete(r.cal, id)
	case 3, 4:
		s.replace(r, one, like, days)
	case 5:
		s.replace(r, id, like, days)
	case 6:
		r.diary.edit(r.cal, one, func(n *note) { n.free = !n.free })
	case 7:
		r.diary.edit(r.cal, id, func(n *note) { n.free = !n.free })
	case 8:
		r.diary.edit(r.cal, one, func(n *note) { n.declined = !n.declined })
	case 9:
		if len(found) > 0 {
			s.following(r, id, found[pick%len(found)], like)
		}
	case 10:
		r.drawn = append(r.drawn, r.diary.Duplicate(r.cal, id))
	default:
		r.diary.Restore(r.cal, id)
	}
}

// replace gives an event another time; sometimes that of an all-day event turns into hours, or back.
func (s *sim) replace(r *room, id string, like note, days int) {
	r.diary.edit(r.cal, id, func(n *note) {
		n.start, n.end = like.start, like.end
		if n.allDay && days == 1 {
			n.days(days, s.zone)
			return
		}
		n.allDay, n.from, n.to = false, "", ""
	})
}

// following changes an occurrence and all after it, as calendars do that: the series ends before it, and another begins.
func (s *sim) following(r *room, master string, from note, like note) {
	if from.allDay {
		return
	}
	var rule string
	ok := r.diary.edit(r.cal, master, func(n *note) {
		if len(n.recurrence) == 0 {
			return
		}
		rule = n.recurrence[0]
		var parts []string
		for _, part := range strings.Split(rule, ";") {
			if !strings.HasPrefix(part, "COUNT=") && !strings.HasPrefix(part, "UNTIL=") {
				parts = append(parts, part)
			}
		}
		rule = strings.Join(parts, ";")
		n.recurrence = []string{rule + ";UNTIL=" + from.original.Add(-time.Second).UTC().Format("20060102T150405Z")}
	})
	if !ok || rule == "" {
		return
	}
	start := from.original.Add(time.Duration(like.start.Minute()) * time.Minute)
	r.drawn = append(r.drawn, r.diary.put(r.cal, note{
		start: start, end: start.Add(like.end.Sub(like.start)), recurrence: []string{rule + ";COUNT=4"},
	}))
}

// touch is a person who moves, resizes, deletes or copies an event of ours.
func (s *sim) touch(r *room) {
	s.Helper()
	b := s.pick(r)
	if b == nil {
		return
	}
	p := b.Placements[active(b)]
	if p.Event.ID == "" {
		return
	}
	shift := time.Duration(s.guests.IntN(16)-4) * 15 * time.Minute
	change := func(change func(*note)) {
		if r.diary.edit(r.cal, p.Event.ID, change) {
			s.moved[p.Event.ID] = true
		}
	}
	switch s.guests.IntN(5) {
	case 0:
		s.count("ours deleted")
		r.diary.Delete(r.cal, p.Event.ID)
		s.foul[b.ID] = true
	case 1:
		there := r.diary.on(r.cal, b.StartTime(), b.StartTime().Add(time.Minute))
		if slices.ContainsFunc(there, func(n note) bool { return n.id == p.Event.ID }) {
			s.count("ours copied")
			s.copies[r.diary.Duplicate(r.cal, p.Event.ID)] = true
		}
	case 2:
		s.count("ours resized")
		change(func(n *note) { n.end = n.end.Add(30 * time.Minute) })
	default:
		s.count("ours moved")
		change(func(n *note) { n.start, n.end = n.start.Add(shift), n.end.Add(shift) })
	}
}

// pick returns a booking to come of a room, or nil.
func (s *sim) pick(r *room) *booking.Booking {
	s.Helper()
	coming := slices.DeleteFunc(s.all(), func(b *booking.Booking) bool {
		return b.Resource != r.resource || b.Status != booking.Confirmed || active(b) < 0 ||
			b.StartTime().Before(time.Now().Add(3*time.Hour))
	})
	if len(coming) == 0 {
		return nil
	}
	return coming[s.guests.IntN(len(coming))]
}

// active returns the index of the placement where a booking is, -1 when it is nowhere.
func active(b *booking.Booking) int {
	return slices.IndexFunc(b.Placements, func(p booking.Placement) bool { return !p.Dropped && b.Status == booking.Confirmed })
}

// fail makes a provider fail from now on.
func (s *sim) fail(d diary) {
	s.count("faults")
	list, insert := "events.list", "events.insert"
	others := []string{"events.get", "events.patch", "events.update", "events.delete"}
	if d.name() == "outlook" {
		list, insert = "calendarView.list", "events.create"
		others = append(others, "calendarView.delta", "calendarView.delta")
	}
	rng := s.trouble
	theirs := slices.DeleteFunc(slices.Clone(s.rooms), func(r *room) bool { return r.diary != d })
	r := theirs[rng.IntN(len(theirs))]
	rule := fault.Rule{Times: 1 + rng.IntN(5), Skip: rng.IntN(3), After: rng.IntN(2) == 0}
	rule.Op = []string{list, list, insert, insert, "", others[rng.IntN(len(others))]}[rng.IntN(6)]
	kind := rng.IntN(18)
	_, _ = fmt.Fprintln(s.print, d.name(), r.cal, rule.Op, rule.Times, rule.Skip, kind)
	refuses := fault.Rule{Op: rule.Op, Times: rule.Times, Skip: rule.Skip}
	switch kind {
	case 0, 1:
		rule = refuses
		rule.Status, rule.RetryAfter = http.StatusTooManyRequests, fmt.Sprint(1+rng.IntN(120))
	case 2:
		rule = refuses
		rule.Status = http.StatusTooManyRequests
	case 3:
		rule = refuses
		rule.Status, rule.Reason = http.StatusForbidden, "rateLimitExceeded"
		if d.name() == "outlook" {
			rule.Status, rule.Reason = http.StatusTooManyRequests, "ApplicationThrottled"
		}
	case 4:
		rule.Status = http.StatusInternalServerError
	case 5:
		rule.Status, rule.RetryAfter = http.StatusServiceUnavailable, "10"
	case 6:
		rule.Status, rule.Body = http.StatusBadGateway, "<html>no gateway</html>"
	case 7:
		rule.Reset = true
	case 8:
		rule.Truncate = true
	case 9, 10:
		rule.Delay = time.Duration(rng.IntN(90)) * time.Second
	case 11:
		rule.EmptyPage = true
	case 12:
		rule.NoCursor = true
	case 13: // a token that ends between two pages
		user := simUser(rng.IntN(simAccounts))
		rule = fault.Rule{Op: list, Skip: 1, Times: rule.Times, Hook: func(*http.Request) { d.ExpireAccess(user) }}
	case 14:
		rule = fault.Rule{Op: list, Skip: 1, Times: 1, Status: http.StatusUnauthorized}
	case 15:
		r.diary.expire(r.cal)
		return
	case 16: // an edit between two pages
		s.between(d, r, list)
		return
	default:
		rule = fault.Rule{Op: insert, Times: rule.Times, LagFor: time.Duration(rng.IntN(60)) * time.Second, LagRequests: rng.IntN(4)}
	}
	rule.Match = notTokens
	d.Inject(rule)
}

// outage makes a provider fail for a while for one calendar, or one in four times for all.
func (s *sim) outage(r *room) {
	s.count("outages")
	rng := s.trouble
	rule := []fault.Rule{
		{Status: http.StatusInternalServerError}, {Reset: true}, {Delay: time.Hour}, {Truncate: true},
		{Status: http.StatusTooManyRequests, RetryAfter: "60"}, {Status: http.StatusUnauthorized},
	}[rng.IntN(6)]
	rule.Times = fault.Forever
	if rng.IntN(4) > 0 {
		rule.PathContains = r.cal
	}
	rule.Match = notTokens
	time.AfterFunc(time.Duration(5+rng.IntN(90))*time.Minute, r.diary.Inject(rule))
}

// notTokens spares the token endpoints: two lost replies in a row end a rotated token, and that would need a person, not time.
func notTokens(r *http.Request) bool {
	return !strings.Contains(r.URL.Path, "oauth2") && r.URL.Path != "/token"
}

// between moves an event to and fro while a list is read.
func (s *sim) between(d diary, r *room, list string) {
	rng := s.trouble
	at := func() time.Time {
		return s.at.Add(time.Duration(24+rng.IntN(200)) * time.Hour).Truncate(time.Hour)
	}
	n := note{start: at()}
	n.end = n.start.Add(time.Hour)
	id := r.diary.put(r.cal, n)
	r.drawn = append(r.drawn, id)
	to := at()
	var one sync.Mutex // two lists may be read at once
	next := func(r *http.Request) bool {
		return strings.Contains(r.URL.RawQuery, "pageToken") || strings.Contains(r.URL.RawQuery, "skip")
	}
	d.Inject(fault.Rule{Op: list, PathContains: r.cal, Match: next, Times: 2, Hook: func(*http.Request) {
		one.Lock()
		defer one.Unlock()
		r.diary.edit(r.cal, id, func(n *note) {
			n.start, to = to, n.start
			n.end, n.allDay, n.from, n.to, n.recurrence = n.start.Add(time.Hour), false, "", "", nil
		})
	}})
}
