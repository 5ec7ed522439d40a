package google

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

// catchUp makes lists show what is due. To the token feed it is a change of now.
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

// churn gives every live event a new etag.
func (s *Server) churn(c *calendar) {
	for _, e := range c.sorted() {
		if e.live() {
			s.store(c, *e)
		}
	}
}
