package main

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"slices"
	"testing"

	"slotd/internal/admin"
	"slotd/internal/emulator/google"
	"slotd/internal/emulator/graph"
)

// TestPushedChanges runs the real binary behind a reverse proxy: a change at either provider is in the mirror although
// nobody polls for ten minutes, also after a restart, which goes on with the channels that are there. Who disconnects an
// account ends its channels.
func TestPushedChanges(t *testing.T) {
	w := newWorld(t)
	t.Cleanup(w.google.Close)
	t.Cleanup(w.graph.Close)
	ready := make(chan struct{})
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		select {
		case <-ready: // the daemon's address is known
		case <-r.Context().Done():
			return
		}
		(&httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Scheme, p.Out.URL.Host = "http", w.daemon.public
		}}).ServeHTTP(rw, r)
	}))
	t.Cleanup(front.Close)
	w.configure(`poll = "1s"`, `poll = "10m"`)
	w.configure("[server]\n", "[server]\npublic_url = \""+front.URL+"\"\n")
	w.start()
	close(ready)
	w.live()
	w.tells(1)
	opened := w.google.Requests("events.watch") + w.graph.Requests("subscriptions.create")
	w.restart()
	w.live()
	w.tells(2)
	if n := w.google.Requests("events.watch") + w.graph.Requests("subscriptions.create"); n != opened {
		t.Errorf("%d channels were opened, %d before the restart", n, opened)
	}
	w.run("doctor").expect(t, exitDone, "the address answers a handshake, 2 of 2 channels are live")
	w.run("status").expect(t, exitDone, "PUSH", "live")
	w.run("disconnect", "google").expect(t, exitDone)
	w.daemon.kill() // the command does it by itself then
	w.run("disconnect", "outlook").expect(t, exitDone)
	if n := len(w.google.Channels(googleCal)) + len(w.graph.Subscriptions(outlookCal)); n != 0 {
		t.Errorf("%d channels are left after both accounts were disconnected", n)
	}
}

// TestWithoutPublicURL: without an address for them no channels are asked for, and status says so.
func TestWithoutPublicURL(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.run("status").expect(t, exitDone, "Push: none, all calendars are only polled", "public_url")
	if n := w.google.Requests("events.watch") + w.graph.Requests("subscriptions.create"); n != 0 {
		t.Errorf("%d channels were asked for", n)
	}
}

// live waits until both calendars have a channel.
func (w *world) live() {
	w.Helper()
	eventually(w.T, "both channels", func() bool {
		s := w.status()
		return len(s.Channels) == 2 && !slices.ContainsFunc(s.Channels, func(c admin.Channel) bool { return !c.Live })
	})
}

// tells draws the nth event into both calendars, and waits until the mirrors hold it.
func (w *world) tells(n int) {
	w.Helper()
	w.google.Put(googleCal, google.Event{Title: plantedTitle, Start: w.at(9+n, 0), End: w.at(10+n, 0)})
	w.graph.Put(outlookCal, graph.Event{Title: plantedTitle, Start: w.at(9+n, 0), End: w.at(10+n, 0)})
	eventually(w.T, "the pushed changes", func() bool {
		return !slices.ContainsFunc(w.status().Calendars, func(c admin.Calendar) bool { return c.Events != n })
	})
}
