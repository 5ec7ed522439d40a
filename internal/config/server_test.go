package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLoadServerLooksAtNothingElse(t *testing.T) {
	for _, test := range []struct {
		name, text, admin string
		fails             bool
	}{
		{"other faults", "nonsense = 1\n[server]\nadmin = \"127.0.0.1:9\"\n[business]\nzone = 7\n", "127.0.0.1:9", false},
		{"no such section", "nonsense = 1\n", "127.0.0.1:8081", false},
		{"a fault of its own", "[server]\nadmin = 7\n", "", true},
		{"no TOML", "[server\n", "", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "slotd.toml")
			if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := LoadServer(path)
			if s.Admin != test.admin || (err != nil) != test.fails {
				t.Errorf("admin %q, error %v", s.Admin, err)
			}
		})
	}
}

// TestPush: providers are asked to push unless the file says otherwise, and asking for it by name needs an address.
func TestPush(t *testing.T) {
	text := string(Example())
	const account = "\n[[account]]\n"
	parse := func(public, push string) (*Config, error) {
		text := strings.Replace(text, "[server]\n", "[server]\n"+public, 1)
		return Parse("slotd.toml", []byte(strings.Replace(text, account, account+push, 1)))
	}
	for _, tt := range []struct {
		public, push string
		want         bool
	}{
		{"", "", true}, {"public_url = \"https://a.example\"\n", "push = true\n", true},
		{"public_url = \"https://a.example\"\n", "push = false\n", false}, {"", "push = false\n", false},
	} {
		if cfg, err := parse(tt.public, tt.push); err != nil || cfg.Accounts[0].Push != tt.want {
			t.Errorf("%q %q: %v", tt.public, tt.push, err)
		}
	}
	if _, err := parse("", "push = true\n"); err == nil || !strings.Contains(err.Error(), "push needs public_url in [server]") {
		t.Errorf("push = true without an address: %v", err)
	}
}
