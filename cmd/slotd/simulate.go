package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"slotd/internal/calendar"
	"slotd/internal/daemon"
	"slotd/internal/emulator/whatsapp"
	"slotd/internal/flow"
)

// simulation is what the flags of simulate say.
type simulation struct {
	keyFile, secretFile, flowFile, token string
	load                                 int
	duration                             time.Duration
	plan                                 whatsapp.Plan
}

func (a *app) simulateCommand() *cobra.Command {
	s := &simulation{}
	cmd := &cobra.Command{
		Use:   "simulate URL",
		Short: "Play the WhatsApp client against any Flow endpoint, with real encryption",
		Long: `Simulate opens the Flow at URL as a phone would, walks it to its end and books: on a live endpoint that is a real
booking. With --load it measures instead: so many phones open and browse the Flow at once, and nothing is booked.

Public key, app secret and Flow come from the configuration unless flags name others. The endpoint must accept flow tokens
that it did not make (accept_foreign_tokens), or get one by --token.`,
		Args: exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.simulate(cmd, s, args[0]) },
	}
	f := cmd.Flags()
	f.StringVar(&s.keyFile, "public-key", "", "the business's public key, PEM")
	f.StringVar(&s.secretFile, "app-secret-file", "", "file with the app secret")
	f.StringVar(&s.flowFile, "flow", "", "Flow JSON file")
	f.StringVar(&s.token, "token", "", "flow token (default: a random one)")
	f.IntVar(&s.load, "load", 0, "measure with this many phones at once")
	f.DurationVar(&s.duration, "duration", 10*time.Second, "how long to measure")
	f.StringVar(&s.plan.Department, "department", "", "department to choose, by id or title")
	f.StringVar(&s.plan.Service, "service", "", "service to choose")
	f.StringVar(&s.plan.Resource, "resource", "", "resource to choose")
	f.StringVar(&s.plan.Date, "date", "", "day to choose, 2006-01-02")
	f.StringVar(&s.plan.Slot, "slot", "", "slot to choose, such as 14:30")
	f.StringVar(&s.plan.Name, "name", "", "name to type")
	f.BoolVar(&a.json, "json", false, "print JSON")
	return cmd
}

// target is an endpoint with what a phone must know of it.
type target struct {
	proxy *whatsapp.Proxy
	key   *rsa.PublicKey
	flow  []byte
}

func (a *app) simulate(cmd *cobra.Command, s *simulation, url string) error {
	if err := s.check(cmd); err != nil {
		return usageError{err}
	}
	t, err := a.target(s, url)
	if err != nil {
		return err
	}
	if cmd.Flags().Changed("load") {
		return a.measure(cmd.Context(), cmd.OutOrStdout(), s, t)
	}
	return a.walk(cmd.Context(), cmd.OutOrStdout(), s, t)
}

// check refuses flags that cannot mean what they say. Whoever names a doctor, a day or a time wants that one and no other.
func (s *simulation) check(cmd *cobra.Command) error {
	if cmd.Flags().Changed("load") && s.load < 1 {
		return errors.New("--load is the number of phones: at least 1")
	}
	if s.duration <= 0 {
		return errors.New("--duration must be longer than nothing, such as 10s")
	}
	if s.plan.Date != "" {
		if _, err := calendar.ParseDate(s.plan.Date); err != nil {
			return fmt.Errorf("--date: %w", err)
		}
	}
	s.plan.Strict = s.plan.Department+s.plan.Service+s.plan.Resource+s.plan.Date+s.plan.Slot != ""
	return nil
}

// target collects keys, secret and Flow from the flags and, where they are silent, from the config.
func (a *app) target(s *simulation, url string) (*target, error) {
	if !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") {
		return nil, usageError{fmt.Errorf("%q is not the URL of an endpoint, such as http://127.0.0.1:8080/flow", url)}
	}
	t := &target{proxy: &whatsapp.Proxy{Endpoint: url}, flow: flow.Builtin()}
	if err := t.fromFlags(s); err != nil {
		return nil, usageError{err}
	}
	if s.keyFile != "" && s.secretFile != "" {
		return t, nil
	}
	cfg, err := a.load()
	if err != nil {
		return nil, fmt.Errorf("%w\n(or give --public-key and --app-secret-file)", err)
	}
	if s.keyFile == "" {
		text, err := cfg.WhatsApp.PrivateKeys[0].Read()
		if err != nil {
			return nil, usageError{err}
		}
		key, err := flow.ParsePrivateKey(text)
		if err != nil {
			return nil, usageError{err}
		}
		t.key = &key.PublicKey
	}
	if s.secretFile == "" {
		if t.proxy.AppSecret, err = cfg.WhatsApp.AppSecrets[0].Read(); err != nil {
			return nil, usageError{err}
		}
	}
	if s.flowFile == "" {
		t.flow, err = daemon.FlowJSON(cfg)
	}
	return t, err
}

func (t *target) fromFlags(s *simulation) (err error) {
	if s.keyFile != "" {
		text, err := os.ReadFile(s.keyFile)
		if err != nil {
			return err
		}
		if t.key, err = flow.ParsePublicKey(text); err != nil {
			return fmt.Errorf("%s: %w", s.keyFile, err)
		}
	}
	if s.secretFile != "" {
		secret, err := os.ReadFile(s.secretFile)
		if err != nil {
			return err
		}
		t.proxy.AppSecret = []byte(strings.TrimSuffix(string(secret), "\n"))
	}
	if s.flowFile != "" {
		t.flow, err = os.ReadFile(s.flowFile)
	}
	return err
}

// walk books once and prints each step.
func (a *app) walk(ctx context.Context, out io.Writer, s *simulation, t *target) error {
	token := s.token
	if token == "" {
		token = randomToken()
	}
	phone, err := whatsapp.NewPhone(whatsapp.Options{
		FlowJSON: t.flow, PublicKey: t.key, Send: t.proxy.Forward, FlowToken: token,
		FlowTokenSignature: t.proxy.SignToken(token),
	})
	if err != nil {
		return usageError{err}
	}
	if !a.json {
		s.plan.Step = func(st whatsapp.Step) {
			_, _ = fmt.Fprintf(out, "%-7s %-12s → %-12s %d  %4d ms  %s\n",
				st.Action, st.Screen, st.Shown, st.Status, st.Duration.Milliseconds(), st.Message)
		}
	}
	result, err := whatsapp.Walk(ctx, phone, s.plan)
	if err != nil {
		return err
	}
	if a.json {
		err = printJSON(out, map[string]any{
			"outcome": result.Outcome, "params": result.Params, "message": result.Message, "token": token,
		})
	} else {
		_, err = fmt.Fprintln(out, said(result))
	}
	if err == nil && result.Outcome != whatsapp.Success {
		err = errors.New("the Flow did not end in a booking")
	}
	return err
}

// said is the end of a walk in a line.
func said(r whatsapp.Result) string {
	words := []string{string(r.Outcome)}
	for _, text := range []any{r.Params["summary"], r.Params["reference"], r.Message} {
		if s, ok := text.(string); ok && s != "" {
			words = append(words, s)
		}
	}
	return strings.Join(words, "  ")
}

// measure loads the endpoint and prints what it saw.
func (a *app) measure(ctx context.Context, out io.Writer, s *simulation, t *target) error {
	r, err := whatsapp.Load(ctx, whatsapp.LoadOptions{
		FlowJSON: t.flow, PublicKey: t.key, Send: t.proxy.Forward, Phones: s.load, Duration: s.duration,
		Token: func(int) string { return randomToken() }, Signature: t.proxy.SignToken,
	})
	if err != nil {
		return err
	}
	if a.json {
		return printJSON(out, r)
	}
	_, err = fmt.Fprintf(out, "%d phones: %d requests in %s, %.0f/s; p50 %s, p90 %s, p99 %s, max %s\n",
		s.load, r.Count, r.Elapsed.Round(time.Millisecond), float64(r.Count)/r.Elapsed.Seconds(),
		tenths(r.P50), tenths(r.P90), tenths(r.P99), tenths(r.Max))
	kinds := make([]string, 0, len(r.Errors))
	for kind, n := range r.Errors {
		kinds = append(kinds, fmt.Sprintf("%d × %s", n, kind))
	}
	slices.Sort(kinds)
	if err == nil && len(kinds) > 0 {
		err = fmt.Errorf("requests failed: %s", strings.Join(kinds, ", "))
	}
	return err
}

// tenths rounds to what can be read.
func tenths(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }

func randomToken() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails
	return "simulate-" + hex.EncodeToString(b[:])
}
