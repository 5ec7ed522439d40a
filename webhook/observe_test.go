package webhook

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"slotd/internal/calendar"
	"slotd/internal/emulator/whatsapp"
	"slotd/internal/flow"
)

// observed keeps what an endpoint observed.
type observed struct {
	mu  sync.Mutex
	all []Observation
}

func (o *observed) note(one Observation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = append(o.all, one)
}

// take returns what was observed since the last call.
func (o *observed) take() []Observation {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := o.all
	o.all = nil
	return out
}

// funnel returns the steps of observations as "step screen".
func funnel(all []Observation) []string {
	var out []string
	for _, o := range all {
		for _, made := range o.Steps {
			out = append(out, fmt.Sprintf("%s %s", made.Step, made.Screen))
		}
	}
	return out
}

func wantFunnel(t *testing.T, r *rig, want ...string) {
	t.Helper()
	if got := funnel(r.seen.take()); !slices.Equal(got, want) {
		t.Errorf("steps:\n got %q\nwant %q", got, want)
	}
}

func TestFunnelOfABooking(t *testing.T) {
	r := newRig(t, single())
	ctx := context.Background()
	plan := whatsapp.Plan{Date: tuesday, Slot: "10:00", Strict: true, Name: "Sam Example"}
	phone := r.phone()
	r.books(phone, plan)
	wantFunnel(t, r, "opened DEPARTMENT", "day DAY", "slot TIME", "details DETAILS", "confirmed CONFIRM")

	// Who goes back and chooses another day makes no second step; who loses the slot makes one each time.
	winner, loser := r.phone(), r.phone()
	toConfirm(t, loser, "11:00")
	noComplaint(t, loser.Back(ctx))
	noComplaint(t, loser.Tap(ctx))
	r.wait(holdFor)
	r.seen.take()
	toConfirm(t, winner, "11:00")
	noComplaint(t, winner.Tap(ctx))
	wantFunnel(t, r, "opened DEPARTMENT", "day DAY", "slot TIME", "details DETAILS", "confirmed CONFIRM")
	noComplaint(t, loser.Tap(ctx))
	wantFunnel(t, r, "lost_slot CONFIRM")
	noComplaint(t, loser.Set(ctx, "alternative", slot(t, tuesday, "11:30")))
	noComplaint(t, loser.Tap(ctx))
	wantFunnel(t, r, "confirmed CONFIRM")
}

// A Flow with screens of other names has the same steps. The template's first screen only navigates on, so that the slot
// is first heard of from the second.
func TestFunnelOfAnotherFlow(t *testing.T) {
	for file, want := range map[string][]string{
		"appointment.json": {"opened APPOINTMENT", "day APPOINTMENT", "slot DETAILS", "details DETAILS", "confirmed SUMMARY"},
		"seed.json":        nil,
	} {
		data := testdata(t, file)
		f, err := flow.Parse(data, nil)
		check(t, err)
		for id := range choosesOf(f) {
			if f.Screen(id) == nil {
				t.Errorf("%s: screen %q", file, id)
			}
		}
		if want == nil {
			continue
		}
		c := single()
		c.flowJSON, c.foreign = data, true
		r := newRig(t, c)
		r.books(r.phone(), whatsapp.Plan{Date: tuesday, Slot: "10:00", Strict: true, Name: "Sam Example"})
		wantFunnel(t, r, want...)
	}
}

func TestFunnelWithoutSlots(t *testing.T) {
	r := newRig(t, single())
	window := calendar.Between(r.clock.now(), r.clock.now().AddDate(0, 0, 30))
	r.mirror("acct/adams", window)
	if result := r.walk(r.phone(), whatsapp.Plan{Name: "Sam Example"}); result.Outcome == whatsapp.Success {
		t.Fatal("booked")
	}
	got := funnel(r.seen.take())
	if len(got) < 2 || got[0] != "opened DEPARTMENT" || got[1] != "no_slots DAY" {
		t.Errorf("steps %q", got)
	}
}

// Whatever is sent, what is observed comes from the closed sets and holds nothing that was sent.
func TestObservationsAreClosed(t *testing.T) {
	r := newRig(t, single())
	bare, talk := Outcomes()
	screens := []string{""}
	for _, s := range r.server.cfg.Flow.Screens {
		screens = append(screens, s.ID)
	}
	r.post(http.MethodGet, "", nil)
	r.post(http.MethodPost, "sha256=00", strings.NewReader("planted"))
	r.post(http.MethodPost, "sha256=00", strings.NewReader(strings.Repeat("planted", MaxBody)))
	for _, body := range []string{"planted", `{"encrypted_flow_data":"planted"}`} {
		r.post(http.MethodPost, r.sign([]byte(body)), strings.NewReader(body))
	}
	for i := range 30 {
		odd := fmt.Sprintf("planted-%d", i)
		for _, action := range []string{odd, "INIT", "BACK", "data_exchange", "ping", ""} {
			for _, screen := range []string{odd, "TIME", "CONFIRM", ""} {
				r.send(object{
					"version": "4.0", "action": action, "screen": screen, "flow_token": odd,
					"data": object{"slot": odd, "date": odd, odd: odd, "error": strings.Repeat(odd, i%2)},
				})
			}
		}
	}
	r.exchange(r.token(), "TIME", object{"slot": "planted", "date": tuesday})
	for _, o := range r.seen.take() {
		if strings.Contains(fmt.Sprintf("%+v", o), "planted") {
			t.Fatalf("%+v", o)
		}
		known := slices.Contains(talk, o.Outcome) || o.Screen == "" && slices.Contains(bare, o.Outcome)
		if !known || !slices.Contains(screens, o.Screen) ||
			o.Action != "" && !slices.Contains(Actions(), o.Action) ||
			o.ClientError != "" && !slices.Contains(ClientErrors(), o.ClientError) {
			t.Errorf("%+v", o)
		}
		for _, made := range o.Steps {
			if !slices.Contains(Steps(), made.Step) || !slices.Contains(screens, made.Screen) {
				t.Errorf("%+v", o)
			}
		}
	}
}
