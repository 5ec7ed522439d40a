package page

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

// The longest span that the page may ask for, the longest event that it may draw, and the longest title in bytes.
const (
	maxSpan  = 400 * 24 * time.Hour
	maxDrawn = 31 * 24 * time.Hour
	maxTitle = 200
)

// events answers what is in every calendar between two instants, by calendar key.
func (p *page) events(w http.ResponseWriter, r *http.Request) {
	from, errFrom := time.Parse(time.RFC3339, r.URL.Query().Get("from"))
	to, errTo := time.Parse(time.RFC3339, r.URL.Query().Get("to"))
	if errFrom != nil || errTo != nil || !to.After(from) || to.Sub(from) > maxSpan {
		fail(w, http.StatusBadRequest, "from and to must be RFC 3339 instants, at most 400 days apart")
		return
	}
	found := make(map[string][]Event, len(p.Calendars))
	for key, c := range p.byKey {
		found[key] = append([]Event{}, c.Events(from, to)...)
	}
	reply(w, http.StatusOK, map[string]any{"calendars": found})
}

// draw adds an event to one calendar.
func (p *page) draw(w http.ResponseWriter, r *http.Request) {
	c, ok := p.calendar(w, r)
	if !ok {
		return
	}
	in := struct {
		Title string    `json:"title"`
		Start time.Time `json:"start"`
		End   time.Time `json:"end"`
		Busy  bool      `json:"busy"`
	}{Busy: true}
	if !read(w, r, &in) {
		return
	}
	in.Title = strings.TrimSpace(in.Title)
	if in.Title == "" || len(in.Title) > maxTitle || !utf8.ValidString(in.Title) {
		fail(w, http.StatusBadRequest, "an event needs a title of at most 200 bytes")
		return
	}
	if !in.End.After(in.Start) || in.End.Sub(in.Start) > maxDrawn {
		fail(w, http.StatusBadRequest, "an event must end after it starts, and within 31 days")
		return
	}
	id, err := c.Draw(in.Title, in.Start, in.End, in.Busy)
	if err != nil {
		fail(w, http.StatusConflict, "the calendar did not take the event")
		return
	}
	reply(w, http.StatusCreated, map[string]string{"id": id})
}

// setBusy makes an event busy or free.
func (p *page) setBusy(w http.ResponseWriter, r *http.Request) {
	c, ok := p.calendar(w, r)
	if !ok {
		return
	}
	var in struct {
		Busy *bool `json:"busy"`
	}
	if !read(w, r, &in) {
		return
	}
	if in.Busy == nil {
		fail(w, http.StatusBadRequest, "busy must be true or false")
		return
	}
	if err := c.SetBusy(r.PathValue("id"), *in.Busy); err != nil {
		fail(w, http.StatusConflict, "the calendar did not change the event")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// erase deletes an event.
func (p *page) erase(w http.ResponseWriter, r *http.Request) {
	c, ok := p.calendar(w, r)
	if !ok {
		return
	}
	if err := c.Erase(r.PathValue("id")); err != nil {
		fail(w, http.StatusConflict, "the calendar did not delete the event")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// calendar finds the calendar that the path names, or answers 404.
func (p *page) calendar(w http.ResponseWriter, r *http.Request) (Calendar, bool) {
	c, ok := p.byKey[r.PathValue("key")]
	if !ok {
		fail(w, http.StatusNotFound, "no such calendar")
	}
	return c, ok
}

// read decodes a JSON body into v, or answers 400.
func read(w http.ResponseWriter, r *http.Request, v any) bool {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		fail(w, http.StatusBadRequest, "the body is not the JSON that this route takes")
		return false
	}
	return true
}
