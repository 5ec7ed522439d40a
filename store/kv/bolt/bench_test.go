package bolt

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"go.etcd.io/bbolt"

	"slotd/store/kv"
)

// The three benchmarks write one document of the size of a doctor's claims. Judge their ratio, on one disk: a lone
// caller should pay little over bbolt itself, many callers should share its price. Set TMPDIR to a disk that syncs.
const docSize = 6 << 10

func BenchmarkBareUpdate(b *testing.B) {
	db, err := bbolt.Open(newFile(b), 0o600, &bbolt.Options{
		FreelistType: bbolt.FreelistMapType, InitialMmapSize: 64 << 20,
	})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	doc := make([]byte, docSize)
	n := 0
	for b.Loop() {
		n++
		err := db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(bucketData).Put(benchKey(n), doc) })
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUpdateAlone(b *testing.B) { benchUpdate(b, 1) }

func BenchmarkUpdate64(b *testing.B) { benchUpdate(b, 64) }

// benchUpdate shares b.N Updates among callers.
func benchUpdate(b *testing.B, callers int) {
	db := openNew(b)
	doc := make([]byte, docSize)
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ResetTimer()
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for n := left.Add(-1); n >= 0; n = left.Add(-1) {
				key := string(benchKey(int(n)))
				err := db.Update(b.Context(), func(tx kv.Tx) error {
					if _, err := tx.Get(key); err != nil {
						return err
					}
					tx.Put(key, doc)
					return nil
				})
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// benchKey cycles through the documents of 100 resources.
func benchKey(n int) []byte { return strconv.AppendInt([]byte("claims/"), int64(n%100), 10) }
