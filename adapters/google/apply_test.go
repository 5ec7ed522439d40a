package google

import (
	"encoding/json"
	"net/http"
	"regexp"
	"testing"
	"time"

	"slotd/internal/calendar"

	"github.com/google/go-cmp/cmp"
)

// TestUpdateClearsTheDate: a person may have made an all-day event of ours, and a patch keeps what it does not name.
func TestUpdateClearsTheDate(t *testing.T) {
	c := open(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = w.Write([]byte(`{"id":"e","etag":"1","start":{"date":"2027-04-09"},"end":{"date":"2027-04-10"},
				"extendedProperties":{"private":{"slotd":"m"}}}`))
			return
		}
		var sent struct{ Start, End map[string]any }
		if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
			t.Error(err)
		}
		for _, at := range []map[string]any{sent.Start, sent.End} {
			if date, named := at["date"]; !named || date != nil || r.Header.Get("If-Match") != "1" {
				t.Errorf("sent %v with If-Match %q", at, r.Header.Get("If-Match"))
			}
		}
		_, _ = w.Write([]byte(`{"id":"e"}`))
	})
	w := calendar.Wanted{Known: calendar.Written{ID: "e", ETag: "1", Interval: window, Version: 1}, Version: 2,
		Interval: window.Pad(-3600, 0), Zone: "UTC", Marker: "m"}
	if _, err := c.Apply(t.Context(), "c", w); err != nil {
		t.Error(err)
	}
}

// TestInsert checks what leaves for Google: nobody is invited, the instant is unambiguous.
func TestInsert(t *testing.T) {
	var sent map[string]any
	var query string
	c := open(t, func(w http.ResponseWriter, r *http.Request) {
		query = r.URL.Query().Get("sendUpdates")
		if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
			t.Error(err)
		}
		sent["etag"] = `"1"`
		_ = json.NewEncoder(w).Encode(sent)
	})
	// The second 02:30 of the night in which clocks go back.
	at := time.Date(2027, 10, 31, 1, 30, 0, 0, time.UTC)
	w := calendar.Wanted{
		Identity: Identity("s", "b", "r", 0), Version: 3, Zone: "Europe/Berlin", Title: "Visit", Marker: "m",
		Interval: calendar.Between(at, at.Add(time.Hour)),
	}
	got, err := c.Apply(t.Context(), "c", w)
	if err != nil {
		t.Fatal(err)
	}
	if want := (calendar.Written{ID: w.Identity, ETag: `"1"`, Interval: w.Interval, Version: 3}); got != want {
		t.Errorf("written %+v, want %+v", got, want)
	}
	delete(sent, "etag")
	want := map[string]any{
		"id": w.Identity, "summary": "Visit", "description": "",
		"start": map[string]any{"dateTime": "2027-10-31T02:30:00+01:00", "timeZone": "Europe/Berlin"},
		"end":   map[string]any{"dateTime": "2027-10-31T03:30:00+01:00", "timeZone": "Europe/Berlin"},
		"extendedProperties": map[string]any{"private": map[string]any{
			"slotd": "m", "slotdVersion": "3", "slotdIdentity": w.Identity, "slotdText": digest("Visit") + "." + digest(""),
		}},
	}
	if diff := cmp.Diff(want, sent); diff != "" || query != "none" {
		t.Errorf("sendUpdates %q, body (-want +got)\n%s", query, diff)
	}
}

func TestIdentity(t *testing.T) {
	seen := map[string]bool{}
	for _, args := range [][3]string{{"s", "b", "r"}, {"sb", "", "r"}, {"s", "", "br"}, {"s\" \"b", "", "r"}} {
		for attempt := range 3 {
			id := Identity(args[0], args[1], args[2], attempt)
			if !regexp.MustCompile(`^[a-v0-9]{52}$`).MatchString(id) {
				t.Errorf("%q is not a client event id", id)
			}
			if seen[id] {
				t.Errorf("%q was made twice", id)
			}
			seen[id] = true
		}
	}
	// Stored identities must keep their meaning over releases.
	if got := Identity("store1", "booking1", "adams", 0); got != "j39u62oj5h4duh1e27tuup52to753l5nq6n7d9iair6ttg86heig" {
		t.Errorf("the identity changed to %q", got)
	}
}
