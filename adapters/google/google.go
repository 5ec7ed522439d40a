// Package google speaks to the Google Calendar API v3 for the syncer: it lists calendars, says whether one changed,
// reads a window of it, and makes one event equal to what a booking wants.
//
// The package promises three things. A read is complete or an error. A write happens at most once per identity, and
// what a person made of an event is never written over. Errors are classified ([calendar.Kind]) and hold no address, title or id;
// nothing here retries, nor may the HTTP client that it is given.
//
// Protocol source: https://developers.google.com/workspace/calendar/api/v3/reference and its guides on
// synchronisation, errors and quotas.
package google

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"slotd/internal/calendar"

	gcal "google.golang.org/api/calendar/v3"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
)

const (
	defaultAPIURL = "https://www.googleapis.com/calendar/v3/"
	// pageSize is the most that Google serves in one page of events.
	pageSize = 2500
	// maxPages stops a list that never ends. No honest window has more than a million events.
	maxPages = 400
	// notServedFor is how long a calendar without sync tokens is not asked for one again.
	notServedFor = time.Hour
)

// Config says whose calendars a [Client] speaks of and how it reaches them.
type Config struct {
	// HTTP adds the bearer token and never retries. Required. Redirects are not followed, whatever it says about them.
	HTTP *http.Client
	// APIURL is the base of the API, such as "http://127.0.0.1:9/calendar/v3/"; "" is Google's own.
	APIURL string
	// AllDayBusy reports whether an all-day event of this calendar blocks even when it is marked as free. Nil: never.
	AllDayBusy func(calendarID string) bool
	// Zone is the IANA zone of dates, and of times without an offset, where the calendar does not say its own.
	Zone string
}

// Client is one account's view of its calendars. All methods may be called concurrently; writes of one identity must
// not overlap, because Google does not promise to notice two inserts of one id at the same time.
type Client struct {
	api        *gcal.Service
	allDayBusy func(string) bool
	zone       string

	mu        sync.Mutex // held for map access only
	notServed map[string]time.Time
}

// New returns a client. It makes no request.
func New(cfg Config) (*Client, error) {
	if cfg.HTTP == nil {
		return nil, errors.New("google calendar client: no HTTP client given")
	}
	url := cfg.APIURL
	if url == "" {
		url = defaultAPIURL
	}
	if !strings.Contains(url, "://") {
		return nil, errors.New("google calendar client: api_url needs a scheme, such as https://")
	}
	if !strings.HasSuffix(url, "/") {
		url += "/"
	}
	hc := *cfg.HTTP
	// A redirect would carry the token to whatever host it names: the transport adds it to every request.
	hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	api, err := gcal.NewService(context.Background(), option.WithHTTPClient(&hc), option.WithEndpoint(url))
	if err != nil {
		return nil, fmt.Errorf("google calendar client: %w", err)
	}
	allDay := cfg.AllDayBusy
	if allDay == nil {
		allDay = func(string) bool { return false }
	}
	return &Client{api: api, allDayBusy: allDay, zone: cfg.Zone, notServed: map[string]time.Time{}}, nil
}

// Identity returns the client event id under which the event of one placement is created: 52 characters of
// lower-case base32hex, the alphabet that Google demands. The same arguments give the same id for ever. An id stays
// taken after its event was deleted, so a new event for the same booking needs another attempt number.
func Identity(storeID, booking, resource string, attempt int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "google %q %q %q %d", storeID, booking, resource, attempt))
	return strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:]))
}

// Calendars lists every calendar of the account, hidden ones too.
func (c *Client) Calendars(ctx context.Context) ([]calendar.Info, error) {
	const op = "list calendars"
	var out []calendar.Info
	page := ""
	for range maxPages {
		call := c.api.CalendarList.List().Context(ctx).MaxResults(250).ShowHidden(true).
			Fields("nextPageToken,items(id,summary,summaryOverride,timeZone,accessRole,primary,deleted)")
		if page != "" {
			call.PageToken(page)
		}
		list, err := call.Do()
		if err != nil {
			return nil, classify(op, err)
		}
		for _, e := range list.Items {
			if e != nil && !e.Deleted {
				out = append(out, info(e))
			}
		}
		if list.NextPageToken == "" {
			return out, nil
		}
		page = list.NextPageToken
	}
	return nil, endless(op)
}

func info(e *gcal.CalendarListEntry) calendar.Info {
	name := e.SummaryOverride
	if name == "" {
		name = e.Summary
	}
	writable := false
	switch e.AccessRole {
	case "owner", "writer", "writerWithoutPrivateAccess":
		writable = true
	}
	return calendar.Info{ID: e.Id, Name: name, Zone: e.TimeZone, Writable: writable, Primary: e.Primary}
}

// Changed says whether the calendar may have changed since cursor. Without one it begins a new cursor, which is worth
// having before the window is read. A cursor that Google no longer accepts is an error of kind Expired. Where Google
// serves no token for a calendar the answer is "changed" with no cursor.
//
// The token only answers this question: a token's own feed ignores the window and does not report every deleted
// occurrence, so it never stands in for [Client.Read].
func (c *Client) Changed(ctx context.Context, cal string, window calendar.Interval, cursor calendar.Cursor) (
	calendar.Change, error) {
	if cursor == "" && c.withoutToken(cal) {
		return calendar.Change{Changed: true}, nil
	}
	rows, token, err := c.tokenRound(ctx, cal, window, cursor)
	var e *calendar.Error
	switch {
	case errors.As(err, &e) && cursor != "" && (e.Status == http.StatusGone || e.Status == http.StatusBadRequest):
		// A token that cannot even be parsed is answered with 400. If the parameters are what is wrong, the new
		// round says so.
		e.Kind = calendar.Expired
		return calendar.Change{}, e
	case errors.As(err, &e) && (e.Status == http.StatusBadRequest || e.Status == http.StatusNotImplemented),
		err == nil && token == "":
		c.rememberNoToken(cal)
		return calendar.Change{Changed: true}, nil
	case err != nil:
		return calendar.Change{}, err
	}
	return calendar.Change{Changed: cursor == "" || rows, Cursor: calendar.Cursor(token)}, nil
}

// tokenRound follows one round of token pages to its end.
func (c *Client) tokenRound(ctx context.Context, cal string, window calendar.Interval, cursor calendar.Cursor) (
	rows bool, token string, err error) {
	const op = "look for changes"
	page := ""
	for range maxPages {
		call := c.api.Events.List(cal).Context(ctx).SingleEvents(false).MaxResults(pageSize).
			Fields("nextPageToken,nextSyncToken,items(id)")
		if cursor != "" {
			call.SyncToken(string(cursor)) // timeMin may not accompany it
		} else {
			call.TimeMin(window.StartTime().Format(time.RFC3339))
		}
		if page != "" {
			call.PageToken(page)
		}
		list, err := call.Do()
		if err != nil {
			return false, "", classify(op, err)
		}
		rows = rows || len(list.Items) > 0
		if list.NextPageToken == "" {
			return rows, list.NextSyncToken, nil
		}
		page = list.NextPageToken
	}
	return false, "", endless(op)
}

// withoutToken reports whether the calendar was lately found to be served without tokens.
func (c *Client) withoutToken(cal string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.notServed[cal]
	return ok && time.Since(at) < notServedFor
}

func (c *Client) rememberNoToken(cal string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.notServed[cal] = time.Now()
}

// endless is the error for a list whose pages do not end.
func endless(op string) error {
	return &calendar.Error{Kind: calendar.Unclear, Op: op, Reason: "tooManyPages"}
}

var readFields = googleapi.Field("kind,timeZone,nextPageToken," +
	"items(id,etag,status,eventType,transparency,start,end,attendees(self,responseStatus)," +
	"extendedProperties/private,recurringEventId)")
