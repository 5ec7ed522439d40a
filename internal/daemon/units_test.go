package daemon_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// deploy is where the units are.
const deploy = "../../deploy"

// withoutSystemd says that systemd-analyze is missing and what is left out for that; `make test` has asked before.
func withoutSystemd(t *testing.T) bool {
	t.Helper()
	if os.Getenv("SLOTD_WITHOUT_SYSTEMD") == "" {
		return false
	}
	t.Log("SLOTD_WITHOUT_SYSTEMD is set (not Linux, or not root on Debian): the units are not judged by systemd-analyze")
	return true
}

// units puts all units into a directory, with the instances of templates, and with a program that exists.
func units(t *testing.T) (dir string, files []string) {
	t.Helper()
	dir = t.TempDir()
	entries, err := os.ReadDir(deploy)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := e.Name()
		if ext := filepath.Ext(name); ext != ".service" && ext != ".socket" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(deploy, name))
		if err != nil {
			t.Fatal(err)
		}
		made := []byte(strings.ReplaceAll(string(text), "/usr/local/bin/slotd", "/bin/true"))
		names := []string{name}
		if strings.Contains(name, "@.") {
			names = append(names, strings.Replace(name, "@.", "@clinic.", 1))
		}
		for _, n := range names {
			if err := os.WriteFile(filepath.Join(dir, n), made, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		files = append(files, filepath.Join(dir, names[len(names)-1]))
	}
	if len(files) != 6 {
		t.Fatalf("%d units, want a service and two sockets, plain and as templates", len(files))
	}
	return dir, files
}

// TestUnitsAreConfined asserts the exposure that docs promise; systemd counts it in tenths.
func TestUnitsAreConfined(t *testing.T) {
	if withoutSystemd(t) {
		return
	}
	dir, _ := units(t)
	for _, unit := range []string{"slotd.service", "slotd@clinic.service"} {
		out, err := exec.CommandContext(t.Context(), "systemd-analyze", "security", "--offline=yes", "--threshold=12",
			"--no-pager", filepath.Join(dir, unit)).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", unit, err, out)
		}
	}
}

// TestUnitsAreUnderstood: systemd warns of what it does not know and goes on, so any output is a fault.
func TestUnitsAreUnderstood(t *testing.T) {
	if withoutSystemd(t) {
		return
	}
	_, files := units(t)
	args := append([]string{"verify", "--man=no"}, files...)
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", args...).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestTemplatesAreTheSameUnits: the units for one business and for several differ in names only, so that nobody mends one
// and forgets the other.
func TestTemplatesAreTheSameUnits(t *testing.T) {
	for _, name := range []string{"slotd.service", "slotd-admin.socket"} {
		plain, template := directives(t, name), directives(t, strings.Replace(name, ".", "@.", 1))
		if len(plain) == 0 || strings.Join(plain, "\n") != strings.Join(template, "\n") {
			t.Errorf("%s and its template differ:\n%s\n---\n%s", name, strings.Join(plain, "\n"), strings.Join(template, "\n"))
		}
	}
}

// directives returns the lines of a unit that systemd reads, without the instance.
func directives(t *testing.T, name string) (out []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(deploy, name))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		line = strings.NewReplacer("@%i", "", "/%i", "", " (%i)", "").Replace(strings.TrimSpace(line))
		if line != "" && !strings.HasPrefix(line, "#") {
			out = append(out, line)
		}
	}
	return out
}
