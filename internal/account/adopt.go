package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/oauth2"
)

// ErrOtherPerson is returned when somebody else signed in than the one whom the account belonged to.
var ErrOtherPerson = errors.New("somebody else signed in than the last time, so nothing was saved: sign in as the same " +
	"person, or add --replace when the account is to belong to somebody else from now on")

// CanSave says why a sign-in could not be saved, nil when it could.
func (a *Account) CanSave() error {
	if a.withoutPerson() {
		return nil
	}
	if _, err := a.keys(); err != nil {
		return err
	}
	_, err := a.configured()
	return err
}

// Adopt saves what a person's sign-in brought. It wins over the configured refresh token until that changes, and ends a
// wait for a person at the next request. Where another identity was connected before, it is refused with
// [ErrOtherPerson] unless replace is set.
func (a *Account) Adopt(ctx context.Context, g Grant, replace bool) error {
	if a.withoutPerson() {
		return fmt.Errorf("account %q: its grant needs no sign-in", a.cfg.Name)
	}
	if err := a.take(ctx); err != nil {
		return err
	}
	defer func() { <-a.slot }()
	ctx, cancel := context.WithTimeout(ctx, a.timeout) // Close waits
	defer cancel()
	configured, err := a.configured()
	if err != nil {
		return err
	}
	old, _, err := a.load(ctx)
	var mendable *Error
	if err != nil && (!errors.As(err, &mendable) || mendable.Mend == "") { // what a person must mend is mended by this
		return err
	}
	if !replace && !old.Disconnected && old.Identity != "" && g.Identity != "" && old.Identity != g.Identity {
		return fmt.Errorf("account %q: %w", a.cfg.Name, ErrOtherPerson)
	}
	doc := document{RefreshToken: g.RefreshToken, Configured: configured, Identity: g.Identity, Scopes: g.Scopes}
	if err := a.save(ctx, doc); err != nil {
		return err
	}
	a.unsaved, a.refusal = nil, refusal{}
	a.mu.Lock()
	a.current, a.lacking = access{}, false
	a.mu.Unlock()
	return nil
}

// take takes the slot, unless the account was closed meanwhile.
func (a *Account) take(ctx context.Context) error {
	select {
	case a.slot <- struct{}{}:
		err := a.isClosed()
		if err != nil {
			<-a.slot
		}
		return err
	case <-ctx.Done():
		return fmt.Errorf("account %q: wait for a refresh: %w", a.cfg.Name, ctx.Err())
	}
}

// Disconnect revokes the refresh token at the provider, where the provider offers that, and forgets it. The configured
// refresh token, if there is one, is not used either until it changes; one that is away at the time, not until a person
// signs in. With local, the provider is not asked. revoked
// says that the provider ended the grant. When the provider should have been asked and could not be, nothing is
// forgotten.
func (a *Account) Disconnect(ctx context.Context, local bool) (revoked bool, err error) {
	if a.withoutPerson() {
		return false, fmt.Errorf("account %q: its grant has no sign-in to take back: remove it from the configuration, and the "+
			"application's permission at the provider", a.cfg.Name)
	}
	if err := a.take(ctx); err != nil {
		return false, err
	}
	defer func() { <-a.slot }()
	ctx, cancel := context.WithTimeout(ctx, a.timeout) // Close waits
	defer cancel()
	configured, err := a.configured()
	if err != nil {
		return false, err
	}
	cred, err := a.credentials(ctx)
	if err != nil && !local {
		return false, err
	}
	if err == nil && !local && a.cfg.RevokeURL != "" {
		if err := a.revoke(ctx, cred.refreshToken); err != nil {
			return false, err
		}
		revoked = true
	}
	doc := document{Disconnected: true, Configured: configured}
	if err := a.save(ctx, doc); err != nil {
		return revoked, err
	}
	a.unsaved, a.refusal, a.kept = nil, refusal{}, nil
	a.mu.Lock()
	changed := a.settle(access{}, a.disconnected())
	a.mu.Unlock()
	a.tell(changed)
	return revoked, nil
}

func (a *Account) disconnected() error {
	return &Error{Account: a.cfg.Name, Problem: "it was disconnected", Mend: a.runConnect()}
}

// revoke ends a grant (RFC 7009). A token that the provider no longer knows is revoked.
func (a *Account) revoke(ctx context.Context, token string) error {
	fail := func(why string) error {
		return &Error{Account: a.cfg.Name, Problem: "the provider did not revoke the token (" + why + "); nothing was removed",
			Mend: "run the command again, or with --local to only forget the token here"}
	}
	body := strings.NewReader(url.Values{"token": {token}}.Encode())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.cfg.RevokeURL, body)
	if err != nil {
		return fail("bad address")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	client, _ := a.cfg.exchanging(ctx).Value(oauth2.HTTPClient).(*http.Client)
	resp, err := client.Do(req)
	if err != nil {
		return fail("it cannot be reached")
	}
	defer func() { _ = resp.Body.Close() }()
	var reply struct{ Error string }
	_ = json.NewDecoder(io.LimitReader(resp.Body, maxTokenReply)).Decode(&reply)
	if resp.StatusCode == http.StatusOK || reply.Error == "invalid_token" {
		return nil
	}
	return fail(fmt.Sprintf("status %d", resp.StatusCode))
}
