package whatsapp

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slotd/internal/flow"
)

// threeScreens has a list with every flag bound, a screen without data, a local step, and refresh_on_back.
const threeScreens = `{"version":"7.3","data_api_version":"4.0","routing_model":{"LIST":["DAY"],"DAY":["END"],"END":[]},"screens":[
 {"id":"LIST","data":{
   "items":{"type":"array","items":{"type":"object","properties":{"id":{"type":"string"},"title":{"type":"string"}}},"__example__":[]},
   "has_items":{"type":"boolean","__example__":true},"wanted":{"type":"string","__example__":""},"count":{"type":"number","__example__":1}},
  "layout":{"type":"SingleColumnLayout","children":[
   {"type":"Dropdown","name":"item","label":"Item","data-source":"${data.items}","visible":"${data.has_items}","required":"${data.has_items}","init-value":"${data.wanted}"},
   {"type":"Footer","label":"Go","on-click-action":{"name":"data_exchange","payload":{"item":"${form.item}","count":"${data.count}"}}}]}},
 {"id":"DAY","refresh_on_back":true,"data":{"min":{"type":"string","__example__":"2026-11-23"},"blocked":{"type":"array","items":{"type":"string"},"__example__":[]},"note":{"type":"string","__example__":""}},
  "layout":{"type":"SingleColumnLayout","children":[
   {"type":"If","condition":"${data.note} != ''","then":[{"type":"TextBody","text":"` + "`'Note: ' ${data.note}`" + `"}]},
   {"type":"Form","name":"f","children":[
    {"type":"CalendarPicker","name":"day","label":"Day","required":true,"min-date":"${data.min}","unavailable-dates":"${data.blocked}","include-days":["Mon","Tue"],
     "on-select-action":{"name":"data_exchange","payload":{"event":"day","day":"${form.day}"}}},
    {"type":"TextInput","name":"name","label":"Name","required":true,"min-chars":2,"max-chars":10},
    {"type":"Footer","label":"Next","on-click-action":{"name":"navigate","next":{"type":"screen","name":"END"},"payload":{}}}]}]}},
 {"id":"END","terminal":true,"layout":{"type":"SingleColumnLayout","children":[
   {"type":"TextBody","text":"Done?"},
   {"type":"Footer","label":"Book","on-click-action":{"name":"data_exchange","payload":{"day":"${screen.DAY.form.day}","name":"${screen.DAY.form.name}","item":"${screen.LIST.form.item}"}}}]}}]}`

func listData() object {
	return object{"items": options("a", "b"), "has_items": true, "wanted": "", "count": 2}
}

func dayData() object {
	return object{"min": "2026-11-23", "blocked": []any{"2026-11-24"}, "note": ""}
}

func with(data object, key string, value any) object {
	data[key] = value
	return data
}

func without(data object, key string) object {
	delete(data, key)
	return data
}

// script answers INIT with LIST and everything else by the action's screen.
func script(next func(req message) (int, any)) func(message) (int, any) {
	return func(req message) (int, any) {
		if req.Action == actionInit {
			return screen("LIST", listData())
		}
		return next(req)
	}
}

func TestWholeFlow(t *testing.T) {
	phone, e := play(t, threeScreens, script(func(req message) (int, any) {
		switch {
		case req.Screen == "LIST":
			return screen("DAY", dayData())
		case req.Data["event"] == "day":
			return screen("DAY", with(with(dayData(), "note", "busy"), "error_message", "Few times left"))
		}
		return succeed(object{"booking": "B1"})
	}))
	ctx := background()
	must(t, phone.Open(ctx))
	must(t, phone.Set(ctx, "item", "b"))
	must(t, phone.Tap(ctx))
	must(t, phone.Set(ctx, "name", "Sam"))
	must(t, phone.Set(ctx, "day", "2026-11-30"))
	if got := phone.Snackbar(); got != "Few times left" {
		t.Errorf("Snackbar() = %q", got)
	}
	if diff := cmp.Diff([]string{"Note: busy"}, phone.Texts()); diff != "" {
		t.Errorf("Texts() (-want +got)\n%s", diff)
	}
	must(t, phone.Tap(ctx))
	if phone.Screen() != "END" || !phone.Terminal() {
		t.Fatalf("navigate shows %s", phone.Screen())
	}
	must(t, phone.Tap(ctx))
	params, ok := phone.Done()
	if !ok || params["booking"] != "B1" {
		t.Errorf("Done() = %v, %v", params, ok)
	}
	if err := phone.Tap(ctx); !errors.Is(err, ErrDone) {
		t.Errorf("Tap after the end = %v", err)
	}
	requests := e.seen()
	want := []object{{}, {"item": "b", "count": 2.0}, {"event": "day", "day": "2026-11-30"},
		{"day": "2026-11-30", "name": "Sam", "item": "b"}}
	var got []object
	for _, r := range requests {
		got = append(got, r.Data)
		if err := flow.VerifyToken([][]byte{testSecret}, r.FlowTokenSignature, testToken); err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("payloads (-want +got)\n%s", diff)
	}
}

// TestComplaints has one answer for each thing that the client refuses. Every one is reported and changes nothing.
func TestComplaints(t *testing.T) {
	long := strings.Repeat("x", 31)
	list := func(key string, value any) any {
		_, a := screen("LIST", with(listData(), key, value))
		return a
	}
	day := func(key string, value any) any {
		_, a := screen("DAY", with(dayData(), key, value))
		return a
	}
	many := []any{}
	for i := range 201 {
		many = append(many, object{"id": strings.Repeat("i", i+1), "title": "T"})
	}
	tests := map[string]struct {
		answer any
		code   string
	}{
		"not base64":              {rawBody(`{"screen":"DAY"}`), CodeDecryption},
		"sealed otherwise":        {rawBody("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), CodeDecryption},
		"empty":                   {nil, CodeDecryption},
		"not an object":           {[]any{}, CodeInvalid},
		"no screen":               {object{"data": object{}}, CodeInvalid},
		"screen not a text":       {object{"screen": 1, "data": object{}}, CodeInvalid},
		"no data":                 {object{"screen": "DAY"}, CodeInvalid},
		"data is a list":          {object{"screen": "DAY", "data": []any{}}, CodeInvalid},
		"error_message not text":  {list("error_message", true), CodeInvalid},
		"success without params":  {object{"screen": success, "data": object{}}, CodeInvalid},
		"success, other token":    {object{"screen": success, "data": object{"extension_message_response": object{"params": object{"flow_token": "x"}}}}, CodeInvalid},
		"unknown screen":          {object{"screen": "NOWHERE", "data": object{}}, CodeTransition},
		"jump over a screen":      {object{"screen": "END", "data": object{}}, CodeTransition},
		"wrong type":              {list("has_items", "true"), CodeSchema},
		"wrong type in an item":   {list("items", []any{object{"id": 1, "title": "T"}}), CodeSchema},
		"null":                    {list("wanted", nil), CodeSchema},
		"null in an item":         {list("items", []any{object{"id": "a", "title": "T", "description": nil}}), CodeSchema},
		"missing declared key":    {object{"screen": "LIST", "data": without(listData(), "count")}, CodeSchema},
		"item without id":         {list("items", []any{object{"title": "T"}}), CodeComponents},
		"item with empty title":   {list("items", []any{object{"id": "a", "title": ""}}), CodeComponents},
		"title too long":          {list("items", []any{object{"id": "a", "title": long}}), CodeComponents},
		"same id twice":           {list("items", options("a", "a")), CodeComponents},
		"visible and empty":       {list("items", []any{}), CodeComponents},
		"too many options":        {list("items", many), CodeComponents},
		"init-value not offered":  {list("wanted", "c"), CodeComponents},
		"limit is not a date":     {day("min", "23.11.2026"), CodeComponents},
		"blocked is not a date":   {day("blocked", []any{"tomorrow"}), CodeComponents},
		"blocked before min-date": {day("blocked", []any{"2026-11-01"}), CodeComponents},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			phone, e := play(t, threeScreens, script(func(message) (int, any) { return 200, test.answer }))
			ctx := background()
			must(t, phone.Open(ctx))
			must(t, phone.Set(ctx, "item", "a"))
			var c *Complaint
			if err := phone.Tap(ctx); !errors.As(err, &c) || c.Code != test.code {
				t.Fatalf("Tap() = %v, want %s", err, test.code)
			}
			if !c.Acknowledged {
				t.Error("the report was not acknowledged")
			}
			requests := e.seen()
			report := requests[len(requests)-1]
			if report.Action != actionExchange || report.Screen != "LIST" || report.Data["error"] != test.code {
				t.Errorf("reported %+v", report)
			}
			if phone.Screen() != "LIST" || phone.Entries()["item"] != "a" {
				t.Errorf("a refused answer changed the phone: %s %v", phone.Screen(), phone.Entries())
			}
		})
	}
}

func TestComplaintsOnOtherScreens(t *testing.T) {
	required := strings.Replace(threeScreens, `"required":"${data.has_items}"`, `"required":true`, 1)
	tests := map[string]struct {
		flow   string
		answer func(message) (int, any)
		code   string
	}{
		"init with a later screen": {threeScreens,
			func(message) (int, any) { return screen("DAY", dayData()) }, CodeTransition},
		"init with success": {threeScreens,
			func(message) (int, any) { return succeed(object{}) }, CodeTransition},
		"required but hidden": {required, func(message) (int, any) {
			return screen("LIST", with(with(listData(), "has_items", false), "items", []any{}))
		}, CodeComponents},
		"data for a screen without any": {
			`{"version":"7.3","screens":[{"id":"A","layout":{"children":[]}}]}`,
			func(message) (int, any) { return screen("A", object{"x": "y"}) }, CodeSchema},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			phone, _ := play(t, test.flow, test.answer)
			var c *Complaint
			if err := phone.Open(background()); !errors.As(err, &c) || c.Code != test.code {
				t.Errorf("Open() = %v, want %s", err, test.code)
			}
		})
	}
}

// TestHiddenEmptyList is the form in which an endpoint says that there is nothing to choose.
func TestHiddenEmptyList(t *testing.T) {
	phone, _ := play(t, threeScreens, func(message) (int, any) {
		return screen("LIST", with(with(listData(), "has_items", false), "items", []any{}))
	})
	must(t, phone.Open(background()))
	if inputs := phone.Inputs(); len(inputs) != 0 {
		t.Errorf("Inputs() = %v", inputs)
	}
}

func TestFormRules(t *testing.T) {
	phone, e := play(t, threeScreens, script(func(req message) (int, any) { return screen("DAY", dayData()) }))
	ctx := background()
	must(t, phone.Open(ctx))
	refused := func(what string, err error) {
		t.Helper()
		var f *FormError
		if !errors.As(err, &f) {
			t.Errorf("%s: %v, want a FormError", what, err)
		}
	}
	refused("required and empty", phone.Tap(ctx))
	refused("no such option", phone.Set(ctx, "item", "c"))
	refused("no such component", phone.Set(ctx, "other", "c"))
	must(t, phone.Set(ctx, "item", "a"))
	must(t, phone.Tap(ctx))
	for _, date := range []string{"2026-11-16", "2026-11-24", "2026-11-25", "soon"} {
		refused(date, phone.Set(ctx, "day", date))
	}
	refused("too long", phone.Set(ctx, "name", "a name of many letters"))
	must(t, phone.Set(ctx, "name", "S"))
	must(t, phone.Set(ctx, "day", "2026-11-23"))
	refused("too short", phone.Tap(ctx))
	if n := len(e.seen()); n != 3 {
		t.Errorf("%d requests: what the phone refuses must not be sent", n)
	}
}

func TestChoicesAcrossRefreshes(t *testing.T) {
	offered := [][]any{options("a", "b"), options("b", "c"), options("c")}
	calls := 0
	phone, _ := play(t, threeScreens, func(message) (int, any) {
		calls++
		return screen("LIST", with(listData(), "items", offered[calls-1]))
	})
	ctx := background()
	must(t, phone.Open(ctx))
	must(t, phone.Set(ctx, "item", "b"))
	must(t, phone.Tap(ctx))
	if got := phone.Entries()["item"]; got != "b" {
		t.Errorf("entry after a refresh that still offers it = %v", got)
	}
	must(t, phone.Tap(ctx))
	if got := phone.Entries()["item"]; got != nil {
		t.Errorf("entry after a refresh that no longer offers it = %v", got)
	}
}

func TestBack(t *testing.T) {
	phone, e := play(t, threeScreens, script(func(req message) (int, any) {
		if req.Action == actionBack {
			return screen("LIST", with(listData(), "count", 7))
		}
		return screen("DAY", dayData())
	}))
	ctx := background()
	must(t, phone.Open(ctx))
	must(t, phone.Set(ctx, "item", "a"))
	must(t, phone.Tap(ctx))
	must(t, phone.Set(ctx, "day", "2026-11-23"))
	must(t, phone.Set(ctx, "name", "Sam"))
	must(t, phone.Tap(ctx))
	before := len(e.seen())
	must(t, phone.Back(ctx)) // END → DAY is local
	if phone.Screen() != "DAY" || phone.Entries()["name"] != "Sam" || len(e.seen()) != before {
		t.Errorf("local back: %s %v", phone.Screen(), phone.Entries())
	}
	must(t, phone.Back(ctx)) // DAY asks the endpoint
	requests := e.seen()
	last := requests[len(requests)-1]
	if last.Action != actionBack || last.Screen != "DAY" || len(last.Data) != 0 {
		t.Errorf("BACK request = %+v", last)
	}
	if phone.Screen() != "LIST" || phone.Data()["count"] != 7.0 || phone.Entries()["item"] != "a" {
		t.Errorf("after BACK: %s %v %v", phone.Screen(), phone.Data(), phone.Entries())
	}
	if err := phone.Back(ctx); !errors.Is(err, ErrFirstScreen) {
		t.Errorf("Back on the first screen = %v", err)
	}
}

func TestKeyRefresh(t *testing.T) {
	current := newKey()
	stale := makeKey()
	e, proxy := newEndpoint(t, current, script(nil))
	refreshes := 0
	refresh := func(key *rsa.PrivateKey) func(context.Context) (*rsa.PublicKey, error) {
		return func(context.Context) (*rsa.PublicKey, error) { refreshes++; return &key.PublicKey, nil }
	}
	open := func(refresh func(context.Context) (*rsa.PublicKey, error)) error {
		phone, err := NewPhone(Options{FlowJSON: []byte(threeScreens), PublicKey: &stale.PublicKey, RefreshKey: refresh,
			Send: proxy.Forward, FlowToken: testToken, Retry: true})
		must(t, err)
		return phone.Open(background())
	}
	must(t, open(refresh(current)))
	if refreshes != 1 || len(e.seen()) != 1 {
		t.Errorf("%d refreshes, %d opened requests", refreshes, len(e.seen()))
	}
	refreshes = 0
	var status *StatusError
	if err := open(refresh(stale)); !errors.As(err, &status) || status.Status != http.StatusMisdirectedRequest {
		t.Errorf("a key that does not fit after the refresh either: %v", err)
	}
	if refreshes != 1 {
		t.Errorf("%d refreshes, want one resend only", refreshes)
	}
	if err := open(nil); !errors.As(err, &status) {
		t.Errorf("without a refresh: %v", err)
	}
}

func TestClosed(t *testing.T) {
	tests := map[string]struct {
		body any
		text string
	}{
		"with a text": {object{"error_msg": "Already booked"}, "Already booked"},
		"empty":       {nil, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			phone, _ := play(t, threeScreens, func(message) (int, any) { return statusTokenInvalid, test.body })
			if err := phone.Open(background()); !errors.Is(err, ErrClosed) {
				t.Fatalf("Open() = %v", err)
			}
			if text, ok := phone.Closed(); !ok || text != test.text {
				t.Errorf("Closed() = %q, %v", text, ok)
			}
			if err := phone.Tap(background()); !errors.Is(err, ErrClosed) {
				t.Errorf("Tap() = %v", err)
			}
		})
	}
	phone, _ := play(t, threeScreens, func(message) (int, any) {
		return statusTokenInvalid, rawBody(`{"error_msg":"in the clear"}`)
	})
	var c *Complaint
	if err := phone.Open(background()); !errors.As(err, &c) || c.Code != CodeDecryption {
		t.Errorf("a text in the clear: %v", err)
	}
}

// TestRetry sends the identical action again after a failure, on its own or when the customer asks.
func TestRetry(t *testing.T) {
	failures := 1
	e, proxy := newEndpoint(t, newKey(), script(func(message) (int, any) {
		if failures > 0 {
			failures--
			return 500, nil
		}
		return screen("DAY", dayData())
	}))
	phone := openPhone(t, []byte(threeScreens), proxy, newKey())
	ctx := background()
	must(t, phone.Open(ctx))
	must(t, phone.Set(ctx, "item", "a"))
	var status *StatusError
	if err := phone.Tap(ctx); !errors.As(err, &status) || status.Status != 500 {
		t.Fatalf("Tap() = %v", err)
	}
	must(t, phone.Resend(ctx))
	must(t, phone.Resend(ctx)) // as if the answer had been lost
	if phone.Screen() != "DAY" {
		t.Errorf("screen %s", phone.Screen())
	}
	requests := e.seen()
	for _, again := range requests[2:] {
		if diff := cmp.Diff(requests[1], again); diff != "" {
			t.Errorf("resent another action (-first +again)\n%s", diff)
		}
	}
	failures, phone.opts.Retry = 1, true
	must(t, phone.Set(ctx, "day", "2026-11-23"))
}

func TestResendAfterSuccess(t *testing.T) {
	phone, e := play(t, threeScreens, script(func(req message) (int, any) { return succeed(object{}) }))
	ctx := background()
	must(t, phone.Open(ctx))
	must(t, phone.Set(ctx, "item", "a"))
	must(t, phone.Tap(ctx))
	must(t, phone.Resend(ctx))
	if _, ok := phone.Done(); !ok || len(e.seen()) != 3 {
		t.Errorf("done %v after %d requests", ok, len(e.seen()))
	}
}

func TestPing(t *testing.T) {
	var reply any = object{"data": object{"status": "active"}}
	phone, e := play(t, threeScreens, func(message) (int, any) { return 200, reply })
	must(t, phone.Ping(background()))
	if got := e.seen()[0]; got.Action != actionPing || got.FlowToken != "" || got.Version != "4.0" {
		t.Errorf("ping = %+v", got)
	}
	reply = object{"data": object{"status": "fine"}}
	var c *Complaint
	if err := phone.Ping(background()); !errors.As(err, &c) {
		t.Errorf("Ping() = %v", err)
	}
}

// TestComponents shows kinds that the other Flows do not use.
func TestComponents(t *testing.T) {
	const flowJSON = `{"version":"7.3","data_api_version":"4.0","routing_model":{"A":["B"],"B":[]},"screens":[
	 {"id":"A","layout":{"children":[{"type":"NavigationList","name":"nav","list-items":[
	   {"id":"one","main-content":{"title":"One"},"on-click-action":{"name":"data_exchange","payload":{"pick":"one"}}}]}]}},
	 {"id":"B","terminal":true,"data":{"mode":{"type":"string","__example__":"x"}},"layout":{"children":[
	  {"type":"Switch","value":"${data.mode}","cases":{"x":[{"type":"TextBody","text":"case x"}],"default":[{"type":"TextBody","text":"other"}]}},
	  {"type":"If","condition":"${form.agree} && (1 < 2)","then":[{"type":"TextBody","text":"agreed"}],"else":[{"type":"TextBody","text":"not yet"}]},
	  {"type":"CheckboxGroup","name":"extras","label":"Extras","max-selected-items":1,"data-source":[{"id":"e","title":"E","on-select-action":{"name":"update_data","payload":{"mode":"y"}}},{"id":"f","title":"F","enabled":false}]},
	  {"type":"RadioButtonsGroup","name":"switch","label":"Switch","data-source":[{"id":"s","title":"S","on-select-action":{"name":"update_data","payload":{"mode":"y"}}}]},
	  {"type":"OptIn","name":"agree","label":"I agree","required":true},
	  {"type":"Footer","label":"End","on-click-action":{"name":"complete","payload":{"extras":"${form.extras}","mode":"${data.mode}"}}}]}}]}`
	phone, _ := play(t, flowJSON, func(req message) (int, any) {
		if req.Data["pick"] == "one" {
			return screen("B", object{"mode": "x"})
		}
		return screen("A", object{})
	})
	ctx := background()
	must(t, phone.Open(ctx))
	must(t, phone.Set(ctx, "nav", "one"))
	if err := phone.Set(ctx, "extras", []string{"f"}); err == nil {
		t.Error("a disabled option was taken")
	}
	must(t, phone.Set(ctx, "extras", []string{"e"}))
	must(t, phone.Set(ctx, "switch", "s"))
	must(t, phone.Set(ctx, "agree", true))
	if diff := cmp.Diff([]string{"other", "agreed"}, phone.Texts()); diff != "" {
		t.Errorf("Texts() (-want +got)\n%s", diff)
	}
	must(t, phone.Tap(ctx))
	got, ok := phone.Completed()
	if diff := cmp.Diff(object{"extras": []any{"e"}, "mode": "y"}, got); !ok || diff != "" {
		t.Errorf("Completed() (-want +got)\n%s", diff)
	}
}

func TestUnusableFlows(t *testing.T) {
	key := newKey()
	for name, text := range map[string]string{
		"not JSON": `{`, "no screens": `{"version":"7.3"}`,
		"no entry":       `{"routing_model":{"A":["B"],"B":["A"]},"screens":[{"id":"A"},{"id":"B"}]}`,
		"same id twice":  `{"screens":[{"id":"A"},{"id":"A"}]}`,
		"reserved id":    `{"screens":[{"id":"SUCCESS"}]}`,
		"screen no text": `{"screens":[{"id":1}]}`,
	} {
		_, err := NewPhone(Options{FlowJSON: []byte(text), PublicKey: &key.PublicKey,
			Send: func(context.Context, []byte) (int, []byte, error) { return 0, nil, nil }})
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestExpressions(t *testing.T) {
	values := object{"data.t": true, "data.f": false, "data.n": 3.0, "data.s": "x"}
	s := scope(func(path string) (any, bool) { v, ok := values[path]; return v, ok })
	tests := map[string]any{
		"${data.t}": true, "!${data.t}": false, "!${data.f} && ${data.t}": true, "${data.f} || ${data.n} >= 3": true,
		"${data.s} == 'x'": true, "${data.s} != 'x'": false, "(${data.n} > 2) && (${data.n} <= 2)": false,
		"'it\\'s ' ${data.s} ' ' ${data.n}": "it's x 3", "${data.none}": nil, "${data.n} + 1": nil, "'open": nil,
		"(((": nil, "": nil, strings.Repeat("(", 1000): nil, strings.Repeat("!", 1000) + "true": nil,
	}
	for text, want := range tests {
		got, ok := s.evaluate(text)
		if !ok {
			got = nil
		}
		if got != want {
			t.Errorf("evaluate(%.40q) = %v, want %v", text, got, want)
		}
	}
}

// FuzzValidate feeds any answer to a phone that shows any Flow.
func FuzzValidate(f *testing.F) {
	shop := newShop()
	_, book := shop.single(message{})
	_, department := shop.builtin(message{})
	_, list := screen("LIST", listData())
	for flowJSON, answer := range map[string]any{seedFlow: book, string(flow.Builtin()): department, threeScreens: list} {
		text, err := json.Marshal(answer)
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(flowJSON), text)
	}
	f.Add([]byte(`{"screens":[{"id":"A","layout":{"children":[{"type":"Dropdown","name":"x","data-source":"${data.x}"}]}}]}`),
		[]byte(`{"screen":"A","data":{"x":[[{}],{"id":{}}]}}`))
	key := newKey()
	f.Fuzz(func(t *testing.T, flowJSON, answer []byte) {
		phone, err := NewPhone(Options{FlowJSON: flowJSON, PublicKey: &key.PublicKey, FlowToken: testToken,
			Send: func(context.Context, []byte) (int, []byte, error) { return 500, nil, nil }})
		if err != nil {
			return
		}
		if c := phone.accept(request{action: actionInit}, answer); c != nil || phone.Screen() == "" {
			return
		}
		phone.Texts()
		_, _, _ = newWalker(phone, Plan{}).next()
		_ = phone.Tap(background())
		for _, in := range phone.Inputs() {
			_ = phone.Set(background(), in.Name, "2026-11-23")
		}
		_ = phone.accept(request{action: actionExchange, screen: phone.Screen(), history: phone.history}, answer)
	})
}
