package google

import (
	"context"
	"net/http"
	"time"

	"slotd/internal/calendar"

	gcal "google.golang.org/api/calendar/v3"
)

// Read returns every event of the calendar that overlaps window, occurrences expanded, with Google's busy rules
// applied. It takes as many pages as there are; any page that fails makes the whole read an error.
func (c *Client) Read(ctx context.Context, cal string, window calendar.Interval) (calendar.Snapshot, error) {
	const op = "read window"
	snap := calendar.Snapshot{Window: window}
	rows := reader{window: window, allDayBusy: c.allDayBusy(cal)}
	page := ""
	for range maxPages {
		list, err := c.page(ctx, cal, window, page)
		if err != nil {
			return calendar.Snapshot{}, classify(op, err)
		}
		if list.Kind == "" && list.TimeZone == "" {
			// Some JSON that is not a list of events. An empty calendar still says its zone.
			return calendar.Snapshot{}, &calendar.Error{Op: op, Status: http.StatusOK, Reason: "notAnEventList"}
		}
		snap.Pages++
		rows.zone = list.TimeZone
		for _, ev := range list.Items {
			e, keep, err := rows.event(ev)
			if err != nil {
				return calendar.Snapshot{}, err
			}
			if keep {
				snap.Events = append(snap.Events, e)
			}
		}
		if list.NextPageToken == "" {
			return snap, nil
		}
		page = list.NextPageToken
	}
	return calendar.Snapshot{}, endless(op)
}

func (c *Client) page(ctx context.Context, cal string, window calendar.Interval, token string) (*gcal.Events, error) {
	// maxAttendees(1) still returns our own row, the only one that the busy rules need. The fields leave titles and
	// people at Google.
	call := c.api.Events.List(cal).Context(ctx).SingleEvents(true).ShowDeleted(false).MaxResults(pageSize).
		MaxAttendees(1).Fields(readFields).
		TimeMin(window.StartTime().Format(time.RFC3339)).
		TimeMax(window.EndTime().Format(time.RFC3339))
	if token != "" {
		call.PageToken(token)
	}
	return call.Do()
}

// reader turns Google's rows into events.
type reader struct {
	window     calendar.Interval
	zone       string         // the calendar's, IANA: all-day events are dates in it
	loc        *time.Location // zone, loaded once there is such an event
	allDayBusy bool
}

// event returns the row as an event; keep is false for a row that is not on the calendar any more. The only error is
// an unknown zone where a date needs one.
func (r *reader) event(ev *gcal.Event) (e calendar.Event, keep bool, err error) {
	if ev == nil || ev.Status == "cancelled" {
		return calendar.Event{}, false, nil
	}
	if allDay(ev) && r.loc == nil {
		if r.loc, err = location("read the calendar's time zone", r.zone); err != nil {
			return calendar.Event{}, false, err
		}
	}
	span, ok := interval(ev, r.loc)
	busy := blocks(ev, r.allDayBusy)
	switch {
	case !ok:
		span = r.window // a time that cannot be understood: unknown is not free
	case span.End == span.Start:
		busy = false
	case span.End < span.Start:
		span.End = span.Start + 60
	}
	return calendar.Event{
		ID: ev.Id, Identity: ev.Id, ETag: ev.Etag, Interval: span, Busy: busy,
		Marker: private(ev, markerKey), Recurring: ev.RecurringEventId != "",
	}, true, nil
}

// blocks applies Google's rules in their order; the first that fits decides. What is not known counts as busy. An
// invitation that is not answered, or answered with "maybe", is busy.
func blocks(ev *gcal.Event, allDayBusy bool) bool {
	switch ev.EventType {
	case "workingLocation", "birthday":
		return false // says where or what, not that the person is taken
	}
	if ev.Transparency == "transparent" && !(allDayBusy && allDay(ev)) {
		return false
	}
	for _, a := range ev.Attendees {
		if a != nil && a.Self && a.ResponseStatus == "declined" {
			return false // Google keeps a declined event on the calendar, opaque
		}
	}
	return true
}

func allDay(ev *gcal.Event) bool {
	return ev.Start != nil && ev.Start.Date != "" || ev.End != nil && ev.End.Date != ""
}

// interval returns the time of an event, ok false when it cannot be understood. Dates are days in loc, which may be
// nil when the event is not all-day.
func interval(ev *gcal.Event, loc *time.Location) (span calendar.Interval, ok bool) {
	if ev.Start == nil || ev.End == nil {
		return span, false
	}
	start, err1 := instant(ev.Start, loc)
	end, err2 := instant(ev.End, loc)
	if err1 != nil || err2 != nil {
		return span, false
	}
	return calendar.Between(start, end), true
}

func instant(t *gcal.EventDateTime, loc *time.Location) (time.Time, error) {
	if t.Date == "" {
		return time.Parse(time.RFC3339, t.DateTime)
	}
	date, err := calendar.ParseDate(t.Date)
	if err != nil {
		return time.Time{}, err
	}
	return date.Interval(loc).StartTime(), nil
}

// location loads an IANA zone. Its error names the zone: a person has to correct it.
func location(op, zone string) (*time.Location, error) {
	if zone == "" || zone == "Local" { // to package time these two are zones
		return nil, &calendar.Error{Kind: calendar.Refused, Op: op, Reason: "noTimeZone"}
	}
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return nil, &calendar.Error{Kind: calendar.Refused, Op: op, Reason: "unknownTimeZone:" + calendar.Code(zone)}
	}
	return loc, nil
}
