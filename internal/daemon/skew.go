package daemon

import (
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"slotd/internal/admin"
)

// skewTold is the difference from which people are told of a wrong clock. The life of a token depends on it, and what
// "now" means for a slot; below a minute nobody notices.
const skewTold = time.Minute

// clocks learns from the Date of each reply how far this host's clock is off. It costs no request of its own.
type clocks struct {
	mu   sync.Mutex // guards seen; never held across a request
	seen map[string]admin.Clock
}

func newClocks() *clocks { return &clocks{seen: map[string]admin.Clock{}} }

// client returns a copy of base that notes the dates of the replies.
func (c *clocks) client(base *http.Client) *http.Client {
	out := *base
	if out.Transport == nil {
		out.Transport = http.DefaultTransport
	}
	out.Transport = &datedTransport{clocks: c, base: out.Transport}
	return &out
}

// clockKept is how long what one reply said of a clock is believed.
const clockKept = time.Hour

// list returns the clocks that were heard of lately, sorted by host.
func (c *clocks) list() []admin.Clock {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]admin.Clock, 0, len(c.seen))
	for _, host := range slices.Sorted(maps.Keys(c.seen)) {
		if time.Since(c.seen[host].At) > clockKept {
			delete(c.seen, host) // no longer asked, as after a reload
			continue
		}
		out = append(out, c.seen[host])
	}
	return out
}

// clockWrong is the difference from which a clock is too wrong to sell time by.
const clockWrong = 10 * time.Minute

// wrong reports whether our clock is far off by what every server says that was heard of lately.
func (c *clocks) wrong() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	heard := false
	for _, s := range c.seen {
		if time.Since(s.At) > clockKept {
			continue
		}
		if s.Ahead().Abs() < clockWrong {
			return false
		}
		heard = true
	}
	return heard
}

func (c *clocks) note(host string, ahead time.Duration, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[host] = admin.Clock{Host: host, AheadS: ahead.Seconds(), At: at.UTC()}
}

type datedTransport struct {
	clocks *clocks
	base   http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *datedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	sent := time.Now()
	resp, err := t.base.RoundTrip(req)
	if err == nil {
		now := time.Now()
		if ahead, ok := aheadOf(resp.Header, sent, now); ok {
			t.clocks.note(req.URL.Host, ahead, now)
		}
	}
	return resp, err
}

// aheadOf returns by how much our clock is at least ahead of that of the server that answered between sent and
// received; negative when ours is behind, 0 when the reply cannot tell. The header Date (RFC 9110 §6.6.1) has whole
// seconds and was made somewhere between the two; a reply out of a cache (Age, RFC 9111 §5.1) is of an earlier time and
// says nothing.
func aheadOf(h http.Header, sent, received time.Time) (time.Duration, bool) {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil || h.Get("Age") != "" && h.Get("Age") != "0" {
		return 0, false
	}
	sent, received = sent.Round(0), received.Round(0) // the wall clock is meant, not the monotonic one
	switch {
	case date.After(received):
		return received.Sub(date), true
	case date.Add(time.Second).Before(sent):
		return sent.Sub(date.Add(time.Second)), true
	}
	return 0, true
}
