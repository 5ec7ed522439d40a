package google

import "fmt"

// What people do to events of others, our own among them. Each of them is a change like any other: it has a new etag and
// comes with the sync token.

// Edit changes an event as a person would: its time, its recurrence, whether it is free, the answer to it. It reports
// whether there is such a live event or occurrence.
func (s *Server) Edit(cal, id string, change func(*Event)) bool {
	e, ok := s.Find(cal, id)
	if !ok || !e.live() {
		return false
	}
	change(&e)
	s.Put(cal, e)
	return true
}

// Duplicate copies an event, with its private properties, and returns the id of the copy.
func (s *Server) Duplicate(cal, id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.must(cal)
	e := c.mustHave(id).clone()
	e.ID = s.newID()
	return s.store(c, e).ID
}

// Restore takes a deleted event out of the bin.
func (s *Server) Restore(cal, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.must(cal)
	e := c.mustHave(id).clone()
	e.Status = Confirmed
	s.store(c, e)
}

// Transfer moves an event to another calendar. It keeps its id there, and here it is cancelled.
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
		panic(fmt.Sprintf("google emulator: no event %q", id))
	}
	return e
}
