package calendar

import "time"

// Channel is what a provider is asked for: messages to us whenever a calendar changes. Google calls it a channel, Graph a
// subscription.
type Channel struct {
	// ID is ours and never used twice: letters, digits and dashes, at most 64.
	ID string
	// Secret comes back with each message; ID and Secret together have at most 120 characters.
	Secret string
	// URL is where messages go, LifecycleURL where the provider writes about the channel itself, if it does.
	URL, LifecycleURL string
	// Until is when the channel is to end at the latest. Adapters ask for less where the provider grants less.
	Until time.Time
}

// Watched is a channel as the provider knows it.
type Watched struct {
	// ID is that of the Channel. It is empty where the provider lists channels and does not tell.
	ID string
	// Handle is the provider's name: the resource id at Google, the subscription's id at Graph. It is empty while the
	// answer to our request is not known.
	Handle string
	// Expires is when the provider ends the channel.
	Expires time.Time
}

// Push is one message that claims to come from a provider.
type Push struct {
	// Channel is the id of the channel as we made it, Secret what proves it.
	Channel, Secret string
	// Handle is the provider's name of the channel, "" where the message does not tell.
	Handle string
	// Number grows from message to message of a channel; 0 where the provider does not number them.
	Number uint64
	Event  PushEvent
}

// PushEvent is what a message says.
type PushEvent int

// What messages say.
const (
	// PushChanged: the calendar may have changed.
	PushChanged PushEvent = iota
	// PushOpened: the channel is there.
	PushOpened
	// PushMissed: the provider has lost messages.
	PushMissed
	// PushRemoved: the provider has ended the channel.
	PushRemoved
	// PushReauthorize: the channel pauses unless it is renewed.
	PushReauthorize
)

// PushVerdict says what became of a message. It is from a closed set that may serve as a metrics label.
type PushVerdict string

// The verdicts.
const (
	// PushAccepted: the message is genuine; what it asks for begins.
	PushAccepted PushVerdict = "accepted"
	// PushUnknown: no channel of ours has this id.
	PushUnknown PushVerdict = "unknown_channel"
	// PushForged: the secret does not fit.
	PushForged PushVerdict = "wrong_secret"
	// PushReplayed: the message, or a later one of its channel, was seen before.
	PushReplayed PushVerdict = "replayed"
	// PushEnded: the channel is being stopped, or has expired.
	PushEnded PushVerdict = "ended_channel"
	// PushNotReady: the channels are not known yet; the provider should try again soon.
	PushNotReady PushVerdict = "not_ready"
)
