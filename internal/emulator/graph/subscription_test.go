package graph_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"slotd/internal/emulator/graph"
)

type object = map[string]any

// hook is a receiver that answers handshakes as it is told.
func hook(t *testing.T, answer func(w http.ResponseWriter, token string)) (address string, got chan object) {
	t.Helper()
	got = make(chan object, 20)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if token := r.URL.Query().Get("validationToken"); token != "" {
			answer(w, token)
			return
		}
		var batch struct{ Value []object }
		if err := json.NewDecoder(r.Body).Decode(&batch); err != nil {
			t.Error(err)
		}
		for _, n := range batch.Value {
			got <- n
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(srv.Close)
	return srv.URL, got
}

func echo(w http.ResponseWriter, token string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, token)
}

func (f *fixture) subscription(address string, change func(object)) object {
	s := object{
		"changeType": "created,updated,deleted", "notificationUrl": address, "lifecycleNotificationUrl": address,
		"resource": "me/calendars/" + cal + "/events", "clientState": "state",
		"expirationDateTime": f.now.Add(4200 * time.Minute).Format(time.RFC3339),
	}
	if change != nil {
		change(s)
	}
	return s
}

// TestSubscribeRefuses: requests that the documents rule out, and addresses that do not pass the handshake.
func TestSubscribeRefuses(t *testing.T) {
	f := setup(t, graph.Options{})
	t.Cleanup(f.Close)
	f.AddAccount("baker@clinic.example")
	f.AddCalendar("baker@clinic.example", "shared", "Shared", "Europe/Berlin")
	good, _ := hook(t, echo)
	until := func(d time.Duration) func(object) {
		return func(s object) { s["expirationDateTime"] = f.now.Add(d).Format(time.RFC3339) }
	}
	for name, tt := range map[string]struct {
		change func(object)
		status int
	}{
		"too long":                {until(10_081 * time.Minute), 400},
		"past":                    {until(-time.Minute), 400},
		"a long state":            {func(s object) { s["clientState"] = strings.Repeat("x", 129) }, 400},
		"no https":                {func(s object) { s["notificationUrl"] = "http://slotd.example/" }, 400},
		"an unknown change":       {func(s object) { s["changeType"] = "moved" }, 400},
		"an unknown resource":     {func(s object) { s["resource"] = "me/contacts" }, 400},
		"a calendar that is none": {func(s object) { s["resource"] = "me/calendars/none/events" }, 404},
		"a delegate":              {func(s object) { s["resource"] = "users/baker@clinic.example/calendars/shared/events" }, 403},
	} {
		if status, body := f.do("POST", "subscriptions", f.subscription(good, tt.change)); status != tt.status {
			t.Errorf("%s: %d %v", name, status, body)
		}
	}
	for name, answer := range map[string]func(http.ResponseWriter, string){
		"JSON": func(w http.ResponseWriter, token string) { fmt.Fprintf(w, "%q", token) },
		"another type": func(w http.ResponseWriter, token string) {
			w.Header().Set("Content-Type", "text/html")
			io.WriteString(w, token)
		},
		"still escaped": func(w http.ResponseWriter, token string) {
			echo(w, strings.ReplaceAll(token, " ", "%20"))
		},
		"accepted": func(w http.ResponseWriter, token string) { w.WriteHeader(http.StatusAccepted); echo(w, token) },
	} {
		bad, _ := hook(t, answer)
		if status, _ := f.do("POST", "subscriptions", f.subscription(bad, nil)); status != http.StatusBadRequest {
			t.Errorf("handshake answered with %s: %d", name, status)
		}
		if status, _ := f.do("POST", "subscriptions", f.subscription(good, func(s object) { s["lifecycleNotificationUrl"] = bad })); status !=
			http.StatusBadRequest {
			t.Errorf("lifecycle handshake answered with %s: %d", name, status)
		}
	}
	if n := len(f.Subscriptions(cal)); n != 0 {
		t.Errorf("%d subscriptions", n)
	}
}

// TestSubscriptionLife: a short life is made longer, PATCH renews, and what has ended is not found.
func TestSubscriptionLife(t *testing.T) {
	f := setup(t, graph.Options{})
	t.Cleanup(f.Close)
	address, _ := hook(t, echo)
	_, body := f.do("POST", "subscriptions", f.subscription(address, func(s object) {
		s["expirationDateTime"] = f.now.Add(time.Minute).Format(time.RFC3339)
	}))
	id, _ := body["id"].(string)
	if got := f.Subscriptions(cal)[0].Expires; !got.Equal(f.now.Add(45*time.Minute)) || body["clientState"] != nil {
		t.Errorf("expires %v, reply %v", got, body)
	}
	renew := object{"expirationDateTime": f.now.Add(50 * time.Minute).Format(time.RFC3339)}
	if status, _ := f.do("PATCH", "subscriptions/"+id, renew); status != http.StatusOK {
		t.Errorf("renew: %d", status)
	}
	f.now = f.now.Add(51 * time.Minute) // the access token lives an hour
	for _, method := range []string{"PATCH", "DELETE", "GET"} {
		if status, _ := f.do(method, "subscriptions/"+id, renew); status != http.StatusNotFound {
			t.Errorf("%s of an expired subscription: %d", method, status)
		}
	}
}

// TestNotifications: each change causes a message with the clientState, and so does what happens to the subscription, which
// pauses until it is authorized anew.
func TestNotifications(t *testing.T) {
	f := setup(t, graph.Options{})
	t.Cleanup(f.Close)
	address, got := hook(t, echo)
	_, body := f.do("POST", "subscriptions", f.subscription(address, nil))
	id, _ := body["id"].(string)
	want := func(key, value string) {
		t.Helper()
		n := <-got
		if n[key] != value || n["subscriptionId"] != id || n["clientState"] != "state" {
			t.Errorf("message %v, want %s %s", n, key, value)
		}
	}
	event := f.Put(cal, graph.Event{Title: "x", Start: f.now, End: f.now.Add(time.Hour)})
	want("changeType", "created")
	f.Put(cal, graph.Event{ID: event, Title: "y", Start: f.now, End: f.now.Add(time.Hour)})
	want("changeType", "updated")
	f.Lifecycle(cal, graph.LifecycleReauthorize)
	want("lifecycleEvent", "reauthorizationRequired")
	f.Delete(cal, event) // goes untold
	if status, _ := f.do("POST", "subscriptions/"+id+"/reauthorize", nil); status != http.StatusOK {
		t.Errorf("reauthorize: %d", status)
	}
	f.Lifecycle(cal, graph.LifecycleMissed)
	want("lifecycleEvent", "missed")
	f.Lifecycle(cal, graph.LifecycleRemoved)
	want("lifecycleEvent", "subscriptionRemoved")
	if n := len(f.Subscriptions(cal)); n != 0 {
		t.Errorf("%d subscriptions", n)
	}
}
