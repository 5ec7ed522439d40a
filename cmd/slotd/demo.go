package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"slotd/internal/daemon"
)

func (a *app) demoCommand() *cobra.Command {
	var once, dayFirst bool
	var listen string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "The whole daemon against in-process Google and Outlook emulators; no account needed",
		Long: `Demo runs the whole daemon against emulated Google and Outlook calendars and serves a page: on the left a phone
that speaks the real encrypted protocol with the real endpoint, on the right the two calendars. Book on the phone and the
event appears; draw an event and its slots vanish. Everything is local and gone when the demo ends.

With --once it plays one booking with a doctor in Google Calendar and one with a doctor in Outlook, prints each step, reads
the events back, and exits with 0, or with 1 if an event is missing or double.`,
		Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			log := slog.New(slog.DiscardHandler)
			if a.verbose {
				log = a.logger(cmd.ErrOrStderr())
			}
			if once {
				return withDemo(cmd.Context(), log, dayFirst, func(ctx context.Context, d *demo) error {
					return playOnce(ctx, d, cmd.OutOrStdout())
				})
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGHUP) // a terminal that closes leaves nothing behind
			defer stop()
			return withDemo(ctx, log, dayFirst, func(ctx context.Context, d *demo) error {
				return servePage(ctx, d, listen, cmd.OutOrStdout())
			})
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "play bookings as text, check them at the emulators, and exit")
	cmd.Flags().BoolVar(&dayFirst, "day-first", false, "ask for the day before the doctor, as [flow] order can")
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8088", "address of the page; must be loopback")
	return cmd
}

// withDemo sets the demo up, runs fn in it, and takes it down again.
func withDemo(ctx context.Context, log *slog.Logger, dayFirst bool, fn func(context.Context, *demo) error) (err error) {
	dir, err := os.MkdirTemp("", "slotd-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	clinic, err := newClinic(ctx)
	if err != nil {
		return err
	}
	defer clinic.close()
	d := &demo{clinic: clinic, dayFirst: dayFirst}
	if d.cfg, err = d.configure(ctx, dir); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ready := make(chan daemon.Running, 1)
	group.Go(func() error {
		defer stop()
		return daemon.Run(ctx, daemon.Options{
			Config: d.cfg, Providers: providers(), Log: log, Version: version(),
			Ready: func(r daemon.Running) { ready <- r },
		})
	})
	group.Go(func() error {
		defer stop()
		select {
		case d.running = <-ready:
			return fn(ctx, d)
		case <-ctx.Done():
			return nil
		}
	})
	return group.Wait()
}

// servePage serves the demo's page until ctx ends.
func servePage(ctx context.Context, d *demo, address string, out io.Writer) error {
	host, _, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return usageError{fmt.Errorf("--listen %s: the page is for this machine only; use 127.0.0.1 and a port", address)}
	}
	handler, err := d.page()
	if err != nil {
		return err
	}
	var open net.ListenConfig
	l, err := open.Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("serve the page: %w (choose another address with --listen)", err)
	}
	// The page's streams live as long as ctx, so that they end when the demo does.
	srv := &http.Server{Handler: handler, ReadHeaderTimeout: pageHeaderTimeout,
		BaseContext: func(net.Listener) context.Context { return ctx }}
	_, err = fmt.Fprintf(out, "The demo is at http://%s/\nIts daemon answers the other commands too: "+
		"slotd --config %s status, slots, explain, bookings list …\nPress Ctrl-C to end it.\n", l.Addr(), d.cfg.Path)
	if err != nil {
		return err
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		stopped <- srv.Close()
	}()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}
