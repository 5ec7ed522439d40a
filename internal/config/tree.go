package config

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// kind is the type of a value, in the words of faults.
type kind string

const (
	kindString  kind = "a string"
	kindInteger kind = "an integer"
	kindBool    kind = "true or false"
	kindArray   kind = "an array"
	kindTable   kind = "a table"
	kindDate    kind = "a date"
	kindOther   kind = "a number with a fraction or a time"
)

// node is one value of the file and where it stands. Go-toml's decoder stops at the first value of a wrong type and keeps
// no lines, so the file is read into nodes and each value is judged by itself.
type node struct {
	kind   kind
	line   int
	text   string // string: the value; integer, bool and date: as it is written
	items  []*node
	keys   []string // of a table, in the order of the file
	values map[string]*node
	// inline tables cannot be added to; a table written as a section cannot be written twice; an array of sections can
	// get more of them.
	inline, section, sections bool
}

func newTable(line int) *node {
	return &node{kind: kindTable, line: line, values: map[string]*node{}}
}

func (n *node) set(key string, v *node) {
	n.keys = append(n.keys, key)
	n.values[key] = v
}

// treeReader builds nodes from go-toml's syntax tree.
type treeReader struct {
	path   string
	data   []byte
	parser unstable.Parser
	faults Faults
	// line is that of the offset at, which was asked about last: the next one is near.
	at, line int
}

// readTree returns the root table of the file; nil when its syntax is wrong. The faults are those of the TOML itself.
func readTree(path string, data []byte) (*node, Faults) {
	r := &treeReader{path: path, data: data, line: 1}
	r.parser.Reset(data)
	root := newTable(1)
	current := root
	for r.parser.NextExpression() {
		e := r.parser.Expression()
		switch e.Kind {
		case unstable.KeyValue:
			r.keyValue(current, e)
		case unstable.Table, unstable.ArrayTable:
			current = r.header(root, e)
		}
	}
	if err := r.parser.Error(); err != nil {
		r.syntax(err)
		return nil, r.faults
	}
	if len(r.faults) == 0 {
		r.secondOpinion()
	}
	return root, r.faults
}

// secondOpinion has go-toml decode the file too. What it refuses and we did not see is a fault.
func (r *treeReader) secondOpinion() {
	var all map[string]any
	if err := toml.Unmarshal(r.data, &all); err != nil {
		r.syntax(err)
	}
}

// syntax adds a fault for an error of go-toml, at the place that it points to.
func (r *treeReader) syntax(err error) {
	f := Fault{Path: r.path, Line: 1, Column: 1, Problem: inWords(strings.TrimPrefix(err.Error(), "toml: "))}
	var decode *toml.DecodeError
	var parse *unstable.ParserError
	switch {
	case errors.As(err, &decode):
		f.Line, f.Column = decode.Position()
	case errors.As(err, &parse):
		// As in Parser.Range, but without its panic: the highlight is a part of data, and slicing keeps the capacity's end.
		if at := cap(r.data) - cap(parse.Highlight); at >= 0 && at <= len(r.data) {
			f.Line = r.lineAt(at)
			f.Column = at - (bytes.LastIndexByte(r.data[:at], '\n') + 1) + 1
		}
	}
	r.faults = append(r.faults, f)
}

// inWords adds what to do to those words of go-toml that people who do not know TOML meet first.
func inWords(problem string) string {
	switch {
	case strings.HasSuffix(problem, "at start of value"), strings.Contains(problem, "after array value"):
		return problem + `: texts, times and dates without a year stand in quotes`
	case strings.Contains(problem, "strings cannot have new lines"):
		return problem + ": a quote is missing"
	}
	return problem
}

func (r *treeReader) fault(line int, format string, args ...any) {
	r.faults = append(r.faults, Fault{Path: r.path, Line: line, Problem: fmt.Sprintf(format, args...)})
}

func (r *treeReader) lineAt(offset int) int {
	from, to := min(r.at, offset), max(r.at, offset)
	between := bytes.Count(r.data[from:to], []byte("\n"))
	if offset < r.at {
		between = -between
	}
	r.at, r.line = offset, r.line+between
	return r.line
}

// keys returns the parts of a dotted key and its line.
func (r *treeReader) keys(it unstable.Iterator) (parts []string, line int) {
	for it.Next() {
		k := it.Node()
		if line == 0 {
			line = r.lineAt(int(k.Raw.Offset))
		}
		parts = append(parts, string(k.Data))
	}
	return parts, max(line, 1)
}

// header applies [a.b] or [[a.b]] and returns the table that the following keys belong to. After a fault that is a table
// apart from the tree, so that one fault makes no others.
func (r *treeReader) header(root *node, e *unstable.Node) *node {
	parts, line := r.keys(e.Key())
	parent := r.descend(root, parts[:len(parts)-1], line)
	table := newTable(line)
	table.section = true
	last := parts[len(parts)-1]
	old := parent.values[last]
	switch {
	case e.Kind == unstable.ArrayTable && old == nil:
		parent.set(last, &node{kind: kindArray, line: line, sections: true, items: []*node{table}})
	case e.Kind == unstable.ArrayTable && old.sections:
		old.items = append(old.items, table)
	case e.Kind == unstable.Table && old == nil:
		parent.set(last, table)
	case e.Kind == unstable.Table && old.kind == kindTable && !old.inline && !old.section:
		old.section, old.line = true, line
		return old
	case e.Kind == unstable.Table && old.sections:
		r.fault(line, "[%s] is written as [[%[1]s]] on line %d: use double brackets here too", strings.Join(parts, "."), old.line)
	default:
		r.fault(line, "%s is set already on line %d", strings.Join(parts, "."), old.line)
	}
	return table
}

// descend walks down a dotted key and makes the tables that are missing.
func (r *treeReader) descend(t *node, parts []string, line int) *node {
	for _, part := range parts {
		next := t.values[part]
		if next != nil && next.sections {
			next = next.items[len(next.items)-1]
		}
		switch {
		case next == nil:
			next = newTable(line)
			t.set(part, next)
		case next.kind != kindTable || next.inline:
			r.fault(line, "%s is set already on line %d and cannot be added to", part, next.line)
			return newTable(line)
		}
		t = next
	}
	return t
}

func (r *treeReader) keyValue(t *node, e *unstable.Node) {
	parts, line := r.keys(e.Key())
	t = r.descend(t, parts[:len(parts)-1], line)
	last := parts[len(parts)-1]
	if old := t.values[last]; old != nil {
		r.fault(line, "%s is set already on line %d", strings.Join(parts, "."), old.line)
		return
	}
	t.set(last, r.value(e.Value(), line))
}

// value copies a value; line is where its key stands.
func (r *treeReader) value(e *unstable.Node, line int) *node {
	if e.Raw.Length > 0 {
		line = r.lineAt(int(e.Raw.Offset))
	}
	n := &node{kind: kindOther, line: line, text: string(e.Data)}
	switch e.Kind {
	case unstable.String:
		n.kind = kindString
	case unstable.Integer:
		n.kind = kindInteger
	case unstable.Bool:
		n.kind = kindBool
	case unstable.LocalDate:
		n.kind = kindDate
	case unstable.Array:
		n.kind = kindArray
		for it := e.Children(); it.Next(); {
			if it.Node().Kind != unstable.Comment {
				n.items = append(n.items, r.value(it.Node(), line))
			}
		}
	case unstable.InlineTable:
		n = newTable(line)
		for it := e.Children(); it.Next(); {
			if it.Node().Kind == unstable.KeyValue {
				r.keyValue(n, it.Node())
			}
		}
		n.inline = true
	}
	return n
}

// integer returns the value of an integer node. TOML's spellings (0x, _) are Go's.
func (n *node) integer() (int64, bool) {
	v, err := strconv.ParseInt(n.text, 0, 64)
	return v, err == nil
}
