package webhook

import (
	"context"
	"errors"
	"fmt"

	"slotd/internal/desk"
)

// may asks early whether the customer may book anything of what was chosen so far. The text says why not; empty: they may,
// as far as can be told now. Trouble with the question keeps nobody: the confirm decides.
func (c *conversation) may(ctx context.Context, t *turn) (string, Outcome) {
	err := c.desk.May(ctx, t.req.FlowToken, choiceOf(t.choices))
	var refused *desk.CustomerError
	switch {
	case err == nil:
		return "", ""
	case errors.As(err, &refused):
		return c.customerText(t, refused), customerOutcome(refused)
	}
	c.cfg.Log.Warn("asking whether the customer may book failed", "screen", t.screen.ID, "error", err)
	return "", ""
}

// customerText says to a customer that they cannot book. Who is blocked is not told so, and of an appointment learns only
// whose token it is.
func (c *conversation) customerText(t *turn, refused *desk.CustomerError) string {
	b := refused.Booking
	if b == nil {
		return c.orCall("Sorry, we can't take this booking here.", "")
	}
	when := c.clocksOf(t.visitor, b).inSummary(b.Start)
	return c.orCall(fmt.Sprintf("You already have an appointment: %s (%s).", when, b.Reference), "to change it")
}

func customerOutcome(refused *desk.CustomerError) Outcome {
	if refused.Why == desk.HasBooking {
		return CustomerHasBooking
	}
	return CustomerBlocked
}
