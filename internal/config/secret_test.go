package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	t.Setenv("SLOTD_SECRET", "hush")
	file := Secret{File: write("one", " hush\r\n\n", 0o600)}
	for _, test := range []struct {
		secret Secret
		want   string
	}{
		{file, " hush\r\n"},
		{Secret{File: write("two", "hush\r\n", 0o600)}, "hush"},
		{Secret{Env: "SLOTD_SECRET"}, "hush"},
		{Secret{Credential: "two"}, "hush"},
	} {
		got, err := test.secret.Read()
		if err != nil || string(got) != test.want {
			t.Errorf("%s: %q, %v", test.secret, got, err)
		}
		if strings.Contains(test.secret.String(), "hush") {
			t.Error("a secret prints its value")
		}
	}
	for _, bad := range []Secret{{}, {File: filepath.Join(dir, "absent")}, {File: dir}, {Env: "SLOTD_UNSET"},
		{Credential: "absent"}, {File: write("empty", "\n", 0o600)}} {
		if got, err := bad.Read(); err == nil {
			t.Errorf("%s: %q, want an error", bad, got)
		}
	}
}

func TestCheckSecretsListsAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "open")
	if err := os.WriteFile(path, []byte("hush"), 0o644); err != nil {
		t.Fatal(err)
	}
	cfg := &Config{
		WhatsApp: WhatsApp{AppSecrets: []Secret{{File: path}}, PrivateKeys: []Secret{{Env: "SLOTD_UNSET"}}},
		Accounts: []Account{{Name: "office", ClientSecret: Secret{File: path + ".absent"}}},
	}
	err := cfg.CheckSecrets()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"[whatsapp] app_secret: ", "run chmod 600 " + path, "[whatsapp] private_key: ",
		"SLOTD_UNSET is not set", `account "office" client_secret: ` + path + ".absent is not there: put it there, chmod 600"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "hush") {
		t.Error("a secret is in the error")
	}
}
