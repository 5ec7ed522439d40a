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
	rows := reader{window: window, zone: c.zone, allDayBusy: c.allDayBusy(cal)}
	page := ""
	for range maxPages {
		list, err := c.page(ctx, cal, window, page)
		if err != nil {
			return calendar.Snapshot{}, classify(op, err)
		}
		if notAList(list) {
			return calendar.Snapshot{}, &calendar.Error{Op: op, Status: http.StatusOK, Reason: "notAnEventList"}
		}
		snap.Pages++
		if list.TimeZone != "" {
			rows.zone = list.TimeZone
		}
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

// notAList reports some JSON that says nothing of a list of events. Google's empty calendar still says kind and zone;
// other servers leave out what they like, but not all of it.
func notAList(list *gcal.Events) bool {
	return list.Items == nil && list.Kind == "" && list.TimeZone == "" && list.NextPageToken == "" &&
		list.NextSyncToken == ""
}

// reader turns Google's rows into events.
type reader struct {
	window     calendar.Interval
	zone       string         // the calendar's, IANA: all-day events are dates in it, and times without an offset its own
	loc        *time.Location // zone, loaded once there is such an event
	allDayBusy bool
}

// event returns the row as an event; keep is false for a row that is not on the calendar any more. The only error is
// an unknown zone where a date needs one.
func (r *reader) event(ev *gcal.Event) (e calendar.Event, keep bool, err error) {
	if ev == nil || ev.Status == "cancelled" {
		return calendar.Event{}, false, nil
	}
	if r.loc == nil && (allDay(ev) || r.zone != "" && (floating(ev.Start) || floating(ev.End))) {
		if r.loc, err = location("read the calendar's time zone", r.zone); err != nil {
			return calendar.Event{}, false, err
		}
	}
	span, ok := interval(ev, r.loc)
	busy := blocks(ev, r.allDayBusy)
	freeDay := !busy && blocks(ev, true) // all_day = "busy" would block it
	switch {
	case !ok:
		span = r.window // a time that cannot be understood: unknown is not free
	case span.End == span.Start:
		busy = false
	case span.End < span.Start:
		span.End = span.Start + 60
		ok = false
	}
	e = calendar.Event{
		ID: ev.Id, ETag: ev.Etag, Interval: span, Busy: busy, FreeDay: freeDay, Recurring: ev.RecurringEventId != "", Odd: !ok,
	}
	if !e.Recurring { // an occurrence inherits what we wrote into an event of which a person made a series
		e.Identity, e.Marker, e.Version = ev.Id, private(ev, markerKey), version(ev)
	}
	return e, true, nil
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

// instant reads a date, or a time. Google's times have an offset; one without is a wall time in the zone that it names
// itself, otherwise in loc, otherwise in UTC.
func instant(t *gcal.EventDateTime, loc *time.Location) (time.Time, error) {
	if t.Date != "" {
		date, err := calendar.ParseDate(t.Date)
		if err != nil {
			return time.Time{}, err
		}
		return date.Interval(loc).StartTime(), nil
	}
	if at, err := time.Parse(time.RFC3339, t.DateTime); err == nil {
		return at, nil
	}
	var err error
	switch {
	case t.TimeZone != "":
		if loc, err = location("", t.TimeZone); err != nil {
			return time.Time{}, err
		}
	case loc == nil:
		loc = time.UTC
	}
	return time.ParseInLocation(wallTime, t.DateTime, loc)
}

// wallTime is a time without an offset; fractions of a second are read too.
const wallTime = "2006-01-02T15:04:05"

// floating reports a time that needs the calendar's zone.
func floating(t *gcal.EventDateTime) bool {
	if t == nil || t.Date != "" || t.TimeZone != "" {
		return false
	}
	_, err := time.Parse(wallTime, t.DateTime)
	return err == nil
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
