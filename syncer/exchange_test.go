package syncer

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"slotd/internal/calendar"
	"slotd/store"
)

// exchange is a provider that pushes, as Google does: channels can be opened and ended, and that is all. Its hook is called
// around each call, as that of provider: watch, watched, unwatch, unwatched, renew, renewed, list.
type exchange struct {
	*provider
	life time.Duration // that is granted at most

	mu    sync.Mutex
	lines map[string]*line // by handle
	asked int
	ended int
}

type line struct {
	calendar.Channel
	handle, cal string
	expires     time.Time
	number      uint64
}

// bureau is an exchange that also renews and lists, as Graph does.
type bureau struct{ *exchange }

func newExchange(p *provider) *exchange {
	return &exchange{provider: p, life: 7 * 24 * time.Hour, lines: map[string]*line{}}
}

func (x *exchange) Watch(_ context.Context, cal string, ch calendar.Channel) (calendar.Watched, error) {
	if err := x.on("watch", cal); err != nil {
		return calendar.Watched{}, err
	}
	x.mu.Lock()
	x.asked++
	l := &line{Channel: ch, handle: fmt.Sprint("handle", x.asked), cal: cal, expires: ch.Until}
	if most := time.Now().Add(x.life); l.expires.After(most) {
		l.expires = most
	}
	x.lines[l.handle] = l
	x.mu.Unlock()
	if err := x.on("watched", cal); err != nil {
		return calendar.Watched{}, err
	}
	return calendar.Watched{ID: ch.ID, Handle: l.handle, Expires: l.expires}, nil
}

func (x *exchange) Unwatch(_ context.Context, w calendar.Watched) error {
	if err := x.on("unwatch", ""); err != nil {
		return err
	}
	x.mu.Lock()
	if x.lines[w.Handle] != nil {
		x.ended++
		delete(x.lines, w.Handle)
	}
	x.mu.Unlock()
	return x.on("unwatched", "")
}

func (b bureau) Renew(_ context.Context, w calendar.Watched, until time.Time) (calendar.Watched, error) {
	if err := b.on("renew", ""); err != nil {
		return calendar.Watched{}, err
	}
	b.mu.Lock()
	l := b.lines[w.Handle]
	if l == nil || !time.Now().Before(l.expires) {
		b.mu.Unlock()
		return calendar.Watched{}, fault(calendar.Gone)
	}
	if most := time.Now().Add(b.life); until.After(most) {
		until = most
	}
	l.expires = until
	b.mu.Unlock()
	if err := b.on("renewed", ""); err != nil {
		return calendar.Watched{}, err
	}
	return calendar.Watched{ID: w.ID, Handle: w.Handle, Expires: until}, nil
}

func (b bureau) Watching(_ context.Context, url string) ([]calendar.Watched, error) {
	if err := b.on("list", ""); err != nil {
		return nil, err
	}
	var out []calendar.Watched
	for _, l := range b.open("") {
		if l.URL == url {
			out = append(out, calendar.Watched{Handle: l.handle, Expires: l.expires})
		}
	}
	return out, nil
}

// open returns the channels that the provider has of a calendar, "" for all, the newest last.
func (x *exchange) open(cal string) []line {
	x.mu.Lock()
	defer x.mu.Unlock()
	var out []line
	for _, l := range x.lines {
		if (cal == "" || l.cal == cal) && time.Now().Before(l.expires) {
			out = append(out, *l)
		}
	}
	slices.SortFunc(out, func(a, b line) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// push is the next message of a channel.
func (x *exchange) push(l line, event calendar.PushEvent) calendar.Push {
	x.mu.Lock()
	defer x.mu.Unlock()
	if open := x.lines[l.handle]; open != nil {
		open.number += 2
		l.number = open.number
	}
	return calendar.Push{Channel: l.ID, Secret: l.Secret, Handle: l.handle, Number: l.number, Event: event}
}

// live returns the channels of a calendar whose messages the syncer accepts.
func (r *rig) live(x *exchange, cal string) (out []line) {
	for _, l := range x.open(cal) {
		if r.Pushed(x.push(l, calendar.PushOpened)) == calendar.PushAccepted {
			out = append(out, l)
		}
	}
	return out
}

// pushing runs a test for both kinds of provider.
func pushing(t *testing.T, test func(t *testing.T, r *rig, x *exchange), cals ...calendar.ID) {
	t.Helper()
	for _, kind := range []string{"as Google", "as Graph"} {
		t.Run(kind, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				x := newExchange(r.provider)
				a := r.cfg.Accounts["g"]
				a.Watcher, a.PushURL = x, "https://slotd.example/push"
				if kind == "as Graph" {
					a.Watcher = bureau{x}
				}
				r.cfg.Accounts["g"], r.cfg.Accounts["sick"] = a, a
				r.cfg.Poll = 15 * time.Minute
				r.make()
				test(t, r, x)
			}, cals...)
		})
	}
}

// tick lets virtual time pass, in which the channels are looked after each two minutes.
func (r *rig) tick(d time.Duration) {
	const every = 2 * time.Minute
	for ; d >= every; d -= every {
		r.wait(every)
		r.CheckChannels()
	}
	r.wait(d)
}

// listing reports whether a provider lists its channels.
func (r *rig) listing() bool {
	_, ok := r.cfg.Accounts["g"].Watcher.(Lister)
	return ok
}

func (r *rig) stored() map[calendar.ID][]store.Channel {
	r.t.Helper()
	var all map[calendar.ID][]store.Channel
	r.view(func(rd *store.Reader) (err error) {
		all, err = rd.AllChannels()
		return err
	})
	return all
}

func (r *rig) channelStatus(cal calendar.ID) ChannelStatus {
	r.t.Helper()
	for _, st := range r.Channels() {
		if st.Calendar == cal {
			return st
		}
	}
	r.t.Fatalf("no status of %s", cal)
	return ChannelStatus{}
}
