package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	day = 24 * time.Hour
	// maxTitle is the length of a list item's title that WhatsApp shows, in characters.
	maxTitle = 30
	// maxDays keeps durations far from overflow.
	maxDays = 3660
)

var idForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,39}$`)

// id returns the id of a record and names the record after it. seen holds the lines of the ids before it.
func (t *table) id(key, what string, seen map[string]int) string {
	id := t.required(key, "adams")
	if v := t.get(key); v == nil || v.kind != kindString || id == "" {
		return ""
	}
	t.named(what, id)
	line := t.line(key)
	if !idForm.MatchString(id) {
		t.bad(key, "must be 1 to 40 of a-z, 0-9, _ and -, and begin with a letter or a digit")
	}
	if before, ok := seen[id]; ok {
		t.bad(key, "is used already on line %d: each %s needs its own", before, what)
		return id
	}
	seen[id] = line
	return id
}

// title returns a text that WhatsApp shows in a list.
func (t *table) title(key, example string) string {
	s := t.oneLine(key, example)
	if n := utf8.RuneCountInString(s); n > maxTitle {
		t.bad(key, "has %d characters: WhatsApp shows %d at most", n, maxTitle)
	}
	return s
}

// oneLine returns a text that must be there.
func (t *table) oneLine(key, example string) string {
	s := t.required(key, example)
	if strings.ContainsFunc(s, unicode.IsControl) {
		t.bad(key, "must be one line without control characters")
	}
	return s
}

// oneOf returns a string from a closed set; the first is the default.
func (t *table) oneOf(key string, allowed ...string) string {
	s := t.str(key, allowed[0])
	if !slices.Contains(allowed, s) {
		t.bad(key, "must be %s, not %q%s", quoted(allowed, " or "), s, suggest(closest(s, allowed)))
		return allowed[0]
	}
	return s
}

// path returns a path, relative to the file's directory.
func (t *table) path(key, def string) string {
	s := t.str(key, def)
	if s == "" && t.node.values[key] != nil && t.node.values[key].kind == kindString {
		t.bad(key, "is empty")
	}
	return t.d.resolve(s)
}

func (d *decoder) resolve(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(d.dir, path)
}

// duration returns a duration within bounds.
func (t *table) duration(key string, def, low, high time.Duration) time.Duration {
	v := t.get(key)
	if v == nil {
		return def
	}
	dur, err := parseDuration(v.text)
	switch {
	case v.kind != kindString:
		t.bad(key, `must be a duration in quotes such as "30m", not %s`, v.kind)
	case err != nil:
		t.bad(key, `must be a duration such as "90s", "30m", "1h30m" or "30d", not %q`, v.text)
	case dur < low || dur > high:
		t.bad(key, "must be from %s to %s", short(low), short(high))
	default:
		return dur
	}
	return def
}

// minutes returns a duration of whole minutes, a day at most.
func (t *table) minutes(key string, def, low time.Duration) time.Duration {
	dur := t.duration(key, def, low, day)
	if dur%time.Minute != 0 {
		t.bad(key, "must be whole minutes")
		return def
	}
	return dur
}

// parseDuration reads Go's durations, and days ("d", 24 hours each) before them.
func parseDuration(s string) (time.Duration, error) {
	days, rest, found := strings.Cut(s, "d")
	if !found {
		return time.ParseDuration(s)
	}
	n, err := strconv.ParseUint(days, 10, 16)
	if err != nil || n > maxDays {
		return 0, fmt.Errorf("not a number of days: %q", days)
	}
	total := time.Duration(n) * day
	if rest == "" {
		return total, nil
	}
	more, err := time.ParseDuration(rest)
	if err != nil || more < 0 || more > maxDays*day {
		return 0, fmt.Errorf("not a duration: %q", rest)
	}
	return total + more, nil
}

// short prints a duration as a person would write it: 1d, 30m, 0s.
func short(d time.Duration) string {
	if d >= day && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// zone returns an IANA zone; def where none is given. Go's "Local" would make the meaning of the file depend on the host.
func (t *table) zone(def *time.Location) *time.Location {
	const key = "zone"
	v := t.typed(key, kindString)
	if v == nil {
		return def
	}
	loc, err := time.LoadLocation(v.text)
	if err != nil || v.text == "" || v.text == "Local" {
		t.bad(key, `names an unknown zone %q: write an IANA name such as "Europe/Berlin"`, v.text)
		return def
	}
	return loc
}

// address checks a host:port to listen on.
func (t *table) address(key, s string) string {
	_, port, err := net.SplitHostPort(s)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		t.bad(key, `must be host:port such as "127.0.0.1:8080", not %q`, s)
	}
	return s
}

// url returns an absolute URL. Tokens and secrets travel over it, so that plain http is for this host only.
func (t *table) url(key, def string) string {
	v := t.typed(key, kindString)
	if v == nil {
		return def
	}
	u, err := url.Parse(v.text)
	switch {
	case err != nil || u.Hostname() == "" || (u.Scheme != "https" && u.Scheme != "http"):
		t.bad(key, `must be an absolute URL such as "https://example.org"`)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		t.bad(key, "must hold no user, no query and no fragment")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		t.bad(key, "must begin with https: plain http is for 127.0.0.1, ::1 and localhost only")
	default:
		return v.text
	}
	return def
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// secret returns the one secret that base_file, base_env or base_credential refers to; unset when none is given.
func (t *table) secret(base string) Secret {
	var s Secret
	if path := t.path(base+"_file", ""); path != "" {
		s.File = path
	}
	s.Env = t.str(base+"_env", "")
	if strings.ContainsAny(s.Env, "=\x00") {
		t.bad(base+"_env", "must be the name of an environment variable")
	}
	s.Credential = t.str(base+"_credential", "")
	if strings.ContainsAny(s.Credential, "/\x00") || s.Credential == ".." {
		t.bad(base+"_credential", "must be the name of a systemd credential, not a path")
	}
	for _, suffix := range []string{"_env", "_credential"} {
		if v := t.node.values[base+suffix]; v != nil && v.kind == kindString && v.text == "" {
			t.bad(base+suffix, "is empty")
		}
	}
	t.onlyOne(base, "_file", "_env", "_credential")
	return s
}

// secrets returns the secrets under base, of which there must be one.
func (t *table) secrets(base string) []Secret {
	if !t.given(base, "_files", "_file", "_env", "_credential") {
		t.d.fault(t.node.line, t.place, "%s is missing: write %[1]s_file, %[1]s_files, %[1]s_env or %[1]s_credential", base)
	}
	return t.optionalSecrets(base)
}

// optionalSecrets returns the secrets under base: none, one, or the several of base_files.
func (t *table) optionalSecrets(base string) []Secret {
	var out []Secret
	if one := t.secret(base); one.Set() {
		out = append(out, one)
	}
	for _, n := range t.names(base + "_files") {
		out = append(out, Secret{File: t.d.resolve(n.text)})
	}
	t.onlyOne(base, "_files", "_file", "_env", "_credential")
	if v := t.node.values[base+"_files"]; v != nil && v.kind == kindArray && len(v.items) == 0 {
		t.bad(base+"_files", "is empty")
	}
	return out
}

// onlyOne adds a fault when the first of the keys is given beside another, or, for the last call of secret, any two are.
func (t *table) onlyOne(base string, suffixes ...string) {
	first := ""
	for _, suffix := range suffixes {
		key := base + suffix
		switch {
		case t.node.values[key] == nil:
		case first == "":
			first = key
		case suffixes[0] == "_files" && first != base+"_files": // said by secret
		default:
			t.bad(key, "and %s are both given: keep one", first)
		}
	}
}

func (t *table) given(base string, suffixes ...string) bool {
	return slices.ContainsFunc(suffixes, func(s string) bool { return t.node.values[base+s] != nil })
}

// Placeholders are the names that an event's title and body may hold in braces, such as {service}.
var Placeholders = []string{"service", "name", "phone", "reference", "notes", "resource"}

// template returns a text in which every brace belongs to a known placeholder.
func (t *table) template(key, def string) string {
	s := t.str(key, def)
	rest := s
	for {
		i := strings.IndexAny(rest, "{}")
		if i < 0 {
			return s
		}
		name, after, closed := strings.Cut(rest[i+1:], "}")
		if rest[i] == '}' || !closed || strings.Contains(name, "{") {
			t.bad(key, "has a brace without its partner: write placeholders as {service}")
			return def
		}
		if !slices.Contains(Placeholders, name) {
			t.bad(key, "has an unknown placeholder {%s}%s", name, suggest(closest(name, Placeholders)))
		}
		rest = after
	}
}

func quoted(words []string, sep string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = strconv.Quote(w)
	}
	return strings.Join(out, sep)
}
