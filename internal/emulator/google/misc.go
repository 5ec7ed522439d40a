package google

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"slotd/internal/emulator/fault"
)

// freeBusy limits: calendars of one query, and the span of time, whose exact ceiling the vendor does not publish.
const (
	maxFreeBusy     = 50
	maxFreeBusySpan = 90 * 24 * time.Hour
)

// listEntry is a CalendarListEntry.
type listEntry struct {
	Kind       string `json:"kind"`
	ETag       string `json:"etag"`
	ID         string `json:"id"`
	Summary    string `json:"summary"`
	TimeZone   string `json:"timeZone"`
	AccessRole string `json:"accessRole,omitempty"`
	Primary    bool   `json:"primary,omitempty"`
	Selected   bool   `json:"selected,omitempty"`
}

func (s *Server) entry(user string, c *calendar) listEntry {
	return listEntry{
		Kind: "calendar#calendarListEntry", ETag: collectionTag(c.change), ID: c.id, Summary: c.name,
		TimeZone: c.zone.String(), AccessRole: c.roles[user], Primary: s.primary(user) == c.id, Selected: true,
	}
}

// listCalendars serves calendarList.list.
func (s *Server) listCalendars(c *call) (any, *apiError) {
	n, apiErr := intParam(c.r, "maxResults", 100, 250)
	if apiErr != nil {
		return nil, apiErr
	}
	params := hashParams(c.r.URL.Path, c.r.URL.Query())
	page := pageToken{Params: params}
	if token := c.r.URL.Query().Get("pageToken"); token != "" {
		if !unpack(token, &page) || page.Params != params || page.Offset < 0 {
			return nil, invalid("Invalid page token value.")
		}
	}
	ids := slices.DeleteFunc(slices.Clone(s.order), func(id string) bool { return s.calendars[id].roles[c.user] == "" })
	start := min(page.Offset, len(ids))
	end := min(start+min(n, s.opt.PageSize), len(ids))
	items := []listEntry{}
	if fault.From(c.r.Context()).EmptyPage {
		end = start
	}
	for _, id := range ids[start:end] {
		items = append(items, s.entry(c.user, s.calendars[id]))
	}
	list := map[string]any{"kind": "calendar#calendarList", "etag": collectionTag(s.version), "items": items}
	if end < len(ids) || fault.From(c.r.Context()).EmptyPage {
		page.Offset = end
		list["nextPageToken"] = pack(page)
	} else {
		list["nextSyncToken"] = pack(syncToken{Version: s.version})
	}
	return list, nil
}

func (s *Server) getListEntry(c *call) (any, *apiError) {
	cal, apiErr := s.calendarOf(c, RoleFreeBusy)
	if apiErr != nil {
		return nil, apiErr
	}
	return s.entry(c.user, cal), nil
}

func (s *Server) getCalendar(c *call) (any, *apiError) {
	cal, apiErr := s.calendarOf(c, RoleReader)
	if apiErr != nil {
		return nil, apiErr
	}
	e := s.entry(c.user, cal)
	e.Kind, e.AccessRole, e.Primary, e.Selected = "calendar#calendar", "", false, false
	return e, nil
}

func (s *Server) getTimezone(c *call) (any, *apiError) {
	zone := "UTC"
	if id := s.primary(c.user); id != "" {
		zone = s.calendars[id].zone.String()
	}
	return map[string]any{"kind": "calendar#setting", "etag": `"0"`, "id": "timezone", "value": zone}, nil
}

type span struct {
	Start string `json:"start"`
	End   string `json:"end"`
}

// queryFreeBusy serves freeBusy.query. A calendar that cannot be read is an error inside a reply of 200.
func (s *Server) queryFreeBusy(c *call) (any, *apiError) {
	var q struct {
		TimeMin, TimeMax, TimeZone string
		Items                      []struct{ ID string }
	}
	if err := json.Unmarshal(c.body, &q); err != nil {
		return nil, newError(http.StatusBadRequest, "parseError", "Parse Error")
	}
	from, err1 := time.Parse(time.RFC3339, q.TimeMin)
	to, err2 := time.Parse(time.RFC3339, q.TimeMax)
	loc, err3 := time.LoadLocation(q.TimeZone)
	switch {
	case err1 != nil || err2 != nil || err3 != nil:
		return nil, newError(http.StatusBadRequest, "badRequest", "Bad Request")
	case !to.After(from):
		return nil, newError(http.StatusBadRequest, "timeRangeEmpty", "The specified time range is empty.")
	case to.Sub(from) > maxFreeBusySpan:
		return nil, newError(http.StatusBadRequest, "timeRangeTooLong", "The requested time range is too long.")
	}
	calendars := map[string]any{}
	for i, item := range q.Items {
		cal := s.find(c.user, item.ID)
		switch {
		case i >= maxFreeBusy:
			calendars[item.ID] = unreadable("tooManyCalendarsRequested")
		case cal == nil:
			calendars[item.ID] = unreadable("notFound")
		default:
			calendars[item.ID] = map[string]any{"busy": cal.busy(from, to, loc)}
		}
	}
	return map[string]any{
		"kind": "calendar#freeBusy", "timeMin": from.UTC().Format(time.RFC3339), "timeMax": to.UTC().Format(time.RFC3339),
		"calendars": calendars,
	}, nil
}

func unreadable(reason string) any {
	return map[string]any{"errors": []map[string]string{{"domain": "global", "reason": reason}}, "busy": []span{}}
}

// busy returns the merged busy time of a calendar, cut to the window.
func (c *calendar) busy(from, to time.Time, loc *time.Location) []span {
	events := slices.DeleteFunc(c.listed().expand(from, to), func(e *Event) bool { return !e.Blocks() })
	slices.SortStableFunc(events, byStart)
	out := []span{}
	var last time.Time
	for _, e := range events {
		start, end := e.Start, e.End
		if start.Before(from) {
			start = from
		}
		if end.After(to) {
			end = to
		}
		if len(out) > 0 && !start.After(last) {
			if end.After(last) {
				last = end
				out[len(out)-1].End = end.In(loc).Format(time.RFC3339)
			}
			continue
		}
		last = end
		out = append(out, span{start.In(loc).Format(time.RFC3339), end.In(loc).Format(time.RFC3339)})
	}
	return out
}
