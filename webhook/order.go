package webhook

import (
	"slices"

	"slotd/internal/flow"
)

// order says how one screen stands to the two questions that may come in either order: on which day, and whom to see.
type order struct {
	// asksWho: the screen lists resources.
	asksWho bool
	// narrows: where a day was chosen, the resources that the screen lists are those with a slot on it.
	narrows bool
	// whoLater: the screen asks for something before the Flow asks whom to see, so that it is about everybody.
	whoLater bool
	// dayFirst: on the way to the screen the day is asked first.
	dayFirst bool
}

// ordersOf finds out the order of a Flow from its layout, by screen.
func ordersOf(f *flow.Flow) map[string]order {
	places, before := map[string]place{}, map[string][]string{} // before: the screens on the way to one
	for i := range f.Screens {
		s := &f.Screens[i]
		places[s.ID], before[s.ID] = placeOf(s), ancestors(f, s.ID)
	}
	asksWho := func(id string) bool { return places[id].who >= 0 }
	out := map[string]order{}
	for id, at := range places {
		dayAbove := at.day >= 0 && at.day < at.who && at.refreshes
		asked := slices.ContainsFunc(before[id], asksWho)
		later := false
		for other := range places {
			later = later || asksWho(other) && slices.Contains(before[other], id)
		}
		out[id] = order{
			asksWho:  asksWho(id),
			narrows:  asksWho(id) && (at.day < 0 || dayAbove),
			whoLater: !asked && (dayAbove || !asksWho(id) && later),
		}
	}
	for id, o := range out {
		o.dayFirst = slices.ContainsFunc(append(before[id], id), func(s string) bool {
			return out[s].whoLater && places[s].day >= 0
		})
		out[id] = o
	}
	return out
}

// place is where on a screen the day and the resource are asked, as positions of components; -1: nowhere.
type place struct {
	day, who int
	// refreshes: choosing the day refreshes the screen, so that what is below can depend on it.
	refreshes bool
}

func placeOf(s *flow.Screen) place {
	p := place{day: -1, who: -1}
	for i, c := range s.Components {
		var list flow.Name
		if at := slices.IndexFunc(s.Data, func(f flow.Field) bool { return f.Key == c.Source }); c.Source != "" && at >= 0 {
			list = s.Data[at].Name
		}
		if p.who < 0 && list == flow.Resources {
			p.who = i
		}
		if p.day < 0 && (list == flow.Dates || c.Type == "CalendarPicker" || c.Type == "DatePicker") {
			_, p.refreshes = c.Props["on-select-action"]
			p.day = i
		}
	}
	return p
}
