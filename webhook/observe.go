package webhook

import (
	"slices"
	"time"

	"slotd/internal/booking"
	"slotd/internal/flow"
)

// Outcome says what became of a request, in the log and to Config.Observe. It is one of [Outcomes].
type Outcome string

// What can become of a request that was refused before its conversation: nobody knows its screen, or it has none.
const (
	NotPost           Outcome = "not_post"
	BodyTooLarge      Outcome = "body_too_large"
	BodyUnreadable    Outcome = "body_unreadable"
	BadSignature      Outcome = "bad_signature"
	NoKey             Outcome = "no_key" // no private key opens it
	TooBusy           Outcome = "too_busy"
	MalformedEnvelope Outcome = "malformed_envelope"
	MalformedRequest  Outcome = "malformed_request"
	Pong              Outcome = "pong" // a health check
	Panicked          Outcome = "panicked"
)

// What can become of a request of a conversation. Those from Stale on show the same screen again, with a reason.
const (
	Shown     Outcome = "shown"     // a screen: the first or the next
	Refreshed Outcome = "refreshed" // the same screen, for what was chosen on it
	Paged     Outcome = "paged"     // another page of its list
	WentBack  Outcome = "back"
	Booked    Outcome = "booked"
	Repeated  Outcome = "repeated"     // the answer of an earlier confirm, once more
	Reported  Outcome = "client_error" // the phone refused an answer of ours

	Stale          Outcome = "stale_screen"
	Refused        Outcome = "refused" // an id, a date or a missing choice
	UnknownAction  Outcome = "unknown_action"
	UnknownScreen  Outcome = "unknown_screen"
	UnknownPayload Outcome = "unknown_payload"
	DayFull        Outcome = "day_full" // the chosen day has no slot left
	Failed         Outcome = "failed"   // trouble of our own, told to the customer
	Uncertain      Outcome = "uncertain"

	// The slot cannot be booked (any more), by [booking.Reason].
	LostNotOffered Outcome = "lost_not_offered"
	LostTooSoon    Outcome = "lost_too_soon"
	LostTooFar     Outcome = "lost_too_far"
	LostCapped     Outcome = "lost_capped" // as many bookings as may be are there
	LostUnknown    Outcome = "lost_calendar_unknown"
	LostBusy       Outcome = "lost_busy"
	LostBooked     Outcome = "lost_booked"

	// The customer cannot book, whatever is free.
	CustomerBlocked    Outcome = "customer_blocked"
	CustomerHasBooking Outcome = "customer_has_booking"

	TokenMissing   Outcome = "token_missing"
	TokenSignature Outcome = "token_signature"
	TokenUnknown   Outcome = "token_unknown"
	TokenExpired   Outcome = "token_expired"
	TokenSpent     Outcome = "token_spent"
)

// Outcomes returns every outcome: those of requests without a screen, and those of a conversation.
func Outcomes() (bare, talk []Outcome) {
	bare = []Outcome{
		NotPost, BodyTooLarge, BodyUnreadable, BadSignature, NoKey, TooBusy, MalformedEnvelope, MalformedRequest, Pong,
		Panicked,
	}
	talk = []Outcome{
		Shown, Refreshed, Paged, WentBack, Booked, Repeated, Reported,
		Stale, Refused, UnknownAction, UnknownScreen, UnknownPayload, DayFull, Failed, Uncertain,
		LostNotOffered, LostTooSoon, LostTooFar, LostCapped, LostUnknown, LostBusy, LostBooked,
		CustomerBlocked, CustomerHasBooking,
		TokenMissing, TokenSignature, TokenUnknown, TokenExpired, TokenSpent,
	}
	return bare, talk
}

func lostOutcome(r booking.Reason) Outcome {
	switch r {
	case booking.TooSoon:
		return LostTooSoon
	case booking.TooFar:
		return LostTooFar
	case booking.Capped:
		return LostCapped
	case booking.Unknown:
		return LostUnknown
	case booking.Busy:
		return LostBusy
	case booking.Claimed:
		return LostBooked
	case booking.Free, booking.NotOffered:
	}
	return LostNotOffered
}

// tokenOutcome names what a desk.TokenError says.
func tokenOutcome(why string) Outcome {
	switch why {
	case "spent":
		return TokenSpent
	case "expired":
		return TokenExpired
	}
	return TokenUnknown
}

// Step is a step of customers on their way to a booking. What a step is follows from what the screens of the Flow let
// customers choose, not from their names.
type Step string

// The steps. Day, Slot and Details are counted once per opening of the Flow, the others each time.
const (
	StepOpened      Step = "opened"
	StepDay         Step = "day"          // a day was chosen
	StepSlot        Step = "slot"         // a slot was chosen, and was free
	StepDetails     Step = "details"      // name, phone, e-mail or notes were sent
	StepConfirmed   Step = "confirmed"    // a booking was made
	StepLost        Step = "lost_slot"    // a slot was chosen or confirmed that could not be booked any more
	StepNoSlots     Step = "no_slots"     // a screen was shown with no time to choose
	StepClientError Step = "client_error" // the phone refused an answer of ours
)

// Steps returns every step.
func Steps() []Step {
	return []Step{StepOpened, StepDay, StepSlot, StepDetails, StepConfirmed, StepLost, StepNoSlots, StepClientError}
}

// Actions returns every action that an Observation can have beside the empty one.
func Actions() []string {
	return []string{
		flow.ActionInit, flow.ActionBack, flow.ActionDataExchange, actionPing, actionError, actionUnknown,
	}
}

// Names of what the protocol does not name, or names twice.
const (
	actionPing    = "ping"
	actionError   = "error"
	actionUnknown = "unknown"
)

// Observation is what may be known of an answered request: every text is from a closed set.
type Observation struct {
	// Action is one of Actions, or empty when the request could not be opened.
	Action string
	// Screen is the screen of the Flow that the request came from, or empty.
	Screen  string
	Outcome Outcome
	// Steps are those that the customer made with this request, as a rule none or one.
	Steps []Made
	// ClientError is the code that the phone reported, one of ClientErrors; empty when it reported none.
	ClientError string
	// Took is how long the answer took within slotd.
	Took time.Duration
}

// Made is a step on a screen of the Flow: the one where it was made, of opened and no_slots the one that was shown.
type Made struct {
	Step   Step
	Screen string
}

func (s *Server) observe(a answer, took time.Duration) {
	if s.cfg.Observe != nil {
		s.cfg.Observe(Observation{
			Action: a.action, Screen: a.from, Outcome: a.outcome, Steps: a.steps, ClientError: a.client, Took: took,
		})
	}
}

// chooses are the choices that customers make on a screen, as bits: day, slot, details.
type chooses uint8

const (
	choosesDay chooses = 1 << iota
	choosesSlot
	choosesDetails
)

// choosesOf finds out what each screen lets customers choose: what its requests carry, and those of no screen before it.
// A screen whose button only navigates sends no request; what was chosen there shows up on the next that does.
func choosesOf(f *flow.Flow) map[string]chooses {
	sent := map[string]chooses{}
	for i := range f.Screens {
		for _, a := range f.Screens[i].Actions {
			if a.Name == flow.ActionDataExchange {
				sent[f.Screens[i].ID] |= carried(a)
			}
		}
	}
	out := map[string]chooses{}
	for i := range f.Screens {
		s := &f.Screens[i]
		var before chooses
		for _, id := range ancestors(f, s.ID) {
			before |= sent[id]
		}
		out[s.ID] = sent[s.ID] &^ before
	}
	return out
}

func carried(a flow.Action) (c chooses) {
	for _, name := range a.Keys {
		switch name {
		case flow.ChosenDate:
			c |= choosesDay
		case flow.ChosenSlot:
			c |= choosesSlot
		case flow.CustomerName, flow.CustomerPhone, flow.CustomerEmail, flow.Notes:
			c |= choosesDetails
		}
	}
	return c
}

// ancestors are the screens from which one can come to a screen, however far back.
func ancestors(f *flow.Flow, id string) []string {
	var out []string
	open := []string{id}
	for len(open) > 0 {
		s := f.Screen(open[0])
		open = open[1:]
		if s == nil {
			continue
		}
		for _, p := range s.Previous {
			if p != id && !slices.Contains(out, p) {
				out, open = append(out, p), append(open, p)
			}
		}
	}
	return out
}

// made returns what the customer chose with this request, as far as its screen is where that is chosen. It must be asked
// before the request is acted on.
func (c *conversation) made(t *turn) chooses {
	if t.req.Action != flow.ActionDataExchange || c.flow.Screen(t.req.Screen) == nil {
		return 0
	}
	var did chooses
	if t.choices[flow.ChosenDate] != "" {
		did |= choosesDay
	}
	if id := t.choices[flow.ChosenSlot]; id != "" && id != noneID {
		did |= choosesSlot
	}
	if a := t.screen.Match(t.req.Data); a != nil && a.Trigger == flow.Tap {
		did |= carried(*a) & choosesDetails
	}
	return did & c.chooses[t.screen.ID]
}

// steps says which steps an answer means.
func (c *conversation) steps(t *turn, a answer, did chooses) []Made {
	var out []Made
	switch a.outcome {
	case Shown, Refreshed, Booked:
		if t.req.Action == flow.ActionInit {
			out = append(out, Made{StepOpened, a.screen})
		}
		out = append(out, c.firsts(t, did)...)
	case LostNotOffered, LostTooSoon, LostTooFar, LostCapped, LostUnknown, LostBusy, LostBooked:
		out = append(out, c.firsts(t, did&^choosesSlot)...)
		out = append(out, Made{StepLost, a.from})
	case CustomerBlocked, CustomerHasBooking:
		if t.req.Action == flow.ActionInit {
			out = append(out, Made{StepOpened, a.screen})
		}
		out = append(out, c.firsts(t, did&^choosesSlot)...)
	}
	if a.outcome == Booked {
		out = append(out, Made{StepConfirmed, a.from})
	}
	if a.none {
		out = append(out, Made{StepNoSlots, a.screen})
	}
	return out
}

// firsts returns the steps that the customer had not made since opening the Flow.
func (c *conversation) firsts(t *turn, did chooses) []Made {
	if did == 0 {
		return nil
	}
	var out []Made
	did = c.trail.first(t.req.FlowToken, did)
	for _, s := range []struct {
		bit  chooses
		step Step
	}{{choosesDay, StepDay}, {choosesSlot, StepSlot}, {choosesDetails, StepDetails}} {
		if did&s.bit != 0 {
			out = append(out, Made{s.step, t.screen.ID})
		}
	}
	return out
}
