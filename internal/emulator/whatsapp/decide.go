package whatsapp

import (
	"strings"
	"time"
)

// meaning is what an input is about, guessed from its name, the list it shows and its label.
type meaning int

const (
	meansUnknown meaning = iota
	meansDepartment
	meansService
	meansResource
	meansPart // of the day
	meansDate
	meansSlot
	meansEmail
	meansPhone
	meansNotes
	meansName
)

// hints are the words by which a meaning is recognised. The order decides: "department" contains "part".
func hints(typed bool) []struct {
	means meaning
	words []string
} {
	type hint = struct {
		means meaning
		words []string
	}
	if typed {
		return []hint{
			{meansEmail, []string{"mail"}},
			{meansPhone, []string{"phone", "mobile"}},
			{meansNotes, []string{"note", "comment", "detail", "reason", "message"}},
			{meansName, []string{"name"}},
		}
	}
	return []hint{
		{meansDepartment, []string{"depart", "dept", "special"}},
		{meansService, []string{"service", "treatment", "procedure"}},
		{meansResource, []string{"doctor", "resource", "staff", "provider", "practitioner", "location", "room"}},
		{meansPart, []string{"part"}},
		{meansSlot, []string{"slot", "time", "hour", "alternative"}},
		{meansDate, []string{"date", "day"}},
	}
}

func meaningOf(in Input) meaning {
	if in.Type == "DatePicker" || in.Type == "CalendarPicker" {
		return meansDate
	}
	typed := in.Type == "TextInput" || in.Type == "TextArea"
	for _, text := range []string{in.Name, in.List, in.Label} {
		for _, hint := range hints(typed) {
			for _, word := range hint.words {
				if strings.Contains(strings.ToLower(text), word) {
					return hint.means
				}
			}
		}
	}
	return meansUnknown
}

// preference returns what the plan wants of an input, "" for nothing.
func (w *walker) preference(m meaning) string {
	switch m {
	case meansDepartment:
		return w.plan.Department
	case meansService:
		return w.plan.Service
	case meansResource:
		return w.plan.Resource
	case meansDate:
		return w.plan.Date
	case meansSlot:
		return w.plan.Slot
	case meansEmail:
		return w.plan.Email
	case meansPhone:
		return w.plan.Phone
	case meansNotes:
		return w.plan.Notes
	case meansName:
		return w.plan.Name
	}
	return ""
}

// next returns the first input that needs an entry, and the entry. ok is false if the screen is filled.
func (w *walker) next() (in Input, value any, ok bool) {
	inputs := w.phone.Inputs()
	for _, in := range inputs {
		if !in.Enabled || w.entered[in.Name] && in.Value != nil && !w.gone(in) {
			continue
		}
		if w.entersPart(in, inputs) {
			part, id := w.untriedPart(inputs)
			w.parts[w.date+"/"+id] = true
			return part, id, true
		}
		if value, ok = w.decide(in); ok || w.result.Outcome != "" {
			return in, value, ok
		}
	}
	return Input{}, nil, false
}

// gone says whether an input holds a date that turned out to have no time.
func (w *walker) gone(in Input) bool {
	date, ok := in.Value.(string)
	return ok && meaningOf(in) == meansDate && w.excluded[date]
}

// entersPart says whether the wanted time is not in the list shown, but another part of the day may have it.
func (w *walker) entersPart(in Input, inputs []Input) bool {
	if meaningOf(in) != meansSlot || w.plan.Slot == "" || w.plan.Pick != nil {
		return false
	}
	if _, found := match(in.Options, w.plan.Slot); found {
		return false
	}
	_, id := w.untriedPart(inputs)
	return id != ""
}

func (w *walker) untriedPart(inputs []Input) (Input, string) {
	for _, in := range inputs {
		if meaningOf(in) != meansPart || !in.Enabled {
			continue
		}
		for _, o := range enabled(in.Options) {
			if o.ID != in.Value && !w.parts[w.date+"/"+o.ID] {
				return in, o.ID
			}
		}
	}
	return Input{}, ""
}

// decide returns what to enter; ok is false if the input is left as it is.
func (w *walker) decide(in Input) (value any, ok bool) {
	switch in.Type {
	case "TextInput", "TextArea":
		return w.typed(in)
	case "OptIn":
		return true, in.Required && in.Value != true
	case "DatePicker", "CalendarPicker":
		return w.pickDate(in)
	case "CheckboxGroup", "ChipsSelector":
		return w.several(in)
	}
	return w.choose(in)
}

func (w *walker) typed(in Input) (any, bool) {
	m := meaningOf(in)
	text := w.preference(m)
	if text == "" && (!in.Required || !isEmpty(in.Value)) {
		return nil, false
	}
	e := w.phone.find(in.Name)
	if text == "" {
		text = example(m, e.text("input-type"))
	}
	for least, _ := e.number("min-chars"); length(text) < min(least, 1000); {
		text += text
	}
	for runes := []rune(text); len(runes) > 0; runes = runes[:len(runes)-1] {
		if _, err := e.checkTyped(string(runes)); err == nil {
			return string(runes), in.Value != string(runes)
		}
	}
	return nil, false
}

func example(m meaning, inputType string) string {
	switch {
	case inputType == "email" || m == meansEmail:
		return "sam@example.com"
	case inputType == "phone" || m == meansPhone:
		return "15550100"
	case inputType == "number" || inputType == "passcode":
		return "1"
	}
	return "Sam Example"
}

func (w *walker) several(in Input) (any, bool) {
	options := enabled(in.Options)
	if !in.Required || in.Value != nil || len(options) == 0 {
		return nil, false
	}
	least, _ := w.phone.find(in.Name).number("min-selected-items")
	var ids []any
	for _, o := range options[:min(max(least, 1), len(options))] {
		ids = append(ids, o.ID)
	}
	return ids, true
}

// choose picks one option: what Pick says, what the plan prefers, what is already chosen, or the first.
func (w *walker) choose(in Input) (any, bool) {
	m, options := meaningOf(in), enabled(in.Options)
	if m == meansDate {
		options = w.remaining(options)
	}
	if w.plan.Pick != nil {
		if id, ok := w.plan.Pick(in); ok {
			return id, in.Value != id
		}
	}
	wanted := w.preference(m)
	if o, found := match(options, wanted); found {
		return o.ID, in.Value != o.ID
	}
	if wanted != "" && w.plan.Strict {
		w.notOffered(m, in, options)
		return nil, false
	}
	if in.Value != nil && !w.gone(in) {
		return nil, false
	}
	if len(options) == 0 {
		if in.Required {
			w.end(Stuck, in.Name+" has nothing to choose")
		}
		return nil, false
	}
	return options[0].ID, in.Required || m != meansUnknown || in.Type == "NavigationList"
}

func (w *walker) notOffered(m meaning, in Input, options []Option) {
	if m == meansSlot {
		w.result.Alternatives = options
		w.end(Lost, "the wanted time is not offered")
		return
	}
	w.end(Stuck, in.Name+" does not offer what is wanted")
}

// pickDate picks the wanted date, or the first that the picker lets through and that was not tried in vain.
func (w *walker) pickDate(in Input) (any, bool) {
	e := w.phone.find(in.Name)
	free := func(date string) bool { return !w.excluded[date] && e.checkDate(date) == nil }
	if w.plan.Date != "" && free(w.plan.Date) {
		return entryOf(e, w.plan.Date), in.Value != w.plan.Date
	}
	if w.plan.Date != "" && w.plan.Strict {
		w.notOffered(meansDate, in, nil)
		return nil, false
	}
	if in.Value != nil && !w.gone(in) {
		return nil, false
	}
	first := w.plan.Today
	if least, err := time.Parse(time.DateOnly, e.text("min-date")); err == nil {
		first = least
	}
	for days := range 400 {
		if date := first.AddDate(0, 0, days).Format(time.DateOnly); free(date) {
			return entryOf(e, date), true
		}
	}
	w.end(Stuck, in.Name+" has no date left to pick")
	return nil, false
}

func entryOf(e *element, date string) any {
	if e.isRange() {
		return object{"start-date": date, "end-date": date}
	}
	return date
}

func (w *walker) remaining(dates []Option) []Option {
	var left []Option
	for _, o := range dates {
		if !w.excluded[o.ID] {
			left = append(left, o)
		}
	}
	return left
}

func enabled(options []Option) []Option {
	var usable []Option
	for _, o := range options {
		if o.Enabled {
			usable = append(usable, o)
		}
	}
	return usable
}

// match finds a wanted option by id, by title, then by a part of the title.
func match(options []Option, wanted string) (Option, bool) {
	if wanted == "" {
		return Option{}, false
	}
	fits := []func(Option) bool{
		func(o Option) bool { return o.ID == wanted },
		func(o Option) bool { return strings.EqualFold(o.Title, wanted) },
		func(o Option) bool { return strings.Contains(strings.ToLower(o.Title), strings.ToLower(wanted)) },
	}
	for _, fit := range fits {
		for _, o := range options {
			if o.Enabled && fit(o) {
				return o, true
			}
		}
	}
	return Option{}, false
}
