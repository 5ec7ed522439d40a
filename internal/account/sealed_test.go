package account

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestWhatIsStoredIsSealed(t *testing.T) {
	p, tokens := newProvider(), &memory{}
	if err := get(newAccount(t, p, tokens, nil), apiURL); err != nil {
		t.Fatal(err)
	}
	data := tokens.docs["clinic"]
	if !isSealed(data) || bytes.Contains(data, []byte("refresh")) || tokens.refreshToken() != "refresh-1" {
		t.Errorf("stored %q", data)
	}
}

func TestTokensOfTheFirstVersionAreSealedAtTheNextSave(t *testing.T) {
	p := newProvider()
	tokens := &memory{docs: map[string][]byte{"clinic": []byte(`{"refresh_token":"refresh-0"}`)}}
	a := newAccount(t, p, tokens, func(c *Config) { c.RefreshToken = nil })
	if err := get(a, apiURL); err != nil {
		t.Fatal(err)
	}
	if data := tokens.docs["clinic"]; !isSealed(data) || tokens.refreshToken() != "refresh-1" {
		t.Errorf("stored %q", data)
	}
}

func TestTokenKeyIsRotated(t *testing.T) {
	p, tokens := newProvider(), &memory{}
	use := func(texts ...[]byte) error {
		return get(newAccount(t, p, tokens, func(c *Config) { c.Keys, c.RefreshToken = keys(texts...), nil }), apiURL)
	}
	a := newAccount(t, p, tokens, nil)
	if err := a.Adopt(t.Context(), Grant{RefreshToken: "refresh-0"}, false); err != nil {
		t.Fatal(err)
	}
	if err := use(keyTwo); !NeedsPerson(err) || !strings.Contains(err.Error(), "put back the key that sealed it") {
		t.Errorf("with another key: %v", err)
	}
	if err := use(keyTwo, keyOne); err != nil {
		t.Fatalf("with both keys: %v", err)
	}
	if err := use(keyTwo); err != nil {
		t.Errorf("after the old key was taken away: %v", err)
	}
	if err := use(bytes.Join([][]byte{keyOne, keyTwo}, nil)); err != nil {
		t.Errorf("with both keys in one file, to go back: %v", err)
	}
	if err := use(keyOne); err != nil {
		t.Errorf("back at the first key: %v", err)
	}
}

// A provider that rotates nothing gives no cause to save; the seal is renewed all the same.
func TestStaleSealIsRenewedWithoutRotation(t *testing.T) {
	p := newProvider()
	p.answer, p.status = `{"access_token":"access","expires_in":3600,"token_type":"Bearer"}`, 200
	tokens := &memory{}
	a := newAccount(t, p, tokens, nil)
	if err := a.Adopt(t.Context(), Grant{RefreshToken: "steady"}, false); err != nil {
		t.Fatal(err)
	}
	for _, ring := range [][][]byte{{keyTwo, keyOne}, {keyTwo}} {
		if err := get(newAccount(t, p, tokens, func(c *Config) { c.Keys = keys(ring...) }), apiURL); err != nil {
			t.Fatal(err)
		}
	}
	if tokens.refreshToken() != "steady" {
		t.Error("the token changed")
	}
}

func TestWithoutAKeyNoTokenIsStored(t *testing.T) {
	p, tokens := newProvider(), &memory{}
	a := newAccount(t, p, tokens, func(c *Config) { c.Keys = nil })
	if err := a.Adopt(t.Context(), Grant{RefreshToken: "refresh-0"}, false); !NeedsPerson(err) ||
		!strings.Contains(err.Error(), "token_key_file") || a.CanSave() == nil {
		t.Errorf("adopt: %v", err)
	}
	for range 3 { // each rotates the token, which lives on in memory
		if err := get(a, apiURL); err != nil {
			t.Fatal(err)
		}
		a.drop(p.access)
	}
	if len(tokens.docs) != 0 {
		t.Errorf("stored %q", tokens.docs["clinic"])
	}
}

func TestMissingKeyOfASealedStoreNeedsAPerson(t *testing.T) {
	p, tokens := newProvider(), &memory{}
	if err := get(newAccount(t, p, tokens, nil), apiURL); err != nil {
		t.Fatal(err)
	}
	gone := func() (*Keys, error) { return nil, errors.New("file secrets/token_key is missing") }
	for name, k := range map[string]func() (*Keys, error){"none": nil, "unreadable": gone} {
		a := newAccount(t, p, tokens, func(c *Config) { c.Keys = k })
		if err := get(a, apiURL); !NeedsPerson(err) || a.Status().State != StateNeedsPerson || p.tokenCalls() != 1 {
			t.Errorf("%s: %v, %+v", name, err, a.Status())
		}
	}
}

func TestParseKeysQuotesNothing(t *testing.T) {
	for _, text := range []string{"", "# only a comment\n", "AGE-SECRET-KEY-1LEAKED", "leaked", "\x00leaked", string(keyOne) + "leaked"} {
		if _, err := ParseKeys([]byte(text)); err == nil || strings.Contains(strings.ToLower(err.Error()), "leaked") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	ring, err := ParseKeys(keyOne)
	if err != nil {
		f.Fatal(err)
	}
	sealed, err := ring.seal([]byte(`{"refresh_token":"x"}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add(sealed[:len(sealed)-1])
	f.Add([]byte(sealMark))
	f.Fuzz(func(t *testing.T, data []byte) {
		plain, _, err := ring.open(data)
		var doc document
		if err == nil && json.Unmarshal(plain, &doc) != nil {
			t.Errorf("opened to %q", plain)
		}
	})
}
