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
//   - A list, also one of any resource: it is exactly what is free in one state between call and return.
//   - A confirm that booked, at the resource that it was told; one that repeated; one that found its token spent.
//   - A confirm of one resource that lost, with its reason. It is decided in a View or in an Update, at an instant at which
//     the token had not booked: the desk looks at the token again afterwards, and a token never gets unspent.
//   - The swap of a calendar's busy time.
//
// What is weaker, and why:
//   - A confirm of any resource that lost is not one instant. Those that were not free in the first snapshot were lost there
//     together, each of the others in its own transaction later. Meanwhile one of the first may have become free, so
//     perhaps there was no instant at which none was. The model has one event for the snapshot and one for each resource
//     that was tried. Its reason is one of several and not checked. That the one taken was the least busy is as old
//     as the snapshot and not checked either.
//   - A confirm that failed with an unknown outcome may have booked; one that failed otherwise has not. Which it was is
//     read from the disk when the engine is opened again; the model says when that can have been. Package kv allows a commit of unknown outcome to appear
//     later; the faults of this engine are on disk at once or never, so the narrower time is checked: before the confirm
//     failed.
//   - A View may see a commit of unknown outcome that a crash then undoes. That cannot happen here, because the faults of
//     this engine are on disk or not at once. What a repeat does about it is tested with the engine.
//
// The clock stands still and no mirror gets old: when a calendar was last checked is not part of the snapshot.

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
	number         uint8 // of booking, see history.number
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

// world is a state of the model. It is a value: == compares it and an assignment copies it.
type world struct {
	claims [len(linearResources)][cells]uint8
	busy   [len(linearCalendars)]uint16
	spent  [tokens]uint8 // the number of the booking that a token made
}

// reason says whether a resource is free.
func (w *world) reason(resource, service, cell int) booking.Reason {
	res := linearResources[resource]
	why := booking.Free
	for i := cell; i < cell+linearServices[service].length; i++ {
		if w.busy[res.calendar]&(1<<i) != 0 {
			return booking.Busy
		}
		if w.claims[resource][i] >= res.capacity {
			why = booking.Claimed
		}
		for j, other := range linearResources {
			if j != resource && other.calendar == res.calendar && w.claims[j][i] > 0 {
				why = booking.Claimed
			}
		}
	}
	return why
}

// free returns the starts of a list.
func (w *world) free(of wish) (bits uint16) {
	for cell := 0; cell+linearServices[of.service].length <= cells; cell++ {
		for r := range linearResources {
			if (of.resource == anyone || of.resource == r) && w.reason(r, of.service, cell) == booking.Free {
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
		return w.free(e.wish) == e.bits, w
	case swapped:
		w.busy[e.calendar] = e.bits
		return true, w
	case repeated, spent: // that the request fits the booking is checked without the model, see history.number
		return w.spent[e.token] == e.number, w
	case lost:
		return w.spent[e.token] == 0 && w.allTaken(e), w
	case booked:
		return w.book(e)
	case audited:
		return w == e.world, w
	}
	return false, w
}

func (w *world) allTaken(e *event) bool {
	for _, r := range e.taken {
		why := w.reason(r, e.wish.service, e.wish.cell)
		if why == booking.Free || e.wish.resource != anyone && why != e.reason {
			return false
		}
	}
	return true
}

func (w world) book(e *event) (bool, world) {
	r := e.tries[e.made()].resource
	if w.spent[e.token] != 0 || w.reason(r, e.wish.service, e.wish.cell) != booking.Free {
		return false, w
	}
	for i := e.wish.cell; i < e.wish.cell+linearServices[e.wish.service].length; i++ {
		w.claims[r][i]++
	}
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
	for _, r := range w.claims {
		for _, n := range r {
			mix(uint64(n))
		}
	}
	for _, b := range w.busy {
		mix(uint64(b))
	}
	for _, n := range w.spent {
		mix(uint64(n))
	}
	return sum
}

func (e *event) String() string {
	switch e.kind {
	case listed:
		return fmt.Sprintf("list %v: %012b", e.wish, e.bits)
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

// losses splits a confirm that lost into its instants.
func (e *event) losses() []*event {
	if e.wish.resource != anyone {
		e.taken = []int{e.wish.resource}
		return []*event{e}
	}
	first := *e
	first.taken = nil
	for r := range linearResources {
		if !slices.ContainsFunc(e.tries, func(t try) bool { return t.resource == r }) {
			first.taken = append(first.taken, r)
		}
	}
	if len(e.tries) > 0 {
		first.ret = e.tries[0].call
	}
	parts := []*event{&first}
	for i, t := range e.tries {
		part := *e
		part.taken, part.call = []int{t.resource}, t.call
		if i+1 < len(e.tries) {
			part.ret = e.tries[i+1].call
			if e.tries[i+1].resource == t.resource {
				continue // its outcome was unknown; only the last of a resource lost
			}
		}
		parts = append(parts, &part)
	}
	return parts
}

// number gives bookings numbers that fit the model, says which failed confirms are on disk, and checks what needs no
// order: a repeat is of the same request, a spent token is of another.
func (h *history) number() {
	onDisk, numbers, makers := map[string]bool{}, map[string]uint8{"": 0}, map[string]*event{}
	for _, e := range h.events {
		for _, id := range e.onDisk {
			onDisk[id] = true
		}
		for _, t := range e.tries {
			numbers[t.booking], makers[t.booking] = uint8(len(makers)+1), e
		}
	}
	if len(makers) > math.MaxUint8 {
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
