package whatsapp

import (
	"fmt"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"time"
)

// FormError is what the client refuses on its own, without asking the endpoint.
type FormError struct {
	// Component is the name of the component, or Footer.
	Component string
	Reason    string
}

func (e *FormError) Error() string { return e.Component + " " + e.Reason }

// element is a component of the shown screen with its flags evaluated.
type element struct {
	kind, name                 string
	props                      object
	form                       object // the properties of the Form around it, nil outside one
	scope                      scope
	visible, required, enabled bool
}

func (e *element) label() string {
	if e.name != "" {
		return e.name
	}
	return e.kind
}

func (e *element) prop(key string) (any, bool) {
	raw, present := e.props[key]
	if !present {
		return nil, false
	}
	return e.scope.resolve(raw)
}

func (e *element) text(key string) string {
	value, _ := e.prop(key)
	return asString(value)
}

func (e *element) number(key string) (int, bool) {
	value, _ := e.prop(key)
	n, ok := value.(float64)
	return int(n), ok
}

func (e *element) isInput() bool {
	switch e.kind {
	case "TextInput", "TextArea", "OptIn", "NavigationList":
		return true
	}
	return e.isSelect() || e.isDate()
}

// isSelect says whether the component offers a data-source to choose from.
func (e *element) isSelect() bool {
	return e.kind == "Dropdown" || e.kind == "RadioButtonsGroup" || e.isMulti()
}

func (e *element) isMulti() bool { return e.kind == "CheckboxGroup" || e.kind == "ChipsSelector" }

func (e *element) isDate() bool { return e.kind == "DatePicker" || e.kind == "CalendarPicker" }

func (e *element) isRange() bool { return e.kind == "CalendarPicker" && e.text("mode") == "range" }

func (e *element) texts() []string {
	switch e.kind {
	case "TextHeading", "TextSubheading", "TextBody", "TextCaption", "RichText", "EmbeddedLink":
	default:
		return nil
	}
	value, _ := e.prop("text")
	switch value := value.(type) {
	case string:
		return []string{value}
	case []any:
		var lines []string
		for _, line := range value {
			lines = append(lines, display(line))
		}
		return []string{strings.Join(lines, "\n")}
	}
	return nil
}

// errorText is the text under the component: its own, or that of the Form around it.
func (e *element) errorText() string {
	if text := e.text("error-message"); text != "" {
		return text
	}
	messages, _ := e.scope.resolve(e.form["error-messages"])
	return asString(asObject(messages)[e.name])
}

func (e *element) listProperty() string {
	if e.kind == "NavigationList" {
		return "list-items"
	}
	return "data-source"
}

// listKey returns the data key that the options come from.
func (e *element) listKey() string {
	path, _ := reference(asString(e.props[e.listProperty()]))
	key, _ := strings.CutPrefix(path, "data.")
	return key
}

// items returns the options as they came.
func (e *element) items() ([]any, bool) {
	value, _ := e.prop(e.listProperty())
	list, ok := value.([]any)
	return list, ok
}

func (e *element) options() []Option {
	if !e.isSelect() && e.kind != "NavigationList" {
		return nil
	}
	items, _ := e.items()
	options := make([]Option, 0, len(items))
	for _, item := range items {
		options = append(options, optionOf(asObject(item)))
	}
	return options
}

func optionOf(item object) Option {
	o := Option{ID: asString(item["id"]), Enabled: item["enabled"] != false}
	shown := item
	if content, ok := item["main-content"].(object); ok { // of a NavigationList
		shown = content
	}
	o.Title, o.Description = asString(shown["title"]), asString(shown["description"])
	o.Metadata = asString(shown["metadata"])
	return o
}

// selectActions returns the actions that follow an entry: that of the chosen item and that of the component.
func (e *element) selectActions(entry any) []object {
	key := "on-select-action"
	if e.kind == "NavigationList" {
		key = "on-click-action"
	}
	var actions []object
	items, _ := e.items()
	for _, item := range items {
		id, isText := entry.(string)
		if isText && asString(asObject(item)["id"]) == id {
			actions = append(actions, asObject(asObject(item)[key]))
		}
	}
	if e.kind != "OptIn" {
		actions = append(actions, asObject(e.props[key]))
	}
	return slices.DeleteFunc(actions, func(a object) bool { return a == nil })
}

// initValue returns the value that the component starts with; an empty one is none.
func (e *element) initValue() (any, bool) {
	value, ok := e.prop("init-value")
	if !ok {
		values, _ := e.scope.resolve(e.form["init-values"])
		value, ok = asObject(values)[e.name]
	}
	return value, ok && !isEmpty(value)
}

func isEmpty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return strings.TrimSpace(v) == ""
	case []any:
		return len(v) == 0
	case object:
		return len(v) == 0
	case bool:
		return !v
	}
	return false
}

// refuse makes a FormError about the element.
func (e *element) refuse(format string, args ...any) error {
	return &FormError{Component: e.label(), Reason: fmt.Sprintf(format, args...)}
}

// checkChoice says whether a customer could enter value, and returns it in the form in which payloads carry it.
func (e *element) checkChoice(value any) (any, error) {
	switch {
	case e.isMulti():
		return e.checkMulti(value)
	case e.isSelect(), e.kind == "NavigationList":
		id, ok := value.(string)
		if !ok {
			return nil, e.refuse("takes the id of an option")
		}
		return id, e.checkOption(id)
	case e.isRange():
		return e.checkRange(value)
	case e.isDate():
		date, ok := value.(string)
		if !ok {
			return nil, e.refuse("takes a date as text")
		}
		return date, e.checkDate(date)
	case e.kind == "OptIn":
		if _, ok := value.(bool); !ok {
			return nil, e.refuse("takes a boolean")
		}
		return value, nil
	}
	return e.checkTyped(value)
}

func (e *element) checkOption(id string) error {
	for _, o := range e.options() {
		if o.ID == id {
			if !o.Enabled {
				return e.refuse("has this option disabled")
			}
			return nil
		}
	}
	return e.refuse("has no such option")
}

func (e *element) checkMulti(value any) (any, error) {
	ids := []any{}
	switch value := value.(type) {
	case []string:
		for _, id := range value {
			ids = append(ids, id)
		}
	case []any:
		ids = value
	default:
		return nil, e.refuse("takes a list of option ids")
	}
	for _, id := range ids {
		if err := e.checkOption(asString(id)); err != nil {
			return nil, err
		}
	}
	if most, ok := e.number("max-selected-items"); ok && len(ids) > most {
		return nil, e.refuse("takes at most %d options", most)
	}
	return ids, nil
}

func (e *element) checkRange(value any) (any, error) {
	dates := asObject(value)
	from, to := asString(dates["start-date"]), asString(dates["end-date"])
	if err := e.checkDate(from); err != nil {
		return nil, err
	}
	if err := e.checkDate(to); err != nil {
		return nil, err
	}
	if to < from {
		return nil, e.refuse("ends before it starts")
	}
	return object{"start-date": from, "end-date": to}, nil
}

// checkDate says whether the picker lets a date be picked.
func (e *element) checkDate(date string) error {
	day, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return e.refuse("takes a date as YYYY-MM-DD")
	}
	if least := e.text("min-date"); least != "" && date < least {
		return e.refuse("has no date before %s", least)
	}
	if most := e.text("max-date"); most != "" && date > most {
		return e.refuse("has no date after %s", most)
	}
	unavailable, _ := e.prop("unavailable-dates")
	if slices.Contains(asList(unavailable), any(date)) {
		return e.refuse("has this date blocked")
	}
	weekdays, ok := e.prop("include-days")
	if ok && !slices.Contains(asList(weekdays), any(day.Format("Mon"))) {
		return e.refuse("has this weekday blocked")
	}
	return nil
}

// checkTyped checks what the keyboard lets through: no more characters than fit.
func (e *element) checkTyped(value any) (any, error) {
	text, ok := value.(string)
	if !ok {
		return nil, e.refuse("takes a text")
	}
	key, most := "max-chars", 80
	if e.kind == "TextArea" {
		key, most = "max-length", 600
	}
	if n, ok := e.number(key); ok {
		most = n
	}
	if length(text) > most {
		return nil, e.refuse("takes at most %d characters", most)
	}
	return text, nil
}

// checkEntry is the check that the Footer makes: nothing required is missing and typed text is of the asked form.
func (e *element) checkEntry(value any) error {
	if isEmpty(value) {
		if e.required {
			return e.refuse("is required and empty")
		}
		return nil
	}
	if list, ok := value.([]any); ok {
		if least, ok := e.number("min-selected-items"); ok && len(list) < least {
			return e.refuse("needs at least %d options", least)
		}
	}
	if e.kind == "TextInput" {
		return e.checkForm(asString(value))
	}
	return nil
}

func (e *element) checkForm(text string) error {
	if least, ok := e.number("min-chars"); ok && length(text) < least {
		return e.refuse("needs at least %d characters", least)
	}
	switch e.text("input-type") {
	case "email":
		if _, err := mail.ParseAddress(text); err != nil {
			return e.refuse("is not an e-mail address")
		}
	case "number", "passcode":
		if strings.Trim(text, "0123456789.-") != "" {
			return e.refuse("is not a number")
		}
	case "phone":
		if strings.Trim(text, "0123456789+()- ") != "" {
			return e.refuse("is not a phone number")
		}
	}
	if pattern := e.text("pattern"); pattern != "" {
		// JavaScript patterns that RE2 cannot read are let through.
		if re, err := regexp.Compile(`^(?:` + pattern + `)$`); err == nil && !re.MatchString(text) {
			return e.refuse("does not fit the asked pattern")
		}
	}
	return nil
}

// length counts characters as the client does: in UTF-16 code units.
func length(text string) int {
	n := 0
	for _, r := range text {
		n++
		if r > 0xFFFF {
			n++
		}
	}
	return n
}
