package google

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"slotd/internal/emulator/fault"
	"slotd/internal/emulator/oauth"
)

// AddAccount makes user known and returns what a daemon needs to act for them. It can be called again for fresh ones.
func (s *Server) AddAccount(user string) Credentials { return s.auth.AddAccount(user) }

// AddCalendar gives user a new calendar, or takes over the name and zone of an old one. zone is an IANA name. A
// mistake of the caller panics, here and in the other methods that name a calendar.
func (s *Server) AddCalendar(user, id, name, zone string) {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		panic(fmt.Sprintf("google emulator: zone %q: %v", zone, err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.calendars[id]
	if c == nil {
		c = &calendar{id: id, roles: map[string]string{}, events: map[string]*Event{}}
		s.calendars[id] = c
		s.order = append(s.order, id)
	}
	c.name, c.zone = name, loc
	c.grant(user, RoleOwner)
	s.bump(c)
}

// Share gives user a role in a calendar; an empty role takes the access away. As at the vendor, a change of access
// ends the sync tokens.
func (s *Server) Share(user, id, role string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.must(id)
	c.grant(user, role)
	c.epoch++
	s.bump(c)
}

func (c *calendar) grant(user, role string) {
	if !slices.Contains(c.members, user) {
		c.members = append(c.members, user)
	}
	c.roles[user] = role
}

// Put creates or replaces an event as a person would, and returns its id. An id of the form master_stamp edits that
// one occurrence. Replacing a deleted event restores it. Malformed times panic.
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
		panic("google emulator: Put: " + err.Error())
	}
	return s.store(c, e).ID
}

// newID returns an id as the service makes them up, the same from run to run.
func (s *Server) newID() string {
	s.lastID++
	return fmt.Sprintf("%026x", s.lastID)
}

// Delete deletes an event as a person would: a single event, a whole series, or by its id one occurrence. An event
// that is not there, or not any more, is left alone.
func (s *Server) Delete(cal, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.must(cal)
	if e := c.lookup(id); e != nil && e.live() {
		s.remove(c, *e)
	}
}

// DeleteOccurrence deletes the occurrence of a series that its rule puts at start, and reports whether there was one.
func (s *Server) DeleteOccurrence(cal, master string, start time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.must(cal)
	m := c.events[master]
	if m == nil || !m.master() {
		return false
	}
	for _, e := range c.instances(m, time.Time{}, time.Time{}, maxInstances) {
		if e.Original.Equal(start) && e.live() {
			s.remove(c, *e)
			return true
		}
	}
	return false
}

// Find returns the event with the id as it is now, also a deleted one (its Status is Cancelled) or an occurrence.
func (s *Server) Find(cal, id string) (Event, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.must(cal).lookup(id); e != nil {
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
		if e.live() && e.MasterID == "" {
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
		if e.live() {
			out = append(out, e.clone())
		}
	}
	slices.SortStableFunc(out, func(a, b Event) int { return byStart(&a, &b) })
	return out
}

func (s *Server) must(cal string) *calendar {
	c := s.calendars[cal]
	if c == nil {
		panic(fmt.Sprintf("google emulator: no calendar %q", cal))
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

// ExpireSyncTokens makes all sync tokens of a calendar that were given out so far answer 410 fullSyncRequired.
func (s *Server) ExpireSyncTokens(cal string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.must(cal).epoch++
}

// RevokeRefresh ends all refresh and access tokens of user: the person withdrew the consent.
func (s *Server) RevokeRefresh(user string) { s.auth.RevokeRefresh(user) }

// ExpireAccess ends the access tokens of user; a refresh gets new ones.
func (s *Server) ExpireAccess(user string) { s.auth.ExpireAccess(user) }

// Auth returns the authorization server, whose further moods a test may set.
func (s *Server) Auth() *oauth.Server { return s.auth }

// DenyScopes makes the person untick these scopes at every consent from now on.
func (s *Server) DenyScopes(scopes ...string) { s.auth.DenyScopes(scopes...) }

// Requests returns how many requests arrived for an operation, such as "events.list", "events.insert" or "token",
// refused ones included. An op that ends in a dot counts all that begin with it; the empty one counts everything.
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
