package outlook

import (
	"context"
	"net/http"
	"time"

	"slotd/internal/calendar"

	"github.com/microsoftgraph/msgraph-sdk-go/users"
)

const opChanges = "look for changes"

// Changed says whether the calendar may have changed since cursor. Without one it begins a new cursor over window,
// which is worth having before the window is read; the window stays the same for the life of the cursor. A cursor
// that Graph no longer accepts is an error of kind Expired. Where Graph serves no delta for a calendar that can be
// read, as happens with calendars shared by others, the answer is "changed" with no cursor.
//
// The delta only answers this question: its occurrences are bare and a deleted one is not reported, so it never
// stands in for [Client.Read].
func (c *Client) Changed(ctx context.Context, cal string, window calendar.Interval, cursor calendar.Cursor) (
	calendar.Change, error) {
	if cursor == "" && c.withoutDelta(cal) {
		return calendar.Change{Changed: true}, nil
	}
	rows, delta, err := c.deltaRound(ctx, cal, window, cursor)
	if err != nil {
		return c.deltaFailed(ctx, cal, window, cursor, err)
	}
	if delta == "" {
		c.rememberNoDelta(cal)
		return calendar.Change{Changed: true}, nil
	}
	return calendar.Change{Changed: cursor == "" || rows, Cursor: calendar.Cursor(delta)}, nil
}

// deltaFailed finds out what a refused round means: a lost cursor, a calendar without delta, or no calendar at all.
func (c *Client) deltaFailed(ctx context.Context, cal string, window calendar.Interval, cursor calendar.Cursor,
	err error) (calendar.Change, error) {
	if calendar.KindOf(err) == calendar.Expired {
		return calendar.Change{}, err
	}
	switch statusOf(err) {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed,
		http.StatusGone, http.StatusNotImplemented:
	default:
		return calendar.Change{}, err
	}
	if calendar.KindOf(err) == calendar.Throttled || calendar.KindOf(err) == calendar.NeedsPerson {
		return calendar.Change{}, err
	}
	if err := c.probe(ctx, cal, window); err != nil {
		return calendar.Change{}, err
	}
	if cursor != "" { // begin anew; that round tells whether delta is served at all
		return calendar.Change{}, &calendar.Error{Kind: calendar.Expired, Op: opChanges, Status: statusOf(err)}
	}
	c.rememberNoDelta(cal)
	return calendar.Change{Changed: true}, nil
}

// probe reports whether the window of the calendar can be read.
func (c *Client) probe(ctx context.Context, cal string, window calendar.Interval) error {
	_, err := c.page(ctx, "read window", cal, window, "", 1, false)
	return err
}

// deltaRound follows one round of the delta to its end.
func (c *Client) deltaRound(ctx context.Context, cal string, window calendar.Interval, cursor calendar.Cursor) (
	rows bool, delta string, err error) {
	if cal == "" {
		return false, "", errNoCalendar(opChanges)
	}
	link := string(cursor)
	if own, err := c.ownLink(opChanges, link); link != "" && (err != nil || own != link) {
		// Made for another API address, which was since changed in the config.
		return false, "", &calendar.Error{Kind: calendar.Expired, Op: opChanges, Reason: "linkToAnotherHost"}
	}
	for range maxPages {
		p, err := c.deltaPage(ctx, cal, window, link)
		if err != nil {
			return false, "", err
		}
		rows = rows || p.rows > 0
		if p.next == "" {
			delta, _ = c.ownLink(opChanges, p.delta) // a link that cannot be used is no cursor
			return rows, delta, nil
		}
		next, linkErr := c.ownLink(opChanges, p.next)
		if linkErr != nil {
			return rows, "", nil //nolint:nilerr // nor can a round be finished without its next page: there is no cursor
		}
		link = next
	}
	return false, "", endless(opChanges)
}

type deltaPage struct {
	rows        int
	next, delta string
}

func (c *Client) deltaPage(ctx context.Context, cal string, window calendar.Interval, link string) (deltaPage, error) {
	return do(ctx, opChanges, func(ctx context.Context) (deltaPage, error) {
		build := c.calendar(cal).CalendarView().Delta()
		// Graph refuses $select and $top here; the page size is a preference.
		cfg := &users.ItemCalendarsItemCalendarViewDeltaRequestBuilderGetRequestConfiguration{
			Headers: headers("odata.maxpagesize=200"),
		}
		if link != "" {
			build = build.WithUrl(link)
		} else {
			cfg.QueryParameters = &users.ItemCalendarsItemCalendarViewDeltaRequestBuilderGetQueryParameters{
				StartDateTime: ptr(window.StartTime().Format(time.RFC3339)),
				EndDateTime:   ptr(window.EndTime().Format(time.RFC3339)),
			}
		}
		page, err := build.GetAsDeltaGetResponse(ctx, cfg)
		if err != nil {
			return deltaPage{}, err
		}
		if page == nil || page.GetValue() == nil {
			return deltaPage{}, errNoList
		}
		return deltaPage{len(page.GetValue()), str(page.GetOdataNextLink()), str(page.GetOdataDeltaLink())}, nil
	})
}

// withoutDelta reports whether the calendar was lately found to be served without delta.
func (c *Client) withoutDelta(cal string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.notServed[cal]
	return ok && time.Since(at) < notServedFor
}

func (c *Client) rememberNoDelta(cal string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.notServed[cal] = time.Now()
}

// errNoCalendar guards the paths: without an id the SDK would build that of the whole collection.
func errNoCalendar(op string) error {
	return &calendar.Error{Kind: calendar.Refused, Op: op, Reason: "noCalendarId"}
}
