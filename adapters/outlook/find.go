package outlook

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"slotd/internal/calendar"

	"github.com/microsoftgraph/msgraph-sdk-go/users"
)

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

// lookUp searches for the event by identity or marker: around the time where it should be, then everywhere by our
// property. Graph cannot search for a transactionId, and not every server shows it. Not found is an error of kind Gone.
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
		if id := pick(rows, w); id != "" {
			return c.get(ctx, op, cal, id)
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
	for _, id := range ids {
		r, err := c.get(ctx, op, cal, id)
		if err == nil && r.sought(w) { // a server may ignore the filter
			return r, nil
		}
		if err != nil && calendar.KindOf(err) != calendar.Gone {
			return row{}, err
		}
	}
	return row{}, missing
}

// reallyGone returns err, unless it says that an event is gone because its calendar is: what can be read nowhere was
// not deleted by anybody.
func (c *Client) reallyGone(ctx context.Context, cal string, w calendar.Wanted, err error) error {
	if err == nil || calendar.KindOf(err) != calendar.Gone || statusOf(err) != http.StatusNotFound {
		return err
	}
	window := w.Interval
	if window.Empty() {
		window = calendar.Interval{Start: 0, End: 3600} // any will do
	}
	failed := c.probe(ctx, cal, window)
	if failed == nil {
		return err
	}
	if calendar.KindOf(failed) == calendar.Gone {
		return &calendar.Error{
			Kind: calendar.Unclear, Op: "look at the calendar", Status: statusOf(failed), Reason: "calendarNotFound",
		}
	}
	return failed
}

// pick returns the id of the event that is sought among rows, "" without one. The identity goes before the marker,
// which a person's copy may share.
func pick(rows []row, w calendar.Wanted) string {
	id := ""
	for _, r := range rows {
		own := r.id
		if r.recurring() {
			own = r.master // a person made a series of our event: its occurrences inherit what we wrote into it
		}
		if r.identity == w.Identity {
			return own
		}
		if id == "" && r.sought(w) {
			id = own
		}
	}
	return id
}

// sought reports whether the row is the event of w and of no other attempt: by the identity, or where none is shown by
// the marker.
func (r row) sought(w calendar.Wanted) bool {
	if r.identity != "" {
		return r.identity == w.Identity
	}
	return r.marker != "" && r.marker == w.Marker
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

// ours reports whether the event was made by us: it has the identity that is a hash of ours, or our property. An event
// that shows neither is ours if it has the very id that an earlier write of ours settled on.
func (r row) ours(w calendar.Wanted) bool {
	switch {
	case r.identity != "" && r.identity == w.Identity:
		return true
	case r.marker != "":
		return w.Marker == "" || r.marker == w.Marker
	}
	return r.identity == "" && r.id == w.Known.ID && w.Known.Version != 0
}
