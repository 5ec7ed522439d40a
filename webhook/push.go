package webhook

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"slotd/internal/calendar"
)

// Limits of messages from calendar providers.
const (
	// MaxPush is the largest body in bytes. Google sends none, Graph some five hundred for each change.
	MaxPush = 1 << 20
	// maxPushText bounds ids, secrets and handles; none of ours is longer than 128.
	maxPushText = 512
	// maxEcho bounds what is echoed in a handshake.
	maxEcho = 4096
)

// The providers that push, as Config.ObservePush knows them.
const (
	pushGoogle  = "google"
	pushOutlook = "outlook"
)

// What can become of a request beside the verdicts on its messages.
const (
	pushHandshake    = "handshake"
	pushBadHandshake = "bad_handshake"
	pushNotPost      = "not_post"
	pushTooLarge     = "body_too_large"
	pushMalformed    = "malformed"
)

// PushSets returns the closed sets of what Config.ObservePush is told.
func PushSets() (providers, outcomes []string) {
	outcomes = []string{pushHandshake, pushBadHandshake, pushNotPost, pushTooLarge, pushMalformed}
	for _, v := range []calendar.PushVerdict{
		calendar.PushAccepted, calendar.PushUnknown, calendar.PushForged, calendar.PushReplayed, calendar.PushEnded,
		calendar.PushNotReady,
	} {
		outcomes = append(outcomes, string(v))
	}
	return []string{pushGoogle, pushOutlook}, outcomes
}

// pushRoutes adds the routes of messages from calendar providers. Nothing waits for a calendar or the store here: a message
// only causes a look.
func (s *Server) pushRoutes(mux *http.ServeMux) {
	if s.cfg.Pushed == nil {
		return
	}
	mux.HandleFunc("/push/google", s.postOnly(pushGoogle, s.serveGooglePush))
	mux.HandleFunc("/push/outlook", s.postOnly(pushOutlook, s.serveOutlookPush))
}

func (s *Server) postOnly(provider string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		switch {
		case r.Method != http.MethodPost:
			w.Header().Set("Allow", http.MethodPost)
			s.refusePush(w, provider, pushNotPost, http.StatusMethodNotAllowed)
		case r.ContentLength > MaxPush:
			w.Header().Set("Connection", "close")
			s.refusePush(w, provider, pushTooLarge, http.StatusRequestEntityTooLarge)
		default:
			next(w, r)
		}
	}
}

func (s *Server) refusePush(w http.ResponseWriter, provider, outcome string, status int) {
	s.observePush(provider, outcome)
	w.WriteHeader(status)
}

func (s *Server) observePush(provider, outcome string) {
	if s.cfg.ObservePush != nil {
		s.cfg.ObservePush(provider, outcome)
	}
}

// judge hands a message on and counts it.
func (s *Server) judge(provider string, p calendar.Push) calendar.PushVerdict {
	verdict := s.cfg.Pushed(p)
	s.observePush(provider, string(verdict))
	return verdict
}

// serveGooglePush takes a message of a Google channel: all of it is in the headers. What is no message of ours is answered
// with success as well: whoever sent it should not send it again. 503 asks for another try.
// Source: https://developers.google.com/workspace/calendar/api/guides/push
func (s *Server) serveGooglePush(w http.ResponseWriter, r *http.Request) {
	p, ok := googlePush(r.Header)
	if !ok {
		s.refusePush(w, pushGoogle, pushMalformed, http.StatusBadRequest)
		return
	}
	if s.judge(pushGoogle, p) == calendar.PushNotReady {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// googlePush reads the headers of a message.
func googlePush(h http.Header) (p calendar.Push, ok bool) {
	p = calendar.Push{
		Channel: h.Get("X-Goog-Channel-ID"), Secret: h.Get("X-Goog-Channel-Token"), Handle: h.Get("X-Goog-Resource-ID"),
	}
	number, err := strconv.ParseUint(h.Get("X-Goog-Message-Number"), 10, 64)
	if err != nil || number == 0 || p.Channel == "" || !short(p.Channel, p.Secret, p.Handle) {
		return p, false
	}
	p.Number = number
	if h.Get("X-Goog-Resource-State") == "sync" {
		p.Event = calendar.PushOpened
	}
	return p, true
}

func short(texts ...string) bool {
	for _, t := range texts {
		if len(t) > maxPushText {
			return false
		}
	}
	return true
}

// serveOutlookPush takes the messages of Graph's subscriptions: a handshake, changes, and what happens to subscriptions. One
// request may bring messages of several. What is no message of ours is answered with success as well, otherwise Graph would
// send it again for four hours.
// Source: https://learn.microsoft.com/graph/change-notifications-delivery-webhooks
func (s *Server) serveOutlookPush(w http.ResponseWriter, r *http.Request) {
	if q := r.URL.Query(); q.Has("validationToken") {
		s.echo(w, q.Get("validationToken"))
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxPush))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		s.refusePush(w, pushOutlook, pushTooLarge, http.StatusRequestEntityTooLarge)
		return
	case err != nil:
		s.refusePush(w, pushOutlook, pushMalformed, http.StatusBadRequest)
		return
	}
	messages, malformed := outlookPushes(body)
	if malformed {
		s.observePush(pushOutlook, pushMalformed)
	}
	status := http.StatusAccepted
	for _, p := range messages {
		if s.judge(pushOutlook, p) == calendar.PushNotReady {
			status = http.StatusServiceUnavailable
		}
	}
	w.WriteHeader(status)
}

// echo answers a handshake: Graph wants its token back, decoded and as plain text, and so it can be nothing else to a
// browser.
func (s *Server) echo(w http.ResponseWriter, token string) {
	control := strings.ContainsFunc(token, func(r rune) bool { return !unicode.IsPrint(r) })
	if token == "" || len(token) > maxEcho || control || !utf8.ValidString(token) {
		s.refusePush(w, pushOutlook, pushBadHandshake, http.StatusBadRequest)
		return
	}
	s.observePush(pushOutlook, pushHandshake)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; sandbox")
	w.WriteHeader(http.StatusOK)
	_, _ = io.WriteString(w, token)
}

// lifecycle are the things that happen to subscriptions.
// Source: https://learn.microsoft.com/graph/change-notifications-lifecycle-events
var lifecycle = map[string]calendar.PushEvent{
	"":                        calendar.PushChanged,
	"reauthorizationRequired": calendar.PushReauthorize,
	"subscriptionRemoved":     calendar.PushRemoved,
	"missed":                  calendar.PushMissed,
}

// outlookPushes reads the messages of a request, equal ones once. malformed says that some of it is none.
func outlookPushes(body []byte) (out []calendar.Push, malformed bool) {
	var batch struct {
		Value []struct {
			SubscriptionID string `json:"subscriptionId"`
			ClientState    string `json:"clientState"`
			LifecycleEvent string `json:"lifecycleEvent"`
		} `json:"value"`
	}
	if err := json.Unmarshal(body, &batch); err != nil || len(batch.Value) == 0 {
		return nil, true
	}
	seen := map[calendar.Push]bool{}
	for _, n := range batch.Value {
		event, known := lifecycle[n.LifecycleEvent]
		// What is asked for with a clientState comes back with it: our id and secret, see adapters/outlook.
		id, secret, ok := strings.Cut(n.ClientState, ".")
		if !ok || id == "" || !known || !short(id, secret, n.SubscriptionID) {
			malformed = true
			continue
		}
		p := calendar.Push{Channel: id, Secret: secret, Handle: n.SubscriptionID, Event: event}
		if !seen[p] {
			seen[p] = true
			out = append(out, p)
		}
	}
	return out, malformed
}
