package whatsapp

import (
	"slices"
	"strings"
	"time"
)

// check is what the client checks of a component before it shows it, after its properties are bound to the data.
// Protocol: "Components", limits in characters.
func (e *element) check() *Complaint {
	if e.required && (!e.visible || !e.enabled) {
		return e.complain("is required but hidden or disabled")
	}
	checks := []func() *Complaint{e.checkTexts, e.checkCaptions}
	if e.isSelect() || e.kind == "NavigationList" {
		checks = append(checks, e.checkOptions, e.checkInit)
	}
	if e.isDate() {
		checks = append(checks, e.checkPicker, e.checkInit)
	}
	for _, check := range checks {
		if c := check(); c != nil {
			return c
		}
	}
	return nil
}

func (e *element) complain(format string, args ...any) *Complaint {
	return complain(CodeComponents, e.label()+": "+format, args...)
}

// checkTexts checks the texts that are not of an input: never blank where visible, and not too long.
func (e *element) checkTexts() *Complaint {
	most := 4096
	switch e.kind {
	case "TextHeading", "TextSubheading":
		most = 80
	case "EmbeddedLink":
		most = 25
	case "TextBody", "TextCaption":
	default:
		return nil
	}
	text := strings.Join(e.texts(), "\n")
	if e.visible && strings.TrimSpace(text) == "" {
		return e.complain("the text is missing or blank")
	}
	if length(text) > most {
		return e.complain("the text exceeds %d characters", most)
	}
	return nil
}

// checkCaptions checks the texts around an input: its label, description, helper and error text.
func (e *element) checkCaptions() *Complaint {
	limits := map[string]int{"label": e.labelLimit(), "helper-text": 80, "description": 300, "error-message": 80}
	if e.kind == "TextInput" {
		limits["error-message"] = 30
	}
	for _, key := range []string{"label", "helper-text", "description", "error-message"} {
		if _, present := e.props[key]; !present {
			continue
		}
		value, _ := e.prop(key)
		if _, isObject := value.(object); isObject && e.isRange() {
			continue // one text for each end of the range
		}
		text, ok := value.(string)
		if !ok {
			return e.complain("%s is not a text", key)
		}
		if key == "label" && e.visible && strings.TrimSpace(text) == "" {
			return e.complain("the label is blank")
		}
		if length(text) > limits[key] {
			return e.complain("%s exceeds %d characters", key, limits[key])
		}
	}
	return nil
}

func (e *element) labelLimit() int {
	if e.text("label-variant") == "large" {
		return 4096
	}
	switch e.kind {
	case "TextInput", "TextArea", "Dropdown":
		return 20
	case "RadioButtonsGroup", "CheckboxGroup":
		return 30
	case "Footer":
		return 35
	case "CalendarPicker", "DatePicker":
		return 40
	case "ChipsSelector":
		return 80
	case "OptIn":
		return 120
	}
	return 4096
}

// checkOptions checks a list: its size where it is visible, and each of its items.
func (e *element) checkOptions() *Complaint {
	items, ok := e.items()
	if !ok {
		return e.complain("%s is not a list", e.listProperty())
	}
	least, most := 1, 20
	switch e.kind {
	case "Dropdown":
		most = 200
	case "ChipsSelector":
		least = 2
	}
	if !e.visible {
		least = 0
	}
	if len(items) < least || len(items) > most {
		return e.complain("%d options, allowed are %d to %d", len(items), least, most)
	}
	seen := make(map[string]bool, len(items))
	for i, item := range items {
		if c := e.checkItem(i, item); c != nil {
			return c
		}
		id := asString(asObject(item)["id"])
		if seen[id] {
			return e.complain("option %d has an id that another option has", i+1)
		}
		seen[id] = true
	}
	return nil
}

func (e *element) checkItem(i int, item any) *Complaint {
	fields, ok := item.(object)
	if !ok {
		return e.complain("option %d is not an object", i+1)
	}
	if _, ok := fields["id"].(string); !ok || fields["id"] == "" {
		return e.complain("option %d has no id", i+1)
	}
	if enabled, present := fields["enabled"]; present && typeOf(enabled) != "boolean" {
		return e.complain("option %d: enabled is not a boolean", i+1)
	}
	shown, limits := fields, map[string]int{"title": 30, "description": 300, "metadata": 20}
	if e.kind == "NavigationList" {
		shown, limits = asObject(fields["main-content"]), map[string]int{"title": 30, "description": 20, "metadata": 80}
	}
	for _, key := range []string{"title", "description", "metadata"} {
		value, present := shown[key]
		text, isText := value.(string)
		switch {
		case key == "title" && strings.TrimSpace(text) == "":
			return e.complain("option %d has no title", i+1)
		case present && !isText:
			return e.complain("option %d: %s is not a text", i+1, key)
		case length(text) > limits[key]:
			return e.complain("option %d: %s exceeds %d characters", i+1, key, limits[key])
		}
	}
	return nil
}

// checkInit demands that an init-value could have been entered. An empty one, and one of a hidden component, is let
// through.
func (e *element) checkInit() *Complaint {
	value, ok := e.initValue()
	if !ok || !e.visible {
		return nil
	}
	if _, err := e.checkChoice(value); err != nil {
		return e.complain("the init-value cannot be chosen")
	}
	return nil
}

// checkPicker checks the limits of a date picker. Blocked dates outside the limits are refused too: the documentation
// only says that they should lie within.
func (e *element) checkPicker() *Complaint {
	for _, key := range []string{"min-date", "max-date"} {
		if value, ok := e.prop(key); ok && !isDate(value) {
			return e.complain("%s is not a date as YYYY-MM-DD", key)
		}
	}
	least, most := e.text("min-date"), e.text("max-date")
	if least != "" && most != "" && least > most {
		return e.complain("min-date lies after max-date")
	}
	if value, ok := e.prop("unavailable-dates"); ok {
		dates, isList := value.([]any)
		if !isList || slices.ContainsFunc(dates, func(d any) bool { return !isDate(d) }) {
			return e.complain("unavailable-dates is not a list of dates as YYYY-MM-DD")
		}
		if slices.ContainsFunc(dates, func(d any) bool {
			return least != "" && asString(d) < least || most != "" && asString(d) > most
		}) {
			return e.complain("unavailable-dates holds dates outside min-date and max-date")
		}
	}
	return e.checkWeekdays()
}

func (e *element) checkWeekdays() *Complaint {
	value, ok := e.prop("include-days")
	if !ok {
		return nil
	}
	days, isList := value.([]any)
	known := []any{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}
	if !isList || slices.ContainsFunc(days, func(d any) bool { return !slices.Contains(known, d) }) {
		return e.complain("include-days is not a list of Mon to Sun")
	}
	return nil
}

func isDate(v any) bool {
	_, err := time.Parse(time.DateOnly, asString(v))
	return err == nil
}
