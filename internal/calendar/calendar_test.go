package calendar_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"slotd/internal/calendar"
)

// few draws intervals in a short time line, empty and reversed ones among them.
func few(t *rapid.T) []calendar.Interval {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) calendar.Interval {
		start := rapid.Int64Range(-5, 50).Draw(t, "start")
		return calendar.Interval{Start: start, End: start + rapid.Int64Range(-2, 12).Draw(t, "length")}
	}), 0, 12).Draw(t, "spans")
}

func holds(i calendar.Interval, instant int64) bool { return i.Start <= instant && instant < i.End }

func anyHolds(spans []calendar.Interval, instant int64) bool {
	return slices.ContainsFunc(spans, func(s calendar.Interval) bool { return holds(s, instant) })
}

func TestUnion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spans := few(t)
		union := calendar.Union(slices.Clone(spans))
		for i, u := range union {
			if u.Empty() || i > 0 && u.Start <= union[i-1].End {
				t.Fatalf("not sorted, disjoint and without gaps of nothing: %v", union)
			}
		}
		for instant := int64(-10); instant < 70; instant++ {
			if anyHolds(union, instant) != anyHolds(spans, instant) {
				t.Fatalf("the union %v differs from %v at %d", union, spans, instant)
			}
		}
	})
}

func TestOverlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spans := few(t)
		union := calendar.Union(slices.Clone(spans))
		start := rapid.Int64Range(-10, 60).Draw(t, "want start")
		want := calendar.Interval{Start: start, End: start + rapid.Int64Range(-1, 15).Draw(t, "want length")}
		slow := false
		for instant := want.Start; instant < want.End; instant++ {
			slow = slow || anyHolds(spans, instant)
		}
		if got := calendar.AnyOverlap(union, want); got != slow {
			t.Fatalf("AnyOverlap(%v, %v) = %t", union, want, got)
		}
		if got := slices.ContainsFunc(spans, want.Overlaps); got != slow {
			t.Fatalf("Overlaps of %v with one of %v is %t", want, spans, got)
		}
		first := slices.IndexFunc(union, func(s calendar.Interval) bool { return s.End > start })
		if first < 0 {
			first = len(union)
		}
		if got := calendar.FirstOverlap(union, start); got != first {
			t.Fatalf("FirstOverlap(%v, %d) = %d, want %d", union, start, got, first)
		}
	})
}

func TestBetweenRoundsOutward(t *testing.T) {
	tests := []struct {
		a, b time.Time
		want calendar.Interval
	}{
		{time.Unix(10, 0), time.Unix(20, 0), calendar.Interval{Start: 10, End: 20}},
		{time.Unix(10, 999_999_999), time.Unix(20, 1), calendar.Interval{Start: 10, End: 21}},
		{time.Unix(10, 1), time.Unix(10, 2), calendar.Interval{Start: 10, End: 11}},
		{time.Unix(-10, 500), time.Unix(-5, 500), calendar.Interval{Start: -10, End: -4}},
		{time.Unix(10, 0), time.Unix(10, 0), calendar.Interval{Start: 10, End: 10}},
	}
	for _, tt := range tests {
		if got := calendar.Between(tt.a, tt.b); got != tt.want {
			t.Errorf("Between(%s, %s) = %v, want %v", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestInterval(t *testing.T) {
	i := calendar.Interval{Start: 100, End: 200}
	if got, want := i.Pad(10, 20), (calendar.Interval{Start: 90, End: 220}); got != want {
		t.Errorf("padded: %v, want %v", got, want)
	}
	if !i.Covers(i) || i.Covers(i.Pad(1, 0)) || i.Covers(i.Pad(0, 1)) {
		t.Error("an interval covers itself and nothing longer")
	}
	if i.Duration() != 100*time.Second || (calendar.Interval{Start: 5, End: 1}).Duration() != 0 {
		t.Error("durations are wrong")
	}
	if got := calendar.Between(i.StartTime(), i.EndTime()); got != i || i.StartTime().Location() != time.UTC {
		t.Errorf("there and back: %v", got)
	}
}

func TestID(t *testing.T) {
	tests := []struct{ id, account, calendar string }{
		{"clinic/primary", "clinic", "primary"},
		{"clinic/AAMk/with/slashes==", "clinic", "AAMk/with/slashes=="},
		{"clinic/", "clinic", ""},
		{"clinic", "clinic", ""},
		{"/x", "", "x"},
		{"", "", ""},
	}
	for _, tt := range tests {
		id := calendar.ID(tt.id)
		if id.Account() != tt.account || id.Calendar() != tt.calendar {
			t.Errorf("%q: account %q, calendar %q", tt.id, id.Account(), id.Calendar())
		}
	}
}

func TestErrors(t *testing.T) {
	throttled := &calendar.Error{
		Kind: calendar.Throttled, Op: "read window", Status: 429, Reason: "rateLimitExceeded", RetryAfter: time.Minute,
	}
	broken := &calendar.Error{Op: "insert event", Err: io.ErrUnexpectedEOF}
	tests := []struct {
		err   error
		kind  calendar.Kind
		after time.Duration
		text  string
	}{
		{throttled, calendar.Throttled, time.Minute, "read window: throttled (429 rateLimitExceeded)"},
		{fmt.Errorf("sync: %w", throttled), calendar.Throttled, time.Minute,
			"sync: read window: throttled (429 rateLimitExceeded)"},
		{errors.Join(io.EOF, throttled), calendar.Throttled, time.Minute, ""},
		{broken, calendar.Unclear, 0, "insert event: unclear: unexpected EOF"},
		{&calendar.Error{Kind: calendar.Gone, Op: "move event", Status: 410}, calendar.Gone, 0, "move event: gone (410)"},
		{&calendar.Error{Kind: calendar.Expired, Op: "ask", Reason: "syncStateNotFound"}, calendar.Expired, 0,
			"ask: expired cursor (syncStateNotFound)"},
		{io.EOF, calendar.Unclear, 0, "EOF"},
		{nil, calendar.Unclear, 0, ""},
	}
	for _, tt := range tests {
		if got := calendar.KindOf(tt.err); got != tt.kind {
			t.Errorf("KindOf(%v) = %s, want %s", tt.err, got, tt.kind)
		}
		if got := calendar.RetryAfter(tt.err); got != tt.after {
			t.Errorf("RetryAfter(%v) = %s, want %s", tt.err, got, tt.after)
		}
		if tt.text != "" && tt.err.Error() != tt.text {
			t.Errorf("text: %s", cmp.Diff(tt.text, tt.err.Error()))
		}
	}
	if !errors.Is(broken, io.ErrUnexpectedEOF) {
		t.Error("the cause is lost")
	}
}

func TestKindNames(t *testing.T) {
	seen := map[string]bool{}
	for k := calendar.Unclear; k <= calendar.Conflict; k++ {
		if name := k.String(); name == "" || name == "unknown" || seen[name] {
			t.Errorf("kind %d is called %q", k, name)
		} else {
			seen[name] = true
		}
	}
	for _, k := range []calendar.Kind{-1, calendar.Conflict + 1} {
		if k.String() != "unknown" {
			t.Errorf("kind %d is called %q", k, k)
		}
	}
}
