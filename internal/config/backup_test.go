package config

import (
	"strconv"
	"strings"
	"testing"
)

func TestBackupSection(t *testing.T) {
	const dir = "[backup]\ndirectory = \"copies\"\n"
	for _, c := range []struct {
		name, section string
		want          Backup
		line          int // of the fault, in the section
		fault         string
	}{
		{"none", "", Backup{}, 0, ""},
		{"defaults", dir, Backup{Directory: "/etc/slotd/copies", At: 210, Keep: 14}, 0, ""},
		{"all", dir + "at = \"23:05\"\nkeep = 2\n", Backup{Directory: "/etc/slotd/copies", At: 1385, Keep: 2}, 0, ""},
		{"no directory", "[backup]\nkeep = 2\n", Backup{}, 1, "directory is missing"},
		{"empty directory", "[backup]\ndirectory = \"\"\n", Backup{}, 2, "directory is empty"},
		{"no time", dir + "at = \"half past three\"\n", Backup{}, 3, "at must be a time of day"},
		{"a day has 24 hours", dir + "at = \"24:00\"\n", Backup{}, 3, "at must be a time of day"},
		{"keep none", dir + "keep = 0\n", Backup{}, 3, "keep must be from 1"},
		{"unknown key", dir + "hour = 3\n", Backup{}, 3, `unknown key "hour"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, err := Parse("/etc/slotd/slotd.toml", []byte(minimal+"\n"+c.section))
			if c.fault == "" {
				if err != nil || cfg.Backup != c.want {
					t.Errorf("%+v, %v; want %+v", cfg, err, c.want)
				}
				return
			}
			at := ":" + strconv.Itoa(strings.Count(minimal, "\n")+1+c.line) + ": [backup]: "
			if err == nil || !strings.Contains(err.Error(), at) || !strings.Contains(err.Error(), c.fault) {
				t.Errorf("got %v, want %s%s", err, at, c.fault)
			}
		})
	}
}
