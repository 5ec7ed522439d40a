// Package google is an in-process Google Calendar: the API v3 below /calendar/v3/ and the OAuth endpoints that a
// client needs, over calendars in memory. It promises to behave as the vendor's reference and field reports say in
// their worst mood: pages may be short or empty, sync tokens report changes outside every window and forget the
// occurrences of a deleted series, ids stay taken after deletion, rows of deleted events are bare, and nobody refuses
// an overlap.
//
// It knows no type of the daemon. A test or a demo plays the people through the methods of [Server]: [Server.Put],
// [Server.Delete], [Server.Events], [Server.Occurrences]. A Server is safe for concurrent use and holds its lock only
// while it computes. Goroutines it has only while it pushes, until [Server.Close].
//
// Protocol: developers.google.com/workspace/calendar/api/v3/reference and /guides/{sync,errors,version-resources}.
package google

import (
	"cmp"
	"net/http"
	"slices"
	"sync"
	"time"

	"slotd/internal/emulator/fault"
	"slotd/internal/emulator/oauth"
	"slotd/internal/emulator/push"
)

// Credentials are what a daemon is configured with for one account.
type Credentials = oauth.Credentials

// Options configures a server. The zero value is good.
type Options struct {
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// PageSize is the server's own cap on the rows of a page; 0 means 250.
	PageSize int
	// BareExceptions makes the rows of cancelled occurrences bare: without recurringEventId and originalStartTime, as
	// was seen in the field.
	BareExceptions bool
	// Undelete accepts updates of deleted events: a PUT that does not say cancelled restores one. It stands for the
	// field reports that contradict those of a refusal with 403.
	Undelete bool
	// Push carries the messages to those who watch a calendar; nil means a plain client.
	Push *http.Client
	// ChannelLife is the longest life of a channel; 0 means a week.
	ChannelLife time.Duration
}

// Access roles of a calendar, weakest first.
const (
	RoleFreeBusy = "freeBusyReader"
	RoleReader   = "reader"
	RoleWriter   = "writer"
	RoleOwner    = "owner"
)

// Scopes that the server checks.
const (
	scopeAll      = "https://www.googleapis.com/auth/calendar"
	scopeReadonly = scopeAll + ".readonly"
	scopeEvents   = scopeAll + ".events"
)

const (
	defaultPage = 250  // events.list without maxResults
	maxPage     = 2500 // hard cap of maxResults
)

// Server is one emulated Google.
type Server struct {
	opt    Options
	auth   *oauth.Server
	faults fault.Set
	mux    *http.ServeMux

	mu        sync.Mutex
	calendars map[string]*calendar
	order     []string // calendar ids as they were added
	version   uint64
	changed   chan struct{}
	lastID    int
	requests  map[string]int
	served    int           // API requests
	effects   fault.Effects // of the request that is being served
	channels  map[string]*channel
	moods     map[string]Mood // by calendar
	sender    *push.Sender
}

// calendar is one calendar with its people's access and its events, deleted ones included.
type calendar struct {
	id, name string
	zone     *time.Location
	roles    map[string]string // by user
	members  []string          // users in the order in which they got access
	events   map[string]*Event
	born     int    // counts insertions, for a stable order of lists
	epoch    int    // sync tokens of an older one are expired
	change   uint64 // version of the last change
	lag      map[string]lagged
}

// New returns a server without accounts and calendars.
func New(opt Options) *Server {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.PageSize <= 0 {
		opt.PageSize = defaultPage
	}
	if opt.ChannelLife <= 0 {
		opt.ChannelLife = defaultTTL
	}
	s := &Server{
		channels: map[string]*channel{}, moods: map[string]Mood{}, sender: push.New(opt.Push, retryPush),
		opt: opt, calendars: map[string]*calendar{}, changed: make(chan struct{}), requests: map[string]int{},
		auth: oauth.New(oauth.Options{Now: opt.Now, Prefix: "ya29.", Scopes: []string{scopeAll}}),
	}
	s.mux = s.routes()
	return s
}

// Handler serves the API and the OAuth endpoints.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serve) }

// operations names each route as the Requests counter and fault.Rule.Op know it.
var operations = map[string]string{
	"GET /o/oauth2/v2/auth":                                     "auth",
	"POST /token":                                               "token",
	"POST /revoke":                                              "revoke",
	"GET /calendar/v3/users/me/calendarList":                    "calendarList.list",
	"GET /calendar/v3/users/me/calendarList/{cal}":              "calendarList.get",
	"GET /calendar/v3/users/me/settings/timezone":               "settings.get",
	"GET /calendar/v3/calendars/{cal}":                          "calendars.get",
	"GET /calendar/v3/calendars/{cal}/events":                   "events.list",
	"POST /calendar/v3/calendars/{cal}/events":                  "events.insert",
	"GET /calendar/v3/calendars/{cal}/events/{event}":           "events.get",
	"PUT /calendar/v3/calendars/{cal}/events/{event}":           "events.update",
	"PATCH /calendar/v3/calendars/{cal}/events/{event}":         "events.patch",
	"DELETE /calendar/v3/calendars/{cal}/events/{event}":        "events.delete",
	"GET /calendar/v3/calendars/{cal}/events/{event}/instances": "events.instances",
	"POST /calendar/v3/freeBusy":                                "freeBusy.query",
	"POST /calendar/v3/calendars/{cal}/events/watch":            "events.watch",
	"POST /calendar/v3/channels/stop":                           "channels.stop",
}

func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	handlers := map[string]http.HandlerFunc{
		"auth": s.auth.Authorize, "token": s.auth.Token, "revoke": s.auth.Revoke,
		"calendarList.list": s.api(s.listCalendars, listScopes...),
		"calendarList.get":  s.api(s.getListEntry, listScopes...),
		"settings.get":      s.api(s.getTimezone, scopeReadonly, scopeAll+".settings.readonly"),
		"calendars.get":     s.api(s.getCalendar, scopeReadonly, scopeAll+".calendars", scopeAll+".calendars.readonly"),
		"events.list":       s.api(s.listEvents, readScopes...),
		"events.get":        s.api(s.getEvent, readScopes...),
		"events.instances":  s.api(s.listInstances, readScopes...),
		"events.insert":     s.api(s.insertEvent, writeScopes...),
		"events.update":     s.api(s.updateEvent, writeScopes...),
		"events.patch":      s.api(s.patchEvent, writeScopes...),
		"events.delete":     s.api(s.deleteEvent, writeScopes...),
		"events.watch":      s.api(s.watchEvents, readScopes...),
		"channels.stop":     s.api(s.stopChannel, readScopes...),
		"freeBusy.query":    s.api(s.queryFreeBusy, scopeReadonly, scopeAll+".freebusy", scopeEvents+".freebusy"),
	}
	for pattern, op := range operations {
		mux.Handle(pattern, handlers[op])
	}
	return mux
}

var (
	listScopes  = []string{scopeReadonly, scopeAll + ".calendarlist", scopeAll + ".calendarlist.readonly"}
	writeScopes = []string{scopeEvents, scopeEvents + ".owned"}
	readScopes  = []string{
		scopeReadonly, scopeEvents, scopeEvents + ".readonly", scopeEvents + ".owned", scopeEvents + ".owned.readonly",
		scopeEvents + ".freebusy",
	}
)

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	_, pattern := s.mux.Handler(r)
	op := cmp.Or(operations[pattern], "unknown")
	s.mu.Lock()
	s.requests[op]++
	s.mu.Unlock()
	next := http.Handler(s.mux)
	if op == "unknown" {
		next = http.HandlerFunc(notServed)
	}
	s.faults.Serve(w, r, op, next, refuseInjected)
}

// call is one authorized request to the API, with the server's lock held.
type call struct {
	w    http.ResponseWriter
	r    *http.Request
	user string
	body []byte
	// before runs without the lock before the reply is written; nil for nothing.
	before func()
}

// api wraps a handler of the API: it reads the body, checks the token and one of the scopes besides the full one,
// takes the lock, and writes what the handler returns.
func (s *Server) api(handle func(*call) (any, *apiError), scopes ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		access, ok := s.auth.Check(r.Header.Get("Authorization"))
		if !ok {
			w.Header().Set("WWW-Authenticate", `Bearer realm="https://accounts.google.com/", error="invalid_token"`)
			writeError(w, errAuth())
			return
		}
		if !access.Allows(append(scopes, scopeAll)...) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="https://accounts.google.com/", error="insufficient_scope"`)
			writeError(w, newError(http.StatusForbidden, "insufficientPermissions", "Insufficient Permission"))
			return
		}
		body, apiErr := readBody(w, r)
		if apiErr != nil {
			writeError(w, apiErr)
			return
		}
		c := &call{w: w, r: r, user: access.User, body: body}
		v, apiErr := s.locked(handle, c)
		if c.before != nil {
			c.before()
		}
		if apiErr != nil {
			writeError(w, apiErr)
			return
		}
		writeReply(w, r, v)
	}
}

func (s *Server) locked(handle func(*call) (any, *apiError), c *call) (any, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.served++
	s.catchUp()
	effects := fault.From(c.r.Context())
	if cal := s.find(c.user, c.r.PathValue("cal")); effects.Churn && cal != nil {
		s.churn(cal)
	}
	s.effects = effects
	defer func() { s.effects = fault.Effects{} }()
	return handle(c)
}

// calendarOf returns the calendar of the path, as far as the user has the role. "primary" is the one that carries the
// user's name, otherwise the first that the user owns.
func (s *Server) calendarOf(c *call, role string) (*calendar, *apiError) {
	cal := s.find(c.user, c.r.PathValue("cal"))
	if cal == nil {
		return nil, errNotFound()
	}
	if rank(cal.roles[c.user]) < rank(role) {
		return nil, newError(http.StatusForbidden, "requiredAccessLevel",
			"You need to have "+role+" access to this calendar.")
	}
	return cal, nil
}

func (s *Server) find(user, id string) *calendar {
	if id == "primary" {
		id = s.primary(user)
	}
	cal := s.calendars[id]
	if cal == nil || cal.roles[user] == "" {
		return nil
	}
	return cal
}

func (s *Server) primary(user string) string {
	if cal := s.calendars[user]; cal != nil && cal.roles[user] == RoleOwner {
		return user
	}
	for _, id := range s.order {
		if s.calendars[id].roles[user] == RoleOwner {
			return id
		}
	}
	return ""
}

func rank(role string) int {
	return slices.Index([]string{RoleFreeBusy, RoleReader, RoleWriter, RoleOwner}, role)
}
