package oauth

import (
	"cmp"
	"encoding/json"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// reply is the body of a token response (RFC 6749 section 5.1).
type reply struct {
	AccessToken  string `json:"access_token"`
	ExpiresIn    int    `json:"expires_in"`
	RefreshToken string `json:"refresh_token,omitempty"`
	Scope        string `json:"scope"`
	RefreshEnds  int    `json:"refresh_token_expires_in,omitempty"`
	TokenType    string `json:"token_type"`
}

// refusal is the body of a token error (RFC 6749 section 5.2).
type refusal struct {
	status      int
	Code        string `json:"error"`
	Description string `json:"error_description,omitempty"`
}

func refuse(code, description string) *refusal {
	return &refusal{status: http.StatusBadRequest, Code: code, Description: description}
}

var consentPage = template.Must(template.New("consent").Parse(`<!doctype html><meta charset="utf-8">
<title>Choose an account</title><h1>Choose an account</h1>
<ul>{{range .}}<li><a href="{{.Link}}">{{.User}}</a></li>{{end}}</ul>`))

// Authorize serves the consent page. With a login_hint, or with a single account, the person consents at once;
// otherwise a page offers the accounts.
func (s *Server) Authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	back, err := url.Parse(q.Get("redirect_uri"))
	switch {
	case err != nil || !back.IsAbs() || back.Host == "":
		http.Error(w, "invalid redirect_uri", http.StatusBadRequest)
		return
	case q.Get("client_id") != ClientID:
		http.Error(w, "unknown client_id", http.StatusUnauthorized)
		return
	case !s.allowed(back):
		http.Error(w, "Error 400: redirect_uri_mismatch", http.StatusBadRequest)
		return
	case q.Get("code_challenge") != "" && q.Get("code_challenge_method") != "S256":
		http.Error(w, "code_challenge_method is not S256", http.StatusBadRequest)
		return
	}
	answer := back.Query()
	if state := q.Get("state"); state != "" {
		answer.Set("state", state)
	}
	user, choose := s.chooseUser(q.Get("login_hint"))
	switch {
	case q.Get("response_type") != "code":
		answer.Set("error", "unsupported_response_type")
	case choose != nil:
		s.offerAccounts(w, r, choose)
		return
	case user == "":
		answer.Set("error", "access_denied")
	default:
		answer.Set("code", s.consent(user, q))
	}
	back.RawQuery = answer.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

// chooseUser returns the account that a hint or the lack of others names, or the accounts to choose from.
func (s *Server) chooseUser(hint string) (user string, choose []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case slices.Contains(s.users, hint):
		return hint, nil
	case hint != "" || len(s.users) == 0:
		return "", nil
	case len(s.users) == 1:
		return s.users[0], nil
	}
	return "", slices.Clone(s.users)
}

func (s *Server) offerAccounts(w http.ResponseWriter, r *http.Request, users []string) {
	type row struct{ User, Link string }
	var rows []row
	for _, u := range users {
		q := r.URL.Query()
		q.Set("login_hint", u)
		rows = append(rows, row{u, "?" + q.Encode()})
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = consentPage.Execute(w, rows) // the browser may be gone
}

// consent records that user agreed to the request and returns its code. Google gives a refresh token only at the first
// consent, or when the request asks for the consent anew.
func (s *Server) consent(user string, q url.Values) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &code{
		user: user, redirect: q.Get("redirect_uri"), challenge: q.Get("code_challenge"),
		scopes: s.granted(q.Get("scope")), expires: s.opt.Now().Add(codeLife),
	}
	if s.opt.OfflineScope != "" {
		c.refresh = slices.Contains(c.scopes, s.opt.OfflineScope)
	} else {
		again := strings.Contains(q.Get("prompt"), "consent") || !s.consented[user]
		c.refresh = q.Get("access_type") == "offline" && again
	}
	s.consented[user] = true
	token := s.newToken("code")
	s.codes[token] = c
	return token
}

// granted returns the scopes of a request without those that the person unticks.
func (s *Server) granted(scope string) []string {
	scopes := strings.Fields(scope)
	if len(scopes) == 0 {
		scopes = slices.Clone(s.opt.Scopes)
	}
	return slices.DeleteFunc(scopes, func(sc string) bool { return slices.Contains(s.denied, sc) })
}

// Token serves the token endpoint.
func (s *Server) Token(w http.ResponseWriter, r *http.Request) {
	if !readForm(w, r) {
		return
	}
	id, secret := client(r)
	if no := s.checkClient(id, secret, r.PostForm.Get("grant_type")); no != nil {
		writeJSON(w, no.status, no)
		return
	}
	s.mu.Lock()
	rep, no := s.grant(r.PostForm)
	s.mu.Unlock()
	if no != nil {
		writeJSON(w, no.status, no)
		return
	}
	writeJSON(w, http.StatusOK, rep)
}

// grant runs with the lock held.
func (s *Server) grant(form url.Values) (*reply, *refusal) {
	switch form.Get("grant_type") {
	case "authorization_code":
		return s.redeemCode(form)
	case "refresh_token":
		return s.refreshGrant(form.Get("refresh_token"))
	case grantAssertion:
		return s.redeemAssertion(form.Get("assertion"))
	case "client_credentials":
		if !s.opt.PublicClients { // Microsoft's flavour; Google has no such grant here
			break
		}
		return s.reply(Access{App: true, Scopes: s.granted(form.Get("scope"))}, ""), nil
	case "urn:ietf:params:oauth:grant-type:device_code", "device_code":
		return s.redeemDevice(form.Get("device_code"))
	}
	return nil, refuse("unsupported_grant_type", "the grant type is not supported")
}

func (s *Server) redeemCode(form url.Values) (*reply, *refusal) {
	token := form.Get("code")
	c := s.codes[token]
	delete(s.codes, token) // a code is good for one try
	switch {
	case c == nil || !s.opt.Now().Before(c.expires):
		return nil, refuse("invalid_grant", "the code is unknown, used or expired")
	case form.Get("redirect_uri") != c.redirect:
		return nil, refuse("invalid_grant", "redirect_uri differs from that of the consent")
	case c.challenge != "" && challengeOf(form.Get("code_verifier")) != c.challenge:
		return nil, refuse("invalid_grant", "the code verifier does not match")
	}
	refresh := ""
	if c.refresh {
		refresh = s.newGrant(c.user, c.scopes)
	}
	return s.reply(Access{User: c.user, Scopes: c.scopes, refresh: refresh}, refresh), nil
}

func (s *Server) refreshGrant(token string) (*reply, *refusal) {
	g := s.grants[token]
	if g == nil || g.revoked || (s.opt.Rotate && g.uses >= useLimit) {
		return nil, refuse("invalid_grant", "the refresh token is unknown, expired or revoked")
	}
	g.uses++
	next := ""
	if s.opt.Rotate {
		next = s.newGrant(g.user, g.scopes)
	}
	return s.reply(Access{User: g.user, Scopes: g.scopes, refresh: token}, next), nil
}

func (s *Server) redeemDevice(token string) (*reply, *refusal) {
	d := s.devices[token]
	switch {
	case d == nil:
		return nil, refuse("bad_verification_code", "the device code is unknown")
	case !s.opt.Now().Before(d.expires):
		return nil, refuse("expired_token", "the device code expired")
	case d.denied:
		return nil, refuse("authorization_declined", "the person declined")
	case d.user == "":
		return nil, refuse("authorization_pending", "the person has not answered yet")
	}
	delete(s.devices, token)
	refresh := ""
	if slices.Contains(d.scopes, s.opt.OfflineScope) {
		refresh = s.newGrant(d.user, d.scopes)
	}
	return s.reply(Access{User: d.user, Scopes: d.scopes, refresh: refresh}, refresh), nil
}

func (s *Server) reply(a Access, refresh string) *reply {
	r := &reply{
		AccessToken: s.newAccess(a), ExpiresIn: int(AccessLife.Seconds()), RefreshToken: refresh,
		Scope: strings.Join(a.Scopes, " "), TokenType: "Bearer",
	}
	if refresh != "" {
		r.RefreshEnds = int(s.mood.refreshLife.Seconds())
	}
	return r
}

// Device serves the device authorization endpoint (RFC 8628 section 3.1).
func (s *Server) Device(w http.ResponseWriter, r *http.Request) {
	if !readForm(w, r) {
		return
	}
	if r.PostForm.Get("client_id") != ClientID {
		writeJSON(w, http.StatusBadRequest, refuse("unauthorized_client", "unknown client"))
		return
	}
	s.mu.Lock()
	interval := cmp.Or(s.mood.interval, 5)
	token, short := s.newToken("device"), strings.ToUpper(s.newToken("")[len(s.opt.Prefix)+1:][:8])
	s.devices[token] = &device{
		userCode: short, scopes: s.granted(r.PostForm.Get("scope")), expires: s.opt.Now().Add(deviceLife),
	}
	s.mu.Unlock()
	page := s.opt.DevicePage
	if strings.HasPrefix(page, "/") {
		page = "http://" + r.Host + page
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"device_code": token, "user_code": short, "verification_uri": page,
		"expires_in": int(deviceLife.Seconds()), "interval": interval,
		"message": "To sign in, open " + page + " and enter the code " + short + ".",
	})
}

// DevicePage lets a person approve a device code: GET with user_code and login_hint does it at once.
func (s *Server) DevicePage(w http.ResponseWriter, r *http.Request) {
	user, choose := s.chooseUser(r.URL.Query().Get("login_hint"))
	if choose != nil {
		s.offerAccounts(w, r, choose)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.devices {
		if user != "" && d.userCode == r.URL.Query().Get("user_code") {
			d.user = user
			_, _ = io.WriteString(w, "You are signed in. You may close this page.") // the browser may be gone
			return
		}
	}
	http.Error(w, "unknown code", http.StatusNotFound)
}

// Revoke serves the revocation endpoint. Revoking an access token revokes the grant that it came from.
func (s *Server) Revoke(w http.ResponseWriter, r *http.Request) {
	if !readForm(w, r) {
		return
	}
	token := r.Form.Get("token") // Google also takes it from the query
	s.mu.Lock()
	if a := s.access[token]; a != nil {
		delete(s.access, token)
		token = a.refresh
	}
	g := s.grants[token]
	if g != nil {
		g.revoked = true
		s.dropAccess(func(a *Access) bool { return a.refresh == token })
	}
	s.mu.Unlock()
	if g == nil {
		writeJSON(w, http.StatusBadRequest, refuse("invalid_token", "the token is unknown"))
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{})
}

// checkClient checks the client's identity. Without a secret only public clients pass, and never as an application.
func (s *Server) checkClient(id, secret, grantType string) *refusal {
	if grantType == grantAssertion { // the assertion is the identity
		return nil
	}
	optional := s.opt.PublicClients && grantType != "client_credentials"
	if id == ClientID && (secret == ClientSecret || (secret == "" && optional)) {
		return nil
	}
	return &refusal{status: http.StatusUnauthorized, Code: "invalid_client", Description: "unknown client or wrong secret"}
}

// client returns the client's identity from the Authorization header or the form (RFC 6749 section 2.3.1).
func client(r *http.Request) (id, secret string) {
	if id, secret, ok := r.BasicAuth(); ok {
		uid, err1 := url.QueryUnescape(id)
		usecret, err2 := url.QueryUnescape(secret)
		if err1 == nil && err2 == nil {
			return uid, usecret
		}
		return id, secret
	}
	return r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
}

func readForm(w http.ResponseWriter, r *http.Request) bool {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		writeJSON(w, http.StatusBadRequest, refuse("invalid_request", "the form cannot be read"))
		return false
	}
	return true
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the caller may be gone
}
