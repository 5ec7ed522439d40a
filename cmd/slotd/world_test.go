package main

import (
	"cmp"
	"context"
	"crypto/rsa"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"slotd/internal/admin"
	"slotd/internal/config"
	"slotd/internal/emulator/google"
	"slotd/internal/emulator/graph"
	"slotd/internal/emulator/whatsapp"
	"slotd/internal/flow"
)

// What no output may hold.
const (
	plantedSecret = "planted-app-secret-7c1e"
	plantedName   = "Alexandra Mustermann"
	plantedNotes  = "planted note about a rash"
	plantedTitle  = "Planted private surgery"
)

const worldConfig = `
[server]
listen = "127.0.0.1:0"
admin = "unix:admin.sock"

[store]
token_key_file = "secrets/token_key"

[whatsapp]
app_secret_file = "secrets/app_secret"
private_key_files = ["secrets/flow_key.pem"]
accept_foreign_tokens = true

[business]
name = "Test Clinic"
zone = "Europe/Berlin"
horizon = "14d"
notice = "0s"

[freshness]
poll = "1s"

[[account]]
name = "google"
provider = "google"
client_id = %q
client_secret_file = "secrets/google_client_secret"
refresh_token_file = "secrets/google_refresh_token"
api_url = "%[2]s/calendar/v3/"
auth_url = "%[2]s/o/oauth2/v2/auth"
token_url = "%[2]s/token"
revoke_url = "%[2]s/revoke"

[[account]]
name = "outlook"
provider = "outlook"
client_id = %[3]q
client_secret_file = "secrets/outlook_client_secret"
refresh_token_file = "secrets/outlook_refresh_token"
api_url = "%[4]s/v1.0"
auth_url = "%[4]s/oauth2/v2.0/authorize"
token_url = "%[4]s/oauth2/v2.0/token"

[[department]]
id = "general"
title = "General practice"

[[service]]
id = "consultation"
title = "Consultation"
duration = "30m"
grid = "15m"

[[resource]]
id = "adams"
title = "Dr. Adams"
departments = ["general"]
hours = { mon-sun = ["08:00-20:00"] }
book_into = "google/` + googleCal + `"

[[resource]]
id = "baker"
title = "Dr. Baker"
departments = ["general"]
hours = { mon-sun = ["08:00-20:00"] }
book_into = "outlook/` + outlookCal + `"
`

// world is a clinic at two emulated providers in the test's own process, and the directory of a slotd.
type world struct {
	*testing.T
	google *google.Server
	graph  *graph.Server
	dir    string
	key    *rsa.PublicKey
	cfg    *config.Config
	zone   *time.Location
	day    time.Time // a day on which the tests book
	daemon *process
	setup  func(*exec.Cmd) // of each daemon; may be nil

	mu      sync.Mutex
	secrets []string // grows with the tokens that are made up
	said    []string // all that commands and daemons printed
}

// newWorld makes the world and runs init in it. When the test ends, no planted secret may have been printed.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, google: google.New(google.Options{}), graph: graph.New(graph.Options{}), dir: t.TempDir()}
	w.zone, _ = time.LoadLocation(clinicZone)
	y, m, d := time.Now().In(w.zone).Date()
	w.day = time.Date(y, m, d+3, 0, 0, 0, 0, w.zone)
	g, o := w.google.AddAccount(googleUser), w.graph.AddAccount(outlookUser)
	w.google.AddCalendar(googleUser, googleCal, "Dr. Adams", clinicZone)
	w.graph.AddCalendar(outlookUser, outlookCal, "Calendar", clinicZone)
	w.write("secrets/app_secret", plantedSecret+"\n")
	w.write("secrets/google_client_secret", g.ClientSecret)
	w.write("secrets/google_refresh_token", g.RefreshToken)
	w.write("secrets/outlook_client_secret", o.ClientSecret)
	w.write("secrets/outlook_refresh_token", o.RefreshToken)
	w.write("slotd.toml", fmt.Sprintf(worldConfig, g.ClientID, w.listen(w.google.Handler()), o.ClientID,
		w.listen(w.graph.Handler())))
	w.run("init").expect(t, exitDone, "created  database", "created  private key")
	w.secrets = append(w.secrets, plantedSecret, plantedName, plantedNotes, plantedTitle, g.ClientSecret,
		"ya29.", "EwB.", w.keyBody())
	public, err := os.ReadFile(filepath.Join(w.dir, "secrets/flow_key.pem.pub"))
	if err == nil {
		w.key, err = flow.ParsePublicKey(public)
	}
	if err == nil {
		w.cfg, err = config.Load(filepath.Join(w.dir, "slotd.toml"))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.checkSecrecy)
	return w
}

func (w *world) listen(h http.Handler) string {
	srv := httptest.NewServer(h)
	w.Cleanup(srv.Close)
	w.Cleanup(srv.CloseClientConnections)
	return srv.URL
}

func (w *world) write(name, text string) {
	w.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		w.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.Fatal(err)
	}
}

// keyBody returns a line from the inside of the private key.
func (w *world) keyBody() string {
	w.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, "secrets/flow_key.pem"))
	if err != nil {
		w.Fatal(err)
	}
	return strings.Split(string(text), "\n")[5]
}

// run runs a command with the world's config. What it prints is checked when the test ends; only "bookings" may name a
// customer.
func (w *world) run(args ...string) outcome {
	w.Helper()
	o := slotd(w.T, w.dir, append(args, "--config", "slotd.toml")...)
	text := o.stdout + o.stderr
	if args[0] == "bookings" {
		text = strings.NewReplacer(plantedName, "", plantedNotes, "").Replace(text)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, args[0]+":\n"+text)
	return o
}

// start serves, and returns once both calendars are mirrored.
func (w *world) start() {
	w.Helper()
	var setup []func(*exec.Cmd)
	if w.setup != nil {
		setup = append(setup, w.setup)
	}
	w.daemon = serve(w.T, w.dir, setup...)
	w.Cleanup(func() {
		if w.Failed() {
			w.Logf("the daemon's log:\n%s", w.daemon.log)
		}
	})
	log := w.daemon.log
	w.mu.Lock()
	w.said = append(w.said, "") // its place is filled by checkSecrecy
	i := len(w.said) - 1
	w.mu.Unlock()
	w.Cleanup(func() { w.said[i] = "serve:\n" + log.String() })
	eventually(w.T, "both mirrors", func() bool {
		s := w.status()
		return len(s.Calendars) >= 2 && !slices.ContainsFunc(s.Calendars, func(c admin.Calendar) bool { return !c.Fresh })
	})
}

// restart kills the daemon and starts it again.
func (w *world) restart() {
	w.Helper()
	w.daemon.kill()
	w.start()
}

func (w *world) status() admin.Status {
	w.Helper()
	var s admin.Status
	if err := ask(w.Context(), w.cfg, "/api/status", nil, &s); err != nil {
		w.Fatalf("%v\n%s", err, w.daemon.log)
	}
	return s
}

func (w *world) bookings() []admin.Booking {
	w.Helper()
	var list []admin.Booking
	if err := ask(w.Context(), w.cfg, "/api/bookings", nil, &list); err != nil {
		w.Fatal(err)
	}
	return list
}

// configure replaces a text of the config, before start.
func (w *world) configure(old, text string) {
	w.Helper()
	replaceInFile(w.T, filepath.Join(w.dir, "slotd.toml"), old, text)
}

// level waits until the providers are level with the bookings.
func (w *world) level() {
	w.Helper()
	eventually(w.T, "an empty outbox", func() bool { return w.status().Outbox.Waiting == 0 })
}

// at returns a time on the day on which the tests book.
func (w *world) at(hour, minute int) time.Time {
	y, m, d := w.day.Date()
	return time.Date(y, m, d, hour, minute, 0, 0, w.zone)
}

// checkSecrecy searches all that was printed.
func (w *world) checkSecrecy() {
	for _, text := range w.said {
		for _, secret := range w.secrets {
			if i := strings.Index(text, secret); i >= 0 {
				w.Errorf("a secret was printed: …%s…", text[max(0, i-200):min(len(text), i+len(secret)+100)])
			}
		}
	}
}

// customer returns a phone with a flow token of another tool's making. It may be used by a goroutine of its own.
func (w *world) customer(token string) *whatsapp.Phone {
	w.Helper()
	w.mu.Lock()
	if !slices.ContainsFunc(w.secrets, func(s string) bool { return strings.Contains(token, s) }) {
		w.secrets = append(w.secrets, token)
	}
	w.mu.Unlock()
	proxy := &whatsapp.Proxy{AppSecret: []byte(plantedSecret)}
	p, err := whatsapp.NewPhone(whatsapp.Options{
		FlowJSON: flow.Builtin(), PublicKey: w.key, FlowToken: token, FlowTokenSignature: proxy.SignToken(token),
		Send: func(ctx context.Context, body []byte) (int, []byte, error) {
			proxy := whatsapp.Proxy{Endpoint: "http://" + w.daemon.public + "/flow", AppSecret: []byte(plantedSecret)}
			return proxy.Forward(ctx, body)
		},
	})
	if err != nil {
		w.Fatal(err)
	}
	return p
}

// toConfirm leads a phone to the last screen; only its button is left to be tapped.
func toConfirm(ctx context.Context, p *whatsapp.Phone, resource string, start time.Time) error {
	part := "morning"
	if start.Hour() >= 17 {
		part = "evening"
	} else if start.Hour() >= 12 {
		part = "afternoon"
	}
	wanted := map[string]string{
		"department": "general", "service": "consultation", "resource": resource, "date": start.Format(time.DateOnly),
		"part": part, "slot": start.UTC().Format(time.RFC3339), "name": plantedName, "notes": plantedNotes,
	}
	if err := p.Open(ctx); err != nil {
		return err
	}
	for range 20 {
		if p.Screen() == "CONFIRM" {
			return nil
		}
		for _, name := range []string{"department", "service", "resource", "date", "part", "slot", "name", "notes"} {
			for _, in := range p.Inputs() {
				if in.Name == name && in.Value != wanted[name] {
					if err := p.Set(ctx, name, wanted[name]); err != nil {
						return fmt.Errorf("%s: %w", p.Screen(), err)
					}
				}
			}
		}
		if err := p.Tap(ctx); err != nil {
			return fmt.Errorf("%s: %w", p.Screen(), err)
		}
		if p.Snackbar() != "" {
			return fmt.Errorf("%s: %s", p.Screen(), p.Snackbar())
		}
	}
	return fmt.Errorf("the Flow stays at %s", p.Screen())
}

// book books and returns the parameters of SUCCESS and the phone.
func (w *world) book(token, resource string, start time.Time) (map[string]any, *whatsapp.Phone) {
	w.Helper()
	p := w.customer(token)
	err := toConfirm(w.Context(), p, resource, start)
	if err == nil {
		err = p.Tap(w.Context())
	}
	params, ok := p.Done()
	if err != nil || !ok {
		w.Fatalf("no booking: %v %s", err, p.Snackbar())
	}
	return params, p
}

// ours returns the ids of slotd's events at the provider of a resource, by the booking that they carry.
func (w *world) ours(resource string) map[string][]string {
	out := map[string][]string{}
	add := func(id, marker string) {
		if part := strings.Split(marker, "/"); len(part) >= 3 { // store, booking, resource and more
			out[part[1]] = append(out[part[1]], id)
		}
	}
	if resource == "adams" {
		for _, e := range w.google.Events(googleCal) {
			add(e.ID, e.Private["slotd"])
		}
		return out
	}
	for _, e := range w.graph.Events(outlookCal) {
		add(e.ID, outlookMarker(e))
	}
	return out
}

// once waits for the outbox to be empty and checks that a booking, and no other, has one event.
func (w *world) once(resource, booking string) {
	w.Helper()
	w.level()
	if events := w.ours(resource); len(events) != 1 || len(events[booking]) != 1 {
		w.Errorf("events by booking: %v; want one, of %s", events, booking)
	}
}

// text returns a parameter of SUCCESS.
func text(params map[string]any, key string) string {
	s, _ := params[key].(string)
	return cmp.Or(s, "no "+key)
}
