package webhook

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"slotd/internal/booking"
	"slotd/internal/desk"
	"slotd/internal/emulator/whatsapp"
	"slotd/store/kv"
)

// Nothing is known of the calendars: every screen is still one that a phone can show, and says whom to call.
func TestNoCalendarIsKnown(t *testing.T) {
	flows := seeds(t)
	flows["built-in"], flows["template"] = nil, testdata(t, "appointment.json")
	for name, data := range flows {
		t.Run(name, func(t *testing.T) {
			c := single()
			c.unread, c.flowJSON = true, data
			r := newRig(t, c)
			before := r.keys()
			p := r.phone()
			token := r.keys()
			result := r.walk(p, whatsapp.Plan{Name: "Sam Example"})
			if result.Outcome == whatsapp.Success {
				t.Fatal("booked into a calendar that nobody has read")
			}
			said := false
			for _, step := range result.Steps {
				said = said || strings.Contains(step.Message, testPhone)
			}
			if !said {
				t.Errorf("the customer never learns whom to call:\n%s", trace(result))
			}
			if len(before)+1 != len(token) {
				t.Fatal("the test's own token should be the only write")
			}
			unchanged(t, token, r.keys())
		})
	}
}

// A calendar that became too old under a customer's hands is not booked into.
func TestCalendarsGoStale(t *testing.T) {
	r := newRig(t, single())
	ctx := context.Background()
	p := r.phone()
	toConfirm(t, p, "10:00")
	r.clock.advance(16 * time.Minute)
	before := r.keys()
	noComplaint(t, p.Tap(ctx))
	if p.Screen() != "CONFIRM" || p.Snackbar() == "" {
		t.Errorf("on %s with %q", p.Screen(), p.Snackbar())
	}
	unchanged(t, before, r.keys())
	r.store.MarkChecked("acct/adams", r.clock.now())
	noComplaint(t, p.Tap(ctx))
	if _, ok := p.Done(); !ok {
		t.Errorf("not booked once it is known again: %q", p.Snackbar())
	}
}

// Where nothing can be written down, customers still browse and choose; only a hold is not made.
func TestChoosingGoesOnWhileTheStoreIsFull(t *testing.T) {
	for _, trouble := range []error{kv.ErrFull, kv.ErrReadOnly, kv.ErrClosed, kv.ErrUncertain, errors.New("disk on fire")} {
		r := newRig(t, single())
		p := r.phone()
		before := r.keys()
		r.db.set(nil, func(func() error) (error, bool) { return trouble, true })
		toConfirm(t, p, "10:00")
		noComplaint(t, p.Back(context.Background()))
		noComplaint(t, p.Tap(context.Background()))
		if p.Screen() != "CONFIRM" || p.Snackbar() != "" {
			t.Errorf("%v: on %s with %q", trouble, p.Screen(), p.Snackbar())
		}
		unchanged(t, before, r.keys())
		if !strings.Contains(r.logs.String(), "holding a slot failed") {
			t.Errorf("%v: the log does not say that slots are not held", trouble)
		}
	}
}

func TestStoreIsFull(t *testing.T) {
	for _, trouble := range []error{kv.ErrFull, kv.ErrReadOnly, kv.ErrClosed, errors.New("disk on fire")} {
		r := newRig(t, single())
		ctx := context.Background()
		p := r.phone()
		toConfirm(t, p, "10:00")
		before := r.keys()
		r.db.set(nil, func(func() error) (error, bool) { return trouble, true })
		noComplaint(t, p.Tap(ctx))
		if p.Screen() != "CONFIRM" || p.Snackbar() != textTrouble {
			t.Errorf("%v: on %s with %q", trouble, p.Screen(), p.Snackbar())
		}
		unchanged(t, before, r.keys())
		r.db.set(nil, nil)
		noComplaint(t, p.Tap(ctx))
		if _, ok := p.Done(); !ok {
			t.Errorf("%v: not booked afterwards: %q", trouble, p.Snackbar())
		}
	}
}

// Nobody knows whether it is on disk: no answer is given, and the client's "try again" finds the booking.
func TestCommitIsUncertain(t *testing.T) {
	for _, committed := range []bool{true, false} {
		t.Run(fmt.Sprint("committed ", committed), func(t *testing.T) {
			r := newRig(t, single())
			ctx := context.Background()
			p := r.phone()
			toConfirm(t, p, "10:00")
			r.db.set(nil, func(commit func() error) (error, bool) {
				if committed {
					_ = commit() // what it returned was lost
				}
				return kv.ErrUncertain, true
			})
			err := p.Tap(ctx)
			var status *whatsapp.StatusError
			if !errors.As(err, &status) || status.Status != 503 {
				t.Fatalf("the phone got %v", err)
			}
			r.db.set(nil, nil)
			noComplaint(t, p.Resend(ctx))
			if _, ok := p.Done(); !ok {
				t.Errorf("the retry was not answered: %q", p.Snackbar())
			}
			if n := len(r.bookings()); n != 1 {
				t.Errorf("%d bookings", n)
			}
		})
	}
}

// One uncertain commit is cleared up by asking again at once: the customer notices nothing.
func TestCommitIsUncertainOnce(t *testing.T) {
	for _, committed := range []bool{true, false} {
		r := newRig(t, single())
		ctx := context.Background()
		p := r.phone()
		toConfirm(t, p, "10:00")
		calls := 0
		r.db.set(nil, func(commit func() error) (error, bool) {
			if calls++; calls > 1 {
				return nil, false
			}
			if committed {
				_ = commit()
			}
			return kv.ErrUncertain, true
		})
		noComplaint(t, p.Tap(ctx))
		params, ok := p.Done()
		if all := r.bookings(); !ok || len(all) != 1 || all[0].Reference != params["reference"] {
			t.Errorf("committed %t: %v, %d bookings", committed, params, len(all))
		}
	}
}

// A store that cannot be read leaves every screen one that a phone can show.
func TestStoreCannotBeRead(t *testing.T) {
	flows := seeds(t)
	flows["built-in"], flows["template"] = nil, testdata(t, "appointment.json")
	for name, data := range flows {
		t.Run(name, func(t *testing.T) {
			c := single()
			c.flowJSON = data
			r := newRig(t, c)
			ctx := context.Background()
			p := r.phone()
			r.db.set(errors.New("disk on fire"), nil)
			noComplaint(t, p.Open(ctx))
			if p.Snackbar() != textTrouble {
				t.Errorf("answered with %q", p.Snackbar())
			}
			r.db.set(nil, nil)
			r.books(p, whatsapp.Plan{Name: "Sam Example", Email: "sam@example.com", Phone: "4930555"})
		})
	}
}

// Many doctors and a long horizon: answers stay small, and lists that do not fit are cut, not refused.
func TestAnswersStaySmall(t *testing.T) {
	c := clinic{horizon: 200 * 24 * time.Hour}
	for i := range 20 {
		c.departments = append(c.departments, booking.Department{
			ID: fmt.Sprintf("department-%02d", i), Title: fmt.Sprintf("Department %02d", i)})
		c.services = append(c.services, service(fmt.Sprintf("service-%02d", i), fmt.Sprintf("Service %02d", i), 5*time.Minute))
	}
	var services []string
	for _, s := range c.services {
		services = append(services, s.ID)
	}
	for i := range 200 {
		c.resources = append(c.resources, doctor(fmt.Sprintf("resource-%03d", i), fmt.Sprintf("Dr. Number %03d", i), services,
			"department-00", fmt.Sprintf("department-%02d", i%20)))
	}
	flows := seeds(t)
	flows["built-in"], flows["template"] = nil, testdata(t, "appointment.json")
	for name, data := range flows {
		t.Run(name, func(t *testing.T) {
			c.flowJSON = data
			r := newRig(t, c)
			largest := 0
			token := r.token()
			p, err := whatsapp.NewPhone(whatsapp.Options{
				FlowJSON: r.appflow, PublicKey: &testKey().PublicKey, FlowToken: token,
				Send: func(ctx context.Context, body []byte) (int, []byte, error) {
					status, reply, err := r.proxy.Forward(ctx, body)
					largest = max(largest, len(reply)/4*3) // without the base64
					return status, reply, err
				},
			})
			check(t, err)
			r.books(p, whatsapp.Plan{Department: "department-00", Date: tuesday, Name: "Sam Example",
				Email: "sam@example.com", Phone: "4930555"})
			if largest > 32<<10 {
				t.Errorf("the largest answer has %d bytes", largest)
			}
		})
	}
}

// What is secret or a person's is never logged, whatever happens.
func TestNothingPrivateIsLogged(t *testing.T) {
	r := newRig(t, single())
	ctx := context.Background()
	token, err := r.desk.NewToken(ctx, desk.Invitation{Phone: "493055501999", Name: "Planted Tokenname"})
	check(t, err)
	private := map[string]string{
		"token": token, "name": "Planted Name", "number": "493055501999", "known name": "Planted Tokenname",
		"notes": "planted notes", "secret": testSecret, "foreign token": "planted-foreign-token", "id": "planted-id",
	}
	p := r.phoneWith(token)
	toTimes(t, p, tuesday)
	noComplaint(t, p.Set(ctx, "slot", slot(t, tuesday, "10:00")))
	noComplaint(t, p.Tap(ctx))
	noComplaint(t, p.Set(ctx, "name", private["name"]))
	noComplaint(t, p.Set(ctx, "notes", private["notes"]))
	noComplaint(t, p.Tap(ctx))
	r.db.set(nil, func(func() error) (error, bool) { return kv.ErrFull, true })
	noComplaint(t, p.Tap(ctx))
	r.db.set(nil, func(func() error) (error, bool) { return kv.ErrUncertain, true })
	_ = p.Tap(ctx)
	r.db.set(errors.New("disk on fire"), nil)
	noComplaint(t, p.Tap(ctx))
	r.db.set(nil, nil)
	noComplaint(t, p.Tap(ctx))
	if _, ok := p.Done(); !ok {
		t.Fatalf("not booked: %q", p.Snackbar())
	}
	_ = p.Open(ctx) // spent
	for _, request := range []object{
		{"action": "INIT", "flow_token": private["foreign token"]},
		{"action": private["id"], "screen": private["id"], "flow_token": r.token()},
		{"action": "INIT", "flow_token": token, "flow_token_signature": r.proxy.SignToken(private["foreign token"])},
		{"action": "INIT", "flow_token": token, "data": object{"error": private["id"], "error_message": private["name"]}},
		{"action": "data_exchange", "screen": "DEPARTMENT", "flow_token": r.token(), "data": object{"department": private["id"]}},
		{"action": "data_exchange", "screen": "CONFIRM", "flow_token": r.token(), "data": object{"slot": private["id"]}},
	} {
		r.send(request)
	}
	log := r.logs.String()
	if !strings.Contains(log, "outcome=booked") || !strings.Contains(log, "status=427") {
		t.Fatalf("the log lacks what happened:\n%s", log)
	}
	for _, what := range slices.Sorted(maps.Keys(private)) {
		if strings.Contains(log, private[what]) {
			t.Errorf("the log holds the %s", what)
		}
	}
}
