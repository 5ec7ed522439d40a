package bolt

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"slotd/store/kv"
)

func TestCreate(t *testing.T) {
	path := newFile(t)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode())
	}
	if list, _ := os.ReadDir(filepath.Dir(path)); len(list) != 1 {
		t.Errorf("Create left something behind: %v", list)
	}
	before, _ := os.ReadFile(path)
	if err := Create(path); !errors.Is(err, os.ErrExist) {
		t.Errorf("second Create = %v, want %v", err, os.ErrExist)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("a second Create changed the file")
	}
	if err := Create(filepath.Join(path, "no", "directory")); err == nil {
		t.Error("Create below a file succeeded")
	}
	if err := Create(filepath.Join(t.TempDir(), "missing", "slotd.db")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Create in a missing directory = %v", err)
	}
}

func TestOpenLocked(t *testing.T) {
	db := openNew(t)
	_, err := Open(db.Path(), Options{LockTimeout: time.Millisecond})
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), db.Path()) {
		t.Errorf("Open = %v, want %v and the path", err, ErrLocked)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := mustOpen(t, db.Path()).Close(); err != nil {
		t.Error(err)
	}
}

// TestOpenRefuses: whatever the path leads to, the answer is an error that helps, and the file stays as it is.
func TestOpenRefuses(t *testing.T) {
	whole, err := os.ReadFile(sampleFile(t))
	if err != nil {
		t.Fatal(err)
	}
	random := make([]byte, len(whole))
	rnd := rand.NewChaCha8([32]byte{1})
	_, _ = rnd.Read(random)
	zeroTail := bytes.Clone(whole)
	clear(zeroTail[2*os.Getpagesize():])
	randomTail := append(bytes.Clone(whole[:2*os.Getpagesize()]), random[2*os.Getpagesize():]...)
	tests := []struct {
		name  string
		bytes []byte
		want  error
	}{
		{"empty", nil, ErrForeign},
		{"one byte", []byte{1}, ErrForeign},
		{"text", bytes.Repeat([]byte("[server]\nlisten = \":8080\"\n"), 1000), ErrForeign},
		{"random", random, ErrForeign},
		{"zeros", make([]byte, 1<<16), ErrForeign},
		{"zeros behind the head", zeroTail, ErrForeign},
		{"random behind the head", randomTail, ErrForeign},
		{"cut in the head", whole[:100], ErrForeign},
		{"cut after the head", whole[:2*os.Getpagesize()], ErrForeign},
		{"cut by a page", whole[:usedBytes(t, whole)-1], ErrForeign},
		{"other bbolt file", boltFile(t, nil), ErrForeign},
		{"bbolt file without a free list", boltFileNoFreelist(t), ErrForeign},
		{"marker without data", boltFile(t, map[string]string{"slotd": "1"}), ErrForeign},
		{"data without marker", boltFile(t, map[string]string{"data": ""}), ErrForeign},
		{"strange marker", boltFile(t, map[string]string{"slotd": "one", "data": ""}), ErrForeign},
		{"format 0", boltFile(t, map[string]string{"slotd": "0", "data": ""}), ErrForeign},
		{"newer", boltFile(t, map[string]string{"slotd": "2", "data": ""}), ErrNewer},
		{"newer, without data", boltFile(t, map[string]string{"slotd": "77"}), ErrNewer},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "slotd.db")
			if err := os.WriteFile(path, tt.bytes, 0o600); err != nil {
				t.Fatal(err)
			}
			wantRefused(t, path, tt.want)
			if after, _ := os.ReadFile(path); !bytes.Equal(tt.bytes, after) {
				t.Error("Open changed the file")
			}
		})
	}
}

func TestOpenRefusesWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	wantRefused(t, filepath.Join(dir, "missing.db"), ErrMissing)
	if _, err := os.Stat(filepath.Join(dir, "missing.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("Open created a file")
	}
	wantRefused(t, dir, ErrForeign)
	wantRefused(t, os.DevNull, ErrForeign)
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, fifo, ErrForeign)
}

func wantRefused(t *testing.T, path string, want error) {
	t.Helper()
	db, err := Open(path, Options{LockTimeout: time.Second})
	if err == nil {
		_ = db.Close()
	}
	if !errors.Is(err, want) || !strings.Contains(err.Error(), path) {
		t.Errorf("Open = %v, want %v and the path", err, want)
	}
	if f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0); err == nil {
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			t.Errorf("Open left a lock behind: %v", err)
		}
		_ = f.Close()
	}
}

func TestOpenError(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EROFS, syscall.EACCES, syscall.EPERM} {
		err := openError(&fs.PathError{Op: "open", Path: "slotd.db", Err: errno})
		if !errors.Is(err, kv.ErrReadOnly) || !errors.Is(err, errno) {
			t.Errorf("%v: %v, want %v", errno, err, kv.ErrReadOnly)
		}
	}
}

// TestOpenOldHead: a crash while a head is written leaves that one half done. The other one counts.
func TestOpenOldHead(t *testing.T) {
	for page := range 2 {
		path := sampleFile(t)
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt(make([]byte, 80), int64(page*os.Getpagesize())); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
		db, err := Open(path, Options{})
		if err != nil {
			t.Errorf("head %d lost: %v", page, err)
			continue
		}
		if !has(t, db, "key/0") {
			t.Errorf("head %d lost: the first key is gone", page)
		}
		_ = db.Close()
	}
}

// sampleFile returns a database of a few pages that is not open.
func sampleFile(tb testing.TB) string {
	tb.Helper()
	path := newFile(tb)
	db := mustOpen(tb, path)
	for i := range 4 {
		err := db.Update(tb.Context(), func(tx kv.Tx) error {
			for j := range 20 {
				tx.Put("key/"+strings.Repeat("x", i*20+j)+string(rune('0'+i)), bytes.Repeat([]byte{byte(j)}, 100))
			}
			return nil
		})
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		tb.Fatal(err)
	}
	return path
}

// usedBytes returns how much of a database file is in use.
func usedBytes(tb testing.TB, file []byte) int64 {
	tb.Helper()
	m, ok := readMeta(bytes.NewReader(file))
	if !ok {
		tb.Fatal("no head")
	}
	return int64(m.pages) * int64(m.pageSize)
}

// boltFile returns a bbolt file with the given buckets and, where it is not empty, their value of "format".
func boltFile(t *testing.T, buckets map[string]string) []byte {
	t.Helper()
	return buildFile(t, buckets, &bbolt.Options{})
}

func boltFileNoFreelist(t *testing.T) []byte {
	t.Helper()
	return buildFile(t, map[string]string{"slotd": "1", "data": ""}, &bbolt.Options{NoFreelistSync: true})
}

func buildFile(t *testing.T, buckets map[string]string, o *bbolt.Options) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "other.db")
	b, err := bbolt.Open(path, 0o600, o)
	if err != nil {
		t.Fatal(err)
	}
	err = b.Update(func(tx *bbolt.Tx) error {
		for name, marker := range buckets {
			bucket, err := tx.CreateBucket([]byte(name))
			if err != nil {
				return err
			}
			if marker != "" {
				err = bucket.Put(keyFormat, []byte(marker))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, b.Close()); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// FuzzDamaged overwrites a database somewhere and cuts it. Whatever is left, opening, reading, writing and closing it
// end with or without an error, but they end.
func FuzzDamaged(f *testing.F) {
	whole, err := os.ReadFile(sampleFile(f))
	if err != nil {
		f.Fatal(err)
	}
	whole = whole[:usedBytes(f, whole)] // bbolt grows the file far ahead of that
	page := uint32(os.Getpagesize())
	f.Add(uint32(0), []byte{}, uint32(len(whole)))
	f.Add(uint32(0), []byte{}, uint32(0))
	for p := range uint32(len(whole)) / page {
		f.Add(p*page+8, []byte{0xff, 0xff, 0xff, 0xff}, uint32(len(whole)))                         // flags and count
		f.Add(p*page+10, []byte{0x80}, uint32(len(whole)))                                          // count
		f.Add(p*page+12, []byte{0xff, 0xff, 0xff, 0x7f}, uint32(len(whole)))                        // overflow
		f.Add(p*page+16, bytes.Repeat([]byte{0xee}, 64), uint32(len(whole)))                        // first elements
		f.Add(p*page, make([]byte, page), uint32(len(whole)))                                       // a lost page
		f.Add(p*page+16+8, []byte{0, 0, 0, 0x10, 0xff, 0xff, 0xff, 0xff, 0xff}, uint32(len(whole))) // page numbers
	}
	f.Fuzz(func(t *testing.T, at uint32, patch []byte, length uint32) {
		file := bytes.Clone(whole[:min(int(length), len(whole))])
		if int(at) < len(file) {
			copy(file[at:], patch)
		}
		path := filepath.Join(t.TempDir(), "slotd.db")
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := Open(path, Options{})
		if err != nil {
			return
		}
		_ = db.View(t.Context(), func(r kv.Reader) error {
			for range r.Scan("", "") {
			}
			return nil
		})
		for i := range 3 {
			_ = db.Update(t.Context(), func(tx kv.Tx) error {
				_, err := tx.Get("key/0")
				tx.Put(strings.Repeat("new", i), make([]byte, 10_000))
				tx.Delete("key/xxxx0")
				return err
			})
		}
		_ = db.Close()
	})
}
