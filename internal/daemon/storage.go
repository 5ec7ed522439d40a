package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"slotd/internal/admin"
	"slotd/store/kv"
)

// freeTold is the free space below which a disk counts as full: room for a few steps in which the database grows.
const freeTold = 64 << 20

// storage remembers how the last commit went, and looks at the disk below the database.
type storage struct {
	path string
	// doubt says why the engine answers no Update at present; nil until the database is open.
	doubt func() error

	mu      sync.Mutex // guards what follows; never held across a commit
	since   time.Time
	failing bool  // the last commit failed
	err     error // of the last commit, when it was refused for good
	free    uint64
	total   uint64
}

func newStorage(path string) *storage {
	s := &storage{path: path}
	s.look()
	return s
}

// committed is told of every commit that wrote something: only such a one shows that writing works.
func (s *storage) committed(err error) {
	full := errors.Is(err, kv.ErrFull) || errors.Is(err, kv.ErrReadOnly)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && !s.failing {
		s.since = time.Now()
	}
	s.failing = err != nil
	if err == nil || full { // another error says nothing about the disk's room
		s.err = err
	}
}

// look asks the file system for its free space.
func (s *storage) look() {
	free, total := space(filepath.Dir(s.path))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free, s.total = free, total
}

// refuses returns why nothing can be stored: the outcome of a commit is in doubt, or the last one was refused. Nil when all
// is well.
func (s *storage) refuses() error {
	if s.doubt != nil {
		if err := s.doubt(); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *storage) status() admin.Storage {
	out := admin.Storage{Path: s.path}
	if info, err := os.Stat(s.path); err == nil {
		out.Size = info.Size()
	}
	refused := s.refuses()
	s.mu.Lock()
	defer s.mu.Unlock()
	out.Free, out.Total = s.free, s.total
	if refused != nil {
		since := s.since.UTC()
		out.RefusesSince, out.Refuses = &since, refusal(refused)
	}
	return out
}

// refusal says in words why a commit was refused.
func refusal(err error) string {
	switch {
	case errors.Is(err, kv.ErrFull):
		return kv.ErrFull.Error()
	case errors.Is(err, kv.ErrReadOnly):
		return kv.ErrReadOnly.Error()
	}
	return err.Error() // of the engine: what failed, and the path of the database
}

// space returns what an ordinary user can still use of the file system of dir, and its size, in bytes; zeros when it
// does not say.
func space(dir string) (free, total uint64) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, 0
	}
	block := uint64(st.Bsize)
	return st.Bavail * block, st.Blocks * block
}

// The types of file systems on which a lock of another host may not be seen (statfs(2)).
var networkTypes = map[uint32]string{0x6969: "NFS", 0xFF534D42: "CIFS", 0xFE534D42: "SMB", 0x517B: "SMB", 0x01021997: "9P"}

// networkType returns the name of the network file system that dir lies on, "" when it is a local one.
func networkType(dir string) string {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return ""
	}
	return networkTypes[uint32(st.Type)]
}
