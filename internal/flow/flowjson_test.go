package flow_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slotd/internal/flow"
)

var update = flag.Bool("update", false, "write the golden files")

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func parse(t testing.TB, data []byte, bind map[string]string) *flow.Flow {
	t.Helper()
	f, err := flow.Parse(data, bind)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func seed(t testing.TB) *flow.Flow { return parse(t, readFile(t, "testdata/seed.json"), nil) }

func appointment(t testing.TB) *flow.Flow {
	return parse(t, readFile(t, "testdata/appointment.json"), nil)
}

// names lists the meaning of a screen's data keys.
func names(s *flow.Screen) map[string]flow.Name {
	out := map[string]flow.Name{}
	for _, f := range s.Data {
		out[f.Key] = f.Name
	}
	return out
}

// walk lists the way through a Flow from its entry.
func walk(f *flow.Flow) []string {
	var ids []string
	for s := f.Entry(); s != nil; s = f.Screen(s.Next[0]) {
		ids = append(ids, s.ID)
		if len(s.Next) == 0 {
			break
		}
	}
	return ids
}

// builtins are the Flows that slotd brings along.
func builtins(t testing.TB) map[string]*flow.Flow {
	t.Helper()
	return map[string]*flow.Flow{
		"doctor first": parse(t, flow.Builtin(), nil), "day first": parse(t, flow.BuiltinDayFirst(), nil),
	}
}

func TestBuiltinFlows(t *testing.T) {
	for name, want := range map[string][]string{
		"doctor first": {"DEPARTMENT", "DOCTOR", "DAY", "TIME", "DETAILS", "CONFIRM"},
		"day first":    {"DEPARTMENT", "DAY", "DOCTOR", "TIME", "DETAILS", "CONFIRM"},
	} {
		f := builtins(t)[name]
		if diff := cmp.Diff(want, walk(f)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		for _, s := range f.Screens {
			if names(&s)["error_message"] != flow.ErrorText {
				t.Errorf("%s: %s cannot show an error", name, s.ID)
			}
			if s.Terminal != (s.ID == "CONFIRM") {
				t.Errorf("%s: %s terminal: %v", name, s.ID, s.Terminal)
			}
		}
		if got := f.Screen("TIME").Previous; !cmp.Equal(got, want[2:3]) {
			t.Errorf("%s: before TIME: %v", name, got)
		}
	}
}

// What comes after doctor and day does not depend on their order.
func TestBuiltinFlowsEndAlike(t *testing.T) {
	both := builtins(t)
	for _, id := range []string{"TIME", "DETAILS", "CONFIRM"} {
		a, b := *both["doctor first"].Screen(id), *both["day first"].Screen(id)
		a.Previous, b.Previous = nil, nil
		if diff := cmp.Diff(a, b, cmp.AllowUnexported(flow.Field{})); diff != "" {
			t.Errorf("%s: %s", id, diff)
		}
	}
}

// On the first screen of the day-first Flow the choice of a department must never be taken for the button, also where the phone
// leaves out a hidden service.
func TestDayFirstTellsItsActionsApart(t *testing.T) {
	s := builtins(t)["day first"].Entry()
	for trigger, payload := range map[flow.Trigger]map[string]any{
		flow.Select: {"department": "cardiology", "asks": "services"}, flow.Tap: {"department": "cardiology"},
	} {
		if a := s.Match(payload); a == nil || a.Trigger != trigger {
			t.Errorf("%v is taken for %+v", payload, a)
		}
		if extras := s.Extras(payload); len(extras) > 0 {
			t.Errorf("%v is stored as an answer", extras)
		}
	}
}

func TestSeedFlowRunsWithAndWithoutBind(t *testing.T) {
	bind := map[string]string{"available_slots": "slots", "selected_date": "date", "selected_slot": "slot"}
	for _, b := range []map[string]string{nil, bind} {
		f := parse(t, readFile(t, "testdata/seed.json"), b)
		s := f.Entry()
		want := map[string]flow.Name{
			"available_slots": flow.Slots, "has_slots": flow.HasSlots, "error_message": flow.ErrorText,
		}
		if diff := cmp.Diff(want, names(s)); diff != "" {
			t.Error(diff)
		}
		chosen := s.Choices(map[string]any{"selected_slot": "2026-11-24T13:30:00Z", "selected_date": "2026-11-24"})
		wantChosen := map[flow.Name]string{flow.ChosenSlot: "2026-11-24T13:30:00Z", flow.ChosenDate: "2026-11-24"}
		if diff := cmp.Diff(wantChosen, chosen); diff != "" {
			t.Error(diff)
		}
	}
}

func TestAppointmentTemplateRunsWithoutBind(t *testing.T) {
	f := appointment(t)
	want := map[string]flow.Name{
		"department": flow.Departments, "location": flow.Resources, "date": flow.Dates, "time": flow.Slots,
		"is_location_enabled": flow.HasResources, "is_date_enabled": flow.HasDates, "is_time_enabled": flow.HasSlots,
	}
	if diff := cmp.Diff(want, names(f.Entry())); diff != "" {
		t.Error(diff)
	}
	want = map[string]flow.Name{
		"appointment": flow.Summary, "details": flow.Details, "department": flow.ChosenDepartment,
		"location": flow.ChosenResource, "date": flow.ChosenDate, "time": flow.ChosenSlot, "name": flow.CustomerName,
		"email": flow.CustomerEmail, "phone": flow.CustomerPhone, "more_details": "",
	}
	if diff := cmp.Diff(want, names(f.Screen("SUMMARY"))); diff != "" {
		t.Error(diff)
	}
	if f.Entry().Data[0].Limit != 200 {
		t.Errorf("a Dropdown holds %d", f.Entry().Data[0].Limit)
	}
}

func TestFaultsOfABadFile(t *testing.T) {
	_, err := flow.Parse(readFile(t, "testdata/bad.json"), map[string]string{
		"service": "services", "weather": "forecast", "speling": "slots",
	})
	var faults *flow.Faults
	if !errors.As(err, &faults) {
		t.Fatalf("got %v", err)
	}
	const golden = "testdata/bad.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(err.Error()+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(readFile(t, golden)), err.Error()+"\n"); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// changed parses the seed file after some texts were replaced.
func changed(t *testing.T, oldnew ...string) error {
	t.Helper()
	before := string(readFile(t, "testdata/seed.json"))
	after := strings.NewReplacer(oldnew...).Replace(before)
	if before == after {
		t.Fatalf("%q is not in the file", oldnew)
	}
	_, err := flow.Parse([]byte(after), nil)
	return err
}

func TestOneFaultIsOneFault(t *testing.T) {
	tests := []struct {
		name, before, after, want string
	}{
		{"version missing", `"version": "7.3",`, ``, "version: is missing"},
		{"version never existed", `"7.3"`, `"7.x"`, "7.x"},
		{"data API unknown", `"4.0"`, `"2.0"`, "data_api_version"},
		{"data API missing", `"data_api_version": "4.0",`, ``, "needs \"data_api_version\""},
		{"routing missing", `"routing_model": {"SCHEDULE_SCREEN": []},`, ``, "routing_model: is missing"},
		{"screen not routed", `{"SCHEDULE_SCREEN": []}`, `{}`, "does not list SCHEDULE_SCREEN"},
		{"self edge", `"SCHEDULE_SCREEN": []`, `"SCHEDULE_SCREEN": ["SCHEDULE_SCREEN"]`, "leads to itself"},
		{"not terminal", `"terminal": true`, `"terminal": "yes"`, "must be true or false"},
		{"no success", `"terminal": true`, `"terminal": true, "success": false`, `"success": true`},
		{"digits in an id", `SCHEDULE_SCREEN`, `SCREEN_1`, "no digits"},
		{"reserved id", `SCHEDULE_SCREEN`, `SUCCESS`, "id is reserved"},
		{"no footer", `"type": "Footer"`, `"type": "Button"`, "needs a Footer"},
		{"refresh_on_back", `"terminal": true`, `"terminal": true, "refresh_on_back": 1`, "refresh_on_back"},
		{"payload key error", `"selected_slot": "${form.slot}"`, `"error": "${form.slot}"`, "reserved for the client's error"},
		{"same payload", `"selected_slot": "${form.slot}",`, ``, "cannot be told apart"},
		{"nothing fills", `"has_slots"`, `"is_sunny"`, "nothing fills this boolean"},
		{"unknown reference", `"data-source": "${data.available_slots}"`, `"data-source": "${data.slots}"`, "does not declare slots"},
		{"nothing after it", "{\n  \"version\"", "{} {\n  \"version\"", "not valid JSON"},
	}
	for _, test := range tests {
		err := changed(t, test.before, test.after)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want it to say %q", test.name, err, test.want)
		}
	}
}

func TestWhatMetaMayAddIsLetThrough(t *testing.T) {
	for name, replace := range map[string][]string{
		"component": {`"type": "DatePicker",`, `"type": "Hologram",`},
		"property":  {`"label": "Day"`, `"label": "Day", "new-thing": {"a": [1, null]}`},
		"version":   {`"7.3"`, `"8.1"`},
		"older":     {`"7.3"`, `"6.1"`},
		"screen":    {`"terminal": true`, `"terminal": true, "sensitive": []`},
	} {
		if err := changed(t, replace...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// twoScreens is a Flow without an endpoint whose first screen passes a value to the second.
const twoScreens = `{"version":"7.3","screens":[
{"id":"A","layout":{"type":"SingleColumnLayout","children":[{"type":"TextInput","name":"c","label":"c"},
 {"type":"Footer","label":"x","on-click-action":{"name":"navigate","next":{"type":"screen","name":"B"},"payload":{"colour":"${form.c}"}}}]}},
{"id":"B","terminal":true,"data":{"colour":{"type":"string","__example__":"red"}},"layout":{"type":"SingleColumnLayout","children":[
 {"type":"TextBody","text":"${data.colour}"},{"type":"Footer","label":"x","on-click-action":{"name":"complete","payload":{}}}]}}]}`

func TestFlowWithoutAnEndpoint(t *testing.T) {
	if diff := cmp.Diff([]string{"A", "B"}, walk(parse(t, []byte(twoScreens), nil))); diff != "" {
		t.Error(diff)
	}
	for _, test := range []struct{ before, after, want string }{
		{`"name":"B"}`, `"name":"A"}`, "its own screen"},
		{`"next":{"type":"screen","name":"B"},`, ``, `navigate needs "next"`},
		{`"payload":{"colour":"${form.c}"}`, `"payload":{}`, "nothing fills this string"},
		{`"colour":{"type":"string","__example__":"red"}`, `"colour":{"type":"string","__example__":null}`, "of type null"},
		{`"colour":{"type":"string","__example__":"red"}`, `"colour":"red"`, "must be an object with type"},
		{`{"name":"complete","payload":{}}`, `"complete"`, "must be an action"},
		{`{"name":"complete","payload":{}}`, `{"payload":{}}`, "an action needs a name"},
		{`"terminal":true,`, ``, "no screen is terminal"},
		{`"screens":[`, `"screens":[7,`, "screens[0]: must be an object"},
	} {
		_, err := flow.Parse([]byte(strings.Replace(twoScreens, test.before, test.after, 1)), nil)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want it to say %q", test.after, err, test.want)
		}
	}
}

func TestWhatIsNoFlowAtAll(t *testing.T) {
	for file, want := range map[string]string{
		"":                            "not valid JSON",
		"{\n\n\"version\" 7}":         "line 3",
		"[]":                          "must be a JSON object",
		`{"version":"7.3"}`:           "no screens",
		`{"screens":{}}`:              "must be an array",
		`{"routing_model":{"A":[1]}}`: "list of screen ids",
	} {
		if _, err := flow.Parse([]byte(file), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want it to say %q", file, err, want)
		}
	}
}

func TestBuiltinKeepsMetasTextLimits(t *testing.T) {
	limits := map[string]int{
		"RadioButtonsGroup": 30, "CalendarPicker": 40, "TextInput": 20, "TextArea": 20, "Footer": 35,
	}
	screens := slices.Concat(builtins(t)["doctor first"].Screens, builtins(t)["day first"].Screens)
	for _, s := range screens {
		for _, c := range s.Components {
			label, _ := c.Props["label"].(string)
			if limit := limits[c.Type]; len(label) > limit || limit > 0 && label == "" {
				t.Errorf("%s: label %q of a %s; at most %d characters", s.ID, label, c.Type, limit)
			}
			if helper, _ := c.Props["helper-text"].(string); len(helper) > 80 {
				t.Errorf("%s: helper text %q has over 80 characters", s.ID, helper)
			}
			if c.Props["visible"] != nil && c.Props["visible"] != c.Props["required"] {
				t.Errorf("%s: %s can be required while hidden", s.ID, c.Name)
			}
		}
	}
}

func TestFootersOfBranchesAreOne(t *testing.T) {
	footer := `{"type":"Footer","label":"x","on-click-action":{"name":"data_exchange","payload":{"slot":"${form.s}"}}}`
	file := func(children string) []byte {
		return fmt.Appendf(nil, `{"version":"7.3","data_api_version":"4.0","routing_model":{"A":[]},"screens":[{"id":"A","terminal":true,
			"data":{"has_slots":{"type":"boolean","__example__":true}},"layout":{"type":"SingleColumnLayout","children":[
			{"type":"TextInput","name":"s","label":"s"},%s]}}]}`, children)
	}
	parse(t, file(`{"type":"If","condition":"${data.has_slots} == true","then":[`+footer+`],"else":[`+footer+`]}`), nil)
	parse(t, file(`{"type":"Switch","value":"${data.has_slots}","cases":{"a":[`+footer+`],"b":[`+footer+`]}}`), nil)
	if _, err := flow.Parse(file(footer+`,{"type":"Form","name":"f","children":[`+footer+`]}`), nil); err == nil {
		t.Error("took two Footers")
	}
}

func TestBindGivesForeignNamesAMeaning(t *testing.T) {
	file := strings.NewReplacer("available_slots", "freie_zeiten", "selected_slot", "zeit", "selected_date", "tag").
		Replace(string(readFile(t, "testdata/seed.json")))
	if _, err := flow.Parse([]byte(file), nil); err == nil {
		t.Error("guessed what freie_zeiten are")
	}
	if _, err := flow.Parse([]byte(file), map[string]string{"freie_zeiten": "slots", "zeit": "summary"}); err == nil {
		t.Error("bound a customer's answer to a text that only slotd writes")
	}
	f := parse(t, []byte(file), map[string]string{"freie_zeiten": "slots", "zeit": "slot", "tag": "date"})
	want := map[flow.Name]string{flow.ChosenDate: "2026-11-24"}
	if diff := cmp.Diff(want, f.Entry().Choices(map[string]any{"tag": "2026-11-24"})); diff != "" {
		t.Error(diff)
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"builtin.json", "builtin_day_first.json", "testdata/seed.json", "testdata/appointment.json", "testdata/bad.json"} {
		f.Add(readFile(f, name), "slots", "slots")
	}
	f.Add([]byte(`{"screens":[{"id":"A","layout":{"children":[{"type":"If","then":[[]],"cases":{"x":1}}]}}]}`), "", "")
	f.Fuzz(func(t *testing.T, data []byte, key, target string) {
		parsed, err := flow.Parse(data, map[string]string{key: target})
		if (err == nil) == (parsed == nil) {
			t.Fatalf("flow %v with error %v", parsed, err)
		}
		if err != nil {
			return
		}
		if parsed.Entry() == nil {
			t.Fatal("no entry screen")
		}
		for _, s := range parsed.Screens {
			checkFilled(t, &s, s.Fill(flow.Values{}))
		}
	})
}

// checkFilled asserts that exactly the declared keys are there, of the declared types.
func checkFilled(t *testing.T, s *flow.Screen, data map[string]any) {
	t.Helper()
	raw, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	var wire map[string]any
	if err := json.Unmarshal(raw, &wire); err != nil {
		t.Fatal(err)
	}
	if len(wire) != len(s.Data) {
		t.Errorf("%s declares %d keys, filled %d", s.ID, len(s.Data), len(wire))
	}
	for _, f := range s.Data {
		if got := typeName(wire[f.Key]); got != f.Type {
			t.Errorf("%s.%s is declared as %s, filled with %s", s.ID, f.Key, f.Type, got)
		}
	}
}

func typeName(value any) flow.Type {
	switch value.(type) {
	case string:
		return flow.String
	case float64:
		return flow.Number
	case bool:
		return flow.Boolean
	case []any:
		return flow.Array
	case map[string]any:
		return flow.Object
	}
	return "null"
}
