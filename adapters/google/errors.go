package google

import (
	"errors"
	"net/http"
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
	// Of a channel's address, not of the account. Source: https://developers.google.com/workspace/calendar/api/guides/push
	http.StatusUnauthorized: {
		"push.webhookUrlUnauthorized": calendar.Refused,
		"push.webhookUrlNotHttps":     calendar.Refused,
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
			reason = calendar.Code(reply.Errors[0].Reason)
		}
		return &calendar.Error{Kind: kindOf(reply.Code, reason), Op: op, Status: reply.Code, Reason: reason,
			RetryAfter: calendar.RetryAfterHeader(reply.Header, time.Now())}
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
	return &calendar.Error{Kind: calendar.Unclear, Op: op, Err: calendar.Cause(err)}
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

func statusOf(err error) int {
	var e *calendar.Error
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

func isStatus(err error, status int) bool { return statusOf(err) == status }
