package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"slotd/internal/config"
	"slotd/internal/notify"
	"slotd/store"
)

// noticeLate is the age from which a notice that waits says that something is wrong: a delivery takes seconds.
const noticeLate = 15 * time.Minute

// makeNotifier makes what tells another system of bookings, if the config names one.
func (p *parts) makeNotifier() error {
	keys, err := webhookKeys(p.cfg)
	if err != nil || len(keys) == 0 {
		return err
	}
	p.notifier, err = notify.New(notify.Config{
		Store: p.store, URL: p.cfg.Webhook.URL, Keys: keys, Zone: p.cfg.Business.Zone, Log: p.log, HTTP: p.o.plain,
		Service: func(id string) string {
			if s := p.desk.Service(id); s != nil {
				return s.Title
			}
			return ""
		},
		Resource: func(id string) string {
			if r := p.desk.Resource(id); r != nil {
				return r.Title
			}
			return ""
		},
		Department: func(id string) string {
			if d := p.desk.Department(id); d != nil {
				return d.Title
			}
			return ""
		},
	})
	return err
}

// webhookKeys returns the keys that sign, none where nobody is told.
func webhookKeys(cfg *config.Config) (keys [][]byte, err error) {
	var faults []error
	for _, s := range cfg.Webhook.Secrets {
		secret, err := s.Read()
		if err != nil {
			faults = append(faults, fmt.Errorf("[webhook] secret: %w", err))
			continue
		}
		key, err := notify.ParseKey(secret)
		if err != nil {
			faults = append(faults, fmt.Errorf("the webhook's secret (%s) %w", s, err))
		}
		keys = append(keys, key)
	}
	return keys, errors.Join(faults...)
}

// webhook says whether what signs the webhook can be used. Nobody is called: a receiver may take every call in
// earnest.
func (f *findings) webhook(cfg *config.Config) {
	switch keys, err := webhookKeys(cfg); {
	case err != nil:
		f.fail("webhook", "%v", err)
	case len(keys) > 0:
		f.ok("webhook", "signed by %d key(s)", len(keys))
	}
}

// startNotifier begins with the first start of parts, so that a config that is refused changes nothing. Between the
// parts of two configs the notices of the first go on being written.
func (p *parts) startNotifier(ctx context.Context) {
	if p.notifier == nil {
		p.store.SetNotices(nil, nil)
		return
	}
	p.store.SetNotices(p.cfg.Webhook.Events, p.notifier.Wake)
	p.run.syncer.Go(func() { p.notifier.Run(ctx) })
}

const noticePage = 500

// eachNotice calls fn with the notices, page by page, until it says that it has enough.
func eachNotice(r *store.Reader, fn func(store.Notice) (more bool)) error {
	after := ""
	for {
		all, err := r.Notices(after, noticePage)
		if err != nil {
			return err
		}
		for _, n := range all {
			if after = n.ID; !fn(n) {
				return nil
			}
		}
		if len(all) < noticePage {
			return nil
		}
	}
}

// notices changes the notices for the commands. It implements admin.Notices.
type notices struct{ *parts }

var errNobodyTold = errors.New("the config has no [webhook]: nobody is told of bookings")

// Retry implements admin.Notices.
func (n notices) Retry(ctx context.Context) (int, error) {
	if n.notifier == nil {
		return 0, errNobodyTold
	}
	done, err := n.change(ctx, func(store.Notice) bool { return true }, func(tx *store.Tx, notice store.Notice) {
		notice.Aside, notice.Attempts, notice.Next = false, 0, time.Time{}
		tx.PutNotice(notice)
	})
	n.notifier.Retry()
	return done, err
}

// Drop implements admin.Notices. Without a receiver nothing will be delivered, so all go.
func (n notices) Drop(ctx context.Context) (int, error) {
	return n.change(ctx, func(notice store.Notice) bool { return notice.Aside || n.notifier == nil },
		func(tx *store.Tx, notice store.Notice) { tx.DeleteNotice(notice.ID) })
}

// change does something to the notices that are chosen, one Update each, and counts them.
func (n notices) change(
	ctx context.Context, chosen func(store.Notice) bool, do func(*store.Tx, store.Notice),
) (done int, err error) {
	var ids []string
	err = n.store.View(ctx, func(r *store.Reader) error {
		return eachNotice(r, func(notice store.Notice) bool {
			if chosen(notice) {
				ids = append(ids, notice.ID)
			}
			return true
		})
	})
	if err != nil {
		return 0, fmt.Errorf("read the notices: %w", err)
	}
	for _, id := range ids {
		err := n.store.Update(ctx, func(tx *store.Tx) error {
			notice, found, err := tx.Notice(id)
			if err == nil && found && chosen(notice) {
				do(tx, notice)
			}
			return err
		})
		if err != nil {
			return done, fmt.Errorf("change a notice: %w", err)
		}
		done++
	}
	return done, nil
}
