// Package outlook speaks to Outlook calendars through Microsoft Graph v1.0 for the syncer: it lists calendars, says
// whether one changed, reads a window of it, and makes one event equal to what a booking wants.
//
// The package promises three things. A read is complete or an error. A write happens at most once per identity, and
// what a person made of an event is never written over. Errors are classified ([calendar.Kind]) and hold no address, title or id;
// nothing here retries, nor may the HTTP client that it is given. The token goes to the configured host only,
// whatever links the server answers with: of a link, path and query count.
//
// Only the generated packages users and models of the Graph SDK are used: its root package costs twice the build
// time.
//
// Protocol source: https://learn.microsoft.com/graph/api/resources/event and /graph/delta-query-events.
package outlook

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"slotd/internal/calendar"

	abstractions "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoft/kiota-abstractions-go/authentication"
	"github.com/microsoft/kiota-abstractions-go/serialization"
	nethttp "github.com/microsoft/kiota-http-go"
	jsonserialization "github.com/microsoft/kiota-serialization-json-go"
	"github.com/microsoftgraph/msgraph-sdk-go/models"
	"github.com/microsoftgraph/msgraph-sdk-go/users"
)

const (
	defaultAPIURL = "https://graph.microsoft.com/v1.0"
	// pageSize is asked for; Graph may serve less.
	pageSize = 500
	// maxPages stops a list that never ends.
	maxPages = 1000
	// notServedFor is how long a calendar without delta links is not asked for one again.
	notServedFor = time.Hour
	// me stands for the signed-in user in the SDK's paths; the transport puts the real path in its place.
	me = "me-token-to-replace"
)

// Config says whose calendars a [Client] speaks of and how it reaches them.
type Config struct {
	// HTTP adds the bearer token and never retries. Required. Redirects are not followed, whatever it says about them.
	HTTP *http.Client
	// APIURL is the base of the API, such as "http://127.0.0.1:9/v1.0"; "" is Microsoft's global cloud.
	APIURL string
	// User is the id or principal name of the mailbox's owner; "" is the signed-in user. Tokens of an application
	// without a user need it.
	User string
	// Zone is the IANA zone of all-day events where the mailbox's own zone may not be read or has no known name.
	Zone string
	// AllDayBusy reports whether an all-day event of this calendar blocks even when it is marked as free. Nil: never.
	AllDayBusy func(calendarID string) bool
}

// Client is one mailbox's view of its calendars. All methods may be called concurrently; writes of one identity must
// not overlap.
type Client struct {
	adapter    abstractions.RequestAdapter
	base       *url.URL
	user       string
	zone       string
	allDayBusy func(string) bool

	mu        sync.Mutex // held for map access only
	notServed map[string]time.Time
}

// New returns a client. It makes no request.
func New(cfg Config) (*Client, error) {
	if cfg.HTTP == nil {
		return nil, errors.New("graph client: no HTTP client given")
	}
	if cfg.APIURL == "" {
		cfg.APIURL = defaultAPIURL
	}
	base, err := url.Parse(strings.TrimSuffix(cfg.APIURL, "/"))
	if err != nil || base.Host == "" {
		return nil, errors.New("graph client: api_url is not an absolute URL")
	}
	if cfg.User == "" {
		cfg.User = me
	}
	if cfg.AllDayBusy == nil {
		cfg.AllDayBusy = func(string) bool { return false }
	}
	adapter, err := newAdapter(cfg.HTTP, base)
	if err != nil {
		return nil, fmt.Errorf("graph client: %w", err)
	}
	return &Client{adapter: adapter, base: base, user: cfg.User, zone: cfg.Zone, allDayBusy: cfg.AllDayBusy,
		notServed: map[string]time.Time{}}, nil
}

// newAdapter builds the SDK's engine on a plain HTTP client: without the SDK's middlewares, one of which repeats a
// POST after a 503 or 504, and with serializers of its own instead of those in the SDK's global registry.
func newAdapter(authorised *http.Client, base *url.URL) (abstractions.RequestAdapter, error) {
	hc := *authorised
	hc.Transport = &transport{base: authorised.Transport, api: base}
	// A redirect would carry the token to whatever host it names: the transport below adds it to every request.
	hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	const contentType = "application/json"
	parsers := serialization.NewParseNodeFactoryRegistry()
	parsers.ContentTypeAssociatedFactories[contentType] = jsonserialization.NewJsonParseNodeFactory()
	writers := serialization.NewSerializationWriterFactoryRegistry()
	writers.ContentTypeAssociatedFactories[contentType] = jsonserialization.NewJsonSerializationWriterFactory()
	adapter, err := nethttp.NewNetHttpRequestAdapterWithParseNodeFactoryAndSerializationWriterFactoryAndHttpClient(
		&authentication.AnonymousAuthenticationProvider{}, parsers, writers, &hc)
	if err != nil {
		return nil, err
	}
	adapter.SetBaseUrl(base.String())
	return adapter, nil
}

// mailbox begins a request. Its path parameters are written to by the SDK, so they are never shared.
func (c *Client) mailbox() *users.UserItemRequestBuilder {
	return users.NewUserItemRequestBuilderInternal(
		map[string]string{"baseurl": c.base.String(), "user%2Did": c.user}, c.adapter)
}

func (c *Client) calendar(cal string) *users.ItemCalendarsCalendarItemRequestBuilder {
	return c.mailbox().Calendars().ByCalendarId(cal)
}

// Identity returns the transactionId under which the event of one placement is created, shaped like a UUID. The same
// arguments give the same id for ever.
func Identity(storeID, booking, resource string, attempt int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "graph %q %q %q %d", storeID, booking, resource, attempt))
	sum[6] = sum[6]&0x0f | 0x80 // version 8: made in a way of our own
	sum[8] = sum[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// Calendars lists every calendar of the mailbox. Graph keeps one zone per mailbox; it is left out where it may not be
// read.
func (c *Client) Calendars(ctx context.Context) ([]calendar.Info, error) {
	const op = "list calendars"
	zone := ""
	if loc, err := c.mailboxZone(ctx); err == nil {
		zone = loc.String()
	}
	var out []calendar.Info
	link := ""
	for range maxPages {
		next, err := do(ctx, op, func(ctx context.Context) (string, error) {
			cfg := &users.ItemCalendarsRequestBuilderGetRequestConfiguration{
				Headers: headers(""),
				QueryParameters: &users.ItemCalendarsRequestBuilderGetQueryParameters{
					Select: []string{"id", "name", "canEdit", "isDefaultCalendar"}, Top: ptr(int32(100)),
				},
			}
			build := c.mailbox().Calendars()
			if link != "" {
				build, cfg.QueryParameters = build.WithUrl(link), nil
			}
			page, err := build.Get(ctx, cfg)
			if err != nil {
				return "", err
			}
			if page == nil || page.GetValue() == nil {
				return "", errNoList
			}
			for _, cal := range page.GetValue() {
				if cal != nil {
					out = append(out, info(cal, zone))
				}
			}
			return str(page.GetOdataNextLink()), nil
		})
		if err != nil {
			return nil, err
		}
		if next == "" {
			return out, nil
		}
		if link, err = c.ownLink(op, next); err != nil {
			return nil, err
		}
	}
	return nil, endless(op)
}

func info(cal models.Calendarable, zone string) calendar.Info {
	return calendar.Info{
		ID: str(cal.GetId()), Name: str(cal.GetName()), Zone: zone,
		Writable: yes(cal.GetCanEdit()), Primary: yes(cal.GetIsDefaultCalendar()),
	}
}

// ownLink returns a link of the server with the API's own scheme and host. Behind a proxy, or where a server builds its
// links from a fixed name, they lead elsewhere; following them there would hand the token to another host.
func (c *Client) ownLink(op, link string) (string, error) {
	u, err := url.Parse(link)
	if err != nil || u.Opaque != "" || u.Path == "" {
		return "", &calendar.Error{Op: op, Status: http.StatusOK, Reason: "unusableLink"}
	}
	if u.Scheme == c.base.Scheme && u.Host == c.base.Host {
		return link, nil
	}
	if u.Host == "" && !strings.HasPrefix(u.Path, "/") { // OData: relative to the service's root
		u = c.base.JoinPath("/").ResolveReference(u)
	}
	u.Scheme, u.Host, u.User = c.base.Scheme, c.base.Host, nil
	return u.String(), nil
}

// headers ask for ids that survive a move between folders and for times in UTC, on every request; more is a further
// preference.
func headers(more string) *abstractions.RequestHeaders {
	prefer := `IdType="ImmutableId", outlook.timezone="UTC"`
	if more != "" {
		prefer += ", " + more
	}
	h := abstractions.NewRequestHeaders()
	h.Add("Prefer", prefer)
	return h
}

func ptr[T any](v T) *T { return &v }

func str(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func yes(b *bool) bool { return b != nil && *b }
