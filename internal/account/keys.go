package account

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"filippo.io/age"
)

// Keys seal what is stored of an account, in the age format (age-encryption.org/v1) for X25519 identities. They may be
// used concurrently.
type Keys struct {
	identities []*age.X25519Identity // the newest first
}

// errForeignSeal means that none of the keys opens a document.
var errForeignSeal = errors.New("none of the token keys opens it")

// sealMark is how every age file begins. A document that does not begin so was stored before tokens were sealed.
const sealMark = "age-encryption.org/"

// ParseKeys reads keys as age-keygen writes them: one AGE-SECRET-KEY-1… a line, # before comments. Several texts, and
// several keys in one, make a ring: the first key seals, all of them open. No part of a text appears in the error.
func ParseKeys(texts ...[]byte) (*Keys, error) {
	k := &Keys{}
	for i, text := range texts {
		found := false
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSpace(line)
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			id, err := age.ParseX25519Identity(line)
			if err != nil { // its text may quote the line
				return nil, fmt.Errorf("token key %d is not an age key: it must begin with AGE-SECRET-KEY-1, as age-keygen and "+
					"slotd init write it", i+1)
			}
			k.identities, found = append(k.identities, id), true
		}
		if !found {
			return nil, fmt.Errorf("token key %d is empty: it must hold an AGE-SECRET-KEY-1… as slotd init writes it", i+1)
		}
	}
	if len(k.identities) == 0 {
		return nil, errors.New("there is no token key")
	}
	return k, nil
}

// NewKey returns the text of a new key for a file that only slotd may read.
func NewKey(now time.Time) ([]byte, error) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, fmt.Errorf("make a token key: %w", err)
	}
	return fmt.Appendf(nil, "# Seals the accounts' tokens in the database. Keep a copy apart from the database's backups.\n"+
		"# created: %s\n%s\n", now.UTC().Format(time.RFC3339), id), nil
}

func isSealed(data []byte) bool { return bytes.HasPrefix(data, []byte(sealMark)) }

func (k *Keys) seal(plain []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := age.Encrypt(&out, k.identities[0].Recipient())
	if err == nil {
		_, err = w.Write(plain)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("seal the token: %w", err)
	}
	return out.Bytes(), nil
}

// open returns what was sealed, and whether the newest key sealed it.
func (k *Keys) open(sealed []byte) (plain []byte, newest bool, err error) {
	for i, id := range k.identities {
		r, err := age.Decrypt(bytes.NewReader(sealed), id)
		if err != nil {
			continue
		}
		if plain, err = io.ReadAll(r); err != nil {
			return nil, false, errForeignSeal // cut or changed after it was sealed
		}
		return plain, i == 0, nil
	}
	return nil, false, errForeignSeal
}
