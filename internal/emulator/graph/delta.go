package graph

import (
	"net/http"
	"net/url"
	"sort"
	"strings"
	"time"

	"slotd/internal/emulator/fault"
)

// deltaToken is the state of a delta chain: a calendar, a frozen window, and a version. In a link to the next page it
// also says which page of which round.
type deltaToken struct {
	Cal    string    `json:"c"`
	From   time.Time `json:"f"`
	To     time.Time `json:"t"`
	Since  uint64    `json:"s"` // the round tells what changed after this version; 0: everything
	Now    uint64    `json:"n"` // version at the round's first page
	Offset int       `json:"o,omitempty"`
	Epoch  int       `json:"e,omitempty"`
	Next   bool      `json:"x,omitempty"` // a $skiptoken, no $deltatoken
}

// besideDelta are the options that calendarView delta does not support.
var besideDelta = []string{"$select", "$expand", "$filter", "$orderby", "$search"}

// deltaView serves calendarView/delta. The window is that of the first request, for ever.
func (s *Server) deltaView(c *call) (reply, *apiError) {
	for _, name := range besideDelta {
		if c.r.URL.Query().Has(name) {
			return reply{}, badRequest("ErrorInvalidUrlQuery",
				"The following parameters are not supported with change tracking over the 'CalendarView' resource: '"+
					strings.Join(besideDelta, ", ")+"'.")
		}
	}
	t, apiErr := s.deltaState(c)
	if apiErr != nil {
		return reply{}, apiErr
	}
	size, apiErr := s.pageSize(c)
	if apiErr != nil {
		return reply{}, apiErr
	}
	c.asList()
	rows := c.rows(t, s.opt.DeltaLag > 0)
	start := min(t.Offset, len(rows))
	end := min(start+size, len(rows))
	effects := fault.From(c.r.Context())
	if effects.EmptyPage {
		end = start
	}
	body := object{
		"@odata.context": s.base(c.r) + "/v1.0/$metadata#Collection(event)", "value": append([]object{}, rows[start:end]...),
	}
	if end < len(rows) || effects.EmptyPage {
		t.Offset, t.Next = end, true
		body["@odata.nextLink"] = s.link(c.r, url.Values{"$skiptoken": {pack(t)}})
	} else if !effects.NoCursor {
		t.Since, t.Now, t.Offset, t.Next = t.Now, 0, 0, false
		body["@odata.deltaLink"] = s.link(c.r, url.Values{"$deltatoken": {pack(t)}})
	}
	return reply{http.StatusOK, body}, nil
}

// deltaState reads the token of the request, or begins a chain. A window beside a token changes nothing.
func (s *Server) deltaState(c *call) (deltaToken, *apiError) {
	q := c.r.URL.Query()
	skip, delta := q.Get("$skiptoken"), q.Get("$deltatoken")
	if skip == "" && delta == "" {
		from, to, apiErr := window(c.r)
		return deltaToken{Cal: c.cal.id, From: from, To: to, Now: s.visible(), Epoch: c.cal.epoch}, apiErr
	}
	var t deltaToken
	token, next := skip, true
	if token == "" {
		token, next = delta, false
	}
	if !unpack(token, &t) || t.Cal != c.cal.id || t.Next != next || t.Offset < 0 {
		return t, badRequest("InvalidDeltaToken", "The delta token is invalid.")
	}
	if t.Epoch != c.cal.epoch {
		return t, c.cal.expiryCode
	}
	if !next {
		t.Now = max(s.visible(), t.Since)
	}
	return t, nil
}

// visible is the last version that the delta feed shows.
func (s *Server) visible() uint64 {
	horizon := s.opt.Now().Add(-s.opt.DeltaLag)
	return uint64(sort.Search(len(s.log), func(i int) bool { return s.log[i].After(horizon) }))
}

// rows are all rows of a round. The first round holds all that lies in the window, later ones what changed. A round of
// a lagging feed leaves out what changed after its version; otherwise what changes between two pages may come twice.
func (c *call) rows(t deltaToken, lagging bool) []object {
	var rows []object
	for _, e := range c.cal.sorted() {
		change := e.change
		if e.master() {
			change = c.cal.seriesChange(e)
		}
		if e.MasterID != "" || change <= t.Since || (lagging && change > t.Now) {
			continue
		}
		rows = append(rows, c.eventRows(e, t)...)
	}
	return rows
}

// eventRows are the rows of one event that is new to the round. Whatever changed outside the window is reported as
// removed, also what was never seen in it. A changed series comes whole: the master and the remaining occurrences,
// without a word on those that are gone.
func (c *call) eventRows(e *Event, t deltaToken) []object {
	var rows []object
	switch {
	case e.gone:
	case e.master():
		rows = c.seriesRows(e, t.From, t.To)
	case overlaps(e, t.From, t.To):
		rows = []object{c.prefs.full(e)}
	}
	if len(rows) == 0 && t.Since > 0 {
		rows = []object{{"id": c.prefs.id(e.ID), "@removed": object{"reason": "deleted"}}}
	}
	return rows
}

// seriesChange is the version of the last change to a series: its master or any of its exceptions.
func (c *calendar) seriesChange(master *Event) uint64 {
	last := master.change
	for _, e := range c.events {
		if e.MasterID == master.ID {
			last = max(last, e.change)
		}
	}
	return last
}

// seriesRows are the master, a stub per untouched occurrence, and the exceptions in full; none when the window has
// none.
func (c *call) seriesRows(master *Event, from, to time.Time) []object {
	occurrences := c.cal.instances(master, from, to)
	if len(occurrences) == 0 {
		return nil
	}
	rows := []object{c.prefs.full(master)}
	for _, e := range occurrences {
		if e.exception {
			rows = append(rows, c.prefs.full(e))
		} else {
			rows = append(rows, c.prefs.stub(e))
		}
	}
	return rows
}
