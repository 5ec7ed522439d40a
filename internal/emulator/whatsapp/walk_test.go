package whatsapp

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"slotd/internal/flow"
)

// seedFlow is a Flow of one screen: the day asks for its times, the Footer books.
const seedFlow = `{"version":"7.3","data_api_version":"4.0","routing_model":{"BOOK":[]},"screens":[{"id":"BOOK","terminal":true,"data":{
  "departments":{"type":"array","items":{"type":"object","properties":{"id":{"type":"string"},"title":{"type":"string"}}},"__example__":[{"id":"a","title":"A"}]},
  "available_slots":{"type":"array","items":{"type":"object","properties":{"id":{"type":"string"},"title":{"type":"string"}}},"__example__":[]},
  "has_slots":{"type":"boolean","__example__":false},"min_date":{"type":"string","__example__":"2026-11-23"}},
 "layout":{"type":"SingleColumnLayout","children":[
  {"type":"Dropdown","name":"department","label":"Department","required":true,"data-source":"${data.departments}"},
  {"type":"DatePicker","name":"date","label":"Date","required":true,"min-date":"${data.min_date}",
   "on-select-action":{"name":"data_exchange","payload":{"date":"${form.date}"}}},
  {"type":"Dropdown","name":"slot","label":"Time","required":"${data.has_slots}","visible":"${data.has_slots}","data-source":"${data.available_slots}"},
  {"type":"TextInput","name":"customer_name","label":"Name","required":true},
  {"type":"TextInput","name":"phone","label":"Phone","input-type":"phone","required":true},
  {"type":"TextArea","name":"notes","label":"Notes"},
  {"type":"Footer","label":"Book","on-click-action":{"name":"data_exchange","payload":{"slot":"${form.slot}","name":"${form.customer_name}","phone":"${form.phone}","notes":"${form.notes}"}}}]}}]}`

// shop sells the times of two days and plays an endpoint for each Flow of the tests.
type shop struct {
	mu    sync.Mutex
	free  map[string][]string
	taken int // confirms that find their time taken by somebody else meanwhile
}

func newShop() *shop {
	return &shop{free: map[string][]string{
		"2026-11-25": {"2026-11-25T09:00Z", "2026-11-25T14:30Z"}, "2026-11-26": {"2026-11-26T10:00Z"},
	}}
}

func (s *shop) sell(slot string) bool {
	if s.taken > 0 {
		s.taken--
		return false
	}
	for date, slots := range s.free {
		if i := slices.Index(slots, slot); i >= 0 {
			s.free[date] = slices.Delete(slices.Clone(slots), i, i+1)
			return true
		}
	}
	return false
}

func (s *shop) single(req message) (int, any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data := func(slots []string) object {
		return object{"departments": options("heart", "skin"), "available_slots": options(slots...),
			"has_slots": len(slots) > 0, "min_date": "2026-11-23"}
	}
	if slot, ok := req.Data["slot"].(string); ok {
		if s.sell(slot) {
			return succeed(object{"slot": slot, "name": req.Data["name"], "phone": req.Data["phone"]})
		}
		return screen("BOOK", with(data(s.free["2026-11-26"]), "error_message", "This time was just taken"))
	}
	return screen("BOOK", data(s.free[asString(req.Data["date"])]))
}

// builtin answers the Flow that comes with slotd.
func (s *shop) builtin(req message) (int, any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := object{"error_message": "", "notes": "", "name": "", "part": "", "service": "", "summary": "Your visit", "details": "A visit",
		"slots": []any{}, "has_slots": false, "parts": []any{}, "has_parts": false}
	for key, value := range req.Data {
		d[key] = value
	}
	switch req.Screen {
	case "":
		d["business"], d["departments"] = "Example Clinic", options("heart", "skin")
		return screen("DEPARTMENT", d)
	case "DEPARTMENT":
		return s.doctors(d)
	case "DOCTOR":
		if d["resource"] == nil {
			return s.doctors(d)
		}
		d["min_date"], d["max_date"] = "2026-11-23", "2026-12-23"
		d["unavailable_dates"] = []any{"2026-11-23"}
		return screen("DAY", d)
	case "DAY":
		return s.times(d)
	case "TIME":
		if d["slot"] == nil {
			return s.times(d)
		}
		return screen("DETAILS", d)
	case "DETAILS":
		return screen("CONFIRM", d)
	}
	return s.confirm(d)
}

func (s *shop) doctors(d object) (int, any) {
	d["services"], d["has_services"] = options("checkup", "ecg"), true
	d["resources"], d["has_resources"] = []any{}, d["service"] != ""
	if d["service"] != "" {
		d["resources"] = options("adams", "baker")
	}
	return screen("DOCTOR", d)
}

func (s *shop) times(d object) (int, any) {
	d["zone"], d["parts"], d["has_parts"] = "UTC", options("morning", "afternoon"), true
	if d["part"] == "" {
		d["part"] = "morning"
	}
	var slots []string
	for _, slot := range s.free[asString(d["date"])] {
		if (slot[11:13] >= "12") == (d["part"] == "afternoon") {
			slots = append(slots, slot)
		}
	}
	d["slots"], d["has_slots"] = options(slots...), len(slots) > 0
	return screen("TIME", d)
}

func (s *shop) confirm(d object) (int, any) {
	slot := asString(d["slot"])
	if other := asString(d["alternative"]); other != "" {
		slot = other
	}
	if s.sell(slot) {
		return succeed(object{"slot": slot, "service": d["service"], "resource": d["resource"], "name": d["name"]})
	}
	d["error_message"] = "This time was just taken"
	d["slots"], d["has_slots"] = options(s.free["2026-11-26"]...), len(s.free["2026-11-26"]) > 0
	return screen("CONFIRM", d)
}

func TestWalk(t *testing.T) {
	builtin := string(flow.Builtin())
	tests := map[string]struct {
		flow  string
		taken int
		plan  Plan
		want  Outcome
		slot  string
	}{
		"one screen, first free day": {flow: seedFlow, want: Success, slot: "2026-11-25T09:00Z"},
		"one screen, wanted time": {flow: seedFlow, want: Success, slot: "2026-11-25T14:30Z",
			plan: Plan{Date: "2026-11-25", Slot: "14:30"}},
		"one screen, lost": {flow: seedFlow, taken: 1, want: Lost},
		"one screen, alternative": {flow: seedFlow, taken: 1, want: Success, slot: "2026-11-26T10:00Z",
			plan: Plan{TakeAlternative: true}},
		"strict about the department": {flow: seedFlow, want: Stuck, plan: Plan{Department: "teeth", Strict: true}},
		"strict about the time": {flow: seedFlow, want: Lost,
			plan: Plan{Date: "2026-11-25", Slot: "15:00", Strict: true}},
		"built-in, first free day": {flow: builtin, want: Success, slot: "2026-11-25T09:00Z"},
		"built-in, time in another part": {flow: builtin, want: Success, slot: "2026-11-25T14:30Z",
			plan: Plan{Date: "2026-11-25", Slot: "2026-11-25T14:30Z", Strict: true}},
		"built-in, lost": {flow: builtin, taken: 1, want: Lost},
		"built-in, alternative": {flow: builtin, taken: 1, want: Success, slot: "2026-11-26T10:00Z",
			plan: Plan{TakeAlternative: true}},
		"picked": {flow: builtin, want: Success, slot: "2026-11-26T10:00Z", plan: Plan{Date: "2026-11-26",
			Pick: func(in Input) (string, bool) { return "skin", in.Name == "department" }}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newShop()
			s.taken = test.taken
			answer := s.single
			if test.flow == builtin {
				answer = s.builtin
			}
			phone, e := play(t, test.flow, answer)
			steps := 0
			plan := test.plan
			plan.Step = func(Step) { steps++ }
			result, err := Walk(background(), phone, plan)
			if err != nil {
				t.Fatalf("%v after %s", err, describe(result))
			}
			if result.Outcome != test.want || test.slot != "" && result.Params["slot"] != test.slot {
				t.Errorf("%s %q %v, want %s %s\n%s", result.Outcome, result.Message, result.Params, test.want, test.slot,
					describe(result))
			}
			if test.taken > 0 && test.want == Lost && len(result.Alternatives) != 1 {
				t.Errorf("alternatives %v", result.Alternatives)
			}
			if steps != len(result.Steps) || steps != len(e.seen()) {
				t.Errorf("%d steps reported, %d returned, %d requests", steps, len(result.Steps), len(e.seen()))
			}
		})
	}
}

func describe(r Result) string {
	var b strings.Builder
	for _, s := range r.Steps {
		fmt.Fprintf(&b, "%s %s %v → %s %d %q\n", s.Screen, s.Action, s.Chosen, s.Shown, s.Status, s.Message)
	}
	return b.String()
}

// TestWalkEnablesStepByStep is a Flow in which each list is enabled by the choice before it.
func TestWalkEnablesStepByStep(t *testing.T) {
	list := `{"type":"array","items":{"type":"object","properties":{"id":{"type":"string"},"title":{"type":"string"}}},"__example__":[]}`
	choice := func(name string) string {
		return `{"type":"Dropdown","name":"` + name + `","label":"` + name + `","data-source":"${data.` + name + `}","required":"${data.is_` +
			name + `_enabled}","enabled":"${data.is_` + name + `_enabled}","on-select-action":{"name":"data_exchange","payload":{"trigger":"` +
			name + `"}}}`
	}
	names := []string{"department", "location", "date", "time"}
	var data, children []string
	for _, name := range names {
		data = append(data, `"`+name+`":`+list, `"is_`+name+`_enabled":{"type":"boolean","__example__":true}`)
		children = append(children, choice(name))
	}
	flowJSON := `{"version":"6.0","data_api_version":"3.0","routing_model":{"APPOINTMENT":["SUMMARY"],"SUMMARY":[]},"screens":[
	 {"id":"APPOINTMENT","data":{` + strings.Join(data, ",") + `},"layout":{"children":[{"type":"Form","name":"f","children":[` +
		strings.Join(children, ",") + `,{"type":"Footer","label":"Go","on-click-action":{"name":"data_exchange","payload":{"time":"${form.time}"}}}]}]}},
	 {"id":"SUMMARY","terminal":true,"layout":{"children":[{"type":"OptIn","name":"terms","label":"Terms","required":true},
	  {"type":"Footer","label":"End","on-click-action":{"name":"data_exchange","payload":{}}}]}}]}`
	phone, e := play(t, flowJSON, func(req message) (int, any) {
		switch {
		case req.Screen == "SUMMARY":
			return succeed(object{})
		case req.Data["time"] != nil:
			return screen("SUMMARY", object{})
		}
		enabled := slices.Index(names, asString(req.Data["trigger"])) + 1
		answer := object{}
		for i, name := range names {
			answer[name], answer["is_"+name+"_enabled"] = options(name+"_a", name+"_b"), i <= enabled
		}
		return screen("APPOINTMENT", answer)
	})
	result, err := Walk(background(), phone, Plan{Slot: "time_b", Resource: "location_b"})
	if err != nil || result.Outcome != Success {
		t.Fatalf("%s %s, %v\n%s", result.Outcome, result.Message, err, describe(result))
	}
	var triggers []string
	for _, req := range e.seen() {
		if trigger, ok := req.Data["trigger"].(string); ok {
			triggers = append(triggers, trigger)
		}
		if time, ok := req.Data["time"]; ok && time != "time_b" {
			t.Errorf("chose %v", time)
		}
		if req.FlowTokenSignature != "" {
			t.Error("an old flow signed its token")
		}
	}
	if !slices.Equal(triggers, names) {
		t.Errorf("triggers %v", triggers)
	}
}

func TestWalkEnds(t *testing.T) {
	tests := map[string]struct {
		answer func(message) (int, any)
		want   Outcome
	}{
		"closed": {func(message) (int, any) { return statusTokenInvalid, object{"error_msg": "gone"} }, Closed},
		"nothing free on any day": {func(message) (int, any) {
			return screen("BOOK", object{"departments": options("a"), "available_slots": []any{}, "has_slots": false,
				"min_date": "2026-11-23"})
		}, Stuck},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			phone, _ := play(t, seedFlow, test.answer)
			result, err := Walk(background(), phone, Plan{})
			if err != nil || result.Outcome != test.want || len(result.Steps) > defaultSteps {
				t.Errorf("%s %q, %v after %d steps", result.Outcome, result.Message, err, len(result.Steps))
			}
		})
	}
}

// TestRace lets many customers want the same time: one gets it, the others learn that it is gone.
func TestRace(t *testing.T) {
	s := newShop()
	_, proxy := newEndpoint(t, newKey(), s.builtin)
	const customers = 16
	outcomes := make([]Outcome, customers)
	var wg sync.WaitGroup
	for i := range customers {
		phone := openPhone(t, flow.Builtin(), proxy, newKey())
		wg.Go(func() {
			result, err := Walk(background(), phone, Plan{Date: "2026-11-25", Slot: "09:00", Strict: true})
			if err != nil {
				t.Error(err)
			}
			outcomes[i] = result.Outcome
		})
	}
	wg.Wait()
	won := 0
	for _, o := range outcomes {
		if o == Success {
			won++
		} else if o != Lost && o != Stuck {
			t.Errorf("outcome %s", o)
		}
	}
	if won != 1 {
		t.Errorf("%d customers got the same time", won)
	}
}

func TestLoad(t *testing.T) {
	s := newShop()
	e, proxy := newEndpoint(t, newKey(), s.builtin)
	opts := LoadOptions{FlowJSON: flow.Builtin(), PublicKey: &newKey().PublicKey, Send: proxy.Forward, Phones: 4, Requests: 60,
		Token: func(i int) string { return fmt.Sprintf("load-token-number-%04d", i) }, Signature: proxy.SignToken}
	result, err := Load(background(), opts)
	must(t, err)
	requests := e.seen()
	if result.Count != 60 || len(requests) != 60 || len(result.Errors) != 0 {
		t.Errorf("%d measured, %d arrived, errors %v", result.Count, len(requests), result.Errors)
	}
	if result.P50 > result.P90 || result.P90 > result.P99 || result.P99 > result.Max || result.Max == 0 {
		t.Errorf("percentiles out of order: %+v", result)
	}
	tokens := map[string]bool{}
	for _, req := range requests {
		tokens[req.FlowToken] = true
		if req.Data["slot"] != nil {
			t.Error("browsing reserved a time")
		}
	}
	if len(tokens) != 4 {
		t.Errorf("%d tokens", len(tokens))
	}
	e.mu.Lock()
	e.answer = func(message) (int, any) { return 500, nil }
	e.mu.Unlock()
	if result, err = Load(background(), opts); err != nil || result.Errors["status 500"] != 60 {
		t.Errorf("errors %v, %v", result.Errors, err)
	}
	opts.Phones = mostPhones + 1
	if _, err := Load(background(), opts); err == nil {
		t.Error("accepted too many phones")
	}
}

func TestLoadEndsWithItsTime(t *testing.T) {
	opts := LoadOptions{FlowJSON: []byte(seedFlow), PublicKey: &newKey().PublicKey, Phones: 2, Duration: time.Nanosecond,
		Token: func(i int) string { return fmt.Sprint("token-", i) },
		Send: func(ctx context.Context, _ []byte) (int, []byte, error) {
			<-ctx.Done()
			return 0, nil, ctx.Err()
		}}
	result, err := Load(background(), opts)
	if err != nil || result.Count != 0 || len(result.Errors) != 0 {
		t.Errorf("%+v, %v", result, err)
	}
}
