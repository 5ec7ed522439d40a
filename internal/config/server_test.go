package config

import (
	"os"
	"path/filepath"
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
