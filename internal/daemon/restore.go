package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"slotd/store"
	"slotd/store/kv/bolt"
)

// Restored is what Restore did.
type Restored struct {
	// Path is the database, Copy what was put there, and Kept where the database that was there before is now, "" for
	// none.
	Path string `json:"path"`
	Copy string `json:"copy"`
	Kept string `json:"kept,omitempty"`
	// At is the time of the restore, Newest that of the newest record in the copy; zero when it has none.
	At     time.Time `json:"at"`
	Newest time.Time `json:"newest,omitzero"`
	// Bookings counts those in the copy, Waiting the writes to calendars that the copy says are still to be made.
	Bookings int `json:"bookings"`
	Waiting  int `json:"waiting"`
	// Report is what the records of the copy say of each other.
	Report store.Report `json:"report"`
}

// RestoreOptions are what Restore needs.
type RestoreOptions struct {
	// Copy is the file to restore, Path the database.
	Copy, Path string
	// Replace lets it take the place of a database that is there, which is then kept beside it under another name.
	Replace bool
	// Verify is what the copy is checked with.
	Verify   store.VerifyOptions
	Progress func(copied, total int64) // may be nil
}

// ErrExists means that there is a database, and Replace was not asked for.
var ErrExists = errors.New("there is a database already")

// keptLayout ends the name of a database that was replaced.
const keptLayout = ".replaced-20060102T150405Z"

// Restore checks a copy and puts it in the place of a database that nobody uses, ready for a start that first compares
// it with the calendars. The copy itself stays as it is. On an error nothing has changed.
func Restore(ctx context.Context, o RestoreOptions) (Restored, error) {
	out := Restored{Path: o.Path, Copy: o.Copy, At: time.Now().UTC().Truncate(time.Second)}
	if _, err := os.Stat(o.Copy); errors.Is(err, fs.ErrNotExist) {
		return out, fmt.Errorf("restore %s: there is no such file", o.Copy)
	}
	old, err := lockOld(o)
	if err != nil {
		return out, err
	}
	if old != nil {
		defer func() { _ = old.Close() }() // only its lock matters
	}
	temp, err := out.prepare(ctx, o)
	if temp != "" {
		defer func() { _ = os.Remove(temp) }() // it is known under the database's name by then
	}
	if err != nil {
		return out, fmt.Errorf("restore %s: %w", o.Copy, err)
	}
	if err := own(temp, o.Path); err != nil {
		return out, fmt.Errorf("give the new database its owner: %w", err)
	}
	if out.Kept, err = exchange(temp, o.Path, out.At); err != nil {
		return out, fmt.Errorf("put the copy in place: %w", err)
	}
	return out, syncDir(filepath.Dir(o.Path))
}

// lockOld makes sure that nobody uses the database that is to be replaced, as long as what it returns is open. A file
// that is no database, as when it was damaged, is used by nobody; nil then, and when there is none.
func lockOld(o RestoreOptions) (*bolt.DB, error) {
	target, err := os.Stat(o.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	}
	if source, err := os.Stat(o.Copy); err == nil && os.SameFile(source, target) {
		return nil, fmt.Errorf("%s is the database itself: name a copy of it", o.Copy)
	}
	if !o.Replace {
		return nil, ErrExists
	}
	db, err := bolt.Open(o.Path, bolt.Options{})
	if errors.Is(err, bolt.ErrLocked) {
		return nil, fmt.Errorf("%s is in use, probably by 'slotd serve': stop it first", o.Path)
	}
	return db, nil // nil when it cannot be opened, and that is why it is replaced
}

// prepare makes a checked file beside the database that can take its name.
func (r *Restored) prepare(ctx context.Context, o RestoreOptions) (temp string, err error) {
	source, err := bolt.Open(o.Copy, bolt.Options{})
	switch {
	case errors.Is(err, bolt.ErrLocked):
		return "", errors.New("a process is using it: make a copy with 'slotd backup'")
	case err != nil:
		return "", err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	sum, err := store.CheckReadable(ctx, source)
	if err == nil {
		err = source.Check(ctx)
	}
	if err == nil {
		r.Report, err = store.Verify(ctx, source, o.Verify)
	}
	if err != nil {
		return "", err
	}
	r.Bookings, r.Waiting = sum.Bookings, r.Report.Records["outbox"]
	dir := filepath.Dir(o.Path)
	if free, total := space(dir); total > 0 && free < uint64(source.Size())+freeTold {
		return "", fmt.Errorf("no room: the database takes %s and must leave %s, and %s has %s left",
			bytesText(source.Size()), bytesText(uint64(freeTold)), dir, bytesText(free))
	}
	file, err := os.CreateTemp(dir, tempPrefix+"*") // mode 0600
	if err != nil {
		return "", directoryError(dir, err)
	}
	_, err = source.Copy(ctx, file, o.Progress)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return file.Name(), err
	}
	return file.Name(), r.prepareStore(ctx, file.Name())
}

// prepareStore makes the copied file one that is being restored.
func (r *Restored) prepareStore(ctx context.Context, path string) (err error) {
	db, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	done, err := store.PrepareRestore(ctx, db, r.At)
	r.Newest = done.Newest
	if err == nil {
		err = db.Check(ctx)
	}
	return err
}

// own gives a new file the owner of the one that it replaces, or of its directory, when root makes it: slotd runs as a
// user of its own.
func own(temp, path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		info, err = os.Stat(filepath.Dir(path))
	}
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return os.Chown(temp, int(st.Uid), int(st.Gid))
	}
	return nil
}

// exchange puts temp in the place of path. What was there keeps living under the returned name; at no moment is there
// nothing, where the file system knows links.
func exchange(temp, path string, at time.Time) (kept string, err error) {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return "", publish(temp, path)
	}
	kept = path + at.Format(keptLayout)
	if err := os.Link(path, kept); err != nil {
		if _, there := os.Lstat(kept); there == nil {
			return "", fmt.Errorf("%s is there already", kept)
		}
		if err := os.Rename(path, kept); err != nil {
			return "", err
		}
	}
	return kept, os.Rename(temp, path)
}
