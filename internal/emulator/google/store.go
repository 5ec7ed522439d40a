package google

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"slotd/internal/emulator/recur"
)

// maxInstances bounds the occurrences that one series expands to where no window bounds them: the service goes as far
// as some 700 (reported for a weekly series: fourteen years).
const maxInstances = 730

// deletedSpan is how far into the future the occurrences of a deleted series are reported as cancelled; later ones are
// forgotten (google-api-ruby-client issue 860).
const deletedSpan = 180 * 24 * time.Hour

const (
	dateForm  = "2006-01-02"
	dayStamp  = "20060102"
	timeStamp = "20060102T150405Z"
)

var errEmptyRange = errors.New("the specified time range is empty")

// normalize checks the times of e and fills what follows from them.
func (c *calendar) normalize(e *Event) error {
	if e.AllDay {
		start, err1 := time.ParseInLocation(dateForm, e.StartDate, c.zone)
		end, err2 := time.ParseInLocation(dateForm, e.EndDate, c.zone)
		if err1 != nil || err2 != nil {
			return errors.New("invalid start or end date")
		}
		e.Start, e.End = start, end
	} else {
		e.StartDate, e.EndDate = "", ""
		e.Start, e.End = e.Start.Truncate(time.Second), e.End.Truncate(time.Second)
		if e.master() && e.Zone == "" {
			e.Zone = c.zone.String()
		}
	}
	if e.Start.IsZero() || e.End.IsZero() || e.End.Before(e.Start) || (e.AllDay && e.StartDate == e.EndDate) {
		return errEmptyRange
	}
	e.Status = cmp.Or(e.Status, Confirmed)
	e.EventType = cmp.Or(e.EventType, "default")
	if e.master() {
		if _, err := c.series(e); err != nil {
			return errors.New("invalid recurrence rule")
		}
	}
	return nil
}

// store saves e as changed now. The caller holds the lock and has normalized e.
func (s *Server) store(c *calendar, e Event) *Event {
	e = e.clone() // the caller keeps its maps and slices
	old := c.events[e.ID]
	s.bump(c)
	e.change, e.Updated = s.version, s.opt.Now().UTC()
	e.ETag = fmt.Sprintf(`"%d%04d"`, e.Updated.UnixMilli(), s.version)
	if old == nil {
		c.born++
		e.born, e.Created = c.born, e.Updated
	} else {
		e.born, e.Created, e.Sequence = old.born, old.Created, old.Sequence
		if !e.sameTimes(old) {
			e.Sequence++
			c.dropExceptions(e.ID)
		}
	}
	s.hide(c, e.ID, old)
	c.events[e.ID] = &e
	s.tell(c)
	return &e
}

// bump makes a new version of the server and wakes those who follow it.
func (s *Server) bump(c *calendar) {
	s.version++
	if c != nil {
		c.change = s.version
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// dropExceptions forgets the exceptions of a series whose times changed. They leave no tombstone: their ids are gone.
func (c *calendar) dropExceptions(master string) {
	for id, e := range c.events {
		if e.MasterID == master {
			delete(c.events, id)
		}
	}
}

// remove deletes e: it stays as a cancelled row, and its id stays taken.
func (s *Server) remove(c *calendar, e Event) *Event {
	e.Status = Cancelled
	if e.master() {
		c.dropExceptions(e.ID)
	}
	return s.store(c, e)
}

func (c *calendar) zoneOf(e *Event) *time.Location {
	if loc, err := time.LoadLocation(e.Zone); err == nil && e.Zone != "" {
		return loc
	}
	return c.zone
}

// series returns the recurrence of a master. All-day series run over dates, that is midnights in UTC.
func (c *calendar) series(e *Event) (recur.Series, error) {
	if e.AllDay {
		first, err := time.Parse(dateForm, e.StartDate)
		if err != nil {
			return recur.Series{}, err
		}
		return recur.Parse(e.Recurrence, first)
	}
	return recur.Parse(e.Recurrence, e.Start.In(c.zoneOf(e)))
}

// instance returns the occurrence of master that the rule puts at start, as if nobody had touched it.
func (c *calendar) instance(master *Event, start time.Time) *Event {
	e := master.clone()
	e.Recurrence, e.MasterID = nil, master.ID
	if e.AllDay {
		first, _ := time.Parse(dateForm, master.StartDate) // both were checked by normalize
		last, _ := time.Parse(dateForm, master.EndDate)
		end := start.AddDate(0, 0, int(last.Sub(first).Hours()/24))
		e.StartDate, e.EndDate = start.Format(dateForm), end.Format(dateForm)
		e.Start, _ = time.ParseInLocation(dateForm, e.StartDate, c.zone)
		e.End, _ = time.ParseInLocation(dateForm, e.EndDate, c.zone)
		e.ID = master.ID + "_" + start.Format(dayStamp)
	} else {
		e.Start, e.End = start, start.Add(master.End.Sub(master.Start))
		e.ID = master.ID + "_" + start.UTC().Format(timeStamp)
	}
	e.Original = e.Start
	return &e
}

// instances returns the occurrences of a master that overlap [from, to), exceptions in the place of what they replace,
// cancelled ones included. A zero from or to is no bound; there are never more than limit.
func (c *calendar) instances(master *Event, from, to time.Time, limit int) []*Event {
	var out []*Event
	for _, e := range c.sorted() {
		if e.MasterID == master.ID && overlaps(e, from, to) {
			out = append(out, e)
		}
	}
	series, err := c.series(master)
	if err != nil {
		return out
	}
	for start := range series.Starts() {
		e := c.instance(master, start)
		if len(out) >= limit || (!to.IsZero() && !e.Start.Before(to)) {
			break
		}
		if c.events[e.ID] == nil && overlaps(e, from, to) {
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, byStart)
	return out
}

// lookup returns the event with the id, stored or computed from its series, or nil.
func (c *calendar) lookup(id string) *Event {
	if e := c.events[id]; e != nil {
		return e
	}
	i := strings.LastIndexByte(id, '_')
	if i < 0 {
		return nil
	}
	master := c.events[id[:i]]
	if master == nil || !master.master() {
		return nil
	}
	series, err := c.series(master)
	if err != nil {
		return nil
	}
	n := 0
	for start := range series.Starts() {
		if e := c.instance(master, start); e.ID == id {
			return e
		}
		if n++; n > 20*maxInstances {
			break
		}
	}
	return nil
}

// expand returns the single events and occurrences of live series that overlap [from, to), cancelled ones included.
func (c *calendar) expand(from, to time.Time) []*Event {
	var out []*Event
	for _, e := range c.sorted() {
		switch {
		case e.master() && e.live():
			out = append(out, c.instances(e, from, to, maxInstances)...)
		case e.MasterID == "" && !e.master() && overlaps(e, from, to):
			out = append(out, e)
		}
	}
	return out
}

// sorted returns the stored events in the order of their insertion.
func (c *calendar) sorted() []*Event {
	out := make([]*Event, 0, len(c.events))
	for _, e := range c.events {
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b *Event) int { return cmp.Compare(a.born, b.born) })
	return out
}

func byStart(a, b *Event) int {
	return cmp.Or(a.Start.Compare(b.Start), a.End.Compare(b.End), strings.Compare(a.ID, b.ID))
}

// overlaps applies the bounds of events.list: the end is after from, and the start before to; a zero bound is none.
func overlaps(e *Event, from, to time.Time) bool {
	return (from.IsZero() || e.End.After(from)) && (to.IsZero() || e.Start.Before(to))
}
