package ics_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"slotd/internal/emulator/ics"
)

func get(t *testing.T, s *ics.Server, header, value string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/adams.ics", nil)
	if header != "" {
		r.Header.Set(header, value)
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w.Result()
}

// TestValidators follows RFC 9110 §13: 304 only for the version that is there.
func TestValidators(t *testing.T) {
	changed := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := ics.New(nil)
	s.Put("adams", ics.Feed{Text: "one", ETag: true, Changed: changed})
	first := get(t, s, "", "")
	etag, modified := first.Header.Get("ETag"), first.Header.Get("Last-Modified")
	if first.StatusCode != http.StatusOK || etag == "" || modified == "" {
		t.Fatalf("%d %v", first.StatusCode, first.Header)
	}
	for header, value := range map[string]string{"If-None-Match": etag, "If-Modified-Since": modified} {
		if got := get(t, s, header, value).StatusCode; got != http.StatusNotModified {
			t.Errorf("%s: %d", header, got)
		}
	}
	s.Put("adams", ics.Feed{Text: "two", ETag: true, Changed: changed.Add(time.Second)})
	for header, value := range map[string]string{"If-None-Match": etag, "If-Modified-Since": modified} {
		if got := get(t, s, header, value).StatusCode; got != http.StatusOK {
			t.Errorf("%s after a change: %d", header, got)
		}
	}
	s.Remove("adams")
	if got := get(t, s, "", "").StatusCode; got != http.StatusNotFound {
		t.Errorf("removed: %d", got)
	}
}

func TestStamp(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := ics.New(func() time.Time { return now })
	s.Put("adams", ics.Feed{Text: "DTSTAMP:20200101T000000Z\r\nDTSTART:20200101T000000Z\r\n", Stamp: true})
	reply := get(t, s, "", "")
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	if want := "DTSTAMP:20260301T120000Z\r\nDTSTART:20200101T000000Z\r\n"; string(text) != want {
		t.Errorf("%q", text)
	}
}

// TestSamples: every sample is whole, and its busy time sorted and within its window.
func TestSamples(t *testing.T) {
	for _, s := range ics.Samples() {
		if !strings.HasPrefix(s.Text, "BEGIN:VCALENDAR\r\n") || !strings.HasSuffix(s.Text, "END:VCALENDAR\r\n") {
			t.Errorf("%s is no calendar", s.Name)
		}
		before := s.From
		for _, at := range append(s.Busy, s.To) {
			if at < before || len(s.Busy)%2 != 0 {
				t.Errorf("%s: busy time out of order at %s", s.Name, at)
			}
			before = at
		}
	}
}
