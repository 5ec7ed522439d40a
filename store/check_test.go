package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"slotd/store/kv"
)

func TestCheckReadable(t *testing.T) {
	for _, c := range []struct {
		name, key, value string
		want             error
		text             string
	}{
		{"good", keyBooking("b1"), `{"v":1}`, nil, ""},
		{"another package's", "seal/1", "whatever", nil, ""},
		{"an index", keyDay(0, "adams", "b1"), "", nil, ""},
		{"a booking that is cut", keyBooking("b1"), `{"v":1`, errCorrupt, "booking"},
		{"a person of a newer slotd", keyPerson("b1"), `{"v":99}`, ErrNewer, "person"},
		{"claims", keyClaims("adams"), "\x01\xff", errCorrupt, "claims"},
		{"busy time of a newer slotd", keyBusy("a/b"), "\x09", ErrNewer, "busy"},
		{"a reference to nothing", keyRef("ABC-DEF"), "", errCorrupt, "ref"},
	} {
		t.Run(c.name, func(t *testing.T) {
			db, _ := newDB(t)
			create(t, db)
			err := db.Update(t.Context(), func(tx kv.Tx) error { tx.Put(c.key, []byte(c.value)); return nil })
			if err != nil {
				t.Fatal(err)
			}
			sum, err := CheckReadable(t.Context(), db)
			if !errors.Is(err, c.want) || err != nil && !strings.Contains(err.Error(), c.text) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "b1") {
				t.Errorf("the error names a key: %v", err)
			}
			if c.name == "good" && (sum.Bookings != 1 || sum.Records != 2) {
				t.Errorf("%+v", sum)
			}
		})
	}
}

func TestCheckReadableReadsEveryPage(t *testing.T) {
	db, _ := newDB(t)
	create(t, db)
	for i := range 30 {
		err := db.Update(t.Context(), func(tx kv.Tx) error {
			for j := range 90 {
				tx.Put(keyBooking(fmt.Sprintf("%02d-%02d", i, j)), []byte(`{"v":1}`))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if sum, err := CheckReadable(t.Context(), db); err != nil || sum.Bookings != 2700 || sum.Records != 2701 {
		t.Errorf("%+v, %v", sum, err)
	}
}
