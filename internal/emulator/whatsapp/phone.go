// Package whatsapp plays the two parties between a customer and a Flow endpoint: the WhatsApp client, which seals
// requests, checks every answer and shows screens, and Meta's proxy, which signs and relays what the client sealed.
//
// The phone promises to be an opinion of its own: it reads the Flow JSON itself and shares nothing with the daemon but
// the encryption. What it accepts, a real client should accept; where the protocol leaves a point open, it takes the
// stricter side. On top of it, [Walk] drives any Flow to its end and [Load] measures an endpoint.
//
// Protocol: developers.facebook.com, WhatsApp Flows, "Implementing Endpoints for Flows", "Flow JSON", "Components" and
// "Error Codes", together with the observed behaviour of WhatsApp's web client.
package whatsapp

import (
	"context"
	"crypto/rsa"
	"errors"
	"maps"
	"net/http"
	"slices"
)

var (
	// ErrClosed is returned by every action after the endpoint closed the Flow with 427; see [Phone.Closed].
	ErrClosed = errors.New("the flow is closed: its message is no longer valid")
	// ErrDone is returned by every action after the Flow ended, by SUCCESS or by a complete action.
	ErrDone = errors.New("the flow has ended")
	// ErrNotOpen is returned by an action on a phone that shows no screen yet.
	ErrNotOpen = errors.New("no screen is open")
	// ErrFirstScreen is returned by Back where nothing lies behind the screen: a phone would close the Flow.
	ErrFirstScreen = errors.New("this is the first screen")
)

// Options are what a phone needs. FlowJSON, PublicKey and Send are required.
type Options struct {
	// FlowJSON is the Flow as published.
	FlowJSON []byte
	// PublicKey is the business's key as the phone has it cached.
	PublicKey *rsa.PublicKey
	// RefreshKey fetches the current public key. It is called on a 421, after which the request is sent once more. Nil:
	// a 421 is final.
	RefreshKey func(ctx context.Context) (*rsa.PublicKey, error)
	// Send takes a sealed body to the endpoint and returns status and body of the answer; usually [Proxy.Forward].
	Send func(ctx context.Context, body []byte) (status int, reply []byte, err error)
	// FlowToken is the token of the message that was tapped.
	FlowToken string
	// FlowTokenSignature came with the message, see [Proxy.SignToken]. Sent only from Flow JSON 7.3 and data API 4.0 on;
	// empty: not sent.
	FlowTokenSignature string
	// Retry makes the phone tap "try again" once where the client offers it: after a timeout, a lost connection or an
	// unexpected status.
	Retry bool
}

// Phone is one WhatsApp client with one Flow message. It is not safe for concurrent use: one customer, one thumb.
type Phone struct {
	def  *definition
	opts Options
	key  *rsa.PublicKey
	// history are the screens behind each other; the last one is shown.
	history []*frame
	last    request

	sent      int // requests, for who wants to know whether an action made one
	status    int
	snackbar  string
	closed    bool
	closeText string
	params    object
	completed object
}

// frame is a screen with its data and what the customer entered. It is replaced, not changed, by an answer, so that a
// refused answer leaves no trace; only Set writes into form.
type frame struct {
	def  *screenDef
	data object
	form object
	// touched are the components that the customer set: an init-value no longer replaces them.
	touched map[string]bool
}

// NewPhone reads the Flow JSON. Nothing is sent before [Phone.Open].
func NewPhone(opts Options) (*Phone, error) {
	if opts.PublicKey == nil || opts.Send == nil {
		return nil, errors.New("new phone: PublicKey and Send are required")
	}
	def, err := readDefinition(opts.FlowJSON)
	if err != nil {
		return nil, err
	}
	return &Phone{def: def, opts: opts, key: opts.PublicKey}, nil
}

// Open taps the message: it sends INIT and shows the entry screen that comes back. A phone can be opened again, with
// the same token, at any time.
func (p *Phone) Open(ctx context.Context) error {
	p.history, p.snackbar = nil, ""
	p.closed, p.closeText, p.params, p.completed = false, "", nil, nil
	return p.exchange(ctx, actionInit, "", object{})
}

// Tap taps the Footer. Before anything is sent the phone checks the form as the client does: a [FormError] names the
// first visible component that is required and empty or filled wrongly.
func (p *Phone) Tap(ctx context.Context) error {
	if err := p.usable(); err != nil {
		return err
	}
	var footer *element
	for _, e := range p.shown() {
		if e.kind == "Footer" {
			footer = e
		} else if err := e.checkEntry(p.top().form[e.name]); err != nil {
			return err
		}
	}
	if footer == nil || !footer.enabled {
		return &FormError{Component: "Footer", Reason: "is not there or disabled"}
	}
	return p.act(ctx, asObject(footer.props["on-click-action"]))
}

// Back leaves the screen by the back button. Most screens go back locally to the screen behind, as it was; one that
// declares refresh_on_back asks the endpoint, which then decides what is shown.
func (p *Phone) Back(ctx context.Context) error {
	if err := p.usable(); err != nil {
		return err
	}
	if p.top().def.refreshOnBack {
		return p.exchange(ctx, actionBack, p.top().def.id, object{})
	}
	if len(p.history) < 2 {
		return ErrFirstScreen
	}
	p.history, p.snackbar = p.history[:len(p.history)-1], ""
	return nil
}

// Resend sends the last action again, the same bytes sealed anew, as the client's "try again" does. It may be used
// after any outcome: also after an answer arrived, which is what the endpoint sees when an answer was lost.
func (p *Phone) Resend(ctx context.Context) error {
	if p.last.plain == nil {
		return ErrNotOpen
	}
	return p.deliver(ctx, p.last)
}

// act performs an action of the Flow JSON.
func (p *Phone) act(ctx context.Context, action object) error {
	payload := object{}
	if resolved, ok := p.scope().resolve(action["payload"]); ok {
		payload = asObject(resolved)
	}
	switch asString(action["name"]) {
	case "data_exchange":
		return p.exchange(ctx, actionExchange, p.top().def.id, payload)
	case "navigate":
		return p.navigate(asString(asObject(action["next"])["name"]), payload)
	case "complete":
		p.completed = payload
		return nil
	case "update_data":
		return p.updateData(payload)
	}
	return complain(CodeComponents, "the flow json has an action that the phone does not know")
}

// navigate shows another screen without asking the endpoint; the payload is that screen's data.
func (p *Phone) navigate(id string, payload object) error {
	next := p.def.screens[id]
	if next == nil || !p.def.edge(p.top().def.id, id) {
		return complain(CodeTransition, "the flow json navigates over an edge that it does not declare")
	}
	if c := checkData(next, payload); c != nil {
		return c
	}
	return p.show(append(slices.Clone(p.history), newFrame(next, payload)), "")
}

// updateData changes data of the shown screen without asking the endpoint.
func (p *Phone) updateData(changes object) error {
	data := maps.Clone(p.top().data)
	maps.Copy(data, changes)
	changed := newFrame(p.top().def, data)
	changed.keepEntries(p.top())
	return p.show(append(slices.Clone(p.history[:len(p.history)-1]), changed), p.snackbar)
}

// show makes history the phone's state, unless what it would show is not valid.
func (p *Phone) show(history []*frame, snackbar string) error {
	if c := prepare(history); c != nil {
		return c
	}
	p.history, p.snackbar = history, snackbar
	return nil
}

func (p *Phone) usable() error {
	switch {
	case p.closed:
		return ErrClosed
	case p.params != nil || p.completed != nil:
		return ErrDone
	case len(p.history) == 0:
		return ErrNotOpen
	}
	return nil
}

func (p *Phone) top() *frame { return p.history[len(p.history)-1] }

func (p *Phone) scope() scope { return scopeOf(p.history) }

// Screen returns the id of the screen that is shown, "" before the first.
func (p *Phone) Screen() string {
	if len(p.history) == 0 {
		return ""
	}
	return p.top().def.id
}

// Terminal says whether the shown screen is one on which the Flow can end.
func (p *Phone) Terminal() bool { return len(p.history) > 0 && p.top().def.terminal }

// Data returns the data of the shown screen. It must not be changed.
func (p *Phone) Data() map[string]any {
	if len(p.history) == 0 {
		return nil
	}
	return p.top().data
}

// Snackbar returns the error_message of the last answer, "" if it had none.
func (p *Phone) Snackbar() string { return p.snackbar }

// Status returns the HTTP status of the last answer, 0 if there was none.
func (p *Phone) Status() int { return p.status }

// Done returns the parameters of SUCCESS and whether the endpoint ended the Flow.
func (p *Phone) Done() (params map[string]any, ok bool) { return p.params, p.params != nil }

// Completed returns the payload of a complete action and whether the Flow ended by one. The endpoint does not hear of
// it: WhatsApp sends the payload as a message.
func (p *Phone) Completed() (payload map[string]any, ok bool) { return p.completed, p.completed != nil }

// Closed returns the text that the endpoint gave with a 427 and whether it closed the Flow.
func (p *Phone) Closed() (text string, ok bool) { return p.closeText, p.closed }

// retryable says whether the client would offer "try again" after err.
func retryable(ctx context.Context, err error) bool {
	if err == nil || ctx.Err() != nil {
		return false
	}
	var status *StatusError
	if errors.As(err, &status) {
		return status.Status != http.StatusMisdirectedRequest
	}
	var sending *sendError
	return errors.As(err, &sending)
}
