package google

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"slotd/internal/emulator/fault"
)

// eventList is the reply of events.list and events.instances.
type eventList struct {
	Kind             string `json:"kind"`
	ETag             string `json:"etag"`
	Summary          string `json:"summary"`
	Updated          string `json:"updated,omitempty"`
	TimeZone         string `json:"timeZone"`
	AccessRole       string `json:"accessRole"`
	DefaultReminders []any  `json:"defaultReminders"`
	NextPageToken    string `json:"nextPageToken,omitempty"`
	NextSyncToken    string `json:"nextSyncToken,omitempty"`
	Items            []any  `json:"items"`
}

// syncToken is what a nextSyncToken stands for: a version of one calendar, and nothing of the window that was listed.
type syncToken struct {
	Cal     string `json:"c"`
	Version uint64 `json:"v"`
	Epoch   int    `json:"e"`
}

// pageToken is what a nextPageToken stands for: a position in the list as it will be then, not as it was.
type pageToken struct {
	Params  uint64 `json:"p"` // hash of the parameters that it belongs to
	Offset  int    `json:"o"`
	Version uint64 `json:"v"` // version at the first page, for the sync token at the end
	Epoch   int    `json:"e"`
}

// query is a parsed events.list request.
type query struct {
	from, to     time.Time
	single       bool
	showDeleted  bool
	byStart      bool
	limit        int
	page         pageToken
	since        *syncToken // nil: a full list
	eventTypes   []string
	private      []string
	noSyncToken  bool
	updatedSince time.Time
	icalUID      string
}

// besideSync are the parameters that the reference forbids together with a sync token.
var besideSync = []string{
	"iCalUID", "orderBy", "privateExtendedProperty", "q", "sharedExtendedProperty", "timeMin", "timeMax", "updatedMin",
}

func (s *Server) listEvents(c *call) (any, *apiError) {
	cal, apiErr := s.calendarOf(c, RoleFreeBusy)
	if apiErr != nil {
		return nil, apiErr
	}
	q, apiErr := s.parseQuery(c.r, cal)
	if apiErr != nil {
		return nil, apiErr
	}
	v, apiErr := viewOf(c, cal)
	if apiErr != nil {
		return nil, apiErr
	}
	return s.answer(c, cal, q, v, q.choose(s, cal.listed())), nil
}

// listInstances serves events.instances: the occurrences of one series.
func (s *Server) listInstances(c *call) (any, *apiError) {
	cal, apiErr := s.calendarOf(c, RoleFreeBusy)
	if apiErr != nil {
		return nil, apiErr
	}
	listed := cal.listed()
	master := listed.events[c.r.PathValue("event")]
	if master == nil {
		return nil, errNotFound()
	}
	q, apiErr := s.parseQuery(c.r, cal)
	if apiErr != nil {
		return nil, apiErr
	}
	v, apiErr := viewOf(c, cal)
	if apiErr != nil {
		return nil, apiErr
	}
	var rows []*Event
	if master.master() {
		rows = listed.instances(master, q.from, q.to, maxInstances)
	}
	rows = slices.DeleteFunc(rows, func(e *Event) bool { return !e.live() && !q.showDeleted })
	return s.answer(c, cal, q, v, rows), nil
}

// parseQuery checks the parameters of a list as strictly as the reference states them.
func (s *Server) parseQuery(r *http.Request, cal *calendar) (*query, *apiError) {
	p := r.URL.Query()
	q := &query{
		single: p.Get("singleEvents") == "true", showDeleted: p.Get("showDeleted") == "true",
		eventTypes: p["eventTypes"], private: p["privateExtendedProperty"],
		icalUID: p.Get("iCalUID"), noSyncToken: fault.From(r.Context()).NoCursor,
	}
	if apiErr := q.parseSync(p, cal); apiErr != nil {
		return nil, apiErr
	}
	for name, at := range map[string]*time.Time{"timeMin": &q.from, "timeMax": &q.to, "updatedMin": &q.updatedSince} {
		if p.Get(name) == "" {
			continue
		}
		t, err := time.Parse(time.RFC3339, p.Get(name)) // the offset is mandatory
		if err != nil {
			return nil, newError(http.StatusBadRequest, "badRequest", "Bad Request")
		}
		*at = t.Truncate(time.Second)
	}
	if !q.from.IsZero() && !q.to.IsZero() && !q.to.After(q.from) {
		return nil, newError(http.StatusBadRequest, "timeRangeEmpty", "The specified time range is empty.")
	}
	switch p.Get("orderBy") {
	case "", "updated":
	case "startTime":
		if q.byStart = true; !q.single {
			return nil, invalid("The requested ordering is not available for the particular query.")
		}
	default:
		return nil, invalid("Invalid value for orderBy.")
	}
	q.noSyncToken = q.noSyncToken || p.Get("orderBy") != "" // ordering suppresses the token
	n, apiErr := intParam(r, "maxResults", defaultPage, maxPage)
	if apiErr != nil {
		return nil, apiErr
	}
	q.limit = min(n, s.opt.PageSize)
	return q, q.parsePage(r, s, cal)
}

func (q *query) parseSync(p url.Values, cal *calendar) *apiError {
	if !p.Has("syncToken") {
		return nil
	}
	for _, name := range besideSync {
		if p.Has(name) {
			return invalid("Sync token cannot be combined with " + name + ".")
		}
	}
	if p.Get("showDeleted") == "false" {
		return invalid("Sync token cannot be combined with showDeleted=false.")
	}
	q.since = &syncToken{}
	if q.noSyncToken || !unpack(p.Get("syncToken"), q.since) || q.since.Cal != cal.id {
		return invalid("Invalid sync token value.")
	}
	if q.since.Epoch != cal.epoch {
		return errSyncToken()
	}
	return nil
}

func (q *query) parsePage(r *http.Request, s *Server, cal *calendar) *apiError {
	fresh := pageToken{Params: hashParams(r.URL.Path, r.URL.Query()), Version: s.version, Epoch: cal.epoch}
	token := r.URL.Query().Get("pageToken")
	if token == "" {
		q.page = fresh
		return nil
	}
	if !unpack(token, &q.page) || q.page.Params != fresh.Params || q.page.Offset < 0 {
		return invalid("Invalid page token value.")
	}
	return nil
}

// hashParams hashes the path and the parameters that have to stay the same from page to page. It consumes p.
func hashParams(path string, p url.Values) uint64 {
	for _, name := range []string{"pageToken", "alt", "prettyPrint", "key", "quotaUser", "fields"} {
		p.Del(name)
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(path + "?" + p.Encode())) // a hash never fails
	return h.Sum64()
}

// choose returns all rows of the list, before paging.
func (q *query) choose(s *Server, cal *calendar) []*Event {
	var rows []*Event
	switch {
	case q.since != nil && q.single:
		rows = q.changedInstances(s, cal)
	case q.since != nil:
		rows = slices.DeleteFunc(cal.sorted(), func(e *Event) bool { return e.change <= q.since.Version })
	case q.single:
		rows = cal.expand(q.from, q.to)
	default:
		rows = slices.DeleteFunc(cal.sorted(), func(e *Event) bool { return !q.meets(cal, e) })
	}
	rows = slices.DeleteFunc(rows, func(e *Event) bool { return !q.wants(cal, e) })
	if q.byStart {
		slices.SortStableFunc(rows, byStart)
	}
	return rows
}

// changedInstances expands what changed since the sync token. The token knows no window: an edited series comes with
// all of its occurrences, and a deleted one with those of the next half year only.
func (q *query) changedInstances(s *Server, cal *calendar) []*Event {
	var rows []*Event
	for _, e := range cal.sorted() {
		switch {
		case e.change <= q.since.Version:
		case e.master() && e.live():
			rows = append(rows, cal.instances(e, time.Time{}, time.Time{}, maxInstances)...)
		case e.master():
			now := s.opt.Now()
			rows = append(rows, cal.instances(e, now, now.Add(deletedSpan), maxInstances)...)
		case e.MasterID == "" || !q.masterChanged(cal, e):
			rows = append(rows, e)
		}
	}
	return rows
}

// masterChanged reports whether an exception comes with the occurrences of its changed series anyway.
func (q *query) masterChanged(cal *calendar, e *Event) bool {
	m := cal.events[e.MasterID]
	return m != nil && m.change > q.since.Version
}

// meets reports whether a stored event lies in the window of a list of masters: a series does when any of its
// occurrences does.
func (q *query) meets(cal *calendar, e *Event) bool {
	if e.master() {
		return len(cal.instances(e, q.from, q.to, 1)) > 0
	}
	return overlaps(e, q.from, q.to)
}

// wants applies showDeleted and the filters. Deletions always come with a sync token, and since updatedMin; cancelled
// occurrences of a live series come whenever series are not expanded.
func (q *query) wants(cal *calendar, e *Event) bool {
	if !e.live() && !q.showDeleted && q.since == nil && q.updatedSince.IsZero() {
		m := cal.events[e.MasterID]
		if q.single || m == nil || !m.live() {
			return false
		}
	}
	if !q.updatedSince.IsZero() && e.Updated.Before(q.updatedSince) {
		return false
	}
	if len(q.eventTypes) > 0 && !slices.Contains(q.eventTypes, e.EventType) {
		return false
	}
	if q.icalUID != "" && q.icalUID != cmp.Or(e.MasterID, e.ID)+"@google.com" {
		return false
	}
	return !slices.ContainsFunc(q.private, func(kv string) bool {
		k, v, _ := strings.Cut(kv, "=")
		got, ok := e.Private[k]
		return !ok || got != v
	})
}

// answer cuts a page out of rows.
func (s *Server) answer(c *call, cal *calendar, q *query, v view, rows []*Event) *eventList {
	list := &eventList{
		Kind: "calendar#events", ETag: collectionTag(cal.change), Summary: cal.name, TimeZone: cal.zone.String(),
		AccessRole: v.role, DefaultReminders: []any{}, Items: []any{},
	}
	start := min(q.page.Offset, len(rows))
	end := min(start+q.limit, len(rows))
	if fault.From(c.r.Context()).EmptyPage {
		q.page.Offset = start
		list.NextPageToken = pack(q.page)
		return list
	}
	for _, e := range rows[start:end] {
		list.Items = append(list.Items, v.row(s, e))
	}
	switch {
	case end < len(rows):
		q.page.Offset = end
		list.NextPageToken = pack(q.page)
	case !q.noSyncToken:
		list.NextSyncToken = pack(syncToken{cal.id, q.page.Version, q.page.Epoch})
	}
	return list
}

func collectionTag(change uint64) string { return fmt.Sprintf("\"p%d\"", change) }

// pack makes an opaque token of v.
func pack(v any) string {
	raw, _ := json.Marshal(v) // plain structs: cannot fail
	return base64.RawURLEncoding.EncodeToString(raw)
}

func unpack(token string, v any) bool {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	return err == nil && json.Unmarshal(raw, v) == nil
}

// intParam returns a positive number of the query, capped as the service caps it: without a complaint.
func intParam(r *http.Request, name string, standard, most int) (int, *apiError) {
	v := r.URL.Query().Get(name)
	if v == "" {
		return standard, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 {
		return 0, &apiError{http.StatusBadRequest, "invalidParameter", "Invalid integer value.", name, "parameter"}
	}
	return min(n, most), nil
}
