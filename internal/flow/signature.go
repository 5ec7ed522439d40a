package flow

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
)

const signaturePrefix = "sha256="

// Sign returns the X-Hub-Signature-256 header for a body: HMAC-SHA256 under the app secret.
func Sign(secret, body []byte) string {
	return signaturePrefix + hex.EncodeToString(mac(secret, body))
}

// Verify says whether the X-Hub-Signature-256 header fits the raw body under any of the app secrets; several are in
// use while a secret is changed. Without a secret nothing fits. Time does not depend on where a signature differs.
func Verify(secrets [][]byte, header string, body []byte) bool {
	text, ok := strings.CutPrefix(header, signaturePrefix)
	if !ok {
		return false
	}
	got, err := hex.DecodeString(text)
	return err == nil && anyFits(secrets, got, body)
}

// ErrNoTokenClaim means that a flow token signature is genuine, but that its claims do not say for which token under the
// name that the documents imply.
var ErrNoTokenClaim = errors.New("flow token signature: no flow_token claim")

// VerifyToken checks the flow_token_signature of a request: a JWT that must be signed with HS256 under one of the app
// secrets and carry the flow token in its claim flow_token. Clients may leave the signature out; whether that is
// accepted is for the caller, here an empty text is an error. Claims of time are not looked at: none is documented.
// The name of that claim is implied by Meta's documents, not stated: [ErrNoTokenClaim] need not be anybody's fault.
func VerifyToken(secrets [][]byte, jwt, flowToken string) error {
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		return errors.New("flow token signature: not a JWT")
	}
	var header struct {
		Alg string `json:"alg"`
	}
	// The algorithm is pinned: a token must not choose how it is checked.
	if err := decodePart(parts[0], &header); err != nil || header.Alg != "HS256" {
		return errors.New("flow token signature: the algorithm is not HS256")
	}
	got, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || !anyFits(secrets, got, []byte(parts[0]+"."+parts[1])) {
		return errors.New("flow token signature: signed with another secret")
	}
	var claims struct {
		FlowToken *string `json:"flow_token"`
	}
	if err := decodePart(parts[1], &claims); err != nil {
		return errors.New("flow token signature: the claims are not JSON")
	}
	if claims.FlowToken == nil {
		return ErrNoTokenClaim
	}
	if !hmac.Equal([]byte(*claims.FlowToken), []byte(flowToken)) {
		return errors.New("flow token signature: made for another flow token")
	}
	return nil
}

func anyFits(secrets [][]byte, got, message []byte) bool {
	fits := false
	for _, secret := range secrets {
		// An empty secret would let anybody sign.
		if len(secret) > 0 && hmac.Equal(got, mac(secret, message)) {
			fits = true
		}
	}
	return fits
}

func mac(secret, message []byte) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write(message)
	return h.Sum(nil)
}

func decodePart(part string, into any) error {
	raw, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}
