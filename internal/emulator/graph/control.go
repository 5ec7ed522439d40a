package graph

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"slotd/internal/emulator/fault"
	"slotd/internal/emulator/oauth"
)

// AddAccount makes user, a UPN, known with an empty mailbox, and returns what a daemon needs to act for them. It can
// be called again for fresh credentials.
func (s *Server) AddAccount(user string) Credentials {
	s.mu.Lock()
	if s.mailboxes[user] == nil {
		s.mailboxes[user] = &mailbox{user: user, zone: time.UTC, shownZone: "UTC"}
	}
	s.mu.Unlock()
	return s.auth.AddAccount(user)
}

// AddCalendar gives user a new calendar, or another name to an old one. Ids are unique in the whole server. The first
// one is the default calendar and its zone, an IANA name, that of the mailbox: at Graph calendars have no zones of
// their own, so that of later ones is ignored. A mistake of the caller panics, here and in the other methods that name
// a calendar.
func (s *Server) AddCalendar(user, id, name, zone string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	box := s.mailboxes[user]
	if box == nil {
		panic(fmt.Sprintf("graph emulator: no account %q", user))
	}
	if c := s.calendars[id]; c != nil {
		c.name = name
		s.bump(c)
		return
	}
	if len(box.calendars) == 0 {
		box.setZone(zone)
	}
	c := &calendar{id: id, name: name, box: box, events: map[string]*Event{}}
	s.calendars[id] = c
	box.calendars = append(box.calendars, c)
	s.bump(c)
}

// SetMailboxZone changes the zone of a mailbox. mailboxSettings returns the name as it is given here: a Windows name
// as Outlook sets it, or an IANA one.
func (s *Server) SetMailboxZone(user, zone string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	box := s.mailboxes[user]
	if box == nil {
		panic(fmt.Sprintf("graph emulator: no account %q", user))
	}
	box.setZone(zone)
	for _, c := range box.calendars {
		for _, e := range c.events { // all-day events float with the mailbox
			if err := c.normalize(e); err != nil {
				panic("graph emulator: " + err.Error())
			}
		}
		s.bump(c)
	}
}

func (b *mailbox) setZone(zone string) {
	loc, err := zoneNamed(zone)
	if err != nil {
		panic(fmt.Sprintf("graph emulator: zone %q: %v", zone, err))
	}
	b.zone, b.shownZone = loc, zone
}

// RemoveCalendar takes a calendar away from its mailbox.
func (s *Server) RemoveCalendar(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.must(id)
	delete(s.calendars, id)
	c.box.calendars = slices.DeleteFunc(c.box.calendars, func(o *calendar) bool { return o == c })
	s.bump(nil)
}

// Put creates or replaces an event as a person would, and returns its id. The id of an occurrence edits that one
// occurrence. Malformed times panic.
func (s *Server) Put(cal string, e Event) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.must(cal)
	e = e.clone()
	if e.ID == "" {
		e.ID = s.newID()
	}
	if old := c.lookup(e.ID); old != nil && old.MasterID != "" {
		e.MasterID, e.Original, e.Recurrence = old.MasterID, old.Original, nil
	}
	if err := c.normalize(&e); err != nil {
		panic("graph emulator: Put: " + err.Error())
	}
	return s.store(c, e).ID
}

// newID returns an id as the service makes them up, the same from run to run: long, opaque, case-sensitive, with
// characters that a URL has to escape.
func (s *Server) newID() string {
	s.lastID++
	raw := sha256.Sum256(fmt.Appendf(nil, "event %d", s.lastID))
	return immutablePrefix + "-" + base64.URLEncoding.EncodeToString(raw[:])
}

// Delete deletes an event as a person would: a single event, a whole series, or by its id one occurrence. An event
// that is not there, or not any more, is left alone.
func (s *Server) Delete(cal, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.must(cal)
	if e := c.lookup(id); e != nil && !e.gone {
		s.remove(c, *e)
	}
}

// DeleteOccurrence deletes the occurrence of a series that its rule puts at start, and reports whether there was one.
func (s *Server) DeleteOccurrence(cal, master string, start time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.must(cal)
	m := c.events[master]
	if m == nil || m.gone || !m.master() {
		return false
	}
	e := c.lookup(c.instance(m, start.UTC()).ID)
	if m.AllDay {
		e = c.lookup(c.instance(m, dateOf(start, c.box.zone)).ID)
	}
	if e == nil || e.gone {
		return false
	}
	s.remove(c, *e)
	return true
}

// dateOf returns the date of t in a zone, as midnight UTC.
func dateOf(t time.Time, loc *time.Location) time.Time {
	y, m, d := t.In(loc).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// Find returns the live event with the id as it is now, also an occurrence.
func (s *Server) Find(cal, id string) (Event, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.must(cal).lookup(immutable(id)); e != nil && !e.gone {
		return e.clone(), true
	}
	return Event{}, false
}

// Events returns the live single events and masters of a calendar in the order of their creation.
func (s *Server) Events(cal string) []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Event
	for _, e := range s.must(cal).sorted() {
		if !e.gone && e.MasterID == "" {
			out = append(out, e.clone())
		}
	}
	return out
}

// Occurrences returns all that is on a calendar between from and to, series expanded, by start: the truth against
// which a mirror is judged. Event.Blocks says what of it is busy.
func (s *Server) Occurrences(cal string, from, to time.Time) []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Event
	for _, e := range s.must(cal).expand(from, to) {
		out = append(out, e.clone())
	}
	slices.SortStableFunc(out, func(a, b Event) int { return byStart(&a, &b) })
	return out
}

func (s *Server) must(cal string) *calendar {
	c := s.calendars[cal]
	if c == nil {
		panic(fmt.Sprintf("graph emulator: no calendar %q", cal))
	}
	return c
}

// Version counts the changes to calendars, by people and through the API.
func (s *Server) Version() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version
}

// Changed returns a channel that is closed at the next change. Ask for it before reading, so that none is missed.
func (s *Server) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// ExpireDelta makes all delta and next links of a calendar's delta feed that were given out so far answer 410
// SyncStateNotFound.
func (s *Server) ExpireDelta(cal string) {
	s.expire(cal, newError(http.StatusGone, "SyncStateNotFound", "The sync state generation is not found."))
}

// InvalidateDelta does the same with the other answer that is seen: 400 InvalidDeltaToken.
func (s *Server) InvalidateDelta(cal string) {
	s.expire(cal, newError(http.StatusBadRequest, "InvalidDeltaToken", "The delta token is invalid."))
}

func (s *Server) expire(cal string, code *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.must(cal)
	c.epoch++
	c.expiryCode = code
}

// ApproveDevices answers all open device codes as user.
func (s *Server) ApproveDevices(user string) { s.auth.ApproveDevices(user) }

// DenyDevices declines all open device codes.
func (s *Server) DenyDevices() { s.auth.DenyDevices() }

// RevokeRefresh ends all refresh and access tokens of user: the person withdrew the consent.
func (s *Server) RevokeRefresh(user string) { s.auth.RevokeRefresh(user) }

// ExpireAccess ends the access tokens of user, or of applications when it is ""; a refresh gets new ones.
func (s *Server) ExpireAccess(user string) { s.auth.ExpireAccess(user) }

// Auth returns the authorization server, whose further moods a test may set.
func (s *Server) Auth() *oauth.Server { return s.auth }

// DenyScopes makes the person untick these scopes at every consent from now on.
func (s *Server) DenyScopes(scopes ...string) { s.auth.DenyScopes(scopes...) }

// Requests returns how many requests arrived for an operation, such as "calendarView.delta", "events.create" or
// "token", refused ones included. An op that ends in a dot counts all that begin with it; the empty one counts
// everything.
func (s *Server) Requests(op string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for name, count := range s.requests {
		if name == op || op == "" || (strings.HasSuffix(op, ".") && strings.HasPrefix(name, op)) {
			n += count
		}
	}
	return n
}

// Inject makes requests fail as rule says, and returns a function that ends it.
func (s *Server) Inject(rule fault.Rule) (remove func()) { return s.faults.Inject(rule) }

// ClearFaults ends all injected faults.
func (s *Server) ClearFaults() { s.faults.Clear() }
