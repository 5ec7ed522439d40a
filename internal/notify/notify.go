// Package notify tells another system, such as a CRM, what happens to bookings: a signed POST for each notice that
// the store holds, by the convention of Standard Webhooks (https://www.standardwebhooks.com).
//
// A notice is removed after the receiver has said 2xx, so each is delivered at least once: a crash between the answer
// and its record delivers it again, under the same id. What is delivered is made of the booking as it is at that
// moment; see docs/webhooks.md for what a receiver can rely on.
package notify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"slotd/internal/booking"
	"slotd/store"
)

// Bounds of the delivery.
const (
	// GiveUp is the age from which a notice whose delivery fails is set aside.
	GiveUp = 72 * time.Hour
	// callWithin bounds one call, from the connection to the answer.
	callWithin = 10 * time.Second
	// parallel is how many calls run at a time.
	parallel = 4
	// atOnce is how many notices one round takes up, the oldest first, before it looks again.
	atOnce = 100
	page   = 500
	idle   = time.Minute // longest wait between two rounds

	firstDelay   = 5 * time.Second
	longestDelay = time.Hour
	// furthest is more than any time for which a notice is put off, the day that a receiver may ask for included. What is
	// due later was put off while the clock was ahead.
	furthest = 25 * time.Hour
)

// Config is what New needs. All fields but HTTP and Now are required.
type Config struct {
	Store *store.Store
	// URL is where to POST. It is never logged: part of it may be a secret.
	URL string
	// Keys sign, each by itself, so that a receiver can change its key; see [ParseKey].
	Keys [][]byte
	// Zone is that of the times that are told.
	Zone *time.Location
	// Service, Resource and Department return the title of an id, "" when it is not known any more.
	Service, Resource, Department func(id string) string
	Log                           *slog.Logger
	// HTTP makes the calls; nil means http.DefaultTransport. It follows no redirect, whatever it says.
	HTTP *http.Client
	Now  func() time.Time
}

// Notifier delivers notices. All methods may be called concurrently; Run once.
type Notifier struct {
	cfg  Config
	http http.Client
	wake chan struct{}

	mu   sync.Mutex // guards what follows; never held across a call
	gone bool       // the receiver wants no more
	rest time.Time  // no call before: the receiver asked for it
}

// New returns a notifier that delivers nothing until Run.
func New(cfg Config) (*Notifier, error) {
	if cfg.Store == nil || cfg.URL == "" || len(cfg.Keys) == 0 || cfg.Zone == nil || cfg.Log == nil {
		return nil, errors.New("notify: Store, URL, Keys, Zone and Log are required")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	n := &Notifier{cfg: cfg, wake: make(chan struct{}, 1)}
	if cfg.HTTP != nil {
		n.http = *cfg.HTTP
	}
	// A redirect would carry a customer's name to where nobody has decided that it may go.
	n.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return n, nil
}

// Wake says that there may be something new. It never blocks.
func (n *Notifier) Wake() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// Gone reports whether the receiver has answered that it wants no more (410). Nothing is delivered then until
// [Notifier.Retry], or until another notifier takes over after a reload or a restart.
func (n *Notifier) Gone() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.gone
}

// Retry takes up again what the receiver has refused: it may have been mended.
func (n *Notifier) Retry() {
	n.mu.Lock()
	n.gone, n.rest = false, time.Time{}
	n.mu.Unlock()
	n.Wake()
}

// Run delivers until ctx ends, and returns when no call runs any more. A call that is broken off is made again, by
// whoever runs next.
func (n *Notifier) Run(ctx context.Context) {
	for ctx.Err() == nil {
		wait, err := n.round(ctx)
		if err != nil && ctx.Err() == nil {
			n.cfg.Log.Error("webhook: reading or writing notices failed", "error", err)
			wait = firstDelay
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-n.wake:
		case <-ctx.Done():
		}
		t.Stop()
	}
}

// round delivers what is due, and returns how long until more can be.
func (n *Notifier) round(ctx context.Context) (wait time.Duration, err error) {
	if n.Gone() {
		return idle, nil
	}
	now := n.cfg.Now()
	n.mu.Lock()
	rest := n.rest
	n.mu.Unlock()
	if left := rest.Sub(now); left > 0 {
		return min(left, idle), nil
	}
	due, wait, err := n.due(ctx, now)
	if err != nil {
		return wait, err
	}
	if len(due) == 0 {
		return wait, nil
	}
	return 0, n.deliverAll(ctx, due[:min(len(due), atOnce)]) // and look again at once
}

// due returns the notices that can be delivered now, the longest due first: of each booking its oldest, because a
// later one waits until that is delivered or set aside. wait is how long until the next of the others is due.
func (n *Notifier) due(ctx context.Context, now time.Time) (due []store.Notice, wait time.Duration, err error) {
	first := map[string]store.Notice{}
	for after, end := "", false; !end; {
		err := n.cfg.Store.View(ctx, func(r *store.Reader) error {
			all, err := r.Notices(after, page)
			for _, notice := range all {
				after = notice.ID
				other, waits := first[notice.Booking]
				switch {
				case notice.Aside:
				case !waits, notice.Version < other.Version: // the latter when the clock was set back
					first[notice.Booking] = notice
				}
			}
			end = len(all) < page
			return err
		})
		if err != nil {
			return nil, 0, err
		}
	}
	wait = idle
	for _, notice := range first {
		if left := notice.Next.Sub(now); left > 0 && left <= furthest {
			wait = min(wait, left)
			continue
		}
		due = append(due, notice)
	}
	slices.SortFunc(due, func(a, b store.Notice) int { return cmp.Or(a.Next.Compare(b.Next), cmp.Compare(a.ID, b.ID)) })
	return due, wait, nil
}

// deliverAll delivers notices of different bookings, some at a time.
func (n *Notifier) deliverAll(ctx context.Context, due []store.Notice) error {
	work := make(chan store.Notice)
	errs := make([]error, parallel)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			for notice := range work {
				if err := n.deliver(ctx, notice); err != nil {
					errs[i] = err
				}
			}
		})
	}
	for _, notice := range due {
		work <- notice
	}
	close(work)
	wg.Wait()
	return errors.Join(errs...)
}

// paused reports whether no call is to be made now.
func (n *Notifier) paused() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.gone || n.cfg.Now().Before(n.rest)
}

// deliver makes one call and records what became of it. The error is one of the store.
func (n *Notifier) deliver(ctx context.Context, notice store.Notice) error {
	if ended(ctx) || n.paused() {
		return nil
	}
	if stands, err := n.stands(ctx, notice.ID); err != nil || !stands {
		return err
	}
	log := n.cfg.Log.With("notice", notice.ID, "booking", notice.Booking, "event", EventName(notice.What))
	body, err := n.body(ctx, notice)
	if err != nil {
		return err
	}
	if body == nil {
		log.Warn("webhook: the booking does not exist any more, so there is nothing to tell of it")
		return n.drop(ctx, notice.ID)
	}
	reply := n.call(ctx, notice.ID, body)
	switch {
	case ended(ctx):
		return nil // broken off; the notice stands
	case reply.ok:
		log.Info("webhook: delivered", "attempts", notice.Attempts+1)
		return n.drop(ctx, notice.ID)
	case reply.gone:
		n.mu.Lock()
		n.gone = true
		n.mu.Unlock()
		log.Error("webhook: the receiver answered 410, that it wants no more; nothing is delivered until a reload or a restart")
	case reply.after > 0:
		n.mu.Lock()
		n.rest = n.cfg.Now().Add(min(reply.after, longestDelay))
		n.mu.Unlock()
	}
	return n.failed(ctx, log, notice, reply)
}

// stands reports whether a notice still waits. It asks in an Update: after a commit with an unknown outcome a View can show
// what is not on disk yet, and nobody may be told of such a booking.
func (n *Notifier) stands(ctx context.Context, id string) (found bool, err error) {
	err = n.cfg.Store.Update(ctx, func(tx *store.Tx) (err error) {
		_, found, err = tx.Notice(id)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("look for a notice: %w", err)
	}
	return found, nil
}

// ended reports whether we stop. That is no error.
func ended(ctx context.Context) bool { return ctx.Err() != nil }

// failed postpones a notice, or sets it aside when it has become too old.
func (n *Notifier) failed(ctx context.Context, log *slog.Logger, notice store.Notice, reply reply) error {
	now := n.cfg.Now()
	notice.Attempts++
	notice.LastError = reply.why
	notice.Next = now.Add(max(Delay(notice.Attempts, notice.ID), reply.after))
	notice.Aside = !reply.gone && now.Sub(notice.At) >= GiveUp
	if notice.Aside {
		log.Error("webhook: given up, a person must look", "attempts", notice.Attempts, "why", reply.why)
	} else {
		log.Warn("webhook: not delivered, will be tried again", "attempts", notice.Attempts, "why", reply.why)
	}
	err := n.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		_, found, err := tx.Notice(notice.ID)
		if err == nil && found {
			tx.PutNotice(notice)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("postpone a notice: %w", err)
	}
	return nil
}

func (n *Notifier) drop(ctx context.Context, id string) error {
	err := n.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		tx.DeleteNotice(id)
		return nil
	})
	if err != nil {
		return fmt.Errorf("remove a notice: %w", err)
	}
	return nil
}

// Delay returns how long to wait after the nth attempt, counted from 1, of the notice with an id. It is a pure
// function, so that a restart goes on where it was; the id spreads the work of one outage.
func Delay(attempts int, id string) time.Duration {
	d := longestDelay
	if attempts <= 5 { // 5 s, 20 s, 80 s, 5 min, 21 min
		d = firstDelay << (2 * max(attempts-1, 0))
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	spread := float64(h.Sum32()%1000) / 1000 // [0, 1)
	return time.Duration(float64(d) * (0.8 + 0.2*spread))
}

// EventName returns the type of the webhook that tells of a kind of change.
func EventName(what booking.What) string { return "booking." + string(what) }
