package config

import (
	"slices"

	"slotd/internal/booking"
)

// need is one entry of a service's needs: the ids of resources of which one is needed, with their lines.
type need struct {
	table *table // of the service
	ids   []*node
}

// needs reads what a service takes beside the chosen resource: each entry is a resource's id, or a list of which one is
// needed. The ids are resolved once the resources are known.
func (t *table) needs(refs *references) [][]string {
	v := t.typed("needs", kindArray)
	if v == nil {
		return nil
	}
	if len(v.items) > booking.MostNeeds {
		t.bad("needs", "has %d entries: %d at most", len(v.items), booking.MostNeeds)
		return nil
	}
	var out [][]string
	for _, item := range v.items {
		n := need{table: t}
		switch {
		case item.kind == kindString:
			n.ids = []*node{item}
		case item.kind == kindArray && len(item.items) > 0:
			n.ids = item.items
		default:
			t.d.fault(item.line, t.place, "needs must hold resources, or lists of those of which one is needed: %s",
				`["laser", ["room-1", "room-2"]]`)
			continue
		}
		var ids []string
		for _, id := range n.ids {
			if id.kind != kindString || id.text == "" || slices.Contains(ids, id.text) {
				t.d.fault(id.line, t.place, "needs must name resources, each once in a list")
				continue
			}
			ids = append(ids, id.text)
			refs.needed(id.text)
		}
		refs.needs = append(refs.needs, n)
		out = append(out, ids)
	}
	return out
}

// needed remembers that a service needs the resource.
func (r *references) needed(id string) {
	if !slices.Contains(r.needIDs, id) {
		r.needIDs = append(r.needIDs, id)
	}
}

// resolveNeeds checks the needs against the resources.
func (d *decoder) resolveNeeds(services []booking.Service, resources []booking.Resource, refs *references) {
	for _, n := range refs.needs {
		for _, id := range n.ids {
			if id.kind == kindString && id.text != "" {
				n.table.resolve(id, "resource", &refs.resources)
			}
		}
	}
	for _, s := range services {
		if !fillable(s.Needs, map[string]bool{}) {
			d.fault(refs.services.lines()[s.ID], quotedPlace("service", s.ID),
				"needs can never be filled: each takes a resource of its own, and there are too few in the lists")
		}
		for _, ids := range s.Needs {
			for _, r := range resources {
				if slices.Contains(ids, r.ID) && slices.Contains(r.Services, s.ID) {
					d.fault(refs.services.lines()[s.ID], quotedPlace("service", s.ID),
						"needs %q, which can be chosen for it too: leave the service out of the services of %[1]q", r.ID)
				}
			}
		}
	}
}

// fillable reports whether each need can have a resource of its own besides those taken. Needs are few.
func fillable(needs [][]string, taken map[string]bool) bool {
	if len(needs) == 0 {
		return true
	}
	for _, id := range needs[0] {
		if taken[id] {
			continue
		}
		taken[id] = true
		if fillable(needs[1:], taken) {
			return true
		}
		delete(taken, id)
	}
	return false
}
