package main

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"slotd/internal/calendar"
	"slotd/internal/config"
	"slotd/internal/daemon"
	"slotd/internal/desk"
	"slotd/internal/emulator/google"
	"slotd/internal/emulator/graph"
	"slotd/internal/emulator/page"
	"slotd/internal/emulator/whatsapp"
	"slotd/internal/flow"
)

// The clinic of the demo: two departments, doctors who live in Google Calendar and others who live in Outlook, and a room that
// one of the two services needs beside whoever gives it.
const (
	clinicName   = "Harbour Clinic"
	clinicZone   = "Europe/Berlin"
	googleUser   = "adams@clinic.example"
	outlookUser  = "baker@clinic.example"
	googleCal    = "adams@clinic.example"
	outlookCal   = "AAMkAGBakerCalendar="
	clarkeCal    = "clarke@clinic.example"
	denizCal     = "AAMkAGDenizCalendar="
	ecgRoomCal   = "AAMkAGEcgRoomCalendar="
	demoSecret   = "demo-app-secret"
	demoPoll     = time.Second
	demoCustomer = "Sam Rivers"
	demoPhone    = "490000000000"
)

const pageHeaderTimeout = 5 * time.Second

const clinicConfig = `
[server]
listen = "127.0.0.1:0"
admin = "unix:admin.sock"

[store]
token_key_file = "secrets/token_key"

[whatsapp]
app_secret_file = "secrets/app_secret"
private_key_files = ["secrets/flow_key.pem"]

[business]
name = "` + clinicName + `"
phone = "+49 000 000000"
zone = "` + clinicZone + `"
horizon = "21d"
notice = "30m"
hours = { mon-fri = ["08:00-18:00"] }
event_title = "{name}, {service}"
event_body = "Booked over WhatsApp, reference {reference}\n{phone}\n{notes}"

[freshness]
poll = "` + "%[1]s" + `"

[[account]]
name = "google"
provider = "google"
client_id = %[2]q
client_secret_file = "secrets/google_client_secret"
refresh_token_file = "secrets/google_refresh_token"
api_url = "%[3]s/calendar/v3/"
auth_url = "%[3]s/o/oauth2/v2/auth"
token_url = "%[3]s/token"

[[account]]
name = "outlook"
provider = "outlook"
client_id = %[4]q
client_secret_file = "secrets/outlook_client_secret"
refresh_token_file = "secrets/outlook_refresh_token"
api_url = "%[5]s/v1.0"
auth_url = "%[5]s/oauth2/v2.0/authorize"
token_url = "%[5]s/oauth2/v2.0/token"

[[holiday]]
title = "Public holidays"
dates = ["01-01", "05-01", "12-25", "12-26"]

[[department]]
id = "general"
title = "General practice"

[[department]]
id = "cardiology"
title = "Cardiology"

[[service]]
id = "consultation"
title = "Consultation"
duration = "30m"
grid = "30m"

[[service]]
id = "checkup"
title = "Check-up with ECG"
duration = "45m"
grid = "15m"
buffer_after = "5m"
max_per_day = 6
needs = ["ecg-room"]

[[resource]]
id = "adams"
title = "Dr. Adams"
departments = ["general"]
hours = { mon-fri = ["09:00-12:00", "13:00-17:00"] }
book_into = "google/` + googleCal + `"

[[resource]]
id = "baker"
title = "Dr. Baker"
departments = ["general", "cardiology"]
hours = { mon-thu = ["08:30-12:30", "14:00-18:00"], fri = ["08:30-12:30"] }
book_into = "outlook/` + outlookCal + `"

[[resource]]
id = "clarke"
title = "Dr. Clarke"
departments = ["cardiology"]
hours = { mon-wed = ["08:00-12:00"], thu-fri = ["12:00-18:00"] }
book_into = "google/` + clarkeCal + `"

[[resource]]
id = "deniz"
title = "Dr. Deniz"
departments = ["cardiology"]
book_into = "outlook/` + denizCal + `"

[[resource]]
id = "ecg-room"
title = "ECG room"
book_into = "outlook/` + ecgRoomCal + `"
`

// clinic is the world outside slotd: both providers, with the calendars of the doctors and the room, on loopback ports.
type clinic struct {
	google     *google.Server
	graph      *graph.Server
	googleURL  string
	outlookURL string
	servers    []*http.Server
}

func newClinic(ctx context.Context) (*clinic, error) {
	c := &clinic{google: google.New(google.Options{}), graph: graph.New(graph.Options{})}
	c.google.AddAccount(googleUser)
	c.google.AddCalendar(googleUser, googleCal, "Dr. Adams", clinicZone)
	c.google.AddCalendar(googleUser, clarkeCal, "Dr. Clarke", clinicZone)
	c.graph.AddAccount(outlookUser)
	c.graph.AddCalendar(outlookUser, outlookCal, "Calendar", clinicZone)
	c.graph.AddCalendar(outlookUser, denizCal, "Dr. Deniz", clinicZone)
	c.graph.AddCalendar(outlookUser, ecgRoomCal, "ECG room", clinicZone)
	var err error
	if c.googleURL, err = c.serve(ctx, c.google.Handler()); err != nil {
		return nil, err
	}
	if c.outlookURL, err = c.serve(ctx, c.graph.Handler()); err != nil {
		c.close()
		return nil, err
	}
	return c, c.fill(time.Now())
}

// serve serves a provider on a port of its own and returns its URL.
func (c *clinic) serve(ctx context.Context, h http.Handler) (string, error) {
	var open net.ListenConfig
	l, err := open.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("serve an emulated provider: %w", err)
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: pageHeaderTimeout}
	c.servers = append(c.servers, srv)
	go func() { _ = srv.Serve(l) }() // ends with close
	return "http://" + l.Addr().String(), nil
}

func (c *clinic) close() {
	for _, s := range c.servers {
		_ = s.Close()
	}
}

// fill gives the doctors working weeks of their own around now.
func (c *clinic) fill(now time.Time) error {
	zone, err := time.LoadLocation(clinicZone)
	if err != nil {
		return err
	}
	at := func(day, hour, minute int) time.Time {
		y, m, d := now.In(zone).Date()
		monday := d - (int(now.In(zone).Weekday())+6)%7
		return time.Date(y, m, monday+day, hour, minute, 0, 0, zone)
	}
	for week := range 4 {
		day := week * 7
		inGoogle := func(cal, title string, start, end time.Time, free bool) {
			c.google.Put(cal, google.Event{Title: title, Start: start, End: end, Transparent: free})
		}
		inOutlook := func(cal, title string, start, end time.Time) {
			c.graph.Put(cal, graph.Event{Title: title, Start: start, End: end, ShowAs: "busy"})
		}
		inGoogle(googleCal, "Ward round", at(day, 9, 0), at(day, 10, 30), false)
		inGoogle(googleCal, "Surgery", at(day+2, 13, 0), at(day+2, 16, 0), false)
		inGoogle(googleCal, "On call", at(day+3, 9, 0), at(day+3, 12, 0), true)
		inGoogle(clarkeCal, "Catheter lab", at(day+1, 8, 0), at(day+1, 11, 0), false)
		inOutlook(outlookCal, "Team meeting", at(day+1, 8, 30), at(day+1, 10, 0))
		inOutlook(outlookCal, "Echo lab", at(day+3, 14, 0), at(day+3, 17, 0))
		inOutlook(denizCal, "Teaching", at(day+2, 8, 0), at(day+2, 12, 0))
		inOutlook(ecgRoomCal, "Maintenance", at(day+4, 8, 0), at(day+4, 10, 0))
	}
	return nil
}

// demo is the clinic with a slotd of its own.
type demo struct {
	clinic   *clinic
	dayFirst bool
	cfg      *config.Config
	flow     []byte // the Flow that is served
	running  daemon.Running
	key      *rsa.PublicKey
}

// configure writes a config directory as a person would, and loads it.
func (d *demo) configure(ctx context.Context, dir string) (*config.Config, error) {
	secrets := filepath.Join(dir, "secrets")
	if err := os.Mkdir(secrets, 0o700); err != nil {
		return nil, err
	}
	g, o := d.clinic.google.AddAccount(googleUser), d.clinic.graph.AddAccount(outlookUser)
	for name, value := range map[string]string{
		"app_secret": demoSecret, "google_client_secret": g.ClientSecret, "google_refresh_token": g.RefreshToken,
		"outlook_client_secret": o.ClientSecret, "outlook_refresh_token": o.RefreshToken,
	} {
		if err := writeNew(filepath.Join(secrets, name), []byte(value), 0o600); err != nil {
			return nil, err
		}
	}
	format := clinicConfig
	if d.dayFirst {
		format += "\n[flow]\norder = [\"department\", \"service\", \"date\", \"resource\"]\n"
	}
	text := fmt.Sprintf(format, demoPoll, g.ClientID, d.clinic.googleURL, o.ClientID, d.clinic.outlookURL)
	path := filepath.Join(dir, "slotd.toml")
	if err := writeNew(path, []byte(text), 0o600); err != nil {
		return nil, err
	}
	cfg, err := config.Load(path)
	if err != nil {
		return nil, err
	}
	if d.flow, err = daemon.FlowJSON(cfg); err != nil {
		return nil, err
	}
	if err := createStore(ctx, cfg.Store.Path); err != nil {
		return nil, err
	}
	if err := errors.Join(createKey(keyFile(cfg)), createTokenKey(tokenKeyFile(cfg))); err != nil {
		return nil, err
	}
	public, err := os.ReadFile(keyFile(cfg) + ".pub")
	if err != nil {
		return nil, err
	}
	d.key, err = flow.ParsePublicKey(public)
	return cfg, err
}

// proxy stands for Meta: it alone adds the signature.
func (d *demo) proxy() *whatsapp.Proxy {
	return &whatsapp.Proxy{Endpoint: "http://" + d.running.Public.String() + "/flow", AppSecret: []byte(demoSecret)}
}

// phone returns a customer's phone with a fresh message.
func (d *demo) phone(ctx context.Context) (*whatsapp.Phone, error) {
	token, err := d.running.Desk.NewToken(ctx, desk.Invitation{Phone: demoPhone})
	if err != nil {
		return nil, err
	}
	return whatsapp.NewPhone(whatsapp.Options{
		FlowJSON: d.flow, PublicKey: d.key, Send: d.proxy().Forward, FlowToken: token,
		FlowTokenSignature: d.proxy().SignToken(token),
	})
}

// page returns the handler of the demo's page.
func (d *demo) page() (http.Handler, error) {
	return page.New(page.Config{
		Business: clinicName, FlowJSON: d.flow,
		PublicKey: func() []byte { return flow.PublicKeyPEM(d.key) },
		Proxy:     d.proxy(),
		NewToken: func(ctx context.Context) (string, error) {
			return d.running.Desk.NewToken(ctx, desk.Invitation{Phone: demoPhone})
		},
		Calendars: d.clinic.diaries(),
		Changed:   d.changes,
		Freshness: func() map[string]time.Time {
			return map[string]time.Time{
				googleKey:  d.running.Checked(calendar.ID("google/" + googleCal)),
				outlookKey: d.running.Checked(calendar.ID("outlook/" + outlookCal)),
				clarkeKey:  d.running.Checked(calendar.ID("google/" + clarkeCal)),
				denizKey:   d.running.Checked(calendar.ID("outlook/" + denizCal)),
				ecgRoomKey: d.running.Checked(calendar.ID("outlook/" + ecgRoomCal)),
			}
		},
	})
}

// changes fires when a calendar changed, until ctx ends.
func (d *demo) changes(ctx context.Context) <-chan struct{} {
	out := make(chan struct{}, 1)
	go func() {
		for {
			g, o := d.clinic.google.Changed(), d.clinic.graph.Changed()
			select {
			case <-g:
			case <-o:
			case <-ctx.Done():
				return
			}
			select {
			case out <- struct{}{}:
			default:
			}
		}
	}()
	return out
}
