package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"slotd/internal/admin"
	"slotd/internal/config"
)

// answerWithin bounds the wait for an answer; the slowest is that of the doctor, which asks other servers in turn.
const answerWithin = time.Minute

// errUnreachable means that nobody answers at the admin address.
var errUnreachable = errors.New("is 'slotd serve' running with this config?")

// ask gets the JSON of a route of the running daemon's admin address into out.
func ask(ctx context.Context, cfg *config.Config, route string, query url.Values, out any) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	resp, err := sendDaemon(ctx, cfg, http.MethodGet, url.URL{Path: route, RawQuery: query.Encode()}, nil)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	return readAnswer(resp, out)
}

// callDaemon sends in as JSON, unless it is nil, to a route of the admin address and reads the answer into out.
func callDaemon(ctx context.Context, cfg *config.Config, method, route string, in, out any) error {
	resp, err := sendDaemon(ctx, cfg, method, url.URL{Path: route}, in)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	return readAnswer(resp, out)
}

// sendDaemon sends in as JSON, unless it is nil, to a route of the admin address. The caller closes the answer's body. The
// error is errUnreachable when nobody answers.
func sendDaemon(ctx context.Context, cfg *config.Config, method string, route url.URL, in any) (*http.Response, error) {
	address := cfg.Server.Admin
	transport := &http.Transport{DisableKeepAlives: true}
	route.Scheme, route.Host = "http", address
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		route.Host = admin.UnixHost
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		}
	}
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, route.String(), body)
	if err != nil {
		return nil, err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	switch {
	case err != nil && ctx.Err() == nil:
		return nil, fmt.Errorf("cannot reach the daemon at %s: %w", address, errUnreachable)
	case err != nil:
		return nil, fmt.Errorf("ask the daemon at %s: %w", address, ctx.Err())
	}
	return resp, nil
}

// readAnswer reads what the daemon answered into out.
func readAnswer(resp *http.Response, out any) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return fmt.Errorf("read the daemon's answer: %w", err)
	}
	said := strings.TrimSpace(string(body))
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusBadRequest:
		return usageError{errors.New(said)}
	case http.StatusConflict:
		return errors.New(said)
	default:
		return fmt.Errorf("the daemon answered %s: %s", resp.Status, said)
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("the daemon's answer is not what this version understands: %w", err)
	}
	return nil
}

// printJSON writes v for machines.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
