package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"slotd/internal/calendar"
)

// The headers of Standard Webhooks,
// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md.
const (
	headerID        = "webhook-id"
	headerTimestamp = "webhook-timestamp"
	headerSignature = "webhook-signature"
)

// Bounds of a key in bytes, by the convention.
const minKey, maxKey = 24, 64

// ParseKey returns the key that a secret stands for: base64, with or without "whsec_" before it. The error does not
// quote the secret.
func ParseKey(secret []byte) ([]byte, error) {
	text := strings.TrimPrefix(strings.TrimSpace(string(secret)), "whsec_")
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New(`must be base64, perhaps with "whsec_" before it: make one with "openssl rand -base64 32"`)
	}
	if len(key) < minKey || len(key) > maxKey {
		return nil, fmt.Errorf(`stands for %d bytes, and must for %d to %d: make one with "openssl rand -base64 32"`, len(key),
			minKey, maxKey)
	}
	return key, nil
}

// sign returns the signatures of a message, one by each key.
func sign(keys [][]byte, id string, at time.Time, body []byte) string {
	var out []string
	for _, key := range keys {
		mac := hmac.New(sha256.New, key)
		_, _ = fmt.Fprintf(mac, "%s.%d.", id, at.Unix()) // a hash never fails
		_, _ = mac.Write(body)
		out = append(out, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return strings.Join(out, " ")
}

// reply is what became of a call.
type reply struct {
	ok, gone bool
	// why says why it is not ok, in words that hold nothing from outside.
	why string
	// after is how long the receiver asked to be left alone.
	after time.Duration
}

// call POSTs a message once. The message's id is the same over all attempts; the signature is of this moment.
func (n *Notifier) call(ctx context.Context, id string, body []byte) reply {
	ctx, cancel := context.WithTimeout(ctx, callWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.cfg.URL, bytes.NewReader(body))
	if err != nil {
		return reply{why: "the address cannot be used"}
	}
	now := n.cfg.Now()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "slotd")
	req.Header.Set(headerID, id)
	req.Header.Set(headerTimestamp, strconv.FormatInt(now.Unix(), 10))
	req.Header.Set(headerSignature, sign(n.cfg.Keys, id, now, body))
	resp, err := n.http.Do(req)
	if err != nil {
		return reply{why: "no answer: " + cause(err)}
	}
	defer func() { _ = resp.Body.Close() }()
	const drained = 16 << 10 // what is short is read, so that the connection can be used again
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, drained))
	switch code := resp.StatusCode; {
	case code >= 200 && code <= 299:
		return reply{ok: true}
	case code >= 300 && code <= 399:
		return reply{why: fmt.Sprintf("answered %d: redirects are not followed, so the address must be the final one", code)}
	default:
		return reply{
			gone: code == http.StatusGone, why: fmt.Sprintf("answered %d", code),
			after: calendar.RetryAfterHeader(resp.Header, now),
		}
	}
}

// cause says why there was no answer. The client's own words hold the address.
func cause(err error) string {
	var name *net.DNSError
	var cert *tls.CertificateVerificationError
	switch {
	case errors.As(err, &name):
		return "the name of its host cannot be resolved"
	case errors.As(err, &cert):
		return "its certificate is not accepted"
	}
	return calendar.Cause(err).Error()
}
