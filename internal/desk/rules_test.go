package desk_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/internal/desk"
)

var scan = desk.Choice{Department: "heart", Service: "scan", Resource: "baker"}

// TestRoundRobin: any doctor is whoever's newest booking was made the longest ago, however much work they have that day.
func TestRoundRobin(t *testing.T) {
	c := open(t, func(cfg *desk.Config) {
		cfg.Departments[0].Rules.Any = new(booking.RoundRobin)
		cfg.Resources = append(cfg.Resources, resource("drew", cfg.Zone, []string{"heart"}, []string{"check"}))
	})
	next := func(choice desk.Choice, start int64, want string) *booking.Booking {
		t.Helper()
		c.later(time.Second)
		b := c.get(c.mustConfirm(c.wish(choice, start)).Booking)
		if b.Resource != want {
			t.Errorf("at %s: %s, want %s", desk.SlotID(start), b.Resource, want)
		}
		return b
	}
	next(anyDoctor, at(4, 10, 0), "adams")
	next(anyDoctor, at(2, 10, 0), "baker")
	next(anyDoctor, at(3, 10, 0), "drew")
	// What was cancelled was no turn.
	c.must(c.cancel(next(anyDoctor, at(1, 10, 0), "adams").ID))
	next(anyDoctor, at(1, 11, 0), "adams")
	// A doctor who was chosen had the turn, and one who is not free keeps it.
	next(baker, at(1, 11, 0), "baker")
	c.read("g/drew", minutes(at(1, 13, 0), 30))
	next(anyDoctor, at(1, 13, 0), "adams")
	next(anyDoctor, at(1, 14, 0), "drew")
}

// TestCapsAtTheDesk: no list offers, and no confirm or hold takes, more than may be on a day or in a week.
func TestCapsAtTheDesk(t *testing.T) {
	type slot struct {
		choice desk.Choice
		start  int64
	}
	tests := []struct {
		name                string
		change              func(*desk.Config)
		booked, full, still []slot
	}{
		{"a day of the resource", func(cfg *desk.Config) { cfg.Resources[1].Rules.PerDay = new(2) },
			[]slot{{baker, at(1, 9, 0)}, {scan, at(1, 13, 0)}},
			[]slot{{baker, at(1, 16, 0)}, {scan, at(1, 14, 30)}},
			[]slot{{adams, at(1, 16, 0)}, {baker, at(2, 9, 0)}}},
		{"a week of the resource", func(cfg *desk.Config) { cfg.Resources[1].Rules.PerWeek = new(2) },
			[]slot{{baker, at(1, 9, 0)}, {scan, at(4, 13, 0)}},
			[]slot{{baker, at(0, 16, 0)}, {baker, at(5, 23, 30)}},
			[]slot{{adams, at(2, 9, 0)}, {baker, at(7, 9, 0)}}},
		{"a day of each resource of the department", func(cfg *desk.Config) { cfg.Departments[0].Rules.PerDay = new(1) },
			[]slot{{baker, at(1, 9, 0)}},
			[]slot{{scan, at(1, 13, 0)}},
			[]slot{{adams, at(1, 9, 0)}, {desk.Choice{Department: "skin", Service: "scan", Resource: "baker"}, at(1, 13, 0)}}},
		{"a day of the service at each resource", func(cfg *desk.Config) { cfg.Services[0].Rules.PerDay = new(1) },
			[]slot{{scan, at(1, 13, 0)}, {baker, at(1, 9, 0)}},
			[]slot{{baker, at(1, 16, 0)}},
			[]slot{{scan, at(1, 14, 30)}, {adams, at(1, 16, 0)}, {baker, at(2, 9, 0)}}},
		{"a week of the service at each resource", func(cfg *desk.Config) { cfg.Services[0].Rules.PerWeek = new(1) },
			[]slot{{scan, at(4, 13, 0)}, {baker, at(1, 9, 0)}},
			[]slot{{baker, at(4, 9, 0)}},
			[]slot{{scan, at(4, 14, 30)}, {adams, at(4, 9, 0)}, {baker, at(7, 9, 0)}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := open(t, holding, tt.change)
			for _, s := range tt.booked {
				c.mustConfirm(c.wish(s.choice, s.start))
			}
			for _, s := range tt.full {
				wish := c.wish(s.choice, s.start)
				before := c.dump()
				_, err := c.Confirm(t.Context(), wish)
				c.lost(err, booking.Capped, before)
				c.lost(c.Hold(t.Context(), wish.Token, s.choice, s.start), booking.Capped, before)
				if c.sees("", s.choice, s.start) {
					t.Errorf("%s is listed for %+v", desk.SlotID(s.start), s.choice)
				}
			}
			for _, s := range tt.still {
				if !c.sees("", s.choice, s.start) {
					t.Errorf("%s is not listed for %+v", desk.SlotID(s.start), s.choice)
				}
				c.mustConfirm(c.wish(s.choice, s.start))
			}
		})
	}
}

// TestMoveUnderACap: within a day that is full, and by staff into one; a cancel makes room.
func TestMoveUnderACap(t *testing.T) {
	c := open(t, func(cfg *desk.Config) { cfg.Resources[0].Rules.PerDay = new(2) })
	first, second, other := c.book(adams, at(1, 9, 0)), c.book(adams, at(1, 10, 0)), c.book(adams, at(2, 9, 0))
	c.must(c.move(first.ID, at(1, 14, 0), ""))
	before := c.dump()
	_, err := c.move(other.ID, at(1, 15, 0), "")
	c.lost(err, booking.Capped, before)
	c.must(c.Move(t.Context(), desk.Move{Act: staff, Booking: other.ID, Start: at(1, 15, 0), Force: true}))
	c.must(c.cancel(first.ID))
	if c.sees("", adams, at(1, 9, 0)) {
		t.Error("two are left of two, and there is room")
	}
	c.must(c.cancel(second.ID))
	if !c.sees("", adams, at(1, 9, 0)) {
		t.Error("one is left of two, and there is no room")
	}
}

// TestDestinations: a booking can be moved to any time of a day that it alone fills, and to what it takes itself.
func TestDestinations(t *testing.T) {
	c := open(t, func(cfg *desk.Config) { cfg.Resources[0].Rules.PerDay = new(1) })
	b := c.book(adams, at(1, 9, 0))
	free, err := c.Destinations(t.Context(), b, "", at(1, 9, 15), 3)
	if want := []int64{at(1, 9, 0), at(1, 9, 15), at(1, 9, 30)}; err != nil || !slices.Equal(free, want) {
		t.Fatalf("%v, %v; want %v", free, err, want)
	}
	c.must(c.move(b.ID, free[2], ""))
}

// TestLastUnderTheCap: many want the last place of a day, each at another time.
func TestLastUnderTheCap(t *testing.T) {
	c := open(t, func(cfg *desk.Config) { cfg.Resources[0].Rules.PerDay = new(2) })
	c.mustConfirm(c.wish(adams, at(1, 9, 0)))
	var wishes []desk.Confirm
	for i := range 8 {
		wishes = append(wishes, c.wish(adams, at(1, 13, 30*i)))
	}
	_, errs := c.race(wishes)
	if n := c.winners(errs, booking.Capped); n != 1 || len(c.bookings()) != 2 {
		t.Errorf("%d won, %d bookings", n, len(c.bookings()))
	}
}

// TestMoveByTheDepartmentsRules: a booking that was made by way of a department is moved by the rules of that one.
func TestMoveByTheDepartmentsRules(t *testing.T) {
	morning, evening := at(2, 10, 0), at(2, 18, 0)
	tests := []struct {
		department   string
		open, closed int64
		late         bool
	}{
		{"heart", morning, evening, false},
		{"skin", evening, morning, true},
	}
	for _, tt := range tests {
		t.Run(tt.department, func(t *testing.T) {
			c := open(t, func(cfg *desk.Config) {
				cfg.Departments[2].Rules = booking.Rules{
					Dates:      booking.Dated{calendar.DateOf(evening, cfg.Zone): {{From: 18 * 60, To: 20 * 60}}},
					MoveNotice: new(3 * 24 * time.Hour),
				}
			})
			b := c.book(desk.Choice{Department: tt.department, Service: "check", Resource: "baker"}, at(4, 10, 0))
			before := c.dump()
			_, err := c.move(b.ID, tt.closed, "")
			c.lost(err, booking.NotOffered, before)
			c.must(c.move(b.ID, tt.open, ""))
			var late *desk.NoticeError
			if _, err := c.move(b.ID, at(4, 10, 0), ""); errors.As(err, &late) != tt.late {
				t.Errorf("less than three days ahead: %v", err)
			}
		})
	}
}

// TestMoveAwayByTheRulesOfWhereItIs: the least time from a move to the appointment is that of the resource which it leaves.
func TestMoveAwayByTheRulesOfWhereItIs(t *testing.T) {
	c := open(t, func(cfg *desk.Config) { cfg.Resources[0].Rules.MoveNotice = new(3 * 24 * time.Hour) })
	b := c.book(adams, at(1, 10, 0))
	var late *desk.NoticeError
	if _, err := c.move(b.ID, at(1, 11, 0), "baker"); !errors.As(err, &late) {
		t.Errorf("away from adams: %v", err)
	}
	c.must(c.move(c.book(baker, at(1, 15, 0)).ID, at(1, 16, 0), "adams"))
}
