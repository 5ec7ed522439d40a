package config

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const practice = `
[[account]]
name = "practice"
provider = "ics"
`

// withFeeds returns the minimal file with an account of feeds, of which its resource names one.
func withFeeds(account, feed string) string {
	return minimal + "blocked_by = [\"practice/rooms\"]\n" + practice + account +
		"\n[[account.calendar]]\nid = \"rooms\"\n" + feed + "\n"
}

func TestFeeds(t *testing.T) {
	cfg, err := Parse("/etc/slotd/slotd.toml", []byte(withFeeds(`allow_private = ["10.1.2.0/24"]`, `
url = "http://10.1.2.3/rooms.ics"
user = "slotd"
password_env = "ROOMS"
zone = "Asia/Tokyo"
all_day = "busy"`)))
	if err != nil {
		t.Fatal(err)
	}
	got, _ := cfg.Account("practice")
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		t.Fatal(err)
	}
	want := Account{Name: "practice", Provider: ICS, Zone: cfg.Business.Zone, Concurrency: 4, PerMinute: 120,
		Feeds: Feeds{
			Networks: []netip.Prefix{netip.MustParsePrefix("10.1.2.0/24")}, MaxSize: 8 << 20, Timeout: 20 * time.Second,
		},
		Calendars: []AccountCalendar{{ID: "rooms", AllDay: AllDayBusy, Feed: Feed{
			URL: "http://10.1.2.3/rooms.ics", User: "slotd", Password: Secret{Env: "ROOMS"}, Zone: tokyo,
		}}},
	}
	same := cmp.Options{
		cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() }),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
	}
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Errorf("account (-want +got):\n%s", diff)
	}
	if cfg.AllDay("practice/rooms") != AllDayBusy {
		t.Error("all-day policy")
	}
}

func TestFeedSources(t *testing.T) {
	for _, c := range []struct {
		feed string
		want Feed
	}{
		{`url_file = "rooms_url"`, Feed{SecretURL: Secret{File: "/etc/slotd/rooms_url"}}},
		{`url_credential = "rooms"`, Feed{SecretURL: Secret{Credential: "rooms"}}},
		{`file = "rooms.ics"`, Feed{File: "/etc/slotd/rooms.ics"}},
		{`url = "webcal://practice.example/rooms.ics"`, Feed{URL: "webcal://practice.example/rooms.ics"}},
	} {
		cfg, err := Parse("/etc/slotd/slotd.toml", []byte(withFeeds("", c.feed)))
		if err != nil {
			t.Errorf("%s: %v", c.feed, err)
			continue
		}
		a, _ := cfg.Account("practice")
		if diff := cmp.Diff(c.want, a.Calendars[0].Feed); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.feed, diff)
		}
	}
}

func TestFeedFaults(t *testing.T) {
	for name, c := range map[string]struct{ account, feed, want string }{
		"no network":       {`allow_private = []`, `file = "x"`, "allow_private is empty"},
		"not a network":    {`allow_private = ["10.1.2.3"]`, `file = "x"`, "t.toml:26: account \"practice\": allow_private must hold"},
		"not private":      {`allow_private = "yes"`, `file = "x"`, "must be true, false or a list of networks"},
		"too large":        {`max_size = "4096MiB"`, `file = "x"`, "max_size must be from 1KiB to 256MiB"},
		"two sources":      {"", "file = \"x\"\nurl_env = \"X\"", "file and a url are both given: keep one"},
		"user in the url":  {"", `url = "https://a:hush@x.example/y"`, "must hold no user"},
		"query":            {"", `url = "https://x.example/y?token=hush"`, "may hold a secret"},
		"another scheme":   {"", `url = "file:///hush"`, "must be an absolute URL"},
		"password alone":   {"", "url_env = \"X\"\npassword_env = \"Y\"", "password needs a user"},
		"user alone":       {"", "url_env = \"X\"\nuser = \"u\"", "user needs a password"},
		"colon":            {"", "url_env = \"X\"\nuser = \"a:b\"\npassword_env = \"Y\"", "user must not hold a colon"},
		"sign-in":          {`grant = "refresh_token"`, `file = "x"`, "grant is not for ics"},
		"secret":           {`client_secret_file = "x"`, `file = "x"`, "client_secret_file is not for ics"},
		"wrong type of it": {"", "file = 1", "file must be a string"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("t.toml", []byte(withFeeds(c.account, c.feed)))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got:\n%v\nwant:\n%s", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "hush") {
				t.Error("a secret is in the error")
			}
		})
	}
}

// Where an account of feeds stands in the file does not matter to what the others may hold.
func TestFeedKeysElsewhere(t *testing.T) {
	file := strings.Replace(withFeeds("", `file = "x"`), "[[service]]", "allow_private = true\n[[service]]", 1)
	_, err := Parse("t.toml", []byte(file))
	if err == nil || !strings.Contains(err.Error(), `account "office": allow_private is for ics only: remove it`) {
		t.Errorf("got %v", err)
	}
}
