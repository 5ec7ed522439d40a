package bolt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"slotd/store/kv"
)

// format is what this version reads and writes.
const format = 1

// lockTimeout is how long Open waits for another process unless told otherwise: longer than a restart takes.
const lockTimeout = 2 * time.Second

// Errors of Open. They come wrapped with the path.
var (
	// ErrMissing means that there is no such file.
	ErrMissing = errors.New(`there is no database; run "slotd init" to create one`)
	// ErrLocked means that another process has the database open.
	ErrLocked = errors.New("another process is using the database; stop it first")
	// ErrForeign means that the file is something else, or too damaged to tell.
	ErrForeign = errors.New("this is not a slotd database, or it is damaged; check the path, or restore a backup")
	// ErrNewer means that the file has a format that this version does not know.
	ErrNewer = errors.New("the database was written by a newer slotd; install that version")
)

// Options are the settings of Open. The zero value is right for a daemon.
type Options struct {
	// LockTimeout is how long to wait for another process that has the database open; 2 seconds when it is 0.
	LockTimeout time.Duration
	// Committed is told of every commit, by the goroutine that makes them all: how long it took, how many
	// callers shared it, and whether it failed. It must be quick; nil: nobody asks.
	Committed func(took time.Duration, callers int, err error)
}

// Create makes a new, empty database that only the owner can read. The directory must exist. When there is something
// at path already, the error is [os.ErrExist]. The file appears complete or not at all.
func Create(path string) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".slotd-*")
	if err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // it is known under path by then
	if err := f.Close(); err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	if err := build(f.Name()); err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	// Unlike a rename, a link never replaces what is there.
	if err := os.Link(f.Name(), path); err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	if err := syncPath(path); err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	if err := syncPath(dir); err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	return nil
}

// build turns an empty file into a database.
func build(path string) error {
	b, err := bbolt.Open(path, 0o600, &bbolt.Options{FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return err
	}
	err = b.Update(func(tx *bbolt.Tx) error {
		if _, err := tx.CreateBucket(bucketData); err != nil {
			return err
		}
		meta, err := tx.CreateBucket(bucketMeta)
		if err != nil {
			return err
		}
		return meta.Put(keyFormat, strconv.AppendInt(nil, format, 10))
	})
	return errors.Join(err, b.Close())
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Open opens a database that [Create] made, for this process alone. Its errors are [ErrMissing], [ErrLocked],
// [ErrForeign], [ErrNewer], [kv.ErrReadOnly] when the file can be read and not written, and those of the file system.
func Open(path string, o Options) (*DB, error) {
	if o.LockTimeout <= 0 {
		o.LockTimeout = lockTimeout
	}
	db, err := open(path, bbolt.Options{Timeout: o.LockTimeout})
	if err != nil {
		return nil, err
	}
	db.committed = o.Committed // the committer reads it first after a call of Update
	return db, nil
}

func open(path string, o bbolt.Options) (*DB, error) {
	h, err := openHandle(path, o, (*os.File).Sync)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return newDB(path, o, h), nil
}

// inspectPath finds out whether bbolt can be let loose on the file: it would create one that is missing, fill one that
// is empty, and read beyond the end of one that was cut.
func inspectPath(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return ErrMissing
	}
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("not a regular file: %w", ErrForeign)
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read
	return inspect(f)
}

// openBolt returns the database and the file below it.
func openBolt(path string, o bbolt.Options) (file *os.File, b *bbolt.DB, err error) {
	o.FreelistType = bbolt.FreelistMapType      // the default gets slow with many free pages
	if info, err := os.Stat(path); err == nil { // else bbolt says what is wrong
		o.InitialMmapSize = mappingFor(info.Size(), strconv.IntSize)
	}
	o.OpenFile = func(name string, flag int, mode os.FileMode) (*os.File, error) {
		var err error
		file, err = os.OpenFile(name, flag&^os.O_CREATE, mode)
		return file, err
	}
	err = guard(func() error {
		var err error
		b, err = bbolt.Open(path, 0o600, &o)
		return err
	})
	if err == nil {
		return file, b, nil
	}
	if file != nil {
		// After a panic bbolt has not, and its mapping would keep the lock.
		_ = syscall.Flock(int(file.Fd()), syscall.LOCK_UN)
		_ = file.Close()
	}
	return nil, nil, openError(err)
}

// mappingFor returns how much of the address space a file of that size gets. Within it the file grows without waiting
// for readers; beyond it a commit, and everybody after it, waits for the longest of them. The space costs no memory; on
// 32 bits there is little of it.
func mappingFor(size int64, bits int) int {
	if bits < 64 {
		return 64 << 20
	}
	return int(max(1<<30, 2*size))
}

func openError(err error) error {
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return ErrLocked
	case errors.Is(err, fs.ErrNotExist):
		return ErrMissing
	case isErrno(err, syscall.EROFS, syscall.EACCES, syscall.EPERM):
		return fmt.Errorf("%w: %w", kv.ErrReadOnly, err)
	case errors.Is(err, errDamaged), errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrChecksum),
		errors.Is(err, berrors.ErrVersionMismatch):
		return fmt.Errorf("%w (%w)", ErrForeign, err)
	default:
		return err
	}
}

// checkFormat reads the marker that Create left.
func checkFormat(b *bbolt.DB) error {
	marker, hasData := "", false
	err := guard(func() error {
		return b.View(func(tx *bbolt.Tx) error {
			hasData = tx.Bucket(bucketData) != nil
			if meta := tx.Bucket(bucketMeta); meta != nil {
				marker = string(meta.Get(keyFormat))
			}
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("%w (%w)", ErrForeign, err)
	}
	n, err := strconv.ParseUint(marker, 10, 32)
	switch {
	case err != nil, n < 1:
		return ErrForeign
	case n > format:
		return fmt.Errorf("format %d: %w", n, ErrNewer)
	case !hasData:
		return ErrForeign
	}
	return nil
}
