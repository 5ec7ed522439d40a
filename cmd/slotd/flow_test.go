package main

import (
	"os"
	"path/filepath"
	"testing"

	"slotd/internal/flow"
)

// TestFlowJSON: what is printed for publishing is what is served.
func TestFlowJSON(t *testing.T) {
	w := newWorld(t)
	served := func(want string) {
		t.Helper()
		o := w.run("flow", "json")
		if o.expect(t, exitDone); o.stdout != want {
			t.Errorf("%d bytes, want %d", len(o.stdout), len(want))
		}
	}
	served(string(flow.Builtin()))
	w.configure("[freshness]", "[flow]\norder = [\"department\", \"service\", \"date\", \"resource\"]\n\n[freshness]")
	served(string(flow.BuiltinDayFirst()))
	w.configure("order = [\"department\", \"service\", \"date\", \"resource\"]", "file = \"own.json\"")
	w.run("flow", "json").expect(t, exitUsage, "own.json")
	must(t, os.WriteFile(filepath.Join(w.dir, "own.json"), []byte("{}\n"), 0o600))
	served("{}\n")
	w.run("flow").expect(t, exitDone, "json")
	w.run("flow", "jsn").expect(t, exitUsage)
}
