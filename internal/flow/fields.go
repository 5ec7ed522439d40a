package flow

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

var types = []Type{String, Number, Boolean, Array, Object}

// readData reads the declared data of a screen.
func (d *draft) readData(s *draftScreen, data map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(data)) {
		path := s.path + ".data." + key
		schema, ok := data[key].(map[string]any)
		if !ok {
			d.fault(path, "must be an object with type and __example__")
			continue
		}
		d.checkExample(path, schema)
		d.readField(s, path, key, schema)
	}
}

func (d *draft) readField(s *draftScreen, path, key string, schema map[string]any) {
	f := Field{Key: key, Type: Type(d.stringAt(path, schema, "type"))}
	switch f.Type {
	case String, Number, Boolean:
	case Array:
		items := d.objectAt(path, schema, "items")
		if items == nil {
			d.fault(path, `an array needs items: "items": {"type": "string"} or an object with properties`)
			return
		}
		f.itemType = Type(d.stringAt(path+".items", items, "type"))
		properties := d.objectAt(path+".items", items, "properties")
		f.Items = slices.Sorted(maps.Keys(properties))
		if main, ok := properties["main-content"].(map[string]any); ok {
			inner := d.objectAt(path+".items.properties.main-content", main, "properties")
			f.mainContent = slices.Sorted(maps.Keys(inner))
		}
	case Object:
		if d.objectAt(path, schema, "properties") == nil {
			d.fault(path, `an object needs properties: "properties": {…}`)
		}
	case "":
		d.fault(path, "type is missing: one of string, number, boolean, array, object")
		return
	default:
		d.fault(path, "type %q is not known: one of string, number, boolean, array, object", f.Type)
		return
	}
	s.Data = append(s.Data, f)
}

// checkExample wants __example__ once, at the top of a data key, with the declared type.
func (d *draft) checkExample(path string, schema map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(schema)) {
		if strings.HasPrefix(key, "__") && key != "__example__" {
			d.fault(path, "%s is no key of Flow JSON: write __example__, with two underscores on both sides", key)
		}
		if key != "__example__" && holdsExample(schema[key]) {
			d.fault(path, "__example__ inside %s is refused: it belongs at the top of the data key only", key)
		}
	}
	example, found := schema["__example__"]
	declared, _ := schema["type"].(string)
	switch {
	case !found && !holdsExample(schema): // else the misspelt one was named above
		d.fault(path, "__example__ is missing: add a sample value of the declared type")
	case found && slices.Contains(types, Type(declared)) && typeOf(example) != Type(declared):
		d.fault(path, "__example__ is of type %s, but the key is declared as %s", typeOf(example), declared)
	}
}

func holdsExample(value any) bool {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			if strings.HasPrefix(key, "__example") || holdsExample(inner) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, holdsExample)
	}
	return false
}

func typeOf(value any) Type {
	switch value.(type) {
	case string:
		return String
	case bool:
		return Boolean
	case json.Number, float64:
		return Number
	case []any:
		return Array
	case map[string]any:
		return Object
	}
	return "null"
}

// isList says whether the field can be an option list: an array of objects.
func (f *Field) isList() bool {
	return f.Type == Array && (f.itemType == Object || len(f.Items) > 0)
}

// showsOptions says whether the items declare what every selector needs.
func (f *Field) showsOptions() bool {
	has := func(key string) bool { return slices.Contains(f.Items, key) }
	return has("id") && (has("title") || has("main-content"))
}
