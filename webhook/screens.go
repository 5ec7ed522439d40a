package webhook

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

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

// times fills days, parts and slots.
func (p *page) times(ctx context.Context) error {
	who := p.waitsFor(flow.Resources, flow.ChosenResource)
	if p.waitsFor(flow.Departments, flow.ChosenDepartment) || who && !p.order.whoLater {
		p.waiting = true
		return nil
	}
	if p.declares(flow.Dates, flow.MinDate, flow.MaxDate, flow.UnavailableDates) {
		if err := p.days(ctx); err != nil {
			return err
		}
	}
	p.waiting = p.waiting || who
	if !p.declares(flow.Slots) || p.waiting {
		return nil
	}
	if asksAlternative(p.screen) {
		return p.alternatives(ctx)
	}
	return p.slots(ctx)
}

func (p *page) days(ctx context.Context) error {
	choice := p.choice
	if p.order.whoLater {
		choice.Resource = desk.Any
	}
	days, err := p.c.desk.Days(ctx, p.t.req.FlowToken, choice)
	if err != nil {
		return err
	}
	first, last := p.c.desk.Horizon(p.clocks.zone)
	if len(days) > 0 {
		first, last = days[0], days[len(days)-1]
	} else {
		p.neverFree()
	}
	p.v.Texts[flow.MinDate], p.v.Texts[flow.MaxDate] = first.String(), last.String()
	i := 0
	for d := first; !last.Before(d); d = d.AddDays(1) {
		if i < len(days) && days[i] == d {
			p.add(flow.Dates, d.String(), booking.DayLabel(d))
			i++
			continue
		}
		p.v.Dates[flow.UnavailableDates] = append(p.v.Dates[flow.UnavailableDates], d.String())
	}
	return nil
}

// slots lists the times of the chosen day; without one, those of the first day that has any, unless a list of days is
// on the same screen.
func (p *page) slots(ctx context.Context) error {
	date, chosen := p.t.choices[flow.ChosenDate]
	day, err := calendar.ParseDate(date)
	if !chosen || err != nil {
		if p.declares(flow.Dates) {
			p.waiting = true
			return nil
		}
		days, err := p.c.desk.Days(ctx, p.t.req.FlowToken, p.choice)
		if err != nil {
			return err
		}
		if len(days) == 0 {
			p.neverFree()
			return nil
		}
		day = days[0]
	}
	starts, err := p.c.desk.Slots(ctx, p.t.req.FlowToken, p.choice, day)
	if err != nil {
		return err
	}
	label := p.clocks.time
	if !chosen {
		label = p.clocks.dayAndTime
	}
	p.list(starts, label)
	if len(starts) == 0 && chosen {
		return p.noTimes(ctx)
	}
	return nil
}

// noTimes says that the chosen day has no times (any more), or that no day has.
func (p *page) noTimes(ctx context.Context) error {
	p.notice, p.none = textNoTimes, true
	choice := p.choice
	if p.order.dayFirst {
		others := !p.order.asksWho || len(p.v.Lists[flow.Resources]) > 0 // who may, or does, have times on it
		if choice.Resource != desk.Any && others {
			p.notice = textNotThatDay
		}
		choice.Resource = desk.Any // whoever can be chosen instead
	}
	days, err := p.c.desk.Days(ctx, p.t.req.FlowToken, choice)
	if err == nil && len(days) == 0 {
		p.neverFree()
	}
	return err
}

// neverFree says that no day has times.
func (p *page) neverFree() { p.notice, p.none, p.noticeOnly = p.c.noDays(), true, true }

// list shows start times, by part of the day or page by page where they are more than fit.
func (p *page) list(starts []int64, label func(int64) string) {
	limit := p.limitOf(flow.Slots)
	if p.declares(flow.Parts) {
		starts = p.parts(booking.Parts(starts, p.clocks.zone, limit))
	} else if len(starts) > limit {
		p.pages(starts, limit, label)
		return
	}
	for _, s := range starts {
		p.add(flow.Slots, desk.SlotID(s), label(s))
	}
}

// parts offers the parts of the day and returns the start times of the chosen one, the first if none is.
func (p *page) parts(parts []booking.Part) []int64 {
	if len(parts) == 0 {
		return nil
	}
	chosen := parts[0]
	for _, part := range parts {
		p.add(flow.Parts, part.ID, part.Title)
		if part.ID == p.t.choices[flow.ChosenPart] {
			chosen = part
		}
	}
	p.v.Flags[flow.HasParts] = len(parts) > 1
	p.v.Texts[flow.ChosenPart] = chosen.ID
	return chosen.Starts
}

// pages shows one page of a long list with options that turn it, for Flows that know no parts of the day.
func (p *page) pages(starts []int64, limit int, label func(int64) string) {
	size := limit - 2
	last := (len(starts) - 1) / size
	n := p.t.page
	if n < 0 || n > last {
		n = 0
	}
	if n > 0 {
		p.add(flow.Slots, pagePrefix+strconv.Itoa(n-1), "Earlier times …")
	}
	for _, s := range starts[n*size : min((n+1)*size, len(starts))] {
		p.add(flow.Slots, desk.SlotID(s), label(s))
	}
	if n < last {
		p.add(flow.Slots, pagePrefix+strconv.Itoa(n+1), "Later times …")
	}
}

// alternatives lists the nearest free times around a lost slot; before a loss there is nothing to list.
func (p *page) alternatives(ctx context.Context) error {
	p.v.Texts[flow.Alternative] = ""
	if p.t.lost == 0 {
		return nil
	}
	starts, err := p.c.desk.Alternatives(ctx, p.t.req.FlowToken, p.choice, p.t.lost, min(p.limitOf(flow.Slots), 10))
	if err != nil {
		return err
	}
	for _, s := range starts {
		p.add(flow.Slots, desk.SlotID(s), p.clocks.dayAndTime(s))
	}
	if len(starts) == 0 {
		p.notice, p.noticeOnly, p.none = p.c.noOther(), true, true
	}
	return nil
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

// summary says in a line what was chosen so far.
func (p *page) summary() string {
	var parts []string
	d := p.c.desk
	if s := d.Service(p.t.choices[flow.ChosenService]); s != nil {
		parts = append(parts, s.Title)
	}
	switch r := d.Resource(p.t.choices[flow.ChosenResource]); {
	case r != nil:
		parts = append(parts, r.Title)
	case p.t.choices[flow.ChosenResource] == desk.Any:
		if dep := d.Department(p.t.choices[flow.ChosenDepartment]); dep != nil {
			parts = append(parts, dep.Title)
		}
	}
	if when := p.when(); when != "" {
		parts = append(parts, when)
	}
	if len(parts) == 0 {
		parts = []string{p.c.cfg.Business}
	}
	return inHeading(parts)
}

// when names the time that was chosen, or the day. What was just lost is not named: nobody is to read it as theirs.
func (p *page) when() string {
	lost := p.t.lost != 0
	if start, err := desk.Start(p.t.choices[flow.ChosenSlot]); err == nil && !lost {
		return p.clocks.inSummary(start)
	}
	day, err := calendar.ParseDate(p.t.choices[flow.ChosenDate])
	if err != nil || lost && asksAlternative(p.screen) { // its other times may be on other days
		return ""
	}
	return booking.DayLabel(day)
}

// details repeats what the customer wrote, each on a line of its own. A component that shows it may not be blank.
func (p *page) details() string {
	var lines []string
	for _, n := range []flow.Name{flow.CustomerName, flow.CustomerPhone, flow.CustomerEmail, flow.Notes} {
		if text := clean(p.t.choices[n], 600); text != "" {
			lines = append(lines, text)
		}
	}
	if len(lines) == 0 {
		return "–"
	}
	return strings.Join(lines, "\n")
}

// summary names a booking to its customer.
func (c *conversation) summary(b *booking.Booking, v desk.Visitor) string {
	var parts []string
	if s := c.desk.Service(b.Service); s != nil {
		parts = append(parts, s.Title)
	}
	for _, id := range shown(b) {
		// Of what the service needs beside, only those are named that customers know from their own choices: not that a
		// certain room or device was taken, which may still change.
		if r := c.desk.Resource(id); r != nil && (id == b.Resource || len(r.Services) > 0) {
			parts = append(parts, r.Title)
		}
	}
	parts = append(parts, c.clocksOf(v, b).inSummary(b.Start))
	return strings.Join(parts, " · ")
}

// shown returns the resources of a booking, the chosen one first; of one that was cancelled only that.
func shown(b *booking.Booking) []string {
	out := []string{b.Resource}
	for _, id := range b.Active() {
		if !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

// success makes the parameters that end the Flow, which the chat gets too: the reference and what was booked, in the clock of
// the customer. Its zone is named where others see another time.
func (c *conversation) success(b *booking.Booking, v desk.Visitor) []byte {
	start := time.Unix(b.Start, 0).In(v.Zone)
	params := map[string]string{
		"reference": b.Reference, "booking": b.ID, "summary": c.summary(b, v), "service": b.Service,
		"start": start.Format(time.RFC3339), "date": start.Format(time.DateOnly), "time": start.Format("15:04"),
	}
	if c.clocksOf(v, b).differ(b.Start) {
		params["zone"] = v.Zone.String()
	}
	if b.Department != "" {
		params["department"] = b.Department
	}
	if b.Resource != "" {
		params["resource"] = b.Resource
	}
	out, err := json.Marshal(params)
	if err != nil {
		return []byte(fmt.Sprintf(`{"reference":%q}`, b.Reference))
	}
	return out
}
