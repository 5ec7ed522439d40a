package outlook

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"slotd/internal/calendar"
)

// wanted is the first visit of a booking.
func wanted() calendar.Wanted {
	return calendar.Wanted{
		Identity: Identity("s", "b", "r", 0), Version: 1, Zone: "UTC", Title: "Visit", Marker: "s/b/r",
		Interval: calendar.Interval{Start: window.Start, End: window.Start + 3600},
	}
}

// later is two hours after i.
func later(i calendar.Interval) calendar.Interval {
	return calendar.Interval{Start: i.Start + 7200, End: i.End + 7200}
}

// loose is a server of one calendar without etags that has little of what Graph promises; the fields take more away.
type loose struct {
	noIdentity   bool // it drops the transactionId
	noProperties bool // it does not keep extended properties and refuses to be asked for them
	noBody       int  // the status of its empty answers to writes
	asText       bool // its JSON is called something else
	lose         bool // the reply to the next write is lost

	events []map[string]any
	writes []string
}

func (l *loose) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	last := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	at := slices.IndexFunc(l.events, func(e map[string]any) bool { return e["id"] == last })
	if r.Method != http.MethodGet {
		l.writes = append(l.writes, r.Method)
	}
	q := r.URL.Query()
	switch {
	case r.Header.Get("If-Match") != "":
		w.WriteHeader(500)
	case l.noProperties && (q.Has("$expand") || q.Has("$filter")):
		w.WriteHeader(400)
	case r.Method == http.MethodGet && (last == "calendarView" || last == "events"):
		other := map[string]any{"id": "other", "singleValueExtendedProperties": []any{
			map[string]any{"id": markerProperty, "value": "s/other/r v1"}}}
		l.events = append([]map[string]any{other}, l.events...)
		l.answer(w, map[string]any{"value": l.events}) // whatever the filter says
		l.events = l.events[1:]
	case r.Method == http.MethodGet && last == "other":
		l.answer(w, map[string]any{"id": "other"})
	case r.Method != http.MethodPost && at < 0:
		w.WriteHeader(404)
	case r.Method == http.MethodGet:
		l.answer(w, l.events[at])
	case r.Method == http.MethodDelete:
		l.events = slices.Delete(l.events, at, at+1)
		w.WriteHeader(202)
	default:
		l.write(w, r, at)
	}
}

func (l *loose) write(w http.ResponseWriter, r *http.Request, at int) {
	var body map[string]any
	_ = json.NewDecoder(r.Body).Decode(&body)
	if l.noIdentity {
		delete(body, "transactionId")
	}
	if l.noProperties {
		delete(body, "singleValueExtendedProperties")
	}
	if r.Method == http.MethodPost {
		l.events, at = append(l.events, map[string]any{"id": fmt.Sprintf("e%d", len(l.events))}), len(l.events)
	}
	for k, v := range body {
		l.events[at][k] = v
	}
	switch {
	case l.lose:
		l.lose = false
		w.WriteHeader(504)
	case l.noBody != 0:
		w.WriteHeader(l.noBody)
	default:
		l.answer(w, l.events[at])
	}
}

func (l *loose) answer(w http.ResponseWriter, v any) {
	data, _ := json.Marshal(v)
	w.Header().Set("Content-Type", "application/json")
	if l.asText {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		data = append([]byte("\n "), data...)
	}
	_, _ = w.Write(data)
}

// TestLooseServers: create, move and remove on servers that lack etags and more.
func TestLooseServers(t *testing.T) {
	for name, l := range map[string]*loose{
		"no etags":                             {},
		"no transactionId":                     {noIdentity: true},
		"no properties":                        {noProperties: true},
		"neither":                              {noIdentity: true, noProperties: true},
		"204 to writes":                        {noBody: 204},
		"200 without a body":                   {noBody: 200},
		"202 and no transactionId":             {noBody: 202, noIdentity: true},
		"200 without a body and no properties": {noBody: 200, noProperties: true},
		"JSON called text":                     {asText: true},
	} {
		c := open(t, l.ServeHTTP)
		w := wanted()
		got, err := c.Apply(t.Context(), "c", w)
		if err != nil || got.ID == "" || got.Interval != w.Interval || got.Version != 1 || len(l.events) != 1 {
			t.Errorf("%s: created %+v, %v, %d events", name, got, err, len(l.events))
			continue
		}
		w.Known, w.Version, w.Interval = got, 2, later(w.Interval)
		if got, err = c.Apply(t.Context(), "c", w); err != nil || got.Interval != w.Interval || got.Version != 2 {
			t.Errorf("%s: moved %+v, %v", name, got, err)
			continue
		}
		w.Known.Interval = calendar.Interval{} // by a caller that lost the reply to the move
		if again, err := c.Apply(t.Context(), "c", w); err != nil || again != got || len(l.writes) != 2 {
			t.Errorf("%s: moved again %+v, %v, writes %v", name, again, err, l.writes)
		}
		if found, err := c.Find(t.Context(), "c", w); err != nil || found.Interval != w.Interval {
			t.Errorf("%s: after the move %+v, %v", name, found, err)
		}
		w.Known, w.Removed, w.Version = got, true, 3
		if _, err = c.Apply(t.Context(), "c", w); err != nil || len(l.events) != 0 {
			t.Errorf("%s: removed: %v, %d events left", name, err, len(l.events))
		}
	}
}

// TestLostCreate: an unclear create is found again by what the server shows of it.
func TestLostCreate(t *testing.T) {
	for name, l := range map[string]*loose{
		"identity": {}, "no transactionId": {noIdentity: true}, "no properties": {noProperties: true},
	} {
		for _, moved := range []bool{false, true} { // a booking of another week is found by search, where that is served
			l.events, l.writes, l.lose = nil, nil, true
			c := open(t, l.ServeHTTP)
			w := wanted()
			if _, err := c.Apply(t.Context(), "c", w); calendar.KindOf(err) != calendar.Unclear {
				t.Fatalf("%s: %v, want it unclear", name, err)
			}
			w.Unclear = true
			if moved {
				w.Interval = calendar.Interval{} // as in a removal
				w.Removed = true
			}
			_, err := c.Apply(t.Context(), "c", w)
			if moved && l.noProperties {
				if calendar.KindOf(err) != calendar.Refused {
					t.Errorf("%s: %v, want it refused: nothing was looked up", name, err)
				}
				continue
			}
			if err != nil || moved != (len(l.events) == 0) || len(l.writes) != map[bool]int{false: 1, true: 2}[moved] {
				t.Errorf("%s, moved %v: %v after %v", name, moved, err, l.writes)
			}
		}
	}
}

// TestPersonsMoveWithoutETags: where no etag and no version tells of a person's move, the time does.
func TestPersonsMoveWithoutETags(t *testing.T) {
	for name, l := range map[string]*loose{"no etags": {}, "no etags, no properties": {noProperties: true}} {
		c := open(t, l.ServeHTTP)
		w := wanted()
		got, err := c.Apply(t.Context(), "c", w)
		if err != nil {
			t.Fatal(err)
		}
		l.events[0]["start"] = map[string]any{"dateTime": "2027-04-09T15:00:00", "timeZone": "UTC"}
		l.events[0]["end"] = map[string]any{"dateTime": "2027-04-09T16:00:00", "timeZone": "UTC"}
		w.Known, w.Version, w.Interval = got, 2, later(w.Interval)
		got, err = c.Apply(t.Context(), "c", w)
		if err == nil || calendar.KindOf(err) != calendar.Conflict || got.Interval.StartTime().Hour() != 15 {
			t.Errorf("%s: %+v, %v, want a conflict and the person's time", name, got, err)
		}
	}
}

// TestTakenAndLookUpFailed: after a 409 the look-up decides, and its failure is no conflict.
func TestTakenAndLookUpFailed(t *testing.T) {
	for _, c := range []struct {
		view, search int
		want         calendar.Kind
	}{
		{429, 200, calendar.Throttled}, {503, 200, calendar.Unclear}, {200, 429, calendar.Throttled},
		{200, 503, calendar.Unclear}, {200, 200, calendar.Unclear}, {200, 400, calendar.Unclear},
	} {
		client := open(t, func(rw http.ResponseWriter, r *http.Request) {
			status := c.search
			switch {
			case r.Method == http.MethodPost:
				status = 409
			case strings.HasSuffix(r.URL.Path, "/calendarView"):
				status = c.view
			}
			write(rw, status, `{"value":[]}`)
		})
		if _, err := client.Apply(t.Context(), "c", wanted()); err == nil || calendar.KindOf(err) != c.want {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestSearchHitsAreChecked: a server that ignores the filter does not make another's event ours.
func TestSearchHitsAreChecked(t *testing.T) {
	w := wanted()
	w.Removed, w.Unclear, w.Interval = true, true, calendar.Interval{}
	c := open(t, func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodDelete:
			t.Error("another's event was deleted")
		case strings.HasSuffix(r.URL.Path, "/events"):
			write(rw, 200, `{"value":[{"id":"a"},{"id":"b"},{"id":"c"}]}`)
		case strings.HasSuffix(r.URL.Path, "/c"):
			write(rw, 404, `{}`)
		default:
			write(rw, 200, `{"id":"a","singleValueExtendedProperties":[{"id":"`+markerProperty+`","value":"s/x/r v1"}]}`)
		}
	})
	if _, err := c.Apply(t.Context(), "c", w); err != nil {
		t.Error(err)
	}
}

// TestLinksOfAnotherName: servers build links from a name of their own. They are followed here, never there.
func TestLinksOfAnotherName(t *testing.T) {
	for name, prefix := range map[string]string{
		"Microsoft's own": "https://graph.microsoft.com/v1.0/me/x", "another name": "http://localhost:1/v1.0/me/x",
		"absolute path": "/v1.0/me/x", "relative": "me/x",
	} {
		var asked []string
		c := open(t, func(w http.ResponseWriter, r *http.Request) {
			switch asked = append(asked, r.URL.RequestURI()); {
			case r.URL.RawQuery == "$skiptoken=2" && strings.Contains(r.Header.Get("Prefer"), "maxpagesize"):
				write(w, 200, `{"value":[],"@odata.deltaLink":"`+prefix+`?$deltatoken=new"}`)
			case r.URL.RawQuery == "$skiptoken=2":
				write(w, 200, `{"value":[{"id":"e2"}]}`)
			case r.URL.RawQuery == "$deltatoken=new":
				write(w, 200, `{"value":[],"@odata.deltaLink":"`+prefix+`?$deltatoken=newer"}`)
			default:
				write(w, 200, `{"value":[{"id":"e"}],"@odata.nextLink":"`+prefix+`?$skiptoken=2"}`)
			}
		})
		snap, err := c.Read(t.Context(), "c", window)
		if err != nil || snap.Pages != 2 || len(snap.Events) != 2 || asked[1] != "/v1.0/me/x?$skiptoken=2" {
			t.Errorf("%s: %+v, %v, asked %v", name, snap, err, asked)
		}
		got, err := c.Changed(t.Context(), "c", window, "")
		link := calendar.Cursor(c.base.Scheme + "://" + c.base.Host + "/v1.0/me/x?$deltatoken=")
		if err != nil || got.Cursor != link+"new" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		got, err = c.Changed(t.Context(), "c", window, got.Cursor)
		if err != nil || got.Changed || got.Cursor != link+"newer" {
			t.Errorf("%s: with the cursor %+v, %v", name, got, err)
		}
	}
}

// TestUnusableDeltaLink: without a link that can be followed there is no cursor; the calendar is read on the timer.
func TestUnusableDeltaLink(t *testing.T) {
	for _, body := range []string{
		`{"value":[],"@odata.deltaLink":"::"}`, `{"value":[],"@odata.deltaLink":"mailto:x"}`,
		`{"value":[],"@odata.nextLink":"::"}`,
	} {
		got, err := open(t, reply(200, body)).Changed(t.Context(), "c", window, "")
		if err != nil || got != (calendar.Change{Changed: true}) {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
	}
}

// TestTimesOfOthers: times without a zone are in UTC, which was asked for; an offset counts.
func TestTimesOfOthers(t *testing.T) {
	for _, at := range []string{
		`{"dateTime":"2027-04-09T12:00:00"}`, `{"dateTime":"2027-04-09T12:00:00.0000000","timeZone":""}`,
		`{"dateTime":"2027-04-09T12:00:00Z","timeZone":"Tokyo Standard Time"}`,
		`{"dateTime":"2027-04-09T14:00:00+02:00"}`,
	} {
		snap, err := mailbox{rows: `{"id":"e","start":` + at + `,"end":` + at + `}`}.read(t)
		if err != nil || len(snap.Events) != 1 || snap.Events[0].Interval.Start != window.Start+12*3600 {
			t.Errorf("%s: %+v, %v", at, snap.Events, err)
		}
	}
}

// TestMailboxZoneNotServed: only where the settings are refused for good does the configured zone stand in.
func TestMailboxZoneNotServed(t *testing.T) {
	for status, ok := range map[int]bool{
		400: true, 403: true, 404: true, 405: true, 501: true, 401: false, 429: false, 500: false, 503: false,
	} {
		c := open(t, func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/mailboxSettings") {
				write(w, status, `{}`)
				return
			}
			write(w, 200, `{"value":[{"id":"e","isAllDay":true,"start":{"dateTime":"2027-04-09T00:00:00"},
				"end":{"dateTime":"2027-04-10T00:00:00"}}]}`)
		}, func(cfg *Config) { cfg.Zone = "Europe/Berlin" })
		snap, err := c.Read(t.Context(), "c", window)
		if ok != (err == nil) || ok && snap.Events[0].Interval.Start != window.Start-2*3600 {
			t.Errorf("%d: %+v, %v", status, snap.Events, err)
		}
	}
}
