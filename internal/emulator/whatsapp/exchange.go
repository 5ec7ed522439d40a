package whatsapp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"slotd/internal/flow"
)

const (
	actionInit     = "INIT"
	actionExchange = "data_exchange"
	actionBack     = "BACK"
	actionPing     = "ping"

	// statusTokenInvalid closes the Flow: the message's button goes dead.
	statusTokenInvalid = 427
)

// message is the plain text of a request.
type message struct {
	Version            string `json:"version"`
	Action             string `json:"action"`
	Screen             string `json:"screen"`
	Data               object `json:"data"`
	FlowToken          string `json:"flow_token"`
	FlowTokenSignature string `json:"flow_token_signature,omitempty"`
}

// request is an action as it was sent, and where the phone stood then: what a retry needs.
type request struct {
	action  string
	screen  string
	plain   []byte
	history []*frame
}

// StatusError is an answer whose status carries no screen. The client shows a generic error.
type StatusError struct {
	// Status is the HTTP status; 504 stands for a timeout, 421 for a key that did not fit, also after a refresh.
	Status int
}

func (e *StatusError) Error() string { return fmt.Sprintf("the endpoint answered %d", e.Status) }

// sendError marks that no answer arrived at all.
type sendError struct{ err error }

func (e *sendError) Error() string { return "no answer from the endpoint: " + e.err.Error() }
func (e *sendError) Unwrap() error { return e.err }

// exchange sends an action and shows the answer.
func (p *Phone) exchange(ctx context.Context, action, screen string, data object) error {
	plain, err := p.compose(action, screen, data)
	if err != nil {
		return err
	}
	p.last = request{action: action, screen: screen, plain: plain, history: slices.Clone(p.history)}
	err = p.deliver(ctx, p.last)
	if p.opts.Retry && retryable(ctx, err) {
		return p.deliver(ctx, p.last)
	}
	return err
}

func (p *Phone) compose(action, screen string, data object) ([]byte, error) {
	m := message{Version: p.def.dataAPI, Action: action, Screen: screen, Data: data, FlowToken: p.opts.FlowToken}
	if p.def.signsTokens() {
		m.FlowTokenSignature = p.opts.FlowTokenSignature
	}
	plain, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("compose the request: %w", err)
	}
	return plain, nil
}

// deliver sends req and takes in the answer. A refused answer is reported to the endpoint before it is returned.
func (p *Phone) deliver(ctx context.Context, req request) error {
	p.closed, p.closeText = false, ""
	status, reply, session, err := p.post(ctx, req.plain)
	p.status = status
	if err != nil {
		return err
	}
	var c *Complaint
	switch status {
	case http.StatusOK:
		c = p.takeIn(req, reply, session)
	case statusTokenInvalid:
		c = p.close(reply, session)
	default:
		return &StatusError{Status: status}
	}
	if c != nil {
		c.Acknowledged = p.notify(ctx, req, c)
		return c
	}
	if status == statusTokenInvalid {
		return ErrClosed
	}
	return nil
}

// post seals plain and sends it. On a 421 it fetches the public key anew and sends once more.
func (p *Phone) post(ctx context.Context, plain []byte) (int, []byte, *flow.ClientSession, error) {
	status, reply, session, err := p.seal(ctx, plain)
	if err != nil || status != http.StatusMisdirectedRequest || p.opts.RefreshKey == nil {
		return status, reply, session, err
	}
	key, err := p.opts.RefreshKey(ctx)
	if err != nil {
		return status, nil, nil, fmt.Errorf("refresh the public key: %w", err)
	}
	if key == nil {
		return status, nil, nil, errors.New("refresh the public key: there is none")
	}
	p.key = key
	return p.seal(ctx, plain)
}

func (p *Phone) seal(ctx context.Context, plain []byte) (int, []byte, *flow.ClientSession, error) {
	body, session, err := flow.SealRequest(p.key, plain)
	if err != nil {
		return 0, nil, nil, fmt.Errorf("seal the request: %w", err)
	}
	p.sent++
	status, reply, err := p.opts.Send(ctx, body)
	if err != nil {
		return 0, nil, nil, &sendError{err: err}
	}
	return status, reply, session, nil
}

// takeIn checks an answer and makes it the phone's state, or changes nothing and says what is wrong with it.
func (p *Phone) takeIn(req request, reply []byte, session *flow.ClientSession) *Complaint {
	plain, err := session.Open(reply)
	if err != nil {
		return complain(CodeDecryption, "the answer cannot be decrypted")
	}
	return p.accept(req, plain)
}

// accept is takeIn after the decryption.
func (p *Phone) accept(req request, plain []byte) *Complaint {
	answer, c := readAnswer(plain, p.opts.FlowToken)
	if c != nil {
		return c
	}
	if answer.screen == success {
		if req.action == actionInit {
			return complain(CodeTransition, "INIT must be answered with a screen")
		}
		p.params, p.history, p.snackbar = answer.params, req.history, ""
		return nil
	}
	return p.turnTo(req, answer)
}

// turnTo shows the screen of an answer.
func (p *Phone) turnTo(req request, answer answer) *Complaint {
	next := p.def.screens[answer.screen]
	if next == nil {
		return complain(CodeTransition, "the answered screen is not in the flow json")
	}
	if c := p.def.checkTransition(req.action, req.screen, next.id); c != nil {
		return c
	}
	if c := checkData(next, answer.data); c != nil {
		return c
	}
	history := p.def.advance(req, newFrame(next, answer.data))
	if c := prepare(history); c != nil {
		return c
	}
	p.history, p.snackbar, p.params = history, asString(answer.data["error_message"]), nil
	return nil
}

// advance returns the history after a legal answer: the same screen is refreshed in place, an earlier one is returned
// to, any other is put on top. What the customer had entered on a screen that is shown again stays.
func (d *definition) advance(req request, next *frame) []*frame {
	history := slices.Clone(req.history)
	for i := len(history) - 1; i >= 0; i-- {
		if history[i].def == next.def {
			next.keepEntries(history[i])
			return append(history[:i:i], next)
		}
	}
	stepsBack := d.routing != nil && req.screen != "" && d.edge(next.def.id, req.screen)
	if stepsBack && len(history) > 0 {
		history = history[:len(history)-1]
	}
	return append(history, next)
}

// close ends the Flow after a 427. Its body is either empty or a sealed {"error_msg": …}.
func (p *Phone) close(reply []byte, session *flow.ClientSession) *Complaint {
	p.closed, p.closeText = true, ""
	if len(reply) == 0 {
		return nil
	}
	plain, err := session.Open(reply)
	if err != nil {
		return complain(CodeDecryption, "the text of the 427 cannot be decrypted")
	}
	var body struct {
		Text string `json:"error_msg"`
	}
	if err := json.Unmarshal(plain, &body); err != nil {
		return complain(CodeInvalid, "the text of the 427 is not an object with error_msg")
	}
	p.closeText = body.Text
	return nil
}

// notify reports a refused answer to the endpoint and returns whether that was acknowledged.
func (p *Phone) notify(ctx context.Context, req request, c *Complaint) bool {
	action := req.action
	if action == actionBack { // reports come as INIT or data_exchange only
		action = actionExchange
	}
	plain, err := p.compose(action, req.screen, object{"error": c.Code, "error_message": c.Message})
	if err != nil {
		return false
	}
	var answer struct {
		Data struct {
			Acknowledged bool `json:"acknowledged"`
		} `json:"data"`
	}
	return p.ask(ctx, plain, &answer) == nil && answer.Data.Acknowledged
}

// Ping sends the health check and returns an error unless the answer is the required one.
func (p *Phone) Ping(ctx context.Context) error {
	plain, err := json.Marshal(map[string]string{"version": p.def.dataAPI, "action": actionPing})
	if err != nil {
		return fmt.Errorf("compose the ping: %w", err)
	}
	var answer struct {
		Data struct {
			Status string `json:"status"`
		} `json:"data"`
	}
	if err := p.ask(ctx, plain, &answer); err != nil {
		return err
	}
	if answer.Data.Status != "active" {
		return complain(CodeInvalid, `the answer to a ping must be {"data":{"status":"active"}}`)
	}
	return nil
}

// ask sends a request that leads to no screen and reads its answer.
func (p *Phone) ask(ctx context.Context, plain []byte, into any) error {
	status, reply, session, err := p.post(ctx, plain)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return &StatusError{Status: status}
	}
	opened, err := session.Open(reply)
	if err != nil {
		return complain(CodeDecryption, "the answer cannot be decrypted")
	}
	if err := json.Unmarshal(opened, into); err != nil {
		return complain(CodeInvalid, "the answer is not the JSON object that was expected")
	}
	return nil
}
