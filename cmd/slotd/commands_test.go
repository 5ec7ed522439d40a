package main

import (
	"bytes"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"slotd/internal/admin"
)

// Names of files that init makes beside the config of the example.
const (
	exampleStore = "slotd.db"
	exampleKey   = "secrets/flow_key.pem"
)

func TestInitMakesWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	slotd(t, dir, "init").expect(t, exitDone, "created  config", "created  database", "created  private key")
	modes := map[string]fs.FileMode{exampleStore: 0o600, "secrets": 0o700, exampleKey: 0o600}
	for name, want := range modes {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", name, got, want)
		}
	}
	before := contents(t, dir)

	slotd(t, dir, "init").expect(t, exitFailed, "kept     config", "kept     database", "everything exists already")
	if err := os.Remove(filepath.Join(dir, exampleStore)); err != nil {
		t.Fatal(err)
	}
	slotd(t, dir, "init").expect(t, exitDone, "kept     config", "created  database", "kept     private key")
	for _, name := range []string{"slotd.toml", exampleKey, exampleKey + ".pub"} {
		if !bytes.Equal(before[name], contents(t, dir)[name]) {
			t.Errorf("%s was written over", name)
		}
	}
}

func contents(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, name := range []string{"slotd.toml", exampleStore, exampleKey, exampleKey + ".pub"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		out[name] = data
	}
	return out
}

// TestServeNamesAllSecretsThatAreMissing: somebody who has just run init puts them there in one go.
func TestServeNamesAllSecretsThatAreMissing(t *testing.T) {
	dir := t.TempDir()
	slotd(t, dir, "init").expect(t, exitDone)
	must(t, os.Remove(filepath.Join(dir, exampleKey)))
	for _, args := range [][]string{{"check"}, {"serve"}} {
		o := slotd(t, dir, args...)
		for _, want := range []string{
			"[whatsapp] app_secret: secrets/app_secret", "[whatsapp] private_key: " + exampleKey,
			`account "office" client_secret: secrets/google_client_secret`,
		} {
			if want += " is not there: put it there, chmod 600"; o.code == exitDone || strings.Count(o.stderr, want) != 1 {
				t.Errorf("%s: exit code %d, not %q in\n%s", args, o.code, want, o.stderr)
			}
		}
	}
}

func TestServeRefusesADatabaseThatItCannotUse(t *testing.T) {
	for _, c := range []struct {
		name   string
		spoil  func(t *testing.T, path string)
		reason string
	}{
		{"missing", func(t *testing.T, path string) { must(t, os.Remove(path)) }, `run "slotd init"`},
		{"empty", func(t *testing.T, path string) { must(t, os.Truncate(path, 0)) }, "not a slotd database"},
		{"foreign", func(t *testing.T, path string) {
			must(t, os.WriteFile(path, bytes.Repeat([]byte("a photograph "), 10_000), 0o600))
		}, "not a slotd database"},
		{"cut", func(t *testing.T, path string) { must(t, os.Truncate(path, 5000)) }, "not a slotd database"},
		{"newer", func(t *testing.T, path string) { replaceInFile(t, path, "format1", "format9") }, "newer slotd"},
		{"directory", func(t *testing.T, path string) {
			must(t, os.Remove(path))
			must(t, os.Mkdir(path, 0o700))
		}, "not a slotd database"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			c.spoil(t, filepath.Join(w.dir, exampleStore))
			w.run("serve").expect(t, exitFailed, c.reason, exampleStore)
		})
	}
}

func TestServeRefusesADatabaseInUse(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.run("serve").expect(t, exitFailed, "another process is using the database", exampleStore)
	w.status() // the first one goes on
}

func TestServeSaysThatThePortIsTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	w := newWorld(t)
	replaceInFile(t, filepath.Join(w.dir, "slotd.toml"), `listen = "127.0.0.1:0"`, `listen = "`+l.Addr().String()+`"`)
	w.run("serve").expect(t, exitFailed, l.Addr().String(), "in use")
}

func TestCheckReportsEveryFaultInOneRun(t *testing.T) {
	w := newWorld(t)
	w.run("check").expect(t, exitDone, "is fine: 2 accounts, 1 department, 1 service, 2 resources")
	path := filepath.Join(w.dir, "slotd.toml")
	for old, spoiled := range map[string]string{
		`zone = "Europe/Berlin"`:    `zone = "Europe/Atlantis"`,
		`poll = "1s"`:               `pol = "1s"`,
		`duration = "30m"`:          `duration = "half an hour"`,
		`departments = ["general"]`: `departments = ["genral"]`,
		`book_into = "google/`:      `book_into = "gogle/`,
	} {
		replaceInFile(t, path, old, spoiled)
	}
	o := w.run("check")
	o.expect(t, exitUsage, "Europe/Atlantis", `"pol"`, "half an hour", `"genral"`, "gogle")
	text, err := os.ReadFile(path)
	must(t, err)
	for i, line := range strings.Split(string(text), "\n") {
		for _, fault := range []string{"Atlantis", "pol =", "half an hour", "genral", "gogle/"} {
			if at := "slotd.toml:" + strconv.Itoa(i+1) + ":"; strings.Contains(line, fault) && !strings.Contains(o.stderr, at) {
				t.Errorf("no fault at %s\n%s", at, o.stderr)
			}
		}
	}
}

func TestCheckReadsTheSecrets(t *testing.T) {
	w := newWorld(t)
	must(t, os.Remove(filepath.Join(w.dir, "secrets/app_secret")))
	w.run("check").expect(t, exitUsage, "app_secret")
	w.write("secrets/app_secret", plantedSecret)
	w.write(exampleKey, "not a key "+plantedSecret)
	w.run("check").expect(t, exitUsage, "flow_key.pem")
}

func TestWrongUsage(t *testing.T) {
	dir := t.TempDir()
	for _, args := range [][]string{
		{"serve", "--flag"}, {"serve", "now"}, {"check", "--config"}, {"frobnicate"}, {"simulate"},
		{"simulate", "ftp://host"}, {"bookings", "frobnicate"}, {"bookings", "show"}, {"bookings", "cancel", "K7M-2QX"},
		{"bookings", "move", "K7M-2QX"}, {"bookings", "retry"}, {"bookings", "retry", "K7M-2QX", "--all"}, {"bookings", "told"}, {"serve"}, {"status"}, {"demo", "--listen", "0.0.0.0:80"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			if o := slotd(t, dir, args...); o.code != exitUsage || o.stderr == "" {
				t.Errorf("exit code %d, want %d; stderr %q", o.code, exitUsage, o.stderr)
			}
		})
	}
}

func TestCommandsSayThatNoDaemonRuns(t *testing.T) {
	w := newWorld(t)
	for _, args := range [][]string{{"status"}, {"slots"}, {"bookings", "list"}, {"bookings", "show", "K7M-2QX"},
		{"bookings", "told", "K7M-2QX"}, {"bookings", "cancel", "K7M-2QX", "--reason", "ill"}} {
		w.run(args...).expect(t, exitFailed, "is 'slotd serve' running")
	}
}

func TestANameCannotForgeALineOfTheList(t *testing.T) {
	var out strings.Builder
	must(t, printBookings(&out, []admin.Booking{{
		Reference: "K7M-2QX", Name: "Eve\nABC-DEF  2026-01-01 10:00", Placements: []admin.Placement{{Resource: "adams"}},
	}}))
	if n := strings.Count(out.String(), "\n"); n != 2 {
		t.Errorf("one booking makes %d lines, want 2 with the heading:\n%s", n, &out)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// replaceInFile replaces all of old, which must be there.
func replaceInFile(t *testing.T, path, old, text string) {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	if !bytes.Contains(data, []byte(old)) {
		t.Fatalf("%s does not hold %q", path, old)
	}
	must(t, os.WriteFile(path, bytes.ReplaceAll(data, []byte(old), []byte(text)), 0o600))
}
