package flow_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"slotd/internal/flow"
)

const (
	secret     = "test-app-secret"
	vectorBody = `{"encrypted_flow_data":"AA==","encrypted_aes_key":"AA==","initial_vector":"AA=="}`
	vectorSign = "sha256=9420a61ac1929da52c3580a7a0a1c611c233c868c9a72347f8c228b0fb6b05de"
	vectorJWT  = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJmbG93X3Rva2VuIjoidG9rXzEifQ.rH5Ie3L29IA3Yj3HeHFBM3GFHoeg7rM4RekSYzzo0TE"
)

func secrets(texts ...string) [][]byte {
	var out [][]byte
	for _, text := range texts {
		out = append(out, []byte(text))
	}
	return out
}

func TestSignMatchesTheVector(t *testing.T) {
	if got := flow.Sign([]byte(secret), []byte(vectorBody)); got != vectorSign {
		t.Errorf("got %s, want %s", got, vectorSign)
	}
}

func TestVerify(t *testing.T) {
	tests := []struct {
		name    string
		secrets [][]byte
		header  string
		body    string
		want    bool
	}{
		{"right", secrets(secret), vectorSign, vectorBody, true},
		{"old secret still allowed", secrets("new", secret), vectorSign, vectorBody, true},
		{"no secret", nil, vectorSign, vectorBody, false},
		{"empty secret", secrets(""), flow.Sign(nil, []byte(vectorBody)), vectorBody, false},
		{"other secret", secrets("other"), vectorSign, vectorBody, false},
		{"body changed", secrets(secret), vectorSign, vectorBody + " ", false},
		{"no header", secrets(secret), "", vectorBody, false},
		{"no prefix", secrets(secret), vectorSign[len("sha256="):], vectorBody, false},
		{"sha1", secrets(secret), "sha1=" + vectorSign[len("sha256="):], vectorBody, false},
		{"cut", secrets(secret), vectorSign[:len(vectorSign)-2], vectorBody, false},
		{"not hex", secrets(secret), "sha256=zz", vectorBody, false},
		{"nothing after the prefix", secrets(secret), "sha256=", vectorBody, false},
	}
	for _, test := range tests {
		if got := flow.Verify(test.secrets, test.header, []byte(test.body)); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

// jwt signs a header and claims with HS256, whatever the header says.
func jwt(header, claims string) string {
	signed := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

func TestVerifyToken(t *testing.T) {
	const hs256 = `{"alg":"HS256","typ":"JWT"}`
	tests := []struct {
		name, jwt string
		secrets   [][]byte
		ok        bool
	}{
		{"vector", vectorJWT, secrets(secret), true},
		{"old secret still allowed", vectorJWT, secrets("new", secret), true},
		{"more claims", jwt(hs256, `{"flow_token":"tok_1","iat":1}`), secrets(secret), true},
		{"no secret", vectorJWT, nil, false},
		{"other secret", vectorJWT, secrets("other"), false},
		{"empty", "", secrets(secret), false},
		{"two parts", vectorJWT[:strings.LastIndex(vectorJWT, ".")], secrets(secret), false},
		{"four parts", vectorJWT + ".x", secrets(secret), false},
		{"alg none", jwt(`{"alg":"none"}`, `{"flow_token":"tok_1"}`), secrets(secret), false},
		{"alg HS512", jwt(`{"alg":"HS512"}`, `{"flow_token":"tok_1"}`), secrets(secret), false},
		{"no claim", jwt(hs256, `{"sub":"tok_1"}`), secrets(secret), false},
		{"claim null", jwt(hs256, `{"flow_token":null}`), secrets(secret), false},
		{"other token", jwt(hs256, `{"flow_token":"tok_2"}`), secrets(secret), false},
		{"claim no text", jwt(hs256, `{"flow_token":1}`), secrets(secret), false},
		{"claims no JSON", jwt(hs256, `x`), secrets(secret), false},
	}
	for _, test := range tests {
		err := flow.VerifyToken(test.secrets, test.jwt, "tok_1")
		if (err == nil) != test.ok {
			t.Errorf("%s: %v", test.name, err)
		}
		if err != nil && strings.Contains(err.Error(), "tok_") {
			t.Errorf("%s: the error quotes the token", test.name)
		}
	}
}

func FuzzVerify(f *testing.F) {
	f.Add(vectorSign, []byte(vectorBody))
	f.Add("sha256=00", []byte("x"))
	f.Add("", []byte(""))
	f.Fuzz(func(t *testing.T, header string, body []byte) {
		got := flow.Verify(secrets(secret), header, body)
		if want := strings.EqualFold(header, flow.Sign([]byte(secret), body)); got && !want {
			t.Errorf("accepted %q", header)
		}
	})
}

func FuzzVerifyToken(f *testing.F) {
	f.Add(vectorJWT, "tok_1")
	f.Add("a.b.c", "")
	f.Add(jwt(`{"alg":"none"}`, `{}`), "x")
	f.Fuzz(func(t *testing.T, token, flowToken string) {
		if flow.VerifyToken(secrets("a secret that signed no seed"), token, flowToken) == nil {
			t.Errorf("accepted %q", token)
		}
	})
}
