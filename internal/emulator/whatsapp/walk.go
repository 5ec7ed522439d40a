package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Plan says what the customer wants and how to go on when that is not to be had. The zero Plan books the first thing
// that is offered. Preferences match an option by id, by title, or by a part of the title, in that order.
type Plan struct {
	Department, Service, Resource string
	// Date is YYYY-MM-DD. Where it is not offered, or has no time left, the next day that can be picked is taken.
	Date string
	// Slot is an id or title such as "14:30".
	Slot string
	// Name, Phone, Email and Notes are typed where asked for; empty ones get an example where an entry is required.
	Name, Phone, Email, Notes string
	// Pick, if set, is asked before the preferences for every list; ok false leaves the choice to them.
	Pick func(Input) (optionID string, ok bool)
	// Strict ends the walk where a preference is not offered: Lost for Slot, Stuck for the others. Otherwise the first
	// enabled option is taken.
	Strict bool
	// TakeAlternative goes on with the first alternative when a slot is lost, up to five times.
	TakeAlternative bool
	// Today is the first day tried on a picker without min-date. Zero: now.
	Today time.Time
	// MaxSteps bounds the requests of the walk; 0 means 60.
	MaxSteps int
	// Step, if set, is called after each request.
	Step func(Step)
}

// Choice is an option or date that the walk entered. Typed texts are not recorded.
type Choice struct {
	Component, ID, Title string
}

// Step is one request of a walk and its outcome.
type Step struct {
	// Screen is where it was made ("" for the first), Shown the screen afterwards, or SUCCESS.
	Screen, Shown string
	// Action is open, select, tap or back.
	Action string
	// Chosen is what was entered since the step before.
	Chosen []Choice
	// Status is the HTTP status of the answer, 0 if there was none.
	Status int
	// Message is the error_message of the answer.
	Message  string
	Duration time.Duration
	Err      error
}

// Outcome is how a walk ended.
type Outcome string

const (
	// Success means that the endpoint answered SUCCESS, or the Flow completed on the phone.
	Success Outcome = "success"
	// Lost means that the slot was taken meanwhile, or, with Strict, the wanted slot is not offered.
	Lost Outcome = "lost"
	// Closed means that the endpoint closed the Flow with 427.
	Closed Outcome = "closed"
	// Stuck means that the Flow offers no way on that the walk can see; Message says why.
	Stuck Outcome = "stuck"

	browsed Outcome = "browsed"
)

// Result is the end of a walk.
type Result struct {
	Outcome Outcome
	// Params are those of SUCCESS, or the payload of a complete action.
	Params map[string]any
	// Alternatives are the times offered in place of a lost slot.
	Alternatives []Option
	// Message is what the phone showed last, or why the walk is stuck.
	Message string
	Steps   []Step
}

const (
	defaultSteps = 60
	mostLost     = 5
	mostEntries  = 100 // entries without a request in between: more is a loop
)

// Walk opens the Flow on the phone and drives it to its end, filling what each screen asks for. The error is that of
// the phone: a *[Complaint], a *[StatusError], or that no answer arrived; the result then holds the steps up to it.
func Walk(ctx context.Context, phone *Phone, plan Plan) (Result, error) {
	return newWalker(phone, plan).run(ctx)
}

type walker struct {
	phone    *Phone
	plan     Plan
	browse   bool // end before anything is reserved
	chosen   []Choice
	entered  map[string]bool // components filled since the screen came
	parts    map[string]bool // parts of the day tried, by date and id
	excluded map[string]bool // dates without a free time
	date     string
	lost     int
	repeats  int
	result   Result
}

func newWalker(phone *Phone, plan Plan) *walker {
	if plan.MaxSteps == 0 {
		plan.MaxSteps = defaultSteps
	}
	if plan.Today.IsZero() {
		plan.Today = time.Now()
	}
	return &walker{phone: phone, plan: plan, entered: map[string]bool{}, parts: map[string]bool{},
		excluded: map[string]bool{}}
}

func (w *walker) run(ctx context.Context) (Result, error) {
	err := w.do(ctx, "open", w.phone.Open)
	for err == nil && w.result.Outcome == "" {
		if len(w.result.Steps) >= w.plan.MaxSteps {
			w.end(Stuck, "the flow does not end")
			break
		}
		if err = w.fill(ctx); err == nil && w.result.Outcome == "" {
			err = w.onward(ctx)
		}
	}
	var refused *FormError
	switch {
	case errors.Is(err, ErrClosed):
		text, _ := w.phone.Closed()
		w.end(Closed, text)
		err = nil
	case errors.As(err, &refused):
		w.end(Stuck, refused.Error())
		err = nil
	}
	return w.result, err
}

func (w *walker) end(outcome Outcome, message string) {
	w.result.Outcome, w.result.Message = outcome, message
}

// do performs an action of the phone; if it sent a request, that is a step.
func (w *walker) do(ctx context.Context, action string, perform func(context.Context) error) error {
	screen, sent, start := w.phone.Screen(), w.phone.sent, time.Now()
	err := perform(ctx)
	w.noteEnd()
	if screen != w.phone.Screen() {
		w.entered, w.repeats = map[string]bool{}, 0
	}
	if w.phone.sent == sent {
		return err
	}
	step := Step{Screen: screen, Shown: w.phone.Screen(), Action: action, Chosen: w.chosen, Status: w.phone.Status(),
		Message: w.phone.Snackbar(), Duration: time.Since(start), Err: err}
	if _, done := w.phone.Done(); done {
		step.Shown = success
	}
	w.chosen = nil
	w.result.Steps = append(w.result.Steps, step)
	if w.plan.Step != nil {
		w.plan.Step(step)
	}
	return err
}

func (w *walker) noteEnd() {
	if params, ok := w.phone.Done(); ok {
		w.result.Params = params
		w.end(Success, "")
	}
	if payload, ok := w.phone.Completed(); ok {
		w.result.Params = payload
		w.end(Success, "")
	}
}

// fill enters what the screen asks for, one component after the other; each entry may change the screen.
func (w *walker) fill(ctx context.Context) error {
	for range mostEntries {
		if w.result.Outcome != "" || len(w.result.Steps) >= w.plan.MaxSteps {
			return nil
		}
		in, value, ok := w.next()
		if !ok {
			return nil
		}
		w.note(in, value)
		screen := w.phone.Screen()
		err := w.do(ctx, "select", func(ctx context.Context) error { return w.phone.Set(ctx, in.Name, value) })
		if err != nil {
			return err
		}
		if screen == w.phone.Screen() {
			w.entered[in.Name] = true
		}
	}
	w.end(Stuck, "the screen asks for the same again and again")
	return nil
}

// note remembers a choice for the step that will send it.
func (w *walker) note(in Input, value any) {
	if in.Type == "TextInput" || in.Type == "TextArea" {
		return
	}
	choice := Choice{Component: in.Name, ID: fmt.Sprint(value)}
	for _, o := range in.Options {
		if o.ID == value {
			choice.Title = o.Title
		}
	}
	w.chosen = append(w.chosen, choice)
	if meaningOf(in) == meansDate {
		w.date = choice.ID
	}
}

// onward taps the Footer of a filled screen and looks at what came of it. A screen without any time to choose, reached
// over a day, is left backwards to try another day.
func (w *walker) onward(ctx context.Context) error {
	offer := w.offer()
	if w.browse && (w.phone.Terminal() || offer.chosen) {
		w.end(browsed, "")
		return nil
	}
	if offer.hidden && offer.asks {
		w.excludeDate() // the endpoint was asked about this day and had nothing
		return nil
	}
	if offer.hidden && !offer.date && !w.phone.Terminal() && w.date != "" {
		w.excludeDate()
		return w.do(ctx, "back", w.phone.Back)
	}
	screen := w.phone.Screen()
	if err := w.do(ctx, "tap", w.phone.Tap); err != nil {
		return err
	}
	if w.result.Outcome == "" && w.phone.Screen() == screen {
		w.again(offer)
	}
	return nil
}

// again judges a tap that was answered with the same screen. before is what was offered when it was tapped.
func (w *walker) again(before offer) {
	message, now := w.phone.Snackbar(), w.offer()
	w.entered = map[string]bool{}
	w.repeats++
	confirming := w.phone.Terminal() && !before.date
	switch {
	case message != "" && (before.chosen || confirming && len(now.times) > 0):
		w.slotLost(message, now.times)
	case before.date && !before.chosen && len(now.times) > 0:
		// The tap brought the times of the chosen day.
	case before.date && !before.chosen:
		w.excludeDate()
	case w.repeats > 2:
		w.end(Stuck, message)
	}
}

func (w *walker) slotLost(message string, times []Option) {
	w.lost++
	w.plan.Slot = "" // it is gone: what is offered now is an alternative
	if w.plan.TakeAlternative && w.lost <= mostLost && len(times) > 0 {
		return
	}
	w.result.Alternatives = times
	w.end(Lost, message)
}

// excludeDate makes the next fill take another day.
func (w *walker) excludeDate() {
	if w.date == "" || w.excluded[w.date] {
		w.end(Stuck, "no other day can be picked")
		return
	}
	w.excluded[w.date] = true
	w.entered = map[string]bool{}
}

// offer is what the shown screen has to do with dates and times.
type offer struct {
	date   bool // a date can be entered
	asks   bool // entering a date asks the endpoint
	chosen bool // a time is chosen
	hidden bool // the screen knows times but offers none
	times  []Option
}

func (w *walker) offer() offer {
	var o offer
	for _, in := range w.phone.Inputs() {
		switch meaningOf(in) {
		case meansDate:
			o.date = true
			o.asks = o.asks || in.Value != nil && len(w.phone.find(in.Name).selectActions(in.Value)) > 0
		case meansSlot:
			if in.Enabled {
				o.times = append(o.times, enabled(in.Options)...)
			}
			o.chosen = o.chosen || in.Value != nil
		}
	}
	o.hidden = len(o.times) == 0 && w.phone.knowsTimes()
	return o
}

// knowsTimes says whether the screen has a list of times, shown or hidden.
func (p *Phone) knowsTimes() bool {
	if len(p.history) == 0 {
		return false
	}
	elements, _ := p.top().elements(p.scope())
	for _, e := range elements {
		if e.isSelect() && meaningOf(Input{Name: e.name, List: e.listKey(), Type: e.kind}) == meansSlot {
			return true
		}
	}
	return false
}
