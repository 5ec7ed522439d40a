package outlook

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"slotd/internal/calendar"

	"github.com/microsoftgraph/msgraph-sdk-go/models"
	"github.com/microsoftgraph/msgraph-sdk-go/users"
)

// Apply makes the event of one placement equal to w: it creates, moves or removes it. Calling it again with the same
// w is safe; after an error of kind Unclear call it again with w.Unclear set.
//
// A person's edit is never written over. If the event is not the one that w.Known tells of, the error is of kind
// Conflict and the returned state is the one found; if it was deleted, the error is of kind Gone and nothing is put
// back. An event that already carries w.Version was written by an earlier call whose reply was lost: that is
// success, and the returned interval is where the event is now.
//
// Nobody is invited and nobody is mailed. Times are sent in UTC: a local time in the hour that clocks repeat would be
// ambiguous, and Outlook shows everyone their own zone anyway.
func (c *Client) Apply(ctx context.Context, cal string, w calendar.Wanted) (calendar.Written, error) {
	switch {
	case cal == "":
		return calendar.Written{}, errNoCalendar("write event")
	case w.Removed:
		return calendar.Written{}, c.remove(ctx, cal, w)
	case w.Known.ID != "":
		return c.update(ctx, cal, w)
	case w.Unclear:
		return c.lookUpOrCreate(ctx, cal, w)
	}
	return c.create(ctx, cal, w)
}

// Find returns the present state of the event of one placement. An event that was deleted, or never was, is an error
// of kind Gone; one that is not ours is an error of kind Conflict.
func (c *Client) Find(ctx context.Context, cal string, w calendar.Wanted) (calendar.Written, error) {
	const op = "find event"
	r, err := c.find(ctx, op, cal, w)
	if err != nil {
		return calendar.Written{}, err
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
		event := eventOf(w)
		event.SetTransactionId(&w.Identity)
		busy := models.BUSY_FREEBUSYSTATUS
		event.SetShowAs(&busy)
		ev, err := c.calendar(cal).Events().Post(ctx, event,
			&users.ItemCalendarsItemEventsRequestBuilderPostRequestConfiguration{Headers: headers("")})
		if err != nil {
			return row{}, err
		}
		return oneRow(ev)
	})
	if statusOf(err) == http.StatusConflict {
		found, lookErr := c.lookUp(ctx, cal, w)
		if lookErr != nil {
			return calendar.Written{}, err
		}
		return c.settle(ctx, cal, w, found)
	}
	if err != nil {
		return calendar.Written{}, err
	}
	if r.identity != w.Identity {
		return calendar.Written{}, &calendar.Error{Op: op, Status: http.StatusOK, Reason: "anotherEvent"}
	}
	got := r.written(w)
	if w.Unclear || got.Interval != w.Interval {
		// Perhaps the event of an earlier post, as it was then or as a person has left it.
		if r, err = c.get(ctx, "look up event", cal, r.id); err != nil {
			return calendar.Written{}, err
		}
		return c.settle(ctx, cal, w, r)
	}
	got.Version = w.Version // the reply does not show our property
	return got, nil
}

// settle decides about an event that was found under our identity.
func (c *Client) settle(ctx context.Context, cal string, w calendar.Wanted, r row) (calendar.Written, error) {
	found := r.written(w)
	if !r.ours(w) {
		return found, &calendar.Error{Kind: calendar.Conflict, Op: "look up event", Reason: "notOurs"}
	}
	if r.cancelled {
		return calendar.Written{}, &calendar.Error{Kind: calendar.Gone, Op: "look up event", Reason: "cancelled"}
	}
	if found.Version == w.Version {
		return found, nil
	}
	return c.patch(ctx, cal, w, r.id, r.etag)
}

// update looks before it writes: that Graph honours If-Match for events is not documented.
func (c *Client) update(ctx context.Context, cal string, w calendar.Wanted) (calendar.Written, error) {
	r, err := c.get(ctx, "look up event", cal, w.Known.ID)
	if err != nil {
		return calendar.Written{}, err
	}
	if w.Known.ETag == "" || r.etag == w.Known.ETag || r.cancelled || r.version == w.Version || !r.ours(w) {
		return c.settle(ctx, cal, w, r)
	}
	return r.written(w), &calendar.Error{Kind: calendar.Conflict, Op: "update event", Reason: "changedMeanwhile"}
}

// patch writes over the event only if it is still the one with this etag.
func (c *Client) patch(ctx context.Context, cal string, w calendar.Wanted, id, etag string) (calendar.Written, error) {
	r, err := do(ctx, "update event", func(ctx context.Context) (row, error) {
		cfg := &users.ItemCalendarsItemEventsEventItemRequestBuilderPatchRequestConfiguration{Headers: headers("")}
		if etag != "" {
			cfg.Headers.Add("If-Match", etag)
		}
		ev, err := c.calendar(cal).Events().ByEventId(id).Patch(ctx, eventOf(w), cfg)
		if err != nil {
			return row{}, err
		}
		return oneRow(ev)
	})
	if err == nil {
		got := r.written(w)
		got.Version = w.Version // the reply does not show our property
		return got, nil
	}
	if statusOf(err) != http.StatusPreconditionFailed {
		return calendar.Written{}, err
	}
	found, getErr := c.get(ctx, "look up event", cal, id)
	if getErr != nil {
		return calendar.Written{}, getErr
	}
	if found.version == w.Version && found.ours(w) {
		return found.written(w), nil
	}
	return found.written(w), err
}

// remove deletes the event if it is ours. One that does not exist any more is as it should be.
func (c *Client) remove(ctx context.Context, cal string, w calendar.Wanted) error {
	const op = "delete event"
	r, err := c.find(ctx, op, cal, w)
	if calendar.KindOf(err) == calendar.Gone {
		return nil
	}
	if err != nil {
		return err
	}
	if !r.ours(w) {
		return &calendar.Error{Kind: calendar.Conflict, Op: op, Reason: "notOurs"}
	}
	_, err = do(ctx, op, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, c.calendar(cal).Events().ByEventId(r.id).Delete(ctx,
			&users.ItemCalendarsItemEventsEventItemRequestBuilderDeleteRequestConfiguration{Headers: headers("")})
	})
	if err != nil && calendar.KindOf(err) != calendar.Gone {
		return err
	}
	return nil
}

// find gets the event by its known id, or by our identity.
func (c *Client) find(ctx context.Context, op, cal string, w calendar.Wanted) (row, error) {
	if w.Known.ID == "" {
		return c.lookUp(ctx, cal, w)
	}
	r, err := c.get(ctx, op, cal, w.Known.ID)
	if err == nil && r.cancelled {
		return row{}, &calendar.Error{Kind: calendar.Gone, Op: op, Reason: "cancelled"}
	}
	return r, err
}

// lookUp searches for the event by identity: around the time where it should be, then everywhere by our property.
// Graph cannot search for a transactionId. Not found is an error of kind Gone.
func (c *Client) lookUp(ctx context.Context, cal string, w calendar.Wanted) (row, error) {
	const op = "look up event"
	missing := &calendar.Error{Kind: calendar.Gone, Op: op, Reason: "notFound"}
	if w.Identity == "" {
		return row{}, missing
	}
	const day = int64(24 * time.Hour / time.Second)
	if !w.Interval.Empty() {
		rows, _, err := c.rows(ctx, op, cal, w.Interval.Pad(day, day))
		if err != nil {
			return row{}, err
		}
		for _, r := range rows {
			if r.identity == w.Identity {
				return c.get(ctx, op, cal, r.id)
			}
		}
	}
	ids, err := c.search(ctx, op, cal, w.Identity)
	switch statusOf(err) {
	case http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		if !w.Interval.Empty() {
			return row{}, missing // the search is not served; the window was read
		}
	}
	if err != nil {
		return row{}, err
	}
	if len(ids) == 0 {
		return row{}, missing
	}
	return c.get(ctx, op, cal, ids[0])
}

// search returns the ids of the events that carry our identity.
func (c *Client) search(ctx context.Context, op, cal, identity string) ([]string, error) {
	filter := fmt.Sprintf("singleValueExtendedProperties/Any(ep: ep/id eq '%s' and ep/value eq '%s')",
		identityProperty, identity)
	return do(ctx, op, func(ctx context.Context) ([]string, error) {
		cfg := &users.ItemCalendarsItemEventsRequestBuilderGetRequestConfiguration{
			Headers: headers(""),
			QueryParameters: &users.ItemCalendarsItemEventsRequestBuilderGetQueryParameters{
				Filter: &filter, Select: []string{"id"}, Top: ptr(int32(10)),
			},
		}
		list, err := c.calendar(cal).Events().Get(ctx, cfg)
		if err != nil {
			return nil, err
		}
		if list == nil || list.GetValue() == nil {
			return nil, errNoList
		}
		var ids []string
		for _, ev := range list.GetValue() {
			if ev != nil && str(ev.GetId()) != "" {
				ids = append(ids, str(ev.GetId()))
			}
		}
		return ids, nil
	})
}

// ours reports whether the event was made by us: it has the identity that is a hash of ours, or our property.
func (r row) ours(w calendar.Wanted) bool {
	return r.identity != "" && r.identity == w.Identity || r.marker != "" && (w.Marker == "" || r.marker == w.Marker)
}

// eventOf is what w asks for, in a create as in a patch.
func eventOf(w calendar.Wanted) models.Eventable {
	ev := models.NewEvent()
	ev.SetSubject(&w.Title)
	text := models.TEXT_BODYTYPE
	content := models.NewItemBody()
	content.SetContentType(&text)
	content.SetContent(&w.Body)
	ev.SetBody(content)
	ev.SetStart(utc(w.Interval.StartTime()))
	ev.SetEnd(utc(w.Interval.EndTime()))
	ev.SetIsAllDay(ptr(false))
	ev.SetSingleValueExtendedProperties([]models.SingleValueLegacyExtendedPropertyable{
		property(markerProperty, joinMarker(w.Marker, w.Version)),
		property(identityProperty, w.Identity),
	})
	return ev
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

// written is what an event says of itself. All-day events count in the zone that w is read in; a time that cannot be
// understood is left empty.
func (r row) written(w calendar.Wanted) calendar.Written {
	out := calendar.Written{ID: r.id, ETag: r.etag, Version: r.version}
	loc, err := location("", w.Zone)
	if err != nil {
		loc = time.UTC
	}
	if span, ok := r.interval(loc); ok {
		out.Interval = span
	}
	return out
}
