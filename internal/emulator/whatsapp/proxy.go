package whatsapp

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"slotd/internal/flow"
)

const (
	// defaultTimeout is how long Meta waits for an endpoint before it reports 504.
	defaultTimeout = 10 * time.Second
	// maxRequest and maxReply bound a body in bytes. Meta allows replies of 10 MB.
	maxRequest = 1 << 20
	maxReply   = 10 << 20
)

// Proxy is Meta's server between the phone and the endpoint. It alone holds the app secret: it signs what the phone
// sealed, posts it and relays status and body; headers of the answer do not reach the phone.
//
// The zero value of HTTP and Timeout is usable. A Proxy may be used concurrently; set its fields before first use.
type Proxy struct {
	// Endpoint is the absolute URL of the Flow endpoint.
	Endpoint string
	// AppSecret keys the signature over the raw body.
	AppSecret []byte
	// HTTP sends the requests. Nil means a client that follows no redirect.
	HTTP *http.Client
	// Timeout is the longest wait for a complete answer; 0 means 10 seconds.
	Timeout time.Duration
}

// Forward signs body, posts it to the endpoint and returns the answer's status and body. An endpoint that exceeds the
// timeout is reported as status 504, as Meta does; err is set when there was no complete answer for another reason,
// or when ctx ended.
func (p *Proxy) Forward(ctx context.Context, body []byte) (status int, reply []byte, err error) {
	limit := p.Timeout
	if limit == 0 {
		limit = defaultTimeout
	}
	call, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	status, reply, err = p.post(call, body)
	if err == nil {
		return status, reply, nil
	}
	if ctx.Err() == nil && (call.Err() != nil || isTimeout(err)) {
		return http.StatusGatewayTimeout, nil, nil
	}
	return 0, nil, fmt.Errorf("post to the flow endpoint: %w", err)
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

func (p *Proxy) post(ctx context.Context, body []byte) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.Endpoint, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Hub-Signature-256", flow.Sign(p.AppSecret, body))
	client := p.HTTP
	if client == nil {
		client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	reply, err := io.ReadAll(io.LimitReader(resp.Body, maxReply+1))
	if err != nil {
		return 0, nil, err
	}
	if len(reply) > maxReply {
		return 0, nil, fmt.Errorf("answer exceeds %d bytes", maxReply)
	}
	return resp.StatusCode, reply, nil
}

// SignToken returns the flow_token_signature that Meta gives the phone with the message: a JWT (HS256, keyed with the
// app secret) whose payload is the flow token. Sent since data API 4.0.
func (p *Proxy) SignToken(flowToken string) string {
	claims, err := json.Marshal(map[string]string{"flow_token": flowToken})
	if err != nil { // a map of strings always marshals
		return ""
	}
	signed := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." +
		base64.RawURLEncoding.EncodeToString(claims)
	mac := hmac.New(sha256.New, p.AppSecret)
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// Relayed is what ServeHTTP answers: the endpoint's status and body, as Meta's proxy hands them to the phone.
type Relayed struct {
	Status int    `json:"status"`
	Body   string `json:"body"`
}

// ServeHTTP takes a sealed body from a phone that runs in a web page and answers a [Relayed] as JSON. An endpoint that
// cannot be reached is relayed as status 502. The page never sees the app secret.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "only POST", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			http.Error(w, "request too large", http.StatusRequestEntityTooLarge)
			return
		}
		http.Error(w, "request cut short", http.StatusBadRequest)
		return
	}
	status, reply, err := p.Forward(r.Context(), body)
	if err != nil {
		status, reply = http.StatusBadGateway, nil
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(Relayed{Status: status, Body: string(reply)}) // the page is gone: nobody to tell
}
