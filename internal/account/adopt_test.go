package account

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const state = "a-state-that-is-long-enough-to-be-random"

func TestAnotherPersonIsRefusedUnlessReplaced(t *testing.T) {
	tokens := &memory{}
	a := newAccount(t, newProvider(), tokens, nil)
	adams := Grant{RefreshToken: "refresh-0"}.Of(Outlook, Identity{ID: "Adams"})
	baker := Grant{RefreshToken: "refresh-b"}.Of(Outlook, Identity{ID: "baker"})
	adopt := func(g Grant, replace bool) error { return a.Adopt(t.Context(), g, replace) }
	if err := adopt(adams, false); err != nil {
		t.Fatal(err)
	}
	if err := get(a, apiURL); err != nil { // rotates; whose it is stays known
		t.Fatal(err)
	}
	if err := adopt(baker, false); !errors.Is(err, ErrOtherPerson) || tokens.refreshToken() != "refresh-1" {
		t.Errorf("another person: %v, stored %q", err, tokens.refreshToken())
	}
	if err := adopt(Grant{RefreshToken: "refresh-1"}.Of(Outlook, Identity{ID: "adams"}), false); err != nil {
		t.Errorf("the same person: %v", err)
	}
	if err := adopt(baker, true); err != nil || tokens.refreshToken() != "refresh-b" {
		t.Errorf("another person on purpose: %v", err)
	}
	if id := opened(tokens.docs["clinic"]).Identity; id == "" || strings.Contains(id, "baker") {
		t.Errorf("identity is stored as %q", id)
	}
}

func TestLostScopesStopTheAccountOnce(t *testing.T) {
	p := newProvider()
	var told []Status
	a := newAccount(t, p, &memory{}, func(c *Config) { c.Changed = func(s Status) { told = append(told, s) } })
	if err := a.Adopt(t.Context(), Grant{RefreshToken: "refresh-0", Scopes: []string{"Calendars.ReadWrite"}}, false); err != nil {
		t.Fatal(err)
	}
	p.answer, p.status = `{"access_token":"x","token_type":"Bearer","scope":"User.Read"}`, http.StatusOK
	for range 3 {
		err := get(a, apiURL)
		if !NeedsPerson(err) || !strings.Contains(err.Error(), "no longer grants Calendars.ReadWrite") ||
			!strings.Contains(err.Error(), "slotd connect outlook clinic") {
			t.Errorf("got %v", err)
		}
	}
	if len(told) != 1 || told[0].State != StateNeedsPerson || p.tokenCalls() != 1 {
		t.Errorf("told %+v after %d calls", told, p.tokenCalls())
	}
	p.answer = `{"access_token":"x","token_type":"Bearer","scope":"calendars.readwrite"}`
	if err := a.Adopt(t.Context(), Grant{RefreshToken: "again", Scopes: []string{"Calendars.ReadWrite"}}, false); err != nil {
		t.Fatal(err)
	}
	if err := get(a, apiURL); err != nil || len(told) != 2 || told[1].State != StateOK {
		t.Errorf("after a new sign-in: %v, told %+v", err, told)
	}
}

// A token of the configuration has no known scopes; that it lacks one shows at the API only.
func TestAPISaysThatAScopeIsLacking(t *testing.T) {
	p := newProvider()
	p.apiCode, p.challenge = http.StatusForbidden, `Bearer error="insufficient_scope"`
	var told []Status
	a := newAccount(t, p, &memory{}, func(c *Config) { c.Changed = func(s Status) { told = append(told, s) } })
	if err := get(a, apiURL); err != nil { // the answer itself is for the caller
		t.Fatal(err)
	}
	for range 3 {
		if err := get(a, apiURL); !NeedsPerson(err) || !strings.Contains(err.Error(), "lacks a scope") {
			t.Errorf("got %v", err)
		}
	}
	if len(told) != 2 || told[1].State != StateNeedsPerson || p.tokenCalls() != 1 || len(p.apiCalls) != 1 {
		t.Errorf("told %+v, %d and %d calls", told, p.tokenCalls(), len(p.apiCalls))
	}
	p.apiCode = http.StatusOK
	if err := a.Adopt(t.Context(), Grant{RefreshToken: "refresh-1"}, false); err != nil {
		t.Fatal(err)
	}
	if err := get(a, apiURL); err != nil || a.Status().State != StateOK {
		t.Errorf("after a new sign-in: %v", err)
	}
}

func TestDisconnectRevokesAndForgets(t *testing.T) {
	p, tokens := newProvider(), &memory{}
	status, body := http.StatusInternalServerError, ""
	var revoked []string
	revoker := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		revoked = append(revoked, r.FormValue("token"))
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(revoker.Close)
	a := newAccount(t, p, tokens, func(c *Config) {
		c.RevokeURL, c.HTTP = revoker.URL+"/revoke", &http.Client{Transport: route{p, revoker.URL}}
	})
	if err := get(a, apiURL); err != nil {
		t.Fatal(err)
	}
	if done, err := a.Disconnect(t.Context(), false); done || err == nil || !strings.Contains(err.Error(), "nothing was removed") {
		t.Errorf("with a failing provider: %v, %v", done, err)
	}
	status, body = http.StatusBadRequest, `{"error":"invalid_token"}`
	if done, err := a.Disconnect(t.Context(), false); !done || err != nil || revoked[1] != "refresh-1" {
		t.Errorf("%v, %v, %q", done, err, revoked)
	}
	if data := tokens.refreshToken(); data != "" {
		t.Errorf("still stored: %q", data)
	}
	calls := p.tokenCalls() // the configured token is not used either, also not after a restart
	for _, b := range []*Account{a, newAccount(t, p, tokens, nil)} {
		if err := get(b, apiURL); !NeedsPerson(err) || b.Status().State != StateNeedsPerson || p.tokenCalls() != calls {
			t.Errorf("after it: %v", err)
		}
	}
	if err := a.Adopt(t.Context(), Grant{RefreshToken: "refresh-1"}, false); err != nil {
		t.Fatal(err)
	}
	if err := get(a, apiURL); err != nil {
		t.Errorf("after a new sign-in: %v", err)
	}
	if done, err := a.Disconnect(t.Context(), true); done || err != nil || len(revoked) != 2 {
		t.Errorf("local: %v, %v, %q", done, err, revoked)
	}
}

// route sends what is for url over the network and the rest to the provider in memory.
type route struct {
	p   *provider
	url string
}

func (r route) RoundTrip(req *http.Request) (*http.Response, error) {
	if strings.HasPrefix(req.URL.String(), r.url) {
		return http.DefaultTransport.RoundTrip(req)
	}
	return r.p.RoundTrip(req)
}

func TestMissingScopes(t *testing.T) {
	const google = "https://www.googleapis.com/auth/calendar"
	for _, c := range []struct {
		want    []string
		granted string
		missing int
	}{
		{[]string{google + ".events"}, google + ".events", 0},
		{[]string{google + ".events", google + ".calendarlist.readonly"}, google + ".events openid", 1},
		{[]string{google + ".events", google + ".calendarlist.readonly"}, google, 0},
		{[]string{google}, google + ".events", 1},
		{[]string{google + ".events.readonly"}, google + ".events", 0},
		{[]string{google + ".events"}, google + ".events.readonly", 1},
		{[]string{"Calendars.ReadWrite", "User.Read", "offline_access"},
			"https://graph.microsoft.com/calendars.readwrite user.read profile", 0},
		{[]string{"Calendars.Read"}, "Calendars.ReadWrite", 0},
		{[]string{"Calendars.ReadWrite"}, "Calendars.Read", 1},
		{[]string{"https://graph.microsoft.us/Calendars.Read"}, "Calendars.Read", 0},
		{[]string{"Calendars.Read"}, "", 0}, // the provider did not say
	} {
		if got := missingScopes(c.want, c.granted); len(got) != c.missing {
			t.Errorf("want %q, granted %q: missing %q", c.want, c.granted, got)
		}
	}
}

func TestCallbackTakesAnAnnouncedStateOnce(t *testing.T) {
	var c Callbacks
	visit := func(query string) int {
		w := httptest.NewRecorder()
		c.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/oauth/callback?"+query, nil))
		if strings.Contains(w.Body.String(), "state-that") || strings.Contains(w.Body.String(), "secret-code") {
			t.Errorf("the page repeats the request: %s", w.Body)
		}
		return w.Code
	}
	if err := c.Expect(state); err != nil {
		t.Fatal(err)
	}
	if c.Expect(state) == nil || c.Expect("short") == nil {
		t.Error("a state was taken that is known already, or short")
	}
	for _, query := range []string{"", "state=" + state, "code=secret-code", "code=secret-code&state=other",
		"code=secret-code&error=x&state=" + state} {
		if code := visit(query); code != http.StatusBadRequest {
			t.Errorf("%s: %d", query, code)
		}
	}
	if code := visit("code=secret-code&state=" + state); code != http.StatusOK {
		t.Errorf("the expected one: %d", code)
	}
	if code := visit("code=replayed&state=" + state); code != http.StatusBadRequest {
		t.Errorf("replayed: %d", code)
	}
	if a, err := c.Wait(t.Context(), state); err != nil || a.Code != "secret-code" {
		t.Errorf("answer %+v, %v", a, err)
	}
}

func TestCallbackExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c Callbacks
		if err := c.Expect(state); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := c.Wait(ctx, state); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("nobody came: %v", err)
		}
		time.Sleep(SignInWithin)
		if c.take(state, Answer{Code: "x"}) {
			t.Error("taken after its time")
		}
		if _, err := c.Wait(t.Context(), state); !errors.Is(err, ErrNotExpected) {
			t.Errorf("after its time: %v", err)
		}
		for i := range maxExpected {
			if err := c.Expect(state + string(rune('a'+i))); err != nil { // the expired one makes room
				t.Fatal(err)
			}
		}
		if err := c.Expect(state); !errors.Is(err, ErrTooManySignIns) {
			t.Errorf("one too many: %v", err)
		}
	})
}
