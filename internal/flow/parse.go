package flow

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxFlowJSON is Meta's limit for an uploaded file, in bytes.
const maxFlowJSON = 10 << 20

// Parse reads a Flow JSON file and checks it against Meta's rules, as far as they can be seen without asking Meta, and
// against ours. bind maps the file's own data keys and payload keys onto well-known names. The error is a *Faults with
// every fault of the file. Component types and properties that this version does not know are let through: Meta adds
// some often.
func Parse(data []byte, bind map[string]string) (*Flow, error) {
	d := &draft{bind: bind}
	if root := d.decode(data); root != nil {
		d.readFlow(root)
		d.checkFlow()
		d.checkRouting()
		d.bindNames()
		d.checkActions()
	}
	if len(d.faults) > 0 {
		return nil, &d.faults
	}
	return d.finish(), nil
}

// draft is a Flow while it is read: it may be wrong in any way.
type draft struct {
	faults  Faults
	bind    map[string]string
	version string
	api     string
	screens []*draftScreen
	// routing is nil when the file has none.
	routing map[string][]string
	// payload holds every payload key of the file.
	payload map[string]bool
}

type draftScreen struct {
	Screen
	path    string
	actions []draftAction
	texts   []draftText
	inputs  map[string]bool // names that ${form.…} may use
	footers int
}

type draftAction struct {
	Action
	path    string
	payload map[string]any
}

// draftText is a string of the layout, in which bindings are looked for.
type draftText struct {
	path, text string
}

func (d *draft) fault(path, format string, args ...any) {
	d.faults = append(d.faults, Fault{Path: path, Message: fmt.Sprintf(format, args...)})
}

func (d *draft) decode(data []byte) map[string]any {
	if len(data) > maxFlowJSON {
		d.fault("", "the file is larger than 10 MB, which Meta does not take")
		return nil
	}
	var root any
	if err := decodeJSON(data, &root); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			line := 1 + strings.Count(string(data[:min(int(syntax.Offset), len(data))]), "\n")
			d.fault("", "not valid JSON at line %d: %v", line, err)
		} else {
			d.fault("", "not valid JSON: %v", err)
		}
		return nil
	}
	object, ok := root.(map[string]any)
	if !ok {
		d.fault("", "the file must be a JSON object with version and screens")
		return nil
	}
	return object
}

func (d *draft) readFlow(root map[string]any) {
	d.version = d.stringAt("", root, "version")
	d.api = d.stringAt("", root, "data_api_version")
	d.readRouting(root)
	screens := d.listAt("", root, "screens")
	for i, value := range screens {
		path := fmt.Sprintf("screens[%d]", i)
		if object, ok := value.(map[string]any); ok {
			d.screens = append(d.screens, d.readScreen(path, object))
		} else {
			d.fault(path, "must be an object")
		}
	}
}

func (d *draft) readRouting(root map[string]any) {
	model := d.objectAt("", root, "routing_model")
	if model == nil {
		return
	}
	d.routing = map[string][]string{}
	for _, from := range slices.Sorted(maps.Keys(model)) {
		path := "routing_model." + from
		var next []string
		for _, value := range d.listAt("routing_model", model, from) {
			if to, ok := value.(string); ok {
				next = append(next, to)
			} else {
				d.fault(path, "must be a list of screen ids")
			}
		}
		d.routing[from] = next
	}
}

func (d *draft) readScreen(path string, object map[string]any) *draftScreen {
	s := &draftScreen{path: path, inputs: map[string]bool{}}
	s.ID = d.stringAt(path, object, "id")
	if s.ID != "" {
		s.path = s.ID
	}
	s.Title = d.stringAt(s.path, object, "title")
	s.Terminal = d.boolAt(s.path, object, "terminal", false)
	s.Success = d.boolAt(s.path, object, "success", true)
	s.RefreshOnBack = d.boolAt(s.path, object, "refresh_on_back", false)
	d.readData(s, d.objectAt(s.path, object, "data"))
	d.readLayout(s, object)
	return s
}

// finish turns a draft without faults into a Flow.
func (d *draft) finish() *Flow {
	f := &Flow{Version: d.version, DataAPIVersion: d.api}
	for _, s := range d.screens {
		s.Next = d.next(s)
		for _, other := range d.screens {
			if slices.Contains(d.next(other), s.ID) {
				s.Previous = append(s.Previous, other.ID)
			}
		}
		for _, a := range s.actions {
			s.Actions = append(s.Actions, a.Action)
		}
		f.Screens = append(f.Screens, s.Screen)
	}
	return f
}

// next are the screens that may follow: as routed, or for a file without a routing model as navigated.
func (d *draft) next(s *draftScreen) []string {
	if d.routing != nil {
		return d.routing[s.ID]
	}
	var next []string
	for _, a := range s.actions {
		if a.Name == actionNavigate && !slices.Contains(next, a.Next) {
			next = append(next, a.Next)
		}
	}
	return next
}

func (d *draft) screen(id string) *draftScreen {
	for _, s := range d.screens {
		if s.ID == id {
			return s
		}
	}
	return nil
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func (d *draft) stringAt(path string, object map[string]any, key string) string {
	value, found := object[key]
	s, ok := value.(string)
	if found && !ok {
		d.fault(join(path, key), "must be a string")
	}
	return s
}

func (d *draft) boolAt(path string, object map[string]any, key string, missing bool) bool {
	value, found := object[key]
	if !found {
		return missing
	}
	b, ok := value.(bool)
	if !ok {
		d.fault(join(path, key), "must be true or false")
	}
	return b
}

func (d *draft) listAt(path string, object map[string]any, key string) []any {
	value, found := object[key]
	list, ok := value.([]any)
	if found && !ok {
		d.fault(join(path, key), "must be an array")
	}
	return list
}

func (d *draft) objectAt(path string, object map[string]any, key string) map[string]any {
	value, found := object[key]
	m, ok := value.(map[string]any)
	if found && !ok {
		d.fault(join(path, key), "must be an object")
	}
	return m
}
