package account

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"
)

func TestRotatedTokenIsSavedBeforeTheAccessTokenIsUsed(t *testing.T) {
	p, tokens := newProvider(), &memory{}
	tokens.onSave = func(doc document) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(p.apiCalls) > 0 || doc.RefreshToken != "refresh-1" {
			t.Errorf("saved %q after %d API calls, want refresh-1 after none", doc.RefreshToken, len(p.apiCalls))
		}
	}
	server := httptest.NewServer(p)
	defer server.Close()
	a := newAccount(t, p, tokens, func(c *Config) {
		c.TokenURL, c.APIURL, c.HTTP = server.URL+"/token", server.URL+"/v1.0", server.Client()
	})
	if err := get(a, server.URL+"/v1.0/me"); err != nil {
		t.Fatal(err)
	}
	if got := tokens.refreshToken(); got != "refresh-1" {
		t.Errorf("stored %q", got)
	}
	if p.apiCalls[0] != "Bearer access-1" {
		t.Errorf("sent %q", p.apiCalls[0])
	}
	form := p.forms[0]
	if form.Get("client_id") != "client" || form.Get("client_secret") != "hush" {
		t.Errorf("credentials are not in the form: %v", form)
	}
	if s := a.Status(); s.State != StateOK || s.Expiry.IsZero() || s.Since.IsZero() {
		t.Errorf("status %+v", s)
	}
}

func TestFailedSaveGivesOutNoTokenAndKeepsTheRotatedOne(t *testing.T) {
	p, tokens := newProvider(), &memory{fail: errors.New("disk is full")}
	a := newAccount(t, p, tokens, nil)
	if err := get(a, apiURL); err == nil || NeedsPerson(err) {
		t.Fatalf("got %v, want a temporary error", err)
	}
	if len(p.apiCalls) != 0 || tokens.refreshToken() != "" {
		t.Fatal("the access token was used before the refresh token was saved")
	}
	tokens.fail = nil
	if err := get(a, apiURL); err != nil {
		t.Fatal(err)
	}
	if p.tokenCalls() != 1 || tokens.refreshToken() != "refresh-1" {
		t.Errorf("%d token calls, stored %q; want the pair of the first call", p.tokenCalls(), tokens.refreshToken())
	}
}

func TestFailedRefreshKeepsTheOldToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, tokens := newProvider(), &memory{}
		a := newAccount(t, p, tokens, nil)
		if err := get(a, apiURL); err != nil {
			t.Fatal(err)
		}
		p.answer, p.status = `{"error":"temporarily_unavailable","secret":"leaked"}`, http.StatusServiceUnavailable
		time.Sleep(58 * time.Minute) // inside the last three minutes of the hour
		err := get(a, apiURL)
		var reply *oauth2.RetrieveError
		if err == nil || NeedsPerson(err) || !errors.As(err, &reply) {
			t.Fatalf("got %v, want a temporary error with the reply in its chain", err)
		}
		if !strings.Contains(err.Error(), "503 Service Unavailable (temporarily_unavailable)") {
			t.Errorf("got %v", err)
		}
		if tokens.refreshToken() != "refresh-1" || a.Status().State != StateUnknown {
			t.Errorf("stored %q, status %+v", tokens.refreshToken(), a.Status())
		}
		p.answer = ""
		if err := get(a, apiURL); err != nil {
			t.Fatal(err)
		}
	})
}

func TestTenCallersWithASlowServerRefreshOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, tokens := newProvider(), &memory{}
		p.delay = 5 * time.Second
		a := newAccount(t, p, tokens, nil)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if err := get(a, apiURL); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if p.tokenCalls() != 1 {
			t.Errorf("%d refreshes, want 1", p.tokenCalls())
		}
	})
}

func TestCallerGivesUpButTheRefreshIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, tokens := newProvider(), &memory{}
		p.delay = 5 * time.Second
		a := newAccount(t, p, tokens, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
		defer cancel()
		start := time.Now()
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, apiURL, nil)
		if _, err := a.Client().Do(req); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		if waited := time.Since(start); waited != 700*time.Millisecond {
			t.Errorf("waited %v", waited)
		}
		a.Close()
		if tokens.refreshToken() != "refresh-1" {
			t.Errorf("stored %q: the rotated token is lost", tokens.refreshToken())
		}
		if err := get(a, apiURL); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}

func TestHangingTokenServerIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider()
		p.delay = time.Hour
		a := newAccount(t, p, &memory{}, nil)
		start := time.Now()
		if err := get(a, apiURL); err == nil || NeedsPerson(err) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(start); took > DefaultTimeout {
			t.Errorf("took %v", took)
		}
		time.Sleep(time.Hour) // the handler's goroutine ends
	})
}

func TestTerminalAnswersNeedAPerson(t *testing.T) {
	for code, mend := range map[string]string{
		"invalid_grant":        `run "slotd connect outlook clinic", or put a new refresh token into file token`,
		"interaction_required": `run "slotd connect outlook clinic", or put a new refresh token into file token`,
		"invalid_client":       "check client_id and the client secret",
		"unauthorized_client":  "check client_id and the client secret",
	} {
		t.Run(code, func(t *testing.T) {
			p := newProvider()
			p.answer, p.status = `{"error":"`+code+`","error_description":"adams@clinic.example"}`, http.StatusBadRequest
			a := newAccount(t, p, &memory{}, nil)
			err := get(a, apiURL)
			if !NeedsPerson(err) || !strings.Contains(err.Error(), `account "clinic"`) || !strings.Contains(err.Error(), mend) {
				t.Errorf("got %v", err)
			}
			if s := a.Status(); s.State != StateNeedsPerson || !strings.Contains(s.Reason, mend) {
				t.Errorf("status %+v", s)
			}
		})
	}
}

func TestRefusedAccountIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, tokens := newProvider(), &memory{}
		configured := "revoked"
		a := newAccount(t, p, tokens, func(c *Config) {
			c.RefreshToken = func() ([]byte, error) { return []byte(configured), nil }
		})
		for range 3 {
			if err := get(a, apiURL); !NeedsPerson(err) {
				t.Fatalf("got %v", err)
			}
		}
		if p.tokenCalls() != 1 {
			t.Fatalf("%d token calls, want 1", p.tokenCalls())
		}
		time.Sleep(16 * time.Minute)
		if err := get(a, apiURL); !NeedsPerson(err) || p.tokenCalls() != 2 {
			t.Fatalf("after a quarter of an hour: %v, %d token calls, want 2", err, p.tokenCalls())
		}
		configured = "refresh-0"
		if err := get(a, apiURL); err != nil {
			t.Fatalf("after a new token was configured: %v", err)
		}
		if a.Status().State != StateOK {
			t.Errorf("status %+v", a.Status())
		}
	})
}

func TestStoredTokenWinsUntilTheConfiguredOneChanges(t *testing.T) {
	p, tokens := newProvider(), &memory{}
	configured := "refresh-0"
	change := func(c *Config) {
		c.RefreshToken = func() ([]byte, error) { return []byte(configured + "\n"), nil }
	}
	if err := get(newAccount(t, p, tokens, change), apiURL); err != nil {
		t.Fatal(err)
	}
	if err := get(newAccount(t, p, tokens, change), apiURL); err != nil { // a restart
		t.Fatalf("the rotated token was not used: %v", err)
	}
	p.newest, configured = "from-a-person", "from-a-person"
	if err := get(newAccount(t, p, tokens, change), apiURL); err != nil {
		t.Fatalf("the newly configured token was not used: %v", err)
	}
	if got := tokens.refreshToken(); got != "refresh-3" {
		t.Errorf("stored %q", got)
	}
}

func TestAdoptedTokenEndsTheWait(t *testing.T) {
	p, tokens := newProvider(), &memory{}
	a := newAccount(t, p, tokens, func(c *Config) { c.RefreshToken, c.RefreshTokenFrom = nil, "" })
	if err := get(a, apiURL); !NeedsPerson(err) || !strings.HasSuffix(err.Error(), `: run "slotd connect outlook clinic"`) {
		t.Fatalf("without a token: %v", err)
	}
	if err := a.Adopt(t.Context(), Grant{RefreshToken: "refresh-0"}, false); err != nil {
		t.Fatal(err)
	}
	if err := get(a, apiURL); err != nil {
		t.Fatal(err)
	}
}

func TestForeignHostsAreRefused(t *testing.T) {
	p := newProvider()
	a := newAccount(t, p, &memory{}, nil)
	for _, u := range []string{"https://evil.example/v1.0/me", "http://graph.example/v1.0/me",
		"https://graph.example:8443/v1.0/me", "https://graph.example.evil.example/", "https://graph.example@evil.example/"} {
		if err := get(a, u); err == nil || !strings.Contains(err.Error(), "refused") {
			t.Errorf("%s: %v", u, err)
		}
	}
	if p.tokenCalls() != 0 || len(p.apiCalls) != 0 {
		t.Error("a refused request reached the network")
	}
	if err := get(a, "https://GRAPH.example:443/v1.0/me"); err != nil {
		t.Errorf("the same host spelled otherwise: %v", err)
	}
	p.apiCode, p.location = http.StatusTemporaryRedirect, "https://evil.example/"
	if err := get(a, apiURL); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("redirect: %v", err)
	}
	if len(p.apiCalls) != 2 {
		t.Errorf("%d requests, want 2: the redirect must not be followed", len(p.apiCalls))
	}
}

func TestUnauthorizedDropsTheAccessTokenAndRepeatsNothing(t *testing.T) {
	p := newProvider()
	a := newAccount(t, p, &memory{}, nil)
	p.apiCode = http.StatusUnauthorized
	if err := get(a, apiURL); err != nil || len(p.apiCalls) != 1 {
		t.Fatalf("%v, %d requests, want the 401 of one request", err, len(p.apiCalls))
	}
	p.apiCode = http.StatusOK
	if err := get(a, apiURL); err != nil || p.apiCalls[1] != "Bearer access-2" {
		t.Errorf("%v, sent %q", err, p.apiCalls[1])
	}
	if get(a, apiURL); p.tokenCalls() != 2 {
		t.Errorf("%d token calls, want 2", p.tokenCalls())
	}
}

func TestClientCredentials(t *testing.T) {
	for _, test := range []struct {
		scopes []string
		want   string
	}{
		{nil, "https://graph.example/.default"},
		{[]string{"https://other.example/.default"}, "https://other.example/.default"},
	} {
		p, tokens := newProvider(), &memory{}
		a := newAccount(t, p, tokens, func(c *Config) {
			c.Grant, c.Scopes, c.RefreshToken = GrantClientCredentials, test.scopes, nil
		})
		if err := get(a, apiURL); err != nil {
			t.Fatal(err)
		}
		form := p.forms[0]
		if form.Get("grant_type") != "client_credentials" || form.Get("scope") != test.want {
			t.Errorf("sent %v", form)
		}
		if tokens.refreshToken() != "" {
			t.Error("a refresh token was stored for a grant without one")
		}
	}
}

// The replies below hold what must never be printed; x/oauth2's own error text prints some of them.
func TestErrorsHoldNoSecret(t *testing.T) {
	for name, body := range map[string]string{
		"description":  `{"error":"invalid_grant","error_description":"leaked"}`,
		"code":         `{"error":"leaked Token 1234"}`,
		"uri":          `{"error":"invalid_client","error_uri":"https://leaked.example"}`,
		"no JSON":      `<html>leaked</html>`,
		"no code":      `{"access_token":"leaked"}`,
		"other fields": `{"error":"invalid_scope","refresh_token":"leaked"}`,
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider()
			p.answer, p.status = body, http.StatusBadRequest
			a := newAccount(t, p, &memory{}, nil)
			err := get(a, apiURL)
			if err == nil {
				t.Fatal("no error")
			}
			for _, secret := range []string{"leaked", "hush", "refresh-0"} {
				if strings.Contains(err.Error(), secret) || strings.Contains(a.Status().Reason, secret) {
					t.Errorf("%q is in %q or %q", secret, err, a.Status().Reason)
				}
			}
		})
	}
}

func TestStoredDocumentThatIsNoJSONNeedsAPerson(t *testing.T) {
	tokens := &memory{docs: map[string][]byte{"clinic": []byte("leaked")}}
	a := newAccount(t, newProvider(), tokens, nil)
	if err := get(a, apiURL); !NeedsPerson(err) || strings.Contains(err.Error(), "leaked") {
		t.Errorf("got %v", err)
	}
}

func TestShortLivedTokenIsNotReplacedOnEveryRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider()
		p.expires = 60
		a := newAccount(t, p, &memory{}, nil)
		get(a, apiURL)
		time.Sleep(10 * time.Second)
		if get(a, apiURL); p.tokenCalls() != 1 {
			t.Errorf("%d token calls, want 1", p.tokenCalls())
		}
		time.Sleep(25 * time.Second)
		if get(a, apiURL); p.tokenCalls() != 2 {
			t.Errorf("%d token calls, want 2", p.tokenCalls())
		}
	})
}

func TestNewRefusesIncompleteConfigs(t *testing.T) {
	good := Config{Name: "clinic", Provider: Google, ClientID: "client", TokenURL: "https://login.example/token",
		APIURL: "https://api.example", Tokens: &memory{}}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Config){
		"no name":          func(c *Config) { c.Name = "" },
		"no client":        func(c *Config) { c.ClientID = "" },
		"no store":         func(c *Config) { c.Tokens = nil },
		"no API":           func(c *Config) { c.APIURL = "" },
		"relative token":   func(c *Config) { c.TokenURL = "/token" },
		"unknown provider": func(c *Config) { c.Provider = "icloud" },
		"unknown grant":    func(c *Config) { c.Grant = "password" },
	} {
		bad := good
		change(&bad)
		if _, err := New(bad); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestTokenReplyUnderAnotherName: JSON is read as JSON whatever the token endpoint calls it, a refusal too.
func TestTokenReplyUnderAnotherName(t *testing.T) {
	for _, label := range []string{"text/plain; charset=utf-8", "application/x-www-form-urlencoded", "none"} {
		p := newProvider()
		p.label = label
		a := newAccount(t, p, &memory{}, nil)
		if err := get(a, apiURL); err != nil || p.apiCalls[0] != "Bearer access-1" {
			t.Errorf("%s: %v, the API saw %v", label, err, p.apiCalls)
		}
		p = newProvider()
		p.label, p.answer, p.status = label, "\n {\"error\":\"invalid_grant\"}", http.StatusBadRequest
		if err := get(newAccount(t, p, &memory{}, nil), apiURL); !NeedsPerson(err) {
			t.Errorf("%s: a refusal became %v", label, err)
		}
	}
}
