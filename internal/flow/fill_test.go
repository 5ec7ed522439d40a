package flow_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slotd/internal/flow"
)

func TestFillEmitsExactlyTheDeclaredKeys(t *testing.T) {
	full := flow.Values{
		Lists: map[flow.Name][]flow.Option{flow.Slots: {{ID: "a", Title: "b"}}, flow.Dates: {{ID: "c", Title: "d"}}},
		Texts: map[flow.Name]string{flow.Summary: "s", flow.ChosenSlot: "a"},
		Dates: map[flow.Name][]string{flow.UnavailableDates: {"2026-11-29"}},
		Echo:  map[string]string{"more_details": "x", "unknown": "y"},
	}
	for _, f := range []*flow.Flow{parse(t, flow.Builtin(), nil), seed(t), appointment(t)} {
		for _, s := range f.Screens {
			checkFilled(t, &s, s.Fill(flow.Values{}))
			checkFilled(t, &s, s.Fill(full))
		}
	}
}

func TestFillFollowsTheFilesNames(t *testing.T) {
	long := strings.Repeat("ä", 40)
	got := appointment(t).Entry().Fill(flow.Values{
		Lists: map[flow.Name][]flow.Option{
			flow.Departments: {{ID: "cardiology", Title: long, Description: "not declared", Enabled: true}},
			flow.Resources:   {{ID: "adams", Title: "Dr. Adams"}},
			flow.Dates:       {{ID: "2026-11-24", Title: "Tue 24 Nov", Enabled: true}},
		},
		Flags: map[flow.Name]bool{flow.HasDates: false},
	})
	want := map[string]any{
		"department":          []any{map[string]any{"id": "cardiology", "title": strings.Repeat("ä", 30), "enabled": true}},
		"location":            []any{map[string]any{"id": "adams", "title": "Dr. Adams", "enabled": false}},
		"is_location_enabled": true,
		"date":                []any{map[string]any{"id": "2026-11-24", "title": "Tue 24 Nov", "enabled": true}},
		"is_date_enabled":     false,
		"time":                []any{},
		"is_time_enabled":     false,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFillGivesChoicesAndOwnKeysBack(t *testing.T) {
	got := appointment(t).Screen("SUMMARY").Fill(flow.Values{
		Texts: map[flow.Name]string{flow.ChosenSlot: "14:00", flow.Summary: "Tue 24 Nov, 14:00"},
		Echo:  map[string]string{"time": "13:30", "more_details": "step-free entrance", "location": "adams"},
	})
	want := map[string]any{
		"appointment": "Tue 24 Nov, 14:00", "details": "", "department": "", "location": "adams", "date": "",
		"time": "14:00", "name": "", "email": "", "phone": "", "more_details": "step-free entrance",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFillCutsListsToWhatTheComponentHolds(t *testing.T) {
	many := make([]flow.Option, 30)
	got := seed(t).Entry().Fill(flow.Values{Lists: map[flow.Name][]flow.Option{flow.Slots: many}})
	if n := len(got["available_slots"].([]any)); n != 20 {
		t.Errorf("%d options in a RadioButtonsGroup", n)
	}
}

// allKinds is a screen with every kind of data key that a file may declare.
const allKinds = `{"version":"7.3","data_api_version":"4.0","routing_model":{"ALL":[]},"screens":[{"id":"ALL","terminal":true,
"data":{
 "error_messages":{"type":"object","properties":{},"__example__":{}},
 "age":{"type":"number","__example__":1},
 "terms":{"type":"boolean","__example__":true},
 "phone_number":{"type":"string","__example__":"0000"},
 "include_days":{"type":"array","items":{"type":"string"},"__example__":["Mon"]},
 "unavailable":{"type":"array","items":{"type":"string"},"__example__":["2026-11-29"]},
 "doctors":{"type":"array","items":{"type":"object","properties":{"id":{"type":"string"},
   "main-content":{"type":"object","properties":{"title":{"type":"string"},"description":{"type":"string"}}}}},"__example__":[]}},
"layout":{"type":"SingleColumnLayout","children":[
 {"type":"NavigationList","name":"doctors","list-items":"${data.doctors}","on-click-action":{"name":"data_exchange","payload":{"department":"cardiology","doctor":"${form.doctors}"}}},
 {"type":"TextInput","name":"age"},{"type":"OptIn","name":"terms"},
 {"type":"Footer","label":"x","on-click-action":{"name":"data_exchange","payload":{"trigger":"go","age":"${form.age}","terms":"${form.terms}"}}}]}}]}`

func TestFillOfEveryKind(t *testing.T) {
	s := parse(t, []byte(allKinds), nil).Entry()
	got := s.Fill(flow.Values{
		Lists: map[flow.Name][]flow.Option{flow.Resources: {{ID: "adams", Title: "Dr. Adams", Description: "Ground floor, left of the lift"}}},
		Texts: map[flow.Name]string{flow.PhoneNumber: "0000"},
		Dates: map[flow.Name][]string{flow.UnavailableDates: {"2026-11-29"}, flow.IncludeDays: {"Mon", "Tue"}},
		Echo:  map[string]string{"age": "not a number", "terms": "true"},
	})
	want := map[string]any{
		"error_messages": map[string]any{}, "age": 0, "terms": true, "phone_number": "0000",
		"include_days": []any{"Mon", "Tue"}, "unavailable": []any{"2026-11-29"},
		"doctors": []any{map[string]any{"id": "adams",
			"main-content": map[string]any{"title": "Dr. Adams", "description": "Ground floor, left o"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	checkFilled(t, s, s.Fill(flow.Values{Echo: map[string]string{"age": "41"}}))
}

func TestConstantsAndFormAnswers(t *testing.T) {
	s := parse(t, []byte(allKinds), nil).Entry()
	tapped := map[string]any{"department": "cardiology", "doctor": "adams"}
	want := map[flow.Name]string{flow.ChosenDepartment: "cardiology", flow.ChosenResource: "adams"}
	if diff := cmp.Diff(want, s.Choices(tapped)); diff != "" {
		t.Error(diff)
	}
	sent := map[string]any{"trigger": "go", "age": 41.0, "terms": true, "list": []any{"x"}}
	if diff := cmp.Diff(map[string]string{"age": "41", "terms": "true"}, s.Extras(sent)); diff != "" {
		t.Error(diff)
	}
}
