package account

import (
	"encoding/json"
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
	var mine *Error
	if errors.As(err, &mine) {
		return mine
	}
	reply := refused(err)
	if reply == nil {
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
	switch {
	case a.cfg.Grant == GrantClientCredentials:
		return "grant the application its permissions again, or check the tenant"
	case a.cfg.Grant == GrantServiceAccount && a.cfg.Subject != "":
		return "check that the service account's key was not deleted, and that domain-wide delegation grants it the scopes " +
			"for this subject"
	case a.cfg.Grant == GrantServiceAccount:
		return "check that the service account and its key were not deleted"
	}
	if a.cfg.RefreshTokenFrom != "" {
		return a.runConnect() + ", or put a new refresh token into " + a.cfg.RefreshTokenFrom
	}
	return a.runConnect()
}

// runConnect names the command with which a person signs in.
func (a *Account) runConnect() string { return a.cfg.runConnect() }

func (c *Config) runConnect() string {
	return fmt.Sprintf("run %q", "slotd connect "+c.Provider+" "+c.Name)
}

// declined says what the person or the provider answered instead of a code.
func (c *Config) declined(code string) error {
	e := &Error{Account: c.Name, Problem: "the provider refused the sign-in" + codeIn(code) + ", so nothing was saved",
		Mend: "read what its page said, mend it and " + c.runConnect()}
	switch code {
	case "access_denied", "authorization_declined", "consent_required":
		e.Problem = "the sign-in was declined, so nothing was saved"
		e.Mend = c.runConnect() + " again and agree"
	case "invalid_scope":
		e.Mend = "check the scopes of the account in the configuration, and that the OAuth client may ask for them"
	}
	return e
}

// redeemError turns an error of a sign-in into a sentence. redirect is where the browser came back to, "" for a device.
func (c *Config) redeemError(err error, redirect string) error {
	reply := refused(err)
	if reply == nil {
		return &Error{Account: c.Name, Problem: "finish the sign-in: " + err.Error(), Err: err}
	}
	e := &Error{Account: c.Name, Err: err,
		Problem: "finish the sign-in: the token endpoint answered " + answer(reply) + "; nothing was saved"}
	switch reply.ErrorCode {
	case "access_denied", "authorization_declined":
		return c.declined(reply.ErrorCode)
	case "expired_token":
		e.Mend = "nobody signed in in time: " + c.runConnect() + " again"
	case "invalid_client", "unauthorized_client":
		e.Mend = "check client_id and the client secret"
		if redirect == "" {
			e.Mend += `, and that "Allow public client flows" is on in the app registration`
		}
	case "redirect_uri_mismatch":
		e.Mend = "allow exactly this redirect address in the OAuth client: " + redirect
	case "invalid_grant":
		e.Mend = "the code was used already, too old, or the clock of this host is wrong: " + c.runConnect() + " again"
	}
	return e
}

// refused returns the token endpoint's reply that err is about, nil when there was none. Some grants of x/oauth2 leave it to
// their caller to find the code in it.
func refused(err error) *oauth2.RetrieveError {
	var reply *oauth2.RetrieveError
	if !errors.As(err, &reply) {
		return nil
	}
	var body struct{ Error string }
	if reply.ErrorCode == "" && json.Unmarshal(reply.Body, &body) == nil {
		reply.ErrorCode = body.Error
	}
	return reply
}

// answer returns the status and the error code of a reply. The code is printed only if it has the form of one: a reply
// is a stranger's text.
func answer(reply *oauth2.RetrieveError) string {
	s := "with an error"
	if reply.Response != nil {
		s = strings.TrimSpace(fmt.Sprintf("%d %s", reply.Response.StatusCode, http.StatusText(reply.Response.StatusCode)))
	}
	return s + codeIn(reply.ErrorCode)
}

// codeIn returns an error code in brackets, "" for what does not look like one.
func codeIn(code string) string {
	notCode := func(r rune) bool { return (r < 'a' || r > 'z') && r != '_' }
	if code == "" || len(code) > 40 || strings.ContainsFunc(code, notCode) {
		return ""
	}
	return " (" + code + ")"
}
