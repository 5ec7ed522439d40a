package daemon_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"slotd/internal/emulator/fault"
	"slotd/internal/emulator/google"
)

// publicURL is how the clinic's provider reaches it. Nobody speaks TLS on the network in memory.
const publicURL = "https://public"

// withoutTLS sends requests in plain that ask for TLS.
type withoutTLS struct{ next http.RoundTripper }

func (w withoutTLS) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme = "http"
	return w.next.RoundTrip(r)
}

// pusher carries the messages of the emulated provider.
func (c *clinic) pusher() *http.Client {
	hc, transport := c.net.client()
	c.idle = append(c.idle, transport)
	hc.Transport = withoutTLS{hc.Transport}
	return hc
}

// pushClinic runs a test in a bubble with a clinic whose provider reaches it.
func pushClinic(t *testing.T, test func(c *clinic)) {
	t.Helper()
	servedBy(t, func(c *clinic) {
		c.rewrite(func(text string) string {
			return strings.Replace(text, "[whatsapp]", "[server]\npublic_url = \""+publicURL+"\"\n\n[whatsapp]", 1)
		})
		c.reconfigure()
	}, func(_ *testing.T, c *clinic) {
		c.wait(time.Minute)
		test(c)
	})
}

func (c *clinic) wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// events returns how many events the mirror of a doctor holds.
func (c *clinic) events(doctor string) int {
	c.t.Helper()
	for _, cal := range c.status().Calendars {
		if string(cal.ID) == "google/"+doctor {
			return cal.Events
		}
	}
	c.t.Fatalf("no mirror of %s", doctor)
	return 0
}

func (c *clinic) wantLive(doctors ...string) {
	c.t.Helper()
	live := map[string]bool{}
	for _, ch := range c.status().Channels {
		live[strings.TrimPrefix(string(ch.Calendar), "google/")] = ch.Live
		if ch.Live == (ch.Why != "") {
			c.t.Errorf("channel %+v", ch)
		}
	}
	for _, d := range doctors {
		if !live[d] || len(c.google.Channels(d)) != 1 {
			c.t.Errorf("%s: live %v, %d channels at the provider", d, live[d], len(c.google.Channels(d)))
		}
	}
}

func (c *clinic) put(doctor string, n int) {
	day := time.Now().AddDate(0, 0, 2).Truncate(time.Hour)
	c.google.Put(doctor, google.Event{Title: fmt.Sprint("event ", n), Start: day, End: day.Add(time.Hour)})
}

// TestPushThroughTheDaemon: over three weeks each change is in the mirror within a second, whatever happens to the messages;
// after a reload without a public address no channel is left and changes are found by polling.
func TestPushThroughTheDaemon(t *testing.T) {
	moods := []google.Mood{{}, {Copies: 2}, {Storm: 20}, {Copies: 1, Storm: 3}, {}}
	pushClinic(t, func(c *clinic) {
		c.wantLive("adams", "clark")
		for n := 1; n <= 21*8; n++ {
			c.wait(3 * time.Hour)
			c.google.SetMood("adams", moods[n%len(moods)])
			c.put("adams", n)
			c.wait(time.Second)
			if got := c.events("adams"); got < min(n, 8) { // the oldest leave the window
				t.Fatalf("change %d: %d events in the mirror", n, got)
			}
		}
		c.wantLive("adams", "clark")
		if s := c.status(); len(s.Problems) > 0 {
			t.Errorf("problems: %v", s.Problems)
		}
		c.rewrite(func(text string) string { return strings.Replace(text, "public_url", "# public_url", 1) })
		c.reloads()
		c.wait(5 * time.Minute)
		for _, ch := range c.status().Channels {
			if ch.Live || ch.Wanted || !strings.Contains(ch.Why, "public_url") {
				t.Errorf("after the reload: %+v", ch)
			}
		}
		if n := len(c.google.Channels("adams")) + len(c.google.Channels("clark")); n != 0 {
			t.Errorf("%d channels are left at the provider", n)
		}
		before := c.events("clark")
		c.put("clark", 1)
		c.wait(2 * poll)
		if c.events("clark") != before+1 {
			t.Error("a change was not found by polling")
		}
	})
}

// TestPushesThatFail: late, lost, swapped and early messages and a provider that refuses leave the mirror no worse than
// polling does, and a refused calendar says so.
func TestPushesThatFail(t *testing.T) {
	for name, mood := range map[string]google.Mood{
		"lost": {Lost: true}, "late": {Delay: time.Hour}, "swapped": {Reversed: true, Storm: 1}, "early": {Early: true},
	} {
		t.Run(name, func(t *testing.T) {
			pushClinic(t, func(c *clinic) {
				for _, doctor := range []string{"adams", "clark"} {
					c.google.SetMood(doctor, mood)
					c.google.ExpireChannels(doctor) // so that new ones are asked for in this mood
				}
				for n := 1; n <= 20; n++ {
					c.put("adams", n)
					c.put("clark", n)
					c.wait(2 * poll)
					if a, b := c.events("adams"), c.events("clark"); a != n || b != n {
						t.Fatalf("change %d: the mirrors hold %d and %d events", n, a, b)
					}
				}
			})
		})
	}
	t.Run("refused", func(t *testing.T) {
		servedBy(t, func(c *clinic) {
			c.cfg.Server.PublicURL = publicURL
			c.google.Inject(fault.Rule{
				Op: "events.watch", PathContains: "/clark/", Status: http.StatusForbidden, Reason: "forbidden", Times: fault.Forever,
			})
		}, func(t *testing.T, c *clinic) {
			c.wait(24 * time.Hour)
			c.wantLive("adams")
			s := c.status()
			if len(s.Problems) > 0 || s.Channels[1].Live || !strings.Contains(s.Channels[1].Why, "403") {
				t.Errorf("channel %+v, problems %v", s.Channels[1], s.Problems)
			}
			if n := c.google.Requests("events.watch"); n != 2 {
				t.Errorf("%d channels were asked for", n)
			}
		})
	})
}
