// Package ics is an in-process web server for iCalendar feeds, as the other systems of a business serve them: with
// validators or without, stamped anew for every request, behind a password, through redirects, and in bad moods: slow,
// cut off, huge, a page of HTML with status 200. Its [Samples] are feeds as known programs export them, with the busy
// time that they mean, worked out by hand.
//
// It knows no type of the daemon and computes no recurrence. A [Server] is safe for concurrent use, starts no
// goroutine, and holds its lock only while it looks a feed up.
package ics

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"slotd/internal/emulator/fault"
)

// Feed is one feed and how it is served.
type Feed struct {
	Text string
	// Changed is when the text last changed; it is served as Last-Modified. Zero: no such header.
	Changed time.Time
	// ETag makes the server derive one from the text and answer If-None-Match.
	ETag bool
	// Stamp writes the time of the request into every DTSTAMP and LAST-MODIFIED, as most servers do.
	Stamp bool
	// Gzip compresses the reply where the client takes that.
	Gzip bool
	// User and Password protect the feed with basic authentication, unless User is empty.
	User, Password string
	// RedirectTo is a location to send clients to instead.
	RedirectTo string
	// Stall sends half of the text, and the rest never.
	Stall bool
	// Repeat sends the text that many times more: a feed as long as one likes.
	Repeat int
}

// Server serves feeds at /{name}.ics.
type Server struct {
	now    func() time.Time
	faults fault.Set

	mu      sync.Mutex
	feeds   map[string]Feed
	headers map[string][]http.Header
	replies map[string][]int
}

// New returns a server without feeds. now is its clock; nil means time.Now.
func New(now func() time.Time) *Server {
	if now == nil {
		now = time.Now
	}
	return &Server{now: now, feeds: map[string]Feed{}, headers: map[string][]http.Header{}, replies: map[string][]int{}}
}

// Put adds or replaces a feed.
func (s *Server) Put(name string, f Feed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.feeds[name] = f
}

// Remove takes a feed away: 404 from then on.
func (s *Server) Remove(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.feeds, name)
}

// Inject makes requests fail until the returned function is called. The operation is the feed's name.
func (s *Server) Inject(rule fault.Rule) (remove func()) { return s.faults.Inject(rule) }

// Requests returns the headers of all requests for a feed so far, oldest first.
func (s *Server) Requests(name string) []http.Header {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]http.Header(nil), s.headers[name]...)
}

// Replies returns the status of all replies for a feed so far, injected ones left out, oldest first.
func (s *Server) Replies(name string) []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]int(nil), s.replies[name]...)
}

// Handler serves the feeds.
func (s *Server) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/"), ".ics")
		s.mu.Lock()
		s.headers[name] = append(s.headers[name], r.Header.Clone())
		s.mu.Unlock()
		next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, name) })
		s.faults.Serve(w, r, name, next, func(w http.ResponseWriter, status int, _ string) {
			http.Error(w, "<html>private words of the server</html>", status)
		})
	})
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request, name string) {
	s.mu.Lock()
	f, ok := s.feeds[name]
	s.mu.Unlock()
	status := f.head(w, r, ok)
	s.mu.Lock()
	s.replies[name] = append(s.replies[name], status)
	s.mu.Unlock()
	if status != http.StatusOK {
		w.WriteHeader(status)
		return
	}
	f.body(w, r, s.now())
}

// head sets the headers and decides about the status.
func (f *Feed) head(w http.ResponseWriter, r *http.Request, exists bool) int {
	user, password, _ := r.BasicAuth()
	switch {
	case !exists:
		return http.StatusNotFound
	case f.User != "" && (user != f.User || password != f.Password):
		w.Header().Set("WWW-Authenticate", `Basic realm="feeds"`)
		return http.StatusUnauthorized
	case f.RedirectTo != "":
		w.Header().Set("Location", f.RedirectTo)
		return http.StatusFound
	}
	w.Header().Set("Content-Type", "text/calendar; charset=utf-8")
	etag := fmt.Sprintf(`W/"%08x"`, crc32.ChecksumIEEE([]byte(f.Text)))
	if f.ETag {
		w.Header().Set("ETag", etag)
	}
	if !f.Changed.IsZero() {
		w.Header().Set("Last-Modified", f.Changed.UTC().Format(http.TimeFormat))
	}
	since, err := http.ParseTime(r.Header.Get("If-Modified-Since"))
	asked := r.Header.Get("If-None-Match") // it goes before the date, RFC 9110 §13.1.3
	switch {
	case f.ETag && asked != "":
		if asked == etag {
			return http.StatusNotModified
		}
	case err == nil && !f.Changed.IsZero() && !f.Changed.Truncate(time.Second).After(since):
		return http.StatusNotModified
	}
	return http.StatusOK
}

func (f *Feed) body(w http.ResponseWriter, r *http.Request, now time.Time) {
	text := []byte(f.Text)
	if f.Stamp {
		text = stamp(text, now)
	}
	var out io.Writer = w
	if f.Gzip && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		defer func() { _ = z.Close() }() // the caller may be gone
		out = z
	}
	if f.Stall {
		_, _ = out.Write(text[:len(text)/2])
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
	for range f.Repeat + 1 {
		if _, err := out.Write(text); err != nil {
			return
		}
	}
}

func stamp(text []byte, now time.Time) []byte {
	at := now.UTC().Format("20060102T150405Z")
	lines := bytes.Split(text, []byte("\n"))
	for i, line := range lines {
		for _, name := range []string{"DTSTAMP:", "LAST-MODIFIED:"} {
			if bytes.HasPrefix(line, []byte(name)) {
				lines[i] = []byte(name + at + "\r")
			}
		}
	}
	return bytes.Join(lines, []byte("\n"))
}
