package flow

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

// successScreen is the reserved id that ends a Flow.
const successScreen = "SUCCESS"

//go:embed builtin.json
var builtin []byte

//go:embed builtin_day_first.json
var builtinDayFirst []byte

// Builtin returns a copy of the Flow JSON that slotd brings along.
func Builtin() []byte { return slices.Clone(builtin) }

// BuiltinDayFirst returns a copy of the same Flow in the other order: it asks for the day before it asks whom to see.
func BuiltinDayFirst() []byte { return slices.Clone(builtinDayFirst) }

// Flow is a Flow JSON file that passed all checks. It is never changed after Parse.
type Flow struct {
	Version string
	// DataAPIVersion is "3.0" or "4.0", or empty for a file without an endpoint.
	DataAPIVersion string
	// Screens in file order.
	Screens []Screen
}

// Screen is one screen of a Flow.
type Screen struct {
	ID, Title string
	Terminal  bool
	// Success says whether ending on this screen counts as done; it means something on a terminal screen only.
	Success       bool
	RefreshOnBack bool
	// Data are the keys that an answer must carry, sorted by key.
	Data []Field
	// Next are the screens that may follow, in routing order; Previous those that this one may follow, in file order.
	Next, Previous []string
	// Actions in the order of their components.
	Actions []Action
	// Components in drawing order, those inside forms and conditions included.
	Components []Component
}

// Type is the declared type of a data key.
type Type string

// The types that a data key can have.
const (
	String  Type = "string"
	Number  Type = "number"
	Boolean Type = "boolean"
	Array   Type = "array"
	Object  Type = "object"
)

// Field is a declared data key of a screen.
type Field struct {
	Key string
	// Name is what fills the key. Empty: it is echoed from the payload, or came from the screen before.
	Name Name
	Type Type
	// Items are the declared properties of the items of an array of objects, sorted.
	Items []string
	// Limit is, for a list, how many options the component that shows it can hold; 0 for anything else.
	Limit int

	itemType    Type
	mainContent []string // declared properties of main-content, the text of a NavigationList's items
}

// Trigger is what the user did to cause an action.
type Trigger string

// The triggers.
const (
	Tap    Trigger = "tap"    // a button, a link or an entry of a navigation list
	Select Trigger = "select" // a choice in a selector or calendar; the screen stays
)

// The names of actions that slotd looks at. A file may hold others.
const (
	actionDataExchange = "data_exchange"
	actionNavigate     = "navigate"
	actionComplete     = "complete"
)

// Action is what a component does.
type Action struct {
	Trigger Trigger
	// Name is data_exchange, navigate, complete, open_url, update_data, or one that Meta has added since.
	Name string
	// Next is the screen that navigate shows.
	Next string
	// Keys are the payload's keys that carry values, with what they mean; "" is an answer that is only passed on. A
	// constant is among them if its key is a choice.
	Keys map[string]Name
	// Static are the payload's constants as text.
	Static map[string]string
	// Component is the type of the component that has the action.
	Component string
}

// Component is one element of a screen.
type Component struct {
	Type, Name string
	// Source is the data key that feeds its options. Empty: it has none, or a fixed list.
	Source string
	// Props are all its properties as in the file. Do not change them.
	Props map[string]any
}

// Fault is one thing that is wrong with a Flow JSON file.
type Fault struct {
	// Path is where: SCREEN.key.key, or a top-level key. Empty: the whole file.
	Path string
	// Message is what is wrong and how to mend it.
	Message string
}

// Faults are all faults of a file, the error of Parse.
type Faults []Fault

// Error lists the faults, one per line.
func (f *Faults) Error() string {
	var out strings.Builder
	fmt.Fprintf(&out, "the Flow JSON has %d fault(s):", len(*f))
	for _, fault := range *f {
		out.WriteString("\n  ")
		if fault.Path != "" {
			out.WriteString(fault.Path + ": ")
		}
		out.WriteString(fault.Message)
	}
	return out.String()
}

// Screen returns the screen with an id, or nil.
func (f *Flow) Screen(id string) *Screen {
	for i := range f.Screens {
		if f.Screens[i].ID == id {
			return &f.Screens[i]
		}
	}
	return nil
}

// Entry returns the screen that answers INIT: the first in file order that follows no other. A parsed Flow has one.
func (f *Flow) Entry() *Screen {
	for i := range f.Screens {
		if len(f.Screens[i].Previous) == 0 {
			return &f.Screens[i]
		}
	}
	return nil
}
