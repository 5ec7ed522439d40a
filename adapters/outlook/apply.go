package outlook

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"slotd/internal/calendar"

	"github.com/microsoftgraph/msgraph-sdk-go/models"
	"github.com/microsoftgraph/msgraph-sdk-go/users"
)

// maxMarker is how long a marker may be. Exchange shows 255 characters of a string property in lists, and what
// joinMarker adds needs its place there too.
const maxMarker = 255 - len(" v18446744073709551615 01234567.01234567")

// maxTries bounds how often one call writes to an event that changes under its hands.
const maxTries = 3

// Apply makes the event of one placement equal to w: it creates, moves or removes it. Calling it again with the same
// w is safe; after an error of kind Unclear call it again with w.Unclear set.
//
// A person's move is never written over. If the event is not where w.Known tells, or is a series now, the error is of
// kind Conflict and the returned state is the one found; if it was deleted, the error is of kind Gone and nothing is
// put back. A new etag alone is no move: Exchange gives them out for many reasons. An event that already carries
// w.Version was written by an earlier call whose reply was lost: that is success, and the returned interval is where
// the event is now.
//
// People may write what they like into the event: of title and body only what differs from our last write is sent.
//
// A series of a person's making is not removed either: that is a Conflict too. That an event is gone which is to be
// removed, or that there was none, is success, and returns nothing. After a create without a reply, "there was none"
// may be too early an answer: lists lag behind, and a request that was held up on its way can still arrive.
//
// Relied on is: a 2xx means done; a repeated transactionId makes no second event, or else the first one can be found
// by it or by our properties. A server without etags is compared by w.Known.Interval instead. A server that shows none
// of our properties does not say which version an event has: one that is where w wants it counts as written, and one
// that is elsewhere for no known reason is a Conflict.
//
// Nobody is invited and nobody is mailed. Times are sent in UTC: a local time in the hour that clocks repeat would be
// ambiguous, and Outlook shows everyone their own zone anyway.
func (c *Client) Apply(ctx context.Context, cal string, w calendar.Wanted) (calendar.Written, error) {
	switch {
	case cal == "":
		return calendar.Written{}, errNoCalendar("write event")
	case len([]rune(w.Marker)) > maxMarker:
		return calendar.Written{}, &calendar.Error{Kind: calendar.Refused, Op: "write event", Reason: "markerTooLong"}
	case w.Removed:
		return c.remove(ctx, cal, w)
	case w.Known.ID != "":
		got, err := c.update(ctx, cal, w)
		return got, c.reallyGone(ctx, cal, w, err)
	case w.Unclear:
		got, err := c.lookUpOrCreate(ctx, cal, w)
		return got, c.reallyGone(ctx, cal, w, err)
	}
	return c.create(ctx, cal, w)
}

// Find returns the present state of the event of one placement. An event that was deleted, or never was, is an error
// of kind Gone, which is given only where the calendar itself can be read; one that is not ours is an error of kind
// Conflict.
func (c *Client) Find(ctx context.Context, cal string, w calendar.Wanted) (calendar.Written, error) {
	const op = "find event"
	r, err := c.find(ctx, op, cal, w)
	if err != nil {
		return calendar.Written{}, c.reallyGone(ctx, cal, w, err)
	}
	if !r.ours(w) {
		return r.written(w), &calendar.Error{Kind: calendar.Conflict, Op: op, Reason: "notOurs"}
	}
	return r.written(w), nil
}

func (c *Client) lookUpOrCreate(ctx context.Context, cal string, w calendar.Wanted) (calendar.Written, error) {
	r, err := c.lookUp(ctx, cal, w)
	if calendar.KindOf(err) == calendar.Gone {
		return c.create(ctx, cal, w)
	}
	if err != nil {
		return calendar.Written{}, err
	}
	return c.settle(ctx, cal, w, r)
}

// create posts the event. Graph answers a repeated transactionId with the event that the first post made.
func (c *Client) create(ctx context.Context, cal string, w calendar.Wanted) (calendar.Written, error) {
	const op = "create event"
	r, err := do(ctx, op, func(ctx context.Context) (row, error) {
		event := eventOf(w, "")
		event.SetTransactionId(&w.Identity)
		busy := models.BUSY_FREEBUSYSTATUS
		event.SetShowAs(&busy)
		ev, err := c.calendar(cal).Events().Post(ctx, event,
			&users.ItemCalendarsItemEventsRequestBuilderPostRequestConfiguration{Headers: headers("")})
		if err != nil || ev == nil {
			return row{}, err
		}
		return rowOf(ev), nil
	})
	switch {
	case disputed(err):
		return c.existing(ctx, cal, w, &calendar.Error{Op: op, Status: http.StatusConflict, Reason: "takenButNotFound"})
	case err != nil:
		return calendar.Written{}, err
	case r.id == "": // done, and the answer does not show the event
		return c.existing(ctx, cal, w, &calendar.Error{Op: op, Status: http.StatusOK, Reason: "doneButNotFound"})
	case r.identity != "" && r.identity != w.Identity: // not every server shows it
		return calendar.Written{}, &calendar.Error{Op: op, Status: http.StatusOK, Reason: "anotherEvent"}
	}
	got := r.written(w)
	if w.Unclear || got.Interval != w.Interval {
		// Perhaps the event of an earlier post, as it was then or as a person has left it.
		if r, err = c.get(ctx, "look up event", cal, r.id); err != nil {
			return calendar.Written{}, err
		}
		if r.identity == "" && r.marker == "" {
			r.identity = w.Identity // the server keeps neither, but it has said whose event this is
		}
		return c.settle(ctx, cal, w, r)
	}
	got.Version = w.Version // the reply does not show our property
	return got, nil
}

// existing settles an event that the server says to have. Not found it is unclear: nobody deleted anything, so ask
// again later.
func (c *Client) existing(ctx context.Context, cal string, w calendar.Wanted, notFound *calendar.Error) (
	calendar.Written, error) {
	found, err := c.lookUp(ctx, cal, w)
	if calendar.KindOf(err) == calendar.Gone {
		return calendar.Written{}, notFound
	}
	if err != nil {
		return calendar.Written{}, err
	}
	return c.settle(ctx, cal, w, found)
}

// settle decides about an event that was found, and writes to it if it may.
func (c *Client) settle(ctx context.Context, cal string, w calendar.Wanted, r row) (calendar.Written, error) {
	const op = "update event"
	for range maxTries {
		found := r.written(w)
		switch {
		case !r.ours(w):
			return found, &calendar.Error{Kind: calendar.Conflict, Op: "look up event", Reason: "notOurs"}
		case r.cancelled:
			return calendar.Written{}, &calendar.Error{Kind: calendar.Gone, Op: "look up event", Reason: "cancelled"}
		case done(&found, w):
			return found, nil
		case found.Recurring:
			return found, errRecurring(op)
		case touched(found, w):
			return found, &calendar.Error{Kind: calendar.Conflict, Op: op, Reason: "changedMeanwhile"}
		}
		got, err := c.patch(ctx, cal, w, r)
		if !disputed(err) {
			return got, err
		}
		if r, err = c.get(ctx, "look up event", cal, r.id); err != nil {
			return calendar.Written{}, err
		}
	}
	return calendar.Written{}, &calendar.Error{Op: op, Reason: "keepsChanging"}
}

// update looks before it writes: that Graph honours If-Match for events is not documented.
func (c *Client) update(ctx context.Context, cal string, w calendar.Wanted) (calendar.Written, error) {
	r, err := c.get(ctx, "look up event", cal, w.Known.ID)
	if err != nil {
		return calendar.Written{}, err
	}
	return c.settle(ctx, cal, w, r)
}

func errRecurring(op string) error {
	return &calendar.Error{Kind: calendar.Conflict, Op: op, Reason: "madeRecurring"}
}

// disputed reports an answer that says that the event is another than was thought. Whether it is, a look tells.
func disputed(err error) bool {
	return statusOf(err) == http.StatusPreconditionFailed || statusOf(err) == http.StatusConflict
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
		return found.Version == 0 && (w.Known.ETag == "" || found.ETag != w.Known.ETag)
	}
	return found.Interval != w.Known.Interval
}

// patch writes over the event as it was found, only if it still is.
func (c *Client) patch(ctx context.Context, cal string, w calendar.Wanted, was row) (calendar.Written, error) {
	r, err := do(ctx, "update event", func(ctx context.Context) (row, error) {
		cfg := &users.ItemCalendarsItemEventsEventItemRequestBuilderPatchRequestConfiguration{Headers: headers("")}
		if was.etag != "" {
			cfg.Headers.Add("If-Match", was.etag)
		}
		ev, err := c.calendar(cal).Events().ByEventId(was.id).Patch(ctx, eventOf(w, was.text), cfg)
		if err != nil || ev == nil {
			return row{}, err
		}
		return rowOf(ev), nil
	})
	if err != nil {
		return calendar.Written{}, err
	}
	return c.patched(ctx, cal, w, was.id, r)
}

// patched is what is known after a 2xx to a patch. An answer that does not show the event is followed by a look.
func (c *Client) patched(ctx context.Context, cal string, w calendar.Wanted, id string, r row) (
	calendar.Written, error) {
	if r.id != "" {
		got := r.written(w)
		got.Version = w.Version // the reply does not show our property
		if got.Interval.Empty() {
			got.Interval = w.Interval
		}
		return got, nil
	}
	r, err := c.get(ctx, "look up event", cal, id)
	if err != nil {
		return calendar.Written{}, err
	}
	if got := r.written(w); done(&got, w) {
		return got, nil
	}
	return calendar.Written{}, &calendar.Error{Op: "update event", Status: http.StatusOK, Reason: "doneButNotVisible"}
}

// remove deletes the event if it is ours. One that does not exist any more is as it should be. A person's move does not
// keep it.
func (c *Client) remove(ctx context.Context, cal string, w calendar.Wanted) (calendar.Written, error) {
	const op = "delete event"
	for range maxTries {
		r, err := c.find(ctx, op, cal, w)
		if err = c.reallyGone(ctx, cal, w, err); calendar.KindOf(err) == calendar.Gone {
			return calendar.Written{}, nil
		}
		switch {
		case err != nil:
			return calendar.Written{}, err
		case !r.ours(w):
			return r.written(w), &calendar.Error{Kind: calendar.Conflict, Op: op, Reason: "notOurs"}
		case r.kind == seriesMaster:
			return r.written(w), errRecurring(op)
		}
		_, err = do(ctx, op, func(ctx context.Context) (struct{}, error) {
			cfg := &users.ItemCalendarsItemEventsEventItemRequestBuilderDeleteRequestConfiguration{Headers: headers("")}
			if r.etag != "" { // a person may make a series of it at this moment
				cfg.Headers.Add("If-Match", r.etag)
			}
			return struct{}{}, c.calendar(cal).Events().ByEventId(r.id).Delete(ctx, cfg)
		})
		if err == nil || calendar.KindOf(err) == calendar.Gone {
			return calendar.Written{}, nil
		}
		if !disputed(err) {
			return calendar.Written{}, err
		}
	}
	return calendar.Written{}, &calendar.Error{Op: op, Reason: "keepsChanging"}
}

// eventOf is what w asks for, without the texts that the last write had already. was is what that left beside the marker,
// "" without one.
func eventOf(w calendar.Wanted, was string) models.Eventable {
	ev := models.NewEvent()
	title, body := digest(w.Title), digest(w.Body)
	oldTitle, oldBody, _ := strings.Cut(was, ".")
	if title != oldTitle {
		ev.SetSubject(&w.Title)
	}
	if body != oldBody {
		text := models.TEXT_BODYTYPE
		content := models.NewItemBody()
		content.SetContentType(&text)
		content.SetContent(&w.Body)
		ev.SetBody(content)
	}
	ev.SetStart(utc(w.Interval.StartTime()))
	ev.SetEnd(utc(w.Interval.EndTime()))
	ev.SetIsAllDay(ptr(false))
	ev.SetSingleValueExtendedProperties([]models.SingleValueLegacyExtendedPropertyable{
		property(markerProperty, joinMarker(w.Marker, w.Version, title+"."+body)),
		property(identityProperty, w.Identity),
	})
	return ev
}

// digest tells one text from another.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:4])
}

func property(id, value string) models.SingleValueLegacyExtendedPropertyable {
	p := models.NewSingleValueLegacyExtendedProperty()
	p.SetId(&id)
	p.SetValue(&value)
	return p
}

func utc(t time.Time) models.DateTimeTimeZoneable {
	m := models.NewDateTimeTimeZone()
	m.SetDateTime(ptr(t.UTC().Format("2006-01-02T15:04:05")))
	m.SetTimeZone(ptr("UTC"))
	return m
}

// written is what an event says of itself. Where nobody knows the mailbox's zone, all-day events count in the one that
// w is read in; a time that cannot be understood is left empty.
func (r row) written(w calendar.Wanted) calendar.Written {
	out := calendar.Written{ID: r.id, ETag: r.etag, Version: r.version, Recurring: r.kind == seriesMaster}
	loc, err := location("", w.Zone)
	if err != nil {
		loc = time.UTC
	}
	if r.zone != nil {
		loc = r.zone
	}
	if span, ok := r.interval(loc); ok {
		out.Interval = span
	}
	return out
}
