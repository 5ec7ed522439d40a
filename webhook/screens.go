package webhook

import (
	"cmp"
	"context"
	"maps"
	"net/http"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/internal/desk"
	"slotd/internal/flow"
)

// Ids of our own making that can stand where the id of a slot does.
const (
	noneID     = "none"  // an option that says that there is nothing to choose
	pagePrefix = "page:" // an option that turns the page of a long list, before its number
)

// show answers with a screen and all that it declares.
func (c *conversation) show(ctx context.Context, t *turn, s *flow.Screen, outcome Outcome) answer {
	return c.screen(ctx, t, s, "", outcome)
}

// again answers with the screen that the request came from, fresh, and says why.
func (c *conversation) again(ctx context.Context, t *turn, text string, outcome Outcome) answer {
	return c.screen(ctx, t, t.screen, text, outcome)
}

func (c *conversation) screen(ctx context.Context, t *turn, s *flow.Screen, text string, outcome Outcome) answer {
	p := &page{c: c, t: t, screen: s, order: c.orders[s.ID]}
	values, err := p.values(ctx)
	if err != nil {
		c.cfg.Log.Error("filling a screen failed", "screen", s.ID, "error", err)
		if outcome = Failed; text == "" {
			text = textTrouble
		}
	}
	if text == "" || p.noticeOnly {
		text = cmp.Or(p.notice, text)
	}
	if text != "" {
		values.Texts[flow.ErrorText] = text
	}
	data := s.Fill(values)
	if text != "" && len(data) > 0 {
		data["error_message"] = text // a reserved key, shown even where the screen does not declare it
	}
	c.trail.answered(t.req.FlowToken, s.ID, t.choices, t.extras, c.cfg.Now())
	return answer{
		status: http.StatusOK, body: flow.Answer(t.req.Version, s.ID, data),
		action: actionName(t.req.Action), screen: s.ID, from: c.known(t.req.Screen), outcome: outcome, none: p.none,
	}
}

// page gathers the values of one screen. It computes only what the screen declares.
type page struct {
	c      *conversation
	t      *turn
	screen *flow.Screen
	order  order
	notice string // what the customer should know beside the data
	// noticeOnly: no other choice on the screen would help, so that the notice is all there is to say.
	noticeOnly bool
	// waiting: a list is empty because something above it was not chosen yet.
	waiting bool
	// none: no time at all can be chosen where one should be.
	none bool

	choice desk.Choice
	clocks clocks
	v      flow.Values
}

func (p *page) values(ctx context.Context) (flow.Values, error) {
	p.v = flow.Values{
		Lists: map[flow.Name][]flow.Option{}, Flags: map[flow.Name]bool{}, Texts: map[flow.Name]string{},
		Dates: map[flow.Name][]string{}, Echo: p.t.extras,
	}
	choice, err := p.c.resolve(p.screen, p.t.choices)
	if err != nil {
		choice = p.fitting()
	}
	p.choice, p.clocks = choice, p.c.clocks(p.t.visitor, choice)
	p.texts()
	if err = p.catalog(ctx); err == nil {
		err = p.times(ctx)
	}
	p.noEmptyLists()
	return p.v, err
}

// fitting returns as much of a choice as goes together: what was wrong is asked again.
func (p *page) fitting() desk.Choice {
	less := maps.Clone(p.t.choices)
	for _, wrong := range []flow.Name{flow.ChosenResource, flow.ChosenService, flow.ChosenDepartment} {
		delete(less, wrong)
		if choice, err := p.c.resolve(p.screen, less); err == nil {
			return choice
		}
	}
	choice, _ := p.c.desk.Resolve(desk.Choice{})
	return choice
}

// declares reports whether the screen wants a name.
func (p *page) declares(names ...flow.Name) bool {
	for i := range p.screen.Data {
		for _, n := range names {
			if p.screen.Data[i].Name == n {
				return true
			}
		}
	}
	return false
}

// limitOf is how many options the component that shows a list can hold.
func (p *page) limitOf(list flow.Name) int {
	for i := range p.screen.Data {
		if f := &p.screen.Data[i]; f.Name == list && f.Limit > 0 {
			return f.Limit
		}
	}
	return 20
}

// texts gives back what was chosen and names the business.
func (p *page) texts() {
	for name, value := range p.t.choices {
		p.v.Texts[name] = value
	}
	if p.t.choices[flow.CustomerName] == "" {
		p.v.Texts[flow.CustomerName] = p.t.visitor.Name
	}
	p.v.Texts[flow.Business] = p.c.cfg.Business
	p.v.Texts[flow.PhoneNumber] = p.c.cfg.Phone
	p.v.Texts[flow.Zone] = zoneName(p.clocks.zone, p.c.cfg.Now())
	p.v.Texts[flow.Summary] = p.summary()
	p.v.Texts[flow.Details] = p.details()
	p.v.Dates[flow.IncludeDays] = []string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}
}

// catalog lists departments, services and resources. What depends on a choice that the same screen still asks for stays
// empty until it is made.
func (p *page) catalog(ctx context.Context) error {
	d := p.c.desk
	for _, dep := range d.Departments() {
		p.add(flow.Departments, dep.ID, dep.Title)
	}
	if p.waitsFor(flow.Departments, flow.ChosenDepartment) {
		p.waiting = true
		return nil
	}
	services := d.Services(p.choice.Department)
	for _, s := range services {
		p.add(flow.Services, s.ID, s.Title)
	}
	p.v.Flags[flow.HasServices] = len(services) > 1
	if p.t.choices[flow.ChosenService] == "" || p.declares(flow.Services) {
		p.v.Texts[flow.ChosenService] = p.choice.Service // nobody is to confirm another service than was chosen
	}
	resources, err := p.resources(ctx)
	if len(resources) > 1 {
		p.add(flow.Resources, desk.Any, "Any – first available")
	}
	for _, r := range resources {
		p.add(flow.Resources, r.ID, r.Title)
	}
	return err
}

// resources returns those to choose from: where the day is known already, those with a slot on it.
func (p *page) resources(ctx context.Context) ([]booking.Resource, error) {
	all := p.c.desk.Resources(p.choice.Department, p.choice.Service)
	if !p.order.narrows {
		return all, nil
	}
	day, err := calendar.ParseDate(p.t.choices[flow.ChosenDate])
	if err != nil { // none was chosen
		p.waiting = p.order.whoLater
		if p.waiting {
			return nil, nil
		}
		return all, nil
	}
	free, err := p.c.desk.ResourcesOn(ctx, p.t.req.FlowToken, p.choice, day)
	if err == nil && len(free) == 0 {
		p.noticeOnly = true
		err = p.noTimes(ctx)
	}
	return free, err
}

// waitsFor reports whether the screen shows a list from which nothing was chosen yet although there is a choice.
func (p *page) waitsFor(list, chosen flow.Name) bool {
	return p.t.choices[chosen] == "" && p.declares(list) && len(p.v.Lists[list]) > 1
}

func (p *page) add(list flow.Name, id, title string) {
	p.v.Lists[list] = append(p.v.Lists[list], flow.Option{ID: id, Title: title, Enabled: true})
}

// flags are the flags that say whether a list has something to choose from.
var flags = map[flow.Name]flow.Name{
	flow.Departments: flow.HasDepartments, flow.Services: flow.HasServices, flow.Resources: flow.HasResources,
	flow.Dates: flow.HasDates, flow.Parts: flow.HasParts, flow.Slots: flow.HasSlots,
}

// noEmptyLists gives an empty list that the screen shows all the same an option that says why it is empty: the phone
// would refuse a list without any, also one that is disabled. That option cannot be chosen.
func (p *page) noEmptyLists() {
	title := "None available"
	if p.waiting {
		title = "Choose above first"
	}
	for i := range p.screen.Data {
		f := &p.screen.Data[i]
		flag, isList := flags[f.Name]
		if !isList || len(p.v.Lists[f.Name]) > 0 {
			continue
		}
		if shown, needed := alwaysShown(p.screen, f.Key); shown {
			p.v.Flags[flag] = needed
			p.v.Lists[f.Name] = []flow.Option{{ID: noneID, Title: title}}
		}
	}
}

// alwaysShown reports whether a component that shows a list cannot be hidden, and whether it is then better kept
// required: where a flag only enables it, nobody is to go on without a choice because there is none.
func alwaysShown(s *flow.Screen, key string) (shown, needed bool) {
	for _, c := range s.Components {
		_, hides := c.Props["visible"].(string)
		if c.Source != key || hides {
			continue
		}
		_, enables := c.Props["enabled"].(string)
		_, requires := c.Props["required"].(string)
		shown, needed = true, needed || enables || requires
	}
	return shown, needed
}
