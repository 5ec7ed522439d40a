package whatsapp

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// The codes with which the client refuses an answer and reports it to the endpoint.
const (
	// CodeDecryption: not base64, or not sealed with the request's key and inverted nonce.
	CodeDecryption = "response-decryption-error"
	// CodeInvalid: not of the form {"screen": text, "data": object}, or a reserved key of a wrong type.
	CodeInvalid = "invalid-response-format"
	// CodeTransition: the routing model does not allow this screen here.
	CodeTransition = "invalid-screen-transition"
	// CodeSchema: the data does not fit what the screen declares.
	CodeSchema = "payload-schema-error"
	// CodeComponents: the data fits, but a component cannot be shown with it.
	CodeComponents = "components-validation-error"
)

// Complaint is a refused answer. The client then shows a generic error without "try again".
type Complaint struct {
	Code string
	// Message says where the fault is, by keys and component names, never by what the customer entered.
	Message string
	// Acknowledged says whether the endpoint took the report about it as the protocol demands.
	Acknowledged bool
}

func (c *Complaint) Error() string { return c.Code + ": " + c.Message }

func complain(code, format string, args ...any) *Complaint {
	return &Complaint{Code: code, Message: fmt.Sprintf(format, args...)}
}

type answer struct {
	screen string
	data   object
	// params are those of SUCCESS.
	params object
}

// readAnswer checks the form that every answer must have, whatever the screen.
func readAnswer(plain []byte, token string) (answer, *Complaint) {
	var raw object
	if err := json.Unmarshal(plain, &raw); err != nil || raw == nil {
		return answer{}, complain(CodeInvalid, "the answer is not a JSON object")
	}
	screen, ok := raw["screen"].(string)
	if !ok || screen == "" {
		return answer{}, complain(CodeInvalid, "screen is missing or not a text")
	}
	data, ok := raw["data"].(object)
	if !ok {
		return answer{}, complain(CodeInvalid, "data is missing or not an object")
	}
	if text, present := data["error_message"]; present {
		if _, ok := text.(string); !ok {
			return answer{}, complain(CodeInvalid, "data.error_message is not a text")
		}
	}
	a := answer{screen: screen, data: data}
	if screen != success {
		return a, nil
	}
	params, ok := asObject(data["extension_message_response"])["params"].(object)
	if !ok {
		return answer{}, complain(CodeInvalid, "SUCCESS needs data.extension_message_response.params, an object")
	}
	if asString(params["flow_token"]) != token {
		return answer{}, complain(CodeInvalid, "the params of SUCCESS need the flow_token of the request")
	}
	a.params = params
	return a, nil
}

// checkTransition allows the same screen, a declared edge, and a step back over a declared edge. INIT leads to an entry
// screen.
func (d *definition) checkTransition(action, from, to string) *Complaint {
	if action == actionInit {
		if !d.isEntry(to) {
			return complain(CodeTransition, "INIT must be answered with an entry screen, %s has an inbound edge", to)
		}
		return nil
	}
	if from == to || d.edge(from, to) || d.edge(to, from) {
		return nil
	}
	return complain(CodeTransition, "no declared edge joins %s and %s", from, to)
}

// checkData compares the data of an answer with what the screen declares. Keys that are not declared are tolerated,
// except on a screen without any: it takes no data at all.
func checkData(screen *screenDef, data object) *Complaint {
	if len(screen.schema) == 0 && len(data) > 0 {
		return complain(CodeSchema, "%s declares no data and must get {}", screen.id)
	}
	for _, key := range slices.Sorted(maps.Keys(screen.schema)) {
		value, present := data[key]
		if !present {
			return complain(CodeSchema, "%s: data.%s is declared and missing", screen.id, key)
		}
		if c := checkSchema(screen.id+": data."+key, screen.schema[key], value); c != nil {
			return c
		}
	}
	for _, key := range slices.Sorted(maps.Keys(data)) {
		if holdsNull(data[key]) {
			return complain(CodeSchema, "%s: data.%s is or holds null", screen.id, key)
		}
	}
	return nil
}

// checkSchema compares a value with its declared type, inside lists and objects too. The keys of an object may be
// absent unless its schema lists them as required.
func checkSchema(path string, schema object, value any) *Complaint {
	want := asString(schema["type"])
	if got := typeOf(value); want != "" && got != want {
		return complain(CodeSchema, "%s is %s, declared as %s", path, got, want)
	}
	switch value := value.(type) {
	case []any:
		items := asObject(schema["items"])
		for i, item := range value {
			if c := checkSchema(fmt.Sprintf("%s[%d]", path, i), items, item); c != nil {
				return c
			}
		}
	case object:
		for _, key := range asList(schema["required"]) {
			if _, present := value[asString(key)]; !present {
				return complain(CodeSchema, "%s lacks a required key", path)
			}
		}
		properties := asObject(schema["properties"])
		for _, key := range slices.Sorted(maps.Keys(properties)) {
			if item, present := value[key]; present {
				if c := checkSchema(path+"."+key, asObject(properties[key]), item); c != nil {
					return c
				}
			}
		}
	}
	return nil
}

func typeOf(v any) string {
	switch v.(type) {
	case string:
		return "string"
	case float64:
		return "number"
	case bool:
		return "boolean"
	case object:
		return "object"
	case []any:
		return "array"
	}
	return "null"
}

func holdsNull(v any) bool {
	switch v := v.(type) {
	case object:
		for _, item := range v {
			if holdsNull(item) {
				return true
			}
		}
		return false
	case []any:
		return slices.ContainsFunc(v, holdsNull)
	}
	return v == nil
}
