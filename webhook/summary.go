package webhook

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/internal/desk"
	"slotd/internal/flow"
)

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
