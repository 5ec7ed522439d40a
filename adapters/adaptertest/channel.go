package adaptertest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"slotd/internal/calendar"
)

var channelCases = []testCase{
	{"a channel tells of a change, with its secret", channelTells},
	{"a channel that was ended tells nothing, and may be ended again", channelEnds},
	{"a channel lives no longer than was asked for", channelLife},
	{"two channels of one calendar, while one takes the other's place", channelHandover},
	{"a channel that is refused", channelRefused},
	{"a channel whose making fails, whatever happened", channelUnclear},
	{"an address that cannot be reached", channelAddress},
	{"a channel is renewed, where there is such a thing", channelRenewed},
	{"channels are listed by address, where there is such a thing", channelsListed},
}

// watcher, renewer and lister are what the syncer asks of adapters.
type watcher interface {
	Watch(ctx context.Context, cal string, ch calendar.Channel) (calendar.Watched, error)
	Unwatch(ctx context.Context, w calendar.Watched) error
}

type renewer interface {
	Renew(ctx context.Context, w calendar.Watched, until time.Time) (calendar.Watched, error)
}

type lister interface {
	Watching(ctx context.Context, url string) ([]calendar.Watched, error)
}

// receiver is what a provider's messages arrive at. It answers handshakes.
type receiver struct {
	*httptest.Server
	mu   sync.Mutex
	got  []string // headers and body of each message
	wake chan struct{}
}

func (w *world) receive() *receiver {
	r := &receiver{wake: make(chan struct{}, 1)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		if token := req.URL.Query().Get("validationToken"); token != "" {
			rw.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(rw, token)
			return
		}
		body, _ := io.ReadAll(req.Body) // the emulators send what they have
		r.mu.Lock()
		r.got = append(r.got, fmt.Sprint(req.Header)+string(body))
		r.mu.Unlock()
		select {
		case r.wake <- struct{}{}:
		default:
		}
	}))
	w.Cleanup(r.Close)
	return r
}

// with returns how many messages hold a text.
func (r *receiver) with(text string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.got {
		if strings.Contains(m, text) {
			n++
		}
	}
	return n
}

// until waits for a message more than before that holds a text.
func (w *world) until(r *receiver, text string, before int) {
	w.Helper()
	for r.with(text) <= before {
		select {
		case <-r.wake:
		case <-w.Context().Done():
			w.Fatalf("no message with %q", text)
		}
	}
}

func (w *world) watcher() watcher {
	w.Helper()
	c, ok := w.h.Client().(watcher)
	if !ok {
		w.Fatal("the adapter cannot watch calendars")
	}
	return c
}

// channel returns a new channel to an address.
func (w *world) channel(n int, url string) calendar.Channel {
	return calendar.Channel{
		ID: fmt.Sprintf("channel-%02d-%s", n, strings.Repeat("x", 20)), Secret: fmt.Sprintf("secret%02d%s", n, strings.Repeat("y", 40)),
		URL: url, LifecycleURL: url, Until: time.Now().Add(24 * time.Hour),
	}
}

func (w *world) watch(ch calendar.Channel) calendar.Watched {
	w.Helper()
	got, err := w.watcher().Watch(w.Context(), w.cal, ch)
	if err != nil {
		w.Fatalf("Watch: %v", err)
	}
	if got.ID != ch.ID || got.Handle == "" || !got.Expires.After(time.Now()) {
		w.Fatalf("Watch returned %+v", got)
	}
	return got
}

func (w *world) wantChannels(n int) {
	w.Helper()
	if got := w.h.Watched(w.cal); got != n {
		w.Fatalf("%d channels at the provider, want %d", got, n)
	}
}

func channelTells(w *world) {
	r := w.receive()
	ch := w.channel(1, r.URL+"/push")
	w.watch(ch)
	for i := range 3 {
		before := r.with(ch.Secret)
		w.h.Put(w.cal, timed(fmt.Sprint("event ", i), "05 09:00", "05 10:00"))
		w.until(r, ch.Secret, before)
	}
}

func channelEnds(w *world) {
	r := w.receive()
	gone, stays := w.channel(1, r.URL), w.channel(2, r.URL)
	watched := w.watch(gone)
	w.watch(stays)
	for range 2 {
		if err := w.watcher().Unwatch(w.Context(), watched); err != nil {
			w.Fatalf("Unwatch: %v", err)
		}
	}
	w.wantChannels(1)
	for range 4 {
		before := r.with(stays.Secret)
		w.h.Put(w.cal, timed("event", "05 09:00", "05 10:00"))
		w.until(r, stays.Secret, before)
	}
	if n := r.with(gone.Secret); n > 1 { // the one that says that it was opened
		w.Errorf("a channel that was ended told of %d changes", n)
	}
	if err := w.watcher().Unwatch(w.Context(), calendar.Watched{ID: "never", Handle: "was"}); err != nil {
		w.Errorf("Unwatch of a channel that never was: %v", err)
	}
}

func channelLife(w *world) {
	r := w.receive()
	ch := w.channel(1, r.URL)
	ch.Until = time.Now().Add(2 * time.Hour)
	if got := w.watch(ch); got.Expires.After(ch.Until.Add(time.Second)) {
		w.Errorf("asked for an end at %v, got %v", ch.Until, got.Expires)
	}
	ch = w.channel(2, r.URL)
	ch.Until = time.Now().Add(365 * 24 * time.Hour) // more than anybody grants
	if got := w.watch(ch); got.Expires.After(time.Now().Add(8*24*time.Hour)) || got.Expires.Before(time.Now().Add(24*time.Hour)) {
		w.Errorf("granted until %v", got.Expires)
	}
}

func channelHandover(w *world) {
	r := w.receive()
	old := w.channel(1, r.URL)
	watched := w.watch(old)
	next := w.channel(2, r.URL)
	w.watch(next)
	w.wantChannels(2)
	first, second := r.with(old.Secret), r.with(next.Secret)
	w.h.Put(w.cal, timed("event", "05 09:00", "05 10:00"))
	w.until(r, old.Secret, first)
	w.until(r, next.Secret, second)
	if err := w.watcher().Unwatch(w.Context(), watched); err != nil {
		w.Fatal(err)
	}
	w.wantChannels(1)
}

func channelRefused(w *world) {
	r := w.receive()
	refusals := []struct {
		fault Fault
		want  calendar.Kind
	}{
		{Fault{Status: http.StatusForbidden}, calendar.Refused},
		{Fault{Status: http.StatusBadRequest}, calendar.Refused},
		{Fault{Status: http.StatusTooManyRequests, RetryAfter: "17"}, calendar.Throttled},
		{Fault{Status: http.StatusUnauthorized}, calendar.NeedsPerson},
		{Fault{Status: http.StatusNotFound}, calendar.Gone},
	}
	for i, refusal := range refusals {
		refusal.fault.Op = Watch
		remove := w.h.Inject(refusal.fault)
		_, err := w.watcher().Watch(w.Context(), w.cal, w.channel(i, r.URL))
		remove()
		w.wantKind(err, refusal.want)
		if refusal.want == calendar.Throttled && calendar.RetryAfter(err) != 17*time.Second {
			w.Errorf("retry after %v, want 17s", calendar.RetryAfter(err))
		}
	}
	_, err := w.watcher().Watch(w.Context(), "no-such-calendar", w.channel(9, r.URL))
	w.wantKind(err, calendar.Gone)
	w.wantChannels(0)
}

func channelUnclear(w *world) {
	r := w.receive()
	w.read(april) // so that there is an access token
	there := 0
	for i, fault := range []Fault{
		{Reset: true}, {Reset: true, After: true}, {Status: 500, After: true}, {Truncate: true, After: true},
		{Status: 503}, {Status: 504, After: true},
	} {
		fault.Op = Watch
		remove := w.h.Inject(fault)
		before := w.h.Requests()
		_, err := w.watcher().Watch(w.Context(), w.cal, w.channel(i, r.URL))
		remove()
		w.wantKind(err, calendar.Unclear)
		if n := w.h.Requests() - before; n != 1 {
			w.Errorf("%d requests: adapters never try again", n)
		}
		if fault.After {
			there++
		}
		w.wantChannels(there)
	}
	c, ok := w.h.Client().(lister)
	if !ok {
		return
	}
	list, err := c.Watching(w.Context(), r.URL)
	if err != nil || len(list) != there {
		w.Fatalf("%d channels are listed, want %d: %v", len(list), there, err)
	}
	for _, left := range list {
		if err := w.watcher().Unwatch(w.Context(), left); err != nil {
			w.Fatal(err)
		}
	}
	w.wantChannels(0)
}

func channelAddress(w *world) {
	_, err := w.watcher().Watch(w.Context(), w.cal, w.channel(1, "http://slotd.example/push"))
	w.wantKind(err, calendar.Refused)
	w.wantChannels(0)
}

func channelRenewed(w *world) {
	c, ok := w.h.Client().(renewer)
	if !ok {
		return
	}
	r := w.receive()
	ch := w.channel(1, r.URL)
	old := w.watch(ch)
	renewed, err := c.Renew(w.Context(), old, time.Now().Add(48*time.Hour))
	if err != nil || renewed.Handle != old.Handle || renewed.ID != ch.ID || !renewed.Expires.After(old.Expires) {
		w.Fatalf("Renew returned %+v, %v after %+v", renewed, err, old)
	}
	w.wantChannels(1)
	before := r.with(ch.Secret)
	w.h.Put(w.cal, timed("event", "05 09:00", "05 10:00"))
	w.until(r, ch.Secret, before)
	w.h.EndChannels(w.cal)
	_, err = c.Renew(w.Context(), renewed, time.Now().Add(48*time.Hour))
	w.wantKind(err, calendar.Gone)
}

func channelsListed(w *world) {
	c, ok := w.h.Client().(lister)
	if !ok {
		return
	}
	r, other := w.receive(), w.receive()
	want := map[string]bool{}
	for i := range PageSize + 2 {
		want[w.watch(w.channel(i, r.URL)).Handle] = true
	}
	w.watch(w.channel(20, other.URL))
	got, err := c.Watching(w.Context(), r.URL)
	if err != nil || len(got) != len(want) {
		w.Fatalf("%d channels, %v; want %d", len(got), err, len(want))
	}
	for _, watched := range got {
		if !want[watched.Handle] || watched.Expires.IsZero() {
			w.Errorf("lists %+v", watched)
		}
	}
}
