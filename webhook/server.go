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
	"time"

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

// Config is what New needs; all fields are required but Ready, Now and Observe.
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
	Log   *slog.Logger
	Now   func() time.Time
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
		defer func() {
			if v := recover(); v != nil {
				s.cfg.Log.Error("request panicked", "path", r.URL.Path, "stack", string(debug.Stack()))
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
	s.cfg.Log.Log(ctx, a.level(), "flow", "status", a.status, "action", a.action, "screen", a.screen,
		"outcome", a.outcome, "took", s.cfg.Now().Sub(begun))
}

// answer is what goes back over HTTP, and what the log may know of it.
type answer struct {
	status  int
	body    []byte
	allow   string
	action  string // from a closed set
	screen  string // of the Flow, or empty
	outcome string
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

func refuse(status int, outcome string) answer {
	return answer{status: status, outcome: outcome}
}

// answer opens a request and answers it. Everything up to the key ring costs little, as anyone can ask for it.
func (s *Server) answer(ctx context.Context, r *http.Request) answer {
	if r.Method != http.MethodPost {
		a := refuse(http.StatusMethodNotAllowed, "not a POST")
		a.allow = http.MethodPost
		return a
	}
	if r.ContentLength > MaxBody {
		return refuse(http.StatusRequestEntityTooLarge, "body too large")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxBody+1))
	if err != nil {
		return refuse(http.StatusBadRequest, "body unreadable")
	}
	if len(body) > MaxBody {
		return refuse(http.StatusRequestEntityTooLarge, "body too large")
	}
	if !flow.Verify(s.cfg.AppSecrets, r.Header.Get("X-Hub-Signature-256"), body) {
		return refuse(statusBadSignature, "bad signature")
	}
	plain, reply, err := s.cfg.Keys.Open(ctx, body)
	switch {
	case errors.Is(err, flow.ErrUndecryptable):
		return refuse(statusUndecryptable, "no key fits")
	case errors.Is(err, flow.ErrBusy):
		return refuse(http.StatusServiceUnavailable, "too busy to decrypt")
	case err != nil:
		return refuse(http.StatusBadRequest, "malformed envelope")
	}
	req, err := flow.ParseRequest(plain)
	if err != nil {
		return refuse(http.StatusBadRequest, "malformed request")
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
		return answer{status: http.StatusOK, body: flow.Ping(), action: "ping", outcome: "pong"}
	}
	if code, _, ok := req.ClientError(); ok {
		s.cfg.Log.Warn("the phone refused an answer", "code", closedCode(code), "screen", s.talk.known(req.Screen))
		return answer{status: http.StatusOK, body: flow.Acknowledge(), action: "error", outcome: "client error"}
	}
	if req.FlowTokenSignature != "" {
		err := flow.VerifyToken(s.cfg.AppSecrets, req.FlowTokenSignature, req.FlowToken)
		if err != nil {
			s.cfg.Log.Warn("the flow token's signature does not fit", "error", err)
		}
		if err != nil && !errors.Is(err, flow.ErrNoTokenClaim) {
			return s.talk.closed(req, "token signature")
		}
	}
	return s.talk.answer(ctx, req)
}

// The error codes that clients are known to report, so that the log and metrics have a closed set of them.
var clientErrors = map[string]bool{
	"payload-schema-error": true, "components-validation-error": true, "invalid-screen-transition": true,
	"response-decryption-error": true, "invalid-response-format": true, "timeout_error": true,
}

func closedCode(code string) string {
	if clientErrors[code] {
		return code
	}
	return "other"
}
