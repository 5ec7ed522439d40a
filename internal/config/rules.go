package config

import (
	"slices"
	"time"

	"slotd/internal/booking"
)

// rules reads what one level says of bookings. A key that is missing says nothing: the next farther level does, see
// [booking.Rules].
func (t *table) rules(level booking.Level) booking.Rules {
	length := func(low time.Duration) func(string) time.Duration {
		return func(key string) time.Duration { return t.minutes(key, low, low) }
	}
	r := booking.Rules{
		Hours: t.hours(), Dates: t.dated("dates"), Extra: t.dated("extra"),
		Duration:     given(t, "duration", length(time.Minute)),
		Grid:         given(t, "grid", length(time.Minute)),
		Before:       given(t, "buffer_before", length(0)),
		After:        given(t, "buffer_after", length(0)),
		Notice:       given(t, "notice", t.notice),
		Horizon:      given(t, "horizon", t.horizon),
		CancelNotice: given(t, "cancel_notice", t.notice),
		MoveNotice:   given(t, "move_notice", t.notice),
		PerDay:       given(t, "max_per_day", t.count),
		PerWeek:      given(t, "max_per_week", t.count),
		Capacity:     given(t, "capacity", t.count),
		OneOpen:      given(t, "one_open_booking", t.boolean),
	}
	switch {
	case level != booking.OfResource:
		r.Any = given(t, "any", t.order)
	case t.get("any") != nil:
		t.bad("any", "orders the resources, and is no rule of a single one: write it in [business], [[department]] or [[service]]")
	}
	switch level {
	case booking.OfService:
		t.offeredHours(r)
	case booking.OfBusiness:
		t.emptyExtra()
	}
	return r
}

// emptyExtra reports extra openings of the business that open nothing. At a nearer level such a one takes back what a
// farther one adds; here somebody most likely wants to close.
func (t *table) emptyExtra() {
	v := t.get("extra")
	if v == nil || v.kind != kindTable {
		return
	}
	for _, date := range v.keys {
		if of := v.values[date]; of.kind == kindArray && len(of.items) == 0 {
			t.d.fault(of.line, t.place, "extra: %s adds nothing: to close on a date write dates = { %[1]s = [] }", date)
		}
	}
}

// offeredHours checks the hours of a service, which narrow those of its resources.
func (t *table) offeredHours(r booking.Rules) {
	switch {
	case r.Hours == nil && r.Extra != nil:
		t.bad("extra", "has no effect without hours: a service without hours of its own is offered whenever its resources are open")
	case r.Hours != nil && !opens(r.Hours[:]) && !opensOn(r.Dates) && !opensOn(r.Extra):
		t.bad("hours", "are empty, and so the service is never offered: leave them out to offer it whenever its resources are open")
	}
}

// opens reports whether there is any opening.
func opens(days [][]booking.Span) bool {
	return slices.ContainsFunc(days, func(spans []booking.Span) bool { return len(spans) > 0 })
}

func opensOn(dates booking.Dated) bool {
	for _, spans := range dates {
		if len(spans) > 0 {
			return true
		}
	}
	return false
}

// given returns what read makes of the value of a key; nil when the file does not hold it.
func given[T any](t *table, key string, read func(key string) T) *T {
	if t.get(key) == nil {
		return nil
	}
	v := read(key)
	return &v
}

func (t *table) notice(key string) time.Duration {
	return t.duration(key, booking.DefaultNotice, 0, maxDays*day)
}

// count is a number of bookings.
func (t *table) count(key string) int { return t.integer(key, 1, 1000) }

func (t *table) order(key string) booking.Order {
	return booking.Order(slices.Index(booking.Orders(), t.oneOf(key, booking.Orders()...)))
}

// horizon is a number of days or a duration.
func (t *table) horizon(key string) time.Duration {
	const most = 366
	if v := t.get(key); v != nil && v.kind == kindInteger {
		return time.Duration(t.integer(key, int(booking.DefaultHorizon/day), most)) * day
	}
	return t.duration(key, booking.DefaultHorizon, time.Hour, most*day)
}
