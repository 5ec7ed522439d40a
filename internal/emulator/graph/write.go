package graph

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// sent is an event in a request. A nil field was not sent.
type sent struct {
	Subject       *string
	Body          *struct{ Content string }
	Location      *struct{ DisplayName string }
	Start, End    *sentTime
	IsAllDay      *bool
	ShowAs        *string
	Sensitivity   *string
	TransactionID *string `json:"transactionId"`
	Recurrence    *patternedRecurrence
	Properties    []struct{ ID, Value string } `json:"singleValueExtendedProperties"`
}

type sentTime struct{ DateTime, TimeZone string }

func (c *call) decode() (sent, *apiError) {
	var in sent
	if err := json.Unmarshal(c.body, &in); err != nil {
		return in, badRequest("BadRequest", "Unable to read JSON request payload.")
	}
	return in, nil
}

// createEvent serves POST events. A transactionId that the mailbox has seen returns its event and makes no second one,
// whatever else the request says. What becomes of the id of a deleted event is undocumented; here it is free again.
func (s *Server) createEvent(c *call) (reply, *apiError) {
	in, apiErr := c.decode()
	if apiErr != nil {
		return reply{}, apiErr
	}
	if in.TransactionID != nil && *in.TransactionID != "" {
		for _, cal := range c.box.calendars {
			if e := cal.byTransaction(*in.TransactionID); e != nil {
				return reply{http.StatusCreated, c.shape(e)}, nil
			}
		}
	}
	if in.Start == nil || in.End == nil {
		return reply{}, badRequest("ErrorPropertyValidationFailure", "At least one property failed validation.")
	}
	e := Event{ID: s.newID()}
	if in.TransactionID != nil {
		e.TransactionID = *in.TransactionID
	}
	if apiErr := in.apply(c.cal, &e); apiErr != nil {
		return reply{}, apiErr
	}
	stored := s.store(c.cal, e)
	c.w.Header().Set("Location", s.base(c.r)+c.r.URL.EscapedPath())
	return reply{http.StatusCreated, c.shape(stored)}, nil
}

func (c *calendar) byTransaction(id string) *Event {
	for _, e := range c.events {
		if e.TransactionID == id && !e.gone && e.MasterID == "" {
			return e
		}
	}
	return nil
}

func (s *Server) getEvent(c *call) (reply, *apiError) {
	return reply{http.StatusOK, c.shape(c.event)}, nil
}

// updateEvent serves PATCH: fields that are not sent stay.
func (s *Server) updateEvent(c *call) (reply, *apiError) {
	if apiErr := c.ifMatch(); apiErr != nil {
		return reply{}, apiErr
	}
	in, apiErr := c.decode()
	if apiErr != nil {
		return reply{}, apiErr
	}
	e := c.event.clone()
	if in.TransactionID != nil && *in.TransactionID != e.TransactionID {
		return reply{}, badRequest("ErrorInvalidPropertySet", "The property 'transactionId' cannot be changed.")
	}
	if apiErr := in.apply(c.cal, &e); apiErr != nil {
		return reply{}, apiErr
	}
	return reply{http.StatusOK, c.shape(s.store(c.cal, e))}, nil
}

func (s *Server) deleteEvent(c *call) (reply, *apiError) {
	if apiErr := c.ifMatch(); apiErr != nil {
		return reply{}, apiErr
	}
	s.remove(c.cal, *c.event)
	return reply{http.StatusNoContent, nil}, nil
}

func (c *call) ifMatch() *apiError {
	want := c.r.Header.Get("If-Match")
	if want == "" || want == "*" || want == c.event.ETag {
		return nil
	}
	return newError(http.StatusPreconditionFailed, "ErrorIrresolvableConflict",
		"The send or update operation could not be performed because the change key passed in the request does not "+
			"match the current change key for the item.")
}

// apply writes what was sent over e and checks the whole.
func (in *sent) apply(cal *calendar, e *Event) *apiError {
	for from, to := range map[*string]*string{in.Subject: &e.Title, in.ShowAs: &e.ShowAs, in.Sensitivity: &e.Sensitivity} {
		if from != nil {
			*to = *from
		}
	}
	if in.Body != nil {
		e.Body = in.Body.Content
	}
	if in.Location != nil {
		e.Location = in.Location.DisplayName
	}
	if in.Recurrence != nil && e.MasterID == "" {
		rule, err := in.Recurrence.rule()
		if err != nil {
			return badRequest("ErrorPropertyValidationFailure", "The recurrence pattern is not valid.")
		}
		e.Recurrence = []string{rule}
	}
	for _, p := range in.Properties {
		if e.Properties == nil {
			e.Properties = map[string]string{}
		}
		e.Properties[p.ID] = p.Value
	}
	if apiErr := in.applyTimes(e); apiErr != nil {
		return apiErr
	}
	if err := cal.normalize(e); err != nil {
		return badRequest("ErrorPropertyValidationFailure", "At least one property failed validation.")
	}
	return nil
}

func (in *sent) applyTimes(e *Event) *apiError {
	if in.IsAllDay != nil {
		e.AllDay = *in.IsAllDay
	}
	for _, part := range []struct {
		in   *sentTime
		at   *time.Time
		date *string
	}{{in.Start, &e.Start, &e.StartDate}, {in.End, &e.End, &e.EndDate}} {
		if part.in == nil {
			continue
		}
		t, apiErr := part.in.instant()
		if apiErr != nil {
			return apiErr
		}
		if *part.at = t; e.AllDay {
			*part.date = t.Format(dateForm)
			if t.Format("15:04:05") != "00:00:00" {
				return badRequest("ErrorInvalidRequest", "The start and end of an all-day event need to be set to midnight.")
			}
		}
	}
	if in.Start != nil {
		e.Zone = in.Start.TimeZone
	}
	if e.AllDay && in.Start != nil && in.End != nil && in.Start.TimeZone != in.End.TimeZone {
		return badRequest("ErrorInvalidRequest", "The start and end of an all-day event need to be in the same time zone.")
	}
	return nil
}

// instant reads a time without an offset in its zone; no zone means UTC.
func (t *sentTime) instant() (time.Time, *apiError) {
	zone := t.TimeZone
	if zone == "" {
		zone = "UTC"
	}
	loc, err := zoneNamed(zone)
	if err != nil {
		return time.Time{}, badRequest("TimeZoneNotSupportedException", "A valid TimeZone value must be specified.")
	}
	at, err := time.ParseInLocation("2006-01-02T15:04:05.9999999", strings.TrimSuffix(t.DateTime, "Z"), loc)
	if err != nil {
		return time.Time{}, badRequest("ErrorPropertyValidationFailure", "At least one property failed validation.")
	}
	return at, nil
}
