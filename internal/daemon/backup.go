package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"slotd/internal/admin"
	"slotd/internal/calendar"
	"slotd/internal/config"
	"slotd/store"
	"slotd/store/kv/bolt"
)

// Bounds of copies.
const (
	copyWithin   = 5 * time.Minute // while it runs the database cannot reuse pages
	backupStale  = 26 * time.Hour  // a day, the longest hour of the clocks' change, and one to spare
	tempStale    = 24 * time.Hour
	backupLayout = "20060102T150405Z"
)

// backupName is the form of the names of a store's copies. Its id is part of them, so that two businesses can share a
// directory; only those without the word "manual" are subject to retention.
func backupName(storeID, kind string, at time.Time) string {
	return backupPrefix(storeID) + kind + at.UTC().Format(backupLayout) + ".db"
}

func backupPrefix(storeID string) string { return "slotd-" + storeID[:min(8, len(storeID))] + "-" }

// tempPrefix begins the names of copies that are not finished.
const tempPrefix = ".slotd-copy-"

// Backup makes a checked copy of an open database. path names the new file, or the directory that gets one with a name
// of its own making. Nothing is ever replaced; on an error nothing is left behind. The copy is readable for its owner
// only.
func Backup(
	ctx context.Context, db *bolt.DB, storeID, path string, progress func(copied, total int64),
) (admin.BackupMade, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, backupName(storeID, "manual-", time.Now()))
	}
	made, err := backup(ctx, db, path, progress)
	if err != nil {
		return admin.BackupMade{}, fmt.Errorf("back up to %s: %w", path, err)
	}
	return made, nil
}

func backup(ctx context.Context, db *bolt.DB, path string, progress func(copied, total int64)) (admin.BackupMade, error) {
	made := admin.BackupMade{Path: path}
	if _, err := os.Lstat(path); err == nil {
		return made, errors.New("there is a file already, and a backup replaces none: choose another name")
	}
	dir := filepath.Dir(path)
	if free, total := space(dir); total > 0 && free < uint64(db.Size())+freeTold {
		return made, fmt.Errorf("no room: the copy takes %s and must leave %s, and %s has %s left", bytesText(db.Size()),
			bytesText(uint64(freeTold)), dir, bytesText(free))
	}
	temp, err := os.CreateTemp(dir, tempPrefix+"*") // mode 0600
	if err != nil {
		return made, directoryError(dir, err)
	}
	defer func() { _ = os.Remove(temp.Name()) }() // it is known under path by then
	copying, cancel := context.WithTimeout(ctx, copyWithin)
	defer cancel()
	made.Size, err = db.Copy(copying, temp, progress)
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return made, err
	}
	if made.Bookings, err = checkCopy(ctx, temp.Name()); err != nil {
		return made, fmt.Errorf("the copy is not good: %w", err)
	}
	if err := publish(temp.Name(), path); err != nil {
		return made, err
	}
	return made, syncDir(dir)
}

// directoryError says which of the usual reasons keeps us from making a file.
func directoryError(dir string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no directory %s", dir)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("slotd may not write in %s: %w", dir, err)
	}
	return err
}

// checkCopy opens the copy as a daemon would, reads all of it, and returns the number of bookings in it.
func checkCopy(ctx context.Context, path string) (bookings int, err error) {
	db, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := store.Open(ctx, db); err != nil {
		return 0, err
	}
	sum, err := store.CheckReadable(ctx, db)
	if err != nil {
		return 0, err
	}
	return sum.Bookings, db.Check(ctx)
}

// publish gives the finished copy its name. Unlike a rename, a link never replaces what is there. A file system without
// links has the name reserved by an empty file of ours first, which the rename then replaces.
func publish(temp, path string) error {
	err := os.Link(temp, path)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	reserved, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(reserved.Close(), os.Rename(temp, path)); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// backups makes copies for the running daemon, one at a time, and knows how the scheduled ones fare.
type backups struct {
	db      *bolt.DB
	storeID string
	turn    chan struct{} // one slot; a channel, because it is held while a file is written

	mu     sync.Mutex // guards what follows; never held while a file is read or written
	plan   config.Backup
	daily  daily
	last   time.Time // of the newest copy, by its name
	size   int64
	copies int
	failed time.Time
	err    error // of the last try
}

func newBackups(db *bolt.DB, storeID string) *backups {
	return &backups{db: db, storeID: storeID, turn: make(chan struct{}, 1)}
}

// configure takes over the plan of a config.
func (b *backups) configure(cfg *config.Config) {
	plan := cfg.Backup
	if whole, err := filepath.Abs(plan.Directory); err == nil && plan.Directory != "" {
		plan.Directory = whole // for those who read it elsewhere
	}
	b.mu.Lock()
	if b.plan.Directory != plan.Directory {
		b.err = nil // it spoke of another directory
	}
	b.plan, b.daily = plan, dailyOf(cfg)
	b.mu.Unlock()
	b.look()
}

func (b *backups) planned() config.Backup {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.plan
}

// make makes a copy that somebody asked for. Without a path it goes beside the scheduled ones, or beside the database.
func (b *backups) make(ctx context.Context, path string, progress func(copied, total int64)) (admin.BackupMade, error) {
	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
	case <-ctx.Done():
		return admin.BackupMade{}, ctx.Err()
	}
	if path == "" {
		path = DefaultBackup(b.planned(), b.db.Path())
	}
	return Backup(ctx, b.db, b.storeID, path, progress)
}

// DefaultBackup returns the directory for a copy for which no place was given.
func DefaultBackup(plan config.Backup, storePath string) string {
	if plan.Directory != "" {
		return plan.Directory
	}
	return filepath.Dir(storePath)
}

// scheduled makes a copy and removes the oldest ones beyond those that are kept.
func (b *backups) scheduled(ctx context.Context) (admin.BackupMade, error) {
	plan := b.planned()
	made, err := b.make(ctx, filepath.Join(plan.Directory, backupName(b.storeID, "", time.Now())), nil)
	if err == nil {
		err = retain(plan, b.storeID, filepath.Base(made.Path))
	}
	if ctx.Err() != nil {
		return made, err // a reload or a stop; what is missing is made at the next start
	}
	b.mu.Lock()
	if b.err = err; err != nil {
		b.failed = time.Now()
	}
	b.mu.Unlock()
	b.look()
	return made, err
}

// look finds the newest scheduled copy.
func (b *backups) look() {
	plan := b.planned()
	if plan.Directory == "" {
		return
	}
	names := scheduledCopies(plan.Directory, b.storeID)
	var last time.Time
	var size int64
	if len(names) > 0 {
		name := names[len(names)-1]
		last, _ = madeAt(name, b.storeID)
		if info, err := os.Stat(filepath.Join(plan.Directory, name)); err == nil {
			size = info.Size()
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last, b.size, b.copies = last, size, len(names)
}

// due reports whether the newest copy is missing or so old that one was missed, as when the host was off at that time.
func (b *backups) due(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return now.Sub(b.last) > backupStale
}

// status returns nil when no copies are scheduled.
func (b *backups) status(now time.Time) *admin.Backup {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.plan.Directory == "" {
		return nil
	}
	s := &admin.Backup{Directory: b.plan.Directory, Size: b.size, Copies: b.copies, Next: b.daily.Next(now).UTC()}
	if !b.last.IsZero() {
		last := b.last
		s.Last = &last
	}
	if b.err != nil {
		failed := b.failed.UTC()
		s.Failed, s.Error = &failed, b.err.Error()
	}
	return s
}

// scheduledCopies returns the names of a store's scheduled copies in a directory, the oldest first. Names from the future,
// of a host whose clock was wrong, and empty files, of a copy that a crash kept from its name, are none.
func scheduledCopies(dir, storeID string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // the next copy will say why
	}
	var names []string
	for _, e := range entries {
		at, ok := madeAt(e.Name(), storeID)
		if !ok || !e.Type().IsRegular() || time.Until(at) > time.Hour {
			continue
		}
		if info, err := e.Info(); err == nil && info.Size() > 0 {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names
}

// madeAt returns when the copy of that name was scheduled; ok is false for any other name.
func madeAt(name, storeID string) (at time.Time, ok bool) {
	stamp, ok := strings.CutPrefix(name, backupPrefix(storeID))
	if !ok {
		return at, false
	}
	at, err := time.Parse(backupLayout+".db", stamp)
	return at, err == nil
}

// retain removes scheduled copies of a store beyond those that are kept, never the one just made, and what a killed process
// left half done.
func retain(plan config.Backup, storeID, made string) error {
	var errs []error
	remove := func(name string) { errs = append(errs, os.Remove(filepath.Join(plan.Directory, name))) }
	names := scheduledCopies(plan.Directory, storeID)
	for _, name := range names[:max(len(names)-plan.Keep, 0)] {
		if name != made {
			remove(name)
		}
	}
	entries, err := os.ReadDir(plan.Directory)
	errs = append(errs, err)
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && strings.HasPrefix(e.Name(), tempPrefix) && time.Since(info.ModTime()) > tempStale {
			remove(e.Name())
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove old copies: %w", err)
	}
	return nil
}

// daily is a time of day, in minutes since midnight.
type daily struct {
	at   int
	zone *time.Location
}

func dailyOf(cfg *config.Config) daily { return daily{cfg.Backup.At, cfg.Business.Zone} }

// Next implements cron.Schedule. Where clocks go forward over the time, it is when they do; where it comes twice, the
// first of the two. cron's own schedules would leave a day out.
func (d daily) Next(now time.Time) time.Time {
	date := calendar.DateOf(now.Unix(), d.zone)
	for {
		at, _, _ := calendar.Wall(date, d.at, d.zone)
		if at > now.Unix() {
			return time.Unix(at, 0).In(d.zone)
		}
		date = date.AddDays(1)
	}
}

// bytesText prints a size for people.
func bytesText[T int64 | uint64](n T) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GB", n>>30)
	case n >= 10<<20:
		return fmt.Sprintf("%d MB", n>>20)
	}
	return fmt.Sprintf("%d kB", (n+1023)>>10)
}
