package account

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// Identity says whose account it is.
type Identity struct {
	// ID is what never changes: a Google primary calendar's id, a Microsoft user's object id.
	ID string
	// Names are the addresses by which a person knows the account, the best first; never empty.
	Names []string
}

// Is reports whether name is one of the account's names.
func (i Identity) Is(name string) bool {
	return slices.ContainsFunc(i.Names, func(n string) bool { return strings.EqualFold(n, name) })
}

// maxIdentity bounds the answer about an identity.
const maxIdentity = 1 << 20

// WhoAmI asks the provider whose account it is: at Google the entry of the primary calendar, whose id is the address
// (developers.google.com/workspace/calendar/api/v3/reference/calendarList), at Microsoft /me.
func (a *Account) WhoAmI(ctx context.Context) (Identity, error) {
	path, scope := "users/me/calendarList/primary", "calendar.calendarlist.readonly"
	if a.cfg.Provider == Outlook {
		path, scope = "me?$select=id,mail,userPrincipalName", "User.Read"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(a.cfg.APIURL, "/")+"/"+path, nil)
	if err != nil {
		return Identity{}, fmt.Errorf("account %q: ask who signed in: %w", a.cfg.Name, err)
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return Identity{}, fmt.Errorf("account %q: ask who signed in: %w", a.cfg.Name, err)
	}
	defer func() { _ = resp.Body.Close() }()
	var who struct{ ID, Mail, UserPrincipalName string }
	err = json.NewDecoder(io.LimitReader(resp.Body, maxIdentity)).Decode(&who)
	switch {
	case resp.StatusCode == http.StatusForbidden:
		return Identity{}, fmt.Errorf("account %q: the provider does not say who signed in (403): the account's scopes must "+
			"include %s, and the Calendar API must be switched on in the project of the OAuth client", a.cfg.Name, scope)
	case resp.StatusCode != http.StatusOK || err != nil || who.ID == "":
		return Identity{}, fmt.Errorf("account %q: the provider does not say who signed in (status %d)", a.cfg.Name,
			resp.StatusCode)
	}
	names := slices.DeleteFunc([]string{who.UserPrincipalName, who.Mail, who.ID}, func(s string) bool { return s == "" })
	return Identity{ID: who.ID, Names: names}, nil
}

// fingerprint is what is stored of an identity.
func (i Identity) fingerprint(provider string) string {
	if i.ID == "" {
		return ""
	}
	return fingerprint([]byte(provider + "\x00" + strings.ToLower(i.ID)))
}
