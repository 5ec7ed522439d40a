package google

import (
	"context"
	"maps"
	"net/http"
	"strconv"
	"time"

	"slotd/internal/calendar"

	gcal "google.golang.org/api/calendar/v3"
	"google.golang.org/api/googleapi"
)

// Our private properties. They are seen by this calendar's copy of the event only.
const (
	markerKey   = "slotd"
	versionKey  = "slotdVersion"
	identityKey = "slotdIdentity" // tells attempts apart where a server gives ids of its own
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
// Relied on is: a 2xx means done; an insert under an id that is taken is answered with 409, or else our private
// properties come back; a stale If-Match is answered with 412. A server without etags is compared by w.Known.Interval
// instead. A server that keeps no private properties does not say which version an event has: one that is where w
// wants it counts as written, and one that is elsewhere for no known reason is a Conflict.
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
	ev, err := c.find(ctx, cal, op, w)
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
	ev, err := c.find(ctx, cal, "look up event", w)
	if err != nil && w.Known.ID == "" && isStatus(err, http.StatusNotFound) {
		return c.insert(ctx, cal, w)
	}
	if err != nil {
		return calendar.Written{}, err
	}
	return c.settle(ctx, cal, w, ev)
}

// insert creates the event. Whatever a 2xx tells of is our event, also under an id that the server chose.
func (c *Client) insert(ctx context.Context, cal string, w calendar.Wanted) (calendar.Written, error) {
	const op = "insert event"
	event, err := eventOf(w)
	if err != nil {
		return calendar.Written{}, err
	}
	event.Id = w.Identity
	ev, err := c.api.Events.Insert(cal, event).Context(ctx).SendUpdates("none").Fields(oneEvent).Do()
	if err != nil && !isConflict(err) {
		return calendar.Written{}, classify(op, err)
	}
	if err == nil && ev.Id != "" {
		return accepted(ev, w), nil
	}
	// The id is taken, by our own earlier call, whatever became of its event since; or the answer had no body.
	status, reason := http.StatusConflict, "takenButNotFound"
	if err == nil {
		status, reason = http.StatusOK, "doneButNotFound"
	}
	found, err := c.find(ctx, cal, "look up event", w)
	if isStatus(err, http.StatusNotFound) {
		// Not there, and yet nobody deleted anything: ask again later.
		return calendar.Written{}, &calendar.Error{Op: op, Status: status, Reason: reason}
	}
	if err != nil {
		return calendar.Written{}, err
	}
	return c.settle(ctx, cal, w, found)
}

// settle decides about a live event that was found.
func (c *Client) settle(ctx context.Context, cal string, w calendar.Wanted, ev *gcal.Event) (calendar.Written, error) {
	found := written(ev, w)
	switch {
	case !ours(ev, w):
		return found, &calendar.Error{Kind: calendar.Conflict, Op: "look up event", Reason: "notOurs"}
	case done(&found, w):
		return found, nil
	case touched(found, w):
		return found, &calendar.Error{Kind: calendar.Conflict, Op: "update event", Reason: "changedMeanwhile"}
	}
	return c.update(ctx, cal, w, ev.Id, ev.Etag)
}

// done reports whether the event is as w wants it: it carries the version, or it carries none and is where it should
// be.
func done(found *calendar.Written, w calendar.Wanted) bool {
	if found.Version == 0 && found.Interval == w.Interval && !w.Interval.Empty() {
		found.Version = w.Version
	}
	return found.Version == w.Version
}

// touched reports whether a person may have moved the event, where no etag or no version would tell of it.
func touched(found calendar.Written, w calendar.Wanted) bool {
	switch {
	case found.Interval.Empty(), found.ETag != "" && found.Version != 0:
		return false
	case w.Known.Interval.Empty():
		return found.Version == 0
	}
	return found.Interval != w.Known.Interval
}

// update writes over the event only if it is still the one with this etag, where the server has etags.
func (c *Client) update(ctx context.Context, cal string, w calendar.Wanted, id, etag string) (calendar.Written, error) {
	ev, failed := c.patch(ctx, cal, w, id, etag)
	switch statusOf(failed) {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		ev, failed = c.replace(ctx, cal, w, id, etag) // the event is gone, or PATCH is not served
	}
	if failed == nil {
		return c.updated(ctx, cal, w, id, ev)
	}
	if s := statusOf(failed); s != http.StatusPreconditionFailed && s != http.StatusForbidden {
		return calendar.Written{}, failed
	}
	// 412: somebody was here, perhaps ourselves. Google also answers an update of a deleted event with 403.
	ev, err := c.get(ctx, cal, id, "look up event")
	if err != nil {
		if calendar.KindOf(err) != calendar.Gone && statusOf(failed) == http.StatusForbidden {
			return calendar.Written{}, failed
		}
		return calendar.Written{}, err
	}
	found := written(ev, w)
	if statusOf(failed) == http.StatusPreconditionFailed && ours(ev, w) && done(&found, w) {
		return found, nil
	}
	return found, failed
}

// updated checks the answer to an update; one without a body is followed by a look.
func (c *Client) updated(ctx context.Context, cal string, w calendar.Wanted, id string, ev *gcal.Event) (
	calendar.Written, error) {
	const op = "update event"
	switch {
	case ev.Id == "":
		ev, err := c.get(ctx, cal, id, "look up event")
		if err != nil {
			return calendar.Written{}, err
		}
		if found := written(ev, w); done(&found, w) {
			return found, nil
		}
		return calendar.Written{}, &calendar.Error{Op: op, Status: http.StatusOK, Reason: "doneButNotVisible"}
	case ev.Id != id:
		return calendar.Written{}, &calendar.Error{Op: op, Status: http.StatusOK, Reason: "anotherEvent"}
	case ev.Status == "cancelled":
		return calendar.Written{}, &calendar.Error{Kind: calendar.Gone, Op: op, Reason: "cancelled"}
	}
	return accepted(ev, w), nil
}

func (c *Client) patch(ctx context.Context, cal string, w calendar.Wanted, id, etag string) (*gcal.Event, error) {
	event, err := eventOf(w)
	if err != nil {
		return nil, err
	}
	// A person may have made an all-day event of it: a patch keeps what it does not name.
	event.Start.NullFields, event.End.NullFields = []string{"Date"}, []string{"Date"}
	call := c.api.Events.Patch(cal, id, event).Context(ctx).SendUpdates("none").Fields(oneEvent)
	if etag != "" {
		call.Header().Set("If-Match", etag)
	}
	ev, err := call.Do()
	return ev, classify("update event", err)
}

// replace is for a server without PATCH: it puts the whole event, with all that we do not name left as it was found.
func (c *Client) replace(ctx context.Context, cal string, w calendar.Wanted, id, etag string) (*gcal.Event, error) {
	const op = "replace event"
	ours, err := eventOf(w)
	if err != nil {
		return nil, err
	}
	ev, err := c.api.Events.Get(cal, id).Context(ctx).Do()
	if ev, err = live(ev, err, id, op); err != nil {
		return nil, err
	}
	if etag != "" && ev.Etag != "" && ev.Etag != etag {
		return nil, &calendar.Error{Kind: calendar.Conflict, Op: op, Status: http.StatusPreconditionFailed}
	}
	ev.Summary, ev.Description, ev.Start, ev.End = ours.Summary, ours.Description, ours.Start, ours.End
	ev.ForceSendFields = ours.ForceSendFields
	if ev.Reminders != nil {
		ev.Reminders.ForceSendFields = []string{"UseDefault"} // left out, false would turn into true
	}
	if ev.ExtendedProperties == nil {
		ev.ExtendedProperties = &gcal.EventExtendedProperties{}
	}
	if ev.ExtendedProperties.Private == nil {
		ev.ExtendedProperties.Private = map[string]string{}
	}
	maps.Copy(ev.ExtendedProperties.Private, ours.ExtendedProperties.Private)
	call := c.api.Events.Update(cal, id, ev).Context(ctx).SendUpdates("none").Fields(oneEvent)
	if etag != "" {
		call.Header().Set("If-Match", etag)
	}
	ev, err = call.Do()
	return ev, classify(op, err)
}

// remove deletes the event if it is ours. One that does not exist any more is as it should be.
func (c *Client) remove(ctx context.Context, cal string, w calendar.Wanted) error {
	const op = "delete event"
	ev, err := c.find(ctx, cal, op, w)
	if calendar.KindOf(err) == calendar.Gone {
		return nil
	}
	if err != nil {
		return err
	}
	if !ours(ev, w) {
		return &calendar.Error{Kind: calendar.Conflict, Op: op, Reason: "notOurs"}
	}
	err = c.api.Events.Delete(cal, ev.Id).Context(ctx).SendUpdates("none").Do()
	if err = classify(op, err); err != nil && calendar.KindOf(err) != calendar.Gone {
		return err
	}
	return nil
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
			markerKey: w.Marker, versionKey: strconv.FormatUint(w.Version, 10), identityKey: w.Identity,
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

// accepted is what is known after a 2xx to our own write: what the answer shows, and where it shows less, what we
// wrote.
func accepted(ev *gcal.Event, w calendar.Wanted) calendar.Written {
	got := written(ev, w)
	if got.Version == 0 {
		got.Version = w.Version
	}
	if got.Interval.Empty() {
		got.Interval = w.Interval
	}
	return got
}

func private(ev *gcal.Event, key string) string {
	if ev.ExtendedProperties == nil {
		return ""
	}
	return ev.ExtendedProperties.Private[key]
}
