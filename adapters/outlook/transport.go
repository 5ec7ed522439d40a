package outlook

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"slotd/internal/calendar"
)

const (
	maxReply   = 64 << 20 // a longer reply is cut, and then is no JSON
	maxRefusal = 64 << 10
)

// transport stands between the SDK and the authorised client. It puts /me where the SDK wrote its stand-in, refuses
// any other host, and keeps the status of a refusal for [do]: the SDK loses it when the body is not the JSON it
// expects, and reads challenges of a 401 in a way that can panic. A success without a body it makes a 204, and JSON it
// calls JSON: the SDK goes by the header alone.
type transport struct {
	base http.RoundTripper
	api  *url.URL
}

// outcome is what was learned of a reply that was not a success; it travels in the context of one call.
type outcome struct {
	status     int
	code       string
	retryAfter time.Duration
}

type outcomeKey struct{}

var errOtherHost = errors.New("request to another host")

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != t.api.Scheme || req.URL.Host != t.api.Host {
		return nil, errOtherHost
	}
	req, err := prepare(req)
	if err != nil {
		return nil, err
	}
	base := t.base
	if base == nil {
		base = http.DefaultTransport
	}
	resp, err := base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode < 300 {
		label(resp)
		return resp, nil
	}
	note(req.Context(), resp)
	return resp, nil
}

// prepare rewrites the path and gives the body a length; the SDK leaves it out.
func prepare(req *http.Request) (*http.Request, error) {
	req = req.Clone(req.Context())
	req.URL.Path = strings.Replace(req.URL.Path, "/users/"+me, "/me", 1)
	req.URL.RawPath = strings.Replace(req.URL.RawPath, "/users/"+me, "/me", 1)
	if req.Body == nil {
		return req, nil
	}
	body, err := io.ReadAll(req.Body)
	_ = req.Body.Close() // it is memory of the SDK
	if err != nil {
		return nil, err
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	req.ContentLength = int64(len(body))
	return req, nil
}

// label makes the head of a successful reply say what its body is.
func label(resp *http.Response) {
	body := bufio.NewReader(io.LimitReader(resp.Body, maxReply))
	resp.Body = limited{body, resp.Body}
	for n := 1; n <= body.Size(); n++ {
		head, err := body.Peek(n)
		if n == 1 && err == io.EOF { // any other error is met by whoever reads on
			resp.StatusCode, resp.ContentLength = http.StatusNoContent, 0
		}
		if err != nil {
			return
		}
		switch head[n-1] {
		case ' ', '\t', '\r', '\n':
			continue
		case '{', '[':
			resp.Header.Set("Content-Type", "application/json")
		}
		return
	}
}

// note records a refusal and leaves the SDK an empty reply.
func note(ctx context.Context, resp *http.Response) {
	data, _ := io.ReadAll(io.LimitReader(resp.Body, maxRefusal)) // a cut body only loses the code
	_ = resp.Body.Close()                                        // nothing depends on it
	resp.Body, resp.ContentLength = http.NoBody, 0
	resp.Header.Del("WWW-Authenticate")
	o, ok := ctx.Value(outcomeKey{}).(*outcome)
	if !ok {
		return
	}
	var reply struct {
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	_ = json.Unmarshal(data, &reply) // not every refusal is JSON
	*o = outcome{resp.StatusCode, calendar.Code(reply.Error.Code), calendar.RetryAfterHeader(resp.Header, time.Now())}
}

type limited struct {
	io.Reader
	io.Closer
}

// errNoList is for a reply that is JSON but not the list it should be.
var errNoList = errors.New("the reply is not a list")

// do makes one call of the SDK and classifies its failure. The SDK's parsers trust the reply's types in places, so a
// panic in them counts as a reply that could not be read.
func do[T any](ctx context.Context, op string, call func(context.Context) (T, error)) (v T, err error) {
	var o outcome
	defer func() {
		if recover() != nil {
			err = &calendar.Error{Kind: calendar.Unclear, Op: op, Reason: "unreadableReply"}
		}
	}()
	v, err = call(context.WithValue(ctx, outcomeKey{}, &o))
	if o.status != 0 {
		return v, &calendar.Error{Kind: kindOf(o.status, o.code), Op: op, Status: o.status, Reason: o.code,
			RetryAfter: o.retryAfter}
	}
	return v, classify(op, err)
}
