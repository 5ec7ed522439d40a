package desk_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/internal/desk"
	"slotd/store"
)

// The operations of TestLinear: each asks the desk, and records what it was told.

func (h *history) list(client int, rng *rand.Rand) {
	e := event{client: client, kind: listed, wish: randomWish(rng), token: rng.IntN(tokens + 1)}
	token := ""
	if e.token < tokens {
		token = h.tokens[e.token]
	}
	call := h.clock.Add(1)
	starts, err := h.Slots(context.Background(), token, e.wish.choice(), linearDate)
	if err != nil {
		h.t.Error(err) // no fault of these is a reader's
		return
	}
	for _, s := range starts {
		e.bits |= 1 << cellOf(s)
	}
	h.add(call, e)
}

// swap replaces a calendar's mirror as its only reader does: when the commit failed the reader reads again, here the same.
// Of two commits of the same by one writer the second changes nothing, so they are one event.
func (h *history) swap(client, cal int, rng *rand.Rand) {
	e := event{client: client, kind: swapped, calendar: cal}
	b := &calendar.Busy{Window: calendar.Interval{Start: cellAt(-96), End: cellAt(96)}}
	for range rng.IntN(5) {
		from, n := rng.IntN(cells), 1+rng.IntN(5)
		for cell := from; cell < min(from+n, cells); cell++ {
			e.bits |= 1 << cell
		}
	}
	for cell := range cells {
		if e.bits&(1<<cell) != 0 {
			b.Foreign = append(b.Foreign, calendar.Interval{Start: cellAt(cell), End: cellAt(cell + 1)})
		}
	}
	b.Foreign = calendar.Union(b.Foreign)
	id := linearCalendars[cal]
	call := h.clock.Add(1)
	for err := errors.New("not yet"); err != nil; {
		err = h.store.Update(context.Background(), func(tx *store.Tx) error {
			tx.PutSnapshot(id, b, store.Mirror{Window: b.Window, ReadAt: h.now})
			return nil
		})
	}
	h.store.MarkChecked(id, h.now)
	h.add(call, e)
}

// book confirms one of the two wishes of a token. Twins of the request may be under way.
func (h *history) book(client int, rng *rand.Rand) {
	token, variant := rng.IntN(tokens), rng.IntN(4)/3
	e := event{client: client, token: token, variant: variant, wish: h.wishes[token][variant]}
	call := h.clock.Add(1)
	done, err := h.Confirm(context.Background(), desk.Confirm{
		Token: h.tokens[token], Request: fmt.Sprint("variant ", variant), Choice: e.wish.choice(), Start: cellAt(e.wish.cell),
		Answer: func(b *booking.Booking) []byte {
			if n := len(e.tries); n == 0 || e.tries[n-1].booking != b.ID { // else it runs again
				e.tries = append(e.tries, try{b.ID, resourceIndex(b.Resource), h.clock.Add(1)})
			}
			return []byte("answer of " + b.ID)
		},
	})
	var gone *desk.LostError
	var refused *desk.TokenError
	switch {
	case err == nil:
		e.kind, e.booking = booked, done.Booking
		if !slices.ContainsFunc(e.tries, func(t try) bool { return t.booking == done.Booking }) {
			e.kind = repeated
		}
		if string(done.Answer) != "answer of "+done.Booking || e.kind == repeated && !done.Repeated {
			h.t.Errorf("booking %s: answer %q, repeated %t", done.Booking, done.Answer, done.Repeated)
		}
	case errors.As(err, &gone):
		e.kind, e.reason = lost, gone.Reason
	case errors.As(err, &refused):
		e.kind, e.booking = spent, refused.Booking
	default:
		e.kind, e.unsure = failed, errors.Is(err, desk.ErrUncertain)
	}
	h.add(call, e)
	if e.kind == booked {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.known[token] = e.booking
	}
}

// hold holds a slot of one resource for a token. What failed and is on disk all the same has happened.
func (h *history) hold(client int, rng *rand.Rand) {
	e := event{client: client, token: rng.IntN(tokens), wish: randomWish(rng)}
	e.wish.resource = rng.IntN(len(linearResources))
	call := h.clock.Add(1)
	ctx, committed := counting(context.Background())
	err := h.Hold(ctx, h.tokens[e.token], e.wish.choice(), cellAt(e.wish.cell))
	var refused *desk.TokenError
	var gone *desk.LostError
	switch {
	case err == nil, committed.n > 0:
		e.kind = held
	case errors.As(err, &gone):
		e.kind, e.reason = lost, gone.Reason
	case errors.As(err, &refused):
		e.kind, e.booking, e.variant = spent, refused.Booking, noVariant
	default:
		return
	}
	h.add(call, e)
}

// someBooking returns a token that has booked, as far as anybody was told, and its booking.
func (h *history) someBooking(rng *rand.Rand) (token int, id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, token = range rng.Perm(tokens) {
		if h.known[token] != "" {
			return token, h.known[token]
		}
	}
	return 0, ""
}

// cancel cancels a booking. Each change has its own reason, by which the desk can tell it from another.
func (h *history) cancel(client int, rng *rand.Rand) {
	token, id := h.someBooking(rng)
	if id == "" {
		return
	}
	e := event{client: client, token: token, kind: cancelled}
	call := h.clock.Add(1)
	ctx, committed := counting(context.Background())
	_, err := h.Cancel(ctx, desk.Cancel{Booking: id, Act: h.act(call)})
	h.changed(call, e, err, committed)
}

// move moves a booking to another time and resource.
func (h *history) move(client int, rng *rand.Rand) {
	token, id := h.someBooking(rng)
	if id == "" {
		return
	}
	e := event{client: client, token: token, kind: moved, wish: randomWish(rng)}
	if rng.IntN(3) == 0 {
		e.wish = h.wishes[token][0] // perhaps where it is already
	}
	if e.wish.resource == anyone {
		e.wish.resource = rng.IntN(len(linearResources))
	}
	e.wish.cell = min(e.wish.cell, cells-3) // however long the booking is
	call := h.clock.Add(1)
	ctx, committed := counting(context.Background())
	_, err := h.Move(ctx, desk.Move{
		Booking: id, Act: h.act(call), Start: cellAt(e.wish.cell), Resource: linearResources[e.wish.resource].id,
	})
	h.changed(call, e, err, committed)
}

func (h *history) act(call int64) booking.Act {
	return booking.Act{By: booking.ByOperator, Why: fmt.Sprint("because of ", call)}
}

// changed records what became of a cancel or a move. What failed and is on disk all the same has happened.
func (h *history) changed(call int64, e event, err error, committed *commits) {
	var gone *desk.LostError
	switch {
	case committed.n > 1:
		h.t.Errorf("%v happened %d times", &e, committed.n)
	case committed.n == 1 && err != nil && !errors.Is(err, desk.ErrUncertain):
		h.t.Errorf("%v happened, and its error is %v", &e, err)
	case err == nil && committed.n == 0:
		h.t.Errorf("%v did not happen, and has no error", &e)
	case committed.n == 1:
	case errors.Is(err, booking.ErrCancelled):
		e.kind = over
	case errors.Is(err, desk.ErrNothing):
		e.kind = nothing
	case errors.As(err, &gone):
		e.kind, e.reason = stays, gone.Reason
	default:
		return
	}
	h.add(call, e)
}

// tick lets time pass while nobody asks, so that holds end.
func (h *history) tick() {
	h.now = h.now.Add(tickBy * time.Minute)
	h.minutes += tickBy
	h.add(h.clock.Add(1), event{kind: ticked})
}

func resourceIndex(id string) int {
	for i, r := range linearResources {
		if r.id == id {
			return i
		}
	}
	return len(linearResources) // an index that fails the test
}
