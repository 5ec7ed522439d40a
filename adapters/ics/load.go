package ics

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"time"

	"slotd/internal/calendar"
)

const (
	maxRedirects  = 5
	maxValidator  = 512 // bytes of an ETag
	steadySeconds = 60  // see version.modified
)

var (
	errTooLarge = errors.New("tooLarge")
	errMoved    = errors.New("changedWhileRead")
	errNoFile   = errors.New("notARegularFile")
	errRedirect = errors.New("a redirect that is not followed")
)

// version is what is remembered of a feed: its meaning, and the validators that its server gave with it.
type version struct {
	digest string
	etag   string
	// modified is Last-Modified, kept only where the reply was a minute younger: a file can change twice in a second
	// (RFC 9110 §8.8.2.2).
	modified string
}

// cursor packs v. Header values have no line breaks.
func (v version) cursor() calendar.Cursor {
	return calendar.Cursor(strings.Join([]string{"1", v.digest, v.etag, v.modified}, "\n"))
}

// readCursor returns what a cursor remembers; nothing for the empty one, or one of another form.
func readCursor(c calendar.Cursor) version {
	parts := strings.Split(string(c), "\n")
	if len(parts) != 4 || parts[0] != "1" {
		return version{}
	}
	return version{digest: parts[1], etag: parts[2], modified: parts[3]}
}

// loaded is a feed as it is now; same says that the server confirmed the version asked with instead.
type loaded struct {
	same    bool
	feed    *feed
	version version
}

func (c *Client) load(ctx context.Context, op, cal string, seen version) (loaded, error) {
	f, ok := c.opt.Feeds[cal]
	if !ok {
		return loaded{}, &calendar.Error{Kind: calendar.Gone, Op: op, Reason: "noSuchFeed"}
	}
	if f.File != "" {
		text, err := readFile(f.File, c.opt.MaxBytes)
		if err != nil {
			return loaded{}, fileError(op, err)
		}
		return understand(op, text, version{})
	}
	return c.fetch(ctx, op, f, seen)
}

func understand(op string, text []byte, v version) (loaded, error) {
	f, err := parse(text)
	if err != nil {
		return loaded{}, contentError(op, err)
	}
	v.digest = f.digest()
	return loaded{feed: f, version: v}, nil
}

// readFile reads a regular file as it is at one moment: one that was written to meanwhile is an error.
func readFile(name string, limit int64) ([]byte, error) {
	if before, err := os.Stat(name); err != nil {
		return nil, err
	} else if !before.Mode().IsRegular() { // opening a pipe would wait for a writer
		return nil, errNoFile
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	before, err := file.Stat()
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, err
	}
	after, err := file.Stat()
	switch {
	case err != nil:
		return nil, err
	case int64(len(text)) > limit:
		return nil, errTooLarge
	case before.Size() != int64(len(text)) || after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()):
		return nil, errMoved
	}
	return text, nil
}

func fileError(op string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &calendar.Error{Kind: calendar.Gone, Op: op, Reason: "noSuchFile"}
	case errors.Is(err, fs.ErrPermission):
		return &calendar.Error{Kind: calendar.NeedsPerson, Op: op, Reason: "filePermission"}
	case errors.Is(err, errTooLarge), errors.Is(err, errMoved), errors.Is(err, errNoFile):
		return contentError(op, err)
	}
	return &calendar.Error{Kind: calendar.Unclear, Op: op, Reason: "fileNotRead"}
}

// fetch downloads a feed, conditionally where seen has validators.
func (c *Client) fetch(ctx context.Context, op string, f Feed, seen version) (loaded, error) {
	u, err := f.address()
	if err != nil {
		return loaded{}, &calendar.Error{Kind: calendar.NeedsPerson, Op: op, Err: err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return loaded{}, &calendar.Error{Kind: calendar.Refused, Op: op, Reason: "badRequest"}
	}
	req.Header.Set("Accept", "text/calendar, */*;q=0.1")
	req.Header.Set("User-Agent", "slotd")
	req.Header.Set("Cache-Control", "no-cache") // a copy that is hours old says nothing of now
	if seen.etag != "" {
		req.Header.Set("If-None-Match", seen.etag)
	}
	if seen.modified != "" {
		req.Header.Set("If-Modified-Since", seen.modified)
	}
	plain := req.Header.Clone()
	if f.Auth != nil {
		if err := f.Auth(req); err != nil {
			return loaded{}, &calendar.Error{Kind: calendar.NeedsPerson, Op: op, Reason: "credentialsNotRead"}
		}
	}
	client := *c.http
	client.CheckRedirect = followSafely(plain)
	reply, err := client.Do(req)
	if err != nil {
		return loaded{}, transportError(op, err)
	}
	defer reply.Body.Close()
	switch {
	case reply.StatusCode == http.StatusNotModified && seen.etag+seen.modified != "":
		return loaded{same: true}, nil
	case reply.StatusCode != http.StatusOK:
		return loaded{}, statusError(op, reply)
	}
	text, err := io.ReadAll(io.LimitReader(reply.Body, c.opt.MaxBytes+1)) // decompressed
	switch {
	case err != nil:
		return loaded{}, transportError(op, err)
	case int64(len(text)) > c.opt.MaxBytes:
		return loaded{}, contentError(op, errTooLarge)
	}
	return understand(op, text, validators(reply.Header))
}

// followSafely follows redirects, but not from https to http. To another host it takes only the plain headers: neither
// credentials nor, as Referer, the address of the feed, which may be a secret.
func followSafely(plain http.Header) func(*http.Request, []*http.Request) error {
	return func(req *http.Request, via []*http.Request) error {
		first := via[0].URL
		switch {
		case len(via) > maxRedirects:
			return errRedirect
		case req.URL.Scheme != "https" && (req.URL.Scheme != "http" || via[len(via)-1].URL.Scheme == "https"):
			return errRedirect
		}
		if req.URL.Scheme != first.Scheme || req.URL.Host != first.Host {
			req.Header = plain.Clone()
		}
		return nil
	}
}

func validators(h http.Header) version {
	v := version{}
	if etag := h.Get("ETag"); len(etag) <= maxValidator {
		v.etag = etag
	}
	modified, err1 := http.ParseTime(h.Get("Last-Modified"))
	replied, err2 := http.ParseTime(h.Get("Date"))
	if err1 == nil && err2 == nil && replied.Sub(modified) >= steadySeconds*time.Second {
		v.modified = h.Get("Last-Modified")
	}
	return v
}
