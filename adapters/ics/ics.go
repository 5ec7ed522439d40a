// Package ics reads iCalendar feeds (RFC 5545), from a URL or a file, as calendars that can only be read: what the
// other systems of a business export. It is a syncer.Source without a sink.
//
// The package promises that a feed never makes time free by being wrong. A reply that is no whole calendar (a page of
// HTML, an empty body, one that breaks off) is an error. An event that cannot be understood keeps more time busy than
// it needs, and is reported by kind and count:
//
//   - without a start that can be read: the whole window
//   - without an end that can be read, or with one before its start: a day
//   - in a zone that nobody knows: from 14 hours before its start to 12 hours after its end, for any offset from UTC
//   - with a recurrence that cannot be expanded: from its first start to the end of the window
//   - at a wall time that clocks skip or repeat: all of its possible instants
//
// Properties without meaning for time, titles among them, are dropped while the text is read. Recurrence is expanded by
// github.com/teambition/rrule-go in wall time, so that zones and their changes stay ours. The text is read by this
// package: the libraries at hand (arran4/golang-ical v0.3.4, emersion/go-ical) refuse a whole feed for one broken
// line in somebody's notes, or panic at it.
//
// Nothing here retries. Errors hold no address, path or title.
package ics

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"slotd/internal/calendar"
)

const (
	defaultMaxBytes = 8 << 20
	defaultTimeout  = 20 * time.Second
)

// Options says which feeds a [Client] reads and how.
type Options struct {
	// Feeds by the name that stands for the calendar id.
	Feeds map[string]Feed
	// Zone is that of dates, and of times without a zone, where neither the feed's entry nor its text says one. Nil: UTC.
	Zone *time.Location
	// AllDayBusy reports whether an all-day event of this feed blocks even when it is marked as free. Nil: never.
	AllDayBusy func(feed string) bool
	// MaxBytes is how long a feed may be, after decompression; 0 is 8 MiB. Timeout is how long one call may take, download
	// and expansion; 0 is 20 s.
	MaxBytes int64
	Timeout  time.Duration
	// AllowPrivate lets URLs, redirects included, lead to addresses that are not public: this machine, its networks.
	// Networks lets them lead to these ones only.
	AllowPrivate bool
	Networks     []netip.Prefix
	// Transport replaces the one that checks addresses when it dials. It checks nothing itself: for tests in memory.
	Transport http.RoundTripper
	// Report is told after each read what was odd about the feed, as far as the window goes, sorted by kind; nothing when
	// all was well. Nil: nobody is. It is called concurrently and must be quick.
	Report func(feed string, window calendar.Interval, odd []Oddity)
}

// Feed is where one calendar comes from. One of URL, Address and File is set.
type Feed struct {
	// URL is http, https, webcal or webcals; the last two are fetched by https. It may hold a secret and is never printed.
	URL string
	// Address returns the URL, anew for each request, where it is kept as a secret. What its error says is not repeated.
	Address func() (string, error)
	// File is the path of a regular file.
	File string
	// Auth adds credentials to a request before it is sent, such as by SetBasicAuth. Nil: none. What it adds is not
	// sent to another host by a redirect.
	Auth func(*http.Request) error
	// Zone is that of dates and of times without a zone, whatever the feed says. Nil: the feed's own (X-WR-TIMEZONE),
	// otherwise Options.Zone.
	Zone *time.Location
}

// Oddity is something in a feed that a person may want to correct at its source.
type Oddity struct {
	// Kind is one of the constants below.
	Kind string
	// Count is how many of the feed's components showed it.
	Count int
}

// The kinds of [Oddity].
const (
	NoEvents       = "no events"                   // the feed is well-formed and empty
	NoStart        = "no usable start"             // the whole window is kept busy
	NoEnd          = "no usable end"               // a day is kept busy
	EndBeforeStart = "end before start"            // likewise
	NoLength       = "no end and no duration"      // RFC 5545 §3.6.1: such an event takes no time
	VeryLong       = "longer than a year"          // kept busy as it is
	UnknownZone    = "unknown time zone"           // kept busy in every zone there is
	BadRecurrence  = "recurrence not understood"   // kept busy from its start on
	TooFrequent    = "recurrence too frequent"     // likewise
	BadException   = "exception not understood"    // the occurrence stays busy
	SharedUID      = "several series with one UID" // exceptions remove nothing, because nobody knows of which
	BadPeriod      = "free/busy not understood"    // the whole window is kept busy
	Contradiction  = "contradictory properties"    // the busier one counts
)

// Kinds returns all kinds of [Oddity].
func Kinds() []string {
	return []string{NoEvents, NoStart, NoEnd, EndBeforeStart, NoLength, VeryLong, UnknownZone, BadRecurrence, TooFrequent,
		BadException, SharedUID, BadPeriod, Contradiction}
}

// Client reads the feeds of one account. All methods may be called concurrently.
type Client struct {
	opt  Options
	http *http.Client // without the redirect policy, which depends on the feed
}

// New returns a client. It makes no request and opens no file.
func New(opt Options) (*Client, error) {
	if opt.MaxBytes <= 0 {
		opt.MaxBytes = defaultMaxBytes
	}
	if opt.Timeout <= 0 {
		opt.Timeout = defaultTimeout
	}
	if opt.Zone == nil {
		opt.Zone = time.UTC
	}
	if opt.AllDayBusy == nil {
		opt.AllDayBusy = func(string) bool { return false }
	}
	if opt.Report == nil {
		opt.Report = func(string, calendar.Interval, []Oddity) {}
	}
	opt.Feeds = maps.Clone(opt.Feeds)
	for name, f := range opt.Feeds {
		if err := f.check(); err != nil {
			return nil, fmt.Errorf("ics feed %q: %w", name, err)
		}
	}
	transport := opt.Transport
	if transport == nil {
		transport = newTransport(guard{all: opt.AllowPrivate, networks: slices.Clone(opt.Networks)}, opt.Timeout)
	}
	return &Client{opt: opt, http: &http.Client{Transport: transport}}, nil
}

func (f Feed) check() error {
	given := 0
	for _, set := range []bool{f.URL != "", f.Address != nil, f.File != ""} {
		if set {
			given++
		}
	}
	switch {
	case given != 1:
		return errors.New("needs either url or file")
	case f.URL == "":
		return nil
	}
	_, err := f.address()
	return err
}

// address returns the URL to fetch. Its errors do not quote it.
func (f Feed) address() (*url.URL, error) {
	text := f.URL
	if f.Address != nil {
		var err error
		if text, err = f.Address(); err != nil {
			return nil, errors.New("the secret with the url cannot be read")
		}
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return nil, errors.New("the url cannot be read")
	}
	switch u.Scheme {
	case "webcal", "webcals":
		u.Scheme = "https"
	case "http", "https":
	default:
		return nil, errors.New("the url must begin with https://, http:// or webcal://")
	}
	return u, nil
}

// Calendars lists the configured feeds, sorted by name. It makes no request.
func (c *Client) Calendars(context.Context) ([]calendar.Info, error) {
	var out []calendar.Info
	for _, name := range slices.Sorted(maps.Keys(c.opt.Feeds)) {
		info := calendar.Info{ID: name, Name: name}
		if z := c.opt.Feeds[name].Zone; z != nil {
			info.Zone = z.String()
		}
		out = append(out, info)
	}
	return out, nil
}

// Changed says whether the feed means anything else than when the cursor was given out. The request is conditional
// where the server serves validators; otherwise the feed is read, and only what counts for busy time is compared:
// many servers stamp every reply anew. The window does not matter.
func (c *Client) Changed(ctx context.Context, cal string, _ calendar.Interval, cursor calendar.Cursor) (
	calendar.Change, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opt.Timeout)
	defer cancel()
	seen := readCursor(cursor)
	got, err := c.load(ctx, "look for changes", cal, seen)
	if err != nil {
		return calendar.Change{}, err
	}
	if got.same {
		return calendar.Change{Cursor: cursor}, nil
	}
	return calendar.Change{Changed: got.version.digest != seen.digest, Cursor: got.version.cursor()}, nil
}

// Read returns every event of the feed that overlaps window, occurrences expanded, with the busy rules applied. It
// always downloads the whole feed: a server whose validators are wrong is found out here.
func (c *Client) Read(ctx context.Context, cal string, window calendar.Interval) (calendar.Snapshot, error) {
	const op = "read window"
	ctx, cancel := context.WithTimeout(ctx, c.opt.Timeout)
	defer cancel()
	got, err := c.load(ctx, op, cal, version{})
	if err != nil {
		return calendar.Snapshot{}, err
	}
	odd := oddities{}
	x := expansion{
		window: window, odd: odd, allDayBusy: c.opt.AllDayBusy(cal),
		zones: newZones(got.feed, c.opt.Feeds[cal].Zone, c.opt.Zone, window, odd),
	}
	events, err := x.events(ctx, got.feed)
	if err != nil {
		return calendar.Snapshot{}, contentError(op, err)
	}
	var told []Oddity
	for _, kind := range slices.Sorted(maps.Keys(odd)) {
		told = append(told, Oddity{Kind: kind, Count: odd[kind]})
	}
	c.opt.Report(cal, window, told)
	return calendar.Snapshot{Window: window, Events: events, Pages: 1}, nil
}

// Find implements syncer.Source. A feed never holds an event of ours, so it has no answer: the error is of kind Refused.
func (c *Client) Find(context.Context, string, calendar.Wanted) (calendar.Written, error) {
	return calendar.Written{}, &calendar.Error{Kind: calendar.Refused, Op: "find event", Reason: "readOnlyFeed"}
}

// oddities counts them by kind during one read.
type oddities map[string]int

func (o oddities) add(kind string) { o[kind]++ }
