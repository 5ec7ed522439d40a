package webhook

import (
	"context"
	"errors"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/internal/desk"
	"slotd/internal/flow"
)

// check resolves the ids of a payload. The text says what is wrong; empty: nothing.
func (c *conversation) check(t *turn) string {
	_, err := c.resolve(t.screen, t.choices)
	var unknown *desk.UnknownError
	if errors.As(err, &unknown) {
		return "Sorry, this " + noun(unknown.What) + " can't be booked. Please choose again."
	}
	if date, ok := t.choices[flow.ChosenDate]; ok {
		if _, err := calendar.ParseDate(date); err != nil {
			return textBadDate
		}
	}
	return ""
}

// checkTimes asks whether the day still has a slot and the slot is still free.
func (c *conversation) checkTimes(ctx context.Context, t *turn) (string, Outcome) {
	choice, _ := c.resolve(t.screen, t.choices)
	if id, ok := t.choices[flow.ChosenSlot]; ok {
		start, text := c.start(t, id)
		if text != "" {
			return text, Refused
		}
		return c.choose(ctx, t, choice, start)
	}
	if date, ok := t.choices[flow.ChosenDate]; ok {
		day, err := calendar.ParseDate(date)
		if err != nil {
			return textBadDate, Refused
		}
		starts, err := c.desk.Slots(ctx, t.req.FlowToken, choice, day)
		switch {
		case err != nil:
			return textTrouble, Failed
		case len(starts) == 0 && c.orders[t.screen.ID].narrows && choice.Resource != desk.Any:
			return textNotThatDay, DayFull
		case len(starts) == 0:
			return textNoTimes, DayFull
		}
	}
	return "", ""
}

// choose asks whether a slot is free, and holds it where there is a later screen. A hold is a courtesy: what keeps the store
// from writing it down does not keep the customer from going on, and the confirm decides.
func (c *conversation) choose(ctx context.Context, t *turn, choice desk.Choice, start int64) (string, Outcome) {
	if len(t.screen.Next) > 0 {
		var lost *desk.LostError
		var bad *desk.TokenError
		var refused *desk.CustomerError
		err := c.desk.Hold(ctx, t.req.FlowToken, choice, start)
		switch {
		case err == nil, errors.As(err, &bad): // booked by another device just now: the next request is told
			return "", ""
		case errors.As(err, &lost):
			t.lost = start
			return lostText(lost.Reason), lostOutcome(lost.Reason)
		case errors.As(err, &refused):
			return c.customerText(t, refused), customerOutcome(refused)
		}
		c.cfg.Log.Warn("holding a slot failed", "screen", t.screen.ID, "error", err)
	}
	reason, err := c.desk.Check(ctx, t.req.FlowToken, choice, start)
	switch {
	case err != nil:
		return textTrouble, Failed
	case reason == booking.Free:
		return "", ""
	}
	t.lost = start
	return lostText(reason), lostOutcome(reason)
}

// start reads a slot id. A slot must lie on the date that came with it: both were shown together.
func (c *conversation) start(t *turn, id string) (int64, string) {
	start, err := desk.Start(id)
	if err != nil {
		return 0, textNotOffered
	}
	if date, ok := t.choices[flow.ChosenDate]; ok {
		if day, err := calendar.ParseDate(date); err != nil || calendar.DateOf(start, t.visitor.Zone) != day {
			return 0, textNotOffered
		}
	}
	return start, ""
}

// wanted returns the slot that a confirm means.
func (c *conversation) wanted(t *turn) (int64, string) {
	if _, ok := t.choices[flow.Alternative]; ok {
		return 0, textNotOffered // one that is no time, see instead
	}
	id, ok := t.choices[flow.ChosenSlot]
	if !ok || id == noneID {
		return 0, textNoSlot
	}
	return c.start(t, id)
}

// instead makes an alternative that was picked the slot that is meant from here on. Should it not be booked now, the screen
// must not name one time and send another.
func (c *conversation) instead(t *turn) {
	start, err := desk.Start(t.choices[flow.Alternative])
	if err != nil {
		return
	}
	delete(t.choices, flow.Alternative)
	t.choices[flow.ChosenSlot] = desk.SlotID(start)
	if _, ok := t.choices[flow.ChosenDate]; ok {
		t.choices[flow.ChosenDate] = calendar.DateOf(start, t.visitor.Zone).String()
	}
}

// resolve checks and completes what was chosen, as it concerns a screen. Where the Flow only asks later whom to see, that is
// everybody, whatever is taken where a Flow does not ask.
func (c *conversation) resolve(s *flow.Screen, choices map[flow.Name]string) (desk.Choice, error) {
	choice := choiceOf(choices)
	if choice.Resource == "" && c.orders[s.ID].whoLater {
		choice.Resource = desk.Any
	}
	return c.desk.Resolve(choice)
}

// choiceOf picks the ids of a desk.Choice from a payload.
func choiceOf(choices map[flow.Name]string) desk.Choice {
	return desk.Choice{
		Department: choices[flow.ChosenDepartment], Service: choices[flow.ChosenService],
		Resource: choices[flow.ChosenResource],
	}
}
