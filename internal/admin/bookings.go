package admin

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/store"
)

// Booking is a booking as it is listed to the operator. All times are in the business's zone.
type Booking struct {
	ID         string    `json:"id"`
	Reference  string    `json:"reference"`
	Status     string    `json:"status"`
	Version    uint64    `json:"version"`
	Created    time.Time `json:"created"`
	Start      time.Time `json:"start"`
	End        time.Time `json:"end"`
	Service    string    `json:"service"`
	Resource   string    `json:"resource"` // the chosen one; the service's further needs are among the placements
	Department string    `json:"department,omitempty"`
	Name       string    `json:"name,omitempty"`
	Conflict   bool      `json:"conflict,omitempty"`
	// Untold is the change that the customer has not been told of.
	Untold string `json:"untold,omitempty"`
	// Need is the kind of reason for which somebody must look at it, NeedsPerson the reason in words.
	Need        booking.Need `json:"need,omitempty"`
	NeedsPerson string       `json:"needs_person,omitempty"`
	Placements  []Placement  `json:"placements"`
}

// Placement is a booking's event in one calendar.
type Placement struct {
	Resource string      `json:"resource"`
	Calendar calendar.ID `json:"calendar"`
	Status   string      `json:"status"`
	Since    time.Time   `json:"since,omitzero"`
	Event    string      `json:"event,omitempty"`
	Reason   string      `json:"reason,omitempty"`
	Conflict bool        `json:"conflict,omitempty"`
	// Gone says that the event is to be removed, or was: the booking is cancelled or has left the resource.
	Gone bool `json:"gone,omitempty"`
	// LeftStart and LeftEnd are the time that the booking has left and the calendar may still show.
	LeftStart time.Time `json:"left_start,omitzero"`
	LeftEnd   time.Time `json:"left_end,omitzero"`
	// Attempts counts the tries of a write that is under way, and Next is when it is tried again; only in a BookingDetail.
	Attempts int       `json:"attempts,omitempty"`
	Next     time.Time `json:"next_try,omitzero"`
	Error    string    `json:"last_error,omitempty"` // the kind of the last try's error
}

// BookingDetail is all that is known of a booking. It names the customer.
type BookingDetail struct {
	Booking
	Zone    string      `json:"zone"` // IANA, of the times
	Phone   string      `json:"phone,omitempty"`
	Email   string      `json:"email,omitempty"`
	Notes   string      `json:"notes,omitempty"`
	Answers []Answer    `json:"answers,omitempty"`
	Claims  []Claim     `json:"claims"`
	History []Change    `json:"history"`
	Needs   []Attention `json:"needs"` // all reasons for which somebody must look at it, the most urgent first
	Buffers Buffers     `json:"buffers,omitzero"`
}

// Buffers are kept free of other bookings around one, in seconds.
type Buffers struct {
	Before int64 `json:"before_seconds,omitempty"`
	After  int64 `json:"after_seconds,omitempty"`
}

// Answer is what the customer answered to a question of the Flow's own.
type Answer struct {
	Question string `json:"question"`
	Answer   string `json:"answer"`
}

// Claim is time that the booking takes on a resource, buffers included.
type Claim struct {
	Resource string    `json:"resource"`
	Start    time.Time `json:"start"`
	End      time.Time `json:"end"`
	// Left: the booking has left this time and takes nothing of it; its calendar may still show it.
	Left bool `json:"left,omitempty"`
}

// Change is one entry of a booking's history.
type Change struct {
	At       time.Time `json:"at"`
	By       string    `json:"by"`
	What     string    `json:"what"`
	Why      string    `json:"why,omitempty"`
	Resource string    `json:"resource,omitempty"`
	Version  uint64    `json:"version"`
	Start    time.Time `json:"start"` // of the booking after the change
	End      time.Time `json:"end"`
}

// bookingRoutes adds the routes of the commands about bookings.
func (a *api) bookingRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/bookings", serve(a, a.bookings))
	mux.HandleFunc("GET /api/bookings/{id}", tell(func(r *http.Request, _ struct{}) (BookingDetail, error) {
		return a.booking(r.Context(), r.PathValue("id"))
	}))
	mux.HandleFunc("POST /api/bookings/{id}/cancel", tell(a.cancelBooking))
	mux.HandleFunc("POST /api/bookings/{id}/move", tell(a.moveBooking))
	mux.HandleFunc("POST /api/bookings/{id}/retry", tell(a.retryBooking))
	mux.HandleFunc("POST /api/bookings/{id}/told", tell(a.toldBooking))
}

// maxBookings bounds one list.
const maxBookings = 10_000

// query is which bookings are asked for: those that start from one instant to before another.
type query struct {
	from, until time.Time
	needy       bool
}

// readQuery reads the days from and until, in the business's zone; without them it is from yesterday on.
func (a *api) readQuery(r *http.Request) (query, error) {
	values, zone, now := r.URL.Query(), a.cfg.Desk.Zone(), a.cfg.Now()
	today := calendar.DateOf(now.Unix(), zone)
	q := query{from: today.AddDays(-1).Interval(zone).StartTime(), until: now.AddDate(10, 0, 0)}
	if s := values.Get("from"); s != "" {
		d, err := calendar.ParseDate(s)
		if err != nil {
			return q, badRequest{err}
		}
		q.from = d.Interval(zone).StartTime()
	}
	if s := values.Get("until"); s != "" {
		d, err := calendar.ParseDate(s)
		if err != nil {
			return q, badRequest{err}
		}
		q.until = d.Interval(zone).EndTime()
		if !q.until.After(q.from) {
			return q, badRequest{fmt.Errorf("the last day, %s, is before the first, %s (yesterday unless --from names another)",
				d, calendar.DateOf(q.from.Unix(), zone))}
		}
	}
	var err error
	if s := values.Get("needs_person"); s != "" {
		if q.needy, err = strconv.ParseBool(s); err != nil {
			return q, badRequest{errors.New("needs_person is true or false")}
		}
	}
	return q, nil
}

// bookings lists bookings by their start.
func (a *api) bookings(r *http.Request) ([]Booking, error) {
	q, err := a.readQuery(r)
	if err != nil {
		return nil, err
	}
	out := []Booking{}
	err = a.cfg.Store.View(r.Context(), func(r *store.Reader) error {
		ids, err := r.BookingIDs(q.from, q.until, maxBookings+1)
		switch {
		case err != nil:
			return err
		case len(ids) > maxBookings:
			return badRequest{fmt.Errorf("more than %d bookings begin then: name fewer days, with from and until", maxBookings)}
		}
		for _, id := range ids {
			b, err := r.Booking(id)
			if err != nil {
				return err
			}
			if b == nil || b.StartTime().Before(q.from) || !b.StartTime().Before(q.until) {
				continue // the index is only a hint, and goes by UTC days
			}
			p, err := r.Person(id)
			if err != nil {
				return err
			}
			if one := a.listed(b, p); !q.needy || one.Need != "" {
				out = append(out, one)
			}
		}
		return nil
	})
	slices.SortStableFunc(out, func(a, b Booking) int { return a.Start.Compare(b.Start) })
	return out, err
}

// in gives an instant in the business's zone; the zero time stays.
func (a *api) in(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.In(a.cfg.Desk.Zone())
}

func (a *api) listed(b *booking.Booking, p booking.Person) Booking {
	need, why := b.Need(a.cfg.Now())
	out := Booking{
		ID: b.ID, Reference: b.Reference, Status: string(b.Status), Version: b.Version, Created: a.in(b.Created),
		Start: a.in(b.StartTime()), End: a.in(b.EndTime()), Service: b.Service, Resource: b.Resource,
		Department: b.Department, Name: p.Name, Conflict: b.Conflict(), Untold: string(b.Untold), Need: need,
		NeedsPerson: why,
	}
	for i, pl := range b.Placements {
		one := Placement{
			Resource: pl.Resource, Calendar: pl.Calendar, Status: string(pl.Status), Since: a.in(pl.Since),
			Event: pl.Event.ID, Reason: pl.Reason, Conflict: pl.Conflict && b.Wanted(i), Gone: !b.Wanted(i),
		}
		if !pl.Left.Empty() {
			one.LeftStart, one.LeftEnd = a.in(pl.Left.StartTime()), a.in(pl.Left.EndTime())
		}
		out.Placements = append(out.Placements, one)
	}
	return out
}

// detail gathers all that is known of a booking.
func (a *api) detail(r *store.Reader, b *booking.Booking) (BookingDetail, error) {
	p, err := r.Person(b.ID)
	if err != nil {
		return BookingDetail{}, err
	}
	out := BookingDetail{
		Booking: a.listed(b, p), Zone: a.cfg.Desk.Zone().String(), Phone: p.Phone, Email: p.Email, Notes: p.Notes,
		Buffers: Buffers{b.Before, b.After}, Needs: needs(b, a.cfg.Now()), Claims: []Claim{},
	}
	for question, answer := range p.Answers {
		out.Answers = append(out.Answers, Answer{question, answer})
	}
	slices.SortFunc(out.Answers, func(a, b Answer) int { return strings.Compare(a.Question, b.Question) })
	for i := range b.Placements {
		m, found, err := r.Mark(store.OutboxID{Booking: b.ID, Placement: i})
		if err != nil {
			return out, err
		}
		if found {
			pl := &out.Placements[i]
			pl.Attempts, pl.Next, pl.Error = m.Attempts, a.in(m.Next), m.LastError
		}
	}
	for _, c := range b.History {
		out.History = append(out.History, Change{
			At: a.in(c.At), By: string(c.By), What: string(c.What), Why: c.Why, Resource: c.Resource, Version: c.Version,
			Start: a.in(c.Interval.StartTime()), End: a.in(c.Interval.EndTime()),
		})
	}
	out.Claims, err = a.claims(r, b)
	return out, err
}

// claims returns what the booking takes as the store has it, which is what others are kept from.
func (a *api) claims(r *store.Reader, b *booking.Booking) ([]Claim, error) {
	out := []Claim{}
	for _, res := range b.Resources() {
		all, err := r.Claims(res)
		if err != nil {
			return out, err
		}
		for _, c := range all {
			if c.Booking == b.ID {
				out = append(out, Claim{
					Resource: res, Start: a.in(c.Padded().StartTime()), End: a.in(c.Padded().EndTime()), Left: c.Left,
				})
			}
		}
	}
	return out, nil
}

// needs returns all reasons for which a person must look at a booking.
func needs(b *booking.Booking, now time.Time) []Attention {
	out := []Attention{}
	need, why := b.Need(now)
	if need != "" {
		out = append(out, Attended(b, need, why))
	}
	without := b.Clone()
	without.Placements = nil // what is left is what the customer does not know
	if left, why := without.Need(now); left != "" && left != need {
		out = append(out, Attended(b, left, why))
	}
	return out
}

// Attended is what somebody has to do about a booking.
func Attended(b *booking.Booking, need booking.Need, why string) Attention {
	return Attention{
		Booking: b.ID, Reference: b.Reference, Start: b.StartTime(), Need: need, Why: why, Next: Next(need, b.Reference),
	}
}

// Next says what to do about a booking that needs a person, and what to type.
func Next(need booking.Need, reference string) string {
	command := "slotd bookings "
	switch need {
	case booking.NotWritten:
		return "mend the cause, then: " + command + "retry " + reference
	case booking.NotRemoved:
		return "mend the cause or remove the event by hand, then: " + command + "retry " + reference
	case booking.EventMissing:
		return "write it again: " + command + "retry " + reference + " — or cancel: " + command + "cancel " + reference +
			" --reason TEXT"
	case booking.Overlap:
		return "move the other event, or: " + command + "move " + reference + " --to TIME"
	case booking.Nameless:
		return "find out who it is for, then: " + command + "told " + reference
	case booking.NotTold:
		return "tell the customer, then: " + command + "told " + reference
	}
	return command + "show " + reference
}
