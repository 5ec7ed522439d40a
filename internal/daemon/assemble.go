package daemon

import (
	"cmp"
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"slotd/adapters/ics"
	"slotd/internal/account"
	"slotd/internal/booking"
	"slotd/internal/calendar"
	"slotd/internal/config"
	"slotd/internal/desk"
	"slotd/internal/flow"
	"slotd/internal/notify"
	"slotd/store"
	"slotd/store/kv/bolt"
	"slotd/syncer"
	"slotd/webhook"
)

// parts are the parts of one daemon that come from its config. A reload replaces them all; what outlives a reload is in
// the host.
type parts struct {
	host     *host
	o        Options
	cfg      *config.Config
	store    *store.Store
	db       *bolt.DB
	accounts []*account.Account // in the order of the config
	feeds    []*feeds           // likewise: those that nobody signs in to
	commands *accounts          // the same, for the commands about them
	syncer   *syncer.Syncer
	catalog  *booking.Catalog
	desk     *desk.Desk
	placed   map[calendar.ID][]string // which resources have bookings to come in which calendar
	webhook  *webhook.Server
	notifier *notify.Notifier // nil: nobody is told of bookings
	started  time.Time        // of the process
	log      *slog.Logger

	run running
}

// assemble makes the parts of a config; nothing runs yet. The error holds all that is wrong.
func assemble(h *host, cfg *config.Config) (*parts, error) {
	o := h.o
	o.Config = cfg
	p := &parts{host: h, o: o, cfg: cfg, store: h.store, db: h.db, log: h.log, started: h.started}
	p.commands = &accounts{cfg: cfg, all: map[string]connected{}, feeds: map[string]*ics.Client{}, nudge: p.nudgeAccount}
	p.warnOfKeys()
	err := cfg.CheckModes()
	if err == nil {
		err = LoadHolidays(cfg)
	}
	if err == nil {
		p.catalog = booking.NewCatalog(cfg.Bookable())
		err = p.makeSyncer()
	}
	if err == nil {
		err = p.makeDesk()
	}
	if err = errors.Join(err, p.makeWebhook(), p.makeNotifier()); err != nil {
		p.close()
		return nil, err
	}
	p.run.public, p.run.admin = p.webhook.Handler(), p.adminHandler()
	return p, nil
}

// close ends what assemble opened. It waits for the accounts.
func (p *parts) close() {
	var closing sync.WaitGroup
	for _, a := range p.accounts {
		closing.Go(a.Close)
	}
	closing.Wait()
}

// closeWithin is how long close takes at most.
func (p *parts) closeWithin() (d time.Duration) {
	for _, a := range p.accounts {
		d = max(d, a.CloseWithin())
	}
	return d
}

// holdAccounts lets nobody touch the tokens of new accounts until takeOver.
func (p *parts) holdAccounts() {
	for _, a := range p.accounts {
		a.Hold()
	}
}

// takeOver gives the accounts what those of the same name before could not save.
func (p *parts) takeOver(old *parts) {
	for _, a := range p.accounts {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second) // a closed account is free at once
		if err := a.TakeOver(ctx, old.commands.all[a.Name()].Account); err != nil {
			p.log.Warn("reload: a renewed token is still in memory only", "error", err)
		}
		cancel()
	}
}

func (p *parts) makeSyncer() error {
	accounts := map[string]syncer.Account{}
	var faults []error
	for i := range p.cfg.Accounts {
		a := &p.cfg.Accounts[i]
		if a.Provider == config.ICS {
			feeds, err := p.openFeeds(a)
			if err != nil {
				faults = append(faults, fmt.Errorf("account %s: %w", a.Name, err))
			}
			accounts[a.Name] = feeds
			continue
		}
		client, err := p.connect(a)
		if err != nil {
			faults = append(faults, fmt.Errorf("account %s: %w", a.Name, err))
			continue
		}
		own := syncer.Account{Source: client, Sink: client, Concurrency: a.Concurrency, PerMinute: a.PerMinute}
		pushOf(&own, p.cfg.Server, a, client)
		accounts[a.Name] = own
	}
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	p.expectAccounts()
	var err error
	if p.placed, err = desk.Placed(context.Background(), p.store, time.Now()); err != nil {
		return err
	}
	p.syncer, err = syncer.New(syncer.Config{
		Store: p.store, Accounts: accounts, Calendars: calendars(p.cfg.Resources), Poll: p.cfg.Freshness.Poll,
		Ahead: p.catalog.Reach(), Describe: p.describe, Zone: p.zoneOf,
		Capacity: p.capacityOf, Booked: p.booked(), Identity: p.identity, Terms: p.termsOf, Log: p.log,
		ReadFailed: p.o.metrics.ReadFailed, WriteFailed: p.o.metrics.WriteFailed,
		ChannelFailed: p.o.metrics.ChannelFailed, LiveRead: p.o.metrics.LiveRead, Drifted: p.o.metrics.Drifted,
	})
	if err == nil {
		p.commands.stopChannels = stopChannels(p.syncer, p.log)
	}
	return err
}

// connect makes an account and its client.
func (p *parts) connect(a *config.Account) (Client, error) {
	c, err := openAccount(p.o, a, p.store)
	if err != nil {
		return nil, err
	}
	p.accounts = append(p.accounts, c.Account)
	p.commands.all[a.Name] = c
	return c.client, nil
}

func (p *parts) makeDesk() error {
	blocked, err := p.blocked()
	if err != nil {
		return err
	}
	p.desk, err = desk.New(desk.Config{
		Placed: p.placed,
		Store:  p.store, Catalog: p.catalog,
		ServeWithin: p.cfg.Freshness.ServeWithin, VerifyWithin: p.cfg.Freshness.VerifyWithin,
		ClockWrong:       p.host.health.clocks.wrong,
		AcceptUnverified: p.cfg.Freshness.AcceptUnverified, Live: p.syncer, TokenTTL: p.cfg.Flow.TokenTTL, Hold: p.cfg.Flow.Hold,
		HoldsPerCustomer:    p.cfg.Flow.Holds,
		AcceptForeignTokens: p.cfg.WhatsApp.AcceptForeignTokens,
		Defaults: desk.Choice{
			Department: p.cfg.Flow.Department, Service: p.cfg.Flow.Service, Resource: p.cfg.Flow.Resource,
		},
		Identity: p.identity, Written: p.written, Blocked: blocked,
	})
	if err == nil {
		p.unlistBookings(context.Background()) // before anybody books by these rules
	}
	return err
}

// identity asks the calendar's provider for the form of an identity.
func (p *parts) identity(cal calendar.ID, bookingID, resource string, attempt int) string {
	a, _ := p.cfg.Account(cal.Account())
	of := p.o.Providers[a.Provider].Identity
	if of == nil {
		return "" // of a feed, or of an account that is gone: nothing of ours is there
	}
	return of(p.store.ID(), bookingID, resource, attempt)
}

// written wakes the write-back of the parts that serve: these, or those that a reload has put in their place since.
func (p *parts) written(cal calendar.ID) {
	p.syncer.Written(cal)
	if now := p.host.now(); now != nil && now != p {
		now.syncer.Written(cal)
	}
}

func (p *parts) makeWebhook() error {
	f, flowErr := LoadFlow(p.cfg)
	keys, keysErr := LoadKeys(p.cfg)
	secrets, err := p.appSecrets()
	if err = errors.Join(flowErr, keysErr, err); err != nil || p.desk == nil {
		return err
	}
	p.webhook, err = webhook.New(webhook.Config{
		Desk: p.desk, Flow: f, Keys: keys, AppSecrets: secrets, Business: p.cfg.Business.Name,
		Phone: p.cfg.Business.Phone, ScreenTTL: p.cfg.Flow.ScreenTTL, Ready: p.ready, Log: p.log,
		SignIn: &p.host.signIns, Observe: p.observeFlow(f), Pushed: p.syncer.Pushed, ObservePush: p.observePush(),
	})
	return err
}

func (p *parts) appSecrets() ([][]byte, error) {
	var secrets [][]byte
	var faults []error
	for _, s := range p.cfg.WhatsApp.AppSecrets {
		value, err := s.Read()
		if err != nil {
			faults = append(faults, fmt.Errorf("[whatsapp] app_secret: %w", err))
		}
		secrets = append(secrets, value)
	}
	return secrets, errors.Join(faults...)
}

// LoadFlow reads and checks the Flow JSON that the config names, or the built-in one.
func LoadFlow(cfg *config.Config) (*flow.Flow, error) {
	data, err := FlowJSON(cfg)
	if err != nil {
		return nil, fmt.Errorf("read the Flow: %w", err)
	}
	f, err := flow.Parse(data, cfg.Flow.Bind)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be served:\n%w", cmp.Or(cfg.Flow.File, "the built-in Flow"), err)
	}
	return f, nil
}

// FlowJSON returns the Flow JSON that the config names, or the built-in one in the order that it asks for.
func FlowJSON(cfg *config.Config) ([]byte, error) {
	switch {
	case cfg.Flow.File != "":
		return os.ReadFile(cfg.Flow.File)
	case cfg.Flow.DayFirst:
		return flow.BuiltinDayFirst(), nil
	}
	return flow.Builtin(), nil
}

// LoadKeys reads the private keys that the config names, the newest first.
func LoadKeys(cfg *config.Config) (*flow.KeyRing, error) {
	var keys []*rsa.PrivateKey
	var faults []error
	for _, s := range cfg.WhatsApp.PrivateKeys {
		text, err := s.Read()
		if err != nil {
			faults = append(faults, fmt.Errorf("[whatsapp] private_key: %w", err))
			continue
		}
		key, err := flow.ParsePrivateKey(text)
		if err != nil {
			faults = append(faults, fmt.Errorf("private key from %s: %w", s, err))
		}
		keys = append(keys, key)
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
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

func (p *parts) capacityOf(resource, service string) int {
	return p.catalog.Capacity(resource, service)
}

// termsOf returns the buffers of a service, and whether the resource can be chosen for it.
func (p *parts) termsOf(service, resource string) (before, after time.Duration, offers bool) {
	if o := p.catalog.Offer("", resource, service); o != nil {
		before, after = o.Before, o.After
	}
	r := p.desk.Resource(resource)
	return before, after, r != nil && slices.Contains(r.Services, service)
}

// booked returns the calendars that bookings are written into, now or before.
func (p *parts) booked() []calendar.ID {
	var out []calendar.ID
	for _, r := range p.cfg.Resources {
		out = append(out, r.BookInto)
	}
	return slices.AppendSeq(out, maps.Keys(p.placed))
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
