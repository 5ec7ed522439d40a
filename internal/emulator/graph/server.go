// Package graph is an in-process Microsoft Graph: the calendar API below /v1.0 and the OAuth v2.0 endpoints of the
// identity platform, over mailboxes in memory. It promises to behave as the vendor's documents and field reports say
// in their worst mood: occurrences in the delta feed are stubs, a deleted occurrence has no tombstone, what changes
// outside a delta window is reported as removed, pages hold ten rows unless asked otherwise, links forget the Prefer
// header, ids look different without IdType="ImmutableId", and nobody refuses an overlap.
//
// It knows no type of the daemon. A test or a demo plays the people through the methods of [Server]: [Server.Put],
// [Server.Delete], [Server.Events], [Server.Occurrences]. A Server is safe for concurrent use and holds its lock only
// while it computes. Goroutines it has only while it pushes, until [Server.Close].
//
// Protocol: learn.microsoft.com/graph/api/resources/event, /graph/delta-query-events, /graph/outlook-immutable-id.
package graph

import (
	"net/http"
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
	// PageSize is the server's own cap on the rows of a page; 0 means 1000.
	PageSize int
	// BaseURL is the address that links begin with, such as "https://graph.example"; empty: that of the request.
	BaseURL string
	// DeltaLag is how long a change stays unseen by the delta feed; the view shows it at once.
	DeltaLag time.Duration
	// Push carries the messages to subscribers; nil means a plain client.
	Push *http.Client
	// SubscriptionLife is the longest life of a subscription; 0 means 10,080 minutes.
	SubscriptionLife time.Duration
}

const (
	defaultPage = 10   // rows of a page when nobody asks
	maxPage     = 1000 // cap of $top and odata.maxpagesize
)

// Delegated permissions that the server checks.
const (
	scopeRead     = "Calendars.Read"
	scopeWrite    = "Calendars.ReadWrite"
	scopeSettings = "MailboxSettings.Read"
	scopeUser     = "User.Read"
	scopeOffline  = "offline_access"
)

// Server is one emulated Graph.
type Server struct {
	opt    Options
	auth   *oauth.Server
	faults fault.Set

	mu        sync.Mutex
	mailboxes map[string]*mailbox
	calendars map[string]*calendar
	version   uint64
	log       []time.Time // when each version came about, the first at index 0
	changed   chan struct{}
	lastID    int
	requests  map[string]int
	served    int           // API requests
	effects   fault.Effects // of the request that is being served

	subscriptions map[string]*subscription
	subscribed    int
	moods         map[string]Mood // by calendar
	sender        *push.Sender
}

// mailbox is one user with calendars, the default one first.
type mailbox struct {
	user      string
	zone      *time.Location
	shownZone string // as mailboxSettings returns it
	calendars []*calendar
}

// calendar is one calendar with its events, deleted ones included.
type calendar struct {
	id, name   string
	box        *mailbox
	events     map[string]*Event
	born       int       // counts insertions, for a stable order of lists
	epoch      int       // delta tokens of an older one are expired
	expiryCode *apiError // how expired tokens are refused
	change     uint64    // version of the last change
	lag        map[string]lagged
}

// New returns a server without accounts and calendars.
func New(opt Options) *Server {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.PageSize <= 0 || opt.PageSize > maxPage {
		opt.PageSize = maxPage
	}
	if opt.SubscriptionLife <= 0 {
		opt.SubscriptionLife = maxSubscriptionLife
	}
	return &Server{
		subscriptions: map[string]*subscription{}, moods: map[string]Mood{}, sender: push.New(opt.Push, retryPush),
		opt: opt, mailboxes: map[string]*mailbox{}, calendars: map[string]*calendar{}, changed: make(chan struct{}),
		requests: map[string]int{},
		auth: oauth.New(oauth.Options{
			Now: opt.Now, Prefix: "EwB.", Rotate: true, PublicClients: true, OfflineScope: scopeOffline,
			Scopes:     []string{scopeWrite, scopeSettings, scopeUser, scopeOffline},
			DevicePage: opt.BaseURL + "/devicelogin",
		}),
	}
}

// Handler serves the API and the OAuth endpoints.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serve) }

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	rt := s.route(r)
	s.mu.Lock()
	s.requests[rt.op]++
	s.mu.Unlock()
	s.faults.Serve(w, r, rt.op, rt.handler, refuseInjected)
}

// call is one authorized request to the API, with the server's lock held.
type call struct {
	w     http.ResponseWriter
	r     *http.Request
	box   *mailbox
	cal   *calendar // nil where the path names none
	event *Event    // nil where the path names none
	body  []byte
	prefs prefs
	list  bool // the reply is a list
	app   bool // it acts for an application, which may reach every mailbox
	// before runs without the lock before the reply is written; nil for nothing.
	before func()
}

// reply is a status with a body; a nil body sends none.
type reply struct {
	status int
	body   any
}

type handler func(*call) (reply, *apiError)

// api checks the token and its scopes, reads the body, resolves what the path names, and runs the route's handler
// under the lock.
func (s *Server) api(rt *route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		access, ok := s.auth.Check(r.Header.Get("Authorization"))
		if !ok {
			w.Header().Set("WWW-Authenticate", `Bearer realm="", error="invalid_token"`)
			writeError(w, errToken())
			return
		}
		if !access.Allows(rt.allowed()...) {
			writeError(w, errDenied())
			return
		}
		body, apiErr := readBody(w, r)
		if apiErr != nil {
			writeError(w, apiErr)
			return
		}
		c := &call{w: w, r: r, body: body, app: access.App}
		if rt.unlocked != nil {
			if apiErr := rt.unlocked(c, access); apiErr != nil {
				writeError(w, apiErr)
				return
			}
		}
		rep, apiErr := s.locked(rt, access, c)
		if c.before != nil {
			c.before()
		}
		if apiErr != nil {
			writeError(w, apiErr)
			return
		}
		writeReply(w, rep)
	}
}

func (s *Server) locked(rt *route, access oauth.Access, c *call) (reply, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var apiErr *apiError
	if c.prefs, apiErr = readPrefs(c.r); apiErr != nil {
		return reply{}, apiErr
	}
	c.w.Header().Set("Preference-Applied", c.prefs.applied())
	if apiErr = s.resolve(rt, access, c); apiErr != nil {
		return reply{}, apiErr
	}
	s.served++
	s.catchUp()
	effects := fault.From(c.r.Context())
	if effects.Churn && c.cal != nil {
		s.churn(c)
	}
	s.effects = effects
	defer func() { s.effects = fault.Effects{} }()
	return rt.handle(c)
}

// resolve finds the mailbox, calendar and event of the path.
func (s *Server) resolve(rt *route, access oauth.Access, c *call) *apiError {
	user := rt.user
	if rt.free {
		c.box = s.mailboxes[access.User] // nil for an application
		return nil
	}
	switch {
	case user == "" && access.App:
		return newError(http.StatusBadRequest, "BadRequest", "/me request is only valid with delegated authentication flow.")
	case user == "":
		user = access.User
	}
	if c.box = s.mailboxes[user]; c.box == nil {
		return newError(http.StatusNotFound, "ErrorInvalidUser", "The requested user is invalid.")
	}
	if !access.App && user != access.User {
		return errDenied()
	}
	if !rt.needsCalendar {
		return nil
	}
	if rt.calendar == "" && len(c.box.calendars) > 0 {
		c.cal = c.box.calendars[0]
	}
	for _, cal := range c.box.calendars {
		if cal.id == rt.calendar {
			c.cal = cal
		}
	}
	if c.cal == nil {
		return errItem()
	}
	if rt.event == "" {
		return nil
	}
	return c.findEvent(rt)
}

// findEvent finds the event of the path: in its calendar, or in the whole mailbox where the path names none.
func (c *call) findEvent(rt *route) *apiError {
	calendars := []*calendar{c.cal}
	if rt.calendar == "" {
		calendars = c.box.calendars
	}
	for _, cal := range calendars {
		if e := cal.lookup(immutable(rt.event)); e != nil && !e.gone {
			c.cal, c.event = cal, e
			return nil
		}
	}
	return errItem()
}
