package outlook

import (
	"context"
	"net/http"
	"time"

	"slotd/internal/calendar"

	"github.com/microsoftgraph/msgraph-sdk-go/models"
	"github.com/microsoftgraph/msgraph-sdk-go/users"
)

// Read returns every event of the calendar that overlaps window, occurrences expanded, with the busy rules applied.
// It takes as many pages as there are; any page that fails makes the whole read an error.
func (c *Client) Read(ctx context.Context, cal string, window calendar.Interval) (calendar.Snapshot, error) {
	rows, pages, err := c.rows(ctx, "read window", cal, window)
	if err != nil {
		return calendar.Snapshot{}, err
	}
	if err := c.fillStubs(ctx, cal, rows); err != nil {
		return calendar.Snapshot{}, err
	}
	loc, err := c.zoneFor(ctx, rows)
	if err != nil {
		return calendar.Snapshot{}, err
	}
	snap := calendar.Snapshot{Window: window, Pages: pages}
	allDayBusy := c.allDayBusy(cal)
	for _, r := range rows {
		if e, keep := r.event(window, loc, allDayBusy); keep {
			snap.Events = append(snap.Events, e)
		}
	}
	return snap, nil
}

// rows reads all pages of a window.
func (c *Client) rows(ctx context.Context, op, cal string, window calendar.Interval) (
	rows []row, pages int, err error) {
	link, expand := "", true
	for range maxPages {
		p, err := c.page(ctx, op, cal, window, link, pageSize, expand)
		if statusOf(err) == http.StatusBadRequest && link == "" && expand {
			// Our property may not be asked for together with the events everywhere. The time is what counts.
			expand = false
			p, err = c.page(ctx, op, cal, window, link, pageSize, expand)
		}
		if err != nil {
			return nil, 0, err
		}
		pages++
		rows = append(rows, p.rows...)
		if p.next == "" {
			return rows, pages, nil
		}
		if link, err = c.ownLink(op, p.next); err != nil {
			return nil, 0, err
		}
	}
	return nil, 0, endless(op)
}

// eventFields leaves titles and people at Graph.
var eventFields = []string{"id", "transactionId", "type", "seriesMasterId", "showAs", "isAllDay", "isCancelled",
	"responseStatus", "start", "end"}

type eventPage struct {
	rows []row
	next string
}

func (c *Client) page(ctx context.Context, op, cal string, window calendar.Interval, link string, size int32,
	expand bool) (eventPage, error) {
	if cal == "" {
		return eventPage{}, errNoCalendar(op)
	}
	return do(ctx, op, func(ctx context.Context) (eventPage, error) {
		build := c.calendar(cal).CalendarView()
		cfg := &users.ItemCalendarsItemCalendarViewRequestBuilderGetRequestConfiguration{Headers: headers("")}
		if link != "" {
			build = build.WithUrl(link)
		} else {
			cfg.QueryParameters = &users.ItemCalendarsItemCalendarViewRequestBuilderGetQueryParameters{
				StartDateTime: ptr(window.StartTime().Format(time.RFC3339)),
				EndDateTime:   ptr(window.EndTime().Format(time.RFC3339)),
				Select:        eventFields,
				Top:           &size,
			}
			if expand {
				cfg.QueryParameters.Expand = []string{expandMarker}
			}
		}
		list, err := build.Get(ctx, cfg)
		if err != nil {
			return eventPage{}, err
		}
		if list == nil || list.GetValue() == nil {
			return eventPage{}, errNoList
		}
		p := eventPage{next: str(list.GetOdataNextLink())}
		for _, ev := range list.GetValue() {
			if ev != nil {
				p.rows = append(p.rows, rowOf(ev))
			}
		}
		return p, nil
	})
}

// fillStubs completes bare occurrences from their series: some servers send only id and time for them. An occurrence
// whose series is not found stays as it is, and blocks: unknown is not free.
func (c *Client) fillStubs(ctx context.Context, cal string, rows []row) error {
	masters := map[string]*row{}
	for i := range rows {
		r := &rows[i]
		if !r.stub() {
			continue
		}
		master, asked := masters[r.master]
		if !asked {
			m, err := c.get(ctx, "read series", cal, r.master)
			switch {
			case err == nil:
				master = &m
			case calendar.KindOf(err) != calendar.Gone:
				return err
			}
			masters[r.master] = master
		}
		if master != nil {
			r.showAs, r.allDay, r.cancelled, r.declined = master.showAs, master.allDay, master.cancelled, master.declined
		}
	}
	return nil
}

// zoneFor returns the zone of all-day events, nil where there are none: reading it costs a request.
func (c *Client) zoneFor(ctx context.Context, rows []row) (*time.Location, error) {
	for _, r := range rows {
		if r.allDay {
			return c.mailboxZone(ctx)
		}
	}
	return nil, nil
}

// mailboxZone returns the zone that the owner set for the mailbox, or the configured one where that may not be read, is
// not served, or has a name that nobody knows.
func (c *Client) mailboxZone(ctx context.Context) (*time.Location, error) {
	const op = "read the mailbox's time zone"
	name, err := do(ctx, op, func(ctx context.Context) (string, error) {
		settings, err := c.mailbox().MailboxSettings().Get(ctx,
			&users.ItemMailboxSettingsRequestBuilderGetRequestConfiguration{Headers: headers("")})
		if err != nil || settings == nil {
			return "", err
		}
		return str(settings.GetTimeZone()), nil
	})
	if calendar.KindOf(err) != calendar.Throttled {
		switch statusOf(err) {
		case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed,
			http.StatusNotImplemented:
			err = nil
		}
	}
	if err != nil {
		return nil, err
	}
	loc, err := location(op, name)
	if err != nil && c.zone != "" {
		return location(op, c.zone) // a custom zone is named "tzone://Microsoft/Custom"
	}
	return loc, err
}

// get returns one event, where possible with our property.
func (c *Client) get(ctx context.Context, op, cal, id string) (row, error) {
	if cal == "" || id == "" {
		return row{}, errNoCalendar(op)
	}
	r, err := c.getOnce(ctx, op, cal, id, []string{expandMarker})
	if statusOf(err) == http.StatusBadRequest {
		r, err = c.getOnce(ctx, op, cal, id, nil) // our property may not be asked for everywhere
	}
	if err == nil && r.allDay {
		r.zone, err = c.mailboxZone(ctx)
		if calendar.KindOf(err) == calendar.Refused { // nobody knows it
			err = nil
		}
	}
	return r, err
}

func (c *Client) getOnce(ctx context.Context, op, cal, id string, expand []string) (row, error) {
	return do(ctx, op, func(ctx context.Context) (row, error) {
		ev, err := c.calendar(cal).Events().ByEventId(id).Get(ctx,
			&users.ItemCalendarsItemEventsEventItemRequestBuilderGetRequestConfiguration{
				Headers: headers(""),
				QueryParameters: &users.ItemCalendarsItemEventsEventItemRequestBuilderGetQueryParameters{
					Select: eventFields, Expand: expand,
				},
			})
		if err != nil {
			return row{}, err
		}
		return oneRow(ev)
	})
}

// oneRow is for replies that should be one event.
func oneRow(ev models.Eventable) (row, error) {
	if ev == nil || str(ev.GetId()) == "" {
		return row{}, errNoList
	}
	return rowOf(ev), nil
}
