package booking_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the same zones on every machine that has none of its own

	"slotd/internal/booking"
	"slotd/internal/calendar"
)

const (
	minute = 60
	hour   = 60 * minute
	day    = 24 * hour
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func date(t testing.TB, s string) calendar.Date {
	t.Helper()
	d, err := calendar.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func unix(t testing.TB, rfc3339 string) int64 {
	t.Helper()
	at, err := time.Parse(time.RFC3339, rfc3339)
	if err != nil {
		t.Fatal(err)
	}
	return at.Unix()
}

// shown returns the minutes since 1970 that clocks in loc show at an instant.
func shown(at int64, loc *time.Location) int64 {
	_, offset := time.Unix(at, 0).In(loc).Zone()
	return (at + int64(offset)) / minute
}

// choice is what a customer chose, by ids.
type choice struct{ department, resource, service string }

// slow answers what an Offer and a State answer about one day by looking at every minute, and for each at every rule: slow, and
// obvious. It reads the business as a config would give it, and nothing that the engine has made of it. All instants of its
// facts are whole minutes, except those of foreign events.
type slow struct {
	slowRules
	o     *booking.Offer // what is compared
	b     booking.Bounds
	f     booking.Facts
	date  calendar.Date
	zero  int64             // what clocks show at midnight of the day, whether or not they do
	at    []int64           // the minutes from three days before to five after
	clock []int64           // and what clocks show then,
	open  []bool            // whether there are hours,
	fact  []*fact           // and, once it is asked for, what is there
	seen  map[mirrored]bool // what counted said before
}

// fact is what the facts say of one minute.
type fact struct{ known, busy, full bool }

// mirrored is one of our events in a snapshot of a window.
type mirrored struct {
	calendar.Own
	window calendar.Interval
}

func newSlow(c *booking.Catalog, of choice, b booking.Bounds, f booking.Facts, d calendar.Date) *slow {
	m := &slow{
		slowRules: newSlowRules(c.Business(), of), o: c.Offer(of.department, of.resource, of.service), b: b, f: f, date: d,
		seen: map[mirrored]bool{},
	}
	m.zero = time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC).Unix() / minute
	from := m.zero*minute - 3*day
	for at := from; at < from+8*day; at += minute {
		m.at = append(m.at, at)
		m.clock = append(m.clock, shown(at, m.r.Zone))
	}
	m.open, m.fact = make([]bool, len(m.at)), make([]*fact, len(m.at))
	for n := -2; n <= 3; n++ {
		zero := m.zero + int64(n)*1440
		for _, span := range m.hours(d.AddDays(n)).spans() {
			opens, closes := m.opens(zero+int64(span.From)), m.closes(zero+int64(span.To))
			for i := opens; i < closes; i++ {
				m.open[i] = true
			}
		}
	}
	return m
}

// opens and closes are the first and the last minute at which clocks show a wall time, or the first at which they have passed it,
// by their index.
func (m *slow) opens(wall int64) int {
	if i := slices.Index(m.clock, wall); i >= 0 {
		return i
	}
	return slices.IndexFunc(m.clock, func(c int64) bool { return c > wall })
}

func (m *slow) closes(wall int64) int {
	for i := range slices.Backward(m.clock) {
		if m.clock[i] == wall {
			return i
		}
	}
	return m.opens(wall)
}

// starts returns each minute of the day with the reason that it has.
func (m *slow) starts() map[int64]booking.Reason {
	out := map[int64]booking.Reason{}
	spans := m.hours(m.date).spans()
	for i, at := range m.at {
		if label := m.clock[i] - m.zero; label >= 0 && label < 1440 {
			out[at] = m.reason(at, int(label), spans)
		}
	}
	return out
}

// reason is why a minute of the day, of which clocks show the label, is a start time or not.
func (m *slow) reason(at int64, label int, spans []booking.Span) booking.Reason {
	onGrid := slices.ContainsFunc(spans, func(s booking.Span) bool {
		return s.From <= label && label < s.To && (label-s.From)%int(m.e.grid.Minutes()) == 0
	})
	switch {
	case at < m.b.Earliest:
		return booking.TooSoon
	case at > m.b.Latest:
		return booking.TooFar
	case !onGrid || !m.openFrom(at):
		return booking.NotOffered
	case m.capped(at):
		return booking.Capped
	}
	return m.room(at)
}

// openFrom reports whether there are hours in each minute of an appointment, whatever stretch they belong to.
func (m *slow) openFrom(start int64) bool {
	return !within(start, start+seconds(m.e.duration), func(at int64) bool { return !m.open[m.index(at)] })
}

func (m *slow) index(at int64) int { return int(at-m.at[0]) / minute }

func seconds(d time.Duration) int64 { return int64(d.Seconds()) }

// capped reports whether as many bookings as may be begin on the day or in the week: all of them, or those of the service.
func (m *slow) capped(start int64) bool { return m.cappedAll(start) || m.cappedService(start) }

func (m *slow) cappedAll(start int64) bool {
	sameDay, sameWeek := m.begin(start, func(booking.Claim) bool { return true })
	return m.e.perDay > 0 && sameDay >= m.e.perDay || m.e.perWeek > 0 && sameWeek >= m.e.perWeek
}

func (m *slow) cappedService(start int64) bool {
	sameDay, sameWeek := m.begin(start, func(c booking.Claim) bool { return c.Service == m.s.ID })
	return m.e.servicePerDay > 0 && sameDay >= m.e.servicePerDay || m.e.servicePerWeek > 0 && sameWeek >= m.e.servicePerWeek
}

// begin counts the claims that begin on the day and in the week of a start.
func (m *slow) begin(start int64, matters func(booking.Claim) bool) (sameDay, sameWeek int) {
	asked := time.Unix(start, 0).In(m.r.Zone)
	year, week := asked.ISOWeek()
	for _, c := range m.f.Claims {
		if !m.counts(c) || !matters(c) {
			continue
		}
		at := time.Unix(c.Start, 0).In(m.r.Zone)
		if at.Format(time.DateOnly) == asked.Format(time.DateOnly) {
			sameDay++
		}
		if y, w := at.ISOWeek(); y == year && w == week {
			sameWeek++
		}
	}
	return sameDay, sameWeek
}

func (m *slow) room(start int64) booking.Reason {
	end := start + seconds(m.e.duration)
	switch {
	case within(start, end, func(at int64) bool { return !m.factOf(at).known }):
		return booking.Unknown
	case within(start, end, func(at int64) bool { return m.factOf(at).busy }):
		return booking.Busy
	case within(start-seconds(m.e.before), end+seconds(m.e.after), func(at int64) bool { return m.factOf(at).full }):
		return booking.Claimed
	}
	return booking.Free
}

func within(from, until int64, is func(at int64) bool) bool {
	for at := from; at < until; at += minute {
		if is(at) {
			return true
		}
	}
	return false
}

func (m *slow) factOf(at int64) *fact {
	i := m.index(at)
	if m.fact[i] == nil {
		m.fact[i] = &fact{m.known(at), m.busy(at), m.full(at)}
	}
	return m.fact[i]
}

func (m *slow) known(at int64) bool {
	for _, b := range m.f.Busy {
		if b == nil || at < b.Window.Start || at+minute > b.Window.End {
			return false
		}
	}
	return len(m.f.Busy) > 0 && len(m.f.Busy) >= len(m.r.Blocks)
}

// counts reports whether a claim takes time from who asks.
func (m *slow) counts(c booking.Claim) bool {
	mine := c.Booking != "" && c.Booking == m.f.Asker.Booking || c.Hold != "" && c.Hold == m.f.Asker.Visit
	lasts := c.Hold == "" || m.f.Now < c.Until && c.Until <= m.f.Now+booking.LongestHold
	return !mine && !c.Left && lasts
}

// claims reports whether the owner has a claim on the resource itself, and of what service.
func (m *slow) claims(of string) (service string, yes bool) {
	for _, c := range m.f.Claims {
		if m.counts(c) && c.Booking+c.Hold == of {
			return c.Service, true
		}
	}
	return "", false
}

// counted reports whether our event blocks: not the asker's own, nor one whose booking has left just that time.
func (m *slow) counted(o calendar.Own, window calendar.Interval) bool {
	counts, known := m.seen[mirrored{o, window}]
	if !known {
		counts = o.Booking != m.f.Asker.Booking
		for _, c := range slices.Concat(m.f.Claims, m.f.Others) {
			counts = counts && !(c.Left && c.Booking == o.Booking && shownAs(c.Interval, window) == o.Interval)
		}
		m.seen[mirrored{o, window}] = counts
	}
	return counts
}

// shownAs is what a snapshot of the window holds of an event.
func shownAs(event, window calendar.Interval) (out calendar.Interval) {
	for at := event.Start; at < event.End; at++ {
		if at < window.Start || at >= window.End {
			continue
		}
		if out.End == 0 {
			out.Start = at
		}
		out.End = at + 1
	}
	return out
}

func (m *slow) busy(at int64) bool {
	now := calendar.Interval{Start: at, End: at + minute}
	for _, b := range m.f.Busy {
		if b == nil {
			continue
		}
		if slices.ContainsFunc(b.Foreign, now.Overlaps) {
			return true
		}
		for _, o := range b.Own {
			if _, claimed := m.claims(o.Booking); !claimed && now.Overlaps(o.Interval) && m.counted(o, b.Window) {
				return true
			}
		}
	}
	return false
}

// full reports whether no other claim of ours has room in the minute: of those that are there and the one that is asked for, the
// least capacity counts.
func (m *slow) full(at int64) bool {
	now := calendar.Interval{Start: at, End: at + minute}
	here := map[string]string{} // the services of who is here
	for _, c := range m.f.Claims {
		if m.counts(c) && now.Overlaps(c.Padded()) {
			here[c.Booking+c.Hold] = c.Service
		}
	}
	for _, b := range m.f.Busy {
		if b == nil {
			continue
		}
		for _, o := range b.Own {
			if service, claimed := m.claims(o.Booking); claimed && now.Overlaps(o.Interval) && m.counted(o, b.Window) {
				here[o.Booking] = service
			}
		}
	}
	for _, c := range m.f.Others {
		if _, claimed := m.claims(c.Booking + c.Hold); m.counts(c) && !claimed && now.Overlaps(c.Padded()) {
			return true
		}
	}
	least := m.e.capacity
	for _, service := range here {
		least = min(least, m.capacityOf(service))
	}
	return len(here)+1 > least
}

// fataler is what a test and a property have in common.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// agree fails the test unless rules, list, question and check say of each minute of the day what the slow way says.
func (m *slow) agree(t fataler) {
	t.Helper()
	m.agreeOnRules(t)
	m.agreeOnList(t)
	st := booking.NewState(m.o, m.b, m.f)
	for at, want := range m.starts() {
		if got := st.Check(at); got != want {
			t.Fatalf("%s %s: Check(%s) is %q, want %q", m.r.Zone, m.date, time.Unix(at, 0).In(m.r.Zone), got, want)
		}
		room := m.room(at)
		if got := st.Room(at); got != room {
			t.Fatalf("%s %s: Room(%s) is %q, want %q", m.r.Zone, m.date, time.Unix(at, 0).In(m.r.Zone), got, room)
		}
		if want <= booking.TooFar && at%(37*minute) != 0 {
			continue
		}
		near := booking.NewState(m.o, m.b, m.o.Near(m.f, at))
		if check, has := near.Check(at), near.Room(at); check != want || has != room {
			t.Fatalf("%s %s: by what is near of %s Check is %q, want %q, and Room is %q, want %q",
				m.r.Zone, m.date, time.Unix(at, 0).In(m.r.Zone), check, want, has, room)
		}
		if got := st.Check(at + 1); want > booking.TooFar && got != booking.NotOffered && got != booking.TooFar {
			t.Fatalf("%s %s: a second after a start time Check is %q", m.r.Zone, m.date, got)
		}
	}
}

// agreeOnList fails the test unless list and question say of each minute of the day whether it can be booked.
func (m *slow) agreeOnList(t fataler) {
	t.Helper()
	st := booking.NewState(m.o, m.b, m.f)
	list := st.Day(nil, m.date)
	if st.HasSlot(m.date) != (len(list) > 0) {
		t.Fatalf("%s %s: HasSlot is %t, and Day lists %d", m.r.Zone, m.date, st.HasSlot(m.date), len(list))
	}
	var want []int64
	for at, why := range m.starts() {
		if why == booking.Free {
			want = append(want, at)
		}
	}
	slices.Sort(want)
	if !slices.Equal(list, want) {
		t.Fatalf("%s %s: listed are %v, free are %v", m.r.Zone, m.date, inZone(list, m.r.Zone), inZone(want, m.r.Zone))
	}
}

func inZone(starts []int64, loc *time.Location) (out []string) {
	for _, at := range starts {
		out = append(out, time.Unix(at, 0).In(loc).Format("2006-01-02 15:04 -0700"))
	}
	return out
}

// zoneNames returns every name of the time zone database.
func zoneNames(t testing.TB) (out []string) {
	names, err := os.ReadFile("../calendar/testdata/zones.txt")
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.Lines(string(names)) {
		out = append(out, strings.TrimSpace(name))
	}
	return out
}

// transition is a change of the clocks in a zone.
type transition struct {
	loc           *time.Location
	at            int64
	before, after int // offsets in seconds
}

// date is the one that clocks show afterwards.
func (c transition) date() calendar.Date { return calendar.DateOf(c.at, c.loc) }

// kind is what all changes share by which clocks go as far at the same time of the day.
func (c transition) kind() transition {
	return transition{before: c.before, after: c.after, at: (c.at + int64(c.before)) % day}
}

// changes returns each change of clocks of a zone within some years, before 2038: later ones are in no table.
func changes(loc *time.Location, from, until int) (out []transition) {
	at := time.Date(from, 1, 1, 0, 0, 0, 0, loc)
	for {
		_, end := at.ZoneBounds()
		if end.IsZero() || end.Year() >= until {
			return out
		}
		_, before := end.Add(-1).Zone()
		_, after := end.Zone()
		if before != after {
			out = append(out, transition{loc: loc, at: end.Unix(), before: before, after: after})
		}
		at = end
	}
}
