package graph

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"slotd/internal/emulator/oauth"
	"slotd/internal/emulator/push"
)

// Source of what follows: learn.microsoft.com/graph/api/resources/subscription and
// /graph/change-notifications-delivery-webhooks.

// Limits of subscriptions to events.
const (
	maxSubscriptionLife = 10_080 * time.Minute
	minSubscriptionLife = 45 * time.Minute // what is asked for less gets this
	maxClientState      = 128
	maxSubscriptions    = 1000 // per mailbox
	subscriptionsPage   = 3    // small, so that clients follow links
)

// Mood is how the messages about one calendar fare.
type Mood = push.Mood

// Subscription is one subscription that was created.
type Subscription struct {
	ID, NotificationURL, LifecycleURL string
	Expires                           time.Time
}

// subscription is a subscription and what it is for.
type subscription struct {
	Subscription
	born       int
	cal        string // "": all calendars of the mailbox
	box        *mailbox
	owner      string // who created it; "" for an application
	resource   string
	changes    []string
	state      string
	silent     bool // it exists, and tells nothing
	needsRenew bool // it is paused until it is authorized anew
}

// wireSubscription is a subscription in requests and replies.
type wireSubscription struct {
	ID           string `json:"id,omitempty"`
	Resource     string `json:"resource,omitempty"`
	ChangeType   string `json:"changeType,omitempty"`
	Notification string `json:"notificationUrl,omitempty"`
	Lifecycle    string `json:"lifecycleNotificationUrl,omitempty"`
	ClientState  string `json:"clientState,omitempty"` // never in replies
	Expiration   string `json:"expirationDateTime,omitempty"`
	TLS          string `json:"latestSupportedTlsVersion,omitempty"`
}

func (s *subscription) wire() wireSubscription {
	return wireSubscription{
		ID: s.ID, Resource: s.resource, ChangeType: strings.Join(s.changes, ","), Notification: s.NotificationURL,
		Lifecycle: s.LifecycleURL, Expiration: s.Expires.UTC().Format(time.RFC3339Nano),
	}
}

// subscriptionRoute understands what follows /subscriptions.
func (s *Server) subscriptionRoute(rt *route, method string, path []string) bool {
	rt.free = true
	if len(path) == 0 || path[0] == "" {
		if method == http.MethodPost {
			rt.unlocked = s.validate
			return rt.to(method, "POST", "subscriptions.create", scopeRead, s.createSubscription)
		}
		return rt.to(method, "GET", "subscriptions.list", scopeRead, s.listSubscriptions)
	}
	rt.id = path[0]
	of := func(h func(*call, *subscription) (reply, *apiError)) handler {
		return func(c *call) (reply, *apiError) {
			sub := s.subscriptions[rt.id]
			if sub == nil || !s.alive(sub) || (!c.app && (c.box == nil || sub.owner != c.box.user)) {
				return reply{}, newError(http.StatusNotFound, "ResourceNotFound", "The object was not found.")
			}
			return h(c, sub)
		}
	}
	switch {
	case len(path) == 2 && path[1] == "reauthorize":
		return rt.to(method, "POST", "subscriptions.reauthorize", scopeRead, of(s.reauthorize))
	case len(path) > 1:
		return false
	case method == http.MethodPatch:
		return rt.to(method, "PATCH", "subscriptions.update", scopeRead, of(s.renewSubscription))
	case method == http.MethodDelete:
		return rt.to(method, "DELETE", "subscriptions.delete", scopeRead, of(s.deleteSubscription))
	}
	return rt.to(method, "GET", "subscriptions.get", scopeRead, of(func(_ *call, sub *subscription) (reply, *apiError) {
		return reply{http.StatusOK, sub.wire()}, nil
	}))
}

func extension(format string, args ...any) *apiError {
	return badRequest("ExtensionError", fmt.Sprintf(format, args...))
}

// validate asks the addresses of a new subscription for the echo of a token: within ten seconds, as plain text, decoded.
func (s *Server) validate(c *call, _ oauth.Access) *apiError {
	var in wireSubscription
	if json.Unmarshal(c.body, &in) != nil {
		return nil // createSubscription says so
	}
	for _, address := range []string{in.Notification, in.Lifecycle} {
		if address == "" || !push.Reachable(address) {
			continue
		}
		// What a URL has to escape, and what a careless echo would let a browser run.
		token := "Validation: Testing client application reachability for subscription Request-Id: <b>&+%2f;" +
			strconv.FormatInt(s.opt.Now().UnixNano(), 36)
		sep := "?"
		if strings.Contains(address, "?") {
			sep = "&"
		}
		status, kind, body, err := s.sender.Ask(c.r.Context(), push.Message{
			URL:    address + sep + "validationToken=" + url.QueryEscape(token),
			Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}},
		})
		switch {
		case err != nil:
			return badRequest("ValidationError", "Subscription validation request failed. Notification endpoint must respond "+
				"with 200 OK to validation request.")
		case status != http.StatusOK:
			return badRequest("ValidationError", "Subscription validation request failed. Response status "+strconv.Itoa(status))
		case !strings.HasPrefix(kind, "text/plain"), body != token:
			return badRequest("ValidationError", "Subscription validation request failed. Must respond with the token.")
		}
	}
	return nil
}

// createSubscription serves POST subscriptions. An identical one is promised to be refused, and is not.
func (s *Server) createSubscription(c *call) (reply, *apiError) {
	var in wireSubscription
	if err := json.Unmarshal(c.body, &in); err != nil {
		return reply{}, badRequest("BadRequest", "Unable to read JSON request payload.")
	}
	sub := &subscription{
		Subscription: Subscription{NotificationURL: in.Notification, LifecycleURL: in.Lifecycle},
		resource:     in.Resource, state: in.ClientState,
	}
	var apiErr *apiError
	if sub.Expires, apiErr = s.until(in.Expiration); apiErr != nil {
		return reply{}, apiErr
	}
	for change := range strings.SplitSeq(in.ChangeType, ",") {
		if !slices.Contains([]string{"created", "updated", "deleted"}, change) {
			return reply{}, badRequest("InvalidRequest", "The changeType is not valid.")
		}
		sub.changes = append(sub.changes, change)
	}
	switch {
	case !push.Reachable(in.Notification):
		return reply{}, badRequest("InvalidRequest", "The notificationUrl must be HTTPS.")
	case in.Lifecycle != "" && !push.Reachable(in.Lifecycle):
		return reply{}, badRequest("InvalidRequest", "The lifecycleNotificationUrl must be HTTPS.")
	case len(in.ClientState) > maxClientState:
		return reply{}, badRequest("InvalidRequest", "The clientState exceeds 128 characters.")
	}
	if apiErr := s.target(c, sub); apiErr != nil {
		return reply{}, apiErr
	}
	of := 0
	for _, o := range s.subscriptions {
		if o.box == sub.box && s.alive(o) {
			of++
		}
	}
	if of >= maxSubscriptions {
		return reply{}, newError(http.StatusForbidden, "ExtensionError", "Too many subscriptions of this mailbox.")
	}
	s.subscribed++
	sub.born, sub.ID = s.subscribed, fmt.Sprintf("00000000-0000-4000-8000-%012x", s.subscribed)
	s.subscriptions[sub.ID] = sub
	if s.moods[sub.cal].Early {
		m := s.note(sub, "updated", &Event{ID: "early"})
		c.before = func() { s.sender.Now(m) }
	}
	return reply{http.StatusCreated, sub.wire()}, nil
}

// target finds what a subscription is for, and whether its creator may see it.
func (s *Server) target(c *call, sub *subscription) *apiError {
	unsupported := extension("Unsupported resource: %s", sub.resource)
	var path []string
	for seg := range strings.SplitSeq(strings.TrimPrefix(sub.resource, "/"), "/") {
		plain, err := url.PathUnescape(seg)
		if err != nil {
			return unsupported
		}
		path = append(path, plain)
	}
	switch {
	case path[0] == "me" && c.app:
		return badRequest("BadRequest", "/me request is only valid with delegated authentication flow.")
	case path[0] == "me":
		sub.box, path = c.box, path[1:]
	case path[0] == "users" && len(path) > 1:
		sub.box, path = s.mailboxes[path[1]], path[2:]
	default:
		return unsupported
	}
	switch {
	case sub.box == nil:
		return newError(http.StatusNotFound, "ErrorInvalidUser", "The requested user is invalid.")
	case !c.app && sub.box != c.box: // a delegate may read a shared calendar, and not subscribe to it
		return errDenied()
	}
	if !c.app {
		sub.owner = c.box.user
	}
	switch {
	case len(path) == 1 && path[0] == "events":
		return nil
	case len(path) == 3 && path[0] == "calendars" && path[2] == "events":
		cal := s.calendars[path[1]]
		if cal == nil || cal.box != sub.box {
			return errItem()
		}
		sub.cal = cal.id
		return nil
	}
	return unsupported
}

// until reads an expirationDateTime. What is too far away is refused, what is too near is moved.
func (s *Server) until(text string) (time.Time, *apiError) {
	at, err := time.Parse(time.RFC3339Nano, text)
	now := s.opt.Now()
	switch {
	case err != nil:
		return at, badRequest("InvalidRequest", "The expirationDateTime is not valid.")
	case !at.After(now):
		return at, badRequest("InvalidRequest", "The expirationDateTime is in the past.")
	case at.After(now.Add(s.opt.SubscriptionLife)):
		return at, extension("Subscription expiration can only be %d minutes in the future.",
			int(s.opt.SubscriptionLife.Minutes()))
	case at.Before(now.Add(minSubscriptionLife)):
		return now.Add(minSubscriptionLife), nil
	}
	return at, nil
}

func (s *Server) alive(sub *subscription) bool { return s.opt.Now().Before(sub.Expires) }

// listSubscriptions serves the list of those that the caller created, a few at a time.
func (s *Server) listSubscriptions(c *call) (reply, *apiError) {
	var own []*subscription
	for _, sub := range s.subscriptions {
		if s.alive(sub) && ((c.app && sub.owner == "") || (c.box != nil && sub.owner == c.box.user)) {
			own = append(own, sub)
		}
	}
	slices.SortFunc(own, func(a, b *subscription) int { return a.born - b.born })
	after, _ := strconv.Atoi(c.r.URL.Query().Get("$skiptoken"))
	list := []wireSubscription{}
	body := map[string]any{}
	for _, sub := range own {
		if sub.born <= after {
			continue
		}
		if len(list) == subscriptionsPage {
			body["@odata.nextLink"] = fmt.Sprintf("%s/v1.0/subscriptions?$skiptoken=%d", s.base(c.r), after)
			break
		}
		list = append(list, sub.wire())
		after = sub.born
	}
	body["value"] = list
	return reply{http.StatusOK, body}, nil
}

func (s *Server) renewSubscription(c *call, sub *subscription) (reply, *apiError) {
	var in wireSubscription
	if err := json.Unmarshal(c.body, &in); err != nil {
		return reply{}, badRequest("BadRequest", "Unable to read JSON request payload.")
	}
	if in.Lifecycle != "" || in.Resource != "" || in.ChangeType != "" {
		return reply{}, badRequest("InvalidRequest", "Only expirationDateTime and notificationUrl can be changed.")
	}
	at, apiErr := s.until(in.Expiration)
	if apiErr != nil {
		return reply{}, apiErr
	}
	sub.Expires, sub.needsRenew = at, false
	return reply{http.StatusOK, sub.wire()}, nil
}

func (s *Server) reauthorize(_ *call, sub *subscription) (reply, *apiError) {
	sub.needsRenew = false
	return reply{http.StatusOK, nil}, nil
}

func (s *Server) deleteSubscription(_ *call, sub *subscription) (reply, *apiError) {
	delete(s.subscriptions, sub.ID)
	return reply{http.StatusNoContent, nil}, nil
}

// retryPush is how the vendor treats answers: what is no success is tried again, for four hours.
func retryPush(status, tries int) (time.Duration, bool) {
	if status >= 200 && status < 300 {
		return 0, false
	}
	wait := min(10*time.Second<<min(tries, 10), 10*time.Minute)
	return wait, tries < 28
}

// tell sends a notification to all who watch a calendar. The caller holds the lock.
func (s *Server) tell(c *calendar, e, old *Event) {
	change := "updated"
	switch {
	case e.gone:
		change = "deleted"
	case old == nil || old.gone:
		change = "created"
	}
	mood := s.moods[c.id]
	for _, sub := range s.subscriptions {
		if sub.box != c.box || (sub.cal != "" && sub.cal != c.id) || !s.alive(sub) || sub.silent || sub.needsRenew ||
			!slices.Contains(sub.changes, change) {
			continue
		}
		for range 1 + mood.Storm {
			s.sender.Send(sub.ID, s.note(sub, change, e), mood)
			change = "updated" // one action of a person causes several
		}
	}
}

// note is a change notification.
func (s *Server) note(sub *subscription, change string, e *Event) push.Message {
	path := "Users/" + sub.box.user + "/Events/" + e.ID
	return sub.message(sub.NotificationURL, map[string]any{
		"subscriptionId": sub.ID, "subscriptionExpirationDateTime": sub.Expires.UTC().Format(time.RFC3339),
		"changeType": change, "resource": path, "clientState": sub.state, "tenantId": "00000000-0000-0000-0000-000000000000",
		"resourceData": map[string]any{
			"@odata.type": "#Microsoft.Graph.Event", "@odata.id": path, "@odata.etag": e.ETag, "id": e.ID,
		},
	})
}

func (s *subscription) message(address string, item map[string]any) push.Message {
	body, _ := json.Marshal(map[string]any{"value": []any{item}}) // plain values: cannot fail
	return push.Message{URL: address, Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}, Body: body}
}

// The events of a subscription's life.
const (
	LifecycleReauthorize = "reauthorizationRequired" // it pauses until it is renewed
	LifecycleRemoved     = "subscriptionRemoved"
	LifecycleMissed      = "missed"
)

// Lifecycle makes an event happen to the subscriptions of a calendar and tells their owners.
func (s *Server) Lifecycle(cal, event string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, sub := range s.subscriptions {
		if sub.cal != cal || !s.alive(sub) {
			continue
		}
		switch event {
		case LifecycleReauthorize:
			sub.needsRenew = true
		case LifecycleRemoved:
			delete(s.subscriptions, id)
		}
		if sub.LifecycleURL == "" {
			continue
		}
		s.sender.Send(id, sub.message(sub.LifecycleURL, map[string]any{
			"subscriptionId": id, "subscriptionExpirationDateTime": sub.Expires.UTC().Format(time.RFC3339),
			"lifecycleEvent": event, "clientState": sub.state, "resource": sub.resource,
			"tenantId": "00000000-0000-0000-0000-000000000000",
		}), Mood{})
	}
}

// SetMood says how messages about a calendar fare from now on.
func (s *Server) SetMood(cal string, m Mood) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moods[s.must(cal).id] = m
}

// Subscriptions returns the subscriptions to a calendar that have not ended, by the time at which they do.
func (s *Server) Subscriptions(cal string) []Subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Subscription
	for _, sub := range s.subscriptions {
		if sub.cal == cal && s.alive(sub) {
			out = append(out, sub.Subscription)
		}
	}
	slices.SortFunc(out, func(a, b Subscription) int { return a.Expires.Compare(b.Expires) })
	return out
}

// Silence makes the subscriptions to a calendar that are there now tell nothing more, without a word.
func (s *Server) Silence(cal string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sub := range s.subscriptions {
		if sub.cal == cal {
			sub.silent = true
		}
	}
}

// ExpireSubscriptions ends the subscriptions to a calendar before their time, without a word.
func (s *Server) ExpireSubscriptions(cal string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, sub := range s.subscriptions {
		if sub.cal == cal {
			delete(s.subscriptions, id)
		}
	}
}

// Pushes returns what became of the messages so far.
func (s *Server) Pushes() push.Counts { return s.sender.Counts() }

// Close ends the sending of messages and waits for those under way.
func (s *Server) Close() { s.sender.Close() }
