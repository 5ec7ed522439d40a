package outlook

import (
	"strings"
	"testing"

	"slotd/internal/calendar"
)

// TestState: id and secret of the longest channel fit into what Graph carries, and can be told apart again.
func TestState(t *testing.T) {
	ch := calendar.Channel{ID: strings.Repeat("i", 64), Secret: strings.Repeat("s", 56)}
	state := State(ch)
	if len(state) > 128 {
		t.Errorf("a state of %d characters; Graph allows 128", len(state))
	}
	if id, secret, _ := strings.Cut(state, stateMark); id != ch.ID || secret != ch.Secret {
		t.Errorf("state %q holds id %q and secret %q", state, id, secret)
	}
}

// TestResource: a calendar's id is one segment of the path, whatever is in it.
func TestResource(t *testing.T) {
	for user, want := range map[string]string{
		me: "me/calendars/AAMk%2F+=/events", "desk@clinic.example": "users/desk@clinic.example/calendars/AAMk%2F+=/events",
	} {
		if got := (&Client{user: user}).resource("AAMk/+="); got != want {
			t.Errorf("resource %q, want %q", got, want)
		}
	}
}
