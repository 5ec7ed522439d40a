package admin

import (
	"time"

	"slotd/internal/calendar"
)

// Channel says how changes of a calendar reach us beside polling.
type Channel struct {
	Calendar calendar.ID `json:"calendar"`
	// Label is how metrics name the calendar, see CalendarLabel.
	Label string `json:"label"`
	// Wanted says that changes are to be pushed, Live that they are, until Expires or the renewal before.
	Wanted  bool       `json:"wanted"`
	Live    bool       `json:"live"`
	Expires *time.Time `json:"expires,omitempty"`
	// Late says that the channel was not renewed in time.
	Late bool `json:"late,omitempty"`
	// Why says why the calendar is polled only, or what is wrong with its channel.
	Why string `json:"why,omitempty"`
	// Left counts further channels that are still to be ended.
	Left int `json:"left,omitempty"`
}

var (
	descPushLive = describe("slotd_push_live",
		"1 when the provider pushes changes of a calendar, 0 when it should and does not; absent where push is not wanted.",
		"calendar")
	descPushLate = describe("slotd_push_late",
		"1 when the push channel of a calendar was not renewed in time; absent where push is not wanted.", "calendar")
	descPushExpiry = describe("slotd_push_expiry_timestamp_seconds",
		"When the push channel of a calendar ends; absent without one. It is renewed before.", "calendar")
)

func (s state) channels(put putter) {
	for _, c := range s.status.Channels {
		if c.Wanted {
			put(descPushLive, number(c.Live), c.Label)
			put(descPushLate, number(c.Late), c.Label)
		}
		if c.Expires != nil {
			put(descPushExpiry, float64(c.Expires.Unix()), c.Label)
		}
	}
}

// ExpectPushes makes the series of the messages of providers.
func (m *Metrics) ExpectPushes(providers, outcomes []string) {
	m.expecting.Lock()
	defer m.expecting.Unlock()
	c := *m.known.Load()
	c.pushes = grown(c.pushes)
	for _, provider := range providers {
		for _, outcome := range outcomes {
			c.pushes[pair{provider, outcome}] = m.pushes.WithLabelValues(provider, outcome)
		}
	}
	m.known.Store(&c)
}

// Pushed counts a message of a provider by what became of it.
func (m *Metrics) Pushed(provider, outcome string) {
	count(m.known.Load().pushes, pair{provider, outcome})
}

// ChannelFailed counts a call about a push channel that failed.
func (m *Metrics) ChannelFailed(account string, kind calendar.Kind) {
	count(m.known.Load().channelFails, pair{account, kindLabel(kind)})
}
