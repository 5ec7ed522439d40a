package webhook

import (
	"encoding/json"
	"slices"

	"slotd/internal/flow"
)

// ids are the choices whose value is an id that we listed; the others are texts that a customer wrote.
var ids = []flow.Name{
	flow.ChosenDepartment, flow.ChosenService, flow.ChosenResource, flow.ChosenDate, flow.ChosenPart, flow.ChosenSlot,
	flow.Alternative,
}

// The longest id and text that are taken from a payload, in characters. Choices travel back in the answer, which has to
// stay small whatever a client sends.
const (
	maxID   = 100
	maxText = 600
)

// bounded reads a payload. What is too long is cut: an id is then one that nobody listed, and is refused as such.
func bounded(s *flow.Screen, payload map[string]any) (choices map[flow.Name]string, extras map[string]string) {
	choices, extras = s.Choices(payload), s.Extras(payload)
	for name, value := range choices {
		most := maxText
		if slices.Contains(ids, name) {
			most = maxID
		}
		choices[name] = first(value, most)
	}
	for key, value := range extras {
		extras[key] = first(value, maxText)
	}
	return choices, extras
}

// first returns the first characters of s.
func first(s string, most int) string {
	for i := range s {
		if most == 0 {
			return s[:i]
		}
		most--
	}
	return s
}

// unreadable reports whether the payload has a list or an object where an id belongs. It is not taken for no choice:
// what was chosen must never be replaced by a default.
func unreadable(t *turn) bool {
	for key, value := range t.req.Data {
		switch value.(type) {
		case nil, string, bool, json.Number:
			continue
		}
		for _, a := range t.screen.Actions {
			if name := a.Keys[key]; slices.Contains(ids, name) {
				return true
			}
		}
	}
	return false
}

// missing says which choice that an action carries was not made although nothing can go on without it. Empty: none.
func missing(t *turn, by *flow.Action) string {
	if by == nil {
		return ""
	}
	lacks := func(name flow.Name) bool { return carries(*by, name) && t.choices[name] == "" }
	asks := func(list flow.Name) bool {
		return slices.ContainsFunc(t.screen.Data, func(f flow.Field) bool { return f.Name == list })
	}
	switch {
	case lacks(flow.ChosenSlot):
		return textNoSlot
	case lacks(flow.ChosenDate) && !carries(*by, flow.ChosenSlot):
		return textBadDate
	case lacks(flow.ChosenDepartment) && asks(flow.Departments):
		return textNoDepartment
	}
	return ""
}

// asksAlternative reports whether the screen's slots are those that a customer can have instead of a lost one.
func asksAlternative(s *flow.Screen) bool {
	return slices.ContainsFunc(s.Actions, func(a flow.Action) bool { return carries(a, flow.Alternative) })
}

// turnsPages reports whether a long list of slots is shown page by page on the screen, see page.list.
func turnsPages(s *flow.Screen) bool {
	has := func(list flow.Name) bool {
		return slices.ContainsFunc(s.Data, func(f flow.Field) bool { return f.Name == list })
	}
	return has(flow.Slots) && !has(flow.Parts) && !asksAlternative(s)
}
