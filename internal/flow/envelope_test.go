package flow_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"runtime"
	"sync"
	"testing"

	"slotd/internal/flow"
)

var firstKey, secondKey = sync.OnceValue(newKey), sync.OnceValue(newKey)

func newKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

func ring(t testing.TB, keys ...*rsa.PrivateKey) *flow.KeyRing {
	t.Helper()
	r, err := flow.NewKeyRing(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// requestBody wraps an AES key for a public key and puts the parts into a request.
func requestBody(t testing.TB, pub *rsa.PublicKey, aesKey, iv, sealed []byte) []byte {
	t.Helper()
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, pub, aesKey, nil)
	if err != nil {
		t.Fatal(err)
	}
	return rawBody(wrapped, iv, sealed)
}

func rawBody(wrapped, iv, sealed []byte) []byte {
	body, _ := json.Marshal(map[string][]byte{
		"encrypted_aes_key": wrapped, "initial_vector": iv, "encrypted_flow_data": sealed,
	})
	return body
}

func unhex(s string) []byte { b, _ := hex.DecodeString(s); return b }

func unbase64(s string) []byte { b, _ := base64.StdEncoding.DecodeString(s); return b }

var (
	vectorKey  = unhex("000102030405060708090a0b0c0d0e0f")
	vectorIV   = unhex("101112131415161718191a1b1c1d1e1f")
	vectorPing = unbase64("vryB0w/BTee4OvmgkgEf9dnfQfwZb8iWi7yl5iotFMJeuQl749lOptdzv/L1T2V2PA==")
)

func TestEnvelopeMatchesTheVectors(t *testing.T) {
	answers := map[string]string{
		string(flow.Ping()): "IHgL0mWXHJ6FDPLH6+aygF5BfT+mPzwvzktiKvlmYpg8eFKqJX/07YVStaI=",
		string(flow.ErrorMessage("Slot already booked")): "IHgKwWOZTPuTXeaRsLCUnxMPfz+pOTA4zxA/NVGoSfgmZVitiljWUYfCo8K9M19KmSPx",
	}
	body := requestBody(t, &firstKey().PublicKey, vectorKey, vectorIV, vectorPing)
	for answer, want := range answers {
		plain, reply, err := ring(t, firstKey()).Open(t.Context(), body)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(plain); got != `{"version":"3.0","action":"ping"}` {
			t.Errorf("opened %s", got)
		}
		if got := string(reply.Seal([]byte(answer))); got != want {
			t.Errorf("sealed %s as %s, want %s", answer, got, want)
		}
	}
}

func TestClientAndEndpointUnderstandEachOther(t *testing.T) {
	for name, key := range map[string]*rsa.PrivateKey{"newest key": firstKey(), "key before it": secondKey()} {
		t.Run(name, func(t *testing.T) {
			body, session, err := flow.SealRequest(&key.PublicKey, []byte(`{"action":"INIT"}`))
			if err != nil {
				t.Fatal(err)
			}
			plain, reply, err := ring(t, firstKey(), secondKey()).Open(t.Context(), body)
			if err != nil || string(plain) != `{"action":"INIT"}` {
				t.Fatalf("opened %s, %v", plain, err)
			}
			answer, err := session.Open(reply.Seal([]byte(`{"screen":"DAY"}`)))
			if err != nil || string(answer) != `{"screen":"DAY"}` {
				t.Fatalf("the client opened %s, %v", answer, err)
			}
		})
	}
}

func TestClientRefusesForeignReplies(t *testing.T) {
	_, session, err := flow.SealRequest(&firstKey().PublicKey, []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, reply := range []string{"", "{}", `"QUJD"`, "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="} {
		if plain, err := session.Open([]byte(reply)); err == nil {
			t.Errorf("opened %q as %q", reply, plain)
		}
	}
}

func TestOpenNamesWhatIsWrong(t *testing.T) {
	pub := &firstKey().PublicKey
	tampered := append([]byte(nil), vectorPing...)
	tampered[0] ^= 1
	foreign, _, err := flow.SealRequest(&secondKey().PublicKey, []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		body []byte
		want error
	}{
		"empty":             {nil, flow.ErrMalformed},
		"not JSON":          {[]byte("hello"), flow.ErrMalformed},
		"null":              {[]byte("null"), flow.ErrMalformed},
		"array":             {[]byte("[]"), flow.ErrMalformed},
		"no fields":         {[]byte("{}"), flow.ErrMalformed},
		"number for a text": {[]byte(`{"initial_vector":1}`), flow.ErrMalformed},
		"bad base64":        {[]byte(`{"initial_vector":"*"}`), flow.ErrMalformed},
		"IV of 12 bytes":    {requestBody(t, pub, vectorKey, vectorIV[:12], vectorPing), flow.ErrMalformed},
		"no IV":             {requestBody(t, pub, vectorKey, nil, vectorPing), flow.ErrMalformed},
		"no payload":        {requestBody(t, pub, vectorKey, vectorIV, nil), flow.ErrMalformed},
		"AES key too long":  {requestBody(t, pub, make([]byte, 32), vectorIV, vectorPing), flow.ErrMalformed},
		"other public key":  {foreign, flow.ErrUndecryptable},
		"key of few bytes":  {rawBody([]byte("short"), vectorIV, vectorPing), flow.ErrUndecryptable},
		"payload changed":   {requestBody(t, pub, vectorKey, vectorIV, tampered), flow.ErrUndecryptable},
		"payload cut":       {requestBody(t, pub, vectorKey, vectorIV, vectorPing[:7]), flow.ErrUndecryptable},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, reply, err := ring(t, firstKey()).Open(t.Context(), test.body)
			if !errors.Is(err, test.want) || reply != nil {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestOpenStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	body := requestBody(t, &firstKey().PublicKey, vectorKey, vectorIV, vectorPing)
	if _, _, err := ring(t, firstKey()).Open(ctx, body); !errors.Is(err, flow.ErrBusy) {
		t.Errorf("got %v, want ErrBusy", err)
	}
}

func TestOpenFromManyGoroutines(t *testing.T) {
	r := ring(t, firstKey())
	body := requestBody(t, &firstKey().PublicKey, vectorKey, vectorIV, vectorPing)
	var done sync.WaitGroup
	for range 4 * runtime.GOMAXPROCS(0) {
		done.Go(func() {
			if _, _, err := r.Open(t.Context(), body); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
}

func TestKeyRingNeedsAKey(t *testing.T) {
	if _, err := flow.NewKeyRing(); err == nil {
		t.Error("made a ring without keys")
	}
	if _, err := flow.NewKeyRing(nil); err == nil {
		t.Error("made a ring of nil")
	}
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte(`{"encrypted_flow_data":"AA==","encrypted_aes_key":"AA==","initial_vector":"AA=="}`))
	f.Add(requestBody(f, &firstKey().PublicKey, vectorKey, vectorIV, vectorPing))
	f.Add(requestBody(f, &firstKey().PublicKey, vectorKey, vectorIV[:12], vectorPing))
	f.Add([]byte(`null`))
	r := ring(f, firstKey())
	f.Fuzz(func(t *testing.T, body []byte) {
		_, reply, err := r.Open(t.Context(), body)
		if (err == nil) != (reply != nil) {
			t.Errorf("reply %v with error %v", reply, err)
		}
		if err != nil && !errors.Is(err, flow.ErrMalformed) && !errors.Is(err, flow.ErrUndecryptable) {
			t.Errorf("unnamed error %v", err)
		}
	})
}

// The ratio of the two benchmarks is the cost of everything around the unavoidable RSA decrypt.
func BenchmarkRawDecryptOAEP(b *testing.B) {
	key := firstKey()
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &key.PublicKey, vectorKey, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := rsa.DecryptOAEP(sha256.New(), nil, key, wrapped, nil); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkOpenSeal(b *testing.B) {
	r := ring(b, firstKey())
	request := []byte(`{"version":"4.0","action":"data_exchange","screen":"DAY","data":{"date":"2026-11-24"},"flow_token":"t"}`)
	body, _, err := flow.SealRequest(&firstKey().PublicKey, request)
	if err != nil {
		b.Fatal(err)
	}
	answer := make([]byte, 4<<10)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_, reply, err := r.Open(b.Context(), body)
			if err != nil {
				b.Error(err)
				return
			}
			reply.Seal(answer)
		}
	})
}
