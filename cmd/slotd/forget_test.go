package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"slotd/internal/admin"
	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/store"
	"slotd/store/kv/bolt"
)

const (
	plantedPhone   = "490550001234"
	plantedWebhook = "d2ViaG9vayBzZWNyZXQgb2YgdGhlIHRlc3Rz" // base64 of 27 bytes
)

// crm is another system: it accepts what is signed, and keeps the type of each message and the customer that it names.
type crm struct {
	mu  sync.Mutex
	got []string
}

func (c *crm) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	key, _ := base64.StdEncoding.DecodeString(plantedWebhook)
	mac := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(mac, "%s.%s.%s", r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp"), body)
	if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); r.Header.Get("webhook-signature") != want {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var m struct {
		Type string
		Data struct{ Customer struct{ Name, Phone string } }
	}
	_ = json.Unmarshal(body, &m)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got = append(c.got, fmt.Sprintf("%s %q %q", m.Type, m.Data.Customer.Name, m.Data.Customer.Phone))
}

func (c *crm) has(text string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Contains(c.got, text)
}

// remembers puts a booking into the store that was over yesterday; its event is still to be written. No daemon runs.
func (w *world) remembers(resource, cal, provider, phone string) (reference string) {
	w.Helper()
	db, err := bolt.Open(w.cfg.Store.Path, bolt.Options{})
	must(w.T, err)
	st, err := store.Open(w.Context(), db)
	must(w.T, err)
	now := time.Now()
	start := now.Add(-24 * time.Hour).Truncate(time.Hour).Unix()
	b := &booking.Booking{
		ID: store.NewID(), Reference: "OLD-" + strings.ToUpper(resource), Service: "consultation", Department: "general",
		Interval: calendar.Interval{Start: start, End: start + 1800},
	}
	id := calendar.ID(provider + "/" + cal)
	b.Begin(booking.Act{At: now, By: booking.ByCustomer}, []booking.Seat{{Resource: resource, Calendar: id,
		Identity: func(attempt int) string { return providers()[provider].Identity(st.ID(), b.ID, resource, attempt) }}})
	p := booking.Person{Name: plantedName, Phone: phone, Notes: plantedNotes}
	must(w.T, st.Update(w.Context(), func(tx *store.Tx) error { return tx.InsertBooking(b, p, now) }))
	must(w.T, db.Close())
	return b.Reference
}

// TestForgetAPerson: the whole way, from a name in two calendars to none, with the other system told, and every record in order.
func TestForgetAPerson(t *testing.T) {
	w := newWorld(t)
	w.secrets = append(w.secrets, plantedPhone, plantedWebhook)
	other := &crm{}
	hook := httptest.NewServer(other)
	t.Cleanup(hook.Close)
	text, err := os.ReadFile(filepath.Join(w.dir, "slotd.toml"))
	must(t, err)
	w.write("slotd.toml", string(text)+"\n[webhook]\nurl = \""+hook.URL+"/hook\"\nsecret_file = \"secrets/webhook\"\n")
	w.write("secrets/webhook", "whsec_"+plantedWebhook+"\n")
	old := []string{w.remembers("adams", googleCal, "google", plantedPhone),
		w.remembers("baker", outlookCal, "outlook", plantedPhone)}
	w.start()
	w.level()
	titles := func() (out []string) {
		for _, e := range w.google.Events(googleCal) {
			out = append(out, e.Title+"\n"+e.Body)
		}
		for _, e := range w.graph.Events(outlookCal) {
			out = append(out, e.Title+"\n"+e.Body)
		}
		return out
	}
	before := titles()
	if all := strings.Join(before, "\n"); len(before) != 2 || strings.Count(all, plantedName) != 2 || strings.Count(all, plantedPhone) != 2 {
		t.Fatalf("the calendars before: %q", before)
	}

	params, _ := w.book("a-token-of-somebody-else-1", "adams", w.at(10, 0))
	coming := fmt.Sprint(params["reference"])
	eventually(t, "the other system to be told", func() bool { return other.has(fmt.Sprintf("booking.created %q %q", plantedName, "")) })

	// By - the number is kept out of the shell's history; without one it is wrong usage.
	w.run("bookings", "forget", "-").expect(t, exitUsage, "standard input")
	w.run("bookings", "forget", "somebody").expect(t, exitUsage, "no phone number")
	w.run("bookings", "forget", "+49 (055) 000 12-34").expect(t, exitDone, "the person of 2 bookings", "Rewritten: the text of 2 events",
		"backups made before", "WhatsApp", "the webhook has told")
	w.level()
	after := titles()
	slices.Sort(after)
	if all := strings.Join(after, "\n"); len(after) != 3 || strings.Contains(all, plantedPhone) || strings.Count(all, plantedName) != 1 {
		t.Errorf("the calendars after: %q", after)
	}
	for _, reference := range old {
		if !slices.ContainsFunc(after, func(s string) bool { return strings.HasPrefix(s, "Consultation\n") && strings.Contains(s, reference) }) {
			t.Errorf("the event of %s is not as it should be: %q", reference, after)
		}
	}
	eventually(t, "the other system to be told", func() bool { return other.has(`booking.forgotten "" ""`) })
	w.run("bookings", "forget", plantedPhone).expect(t, exitDone, "Nothing is known under this number")

	list := w.bookings()
	i := slices.IndexFunc(list, func(b admin.Booking) bool { return b.Reference == coming })
	if i < 0 || list[i].Name != plantedName {
		t.Errorf("another person's booking: %+v", list)
	}
	w.run("webhook", "retry").expect(t, exitDone, "0 notices to be delivered")
	w.daemon.stop()
	w.run("verify").expect(t, exitDone, "Clean")
}

// TestForgetOneBooking: a booking by a token of another tool carries no number, and is named by its reference.
func TestForgetOneBooking(t *testing.T) {
	w := newWorld(t)
	old, kept := w.remembers("adams", googleCal, "google", ""), w.remembers("baker", outlookCal, "outlook", "")
	w.start()
	w.level()
	if e := w.google.Events(googleCal); len(e) != 1 || !strings.Contains(e[0].Title, plantedName) {
		t.Fatalf("before: %+v", e)
	}
	params, _ := w.book("a-token-of-another-tool-1", "adams", w.at(10, 0))
	coming := fmt.Sprint(params["reference"])

	w.run("bookings", "forget").expect(t, exitUsage, "--booking")
	w.run("bookings", "forget", plantedPhone, "--booking", old).expect(t, exitUsage, "--booking")
	w.run("bookings", "forget", "--booking", "XXX-XXX").expect(t, exitFailed, "no such booking")
	w.run("bookings", "forget", "--booking", coming).expect(t, exitFailed, coming, "still to come")
	w.run("bookings", "forget", "--booking", strings.ToLower(old)).expect(t, exitDone, "the person of 1 booking",
		"Rewritten: the text of 1 event", "backups made before", "WhatsApp")
	w.run("bookings", "forget", "--booking", old).expect(t, exitDone, "erased before")
	w.run("bookings", "cancel", coming, "--reason", "the customer called", "--told").expect(t, exitDone, "is cancelled")
	w.level()
	w.run("bookings", "forget", "--booking", coming).expect(t, exitDone, "the person of 1 booking")

	if e := w.google.Events(googleCal); len(e) != 1 || e[0].Title != "Consultation" || strings.Contains(e[0].Body, plantedNotes) {
		t.Errorf("the event of %s: %+v", old, e)
	}
	if e := w.graph.Events(outlookCal); len(e) != 1 || !strings.Contains(e[0].Title, plantedName) {
		t.Errorf("the event of %s, which nobody named: %+v", kept, e)
	}
	w.daemon.stop()
	w.run("verify").expect(t, exitDone, "Clean")
}
