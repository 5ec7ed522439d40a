package webhook

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"slotd/internal/booking"
	"slotd/internal/desk"
	"slotd/internal/flow"
)

// conversation decides what a request of a Flow means and which screen answers it. It holds no state of a customer but a
// bounded trail of when each token was last answered: choices travel in the payload.
type conversation struct {
	cfg   Config
	desk  *desk.Desk
	flow  *flow.Flow
	trail *trail
	// chooses says by screen what customers choose on it.
	chooses map[string]chooses
	// orders say by screen in which order the Flow asks for the day and the resource.
	orders map[string]order
}

// CheckFlow says why the endpoint could not serve a Flow that is well formed in itself; nil when it can.
func CheckFlow(f *flow.Flow) error {
	for i := range f.Screens {
		if err := confirmable(f, &f.Screens[i]); err != nil {
			return err
		}
	}
	return nil
}

func newConversation(cfg Config) (*conversation, error) {
	if err := CheckFlow(cfg.Flow); err != nil {
		return nil, err
	}
	return &conversation{
		cfg: cfg, desk: cfg.Desk, flow: cfg.Flow, trail: newTrail(trailSize), chooses: choosesOf(cfg.Flow),
		orders: ordersOf(cfg.Flow),
	}, nil
}

// confirmable checks that the screen that ends the Flow by asking us says which slot is meant, and all else that the Flow
// let the customer choose: a confirm that lost a choice on the way would book something else.
func confirmable(f *flow.Flow, s *flow.Screen) error {
	if !s.Terminal {
		return nil
	}
	for _, a := range s.Actions {
		if a.Trigger != flow.Tap || a.Name != flow.ActionDataExchange {
			continue
		}
		for _, name := range []flow.Name{
			flow.ChosenSlot, flow.ChosenDepartment, flow.ChosenService, flow.ChosenResource,
		} {
			if !carries(a, name) && (name == flow.ChosenSlot || chosen(f, name)) {
				return fmt.Errorf("flow: the data_exchange of screen %s confirms, but its payload has no key that means the "+
					"%[2]s; pass it on as %[2]s, or map its key in [flow.bind]", s.ID, name)
			}
		}
	}
	return nil
}

// chosen reports whether some action of the Flow carries a choice.
func chosen(f *flow.Flow, name flow.Name) bool {
	for i := range f.Screens {
		for _, a := range f.Screens[i].Actions {
			if carries(a, name) {
				return true
			}
		}
	}
	return false
}

func carries(a flow.Action, name flow.Name) bool {
	for _, n := range a.Keys {
		if n == name {
			return true
		}
	}
	return false
}

// known returns the id of a screen if the Flow has it, so that only ids of a closed set are logged.
func (c *conversation) known(screen string) string {
	if c.flow.Screen(screen) == nil {
		return ""
	}
	return screen
}

// turn is one request on its way to an answer.
type turn struct {
	req     flow.Request
	screen  *flow.Screen // where it came from; the entry screen for INIT
	choices map[flow.Name]string
	extras  map[string]string
	visitor desk.Visitor
	page    int   // of a list that does not fit on one
	lost    int64 // start of the slot that was just lost, 0: none was
}

const minToken = 8 // characters; anything shorter was not made to be unpredictable

// answer answers an INIT, a data_exchange or a BACK.
func (c *conversation) answer(ctx context.Context, req flow.Request) answer {
	if len(req.FlowToken) < minToken || strings.EqualFold(req.FlowToken, "unused") {
		return c.closed(req, TokenMissing)
	}
	visitor, err := c.desk.Visitor(ctx, req.FlowToken)
	var bad *desk.TokenError
	if errors.As(err, &bad) {
		return c.closed(req, tokenOutcome(bad.Why))
	}
	t := c.turn(req, visitor)
	if err != nil {
		return c.apology(ctx, t, err)
	}
	if visitor.Spent != nil {
		return c.spent(t)
	}
	did := c.made(t)
	a := c.act(ctx, t)
	a.steps = c.steps(t, a, did)
	return a
}

func (c *conversation) turn(req flow.Request, v desk.Visitor) *turn {
	t := &turn{req: req, screen: c.flow.Screen(req.Screen), visitor: v}
	if t.screen == nil {
		t.screen = c.flow.Entry()
		t.choices, t.extras = map[flow.Name]string{}, map[string]string{}
		return t
	}
	t.choices, t.extras = bounded(t.screen, req.Data)
	return t
}

// act answers the action of a token that can still book.
func (c *conversation) act(ctx context.Context, t *turn) answer {
	switch t.req.Action {
	case flow.ActionInit:
		c.trail.forget(t.req.FlowToken)
		if text, outcome := c.may(ctx, t); text != "" {
			return c.again(ctx, t, text, outcome)
		}
		return c.show(ctx, t, t.screen, Shown)
	case flow.ActionBack:
		return c.back(ctx, t)
	case flow.ActionDataExchange:
		return c.exchange(ctx, t)
	}
	return c.again(ctx, t, textNotUnderstood, UnknownAction)
}

// exchange answers what a customer did on a screen: an input that refreshes it, a tap that leads on, or the confirm.
func (c *conversation) exchange(ctx context.Context, t *turn) answer {
	if c.flow.Screen(t.req.Screen) == nil {
		// A Flow that was published before this one may still be open on a phone.
		return c.again(ctx, t, textStartAgain, UnknownScreen)
	}
	c.instead(t)
	if c.trail.older(t.req.FlowToken, c.cfg.Now(), c.cfg.ScreenTTL) {
		return c.again(ctx, t, textTooOld, Stale)
	}
	if unreadable(t) {
		return c.again(ctx, t, textNotUnderstood, Refused)
	}
	if page, ok := strings.CutPrefix(t.choices[flow.ChosenSlot], pagePrefix); ok && turnsPages(t.screen) {
		t.page, _ = strconv.Atoi(page) // what is no number is the first page
		delete(t.choices, flow.ChosenSlot)
		return c.show(ctx, t, t.screen, Paged)
	}
	action := t.screen.Match(t.req.Data)
	tapped := action == nil || action.Trigger == flow.Tap
	_, slot := t.choices[flow.ChosenSlot]
	switch {
	case tapped && t.screen.Terminal:
		return c.confirm(ctx, t)
	case tapped && (slot || action != nil):
		return c.advance(ctx, t, action)
	case tapped:
		return c.again(ctx, t, textStartAgain, UnknownPayload)
	}
	if text := c.check(t); text != "" {
		return c.again(ctx, t, text, Refused)
	}
	return c.show(ctx, t, t.screen, Refreshed)
}

// advance shows the next screen if what was chosen so far can be.
func (c *conversation) advance(ctx context.Context, t *turn, by *flow.Action) answer {
	outcome, text := Refused, c.check(t)
	if text == "" {
		text, outcome = c.may(ctx, t)
	}
	if text == "" {
		text, outcome = c.checkTimes(ctx, t)
	}
	if text == "" {
		outcome, text = Refused, missing(t, by)
	}
	if text != "" {
		return c.again(ctx, t, text, outcome)
	}
	if len(t.screen.Next) == 0 {
		return c.show(ctx, t, t.screen, Refreshed)
	}
	return c.show(ctx, t, c.flow.Screen(t.screen.Next[0]), Shown)
}

// back shows the screen before the one that was left. Such a request carries no payload, so what was chosen before is
// taken from the trail as far as it still knows.
func (c *conversation) back(ctx context.Context, t *turn) answer {
	if len(t.screen.Previous) == 0 {
		return c.show(ctx, t, t.screen, WentBack)
	}
	to := t.screen.Previous[0]
	for _, id := range t.screen.Previous {
		if choices, extras, ok := c.trail.shown(t.req.FlowToken, id); ok {
			to, t.choices, t.extras = id, choices, extras
			break
		}
	}
	return c.show(ctx, t, c.flow.Screen(to), WentBack)
}

// confirm books. Whoever lost the slot gets a reason and other times on the same screen.
func (c *conversation) confirm(ctx context.Context, t *turn) answer {
	choice, err := c.resolve(t.screen, t.choices)
	if err != nil {
		return c.again(ctx, t, c.check(t), Refused)
	}
	start, text := c.wanted(t)
	if text != "" {
		return c.again(ctx, t, text, Refused)
	}
	done, err := c.desk.Confirm(ctx, desk.Confirm{
		Token: t.req.FlowToken, Request: fingerprint(t.req), Choice: choice, Start: start, Person: c.person(t),
		Answer: func(b *booking.Booking) []byte { return c.success(b, t.visitor) },
	})
	var lost *desk.LostError
	var bad *desk.TokenError
	var refused *desk.CustomerError
	switch {
	case err == nil:
		outcome := Booked
		if done.Repeated {
			outcome = Repeated
		}
		return c.done(t, done.Answer, outcome)
	case errors.As(err, &lost):
		t.lost = start
		return c.again(ctx, t, lostText(lost.Reason), lostOutcome(lost.Reason))
	case errors.As(err, &bad):
		return c.refused(ctx, t, bad)
	case errors.As(err, &refused):
		return c.again(ctx, t, c.customerText(t, refused), customerOutcome(refused))
	}
	return c.apology(ctx, t, err)
}

// refused answers a confirm whose token booked or expired while it was on its way.
func (c *conversation) refused(ctx context.Context, t *turn, bad *desk.TokenError) answer {
	if bad.Booking != "" {
		if v, err := c.desk.Visitor(ctx, t.req.FlowToken); err == nil && v.Spent != nil {
			t.visitor = v
			return c.spent(t)
		}
	}
	return c.closed(t.req, tokenOutcome(bad.Why))
}

// done ends the Flow.
func (c *conversation) done(t *turn, stored []byte, outcome Outcome) answer {
	var params map[string]string
	if err := json.Unmarshal(stored, &params); err != nil {
		params = nil // the booking stands; the chat only shows less of it
	}
	return answer{
		status: http.StatusOK, body: flow.Success(t.req.Version, t.req.FlowToken, params),
		action: t.req.Action, screen: t.screen.ID, from: c.known(t.req.Screen), outcome: outcome,
	}
}

// spent answers a token that has booked: the same request gets the same answer, everything else is told what is booked.
func (c *conversation) spent(t *turn) answer {
	s := t.visitor.Spent
	if t.req.Action == flow.ActionDataExchange && s.Request == fingerprint(t.req) {
		return c.done(t, s.Answer, Repeated)
	}
	return c.close(t.req, c.spentText(s.Booking, t.visitor), TokenSpent)
}

// closed ends a conversation whose token cannot be used.
func (c *conversation) closed(req flow.Request, outcome Outcome) answer {
	return c.close(req, textClosed, outcome)
}

func (c *conversation) close(req flow.Request, text string, outcome Outcome) answer {
	return answer{
		status: statusTokenInvalid, body: flow.ErrorMessage(text),
		action: actionName(req.Action), screen: c.known(req.Screen), from: c.known(req.Screen), outcome: outcome,
	}
}

// apology answers trouble of our own. Only where nobody knows whether the booking was made there is no answer at all:
// the phone then offers to send the same request again, and that finds out.
func (c *conversation) apology(ctx context.Context, t *turn, err error) answer {
	c.cfg.Log.Error("answering failed", "screen", t.screen.ID, "error", err)
	if errors.Is(err, desk.ErrUncertain) {
		return answer{
			status: http.StatusServiceUnavailable, action: actionName(t.req.Action), screen: t.screen.ID,
			from: c.known(t.req.Screen), outcome: Uncertain,
		}
	}
	return c.again(ctx, t, textTrouble, Failed)
}

// person is who the payload says the booking is for. It comes from outside, so it is cut to what a form can hold.
func (c *conversation) person(t *turn) booking.Person {
	p := booking.Person{
		Name:  oneLine(t.choices[flow.CustomerName], 80),
		Phone: oneLine(t.choices[flow.CustomerPhone], 20),
		Email: oneLine(t.choices[flow.CustomerEmail], 254),
		Notes: clean(t.choices[flow.Notes], 600),
	}
	for _, key := range slices.Sorted(maps.Keys(t.extras)) {
		if len(p.Answers) == maxAnswers {
			break
		}
		if p.Answers == nil {
			p.Answers = map[string]string{}
		}
		p.Answers[clean(key, 40)] = clean(t.extras[key], 600)
	}
	return p
}

const maxAnswers = 20

// fingerprint identifies a request: its screen and its payload.
func fingerprint(req flow.Request) string {
	payload, err := json.Marshal(req.Data) // keys are sorted
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(append([]byte(req.Screen+"\x00"), payload...))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func actionName(action string) string {
	switch action {
	case flow.ActionInit, flow.ActionBack, flow.ActionDataExchange:
		return action
	}
	return actionUnknown
}
