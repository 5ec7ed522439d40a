package whatsapp

import (
	"strconv"
	"strings"
)

// scope looks up a reference such as "data.slots", "form.day" or "screen.DETAILS.form.name".
type scope func(path string) (any, bool)

// resolve evaluates a property or payload: a string that is one whole reference becomes its value, a back-ticked
// expression its result, objects and lists are resolved inside. ok is false where a reference leads nowhere; inside
// objects and lists such values are left out, as JSON.stringify leaves out undefined.
func (s scope) resolve(v any) (value any, ok bool) {
	switch v := v.(type) {
	case string:
		return s.resolveText(v)
	case object:
		out := make(object, len(v))
		for key, item := range v {
			if r, ok := s.resolve(item); ok {
				out[key] = r
			}
		}
		return out, true
	case []any:
		out := make([]any, 0, len(v))
		for _, item := range v {
			if r, ok := s.resolve(item); ok {
				out = append(out, r)
			}
		}
		return out, true
	}
	return v, v != nil
}

func (s scope) resolveText(text string) (any, bool) {
	if path, ok := reference(text); ok {
		return s(path)
	}
	if inner, ok := backTicked(text); ok {
		return s.evaluate(inner)
	}
	return text, true
}

// reference returns the path inside "${…}" if that is the whole text.
func reference(text string) (string, bool) {
	inner, ok := strings.CutPrefix(text, "${")
	if !ok {
		return "", false
	}
	inner, ok = strings.CutSuffix(inner, "}")
	if !ok || strings.ContainsAny(inner, "{}") {
		return "", false
	}
	return strings.TrimSpace(inner), true
}

func backTicked(text string) (string, bool) {
	if len(text) < 2 || text[0] != '`' || text[len(text)-1] != '`' {
		return "", false
	}
	return text[1 : len(text)-1], true
}

// maxNesting bounds parentheses and negations: the text comes from outside and must not exhaust the stack.
const maxNesting = 50

// parser evaluates the small expression language of Flow JSON while it reads: references, 'text', numbers, booleans,
// ! && || == != < <= > >=, parentheses, and concatenation by juxtaposition. Arithmetic is not supported.
type parser struct {
	text  string
	scope scope
	depth int
	fail  bool
}

// evaluate returns the value of an expression; ok is false if it is not understood or a reference leads nowhere.
func (s scope) evaluate(text string) (value any, ok bool) {
	p := &parser{text: text, scope: s}
	value = p.or()
	p.space()
	return value, !p.fail && p.text == "" && value != nil
}

func (p *parser) space() { p.text = strings.TrimLeft(p.text, " \t\r\n") }

func (p *parser) accept(token string) bool {
	p.space()
	rest, ok := strings.CutPrefix(p.text, token)
	if ok {
		p.text = rest
	}
	return ok
}

func (p *parser) or() any {
	left := p.and()
	for p.accept("||") {
		right := p.and()
		left = p.truth(left) || p.truth(right)
	}
	return left
}

func (p *parser) and() any {
	left := p.compare()
	for p.accept("&&") {
		right := p.compare()
		left = p.truth(left) && p.truth(right)
	}
	return left
}

func (p *parser) truth(v any) bool {
	b, ok := v.(bool)
	p.fail = p.fail || !ok
	return b
}

func (p *parser) compare() any {
	left := p.concat()
	for _, op := range []string{"==", "!=", "<=", ">=", "<", ">"} {
		if p.accept(op) {
			return p.compared(op, left, p.concat())
		}
	}
	return left
}

func (p *parser) compared(op string, left, right any) any {
	switch op {
	case "==":
		return equal(left, right)
	case "!=":
		return !equal(left, right)
	}
	a, okA := left.(float64)
	b, okB := right.(float64)
	p.fail = p.fail || !okA || !okB
	switch op {
	case "<":
		return a < b
	case "<=":
		return a <= b
	case ">":
		return a > b
	}
	return a >= b
}

// equal compares scalars; objects and lists are never equal.
func equal(left, right any) bool {
	switch l := left.(type) {
	case string:
		r, ok := right.(string)
		return ok && l == r
	case float64:
		r, ok := right.(float64)
		return ok && l == r
	case bool:
		r, ok := right.(bool)
		return ok && l == r
	}
	return false
}

// concat reads operands that stand side by side: 'Hello ' ${data.name} is one text.
func (p *parser) concat() any {
	first := p.operand()
	if !p.more() {
		return first
	}
	var text strings.Builder
	text.WriteString(display(first))
	for p.more() {
		text.WriteString(display(p.operand()))
	}
	return text.String()
}

func (p *parser) more() bool {
	p.space()
	return !p.fail && (strings.HasPrefix(p.text, "'") || strings.HasPrefix(p.text, "${"))
}

func display(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

func (p *parser) operand() any {
	p.depth++
	defer func() { p.depth-- }()
	if p.fail || p.depth > maxNesting {
		p.fail = true
		return nil
	}
	p.space()
	switch {
	case !strings.HasPrefix(p.text, "!=") && p.accept("!"):
		return !p.truth(p.operand())
	case p.accept("("):
		value := p.or()
		p.fail = p.fail || !p.accept(")")
		return value
	case p.accept("${"):
		return p.lookup()
	case p.accept("'"):
		return p.quoted()
	}
	return p.literal()
}

func (p *parser) lookup() any {
	path, rest, ok := strings.Cut(p.text, "}")
	if !ok {
		p.fail = true
		return nil
	}
	p.text = rest
	value, ok := p.scope(strings.TrimSpace(path))
	p.fail = p.fail || !ok
	return value
}

func (p *parser) quoted() any {
	var text strings.Builder
	for i := 0; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case c == '\\' && i+1 < len(p.text):
			i++
			text.WriteByte(p.text[i])
		case c == '\'':
			p.text = p.text[i+1:]
			return text.String()
		default:
			text.WriteByte(c)
		}
	}
	p.fail = true
	return nil
}

func (p *parser) literal() any {
	end := strings.IndexAny(p.text, " \t\r\n()!&|=<>'$")
	if end < 0 {
		end = len(p.text)
	}
	word := p.text[:end]
	p.text = p.text[end:]
	switch word {
	case "true":
		return true
	case "false":
		return false
	}
	number, err := strconv.ParseFloat(word, 64)
	p.fail = p.fail || err != nil
	return number
}
