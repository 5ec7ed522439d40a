package google

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"
)

// wireEvent is the event resource, as far as it is emulated.
type wireEvent struct {
	Kind               string          `json:"kind,omitempty"`
	ETag               string          `json:"etag,omitempty"`
	ID                 string          `json:"id,omitempty"`
	Status             string          `json:"status,omitempty"`
	HTMLLink           string          `json:"htmlLink,omitempty"`
	Created            string          `json:"created,omitempty"`
	Updated            string          `json:"updated,omitempty"`
	Summary            string          `json:"summary,omitempty"`
	Description        string          `json:"description,omitempty"`
	Location           string          `json:"location,omitempty"`
	Start              *wireTime       `json:"start,omitempty"`
	End                *wireTime       `json:"end,omitempty"`
	Recurrence         []string        `json:"recurrence,omitempty"`
	RecurringEventID   string          `json:"recurringEventId,omitempty"`
	OriginalStartTime  *wireTime       `json:"originalStartTime,omitempty"`
	Transparency       string          `json:"transparency,omitempty"`
	Visibility         string          `json:"visibility,omitempty"`
	ICalUID            string          `json:"iCalUID,omitempty"`
	Sequence           int             `json:"sequence"`
	Attendees          []wireAttendee  `json:"attendees,omitempty"`
	AttendeesOmitted   bool            `json:"attendeesOmitted,omitempty"`
	ExtendedProperties *wireProperties `json:"extendedProperties,omitempty"`
	EventType          string          `json:"eventType,omitempty"`
}

type wireTime struct {
	Date     string `json:"date,omitempty"`
	DateTime string `json:"dateTime,omitempty"`
	TimeZone string `json:"timeZone,omitempty"`
}

type wireAttendee struct {
	Email          string `json:"email"`
	Self           bool   `json:"self,omitempty"`
	ResponseStatus string `json:"responseStatus,omitempty"`
}

type wireProperties struct {
	Private map[string]string `json:"private,omitempty"`
	Shared  map[string]string `json:"shared,omitempty"`
}

// bareRow is a cancelled row, of which the reference guarantees only this much.
type bareRow struct {
	Kind              string    `json:"kind"`
	ETag              string    `json:"etag"`
	ID                string    `json:"id"`
	Status            string    `json:"status"`
	RecurringEventID  string    `json:"recurringEventId,omitempty"`
	OriginalStartTime *wireTime `json:"originalStartTime,omitempty"`
}

// view says how the caller sees events.
type view struct {
	user         string
	role         string
	zone         *time.Location
	maxAttendees int // 0: no limit
}

// viewOf reads the parameters that change only how events are shown.
func viewOf(c *call, cal *calendar) (view, *apiError) {
	v := view{user: c.user, role: cal.roles[c.user], zone: cal.zone}
	if name := c.r.URL.Query().Get("timeZone"); name != "" {
		loc, err := time.LoadLocation(name)
		if err != nil {
			return v, invalid("Invalid time zone name.")
		}
		v.zone = loc
	}
	n, apiErr := intParam(c.r, "maxAttendees", 0, 1<<20)
	v.maxAttendees = n
	return v, apiErr
}

func (v view) time(e *Event, t time.Time, date string) *wireTime {
	if e.AllDay {
		return &wireTime{Date: date}
	}
	return &wireTime{DateTime: t.In(v.zone).Format(time.RFC3339), TimeZone: e.Zone}
}

func (v view) original(e *Event) *wireTime {
	if e.MasterID == "" {
		return nil
	}
	// The date of an all-day occurrence stands in its id, whatever became of its times.
	date := e.ID[strings.LastIndexByte(e.ID, '_')+1:]
	if len(date) == len(dayStamp) {
		return &wireTime{Date: date[:4] + "-" + date[4:6] + "-" + date[6:]}
	}
	return &wireTime{DateTime: e.Original.In(v.zone).Format(time.RFC3339), TimeZone: e.Zone}
}

// row returns an event as it stands in a list: cancelled ones bare.
func (v view) row(s *Server, e *Event) any {
	if e.live() {
		return v.full(e)
	}
	row := bareRow{Kind: "calendar#event", ETag: e.ETag, ID: e.ID, Status: Cancelled}
	if !s.opt.BareExceptions {
		row.RecurringEventID, row.OriginalStartTime = e.MasterID, v.original(e)
	}
	return row
}

// full returns an event with all that the caller's role may see. A freeBusyReader sees no summary and no people.
func (v view) full(e *Event) wireEvent {
	w := wireEvent{
		Kind: "calendar#event", ETag: e.ETag, ID: e.ID, Status: e.Status, EventType: e.EventType,
		Start: v.time(e, e.Start, e.StartDate), End: v.time(e, e.End, e.EndDate),
		RecurringEventID: e.MasterID, OriginalStartTime: v.original(e), Recurrence: e.Recurrence,
		Updated: e.Updated.Format("2006-01-02T15:04:05.000Z"), Sequence: e.Sequence,
	}
	if e.Transparent {
		w.Transparency = "transparent"
	}
	if v.role == RoleFreeBusy {
		return w
	}
	w.Created = e.Created.Format("2006-01-02T15:04:05.000Z")
	w.Summary, w.Description, w.Location, w.Visibility = e.Title, e.Body, e.Location, e.Visibility
	w.ICalUID = e.ID + "@google.com"
	if e.MasterID != "" {
		w.ICalUID = e.MasterID + "@google.com"
	}
	w.Attendees, w.AttendeesOmitted = v.attendees(e)
	if len(e.Private) > 0 || len(e.Shared) > 0 {
		w.ExtendedProperties = &wireProperties{Private: e.Private, Shared: e.Shared}
	}
	return w
}

// attendees returns the rows of the invited. Over the limit only the caller's own row is returned.
func (v view) attendees(e *Event) (rows []wireAttendee, omitted bool) {
	if e.AttendeesOmitted {
		return nil, true
	}
	for _, a := range e.Attendees {
		rows = append(rows, wireAttendee{Email: a, ResponseStatus: "accepted"})
	}
	var self []wireAttendee
	if e.Response != "" {
		self = []wireAttendee{{Email: v.user, Self: true, ResponseStatus: e.Response}}
	}
	rows = append(rows, self...)
	if v.maxAttendees > 0 && len(rows) > v.maxAttendees {
		return self, true
	}
	return rows, false
}

// decode reads a sent event over e: what the body does not name keeps its value.
func (c *calendar) decode(body []byte, e *Event) *apiError {
	var w wireEvent
	dec := json.NewDecoder(bytes.NewReader(body))
	if err := dec.Decode(&w); err != nil {
		return newError(http.StatusBadRequest, "parseError", "Parse Error")
	}
	if w.Start == nil || w.End == nil {
		return newError(http.StatusBadRequest, "required", "Missing end time.")
	}
	e.Title, e.Body, e.Location, e.Visibility = w.Summary, w.Description, w.Location, w.Visibility
	e.Status, e.EventType, e.Recurrence = w.Status, w.EventType, w.Recurrence
	e.Transparent, e.AttendeesOmitted = w.Transparency == "transparent", w.AttendeesOmitted
	e.Private, e.Shared = nil, nil
	if w.ExtendedProperties != nil {
		e.Private, e.Shared = limited(w.ExtendedProperties.Private), limited(w.ExtendedProperties.Shared)
	}
	if tooMany(e.Private, e.Shared) {
		return invalid("Too many extended properties.")
	}
	if !w.AttendeesOmitted { // rows that the sender could not see stay
		e.Attendees, e.Response = nil, ""
	}
	for _, a := range w.Attendees {
		if a.Self {
			e.Response = a.ResponseStatus
		} else {
			e.Attendees = append(e.Attendees, a.Email)
		}
	}
	if apiErr := e.decodeTimes(w); apiErr != nil {
		return apiErr
	}
	switch err := c.normalize(e); {
	case errors.Is(err, errEmptyRange):
		return newError(http.StatusBadRequest, "timeRangeEmpty", "The specified time range is empty.")
	case err != nil:
		return invalid("Invalid " + strings.TrimPrefix(err.Error(), "invalid ") + ".")
	}
	return nil
}

func (e *Event) decodeTimes(w wireEvent) *apiError {
	e.AllDay = w.Start.Date != ""
	e.StartDate, e.EndDate = w.Start.Date, w.End.Date
	if e.AllDay != (w.End.Date != "") || (e.AllDay && w.Start.DateTime != "") {
		return invalid("Start and end times must either both be date or both be dateTime.")
	}
	if e.AllDay {
		e.Zone = ""
		return nil
	}
	e.Zone = w.Start.TimeZone
	if len(e.Recurrence) > 0 && e.Zone == "" {
		return newError(http.StatusBadRequest, "required", "Missing time zone definition for start time.")
	}
	var err1, err2 *apiError
	e.Start, err1 = w.Start.instant()
	e.End, err2 = w.End.instant()
	if err1 != nil {
		return err1
	}
	return err2
}

// instant reads a dateTime, which has an offset or else a zone beside it.
func (w *wireTime) instant() (time.Time, *apiError) {
	loc := time.UTC
	if w.TimeZone != "" {
		var err error
		if loc, err = time.LoadLocation(w.TimeZone); err != nil {
			return time.Time{}, invalid("Invalid time zone definition.")
		}
	}
	if t, err := time.Parse(time.RFC3339, w.DateTime); err == nil {
		return t, nil
	}
	t, err := time.ParseInLocation("2006-01-02T15:04:05", w.DateTime, loc)
	if err != nil || w.TimeZone == "" {
		return time.Time{}, invalid("Invalid value for a time.")
	}
	return t, nil
}
