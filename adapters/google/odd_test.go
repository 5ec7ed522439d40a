package google

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"slotd/internal/calendar"
)

// wanted is the first visit of a booking, at nine.
func wanted() calendar.Wanted {
	start := time.Date(2027, 4, 9, 9, 0, 0, 0, time.UTC)
	return calendar.Wanted{
		Identity: Identity("s", "b", "r", 0), Version: 1, Zone: "UTC", Title: "Visit", Marker: "s/b/r",
		Interval: calendar.Between(start, start.Add(time.Hour)),
	}
}

// loose is a server of one calendar that has little of what Google promises; the fields take more of it away.
type loose struct {
	ownIDs       bool // it ignores the client's id
	noProperties bool // and does not keep private properties
	noFilter     bool // it refuses to search by property
	noPatch      int  // the status with which it answers PATCH
	noBody       bool // it answers writes with 204
	lose         bool // the reply to the next write is lost

	events []map[string]any
	writes []string
}

func (l *loose) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := ""
	if i := strings.Index(r.URL.Path, "/events/"); i >= 0 {
		id = r.URL.Path[i+len("/events/"):]
	}
	at := slices.IndexFunc(l.events, func(e map[string]any) bool { return e["id"] == id })
	if r.Header.Get("If-Match") != "" {
		http.Error(w, "a precondition without an etag", http.StatusInternalServerError)
		return
	}
	if r.Method != http.MethodGet {
		l.writes = append(l.writes, r.Method)
	}
	switch {
	case r.Method == http.MethodGet && id == "":
		if l.noFilter && r.URL.Query().Has("privateExtendedProperty") {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"items": append([]map[string]any{{"id": "other"}}, l.events...)})
	case r.Method == http.MethodGet && at < 0 && l.ownIDs && len(id) > 10:
		w.WriteHeader(http.StatusBadRequest) // no id of this server looks like that
	case r.Method != http.MethodPost && at < 0:
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodGet:
		_ = json.NewEncoder(w).Encode(l.events[at])
	case r.Method == http.MethodPatch && l.noPatch != 0:
		w.WriteHeader(l.noPatch)
	case r.Method == http.MethodDelete:
		l.events = slices.Delete(l.events, at, at+1)
		w.WriteHeader(http.StatusOK)
	default:
		l.write(w, r, at)
	}
}

func (l *loose) write(w http.ResponseWriter, r *http.Request, at int) {
	var body map[string]any
	_ = json.NewDecoder(r.Body).Decode(&body)
	if l.noProperties {
		delete(body, "extendedProperties")
	}
	if r.Method == http.MethodPost {
		if l.ownIDs {
			body["id"] = fmt.Sprintf("own%d", len(l.events))
		}
		l.events, at = append(l.events, map[string]any{}), len(l.events)
	}
	if r.Method == http.MethodPut {
		l.events[at] = map[string]any{"id": l.events[at]["id"]}
	}
	for k, v := range body {
		l.events[at][k] = v
	}
	switch {
	case l.lose:
		l.lose = false
		w.WriteHeader(http.StatusGatewayTimeout)
	case l.noBody:
		w.WriteHeader(http.StatusNoContent)
	default:
		w.WriteHeader(map[bool]int{true: http.StatusCreated, false: http.StatusOK}[r.Method == http.MethodPost])
		_ = json.NewEncoder(w).Encode(l.events[at])
	}
}

// TestLooseServers: create, move and remove on servers that lack etags and more.
func TestLooseServers(t *testing.T) {
	for name, l := range map[string]*loose{
		"no etags":                              {},
		"ids of its own":                        {ownIDs: true},
		"no properties":                         {noProperties: true},
		"neither ids nor properties":            {ownIDs: true, noProperties: true},
		"no PATCH, 405":                         {noPatch: 405},
		"no PATCH, 404":                         {noPatch: 404},
		"no PATCH, 501, ids of its own":         {noPatch: 501, ownIDs: true},
		"no bodies":                             {noBody: true},
		"no bodies, no properties":              {noBody: true, noProperties: true},
		"no bodies, ids of its own":             {noBody: true, ownIDs: true},
		"no bodies, own ids, no search":         {noBody: true, ownIDs: true, noFilter: true},
		"no bodies, no PATCH, ids of its own":   {noBody: true, ownIDs: true, noPatch: 405},
		"no bodies, no PATCH and no properties": {noBody: true, noProperties: true, noPatch: 405},
	} {
		c := open(t, l.ServeHTTP)
		w := wanted()
		got, err := c.Apply(t.Context(), "c", w)
		if err != nil || got.ID == "" || got.Interval != w.Interval || got.Version != 1 || len(l.events) != 1 {
			t.Errorf("%s: created %+v, %v, %d events", name, got, err, len(l.events))
			continue
		}
		l.events[0]["location"] = "Room 2" // a person's note stays
		w.Known, w.Version, w.Interval = got, 2, calendar.Interval{Start: w.Interval.Start + 7200, End: w.Interval.End + 7200}
		if got, err = c.Apply(t.Context(), "c", w); err != nil || got.Interval != w.Interval || got.Version != 2 {
			t.Errorf("%s: moved %+v, %v", name, got, err)
			continue
		}
		if found, err := c.Find(t.Context(), "c", w); err != nil || found.Interval != w.Interval ||
			l.events[0]["location"] != "Room 2" {
			t.Errorf("%s: after the move %+v, %v", name, l.events, err)
		}
		w.Known, w.Removed, w.Version = got, true, 3
		if _, err = c.Apply(t.Context(), "c", w); err != nil || len(l.events) != 0 {
			t.Errorf("%s: removed: %v, %d events left", name, err, len(l.events))
		}
	}
}

// TestLostInsert: an unclear insert is found again, whatever the server calls the event.
func TestLostInsert(t *testing.T) {
	for name, l := range map[string]*loose{
		"the client's id":              {},
		"the client's id, no property": {noProperties: true},
		"ids of its own":               {ownIDs: true},
		"ids of its own, no search":    {ownIDs: true, noFilter: true},
	} {
		l.lose = true
		c := open(t, l.ServeHTTP)
		w := wanted()
		if _, err := c.Apply(t.Context(), "c", w); calendar.KindOf(err) != calendar.Unclear {
			t.Fatalf("%s: %v, want it unclear", name, err)
		}
		w.Unclear = true
		for range 2 {
			got, err := c.Apply(t.Context(), "c", w)
			if err != nil || got.Interval != w.Interval || got.Version != 1 || len(l.writes) != 1 {
				t.Errorf("%s: %+v, %v after %v", name, got, err, l.writes)
			}
		}
		w.Removed = true // by a caller that never got the id
		if _, err := c.Apply(t.Context(), "c", w); err != nil || len(l.events) != 0 {
			t.Errorf("%s: removed: %v, %d events left", name, err, len(l.events))
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
		l.events[0]["start"] = map[string]any{"dateTime": "2027-04-09T15:00:00Z"}
		l.events[0]["end"] = map[string]any{"dateTime": "2027-04-09T16:00:00Z"}
		w.Known, w.Version, w.Interval = got, 2, calendar.Interval{Start: w.Interval.Start + 7200, End: w.Interval.End + 7200}
		got, err = c.Apply(t.Context(), "c", w)
		if calendar.KindOf(err) != calendar.Conflict || err == nil || got.Interval.StartTime().Hour() != 15 {
			t.Errorf("%s: %+v, %v, want a conflict and the person's time", name, got, err)
		}
	}
	// Of a lost insert without a version it is not known who moved it.
	l := &loose{noProperties: true, lose: true}
	c := open(t, l.ServeHTTP)
	w := wanted()
	_, _ = c.Apply(t.Context(), "c", w) // its reply is lost
	w.Unclear, w.Interval = true, calendar.Interval{Start: w.Interval.Start + 7200, End: w.Interval.End + 7200}
	if _, err := c.Apply(t.Context(), "c", w); err == nil || calendar.KindOf(err) != calendar.Conflict {
		t.Errorf("lost, and elsewhere: %v, want a conflict", err)
	}
}

// TestPersonsCopy: a copy of an earlier attempt shows our marker, and is not the event of this one.
func TestPersonsCopy(t *testing.T) {
	l := &loose{}
	c := open(t, l.ServeHTTP)
	w := wanted()
	if _, err := c.Apply(t.Context(), "c", w); err != nil {
		t.Fatal(err)
	}
	l.events[0]["id"] = "copy"
	w.Identity, w.Unclear = Identity("s", "b", "r", 1), true
	if got, err := c.Apply(t.Context(), "c", w); err != nil || got.ID != w.Identity || len(l.events) != 2 {
		t.Errorf("%+v, %v, %d events", got, err, len(l.events))
	}
}

// TestSearchFindsTheSeries: an occurrence that was edited shows our marker too, and is not the event that we made.
func TestSearchFindsTheSeries(t *testing.T) {
	const marked = `"extendedProperties":{"private":{"slotd":"s/b/r"}}`
	c := open(t, func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method != http.MethodGet:
			t.Errorf("%s of a person's series", r.Method)
		case strings.HasSuffix(r.URL.Path, "/events"):
			_, _ = rw.Write([]byte(`{"items":[{"id":"m_1","recurringEventId":"m",` + marked + `},{"id":"m",` + marked + `}]}`))
		case strings.HasSuffix(r.URL.Path, "/events/m"):
			_, _ = rw.Write([]byte(`{"id":"m","recurrence":["RRULE:FREQ=DAILY"],` + marked + `}`))
		default:
			rw.WriteHeader(http.StatusNotFound)
		}
	})
	w := wanted()
	w.Unclear, w.Removed = true, true
	got, err := c.Apply(t.Context(), "c", w)
	if err == nil || calendar.KindOf(err) != calendar.Conflict || got.ID != "m" || !got.Recurring {
		t.Errorf("%+v, %v, want a conflict about the series", got, err)
	}
}

// TestTakenAndLookUpFailed: after a 409 the look-up decides, and its failure is no conflict.
func TestTakenAndLookUpFailed(t *testing.T) {
	for status, want := range map[int]calendar.Kind{
		429: calendar.Throttled, 503: calendar.Unclear, 404: calendar.Unclear, 410: calendar.Gone,
	} {
		c := open(t, func(rw http.ResponseWriter, r *http.Request) {
			switch {
			case r.Method == http.MethodPost:
				rw.WriteHeader(409)
			case r.URL.Query().Has("privateExtendedProperty"):
				_, _ = rw.Write([]byte(`{"items":[]}`))
			default:
				rw.WriteHeader(status)
			}
		})
		if _, err := c.Apply(t.Context(), "c", wanted()); err == nil || calendar.KindOf(err) != want {
			t.Errorf("%d: %v, want kind %v", status, err, want)
		}
	}
}

// TestReadTimesAndZones: times without an offset, and lists that say little of themselves.
func TestReadTimesAndZones(t *testing.T) {
	const wall = `"dateTime":"2027-04-08T12:00:00"`
	const row = `{"items":[{"id":"e","start":{%[1]s},"end":{%[1]s}}]%s}`
	day := `{"items":[{"id":"e","start":{"date":"2027-04-08"},"end":{"date":"2027-04-09"}}]}`
	at := func(zone string, hour int) int64 {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		return time.Date(2027, 4, 8, hour, 0, 0, 0, loc).Unix()
	}
	for _, c := range []struct {
		name, body, config string
		want               int64
	}{
		{"the time's own zone", fmt.Sprintf(row, wall+`,"timeZone":"Asia/Tokyo"`, `,"timeZone":"Europe/Berlin"`), "",
			at("Asia/Tokyo", 12)},
		{"the calendar's zone", fmt.Sprintf(row, wall, `,"timeZone":"Europe/Berlin"`), "Asia/Tokyo",
			at("Europe/Berlin", 12)},
		{"the configured zone", fmt.Sprintf(row, wall, ``), "Europe/Berlin", at("Europe/Berlin", 12)},
		{"no zone", fmt.Sprintf(row, wall, ``), "", at("UTC", 12)},
		{"an unknown zone", fmt.Sprintf(row, wall+`,"timeZone":"Mars/Olympus"`, ``), "", window.Start},
		{"a day in the configured zone", day, "Europe/Berlin", at("Europe/Berlin", 0)},
	} {
		client := open(t, reply(200, nil, c.body), func(cfg *Config) { cfg.Zone = c.config })
		snap, err := client.Read(t.Context(), "c", window)
		if err != nil || len(snap.Events) != 1 || snap.Events[0].Interval.Start != c.want {
			t.Errorf("%s: %+v, %v, want it to start at %d", c.name, snap.Events, err, c.want)
		}
	}
	for _, body := range []string{`{"items":[]}`, `{"kind":"calendar#events"}`, `{"timeZone":"UTC"}`,
		`{"nextSyncToken":"t"}`} {
		if snap, err := open(t, reply(200, nil, body)).Read(t.Context(), "c", window); err != nil || snap.Pages != 1 {
			t.Errorf("%s: %+v, %v", body, snap, err)
		}
	}
}
