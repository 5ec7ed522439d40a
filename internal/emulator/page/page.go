// Package page serves the page of "slotd demo": a phone that plays the messaging client and renders the Flow, and the
// emulated provider calendars beside it, which a person can draw in.
//
// The page is the real client of the Flow protocol. It seals every request in the browser with the business's public
// key; the proxy that it posts to adds the signature, so the page never holds the app secret. Nothing is loaded from
// elsewhere, nothing needs a build step.
//
// The handler is meant for a loopback listener. It refuses any other Host, so that a foreign site cannot reach it by
// rebinding its name, and any cross-origin write.
package page

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"time"
)

//go:embed static
var assets embed.FS

// Calendar is one emulated provider calendar as the page shows and edits it. Its methods may be called concurrently.
type Calendar interface {
	// Info describes the calendar. It does not change.
	Info() Info
	// Events returns the events that overlap [from, to), occurrences of series as events of their own.
	Events(from, to time.Time) []Event
	// Draw adds an event as a person would, and returns its id.
	Draw(title string, start, end time.Time, busy bool) (id string, err error)
	// SetBusy makes an event block its time, or not.
	SetBusy(id string, busy bool) error
	// Erase deletes an event as a person would.
	Erase(id string) error
}

// Info describes one calendar. Provider is "Google" or "Outlook" and picks the style; Zone is an IANA name.
type Info struct {
	Key      string `json:"key"`
	Provider string `json:"provider"`
	Title    string `json:"title"`
	Owner    string `json:"owner"`
	Zone     string `json:"zone"`
}

// Event is one event of a calendar. An all-day event starts and ends at midnights of the calendar's zone. Ours marks an
// event that slotd wrote.
type Event struct {
	ID     string    `json:"id"`
	Title  string    `json:"title"`
	Start  time.Time `json:"start"`
	End    time.Time `json:"end"`
	AllDay bool      `json:"all_day"`
	Busy   bool      `json:"busy"`
	Ours   bool      `json:"ours"`
}

// Config is what the page needs of the demo. All functions may be called concurrently.
type Config struct {
	// Business is the name that the chat shows.
	Business string
	// FlowJSON is the Flow as it would be published.
	FlowJSON []byte
	// PublicKey returns the endpoint's public key, SPKI in PEM. The phone asks again after a 421.
	PublicKey func() []byte
	// Proxy answers a posted sealed body with {"status": …, "body": …}: what the endpoint answered to it.
	Proxy http.Handler
	// NewToken returns a fresh flow token, one for each message that opens the Flow.
	NewToken func(ctx context.Context) (string, error)
	// Calendars are shown from top to bottom.
	Calendars []Calendar
	// Changed returns a channel that fires when any calendar changed, until ctx ends. It may be nil, and so may the
	// channel; closing the channel ends the browser's stream, which then connects anew.
	Changed func(ctx context.Context) <-chan struct{}
	// Freshness returns, by calendar key, when the provider last confirmed the mirror. It may be nil.
	Freshness func() map[string]time.Time
	// Now is the demo's clock; nil means time.Now.
	Now func() time.Time
}

// page is a checked Config. It has no state of its own.
type page struct {
	Config
	byKey map[string]Calendar
	infos []Info
}

// New returns the page's handler, or what is wrong with cfg. The handler starts no goroutines; an open stream lives as
// long as its request, so a server that shuts down has to cancel its requests' base context.
func New(cfg Config) (http.Handler, error) {
	if cfg.PublicKey == nil || cfg.Proxy == nil || cfg.NewToken == nil {
		return nil, errors.New("demo page: PublicKey, Proxy and NewToken are required")
	}
	if !json.Valid(cfg.FlowJSON) {
		return nil, errors.New("demo page: the Flow is not valid JSON")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	p := &page{Config: cfg, byKey: map[string]Calendar{}, infos: []Info{}}
	for _, c := range cfg.Calendars {
		info := c.Info()
		if _, taken := p.byKey[info.Key]; taken || info.Key == "" {
			return nil, fmt.Errorf("demo page: calendar key %q is empty or used twice", info.Key)
		}
		if _, err := time.LoadLocation(info.Zone); err != nil {
			return nil, fmt.Errorf("demo page: zone of calendar %q: %w", info.Key, err)
		}
		p.byKey[info.Key] = c
		p.infos = append(p.infos, info)
	}
	return p.routes()
}

// routes names every path that the page answers, and puts the guards in front.
func (p *page) routes() (http.Handler, error) {
	static, err := fs.Sub(assets, "static")
	if err != nil {
		return nil, fmt.Errorf("demo page: read embedded files: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, static, "index.html")
	})
	mux.Handle("GET /static/", http.StripPrefix("/static/", http.FileServerFS(static)))
	mux.HandleFunc("GET /api/session", p.session)
	mux.HandleFunc("GET /api/key", p.key)
	mux.Handle("POST /api/flow", p.Proxy)
	mux.HandleFunc("GET /api/events", p.events)
	mux.HandleFunc("GET /api/stream", p.stream)
	mux.HandleFunc("POST /api/calendars/{key}/events", p.draw)
	mux.HandleFunc("PATCH /api/calendars/{key}/events/{id}", p.setBusy)
	mux.HandleFunc("DELETE /api/calendars/{key}/events/{id}", p.erase)
	return guard(mux), nil
}

// session answers what a phone needs to show one conversation, with a new token.
func (p *page) session(w http.ResponseWriter, r *http.Request) {
	token, err := p.NewToken(r.Context())
	if err != nil {
		fail(w, http.StatusServiceUnavailable, "no flow token could be made")
		return
	}
	reply(w, http.StatusOK, map[string]any{
		"business":   p.Business,
		"flow":       json.RawMessage(p.FlowJSON),
		"public_key": string(p.PublicKey()),
		"token":      token,
		"calendars":  p.infos,
		"now":        p.Now().UTC(),
	})
}

// key answers the public key alone: what a phone fetches after a 421.
func (p *page) key(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, map[string]string{"public_key": string(p.PublicKey())})
}

// reply writes v as JSON.
func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The only error left is a browser that has gone away.
	_ = json.NewEncoder(w).Encode(v)
}

// fail writes an error that the page shows to the person.
func fail(w http.ResponseWriter, status int, text string) {
	reply(w, status, map[string]string{"error": text})
}
