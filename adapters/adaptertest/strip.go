package adaptertest

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strings"
)

// Strip is a transport before a server that leaves things out: the fields of its JSON, the headers of requests.
type Strip struct {
	Base http.RoundTripper
	// Sent and Received are the fields taken out of the bodies of requests with POST and of replies, at any depth.
	Sent, Received []string
	// Headers are taken from requests.
	Headers []string
}

// RoundTrip implements http.RoundTripper.
func (s Strip) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	for _, h := range s.Headers {
		r.Header.Del(h)
	}
	if ofEvents := strings.HasSuffix(r.URL.Path, "/events"); ofEvents && r.Method == http.MethodPost && len(s.Sent) > 0 {
		body, err := without(r.Body, s.Sent)
		if err != nil {
			return nil, err
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	resp, err := s.Base.RoundTrip(r)
	if err != nil || resp.StatusCode >= 300 || resp.StatusCode == http.StatusNoContent {
		return resp, err
	}
	body, err := without(resp.Body, s.Received)
	resp.Header.Del("Content-Length")
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), -1
	return resp, err
}

// without reads JSON and returns it without the named fields. What is no JSON is returned as it is.
func without(r io.ReadCloser, fields []string) ([]byte, error) {
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	var v any
	if json.Unmarshal(data, &v) != nil {
		return data, nil
	}
	for _, f := range fields {
		drop(v, f)
	}
	return json.Marshal(v)
}

func drop(v any, field string) {
	switch v := v.(type) {
	case map[string]any:
		delete(v, field)
		for x := range maps.Values(v) {
			drop(x, field)
		}
	case []any:
		for _, x := range v {
			drop(x, field)
		}
	}
}
