package config

import (
	"fmt"
	"slices"
	"strings"
)

// decoder turns the tree into a Config and collects faults on the way.
type decoder struct {
	path, dir string
	faults    Faults
	// known are the keys of each section that were asked for: what the file may hold.
	known map[string][]string
}

func (d *decoder) fault(line int, place, format string, args ...any) {
	f := Fault{Path: d.path, Line: line, Place: place, Problem: fmt.Sprintf(format, args...)}
	if !slices.Contains(d.faults, f) { // a value that is read twice is still wrong once
		d.faults = append(d.faults, f)
	}
}

// table reads one table of the file: a section, or one record of an array of them. Every key that it is asked for is
// known; done reports the others.
type table struct {
	d       *decoder
	node    *node
	section string // "server", "account.calendar"
	place   string // as faults name it
}

// sub returns the table under key, an empty one when it is missing or no table.
func (t *table) sub(key string) *table {
	name := strings.TrimPrefix(t.section+"."+key, ".")
	place := "[" + name + "]"
	if t.section != "" {
		place = t.place + " " + key
	}
	sub := &table{d: t.d, section: name, place: place}
	v := t.get(key)
	switch {
	case v == nil:
	case v.kind == kindTable:
		sub.node = v
	case v.sections:
		t.d.fault(v.line, place, "write [%s]: there is only one", name)
	default:
		t.d.fault(v.line, place, "must be a table: write [%s]", name)
	}
	if sub.node == nil {
		sub.node = newTable(t.line(key))
	}
	return sub
}

// records returns the tables of the array under key.
func (t *table) records(key string) []*table {
	v := t.get(key)
	name := strings.TrimPrefix(t.section+"."+key, ".")
	place := strings.TrimSpace(t.place + " [[" + name + "]]")
	if v == nil {
		return nil
	}
	if v.kind == kindTable {
		t.d.fault(v.line, place, "write [[%s]]: there can be several", name)
		v = &node{kind: kindArray, items: []*node{v}}
	}
	if v.kind != kindArray {
		t.d.fault(v.line, place, "must be an array of tables: write [[%s]]", name)
		return nil
	}
	var out []*table
	for _, item := range v.items {
		if item.kind != kindTable {
			t.d.fault(item.line, place, "must hold tables: write [[%s]]", name)
			continue
		}
		out = append(out, &table{d: t.d, node: item, section: name, place: place})
	}
	return out
}

// named gives a record the name by which faults call it, once its id is known.
func (t *table) named(what, id string) {
	if id != "" {
		t.place = fmt.Sprintf("%s %q", what, id)
	}
}

// get returns the value of key, nil when the file does not hold it, and makes the key a known one.
func (t *table) get(key string) *node {
	if known := t.d.known[t.section]; !slices.Contains(known, key) {
		t.d.known[t.section] = append(known, key)
	}
	return t.node.values[key]
}

// line returns the line of key, or that of the table when the key is missing.
func (t *table) line(key string) int {
	if v := t.node.values[key]; v != nil {
		return v.line
	}
	return t.node.line
}

// bad adds a fault about the value of key.
func (t *table) bad(key, format string, args ...any) {
	t.d.fault(t.line(key), t.place, "%s %s", key, fmt.Sprintf(format, args...))
}

// typed returns the value of key when it has the wanted type.
func (t *table) typed(key string, want kind) *node {
	v := t.get(key)
	if v != nil && v.kind != want {
		t.bad(key, "must be %s, not %s", want, v.kind)
		return nil
	}
	return v
}

// str returns a string, or the default when the key is missing or of a wrong type.
func (t *table) str(key, def string) string {
	if v := t.typed(key, kindString); v != nil {
		return v.text
	}
	return def
}

// required returns a string that must be there and not be empty.
func (t *table) required(key, example string) string {
	v := t.get(key)
	if v == nil {
		t.d.fault(t.node.line, t.place, "%s is missing: write %[1]s = %q", key, example)
		return ""
	}
	s := t.str(key, example)
	if s == "" {
		t.bad(key, "is empty: write %s = %q", key, example)
	}
	return s
}

func (t *table) boolean(key string) bool {
	v := t.typed(key, kindBool)
	return v != nil && v.text == "true"
}

// integer returns a number from 1 to high.
func (t *table) integer(key string, def, high int) int {
	v := t.typed(key, kindInteger)
	if v == nil {
		return def
	}
	n, ok := v.integer()
	if !ok || n < 1 || n > int64(high) {
		t.bad(key, "must be from 1 to %d", high)
		return def
	}
	return int(n)
}

// list returns the strings of an array as nodes, each with its line.
func (t *table) list(key string) []*node {
	v := t.typed(key, kindArray)
	if v == nil {
		return nil
	}
	var out []*node
	for _, item := range v.items {
		if item.kind != kindString || item.text == "" {
			t.d.fault(item.line, t.place, "%s must hold non-empty strings only", key)
			continue
		}
		out = append(out, item)
	}
	return out
}

// names returns a list of names without repetition; a repeated one is a fault.
func (t *table) names(key string) []*node {
	var out []*node
	for _, n := range t.list(key) {
		if slices.ContainsFunc(out, func(o *node) bool { return o.text == n.text }) {
			t.d.fault(n.line, t.place, "%s names %q twice", key, n.text)
			continue
		}
		out = append(out, n)
	}
	return out
}

// done reports every key of the table that nobody asked for.
func (t *table) done() {
	known := t.d.known[t.section]
	for _, key := range t.node.keys {
		v := t.node.values[key]
		switch {
		case slices.Contains(known, key):
		case slices.Contains(known, key+"_env"):
			t.bad(key, "must not stand in this file: write %s_file, %[1]s_env or %[1]s_credential", key)
		case t.section == "" && (v.kind == kindTable || v.sections):
			t.d.fault(v.line, t.place, "unknown section %q%s", key, suggest(closest(key, known)))
		case elsewhere[key] != "":
			t.d.fault(v.line, t.place, "unknown key %q here: it stands in %s", key, elsewhere[key])
		default:
			t.d.fault(v.line, t.place, "unknown key %q%s", key, suggest(closest(key, known)))
		}
	}
}

// elsewhere says where keys stand that are easily sought at another level.
var elsewhere = map[string]string{
	"blocklist_file": "[business]",
	"blocked_by":     "[business], [[department]] or [[resource]]",
	"zone":           "[business], [[resource]] or [[account]]",
	"departments":    "[[resource]] or [[holiday]]",
	"services":       "[[resource]]",
	"book_into":      "[[resource]]",
	"needs":          "[[service]]",
	"order":          "[flow]",
}

// closest returns the known name that a mistyped one most likely means, "" when none is close.
func closest(name string, known []string) string {
	best, least := "", max(2, len(name)/2)+1
	for _, k := range known {
		if dist := distance(strings.ToLower(name), strings.ToLower(k)); dist < least && dist < max(len(name), len(k)) {
			best, least = k, dist
		}
	}
	for _, k := range known { // a beginning: derma for dermatology
		if best == "" && len(name) >= 3 && strings.HasPrefix(k, name) {
			best = k
		}
	}
	return best
}

// suggest returns the end of a sentence about an unknown name.
func suggest(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf(" — did you mean %q?", name)
}

// distance is the Levenshtein distance of two words. Long strings are not words and count as far apart.
func distance(a, b string) int {
	if len(a) > 100 || len(b) > 100 {
		return 100
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
