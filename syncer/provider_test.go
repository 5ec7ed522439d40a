package syncer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"slotd/internal/calendar"
)

// provider is a calendar provider in memory. Its hook is called between the steps of each call, with no lock held; its error
// fails the call at that step, so an error of "applied" is a reply that was lost.
//
//	changed   before a question about changes         read      before the first page
//	page      before each further page                read done after the last page
//	apply     before a write                          applied   after it
//	find      before a look at one event              found     after it
type provider struct {
	mu        sync.Mutex
	hooked    func(op, cal string) error
	calendars map[string]*fakeCalendar
	calls     []call
	running   int
	most      int // calls that ran at once
	etags     int
}

type call struct {
	op, cal string
	at      time.Time
	want    calendar.Wanted
	cursor  calendar.Cursor
}

type fakeCalendar struct {
	events    map[string]fakeEvent
	deleted   map[string]fakeEvent // their ids stay taken
	past      []fakeState          // how lists looked, where they lag
	changes   int                  // counts changes; it is the cursor
	epoch     int                  // cursors of an older one are expired
	noCursor  bool                 // serves no cursors
	noIfMatch bool                 // writes over whatever is there
	churn     bool                 // gives out new etags with every read
	pageSize  int                  // 0: all on one page
	short     time.Duration        // snapshots end this much early
	lag       time.Duration        // lists show what was this long ago, though questions about changes do not
}

type fakeState struct {
	until  time.Time
	events map[string]fakeEvent
}

type fakeEvent struct {
	calendar.Event
	title, wrote string // what it shows, and what we wrote last
	series       bool
}

// late is the error of a hook at "apply": no answer comes, and the call takes effect after that long.
type late struct{ after time.Duration }

func (late) Error() string { return "no answer" }

func newProvider() *provider {
	return &provider{calendars: map[string]*fakeCalendar{}}
}

// hook replaces what is called between the steps; nil is nothing.
func (p *provider) hook(on func(op, cal string) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hooked = on
}

func (p *provider) on(op, cal string) error {
	p.mu.Lock()
	hooked := p.hooked
	p.mu.Unlock()
	if hooked == nil {
		return nil
	}
	return hooked(op, cal)
}

// cal returns a calendar; the caller holds mu or is alone.
func (p *provider) cal(name string) *fakeCalendar {
	c := p.calendars[name]
	if c == nil {
		c = &fakeCalendar{events: map[string]fakeEvent{}, deleted: map[string]fakeEvent{}}
		p.calendars[name] = c
	}
	return c
}

// set changes a calendar's behaviour.
func (p *provider) set(name string, f func(*fakeCalendar)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(p.cal(name))
}

// store makes e the state of an event; the caller holds mu.
func (p *provider) store(c *fakeCalendar, id string, e *fakeEvent) {
	if c.lag > 0 {
		c.past = append(c.past, fakeState{time.Now(), maps.Clone(c.events)})
	}
	c.changes++
	if e == nil {
		c.deleted[id] = c.events[id]
		delete(c.events, id)
		return
	}
	p.etags++
	e.ETag = fmt.Sprint("etag-", p.etags)
	c.events[id] = *e
	delete(c.deleted, id)
}

// put creates or changes an event as a person would.
func (p *provider) put(name string, e calendar.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.cal(name)
	was := c.events[e.ID]
	was.Event = e
	p.store(c, e.ID, &was)
}

// edit is what a person does to an event that is there.
func (p *provider) edit(name, id string, change func(*fakeEvent)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.cal(name)
	if e, there := c.events[id]; there {
		change(&e)
		p.store(c, id, &e)
	}
}

func (p *provider) delete(name, id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.store(p.cal(name), id, nil)
}

// restore takes an event out of the bin.
func (p *provider) restore(name, id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.cal(name)
	e := c.deleted[id]
	p.store(c, id, &e)
}

// events returns what is in a calendar, by start.
func (p *provider) events(name string) []fakeEvent {
	p.mu.Lock()
	defer p.mu.Unlock()
	return sorted(p.cal(name).events)
}

func sorted(events map[string]fakeEvent) []fakeEvent {
	return slices.SortedFunc(maps.Values(events), func(a, b fakeEvent) int {
		return cmp.Or(cmp.Compare(a.Interval.Start, b.Interval.Start), cmp.Compare(a.ID, b.ID))
	})
}

// listed returns what a list shows now: series by their occurrences, and all as it was before the lag.
func (p *provider) listed(name string) (out []fakeEvent) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.cal(name)
	shown := c.events
	if i := slices.IndexFunc(c.past, func(s fakeState) bool { return s.until.Add(c.lag).After(time.Now()) }); i >= 0 {
		shown = c.past[i].events
	}
	for _, e := range sorted(shown) {
		if c.churn {
			p.etags++
			e.ETag = fmt.Sprint("etag-", p.etags)
			if now, there := c.events[e.ID]; there {
				now.ETag = e.ETag
				c.events[e.ID] = now
			}
		}
		if !e.series {
			out = append(out, e)
			continue
		}
		for i := range 3 {
			occurrence, week := e, int64(i)*7*24*3600
			occurrence.ID = fmt.Sprintf("%s_%d", e.ID, i)
			occurrence.Recurring = true
			occurrence.Interval = calendar.Interval{Start: e.Interval.Start + week, End: e.Interval.End + week}
			out = append(out, occurrence)
		}
	}
	return out
}

// count returns how many calls of op began for a calendar, "" for all.
func (p *provider) count(op, cal string) int { return len(p.made(op, cal)) }

func (p *provider) made(op, cal string) []call {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []call
	for _, c := range p.calls {
		if c.op == op && (cal == "" || c.cal == cal) {
			out = append(out, c)
		}
	}
	return out
}

func (p *provider) begin(c call) (end func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.at = time.Now()
	p.calls = append(p.calls, c)
	p.running++
	p.most = max(p.most, p.running)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.running--
	}
}

func (p *provider) Changed(
	_ context.Context, cal string, _ calendar.Interval, cursor calendar.Cursor,
) (calendar.Change, error) {
	defer p.begin(call{op: "changed", cal: cal, cursor: cursor})()
	if err := p.on("changed", cal); err != nil {
		return calendar.Change{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.cal(cal)
	if c.noCursor {
		return calendar.Change{Changed: true}, nil
	}
	now := calendar.Cursor(fmt.Sprintf("%d-%d", c.epoch, c.changes))
	if cursor == "" {
		return calendar.Change{Changed: true, Cursor: now}, nil
	}
	var epoch, changes int
	if _, err := fmt.Sscanf(string(cursor), "%d-%d", &epoch, &changes); err != nil || epoch != c.epoch {
		return calendar.Change{}, &calendar.Error{Kind: calendar.Expired, Op: "look for changes", Status: 410}
	}
	return calendar.Change{Changed: changes != c.changes, Cursor: now}, nil
}

func (p *provider) Read(ctx context.Context, cal string, window calendar.Interval) (calendar.Snapshot, error) {
	defer p.begin(call{op: "read", cal: cal})()
	if err := p.on("read", cal); err != nil {
		return calendar.Snapshot{}, err
	}
	snap := calendar.Snapshot{Window: window}
	for offset, more := 0, true; more; {
		if snap.Pages > 0 {
			if err := p.on("page", cal); err != nil {
				return calendar.Snapshot{}, err
			}
		}
		var rows []calendar.Event
		rows, more = p.page(cal, window, offset)
		snap.Events = append(snap.Events, rows...)
		offset += len(rows)
		snap.Pages++
	}
	p.set(cal, func(c *fakeCalendar) { snap.Window.End -= int64(c.short / time.Second) })
	if err := p.on("read done", cal); err != nil {
		return calendar.Snapshot{}, err
	}
	return snap, ctx.Err()
}

func (p *provider) page(cal string, window calendar.Interval, offset int) (rows []calendar.Event, more bool) {
	var all []calendar.Event
	for _, e := range p.listed(cal) {
		if e.Interval.Overlaps(window) {
			all = append(all, e.Event)
		}
	}
	p.mu.Lock()
	size := p.cal(cal).pageSize
	p.mu.Unlock()
	all = all[min(offset, len(all)):]
	if size > 0 && len(all) > size {
		return all[:size], true
	}
	return all, false
}

// Find never lags.
func (p *provider) Find(ctx context.Context, cal string, w calendar.Wanted) (calendar.Written, error) {
	defer p.begin(call{op: "find", cal: cal, want: w})()
	if err := p.on("find", cal); err != nil {
		return calendar.Written{}, err
	}
	p.mu.Lock()
	e, there := p.cal(cal).events[w.Identity]
	p.mu.Unlock()
	if err := p.on("found", cal); err != nil {
		return calendar.Written{}, err
	}
	if !there {
		return calendar.Written{}, &calendar.Error{Kind: calendar.Gone, Op: "find event", Status: 404}
	}
	return written(e), ctx.Err()
}

// Apply behaves as the adapter of Google does: the identity is the event's id, and stays taken.
func (p *provider) Apply(ctx context.Context, cal string, w calendar.Wanted) (calendar.Written, error) {
	defer p.begin(call{op: "apply", cal: cal, want: w})()
	err := p.on("apply", cal)
	if l := (late{}); errors.As(err, &l) {
		p.mu.Lock()
		met := p.cal(cal).events[w.Identity].ETag
		p.mu.Unlock()
		time.AfterFunc(l.after, func() { p.arrive(cal, w, met) })
	}
	if err != nil {
		return calendar.Written{}, err
	}
	got, err := p.write(cal, w)
	if err != nil {
		return got, err
	}
	if err := p.on("applied", cal); err != nil {
		return calendar.Written{}, err
	}
	return got, ctx.Err()
}

// arrive is a late effect: the server does what it was asked for when the event had the etag met.
func (p *provider) arrive(cal string, w calendar.Wanted, met string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.cal(cal)
	e, there := c.events[w.Identity]
	_, deleted := c.deleted[w.Identity]
	switch {
	case met == "" && (there || deleted), met != "" && !there, met == "" && w.Removed:
	case met != "" && e.ETag != met && !c.noIfMatch:
	case w.Removed:
		p.store(c, w.Identity, nil)
	default:
		p.over(c, w, e)
	}
}

func (p *provider) write(cal string, w calendar.Wanted) (calendar.Written, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.cal(cal)
	e, there := c.events[w.Identity]
	_, deleted := c.deleted[w.Identity]
	conflict := func(reason string) *calendar.Error {
		return &calendar.Error{Kind: calendar.Conflict, Op: "write event", Status: http.StatusConflict, Reason: reason}
	}
	switch {
	case w.Removed && !there:
		return calendar.Written{}, nil
	case there && e.series:
		return written(e), conflict("madeRecurring")
	case w.Removed:
		p.store(c, w.Identity, nil)
		return calendar.Written{}, nil
	case !there && (deleted || w.Known.ID != ""):
		return calendar.Written{}, &calendar.Error{Kind: calendar.Gone, Op: "write event", Status: http.StatusGone}
	case there && e.Version == w.Version:
		return written(e), nil
	case there && !w.Known.Interval.Empty() && e.Interval != w.Known.Interval:
		return written(e), conflict("changedMeanwhile")
	}
	return written(p.over(c, w, e)), nil
}

// over writes what is wanted over e; of the text only what is new.
func (p *provider) over(c *fakeCalendar, w calendar.Wanted, e fakeEvent) fakeEvent {
	if e.wrote != w.Title {
		e.title, e.wrote = w.Title, w.Title
	}
	e.Event = calendar.Event{
		ID: w.Identity, Identity: w.Identity, Interval: w.Interval, Busy: true, Marker: w.Marker, Version: w.Version,
	}
	p.store(c, w.Identity, &e)
	return e
}

func written(e fakeEvent) calendar.Written {
	return calendar.Written{ID: e.ID, ETag: e.ETag, Interval: e.Interval, Version: e.Version, Recurring: e.series}
}
