package desk_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/internal/desk"
	"slotd/store"
)

// theatre is a business in which Adams and Baker operate, for which they need one of two rooms.
func theatre(cfg *desk.Config) {
	holding(cfg)
	cfg.Services = append(cfg.Services, booking.Service{
		ID: "surgery", Needs: [][]string{{"room-1", "room-2"}},
		Rules: booking.Rules{Duration: new(time.Hour), Grid: new(30 * time.Minute), After: new(15 * time.Minute)},
	})
	for i := range cfg.Resources[:2] {
		cfg.Resources[i].Services = append(cfg.Resources[i].Services, "surgery")
	}
	cfg.Resources = append(cfg.Resources, resource("room-1", cfg.Zone, nil, nil), resource("room-2", cfg.Zone, nil, nil))
}

// oneRoom leaves the surgery one room, which takes so many at a time.
func oneRoom(capacity int) func(*desk.Config) {
	return func(cfg *desk.Config) {
		theatre(cfg)
		cfg.Services[3].Needs = [][]string{{"room-1"}}
		cfg.Resources[3].Rules.Capacity = &capacity
	}
}

var (
	surgery    = desk.Choice{Department: "heart", Service: "surgery", Resource: "adams"}
	baker1     = desk.Choice{Department: "heart", Service: "surgery", Resource: "baker"}
	anySurgeon = desk.Choice{Department: "heart", Service: "surgery", Resource: desk.Any}
)

// TestNeeds: a booking takes the doctor and the room, and is written to both calendars.
func TestNeeds(t *testing.T) {
	told := map[calendar.ID]int{}
	c := open(t, theatre, func(cfg *desk.Config) { cfg.Written = func(cal calendar.ID) { told[cal]++ } })
	b := c.get(c.mustConfirm(c.wish(surgery, at(1, 10, 0))).Booking)
	if got := b.Active(); !slices.Equal(got, []string{"adams", "room-1"}) || b.Resource != "adams" {
		t.Errorf("active on %v, chosen %s", got, b.Resource)
	}
	want := []booking.Claim{{Interval: minutes(at(1, 10, 0), 60), After: 15 * 60, Booking: b.ID, Service: "surgery"}}
	for i, p := range b.Placements {
		if !slices.Equal(c.claims(p.Resource), want) || p.Calendar != calendar.ID("g/"+p.Resource) || p.Status != booking.Pending {
			t.Errorf("placement %d %+v, claims %v", i, p, c.claims(p.Resource))
		}
	}
	if !maps.Equal(told, map[calendar.ID]int{"g/adams": 1, "g/room-1": 1}) {
		t.Errorf("told %v", told)
	}
	if marks := c.marks(); !slices.Equal(marks, []string{"0", "1"}) {
		t.Errorf("marks of placements %v", marks)
	}
	// Baker gets the other room; then there is none; later the rooms' buffers are over.
	b = c.get(c.mustConfirm(c.wish(baker1, at(1, 10, 30))).Booking)
	if got := b.Active(); !slices.Equal(got, []string{"baker", "room-2"}) {
		t.Errorf("active on %v", got)
	}
	if c.sees("", anySurgeon, at(1, 11, 0)) || c.sees("", surgery, at(1, 9, 0)) || !c.sees("", anySurgeon, at(1, 13, 0)) {
		t.Error("rooms or their buffers do not count")
	}
	if got := ids(c.Resources("", ""), func(r booking.Resource) string { return r.ID }); slices.Contains(got, "room-1") {
		t.Errorf("a room can be chosen: %v", got)
	}
	room := c.wish(desk.Choice{Service: "surgery", Resource: "room-1"}, at(2, 10, 0))
	before := c.dump()
	_, err := c.Confirm(t.Context(), room)
	c.lost(err, booking.NotOffered, before)
}

// marks returns the placements that have an outbox mark, each once.
func (c *clinic) marks() []string {
	c.t.Helper()
	var out []string
	err := c.store.View(c.t.Context(), func(r *store.Reader) error {
		due, err := r.DueMarks(1000)
		for _, d := range due {
			out = append(out, fmt.Sprint(d.Placement))
		}
		return err
	})
	if err != nil {
		c.t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

// TestAllOrNone: a need that nobody can fill means no booking, no hold, and nothing written.
func TestAllOrNone(t *testing.T) {
	slot := at(1, 10, 0)
	tests := []struct {
		name   string
		before func(c *clinic)
		want   booking.Reason
	}{
		{"both rooms busy", func(c *clinic) {
			c.read("g/room-1", minutes(slot, 10))
			c.read("g/room-2", minutes(slot+50*60, 10))
		}, booking.Busy},
		{"one booked, one unknown", func(c *clinic) {
			c.mustConfirm(c.wish(baker1, slot))
			c.store.MarkChecked("g/room-2", time.Time{})
		}, booking.Claimed},
		{"both unknown", func(c *clinic) {
			c.store.MarkChecked("g/room-1", time.Time{})
			c.store.MarkChecked("g/room-2", time.Time{})
		}, booking.Unknown},
		{"the doctor is busy", func(c *clinic) { c.read("g/adams", minutes(slot, 10)) }, booking.Busy},
		{"rooms closed", func(c *clinic) {
			c.cfg.Resources[3].Rules.Hours, c.cfg.Resources[4].Rules.Hours = nil, nil
			c.openDesk()
			c.later(0)
		}, booking.NotOffered},
		{"rooms that are not in the config", func(c *clinic) {
			c.cfg.Services[3].Needs = [][]string{{"room-9"}}
			c.openDesk()
			c.later(0)
		}, booking.NotOffered},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := open(t, theatre)
			wish := c.wish(surgery, slot)
			tt.before(c)
			before := c.dump()
			_, err := c.Confirm(t.Context(), wish)
			c.lost(err, tt.want, before)
			c.lost(c.Hold(t.Context(), wish.Token, surgery, slot), tt.want, before)
			if c.sees(wish.Token, surgery, slot) {
				t.Error("it is listed")
			}
		})
	}
}

// TestRaceForRooms: doctors compete for rooms.
func TestRaceForRooms(t *testing.T) {
	tests := []struct {
		name   string
		change func(*desk.Config)
		want   int
	}{
		{"one room", oneRoom(1), 1},
		{"one room for two", oneRoom(2), 2},
		{"two rooms", theatre, 2},
		{"two rooms that share a calendar", func(cfg *desk.Config) {
			theatre(cfg)
			cfg.Resources[4].BookInto, cfg.Resources[4].Blocks = "g/room-1", []calendar.ID{"g/room-1"}
		}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := open(t, tt.change)
			var wishes []desk.Confirm
			for i := range 24 {
				wishes = append(wishes, c.wish([]desk.Choice{surgery, baker1, anySurgeon}[i%3], at(1, 10, 0)))
			}
			_, errs := c.race(wishes)
			if n := c.winners(errs, booking.Claimed); n != tt.want || len(c.bookings()) != tt.want {
				t.Errorf("%d bookings, %d stored, want %d", n, len(c.bookings()), tt.want)
			}
			for _, b := range c.bookings() {
				if len(b.Placements) != 2 || len(b.Active()) != 2 {
					t.Errorf("placements %+v", b.Placements)
				}
			}
		})
	}
}

// TestHoldWithNeeds: a hold takes the room too, and lets go of both.
func TestHoldWithNeeds(t *testing.T) {
	c := open(t, oneRoom(1))
	me, slot := c.wish(surgery, at(1, 10, 0)), at(1, 10, 0)
	c.mustHold(me.Token, surgery, slot)
	if c.holds("adams") != 1 || c.holds("room-1") != 1 {
		t.Error("not both are held")
	}
	if c.sees("", baker1, slot) || !c.sees("", baker, slot) || !c.sees(me.Token, surgery, slot) || !c.sees(me.Token, anySurgeon, slot) {
		t.Error("the room is hidden from who holds it, or free to others")
	}
	c.mustHold(me.Token, baker1, slot+3600)
	if c.holds("adams") != 0 || c.holds("baker") != 1 || c.holds("room-1") != 1 || !c.sees("", surgery, at(1, 13, 0)) {
		t.Error("the first choice is not released")
	}
	c.mustHold(me.Token, baker, slot) // a service without a room
	if c.holds("room-1") != 0 {
		t.Error("the room stays held")
	}
	c.mustHold(me.Token, surgery, slot)
	b := c.get(c.mustConfirm(me).Booking)
	if c.holds("adams")+c.holds("room-1")+c.holds("baker") != 0 || len(c.claims("room-1")) != 1 || len(b.Placements) != 2 {
		t.Errorf("claims on the room %v", c.claims("room-1"))
	}
}

// TestSharedCalendarHoldOfTwo: doctor and room book into one calendar; one visit's hold of both is one thing there.
func TestSharedCalendarHoldOfTwo(t *testing.T) {
	c := open(t, oneRoom(1), func(cfg *desk.Config) {
		cfg.Resources[3].BookInto, cfg.Resources[3].Blocks = "g/adams", []calendar.ID{"g/adams"}
	})
	me := c.wish(surgery, at(1, 10, 0))
	c.mustHold(me.Token, surgery, me.Start)
	c.mustHold(me.Token, surgery, me.Start+30*60)
	if c.sees("", surgery, me.Start) || !c.sees(me.Token, surgery, me.Start) {
		t.Error("own claims hide, or others' do not")
	}
	c.mustConfirm(me)
	if c.sees("", adams, me.Start) || !c.sees("", adams, at(1, 11, 15)) {
		t.Error("not just the time of the booking is taken")
	}
}
