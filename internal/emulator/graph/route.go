package graph

import (
	"net/http"
	"net/url"
	"strings"

	"slotd/internal/emulator/oauth"
)

// route is a request's path, understood.
type route struct {
	op                    string // as the Requests counter and fault.Rule.Op know it
	handler               http.Handler
	handle                handler
	scope                 string
	user, calendar, event string // empty: me, the default calendar, none
	needsCalendar         bool
	free                  bool                                // the path is of no mailbox
	id                    string                              // of a subscription
	unlocked              func(*call, oauth.Access) *apiError // runs before handle, without the lock; may be nil
}

// allowed returns the scopes of which one is needed.
func (rt *route) allowed() []string {
	scopes := []string{rt.scope}
	if rt.scope == scopeRead {
		scopes = append(scopes, scopeWrite)
	}
	for _, s := range scopes {
		scopes = append(scopes, "https://graph.microsoft.com/"+s)
	}
	return scopes
}

// route understands the path by hand: ids may hold any escaped character, functions come with and without their
// namespace and parentheses, and most paths begin in four ways.
func (s *Server) route(r *http.Request) *route {
	unknown := &route{op: "unknown", handler: http.HandlerFunc(notServed)}
	if h, op := s.oauthRoute(r); h != nil {
		return &route{op: op, handler: h}
	}
	rest, ok := strings.CutPrefix(r.URL.EscapedPath(), "/v1.0/")
	if !ok {
		return unknown
	}
	var path []string
	for seg := range strings.SplitSeq(strings.TrimSuffix(rest, "/"), "/") {
		plain, err := url.PathUnescape(seg)
		if err != nil {
			return unknown
		}
		path = append(path, plain)
	}
	rt := &route{}
	switch {
	case path[0] == "subscriptions":
		if !s.subscriptionRoute(rt, r.Method, path[1:]) {
			return unknown
		}
		rt.handler = s.api(rt)
		return rt
	case path[0] == "me":
		path = path[1:]
	case path[0] == "users" && len(path) > 1:
		rt.user, path = path[1], path[2:]
	default:
		return unknown
	}
	if !s.mailboxRoute(rt, r.Method, path) {
		return unknown
	}
	rt.handler = s.api(rt)
	return rt
}

// oauthRoute serves the identity platform with and without a tenant in the path.
func (s *Server) oauthRoute(r *http.Request) (http.Handler, string) {
	if r.URL.Path == "/devicelogin" {
		return http.HandlerFunc(s.auth.DevicePage), "devicelogin"
	}
	tenant, endpoint, ok := strings.Cut(r.URL.Path, "/oauth2/v2.0/")
	if !ok || strings.Count(tenant, "/") > 1 {
		return nil, ""
	}
	switch r.Method + " " + endpoint {
	case "GET authorize":
		return http.HandlerFunc(s.auth.Authorize), endpoint
	case "POST token":
		return http.HandlerFunc(s.auth.Token), endpoint
	case "POST devicecode":
		return http.HandlerFunc(s.auth.Device), endpoint
	}
	return nil, ""
}

// mailboxRoute understands what follows the user.
func (s *Server) mailboxRoute(rt *route, method string, path []string) bool {
	switch strings.Join(path, "/") {
	case "":
		return rt.to(method, "GET", "user.get", scopeUser, s.getUser)
	case "mailboxSettings":
		return rt.to(method, "GET", "mailboxSettings.get", scopeSettings, s.getSettings)
	case "mailboxSettings/timeZone":
		return rt.to(method, "GET", "mailboxSettings.get", scopeSettings, s.getSettingsZone)
	case "calendars":
		return rt.to(method, "GET", "calendars.list", scopeRead, s.listCalendars)
	}
	rt.needsCalendar = true
	switch {
	case path[0] == "calendars" && len(path) > 1:
		rt.calendar, path = path[1], path[2:]
	case path[0] == "calendar":
		path = path[1:]
	case path[0] != "events" && path[0] != "calendarView":
		return false
	}
	if len(path) == 2 && path[0] == "events" && function(path[1]) != "delta" {
		rt.event, path[1] = path[1], "{id}"
	}
	for i := range path {
		path[i] = function(path[i])
	}
	return s.calendarRoute(rt, method, strings.Join(path, "/"))
}

func (s *Server) calendarRoute(rt *route, method, path string) bool {
	switch method + " " + path {
	case "GET ":
		return rt.to(method, "GET", "calendars.get", scopeRead, s.getCalendar)
	case "GET calendarView":
		return rt.to(method, "GET", "calendarView.list", scopeRead, s.listView)
	case "GET calendarView/delta":
		return rt.to(method, "GET", "calendarView.delta", scopeRead, s.deltaView)
	case "GET events":
		return rt.to(method, "GET", "events.list", scopeRead, s.listEvents)
	case "POST events":
		return rt.to(method, "POST", "events.create", scopeWrite, s.createEvent)
	case "GET events/{id}":
		return rt.to(method, "GET", "events.get", scopeRead, s.getEvent)
	case "PATCH events/{id}":
		return rt.to(method, "PATCH", "events.update", scopeWrite, s.updateEvent)
	case "DELETE events/{id}":
		return rt.to(method, "DELETE", "events.delete", scopeWrite, s.deleteEvent)
	case "POST getSchedule":
		return rt.to(method, "POST", "getSchedule", scopeRead, s.getSchedule)
	}
	return false
}

func (rt *route) to(method, want, op, scope string, h handler) bool {
	rt.op, rt.scope, rt.handle = op, scope, h
	return method == want
}

// function strips the namespace and the parentheses of an OData function.
func function(seg string) string {
	return strings.TrimSuffix(strings.TrimPrefix(seg, "microsoft.graph."), "()")
}
