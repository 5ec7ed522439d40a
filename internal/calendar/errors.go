package calendar

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what the caller of an adapter should do about an error. Adapters only classify; the syncer is the one place
// that retries.
type Kind int

// The kinds of provider error.
const (
	// Unclear is an error after which nobody knows whether the request took effect: a timeout, a reset connection, a
	// 5xx, a reply that could not be read. It is the zero value, and what an error without a kind counts as. Reads are
	// repeated later, writes are looked up first.
	Unclear Kind = iota
	// Throttled: the provider refused for now and nothing happened. Not before RetryAfter, when it is set.
	Throttled
	// Expired: the cursor is no longer good. Read the whole window and begin a new cursor.
	Expired
	// NeedsPerson: the account lost its token, its consent or a scope. Only a person can mend it.
	NeedsPerson
	// Gone: the calendar, or the event that was to be changed, does not exist or was deleted.
	Gone
	// Refused: the request was understood and will never be accepted.
	Refused
	// Conflict: somebody changed the event since the version that we know (412), or the identity is taken by an event
	// that is not ours.
	Conflict
)

var kindNames = [...]string{"unclear", "throttled", "expired cursor", "needs a person", "gone", "refused", "conflict"}

// String returns the kind in words, from a closed set that may serve as a metrics label.
func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return "unknown"
	}
	return kindNames[k]
}

// Error is a provider's error with its kind. Its text never holds a token, a title or an address of a person: adapters
// put only the operation, the status and the provider's reason code into it.
type Error struct {
	Kind Kind
	// Op is what was being done: "read window", "insert event".
	Op string
	// Status is the HTTP status, 0 when no reply arrived.
	Status int
	// Reason is the provider's own code, such as "rateLimitExceeded" or "ErrorItemNotFound".
	Reason string
	// RetryAfter is how long the provider asked us to wait; 0 when it did not say.
	RetryAfter time.Duration
	// Err is the cause, when there is one whose text is safe to print.
	Err error
}

// Error implements error.
func (e *Error) Error() string {
	s := e.Op + ": " + e.Kind.String()
	if e.Status != 0 {
		s += fmt.Sprintf(" (%d", e.Status)
		if e.Reason != "" {
			s += " " + e.Reason
		}
		s += ")"
	} else if e.Reason != "" {
		s += " (" + e.Reason + ")"
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of err: that of the first *Error in its chain, otherwise Unclear.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Unclear
}

// RetryAfter returns how long the provider asked to wait, 0 when it did not say.
func RetryAfter(err error) time.Duration {
	var e *Error
	if errors.As(err, &e) {
		return e.RetryAfter
	}
	return 0
}
