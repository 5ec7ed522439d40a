package admin

import (
	"context"
	"net/http"
	"time"
)

// Webhook is how far the other system is behind that is told of bookings.
type Webhook struct {
	// Configured is false when nobody is to be told any more, and yet something waits.
	Configured bool `json:"configured"`
	// Waiting counts the notices that are still to be delivered, Oldest is when what the oldest tells of happened.
	Waiting int        `json:"waiting"`
	Oldest  *time.Time `json:"oldest,omitempty"`
	// Gone says that the receiver answered that it wants no more.
	Gone bool `json:"gone,omitempty"`
	// SetAside counts the notices that were given up and wait for a person.
	SetAside int `json:"set_aside"`
	// Error is why the last try of the oldest failed.
	Error string `json:"error,omitempty"`
}

// Notices changes the notices that were given up.
type Notices interface {
	// Retry has all notices delivered again, from the first try on, and returns how many.
	Retry(ctx context.Context) (int, error)
	// Drop removes those that were given up, and returns how many.
	Drop(ctx context.Context) (int, error)
}

// Count is how many records something was done to.
type Count struct {
	Count int `json:"count"`
}

func noticeRoutes(mux *http.ServeMux, n Notices) {
	if n == nil {
		return
	}
	count := func(fn func(context.Context) (int, error)) http.HandlerFunc {
		return tell(func(r *http.Request, _ struct{}) (Count, error) {
			done, err := fn(r.Context())
			return Count{done}, err
		})
	}
	mux.HandleFunc("POST /api/webhook/retry", count(n.Retry))
	mux.HandleFunc("POST /api/webhook/drop", count(n.Drop))
}
