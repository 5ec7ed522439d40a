package webhook

import (
	"context"
	"strconv"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/internal/desk"
	"slotd/internal/flow"
)

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
