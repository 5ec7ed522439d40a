package google_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"slotd/internal/emulator/google"
)

type object = map[string]any

const watchPath = "calendars/" + cal + "/events/watch"

func channel(change func(object)) object {
	c := object{"id": "channel-1", "type": "web_hook", "address": "https://slotd.example/push", "token": "secret"}
	if change != nil {
		change(c)
	}
	return c
}

// TestWatchRefuses: requests that the reference rules out.
func TestWatchRefuses(t *testing.T) {
	f := setup(t, google.Options{})
	t.Cleanup(f.Close)
	f.SetMood(cal, google.Mood{Lost: true})
	if status, body := f.do("POST", watchPath, channel(nil)); status != http.StatusOK {
		t.Fatalf("watch: %d %v", status, body)
	}
	for name, change := range map[string]func(object){
		"an id that is taken":   func(object) {},
		"no id":                 func(c object) { delete(c, "id") },
		"a long id":             func(c object) { c["id"] = strings.Repeat("x", 65) },
		"a strange id":          func(c object) { c["id"] = "a b" },
		"a long token":          func(c object) { c["id"], c["token"] = "other", strings.Repeat("x", 257) },
		"another type":          func(c object) { c["id"], c["type"] = "other", "mail" },
		"no https":              func(c object) { c["id"], c["address"] = "other", "http://slotd.example/push" },
		"an end that is past":   func(c object) { c["id"], c["expiration"] = "other", "1000" },
		"an end that is no end": func(c object) { c["id"], c["expiration"] = "other", "soon" },
	} {
		if status, body := f.do("POST", watchPath, channel(change)); status < 400 || status > 401 {
			t.Errorf("%s: %d %v", name, status, body)
		}
	}
	if n := len(f.Channels(cal)); n != 1 {
		t.Errorf("%d channels", n)
	}
}

// TestChannelLife: the reply tells the end as a quoted number, which is no later than the server grants; then the channel
// has ended, as after a stop by its owner.
func TestChannelLife(t *testing.T) {
	f := setup(t, google.Options{ChannelLife: 24 * time.Hour})
	t.Cleanup(f.Close)
	f.SetMood(cal, google.Mood{Lost: true})
	for i, tt := range []struct {
		ask  func(object)
		life time.Duration
	}{
		{func(object) {}, 24 * time.Hour},
		{func(c object) { c["params"] = object{"ttl": "3600"} }, time.Hour},
		{func(c object) { c["expiration"] = strconv.FormatInt(f.now.Add(time.Hour).UnixMilli(), 10) }, time.Hour},
		{func(c object) { c["expiration"] = strconv.FormatInt(f.now.Add(time.Hour*1000).UnixMilli(), 10) }, 24 * time.Hour},
	} {
		_, body := f.do("POST", watchPath, channel(func(c object) { c["id"] = "channel" + strconv.Itoa(i); tt.ask(c) }))
		if want := strconv.FormatInt(f.now.Add(tt.life).UnixMilli(), 10); body["expiration"] != want {
			t.Errorf("%d: expiration %#v, want %q", i, body["expiration"], want)
		}
	}
	stop := func(resource string) int {
		status, _ := f.do("POST", "channels/stop", object{"id": "channel0", "resourceId": resource})
		return status
	}
	resource := f.Channels(cal)[0].Resource
	for i, want := range []int{http.StatusNotFound, http.StatusNoContent, http.StatusNotFound} {
		if got := stop([]string{"other", resource, resource}[i]); got != want {
			t.Errorf("stop %d: %d, want %d", i, got, want)
		}
	}
	f.now = f.now.Add(2 * time.Hour)
	if n := len(f.Channels(cal)); n != 1 {
		t.Errorf("%d channels after two hours, want the one of a day", n)
	}
}

// TestMessages: the first message says that the channel is there, each change causes another with a higher number, and none
// has a body.
func TestMessages(t *testing.T) {
	got := make(chan http.Header, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.ContentLength > 0 {
			t.Error("a message has a body")
		}
		got <- r.Header
	}))
	t.Cleanup(hook.Close)
	f := setup(t, google.Options{})
	t.Cleanup(f.Close)
	f.do("POST", watchPath, channel(func(c object) { c["address"] = hook.URL }))
	number := 0
	for _, state := range []string{"sync", "exists", "exists"} {
		h := <-got
		n, err := strconv.Atoi(h.Get("X-Goog-Message-Number"))
		if err != nil || n <= number || state == "sync" && n != 1 {
			t.Errorf("message number %d after %d: %v", n, number, err)
		}
		number = n
		if h.Get("X-Goog-Resource-State") != state || h.Get("X-Goog-Channel-ID") != "channel-1" ||
			h.Get("X-Goog-Channel-Token") != "secret" || h.Get("X-Goog-Resource-ID") == "" {
			t.Errorf("message %v, want state %s", h, state)
		}
		f.Put(cal, google.Event{Title: "x", Start: f.now, End: f.now.Add(time.Hour)})
	}
}
