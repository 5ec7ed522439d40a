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
	places := map[string]place{}
	for i := range f.Screens {
		places[f.Screens[i].ID] = placeOf(&f.Screens[i])
	}
	out := map[string]order{}
	for id, at := range places {
		before := ancestors(f, id)
		asked := slices.ContainsFunc(before, func(b string) bool { return places[b].who >= 0 })
		later := false
		for other, p := range places {
			later = later || p.who >= 0 && other != id && slices.Contains(ancestors(f, other), id)
		}
		above := at.day >= 0 && at.day < at.who && at.refreshes
		out[id] = order{
			asksWho: at.who >= 0, narrows: at.who >= 0 && (at.day < 0 || above),
			whoLater: !asked && (above || at.who < 0 && later),
		}
	}
	for id, o := range out {
		o.dayFirst = slices.ContainsFunc(append(ancestors(f, id), id), func(s string) bool {
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
