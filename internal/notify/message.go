package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"slotd/internal/booking"
	"slotd/store"
)

// message is what is POSTed. Receivers parse it: fields are only ever added.
type message struct {
	Type string `json:"type"`
	// Timestamp is when it happened, as opposed to the header, which says when it was sent.
	Timestamp time.Time `json:"timestamp"`
	Data      data      `json:"data"`
}

type data struct {
	Booking   string  `json:"booking"`
	Reference string  `json:"reference"`
	Version   uint64  `json:"version"`
	Status    string  `json:"status"`
	Service   named   `json:"service"`
	Resource  named   `json:"resource"`
	Further   []named `json:"further_resources,omitempty"`
	// Department is absent where the business has none for the booking.
	Department *named   `json:"department,omitempty"`
	Start      string   `json:"start"`
	End        string   `json:"end"`
	WasStart   string   `json:"previous_start,omitempty"`
	WasEnd     string   `json:"previous_end,omitempty"`
	Conflict   bool     `json:"conflict"`
	By         string   `json:"by"`
	Why        string   `json:"why,omitempty"`
	Customer   customer `json:"customer"`
}

type named struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

type customer struct {
	Name    string            `json:"name,omitempty"`
	Phone   string            `json:"phone,omitempty"`
	Email   string            `json:"email,omitempty"`
	Notes   string            `json:"notes,omitempty"`
	Answers map[string]string `json:"answers,omitempty"`
}

// body makes the message of a notice from what is known now. It is nil when the booking does not exist any more.
func (n *Notifier) body(ctx context.Context, notice store.Notice) ([]byte, error) {
	var b *booking.Booking
	var p booking.Person
	err := n.cfg.Store.View(ctx, func(r *store.Reader) (err error) {
		if b, err = r.Booking(notice.Booking); err == nil && b != nil {
			p, err = r.Person(notice.Booking)
		}
		return err
	})
	if err != nil || b == nil {
		return nil, err
	}
	m := message{Type: EventName(notice.What), Timestamp: notice.At.UTC(), Data: n.data(b, p)}
	m.Data.By, m.Data.Why = string(notice.By), why(b, notice)
	if notice.What == booking.WasMoved {
		m.Data.WasStart, m.Data.WasEnd = n.wall(notice.Before.StartTime()), n.wall(notice.Before.EndTime())
	}
	out, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode a message: %w", err)
	}
	return out, nil
}

// data is the booking as it is now.
func (n *Notifier) data(b *booking.Booking, p booking.Person) data {
	d := data{
		Booking: b.ID, Reference: b.Reference, Version: b.Version, Status: string(b.Status),
		Service: of(b.Service, n.cfg.Service), Resource: of(b.Resource, n.cfg.Resource),
		Start: n.wall(b.StartTime()), End: n.wall(b.EndTime()), Conflict: b.Conflict(),
		Customer: customer{Name: p.Name, Phone: p.Phone, Email: p.Email, Notes: p.Notes, Answers: p.Answers},
	}
	if b.Department != "" {
		dep := of(b.Department, n.cfg.Department)
		d.Department = &dep
	}
	seen := map[string]bool{b.Resource: true}
	for _, pl := range b.Placements {
		if !pl.Dropped && !seen[pl.Resource] {
			seen[pl.Resource] = true
			d.Further = append(d.Further, of(pl.Resource, n.cfg.Resource))
		}
	}
	return d
}

// of names a thing; one that left the config has only its id.
func of(id string, title func(id string) string) named {
	out := named{ID: id, Title: title(id)}
	if out.Title == "" {
		out.Title = id
	}
	return out
}

// wall writes an instant with the offset of the business's zone.
func (n *Notifier) wall(t time.Time) string { return t.In(n.cfg.Zone).Format(time.RFC3339) }

// why returns the reason that the history gives for a change. It may be words of a person's, so the notice has no copy.
func why(b *booking.Booking, notice store.Notice) string {
	for _, c := range b.History {
		if c.What == notice.What && c.Version == notice.Version && c.At.Equal(notice.At) {
			return c.Why
		}
	}
	return ""
}
