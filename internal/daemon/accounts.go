package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"

	"slotd/adapters/ics"
	"slotd/internal/account"
	"slotd/internal/admin"
	"slotd/internal/calendar"
	"slotd/internal/config"
	"slotd/store"
	"slotd/store/kv/bolt"
)

// LoadTokenKeys reads the keys that seal the accounts' tokens; nil when the config names none.
func LoadTokenKeys(cfg *config.Config) (*account.Keys, error) {
	if len(cfg.Store.TokenKeys) == 0 {
		return nil, nil
	}
	var texts [][]byte
	for _, s := range cfg.Store.TokenKeys {
		text, err := s.Read()
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	keys, err := account.ParseKeys(texts...)
	if err != nil {
		return nil, fmt.Errorf("[store] token_key: %w", err)
	}
	return keys, nil
}

// AccountConfig returns what package account needs to know of an account; client carries its requests. Where tokens are
// kept is for the caller.
func AccountConfig(cfg *config.Config, a *config.Account, client *http.Client) account.Config {
	c := account.Config{
		Name: a.Name, Provider: a.Provider, Grant: a.Grant, ClientID: a.ClientID, Subject: a.Subject,
		TokenURL: a.TokenURL, AuthURL: a.AuthURL, APIURL: a.APIURL, DeviceURL: a.DeviceURL, RevokeURL: a.RevokeURL,
		Scopes: a.Scopes, HTTP: client,
	}
	if a.ClientSecret.Set() {
		c.ClientSecret = a.ClientSecret.Read
	}
	if a.RefreshToken.Set() {
		c.RefreshToken, c.RefreshTokenFrom = a.RefreshToken.Read, a.RefreshToken.String()
	}
	if a.ServiceAccount.Set() {
		c.ServiceAccount = a.ServiceAccount.Read
	}
	if len(cfg.Store.TokenKeys) > 0 {
		c.Keys = func() (*account.Keys, error) { return LoadTokenKeys(cfg) }
	}
	return c
}

// connected is an account at work.
type connected struct {
	*account.Account
	client Client
}

// accounts answers what the commands ask about accounts.
type accounts struct {
	cfg   *config.Config
	all   map[string]connected
	feeds map[string]*ics.Client // those that nobody signs in to
	// nudge wakes the mirrors of an account; nil where there are none.
	nudge func(account string)
	// stopChannels ends the push channels of an account; nil where there are none.
	stopChannels func(ctx context.Context, account string)
}

// Account implements admin.Accounts.
func (as *accounts) Account(_ context.Context, name string) (admin.AccountDetail, error) {
	if as.feeds[name] != nil {
		return admin.AccountDetail{Account: feedRow(name), CannotSave: feedsError(name).Error()}, nil
	}
	acc, a, err := as.find(name)
	if err != nil {
		return admin.AccountDetail{}, err
	}
	s := acc.Status()
	d := admin.AccountDetail{Account: admin.Account{
		Name: name, Provider: a.Provider, State: string(s.State), Reason: s.Reason,
	}}
	if err := acc.CanSave(); err != nil {
		d.CannotSave = err.Error()
	}
	return d, nil
}

// Calendars implements admin.Accounts.
func (as *accounts) Calendars(ctx context.Context, name string) ([]admin.CalendarChoice, error) {
	if f := as.feeds[name]; f != nil {
		list, err := f.Calendars(ctx)
		return choices(name, list), err
	}
	acc, _, err := as.find(name)
	if err != nil {
		return nil, err
	}
	return calendarChoices(ctx, name, acc.Account, acc.client)
}

func calendarChoices(ctx context.Context, name string, acc *account.Account, c Client) ([]admin.CalendarChoice, error) {
	list, err := c.Calendars(ctx)
	if err != nil {
		if s := acc.Status(); s.State == account.StateNeedsPerson {
			return nil, errors.New(s.Reason) // which says how to mend it
		}
		return nil, fmt.Errorf("account %q: %w", name, err)
	}
	return choices(name, list), nil
}

func choices(name string, list []calendar.Info) []admin.CalendarChoice {
	out := []admin.CalendarChoice{}
	for _, i := range list {
		out = append(out, admin.CalendarChoice{
			Calendar: name + "/" + i.ID, Name: i.Name, Zone: i.Zone, Writable: i.Writable, Primary: i.Primary,
		})
	}
	return out
}

// Adopt implements admin.Accounts.
func (as *accounts) Adopt(ctx context.Context, name string, in admin.Adoption) error {
	acc, _, err := as.find(name)
	if err != nil {
		return err
	}
	if in.RefreshToken == "" {
		return errors.New("there is no refresh token to adopt")
	}
	g := account.Grant{RefreshToken: in.RefreshToken, Scopes: in.Scopes, Identity: in.Identity}
	if err := acc.Adopt(ctx, g, in.Replace); err != nil {
		return err
	}
	if as.nudge != nil {
		as.nudge(name)
	}
	return nil
}

// Disconnect implements admin.Accounts.
func (as *accounts) Disconnect(ctx context.Context, name string, local bool) (admin.Disconnection, error) {
	acc, a, err := as.find(name)
	if err != nil {
		return admin.Disconnection{}, err
	}
	if as.stopChannels != nil {
		as.stopChannels(ctx, name) // while the sign-in still allows it
	}
	revoked, err := acc.Disconnect(ctx, local)
	d := admin.Disconnection{Revoked: revoked}
	if a.RefreshToken.Set() {
		d.Configured = a.RefreshToken.String()
	}
	return d, err
}

func (as *accounts) find(name string) (connected, config.Account, error) {
	if as.feeds[name] != nil {
		return connected{}, config.Account{}, feedsError(name)
	}
	acc, ok := as.all[name]
	a, known := as.cfg.Account(name)
	if !ok || !known {
		return acc, a, fmt.Errorf("the daemon that runs knows no account %q: reload its configuration first", name)
	}
	return acc, a, nil
}

// nudgeAccount makes the mirrors of an account look at once.
func (p *parts) nudgeAccount(name string) {
	p.syncer.ResumeChannels(name)
	for _, cal := range calendars(p.cfg.Resources) {
		if cal.Account() == name {
			p.syncer.Nudge(cal)
		}
	}
}

// warnOfKeys says what it means that tokens cannot be sealed.
func (p *parts) warnOfKeys() {
	signsIn := func(a config.Account) bool { return a.Grant == config.RefreshToken }
	if len(p.cfg.Store.TokenKeys) == 0 && slices.ContainsFunc(p.cfg.Accounts, signsIn) {
		p.log.Warn(`no token key is configured: a token that the provider renews is lost with this process; write ` +
			`token_key_file = "secrets/token_key" into [store] and run "slotd init"`)
	}
}

// logChanges logs once when an account begins to need a person, and once when it works again.
func logChanges(log *slog.Logger, name string) func(account.Status) {
	var mu sync.Mutex
	ill := false
	return func(s account.Status) {
		mu.Lock()
		was := ill
		ill = s.State == account.StateNeedsPerson || ill && s.State != account.StateOK
		mu.Unlock()
		switch {
		case s.State == account.StateNeedsPerson:
			log.Error("an account needs a person", "account", name, "reason", s.Reason)
		case was && s.State == account.StateOK:
			log.Info("an account works again", "account", name)
		}
	}
}

// signIns gives the daemon's callbacks the form in which the admin address serves them.
type signIns struct{ *account.Callbacks }

// Wait implements admin.SignIns.
func (s signIns) Wait(ctx context.Context, state string) (code, refusal string, err error) {
	a, err := s.Callbacks.Wait(ctx, state)
	if errors.Is(err, context.DeadlineExceeded) {
		return "", "", nil
	}
	return a.Code, a.Error, err
}

// LocalAccount is one account without a daemon: a command that works on the store itself. It implements admin.Accounts.
type LocalAccount struct {
	accounts
	db *bolt.DB // nil for feeds
}

// OpenAccount opens the store and one account. It fails with bolt.ErrLocked while another process has the store.
func OpenAccount(ctx context.Context, o Options, name string) (_ *LocalAccount, err error) {
	a, ok := o.Config.Account(name)
	if !ok {
		return nil, fmt.Errorf("the configuration has no account %q", name)
	}
	if a.Provider == config.ICS {
		return openLocalFeeds(o, &a)
	}
	db, err := bolt.Open(o.Config.Store.Path, bolt.Options{})
	if err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	st, err := store.Open(ctx, db)
	if err != nil {
		return nil, err
	}
	c, err := openAccount(o, &a, st)
	if err != nil {
		return nil, fmt.Errorf("account %s: %w", name, err)
	}
	own := accounts{cfg: o.Config, all: map[string]connected{name: c}, stopChannels: channelStopper(o, st, &a, c.client)}
	return &LocalAccount{accounts: own, db: db}, nil
}

// Close waits for the account and closes the store.
func (l *LocalAccount) Close() error {
	for _, c := range l.all {
		c.Close()
	}
	if l.db == nil {
		return nil
	}
	return l.db.Close()
}

// openAccount makes an account and the client that uses it.
func openAccount(o Options, a *config.Account, tokens account.Tokens) (connected, error) {
	cfg := AccountConfig(o.Config, a, providerHTTP(o))
	cfg.Tokens = tokens
	if o.Log != nil {
		cfg.Changed = logChanges(o.Log, a.Name)
	}
	acc, err := account.New(cfg)
	if err != nil {
		return connected{}, err
	}
	client, err := newClient(o, a, acc)
	return connected{acc, client}, err
}

// newClient makes the adapter of an account.
func newClient(o Options, a *config.Account, acc *account.Account) (Client, error) {
	provider, ok := o.Providers[a.Provider]
	if !ok {
		return nil, fmt.Errorf("this slotd was built without provider %q", a.Provider)
	}
	return provider.New(ClientConfig{
		HTTP: acc.Client(), APIURL: a.APIURL, User: a.User, Zone: a.Zone.String(),
		AllDayBusy: func(cal string) bool {
			return o.Config.AllDay(calendar.ID(a.Name+"/"+cal)) == config.AllDayBusy
		},
	})
}

// providerHTTP carries requests to providers and their token servers.
func providerHTTP(o Options) *http.Client {
	if o.HTTP != nil {
		return o.HTTP
	}
	return &http.Client{Timeout: account.DefaultTimeout}
}

// TryGrant finds out whose a sign-in is and which calendars it sees, before anything is saved.
func TryGrant(
	ctx context.Context, o Options, a *config.Account, g account.Grant,
) (account.Identity, []admin.CalendarChoice, error) {
	acc, err := g.Try(AccountConfig(o.Config, a, providerHTTP(o)))
	if err != nil {
		return account.Identity{}, nil, err
	}
	defer acc.Close()
	who, err := acc.WhoAmI(ctx)
	if err != nil {
		return who, nil, err
	}
	client, err := newClient(o, a, acc)
	if err != nil {
		return who, nil, err
	}
	list, err := calendarChoices(ctx, a.Name, acc, client)
	return who, list, err
}
