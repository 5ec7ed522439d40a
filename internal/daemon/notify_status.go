package daemon

import (
	"time"

	"slotd/internal/admin"
	"slotd/internal/notify"
	"slotd/store"
)

// webhookStatus adds to the status how far the other system is behind that is told of bookings.
func (p *parts) webhookStatus(r *store.Reader, s *admin.Status, add adder) error {
	w := &admin.Webhook{Configured: p.notifier != nil, Gone: p.notifier != nil && p.notifier.Gone()}
	seen := 0
	err := eachNotice(r, func(n store.Notice) bool {
		seen++
		if n.Aside {
			w.SetAside++
			return seen < outboxShown
		}
		w.Waiting++
		if w.Oldest == nil {
			at := n.At.UTC()
			w.Oldest, w.Error = &at, n.LastError
		}
		return seen < outboxShown
	})
	if err != nil || !w.Configured && seen == 0 {
		return err
	}
	s.Webhook = w
	if !w.Configured {
		return nil
	}
	switch {
	case w.Gone:
		add("webhook", "the webhook's receiver answered 410, that it wants no more: nothing is delivered, and %d notices "+
			"wait, until 'slotd webhook retry' or a reload", w.Waiting)
	case w.Oldest != nil && s.Now.Sub(*w.Oldest) > noticeLate:
		why := w.Error
		if why == "" {
			why = "not tried yet"
		}
		add("webhook", "the webhook is behind: %d notices wait, the oldest for %s (%s)", w.Waiting,
			s.Now.Sub(*w.Oldest).Round(time.Second), why)
	}
	if w.SetAside > 0 {
		add("webhook set aside", "%d notices could not be delivered to the webhook within %s and were given up: deliver "+
			"them by 'slotd webhook retry', or give them up by 'slotd webhook drop'", w.SetAside, notify.GiveUp)
	}
	return nil
}
