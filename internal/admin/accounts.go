package admin

import (
	"context"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"time"
)

// Accounts does what the commands about accounts ask; their errors are sentences for the operator and hold no secret.
// The daemon implements it, and so does the command itself where no daemon runs.
type Accounts interface {
	// Account says how an account is, and whether a sign-in could be saved.
	Account(ctx context.Context, name string) (AccountDetail, error)
	// Calendars lists the calendars that the account sees.
	Calendars(ctx context.Context, name string) ([]CalendarChoice, error)
	// Adopt saves a sign-in and puts it to use.
	Adopt(ctx context.Context, name string, a Adoption) error
	// Disconnect ends the use of an account.
	Disconnect(ctx context.Context, name string, local bool) (Disconnection, error)
}

// SignIns awaits browsers that come back to the daemon's public address.
type SignIns interface {
	// Expect announces a state.
	Expect(state string) error
	// Wait returns what the browser brought; code and refusal are empty when ctx ended before.
	Wait(ctx context.Context, state string) (code, refusal string, err error)
}

// AccountDetail is an account as the commands see it.
type AccountDetail struct {
	Account
	// CannotSave says why a sign-in could not be saved; empty when it could.
	CannotSave string `json:"cannot_save,omitempty"`
}

// CalendarChoice is a calendar to choose for the configuration.
type CalendarChoice struct {
	// Calendar is how the configuration names it: account/id.
	Calendar string `json:"calendar"`
	Name     string `json:"name"`
	Zone     string `json:"zone,omitempty"` // IANA, empty when the provider does not say
	Writable bool   `json:"writable"`
	Primary  bool   `json:"primary,omitempty"`
}

// Adoption is what a sign-in brought. It holds a secret.
type Adoption struct {
	RefreshToken string   `json:"refresh_token"`
	Scopes       []string `json:"scopes,omitempty"`
	Identity     string   `json:"identity,omitempty"` // the fingerprint of who signed in
	Replace      bool     `json:"replace,omitempty"`
}

// Disconnection is what became of an account's grant.
type Disconnection struct {
	// Revoked: the provider ended the grant. Otherwise it was only forgotten here.
	Revoked bool `json:"revoked"`
	// Configured names where the configuration still refers to a refresh token; empty when it does not.
	Configured string `json:"configured,omitempty"`
}

// SignInState is a state to announce or to wait for.
type SignInState struct {
	State string `json:"state"`
}

// SignInAnswer is what came back; all empty: nothing yet, ask again.
type SignInAnswer struct {
	Code    string `json:"code,omitempty"`
	Refusal string `json:"refusal,omitempty"`
}

const (
	maxAdminBody = 64 << 10
	// providerWithin bounds requests that wait for a provider. It is more than the server's usual time for an answer.
	providerWithin = 60 * time.Second
	// signInPoll is how long one question for a sign-in waits.
	signInPoll = 8 * time.Second
)

// accountRoutes adds the routes of the commands about accounts.
func (a *api) accountRoutes(mux *http.ServeMux) {
	if acc := a.cfg.Accounts; acc != nil {
		mux.HandleFunc("GET /api/accounts/{name}", tell(func(r *http.Request, _ struct{}) (AccountDetail, error) {
			return acc.Account(r.Context(), r.PathValue("name"))
		}))
		mux.HandleFunc("GET /api/accounts/{name}/calendars", tell(func(r *http.Request, _ struct{}) ([]CalendarChoice, error) {
			return acc.Calendars(r.Context(), r.PathValue("name"))
		}))
		mux.HandleFunc("POST /api/accounts/{name}/adopt", tell(func(r *http.Request, in Adoption) (struct{}, error) {
			return struct{}{}, acc.Adopt(r.Context(), r.PathValue("name"), in)
		}))
		mux.HandleFunc("POST /api/accounts/{name}/disconnect",
			tell(func(r *http.Request, in struct{ Local bool }) (Disconnection, error) {
				return acc.Disconnect(r.Context(), r.PathValue("name"), in.Local)
			}))
	}
	if s := a.cfg.SignIns; s != nil {
		mux.HandleFunc("POST /api/sign-ins", tell(func(_ *http.Request, in SignInState) (struct{}, error) {
			return struct{}{}, s.Expect(in.State)
		}))
		mux.HandleFunc("POST /api/sign-ins/wait", tell(func(r *http.Request, in SignInState) (out SignInAnswer, err error) {
			ctx, cancel := context.WithTimeout(r.Context(), signInPoll)
			defer cancel()
			out.Code, out.Refusal, err = s.Wait(ctx, in.State)
			return out, err
		}))
	}
}

// tell answers a question with JSON, or with the sentence of the error. A body must call itself JSON, which a page of
// another site in the operator's browser cannot without being asked first.
func tell[In, Out any](fn func(*http.Request, In) (Out, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(providerWithin + time.Second))
		ctx, cancel := context.WithTimeout(r.Context(), providerWithin)
		defer cancel()
		var in In
		if r.Method != http.MethodGet {
			if err := readJSON(w, r, &in); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
		}
		out, err := fn(r.WithContext(ctx), in)
		var bad badRequest
		switch {
		case errors.As(err, &bad):
			http.Error(w, bad.Error(), http.StatusBadRequest)
			return
		case err != nil:
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = json.NewEncoder(w).Encode(out) // the caller may be gone
	}
}

// readJSON reads a body. Its errors do not quote it.
func readJSON(w http.ResponseWriter, r *http.Request, into any) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return errors.New("the body must be application/json")
	}
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAdminBody))
	dec.DisallowUnknownFields()
	if dec.Decode(into) != nil {
		return errors.New("the body is not what this version understands")
	}
	return nil
}
