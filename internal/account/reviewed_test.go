package account

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// slow is a Tokens whose saves take some time and mind their context.
type slow struct {
	*memory
	takes time.Duration
}

func (s *slow) SaveToken(ctx context.Context, account string, token []byte) error {
	select {
	case <-time.After(s.takes):
		return s.memory.SaveToken(ctx, account, token)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fromFile is a configured token in a file that may be away or unreadable.
type fromFile struct {
	token string
	err   error
}

func (f *fromFile) read() ([]byte, error) { return []byte(f.token), f.err }

func (f *fromFile) configure(c *Config) { c.RefreshToken = f.read }

// What is configured cannot be compared while it cannot be read: nothing is done, and that is known before a sign-in.
func TestUnreadableConfiguredTokenStopsSignInAndDisconnect(t *testing.T) {
	tokens, file := &memory{}, &fromFile{err: fs.ErrPermission}
	a := newAccount(t, newProvider(), tokens, file.configure)
	if err := a.CanSave(); !NeedsPerson(err) || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("before a sign-in: %v", err)
	}
	if err := a.Adopt(t.Context(), Grant{RefreshToken: "refresh-0"}, false); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("sign-in: %v", err)
	}
	if _, err := a.Disconnect(t.Context(), true); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("disconnect: %v", err)
	}
	if len(tokens.docs) != 0 {
		t.Error("something was stored")
	}
}

func TestAbsentConfiguredTokenIsNotNewerThanASignIn(t *testing.T) {
	p, tokens, file := newProvider(), &memory{}, &fromFile{err: fmt.Errorf("token: %w", fs.ErrNotExist)}
	a := newAccount(t, p, tokens, file.configure)
	if err := errors.Join(a.CanSave(), a.Adopt(t.Context(), Grant{RefreshToken: "refresh-0"}, false)); err != nil {
		t.Fatal(err)
	}
	*file = fromFile{token: "old"}
	if err := get(a, apiURL); err != nil || p.forms[0].Get("refresh_token") != "refresh-0" {
		t.Fatalf("after the old token came back: %v, sent %q", err, p.forms[0].Get("refresh_token"))
	}
	file.token, p.newest = "from-a-person", "from-a-person"
	b := newAccount(t, p, tokens, file.configure)
	if err := get(b, apiURL); err != nil || p.forms[1].Get("refresh_token") != "from-a-person" {
		t.Errorf("after it was changed: %v, sent %q", err, p.forms[1].Get("refresh_token"))
	}
}

// A provider that rotates nothing gives no cause to save; what was configured is noted all the same.
func TestAbsentConfiguredTokenIsNotedWithoutRotation(t *testing.T) {
	p, tokens, file := newProvider(), &memory{}, &fromFile{err: fs.ErrNotExist}
	p.answer, p.status = `{"access_token":"access","expires_in":3600,"token_type":"Bearer"}`, 200
	a := newAccount(t, p, tokens, file.configure)
	if err := a.Adopt(t.Context(), Grant{RefreshToken: "steady"}, false); err != nil {
		t.Fatal(err)
	}
	for i, step := range []struct{ configured, sent string }{{"old", "steady"}, {"old", "steady"}, {"new", "new"}} {
		*file = fromFile{token: step.configured}
		err := get(newAccount(t, p, tokens, file.configure), apiURL)
		if got := p.forms[i].Get("refresh_token"); err != nil || got != step.sent {
			t.Errorf("with %q: %v, sent %q", step.configured, err, got)
		}
	}
}

func TestAbsentConfiguredTokenDoesNotUndoADisconnect(t *testing.T) {
	p, tokens, file := newProvider(), &memory{}, &fromFile{token: "refresh-0"}
	a := newAccount(t, p, tokens, file.configure)
	if err := get(a, apiURL); err != nil {
		t.Fatal(err)
	}
	*file = fromFile{err: fs.ErrNotExist}
	if _, err := a.Disconnect(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	for _, f := range []fromFile{{err: fs.ErrNotExist}, {token: "refresh-0"}} {
		*file = f
		if err := get(a, apiURL); err == nil || !strings.Contains(err.Error(), "it was disconnected") || p.tokenCalls() != 1 {
			t.Errorf("after it: %v", err)
		}
	}
}

func TestRefreshHasItsWholeTimeOnceItsTurnComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, tokens := newProvider(), &memory{}
		p.delay = 20 * time.Second
		a := newAccount(t, p, tokens, nil)
		a.slot <- struct{}{} // somebody signs in or disconnects
		go func() { _ = get(a, apiURL) }()
		time.Sleep(25 * time.Second)
		<-a.slot
		time.Sleep(time.Minute)
		if s := a.Status(); s.State != StateOK || tokens.refreshToken() != "refresh-1" {
			t.Errorf("status %+v, stored %q", s, tokens.refreshToken())
		}
	})
}

func TestLateRotatedTokenHasTimeToBeSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, tokens := newProvider(), &slow{&memory{}, 2 * time.Second}
		p.delay = DefaultTimeout - time.Second
		a := newAccount(t, p, tokens, nil)
		_ = get(a, apiURL) // gives up
		time.Sleep(time.Minute)
		if s := a.Status(); s.State != StateOK || tokens.refreshToken() != "refresh-1" {
			t.Errorf("status %+v, stored %q", s, tokens.refreshToken())
		}
	})
}

func TestFailedSealAnewKeepsTheAccessToken(t *testing.T) {
	p := newProvider()
	p.answer, p.status = `{"access_token":"access","expires_in":3600,"token_type":"Bearer"}`, 200
	tokens := &memory{}
	if err := newAccount(t, p, tokens, nil).Adopt(t.Context(), Grant{RefreshToken: "steady"}, false); err != nil {
		t.Fatal(err)
	}
	a := newAccount(t, p, tokens, func(c *Config) { c.Keys = keys(keyTwo, keyOne) })
	tokens.fail = errors.New("disk is full")
	if err := get(a, apiURL); err != nil {
		t.Fatal(err)
	}
	if s := a.Status(); s.State != StateOK || !strings.Contains(s.Reason, "disk is full") {
		t.Errorf("status %+v", s)
	}
	tokens.fail = nil
	a.drop("access")
	if err := get(a, apiURL); err != nil || a.Status().Reason != "" {
		t.Errorf("%v, status %+v", err, a.Status())
	}
	ring, err := ParseKeys(keyTwo)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := ring.open(tokens.docs["clinic"]); err != nil {
		t.Errorf("not sealed anew at the next refresh: %v", err)
	}
}
