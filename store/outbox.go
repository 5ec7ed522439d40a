package store

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"slotd/internal/booking"
)

// OutboxID names a placement: a booking and the index of the placement in it.
type OutboxID struct {
	Booking   string
	Placement int
}

func (id OutboxID) String() string { return fmt.Sprintf("%s/%d", id.Booking, id.Placement) }

// Mark says that a placement's wanted state is ahead of its calendar. It is written in the transaction that changes the
// wanted state and cleared in the one that records that the provider is level with it.
type Mark struct {
	OutboxID
	// Attempts counts the calls that were made for this mark.
	Attempts int
	// Unclear says that a call began whose outcome is not recorded: it may have reached the provider.
	Unclear bool
	// Looked says that an event that should be gone was looked for and not found, although a call to make it may still be on
	// its way.
	Looked bool
	// Since is when the mark was first set, Next when the next attempt is due.
	Since, Next time.Time
	// LastError is the kind of the last error, from a closed set; empty before the first.
	LastError string
}

type markRecord struct {
	V         int       `json:"v"`
	Attempts  int       `json:"attempts,omitempty"`
	Unclear   bool      `json:"unclear,omitempty"`
	Looked    bool      `json:"looked,omitempty"`
	Since     time.Time `json:"since"`
	Next      time.Time `json:"next"`
	LastError string    `json:"last_error,omitempty"`
}

func (r *markRecord) version() int { return r.V }

// Mark returns a placement's outbox mark; found is false when the provider is level with us.
func (g getter) Mark(id OutboxID) (m Mark, found bool, err error) {
	var r markRecord
	if found, err = g.record(keyOutbox(id), &r); err != nil || !found {
		return m, found, err
	}
	return Mark{
		OutboxID: id, Attempts: r.Attempts, Unclear: r.Unclear, Looked: r.Looked, Since: r.Since, Next: r.Next,
		LastError: r.LastError,
	}, true, nil
}

// PutMark writes a mark and its due key. old is the mark that it replaces, nil when there is none.
func (t *Tx) PutMark(old *Mark, m Mark) {
	if old != nil {
		t.tx.Delete(dueKeyOf(*old))
	}
	t.put(keyOutbox(m.OutboxID), markRecord{
		V: recordVersion, Attempts: m.Attempts, Unclear: m.Unclear, Looked: m.Looked, Since: m.Since.UTC(),
		Next: m.Next.UTC(), LastError: m.LastError,
	})
	t.tx.Put(dueKeyOf(m), []byte{})
}

// markNow sets the mark of a pending placement, due at once. One that is there keeps what it knows of a call whose outcome is
// not recorded. was is the booking before the change, nil for a new one.
func (t *Tx) markNow(was, b *booking.Booking, placement int, now time.Time) error {
	next := Mark{OutboxID: OutboxID{b.ID, placement}, Since: now, Next: now}
	if was == nil || placement >= len(was.Placements) {
		t.PutMark(nil, next)
		return nil
	}
	old, found, err := t.Mark(next.OutboxID)
	if err != nil {
		return err
	}
	if !found {
		// A placement without an event and without a mark was given up: a call may have arrived all the same.
		next.Unclear = b.Placements[placement].Event.ID == ""
		t.PutMark(nil, next)
		return nil
	}
	next.Since, next.Unclear = old.Since, old.Unclear
	t.PutMark(&old, next)
	return nil
}

// DeleteMark removes a mark and its due key.
func (t *Tx) DeleteMark(m Mark) {
	t.tx.Delete(keyOutbox(m.OutboxID))
	t.tx.Delete(dueKeyOf(m))
}

// Due is an entry of the index of what must be done when.
type Due struct {
	OutboxID
	At time.Time // the mark's Next without its fraction of a second
}

// DueMarks returns the marks in the order in which they are due, at most limit. The index is a hint: read the mark.
func (r *Reader) DueMarks(limit int) ([]Due, error) {
	var out []Due
	for item, err := range r.scan(prefixDue, "") {
		if err != nil {
			return nil, err
		}
		parts := strings.Split(strings.TrimPrefix(item.Key, prefixDue), "/")
		if len(parts) != 4 || parts[1] != dueOutbox {
			continue
		}
		unix, err1 := strconv.ParseInt(parts[0], 10, 64)
		placement, err2 := strconv.Atoi(parts[3])
		if err1 != nil || err2 != nil {
			return nil, fmt.Errorf("read due: %w", errCorrupt)
		}
		if len(out) == limit {
			break
		}
		out = append(out, Due{OutboxID: OutboxID{parts[2], placement}, At: time.Unix(unix, 0)})
	}
	return out, nil
}

// dueKeyOf drops the fraction of a second: a mark may come up that much early, and one that is due now does not wait.
func dueKeyOf(m Mark) string { return keyDue(m.Next.Unix(), dueOutbox, m.OutboxID.String()) }
