package google

import (
	"encoding/json"
	"io"
	"net/http"
)

// apiError is an error in the vendor's shape.
type apiError struct {
	status            int
	reason, message   string
	location, locType string
}

type wireError struct {
	Domain       string `json:"domain"`
	Reason       string `json:"reason"`
	Message      string `json:"message"`
	LocationType string `json:"locationType,omitempty"`
	Location     string `json:"location,omitempty"`
}

func newError(status int, reason, message string) *apiError {
	return &apiError{status: status, reason: reason, message: message}
}

func invalid(message string) *apiError { return newError(http.StatusBadRequest, "invalid", message) }

func errNotFound() *apiError { return newError(http.StatusNotFound, "notFound", "Not Found") }

func errAuth() *apiError {
	return &apiError{http.StatusUnauthorized, "authError", "Invalid Credentials", "Authorization", "header"}
}

func errSyncToken() *apiError {
	return &apiError{
		http.StatusGone, "fullSyncRequired", "Sync token is no longer valid, a full sync is required.",
		"syncToken", "parameter",
	}
}

func errChanged() *apiError {
	return &apiError{http.StatusPreconditionFailed, "conditionNotMet", "Precondition Failed", "If-Match", "header"}
}

// usual are the reasons that the vendor gives with a status, for refusals that a test injects without one.
var usual = map[int]*apiError{
	http.StatusBadRequest:         invalid("Bad Request"),
	http.StatusUnauthorized:       errAuth(),
	http.StatusForbidden:          {reason: "rateLimitExceeded", message: "Rate Limit Exceeded"},
	http.StatusNotFound:           errNotFound(),
	http.StatusConflict:           {reason: "duplicate", message: "The requested identifier already exists."},
	http.StatusGone:               errSyncToken(),
	http.StatusPreconditionFailed: errChanged(),
	http.StatusTooManyRequests:    {reason: "rateLimitExceeded", message: "Rate Limit Exceeded"},
}

// domainOf returns the error domain that belongs to a reason.
func domainOf(reason string) string {
	switch reason {
	case "rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded":
		return "usageLimits"
	case "fullSyncRequired", "updatedMinTooLongAgo", "timeRangeEmpty", "requiredAccessLevel":
		return "calendar"
	}
	return "global"
}

func refuseInjected(w http.ResponseWriter, status int, reason string) {
	e := apiError{status: status, reason: "backendError", message: http.StatusText(status)}
	if u := usual[status]; u != nil {
		e = *u
		e.status = status
	}
	if reason != "" && reason != e.reason {
		e = apiError{status: status, reason: reason, message: http.StatusText(status)}
	}
	writeError(w, &e)
}

func notServed(w http.ResponseWriter, _ *http.Request) { writeError(w, errNotFound()) }

func writeError(w http.ResponseWriter, e *apiError) {
	row := wireError{domainOf(e.reason), e.reason, e.message, e.locType, e.location}
	writeJSON(w, e.status, map[string]any{
		"error": map[string]any{"code": e.status, "message": e.message, "errors": []wireError{row}},
	})
}

// writeReply writes v, cut to the fields that the request asked for. A nil v is 204.
func writeReply(w http.ResponseWriter, r *http.Request, v any) {
	if v == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	mask := r.URL.Query().Get("fields")
	if mask == "" {
		writeJSON(w, http.StatusOK, v)
		return
	}
	cut, err := selectFields(v, mask)
	if err != nil {
		writeError(w, &apiError{http.StatusBadRequest, "invalidParameter", err.Error(), "fields", "parameter"})
		return
	}
	writeJSON(w, http.StatusOK, cut)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // the caller may be gone
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, *apiError) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		return nil, newError(http.StatusBadRequest, "badRequest", "The body cannot be read")
	}
	return body, nil
}
