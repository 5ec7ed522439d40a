package desk_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/internal/desk"
	"slotd/store"
	"slotd/store/kv"
)

var (
	linearSeeds = flag.Int("linear.seeds", 4, "how many histories TestLinear makes and checks")
	linearFirst = flag.Uint64("linear.first", 1, "the seed of the first; to look at one that failed again")
)

// TestLinear lets many customers list, hold, book, cancel and move at once while calendars change and the engine fails, and
// checks that what they were told is what one desk that serves one customer after the other would have said. The model is in
// linear_model_test.go. A seed fixes what is asked and which commit fails, not how the goroutines take turns: a seed that
// failed may need several runs to fail again (-count).
//
//	go test ./internal/desk -run Linear -args -linear.seeds=500
func TestLinear(t *testing.T) {
	told := map[string]int{}
	for seed := *linearFirst; seed < *linearFirst+uint64(*linearSeeds); seed++ {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			h := newHistory(t, seed)
			for phase := range phases {
				h.run(phase)
				h.reopen()
				h.tick()
			}
			h.check()
			for _, e := range h.events {
				told[e.kind]++
			}
		})
	}
	t.Logf("%v", told)
	// How the goroutines take turns decides who is told the rarer things; only of many histories some must hold them.
	kinds := []string{listed, swapped, booked, spent, lost, held}
	if *linearSeeds >= 50 {
		kinds = append(kinds, repeated, cancelled, moved, over, nothing, stays)
	}
	for _, kind := range kinds {
		if told[kind] == 0 && *linearSeeds > 3 && *linearFirst == 1 {
			t.Errorf("no customer was told %q: the histories check less than they should", kind)
		}
	}
}

// The business of the histories: one department, one morning, cells of a quarter of an hour.
const (
	cells   = 12 // from 9 to 12
	tokens  = 24
	phases  = 3
	anyone  = -1 // stands for desk.Any
	quarter = 15 * 60
)

// linearResources are two alone and two that share a calendar; of each pair one takes two customers at a time, and one only so
// many a day.
var linearResources = [...]struct {
	id       string
	calendar int
	capacity uint8
	perDay   uint8 // 0: no cap
}{
	{"adams", 0, 1, 3}, {"baker", 1, 2, 0}, {"clark", 2, 1, 0}, {"drew", 2, 2, 4},
}

var linearCalendars = [...]calendar.ID{"g/a", "g/b", "g/c"}

// linearServices are as long as their number of cells says and may start at each. Of one each resource gives only so many a
// day.
var linearServices = [...]struct {
	id     string
	length int
	perDay uint8 // 0: no cap
}{{"short", 2, 0}, {"long", 3, 2}}

var linearDate = calendar.Date{Year: 2027, Month: time.March, Day: 2}

// cellAt is when a cell begins.
func cellAt(cell int) int64 {
	return time.Date(2027, 3, 2, 9, 0, 0, 0, time.UTC).Unix() + int64(cell)*quarter
}

func cellOf(instant int64) int { return int((instant - cellAt(0)) / quarter) }

func linearConfig(cfg *desk.Config) {
	cfg.Zone, cfg.AcceptForeignTokens, cfg.Hold = time.UTC, true, holdFor*time.Minute
	cfg.Departments = []booking.Department{{ID: "all"}}
	cfg.Services, cfg.Resources = nil, nil
	var offered []string
	for _, s := range linearServices {
		cfg.Services = append(cfg.Services, booking.Service{
			ID: s.id,
			Rules: booking.Rules{
				Duration: new(time.Duration(s.length) * quarter * time.Second), Grid: new(quarter * time.Second), PerDay: most(s.perDay),
			},
		})
		offered = append(offered, s.id)
	}
	for _, r := range linearResources {
		cal := linearCalendars[r.calendar]
		cfg.Resources = append(cfg.Resources, booking.Resource{
			ID: r.id, Departments: []string{"all"}, Services: offered, Zone: time.UTC, BookInto: cal, Blocks: []calendar.ID{cal},
			Rules: booking.Rules{
				Hours:    &booking.Hours{time.Tuesday: {{From: 9 * 60, To: 12 * 60}}},
				Capacity: new(int(r.capacity)), PerDay: most(r.perDay),
			},
		})
	}
}

// most is a cap, or none for 0.
func most(n uint8) *int {
	if n == 0 {
		return nil
	}
	return new(int(n))
}

// history is what happened to one desk.
type history struct {
	*clinic
	seed   uint64
	clock  atomic.Int64 // the order of calls and returns
	tokens [tokens]string
	wishes [tokens][2]wish

	minutes uint8 // the clock, which moves between phases

	mu     sync.Mutex
	events []*event
	known  [tokens]string // bookings that somebody was told of
}

// wish is what a customer asks for. A token comes with one of two.
type wish struct {
	resource, service, cell int // resource may be anyone
}

func (w wish) choice() desk.Choice {
	c := desk.Choice{Department: "all", Service: linearServices[w.service].id, Resource: desk.Any}
	if w.resource != anyone {
		c.Resource = linearResources[w.resource].id
	}
	return c
}

func newHistory(t *testing.T, seed uint64) *history {
	h := &history{clinic: open(t, linearConfig), seed: seed}
	rng := rand.New(rand.NewPCG(seed, 0))
	for i := range h.tokens {
		h.tokens[i] = fmt.Sprint("another tool's ", i)
		if i%2 == 0 {
			h.tokens[i] = h.token()
		}
		for j := range h.wishes[i] {
			h.wishes[i][j] = randomWish(rng)
		}
	}
	return h
}

func randomWish(rng *rand.Rand) wish {
	w := wish{resource: rng.IntN(len(linearResources)), service: rng.IntN(len(linearServices))}
	if rng.IntN(3) == 0 {
		w.resource = anyone
	}
	w.cell = rng.IntN(cells - linearServices[w.service].length + 1)
	return w
}

// run lets 5 to 8 customers and a reader for each calendar do what the seed says, and waits for them. The engine fails
// meanwhile.
func (h *history) run(phase int) {
	h.db.DB = &yielding{DB: h.db.DB}
	h.db.fail(func(n int64) outcome { return trouble(h.seed, phase, n) })
	defer h.db.fail(nil)
	var wg sync.WaitGroup
	customers := 5 + int(h.seed%4)
	for client := range customers + len(linearCalendars) {
		rng := rand.New(rand.NewPCG(h.seed, uint64(1000*(phase+1)+client)))
		wg.Go(func() {
			for turn := range 6 {
				if cal := client - customers; cal >= 0 {
					if turn%2 == 0 { // each doubles the orders that have to be looked at
						h.swap(client, cal, rng)
					}
					continue
				}
				switch rng.IntN(16) {
				case 0, 1, 2, 3:
					h.list(client, rng)
				case 4, 5, 6:
					h.hold(client, rng)
				case 7:
					h.cancel(client, rng)
				case 8, 9, 10:
					h.move(client, rng)
				default:
					h.book(client, rng)
				}
			}
		})
	}
	wg.Wait()
}

// trouble is what becomes of the nth Update.
func trouble(seed uint64, phase int, n int64) outcome {
	rng := rand.New(rand.NewPCG(seed, uint64(phase+1)<<32+uint64(n)))
	switch rng.IntN(16) {
	case 0:
		return outcome{lost: true, err: kv.ErrFull}
	case 1:
		return outcome{lost: true, err: kv.ErrUncertain}
	case 2, 3:
		return outcome{err: kv.ErrUncertain}
	case 4, 5, 6:
		return outcome{race: runtime.Gosched}
	}
	return outcome{}
}

// add records an event that began at call and ends now.
func (h *history) add(call int64, e event) {
	e.call, e.ret = call, h.clock.Add(1)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, &e)
}

// reopen restarts the daemon. It records what is on disk then.
func (h *history) reopen() {
	h.clinic.reopen()
	call := h.clock.Add(1)
	e := event{kind: audited}
	found := map[string]bool{}
	for _, b := range h.bookings() {
		found[b.ID] = true
		e.onDisk = append(e.onDisk, b.ID)
	}
	err := h.store.View(h.t.Context(), func(r *store.Reader) error { return h.readWorld(r, &e) })
	if err != nil {
		h.t.Fatal(err)
	}
	for _, id := range e.outcomes {
		if id != "" && !found[id] {
			h.t.Errorf("a token has the booking %s, which is not there", id)
		}
		delete(found, id)
	}
	if len(found) > 0 {
		h.t.Errorf("%d bookings belong to no token", len(found))
	}
	h.add(call, e)
}

// readWorld reads what each token has, and checks that the claims are just that.
func (h *history) readWorld(r *store.Reader, e *event) error {
	e.world.minutes = h.minutes
	for i, cal := range linearCalendars {
		busy, err := r.Busy(cal)
		if err != nil {
			return err
		}
		for _, b := range busy.Foreign {
			for cell := cellOf(b.Start); cell < cellOf(b.End); cell++ {
				e.world.busy[i] |= 1 << cell
			}
		}
	}
	var want []string
	for i, token := range h.tokens {
		v, err := r.Visit(store.VisitKey(token))
		if err != nil {
			return err
		}
		if v != nil && v.Hold != nil && v.Hold.Until.After(h.now) {
			p := placeAt(resourceIndex(v.Hold.Resources[0]), serviceIndex(v.Hold.Service), cellOf(v.Hold.Start))
			e.world.put(i, place{}, heldPlace{p, uint8(v.Hold.Until.Sub(monday) / time.Minute)})
			want = append(want, p.String()+store.VisitKey(token))
		}
		if v == nil || v.Outcome == nil {
			continue
		}
		e.outcomes[i] = v.Outcome.Booking
		b, err := r.Booking(v.Outcome.Booking)
		if err != nil || b == nil {
			return errors.Join(err, errors.New("a token has a booking that is not there"))
		}
		if b.Status == booking.Confirmed {
			p := placeAt(resourceIndex(b.Resource), serviceIndex(b.Service), cellOf(b.Start))
			e.world.put(i, p, heldPlace{})
			want = append(want, p.String()+b.ID)
		}
	}
	return h.compareClaims(r, want)
}

func (h *history) compareClaims(r *store.Reader, want []string) error {
	var got []string
	for i, res := range linearResources {
		claims, err := r.Claims(res.id)
		if err != nil {
			return err
		}
		for _, c := range claims {
			if !c.Takes(h.now.Unix()) {
				continue
			}
			service := int(c.End-c.Start)/quarter - linearServices[0].length
			got = append(got, placeAt(i, service, cellOf(c.Start)).String()+c.Hold+c.Booking)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		h.t.Errorf("claims %v, and bookings and holds %v", got, want)
	}
	return nil
}

func serviceIndex(id string) int {
	for i, s := range linearServices {
		if s.id == id {
			return i
		}
	}
	return len(linearServices) // an index that fails the test
}

// check looks for an order that explains the history.
func (h *history) check() {
	ops := h.operations()
	result := porcupine.CheckOperationsTimeout(linearModel, ops, 2*time.Minute)
	if result == porcupine.Ok {
		return
	}
	_, info := porcupine.CheckOperationsVerbose(linearModel, ops, 10*time.Second)
	for _, op := range ops {
		h.t.Logf("%4d %4d client %2d: %s", op.Call, op.Return, op.ClientId, linearModel.DescribeOperation(op.Input, nil))
	}
	h.t.Errorf("no order was found that explains what was told (%s): -linear.first=%d -linear.seeds=1", result, h.seed)
	f, err := os.CreateTemp("", "slotd-linear-*.html") // it must outlive the test
	if err != nil {
		h.t.Fatal(err)
	}
	defer f.Close()
	if err := porcupine.Visualize(linearModel, info, f); err != nil {
		h.t.Fatal(err)
	}
	h.t.Log("picture: ", f.Name())
}

// yielding lets others run wherever a transaction begins, reads or ends; at some of its beginnings and ends so long that
// they get to commit.
type yielding struct {
	kv.DB
	n atomic.Uint64
}

func (y *yielding) pause() {
	runtime.Gosched()
	if n := y.n.Add(1); n%3 == 0 {
		for range n * 7919 % 1500 {
			runtime.Gosched()
		}
	}
}

func (y *yielding) View(ctx context.Context, fn func(kv.Reader) error) error {
	y.pause()
	err := y.DB.View(ctx, func(r kv.Reader) error { return fn(yieldingReader{r}) })
	y.pause()
	return err
}

func (y *yielding) Update(ctx context.Context, fn func(kv.Tx) error) error {
	y.pause()
	err := y.DB.Update(ctx, func(tx kv.Tx) error { return fn(yieldingTx{tx}) })
	y.pause()
	return err
}

type yieldingReader struct{ kv.Reader }

func (r yieldingReader) Get(key string) ([]byte, error) {
	runtime.Gosched()
	return r.Reader.Get(key)
}

type yieldingTx struct{ kv.Tx }

func (t yieldingTx) Get(key string) ([]byte, error) {
	runtime.Gosched()
	return t.Tx.Get(key)
}
