package google

import (
	"context"
	"net/http"
	"time"

	"slotd/internal/calendar"

	gcal "google.golang.org/api/calendar/v3"
)

// longestWatch is what a channel is asked for at the most. Google grants no more than an unpublished cap and says what it
// granted; a week is the documented default.
const longestWatch = 7 * 24 * time.Hour

// Watch asks Google to post to ch.URL whenever the calendar changes. Google may post for the first time before Watch
// returns. After an error of kind Unclear the channel may exist, until ch.Until. There is no call that makes a channel
// live longer: a new one takes its place.
// Source: https://developers.google.com/workspace/calendar/api/guides/push
func (c *Client) Watch(ctx context.Context, cal string, ch calendar.Channel) (calendar.Watched, error) {
	const op = "watch calendar"
	until := ch.Until
	if latest := time.Now().Add(longestWatch); until.After(latest) {
		until = latest
	}
	reply, err := c.api.Events.Watch(cal, &gcal.Channel{
		Id: ch.ID, Token: ch.Secret, Address: ch.URL, Type: "web_hook", Expiration: until.UnixMilli(),
	}).Context(ctx).Do()
	if err != nil {
		return calendar.Watched{}, classify(op, err)
	}
	if reply.ResourceId == "" || reply.Id != ch.ID {
		return calendar.Watched{}, &calendar.Error{Kind: calendar.Unclear, Op: op, Status: http.StatusOK, Reason: "noChannel"}
	}
	w := calendar.Watched{ID: ch.ID, Handle: reply.ResourceId, Expires: until}
	if reply.Expiration > 0 {
		w.Expires = time.UnixMilli(reply.Expiration)
	}
	return w, nil
}

// Unwatch ends a channel, by its ID and Handle. One that Google does not know, or no more, has ended.
func (c *Client) Unwatch(ctx context.Context, w calendar.Watched) error {
	err := classify("stop channel",
		c.api.Channels.Stop(&gcal.Channel{Id: w.ID, ResourceId: w.Handle}).Context(ctx).Do())
	if isStatus(err, http.StatusNotFound) || isStatus(err, http.StatusGone) {
		return nil
	}
	return err
}
