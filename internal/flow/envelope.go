package flow

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
)

// What can be wrong with an encrypted request. Test with errors.Is.
var (
	// ErrMalformed: the body is not the JSON object of three base64 strings, or its IV or key has a wrong length.
	// Answer HTTP 400.
	ErrMalformed = errors.New("malformed request")
	// ErrUndecryptable: no key of the ring opens the request. Answer HTTP 421: the client then fetches the public key
	// anew and sends once more.
	ErrUndecryptable = errors.New("request cannot be decrypted")
	// ErrBusy: the context ended while the request waited for a core.
	ErrBusy = errors.New("too many requests to decrypt")
)

const (
	ivSize  = 16 // the protocol's GCM nonce: not the usual 12 bytes
	keySize = 16 // AES-128
)

// envelope is the body of a request. encoding/json decodes []byte from standard, padded base64.
type envelope struct {
	Data []byte `json:"encrypted_flow_data"`
	Key  []byte `json:"encrypted_aes_key"`
	IV   []byte `json:"initial_vector"`
}

// KeyRing opens requests with any of several private keys, so that a key can be changed while phones still hold the
// old public one.
type KeyRing struct {
	keys  []*rsa.PrivateKey
	slots chan struct{}
}

// NewKeyRing returns a ring that tries the keys in the given order: the newest first, as most requests use it.
func NewKeyRing(newestFirst ...*rsa.PrivateKey) (*KeyRing, error) {
	if len(newestFirst) == 0 {
		return nil, errors.New("key ring: no private key")
	}
	for _, key := range newestFirst {
		if key == nil {
			return nil, errors.New("key ring: nil private key")
		}
	}
	return &KeyRing{
		keys: append([]*rsa.PrivateKey(nil), newestFirst...),
		// An RSA decrypt is a millisecond of pure computing: more of them at once than cores only makes all of them late.
		slots: make(chan struct{}, runtime.GOMAXPROCS(0)),
	}, nil
}

// Open decrypts a request and returns its plain JSON and the sealer of its answer. At most GOMAXPROCS requests are
// decrypted at once; waiting for a turn ends with ctx. The error is one of ErrMalformed, ErrUndecryptable and ErrBusy.
func (k *KeyRing) Open(ctx context.Context, body []byte) (plain []byte, reply *Sealer, err error) {
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil {
		return nil, nil, fmt.Errorf("%w: not a JSON object of base64 strings", ErrMalformed)
	}
	// GCM panics on a nonce of another length than it was made for, so this check is not a courtesy.
	if len(e.IV) != ivSize {
		return nil, nil, fmt.Errorf("%w: initial_vector has %d bytes, not %d", ErrMalformed, len(e.IV), ivSize)
	}
	if len(e.Data) == 0 || len(e.Key) == 0 {
		return nil, nil, fmt.Errorf("%w: encrypted_flow_data or encrypted_aes_key is missing", ErrMalformed)
	}
	key, err := k.unwrap(ctx, e.Key)
	if err != nil {
		return nil, nil, err
	}
	aead, err := newGCM(key)
	if err != nil {
		return nil, nil, err
	}
	plain, err = aead.Open(nil, e.IV, e.Data, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: the payload does not authenticate", ErrUndecryptable)
	}
	return plain, &Sealer{aead: aead, nonce: invert(e.IV)}, nil
}

// unwrap decrypts the AES key with the first private key that can.
func (k *KeyRing) unwrap(ctx context.Context, wrapped []byte) ([]byte, error) {
	if ctx.Err() != nil {
		return nil, ErrBusy
	}
	select {
	case k.slots <- struct{}{}:
		defer func() { <-k.slots }()
	case <-ctx.Done():
		return nil, ErrBusy
	}
	for _, private := range k.keys {
		// OAEP uses SHA-256 for the label and for MGF1, with an empty label.
		if key, err := rsa.DecryptOAEP(sha256.New(), nil, private, wrapped, nil); err == nil {
			return key, nil
		}
	}
	return nil, fmt.Errorf("%w: no private key fits", ErrUndecryptable)
}

// Sealer encrypts the answer to one request.
type Sealer struct {
	aead  cipher.AEAD
	nonce []byte
}

// Seal returns the body of the answer: base64 text of the encrypted plain JSON, under the request's AES key and its IV
// with every bit inverted. Seal one answer only: another text under the same nonce would weaken the encryption.
func (s *Sealer) Seal(plain []byte) []byte {
	return encode64(s.aead.Seal(nil, s.nonce, plain, nil))
}

// ClientSession is the phone's side of one request: it opens the answer.
type ClientSession struct {
	aead  cipher.AEAD
	nonce []byte
}

// SealRequest encrypts a plain request as the WhatsApp client does, for a business public key. It is used to play the
// client against an endpoint.
func SealRequest(pub *rsa.PublicKey, plain []byte) (body []byte, session *ClientSession, err error) {
	secret := make([]byte, keySize+ivSize)
	rand.Read(secret) // never fails
	key, iv := secret[:keySize], secret[keySize:]
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, pub, key, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("seal request: %w", err)
	}
	aead, err := newGCM(key)
	if err != nil {
		return nil, nil, fmt.Errorf("seal request: %w", err)
	}
	body = encodeJSON(envelope{Data: aead.Seal(nil, iv, plain, nil), Key: wrapped, IV: iv})
	return body, &ClientSession{aead: aead, nonce: invert(iv)}, nil
}

// Open decrypts the endpoint's answer. The error says whether the text is not base64 or was sealed otherwise.
func (c *ClientSession) Open(reply []byte) ([]byte, error) {
	raw := make([]byte, base64.StdEncoding.DecodedLen(len(reply)))
	n, err := base64.StdEncoding.Decode(raw, reply)
	if err != nil {
		return nil, fmt.Errorf("open reply: not base64: %w", err)
	}
	plain, err := c.aead.Open(nil, c.nonce, raw[:n], nil)
	if err != nil {
		return nil, errors.New("open reply: it does not authenticate under the request's key and inverted IV")
	}
	return plain, nil
}

func newGCM(key []byte) (cipher.AEAD, error) {
	if len(key) != keySize {
		return nil, fmt.Errorf("%w: the AES key has %d bytes, not %d", ErrMalformed, len(key), keySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	aead, err := cipher.NewGCMWithNonceSize(block, ivSize)
	if err != nil { // with GODEBUG=fips140=only the standard library refuses the protocol's nonce size
		return nil, fmt.Errorf("%w: %w", ErrUndecryptable, err)
	}
	return aead, nil
}

func invert(iv []byte) []byte {
	out := make([]byte, len(iv))
	for i, b := range iv {
		out[i] = ^b
	}
	return out
}

func encode64(raw []byte) []byte {
	return base64.StdEncoding.AppendEncode(make([]byte, 0, base64.StdEncoding.EncodedLen(len(raw))), raw)
}
