package config

import (
	"slices"

	"slotd/internal/booking"
)

// The defaults of [store]. Two years let staff look up last year's appointment at the yearly one, and the calendars,
// which are nobody's business here, keep their events anyway. A flow token is of use for hours; three months answer a
// complaint.
const (
	keepBookings = 730 * day
	keepVisits   = 90 * day
)

// retention checks what is kept how long against what must not outlive it.
func (d *decoder) retention(t *table, c *Config) {
	if c.Store.KeepBookings < c.Flow.TokenTTL {
		t.bad("keep_bookings", "must not be shorter than token_ttl of [flow] (%s): a token books once, and must know that it has",
			short(c.Flow.TokenTTL))
	}
}

// Events returns every kind of change that a webhook can tell of; "booking." and a kind is the name of an event.
func Events() []booking.What {
	return []booking.What{
		booking.WasCreated, booking.WasMoved, booking.WasCancelled, booking.InConflict, booking.NoConflict,
		booking.WasRecovered, booking.WasForgotten,
	}
}

// webhook reads the section that says where bookings are told of; a file without it tells nobody.
func (d *decoder) webhook(t *table, given bool) Webhook {
	defer t.done()
	w := Webhook{URL: t.url("url", ""), Events: t.events("events")}
	if !given {
		t.optionalSecrets("secret") // so that its keys are known
		return Webhook{}
	}
	if t.node.values["url"] == nil {
		t.d.fault(t.node.line, t.place, `url is missing: write url = "https://crm.example/hooks/slotd"`)
	}
	w.Secrets = t.secrets("secret")
	return w
}

// events returns a list of the names of events; all when there is none.
func (t *table) events(key string) []booking.What {
	const prefix = "booking."
	var known []string
	for _, what := range Events() {
		known = append(known, prefix+string(what))
	}
	v := t.get(key)
	if v == nil {
		return Events()
	}
	var out []booking.What
	for _, n := range t.names(key) {
		if !slices.Contains(known, n.text) {
			t.d.fault(n.line, t.place, "%s: unknown event %q%s", key, n.text, suggest(closest(n.text, known)))
			continue
		}
		out = append(out, booking.What(n.text[len(prefix):]))
	}
	if v.kind == kindArray && len(v.items) == 0 {
		t.bad(key, "is empty: leave it out for all events, or the whole section for none")
	}
	return out
}
