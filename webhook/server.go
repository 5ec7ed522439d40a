// Package webhook is what the internet can reach: the endpoint of the WhatsApp Flow, and health.
//
// A request to the endpoint passes, in this order: the size limit, the signature over the raw bytes (432), the key ring
// (421), the health check, a client's error report, and then the conversation. Nothing from outside can panic it, and no
// business situation is answered with a 5xx: the customer gets the same screen again, with a reason and fresh data.
//
// It never logs a token, a payload or a person.
package webhook

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"time"

	"slotd/internal/calendar"
	"slotd/internal/desk"
	"slotd/internal/flow"
)

// Limits of the endpoint.
const (
	// MaxBody is the largest request body in bytes. Flows of ours send a few hundred.
	MaxBody = 256 << 10
	// answerWithin bounds one answer. Meta gives up after ten seconds.
	answerWithin = 8 * time.Second
)

// Statuses of the Flow protocol beside the usual ones.
const (
	statusUndecryptable = 421 // the client fetches the public key anew and sends once more
	statusTokenInvalid  = 427 // the client closes the Flow and disables the button; the body says why
	statusBadSignature  = 432
)

// Config is what New needs; all fields are required but Ready, SignIn, Now, Observe, Pushed and ObservePush.
type Config struct {
	Desk *desk.Desk
	Flow *flow.Flow
	Keys *flow.KeyRing
	// AppSecrets verify the signature; one of them must fit.
	AppSecrets [][]byte
	// Business and Phone are shown to customers; Phone may be empty.
	Business, Phone string
	// ScreenTTL is the age from which a screen is answered with itself and fresh data.
	ScreenTTL time.Duration
	// Ready says why requests cannot be answered well, nil when they can.
	Ready func() error
	// SignIn takes the operator's browser that comes back from a provider, nil when nobody signs in.
	SignIn http.Handler
	Log    *slog.Logger
	Now    func() time.Time
	// Observe is told of every answer of the Flow endpoint, by the goroutine that gave it: it must be quick.
	Observe func(Observation)
	// Pushed judges the messages of calendar providers and begins what they ask for, at once; nil: there are no routes for
	// them. ObservePush is told of each, by provider and outcome, both from PushSets; it may be nil.
	Pushed      func(calendar.Push) calendar.PushVerdict
	ObservePush func(provider, outcome string)
}

// Server answers HTTP. Make it with New.
type Server struct {
	cfg  Config
	talk *conversation
}

// New returns a server. It is an error when the Flow cannot be served: the message says what its file must change.
func New(cfg Config) (*Server, error) {
	if len(cfg.AppSecrets) == 0 {
		return nil, errors.New("webhook: an app secret is required; without one no request can be trusted")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	talk, err := newConversation(cfg)
	if err != nil {
		return nil, err
	}
	return &Server{cfg: cfg, talk: talk}, nil
}

// Handler returns the public routes.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/flow", s.serveFlow)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", s.serveReady)
	s.pushRoutes(mux)
	if s.cfg.SignIn != nil {
		mux.Handle("/oauth/callback", s.cfg.SignIn)
	}
	return s.recovered(mux)
}

func (s *Server) serveReady(w http.ResponseWriter, _ *http.Request) {
	if s.cfg.Ready != nil {
		if err := s.cfg.Ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
	}
	_, _ = io.WriteString(w, "ready\n")
}

// recovered keeps the daemon alive should a request find a bug.
func (s *Server) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := s.cfg.Now()
		defer func() {
			if v := recover(); v != nil {
				s.cfg.Log.Error("request panicked", "path", r.URL.Path, "stack", string(debug.Stack()))
				s.observe(answer{outcome: Panicked}, s.cfg.Now().Sub(begun))
				w.WriteHeader(http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

func (s *Server) serveFlow(w http.ResponseWriter, r *http.Request) {
	begun := s.cfg.Now()
	ctx, cancel := context.WithTimeout(r.Context(), answerWithin)
	defer cancel()
	a := s.answer(ctx, r)
	if a.allow != "" {
		w.Header().Set("Allow", a.allow)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
	took := s.cfg.Now().Sub(begun)
	s.observe(a, took)
	s.cfg.Log.Log(ctx, a.level(), "flow", "status", a.status, "action", a.action, "screen", a.screen,
		"outcome", string(a.outcome), "took_ms", float64(took.Microseconds())/1000)
}

// answer is what goes back over HTTP, and what the log may know of it.
type answer struct {
	status  int
	body    []byte
	allow   string
	action  string // from a closed set
	screen  string // that is shown; of the Flow, or empty
	outcome Outcome
	from    string // the screen that the request came from; of the Flow, or empty
	steps   []Made
	client  string // a code that the phone reported
	none    bool   // the screen has no time to choose
}

func (a answer) level() slog.Level {
	switch {
	case a.status >= 500:
		return slog.LevelError
	case a.status >= 400:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

func refuse(status int, outcome Outcome) answer {
	return answer{status: status, outcome: outcome}
}

// answer opens a request and answers it. Everything up to the key ring costs little, as anyone can ask for it.
func (s *Server) answer(ctx context.Context, r *http.Request) answer {
	if r.Method != http.MethodPost {
		a := refuse(http.StatusMethodNotAllowed, NotPost)
		a.allow = http.MethodPost
		return a
	}
	if r.ContentLength > MaxBody {
		return refuse(http.StatusRequestEntityTooLarge, BodyTooLarge)
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxBody+1))
	if err != nil {
		return refuse(http.StatusBadRequest, BodyUnreadable)
	}
	if len(body) > MaxBody {
		return refuse(http.StatusRequestEntityTooLarge, BodyTooLarge)
	}
	if !flow.Verify(s.cfg.AppSecrets, r.Header.Get("X-Hub-Signature-256"), body) {
		return refuse(statusBadSignature, BadSignature)
	}
	plain, reply, err := s.cfg.Keys.Open(ctx, body)
	switch {
	case errors.Is(err, flow.ErrUndecryptable):
		return refuse(statusUndecryptable, NoKey)
	case errors.Is(err, flow.ErrBusy):
		return refuse(http.StatusServiceUnavailable, TooBusy)
	case err != nil:
		return refuse(http.StatusBadRequest, MalformedEnvelope)
	}
	req, err := flow.ParseRequest(plain)
	if err != nil {
		return refuse(http.StatusBadRequest, MalformedRequest)
	}
	a := s.dispatch(ctx, req)
	if a.body != nil {
		a.body = reply.Seal(a.body)
	}
	return a
}

// dispatch answers a decrypted request. An error report reuses the names of actions, so it is asked for first.
func (s *Server) dispatch(ctx context.Context, req flow.Request) answer {
	if req.Action == flow.ActionPing {
		return answer{status: http.StatusOK, body: flow.Ping(), action: actionPing, outcome: Pong}
	}
	if code, _, ok := req.ClientError(); ok {
		a := answer{
			status: http.StatusOK, body: flow.Acknowledge(), action: actionError, outcome: Reported,
			from: s.talk.known(req.Screen), client: closedCode(code),
		}
		a.steps = []Made{{StepClientError, a.from}}
		s.cfg.Log.Warn("the phone refused an answer", "code", a.client, "screen", a.from)
		return a
	}
	if req.FlowTokenSignature != "" {
		err := flow.VerifyToken(s.cfg.AppSecrets, req.FlowTokenSignature, req.FlowToken)
		if err != nil {
			s.cfg.Log.Warn("the flow token's signature does not fit", "error", err)
		}
		if err != nil && !errors.Is(err, flow.ErrNoTokenClaim) {
			return s.talk.closed(req, TokenSignature)
		}
	}
	return s.talk.answer(ctx, req)
}

// otherError stands for all codes that are not known.
const otherError = "other"

// ClientErrors returns the error codes that clients are known to report and one for all others, so that the log and
// metrics have a closed set of them.
func ClientErrors() []string {
	return []string{
		"payload-schema-error", "components-validation-error", "invalid-screen-transition", "response-decryption-error",
		"invalid-response-format", "timeout_error", otherError,
	}
}

func closedCode(code string) string {
	if slices.Contains(ClientErrors(), code) {
		return code
	}
	return otherError
}
