package store

import (
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/store/kv"
)

// The forms on disk of what people may want to read. A field is only ever added; a change of meaning raises V, and code
// that reads the old form stays. They are kept apart from the types of package booking so that those can change shape.

const recordVersion = 1

type metaRecord struct {
	V       int       `json:"v"`
	ID      string    `json:"id"`
	Created time.Time `json:"created"`
}

func (r *metaRecord) version() int { return r.V }

type mirrorRecord struct {
	V      int       `json:"v"`
	Cursor string    `json:"cursor,omitempty"`
	Start  int64     `json:"window_start"`
	End    int64     `json:"window_end"`
	ReadAt time.Time `json:"read_at"`
	Events int       `json:"events"`
}

func (r *mirrorRecord) version() int { return r.V }

type bookingRecord struct {
	V          int               `json:"v"`
	Reference  string            `json:"reference"`
	Version    uint64            `json:"version"`
	Status     string            `json:"status"`
	Service    string            `json:"service"`
	Resource   string            `json:"resource,omitempty"`
	Department string            `json:"department,omitempty"`
	Start      int64             `json:"start"`
	End        int64             `json:"end"`
	Before     int64             `json:"buffer_before,omitempty"`
	After      int64             `json:"buffer_after,omitempty"`
	Placements []placementRecord `json:"placements"`
	Created    time.Time         `json:"created"`
	Untold     string            `json:"untold,omitempty"`
	History    []changeRecord    `json:"history,omitempty"`
}

func (r *bookingRecord) version() int { return r.V }

type placementRecord struct {
	Resource string      `json:"resource"`
	Calendar string      `json:"calendar"`
	Identity string      `json:"identity"`
	Attempt  int         `json:"attempt,omitempty"`
	Status   string      `json:"status"`
	Since    time.Time   `json:"since,omitzero"`
	Reason   string      `json:"reason,omitempty"`
	Event    eventRecord `json:"event,omitzero"`
	Dropped  bool        `json:"dropped,omitempty"`
	Conflict bool        `json:"conflict,omitempty"`
	LeftFrom int64       `json:"left_start,omitempty"`
	LeftTo   int64       `json:"left_end,omitempty"`
}

type changeRecord struct {
	At       time.Time `json:"at"`
	By       string    `json:"by"`
	What     string    `json:"what"`
	Why      string    `json:"why,omitempty"`
	Version  uint64    `json:"version"`
	Start    int64     `json:"start"`
	End      int64     `json:"end"`
	Resource string    `json:"resource,omitempty"`
}

type eventRecord struct {
	ID      string `json:"id,omitempty"`
	ETag    string `json:"etag,omitempty"`
	Start   int64  `json:"start,omitempty"`
	End     int64  `json:"end,omitempty"`
	Version uint64 `json:"version,omitempty"`
}

type personRecord struct {
	V       int               `json:"v"`
	Name    string            `json:"name,omitempty"`
	Phone   string            `json:"phone,omitempty"`
	Email   string            `json:"email,omitempty"`
	Notes   string            `json:"notes,omitempty"`
	Answers map[string]string `json:"answers,omitempty"`
}

func (r *personRecord) version() int { return r.V }

func toEventRecord(w calendar.Written) eventRecord {
	return eventRecord{ID: w.ID, ETag: w.ETag, Start: w.Interval.Start, End: w.Interval.End, Version: w.Version}
}

func (r eventRecord) written() calendar.Written {
	return calendar.Written{
		ID: r.ID, ETag: r.ETag, Interval: calendar.Interval{Start: r.Start, End: r.End}, Version: r.Version,
	}
}

func toBookingRecord(b *booking.Booking) bookingRecord {
	r := bookingRecord{
		V: recordVersion, Reference: b.Reference, Version: b.Version, Status: string(b.Status), Service: b.Service,
		Resource: b.Resource, Department: b.Department, Start: b.Start, End: b.End, Before: b.Before, After: b.After,
		Created: b.Created.UTC(), Untold: string(b.Untold),
	}
	for _, p := range b.Placements {
		r.Placements = append(r.Placements, placementRecord{
			Resource: p.Resource, Calendar: string(p.Calendar), Identity: p.Identity, Attempt: p.Attempt,
			Status: string(p.Status), Since: p.Since.UTC(), Reason: p.Reason, Event: toEventRecord(p.Event),
			Dropped: p.Dropped, Conflict: p.Conflict, LeftFrom: p.Left.Start, LeftTo: p.Left.End,
		})
	}
	for _, c := range b.History {
		r.History = append(r.History, changeRecord{
			At: c.At.UTC(), By: string(c.By), What: string(c.What), Why: c.Why, Version: c.Version,
			Start: c.Interval.Start, End: c.Interval.End, Resource: c.Resource,
		})
	}
	return r
}

func (r *bookingRecord) booking(id string) *booking.Booking {
	b := &booking.Booking{
		ID: id, Reference: r.Reference, Version: r.Version, Status: booking.Status(r.Status), Service: r.Service,
		Resource: r.Resource, Department: r.Department, Interval: calendar.Interval{Start: r.Start, End: r.End},
		Before: r.Before, After: r.After, Created: r.Created, Untold: booking.What(r.Untold),
	}
	for _, p := range r.Placements {
		b.Placements = append(b.Placements, booking.Placement{
			Resource: p.Resource, Calendar: calendar.ID(p.Calendar), Identity: p.Identity, Attempt: max(p.Attempt, 1),
			Status: booking.PlacementStatus(p.Status), Since: p.Since, Reason: p.Reason, Event: p.Event.written(),
			Dropped: p.Dropped, Conflict: p.Conflict, Left: calendar.Interval{Start: p.LeftFrom, End: p.LeftTo},
		})
	}
	if b.Resource == "" && len(b.Placements) > 0 {
		b.Resource = b.Placements[0].Resource // a record of before services could need several
	}
	for _, c := range r.History {
		b.History = append(b.History, booking.Change{
			At: c.At, By: booking.Actor(c.By), What: booking.What(c.What), Why: c.Why, Version: c.Version,
			Interval: calendar.Interval{Start: c.Start, End: c.End}, Resource: c.Resource,
		})
	}
	b.Stored = len(b.History)
	return b
}

// decode reads a JSON record. It refuses one of a newer form as such, and what is no record at all.
func decode(value []byte, into any, version func() int) error {
	if err := json.Unmarshal(value, into); err != nil {
		var form struct {
			V int `json:"v"`
		}
		if json.Unmarshal(value, &form) == nil && form.V > recordVersion {
			return ErrNewer // in which a field may have become something else
		}
		return fmt.Errorf("%w: %w", errCorrupt, err)
	}
	switch v := version(); {
	case v > recordVersion:
		return ErrNewer
	case v < 1:
		return errCorrupt
	}
	return nil
}

type scanFunc func(prefix, after string) iter.Seq2[kv.Item, error]

// getter reads single records; it is what a Reader and a Tx have in common.
type getter struct {
	get func(key string) ([]byte, error)
}

// record reads the JSON record under key into r. found is false when there is none.
func (g getter) record(key string, r interface{ version() int }) (found bool, err error) {
	value, err := g.get(key)
	if err != nil || value == nil {
		return false, err
	}
	if err := decode(value, r, r.version); err != nil {
		return false, fmt.Errorf("read %s: %w", kindOf(key), err)
	}
	return true, nil
}
