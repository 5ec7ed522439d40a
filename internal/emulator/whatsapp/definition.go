package whatsapp

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// object is a JSON object as the phone holds it: data, payloads, component properties.
type object = map[string]any

// success is the reserved screen id by which an endpoint ends a Flow. It is not a screen of the Flow JSON.
const success = "SUCCESS"

// definition is the phone's own reading of a Flow JSON: only what is needed to run it.
type definition struct {
	version string
	dataAPI string
	entry   string
	screens map[string]*screenDef
	// routing holds the declared forward edges. Nil: the Flow declares none, so every step is legal.
	routing map[string][]string
}

type screenDef struct {
	id            string
	terminal      bool
	refreshOnBack bool
	// schema maps each declared data key to its schema. Empty: the screen takes no data.
	schema   map[string]object
	children []any
}

// readDefinition reads a Flow JSON. It refuses what it cannot run; it is no replacement for Meta's publishing checks.
func readDefinition(text []byte) (*definition, error) {
	var raw struct {
		Version string              `json:"version"`
		DataAPI string              `json:"data_api_version"`
		Routing map[string][]string `json:"routing_model"`
		Screens []struct {
			ID            string            `json:"id"`
			Terminal      bool              `json:"terminal"`
			RefreshOnBack bool              `json:"refresh_on_back"`
			Data          map[string]object `json:"data"`
			Layout        struct {
				Children []any `json:"children"`
			} `json:"layout"`
		} `json:"screens"`
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, fmt.Errorf("read the flow json: %w", err)
	}
	if len(raw.Screens) == 0 {
		return nil, errors.New("read the flow json: no screens")
	}
	def := &definition{version: raw.Version, dataAPI: raw.DataAPI, routing: raw.Routing,
		screens: make(map[string]*screenDef)}
	if def.dataAPI == "" {
		def.dataAPI = "3.0"
	}
	for i, s := range raw.Screens {
		if s.ID == "" || s.ID == success || def.screens[s.ID] != nil {
			return nil, fmt.Errorf("read the flow json: screen %d has no usable id of its own", i+1)
		}
		def.screens[s.ID] = &screenDef{id: s.ID, terminal: s.Terminal, refreshOnBack: s.RefreshOnBack,
			schema: s.Data, children: s.Layout.Children}
		if def.entry == "" && def.isEntry(s.ID) {
			def.entry = s.ID
		}
	}
	if def.entry == "" {
		return nil, errors.New("read the flow json: every screen has an inbound edge, so none can open the flow")
	}
	return def, nil
}

// isEntry says whether nothing in the routing model leads to the screen.
func (d *definition) isEntry(id string) bool {
	for _, targets := range d.routing {
		if slices.Contains(targets, id) {
			return false
		}
	}
	return true
}

// edge says whether the routing model declares from → to.
func (d *definition) edge(from, to string) bool {
	return d.routing == nil || slices.Contains(d.routing[from], to)
}

// signsTokens says whether requests of this Flow carry a flow_token_signature: Flow JSON 7.3 and data API 4.0 on.
func (d *definition) signsTokens() bool {
	return atLeast(d.version, 7, 3) && atLeast(d.dataAPI, 4, 0)
}

func atLeast(version string, major, minor int) bool {
	first, second, _ := strings.Cut(version, ".")
	a, errA := strconv.Atoi(first)
	b, errB := strconv.Atoi(second)
	if errA != nil || errB != nil {
		return false
	}
	return a > major || a == major && b >= minor
}

// asObject, asString, asList read loosely: a value of another type is the zero value.
func asObject(v any) object {
	o, _ := v.(object)
	return o
}

func asString(v any) string {
	s, _ := v.(string)
	return s
}

func asList(v any) []any {
	l, _ := v.([]any)
	return l
}
