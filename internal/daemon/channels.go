package daemon

import (
	"context"
	"log/slog"
	"net/url"
	"time"

	"github.com/robfig/cron/v3"

	"slotd/internal/admin"
	"slotd/internal/calendar"
	"slotd/internal/config"
	"slotd/store"
	"slotd/syncer"
	"slotd/webhook"
)

// channelsEvery is how often it is looked whether something is due of the push channels; the due times are in the store.
const channelsEvery = 2 * time.Minute

// stopChannelsWithin bounds the end of an account's channels before its sign-in is given up.
const stopChannelsWithin = 20 * time.Second

// pushOf fills in how changes of an account's calendars are pushed, if its client can.
func pushOf(out *syncer.Account, server config.Server, a *config.Account, client Client) {
	watcher, ok := client.(syncer.Watcher)
	if !ok {
		return
	}
	out.Watcher = watcher
	switch {
	case server.PublicURL == "":
		out.PushOff = "[server] has no public_url, so its provider cannot reach us"
	case !a.Push:
		out.PushOff = "push = false in its account"
	case a.Provider == config.Outlook:
		// The list of an account's subscriptions can be told from those of another account of the same person by nothing else.
		out.PushURL = server.PublicURL + "/push/outlook?account=" + url.QueryEscape(a.Name)
	default:
		out.PushURL = server.PublicURL + "/push/" + a.Provider
	}
}

// startChannels looks after the push channels by the clock.
func (p *parts) startChannels(c *cron.Cron) {
	c.Schedule(cron.Every(channelsEvery), cron.FuncJob(p.syncer.CheckChannels))
}

// observePush makes the series of the messages of providers and returns what counts them.
func (p *parts) observePush() func(provider, outcome string) {
	p.o.metrics.ExpectPushes(webhook.PushSets())
	return p.o.metrics.Pushed
}

// stopChannels ends the channels of an account before its sign-in is given up. What cannot be ended expires by itself.
func stopChannels(s *syncer.Syncer, log *slog.Logger) func(context.Context, string) {
	return func(ctx context.Context, account string) {
		ctx, cancel := context.WithTimeout(ctx, stopChannelsWithin)
		defer cancel()
		if err := s.StopChannels(ctx, account); err != nil {
			log.Warn("disconnect: push channels stay until they expire", "account", account, "error", err)
		}
	}
}

// channelStopper is stopChannels for a command that works on the store itself.
func channelStopper(o Options, st *store.Store, a *config.Account, client Client) func(context.Context, string) {
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	own := syncer.Account{Source: client, Sink: client, Concurrency: a.Concurrency, PerMinute: a.PerMinute}
	pushOf(&own, o.Config.Server, a, client)
	s, err := syncer.New(syncer.Config{Store: st, Accounts: map[string]syncer.Account{a.Name: own}, Log: log})
	if err != nil {
		return nil // without calendars there is nothing that it could refuse
	}
	return stopChannels(s, log)
}

// channelRows describes the push channels of all calendars, and what is wrong with them.
func (p *parts) channelRows(add adder) []admin.Channel {
	var out []admin.Channel
	for _, c := range p.syncer.Channels() {
		row := admin.Channel{
			Calendar: c.Calendar, Label: admin.CalendarLabel(p.store.ID(), c.Calendar), Wanted: c.Wanted, Live: c.Live,
			Late: c.Late, Why: c.Why, Left: c.Left,
		}
		if c.Live {
			expires := c.Expires.UTC()
			row.Expires = &expires
		}
		out = append(out, row)
		if c.Alarm {
			add("push "+string(c.Calendar), "%s", pushText(c.Calendar, row))
		}
	}
	return out
}

func pushText(id calendar.ID, c admin.Channel) string {
	text := "changes of calendar " + string(id) + " are seen by polling only"
	if c.Live && c.Late {
		text = "the push channel of calendar " + string(id) + " was not renewed and ends at " + c.Expires.Format(time.RFC3339)
	}
	if c.Why != "" {
		text += ": " + c.Why
	}
	return text
}
