package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"slotd/internal/admin"
	"slotd/internal/booking"
	"slotd/internal/emulator/whatsapp"
	"slotd/store"
	"slotd/store/kv/bolt"
)

var (
	kills     = flag.Int("kills", 5, "how often TestKills kills the daemon")
	killsSeed = flag.Uint64("kills.seed", 1, "what TestKills does; the moments of the kills differ all the same")
)

// TestKills kills the daemon at random moments while customers book and staff cancel and move. After each kill the database
// has no finding; in the end every booking that a customer was told of exists, what staff were told holds, each placement has
// exactly one event at its provider, and there is no event without a booking.
//
//	go test ./cmd/slotd -run 'TestKills$' -timeout 2h -args -kills=1000
func TestKills(t *testing.T) {
	k := &killing{world: newWorld(t), rng: rand.New(rand.NewPCG(*killsSeed, 0)), told: map[string]*toldOf{}}
	k.secrets = append(k.secrets, killToken) // each token holds it: one search for all
	for n := range *kills {
		k.start()
		k.round(n)
		k.verify(n)
	}
	k.start()
	k.settleUnsure()
	k.check()
	t.Logf("%d kills, %d bookings, %d of them cancelled or moved", *kills, len(k.told), k.changes)
}

// killing is the world of TestKills and what people were told in it.
type killing struct {
	*world
	rng *rand.Rand

	mu      sync.Mutex // guards what follows and rng
	told    map[string]*toldOf
	unsure  []*whatsapp.Phone // tapped, and got no answer
	tokens  int
	changes int
}

// toldOf is what was said of a booking. A change that got no answer leaves open which it is.
type toldOf struct {
	cancelled, perhaps bool
	start              time.Time
	resource           string
	busy               bool // somebody is changing it
}

const (
	killToken   = "token-of-customer-"
	killWorkers = 4
	killLive    = 120 // bookings beyond which staff cancel more than customers book
)

// round lets people work until the daemon is killed under them.
func (k *killing) round(n int) {
	k.Helper()
	moment := time.Duration(20+k.pick(300)) * time.Millisecond
	ctx, cancel := context.WithCancel(k.Context())
	defer cancel()
	daemon := k.daemon
	bomb := time.AfterFunc(moment, func() { _ = daemon.cmd.Process.Kill() })
	defer bomb.Stop()
	var wg sync.WaitGroup
	for range killWorkers {
		wg.Go(func() {
			for ctx.Err() == nil {
				if k.act(ctx) != nil {
					return // the daemon is dead
				}
			}
		})
	}
	<-daemon.exited
	cancel()
	wg.Wait()
}

func (k *killing) pick(n int) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.rng.IntN(n)
}

// act is one thing that somebody does. The error says that nobody answered.
func (k *killing) act(ctx context.Context) error {
	id, live := k.anybody()
	switch dice := k.pick(10); {
	case id == "" || live < killLive && dice < 6:
		return k.customer1(ctx)
	case dice%2 == 0:
		return k.cancel(ctx, id)
	default:
		return k.move(ctx, id)
	}
}

// anybody picks a booking that nobody is changing, "" when there is none, and says how many are live.
func (k *killing) anybody() (id string, live int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var ids []string
	for id, b := range k.told {
		if !b.cancelled && !b.perhaps {
			live++
			if !b.busy {
				ids = append(ids, id)
			}
		}
	}
	if len(ids) == 0 {
		return "", live
	}
	slices.Sort(ids)
	id = ids[k.rng.IntN(len(ids))]
	k.told[id].busy = true
	return id, live
}

// anytime is a slot on the days on which the tests book.
func (k *killing) anytime() (doctor string, start time.Time) {
	day := k.day.AddDate(0, 0, k.pick(9))
	y, m, d := day.Date()
	return doctors[k.pick(len(doctors))], time.Date(y, m, d, 8+k.pick(11), 30*k.pick(2), 0, 0, k.zone)
}

// customer1 books, or finds the slot taken.
func (k *killing) customer1(ctx context.Context) error {
	k.mu.Lock()
	k.tokens++
	token := fmt.Sprint(killToken, k.tokens)
	k.mu.Unlock()
	p := k.customer(token)
	doctor, start := k.anytime()
	if err := toConfirm(ctx, p, doctor, start); err != nil {
		return k.alive(ctx) // the slot is taken, or nobody answers
	}
	if err := p.Tap(ctx); err != nil {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.unsure = append(k.unsure, p)
		return err
	}
	k.hear(p)
	return nil
}

// hear remembers what a phone was told.
func (k *killing) hear(p *whatsapp.Phone) {
	params, ok := p.Done()
	if !ok {
		return // lost
	}
	start, err := time.Parse(time.RFC3339, text(params, "start"))
	if err != nil {
		k.Errorf("a phone was told of %v", params)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.told[text(params, "booking")] = &toldOf{start: start, resource: text(params, "resource")}
}

// alive reports whether the daemon answers.
func (k *killing) alive(ctx context.Context) error {
	var s []admin.Booking
	return ask(ctx, k.cfg, "/api/bookings", map[string][]string{"from": {"2100-01-01"}}, &s)
}

func (k *killing) cancel(ctx context.Context, id string) error {
	var c admin.BookingChange
	err := callDaemon(ctx, k.cfg, http.MethodPost, "/api/bookings/"+id+"/cancel", admin.CancelBooking{Reason: "x", Told: true}, &c)
	return k.heard(id, err, func(b *toldOf) { b.cancelled = true })
}

func (k *killing) move(ctx context.Context, id string) error {
	doctor, start := k.anytime()
	var c admin.BookingChange
	err := callDaemon(ctx, k.cfg, http.MethodPost, "/api/bookings/"+id+"/move",
		admin.MoveBooking{To: start.Format(time.RFC3339), Resource: doctor, Told: true}, &c)
	return k.heard(id, err, func(b *toldOf) { b.start, b.resource = start, doctor })
}

// heard remembers how a change of a booking ended. A refusal is an answer.
func (k *killing) heard(id string, err error, done func(*toldOf)) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	b := k.told[id]
	b.busy = false
	if err == nil {
		done(b)
		k.changes++
		return nil
	}
	if errors.Is(err, errUnreachable) || errors.Is(err, context.Canceled) || k.daemon.dead() {
		b.perhaps = true
		return err
	}
	return nil
}

// verify looks for findings in what the kill left.
func (k *killing) verify(n int) {
	k.Helper()
	db, err := bolt.Open(filepath.Join(k.dir, "slotd.db"), bolt.Options{})
	if err != nil {
		k.Fatalf("kill %d: %v", n, err)
	}
	catalog := booking.NewCatalog(k.cfg.Bookable())
	report, err := store.Verify(k.Context(), db, store.VerifyOptions{Catalog: catalog, Now: time.Now()})
	must(k.T, errors.Join(err, db.Close()))
	for _, f := range report.Findings {
		k.Errorf("kill %d: %s", n, f)
	}
	if k.Failed() {
		k.FailNow()
	}
}

// settleUnsure lets the phones that got no answer ask again.
func (k *killing) settleUnsure() {
	k.Helper()
	for _, p := range k.unsure {
		if err := p.Resend(k.Context()); err != nil {
			k.Fatal(err)
		}
		k.hear(p)
	}
}

// check compares what people were told with the bookings, and the bookings with the providers.
func (k *killing) check() {
	k.Helper()
	k.level()
	list := map[string]admin.Booking{}
	wanted := map[string]int{} // booking and resource → events
	for _, b := range k.bookings() {
		list[b.ID] = b
		for _, p := range b.Placements {
			if !p.Gone {
				wanted[b.ID+" "+p.Resource]++
			}
		}
	}
	for id, said := range k.told {
		b, there := list[id]
		switch {
		case !there:
			k.Errorf("booking %s does not exist, and a customer was told of it", id)
		case said.perhaps: // somebody changed it and does not know whether that worked
		case said.cancelled != (b.Status == "cancelled"):
			k.Errorf("booking %s is %s; said was cancelled=%t", id, b.Status, said.cancelled)
		case !said.cancelled && (!b.Start.Equal(said.start) || b.Resource != said.resource):
			k.Errorf("booking %s is with %s at %s; said was %s at %s", id, b.Resource, b.Start, said.resource, said.start)
		}
	}
	for _, doctor := range doctors {
		for id, events := range k.ours(doctor) {
			if want := wanted[id+" "+doctor]; len(events) != want || list[id].ID == "" {
				k.Errorf("booking %s has %d events at %s, want %d", id, len(events), doctor, want)
			}
			delete(wanted, id+" "+doctor)
		}
	}
	for place := range wanted {
		k.Errorf("booking %s has no event", place)
	}
}

// dead reports whether the process has ended.
func (p *process) dead() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}
