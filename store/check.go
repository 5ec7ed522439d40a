package store

import (
	"context"
	"fmt"
	"strings"

	"slotd/store/kv"
)

// Summary counts what CheckReadable found.
type Summary struct {
	Bookings int
	Records  int // all keys
}

// CheckReadable reads the whole content of an engine and decodes every record whose form this version knows; with that
// a copy is known to be good before it is needed. Errors are [ErrNotInitialized], [ErrNewer] and those that say what
// cannot be read, by kind and never by key or value. It does not compare records with each other.
//
// It reads page by page, each in a View of its own, so that it may run beside writers.
func CheckReadable(ctx context.Context, db kv.DB) (Summary, error) {
	var sum Summary
	const page = 1000
	after, hasMeta := "", false
	for {
		n := 0
		err := db.View(ctx, func(r kv.Reader) error {
			for item, err := range r.Scan("", after) {
				if err != nil {
					return err
				}
				if err := checkRecord(item); err != nil {
					return fmt.Errorf("read %s: %w", kindOf(item.Key), err)
				}
				hasMeta = hasMeta || item.Key == keyMeta
				if strings.HasPrefix(item.Key, prefixBooking) {
					sum.Bookings++
				}
				after = item.Key
				if n++; n == page {
					break
				}
			}
			return ctx.Err()
		})
		if err != nil {
			return sum, err
		}
		sum.Records += n
		if n < page {
			break
		}
	}
	if !hasMeta {
		return sum, ErrNotInitialized
	}
	return sum, nil
}

// records returns an empty record for each kind that is JSON.
var records = map[string]func() interface{ version() int }{
	keyMeta:       func() interface{ version() int } { return &metaRecord{} },
	keyRestore:    func() interface{ version() int } { return &restoreRecord{} },
	keyListed:     func() interface{ version() int } { return &listedRecord{} },
	prefixMirror:  func() interface{ version() int } { return &mirrorRecord{} },
	prefixChecked: func() interface{ version() int } { return &checkedRecord{} },
	prefixBooking: func() interface{ version() int } { return &bookingRecord{} },
	prefixPerson:  func() interface{ version() int } { return &personRecord{} },
	prefixVisit:   func() interface{ version() int } { return &visitRecord{} },
	prefixOutbox:  func() interface{ version() int } { return &markRecord{} },
	prefixHolders: func() interface{ version() int } { return &holdersRecord{} },
	prefixOpen:    func() interface{ version() int } { return &openRecord{} },
	prefixNotice:  func() interface{ version() int } { return &noticeRecord{} },
	prefixOwn:     func() interface{ version() int } { return &ownRecord{} },
	prefixChannel: func() interface{ version() int } { return &channelsRecord{} },
}

// checkRecord decodes one record. A kind that is not known here belongs to another package or a newer slotd, and
// passes.
func checkRecord(item kv.Item) error {
	kind, _, found := strings.Cut(item.Key, "/")
	if found {
		kind += "/"
	}
	if empty, ok := records[kind]; ok {
		r := empty()
		return decode(item.Value, r, r.version)
	}
	switch kind {
	case prefixBusy:
		_, err := unpackBusy(item.Value)
		return err
	case prefixClaims:
		_, err := unpackClaims(item.Value)
		return err
	case prefixRef:
		if len(item.Value) == 0 {
			return errCorrupt
		}
	}
	return nil
}
