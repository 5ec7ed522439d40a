package flow_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"slotd/internal/flow"
)

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func pkcs8(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return block("PRIVATE KEY", der)
}

func TestPrivateKeysAreReadInEveryUsualForm(t *testing.T) {
	key := firstKey()
	eight := pkcs8(t, key)
	forms := map[string][]byte{
		"PKCS#8":             eight,
		"PKCS#1":             block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)),
		"literal \\n":        bytes.ReplaceAll(eight, []byte("\n"), []byte(`\n`)),
		"spaces around":      append([]byte("\n\t "), append(eight, "\n \n"...)...),
		"DOS line endings":   bytes.ReplaceAll(eight, []byte("\n"), []byte("\r\n")),
		"text before (x509)": append([]byte("my key\n"), eight...),
	}
	for name, text := range forms {
		got, err := flow.ParsePrivateKey(text)
		if err != nil || !got.Equal(key) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPrivateKeysThatCannotServeSayWhy(t *testing.T) {
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	legacy := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: []byte("x"),
		Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "DES-EDE3-CBC,00"}})
	tests := map[string]struct {
		text []byte
		want string
	}{
		"encrypted PKCS#8": {block("ENCRYPTED PRIVATE KEY", []byte("x")), "openssl pkey -in"},
		"encrypted PKCS#1": {legacy, "openssl pkey -in"},
		"too short":        {pkcs8(t, short), "1024 bits"},
		"no RSA key":       {pkcs8(t, curve), "not an RSA key"},
		"public key":       {flow.PublicKeyPEM(&firstKey().PublicKey), "needs the private key"},
		"broken PKCS#8":    {block("PRIVATE KEY", []byte("x")), "PKCS#8"},
		"broken PKCS#1":    {block("RSA PRIVATE KEY", []byte("x")), "PKCS#1"},
		"no PEM":           {[]byte("secret"), "not PEM"},
		"certificate":      {block("CERTIFICATE", []byte("x")), "CERTIFICATE"},
	}
	for name, test := range tests {
		_, err := flow.ParsePrivateKey(test.text)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want it to say %q", name, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error quotes the key", name)
		}
	}
}

func TestPublicKeyRoundTrip(t *testing.T) {
	text := flow.PublicKeyPEM(&firstKey().PublicKey)
	got, err := flow.ParsePublicKey(text)
	if err != nil || !got.Equal(&firstKey().PublicKey) {
		t.Errorf("read back %v", err)
	}
	for _, bad := range []string{"", "x", string(pkcs8(t, firstKey())), string(block("PUBLIC KEY", []byte("x")))} {
		if _, err := flow.ParsePublicKey([]byte(bad)); err == nil {
			t.Errorf("read %.30q as a public key", bad)
		}
	}
}
