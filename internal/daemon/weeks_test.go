package daemon_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"slotd/internal/admin"
	"slotd/internal/emulator/fault"
	"slotd/internal/emulator/google"
	"slotd/internal/emulator/whatsapp"
)

var (
	seedFlag = flag.Uint64("seed", 0, "seed of the simulated weeks; 0 makes one up")
	daysFlag = flag.Int("days", 15, "how many days are simulated; 21 for the long form")
)

// TestWeeks lets people edit calendars, customers book and the provider fail for weeks of virtual time around the night
// in which clocks go forward, and then compares all that slotd believes with what the provider holds.
//
// The seed repeats what people and faults do; which of two customers wins a race is up to the scheduler.
func TestWeeks(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	flowKey()
	synctest.Test(t, func(t *testing.T) {
		defer func() {
			if t.Failed() {
				t.Logf("repeat with: go test ./internal/daemon -run TestWeeks -args -seed=%d -days=%d", seed, *daysFlag)
			}
		}()
		// Clocks go forward on 26 March 2000: inside the horizon from the start, and lived through.
		time.Sleep(time.Until(time.Date(2000, 3, 13, 6, 0, 0, 0, time.UTC)))
		w := &weeks{
			clinic: newClinic(t), rng: rand.New(rand.NewPCG(seed, 1)),
			erased: map[string]bool{}, copies: map[string]bool{},
		}
		w.start()
		defer w.close()
		end := time.Now().AddDate(0, 0, *daysFlag)
		for time.Now().Before(end) {
			time.Sleep(time.Duration(1+w.rng.IntN(240)) * time.Minute)
			w.step()
		}
		w.settle()
		w.checkEvents()
		w.checkSlots()
	})
}

// weeks is one simulation. Its methods are called by one goroutine.
type weeks struct {
	*clinic
	rng    *rand.Rand
	sold   []sold
	drawn  []drawn
	erased map[string]bool // bookings whose event a person deleted
	copies map[string]bool // events that a person copied from ours
	spans  []span          // all that people ever put into a calendar
	quiet  time.Time       // since when the provider has been well; zero while it is not
}

// sold is a booking that a customer was told to have.
type sold struct {
	id, reference string
	start         time.Time
}

// drawn is an event that a person made.
type drawn struct{ cal, id string }

// span is a time that a person's event once had.
type span struct {
	cal        string
	start, end time.Time
}

// put puts an event into a calendar as a person would.
func (w *weeks) put(cal string, e google.Event) string {
	id := w.google.Put(cal, e)
	for _, o := range w.google.Occurrences(cal, time.Now().AddDate(0, 0, -3), time.Now().AddDate(0, 3, 0)) {
		if o.ID == id || o.MasterID == id {
			w.spans = append(w.spans, span{cal, o.Start, o.End})
		}
	}
	return id
}

func (w *weeks) step() {
	switch n := w.rng.IntN(100); {
	case n < 30:
		w.edit()
	case n < 45:
		w.trouble()
	case n < 55:
		w.google.ClearFaults()
		w.quiet = time.Now()
	case n < 58:
		w.google.ExpireSyncTokens(w.doctor())
	case n < 61:
		w.google.ExpireAccess(owner)
	case n < 64:
		w.touchOurs()
	case n < 65:
		w.stop()
		w.start()
	case n < 80:
		w.ambush()
	default:
		w.customers(1+w.rng.IntN(4), w.wish())
	}
}

// ambush lets a person take a time while the provider is in trouble, and customers ask for that very time soon after.
func (w *weeks) ambush() {
	w.t.Helper()
	plan := w.wish()
	plan.Resource = w.doctor()
	start, err := time.ParseInLocation(time.DateOnly+" 15:04", plan.Date+" "+plan.Slot, w.zone)
	w.must(err)
	w.drawn = append(w.drawn, drawn{plan.Resource, w.put(plan.Resource, google.Event{
		Title: "Private", Start: start, End: start.Add(duration),
	})})
	switch w.rng.IntN(3) {
	case 0:
		w.google.ExpireSyncTokens(plan.Resource)
	case 1:
		w.trouble()
	}
	time.Sleep(time.Duration(w.rng.IntN(20)) * time.Minute)
	w.customers(1, plan)
}

func (w *weeks) doctor() string { return []string{"adams", "clark"}[w.rng.IntN(2)] }

// edit is a person's work on a calendar.
func (w *weeks) edit() {
	cal := w.doctor()
	day := time.Now().In(w.zone).AddDate(0, 0, w.rng.IntN(horizon+3)-1)
	y, m, d := day.Date()
	start := time.Date(y, m, d, 8+w.rng.IntN(10), 5*w.rng.IntN(12), 0, 0, w.zone)
	e := google.Event{Title: "Private", Start: start, End: start.Add(time.Duration(1+w.rng.IntN(24)) * 10 * time.Minute)}
	switch n := w.rng.IntN(12); {
	case n < 4:
	case n < 5:
		e.Recurrence = []string{fmt.Sprintf("RRULE:FREQ=WEEKLY;COUNT=%d", 2+w.rng.IntN(5))}
	case n < 6:
		e.AllDay, e.StartDate, e.EndDate = true, day.Format(time.DateOnly), day.AddDate(0, 0, 1).Format(time.DateOnly)
		e.Transparent = w.rng.IntN(2) == 0
	case n < 7:
		e.Response = "declined"
	default:
		w.change(e)
		return
	}
	w.drawn = append(w.drawn, drawn{cal, w.put(cal, e)})
}

// change moves, deletes, frees or declines an event that a person had made; of a series one occurrence or all.
func (w *weeks) change(like google.Event) {
	if len(w.drawn) == 0 {
		return
	}
	of := w.drawn[w.rng.IntN(len(w.drawn))]
	e, ok := w.google.Find(of.cal, of.id)
	if !ok || e.Status == google.Cancelled {
		return
	}
	if len(e.Recurrence) > 0 && w.rng.IntN(2) == 0 {
		all := w.google.Occurrences(of.cal, time.Now(), time.Now().AddDate(0, 2, 0))
		all = slices.DeleteFunc(all, func(o google.Event) bool { return o.MasterID != e.ID })
		if len(all) == 0 {
			return
		}
		e = all[w.rng.IntN(len(all))]
	}
	switch w.rng.IntN(4) {
	case 0:
		w.google.Delete(of.cal, e.ID)
		return
	case 1:
		e.Transparent = !e.Transparent
	case 2:
		e.Response = "declined"
	default:
		e.Start, e.End = like.Start, like.End
		if e.AllDay {
			e.StartDate = like.Start.Format(time.DateOnly)
			e.EndDate = like.Start.AddDate(0, 0, 2).Format(time.DateOnly)
		}
	}
	w.put(of.cal, e)
}

// trouble makes the provider fail from now on.
func (w *weeks) trouble() {
	w.quiet = time.Time{}
	rule := fault.Rule{Times: 1 + w.rng.IntN(4), Skip: w.rng.IntN(2), After: w.rng.IntN(2) == 0}
	switch w.rng.IntN(8) {
	case 0:
		rule.Status, rule.RetryAfter = http.StatusTooManyRequests, "90"
	case 1:
		rule.Status, rule.Reason = http.StatusForbidden, "rateLimitExceeded"
	case 2:
		rule.Status = http.StatusInternalServerError
	case 3:
		rule.Reset = true
	case 4:
		rule.Truncate = true
	case 5:
		rule.Delay = time.Duration(w.rng.IntN(90)) * time.Second
	case 6:
		rule.EmptyPage = true
	default:
		rule.Status, rule.Body = http.StatusBadGateway, "<html>no gateway</html>"
	}
	if rule.Status == http.StatusTooManyRequests || rule.Status == http.StatusForbidden {
		rule.After = false // a provider that refuses does nothing
	}
	rule.Op = []string{"events.list", "events.insert", "events.insert", "events.get", "token", ""}[w.rng.IntN(6)]
	w.google.Inject(rule)
}

// touchOurs is a person who deletes or copies an event of ours.
func (w *weeks) touchOurs() {
	for _, b := range w.bookings() {
		p := b.Placements[0]
		if p.Status != "seen" || b.Start.Before(time.Now().Add(time.Hour)) || w.rng.IntN(4) > 0 {
			continue
		}
		cal := p.Calendar.Calendar()
		if w.rng.IntN(2) == 0 {
			w.google.Delete(cal, p.Event)
			w.erased[b.ID] = true
			return
		}
		e, _ := w.google.Find(cal, p.Event)
		e.ID, e.Start, e.End = "", e.Start.Add(time.Hour), e.End.Add(time.Hour)
		w.copies[w.put(cal, e)] = true
		return
	}
}

// wish is what a customer asks for; who cannot have it takes what there is.
func (w *weeks) wish() whatsapp.Plan {
	return whatsapp.Plan{
		Service: "consultation", Resource: []string{"adams", "clark", "any"}[w.rng.IntN(3)], TakeAlternative: true,
		Date: time.Now().In(w.zone).AddDate(0, 0, w.rng.IntN(horizon)).Format(time.DateOnly),
		Slot: fmt.Sprintf("%02d:%02d", opens+w.rng.IntN(closes-opens), 15*w.rng.IntN(4)),
	}
}

// customers let n phones book at once, all wishing for the same.
func (w *weeks) customers(n int, plan whatsapp.Plan) {
	w.t.Helper()
	plan.Today = time.Now()
	known := map[string]time.Time{"adams": w.checked("adams"), "clark": w.checked("clark")}
	results, errs := make([]whatsapp.Result, n), make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			p, err := w.phone()
			if err == nil {
				results[i], err = whatsapp.Walk(w.t.Context(), p, plan)
			}
			errs[i] = err
		})
	}
	wg.Wait()
	for i, r := range results {
		if errs[i] != nil {
			w.t.Fatalf("%s: the phone: %v", time.Now(), errs[i])
		}
		if r.Outcome == whatsapp.Success {
			w.sale(r, known)
		}
	}
}

// sale checks what was sold at the moment of its sale: not over an event that had been there when the mirror was last
// confirmed, not over another booking, and not from an old mirror while the provider is well.
func (w *weeks) sale(r whatsapp.Result, known map[string]time.Time) {
	w.t.Helper()
	id, _ := r.Params["booking"].(string)
	listed := w.bookings()
	i := slices.IndexFunc(listed, func(b admin.Booking) bool { return b.ID == id })
	if i < 0 {
		w.t.Fatalf("a customer was told of a booking that is not listed: %v", r.Params)
	}
	b := listed[i]
	cal := b.Placements[0].Calendar.Calendar()
	for _, e := range w.google.Occurrences(cal, b.Start, b.End) {
		if e.Blocks() && !w.ours(e) && e.Updated.Before(known[cal]) {
			w.t.Errorf("%s: sold %s over an event of %s, which was there at %s", cal, b.Start, e.Start, known[cal])
		}
	}
	for _, o := range listed {
		if o.ID == b.ID || o.Status == "cancelled" {
			continue
		}
		if o.Placements[0].Calendar == b.Placements[0].Calendar && o.Start.Before(b.End) && b.Start.Before(o.End) {
			w.t.Errorf("%s: sold %s twice", cal, b.Start)
		}
	}
	age := time.Since(known[cal])
	if well := !w.quiet.IsZero() && time.Since(w.quiet) > time.Hour; age > w.cfg.Freshness.ServeWithin || well && age > 2*poll {
		w.t.Errorf("%s: sold from a mirror that is %s old", cal, age)
	}
	reference, _ := r.Params["reference"].(string)
	w.sold = append(w.sold, sold{id, reference, b.Start})
}

// ours reports whether slotd made the event; a copy that a person made of such an event is the person's.
func (w *weeks) ours(e google.Event) bool { return e.Private["slotd"] != "" && !w.copies[e.ID] }
