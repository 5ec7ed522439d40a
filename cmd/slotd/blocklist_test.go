package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheckReadsTheBlocklist: each line that is no number, beside all other faults, and never what stands there.
func TestCheckReadsTheBlocklist(t *testing.T) {
	w := newWorld(t)
	replaceInFile(t, filepath.Join(w.dir, "slotd.toml"), `[business]`, "[business]\nblocklist_file = \"blocked.txt\"")
	w.run("check").expect(t, exitUsage, "slotd.toml:", "[business]: blocklist_file cannot be read: open ", "blocked.txt")
	list := filepath.Join(w.dir, "blocked.txt")
	must(t, os.WriteFile(list, []byte("# from the desk\n+49 170 0000001\nMs. Planted 0170\n"), 0o600))
	must(t, os.Remove(filepath.Join(w.dir, "secrets/app_secret")))
	o := w.run("check")
	o.expect(t, exitUsage, "blocked.txt:3: this is no phone number", "app_secret")
	if strings.Contains(o.stdout+o.stderr, "Planted") || strings.Contains(o.stderr, "0170") {
		t.Errorf("the fault shows the line:\n%s", o.stderr)
	}
	must(t, os.WriteFile(list, []byte("+49 170 0000001\n"), 0o600))
	must(t, os.WriteFile(filepath.Join(w.dir, "secrets/app_secret"), []byte("secret"), 0o600))
	w.run("check").expect(t, exitDone, "is fine")
}
