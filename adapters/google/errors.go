package google

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"slotd/internal/calendar"

	"golang.org/x/oauth2"
	"google.golang.org/api/googleapi"
)

// byReason goes before byStatus. The status alone is ambiguous: 403 and 410 each mean several things.
// Source: https://developers.google.com/workspace/calendar/api/guides/errors
var byReason = map[int]map[string]calendar.Kind{
	http.StatusForbidden: {
		"rateLimitExceeded":           calendar.Throttled,
		"userRateLimitExceeded":       calendar.Throttled,
		"quotaExceeded":               calendar.Throttled,
		"dailyLimitExceeded":          calendar.Throttled,
		"calendarUsageLimitsExceeded": calendar.Throttled,
		"insufficientPermissions":     calendar.NeedsPerson,
		"accessNotConfigured":         calendar.NeedsPerson,
		"authError":                   calendar.NeedsPerson,
	},
	http.StatusGone: {
		"fullSyncRequired":     calendar.Expired,
		"updatedMinTooLongAgo": calendar.Expired,
	},
}

var byStatus = map[int]calendar.Kind{
	http.StatusUnauthorized:       calendar.NeedsPerson, // the token source has refreshed already
	http.StatusNotFound:           calendar.Gone,
	http.StatusRequestTimeout:     calendar.Unclear,
	http.StatusConflict:           calendar.Conflict,
	http.StatusGone:               calendar.Gone,
	http.StatusPreconditionFailed: calendar.Conflict,
	http.StatusTooManyRequests:    calendar.Throttled,
}

// kindOf classifies a reply that was not a success.
func kindOf(status int, reason string) calendar.Kind {
	if k, ok := byReason[status][reason]; ok {
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

// classify turns what the API client returned into a [calendar.Error]. It keeps no text of the reply and no address.
func classify(op string, err error) error {
	if err == nil {
		return nil
	}
	var reply *googleapi.Error
	if errors.As(err, &reply) {
		reason := ""
		if len(reply.Errors) > 0 {
			reason = printable(reply.Errors[0].Reason)
		}
		return &calendar.Error{Kind: kindOf(reply.Code, reason), Op: op, Status: reply.Code, Reason: reason,
			RetryAfter: retryAfter(reply.Header, time.Now())}
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
	return &calendar.Error{Kind: calendar.Unclear, Op: op, Err: cause(err)}
}

// tokenError classifies a refused token refresh. Its body may hold anything and is dropped.
func tokenError(op string, token *oauth2.RetrieveError) error {
	e := &calendar.Error{Kind: calendar.Unclear, Op: op, Reason: printable(token.ErrorCode)}
	switch token.ErrorCode {
	case "invalid_grant", "unauthorized_client", "invalid_client", "interaction_required":
		e.Kind = calendar.NeedsPerson
	}
	if token.Response != nil {
		e.Status = token.Response.StatusCode
		e.RetryAfter = retryAfter(token.Response.Header, time.Now())
	}
	return e
}

// cause keeps those causes whose text cannot hold an address or an id.
func cause(err error) error {
	for _, known := range []error{context.Canceled, context.DeadlineExceeded, io.ErrUnexpectedEOF, io.EOF,
		syscall.ECONNREFUSED, syscall.ECONNRESET} {
		if errors.Is(err, known) {
			return known
		}
	}
	var n net.Error
	if errors.As(err, &n) && n.Timeout() {
		return errors.New("timeout")
	}
	return errors.New("no usable reply")
}

// retryAfter reads the header of that name: seconds or an HTTP date. Anything else, and the past, is 0; more than a
// day is a day.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	const most = 24 * time.Hour
	if s, err := strconv.ParseInt(v, 10, 64); err == nil {
		return time.Duration(min(max(s, 0), int64(most/time.Second))) * time.Second
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), most)
}

// printable keeps a code from outside short and plain, so that it can stand in a log.
func printable(code string) string {
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./+", r) {
			return r
		}
		return -1
	}, code)
	return clean[:min(len(clean), 64)]
}

func statusOf(err error) int {
	var e *calendar.Error
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

func isStatus(err error, status int) bool { return statusOf(err) == status }

// isConflict reports a 409 of the API client: the id is taken.
func isConflict(err error) bool {
	var reply *googleapi.Error
	return errors.As(err, &reply) && reply.Code == http.StatusConflict
}
