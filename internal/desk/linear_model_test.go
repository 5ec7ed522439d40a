package desk_test

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"

	"slotd/internal/booking"
)

// The model of TestLinear: a desk that does one thing at a time. It knows nothing of booking.State; it counts customers in
// cells of a quarter of an hour.
//
// What is linearizable, and checked as such:
//   - A list, also one of any resource: it is exactly what is free for the token in one state between call and return.
//   - A hold of one resource, a cancel and a move: what each did, or why it did nothing. Whether one that failed with an
//     unknown outcome is on disk is known from the engine; if so, it happened before it failed.
//   - A confirm that booked, at the resource that it was told; one that repeated; one that found its token spent.
//   - A confirm of one resource that lost, with its reason, at an instant at which the token had not booked: the desk looks
//     at the token again afterwards, and a token never gets unspent.
//   - The swap of a calendar's busy time.
//
// What is weaker, and why:
//   - A confirm of any resource that lost is not one instant: some resources were lost in the first snapshot, each of the
//     others in its own transaction later. Meanwhile one of the first may have become free. The model has one event for
//     each. Its reason is one of several and not checked. That the one taken was the least busy, or the one held, is as old
//     as the snapshot and not checked either.
//   - A confirm that failed with an unknown outcome may have booked; one that failed otherwise has not. Which it was is
//     read from the disk when the engine is opened again; the model says when that can have been. Package kv allows a commit of unknown outcome to appear
//     later; the faults of this engine are on disk at once or never, so the narrower time is checked: before the confirm
//     failed.
//   - A View may see a commit of unknown outcome that a crash then undoes. That cannot happen here, because the faults of
//     this engine are on disk or not at once. What a repeat does about it is tested with the engine.
//
// The clock moves only while nobody asks: an operation reads it more than once. No mirror gets old.

// The kinds of events.
const (
	listed   = "list"
	swapped  = "swap"
	booked   = "booked"
	repeated = "repeated"
	spent    = "spent"
	lost     = "lost"
	failed   = "failed"
	audited  = "audit"

	held      = "hold"
	cancelled = "cancel"
	moved     = "move"
	over      = "cancelled before" // the answer to a cancel or a move
	nothing   = "there already"    // the answer to a move
	stays     = "cannot move"
	ticked    = "tick"
)

const (
	holdFor   = 5 // minutes
	tickBy    = 3 // minutes
	noVariant = -1
)

// event is one thing that was asked and answered.
type event struct {
	client    int
	call, ret int64
	kind      string

	unsure         bool // a failed confirm that says that it may have booked
	wish           wish
	token, variant int
	tries          []try // the resources that a confirm began to book, in order
	booking        string
	number         uint16 // of booking, see history.number
	reason         booking.Reason

	calendar int
	bits     uint16 // cells: the starts of a list, the busy time of a swap
	taken    []int  // of a lost confirm: resources that were not free at one instant

	world    world // what an audit found
	outcomes [tokens]string
	onDisk   []string
}

type try struct {
	booking  string
	resource int
	call     int64 // the transaction began later
}

// place is where a booking or a hold is.
type place struct {
	there                   bool
	resource, service, cell int8
}

func placeAt(resource, service, cell int) place {
	return place{true, int8(resource), int8(service), int8(cell)}
}

func (p place) String() string { return fmt.Sprintf("%d %d %d ", p.resource, p.service, p.cell) }

// heldPlace is what a token holds until a minute.
type heldPlace struct {
	place
	until uint8
}

// world is a state of the model. It is a value: == compares it and an assignment copies it.
type world struct {
	minutes uint8
	busy    [len(linearCalendars)]uint16
	spent   [tokens]uint16 // the number of the booking that a token made
	at      [tokens]place  // and where that is, unless it was cancelled
	holds   [tokens]heldPlace
	all     counts
}

// counts are how many bookings and holds each cell of each resource has, and each resource in all, by day and service.
type counts struct {
	cells [len(linearResources)][cells]uint8
	begun [len(linearResources)][len(linearServices)]uint8
}

// add counts a place n times; minus one is 255.
func (c *counts) add(p place, n uint8) {
	if !p.there {
		return
	}
	c.begun[p.resource][p.service] += n
	for i := p.cell; i < p.cell+int8(linearServices[p.service].length); i++ {
		c.cells[p.resource][i] += n
	}
}

// capped reports whether one more would be too many on the one day that there is.
func (c *counts) capped(p place) bool {
	all := uint8(0)
	for _, n := range c.begun[p.resource] {
		all += n
	}
	most, ofService := linearResources[p.resource].perDay, linearServices[p.service].perDay
	return most > 0 && all >= most || ofService > 0 && c.begun[p.resource][p.service] >= ofService
}

// claims counts those of all tokens but one.
func (w *world) claims(except int) counts {
	n := w.all
	if except < tokens {
		n.add(w.at[except], 255)
		n.add(w.holds[except].place, 255)
	}
	return n
}

// put says what a token has from now on.
func (w *world) put(token int, at place, held heldPlace) {
	w.all = w.claims(token)
	w.at[token], w.holds[token] = at, held
	w.all.add(at, 1)
	w.all.add(held.place, 1)
}

// reason says whether a resource is free for a token.
func (w *world) reason(p place, token int) booking.Reason {
	claims := w.claims(token)
	return w.reasonAmong(&claims, p)
}

func (w *world) reasonAmong(claims *counts, p place) booking.Reason {
	res := linearResources[p.resource]
	if claims.capped(p) {
		return booking.Capped
	}
	why := booking.Free
	for i := p.cell; i < p.cell+int8(linearServices[p.service].length); i++ {
		if w.busy[res.calendar]&(1<<i) != 0 {
			return booking.Busy
		}
		if claims.cells[p.resource][i] >= res.capacity {
			why = booking.Claimed
		}
		for j, other := range linearResources {
			if j != int(p.resource) && other.calendar == res.calendar && claims.cells[j][i] > 0 {
				why = booking.Claimed
			}
		}
	}
	return why
}

// free returns the starts of a list. A token's booking hides them from it, unlike its hold.
func (w *world) free(of wish, token int) (bits uint16) {
	claims := w.all
	if token < tokens {
		claims.add(w.holds[token].place, 255)
	}
	for cell := 0; cell+linearServices[of.service].length <= cells; cell++ {
		for r := range linearResources {
			if (of.resource == anyone || of.resource == r) && w.reasonAmong(&claims, placeAt(r, of.service, cell)) == booking.Free {
				bits |= 1 << cell
			}
		}
	}
	return bits
}

// step says whether the event can happen in this state, and what the state is then.
func (w world) step(e *event) (bool, world) {
	switch e.kind {
	case listed:
		return w.free(e.wish, e.token) == e.bits, w
	case swapped:
		w.busy[e.calendar] = e.bits
		return true, w
	case repeated, spent: // that the request fits the booking is checked without the model, see history.number
		return w.spent[e.token] == e.number, w
	case lost:
		return w.spent[e.token] == 0 && w.allTaken(e), w
	case booked:
		return w.book(e)
	case held:
		p := placeAt(e.wish.resource, e.wish.service, e.wish.cell)
		if w.spent[e.token] != 0 || w.reason(p, e.token) != booking.Free {
			return false, w
		}
		w.put(e.token, place{}, heldPlace{p, w.minutes + holdFor})
		return true, w
	case cancelled, moved, over, nothing, stays:
		return w.change(e)
	case ticked:
		w.minutes += tickBy
		for i, h := range w.holds {
			if h.until <= w.minutes {
				w.put(i, w.at[i], heldPlace{})
			}
		}
		return true, w
	case audited:
		return w == e.world, w
	}
	return false, w
}

// change is a step that concerns the booking that a token has made.
func (w world) change(e *event) (bool, world) {
	at := w.at[e.token]
	if w.spent[e.token] == 0 || e.kind == over {
		return w.spent[e.token] != 0 && !at.there, w
	}
	to := placeAt(e.wish.resource, int(at.service), e.wish.cell)
	switch there := at.resource == to.resource && at.cell == to.cell; {
	case !at.there:
		return false, w
	case e.kind == cancelled:
		w.put(e.token, place{}, heldPlace{})
		return true, w
	case e.kind == nothing, there:
		return e.kind == nothing && there, w
	case e.kind == stays:
		return w.reason(to, e.token) == e.reason, w
	case w.reason(to, e.token) != booking.Free:
		return false, w
	}
	w.put(e.token, to, heldPlace{})
	return true, w
}

func (w *world) allTaken(e *event) bool {
	for _, r := range e.taken {
		why := w.reason(placeAt(r, e.wish.service, e.wish.cell), e.token)
		if why == booking.Free || e.wish.resource != anyone && why != e.reason {
			return false
		}
	}
	return true
}

func (w world) book(e *event) (bool, world) {
	p := placeAt(e.tries[e.made()].resource, e.wish.service, e.wish.cell)
	if w.spent[e.token] != 0 || w.reason(p, e.token) != booking.Free {
		return false, w
	}
	w.put(e.token, p, heldPlace{})
	w.spent[e.token] = e.number
	return true, w
}

var linearModel = porcupine.Model{
	Init: func() any { return world{} },
	Step: func(state, input, _ any) (bool, any) { return state.(world).step(input.(*event)) },
	Hash: func(state any) uint64 { return state.(world).hash() },
	DescribeOperation: func(input, _ any) string {
		return input.(*event).String()
	},
	DescribeState: func(state any) string { return fmt.Sprintf("%+v", state) },
}

// hash is FNV-1a.
func (w world) hash() uint64 {
	sum := uint64(14695981039346656037)
	mix := func(n uint64) { sum = (sum ^ n) * 1099511628211 }
	for _, b := range w.busy {
		mix(uint64(b))
	}
	for i := range tokens {
		mix(uint64(w.spent[i]))
		for _, p := range []place{w.at[i], w.holds[i].place} {
			if p.there {
				mix(1 + uint64(p.resource)<<16 + uint64(p.service)<<8 + uint64(p.cell))
			}
		}
		mix(uint64(w.holds[i].until))
	}
	return sum
}

func (e *event) String() string {
	switch e.kind {
	case listed:
		return fmt.Sprintf("list of token %d %v: %012b", e.token, e.wish, e.bits)
	case held, cancelled, moved, over, nothing, stays, ticked:
		return fmt.Sprintf("token %d %v: %s %v", e.token, e.wish, e.kind, e.reason)
	case swapped:
		return fmt.Sprintf("swap %s: %012b", linearCalendars[e.calendar], e.bits)
	case audited:
		return fmt.Sprintf("audit %+v", e.world)
	}
	var tried []string
	for _, t := range e.tries {
		tried = append(tried, fmt.Sprint(t.resource))
	}
	return fmt.Sprintf("confirm token %d variant %d %v: %s, booking %d, reason %v, taken %v, tried %s",
		e.token, e.variant, e.wish, e.kind, e.number, e.reason, e.taken, strings.Join(tried, " "))
}

// operations turns what was told into what the model has to explain.
func (h *history) operations() []porcupine.Operation {
	h.number()
	var ops []porcupine.Operation
	for _, e := range h.events {
		for _, part := range e.parts() {
			ops = append(ops, porcupine.Operation{ClientId: part.client, Input: part, Call: part.call, Return: part.ret})
		}
	}
	slices.SortFunc(ops, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	return ops
}

// parts returns the instants of an event, each with the narrowest time that is sure to hold it: the fewer orders there are,
// the less is forgiven, and the sooner they are searched.
func (e *event) parts() []*event {
	switch {
	case e.kind == failed && e.booking == "":
		return nil // nothing is on disk: nothing happened
	case e.kind == failed || e.kind == booked:
		part := *e
		part.kind, part.call = booked, e.tries[e.made()].call
		if next := e.made() + 1; next < len(e.tries) {
			part.ret = e.tries[next].call
		}
		return []*event{&part}
	case e.kind == lost:
		return e.losses()
	}
	return []*event{e}
}

// made returns the try that made the booking.
func (e *event) made() int {
	return slices.IndexFunc(e.tries, func(t try) bool { return t.booking == e.booking })
}

// losses splits a confirm that lost into its instants: one for each resource.
func (e *event) losses() []*event {
	var parts []*event
	for r := range linearResources {
		if e.wish.resource == anyone || e.wish.resource == r {
			part := *e
			part.taken = []int{r}
			parts = append(parts, &part)
		}
	}
	return parts
}

// number gives bookings numbers that fit the model, says which failed confirms are on disk, and checks what needs no
// order: a repeat is of the same request, a spent token is of another.
func (h *history) number() {
	onDisk, numbers, makers := map[string]bool{}, map[string]uint16{"": 0}, map[string]*event{}
	for _, e := range h.events {
		for _, id := range e.onDisk {
			onDisk[id] = true
		}
		for _, t := range e.tries {
			numbers[t.booking], makers[t.booking] = uint16(len(makers)+1), e
		}
	}
	if len(makers) > math.MaxUint16 {
		h.t.Fatalf("%d tries are too many for the model", len(makers))
	}
	for _, e := range h.events {
		for i, id := range e.outcomes {
			e.world.spent[i] = numbers[id]
		}
		if e.kind == failed {
			e.findOnDisk(onDisk)
			if e.booking != "" && !e.unsure {
				h.t.Errorf("%v is on disk, and its error does not say that it may be", e)
			}
		}
		e.number = numbers[e.booking]
		if e.kind != repeated && e.kind != spent {
			continue
		}
		maker := makers[e.booking]
		if maker == nil || maker.token != e.token || (maker.variant == e.variant) != (e.kind == repeated) {
			h.t.Errorf("%v was answered by the booking of %v", e, maker)
		}
	}
}

func (e *event) findOnDisk(onDisk map[string]bool) {
	for _, t := range e.tries {
		if onDisk[t.booking] {
			e.booking = t.booking
		}
	}
}
