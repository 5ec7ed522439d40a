package ics

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"time"

	"slotd/internal/calendar"
)

// statusError classifies a reply that is no calendar. What its body says is dropped.
func statusError(op string, reply *http.Response) error {
	e := &calendar.Error{Kind: calendar.Unclear, Op: op, Status: reply.StatusCode}
	switch reply.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		e.Kind = calendar.Throttled
		e.RetryAfter = calendar.RetryAfterHeader(reply.Header, time.Now())
	case http.StatusUnauthorized, http.StatusForbidden:
		e.Kind = calendar.NeedsPerson
	case http.StatusNotFound, http.StatusGone:
		e.Kind = calendar.Gone
	}
	return e
}

// transportError classifies what the HTTP client returned. Its text names the URL and is dropped.
func transportError(op string, err error) error {
	e := &calendar.Error{Kind: calendar.Unclear, Op: op}
	var certificate *tls.CertificateVerificationError
	var dns *net.DNSError
	switch {
	case errors.Is(err, errPrivate), errors.Is(err, errRedirect):
		e.Kind = calendar.Refused
		e.Err = calendar.Cause(err, errPrivate, errRedirect)
	case errors.As(err, &certificate):
		e.Reason = "certificate"
	case errors.As(err, &dns) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled):
		e.Reason = "unknownHost"
	default:
		e.Err = calendar.Cause(err)
	}
	return e
}

// contentError is for a text that arrived and cannot be used. What is cut off, out of
// order or no calendar may be right the next time.
func contentError(op string, err error) error {
	e := &calendar.Error{Kind: calendar.Refused, Op: op}
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &calendar.Error{Kind: calendar.Unclear, Op: op, Err: calendar.Cause(err)}
	case errors.Is(err, errNotACalendar), errors.Is(err, errTruncated), errors.Is(err, errMalformed),
		errors.Is(err, errMoved):
		e.Kind = calendar.Unclear
	}
	e.Reason = err.Error() // one of ours: a code
	return e
}
