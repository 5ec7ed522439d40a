package oauth_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"slotd/internal/emulator/oauth"
)

const (
	user     = "adams@clinic.example"
	callback = "http://127.0.0.1:4711/callback?slotd=1"
	verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	// challenge belongs to verifier: the example of RFC 7636 appendix B.
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

func call(h http.HandlerFunc, method, target string, form url.Values, basic ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if len(basic) == 2 {
		r.SetBasicAuth(url.QueryEscape(basic[0]), url.QueryEscape(basic[1]))
	}
	w := httptest.NewRecorder()
	h(w, r)
	return w
}

func consent(t *testing.T, s *oauth.Server, extra url.Values) url.Values {
	t.Helper()
	q := url.Values{
		"client_id": {oauth.ClientID}, "redirect_uri": {callback}, "response_type": {"code"}, "state": {"s1"},
		"access_type": {"offline"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"},
	}
	for k, v := range extra {
		q[k] = v
	}
	w := call(s.Authorize, "GET", "/auth?"+q.Encode(), nil)
	back, err := url.Parse(w.Header().Get("Location"))
	if w.Code != http.StatusFound || err != nil {
		t.Fatalf("consent: %d %v", w.Code, err)
	}
	if !strings.HasPrefix(back.String(), "http://127.0.0.1:4711/callback?") || back.Query().Get("slotd") != "1" {
		t.Fatalf("sent back to %v", back)
	}
	return back.Query()
}

func redeem(t *testing.T, s *oauth.Server, changes url.Values) (int, map[string]any) {
	t.Helper()
	form := url.Values{
		"grant_type": {"authorization_code"}, "redirect_uri": {callback}, "code_verifier": {verifier},
		"client_id": {oauth.ClientID}, "client_secret": {oauth.ClientSecret},
	}
	for k, v := range changes {
		form[k] = v
	}
	w := call(s.Token, "POST", "/token", form)
	var body map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	return w.Code, body
}

func TestCodeGrant(t *testing.T) {
	tests := []struct {
		name   string
		change url.Values
		status int
		want   string
	}{
		{"good", nil, 200, ""},
		{"wrong verifier", url.Values{"code_verifier": {"guess"}}, 400, "invalid_grant"},
		{"no verifier", url.Values{"code_verifier": nil}, 400, "invalid_grant"},
		{"other redirect", url.Values{"redirect_uri": {"http://127.0.0.1:1/"}}, 400, "invalid_grant"},
		{"unknown code", url.Values{"code": {"x"}}, 400, "invalid_grant"},
		{"wrong secret", url.Values{"client_secret": {"x"}}, 401, "invalid_client"},
		{"no secret", url.Values{"client_secret": nil}, 401, "invalid_client"},
		{"unknown grant", url.Values{"grant_type": {"password"}}, 400, "unsupported_grant_type"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := oauth.New(oauth.Options{Scopes: []string{"calendar"}})
			s.AddAccount(user)
			answer := consent(t, s, nil)
			if answer.Get("state") != "s1" {
				t.Errorf("state %q", answer.Get("state"))
			}
			form := url.Values{"code": {answer.Get("code")}}
			for k, v := range tt.change {
				form[k] = v
			}
			status, body := redeem(t, s, form)
			if got, _ := body["error"].(string); status != tt.status || got != tt.want {
				t.Fatalf("%d %v", status, body)
			}
			if tt.status != 200 {
				return
			}
			if a, ok := s.Check("Bearer " + body["access_token"].(string)); !ok || a.User != user || !a.Allows("calendar") {
				t.Errorf("access %+v %v", a, ok)
			}
			if status, body = redeem(t, s, form); status != 400 {
				t.Errorf("a code is good once: %d %v", status, body)
			}
		})
	}
}

func TestSecondConsentGivesNoRefreshTokenUnlessAsked(t *testing.T) {
	s := oauth.New(oauth.Options{})
	s.AddAccount(user)
	for _, tt := range []struct {
		extra url.Values
		want  bool
	}{
		{nil, true}, {nil, false}, {url.Values{"prompt": {"consent"}}, true},
		{url.Values{"access_type": nil, "prompt": {"consent"}}, false},
	} {
		_, body := redeem(t, s, url.Values{"code": {consent(t, s, tt.extra).Get("code")}})
		if got := body["refresh_token"] != nil; got != tt.want {
			t.Errorf("%v: refresh token %v, want %v", tt.extra, got, tt.want)
		}
	}
}

func TestConsentIsRefused(t *testing.T) {
	s := oauth.New(oauth.Options{})
	s.AddAccount(user)
	for _, q := range []string{
		"", "client_id=x&redirect_uri=http://a.example/", "client_id=" + oauth.ClientID + "&redirect_uri=nothing",
		"client_id=" + oauth.ClientID + "&redirect_uri=http://a.example/&code_challenge=x&code_challenge_method=plain",
	} {
		if w := call(s.Authorize, "GET", "/auth?"+q, nil); w.Code < 400 {
			t.Errorf("%q: %d", q, w.Code)
		}
	}
	if got := consent(t, s, url.Values{"login_hint": {"nobody@clinic.example"}}); got.Get("error") != "access_denied" {
		t.Errorf("unknown person: %v", got)
	}
	if got := consent(t, s, url.Values{"response_type": {"token"}}); got.Get("error") != "unsupported_response_type" {
		t.Errorf("response type: %v", got)
	}
	s.AddAccount("baker@clinic.example")
	target := "/auth?client_id=" + oauth.ClientID + "&response_type=code&redirect_uri=" + url.QueryEscape(callback)
	w := call(s.Authorize, "GET", target, nil)
	if w.Code != 200 || !strings.Contains(w.Body.String(), "login_hint=baker") {
		t.Errorf("several accounts: a page to choose from, got %d", w.Code)
	}
}

func TestClientMayUseBasicAuthAndRevoke(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s := oauth.New(oauth.Options{Now: func() time.Time { return now }})
	creds := s.AddAccount(user)
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {creds.RefreshToken}}
	refresh := func() (int, string) {
		w := call(s.Token, "POST", "/token", form, creds.ClientID, creds.ClientSecret)
		var body struct {
			AccessToken string `json:"access_token"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
			t.Fatal(err)
		}
		return w.Code, body.AccessToken
	}
	_, token := refresh()
	if _, ok := s.Check("Bearer " + token); !ok {
		t.Fatal("no access")
	}
	s.ExpireAccess(user)
	if _, ok := s.Check("Bearer " + token); ok {
		t.Error("expired on demand")
	}
	_, token = refresh()
	now = now.Add(oauth.AccessLife)
	if _, ok := s.Check("Bearer " + token); ok {
		t.Error("expired by the clock")
	}
	if w := call(s.Revoke, "POST", "/revoke", url.Values{"token": {creds.RefreshToken}}); w.Code != 200 {
		t.Errorf("revoke: %d", w.Code)
	}
	if status, _ := refresh(); status != 400 {
		t.Errorf("refresh after revocation: %d", status)
	}
}

func TestMoods(t *testing.T) {
	s := oauth.New(oauth.Options{Scopes: []string{"read", "write"}})
	s.AddAccount(user)
	s.EndRefreshAfter(7 * 24 * time.Hour)
	status, got := redeem(t, s, url.Values{"code": {consent(t, s, nil).Get("code")}})
	if status != http.StatusOK || got["refresh_token_expires_in"] != 604800.0 {
		t.Errorf("%d %v", status, got)
	}
	s.LoseScopes(user, "write")
	status, got = redeem(t, s, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got["refresh_token"].(string)}})
	if status != http.StatusOK || got["scope"] != "read" {
		t.Errorf("after a scope was lost: %d %v", status, got)
	}
	s.AllowRedirects("http://127.0.0.1/callback?slotd=1", "https://slotd.example/oauth/callback")
	for redirect, want := range map[string]int{
		callback: http.StatusFound, "https://slotd.example/oauth/callback": http.StatusFound,
		"https://slotd.example/oauth/callback/": http.StatusBadRequest, "http://localhost:4711/callback": http.StatusBadRequest,
		"https://slotd.example:8443/oauth/callback": http.StatusBadRequest,
	} {
		q := url.Values{"client_id": {oauth.ClientID}, "redirect_uri": {redirect}, "response_type": {"code"}}
		if w := call(s.Authorize, "GET", "/auth?"+q.Encode(), nil); w.Code != want {
			t.Errorf("%s: %d, want %d", redirect, w.Code, want)
		}
	}
}

func TestAssertionsThatAreNone(t *testing.T) {
	s := oauth.New(oauth.Options{})
	if _, err := s.AddServiceAccount("robot@project.example"); err != nil {
		t.Fatal(err)
	}
	const jwt = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	for _, assertion := range []string{"", ".", "a.b.c", "e30.eyJpc3MiOiJyb2JvdEBwcm9qZWN0LmV4YW1wbGUifQ.AAAA"} {
		form := url.Values{"grant_type": {jwt}, "assertion": {assertion}}
		if w := call(s.Token, "POST", "/token", form); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "invalid_grant") {
			t.Errorf("%q: %d %s", assertion, w.Code, w.Body)
		}
	}
}
