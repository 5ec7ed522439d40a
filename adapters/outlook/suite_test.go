package outlook_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"slotd/adapters/adaptertest"
	"slotd/adapters/outlook"
	"slotd/internal/emulator/fault"
	emulator "slotd/internal/emulator/graph"

	"golang.org/x/oauth2"
)

func TestAdapter(t *testing.T) {
	adaptertest.RunLacking(t, adaptertest.Lacks{Tombstones: true}, func(t *testing.T) adaptertest.Harness {
		return newHarness(t, adaptertest.Strip{})
	})
}

// TestAdapterWithoutIdentity: a server that does not show the transactionId is recognised by our property.
func TestAdapterWithoutIdentity(t *testing.T) {
	adaptertest.RunLacking(t, adaptertest.Lacks{Identity: true}, func(t *testing.T) adaptertest.Harness {
		return newHarness(t, adaptertest.Strip{Sent: []string{"transactionId"}, Received: []string{"transactionId"}})
	})
}

// TestAdapterWithoutETags: a server without etags serves creating, moving and removing all the same.
func TestAdapterWithoutETags(t *testing.T) {
	adaptertest.RunLacking(t, adaptertest.Lacks{ETags: true}, func(t *testing.T) adaptertest.Harness {
		return newHarness(t, adaptertest.Strip{Received: []string{"@odata.etag"}, Headers: []string{"If-Match"}})
	})
}

const user = "adams@clinic.example"

// harness is the adapter before an emulated Graph.
type harness struct {
	server *emulator.Server
	config outlook.Config
	client *outlook.Client
	added  int
}

func newHarness(t *testing.T, strip adaptertest.Strip) *harness {
	h := &harness{server: emulator.New(emulator.Options{PageSize: adaptertest.PageSize})}
	web := httptest.NewServer(h.server.Handler())
	t.Cleanup(web.Close)
	t.Cleanup(h.server.Close)
	credentials := h.server.AddAccount(user)
	conf := oauth2.Config{
		ClientID: credentials.ClientID, ClientSecret: credentials.ClientSecret,
		Endpoint: oauth2.Endpoint{TokenURL: web.URL + "/common/oauth2/v2.0/token", AuthStyle: oauth2.AuthStyleInParams},
	}
	token := &oauth2.Token{RefreshToken: credentials.RefreshToken}
	hc := conf.Client(context.Background(), token)
	if strip.Base = hc.Transport; len(strip.Sent)+len(strip.Received) > 0 {
		hc.Transport = strip
	}
	h.config = outlook.Config{HTTP: hc, APIURL: web.URL + "/v1.0"}
	h.Restart()
	return h
}

func (h *harness) Restart() {
	client, err := outlook.New(h.config)
	if err != nil {
		panic(err) // a mistake in the suite
	}
	h.client = client
}

func (h *harness) Client() adaptertest.Client { return h.client }

func (h *harness) Identity(booking string, attempt int) string {
	return outlook.Identity("store1", booking, "adams", attempt)
}

func (h *harness) AddCalendar(name string) string {
	h.added++
	id := fmt.Sprintf("AQMkADAwATM0+/%d=", h.added)
	h.server.AddCalendar(user, id, name, adaptertest.Zone)
	return id
}

func (h *harness) Put(cal string, e adaptertest.Event) string {
	ev, _ := h.server.Find(cal, e.ID)
	ev.Title, ev.Start, ev.End = e.Title, e.Start, e.End
	ev.AllDay, ev.StartDate, ev.EndDate = e.StartDate != "", e.StartDate, e.EndDate
	if e.Weekly > 0 {
		ev.Recurrence = []string{fmt.Sprintf("RRULE:FREQ=WEEKLY;COUNT=%d", e.Weekly)}
		ev.Zone = adaptertest.Zone
	}
	switch {
	case e.Free:
		ev.ShowAs = "free"
	case e.Tentative:
		ev.ShowAs = "tentative"
	}
	if e.Declined {
		ev.Response = "declined"
	}
	return h.server.Put(cal, ev)
}

func (h *harness) Delete(cal, id string) { h.server.Delete(cal, id) }

func (h *harness) Copy(cal, id string) string { return h.server.Duplicate(cal, id) }

func (h *harness) Restore(cal, id string) { h.server.Restore(cal, id) }

func (h *harness) MoveTo(cal, id, to string) { h.server.Transfer(cal, id, to) }

func (h *harness) Single(cal, id string) {
	h.server.Edit(cal, id, func(e *emulator.Event) { e.Recurrence = nil })
}

func (h *harness) DeleteOccurrence(cal, series string, start time.Time) {
	if !h.server.DeleteOccurrence(cal, series, start) {
		panic("no such occurrence")
	}
}

func (h *harness) Live(cal string) []adaptertest.Event {
	var out []adaptertest.Event
	for _, e := range h.server.Events(cal) {
		out = append(out, adaptertest.Event{
			ID: e.ID, Title: e.Title, Start: e.Start, End: e.End, Weekly: len(e.Recurrence),
		})
	}
	return out
}

func (h *harness) ExpireCursors(cal string) { h.server.ExpireDelta(cal) }

func (h *harness) Watched(cal string) int { return len(h.server.Subscriptions(cal)) }

func (h *harness) EndChannels(cal string) { h.server.ExpireSubscriptions(cal) }

func (h *harness) Requests() int { return h.server.Requests("") }

func (h *harness) Inject(f adaptertest.Fault) func() {
	rule := fault.Rule{
		Skip: f.Skip, Times: f.Times, Status: f.Status, RetryAfter: f.RetryAfter, Reset: f.Reset, Truncate: f.Truncate,
		After: f.After, Late: f.Late, EmptyPage: f.EmptyPage, NoCursor: f.NoCursor, Churn: f.Churn, LagRequests: f.Lag,
	}
	if f.Hang {
		rule.Delay = time.Hour // or until the caller goes away
	}
	if f.Then != nil {
		rule.Then = func(*http.Request) { f.Then() }
	}
	if f.Hook != nil {
		rule.Hook = func(*http.Request) { f.Hook() }
	}
	rule.Op = map[adaptertest.Op]string{
		adaptertest.ListCalendars: "calendars.list", adaptertest.LookForChanges: "calendarView.delta",
		adaptertest.ReadWindow: "calendarView.list", adaptertest.Create: "events.create",
		adaptertest.Update: "events.update", adaptertest.Delete: "events.delete",
		adaptertest.Watch: "subscriptions.create",
	}[f.Op]
	return h.server.Inject(rule)
}
