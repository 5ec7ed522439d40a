package google

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
)

// validID reports whether a client may choose the id: lower-case base32hex, 5 to 1024 characters.
func validID(id string) bool {
	return len(id) >= 5 && len(id) <= 1024 && strings.Trim(id, "0123456789abcdefghijklmnopqrstuv") == ""
}

func errDeleted() *apiError { return newError(http.StatusGone, "deleted", "Resource has been deleted") }

func errForbidden() *apiError { return newError(http.StatusForbidden, "forbidden", "Forbidden") }

// found is the event of a request's path, with its calendar and the caller's view.
type found struct {
	cal   *calendar
	event *Event
	view  view
}

func (s *Server) findEvent(c *call, role string) (f found, apiErr *apiError) {
	if f.cal, apiErr = s.calendarOf(c, role); apiErr != nil {
		return f, apiErr
	}
	if f.view, apiErr = viewOf(c, f.cal); apiErr != nil {
		return f, apiErr
	}
	if f.event = f.cal.lookup(c.r.PathValue("event")); f.event == nil {
		return f, errNotFound()
	}
	return f, nil
}

// getEvent serves events.get. A deleted event is still there, with status cancelled.
func (s *Server) getEvent(c *call) (any, *apiError) {
	f, apiErr := s.findEvent(c, RoleFreeBusy)
	if apiErr != nil {
		return nil, apiErr
	}
	return f.reply(c, f.event), nil
}

// insertEvent serves events.insert. An id stays taken for ever, also that of a deleted event.
func (s *Server) insertEvent(c *call) (any, *apiError) {
	cal, apiErr := s.calendarOf(c, RoleWriter)
	if apiErr != nil {
		return nil, apiErr
	}
	v, apiErr := viewOf(c, cal)
	if apiErr != nil {
		return nil, apiErr
	}
	var ids struct {
		ID      string `json:"id"`
		ICalUID string `json:"iCalUID"`
	}
	if err := json.Unmarshal(c.body, &ids); err != nil {
		return nil, newError(http.StatusBadRequest, "parseError", "Parse Error")
	}
	switch {
	case ids.ID != "" && ids.ICalUID != "":
		return nil, invalid("id and iCalUID cannot both be given.")
	case ids.ID != "" && !validID(ids.ID):
		return nil, invalid("Invalid resource id value.")
	case cal.events[ids.ID] != nil:
		return nil, newError(http.StatusConflict, "duplicate", "The requested identifier already exists.")
	}
	e := Event{ID: ids.ID}
	if apiErr := cal.decode(c.body, &e); apiErr != nil {
		return nil, apiErr
	}
	if e.ID == "" {
		e.ID = s.newID()
	}
	return found{cal, nil, v}.reply(c, s.store(cal, e)), nil
}

// updateEvent serves events.update (PUT): the body replaces the event.
func (s *Server) updateEvent(c *call) (any, *apiError) {
	return s.change(c, func(_ found) ([]byte, *apiError) { return c.body, nil })
}

// patchEvent serves events.patch: the body is merged into the event (RFC 7396 semantics; arrays are replaced).
func (s *Server) patchEvent(c *call) (any, *apiError) {
	return s.change(c, func(f found) ([]byte, *apiError) {
		f.view.role, f.view.maxAttendees = RoleOwner, 0
		now, _ := json.Marshal(f.view.full(f.event)) // plain structs: cannot fail
		var have, patch map[string]any
		if json.Unmarshal(now, &have) != nil || json.Unmarshal(c.body, &patch) != nil {
			return nil, newError(http.StatusBadRequest, "parseError", "Parse Error")
		}
		merged, err := json.Marshal(merge(have, patch))
		if err != nil {
			return nil, newError(http.StatusBadRequest, "parseError", "Parse Error")
		}
		return merged, nil
	})
}

func (s *Server) change(c *call, body func(found) ([]byte, *apiError)) (any, *apiError) {
	f, apiErr := s.findEvent(c, RoleWriter)
	if apiErr != nil {
		return nil, apiErr
	}
	if !f.event.live() && !s.opt.Undelete { // reported from the field: an update of a deleted event is forbidden, not gone
		return nil, errForbidden()
	}
	if !ifMatch(c.r, f.event) {
		return nil, errChanged()
	}
	sent, apiErr := body(f)
	if apiErr != nil {
		return nil, apiErr
	}
	e := f.event.clone()
	if apiErr := f.cal.decode(sent, &e); apiErr != nil {
		return nil, apiErr
	}
	if e.MasterID != "" {
		e.Recurrence = nil
	}
	if !e.live() {
		return f.reply(c, s.remove(f.cal, e)), nil
	}
	return f.reply(c, s.store(f.cal, e)), nil
}

// deleteEvent serves events.delete. Deleting one occurrence leaves a cancelled exception.
func (s *Server) deleteEvent(c *call) (any, *apiError) {
	f, apiErr := s.findEvent(c, RoleWriter)
	if apiErr != nil {
		return nil, apiErr
	}
	if !f.event.live() {
		return nil, errDeleted()
	}
	if !ifMatch(c.r, f.event) {
		return nil, errChanged()
	}
	s.remove(f.cal, *f.event)
	return nil, nil
}

func (f found) reply(c *call, e *Event) wireEvent {
	c.w.Header().Set("ETag", e.ETag)
	return f.view.full(e)
}

func ifMatch(r *http.Request, e *Event) bool {
	want := r.Header.Get("If-Match")
	return want == "" || want == "*" || want == e.ETag
}

// merge merges patch into have: null removes, objects are merged, all else replaces. A change between date and
// dateTime is made by naming only the new one.
func merge(have, patch map[string]any) map[string]any {
	out := maps.Clone(have)
	if out == nil {
		out = map[string]any{}
	}
	for k, v := range patch {
		sub, isMap := v.(map[string]any)
		old, wasMap := out[k].(map[string]any)
		switch {
		case v == nil:
			delete(out, k)
		case isMap && wasMap && (k == "start" || k == "end"):
			out[k] = mergeTime(old, sub)
		case isMap && wasMap:
			out[k] = merge(old, sub)
		default:
			out[k] = v
		}
	}
	return out
}

func mergeTime(have, patch map[string]any) map[string]any {
	out := merge(have, patch)
	if _, timed := patch["dateTime"]; timed {
		delete(out, "date")
	} else if _, day := patch["date"]; day {
		delete(out, "dateTime")
		delete(out, "timeZone")
	}
	return out
}
