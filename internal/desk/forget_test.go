package desk_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/internal/desk"
	"slotd/store"
	"slotd/store/kv"
)

const erikasPhone = "491700000001" // of clinic.token

// private is what nothing may hold once Erika is forgotten.
var private = []string{"Erika", "Mustermann", erikasPhone, "erika@example.com", "her knee", "allergic", "she called"}

// bookFor books as Erika, or as the customer of another token.
func (c *clinic) bookFor(token string, start int64) *booking.Booking {
	c.t.Helper()
	w := c.wish(adams, start)
	if token != "" {
		w.Token = token
	}
	w.Person = booking.Person{Name: "Erika Mustermann", Email: "erika@example.com", Notes: "her knee",
		Answers: map[string]string{"medicine": "allergic"}}
	return c.get(c.mustConfirm(w).Booking)
}

// written records that the events of a booking were written, or refused.
func (c *clinic) written(id string, status booking.PlacementStatus) {
	c.t.Helper()
	err := c.store.Update(c.t.Context(), func(tx *store.Tx) error {
		b, err := tx.Booking(id)
		if err != nil {
			return err
		}
		for i := range b.Placements {
			b.Settled(i, calendar.Written{ID: "ev-" + id, Interval: b.Interval, Version: b.Version}, b.Version, c.now)
			if status == booking.Stuck {
				b.SetAside(i, "refused", c.now)
			}
			m, found, err := tx.Mark(store.OutboxID{Booking: id, Placement: i})
			if err != nil {
				return err
			}
			if found {
				tx.DeleteMark(m)
			}
			p := b.Placements[i]
			tx.PutOwn(store.OwnEvent{
				Calendar: p.Calendar, Identity: p.Identity, EventID: p.Event.ID, Booking: id, Placement: i,
			})
		}
		tx.PutBooking(b)
		return nil
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

// agrees fails when the records of the store do not.
func (c *clinic) agrees(when string) {
	c.t.Helper()
	report, err := store.Verify(c.t.Context(), c.db.DB, store.VerifyOptions{Now: c.now, Catalog: booking.NewCatalog(c.cfg.Business)})
	if err != nil || len(report.Findings) > 0 {
		c.t.Errorf("%s: %v %v", when, report.Findings, err)
	}
}

func (c *clinic) mentions(texts []string) []string {
	c.t.Helper()
	var found []string
	for key, value := range c.dump() {
		for _, text := range texts {
			if strings.Contains(key+value, text) {
				found = append(found, text+" in "+key)
			}
		}
	}
	slices.Sort(found)
	return found
}

// past makes a past booking of Erika's, a cancelled one, a token that she did not use, and one that holds a time.
func (c *clinic) past() (over, cancelled *booking.Booking) {
	c.t.Helper()
	over, cancelled = c.bookFor("", at(0, 14, 0)), c.bookFor("", at(3, 10, 0))
	c.written(over.ID, booking.Written)
	c.written(cancelled.ID, booking.Written)
	act := booking.Act{By: booking.ByOperator, Why: "she called from " + erikasPhone}
	c.must(c.Cancel(c.t.Context(), desk.Cancel{Act: act, Booking: cancelled.ID}))
	c.now = monday.Add(48 * time.Hour)
	for _, cal := range c.calendars() {
		c.read(cal)
	}
	err := c.store.Update(c.t.Context(), func(tx *store.Tx) error { // as the syncer does with what is past
		p := over.Placements[0]
		tx.DeleteOwn(store.OwnEvent{Calendar: p.Calendar, Identity: p.Identity})
		return nil
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.token()
	c.mustHold(c.token(), adams, at(2, 14, 0))
	return over, cancelled
}

func TestForget(t *testing.T) {
	c := open(t, holding)
	other := c.bookFor(c.tokenOf("491700000002"), at(4, 9, 0))
	if err := c.store.Update(t.Context(), func(tx *store.Tx) error {
		tx.PutPerson(other.ID, booking.Person{Name: "Bert Beispiel", Phone: "491700000002"})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	over, cancelled := c.past()
	c.store.SetNotices([]booking.What{booking.WasForgotten}, func() {})
	if len(c.mentions(private)) == 0 {
		t.Fatal("the test looks in the wrong place")
	}

	done, err := c.Forget(t.Context(), "+49 (170) 000-0001")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(done.Bookings)
	want := []string{over.ID, cancelled.ID} // and their tokens, one that holds, and two that were not used
	slices.Sort(want)
	if diff := cmp.Diff(desk.Forgotten{Bookings: want, Visits: 5}, done); diff != "" {
		t.Errorf("forgotten (-want +got):\n%s", diff)
	}
	if found := c.mentions(private); len(found) > 0 {
		t.Errorf("still there: %q", found)
	}
	if found := c.mentions([]string{"Bert Beispiel"}); len(found) != 1 {
		t.Errorf("of somebody else: %q", found)
	}
	c.agrees("after it")
	got := c.get(over.ID)
	last := got.History[len(got.History)-1]
	if got.Reference != over.Reference || got.Interval != over.Interval || last.What != booking.WasForgotten || last.By != booking.ByOperator {
		t.Errorf("the booking is now %+v", got)
	}
	if got.Placements[0].Status != booking.Pending || got.Status != booking.Confirmed {
		t.Errorf("the event of a past booking is %s", got.Placements[0].Status)
	}
	texts, err := c.Texts(t.Context(), done.Bookings)
	if err != nil || len(texts.Waiting) != 2 || len(texts.Failed) != 0 || texts.Rewritten != 0 {
		t.Errorf("texts: %+v, %v", texts, err)
	}
	if why := c.mustCheck(adams, at(2, 14, 0)); why != booking.Free {
		t.Errorf("what the person held is %v", why)
	}

	again, err := c.Forget(t.Context(), erikasPhone)
	if err != nil || len(again.Bookings)+again.Visits != 0 {
		t.Errorf("once more: %+v, %v", again, err)
	}
}

func TestForgottenTexts(t *testing.T) {
	c := open(t)
	over, cancelled := c.past()
	done, err := c.Forget(t.Context(), erikasPhone)
	if err != nil {
		t.Fatal(err)
	}
	c.written(over.ID, booking.Written)
	c.written(cancelled.ID, booking.Stuck)
	texts, err := c.Texts(t.Context(), done.Bookings)
	want := desk.Texts{Rewritten: 1, Failed: []desk.Text{{Reference: cancelled.Reference, Calendar: "g/adams", Why: "refused"}}}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, texts); diff != "" {
		t.Errorf("texts (-want +got):\n%s", diff)
	}
}

// TestForgetIsRefused: nothing is erased while a booking is to come, or runs.
func TestForgetIsRefused(t *testing.T) {
	c := open(t)
	c.past()
	coming := c.bookFor("", at(3, 15, 0))
	before := c.dump()
	var stands *desk.StandsError
	_, err := c.Forget(t.Context(), erikasPhone)
	if !errors.As(err, &stands) || !slices.Equal(stands.References, []string{coming.Reference}) {
		t.Fatalf("got %v", err)
	}
	c.unchanged(err, err, before)
	c.now = time.Unix(coming.End-1, 0)
	if _, err := c.Forget(t.Context(), erikasPhone); !errors.As(err, &stands) {
		t.Errorf("while it takes place: %v", err)
	}
	c.now = time.Unix(coming.End, 0)
	if done, err := c.Forget(t.Context(), erikasPhone); err != nil || len(done.Bookings) != 3 {
		t.Errorf("when it is over: %+v, %v", done, err)
	}
}

func TestPhoneNumbers(t *testing.T) {
	c := open(t)
	for _, bad := range []string{"", "1234", "Erika", "49170x0000001", "+", "call 491700000001"} {
		if _, err := c.Forget(t.Context(), bad); !errors.Is(err, desk.ErrPhone) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, other := range []string{"1700000001", "4917000000011", "01700000001"} {
		c.past()
		if done, err := c.Forget(t.Context(), other); err != nil || len(done.Bookings)+done.Visits > 0 {
			t.Errorf("%q is another number: %+v, %v", other, done, err)
		}
		c = open(t)
	}
	for _, same := range []string{erikasPhone, "+" + erikasPhone, "00" + erikasPhone, "+49 170 0000001", "49170/000.00-01"} {
		c := open(t)
		c.past()
		if done, err := c.Forget(t.Context(), same); err != nil || len(done.Bookings) != 2 {
			t.Errorf("%q: %+v, %v", same, done, err)
		}
	}
}

// byForeignToken books as Erika with a token of another tool, which carries no number.
func (c *clinic) byForeignToken(token string, start int64) *booking.Booking {
	c.t.Helper()
	b := c.bookFor(token, start)
	c.written(b.ID, booking.Written)
	return b
}

func foreign(cfg *desk.Config) { cfg.AcceptForeignTokens = true }

// TestForgetBooking: who has no number is forgotten by the reference, and nobody else who has none.
func TestForgetBooking(t *testing.T) {
	c := open(t, foreign)
	over, cancelled := c.byForeignToken("of-another-tool-1", at(0, 14, 0)), c.byForeignToken("of-another-tool-2", at(3, 10, 0))
	other := c.byForeignToken("of-another-tool-3", at(0, 15, 0))
	coming := c.byForeignToken("of-another-tool-4", at(4, 9, 0))
	if _, err := c.NewToken(t.Context(), desk.Invitation{Name: "Bert"}); err != nil {
		t.Fatal(err)
	}
	act := booking.Act{By: booking.ByOperator, Why: "Erika called"}
	c.must(c.Cancel(t.Context(), desk.Cancel{Act: act, Booking: cancelled.ID}))
	c.now = monday.Add(48 * time.Hour)
	c.store.SetNotices([]booking.What{booking.WasForgotten}, func() {})
	before := c.dump()

	var stands *desk.StandsError
	_, err := c.ForgetBooking(t.Context(), coming.Reference)
	if !errors.As(err, &stands) || !slices.Equal(stands.References, []string{coming.Reference}) {
		t.Fatalf("one to come: %v", err)
	}
	c.unchanged(err, err, before)
	for _, unknown := range []string{"", "XXX-XXX", erikasPhone} {
		_, err := c.ForgetBooking(t.Context(), unknown)
		c.unchanged(err, desk.ErrNoBooking, before)
	}

	for _, typed := range []string{strings.ToLower(over.Reference), cancelled.ID} {
		done, err := c.ForgetBooking(t.Context(), typed)
		if err != nil || len(done.Bookings) != 1 || done.Visits != 0 {
			t.Fatalf("forgotten: %+v, %v", done, err)
		}
		texts, err := c.Texts(t.Context(), done.Bookings)
		if err != nil || len(texts.Waiting) != 1 {
			t.Errorf("texts: %+v, %v", texts, err)
		}
		again, err := c.ForgetBooking(t.Context(), typed)
		if err != nil || len(again.Bookings)+again.Visits != 0 {
			t.Errorf("once more: %+v, %v", again, err)
		}
	}
	c.agrees("after it")
	want := []string{"Mustermann in person/" + other.ID, "Mustermann in person/" + coming.ID}
	slices.Sort(want)
	if diff := cmp.Diff(want, c.mentions([]string{"Mustermann", "called"})); diff != "" {
		t.Errorf("who is still there (-want +got):\n%s", diff)
	}
	after := c.dump()
	for key, value := range before {
		if strings.HasPrefix(key, "visit/") && after[key] != value {
			t.Errorf("a token without a number was changed from %s to %s", value, after[key])
		}
	}
}

// TestForgetBookingOfAKnownToken: the token that made the booking is emptied with it, no other of the same number. Broken
// off anywhere, a repetition does the rest.
func TestForgetBookingOfAKnownToken(t *testing.T) {
	for after := int64(0); ; after++ {
		c := open(t, holding)
		over, cancelled := c.past()
		c.db.fail(func(n int64) outcome {
			if n > after {
				return outcome{lost: true, err: kv.ErrFull}
			}
			return outcome{}
		})
		done, err := c.ForgetBooking(t.Context(), over.Reference)
		if err != nil && !errors.Is(err, kv.ErrFull) {
			t.Fatal(err)
		}
		c.db.fail(nil)
		c.agrees(fmt.Sprintf("killed after %d updates", after))
		if _, err := c.ForgetBooking(t.Context(), over.Reference); err != nil {
			t.Fatal(err)
		}
		if found := c.mentions([]string{"Mustermann"}); !slices.Equal(found, []string{"Mustermann in person/" + cancelled.ID}) {
			t.Errorf("killed after %d updates, and repeated: %q", after, found)
		}
		left, err2 := c.Forget(t.Context(), erikasPhone)
		if err2 != nil || len(left.Bookings) != 1 || left.Visits != 3 {
			t.Errorf("the rest, by the number: %+v, %v", left, err2)
		}
		if err == nil {
			if len(done.Bookings) != 1 || done.Visits != 1 {
				t.Errorf("forgotten: %+v", done)
			}
			return
		}
	}
}

// TestForgetBookingThatWasRecovered: only its event knows who it was for, and is written anew.
func TestForgetBookingThatWasRecovered(t *testing.T) {
	c := open(t, foreign)
	b := c.byForeignToken("of-another-tool-1", at(0, 14, 0))
	c.now = monday.Add(48 * time.Hour)
	err := c.store.Update(t.Context(), func(tx *store.Tx) error {
		tx.PutPerson(b.ID, booking.Person{})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if done, err := c.ForgetBooking(t.Context(), b.Reference); err != nil || !slices.Equal(done.Bookings, []string{b.ID}) {
		t.Errorf("forgotten: %+v, %v", done, err)
	}
	if p := c.get(b.ID).Placements[0]; p.Status != booking.Pending {
		t.Errorf("its event is %s", p.Status)
	}
}

// TestForgetKilledAnywhere: whatever was done before the end, the records agree, and the next run does the rest.
func TestForgetKilledAnywhere(t *testing.T) {
	for after := int64(0); ; after++ {
		c := open(t, holding)
		c.past()
		c.db.fail(func(n int64) outcome {
			if n > after {
				return outcome{lost: true, err: kv.ErrFull}
			}
			return outcome{}
		})
		_, err := c.Forget(t.Context(), erikasPhone)
		if err != nil && !errors.Is(err, kv.ErrFull) {
			t.Fatal(err)
		}
		c.db.fail(nil)
		c.agrees(fmt.Sprintf("killed after %d updates", after))
		if _, err := c.Forget(t.Context(), erikasPhone); err != nil {
			t.Fatal(err)
		}
		if found := c.mentions(private); len(found) > 0 {
			t.Errorf("killed after %d updates, and repeated: still there: %q", after, found)
		}
		c.agrees("after the repetition")
		if err == nil {
			return
		}
	}
}
