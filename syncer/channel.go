package syncer

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"slotd/internal/calendar"
	"slotd/store"
)

// Watcher asks a provider to tell us of changes. Implementations are safe for concurrent use and never retry.
type Watcher interface {
	// Watch opens a channel for a calendar. After an error of kind Unclear the channel may exist; after any other it does
	// not. Messages may arrive before Watch returns.
	Watch(ctx context.Context, cal string, ch calendar.Channel) (calendar.Watched, error)
	// Unwatch ends a channel. One that has ended is no error.
	Unwatch(ctx context.Context, w calendar.Watched) error
}

// Renewer is a Watcher whose channels can be made to live longer. Where a Watcher is none, a new channel takes the place of
// the old one.
type Renewer interface {
	// Renew makes a channel live until then, or as long as the provider grants. One that is no more is an error of kind
	// Gone.
	Renew(ctx context.Context, w calendar.Watched, until time.Time) (calendar.Watched, error)
}

// Lister is a Watcher whose channels can be listed. Where a Watcher is none, a channel that we know too little of is
// waited for to expire.
type Lister interface {
	// Watching lists the channels of the account whose messages go to url.
	Watching(ctx context.Context, url string) ([]calendar.Watched, error)
}

// Bounds of the work on channels.
const (
	channelLife   = 7 * 24 * time.Hour // that is asked for; adapters know what is granted
	channelWithin = 45 * time.Second   // one call about a channel
	renewAt       = 0.8                // of a channel's life
	renewSpread   = 0.05               // of its life, by which it is renewed earlier, so that not all are at once
	lateAt        = 0.9                // of its life, from when a channel that was not renewed is worth a word
)

// channels keeps the push channels of all calendars. What is stored is also in memory, so that a message is judged
// without a look into the store.
type channels struct {
	cfg   Config
	log   *slog.Logger
	gates map[string]*gate
	pokes *pokes
	// keepers do the work, one for each account; that of "" has no account and only forgets.
	keepers map[string]*keeper

	mu        sync.Mutex // guards the fields below; never held across a call
	loaded    bool
	calendars map[calendar.ID]*watch
	byID      map[string]*channel
	suspended map[string]bool // accounts whose channels are not wanted for now
}

// watch is what is known of one calendar's channels.
type watch struct {
	id     calendar.ID
	keeper string // the name of the account that it belongs to, "" when that left the config
	wanted bool
	list   []*channel
	// dirty says that list differs from what is stored.
	dirty bool

	failures int
	err      error
	next     time.Time // when to try again after a failure
	off      bool      // the provider will never allow it
	renew    bool      // the provider asked for a renewal

	lastPush time.Time
	owed     time.Time // since when a message is missing for a change that was found otherwise; zero: none is
	silent   int       // channels in a row that told nothing
	replaced time.Time // when the last of them was replaced
}

// channel is one channel with what is not stored of it.
type channel struct {
	store.Channel
	cal    calendar.ID
	number uint64 // of the last message
}

func newChannels(cfg Config, gates map[string]*gate, nudge func(calendar.ID, bool)) *channels {
	c := &channels{
		cfg: cfg, log: cfg.Log, gates: gates, pokes: newPokes(cfg.Now, nudge), keepers: map[string]*keeper{},
		calendars: map[calendar.ID]*watch{}, byID: map[string]*channel{}, suspended: map[string]bool{},
	}
	for _, id := range cfg.Calendars {
		a := cfg.Accounts[id.Account()]
		c.calendars[id] = &watch{id: id, wanted: a.Watcher != nil && a.PushURL != ""}
		if a.Watcher != nil {
			c.calendars[id].keeper = id.Account()
		}
	}
	for name, a := range cfg.Accounts {
		if a.Watcher != nil {
			c.keepers[name] = newKeeper(c, name, a, gates[name])
		}
	}
	c.keepers[""] = newKeeper(c, "", Account{}, nil)
	return c
}

// run works until ctx ends. Channels stay: the next run goes on with them.
func (c *channels) run(ctx context.Context) {
	if !c.load(ctx) {
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() { c.pokes.run(ctx) })
	for _, k := range c.keepers {
		wg.Go(func() { k.run(ctx) })
		k.poke()
	}
	wg.Wait()
}

// load takes over the channels of earlier runs. Until it has, no message is judged.
func (c *channels) load(ctx context.Context) bool {
	c.mu.Lock()
	loaded := c.loaded
	c.mu.Unlock()
	if loaded {
		return true
	}
	for tries := 1; ; tries++ {
		var all map[calendar.ID][]store.Channel
		err := c.cfg.Store.View(ctx, func(r *store.Reader) (err error) {
			all, err = r.AllChannels()
			return err
		})
		if err == nil {
			c.adopt(all)
			return true
		}
		if ctx.Err() == nil {
			c.log.Error("channels: loading failed", "error", err)
		}
		if sleep(ctx, delay(tries, "channels")) != nil {
			return false
		}
	}
}

func (c *channels) adopt(all map[calendar.ID][]store.Channel) {
	restored := c.cfg.Store.Restoring() != nil
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.loaded {
		return
	}
	for id, list := range all {
		w := c.calendars[id]
		if w == nil {
			w = &watch{id: id}
			if c.keepers[id.Account()] != nil {
				w.keeper = id.Account()
			}
			c.calendars[id] = w
		}
		url := c.cfg.Accounts[id.Account()].PushURL
		for _, stored := range list {
			// Whether a channel exists that a crashed process asked for is not known; one that leads elsewhere is of no use; and
			// what a copy of a store says may have ended since.
			if stored.Phase == store.ChannelAsked || stored.URL != url || restored {
				w.dirty = w.dirty || stored.Phase != store.ChannelEnding
				stored.Phase = store.ChannelEnding
			}
			ch := &channel{Channel: stored, cal: id}
			w.list = append(w.list, ch)
			c.byID[ch.ID] = ch
		}
	}
	c.loaded = true
}

// Pushed judges a message of a provider and begins what it asks for. It returns at once. The secret is compared in
// constant time.
func (s *Syncer) Pushed(p calendar.Push) calendar.PushVerdict {
	c := s.channels
	verdict, cal, keeper := c.judge(p)
	if keeper != nil {
		keeper.poke()
	}
	if verdict != calendar.PushAccepted {
		return verdict
	}
	switch p.Event {
	case calendar.PushChanged:
		c.pokes.poke(cal, false)
	case calendar.PushMissed, calendar.PushRemoved, calendar.PushReauthorize:
		c.pokes.poke(cal, true) // while it was paused, changes went untold
	case calendar.PushOpened:
	}
	return verdict
}

// judge is Pushed without the nudge. A keeper that it returns has something to do.
func (c *channels) judge(p calendar.Push) (verdict calendar.PushVerdict, cal calendar.ID, k *keeper) {
	sum := sha256.Sum256([]byte(p.Secret))
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.loaded {
		return calendar.PushNotReady, "", nil
	}
	ch := c.byID[p.Channel]
	if ch == nil {
		return calendar.PushUnknown, "", nil
	}
	if subtle.ConstantTimeCompare(sum[:], ch.Secret) != 1 {
		return calendar.PushForged, "", nil
	}
	w := c.calendars[ch.cal]
	if ch.Handle == "" && p.Handle != "" { // what we never learned from an answer
		ch.Handle, w.dirty = p.Handle, true
		k = c.keepers[w.keeper]
	}
	if ch.Phase == store.ChannelEnding {
		return calendar.PushEnded, "", k
	}
	if p.Number > 0 {
		if p.Number <= ch.number {
			return calendar.PushReplayed, "", k
		}
		ch.number = p.Number
	}
	switch p.Event {
	case calendar.PushChanged:
		w.lastPush, w.owed, w.silent = c.cfg.Now(), time.Time{}, 0
	case calendar.PushRemoved:
		w.drop(c, ch)
		w.next, w.failures = time.Time{}, 0
		k = c.keepers[w.keeper]
	case calendar.PushReauthorize:
		w.renew, w.next = true, time.Time{}
		k = c.keepers[w.keeper]
	case calendar.PushOpened, calendar.PushMissed:
	}
	return calendar.PushAccepted, ch.cal, k
}

// drop forgets a channel. The caller holds the lock.
func (w *watch) drop(c *channels, ch *channel) {
	w.list = slices.DeleteFunc(w.list, func(o *channel) bool { return o == ch })
	w.dirty = true
	delete(c.byID, ch.ID)
}

// live returns the newest channel that is confirmed; nil without one. The caller holds the lock.
func (w *watch) live() *channel {
	for _, ch := range slices.Backward(w.list) {
		if ch.Phase == store.ChannelLive {
			return ch
		}
	}
	return nil
}

// CheckChannels makes all accounts look after what is due of their channels. It returns at once.
func (s *Syncer) CheckChannels() {
	for _, k := range s.channels.keepers {
		k.poke()
	}
}

// ResumeChannels makes an account ask anew for the channels that were refused, or stopped by StopChannels: somebody has
// signed in.
func (s *Syncer) ResumeChannels(account string) {
	c := s.channels
	c.mu.Lock()
	delete(c.suspended, account)
	for _, w := range c.calendars {
		if w.keeper == account {
			w.off, w.next, w.failures = false, time.Time{}, 0
		}
	}
	k := c.keepers[account]
	c.mu.Unlock()
	if k != nil {
		k.poke()
	}
}

// StopChannels ends the channels of an account, as before its sign-in is given up, and opens no more until
// ResumeChannels. What could not be ended expires by itself.
func (s *Syncer) StopChannels(ctx context.Context, account string) error {
	k := s.channels.keepers[account]
	if k == nil {
		return nil
	}
	if !s.channels.load(ctx) { // where nothing runs
		return ctx.Err()
	}
	return k.stopAll(ctx)
}

// ChannelStatus is what is known of one calendar's push channel.
type ChannelStatus struct {
	Calendar calendar.ID
	// Live says that changes are pushed, until Expires unless it is renewed before.
	Live    bool
	Expires time.Time
	// Late says that it was not renewed in time.
	Late bool
	// Why says why the calendar is polled only, or what is wrong with its channel; "" when all is well.
	Why string
	// Wrong says that Why is trouble, not a choice.
	Wrong bool
	// Alarm says that it is trouble which does not pass by itself, or has lasted.
	Alarm bool
	// Wanted says that there should be a channel: it is not where the provider allows none.
	Wanted bool
	// Left counts the further channels that are still to be ended.
	Left int
}

// Channels returns the status of the channel of every mirrored calendar, sorted by calendar.
func (s *Syncer) Channels() []ChannelStatus {
	c := s.channels
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]ChannelStatus, 0, len(c.cfg.Calendars))
	for _, id := range slices.Compact(slices.Sorted(slices.Values(c.cfg.Calendars))) {
		out = append(out, c.status(c.calendars[id]))
	}
	return out
}

// lastingFailures in a row are worth the attention of a person.
const lastingFailures = 5

// status describes one calendar. The caller holds the lock.
func (c *channels) status(w *watch) ChannelStatus {
	now := c.cfg.Now()
	st := ChannelStatus{Calendar: w.id}
	for _, ch := range w.list {
		if ch.Phase == store.ChannelEnding {
			st.Left++
		}
	}
	a := c.cfg.Accounts[w.keeper]
	if live := w.live(); live != nil && now.Before(live.Expires) {
		st.Live, st.Expires = true, live.Expires
		life := live.Expires.Sub(live.Asked)
		st.Late = now.After(live.Asked.Add(time.Duration(lateAt * float64(life))))
	}
	st.Wanted = w.wanted && !w.off && !c.suspended[w.keeper]
	lasting := !st.Live && w.failures >= lastingFailures
	// That an account needs a person is said of the account.
	st.Alarm = st.Wanted && (st.Late || w.silent > 0 || lasting) && calendar.KindOf(w.err) != calendar.NeedsPerson
	switch {
	case a.Watcher == nil:
		st.Why = "its provider pushes nothing"
	case a.PushURL == "":
		st.Why = a.PushOff
	case c.suspended[w.keeper]:
		st.Why = "the account was disconnected"
	case w.off:
		st.Why, st.Wrong = fmt.Sprintf("the provider allows no push for it: %v", w.err), true
	case w.err != nil:
		st.Why, st.Wrong = w.err.Error(), true
	case w.silent > 0:
		st.Why, st.Wrong = "the calendar changed and no message came: is "+a.PushURL+" reachable from the internet?", true
	case !st.Live:
		st.Why = "a channel is being asked for"
	}
	return st
}

// silentAfter is how long a message may take that tells of a change. Graph names three minutes as the longest.
const silentAfter = 10 * time.Minute

// found says that a look which no message caused found a change: a message should come, or have come.
func (c *channels) found(id calendar.ID, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.calendars[id]
	live := w.live()
	if live == nil || at.Sub(live.Asked) < silentAfter || at.Sub(w.lastPush) < silentAfter || !w.owed.IsZero() {
		return
	}
	w.owed = at
}
