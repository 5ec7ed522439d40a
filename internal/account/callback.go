package account

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// SignInWithin is how long a person has to sign in.
const SignInWithin = 10 * time.Minute

// maxExpected bounds the sign-ins that are awaited at a time.
const maxExpected = 20

// Errors of [Callbacks].
var (
	ErrTooManySignIns = errors.New("too many sign-ins are awaited: wait ten minutes, or finish one of them")
	ErrNotExpected    = errors.New("the sign-in took longer than ten minutes, or the daemon was started anew meanwhile: " +
		"start again")
)

// Answer is what the provider sent back through the person's browser: a code or an error.
type Answer struct {
	Code  string `json:"code,omitempty"`
	Error string `json:"error,omitempty"` // an error code of RFC 6749 section 4.1.2.1
}

// Callbacks awaits the browsers that come back from a provider. Only a state that was announced is taken, once, and only
// for [SignInWithin]. A code is worthless without the verifier, which never leaves the command that made it. The zero
// value is ready; it may be used concurrently.
type Callbacks struct {
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	mu      sync.Mutex
	waiting map[string]*signIn
}

type signIn struct {
	expires  time.Time
	answered chan struct{}
	used     bool
	answer   Answer
}

// Expect announces a state.
func (c *Callbacks) Expect(state string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	for s, w := range c.waiting {
		if !now.Before(w.expires) {
			delete(c.waiting, s)
		}
	}
	if len(c.waiting) >= maxExpected {
		return ErrTooManySignIns
	}
	if c.waiting == nil {
		c.waiting = map[string]*signIn{}
	}
	if len(state) < 32 || c.waiting[state] != nil {
		return errors.New("a state must be long and new")
	}
	c.waiting[state] = &signIn{expires: now.Add(SignInWithin), answered: make(chan struct{})}
	return nil
}

// Wait returns the answer for a state, or ctx's error when there is none until then.
func (c *Callbacks) Wait(ctx context.Context, state string) (Answer, error) {
	c.mu.Lock()
	w := c.waiting[state]
	live := w != nil && c.now().Before(w.expires)
	c.mu.Unlock()
	if !live {
		return Answer{}, ErrNotExpected
	}
	select {
	case <-w.answered:
		return w.answer, nil
	case <-ctx.Done():
		return Answer{}, ctx.Err()
	}
}

// Pages that the person sees. They repeat nothing of the request.
const (
	pageDone = "You are signed in. slotd checks it now and goes on in the terminal where the command runs. " +
		"You may close this page."
	pageRefused = "The sign-in was not completed. The terminal where the command runs says what to do. You may close this page."
	pageUnknown = "This sign-in is not expected here: it took longer than ten minutes, was used already, or was begun " +
		"elsewhere. Run slotd connect again and open the address that it prints."
)

// ServeHTTP takes the browser that comes back.
func (c *Callbacks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	answer := Answer{Code: q.Get("code"), Error: q.Get("error")}
	status, page := http.StatusOK, pageDone
	switch {
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		status, page = http.StatusMethodNotAllowed, pageUnknown
	case (answer.Code == "") == (answer.Error == "") || !c.take(q.Get("state"), answer):
		status, page = http.StatusBadRequest, pageUnknown
	case answer.Error != "":
		page = pageRefused
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer") // the address holds the code
	h.Set("Content-Security-Policy", "default-src 'none'")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "<!doctype html><meta charset=\"utf-8\"><title>slotd</title><p>"+page+"</p>\n")
}

// take gives the answer to who waits for the state; false when nobody does, or somebody had it already.
func (c *Callbacks) take(state string, answer Answer) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.waiting[state]
	if w == nil || w.used || !c.now().Before(w.expires) {
		return false
	}
	w.used, w.answer = true, answer
	close(w.answered)
	return true
}

func (c *Callbacks) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}
