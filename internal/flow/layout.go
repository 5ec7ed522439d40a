package flow

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// optionLimits are the most options that a component takes; defaultLimit is for the others and for unknown ones.
var optionLimits = map[string]int{"Dropdown": 200}

const defaultLimit = 20

// reference finds ${data.x}, ${form.x} and ${screen.ID.data.x}: groups are screen, kind and key.
var reference = regexp.MustCompile(`\$\{(?:screen\.([^.}]+)\.)?(data|form)\.([^.}\[\s]+)`)

func (d *draft) readLayout(s *draftScreen, object map[string]any) {
	path := s.path + ".layout"
	if _, found := object["layout"]; !found {
		d.fault(path, `is missing: "layout": {"type": "SingleColumnLayout", "children": […]}`)
		return
	}
	layout := d.objectAt(s.path, object, "layout")
	if layout == nil {
		return
	}
	if d.stringAt(path, layout, "type") == "" {
		d.fault(path, `type is missing: "type": "SingleColumnLayout"`)
	}
	if _, found := layout["children"]; !found {
		d.fault(path, "children is missing: the list of components")
	}
	s.footers = d.readChildren(s, path+".children", d.listAt(path, layout, "children"))
}

// readChildren reads components and returns how many Footers can show at once.
func (d *draft) readChildren(s *draftScreen, path string, list []any) int {
	footers := 0
	for i, value := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		if object, ok := value.(map[string]any); ok {
			footers += d.readComponent(s, at, object)
		} else {
			d.fault(at, "must be a component: an object with type")
		}
	}
	return footers
}

func (d *draft) readComponent(s *draftScreen, path string, object map[string]any) int {
	c := Component{Type: d.stringAt(path, object, "type"), Name: d.stringAt(path, object, "name"), Props: object}
	if c.Type == "" {
		d.fault(path, `a component needs a type, such as "TextBody"`)
	}
	if c.Name != "" && c.Type != "Form" {
		s.inputs[c.Name] = true
	}
	for _, key := range []string{"data-source", "list-items"} {
		if source, ok := object[key].(string); ok {
			if m := reference.FindStringSubmatch(source); m != nil && m[1] == "" && m[2] == "data" {
				c.Source = m[3]
			}
		}
	}
	s.Components = append(s.Components, c)
	footers, branches := 0, 0
	if c.Type == "Footer" {
		footers = 1
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		at := path + "." + key
		switch value := object[key]; key {
		case "children":
			footers += d.readChildren(s, at, d.listAt(path, object, key))
		case "then", "else":
			branches = max(branches, d.readChildren(s, at, d.listAt(path, object, key)))
		case "cases":
			cases := d.objectAt(path, object, key)
			for _, name := range slices.Sorted(maps.Keys(cases)) {
				branches = max(branches, d.readChildren(s, at+"."+name, d.listAt(at, cases, name)))
			}
		default:
			d.readProperty(s, c.Type, at, key, value)
		}
	}
	return footers + branches // only one branch of an If or Switch shows at a time
}

// readProperty notes the strings of a property and the actions in it. Actions may also sit on fixed items of a list.
func (d *draft) readProperty(s *draftScreen, component, path, key string, value any) {
	if strings.HasPrefix(key, "on-") && strings.HasSuffix(key, "-action") {
		d.readAction(s, component, path, key, value)
	}
	switch v := value.(type) {
	case string:
		s.texts = append(s.texts, draftText{path: path, text: v})
	case []any:
		for i, item := range v {
			d.readProperty(s, component, fmt.Sprintf("%s[%d]", path, i), "", item)
		}
	case map[string]any:
		for _, inner := range slices.Sorted(maps.Keys(v)) {
			d.readProperty(s, component, path+"."+inner, inner, v[inner])
		}
	}
}

func (d *draft) readAction(s *draftScreen, component, path, key string, value any) {
	object, ok := value.(map[string]any)
	if !ok {
		d.fault(path, `must be an action: {"name": "data_exchange", "payload": {…}}`)
		return
	}
	a := draftAction{path: path}
	a.Component, a.Trigger = component, Select
	if key == "on-click-action" {
		a.Trigger = Tap
	}
	a.Name = d.stringAt(path, object, "name")
	if a.Name == "" {
		d.fault(path, "an action needs a name: data_exchange, navigate, complete, …")
	}
	if next := d.objectAt(path, object, "next"); next != nil {
		a.Next = d.stringAt(path+".next", next, "name")
	}
	a.payload = d.objectAt(path, object, "payload")
	a.Keys, a.Static = map[string]Name{}, map[string]string{}
	for key, value := range a.payload {
		constant, ok := text(value)
		if ok && !strings.Contains(constant, "${") {
			a.Static[key] = constant
		} else {
			a.Keys[key] = ""
		}
	}
	s.actions = append(s.actions, a)
}

// limit is how many options the components fed by a data key can hold.
func (s *draftScreen) limit(key string) int {
	limit := 0
	for _, c := range s.Components {
		if c.Source != key {
			continue
		}
		of, known := optionLimits[c.Type]
		if !known {
			of = defaultLimit
		}
		if limit == 0 || of < limit {
			limit = of
		}
	}
	if limit == 0 {
		return defaultLimit
	}
	return limit
}
