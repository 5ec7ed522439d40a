package google

import (
	"encoding/json"
	"errors"
	"strings"
)

// mask is a parsed partial-response selector; nil selects everything below.
type mask map[string]mask

// selectFields returns the part of v that a fields parameter such as "nextPageToken,items(id,start/date)" names. The
// real service leaves out what was not asked for, and so must this one.
func selectFields(v any, fields string) (any, error) {
	m, rest, err := parseMask(fields, 0)
	if err != nil || rest != "" {
		return nil, errors.New("invalid field selection")
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var generic any
	if err := json.Unmarshal(raw, &generic); err != nil {
		return nil, err
	}
	return m.apply(generic), nil
}

// maxDepth bounds the nesting of a selector.
const maxDepth = 20

func parseMask(s string, depth int) (m mask, rest string, err error) {
	if depth > maxDepth {
		return nil, "", errors.New("selector too deep")
	}
	m = mask{}
	for {
		end := strings.IndexAny(s, ",()")
		path, after := s, ""
		if end >= 0 {
			path, after = s[:end], s[end:]
		}
		if path == "" {
			return nil, "", errors.New("empty field name")
		}
		var sub mask
		if strings.HasPrefix(after, "(") {
			if sub, after, err = parseMask(after[1:], depth+1); err != nil {
				return nil, "", err
			}
			if !strings.HasPrefix(after, ")") {
				return nil, "", errors.New("unclosed selector")
			}
			after = after[1:]
		}
		m.add(strings.Split(path, "/"), sub)
		if !strings.HasPrefix(after, ",") {
			return m, after, nil
		}
		s = after[1:]
	}
}

func (m mask) add(path []string, sub mask) {
	if len(path) == 1 {
		if old := m[path[0]]; old != nil && sub != nil {
			for k, v := range sub {
				old[k] = v
			}
			return
		}
		m[path[0]] = sub
		return
	}
	if m[path[0]] == nil {
		m[path[0]] = mask{}
	}
	m[path[0]].add(path[1:], sub)
}

func (m mask) apply(v any) any {
	if _, all := m["*"]; all || m == nil {
		return v
	}
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, sub := range m {
			if x, ok := v[k]; ok {
				out[k] = sub.apply(x)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = m.apply(x)
		}
		return out
	}
	return v
}
