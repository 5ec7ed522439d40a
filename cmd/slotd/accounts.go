package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"slotd/internal/admin"
	"slotd/internal/config"
	"slotd/internal/daemon"
	"slotd/store/kv/bolt"
)

// remoteAccounts are the accounts of the running daemon. It implements admin.Accounts and admin.SignIns.
type remoteAccounts struct{ cfg *config.Config }

// accountWithin is how long a command waits for what the daemon asks of a provider.
const accountWithin = 90 * time.Second

func (r remoteAccounts) call(ctx context.Context, method, what, name string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, accountWithin)
	defer cancel()
	return callDaemon(ctx, r.cfg, method, "/api/accounts/"+name+what, in, out)
}

// Account implements admin.Accounts.
func (r remoteAccounts) Account(ctx context.Context, name string) (out admin.AccountDetail, err error) {
	return out, r.call(ctx, http.MethodGet, "", name, nil, &out)
}

// Calendars implements admin.Accounts.
func (r remoteAccounts) Calendars(ctx context.Context, name string) (out []admin.CalendarChoice, err error) {
	return out, r.call(ctx, http.MethodGet, "/calendars", name, nil, &out)
}

// Adopt implements admin.Accounts.
func (r remoteAccounts) Adopt(ctx context.Context, name string, in admin.Adoption) error {
	if !localAddress(r.cfg.Server.Admin) {
		return fmt.Errorf("the admin address %s is not on this host, and a token is sent to no other: run the command on the "+
			"daemon's host", r.cfg.Server.Admin)
	}
	return r.call(ctx, http.MethodPost, "/adopt", name, in, &struct{}{})
}

// Disconnect implements admin.Accounts.
func (r remoteAccounts) Disconnect(ctx context.Context, name string, local bool) (out admin.Disconnection, err error) {
	return out, r.call(ctx, http.MethodPost, "/disconnect", name, struct{ Local bool }{local}, &out)
}

// Expect implements admin.SignIns.
func (r remoteAccounts) Expect(ctx context.Context, state string) error {
	return callDaemon(ctx, r.cfg, http.MethodPost, "/api/sign-ins", admin.SignInState{State: state}, &struct{}{})
}

// Wait returns what the browser brought, asking again until ctx ends.
func (r remoteAccounts) Wait(ctx context.Context, state string) (admin.SignInAnswer, error) {
	for {
		var out admin.SignInAnswer
		err := callDaemon(ctx, r.cfg, http.MethodPost, "/api/sign-ins/wait", admin.SignInState{State: state}, &out)
		if err != nil || out != (admin.SignInAnswer{}) {
			return out, err
		}
	}
}

// localAddress reports whether an admin address is on this host.
func localAddress(address string) bool {
	if strings.HasPrefix(address, "unix:") {
		return true
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "" || host == "localhost" || err == nil && (ip.IsLoopback() || ip.IsUnspecified())
}

// options are what the commands that do a part of the daemon's work need of it.
func (a *app) options(cfg *config.Config) daemon.Options {
	return daemon.Options{Config: cfg, Providers: providers(), Log: slog.New(slog.DiscardHandler), Version: version()}
}

// accountOf returns an account of the config.
func accountOf(cfg *config.Config, name string) (config.Account, error) {
	acc, ok := cfg.Account(name)
	if ok {
		return acc, nil
	}
	var names []string
	for _, a := range cfg.Accounts {
		names = append(names, a.Name)
	}
	return acc, usageError{fmt.Errorf("%s has no account %q; it has: %s. Write [[account]] with this name first", cfg.Path, name,
		strings.Join(names, ", "))}
}

// withAccount runs fn with the accounts of the running daemon or, where none runs, on the store itself.
func (a *app) withAccount(ctx context.Context, cfg *config.Config, name string, fn func(admin.Accounts) error) error {
	remote := remoteAccounts{cfg}
	_, err := remote.Account(ctx, name)
	if err == nil {
		return fn(remote)
	}
	if !errors.Is(err, errUnreachable) {
		return err
	}
	local, err := daemon.OpenAccount(ctx, a.options(cfg), name)
	switch {
	case errors.Is(err, bolt.ErrLocked):
		return fmt.Errorf("another process is using %s, but no daemon answers at %s: if slotd serve runs, [server] admin in %s "+
			"must be the address with which it was started; otherwise stop the other process", cfg.Store.Path, cfg.Server.Admin,
			cfg.Path)
	case errors.Is(err, bolt.ErrMissing):
		return fmt.Errorf("%w (with --config %s)", err, a.configPath)
	case err != nil:
		return err
	}
	err = fn(local)
	return errors.Join(err, local.Close())
}
