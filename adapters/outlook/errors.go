package outlook

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"slotd/internal/calendar"

	"golang.org/x/oauth2"
)

// byCode goes before byStatus. The codes are written in lower case: Graph is not consistent about it.
// Source: https://learn.microsoft.com/graph/errors and /graph/delta-query-overview.
var byCode = map[string]calendar.Kind{
	"syncstatenotfound":                calendar.Expired,
	"syncstateinvalid":                 calendar.Expired,
	"resyncrequired":                   calendar.Expired,
	"resyncchangesapplydifferences":    calendar.Expired,
	"resyncchangesuploaddifferences":   calendar.Expired,
	"invaliddeltatoken":                calendar.Expired,
	"applicationthrottled":             calendar.Throttled,
	"toomanyrequests":                  calendar.Throttled,
	"authorization_requestdenied":      calendar.NeedsPerson,
	"authorization_identitynotfound":   calendar.NeedsPerson,
	"invalidauthenticationtoken":       calendar.NeedsPerson,
	"mailboxnotenabledforrestapi":      calendar.NeedsPerson,
	"mailboxnotsupportedforrestapi":    calendar.NeedsPerson,
	"errorinsufficientpermissions":     calendar.NeedsPerson,
	"errorinvaliddelegationpermission": calendar.Refused,
}

var byStatus = map[int]calendar.Kind{
	http.StatusUnauthorized:             calendar.NeedsPerson, // the token source has refreshed already
	http.StatusNotFound:                 calendar.Gone,
	http.StatusRequestTimeout:           calendar.Unclear,
	http.StatusConflict:                 calendar.Conflict,
	http.StatusGone:                     calendar.Gone,
	http.StatusPreconditionFailed:       calendar.Conflict,
	http.StatusTooManyRequests:          calendar.Throttled,
	http.StatusInsufficientStorage:      calendar.Refused, // the mailbox is full
	509 /* bandwidth limit exceeded */ : calendar.Throttled,
}

// kindOf classifies a reply that was not a success. 403 is Refused: it mostly concerns one calendar, which was
// shared and is so no more.
func kindOf(status int, code string) calendar.Kind {
	if k, ok := byCode[strings.ToLower(code)]; ok && status < 500 {
		return k
	}
	if k, ok := byStatus[status]; ok {
		return k
	}
	if status >= 400 && status < 500 {
		return calendar.Refused
	}
	return calendar.Unclear
}

// classify turns what the SDK returned without a status into a [calendar.Error]. It keeps no text of the reply and no
// address.
func classify(op string, err error) error {
	if err == nil {
		return nil
	}
	var own *calendar.Error
	if errors.As(err, &own) { // from the token source
		return &calendar.Error{Kind: own.Kind, Op: op, Status: own.Status, Reason: own.Reason,
			RetryAfter: own.RetryAfter}
	}
	var token *oauth2.RetrieveError
	if errors.As(err, &token) {
		return tokenError(op, token)
	}
	return &calendar.Error{Kind: calendar.Unclear, Op: op, Err: calendar.Cause(err, errOtherHost, errNoList)}
}

// tokenError classifies a refused token refresh. Its body may hold anything and is dropped.
func tokenError(op string, token *oauth2.RetrieveError) error {
	e := &calendar.Error{Kind: calendar.Unclear, Op: op, Reason: calendar.Code(token.ErrorCode)}
	switch token.ErrorCode {
	case "invalid_grant", "unauthorized_client", "invalid_client", "interaction_required":
		e.Kind = calendar.NeedsPerson
	}
	if token.Response != nil {
		e.Status = token.Response.StatusCode
		e.RetryAfter = calendar.RetryAfterHeader(token.Response.Header, time.Now())
	}
	return e
}

// endless is the error for a list whose pages do not end.
func endless(op string) error {
	return &calendar.Error{Kind: calendar.Unclear, Op: op, Reason: "tooManyPages"}
}

func statusOf(err error) int {
	var e *calendar.Error
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}
