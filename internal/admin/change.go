package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/internal/desk"
	"slotd/store"
)

// CancelBooking is a wish to cancel a booking.
type CancelBooking struct {
	Reason string `json:"reason"`
	// Told says that the customer knows.
	Told bool `json:"told,omitempty"`
	// Force overrides the notice of the service.
	Force bool `json:"force,omitempty"`
}

// MoveBooking is a wish to move a booking.
type MoveBooking struct {
	// To is the new start: wall time of the business's zone such as 2026-12-01T10:30, or with an offset, as RFC 3339 or
	// without its seconds. Empty: the time stays.
	To       string `json:"to,omitempty"`
	Resource string `json:"resource,omitempty"` // empty: that of the booking
	Reason   string `json:"reason,omitempty"`
	Told     bool   `json:"told,omitempty"`
	// Force overrides notice, hours, grid and horizon.
	Force bool `json:"force,omitempty"`
}

// BookingChange is a booking after a command.
type BookingChange struct {
	// Changed is false when there was nothing to do: the booking is as the command wants it. Why says so.
	Changed bool          `json:"changed"`
	Why     string        `json:"why,omitempty"`
	Booking BookingDetail `json:"booking"`
}

// maxReason bounds a reason, in characters: it is kept in the booking's history.
const maxReason = 300

// act is what staff do by the command line.
func act(reason string, told bool) (booking.Act, error) {
	reason = strings.TrimSpace(reason)
	oneLine := utf8.ValidString(reason) && !strings.ContainsFunc(reason, unicode.IsControl)
	if !oneLine || utf8.RuneCountInString(reason) > maxReason {
		return booking.Act{}, badRequest{fmt.Errorf("the reason must be one line of at most %d characters", maxReason)}
	}
	return booking.Act{By: booking.ByOperator, Why: reason, Told: told}, nil
}

// booking returns a booking by its id or reference.
func (a *api) booking(ctx context.Context, id string) (BookingDetail, error) {
	b, _, err := a.cfg.Desk.Booking(ctx, id)
	if err != nil {
		return BookingDetail{}, a.explain(id, nil, err)
	}
	var out BookingDetail
	err = a.cfg.Store.View(ctx, func(r *store.Reader) (err error) {
		out, err = a.detail(r, b)
		return err
	})
	if err != nil {
		err = a.explain(id, b, err)
	}
	return out, err
}

// changed answers a command. idle says why there was nothing to do, "" when there was.
func (a *api) changed(
	ctx context.Context, id string, b *booking.Booking, err error, idle string,
) (BookingChange, error) {
	if err != nil && idle == "" {
		return BookingChange{}, a.explain(id, b, err)
	}
	d, err := a.booking(ctx, id)
	return BookingChange{Changed: idle == "", Why: idle, Booking: d}, err
}

func (a *api) cancelBooking(r *http.Request, in CancelBooking) (BookingChange, error) {
	ctx, id := r.Context(), r.PathValue("id")
	by, err := act(in.Reason, in.Told)
	if err == nil && by.Why == "" {
		err = badRequest{errors.New("a cancel needs a reason: it is kept in the booking's history")}
	}
	if err != nil {
		return BookingChange{}, err
	}
	_, err = a.cfg.Desk.Cancel(ctx, desk.Cancel{Act: by, Booking: id, Force: in.Force})
	if errors.Is(err, booking.ErrCancelled) {
		return a.changed(ctx, id, nil, nil, "it was cancelled before")
	}
	return a.changed(ctx, id, a.look(ctx, id, err), err, "")
}

// look returns the booking that an error is about; nil when there is none, or no error.
func (a *api) look(ctx context.Context, id string, err error) *booking.Booking {
	if err == nil {
		return nil
	}
	b, _, err := a.cfg.Desk.Booking(ctx, id)
	if err != nil {
		return nil
	}
	return b
}

func (a *api) moveBooking(r *http.Request, in MoveBooking) (BookingChange, error) {
	ctx, id := r.Context(), r.PathValue("id")
	by, err := act(in.Reason, in.Told)
	if err != nil {
		return BookingChange{}, err
	}
	m := desk.Move{Act: by, Booking: id, Resource: in.Resource, Force: in.Force}
	switch {
	case in.To != "":
		if m.Start, err = a.start(in.To); err != nil {
			return BookingChange{}, err
		}
	case in.Resource == "":
		return BookingChange{}, badRequest{errors.New("a move needs a time to move to, or a resource")}
	default:
		b, _, err := a.cfg.Desk.Booking(ctx, id)
		if err != nil {
			return BookingChange{}, a.explain(id, nil, err)
		}
		m.Start = b.Start
	}
	_, err = a.cfg.Desk.Move(ctx, m)
	if errors.Is(err, desk.ErrNothing) {
		return a.changed(ctx, id, nil, nil, "it is there already")
	}
	b := a.look(ctx, id, err)
	var lost *desk.LostError
	var unknown *desk.UnknownError
	switch {
	case b == nil:
	case errors.As(err, &lost):
		return BookingChange{}, a.lost(ctx, b, m, lost.Reason)
	case errors.As(err, &unknown):
		return BookingChange{}, a.unknown(b, m.Resource, unknown)
	}
	return a.changed(ctx, id, b, err, "")
}

func (a *api) retryBooking(r *http.Request, _ struct{}) (BookingChange, error) {
	ctx, id := r.Context(), r.PathValue("id")
	_, err := a.cfg.Desk.Retry(ctx, id, booking.Act{By: booking.ByOperator})
	if errors.Is(err, desk.ErrNothing) {
		return a.changed(ctx, id, nil, nil, "none of its events is set aside or missing")
	}
	return a.changed(ctx, id, nil, err, "")
}

func (a *api) toldBooking(r *http.Request, _ struct{}) (BookingChange, error) {
	ctx, id := r.Context(), r.PathValue("id")
	_, err := a.cfg.Desk.Told(ctx, id, booking.Act{By: booking.ByOperator, Told: true})
	if errors.Is(err, desk.ErrNothing) {
		return a.changed(ctx, id, nil, nil, "there is nothing that the customer has not been told")
	}
	return a.changed(ctx, id, nil, err, "")
}

// explain makes an error one that tells an operator what to do. What is none of their doing goes to the log.
func (a *api) explain(id string, b *booking.Booking, err error) error {
	var notice *desk.NoticeError
	name := id
	if b != nil {
		name = b.Reference
	}
	switch {
	case errors.Is(err, desk.ErrNoBooking):
		return fmt.Errorf("there is no booking %.40q: 'slotd bookings list' shows those to come, with --from earlier ones", id)
	case errors.As(err, &notice):
		return fmt.Errorf("%s can be %s until %s before its start; that is past. --force overrides it",
			name, notice.Doing, lengthText(notice.Notice))
	case errors.Is(err, booking.ErrCancelled):
		return fmt.Errorf("%s is cancelled; only a new booking can take its place", name)
	case errors.Is(err, booking.ErrPast):
		return fmt.Errorf("the appointment of %s has begun or is over: what is past is not changed", name)
	case errors.Is(err, store.ErrUncertain):
		a.cfg.Log.Error("admin request failed", "error", err)
		return fmt.Errorf("the disk failed, and nobody knows whether that is on it: 'slotd bookings show %s' tells", name)
	case errors.Is(err, store.ErrFull), errors.Is(err, store.ErrReadOnly):
		a.cfg.Log.Error("admin request failed", "error", err)
		return errors.New("nothing was changed: the database cannot be written, 'slotd status' says why")
	}
	a.cfg.Log.Error("admin request failed", "error", err)
	return errors.New("internal error; see the log")
}

// unknown explains that a booking cannot go to a resource, or stay with its own ("") by the config of today.
func (a *api) unknown(b *booking.Booking, resource string, err *desk.UnknownError) error {
	if err.What == "service" {
		return fmt.Errorf("%s is for the service %q, which the config has no more: it can only be cancelled", b.Reference,
			b.Service)
	}
	var ids []string
	for _, r := range a.cfg.Desk.Resources("", b.Service) {
		ids = append(ids, r.ID)
	}
	resource = cmp.Or(resource, b.Resource)
	why := fmt.Sprintf("there is no resource %.40q", resource)
	if a.cfg.Desk.Resource(resource) != nil {
		why = fmt.Sprintf("%s does not offer %q now", resource, b.Service)
	}
	return badRequest{fmt.Errorf("%s; --resource can be: %s", why, strings.Join(ids, ", "))}
}

// nearby is how many other times are named when one cannot be had.
const nearby = 5

// lost explains why a booking cannot be moved to a time, and which other times are free.
func (a *api) lost(ctx context.Context, b *booking.Booking, m desk.Move, why booking.Reason) error {
	resource := cmp.Or(m.Resource, b.Resource)
	at := time.Unix(m.Start, 0).In(a.cfg.Desk.Zone())
	var text strings.Builder
	says := whyText(why, m.Force)
	if why == booking.Unknown {
		says = cmp.Or(a.beyond(ctx, resource, m.Start+b.End-b.Start+b.After), says)
	}
	_, _ = fmt.Fprintf(&text, "%s cannot be moved to %s with %s: %s", b.Reference, at.Format(whenLayout), resource, says)
	free, err := a.cfg.Desk.Destinations(ctx, b, resource, m.Start, nearby)
	if err == nil && len(free) > 0 {
		text.WriteString("\nThe nearest free times there:")
		for _, s := range free {
			text.WriteString("\n  " + time.Unix(s, 0).In(a.cfg.Desk.Zone()).Format(startLayout))
		}
	}
	past := m.Start <= a.cfg.Now().Unix()
	if !m.Force && !past && (why == booking.NotOffered || why == booking.TooFar || why == booking.TooSoon || why == booking.Capped) {
		text.WriteString("\n--force overrides hours, grid, notice, horizon and caps, not what is busy.")
	}
	return errors.New(text.String())
}

// How times are written: for people, and as they can be typed.
const (
	whenLayout  = "Mon 2006-01-02 15:04"
	startLayout = "2006-01-02T15:04"
)

// whyText says to staff why a time cannot be had.
func whyText(why booking.Reason, force bool) string {
	switch why {
	case booking.NotOffered:
		return "the service cannot begin then by the opening hours and the grid of start times"
	case booking.TooSoon:
		if force {
			return "that is past"
		}
		return "that is past, or nearer than the minimum notice"
	case booking.TooFar:
		return "that is beyond the booking horizon"
	case booking.Unknown:
		return "its calendar is not known well enough for that time ('slotd status' says why)"
	case booking.Busy:
		return "somebody's event is there"
	case booking.Claimed:
		return "another booking or a customer's choice has that time"
	case booking.Free:
	}
	return why.String()
}

// beyond says how far the calendars of a resource are known, when that is not as far as an instant; "" when it is.
func (a *api) beyond(ctx context.Context, resource string, until int64) string {
	r := a.cfg.Desk.Resource(resource)
	if r == nil {
		return ""
	}
	reach := until
	err := a.cfg.Store.View(ctx, func(rd *store.Reader) error {
		for _, c := range r.Blocks {
			mirror, found, err := rd.Mirror(c)
			if err != nil {
				return err
			}
			if found {
				reach = min(reach, mirror.Window.End)
			}
		}
		return nil
	})
	if err != nil || reach >= until {
		return ""
	}
	return "its calendar is not known that far: the mirror reaches to " +
		time.Unix(reach, 0).In(a.cfg.Desk.Zone()).Format(whenLayout)
}

// start reads a time that an operator typed.
func (a *api) start(text string) (int64, error) {
	for _, layout := range []string{time.RFC3339, startLayout + "Z07:00"} {
		if t, err := time.Parse(layout, strings.Replace(text, " ", "T", 1)); err == nil {
			return t.Unix(), nil
		}
	}
	t, err := time.Parse(startLayout, strings.Replace(text, " ", "T", 1))
	if err != nil {
		return 0, badRequest{fmt.Errorf("%.40q is no time: write it as 2026-12-01T10:30, in the zone %s, or with an offset as "+
			"2026-12-01T10:30+01:00", text, a.cfg.Desk.Zone())}
	}
	y, m, d := t.Date()
	zone, date := a.cfg.Desk.Zone(), calendar.Date{Year: y, Month: m, Day: d}
	first, last, exists := calendar.Wall(date, t.Hour()*60+t.Minute(), zone)
	switch {
	case !exists:
		return 0, badRequest{fmt.Errorf("%s does not exist in %s: clocks go forward over it", text, zone)}
	case first != last:
		return 0, badRequest{fmt.Errorf("%s is twice in %s, because clocks go back: write %s or %s", text, zone,
			time.Unix(first, 0).In(zone).Format(time.RFC3339), time.Unix(last, 0).In(zone).Format(time.RFC3339))}
	}
	return first, nil
}

// lengthText writes a notice as the config does.
func lengthText(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= day && d%day == 0:
		return fmt.Sprintf("%dd", d/day)
	case d >= time.Hour && d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dm", d/time.Minute)
}
