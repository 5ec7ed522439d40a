package whatsapp

import (
	"context"
	"maps"
	"strings"
)

// Option is an entry of a list that can be chosen from.
type Option struct {
	ID          string
	Title       string
	Description string
	Metadata    string
	Enabled     bool
}

// Input is a component of the shown screen that can be filled, as the customer sees it.
type Input struct {
	// Name is the component's name, Type its kind in Flow JSON such as Dropdown or CalendarPicker.
	Name, Type, Label string
	// List is the data key that an option list is bound to, "" for a fixed list.
	List string
	// Error is the text under the component, "" for none.
	Error string
	// Value is what is entered: text, date (YYYY-MM-DD) and single choice as string, several choices as []any of string,
	// an opt-in as bool; nil if nothing is.
	Value             any
	Required, Enabled bool
	Options           []Option
}

// Inputs returns the visible components that can be filled, from top to bottom.
func (p *Phone) Inputs() []Input {
	var inputs []Input
	for _, e := range p.shown() {
		if !e.isInput() {
			continue
		}
		inputs = append(inputs, Input{Name: e.name, Type: e.kind, Label: e.text("label"), List: e.listKey(),
			Error: e.errorText(), Value: p.top().form[e.name], Required: e.required, Enabled: e.enabled,
			Options: e.options()})
	}
	return inputs
}

// Options returns the list of a visible component, nil if it has none.
func (p *Phone) Options(component string) []Option {
	if e := p.find(component); e != nil {
		return e.options()
	}
	return nil
}

// Texts returns the visible texts of the shown screen, from top to bottom.
func (p *Phone) Texts() []string {
	var texts []string
	for _, e := range p.shown() {
		texts = append(texts, e.texts()...)
	}
	return texts
}

// Set enters a value: what [Input.Value] says, also []string for several choices. A [FormError] says that a customer
// could not do this: the component is not there, hidden or disabled, the option is missing or disabled, the date cannot
// be picked, the text is too long. If the component has a select action it is performed; Set then returns its outcome.
func (p *Phone) Set(ctx context.Context, component string, value any) error {
	if err := p.usable(); err != nil {
		return err
	}
	e := p.find(component)
	if e == nil || !e.isInput() {
		return &FormError{Component: component, Reason: "is not on the screen or hidden"}
	}
	if !e.enabled {
		return &FormError{Component: component, Reason: "is disabled"}
	}
	entry, err := e.checkChoice(value)
	if err != nil {
		return err
	}
	p.top().form[component] = entry
	p.top().touched[component] = true
	for _, action := range e.selectActions(entry) {
		if err := p.act(ctx, action); err != nil {
			return err
		}
	}
	return nil
}

// shown returns the visible elements of the shown screen.
func (p *Phone) shown() []*element {
	if len(p.history) == 0 {
		return nil
	}
	// The screen was checked when it came. What the customer enters can still make a condition meaningless; the phone
	// then falls back to the property's default.
	elements, _ := p.top().elements(p.scope())
	visible := elements[:0]
	for _, e := range elements {
		if e.visible {
			visible = append(visible, e)
		}
	}
	return visible
}

func (p *Phone) find(component string) *element {
	for _, e := range p.shown() {
		if e.name == component && component != "" {
			return e
		}
	}
	return nil
}

func newFrame(def *screenDef, data object) *frame {
	return &frame{def: def, data: data, form: object{}, touched: map[string]bool{}}
}

// keepEntries carries over what the customer had entered when the screen was shown before.
func (f *frame) keepEntries(before *frame) {
	for name := range before.touched {
		f.form[name], f.touched[name] = before.form[name], true
	}
}

// scopeOf returns what references mean on the last screen of history.
func scopeOf(history []*frame) scope {
	return func(path string) (any, bool) {
		top := history[len(history)-1]
		if rest, ok := strings.CutPrefix(path, "screen."); ok {
			id, inner, _ := strings.Cut(rest, ".")
			for i := len(history) - 1; i >= 0; i-- {
				if history[i].def.id == id {
					return history[i].lookup(inner)
				}
			}
			return nil, false
		}
		return top.lookup(path)
	}
}

func (f *frame) lookup(path string) (any, bool) {
	root, rest, _ := strings.Cut(path, ".")
	var value any
	switch root {
	case "data":
		value = f.data
	case "form":
		value = f.form
	default:
		return nil, false
	}
	for rest != "" {
		var key string
		key, rest, _ = strings.Cut(rest, ".")
		value = asObject(value)[key]
	}
	return value, value != nil
}

// elements lays the screen out: Form, If and Switch are replaced by what is inside them.
func (f *frame) elements(s scope) ([]*element, *Complaint) {
	l := layout{scope: s}
	l.add(f.def.children, nil)
	return l.elements, l.complaint
}

type layout struct {
	scope     scope
	elements  []*element
	complaint *Complaint
}

func (l *layout) add(children []any, form object) {
	for _, child := range children {
		props := asObject(child)
		switch kind := asString(props["type"]); kind {
		case "":
		case "Form":
			l.add(asList(props["children"]), props)
		case "If":
			branch := "then"
			if !l.condition(asString(props["condition"])) {
				branch = "else"
			}
			l.add(asList(props[branch]), form)
		case "Switch":
			l.add(l.selected(props), form)
		default:
			l.elements = append(l.elements, l.element(kind, props, form))
		}
	}
}

// condition evaluates that of an If. One that is not understood holds.
func (l *layout) condition(text string) bool {
	if inner, ok := backTicked(text); ok {
		text = inner
	}
	value, ok := l.scope.evaluate(text)
	holds, isBool := value.(bool)
	return !ok || !isBool || holds
}

func (l *layout) selected(props object) []any {
	value, _ := l.scope.resolve(props["value"])
	cases := asObject(props["cases"])
	if chosen, ok := cases[display(value)]; ok {
		return asList(chosen)
	}
	return asList(cases["default"])
}

func (l *layout) element(kind string, props, form object) *element {
	e := &element{kind: kind, name: asString(props["name"]), props: props, form: form, scope: l.scope}
	e.visible = l.boolean(e, "visible", true)
	e.required = l.boolean(e, "required", false)
	e.enabled = l.boolean(e, "enabled", true)
	return e
}

// boolean evaluates a property. A form value that is not entered counts as false, an expression that is not understood
// as the default; data of another type is a fault.
func (l *layout) boolean(e *element, key string, byDefault bool) bool {
	raw, present := e.props[key]
	if !present {
		return byDefault
	}
	value, ok := l.scope.resolve(raw)
	if b, isBool := value.(bool); ok && isBool {
		return b
	}
	path, isReference := reference(asString(raw))
	switch {
	case !ok && isReference && strings.Contains(path, "form."):
		return false
	case !ok && !isReference:
		return byDefault
	}
	if l.complaint == nil {
		l.complaint = complain(CodeComponents, "%s: %s is not a boolean", e.label(), key)
	}
	return byDefault
}

// prepare makes the last screen of history ready to be shown: choices that are no longer offered are dropped,
// init-values applied, components checked.
func prepare(history []*frame) *Complaint {
	top, s := history[len(history)-1], scopeOf(history)
	elements, c := top.elements(s)
	if c != nil {
		return c
	}
	for _, e := range elements {
		if e.isInput() {
			top.settle(e)
		}
	}
	if elements, c = top.elements(s); c != nil { // what is visible may depend on what was just settled
		return c
	}
	names := make(map[string]bool)
	for _, e := range elements {
		if c := e.check(); c != nil {
			return c
		}
		if e.isInput() && (e.name == "" || names[e.name]) {
			return complain(CodeComponents, "%s: %s has no name of its own", top.def.id, e.label())
		}
		names[e.name] = true
	}
	return nil
}

// settle drops an entry that the component would no longer take, and otherwise applies the init-value.
func (f *frame) settle(e *element) {
	if f.touched[e.name] {
		if e.kind == "TextInput" || e.kind == "TextArea" {
			return
		}
		if _, err := e.checkChoice(f.form[e.name]); err == nil {
			return
		}
		delete(f.form, e.name)
		delete(f.touched, e.name)
	}
	if value, ok := e.initValue(); ok {
		f.form[e.name] = value
	}
}

// Entries returns a copy of what is entered on the shown screen, by component name.
func (p *Phone) Entries() map[string]any {
	if len(p.history) == 0 {
		return nil
	}
	return maps.Clone(p.top().form)
}
