package calendar

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// What both adapters need to turn a provider's reply into an [Error] without quoting it.

// RetryAfterHeader reads the header Retry-After of a reply that arrived at now: seconds or an HTTP date (RFC 9110 §10.2.3).
// Anything else, and the past, is 0; more than a day is a day.
func RetryAfterHeader(h http.Header, now time.Time) time.Duration {
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

// Code keeps a code from outside short and plain, so that it can stand in a log.
func Code(s string) string {
	plain := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./+", r) {
			return r
		}
		return -1
	}, s)
	return plain[:min(len(plain), 64)]
}

// Cause returns the part of a transport's error that is safe to print: errors of the HTTP client name the URL, and with
// it calendars and people. also are further errors without such text.
func Cause(err error, also ...error) error {
	known := slices.Concat([]error{context.Canceled, context.DeadlineExceeded, io.ErrUnexpectedEOF, io.EOF,
		syscall.ECONNREFUSED, syscall.ECONNRESET}, also)
	for _, k := range known {
		if errors.Is(err, k) {
			return k
		}
	}
	var n net.Error
	if errors.As(err, &n) && n.Timeout() {
		return errors.New("timeout")
	}
	return errors.New("no usable reply")
}
