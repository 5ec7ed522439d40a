package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"slotd/internal/account"
	"slotd/internal/admin"
	"slotd/internal/booking"
	"slotd/store"
	"slotd/syncer"
)

// outboxStuck is the age from which a mark says that something is wrong: a write takes seconds.
const outboxStuck = 5 * time.Minute

// problem is something that needs a person. The key stays the same as long as it is the same problem, whatever its
// text; without a key it is logged where it arises.
type problem struct{ key, text string }

// ready says why the endpoint cannot answer well: nothing can be booked without a calendar that was read, nor while
// nothing can be written down.
func (p *parts) ready() error {
	if err := p.host.health.storage.refuses(); err != nil {
		return fmt.Errorf("bookings cannot be stored: %s", refusal(err))
	}
	if p.store.Restoring() != nil {
		return errors.New("the database was restored, and the calendars have not all been compared with it; see slotd status")
	}
	read := false
	for _, m := range p.syncer.Status() {
		if p.desk.Fresh(m.Calendar) {
			return nil
		}
		read = read || !m.Checked.IsZero()
	}
	if read {
		return errors.New("no calendar was confirmed by its provider lately; see slotd status")
	}
	return errors.New("no calendar has been read yet")
}

// status gathers the state of the daemon.
func (p *parts) status(ctx context.Context) (admin.Status, error) {
	s, problems, err := p.survey(ctx)
	if err != nil {
		return s, err
	}
	err = p.store.View(ctx, func(r *store.Reader) error { return p.attention(r, &s, s.Now) })
	for _, problem := range problems {
		s.Problems = append(s.Problems, problem.text)
	}
	for _, a := range s.Attention {
		s.Problems = append(s.Problems, a.Problem())
	}
	return s, err
}

// survey gathers all but the bookings, and what is wrong with it. It is cheap enough to be made each minute.
func (p *parts) survey(ctx context.Context) (s admin.Status, problems []problem, err error) {
	now := time.Now()
	s = admin.Status{Version: p.o.Version, Started: p.started.UTC(), Now: now.UTC(), Problems: []string{}}
	add := func(key, format string, args ...any) {
		problems = append(problems, problem{key, fmt.Sprintf(format, args...)})
	}
	if text := p.host.problem(); text != "" {
		add("config", "%s", text)
	}
	p.ground(&s, add)
	s.Restoring = p.restoring(add)
	p.host.found(add)
	for _, a := range p.accounts {
		st := a.Status()
		cfg, _ := p.cfg.Account(a.Name())
		row := admin.Account{Name: a.Name(), Provider: cfg.Provider, State: string(st.State), Reason: st.Reason}
		if !st.Expiry.IsZero() {
			expiry := st.Expiry.UTC()
			row.Expires = &expiry
		}
		s.Accounts = append(s.Accounts, row)
		if st.State == account.StateNeedsPerson {
			add("", "account %s needs a person: %s", a.Name(), st.Reason)
		}
	}
	s.Accounts = append(s.Accounts, p.feedRows()...)
	s.Channels = p.channelRows(add)
	err = p.store.View(ctx, func(r *store.Reader) error {
		for _, m := range p.syncer.Status() {
			c, err := p.calendarStatus(r, m, now)
			if err != nil {
				return err
			}
			s.Calendars = append(s.Calendars, c)
			if c.Odd > 0 {
				add("odd "+string(c.ID), "calendar %s has %d events whose times make no sense; they block what they may, until "+
					"somebody corrects them", c.ID, c.Odd)
			}
			if !c.Fresh && (s.Restoring == nil || c.Checked == nil || c.Error != "") {
				add("calendar "+string(c.ID), "%s", staleText(c, s.Restoring))
			}
		}
		return errors.Join(p.outbox(r, &s, add), p.webhookStatus(r, &s, add))
	})
	return s, problems, err
}

type adder func(key, format string, args ...any)

// ground is the state of what slotd stands on: the disk, the clock, the copies.
func (p *parts) ground(s *admin.Status, add adder) {
	p.host.health.storage.look()
	s.Storage, s.Clocks, s.Backup = p.host.health.storage.status(), p.host.health.clocks.list(), p.host.health.backups.status(s.Now)
	if s.Storage.Refuses != "" {
		add("storage", "nothing can be booked: commits fail since %s: %s",
			s.Storage.RefusesSince.Format(time.RFC3339), s.Storage.Refuses)
	}
	if s.Storage.Total > 0 && s.Storage.Free < freeTold {
		add("disk", "the disk of %s is full: %s left", s.Storage.Path, bytesText(s.Storage.Free))
	}
	for _, c := range s.Clocks {
		if d := c.Ahead(); d.Abs() > skewTold {
			add("clock "+c.Host, "%s", skewText(c.Host, d))
		}
	}
	if text := p.host.health.retention.trouble(); text != "" {
		add("retention", "%s", text)
	}
	if p.host.health.clocks.wrong() {
		add("clock", "nothing can be booked: the clock of this host is wrong by more than %s", clockWrong)
	}
	if text := backupTrouble(s.Backup, s.Now, p.started); text != "" {
		add("backup", "%s", text)
	}
}

// skewText says how far the clock is off.
func skewText(host string, ahead time.Duration) string {
	where := "ahead of"
	if ahead < 0 {
		where = "behind"
	}
	return fmt.Sprintf("the clock of this host is %s %s that of %s: set it, and keep it by NTP",
		ahead.Abs().Round(time.Second), where, host)
}

// backupTrouble says what is wrong with the scheduled copies, "" when nothing is. A daemon that has just started makes
// the one that was missed first.
func backupTrouble(b *admin.Backup, now, started time.Time) string {
	switch {
	case b == nil:
	case b.Error != "":
		return fmt.Sprintf("the scheduled backup failed at %s: %s", b.Failed.Format(time.RFC3339), b.Error)
	case now.Sub(started) < 2*copyWithin:
	case b.Last == nil:
		return "there is no backup in " + b.Directory
	case now.Sub(*b.Last) > backupStale:
		return fmt.Sprintf("the newest backup in %s is %s old", b.Directory, now.Sub(*b.Last).Round(time.Minute))
	}
	return ""
}

func (p *parts) calendarStatus(r *store.Reader, m syncer.Status, now time.Time) (admin.Calendar, error) {
	c := admin.Calendar{
		ID: m.Calendar, Label: admin.CalendarLabel(p.store.ID(), m.Calendar), Failures: m.Failures, Odd: m.Odd,
		FreeDays: m.FreeDays,
	}
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

// staleText says why a calendar is not fresh. While a restored database is compared with the calendars, none is.
func staleText(c admin.Calendar, restoring *admin.Restoring) string {
	why := "was never read; its resources offer nothing"
	age := time.Duration(c.AgeS * float64(time.Second)).Round(time.Second)
	switch {
	case c.Checked != nil && restoring != nil:
		why = fmt.Sprintf("was last confirmed %s ago, but the database was restored and is being compared with the calendars; "+
			"nothing can be booked until that is done", age)
	case c.Checked != nil:
		why = fmt.Sprintf("was last confirmed %s ago; its resources are hidden", age)
	}
	if c.Error != "" {
		why += " (" + c.Error + ")"
	}
	return fmt.Sprintf("calendar %s %s", c.ID, why)
}

const outboxShown = 10_000

func (p *parts) outbox(r *store.Reader, s *admin.Status, add adder) error {
	due, err := r.DueMarks(outboxShown)
	if err != nil {
		return err
	}
	for _, d := range due {
		m, found, err := r.Mark(d.OutboxID)
		switch {
		case err != nil:
			return err
		case !found: // the index is only a hint
		case m.Looked && m.Attempts == 0:
			s.Outbox.Watched++
		default:
			s.Outbox.Waiting++
			if s.Outbox.Oldest == nil || m.Since.Before(*s.Outbox.Oldest) {
				since := m.Since
				s.Outbox.Oldest = &since
			}
		}
	}
	if s.Outbox.Oldest != nil {
		if age := s.Now.Sub(*s.Outbox.Oldest); age > outboxStuck {
			add("outbox", "the outbox is stuck: %d waiting, the oldest for %s", s.Outbox.Waiting, age.Round(time.Second))
		}
	}
	for cal, w := range p.syncer.WriteErrors() {
		text := fmt.Sprintf("writing to %s fails: %v", cal, w.Error)
		s.Outbox.Errors = append(s.Outbox.Errors, text)
		add("writing "+string(cal), "%s", text)
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
		if need, why := b.Need(now); why != "" {
			one := admin.Attended(b, need, why)
			one.Start = one.Start.In(p.desk.Zone())
			s.Attention = append(s.Attention, one)
		}
		for _, pl := range b.Placements {
			if pl.Status == booking.Stuck && b.End > now.Unix() {
				s.Outbox.SetAside++
			}
		}
	}
	slices.SortStableFunc(s.Attention, func(a, b admin.Attention) int { return a.Start.Compare(b.Start) })
	return nil
}
