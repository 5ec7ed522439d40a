package main

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// limitFiles lets the daemon write files up to so many bytes only, as if the disk were full behind them.
func (w *world) limitFiles(bytes uint64) {
	w.Helper()
	const fsize = 1 // RLIMIT_FSIZE
	limit := syscall.Rlimit{Cur: bytes, Max: unlimited}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(w.daemon.cmd.Process.Pid), fsize,
		uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	if errno != 0 {
		w.Fatal(errno)
	}
}

const unlimited = ^uint64(0)

func TestFullDisk(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.limitFiles(4096)
	w.draw("adams", w.at(9, 0), w.at(10, 0)) // so that the mirror must commit
	eventually(t, "the refusal", func() bool { return w.status().Storage.Refuses != "" })
	w.run("status").expect(t, exitFailed, "nothing can be booked: commits fail", "store is full")
	w.run("doctor").expect(t, exitFailed, "FAIL  commits")
	w.run("backup", "copy.db").expect(t, exitFailed, "copy.db", "file too large")
	if code, body := w.get("/readyz"); code != 503 || !strings.Contains(body, "store is full") {
		t.Errorf("readyz: %d %s", code, body)
	}
	entries, err := filepath.Glob(filepath.Join(w.dir, "*copy*"))
	must(t, err)
	hidden, err := filepath.Glob(filepath.Join(w.dir, ".slotd*"))
	must(t, err)
	if len(entries)+len(hidden) > 0 {
		t.Errorf("left half done: %v %v", entries, hidden)
	}
	w.limitFiles(unlimited)
	w.draw("adams", w.at(10, 0), w.at(11, 0))
	eventually(t, "the disk to be well again", func() bool { return w.status().Storage.Refuses == "" })
	w.run("status").expect(t, exitDone, "All is well.")
	w.run("backup", "copy.db").expect(t, exitDone, "copy.db")
}
