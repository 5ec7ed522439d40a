package graph

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
)

// maxBody bounds a request's body, before and after decompression.
const maxBody = 4 << 20

// apiError is an error in the vendor's shape.
type apiError struct {
	status        int
	code, message string
}

func newError(status int, code, message string) *apiError { return &apiError{status, code, message} }

func errToken() *apiError {
	return newError(http.StatusUnauthorized, "InvalidAuthenticationToken", "Access token has expired or is not yet valid.")
}

func errDenied() *apiError {
	return newError(http.StatusForbidden, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
}

func errItem() *apiError {
	return newError(http.StatusNotFound, "ErrorItemNotFound", "The specified object was not found in the store.")
}

func badRequest(code, message string) *apiError {
	return newError(http.StatusBadRequest, code, message)
}

// usual are the codes that the vendor gives with a status, for refusals that a test injects without one.
var usual = map[int]*apiError{
	http.StatusBadRequest:         {code: "BadRequest", message: "Bad Request"},
	http.StatusUnauthorized:       errToken(),
	http.StatusForbidden:          errDenied(),
	http.StatusNotFound:           errItem(),
	http.StatusConflict:           {code: "Conflict", message: "The request conflicts with the state of the resource."},
	http.StatusGone:               {code: "SyncStateNotFound", message: "The sync state generation is not found."},
	http.StatusPreconditionFailed: {code: "ErrorIrresolvableConflict", message: "The change key does not match."},
	http.StatusTooManyRequests: {
		code: "ApplicationThrottled", message: "Application is over its MailboxConcurrency limit.",
	},
	http.StatusServiceUnavailable: {code: "ErrorServerBusy", message: "The server cannot service this request right now."},
	http.StatusGatewayTimeout:     {code: "UnknownError", message: ""},
}

func refuseInjected(w http.ResponseWriter, status int, code string) {
	e := apiError{code: "ErrorInternalServerError", message: "An internal server error occurred."}
	if u := usual[status]; u != nil {
		e = *u
	}
	if code != "" {
		e.code = code
	}
	e.status = status
	writeError(w, &e)
}

func notServed(w http.ResponseWriter, _ *http.Request) {
	writeError(w, newError(http.StatusNotFound, "ResourceNotFound", "Resource not found for the segment."))
}

func writeError(w http.ResponseWriter, e *apiError) {
	writeReply(w, reply{e.status, map[string]any{"error": map[string]any{
		"code": e.code, "message": e.message,
		"innerError": map[string]any{"request-id": "00000000-0000-0000-0000-000000000000"},
	}}})
}

func writeReply(w http.ResponseWriter, rep reply) {
	if rep.body == nil {
		w.WriteHeader(rep.status)
		return
	}
	w.Header().Set("Content-Type", "application/json;odata.metadata=minimal;charset=utf-8")
	w.WriteHeader(rep.status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(rep.body) // the caller may be gone
}

// readBody reads a body, which clients may compress. A plain body that claims to be compressed is refused.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, *apiError) {
	unreadable := badRequest("BadRequest", "Unable to read JSON request payload.")
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, unreadable
	}
	switch r.Header.Get("Content-Encoding") {
	case "", "identity":
		return body, nil
	case "gzip":
	default:
		return nil, newError(http.StatusUnsupportedMediaType, "UnsupportedMediaType", "Unsupported content encoding.")
	}
	zr, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, unreadable
	}
	plain, err := io.ReadAll(io.LimitReader(zr, maxBody))
	if err != nil {
		return nil, unreadable
	}
	return plain, nil
}
