package google

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"slotd/internal/emulator/push"
)

// Source of what follows: developers.google.com/workspace/calendar/api/guides/push.

// Limits of channels. The longest life is not published; a week is the documented default.
const (
	maxChannelID    = 64
	maxChannelToken = 256
	defaultTTL      = 7 * 24 * time.Hour
)

// Mood is how the messages about one calendar fare.
type Mood = push.Mood

// Channel is one channel that was asked for.
type Channel struct {
	ID, Resource, Address string
	Expires               time.Time
}

// channel is a channel and who asked for it.
type channel struct {
	Channel
	cal, user, token string
	number           int
	silent           bool // it exists, and tells nothing
}

// wireChannel is a channel in requests and replies. The vendor's clients take the expiration as a string only.
type wireChannel struct {
	Kind        string            `json:"kind,omitempty"`
	ID          string            `json:"id"`
	ResourceID  string            `json:"resourceId,omitempty"`
	ResourceURI string            `json:"resourceUri,omitempty"`
	Type        string            `json:"type,omitempty"`
	Address     string            `json:"address,omitempty"`
	Token       string            `json:"token,omitempty"`
	Expiration  json.RawMessage   `json:"expiration,omitempty"`
	Params      map[string]string `json:"params,omitempty"`
}

// watchEvents serves events.watch. The first message may overtake the reply.
func (s *Server) watchEvents(c *call) (any, *apiError) {
	cal, apiErr := s.calendarOf(c, RoleFreeBusy)
	if apiErr != nil {
		return nil, apiErr
	}
	var in wireChannel
	if err := json.Unmarshal(c.body, &in); err != nil {
		return nil, newError(http.StatusBadRequest, "parseError", "Parse Error")
	}
	if apiErr := s.refuseChannel(&in); apiErr != nil {
		return nil, apiErr
	}
	life, err := s.lifeOf(&in)
	if err != nil {
		return nil, newError(http.StatusBadRequest, "invalid", err.Error())
	}
	ch := &channel{
		Channel: Channel{
			ID: in.ID, Resource: "res-" + strconv.Itoa(slices.Index(s.order, cal.id)+1), Address: in.Address,
			Expires: s.opt.Now().Add(life).Truncate(time.Millisecond),
		},
		cal: cal.id, user: c.user, token: in.Token,
	}
	s.channels[in.ID] = ch
	m := ch.message("sync")
	if s.moods[cal.id].Early {
		c.before = func() { s.sender.Now(m) }
	} else {
		s.sender.Send(ch.ID, m, s.moods[cal.id])
	}
	return wireChannel{
		Kind: "api#channel", ID: ch.ID, ResourceID: ch.Resource, ResourceURI: resourceURI(cal.id), Token: ch.token,
		Expiration: json.RawMessage(strconv.Quote(strconv.FormatInt(ch.Expires.UnixMilli(), 10))),
	}, nil
}

func (s *Server) refuseChannel(in *wireChannel) *apiError {
	switch {
	case in.ID == "":
		return newError(http.StatusBadRequest, "required", "entity.id")
	case len(in.ID) > maxChannelID || strings.ContainsFunc(in.ID, notInChannelID):
		return invalid("Invalid channel id.")
	case s.channels[in.ID] != nil: // also one that was stopped or has expired
		return newError(http.StatusBadRequest, "channelIdNotUnique", "Channel id "+in.ID+" not unique")
	case in.Type != "web_hook" && in.Type != "webhook":
		return invalid("Unknown channel type.")
	case len(in.Token) > maxChannelToken:
		return invalid("The token is too long.")
	case !push.Reachable(in.Address):
		return newError(http.StatusUnauthorized, "push.webhookUrlNotHttps", "WebHook callback must be HTTPS: "+in.Address)
	}
	return nil
}

// notInChannelID: the reference allows letters, digits and - _ + / =.
func notInChannelID(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_+/=", r)
}

// lifeOf returns how long a channel lives: what was asked for, and no longer than the server grants.
func (s *Server) lifeOf(in *wireChannel) (time.Duration, error) {
	life := s.opt.ChannelLife
	switch {
	case len(in.Expiration) > 0:
		ms, err := strconv.ParseInt(strings.Trim(string(in.Expiration), `"`), 10, 64)
		if err != nil {
			return 0, errors.New("invalid expiration")
		}
		life = min(life, time.UnixMilli(ms).Sub(s.opt.Now()))
	case in.Params["ttl"] != "":
		seconds, err := strconv.Atoi(in.Params["ttl"])
		if err != nil {
			return 0, errors.New("invalid ttl")
		}
		life = min(life, time.Duration(seconds)*time.Second)
	}
	if life <= 0 {
		return 0, errors.New("the channel would have expired already")
	}
	return life, nil
}

// stopChannel serves channels.stop: for the user who asked for the channel, by both its ids.
func (s *Server) stopChannel(c *call) (any, *apiError) {
	var in wireChannel
	if err := json.Unmarshal(c.body, &in); err != nil {
		return nil, newError(http.StatusBadRequest, "parseError", "Parse Error")
	}
	ch := s.channels[in.ID]
	if ch == nil || ch.Resource != in.ResourceID || ch.user != c.user || !s.alive(ch) {
		return nil, newError(http.StatusNotFound, "channelNotFound", "Channel '"+in.ID+"' not found for project")
	}
	ch.Expires = s.opt.Now()
	return nil, nil
}

func (s *Server) alive(ch *channel) bool { return s.opt.Now().Before(ch.Expires) }

// tell sends a message to all who watch a calendar. The caller holds the lock.
func (s *Server) tell(c *calendar) {
	mood := s.moods[c.id]
	for _, ch := range s.channels {
		if ch.cal != c.id || !s.alive(ch) || ch.silent || c.roles[ch.user] == "" {
			continue
		}
		for range 1 + mood.Storm {
			s.sender.Send(ch.ID, ch.message("exists"), mood)
		}
	}
}

func resourceURI(cal string) string {
	return "https://www.googleapis.com/calendar/v3/calendars/" + cal + "/events?alt=json"
}

// message is the next message of a channel: headers and no body. Numbers grow and leave some out.
func (ch *channel) message(state string) push.Message {
	if ch.number == 0 {
		ch.number = 1
	} else {
		ch.number += 1 + ch.number%3
	}
	h := http.Header{
		"User-Agent":                {"APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)"},
		"X-Goog-Channel-Id":         {ch.ID},
		"X-Goog-Message-Number":     {strconv.Itoa(ch.number)},
		"X-Goog-Resource-Id":        {ch.Resource},
		"X-Goog-Resource-State":     {state},
		"X-Goog-Resource-Uri":       {resourceURI(ch.cal)},
		"X-Goog-Channel-Expiration": {ch.Expires.UTC().Format(http.TimeFormat)},
	}
	if ch.token != "" {
		h["X-Goog-Channel-Token"] = []string{ch.token}
	}
	return push.Message{URL: ch.Address, Header: h}
}

// retryPush is how the vendor treats answers: a few mean success, four are tried again, all others drop the message.
func retryPush(status, tries int) (time.Duration, bool) {
	switch status {
	case 0, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return time.Second << min(tries, 10), tries < 10
	}
	return 0, false
}

// SetMood says how messages about a calendar fare from now on.
func (s *Server) SetMood(cal string, m Mood) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moods[s.must(cal).id] = m
}

// Channels returns the channels of a calendar that have not ended, by the time at which they do.
func (s *Server) Channels(cal string) []Channel {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Channel
	for _, ch := range s.channels {
		if ch.cal == s.must(cal).id && s.alive(ch) {
			out = append(out, ch.Channel)
		}
	}
	slices.SortFunc(out, func(a, b Channel) int { return a.Expires.Compare(b.Expires) })
	return out
}

// Silence makes the channels of a calendar that are there now tell nothing more, without a word.
func (s *Server) Silence(cal string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ch := range s.channels {
		if ch.cal == cal {
			ch.silent = true
		}
	}
}

// ExpireChannels ends the channels of a calendar before their time.
func (s *Server) ExpireChannels(cal string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ch := range s.channels {
		if ch.cal == cal {
			ch.Expires = s.opt.Now()
		}
	}
}

// Pushes returns what became of the messages so far.
func (s *Server) Pushes() push.Counts { return s.sender.Counts() }

// Close ends the sending of messages and waits for those under way.
func (s *Server) Close() { s.sender.Close() }
