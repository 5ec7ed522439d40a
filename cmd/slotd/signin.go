package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"slotd/internal/account"
	"slotd/internal/admin"
	"slotd/internal/config"
	"slotd/internal/daemon"
)

// signIn has a person sign in, by the way that the flags choose.
func (c *connecting) signIn(ctx context.Context) (account.Grant, error) {
	ctx, cancel := context.WithTimeout(ctx, account.SignInWithin)
	defer cancel()
	cfg := daemon.AccountConfig(c.cfg, &c.acc, nil)
	var grant account.Grant
	var err error
	switch {
	case c.device:
		grant, err = c.byDevice(ctx, cfg)
	case c.public:
		grant, err = c.byPublicAddress(ctx, cfg)
	default:
		grant, err = c.byLoopback(ctx, cfg)
	}
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return grant, errors.New("nobody signed in within ten minutes: run the command again")
	case ctx.Err() != nil:
		return grant, errors.New("stopped before anybody signed in; nothing was saved")
	}
	return grant, err
}

func (c *connecting) byDevice(ctx context.Context, cfg account.Config) (account.Grant, error) {
	d, err := account.NewDevice(ctx, cfg)
	if err != nil {
		return account.Grant{}, err
	}
	c.say("Open %s on any device and enter the code %s\n", plainLine(d.Page), plainLine(d.Code))
	return d.Wait(ctx)
}

func (c *connecting) byPublicAddress(ctx context.Context, cfg account.Config) (account.Grant, error) {
	if c.cfg.Server.PublicURL == "" {
		return account.Grant{}, usageError{fmt.Errorf("--public needs the address at which the internet reaches the daemon: "+
			"write public_url into [server] of %s", c.cfg.Path)}
	}
	consent, err := account.NewConsent(cfg, c.cfg.Server.PublicURL+"/oauth/callback", c.expect)
	if err != nil {
		return account.Grant{}, err
	}
	remote := remoteAccounts{c.cfg}
	switch err := remote.Expect(ctx, consent.State); {
	case errors.Is(err, errUnreachable):
		return account.Grant{}, fmt.Errorf("--public needs the running daemon, and nobody answers at %s: start 'slotd serve' first",
			c.cfg.Server.Admin)
	case err != nil:
		return account.Grant{}, err
	}
	c.offer(consent, c.cfg.Server.PublicURL+"/oauth/callback")
	answer, err := remote.Wait(ctx, consent.State)
	if err != nil {
		return account.Grant{}, err
	}
	return consent.Redeem(ctx, account.Answer{Code: answer.Code, Error: answer.Refusal})
}

func (c *connecting) byLoopback(ctx context.Context, cfg account.Config) (account.Grant, error) {
	listeners, port, err := loopback(ctx, c.port)
	if err != nil {
		return account.Grant{}, err
	}
	redirect := fmt.Sprintf("http://127.0.0.1:%d", port)
	if c.acc.Provider == config.Outlook { // Microsoft ignores the port of localhost, and of nothing else
		redirect = fmt.Sprintf("http://localhost:%d", port)
	}
	consent, err := account.NewConsent(cfg, redirect, c.expect)
	if err != nil {
		return account.Grant{}, err
	}
	var callbacks account.Callbacks
	if err := callbacks.Expect(consent.State); err != nil {
		return account.Grant{}, err
	}
	stop := serveLoopback(listeners, &callbacks)
	defer stop()
	c.offer(consent, redirect)
	if display() {
		openBrowser(ctx, consent.URL)
	} else {
		host, err := os.Hostname()
		if err != nil {
			host = "HOST"
		}
		c.say("This host has no display. Run this on your own computer and open the address there:\n\n"+
			"  ssh -L %d:127.0.0.1:%[1]d %s\n\nOr run the command with --public, if the daemon has a public address.\n", port, host)
	}
	answer, err := callbacks.Wait(ctx, consent.State)
	if err != nil {
		return account.Grant{}, err
	}
	return consent.Redeem(ctx, answer)
}

// offer prints the address to open, and what the OAuth client must allow for it to work.
func (c *connecting) offer(consent *account.Consent, redirect string) {
	c.say("Open this address in a browser and sign in as the person whose calendars account %q is for:\n\n  %s\n\n", c.acc.Name,
		consent.URL)
	allow := "the redirect address " + redirect
	switch {
	case c.public:
	case c.acc.Provider == config.Google:
		allow = `127.0.0.1: make it one of type "Desktop app"`
	default:
		allow = `http://localhost under "Mobile and desktop applications"`
	}
	c.say("If the page refuses the redirect, the OAuth client does not allow %s.\n", allow)
}

// loopback listens on the port of this host, 0 for any. Where localhost may also mean ::1, that is listened on too.
func loopback(ctx context.Context, port uint16) ([]net.Listener, int, error) {
	var open net.ListenConfig
	l, err := open.Listen(ctx, "tcp", "127.0.0.1:"+strconv.Itoa(int(port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, 0, usageError{fmt.Errorf("port %d of this host is in use: choose another with --port, or leave --port out",
			port)}
	}
	if err != nil {
		return nil, 0, fmt.Errorf("listen for the browser: %w", err)
	}
	out, actual := []net.Listener{l}, l.Addr().(*net.TCPAddr).Port
	if six, err := open.Listen(ctx, "tcp", "[::1]:"+strconv.Itoa(actual)); err == nil {
		out = append(out, six)
	}
	return out, actual, nil
}

// stopPages bounds the wait for the browser's last page.
const stopPages = 2 * time.Second

// serveLoopback serves until the returned function is called, which waits for the browser to have its page.
func serveLoopback(listeners []net.Listener, h http.Handler) (stop func()) {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: stopPages, ReadTimeout: stopPages, WriteTimeout: stopPages}
	var running sync.WaitGroup
	for _, l := range listeners {
		running.Go(func() { _ = srv.Serve(l) }) // it ends with ErrServerClosed
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopPages)
		defer cancel()
		_ = errors.Join(srv.Shutdown(ctx), srv.Close())
		running.Wait()
	}
}

// display reports whether a browser can be shown here.
func display() bool { return os.Getenv("DISPLAY") != "" || os.Getenv("WAYLAND_DISPLAY") != "" }

// openBrowser tries to show an address. When it fails, the address is still on the terminal. What it starts may be the
// browser itself, so it is neither waited for nor ended.
func openBrowser(ctx context.Context, address string) {
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "xdg-open", address)
	if cmd.Start() == nil {
		_ = cmd.Process.Release()
	}
}

var _ admin.Accounts = remoteAccounts{}
