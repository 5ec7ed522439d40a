package account

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"golang.org/x/oauth2"
)

// ErrClosed is returned for requests after Close.
var ErrClosed = errors.New("account is closed")

// Error is a failure to get an access token. Its text names the account, what went wrong and, where a person is needed,
// the mend. The provider's error stays in the chain for classification only: do not print it, since a provider's reply
// may hold tokens and addresses.
type Error struct {
	Account string
	// Problem says what went wrong, without any part of a secret or of a reply's body.
	Problem string
	// Mend says what a person has to do; "" when waiting may help.
	Mend string
	Err  error
}

// Error implements error.
func (e *Error) Error() string {
	s := fmt.Sprintf("account %q: %s", e.Account, e.Problem)
	if e.Mend != "" {
		s += ": " + e.Mend
	}
	return s
}

// Unwrap returns the cause, often an *oauth2.RetrieveError.
func (e *Error) Unwrap() error { return e.Err }

// NeedsPerson reports whether err says that an account needs a person, and that trying again will not help.
func NeedsPerson(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Mend != ""
}

// exchangeError turns an error of the token endpoint into an Error. The terminal codes are those of RFC 6749 section 5.2
// that no waiting mends, and OpenID Connect's interaction_required, with which Microsoft asks for a new sign-in.
func (a *Account) exchangeError(err error) *Error {
	e := &Error{Account: a.cfg.Name, Err: err}
	var reply *oauth2.RetrieveError
	if !errors.As(err, &reply) {
		e.Problem = "get an access token: " + err.Error()
		return e
	}
	e.Problem = "get an access token: the token endpoint answered " + answer(reply)
	switch reply.ErrorCode {
	case "invalid_grant", "interaction_required":
		e.Mend = a.mendGrant()
	case "invalid_client", "unauthorized_client":
		e.Mend = "check client_id and the client secret"
	}
	return e
}

// mendGrant says how a person gives the account a new grant.
func (a *Account) mendGrant() string {
	if a.cfg.Grant == GrantClientCredentials {
		return "grant the application its permissions again, or check the tenant"
	}
	if a.cfg.RefreshTokenFrom != "" {
		return "sign in again and put the new refresh token into " + a.cfg.RefreshTokenFrom
	}
	return "sign in and give the account a refresh_token_file"
}

// answer returns the status and the error code of a reply. The code is printed only if it has the form of one: a reply
// is a stranger's text.
func answer(reply *oauth2.RetrieveError) string {
	s := "with an error"
	if reply.Response != nil {
		s = strings.TrimSpace(fmt.Sprintf("%d %s", reply.Response.StatusCode, http.StatusText(reply.Response.StatusCode)))
	}
	notCode := func(r rune) bool { return (r < 'a' || r > 'z') && r != '_' }
	if code := reply.ErrorCode; code != "" && len(code) <= 40 && !strings.ContainsFunc(code, notCode) {
		s += " (" + code + ")"
	}
	return s
}
