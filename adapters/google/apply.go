package google

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
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
	textKey     = "slotdText"     // what title and body we wrote, so that the next write names only what we change
)

// maxMarker is how many characters of a private property Google keeps: it cuts the rest without a word.
// Source: https://developers.google.com/workspace/calendar/api/guides/extended-properties.
const maxMarker = 1024

// maxTries bounds how often one call writes to an event that changes under its hands.
const maxTries = 3

const oneEvent = googleapi.Field("id,etag,status,start,end,recurrence,extendedProperties/private")

// Apply makes the event of one placement equal to w: it creates, moves or removes it. Calling it again with the same
// w is safe; after an error of kind Unclear call it again with w.Unclear set.
//
// A person's move is never written over. If the event is not where w.Known tells, or is a series now, the error is of
// kind Conflict and the returned state is the one found; if it was deleted, the error is of kind Gone and nothing is
// put back. A new etag alone is no move: etags change for many reasons. An event that already carries w.Version was
// written by an earlier call whose reply was lost: that is success, and the returned interval is where the event is now.
//
// People may write what they like into the event: of title and body only what differs from our last write is sent.
//
// A series of a person's making is not removed either: that is a Conflict too. That an event is gone which is to be
// removed, or that there was none, is success, and returns nothing. After an insert without a reply, "there was none"
// may be too early an answer: a request that was held up on its way can still arrive.
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
	case len([]rune(w.Marker)) > maxMarker:
		return calendar.Written{}, &calendar.Error{Kind: calendar.Refused, Op: "write event", Reason: "markerTooLong"}
	case w.Removed:
		return c.remove(ctx, cal, w)
	case w.Known.ID != "" || w.Unclear:
		got, err := c.lookUp(ctx, cal, w)
		return got, c.reallyGone(ctx, cal, err)
	}
	return c.insert(ctx, cal, w)
}

// Find returns the present state of the event of one placement. An event that was deleted, or never was, is an error
// of kind Gone, which is given only where the calendar itself can be read; one that is not ours is an error of kind
// Conflict.
func (c *Client) Find(ctx context.Context, cal string, w calendar.Wanted) (calendar.Written, error) {
	const op = "find event"
	ev, err := c.find(ctx, cal, op, w)
	if err != nil {
		return calendar.Written{}, c.reallyGone(ctx, cal, err)
	}
	if !ours(ev, w) {
		return written(ev, w), &calendar.Error{Kind: calendar.Conflict, Op: op, Reason: "notOurs"}
	}
	return written(ev, w), nil
}

// lookUp is for an event that may exist already: known, or by an earlier call without a reply.
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
	event, err := eventOf(w, "")
	if err != nil {
		return calendar.Written{}, err
	}
	event.Id = w.Identity
	ev, err := c.api.Events.Insert(cal, event).Context(ctx).SendUpdates("none").Fields(oneEvent).Do()
	if err != nil && !disputed(classify(op, err)) {
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

// settle decides about a live event that was found, and writes to it if it may.
func (c *Client) settle(ctx context.Context, cal string, w calendar.Wanted, ev *gcal.Event) (calendar.Written, error) {
	const op = "update event"
	for range maxTries {
		found := written(ev, w)
		switch {
		case !ours(ev, w):
			return found, &calendar.Error{Kind: calendar.Conflict, Op: "look up event", Reason: "notOurs"}
		case done(&found, w):
			return found, nil
		case found.Recurring:
			return found, errRecurring(op)
		case touched(found, w):
			return found, &calendar.Error{Kind: calendar.Conflict, Op: op, Reason: "changedMeanwhile"}
		}
		got, err := c.write(ctx, cal, w, ev)
		if !disputed(err) {
			return got, err
		}
		if ev, err = c.get(ctx, cal, ev.Id, "look up event"); err != nil {
			return calendar.Written{}, err
		}
	}
	return calendar.Written{}, &calendar.Error{Op: op, Reason: "keepsChanging"}
}

func errRecurring(op string) error {
	return &calendar.Error{Kind: calendar.Conflict, Op: op, Reason: "madeRecurring"}
}

// disputed reports an answer that says that the event is another than was thought. Whether it is, a look tells.
func disputed(err error) bool {
	return isStatus(err, http.StatusPreconditionFailed) || isStatus(err, http.StatusConflict)
}

// done reports whether the event is as w wants it: it carries the version, or it carries none and is where it should
// be.
func done(found *calendar.Written, w calendar.Wanted) bool {
	if found.Version == 0 && found.Interval == w.Interval && !w.Interval.Empty() {
		found.Version = w.Version
	}
	return found.Version == w.Version
}

// touched reports whether somebody moved the event since the state that w knows of. Where nothing is known, an event
// without a version may be anybody's work.
func touched(found calendar.Written, w calendar.Wanted) bool {
	switch {
	case found.Interval.Empty():
		return false
	case w.Known.Interval.Empty():
		return found.Version == 0
	}
	return found.Interval != w.Known.Interval
}

// write writes over the event as it was found, where the server has etags only if it still is.
func (c *Client) write(ctx context.Context, cal string, w calendar.Wanted, was *gcal.Event) (calendar.Written, error) {
	ev, err := c.patch(ctx, cal, w, was)
	switch statusOf(err) {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		ev, err = c.replace(ctx, cal, w, was) // the event is gone, or PATCH is not served
	}
	switch {
	case err == nil:
		return c.updated(ctx, cal, w, was.Id, ev)
	case !isStatus(err, http.StatusForbidden) || calendar.KindOf(err) != calendar.Refused:
		return calendar.Written{}, err
	}
	// Google also answers an update of a deleted event with 403.
	if _, gone := c.get(ctx, cal, was.Id, "look up event"); calendar.KindOf(gone) == calendar.Gone {
		return calendar.Written{}, gone
	}
	return written(was, w), err
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

func (c *Client) patch(ctx context.Context, cal string, w calendar.Wanted, was *gcal.Event) (*gcal.Event, error) {
	event, err := eventOf(w, private(was, textKey))
	if err != nil {
		return nil, err
	}
	// A person may have made an all-day event of it: a patch keeps what it does not name.
	event.Start.NullFields, event.End.NullFields = []string{"Date"}, []string{"Date"}
	call := c.api.Events.Patch(cal, was.Id, event).Context(ctx).SendUpdates("none").Fields(oneEvent)
	if was.Etag != "" {
		call.Header().Set("If-Match", was.Etag)
	}
	ev, err := call.Do()
	return ev, classify("update event", err)
}

// replace is for a server without PATCH: it puts the whole event, with all that we do not name left as it was found.
func (c *Client) replace(ctx context.Context, cal string, w calendar.Wanted, was *gcal.Event) (*gcal.Event, error) {
	const op = "replace event"
	ours, err := eventOf(w, private(was, textKey))
	if err != nil {
		return nil, err
	}
	ev, err := c.api.Events.Get(cal, was.Id).Context(ctx).Do()
	if ev, err = live(ev, err, was.Id, op); err != nil {
		return nil, err
	}
	if was.Etag != "" && ev.Etag != "" && ev.Etag != was.Etag {
		return nil, &calendar.Error{Kind: calendar.Conflict, Op: op, Status: http.StatusPreconditionFailed}
	}
	ev.Start, ev.End, ev.ForceSendFields = ours.Start, ours.End, ours.ForceSendFields
	if slices.Contains(ours.ForceSendFields, "Summary") {
		ev.Summary = ours.Summary
	}
	if slices.Contains(ours.ForceSendFields, "Description") {
		ev.Description = ours.Description
	}
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
	call := c.api.Events.Update(cal, was.Id, ev).Context(ctx).SendUpdates("none").Fields(oneEvent)
	if was.Etag != "" {
		call.Header().Set("If-Match", was.Etag)
	}
	ev, err = call.Do()
	return ev, classify(op, err)
}

// remove deletes the event if it is ours. One that does not exist any more is as it should be. A person's move does not
// keep it.
func (c *Client) remove(ctx context.Context, cal string, w calendar.Wanted) (calendar.Written, error) {
	const op = "delete event"
	for range maxTries {
		ev, err := c.find(ctx, cal, op, w)
		if err = c.reallyGone(ctx, cal, err); calendar.KindOf(err) == calendar.Gone {
			return calendar.Written{}, nil
		}
		switch {
		case err != nil:
			return calendar.Written{}, err
		case !ours(ev, w):
			return written(ev, w), &calendar.Error{Kind: calendar.Conflict, Op: op, Reason: "notOurs"}
		case len(ev.Recurrence) > 0:
			return written(ev, w), errRecurring(op)
		}
		call := c.api.Events.Delete(cal, ev.Id).Context(ctx).SendUpdates("none")
		if ev.Etag != "" { // a person may make a series of it at this moment
			call.Header().Set("If-Match", ev.Etag)
		}
		err = classify(op, call.Do())
		if err == nil || calendar.KindOf(err) == calendar.Gone {
			return calendar.Written{}, nil
		}
		if !disputed(err) {
			return calendar.Written{}, err
		}
	}
	return calendar.Written{}, &calendar.Error{Op: op, Reason: "keepsChanging"}
}

// eventOf is the event that w asks for, without its id, and without the texts that the last write had already. was is
// what that left under textKey, "" without one.
func eventOf(w calendar.Wanted, was string) (*gcal.Event, error) {
	zone := w.Zone
	if zone == "" {
		zone = "UTC"
	}
	loc, err := location("write event", zone)
	if err != nil {
		return nil, err
	}
	title, body := digest(w.Title), digest(w.Body)
	ev := &gcal.Event{
		Start: dateTime(w.Interval.StartTime().In(loc), zone),
		End:   dateTime(w.Interval.EndTime().In(loc), zone),
		ExtendedProperties: &gcal.EventExtendedProperties{Private: map[string]string{
			markerKey: w.Marker, versionKey: strconv.FormatUint(w.Version, 10), identityKey: w.Identity,
			textKey: title + "." + body,
		}},
	}
	oldTitle, oldBody, _ := strings.Cut(was, ".")
	if title != oldTitle {
		ev.Summary, ev.ForceSendFields = w.Title, append(ev.ForceSendFields, "Summary")
	}
	if body != oldBody {
		ev.Description, ev.ForceSendFields = w.Body, append(ev.ForceSendFields, "Description")
	}
	return ev, nil
}

// digest tells one text from another.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:4])
}

func dateTime(t time.Time, zone string) *gcal.EventDateTime {
	return &gcal.EventDateTime{DateTime: t.Format(time.RFC3339), TimeZone: zone}
}

// written is what an event says of itself. Where nobody knows the calendar's zone, all-day events count in the one that
// w is read in; a time that cannot be understood is left empty.
func written(ev *gcal.Event, w calendar.Wanted) calendar.Written {
	zone := w.Zone
	if allDay(ev) && ev.Start != nil && ev.Start.TimeZone != "" {
		zone = ev.Start.TimeZone
	}
	loc, err := location("", zone)
	if err != nil {
		loc = time.UTC
	}
	span, _ := interval(ev, loc)
	return calendar.Written{
		ID: ev.Id, ETag: ev.Etag, Interval: span, Version: version(ev), Recurring: len(ev.Recurrence) > 0,
	}
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

// version is the one that our last write left in the event; 0 where it cannot be read.
func version(ev *gcal.Event) uint64 {
	v, err := strconv.ParseUint(private(ev, versionKey), 10, 64)
	if err != nil {
		return 0
	}
	return v
}

func private(ev *gcal.Event, key string) string {
	if ev.ExtendedProperties == nil {
		return ""
	}
	return ev.ExtendedProperties.Private[key]
}
