package graph

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// getSchedule limits: its span, its mailboxes, and the minutes of one digit of the view.
const (
	maxSchedule     = 62 * 24 * time.Hour
	maxSchedules    = 20
	standardMinutes = 30
)

func (s *Server) getUser(c *call) (reply, *apiError) {
	return reply{http.StatusOK, object{
		"id": c.box.user, "displayName": c.box.user, "mail": c.box.user, "userPrincipalName": c.box.user,
	}}, nil
}

func (s *Server) getSettings(c *call) (reply, *apiError) {
	return reply{http.StatusOK, object{
		"timeZone": c.box.shownZone, "dateFormat": "yyyy-MM-dd", "timeFormat": "HH:mm",
	}}, nil
}

func (s *Server) getSettingsZone(c *call) (reply, *apiError) {
	return reply{http.StatusOK, object{"value": c.box.shownZone}}, nil
}

// getSchedule serves calendar/getSchedule over the default calendars. A mailbox that cannot be read is an error inside
// a reply of 200.
func (s *Server) getSchedule(c *call) (reply, *apiError) {
	var in struct {
		Schedules                []string
		StartTime, EndTime       sentTime
		AvailabilityViewInterval int
	}
	if err := json.Unmarshal(c.body, &in); err != nil {
		return reply{}, badRequest("BadRequest", "Unable to read JSON request payload.")
	}
	from, err1 := in.StartTime.instant()
	to, err2 := in.EndTime.instant()
	step := in.AvailabilityViewInterval
	if step == 0 {
		step = standardMinutes
	}
	switch {
	case err1 != nil:
		return reply{}, err1
	case err2 != nil:
		return reply{}, err2
	case !to.After(from) || step < 5 || step > 1440 || len(in.Schedules) > maxSchedules:
		return reply{}, badRequest("ErrorInvalidParameter", "A parameter is invalid.")
	case to.Sub(from) > maxSchedule:
		return reply{}, badRequest("ErrorTimeIntervalTooBig", "The requested time window is longer than 62 days.")
	}
	var out []object
	for _, user := range in.Schedules {
		row := object{"scheduleId": user}
		if box := s.mailboxes[user]; box == nil || len(box.calendars) == 0 {
			row["error"] = object{"message": "The mailbox was not found.", "responseCode": "ErrorMailRecipientNotFound"}
		} else {
			width := time.Duration(step) * time.Minute
			row["availabilityView"], row["scheduleItems"] = schedule(box.calendars[0], from, to, width)
		}
		out = append(out, row)
	}
	return reply{http.StatusOK, object{"@odata.context": s.base(c.r) + "/v1.0/$metadata", "value": out}}, nil
}

// digits are how availabilityView shows what showAs says; the stronger wins.
var digits = map[string]byte{
	"free": '0', "tentative": '1', "busy": '2', "oof": '3', "workingElsewhere": '4', "unknown": '2',
}

func schedule(cal *calendar, from, to time.Time, step time.Duration) (view string, items []object) {
	off := func(e *Event) bool { return e.Cancelled || e.Response == "declined" }
	events := slices.DeleteFunc(cal.expand(from, to), off)
	slices.SortStableFunc(events, byStart)
	items = []object{}
	for _, e := range events {
		items = append(items, object{
			"status": e.ShowAs, "start": object{"dateTime": e.Start.UTC().Format(timeForm), "timeZone": "UTC"},
			"end": object{"dateTime": e.End.UTC().Format(timeForm), "timeZone": "UTC"},
		})
	}
	for at := from; at.Before(to); at = at.Add(step) {
		digit := byte('0')
		for _, e := range events {
			if overlaps(e, at, at.Add(step)) {
				digit = max(digit, digits[e.ShowAs])
			}
		}
		view += string(digit)
	}
	return view, items
}
