package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"slotd/adapters/ics"
	"slotd/internal/admin"
	"slotd/internal/calendar"
	"slotd/internal/config"
	"slotd/syncer"
)

// stateFeed is the state of an account that nobody signs in to.
const stateFeed = "feed"

// feeds is an account of feeds at work.
type feeds struct {
	*ics.Client
	cfg *config.Account

	mu  sync.Mutex              // guards odd; never held across a call
	odd map[string][]ics.Oddity // by feed, what the last read found
}

// feedsOf is what the adapter needs to know of an account of feeds.
func feedsOf(a *config.Account) ics.Options {
	opt := ics.Options{
		Feeds: map[string]ics.Feed{}, Zone: a.Zone, MaxBytes: a.Feeds.MaxSize, Timeout: a.Feeds.Timeout,
		AllowPrivate: a.Feeds.AllowPrivate, Networks: a.Feeds.Networks,
		AllDayBusy: func(feed string) bool {
			return slices.ContainsFunc(a.Calendars, func(c config.AccountCalendar) bool {
				return c.ID == feed && c.AllDay == config.AllDayBusy
			})
		},
	}
	for _, c := range a.Calendars {
		f := ics.Feed{URL: c.Feed.URL, File: c.Feed.File, Zone: c.Feed.Zone}
		if c.Feed.SecretURL.Set() {
			f.Address = func() (string, error) {
				text, err := c.Feed.SecretURL.Read()
				return string(text), err
			}
		}
		if c.Feed.User != "" {
			f.Auth = func(r *http.Request) error {
				password, err := c.Feed.Password.Read()
				r.SetBasicAuth(c.Feed.User, string(password))
				return err
			}
		}
		opt.Feeds[c.ID] = f
	}
	return opt
}

// openFeeds makes an account of feeds. It has no Sink.
func (p *parts) openFeeds(a *config.Account) (syncer.Account, error) {
	f := &feeds{cfg: a, odd: map[string][]ics.Oddity{}}
	opt := feedsOf(a)
	opt.Report = func(feed string, window calendar.Interval, odd []ics.Oddity) { p.noteOdd(f, feed, window, odd) }
	var err error
	if f.Client, err = ics.New(opt); err != nil {
		return syncer.Account{}, err
	}
	p.feeds = append(p.feeds, f)
	p.commands.feeds[a.Name] = f.Client
	p.o.metrics.ExpectOddities(ics.Kinds())
	return syncer.Account{Source: f.Client, Concurrency: a.Concurrency, PerMinute: a.PerMinute}, nil
}

// noteOdd logs and counts what is odd about a feed when it appears, not each time that it is read.
func (p *parts) noteOdd(f *feeds, feed string, window calendar.Interval, odd []ics.Oddity) {
	if window.Duration() < 24*time.Hour {
		return // a look at one slot, which says little of the whole feed
	}
	f.mu.Lock()
	was := f.odd[feed]
	f.odd[feed] = odd
	f.mu.Unlock()
	log := p.log.With("calendar", f.cfg.Name+"/"+feed)
	for _, o := range odd {
		if before := countOf(was, o.Kind); o.Count != before {
			log.Warn("a feed holds something odd", "kind", o.Kind, "count", o.Count)
			p.o.metrics.Oddities(o.Kind, o.Count-before)
		}
	}
	for _, o := range was {
		if countOf(odd, o.Kind) == 0 {
			log.Info("a feed holds something odd no more", "kind", o.Kind)
		}
	}
}

func countOf(odd []ics.Oddity, kind string) int {
	for _, o := range odd {
		if o.Kind == kind {
			return o.Count
		}
	}
	return 0
}

func (f *feeds) oddities(feed string) []ics.Oddity {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.odd[feed]
}

// feedRows are the accounts of feeds in the status.
func (p *parts) feedRows() []admin.Account {
	var out []admin.Account
	for _, f := range p.feeds {
		out = append(out, feedRow(f.cfg.Name))
	}
	return out
}

func feedRow(name string) admin.Account {
	return admin.Account{Name: name, Provider: config.ICS, State: stateFeed}
}

// ErrFeeds means that an account has nothing to sign in to or to sign out of.
var ErrFeeds = errors.New("its calendars are feeds, to which nobody signs in")

func feedsError(name string) error {
	return fmt.Errorf("account %q: %w; 'slotd calendars %[1]s' lists them", name, ErrFeeds)
}

// openLocalFeeds makes an account of feeds for a command. It needs no store.
func openLocalFeeds(o Options, a *config.Account) (*LocalAccount, error) {
	client, err := ics.New(feedsOf(a))
	if err != nil {
		return nil, fmt.Errorf("account %s: %w", a.Name, err)
	}
	return &LocalAccount{accounts: accounts{cfg: o.Config, feeds: map[string]*ics.Client{a.Name: client}}}, nil
}

// feedSecrets says which secrets of feeds cannot be read.
func feedSecrets(a *config.Account) error {
	var errs []error
	for _, c := range a.Calendars {
		for what, s := range map[string]config.Secret{"url": c.Feed.SecretURL, "password": c.Feed.Password} {
			if !s.Set() {
				continue
			}
			if _, err := s.Read(); err != nil {
				errs = append(errs, fmt.Errorf("account %s: %s of %s: %w", a.Name, what, c.ID, err))
			}
		}
	}
	return errors.Join(errs...)
}

// feedChecks looks at each feed now, and says what is wrong with it.
func (p *parts) feedChecks(ctx context.Context, f *findings, s admin.Status) {
	for _, fd := range p.feeds {
		errs := make([]error, len(fd.cfg.Calendars))
		var group errgroup.Group
		group.SetLimit(max(fd.cfg.Concurrency, 1))
		for i, c := range fd.cfg.Calendars {
			group.Go(func() error {
				ctx, cancel := context.WithTimeout(ctx, checkWithin)
				defer cancel()
				_, errs[i] = fd.Changed(ctx, c.ID, calendar.Interval{}, "")
				return nil
			})
		}
		_ = group.Wait()
		f.ok("account "+fd.cfg.Name, "feeds: %d; nobody signs in", len(fd.cfg.Calendars))
		for i, c := range fd.cfg.Calendars {
			f.feed(fd, c, errs[i], s)
		}
	}
}

// feed is the finding about one feed; err is what a look at it now gave.
func (f *findings) feed(of *feeds, c config.AccountCalendar, err error, s admin.Status) {
	id := calendar.ID(of.cfg.Name + "/" + c.ID)
	name := "calendar " + string(id)
	i := slices.IndexFunc(s.Calendars, func(row admin.Calendar) bool { return row.ID == id })
	odd := of.oddities(c.ID)
	switch {
	case err != nil:
		f.fail(name, "%v%s", err, feedHint(err))
	case i >= 0 && !s.Calendars[i].Fresh:
		f.fail(name, "%s", strings.TrimPrefix(staleText(s.Calendars[i], s.Restoring), name+" "))
	case inTheClear(of.cfg, c):
		f.warn(name, "fresh, but fetched by plain http: whoever is on the way can read and change it")
	case len(odd) > 0:
		var kinds []string
		for _, o := range odd {
			kinds = append(kinds, fmt.Sprintf("%s (%d)", o.Kind, o.Count))
		}
		f.warn(name, "fresh, but holds what is odd: %s; see docs/ics.md", strings.Join(kinds, ", "))
	default:
		f.ok(name, "fresh")
	}
}

// inTheClear reports whether a secret address is one that the config itself could not hold.
func inTheClear(a *config.Account, c config.AccountCalendar) bool {
	if !c.Feed.SecretURL.Set() || a.Feeds.Private() {
		return false
	}
	text, err := c.Feed.SecretURL.Read()
	if err != nil {
		return false // the feed itself cannot be read either
	}
	u, err := url.Parse(string(text))
	return err == nil && u.Scheme == "http"
}

// feedHint says what to do about a feed that cannot be read.
func feedHint(err error) string {
	var e *calendar.Error
	if !errors.As(err, &e) {
		return ""
	}
	switch {
	case e.Reason == "notACalendar":
		return ". What came is no calendar, but perhaps a page to sign in: open the address in a private browser window"
	case e.Reason == "noSuchFile":
		return ". The file does not exist: look at what should write it"
	case e.Reason == "filePermission":
		return ". slotd's user may not read the file"
	case e.Reason == "tooLarge":
		return ". It is larger than max_size"
	case e.Kind == calendar.NeedsPerson && e.Status != 0:
		return ". The server wants another password, or the address was withdrawn"
	case e.Kind == calendar.Gone && e.Status != 0:
		return ". The address was withdrawn or is mistyped: get the present one"
	}
	return ""
}
