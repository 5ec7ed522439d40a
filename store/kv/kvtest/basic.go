package kvtest

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slotd/store/kv"
)

func testMissing(t *testing.T, db kv.DB) {
	wantAbsent(t, db, "nothing")
	update(t, db, func(tx kv.Tx) {
		if v, err := tx.Get("nothing"); v != nil || err != nil {
			t.Errorf("Get in Update = %q, %v, want nil", v, err)
		}
	})
}

func testEmptyValue(t *testing.T, db kv.DB) {
	update(t, db, func(tx kv.Tx) {
		tx.Put("empty", []byte{})
		tx.Put("nil", nil)
		for _, key := range []string{"empty", "nil"} {
			if v, err := tx.Get(key); v == nil || len(v) != 0 || err != nil {
				t.Errorf("Get %q in Update = %v, %v, want an empty value that is not nil", key, v, err)
			}
		}
	})
	wantValue(t, db, "empty", "")
	wantValue(t, db, "nil", "")
	update(t, db, func(tx kv.Tx) {
		if v, err := tx.Get("empty"); v == nil || err != nil {
			t.Errorf("Get in a later Update = %v, %v, want an empty value that is not nil", v, err)
		}
	})
}

func testPutGetDelete(t *testing.T, db kv.DB) {
	update(t, db, func(tx kv.Tx) { tx.Put("a", []byte("1")) })
	wantValue(t, db, "a", "1")
	update(t, db, func(tx kv.Tx) { tx.Put("a", []byte("two")) })
	wantValue(t, db, "a", "two")
	for range 2 {
		update(t, db, func(tx kv.Tx) { tx.Delete("a") })
		wantAbsent(t, db, "a")
	}
}

func testScan(t *testing.T, db kv.DB) {
	keys := []string{"a", "a/", "a/1", "a/10", "a/2", "a0", "b", "\xfe", "\xff", "\xff\x00", "\xff\xff", "\xff\xff\xff"}
	update(t, db, func(tx kv.Tx) {
		for i := range keys {
			key := keys[len(keys)-1-i]
			tx.Put(key, []byte("v"+key))
		}
	})
	tests := []struct {
		prefix, after string
		want          []string
	}{
		{"", "", keys},
		{"a/", "", []string{"a/", "a/1", "a/10", "a/2"}},
		{"a/", "a/", []string{"a/1", "a/10", "a/2"}},
		{"a/", "a/1", []string{"a/10", "a/2"}},
		{"a/", "a/11", []string{"a/2"}},
		{"a/", "a/2", nil},
		{"a/", "a", []string{"a/", "a/1", "a/10", "a/2"}},
		{"a/", "zz", nil},
		{"", "b", []string{"\xfe", "\xff", "\xff\x00", "\xff\xff", "\xff\xff\xff"}},
		{"\xff", "", []string{"\xff", "\xff\x00", "\xff\xff", "\xff\xff\xff"}},
		{"\xff\xff", "\xff\xff", []string{"\xff\xff\xff"}},
		{"\xff\xff\xff", "\xff\xff\xff", nil},
		{"c", "", nil},
	}
	for _, tt := range tests {
		got := scan(t, db, tt.prefix, tt.after)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("Scan(%q, %q) (-want +got):\n%s", tt.prefix, tt.after, diff)
		}
	}
}

// scan returns the keys of a Scan, after checking that the values are those of testScan.
func scan(t *testing.T, db kv.DB, prefix, after string) (keys []string) {
	t.Helper()
	err := db.View(t.Context(), func(r kv.Reader) error {
		for item, err := range r.Scan(prefix, after) {
			if err != nil {
				return err
			}
			if string(item.Value) != "v"+item.Key {
				t.Errorf("value of %q is %q", item.Key, item.Value)
			}
			keys = append(keys, item.Key)
		}
		return nil
	})
	if err != nil {
		t.Errorf("Scan(%q, %q): %v", prefix, after, err)
	}
	return keys
}

func testScanStopsAndNests(t *testing.T, db kv.DB) {
	update(t, db, func(tx kv.Tx) {
		for _, key := range strings.Split("a1 a2 a3 b1 b2 b3", " ") {
			tx.Put(key, nil)
		}
	})
	var got []string
	err := db.View(t.Context(), func(r kv.Reader) error {
		outer := r.Scan("a", "")
		for range 2 { // a sequence can be walked again, after a break as well
			for a := range outer {
				for b := range r.Scan("b", "b1") {
					got = append(got, a.Key+b.Key)
					if _, err := r.Get(b.Key); err != nil {
						return err
					}
				}
				if a.Key == "a2" {
					break
				}
			}
		}
		return nil
	})
	want := []string{"a1b2", "a1b3", "a2b2", "a2b3", "a1b2", "a1b3", "a2b2", "a2b3"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("View: %v (-want +got):\n%s", err, diff)
	}
}

func testViewError(t *testing.T, db kv.DB) {
	if err := db.View(t.Context(), func(kv.Reader) error { return errTest }); !errors.Is(err, errTest) {
		t.Errorf("View = %v, want the error of fn", err)
	}
	func() {
		defer func() { _ = recover() }()
		_ = db.View(t.Context(), func(kv.Reader) error { panic("of the test") })
		t.Error("View swallowed a panic")
	}()
	update(t, db, func(tx kv.Tx) { tx.Put("a", []byte("1")) })
	wantValue(t, db, "a", "1")
}

func testReadYourWrites(t *testing.T, db kv.DB) {
	update(t, db, func(tx kv.Tx) { tx.Put("a", []byte("old")); tx.Put("b", []byte("old")) })
	update(t, db, func(tx kv.Tx) {
		want := func(key, want string, absent bool) {
			t.Helper()
			if v, err := tx.Get(key); err != nil || string(v) != want || (v == nil) != absent {
				t.Errorf("Get %q = %q, %v, want %q", key, v, err, want)
			}
		}
		tx.Put("a", []byte("new"))
		want("a", "new", false)
		tx.Put("a", []byte("newer"))
		want("a", "newer", false)
		tx.Delete("b")
		want("b", "", true)
		tx.Put("c", []byte("1"))
		tx.Delete("c")
		want("c", "", true)
		tx.Delete("d")
		tx.Put("d", []byte("2"))
		want("d", "2", false)
	})
	if diff := cmp.Diff(map[string]string{"a": "newer", "d": "2"}, dump(t, db)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func testValueIsCopied(t *testing.T, db kv.DB) {
	value := []byte("right")
	update(t, db, func(tx kv.Tx) { tx.Put("a", value) })
	copy(value, "wrong")
	wantValue(t, db, "a", "right")
}

func testLimits(t *testing.T, db kv.DB) {
	puts := func(n int) func(kv.Tx) error {
		return func(tx kv.Tx) error {
			for i := range n {
				tx.Put(strings.Repeat("k", i+1), []byte("1"))
			}
			return nil
		}
	}
	bulk := func(n int) func(kv.Tx) error {
		return func(tx kv.Tx) error {
			tx.Put("a", make([]byte, n/2-1))
			tx.Put("b", make([]byte, n-n/2-1))
			return nil
		}
	}
	tests := []struct {
		name string
		fn   func(kv.Tx) error
		want error
	}{
		{"operations, just too many", puts(kv.MaxOps + 1), kv.ErrTooLarge},
		{"bytes, just too many", bulk(kv.MaxBytes + 1), kv.ErrTooLarge},
		{"error of fn comes first", func(tx kv.Tx) error { _ = puts(kv.MaxOps + 1)(tx); return errTest }, errTest},
	}
	for _, tt := range tests {
		if err := db.Update(t.Context(), tt.fn); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
		if got := dump(t, db); len(got) != 0 {
			t.Errorf("%s: %d keys were written", tt.name, len(got))
		}
	}
	for _, fn := range []func(kv.Tx) error{puts(kv.MaxOps), bulk(kv.MaxBytes)} {
		if err := db.Update(t.Context(), fn); err != nil {
			t.Errorf("at the limit: %v", err)
		}
	}
}

func testBadKeys(t *testing.T, db kv.DB) {
	for _, key := range []string{"", strings.Repeat("k", 1<<16)} {
		err := db.Update(t.Context(), func(tx kv.Tx) error {
			tx.Put("neighbour", nil)
			tx.Put(key, []byte("1"))
			return nil
		})
		if err == nil || errors.Is(err, kv.ErrUncertain) {
			t.Errorf("key of %d bytes: %v, want a plain refusal", len(key), err)
		}
		wantAbsent(t, db, "neighbour")
		wantAbsent(t, db, key)
	}
}
