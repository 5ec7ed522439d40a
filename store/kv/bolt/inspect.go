package bolt

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"os"
)

// The head of a bbolt file, as go.etcd.io/bbolt/internal/common lays it out in the byte order of the machine. Page 0
// and page 1 each hold a meta record behind the page header; the valid one with the higher txid counts.
const (
	pageHeaderSize = 16 // id 8, flags 2, count 2, overflow 4
	metaSize       = 64
	metaMagic      = 0xED0CDAED
	metaVersion    = 2

	minPageSize = 1 << 10
	maxPageSize = 16 << 20

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagFreelist = 0x10
)

// meta is the part of a meta record that we check.
type meta struct {
	pageSize uint32
	root     uint64 // page of the root bucket
	freelist uint64 // page of the free list
	pages    uint64 // in use, from page 0
	txid     uint64
}

// inspect returns ErrForeign for a file on which bbolt would stop with a panic or a memory fault, or which it would
// change before we can tell whose it is. Another process may be writing to the file.
func inspect(f *os.File) error {
	const tries = 100
	var err error
	for range tries {
		m, ok := readMeta(f)
		if !ok {
			return fmt.Errorf("no valid head: %w", ErrForeign)
		}
		if err = m.check(f); err == nil {
			return nil
		}
		// A page may be used again two commits later. Then it was not the file that was wrong.
		if again, ok := readMeta(f); ok && again == m {
			return err
		}
	}
	return err
}

// readMeta returns the meta record that bbolt will use.
func readMeta(f io.ReaderAt) (meta, bool) {
	first, ok := metaAt(f, 0)
	if ok {
		if second, ok := metaAt(f, int64(first.pageSize)); ok && second.txid > first.txid {
			return second, true
		}
		return first, true
	}
	for size := int64(minPageSize); size <= maxPageSize; size <<= 1 {
		if m, ok := metaAt(f, size); ok && int64(m.pageSize) == size {
			return m, true
		}
	}
	return meta{}, false
}

// metaAt reads the meta record of the page at off; false when it is not valid.
func metaAt(f io.ReaderAt, off int64) (meta, bool) {
	var b [metaSize]byte
	if _, err := f.ReadAt(b[:], off+pageHeaderSize); err != nil {
		return meta{}, false
	}
	sum := fnv.New64a()
	_, _ = sum.Write(b[:metaSize-8]) // a hash never fails
	order := binary.NativeEndian
	m := meta{
		pageSize: order.Uint32(b[8:]),
		root:     order.Uint64(b[16:]),
		freelist: order.Uint64(b[32:]),
		pages:    order.Uint64(b[40:]),
		txid:     order.Uint64(b[48:]),
	}
	ok := order.Uint32(b[0:]) == metaMagic && order.Uint32(b[4:]) == metaVersion &&
		order.Uint64(b[56:]) == sum.Sum64() &&
		m.pageSize >= minPageSize && m.pageSize <= maxPageSize && m.pageSize&(m.pageSize-1) == 0
	return m, ok
}

// check looks at what the meta record points to.
func (m meta) check(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if have := uint64(info.Size()) / uint64(m.pageSize); m.pages > have {
		return fmt.Errorf("the file was cut: %d of %d pages: %w", have, m.pages, ErrForeign)
	}
	if !m.pageIs(f, m.root, flagLeaf, flagBranch) {
		return fmt.Errorf("no root page: %w", ErrForeign)
	}
	// We always write the free list. bbolt would add one to a file that has none, and that file is not ours.
	if !m.pageIs(f, m.freelist, flagFreelist) {
		return fmt.Errorf("no free list: %w", ErrForeign)
	}
	return nil
}

// pageIs reports whether page id lies within the file, has one of the flags, and, for a free list, is as long as it
// claims.
func (m meta) pageIs(f io.ReaderAt, id uint64, flags ...uint16) bool {
	if id < 2 || id >= m.pages {
		return false
	}
	var b [pageHeaderSize + 8]byte
	if _, err := f.ReadAt(b[:], int64(id)*int64(m.pageSize)); err != nil {
		return false
	}
	order := binary.NativeEndian
	flag, count := order.Uint16(b[8:]), uint64(order.Uint16(b[10:]))
	length := (uint64(order.Uint32(b[12:])) + 1) * uint64(m.pageSize)
	if order.Uint64(b[0:]) != id || length/uint64(m.pageSize) > m.pages-id {
		return false
	}
	if flag == flagFreelist {
		if count == math.MaxUint16 {
			count = order.Uint64(b[pageHeaderSize:]) + 1
		}
		if count > (length-pageHeaderSize)/8 {
			return false
		}
	}
	for _, want := range flags {
		if flag == want {
			return true
		}
	}
	return false
}
