package graph

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"slotd/internal/emulator/recur"
)

// maxInstances bounds the occurrences of one series in one reply.
const maxInstances = 2000

const (
	dateForm  = "2006-01-02"
	stampForm = "20060102T150405"
	occMark   = "-O" // stands between a master's id and the stamp of an occurrence
)

// normalize checks the times of e and fills what follows from them.
func (c *calendar) normalize(e *Event) error {
	if _, err := zoneNamed(e.Zone); e.Zone != "" && err != nil {
		return err
	}
	if e.AllDay {
		start, err1 := time.ParseInLocation(dateForm, e.StartDate, c.box.zone)
		end, err2 := time.ParseInLocation(dateForm, e.EndDate, c.box.zone)
		if err1 != nil || err2 != nil {
			return errors.New("invalid start or end date")
		}
		e.Start, e.End = start, end
	} else {
		e.StartDate, e.EndDate = "", ""
		e.Start, e.End = e.Start.Truncate(time.Second), e.End.Truncate(time.Second)
	}
	if e.Start.IsZero() || e.End.IsZero() || e.End.Before(e.Start) || (e.AllDay && e.StartDate == e.EndDate) {
		return errors.New("the end is not after the start")
	}
	e.Zone = cmp.Or(e.Zone, c.box.zone.String())
	e.ShowAs = cmp.Or(e.ShowAs, "busy")
	e.Response = cmp.Or(e.Response, "organizer")
	e.Sensitivity = cmp.Or(e.Sensitivity, "normal")
	if e.master() {
		if _, err := c.series(e); err != nil {
			return errors.New("invalid recurrence")
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
	e.ETag = fmt.Sprintf(`W/"%s"`, e.changeKey())
	e.exception = e.MasterID != ""
	if old == nil {
		c.born++
		e.born, e.Created = c.born, e.Updated
	} else {
		e.born, e.Created = old.born, old.Created
		if e.master() && !e.sameTimes(old) {
			c.dropExceptions(e.ID)
		}
	}
	s.hide(c, e.ID, old)
	c.events[e.ID] = &e
	s.tell(c, &e, old)
	return &e
}

// bump makes a new version of the server and wakes those who follow it.
func (s *Server) bump(c *calendar) {
	s.version++
	s.log = append(s.log, s.opt.Now())
	if c != nil {
		c.change = s.version
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

func (c *calendar) dropExceptions(master string) {
	for id, e := range c.events {
		if e.MasterID == master {
			delete(c.events, id)
		}
	}
}

// remove deletes e. For the API it is gone at once; the delta feed still knows it.
func (s *Server) remove(c *calendar, e Event) {
	e.gone = true
	if e.master() {
		c.dropExceptions(e.ID)
	}
	s.store(c, e)
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
	loc, err := zoneNamed(e.Zone)
	if err != nil {
		loc = c.box.zone
	}
	return recur.Parse(e.Recurrence, e.Start.In(loc))
}

// instance returns the occurrence of master that the rule puts at start, as if nobody had touched it.
func (c *calendar) instance(master *Event, start time.Time) *Event {
	e := master.clone()
	e.Recurrence, e.MasterID = nil, master.ID
	e.ID = strings.TrimRight(master.ID, "=") + occMark + start.UTC().Format(stampForm) + "="
	if e.AllDay {
		first, _ := time.Parse(dateForm, master.StartDate) // both were checked by normalize
		last, _ := time.Parse(dateForm, master.EndDate)
		end := start.AddDate(0, 0, int(last.Sub(first).Hours()/24))
		e.StartDate, e.EndDate = start.Format(dateForm), end.Format(dateForm)
		e.Start, _ = time.ParseInLocation(dateForm, e.StartDate, c.box.zone)
		e.End, _ = time.ParseInLocation(dateForm, e.EndDate, c.box.zone)
	} else {
		e.Start, e.End = start, start.Add(master.End.Sub(master.Start))
	}
	e.Original = e.Start
	return &e
}

// instances returns the live occurrences of a master that overlap [from, to), exceptions in the place of what they
// replace.
func (c *calendar) instances(master *Event, from, to time.Time) []*Event {
	var out []*Event
	for _, e := range c.sorted() {
		if e.MasterID == master.ID && !e.gone && overlaps(e, from, to) {
			out = append(out, e)
		}
	}
	series, err := c.series(master)
	if err != nil {
		return out
	}
	for start := range series.Starts() {
		e := c.instance(master, start)
		if len(out) >= maxInstances || !e.Start.Before(to) {
			break
		}
		if c.events[e.ID] == nil && overlaps(e, from, to) {
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, byStart)
	return out
}

// lookup returns the event with the immutable id, stored or computed from its series, or nil.
func (c *calendar) lookup(id string) *Event {
	if e := c.events[id]; e != nil {
		return e
	}
	i := strings.LastIndex(id, occMark)
	if i < 0 {
		return nil
	}
	for _, master := range c.events {
		if !master.master() || strings.TrimRight(master.ID, "=") != id[:i] {
			continue
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
			if n++; n > 10*maxInstances {
				break
			}
		}
	}
	return nil
}

// expand returns the live single events and occurrences that overlap [from, to).
func (c *calendar) expand(from, to time.Time) []*Event {
	var out []*Event
	for _, e := range c.sorted() {
		switch {
		case e.gone || e.MasterID != "":
		case e.master():
			out = append(out, c.instances(e, from, to)...)
		case overlaps(e, from, to):
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

func overlaps(e *Event, from, to time.Time) bool { return e.End.After(from) && e.Start.Before(to) }
