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
	opened map[*slow][]calendar.Interval
}

// open reports whether the resource is open in each minute of an appointment, whatever stretch of hours that belongs to.
func (m *slowTeam) open(of *slow, start int64) bool {
	spans, known := m.opened[of]
	if !known {
		for n := -1; n <= 1; n++ {
			zero := of.zero + int64(n)*1440
			for _, span := range of.r.Hours[of.date.AddDays(n).Weekday()] {
				spans = append(spans, calendar.Interval{
					Start: of.opens(zero + int64(span.From)), End: of.closes(zero + int64(span.To)),
				})
			}
		}
		m.opened[of] = spans
	}
	return !within(start, start+int64(of.s.Duration.Seconds()), func(at int64) bool {
		return !slices.ContainsFunc(spans, func(s calendar.Interval) bool { return s.Start <= at && at < s.End })
	})
}

func (m *slowTeam) accompany(of *slow, start int64) booking.Reason {
	if !m.open(of, start) {
		return booking.NotOffered
	}
	return of.reason(start)
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
		chosen := drawSlow(rt, zone(t, o.zone), d)
		want := &slowTeam{chosen: chosen, opened: map[*slow][]calendar.Interval{}}
		var all []*slow
		for _, id := range []string{"room-1", "room-2", "room-3"} {
			m := drawSlow(rt, zone(t, elsewhere), d)
			m.r.ID, m.s, m.b = id, chosen.s, chosen.b
			if rapid.Bool().Draw(rt, "open all day") {
				for w := range m.r.Hours {
					m.r.Hours[w] = []booking.Span{{From: 0, To: 600}, {From: 600, To: 1440}}
				}
			}
			all = append(all, m)
		}
		chosenState := booking.NewState(chosen.r, chosen.s, chosen.b, chosen.f)
		var needs [][]*booking.State
		for range rapid.IntRange(0, 3).Draw(rt, "needs") {
			var options []*slow
			var states []*booking.State
			for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, 3), 0, 4, rapid.ID[int]).Draw(rt, "options") {
				if i == len(all) {
					options, states = append(options, chosen), append(states, chosenState)
					continue
				}
				options = append(options, all[i])
				states = append(states, booking.NewState(all[i].r, all[i].s, all[i].b, all[i].f))
			}
			want.needs, needs = append(want.needs, options), append(needs, states)
		}
		want.agree(rt, booking.NewTeam(chosenState, needs...))
	})
}

func (m *slowTeam) agree(t *rapid.T, team *booking.Team) {
	t.Helper()
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
			reason, who = m.fill(at, m.accompany)
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
			m.room1.r.Capacity = 2
			m.room1.f.Claims = []booking.Claim{m.room1.claim(ten, eleven, "x")}
		}, all, []string{"adams", "room1"}},
		{"the room is not known", [][]int{{1}}, func(m team) { m.room1.f.Busy[0] = nil }, nil, nil},
		{"the room opens later, on its own grid", [][]int{{1}}, func(m team) {
			m.room1.r.Hours[time.Wednesday] = []booking.Span{{From: 9*60 + 50, To: 11*60 + 40}}
		}, []string{"10:00", "10:30"}, nil},
		{"the room is open in two stretches that touch", [][]int{{1}}, func(m team) {
			m.room1.r.Hours[time.Wednesday] = []booking.Span{{From: 0, To: ten + 15}, {From: ten + 15, To: 1440}}
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
			m.doctor.s.After = 5 * time.Minute
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
// open is open then too.
func TestTeamWhereMidnightComesTwice(t *testing.T) {
	loc := zone(t, "America/St_Johns")
	s := &booking.Service{Duration: time.Minute, Grid: time.Minute}
	always := func(id string) *booking.State {
		r := &booking.Resource{ID: id, Zone: loc, Capacity: 1, Blocks: []calendar.ID{"g/" + calendar.ID(id)}}
		for day := range r.Hours {
			r.Hours[day] = []booking.Span{{From: 0, To: 24 * 60}}
		}
		f := booking.Facts{Busy: []*calendar.Busy{{Window: calendar.Interval{End: 1 << 40}}}}
		return booking.NewState(r, s, booking.Bounds{Latest: 1 << 40}, f)
	}
	team := booking.NewTeam(always("adams"), []*booking.State{always("room")})
	for _, at := range []string{"2010-11-07T02:29:00Z", "2010-11-07T02:30:00Z", "2010-11-07T02:55:00Z", "2010-11-07T03:30:00Z"} {
		start, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if why, _ := team.Check(start.Unix()); why != booking.Free {
			t.Errorf("%s: %s", at, why)
		}
	}
}
