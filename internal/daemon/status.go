package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"slotd/internal/account"
	"slotd/internal/admin"
	"slotd/store"
	"slotd/syncer"
)

// ready says why the endpoint cannot answer well: as long as no calendar was ever read there is nothing to offer.
func (p *parts) ready() error {
	for _, m := range p.syncer.Status() {
		if !m.Checked.IsZero() {
			return nil
		}
	}
	return errors.New("no calendar has been read yet")
}

// status gathers the state of the daemon.
func (p *parts) status(ctx context.Context) (admin.Status, error) {
	now := time.Now()
	s := admin.Status{Version: p.o.Version, Started: p.started.UTC(), Now: now.UTC(), Problems: []string{}}
	for _, a := range p.accounts {
		st := a.Status()
		cfg, _ := p.cfg.Account(a.Name())
		s.Accounts = append(s.Accounts, admin.Account{
			Name: a.Name(), Provider: cfg.Provider, State: string(st.State), Reason: st.Reason,
		})
		if st.State == account.StateNeedsPerson {
			s.Problems = append(s.Problems, fmt.Sprintf("account %s needs a person: %s", a.Name(), st.Reason))
		}
	}
	err := p.store.View(ctx, func(r *store.Reader) error {
		for _, m := range p.syncer.Status() {
			c, err := p.calendarStatus(r, m, now)
			if err != nil {
				return err
			}
			s.Calendars = append(s.Calendars, c)
			if !c.Fresh {
				s.Problems = append(s.Problems, p.staleText(c))
			}
		}
		if err := p.outbox(r, &s); err != nil {
			return err
		}
		return p.attention(r, &s, now)
	})
	return s, err
}

func (p *parts) calendarStatus(r *store.Reader, m syncer.Status, now time.Time) (admin.Calendar, error) {
	c := admin.Calendar{ID: m.Calendar, Failures: m.Failures}
	if m.Error != nil {
		c.Error = m.Error.Error()
	}
	mirror, found, err := r.Mirror(m.Calendar)
	if err != nil {
		return c, err
	}
	if found {
		from, until := mirror.Window.StartTime(), mirror.Window.EndTime()
		c.From, c.Until, c.Events = &from, &until, mirror.Events
	}
	if !m.Checked.IsZero() {
		at := m.Checked.UTC()
		c.Checked, c.AgeS = &at, now.Sub(at).Seconds()
		c.Fresh = found && p.desk.Fresh(m.Calendar)
	}
	return c, nil
}

func (p *parts) staleText(c admin.Calendar) string {
	why := "was never read; its resources offer nothing"
	if c.Checked != nil {
		why = fmt.Sprintf("was last confirmed %s ago; its resources are hidden",
			time.Duration(c.AgeS*float64(time.Second)).Round(time.Second))
	}
	if c.Error != "" {
		why += " (" + c.Error + ")"
	}
	return fmt.Sprintf("calendar %s %s", c.ID, why)
}

const outboxShown = 10_000

func (p *parts) outbox(r *store.Reader, s *admin.Status) error {
	due, err := r.DueMarks(outboxShown)
	if err != nil {
		return err
	}
	s.Outbox.Waiting = len(due)
	for _, d := range due {
		m, found, err := r.Mark(d.OutboxID)
		if err != nil {
			return err
		}
		if found && (s.Outbox.Oldest == nil || m.Since.Before(*s.Outbox.Oldest)) {
			since := m.Since
			s.Outbox.Oldest = &since
		}
	}
	for cal, w := range p.syncer.WriteErrors() {
		text := fmt.Sprintf("writing to %s fails: %v", cal, w.Error)
		s.Outbox.Errors = append(s.Outbox.Errors, text)
		s.Problems = append(s.Problems, text)
	}
	return nil
}

// attention lists the coming bookings that need a person.
func (p *parts) attention(r *store.Reader, s *admin.Status, now time.Time) error {
	ids, err := r.BookingIDs(now.AddDate(0, 0, -1), now.AddDate(10, 0, 0), outboxShown)
	if err != nil {
		return err
	}
	for _, id := range ids {
		b, err := r.Booking(id)
		if err != nil {
			return err
		}
		if b == nil {
			continue // the index is only a hint
		}
		if why := b.NeedsPerson(now); why != "" {
			s.Attention = append(s.Attention, admin.Attention{
				Booking: id, Reference: b.Reference, Start: b.StartTime(), Why: why,
			})
			s.Problems = append(s.Problems, fmt.Sprintf("booking %s needs a person: %s", b.Reference, why))
		}
	}
	return nil
}
