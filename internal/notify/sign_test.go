package notify

import (
	"strings"
	"testing"
	"time"
)

// The example that the convention and its libraries are tested with.
func TestSignatureOfTheConvention(t *testing.T) {
	key, err := ParseKey([]byte("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
	if err != nil {
		t.Fatal(err)
	}
	const want = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	at := time.Unix(1614265330, 0)
	if got := sign([][]byte{key}, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, []byte(`{"test": 2432232314}`)); got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
}

func TestParseKey(t *testing.T) {
	for _, good := range []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"} {
		if key, err := ParseKey([]byte(good)); err != nil || len(key) != 24 {
			t.Errorf("%q: %d bytes, %v", good, len(key), err)
		}
	}
	for _, bad := range []string{"", "hush hush", "c2hvcnQ=", "whsec_", strings.Repeat("QUJD", 30)} {
		if _, err := ParseKey([]byte(bad)); err == nil || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestDelay(t *testing.T) {
	last := time.Duration(0)
	for n := range 30 {
		d := Delay(n+1, "0-0-b1")
		if d < last || d > time.Hour || d != Delay(n+1, "0-0-b1") {
			t.Errorf("delay %d: %s after %s", n+1, d, last)
		}
		last = d
	}
	if first := Delay(1, "0-0-b1"); first > 5*time.Second || last < 48*time.Minute {
		t.Errorf("from %s to %s", first, last)
	}
}
