package google

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"slotd/internal/calendar"

	gcal "google.golang.org/api/calendar/v3"
	"google.golang.org/api/googleapi"
)

// Our private properties. They are seen by this calendar's copy of the event only.
const (
	markerKey  = "slotd"
	versionKey = "slotdVersion"
)

const oneEvent = googleapi.Field("id,etag,status,start,end,extendedProperties/private")

// Apply makes the event of one placement equal to w: it creates, moves or removes it. Calling it again with the same
// w is safe; after an error of kind Unclear call it again with w.Unclear set.
//
// A person's edit is never written over. If the event is not the one that w.Known tells of, the error is of kind
// Conflict and the returned state is the one found; if it was deleted, the error is of kind Gone and nothing is put
// back. An event that already carries w.Version was written by an earlier call whose reply was lost: that is
// success, and the returned interval is where the event is now.
//
// Guests are never invited and never mailed.
func (c *Client) Apply(ctx context.Context, cal string, w calendar.Wanted) (calendar.Written, error) {
	switch {
	case cal == "":
		return calendar.Written{}, &calendar.Error{Kind: calendar.Refused, Op: "write event", Reason: "noCalendarId"}
	case w.Removed:
		return calendar.Written{}, c.remove(ctx, cal, w)
	case w.Known.ID != "" && w.Known.ETag != "":
		return c.update(ctx, cal, w, w.Known.ID, w.Known.ETag)
	case w.Known.ID != "" || w.Unclear:
		return c.lookUp(ctx, cal, w)
	}
	return c.insert(ctx, cal, w)
}

// Find returns the present state of the event of one placement. An event that was deleted, or never was, is an error
// of kind Gone; one that is not ours is an error of kind Conflict.
func (c *Client) Find(ctx context.Context, cal string, w calendar.Wanted) (calendar.Written, error) {
	const op = "find event"
	ev, err := c.get(ctx, cal, eventID(w), op)
	if err != nil {
		return calendar.Written{}, err
	}
	if !ours(ev, w) {
		return written(ev, w), &calendar.Error{Kind: calendar.Conflict, Op: op, Reason: "notOurs"}
	}
	return written(ev, w), nil
}

// lookUp is for an event that may exist already: by an earlier call without a reply, or known without its etag.
func (c *Client) lookUp(ctx context.Context, cal string, w calendar.Wanted) (calendar.Written, error) {
	ev, err := c.get(ctx, cal, eventID(w), "look up event")
	if err != nil && w.Known.ID == "" && isStatus(err, http.StatusNotFound) {
		return c.insert(ctx, cal, w)
	}
	if err != nil {
		return calendar.Written{}, err
	}
	return c.settle(ctx, cal, w, ev)
}

func (c *Client) insert(ctx context.Context, cal string, w calendar.Wanted) (calendar.Written, error) {
	const op = "insert event"
	event, err := eventOf(w)
	if err != nil {
		return calendar.Written{}, err
	}
	event.Id = w.Identity
	ev, err := c.api.Events.Insert(cal, event).Context(ctx).SendUpdates("none").Fields(oneEvent).Do()
	if isConflict(err) {
		// The id is taken: by our own earlier call, whatever became of its event since.
		found, err := c.get(ctx, cal, w.Identity, "look up event")
		if isStatus(err, http.StatusNotFound) {
			// Taken, and yet not there. Nobody deleted anything: ask again later.
			return calendar.Written{}, &calendar.Error{Op: op, Status: http.StatusConflict, Reason: "takenButNotFound"}
		}
		if err != nil {
			return calendar.Written{}, err
		}
		return c.settle(ctx, cal, w, found)
	}
	if err != nil {
		return calendar.Written{}, classify(op, err)
	}
	if ev.Id != w.Identity {
		return calendar.Written{}, &calendar.Error{Op: op, Status: http.StatusOK, Reason: "anotherEvent"}
	}
	return written(ev, w), nil
}

// settle decides about a live event that was found under our identity.
func (c *Client) settle(ctx context.Context, cal string, w calendar.Wanted, ev *gcal.Event) (calendar.Written, error) {
	found := written(ev, w)
	if private(ev, markerKey) != w.Marker {
		return found, &calendar.Error{Kind: calendar.Conflict, Op: "look up event", Reason: "notOurs"}
	}
	if found.Version == w.Version {
		return found, nil
	}
	return c.update(ctx, cal, w, ev.Id, ev.Etag)
}

// update writes over the event only if it is still the one with this etag.
func (c *Client) update(ctx context.Context, cal string, w calendar.Wanted, id, etag string) (calendar.Written, error) {
	const op = "update event"
	event, err := eventOf(w)
	if err != nil {
		return calendar.Written{}, err
	}
	// A person may have made an all-day event of it: a patch keeps what it does not name.
	event.Start.NullFields, event.End.NullFields = []string{"Date"}, []string{"Date"}
	call := c.api.Events.Patch(cal, id, event).Context(ctx).SendUpdates("none").Fields(oneEvent)
	call.Header().Set("If-Match", etag)
	ev, err := call.Do()
	if err == nil {
		if ev.Id != id {
			return calendar.Written{}, &calendar.Error{Op: op, Status: http.StatusOK, Reason: "anotherEvent"}
		}
		if ev.Status == "cancelled" {
			return calendar.Written{}, &calendar.Error{Kind: calendar.Gone, Op: op, Reason: "cancelled"}
		}
		return written(ev, w), nil
	}
	failed := classify(op, err)
	if s := statusOf(failed); s != http.StatusPreconditionFailed && s != http.StatusForbidden {
		return calendar.Written{}, failed
	}
	// 412: somebody was here, perhaps ourselves. Google also answers an update of a deleted event with 403.
	ev, err = c.get(ctx, cal, id, "look up event")
	if err != nil {
		if calendar.KindOf(err) != calendar.Gone && statusOf(failed) == http.StatusForbidden {
			return calendar.Written{}, failed
		}
		return calendar.Written{}, err
	}
	found := written(ev, w)
	if statusOf(failed) == http.StatusPreconditionFailed && found.Version == w.Version && ours(ev, w) {
		return found, nil
	}
	return found, failed
}

// remove deletes the event if it is ours. One that does not exist any more is as it should be.
func (c *Client) remove(ctx context.Context, cal string, w calendar.Wanted) error {
	const op = "delete event"
	id := eventID(w)
	if id == "" {
		return nil
	}
	ev, err := c.get(ctx, cal, id, op)
	if calendar.KindOf(err) == calendar.Gone {
		return nil
	}
	if err != nil {
		return err
	}
	if !ours(ev, w) {
		return &calendar.Error{Kind: calendar.Conflict, Op: op, Reason: "notOurs"}
	}
	err = c.api.Events.Delete(cal, id).Context(ctx).SendUpdates("none").Do()
	if err = classify(op, err); err != nil && calendar.KindOf(err) != calendar.Gone {
		return err
	}
	return nil
}

// get returns a live event. A deleted one, which Google keeps as cancelled, is an error of kind Gone.
func (c *Client) get(ctx context.Context, cal, id, op string) (*gcal.Event, error) {
	if id == "" {
		return nil, &calendar.Error{Kind: calendar.Gone, Op: op, Reason: "noId"}
	}
	ev, err := c.api.Events.Get(cal, id).Context(ctx).MaxAttendees(1).Fields(oneEvent).Do()
	if err != nil {
		return nil, classify(op, err)
	}
	if ev.Id != id {
		return nil, &calendar.Error{Op: op, Status: http.StatusOK, Reason: "anotherEvent"}
	}
	if ev.Status == "cancelled" {
		return nil, &calendar.Error{Kind: calendar.Gone, Op: op, Reason: "cancelled"}
	}
	return ev, nil
}

// eventID returns the id that the event has or would have.
func eventID(w calendar.Wanted) string {
	if w.Known.ID != "" {
		return w.Known.ID
	}
	return w.Identity
}

// ours reports whether the event was made by us: it has the id that is a hash of ours, or our private property.
func ours(ev *gcal.Event, w calendar.Wanted) bool {
	marker := private(ev, markerKey)
	return ev.Id == w.Identity || marker != "" && (w.Marker == "" || marker == w.Marker)
}

// eventOf is the event that w asks for, without its id.
func eventOf(w calendar.Wanted) (*gcal.Event, error) {
	zone := w.Zone
	if zone == "" {
		zone = "UTC"
	}
	loc, err := location("write event", zone)
	if err != nil {
		return nil, err
	}
	return &gcal.Event{
		Summary:     w.Title,
		Description: w.Body,
		Start:       dateTime(w.Interval.StartTime().In(loc), zone),
		End:         dateTime(w.Interval.EndTime().In(loc), zone),
		ExtendedProperties: &gcal.EventExtendedProperties{Private: map[string]string{
			markerKey: w.Marker, versionKey: strconv.FormatUint(w.Version, 10),
		}},
		ForceSendFields: []string{"Summary", "Description"},
	}, nil
}

func dateTime(t time.Time, zone string) *gcal.EventDateTime {
	return &gcal.EventDateTime{DateTime: t.Format(time.RFC3339), TimeZone: zone}
}

// written is what an event says of itself. All-day events count in the zone that w is read in; a time that cannot be
// understood is left empty.
func written(ev *gcal.Event, w calendar.Wanted) calendar.Written {
	loc, err := location("", w.Zone)
	if err != nil {
		loc = time.UTC
	}
	span, _ := interval(ev, loc)
	version, _ := strconv.ParseUint(private(ev, versionKey), 10, 64) // unreadable: not a version of ours
	return calendar.Written{ID: ev.Id, ETag: ev.Etag, Interval: span, Version: version}
}

func private(ev *gcal.Event, key string) string {
	if ev.ExtendedProperties == nil {
		return ""
	}
	return ev.ExtendedProperties.Private[key]
}
