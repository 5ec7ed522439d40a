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

// slow answers what a State answers about one day by looking at every minute: slow, and obvious. All instants of its facts are
// whole minutes, except those of foreign events.
type slow struct {
	r     *booking.Resource
	s     *booking.Service
	b     booking.Bounds
	f     booking.Facts
	date  calendar.Date
	zero  int64             // what clocks show at midnight of the day, whether or not they do
	at    []int64           // the minutes from a day before to two days after
	clock []int64           // and what clocks show then
	seen  map[mirrored]bool // what counted said before
}

// mirrored is one of our events in a snapshot of a window.
type mirrored struct {
	calendar.Own
	window calendar.Interval
}

func newSlow(r *booking.Resource, s *booking.Service, b booking.Bounds, f booking.Facts, d calendar.Date) *slow {
	m := &slow{r: r, s: s, b: b, f: f, date: d, seen: map[mirrored]bool{}}
	m.zero = time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC).Unix() / minute
	from := m.zero*minute - day
	for at := from; at < from+4*day; at += minute {
		m.at = append(m.at, at)
		m.clock = append(m.clock, shown(at, r.Zone))
	}
	return m
}

// opens and closes are the first and the last minute at which clocks show a wall time, or the first at which they have passed it.
func (m *slow) opens(wall int64) int64 {
	i := slices.Index(m.clock, wall)
	if i < 0 {
		i = slices.IndexFunc(m.clock, func(c int64) bool { return c > wall })
	}
	return m.at[i]
}

func (m *slow) closes(wall int64) int64 {
	for i := range slices.Backward(m.clock) {
		if m.clock[i] == wall {
			return m.at[i]
		}
	}
	return m.opens(wall)
}

// starts returns each minute of the day with the reason that it has.
func (m *slow) starts() map[int64]booking.Reason {
	offered := map[int64]bool{}
	for _, span := range m.r.Hours[m.date.Weekday()] {
		opens := m.opens(m.zero + int64(span.From))
		closes := m.closes(m.zero + int64(span.To))
		for i, at := range m.at {
			label := int(m.clock[i] - m.zero)
			if span.From <= label && label < span.To && (label-span.From)%int(m.s.Grid.Minutes()) == 0 &&
				opens <= at && at+int64(m.s.Duration.Seconds()) <= closes {
				offered[at] = true
			}
		}
	}
	out := map[int64]booking.Reason{}
	for i, at := range m.at {
		if label := m.clock[i] - m.zero; label < 0 || label >= 1440 {
			continue // another day
		}
		out[at] = m.reason(at)
		if !offered[at] && out[at] != booking.TooSoon && out[at] != booking.TooFar {
			out[at] = booking.NotOffered
		}
	}
	return out
}

func (m *slow) reason(start int64) booking.Reason {
	switch {
	case start < m.b.Earliest:
		return booking.TooSoon
	case start > m.b.Latest:
		return booking.TooFar
	}
	return m.room(start)
}

func (m *slow) room(start int64) booking.Reason {
	end := start + int64(m.s.Duration.Seconds())
	switch {
	case within(start, end, func(at int64) bool { return !m.known(at) }):
		return booking.Unknown
	case within(start, end, m.busy):
		return booking.Busy
	case within(start-int64(m.s.Before.Seconds()), end+int64(m.s.After.Seconds()), m.full):
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
	return !mine && !c.Left && (c.Hold == "" || m.f.Now < c.Until)
}

// claims reports whether the owner has a claim on the resource itself.
func (m *slow) claims(of string) bool {
	return slices.ContainsFunc(m.f.Claims, func(c booking.Claim) bool { return m.counts(c) && c.Booking+c.Hold == of })
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
		if slices.ContainsFunc(b.Foreign, now.Overlaps) {
			return true
		}
		for _, o := range b.Own {
			if !m.claims(o.Booking) && now.Overlaps(o.Interval) && m.counted(o, b.Window) {
				return true
			}
		}
	}
	return false
}

// full reports whether no other claim of ours has room in the minute.
func (m *slow) full(at int64) bool {
	now := calendar.Interval{Start: at, End: at + minute}
	here := map[string]bool{}
	for _, c := range m.f.Claims {
		if m.counts(c) && now.Overlaps(c.Padded()) {
			here[c.Booking+c.Hold] = true
		}
	}
	for _, b := range m.f.Busy {
		for _, o := range b.Own {
			if m.claims(o.Booking) && now.Overlaps(o.Interval) && m.counted(o, b.Window) {
				here[o.Booking] = true
			}
		}
	}
	for _, c := range m.f.Others {
		if m.counts(c) && !m.claims(c.Booking+c.Hold) && now.Overlaps(c.Padded()) {
			return true
		}
	}
	return len(here) >= m.r.Capacity
}

// fataler is what a test and a property have in common.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// agree fails the test unless list, question and check say of each minute of the day what the slow way says.
func (m *slow) agree(t fataler) {
	t.Helper()
	st := booking.NewState(m.r, m.s, m.b, m.f)
	list := st.Day(nil, m.date)
	if st.HasSlot(m.date) != (len(list) > 0) {
		t.Fatalf("%s %s: HasSlot is %t, and Day lists %d", m.r.Zone, m.date, st.HasSlot(m.date), len(list))
	}
	if !slices.IsSorted(list) || len(slices.Compact(slices.Clone(list))) != len(list) {
		t.Fatalf("%s %s: not in order, or twice the same: %v", m.r.Zone, m.date, list)
	}
	free := 0
	for at, want := range m.starts() {
		if got := st.Check(at); got != want {
			t.Fatalf("%s %s: Check(%s) is %q, want %q", m.r.Zone, m.date, time.Unix(at, 0).In(m.r.Zone), got, want)
		}
		if want == booking.NotOffered {
			continue
		}
		if want == booking.TooSoon || want == booking.TooFar {
			continue
		}
		if got := st.Check(at + 1); got != booking.NotOffered && got != booking.TooFar {
			t.Fatalf("%s %s: a second after a start time Check is %q", m.r.Zone, m.date, got)
		}
		if want == booking.Free {
			free++
			if _, listed := slices.BinarySearch(list, at); !listed {
				t.Fatalf("%s %s: %s is free and not listed", m.r.Zone, m.date, time.Unix(at, 0).In(m.r.Zone))
			}
		}
	}
	if free != len(list) {
		t.Fatalf("%s %s: %d start times are listed, %d are free", m.r.Zone, m.date, len(list), free)
	}
}

// changes calls yield once for each way in which clocks of the time zone database change between 2015 and 2035, with a zone
// and the date on which they do.
func changes(t *testing.T, yield func(loc *time.Location, d calendar.Date)) {
	names, err := os.ReadFile("../calendar/testdata/zones.txt")
	if err != nil {
		t.Fatal(err)
	}
	type shape struct{ before, after, clock int }
	seen := map[shape]bool{}
	for name := range strings.Lines(string(names)) {
		loc := zone(t, strings.TrimSpace(name))
		at := time.Date(2015, 1, 1, 0, 0, 0, 0, loc)
		for {
			_, end := at.ZoneBounds()
			if end.IsZero() || end.Year() >= 2035 {
				break
			}
			_, before := end.Add(-1).Zone()
			_, after := end.Zone()
			s := shape{before, after, (int(end.Unix()) + before) % day}
			if before != after && !seen[s] {
				seen[s] = true
				yield(loc, calendar.DateOf(end.Unix(), loc))
			}
			at = end
		}
	}
}
