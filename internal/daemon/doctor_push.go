package daemon

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"slotd/internal/admin"
	"slotd/internal/config"
)

// pushChecks asks for the echo of a handshake as a provider does, from the internet's side, and says how the channels are.
func (p *parts) pushChecks(ctx context.Context, f *findings, s admin.Status) {
	wants := func(a config.Account) bool { return a.Push }
	if p.cfg.Server.PublicURL == "" || !slices.ContainsFunc(p.cfg.Accounts, wants) {
		f.skip("push", "no account has push and a public_url: calendars are only polled")
		return
	}
	const token = "slotd doctor: is this address reachable?"
	address := p.cfg.Server.PublicURL + "/push/outlook?validationToken=" + url.QueryEscape(token)
	if err := echoes(ctx, address, token); err != nil {
		f.fail("push", "%s/push/: %v; what stands before slotd must pass POST /push/google and /push/outlook on unchanged",
			p.cfg.Server.PublicURL, err)
		return
	}
	live, wanted, why := 0, 0, ""
	for _, c := range s.Channels {
		if c.Live {
			live++
		}
		if c.Wanted {
			wanted++
		}
		if c.Wanted && c.Why != "" && why == "" {
			why = fmt.Sprintf("; calendar %s: %s", c.Calendar, c.Why)
		}
	}
	if why != "" && time.Since(p.started) > channelsEvery {
		f.warn("push", "%d of %d channels are live%s", live, wanted, why)
		return
	}
	f.ok("push", "the address answers a handshake, %d of %d channels are live", live, wanted)
}

// echoes does what Graph does before it makes a subscription.
func echoes(ctx context.Context, address, token string) error {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, http.NoBody)
	if err != nil {
		return err
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if err != nil {
		return fmt.Errorf("no complete answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK || string(body) != token {
		return fmt.Errorf("status %d and not the echo of a handshake", resp.StatusCode)
	}
	return nil
}
