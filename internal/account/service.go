package account

import (
	"context"
	"encoding/json"
	"errors"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/jwt"
)

// serviceKey is a Google service account's key file.
type serviceKey struct {
	Type         string `json:"type"`
	ClientEmail  string `json:"client_email"`
	PrivateKeyID string `json:"private_key_id"`
	PrivateKey   string `json:"private_key"`
}

// parseServiceKey reads a key file. Nothing of it appears in the error.
func parseServiceKey(data []byte) (serviceKey, error) {
	var k serviceKey
	if json.Unmarshal(data, &k) != nil || k.Type != "service_account" || k.ClientEmail == "" || k.PrivateKey == "" {
		return serviceKey{}, errors.New("it is not the JSON key of a service account")
	}
	return k, nil
}

// ServiceEmail returns the address of the service account, with which calendars are shared; "" for other grants.
func (a *Account) ServiceEmail() string {
	data, err := readSecret(a.cfg.ServiceAccount)
	if err != nil || data == nil {
		return ""
	}
	k, _ := parseServiceKey(data)
	return k.ClientEmail
}

// assert signs in as the service account (RFC 7523), for Subject where domain-wide delegation allows it. The address
// of the token endpoint is the configured one, not that of the key file.
func (a *Account) assert(ctx context.Context, key string) (*oauth2.Token, error) {
	k, err := parseServiceKey([]byte(key))
	if err != nil {
		return nil, &Error{Account: a.cfg.Name, Problem: "read the service account's key: " + err.Error(),
			Mend: "download a JSON key of the service account and put it where service_account_… says"}
	}
	conf := jwt.Config{Email: k.ClientEmail, PrivateKey: []byte(k.PrivateKey), PrivateKeyID: k.PrivateKeyID,
		Subject: a.cfg.Subject, Scopes: a.cfg.Scopes, TokenURL: a.cfg.TokenURL}
	return conf.TokenSource(ctx).Token()
}
