package flow_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"slotd/internal/flow"
)

func payload(pairs ...string) map[string]any {
	out := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = pairs[i+1]
	}
	return out
}

func TestMatchTellsWhatWasTouched(t *testing.T) {
	builtin := parse(t, flow.Builtin(), nil)
	tests := []struct {
		name    string
		screen  *flow.Screen
		payload map[string]any
		want    string // component and trigger
	}{
		{"service selected", builtin.Screen("DOCTOR"), payload("department", "d", "service", "s"), "RadioButtonsGroup select"},
		{"doctor sent", builtin.Screen("DOCTOR"), payload("department", "d", "service", "s", "resource", "r"), "Footer tap"},
		{"doctor sent, service hidden", builtin.Screen("DOCTOR"), payload("department", "d", "resource", "r"), "Footer tap"},
		{"part selected", builtin.Screen("TIME"), payload("department", "d", "service", "s", "resource", "r", "date", "t", "part", "p"),
			"RadioButtonsGroup select"},
		{"slot sent, part hidden", builtin.Screen("TIME"), payload("department", "d", "service", "s", "resource", "r", "date", "t", "slot", "x"),
			"Footer tap"},
		{"alternative hidden", builtin.Screen("CONFIRM"), payload("department", "d", "service", "s", "resource", "r", "date", "t", "slot", "x",
			"name", "n", "notes", ""), "Footer tap"},
		{"foreign key", builtin.Screen("DOCTOR"), payload("department", "d", "colour", "red"), ""},
		{"date selected", seed(t).Entry(), payload("selected_date", "2026-11-24"), "DatePicker select"},
		{"slot sent", seed(t).Entry(), payload("selected_date", "2026-11-24", "selected_slot", "x"), "Footer tap"},
		{"nothing said", seed(t).Entry(), payload(), "DatePicker select"},
		{"constant fits", appointment(t).Entry(), payload("trigger", "department_selected", "department", "d"), "Dropdown select"},
		{"constant of another action", appointment(t).Entry(), payload("trigger", "department_selected", "date", "d"), ""},
		{"constant missing", appointment(t).Entry(), payload("department", "d"), ""},
		{"navigate sends nothing", appointment(t).Entry(), payload("department", "d", "location", "l", "date", "t", "time", "x"), ""},
	}
	for _, test := range tests {
		got := ""
		if a := test.screen.Match(test.payload); a != nil {
			got = a.Component + " " + string(a.Trigger)
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestChoicesAndExtras(t *testing.T) {
	s := appointment(t).Screen("DETAILS")
	sent := payload("department", "general", "location", "adams", "date", "2026-11-24", "time", "13:30",
		"name", "Sam Example", "email", "", "phone", "0000", "more_details", "step-free entrance")
	want := map[flow.Name]string{
		flow.ChosenDepartment: "general", flow.ChosenResource: "adams", flow.ChosenDate: "2026-11-24",
		flow.ChosenSlot: "13:30", flow.CustomerName: "Sam Example", flow.CustomerPhone: "0000",
	}
	if diff := cmp.Diff(want, s.Choices(sent)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"more_details": "step-free entrance"}, s.Extras(sent)); diff != "" {
		t.Error(diff)
	}
	trigger := payload("trigger", "department_selected", "department", "general")
	if extras := appointment(t).Entry().Extras(trigger); len(extras) > 0 {
		t.Errorf("constants are answers: %v", extras)
	}
}

func FuzzPayload(f *testing.F) {
	f.Add([]byte(`{"data":{"department":"d","service":1}}`))
	f.Add([]byte(`{"data":{"slot":null,"date":[],"name":{}}}`))
	builtin := parse(f, flow.Builtin(), nil)
	f.Fuzz(func(t *testing.T, plain []byte) {
		r, err := flow.ParseRequest(plain)
		if err != nil {
			return
		}
		for _, s := range builtin.Screens {
			s.Match(r.Data)
			for name, value := range s.Choices(r.Data) {
				if name == "" || value == "" {
					t.Errorf("%s: choice %q=%q", s.ID, name, value)
				}
			}
			s.Extras(r.Data)
		}
	})
}
