// Command slotd books appointments over a WhatsApp Flow from a local mirror of Google and Outlook calendars.
//
// This package is flags, signals and one file per command; the daemon itself is internal/daemon. It is the only package
// that links the Microsoft Graph SDK.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	_ "time/tzdata" // a host without a zone database must not move appointments

	"github.com/spf13/cobra"

	"slotd/internal/config"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2 // wrong usage or config
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// usageError is an error that the caller can mend by other arguments or another config: exit code 2.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// run executes a command line and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var usage usageError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &usage):
		_, _ = fmt.Fprintln(stderr, err)
		return exitUsage
	}
	_, _ = fmt.Fprintln(stderr, "slotd:", err)
	return exitFailed
}

// app is what all commands share.
type app struct {
	configPath string
	json       bool
	verbose    bool
}

func rootCommand() *cobra.Command {
	a := &app{}
	root := &cobra.Command{
		Use:   "slotd",
		Short: "Appointments over WhatsApp, from a local mirror of Google and Outlook calendars",
		Long: `slotd keeps a local mirror of the free/busy time of Google and Outlook calendars, answers a WhatsApp Flow from
it within milliseconds, and writes each confirmed booking back to the right calendar, once.

Try it without any account:  slotd demo`,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.PersistentFlags().StringVarP(&a.configPath, "config", "c", "slotd.toml", "configuration file")
	root.PersistentFlags().BoolVarP(&a.verbose, "verbose", "v", false, "log more")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w\nSee '%s --help'", err, cmd.CommandPath())}
	})
	root.AddCommand(
		a.backupCommand(), a.restoreCommand(), a.doctorCommand(), a.verifyCommand(),
		a.demoCommand(), a.initCommand(), a.checkCommand(), a.serveCommand(), a.statusCommand(), a.slotsCommand(),
		a.explainCommand(), a.flowCommand(),
		a.bookingsCommand(), a.simulateCommand(), a.connectCommand(), a.calendarsCommand(), a.disconnectCommand(),
		a.webhookCommand(),
	)
	return group(root)
}

// group makes cmd one that only holds others: alone it shows its help, and one that it does not hold is wrong usage.
func group(cmd *cobra.Command) *cobra.Command {
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		hint := ""
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			hint = fmt.Sprintf(" — did you mean %q?", near[0])
		}
		return usageError{fmt.Errorf("unknown command %q for %q%s\nSee '%[2]s --help'", args[0], cmd.CommandPath(), hint)}
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	return cmd
}

// exactArgs is cobra's, with the exit code of wrong usage.
func exactArgs(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := cobra.ExactArgs(n)(cmd, args); err != nil {
			return usageError{fmt.Errorf("%w\nUsage: %s", err, cmd.UseLine())}
		}
		return nil
	}
}

// load reads the config; all its faults are one usage error.
func (a *app) load() (*config.Config, error) {
	cfg, err := config.Load(a.configPath)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, usageError{fmt.Errorf("there is no %s: name one with --config, or make one with 'slotd init'", a.configPath)}
	case err != nil:
		return nil, usageError{err}
	}
	return cfg, nil
}

// logger writes to w: text for people on a terminal, JSON lines for machines.
func (a *app) logger(w io.Writer) *slog.Logger {
	opts := &slog.HandlerOptions{Level: slog.LevelInfo}
	if a.verbose {
		opts.Level = slog.LevelDebug
	}
	if isTerminal(w) {
		return slog.New(slog.NewTextHandler(w, opts))
	}
	return slog.New(slog.NewJSONHandler(w, opts))
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// version is that of the module, with the revision it was built from where that is known.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return v + " " + s.Value[:12]
		}
	}
	if v == "" {
		return "(devel)"
	}
	return v
}
