package flow

import (
	"encoding/json"
)

// Longest texts that a selector takes, in characters. A longer one would fail the whole screen.
const (
	maxTitle       = 30
	maxDescription = 300
	maxMetadata    = 20
)

// Option is one entry of a list.
type Option struct {
	ID, Title, Description, Metadata string
	// Enabled says whether it can be chosen. It is sent only where the file declares it.
	Enabled bool
}

// Values is what an answer has to say, under well-known names. A screen takes from it what it declares.
type Values struct {
	Lists map[Name][]Option
	// Flags overrides what is otherwise derived: a has_… flag is true when its list is not empty.
	Flags map[Name]bool
	// Texts holds texts, and choices that a screen may want back.
	Texts map[Name]string
	// Dates holds unavailable_dates (YYYY-MM-DD) and include_days (Mon to Sun).
	Dates map[Name][]string
	// Echo holds the file's own payload keys and their values, for data keys of the same key. Texts come before it.
	Echo map[string]string
}

// Fill returns the data of an answer that shows the screen: exactly the declared keys, each of its declared type
// and never null. What v does not have is "", [], false, 0 or {}. Option texts are cut to what the components
// take, and a list to its Limit.
func (s *Screen) Fill(v Values) map[string]any {
	data := make(map[string]any, len(s.Data))
	for i := range s.Data {
		data[s.Data[i].Key] = s.Data[i].fill(v)
	}
	return data
}

func (f *Field) fill(v Values) any {
	switch f.Type {
	case String:
		return f.fillString(v)
	case Boolean:
		return f.fillBoolean(v)
	case Array:
		return f.fillArray(v)
	case Number:
		var n json.Number
		if err := json.Unmarshal([]byte(v.Echo[f.Key]), &n); err != nil || n == "" {
			return 0
		}
		return n
	}
	return map[string]any{}
}

func (f *Field) fillString(v Values) string {
	if f.Name != "" {
		if text, found := v.Texts[f.Name]; found {
			return text
		}
	}
	return v.Echo[f.Key]
}

func (f *Field) fillBoolean(v Values) bool {
	g := groupOf(f.Name)
	if g == nil {
		return v.Echo[f.Key] == "true"
	}
	if flag, given := v.Flags[g.flag]; given {
		return flag
	}
	return len(v.Lists[g.many]) > 0
}

func (f *Field) fillArray(v Values) []any {
	out := []any{}
	if !f.isList() {
		for _, date := range v.Dates[f.Name] {
			out = append(out, date)
		}
		return out
	}
	for _, option := range v.Lists[f.Name] {
		if len(out) == f.Limit {
			break
		}
		out = append(out, f.item(option))
	}
	return out
}

// item writes an option as the file declares its items.
func (f *Field) item(o Option) map[string]any {
	item := map[string]any{}
	for _, key := range f.Items {
		switch key {
		case "id":
			item[key] = o.ID
		case "enabled":
			item[key] = o.Enabled
		case "main-content":
			main := map[string]any{"title": cut(o.Title, maxTitle)}
			for _, inner := range f.mainContent {
				o.write(main, inner, 20, 80) // a navigation list has its own limits
			}
			item[key] = main
		default:
			o.write(item, key, maxDescription, maxMetadata)
		}
	}
	return item
}

// write sets one of the texts of an option; empty descriptions are left out, as blank ones are refused.
func (o Option) write(into map[string]any, key string, description, metadata int) {
	switch {
	case key == "title":
		into[key] = cut(o.Title, maxTitle)
	case key == "description" && o.Description != "":
		into[key] = cut(o.Description, description)
	case key == "metadata" && o.Metadata != "":
		into[key] = cut(o.Metadata, metadata)
	}
}

// cut shortens a text to at most so many characters.
func cut(s string, most int) string {
	count := 0
	for i := range s {
		if count == most {
			return s[:i]
		}
		count++
	}
	return s
}
