package daemon

import (
	"crypto/rsa"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"slotd/internal/account"
	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/internal/config"
	"slotd/internal/desk"
	"slotd/internal/flow"
	"slotd/store"
	"slotd/syncer"
	"slotd/webhook"
)

// parts are the parts of one daemon.
type parts struct {
	o        Options
	cfg      *config.Config
	store    *store.Store
	accounts []*account.Account // in the order of the config
	syncer   *syncer.Syncer
	desk     *desk.Desk
	webhook  *webhook.Server
	started  time.Time
	log      *slog.Logger
}

// assemble makes the parts; nothing runs yet.
func assemble(o Options, st *store.Store) (_ *parts, err error) {
	p := &parts{o: o, cfg: o.Config, store: st, log: o.Log, started: time.Now()}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	if err := p.makeSyncer(); err != nil {
		return nil, err
	}
	if err := p.makeDesk(); err != nil {
		return nil, err
	}
	if err := p.makeWebhook(); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *parts) close() {
	for _, a := range p.accounts {
		a.Close()
	}
}

func (p *parts) makeSyncer() error {
	accounts := map[string]syncer.Account{}
	for i := range p.cfg.Accounts {
		a := &p.cfg.Accounts[i]
		client, err := p.connect(a)
		if err != nil {
			return fmt.Errorf("account %s: %w", a.Name, err)
		}
		accounts[a.Name] = syncer.Account{
			Source: client, Sink: client, Concurrency: a.Concurrency, PerMinute: a.PerMinute,
		}
	}
	var err error
	p.syncer, err = syncer.New(syncer.Config{
		Store: p.store, Accounts: accounts, Calendars: calendars(p.cfg.Resources), Poll: p.cfg.Freshness.Poll,
		Ahead: p.cfg.Business.Horizon + longest(p.cfg.Services), Describe: p.describe, Zone: p.zoneOf, Log: p.log,
	})
	return err
}

// connect makes the client of an account.
func (p *parts) connect(a *config.Account) (Client, error) {
	provider, ok := p.o.Providers[a.Provider]
	if !ok {
		return nil, fmt.Errorf("this slotd was built without provider %q", a.Provider)
	}
	cfg := account.Config{
		Name: a.Name, Provider: a.Provider, Grant: a.Grant, ClientID: a.ClientID,
		TokenURL: a.TokenURL, AuthURL: a.AuthURL, APIURL: a.APIURL, Scopes: a.Scopes,
		HTTP: p.httpClient(), Tokens: p.store, RefreshTokenFrom: a.RefreshToken.String(),
	}
	if a.ClientSecret.Set() {
		cfg.ClientSecret = a.ClientSecret.Read
	}
	if a.RefreshToken.Set() {
		cfg.RefreshToken = a.RefreshToken.Read
	}
	acc, err := account.New(cfg)
	if err != nil {
		return nil, err
	}
	p.accounts = append(p.accounts, acc)
	return provider.New(ClientConfig{
		HTTP: acc.Client(), APIURL: a.APIURL, User: a.User, Zone: a.Zone.String(),
		AllDayBusy: func(cal string) bool {
			return p.cfg.AllDay(calendar.ID(a.Name+"/"+cal)) == config.AllDayBusy
		},
	})
}

// httpClient carries requests to providers and their token servers.
func (p *parts) httpClient() *http.Client {
	if p.o.HTTP != nil {
		return p.o.HTTP
	}
	return &http.Client{Timeout: account.DefaultTimeout}
}

func (p *parts) makeDesk() error {
	var err error
	p.desk, err = desk.New(desk.Config{
		Store: p.store, Zone: p.cfg.Business.Zone, Departments: p.cfg.Departments, Services: p.cfg.Services,
		Resources: p.cfg.Resources, Notice: p.cfg.Business.Notice, Horizon: p.cfg.Business.Horizon,
		ServeWithin: p.cfg.Freshness.ServeWithin, TokenTTL: p.cfg.Flow.TokenTTL,
		AcceptForeignTokens: p.cfg.WhatsApp.AcceptForeignTokens,
		Defaults: desk.Choice{
			Department: p.cfg.Flow.Department, Service: p.cfg.Flow.Service, Resource: p.cfg.Flow.Resource,
		},
		Identity: p.identity, Written: p.syncer.Written,
	})
	return err
}

// identity asks the calendar's provider for the form of an identity.
func (p *parts) identity(cal calendar.ID, bookingID, resource string, attempt int) string {
	a, _ := p.cfg.Account(cal.Account())
	return p.o.Providers[a.Provider].Identity(p.store.ID(), bookingID, resource, attempt)
}

func (p *parts) makeWebhook() error {
	f, err := LoadFlow(p.cfg)
	if err != nil {
		return err
	}
	keys, err := LoadKeys(p.cfg)
	if err != nil {
		return err
	}
	var secrets [][]byte
	for _, s := range p.cfg.WhatsApp.AppSecrets {
		value, err := s.Read()
		if err != nil {
			return fmt.Errorf("read the app secret: %w", err)
		}
		secrets = append(secrets, value)
	}
	p.webhook, err = webhook.New(webhook.Config{
		Desk: p.desk, Flow: f, Keys: keys, AppSecrets: secrets, Business: p.cfg.Business.Name,
		Phone: p.cfg.Business.Phone, ScreenTTL: p.cfg.Flow.ScreenTTL, Ready: p.ready, Log: p.log,
	})
	return err
}

// LoadFlow reads and checks the Flow JSON that the config names, or the built-in one.
func LoadFlow(cfg *config.Config) (*flow.Flow, error) {
	data, name := flow.Builtin(), "the built-in Flow"
	if cfg.Flow.File != "" {
		name = cfg.Flow.File
		var err error
		if data, err = os.ReadFile(cfg.Flow.File); err != nil {
			return nil, fmt.Errorf("read the Flow: %w", err)
		}
	}
	f, err := flow.Parse(data, cfg.Flow.Bind)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be served:\n%w", name, err)
	}
	return f, nil
}

// LoadKeys reads the private keys that the config names, the newest first.
func LoadKeys(cfg *config.Config) (*flow.KeyRing, error) {
	var keys []*rsa.PrivateKey
	for _, s := range cfg.WhatsApp.PrivateKeys {
		text, err := s.Read()
		if err != nil {
			return nil, fmt.Errorf("read a private key: %w", err)
		}
		key, err := flow.ParsePrivateKey(text)
		if err != nil {
			return nil, fmt.Errorf("private key from %s: %w", s, err)
		}
		keys = append(keys, key)
	}
	return flow.NewKeyRing(keys...)
}

func (p *parts) describe(b *booking.Booking, person booking.Person, pl booking.Placement) (title, body string) {
	service, resource := b.Service, pl.Resource
	if s := p.desk.Service(b.Service); s != nil {
		service = s.Title
	}
	if r := p.desk.Resource(pl.Resource); r != nil {
		resource = r.Title
	}
	t := booking.Templates{Title: p.cfg.Business.EventTitle, Body: p.cfg.Business.EventBody}
	return t.Render(b, person, service, resource)
}

func (p *parts) zoneOf(resource string) string {
	if r := p.desk.Resource(resource); r != nil {
		return r.Zone.String()
	}
	return p.cfg.Business.Zone.String()
}

// calendars returns every calendar that blocks a resource, each once.
func calendars(resources []booking.Resource) []calendar.ID {
	var out []calendar.ID
	seen := map[calendar.ID]bool{}
	for _, r := range resources {
		for _, c := range r.Blocks {
			if !seen[c] {
				seen[c] = true
				out = append(out, c)
			}
		}
	}
	return out
}

// longest returns the longest time that a service takes, buffers included.
func longest(services []booking.Service) time.Duration {
	var d time.Duration
	for _, s := range services {
		d = max(d, s.Before+s.Duration+s.After)
	}
	return d
}
