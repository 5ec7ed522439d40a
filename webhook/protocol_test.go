package webhook

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"slotd/internal/emulator/whatsapp"
	"slotd/internal/flow"
)

// envelope seals plain with choices that flow.SealRequest does not offer.
func envelope(t testing.TB, pub *rsa.PublicKey, plain []byte, ivSize int, tamper bool) []byte {
	t.Helper()
	key, iv := make([]byte, 16), make([]byte, ivSize)
	_, _ = rand.Read(key)
	block, err := aes.NewCipher(key)
	check(t, err)
	aead, err := cipher.NewGCMWithNonceSize(block, ivSize)
	check(t, err)
	sealed := aead.Seal(nil, iv, plain, nil)
	if tamper {
		sealed[len(sealed)-1] ^= 1
	}
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, pub, key, nil)
	check(t, err)
	b64 := base64.StdEncoding.EncodeToString
	body, err := json.Marshal(map[string]string{
		"encrypted_flow_data": b64(sealed), "encrypted_aes_key": b64(wrapped), "initial_vector": b64(iv),
	})
	check(t, err)
	return body
}

func TestSignatureIsCheckedFirst(t *testing.T) {
	r := newRig(t, single())
	body, _, err := flow.SealRequest(&testKey().PublicKey, []byte(`{"version":"4.0","action":"ping"}`))
	check(t, err)
	fits := r.sign(body)
	for name, signature := range map[string]string{
		"none": "", "short": fits[:20], "only the prefix": "sha256=", "not hex": "sha256=" + strings.Repeat("z", 64),
		"another secret":  flow.Sign([]byte("wrong"), body),
		"another body":    r.sign([]byte("{}")),
		"without prefix":  strings.TrimPrefix(fits, "sha256="),
		"one letter more": fits + "0",
	} {
		if got := r.post(http.MethodPost, signature, bytes.NewReader(body)); got != 432 {
			t.Errorf("%s: status %d, want 432", name, got)
		}
	}
	for name, signature := range map[string]string{"newest": fits, "older": flow.Sign([]byte("older-secret"), body)} {
		if got := r.post(http.MethodPost, signature, bytes.NewReader(body)); got != 200 {
			t.Errorf("%s secret: status %d, want 200", name, got)
		}
	}
}

func TestBodyLimit(t *testing.T) {
	r := newRig(t, single())
	for name, test := range map[string]struct {
		size int
		want int
	}{"at the limit": {MaxBody, 400}, "over the limit": {MaxBody + 1, 413}, "far over": {4 * MaxBody, 413}} {
		body := bytes.Repeat([]byte("x"), test.size)
		if got := r.post(http.MethodPost, r.sign(body), bytes.NewReader(body)); got != test.want {
			t.Errorf("%s: status %d, want %d", name, got, test.want)
		}
		chunked := io.MultiReader(bytes.NewReader(body)) // hides the length
		if got := r.post(http.MethodPost, r.sign(body), chunked); got != test.want {
			t.Errorf("%s, chunked: status %d, want %d", name, got, test.want)
		}
	}
}

func TestOnlyPost(t *testing.T) {
	r := newRig(t, single())
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodHead} {
		if got := r.post(method, "", nil); got != http.StatusMethodNotAllowed {
			t.Errorf("%s: status %d, want 405", method, got)
		}
	}
}

func TestEnvelopes(t *testing.T) {
	r := newRig(t, single())
	pub, ping := &testKey().PublicKey, []byte(`{"version":"4.0","action":"ping"}`)
	for name, test := range map[string]struct {
		body []byte
		want int
	}{
		"well made":      {envelope(t, pub, ping, 16, false), 200},
		"unknown key":    {envelope(t, &newKey().PublicKey, ping, 16, false), 421},
		"tampered":       {envelope(t, pub, ping, 16, true), 421},
		"iv of 12 bytes": {envelope(t, pub, ping, 12, false), 400},
		"no json":        {[]byte("hello"), 400},
		"empty":          {nil, 400},
		"an array":       {[]byte(`[]`), 400},
		"null":           {[]byte(`null`), 400},
		"no fields":      {[]byte(`{}`), 400},
		"not base64":     {[]byte(`{"encrypted_flow_data":"%","encrypted_aes_key":"%","initial_vector":"%"}`), 400},
		"numbers":        {[]byte(`{"encrypted_flow_data":1,"encrypted_aes_key":2,"initial_vector":3}`), 400},

		"plain text":         {envelope(t, pub, []byte("hello"), 16, false), 400},
		"plain empty":        {envelope(t, pub, nil, 16, false), 400},
		"plain array":        {envelope(t, pub, []byte(`[1]`), 16, false), 400},
		"plain null":         {envelope(t, pub, []byte(`null`), 16, false), 400},
		"action is a number": {envelope(t, pub, []byte(`{"action":1}`), 16, false), 400},
		"data is an array":   {envelope(t, pub, []byte(`{"action":"INIT","data":[]}`), 16, false), 427}, // read as no data
		"token is an object": {envelope(t, pub, []byte(`{"action":"INIT","flow_token":{}}`), 16, false), 400},
		"two values":         {envelope(t, pub, []byte(`{"action":"ping"}{}`), 16, false), 400},
	} {
		if got := r.post(http.MethodPost, r.sign(test.body), bytes.NewReader(test.body)); got != test.want {
			t.Errorf("%s: status %d, want %d", name, got, test.want)
		}
	}
}

func TestPhoneFetchesTheNewKey(t *testing.T) {
	r := newRig(t, single())
	token := r.token()
	p, err := whatsapp.NewPhone(whatsapp.Options{
		FlowJSON: r.appflow, PublicKey: &newKey().PublicKey, Send: r.proxy.Forward, FlowToken: token,
		RefreshKey: func(context.Context) (*rsa.PublicKey, error) { return &testKey().PublicKey, nil },
	})
	check(t, err)
	r.books(p, whatsapp.Plan{Name: "Sam Example"})
}

func TestPing(t *testing.T) {
	r := newRig(t, single())
	noComplaint(t, r.phone().Ping(context.Background()))
	for _, request := range []object{
		{"version": "3.0", "action": "ping"},
		{"version": "4.0", "action": "ping", "flow_token": "unused", "data": object{"error": "x"}},
	} {
		if got := r.send(request); got.status != 200 || string(got.plain) != `{"data":{"status":"active"}}` {
			t.Errorf("ping: %d %s", got.status, got.plain)
		}
	}
}

func TestClientErrorIsAcknowledged(t *testing.T) {
	r := newRig(t, single())
	for _, action := range []string{"INIT", "data_exchange", "BACK", ""} {
		for _, key := range []string{"error", "error_key"} {
			got := r.send(object{"version": "4.0", "action": action, "screen": "CONFIRM", "flow_token": r.token(),
				"data": object{key: "invalid-screen-transition", "error_message": "planted-report"}})
			if got.status != 200 || string(got.plain) != `{"data":{"acknowledged":true}}` {
				t.Errorf("%s with %s: %d %s", action, key, got.status, got.plain)
			}
		}
	}
	if !strings.Contains(r.logs.String(), "invalid-screen-transition") {
		t.Error("the log does not say why the phone refused an answer")
	}
	if strings.Contains(r.logs.String(), "planted-report") {
		t.Error("the log quotes the phone")
	}
}

func TestTokenSignature(t *testing.T) {
	r := newRig(t, single())
	token := r.token()
	other := whatsapp.Proxy{AppSecret: []byte("wrong")}
	for name, test := range map[string]struct {
		signature string
		want      int
	}{
		"right": {r.proxy.SignToken(token), 200}, "absent": {"", 200}, "of another token": {r.proxy.SignToken("other-token"), 427},
		"of another secret": {other.SignToken(token), 427}, "garbage": {"a.b.c", 427},
	} {
		got := r.send(object{"version": "4.0", "action": "INIT", "flow_token": token, "flow_token_signature": test.signature})
		if got.status != test.want {
			t.Errorf("%s: status %d, want %d", name, got.status, test.want)
		}
		if got.status == 427 && got.Closed == "" {
			t.Errorf("%s: no text for the customer", name)
		}
	}
}

func TestVersionIsEchoed(t *testing.T) {
	r := newRig(t, single())
	for _, version := range []string{"3.0", "4.0"} {
		got := r.send(object{"version": version, "action": "INIT", "flow_token": r.token()})
		if got.Version != version {
			t.Errorf("answer has version %q, want %q", got.Version, version)
		}
	}
}

func TestHealth(t *testing.T) {
	r := newRig(t, single())
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/": 404, "/metrics": 404} {
		resp, err := r.http.Client().Get(r.http.URL + path)
		check(t, err)
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: status %d, want %d", path, resp.StatusCode, want)
		}
	}
}

// FuzzDispatch asks with any decrypted text: the answer is always a valid one.
func FuzzDispatch(f *testing.F) {
	r := newRig(f, twoDepartments())
	r.clinic.foreign = true
	r.reopen()
	for _, seed := range []string{
		`{"version":"4.0","action":"ping"}`,
		`{"version":"4.0","action":"INIT","flow_token":"fuzz-token-1"}`,
		`{"version":"4.0","action":"INIT","screen":"CONFIRM","flow_token":"fuzz-token-1","data":{"error":"x"}}`,
		`{"action":"BACK","screen":"TIME","flow_token":"fuzz-token-1"}`,
		`{"action":"data_exchange","screen":"DEPARTMENT","flow_token":"fuzz-token-1","data":{"department":"cardio"}}`,
		`{"action":"data_exchange","screen":"DOCTOR","flow_token":"fuzz-token-1","data":{"department":"cardio","service":"ecg","resource":"any"}}`,
		`{"action":"data_exchange","screen":"DAY","flow_token":"fuzz-token-1","data":{"date":"2026-11-24","service":"ecg"}}`,
		`{"action":"data_exchange","screen":"TIME","flow_token":"fuzz-token-1","data":{"slot":"page:-1","date":"9999-12-31"}}`,
		`{"action":"data_exchange","screen":"TIME","flow_token":"fuzz-token-1","data":{"slot":"2026-11-24T08:00:00Z"}}`,
		`{"action":"data_exchange","screen":"CONFIRM","flow_token":"fuzz-token-1","data":{"slot":"0000-01-01T00:00:00Z","lost:":"9223372036854775807"}}`,
		`{"action":"data_exchange","screen":"CONFIRM","flow_token":"fuzz-token-2","data":{"slot":"2026-11-24T08:00:00Z","service":"checkup","name":null}}`,
		`{"action":"data_exchange","screen":"CONFIRM","flow_token":"fuzz-token-1","data":{"alternative":[],"slot":{}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, plain []byte) {
		req, err := flow.ParseRequest(plain)
		if err != nil {
			return
		}
		a := r.server.dispatch(context.Background(), req)
		switch a.status {
		case 200, 400, 427:
		default:
			t.Fatalf("status %d", a.status)
		}
		var answer struct {
			Screen string         `json:"screen"`
			Data   map[string]any `json:"data"`
			Closed string         `json:"error_msg"`
		}
		if err := json.Unmarshal(a.body, &answer); err != nil {
			t.Fatalf("the answer is not JSON: %v", err)
		}
		if a.status == 427 && answer.Closed == "" || a.status == 200 && answer.Data == nil {
			t.Fatalf("not a valid answer: %d", a.status)
		}
		if screen := r.server.talk.flow.Screen(answer.Screen); screen != nil {
			for _, field := range screen.Data {
				if value, ok := answer.Data[field.Key]; !ok || value == nil {
					t.Fatalf("screen %s: the declared key %s is missing", answer.Screen, field.Key)
				}
			}
		} else if answer.Screen != "" && answer.Screen != "SUCCESS" {
			t.Fatal("the answer shows a screen that is not in the Flow")
		}
	})
}
