package graph

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"slotd/internal/emulator/fault"
)

// maxView is the longest window of a calendarView: 1825 days.
const maxView = 1825 * 24 * time.Hour

// window reads the bounds of a calendar view: with an offset, or in UTC.
func window(r *http.Request) (from, to time.Time, apiErr *apiError) {
	q := r.URL.Query()
	from, err1 := parseBound(q.Get("startDateTime"))
	to, err2 := parseBound(q.Get("endDateTime"))
	switch {
	case err1 != nil || err2 != nil:
		apiErr = badRequest("ErrorInvalidParameter",
			"This request requires a time window specified by startDateTime and endDateTime.")
	case !to.After(from):
		apiErr = badRequest("ErrorInvalidParameter", "The end of the time window must be after its start.")
	case to.Sub(from) > maxView:
		apiErr = badRequest("ErrorCalendarViewRangeTooBig", "The requested time window is longer than 1825 days.")
	}
	return from, to, apiErr
}

func parseBound(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	return time.Parse("2006-01-02T15:04:05.9999999", s)
}

// listView serves calendarView: full bodies, occurrences expanded, masters left out.
func (s *Server) listView(c *call) (reply, *apiError) {
	from, to, apiErr := window(c.r)
	if apiErr != nil {
		return reply{}, apiErr
	}
	c.asList()
	rows := c.cal.expand(from, to)
	if strings.HasPrefix(c.r.URL.Query().Get("$orderby"), "start/dateTime") {
		slices.SortStableFunc(rows, byStart)
	}
	return s.page(c, len(rows), func(i int) any { return c.shape(rows[i]) })
}

var propertyFilter = regexp.MustCompile(`(?i)^\s*singleValueExtendedProperties/any\(\s*ep\s*:\s*` +
	`ep/id eq '((?:[^']|'')*)' and ep/value eq '((?:[^']|'')*)'\s*\)\s*$`)

// listEvents serves the events of a calendar: singles and masters, optionally those with an extended property. Other
// filters are refused; a transactionId cannot be filtered by.
func (s *Server) listEvents(c *call) (reply, *apiError) {
	c.asList()
	rows := slices.DeleteFunc(c.cal.sorted(), func(e *Event) bool { return e.gone || e.MasterID != "" })
	if filter := c.r.URL.Query().Get("$filter"); filter != "" {
		m := propertyFilter.FindStringSubmatch(filter)
		if m == nil {
			return reply{}, badRequest("ErrorInvalidUrlQueryFilter", "The query filter contains one or more invalid nodes.")
		}
		rows = slices.DeleteFunc(rows, func(e *Event) bool {
			v, ok := e.Properties[unquote(m[1])] // the name counts letter by letter, the value does not
			return !ok || !strings.EqualFold(v, unquote(m[2]))
		})
	}
	return s.page(c, len(rows), func(i int) any { return c.shape(rows[i]) })
}

// listCalendars serves the calendars of a mailbox.
func (s *Server) listCalendars(c *call) (reply, *apiError) {
	return s.page(c, len(c.box.calendars), func(i int) any { return c.calendarObject(c.box.calendars[i]) })
}

func (c *call) calendarObject(cal *calendar) object {
	return object{
		"id": cal.id, "name": cal.name, "isDefaultCalendar": cal == c.box.calendars[0], "canEdit": true, "canShare": true,
		"canViewPrivateItems": true, "isRemovable": cal != c.box.calendars[0],
		"changeKey": strconv.FormatUint(cal.change, 36),
		"owner":     object{"name": c.box.user, "address": c.box.user}, "color": "auto", "hexColor": "",
	}
}

func (s *Server) getCalendar(c *call) (reply, *apiError) {
	return reply{http.StatusOK, c.calendarObject(c.cal)}, nil
}

// pageSize is what the request asks for by $top or the Prefer header, else ten, never more than the server's cap.
func (s *Server) pageSize(c *call) (int, *apiError) {
	n := defaultPage
	if c.prefs.pageSize > 0 {
		n = c.prefs.pageSize
	}
	if top := c.r.URL.Query().Get("$top"); top != "" {
		var err error
		if n, err = strconv.Atoi(top); err != nil || n < 1 || n > maxPage {
			return 0, badRequest("ErrorInvalidParameter", "The value of $top is invalid.")
		}
	}
	return min(n, s.opt.PageSize), nil
}

// page cuts a page out of n rows. The link to the next is absolute and names a position: rows that are added or
// removed meanwhile shift what it shows.
func (s *Server) page(c *call, n int, row func(int) any) (reply, *apiError) {
	size, apiErr := s.pageSize(c)
	if apiErr != nil {
		return reply{}, apiErr
	}
	q := c.r.URL.Query()
	skip := 0
	if v := q.Get("$skip"); v != "" {
		var err error
		if skip, err = strconv.Atoi(v); err != nil || skip < 0 {
			return reply{}, badRequest("ErrorInvalidParameter", "The value of $skip is invalid.")
		}
	}
	start := min(skip, n)
	end := min(start+size, n)
	empty := fault.From(c.r.Context()).EmptyPage
	if empty {
		end = start
	}
	values := []any{}
	for i := start; i < end; i++ {
		values = append(values, row(i))
	}
	body := object{"@odata.context": s.base(c.r) + "/v1.0/$metadata", "value": values}
	if end < n || empty {
		q.Set("$skip", strconv.Itoa(end))
		body["@odata.nextLink"] = s.link(c.r, q)
	}
	return reply{http.StatusOK, body}, nil
}

// base is the address that absolute links begin with.
func (s *Server) base(r *http.Request) string {
	switch {
	case s.opt.BaseURL != "":
		return s.opt.BaseURL
	case r.TLS != nil:
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

func (s *Server) link(r *http.Request, q url.Values) string {
	return s.base(r) + r.URL.EscapedPath() + "?" + q.Encode()
}

// pack makes an opaque token of v.
func pack(v any) string {
	raw, _ := json.Marshal(v) // plain structs: cannot fail
	return base64.RawURLEncoding.EncodeToString(raw)
}

func unpack(token string, v any) bool {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	return err == nil && json.Unmarshal(raw, v) == nil
}
