// Package push sends an emulated provider's messages to those who watch a calendar, and does to them what happens on the
// way: they are lost, late, doubled, in another order, and come in storms. Messages of one channel go one after the other
// unless a [Mood] says otherwise.
package push

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"
)

// answerWithin is how long a receiver may take. It is that of Graph's handshake; Google names none.
const answerWithin = 10 * time.Second

// heldFor is how long a message waits for the next one, before which it should have gone.
const heldFor = time.Minute

// Mood is how the messages about one calendar fare. The zero value delivers each once and at once.
type Mood struct {
	// Lost drops every message.
	Lost bool
	// Delay makes messages late.
	Delay time.Duration
	// Copies is how many further times each message arrives.
	Copies int
	// Storm is how many further messages each change causes.
	Storm int
	// Reversed swaps each two messages.
	Reversed bool
	// Early sends the first message of a channel before the answer to the request that opens it.
	Early bool
}

// Message is one request to a receiver.
type Message struct {
	URL    string
	Header http.Header
	Body   []byte // nil: none
}

// Retry says whether a message is sent again after it was answered with status, 0 when it was not answered, and how long
// after. tries counts from 1.
type Retry func(status, tries int) (wait time.Duration, again bool)

// Sender sends messages. Make it with New. All methods may be called concurrently, and none but Close and Ask waits for a
// receiver.
type Sender struct {
	client *http.Client
	retry  Retry
	ctx    context.Context //nolint:containedctx // ends all that is under way; a message outlives the request that caused it
	cancel context.CancelFunc

	mu     sync.Mutex // guards the fields below; never held across a call
	wg     sync.WaitGroup
	closed bool
	lanes  map[string]*lane
	counts Counts
}

// Counts are what became of messages so far.
type Counts struct {
	Sent, Delivered, Refused, Lost int
}

// lane is the queue of one channel.
type lane struct {
	queue []Message
	busy  bool
	held  *Message
}

// New returns a sender; nil stands for a client of its own.
func New(client *http.Client, retry Retry) *Sender {
	if client == nil {
		client = &http.Client{}
	}
	c := *client
	// A redirect counts as a failure.
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	ctx, cancel := context.WithCancel(context.Background())
	return &Sender{client: &c, retry: retry, ctx: ctx, cancel: cancel, lanes: map[string]*lane{}}
}

// Close ends what is under way, and waits for it. What is sent later is lost.
func (s *Sender) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.wg.Wait()
}

// Counts returns what became of messages so far.
func (s *Sender) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

// Send sends a message of a channel as the mood wants it.
func (s *Sender) Send(channel string, m Message, mood Mood) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.Sent++
	if mood.Lost || s.closed {
		s.counts.Lost++
		return
	}
	l := s.lanes[channel]
	if l == nil {
		l = &lane{}
		s.lanes[channel] = l
	}
	for range 1 + mood.Copies {
		switch {
		case mood.Delay > 0:
			s.wg.Go(func() {
				if s.sleep(mood.Delay) {
					s.deliver(m)
				}
			})
		case mood.Reversed && l.held == nil:
			held := m
			l.held = &held
			s.wg.Go(func() { s.release(channel, &held) })
		case mood.Reversed:
			first := *l.held
			l.held = nil
			s.push(channel, m, first)
		default:
			s.push(channel, m)
		}
	}
}

// push queues messages. The caller holds the lock.
func (s *Sender) push(channel string, ms ...Message) {
	l := s.lanes[channel]
	l.queue = append(l.queue, ms...)
	if !l.busy {
		l.busy = true
		s.wg.Go(func() { s.drain(l) })
	}
}

// release sends a message that was held back for another that did not come.
func (s *Sender) release(channel string, held *Message) {
	if !s.sleep(heldFor) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.lanes[channel]; l.held == held && !s.closed {
		l.held = nil
		s.push(channel, *held)
	}
}

func (s *Sender) drain(l *lane) {
	for {
		s.mu.Lock()
		if len(l.queue) == 0 {
			l.busy = false
			s.mu.Unlock()
			return
		}
		m := l.queue[0]
		l.queue = l.queue[1:]
		s.mu.Unlock()
		s.deliver(m)
	}
}

// deliver sends a message until it is taken or given up. It waits for the first answer only.
func (s *Sender) deliver(m Message) {
	status := s.once(m)
	if wait, again := s.retry(status, 1); again {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.closed {
			s.wg.Go(func() { s.repeat(m, wait) })
		}
	}
}

func (s *Sender) repeat(m Message, wait time.Duration) {
	for tries := 2; s.sleep(wait); tries++ {
		var again bool
		if wait, again = s.retry(s.once(m), tries); !again {
			return
		}
	}
}

func (s *Sender) once(m Message) int {
	status, _, _, err := s.post(s.ctx, m)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && status >= 200 && status < 300 {
		s.counts.Delivered++
	} else {
		s.counts.Refused++
	}
	return status
}

// Now sends a message at once and waits for the answer.
func (s *Sender) Now(m Message) { s.once(m) }

// Ask posts a message and returns the answer: its status, its media type and the beginning of its body.
func (s *Sender) Ask(ctx context.Context, m Message) (status int, kind, body string, err error) {
	return s.post(ctx, m)
}

func (s *Sender) post(ctx context.Context, m Message) (status int, kind, body string, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.URL, bytes.NewReader(m.Body))
	if err != nil {
		return 0, "", "", err
	}
	for k, v := range m.Header {
		req.Header[k] = v
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, "", "", err
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	err = errors.Join(err, resp.Body.Close())
	return resp.StatusCode, resp.Header.Get("Content-Type"), string(text), err
}

// sleep waits and reports whether to go on.
func (s *Sender) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// Reachable reports whether a provider would post to an address: https, and here plain http on this host too.
func Reachable(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return false
	}
	addr, err := netip.ParseAddr(u.Hostname())
	local := u.Hostname() == "localhost" || err == nil && addr.IsLoopback()
	return u.Scheme == "https" || u.Scheme == "http" && local
}
