package syncer

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/store"
	"slotd/store/kv"
	"slotd/store/kv/bolt"
)

// provider is a calendar provider in memory. Its hook is called between the steps of each call, with no lock held; its error
// fails the call at that step, so an error of "applied" is a reply that was lost.
//
//	changed   before a question about changes         read      before the first page
//	page      before each further page                read done after the last page
//	apply     before a write                          applied   after it
type provider struct {
	mu        sync.Mutex
	hooked    func(op, cal string) error
	calendars map[string]*fakeCalendar
	calls     []call
	running   int
	most      int // calls that ran at once
}

type call struct {
	op, cal string
	at      time.Time
	want    calendar.Wanted
	cursor  calendar.Cursor
}

type fakeCalendar struct {
	events   map[string]fakeEvent
	changes  int           // counts changes; it is the cursor
	epoch    int           // cursors of an older one are expired
	noCursor bool          // serves no cursors
	pageSize int           // 0: all on one page
	short    time.Duration // snapshots end this much early
}

type fakeEvent struct {
	calendar.Event
	title   string
	version uint64
}

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
		c = &fakeCalendar{events: map[string]fakeEvent{}}
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

// put creates or changes an event as a person would.
func (p *provider) put(name string, e calendar.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.cal(name)
	c.events[e.ID] = fakeEvent{Event: e}
	c.changes++
}

func (p *provider) delete(name, id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.cal(name)
	delete(c.events, id)
	c.changes++
}

// events returns what is in a calendar, by start.
func (p *provider) events(name string) []fakeEvent {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []fakeEvent
	for _, e := range p.cal(name).events {
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b fakeEvent) int {
		return cmp.Or(cmp.Compare(a.Interval.Start, b.Interval.Start), cmp.Compare(a.ID, b.ID))
	})
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
	for _, e := range p.events(cal) {
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

// Apply behaves as Google does: the identity is the event's id.
func (p *provider) Apply(ctx context.Context, cal string, w calendar.Wanted) (calendar.Written, error) {
	defer p.begin(call{op: "apply", cal: cal, want: w})()
	if err := p.on("apply", cal); err != nil {
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

func (p *provider) write(cal string, w calendar.Wanted) (calendar.Written, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.cal(cal)
	old, there := c.events[w.Identity]
	switch {
	case w.Removed:
		delete(c.events, w.Identity)
		c.changes++
		return calendar.Written{}, nil
	case there && w.Known.ID == "" && !w.Unclear:
		return calendar.Written{}, &calendar.Error{Kind: calendar.Conflict, Op: "insert event", Status: 409}
	case !there && w.Known.ID != "":
		return calendar.Written{}, &calendar.Error{Kind: calendar.Gone, Op: "update event", Status: 404}
	case there && old.version == w.Version:
		return written(old), nil
	}
	e := fakeEvent{title: w.Title, version: w.Version, Event: calendar.Event{
		ID: w.Identity, Identity: w.Identity, Interval: w.Interval, Busy: true, Marker: w.Marker,
	}}
	c.events[w.Identity] = e
	c.changes++
	return written(e), nil
}

func written(e fakeEvent) calendar.Written {
	return calendar.Written{ID: e.ID, ETag: fmt.Sprint(e.version), Interval: e.Interval, Version: e.version}
}

// countingDB counts commits and lets a test stop in one.
type countingDB struct {
	kv.DB
	updates atomic.Int64
	fail    atomic.Pointer[func() error] // called before an Update, nil for none
}

func (c *countingDB) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if fail := c.fail.Load(); fail != nil {
		if err := (*fail)(); err != nil {
			return err
		}
	}
	c.updates.Add(1)
	return c.DB.Update(ctx, fn)
}

// rig is a syncer before a provider, to be used inside a synctest bubble: virtual time begins at midnight UTC on
// 1 January 2000.
type rig struct {
	t        *testing.T
	path     string
	db       *countingDB
	store    *store.Store
	provider *provider
	cfg      Config
	*Syncer
	stop func()
}

const (
	cal1 = calendar.ID("g/adams")
	cal2 = calendar.ID("g/baker")
	cal3 = calendar.ID("sick/clark")
)

// bubble runs a test in a bubble with a rig that mirrors the given calendars, cal1 when there are none. The bubble ends
// only when every goroutine of the syncer has.
func bubble(t *testing.T, test func(t *testing.T, r *rig), cals ...calendar.ID) {
	t.Helper()
	if len(cals) == 0 {
		cals = []calendar.ID{cal1}
	}
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, path: filepath.Join(t.TempDir(), "slotd.db"), provider: newProvider(), stop: func() {}}
		if err := bolt.Create(r.path); err != nil {
			t.Fatal(err)
		}
		r.openDB()
		if err := store.Create(t.Context(), r.db, time.Now()); err != nil {
			t.Fatal(err)
		}
		account := Account{Source: r.provider, Sink: r.provider, Concurrency: 4, PerMinute: 600}
		r.cfg = Config{
			Accounts: map[string]Account{"g": account, "sick": account}, Calendars: cals,
			Poll: time.Minute, Ahead: 5 * 24 * time.Hour,
			Describe: func(b *booking.Booking, p booking.Person, _ booking.Placement) (title, body string) {
				return booking.Templates{Title: "{name}"}.Render(b, p, "", "")
			},
			Zone: func(string) string { return "Europe/Berlin" },
			Log:  slog.New(slog.DiscardHandler),
		}
		defer func() {
			r.stop()
			_ = r.db.Close()
		}()
		r.make()
		test(t, r)
	})
}

func (r *rig) openDB() {
	r.t.Helper()
	db, err := bolt.Open(r.path, bolt.Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	r.db = &countingDB{DB: db}
}

func (r *rig) make() {
	r.t.Helper()
	var err error
	if r.store, err = store.Open(r.t.Context(), r.db); err != nil {
		r.t.Fatal(err)
	}
	r.cfg.Store = r.store
	if r.Syncer, err = New(r.cfg); err != nil {
		r.t.Fatal(err)
	}
}

// start runs the syncer; r.stop ends it and waits.
func (r *rig) start() {
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Run(ctx)
	}()
	r.stop = func() {
		cancel()
		<-done
		r.stop = func() {}
	}
	r.wait(time.Second)
}

// restart is a crash, or as good as one: what was not committed is lost.
func (r *rig) restart() {
	r.t.Helper()
	r.stop()
	if err := r.db.Close(); err != nil {
		r.t.Fatal(err)
	}
	r.openDB()
	r.make()
	r.start()
}

// wait lets virtual time pass and then everything settle.
func (r *rig) wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (r *rig) view(fn func(*store.Reader) error) {
	r.t.Helper()
	if err := r.store.View(r.t.Context(), fn); err != nil {
		r.t.Fatal(err)
	}
}

// busy returns the busy document of a calendar; an empty one when it was never read.
func (r *rig) busy(cal calendar.ID) calendar.Busy {
	r.t.Helper()
	var out calendar.Busy
	r.view(func(rd *store.Reader) error {
		b, err := rd.Busy(cal)
		if b != nil {
			out = *b
		}
		return err
	})
	return out
}

func (r *rig) booking(id string) *booking.Booking {
	r.t.Helper()
	var out *booking.Booking
	r.view(func(rd *store.Reader) (err error) {
		out, err = rd.Booking(id)
		return err
	})
	return out
}

// mark returns a booking's outbox mark; found is false when the provider is level with us.
func (r *rig) mark(id string) (m store.Mark, found bool) {
	r.t.Helper()
	r.view(func(rd *store.Reader) (err error) {
		m, found, err = rd.Mark(store.OutboxID{Booking: id})
		return err
	})
	return m, found
}

// book does what a confirm does, and tells the write-back.
func (r *rig) book(id string, cal calendar.ID, span calendar.Interval) {
	r.t.Helper()
	b := &booking.Booking{
		ID: id, Reference: "R-" + id, Version: 1, Status: booking.Confirmed, Service: "check", Interval: span, Created: time.Now(),
		Placements: []booking.Placement{{
			Resource: "adams", Calendar: cal, Status: booking.Pending, Identity: "identity-" + id,
		}},
	}
	r.update(func(tx *store.Tx) error {
		tx.InsertBooking(b, booking.Person{Name: "Erika"}, time.Now())
		return nil
	})
	r.Written(cal)
}

func (r *rig) update(fn func(*store.Tx) error) {
	r.t.Helper()
	if err := r.store.Update(r.t.Context(), fn); err != nil {
		r.t.Fatal(err)
	}
}

// change is a booking's next version, as a move or a cancel makes it.
func (r *rig) change(id string, fn func(*booking.Booking)) {
	r.t.Helper()
	r.update(func(tx *store.Tx) error {
		b, err := tx.Booking(id)
		if err != nil {
			return err
		}
		fn(b)
		b.Version++
		tx.PutBooking(b)
		mark, found, err := tx.Mark(store.OutboxID{Booking: id})
		next := store.Mark{OutboxID: store.OutboxID{Booking: id}, Since: time.Now(), Next: time.Now()}
		if !found {
			tx.PutMark(nil, next)
		} else {
			next.Unclear = mark.Unclear
			tx.PutMark(&mark, next)
		}
		return err
	})
	r.Written("")
}

// hours is a span on a day after 1 January 2000, in UTC.
func hours(day, from, to int) calendar.Interval {
	start := time.Date(2000, 1, 1+day, 0, 0, 0, 0, time.UTC).Unix()
	return calendar.Interval{Start: start + int64(from)*3600, End: start + int64(to)*3600}
}

func event(id string, span calendar.Interval) calendar.Event {
	return calendar.Event{ID: id, Interval: span, Busy: true}
}

func fault(kind calendar.Kind) *calendar.Error { return &calendar.Error{Kind: kind, Op: "test"} }
