package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/store/kv"
)

// post sends a body to a route and returns what came back.
func (f *fixture) post(path, kind, body string) (status int, text string) {
	f.t.Helper()
	resp, err := http.Post(f.url+path, kind, strings.NewReader(body))
	check(f.t, err)
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	check(f.t, err)
	return resp.StatusCode, string(out)
}

// change sends a wish that must be answered.
func (f *fixture) change(path, body string) (c BookingChange) {
	f.t.Helper()
	status, text := f.post(path, "application/json", body)
	if status != http.StatusOK {
		f.t.Fatalf("%s: %d %s", path, status, text)
	}
	check(f.t, json.NewDecoder(bytes.NewReader([]byte(text))).Decode(&c))
	return c
}

func TestChangesOfABooking(t *testing.T) {
	f := newFixture(t)
	route := "/api/bookings/" + f.book("2026-11-24T09:00:00Z", "Kim Example")
	c := f.change(route+"/move", `{"to": "2026-11-24T10:30", "reason": "later"}`)
	if !c.Changed || c.Booking.Start.Format(time.RFC3339) != "2026-11-24T10:30:00+01:00" || c.Booking.Version != 2 {
		t.Errorf("moved: %+v", c)
	}
	for _, to := range []string{"2026-11-24T09:30:00Z", "2026-11-24T09:30Z", "2026-11-24T10:30+01:00", "2026-11-24 10:30+01:00"} {
		c = f.change(route+"/move", `{"to": "`+to+`"}`)
		if c.Changed || c.Why == "" || c.Booking.Version != 2 {
			t.Errorf("moved again to %s: %+v", to, c)
		}
	}
	if c = f.change(route+"/told", `{}`); !c.Changed || len(c.Booking.Needs) != 0 {
		t.Errorf("told: %+v", c)
	}
	if c = f.change(route+"/cancel", `{"reason": "ill"}`); !c.Changed || c.Booking.Status != "cancelled" || len(c.Booking.Claims) == 0 ||
		!c.Booking.Claims[0].Left {
		t.Errorf("cancelled: %+v", c)
	}
	if c = f.change(route+"/cancel", `{"reason": "ill", "told": true}`); c.Changed || c.Booking.Version != 3 {
		t.Errorf("cancelled again: %+v", c)
	}
	var got BookingDetail
	f.read(route, &got)
	if len(got.History) != 4 || got.History[3].Why != "ill" || got.History[3].By != "operator" || got.Zone != "Europe/Berlin" ||
		len(got.Needs) != 1 || got.Needs[0].Need != booking.NotTold {
		t.Errorf("shown: %+v", got)
	}
}

func TestWrongChanges(t *testing.T) {
	f := newFixture(t)
	route := "/api/bookings/" + f.book("2026-11-24T09:00:00Z", "Kim Example")
	before := f.change(route+"/told", `{}`).Booking
	for _, test := range []struct {
		path, body string
		status     int
		says       string
	}{
		{"/cancel", `{}`, 400, "reason"},
		{"/cancel", `{"reason": "` + strings.Repeat("x", 301) + `"}`, 400, "300"},
		{"/cancel", `{"reason": "a\nb"}`, 400, "one line"},
		{"/cancel", `{"reason": "ill", "why": "x"}`, 400, "version"},
		{"/cancel", `[]`, 400, "version"},
		{"/move", `{}`, 400, "needs a time"},
		{"/move", `{"to": "soon"}`, 400, "is no time"},
		{"/move", `{"to": "2026-03-29T02:30"}`, 400, "does not exist"},
		{"/move", `{"to": "2026-10-25T02:30"}`, 400, "2026-10-25T02:30:00+02:00 or 2026-10-25T02:30:00+01:00"},
		{"/move", `{"to": "2026-11-20T10:00"}`, 409, "past"},
		{"/move", `{"to": "2026-11-20T10:00", "force": true}`, 409, "past"},
		{"/move", `{"to": "9999-12-31T23:30"}`, 409, "horizon"},
		{"/move", `{"to": "9999-12-31T23:30", "force": true}`, 409, "not known that far: the mirror reaches to Fri 2026-11-27 09:00"},
		{"/move", `{"to": "2026-11-27T08:30", "force": true, "resource": "baker"}`, 400,
			`there is no resource "baker"; --resource can be: adams`},
		{"/move", `{"to": "2026-11-24T12:00"}`, 409, "2026-11-24T10:30"},
		{"/move", `{"to": "2026-11-24T10:30", "resource": "any"}`, 400, "adams"},
		{"/erase", `{}`, 404, ""},
	} {
		status, text := f.post(route+test.path, "application/json", test.body)
		if status != test.status || !strings.Contains(text, test.says) {
			t.Errorf("%s %.60s: %d %s", test.path, test.body, status, text)
		}
	}
	for _, what := range []string{"/cancel", "/move", "/retry", "/told"} {
		if status, text := f.post("/api/bookings/AAA-AAA"+what, "application/json", `{"reason":"x","to":"2026-11-24T10:30"}`); status == 200 {
			t.Errorf("%s of no booking: %d %s", what, status, text)
		}
		if status, _ := f.post(route+what, "text/plain", `{"reason":"x","to":"2026-11-24T10:30"}`); status != 400 {
			t.Errorf("%s as text: %d", what, status) // what a form of a foreign page could send
		}
	}
	var after BookingDetail
	f.read(route, &after)
	if after.Version != before.Version || len(after.History) != 1 {
		t.Errorf("something was changed: %+v", after)
	}
	if f.log.String() != "" {
		t.Errorf("what an operator typed wrong is no failure:\n%s", &f.log)
	}
}

func TestChangesWhileTheStoreFails(t *testing.T) {
	f := newFixture(t)
	route := "/api/bookings/" + f.book("2026-11-24T09:00:00Z", "Kim Example")
	for _, test := range []struct {
		err  error
		says string
	}{
		{kv.ErrFull, "nothing was changed"}, {kv.ErrReadOnly, "nothing was changed"},
		{kv.ErrUncertain, "nobody knows"}, {errors.New("fire"), "see the log"},
	} {
		f.engine.err = test.err
		status, text := f.post(route+"/cancel", "application/json", `{"reason": "ill"}`)
		if status != http.StatusConflict || !strings.Contains(text, test.says) || strings.Contains(text, "fire") {
			t.Errorf("%v: %d %s", test.err, status, text)
		}
		f.engine.err = nil
		var got BookingDetail
		f.read(route, &got)
		if got.Status != "confirmed" {
			t.Errorf("%v: %+v", test.err, got)
		}
	}
}

func TestWhatToDoNext(t *testing.T) {
	for _, need := range booking.Needs() {
		if text := Next(need, "K7M-2QX"); !strings.Contains(text, "K7M-2QX") || strings.Contains(text, "show") {
			t.Errorf("%s: %q", need, text)
		}
	}
	begin := func() *booking.Booking {
		b := &booking.Booking{ID: "b", Reference: "K7M-2QX", Interval: calendar.Between(now.Add(time.Hour), now.Add(2*time.Hour))}
		b.Begin(booking.Act{At: now}, []booking.Seat{{Resource: "adams", Calendar: cal, Identity: func(int) string { return "i" }}})
		return b
	}
	both := begin()
	both.SetAside(0, "refused", now)
	both.Untold = booking.WasMoved
	if got := needs(both, now); len(got) != 2 || got[0].Need != booking.NotWritten || got[1].Need != booking.NotTold {
		t.Errorf("got %+v", got)
	}
	one := begin()
	one.Untold = booking.WasMoved
	if got := needs(one, now); len(got) != 1 || len(needs(begin(), now)) != 0 {
		t.Errorf("got %+v", got)
	}
}
