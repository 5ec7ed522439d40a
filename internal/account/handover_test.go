package account

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// succeed closes old and lets a new account take over from it.
func succeed(t *testing.T, p *provider, tokens Tokens, old *Account, change func(*Config)) (*Account, error) {
	t.Helper()
	a := newAccount(t, p, tokens, change)
	a.Hold()
	old.Close()
	return a, a.TakeOver(t.Context(), old)
}

func TestTokenInMemoryGoesOverAndIsSavedAsSoonAsThereIsAKey(t *testing.T) {
	p, tokens := newProvider(), &memory{}
	noKey := func(c *Config) { c.Keys = nil }
	a := newAccount(t, p, tokens, noKey)
	if err := get(a, apiURL); err != nil {
		t.Fatal(err)
	}
	b, err := succeed(t, p, tokens, a, noKey)
	if err = errors.Join(err, get(b, apiURL)); err != nil {
		t.Fatal(err)
	}
	tokens.fail = errors.New("disk is full")
	c, err := succeed(t, p, tokens, b, nil)
	if err == nil {
		t.Error("nobody was told that the token is not saved")
	}
	tokens.fail = nil
	d, err := succeed(t, p, tokens, c, nil)
	if err != nil || tokens.refreshToken() != "refresh-2" {
		t.Errorf("%v, stored %q", err, tokens.refreshToken())
	}
	if err := get(d, apiURL); err != nil {
		t.Error(err)
	}
}

func TestTokenThatCouldNotBeSavedGoesOver(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Config)
		stored string
	}{
		"the same":            {nil, "refresh-1"},
		"another application": {func(c *Config) { c.ClientID = "other" }, ""},
		"another provider":    {func(c *Config) { c.Provider = Google }, ""},
		"another grant":       {func(c *Config) { c.Grant, c.RefreshToken = GrantClientCredentials, nil }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p, tokens := newProvider(), &memory{fail: errors.New("disk is full")}
			a := newAccount(t, p, tokens, nil)
			if err := get(a, apiURL); err == nil {
				t.Fatal("the save did not fail")
			}
			b := newAccount(t, p, tokens, test.change)
			b.Hold()
			a.Close()
			tokens.fail = nil
			if err := b.TakeOver(t.Context(), a); err != nil || tokens.refreshToken() != test.stored {
				t.Errorf("%v, stored %q", err, tokens.refreshToken())
			}
		})
	}
}

func TestCloseTriesOnceMoreToSave(t *testing.T) {
	p, tokens := newProvider(), &memory{fail: errors.New("disk is full")}
	a := newAccount(t, p, tokens, nil)
	if err := get(a, apiURL); err == nil {
		t.Fatal("the save did not fail")
	}
	tokens.fail = nil
	a.Close()
	if tokens.refreshToken() != "refresh-1" {
		t.Errorf("stored %q", tokens.refreshToken())
	}
}

// Close waits for a sign-in that is being saved; one whose turn comes later fails and saves nothing.
func TestCloseWaitsForASignIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens := &slow{&memory{}, 2 * time.Second}
		a := newAccount(t, newProvider(), tokens, nil)
		ended := make([]error, 2)
		for i, token := range []string{"first", "second"} {
			go func() { ended[i] = a.Adopt(t.Context(), Grant{RefreshToken: token}, false) }()
			time.Sleep(time.Second / 2)
		}
		begun := time.Now()
		a.Close()
		synctest.Wait()
		if took := time.Since(begun); took != time.Second || tokens.refreshToken() != "first" {
			t.Errorf("it took %v, stored %q", took, tokens.refreshToken())
		}
		if ended[0] != nil || !errors.Is(ended[1], ErrClosed) {
			t.Errorf("%v and %v", ended[0], ended[1])
		}
		if _, err := a.Disconnect(t.Context(), true); !errors.Is(err, ErrClosed) {
			t.Errorf("disconnect: %v", err)
		}
	})
}

// A refresh that outlasts all patience must not save over what the next account has saved since.
func TestOldAccountSavesNothingAfterItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, tokens := newProvider(), &memory{}
		p.delay = 20 * time.Second
		a := newAccount(t, p, tokens, nil)
		go func() { _ = get(a, apiURL) }()
		synctest.Wait()
		b := newAccount(t, p, tokens, nil)
		b.Hold()
		adopted := make(chan error)
		go func() { adopted <- b.Adopt(t.Context(), Grant{RefreshToken: "fresh"}, false) }()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.TakeOver(ctx, a); err != nil {
			t.Fatal(err)
		}
		if err := <-adopted; err != nil {
			t.Fatal(err)
		}
		a.Close()
		if p.tokenCalls() != 1 || tokens.refreshToken() != "fresh" {
			t.Errorf("%d calls, stored %q", p.tokenCalls(), tokens.refreshToken())
		}
	})
}
