package account

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
)

// document is what Tokens keeps of an account, sealed.
type document struct {
	RefreshToken string `json:"refresh_token,omitempty"`
	// Configured is the fingerprint of the configured refresh token at the time of saving. While it is the same, the
	// document is the newer of the two. While it is unseen, the next that is configured is not the newer one.
	Configured string `json:"configured,omitempty"`
	// Identity is the fingerprint of whose account it is; "" when nobody asked.
	Identity string `json:"identity,omitempty"`
	// Scopes were granted when a person connected the account; none where that is not known.
	Scopes []string `json:"scopes,omitempty"`
	// Disconnected: a person ended the use of the account. It holds as long as the configured token stays the same.
	Disconnected bool `json:"disconnected,omitempty"`
}

// unseen stands in a document for the fingerprint of a configured token that was not there at the time of saving.
const unseen = "unseen"

// configured returns what a document that is saved now says of the configured refresh token. One that is there and
// cannot be read is an error: it could not be told from a newer one later.
func (a *Account) configured() (string, error) {
	value, err := readSecret(a.cfg.RefreshToken)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return unseen, nil
	case err != nil:
		return "", a.unreadable("refresh token", err)
	case len(value) == 0:
		return "", nil
	}
	return fingerprint(value), nil
}

// load reads the account's document. stale says that it is to be saved again, because it is not sealed with the newest
// key. Called with the slot taken.
func (a *Account) load(ctx context.Context) (doc document, stale bool, err error) {
	if a.kept != nil {
		return *a.kept, a.cfg.Keys != nil, nil
	}
	data, err := a.cfg.Tokens.LoadToken(ctx, a.cfg.Name)
	if err != nil {
		return doc, false, &Error{Account: a.cfg.Name, Problem: "load the refresh token: " + err.Error(), Err: err}
	}
	if data == nil {
		return doc, false, nil
	}
	stale = a.cfg.Keys != nil
	if isSealed(data) {
		keys, err := a.keys()
		if err != nil {
			return doc, false, err
		}
		plain, newest, err := keys.open(data)
		if err != nil {
			return doc, false, &Error{Account: a.cfg.Name, Problem: "none of the token keys opens its stored token",
				Mend: "put back the key that sealed it (token_key_files takes several, the newest first), or " + a.runConnect()}
		}
		data, stale = plain, !newest
	}
	if json.Unmarshal(data, &doc) != nil { // its text may quote the document
		return doc, false, &Error{Account: a.cfg.Name, Problem: "the stored refresh token cannot be read", Mend: a.mendGrant()}
	}
	return doc, stale, nil
}

// keys reads the token keys.
func (a *Account) keys() (*Keys, error) {
	if a.cfg.Keys == nil {
		return nil, &Error{Account: a.cfg.Name, Problem: "no token key is configured, and tokens are stored sealed only",
			Mend: `write token_key_file = "secrets/token_key" into [store] and run "slotd init", which makes the key (for ` +
				"tokens that are stored already, put back the key that sealed them)"}
	}
	keys, err := a.cfg.Keys()
	if err != nil {
		return nil, &Error{Account: a.cfg.Name, Problem: "read the token key: " + err.Error(),
			Mend: "put back the key that [store] names", Err: err}
	}
	return keys, nil
}

// save seals a document and stores it. A document without a token needs no key.
func (a *Account) save(ctx context.Context, doc document) error {
	data, err := json.Marshal(doc)
	if err == nil && (doc.RefreshToken != "" || a.cfg.Keys != nil) {
		keys, keyErr := a.keys()
		switch {
		case keyErr == nil:
			data, err = keys.seal(data)
		case doc.RefreshToken != "":
			return keyErr
		}
	}
	if err == nil {
		err = a.store(ctx, data)
	}
	if err != nil {
		return &Error{Account: a.cfg.Name, Problem: "save the new refresh token: " + err.Error(), Err: err}
	}
	a.kept, a.unsealed = nil, nil
	return nil
}
