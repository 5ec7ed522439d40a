package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"slotd/internal/calendar"
	"slotd/internal/desk"
)

// Forgotten is what was erased of a person, and what was not. It names nobody.
type Forgotten struct {
	// Bookings counts those that do not say any more who they were for, Visits the flow tokens that do not, and Notices
	// what another system will not be told any more.
	Bookings int `json:"bookings"`
	Visits   int `json:"visits"`
	Notices  int `json:"notices"`
	// Rewritten counts the events whose text names nobody any more. Waiting are still to be written or removed, and Failed
	// needs a person.
	Rewritten int         `json:"rewritten"`
	Waiting   []EventText `json:"waiting,omitempty"`
	Failed    []EventText `json:"failed,omitempty"`
	// Backups is the directory of the scheduled copies, "" when none are made, and Copies how many there are.
	Backups string `json:"backups,omitempty"`
	Copies  int    `json:"copies,omitempty"`
	// Webhook says that another system is told of bookings; it may have told of this person.
	Webhook bool `json:"webhook,omitempty"`
}

// EventText is an event that may still name the person.
type EventText struct {
	Reference string      `json:"reference"`
	Calendar  calendar.ID `json:"calendar"`
	Why       string      `json:"why,omitempty"`
}

// PersonQuery names a person, by one of its fields. It goes in a body, which no server logs.
type PersonQuery struct {
	Phone string `json:"phone,omitempty"`
	// Booking is the id or the reference of one booking.
	Booking string `json:"booking,omitempty"`
}

// Forget erases a person: all that is known under a phone number, or who one booking was for. Its errors are sentences
// for the operator and do not hold the number.
type Forget func(ctx context.Context, who PersonQuery) (Forgotten, error)

func forgetRoute(mux *http.ServeMux, forget Forget) {
	if forget == nil {
		return
	}
	mux.HandleFunc("POST /api/bookings/forget", tell(func(r *http.Request, in PersonQuery) (Forgotten, error) {
		if in.Phone != "" && in.Booking != "" {
			return Forgotten{}, badRequest{errors.New("name a phone number or a booking, not both")}
		}
		done, err := forget(r.Context(), in)
		switch {
		case errors.Is(err, desk.ErrPhone):
			err = badRequest{err}
		case errors.Is(err, desk.ErrNoBooking): // what was typed may be a number
			err = fmt.Errorf("%w: 'slotd bookings list --from' shows earlier ones", err)
		}
		return done, err
	}))
}
