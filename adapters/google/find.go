package google

import (
	"context"
	"net/http"
	"time"

	"slotd/internal/calendar"

	gcal "google.golang.org/api/calendar/v3"
)

// find returns the live event of a placement: by its known id or by our identity, and last by our marker, for a server
// that gives events ids of its own. What is nowhere is an error of kind Gone with status 404.
func (c *Client) find(ctx context.Context, cal, op string, w calendar.Wanted) (*gcal.Event, error) {
	ev, err := c.get(ctx, cal, eventID(w), op)
	// A server with ids of its own may answer 400 to one of another form.
	unknown := isStatus(err, http.StatusNotFound) || isStatus(err, http.StatusBadRequest)
	if w.Known.ID != "" || w.Marker == "" || !unknown {
		return ev, err
	}
	id, err := c.search(ctx, cal, op, w)
	switch statusOf(err) {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		id, err = c.searchWindow(ctx, cal, w) // the filter is not served
	}
	if err != nil {
		return nil, err
	}
	if id == "" {
		return nil, &calendar.Error{Kind: calendar.Gone, Op: op, Status: http.StatusNotFound, Reason: "notFound"}
	}
	return c.get(ctx, cal, id, op)
}

// search returns the id of the event with our marker, "" without one. Each row's own property decides: a server may
// ignore the filter.
func (c *Client) search(ctx context.Context, cal, op string, w calendar.Wanted) (string, error) {
	page := ""
	for range maxPages {
		call := c.api.Events.List(cal).Context(ctx).PrivateExtendedProperty(markerKey + "=" + w.Marker).
			MaxResults(pageSize).Fields("nextPageToken,items(id,status,recurringEventId,extendedProperties/private)")
		if page != "" {
			call.PageToken(page)
		}
		list, err := call.Do()
		if err != nil {
			return "", classify(op, err)
		}
		for _, ev := range list.Items {
			if ev != nil && ev.Id != "" && ev.Status != "cancelled" && ev.RecurringEventId == "" && marked(ev, w) {
				return ev.Id, nil
			}
		}
		if page = list.NextPageToken; page == "" {
			return "", nil
		}
	}
	return "", endless(op)
}

// searchWindow is search where the filter is refused: it reads the days around the place where the event should be.
func (c *Client) searchWindow(ctx context.Context, cal string, w calendar.Wanted) (string, error) {
	if w.Interval.Empty() {
		return "", nil
	}
	const day = int64(24 * time.Hour / time.Second)
	snap, err := c.Read(ctx, cal, w.Interval.Pad(day, day))
	if err != nil {
		return "", err
	}
	for _, e := range snap.Events {
		if e.ID != "" && e.Marker == w.Marker {
			return e.ID, nil
		}
	}
	return "", nil
}

// get returns a live event. A deleted one, which Google keeps as cancelled, is an error of kind Gone.
func (c *Client) get(ctx context.Context, cal, id, op string) (*gcal.Event, error) {
	if id == "" {
		return nil, &calendar.Error{Kind: calendar.Gone, Op: op, Reason: "noId"}
	}
	ev, err := c.api.Events.Get(cal, id).Context(ctx).MaxAttendees(1).Fields(oneEvent).Do()
	if ev, err = live(ev, err, id, op); err != nil || !allDay(ev) || ev.Start == nil {
		return ev, err
	}
	// A date counts in the calendar's zone, which the event does not tell.
	list, err := c.api.Events.List(cal).Context(ctx).MaxResults(1).Fields("timeZone").Do()
	if err != nil {
		return nil, classify(op, err)
	}
	if ev.Start.TimeZone = list.TimeZone; list.TimeZone == "" {
		ev.Start.TimeZone = c.zone
	}
	return ev, nil
}

// live checks the reply to a get.
func live(ev *gcal.Event, err error, id, op string) (*gcal.Event, error) {
	switch {
	case err != nil:
		return nil, classify(op, err)
	case ev.Id != id:
		return nil, &calendar.Error{Op: op, Status: http.StatusOK, Reason: "anotherEvent"}
	case ev.Status == "cancelled":
		return nil, &calendar.Error{Kind: calendar.Gone, Op: op, Reason: "cancelled"}
	}
	return ev, nil
}

// reallyGone returns err, unless it says that an event is gone because its calendar is: what can be read nowhere was
// not deleted by anybody.
func (c *Client) reallyGone(ctx context.Context, cal string, err error) error {
	if err == nil || calendar.KindOf(err) != calendar.Gone || !isStatus(err, http.StatusNotFound) {
		return err
	}
	const op = "look at the calendar"
	_, failed := c.api.Events.List(cal).Context(ctx).MaxResults(1).Fields("kind").Do()
	if failed == nil {
		return err
	}
	failed = classify(op, failed)
	if calendar.KindOf(failed) == calendar.Gone {
		return &calendar.Error{Kind: calendar.Unclear, Op: op, Status: statusOf(failed), Reason: "calendarNotFound"}
	}
	return failed
}

// eventID returns the id that the event has or would have.
func eventID(w calendar.Wanted) string {
	if w.Known.ID != "" {
		return w.Known.ID
	}
	return w.Identity
}

// ours reports whether the event was made by us: it has the id that is a hash of ours, or our private property. An
// event without any property is ours if it has the very id that an earlier write of ours settled on.
func ours(ev *gcal.Event, w calendar.Wanted) bool {
	if ev.Id == w.Identity {
		return true
	}
	marker := private(ev, markerKey)
	if marker == "" {
		return ev.Id == w.Known.ID && w.Known.Version != 0
	}
	return w.Marker == "" || marker == w.Marker
}

// marked reports whether the event carries our marker, and no other attempt's identity: a person's copy of an earlier
// attempt is not ours.
func marked(ev *gcal.Event, w calendar.Wanted) bool {
	identity := private(ev, identityKey)
	return private(ev, markerKey) == w.Marker && (identity == "" || identity == w.Identity)
}
