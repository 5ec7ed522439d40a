package account

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

const (
	// renewBefore is how long before its end an access token is replaced, so that a slow request does not outlive it.
	renewBefore = 3 * time.Minute
	// assumedLife is the life of an access token whose answer does not say.
	assumedLife = 10 * time.Minute
	// refusalTime is how long the token endpoint is left alone after it said that a person is needed.
	refusalTime = 15 * time.Minute
)

// saved is a rotated refresh token that could not be saved yet, and the access token that came with it.
type saved struct {
	doc   document
	token access
}

// refusal remembers that the token endpoint refused these credentials for good.
type refusal struct {
	credentials string // their fingerprint
	until       time.Time
	err         *Error
}

// credentials are what one exchange presents.
type credentials struct {
	clientSecret string
	refreshToken string
	configured   string // fingerprint of the configured refresh token, "" without one
	doc          document
	stale        bool // doc is to be sealed anew
}

// flight is a refresh that is under way; all who need a token wait for it.
type flight struct {
	done  chan struct{}
	token string
	err   error
}

// accessToken returns an access token, from memory or from the provider. It returns early when ctx ends; the refresh
// goes on then, because its reply may hold a rotated token.
func (a *Account) accessToken(ctx context.Context) (string, error) {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return "", fmt.Errorf("account %q: %w", a.cfg.Name, ErrClosed)
	}
	if a.current.token != "" && a.cfg.Now().Before(a.current.renew) {
		token := a.current.token
		a.mu.Unlock()
		return token, nil
	}
	f := a.flight
	if f == nil {
		f = &flight{done: make(chan struct{})}
		a.flight = f
		go a.fly(f)
	}
	a.mu.Unlock()
	select {
	case <-f.done:
		return f.token, f.err
	case <-ctx.Done():
		return "", fmt.Errorf("account %q: wait for an access token: %w", a.cfg.Name, ctx.Err())
	}
}

// fly runs one refresh and tells its outcome to all who wait. Close waits for it.
func (a *Account) fly(f *flight) {
	defer close(f.done)
	if f.err = a.take(context.Background()); f.err != nil { // who has the slot gives it back in time
		return
	}
	defer func() { <-a.slot }()
	ctx, cancel := context.WithTimeout(context.Background(), a.timeout)
	defer cancel()
	token, err := a.refresh(ctx)
	a.mu.Lock()
	changed := a.settle(token, err)
	a.flight = nil
	a.mu.Unlock()
	a.tell(changed)
	f.token, f.err = token.token, err
}

// settle records the outcome of a refresh, and returns the status when its state or its mend is another than before.
// Called with the slot taken.
func (a *Account) settle(token access, err error) *Status {
	next := Status{State: StateOK, Expiry: token.expiry}
	switch {
	case err != nil:
		next = Status{State: StateUnknown, Reason: err.Error()}
	case a.unsealed != nil:
		next.Reason = "it works, but its stored token is not sealed anew: " + a.unsealed.Error()
	}
	if NeedsPerson(err) {
		next.State = StateNeedsPerson
	}
	next.Since = a.status.Since
	if next.State != a.status.State || next.Since.IsZero() {
		next.Since = a.cfg.Now()
	}
	before := a.status
	a.status, a.current = next, token
	if next.State == before.State && (next.State != StateNeedsPerson || next.Reason == before.Reason) {
		return nil
	}
	return &next
}

// tell reports a change to who wants to know. Called with the slot taken, so that changes arrive in order.
func (a *Account) tell(changed *Status) {
	if changed != nil && a.cfg.Changed != nil {
		a.cfg.Changed(*changed)
	}
}

// drop forgets an access token that the API refused, unless it has been replaced meanwhile.
func (a *Account) drop(token string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current.token == token {
		a.current = access{}
	}
}

// lacks forgets an access token of which the API said that it lacks a scope.
func (a *Account) lacks(token string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current.token == token {
		a.current, a.lacking = access{}, true
	}
}

func (a *Account) tookLacking() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	was := a.lacking
	a.lacking = false
	return was
}

// refresh gets an access token. A rotated refresh token is on disk when it returns without an error.
func (a *Account) refresh(ctx context.Context) (access, error) {
	if a.unsaved != nil {
		token, err := a.saveRotated(ctx)
		if err != nil || a.cfg.Now().Before(token.renew) {
			return token, err
		}
	}
	cred, err := a.credentials(ctx)
	if err != nil {
		return access{}, err
	}
	id := cred.fingerprint()
	if a.tookLacking() { // no waiting mends it, so only other credentials end it
		a.refusal = refusal{credentials: id, until: a.cfg.Now().AddDate(100, 0, 0), err: &Error{Account: a.cfg.Name,
			Problem: "the provider says that the sign-in lacks a scope", Mend: a.mendGrant()}}
	}
	if a.refusal.credentials == id && a.cfg.Now().Before(a.refusal.until) {
		return access{}, a.refusal.err
	}
	tok, err := a.exchange(ctx, cred)
	if err != nil {
		failed := a.exchangeError(err)
		if failed.Mend != "" {
			a.refuse(cred, failed)
		}
		return access{}, failed
	}
	return a.accept(ctx, cred, tok)
}

// accept takes what an exchange brought: a rotated token is saved, and scopes that were lost stop the account.
func (a *Account) accept(ctx context.Context, cred credentials, tok *oauth2.Token) (access, error) {
	token, doc := a.access(tok), cred.doc
	rotated := tok.RefreshToken != "" && tok.RefreshToken != cred.refreshToken && !a.withoutPerson()
	if rotated {
		doc.RefreshToken, doc.Configured = tok.RefreshToken, cred.configured
		cred.refreshToken = tok.RefreshToken
	}
	switch {
	case rotated && a.cfg.Keys == nil:
		a.kept = &doc // in memory only: nothing is written that is not sealed
	case rotated:
		a.unsaved = &saved{doc: doc, token: token}
		var err error
		if token, err = a.saveRotated(ctx); err != nil {
			return access{}, err
		}
	case cred.stale:
		a.unsealed = a.save(ctx, doc) // what is stored is still good: the next refresh tries again
	}
	granted, _ := tok.Extra("scope").(string)
	if lost := missingScopes(doc.Scopes, granted); len(lost) > 0 {
		err := &Error{Account: a.cfg.Name, Problem: "the provider no longer grants " + strings.Join(lost, " and "),
			Mend: a.runConnect()}
		a.refuse(cred, err)
		return access{}, err
	}
	return token, nil
}

// refuse remembers that these credentials need a person.
func (a *Account) refuse(cred credentials, err *Error) {
	a.refusal = refusal{credentials: cred.fingerprint(), until: a.cfg.Now().Add(refusalTime), err: err}
}

func (c credentials) fingerprint() string {
	return fingerprint([]byte(c.clientSecret + "\x00" + c.refreshToken))
}

// withoutPerson reports whether the account's grant knows no refresh tokens.
func (a *Account) withoutPerson() bool {
	return a.cfg.Grant == GrantClientCredentials || a.cfg.Grant == GrantServiceAccount
}

// saveRotated saves the rotated refresh token and then gives out the access token that came with it. While that fails
// the pair is kept for the next try: the provider may have revoked the token before it.
func (a *Account) saveRotated(ctx context.Context) (access, error) {
	if err := a.save(ctx, a.unsaved.doc); err != nil {
		return access{}, err
	}
	token := a.unsaved.token
	a.unsaved = nil
	return token, nil
}

// credentials reads what the next exchange presents: the stored refresh token, unless the configured one is newer.
func (a *Account) credentials(ctx context.Context) (credentials, error) {
	var cred credentials
	if a.cfg.Grant == GrantServiceAccount {
		key, err := readSecret(a.cfg.ServiceAccount)
		if err != nil {
			return cred, a.unreadable("service account's key", err)
		}
		cred.clientSecret = string(key)
		return cred, nil
	}
	secret, err := readSecret(a.cfg.ClientSecret)
	if err != nil {
		return cred, a.unreadable("client secret", err)
	}
	cred.clientSecret = string(secret)
	if a.cfg.Grant == GrantClientCredentials {
		return cred, nil
	}
	return cred, a.refreshToken(ctx, &cred)
}

// refreshToken chooses between the stored refresh token and the configured one.
func (a *Account) refreshToken(ctx context.Context, cred *credentials) error {
	doc, stale, err := a.load(ctx)
	if err != nil {
		return err
	}
	configured, err := readSecret(a.cfg.RefreshToken)
	if err != nil && doc.RefreshToken == "" && !doc.Disconnected {
		return a.unreadable("refresh token", err)
	}
	if len(configured) > 0 {
		cred.configured = fingerprint(configured)
	}
	if doc.Configured == unseen && cred.configured != "" && !doc.Disconnected {
		doc.Configured, stale = cred.configured, true
	}
	same := cred.configured == "" || cred.configured == doc.Configured || doc.Configured == unseen
	switch {
	case doc.Disconnected && same:
		return a.disconnected()
	case doc.RefreshToken != "" && same:
		cred.refreshToken, cred.configured, cred.doc, cred.stale = doc.RefreshToken, doc.Configured, doc, stale
	case len(configured) > 0:
		cred.refreshToken = string(configured)
	default:
		return &Error{Account: a.cfg.Name, Problem: "nobody has signed in yet", Mend: a.mendGrant()}
	}
	return nil
}

func (a *Account) unreadable(what string, err error) error {
	return &Error{Account: a.cfg.Name, Problem: "read the " + what + ": " + err.Error(),
		Mend: "make it readable for slotd", Err: err}
}

// exchange asks the token endpoint once.
func (a *Account) exchange(ctx context.Context, cred credentials) (*oauth2.Token, error) {
	ctx = a.cfg.exchanging(ctx)
	if a.cfg.Grant == GrantServiceAccount {
		return a.assert(ctx, cred.clientSecret)
	}
	if a.cfg.Grant == GrantClientCredentials {
		conf := clientcredentials.Config{ClientID: a.cfg.ClientID, ClientSecret: cred.clientSecret, TokenURL: a.cfg.TokenURL,
			Scopes: a.applicationScopes(), AuthStyle: oauth2.AuthStyleInParams}
		return conf.Token(ctx)
	}
	conf := oauth2.Config{ClientID: a.cfg.ClientID, ClientSecret: cred.clientSecret,
		Endpoint: oauth2.Endpoint{TokenURL: a.cfg.TokenURL, AuthStyle: oauth2.AuthStyleInParams}}
	return conf.TokenSource(ctx, &oauth2.Token{RefreshToken: cred.refreshToken}).Token()
}

// applicationScopes returns the scopes of the client_credentials grant. Microsoft's form for "all that was granted" is the
// API's host with /.default.
func (a *Account) applicationScopes() []string {
	if len(a.cfg.Scopes) > 0 {
		return a.cfg.Scopes
	}
	return []string{a.api.Scheme + "://" + a.api.Host + "/.default"}
}

// access turns the reply into an access token with times of the account's clock. Half of a short life is used, so that
// such a token is not replaced on every request.
func (a *Account) access(tok *oauth2.Token) access {
	life := assumedLife
	if !tok.Expiry.IsZero() {
		life = max(0, time.Until(tok.Expiry))
	}
	now := a.cfg.Now()
	return access{token: tok.AccessToken, renew: now.Add(life - min(renewBefore, life/2)), expiry: now.Add(life)}
}

// readSecret calls read when there is one. The white space around a token that was pasted into a file is not part of it.
func readSecret(read func() ([]byte, error)) ([]byte, error) {
	if read == nil {
		return nil, nil
	}
	value, err := read()
	return bytes.TrimSpace(value), err
}

func fingerprint(secret []byte) string {
	sum := sha256.Sum256(secret)
	return hex.EncodeToString(sum[:])
}
