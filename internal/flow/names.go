package flow

import (
	"slices"
	"strings"
)

// Name is a well-known name: what a data key or payload key of a Flow JSON file means to slotd.
type Name string

// Lists: arrays of options.
const (
	Departments Name = "departments"
	Services    Name = "services"
	Resources   Name = "resources"
	Dates       Name = "dates"
	Parts       Name = "parts"
	Slots       Name = "slots"
)

// Flags: booleans that say whether a list has something to choose from.
const (
	HasDepartments Name = "has_departments"
	HasServices    Name = "has_services"
	HasResources   Name = "has_resources"
	HasDates       Name = "has_dates"
	HasParts       Name = "has_parts"
	HasSlots       Name = "has_slots"
)

// Texts that the server fills. Dates are YYYY-MM-DD in the zone in which the customer is shown times.
const (
	MinDate     Name = "min_date"
	MaxDate     Name = "max_date"
	Summary     Name = "summary"
	Details     Name = "details"
	ErrorText   Name = "error_message"
	Business    Name = "business"
	Zone        Name = "zone"
	PhoneNumber Name = "phone_number" // of the business
	Reference   Name = "reference"
)

// Arrays of strings: dates as YYYY-MM-DD, weekdays as Mon to Sun.
const (
	UnavailableDates Name = "unavailable_dates"
	IncludeDays      Name = "include_days"
)

// Choices: strings that travel in payloads, and that a screen may declare to get them back.
const (
	ChosenDepartment Name = "department"
	ChosenService    Name = "service"
	ChosenResource   Name = "resource"
	ChosenDate       Name = "date"
	ChosenPart       Name = "part"
	ChosenSlot       Name = "slot"
	Alternative      Name = "alternative"
	CustomerName     Name = "name"
	CustomerPhone    Name = "phone"
	CustomerEmail    Name = "email"
	Notes            Name = "notes"
)

// group ties together the forms of one thing to choose: the list, the choice made from it, the flag that there is any.
type group struct {
	one, many, flag Name
}

var groups = []group{
	{ChosenDepartment, Departments, HasDepartments},
	{ChosenService, Services, HasServices},
	{ChosenResource, Resources, HasResources},
	{ChosenDate, Dates, HasDates},
	{ChosenPart, Parts, HasParts},
	{ChosenSlot, Slots, HasSlots},
}

var (
	texts       = []Name{MinDate, MaxDate, Summary, Details, ErrorText, Business, Zone, PhoneNumber, Reference}
	stringLists = []Name{UnavailableDates, IncludeDays}
	choices     = []Name{
		ChosenDepartment, ChosenService, ChosenResource, ChosenDate, ChosenPart, ChosenSlot, Alternative,
		CustomerName, CustomerPhone, CustomerEmail, Notes,
	}
)

// aliases are names that common files use. The declared type then decides between list, choice and flag.
var aliases = map[string]Name{
	"time_slots":         Slots,
	"time_slot":          Slots,
	"times":              Slots,
	"time":               Slots,
	"appointment_time":   Slots,
	"appointment_date":   Dates,
	"day":                Dates,
	"days":               Dates,
	"location":           Resources,
	"locations":          Resources,
	"doctor":             Resources,
	"doctors":            Resources,
	"staff":              Resources,
	"provider":           Resources,
	"providers":          Resources,
	"appointment":        Summary,
	"unavailable":        UnavailableDates,
	"customer_name":      CustomerName,
	"full_name":          CustomerName,
	"customer_phone":     CustomerPhone,
	"customer_email":     CustomerEmail,
	"email_address":      CustomerEmail,
	"available_slots":    Slots,
	"available_dates":    Dates,
	"available_services": Services,
}

// How a name was found, the surest first.
const (
	byBind = iota
	byName
	byAlias
	unnamed
)

// lookup finds what a key of a file means, before its type is looked at.
func lookup(key string) (Name, int) {
	name := Name(key)
	if known(name) {
		return name, byName
	}
	if name, found := aliases[key]; found {
		return name, byAlias
	}
	if base := stripped(key); base != key {
		if name, rank := lookup(base); rank != unnamed && groupOf(name) != nil {
			return name, byAlias
		}
	}
	return "", unnamed
}

// stripped removes one of the usual decorations: selected_slot, slot_id, is_slot_enabled, show_slot, has_slot.
func stripped(key string) string {
	if inner, ok := strings.CutPrefix(key, "is_"); ok {
		if inner, ok := strings.CutSuffix(inner, "_enabled"); ok {
			return inner
		}
	}
	for _, prefix := range []string{"selected_", "available_", "show_", "has_"} {
		if inner, ok := strings.CutPrefix(key, prefix); ok {
			return inner
		}
	}
	return strings.TrimSuffix(key, "_id")
}

// known says whether a name is one of the well-known ones.
func known(name Name) bool {
	return groupOf(name) != nil || slices.Contains(texts, name) || slices.Contains(stringLists, name) ||
		slices.Contains(choices, name)
}

// wellKnown lists all well-known names for messages.
func wellKnown() string {
	var all []string
	for _, g := range groups {
		all = append(all, string(g.one), string(g.many), string(g.flag))
	}
	for _, name := range slices.Concat(texts, stringLists, choices) {
		if !slices.Contains(all, string(name)) {
			all = append(all, string(name))
		}
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func groupOf(name Name) *group {
	for i, g := range groups {
		if name == g.one || name == g.many || name == g.flag {
			return &groups[i]
		}
	}
	return nil
}

// fit gives a name the form that a data key's type can hold; "" if there is none.
func fit(name Name, f *Field) Name {
	g := groupOf(name)
	switch {
	case g != nil && f.isList():
		return g.many
	case g != nil && f.Type == Boolean:
		return g.flag
	case g != nil && f.Type == String:
		return g.one
	case g != nil:
		return ""
	case slices.Contains(stringLists, name) && f.Type == Array && f.itemType == String,
		slices.Contains(texts, name) && f.Type == String,
		slices.Contains(choices, name) && f.Type == String:
		return name
	}
	return ""
}

// choice gives a name the form that a payload can carry; "" if it is no choice.
func choice(name Name) Name {
	if g := groupOf(name); g != nil {
		return g.one
	}
	if name == PhoneNumber { // from the phone it can only be the customer's
		return CustomerPhone
	}
	if slices.Contains(choices, name) {
		return name
	}
	return ""
}
