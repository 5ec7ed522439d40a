package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"slotd/internal/booking"
	"slotd/internal/calendar"
)

// Busy documents and claims documents are read on every answer, so they are packed: a byte with the version of the form,
// then varints. Sorted intervals are stored as the distance from the end of the one before and their length, in seconds:
// three to six bytes each.
//
//	busy    1, window start, window length, n × (gap, length), m × (start − window start, length, booking)
//	claims  1, n × (start − the start before, length, before, after, booking)
//	claims  2, n × (kind, start − the start before, length, before, after, booking or visit, for a hold: until)
//	claims  3, s × service, n × (as 2, which service: 0 for none)
//
// Strings are a length and their bytes.
const (
	packedVersion = 1
	claimsVersion = 3 // 2 brought holds and time that was left, 3 the services
)

// The kinds of packed claims.
const (
	packedBooking = iota
	packedHold
	packedLeft
)

var errCorrupt = errors.New("corrupt document")

func packBusy(b *calendar.Busy) []byte {
	out := []byte{packedVersion}
	out = binary.AppendVarint(out, b.Window.Start)
	out = binary.AppendUvarint(out, uint64(b.Window.End-b.Window.Start))
	out = binary.AppendUvarint(out, uint64(len(b.Foreign)))
	at := b.Window.Start
	for _, f := range b.Foreign {
		out = binary.AppendVarint(out, f.Start-at)
		out = binary.AppendUvarint(out, uint64(f.End-f.Start))
		at = f.End
	}
	out = binary.AppendUvarint(out, uint64(len(b.Own)))
	for _, o := range b.Own {
		out = binary.AppendVarint(out, o.Start-b.Window.Start)
		out = binary.AppendUvarint(out, uint64(o.End-o.Start))
		out = appendString(out, o.Booking)
	}
	return out
}

func unpackBusy(data []byte) (*calendar.Busy, error) {
	u, _, err := newUnpacker(data, packedVersion)
	if err != nil {
		return nil, fmt.Errorf("busy document: %w", err)
	}
	b := &calendar.Busy{}
	b.Window = u.interval(0)
	at := b.Window.Start
	if n := u.count(); n > 0 {
		b.Foreign = make([]calendar.Interval, 0, n)
		for range n {
			f := u.interval(at)
			b.Foreign = append(b.Foreign, f)
			at = f.End
		}
	}
	if n := u.count(); n > 0 {
		b.Own = make([]calendar.Own, 0, n)
		for range n {
			b.Own = append(b.Own, calendar.Own{Interval: u.interval(b.Window.Start), Booking: u.string()})
		}
	}
	if err := u.end(); err != nil {
		return nil, fmt.Errorf("busy document: %w", err)
	}
	return b, nil
}

func packClaims(claims []booking.Claim) []byte {
	out := []byte{claimsVersion}
	services := servicesOf(claims)
	out = binary.AppendUvarint(out, uint64(len(services)))
	for _, s := range services {
		out = appendString(out, s)
	}
	out = binary.AppendUvarint(out, uint64(len(claims)))
	var at int64
	for _, c := range claims {
		kind, owner := byte(packedBooking), c.Booking
		switch {
		case c.Hold != "":
			kind, owner = packedHold, c.Hold
		case c.Left:
			kind = packedLeft
		}
		out = append(out, kind)
		out = binary.AppendVarint(out, c.Start-at)
		out = binary.AppendUvarint(out, uint64(c.End-c.Start))
		out = binary.AppendUvarint(out, uint64(c.Before))
		out = binary.AppendUvarint(out, uint64(c.After))
		out = appendString(out, owner)
		if kind == packedHold {
			out = binary.AppendVarint(out, c.Until)
		}
		out = binary.AppendUvarint(out, uint64(slices.Index(services, c.Service)+1))
		at = c.Start
	}
	return out
}

// servicesOf returns the services of claims, each once.
func servicesOf(claims []booking.Claim) (out []string) {
	for _, c := range claims {
		if c.Service != "" && !slices.Contains(out, c.Service) {
			out = append(out, c.Service)
		}
	}
	return out
}

func unpackClaims(data []byte) ([]booking.Claim, error) {
	if data == nil {
		return nil, nil
	}
	u, version, err := newUnpacker(data, claimsVersion)
	if err != nil {
		return nil, fmt.Errorf("claims document: %w", err)
	}
	services := []string{""}
	if version > 2 {
		for range u.count() {
			services = append(services, u.string())
		}
	}
	n := u.count()
	claims := make([]booking.Claim, 0, n)
	var at int64
	for range n {
		kind := byte(packedBooking)
		if version > 1 {
			kind = u.byte()
		}
		c := booking.Claim{Interval: u.interval(at)}
		c.Before, c.After = int64(u.uvarint()), int64(u.uvarint())
		owner := u.string()
		switch kind {
		case packedHold:
			c.Hold, c.Until = owner, u.varint()
			u.bad = u.bad || owner == "" // it would be nobody's
		case packedBooking, packedLeft:
			c.Booking, c.Left = owner, kind == packedLeft
		default:
			u.bad = true
		}
		if version > 2 {
			c.Service = services[u.index(len(services))]
		}
		claims = append(claims, c)
		at = c.Start
	}
	if err := u.end(); err != nil {
		return nil, fmt.Errorf("claims document: %w", err)
	}
	return claims, nil
}

func appendString(out []byte, s string) []byte {
	out = binary.AppendUvarint(out, uint64(len(s)))
	return append(out, s...)
}

// unpacker reads a packed document. After the first fault everything reads as zero; end returns the fault.
type unpacker struct {
	rest []byte
	text string // the same bytes, of which strings are parts: one allocation for all of them
	bad  bool
}

// newUnpacker begins a document and returns the version of its form, which is at most newest.
func newUnpacker(data []byte, newest byte) (u *unpacker, version byte, err error) {
	switch {
	case len(data) == 0, data[0] == 0:
		return nil, 0, errCorrupt
	case data[0] > newest:
		return nil, 0, ErrNewer
	}
	return &unpacker{rest: data[1:], text: string(data[1:])}, data[0], nil
}

func (u *unpacker) byte() byte {
	if len(u.rest) == 0 {
		u.bad = true
		return 0
	}
	b := u.rest[0]
	u.rest = u.rest[1:]
	return b
}

func (u *unpacker) varint() int64 {
	v, n := binary.Varint(u.rest)
	if n <= 0 {
		u.bad, u.rest = true, nil
		return 0
	}
	u.rest = u.rest[n:]
	return v
}

func (u *unpacker) uvarint() uint64 {
	v, n := binary.Uvarint(u.rest)
	if n <= 0 {
		u.bad, u.rest = true, nil
		return 0
	}
	u.rest = u.rest[n:]
	return v
}

// count reads the number of elements that follow. Each takes at least two bytes, which bounds what a damaged document can
// make us allocate.
func (u *unpacker) count() int {
	n := u.uvarint()
	if n > uint64(len(u.rest)) {
		u.bad, u.rest = true, nil
		return 0
	}
	return int(n)
}

// index reads the number of one of n things; n is at least one.
func (u *unpacker) index(n int) int {
	i := u.uvarint()
	if i >= uint64(n) {
		u.bad = true
		return 0
	}
	return int(i)
}

func (u *unpacker) interval(origin int64) calendar.Interval {
	start := origin + u.varint()
	return calendar.Interval{Start: start, End: start + int64(u.uvarint())}
}

func (u *unpacker) string() string {
	n := u.count()
	if u.bad {
		return ""
	}
	at := len(u.text) - len(u.rest)
	u.rest = u.rest[n:]
	return u.text[at : at+n]
}

func (u *unpacker) end() error {
	if u.bad || len(u.rest) != 0 {
		return errCorrupt
	}
	return nil
}
