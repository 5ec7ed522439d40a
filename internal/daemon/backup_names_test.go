package daemon

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slotd/internal/config"
)

// A host whose clock once ran ahead, and a crash that left an empty file, must not make the alarm blind, nor retention
// remove what was just made.
func TestCopiesThatAreNone(t *testing.T) {
	const id = "abcdefgh-store"
	dir, now := t.TempDir(), time.Now()
	name := func(at time.Time) string { return backupName(id, "", at) }
	old, today := name(now.AddDate(0, 0, -2)), name(now)
	for file, text := range map[string]string{
		old: "copy", today: "copy", name(now.AddDate(1, 0, 0)): "copy", name(now.AddDate(0, 0, -1)): "",
	} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{old, today}, scheduledCopies(dir, id)); diff != "" {
		t.Errorf("copies (-want +got):\n%s", diff)
	}
	if err := retain(config.Backup{Directory: dir, Keep: 0}, id, today); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{today}, scheduledCopies(dir, id)); diff != "" {
		t.Errorf("copies that were kept (-want +got):\n%s", diff)
	}
}
