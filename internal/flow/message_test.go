package flow_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slotd/internal/flow"
)

func TestParseRequest(t *testing.T) {
	empty := map[string]any{}
	tests := []struct {
		name, plain string
		want        flow.Request
	}{
		{"ping", `{"version":"3.0","action":"ping"}`, flow.Request{Version: "3.0", Action: flow.ActionPing, Data: empty}},
		{"INIT with null data", `{"version":"4.0","action":"INIT","screen":"","data":null,"flow_token":"t","flow_token_signature":"j"}`,
			flow.Request{Version: "4.0", Action: flow.ActionInit, Data: empty, FlowToken: "t", FlowTokenSignature: "j"}},
		{"unknown fields and action", `{"action":"dance","new":[1],"screen":"DAY"}`,
			flow.Request{Action: "dance", Screen: "DAY", Data: empty}},
		{"payload", `{"action":"data_exchange","data":{"date":"2026-11-24","n":491700000000001}}`,
			flow.Request{Action: flow.ActionDataExchange,
				Data: map[string]any{"date": "2026-11-24", "n": json.Number("491700000000001")}}},
	}
	for _, test := range tests {
		got, err := flow.ParseRequest([]byte(test.plain))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestParseRequestRefusesWrongTypes(t *testing.T) {
	for _, plain := range []string{
		"", "null", "[]", `"x"`, `{`, `{} {}`, `{"action":"data_exchange","data":[]}`, `{"action":1}`,
		`{"action":"data_exchange","data":"secret"}`, `{"screen":{}}`, `{"flow_token":12345678}`,
	} {
		_, err := flow.ParseRequest([]byte(plain))
		if err == nil {
			t.Errorf("accepted %s", plain)
		} else if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "1234") {
			t.Errorf("the error quotes the request: %v", err)
		}
	}
}

// A health check or an opening needs neither a payload nor a version of the documented type.
func TestParseRequestTakesWhatItCan(t *testing.T) {
	for plain, version := range map[string]string{
		`{"version":3.0,"action":"ping"}`:             "3.0",
		`{"version":"4.0","action":"INIT","data":""}`: "4.0",
		`{"version":[],"action":"BACK","data":[]}`:    "",
	} {
		got, err := flow.ParseRequest([]byte(plain))
		if err != nil || got.Version != version || got.Data == nil {
			t.Errorf("%s: got %+v, %v", plain, got, err)
		}
	}
}

func TestClientError(t *testing.T) {
	tests := []struct {
		data, code, message string
		ok                  bool
	}{
		{`{"error":"payload-schema-error","error_message":"bad"}`, "payload-schema-error", "bad", true},
		{`{"error_key":"timeout","error_message":"late"}`, "timeout", "late", true},
		{`{"error":{"odd":1}}`, "", "", true},
		{`{"error":""}`, "", "", false},
		{`{"error":null}`, "", "", false},
		{`{"error_message":"only"}`, "", "", false},
		{`{"date":"2026-11-24"}`, "", "", false},
	}
	for _, test := range tests {
		r, err := flow.ParseRequest([]byte(`{"action":"data_exchange","data":` + test.data + `}`))
		if err != nil {
			t.Fatal(err)
		}
		code, message, ok := r.ClientError()
		if code != test.code || message != test.message || ok != test.ok {
			t.Errorf("%s: %q, %q, %v", test.data, code, message, ok)
		}
	}
}

func TestAnswers(t *testing.T) {
	tests := []struct{ got, want string }{
		{string(flow.Answer("4.0", "DAY", map[string]any{"z": "<&>", "a": []any{}})),
			`{"version":"4.0","screen":"DAY","data":{"a":[],"z":"<&>"}}`},
		{string(flow.Answer("3.0", "TERMS", nil)), `{"version":"3.0","screen":"TERMS","data":{}}`},
		{string(flow.Acknowledge()), `{"data":{"acknowledged":true}}`},
		{string(flow.Success("4.0", "tok", map[string]string{"reference": "AB12", "flow_token": "forged"})),
			`{"version":"4.0","screen":"SUCCESS","data":{"extension_message_response":{"params":{"flow_token":"tok","reference":"AB12"}}}}`},
	}
	for _, test := range tests {
		if test.got != test.want {
			t.Errorf("got  %s\nwant %s", test.got, test.want)
		}
	}
}

func FuzzParseRequest(f *testing.F) {
	f.Add([]byte(`{"version":"3.0","action":"ping"}`))
	f.Add([]byte(`{"action":"INIT","data":{"error":"x","error_message":1}}`))
	f.Fuzz(func(t *testing.T, plain []byte) {
		r, err := flow.ParseRequest(plain)
		if err != nil {
			return
		}
		if r.Data == nil {
			t.Error("nil data")
		}
		r.ClientError()
		flow.Answer(r.Version, r.Screen, r.Data)
	})
}
