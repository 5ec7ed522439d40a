package bolt

import (
	"context"
	"errors"
	"fmt"
	"io"

	"go.etcd.io/bbolt"

	"slotd/store/kv"
)

// Copy writes a database to w that holds every commit acknowledged before the call and nothing half done, while others
// read and write. It returns the number of bytes. progress, which may be nil, is told after each piece.
//
// As long as it runs, pages that commits free cannot be used again, and should the file outgrow its mapping (twice its
// size when it was opened, 1 GiB at least), the commit waits for the copy and all readers wait for the commit. So ctx,
// which is looked at between two pieces and whose cause is the error, should have an early end. A Write that hangs
// cannot be ended, and the copy not before it: w must be a local file, nothing on a network. What was written is good
// only if the error is nil.
func (db *DB) Copy(ctx context.Context, w io.Writer, progress func(copied, total int64)) (int64, error) {
	tx, err := db.read()
	if err != nil {
		return 0, err
	}
	defer tx.end()
	if progress == nil {
		progress = func(int64, int64) {}
	}
	out := &copyWriter{ctx: ctx, w: w, progress: progress, total: tx.Size(), closing: db.closing, retired: tx.handle.retired}
	n, err := tx.WriteTo(out)
	if err = errors.Join(out.err, err); err != nil {
		return n, fmt.Errorf("copy the database: %w", err)
	}
	return n, nil
}

// copyWriter has only Write, so that the copy goes in pieces and can end between two.
type copyWriter struct {
	ctx           context.Context
	w             io.Writer
	progress      func(copied, total int64)
	copied, total int64
	closing       <-chan struct{}
	retired       <-chan struct{}
	err           error // the cause, which bbolt does not always wrap
}

// Write implements io.Writer.
func (c *copyWriter) Write(p []byte) (int, error) {
	select {
	case <-c.closing: // Close waits for us
		c.err = kv.ErrClosed
		return 0, c.err
	case <-c.retired: // and so does the next commit
		c.err = errReopened
		return 0, c.err
	default:
	}
	if c.err = context.Cause(c.ctx); c.err != nil {
		return 0, c.err
	}
	n, err := c.w.Write(p)
	c.err = err
	c.copied += int64(n)
	c.progress(c.copied, c.total)
	return n, err
}

// Check looks at the structure of the whole file: every page is used exactly once or free, and keys are in order. Read
// the content first ([kv.Reader.Scan]): that survives a damaged page, and this may not. Nobody should write meanwhile.
func (db *DB) Check(ctx context.Context) error {
	tx, err := db.read()
	if err != nil {
		return err
	}
	defer tx.end()
	return firstFault(ctx, tx.Tx)
}

func firstFault(ctx context.Context, tx *bbolt.Tx) error {
	var first error
	for err := range tx.Check() { // to the end: the check runs in a goroutine of its own, which waits for us
		if first == nil {
			first = fmt.Errorf("%w (%w)", errDamaged, err)
		}
	}
	if first == nil {
		first = ctx.Err()
	}
	return first
}
