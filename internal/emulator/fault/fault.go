// Package fault makes an emulated provider fail on demand: refusals with and without Retry-After, server errors, lost
// connections, cut replies, delays, endpoints that are not served, lists that lag behind the writes, etags that move by
// themselves, and the worst of all, requests that took effect although the caller was told otherwise, or take it when
// nobody waits for it any more. It also calls hooks between requests, for edits that happen between two pages.
//
// A [Set] is safe for concurrent use and holds no lock while a hook, a delay or a handler runs.
package fault

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxBody bounds what is read of a request, and of a recorded reply's request.
const maxBody = 8 << 20

// Forever as Rule.Times keeps a rule in place until it is removed.
const Forever = -1

// Rule says which requests meet a fault and what happens to them. All set conditions must hold. A rule without Status,
// Reset, Truncate or Late lets the request through, after its Hook and Delay; so a rule with nothing but a Hook is a hook.
type Rule struct {
	// Op is the name of the operation, as the server's Requests counter knows it. Empty: any.
	Op string
	// Method is the HTTP method. Empty: any.
	Method string
	// PathContains is a part of the escaped path. Empty: any.
	PathContains string
	// Match is a further condition, nil for none. It must not read the body.
	Match func(*http.Request) bool

	// Skip is the number of matching requests that pass untouched before the rule begins.
	Skip int
	// Times is the number of requests that the rule then applies to: 0 counts as 1, Forever has no end.
	Times int

	// Hook runs before the request is served, with no lock held.
	Hook func(*http.Request)
	// Delay passes before the request is served, or with After between doing it and answering. It ends early when the
	// caller goes away; the request is then not served, or not answered.
	Delay time.Duration
	// After does the request first and discards its reply: failed, but happened.
	After bool
	// Then runs between doing the request and answering, with no lock held. It needs After.
	Then func(*http.Request)
	// Late is given what the request asks for as a function to call later, once: the request takes effect when nobody
	// waits for it any more. The caller gets no reply; with Delay it has time to give up, with Status it is refused.
	// In a synctest bubble, time.AfterFunc makes it late by the clock.
	Late func(act func())
	// Status is the HTTP status to refuse with. 0: none.
	Status int
	// Reason is the vendor's reason code in the refusal's body; the server picks one by the status when it is empty.
	Reason string
	// RetryAfter is the value of the Retry-After header: seconds or an HTTP date. Empty: no such header.
	RetryAfter string
	// Body replaces the refusal's body.
	Body string
	// Reset closes the connection without a reply. A handler that is called directly, without a server, panics with
	// http.ErrAbortHandler.
	Reset bool
	// Truncate cuts the reply's body in half, in a well-formed HTTP message.
	Truncate bool
	// EmptyPage makes a list answer with no rows and a link to the page that this one should have been.
	EmptyPage bool
	// NoCursor makes a list end without a sync token or delta link.
	NoCursor bool
	// Churn gives every event of the request's calendar a new etag before the request is served, although nothing of it
	// changed.
	Churn bool
	// LagRequests and LagFor hide what the request writes from lists and change feeds, until the server has served so
	// many further requests and so much time has passed. An event itself can be got at once.
	LagRequests int
	LagFor      time.Duration
}

// Effects are the parts of a rule that the server itself has to carry out.
type Effects struct {
	EmptyPage, NoCursor, Churn bool
	LagRequests                int
	LagFor                     time.Duration
}

// Lags reports whether a write is to be hidden from lists for a while.
func (e Effects) Lags() bool { return e.LagRequests > 0 || e.LagFor > 0 }

func (e *Effects) add(r Rule) {
	e.EmptyPage = e.EmptyPage || r.EmptyPage
	e.NoCursor = e.NoCursor || r.NoCursor
	e.Churn = e.Churn || r.Churn
	e.LagRequests = max(e.LagRequests, r.LagRequests)
	e.LagFor = max(e.LagFor, r.LagFor)
}

type effectsKey struct{}

// From returns the effects that the rules ask of the request's handler.
func From(ctx context.Context) Effects {
	e, _ := ctx.Value(effectsKey{}).(Effects)
	return e
}

// ErrorWriter writes a refusal in the vendor's shape. An empty reason leaves the choice to the writer.
type ErrorWriter func(w http.ResponseWriter, status int, reason string)

// Set holds the rules of one server. Its zero value has none and is ready.
type Set struct {
	mu    sync.Mutex
	rules []*live
}

type live struct {
	Rule
	seen, used int
}

// Inject adds rule and returns a function that takes it away again, which may be called more than once.
func (s *Set) Inject(rule Rule) (remove func()) {
	l := &live{Rule: rule}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = append(s.rules, l)
	return func() { s.remove(l) }
}

// Clear takes all rules away.
func (s *Set) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = nil
}

func (s *Set) remove(l *live) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range s.rules {
		if r == l {
			s.rules = append(s.rules[:i:i], s.rules[i+1:]...)
			return
		}
	}
}

// applying returns the rules that apply to the request, oldest first, up to and including the first that refuses it,
// and counts them as used.
func (s *Set) applying(op string, r *http.Request) []Rule {
	s.mu.Lock()
	rules := append([]*live(nil), s.rules...)
	s.mu.Unlock()
	var matched []*live
	for _, l := range rules {
		if l.matches(op, r) {
			matched = append(matched, l)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Rule
	for _, l := range matched {
		l.seen++
		if l.seen <= l.Skip || (l.Times >= 0 && l.used >= max(l.Times, 1)) {
			continue
		}
		l.used++
		out = append(out, l.Rule)
		if l.ends() {
			break
		}
	}
	return out
}

func (r *Rule) matches(op string, req *http.Request) bool {
	return (r.Op == "" || r.Op == op) &&
		(r.Method == "" || r.Method == req.Method) &&
		strings.Contains(req.URL.EscapedPath(), r.PathContains) &&
		(r.Match == nil || r.Match(req))
}

// ends reports whether the rule decides the reply.
func (r *Rule) ends() bool { return r.Status != 0 || r.Reset || r.Truncate || r.Late != nil }

// Serve serves r by next, as far as the rules let it. The body is read in full first, so that a caller who goes away
// is noticed during a delay.
func (s *Set) Serve(w http.ResponseWriter, r *http.Request, op string, next http.Handler, fail ErrorWriter) {
	rules := s.applying(op, r)
	if len(rules) == 0 {
		next.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var effects Effects
	var last Rule
	for _, rule := range rules {
		if rule.Hook != nil {
			rule.Hook(r)
		}
		effects.add(rule)
		if rule.Delay > 0 && !rule.After && rule.Late == nil {
			wait(r.Context(), rule.Delay)
		}
		last = rule
	}
	r = r.WithContext(context.WithValue(r.Context(), effectsKey{}, effects))
	last.serve(w, r, next, fail)
}

func (r *Rule) serve(w http.ResponseWriter, req *http.Request, next http.Handler, fail ErrorWriter) {
	if !r.ends() && !r.After {
		next.ServeHTTP(w, req)
		return
	}
	var done *httptest.ResponseRecorder
	switch {
	case r.Late != nil:
		r.Late(later(req, next))
	case r.After || r.Truncate:
		done = httptest.NewRecorder()
		next.ServeHTTP(done, req)
		if r.Then != nil {
			r.Then(req)
		}
	}
	if (r.After || r.Late != nil) && r.Delay > 0 {
		wait(req.Context(), r.Delay)
	}
	switch {
	case r.Reset:
		panic(http.ErrAbortHandler)
	case r.Status != 0:
		r.refuse(w, fail)
	case r.Late != nil:
		panic(http.ErrAbortHandler)
	default:
		replay(w, done, r.Truncate)
	}
}

// later returns what serves the request when its caller is gone.
func later(req *http.Request, next http.Handler) func() {
	req = req.Clone(context.WithoutCancel(req.Context()))
	return func() { next.ServeHTTP(httptest.NewRecorder(), req) }
}

func (r *Rule) refuse(w http.ResponseWriter, fail ErrorWriter) {
	if r.RetryAfter != "" {
		w.Header().Set("Retry-After", r.RetryAfter)
	}
	if r.Body == "" {
		fail(w, r.Status, r.Reason)
		return
	}
	w.WriteHeader(r.Status)
	_, _ = io.WriteString(w, r.Body) // the caller may be gone
}

func replay(w http.ResponseWriter, done *httptest.ResponseRecorder, cut bool) {
	body := done.Body.Bytes()
	if cut {
		body = body[:len(body)/2]
	}
	for k, v := range done.Header() {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(done.Code)
	_, _ = w.Write(body) // the caller may be gone
}

// wait waits for d. When the caller goes away first it breaks the handler off, as a server that noticed would.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
		panic(http.ErrAbortHandler)
	}
}
