package syncer

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"slices"
	"time"

	"slotd/internal/calendar"
	"slotd/store"
)

// keeper looks after the channels of one account, one call after the other. No other account waits for it.
type keeper struct {
	*channels
	name    string
	account Account
	gate    *gate
	wake    chan struct{} // one slot
	turn    chan struct{} // one slot: full while somebody works
	cleaned time.Time     // when leftovers were looked for; zero: they are to be
}

func newKeeper(c *channels, name string, a Account, g *gate) *keeper {
	return &keeper{
		channels: c, name: name, account: a, gate: g, wake: make(chan struct{}, 1), turn: make(chan struct{}, 1),
	}
}

func (k *keeper) poke() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

func (k *keeper) run(ctx context.Context) {
	for {
		select {
		case <-k.wake:
		case <-ctx.Done():
			return
		}
		select {
		case k.turn <- struct{}{}:
		case <-ctx.Done():
			return
		}
		k.tend(ctx)
		<-k.turn
	}
}

// tend does what is due for each calendar of the account.
func (k *keeper) tend(ctx context.Context) {
	if now := k.cfg.Now(); k.account.PushURL != "" && now.Sub(k.cleaned) >= cleanEvery && k.clean(ctx) {
		k.cleaned = now
	}
	for _, w := range k.mine() {
		if ctx.Err() != nil {
			return
		}
		if worked, err := k.keep(ctx, w); worked {
			k.note(ctx, w, err)
		}
	}
}

// mine returns the calendars of the account in a steady order.
func (k *keeper) mine() []*watch {
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []*watch
	for _, w := range k.calendars {
		if w.keeper == k.name {
			out = append(out, w)
		}
	}
	slices.SortFunc(out, func(a, b *watch) int {
		if a.id < b.id {
			return -1
		}
		return 1
	})
	return out
}

// step is what is due for a calendar.
type step struct {
	wait  bool               // something failed lately
	end   []calendar.Watched // channels to end
	renew *calendar.Watched  // a channel to make live longer
	ask   bool
}

// keep does what is due for a calendar. It reports whether it was time to.
func (k *keeper) keep(ctx context.Context, w *watch) (worked bool, err error) {
	next := k.plan(w)
	err = k.save(ctx, w)
	if err != nil || next.wait {
		return err != nil, err // nothing is asked for that could not be remembered
	}
	if next.renew != nil {
		err = k.extend(ctx, w, *next.renew)
		next.ask = calendar.KindOf(err) == calendar.Gone && err != nil
	}
	if next.ask {
		err = k.ask(ctx, w)
		next.end = k.plan(w).end // with the one that was replaced
	}
	for _, old := range next.end {
		err = errors.Join(err, k.end(ctx, w, old))
	}
	return true, errors.Join(err, k.save(ctx, w))
}

// plan brings the list of a calendar up to the moment and says what is due.
func (k *keeper) plan(w *watch) step {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.cfg.Now()
	wanted := w.wanted && !k.suspended[k.name]
	newest := w.live()
	for _, ch := range slices.Clone(w.list) {
		switch {
		case !now.Before(ch.Expires):
			w.drop(k.channels, ch)
		case ch.Phase == store.ChannelAsked, ch.Phase == store.ChannelLive && (!wanted || ch != newest):
			ch.Phase, w.dirty = store.ChannelEnding, true
		}
	}
	if k.account.Watcher == nil || now.Before(w.next) {
		return step{wait: true}
	}
	var next step
	for _, ch := range w.list {
		if ch.Phase == store.ChannelEnding && ch.Handle != "" {
			next.end = append(next.end, ch.watched())
		}
	}
	live := w.live()
	switch _, renews := k.account.Watcher.(Renewer); {
	case !wanted || w.off:
	case live == nil, k.isSilent(w, now):
		next.ask = true
	case now.Before(live.Renew) && !w.renew:
	case renews:
		old := live.watched()
		next.renew = &old
	default:
		next.ask = true
	}
	return next
}

// isSilent reports whether the channel of a calendar is to be replaced because it tells nothing, ever more rarely as long
// as that does not help.
func (k *keeper) isSilent(w *watch, now time.Time) bool {
	if w.owed.IsZero() || now.Sub(w.owed) < silentAfter {
		return false
	}
	w.owed = time.Time{}
	if w.silent > 0 && now.Sub(w.replaced) < min(time.Hour<<min(w.silent, 5), 24*time.Hour) {
		return false
	}
	w.silent++
	w.replaced = now
	k.log.Warn("channels: a channel tells nothing, another takes its place", "calendar", string(w.id))
	return true
}

func (ch *channel) watched() calendar.Watched {
	return calendar.Watched{ID: ch.ID, Handle: ch.Handle, Expires: ch.Expires}
}

// ask opens a new channel in the place of the one that is there. It is stored before the provider hears of it: the first
// message may be faster than the answer, and after a crash nobody else would know of it.
func (k *keeper) ask(ctx context.Context, w *watch) error {
	var random [32]byte
	_, _ = rand.Read(random[:]) // crypto/rand.Read never fails
	secret := base64.RawURLEncoding.EncodeToString(random[:])
	sum := sha256.Sum256([]byte(secret))
	now := k.cfg.Now()
	ch := &channel{cal: w.id, Channel: store.Channel{
		ID: store.NewID(), Secret: sum[:], URL: k.account.PushURL, Phase: store.ChannelAsked, Asked: now,
		Expires: now.Add(channelLife),
	}}
	k.mu.Lock()
	old := w.live()
	w.list, w.dirty = append(w.list, ch), true
	k.byID[ch.ID] = ch
	k.mu.Unlock()
	err := k.save(ctx, w)
	if err != nil {
		k.forget(w, ch)
		return err
	}
	var got calendar.Watched
	err = k.call(ctx, func(ctx context.Context) (err error) {
		got, err = k.account.Watcher.Watch(ctx, w.id.Calendar(), calendar.Channel{
			ID: ch.ID, Secret: secret, URL: k.account.PushURL, LifecycleURL: k.account.PushURL, Until: ch.Expires,
		})
		return err
	})
	switch {
	case err == nil:
		k.confirm(w, ch, old, got)
	case calendar.KindOf(err) == calendar.Unclear && !errors.Is(err, errNoRoom):
		// It may exist. Where channels can be listed it is found so; otherwise its first message tells its handle, or it expires.
		k.mu.Lock()
		ch.Phase, w.dirty = store.ChannelEnding, true
		k.mu.Unlock()
		k.cleaned = time.Time{}
	default:
		k.forget(w, ch)
	}
	return err
}

// confirm makes a channel the calendar's own and lets go the one before.
func (k *keeper) confirm(w *watch, ch, old *channel, got calendar.Watched) {
	k.mu.Lock()
	defer k.mu.Unlock()
	ch.Phase, ch.Handle = store.ChannelLive, got.Handle
	ch.lives(k.cfg.Now(), got.Expires)
	if old != nil {
		old.Phase = store.ChannelEnding
	}
	w.dirty, w.renew, w.owed = true, false, time.Time{}
}

// lives sets until when a channel lives from now on, and when it is due.
func (ch *channel) lives(now, expires time.Time) {
	ch.Asked, ch.Expires = now, expires
	part := renewAt - renewSpread*mathrand.Float64()
	ch.Renew = now.Add(time.Duration(part * float64(expires.Sub(now))))
}

// extend makes a channel live longer. One that the provider does not know any more is forgotten.
func (k *keeper) extend(ctx context.Context, w *watch, old calendar.Watched) error {
	renewer := k.account.Watcher.(Renewer) //nolint:forcetypeassert // plan has asked
	var got calendar.Watched
	err := k.call(ctx, func(ctx context.Context) (err error) {
		got, err = renewer.Renew(ctx, old, k.cfg.Now().Add(channelLife))
		return err
	})
	k.mu.Lock()
	defer k.mu.Unlock()
	ch := k.byID[old.ID]
	switch {
	case ch == nil:
	case err == nil:
		ch.lives(k.cfg.Now(), got.Expires)
		w.dirty, w.renew = true, false
	case calendar.KindOf(err) == calendar.Gone:
		w.drop(k.channels, ch)
	}
	return err
}

// end ends a channel at the provider and forgets it.
func (k *keeper) end(ctx context.Context, w *watch, old calendar.Watched) error {
	err := k.call(ctx, func(ctx context.Context) error { return k.account.Watcher.Unwatch(ctx, old) })
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if ch := k.byID[old.ID]; ch != nil {
		w.drop(k.channels, ch)
	}
	return nil
}

func (k *keeper) forget(w *watch, ch *channel) {
	k.mu.Lock()
	defer k.mu.Unlock()
	w.drop(k.channels, ch)
}

// cleanEvery is how often leftovers are looked for: a request that was given up may still take effect.
const cleanEvery = 24 * time.Hour

// clean ends the channels that lead to us and that no record knows: those of a crash between the call and its answer. It
// reports whether that is settled.
func (k *keeper) clean(ctx context.Context) bool {
	lister, ok := k.account.Watcher.(Lister)
	if !ok {
		return true
	}
	var list []calendar.Watched
	err := k.call(ctx, func(ctx context.Context) (err error) {
		list, err = lister.Watching(ctx, k.account.PushURL)
		return err
	})
	if err != nil {
		return false
	}
	known := map[string]bool{}
	k.mu.Lock()
	for _, ch := range k.byID {
		known[ch.Handle] = true
	}
	k.mu.Unlock()
	for _, left := range list {
		if known[left.Handle] {
			continue
		}
		if err := k.call(ctx, func(ctx context.Context) error { return k.account.Watcher.Unwatch(ctx, left) }); err != nil {
			return false
		}
		k.log.Info("channels: ended a leftover of an earlier run", "account", k.name)
	}
	k.settle()
	return true
}

// settle forgets the channels without a handle: a list that has been gone through holds none of them.
func (k *keeper) settle() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, w := range k.calendars {
		if w.keeper != k.name {
			continue
		}
		for _, ch := range slices.Clone(w.list) {
			if ch.Phase == store.ChannelEnding && ch.Handle == "" && ch.URL == k.account.PushURL {
				w.drop(k.channels, ch)
			}
		}
	}
}

// stopAll ends the channels of the account for as long as it is suspended.
func (k *keeper) stopAll(ctx context.Context) error {
	k.mu.Lock()
	k.suspended[k.name] = true
	k.mu.Unlock()
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	var errs []error
	for _, w := range k.mine() {
		k.mu.Lock()
		w.next = time.Time{}
		k.mu.Unlock()
		_, err := k.keep(ctx, w)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// save stores the list of a calendar if it differs from what is stored.
func (k *keeper) save(ctx context.Context, w *watch) error {
	k.mu.Lock()
	dirty := w.dirty
	w.dirty = false
	var list []store.Channel
	for _, ch := range w.list {
		list = append(list, ch.Channel)
	}
	k.mu.Unlock()
	if !dirty {
		return nil
	}
	err := k.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		tx.PutChannels(w.id, list)
		return nil
	})
	if err != nil {
		k.mu.Lock()
		w.dirty = true
		k.mu.Unlock()
		return fmt.Errorf("store the channels: %w", err)
	}
	return nil
}

// call makes one call when the account has nothing better to do.
func (k *keeper) call(ctx context.Context, call func(context.Context) error) error {
	return k.gate.doSpare(ctx, channelWithin, call)
}

// Waits after failures that trying again soon would not mend.
const (
	refusedAgain = time.Hour // an address that could not be reached, a calendar that is gone
	slowestAsk   = 6 * time.Hour
)

// note records how the work on a calendar went, and when to go on after a failure. A calendar for which the provider allows
// no channel is left alone until the daemon starts anew or somebody signs in.
func (k *keeper) note(ctx context.Context, w *watch, err error) {
	if ctx.Err() != nil {
		return
	}
	if err != nil && k.cfg.ChannelFailed != nil {
		k.cfg.ChannelFailed(k.name, calendar.KindOf(err))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	before := w.err
	if w.err = err; err == nil && w.off {
		w.err = before // the reason stays
		return
	}
	if err == nil {
		w.failures, w.next = 0, time.Time{}
		if before != nil {
			k.log.Info("channels: works again", "calendar", string(w.id))
		}
		return
	}
	w.failures++
	wait := max(delay(w.failures, string(w.id)), calendar.RetryAfter(err))
	var refusal *calendar.Error
	switch errors.As(err, &refusal); {
	case refusal == nil:
	case refusal.Kind == calendar.Refused && refusal.Status == http.StatusForbidden:
		w.off = true
	case refusal.Kind == calendar.Refused, refusal.Kind == calendar.Gone, refusal.Kind == calendar.Conflict:
		wait = max(wait, min(refusedAgain<<min(w.failures-1, 10), slowestAsk))
	}
	w.next = k.cfg.Now().Add(wait)
	if before == nil || calendar.KindOf(before) != calendar.KindOf(err) {
		k.log.Warn("channels: failed, the calendar is polled all the same", "calendar", string(w.id),
			"kind", calendar.KindOf(err).String(), "error", err)
	}
}
