package flow

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// The actions that a client sends. An error report reuses the names INIT and data_exchange: ask ClientError first.
const (
	ActionPing         = "ping"
	ActionInit         = "INIT"
	ActionBack         = "BACK"
	ActionDataExchange = "data_exchange"
)

// Request is a decrypted request.
type Request struct {
	// Version is the data API version, "3.0" or "4.0"; answers carry the same one.
	Version string
	// Action is kept verbatim, also when it is none of the known ones.
	Action string
	// Screen is the screen that the request was sent from; empty on ping and usually on INIT.
	Screen string
	// Data is the payload, never nil. Numbers are json.Number, so that long digit strings stay what they were.
	Data map[string]any
	// FlowToken is the only identity that a request carries.
	FlowToken string
	// FlowTokenSignature is a JWT, see VerifyToken; clients may leave it out.
	FlowTokenSignature string
}

// ParseRequest reads a decrypted request. Unknown fields are ignored, absent or null ones are empty; a field of a wrong
// type is an error, except for what a health check or an opening does not need. The error never quotes the request.
func ParseRequest(plain []byte) (Request, error) {
	var wire struct {
		Version   json.RawMessage `json:"version"`
		Action    string          `json:"action"`
		Screen    string          `json:"screen"`
		Data      json.RawMessage `json:"data"`
		Token     string          `json:"flow_token"`
		Signature string          `json:"flow_token_signature"`
	}
	if trimmed := bytes.TrimSpace(plain); len(trimmed) == 0 || trimmed[0] != '{' {
		return Request{}, errors.New("parse request: not a JSON object")
	}
	if err := decodeJSON(plain, &wire); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return Request{}, fmt.Errorf("parse request: field %s has a wrong type", wrong.Field)
		}
		return Request{}, errors.New("parse request: not valid JSON")
	}
	r := Request{
		Version: version(wire.Version), Action: wire.Action, Screen: wire.Screen, Data: map[string]any{},
		FlowToken: wire.Token, FlowTokenSignature: wire.Signature,
	}
	if err := decodeJSON(wire.Data, &r.Data); err != nil && wire.Action == ActionDataExchange && len(wire.Data) > 0 {
		return Request{}, errors.New("parse request: field data has a wrong type")
	}
	if r.Data == nil {
		r.Data = map[string]any{}
	}
	return r, nil
}

// version reads a data API version that was sent as text or as a number; anything else is empty.
func version(raw json.RawMessage) string {
	var v string
	if json.Unmarshal(raw, &v) == nil {
		return v
	}
	var n json.Number
	if json.Unmarshal(raw, &n) == nil {
		return n.String()
	}
	return ""
}

// ClientError says whether the request reports that the client refused the previous answer, and why. Such a report
// comes with an ordinary action name, so it must be asked for before the action is looked at. Answer Acknowledge.
func (r Request) ClientError() (code, message string, ok bool) {
	for _, key := range []string{"error", "error_key"} {
		if value, found := r.Data[key]; found && value != nil && value != "" {
			code, _ := text(value)
			message, _ := text(r.Data["error_message"])
			return code, message, true
		}
	}
	return "", "", false
}

// Answer is the plain answer that shows a screen. It is deterministic: the same arguments give the same bytes.
// Data must be JSON values, as Fill returns them.
func Answer(version, screen string, data map[string]any) []byte {
	if data == nil {
		data = map[string]any{}
	}
	return encodeJSON(struct {
		Version string         `json:"version"`
		Screen  string         `json:"screen"`
		Data    map[string]any `json:"data"`
	}{version, screen, data})
}

// Ping is the plain answer to the health check.
func Ping() []byte { return []byte(`{"data":{"status":"active"}}`) }

// Acknowledge is the plain answer to a client's error report.
func Acknowledge() []byte { return []byte(`{"data":{"acknowledged":true}}`) }

// Success is the plain answer that ends the Flow. The parameters arrive in the chat's webhook beside the flow token.
func Success(version, flowToken string, params map[string]string) []byte {
	all := map[string]any{"flow_token": flowToken}
	for key, value := range params {
		if key != "flow_token" {
			all[key] = value
		}
	}
	return Answer(version, successScreen, map[string]any{
		"extension_message_response": map[string]any{"params": all},
	})
}

// ErrorMessage is the plain body of HTTP 427: the client shows the text and closes the Flow for good. Like any
// answer it is sent encrypted.
func ErrorMessage(text string) []byte {
	return encodeJSON(map[string]string{"error_msg": text})
}

// encodeJSON marshals values that this package made. Failing would mean that a caller put something into an answer that
// is no JSON value.
func encodeJSON(value any) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic("flow: encode: " + err.Error())
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// decodeJSON reads one JSON value and nothing after it, numbers as json.Number.
func decodeJSON(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return errors.New("something follows the JSON value")
	}
	return nil
}

// text is a JSON value of a payload as text. Only strings, booleans and numbers have one.
func text(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case json.Number:
		return v.String(), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	}
	return "", false
}
