package store

import (
	"fmt"
	"strings"
	"time"

	"slotd/internal/calendar"
)

// ChannelPhase is how far a push channel has come.
type ChannelPhase string

// The phases of a channel.
const (
	// ChannelAsked: the provider is being asked for it; whether it exists is not known.
	ChannelAsked ChannelPhase = "asked"
	// ChannelLive: the provider has confirmed it.
	ChannelLive ChannelPhase = "live"
	// ChannelEnding: it is not wanted any more, and may still exist.
	ChannelEnding ChannelPhase = "ending"
)

// Channel is one push channel of a calendar. It is written before the provider is asked for it.
type Channel struct {
	ID string
	// Secret is the SHA-256 of the channel's secret, which itself is never stored.
	Secret []byte
	// Handle is the provider's name of it, "" while that is not known.
	Handle string
	// URL is where its messages go.
	URL   string
	Phase ChannelPhase
	Asked time.Time
	// Expires is when the provider ends it; of a channel that was only asked for, the latest time that it could be.
	Expires time.Time
	// Renew is when a live channel is due to be renewed.
	Renew time.Time
}

type channelsRecord struct {
	V    int             `json:"v"`
	List []channelRecord `json:"channels"`
}

func (r *channelsRecord) version() int { return r.V }

type channelRecord struct {
	ID      string    `json:"id"`
	Secret  []byte    `json:"secret_sha256"`
	Handle  string    `json:"handle,omitempty"`
	URL     string    `json:"url"`
	Phase   string    `json:"phase"`
	Asked   time.Time `json:"asked"`
	Expires time.Time `json:"expires"`
	Renew   time.Time `json:"renew,omitzero"`
}

// Channels returns the push channels of a calendar, those that are ending included.
func (g getter) Channels(c calendar.ID) ([]Channel, error) {
	var r channelsRecord
	if found, err := g.record(keyChannel(c), &r); err != nil || !found {
		return nil, err
	}
	return r.channels(), nil
}

func (r *channelsRecord) channels() []Channel {
	out := make([]Channel, 0, len(r.List))
	for _, c := range r.List {
		out = append(out, Channel{
			ID: c.ID, Secret: c.Secret, Handle: c.Handle, URL: c.URL, Phase: ChannelPhase(c.Phase), Asked: c.Asked,
			Expires: c.Expires, Renew: c.Renew,
		})
	}
	return out
}

// PutChannels replaces the push channels of a calendar; without any, the record goes.
func (t *Tx) PutChannels(c calendar.ID, list []Channel) {
	if len(list) == 0 {
		t.tx.Delete(keyChannel(c))
		return
	}
	r := channelsRecord{V: recordVersion}
	for _, ch := range list {
		rec := channelRecord{
			ID: ch.ID, Secret: ch.Secret, Handle: ch.Handle, URL: ch.URL, Phase: string(ch.Phase), Asked: ch.Asked.UTC(),
			Expires: ch.Expires.UTC(),
		}
		if !ch.Renew.IsZero() {
			rec.Renew = ch.Renew.UTC()
		}
		r.List = append(r.List, rec)
	}
	t.put(keyChannel(c), r)
}

// AllChannels returns the push channels of every calendar that has some, also of those that left the config.
func (r *Reader) AllChannels() (map[calendar.ID][]Channel, error) {
	out := map[calendar.ID][]Channel{}
	for item, err := range r.scan(prefixChannel, "") {
		if err != nil {
			return nil, err
		}
		id, err := calendarOf(strings.TrimPrefix(item.Key, prefixChannel))
		if err != nil {
			return nil, fmt.Errorf("read channel: %w", err)
		}
		var rec channelsRecord
		if err := decode(item.Value, &rec, rec.version); err != nil {
			return nil, fmt.Errorf("read channel: %w", err)
		}
		out[id] = rec.channels()
	}
	return out, nil
}
