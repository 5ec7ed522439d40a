package config

import (
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"slotd/internal/calendar"
)

// Feeds is how the feeds of an ICS account are read.
type Feeds struct {
	// AllowPrivate lets addresses lead to hosts that are not public, Networks to those of these networks.
	AllowPrivate bool
	Networks     []netip.Prefix
	// MaxSize is how long a feed may be, in bytes, and Timeout how long a look at it may take.
	MaxSize int64
	Timeout time.Duration
}

// Private reports whether any host that is not public may be reached.
func (f Feeds) Private() bool { return f.AllowPrivate || len(f.Networks) > 0 }

// Feed is where a calendar of an ICS account comes from. One of URL, SecretURL and File is set.
type Feed struct {
	// URL is an address without a secret in it; SecretURL refers to one that is a secret, as most are.
	URL       string
	SecretURL Secret
	// File is the path of a file.
	File string
	// User and Password go with an address; both are set, or neither.
	User     string
	Password Secret
	// Zone is that of times without one, whatever the feed says; nil: what the feed says, otherwise the account's.
	Zone *time.Location
}

// The keys of an account and of its calendars that have a meaning for the one kind of provider only.
var (
	feedsKeys  = []string{"allow_private", "max_size", "timeout"}
	feedKeys   = secretKeys([]string{"url", "file", "zone", "user"}, "url", "password")
	signInKeys = secretKeys([]string{"grant", "client_id", "scopes", "subject", "user", "tenant", "api_url", "auth_url",
		"token_url", "revoke_url", "device_url", "push"}, "client_secret", "refresh_token", "service_account")
	anyAccountKeys = []string{"name", "provider", "zone", "concurrency", "per_minute", "calendar"}
)

func secretKeys(keys []string, secrets ...string) []string {
	for _, s := range secrets {
		keys = append(keys, s+"_file", s+"_env", s+"_credential")
	}
	return keys
}

// Bounds of what is read of a feed. A look at a calendar is broken off after two minutes whatever its account says.
const (
	feedSize        = 8 << 20
	feedSizeMost    = 256 << 20
	feedTimeout     = 20 * time.Second
	feedTimeoutMost = time.Minute
)

// feedsOnly reports keys that an account of a provider with a sign-in does not have.
func (t *table) feedsOnly(keys []string) {
	for _, key := range keys {
		if t.get(key) != nil {
			t.bad(key, "is for ics only: remove it")
		}
	}
}

// icsAccount reads an account of feeds: nobody signs in, and each calendar has its own address.
func (t *table) icsAccount(a Account, zone *time.Location, refs *references) Account {
	for _, key := range signInKeys {
		t.get(key) // known, and yet none of ours
	}
	for _, key := range t.node.keys {
		if !slices.Contains(anyAccountKeys, key) && !slices.Contains(feedsKeys, key) &&
			slices.Contains(t.d.known[t.section], key) {
			t.bad(key, "is not for ics, where nobody signs in: remove it")
		}
	}
	a.Zone = t.zone(zone)
	a.Concurrency = t.integer("concurrency", 4, 100)
	a.PerMinute = t.integer("per_minute", 120, 100_000)
	a.Feeds = Feeds{
		MaxSize: t.size("max_size", feedSize, 1<<10, feedSizeMost),
		Timeout: t.duration("timeout", feedTimeout, time.Second, feedTimeoutMost),
	}
	a.Feeds.AllowPrivate, a.Feeds.Networks = t.allowPrivate("allow_private")
	if v := t.node.values["calendar"]; v == nil || v.kind == kindArray && len(v.items) == 0 {
		t.d.fault(t.node.line, t.place, "has no calendar: add [[account.calendar]] with id and url_file, url or file")
	}
	if a.Name != "" {
		refs.feeds = append(refs.feeds, a.Name)
	}
	return a
}

// allowPrivate reads true, false, or a list of networks.
func (t *table) allowPrivate(key string) (all bool, networks []netip.Prefix) {
	v := t.get(key)
	if v == nil || v.kind == kindBool {
		return t.boolean(key), nil
	}
	if v.kind != kindArray {
		t.bad(key, `must be true, false or a list of networks such as ["10.1.2.0/24"], not %s`, v.kind)
		return false, nil
	}
	if len(v.items) == 0 {
		t.bad(key, "is empty: name a network, or write %s = false", key)
	}
	for _, n := range t.names(key) {
		p, err := netip.ParsePrefix(n.text)
		switch {
		case err != nil:
			t.d.fault(n.line, t.place, `%s must hold networks such as "10.1.2.0/24" or "10.1.2.3/32", not %q`, key, n.text)
		case p != p.Masked():
			t.d.fault(n.line, t.place, "%s: %s is an address in a network: write %s for the network, or %s/%d for the address",
				key, n.text, p.Masked(), p.Addr(), p.Addr().BitLen())
		default:
			networks = append(networks, p)
		}
	}
	return false, networks
}

// size reads a number of bytes with a unit of 1024.
func (t *table) size(key string, def, low, high int64) int64 {
	v := t.typed(key, kindString)
	if v == nil {
		return def
	}
	for unit, shift := range map[string]int{"KiB": 10, "MiB": 20} {
		number, ok := strings.CutSuffix(v.text, unit)
		n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 32)
		if ok && err == nil && int64(n)<<shift >= low && int64(n)<<shift <= high {
			return int64(n) << shift
		}
	}
	t.bad(key, `must be from 1KiB to %dMiB, written as "512KiB" or "8MiB", not %q`, high>>20, v.text)
	return def
}

// feed reads what a calendar of an ICS account has beside its id, which is ours to choose and is printed and logged.
func (t *table) feed(id string, feeds Feeds) Feed {
	if id != "" && !idForm.MatchString(id) {
		t.bad("id", "must be a name of your choice: 1 to 40 of a-z, 0-9, _ and -, beginning with a letter or a digit")
	}
	f := Feed{
		URL: t.feedURL("url", feeds), SecretURL: t.secret("url"), File: t.path("file", ""), User: t.str("user", ""),
		Password: t.secret("password"), Zone: t.zone(nil),
	}
	address := t.given("url", "", "_file", "_env", "_credential")
	switch {
	case t.has("url") != "" && t.given("url", "_file", "_env", "_credential"):
		t.bad("url", "and a secret url are both given: keep one")
	case address && t.has("file") != "":
		t.bad("file", "and a url are both given: keep one")
	case !address && t.has("file") == "":
		t.d.fault(t.node.line, t.place, "has no source: write url_file, url_env, url_credential, url or file")
	}
	password := t.given("password", "_file", "_env", "_credential")
	switch {
	case t.has("file") != "" && (password || t.has("user") != ""):
		t.bad("file", "needs no user and no password: remove them")
	case password && f.User == "":
		t.d.fault(t.node.line, t.place, `password needs a user: write user = "slotd"`)
	case f.User != "" && !password:
		t.bad("user", "needs a password: write password_file, password_env or password_credential")
	}
	if strings.Contains(f.User, ":") {
		t.bad("user", "must not hold a colon") // RFC 7617 §2
	}
	return f
}

// feedURL reads an address that may stand in the file. What it says of a wrong one does not quote it.
func (t *table) feedURL(key string, feeds Feeds) string {
	const secret = "write it into a file that only slotd can read, and url_file"
	v := t.typed(key, kindString)
	if v == nil {
		return ""
	}
	u, err := url.Parse(v.text)
	switch {
	case err != nil || u.Hostname() == "" || !slices.Contains([]string{"https", "http", "webcal", "webcals"}, u.Scheme):
		t.bad(key, `must be an absolute URL such as "https://example.org/rooms.ics"`)
	case u.User != nil:
		t.bad(key, "must hold no user: write user and password_file")
	case u.RawQuery != "" || u.Fragment != "" || strings.Contains(u.Path, "/private-"):
		t.bad(key, "may hold a secret, in its query or its path: %s", secret)
	case u.Scheme == "http" && !feeds.Private():
		t.bad(key, "must begin with https: plain http is for hosts of your own, which allow_private lets be reached")
	default:
		return v.text
	}
	return ""
}

// feedReference checks a resource's reference to a calendar of an ICS account. It returns false when it said what is
// wrong.
func (t *table) feedReference(v *node, key string, refs *references) bool {
	id := calendar.ID(v.text)
	if !slices.Contains(refs.feeds, id.Account()) {
		return true
	}
	if _, ok := refs.calendars.lines()[v.text]; !ok {
		var feeds []string
		for name := range refs.calendars.defined {
			if calendar.ID(name).Account() == id.Account() {
				feeds = append(feeds, name)
			}
		}
		slices.Sort(feeds)
		meant := closest(v.text, feeds)
		refs.calendars.used[meant] = true
		t.d.fault(v.line, t.place, "%s %q: account %q has no such calendar%s", key, v.text, id.Account(), suggest(meant))
		return false
	}
	if key == "book_into" {
		refs.calendars.used[v.text] = true
		t.d.fault(v.line, t.place, "book_into %q is a feed, which can only be read: name it in blocked_by, and book into a "+
			"calendar of google or outlook", v.text)
		return false
	}
	return true
}
