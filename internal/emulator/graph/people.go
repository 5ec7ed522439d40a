package graph

import "fmt"

// What people do to events of others, our own among them. Each of them is a change like any other: it has a new change
// key and comes with the delta feed.

// Edit changes an event as a person would: its time, its recurrence, how it shows, the answer to it. It reports whether
// there is such a live event or occurrence.
func (s *Server) Edit(cal, id string, change func(*Event)) bool {
	e, ok := s.Find(cal, id)
	if !ok {
		return false
	}
	change(&e)
	s.Put(cal, e)
	return true
}

// Duplicate copies an event, with its extended properties, and returns the id of the copy. Outlook gives the copy a
// transactionId of its own making.
func (s *Server) Duplicate(cal, id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.must(cal)
	e := c.mustHave(id).clone()
	e.ID = s.newID()
	e.TransactionID = fmt.Sprintf("localevent:%08x-0000-4000-8000-000000000000", s.lastID)
	return s.store(c, e).ID
}

// Restore takes a deleted event out of the bin. Its immutable id is the same.
func (s *Server) Restore(cal, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.must(cal)
	e := c.mustHave(id).clone()
	e.gone = false
	s.store(c, e)
}

// Transfer moves an event to another calendar of the mailbox. Its immutable id stays the same.
func (s *Server) Transfer(cal, id, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	from, target := s.must(cal), s.must(to)
	e := from.mustHave(id)
	s.store(target, e.clone())
	s.remove(from, *e)
}

func (c *calendar) mustHave(id string) *Event {
	e := c.events[id]
	if e == nil {
		panic(fmt.Sprintf("graph emulator: no event %q", id))
	}
	return e
}
