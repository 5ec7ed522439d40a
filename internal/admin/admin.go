// Package admin is what the operator's own commands ask the running daemon: its status, its bookings and what can be
// booked. It is served on the admin address, which must never be public: answers hold the names of customers.
package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/internal/desk"
	"slotd/store"
)

// Status is the state of a running daemon. It names no customer.
type Status struct {
	Version   string     `json:"version"`
	Started   time.Time  `json:"started"`
	Now       time.Time  `json:"now"`
	Calendars []Calendar `json:"calendars"`
	Accounts  []Account  `json:"accounts"`
	Outbox    Outbox     `json:"outbox"`
	Storage   Storage    `json:"storage"`
	// Clocks compares this host's clock with that of each provider's server that answered.
	Clocks []Clock `json:"clocks,omitempty"`
	// Backup is absent when no copies are scheduled.
	Backup *Backup `json:"backup,omitempty"`
	// Channels are the push channels of the calendars.
	Channels []Channel `json:"channels,omitempty"`
	// Webhook is absent when nobody is told of bookings and nothing waits.
	Webhook *Webhook `json:"webhook,omitempty"`
	// Restoring is set while a database that was restored has not been compared with all calendars: nothing is offered.
	Restoring *Restoring `json:"restoring,omitempty"`
	// Attention are the coming bookings that need a person.
	Attention []Attention `json:"attention"`
	// Problems says in sentences what is wrong; empty when all is well.
	Problems []string `json:"problems"`
}

// Calendar is the state of one mirror.
type Calendar struct {
	ID calendar.ID `json:"id"`
	// Label is how metrics name it, see CalendarLabel.
	Label string `json:"label"`
	// Checked is when the provider last confirmed the mirror; absent when it never did.
	Checked *time.Time `json:"checked,omitempty"`
	AgeS    float64    `json:"age_seconds"`
	// Fresh reports whether the mirror is young enough to be answered from.
	Fresh    bool       `json:"fresh"`
	From     *time.Time `json:"from,omitempty"`
	Until    *time.Time `json:"until,omitempty"`
	Events   int        `json:"events"`
	Failures int        `json:"failures"`
	// Odd counts the events whose times make no sense; they block what they may, perhaps everything.
	Odd int `json:"odd_events,omitempty"`
	// FreeDays counts the coming all-day events that block nothing because they are marked as free; each occurrence of a
	// series is one.
	FreeDays int    `json:"free_all_day_events,omitempty"`
	Error    string `json:"error,omitempty"`
}

// Account is the state of one account's token.
type Account struct {
	Name     string `json:"name"`
	Provider string `json:"provider"`
	State    string `json:"state"`
	Reason   string `json:"reason,omitempty"`
	// Expires is when the access token ends, absent without one; it is renewed when it is needed.
	Expires *time.Time `json:"token_expires,omitempty"`
}

// Outbox is how far the providers are behind us.
type Outbox struct {
	Waiting int        `json:"waiting"`
	Oldest  *time.Time `json:"oldest,omitempty"`
	// Watched counts events that should be gone, were not found, and are looked for once more: a call to make them may still
	// arrive.
	Watched int `json:"watched,omitempty"`
	// SetAside counts the placements of coming bookings that cannot be written and wait for a person.
	SetAside int      `json:"set_aside"`
	Errors   []string `json:"errors,omitempty"`
}

// Storage is the database and the disk that it lies on; all sizes in bytes.
type Storage struct {
	Path string `json:"path"`
	Size int64  `json:"size_bytes"`
	// Free is what slotd can still use of Total; both are 0 when the file system does not say.
	Free  uint64 `json:"free_bytes"`
	Total uint64 `json:"total_bytes"`
	// Refuses says why commits fail, since RefusesSince; empty from the next commit that succeeds.
	Refuses      string     `json:"refuses,omitempty"`
	RefusesSince *time.Time `json:"refuses_since,omitempty"`
}

// Clock is this host's clock beside that of a provider's server.
type Clock struct {
	Host string `json:"host"`
	// AheadS is how many seconds our clock is ahead of the server's, negative when it is behind; 0 within what one reply
	// can tell.
	AheadS float64 `json:"ahead_seconds"`
	// At is when the reply arrived.
	At time.Time `json:"at"`
}

// Ahead returns AheadS as a duration.
func (c Clock) Ahead() time.Duration { return time.Duration(c.AheadS * float64(time.Second)) }

// Restoring is a restore that is not over.
type Restoring struct {
	At time.Time `json:"at"`
	// Newest is the time of the newest record in the copy; absent when it has none.
	Newest *time.Time `json:"newest,omitempty"`
	// Calendars are those that have to be read and compared yet.
	Calendars []calendar.ID `json:"calendars"`
}

// Attention is a booking that needs a person.
type Attention struct {
	Booking   string    `json:"booking"`
	Reference string    `json:"reference"`
	Start     time.Time `json:"start"`
	// Need is the kind of reason, Why the reason in words.
	Need booking.Need `json:"need"`
	Why  string       `json:"why"`
	// Next says what to do and to type.
	Next string `json:"next"`
}

// Problem is what Status.Problems says of it.
func (a Attention) Problem() string {
	return fmt.Sprintf("booking %s needs a person: %s", a.Reference, a.Why)
}

// Slots is the answer to "what can be booked".
type Slots struct {
	Choice desk.Choice `json:"choice"`
	Zone   string      `json:"zone"`
	Days   []Day       `json:"days"`
}

// Day is a day with its free start times.
type Day struct {
	Date  string   `json:"date"`
	Slots []string `json:"slots"` // RFC 3339 with the offset of the business's zone
}

// Config is what Handler needs.
type Config struct {
	Desk   *desk.Desk
	Store  *store.Store
	Status func(context.Context) (Status, error)
	// Backup and Doctor may be nil: then their routes are missing.
	Backup MakeBackup
	Doctor func(context.Context) []Check
	// Accounts and SignIns may be nil: then their routes are missing.
	Accounts Accounts
	SignIns  SignIns
	// Forget and Notices may be nil: then their routes are missing.
	Forget  Forget
	Notices Notices
	// Metrics may be nil: then their route is missing.
	Metrics *Metrics
	Log     *slog.Logger
	Now     func() time.Time
}

// Handler returns the routes of the admin address.
func Handler(cfg Config) http.Handler {
	a := &api{cfg}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/status", serve(a, a.status))
	mux.HandleFunc("GET /api/slots", serve(a, a.slots))
	mux.HandleFunc("GET /api/explain", serve(a, a.explanation))
	a.bookingRoutes(mux)
	a.accountRoutes(mux)
	forgetRoute(mux, cfg.Forget)
	noticeRoutes(mux, cfg.Notices)
	if cfg.Metrics != nil {
		mux.HandleFunc("GET /metrics", a.metrics)
	}
	if cfg.Backup != nil {
		mux.HandleFunc("POST /api/backup", a.backup)
	}
	if cfg.Doctor != nil {
		mux.HandleFunc("GET /api/doctor", a.doctor)
	}
	return guard(mux)
}

type api struct {
	cfg Config
}

// badRequest is an error whose text is for the caller.
type badRequest struct{ error }

// serve answers with the JSON of what fn returns.
func serve[T any](a *api, fn func(*http.Request) (T, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		out, err := fn(r)
		var bad badRequest
		switch {
		case errors.As(err, &bad):
			http.Error(w, bad.Error(), http.StatusBadRequest)
			return
		case err != nil:
			a.cfg.Log.Error("admin request failed", "path", r.URL.Path, "error", err)
			http.Error(w, "internal error; see the log", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		_ = enc.Encode(out)
	}
}

func (a *api) status(r *http.Request) (Status, error) { return a.cfg.Status(r.Context()) }

// slots lists the free times of a choice on one day, or on every day of the horizon.
func (a *api) slots(r *http.Request) (Slots, error) {
	q := r.URL.Query()
	choice, err := a.choice(r)
	if err != nil {
		return Slots{}, err
	}
	out := Slots{Choice: choice, Zone: a.cfg.Desk.Zone().String(), Days: []Day{}}
	var dates []calendar.Date
	if date := q.Get("date"); date != "" {
		d, err := calendar.ParseDate(date)
		if err != nil {
			return Slots{}, badRequest{err}
		}
		dates = []calendar.Date{d}
	} else if dates, err = a.cfg.Desk.Days(r.Context(), "", choice); err != nil {
		return Slots{}, err
	}
	for _, d := range dates {
		starts, err := a.cfg.Desk.Slots(r.Context(), "", choice, d)
		if err != nil {
			return Slots{}, err
		}
		day := Day{Date: d.String(), Slots: []string{}}
		for _, s := range starts {
			day.Slots = append(day.Slots, time.Unix(s, 0).In(a.cfg.Desk.Zone()).Format(time.RFC3339))
		}
		out.Days = append(out.Days, day)
	}
	return out, nil
}

// choice resolves what a request asks about.
func (a *api) choice(r *http.Request) (desk.Choice, error) {
	q := r.URL.Query()
	typed := desk.Choice{Department: q.Get("department"), Service: q.Get("service"), Resource: q.Get("resource")}
	c, err := a.cfg.Desk.Resolve(typed)
	var unknown *desk.UnknownError
	switch {
	case errors.As(err, &unknown):
		return c, badRequest{a.whatThereIs(unknown.What, c)}
	case err != nil:
		return c, badRequest{err}
	}
	return c, nil
}

// whatThereIs says of an id that cannot be chosen why not, and which can, beside what was chosen with it.
func (a *api) whatThereIs(what string, c desk.Choice) error {
	d := a.cfg.Desk
	var ids []string
	id, known := "", false
	switch what {
	case "department":
		id, known = c.Department, d.Department(c.Department) != nil
		for _, d := range d.Departments() {
			ids = append(ids, d.ID)
		}
	case "service":
		id, known = c.Service, d.Service(c.Service) != nil
		for _, s := range d.Services(c.Department) {
			ids = append(ids, s.ID)
		}
	case "resource":
		r := d.Resource(c.Resource)
		id, known = c.Resource, r != nil
		if known && len(r.Services) == 0 {
			return fmt.Errorf("resource %q cannot be chosen: services need it beside others", id)
		}
		for _, r := range d.Resources(c.Department, c.Service) {
			ids = append(ids, r.ID)
		}
	}
	problem := "unknown " + what
	if known {
		problem = fmt.Sprintf("%s %q does not go with the rest of the choice", what, id)
	}
	return fmt.Errorf("%s; there are: %s", problem, strings.Join(ids, ", "))
}
