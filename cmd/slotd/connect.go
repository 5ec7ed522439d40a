package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"slotd/internal/account"
	"slotd/internal/admin"
	"slotd/internal/config"
	"slotd/internal/daemon"
)

// connecting is one run of the connect command.
type connecting struct {
	*app
	cfg     *config.Config
	acc     config.Account
	out     io.Writer
	public  bool
	device  bool
	port    uint16
	expect  string
	replace bool
}

func (a *app) connectCommand() *cobra.Command {
	c := &connecting{app: a}
	cmd := &cobra.Command{
		Use:   "connect google|outlook ACCOUNT",
		Short: "Sign in at Google or Microsoft, so that slotd can use the account's calendars",
		Long: `Connect lets a person sign in to an [[account]] of the config, checks what was granted, lists the calendars, and
stores the token sealed. It can be run again at any time, also while the daemon runs.

Without flags a browser on this host comes back to a port of this host. On a host without a display, open the
printed address on your own computer through the printed ssh tunnel, or use --public: then the browser comes back to
the running daemon's public address. --device gives a code to type on another device (outlook only).`,
		Example: "  slotd connect google office --expect desk@clinic.example",
		Args:    exactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			c.out = cmd.OutOrStdout()
			if c.cfg, err = a.load(); err != nil {
				return err
			}
			return c.run(cmd.Context(), args[0], args[1])
		},
	}
	f := cmd.Flags()
	f.BoolVar(&c.public, "public", false, "come back to the daemon's public_url instead of a port of this host")
	f.BoolVar(&c.device, "device", false, "show a code to type on another device (outlook only)")
	f.Uint16Var(&c.port, "port", 0, "the port of this host to come back to; 0: any")
	f.StringVar(&c.expect, "expect", "", "the address of the person who must sign in")
	f.BoolVar(&c.replace, "replace", false, "let the account belong to somebody else than before")
	cmd.MarkFlagsMutuallyExclusive("public", "device", "port")
	return cmd
}

func (c *connecting) run(ctx context.Context, provider, name string) (err error) {
	if provider != config.Google && provider != config.Outlook && provider != config.ICS {
		return usageError{fmt.Errorf("the provider is google or outlook, not %q", provider)}
	}
	if c.acc, err = accountOf(c.cfg, name); err != nil {
		return err
	}
	if err := signsIn(&c.acc); err != nil {
		return err
	}
	if c.acc.Provider != provider {
		return usageError{fmt.Errorf("account %q is one of %s in %s: run 'slotd connect %[2]s %[1]s'", name, c.acc.Provider,
			c.cfg.Path)}
	}
	if c.device && provider == config.Google {
		return usageError{account.ErrNoDevice}
	}
	if err := c.cfg.CheckModes(); err != nil {
		return usageError{err}
	}
	if c.acc.Grant != config.RefreshToken {
		return c.verify(ctx)
	}
	if err := c.withAccount(ctx, c.cfg, name, c.savable(ctx)); err != nil {
		return err
	}
	grant, err := c.signIn(ctx)
	if err != nil {
		return err
	}
	return c.adopt(ctx, grant)
}

// savable asks before a person signs in whether that could be saved.
func (c *connecting) savable(ctx context.Context) func(admin.Accounts) error {
	return func(as admin.Accounts) error {
		d, err := as.Account(ctx, c.acc.Name)
		if err == nil && d.CannotSave != "" {
			err = errors.New(d.CannotSave)
		}
		return err
	}
}

// verify tries an account that nobody signs in to.
func (c *connecting) verify(ctx context.Context) error {
	if c.public || c.device || c.port != 0 || c.expect != "" || c.replace {
		return usageError{fmt.Errorf("account %q has grant %q, for which nobody signs in: leave the flags out", c.acc.Name,
			c.acc.Grant)}
	}
	var list []admin.CalendarChoice
	err := c.withAccount(ctx, c.cfg, c.acc.Name, func(as admin.Accounts) (err error) {
		list, err = as.Calendars(ctx, c.acc.Name)
		return err
	})
	if err != nil {
		return err
	}
	c.say("Account %q works with grant %q; nobody needs to sign in.\n\n", c.acc.Name, c.acc.Grant)
	return printCalendars(c.out, &c.acc, list)
}

// adopt checks whose sign-in it is, saves it and lists the calendars.
func (c *connecting) adopt(ctx context.Context, grant account.Grant) error {
	who, list, err := daemon.TryGrant(ctx, c.options(c.cfg), &c.acc, grant)
	if err != nil {
		return fmt.Errorf("%w; nothing was saved", err)
	}
	if c.expect != "" && !who.Is(c.expect) {
		return fmt.Errorf("account %q: %s signed in, not %s: nothing was saved. Run the command again and choose the right "+
			"account", c.acc.Name, plainLine(who.Names[0]), c.expect)
	}
	grant = grant.Of(c.acc.Provider, who)
	var live bool
	err = c.withAccount(ctx, c.cfg, c.acc.Name, func(as admin.Accounts) error {
		_, live = as.(remoteAccounts)
		return as.Adopt(ctx, c.acc.Name, admin.Adoption{
			RefreshToken: grant.RefreshToken, Scopes: grant.Scopes, Identity: grant.Identity, Replace: c.replace,
		})
	})
	if err != nil {
		return err
	}
	c.say("\nConnected account %q: %s signed in. The token is stored sealed", c.acc.Name, plainLine(who.Names[0]))
	if live {
		c.say(", and the running daemon uses it from now on")
	}
	c.say(".\n%s\n", c.lifeNote(grant))
	return printCalendars(c.out, &c.acc, list)
}

// lifeNote says how long a sign-in lasts.
func (c *connecting) lifeNote(g account.Grant) string {
	const mend = "Publish it (Google Auth Platform, Audience, \"In production\") and run this command again."
	switch {
	case g.Ends > 0:
		return fmt.Sprintf("WARNING: this sign-in ends on %s. Google says so for consent screens in testing.\n%s\n",
			time.Now().Add(g.Ends).UTC().Format("2006-01-02 15:04 UTC"), mend)
	case c.acc.Provider == config.Google:
		return "Note: if the consent screen is in testing, Google ends this sign-in after 7 days.\n" + mend + "\n"
	}
	return ""
}

func (c *connecting) say(format string, args ...any) { _, _ = fmt.Fprintf(c.out, format, args...) }
