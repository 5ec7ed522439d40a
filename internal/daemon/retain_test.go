package daemon

import (
	"errors"
	"strings"
	"testing"
)

// A night that failed shows until one succeeds.
func TestRetentionThatFailed(t *testing.T) {
	var r retention
	if text := r.trouble(); text != "" {
		t.Errorf("before the first night: %s", text)
	}
	r.ended(errors.New("store is full"))
	if text := r.trouble(); !strings.Contains(text, "old records were not removed at 2") || !strings.Contains(text, "store is full") {
		t.Errorf("after a night that failed: %s", text)
	}
	r.ended(nil)
	if text := r.trouble(); text != "" {
		t.Errorf("after one that did not: %s", text)
	}
}
