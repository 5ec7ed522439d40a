package store

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
)

// Notice says that something happened to a booking that another system is to be told of. It holds no name, no phone
// number and no text of a person's: what is told is made of the booking and its person when it is told.
type Notice struct {
	// ID orders notices by time. It stays the same over all attempts.
	ID      string
	Booking string
	What    booking.What
	// Version is the booking's after the change, At and By say when and by whom it was made.
	Version uint64
	At      time.Time
	By      booking.Actor
	// Before is the booking's time before the change; empty for a new booking.
	Before calendar.Interval
	// Attempts counts the calls that failed, and Next is when the next one is due.
	Attempts int
	Next     time.Time
	// LastError is why the last call failed, in words without anything from outside; empty before the first.
	LastError string
	// Aside is set once the notice was given up; it waits for a person.
	Aside bool
}

type noticeRecord struct {
	V         int       `json:"v"`
	Booking   string    `json:"booking"`
	What      string    `json:"what"`
	Version   uint64    `json:"version"`
	At        time.Time `json:"at"`
	By        string    `json:"by"`
	From      int64     `json:"before_start,omitempty"`
	To        int64     `json:"before_end,omitempty"`
	Attempts  int       `json:"attempts,omitempty"`
	Next      time.Time `json:"next,omitzero"`
	LastError string    `json:"last_error,omitempty"`
	Aside     bool      `json:"aside,omitempty"`
}

func (r *noticeRecord) version() int { return r.V }

func (r *noticeRecord) notice(id string) Notice {
	return Notice{
		ID: id, Booking: r.Booking, What: booking.What(r.What), Version: r.Version, At: r.At, By: booking.Actor(r.By),
		Before: calendar.Interval{Start: r.From, End: r.To}, Attempts: r.Attempts, Next: r.Next, LastError: r.LastError,
		Aside: r.Aside,
	}
}

// notices is what SetNotices has set.
type notices struct {
	kinds []booking.What
	wake  func()
}

// SetNotices makes each change of a booking that is of one of the kinds leave a notice from now on; without kinds
// none does, which is how a store begins. wake is called after each commit that holds a new notice; it must not
// block.
func (s *Store) SetNotices(kinds []booking.What, wake func()) {
	if len(kinds) == 0 {
		s.notices.Store(nil)
		return
	}
	s.notices.Store(&notices{kinds: slices.Clone(kinds), wake: wake})
}

// notify writes the notice of an entry of the history of a booking, if such are wanted.
func (t *Tx) notify(b *booking.Booking, entry int) {
	c := b.History[entry]
	if t.notices == nil || !slices.Contains(t.notices.kinds, c.What) {
		return
	}
	n := Notice{
		ID: noticeID(b.ID, entry, c.At), Booking: b.ID, What: c.What, Version: c.Version, At: c.At, By: c.By,
	}
	if entry > 0 {
		n.Before = b.History[entry-1].Interval
	}
	t.noticed = true
	t.PutNotice(n)
}

// noticeID orders by time, and what happened to a booking within one transaction by its history.
func noticeID(bookingID string, entry int, at time.Time) string {
	return fmt.Sprintf("%019d-%03d-%s", max(at.UnixNano(), 0), entry, bookingID)
}

// Notice returns a notice; found is false when it is not waiting any more.
func (g getter) Notice(id string) (n Notice, found bool, err error) {
	var r noticeRecord
	if found, err = g.record(keyNotice(id), &r); err != nil || !found {
		return n, found, err
	}
	return r.notice(id), true, nil
}

// PutNotice writes a notice.
func (t *Tx) PutNotice(n Notice) {
	r := noticeRecord{
		V: recordVersion, Booking: n.Booking, What: string(n.What), Version: n.Version, At: n.At.UTC(), By: string(n.By),
		From: n.Before.Start, To: n.Before.End, Attempts: n.Attempts, LastError: n.LastError, Aside: n.Aside,
	}
	if !n.Next.IsZero() {
		r.Next = n.Next.UTC()
	}
	t.put(keyNotice(n.ID), r)
}

// DeleteNotice removes a notice.
func (t *Tx) DeleteNotice(id string) { t.tx.Delete(keyNotice(id)) }

// Notices returns the notices after the one with the id after, in order of time, at most limit.
func (r *Reader) Notices(after string, limit int) ([]Notice, error) {
	var out []Notice
	for item, err := range r.scan(prefixNotice, keyNotice(after)) {
		if err != nil {
			return nil, err
		}
		if len(out) == limit {
			break
		}
		var rec noticeRecord
		if err := decode(item.Value, &rec, rec.version); err != nil {
			return nil, fmt.Errorf("read notice: %w", err)
		}
		out = append(out, rec.notice(strings.TrimPrefix(item.Key, prefixNotice)))
	}
	return out, nil
}
