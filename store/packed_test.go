package store

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"slotd/internal/booking"
	"slotd/internal/calendar"
)

func drawInterval(t *rapid.T) calendar.Interval {
	return calendar.Interval{Start: rapid.Int64().Draw(t, "start"), End: rapid.Int64().Draw(t, "end")}
}

// TestPackedBusy: whatever is packed comes back, also what no calendar holds.
func TestPackedBusy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := &calendar.Busy{
			Window:  drawInterval(t),
			Foreign: rapid.SliceOf(rapid.Custom(drawInterval)).Draw(t, "foreign"),
			Own: rapid.SliceOf(rapid.Custom(func(t *rapid.T) calendar.Own {
				return calendar.Own{Interval: drawInterval(t), Booking: rapid.String().Draw(t, "booking")}
			})).Draw(t, "own"),
		}
		got, err := unpackBusy(packBusy(b))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(b, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("want −, got +:\n%s", diff)
		}
	})
}

func TestPackedClaims(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		claims := rapid.SliceOf(rapid.Custom(func(t *rapid.T) booking.Claim {
			c := booking.Claim{
				Interval: drawInterval(t), Before: rapid.Int64().Draw(t, "before"), After: rapid.Int64().Draw(t, "after"),
			}
			if rapid.Bool().Draw(t, "held") {
				c.Hold, c.Until = rapid.StringN(1, -1, -1).Draw(t, "hold"), rapid.Int64().Draw(t, "until")
			} else {
				c.Booking, c.Left = rapid.String().Draw(t, "booking"), rapid.Bool().Draw(t, "left")
			}
			c.Service = rapid.SampledFrom([]string{"", "check", "class", "cleaning"}).Draw(t, "service")
			return c
		})).Draw(t, "claims")
		got, err := unpackClaims(packClaims(claims))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(claims, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("want −, got +:\n%s", diff)
		}
	})
}

// TestClaimsOfTheFirstForm: what a slotd without holds has written is read.
func TestClaimsOfTheFirstForm(t *testing.T) {
	// Two claims: 1000 to 1600 with buffers of 300 and 60 of b1, and 1700 to 2000 of b2.
	old := []byte{1, 2, 0xd0, 0x0f, 0xd8, 0x04, 0xac, 0x02, 60, 2, 'b', '1', 0xf8, 0x0a, 0xac, 0x02, 0, 0, 2, 'b', '2'}
	want := []booking.Claim{
		{Interval: calendar.Interval{Start: 1000, End: 1600}, Before: 300, After: 60, Booking: "b1"},
		{Interval: calendar.Interval{Start: 1700, End: 2000}, Booking: "b2"},
	}
	got, err := unpackClaims(old)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v; want −, got +:\n%s", err, diff)
	}
	for n := range old {
		if _, err := unpackClaims(old[:n]); !errors.Is(err, errCorrupt) {
			t.Errorf("cut to %d of %d bytes: %v", n, len(old), err)
		}
	}
	got, err = unpackClaims(packClaims(got)) // from the next change on in the new form
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v; want −, got +:\n%s", err, diff)
	}
}

// TestClaimsOfTheSecondForm: what a slotd without services in its claims has written is read.
func TestClaimsOfTheSecondForm(t *testing.T) {
	// A hold from 1000 to 1600 with buffers of 300 and 60, until 1300, time that b1 has left, and 1700 to 2000 of b2.
	old := []byte{
		2, 3, packedHold, 0xd0, 0x0f, 0xd8, 0x04, 0xac, 0x02, 60, 2, 'v', '1', 0xa8, 0x14,
		packedLeft, 0, 0xd8, 0x04, 0, 0, 2, 'b', '1', packedBooking, 0xf8, 0x0a, 0xac, 0x02, 0, 0, 2, 'b', '2',
	}
	want := []booking.Claim{
		{Interval: calendar.Interval{Start: 1000, End: 1600}, Before: 300, After: 60, Hold: "v1", Until: 1300},
		{Interval: calendar.Interval{Start: 1000, End: 1600}, Booking: "b1", Left: true},
		{Interval: calendar.Interval{Start: 1700, End: 2000}, Booking: "b2"},
	}
	got, err := unpackClaims(old)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v; want −, got +:\n%s", err, diff)
	}
	for n := range old {
		if _, err := unpackClaims(old[:n]); !errors.Is(err, errCorrupt) {
			t.Errorf("cut to %d of %d bytes: %v", n, len(old), err)
		}
	}
	got, err = unpackClaims(packClaims(got))
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v; want −, got +:\n%s", err, diff)
	}
}

// TestClaimsOfServices: the bytes of the newest form stay what they are, for the slotds to come.
func TestClaimsOfServices(t *testing.T) {
	// Services s and t; a hold of s, time of t that b1 has left, b2 of s, and b3 that was written without a service.
	form := []byte{
		3, 2, 1, 's', 1, 't', 4,
		packedHold, 0xd0, 0x0f, 0xd8, 0x04, 0xac, 0x02, 60, 1, 'v', 0xa8, 0x14, 1,
		packedLeft, 0, 0xd8, 0x04, 0, 0, 2, 'b', '1', 2,
		packedBooking, 0xf8, 0x0a, 0xac, 0x02, 0, 0, 2, 'b', '2', 1,
		packedBooking, 0, 60, 0, 0, 2, 'b', '3', 0,
	}
	claims := []booking.Claim{
		{Interval: calendar.Interval{Start: 1000, End: 1600}, Before: 300, After: 60, Hold: "v", Until: 1300, Service: "s"},
		{Interval: calendar.Interval{Start: 1000, End: 1600}, Booking: "b1", Left: true, Service: "t"},
		{Interval: calendar.Interval{Start: 1700, End: 2000}, Booking: "b2", Service: "s"},
		{Interval: calendar.Interval{Start: 1700, End: 1760}, Booking: "b3"},
	}
	if diff := cmp.Diff(form, packClaims(claims)); diff != "" {
		t.Errorf("want −, got +:\n%s", diff)
	}
	got, err := unpackClaims(form)
	if diff := cmp.Diff(claims, got); err != nil || diff != "" {
		t.Errorf("%v; want −, got +:\n%s", err, diff)
	}
	for n := range form {
		if _, err := unpackClaims(form[:n]); !errors.Is(err, errCorrupt) {
			t.Errorf("cut to %d of %d bytes: %v", n, len(form), err)
		}
	}
	form[len(form)-1] = 3 // of two
	if _, err := unpackClaims(form); !errors.Is(err, errCorrupt) {
		t.Errorf("a service that is not named: %v", err)
	}
}

func TestPackedIsSmall(t *testing.T) {
	const start = 1_780_000_000
	b := &calendar.Busy{Window: calendar.Interval{Start: start, End: start + 90*24*60*60}}
	for i := range int64(1000) {
		at := start + i*7200
		b.Foreign = append(b.Foreign, calendar.Interval{Start: at, End: at + 1800})
	}
	if n := len(packBusy(b)); n > 6*len(b.Foreign) {
		t.Errorf("%d bytes for %d events", n, len(b.Foreign))
	}
}

// damaged are documents with faults, for each form.
func damaged() [][]byte {
	huge := binary.AppendUvarint(nil, math.MaxUint64)
	return [][]byte{
		{}, {0}, {packedVersion}, {packedVersion, 0x80}, {packedVersion, 2, 2, 1},
		append([]byte{packedVersion}, huge...),
		append([]byte{packedVersion, 0, 0}, huge...),
		append([]byte{packedVersion, 0, 0, 0}, huge...),
		append([]byte{packedVersion, 0, 0, 0, 1, 0, 0}, huge...),
		append([]byte{packedVersion, 1, 0, 0, 0, 0}, huge...),
		{2}, {2, 1}, {2, 1, 0, 2}, {2, 1, packedHold, 2, 2, 0, 0, 1, 'v'}, {2, 1, packedHold, 2, 2, 0, 0, 0, 7},
		{2, 1, 3, 2, 2, 0, 0, 1, 'b'}, append([]byte{2, 1, packedBooking, 0, 0, 0, 0}, huge...),
		{3}, {3, 1}, {3, 1, 1, 's'}, {3, 2, 1, 's', 0}, append([]byte{3}, huge...), append([]byte{3, 1}, huge...),
		{3, 0, 1, packedBooking, 2, 2, 0, 0, 1, 'b'}, {3, 0, 1, packedHold, 2, 2, 0, 0, 0, 7, 0}, // no service; a hold of nobody
		{3, 1, 1, 's', 1, packedBooking, 2, 2, 0, 0, 1, 'b', 2}, append([]byte{3, 0, 1, packedBooking, 2, 2, 0, 0, 1, 'b'}, huge...),
		append([]byte{packedVersion}, []byte(strings.Repeat("\xff", 64))...),
		append(packBusy(&calendar.Busy{}), 0), append(packClaims(nil), 0), // more than the document
	}
}

func TestUnpackDamaged(t *testing.T) {
	for _, data := range damaged() {
		if _, err := unpackBusy(data); !errors.Is(err, errCorrupt) && (data[0] <= packedVersion || !errors.Is(err, ErrNewer)) {
			t.Errorf("busy %x: %v", data, err)
		}
		if _, err := unpackClaims(data); !errors.Is(err, errCorrupt) {
			t.Errorf("claims %x: %v", data, err)
		}
	}
	whole := packBusy(&calendar.Busy{
		Window: calendar.Interval{Start: 1, End: 1000}, Foreign: []calendar.Interval{{Start: 5, End: 9}},
		Own: []calendar.Own{{Interval: calendar.Interval{Start: 7, End: 8}, Booking: "b1"}},
	})
	for n := range whole {
		if _, err := unpackBusy(whole[:n]); !errors.Is(err, errCorrupt) {
			t.Errorf("cut to %d of %d bytes: %v", n, len(whole), err)
		}
	}
}

func FuzzUnpackBusy(f *testing.F) {
	f.Add(packBusy(&calendar.Busy{
		Window: calendar.Interval{Start: 1, End: 1000}, Foreign: []calendar.Interval{{Start: 5, End: 9}},
		Own: []calendar.Own{{Interval: calendar.Interval{Start: 7, End: 8}, Booking: "b1"}},
	}))
	for _, data := range damaged() {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := unpackBusy(data)
		if err != nil {
			return
		}
		if n := cap(b.Foreign) + cap(b.Own); n > len(data) {
			t.Fatalf("room for %d intervals from %d bytes", n, len(data))
		}
		again, err := unpackBusy(packBusy(b))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(b, again); diff != "" {
			t.Fatalf("packed and unpacked again: want −, got +:\n%s", diff)
		}
	})
}

func FuzzUnpackClaims(f *testing.F) {
	f.Add([]byte{1, 1, 0xd0, 0x0f, 0xd8, 0x04, 0, 0, 2, 'b', '1'}) // of the first form
	f.Add([]byte{2, 1, 2, 2, 2, 0, 0, 2, 'b', '1'})                // of the second
	f.Add([]byte{2, 1, 3, 2, 2, 0, 0, 1, 'x'})                     // a kind that does not exist
	f.Add([]byte{3, 2, 0, 1, 's', 1, 0, 2, 2, 0, 0, 1, 'b', 1})    // services that are not needed
	f.Add(packClaims([]booking.Claim{
		{Interval: calendar.Interval{Start: 5, End: 6}, Hold: "visit", Until: 1 << 40, Service: "class"},
		{Interval: calendar.Interval{Start: 5, End: 6}, Booking: "b1", Left: true, Service: "check"},
		{Interval: calendar.Interval{Start: 1, End: 1000}, Before: 5, After: 6, Booking: "b1", Service: "check"},
		{Interval: calendar.Interval{Start: 7, End: 9}, Booking: "b2"},
	}))
	for _, data := range damaged() {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		claims, err := unpackClaims(data)
		if err != nil {
			return
		}
		if cap(claims) > len(data) {
			t.Fatalf("room for %d claims from %d bytes", cap(claims), len(data))
		}
		again, err := unpackClaims(packClaims(claims))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(claims, again); diff != "" {
			t.Fatalf("packed and unpacked again: want −, got +:\n%s", diff)
		}
	})
}
