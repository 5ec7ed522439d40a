package booking_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"slotd/internal/booking"
	"slotd/internal/calendar"
)

// slowTeam answers what a Team answers by trying every combination.
type slowTeam struct {
	chosen *slow
	needs  [][]*slow
}

// accompany is why a resource can or cannot be there beside the chosen one: on no grid, and capped by its own rules only.
func accompany(of *slow, start int64) booking.Reason {
	switch {
	case start < of.b.Earliest:
		return booking.TooSoon
	case start > of.b.Latest:
		return booking.TooFar
	case !of.openFrom(start):
		return booking.NotOffered
	case of.cappedAll(start):
		return booking.Capped
	}
	return of.room(start)
}

// fill returns the first of all combinations, in the order of preference, in which all are free and nobody comes twice.
func (m *slowTeam) fill(start int64, ask func(*slow, int64) booking.Reason) (booking.Reason, []string) {
	all := [][]string{{m.chosen.r.ID}}
	for _, need := range m.needs {
		var longer [][]string
		for _, some := range all {
			for _, st := range need {
				if ask(st, start) == booking.Free && !slices.Contains(some, st.r.ID) {
					longer = append(longer, append(slices.Clone(some), st.r.ID))
				}
			}
		}
		all = longer
	}
	if len(all) > 0 {
		return booking.Free, all[0]
	}
	for _, need := range m.needs {
		best := booking.NotOffered
		for _, st := range need {
			why := ask(st, start)
			if why == booking.Free {
				best = booking.Free
				break
			}
			best = max(best, why)
		}
		if best != booking.Free {
			return best, nil
		}
	}
	return booking.Claimed, nil
}

func names(resources []*booking.Resource) []string {
	var out []string
	for _, r := range resources {
		out = append(out, r.ID)
	}
	return out
}

// TestTeamAgainstSlow: a team is free exactly when some combination is, and takes the one that is preferred.
func TestTeamAgainstSlow(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		o := rapid.SampledFrom(odd[:8]).Draw(rt, "day")
		elsewhere := rapid.SampledFrom([]string{o.zone, o.zone, "America/New_York"}).Draw(rt, "zone of the others")
		d := date(t, o.date)
		m, team := drawTeam(rt, zone(t, o.zone), zone(t, elsewhere), d)
		m.agree(rt, team)
	})
}

// drawTeam draws a business of which the chosen service needs some of the resources, and the facts of each.
func drawTeam(t *rapid.T, loc, elsewhere *time.Location, d calendar.Date) (*slowTeam, *booking.Team) {
	noon := d.Interval(loc).Start + 12*hour
	b := drawBusiness(t, loc, elsewhere, d)
	of := drawChoice(t, &b, b.Resources[0].ID)
	for i := range b.Services {
		for range rapid.IntRange(0, 3).Draw(t, "needs") {
			need := rapid.SliceOfNDistinct(rapid.IntRange(0, len(b.Resources)-1), 0, 4, rapid.ID[int]).Draw(t, "options")
			b.Services[i].Needs = append(b.Services[i].Needs, idsOf(b.Resources, need))
		}
	}
	for i := range b.Resources[1:] { // of those that are only needed, some do not do the service
		if r := &b.Resources[1+i]; sometimes(t, "only needed") {
			none := rapid.Bool().Draw(t, "does nothing by itself")
			r.Services = slices.DeleteFunc(r.Services, func(id string) bool { return none || id == of.service })
		}
	}
	c := booking.NewCatalog(b)
	now := drawNow(t, noon)
	facts := map[string]booking.Facts{}
	for _, r := range b.Resources {
		facts[r.ID] = drawFacts(t, &b, len(r.Blocks), noon)
	}
	chosen := newSlow(c, of, booking.Bounds{}, facts[of.resource], d)
	chosen.bound(t, now)
	if sometimes(t, "moving") {
		chosen.as(t)
	}
	m, states := &slowTeam{chosen: chosen}, map[string]*booking.State{}
	var needs [][]*booking.State
	for _, need := range chosen.s.Needs {
		var slows []*slow
		var options []*booking.State
		for _, id := range need {
			beside := newSlow(c, choice{"", id, of.service}, booking.Bounds{}, facts[id], d)
			beside.beside(t, chosen, now)
			if states[id] == nil {
				states[id] = booking.NewState(beside.o, beside.b, beside.f)
			}
			slows, options = append(slows, beside), append(options, states[id])
		}
		m.needs, needs = append(m.needs, slows), append(needs, options)
	}
	return m, booking.NewTeam(booking.NewState(chosen.o, chosen.b, chosen.f), needs...)
}

func idsOf(resources []booking.Resource, some []int) (out []string) {
	for _, i := range some {
		out = append(out, resources[i].ID)
	}
	return out
}

// beside lets the resource accompany the chosen one: for as long, and by its notice and horizon, unless its own are tighter.
func (m *slow) beside(t *rapid.T, chosen *slow, now time.Time) {
	m.o = chosen.o.Beside(m.r.ID)
	m.e.duration, m.e.before, m.e.after = chosen.e.duration, chosen.e.before, chosen.e.after
	m.e.notice, m.e.horizon = chosen.e.notice, chosen.e.horizon
	if own := m.r.Rules.Notice; own != nil {
		m.e.notice = max(m.e.notice, *own)
	}
	if own := m.r.Rules.Horizon; own != nil {
		m.e.horizon = min(m.e.horizon, *own)
	}
	m.bound(t, now)
	m.agreeOnRules(t)
}

func (m *slowTeam) agree(t *rapid.T, team *booking.Team) {
	t.Helper()
	m.chosen.agreeOnRules(t)
	date := m.chosen.date
	list := team.Day([]int64{-1}, date)
	if list[0] != -1 {
		t.Fatalf("Day lost what was in front: %v", list)
	}
	list = list[1:]
	if team.HasSlot(date) != (len(list) > 0) {
		t.Fatalf("HasSlot is %t, and Day lists %d", team.HasSlot(date), len(list))
	}
	n := 0
	for at, reason := range m.chosen.starts() {
		var who []string
		if reason == booking.Free {
			reason, who = m.fill(at, accompany)
		}
		got, resources := team.Check(at)
		if got != reason || !slices.Equal(names(resources), who) {
			t.Fatalf("Check(%s) is %q with %v, want %q with %v", time.Unix(at, 0).UTC(), got, names(resources), reason, who)
		}
		if reason == booking.Free {
			n++
			if !slices.Contains(list, at) {
				t.Fatalf("%s is free and not listed", time.Unix(at, 0).UTC())
			}
		}
		if at%(37*minute) != 0 {
			continue
		}
		if reason, who = m.chosen.room(at), nil; reason == booking.Free {
			reason, who = m.fill(at, (*slow).room)
		}
		if got, resources = team.Room(at); got != reason || !slices.Equal(names(resources), who) {
			t.Fatalf("Room(%s) is %q with %v, want %q with %v", time.Unix(at, 0).UTC(), got, names(resources), reason, who)
		}
	}
	if n != len(list) {
		t.Fatalf("%d start times are listed, %d are free", len(list), n)
	}
}

// TestTeam shows the rules one by one: a doctor from nine to noon, and rooms.
func TestTeam(t *testing.T) {
	const ten, eleven = 10 * 60, 11 * 60
	all := []string{"09:00", "09:30", "10:00", "10:30", "11:00"}
	around := []string{"09:00", "11:00"}
	type team struct{ doctor, room1, room2 *morning }
	tests := []struct {
		name   string
		needs  [][]int // of rooms 1 and 2
		change func(team)
		want   []string
		with   []string // at eleven
	}{
		{"nothing there", [][]int{{1}}, func(team) {}, all, []string{"adams", "room1"}},
		{"the room is busy", [][]int{{1}}, func(m team) {
			m.room1.f.Busy[0].Foreign = []calendar.Interval{m.room1.span(ten, eleven)}
		}, around, []string{"adams", "room1"}},
		{"the room is booked", [][]int{{1}}, func(m team) {
			m.room1.f.Claims = []booking.Claim{m.room1.claim(ten, eleven, "x")}
		}, around, []string{"adams", "room1"}},
		{"the room takes two", [][]int{{1}}, func(m team) {
			m.room1.r.Rules.Capacity = new(2)
			m.room1.f.Claims = []booking.Claim{m.room1.claim(ten, eleven, "x")}
		}, all, []string{"adams", "room1"}},
		{"the room is not known", [][]int{{1}}, func(m team) { m.room1.f.Busy[0] = nil }, nil, nil},
		{"the room opens later, on its own grid", [][]int{{1}}, func(m team) {
			m.room1.r.Rules.Hours[time.Wednesday] = []booking.Span{{From: 9*60 + 50, To: 11*60 + 40}}
		}, []string{"10:00", "10:30"}, nil},
		{"the room is open in two stretches that touch", [][]int{{1}}, func(m team) {
			m.room1.r.Rules.Hours[time.Wednesday] = []booking.Span{{From: 0, To: ten + 15}, {From: ten + 15, To: 1440}}
		}, all, []string{"adams", "room1"}},
		{"another room will do", [][]int{{1, 2}}, func(m team) {
			m.room1.f.Claims = []booking.Claim{m.room1.claim(eleven, eleven+60, "x")}
		}, all, []string{"adams", "room2"}},
		{"both rooms are needed", [][]int{{1}, {2}}, func(m team) {
			m.room2.f.Claims = []booking.Claim{m.room2.claim(ten, eleven, "x")}
		}, around, []string{"adams", "room1", "room2"}},
		{"one room cannot be two", [][]int{{1}, {1}}, func(team) {}, nil, nil},
		{"the first need leaves the second its only one", [][]int{{1, 2}, {1}}, func(team) {}, all,
			[]string{"adams", "room2", "room1"}},
		{"nobody can fill a need", [][]int{{}}, func(team) {}, nil, nil},
		{"the buffers are the room's too", [][]int{{1}}, func(m team) {
			m.doctor.s.Rules.After = new(5 * time.Minute)
			m.room1.s = m.doctor.s
			m.room1.f.Claims = []booking.Claim{m.room1.claim(ten, eleven, "x")}
		}, []string{"11:00"}, []string{"adams", "room1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := team{newMorning(t), newMorning(t), newMorning(t)}
			m.room1.r.ID, m.room2.r.ID = "room1", "room2"
			tt.change(m)
			rooms := []*booking.State{1: m.room1.state(), 2: m.room2.state()}
			var needs [][]*booking.State
			for _, need := range tt.needs {
				var options []*booking.State
				for _, n := range need {
					options = append(options, rooms[n])
				}
				needs = append(needs, options)
			}
			got := booking.NewTeam(m.doctor.state(), needs...)
			var labels []string
			for _, start := range got.Day(nil, m.doctor.d) {
				labels = append(labels, booking.Label(start, m.doctor.r.Zone))
			}
			if !slices.Equal(labels, tt.want) {
				t.Errorf("slots %v, want %v", labels, tt.want)
			}
			if _, with := got.Check(m.doctor.span(eleven, 0).Start); !slices.Equal(names(with), tt.with) {
				t.Errorf("with %v, want %v", names(with), tt.with)
			}
		})
	}
}

// TestTeamWhereMidnightComesTwice: clocks that go back just after midnight show the day before again; a room that is always
// open is open then too, and so is one that opened at the first midnight.
func TestTeamWhereMidnightComesTwice(t *testing.T) {
	loc := zone(t, "America/St_Johns")
	s := booking.Service{ID: "call", Rules: booking.Rules{Duration: new(time.Minute)}}
	open := func(id string, days ...time.Weekday) *booking.State {
		r := booking.Resource{ID: id, Zone: loc, Blocks: []calendar.ID{"g/" + calendar.ID(id)}}
		r.Rules.Hours = &booking.Hours{}
		for _, day := range days {
			r.Rules.Hours[day] = []booking.Span{{From: 0, To: 24 * 60}}
		}
		f := booking.Facts{Busy: []*calendar.Busy{{Window: calendar.Interval{End: 1 << 40}}}}
		return booking.NewState(offer(r, s), booking.Bounds{Latest: 1 << 40}, f)
	}
	adams := open("adams", time.Saturday, time.Sunday)
	always := booking.NewTeam(adams, []*booking.State{open("room", time.Saturday, time.Sunday)})
	onSunday := booking.NewTeam(adams, []*booking.State{open("room", time.Sunday)})
	for _, at := range []string{"2010-11-07T02:29:00Z", "2010-11-07T02:30:00Z", "2010-11-07T02:55:00Z", "2010-11-07T03:30:00Z"} {
		if why, _ := always.Check(unix(t, at)); why != booking.Free {
			t.Errorf("%s: %s", at, why)
		}
		want := booking.Free
		if at < "2010-11-07T02:30" {
			want = booking.NotOffered
		}
		if why, _ := onSunday.Check(unix(t, at)); why != want {
			t.Errorf("%s, with a room that opens on Sunday: %s, want %s", at, why, want)
		}
	}
}
