package flow

import (
	"maps"
	"slices"
	"strings"
)

// checkRouting checks the way through the screens: Meta's rules for the routing model, and that every screen can be
// reached from the one that answers INIT.
func (d *draft) checkRouting() {
	if len(d.screens) == 0 {
		return
	}
	if d.routing == nil && (d.api != "" || d.exchanges()) {
		d.fault("routing_model", `is missing: a Flow with an endpoint needs it, for example {"%s": []}`, d.screens[0].path)
		return
	}
	for _, s := range d.screens {
		if _, listed := d.routing[s.ID]; !listed && d.routing != nil && s.ID != "" {
			d.fault("routing_model", `does not list %s: add "%s": []`, s.ID, s.ID)
		}
	}
	for _, from := range slices.Sorted(maps.Keys(d.routing)) {
		d.checkEdges(from)
	}
	d.checkLoops()
	d.checkReach()
}

func (d *draft) checkEdges(from string) {
	path := "routing_model." + from
	if d.screen(from) == nil {
		d.fault(path, "there is no screen %s", from)
	}
	next := d.routing[from]
	if len(next) > maxEdges {
		d.fault(path, "%d screens follow; Meta takes at most %d", len(next), maxEdges)
	}
	for i, to := range next {
		switch {
		case to == successScreen:
			d.fault(path, "SUCCESS is not a screen: leave it out, every screen may end the Flow")
		case d.screen(to) == nil:
			d.fault(path, "there is no screen %s", to)
		case to == from:
			d.fault(path, "leads to itself: leave it out, an answer may always show the same screen again")
		case slices.Contains(next[:i], to):
			d.fault(path, "lists %s twice", to)
		}
	}
}

// checkLoops names each edge that closes a loop. Going back needs no edge.
func (d *draft) checkLoops() {
	const onPath, done = 1, 2
	state := map[string]int{}
	var trail []string
	var visit func(s *draftScreen)
	visit = func(s *draftScreen) {
		state[s.ID] = onPath
		trail = append(trail, s.ID)
		for _, to := range d.next(s) {
			target := d.screen(to)
			if target == nil || to == s.ID {
				continue
			}
			switch state[to] {
			case onPath:
				loop := append(slices.Clone(trail[slices.Index(trail, to):]), to)
				d.fault("routing_model."+s.ID, "%s is a loop: list forward edges only, going back needs none",
					strings.Join(loop, " → "))
			case done:
			default:
				visit(target)
			}
		}
		trail = trail[:len(trail)-1]
		state[s.ID] = done
	}
	for _, s := range d.screens {
		if state[s.ID] == 0 {
			visit(s)
		}
	}
}

// checkReach wants one entry from which every screen is reached, and a terminal screen on every way.
func (d *draft) checkReach() {
	entry := d.entry()
	if entry == nil {
		d.fault("routing_model", "every screen follows another one, so that none can be the first")
		return
	}
	reached := map[string]bool{}
	var visit func(s *draftScreen, ended bool)
	visit = func(s *draftScreen, ended bool) {
		ended = ended || s.Terminal
		seenKey := s.ID
		if !ended {
			seenKey += " open" // a screen is looked at again when it is also reached without passing a terminal one
		}
		if reached[seenKey] {
			return
		}
		reached[seenKey], reached[s.ID] = true, true
		next := d.next(s)
		if len(next) == 0 && !ended {
			d.fault(s.path, `the way ends here without a terminal screen: add "terminal": true, or a screen that follows`)
		}
		for _, to := range next {
			if target := d.screen(to); target != nil {
				visit(target, ended)
			}
		}
	}
	visit(entry, false)
	for _, s := range d.screens {
		if !reached[s.ID] {
			d.fault(s.path, "no path from the first screen %s reaches this screen: add an edge to routing_model, or remove it",
				entry.path)
		}
	}
}

// entry is the first screen that no other one leads to.
func (d *draft) entry() *draftScreen {
	inbound := map[string]bool{}
	for _, s := range d.screens {
		for _, to := range d.next(s) {
			if to != s.ID {
				inbound[to] = true
			}
		}
	}
	for _, s := range d.screens {
		if !inbound[s.ID] {
			return s
		}
	}
	return nil
}
