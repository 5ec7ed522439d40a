package outlook

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"slotd/internal/calendar"

	"github.com/microsoftgraph/msgraph-sdk-go/models"
	"github.com/microsoftgraph/msgraph-sdk-go/subscriptions"
)

// longestWatch is what a subscription is asked for at the most. Today Graph grants 10,080 minutes for events, older clouds
// 4,230; more than that is refused, not cut.
// Source: https://learn.microsoft.com/graph/api/resources/subscription#subscription-lifetime
const longestWatch = 4200 * time.Minute

// stateMark stands between the id and the secret of a channel in a subscription's clientState, which is all of ours that a
// message carries.
const stateMark = "."

// State returns what a subscription's messages carry as clientState. Graph allows 128 characters.
func State(ch calendar.Channel) string { return ch.ID + stateMark + ch.Secret }

// Watch subscribes ch.URL to changes of the calendar's events. Before it answers, Graph asks both URLs for the echo of a
// token, so they must be served meanwhile. After an error of kind Unclear the subscription may exist; [Client.Watching]
// lists it then.
//
// Graph documents subscriptions to the events of a mailbox. Those of one calendar of it work the same, and spare us the
// messages about all others; where they do not, the error is of kind Refused.
// Source: https://learn.microsoft.com/graph/api/subscription-post-subscriptions
func (c *Client) Watch(ctx context.Context, cal string, ch calendar.Channel) (calendar.Watched, error) {
	const op = "watch calendar"
	s := models.NewSubscription()
	s.SetChangeType(ptr("created,updated,deleted"))
	s.SetResource(ptr(c.resource(cal)))
	s.SetNotificationUrl(ptr(ch.URL))
	if ch.LifecycleURL != "" {
		s.SetLifecycleNotificationUrl(ptr(ch.LifecycleURL))
	}
	s.SetClientState(ptr(State(ch)))
	s.SetExpirationDateTime(ptr(granted(ch.Until)))
	w, err := do(ctx, op, func(ctx context.Context) (calendar.Watched, error) {
		// The header asks for ids that survive a move between folders, as everywhere.
		reply, err := c.subscriptions().Post(ctx, s, &subscriptions.SubscriptionsRequestBuilderPostRequestConfiguration{
			Headers: headers(""),
		})
		return watched(reply), err
	})
	w.ID = ch.ID
	return checked(op, w, err)
}

// Renew makes a subscription live until then, as far as Graph grants it. It also answers a demand to authorize it anew. A
// subscription that is no more is an error of kind Gone.
// Source: https://learn.microsoft.com/graph/api/subscription-update
func (c *Client) Renew(ctx context.Context, w calendar.Watched, until time.Time) (calendar.Watched, error) {
	const op = "renew subscription"
	s := models.NewSubscription()
	s.SetExpirationDateTime(ptr(granted(until)))
	renewed, err := do(ctx, op, func(ctx context.Context) (calendar.Watched, error) {
		reply, err := c.subscriptions().BySubscriptionId(w.Handle).Patch(ctx, s, nil)
		return watched(reply), err
	})
	renewed.ID = w.ID
	return checked(op, renewed, err)
}

// Unwatch ends a subscription by its Handle. One that Graph does not know has ended.
func (c *Client) Unwatch(ctx context.Context, w calendar.Watched) error {
	_, err := do(ctx, "end subscription", func(ctx context.Context) (struct{}, error) {
		return struct{}{}, c.subscriptions().BySubscriptionId(w.Handle).Delete(ctx, nil)
	})
	if statusOf(err) == http.StatusNotFound || statusOf(err) == http.StatusGone {
		return nil
	}
	return err
}

// Watching lists the subscriptions of the account whose messages go to address, those of earlier runs among them. Graph
// does not tell what their clientState is, so their ID is empty.
// Source: https://learn.microsoft.com/graph/api/subscription-list
func (c *Client) Watching(ctx context.Context, address string) ([]calendar.Watched, error) {
	const op = "list subscriptions"
	var out []calendar.Watched
	link := ""
	for range maxPages {
		next, err := do(ctx, op, func(ctx context.Context) (string, error) {
			build := c.subscriptions()
			if link != "" {
				build = build.WithUrl(link)
			}
			page, err := build.Get(ctx, nil)
			if err != nil {
				return "", err
			}
			if page == nil || page.GetValue() == nil {
				return "", errNoList
			}
			for _, s := range page.GetValue() {
				if s != nil && str(s.GetNotificationUrl()) == address {
					out = append(out, watched(s))
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

func (c *Client) subscriptions() *subscriptions.SubscriptionsRequestBuilder {
	return subscriptions.NewSubscriptionsRequestBuilderInternal(
		map[string]string{"baseurl": c.base.String()}, c.adapter)
}

// resource is the path of a calendar's events, relative to the version of the API.
func (c *Client) resource(cal string) string {
	of := "me"
	if c.user != me {
		of = "users/" + url.PathEscape(c.user)
	}
	return of + "/calendars/" + url.PathEscape(cal) + "/events"
}

// granted is until, or the latest that is granted.
func granted(until time.Time) time.Time {
	if latest := time.Now().Add(longestWatch); until.After(latest) {
		until = latest
	}
	return until.UTC().Truncate(time.Second)
}

func watched(s models.Subscriptionable) calendar.Watched {
	var w calendar.Watched
	if s == nil {
		return w
	}
	w.Handle = str(s.GetId())
	if at := s.GetExpirationDateTime(); at != nil {
		w.Expires = *at
	}
	return w
}

// checked makes an error of a reply that does not say what was granted.
func checked(op string, w calendar.Watched, err error) (calendar.Watched, error) {
	if err == nil && (w.Handle == "" || w.Expires.IsZero()) {
		err = &calendar.Error{Kind: calendar.Unclear, Op: op, Status: http.StatusOK, Reason: "noSubscription"}
	}
	if err != nil {
		return calendar.Watched{}, err
	}
	return w, nil
}
