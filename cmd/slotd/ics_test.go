package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slotd/internal/admin"
	"slotd/internal/calendar"
	"slotd/internal/emulator/ics"
)

const (
	feedSecret   = "planted-feed-address-51b0"
	feedPassword = "planted-feed-password-9d2e"
)

// practice is another system of the clinic, which only exports feeds.
type practice struct {
	*world
	*ics.Server
	url string
}

// withFeed lets a feed block Dr. Adams; account and feed are keys of the config, and feed may say {url}.
func withFeed(t *testing.T, account, feed string) *practice {
	t.Helper()
	p := &practice{world: newWorld(t), Server: ics.New(nil)}
	p.url = p.listen(p.Handler())
	p.Put("adams", p.feed())
	p.secrets = append(p.secrets, feedSecret, feedPassword)
	booked := `book_into = "google/` + googleCal + `"`
	p.configure(booked, booked+"\nblocked_by = [\"practice/adams\"]")
	p.append("\n[[account]]\nname = \"practice\"\nprovider = \"ics\"\n" + account +
		"\n[[account.calendar]]\nid = \"adams\"\n" + strings.ReplaceAll(feed, "{url}", p.url) + "\n")
	return p
}

// feed is a feed with an event for each pair of times.
func (p *practice) feed(times ...time.Time) ics.Feed {
	var b strings.Builder
	b.WriteString("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//practice//EN\r\n")
	for i := 0; i+1 < len(times); i += 2 {
		fmt.Fprintf(&b, "BEGIN:VEVENT\r\nUID:%d\r\nSUMMARY:%s\r\nDTSTART:%s\r\nDTEND:%s\r\nEND:VEVENT\r\n", i, plantedTitle,
			times[i].UTC().Format("20060102T150405Z"), times[i+1].UTC().Format("20060102T150405Z"))
	}
	b.WriteString("END:VCALENDAR\r\n")
	return ics.Feed{Text: b.String(), ETag: true}
}

// row is the status of the feed.
func (p *practice) row() (admin.Calendar, string) {
	p.Helper()
	s := p.status()
	for _, c := range s.Calendars {
		if c.ID == calendar.ID("practice/adams") {
			return c, strings.Join(s.Problems, "\n")
		}
	}
	p.Fatal("the status does not show the feed")
	return admin.Calendar{}, ""
}

func TestFeedBlocks(t *testing.T) {
	p := withFeed(t, `allow_private = ["127.0.0.1/32"]`, `url_file = "secrets/feed"
user = "slotd"
password_file = "secrets/feed_password"`)
	p.write("secrets/feed_password", feedPassword+"\n")
	p.write("secrets/feed", p.url+"/adams.ics?token="+feedSecret+"\n")
	show := func(f ics.Feed) {
		f.User, f.Password = "slotd", feedPassword
		p.Put("adams", f)
	}
	show(p.feed(p.at(10, 0), p.at(10, 30)))
	p.start()
	if free := p.free("adams"); free["10:00"] || !free["10:30"] || !free["12:00"] {
		t.Errorf("with an event from 10:00 to 10:30: %v", free)
	}
	show(p.feed(p.at(12, 0), p.at(12, 30)))
	eventually(t, "the change of the feed", func() bool {
		free := p.free("adams")
		return free["10:00"] && !free["12:00"]
	})

	o := p.run("status")
	o.expect(t, exitDone, "practice/adams", "practice", "ics", "feed")
	p.run("doctor").expect(t, exitDone, "ok    account practice", "ok    calendar practice/adams")
	p.run("calendars", "practice").expect(t, exitDone, `blocked_by = ["practice/adams"]`, "read only")
	p.run("connect", "google", "practice").expect(t, exitUsage, "there is nothing to sign in to")
	p.run("connect", "ics", "practice").expect(t, exitUsage, "there is nothing to sign in to")
	p.run("disconnect", "practice").expect(t, exitUsage, "there is nothing to sign in to")

	p.book("feed-token-1", "adams", p.at(14, 0)) // is written to Google, beside the feed
	p.level()
	if len(p.ours("adams")) != 1 {
		t.Errorf("events of ours at Google: %v", p.ours("adams"))
	}
}

// TestFeedTurnsIntoAPage: a feed that is a page to sign in now changes nothing at first, and then hides the resource.
func TestFeedTurnsIntoAPage(t *testing.T) {
	p := withFeed(t, "allow_private = true", `url = "{url}/adams.ics"`)
	p.configure(`poll = "1s"`, "poll = \"1s\"\nserve_within = \"3s\"")
	p.Put("adams", p.feed(p.at(10, 0), p.at(10, 30)))
	p.start()
	p.Put("adams", ics.Feed{Text: "<!doctype html><title>Sign in</title>"})
	eventually(t, "a hidden resource", func() bool {
		c, problems := p.row()
		return !c.Fresh && strings.Contains(problems, "notACalendar") && strings.Contains(problems, "hidden")
	})
	p.run("slots", "--resource", "adams").expect(t, exitDone, "No free slot")
	p.run("status").expect(t, exitFailed, "practice/adams", "notACalendar")
	p.run("doctor").expect(t, exitFailed, "FAIL  calendar practice/adams", "a page to sign in")
	p.Put("adams", p.feed())
	eventually(t, "the feed again", func() bool { return p.offered("consultation", "adams", p.at(10, 0)) })
}

// TestPrivateFeedIsRefused: a feed does not lead slotd into its own network unless the config says so.
func TestPrivateFeedIsRefused(t *testing.T) {
	p := withFeed(t, "", `url_env = "FEED_ADAMS"`)
	t.Setenv("FEED_ADAMS", p.url+"/adams.ics?token="+feedSecret)
	p.daemon = serve(t, p.dir)
	eventually(t, "the refusal", func() bool {
		_, problems := p.row()
		return strings.Contains(problems, "practice/adams was never read") && strings.Contains(problems, "allow_private")
	})
	if n := len(p.Requests("adams")); n > 0 {
		t.Errorf("%d requests arrived", n)
	}
	p.run("slots", "--resource", "adams").expect(t, exitDone, "No free slot")
	p.run("doctor").expect(t, exitFailed, "FAIL  calendar practice/adams", "not public")
}

// TestFeedFromAFile: a file is read as a feed is, and what is odd about it is told once.
func TestFeedFromAFile(t *testing.T) {
	p := withFeed(t, "", `file = "export/adams.ics"`)
	text := p.feed(p.at(9, 0), p.at(9, 30)).Text
	put := func(text string) { // as a whole, as any program that exports should
		p.write("export/new", text)
		must(t, os.Rename(filepath.Join(p.dir, "export/new"), filepath.Join(p.dir, "export/adams.ics")))
	}
	put(text)
	p.run("calendars", "practice").expect(t, exitDone, `blocked_by = ["practice/adams"]`) // also without a daemon
	p.start()
	if free := p.free("adams"); free["09:00"] || !free["09:30"] {
		t.Errorf("with an event from 9:00 to 9:30: %v", free)
	}
	end := fmt.Sprintf("DTEND:%s\r\n", p.at(9, 30).UTC().Format("20060102T150405Z"))
	put(strings.Replace(text, end, "DTEND:never\r\n", 1))
	eventually(t, "a day that is blocked", func() bool { return !p.offered("consultation", "adams", p.at(15, 0)) })
	const metric = `slotd_feed_oddities_total{kind="no usable end"} 1`
	if text := p.metrics(); !strings.Contains(text, metric) {
		t.Errorf("the metrics do not hold %s", metric)
	}
	p.run("doctor").expect(t, exitDone, "WARN  calendar practice/adams", "fresh, but holds what is odd: no usable end (1)")
	later := p.at(39, 0) // on the next day; the feed is read again, and nothing else is odd about it
	put(strings.Replace(p.feed(p.at(9, 0), p.at(9, 30), later, later.Add(time.Hour)).Text, end, "DTEND:never\r\n", 1))
	eventually(t, "the later event", func() bool { return !p.offered("consultation", "adams", later) })
	put(text)
	eventually(t, "the day again", func() bool { return p.offered("consultation", "adams", p.at(15, 0)) })
	if n := strings.Count(p.daemon.log.String(), "a feed holds something odd\""); n != 1 {
		t.Errorf("told %d times", n)
	}
	must(t, os.Remove(filepath.Join(p.dir, "export/adams.ics")))
	eventually(t, "the missing file", func() bool { c, _ := p.row(); return strings.Contains(c.Error, "noSuchFile") })
	p.run("doctor").expect(t, exitFailed, "FAIL  calendar practice/adams", "The file does not exist")
}

// metrics is what the daemon tells Prometheus.
func (w *world) metrics() string {
	w.Helper()
	resp, err := sendDaemon(w.Context(), w.cfg, http.MethodGet, url.URL{Path: "/metrics"}, nil)
	must(w.T, err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	must(w.T, err)
	return string(text)
}
