package config

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"time"
)

// provider is what an account has when the file does not say otherwise.
type provider struct {
	api, auth, token       string
	device, revoke         string
	scopes                 []string
	concurrency, perMinute int
}

// The request limits stay below what the providers document: Google 600 a minute and user; Outlook four at a time and
// 10,000 in ten minutes for an application and a mailbox.
var providers = map[string]provider{
	Google: {
		api:    "https://www.googleapis.com/calendar/v3/",
		auth:   "https://accounts.google.com/o/oauth2/v2/auth",
		token:  "https://oauth2.googleapis.com/token",
		revoke: "https://oauth2.googleapis.com/revoke",
		scopes: []string{
			"https://www.googleapis.com/auth/calendar.events",
			"https://www.googleapis.com/auth/calendar.calendarlist.readonly",
		},
		concurrency: 8, perMinute: 500,
	},
	Outlook: {
		api:         "https://graph.microsoft.com/v1.0",
		auth:        "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize",
		token:       "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
		device:      "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/devicecode",
		scopes:      []string{"Calendars.ReadWrite", "MailboxSettings.Read", "User.Read", "offline_access"},
		concurrency: 3, perMinute: 600,
	},
}

func (d *decoder) accounts(records []*table, zone *time.Location, refs *references) []Account {
	out := make([]Account, 0, len(records))
	for _, t := range records {
		a := d.account(t, zone, refs)
		for _, c := range t.records("calendar") {
			a.Calendars = append(a.Calendars, d.accountCalendar(c, a, refs))
		}
		t.done()
		out = append(out, a)
	}
	return out
}

func (d *decoder) account(t *table, zone *time.Location, refs *references) Account {
	a := Account{Name: t.id("name", "account", refs.accounts.lines())}
	t.required("provider", Google)
	a.Provider = t.oneOf("provider", Google, Outlook, ICS)
	if a.Provider == ICS {
		return t.icsAccount(a, zone, refs)
	}
	t.feedsOnly(feedsKeys)
	a.ClientSecret, a.RefreshToken = t.secret("client_secret"), t.secret("refresh_token")
	a.ServiceAccount, a.Subject = t.secret("service_account"), t.str("subject", "")
	p := providers[a.Provider]
	a.Grant = t.oneOf("grant", RefreshToken, ClientCredentials, ServiceAccount)
	if a.Grant == ServiceAccount {
		a.ClientID = t.str("client_id", "")
	} else {
		a.ClientID = t.required("client_id", "…")
	}
	a.User = t.str("user", "")
	a.Tenant = t.str("tenant", "common")
	d.outlookOnly(t, &a)
	d.grant(t, a)
	for _, s := range t.names("scopes") {
		a.Scopes = append(a.Scopes, s.text)
	}
	if len(a.Scopes) == 0 && a.Grant != ClientCredentials {
		a.Scopes = slices.Clone(p.scopes)
	}
	a.APIURL = apiBase(t.url("api_url", p.api), p.api)
	if a.Provider == Google {
		a.APIURL += "/"
	}
	a.AuthURL = t.url("auth_url", strings.ReplaceAll(p.auth, "{tenant}", a.Tenant))
	a.TokenURL = t.url("token_url", strings.ReplaceAll(p.token, "{tenant}", a.Tenant))
	if t.has("token_url") != "" { // tokens of another server must not be sent to the usual one
		p.revoke, p.device = "", ""
		if base, ok := strings.CutSuffix(a.TokenURL, "/oauth2/v2.0/token"); ok && a.Provider == Outlook {
			p.device = base + "/oauth2/v2.0/devicecode"
		}
	}
	a.RevokeURL = t.url("revoke_url", p.revoke)
	a.DeviceURL = t.url("device_url", strings.ReplaceAll(p.device, "{tenant}", a.Tenant))
	if a.Provider == Google {
		a.Tenant = ""
	}
	a.Zone = t.zone(zone)
	a.Concurrency = t.integer("concurrency", p.concurrency, 100)
	a.PerMinute = t.integer("per_minute", p.perMinute, 100_000)
	push := t.boolean("push") // so that the key is known
	a.Push = push || t.node.values["push"] == nil
	return a
}

// push checks that what is asked for by name can be had.
func (d *decoder) push(accounts []*table, s Server) {
	for _, t := range accounts {
		if t.node.values["push"] != nil && t.boolean("push") && s.PublicURL == "" {
			t.bad("push", "needs public_url in [server]: it is where the provider's messages go")
		}
	}
}

// apiBase returns an API's base without a trailing slash. A URL that names only a host means the provider's usual path on it.
func apiBase(given, usual string) string {
	given = strings.TrimRight(given, "/")
	if u, err := url.Parse(given); err == nil && u.Path == "" {
		if usually, err := url.Parse(usual); err == nil {
			given += strings.TrimRight(usually.Path, "/")
		}
	}
	return given
}

// outlookOnly checks what has a meaning at Microsoft only.
func (d *decoder) outlookOnly(t *table, a *Account) {
	if a.Provider == Google {
		for _, key := range []string{"user", "tenant", "device_url"} {
			if t.node.values[key] != nil {
				t.bad(key, "is for outlook only: remove it")
			}
		}
		if a.Grant == ClientCredentials {
			t.bad("grant", `must be "refresh_token" or "service_account" for google`)
		}
		return
	}
	for _, key := range []string{"subject", "revoke_url", "service_account_file", "service_account_env",
		"service_account_credential"} {
		if t.node.values[key] != nil {
			t.bad(key, "is for google only: remove it")
		}
	}
	if a.Grant == ServiceAccount {
		t.bad("grant", `must be "refresh_token" or "client_credentials" for outlook`)
	}
	if strings.ContainsFunc(a.Tenant, notTenant) || a.Tenant == "" {
		t.bad("tenant", `must be "common", "organizations", "consumers", a domain or a GUID`)
		a.Tenant = "common"
	}
	if strings.ContainsAny(a.User, "/?# ") {
		t.bad("user", "must be a user's id or principal name")
	}
}

// notTenant keeps the tenant from changing the URL that it becomes a part of.
func notTenant(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '.'
}

// serviceAccount checks that the key of a service account is given where it is used, and only there.
func (d *decoder) serviceAccount(t *table, a Account) {
	switch {
	case a.Provider != Google:
	case a.Grant == ServiceAccount && !t.given("service_account", "_file", "_env", "_credential"):
		t.bad("grant", "service_account needs the JSON key of the service account: write service_account_file")
	case a.Grant == ServiceAccount && a.RefreshToken.Set():
		t.d.fault(t.line("grant"), t.place, "grant service_account uses no refresh token: remove one of them")
	case a.Grant != ServiceAccount && (a.ServiceAccount.Set() || a.Subject != ""):
		t.d.fault(t.node.line, t.place, `service_account_… and subject need grant = "service_account"`)
	}
}

// grant checks that an application's own grant has what it needs.
func (d *decoder) grant(t *table, a Account) {
	d.serviceAccount(t, a)
	if a.Grant != ClientCredentials || a.Provider != Outlook {
		return
	}
	if a.RefreshToken.Set() {
		t.d.fault(t.line("grant"), t.place, "grant client_credentials uses no refresh token: remove one of them")
	}
	if !t.given("client_secret", "_file", "_env", "_credential") {
		t.bad("grant", "client_credentials needs a client secret: write client_secret_file")
	}
	if a.User == "" {
		t.bad("grant", `client_credentials needs user: write the mailbox, user = "desk@clinic.example"`)
	}
	if slices.Contains([]string{"common", "organizations", "consumers"}, a.Tenant) {
		t.bad(cmp.Or(t.has("tenant"), "grant"), `client_credentials needs the tenant's domain or GUID, not %q`, a.Tenant)
	}
}

// has returns the key when the table holds it.
func (t *table) has(key string) string {
	if t.node.values[key] == nil {
		return ""
	}
	return key
}

func (d *decoder) accountCalendar(t *table, a Account, refs *references) AccountCalendar {
	c := AccountCalendar{ID: t.required("id", "primary"), AllDay: t.oneOf("all_day", AllDayAsMarked, AllDayBusy)}
	if a.Provider == ICS {
		c.Feed = t.feed(c.ID, a.Feeds)
	} else {
		t.feedsOnly(feedKeys)
	}
	t.done()
	if v := t.node.values["id"]; v == nil || v.kind != kindString || c.ID == "" || a.Name == "" {
		return c
	}
	id := a.Name + "/" + c.ID
	if line, ok := refs.calendars.lines()[id]; ok {
		t.bad("id", "is used already on line %d", line)
	} else {
		refs.calendars.lines()[id] = t.line("id")
	}
	return c
}
