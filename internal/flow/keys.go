package flow

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// keyBits is the only RSA modulus size that WhatsApp accepts for a business public key.
const keyBits = 2048

// errEncryptedKey names the mend: the standard library cannot open PBES2, and the legacy PEM cipher is broken anyway.
var errEncryptedKey = errors.New("the private key is protected by a passphrase; " +
	"write an unprotected copy with: openssl pkey -in private.pem -out private.plain.pem")

// ParsePrivateKey reads the RSA private key of the endpoint from PEM, in PKCS#8 or PKCS#1 form. Keys that came through
// an environment variable often carry a literal \n for each line break: these are repaired. A key that is protected by
// a passphrase or is not 2048 bits long is refused with an error that names the mend.
func ParsePrivateKey(text []byte) (*rsa.PrivateKey, error) {
	block := decodePEM(text)
	if block == nil {
		return nil, errors.New("the private key is not PEM: expected -----BEGIN PRIVATE KEY-----")
	}
	if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
		return nil, errEncryptedKey
	}
	key, err := parsePrivate(block)
	if err != nil {
		return nil, err
	}
	if key.N.BitLen() != keyBits {
		return nil, fmt.Errorf("the private key has %d bits; WhatsApp takes %d: openssl genrsa -out private.pem %d",
			key.N.BitLen(), keyBits, keyBits)
	}
	return key, nil
}

func parsePrivate(block *pem.Block) (*rsa.PrivateKey, error) {
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("read PKCS#1 private key: %w", err)
		}
		return key, nil
	case "PRIVATE KEY":
		parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("read PKCS#8 private key: %w", err)
		}
		if key, ok := parsed.(*rsa.PrivateKey); ok {
			return key, nil
		}
		return nil, errors.New("the private key is not an RSA key; make one with: openssl genrsa -out private.pem 2048")
	case "PUBLIC KEY", "RSA PUBLIC KEY":
		return nil, errors.New("this is the public key; the endpoint needs the private key")
	}
	return nil, fmt.Errorf("the PEM block is a %q; expected a PRIVATE KEY", block.Type)
}

// PublicKeyPEM is the SPKI form (BEGIN PUBLIC KEY) in which a key is registered for a WhatsApp number.
func PublicKeyPEM(key *rsa.PublicKey) []byte {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil { // only a key of an unknown type can fail
		panic("flow: marshal RSA public key: " + err.Error())
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// ParsePublicKey reads an RSA public key in SPKI form, as registered with Meta.
func ParsePublicKey(text []byte) (*rsa.PublicKey, error) {
	block := decodePEM(text)
	if block == nil || block.Type != "PUBLIC KEY" {
		return nil, errors.New("the public key is not PEM: expected -----BEGIN PUBLIC KEY-----")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read public key: %w", err)
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("the public key is not an RSA key")
	}
	return key, nil
}

func decodePEM(text []byte) *pem.Block {
	repaired := bytes.ReplaceAll(text, []byte(`\n`), []byte("\n"))
	block, _ := pem.Decode(bytes.TrimSpace(repaired))
	return block
}
