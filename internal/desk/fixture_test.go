package desk_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/internal/desk"
	"slotd/store"
	"slotd/store/kv"
	"slotd/store/kv/bolt"
)

// monday is 08:00 UTC, 09:00 in Berlin, 03:00 in New York.
var monday = time.Date(2027, 3, 1, 8, 0, 0, 0, time.UTC)

// clinic is a business with two departments: heart (Adams and Baker) and skin (Clark, in New York, and Baker).
type clinic struct {
	t     *testing.T
	path  string
	now   time.Time
	db    *faultDB
	store *store.Store
	cfg   desk.Config
	*desk.Desk
}

// open makes a clinic whose calendars are all read, fresh and empty.
func open(t *testing.T, change ...func(*desk.Config)) *clinic {
	t.Helper()
	c := &clinic{t: t, path: filepath.Join(t.TempDir(), "slotd.db"), now: monday}
	if err := bolt.Create(c.path); err != nil {
		t.Fatal(err)
	}
	c.openDB()
	if err := store.Create(t.Context(), c.db, monday); err != nil {
		t.Fatal(err)
	}
	c.cfg = c.config()
	for _, f := range change {
		f(&c.cfg)
	}
	c.openDesk()
	for _, cal := range c.calendars() {
		c.read(cal)
	}
	t.Cleanup(func() { _ = c.db.Close() })
	return c
}

func (c *clinic) openDB() {
	c.t.Helper()
	db, err := bolt.Open(c.path, bolt.Options{})
	if err != nil {
		c.t.Fatal(err)
	}
	c.db = &faultDB{DB: db}
}

func (c *clinic) openDesk() {
	c.t.Helper()
	var err error
	if c.store, err = store.Open(c.t.Context(), c.db); err != nil {
		c.t.Fatal(err)
	}
	c.cfg.Store = c.store
	if c.Desk, err = desk.New(c.cfg); err != nil {
		c.t.Fatal(err)
	}
}

// reopen restarts the daemon: what was not committed is gone.
func (c *clinic) reopen() {
	c.t.Helper()
	if err := c.store.FlushChecked(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
	if err := c.db.Close(); err != nil {
		c.t.Fatal(err)
	}
	c.openDB()
	c.openDesk()
}

func (c *clinic) config() desk.Config {
	berlin, newYork := zone(c.t, "Europe/Berlin"), zone(c.t, "America/New_York")
	return desk.Config{
		Business: booking.Business{
			Zone:        berlin,
			Rules:       booking.Rules{Notice: new(2 * time.Hour), Horizon: new(9 * 24 * time.Hour)},
			Departments: []booking.Department{{ID: "heart"}, {ID: "empty"}, {ID: "skin"}},
			Services: []booking.Service{
				{ID: "check", Rules: booking.Rules{Duration: new(30 * time.Minute), Grid: new(15 * time.Minute)}},
				{ID: "scan", Rules: booking.Rules{
					Duration: new(45 * time.Minute), Before: new(10 * time.Minute), After: new(5 * time.Minute),
				}},
				{ID: "nobody", Rules: booking.Rules{Duration: new(time.Hour)}},
			},
			Resources: []booking.Resource{
				resource("adams", berlin, []string{"heart"}, []string{"check"}),
				resource("baker", berlin, []string{"heart", "skin"}, []string{"check", "scan"}),
				resource("clark", newYork, []string{"skin"}, []string{"scan"}),
			},
		},
		ServeWithin: 15 * time.Minute, TokenTTL: 24 * time.Hour,
		Identity: func(cal calendar.ID, booking, resource string, attempt int) string {
			return fmt.Sprint(cal, booking, resource, attempt)
		},
		Now: func() time.Time { return c.now },
	}
}

// resource is open from 9 to 12 and from 13 to 17, Monday to Friday, and on Saturday evening until midnight.
func resource(id string, zone *time.Location, departments, services []string) booking.Resource {
	var hours booking.Hours
	for day := time.Monday; day <= time.Friday; day++ {
		hours[day] = []booking.Span{{From: 9 * 60, To: 12 * 60}, {From: 13 * 60, To: 17 * 60}}
	}
	hours[time.Saturday] = []booking.Span{{From: 21 * 60, To: 24 * 60}}
	return booking.Resource{
		ID: id, Departments: departments, Services: services, Zone: zone, BookInto: calendar.ID("g/" + id),
		Blocks: []calendar.ID{calendar.ID("g/" + id)}, Rules: booking.Rules{Hours: &hours},
	}
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func (c *clinic) calendars() []calendar.ID {
	var out []calendar.ID
	for _, r := range c.cfg.Resources {
		out = append(out, r.Blocks...)
	}
	return out
}

// read stores a snapshot of a calendar that begins now and holds the given foreign busy time.
func (c *clinic) read(cal calendar.ID, busy ...calendar.Interval) {
	c.t.Helper()
	window := calendar.Between(c.now.Add(-24*time.Hour), c.now.Add(14*24*time.Hour))
	c.snapshot(cal, &calendar.Busy{Window: window, Foreign: busy})
}

func (c *clinic) snapshot(cal calendar.ID, b *calendar.Busy) {
	c.t.Helper()
	err := c.store.Update(c.t.Context(), func(tx *store.Tx) error {
		tx.PutSnapshot(cal, b, store.Mirror{Window: b.Window, ReadAt: c.now})
		return nil
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.store.MarkChecked(cal, c.now)
}

// dump returns all that is stored.
func (c *clinic) dump() map[string]string {
	c.t.Helper()
	out := map[string]string{}
	err := c.db.View(context.Background(), func(r kv.Reader) error {
		for item, err := range r.Scan("", "") {
			if err != nil {
				return err
			}
			out[item.Key] = string(item.Value)
		}
		return nil
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return out
}

// bookings returns all bookings.
func (c *clinic) bookings() []*booking.Booking {
	c.t.Helper()
	var out []*booking.Booking
	err := c.store.View(context.Background(), func(r *store.Reader) error {
		ids, err := r.BookingIDs(monday.AddDate(0, 0, -1), monday.AddDate(0, 1, 0), 1000)
		if err != nil {
			return err
		}
		for _, id := range ids {
			b, err := r.Booking(id)
			if err != nil {
				return err
			}
			out = append(out, b)
		}
		return nil
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return out
}

func (c *clinic) token() string {
	c.t.Helper()
	token, err := c.NewToken(c.t.Context(), desk.Invitation{Phone: "491700000001", Name: "Erika"})
	if err != nil {
		c.t.Fatal(err)
	}
	return token
}

var adams = desk.Choice{Department: "heart", Service: "check", Resource: "adams"}

// wish is a confirm with a new token.
func (c *clinic) wish(choice desk.Choice, start int64) desk.Confirm {
	c.t.Helper()
	return desk.Confirm{
		Token: c.token(), Request: fmt.Sprint("confirm ", choice, start), Choice: choice, Start: start,
		Answer: func(b *booking.Booking) []byte {
			return []byte("booked " + b.Reference + " " + b.Placements[0].Resource)
		},
	}
}

func (c *clinic) mustConfirm(w desk.Confirm) desk.Confirmed {
	c.t.Helper()
	done, err := c.Confirm(c.t.Context(), w)
	if err != nil {
		c.t.Fatal(err)
	}
	return done
}

func (c *clinic) mustSlots(choice desk.Choice, day calendar.Date) []int64 {
	c.t.Helper()
	starts, err := c.Slots(c.t.Context(), "", choice, day)
	if err != nil {
		c.t.Fatal(err)
	}
	return starts
}

func (c *clinic) mustCheck(choice desk.Choice, start int64) booking.Reason {
	c.t.Helper()
	why, err := c.Check(c.t.Context(), "", choice, start)
	if err != nil {
		c.t.Fatal(err)
	}
	return why
}

// at is a wall time in Berlin, days after monday.
func at(days, hour, minute int) int64 {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	return time.Date(2027, 3, 1+days, hour, minute, 0, 0, berlin).Unix()
}

func minutes(start int64, n int64) calendar.Interval {
	return calendar.Interval{Start: start, End: start + 60*n}
}

func ids[T any](list []T, id func(T) string) []string {
	var out []string
	for _, v := range list {
		out = append(out, id(v))
	}
	slices.Sort(out)
	return out
}
