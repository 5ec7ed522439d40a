package graph

import (
	"maps"
	"time"
)

// lagged is what lists still show of an event that was written: its old self, or when that is nil nothing.
type lagged struct {
	old    *Event
	served int       // lists catch up when the server has served as many requests
	at     time.Time // and not before
}

// maxListed is how many characters of a string property Exchange shows in a table of items; an item by itself shows all.
const maxListed = 255

// asList makes the reply that of a list: behind the latest writes, and with properties cut.
func (c *call) asList() { c.cal, c.list = c.cal.listed(), true }

// hide makes lists lag behind a write, as far as the request that is being served meets such a fault.
func (s *Server) hide(c *calendar, id string, old *Event) {
	if !s.effects.Lags() {
		return
	}
	if c.lag == nil {
		c.lag = map[string]lagged{}
	}
	if l, ok := c.lag[id]; ok {
		old = l.old
	}
	c.lag[id] = lagged{old, s.served + s.effects.LagRequests, s.opt.Now().Add(s.effects.LagFor)}
}

// catchUp makes lists show what is due. To the delta feed it is a change of now.
func (s *Server) catchUp() {
	for _, c := range s.calendars {
		for id, l := range c.lag {
			if s.served <= l.served || s.opt.Now().Before(l.at) {
				continue
			}
			delete(c.lag, id)
			s.bump(c)
			if e := c.events[id]; e != nil {
				e.change = s.version
			}
		}
	}
}

// listed returns the calendar as lists show it.
func (c *calendar) listed() *calendar {
	if len(c.lag) == 0 {
		return c
	}
	view := *c
	view.events = maps.Clone(c.events)
	for id, l := range c.lag {
		if view.events[id] = l.old; l.old == nil {
			delete(view.events, id)
		}
	}
	return &view
}

// churn gives every live event of the request's calendar a new change key.
func (s *Server) churn(c *call) {
	for _, e := range c.cal.sorted() {
		if !e.gone {
			s.store(c.cal, *e)
		}
	}
	if c.event != nil {
		c.event = c.cal.lookup(c.event.ID)
	}
}
