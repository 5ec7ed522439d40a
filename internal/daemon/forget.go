package daemon

import (
	"context"
	"time"

	"slotd/internal/admin"
	"slotd/internal/desk"
)

// How long a forget waits for the texts of events, and how often it looks.
const (
	rewriteWithin = 15 * time.Second
	rewriteLook   = 250 * time.Millisecond
)

// forget implements admin.Forget. It erases, then waits a while for the calendars.
func (p *parts) forget(ctx context.Context, who admin.PersonQuery) (admin.Forgotten, error) {
	erase, named := p.desk.Forget, who.Phone
	if who.Booking != "" {
		erase, named = p.desk.ForgetBooking, who.Booking
	}
	done, err := erase(ctx, named)
	out := admin.Forgotten{Bookings: len(done.Bookings), Visits: done.Visits, Notices: done.Notices}
	if len(done.Bookings)+done.Visits > 0 {
		p.log.Info("a person was forgotten", "bookings", out.Bookings, "visits", out.Visits, "notices", out.Notices)
	}
	if err != nil {
		return out, err
	}
	texts, err := p.rewritten(ctx, done.Bookings)
	if err != nil {
		return out, err
	}
	out.Rewritten, out.Waiting, out.Failed = texts.Rewritten, eventTexts(texts.Waiting), eventTexts(texts.Failed)
	if s := p.host.health.backups.status(time.Now()); s != nil {
		out.Backups, out.Copies = s.Directory, s.Copies
	}
	out.Webhook = p.notifier != nil
	return out, nil
}

// rewritten waits until no event of the bookings is to be written any more, but not for ever.
func (p *parts) rewritten(ctx context.Context, ids []string) (desk.Texts, error) {
	until := time.Now().Add(rewriteWithin)
	for {
		texts, err := p.desk.Texts(ctx, ids)
		if err != nil || len(texts.Waiting) == 0 || !time.Now().Before(until) {
			return texts, err
		}
		t := time.NewTimer(rewriteLook)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return texts, ctx.Err()
		}
	}
}

func eventTexts(in []desk.Text) []admin.EventText {
	var out []admin.EventText
	for _, t := range in {
		out = append(out, admin.EventText{Reference: t.Reference, Calendar: t.Calendar, Why: t.Why})
	}
	return out
}
