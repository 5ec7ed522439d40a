package webhook

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/internal/desk"
	"slotd/internal/emulator/whatsapp"
	"slotd/internal/flow"
	"slotd/store"
	"slotd/store/kv"
	"slotd/store/kv/bolt"
)

const (
	testSecret = "planted-app-secret"
	testPhone  = "+49 30 555 0100"
	// opening is a Monday, 09:00 in Berlin.
	opening = "2026-11-23T08:00:00Z"
	tuesday = "2026-11-24"
	// holdFor is how long a chosen slot is held.
	holdFor = 5 * time.Minute
)

var berlin = mustZone("Europe/Berlin")

func mustZone(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return zone
}

// testKey is made once: making one takes longer than most tests.
var testKey = sync.OnceValue(newKey)

func newKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// logs collects what the daemon logs.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// trouble is an engine that fails when it is told to.
type trouble struct {
	kv.DB
	mu     sync.Mutex
	view   error                                             // of every View
	update func(commit func() error) (result error, ok bool) // may replace the commit
}

func (f *trouble) set(view error, update func(func() error) (error, bool)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.view, f.update = view, update
}

func (f *trouble) get() (update func(func() error) (error, bool), view error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.update, f.view
}

func (f *trouble) View(ctx context.Context, fn func(kv.Reader) error) error {
	if _, view := f.get(); view != nil {
		return view
	}
	return f.DB.View(ctx, fn)
}

func (f *trouble) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if update, _ := f.get(); update != nil {
		if err, ok := update(func() error { return f.DB.Update(ctx, fn) }); ok {
			return err
		}
	}
	return f.DB.Update(ctx, fn)
}

// clinic is what a test changes about the business.
type clinic struct {
	flowJSON    []byte // the built-in one when nil
	departments []booking.Department
	services    []booking.Service
	resources   []booking.Resource
	horizon     time.Duration
	foreign     bool
	unread      bool // no calendar was ever read
	defaults    desk.Choice
	noHolds     bool
	blocked     func(digits string) bool
}

// rig is the endpoint over a real store, with a proxy in front of it.
type rig struct {
	t       testing.TB
	clinic  clinic
	clock   *clock
	path    string
	bolt    *bolt.DB
	db      *trouble
	store   *store.Store
	desk    *desk.Desk
	server  *Server
	http    *httptest.Server
	proxy   *whatsapp.Proxy
	logs    *logs
	seen    *observed
	appflow []byte
}

func weekly(from, to int) *booking.Hours {
	var h booking.Hours
	for day := range h {
		h[day] = []booking.Span{{From: from, To: to}}
	}
	return &h
}

func doctor(id, title string, services []string, departments ...string) booking.Resource {
	cal := calendar.ID("acct/" + id)
	return booking.Resource{
		ID: id, Title: title, Departments: departments, Services: services, Zone: berlin,
		Blocks: []calendar.ID{cal}, BookInto: cal, Rules: booking.Rules{Hours: weekly(9*60, 12*60)},
	}
}

func service(id, title string, length time.Duration) booking.Service {
	return booking.Service{ID: id, Title: title, Rules: booking.Rules{Duration: &length}}
}

// twoDepartments is the clinic of most tests: two departments, two services, three doctors.
func twoDepartments() clinic {
	both := []string{"checkup", "ecg"}
	return clinic{
		departments: []booking.Department{{ID: "cardio", Title: "Cardiology"}, {ID: "general", Title: "General practice"}},
		services:    []booking.Service{service("checkup", "Check-up", 30*time.Minute), service("ecg", "ECG", time.Hour)},
		resources: []booking.Resource{
			doctor("adams", "Dr. Adams", both, "cardio"), doctor("brown", "Dr. Brown", both, "cardio"),
			doctor("clark", "Dr. Clark", []string{"checkup"}, "general"),
		},
		horizon: 14 * 24 * time.Hour,
	}
}

// single is a clinic without a choice: one department, one service, one doctor.
func single() clinic {
	return clinic{
		departments: []booking.Department{{ID: "general", Title: "General practice"}},
		services:    []booking.Service{service("checkup", "Check-up", 30*time.Minute)},
		resources:   []booking.Resource{doctor("adams", "Dr. Adams", []string{"checkup"}, "general")},
		horizon:     14 * 24 * time.Hour,
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newRig(t testing.TB, c clinic) *rig {
	t.Helper()
	at, err := time.Parse(time.RFC3339, opening)
	check(t, err)
	r := &rig{
		t: t, clinic: c, clock: &clock{at: at}, logs: &logs{}, seen: &observed{}, path: filepath.Join(t.TempDir(), "slotd.db"),
	}
	r.appflow = c.flowJSON
	if r.appflow == nil {
		r.appflow = flow.Builtin()
	}
	check(t, bolt.Create(r.path))
	r.open(true)
	t.Cleanup(r.close)
	return r
}

// open starts everything over the database, as a daemon does.
func (r *rig) open(fresh bool) {
	r.t.Helper()
	ctx := context.Background()
	var err error
	r.bolt, err = bolt.Open(r.path, bolt.Options{})
	check(r.t, err)
	r.db = &trouble{DB: r.bolt}
	if fresh {
		check(r.t, store.Create(ctx, r.db, r.clock.now()))
	}
	r.store, err = store.Open(ctx, r.db)
	check(r.t, err)
	hold := holdFor
	if r.clinic.noHolds {
		hold = 0
	}
	r.desk, err = desk.New(desk.Config{
		Store: r.store,
		Business: booking.Business{
			Zone: berlin, Rules: booking.Rules{Notice: new(time.Duration(0)), Horizon: &r.clinic.horizon},
			Departments: r.clinic.departments, Services: r.clinic.services, Resources: r.clinic.resources,
		},
		ServeWithin: 15 * time.Minute, Hold: hold, HoldsPerCustomer: 2,
		TokenTTL: 72 * time.Hour, AcceptForeignTokens: r.clinic.foreign, Defaults: r.clinic.defaults, Blocked: r.clinic.blocked,
		Identity: func(cal calendar.ID, b, res string, n int) string { return fmt.Sprint(cal, b, res, n) },
		Now:      r.clock.now,
	})
	check(r.t, err)
	parsed, err := flow.Parse(r.appflow, nil)
	check(r.t, err)
	ring, err := flow.NewKeyRing(testKey())
	check(r.t, err)
	r.server, err = New(Config{
		Desk: r.desk, Flow: parsed, Keys: ring, AppSecrets: [][]byte{[]byte("older-secret"), []byte(testSecret)},
		Business: "Example Clinic", Phone: testPhone, ScreenTTL: 20 * time.Minute,
		Log: slog.New(slog.NewTextHandler(r.logs, &slog.HandlerOptions{Level: slog.LevelDebug})), Now: r.clock.now,
		Observe: r.seen.note,
	})
	check(r.t, err)
	r.http = httptest.NewServer(r.server.Handler())
	r.proxy = &whatsapp.Proxy{Endpoint: r.http.URL + "/flow", AppSecret: []byte(testSecret), HTTP: r.http.Client()}
	if !r.clinic.unread {
		for _, res := range r.clinic.resources {
			r.mirror(res.BookInto)
		}
	}
}

func (r *rig) close() {
	r.http.Close()
	if err := r.bolt.Close(); err != nil {
		r.t.Error(err)
	}
}

func (r *rig) reopen() {
	r.t.Helper()
	r.close()
	r.open(false)
}

// mirror writes what a read of a calendar found: the busy intervals, and that it is current.
func (r *rig) mirror(cal calendar.ID, busy ...calendar.Interval) {
	r.t.Helper()
	window := calendar.Between(r.clock.now().Add(-48*time.Hour), r.clock.now().Add(r.clinic.horizon+96*time.Hour))
	check(r.t, r.store.Update(context.Background(), func(tx *store.Tx) error {
		tx.PutSnapshot(cal, &calendar.Busy{Window: window, Foreign: calendar.Union(busy)}, store.Mirror{Window: window})
		return nil
	}))
	r.store.MarkChecked(cal, r.clock.now())
}

// wait lets time pass; the calendars stay current.
func (r *rig) wait(d time.Duration) {
	r.clock.advance(d)
	for _, res := range r.clinic.resources {
		r.store.MarkChecked(res.BookInto, r.clock.now())
	}
}

// hours is an interval of Berlin wall time such as "2026-11-24 09:00", "12:00".
func hours(t testing.TB, date, from, to string) calendar.Interval {
	t.Helper()
	return calendar.Interval{Start: wall(t, date, from), End: wall(t, date, to)}
}

func wall(t testing.TB, date, at string) int64 {
	t.Helper()
	when, err := time.ParseInLocation("2006-01-02 15:04", date+" "+at, berlin)
	check(t, err)
	return when.Unix()
}

func slot(t testing.TB, date, at string) string { return desk.SlotID(wall(t, date, at)) }

func (r *rig) token() string {
	r.t.Helper()
	token, err := r.desk.NewToken(context.Background(), desk.Invitation{})
	check(r.t, err)
	return token
}

// phone returns a phone with a message of ours.
func (r *rig) phone() *whatsapp.Phone { return r.phoneWith(r.token()) }

func (r *rig) phoneWith(token string) *whatsapp.Phone {
	r.t.Helper()
	p, err := whatsapp.NewPhone(whatsapp.Options{
		FlowJSON: r.appflow, PublicKey: &testKey().PublicKey, Send: r.proxy.Forward, FlowToken: token,
		FlowTokenSignature: r.proxy.SignToken(token),
	})
	check(r.t, err)
	return p
}

// walk lets a customer book; any complaint of the phone is a fault of the endpoint.
func (r *rig) walk(p *whatsapp.Phone, plan whatsapp.Plan) whatsapp.Result {
	r.t.Helper()
	plan.Today = r.clock.now()
	result, err := whatsapp.Walk(context.Background(), p, plan)
	if err != nil {
		r.t.Fatalf("the walk failed: %v\n%s", err, trace(result))
	}
	return result
}

func (r *rig) books(p *whatsapp.Phone, plan whatsapp.Plan) whatsapp.Result {
	r.t.Helper()
	result := r.walk(p, plan)
	if result.Outcome != whatsapp.Success {
		r.t.Fatalf("outcome %s %q, want success\n%s", result.Outcome, result.Message, trace(result))
	}
	return result
}

func trace(result whatsapp.Result) string {
	var out strings.Builder
	for _, s := range result.Steps {
		fmt.Fprintf(&out, "%s %s → %s (%d) %q %v\n", s.Screen, s.Action, s.Shown, s.Status, s.Message, s.Chosen)
	}
	return out.String()
}

// bookings returns all that was booked.
func (r *rig) bookings() []*booking.Booking {
	r.t.Helper()
	var out []*booking.Booking
	check(r.t, r.store.View(context.Background(), func(tx *store.Reader) error {
		out = nil
		ids, err := tx.BookingIDs(r.clock.now().AddDate(-1, 0, 0), r.clock.now().AddDate(2, 0, 0), 1000)
		if err != nil {
			return err
		}
		for _, id := range ids {
			b, err := tx.Booking(id)
			if err != nil {
				return err
			}
			out = append(out, b)
		}
		return nil
	}))
	return out
}

// keys returns everything that is stored.
func (r *rig) keys() map[string]string {
	r.t.Helper()
	out := map[string]string{}
	check(r.t, r.bolt.View(context.Background(), func(tx kv.Reader) error {
		for item, err := range tx.Scan("", "") {
			if err != nil {
				return err
			}
			out[item.Key] = string(item.Value)
		}
		return nil
	}))
	return out
}

// reply is a decrypted answer.
type reply struct {
	status  int
	sealed  []byte
	plain   []byte
	Version string         `json:"version"`
	Screen  string         `json:"screen"`
	Data    map[string]any `json:"data"`
	Closed  string         `json:"error_msg"`
}

func (a reply) message() string {
	text, _ := a.Data["error_message"].(string)
	return text
}

// ids returns the ids of an option list.
func (a reply) ids(key string) []string {
	var out []string
	list, _ := a.Data[key].([]any)
	for _, item := range list {
		option, _ := item.(map[string]any)
		id, _ := option["id"].(string)
		out = append(out, id)
	}
	return out
}

type object = map[string]any

// send seals any request, as a client that keeps to no rule could, and opens the answer.
func (r *rig) send(request any) reply {
	r.t.Helper()
	plain, ok := request.([]byte)
	if !ok {
		var err error
		plain, err = json.Marshal(request)
		check(r.t, err)
	}
	body, session, err := flow.SealRequest(&testKey().PublicKey, plain)
	check(r.t, err)
	status, sealed, err := r.proxy.Forward(context.Background(), body)
	check(r.t, err)
	out := reply{status: status, sealed: sealed}
	if len(sealed) == 0 {
		return out
	}
	if out.plain, err = session.Open(sealed); err != nil {
		r.t.Fatalf("the answer with status %d: %v", status, err)
	}
	check(r.t, json.Unmarshal(out.plain, &out))
	return out
}

// exchange sends a data_exchange.
func (r *rig) exchange(token, screen string, data any) reply {
	r.t.Helper()
	return r.send(object{"version": "4.0", "action": "data_exchange", "screen": screen, "data": data, "flow_token": token})
}

// post sends a raw body and returns the status.
func (r *rig) post(method, signature string, body io.Reader) int {
	r.t.Helper()
	req, err := http.NewRequest(method, r.http.URL+"/flow", body)
	check(r.t, err)
	if signature != "" {
		req.Header.Set("X-Hub-Signature-256", signature)
	}
	resp, err := r.http.Client().Do(req)
	check(r.t, err)
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	check(r.t, err)
	return resp.StatusCode
}

func (r *rig) sign(body []byte) string { return flow.Sign([]byte(testSecret), body) }

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "internal", "flow", "testdata", name))
	check(t, err)
	return data
}

// complaint fails the test if the phone refused an answer.
func noComplaint(t testing.TB, err error) {
	t.Helper()
	var c *whatsapp.Complaint
	if errors.As(err, &c) {
		t.Fatalf("the phone refused the answer: %v", c)
	}
	check(t, err)
}

func (r *rig) person(id string) booking.Person {
	r.t.Helper()
	var p booking.Person
	check(r.t, r.store.View(context.Background(), func(tx *store.Reader) error {
		var err error
		p, err = tx.Person(id)
		return err
	}))
	return p
}
