package admin

import (
	"context"
	"net/http"
	"time"
)

// CheckStatus is the outcome of a check.
type CheckStatus string

// The outcomes of a check.
const (
	CheckOK      CheckStatus = "ok"
	CheckWarning CheckStatus = "warning"
	CheckFailed  CheckStatus = "failed"
	// CheckSkipped: it could not be made, and Text says why.
	CheckSkipped CheckStatus = "not checked"
)

// Check is one line of "slotd doctor". It names no customer and holds no secret.
type Check struct {
	Name   string      `json:"name"`
	Status CheckStatus `json:"status"`
	Text   string      `json:"text"`
}

// doctorWithin bounds all checks of one examination; each has a bound of its own beside it.
const doctorWithin = 45 * time.Second

func (a *api) doctor(w http.ResponseWriter, r *http.Request) {
	takeTime(http.NewResponseController(w), 2*doctorWithin)
	serve(a, func(r *http.Request) ([]Check, error) {
		ctx, cancel := context.WithTimeout(r.Context(), doctorWithin)
		defer cancel()
		return a.cfg.Doctor(ctx), nil
	})(w, r)
}
